/* For tests of the manifest: trees of a known shape, built and read back. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_MANIFEST_BUILDS_H
#define HIKAE_TESTS_MANIFEST_BUILDS_H

#include "manifest_trees.h"

static inline struct manifest_root build_with(struct keyring *keyring, const struct tree *tree,
                                              struct memory_blobs *blobs, unsigned mean, unsigned fan_out)
{
    struct error err = {0};
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
    return root;
}

static inline struct manifest_root build(const struct tree *tree, struct memory_blobs *blobs, unsigned mean,
                                         unsigned fan_out)
{
    struct keyring *keyring = tree_keyring();
    struct manifest_root root = build_with(keyring, tree, blobs, mean, fan_out);
    keyring_free(keyring);
    return root;
}

static inline struct manifest_reader *reader_of(const struct manifest_root *root, bool with_times,
                                                struct memory_blobs *blobs)
{
    struct manifest_reader *reader;
    assert_int_equal(manifest_reader_new(root, with_times, memory_blobs_get, blobs, &reader, NULL), 0);
    return reader;
}

/* What follows in the reader is the tree from entry `from` on, at most `count` entries of it. */
static inline void assert_follows(struct manifest_reader *reader, const struct tree *tree, size_t from, size_t count,
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

/* 30 folders with 1,000 files each, in folders of ten. */
static inline void regular_tree(struct tree *tree)
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

/* 20,000 entries, three folders deep, between others. */
static inline void nested_tree(struct tree *tree, const char *name_of_it)
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

#endif
