#include "base/clock.h"

#include "base/civil.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t test_offset_ns; /* test instant minus monotonic clock, when set */
static atomic_bool test_clock_is_set;

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_machine_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_now_ns(void)
{
    if (atomic_load(&test_clock_is_set))
        return clock_monotonic_ns() + atomic_load(&test_offset_ns);
    return clock_machine_ns();
}

void clock_set_test(int64_t now_ns)
{
    atomic_store(&test_offset_ns, now_ns - clock_monotonic_ns());
    atomic_store(&test_clock_is_set, true);
}

static bool digits(const char **text, int count, int64_t *ret)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        value = value * 10 + (**text - '0');
    }
    *ret = value;
    return true;
}

static bool literal(const char **text, char c)
{
    if (toupper((unsigned char)**text) != c)
        return false;
    (*text)++;
    return true;
}

static bool parse_rfc3339(const char *p, int64_t *ret_ns)
{
    int64_t year, month, day, hour = 0, minute = 0, second = 0, ns = 0, offset = 0;
    if (!digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &month) || !literal(&p, '-') ||
        !digits(&p, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > civil_days_of_month(year, (int)month))
        return false;
    if (*p != '\0') {
        if (!literal(&p, 'T') || !digits(&p, 2, &hour) || !literal(&p, ':') || !digits(&p, 2, &minute) ||
            !literal(&p, ':') || !digits(&p, 2, &second))
            return false;
        if (*p == '.') {
            p++;
            int64_t scale = NS_PER_S / 10;
            if (*p < '0' || *p > '9')
                return false;
            for (; *p >= '0' && *p <= '9'; p++, scale /= 10)
                ns += (*p - '0') * scale;
        }
        if (*p == '+' || *p == '-') {
            int64_t sign = *p++ == '+' ? 1 : -1, oh, om;
            if (!digits(&p, 2, &oh) || !literal(&p, ':') || !digits(&p, 2, &om) || oh > 23 || om > 59)
                return false;
            offset = sign * (oh * 3600 + om * 60);
        } else if (!literal(&p, 'Z')) {
            return false;
        }
        if (*p != '\0' || hour > 23 || minute > 59 || second > 60)
            return false;
    }
    int64_t days = civil_days(year, month, day);
    int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (seconds > INT64_MAX / NS_PER_S - 1 || seconds < INT64_MIN / NS_PER_S + 1)
        return false;
    *ret_ns = seconds * NS_PER_S + ns;
    return true;
}

int clock_parse(const char *text, int64_t *ret_ns, struct error *err)
{
    if (!parse_rfc3339(text, ret_ns)) {
        (void)error_set(err, ERROR_USAGE, "'%s' is no time", text);
        return error_hint(err, "write RFC 3339, for example 2026-11-21T09:12:46+09:00");
    }
    return 0;
}

static void split(int64_t ns, struct tm *ret_tm, int64_t *ret_ns)
{
    int64_t seconds = ns / NS_PER_S;
    int64_t rest = ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, ret_tm) == NULL)
        memset(ret_tm, 0, sizeof(*ret_tm));
    *ret_ns = rest;
}

char *clock_format(int64_t ns, char *buf)
{
    struct tm tm;
    int64_t rest;
    split(ns, &tm, &rest);
    (void)strftime(buf, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return buf;
}

char *clock_format_sortable(int64_t ns, char *buf)
{
    struct tm tm;
    int64_t rest;
    split(ns, &tm, &rest);
    size_t used = strftime(buf, CLOCK_TEXT_SIZE, "%Y%m%dT%H%M%S", &tm);
    (void)snprintf(buf + used, CLOCK_TEXT_SIZE - used, ".%09dZ", (int)rest);
    return buf;
}
