/* Copies on several targets: replication, too few of them, and recovery from one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops_world.h"

/* ---- Replicate ---- */

/* Replicate, as must come out; how many objects were copied. */
static uint64_t replicate(struct world *world, const char *to, enum hikae_status status)
{
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    assert_int_equal(hikae_replicate(world->hikae, NULL, to, false, &result, &error), status);
    uint64_t copied = result.copied;
    hikae_replicate_result_free(&result);
    return copied;
}

static void test_replicate(void **state)
{
    (void)state;
    struct world world;
    struct hikae_replicate_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(replicate(&world, NULL, HIKAE_OK), 0);
    /* b misses a backup. */
    move_target(&world, "b", "b.away");
    reopen(&world);
    write_file(&world, "four", 100000, 4);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    assert_int_equal(hikae_replicate(world.hikae, NULL, NULL, false, &result, &error), HIKAE_WARNINGS);
    assert_int_equal(result.behind_count, 1);
    assert_string_equal(result.behind[0].name, "b");
    assert_string_equal(result.behind[0].state, "unreachable");
    hikae_replicate_result_free(&result);
    move_target(&world, "b.away", "b");
    reopen(&world);
    assert_int_equal(hikae_replicate(world.hikae, "acme", "b", true, &result, &error), HIKAE_WARNINGS);
    uint64_t would = result.copied;
    assert_true(would > 0);
    assert_string_equal(result.behind[0].state, "behind");
    hikae_replicate_result_free(&result);
    assert_int_equal(hikae_replicate(world.hikae, "acme", "b", false, &result, &error), HIKAE_OK);
    assert_int_equal(result.copied, would);
    assert_int_equal(result.behind_count, 0);
    hikae_replicate_result_free(&result);
    expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
    end_world(&world);
}

/* A target that lost everything is made anew, and is enough to recover from. */
static void test_replicate_to_empty_target(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    move_target(&world, "b", "b.away");
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/b", world.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    reopen(&world);
    /* A disk that is not mounted looks the same: only who names the target has it filled. */
    assert_int_equal(replicate(&world, NULL, HIKAE_WARNINGS), 0);
    assert_true(replicate(&world, "b", HIKAE_OK) > 3);
    reopen(&world);
    expect(&world, HIKAE_VERIFY_DATA, false, HIKAE_OK, 0, 0);
    end_world(&world);
}

/* A record that every target has lost, but this machine still knows, is put back. */
static void test_replicate_puts_records_back(void **state)
{
    (void)state;
    struct world world;
    make_world(&world, 2, 1);
    backup(&world);
    for (int t = 0; t < 2; t++) {
        struct paths records = objects_of(&world, t == 0 ? "a" : "b", 'h');
        assert_int_equal(unlink(records.paths[records.count - 1]), 0);
        free_paths(&records);
    }
    reopen(&world);
    assert_int_equal(replicate(&world, NULL, HIKAE_OK), 2);
    end_world(&world);
}

/* Old packs on a alone, b down, c behind: two copies cannot be had, and nothing is committed. */
static void test_too_few_copies_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct hikae_error error = {0};
    make_world(&world, 3, 2);
    move_target(&world, "c", "c.away");
    reopen(&world);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    move_target(&world, "c.away", "c");
    move_target(&world, "b", "b.away");
    reopen(&world);
    write_file(&world, "four", 100000, 4);
    enum hikae_status status = try_backup(&world, &error);
    assert_int_equal(status, HIKAE_REFUSED);
    /* With c caught up, there are two again. */
    struct hikae_replicate_result result;
    assert_int_equal(hikae_replicate(world.hikae, "acme", "c", false, &result, &error), HIKAE_OK);
    hikae_replicate_result_free(&result);
    reopen(&world);
    assert_true(try_backup(&world, &error) <= HIKAE_WARNINGS);
    end_world(&world);
}

/* ---- Recover ---- */

static enum hikae_status recover(const struct world *world, const char *to, size_t targets, const char *sheet,
                                 bool dry_run, struct hikae_recover_result *ret, struct hikae_error *error)
{
    static const char *const letters[] = {"a", "b"};
    char text[2][400], dir[400];
    const char *names[2];
    for (size_t i = 0; i < targets; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%s=file://%s/%s", letters[i], world->dir, letters[i]);
        names[i] = text[i];
    }
    (void)snprintf(dir, sizeof(dir), "%s/%s", world->dir, to);
    struct hikae_recover_options options = {
        .dir = dir, .targets = names, .target_count = targets, .sheet_file = sheet, .dry_run = dry_run};
    return hikae_recover(&options, ret, error);
}

static void test_recover(void **state)
{
    (void)state;
    struct world world;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    struct stat st;
    char path[400];
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(recover(&world, "dry", 1, world.sheet, true, &result, &error), HIKAE_OK);
    assert_int_equal(result.snapshots, 1);
    hikae_recover_result_free(&result);
    (void)snprintf(path, sizeof(path), "%s/dry", world.dir);
    assert_int_equal(stat(path, &st), -1);

    enum hikae_status status = recover(&world, "new", 1, world.sheet, false, &result, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    assert_int_equal(result.tenants, 1);
    assert_int_equal(result.snapshots, 1);
    assert_false(result.freshness_proven);
    assert_non_null(strstr(result.freshness, "unproven"));
    hikae_close(world.hikae);
    world.hikae = NULL;
    (void)snprintf(world.config, sizeof(world.config), "%s", result.config);
    hikae_recover_result_free(&result);
    open_world(&world);
    (void)snprintf(path, sizeof(path), "%s/out", world.dir);
    struct hikae_restore_options options = {.to = path};
    struct hikae_restore_result restored;
    assert_int_equal(hikae_restore(world.hikae, "acme", &options, &restored, &error), HIKAE_OK);
    assert_true(restored.bytes >= 375000);
    hikae_restore_result_free(&restored);
    /* Not over what is there. */
    assert_int_equal(recover(&world, "new", 1, world.sheet, false, &result, &error), HIKAE_REFUSED);
    end_world(&world);
}

static void test_recover_freshness(void **state)
{
    (void)state;
    struct world world;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    assert_int_equal(recover(&world, "both", 2, world.sheet, false, &result, &error), HIKAE_OK);
    assert_true(result.freshness_proven);
    hikae_recover_result_free(&result);
    /* b hides the newest record of the tenant: a has it. */
    struct paths records = objects_of(&world, "b", 'h');
    assert_true(records.count > 0);
    size_t newest = 0;
    for (size_t i = 1; i < records.count; i++)
        if (strcmp(strrchr(records.paths[i], '/'), strrchr(records.paths[newest], '/')) > 0)
            newest = i;
    assert_int_equal(unlink(records.paths[newest]), 0);
    assert_int_equal(recover(&world, "hidden", 2, world.sheet, false, &result, &error), HIKAE_WARNINGS);
    assert_false(result.freshness_proven);
    assert_non_null(strstr(result.freshness, "b lacks it"));
    assert_int_equal(result.snapshots, 1);
    hikae_recover_result_free(&result);
    free_paths(&records);
    end_world(&world);
}

static void test_recover_wrong_key_leaves_nothing(void **state)
{
    (void)state;
    struct world world, other;
    struct hikae_recover_result result;
    struct hikae_error error = {0};
    struct stat st;
    char path[400];
    make_world(&world, 1, 1);
    make_world(&other, 1, 1);
    assert_int_equal(recover(&world, "new", 1, other.sheet, false, &result, &error), HIKAE_KEYS);
    (void)snprintf(path, sizeof(path), "%s/new", world.dir);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(recover(&world, "new", 1, NULL, false, &result, &error), HIKAE_USAGE);
    (void)snprintf(path, sizeof(path), "%s/missing-sheet", world.dir);
    assert_int_equal(recover(&world, "new", 1, path, false, &result, &error), HIKAE_KEYS);
    end_world(&other);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replicate),
        cmocka_unit_test(test_replicate_to_empty_target),
        cmocka_unit_test(test_replicate_puts_records_back),
        cmocka_unit_test(test_too_few_copies_are_refused),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_recover_freshness),
        cmocka_unit_test(test_recover_wrong_key_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
