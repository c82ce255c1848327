/* Which entries a restore selects: paths, globs, and everything below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/restore.h"

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *dir, *name;
        bool selected;
    } rows[] = {
        {"src", "", "src", true},
        {"src", "src", "a", true},
        {"src", "src/a/b", "c", true},
        {"src", "", "srcs", false},
        {"src", "srcs", "a", false},
        {"src/a", "", "src", false},
        {"src/a", "src", "a", true},
        {"src/a", "src", "ab", false},
        {"src/a", "src/a/b/c", "d", true},
        {"src/a", "src/b", "a", false},
        {"src/*.txt", "src", "a.txt", true},
        {"src/*.txt", "src/b", "a.txt", false}, /* a star does not cross a '/' */
        {"src/*/a.txt", "src/b", "a.txt", true},
        {"src/[ab]", "src", "b", true},
        {"src/[ab]", "src", "c", false},
        {"src/?", "src/x", "deep", true},
        {"*", "src", "a", true},
        {"src/\\*", "src", "*", true},
        {"src/\\*", "src", "a", false},
        {"src/\xff", "src", "\xff", true},
        {"src/\xff", "src", "\xfe", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes dir = bytes_of(rows[i].dir), name = bytes_of(rows[i].name);
        if (restore_selects(&rows[i].pattern, 1, false, &dir, &name) != rows[i].selected)
            fail_msg("row %zu: %s against %s/%s", i, rows[i].pattern, rows[i].dir, rows[i].name);
    }
}

static void test_several_and_none(void **state)
{
    (void)state;
    static const char *const patterns[] = {"src/a", "db/*.sql"};
    struct bytes src = bytes_of("src"), db = bytes_of("db"), a = bytes_of("a"), sql = bytes_of("x.sql");
    assert_true(restore_selects(patterns, 2, false, &src, &a));
    assert_true(restore_selects(patterns, 2, false, &db, &sql));
    assert_false(restore_selects(patterns, 2, false, &db, &a));
    assert_true(restore_selects(NULL, 0, false, &db, &a));
}

static void test_literal(void **state)
{
    (void)state;
    static const char *const paths[] = {"db/[x].sql", "src/*", "src/b"};
    struct bytes src = bytes_of("src"), db = bytes_of("db"), star = bytes_of("*"), x = bytes_of("x.sql"),
                 brackets = bytes_of("[x].sql"), b = bytes_of("b"), below = bytes_of("src/b"), bb = bytes_of("bb");
    assert_true(restore_selects(paths, 3, true, &src, &star));
    assert_true(restore_selects(paths, 3, true, &src, &b));
    assert_true(restore_selects(paths, 3, true, &below, &x));
    assert_true(restore_selects(paths, 3, true, &db, &brackets));
    assert_false(restore_selects(paths, 3, true, &src, &bb));
    assert_false(restore_selects(paths, 3, true, &db, &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_several_and_none),
                                       cmocka_unit_test(test_literal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
