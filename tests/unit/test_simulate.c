/* Simulated days: the snapshots that a schedule makes, in zones whose days are longer, shorter or left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/simulate.h"
#include "retention_fixture.h"

#include <stdio.h>
#include <string.h>

struct seen {
    size_t days, snapshots;
    char first[32], last[32];
};

static int note(const struct simulate_day *day, void *context, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    seen->days++;
    seen->snapshots = day->snapshot_count;
    if (day->snapshot_count > 0) {
        (void)snprintf(seen->first, sizeof(seen->first), "%s", day->snapshots[0].id);
        (void)snprintf(seen->last, sizeof(seen->last), "%s", day->snapshots[day->snapshot_count - 1].id);
    }
    return 0;
}

static struct seen simulate(const char *zone, const char *schedule, const char *now, unsigned days)
{
    char text[512];
    struct error err = {0};
    struct policy *policy;
    struct seen seen = {0};
    (void)snprintf(text, sizeof(text),
                   "schema: 1\nname: a\ntitle: {ja: a, en: a}\nzone: %s\n"
                   "schedule: {tenants: [customer], %s}\ngenerations: {keep: all}\n",
                   zone, schedule);
    if (policy_parse("a.yaml", text, strlen(text), &policy, &err) != 0)
        fail_msg("%s", err.what);
    const struct simulate_input input = {.policy = policy, .now_ns = at(now), .days = days};
    if (simulate_days(&input, note, &seen, &err) != 0)
        fail_msg("%s", err.what);
    policy_free(policy);
    return seen;
}

static void test_schedules(void **state)
{
    static const struct {
        const char *zone, *schedule, *now;
        unsigned days;
        size_t snapshots;
        const char *first, *last;
    } rows[] = {
        {"Asia/Tokyo", "every: daily", "2026-11-21T12:00:00+09:00", 3, 3, "2026-11-22", "2026-11-24"},
        {"Asia/Tokyo", "every: weekly, weekday: sunday", "2026-11-20T12:00:00+09:00", 14, 2, "2026-11-22",
         "2026-11-29"},
        {"Asia/Tokyo", "every: monthly, day: 31", "2027-01-30T12:00:00+09:00", 40, 2, "2027-01-31", "2027-02-28"},
        {"Asia/Tokyo", "every: hourly", "2026-11-21T12:00:00+09:00", 2, 48, "2026-11-22T00", "2026-11-23T23"},
        /* Hours that begin within the window, as the daemon has it. */
        {"Asia/Tokyo", "every: hourly, window: '09:00-18:00'", "2026-11-21T12:00:00+09:00", 2, 18, "2026-11-22T09",
         "2026-11-23T17"},
        {"Asia/Tokyo", "every: hourly, window: '22:30-02:00'", "2026-11-21T12:00:00+09:00", 2, 6, "2026-11-22T00",
         "2026-11-23T23"},
        /* Days of 23, 25 and 26 hours, and one with a change by half an hour. */
        {"Europe/Berlin", "every: hourly", "2027-03-27T12:00:00+01:00", 1, 23, "2027-03-28T00", "2027-03-28T23"},
        {"Europe/Berlin", "every: hourly", "2027-10-30T12:00:00+02:00", 1, 25, "2027-10-31T00", "2027-10-31T23"},
        {"Antarctica/Troll", "every: hourly", "2027-10-30T12:00:00Z", 1, 26, "2027-10-31T00", "2027-10-31T23"},
        {"Australia/Lord_Howe", "every: hourly", "2027-04-03T12:00:00+11:00", 1, 25, "2027-04-04T00", "2027-04-04T23"},
        /* A day that a zone left out has no night. */
        {"Pacific/Apia", "every: daily", "2011-12-28T12:00:00-10:00", 3, 2, "2011-12-29", "2011-12-31"},
        {"Pacific/Apia", "every: hourly", "2011-12-29T12:00:00-10:00", 1, 0, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen seen = simulate(rows[i].zone, rows[i].schedule, rows[i].now, rows[i].days);
        if (seen.days != rows[i].days || seen.snapshots != rows[i].snapshots ||
            strcmp(seen.first, rows[i].first) != 0 || strcmp(seen.last, rows[i].last) != 0)
            fail_msg("row %zu: %zu days, %zu snapshots, %s to %s", i, seen.days, seen.snapshots, seen.first, seen.last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
