/* Entries: their order, the names that they may have, copies of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "repo/entry.h"

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

/* Each line comes before the next: folder, then name. */
static const char *const in_order[][2] = {
    {"", "source"},        {"", "source-b"},      {"", "sourcf"},          {"source", "\x01"},  {"source", "a"},
    {"source", "a-b"},     {"source", "b"},       {"source", "\xff"},      {"source/a", "z"},   {"source/a/b", "c"},
    {"source/a/b/c", "d"}, {"source/a\x01", "a"}, {"source/a\x01/b", "a"}, {"source/a b", "a"}, {"source/a-b", "a"},
    {"source/a-b/c", "a"}, {"source/a.b", "a"},   {"source/a0", "a"},      {"source/aa", "a"},  {"source/\xff", "a"},
    {"source-b", "a"},     {"source-b/a", "a"},   {"sourcf", "a"},
};

static void test_order(void **state)
{
    (void)state;
    size_t count = sizeof(in_order) / sizeof(in_order[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct bytes dir_i = bytes_of(in_order[i][0]), name_i = bytes_of(in_order[i][1]);
            struct bytes dir_j = bytes_of(in_order[j][0]), name_j = bytes_of(in_order[j][1]);
            int expected = (i > j) - (i < j);
            assert_int_equal(sign(entry_path_compare(&dir_i, &name_i, &dir_j, &name_j)), expected);
            int dirs = sign(entry_dir_compare(&dir_i, &dir_j));
            assert_true(dirs == 0 || dirs == expected);
            assert_int_equal(dirs == 0, bytes_equal(&dir_i, &dir_j));
        }
    }
}

/* The comparison looks at eight bytes at a time: differences at every place around that must be found. */
static void test_order_at_every_length(void **state)
{
    (void)state;
    char a[40], b[40];
    for (size_t size = 1; size < sizeof(a); size++) {
        for (size_t at = 0; at < size; at++) {
            memset(a, 'm', sizeof(a));
            memset(b, 'm', sizeof(b));
            b[at] = 'n';
            struct bytes x = {(const uint8_t *)a, size}, y = {(const uint8_t *)b, size};
            assert_true(entry_dir_compare(&x, &y) < 0);
            assert_true(entry_dir_compare(&y, &x) > 0);
            b[at] = '/';
            assert_true(entry_dir_compare(&x, &y) > 0);
            struct bytes shorter = {(const uint8_t *)a, at};
            assert_true(entry_dir_compare(&shorter, &x) < 0);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t size;
        bool valid;
    } table[] = {
        {"a", 1, true},  {"...", 3, true},   {".a", 2, true},  {"..a", 3, true}, {"\xff\x01", 2, true},
        {"\n", 1, true}, {"", 0, false},     {".", 1, false},  {"..", 2, false}, {"a/b", 3, false},
        {"/", 1, false}, {"a\0b", 3, false}, {"\0", 1, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct bytes name = {(const uint8_t *)table[i].name, table[i].size};
        assert_int_equal(entry_name_is_valid(&name), table[i].valid);
    }
    static uint8_t longest[ENTRY_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    struct bytes name = {longest, ENTRY_NAME_MAX};
    assert_true(entry_name_is_valid(&name));
    name.size++;
    assert_false(entry_name_is_valid(&name));
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool valid;
        const char *dir;
        const char *name;
    } table[] = {
        {"a", true, "", "a"},     {"a/b", true, "a", "b"},    {"a/b/c", true, "a/b", "c"},
        {"", false, "", ""},      {"/", false, "", ""},       {"/a", false, "", "a"},
        {"a/", false, "a", ""},   {"a//b", false, "a/", "b"}, {"a/../b", false, "a/..", "b"},
        {"a/.", false, "a", "."},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct bytes path = bytes_of(table[i].path), dir, name;
        struct bytes want_dir = bytes_of(table[i].dir), want_name = bytes_of(table[i].name);
        assert_int_equal(entry_path_is_valid(&path), table[i].valid);
        entry_path_split(&path, &dir, &name);
        assert_true(bytes_equal(&dir, &want_dir) && bytes_equal(&name, &want_name));
        /* The path may give way to its own folder, or to its name. */
        struct bytes self = path;
        entry_path_split(&self, &self, &name);
        assert_true(bytes_equal(&self, &want_dir) && bytes_equal(&name, &want_name));
        self = path;
        entry_path_split(&self, &dir, &self);
        assert_true(bytes_equal(&dir, &want_dir) && bytes_equal(&self, &want_name));
    }
    uint8_t *huge = mem_alloc(ENTRY_PATH_MAX + 1);
    assert_non_null(huge);
    for (size_t i = 0; i <= ENTRY_PATH_MAX; i++)
        huge[i] = i % 2 == 0 ? 'a' : '/';
    struct bytes path = {huge, ENTRY_PATH_MAX - 1};
    assert_true(entry_path_is_valid(&path));
    path.size = ENTRY_PATH_MAX + 1;
    assert_false(entry_path_is_valid(&path));
    mem_free(huge);
}

static void test_dup(void **state)
{
    (void)state;
    char text[] = "source/dir|name|root|wheel|target|user.a|value|user.b";
    struct xattr xattrs[2] = {
        {.name = {(uint8_t *)text + 34, 6}, .value = {(uint8_t *)text + 41, 5}},
        {.name = {(uint8_t *)text + 47, 6}, .in_blob = true, .blob = {{7}}, .blob_size = 5000},
    };
    struct extent extents[2] = {{.kind = EXTENT_DATA, .size = 5, .id = {{9}}}, {.kind = EXTENT_HOLE, .size = 7}};
    struct entry entry = {.dir = {(uint8_t *)text, 10},
                          .name = {(uint8_t *)text + 11, 4},
                          .type = ENTRY_FILE,
                          .mode = 0640,
                          .size = 12,
                          .user = {(uint8_t *)text + 16, 4},
                          .group = {(uint8_t *)text + 21, 5},
                          .link = {(uint8_t *)text + 27, 6},
                          .xattrs = xattrs,
                          .xattr_count = 2,
                          .content = {.extents = extents, .extent_count = 2}};
    struct entry *copy = entry_dup(&entry);
    assert_non_null(copy);
    memset(text, '?', sizeof(text));
    memset(xattrs, 0, sizeof(xattrs));
    memset(extents, 0, sizeof(extents));
    assert_memory_equal(copy->dir.data, "source/dir", 10);
    assert_memory_equal(copy->name.data, "name", 4);
    assert_memory_equal(copy->user.data, "root", 4);
    assert_memory_equal(copy->group.data, "wheel", 5);
    assert_memory_equal(copy->link.data, "target", 6);
    assert_int_equal(copy->mode, 0640);
    assert_int_equal(copy->xattr_count, 2);
    assert_memory_equal(copy->xattrs[0].name.data, "user.a", 6);
    assert_memory_equal(copy->xattrs[0].value.data, "value", 5);
    assert_memory_equal(copy->xattrs[1].name.data, "user.b", 6);
    assert_int_equal(copy->xattrs[1].blob_size, 5000);
    assert_int_equal(copy->xattrs[1].blob.bytes[0], 7);
    assert_int_equal(copy->content.extents[0].id.bytes[0], 9);
    assert_int_equal(copy->content.extents[1].size, 7);
    entry_free(copy);

    /* A content in a tree has no extents to copy, and its number of extents may be anything. */
    struct entry tree = {.type = ENTRY_FILE, .content = {.in_tree = true, .extent_count = SIZE_MAX, .depth = 3}};
    copy = entry_dup(&tree);
    assert_non_null(copy);
    assert_true(copy->content.in_tree && copy->content.extent_count == SIZE_MAX && copy->content.depth == 3);
    entry_free(copy);
    entry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order), cmocka_unit_test(test_order_at_every_length),
        cmocka_unit_test(test_names), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_dup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
