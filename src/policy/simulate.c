#include "policy/simulate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "policy/schedule.h"

struct world {
    const struct simulate_input *input;
    struct zone *zone;          /* of the generations */
    struct zone *schedule_zone; /* of the nights      */
    struct retention_snapshot *snapshots;
    size_t count, capacity;
    char **nights; /* names of those that were simulated; snapshots borrow them */
    size_t night_count, night_capacity;
};

static void clear_world(struct world *world)
{
    zone_free(world->zone);
    zone_free(world->schedule_zone);
    mem_free(world->snapshots);
    for (size_t i = 0; i < world->night_count; i++)
        mem_free(world->nights[i]);
    mem_free(world->nights);
}

static int add_snapshot(struct world *world, const struct retention_snapshot *snapshot, struct error *err)
{
    struct retention_snapshot *grown =
        mem_more(world->snapshots, world->count, &world->capacity, sizeof(*world->snapshots));
    if (grown == NULL)
        return error_no_memory(err);
    world->snapshots = grown;
    grown[world->count++] = *snapshot;
    return 0;
}

static int open_world(struct world *world, struct error *err)
{
    const struct simulate_input *input = world->input;
    const struct policy_schedule *schedule = &input->policy->schedule;
    for (size_t i = 0; i < input->snapshot_count; i++)
        if (add_snapshot(world, &input->snapshots[i], err) != 0)
            return -1;
    if (zone_open(input->policy->zone, &world->zone, err) != 0)
        return -1;
    return schedule->rule.present ? zone_open(schedule->zone, &world->schedule_zone, err) : 0;
}

static int add_night(struct world *world, int64_t time_ns, struct error *err)
{
    char text[ZONE_TEXT_SIZE];
    int shown = world->input->policy->schedule.every == POLICY_HOURLY ? 13 : 10; /* "2026-11-22T05", "2026-11-22" */
    char **grown = mem_more(world->nights, world->night_count, &world->night_capacity, sizeof(*world->nights));
    if (grown == NULL)
        return error_no_memory(err);
    world->nights = grown;
    char *name = mem_printf("%.*s", shown, zone_format(world->schedule_zone, time_ns, text));
    if (name == NULL)
        return error_no_memory(err);
    grown[world->night_count++] = name;
    const struct retention_snapshot night = {.id = name, .time_ns = time_ns, .copies = RETENTION_COMPLETE};
    return add_snapshot(world, &night, err);
}

/* The snapshots of a day: one when each window of the schedule begins. *ret_now is when its last one is done. */
static int make_nights(struct world *world, int64_t day, int64_t *ret_now, struct error *err)
{
    const struct policy_schedule *schedule = &world->input->policy->schedule;
    const struct zone *zone = world->schedule_zone;
    if (!schedule->rule.present)
        return 0;
    int64_t begins_ns, ends_ns, start_ns = zone_period_start(zone, ZONE_DAY, day);
    int64_t end_ns = zone_period_start(zone, ZONE_DAY, day + 1);
    if (start_ns >= end_ns)
        return 0;
    /* The period that the day begins in may have its window on another day. */
    int64_t period = schedule_period(schedule, zone, start_ns);
    if (!schedule_window(schedule, zone, period, &begins_ns, &ends_ns) || begins_ns < start_ns) {
        period = schedule_next_period(schedule, zone, period);
        if (!schedule_window(schedule, zone, period, &begins_ns, &ends_ns))
            return 0;
    }
    while (begins_ns >= start_ns && begins_ns < end_ns) {
        if (add_night(world, begins_ns, err) != 0)
            return -1;
        *ret_now = begins_ns;
        period = schedule_next_period(schedule, zone, period);
        if (!schedule_window(schedule, zone, period, &begins_ns, &ends_ns))
            break;
    }
    return 0;
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
    if (make_nights(world, day, &result.now_ns, err) != 0)
        return -1;
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
