#include "policy/schedule.h"

#include "base/clock.h"

enum { MINUTES_OF_HOUR = 60, WINDOWS_TRIED = 60 };
#define NS_PER_MINUTE (60 * NS_PER_S)

const char *schedule_state_name(enum schedule_state state)
{
    static const char *const names[SCHEDULE_STATES] = {
        [SCHEDULE_NONE] = "none", [SCHEDULE_DONE] = "done",     [SCHEDULE_WAITS] = "waits",
        [SCHEDULE_DUE] = "due",   [SCHEDULE_MISSED] = "missed",
    };
    return names[state];
}

/* ---- Hashing: FNV-1a (Fowler, Noll, Vo), then the finalizer of splitmix64 (Steele, Lea, Flood 2014) ---- */

static uint64_t hash_tenant(const struct id *tenant, uint64_t salt)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ salt;
    for (size_t i = 0; i < ID_SIZE; i++)
        hash = (hash ^ tenant->bytes[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

unsigned schedule_shard(const struct id *tenant, unsigned count)
{
    unsigned best = 0;
    uint64_t highest = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t weight = hash_tenant(tenant, (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15));
        if (i == 0 || weight > highest) {
            highest = weight;
            best = i;
        }
    }
    return best;
}

/* ---- Windows ---- */

struct window {
    int64_t begins_ns, ends_ns;
};

struct timetable {
    const struct policy_schedule *schedule;
    const struct zone *zone;
    enum zone_unit unit;
    int64_t jitter_ns;
};

static int64_t at_minute(const struct zone *zone, struct civil_date date, unsigned minute)
{
    const struct zone_time time = {
        .date = date, .hour = (int)(minute / MINUTES_OF_HOUR), .minute = (int)(minute % MINUTES_OF_HOUR)};
    return zone_instant(zone, &time, NULL);
}

/* The day that a period's window begins on. */
static struct civil_date window_date(const struct timetable *table, int64_t number)
{
    const struct policy_schedule *schedule = table->schedule;
    switch (table->unit) {
    case ZONE_WEEK: /* of ISO 8601, from Monday; week 0 holds 1970-01-01, a Thursday */
        return civil_date_of(7 * number - 3 + ((int64_t)schedule->on + 6) % 7);
    case ZONE_MONTH: {
        struct civil_date date = {.year = civil_floor_div(number, 12)};
        date.month = (int)(number - 12 * date.year) + 1;
        int last = civil_days_of_month(date.year, date.month);
        date.day = (int)schedule->day < last ? (int)schedule->day : last;
        return date;
    }
    default:
        return civil_date_of(number);
    }
}

/* Hours have a window if they begin within the day's, which may reach over midnight. */
static bool hour_window(const struct timetable *table, int64_t number, struct window *ret)
{
    struct zone_time time;
    ret->begins_ns = zone_period_start(table->zone, ZONE_HOUR, number);
    ret->ends_ns = ret->begins_ns + MINUTES_OF_HOUR * NS_PER_MINUTE;
    zone_civil(table->zone, ret->begins_ns, &time);
    unsigned minute = (unsigned)time.hour * MINUTES_OF_HOUR + (unsigned)time.minute;
    unsigned after = (minute + POLICY_MINUTES_OF_DAY - table->schedule->window_start) % POLICY_MINUTES_OF_DAY;
    return after < table->schedule->window_minutes;
}

/* The window of a period; false if there is none: a day that the zone left out. */
static bool window_of(const struct timetable *table, int64_t number, struct window *ret)
{
    if (table->unit == ZONE_HOUR)
        return hour_window(table, number, ret);
    struct civil_date date = window_date(table, number);
    ret->begins_ns = at_minute(table->zone, date, table->schedule->window_start);
    ret->ends_ns = ret->begins_ns + (int64_t)table->schedule->window_minutes * NS_PER_MINUTE;
    struct zone_time time;
    zone_civil(table->zone, ret->begins_ns, &time);
    return time.date.year == date.year && time.date.month == date.month && time.date.day == date.day;
}

static struct timetable timetable_of(const struct policy_schedule *schedule, const struct zone *zone,
                                     const struct id *tenant)
{
    static const enum zone_unit units[] = {[POLICY_HOURLY] = ZONE_HOUR,
                                           [POLICY_DAILY] = ZONE_DAY,
                                           [POLICY_WEEKLY] = ZONE_WEEK,
                                           [POLICY_MONTHLY] = ZONE_MONTH};
    struct timetable table = {.schedule = schedule, .zone = zone, .unit = units[schedule->every]};
    unsigned longest = table.unit == ZONE_HOUR ? MINUTES_OF_HOUR : schedule->window_minutes;
    uint64_t jitter = schedule->jitter_minutes < longest ? schedule->jitter_minutes : longest - 1;
    /* Whole seconds, so that a time that is shown is the time that is meant. */
    table.jitter_ns = jitter > 0 ? (int64_t)(hash_tenant(tenant, 0) % (jitter * 60)) * NS_PER_S : 0;
    return table;
}

/* The period before or after. Hours are numbered by the second that they begin with, and may be shorter or longer. */
static int64_t previous_of(const struct timetable *table, int64_t number)
{
    if (table->unit != ZONE_HOUR)
        return number - 1;
    return zone_period(table->zone, ZONE_HOUR, zone_period_start(table->zone, ZONE_HOUR, number) - 1);
}

static int64_t next_of(const struct timetable *table, int64_t number)
{
    if (table->unit != ZONE_HOUR)
        return number + 1;
    int64_t begins = zone_period_start(table->zone, ZONE_HOUR, number), next = number;
    for (int64_t hours = 1; next == number; hours++)
        next = zone_period(table->zone, ZONE_HOUR, begins + hours * MINUTES_OF_HOUR * NS_PER_MINUTE);
    return next;
}

/* The latest window in which the tenant's time has come, from the period `from` down; false if none was found. */
static bool latest_window(const struct timetable *table, int64_t from, int64_t now_ns, int64_t *ret_number,
                          struct window *ret)
{
    *ret_number = from;
    for (unsigned i = 0; i < WINDOWS_TRIED; i++, *ret_number = previous_of(table, *ret_number))
        if (window_of(table, *ret_number, ret) && ret->begins_ns + table->jitter_ns <= now_ns)
            return true;
    return false;
}

static void next_window(const struct timetable *table, int64_t after, struct window *ret)
{
    for (unsigned i = 0; i < WINDOWS_TRIED; i++) {
        after = next_of(table, after);
        if (window_of(table, after, ret))
            return;
    }
}

/* Windows before `number` that began after the last success, and after the tenant came to be. *ret_ns: the time in the
 * latest of them. */
static unsigned count_missed(const struct timetable *table, int64_t number, int64_t last_ns, int64_t since_ns,
                             int64_t *ret_ns)
{
    struct window window;
    unsigned missed = 0;
    int64_t from = last_ns != 0 ? last_ns : since_ns;
    while (from != 0 && missed < SCHEDULE_WINDOWS_COUNTED) {
        number = previous_of(table, number);
        if (window_of(table, number, &window)) {
            if (window.begins_ns <= from)
                break;
            if (missed++ == 0)
                *ret_ns = window.begins_ns + table->jitter_ns;
        } else if (zone_period_start(table->zone, table->unit, number) <= from) {
            break;
        }
    }
    return missed;
}

void schedule_decide(const struct policy_schedule *schedule, const struct zone *zone, const struct id *tenant,
                     int64_t last_ns, int64_t not_before_ns, int64_t since_ns, int64_t now_ns, struct schedule_due *ret)
{
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (!schedule->rule.present)
        return;
    struct timetable table = timetable_of(schedule, zone, tenant);
    struct window window;
    int64_t number = zone_period(zone, table.unit, now_ns);
    bool found = latest_window(&table, number, now_ns, &number, &window);
    bool due = found && last_ns < window.begins_ns;
    if (due && now_ns >= not_before_ns) {
        ret->state = now_ns < window.ends_ns ? SCHEDULE_DUE : SCHEDULE_MISSED;
        ret->windows = count_missed(&table, number, last_ns, since_ns, &ret->missed_ns);
        ret->is_late = ret->windows > 0 || (ret->state == SCHEDULE_MISSED && since_ns < window.begins_ns);
        if (ret->state == SCHEDULE_MISSED && since_ns < window.begins_ns)
            ret->missed_ns = window.begins_ns + table.jitter_ns;
    } else {
        ret->state = due ? SCHEDULE_WAITS : SCHEDULE_DONE;
        if (!due)
            next_window(&table, number, &window);
    }
    ret->at_ns = window.begins_ns + table.jitter_ns;
    ret->ends_ns = window.ends_ns;
    if (ret->at_ns < not_before_ns)
        ret->at_ns = not_before_ns;
}

int64_t schedule_period(const struct policy_schedule *schedule, const struct zone *zone, int64_t instant_ns)
{
    static const struct id nobody;
    struct timetable table = timetable_of(schedule, zone, &nobody);
    return zone_period(zone, table.unit, instant_ns);
}

int64_t schedule_next_period(const struct policy_schedule *schedule, const struct zone *zone, int64_t period)
{
    static const struct id nobody;
    struct timetable table = timetable_of(schedule, zone, &nobody);
    struct window window;
    for (unsigned i = 0; i < WINDOWS_TRIED; i++) {
        period = next_of(&table, period);
        if (window_of(&table, period, &window))
            break;
    }
    return period;
}

bool schedule_window(const struct policy_schedule *schedule, const struct zone *zone, int64_t period,
                     int64_t *ret_begins_ns, int64_t *ret_ends_ns)
{
    static const struct id nobody;
    struct timetable table = timetable_of(schedule, zone, &nobody);
    struct window window;
    if (!window_of(&table, period, &window))
        return false;
    *ret_begins_ns = window.begins_ns;
    *ret_ends_ns = window.ends_ns;
    return true;
}

void schedule_decide_span(struct span every, const struct zone *zone, int64_t last_ns, int64_t now_ns,
                          struct schedule_due *ret)
{
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (!span_is_set(every))
        return;
    int64_t at_ns = last_ns != 0 ? span_add(every, zone, last_ns, 1) : now_ns;
    if (every.unit != SPAN_HOURS && last_ns != 0)
        at_ns = zone_period_start(zone, ZONE_DAY, zone_period(zone, ZONE_DAY, at_ns));
    ret->state = now_ns >= at_ns ? SCHEDULE_DUE : SCHEDULE_DONE;
    ret->at_ns = at_ns;
    ret->ends_ns = at_ns + INT64_C(86400) * NS_PER_S;
    if (ret->state == SCHEDULE_DUE && last_ns != 0 && now_ns >= ret->ends_ns)
        ret->state = SCHEDULE_MISSED;
    ret->is_late = ret->state == SCHEDULE_MISSED;
    ret->missed_ns = ret->is_late ? at_ns : 0;
}

int64_t schedule_deadline(struct span every, const struct zone *zone, int64_t last_ns)
{
    int64_t at_ns = span_add(every, zone, last_ns, 1);
    return every.unit == SPAN_HOURS ? at_ns : zone_period_start(zone, ZONE_DAY, zone_period(zone, ZONE_DAY, at_ns) + 1);
}
