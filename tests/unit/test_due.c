/* Deadlines of notices, reviews and reminders: business days across holidays and year ends, hours, months. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/due.h"

#include <string.h>

static struct zone *tokyo;
static struct calendar *calendar;

static int open_all(void **state)
{
    struct error err = {0};
    (void)state;
    if (zone_open("Asia/Tokyo", &tokyo, &err) != 0 ||
        calendar_load("policies/calendars/japan.yaml", &calendar, &err) != 0)
        fail_msg("%s", err.what);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    zone_free(tokyo);
    calendar_free(calendar);
    return 0;
}

static int64_t at(const char *text)
{
    int64_t ns;
    struct error err = {0};
    if (clock_parse(text, &ns, &err) != 0)
        fail_msg("%s", err.what);
    return ns;
}

static void assert_time(int64_t ns, const char *expected)
{
    char text[ZONE_TEXT_SIZE];
    assert_string_equal(zone_format(tokyo, ns, text), expected);
}

static void test_notices(void **state)
{
    static const struct {
        struct span within;
        unsigned business_days;
        const char *from, *due;
        bool by_rule;
    } rows[] = {
        /* 72 hours are 72 hours, over a weekend and over New Year. */
        {{72, SPAN_HOURS}, 0, "2026-11-20T18:00:00+09:00", "2026-11-23T18:00:00+09:00", false},
        {{72, SPAN_HOURS}, 0, "2026-12-30T23:59:59+09:00", "2027-01-02T23:59:59+09:00", false},
        /* Monday: Tuesday, Wednesday, Thursday; the end of Thursday. */
        {{0, 0}, 3, "2026-11-16T10:00:00+09:00", "2026-11-20T00:00:00+09:00", false},
        /* Friday before Labour Thanksgiving Day (Monday 23rd): Tuesday, Wednesday, Thursday. */
        {{0, 0}, 3, "2026-11-20T10:00:00+09:00", "2026-11-27T00:00:00+09:00", false},
        /* Late on a Saturday in UTC it is Sunday in Tokyo already. */
        {{0, 0}, 1, "2026-11-14T20:00:00Z", "2026-11-17T00:00:00+09:00", false},
        /* Across the year's end: Friday, then 29, 30 and 31 December; one day later, New Year's Day is passed over. */
        {{0, 0}, 3, "2025-12-26T10:00:00+09:00", "2026-01-01T00:00:00+09:00", false},
        {{0, 0}, 3, "2025-12-29T10:00:00+09:00", "2026-01-03T00:00:00+09:00", false},
        /* A year that is not announced. */
        {{0, 0}, 1, "2031-01-06T10:00:00+09:00", "2031-01-08T00:00:00+09:00", true},
        {{1, SPAN_MONTHS}, 0, "2026-01-31T10:00:00+09:00", "2026-02-28T10:00:00+09:00", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool by_rule = false;
        int64_t due = due_notice(rows[i].within, rows[i].business_days, tokyo, calendar, at(rows[i].from), &by_rule);
        assert_time(due, rows[i].due);
        assert_int_equal(by_rule, rows[i].by_rule);
    }
}

/* Whatever the calendar closes, a deadline in business days is that many working days later, and the last one works. */
static void test_year_end_counts_working_days(void **state)
{
    (void)state;
    for (int64_t day = civil_days(2025, 12, 20); day < civil_days(2026, 1, 10); day++) {
        int64_t noon = zone_period_start(tokyo, ZONE_DAY, day) + 12 * 3600 * NS_PER_S;
        int64_t due = due_notice((struct span){0}, 3, tokyo, calendar, noon, NULL);
        int64_t last = zone_period(tokyo, ZONE_DAY, due - 1);
        struct calendar_day look;
        unsigned works = 0;
        for (int64_t d = day + 1; d <= last; d++) {
            calendar_look(calendar, d, &look);
            works += look.works;
        }
        calendar_look(calendar, last, &look);
        assert_true(look.works);
        assert_int_equal(works, 3);
    }
}

static void check_review(struct span every, unsigned business_day, const char *now, const char *starts,
                         const char *ends, const char *due)
{
    const struct policy_review rule = {.every = every, .business_day = business_day};
    struct due_period period;
    due_review(&rule, tokyo, calendar, at(now), &period);
    assert_time(period.starts_ns, starts);
    assert_time(period.ends_ns, ends);
    assert_time(period.due_ns, due);
}

static void test_reviews(void **state)
{
    (void)state;
    check_review((struct span){1, SPAN_DAYS}, 0, "2026-11-21T00:00:00+09:00", "2026-11-21T00:00:00+09:00",
                 "2026-11-22T00:00:00+09:00", "2026-11-22T00:00:00+09:00");
    /* By the fifth business day: 2, 4, 5, 6 and 9 November, as the 3rd is Culture Day. */
    check_review((struct span){1, SPAN_MONTHS}, 5, "2026-11-21T12:00:00+09:00", "2026-11-01T00:00:00+09:00",
                 "2026-12-01T00:00:00+09:00", "2026-11-10T00:00:00+09:00");
    check_review((struct span){6, SPAN_MONTHS}, 0, "2026-11-21T12:00:00+09:00", "2026-07-01T00:00:00+09:00",
                 "2027-01-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00");
    check_review((struct span){6, SPAN_MONTHS}, 0, "2026-06-30T23:59:59+09:00", "2026-01-01T00:00:00+09:00",
                 "2026-07-01T00:00:00+09:00", "2026-07-01T00:00:00+09:00");
    check_review((struct span){1, SPAN_YEARS}, 0, "2025-12-31T15:00:00Z", "2026-01-01T00:00:00+09:00",
                 "2027-01-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00");
    check_review((struct span){1, SPAN_WEEKS}, 0, "2026-11-21T12:00:00+09:00", "2026-11-16T00:00:00+09:00",
                 "2026-11-23T00:00:00+09:00", "2026-11-23T00:00:00+09:00");
}

static void test_reminders(void **state)
{
    static const struct {
        struct span every, before;
        const char *since, *now, *due;
        bool remind;
    } rows[] = {
        {{1, SPAN_YEARS},
         {30, SPAN_DAYS},
         "2026-04-01T09:00:00+09:00",
         "2026-04-02T09:00:00+09:00",
         "2027-04-01T09:00:00+09:00",
         false},
        {{1, SPAN_YEARS},
         {30, SPAN_DAYS},
         "2026-04-01T09:00:00+09:00",
         "2027-03-02T00:00:01+09:00",
         "2027-04-01T09:00:00+09:00",
         true},
        {{1, SPAN_YEARS},
         {30, SPAN_DAYS},
         "2026-04-01T09:00:00+09:00",
         "2027-04-01T23:00:00+09:00",
         "2027-04-01T09:00:00+09:00",
         true},
        {{1, SPAN_YEARS},
         {30, SPAN_DAYS},
         "2026-04-01T09:00:00+09:00",
         "2027-04-02T00:00:00+09:00",
         "2028-04-01T09:00:00+09:00",
         false},
        /* On the day; months are counted from the first day on, not from the 28th. */
        {{1, SPAN_MONTHS},
         {0, 0},
         "2026-01-31T09:00:00+09:00",
         "2026-03-31T00:00:00+09:00",
         "2026-03-31T09:00:00+09:00",
         true},
        {{1, SPAN_MONTHS},
         {0, 0},
         "2026-01-31T09:00:00+09:00",
         "2026-03-30T00:00:00+09:00",
         "2026-03-31T09:00:00+09:00",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct policy_reminder rule = {.every = rows[i].every, .before = rows[i].before};
        int64_t due;
        assert_int_equal(due_reminder(&rule, tokyo, at(rows[i].since), at(rows[i].now), &due), rows[i].remind);
        assert_time(due, rows[i].due);
    }
}

static void test_periods(void **state)
{
    static const struct {
        const char *text, *starts, *ends;
    } rows[] = {
        {"2026", "2026-01-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00"},
        {"2026-02", "2026-02-01T00:00:00+09:00", "2026-03-01T00:00:00+09:00"},
        {"2028-02-29", "2028-02-29T00:00:00+09:00", "2028-03-01T00:00:00+09:00"},
        {"2026-W01", "2025-12-29T00:00:00+09:00", "2026-01-05T00:00:00+09:00"},
        {"2026-W53", "2026-12-28T00:00:00+09:00", "2027-01-04T00:00:00+09:00"},
    };
    static const char *const refused[] = {"",         "26",         "2026-",     "2026-13",     "2026-00",
                                          "2026-2",   "2026-02-29", "2026-02-1", "2026-02-011", "2026-W00",
                                          "2026-W54", "2025-W53",   "2026-w01",  "2026-11-21T", "x",
                                          "2026/11"};
    int64_t starts, ends;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(due_parse_period(rows[i].text, tokyo, &starts, &ends));
        assert_time(starts, rows[i].starts);
        assert_time(ends, rows[i].ends);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(due_parse_period(refused[i], tokyo, &starts, &ends));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notices), cmocka_unit_test(test_year_end_counts_working_days),
        cmocka_unit_test(test_reviews), cmocka_unit_test(test_reminders),
        cmocka_unit_test(test_periods),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
