#include "policy/zone_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    DAY_S = 86400,
    OFFSET_BOUND_S = 26 * 3600, /* no zone is further from UTC: RFC 8536, section 3.2 */
    EPOCH_MONTH = 1970 * 12
};
/* Years whose instants fit; dates beyond are brought to the nearest end. */
enum { YEAR_LEAST = 1677, YEAR_MOST = 2262 };

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

static struct zone_stretch stretch_at(const struct zone *zone, int64_t second)
{
    size_t low = 0, high = zone->count; /* transitions that are not after `second` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= second)
            low = middle + 1;
        else
            high = middle;
    }
    struct zone_stretch stretch = {&zone->types[low > 0 ? zone->kinds[low - 1] : 0],
                                   low > 0 ? zone->times[low - 1] : INT64_MIN,
                                   low < zone->count ? zone->times[low] : INT64_MAX};
    if (low < zone->count || !zone->rule.present)
        return stretch;
    int64_t last = stretch.begin; /* before which the rule does not hold */
    stretch = zone_rule_at(&zone->rule, second);
    if (stretch.begin < last)
        stretch.begin = last;
    return stretch;
}

void zone_civil(const struct zone *zone, int64_t instant_ns, struct zone_time *ret)
{
    int64_t second = civil_floor_div(instant_ns, NS_PER_S);
    int64_t ns = instant_ns % NS_PER_S;
    const struct zone_type *type = stretch_at(zone, second).type;
    int64_t local = second + type->offset_s;
    int64_t day = civil_floor_div(local, DAY_S);
    int rest = (int)(local - day * DAY_S);
    *ret = (struct zone_time){.date = civil_date_of(day),
                              .hour = rest / 3600,
                              .minute = rest / 60 % 60,
                              .second = rest % 60,
                              .ns = (int32_t)(ns < 0 ? ns + NS_PER_S : ns),
                              .offset_s = type->offset_s,
                              .daylight = type->daylight};
    memcpy(ret->abbreviation, type->abbreviation, sizeof(ret->abbreviation));
}

/*
 * The first second at which the clock shows `local` (seconds since 1970 as the clock counts them) or more: stretches
 * of one offset are walked through, beginning where the clock cannot show it yet.
 */
static int64_t first_second(const struct zone *zone, int64_t local, enum zone_match *ret_match)
{
    int64_t begin = local - OFFSET_BOUND_S, found = 0;
    enum zone_match match = ZONE_NEVER;
    bool done = false;
    while (begin < local + OFFSET_BOUND_S) {
        struct zone_stretch stretch = stretch_at(zone, begin);
        int64_t wanted = local - stretch.type->offset_s;
        if (wanted < stretch.end) {
            if (!done)
                found = wanted > begin ? wanted : begin;
            if (wanted >= begin)
                match = match == ZONE_NEVER ? ZONE_ONCE : ZONE_TWICE;
            done = true;
        }
        if (stretch.end == INT64_MAX)
            break;
        begin = stretch.end;
    }
    *ret_match = match;
    return found;
}

static int64_t instant_of(const struct zone *zone, int64_t day, int64_t second_of_day, int32_t ns,
                          enum zone_match *ret_match)
{
    enum zone_match match;
    int64_t second = first_second(zone, day * DAY_S + second_of_day, &match);
    if (ret_match != NULL)
        *ret_match = match;
    int64_t scaled, instant;
    if (__builtin_mul_overflow(second, NS_PER_S, &scaled) ||
        __builtin_add_overflow(scaled, match == ZONE_NEVER ? 0 : ns, &instant))
        return second > 0 ? INT64_MAX : INT64_MIN;
    return instant;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The day of a month (months since January of year 0), the last one if it has no such day. */
static int64_t day_of_month(int64_t month, int day)
{
    int64_t year = civil_floor_div(month, 12);
    year = clamp(year, YEAR_LEAST - 1, YEAR_MOST + 1);
    int of_year = (int)(month - civil_floor_div(month, 12) * 12) + 1;
    int last = civil_days_of_month(year, of_year);
    return civil_days(year, of_year, day < last ? day : last);
}

int64_t zone_instant(const struct zone *zone, const struct zone_time *time, enum zone_match *ret_match)
{
    int64_t day = day_of_month(time->date.year * 12 + time->date.month - 1, time->date.day);
    return instant_of(zone, day, (int64_t)time->hour * 3600 + time->minute * 60 + time->second, time->ns, ret_match);
}

int64_t zone_period(const struct zone *zone, enum zone_unit unit, int64_t instant_ns)
{
    int64_t second = civil_floor_div(instant_ns, NS_PER_S);
    struct zone_stretch stretch = stretch_at(zone, second);
    int64_t local = second + stretch.type->offset_s;
    int64_t day = civil_floor_div(local, DAY_S);
    switch (unit) {
    case ZONE_HOUR: {
        /* A change by half an hour cuts the hour that it falls into. */
        int64_t start = second - (local - civil_floor_div(local, 3600) * 3600);
        return start > stretch.begin ? start : stretch.begin;
    }
    case ZONE_DAY:
        return day;
    case ZONE_WEEK:
        return civil_floor_div(day + 3, 7); /* 1970-01-01 was a Thursday */
    case ZONE_MONTH:
        return civil_date_of(day).year * 12 + civil_date_of(day).month - 1;
    case ZONE_YEAR:
        break;
    }
    return civil_date_of(day).year;
}

int64_t zone_period_start(const struct zone *zone, enum zone_unit unit, int64_t number)
{
    int64_t day = number;
    switch (unit) {
    case ZONE_HOUR:
        return clamp(number, INT64_MIN / NS_PER_S, INT64_MAX / NS_PER_S) * NS_PER_S;
    case ZONE_DAY:
        break;
    case ZONE_WEEK:
        day = clamp(number, INT32_MIN, INT32_MAX) * 7 - 3;
        break;
    case ZONE_MONTH:
        day = day_of_month(number, 1);
        break;
    case ZONE_YEAR:
        day = day_of_month(clamp(number, INT32_MIN, INT32_MAX) * 12, 1);
        break;
    }
    int64_t least = civil_days(YEAR_LEAST - 1, 1, 1), most = civil_days(YEAR_MOST + 2, 1, 1);
    return instant_of(zone, clamp(day, least, most), 0, 0, NULL);
}

int64_t zone_add(const struct zone *zone, int64_t instant_ns, int64_t months, int64_t days)
{
    struct zone_time time;
    zone_civil(zone, instant_ns, &time);
    int64_t bound = INT64_C(12) * 1000;
    int64_t month = time.date.year * 12 + time.date.month - 1 + clamp(months, -bound, bound);
    int64_t day = day_of_month(month, time.date.day) + clamp(days, -31 * bound, 31 * bound);
    int64_t second = (int64_t)time.hour * 3600 + time.minute * 60 + time.second;
    /* Of two hours with the same name, what lies in the second one stays there when nothing is added. */
    if (months == 0 && days == 0)
        return instant_ns;
    return instant_of(zone, day, second, time.ns, NULL);
}

char *zone_format(const struct zone *zone, int64_t instant_ns, char *buf)
{
    struct zone_time t;
    zone_civil(zone, instant_ns, &t);
    int offset = t.offset_s < 0 ? -t.offset_s : t.offset_s;
    (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", (int)t.date.year, t.date.month,
                   t.date.day, t.hour, t.minute, t.second, t.offset_s < 0 ? '-' : '+', offset / 3600, offset / 60 % 60);
    return buf;
}

/* The ISO 8601 year and week of a week's number: that of its Thursday. */
static void format_week(int64_t week, char *buf)
{
    int64_t thursday = week * 7;
    int64_t year = civil_date_of(thursday).year;
    int number = (int)((thursday - civil_days(year, 1, 1)) / 7) + 1;
    (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d-W%02d", (int)year, number);
}

char *zone_period_format(const struct zone *zone, enum zone_unit unit, int64_t number, char *buf)
{
    struct zone_time t;
    struct civil_date date;
    switch (unit) {
    case ZONE_HOUR:
        zone_civil(zone, zone_period_start(zone, ZONE_HOUR, number), &t);
        (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d-%02d-%02d %02d:%02d%+03d", (int)t.date.year, t.date.month, t.date.day,
                       t.hour, t.minute, t.offset_s / 3600);
        break;
    case ZONE_DAY:
        date = civil_date_of(number);
        (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d-%02d-%02d", (int)date.year, date.month, date.day);
        break;
    case ZONE_WEEK:
        format_week(number, buf);
        break;
    case ZONE_MONTH:
        (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d-%02d", (int)civil_floor_div(number, 12),
                       (int)(number - civil_floor_div(number, 12) * 12) + 1);
        break;
    case ZONE_YEAR:
        (void)snprintf(buf, ZONE_TEXT_SIZE, "%04d", (int)number);
        break;
    }
    return buf;
}
