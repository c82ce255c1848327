/* Retention: what holds in every world, over worlds made by chance from a seed; and how long a plan takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "retention_fixture.h"

#include <stdio.h>
#include <string.h>

enum { WORLD_MAX = 400, ID_TEXT_SIZE = 8 };

struct world {
    uint64_t seed;
    struct zone *zone;
    struct retention_rule rule_space[4];
    struct retention_rules rules;
    struct retention_snapshot snapshots[WORLD_MAX];
    char ids[WORLD_MAX][ID_TEXT_SIZE];
    size_t count;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    /* splitmix64 (S. Vigna, public domain) */
    uint64_t z = (world->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void make_world(struct world *world, uint64_t seed)
{
    static const char *const zones[] = {"UTC", "Asia/Tokyo", "America/New_York", "America/St_Johns",
                                        "Australia/Lord_Howe"};
    static const char *const spans[] = {"36h", "5d", "30d", "2w", "1m", "6m", "1y"};
    static char tag[] = "week";
    *world = (struct world){.seed = seed};
    world->zone = open_zone(zones[draw(world, 5)]);
    world->rules.rules = world->rule_space;
    world->rules.count = 1 + draw(world, 4);
    if (draw(world, 2) == 0)
        assert_int_equal(span_parse("10d", &world->rules.on_demand, NULL), 0);
    for (size_t i = 0; i < world->rules.count; i++) {
        enum retention_kind kind = (enum retention_kind)draw(world, RETENTION_KIND_COUNT);
        bool both = draw(world, 3) == 0;
        unsigned count = kind == RETENTION_WITHIN ? 0 : 1 + (unsigned)draw(world, 9);
        world->rule_space[i] =
            rule(kind, both && kind != RETENTION_WITHIN ? 0 : count,
                 both || kind == RETENTION_WITHIN ? spans[draw(world, 7)] : NULL, draw(world, 4) == 0 ? tag : NULL);
        assert_int_equal(retention_rule_check(&world->rule_space[i], NULL), 0);
    }
}

/* A snapshot of about now; chance says what kind. */
static void add_snapshot(struct world *world, int64_t now_ns)
{
    static const enum retention_copies copies[] = {RETENTION_COMPLETE, RETENTION_COMPLETE, RETENTION_COMPLETE,
                                                   RETENTION_COMPLETE, RETENTION_PARTIAL,  RETENTION_UNKNOWN};
    struct retention_snapshot *snapshot = &world->snapshots[world->count];
    (void)snprintf(world->ids[world->count], ID_TEXT_SIZE, "%06u", (unsigned)draw(world, 1000000));
    *snapshot = (struct retention_snapshot){.id = world->ids[world->count],
                                            .time_ns = now_ns - (int64_t)draw(world, 3600) * NS_PER_S,
                                            .copies = copies[draw(world, 6)],
                                            .on_demand = draw(world, 6) == 0,
                                            .tag = draw(world, 4) == 0 ? "week" : NULL};
    snapshot->verified_ns = snapshot->copies == RETENTION_COMPLETE && draw(world, 6) == 0 ? now_ns : 0;
    if (snapshot->on_demand && draw(world, 2) == 0)
        snapshot->keep_until_ns = now_ns + (int64_t)draw(world, 40) * 86400 * NS_PER_S;
    world->count++;
}

/* kept[i] for each snapshot of the world; those of `gone` are not given to the planner. False: refused. */
static bool decide(const struct world *world, const bool *gone, int64_t now_ns, bool *kept)
{
    static struct retention_snapshot given[WORLD_MAX];
    static size_t index[WORLD_MAX];
    struct retention_input input = {.snapshots = given, .rules = &world->rules, .now_ns = now_ns, .zone = world->zone};
    struct retention_plan plan;
    struct error err = {0};
    memset(kept, 0, world->count * sizeof(*kept));
    for (size_t i = 0; i < world->count; i++) {
        if (gone != NULL && gone[i])
            continue;
        index[input.snapshot_count] = i;
        given[input.snapshot_count++] = world->snapshots[i];
    }
    if (retention_plan_make(&input, &plan, &err) != 0) {
        assert_int_equal(err.class, ERROR_REFUSED);
        return false;
    }
    size_t keep_count = 0;
    assert_int_equal(plan.count, input.snapshot_count);
    for (size_t i = 0; i < plan.count; i++) {
        kept[index[plan.decisions[i].snapshot]] = plan.decisions[i].keep;
        keep_count += plan.decisions[i].keep;
        assert_true(plan.decisions[i].reason_count > 0);
    }
    assert_int_equal(keep_count, plan.keep_count);
    retention_plan_clear(&plan);
    return true;
}

static void check_never_dropped(const struct world *world, const bool *kept)
{
    const struct retention_snapshot *complete = NULL, *verified = NULL;
    for (size_t i = 0; i < world->count; i++) {
        const struct retention_snapshot *snapshot = &world->snapshots[i];
        if (snapshot->copies == RETENTION_COMPLETE && (complete == NULL || snapshot->time_ns > complete->time_ns))
            complete = snapshot;
        if (snapshot->verified_ns != 0 && (verified == NULL || snapshot->time_ns > verified->time_ns))
            verified = snapshot;
    }
    assert_true(complete == NULL || kept[complete - world->snapshots]);
    assert_true(verified == NULL || kept[verified - world->snapshots]);
}

/* How many that were kept are no longer. */
static size_t lost(const bool *before, const bool *after, size_t count)
{
    size_t lost_count = 0;
    for (size_t i = 0; i < count; i++)
        lost_count += before[i] && !after[i];
    return lost_count;
}

/*
 * Days go by, snapshots come, what a plan drops is gone. At every step: what has been dropped is wanted by no later
 * plan (so the plan over what is left is the plan over all there ever was); the same plan again drops nothing; the
 * latest complete and the last verified stay; one more snapshot drops few, and none of them if it is partial.
 */
static void live(struct world *world)
{
    static bool gone[WORLD_MAX], kept[WORLD_MAX], again[WORLD_MAX], all[WORLD_MAX], more[WORLD_MAX];
    memset(gone, 0, sizeof(gone));
    int64_t now = at("2026-10-20T00:00:00Z") + (int64_t)draw(world, 86400) * NS_PER_S;
    while (world->count + 1 < WORLD_MAX / 4) {
        now += (int64_t)draw(world, 90000) * NS_PER_S;
        add_snapshot(world, now);
        now += NS_PER_S;
        if (!decide(world, gone, now, kept))
            continue; /* nothing to keep yet */
        check_never_dropped(world, kept);
        for (size_t i = 0; i < world->count; i++)
            gone[i] = !kept[i];
        assert_true(decide(world, gone, now, again));
        assert_memory_equal(kept, again, world->count * sizeof(*kept));
        assert_true(decide(world, NULL, now, all));
        assert_memory_equal(kept, all, world->count * sizeof(*kept));
        add_snapshot(world, now + 1800 * NS_PER_S);
        const struct retention_snapshot *added = &world->snapshots[world->count - 1];
        assert_true(decide(world, gone, now + 1800 * NS_PER_S, more));
        world->count--;
        assert_true(decide(world, gone, now + 1800 * NS_PER_S, again));
        size_t dropped = lost(again, more, world->count);
        /* Each rule lets go one at the end and one of the same period; and one each was kept as the latest only. */
        assert_true(dropped <= 2 * world->rules.count + 2);
        if (added->on_demand)
            assert_true(dropped <= (size_t)(added->copies == RETENTION_COMPLETE) + (added->verified_ns != 0));
    }
}

/* Whatever comes out of what could not be told: nothing is wanted then that has been dropped before. */
static void test_unknown_drops_nothing_wanted(void **state)
{
    (void)state;
    static struct world world;
    static bool kept[WORLD_MAX], wanted[WORLD_MAX];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        make_world(&world, seed);
        int64_t now = at("2026-10-20T00:00:00Z");
        for (int i = 0; i < 60; i++, now += (int64_t)draw(&world, 100000) * NS_PER_S)
            add_snapshot(&world, now);
        assert_true(decide(&world, NULL, now, kept));
        for (size_t i = 0; i < world.count; i++)
            if (world.snapshots[i].copies == RETENTION_UNKNOWN)
                world.snapshots[i].copies = draw(&world, 2) == 0 ? RETENTION_COMPLETE : RETENTION_PARTIAL;
        assert_true(decide(&world, NULL, now, wanted));
        assert_int_equal(lost(wanted, kept, world.count), 0);
        zone_free(world.zone);
    }
}

static void test_properties(void **state)
{
    (void)state;
    static struct world world;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        make_world(&world, seed);
        live(&world);
        zone_free(world.zone);
    }
}

/* ---- Speed and size ---- */

static void test_ten_thousand(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static struct retention_snapshot snapshots[COUNT];
    static char ids[COUNT][17];
    int64_t now = at("2026-11-21T12:00:00Z"), best = INT64_MAX;
    struct retention_rule rule_space[] = {rule(RETENTION_HOURLY, 48, NULL, NULL), rule(RETENTION_DAILY, 30, NULL, NULL),
                                          rule(RETENTION_WEEKLY, 12, NULL, NULL),
                                          rule(RETENTION_MONTHLY, 0, "1y", NULL),
                                          rule(RETENTION_YEARLY, 7, NULL, NULL)};
    const struct retention_rules rules = {.rules = rule_space, .count = 5};
    struct zone *zone = open_zone("America/New_York");
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "%016zx", i);
        snapshots[i] = (struct retention_snapshot){.id = ids[i],
                                                   .time_ns = now - (int64_t)i * 3600 * NS_PER_S,
                                                   .copies = i % 50 != 3 ? RETENTION_COMPLETE : RETENTION_PARTIAL};
    }
    const struct retention_input input = {
        .snapshots = snapshots, .snapshot_count = COUNT, .rules = &rules, .now_ns = now, .zone = zone};
    for (int round = 0; round < 5; round++) {
        struct retention_plan plan;
        int64_t start = clock_monotonic_ns();
        assert_int_equal(retention_plan_make(&input, &plan, NULL), 0);
        int64_t spent = clock_monotonic_ns() - start;
        best = spent < best ? spent : best;
        assert_true(plan.keep_count > 60 && plan.keep_count < 200);
        retention_plan_clear(&plan);
    }
    print_message("# a plan over %d snapshots: %.1f ms\n", COUNT, (double)best / 1e6);
    zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_unknown_drops_nothing_wanted),
        cmocka_unit_test(test_ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
