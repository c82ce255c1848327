/* Credentials that a service hands out, and how they are renewed: instances, containers, the chain of all sources. */
#include "credentials_fixture.h"

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
