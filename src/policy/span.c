#include "policy/span.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    unsigned max; /* SPAN_YEARS_MAX years */
    int64_t shortest_hours, longest_hours;
} units[] = {
    [SPAN_HOURS] = {'h', SPAN_YEARS_MAX * 8760, 1, 1},
    [SPAN_DAYS] = {'d', SPAN_YEARS_MAX * 365, 24, 24},
    [SPAN_WEEKS] = {'w', SPAN_YEARS_MAX * 52, INT64_C(7) * 24, INT64_C(7) * 24},
    [SPAN_MONTHS] = {'m', SPAN_YEARS_MAX * 12, INT64_C(28) * 24, INT64_C(31) * 24},
    [SPAN_YEARS] = {'y', SPAN_YEARS_MAX, INT64_C(365) * 24, INT64_C(366) * 24},
};
enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static int refuse(const char *text, struct error *err)
{
    (void)error_set(err, ERROR_USAGE, "'%.40s' is no span of time", text);
    return error_hint(err, "write a number and one of h d w m y: 72h, 30d, 2w, 12m (months), 7y; at most %d years",
                      SPAN_YEARS_MAX);
}

int span_parse(const char *text, struct span *ret, struct error *err)
{
    unsigned count = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        count = count * 10 + (unsigned)(*p - '0');
        if (count == 0 || count > units[SPAN_HOURS].max) /* the largest of all */
            return refuse(text, err);
    }
    if (count == 0 || *p == '\0' || p[1] != '\0')
        return refuse(text, err);
    for (unsigned unit = 0; unit < UNIT_COUNT; unit++) {
        if (*p != units[unit].letter)
            continue;
        if (count > units[unit].max)
            return refuse(text, err);
        *ret = (struct span){count, (enum span_unit)unit};
        return 0;
    }
    return refuse(text, err);
}

char *span_format(struct span span, char *buf)
{
    (void)snprintf(buf, SPAN_TEXT_SIZE, "%u%c", span.count, units[span.unit].letter);
    return buf;
}

int64_t span_add(struct span span, const struct zone *zone, int64_t instant_ns, int times)
{
    int64_t count = (int64_t)span.count * times;
    switch (span.unit) {
    case SPAN_HOURS: {
        int64_t sum;
        bool over = __builtin_add_overflow(instant_ns, count * 3600 * NS_PER_S, &sum);
        return !over ? sum : count > 0 ? INT64_MAX : INT64_MIN;
    }
    case SPAN_DAYS:
        return zone_add(zone, instant_ns, 0, count);
    case SPAN_WEEKS:
        return zone_add(zone, instant_ns, 0, count * 7);
    case SPAN_MONTHS:
        return zone_add(zone, instant_ns, count, 0);
    case SPAN_YEARS:
        return zone_add(zone, instant_ns, count * 12, 0);
    }
    return instant_ns;
}

/*
 * Whole years of months count as years, as twelve months are never 336 days. A change of the clock makes the whole span
 * an hour shorter or longer, not each of its days.
 */
static int64_t extreme_s(struct span span, bool longest)
{
    int64_t count = span.count, hours = 0;
    if (span.unit == SPAN_MONTHS) {
        hours = count / 12 * (longest ? units[SPAN_YEARS].longest_hours : units[SPAN_YEARS].shortest_hours);
        count %= 12;
    }
    hours += count * (longest ? units[span.unit].longest_hours : units[span.unit].shortest_hours);
    if (span.unit != SPAN_HOURS && span.count > 0)
        hours += longest ? 1 : -1;
    return hours * 3600;
}

bool span_is_never_shorter(struct span span, struct span than)
{
    static const struct {
        enum span_unit of; /* what it is a whole number of, always */
        unsigned times;
    } base[] = {
        [SPAN_HOURS] = {SPAN_HOURS, 1},   [SPAN_DAYS] = {SPAN_DAYS, 1},     [SPAN_WEEKS] = {SPAN_DAYS, 7},
        [SPAN_MONTHS] = {SPAN_MONTHS, 1}, [SPAN_YEARS] = {SPAN_MONTHS, 12},
    };
    if (base[span.unit].of == base[than.unit].of)
        return span.count * base[span.unit].times >= than.count * base[than.unit].times;
    int64_t least = span_shortest_s(span), most = span_longest_s(than);
    /* Days and months end at the same time of day: a change of the clock makes both longer, or both shorter. */
    if (span.unit != SPAN_HOURS && than.unit != SPAN_HOURS) {
        least += 3600;
        most -= 3600;
    }
    return least >= most;
}

int64_t span_shortest_s(struct span span)
{
    return extreme_s(span, false);
}

int64_t span_longest_s(struct span span)
{
    return extreme_s(span, true);
}
