#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/extsort.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    return scratch_make(folder, sizeof(folder), "extsort");
}

static int remove_folder(void **state)
{
    (void)state;
    struct error err;
    return file_remove_tree(folder, &err);
}

static uint64_t random_state;

static uint64_t next_random(void)
{
    /* splitmix64 (Steele et al., 2014) */
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* How the keys of a test look: what is hard for one way of sorting is easy for another. */
enum shape { RANDOM, FEW, EQUAL, RISING, FALLING, LATE };

static void make_record(enum shape shape, uint64_t i, uint64_t count, size_t size, uint8_t *out)
{
    for (size_t k = 0; k < size; k++)
        out[k] = (uint8_t)next_random();
    uint64_t value = shape == RISING ? i : count - i;
    switch (shape) {
    case RANDOM:
        break;
    case FEW:
        memset(out, (int)(next_random() % 3), size - 1);
        break;
    case EQUAL:
        memset(out, 7, size);
        break;
    case RISING:
    case FALLING:
        for (size_t k = 0; k < size; k++)
            out[k] = (uint8_t)(k < 8 ? value >> (56 - 8 * k) : 0);
        break;
    case LATE: /* zeros of any length in front: buckets split off one by one */
        memset(out, 0, (size_t)(next_random() % size));
        break;
    }
}

struct sorting {
    enum shape shape;
    uint64_t count;
    size_t record_size;
    size_t key_size;
    size_t limit;
};

/* The sum of all bytes, each weighted by its place: the same records went in and came out. */
static uint64_t checksum(const uint8_t *record, size_t size)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        h = (h ^ record[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void sort_and_check(const struct sorting *t)
{
    struct error err;
    CLEANUP(cleanup_extsort_free) struct extsort *sort = NULL;
    assert_int_equal(extsort_new(folder, t->record_size, t->key_size, t->limit, &sort, &err), 0);
    CLEANUP_FREE uint8_t *record = mem_calloc(1, t->record_size);
    CLEANUP_FREE uint8_t *last = mem_calloc(1, t->record_size);
    uint64_t sum_in = 0, sum_out = 0, count = 0;
    random_state = 42 + (uint64_t)t->shape;
    for (uint64_t i = 0; i < t->count; i++) {
        make_record(t->shape, i, t->count, t->record_size, record);
        sum_in += checksum(record, t->record_size);
        assert_int_equal(extsort_add(sort, record, &err), 0);
    }
    assert_int_equal(extsort_count(sort), t->count);
    assert_int_equal(extsort_finish(sort, &err), 0);
    const void *got;
    int rc;
    while ((rc = extsort_next(sort, &got, &err)) == 1) {
        assert_true(count == 0 || memcmp(last, got, t->key_size) <= 0);
        memcpy(last, got, t->record_size);
        sum_out += checksum(last, t->record_size);
        count++;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(count, t->count);
    assert_true(sum_in == sum_out);
    assert_int_equal(extsort_next(sort, &got, &err), 0);
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct sorting rows[] = {
        {RANDOM, 0, 32, 20, 1 << 20},      {RANDOM, 1, 32, 20, 1 << 20},   {RANDOM, 20000, 32, 20, 8 << 20},
        {RANDOM, 100000, 32, 32, 1 << 20}, {RANDOM, 100000, 33, 5, 0},     {FEW, 50000, 16, 16, 8 << 20},
        {FEW, 50000, 16, 16, 100000},      {EQUAL, 50000, 12, 12, 100000}, {EQUAL, 50000, 12, 12, 8 << 20},
        {RISING, 60000, 24, 8, 200000},    {FALLING, 60000, 24, 8, 0},     {LATE, 50000, 40, 40, 8 << 20},
        {LATE, 30000, 40, 40, 0},          {RANDOM, 300, 65536, 8, 0},     {RANDOM, 5000, 1, 1, 0},
        {RANDOM, 2048, 32, 32, 65536},     {RANDOM, 2049, 32, 32, 65536},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        sort_and_check(&rows[i]);
}

static void test_array(void **state)
{
    (void)state;
    for (int shape = RANDOM; shape <= LATE; shape++)
        for (size_t count = 0; count < 3000; count = count * 3 + 1) {
            CLEANUP_FREE uint8_t *records = mem_calloc(count, 20);
            for (size_t i = 0; i < count; i++)
                make_record((enum shape)shape, i, count, 20, records + i * 20);
            extsort_array(records, count, 20, 17);
            for (size_t i = 1; i < count; i++)
                assert_true(memcmp(records + (i - 1) * 20, records + i * 20, 17) <= 0);
        }
}

static void test_refusals(void **state)
{
    (void)state;
    struct error err;
    struct extsort *sort = NULL;
    assert_int_equal(extsort_new(folder, 0, 0, 0, &sort, &err), -1);
    assert_int_equal(extsort_new(folder, 8, 9, 0, &sort, &err), -1);
    assert_int_equal(extsort_new(folder, 8, 0, 0, &sort, &err), -1);
    assert_int_equal(extsort_new(folder, EXTSORT_RECORD_MAX + 1, 8, 0, &sort, &err), -1);
    extsort_free(NULL);

    uint8_t record[8] = {1};
    const void *got;
    assert_int_equal(extsort_new(folder, 8, 8, 0, &sort, &err), 0);
    assert_int_equal(extsort_add(sort, record, &err), 0);
    assert_int_equal(extsort_next(sort, &got, &err), -1);
    assert_int_equal(extsort_finish(sort, &err), 0);
    assert_int_equal(extsort_add(sort, record, &err), -1);
    extsort_free(sort);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct error err;
    char missing[300];
    (void)snprintf(missing, sizeof(missing), "%s/missing", folder);
    struct extsort *sort = NULL;
    uint8_t record[32] = {0};
    assert_int_equal(extsort_new(missing, sizeof(record), 8, 0, &sort, &err), 0);
    int rc = 0;
    for (int i = 0; i < 10000 && rc == 0; i++)
        rc = extsort_add(sort, record, &err);
    assert_int_equal(rc, -1);
    assert_int_equal(err.class, ERROR_LOCAL);
    extsort_free(sort);
}

static void test_leaves_nothing(void **state)
{
    (void)state;
    const struct sorting t = {RANDOM, 50000, 32, 32, 0};
    sort_and_check(&t);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int entries = 0;
    while (readdir(dir) != NULL)
        entries++;
    (void)closedir(dir);
    assert_int_equal(entries, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_array),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_folder), cmocka_unit_test(test_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
