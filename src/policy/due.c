#include "policy/due.h"

#include <string.h>

int64_t due_notice(struct span within, unsigned business_days, const struct zone *zone, const struct calendar *calendar,
                   int64_t from_ns, bool *by_rule)
{
    if (span_is_set(within))
        return span_add(within, zone, from_ns, 1);
    return calendar_deadline(calendar, zone, from_ns, business_days, by_rule);
}

/* ---- Reviews ---- */

/* The unit of the calendar that a span counts in, and how many; hours are rounded up to days. */
static enum zone_unit unit_of(struct span every, int64_t *ret_count)
{
    static const enum zone_unit units[] = {[SPAN_HOURS] = ZONE_DAY,
                                           [SPAN_DAYS] = ZONE_DAY,
                                           [SPAN_WEEKS] = ZONE_WEEK,
                                           [SPAN_MONTHS] = ZONE_MONTH,
                                           [SPAN_YEARS] = ZONE_YEAR};
    *ret_count = every.unit == SPAN_HOURS ? (every.count + 23) / 24 : every.count;
    if (*ret_count == 0)
        *ret_count = 1;
    return units[every.unit];
}

void due_review(const struct policy_review *rule, const struct zone *zone, const struct calendar *calendar,
                int64_t instant_ns, struct due_period *ret)
{
    int64_t count;
    enum zone_unit unit = unit_of(rule->every, &count);
    int64_t first = civil_floor_div(zone_period(zone, unit, instant_ns), count) * count;
    *ret = (struct due_period){.starts_ns = zone_period_start(zone, unit, first),
                               .ends_ns = zone_period_start(zone, unit, first + count)};
    ret->due_ns = ret->ends_ns;
    if (rule->business_day == 0)
        return;
    struct zone_time start;
    zone_civil(zone, ret->starts_ns, &start);
    int64_t day = calendar_of_month(calendar, start.date.year, start.date.month, rule->business_day, &ret->by_rule);
    ret->due_ns = zone_period_start(zone, ZONE_DAY, day + 1);
}

bool due_is_owed(const struct due_period *period, int64_t since_ns)
{
    return since_ns <= period->starts_ns + (period->due_ns - period->starts_ns) / 2;
}

/* ---- Reminders ---- */

bool due_reminder(const struct policy_reminder *rule, const struct zone *zone, int64_t since_ns, int64_t now_ns,
                  int64_t *ret_due_ns)
{
    int64_t today = zone_period(zone, ZONE_DAY, now_ns);
    int64_t due_ns = since_ns;
    /* From the first one each time: adding a month to the end of February again and again would stay at 28. */
    for (int times = 1; zone_period(zone, ZONE_DAY, due_ns) < today || times == 1; times++) {
        int64_t next_ns = span_add(rule->every, zone, since_ns, times);
        if (next_ns <= due_ns || next_ns == INT64_MAX)
            break;
        due_ns = next_ns;
    }
    *ret_due_ns = due_ns;
    int64_t from_ns = span_is_set(rule->before) ? span_add(rule->before, zone, due_ns, -1) : due_ns;
    return zone_period(zone, ZONE_DAY, from_ns) <= today && today <= zone_period(zone, ZONE_DAY, due_ns);
}

/* ---- Periods as text ---- */

static bool read_digits(const char **text, size_t count, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *ret = *ret * 10 + (**text - '0');
    }
    return true;
}

/* The Monday of a week of ISO 8601: week 1 is the one with January 4. False if that year has no such week. */
static bool find_week(int year, int week, int64_t *ret_monday)
{
    int64_t fourth = civil_days(year, 1, 4);
    int64_t next_fourth = civil_days(year + 1, 1, 4);
    int64_t monday = fourth - (civil_weekday(fourth) + 6) % 7;
    int64_t next_monday = next_fourth - (civil_weekday(next_fourth) + 6) % 7;
    *ret_monday = monday + 7 * ((int64_t)week - 1);
    return week >= 1 && *ret_monday < next_monday;
}

bool due_parse_period(const char *text, const struct zone *zone, int64_t *ret_starts_ns, int64_t *ret_ends_ns)
{
    int year, number, day = 1;
    int64_t first, end;
    if (!read_digits(&text, 4, &year))
        return false;
    if (*text == '\0') {
        first = civil_days(year, 1, 1);
        end = civil_days(year + 1, 1, 1);
    } else if (text[0] == '-' && text[1] == 'W') {
        text += 2;
        if (!read_digits(&text, 2, &number) || !find_week(year, number, &first))
            return false;
        end = first + 7;
    } else {
        if (*text++ != '-' || !read_digits(&text, 2, &number) || number < 1 || number > 12)
            return false;
        first = civil_days(year, number, 1);
        end = first + civil_days_of_month(year, number);
        if (*text == '-') {
            text++;
            if (!read_digits(&text, 2, &day) || day < 1 || day > civil_days_of_month(year, number))
                return false;
            first += day - 1;
            end = first + 1;
        }
    }
    if (*text != '\0')
        return false;
    *ret_starts_ns = zone_period_start(zone, ZONE_DAY, first);
    *ret_ends_ns = zone_period_start(zone, ZONE_DAY, end);
    return true;
}
