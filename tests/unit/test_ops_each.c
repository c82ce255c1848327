/* Many tenants looked at, several at once: order, errors, warnings, and targets that do not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_target.h"
#include "ops/each.h"
#include "ops_world.h"

enum { COUNT = 100, TOGETHER = 3 };

struct seen {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned inside, together; /* how many looked at the same time, at most */
    size_t taken[COUNT];
    size_t taken_count;
    size_t fails_at, stops_at; /* look fails, take fails; COUNT: nowhere */
    unsigned looked, cleared;
    const char *failure; /* that take saw */
    size_t down;         /* looks that found the first target left out, or failing */
    char warnings[4][100];
    size_t warning_count;
};

static struct seen seen_new(void)
{
    return (struct seen){
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fails_at = COUNT, .stops_at = COUNT};
}

/* The first ones wait for each other: one after another they would wait in vain. */
static void meet(struct seen *seen)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    (void)pthread_mutex_lock(&seen->mutex);
    seen->looked++;
    seen->together = ++seen->inside > seen->together ? seen->inside : seen->together;
    (void)pthread_cond_broadcast(&seen->changed);
    while (seen->together < TOGETHER && pthread_cond_timedwait(&seen->changed, &seen->mutex, &until) == 0)
        continue;
    seen->inside--;
    (void)pthread_mutex_unlock(&seen->mutex);
}

static int look(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    struct seen *seen = context;
    size_t *of = item;
    assert_int_equal(*of, 0);
    *of = number + 1;
    meet(seen);
    engine_warn(fork, "all of them say this");
    if (number == 7)
        engine_warn(fork, "number seven says that");
    return number == seen->fails_at ? error_set(err, ERROR_UNREACHABLE, "cannot be read") : 0;
}

static int take(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                struct error *err)
{
    struct seen *seen = context;
    const size_t *of = item;
    (void)fork;
    assert_int_equal(*of, number + 1);
    assert_int_equal(why != NULL, number == seen->fails_at);
    seen->failure = why != NULL ? error_class_name(why->class) : seen->failure;
    if (number == seen->stops_at)
        return error_set(err, ERROR_LOCAL, "enough");
    seen->taken[seen->taken_count++] = number;
    return 0;
}

static struct seen *clearing;
static void clear(void *item)
{
    assert_int_not_equal(item, NULL);
    clearing->cleared++;
}

static void hear(const char *message, void *context)
{
    struct seen *seen = context;
    if (seen->warning_count < 4)
        (void)snprintf(seen->warnings[seen->warning_count], sizeof(seen->warnings[0]), "%s", message);
    seen->warning_count++;
}

static int run(struct world *world, struct seen *seen, struct error *err)
{
    static const struct engine_each work = {sizeof(size_t), look, take, clear};
    const struct hikae_observer observer = {.warning = hear, .context = seen};
    assert_int_equal(engine_keystore(world->hikae, err), 0);
    world->hikae->observer = observer;
    clearing = seen;
    int rc = engine_each(world->hikae, &work, COUNT, seen, err);
    world->hikae->observer = (struct hikae_observer){0};
    return rc;
}

/* What is found comes in order, however many look; each cause is said once; one that fails is its own affair. */
static void test_order(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    struct seen seen = seen_new();
    make_world(&world, 1, 1);
    seen.fails_at = 42;
    assert_int_equal(run(&world, &seen, &err), 0);
    assert_true(seen.together >= TOGETHER);
    assert_int_equal(seen.taken_count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(seen.taken[i], i);
    assert_int_equal(seen.cleared, COUNT);
    assert_string_equal(seen.failure, error_class_name(ERROR_UNREACHABLE));
    assert_int_equal(seen.warning_count, 2);
    assert_string_equal(seen.warnings[0], "all of them say this");
    assert_string_equal(seen.warnings[1], "number seven says that");
    end_world(&world);
}

/* Whoever takes may end it: nothing is taken after that, all that was looked at is released, and little was in vain. */
static void test_end(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    struct seen seen = seen_new();
    make_world(&world, 1, 1);
    seen.stops_at = 5;
    assert_int_equal(run(&world, &seen, &err), -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    assert_int_equal(seen.taken_count, 5);
    assert_true(seen.cleared >= seen.looked && seen.looked < COUNT);

    struct seen stopped = seen_new();
    struct error why = {0};
    hikae_cancel(world.hikae);
    assert_int_equal(run(&world, &stopped, &why), -1);
    assert_int_equal(why.class, ERROR_INTERRUPTED);
    assert_int_equal(stopped.looked + stopped.taken_count, 0);
    end_world(&world);
}

static int read_history(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    struct session session;
    (void)number;
    (void)item;
    (void)context;
    if (session_open(fork, "acme", 0, &session, err) != 0)
        return -1;
    session_close(&session);
    return 0;
}

static int count_down(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                      struct error *err)
{
    struct seen *seen = context;
    (void)number;
    (void)item;
    assert_null(why); /* the other target has everything */
    assert_true(fork->targets[1].up);
    (void)err;
    seen->down += !fork->targets[0].up;
    return 0;
}

/* A target that is down is asked for a few tenants, not for each; one that hiccups is asked for the next again. */
static void test_targets(void **state)
{
    (void)state;
    static const struct engine_each work = {0, read_history, count_down, NULL};
    struct world world;
    struct error err = {0};
    make_world(&world, 2, 2);
    backup(&world);
    assert_int_equal(engine_keystore(world.hikae, &err), 0);
    struct target *faulty = faulty_target_new(world.hikae->targets[0].target);
    assert_non_null(faulty);
    world.hikae->targets[0].target = world.hikae->opened[0] = faulty;

    struct seen hiccup = seen_new();
    faulty_target_add(faulty, (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_LIST, .skip = 20, .times = 1});
    assert_int_equal(engine_each(world.hikae, &work, COUNT, &hiccup, &err), 0);
    assert_int_equal(hiccup.down, 1);
    assert_true(world.hikae->targets[0].up);

    struct seen down = seen_new();
    faulty_target_clear(faulty);
    unsigned before = faulty_target_calls(faulty, FAULTY_LIST);
    faulty_target_add(faulty, (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_LIST});
    assert_int_equal(engine_each(world.hikae, &work, COUNT, &down, &err), 0);
    assert_int_equal(down.down, COUNT);
    assert_true(faulty_target_calls(faulty, FAULTY_LIST) - before < COUNT);
    assert_false(world.hikae->targets[0].up);
    assert_int_equal(world.hikae->targets[0].why.class, ERROR_UNREACHABLE);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
