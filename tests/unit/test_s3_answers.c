/* What stores and what stands before them answer, and what the driver makes of it: never more than is known. */
#include "s3_store.h"

#include "base/clock.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The whole of one row of a table: the answers, and how a PUT of "bytes" ends. */
static void expect_put(const struct scripted *rows, enum error_class class, const char *text)
{
    struct error err;
    script_write(rows);
    int rc = put("bytes", &err);
    if (class == ERROR_NONE && rc != 0)
        fail_msg("%s", err.what);
    if (class == ERROR_NONE)
        return;
    assert_int_equal(rc, -1);
    if (err.class != class || strstr(err.what, text) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.what);
}

/* ---- 412: something lies there already ---- */

#define EXISTS                                                                                                         \
    {                                                                                                                  \
        "PUT " OBJECT, "412 Precondition Failed", NULL, NULL, 0, NULL, false                                           \
    }

static void test_exists(void **state)
{
    (void)state;
    expect_put((const struct scripted[]){EXISTS, {"HEAD " OBJECT, "200 OK", FIVE ETAG, NULL, 0, NULL, false}, {0}},
               ERROR_NONE, "");
    assert_int_equal(script_count("PUT "), 1);
    /* Another size, other bytes: never a success. */
    expect_put((const struct scripted[]){EXISTS,
                                         {"HEAD " OBJECT, "200 OK", "Content-Length: 6\r\n" ETAG, NULL, 0, NULL, false},
                                         {0}},
               ERROR_DAMAGED, "is there with 6 bytes, not 5");
    expect_put((const struct scripted[]){EXISTS,
                                         {"HEAD " OBJECT, "200 OK", FIVE OTHER, NULL, 0, NULL, false},
                                         {"GET " OBJECT, "200 OK", OTHER, "BYTES", 0, NULL, false},
                                         {0}},
               ERROR_DAMAGED, "is there with other bytes");
    expect_put(
        (const struct scripted[]){EXISTS,
                                  {"HEAD " OBJECT, "200 OK",
                                   FIVE "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n", NULL,
                                   0, NULL, false},
                                  {0}},
        ERROR_DAMAGED, "is there with other bytes");
    /* An ETag need not be the MD5 of the bytes: they themselves decide. */
    expect_put((const struct scripted[]){EXISTS,
                                         {"HEAD " OBJECT, "200 OK", FIVE OTHER, NULL, 0, NULL, false},
                                         {"GET " OBJECT, "200 OK", OTHER, "bytes", 0, NULL, false},
                                         {0}},
               ERROR_NONE, "");
}

/* What cannot be looked at is unknown; that it is there and is not there at once, too. */
static void test_exists_unknown(void **state)
{
    (void)state;
    expect_put((const struct scripted[]){EXISTS, {"HEAD " OBJECT, "400 Bad Request", NULL, NULL, 0, NULL, false}, {0}},
               ERROR_UNREACHABLE, "400");
    expect_put((const struct scripted[]){EXISTS, {"HEAD " OBJECT, "403 Forbidden", NULL, NULL, 0, NULL, false}, {0}},
               ERROR_DENIED, "403");
    expect_put((const struct scripted[]){EXISTS,
                                         {"HEAD " OBJECT, "404 Not Found", NULL, NULL, 0, NULL, false},
                                         {"HEAD /bucket ", "200 OK", NULL, NULL, 0, NULL, false},
                                         {0}},
               ERROR_UNREACHABLE, "is there, and then it is not");
}

/* ---- A good answer that is none ---- */

static void test_no_store(void **state)
{
    (void)state;
    expect_put((const struct scripted[]){{"PUT " OBJECT, "200 OK", NULL, "<html>welcome</html>", 0, NULL, false}, {0}},
               ERROR_UNREACHABLE, "no ETag");
    expect_put((const struct scripted[]){{"PUT " OBJECT, "200 OK", ETAG, NULL, 0, NULL, false}, {0}}, ERROR_NONE, "");
    /* Swift, when another PUT of the same object was first. */
    expect_put((const struct scripted[]){{"PUT " OBJECT, "202 Accepted", NULL, NULL, 0, NULL, false},
                                         {"HEAD " OBJECT, "200 OK", FIVE ETAG, NULL, 0, NULL, false},
                                         {0}},
               ERROR_NONE, "");
}

static void expect_get(const struct scripted *rows, uint64_t offset, size_t size, enum error_class class,
                       const char *text)
{
    struct error err = {0};
    struct buf out = {0};
    script_write(rows);
    int rc = size > 0 ? target_get_range(target, "hikae1/x", offset, size, &out, &err)
                      : target_get(target, "hikae1/x", 100, &out, &err);
    if (class == ERROR_NONE ? rc != 0 : rc != -1 || err.class != class || strstr(err.what, text) == NULL)
        fail_msg("%d, %s: %s", rc, error_class_name(err.class), err.what);
    if (rc != 0)
        assert_int_equal(out.size, 0);
    buf_free(&out);
}

/* What a cache or a gateway does to answers is no damage of what lies in the store. */
static void test_changed_on_the_way(void **state)
{
    static const char gzip[] = "Content-Encoding: gzip\r\n", range[] = "Content-Range: bytes 2-3/10\r\n";
    (void)state;
    expect_get((const struct scripted[]){{"GET " OBJECT, "200 OK", gzip, "\x1f\x8b", 0, NULL, false}, {0}}, 0, 0,
               ERROR_UNREACHABLE, "gzip");
    expect_get(
        (const struct scripted[]){
            {"GET " OBJECT, "200 OK", NULL, "plain", 0, "\r\nAccept-Encoding: identity\r\n", false}, {0}},
        0, 0, ERROR_NONE, "");
    /* A range that is not taken notice of, and one that is another's. */
    expect_get((const struct scripted[]){{"GET " OBJECT, "200 OK", NULL, "0123456789", 0, NULL, false}, {0}}, 2, 2,
               ERROR_UNREACHABLE, "all of it");
    expect_get((const struct scripted[]){{"GET " OBJECT, "206 Partial Content", range, "23", 0, NULL, false}, {0}}, 2,
               2, ERROR_NONE, "");
    expect_get((const struct scripted[]){{"GET " OBJECT, "206 Partial Content", range, "23", 0, NULL, false}, {0}}, 5,
               2, ERROR_UNREACHABLE, "another part");
    /* Without a length nobody knows whether the end is the end. */
    expect_get((const struct scripted[]){{"GET " OBJECT, "200 OK", NULL, "01234", 0, NULL, true}, {0}}, 0, 0,
               ERROR_UNREACHABLE, "does not say how long it is");
    expect_get((const struct scripted[]){{"GET " OBJECT, "200 OK", "Transfer-Encoding: chunked\r\n",
                                          "3\r\n012\r\n2\r\n34\r\n0\r\n\r\n", 0, NULL, true},
                                         {0}},
               0, 0, ERROR_NONE, "");
}

/* ---- Answers to HEAD have no words ---- */

static void renew_keys(unsigned number)
{
    if (number == 1)
        write_keys("ID2", "TOKEN2");
}

static void test_expired(void **state)
{
    static const char *const answers[] = {"400 Bad Request", "403 Forbidden"};
    struct error err = {0};
    uint64_t size = 0;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        write_keys("ID", "TOKEN1");
        open_store("");
        script_write((const struct scripted[]){{"HEAD " OBJECT, answers[i], NULL, NULL, 0, ": TOKEN1\r\n", false},
                                               {"HEAD " OBJECT, "200 OK", FIVE, NULL, 0, ": TOKEN2\r\n", false},
                                               {0}});
        script.on_request = renew_keys;
        if (target_stat(target, "hikae1/x", &size, &err) != 0)
            fail_msg("%s: %s", answers[i], err.what);
        assert_int_equal(size, 5);
        assert_int_equal(script_count("HEAD "), 2);
    }
    /* Keys that do not change are not tried for ever, and keys that never expire only once. */
    write_keys("ID", "TOKEN1");
    open_store("");
    script_write((const struct scripted[]){{"HEAD " OBJECT, "403 Forbidden", NULL, NULL, 0, NULL, false}, {0}});
    assert_int_equal(target_stat(target, "hikae1/x", &size, &err), -1);
    assert_int_equal(err.class, ERROR_DENIED);
    assert_int_equal(script_count("HEAD "), 2);
    write_keys("ID", NULL);
    open_store("");
    script_write((const struct scripted[]){{"HEAD " OBJECT, "403 Forbidden", NULL, NULL, 0, NULL, false}, {0}});
    assert_int_equal(target_stat(target, "hikae1/x", &size, &err), -1);
    assert_int_equal(script_count("HEAD "), 1);
}

static void test_skewed(void **state)
{
    char date[100];
    time_t there = time(NULL) + 7200;
    struct tm tm;
    struct error err = {0};
    uint64_t size = 0;
    (void)state;
    assert_true(strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n" FIVE, gmtime_r(&there, &tm)) > 0);
    script_write((const struct scripted[]){{"HEAD " OBJECT, "403 Forbidden", date, NULL, 1, NULL, false},
                                           {"HEAD " OBJECT, "200 OK", date, NULL, 0, NULL, false},
                                           {0}});
    if (target_stat(target, "hikae1/x", &size, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(script_count("HEAD "), 2);
    /* A clock that cannot be is none. */
    script_write((const struct scripted[]){
        {"HEAD " OBJECT, "200 OK", "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n" FIVE, NULL, 0, NULL, false}, {0}});
    open_store("");
    assert_int_equal(target_stat(target, "hikae1/x", &size, &err), 0);
    int64_t skew = 1;
    script_write((const struct scripted[]){{"HEAD /bucket ", "200 OK", NULL, NULL, 0, NULL, false}, {0}});
    assert_int_equal(target_clock_skew(target, &skew, &err), -1);
    assert_non_null(strstr(err.what, "does not tell the time"));
}

/* A bucket of somebody else's does not become ours by asking again. */
static void test_bucket_of_others(void **state)
{
    char url[300];
    struct target *other = NULL;
    struct error err = {0};
    (void)state;
    script_write((const struct scripted[]){
        {"HEAD /bucket ", "404 Not Found", NULL, NULL, 0, NULL, false},
        {"PUT /bucket ", "409 Conflict", NULL, "<Error><Code>BucketAlreadyExists</Code></Error>", 0, NULL, false},
        {0}});
    (void)snprintf(url, sizeof(url), "s3://bucket?endpoint=http://127.0.0.1:%u&credentials=file:%s/keys", script.port,
                   folder);
    assert_int_equal(target_open("store", url, true, &other, &err), -1);
    assert_non_null(strstr(err.what, "belongs to somebody else"));
    assert_int_equal(script_count("PUT "), 1);
}

/* ---- Listings of versions that never end ---- */

static int count_version(const struct target_version *version, void *context, struct error *err)
{
    (void)version;
    (void)err;
    (*(unsigned *)context)++;
    return 0;
}

#define VERSIONS(key, next)                                                                                            \
    "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>" next                                          \
    "</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker><Version><Key>p/hikae1/" key                          \
    "</Key><VersionId>1</VersionId></Version></ListVersionsResult>"

static void test_circle(void **state)
{
    struct target_deleter deleter = {target};
    struct error err = {0};
    unsigned count = 0;
    (void)state;
    script_write(
        (const struct scripted[]){{"GET /bucket?", "200 OK", NULL, VERSIONS("b", "b"), 0, "key-marker=a&", false},
                                  {"GET /bucket?", "200 OK", NULL, VERSIONS("c", "c"), 0, "key-marker=b&", false},
                                  {"GET /bucket?", "200 OK", NULL, VERSIONS("b", "b"), 20, "key-marker=c&", false},
                                  {"GET /bucket?", "200 OK", NULL, VERSIONS("a", "a"), 1, NULL, false},
                                  {0}});
    assert_int_equal(target_list_versions(&deleter, "hikae1/", count_version, &count, &err), -1);
    if (err.class != ERROR_UNREACHABLE || strstr(err.what, "goes round in a circle") == NULL)
        fail_msg("%s", err.what);
    assert_true(count < 12);
}

/* ---- Locks ---- */

/* Where nobody knows locks, nothing is put that is to be locked; where one may not ask, the store itself refuses. */
static void test_no_locks(void **state)
{
    (void)state;
    open_store("&lock=compliance:1");
    expect_put(
        (const struct scripted[]){{"GET /bucket?object-lock=", "501 Not Implemented", NULL, NULL, 0, NULL, false},
                                  {"PUT " OBJECT, "200 OK", ETAG, NULL, 0, NULL, false},
                                  {0}},
        ERROR_REFUSED, "cannot lock objects");
    assert_int_equal(script_count("PUT "), 0);
    open_store("&lock=compliance:1");
    expect_put(
        (const struct scripted[]){{"GET /bucket?object-lock=", "403 Forbidden", NULL, NULL, 0, NULL, false},
                                  {"HEAD " OBJECT, "404 Not Found", NULL, NULL, 0, NULL, false},
                                  {"HEAD /bucket ", "200 OK", NULL, NULL, 0, NULL, false},
                                  {"PUT " OBJECT, "200 OK", ETAG, NULL, 0, "x-amz-object-lock-mode: COMPLIANCE", false},
                                  {0}},
        ERROR_NONE, "");
    /* It is asked for once, not before each put. */
    struct error err = {0};
    if (target_put(target, "hikae1/x", "bytes", 5, TARGET_PUT_REPAIR, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(script_count("GET /bucket?object-lock="), 1);
}

/* ---- Proxies ---- */

/* What a proxy says of itself is not the store's word: an object is not gone because the proxy knows no such host. */
static void test_proxy(void **state)
{
    struct error err = {0};
    uint64_t size;
    char url[400];
    struct target *far = NULL;
    (void)state;
    script_write(
        (const struct scripted[]){{"CONNECT store.example:443 ", "404 Not Found", NULL, "no", 0, NULL, false}, {0}});
    (void)snprintf(url, sizeof(url),
                   "s3://bucket/p?endpoint=https://store.example&credentials=file:%s/keys&proxy=http://127.0.0.1:%u",
                   folder, script.port);
    assert_int_equal(target_open("far", url, false, &far, &err), 0);
    assert_int_equal(target_stat(far, "hikae1/x", &size, &err), -1);
    if (err.class != ERROR_UNREACHABLE || strstr(err.what, "proxy") == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.what);
    target_close(far);
}

/* A host that cannot be found now may be found in a moment: the second time, too, that alone is what is wrong. */
static void test_host_not_found(void **state)
{
    char url[400];
    struct target *far = NULL;
    (void)state;
    (void)snprintf(url, sizeof(url), "s3://bucket/p?endpoint=https://%064d.example&credentials=file:%s/keys", 0,
                   folder);
    assert_int_equal(target_open("far", url, false, &far, &(struct error){0}), 0);
    for (int i = 0; i < 3; i++) {
        struct error err = {0};
        bool checks;
        assert_int_equal(target_checks(far, "hikae1/x", TARGET_CHECKSUM_MD5, &checks, &err), -1);
        if (err.class != ERROR_UNREACHABLE || !err.retryable || strstr(err.what, "resolve host") == NULL)
            fail_msg("%d: %s: %s", i, error_class_name(err.class), err.what);
    }
    target_close(far);
}

/* The environment's proxy is not for what goes to this machine without TLS. */
static void test_proxy_of_environment(void **state)
{
    struct error err = {0};
    uint64_t size;
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    script_write((const struct scripted[]){{"HEAD " OBJECT, "200 OK", FIVE, NULL, 0, NULL, false}, {0}});
    int rc = target_stat(target, "hikae1/x", &size, &err);
    assert_int_equal(unsetenv("http_proxy"), 0);
    if (rc != 0)
        fail_msg("%s", err.what);
}

/* ---- Acknowledging ---- */

static atomic_uint acknowledged; /* how often an acknowledgement to the store was hastened */

/* In place of the library's, also for libcurl. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    struct sockaddr_in peer = {0};
    socklen_t peer_size = sizeof(peer);
    if (level == IPPROTO_TCP && name == TCP_QUICKACK && *(const int *)value == 1 &&
        getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 && ntohs(peer.sin_port) == script.port)
        atomic_fetch_add(&acknowledged, 1);
    return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

/* A store with Nagle's algorithm on keeps the body back until the head of its answer is acknowledged. */
static void test_acknowledged(void **state)
{
    enum { ANSWERS = 3 };
    struct error err = {0};
    CLEANUP(buf_free) struct buf out = {0};
    (void)state;
    script_write((const struct scripted[]){{"GET " OBJECT, "200 OK", NULL, "bytes", 0, NULL, false}, {0}});
    atomic_store(&acknowledged, 0);
    for (unsigned i = 0; i < ANSWERS; i++)
        if (target_get(target, "hikae1/x", 5, &out, &err) != 0)
            fail_msg("%s", err.what);
    assert_int_equal(atomic_load(&acknowledged), ANSWERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exists),
        TEST(test_exists_unknown),
        TEST(test_no_store),
        TEST(test_changed_on_the_way),
        TEST(test_expired),
        TEST(test_skewed),
        TEST(test_bucket_of_others),
        TEST(test_circle),
        TEST(test_no_locks),
        TEST(test_proxy),
        TEST(test_proxy_of_environment),
        TEST(test_host_not_found),
        TEST(test_acknowledged),
    };
    return cmocka_run_group_tests(tests, script_start, script_stop);
}
