/* Rosters: order, lookup, cutting into parts that snapshots share, and parts as objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/container.h"
#include "record_fixture.h"
#include "repo/record.h"

static const struct id tid = {{3}};

static void fill(struct roster *roster, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        struct hash name = hash_of(i);
        assert_int_equal(roster_add(roster, i % 7 == 0 ? OBJECT_SEGMENT : OBJECT_PACK, &name, i, NULL), 0);
    }
}

static void test_sort_drops_doubles(void **state)
{
    (void)state;
    CLEANUP(roster_free) struct roster roster = {0};
    struct error err = {0};
    fill(&roster, 0, 500);
    assert_int_equal(roster_check(&roster, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    fill(&roster, 100, 300);
    roster_sort(&roster);
    assert_int_equal(roster.count, 500);
    assert_int_equal(roster_check(&roster, &err), 0);
    for (size_t i = 1; i < roster.count; i++) {
        const struct roster_row *a = &roster.rows[i - 1], *b = &roster.rows[i];
        assert_true(a->class < b->class || (a->class == b->class && hash_compare(&a->name, &b->name) < 0));
    }
    roster_sort(&roster);
    assert_int_equal(roster.count, 500);
}

static void test_has(void **state)
{
    (void)state;
    CLEANUP(roster_free) struct roster roster = {0};
    struct hash name = hash_of(1);
    assert_false(roster_has(&roster, OBJECT_PACK, &name));
    fill(&roster, 0, 300);
    roster_sort(&roster);
    for (unsigned i = 0; i < 600; i++) {
        name = hash_of(i);
        bool segment = i % 7 == 0;
        assert_int_equal(roster_has(&roster, OBJECT_PACK, &name), i < 300 && !segment);
        assert_int_equal(roster_has(&roster, OBJECT_SEGMENT, &name), i < 300 && segment);
        assert_false(roster_has(&roster, OBJECT_ROSTER, &name));
    }
}

static void test_empty(void **state)
{
    (void)state;
    CLEANUP(roster_free) struct roster roster = {0};
    roster_sort(&roster);
    assert_int_equal(roster_check(&roster, NULL), 0);
    CLEANUP_FREE size_t *ends = NULL;
    size_t count = 1;
    assert_int_equal(roster_cut(&roster, &ends, &count, NULL), 0);
    assert_int_equal(count, 0);
}

/* Parts follow one another, cover all rows, and are of the size that is wanted, over the whole roster. */
static void test_cut(void **state)
{
    (void)state;
    enum { ROWS = 60000 };
    CLEANUP(roster_free) struct roster roster = {0};
    fill(&roster, 0, ROWS);
    roster_sort(&roster);
    CLEANUP_FREE size_t *ends = NULL;
    size_t count = 0;
    assert_int_equal(roster_cut(&roster, &ends, &count, NULL), 0);
    assert_int_equal(ends[count - 1], ROWS);
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t first = i > 0 ? ends[i - 1] : 0;
        assert_true(ends[i] > first);
        if (ends[i] - first > longest)
            longest = ends[i] - first;
    }
    assert_in_range(count, ROWS / ROSTER_PART_MEAN / 2, 2 * ROWS / ROSTER_PART_MEAN);
    assert_true(longest <= 10 * ROSTER_PART_MEAN);
}

static bool rows_equal(const struct roster_row *a, const struct roster_row *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].class != b[i].class || !hash_equal(&a[i].name, &b[i].name) || a[i].size != b[i].size)
            return false;
    return true;
}

/* A night adds a few packs: all parts but those that they fall into stay as they were. */
static void test_cut_is_stable(void **state)
{
    (void)state;
    enum { ROWS = 40000, ADDED = 5 };
    CLEANUP(roster_free) struct roster before = {0};
    CLEANUP(roster_free) struct roster after = {0};
    fill(&before, 0, ROWS);
    fill(&after, 0, ROWS + ADDED);
    roster_sort(&before);
    roster_sort(&after);
    CLEANUP_FREE size_t *old_ends = NULL;
    CLEANUP_FREE size_t *new_ends = NULL;
    size_t old_count, new_count;
    assert_int_equal(roster_cut(&before, &old_ends, &old_count, NULL), 0);
    assert_int_equal(roster_cut(&after, &new_ends, &new_count, NULL), 0);
    size_t shared = 0;
    for (size_t i = 0; i < new_count; i++) {
        size_t first = i > 0 ? new_ends[i - 1] : 0;
        for (size_t j = 0; j < old_count; j++) {
            size_t old_first = j > 0 ? old_ends[j - 1] : 0;
            size_t size = new_ends[i] - first;
            shared += old_ends[j] - old_first == size && rows_equal(after.rows + first, before.rows + old_first, size);
        }
    }
    assert_true(shared + 2 * ADDED >= old_count);
}

/* Names that never end a part must not make one that no object can hold. */
static void test_cut_has_a_limit(void **state)
{
    (void)state;
    enum { ROWS = 2 * ROSTER_PART_MAX + 1 };
    CLEANUP(roster_free) struct roster roster = {0};
    for (unsigned i = 0; i < ROWS; i++) {
        struct hash name = {{(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        name.bytes[HASH_SIZE - 2] = 1;
        assert_int_equal(roster_add(&roster, OBJECT_PACK, &name, 1, NULL), 0);
    }
    CLEANUP_FREE size_t *ends = NULL;
    size_t count;
    assert_int_equal(roster_cut(&roster, &ends, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(ends[0], ROSTER_PART_MAX);
    assert_int_equal(ends[2], ROWS);
}

static void test_parts_round_trip(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 9);
    CLEANUP(roster_free) struct roster roster = {0};
    CLEANUP(roster_free) struct roster read = {0};
    fill(&roster, 0, 5000);
    roster_sort(&roster);
    CLEANUP_FREE size_t *ends = NULL;
    size_t count;
    assert_int_equal(roster_cut(&roster, &ends, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_free) struct buf object = {0};
        struct hash name, expected;
        size_t first = i > 0 ? ends[i - 1] : 0;
        assert_int_equal(roster_part_seal(&roster, first, ends[i], keyring, &object, &name, NULL), 0);
        assert_int_equal(sha256(object.data, object.size, expected.bytes, NULL), 0);
        assert_true(hash_equal(&name, &expected));
        assert_int_equal(roster_part_parse(object.data, object.size, &read, NULL), 0);
    }
    assert_int_equal(roster_check(&read, NULL), 0);
    assert_int_equal(read.count, roster.count);
    for (size_t i = 0; i < read.count; i++) {
        assert_int_equal(read.rows[i].class, roster.rows[i].class);
        assert_true(hash_equal(&read.rows[i].name, &roster.rows[i].name));
        assert_int_equal(read.rows[i].size, roster.rows[i].size);
    }
}

static void test_part_seal_refuses(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 9);
    CLEANUP(roster_free) struct roster roster = {0};
    CLEANUP(buf_free) struct buf object = {0};
    struct hash name;
    struct error err = {0};
    fill(&roster, 0, 10);
    static const size_t ranges[][2] = {{0, 0}, {5, 5}, {6, 5}, {0, 11}, {0, 10} /* not sorted */};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_int_equal(roster_part_seal(&roster, ranges[i][0], ranges[i][1], keyring, &object, &name, &err), -1);
        assert_int_equal(err.class, ERROR_INTERNAL);
    }
}

static void seal(enum container_kind kind, const void *clear, size_t size, struct buf *out)
{
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 9);
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = tid};
    struct hash name;
    assert_int_equal(keyring_newest(keyring, &key.key, &key.id, NULL), 0);
    assert_int_equal(container_seal_body(kind, &key, clear, size, NULL, 0, out, &name, NULL), 0);
}

static void test_part_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
        size_t size;
        enum container_kind kind;
        int status;
    } cases[] = {
        {0, 1, 96, CONTAINER_ROSTER, 0},  {0, 1, 48, CONTAINER_ROSTER, 0},  {0, 1, 96, CONTAINER_RECORD, -1},
        {0, 1, 95, CONTAINER_ROSTER, -1}, {0, 1, 47, CONTAINER_ROSTER, -1}, {0, 0, 96, CONTAINER_ROSTER, -1},
        {0, 4, 96, CONTAINER_ROSTER, -1}, {3, 1, 96, CONTAINER_ROSTER, -1}, {8, 2, 96, CONTAINER_ROSTER, -1},
        {8, 3, 96, CONTAINER_ROSTER, -1}, {48, 3, 96, CONTAINER_ROSTER, 0}, {95, 1, 96, CONTAINER_ROSTER, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t rows[96] = {0};
        rows[0] = rows[48] = OBJECT_PACK;
        rows[8] = 1;
        rows[56] = 2;
        rows[cases[i].offset] = cases[i].value;
        CLEANUP(buf_free) struct buf object = {0};
        CLEANUP(roster_free) struct roster roster = {0};
        struct error err = {0};
        seal(cases[i].kind, rows, cases[i].size, &object);
        assert_int_equal(roster_part_parse(object.data, object.size, &roster, &err), cases[i].status);
        if (cases[i].status != 0)
            assert_int_equal(err.class, ERROR_DAMAGED);
        else
            assert_int_equal(roster.count, cases[i].size / 48);
        for (size_t size = 0; size < object.size; size += 11)
            (void)!roster_part_parse(object.data, size, &roster, &err);
    }
}

int main(void)
{
    secret_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_drops_doubles),
        cmocka_unit_test(test_has),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_is_stable),
        cmocka_unit_test(test_cut_has_a_limit),
        cmocka_unit_test(test_parts_round_trip),
        cmocka_unit_test(test_part_seal_refuses),
        cmocka_unit_test(test_part_parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
