/* What an erasure does not save: a provider charges for each object for so many days, however soon it is deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_target.h"
#include "ops/purge.h"
#include "ops_world.h"

#include <time.h>

#define DAY_NS (86400 * NS_PER_S)

static void set_age(const char *path, int days)
{
    const struct timespec then = {.tv_sec = time(NULL) - (time_t)days * 86400};
    const struct timespec times[2] = {then, then};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_bill(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    struct hikae_error error = {0};
    make_world(&world, 2, 1);
    backup(&world);
    /* All but two packs lie there for longer than anybody charges for; target b is a folder. */
    struct paths packs = objects_of(&world, "a", 'p'), records = objects_of(&world, "a", 'h');
    assert_true(packs.count >= 1 && records.count >= 2);
    for (size_t i = 0; i < packs.count; i++)
        set_age(packs.paths[i], 91);
    for (size_t i = 0; i < records.count; i++)
        set_age(records.paths[i], 91);
    set_age(packs.paths[0], 20);
    set_age(records.paths[0], 80);
    struct stat pack;
    assert_int_equal(stat(packs.paths[0], &pack), 0);
    assert_int_equal(engine_keystore(world.hikae, &err), 0);
    struct target *inner = world.hikae->targets[0].target, *billed = faulty_target_new(inner);
    assert_non_null(billed);
    static char provider[] = "wasabi";
    billed->traits.provider = provider;
    for (size_t i = 0; i < world.hikae->opened_count; i++)
        if (world.hikae->opened[i] == inner)
            world.hikae->opened[i] = billed;
    world.hikae->targets[0].target = billed;
    const struct hikae_purge_options options = {.requester = "mori", .without_contract = "test", .dry_run = true};
    struct hikae_purges purges;
    enum hikae_status status = hikae_purge_plan(world.hikae, "acme", &options, &purges, &error);
    if (status != HIKAE_OK)
        print_error("%s\n", error.message);
    assert_int_equal(status, HIKAE_OK);
    const struct hikae_purge *purge = &purges.purges[0];
    assert_int_equal(purge->target_count, 2);
    /* The pack, and the record as the least that is charged for: 4 KiB. */
    assert_int_equal(purge->targets[0].billed_bytes, (uint64_t)pack.st_size + 4096);
    int64_t left_ns = purge->targets[0].billed_until_ns - clock_machine_ns();
    assert_true(left_ns > 69 * DAY_NS && left_ns <= 70 * DAY_NS);
    assert_int_equal(purge->targets[1].billed_bytes, 0);
    assert_int_equal(purge->targets[1].billed_until_ns, 0);
    /* It stands in what is signed. */
    assert_non_null(strstr(purge->plan, "\"billed_bytes\""));
    hikae_purges_free(&purges);
    free_paths(&packs);
    free_paths(&records);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
