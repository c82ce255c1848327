/* What is due: tables of zones, days of 23 and 25 hours, month ends, missed nights, windows over midnight, jitter. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <string.h>

static int64_t instant(const char *text)
{
    int64_t ns = 0;
    struct error err = {0};
    if (text[0] == '\0')
        return 0;
    if (clock_parse(text, &ns, &err) != 0)
        fail_msg("%s: %s", text, err.what);
    return ns;
}

static const struct id nobody; /* all zero; without jitter the id does not matter */

struct row {
    const char *what;
    enum policy_every every;
    const char *zone;
    unsigned window_start, window_minutes;
    enum policy_weekday on;
    unsigned day;
    const char *last, *not_before, *now;
    enum schedule_state state;
    const char *at;
    unsigned windows;
    bool is_late;
};

#define AT(hour, minute) (60 * (hour) + (minute))

static const struct row rows[] = {
    {"in the window", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-20T01:30:00+09:00", "",
     "2026-11-21T01:00:00+09:00", SCHEDULE_DUE, "2026-11-21T01:00:00+09:00", 0, false},
    {"a second before it", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-20T01:30:00+09:00", "",
     "2026-11-21T00:59:59+09:00", SCHEDULE_DONE, "2026-11-21T01:00:00+09:00", 0, false},
    {"done in it", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-21T01:00:00+09:00", "",
     "2026-11-21T03:00:00+09:00", SCHEDULE_DONE, "2026-11-22T01:00:00+09:00", 0, false},
    {"the window is over", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-20T01:30:00+09:00", "",
     "2026-11-21T06:00:00+09:00", SCHEDULE_MISSED, "2026-11-21T01:00:00+09:00", 0, true},
    {"seven nights missed are one", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-13T01:30:00+09:00", "",
     "2026-11-21T02:00:00+09:00", SCHEDULE_DUE, "2026-11-21T01:00:00+09:00", 7, true},
    {"and then done", POLICY_DAILY, "Asia/Tokyo", AT(1, 0), 300, 0, 0, "2026-11-21T02:00:00+09:00", "",
     "2026-11-21T02:30:00+09:00", SCHEDULE_DONE, "2026-11-22T01:00:00+09:00", 0, false},
    {"never done", POLICY_DAILY, "UTC", 0, 1440, 0, 0, "", "", "2026-11-21T12:00:00Z", SCHEDULE_DUE,
     "2026-11-21T00:00:00Z", 0, false},
    {"not before", POLICY_DAILY, "UTC", 0, 1440, 0, 0, "", "2026-11-23T04:00:00Z", "2026-11-21T12:00:00Z",
     SCHEDULE_WAITS, "2026-11-23T04:00:00Z", 0, false},
    {"over midnight, before", POLICY_DAILY, "Asia/Tokyo", AT(22, 0), 480, 0, 0, "2026-11-20T22:10:00+09:00", "",
     "2026-11-21T21:59:00+09:00", SCHEDULE_DONE, "2026-11-21T22:00:00+09:00", 0, false},
    {"over midnight, behind it", POLICY_DAILY, "Asia/Tokyo", AT(22, 0), 480, 0, 0, "2026-11-20T22:10:00+09:00", "",
     "2026-11-22T01:00:00+09:00", SCHEDULE_DUE, "2026-11-21T22:00:00+09:00", 0, false},
    {"over midnight, done before it", POLICY_DAILY, "Asia/Tokyo", AT(22, 0), 480, 0, 0, "2026-11-21T23:59:00+09:00", "",
     "2026-11-22T01:00:00+09:00", SCHEDULE_DONE, "2026-11-22T22:00:00+09:00", 0, false},
    {"spring: 02:30 does not come", POLICY_DAILY, "Europe/Berlin", AT(2, 30), 60, 0, 0, "2026-03-28T02:31:00+01:00", "",
     "2026-03-29T03:00:00+02:00", SCHEDULE_DUE, "2026-03-29T03:00:00+02:00", 0, false},
    {"spring: not before the gap", POLICY_DAILY, "Europe/Berlin", AT(2, 30), 60, 0, 0, "2026-03-28T02:31:00+01:00", "",
     "2026-03-29T01:59:59+01:00", SCHEDULE_DONE, "2026-03-29T03:00:00+02:00", 0, false},
    {"autumn: 02:30 comes twice, and is one window", POLICY_DAILY, "Europe/Berlin", AT(2, 30), 60, 0, 0,
     "2026-10-25T02:30:00+02:00", "", "2026-10-25T02:45:00+01:00", SCHEDULE_DONE, "2026-10-26T02:30:00+01:00", 0,
     false},
    {"autumn: the first of the two", POLICY_DAILY, "Europe/Berlin", AT(2, 30), 60, 0, 0, "2026-10-24T02:30:00+02:00",
     "", "2026-10-25T02:30:00+02:00", SCHEDULE_DUE, "2026-10-25T02:30:00+02:00", 0, false},
    {"a day that Samoa left out", POLICY_DAILY, "Pacific/Apia", AT(1, 0), 300, 0, 0, "2011-12-29T01:10:00-10:00", "",
     "2011-12-31T00:30:00+14:00", SCHEDULE_DONE, "2011-12-31T01:00:00+14:00", 0, false},
    {"the same zone, another day than UTC", POLICY_DAILY, "Pacific/Kiritimati", 0, 60, 0, 0, "2026-11-20T09:00:00Z", "",
     "2026-11-20T10:00:00Z", SCHEDULE_DUE, "2026-11-20T10:00:00Z", 0, false},
    {"weekly, on its day", POLICY_WEEKLY, "UTC", AT(3, 0), 120, POLICY_SUNDAY, 0, "2026-11-15T03:00:00Z", "",
     "2026-11-22T03:00:00Z", SCHEDULE_DUE, "2026-11-22T03:00:00Z", 0, false},
    {"weekly, the day before", POLICY_WEEKLY, "UTC", AT(3, 0), 120, POLICY_SUNDAY, 0, "2026-11-15T03:00:00Z", "",
     "2026-11-21T23:00:00Z", SCHEDULE_DONE, "2026-11-22T03:00:00Z", 0, false},
    {"weekly, on Monday", POLICY_WEEKLY, "UTC", AT(3, 0), 120, POLICY_MONDAY, 0, "2026-11-15T03:00:00Z", "",
     "2026-11-21T23:00:00Z", SCHEDULE_MISSED, "2026-11-16T03:00:00Z", 0, true},
    {"monthly on the 31st, in February", POLICY_MONTHLY, "UTC", 0, 1440, 0, 31, "2026-01-31T00:05:00Z", "",
     "2026-02-28T00:00:00Z", SCHEDULE_DUE, "2026-02-28T00:00:00Z", 0, false},
    {"monthly on the 29th, in a leap year", POLICY_MONTHLY, "UTC", 0, 1440, 0, 29, "2028-01-29T00:05:00Z", "",
     "2028-02-28T12:00:00Z", SCHEDULE_DONE, "2028-02-29T00:00:00Z", 0, false},
    {"monthly, over the end of a year", POLICY_MONTHLY, "Asia/Tokyo", 0, 1440, 0, 1, "2026-12-01T00:05:00+09:00", "",
     "2026-12-31T23:59:00+09:00", SCHEDULE_DONE, "2027-01-01T00:00:00+09:00", 0, false},
    {"monthly, three months missed", POLICY_MONTHLY, "UTC", 0, 60, 0, 15, "2026-07-15T00:05:00Z", "",
     "2026-11-15T00:30:00Z", SCHEDULE_DUE, "2026-11-15T00:00:00Z", 3, true},
    {"hourly", POLICY_HOURLY, "UTC", 0, 1440, 0, 0, "2026-11-21T10:59:59Z", "", "2026-11-21T11:00:00Z", SCHEDULE_DUE,
     "2026-11-21T11:00:00Z", 0, false},
    {"hourly, done", POLICY_HOURLY, "UTC", 0, 1440, 0, 0, "2026-11-21T11:00:00Z", "", "2026-11-21T11:30:00Z",
     SCHEDULE_DONE, "2026-11-21T12:00:00Z", 0, false},
    {"hourly in a window, outside of it", POLICY_HOURLY, "UTC", AT(22, 0), 240, 0, 0, "2026-11-21T01:10:00Z", "",
     "2026-11-21T12:00:00Z", SCHEDULE_DONE, "2026-11-21T22:00:00Z", 0, false},
    {"hourly, the hour that comes twice", POLICY_HOURLY, "Europe/Berlin", 0, 1440, 0, 0, "2026-10-25T02:00:00+02:00",
     "", "2026-10-25T02:00:00+01:00", SCHEDULE_DUE, "2026-10-25T02:00:00+01:00", 0, false},
};

static void decide_row(const struct row *row, struct schedule_due *ret)
{
    struct error err = {0};
    struct zone *zone = NULL;
    const struct policy_schedule schedule = {.rule = {.present = true},
                                             .every = row->every,
                                             .window_start = row->window_start,
                                             .window_minutes = row->window_minutes,
                                             .on = row->on,
                                             .day = row->day};
    if (zone_open(row->zone, &zone, &err) != 0)
        fail_msg("%s", err.what);
    schedule_decide(&schedule, zone, &nobody, instant(row->last), instant(row->not_before), 0, instant(row->now), ret);
    zone_free(zone);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct schedule_due due;
        char got[CLOCK_TEXT_SIZE], want[CLOCK_TEXT_SIZE];
        decide_row(&rows[i], &due);
        if (due.state != rows[i].state || due.at_ns != instant(rows[i].at) || due.windows != rows[i].windows ||
            due.is_late != rows[i].is_late)
            fail_msg("%s: %s at %s, %u missed, late %d; not %s at %s, %u, %d", rows[i].what,
                     schedule_state_name(due.state), clock_format(due.at_ns, got), due.windows, due.is_late,
                     schedule_state_name(rows[i].state), clock_format(instant(rows[i].at), want), rows[i].windows,
                     rows[i].is_late);
    }
}

/* Hour by hour through two years: whatever the zone, every day has exactly one turn, and a turn never comes early. */
static void test_every_day_once(void **state)
{
    static const char *const zones[] = {
        "UTC", "Asia/Tokyo", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"};
    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        struct zone *zone = NULL;
        struct error err = {0};
        const struct policy_schedule schedule = {
            .rule = {.present = true}, .every = POLICY_DAILY, .window_start = AT(2, 15), .window_minutes = 180};
        assert_int_equal(zone_open(zones[i], &zone, &err), 0);
        int64_t now = instant("2027-12-30T23:07:00Z"), last = now, end = now + INT64_C(731) * 86400 * NS_PER_S;
        int64_t day = zone_period(zone, ZONE_DAY, now);
        unsigned turns = 0;
        for (; now < end; now += 600 * NS_PER_S) {
            struct schedule_due due;
            schedule_decide(&schedule, zone, &nobody, last, 0, 0, now, &due);
            if (!schedule_is_due(&due)) {
                assert_true(due.at_ns > now);
                continue;
            }
            assert_true(due.at_ns <= now && now < due.at_ns + 600 * NS_PER_S);
            if (turns > 0)
                assert_int_equal(zone_period(zone, ZONE_DAY, now), day + 1);
            day = zone_period(zone, ZONE_DAY, now);
            last = now;
            turns++;
        }
        assert_in_range(turns, 730, 731);
        zone_free(zone);
    }
}

static void test_jitter(void **state)
{
    struct zone *zone = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(zone_open("Asia/Tokyo", &zone, &err), 0);
    const struct policy_schedule schedule = {.rule = {.present = true},
                                             .every = POLICY_DAILY,
                                             .window_start = AT(1, 0),
                                             .window_minutes = 300,
                                             .jitter_minutes = 60};
    int64_t start = instant("2026-11-21T01:00:00+09:00"), day = INT64_C(86400) * NS_PER_S;
    unsigned quarters[4] = {0};
    for (unsigned i = 0; i < 1000; i++) {
        struct id tenant = {{(uint8_t)i, (uint8_t)(i >> 8), 7}};
        struct schedule_due due, next;
        schedule_decide(&schedule, zone, &tenant, start - day, 0, 0, start - 1, &due);
        int64_t offset = due.at_ns - start;
        assert_true(offset >= 0 && offset < 3600 * NS_PER_S);
        quarters[offset / (900 * NS_PER_S)]++;
        /* Its time has not come a nanosecond earlier, and is the same the next night. */
        schedule_decide(&schedule, zone, &tenant, start - day, 0, 0, due.at_ns - 1, &next);
        assert_int_equal(next.state, SCHEDULE_DONE);
        schedule_decide(&schedule, zone, &tenant, start - day, 0, 0, due.at_ns, &next);
        assert_int_equal(next.state, SCHEDULE_DUE);
        schedule_decide(&schedule, zone, &tenant, due.at_ns, 0, 0, due.at_ns + 1, &next);
        assert_int_equal(next.at_ns, due.at_ns + day);
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(quarters[i], 190, 310);
    zone_free(zone);
}

static void test_none_and_late(void **state)
{
    struct schedule_due due;
    struct zone *zone = NULL;
    struct error err = {0};
    const struct policy_schedule none = {0};
    const struct policy_schedule daily = {
        .rule = {.present = true}, .every = POLICY_DAILY, .window_start = AT(1, 0), .window_minutes = 60};
    (void)state;
    assert_int_equal(zone_open("UTC", &zone, &err), 0);
    schedule_decide(&none, zone, &nobody, 0, 0, 0, instant("2026-11-21T12:00:00Z"), &due);
    assert_int_equal(due.state, SCHEDULE_NONE);
    assert_false(schedule_is_due(&due));
    /* A tenant of this morning has missed no night. */
    schedule_decide(&daily, zone, &nobody, 0, 0, instant("2026-11-21T09:00:00Z"), instant("2026-11-21T12:00:00Z"),
                    &due);
    assert_int_equal(due.state, SCHEDULE_MISSED);
    assert_false(due.is_late);
    schedule_decide(&daily, zone, &nobody, 0, 0, instant("2026-11-19T09:00:00Z"), instant("2026-11-21T12:00:00Z"),
                    &due);
    assert_true(due.is_late);
    assert_int_equal(due.windows, 1);
    zone_free(zone);
}

static void test_spans(void **state)
{
    static const struct {
        const char *every, *last, *now;
        enum schedule_state state;
        const char *at;
    } table[] = {
        {"1d", "2026-11-20T03:10:00+09:00", "2026-11-21T00:00:00+09:00", SCHEDULE_DUE, "2026-11-21T00:00:00+09:00"},
        {"1d", "2026-11-20T03:10:00+09:00", "2026-11-20T23:59:59+09:00", SCHEDULE_DONE, "2026-11-21T00:00:00+09:00"},
        {"1m", "2026-01-31T05:00:00+09:00", "2026-02-28T01:00:00+09:00", SCHEDULE_DUE, "2026-02-28T00:00:00+09:00"},
        {"1y", "2028-02-29T05:00:00+09:00", "2029-02-27T23:00:00+09:00", SCHEDULE_DONE, "2029-02-28T00:00:00+09:00"},
        {"30d", "2026-10-01T05:00:00+09:00", "2026-11-21T05:00:00+09:00", SCHEDULE_MISSED, "2026-10-31T00:00:00+09:00"},
        {"6h", "2026-11-21T05:00:00+09:00", "2026-11-21T10:59:59+09:00", SCHEDULE_DONE, "2026-11-21T11:00:00+09:00"},
        {"6h", "2026-11-21T05:00:00+09:00", "2026-11-21T11:00:00+09:00", SCHEDULE_DUE, "2026-11-21T11:00:00+09:00"},
        {"1d", "", "2026-11-21T11:00:00+09:00", SCHEDULE_DUE, "2026-11-21T11:00:00+09:00"},
    };
    struct zone *zone = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(zone_open("Asia/Tokyo", &zone, &err), 0);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct span every;
        struct schedule_due due;
        assert_int_equal(span_parse(table[i].every, &every, &err), 0);
        schedule_decide_span(every, zone, instant(table[i].last), instant(table[i].now), &due);
        if (due.state != table[i].state || due.at_ns != instant(table[i].at))
            fail_msg("%s after %s at %s: %s", table[i].every, table[i].last, table[i].now,
                     schedule_state_name(due.state));
    }
    zone_free(zone);
}

static void test_shards(void **state)
{
    unsigned counts[5] = {0}, moved = 0;
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct id tenant = {{(uint8_t)i, (uint8_t)(i >> 8), 42}};
        unsigned of_four = schedule_shard(&tenant, 4), of_five = schedule_shard(&tenant, 5);
        assert_int_equal(schedule_shard(&tenant, 1), 0);
        assert_true(of_four < 4 && of_five < 5);
        /* Who moves moves to the new host. */
        assert_true(of_five == of_four || of_five == 4);
        moved += of_five != of_four;
        counts[of_five]++;
    }
    for (size_t i = 0; i < 5; i++)
        assert_in_range(counts[i], 850, 1150);
    assert_in_range(moved, 850, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_every_day_once), cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_none_and_late), cmocka_unit_test(test_spans),          cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
