#include "policy/calendar.h"

#include "base/file.h"
#include "base/mem.h"
#include "policy/yaml_read.h"

#include <stdlib.h>

struct holiday {
    int64_t day;
    char *ja, *en;
};

/* Closed every year from one day of the year to another; both as 100 × month + day. */
struct closure {
    unsigned from, to;
};

struct calendar {
    char *name;
    unsigned has_rule;        /* enum value of rule_words         */
    unsigned weekend;         /* bit i: weekday i, 0 Sunday       */
    unsigned from, to;        /* years that the file holds        */
    struct holiday *holidays; /* by day */
    size_t holiday_count;
    struct closure *closures;
    size_t closure_count;
};

static const char *const rule_words[] = {"none", "japan", NULL};
static const char *const weekday_words[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                            "thursday", "friday", "saturday", NULL};

/* ---- Reading ---- */

/* Two digits, or -1. */
static int two_digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + text[1] - '0';
}

static int read_date(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const char allowed[] = "a date: 2026-11-23";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    bool form = strlen(text) == 10 && text[4] == '-' && text[7] == '-';
    int century = form ? two_digits(text) : -1, year = form ? two_digits(text + 2) : -1;
    int month = form ? two_digits(text + 5) : -1, day = form ? two_digits(text + 8) : -1;
    if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1 ||
        day > civil_days_of_month(century * 100 + year, month))
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no date", text);
    ((struct holiday *)object)->day = civil_days(century * 100 + year, month, day);
    return 0;
}

static int read_day_of_year(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                            struct error *err)
{
    static const char allowed[] = "a month and a day: 12-29";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    bool form = strlen(text) == 5 && text[2] == '-';
    int month = form ? two_digits(text) : -1, day = form ? two_digits(text + 3) : -1;
    if (month < 1 || month > 12 || day < 1 || day > civil_days_of_month(2000, month))
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no day of the year", text);
    *(unsigned *)(void *)((char *)object + field->offset) = (unsigned)(month * 100 + day);
    return 0;
}

static const struct yaml_field holiday_fields[] = {
    {.name = "date", .read = read_date, .required = true},
    {.name = "ja", .read = yaml_read_text, .offset = offsetof(struct holiday, ja), .required = true},
    {.name = "en", .read = yaml_read_text, .offset = offsetof(struct holiday, en), .required = true},
    {0},
};

static const struct yaml_field closure_fields[] = {
    {.name = "from", .read = read_day_of_year, .offset = offsetof(struct closure, from), .required = true},
    {.name = "to", .read = read_day_of_year, .offset = offsetof(struct closure, to), .required = true},
    {0},
};

static int read_holiday(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    struct calendar *calendar = context;
    struct holiday *holiday = &calendar->holidays[number];
    calendar->holiday_count = number + 1;
    if (yaml_read_mapping(reader, item, "a holiday", holiday_fields, holiday, err) != 0)
        return -1;
    if (number > 0 && holiday->day <= calendar->holidays[number - 1].day)
        return yaml_complain(reader, item, err, "put them in order, each once",
                             "this holiday does not come after the one before it");
    return 0;
}

static int read_holidays(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                         struct error *err)
{
    struct calendar *calendar = object;
    size_t count = 0;
    if (yaml_read_sequence(reader, node, field->name, &count, err) != 0)
        return -1;
    calendar->holidays = mem_calloc(count, sizeof(struct holiday));
    if (calendar->holidays == NULL)
        return error_no_memory(err);
    return yaml_each(reader, node, read_holiday, calendar, err);
}

static int read_closure(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    return yaml_read_mapping(reader, item, "a closure", closure_fields, (struct closure *)context + number, err);
}

static int read_closures(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                         struct error *err)
{
    struct calendar *calendar = object;
    if (yaml_read_sequence(reader, node, field->name, &calendar->closure_count, err) != 0)
        return -1;
    calendar->closures = mem_calloc(calendar->closure_count, sizeof(struct closure));
    if (calendar->closures == NULL)
        return error_no_memory(err);
    return yaml_each(reader, node, read_closure, calendar->closures, err);
}

static const struct yaml_field announced_fields[] = {
    {.name = "from",
     .read = yaml_read_number,
     .offset = offsetof(struct calendar, from),
     .required = true,
     .min = 1970,
     .max = 9999},
    {.name = "to",
     .read = yaml_read_number,
     .offset = offsetof(struct calendar, to),
     .required = true,
     .min = 1970,
     .max = 9999},
    {0},
};

static int read_announced(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                          struct error *err)
{
    const struct calendar *calendar = object;
    if (yaml_read_mapping(reader, node, field->name, announced_fields, object, err) != 0)
        return -1;
    return calendar->from <= calendar->to
               ? 0
               : yaml_complain(reader, node, err, "{from: 2024, to: 2027}", "the years end before they begin");
}

static const struct yaml_field calendar_fields[] = {
    {.name = "calendar", .read = yaml_read_name, .offset = offsetof(struct calendar, name), .required = true},
    {.name = "rule", .read = yaml_read_choice, .offset = offsetof(struct calendar, has_rule), .more = rule_words},
    {.name = "weekend", .read = yaml_read_choices, .offset = offsetof(struct calendar, weekend), .more = weekday_words},
    {.name = "announced", .read = read_announced, .required = true},
    {.name = "closed", .read = read_closures},
    {.name = "holidays", .read = read_holidays, .required = true},
    {0},
};

/* Each of the announced years has its holidays here: a year without any was forgotten. */
static int check_years(struct yaml_reader *reader, const struct calendar *calendar, struct error *err)
{
    yaml_node_t *node = yaml_find(reader, yaml_reader_root(reader), "announced");
    size_t next = 0;
    for (unsigned year = calendar->from; year <= calendar->to; year++) {
        size_t first = next;
        while (next < calendar->holiday_count && civil_date_of(calendar->holidays[next].day).year == (int64_t)year)
            next++;
        if (next == first)
            return yaml_complain(reader, node, err, "list its holidays, or shorten the years",
                                 "the year %u has no holidays here", year);
    }
    if (next == calendar->holiday_count)
        return 0;
    return yaml_complain(reader, node, err, "widen the years", "some of the holidays lie outside of these years");
}

int calendar_parse(const char *file, const void *text, size_t size, struct calendar **ret, struct error *err)
{
    struct yaml_reader reader;
    *ret = NULL;
    if (yaml_reader_open_with(&reader, file, "policies/calendars/japan.yaml is an example", text, size, err) != 0)
        return -1;
    struct calendar *calendar = mem_calloc(1, sizeof(*calendar));
    int rc = calendar != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = yaml_read_mapping(&reader, yaml_reader_root(&reader), "a calendar", calendar_fields, calendar, err);
    if (rc == 0)
        rc = check_years(&reader, calendar, err);
    yaml_reader_free(&reader);
    if (rc != 0) {
        calendar_free(calendar);
        return -1;
    }
    if (calendar->weekend == 0)
        calendar->weekend = 1U << 0 | 1U << 6;
    *ret = calendar;
    return 0;
}

int calendar_load(const char *path, struct calendar **ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    *ret = NULL;
    if (file_read(path, YAML_READ_SIZE_MAX, &text, err) != 0)
        return -1;
    return calendar_parse(path, text.data, text.size, ret, err);
}

int calendar_by_rule(const char *name, struct calendar **ret, struct error *err)
{
    *ret = NULL;
    if (strcmp(name, CALENDAR_JAPAN) != 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no calendar '%.100s'", name);
        return error_hint(err, "the shipped calendar is `%s`; another one is a file in policies/calendars/",
                          CALENDAR_JAPAN);
    }
    struct calendar *calendar = mem_calloc(1, sizeof(*calendar));
    if (calendar == NULL)
        return error_no_memory(err);
    *calendar = (struct calendar){.has_rule = 1, .weekend = 1U << 0 | 1U << 6, .from = 1};
    *ret = calendar;
    return 0;
}

void calendar_free(struct calendar *calendar)
{
    if (calendar == NULL)
        return;
    for (size_t i = 0; i < calendar->holiday_count; i++) {
        mem_free(calendar->holidays[i].ja);
        mem_free(calendar->holidays[i].en);
    }
    mem_free(calendar->holidays);
    mem_free(calendar->closures);
    mem_free(calendar->name);
    mem_free(calendar);
}

/* ---- Asking ---- */

static int compare_days(const void *a, const void *b)
{
    int64_t x = ((const struct holiday *)a)->day, y = ((const struct holiday *)b)->day;
    return x < y ? -1 : x > y;
}

static bool is_closed(const struct calendar *calendar, const struct civil_date *date)
{
    unsigned day = (unsigned)(date->month * 100 + date->day);
    for (size_t i = 0; i < calendar->closure_count; i++) {
        const struct closure *c = &calendar->closures[i];
        bool within = c->from <= c->to ? c->from <= day && day <= c->to : day >= c->from || day <= c->to;
        if (within)
            return true;
    }
    return false;
}

void calendar_look(const struct calendar *calendar, int64_t day, struct calendar_day *ret)
{
    struct civil_date date = civil_date_of(day);
    *ret = (struct calendar_day){.works = false};
    if (calendar->from <= date.year && date.year <= calendar->to) {
        struct holiday key = {.day = day};
        const struct holiday *found =
            bsearch(&key, calendar->holidays, calendar->holiday_count, sizeof(key), compare_days);
        if (found != NULL)
            *ret = (struct calendar_day){.ja = found->ja, .en = found->en};
    } else {
        const char *ja, *en;
        ret->by_rule = true;
        if (calendar->has_rule && holiday_japan(day, &ja, &en)) {
            ret->ja = ja;
            ret->en = en;
        }
    }
    ret->works = ret->ja == NULL && (calendar->weekend >> civil_weekday(day) & 1) == 0 && !is_closed(calendar, &date);
}

int64_t calendar_after(const struct calendar *calendar, int64_t day, unsigned count, bool *by_rule)
{
    struct calendar_day look;
    /* A calendar that is closed all year has no business day: then the last one looked at serves. */
    for (unsigned idle = 0; count > 0 && idle < 366; idle++) {
        calendar_look(calendar, ++day, &look);
        if (by_rule != NULL)
            *by_rule = *by_rule || look.by_rule;
        if (look.works) {
            count--;
            idle = 0;
        }
    }
    return day;
}

int64_t calendar_of_month(const struct calendar *calendar, int64_t year, int month, unsigned count, bool *by_rule)
{
    return calendar_after(calendar, civil_days(year, month, 1) - 1, count, by_rule);
}

int64_t calendar_deadline(const struct calendar *calendar, const struct zone *zone, int64_t instant_ns, unsigned count,
                          bool *by_rule)
{
    int64_t day = zone_period(zone, ZONE_DAY, instant_ns);
    return zone_period_start(zone, ZONE_DAY, calendar_after(calendar, day, count, by_rule) + 1);
}
