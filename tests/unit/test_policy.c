#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static struct policy *load(const char *name)
{
    struct error err = {0};
    struct policy *policy = NULL;
    char path[128];
    (void)snprintf(path, sizeof(path), "policies/%s.yaml", name);
    if (policy_load(path, &policy, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    assert_string_equal(policy->name, name);
    return policy;
}

static struct policy *parse(const char *text)
{
    struct error err = {0};
    struct policy *policy = NULL;
    if (policy_parse("p.yaml", text, strlen(text), &policy, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    return policy;
}

static void test_plain(void **state)
{
    (void)state;
    struct policy *policy = parse(policy_plain_text);
    assert_string_equal(policy->name, POLICY_PLAIN);
    assert_true(policy->generations.keep_all);
    assert_int_equal(policy->generations.rules.count, 0);
    assert_true(policy_backs_up(policy, POLICY_CUSTOMER));
    assert_int_equal(policy->promise_count, 0);
    assert_int_equal(policy->schedule.window_minutes, POLICY_MINUTES_OF_DAY);
    assert_string_equal(policy->schedule.zone, "UTC");
    assert_string_equal(policy->calendar, "japan");
    policy_free(policy);
    policy_free(NULL);
}

static void test_shipped(void **state)
{
    (void)state;
    struct policy *p = load("daily-7-generations");
    assert_int_equal(p->schedule.every, POLICY_DAILY);
    assert_int_equal(p->schedule.window_start, 60);
    assert_int_equal(p->schedule.window_minutes, 300);
    assert_int_equal(p->generations.rules.count, 1);
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_DAILY);
    assert_int_equal(p->generations.rules.rules[0].count, 7);
    assert_int_equal(p->generations.rules.on_demand.count, 7);
    assert_int_equal(p->targets.min_copies, 2);
    assert_int_equal(p->targets.sites, 2);
    assert_true(policy_has_word(&p->targets.countries, "JP"));
    assert_int_equal(p->encryption.holder, POLICY_HOLDER_KEY_SERVICE);
    assert_int_equal(p->contract_end.within.unit, SPAN_MONTHS);
    assert_int_equal(p->contract_end.proof, POLICY_PROOF_KEYS);
    assert_int_equal(p->contract_end.survivor_count, 1);
    assert_int_equal(p->contract_end.survivors[0].fields.count, 3);
    assert_false(p->restores.on_request);
    assert_int_equal(p->notices[0].within.count, 72);
    assert_int_equal(p->notices[0].strength, POLICY_AIM);
    assert_string_equal(p->logs[0].zone, "Asia/Tokyo");
    assert_non_null(policy_find_promise(p, "backup-daily"));
    assert_null(policy_find_promise(p, "backup-hourly"));
    policy_free(p);

    p = load("daily-30-days");
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_WITHIN);
    assert_int_equal(p->generations.rules.rules[0].within.count, 30);
    assert_int_equal(p->encryption.algorithms, POLICY_ALGORITHMS_CRYPTREC);
    assert_true(policy_has_word(&p->targets.regions, "ap-northeast-1"));
    assert_int_equal(p->log_count, 4);
    assert_true(p->logs[3].is_protected);
    assert_false(p->contract_end.rule.present);
    policy_free(p);

    p = load("monthly-1-year");
    assert_int_equal(p->schedule.every, POLICY_MONTHLY);
    assert_int_equal(p->schedule.day, 1);
    assert_int_equal(p->sources.kinds, 1U << POLICY_SOURCE_IMAGE);
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_MONTHLY);
    assert_int_equal(p->generations.rules.rules[0].count, 0);
    assert_int_equal(p->generations.rules.rules[0].within.unit, SPAN_YEARS);
    assert_true(p->drills[0].own_server);
    assert_int_equal(p->logs[0].fetched_by, 5);
    assert_int_equal(p->logs[0].format, POLICY_LOG_CSV);
    assert_true(p->logs[1].survives);
    assert_int_equal(p->logs[1].keep.count, 5);
    assert_int_equal(p->reviews[0].business_day, 5);
    policy_free(p);

    p = load("customer-export");
    assert_false(policy_backs_up(p, POLICY_CUSTOMER));
    assert_true(policy_backs_up(p, POLICY_PROVIDER));
    assert_true(p->restores.customer_export);
    assert_int_equal(p->notices[0].business_days, 3);
    assert_int_equal(p->notices[0].strength, POLICY_DUTY);
    assert_int_equal(p->notices[0].from, POLICY_FROM_CONFIRMATION);
    policy_free(p);

    p = load("two-clouds-japan");
    assert_int_equal(p->targets.providers, 2);
    assert_int_equal(policy_find_promise(p, "retention")->status, POLICY_INTERNAL);
    assert_int_equal(policy_find_promise(p, "access-by-few")->by, POLICY_BY_OPERATOR);
    assert_int_equal(p->generations.rules.count, 2);
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
