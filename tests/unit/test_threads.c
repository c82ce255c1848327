/* Queues between threads, and maps that keep their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/ordered.h"
#include "base/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ITEMS = 100000, THREADS = 4 };

static void *push_numbers(void *argument)
{
    struct queue *queue = argument;
    for (uintptr_t i = 1; i <= ITEMS; i++)
        if (!queue_push(queue, (void *)i)) // NOLINT(performance-no-int-to-ptr): the queue never looks at its items
            return NULL;
    return queue;
}

static void test_queue_keeps_order(void **state)
{
    (void)state;
    struct queue *queue = queue_new(7);
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, push_numbers, queue), 0);
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        assert_true((uintptr_t)queue_pop(queue) == i);
        assert_true(queue_count(queue) <= 7);
    }
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, queue);
    queue_free(queue);
}

static void test_queue_closes(void **state)
{
    (void)state;
    int a = 0, b = 0;
    struct queue *queue = queue_new(2);
    assert_true(queue_push(queue, &a) && queue_push(queue, &b));
    queue_close(queue);
    queue_close(queue);
    assert_false(queue_push(queue, &a));
    assert_ptr_equal(queue_pop(queue), &a);
    assert_ptr_equal(queue_pop(queue), &b);
    assert_null(queue_pop(queue));
    queue_free(queue);
    queue_free(NULL);

    /* A producer that waits for room is woken, and keeps its item. */
    queue = queue_new(1);
    pthread_t thread;
    void *result = queue;
    assert_int_equal(pthread_create(&thread, NULL, push_numbers, queue), 0);
    while (queue_count(queue) == 0)
        (void)usleep(100);
    queue_close(queue);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    queue_free(queue);
}

struct number {
    unsigned value;
    unsigned square;
    unsigned rounds;
};

static void square_it(void *item, unsigned worker, void *context)
{
    struct number *number = item;
    atomic_uint *done = context;
    assert_true(worker < THREADS);
    /* Uneven work, so that items finish out of order. */
    volatile unsigned spin = number->value * 2654435761U % 977;
    while (spin > 0)
        spin = spin - 1;
    number->square = number->value * number->value;
    number->rounds++;
    (void)atomic_fetch_add(done, 1);
}

struct feed {
    struct ordered *map;
    struct number *numbers;
};

static void *feed_numbers(void *argument)
{
    const struct feed *feed = argument;
    for (unsigned i = 0; i < ITEMS; i++)
        if (!ordered_put(feed->map, &feed->numbers[i]))
            return NULL;
    ordered_close(feed->map);
    return NULL;
}

static void test_ordered_keeps_order(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct pool *pool = pool_new(THREADS);
    assert_non_null(pool);
    struct feed feed = {ordered_new(pool, 16, square_it, &done), mem_calloc(ITEMS, sizeof(struct number))};
    assert_true(feed.map != NULL && feed.numbers != NULL);
    for (unsigned i = 0; i < ITEMS; i++)
        feed.numbers[i].value = i;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed_numbers, &feed), 0);
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct number *number = ordered_get(feed.map);
        assert_ptr_equal(number, &feed.numbers[i]);
        assert_true(number->square == i * i && number->rounds == 1);
    }
    assert_null(ordered_get(feed.map));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&done), ITEMS);
    ordered_free(feed.map);
    pool_free(pool);
    mem_free(feed.numbers);
}

/* The results of one map go into another on the same pool: neither may starve the other. */
static void *hand_over(void *argument)
{
    struct ordered *const *maps = argument;
    for (void *item; (item = ordered_get(maps[0])) != NULL;)
        if (!ordered_put(maps[1], item))
            return NULL;
    ordered_close(maps[1]);
    return NULL;
}

static void test_two_maps_share_a_pool(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct pool *pool = pool_new(2);
    assert_non_null(pool);
    struct ordered *maps[2] = {ordered_new(pool, 4, square_it, &done), ordered_new(pool, 4, square_it, &done)};
    assert_true(maps[0] != NULL && maps[1] != NULL);
    struct feed feed = {maps[0], mem_calloc(ITEMS, sizeof(struct number))};
    assert_non_null(feed.numbers);
    pthread_t feeder, middle;
    assert_int_equal(pthread_create(&feeder, NULL, feed_numbers, &feed), 0);
    assert_int_equal(pthread_create(&middle, NULL, hand_over, maps), 0);
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct number *number = ordered_get(maps[1]);
        assert_ptr_equal(number, &feed.numbers[i]);
        assert_int_equal(number->rounds, 2);
    }
    assert_null(ordered_get(maps[1]));
    assert_int_equal(pthread_join(feeder, NULL), 0);
    assert_int_equal(pthread_join(middle, NULL), 0);
    ordered_free(maps[1]);
    ordered_free(maps[0]);
    pool_free(pool);
    mem_free(feed.numbers);
}

static void test_closed_map_refuses(void **state)
{
    (void)state;
    atomic_uint done = 0;
    struct number number = {.value = 3};
    struct pool *pool = pool_new(1);
    assert_non_null(pool);
    struct ordered *map = ordered_new(pool, 2, square_it, &done);
    assert_non_null(map);
    assert_true(ordered_put(map, &number));
    ordered_close(map);
    assert_false(ordered_put(map, &number));
    assert_ptr_equal(ordered_get(map), &number);
    assert_int_equal(number.square, 9);
    assert_null(ordered_get(map));
    ordered_free(map);
    ordered_free(NULL);
    pool_free(pool);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_keeps_order),   cmocka_unit_test(test_queue_closes),
        cmocka_unit_test(test_ordered_keeps_order), cmocka_unit_test(test_two_maps_share_a_pool),
        cmocka_unit_test(test_closed_map_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
