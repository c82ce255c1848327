/* Locks kept ahead of time: what all tenants share is looked at once a night, not once for each of thousands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_target.h"
#include "ops/engine.h"
#include "ops_world.h"

static _Atomic unsigned shared, own;

/* Everything is locked for long; of what all tenants need it is counted how often that was asked. */
static int locked_for_long(struct target *target, const char *name, struct target_lock_state *ret, struct error *err)
{
    (void)target;
    (void)err;
    if (strncmp(name, "hikae1/t/", 9) == 0)
        own++;
    else
        shared++;
    *ret = (struct target_lock_state){.mode = TARGET_LOCK_COMPLIANCE, .until_ns = INT64_MAX / 2};
    return 0;
}

static void extend(struct world *world, const char *tenant, bool wants_shared)
{
    struct hikae_extend_result result;
    struct hikae_error error = {0};
    shared = own = 0;
    assert_int_equal(hikae_extend_locks(world->hikae, tenant, false, &result, &error), HIKAE_OK);
    assert_int_equal(result.targets, 1);
    assert_true(own > 0);
    assert_int_equal(shared > 0, wants_shared);
}

static void test_shared_once(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    make_world(&world, 1, 1);
    backup(&world);
    assert_int_equal(engine_keystore(world.hikae, &err), 0);
    static struct target_ops ops;
    struct target *inner = world.hikae->targets[0].target, *locking = faulty_target_new(inner);
    assert_non_null(locking);
    ops = *locking->ops;
    ops.lock_state = locked_for_long;
    locking->ops = &ops;
    locking->traits.lock = true;
    locking->traits.lock_mode = TARGET_LOCK_COMPLIANCE;
    locking->traits.lock_days = 30;
    world.hikae->targets[0].target = world.hikae->opened[0] = locking;
    extend(&world, "acme", true);
    extend(&world, "acme", false); /* as for the next tenant of the night */
    extend(&world, NULL, true);    /* whoever asks for all gets all */
    extend(&world, "acme", false);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
