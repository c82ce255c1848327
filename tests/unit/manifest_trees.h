/* Trees of made-up entries for the tests of the manifest. */
#ifndef HIKAE_TESTS_MANIFEST_TREES_H
#define HIKAE_TESTS_MANIFEST_TREES_H

#include "memory_blobs.h"

#include <stdio.h>
#include <stdlib.h>

struct tree {
    struct entry *entries;
    size_t count;
    size_t capacity;
    void **pool; /* all that entries point to */
    size_t pool_count;
    size_t pool_capacity;
    uint64_t random;
};

static inline uint64_t tree_random(struct tree *tree, uint64_t below)
{
    tree->random ^= tree->random << 13;
    tree->random ^= tree->random >> 7;
    tree->random ^= tree->random << 17;
    return (tree->random >> 8) % below;
}

static inline void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->pool_count; i++)
        mem_free(tree->pool[i]);
    mem_free(tree->pool);
    mem_free(tree->entries);
    *tree = (struct tree){0};
}

/* Zeroed memory that lives as long as the tree. */
static inline void *tree_alloc(struct tree *tree, size_t size)
{
    if (tree->pool_count == tree->pool_capacity) {
        tree->pool_capacity = tree->pool_capacity == 0 ? 1024 : 2 * tree->pool_capacity;
        tree->pool = mem_realloc(tree->pool, tree->pool_capacity * sizeof(*tree->pool));
        assert_non_null(tree->pool);
    }
    void *memory = mem_calloc(1, size);
    assert_non_null(memory);
    tree->pool[tree->pool_count++] = memory;
    return memory;
}

static inline struct bytes tree_bytes(struct tree *tree, const void *bytes, size_t size)
{
    uint8_t *copy = tree_alloc(tree, size + 1);
    if (size > 0)
        memcpy(copy, bytes, size);
    return (struct bytes){copy, size};
}

static inline struct bytes tree_text(struct tree *tree, const char *text)
{
    return tree_bytes(tree, text, strlen(text));
}

static inline struct bytes tree_join(struct tree *tree, const struct bytes *dir, const struct bytes *name)
{
    uint8_t *path = tree_alloc(tree, dir->size + name->size + 2), *p = path;
    if (dir->size > 0) {
        memcpy(p, dir->data, dir->size);
        p[dir->size] = '/';
        p += dir->size + 1;
    }
    memcpy(p, name->data, name->size);
    return (struct bytes){path, (size_t)(p - path) + name->size};
}

/* A plain entry; files have a content of one blob. The result is valid until the next one is added. */
static inline struct entry *tree_add(struct tree *tree, enum entry_type type, struct bytes dir, struct bytes name)
{
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity == 0 ? 1024 : 2 * tree->capacity;
        tree->entries = mem_realloc(tree->entries, tree->capacity * sizeof(*tree->entries));
        assert_non_null(tree->entries);
    }
    struct entry *entry = &tree->entries[tree->count++];
    *entry = (struct entry){.type = type, .dir = dir, .name = name, .mode = 0644, .uid = 1000, .gid = 100};
    entry->mtime_s = 1700000000 + (int64_t)tree_random(tree, 1000000);
    entry->mtime_ns = (uint32_t)tree_random(tree, 1000000000);
    entry->ctime_s = entry->mtime_s + (int64_t)tree_random(tree, 10);
    entry->ctime_ns = (uint32_t)tree_random(tree, 1000000000);
    entry->inode = 1000000 + tree_random(tree, 100000);
    if (type == ENTRY_FILE) {
        struct extent *extent = tree_alloc(tree, sizeof(*extent));
        *extent = (struct extent){.kind = EXTENT_DATA, .size = 1 + tree_random(tree, 100000)};
        put_u64(extent->id.bytes, tree_random(tree, UINT64_MAX));
        entry->size = extent->size;
        entry->content = (struct content){.extents = extent, .extent_count = 1};
    } else if (type == ENTRY_SYMLINK) {
        entry->link = tree_text(tree, "../elsewhere");
    }
    return entry;
}

/* ---- Random entries ---- */

/* Any bytes that a name may hold, mostly few, and often ones around '/'. */
static inline struct bytes tree_random_name(struct tree *tree)
{
    static uint8_t name[ENTRY_NAME_MAX];
    uint64_t dice = tree_random(tree, 200);
    size_t size = dice == 0 ? ENTRY_NAME_MAX : dice < 5 ? 255 : 1 + tree_random(tree, dice < 100 ? 3 : 20);
    for (size_t i = 0; i < size; i++) {
        uint64_t byte = dice % 2 == 0 ? 0x2c + tree_random(tree, 7) : 1 + tree_random(tree, 255);
        name[i] = byte == '/' ? 1 : (uint8_t)byte;
    }
    if (name[0] == '.' && size <= 2)
        name[0] = '0';
    return tree_bytes(tree, name, size);
}

static inline void tree_random_xattrs(struct tree *tree, struct entry *entry)
{
    size_t count = 1 + tree_random(tree, 5);
    struct xattr *xattrs = tree_alloc(tree, count * sizeof(*xattrs));
    char name[32];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "user.%zu-%llu", i, (unsigned long long)tree_random(tree, 100));
        xattrs[i].name = tree_text(tree, name);
        xattrs[i].in_blob = tree_random(tree, 4) == 0;
        if (xattrs[i].in_blob) {
            xattrs[i].blob_size = 1 + (uint32_t)tree_random(tree, ENTRY_XATTR_MAX);
            put_u64(xattrs[i].blob.bytes, tree_random(tree, UINT64_MAX));
        } else {
            static const uint8_t value[ENTRY_XATTR_INLINE_MAX];
            xattrs[i].value = tree_bytes(tree, value, tree_random(tree, ENTRY_XATTR_INLINE_MAX + 1));
        }
    }
    entry->xattrs = xattrs;
    entry->xattr_count = count;
}

static inline void tree_random_content(struct tree *tree, struct entry *entry, struct extent_builder *builder)
{
    static const size_t most[] = {0, 1, 1, 1, 3, ENTRY_EXTENTS_INLINE_MAX, 400, 3000};
    size_t wanted = most[tree_random(tree, tree_random(tree, 20) == 0 ? 8 : 6)];
    struct error err = {0};
    uint64_t size = 0;
    extent_builder_reset(builder);
    for (size_t i = 0; i < wanted; i++) {
        struct extent extent = {.kind = (enum extent_kind)tree_random(tree, 3), .size = 1 + tree_random(tree, 1 << 22)};
        extent.size = extent.size > BLOB_SIZE_MAX ? BLOB_SIZE_MAX : extent.size;
        for (size_t k = 0; extent.kind == EXTENT_DATA && k < BLOB_ID_SIZE; k++)
            extent.id.bytes[k] = (uint8_t)tree_random(tree, 256);
        size += extent.size;
        assert_int_equal(extent_builder_add(builder, &extent, &err), 0);
    }
    assert_int_equal(extent_builder_finish(builder, &entry->content, &err), 0);
    entry->size = size;
    if (entry->content.in_tree)
        return;
    struct extent *copy = tree_alloc(tree, (entry->content.extent_count + 1) * sizeof(*copy));
    for (size_t i = 0; i < entry->content.extent_count; i++)
        copy[i] = entry->content.extents[i];
    entry->content.extents = copy;
}

/* Everything that an entry can have, at random, edges included. */
static inline void tree_randomize(struct tree *tree, struct entry *entry, struct extent_builder *builder)
{
    static const char *const users[] = {"", "root", "user-with-a-longer-name"};
    static const int64_t times[] = {0, -1, 1700000000, INT64_MAX, INT64_MIN};
    entry->mode = (uint16_t)tree_random(tree, 010000);
    entry->uid = tree_random(tree, 20) == 0 ? UINT32_MAX : (uint32_t)tree_random(tree, 3);
    entry->gid = (uint32_t)tree_random(tree, 3);
    entry->user = tree_text(tree, users[tree_random(tree, 3)]);
    entry->group = tree_text(tree, users[tree_random(tree, 3)]);
    entry->file_flags = tree_random(tree, 4) == 0 ? (uint32_t)tree_random(tree, UINT32_MAX) : 0;
    if (tree_random(tree, 4) == 0) {
        entry->mtime_s = times[tree_random(tree, 5)];
        entry->ctime_s = times[tree_random(tree, 5)];
        entry->inode = tree_random(tree, 2) == 0 ? UINT64_MAX : 0;
    }
    entry->racy = tree_random(tree, 5) == 0;
    entry->changed = tree_random(tree, 10) == 0;
    if (tree_random(tree, 5) == 0)
        tree_random_xattrs(tree, entry);
    if (entry->type == ENTRY_FILE)
        tree_random_content(tree, entry, builder);
    if (entry->type == ENTRY_FILE && tree_random(tree, 20) == 0) {
        entry->unreadable = true;
        entry->content = (struct content){0};
    }
    if (entry->type == ENTRY_HARDLINK)
        entry->link = tree_text(tree, "!");
    if (entry->type == ENTRY_CHARACTER_DEVICE || entry->type == ENTRY_BLOCK_DEVICE) {
        entry->device_major = (uint32_t)tree_random(tree, UINT32_MAX);
        entry->device_minor = (uint32_t)tree_random(tree, 256);
    }
}

/* A random folder with all below it; not sorted. */
static inline void tree_random_folder(struct tree *tree, struct bytes dir, unsigned levels,
                                      struct extent_builder *builder)
{
    size_t count = tree_random(tree, 20);
    for (size_t i = 0; i < count; i++) {
        enum entry_type type = (enum entry_type)(1 + tree_random(tree, 8));
        type = tree_random(tree, 2) == 0 ? ENTRY_FILE : tree_random(tree, 2) == 0 ? ENTRY_DIRECTORY : type;
        struct bytes name = tree_random_name(tree);
        tree_randomize(tree, tree_add(tree, type, dir, name), builder);
        if (type == ENTRY_DIRECTORY && levels > 0)
            tree_random_folder(tree, tree_join(tree, &dir, &name), levels - 1, builder);
    }
}

/* One folder in the other, so many times, each with a file in it. */
static inline void tree_deep(struct tree *tree, struct bytes dir, unsigned levels)
{
    for (unsigned i = 0; i < levels; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "d%u", i);
        struct bytes folder = tree_text(tree, name);
        (void)tree_add(tree, ENTRY_DIRECTORY, dir, folder);
        (void)tree_add(tree, ENTRY_FILE, dir, tree_text(tree, "file"));
        dir = tree_join(tree, &dir, &folder);
    }
}

/* ---- The order, written down a second time and slowly ---- */

static inline size_t tree_components(const struct bytes *path, struct bytes *out, size_t max)
{
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= path->size && path->size > 0; i++) {
        if (i < path->size && path->data[i] != '/')
            continue;
        assert_true(count < max);
        out[count++] = (struct bytes){path->data + start, i - start};
        start = i + 1;
    }
    return count;
}

static inline int tree_compare_names(const struct bytes *a, const struct bytes *b)
{
    for (size_t i = 0; i < a->size && i < b->size; i++) {
        if (a->data[i] != b->data[i])
            return a->data[i] < b->data[i] ? -1 : 1;
    }
    return (a->size > b->size) - (a->size < b->size);
}

static inline int tree_compare(const void *a, const void *b)
{
    static struct bytes parts_a[2048], parts_b[2048];
    const struct entry *x = a, *y = b;
    size_t count_a = tree_components(&x->dir, parts_a, 2048), count_b = tree_components(&y->dir, parts_b, 2048);
    for (size_t i = 0; i < count_a && i < count_b; i++) {
        int order = tree_compare_names(&parts_a[i], &parts_b[i]);
        if (order != 0)
            return order;
    }
    if (count_a != count_b)
        return count_a < count_b ? -1 : 1;
    return tree_compare_names(&x->name, &y->name);
}

/* Sort, and leave out what has the same path as the one before. */
static inline void tree_sort(struct tree *tree)
{
    qsort(tree->entries, tree->count, sizeof(*tree->entries), tree_compare);
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++) {
        if (kept == 0 || tree_compare(&tree->entries[kept - 1], &tree->entries[i]) != 0)
            tree->entries[kept++] = tree->entries[i];
    }
    tree->count = kept;
}

/* ---- Comparing ---- */

static inline void assert_bytes_equal(const struct bytes *a, const struct bytes *b)
{
    assert_int_equal(a->size, b->size);
    assert_true(bytes_equal(a, b));
}

static inline void assert_contents_equal(const struct content *a, const struct content *b)
{
    assert_int_equal(a->in_tree, b->in_tree);
    assert_int_equal(a->extent_count, b->extent_count);
    if (a->in_tree) {
        assert_int_equal(a->depth, b->depth);
        assert_true(blob_id_equal(&a->root, &b->root));
        return;
    }
    for (size_t i = 0; i < a->extent_count; i++) {
        assert_int_equal(a->extents[i].kind, b->extents[i].kind);
        assert_int_equal(a->extents[i].size, b->extents[i].size);
        assert_true(blob_id_equal(&a->extents[i].id, &b->extents[i].id));
    }
}

static inline void assert_entries_equal(const struct entry *a, const struct entry *b, bool with_times)
{
    assert_bytes_equal(&a->dir, &b->dir);
    assert_bytes_equal(&a->name, &b->name);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_bytes_equal(&a->user, &b->user);
    assert_bytes_equal(&a->group, &b->group);
    assert_int_equal(a->file_flags, b->file_flags);
    assert_int_equal(a->size, b->size);
    assert_int_equal(with_times ? a->mtime_s : 0, b->mtime_s);
    assert_int_equal(with_times ? a->mtime_ns : 0, b->mtime_ns);
    assert_int_equal(with_times ? a->ctime_s : 0, b->ctime_s);
    assert_int_equal(with_times ? a->ctime_ns : 0, b->ctime_ns);
    assert_int_equal(with_times ? a->inode : 0, b->inode);
    assert_int_equal(with_times && a->racy, b->racy);
    assert_int_equal(a->changed, b->changed);
    assert_int_equal(a->unreadable, b->unreadable);
    assert_int_equal(a->device_major, b->device_major);
    assert_int_equal(a->device_minor, b->device_minor);
    assert_bytes_equal(&a->link, &b->link);
    assert_int_equal(a->xattr_count, b->xattr_count);
    for (size_t i = 0; i < a->xattr_count; i++) {
        const struct xattr *x = &a->xattrs[i], *y = &b->xattrs[i];
        assert_bytes_equal(&x->name, &y->name);
        assert_int_equal(x->in_blob, y->in_blob);
        assert_bytes_equal(&x->value, &y->value);
        assert_int_equal(x->blob_size, y->blob_size);
        assert_true(blob_id_equal(&x->blob, &y->blob));
    }
    assert_contents_equal(&a->content, &b->content);
}

/* A tenant's keyring with a dedup secret. */
/* A keyring with a dedup secret: another for another number. */
static inline struct keyring *tree_keyring_of(uint8_t number)
{
    const uint8_t key[32] = {number, 2, 3};
    struct keyring *keyring = keyring_new(&(struct id){{1}});
    struct key_row row = {.type = KEY_DEDUP, .generation = 1, .tid = {{1}}, .key_id = {{2}}};
    row.key = secret_copy(key, sizeof(key));
    assert_non_null(keyring);
    assert_non_null(row.key);
    assert_int_equal(keyring_add(keyring, &row, NULL), 0);
    secret_free(row.key);
    return keyring;
}

static inline struct keyring *tree_keyring(void)
{
    return tree_keyring_of(1);
}

#endif
