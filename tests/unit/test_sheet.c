#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/sheet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct secret *key_of(uint8_t first)
{
    struct secret *key = secret_new(SHEET_KEY_SIZE);
    assert_non_null(key);
    for (unsigned i = 0; i < SHEET_KEY_SIZE; i++)
        secret_bytes(key)[i] = (uint8_t)(first + 37 * i);
    return key;
}

static void test_round_trip_of_the_page(void **state)
{
    (void)state;
    const struct id store = {{0xab, 0xcd}};
    for (unsigned i = 0; i < 64; i++) {
        struct secret *key = key_of((uint8_t)(i * 5));
        const struct sheet_about about = {
            .store = &store, .epoch = i + 1, .created_ns = 1, .group = "paper", .holder = "safe", .others = i % 3};
        char *page = NULL;
        struct secret *back = NULL;
        struct error err = {0};
        assert_int_equal(sheet_page(key, &about, &page, &err), 0);
        assert_int_equal(sheet_parse(page, strlen(page), i + 1, &back, &err), 0);
        assert_true(secret_equal(key, back));
        secret_free(back);
        secret_free(key);
        mem_free(page);
    }
}

/* Columns of a line on paper: Japanese characters are two wide. */
static unsigned columns(const char *line, size_t size)
{
    unsigned count = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        count += c < 0x80 ? 1 : c >= 0xe0 ? 2 : 0;
    }
    return count;
}

static void test_page_fits_on_paper(void **state)
{
    (void)state;
    struct secret *key = key_of(3);
    const struct id store = {{1}};
    const struct sheet_about about = {
        .store = &store, .epoch = 4294967295, .created_ns = 0, .group = "paper", .holder = "safe", .others = 2};
    char *page = NULL;
    assert_int_equal(sheet_page(key, &about, &page, NULL), 0);
    unsigned lines = 0;
    for (const char *p = page; *p != '\0'; lines++) {
        const char *end = strchr(p, '\n');
        assert_non_null(end);
        assert_true(columns(p, (size_t)(end - p)) <= 78);
        p = end + 1;
    }
    assert_true(lines <= 35);
    assert_non_null(strstr(page, "01000000000000000000000000000000"));
    assert_non_null(strstr(page, "hikae recover --target NAME=URL --sheet FILE"));
    assert_non_null(strstr(page, "金庫"));
    assert_non_null(strstr(page, "other 2 of its group are needed"));
    mem_free(page);
    secret_free(key);
}

/* The known sheet of the 32 bytes 0, 1, … 31 in epoch 1: made by an independent program. */
static void test_known_digits(void **state)
{
    (void)state;
    struct secret *key = secret_new(SHEET_KEY_SIZE);
    for (unsigned i = 0; i < SHEET_KEY_SIZE; i++)
        secret_bytes(key)[i] = (uint8_t)i;
    char digits[SHEET_DIGITS];
    assert_int_equal(sheet_encode(key, 1, digits, NULL), 0);
    assert_memory_equal(digits, "000G40R40M30E209185GR38E1W8124GK2GAHC5RR34D1P70X3RFGD5WJ", SHEET_DIGITS);
    secret_free(key);
}

static void test_how_people_type(void **state)
{
    (void)state;
    struct secret *key = key_of(200);
    char digits[SHEET_DIGITS + 1] = "";
    assert_int_equal(sheet_encode(key, 7, digits, NULL), 0);
    char text[6][512];
    size_t used[6] = {0};
    for (size_t i = 0; i < SHEET_DIGITS; i++) {
        char c = digits[i];
        char sloppy = (char)(c == '0' ? 'o' : c == '1' ? 'l' : tolower((unsigned char)c));
        text[0][used[0]++] = c; /* one line, nothing between */
        text[1][used[1]++] = sloppy;
        text[2][used[2]++] = c; /* a group a line, with empty lines */
        text[3][used[3]++] = c; /* spaces everywhere */
        text[3][used[3]++] = ' ';
        text[4][used[4]++] = c; /* a digit a line, as from a script */
        text[4][used[4]++] = '\n';
        text[5][used[5]++] = c; /* typed on another system */
        if (i % 4 == 3) {
            text[2][used[2]++] = '\n';
            text[2][used[2]++] = '\n';
            text[5][used[5]++] = i % 16 == 15 ? '\r' : '-';
            if (i % 16 == 15)
                text[5][used[5]++] = '\n';
        }
    }
    for (size_t i = 0; i < 6; i++) {
        struct secret *back = NULL;
        struct error err = {0};
        assert_int_equal(sheet_parse(text[i], used[i], 7, &back, &err), 0);
        assert_true(secret_equal(key, back));
        secret_free(back);
    }
    /* Among other lines of the same alphabet. */
    char note[1024];
    int size =
        snprintf(note, sizeof(note), "Note of 2026, epoch 7.\nhere\n%.*s\nthat was all\n", (int)used[0], text[0]);
    struct secret *back = NULL;
    assert_int_equal(sheet_parse(note, (size_t)size, 7, &back, NULL), 0);
    secret_free(back);
    secret_free(key);
}

/* Each single wrong digit, and each swap of neighbours, is noticed (up to one chance in a million). */
static void test_typos_are_noticed(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct secret *key = key_of(91);
    char digits[SHEET_DIGITS];
    assert_int_equal(sheet_encode(key, 3, digits, NULL), 0);
    unsigned undetected = 0;
    for (size_t i = 0; i < SHEET_DIGITS; i++) {
        char wrong[SHEET_DIGITS];
        memcpy(wrong, digits, sizeof(wrong));
        wrong[i] = alphabet[((size_t)(strchr(alphabet, digits[i]) - alphabet) + 1 + i % 30) % 32];
        struct secret *back = NULL;
        struct error err = {0};
        if (sheet_parse(wrong, sizeof(wrong), 3, &back, &err) == 0) {
            undetected++;
            secret_free(back);
            continue;
        }
        assert_int_equal(err.class, ERROR_KEYS);
    }
    assert_int_equal(undetected, 0);
    char wrong[SHEET_DIGITS];
    memcpy(wrong, digits, sizeof(wrong));
    wrong[5] = digits[5] == '7' ? '8' : '7';
    struct secret *back = NULL;
    struct error err = {0};
    assert_int_equal(sheet_parse(wrong, sizeof(wrong), 3, &back, &err), -1);
    assert_non_null(strstr(err.what, "check digits"));
    secret_free(key);
}

static void test_refusals(void **state)
{
    (void)state;
    struct secret *key = key_of(17);
    char digits[SHEET_DIGITS + 1] = "";
    assert_int_equal(sheet_encode(key, 3, digits, NULL), 0);
    char short_text[SHEET_DIGITS] = "", of_epoch[128], extra_bits[SHEET_DIGITS + 1];
    memcpy(short_text, digits, SHEET_DIGITS - 1);
    (void)snprintf(of_epoch, sizeof(of_epoch), "Root epoch: 3\n%s\n", digits);
    memcpy(extra_bits, digits, sizeof(extra_bits));
    extra_bits[SHEET_KEY_DIGITS - 1] = '1'; /* one of the four bits that must be zero */
    const struct {
        const char *text;
        uint32_t epoch;
        const char *says;
    } table[] = {
        {"", 3, "0 digits"},
        {"nothing but words, and more words", 3, "0 digits"},
        {short_text, 3, "55 digits"},
        {extra_bits, 3, "check digits"},
        {of_epoch, 4, "this recovery sheet is of epoch 3, the store is at epoch 4"},
        {digits, 9, "this recovery sheet is of epoch 3, the store is at epoch 9"},
        {digits, 2, "check digits"}, /* digits alone do not tell a later epoch */
        {of_epoch, 2, "this recovery sheet is of epoch 3, the store is at epoch 2"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct secret *back = NULL;
        struct error err = {0};
        assert_int_equal(sheet_parse(table[i].text, strlen(table[i].text), table[i].epoch, &back, &err), -1);
        assert_int_equal(err.class, ERROR_KEYS);
        assert_non_null(strstr(err.what, table[i].says));
        assert_null(back);
    }
    secret_free(key);
}

static void test_hostile_texts_end(void **state)
{
    (void)state;
    static char text[SHEET_TEXT_MAX + 1];
    struct secret *back = NULL;
    struct error err = {0};
    assert_int_equal(sheet_parse(text, sizeof(text), 1, &back, &err), -1);
    memset(text, '7', sizeof(text));
    assert_int_equal(sheet_parse(text, SHEET_TEXT_MAX, 1, &back, &err), -1);
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = '\n';
    assert_int_equal(sheet_parse(text, SHEET_TEXT_MAX, 1, &back, &err), -1);
    for (size_t i = 0; i + 6 < sizeof(text); i += 6)
        memcpy(text + i, "epoch ", 6);
    assert_int_equal(sheet_parse(text, SHEET_TEXT_MAX, 1, &back, &err), -1);
    uint8_t noise[512];
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(crypto_random(noise, sizeof(noise), NULL), 0);
        assert_int_equal(sheet_parse((const char *)noise, i % sizeof(noise), 1, &back, &err), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_of_the_page), cmocka_unit_test(test_page_fits_on_paper),
        cmocka_unit_test(test_known_digits),           cmocka_unit_test(test_how_people_type),
        cmocka_unit_test(test_typos_are_noticed),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_hostile_texts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
