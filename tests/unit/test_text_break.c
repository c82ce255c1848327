#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/text.h"

#include <locale.h>
#include <string.h>

struct row {
    const char *text;
    size_t columns;
    const char *line; /* the start that text_break takes */
};

static void test_lines_end_where_words_do(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", 10, ""},
        {"all of it", 9, "all of it"},
        {"all of it", 8, "all of"},
        {"all of it", 6, "all of"},
        {"all of it", 5, "all"},
        /* Nothing but the middle of a word is left. */
        {"unbreakable", 4, "unbr"},
        {"unbreakable", 0, "u"},
        /* Japanese needs no space, a word of Latin letters in it stays whole. */
        {"保存先を確認", 6, "保存先"},
        {"保存先を確認", 7, "保存先"},
        {"鍵は hikae です", 8, "鍵は"},
        {"鍵はhikaeです", 8, "鍵は"},
        {"鍵はhikaeです", 9, "鍵はhikae"},
        /* No line begins with a full stop or a closing bracket, or ends with an opening one. */
        {"確認する。次に", 8, "確認す"},
        {"確認（する）次に", 6, "確認"},
        {"確認（する）次に", 10, "確認（す"},
        {"スナップショット", 12, "スナップ"},
        /* Bytes that are no UTF-8 take a column each. */
        {"\xff\xfe\xfd", 2, "\xff\xfe"},
        /* Punctuation of either script stays with what it ends. */
        {"保持; 最新", 4, "保"},
        {"保持; 最新", 5, "保持;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = text_break(rows[i].text, rows[i].columns);
        if (size != strlen(rows[i].line))
            print_error("row %zu: %zu bytes\n", i, size);
        assert_int_equal(size, strlen(rows[i].line));
        assert_memory_equal(rows[i].text, rows[i].line, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines_end_where_words_do)};
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
