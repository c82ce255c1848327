/* The manifest: every byte of a small one turned over, blobs exchanged; and what the builder refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest_trees.h"
#include "repo/manifest_internal.h"

/* ---- A small manifest, turned over byte by byte ---- */

struct fixture {
    struct memory_blobs blobs;
    struct tree tree;
    struct manifest_root root;
    struct extent_builder *extents;
};

static void fixture_build(struct fixture *f, unsigned mean, unsigned fan_out)
{
    struct keyring *keyring = tree_keyring();
    struct manifest_builder *builder;
    struct error err = {0};
    assert_int_equal(manifest_builder_new(keyring, mean, fan_out, memory_blobs_put, &f->blobs, &builder, &err), 0);
    for (size_t i = 0; i < f->tree.count; i++)
        assert_int_equal(manifest_builder_add(builder, &f->tree.entries[i], &err), 0);
    assert_int_equal(manifest_builder_finish(builder, &f->root, &err), 0);
    manifest_builder_free(builder);
    keyring_free(keyring);
}

static void fixture_open(struct fixture *f)
{
    *f = (struct fixture){.tree = {.random = 4711}};
    f->extents = extent_builder_new(memory_blobs_put, &f->blobs);
    assert_non_null(f->extents);
    struct bytes none = tree_text(&f->tree, ""), source = tree_text(&f->tree, "s"), dir = source;
    (void)tree_add(&f->tree, ENTRY_DIRECTORY, none, source);
    for (unsigned i = 0; i < 60; i++) {
        static const enum entry_type types[] = {ENTRY_FILE,     ENTRY_SYMLINK, ENTRY_FILE,
                                                ENTRY_HARDLINK, ENTRY_FIFO,    ENTRY_BLOCK_DEVICE};
        char text[16];
        (void)snprintf(text, sizeof(text), "name-%u", i);
        struct bytes name = tree_text(&f->tree, text);
        enum entry_type type = i % 7 == 3 ? ENTRY_DIRECTORY : types[i % 6];
        struct entry *entry = tree_add(&f->tree, type, dir, name);
        tree_randomize(&f->tree, entry, f->extents);
        /* Short values: every byte of them costs four reads of the manifest. */
        struct xattr *xattrs = tree_alloc(&f->tree, (entry->xattr_count + 1) * sizeof(*xattrs));
        for (size_t k = 0; k < entry->xattr_count; k++) {
            xattrs[k] = entry->xattrs[k];
            if (!xattrs[k].in_blob)
                xattrs[k].value.size %= 8;
        }
        entry->xattrs = xattrs;
        if (type == ENTRY_DIRECTORY)
            dir = tree_join(&f->tree, &dir, &name);
    }
    tree_sort(&f->tree);
    fixture_build(f, 6, 3);
}

static void fixture_close(struct fixture *f)
{
    extent_builder_free(f->extents);
    tree_free(&f->tree);
    memory_blobs_free(&f->blobs);
}

static int ignore_blob(enum blob_type type, const struct blob_id *id, void *context, struct error *err)
{
    (void)type;
    (void)id;
    (void)context;
    (void)err;
    return 0;
}

static bool is_refusal(const struct error *err)
{
    return err->class == ERROR_DAMAGED || err->class == ERROR_NOT_FOUND;
}

/* Read everything in all ways. Whatever a damaged manifest gives must be as well-formed as a sound one. */
static void read_damaged(struct fixture *f)
{
    struct error err = {0};
    struct manifest_reader *reader;
    assert_int_equal(manifest_reader_new(&f->root, true, memory_blobs_get, &f->blobs, &reader, &err), 0);
    const struct entry *entry;
    struct entry *last = NULL;
    uint64_t count = 0, bytes = 0;
    int rc;
    while ((rc = manifest_reader_next(reader, &entry, &err)) == 1) {
        assert_true(entry_name_is_valid(&entry->name));
        assert_true(entry->dir.size == 0 || entry_path_is_valid(&entry->dir));
        if (last != NULL)
            assert_true(entry_path_compare(&last->dir, &last->name, &entry->dir, &entry->name) < 0);
        entry_free(last);
        last = entry_dup(entry);
        assert_non_null(last);
        count++;
        bytes += entry->type == ENTRY_FILE ? entry->size : 0;
    }
    entry_free(last);
    assert_true(rc == 0 ? count == f->root.entries && bytes == f->root.bytes : is_refusal(&err));
    const struct entry *target = &f->tree.entries[f->tree.count / 2];
    assert_true(manifest_reader_seek(reader, &target->dir, &target->name, &err) == 0 || is_refusal(&err));
    manifest_reader_free(reader);
    assert_true(manifest_walk_blobs(&f->root, memory_blobs_get, &f->blobs, ignore_blob, NULL, &err) == 0 ||
                is_refusal(&err));
}

static void test_every_byte(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    struct fixture f;
    fixture_open(&f);
    assert_in_range(f.root.depth, 2, 8);
    for (size_t i = 0; i < f.blobs.capacity; i++) {
        struct memory_blob *blob = &f.blobs.slots[i];
        size_t step = blob->type == BLOB_EXTENTS ? 1 + blob->size / 100 : 1;
        for (size_t at = 0; blob->bytes != NULL && at < blob->size; at += step) {
            for (size_t k = 0; k < sizeof(flips); k++) {
                blob->bytes[at] ^= flips[k];
                read_damaged(&f);
                blob->bytes[at] ^= flips[k];
            }
            /* And cut off there. */
            size_t size = blob->size;
            blob->size = at;
            read_damaged(&f);
            blob->size = size;
        }
    }
    read_damaged(&f);
    fixture_close(&f);
}

static void test_exchanged_blobs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    /* Any two blobs of the same type in each other's place: never taken for sound, unless they are alike. */
    for (size_t i = 0; i < f.blobs.capacity; i++) {
        for (size_t k = 0; k < i; k++) {
            struct memory_blob *a = &f.blobs.slots[i], *b = &f.blobs.slots[k];
            if (a->bytes == NULL || b->bytes == NULL || a->type != b->type)
                continue;
            struct memory_blob kept_a = *a, kept_b = *b;
            a->bytes = kept_b.bytes, a->size = kept_b.size;
            b->bytes = kept_a.bytes, b->size = kept_a.size;
            read_damaged(&f);
            *a = kept_a;
            *b = kept_b;
        }
    }
    fixture_close(&f);
}

static void test_roots(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (unsigned i = 0; i < 7; i++) {
        struct manifest_root root = f.root;
        struct manifest_reader *reader = NULL;
        struct error err = {0};
        const struct entry *entry;
        root.entries += i == 1 ? 1 : i == 2 ? UINT64_MAX : 0;
        root.bytes += i == 3;
        root.depth = i == 4 ? 0 : i == 5 ? MANIFEST_DEPTH_MAX + 1 : root.depth;
        root.depth = (uint8_t)(root.depth - (i == 6));
        int rc = manifest_reader_new(&root, true, memory_blobs_get, &f.blobs, &reader, &err);
        if (rc == 0)
            rc = manifest_reader_next(reader, &entry, &err);
        assert_int_equal(rc, i == 0 ? 1 : -1);
        assert_int_equal(err.class, i == 0 ? ERROR_NONE : ERROR_DAMAGED);
        manifest_reader_free(reader);
    }
    fixture_close(&f);
}

/* ---- What the builder refuses ---- */

static void refuse(struct manifest_builder *builder, const struct entry *entry, enum error_class class)
{
    struct error err = {0};
    assert_int_equal(manifest_builder_add(builder, entry, &err), -1);
    assert_int_equal(err.class, class);
    assert_true(class != ERROR_SOURCE || err.hint[0] != '\0');
}

static void test_builder_refuses(void **state)
{
    (void)state;
    struct memory_blobs blobs = {0};
    struct error err = {0};
    struct keyring *keyring = tree_keyring();
    struct manifest_builder *builder;
    struct manifest_root root;
    assert_int_equal(manifest_builder_new(keyring, 0, 1, memory_blobs_put, &blobs, &builder, &err), -1);
    assert_int_equal(manifest_builder_new(keyring, 0, 100000, memory_blobs_put, &blobs, &builder, &err), -1);
    assert_int_equal(manifest_builder_new(keyring, 0, 0, memory_blobs_put, &blobs, &builder, &err), 0);
    assert_int_equal(manifest_builder_finish(builder, &root, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);

    struct tree tree = {.random = 17};
    struct extent extents[2] = {{.kind = EXTENT_HOLE, .size = 5}, {.kind = EXTENT_DATA, .size = 5}};
    const struct entry good = {.dir = bytes_of("s/b"),
                               .name = bytes_of("m"),
                               .type = ENTRY_FILE,
                               .size = 10,
                               .content = {.extents = extents, .extent_count = 2}};
    struct entry source = {.dir = bytes_of(""), .name = bytes_of("s"), .type = ENTRY_DIRECTORY};
    struct entry first = {.dir = bytes_of("s"), .name = bytes_of("b"), .type = ENTRY_DIRECTORY};
    refuse(builder, &first, ERROR_INTERNAL);
    assert_int_equal(manifest_builder_add(builder, &source, &err), 0);
    assert_int_equal(manifest_builder_add(builder, &first, &err), 0);
    assert_int_equal(manifest_builder_add(builder, &good, &err), 0);
    struct entry next = good;
    next.name = bytes_of("n");

    static const char *const places[][2] = {{"s/b", "m"},    {"s/b", "l"},   {"s/a", "z"},   {"s", "z"},
                                            {"", "s"},       {"s/c/d", "x"}, {"t/u", "x"},   {"s/b/", "x"},
                                            {"s/b/..", "x"}, {"s/b", ""},    {"s/b", ".."},  {"s/b", "n/n"},
                                            {"s//b", "x"},   {"/s", "x"},    {"s/bb/c", "x"}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct entry entry = next;
        entry.dir = bytes_of(places[i][0]);
        entry.name = bytes_of(places[i][1]);
        refuse(builder, &entry, ERROR_INTERNAL);
    }
    struct entry entry;
#define REFUSE(class, change)                                                                                          \
    do {                                                                                                               \
        entry = next;                                                                                                  \
        change;                                                                                                        \
        refuse(builder, &entry, class);                                                                                \
    } while (0)
    struct bytes huge = tree_bytes(&tree, NULL, 0);
    uint8_t *many = tree_alloc(&tree, ENTRY_LINK_MAX + 2);
    memset(many, 'x', ENTRY_LINK_MAX + 1);
    huge = (struct bytes){many, ENTRY_LINK_MAX + 1};
    struct xattr *xattrs = tree_alloc(&tree, (ENTRY_XATTR_COUNT_MAX + 1) * sizeof(*xattrs));
    REFUSE(ERROR_INTERNAL, entry.type = (enum entry_type)0);
    REFUSE(ERROR_INTERNAL, entry.type = (enum entry_type)9);
    REFUSE(ERROR_INTERNAL, entry.mode = 010000);
    REFUSE(ERROR_INTERNAL, entry.mtime_ns = 1000000000);
    REFUSE(ERROR_INTERNAL, entry.ctime_ns = 1000000000);
    REFUSE(ERROR_INTERNAL, entry.size = 9);
    REFUSE(ERROR_INTERNAL, entry.size = FILE_SIZE_MAX + 1);
    REFUSE(ERROR_INTERNAL, entry.content.extent_count = 0);
    REFUSE(ERROR_INTERNAL, entry.content.extent_count = ENTRY_EXTENTS_INLINE_MAX + 1);
    REFUSE(ERROR_INTERNAL, (entry.content.in_tree = true, entry.content.extent_count = 0));
    REFUSE(ERROR_INTERNAL, (entry.content.in_tree = true, entry.content.depth = EXTENT_DEPTH_MAX + 1));
    REFUSE(ERROR_SOURCE, entry.dir = huge);
    REFUSE(ERROR_SOURCE, entry.user = huge);
    REFUSE(ERROR_SOURCE, entry.group = huge);
    REFUSE(ERROR_SOURCE, (entry.type = ENTRY_SYMLINK, entry.link = huge));
    REFUSE(ERROR_INTERNAL, (entry.type = ENTRY_SYMLINK, entry.link = (struct bytes){(const uint8_t *)"a\0b", 3}));
    REFUSE(ERROR_INTERNAL, (entry.type = ENTRY_HARDLINK, entry.link = bytes_of("")));
    REFUSE(ERROR_INTERNAL, (entry.type = ENTRY_HARDLINK, entry.link = bytes_of("s/b/n")));
    REFUSE(ERROR_SOURCE, (entry.xattrs = xattrs, entry.xattr_count = ENTRY_XATTR_COUNT_MAX + 1));
    REFUSE(ERROR_INTERNAL, (entry.xattrs = xattrs, entry.xattr_count = 1));
    xattrs[0].name = xattrs[1].name = bytes_of("user.x");
    REFUSE(ERROR_INTERNAL, (entry.xattrs = xattrs, entry.xattr_count = 2));
    xattrs[0].value = huge;
    REFUSE(ERROR_INTERNAL, (entry.xattrs = xattrs, entry.xattr_count = 1));
    xattrs[0].in_blob = true;
    REFUSE(ERROR_INTERNAL, (entry.xattrs = xattrs, entry.xattr_count = 1));
    extents[1].size = 0;
    REFUSE(ERROR_INTERNAL, entry.size = 5);
    extents[1].size = 5;
#undef REFUSE

    /* None of it left a trace: the next entry goes in, and the manifest is the one without the refused. */
    assert_int_equal(manifest_builder_add(builder, &next, &err), 0);
    assert_int_equal(manifest_builder_finish(builder, &root, &err), 0);
    assert_int_equal(root.entries, 4);
    assert_int_equal(root.bytes, 20);
    assert_int_equal(manifest_builder_add(builder, &next, &err), -1);
    struct manifest_reader *reader;
    const struct entry *read;
    assert_int_equal(manifest_reader_new(&root, true, memory_blobs_get, &blobs, &reader, &err), 0);
    assert_int_equal(manifest_reader_next(reader, &read, &err), 1);
    assert_entries_equal(&source, read, true);
    assert_int_equal(manifest_reader_next(reader, &read, &err), 1);
    assert_entries_equal(&first, read, true);
    assert_int_equal(manifest_reader_next(reader, &read, &err), 1);
    assert_entries_equal(&good, read, true);
    assert_int_equal(manifest_reader_next(reader, &read, &err), 1);
    assert_entries_equal(&next, read, true);
    assert_int_equal(manifest_reader_next(reader, &read, &err), 0);
    manifest_reader_free(reader);
    manifest_reader_free(NULL);
    manifest_builder_free(builder);
    manifest_builder_free(NULL);
    keyring_free(keyring);
    tree_free(&tree);
    memory_blobs_free(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_exchanged_blobs),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_builder_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
