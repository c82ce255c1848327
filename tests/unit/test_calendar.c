#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "policy/calendar.h"

#include <stdio.h>
#include <string.h>

static struct calendar *shipped(void)
{
    struct error err = {0};
    struct calendar *calendar = NULL;
    if (calendar_load("policies/calendars/japan.yaml", &calendar, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    return calendar;
}

static struct calendar *parse(const char *text)
{
    struct error err = {0};
    struct calendar *calendar = NULL;
    if (calendar_parse("c.yaml", text, strlen(text), &calendar, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    return calendar;
}

/* As published by the Cabinet Office, written down here once more, without names: month × 100 + day. */
static const struct {
    int year;
    int days[24];
} published[] = {
    {2019, {101, 114, 211, 321, 429, 430, 501,  502,  503,  504,  505,
            506, 715, 811, 812, 916, 923, 1014, 1022, 1103, 1104, 1123}},
    {2020, {101, 113, 211, 223, 224, 320, 429, 503, 504, 505, 506, 723, 724, 810, 921, 922, 1103, 1123}},
    {2021, {101, 111, 211, 223, 320, 429, 503, 504, 505, 722, 723, 808, 809, 920, 923, 1103, 1123}},
    {2022, {101, 110, 211, 223, 321, 429, 503, 504, 505, 718, 811, 919, 923, 1010, 1103, 1123}},
    {2023, {101, 102, 109, 211, 223, 321, 429, 503, 504, 505, 717, 811, 918, 923, 1009, 1103, 1123}},
    {2024,
     {101, 108, 211, 212, 223, 320, 429, 503, 504, 505, 506, 715, 811, 812, 916, 922, 923, 1014, 1103, 1104, 1123}},
    {2025, {101, 113, 211, 223, 224, 320, 429, 503, 504, 505, 506, 721, 811, 915, 923, 1013, 1103, 1123, 1124}},
    {2026, {101, 112, 211, 223, 320, 429, 503, 504, 505, 506, 720, 811, 921, 922, 923, 1012, 1103, 1123}},
    {2027, {101, 111, 211, 223, 321, 322, 429, 503, 504, 505, 719, 811, 920, 923, 1011, 1103, 1123}},
};

static bool is_published(int year, int month, int day)
{
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
        for (size_t k = 0; published[i].year == year && published[i].days[k] != 0; k++)
            if (published[i].days[k] == month * 100 + day)
                return true;
    return false;
}

/* The file and the law, each by itself, against every day of nine years. */
static void test_known_years(void **state)
{
    (void)state;
    struct error err = {0};
    struct calendar *file = shipped(), *law = NULL;
    assert_int_equal(calendar_by_rule(CALENDAR_JAPAN, &law, &err), 0);
    for (int64_t day = civil_days(2019, 1, 1); day < civil_days(2028, 1, 1); day++) {
        struct civil_date date = civil_date_of(day);
        struct calendar_day by_file, by_law;
        calendar_look(file, day, &by_file);
        calendar_look(law, day, &by_law);
        bool holiday = is_published((int)date.year, date.month, date.day);
        if ((by_file.ja != NULL) != holiday || (by_law.ja != NULL) != holiday)
            fail_msg("%d-%02d-%02d: published %d, file %d, law %d", (int)date.year, date.month, date.day, holiday,
                     by_file.ja != NULL, by_law.ja != NULL);
        assert_false(by_file.by_rule);
        assert_true(by_law.by_rule);
        if (holiday) {
            assert_string_equal(by_file.ja, by_law.ja);
            assert_string_equal(by_file.en, by_law.en);
        }
        assert_int_equal(by_file.works, !holiday && civil_weekday(day) != 0 && civil_weekday(day) != 6);
    }
    calendar_free(file);
    calendar_free(law);
}

/* Before 2019, and where nothing is announced: equinoxes of the almanac, sandwiched and substitute days. */
static void test_law(void **state)
{
    static const struct {
        int year, month, day;
        const char *name; /* NULL: an ordinary day */
    } rows[] = {
        {2008, 5, 6, "休日"},      {2009, 9, 22, "休日"},     {2009, 5, 6, "休日"},      {2012, 9, 22, "秋分の日"},
        {2015, 9, 22, "休日"},     {2016, 8, 11, "山の日"},   {2015, 8, 11, NULL},       {2018, 12, 23, "天皇誕生日"},
        {2018, 12, 24, "休日"},    {2019, 12, 23, NULL},      {2028, 3, 20, "春分の日"}, {2028, 9, 22, "秋分の日"},
        {2029, 9, 23, "秋分の日"}, {2029, 9, 24, "休日"},     {2030, 3, 20, "春分の日"}, {2030, 8, 12, "休日"},
        {2032, 9, 21, "休日"},     {2044, 9, 22, "秋分の日"}, {2092, 3, 19, "春分の日"}, {2030, 6, 3, NULL},
        {2028, 2, 29, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *ja = NULL, *en = NULL;
        bool found = holiday_japan(civil_days(rows[i].year, rows[i].month, rows[i].day), &ja, &en);
        if (found != (rows[i].name != NULL) || (found && strcmp(ja, rows[i].name) != 0))
            fail_msg("%d-%02d-%02d: %s", rows[i].year, rows[i].month, rows[i].day, found ? ja : "no holiday");
    }
}

static void check_date(int64_t day, int year, int month, int of_month)
{
    struct civil_date date = civil_date_of(day);
    if (date.year != year || date.month != month || date.day != of_month)
        fail_msg("%04d-%02d-%02d instead of %04d-%02d-%02d", (int)date.year, date.month, date.day, year, month,
                 of_month);
}

static void test_fifth_business_day(void **state)
{
    static const int rows[][3] = {
        {2026, 1, 8}, {2026, 2, 6},  {2026, 3, 6}, {2026, 4, 7},  {2026, 5, 12}, {2026, 6, 5},
        {2026, 9, 7}, {2026, 11, 9}, {2027, 1, 8}, {2027, 5, 12}, {2025, 5, 9},  {2024, 5, 9},
    };
    (void)state;
    struct calendar *calendar = shipped();
    bool by_rule = false;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_date(calendar_of_month(calendar, rows[i][0], rows[i][1], 5, &by_rule), rows[i][0], rows[i][1],
                   rows[i][2]);
    assert_false(by_rule);
    check_date(calendar_of_month(calendar, 2028, 1, 5, &by_rule), 2028, 1, 7);
    assert_true(by_rule);
    calendar_free(calendar);
}

static void test_three_business_days(void **state)
{
    (void)state;
    struct calendar *calendar = shipped();
    bool by_rule = false;
    /* Golden Week of 2026: confirmed on Thursday, 30 April: 1, 7 and 8 May. */
    check_date(calendar_after(calendar, civil_days(2026, 4, 30), 3, &by_rule), 2026, 5, 8);
    /* The ten days of 2019: confirmed on Friday, 26 April: 7, 8, 9 May. */
    check_date(calendar_after(calendar, civil_days(2019, 4, 26), 3, &by_rule), 2019, 5, 9);
    /* New Year: Wednesday, 31 December 2025: 2 January is a business day by the law, then 5 and 6. */
    check_date(calendar_after(calendar, civil_days(2025, 12, 31), 3, &by_rule), 2026, 1, 6);
    /* Confirmed on a holiday, on a Saturday. */
    check_date(calendar_after(calendar, civil_days(2026, 9, 22), 1, &by_rule), 2026, 9, 24);
    check_date(calendar_after(calendar, civil_days(2026, 11, 21), 3, &by_rule), 2026, 11, 26);
    assert_false(by_rule);
    /* Into a year that is not announced. */
    check_date(calendar_after(calendar, civil_days(2027, 12, 30), 3, &by_rule), 2028, 1, 4);
    assert_true(by_rule);
    calendar_free(calendar);
}

static void test_closed(void **state)
{
    (void)state;
    struct calendar *calendar = parse("calendar: office\nrule: japan\nannounced: {from: 2026, to: 2026}\n"
                                      "closed: [{from: 12-29, to: 01-03}, {from: 08-13, to: 08-15}]\n"
                                      "holidays: [{date: 2026-01-01, ja: 元日, en: New Year}]\n");
    bool by_rule = false;
    check_date(calendar_after(calendar, civil_days(2026, 12, 28), 1, &by_rule), 2027, 1, 4);
    check_date(calendar_after(calendar, civil_days(2026, 8, 12), 1, NULL), 2026, 8, 17);
    assert_true(by_rule);
    calendar_free(calendar);
    calendar = parse("calendar: never\nrule: none\nannounced: {from: 2026, to: 2026}\nweekend: [friday]\n"
                     "closed: [{from: 01-01, to: 12-31}]\nholidays: [{date: 2026-01-01, ja: a, en: a}]\n");
    struct calendar_day look;
    calendar_look(calendar, civil_days(2027, 5, 3), &look);
    assert_null(look.ja);
    assert_false(look.works);
    /* Nobody works ever: it ends all the same. */
    assert_true(calendar_after(calendar, civil_days(2026, 1, 1), 3, NULL) > civil_days(2026, 1, 1));
    calendar_free(calendar);
    calendar_free(NULL);
}

static void test_deadline(void **state)
{
    (void)state;
    struct error err = {0};
    struct calendar *calendar = shipped();
    struct zone *zone = NULL;
    int64_t from;
    char text[CLOCK_TEXT_SIZE];
    assert_int_equal(zone_open("Asia/Tokyo", &zone, &err), 0);
    /* 23:30 on Friday in Tokyo is still Friday there: Tuesday (Monday is a holiday), Wednesday, Thursday. */
    assert_int_equal(clock_parse("2026-11-20T23:30:00+09:00", &from, &err), 0);
    assert_string_equal(clock_format(calendar_deadline(calendar, zone, from, 3, NULL), text), "2026-11-26T15:00:00Z");
    assert_int_equal(clock_parse("2026-11-20T15:30:00Z", &from, &err), 0);
    assert_string_equal(clock_format(calendar_deadline(calendar, zone, from, 3, NULL), text), "2026-11-26T15:00:00Z");
    zone_free(zone);
    calendar_free(calendar);
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *place, *what;
    } rows[] = {
        {"", "1:1", "empty"},
        {"calendar: x\n", "1:1", "needs the key"},
        {"calendar: x\nannounced: {from: 2027, to: 2026}\nholidays: []\n", "2:12", "end before"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays: []\n", "2:12", "2026 has no holidays"},
        {"calendar: x\nannounced: {from: 2026, to: 2027}\nholidays: [{date: 2026-01-01, ja: a, en: a}]\n", "2:12",
         "2027 has no"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays:\n  - {date: 2026-01-01, ja: a, en: a}\n"
         "  - {date: 2027-01-01, ja: a, en: a}\n",
         "2:12", "outside"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays:\n  - {date: 2026-02-29, ja: a, en: a}\n", "4:12",
         "no date"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays:\n  - {date: 2026-2-9, ja: a, en: a}\n", "4:12",
         "no date"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays:\n  - {date: 2026-02-11, ja: a, en: a}\n"
         "  - {date: 2026-01-01, ja: a, en: a}\n",
         "5:5", "does not come after"},
        {"calendar: x\nannounced: {from: 2026, to: 2026}\nholidays:\n  - {date: 2026-02-11, ja: a}\n", "4:5",
         "needs the key \"en\""},
        {"calendar: x\nrule: france\n", "2:7", "\"rule\""},
        {"calendar: x\nweekend: [saturday, funday]\n", "2:21", "\"weekend\""},
        {"calendar: x\nweekend: [friday, friday]\n", "2:19", "twice"},
        {"calendar: x\nweekend: []\n", "2:10", "empty"},
        {"calendar: x\nclosed: [{from: 13-01, to: 01-03}]\n", "2:17", "no day of the year"},
        {"calendar: x\nclosed: [{from: 1-1, to: 01-03}]\n", "2:17", "no day of the year"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct calendar *calendar = NULL;
        char place[64];
        assert_int_equal(calendar_parse("c.yaml", rows[i].text, strlen(rows[i].text), &calendar, &err), -1);
        assert_null(calendar);
        (void)snprintf(place, sizeof(place), "c.yaml:%s: ", rows[i].place);
        if (err.class != ERROR_CONFIG || strncmp(err.what, place, strlen(place)) != 0 ||
            strstr(err.what, rows[i].what) == NULL || err.hint[0] == '\0')
            fail_msg("row %zu:\n%s\ngives: %s; %s", i, rows[i].text, err.what, err.hint);
    }
    struct error err = {0};
    struct calendar *calendar = NULL;
    assert_int_equal(calendar_by_rule("france", &calendar, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(calendar_load("/nonexistent/c.yaml", &calendar, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_years),
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_fifth_business_day),
        cmocka_unit_test(test_three_business_days),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
