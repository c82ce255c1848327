/* The manifest: what is built is read back, little changes where little changed, seeking fetches little. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zstd.h>

#include "manifest_trees.h"
#include "repo/manifest_internal.h"

static struct manifest_root build(const struct tree *tree, struct memory_blobs *blobs, unsigned mean, unsigned fan_out)
{
    struct error err = {0};
    struct keyring *keyring = tree_keyring();
    struct manifest_builder *builder;
    struct manifest_root root;
    assert_int_equal(manifest_builder_new(keyring, mean, fan_out, memory_blobs_put, blobs, &builder, &err), 0);
    for (size_t i = 0; i < tree->count; i++) {
        if (manifest_builder_add(builder, &tree->entries[i], &err) != 0)
            fail_msg("%s", err.what);
    }
    assert_int_equal(manifest_builder_finish(builder, &root, &err), 0);
    assert_int_equal(root.entries, tree->count);
    manifest_builder_free(builder);
    keyring_free(keyring);
    return root;
}

static struct manifest_reader *reader_of(const struct manifest_root *root, bool with_times, struct memory_blobs *blobs)
{
    struct manifest_reader *reader;
    assert_int_equal(manifest_reader_new(root, with_times, memory_blobs_get, blobs, &reader, NULL), 0);
    return reader;
}

/* What follows in the reader is the tree from entry `from` on, at most `count` entries of it. */
static void assert_follows(struct manifest_reader *reader, const struct tree *tree, size_t from, size_t count,
                           bool with_times)
{
    struct error err = {0};
    const struct entry *entry;
    for (size_t i = from; i < tree->count && i - from < count; i++) {
        if (manifest_reader_next(reader, &entry, &err) != 1)
            fail_msg("entry %zu of %zu: %s", i, tree->count, err.what);
        assert_entries_equal(&tree->entries[i], entry, with_times);
    }
    if (from + count > tree->count) {
        assert_int_equal(manifest_reader_next(reader, &entry, &err), 0);
        assert_int_equal(manifest_reader_next(reader, &entry, &err), 0);
    }
}

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

/* 30 folders with 1,000 files each, in folders of ten. */
static void regular_tree(struct tree *tree)
{
    *tree = (struct tree){.random = 5};
    struct bytes none = tree_text(tree, ""), source = tree_text(tree, "source");
    char text[32];
    (void)tree_add(tree, ENTRY_DIRECTORY, none, source);
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(text, sizeof(text), "folder-%02u", i);
        struct bytes name = tree_text(tree, text), dir = tree_join(tree, &source, &name);
        (void)tree_add(tree, ENTRY_DIRECTORY, source, name);
        for (unsigned k = 0; k < 100; k++) {
            (void)snprintf(text, sizeof(text), "sub-%u-%u", i, k);
            struct bytes sub = tree_text(tree, text), sub_dir = tree_join(tree, &dir, &sub);
            (void)tree_add(tree, ENTRY_DIRECTORY, dir, sub);
            for (unsigned m = 0; m < 9; m++) {
                (void)snprintf(text, sizeof(text), "file-%u-%u-%u", i, k, m);
                (void)tree_add(tree, ENTRY_FILE, sub_dir, tree_text(tree, text));
            }
        }
    }
    tree_sort(tree);
}

static void test_little_is_fetched(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    regular_tree(&tree);
    struct manifest_root root = build(&tree, &blobs, 0, 0);
    assert_in_range(root.depth, 3, 8);
    assert_in_range(blobs.added[BLOB_NAMES], tree.count / 64, tree.count / 16);

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

/* ---- Small changes ---- */

static void test_little_is_rewritten(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    regular_tree(&tree);
    struct manifest_root root = build(&tree, &blobs, 0, 0);

    /* One file's content and mtime: one leaf and the way to it. */
    for (size_t i = 5000; i < tree.count; i += 6007) {
        struct entry *entry = &tree.entries[i];
        if (entry->type != ENTRY_FILE)
            entry++;
        struct extent *extent = tree_alloc(&tree, sizeof(*extent));
        *extent = entry->content.extents[0];
        extent->id.bytes[0] ^= 1;
        entry->content.extents = extent;
        entry->mtime_s++;
        memory_blobs_reset_counters(&blobs);
        root = build(&tree, &blobs, 0, 0);
        assert_int_equal(blobs.added[BLOB_NAMES], 1);
        assert_int_equal(blobs.added[BLOB_TIMES], 1);
        assert_int_equal(blobs.added[BLOB_INNER], root.depth);
    }

    /* A new file: its leaf; two if it cuts one. */
    struct tree larger = {.random = 3};
    larger.entries = mem_dup(tree.entries, tree.count * sizeof(*tree.entries));
    larger.capacity = larger.count = tree.count;
    (void)tree_add(&larger, ENTRY_FILE, tree_text(&larger, "source/folder-03/sub-3-33"), tree_text(&larger, "new"));
    tree_sort(&larger);
    memory_blobs_reset_counters(&blobs);
    (void)build(&larger, &blobs, 0, 0);
    assert_in_range(blobs.added[BLOB_NAMES], 1, 2);
    assert_in_range(blobs.added[BLOB_INNER], root.depth, root.depth + 2);
    tree_free(&larger);

    /* Every time touched: times and nodes, and no names. */
    for (size_t i = 0; i < tree.count; i++)
        tree.entries[i].mtime_s += (int64_t)(1 + i % 7);
    memory_blobs_reset_counters(&blobs);
    (void)build(&tree, &blobs, 0, 0);
    assert_int_equal(blobs.added[BLOB_NAMES], 0);
    assert_true(blobs.added[BLOB_TIMES] > 500);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

static void test_renamed_folder(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    regular_tree(&tree);
    struct manifest_root root = build(&tree, &blobs, 0, 0);
    /* source/folder-04 → source/zolder-04, to the other end of the order. */
    static const char from[] = "source/folder-04";
    size_t moved = 0;
    for (size_t i = 0; i < tree.count; i++) {
        struct entry *entry = &tree.entries[i];
        if (entry->dir.size >= sizeof(from) - 1 && memcmp(entry->dir.data, from, sizeof(from) - 1) == 0) {
            uint8_t *copy = tree_alloc(&tree, entry->dir.size + 1);
            memcpy(copy, entry->dir.data, entry->dir.size);
            copy[7] = 'z';
            entry->dir.data = copy;
            moved++;
        } else if (entry->name.size == 9 && memcmp(entry->name.data, "folder-04", 9) == 0) {
            entry->name = tree_text(&tree, "zolder-04");
        }
    }
    assert_int_equal(moved, 1000);
    tree_sort(&tree);
    memory_blobs_reset_counters(&blobs);
    root = build(&tree, &blobs, 0, 0);
    /* The leaf with the folders' own names, the one that spans the old place, the two at the new one, two until cuts
     * meet again; and the ways to them, which share their upper half. */
    assert_in_range(blobs.added[BLOB_NAMES], 2, 6);
    assert_in_range(blobs.added[BLOB_TIMES], 2, 6);
    assert_in_range(blobs.added[BLOB_INNER], root.depth, 4 * root.depth);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    assert_follows(reader, &tree, 0, tree.count + 1, true);
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

/* Bytes of the blobs that are in `after` and not in `before`: as they are, and compressed as in a pack. */
static void rewritten_size(struct memory_blobs *before, const struct memory_blobs *after, size_t *ret_size,
                           size_t *ret_packed)
{
    struct buf all = {0};
    for (size_t i = 0; i < after->capacity; i++) {
        const struct memory_blob *blob = &after->slots[i];
        if (blob->bytes != NULL && memory_blobs_slot(before, &blob->id)->bytes == NULL)
            assert_int_equal(buf_append(&all, blob->bytes, blob->size, NULL), 0);
    }
    size_t bound = ZSTD_compressBound(all.size);
    uint8_t *packed = mem_alloc(bound);
    assert_non_null(packed);
    *ret_size = all.size;
    *ret_packed = ZSTD_compress(packed, bound, all.data, all.size, 3);
    assert_false(ZSTD_isError(*ret_packed));
    mem_free(packed);
    buf_free(&all);
}

/* 20,000 entries, three folders deep, between others. */
static void nested_tree(struct tree *tree, const char *name_of_it)
{
    *tree = (struct tree){.random = 6};
    char text[64];
    struct bytes source = tree_text(tree, "source");
    (void)tree_add(tree, ENTRY_DIRECTORY, tree_text(tree, ""), source);
    for (unsigned top = 0; top < 9; top++) {
        (void)snprintf(text, sizeof(text), "top-%u", top);
        struct bytes name = tree_text(tree, top == 4 ? name_of_it : text), dir = tree_join(tree, &source, &name);
        (void)tree_add(tree, ENTRY_DIRECTORY, source, name);
        for (unsigned i = 0; i < 400; i++) {
            (void)snprintf(text, sizeof(text), "group-%u", i / 20);
            struct bytes group = tree_text(tree, text), group_dir = tree_join(tree, &dir, &group);
            if (i % 20 == 0)
                (void)tree_add(tree, ENTRY_DIRECTORY, dir, group);
            (void)snprintf(text, sizeof(text), "package-%u-%u", top, i);
            struct bytes package = tree_text(tree, text), package_dir = tree_join(tree, &group_dir, &package);
            (void)tree_add(tree, ENTRY_DIRECTORY, group_dir, package);
            for (unsigned k = 0; k < (top == 4 ? 49 : 10); k++) {
                (void)snprintf(text, sizeof(text), "module-%u-%u-%u.c", top, i, k);
                (void)tree_add(tree, ENTRY_FILE, package_dir, tree_text(tree, text));
            }
        }
    }
    tree_sort(tree);
}

/* A large folder gets another name: nodes and leaves that lie wholly in it are what they were. */
static void test_renamed_large_folder(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned leaves; /* names blobs that may be new */
        size_t packed;
    } cases[] = {
        {"top-4 renamed", 2, 2 << 10}, /* in its place: where it is told, and where what is in it begins */
        {"a first", 5, 6 << 10},       /* elsewhere: both ends of both places, and times of those leaves */
        {"z last", 5, 6 << 10},
    };
    struct memory_blobs before = {0};
    struct tree tree;
    nested_tree(&tree, "top-4");
    (void)build(&tree, &before, 0, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct memory_blobs after = {0};
        struct tree renamed;
        size_t size, packed;
        nested_tree(&renamed, cases[i].name);
        struct manifest_root root = build(&renamed, &after, 0, 0);
        rewritten_size(&before, &after, &size, &packed);
        memory_blobs_reset_counters(&before);
        (void)build(&renamed, &before, 0, 0);
        print_message("%s: %zu names, %zu times, %zu nodes of %u levels, %zu bytes, %zu in a pack\n", cases[i].name,
                      before.added[BLOB_NAMES], before.added[BLOB_TIMES], before.added[BLOB_INNER],
                      (unsigned)root.depth, size, packed);
        assert_in_range(before.added[BLOB_NAMES], 1, cases[i].leaves);
        assert_in_range(before.added[BLOB_TIMES], 0, i == 0 ? 0 : cases[i].leaves);
        assert_in_range(before.added[BLOB_INNER], root.depth, (i == 0 ? 2U : 5U) * root.depth);
        assert_in_range(packed, 1, cases[i].packed);
        struct manifest_reader *reader = reader_of(&root, true, &after);
        assert_follows(reader, &renamed, 0, renamed.count + 1, true);
        manifest_reader_free(reader);
        tree_free(&renamed);
        memory_blobs_free(&after);
        memory_blobs_free(&before);
        (void)build(&tree, &before, 0, 0);
    }
    tree_free(&tree);
    memory_blobs_free(&before);
}

/* However narrow the nodes are to be, the levels suffice: the upper ones are wider. */
static void test_levels(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct tree tree;
    nested_tree(&tree, "top-4");
    struct manifest_root root = build(&tree, &blobs, 1, 2);
    assert_true(blobs.added[BLOB_NAMES] > 10000);
    assert_in_range(root.depth, 10, 12);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    assert_follows(reader, &tree, 0, tree.count + 1, true);
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
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_one_entry),
        cmocka_unit_test(test_deep_and_long),
        cmocka_unit_test(test_many_xattrs),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_little_is_fetched),
        cmocka_unit_test(test_little_is_rewritten),
        cmocka_unit_test(test_renamed_folder),
        cmocka_unit_test(test_renamed_large_folder),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_walk_blobs),
        cmocka_unit_test(test_failing_fetch),
        cmocka_unit_test(test_failing_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
