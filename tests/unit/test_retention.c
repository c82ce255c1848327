/* Retention: tables of snapshots and what becomes of each, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "retention_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 6, SNAPSHOTS_MAX = 12 };

/* ---- A table: snapshots as texts, and what becomes of them ---- */

/*
 * "TIME FLAGS": c complete, u unknown, d on demand, v verified, t tag "week"; "TIME FLAGS until TIME" with an expiry of
 * its own. `reason` is a part of the first reason; kept if it begins with '+'.
 */
struct row {
    const char *snapshot;
    const char *outcome;
};
struct scene {
    const char *name;
    const char *zone;
    const char *now;
    struct retention_rule rules[RULES_MAX];
    struct row rows[SNAPSHOTS_MAX];
};

static struct retention_snapshot parse_snapshot(const char *text, char *id)
{
    struct retention_snapshot snapshot = {.id = id};
    char time[32], flags[8], until[32] = "";
    assert_true(sscanf(text, "%31s %7s until %31s", time, flags, until) >= 2);
    snapshot.time_ns = at(time);
    snapshot.copies = strchr(flags, 'c') != NULL   ? RETENTION_COMPLETE
                      : strchr(flags, 'u') != NULL ? RETENTION_UNKNOWN
                                                   : RETENTION_PARTIAL;
    snapshot.on_demand = strchr(flags, 'd') != NULL;
    snapshot.verified_ns = strchr(flags, 'v') != NULL ? snapshot.time_ns + 1 : 0;
    snapshot.tag = strchr(flags, 't') != NULL ? "week" : NULL;
    snapshot.keep_until_ns = until[0] != '\0' ? at(until) : 0;
    return snapshot;
}

static void play(const struct scene *scene)
{
    struct retention_snapshot snapshots[SNAPSHOTS_MAX];
    char ids[SNAPSHOTS_MAX][4];
    struct retention_rules rules = {.rules = (struct retention_rule *)scene->rules};
    struct retention_input input = {.snapshots = snapshots, .rules = &rules, .now_ns = at(scene->now)};
    struct zone *zone = open_zone(scene->zone);
    struct retention_plan plan;
    struct error err = {0};
    input.zone = zone;
    while (rules.count < RULES_MAX &&
           (scene->rules[rules.count].count > 0 || scene->rules[rules.count].within.count > 0))
        rules.count++;
    for (size_t i = 0; i < SNAPSHOTS_MAX && scene->rows[i].snapshot != NULL; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "s%zu", i % 100);
        snapshots[input.snapshot_count++] = parse_snapshot(scene->rows[i].snapshot, ids[i]);
    }
    if (retention_plan_make(&input, &plan, &err) != 0)
        fail_msg("%s: %s", scene->name, err.what);
    assert_int_equal(plan.count, input.snapshot_count);
    for (size_t i = 0; i < plan.count; i++) {
        const struct retention_decision *decision = &plan.decisions[i];
        const struct row *row = &scene->rows[decision->snapshot];
        if (decision->keep != (row->outcome[0] == '+') || strstr(decision->reasons[0], row->outcome + 1) == NULL)
            fail_msg("%s: %s: %s, %s", scene->name, row->snapshot, decision->keep ? "kept" : "dropped",
                     decision->reasons[0]);
    }
    retention_plan_clear(&plan);
    zone_free(zone);
}

static void test_scenes(void **state)
{
    (void)state;
    const struct scene scenes[] = {
        {"one a day, in the zone",
         "Asia/Tokyo",
         "2026-11-22T03:00:00Z",
         {rule(RETENTION_DAILY, 3, NULL, NULL)},
         /* 15:30 in UTC is the next day there. */
         {{"2026-11-21T15:30:00Z c", "+daily 1 of 3: 2026-11-22"},
          {"2026-11-21T14:30:00Z c", "+daily 2 of 3: 2026-11-21"},
          {"2026-11-20T15:30:00Z c", "-daily 3: s1 is later in the same period"},
          {"2026-11-20T14:30:00Z c", "+daily 3 of 3: 2026-11-20"},
          {"2026-11-19T14:30:00Z c", "-daily 3: the last one is 2026-11-20"}}},
        {"retries do not push a day out",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_DAILY, 2, NULL, NULL)},
         {{"2026-11-21T02:00:00Z c", "-s2 is later"},
          {"2026-11-21T03:00:00Z c", "-s2 is later"},
          {"2026-11-21T04:00:00Z c", "+daily 1 of 2"},
          {"2026-11-20T02:00:00Z c", "+daily 2 of 2"}}},
        {"a retry that is partial does not replace what is complete",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_DAILY, 2, NULL, NULL)},
         {{"2026-11-21T02:00:00Z c", "+daily 1 of 2"},
          {"2026-11-21T03:00:00Z -", "+partial, waits for catch-up; then daily 1 of 2"},
          {"2026-11-20T02:00:00Z c", "+daily 2 of 2"},
          {"2026-11-20T01:00:00Z -", "-partial, and no generation"}}},
        {"failing nights eat no good ones",
         "UTC",
         "2026-11-28T12:00:00Z",
         {rule(RETENTION_DAILY, 2, NULL, NULL)},
         {{"2026-11-28T02:00:00Z -", "+then daily 1 of 2"},
          {"2026-11-27T02:00:00Z -", "+then daily 2 of 2"},
          {"2026-11-26T02:00:00Z -", "-partial"},
          {"2026-11-21T02:00:00Z c", "+daily 1 of 2: 2026-11-21"},
          {"2026-11-20T02:00:00Z c", "+daily 2 of 2: 2026-11-20"},
          {"2026-11-19T02:00:00Z c", "-the last one is 2026-11-20"}}},
        {"what cannot be told is kept, and pushes nothing out",
         "UTC",
         "2026-11-28T12:00:00Z",
         {rule(RETENTION_DAILY, 1, NULL, NULL)},
         {{"2026-11-28T02:00:00Z u", "+then daily 1 of 1"},
          {"2026-11-27T02:00:00Z u", "+unknown: too few targets answer"},
          {"2026-11-26T02:00:00Z c", "+daily 1 of 1"},
          {"2026-11-25T02:00:00Z -", "-partial"},
          {"2026-11-24T02:00:00Z c", "-daily 1"}}},
        {"snapshots on demand are no generations",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_DAILY, 2, NULL, NULL)},
         {{"2026-11-21T11:00:00Z cd", "+on demand: until it is taken out"},
          {"2026-11-21T10:00:00Z cd until 2026-11-21T11:00:00Z", "-on demand: over since 2026-11-21"},
          {"2026-11-21T09:00:00Z cd until 2026-12-21T11:00:00Z", "+on demand: until 2026-12-21"},
          {"2026-11-21T02:00:00Z c", "+daily 1 of 2"},
          {"2026-11-20T02:00:00Z c", "+daily 2 of 2"}}},
        {"thirty days are everything within thirty days",
         "Asia/Tokyo",
         "2026-12-21T02:00:00Z",
         {rule(RETENTION_WITHIN, 0, "30d", NULL)},
         {{"2026-12-21T01:00:00Z c", "+within 30d: until 2027-01-20"},
          {"2026-12-21T00:00:00Z c", "+within 30d: until 2027-01-20"},
          {"2026-11-21T02:00:01Z c", "+within 30d: until 2026-12-21"},
          {"2026-11-21T02:00:00Z c", "-within 30d: over since 2026-12-21"}}},
        {"monthly, one year",
         "UTC",
         "2027-02-28T12:00:00Z",
         {rule(RETENTION_MONTHLY, 0, "1y", NULL)},
         {{"2027-02-28T02:00:00Z c", "+monthly within 1y, number 1: 2027-02"},
          {"2027-02-27T02:00:00Z c", "-s0 is later in the same period"},
          {"2027-01-31T02:00:00Z c", "+number 2: 2027-01"},
          {"2026-02-28T13:00:00Z c", "+number 3: 2026-02"},
          {"2026-01-31T02:00:00Z c", "-monthly within 1y: over since 2027-01-31"}}},
        /* 30 January, 23:00, would outlive the 31st, 01:00, by the arithmetic of months: it must not come back. */
        {"what was replaced stays replaced",
         "UTC",
         "2026-02-28T12:00:00Z",
         {rule(RETENTION_MONTHLY, 0, "1m", NULL)},
         {{"2026-02-28T02:00:00Z c", "+monthly"},
          {"2026-01-31T01:00:00Z c", "-over since 2026-02-28"},
          {"2026-01-30T23:00:00Z c", "-s1 is later"}}},
        {"rules together",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_LAST, 1, NULL, NULL), rule(RETENTION_WEEKLY, 2, NULL, NULL),
          rule(RETENTION_YEARLY, 3, NULL, NULL)},
         {{"2026-11-21T02:00:00Z c", "+last 1 of 1"},
          {"2026-11-20T02:00:00Z c", "-last 1: the last one is 2026-11-21"},
          {"2026-11-15T02:00:00Z c", "+weekly 2 of 2: 2026-W46"},
          {"2026-11-08T02:00:00Z c", "-last 1"},
          {"2025-12-31T02:00:00Z c", "+yearly 2 of 3: 2025"},
          {"2024-02-29T02:00:00Z c", "+yearly 3 of 3: 2024"}}},
        {"by tag",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_DAILY, 1, NULL, NULL), rule(RETENTION_LAST, 1, NULL, (char[]){"week"})},
         {{"2026-11-21T02:00:00Z c", "+daily 1 of 1"},
          {"2026-11-20T02:00:00Z ct", "+last 1 of 1(tag week)"},
          {"2026-11-19T02:00:00Z ct", "-daily 1: the last one"},
          {"2026-11-18T02:00:00Z c", "-daily 1: the last one"}}},
        {"an hour that comes twice is two",
         "America/New_York",
         "2026-11-01T12:00:00Z",
         {rule(RETENTION_HOURLY, 3, NULL, NULL)},
         {{"2026-11-01T06:30:00Z c", "+hourly 1 of 3: 2026-11-01 01:00-05"},
          {"2026-11-01T06:10:00Z c", "-s0 is later"},
          {"2026-11-01T05:30:00Z c", "+hourly 2 of 3: 2026-11-01 01:00-04"},
          {"2026-11-01T04:30:00Z c", "+hourly 3 of 3: 2026-11-01 00:00-04"},
          {"2026-11-01T03:30:00Z c", "-hourly 3"}}},
        {"the last verified and the latest complete stay",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_LAST, 1, NULL, (char[]){"week"})},
         {{"2026-11-21T02:00:00Z -", "-no generation"},
          {"2026-11-20T02:00:00Z c", "+latest complete"},
          {"2026-11-19T02:00:00Z cv", "+last verified"},
          {"2026-11-18T02:00:00Z cv", "-no rule is about it"},
          {"2026-11-17T02:00:00Z ct", "+last 1 of 1"}}},
        {"verified, but partial since: the sound one stays too",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_LAST, 1, NULL, NULL)},
         {{"2026-11-21T02:00:00Z c", "+last 1 of 1"},
          {"2026-11-20T02:00:00Z v", "+last verified, but partial since"},
          {"2026-11-19T02:00:00Z cv", "+last verified"}}},
        {"an expiry of its own keeps longer, never shorter",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_LAST, 2, NULL, NULL)},
         {{"2026-11-21T02:00:00Z c until 2026-11-21T03:00:00Z", "+last 1 of 2"},
          {"2026-11-20T02:00:00Z c", "+last 2 of 2"},
          {"2026-11-19T02:00:00Z c until 2026-12-01T00:00:00Z", "+its own expiry: until 2026-12-01"},
          {"2026-11-18T02:00:00Z c until 2026-11-20T00:00:00Z", "-last 2"}}},
        {"without a rule everything is kept",
         "UTC",
         "2026-11-21T12:00:00Z",
         {{.count = 0}},
         {{"2026-11-21T02:00:00Z c", "+no rule"},
          {"2020-11-20T02:00:00Z -", "+no rule"},
          {"2020-11-20T02:00:00Z cd until 2021-01-01T00:00:00Z", "-on demand: over since 2021-01-01"}}},
        {"count and span together",
         "UTC",
         "2026-11-21T12:00:00Z",
         {rule(RETENTION_DAILY, 2, "5d", NULL)},
         {{"2026-11-20T02:00:00Z c", "+daily 2 within 5d, number 1"},
          {"2026-11-10T02:00:00Z c", "-over since 2026-11-15"}}},
    };
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
        play(&scenes[i]);
}

/* ---- Refusing ---- */

static int plan_one(int64_t ahead_ns, int64_t time_ns, bool complete, bool expired, struct error *err)
{
    struct retention_rule last = rule(RETENTION_LAST, 1, NULL, NULL);
    const struct retention_rules rules = {.rules = &last, .count = 1};
    const struct retention_clock clock = {"tokyo", ahead_ns};
    struct zone *zone = open_zone("UTC");
    int64_t now = at("2026-11-21T12:00:00Z");
    const struct retention_snapshot snapshot = {.id = "s",
                                                .time_ns = time_ns,
                                                .copies = complete ? RETENTION_COMPLETE : RETENTION_PARTIAL,
                                                .on_demand = expired,
                                                .keep_until_ns = expired ? now - 1 : 0};
    const struct retention_input input = {.snapshots = &snapshot,
                                          .snapshot_count = 1,
                                          .rules = &rules,
                                          .clocks = &clock,
                                          .clock_count = 1,
                                          .now_ns = now,
                                          .zone = zone};
    struct retention_plan plan;
    int rc = retention_plan_make(&input, &plan, err);
    if (rc == 0)
        retention_plan_clear(&plan);
    zone_free(zone);
    return rc;
}

static void test_refused(void **state)
{
    (void)state;
    int64_t now = at("2026-11-21T12:00:00Z"), most = RETENTION_SKEW_MAX_S * NS_PER_S;
    struct error err = {0};
    assert_int_equal(plan_one(most, now, true, false, &err), 0);
    assert_int_equal(plan_one(-most, now + most, true, false, &err), 0);
    assert_int_equal(plan_one(most + 1, now, true, false, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_non_null(strstr(err.what, "tokyo"));
    assert_int_equal(plan_one(-most - 1, now, true, false, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_int_equal(plan_one(0, now + most + 1, true, false, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_non_null(strstr(err.what, "snapshot s"));
    /* All that there is has expired, and is not complete. */
    assert_int_equal(plan_one(0, now - NS_PER_S, false, true, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_non_null(strstr(err.what, "none of 1"));
    /* It is complete: nothing else to restore from. */
    assert_int_equal(plan_one(0, now - NS_PER_S, true, true, &err), 0);
}

static void test_no_snapshots(void **state)
{
    (void)state;
    struct zone *zone = open_zone("UTC");
    struct retention_rules rules = {0};
    struct retention_input input = {.rules = &rules, .zone = zone, .now_ns = 1};
    struct retention_plan plan;
    assert_int_equal(retention_plan_make(&input, &plan, NULL), 0);
    assert_int_equal(plan.count, 0);
    retention_plan_clear(&plan);
    zone_free(zone);
}

static void test_holds(void **state)
{
    (void)state;
    struct zone *zone = open_zone("UTC");
    struct retention_rule last = rule(RETENTION_LAST, 1, NULL, NULL);
    struct retention_rules rules = {.rules = &last, .count = 1};
    const struct retention_snapshot snapshots[] = {{.id = "a", .time_ns = 10, .copies = RETENTION_COMPLETE},
                                                   {.id = "b", .time_ns = 20, .copies = RETENTION_COMPLETE},
                                                   {.id = "c", .time_ns = 5}};
    struct retention_hold hold = {"4711", "counsel", INT64_MAX};
    struct retention_input input = {.snapshots = snapshots,
                                    .snapshot_count = 3,
                                    .rules = &rules,
                                    .holds = &hold,
                                    .hold_count = 1,
                                    .now_ns = 100,
                                    .zone = zone};
    struct retention_plan plan;
    assert_int_equal(retention_plan_make(&input, &plan, NULL), 0);
    assert_int_equal(plan.keep_count, 3);
    assert_string_equal(plan.decisions[1].reasons[0], "hold 4711 by counsel");
    retention_plan_clear(&plan);
    hold.until_ns = 100; /* it ended just now */
    assert_int_equal(retention_plan_make(&input, &plan, NULL), 0);
    assert_int_equal(plan.keep_count, 1);
    retention_plan_clear(&plan);
    zone_free(zone);
}

static void test_rules(void **state)
{
    (void)state;
    char text[RETENTION_TEXT_SIZE];
    enum retention_kind kind;
    struct retention_rule rules[] = {rule(RETENTION_DAILY, 7, NULL, NULL), rule(RETENTION_MONTHLY, 0, "1y", NULL),
                                     rule(RETENTION_WITHIN, 0, "30d", NULL),
                                     rule(RETENTION_LAST, 3, "2w", (char[]){"release"})};
    static const char *const texts[] = {"daily 7", "monthly within 1y", "within 30d", "last 3 within 2w (tag release)"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(retention_rule_format(&rules[i], text), texts[i]);
        assert_int_equal(retention_rule_check(&rules[i], NULL), 0);
        assert_true(retention_kind_find(retention_kind_name(rules[i].kind), &kind));
        assert_int_equal(kind, rules[i].kind);
    }
    assert_false(retention_kind_find("nightly", &kind));
    struct retention_rule bad[] = {rule(RETENTION_DAILY, 0, NULL, NULL), rule(RETENTION_WITHIN, 3, "1d", NULL),
                                   rule(RETENTION_WITHIN, 0, NULL, NULL), rule(RETENTION_LAST, 100001, NULL, NULL)};
    for (size_t i = 0; i < 4; i++) {
        struct error err = {0};
        assert_int_equal(retention_rule_check(&bad[i], &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenes), cmocka_unit_test(test_refused), cmocka_unit_test(test_no_snapshots),
        cmocka_unit_test(test_holds),  cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
