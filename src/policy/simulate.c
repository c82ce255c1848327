#include "policy/simulate.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

enum { NIGHT_NAME_SIZE = 32 };

struct world {
    const struct simulate_input *input;
    struct zone *zone;          /* of the generations */
    struct zone *schedule_zone; /* of the nights      */
    struct retention_snapshot *snapshots;
    size_t count, capacity;
    char (*nights)[NIGHT_NAME_SIZE]; /* names of those that were simulated; snapshots borrow them */
    size_t night_count, night_capacity;
};

static void clear_world(struct world *world)
{
    zone_free(world->zone);
    zone_free(world->schedule_zone);
    mem_free(world->snapshots);
    mem_free(world->nights);
}

static int open_world(struct world *world, struct error *err)
{
    const struct simulate_input *input = world->input;
    const struct policy_schedule *schedule = &input->policy->schedule;
    unsigned a_day = schedule->every == POLICY_HOURLY ? 25 : 1; /* the longest day */
    world->night_capacity = schedule->rule.present ? (size_t)input->days * a_day : 0;
    world->capacity = input->snapshot_count + world->night_capacity;
    world->snapshots = mem_calloc(world->capacity, sizeof(*world->snapshots));
    world->nights = mem_calloc(world->night_capacity, sizeof(*world->nights));
    if (world->snapshots == NULL || world->nights == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < input->snapshot_count; i++)
        world->snapshots[world->count++] = input->snapshots[i];
    if (zone_open(input->policy->zone, &world->zone, err) != 0)
        return -1;
    return schedule->rule.present ? zone_open(schedule->zone, &world->schedule_zone, err) : 0;
}

/* Does the schedule make a snapshot on this day? */
static bool is_night(const struct policy_schedule *schedule, const struct civil_date *date)
{
    int last = civil_days_of_month(date->year, date->month);
    switch (schedule->every) {
    case POLICY_HOURLY:
    case POLICY_DAILY:
        return true;
    case POLICY_WEEKLY:
        return civil_weekday(civil_days(date->year, date->month, date->day)) == (int)schedule->on;
    case POLICY_MONTHLY:
        return date->day == ((int)schedule->day < last ? (int)schedule->day : last);
    }
    return false;
}

static void add_night(struct world *world, int64_t time_ns)
{
    char *name = world->nights[world->night_count++];
    char text[ZONE_TEXT_SIZE];
    int shown = world->input->policy->schedule.every == POLICY_HOURLY ? 13 : 10; /* "2026-11-22T05", "2026-11-22" */
    (void)snprintf(name, NIGHT_NAME_SIZE, "%.*s", shown, zone_format(world->schedule_zone, time_ns, text));
    world->snapshots[world->count++] =
        (struct retention_snapshot){.id = name, .time_ns = time_ns, .copies = RETENTION_COMPLETE};
}

/* The snapshots of a day; *ret_now is when its last one is done. */
static void make_nights(struct world *world, int64_t day, int64_t *ret_now)
{
    const struct policy_schedule *schedule = &world->input->policy->schedule;
    struct zone_time start = {.date = civil_date_of(day)};
    if (!schedule->rule.present || !is_night(schedule, &start.date))
        return;
    if (schedule->every == POLICY_HOURLY) {
        int64_t end = zone_period_start(world->schedule_zone, ZONE_DAY, day + 1);
        for (int64_t t = zone_period_start(world->schedule_zone, ZONE_DAY, day); t < end; t += 3600 * NS_PER_S) {
            add_night(world, t);
            *ret_now = t;
        }
        return;
    }
    start.hour = (int)(schedule->window_start / 60);
    start.minute = (int)(schedule->window_start % 60);
    *ret_now = zone_instant(world->schedule_zone, &start, NULL);
    add_night(world, *ret_now);
}

/* What the plan drops is gone. */
static void drop(struct world *world, const struct retention_plan *plan)
{
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->decisions[i].keep)
            world->snapshots[plan->decisions[i].snapshot].id = NULL;
    for (size_t i = 0; i < world->count; i++)
        if (world->snapshots[i].id != NULL)
            world->snapshots[kept++] = world->snapshots[i];
    world->count = kept;
}

static int one_day(struct world *world, int64_t day, simulate_work *work, void *context, struct error *err)
{
    const struct simulate_input *input = world->input;
    /* A day without a night ends at noon. */
    struct simulate_day result = {.date = civil_date_of(day)};
    const struct zone_time noon = {.date = result.date, .hour = 12};
    result.now_ns = zone_instant(world->zone, &noon, NULL);
    make_nights(world, day, &result.now_ns);
    const struct retention_input given = {.snapshots = world->snapshots,
                                          .snapshot_count = world->count,
                                          .rules = &input->policy->generations.rules,
                                          .holds = input->holds,
                                          .hold_count = input->hold_count,
                                          .now_ns = result.now_ns,
                                          .zone = world->zone};
    struct retention_plan plan;
    if (retention_plan_make(&given, &plan, err) != 0)
        return -1;
    result.snapshots = world->snapshots;
    result.snapshot_count = world->count;
    result.plan = &plan;
    int rc = work(&result, context, err);
    drop(world, &plan);
    retention_plan_clear(&plan);
    return rc;
}

int simulate_days(const struct simulate_input *input, simulate_work *work, void *context, struct error *err)
{
    struct world world CLEANUP(clear_world) = {.input = input};
    if (input->days < 1 || input->days > SIMULATE_DAYS_MAX)
        return error_set(err, ERROR_USAGE, "1 to %d days can be simulated", (int)SIMULATE_DAYS_MAX);
    if (open_world(&world, err) != 0)
        return -1;
    int64_t today = zone_period(world.zone, ZONE_DAY, input->now_ns);
    for (unsigned i = 1; i <= input->days; i++)
        if (one_day(&world, today + i, work, context, err) != 0)
            return -1;
    return 0;
}
