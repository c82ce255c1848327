/* Which entries a restore selects: paths, globs, and everything below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/select.h"

/* A file of this folder and name. */
static bool selects(const char *const *texts, size_t count, enum selection_kind kind, const struct bytes *dir,
                    const struct bytes *name)
{
    struct selection *selection = NULL;
    struct error err = {0};
    assert_int_equal(selection_new(texts, count, kind, &selection, &err), 0);
    bool selected = selection_has(selection, dir, name, false);
    selection_free(selection);
    return selected;
}

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
        /* The language of exclusions: any number of folders, names anywhere, folders only. */
        {"src/**/b", "src", "b", true},
        {"src/**/b", "src/x/y", "b", true},
        {"src/**/b", "src/x/y/b", "below", true},
        {"src/**/b", "other/x", "b", false},
        {"src/**", "src/x", "y", true},
        {"**/*.txt", "src/x/y", "a.txt", true},
        {"*.txt", "src/x/y", "a.txt", true},
        {"/*.txt", "src/x/y", "a.txt", false},
        {"src/a*/", "src", "ab", false}, /* a file */
        {"src/a*/", "src/ab", "c", true},
        {"src/[[:digit:]]", "src", "7", true},
        /* A path is a path, whatever it is made of. */
        {"b", "src", "b", false},
        {"src/[1].pdf", "src", "[1].pdf", true},
        {"src/[1].pdf", "src", "1.pdf", true},
        {"src/[1.pdf", "src", "[1.pdf", true},
        {"src/a ", "src", "a ", true},
        {"src/a ", "src", "a", false},
        {"src/* ", "src", "b ", true},
        {"#src", "", "#src", true},
        {"#*", "src", "#a#", true},
        {"/src//x/", "src/x", "a", true},
        {"", "src", "a", false},
        {"/", "src", "a", false},
        {"!src/x", "src/x", "a", false},
        {"!src/x", "src/y", "a", true},
        {"!*.log", "src/y", "a.log", false},
        {"!*.log", "src/y", "a.txt", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes dir = bytes_of(rows[i].dir), name = bytes_of(rows[i].name);
        if (selects(&rows[i].pattern, 1, SELECTION_PATTERNS, &dir, &name) != rows[i].selected)
            fail_msg("row %zu: %s against %s/%s", i, rows[i].pattern, rows[i].dir, rows[i].name);
    }
}

static void test_several_and_none(void **state)
{
    (void)state;
    static const char *const patterns[] = {"src/a", "db/*.sql"};
    struct bytes src = bytes_of("src"), db = bytes_of("db"), a = bytes_of("a"), sql = bytes_of("x.sql");
    assert_true(selects(patterns, 2, SELECTION_PATTERNS, &src, &a));
    assert_true(selects(patterns, 2, SELECTION_PATTERNS, &db, &sql));
    assert_false(selects(patterns, 2, SELECTION_PATTERNS, &db, &a));
    assert_true(selects(NULL, 0, SELECTION_PATTERNS, &db, &a));
}

static void test_literal(void **state)
{
    (void)state;
    static const char *const paths[] = {"db/[x].sql", "src/*", "src/b"};
    struct bytes src = bytes_of("src"), db = bytes_of("db"), star = bytes_of("*"), x = bytes_of("x.sql"),
                 brackets = bytes_of("[x].sql"), b = bytes_of("b"), below = bytes_of("src/b"), bb = bytes_of("bb");
    assert_true(selects(paths, 3, SELECTION_PATHS, &src, &star));
    assert_true(selects(paths, 3, SELECTION_PATHS, &src, &b));
    assert_true(selects(paths, 3, SELECTION_PATHS, &below, &x));
    assert_true(selects(paths, 3, SELECTION_PATHS, &db, &brackets));
    assert_false(selects(paths, 3, SELECTION_PATHS, &src, &bb));
    assert_false(selects(paths, 3, SELECTION_PATHS, &db, &x));
}

/* The folder that is nearest decides, and of texts that speak of it the last. */
static void test_negated(void **state)
{
    (void)state;
    static const char *const patterns[] = {"home", "!home/cache", "home/cache/keep", "!*.tmp"};
    struct bytes home = bytes_of("home"), cache = bytes_of("home/cache"), keep = bytes_of("home/cache/keep"),
                 etc = bytes_of("etc"), a = bytes_of("a"), tmp = bytes_of("a.tmp");
    assert_true(selects(patterns, 4, SELECTION_PATTERNS, &home, &a));
    assert_false(selects(patterns, 4, SELECTION_PATTERNS, &cache, &a));
    assert_true(selects(patterns, 4, SELECTION_PATTERNS, &keep, &a));
    assert_false(selects(patterns, 4, SELECTION_PATTERNS, &keep, &tmp));
    assert_false(selects(patterns, 4, SELECTION_PATTERNS, &etc, &a));
    /* In the erasure register nobody takes back what another entry says, and what was there before is a name. */
    static const char *const erased[] = {"home", "!home/cache", "!x"};
    struct bytes top = bytes_of(""), x = bytes_of("!x");
    assert_true(selects(erased, 3, SELECTION_ERASED, &cache, &a));
    assert_true(selects(erased, 3, SELECTION_ERASED, &top, &x));
    assert_false(selects(erased, 3, SELECTION_ERASED, &etc, &a));
}

static void test_one_path(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path;
    } rows[] = {{"src/a", "src/a"}, {"/src//a/", "src/a"}, {"src/*", NULL}, {"!src", NULL}, {"src/\\a", NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct selection *selection = NULL;
        struct error err = {0};
        assert_int_equal(selection_new(&rows[i].text, 1, SELECTION_PATTERNS, &selection, &err), 0);
        if (rows[i].path == NULL)
            assert_null(selection_path(selection));
        else
            assert_string_equal(selection_path(selection), rows[i].path);
        assert_string_equal(selection_text(selection), rows[i].text);
        selection_free(selection);
    }
    assert_null(selection_path(NULL));
    assert_string_equal(selection_text(NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_several_and_none),
                                       cmocka_unit_test(test_literal), cmocka_unit_test(test_negated),
                                       cmocka_unit_test(test_one_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
