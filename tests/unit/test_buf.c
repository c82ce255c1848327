/* Buffers, and cursors over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_integers_round_trip(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf = {0};
    struct error err;
    assert_int_equal(buf_u8(&buf, 0xab, &err), 0);
    assert_int_equal(buf_u16(&buf, 0x1234, &err), 0);
    assert_int_equal(buf_u32(&buf, 0xdeadbeef, &err), 0);
    assert_int_equal(buf_u64(&buf, UINT64_C(0x0123456789abcdef), &err), 0);
    assert_int_equal(buf_string(&buf, "name", 4, &err), 0);
    static const uint8_t head[] = {0xab, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde, 0xef, 0xcd, 0xab, 0x89};
    assert_memory_equal(buf.data, head, sizeof(head));

    struct cursor c = cursor_of(buf.data, buf.size);
    assert_int_equal(cursor_u8(&c), 0xab);
    assert_int_equal(cursor_u16(&c), 0x1234);
    assert_int_equal(cursor_u32(&c), 0xdeadbeef);
    assert_true(cursor_u64(&c) == UINT64_C(0x0123456789abcdef));
    size_t size = 0;
    const uint8_t *name = cursor_string(&c, 4, &size);
    assert_int_equal(size, 4);
    assert_memory_equal(name, "name", 4);
    assert_true(cursor_done(&c));
}

static void test_varints(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    static const size_t sizes[] = {1, 1, 1, 2, 2, 2, 3, 5, 9, 10};
    for (size_t i = 0; i < COUNT(values); i++) {
        CLEANUP(buf_free) struct buf buf = {0};
        assert_int_equal(buf_varint(&buf, values[i], NULL), 0);
        assert_int_equal(buf.size, sizes[i]);
        struct cursor c = cursor_of(buf.data, buf.size);
        assert_true(cursor_varint(&c) == values[i] && cursor_done(&c));
        struct cursor cut = cursor_of(buf.data, buf.size - 1);
        assert_true(cursor_varint(&cut) == 0 && cut.failed);
    }
    static const int64_t signed_values[] = {0, -1, 1, -64, 63, 64, INT64_MIN, INT64_MAX};
    static const size_t signed_sizes[] = {1, 1, 1, 1, 1, 2, 10, 10};
    for (size_t i = 0; i < COUNT(signed_values); i++) {
        CLEANUP(buf_free) struct buf buf = {0};
        assert_int_equal(buf_svarint(&buf, signed_values[i], NULL), 0);
        assert_int_equal(buf.size, signed_sizes[i]);
        struct cursor c = cursor_of(buf.data, buf.size);
        assert_true(cursor_svarint(&c) == signed_values[i] && cursor_done(&c));
    }
}

static void test_varints_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        size_t size;
        uint8_t bytes[12];
    } cases[] = {
        {"longer than needed", 2, {0x80, 0x00}},
        {"longer than needed", 3, {0xff, 0x80, 0x00}},
        {"without an end", 1, {0x80}},
        {"over 64 bits", 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
        {"over ten bytes", 11, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x01}},
        {"nothing", 0, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cursor c = cursor_of(cases[i].bytes, cases[i].size);
        if (cursor_varint(&c) != 0 || !c.failed)
            fail_msg("accepted: %s", cases[i].why);
    }
}

static void test_cursor_stays_failed(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
    struct cursor c = cursor_of(bytes, sizeof(bytes));
    assert_true(cursor_u64(&c) == 0);
    assert_true(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_null(cursor_bytes(&c, 1));
    uint8_t out[2] = {9, 9};
    cursor_copy(&c, out, 2);
    assert_int_equal(out[0] | out[1], 0);
    assert_false(cursor_done(&c));

    /* A string longer than the caller allows, and one longer than what is there. */
    static const uint8_t text[] = {5, 'a', 'b', 'c', 'd', 'e', 9, 'x'};
    size_t size = 0;
    struct cursor limited = cursor_of(text, sizeof(text));
    (void)cursor_string(&limited, 4, &size);
    assert_true(limited.failed);
    struct cursor whole = cursor_of(text, sizeof(text));
    assert_non_null(cursor_string(&whole, 5, &size));
    (void)cursor_string(&whole, SIZE_MAX, &size);
    assert_true(whole.failed);
}

static void test_buf_grows(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf = {0};
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf_u32(&buf, i, NULL), 0);
    assert_int_equal(buf.size, 400000);
    assert_int_equal(get_u32(buf.data + 4 * 77777), 77777);
    assert_int_equal(buf_append_zeros(&buf, 3, NULL), 0);
    assert_int_equal(buf.data[400002], 0);
    struct error err;
    assert_int_equal(buf_reserve(&buf, SIZE_MAX - 8, &err), -1);
    assert_int_equal(err.class, ERROR_NO_MEMORY);
    assert_int_equal(buf.size, 400003);
}

static void test_wiped_buf_is_empty(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_int_equal(buf_append(&buf, "secret", 6, NULL), 0);
    buf_wipe_free(&buf);
    assert_true(buf.data == NULL && buf.size == 0 && buf.capacity == 0);
    buf_wipe_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_round_trip),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_varints_that_are_refused),
        cmocka_unit_test(test_cursor_stays_failed),
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_wiped_buf_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
