/* The plan of a collection: tables of what lies where, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ops/collect_plan.h"

#include <stdio.h>

#define HOUR (3600 * NS_PER_S)
#define NOW  (1000 * HOUR)

enum { TARGETS = 2, BOTH = 3, MIB = 1 << 20 };

static struct hash name_of(unsigned number)
{
    struct hash hash = {.bytes = {(uint8_t)(number >> 8), (uint8_t)number}};
    return hash;
}

/* A state of up to `count` objects, with one condemnation of an age in hours on each target. */
static struct collect_state make_state(struct collect_object *objects, size_t count,
                                       struct collect_condemnation *condemned, int64_t hours_a, int64_t hours_b)
{
    condemned->since_ns[0] = NOW - hours_a * HOUR;
    condemned->since_ns[1] = NOW - hours_b * HOUR;
    return (struct collect_state){.objects = objects,
                                  .count = count,
                                  .condemnations = condemned,
                                  .condemnation_count = 1,
                                  .target_count = TARGETS,
                                  .may_delete = BOTH,
                                  .now_ns = {NOW, NOW},
                                  .may_condemn = true};
}

static void test_single(void **state)
{
    (void)state;
    static const struct {
        struct collect_object object;
        int64_t hours_a, hours_b;
        enum collect_action action;
        enum collect_why why;
        uint64_t go;
    } cases[] = {
        {{.class = OBJECT_PACK, .on = BOTH, .needed = true, .size = 40 * MIB, .live = 40 * MIB},
         0,
         0,
         COLLECT_KEEP,
         WHY_NEEDED,
         0},
        {{.class = OBJECT_PACK, .on = BOTH, .needed = true, .size = 40 * MIB, .live = 40 * MIB, .condemned = 1},
         100,
         100,
         COLLECT_KEEP,
         WHY_SPARED,
         0},
        {{.class = OBJECT_PACK, .on = BOTH, .needed = true, .size = 40 * MIB}, 0, 0, COLLECT_MOVE, WHY_NO_USE, 0},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true}, 0, 0, COLLECT_CONDEMN, WHY_RETIRED, 0},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true, .moved_out = true},
         0,
         0,
         COLLECT_CONDEMN,
         WHY_MOVED,
         0},
        {{.class = OBJECT_PACK, .on = 1, .modified_ns = NOW - 25 * HOUR}, 0, 0, COLLECT_CONDEMN, WHY_ORPHAN, 0},
        {{.class = OBJECT_PACK, .on = 1, .modified_ns = NOW - 23 * HOUR}, 0, 0, COLLECT_WAIT, WHY_YOUNG, 0},
        {{.class = OBJECT_PACK, .on = 1}, 0, 0, COLLECT_CONDEMN, WHY_ORPHAN, 0},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true, .condemned = 1}, 71, 71, COLLECT_WAIT, WHY_RETIRED, 0},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true, .condemned = 1},
         72,
         72,
         COLLECT_DELETE,
         WHY_RETIRED,
         BOTH},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true, .condemned = 1},
         72,
         10,
         COLLECT_DELETE,
         WHY_RETIRED,
         1},
        {{.class = OBJECT_PACK, .on = 2, .was_needed = true, .condemned = 1}, 72, 10, COLLECT_WAIT, WHY_RETIRED, 0},
        {{.class = OBJECT_PACK, .on = BOTH, .was_needed = true, .moved_out = true, .condemned = 1, .spared = 2},
         80,
         80,
         COLLECT_DELETE,
         WHY_MOVED,
         1},
        {{.class = OBJECT_SEGMENT, .on = BOTH, .needed = true, .size = 9, .live = 9},
         0,
         0,
         COLLECT_KEEP,
         WHY_NEEDED,
         0},
        {{.class = OBJECT_ROSTER, .on = BOTH, .was_needed = true}, 0, 0, COLLECT_CONDEMN, WHY_RETIRED, 0},
        {{.class = OBJECT_RECORD, .on = BOTH, .needed = true}, 0, 0, COLLECT_KEEP, WHY_NEEDED, 0},
        {{.class = OBJECT_RECORD, .on = BOTH}, 0, 0, COLLECT_KEEP, WHY_RECORD, 0}, /* one alone is not worth it */
        {{.class = OBJECT_RECORD, .on = BOTH, .condemned = 1}, 73, 73, COLLECT_DELETE, WHY_RECORD, BOTH},
        {{.class = OBJECT_PACK, .on = 0, .was_needed = true}, 0, 0, COLLECT_KEEP, WHY_NEEDED, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct collect_object object = cases[i].object;
        struct collect_condemnation condemned = {.record = name_of(1)};
        struct collect_state s = make_state(&object, 1, &condemned, cases[i].hours_a, cases[i].hours_b);
        struct collect_rules rules = collect_rules_default(32 * MIB, UINT64_C(1) << 40);
        struct error err;
        assert_int_equal(collect_plan(&s, &rules, &err), 0);
        if (object.action != cases[i].action || object.why != cases[i].why || object.go != cases[i].go)
            print_error("case %zu\n", i);
        assert_int_equal(object.action, cases[i].action);
        assert_int_equal(object.why, cases[i].why);
        assert_int_equal(object.go, cases[i].go);
        assert_non_null(collect_why_text(object.why));
        assert_non_null(collect_why_word(object.why));
    }
}

/* A target whose listing may be stale keeps everything; without enough targets for a record nothing is condemned. */
static void test_restraint(void **state)
{
    (void)state;
    struct collect_object objects[] = {
        {.class = OBJECT_PACK, .name = name_of(1), .on = BOTH, .was_needed = true, .condemned = 1},
        {.class = OBJECT_PACK, .name = name_of(2), .on = BOTH, .was_needed = true},
        {.class = OBJECT_PACK, .name = name_of(3), .on = BOTH, .needed = true, .size = 40 * MIB, .live = MIB},
    };
    struct collect_condemnation condemned = {.record = name_of(9)};
    struct collect_state s = make_state(objects, 3, &condemned, 80, 80);
    struct collect_rules rules = collect_rules_default(32 * MIB, UINT64_C(1) << 40);
    struct error err;
    s.may_delete = 2;
    s.may_condemn = false;
    assert_int_equal(collect_plan(&s, &rules, &err), 0);
    assert_int_equal(objects[0].action, COLLECT_DELETE);
    assert_int_equal(objects[0].go, 2);
    assert_int_equal(collect_until(&s, &rules, &objects[0], 0), NOW - 8 * HOUR);
    assert_int_equal(objects[1].action, COLLECT_WAIT);
    assert_int_equal(objects[2].action, COLLECT_KEEP);
}

/* A tiny pack is mostly frame: to write it again would give the same, night after night. */
static void test_frame(void **state)
{
    (void)state;
    struct collect_object objects[] = {
        {.class = OBJECT_PACK, .name = name_of(1), .on = BOTH, .needed = true, .size = 544, .live = 2, .frame = 542},
        {.class = OBJECT_PACK, .name = name_of(2), .on = BOTH, .needed = true, .size = 900, .live = 100, .frame = 540},
    };
    struct collect_condemnation none = {0};
    struct collect_state s = make_state(objects, 2, &none, 80, 80);
    struct collect_rules rules = collect_rules_default(32 * MIB, 102);
    struct error err;
    assert_int_equal(collect_plan(&s, &rules, &err), 0);
    assert_int_equal(objects[0].action, COLLECT_KEEP);
    assert_int_equal(objects[1].action, COLLECT_MOVE);
}

/* Most dead bytes per byte written again go first, until the slack is reached or the budget is spent. */
static void test_order_of_moves(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct collect_object objects[COUNT];
    struct collect_condemnation condemned = {.record = name_of(9)};
    struct error err;
    for (unsigned dead = 0; dead <= 60; dead += 10) {
        uint64_t live = 0, moved = 0, freed = 0, all_dead = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            /* From nothing to twice the average. */
            uint64_t own = (uint64_t)32 * MIB / 100 * dead * i / (COUNT / 2);
            own = own > 31 * MIB ? 31 * MIB : own;
            objects[i] = (struct collect_object){.class = OBJECT_PACK,
                                                 .name = name_of(i),
                                                 .on = BOTH,
                                                 .needed = true,
                                                 .size = 32 * MIB,
                                                 .live = 32 * MIB - own};
            live += objects[i].live;
            all_dead += own;
        }
        struct collect_state s = make_state(objects, COUNT, &condemned, 0, 0);
        struct collect_rules rules = collect_rules_default(32 * MIB, live);
        assert_int_equal(collect_plan(&s, &rules, &err), 0);
        uint64_t worst_moved = UINT64_MAX, best_kept = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            uint64_t own = objects[i].size - objects[i].live;
            if (objects[i].action == COLLECT_MOVE) {
                assert_int_equal(objects[i].why, WHY_EMPTY);
                moved += objects[i].live;
                freed += own;
                worst_moved = own < worst_moved ? own : worst_moved;
            } else {
                best_kept = own > best_kept ? own : best_kept;
            }
        }
        assert_true((moved > 0) == (all_dead * 100 > live * rules.slack));
        assert_true(moved <= live / 100 * rules.budget + 32 * MIB);
        assert_true(moved == 0 || worst_moved >= best_kept || moved > live / 100 * (rules.budget - 1) ||
                    freed > live / 100 * (rules.waiting - 4));
    }
}

/* Eight small packs of one order become one; seven stay; full packs are never small. */
static void test_small(void **state)
{
    (void)state;
    struct collect_object objects[24];
    struct collect_condemnation condemned = {.record = name_of(9)};
    struct error err;
    for (unsigned small = 6; small <= 9; small++) {
        for (unsigned i = 0; i < 24; i++) {
            uint64_t size = i < small ? 300 << 10 : i < 12 ? 3 * MIB : 32 * MIB;
            objects[i] = (struct collect_object){
                .class = OBJECT_PACK, .name = name_of(i), .on = BOTH, .needed = true, .size = size, .live = size};
        }
        struct collect_state s = make_state(objects, 24, &condemned, 0, 0);
        struct collect_rules rules = collect_rules_default(32 * MIB, UINT64_C(1) << 40);
        assert_int_equal(collect_plan(&s, &rules, &err), 0);
        for (unsigned i = 0; i < 24; i++)
            assert_int_equal(objects[i].action == COLLECT_MOVE, i < small && small >= 8);
    }
}

/* Segments of one order become one when there are eight; what speaks of packs that are gone goes, or is written anew.
 */
static void test_segments(void **state)
{
    (void)state;
    struct collect_object objects[24];
    struct collect_condemnation condemned = {.record = name_of(9)};
    struct error err;
    for (unsigned small = 6; small <= 9; small++) {
        for (unsigned i = 0; i < 24; i++) {
            uint64_t size = i < small ? 10 << 10 : i < 14 ? 40 << 10 : 8 * MIB;
            objects[i] = (struct collect_object){
                .class = OBJECT_SEGMENT, .name = name_of(i), .on = BOTH, .needed = true, .size = size, .live = size};
        }
        objects[20].live = 0;
        objects[21].live = 3 * MIB;
        objects[22].needed = false;
        struct collect_state s = make_state(objects, 24, &condemned, 0, 0);
        struct collect_rules rules = collect_rules_default(32 * MIB, UINT64_C(1) << 40);
        assert_int_equal(collect_plan(&s, &rules, &err), 0);
        for (unsigned i = 0; i < 20; i++)
            assert_int_equal(objects[i].action == COLLECT_MOVE && objects[i].why == WHY_MERGED,
                             (i < small && small >= 8) || (i >= small && i < 14 && small <= 6));
        assert_true(objects[20].action == COLLECT_MOVE && objects[20].why == WHY_NO_USE);
        assert_true(objects[21].action == COLLECT_MOVE && objects[21].why == WHY_EMPTY);
        assert_int_equal(objects[22].action, COLLECT_CONDEMN);
        assert_int_equal(objects[23].action, COLLECT_KEEP);
        s.may_condemn = false;
        assert_int_equal(collect_plan(&s, &rules, &err), 0);
        for (unsigned i = 0; i < 24; i++)
            assert_int_not_equal(objects[i].action, COLLECT_MOVE);
    }
}

static void test_join_and_find(void **state)
{
    (void)state;
    struct collect_object objects[] = {
        {.class = OBJECT_SEGMENT, .name = name_of(1), .on = 1, .size = 5},
        {.class = OBJECT_PACK, .name = name_of(2), .on = 1, .size = 7, .modified_ns = 9},
        {.class = OBJECT_PACK, .name = name_of(1), .on = 1},
        {.class = OBJECT_PACK, .name = name_of(2), .on = 2, .size = 8, .modified_ns = 4},
    };
    struct collect_state s = {.objects = objects, .count = 4};
    collect_join(&s);
    assert_int_equal(s.count, 3);
    struct hash two = name_of(2), four = name_of(4);
    const struct collect_object *found = collect_find(&s, OBJECT_PACK, &two);
    assert_non_null(found);
    assert_int_equal(found->on, BOTH);
    assert_int_equal(found->size, 8);
    assert_int_equal(found->modified_ns, 9);
    assert_null(collect_find(&s, OBJECT_PACK, &four));
    assert_null(collect_find(&s, OBJECT_SEGMENT, &two));
    struct collect_state none = {.count = 0};
    collect_join(&none);
    assert_null(collect_find(&none, OBJECT_PACK, &two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),         cmocka_unit_test(test_restraint), cmocka_unit_test(test_frame),
        cmocka_unit_test(test_order_of_moves), cmocka_unit_test(test_small),     cmocka_unit_test(test_segments),
        cmocka_unit_test(test_join_and_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
