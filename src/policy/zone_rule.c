/* The footer of a TZif file: the rule of POSIX' TZ variable with the extension of RFC 8536, section 3.3.1. */
#include "policy/zone_internal.h"

#include <string.h>

enum { DAY_S = 86400, RULE_HOURS_MAX = 167 };

struct text {
    const char *p;
    size_t left;
};

static char peek(const struct text *text)
{
    return text->left > 0 ? *text->p : '\0';
}

static bool take(struct text *text, char c)
{
    if (text->left == 0 || *text->p != c)
        return false;
    text->p++;
    text->left--;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "JST", or "<+09>". At least three characters. */
static bool take_name(struct text *text, char *out)
{
    bool quoted = take(text, '<');
    size_t size = 0;
    for (;; size++) {
        char c = peek(text);
        if (!is_letter(c) && !(quoted && (is_digit(c) || c == '+' || c == '-')))
            break;
        if (size + 1 < ZONE_ABBREVIATION_SIZE)
            out[size] = c;
        (void)take(text, c);
    }
    out[size + 1 < ZONE_ABBREVIATION_SIZE ? size : ZONE_ABBREVIATION_SIZE - 1] = '\0';
    return size >= 3 && (!quoted || take(text, '>'));
}

static bool take_number(struct text *text, int max, int *ret)
{
    int value = 0, digits = 0;
    for (; is_digit(peek(text)) && digits < 3; digits++) {
        value = value * 10 + (peek(text) - '0');
        (void)take(text, peek(text));
    }
    *ret = value;
    return digits > 0 && value <= max;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_time(struct text *text, int hours_max, int32_t *ret)
{
    int sign = take(text, '-') ? -1 : 1;
    if (sign > 0)
        (void)take(text, '+');
    int hours, minutes = 0, seconds = 0;
    if (!take_number(text, hours_max, &hours))
        return false;
    if (take(text, ':')) {
        if (!take_number(text, 59, &minutes))
            return false;
        if (take(text, ':') && !take_number(text, 59, &seconds))
            return false;
    }
    *ret = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool take_change(struct text *text, struct zone_change *ret)
{
    *ret = (struct zone_change){.time_s = 2 * 3600};
    if (!take(text, ','))
        return false;
    bool ok;
    if (take(text, 'J')) {
        ret->kind = RULE_JULIAN;
        ok = take_number(text, 365, &ret->day) && ret->day > 0;
    } else if (take(text, 'M')) {
        ret->kind = RULE_WEEKDAY;
        ok = take_number(text, 12, &ret->month) && ret->month > 0 && take(text, '.') &&
             take_number(text, 5, &ret->week) && ret->week > 0 && take(text, '.') && take_number(text, 6, &ret->day);
    } else {
        ret->kind = RULE_DAY;
        ok = take_number(text, 365, &ret->day);
    }
    return ok && (!take(text, '/') || take_time(text, RULE_HOURS_MAX, &ret->time_s));
}

bool zone_rule_parse(const char *bytes, size_t size, struct zone_rule *ret)
{
    struct text text = {bytes, size};
    int32_t west;
    *ret = (struct zone_rule){0};
    if (size == 0)
        return true;
    ret->present = true;
    /* POSIX counts west of Greenwich, everybody else east. */
    if (!take_name(&text, ret->standard.abbreviation) || !take_time(&text, 24, &west))
        return false;
    ret->standard.offset_s = -west;
    if (text.left == 0)
        return true;
    ret->has_daylight = true;
    ret->daylight.daylight = true;
    ret->daylight.offset_s = ret->standard.offset_s + 3600;
    if (!take_name(&text, ret->daylight.abbreviation))
        return false;
    if (peek(&text) != ',') {
        if (!take_time(&text, 24, &west))
            return false;
        ret->daylight.offset_s = -west;
    }
    return take_change(&text, &ret->start) && take_change(&text, &ret->end) && text.left == 0;
}

/* The local day (since 1970) on which a change falls in a year. */
static int64_t change_day(const struct zone_change *change, int64_t year)
{
    int64_t first = civil_days(year, 1, 1);
    switch (change->kind) {
    case RULE_JULIAN:
        return first + change->day - 1 + (change->day > 59 && civil_is_leap(year));
    case RULE_DAY:
        return first + change->day;
    case RULE_WEEKDAY:
        break;
    }
    int64_t month = civil_days(year, change->month, 1);
    int64_t day = month + (change->day - civil_weekday(month) + 7) % 7 + (int64_t)7 * (change->week - 1);
    while (day >= month + civil_days_of_month(year, change->month))
        day -= 7;
    return day;
}

/*
 * The changes of three years are looked at, as a change may lie up to a week beyond its year. Where an end and a start
 * meet (daylight saving all year, as some zones state it), the start wins: starts are looked at after ends.
 */
struct zone_stretch zone_rule_at(const struct zone_rule *rule, int64_t second)
{
    struct zone_stretch stretch = {&rule->standard, INT64_MIN, INT64_MAX};
    if (!rule->has_daylight)
        return stretch;
    int64_t year = civil_date_of(civil_floor_div(second + rule->standard.offset_s, DAY_S)).year;
    for (int pass = 0; pass < 6; pass++) {
        bool starts = pass >= 3;
        const struct zone_change *change = starts ? &rule->start : &rule->end;
        const struct zone_type *before = starts ? &rule->standard : &rule->daylight;
        int64_t at = change_day(change, year - 1 + pass % 3) * DAY_S + change->time_s - before->offset_s;
        if (at > second && at < stretch.end)
            stretch.end = at;
        if (at <= second && at >= stretch.begin) {
            stretch.begin = at;
            stretch.type = starts ? &rule->daylight : &rule->standard;
        }
    }
    return stretch;
}
