/* The clock: what it reads, refuses and writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_clock_parses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01", 0, 0},
        {"1969-12-31T23:59:59Z", -1, 0},
        {"1969-12-31T23:59:59.25Z", -1, 250000000},
        {"2026-11-21T09:12:46Z", 1795252366, 0},
        {"2026-11-21t09:12:46z", 1795252366, 0},
        {"2026-11-21T18:12:46+09:00", 1795252366, 0},
        {"2026-11-21T03:42:46-05:30", 1795252366, 0},
        {"2026-11-21T09:12:46.5+00:00", 1795252366, 500000000},
        {"2026-11-21T09:12:46.123456789Z", 1795252366, 123456789},
        {"2026-11-21T09:12:46.1234567899Z", 1795252366, 123456789},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"2000-03-01T00:00:00Z", 951868800, 0},
        {"2024-02-29", 1709164800, 0},
        {"1900-03-01", -2203891200, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2262-01-01", 9214646400, 0},
        {"1678-01-01", -9214560000, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns;
        struct error err = {0};
        if (clock_parse(cases[i].text, &ns, &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.what);
        if (ns != cases[i].seconds * NS_PER_S + cases[i].ns)
            fail_msg("%s is %lld", cases[i].text, (long long)ns);
    }
}

static void test_clock_refuses(void **state)
{
    (void)state;
    static const char *texts[] = {
        "",
        "now",
        "2026",
        "2026-11",
        "2026-1-21",
        "2026-00-01",
        "2026-13-01",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "2100-02-29",
        "1900-02-29",
        "2026-11-21T",
        "2026-11-21T09:12Z",
        "2026-11-21T09:12:46",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:60:00Z",
        "2026-11-21T09:12:61Z",
        "2026-11-21T09:12:46.Z",
        "2026-11-21T09:12:46ZZ",
        "2026-11-21T09:12:46 Z",
        "2026-11-21 09:12:46Z",
        "2026-11-21T09:12:46+0900",
        "2026-11-21T09:12:46+24:00",
        "2026-11-21T09:12:46+09:60",
        " 2026-11-21",
        "2026-11-21 ",
        "+026-11-21",
        "9999-12-31",
        "0001-01-01",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t ns;
        struct error err = {0};
        if (clock_parse(texts[i], &ns, &err) == 0)
            fail_msg("accepted: '%s'", texts[i]);
        assert_int_equal(err.class, ERROR_USAGE);
        assert_true(err.hint[0] != '\0');
    }
}

static void test_clock_formats(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    int64_t ns = INT64_C(1795252366) * NS_PER_S + 123456789;
    assert_string_equal(clock_format(ns, text), "2026-11-21T09:12:46Z");
    assert_string_equal(clock_format_sortable(ns, text), "20261121T091246.123456789Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59Z");
    assert_string_equal(clock_format_sortable(-1, text), "19691231T235959.999999999Z");

    /* Every day of a leap cycle there and back. */
    for (int64_t day = -146097 / 2; day < 146097 / 2; day += 1) {
        int64_t back;
        (void)clock_format(day * 86400 * NS_PER_S, text);
        assert_int_equal(clock_parse(text, &back, NULL), 0);
        assert_true(back == day * 86400 * NS_PER_S);
    }
}

/* Last of the clock's tests: it cannot be set back to the machine's. */
static void test_clock_for_tests_goes_on(void **state)
{
    (void)state;
    int64_t before = clock_now_ns(), machine = clock_machine_ns();
    assert_true(machine - before < 60 * NS_PER_S && machine >= before);
    clock_set_test(1000 * NS_PER_S);
    int64_t first = clock_now_ns(), second = clock_now_ns();
    assert_true(first >= 1000 * NS_PER_S && first < 1060 * NS_PER_S && second >= first);
    assert_true(clock_machine_ns() >= machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_parses),
        cmocka_unit_test(test_clock_refuses),
        cmocka_unit_test(test_clock_formats),
        cmocka_unit_test(test_clock_for_tests_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
