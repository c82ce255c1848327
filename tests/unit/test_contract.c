/* Deadlines of erasures by the calendar: month ends, leap years, hours, zones with summer time; days that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/contract.h"

#include <string.h>

static struct zone *open_zone(const char *name)
{
    struct zone *zone = NULL;
    assert_int_equal(zone_open(name, &zone, NULL), 0);
    return zone;
}

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *within, *zone, *on, *ends, *deadline;
    } table[] = {
        /* The end of the day that lies a month after the last day; its month's last day where there is no such day. */
        {"1m", "Asia/Tokyo", "2027-01-31", "2027-01-31T15:00:00Z", "2027-02-28T14:59:59Z"},
        {"1m", "Asia/Tokyo", "2028-01-31", "2028-01-31T15:00:00Z", "2028-02-29T14:59:59Z"},
        {"1m", "Asia/Tokyo", "2027-01-28", "2027-01-28T15:00:00Z", "2027-02-28T14:59:59Z"},
        {"1m", "Asia/Tokyo", "2027-03-31", "2027-03-31T15:00:00Z", "2027-04-30T14:59:59Z"},
        {"1m", "Asia/Tokyo", "2027-12-31", "2027-12-31T15:00:00Z", "2028-01-31T14:59:59Z"},
        {"2m", "Asia/Tokyo", "2026-12-31", "2026-12-31T15:00:00Z", "2027-02-28T14:59:59Z"},
        {"1y", "Asia/Tokyo", "2028-02-29", "2028-02-29T15:00:00Z", "2029-02-28T14:59:59Z"},
        {"12m", "UTC", "2099-12-31", "2100-01-01T00:00:00Z", "2100-12-31T23:59:59Z"},
        {"1m", "UTC", "2100-01-31", "2100-02-01T00:00:00Z", "2100-02-28T23:59:59Z"}, /* 2100 is no leap year */
        {"30d", "UTC", "2027-01-31", "2027-02-01T00:00:00Z", "2027-03-02T23:59:59Z"},
        {"2w", "UTC", "2027-02-20", "2027-02-21T00:00:00Z", "2027-03-06T23:59:59Z"},
        {"72h", "UTC", "2027-01-31", "2027-02-01T00:00:00Z", "2027-02-03T23:59:59Z"},
        /* A day of 23 hours lies between: days are days of the calendar, hours are hours. */
        {"1d", "Europe/Berlin", "2027-03-27", "2027-03-27T23:00:00Z", "2027-03-28T21:59:59Z"},
        {"24h", "Europe/Berlin", "2027-03-27", "2027-03-27T23:00:00Z", "2027-03-28T22:59:59Z"},
        {"1m", "America/New_York", "2027-10-31", "2027-11-01T04:00:00Z", "2027-12-01T04:59:59Z"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct zone *zone = open_zone(table[i].zone);
        struct span within;
        int64_t ends, deadline;
        char text[CLOCK_TEXT_SIZE];
        assert_int_equal(span_parse(table[i].within, &within, NULL), 0);
        assert_int_equal(contract_deadline(within, zone, table[i].on, &ends, &deadline, NULL), 0);
        assert_string_equal(clock_format(ends, text), table[i].ends);
        assert_string_equal(clock_format(deadline, text), table[i].deadline);
        zone_free(zone);
    }
}

static void test_no_days(void **state)
{
    (void)state;
    static const char *const table[] = {"",           "2027-02-29",  "2027-13-01",  "2027-00-10",
                                        "2027-01-00", "2027-1-31",   "2027-01-32",  "27-01-31",
                                        "2027/01/31", "2027-01-31 ", " 2027-01-31", "2027-01-31T00:00:00Z",
                                        "1999-12-31", "2200-01-01",  "abcd-ef-gh"};
    struct zone *zone = open_zone("UTC");
    const struct span month = {1, SPAN_MONTHS};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t ends, deadline;
        struct error err = {0};
        if (contract_deadline(month, zone, table[i], &ends, &deadline, &err) == 0)
            fail_msg("'%s' counts as a day", table[i]);
        assert_int_equal(err.class, ERROR_USAGE);
    }
    zone_free(zone);
}

static void test_frozen(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        int64_t ends_ns;
        bool frozen;
    } table[] = {{"active", 0, false}, {"active", 101, false}, {"active", 100, true}, {"suspended", 99, true},
                 {"frozen", 0, true},  {"frozen", 101, true},  {"new", 0, false}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct history_tenant tenant = {.state = (char *)table[i].state, .ends_ns = table[i].ends_ns};
        assert_int_equal(contract_is_frozen(&tenant, 100), table[i].frozen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_no_days),
        cmocka_unit_test(test_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
