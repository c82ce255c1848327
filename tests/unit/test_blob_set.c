/* The set of blob ids: it remembers, within its limit, and never claims what it was not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "repo/blob_set.h"

/* As good as the MACs that ids are: spread, and never all zeros. */
static struct blob_id id_of(uint64_t number)
{
    struct blob_id id = {{0}};
    put_u64(id.bytes, (number + 1) * UINT64_C(0x9e3779b97f4a7c15));
    put_u64(id.bytes + 8, number);
    return id;
}

static int add(struct blob_set *set, uint64_t number)
{
    struct blob_id id = id_of(number);
    return blob_set_add(set, &id, NULL);
}

static void test_remembers(void **state)
{
    (void)state;
    struct blob_set set = {.memory_limit = 4 << 20};
    for (uint64_t i = 0; i < 50000; i++)
        assert_int_equal(add(&set, i), 0);
    for (uint64_t i = 0; i < 50000; i++)
        assert_int_equal(add(&set, i), 1);
    assert_int_equal(set.count, 50000);
    assert_true(set.capacity * sizeof(struct blob_id) <= set.memory_limit);
    /* The id of all zeros, which no blob has, stands for a free slot. */
    static const struct blob_id zero;
    assert_int_equal(blob_set_add(&set, &zero, NULL), 0);
    assert_int_equal(blob_set_add(&set, &zero, NULL), 0);
    blob_set_clear(&set);
    assert_int_equal(add(&set, 1), 0);
    blob_set_clear(&set);
}

static void test_limit(void **state)
{
    (void)state;
    struct blob_set set = {.memory_limit = 1 << 20};
    for (uint64_t i = 0; i < 200000; i++)
        assert_int_equal(add(&set, i), 0);
    assert_true(set.capacity * sizeof(struct blob_id) <= set.memory_limit);
    size_t known = 0;
    for (uint64_t i = 0; i < 200000; i++)
        known += (size_t)add(&set, i);
    assert_int_equal(known, set.count);
    assert_true(known > 20000);
    blob_set_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
