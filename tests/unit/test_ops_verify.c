/* Verification at its three levels, and mending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops_world.h"

static void test_sound(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    struct hikae_verify_result result;
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_DATA};
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, NULL, &options, &result, &error), HIKAE_DAMAGED);
    assert_string_equal(error.message, "no snapshot was checked");
    assert_non_null(strstr(error.hint, "no snapshot"));
    hikae_verify_result_free(&result);
    backup(&world);
    for (int level = HIKAE_VERIFY_INVENTORY; level <= HIKAE_VERIFY_DATA; level++)
        expect(&world, (enum hikae_verify_level)level, false, HIKAE_OK, 0, 0);
    struct hikae_snapshots snapshots;
    assert_int_equal(hikae_snapshots(world.hikae, "acme", &snapshots, &error), HIKAE_OK);
    assert_int_equal(snapshots.count, 1);
    assert_true(snapshots.snapshots[0].verified_ns > 0);
    hikae_snapshots_free(&snapshots);
    end_world(&world);
}

static void test_options(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct hikae_verify_result result;
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .sample = 2};
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_USAGE);
    options = (struct hikae_verify_options){.level = HIKAE_VERIFY_OBJECTS, .target = "nowhere"};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_NOT_FOUND);
    options.target = "a";
    assert_int_equal(hikae_verify(world.hikae, "nobody", &options, &result, &error), HIKAE_NOT_FOUND);
    hikae_verify_result_free(&result);
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_OK);
    hikae_verify_result_free(&result);
    end_world(&world);
}

/* Halves: the second sample takes the objects that the first left out. */
static void test_samples_rotate(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 1, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "a", 'p');
    assert_true(packs.count > 0);
    flip(packs.paths[0]);
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .sample = 0.5};
    unsigned found = 0;
    for (int night = 0; night < 2; night++) {
        struct hikae_verify_result result;
        struct hikae_error error;
        (void)hikae_verify(world.hikae, "acme", &options, &result, &error);
        found += result.damaged > 0;
        hikae_verify_result_free(&result);
    }
    assert_true(found >= 1);
    free_paths(&packs);
    end_world(&world);
}

static void damage_flip(struct paths *p)
{
    flip(p->paths[0]);
}
static void damage_cut(struct paths *p)
{
    cut(p->paths[0]);
}
static void damage_remove(struct paths *p)
{
    assert_int_equal(unlink(p->paths[0]), 0);
}
static void damage_swap(struct paths *p)
{
    swap(p->paths[0], p->paths[1]);
}

static void test_damage_on_one_target(void **state)
{
    (void)state;
    static const struct {
        void (*damage)(struct paths *packs);
        char class;
        enum hikae_verify_level level; /* that finds it */
        uint64_t objects;
        enum hikae_status unrepaired;
    } rows[] = {
        {damage_flip, 'p', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_flip, 'p', HIKAE_VERIFY_DATA, 1, HIKAE_DAMAGED},
        {damage_cut, 'p', HIKAE_VERIFY_INVENTORY, 1, HIKAE_DAMAGED},
        {damage_remove, 'p', HIKAE_VERIFY_INVENTORY, 1, HIKAE_DAMAGED},
        {damage_swap, 'p', HIKAE_VERIFY_OBJECTS, 2, HIKAE_DAMAGED},
        {damage_flip, 'i', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_cut, 'h', HIKAE_VERIFY_OBJECTS, 1, HIKAE_DAMAGED},
        {damage_remove, 'h', HIKAE_VERIFY_INVENTORY, 1, HIKAE_WARNINGS},
    };
    struct world world;
    make_world(&world, 2, 1);
    write_file(&world, "large", 3 << 20, 5); /* enough for a segment */
    backup(&world);
    write_file(&world, "four", 100000, 4);
    backup(&world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct paths objects = objects_of(&world, "a", rows[i].class);
        assert_true(objects.count >= rows[i].objects);
        rows[i].damage(&objects);
        reopen(&world);
        expect(&world, rows[i].level, false, rows[i].unrepaired, rows[i].objects, 0);
        expect(&world, rows[i].level, true, HIKAE_WARNINGS, rows[i].objects, rows[i].objects);
        expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
        free_paths(&objects);
    }
    end_world(&world);
}

static void test_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "b", 'p');
    flip(packs.paths[0]);
    struct hikae_verify_options options = {.level = HIKAE_VERIFY_OBJECTS, .repair = true, .dry_run = true};
    struct hikae_verify_result result;
    struct hikae_error error = {0};
    assert_int_equal(hikae_verify(world.hikae, "acme", &options, &result, &error), HIKAE_DAMAGED);
    assert_int_equal(result.finding_count, 1);
    assert_non_null(strstr(result.findings[0].why, "would be mended"));
    assert_false(result.findings[0].repaired);
    assert_null(result.findings[0].cost);
    hikae_verify_result_free(&result);
    expect(&world, HIKAE_VERIFY_OBJECTS, false, HIKAE_DAMAGED, 1, 0);
    free_paths(&packs);
    end_world(&world);
}

/* Every copy of every pack of content is bad: what it costs is named. */
static void test_damage_everywhere(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    char largest[2][512];
    for (int t = 0; t < 2; t++) {
        struct paths packs = objects_of(&world, t == 0 ? "a" : "b", 'p');
        off_t size = 0;
        for (size_t i = 0; i < packs.count; i++) {
            struct stat st;
            assert_int_equal(stat(packs.paths[i], &st), 0);
            if (st.st_size > size) {
                size = st.st_size;
                (void)snprintf(largest[t], sizeof(largest[t]), "%s", packs.paths[i]);
            }
        }
        free_paths(&packs);
        flip(largest[t]);
    }
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, true, &result), HIKAE_DAMAGED);
    assert_int_equal(result.damaged, 2);
    assert_int_equal(result.repaired, 0);
    assert_int_equal(result.finding_count, 2);
    assert_non_null(result.findings[0].cost);
    assert_non_null(strstr(result.findings[0].cost, "snapshot "));
    assert_true(strstr(result.findings[0].cost, "src/one") != NULL ||
                strstr(result.findings[0].cost, "list of entries") != NULL);
    hikae_verify_result_free(&result);
    /* The same when the local state, and with it the index, is gone, and the packs are gone altogether. */
    assert_int_equal(unlink(largest[0]), 0);
    assert_int_equal(unlink(largest[1]), 0);
    reopen(&world);
    assert_int_equal(verify(&world, HIKAE_VERIFY_INVENTORY, false, &result), HIKAE_DAMAGED);
    assert_int_equal(result.damaged, 2);
    assert_non_null(result.findings[0].cost);
    assert_non_null(strstr(result.findings[0].cost, "snapshot "));
    hikae_verify_result_free(&result);
    end_world(&world);
}

/* What snapshots share is walked once only where it is sound: whoever shares a loss is told of. */
static void test_damage_that_snapshots_share(void **state)
{
    (void)state;
    struct world world;
    char name[16];
    make_world(&world, 1, 1);
    backup(&world);
    struct paths packs = objects_of(&world, "a", 'p');
    /* The second has the first's contents in its first leaves, and many more; the third shares nearly all of these. */
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof(name), "zz-%03u", i);
        write_file(&world, name, 8, i);
    }
    backup(&world);
    write_file(&world, "zz-later", 1000, 77);
    backup(&world);
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_DATA, false, &result), HIKAE_OK);
    hikae_verify_result_free(&result);
    for (size_t i = 0; i < packs.count; i++)
        assert_int_equal(unlink(packs.paths[i]), 0);
    free_paths(&packs);
    reopen(&world);
    assert_int_equal(verify(&world, HIKAE_VERIFY_DATA, false, &result), HIKAE_DAMAGED);
    size_t told = 0;
    for (size_t i = 0; i < result.finding_count; i++)
        told += strncmp(result.findings[i].object, "snapshot ", 9) == 0;
    assert_int_equal(told, 3);
    hikae_verify_result_free(&result);
    end_world(&world);
}

static void test_target_down_is_unknown(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    move_target(&world, "b", "b.away");
    reopen(&world);
    struct hikae_verify_result result;
    assert_int_equal(verify(&world, HIKAE_VERIFY_OBJECTS, false, &result), HIKAE_UNKNOWN);
    assert_true(result.unknown > 0);
    assert_int_equal(result.damaged, 0);
    hikae_verify_result_free(&result);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_samples_rotate),
        cmocka_unit_test(test_damage_on_one_target),
        cmocka_unit_test(test_dry_run_changes_nothing),
        cmocka_unit_test(test_damage_everywhere),
        cmocka_unit_test(test_damage_that_snapshots_share),
        cmocka_unit_test(test_target_down_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
