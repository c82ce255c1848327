/* Requests of Signature V2 as they go over the line: what names a version or an upload is signed, wherever the bucket
 * is. */
#include "s3_store.h"

#include "target/delete.h"
#include "target/s3v2_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The value of a header of the last request. */
static void header(const char *name, char *out, size_t size)
{
    char begin[64];
    (void)snprintf(begin, sizeof(begin), "\r\n%s: ", name);
    assert_true(script.count > 0);
    const char *found = strcasestr(script.heads[script.count - 1], begin);
    if (found == NULL)
        fail_msg("no %s in %s", name, script.heads[script.count - 1]);
    found += strlen(begin);
    (void)snprintf(out, size, "%.*s", (int)strcspn(found, "\r"), found);
}

/* The last request began so, and was signed as this one: reckoned here from the document, not by the code under test.
 */
static void expect_signed(const char *line, const char *method, const char *resource)
{
    char date[64], sent[200], text[400], wanted[200];
    unsigned char mac[20], base64[32];
    unsigned size = 0;
    if (strncmp(script.heads[script.count - 1], line, strlen(line)) != 0)
        fail_msg("%s", script.heads[script.count - 1]);
    header("date", date, sizeof(date));
    assert_int_equal(strlen(date), S3V2_DATE_SIZE - 1);
    header("authorization", sent, sizeof(sent));
    int length = snprintf(text, sizeof(text), "%s\n\n\n%s\n%s", method, date, resource);
    assert_non_null(HMAC(EVP_sha1(), "secret", 6, (const unsigned char *)text, (size_t)length, mac, &size));
    (void)EVP_EncodeBlock(base64, mac, (int)size);
    (void)snprintf(wanted, sizeof(wanted), "AWS ID:%s", (const char *)base64);
    assert_string_equal(sent, wanted);
}

static void open_v2(const char *host, const char *more)
{
    char url[600];
    struct error err = {0};
    target_close(target);
    target = NULL;
    (void)snprintf(url, sizeof(url),
                   "s3://bucket/p?signature=v2&endpoint=http://%s:%u&provider=ceph&credentials=file:%s/keys%s", host,
                   script.port, folder, more);
    if (target_open("store", url, false, &target, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
}

#define SUB "/bucket/p/hikae1/x?"

static void test_delete(void **state)
{
    static const struct {
        const char *host, *more, *before; /* of the path on the line, before "p/hikae1/x" */
    } rows[] = {{"127.0.0.1", "&style=path", "/bucket/"}, {"localhost", "&style=virtual", "/"}};
    static const struct scripted good[] = {{"DELETE ", "204 No Content", NULL, NULL, 0, NULL, false}, {0}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        char line[200], host[64], named[64];
        open_v2(rows[i].host, rows[i].more);
        struct target_deleter deleter = {target};
        script_write(good);
        if (target_delete_version(&deleter, "hikae1/x", "a/b+c d", &err) != 0)
            fail_msg("%s; %s", err.what, err.hint);
        (void)snprintf(line, sizeof(line), "DELETE %sp/hikae1/x?versionId=a%%2Fb%%2Bc%%20d HTTP/1.1", rows[i].before);
        expect_signed(line, "DELETE", SUB "versionId=a/b+c d");
        header("host", host, sizeof(host));
        (void)snprintf(named, sizeof(named), "%s%s:%u", i == 1 ? "bucket." : "", rows[i].host, script.port);
        assert_string_equal(host, named);
        script_write(good);
        assert_int_equal(target_abort_upload(&deleter, "hikae1/x", "2~up", &err), 0);
        (void)snprintf(line, sizeof(line), "DELETE %sp/hikae1/x?uploadId=2~up HTTP/1.1", rows[i].before);
        expect_signed(line, "DELETE", SUB "uploadId=2~up");
        assert_int_equal(script_count("DELETE "), 1);
    }
}

/* What a store answers to it means what it means with Signature V4. */
static void test_answers(void **state)
{
    static const struct {
        const char *status, *code;
        enum error_class class;
        unsigned requests;
    } rows[] = {
        {"404 Not Found", "NoSuchVersion", ERROR_NONE, 1},
        {"403 Forbidden", "AccessDenied", ERROR_DENIED, 1},
        {"403 Forbidden", "SignatureDoesNotMatch", ERROR_DENIED, 1},
        {"405 Method Not Allowed", "MethodNotAllowed", ERROR_UNREACHABLE, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        char body[200];
        (void)snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>no</Message></Error>", rows[i].code);
        open_v2("127.0.0.1", "");
        struct target_deleter deleter = {target};
        script_write((const struct scripted[]){{"DELETE ", rows[i].status, NULL, body, 0, NULL, false}, {0}});
        assert_int_equal(target_delete_version(&deleter, "hikae1/x", "1", &err), rows[i].class == ERROR_NONE ? 0 : -1);
        if (err.class != rows[i].class || script_count("DELETE ") != rows[i].requests ||
            (err.class != ERROR_NONE && strstr(err.what, rows[i].code) == NULL))
            fail_msg("%s: %s: %s (%u)", rows[i].code, error_class_name(err.class), err.what, script_count("DELETE "));
    }
}

/* Reading: parts of objects, and pages of listings, of which only what makes another resource is signed. */
static void test_read(void **state)
{
    struct error err = {0};
    struct buf out = {0};
    bool keeps;
    (void)state;
    open_v2("127.0.0.1", "");
    script_write((const struct scripted[]){
        {"GET /bucket?versioning", "200 OK", NULL, "<VersioningConfiguration/>", 0, NULL, false},
        {"GET " OBJECT, "206 Partial Content", "Content-Range: bytes 1-2/5\r\n", "yt", 0, "range: bytes=1-2", false},
        {0}});
    assert_int_equal(target_get_range(target, "hikae1/x", 1, 2, &out, &err), 0);
    assert_int_equal(out.size, 2);
    expect_signed("GET " OBJECT " HTTP/1.1", "GET", OBJECT);
    assert_int_equal(s3_keeps_versions(s3_target(target), &keeps, &err), 0);
    assert_false(keeps);
    expect_signed("GET /bucket?versioning HTTP/1.1", "GET", "/bucket?versioning");
    /* Locks are beyond it: nothing is sent, and nothing is believed to be locked. */
    struct target_facts facts = {0};
    unsigned before = script.count;
    assert_int_equal(s3_ask_lock(s3_target(target), &facts, &err), 0);
    assert_false(facts.lock_enabled);
    assert_int_equal(script.count, before);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delete),
        TEST(test_answers),
        TEST(test_read),
    };
    return cmocka_run_group_tests(tests, script_start, script_stop);
}
