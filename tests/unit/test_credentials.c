#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "target/credentials.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* No message may ever hold this. */
#define SECRET "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"

/* ---- The clock that credentials expire by ---- */

static _Atomic int64_t fake_now_ns;
static int64_t fake_now(void)
{
    return fake_now_ns;
}
static void set_clock(const char *text)
{
    int64_t ns = 0;
    assert_int_equal(clock_parse(text, &ns, NULL), 0);
    fake_now_ns = ns;
}

/* ---- A metadata service ---- */

struct route {
    const char *line; /* "GET /path" */
    int status;
    const char *body;
    const char *needs; /* a header line that must be there, else 401; or NULL */
};

static struct service {
    int listener;
    char base[64];
    pthread_t thread;
    pthread_mutex_t mutex;
    const struct route *routes; /* ends with a NULL line */
    atomic_uint hits;
    atomic_uint delay_ms;
    atomic_bool drop; /* connections end without an answer */
} service;

static void answer(int fd, const char *head)
{
    char text[2048];
    int status = 404;
    const char *body = "";
    (void)pthread_mutex_lock(&service.mutex);
    for (const struct route *route = service.routes; route != NULL && route->line != NULL; route++) {
        size_t size = strlen(route->line);
        if (strncmp(head, route->line, size) != 0 || head[size] != ' ')
            continue;
        bool may = route->needs == NULL || strstr(head, route->needs) != NULL;
        status = may ? route->status : 401;
        body = may ? route->body : "";
    }
    int size = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        status, strlen(body), body);
    (void)pthread_mutex_unlock(&service.mutex);
    (void)send(fd, text, (size_t)size, MSG_NOSIGNAL);
}

static void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(service.listener, NULL, NULL)) >= 0; (void)close(fd)) {
        char head[4096] = "";
        size_t size = 0;
        ssize_t n;
        while (strstr(head, "\r\n\r\n") == NULL && size < sizeof(head) - 1 &&
               (n = recv(fd, head + size, sizeof(head) - 1 - size, 0)) > 0) {
            size += (size_t)n;
            head[size] = '\0';
        }
        service.hits++;
        struct timespec delay = {.tv_nsec = (long)service.delay_ms * 1000000L};
        (void)nanosleep(&delay, NULL);
        if (!service.drop)
            answer(fd, head);
    }
    return NULL;
}

static int start_service(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    service.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (service.listener < 0 || bind(service.listener, (struct sockaddr *)&address, size) != 0 ||
        listen(service.listener, 64) != 0 || getsockname(service.listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    (void)snprintf(service.base, sizeof(service.base), "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    (void)pthread_mutex_init(&service.mutex, NULL);
    return pthread_create(&service.thread, NULL, serve, NULL);
}

static int stop_service(void **state)
{
    (void)state;
    (void)shutdown(service.listener, SHUT_RDWR);
    (void)pthread_join(service.thread, NULL);
    return close(service.listener);
}

static void set_routes(const struct route *routes)
{
    (void)pthread_mutex_lock(&service.mutex);
    service.routes = routes;
    (void)pthread_mutex_unlock(&service.mutex);
    service.hits = 0;
    service.delay_ms = 0;
    service.drop = false;
}

/* ---- A folder, and an environment without anything ---- */

static char folder[64];

static int set_up(void **state)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "TOKYO_ACCESS_KEY_ID",
        "TOKYO_SECRET_ACCESS_KEY",
        "CREDENTIALS_DIRECTORY",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        (void)unsetenv(variables[i]);
    if (scratch_make(folder, sizeof(folder), "test") != 0 || setenv("HOME", folder, 1) != 0 ||
        setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.base, 1) != 0)
        return -1;
    set_routes(NULL);
    set_clock("2026-11-21T12:00:00Z");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

/* The path of a file in the folder, in a static buffer. */
static const char *inside(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = inside(name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static struct credentials *open_source(enum target_credentials_kind kind, const char *value)
{
    const struct credentials_options options = {
        .from = {kind, value}, .now_ns = fake_now, .container_base = service.base};
    struct credentials *c = NULL;
    struct error err = {0};
    if (credentials_open(&options, &c, &err) != 0)
        fail_msg("%s", err.what);
    return c;
}

static void assert_secret(const struct secret *secret, const char *text)
{
    assert_non_null(secret);
    assert_int_equal(secret_size(secret), strlen(text));
    assert_memory_equal(secret_borrow(secret), text, strlen(text));
}

static void expect_now(struct credentials *c, const char *id, const char *token)
{
    struct error err = {0};
    CLEANUP_CREDENTIALS const struct credentials_now *now = NULL;
    if (credentials_get(c, &now, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(now->access_key_id, id);
    assert_secret(now->secret, SECRET);
    if (token != NULL)
        assert_secret(now->session_token, token);
    else
        assert_null(now->session_token);
}

static void expect_source(enum target_credentials_kind kind, const char *value, const char *id, const char *token)
{
    struct credentials *c = open_source(kind, value);
    expect_now(c, id, token);
    credentials_close(c);
}

static void check_refusal(const struct error *err, enum error_class class, const char *text)
{
    char line[2048];
    (void)error_format(err, line, sizeof(line));
    if (err->class != class || strstr(line, text) == NULL)
        fail_msg("class %s, \"%s\": not %s, \"%s\"", error_class_name(err->class), line, error_class_name(class), text);
    assert_null(strstr(line, SECRET));
}

static void expect_failure(struct credentials *c, enum error_class class, const char *text)
{
    struct error err = {0};
    const struct credentials_now *now = NULL;
    assert_int_equal(credentials_get(c, &now, &err), -1);
    assert_null(now);
    check_refusal(&err, class, text);
}

static void refuse_source(enum target_credentials_kind kind, const char *value, enum error_class class,
                          const char *text)
{
    struct credentials *c = open_source(kind, value);
    expect_failure(c, class, text);
    credentials_close(c);
}

static void expect_region(enum target_credentials_kind kind, const char *value, const char *region)
{
    struct credentials *c = open_source(kind, value);
    CLEANUP_FREE char *got = NULL;
    assert_int_equal(credentials_region(c, &got, NULL), 0);
    if (region != NULL)
        assert_string_equal(got, region);
    else
        assert_null(got);
    credentials_close(c);
}

static void expect_described(struct credentials *c, const char *text)
{
    CLEANUP_FREE char *got = credentials_describe(c);
    assert_non_null(strstr(got, text));
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = " SECRET "\n"

/* ---- Tests ---- */

static void environment(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, ERROR_CONFIG, "AWS_ACCESS_KEY_ID");
    set("AWS_SECRET_ACCESS_KEY", SECRET);
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, ERROR_CONFIG, "there is no access key id");
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "there is no access key id");
    set("AWS_ACCESS_KEY_ID", "AKIA");
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, "AKIA", NULL);
    set("AWS_SESSION_TOKEN", "tok/en+=");
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, NULL, "AKIA", "tok/en+=");
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", ERROR_CONFIG, "TOKYO_ACCESS_KEY_ID");
    set("TOKYO_ACCESS_KEY_ID", "test:tester");
    set("TOKYO_SECRET_ACCESS_KEY", SECRET);
    expect_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", "test:tester", NULL);
    set("TOKYO_SECRET_ACCESS_KEY", SECRET "\r\nHost: elsewhere");
    refuse_source(TARGET_CREDENTIALS_ENVIRONMENT, "TOKYO_", ERROR_CONFIG, "a space or another byte");
}

static void sources_that_cannot_be(void **state)
{
    static const struct target_credentials wrong[] = {
        {TARGET_CREDENTIALS_ENVIRONMENT, ""},     {TARGET_CREDENTIALS_ENVIRONMENT, "A-B"},
        {TARGET_CREDENTIALS_FILE, NULL},          {TARGET_CREDENTIALS_FILE, "relative"},
        {TARGET_CREDENTIALS_PROFILE, ""},         {TARGET_CREDENTIALS_PROFILE, "a]"},
        {TARGET_CREDENTIALS_SYSTEMD, "../other"}, {TARGET_CREDENTIALS_SYSTEMD, ".."},
        {TARGET_CREDENTIALS_SYSTEMD, NULL},       {(enum target_credentials_kind)77, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct credentials *c = NULL;
        struct error err = {0};
        const struct credentials_options options = {.from = wrong[i]};
        assert_int_equal(credentials_open(&options, &c, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
        assert_null(c);
    }
    credentials_close(NULL);
    credentials_release(NULL);
}

static void files(void **state)
{
    (void)state;
    const char *path = write_file("plain", KEYS("AKIA1") "region = ap-northeast-1\n", 0600);
    expect_source(TARGET_CREDENTIALS_FILE, path, "AKIA1", NULL);
    expect_region(TARGET_CREDENTIALS_FILE, path, "ap-northeast-1");
    path = write_file("dos",
                      "# mine\r\n; too\r\n[other]\r\naws_access_key_id = AKIA0\r\n[ default ]\r\n"
                      "aws_access_key_id=AKIA2\r\naws_secret_access_key\t=\t" SECRET
                      " \r\naws_session_token = TOKEN=\r\ns3 =\r\n  addressing_style = path",
                      0400);
    expect_source(TARGET_CREDENTIALS_FILE, path, "AKIA2", "TOKEN=");
    expect_region(TARGET_CREDENTIALS_FILE, path, NULL);
}

static void files_that_are_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } cases[] = {
        {KEYS("AKIA"), 0644, "can be read or written by others (mode 0644)"},
        {KEYS("AKIA"), 0640, "can be read or written by others (mode 0640)"},
        {KEYS("AKIA"), 0620, "can be read or written by others (mode 0620)"},
        {"", 0600, "holds no access key"},
        {"[elsewhere]\n" KEYS("AKIA"), 0600, "holds no access key"},
        {"aws_secret_access_key = " SECRET "\n", 0600, "there is no access key id"},
        {"aws_access_key_id = AKIA\n", 0600, "there is no secret"},
        {KEYS("AKIA") "aws_secret_access_key = " SECRET "\n", 0600, "line 3: aws_secret_access_key is given twice"},
        {KEYS("AKIA") SECRET "\n", 0600, "line 3, is neither"},
        {"= " SECRET "\n", 0600, "line 1, is neither"},
        {"aws_access_key_id = AK IA\naws_secret_access_key = " SECRET "\n", 0600, "a space or another byte"},
        {"aws_access_key_id = AKIA\naws_secret_access_key = " SECRET " # x\n", 0600, "a space or another byte"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse_source(TARGET_CREDENTIALS_FILE, write_file("file", cases[i].text, cases[i].mode), ERROR_CONFIG,
                      cases[i].why);
    refuse_source(TARGET_CREDENTIALS_FILE, inside("absent"), ERROR_NOT_FOUND, "is not there");
    refuse_source(TARGET_CREDENTIALS_FILE, folder, ERROR_CONFIG, "not a regular file");
    static char big[(32 << 10) + 2];
    memset(big, '#', sizeof(big) - 1);
    refuse_source(TARGET_CREDENTIALS_FILE, write_file("big", big, 0600), ERROR_CONFIG, "longer than");
    if (geteuid() == 0) {
        const char *path = write_file("theirs", KEYS("AKIA"), 0600);
        assert_int_equal(chown(path, 4711, 4711), 0);
        refuse_source(TARGET_CREDENTIALS_FILE, path, ERROR_CONFIG, "belongs to user 4711");
    }
}

static void systemd(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_CONFIG, "CREDENTIALS_DIRECTORY is not set");
    set("CREDENTIALS_DIRECTORY", folder);
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_NOT_FOUND, "is not there");
    (void)write_file("tokyo", KEYS("AKIA3"), 0440);
    expect_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", "AKIA3", NULL);
    (void)write_file("tokyo", KEYS("AKIA3"), 0444);
    refuse_source(TARGET_CREDENTIALS_SYSTEMD, "tokyo", ERROR_CONFIG, "by others");
}

static void profiles(void **state)
{
    (void)state;
    refuse_source(TARGET_CREDENTIALS_PROFILE, "backup", ERROR_CONFIG, "profile backup is neither in");
    assert_int_equal(mkdir(inside(".aws"), 0700), 0);
    (void)write_file(".aws/credentials", "[default]\n" KEYS("AKIAD") "[backup]\n" KEYS("AKIAB") "[profile odd]\n",
                     0600);
    (void)write_file(".aws/config",
                     "[default]\nregion = us-east-1\n[profile backup]\nregion = ap-northeast-3\n"
                     "[profile role]\nrole_arn = arn:x\nsource_profile = default\n[profile empty]\noutput = json\n",
                     0644);
    expect_source(TARGET_CREDENTIALS_PROFILE, "default", "AKIAD", NULL);
    expect_source(TARGET_CREDENTIALS_PROFILE, "backup", "AKIAB", NULL);
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAD", NULL);
    expect_region(TARGET_CREDENTIALS_DEFAULT, NULL, "us-east-1");
    expect_region(TARGET_CREDENTIALS_PROFILE, "backup", "ap-northeast-3");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "role", ERROR_CONFIG, "gets its keys through \"role_arn\"");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "empty", ERROR_CONFIG, "holds no access key");
    refuse_source(TARGET_CREDENTIALS_PROFILE, "odd", ERROR_CONFIG, "profile odd is neither in");
    set("AWS_PROFILE", "backup");
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAB", NULL);
    set("AWS_REGION", "eu-west-1");
    expect_region(TARGET_CREDENTIALS_PROFILE, "backup", "eu-west-1");
    set("AWS_PROFILE", "gone");
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "profile gone is neither in");

    set("AWS_SHARED_CREDENTIALS_FILE", write_file("elsewhere", "[gone]\n" KEYS("AKIAG"), 0600));
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAG", NULL);
    (void)write_file("elsewhere", "[gone]\n" KEYS("AKIAG"), 0604);
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "by others");
    (void)write_file("elsewhere", "", 0600);
    set("AWS_CONFIG_FILE", write_file("conf", "[profile gone]\n" KEYS("AKIAC"), 0600));
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIAC", NULL);
    (void)write_file("conf", "[profile gone]\n" KEYS("AKIAC"), 0644);
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "conf can be read or written by others");
}

#define TOKEN_ROUTE                                                                                                    \
    {                                                                                                                  \
        "PUT /latest/api/token", 200, "imds-token", "X-aws-ec2-metadata-token-ttl-seconds: "                           \
    }
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define ROLE_ROUTE                                                                                                     \
    {                                                                                                                  \
        "GET " ROLE_PATH, 200, "backup-role\n", "X-aws-ec2-metadata-token: imds-token\r\n"                             \
    }
#define GIVEN(id, end)                                                                                                 \
    "{\"Code\": \"Success\", \"AccessKeyId\": \"" id "\", \"SecretAccessKey\": \"" SECRET                              \
    "\", \"Token\": \"session\", \"Expiration\": \"" end "\"}"
#define KEYS_ROUTE(body)                                                                                               \
    {                                                                                                                  \
        "GET " ROLE_PATH "backup-role", 200, body, "X-aws-ec2-metadata-token: imds-token\r\n"                          \
    }
#define INSTANCE(body)                                                                                                 \
    {                                                                                                                  \
        TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE(body),                                                                     \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

static const struct route first_keys[] = INSTANCE(GIVEN("ASIA1", "2026-11-21T18:00:00Z"));
static const struct route second_keys[] = INSTANCE(GIVEN("ASIA2", "2026-11-22T00:00:00Z"));
static const struct route service_is_down[] = {
    {"PUT /latest/api/token", 500, "", NULL},
    {"GET /keys", 503, "", NULL},
    {0},
};

static void instances(void **state)
{
    (void)state;
    set_routes(first_keys);
    struct credentials *c = open_source(TARGET_CREDENTIALS_METADATA, NULL);
    expect_now(c, "ASIA1", "session");
    expect_described(c, "role backup-role");
    assert_int_equal(service.hits, 3);
    set_routes(second_keys);
    set_clock("2026-11-21T17:54:59Z");
    expect_now(c, "ASIA1", "session");
    assert_int_equal(service.hits, 0);
    set_clock("2026-11-21T17:55:01Z");
    expect_now(c, "ASIA2", "session");
    expect_now(c, "ASIA2", "session");
    assert_int_equal(service.hits, 3);
    credentials_close(c);
}

static void renewals_that_fail(void **state)
{
    (void)state;
    set_routes(first_keys);
    struct credentials *c = open_source(TARGET_CREDENTIALS_METADATA, NULL);
    expect_now(c, "ASIA1", "session");
    set_routes(service_is_down);
    set_clock("2026-11-21T17:56:00Z");
    expect_now(c, "ASIA1", "session");
    assert_int_equal(service.hits, 3); /* three attempts */
    set_clock("2026-11-21T17:56:29Z");
    expect_now(c, "ASIA1", "session");
    assert_int_equal(service.hits, 3); /* none: it is asked again after half a minute */
    set_clock("2026-11-21T17:56:31Z");
    expect_now(c, "ASIA1", "session");
    assert_int_equal(service.hits, 6);
    set_clock("2026-11-21T18:00:00Z");
    expect_failure(c, ERROR_UNREACHABLE, "answered 500");
    service.drop = true;
    expect_failure(c, ERROR_UNREACHABLE, "does not answer");
    set_routes(second_keys);
    expect_now(c, "ASIA2", "session");
    credentials_close(c);
}

static void instances_that_have_none(void **state)
{
    static const struct {
        struct route routes[4];
        enum error_class class;
        const char *why;
    } cases[] = {
        {{{"PUT /latest/api/token", 403, "", NULL}}, ERROR_DENIED, "hop limit"},
        {{{"GET " ROLE_PATH, 200, "backup-role", NULL}}, ERROR_CONFIG, "answered 404"}, /* only version 1 */
        {{TOKEN_ROUTE}, ERROR_CONFIG, "attach a role"},
        {{TOKEN_ROUTE, {"GET " ROLE_PATH, 200, "\n", NULL}}, ERROR_CONFIG, "names no role"},
        {{TOKEN_ROUTE, {"GET " ROLE_PATH, 200, "../../x", NULL}}, ERROR_CONFIG, "a role that cannot be"},
        {{{"PUT /latest/api/token", 200, "a\x01", NULL}}, ERROR_CONFIG, "bytes that cannot be in a header"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE("{\"Code\": \"AssumeRoleUnauthorizedAccess\"}")},
         ERROR_DENIED,
         "has no credentials to give"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE("[]")}, ERROR_CONFIG, "no JSON object"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE("{\"SecretAccessKey\": \"" SECRET "\"")}, ERROR_CONFIG, "no JSON object"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE("{\"SecretAccessKey\": \"" SECRET "\"}")},
         ERROR_CONFIG,
         "there is no access key id"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE(GIVEN("ASIA", "soon"))}, ERROR_CONFIG, "no time that can be understood"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE(GIVEN("ASIA", "2026-11-21T12:00:00Z"))},
         ERROR_UNREACHABLE,
         "have expired already"},
        {{TOKEN_ROUTE, ROLE_ROUTE, KEYS_ROUTE(GIVEN("AS\\u0000IA", "2026-11-22T00:00:00Z"))}, ERROR_CONFIG, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_routes(cases[i].routes);
        refuse_source(TARGET_CREDENTIALS_METADATA, NULL, cases[i].class, cases[i].why);
    }
}

static const struct route container_keys[] = {
    {"GET /keys", 200, GIVEN("ASIAC", "2026-11-21T18:00:00Z"), "Authorization: let me in\r\n"},
    {"GET /open", 200, GIVEN("ASIAO", "2026-11-21T18:00:00Z"), NULL},
    {0},
};

static void containers(void **state)
{
    (void)state;
    char full[128];
    set_routes(container_keys);
    set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/open");
    expect_source(TARGET_CREDENTIALS_METADATA, NULL, "ASIAO", "session");
    set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@elsewhere/open");
    refuse_source(TARGET_CREDENTIALS_METADATA, NULL, ERROR_CONFIG, "does not begin with '/'");
    assert_int_equal(unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), 0);
    (void)snprintf(full, sizeof(full), "%s/keys", service.base);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", full);
    refuse_source(TARGET_CREDENTIALS_METADATA, NULL, ERROR_DENIED, "answered 401");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in");
    expect_source(TARGET_CREDENTIALS_METADATA, NULL, "ASIAC", "session");
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "ASIAC", "session");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let\r\nX: me in");
    refuse_source(TARGET_CREDENTIALS_METADATA, NULL, ERROR_CONFIG, "cannot be in a header");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file("token", "let me in\n", 0644));
    expect_source(TARGET_CREDENTIALS_METADATA, NULL, "ASIAC", "session");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", inside("absent"));
    refuse_source(TARGET_CREDENTIALS_METADATA, NULL, ERROR_NOT_FOUND, "absent");

    static const char *const unsafe[] = {"http://192.0.2.1/keys", "http://127.0.0.1.example/keys", "ftp://127.0.0.1/",
                                         "http://user@127.0.0.1/keys", "nonsense"};
    for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++) {
        set("AWS_CONTAINER_CREDENTIALS_FULL_URI", unsafe[i]);
        refuse_source(TARGET_CREDENTIALS_METADATA, NULL, ERROR_CONFIG, "not an address to send a token to");
    }
}

static void the_chain(void **state)
{
    (void)state;
    set("AWS_EC2_METADATA_DISABLED", "true");
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "there are no credentials");
    assert_int_equal(service.hits, 0);
    set("AWS_EC2_METADATA_DISABLED", "false");
    service.drop = true;
    refuse_source(TARGET_CREDENTIALS_DEFAULT, NULL, ERROR_CONFIG, "there are no credentials");
    assert_int_equal(service.hits, 1); /* asked once only: most machines are no instances */
    set_routes(first_keys);
    struct credentials *c = open_source(TARGET_CREDENTIALS_DEFAULT, NULL);
    expect_now(c, "ASIA1", "session");
    /* What was found stays the source, whatever appears. */
    set("AWS_ACCESS_KEY_ID", "AKIA");
    set("AWS_SECRET_ACCESS_KEY", SECRET);
    set_routes(second_keys);
    set_clock("2026-11-21T17:56:00Z");
    expect_now(c, "ASIA2", "session");
    credentials_close(c);
    expect_source(TARGET_CREDENTIALS_DEFAULT, NULL, "AKIA", NULL);
}

static void refused_by_the_store(void **state)
{
    (void)state;
    set_routes(first_keys);
    struct credentials *c = open_source(TARGET_CREDENTIALS_METADATA, NULL);
    const struct credentials_now *old = NULL, *now = NULL;
    assert_int_equal(credentials_get(c, &old, NULL), 0);
    set_routes(second_keys);
    assert_true(credentials_reject(c, old));
    assert_int_equal(credentials_get(c, &now, NULL), 0);
    assert_string_equal(now->access_key_id, "ASIA2");
    assert_string_equal(old->access_key_id, "ASIA1"); /* whoever holds the old ones still can */
    assert_secret(old->secret, SECRET);
    assert_true(credentials_reject(c, old)); /* others did already */
    credentials_release(old);
    expect_now(c, "ASIA2", "session");
    assert_int_equal(service.hits, 3);

    assert_true(credentials_reject(c, now));
    credentials_release(now);
    assert_int_equal(credentials_get(c, &now, NULL), 0); /* the same again */
    assert_int_equal(service.hits, 6);
    assert_false(credentials_reject(c, now));
    credentials_close(c);
    assert_string_equal(now->access_key_id, "ASIA2");
    credentials_release(now);
}

enum { THREADS = 8 };
static void *get_in_thread(void *context)
{
    const struct credentials_now *now = NULL;
    struct error err = {0};
    int rc = credentials_get(context, &now, &err);
    credentials_release(now);
    return rc == 0 ? NULL : (void *)(uintptr_t)err.class;
}

static void in_threads(struct credentials *c, enum error_class expected)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_in_thread, c), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((uintptr_t)result, expected);
    }
}

static void many_threads_renew_once(void **state)
{
    (void)state;
    set_routes(first_keys);
    service.delay_ms = 100;
    struct credentials *c = open_source(TARGET_CREDENTIALS_METADATA, NULL);
    in_threads(c, ERROR_NONE);
    assert_int_equal(service.hits, 3);
    set_routes(second_keys);
    service.delay_ms = 100;
    set_clock("2026-11-21T17:56:00Z");
    in_threads(c, ERROR_NONE);
    assert_int_equal(service.hits, 3);
    set_clock("2026-11-22T00:00:00Z");
    set_routes(service_is_down);
    service.delay_ms = 100;
    in_threads(c, ERROR_UNREACHABLE);
    assert_in_range(service.hits, 3, 3 * 2); /* a thread may come late and ask itself */
    credentials_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sources_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(profiles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(instances, set_up, tear_down),
        cmocka_unit_test_setup_teardown(renewals_that_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(instances_that_have_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(containers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_by_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_renew_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}
