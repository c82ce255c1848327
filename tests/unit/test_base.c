/* The foundation: hex and names, errors and cancelling, secrets, memory, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Hex and names ---- */

static void test_hex(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x5a};
    char text[11];
    uint8_t back[5];
    assert_string_equal(hex_encode(bytes, 5, text), "000ff0ff5a");
    assert_true(hex_decode(text, 5, back));
    assert_memory_equal(bytes, back, 5);
    static const char *refused[] = {"0A", "g0", "0g", " 0", "0 ", "0", "", "-1", "0x"};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(hex_decode(refused[i], 1, back));
}

static void test_names(void **state)
{
    (void)state;
    struct id tid;
    struct hash hash;
    memset(tid.bytes, 0xab, sizeof(tid.bytes));
    memset(hash.bytes, 0x12, sizeof(hash.bytes));
    char name[OBJECT_NAME_SIZE], expected[OBJECT_NAME_SIZE], digits[2 * HASH_SIZE + 1];
    (void)hex_encode(hash.bytes, HASH_SIZE, digits);
    assert_string_equal(name_folder(&tid, 'p', name), "hikae1/t/abababababababababababababababab/p/");
    (void)snprintf(expected, sizeof(expected), "hikae1/t/abababababababababababababababab/i/%s", digits);
    assert_string_equal(name_object(&tid, 'i', &hash, name), expected);
    assert_string_equal(name_record(&tid, "2026", name), "hikae1/t/abababababababababababababababab/h/2026");
    (void)snprintf(expected, sizeof(expected), "hikae1/k/0000000042-%s", digits);
    assert_string_equal(name_key(42, &hash, name), expected);

    uint32_t epoch;
    struct hash back;
    const char *last = name + strlen(NAME_KEYS);
    assert_true(name_key_parse(last, &epoch, &back));
    assert_int_equal(epoch, 42);
    assert_true(hash_equal(&back, &hash));
    assert_true(name_key_parse(name_key(UINT32_MAX, &hash, name) + strlen(NAME_KEYS), &epoch, &back));
    assert_true(epoch == UINT32_MAX);
}

static void test_names_that_are_refused(void **state)
{
    (void)state;
    char good[OBJECT_NAME_SIZE], bad[OBJECT_NAME_SIZE];
    const struct hash hash = {{1}};
    uint32_t epoch;
    struct hash back;
    const char *last = name_key(7, &hash, good) + strlen(NAME_KEYS);
    for (size_t size = 0; size < strlen(last); size++) {
        memcpy(bad, last, size);
        bad[size] = '\0';
        assert_false(name_key_parse(bad, &epoch, &back));
    }
    static const struct {
        size_t at;
        char put;
    } changes[] = {{0, '-'}, {0, '9'}, {3, 'x'}, {10, '_'}, {11, 'A'}, {74, 'g'}};
    for (size_t i = 0; i < COUNT(changes); i++) {
        (void)snprintf(bad, sizeof(bad), "%s", last);
        bad[changes[i].at] = changes[i].put;
        assert_false(name_key_parse(bad, &epoch, &back));
    }
    (void)snprintf(bad, sizeof(bad), "%s0", last);
    assert_false(name_key_parse(bad, &epoch, &back));
}

/* ---- Errors ---- */

static void test_error_carries_its_context(void **state)
{
    (void)state;
    struct error err = {0};
    char text[2048];
    assert_int_equal(error_set_errno(&err, ERROR_LOCAL, ENOSPC, "write %s", "pack"), -1);
    assert_int_equal(error_wrap(&err, "seal block %d", 812), -1);
    assert_int_equal(error_wrap(&err, "back up acme"), -1);
    assert_int_equal(err.errnum, ENOSPC);
    (void)error_format(&err, text, sizeof(text));
    assert_string_equal(err.chain, "back up acme → seal block 812");
    assert_non_null(
        strstr(text, "back up acme → seal block 812: write pack: No space left on device; free some space"));
    error_clear(&err);
    assert_int_equal(err.class, ERROR_NONE);
    assert_string_equal(error_format(&err, text, sizeof(text)), "");
}

static void test_error_without_a_struct(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_USAGE, "x"), -1);
    assert_int_equal(error_set_errno(NULL, ERROR_USAGE, EIO, "x"), -1);
    assert_int_equal(error_wrap(NULL, "x"), -1);
    assert_int_equal(error_hint(NULL, "x"), -1);
    assert_int_equal(error_no_memory(NULL), -1);
    error_clear(NULL);
}

static void test_error_is_bounded(void **state)
{
    (void)state;
    struct error err = {0};
    static char word[2000];
    char small[16];
    memset(word, 'x', sizeof(word) - 1);
    (void)error_set_errno(&err, ERROR_LOCAL, EIO, "%s", word);
    for (int i = 0; i < 100; i++)
        (void)error_wrap(&err, "step %d of a long chain", i);
    (void)error_hint(&err, "%s", word);
    assert_int_equal(strlen(err.what), ERROR_WHAT_SIZE - 1);
    assert_int_equal(strlen(err.chain), ERROR_CHAIN_SIZE - 1);
    assert_int_equal(strlen(err.hint), ERROR_HINT_SIZE - 1);
    /* What is outermost is kept. */
    assert_true(strncmp(err.chain, "step 99 of", 10) == 0);
    assert_int_equal(strlen(error_format(&err, small, sizeof(small))), sizeof(small) - 1);
}

static void test_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum error_class class;
        int code;
    } cases[] = {
        {ERROR_NONE, 0},        {ERROR_SOURCE, 1},     {ERROR_USAGE, 2},     {ERROR_CONFIG, 2},
        {ERROR_BUSY, 3},        {ERROR_NOT_FOUND, 4},  {ERROR_DAMAGED, 5},   {ERROR_UNREACHABLE, 6},
        {ERROR_LOCAL, 6},       {ERROR_KEYS, 7},       {ERROR_DENIED, 7},    {ERROR_REFUSED, 8},
        {ERROR_INTERRUPTED, 9}, {ERROR_NO_MEMORY, 10}, {ERROR_INTERNAL, 10}, {ERROR_CLASS_COUNT, 10},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(error_exit_code(cases[i].class), cases[i].code);
    for (int class = 0; class < ERROR_CLASS_COUNT; class ++)
        assert_true(strlen(error_class_name((enum error_class) class)) > 0);
}

static void test_errno_refines(void **state)
{
    (void)state;
    struct error err = {0};
    (void)error_set_errno(&err, ERROR_LOCAL, ENOMEM, "x");
    assert_int_equal(err.class, ERROR_NO_MEMORY);
    static const int again[] = {EAGAIN, EINTR, EBUSY, ETIMEDOUT};
    for (size_t i = 0; i < COUNT(again); i++) {
        (void)error_set_errno(&err, ERROR_LOCAL, again[i], "x");
        assert_true(err.retryable);
    }
    (void)error_set_errno(&err, ERROR_LOCAL, EACCES, "x");
    assert_true(!err.retryable && err.hint[0] != '\0');
}

static void test_cancel(void **state)
{
    (void)state;
    struct cancel cancel = {0};
    struct error err = {0};
    assert_int_equal(cancel_check(NULL, &err), 0);
    assert_int_equal(cancel_check(&cancel, &err), 0);
    cancel_request(&cancel);
    assert_int_equal(cancel_check(&cancel, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
}

/* ---- Secrets, memory, JSON ---- */

static void test_secrets(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4};
    CLEANUP_SECRET struct secret *zero = secret_new(4);
    CLEANUP_SECRET struct secret *a = secret_copy(bytes, 4);
    CLEANUP_SECRET struct secret *shorter = secret_copy(bytes, 3);
    assert_true(zero != NULL && a != NULL && shorter != NULL);
    CLEANUP_SECRET struct secret *b = secret_dup(a);
    assert_non_null(b);
    assert_int_equal(secret_size(a), 4);
    assert_memory_equal(secret_borrow(zero), "\0\0\0\0", 4);
    assert_memory_equal(secret_borrow(b), bytes, 4);
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, zero));
    assert_false(secret_equal(a, shorter));
    secret_bytes(b)[3] ^= 1;
    assert_false(secret_equal(a, b));
    assert_int_equal(secret_borrow(a)[3], 4);
    secret_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    CLEANUP_FREE char *text = mem_printf("%s %d", "pack", 7);
    CLEANUP_FREE char *copy = mem_strdup(text);
    CLEANUP_FREE void *none = mem_alloc(0);
    CLEANUP_FREE void *dup = mem_dup("abc", 3);
    assert_string_equal(text, "pack 7");
    assert_string_equal(copy, text);
    assert_non_null(none);
    assert_memory_equal(dup, "abc", 3);
    mem_wipe(copy, 6);
    assert_memory_equal(copy, "\0\0\0\0\0\0", 6);
    /* More than there can be, where the product does not fit in a size. */
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(mem_calloc(huge, 4));
}

static void test_json(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *json = NULL;
    CLEANUP_FREE char *text = NULL;
    static const char good[] = "{\"v\":1,\"name\":\"控え\"}";
    assert_int_equal(json_parse(good, sizeof(good) - 1, &json, NULL), 0);
    assert_non_null(json);
    assert_int_equal(json_print(json, &text, NULL), 0);
    assert_string_equal(text, good);
    static const char *refused[] = {"", "{", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":01}", "\xff"};
    for (size_t i = 0; i < COUNT(refused); i++) {
        json_t *none = NULL;
        assert_int_equal(json_parse(refused[i], strlen(refused[i]), &none, NULL), 0);
        assert_null(none);
    }
}

/* ---- UTF-8 ---- */

/* The first and the last of each length, and what lies just outside (RFC 3629 §3, §4). */
static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int32_t code; /* -1: none, of which one byte is passed over */
    } table[] = {
        {"\x01", 1},
        {"\x7f", 0x7f},
        {"\xc2\x80", 0x80},
        {"\xdf\xbf", 0x7ff},
        {"\xe0\xa0\x80", 0x800},
        {"\xed\x9f\xbf", 0xd7ff},
        {"\xee\x80\x80", 0xe000},
        {"\xef\xbf\xbf", 0xffff},
        {"\xf0\x90\x80\x80", 0x10000},
        {"\xf4\x8f\xbf\xbf", 0x10ffff},
        {"\x80", -1},
        {"\xbf", -1},
        {"\xc0\x80", -1},
        {"\xc1\xbf", -1},
        {"\xe0\x9f\xbf", -1},
        {"\xed\xa0\x80", -1},
        {"\xed\xbf\xbf", -1},
        {"\xf0\x8f\xbf\xbf", -1},
        {"\xf4\x90\x80\x80", -1},
        {"\xf8\x88\x80\x80\x80", -1},
        {"\xff", -1},
        {"\xc3", -1},
        {"\xe3\x81", -1},
        {"\xe3\x81z", -1},
        {"\xf0\x9f\x98", -1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        size_t at = 0, size = strlen(table[i].bytes);
        char *exact = mem_dup(table[i].bytes, size); /* nothing behind it to be read */
        assert_non_null(exact);
        assert_int_equal(utf8_next(exact, size, &at), table[i].code);
        assert_int_equal(at, table[i].code < 0 ? 1 : size);
        mem_free(exact);
    }
}

/* What acts instead of being seen: a name in a listing must not be able to turn the line around it. */
static void test_utf8_controls(void **state)
{
    (void)state;
    static const int32_t acts[] = {0,      0x1b,   0x1f,   0x7f,   0x85,   0x9f,   0x61c,  0x200e, 0x200f,
                                   0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069};
    static const int32_t shown[] = {0x20, 0x7e, 0xa0, 0x61b, 0x61d, 0x3042, 0x200d, 0x2027, 0x202f, 0x2065, 0x1f600};
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        assert_true(utf8_is_control(acts[i]));
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        assert_false(utf8_is_control(shown[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_that_are_refused),
        cmocka_unit_test(test_error_carries_its_context),
        cmocka_unit_test(test_error_without_a_struct),
        cmocka_unit_test(test_error_is_bounded),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_errno_refines),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
