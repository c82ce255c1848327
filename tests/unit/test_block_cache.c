/* Blocks that were fetched already: given back as they came, within a bound, to several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/block_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/hikae-cache-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder); /* the cache has left nothing in it */
}

static struct hash pack_of(unsigned number)
{
    struct hash pack = {{0}};
    pack.bytes[number % HASH_SIZE] = (uint8_t)(1 + number / HASH_SIZE);
    return pack;
}

static void put(struct block_cache *cache, unsigned pack, uint32_t block, const char *text)
{
    struct hash name = pack_of(pack);
    struct buf sealed = {0};
    assert_int_equal(buf_append(&sealed, text, strlen(text), NULL), 0);
    block_cache_put(cache, &name, block, &sealed);
    buf_free(&sealed);
}

static bool has(struct block_cache *cache, unsigned pack, uint32_t block, const char *text)
{
    struct hash name = pack_of(pack);
    struct buf out = {0};
    bool found = block_cache_get(cache, &name, block, strlen(text), &out);
    bool same = found && out.size == strlen(text) && memcmp(out.data, text, out.size) == 0;
    assert_true(same || !found);
    buf_free(&out);
    return same;
}

static void test_kept(void **state)
{
    struct block_cache *cache;
    struct error err = {0};
    (void)state;
    assert_int_equal(block_cache_new(folder, 12, true, &cache, &err), 0);
    assert_true(block_cache_keeps_content(cache));
    assert_false(has(cache, 1, 0, "first"));
    put(cache, 1, 0, "first");
    put(cache, 1, 1, "other");
    assert_true(has(cache, 1, 0, "first"));
    assert_true(has(cache, 1, 1, "other"));
    assert_false(has(cache, 2, 0, "first"));   /* another pack */
    assert_false(has(cache, 1, 0, "longer!")); /* another size: the index says something else than the target gave */
    put(cache, 2, 0, "too long");
    assert_false(has(cache, 2, 0, "too long")); /* the bound holds … */
    put(cache, 2, 0, "xy");
    assert_true(has(cache, 2, 0, "xy")); /* … and what fits is kept still */
    put(cache, 1, 0, "again");
    assert_true(has(cache, 1, 0, "first"));
    block_cache_free(cache);
    block_cache_free(NULL);
    assert_int_not_equal(block_cache_new("/nonexistent", 12, true, &cache, &err), 0);
    assert_int_equal(err.class, ERROR_LOCAL);
}

static void test_announced(void **state)
{
    struct block_cache *cache;
    struct error err = {0};
    struct hash pack = pack_of(7);
    (void)state;
    assert_int_equal(block_cache_new(folder, 100, false, &cache, &err), 0);
    assert_false(block_cache_keeps_content(cache));
    assert_true(block_cache_announce(cache, &pack, 3));
    assert_false(block_cache_announce(cache, &pack, 3));
    assert_true(block_cache_announce(cache, &pack, 4));
    assert_false(has(cache, 7, 3, "bytes")); /* announced is not fetched */
    put(cache, 7, 3, "bytes");
    put(cache, 7, 5, "sealed");
    assert_true(has(cache, 7, 3, "bytes"));
    assert_false(block_cache_announce(cache, &pack, 5)); /* what is kept is not fetched again */
    block_cache_free(cache);
}

enum { THREADS = 4, BLOCKS = 500 };

static void *work(void *context)
{
    struct block_cache *cache = context;
    char text[16];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        (void)snprintf(text, sizeof(text), "block %u", i);
        put(cache, i % 50, i, text);
        assert_true(has(cache, i % 50, i, text));
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct block_cache *cache;
    struct error err = {0};
    pthread_t threads[THREADS];
    (void)state;
    assert_int_equal(block_cache_new(folder, 1 << 20, true, &cache, &err), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, cache), 0);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    block_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_announced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
