/* The manifest by hand: leaves and nodes that the reader takes, and each thing about them that it refuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest_trees.h"
#include "repo/manifest_internal.h"

/* ---- Leaves by hand ---- */

struct leaf_case {
    const char *what;
    const char *bytes;
    size_t size;
    bool sound;
};

/* One entry or more, one owner (uid 1, gid 2, without names), key "s/a". */
#define HEAD(count) count "\x01\x01\x02\x00\x00"
#define CASE(what, bytes, sound)                                                                                       \
    {                                                                                                                  \
        what, bytes, sizeof(bytes) - 1, sound                                                                          \
    }
#define ID20 "iiiiiiiiiiiiiiiiiiii"
/* pops 0, type, flags, name "a", mode 0644, owner 0 */
#define ENTRY(type, flags)                                                                                             \
    "\x00" type flags "\x01"                                                                                           \
    "a"                                                                                                                \
    "\xa4\x03"                                                                                                         \
    "\x00"

static const struct leaf_case leaf_cases[] = {
    CASE("a folder", HEAD("\x01") ENTRY("\x02", "\x00"), true),
    CASE("an empty file", HEAD("\x01") ENTRY("\x01", "\x00") "\x00", true),
    CASE("an unreadable file", HEAD("\x01") ENTRY("\x01", "\x08") "\x05", true),
    CASE("a file", HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x02\x04" ID20 "\x09", true),
    CASE("a file in a tree", HEAD("\x01") ENTRY("\x01", "\x00") "\x64\x00\x01\x20" ID20, true),
    CASE("a fifo", HEAD("\x01") ENTRY("\x07", "\x00"), true),
    CASE("a device", HEAD("\x01") ENTRY("\x05", "\x00") "\x08\x01", true),
    CASE("a symbolic link", HEAD("\x01") ENTRY("\x03", "\x00") "\x03../", true),
    CASE("a hard link", HEAD("\x01") ENTRY("\x04", "\x00") "\x01s", true),
    CASE("file flags", HEAD("\x01") ENTRY("\x02", "\x02") "\x10", true),
    CASE("xattrs", HEAD("\x01") ENTRY("\x02", "\x01") "\x02\x01x\x00\x02vv\x01y\x01\x80\x08" ID20, true),
    CASE("two entries",
         HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x02"
                                            "aa"
                                            "\x00\x00",
         true),
    CASE("an entry in the folder",
         HEAD("\x02") ENTRY("\x02", "\x00") "\x01\x01"
                                            "a"
                                            "\x07\x00\x01x\x00\x00",
         true),

    CASE("no entries", "\x00\x00", false),
    CASE("nothing", "\x01", false),
    CASE("more entries than there may be",
         "\xff\xff\x7f"
         "\x01\x01\x02\x00\x00" ENTRY("\x02", "\x00"),
         false),
    CASE("more owners than bytes", "\x01\x40\x01\x02\x00\x00" ENTRY("\x02", "\x00"), false),
    CASE("a huge number of owners",
         "\x01\xff\xff\xff\xff\x0f"
         "\x01\x02\x00\x00" ENTRY("\x02", "\x00"),
         false),
    CASE("no owner", "\x01\x00" ENTRY("\x02", "\x00"), false),
    CASE("a uid of 33 bits", "\x01\x01\x80\x80\x80\x80\x10\x02\x00\x00" ENTRY("\x02", "\x00"), false),
    CASE("a user name without an end", "\x01\x01\x01\x02\x7f\x00" ENTRY("\x02", "\x00"), false),
    CASE("fewer entries than told", HEAD("\x02") ENTRY("\x02", "\x00"), false),
    CASE("bytes left over", HEAD("\x01") ENTRY("\x02", "\x00") "\x00", false),
    CASE("a longer form",
         HEAD("\x01") "\x80\x00\x02\x00\x01"
                      "a"
                      "\x00\x00",
         false),
    CASE("the first entry changes the folder",
         HEAD("\x01") "\x01\x01"
                      "a"
                      "\x02\x00\x01"
                      "a"
                      "\x00\x00",
         false),
    CASE("not the entry of the key",
         HEAD("\x01") "\x00\x02\x00\x01"
                      "b"
                      "\x00\x00",
         false),
    CASE("type 0", HEAD("\x01") ENTRY("\x00", "\x00"), false),
    CASE("type 9", HEAD("\x01") ENTRY("\x09", "\x00"), false),
    CASE("an unknown flag", HEAD("\x01") ENTRY("\x02", "\x10"), false),
    CASE("a mode of 13 bits",
         HEAD("\x01") "\x00\x02\x00\x01"
                      "a"
                      "\x80\x20\x00",
         false),
    CASE("owner 1 of 1",
         HEAD("\x01") "\x00\x02\x00\x01"
                      "a"
                      "\x00\x01",
         false),
    CASE("the same entry twice", HEAD("\x02") ENTRY("\x02", "\x00") ENTRY("\x02", "\x00"), false),
    CASE("entries out of order",
         HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x01"
                                            "Z"
                                            "\x00\x00",
         false),
    CASE("the same folder again", HEAD("\x02") ENTRY("\x02", "\x00") "\x02\x01s\x07\x00\x01z\x00\x00", false),
    CASE("a folder out of order", HEAD("\x02") ENTRY("\x02", "\x00") "\x02\x01r\x07\x00\x01z\x00\x00", false),
    CASE("more pops than folders", HEAD("\x02") ENTRY("\x02", "\x00") "\x03\x01t\x07\x00\x01z\x00\x00", false),
    CASE("endless pops",
         HEAD("\x02") ENTRY("\x02", "\x00") "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01t\x07\x00\x01z\x00\x00",
         false),
    CASE("an empty folder name", HEAD("\x02") ENTRY("\x02", "\x00") "\x01\x00\x07\x00\x01z\x00\x00", false),
    CASE("a folder ..", HEAD("\x02") ENTRY("\x02", "\x00") "\x01\x02..\x07\x00\x01z\x00\x00", false),
    CASE("an empty name", HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x00\x00\x00", false),
    CASE("a name with a slash", HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x03z/z\x00\x00", false),
    CASE("a name with a NUL", HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x03z\x00z\x00\x00", false),
    CASE("a name ..", HEAD("\x02") ENTRY("\x02", "\x00") "\x01\x01q\x07\x00\x02..\x00\x00", false),
    CASE("a name without an end", HEAD("\x02") ENTRY("\x02", "\x00") "\x00\x07\x00\x7fz\x00\x00", false),
    CASE("a file of 2^63 bytes", HEAD("\x01") ENTRY("\x01", "\x08") "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", false),
    CASE("extents too short", HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x01\x09", false),
    CASE("extents too long", HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x01\x11", false),
    CASE("an extent of nothing", HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x02\x01\x0d", false),
    CASE("an extent of kind 3", HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x01\x0f", false),
    CASE("an id cut off",
         HEAD("\x01") ENTRY("\x01", "\x00") "\x03\x01\x0c"
                                            "iii",
         false),
    CASE("17 extents in a row",
         HEAD("\x01") ENTRY("\x01", "\x00") "\x11\x11"
                                            "\x05\x06\x05\x06\x05\x06\x05\x06\x05\x06"
                                            "\x05\x06\x05\x06\x05\x06\x05",
         false),
    CASE("a tree without extents", HEAD("\x01") ENTRY("\x01", "\x00") "\x64\x00\x01\x00" ID20, false),
    CASE("a tree of more extents than bytes", HEAD("\x01") ENTRY("\x01", "\x00") "\x64\x00\x01\x65" ID20, false),
    CASE("a tree too high", HEAD("\x01") ENTRY("\x01", "\x00") "\x64\x00\x11\x20" ID20, false),
    CASE("a device number of 33 bits", HEAD("\x01") ENTRY("\x06", "\x00") "\x80\x80\x80\x80\x10\x00", false),
    CASE("a link with a NUL",
         HEAD("\x01") ENTRY("\x03", "\x00") "\x03"
                                            "a\x00"
                                            "b",
         false),
    CASE("a link without an end",
         HEAD("\x01") ENTRY("\x03", "\x00") "\x7f"
                                            "a",
         false),
    CASE("a hard link to itself", HEAD("\x01") ENTRY("\x04", "\x00") "\x03s/a", false),
    CASE("a hard link to what comes later", HEAD("\x01") ENTRY("\x04", "\x00") "\x05s/a/b", false),
    CASE("a hard link to no path", HEAD("\x01") ENTRY("\x04", "\x00") "\x02/s", false),
    CASE("file flags of 33 bits", HEAD("\x01") ENTRY("\x02", "\x02") "\x80\x80\x80\x80\x10", false),
    CASE("xattrs: none", HEAD("\x01") ENTRY("\x02", "\x01") "\x00", false),
    CASE("xattrs: more than bytes", HEAD("\x01") ENTRY("\x02", "\x01") "\x03\x01x\x00\x00\x01y\x00\x00", false),
    CASE("xattrs: a huge number", HEAD("\x01") ENTRY("\x02", "\x01") "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", false),
    CASE("xattrs: not in order", HEAD("\x01") ENTRY("\x02", "\x01") "\x02\x01y\x00\x00\x01x\x00\x00", false),
    CASE("xattrs: one twice", HEAD("\x01") ENTRY("\x02", "\x01") "\x02\x01x\x00\x00\x01x\x00\x00", false),
    CASE("xattrs: no name", HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x00\x00\x01v", false),
    CASE("xattrs: a NUL in a name", HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x01\x00\x00\x00", false),
    CASE("xattrs: an unknown kind", HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x01x\x02\x01" ID20, false),
    CASE("xattrs: a blob of nothing", HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x01x\x01\x00" ID20, false),
    CASE("xattrs: a blob over 1 MiB", HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x01x\x01\x81\x80\x40" ID20, false),
    CASE("xattrs: a long value",
         HEAD("\x01") ENTRY("\x02", "\x01") "\x01\x01x\x00\x81\x08"
                                            "v",
         false),
};

/* Decode a copy of exactly that size, so that AddressSanitizer sees a read behind it. */
static int decode_leaf(const char *key_text, const void *names, size_t names_size, const void *times, size_t times_size,
                       struct error *err)
{
    uint8_t *names_copy = mem_dup(names, names_size), *times_copy = mem_dup(times, times_size);
    assert_true(names_copy != NULL && times_copy != NULL);
    struct bytes key = bytes_of(key_text), n = {names_copy, names_size}, t = {times_copy, times_size};
    uint64_t entries, bytes;
    error_clear(err);
    int rc = manifest_leaf_decode(&key, &n, times != NULL ? &t : NULL, &entries, &bytes, err);
    assert_true(rc == 0 || (err->class == ERROR_DAMAGED && err->what[0] != '\0'));
    mem_free(names_copy);
    mem_free(times_copy);
    return rc;
}

static void test_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(leaf_cases) / sizeof(leaf_cases[0]); i++) {
        const struct leaf_case *c = &leaf_cases[i];
        struct error err = {0};
        int rc = decode_leaf("s/a", c->bytes, c->size, NULL, 0, &err);
        if ((rc == 0) != c->sound)
            fail_msg("%s: %s", c->what, rc == 0 ? "accepted" : err.what);
        /* No beginning of a sound leaf is a leaf. */
        for (size_t size = 0; c->sound && size < c->size; size++)
            assert_int_equal(decode_leaf("s/a", c->bytes, size, NULL, 0, &err), -1);
    }
}

static void test_keys_of_leaves(void **state)
{
    (void)state;
    static const char *const bad[] = {"/a", "s//a", "s/", "../a", "s/./a", "s/b", "s/a/b"};
    static const char leaf[] = HEAD("\x01") ENTRY("\x02", "\x00");
    struct error err = {0};
    assert_int_equal(decode_leaf("a", leaf, sizeof(leaf) - 1, NULL, 0, &err), 0);
    /* Nothing states the name of a manifest's first entry. */
    assert_int_equal(decode_leaf("", leaf, sizeof(leaf) - 1, NULL, 0, &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode_leaf(bad[i], leaf, sizeof(leaf) - 1, NULL, 0, &err), -1);
}

static void test_times(void **state)
{
    (void)state;
    static const struct leaf_case cases[] = {
        CASE("zeros", "\x00\x00\x00\x00\x00\x00", true),
        CASE("racy", "\x01\x01\x01\x01\x01\x01", true),
        CASE("the most nanoseconds", "\x00\xff\x93\xeb\xdc\x03\x00\xff\x93\xeb\xdc\x03\x00\x00", true),
        CASE("a second of nanoseconds", "\x00\x80\x94\xeb\xdc\x03\x00\x00\x00\x00", false),
        CASE("a second of nanoseconds of ctime", "\x00\x00\x00\x80\x94\xeb\xdc\x03\x00\x00", false),
        CASE("racy is 2", "\x00\x00\x00\x00\x00\x02", false),
        CASE("bytes left over", "\x00\x00\x00\x00\x00\x00\x00", false),
        CASE("too short", "\x00\x00\x00\x00\x00", false),
        CASE("a longer form", "\x80\x00\x00\x00\x00\x00\x00", false),
    };
    static const char leaf[] = HEAD("\x01") ENTRY("\x02", "\x00");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        int rc = decode_leaf("s/a", leaf, sizeof(leaf) - 1, cases[i].bytes, cases[i].size, &err);
        if ((rc == 0) != cases[i].sound)
            fail_msg("%s: %s", cases[i].what, rc == 0 ? "accepted" : err.what);
    }
}

/* ---- Inner nodes by hand ---- */

/* Number of entries, bytes, two ids: all of a node's first child, and of the others what is behind the key. */
#define CHILD "\x05\x00" ID20 ID20

/* The node's key is "s/a". */
static const struct leaf_case node_cases[] = {
    CASE("one child", "\x01\x01" CHILD, true),
    CASE("in the same folder",
         "\x01\x02" CHILD "\x00\x02"
         "aa" CHILD,
         true),
    CASE("one folder down",
         "\x01\x02" CHILD "\x01\x01"
         "b"
         "\x01x" CHILD,
         true),
    CASE("two folders down",
         "\x01\x02" CHILD "\x01\x03"
         "b/c"
         "\x01x" CHILD,
         true),
    CASE("two down, two up and down again",
         "\x01\x03" CHILD "\x01\x03"
         "b/c"
         "\x01x" CHILD "\x03\x04"
         "b-/d"
         "\x01"
         "a" CHILD,
         true),
    CASE("to another source",
         "\x01\x02" CHILD "\x02\x01t"
         "\x01"
         "a" CHILD,
         true),

    CASE("no children", "\x01\x00", false),
    CASE("level 2", "\x02\x01\x05\x00" ID20, false),
    CASE("level 0", "\x00\x01" CHILD, false),
    CASE("fewer children than told", "\x01\x02" CHILD, false),
    CASE("a huge number of children", "\x01\xff\xff\xff\xff\x0f" CHILD, false),
    CASE("bytes left over", "\x01\x01" CHILD "x", false),
    CASE("a child without entries", "\x01\x01\x00\x00" ID20 ID20, false),
    CASE("an id cut off", "\x01\x01\x05\x00" ID20 "iii", false),
    CASE("the key of the first child",
         "\x01\x01\x00\x01"
         "a" CHILD,
         false),
    CASE("the same key twice",
         "\x01\x02" CHILD "\x00\x01"
         "a" CHILD,
         false),
    CASE("names out of order",
         "\x01\x02" CHILD "\x00\x01"
         "Z" CHILD,
         false),
    CASE("folders out of order",
         "\x01\x02" CHILD "\x02\x01r"
         "\x01x" CHILD,
         false),
    CASE("a folder left for itself",
         "\x01\x02" CHILD "\x02\x01s"
         "\x01x" CHILD,
         false),
    CASE("a folder left for what is in it",
         "\x01\x02" CHILD "\x02\x03s/b"
         "\x01x" CHILD,
         false),
    CASE("two folders left where one is enough",
         "\x01\x03" CHILD "\x01\x03"
         "b/c"
         "\x01x" CHILD "\x03\x03"
         "b/d"
         "\x01x" CHILD,
         false),
    CASE("a folder left for the one above",
         "\x01\x02" CHILD "\x02\x00"
         "\x01x" CHILD,
         false),
    CASE("more folders left than there are",
         "\x01\x02" CHILD "\x03\x01t"
         "\x01x" CHILD,
         false),
    CASE("folders left without end",
         "\x01\x02" CHILD "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
         "\x01t"
         "\x01x" CHILD,
         false),
    CASE("a longer form",
         "\x01\x02" CHILD "\x80\x00\x01"
         "b" CHILD,
         false),
    CASE("nothing pushed",
         "\x01\x02" CHILD "\x01\x00"
         "\x01x" CHILD,
         false),
    CASE("an empty component at the start",
         "\x01\x02" CHILD "\x01\x02/b"
         "\x01x" CHILD,
         false),
    CASE("an empty component at the end",
         "\x01\x02" CHILD "\x01\x02"
         "b/"
         "\x01x" CHILD,
         false),
    CASE("an empty component between",
         "\x01\x02" CHILD "\x01\x04"
         "b//c"
         "\x01x" CHILD,
         false),
    CASE("a component ..",
         "\x01\x02" CHILD "\x01\x04"
         "b/.."
         "\x01x" CHILD,
         false),
    CASE("a component with a NUL",
         "\x01\x02" CHILD "\x01\x02"
         "b\x00"
         "\x01x" CHILD,
         false),
    CASE("components without an end",
         "\x01\x02" CHILD "\x01\x7f"
         "b"
         "\x01x" CHILD,
         false),
    CASE("no name", "\x01\x02" CHILD "\x00\x00" CHILD, false),
    CASE("a name ..",
         "\x01\x02" CHILD "\x01\x01"
         "b"
         "\x02.." CHILD,
         false),
    CASE("a name with a slash",
         "\x01\x02" CHILD "\x00\x03"
         "b/c" CHILD,
         false),
    CASE("a name with a NUL",
         "\x01\x02" CHILD "\x00\x02"
         "b\x00" CHILD,
         false),
    CASE("a name without an end",
         "\x01\x02" CHILD "\x00\x7f"
         "b" CHILD,
         false),
    CASE("sums over 64 bits",
         "\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00" ID20 ID20 "\x00\x01"
         "b" CHILD,
         false),
    CASE("bytes over 64 bits",
         "\x01\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" ID20 ID20 "\x00\x01"
         "b"
         "\x01\x01" ID20 ID20,
         false),
};

static int decode_node(const char *key_text, const void *bytes, size_t size, struct error *err)
{
    struct bytes key = bytes_of(key_text), node = {mem_dup(bytes, size), size};
    uint64_t entries, sum;
    assert_non_null(node.data);
    error_clear(err);
    int rc = manifest_node_decode(&key, &node, 1, &entries, &sum, err);
    assert_true(rc == 0 || err->class == ERROR_DAMAGED);
    mem_free((void *)(uintptr_t)node.data);
    return rc;
}

static void test_nodes(void **state)
{
    (void)state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof(node_cases) / sizeof(node_cases[0]); i++) {
        const struct leaf_case *c = &node_cases[i];
        int rc = decode_node("s/a", c->bytes, c->size, &err);
        if ((rc == 0) != c->sound)
            fail_msg("%s: %s", c->what, rc == 0 ? "accepted" : err.what);
        for (size_t size = 0; c->sound && size < c->size; size++)
            assert_int_equal(decode_node("s/a", c->bytes, size, &err), -1);
    }
}

static void test_keys_of_nodes(void **state)
{
    (void)state;
    static const char sibling[] = "\x01\x02" CHILD "\x00\x01"
                                  "b" CHILD,
                      above[] = "\x01\x02" CHILD "\x02\x01t\x01x" CHILD;
    static const char *const bad[] = {"/a", "s//a", "s/", "../a", "s/./a"};
    struct error err = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode_node(bad[i], sibling, sizeof(sibling) - 1, &err), -1);
    /* The same bytes in another folder, as a root, and behind a name that is not before theirs. */
    assert_int_equal(decode_node("other/folder/a", sibling, sizeof(sibling) - 1, &err), 0);
    assert_int_equal(decode_node("", sibling, sizeof(sibling) - 1, &err), 0);
    assert_int_equal(decode_node("s/b", sibling, sizeof(sibling) - 1, &err), -1);
    assert_int_equal(decode_node("o/p/a", above, sizeof(above) - 1, &err), 0);
    assert_int_equal(decode_node("o/t/a", above, sizeof(above) - 1, &err), -1);
    assert_int_equal(decode_node("", above, sizeof(above) - 1, &err), -1);
}

/* A key is as long as a path may be, and not a byte longer. */
static void test_longest_key(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct buf node = {0}, push = {0};
        struct error err = {0};
        const size_t size = ENTRY_PATH_MAX - strlen("s/") - strlen("/x") + over;
        for (size_t i = 0; i < size; i++)
            assert_int_equal(buf_u8(&push, i % 100 == 99 && i + 1 < size ? '/' : 'p', NULL), 0);
        assert_int_equal(buf_append(&node, "\x01\x02" CHILD "\x01", 45, NULL), 0);
        assert_int_equal(buf_varint(&node, push.size, NULL), 0);
        assert_int_equal(buf_append(&node, push.data, push.size, NULL), 0);
        assert_int_equal(buf_append(&node, "\x01x" CHILD, 44, NULL), 0);
        assert_int_equal(decode_node("s/a", node.data, node.size, &err), over == 0 ? 0 : -1);
        buf_free(&node);
        buf_free(&push);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves), cmocka_unit_test(test_keys_of_leaves), cmocka_unit_test(test_times),
        cmocka_unit_test(test_nodes),  cmocka_unit_test(test_keys_of_nodes),  cmocka_unit_test(test_longest_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
