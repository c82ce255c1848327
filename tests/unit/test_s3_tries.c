/* What is tried again, how often, and what is put right before it is. */
#include "s3_store.h"

#include "base/clock.h"
#include "base/provider.h"

/* Words and numbers of stores after which a second try helps, and those after which none does. */
static void test_again(void **state)
{
    static const struct {
        const char *status, *code;
        bool again;
    } rows[] = {
        {"400 Bad Request", "IncompleteBody", true},
        {"400 Bad Request", "SlowDown", true},
        {"400 Bad Request", "ThrottlingException", true},
        {"403 Forbidden", "RequestThrottled", true},
        {"520 Unknown", "Fault", true},
        {"409 Conflict", "OperationAborted", true},
        {"400 Bad Request", "InvalidArgument", false},
        {"403 Forbidden", "AccessDenied", false},
        {"501 Not Implemented", "Other", false},
        {"507 Insufficient Storage", "Full", false},
    };
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[200];
        (void)snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>no</Message></Error>", rows[i].code);
        open_store("");
        script_write((const struct scripted[]){{"PUT " OBJECT, rows[i].status, NULL, body, 1, NULL, false},
                                               {"PUT " OBJECT, "200 OK", ETAG, NULL, 0, NULL, false},
                                               {"HEAD ", "404 Not Found", NULL, NULL, 0, NULL, false},
                                               {0}});
        err = (struct error){0};
        int rc = target_put(target, "hikae1/x", "bytes", 5, TARGET_PUT_REPAIR, &err);
        if ((rc == 0) != rows[i].again || script_count("PUT ") != (rows[i].again ? 2 : 1))
            fail_msg("%s %s: %u PUTs, %s", rows[i].status, rows[i].code, script_count("PUT "), err.what);
    }
}

/* A store that throttles for good: one call tries for some seconds, those after it once. */
static void test_budget(void **state)
{
    struct error err;
    (void)state;
    script_write((const struct scripted[]){{"", "503 Slow Down", NULL, NULL, 0, NULL, false}, {0}});
    int64_t begun = clock_monotonic_ns();
    assert_int_equal(put("bytes", &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_true(err.retryable);
    assert_true(clock_monotonic_ns() - begun < 20 * NS_PER_S);
    unsigned first = script_count("PUT ");
    assert_true(first > 2 && first <= 6);
    begun = clock_monotonic_ns();
    assert_int_equal(put("bytes", &err), -1);
    assert_true(clock_monotonic_ns() - begun < NS_PER_S);
    assert_int_equal(script_count("PUT "), first + 1);
}

static int no_object(const struct target_object *object, void *context, struct error *err)
{
    (void)object;
    (void)context;
    (void)err;
    return 0;
}

static int call(unsigned what, struct error *err)
{
    static struct buf out;
    uint64_t size;
    *err = (struct error){0};
    switch (what) {
    case 0:
        return put("bytes", err);
    case 1:
        return target_get(target, "hikae1/x", 100, &out, err);
    case 2:
        return target_stat(target, "hikae1/x", &size, err);
    default:
        return target_list(target, "hikae1/", NULL, no_object, NULL, err);
    }
}

/*
 * What a run spends on tries in vain has an end, also where the store answers in between, so that no call looks like
 * the one after a failure. Then each request is made once; what it does not learn is unknown, never damaged or gone.
 */
static void test_budget_of_run(void **state)
{
    static const struct scripted throttled[] = {
        {"PUT ", "503 Slow Down", NULL, "<Error><Code>SlowDown</Code></Error>", 0, NULL, false},
        {"GET ", "503 Slow Down", NULL, "<Error><Code>SlowDown</Code></Error>", 0, NULL, false},
        {"HEAD ", "503 Slow Down", NULL, NULL, 0, NULL, false},
        {0}};
    static const struct scripted again[] = {
        {"GET ", "503 Slow Down", NULL, NULL, 1, NULL, false}, {"GET ", "200 OK", ETAG, "bytes", 0, NULL, false}, {0}};
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    struct s3_target *t = s3_target(target);
    assert_int_equal(t->lost_max_ms, 900000); /* as documented */
    t->lost_max_ms = 250;
    unsigned calls = 0;
    while (atomic_load(&t->lost_ms) <= t->lost_max_ms && ++calls < 20) {
        script_write(again);
        if (target_get(target, "hikae1/x", 5, &out, &err) != 0)
            fail_msg("%s", err.what);
    }
    assert_in_range(calls, 1, 3); /* a first try in vain and its wait cost 100 ms or more */
    for (unsigned what = 0; what < 4; what++) {
        atomic_store(&t->failing, false);
        script_write(throttled);
        assert_int_equal(call(what, &err), -1);
        assert_int_equal(err.class, ERROR_UNREACHABLE);
        assert_true(err.retryable); /* by the next run */
        assert_int_equal(script_count("PUT ") + script_count("GET ") + script_count("HEAD "), what == 0 ? 2 : 1);
        if (strstr(err.hint, "tries in vain have taken 0 s of this run") == NULL || strstr(err.what, "503") == NULL)
            fail_msg("%s; %s", err.what, err.hint);
    }
    /* A run that begins anew has its own. */
    open_store("");
    script_write(again);
    assert_int_equal(target_get(target, "hikae1/x", 5, &out, &err), 0);
    buf_free(&out);
}

/* ---- The region ---- */

#define MALFORMED(region)                                                                                              \
    "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message><Region>" region            \
    "</Region></Error>"
#define REDIRECT "<Error><Code>PermanentRedirect</Code><Message>use another endpoint</Message></Error>"

/* How many requests were signed for a region. */
static unsigned signed_for(const char *region)
{
    char scope[100];
    unsigned count = 0;
    (void)snprintf(scope, sizeof(scope), "/%s/s3/aws4_request", region);
    for (unsigned i = 0; i < script.count; i++)
        count += strstr(script.heads[i], scope) != NULL;
    return count;
}

/*
 * A store of which nobody knows what its regions mean says in what way it likes that the request was signed for
 * another: the one that it names is taken over once, for all requests after it.
 */
static void test_region_corrected(void **state)
{
    static const struct {
        const char *status, *headers, *body;
    } rows[] = {
        {"400 Bad Request", NULL, MALFORMED("eu-right-1")},               /* as AWS answers a GET     */
        {"400 Bad Request", "x-amz-bucket-region: eu-right-1\r\n", NULL}, /* … a HEAD                 */
        {"301 Moved Permanently", "x-amz-bucket-region: eu-right-1\r\n", REDIRECT},
        {"307 Temporary Redirect", "x-amz-bucket-region: eu-right-1\r\n", NULL}, /* … of a bucket just made  */
        {"403 Forbidden", NULL, MALFORMED("eu-right-1")},
    };
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_store("&region=eu-wrong-1");
        script_write(
            (const struct scripted[]){{"GET " OBJECT, "200 OK", ETAG, "bytes", 0, "/eu-right-1/s3/", false},
                                      {"GET " OBJECT, rows[i].status, rows[i].headers, rows[i].body, 0, NULL, false},
                                      {0}});
        for (unsigned k = 0; k < 3; k++)
            if (target_get(target, "hikae1/x", 5, &out, &err) != 0)
                fail_msg("%s: %s", rows[i].status, err.what);
        assert_int_equal(signed_for("eu-wrong-1"), 1);
        assert_int_equal(signed_for("eu-right-1"), 3);
    }
    buf_free(&out);
}

/* Once a call: a store that names one region after the other, or no region, is not followed for ever. */
static void test_region_not_corrected(void **state)
{
    static const struct {
        const char *more, *status, *headers, *body;
        unsigned requests;
        const char *what, *hint;
    } rows[] = {
        /* Never content, whatever it is given. */
        {"&region=eu-wrong-1", "400 Bad Request", NULL, MALFORMED("eu-other-1"), 2,
         "the bucket bucket is in the region eu-other-1, and the target says eu-wrong-1",
         "hikae target set store region=eu-other-1"},
        /* Words that no region is made of. */
        {"&region=eu-wrong-1", "400 Bad Request", NULL, MALFORMED("eu/../x"), 1, "is in the region eu/../x", ""},
        /* A redirection that does not say where to. */
        {"&region=eu-wrong-1", "301 Moved Permanently", "Location: http://192.0.2.1/\r\n", REDIRECT, 1, "301", ""},
    };
    struct error err;
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_store(rows[i].more);
        script_write((const struct scripted[]){
            {"GET " OBJECT, rows[i].status, rows[i].headers, rows[i].body, 0, NULL, false}, {0}});
        err = (struct error){0};
        assert_int_equal(target_get(target, "hikae1/x", 5, &out, &err), -1);
        if (err.class != ERROR_UNREACHABLE || strstr(err.what, rows[i].what) == NULL ||
            strstr(err.hint, rows[i].hint) == NULL || script.count != rows[i].requests)
            fail_msg("%zu: %s: %s; %s (%u requests)", i, error_class_name(err.class), err.what, err.hint, script.count);
    }
    buf_free(&out);
}

/*
 * At a provider whose regions say in which country data lies, only the operator may change the region. (Its own hosts
 * alone make it such a place, over TLS: test_target_place.c. Here the place is made one by hand.)
 */
static void test_region_of_provider(void **state)
{
    static const struct {
        const char *provider, *status, *headers, *body, *named;
    } rows[] = {
        {"aws", "400 Bad Request", NULL, MALFORMED("ap-northeast-2"), "ap-northeast-2"},
        {"aws", "301 Moved Permanently", "x-amz-bucket-region: us-east-1\r\n", REDIRECT, "us-east-1"},
        {"wasabi", "307 Temporary Redirect", "x-amz-bucket-region: ap-northeast-2\r\n", NULL, "ap-northeast-2"},
    };
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char what[200], hint[100];
        struct error err = {0};
        open_store("&region=ap-northeast-1");
        s3_target(target)->place.known = provider_region_find(rows[i].provider, "ap-northeast-1");
        assert_non_null(s3_target(target)->place.known);
        script_write((const struct scripted[]){
            {"GET " OBJECT, rows[i].status, rows[i].headers, rows[i].body, 0, NULL, false}, {0}});
        assert_int_equal(target_get(target, "hikae1/x", 5, &out, &err), -1);
        (void)snprintf(what, sizeof(what), "the bucket bucket is in the region %s, and the target says ap-northeast-1",
                       rows[i].named);
        (void)snprintf(hint, sizeof(hint), "hikae target set store region=%s, and see that its country", rows[i].named);
        if (err.class != ERROR_UNREACHABLE || err.retryable || strstr(err.what, what) == NULL ||
            strstr(err.hint, hint) == NULL || script.count != 1)
            fail_msg("%zu: %s: %s; %s (%u requests)", i, error_class_name(err.class), err.what, err.hint, script.count);
        assert_int_equal(signed_for("ap-northeast-1"), 1);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_again),
        TEST(test_budget),
        TEST(test_budget_of_run),
        TEST(test_region_corrected),
        TEST(test_region_not_corrected),
        TEST(test_region_of_provider),
    };
    return cmocka_run_group_tests(tests, script_start, script_stop);
}
