/* Logs as they stream by: the same rows however the bytes are cut, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ops/kept_log.h"

#include <stdio.h>
#include <string.h>

/* Rows as "line:cell|cell;". */
static int note_row(const struct bytes *cells, size_t count, uint64_t line, void *context, struct error *err)
{
    struct buf *out = context;
    char number[24];
    int size = snprintf(number, sizeof(number), "%llu:", (unsigned long long)line);
    int rc = buf_append(out, number, (size_t)size, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = buf_append(out, cells[i].data, cells[i].size, err);
        if (rc == 0)
            rc = buf_append(out, i + 1 < count ? "|" : ";", 1, err);
    }
    return rc;
}

/* The rows, or NULL and the error's text, fed in pieces of that size. */
static char *read_all(enum policy_log_format format, const char *text, size_t size, size_t piece, struct error *err)
{
    struct buf out = {0};
    struct log_reader reader = {.format = format, .file = "f", .work = note_row, .context = &out};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < size; i += piece)
        rc = log_reader_feed(&reader, text + i, size - i < piece ? size - i : piece, err);
    if (rc == 0)
        rc = log_reader_end(&reader, err);
    log_reader_clear(&reader);
    if (rc == 0)
        rc = buf_u8(&out, 0, err);
    if (rc == 0)
        return (char *)out.data;
    buf_free(&out);
    return NULL;
}

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        enum policy_log_format format;
        const char *text, *rows;
    } cases[] = {
        {POLICY_LOG_CSV, "", ""},
        {POLICY_LOG_CSV, "a,b\r\nc,d\r\n", "1:a|b;2:c|d;"},
        {POLICY_LOG_CSV, "a,b\nc,d", "1:a|b;2:c|d;"},
        {POLICY_LOG_CSV, "a,b\n,\n", "1:a|b;2:|;"},
        {POLICY_LOG_CSV, "\"a,\n\"\"x\",b\n\"\",d\n", "1:a,\n\"x|b;3:|d;"},
        {POLICY_LOG_CSV, "a\n\"b\"", "1:a;2:b;"},
        {POLICY_LOG_CSV, "\xef\xbb\xbf\"time\",x\n1,2\n", "1:time|x;2:1|2;"},
        {POLICY_LOG_CSV, "\xef\xbd\x94,x\n", "1:\xef\xbd\x94|x;"},
        {POLICY_LOG_CSV, "\xef", "1:\xef;"},
        {POLICY_LOG_JSON, "{\"a\":1}\r\n{\"a\":2}", "1:{\"a\":1};2:{\"a\":2};"},
        {POLICY_LOG_ANY, "x\"y\n\nz", "1:x\"y;2:;3:z;"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 8; piece++) {
            struct error err = {0};
            CLEANUP_FREE char *rows = read_all(cases[i].format, cases[i].text, strlen(cases[i].text), piece, &err);
            if (rows == NULL)
                fail_msg("%s: %s", cases[i].text, err.what);
            assert_string_equal(rows, cases[i].rows);
        }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *what;
    } cases[] = {
        {"a,b\nc\n", 6, "f:2: a row has another number of cells than the first"},
        {"a\n\"b", 4, "f:2: a quoted cell has no end"},
        {"a\n\"b\"c\n", 7, "f:2: something stands behind the quote that ends a cell"},
        {"a\nb\"c\n", 6, "f:2: a quote stands in the middle of a cell"},
        {"a\rb\n", 4, "f:1: a carriage return stands alone"},
        {"a\r", 2, "f:1: a carriage return stands alone"},
        {"a\0b\n", 4, "f:1: a zero byte"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 4; piece++) {
            struct error err = {0};
            assert_null(read_all(POLICY_LOG_CSV, cases[i].text, cases[i].size, piece, &err));
            assert_string_equal(err.what, cases[i].what);
            assert_int_equal(err.class, ERROR_USAGE);
        }
}

static struct bytes cell(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void test_times(void **state)
{
    (void)state;
    const struct bytes head[] = {cell("id"), cell("when"), cell("then")};
    const struct bytes row[] = {cell("2026-10-01"), cell("2026-10-01T09:00:00+09:00"), cell("2026-10-02T00:00:00Z")};
    const struct bytes none[] = {cell("x"), cell("never"), cell("2026-10-02T00:00:00Z")};
    int64_t ns = 0;
    bool failed;
    struct log_times times = {.format = POLICY_LOG_CSV};
    assert_false(log_times_look(&times, head, 3, &ns, NULL, &failed));
    assert_true(log_times_look(&times, row, 3, &ns, NULL, &failed)); /* a day alone is no instant */
    assert_int_equal(times.number, 1);
    assert_false(log_times_look(&times, none, 3, &ns, NULL, &failed));
    times = (struct log_times){.format = POLICY_LOG_CSV, .column = "then"};
    assert_false(log_times_look(&times, head, 3, &ns, NULL, &failed));
    assert_true(log_times_look(&times, row, 3, &ns, NULL, &failed));
    assert_int_equal(times.number, 2);
    times = (struct log_times){.format = POLICY_LOG_CSV, .column = "where"};
    assert_false(log_times_look(&times, head, 3, &ns, NULL, &failed));
    assert_true(failed);
    const struct bytes object = cell("{\"n\":1,\"at\":\"2026-10-01T00:00:00Z\"}"), broken = cell("{");
    times = (struct log_times){.format = POLICY_LOG_JSON};
    assert_true(log_times_look(&times, &object, 1, &ns, NULL, &failed));
    assert_string_equal(times.member, "at");
    mem_free(times.member);
    times = (struct log_times){.format = POLICY_LOG_JSON};
    assert_false(log_times_look(&times, &broken, 1, &ns, NULL, &failed));
    assert_true(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
