#include "report/page_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

char *page_format_time(const struct page *page, int64_t ns, char *out)
{
    if (ns == 0) {
        (void)snprintf(out, PAGE_SMALL, "%s", page_pick(page, PAGE_TEXT("never", "なし")));
        return out;
    }
    struct zone_time time = {.abbreviation = "UTC"};
    if (page->head->zone != NULL) {
        zone_civil(page->head->zone, ns, &time);
    } else {
        int64_t seconds = civil_floor_div(ns, NS_PER_S);
        int64_t days = civil_floor_div(seconds, 86400);
        time.date = civil_date_of(days);
        time.hour = (int)((seconds - days * 86400) / 3600);
        time.minute = (int)((seconds - days * 86400) / 60 % 60);
    }
    (void)snprintf(out, PAGE_SMALL, "%04" PRId64 "-%02d-%02d %02d:%02d %s", time.date.year, time.date.month,
                   time.date.day, time.hour, time.minute, time.abbreviation);
    return out;
}

char *page_format_day(const struct page *page, int64_t day, char *out)
{
    static const struct page_text weekdays[] = {{"Sun", "日"}, {"Mon", "月"}, {"Tue", "火"}, {"Wed", "水"},
                                                {"Thu", "木"}, {"Fri", "金"}, {"Sat", "土"}};
    struct civil_date date = civil_date_of(day);
    (void)snprintf(out, PAGE_SMALL, "%04" PRId64 "-%02d-%02d (%s)", date.year, date.month, date.day,
                   page_pick(page, weekdays[civil_weekday(day)]));
    return out;
}

char *page_format_bytes(uint64_t bytes, char *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    /* 1023.95 and more would print as "1024.0". */
    for (; value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    (void)snprintf(out, PAGE_SMALL, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

char *page_format_count(uint64_t count, char *out)
{
    char plain[24];
    int digits = snprintf(plain, sizeof plain, "%" PRIu64, count);
    size_t used = 0;
    for (int i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = plain[i];
    }
    out[used] = '\0';
    return out;
}

char *page_format_duration(const struct page *page, int64_t ns, char *out)
{
    bool ja = page->lang == PAGE_JA;
    int64_t s = ns < 0 ? 0 : ns / NS_PER_S;
    if (s < 60)
        (void)snprintf(out, PAGE_SMALL, ja ? "%.*f 秒" : "%.*f s", ns > 0 && s < 1 ? 2 : 1,
                       (double)(ns < 0 ? 0 : ns) / (double)NS_PER_S);
    else if (s < 3600)
        (void)snprintf(out, PAGE_SMALL, ja ? "%" PRId64 " 分 %" PRId64 " 秒" : "%" PRId64 " min %" PRId64 " s", s / 60,
                       s % 60);
    else if (s < INT64_C(172800))
        (void)snprintf(out, PAGE_SMALL, ja ? "%" PRId64 " 時間 %" PRId64 " 分" : "%" PRId64 " h %" PRId64 " min",
                       s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, PAGE_SMALL, ja ? "%" PRId64 " 日 %" PRId64 " 時間" : "%" PRId64 " days %" PRId64 " h",
                       s / 86400, s / 3600 % 24);
    return out;
}

char *page_format_decimal(double value, int decimals, char *out)
{
    (void)snprintf(out, PAGE_SMALL, "%.*f", decimals, value);
    return out;
}

char *page_value_bytes(const struct page *page, double value, char *out)
{
    (void)page;
    return page_format_bytes(value < 0 ? 0 : (uint64_t)value, out);
}

char *page_value_count(const struct page *page, double value, char *out)
{
    (void)page;
    return page_format_count(value < 0 ? 0 : (uint64_t)(value + 0.5), out);
}

char *page_value_decimal(const struct page *page, double value, char *out)
{
    (void)page;
    return page_format_decimal(value, 1, out);
}

char *page_value_seconds(const struct page *page, double value, char *out)
{
    return page_format_duration(page, (int64_t)(value * (double)NS_PER_S), out);
}
