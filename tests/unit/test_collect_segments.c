/*
 * Segments of the index, through collection: their number stays bounded, whoever has seen the old ones goes on, and
 * what a run that was cut off left is used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collect_world.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { NIGHTS = 40, FILES = 30, FILE_SIZE = 45000, KEPT = 10 };

/* A night that stores more than 1 MiB: it writes a segment. */
static void large_night(struct world *world, unsigned number, bool remember)
{
    char name[32];
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof(name), "file-%u", (number * FILES + i) % (KEPT * FILES));
        write_file(world, name, FILE_SIZE, number * UINT64_C(1000) + i);
    }
    if (remember)
        keep_reference(world, number);
    pass(world, DAY);
    backup(world, HIKAE_OK);
}

/* Another state folder of the same store, as a second host has it. */
static void second_host(const struct world *world, struct world *other)
{
    char command[2000];
    *other = *world;
    (void)snprintf(other->config, sizeof(other->config), "%.200s/etc2/hikae.yaml", world->dir);
    (void)snprintf(command, sizeof(command),
                   "cp -a '%s/etc' '%s/etc2' && rm -rf '%s/etc2/state' && sed -i 's|%s/etc/|%s/etc2/|g' '%s'",
                   world->dir, world->dir, world->dir, world->dir, world->dir, other->config);
    assert_int_equal(system(command), 0);
    open_world(other);
}

/* Which reason a plan gives for segments, by its word: the number of objects. */
static uint64_t planned(struct world *world, const char *reason)
{
    struct hikae_error error = {0};
    struct hikae_gc_options options = {.dry_run = true};
    struct hikae_gc_result result;
    uint64_t count = 0;
    must(hikae_gc(world->hikae, "acme", &options, &result, &error), &error, HIKAE_OK);
    for (size_t i = 0; i < result.step_count; i++)
        if (strcmp(result.steps[i].reason, reason) == 0)
            count += result.steps[i].objects;
    hikae_gc_result_free(&result);
    return count;
}

static void test_count_is_bounded(void **state)
{
    (void)state;
    struct world world;
    size_t most = 0;
    make_world(&world, 2, 2);
    for (unsigned i = 0; i < NIGHTS; i++) {
        large_night(&world, i, i + KEPT >= NIGHTS);
        (void)gc(&world, HIKAE_OK);
        size_t count = count_objects(&world, "a", 'i');
        most = count > most ? count : most;
    }
    /* Seven of each order, and for three nights those that were merged. */
    assert_in_range(most, 8, 24);
    keep(&world, KEPT);
    for (unsigned i = 0; i < 3; i++) {
        (void)gc(&world, HIKAE_OK);
        pass(&world, 3 * DAY + 60 * NS_PER_S);
    }
    (void)gc(&world, HIKAE_OK);
    assert_in_range(count_objects(&world, "a", 'i'), 1, 10);
    assert_int_equal(count_objects(&world, "a", 'i'), count_objects(&world, "b", 'i'));
    assert_int_equal(planned(&world, "merged"), 0);
    verify(&world);
    lose_state(&world);
    restore_all(&world, NIGHTS - KEPT);
    end_world(&world);
}

/* A host whose index still goes by segments that another one merged, and that are gone. */
static void test_second_host(void **state)
{
    (void)state;
    struct world world, other;
    make_world(&world, 1, 1);
    for (unsigned i = 0; i < 7; i++)
        large_night(&world, i, true);
    second_host(&world, &other);
    large_night(&other, 7, true);
    world.now_ns = other.now_ns;
    assert_int_equal(planned(&world, "merged"), 8);
    (void)gc(&world, HIKAE_OK);
    assert_int_equal(count_objects(&world, "a", 'i'), 9);
    pass(&other, 0);
    large_night(&other, 8, true); /* they are condemned */
    world.now_ns = other.now_ns;
    pass(&world, 3 * DAY + 60 * NS_PER_S);
    (void)gc(&world, HIKAE_OK);
    assert_int_equal(count_objects(&world, "a", 'i'), 2);
    other.now_ns = world.now_ns;
    large_night(&other, 9, true); /* they are gone */
    restore_all(&other, 0);
    verify(&other);
    hikae_close(other.hikae);
    world.now_ns = other.now_ns;
    assert_int_equal(gc(&world, HIKAE_OK).condemned, 0);
    end_world(&world);
}

static void shell(const struct world *world, const char *script)
{
    char command[1200];
    (void)snprintf(command, sizeof(command), "cd '%s' && set -e\n%s", world->dir, script);
    assert_int_equal(system(command), 0);
}

/*
 * Killed between the new segment and the rosters that name it: the next collection goes by it. Small packs were merged
 * too, and what the new segment does not say of these is said by one more.
 */
static void test_cut_off(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 2);
    for (unsigned i = 0; i < 8; i++)
        large_night(&world, i, true);
    shell(&world, "cp -a etc/state state0; for t in a b; do cp -a $t/hikae1/t/*/h h.$t; done");
    assert_int_equal(planned(&world, "merged"), 8);
    (void)gc(&world, HIKAE_OK);
    hikae_close(world.hikae);
    shell(&world,
          "for t in a b; do d=$(dirname $t/hikae1/t/*/i); test $(ls $d/i | wc -l) = 9; rm -r $d/h; mv h.$t $d/h; done\n"
          "rm -r state0/tenants/*/index; cd etc/state/tenants; for i in */index; do mv $i ../../../state0/tenants/$i; "
          "done\n"
          "cd ../..; rm -r state; mv ../state0 state");
    open_world(&world);
    assert_true(gc(&world, HIKAE_OK).condemned >= 8);
    assert_in_range(count_objects(&world, "a", 'i'), 9, 10);
    pass(&world, 3 * DAY + 60 * NS_PER_S);
    (void)gc(&world, HIKAE_OK);
    assert_in_range(count_objects(&world, "a", 'i'), 1, 2);
    assert_int_equal(count_objects(&world, "a", 'i'), count_objects(&world, "b", 'i'));
    verify(&world);
    restore_all(&world, 0);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_is_bounded),
        cmocka_unit_test(test_second_host),
        cmocka_unit_test(test_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
