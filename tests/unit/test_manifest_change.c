/* The manifest: where it is cut, and that little changes where little changed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zstd.h>

#include "manifest_builds.h"
#include "repo/manifest_internal.h"

/* ---- Where it is cut ---- */

enum { GAPS = 4000 };

struct row {
    uint64_t depths[GAPS];
    uint32_t ranks[GAPS];
    size_t count;
    bool cuts[GAPS];
};

static void cut_row(struct row *row, unsigned mean)
{
    struct manifest_cutter cutter;
    assert_int_equal(manifest_cutter_init(&cutter, mean, NULL), 0);
    size_t decided = 0;
    uint64_t depth;
    for (size_t i = 0; i < row->count; i++) {
        assert_true(i - decided < manifest_cutter_lag(&cutter));
        manifest_cutter_push(&cutter, row->depths[i], row->ranks[i]);
        while (manifest_cutter_next(&cutter, false, &row->cuts[decided], &depth))
            assert_int_equal(depth, row->depths[decided++]);
    }
    while (manifest_cutter_next(&cutter, true, &row->cuts[decided], &depth))
        decided++;
    assert_int_equal(decided, row->count);
    manifest_cutter_release(&cutter);
}

static void random_row(struct row *row, struct tree *random)
{
    row->count = GAPS;
    for (size_t i = 0; i < GAPS; i++) {
        row->depths[i] = tree_random(random, 20) == 0 ? tree_random(random, 6) : MANIFEST_SAME_FOLDER;
        row->ranks[i] = (uint32_t)tree_random(random, UINT32_MAX);
    }
}

/* Cuts lie more than a reach apart, and about as far as was asked for, also where nothing but names tells gaps apart.
 */
static void test_distances(void **state)
{
    (void)state;
    struct tree random = {.random = 99};
    static struct row row;
    static const unsigned means[] = {1, 2, 4, 5, 17, 40, 1024};
    for (size_t k = 0; k < 2 * sizeof(means) / sizeof(means[0]); k++) {
        unsigned mean = means[k / 2], reach = mean > 3 ? (mean - 1) / 2 : 1;
        size_t last = 0, cuts = 0;
        random_row(&row, &random);
        for (size_t i = 0; k % 2 == 1 && i < GAPS; i++)
            row.depths[i] = MANIFEST_SAME_FOLDER;
        cut_row(&row, mean);
        for (size_t i = 0; i < GAPS; i++) {
            if (!row.cuts[i])
                continue;
            assert_true(i - last > reach);
            last = i;
            cuts++;
        }
        if (mean < 100)
            assert_in_range(GAPS / (cuts + 1), reach + 1, 3 * reach + 1);
    }
}

/* A gap that is added, removed or changed moves no cut but those near it. */
static void test_changes_stay_local(void **state)
{
    (void)state;
    enum { MEAN = 17, REACH = 8, FAR = 3 * REACH };
    struct tree random = {.random = 7};
    static struct row before, after;
    for (unsigned i = 0; i < 300; i++) {
        random_row(&before, &random);
        before.count--;
        after = before;
        size_t at = 1 + tree_random(&random, GAPS - 2);
        unsigned what = i % 3; /* changed, added, removed */
        if (what == 1)
            memmove(&after.depths[at + 1], &after.depths[at], (GAPS - 1 - at) * sizeof(after.depths[0]));
        if (what == 2)
            memmove(&after.depths[at], &after.depths[at + 1], (GAPS - 1 - at) * sizeof(after.depths[0]));
        if (what == 1)
            memmove(&after.ranks[at + 1], &after.ranks[at], (GAPS - 1 - at) * sizeof(after.ranks[0]));
        if (what == 2)
            memmove(&after.ranks[at], &after.ranks[at + 1], (GAPS - 1 - at) * sizeof(after.ranks[0]));
        after.count = before.count + (what == 1) - (what == 2);
        if (what != 2)
            after.depths[at] = 0;
        cut_row(&before, MEAN);
        cut_row(&after, MEAN);
        for (size_t k = 0; k + FAR < at; k++)
            assert_int_equal(before.cuts[k], after.cuts[k]);
        for (size_t k = at + FAR; k < before.count - 1 && k < after.count - 1; k++)
            assert_int_equal(before.cuts[k + (what == 2)], after.cuts[k + (what == 1)]);
    }
}

/* In front of a large folder, and behind it, lies a cut, though the names behind other gaps would be better ones. */
static void test_large_folders_begin_anew(void **state)
{
    (void)state;
    struct tree random = {.random = 3};
    static struct row row;
    for (unsigned i = 0; i < 200; i++) {
        random_row(&row, &random);
        for (size_t k = 0; k < GAPS; k++)
            row.depths[k] = k % 5 == 0 ? 3 : MANIFEST_SAME_FOLDER;
        for (size_t k = 2001; k < 2060; k++)
            row.depths[k] = k % 5 == 0 ? 4 : MANIFEST_SAME_FOLDER;
        row.ranks[2000] = 0;
        cut_row(&row, 17);
        assert_true(row.cuts[2000]);
    }
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
    /* The leaf with the folders' own names, perhaps two at the old place and two at the new one; and the ways to them,
     * which share their upper half. */
    assert_in_range(blobs.added[BLOB_NAMES], 1, 5);
    assert_in_range(blobs.added[BLOB_TIMES], 1, 5);
    assert_in_range(blobs.added[BLOB_INNER], root.depth, 4 * root.depth);
    struct manifest_reader *reader = reader_of(&root, true, &blobs);
    assert_follows(reader, &tree, 0, tree.count + 1, true);
    manifest_reader_free(reader);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

/* Bytes of the blobs of `all` that the tree does not have, compressed as in a pack. */
static void rewritten_size(struct keyring *keyring, const struct tree *tree, const struct memory_blobs *all,
                           size_t *ret_packed)
{
    struct memory_blobs before = {0};
    struct buf new = {0};
    (void)build_with(keyring, tree, &before, 0, 0);
    for (size_t i = 0; i < all->capacity; i++) {
        const struct memory_blob *blob = &all->slots[i];
        if (blob->bytes != NULL && memory_blobs_slot(&before, &blob->id)->bytes == NULL)
            assert_int_equal(buf_append(&new, blob->bytes, blob->size, NULL), 0);
    }
    size_t bound = ZSTD_compressBound(new.size);
    uint8_t *packed = mem_alloc(bound);
    assert_non_null(packed);
    *ret_packed = ZSTD_compress(packed, bound, new.data, new.size, 3);
    assert_false(ZSTD_isError(*ret_packed));
    mem_free(packed);
    buf_free(&new);
    memory_blobs_free(&before);
}

/* A large folder gets another name: nodes and leaves that lie wholly in it are what they were, whatever the keys are.
 */
static void test_renamed_large_folder(void **state)
{
    (void)state;
    enum { KEYS = 6 };
    static const struct {
        const char *name;
        unsigned leaves; /* names blobs that may be new */
        size_t packed;   /* bytes, at most */
        size_t mean;     /* the same over all keys */
    } cases[] = {
        {"top-4 renamed", 2, 2 << 10, 2 << 10}, /* in its place: where it is told, and where what is in it begins */
        {"a first", 4, 5 << 10, 4 << 10},       /* elsewhere: both ends of both places, and times of those leaves */
        {"z last", 4, 5 << 10, 4 << 10},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tree tree, renamed;
        size_t sum = 0;
        nested_tree(&tree, "top-4");
        nested_tree(&renamed, cases[i].name);
        for (uint8_t number = 1; number <= KEYS; number++) {
            struct keyring *keyring = tree_keyring_of(number);
            struct memory_blobs blobs = {0};
            size_t packed;
            (void)build_with(keyring, &tree, &blobs, 0, 0);
            memory_blobs_reset_counters(&blobs);
            struct manifest_root root = build_with(keyring, &renamed, &blobs, 0, 0);
            rewritten_size(keyring, &tree, &blobs, &packed);
            sum += packed;
            assert_in_range(blobs.added[BLOB_NAMES], 1, cases[i].leaves);
            assert_in_range(blobs.added[BLOB_TIMES], 0, i == 0 ? 0 : cases[i].leaves);
            assert_in_range(blobs.added[BLOB_INNER], root.depth, (i == 0 ? 2U : 5U) * root.depth);
            assert_in_range(packed, 1, cases[i].packed);
            if (number == 1) {
                struct manifest_reader *reader = reader_of(&root, true, &blobs);
                assert_follows(reader, &renamed, 0, renamed.count + 1, true);
                manifest_reader_free(reader);
            }
            memory_blobs_free(&blobs);
            keyring_free(keyring);
        }
        print_message("%s: %zu bytes in a pack on average\n", cases[i].name, sum / KEYS);
        assert_in_range(sum / KEYS, 1, cases[i].mean);
        tree_free(&renamed);
        tree_free(&tree);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_changes_stay_local),
        cmocka_unit_test(test_large_folders_begin_anew),
        cmocka_unit_test(test_little_is_rewritten),
        cmocka_unit_test(test_renamed_folder),
        cmocka_unit_test(test_renamed_large_folder),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
