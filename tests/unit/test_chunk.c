#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pipeline/chunk.h"

#include <stdlib.h>

/* xorshift64* (Marsaglia 2003): the same bytes in every run. */
static uint8_t *random_bytes(size_t size, uint64_t seed)
{
    uint8_t *bytes = mem_alloc(size + 8);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i += 8) {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        put_u64(bytes + i, seed * UINT64_C(0x2545f4914f6cdd1d));
    }
    return bytes;
}

static struct chunker *chunker_of(uint8_t key_byte)
{
    struct error err;
    struct id tid = {{1}};
    uint8_t key[32];
    memset(key, key_byte, sizeof(key));
    struct keyring *keyring = keyring_new(&tid);
    assert_non_null(keyring);
    struct key_row row = {.type = KEY_DEDUP, .generation = 1, .tid = tid, .key = secret_copy(key, sizeof(key))};
    assert_non_null(row.key);
    assert_int_equal(keyring_add(keyring, &row, &err), 0);
    struct chunker *chunker = NULL;
    assert_int_equal(chunker_new(keyring, &chunker, &err), 0);
    secret_free(row.key);
    keyring_free(keyring);
    return chunker;
}

static void test_needs_a_dedup_secret(void **state)
{
    (void)state;
    struct error err;
    struct id tid = {{1}};
    struct keyring *keyring = keyring_new(&tid);
    struct chunker *chunker = NULL;
    assert_int_equal(chunker_new(keyring, &chunker, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_null(chunker);
    chunker_free(NULL);
    keyring_free(keyring);
}

static void test_sizes_on_random_data(void **state)
{
    (void)state;
    const size_t size = (size_t)64 << 20;
    uint8_t *bytes = random_bytes(size, 1);
    struct chunker *chunker = chunker_of(7);
    size_t count = 0;
    size_t longest = 0;
    for (size_t at = 0; at < size;) {
        size_t chunk = chunker_cut(chunker, bytes + at, size - at, false);
        assert_true(chunk >= CHUNK_MIN || at + chunk == size);
        assert_true(chunk <= CHUNK_MAX);
        longest += chunk == CHUNK_MAX;
        at += chunk;
        count++;
    }
    size_t mean = size / count;
    assert_in_range(mean, CHUNK_MEAN - CHUNK_MEAN / 10, CHUNK_MEAN + CHUNK_MEAN / 10);
    assert_true(longest <= count / 100);
    chunker_free(chunker);
    mem_free(bytes);
}

static uint64_t fingerprint(const uint8_t *bytes, size_t size)
{
    uint64_t sum = size;
    for (size_t i = 0; i + 8 <= size; i += 8)
        sum = (sum ^ get_u64(bytes + i)) * UINT64_C(0x100000001b3);
    return sum;
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* The sorted fingerprints of all chunks; *ret_count. */
static uint64_t *fingerprints(const struct chunker *chunker, const uint8_t *bytes, size_t size, size_t *ret_count)
{
    uint64_t *list = mem_alloc((size / CHUNK_MIN + 1) * sizeof(*list));
    assert_non_null(list);
    size_t count = 0;
    for (size_t at = 0; at < size;) {
        size_t chunk = chunker_cut(chunker, bytes + at, size - at, false);
        list[count++] = fingerprint(bytes + at, chunk);
        at += chunk;
    }
    qsort(list, count, sizeof(*list), compare_u64);
    *ret_count = count;
    return list;
}

static size_t common(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
    size_t found = 0;
    for (size_t i = 0; i < a_count; i++)
        found += bsearch(&a[i], b, b_count, sizeof(*b), compare_u64) != NULL;
    return found;
}

static void test_an_insertion_moves_few_cuts(void **state)
{
    (void)state;
    const size_t size = (size_t)64 << 20;
    uint8_t *bytes = random_bytes(size + 8, 2);
    struct chunker *chunker = chunker_of(7);
    size_t before_count;
    size_t after_count;
    /* The first byte is the inserted one. */
    uint64_t *before = fingerprints(chunker, bytes + 1, size, &before_count);
    uint64_t *after = fingerprints(chunker, bytes, size + 1, &after_count);
    assert_true(common(before, before_count, after, after_count) * 100 >= before_count * 95);
    mem_free(before);
    mem_free(after);
    chunker_free(chunker);
    mem_free(bytes);
}

static void test_another_key_cuts_elsewhere(void **state)
{
    (void)state;
    const size_t size = (size_t)16 << 20;
    uint8_t *bytes = random_bytes(size, 3);
    struct chunker *one = chunker_of(1);
    struct chunker *other = chunker_of(2);
    struct chunker *again = chunker_of(1);
    size_t counts[3];
    uint64_t *a = fingerprints(one, bytes, size, &counts[0]);
    uint64_t *b = fingerprints(other, bytes, size, &counts[1]);
    uint64_t *c = fingerprints(again, bytes, size, &counts[2]);
    assert_true(common(a, counts[0], b, counts[1]) <= 1);
    assert_int_equal(common(a, counts[0], c, counts[2]), counts[0]);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    chunker_free(one);
    chunker_free(other);
    chunker_free(again);
    mem_free(bytes);
}

static void test_a_cut_does_not_depend_on_what_is_at_hand(void **state)
{
    (void)state;
    const size_t size = (size_t)4 << 20;
    uint8_t *bytes = random_bytes(size, 4);
    struct chunker *chunker = chunker_of(9);
    size_t at = 0;
    for (int i = 0; i < 20; i++) {
        size_t whole = chunker_cut(chunker, bytes + at, size - at, true);
        assert_true(whole >= CHUNK_MIN);
        assert_int_equal(chunker_cut(chunker, bytes + at, whole, true), whole);
        assert_int_equal(chunker_cut(chunker, bytes + at, whole + 1, true), whole);
        /* One byte less, and there is no cut: 0 if more follows, all of it if not. */
        assert_int_equal(chunker_cut(chunker, bytes + at, whole - 1, true), 0);
        assert_int_equal(chunker_cut(chunker, bytes + at, whole - 1, false), whole - 1);
        at += whole;
    }
    /* An odd start changes which byte comes first in a pair; the places of the cuts are soon the same. */
    size_t even = chunker_cut(chunker, bytes, size, true);
    size_t odd = 1 + chunker_cut(chunker, bytes + 1, size - 1, true);
    while (even != odd && even < size / 2) {
        size_t *behind = even < odd ? &even : &odd;
        *behind += chunker_cut(chunker, bytes + *behind, size - *behind, true);
    }
    assert_int_equal(even, odd);
    chunker_free(chunker);
    mem_free(bytes);
}

static void test_the_shortest_prefix_that_cuts_is_the_cut(void **state)
{
    (void)state;
    uint8_t *bytes = random_bytes(CHUNK_MAX, 11);
    struct chunker *chunker = chunker_of(3);
    /* Every parity of the end, near the cut. */
    size_t cut = chunker_cut(chunker, bytes, CHUNK_MAX, true);
    for (size_t end = cut > 600 ? cut - 600 : 1; end < cut; end++)
        assert_int_equal(chunker_cut(chunker, bytes, end, true), 0);
    chunker_free(chunker);
    mem_free(bytes);
}

static void test_short_and_uniform_content(void **state)
{
    (void)state;
    struct chunker *chunker = chunker_of(5);
    static const struct {
        size_t size;
        bool more;
        size_t expected;
    } rows[] = {
        {1, false, 1},
        {1, true, 0},
        {CHUNK_MIN, false, CHUNK_MIN},
        {CHUNK_MIN, true, 0},
        {CHUNK_MIN + 1, false, CHUNK_MIN + 1},
        {CHUNK_MAX - 1, true, 0},
        {CHUNK_MAX - 1, false, CHUNK_MAX - 1},
        {CHUNK_MAX, true, CHUNK_MAX},
        {CHUNK_MAX, false, CHUNK_MAX},
        {CHUNK_MAX + 1, true, CHUNK_MAX},
        {CHUNK_MAX + 1, false, CHUNK_MAX},
    };
    /* One byte over and over has one hash in every place behind the window: no cut, unless it is one everywhere. */
    uint8_t *bytes = mem_calloc(1, CHUNK_MAX + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(chunker_cut(chunker, bytes, rows[i].size, rows[i].more), rows[i].expected);
    mem_free(bytes);
    chunker_free(chunker);
}

static void test_zero_runs(void **state)
{
    (void)state;
    enum { K = 1 << 10, SIZE = 200 * K };
    static const struct {
        size_t begin, end; /* zeros */
        size_t size;
        size_t run;  /* chunk_zero_run at 0      */
        size_t find; /* chunk_find_zero_run      */
    } rows[] = {
        {0, 0, SIZE, 0, SIZE},
        {0, 32 * K - 1, SIZE, 0, SIZE},
        {0, 32 * K, SIZE, 32 * K, 0},
        {0, 32 * K + 1, SIZE, 32 * K, 0},
        {0, 36 * K + 5, SIZE, 36 * K, 0},
        {0, SIZE, SIZE, SIZE, 0},
        {0, 40 * K + 3, 40 * K + 3, 40 * K + 3, 0}, /* up to the end: all of it */
        {0, 32 * K - 1, 32 * K - 1, 0, 32 * K - 1}, /* too short */
        {8 * K, 40 * K, SIZE, 0, 8 * K},
        {8 * K, 40 * K - 1, SIZE, 0, SIZE},
        {8 * K + 1, 44 * K, SIZE, 0, 12 * K},
        {8 * K + 1, 43 * K, SIZE, 0, SIZE}, /* 32 KiB long, but not from a multiple of 4 KiB on */
        {168 * K, SIZE, SIZE, 0, 168 * K},
        {172 * K, SIZE, SIZE, 0, SIZE},
        {160 * K + 1, SIZE, SIZE, 0, 164 * K},
    };
    uint8_t *bytes = mem_alloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(bytes, 0xa5, SIZE);
        memset(bytes + rows[i].begin, 0, rows[i].end - rows[i].begin);
        assert_int_equal(chunk_zero_run(bytes, rows[i].size, CHUNK_ZERO_RUN_MIN), rows[i].run);
        assert_int_equal(chunk_find_zero_run(bytes, rows[i].size), rows[i].find);
    }
    /* Zeros at the start of every unit mislead nobody. */
    memset(bytes, 0, SIZE);
    for (size_t at = 4 * K - 1; at < SIZE; at += 4 * K)
        bytes[at] = 1;
    assert_int_equal(chunk_find_zero_run(bytes, SIZE), SIZE);
    mem_free(bytes);
    uint8_t none = 0;
    assert_int_equal(chunk_zero_run(&none, 0, 1), 0);
    assert_int_equal(chunk_find_zero_run(&none, 0), 0);
}

int main(void)
{
    secret_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_a_dedup_secret),
        cmocka_unit_test(test_sizes_on_random_data),
        cmocka_unit_test(test_an_insertion_moves_few_cuts),
        cmocka_unit_test(test_another_key_cuts_elsewhere),
        cmocka_unit_test(test_a_cut_does_not_depend_on_what_is_at_hand),
        cmocka_unit_test(test_the_shortest_prefix_that_cuts_is_the_cut),
        cmocka_unit_test(test_short_and_uniform_content),
        cmocka_unit_test(test_zero_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
