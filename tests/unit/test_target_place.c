/* Where targets lie: what the table of providers knows, what the operator attests, and what contradicts itself. */
#include "base/mem.h"
#include "target/s3_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *url;
    const char *country, *site; /* NULL country: not declared; "!": ERROR_CONFIG */
    bool attested;
} cases[] = {
    {"s3://bucket/p?region=ap-northeast-1&provider=aws", "JP", "Tokyo", false},
    {"s3://bucket/p?region=ap-northeast-3", "JP", "Osaka", false},
    {"s3://bucket?region=ap-northeast-2&provider=aws", "KR", "Seoul", false},
    {"s3://bucket?region=ap-northeast-2&provider=wasabi", "JP", "Osaka", false},
    {"s3://bucket?region=ap-northeast-2&provider=wasabi&country=JP&site=west", "JP", "west", false},
    {"s3://bucket?region=ap-northeast-2&endpoint=https://s3.ap-northeast-2.wasabisys.com", "JP", "Osaka", false},
    {"s3://bucket?region=ap-northeast-1&endpoint=https://s3.dualstack.ap-northeast-1.amazonaws.com", "JP", "Tokyo",
     false},
    {"s3://bucket?region=cn-north-1", "CN", "Beijing", false},
    /* What the operator declares contradicts the table. */
    {"s3://bucket?region=ap-northeast-2&provider=aws&country=JP", "!", NULL, false},
    {"s3://bucket?region=ap-northeast-2&provider=wasabi&country=KR", "!", NULL, false},
    /* The bytes would go to Seoul, whatever the region says. */
    {"s3://bucket?region=ap-northeast-1&endpoint=https://s3.ap-northeast-2.amazonaws.com", "!", NULL, false},
    {"s3://bucket?region=us-east-1&endpoint=https://s3.amazonaws.com", "!", NULL, false},
    /* The host is that of a bucket in Virginia whose name is a region of Japan. */
    {"s3://bucket?region=ap-northeast-1&endpoint=https://ap-northeast-1.s3.us-east-1.amazonaws.com", "!", NULL, false},
    {"s3://bucket?region=ap-northeast-1&endpoint=https://ap-northeast-1.amazonaws.com.s3.us-east-1.amazonaws.com", "!",
     NULL, false},
    {"s3://bucket?region=ap-northeast-1&endpoint=https://b.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com", "JP", "Tokyo",
     false},
    {"s3://bucket?region=cn-north-1&provider=aws&endpoint=https://s3.cn-north-1.amazonaws.com.cn", "CN", "Beijing",
     false},
    /* Only the provider's own endpoint is known. */
    {"s3://bucket?region=ap-northeast-1&provider=aws&endpoint=https://s3.example.jp", NULL, NULL, false},
    {"s3://bucket?region=ap-northeast-1&provider=aws&endpoint=https://amazonaws.com.example.jp", NULL, NULL, false},
    {"s3://bucket?region=ap-northeast-1&provider=aws&endpoint=http://s3.ap-northeast-1.amazonaws.com&insecure=true",
     NULL, NULL, false},
    {"s3://bucket?region=ap-northeast-1&provider=aws&endpoint=https://s3.example.kr&country=KR", "KR", NULL, true},
    {"s3://bucket?region=ap-northeast-99&provider=aws&country=JP", "JP", NULL, true},
    {"s3://bucket?region=ap-northeast-99&provider=aws", NULL, NULL, false},
    {"s3://bucket?provider=ceph&endpoint=https://store.example&country=JP&site=chiba", "JP", "chiba", true},
    {"s3://bucket?provider=swift&endpoint=https://store.example", NULL, NULL, false},
    {"file:///mnt/x?country=JP&site=tokyo", "JP", "tokyo", true},
    {"file:///mnt/x", NULL, NULL, false},
    {"file:///mnt/x?country=jp", "!", NULL, false},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct target_options options = {.name = "t", .url = cases[i].url};
        struct target_traits traits;
        struct error err = {0};
        int rc = target_describe(&options, &traits, &err);
        if (cases[i].country != NULL && strcmp(cases[i].country, "!") == 0) {
            assert_int_equal(rc, -1);
            assert_int_equal(err.class, ERROR_CONFIG);
            assert_true(err.hint[0] != '\0');
            continue;
        }
        if (rc != 0)
            fail_msg("%s: %s", cases[i].url, err.what);
        if (cases[i].country == NULL)
            assert_null(traits.country);
        else
            assert_string_equal(traits.country, cases[i].country);
        if (cases[i].site == NULL)
            assert_null(traits.site);
        else
            assert_string_equal(traits.site, cases[i].site);
        assert_int_equal(traits.attested, cases[i].attested);
        target_traits_free(&traits);
    }
}

/* What is this machine, what is a host, and how a bucket's name may stand before it. */
static void test_endpoints(void **state)
{
    static const struct {
        const char *params;
        const char *why; /* NULL: taken */
    } rows[] = {
        {"endpoint=http://127.0.0.1:9000", NULL},
        {"endpoint=http://127.9.8.7", NULL},
        {"endpoint=http://[::1]:9000", NULL},
        {"endpoint=http://[0:0::1]", NULL},
        {"endpoint=http://localhost:9000", NULL},
        {"endpoint=http://s3.localhost:9000", NULL},
        {"endpoint=https://[2001:db8::1]:9000", NULL},
        /* Names that only begin like this machine's address. */
        {"endpoint=http://127.0.0.1.example.jp", "not on this machine"},
        {"endpoint=http://127.example.jp", "not on this machine"},
        {"endpoint=http://localhost.example.jp", "not on this machine"},
        {"endpoint=http://notlocalhost", "not on this machine"},
        {"endpoint=http://[2001:db8::1]", "not on this machine"},
        {"endpoint=https://::1", "is not the endpoint"},
        {"endpoint=https://[::1", "is not the endpoint"},
        {"endpoint=https://[fe80::1%25eth0]", "is not the endpoint"},
        {"endpoint=https://a..example", "is not the endpoint"},
        {"endpoint=https://-a.example", "is not the endpoint"},
        {"endpoint=https://user@store.example", "is not the endpoint"},
        {"endpoint=https://store.example:70000", "is not the endpoint"},
        {"endpoint=https://store.example/path", "is not the endpoint"},
        {"endpoint=https://127.0.0.1&style=virtual", "style=path"},
        {"endpoint=https://store.example&style=virtual", NULL},
        {"endpoint=https://store.example&proxy=http://proxy.example:3128", NULL},
        {"endpoint=https://store.example&proxy=socks5h://[::1]:1080/", NULL},
        {"endpoint=https://store.example&proxy=http://me:word@proxy.example", "which would be shown and logged"},
        {"endpoint=https://store.example&proxy=proxy.example:3128", "is not the URL of a proxy"},
        {"endpoint=https://store.example&proxy=http://proxy.example:3128/path", "is not the URL of a proxy"},
        {"endpoint=https://store.example&proxy=http://:3128", "is not the URL of a proxy"},
        {"endpoint=http://127.0.0.1&proxy=http://127.0.0.1:3128", NULL},
        {"endpoint=http://127.0.0.1&proxy=http://proxy.example:3128", "is not on this machine"},
        {"endpoint=http://127.0.0.1&proxy=http://proxy.example:3128&insecure=true", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char url[300];
        (void)snprintf(url, sizeof(url), "s3://bucket?%s", rows[i].params);
        const struct target_options options = {.name = "t", .url = url};
        struct target_traits traits;
        struct error err = {0};
        int rc = target_describe(&options, &traits, &err);
        if ((rc == 0) != (rows[i].why == NULL))
            fail_msg("%s: %s", url, err.what);
        if (rc == 0)
            target_traits_free(&traits);
        else if (err.class != ERROR_CONFIG ||
                 (strstr(err.what, rows[i].why) == NULL && strstr(err.hint, rows[i].why) == NULL))
            fail_msg("%s: %s; %s", url, err.what, err.hint);
        assert_null(strstr(err.what, "word@"));
    }
}

/* AWS takes a bucket's name as part of the host's, but for those that cannot be. */
static void test_style(void **state)
{
    static const struct {
        const char *url;
        bool virtual_style;
    } rows[] = {
        {"s3://bucket-1?region=ap-northeast-1", true},
        {"s3://bucket.one?region=ap-northeast-1", false},
        {"s3://My_Bucket?region=us-east-1", false},
        {"s3://bucket?region=ap-northeast-1&style=path", false},
        {"s3://bucket?provider=aws&region=ap-northeast-1&endpoint=https://127.0.0.1", false},
        {"s3://bucket?endpoint=https://store.example", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct target_url url;
        struct s3_place place;
        const struct target_options options = {.name = "t", .url = rows[i].url};
        struct error err = {0};
        assert_int_equal(target_url_parse(rows[i].url, &url, &err), 0);
        if (s3_place_read(&options, &url, NULL, &place, &err) != 0)
            fail_msg("%s: %s", rows[i].url, err.what);
        if (place.virtual_style != rows[i].virtual_style)
            fail_msg("%s", rows[i].url);
        s3_place_free(&place);
        target_url_free(&url);
    }
}

/* A country beside the URL is held against the table as one within it. */
static void test_options(void **state)
{
    (void)state;
    struct target_options options = {
        .name = "t", .url = "s3://bucket", .region = "ap-northeast-2", .provider = "aws", .country = "JP"};
    struct target_traits traits;
    struct error err = {0};
    assert_int_equal(target_describe(&options, &traits, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_non_null(strstr(err.what, "Seoul"));
    options.provider = "wasabi";
    assert_int_equal(target_describe(&options, &traits, &err), 0);
    assert_string_equal(traits.country, "JP");
    assert_false(traits.attested);
    target_traits_free(&traits);
}

static void test_without(void **state)
{
    static const struct {
        const char *text, *key, *wanted;
    } rows[] = {{"s3://b/p?lock=compliance:1", "lock", "s3://b/p"},
                {"s3://b/p?lock=x&region=y", "lock", "s3://b/p?region=y"},
                {"s3://b/p?region=y&lock=x", "lock", "s3://b/p?region=y"},
                {"s3://b/p?a=1&lock=x&b=2", "lock", "s3://b/p?a=1&b=2"},
                {"s3://b/p?lock=x&lock=y", "lock", "s3://b/p"},
                {"s3://b/p?locks=x", "lock", "s3://b/p?locks=x"},
                {"s3://b/lock=x", "lock", "s3://b/lock=x"},
                {"file:///p", "lock", "file:///p"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_FREE char *text = target_url_without(rows[i].text, rows[i].key);
        assert_string_equal(text, rows[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_options),
                                       cmocka_unit_test(test_without), cmocka_unit_test(test_endpoints),
                                       cmocka_unit_test(test_style)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
