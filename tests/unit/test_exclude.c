#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/exclude.h"

enum { PATTERNS_MAX = 4 };

static void test_matching(void **state)
{
    (void)state;
    static const struct {
        const char *patterns[PATTERNS_MAX];
        const char *path;
        bool is_directory;
        bool excluded;
    } rows[] = {
        /* A name without a slash, at any depth. */
        {{"foo"}, "foo", false, true},
        {{"foo"}, "a/b/foo", false, true},
        {{"foo"}, "a/foo/b", false, false},
        {{"foo"}, "foobar", false, false},
        {{"foo"}, "Foo", false, false},
        /* Wildcards stay within a component. */
        {{"*.log"}, "a/b.log", false, true},
        {{"*.log"}, ".log", false, true},
        {{"*.log"}, "b.log.1", false, false},
        {{"*.log*"}, "b.log.1", false, true},
        {{"a*b*c"}, "aXbYc", false, true},
        {{"a*b*c"}, "abcb", false, false},
        {{"a*b*c"}, "abcbc", false, true},
        {{"*"}, "anything", false, true},
        {{"a?c"}, "abc", false, true},
        {{"a?c"}, "ac", false, false},
        {{"/a*c"}, "ab/c", false, false},
        {{"/a?c"}, "a/c", false, false},
        {{"/a[!x]c"}, "a/c", false, false},
        /* Sets. */
        {{"[a-c]x"}, "bx", false, true},
        {{"[a-c]x"}, "dx", false, false},
        {{"[!a-c]x"}, "dx", false, true},
        {{"[^a-c]x"}, "ax", false, false},
        {{"[]x]"}, "]", false, true},
        {{"[!]x]"}, "]", false, false},
        {{"[a-]"}, "-", false, true},
        {{"[\\]a]"}, "]", false, true},
        {{"[[:digit:]]"}, "7", false, true},
        {{"[[:digit:]a]"}, "a", false, true},
        {{"[[:digit:]]"}, "x", false, false},
        {{"[[:alpha:]]"}, "\xe4", false, false},
        {{"file[0-9][0-9]"}, "file42", false, true},
        /* Slashes anchor; one at the end asks for a folder. */
        {{"/foo"}, "foo", false, true},
        {{"/foo"}, "a/foo", false, false},
        {{"a/foo"}, "a/foo", false, true},
        {{"a/foo"}, "b/a/foo", false, false},
        {{"a/foo"}, "a/foo/b", false, false},
        {{"foo/"}, "a/foo", true, true},
        {{"foo/"}, "a/foo", false, false},
        {{"a/foo/"}, "a/foo", true, true},
        {{"/a/*"}, "a/b", false, true},
        {{"/a/*"}, "a/b/c", false, false},
        /* Two stars are any number of folders. */
        {{"**/foo"}, "foo", false, true},
        {{"**/foo"}, "a/b/foo", false, true},
        {{"**/a/b"}, "x/a/b", false, true},
        {{"a/**"}, "a/b", false, true},
        {{"a/**"}, "a/b/c", false, true},
        {{"a/**"}, "a", true, false},
        {{"a/**/b"}, "a/b", false, true},
        {{"a/**/b"}, "a/x/b", false, true},
        {{"a/**/b"}, "a/x/y/b", false, true},
        {{"a/**/b"}, "a/x/y/c", false, false},
        {{"a/**/b/**/c"}, "a/b/x/b/y/c", false, true},
        {{"a/**/b/**/c"}, "a/x/c", false, false},
        {{"a/**/b/c"}, "a/b/x/b/c", false, true},
        {{"**/x/**"}, "x", true, false},
        {{"**/x/**"}, "a/x/b/c", false, true},
        {{"**"}, "a/b", false, true},
        {{"foo**bar"}, "fooXbar", false, true},
        {{"/foo**bar"}, "foo/bar", false, false},
        /* The last that matches decides. */
        {{"*.log", "!keep.log"}, "keep.log", false, false},
        {{"*.log", "!keep.log"}, "lose.log", false, true},
        {{"!keep.log", "*.log"}, "keep.log", false, true},
        {{"/*", "!/home/"}, "home", true, false},
        {{"/*", "!/home/"}, "home", false, true},
        /* Escapes, comments, spaces. */
        {{"\\!x"}, "!x", false, true},
        {{"\\#x"}, "#x", false, true},
        {{"#x"}, "#x", false, false},
        {{""}, "x", false, false},
        {{"a\\*b"}, "a*b", false, true},
        {{"a\\*b"}, "aXb", false, false},
        {{"*\\*"}, "x*", false, true},
        {{"?\\?"}, "x?", false, true},
        {{"?\\?"}, "xy", false, false},
        {{"x  "}, "x", false, true},
        {{"x\\ "}, "x ", false, true},
        {{"a b"}, "a b", false, true},
        /* Names are bytes. */
        {{"\xff*"}, "\xff\xfe", false, true},
        {{"?"}, "\xff", false, true},
        {{"[\xf0-\xff]"}, "\xf7", false, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t count = 0;
        while (count < PATTERNS_MAX && rows[i].patterns[count] != NULL)
            count++;
        struct exclude *exclude = NULL;
        struct error err;
        assert_int_equal(exclude_new(rows[i].patterns, count, &exclude, &err), 0);
        struct bytes path = bytes_of(rows[i].path);
        if (exclude_matches(exclude, &path, rows[i].is_directory) != rows[i].excluded)
            fail_msg("row %zu: %s against %s", i, rows[i].patterns[0], rows[i].path);
        exclude_free(exclude);
    }
}

static void test_what_cannot_be_meant(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "[",    "a[b", "[]", "[!]", "[z-a]", "[[:nope:]]", "[[:digit:]", "x\\",
        "[a\\", "!",   "/",  "!/",  "//",    "a//b",       "/a//",       "[a/b]",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const char *list[] = {"good", patterns[i]};
        struct exclude *exclude = NULL;
        struct error err;
        error_clear(&err);
        if (exclude_new(list, 2, &exclude, &err) != -1)
            fail_msg("%s was accepted", patterns[i]);
        assert_int_equal(err.class, ERROR_CONFIG);
        assert_non_null(strstr(err.what, patterns[i]));
        assert_true(err.hint[0] != '\0');
    }
}

static void test_no_patterns(void **state)
{
    (void)state;
    struct exclude *exclude = NULL;
    struct error err;
    assert_int_equal(exclude_new(NULL, 0, &exclude, &err), 0);
    struct bytes path = bytes_of("a");
    assert_false(exclude_matches(exclude, &path, false));
    exclude_free(exclude);
    exclude_free(NULL);
}

/* Names are hostile: none may make a pattern with many stars take exponential time. */
static void test_many_stars_end_soon(void **state)
{
    (void)state;
    const char *patterns[] = {"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b"};
    struct exclude *exclude = NULL;
    struct error err;
    assert_int_equal(exclude_new(patterns, 2, &exclude, &err), 0);
    char name[4096];
    memset(name, 'a', sizeof(name));
    struct bytes path = {(const uint8_t *)name, sizeof(name)};
    assert_false(exclude_matches(exclude, &path, false));
    for (size_t i = 1; i < sizeof(name); i += 2)
        name[i] = '/';
    path.size--;
    assert_false(exclude_matches(exclude, &path, false));
    exclude_free(exclude);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_what_cannot_be_meant),
        cmocka_unit_test(test_no_patterns),
        cmocka_unit_test(test_many_stars_end_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
