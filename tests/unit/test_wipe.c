/* What was secret is not left behind in memory that is given back: not by us, not by the libraries that we call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "keys/sheet.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* A text that lies in freed memory only if somebody left it there. */
static char needle[64];
static size_t left_behind;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void __libc_free(void *memory);

/* In place of the C library's, for the whole process: looks at what is given back. */
void free(void *memory)
{
    if (memory != NULL && needle[0] != '\0' &&
        memmem(memory, malloc_usable_size(memory), needle, strlen(needle)) != NULL)
        left_behind++;
    __libc_free(memory);
}
#endif

static void look_for(const char *text)
{
    left_behind = 0;
    (void)strcpy(needle, text);
}

static size_t found(void)
{
    needle[0] = '\0';
    return left_behind;
}

/* The watch itself must work, where it can. */
static void test_the_watch(void **state)
{
    (void)state;
    char *volatile text = mem_strdup("a text that stays");
    assert_non_null(text);
    look_for("a text that stays");
    mem_free(text);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_int_equal(found(), 1);
#endif
}

/* Keys go to a key service, and come from it, as texts in JSON. */
static void test_json(void **state)
{
    (void)state;
    static const char key[] = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0";
    struct error err = {0};
    char filler[300], *text = NULL;
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    json_t *json = json_pack("{s:s, s:s}", "Plaintext", key, "Rest", filler);
    assert_non_null(json);
    look_for(key);
    assert_int_equal(json_print(json, &text, &err), 0);
    json_decref(json);
    assert_int_equal(found(), 0);
    json_t *back = NULL;
    look_for(key);
    assert_int_equal(json_parse(text, strlen(text), &back, &err), 0);
    assert_string_equal(json_string_value(json_object_get(back, "Plaintext")), key);
    json_decref(back);
    assert_int_equal(found(), 0);
    mem_wipe(text, strlen(text));
    mem_free(text);
}

/* The page of a recovery sheet is its key in plain digits. */
static void test_sheet(void **state)
{
    (void)state;
    struct error err = {0};
    char digits[SHEET_DIGITS], group[10], *page = NULL;
    struct secret *key = secret_new(SHEET_KEY_SIZE);
    assert_non_null(key);
    memset(secret_bytes(key), 0xa7, SHEET_KEY_SIZE);
    const struct sheet_about about = {.epoch = 3, .created_ns = 1, .group = "paper", .holder = "safe"};
    assert_int_equal(sheet_encode(key, 3, digits, &err), 0);
    memcpy(group, digits, 4);
    group[4] = '-';
    memcpy(group + 5, digits + 4, 4);
    group[9] = '\0';
    look_for(group);
    assert_int_equal(sheet_page(key, &about, &page, &err), 0);
    assert_non_null(strstr(page, group));
    assert_non_null(strstr(page, "(see the store's own description)\n")); /* no store is named: no more than that */
    assert_int_equal(found(), 0);
    mem_wipe(page, strlen(page));
    mem_free(page);
    secret_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_watch),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
