/* The manifest: what is built is read back, and seeking fetches little. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest_builds.h"
#include "repo/manifest_internal.h"

static void random_tree(struct tree *tree, uint64_t seed, unsigned levels, struct memory_blobs *blobs)
{
    *tree = (struct tree){.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    struct extent_builder *extents = extent_builder_new(memory_blobs_put, blobs);
    assert_non_null(extents);
    struct bytes none = tree_text(tree, ""), source = tree_text(tree, "source"), other = tree_text(tree, "source-2");
    (void)tree_add(tree, ENTRY_DIRECTORY, none, source);
    (void)tree_add(tree, ENTRY_DIRECTORY, none, other);
    tree_random_folder(tree, source, levels, extents);
    tree_random_folder(tree, other, levels / 2, extents);
    tree_sort(tree);
    extent_builder_free(extents);
}

/* ---- Round trips ---- */

static const unsigned shapes[][2] = {{0, 0}, {1, 2}, {4, 3}, {8, 4}, {1024, 1024}, {3, 64}};

static void test_round_trips(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        const unsigned *shape = shapes[seed % (sizeof(shapes) / sizeof(shapes[0]))];
        struct memory_blobs blobs = {0};
        struct tree tree;
        random_tree(&tree, seed, 1 + (unsigned)(seed % 4), &blobs);
        struct manifest_root root = build(&tree, &blobs, shape[0], shape[1]);
        for (int with_times = 0; with_times < 2; with_times++) {
            struct manifest_reader *reader = reader_of(&root, with_times != 0, &blobs);
            assert_follows(reader, &tree, 0, tree.count + 1, with_times != 0);
            manifest_reader_free(reader);
        }
        /* Built again, it is the same, and nothing new is stored. */
        memory_blobs_reset_counters(&blobs);
        struct manifest_root again = build(&tree, &blobs, shape[0], shape[1]);
        assert_true(blob_id_equal(&root.id, &again.id) && root.depth == again.depth && root.bytes == again.bytes);
        for (size_t i = 0; i < BLOB_TYPE_COUNT; i++)
            assert_int_equal(blobs.added[i], 0);
        tree_free(&tree);
        memory_blobs_free(&blobs);
    }
}

static void test_one_entry(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree = {.random = 7};
    (void)tree_add(&tree, ENTRY_DIRECTORY, tree_text(&tree, ""), tree_text(&tree, "source"));
    struct manifest_root root = build(&tree, &blobs, 1, 2);
    assert_int_equal(root.depth, 1);
    assert_int_equal(blobs.count, 3);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    assert_follows(reader, &tree, 0, 2, true);
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

static void test_deep_and_long(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree = {.random = 11};
    struct bytes none = tree_text(&tree, ""), source = tree_text(&tree, "source");
    (void)tree_add(&tree, ENTRY_DIRECTORY, none, source);
    tree_deep(&tree, source, 1000);
    /* And folders with the longest names, as deep as a path may be long. */
    uint8_t longest[ENTRY_NAME_MAX];
    memset(longest, 'n', sizeof(longest));
    struct bytes name = tree_bytes(&tree, longest, sizeof(longest)), dir = source;
    while (dir.size + 1 + name.size <= ENTRY_PATH_MAX) {
        (void)tree_add(&tree, ENTRY_DIRECTORY, dir, name);
        dir = tree_join(&tree, &dir, &name);
    }
    tree_sort(&tree);
    assert_true(tree.count > 2250);
    for (size_t i = 0; i < 3; i++) {
        struct manifest_root root = build(&tree, &blobs, shapes[i][0], shapes[i][1]);
        struct manifest_reader *reader = reader_of(&root, true, &blobs);
        assert_follows(reader, &tree, 0, tree.count + 1, true);
        const struct entry *entry;
        struct bytes path = tree_join(&tree, &tree.entries[tree.count - 1].dir, &tree.entries[tree.count - 1].name);
        assert_int_equal(manifest_reader_find(reader, &path, &entry, NULL), 1);
        assert_entries_equal(&tree.entries[tree.count - 1], entry, true);
        manifest_reader_free(reader);
    }
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

/* More xattr bytes than a blob can hold: the values become blobs of their own. */
static void test_many_xattrs(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree = {.random = 13};
    struct bytes none = tree_text(&tree, "");
    static uint8_t value[ENTRY_XATTR_INLINE_MAX];
    for (unsigned k = 0; k < 3; k++) {
        char name[8] = {(char)('a' + k), '\0'};
        struct xattr *xattrs = tree_alloc(&tree, ENTRY_XATTR_COUNT_MAX * sizeof(*xattrs));
        for (size_t i = 0; i < ENTRY_XATTR_COUNT_MAX; i++) {
            char label[ENTRY_XATTR_NAME_MAX + 1];
            (void)snprintf(label, sizeof(label), "user.%04zu%0246d", i, 0);
            xattrs[i].name = tree_text(&tree, label);
            xattrs[i].value = tree_bytes(&tree, value, i % 2 == 0 ? sizeof(value) : 0);
        }
        struct entry *entry = tree_add(&tree, ENTRY_DIRECTORY, none, tree_text(&tree, name));
        entry->xattrs = xattrs;
        entry->xattr_count = ENTRY_XATTR_COUNT_MAX;
    }
    struct manifest_root root = build(&tree, &blobs, 0, 0);
    assert_int_equal(blobs.added[BLOB_XATTR], 1);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    const struct entry *entry;
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(manifest_reader_next(reader, &entry, NULL), 1);
        assert_int_equal(entry->xattr_count, ENTRY_XATTR_COUNT_MAX);
        assert_true(entry->xattrs[0].in_blob && entry->xattrs[0].blob_size == sizeof(value));
        assert_true(!entry->xattrs[1].in_blob && entry->xattrs[1].value.size == 0);
    }
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

/* ---- Seeking ---- */

static size_t first_not_before(const struct tree *tree, const struct entry *target)
{
    size_t i = 0;
    while (i < tree->count && tree_compare(&tree->entries[i], target) < 0)
        i++;
    return i;
}

static void test_seek(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    random_tree(&tree, 99, 4, &blobs);
    struct manifest_root root = build(&tree, &blobs, 4, 4);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    struct error err = {0};
    for (size_t i = 0; i < 400; i++) {
        /* There, or not there: a folder's listing, a name that is missing, before the first, behind the last. */
        struct entry target = tree.entries[tree_random(&tree, tree.count)];
        switch (i % 5) {
        case 1:
            target.name = tree_text(&tree, "");
            break;
        case 2:
            target.name = tree_random_name(&tree);
            break;
        case 3:
            target.dir = tree_join(&tree, &target.dir, &target.name);
            target.name = tree_text(&tree, "");
            break;
        case 4:
            target.dir = tree_text(&tree, i % 2 == 0 ? "" : "\xff");
            target.name = tree_text(&tree, "");
            break;
        default:
            break;
        }
        assert_int_equal(manifest_reader_seek(reader, &target.dir, &target.name, &err), 0);
        assert_follows(reader, &tree, first_not_before(&tree, &target), 20, true);

        struct bytes path = tree_join(&tree, &target.dir, &target.name);
        size_t at = first_not_before(&tree, &target);
        bool there = at < tree.count && tree_compare(&tree.entries[at], &target) == 0;
        const struct entry *entry;
        assert_int_equal(manifest_reader_find(reader, &path, &entry, &err), there ? 1 : 0);
        if (there)
            assert_entries_equal(&tree.entries[at], entry, true);
        /* Reading goes on behind what was found, or where it would be. */
        assert_follows(reader, &tree, there ? at + 1 : at, 3, true);
    }
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

static void test_little_is_fetched(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    regular_tree(&tree);
    struct manifest_root root = build(&tree, &blobs, 0, 0);
    assert_in_range(root.depth, 3, 8);
    /* Folders of ten are about as large as a leaf may be: most begin one. */
    assert_in_range(blobs.added[BLOB_NAMES], tree.count / 32, tree.count / 9);

    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    struct bytes path = bytes_of("source/folder-17/sub-17-50/file-17-50-3");
    const struct entry *entry;
    memory_blobs_reset_counters(&blobs);
    assert_int_equal(manifest_reader_find(reader, &path, &entry, NULL), 1);
    assert_int_equal(blobs.fetched[BLOB_INNER], root.depth);
    assert_int_equal(blobs.fetched[BLOB_NAMES], 1);
    assert_int_equal(blobs.fetched[BLOB_TIMES], 1);
    /* A neighbour is in what is there already. */
    memory_blobs_reset_counters(&blobs);
    assert_int_equal(manifest_reader_find(reader, &path, &entry, NULL), 1);
    assert_int_equal(blobs.fetched[BLOB_INNER] + blobs.fetched[BLOB_NAMES] + blobs.fetched[BLOB_TIMES], 0);

    /* A folder's listing: its entries and the one behind them, a leaf or two. */
    struct bytes dir = bytes_of("source/folder-20/sub-20-7"), name = bytes_of("");
    memory_blobs_reset_counters(&blobs);
    assert_int_equal(manifest_reader_seek(reader, &dir, &name, NULL), 0);
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(manifest_reader_next(reader, &entry, NULL), 1);
        assert_bytes_equal(&entry->dir, &dir);
    }
    assert_in_range(blobs.fetched[BLOB_NAMES], 1, 3);
    manifest_reader_free(reader);

    /* Without times, none are fetched; without being asked for, no extent list ever is. */
    memory_blobs_reset_counters(&blobs);
    reader = reader_of(&root, false, &blobs);
    assert_follows(reader, &tree, 0, tree.count + 1, false);
    assert_int_equal(blobs.fetched[BLOB_TIMES], 0);
    assert_int_equal(blobs.fetched[BLOB_EXTENTS] + blobs.fetched[BLOB_EXTENT_TREE], 0);
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

/* ---- All blobs ---- */

struct seen {
    struct memory_blobs ids; /* a set */
    size_t content;
    size_t calls;
    size_t fail_at;
    bool known; /* whatever is asked: what is below it is known */
};

static int see(enum blob_type type, const struct blob_id *id, void *context, struct error *err)
{
    struct seen *seen = context;
    struct blob_id ignored;
    if (++seen->calls == seen->fail_at)
        return error_set(err, ERROR_INTERRUPTED, "stopped by the test");
    if (type == BLOB_CONTENT)
        seen->content++;
    if (memory_blobs_put(type, id->bytes, BLOB_ID_SIZE, &ignored, &seen->ids, err) != 0)
        return -1;
    return seen->known ? 1 : 0;
}

static void test_walk_blobs(void **state)
{
    (void)state;
    struct error err = {0};
    for (uint64_t seed = 40; seed < 46; seed++) {
        struct memory_blobs blobs = {0};
        struct seen seen = {0};
        struct tree tree;
        random_tree(&tree, seed, 3, &blobs);
        /* Inline values come from nowhere, and those in blobs were never stored: count what entries name. */
        size_t xattrs = 0;
        for (size_t i = 0; i < tree.count; i++) {
            for (size_t k = 0; k < tree.entries[i].xattr_count; k++)
                xattrs += tree.entries[i].xattrs[k].in_blob;
        }
        struct manifest_root root = build(&tree, &blobs, 8, 4);
        assert_int_equal(manifest_walk_blobs(&root, memory_blobs_get, &blobs, see, &seen, &err), 0);
        static const enum blob_type stored[] = {BLOB_NAMES, BLOB_TIMES, BLOB_INNER};
        for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
            assert_int_equal(seen.ids.added[stored[i]], blobs.added[stored[i]]);
        assert_int_equal(seen.ids.added[BLOB_XATTR], xattrs);
        assert_int_equal(blobs.fetched[BLOB_TIMES], 0);
        /* Every list that is in the manifest was read to its end (unreadable files lost theirs). */
        assert_true(seen.ids.added[BLOB_EXTENTS] <= blobs.added[BLOB_EXTENTS]);
        uint64_t lists = 0;
        for (size_t i = 0; i < tree.count; i++)
            lists += tree.entries[i].content.in_tree;
        assert_true(lists == 0 || (seen.ids.added[BLOB_EXTENTS] >= lists && seen.content > 16 * lists / 3));

        /* What is known already is not looked into: the second time, the root alone is asked for. */
        struct seen again = {.known = true};
        uint64_t fetched = blobs.fetched[BLOB_INNER] + blobs.fetched[BLOB_NAMES];
        assert_int_equal(manifest_walk_blobs(&root, memory_blobs_get, &blobs, see, &again, &err), 0);
        assert_int_equal(again.calls, 1);
        memory_blobs_free(&again.ids);
        assert_int_equal(blobs.fetched[BLOB_INNER] + blobs.fetched[BLOB_NAMES], fetched);

        /* A callback's error ends the walk at once. */
        size_t calls = seen.calls;
        for (size_t at = 1; at <= calls; at += 1 + calls / 50) {
            struct seen stopped = {.fail_at = at};
            assert_int_equal(manifest_walk_blobs(&root, memory_blobs_get, &blobs, see, &stopped, &err), -1);
            assert_int_equal(err.class, ERROR_INTERRUPTED);
            assert_int_equal(stopped.calls, at);
            memory_blobs_free(&stopped.ids);
        }
        memory_blobs_free(&seen.ids);
        tree_free(&tree);
        memory_blobs_free(&blobs);
    }
}

/* ---- Targets that do not answer ---- */

static void test_failing_fetch(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    random_tree(&tree, 77, 2, &blobs);
    struct manifest_root root = build(&tree, &blobs, 4, 3);
    struct error err = {0};
    const struct entry *entry;
    bool done = false;
    for (size_t fail_after = 1; !done; fail_after++) {
        struct manifest_reader *reader = reader_of(&root, true, &blobs);
        blobs.calls = 0;
        blobs.fail_after = fail_after;
        size_t count = 0;
        int rc;
        while ((rc = manifest_reader_next(reader, &entry, &err)) == 1) {
            assert_entries_equal(&tree.entries[count], entry, true);
            count++;
        }
        done = rc == 0;
        blobs.fail_after = 0;
        if (!done) {
            assert_int_equal(err.class, ERROR_UNREACHABLE);
            /* Reading on would leave out what could not be fetched; only a seek begins anew. */
            assert_int_equal(manifest_reader_next(reader, &entry, &err), -1);
            assert_int_equal(err.class, ERROR_INTERNAL);
            assert_int_equal(manifest_reader_seek(reader, &tree.entries[count].dir, &tree.entries[count].name, &err),
                             0);
            assert_follows(reader, &tree, count, tree.count + 1, true);
        }
        manifest_reader_free(reader);
    }
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

static void test_failing_sink(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    random_tree(&tree, 78, 2, &blobs);
    struct keyring *keyring = tree_keyring();
    for (size_t fail_after = 1;; fail_after++) {
        struct error err = {0};
        struct manifest_builder *builder;
        struct manifest_root root;
        assert_int_equal(manifest_builder_new(keyring, 4, 3, memory_blobs_put, &blobs, &builder, &err), 0);
        blobs.calls = 0;
        blobs.fail_after = fail_after;
        int rc = 0;
        for (size_t i = 0; i < tree.count && rc == 0; i++)
            rc = manifest_builder_add(builder, &tree.entries[i], &err);
        if (rc == 0)
            rc = manifest_builder_finish(builder, &root, &err);
        blobs.fail_after = 0;
        if (rc != 0) {
            assert_int_equal(err.class, ERROR_UNREACHABLE);
            assert_int_equal(manifest_builder_finish(builder, &root, &err), -1);
            assert_int_equal(err.class, ERROR_INTERNAL);
        }
        manifest_builder_free(builder);
        if (rc == 0)
            break;
    }
    keyring_free(keyring);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_one_entry),
        cmocka_unit_test(test_deep_and_long), cmocka_unit_test(test_many_xattrs),
        cmocka_unit_test(test_seek),          cmocka_unit_test(test_little_is_fetched),
        cmocka_unit_test(test_walk_blobs),    cmocka_unit_test(test_failing_fetch),
        cmocka_unit_test(test_failing_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
