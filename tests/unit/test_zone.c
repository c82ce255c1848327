#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "policy/span.h"
#include "policy/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct zone *open_zone(const char *name)
{
    struct zone *zone = NULL;
    struct error err;
    if (zone_open(name, &zone, &err) != 0)
        fail_msg("%s: %s", name, err.what);
    return zone;
}

static int64_t at(const char *text)
{
    int64_t ns = 0;
    assert_int_equal(clock_parse(text, &ns, NULL), 0);
    return ns;
}

/* ---- Against Python's zoneinfo, an implementation of its own ---- */

static void check_instant(const struct zone *zone, const char *line)
{
    long long second;
    int offset, daylight;
    char abbreviation[64];
    assert_int_equal(sscanf(line, "i %*s %lld %d %63s %d", &second, &offset, abbreviation, &daylight), 4);
    struct zone_time time;
    zone_civil(zone, second * NS_PER_S + 123, &time);
    if (time.offset_s != offset || strncmp(time.abbreviation, abbreviation, ZONE_ABBREVIATION_SIZE - 1) != 0)
        fail_msg("%s: %d %s", line, time.offset_s, time.abbreviation);
    assert_int_equal(time.ns, 123);
    int64_t local = civil_days(time.date.year, time.date.month, time.date.day) * 86400 + time.hour * 3600 +
                    time.minute * 60 + time.second;
    assert_int_equal(local, second + offset);
}

static void check_local(const struct zone *zone, const char *line)
{
    static const char *const matches[] = {[ZONE_ONCE] = "once", [ZONE_TWICE] = "twice", [ZONE_NEVER] = "never"};
    struct zone_time time = {.ns = 0};
    long long year, second;
    char expected[16];
    enum zone_match match;
    assert_int_equal(sscanf(line, "l %*s %lld %d %d %d %d %d %lld %15s", &year, &time.date.month, &time.date.day,
                            &time.hour, &time.minute, &time.second, &second, expected),
                     8);
    time.date.year = year;
    int64_t instant = zone_instant(zone, &time, &match);
    if (instant != second * NS_PER_S || strcmp(matches[match], expected) != 0)
        fail_msg("%s: %lld %s", line, (long long)(instant / NS_PER_S), matches[match]);
}

static void test_against_python(void **state)
{
    (void)state;
    FILE *lines = popen("/usr/bin/python3 tests/oracle/zones.py 20261121", "r");
    char line[256], name[80], open_name[80] = "";
    struct zone *zone = NULL;
    size_t count = 0, zones = 0;
    assert_non_null(lines);
    while (fgets(line, sizeof(line), lines) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        assert_int_equal(sscanf(line, "%*c %79s", name), 1);
        if (strcmp(name, open_name) != 0) {
            zone_free(zone);
            zone = open_zone(name);
            (void)snprintf(open_name, sizeof(open_name), "%s", name);
            zones++;
        }
        if (line[0] == 'i')
            check_instant(zone, line);
        else
            check_local(zone, line);
        count++;
    }
    zone_free(zone);
    assert_int_equal(pclose(lines), 0);
    assert_true(zones > 400 && count > 20000);
}

/* ---- Periods and arithmetic ---- */

static void test_days_of_23_and_25_hours(void **state)
{
    (void)state;
    struct zone *zone = open_zone("America/New_York");
    int64_t spring = zone_period(zone, ZONE_DAY, at("2026-03-08T12:00:00Z"));
    int64_t autumn = zone_period(zone, ZONE_DAY, at("2026-11-01T12:00:00Z"));
    assert_int_equal(zone_period_start(zone, ZONE_DAY, spring + 1) - zone_period_start(zone, ZONE_DAY, spring),
                     23 * 3600 * NS_PER_S);
    assert_int_equal(zone_period_start(zone, ZONE_DAY, autumn + 1) - zone_period_start(zone, ZONE_DAY, autumn),
                     25 * 3600 * NS_PER_S);
    /* Half past one comes twice that night: two hours, one day. */
    int64_t first = at("2026-11-01T05:30:00Z"), second = at("2026-11-01T06:30:00Z");
    assert_int_not_equal(zone_period(zone, ZONE_HOUR, first), zone_period(zone, ZONE_HOUR, second));
    assert_int_equal(zone_period(zone, ZONE_DAY, first), zone_period(zone, ZONE_DAY, second));
    /* Half past two on 8 March does not come: three o'clock does. */
    struct zone_time gap = {.date = {2026, 3, 8}, .hour = 2, .minute = 30};
    enum zone_match match;
    assert_int_equal(zone_instant(zone, &gap, &match), at("2026-03-08T07:00:00Z"));
    assert_int_equal(match, ZONE_NEVER);
    zone_free(zone);
}

static void test_a_day_left_out(void **state)
{
    (void)state;
    struct zone *zone = open_zone("Pacific/Apia");
    int64_t number = civil_days(2011, 12, 30);
    assert_int_equal(zone_period_start(zone, ZONE_DAY, number), zone_period_start(zone, ZONE_DAY, number + 1));
    assert_int_equal(zone_period_start(zone, ZONE_DAY, number), at("2011-12-30T10:00:00Z"));
    zone_free(zone);
}

static void test_periods(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *instant;
        enum zone_unit unit;
        const char *name;
        const char *start;
    } rows[] = {
        {"UTC", "2026-11-21T09:12:46Z", ZONE_HOUR, "2026-11-21 09:00+00", "2026-11-21T09:00:00Z"},
        {"Asia/Tokyo", "2026-11-21T15:12:46Z", ZONE_HOUR, "2026-11-22 00:00+09", "2026-11-21T15:00:00Z"},
        {"Asia/Tokyo", "2026-11-21T14:59:59Z", ZONE_DAY, "2026-11-21", "2026-11-20T15:00:00Z"},
        {"Asia/Tokyo", "2026-11-21T15:00:00Z", ZONE_DAY, "2026-11-22", "2026-11-21T15:00:00Z"},
        {"Asia/Kathmandu", "2026-11-21T18:14:00Z", ZONE_DAY, "2026-11-21", "2026-11-20T18:15:00Z"},
        {"Asia/Kathmandu", "2026-11-21T18:14:00Z", ZONE_HOUR, "2026-11-21 23:00+05", "2026-11-21T17:15:00Z"},
        {"UTC", "2026-12-31T12:00:00Z", ZONE_WEEK, "2026-W53", "2026-12-28T00:00:00Z"},
        {"UTC", "2027-01-03T23:59:59Z", ZONE_WEEK, "2026-W53", "2026-12-28T00:00:00Z"},
        {"UTC", "2027-01-04T00:00:00Z", ZONE_WEEK, "2027-W01", "2027-01-04T00:00:00Z"},
        {"UTC", "1969-12-29T00:00:00Z", ZONE_WEEK, "1970-W01", "1969-12-29T00:00:00Z"},
        {"Asia/Tokyo", "2026-11-30T15:00:00Z", ZONE_MONTH, "2026-12", "2026-11-30T15:00:00Z"},
        {"Asia/Tokyo", "2026-12-31T15:00:00Z", ZONE_YEAR, "2027", "2026-12-31T15:00:00Z"},
        {"UTC", "2100-02-28T23:59:59Z", ZONE_DAY, "2100-02-28", "2100-02-28T00:00:00Z"},
        {"America/New_York", "2100-07-01T03:59:59Z", ZONE_DAY, "2100-06-30", "2100-06-30T04:00:00Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct zone *zone = open_zone(rows[i].zone);
        char text[ZONE_TEXT_SIZE];
        int64_t number = zone_period(zone, rows[i].unit, at(rows[i].instant));
        assert_string_equal(zone_period_format(zone, rows[i].unit, number, text), rows[i].name);
        assert_int_equal(zone_period_start(zone, rows[i].unit, number), at(rows[i].start));
        zone_free(zone);
    }
}

static void test_adding(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *from;
        const char *span;
        int times;
        const char *to;
    } rows[] = {
        {"UTC", "2026-01-31T02:00:00Z", "1m", 1, "2026-02-28T02:00:00Z"},
        {"UTC", "2028-01-31T02:00:00Z", "1m", 1, "2028-02-29T02:00:00Z"},
        {"UTC", "2028-02-29T02:00:00Z", "1y", 1, "2029-02-28T02:00:00Z"},
        {"UTC", "2028-02-29T02:00:00Z", "4y", 1, "2032-02-29T02:00:00Z"},
        {"UTC", "2026-01-31T02:00:00Z", "1m", 2, "2026-03-31T02:00:00Z"},
        {"UTC", "2026-03-31T02:00:00Z", "1m", -1, "2026-02-28T02:00:00Z"},
        {"UTC", "2026-11-21T02:00:00.5Z", "12m", 1, "2027-11-21T02:00:00.5Z"},
        {"UTC", "2026-11-21T02:00:00Z", "7y", 1, "2033-11-21T02:00:00Z"},
        {"UTC", "2026-11-21T02:00:00Z", "2w", -1, "2026-11-07T02:00:00Z"},
        /* A day across a change of the clock keeps the time of day, 24 hours do not. */
        {"America/New_York", "2026-03-07T07:00:00Z", "1d", 1, "2026-03-08T07:00:00Z"},
        {"America/New_York", "2026-03-07T12:00:00Z", "1d", 1, "2026-03-08T11:00:00Z"},
        {"America/New_York", "2026-03-07T12:00:00Z", "24h", 1, "2026-03-08T12:00:00Z"},
        {"America/New_York", "2026-10-31T12:00:00Z", "30d", 1, "2026-11-30T13:00:00Z"},
        /* 31 January, 00:30 in Tokyo is 30 January in UTC. */
        {"Asia/Tokyo", "2026-01-30T15:30:00Z", "1m", 1, "2026-02-27T15:30:00Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct zone *zone = open_zone(rows[i].zone);
        struct span span;
        char text[CLOCK_TEXT_SIZE], wanted[CLOCK_TEXT_SIZE];
        assert_int_equal(span_parse(rows[i].span, &span, NULL), 0);
        assert_string_equal(clock_format(span_add(span, zone, at(rows[i].from), rows[i].times), text),
                            clock_format(at(rows[i].to), wanted));
        zone_free(zone);
    }
}

/* Instants at the ends of what 64 bits hold neither overflow nor wrap. */
static void test_ends_of_time(void **state)
{
    (void)state;
    struct zone *zone = open_zone("America/New_York");
    struct span span = {100, SPAN_YEARS}, hours = {876000, SPAN_HOURS};
    assert_int_equal(span_add(span, zone, INT64_MAX, 1), INT64_MAX);
    assert_int_equal(span_add(hours, zone, INT64_MAX - 1, 1), INT64_MAX);
    assert_int_equal(span_add(span, zone, INT64_MIN, -1), INT64_MIN);
    assert_int_equal(zone_period_start(zone, ZONE_DAY, INT64_MAX), INT64_MAX);
    assert_int_equal(zone_period_start(zone, ZONE_YEAR, INT64_MIN), INT64_MIN);
    assert_int_equal(zone_period_start(zone, ZONE_MONTH, INT64_MAX), INT64_MAX);
    assert_int_equal(zone_period_start(zone, ZONE_WEEK, INT64_MIN), INT64_MIN);
    zone_free(zone);
}

/* Numbers grow with time, and a period begins where the one before ends. */
static void test_periods_tile(void **state)
{
    (void)state;
    static const char *const names[] = {"UTC",
                                        "Asia/Tokyo",
                                        "America/New_York",
                                        "Australia/Lord_Howe",
                                        "Africa/Casablanca",
                                        "America/St_Johns",
                                        "Europe/Dublin",
                                        "Asia/Gaza"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *zone = open_zone(names[i]);
        for (enum zone_unit unit = ZONE_HOUR; unit <= ZONE_YEAR; unit++) {
            int64_t before = INT64_MIN;
            for (int64_t t = at("2025-12-25T00:07:00Z"); t < at("2028-01-05T00:00:00Z"); t += 1800 * NS_PER_S) {
                int64_t number = zone_period(zone, unit, t);
                int64_t start = zone_period_start(zone, unit, number);
                assert_true(number >= before);
                assert_true(start <= t);
                assert_int_equal(zone_period(zone, unit, start), number);
                assert_true(zone_period(zone, unit, start - 1) < number);
                before = number;
            }
        }
        zone_free(zone);
    }
}

/* ---- Refusing ---- */

static void test_names_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "/etc/passwd",
                                        "../../../etc/passwd",
                                        "Asia/../UTC",
                                        "Asia//Tokyo",
                                        "Asia/",
                                        "Asia",
                                        "Nowhere/City",
                                        "zone1970.tab",
                                        "tzdata.zi",
                                        "UTC ",
                                        "+VERSION",
                                        "Asia/Tokyo\n",
                                        "Asia/./Tokyo",
                                        "A123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *zone = NULL;
        struct error err = {0};
        assert_int_equal(zone_open(names[i], &zone, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
        assert_true(err.hint[0] != '\0');
    }
}

static int parse(const uint8_t *bytes, size_t size)
{
    struct zone *zone = NULL;
    struct error err = {0};
    int rc = zone_parse("Test/Zone", bytes, size, &zone, &err);
    if (rc == 0) {
        struct zone_time time;
        zone_civil(zone, at("2050-06-01T00:00:00Z"), &time);
        zone_free(zone);
    } else {
        assert_int_equal(err.class, ERROR_CONFIG);
    }
    return rc;
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    struct buf file CLEANUP(buf_free) = {0};
    struct error err;
    assert_int_equal(file_read(ZONE_FOLDER "/America/New_York", ZONE_FILE_MAX, &file, &err), 0);
    assert_int_equal(parse(file.data, file.size), 0);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *part = mem_dup(file.data, size); /* so that a sanitizer sees what is read beyond it */
        assert_non_null(part);
        if (parse(part, size) == 0)
            fail_msg("%zu of %zu bytes are taken", size, file.size);
        mem_free(part);
    }
    assert_int_equal(buf_u8(&file, '\n', &err), 0);
    assert_int_equal(parse(file.data, file.size), -1);
}

static void big(struct buf *out, uint64_t value, int size)
{
    for (int i = size - 1; i >= 0; i--)
        assert_int_equal(buf_u8(out, (uint8_t)(value >> (8 * i)), NULL), 0);
}

/* A file with one type "XST" at +1 h and two transitions; each row spoils one thing. */
struct made {
    uint8_t version;
    uint64_t first, second;
    uint32_t offset, daylight, index, kind, leap, type_count;
    const char *footer;
};
static const struct made sound = {'2', 100, 200, 3600, 0, 0, 0, 0, 1, "\nXST-1\n"};

static void make(const struct made *made, struct buf *out)
{
    for (int block = 0; block < 2; block++) {
        assert_int_equal(buf_append(out, "TZif", 4, NULL), 0);
        assert_int_equal(buf_u8(out, made->version, NULL), 0);
        assert_int_equal(buf_append_zeros(out, 15, NULL), 0);
        uint32_t counts[6] = {0, 0, block == 0 ? 0 : made->leap, block == 0 ? 0 : 2, made->type_count, 4};
        for (int i = 0; i < 6; i++)
            big(out, counts[i], 4);
        if (block == 1) {
            big(out, made->first, 8);
            big(out, made->second, 8);
            big(out, made->kind, 1);
            big(out, 0, 1);
        }
        for (uint32_t i = 0; i < made->type_count; i++) {
            big(out, made->offset, 4);
            big(out, made->daylight, 1);
            big(out, made->index, 1);
        }
        assert_int_equal(buf_append(out, "XST\0", 4, NULL), 0);
        assert_int_equal(buf_append_zeros(out, block == 0 ? 0 : (size_t)made->leap * 12, NULL), 0);
    }
    assert_int_equal(buf_append(out, made->footer, strlen(made->footer), NULL), 0);
}

static void check_made(const struct made *made, int wanted)
{
    struct buf file CLEANUP(buf_free) = {0};
    make(made, &file);
    int rc = parse(file.data, file.size);
    if (rc != wanted)
        fail_msg("footer '%s', version %c: %d", made->footer, made->version, rc);
}

#define SPOILT(member, value)                                                                                          \
    do {                                                                                                               \
        struct made made = sound;                                                                                      \
        made.member = (value);                                                                                         \
        check_made(&made, -1);                                                                                         \
    } while (0)

static void test_hostile_files(void **state)
{
    (void)state;
    check_made(&sound, 0);
    SPOILT(version, 0);
    SPOILT(version, 'x');
    SPOILT(second, 100);
    SPOILT(second, 99);
    SPOILT(offset, 100000);
    SPOILT(offset, (uint32_t)-90000);
    SPOILT(daylight, 2);
    SPOILT(index, 4);
    SPOILT(kind, 1);
    SPOILT(leap, 1);
    SPOILT(type_count, 0);
    SPOILT(type_count, 257);
}

static void test_footers(void **state)
{
    (void)state;
    static const char *const good[] = {"\n\n",
                                       "\nUTC0\n",
                                       "\n<+09>-9\n",
                                       "\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n",
                                       "\nIST-1GMT0,M10.5.0,M3.5.0/1\n",
                                       "\nXXX3<+02>-2:30:15,J60,365/167:59:59\n",
                                       "\nEST5EDT,0/0,J365/25\n"};
    static const char *const bad[] = {"",
                                      "\n",
                                      "UTC0\n",
                                      "\nUTC0",
                                      "\nUTC\n",
                                      "\nUT0\n",
                                      "\n<+9>-9\n",
                                      "\n<+09-9\n",
                                      "\nUTC25\n",
                                      "\nUTC0:60\n",
                                      "\nEST5EDT\n",
                                      "\nEST5EDT,M3.2.0\n",
                                      "\nEST5EDT,M13.2.0,M11.1.0\n",
                                      "\nEST5EDT,M0.2.0,M11.1.0\n",
                                      "\nEST5EDT,M3.0.0,M11.1.0\n",
                                      "\nEST5EDT,M3.6.0,M11.1.0\n",
                                      "\nEST5EDT,M3.2.7,M11.1.0\n",
                                      "\nEST5EDT,J0,J365\n",
                                      "\nEST5EDT,J366,J1\n",
                                      "\nEST5EDT,366,1\n",
                                      "\nEST5EDT,M3.2.0/168,M11.1.0\n",
                                      "\nEST5EDT,M3.2.0,M11.1.0 \n",
                                      "\nEST5EDT,M3.2.0,M11.1.0\nmore\n"};
    struct made made = sound;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        made.footer = good[i];
        check_made(&made, 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        made.footer = bad[i];
        check_made(&made, -1);
    }
}

/* ---- Spans ---- */

static void test_spans(void **state)
{
    (void)state;
    static const char *const good[] = {"1h", "72h", "30d", "2w", "12m", "7y", "100y", "1200m", "876000h"};
    static const char *const bad[] = {"",     "d",    "0d",    "-1d",     "+1d",          "01d",  "1",
                                      "1 d",  " 1d",  "1d ",   "1D",      "1dd",          "1.5d", "1s",
                                      "1d2h", "101y", "1201m", "876001h", "99999999999d", "１d"};
    char text[SPAN_TEXT_SIZE];
    struct span span;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(span_parse(good[i], &span, NULL), 0);
        assert_string_equal(span_format(span, text), good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        if (span_parse(bad[i], &span, &err) == 0)
            fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(err.class, ERROR_USAGE);
    }
}

static void test_span_bounds(void **state)
{
    (void)state;
    struct zone *zone = open_zone("America/New_York");
    static const char *const texts[] = {"1h", "1d", "7d", "30d", "1w", "1m", "11m", "12m", "25m", "1y", "7y"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct span span;
        assert_int_equal(span_parse(texts[i], &span, NULL), 0);
        assert_true(span_shortest_s(span) <= span_longest_s(span));
        for (int64_t t = at("2026-01-01T00:30:00Z"); t < at("2029-01-01T00:00:00Z"); t += 7 * 3600 * NS_PER_S) {
            int64_t length = (span_add(span, zone, t, 1) - t) / NS_PER_S;
            assert_true(length >= span_shortest_s(span) && length <= span_longest_s(span));
        }
    }
    zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_python),
        cmocka_unit_test(test_days_of_23_and_25_hours),
        cmocka_unit_test(test_a_day_left_out),
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_ends_of_time),
        cmocka_unit_test(test_periods_tile),
        cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_footers),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_span_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
