/* Providers and regions: no pair twice, every country a code, and the pairs that people mistake for each other. */
#include "base/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_table(void **state)
{
    (void)state;
    for (const struct provider_region *r = provider_regions(); r->provider != NULL; r++) {
        assert_non_null(provider_find(r->provider));
        assert_true(provider_find(r->provider)->places_known);
        assert_int_equal(strlen(r->country), 2);
        assert_int_equal(strspn(r->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 2);
        assert_true(r->place[0] != '\0');
        assert_ptr_equal(provider_region_find(r->provider, r->region),
                         r); /* the first of that name: none comes twice */
    }
}

static void test_traps(void **state)
{
    static const struct {
        const char *provider, *region, *country;
    } known[] = {{"aws", "ap-northeast-1", "JP"},    {"aws", "ap-northeast-3", "JP"},
                 {"aws", "ap-northeast-2", "KR"},    {"wasabi", "ap-northeast-1", "JP"},
                 {"wasabi", "ap-northeast-2", "JP"}, {"wasabi", "eu-central-1", "NL"},
                 {"aws", "eu-central-1", "DE"}};
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct provider_region *region = provider_region_find(known[i].provider, known[i].region);
        assert_non_null(region);
        assert_string_equal(region->country, known[i].country);
    }
    assert_null(provider_region_find("wasabi", "ap-northeast-3"));
    assert_null(provider_region_find("ceph", "ap-northeast-1"));
    assert_null(provider_region_find(NULL, "ap-northeast-1"));
    assert_null(provider_region_find("aws", NULL));
    assert_null(provider_find("azure"));
    assert_null(provider_find(NULL));
}

static void test_billing(void **state)
{
    (void)state;
    assert_int_equal(provider_find("wasabi")->minimum_days, 90);
    assert_int_equal(provider_find("wasabi")->minimum_size, 4096);
    assert_int_equal(provider_find("aws")->minimum_days, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_billing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
