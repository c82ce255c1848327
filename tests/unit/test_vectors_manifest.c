/* Leaves and nodes of the manifest and of extent lists against the vectors of the independent reader. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "repo/manifest_internal.h"
#include "vectors.h"

enum { XATTRS_MAX = 4, EXTENTS_MAX = 8 };

/* An entry of the vectors, with what it points to. */
struct made_entry {
    struct entry entry;
    struct bytes owned[32];
    size_t owned_count;
    struct xattr xattrs[XATTRS_MAX];
    struct extent extents[EXTENTS_MAX];
};

static struct bytes own(struct made_entry *made, const json_t *value)
{
    assert_true(made->owned_count < sizeof(made->owned) / sizeof(made->owned[0]));
    struct bytes bytes = unhex(value);
    made->owned[made->owned_count++] = bytes;
    return bytes;
}

static void made_entry_clear(struct made_entry *made)
{
    for (size_t i = 0; i < made->owned_count; i++)
        release(&made->owned[i]);
}

/* The components of a folder, joined by '/'. */
static struct bytes join(struct made_entry *made, const json_t *folder)
{
    uint8_t *path = mem_alloc(4096);
    size_t size = 0, i;
    const json_t *component;
    assert_non_null(path);
    json_array_foreach(folder, i, component)
    {
        struct bytes name = unhex(component);
        assert_true(size + 1 + name.size <= 4096);
        if (i > 0)
            path[size++] = '/';
        memcpy(path + size, name.data, name.size);
        size += name.size;
        release(&name);
    }
    struct bytes bytes = {path, size};
    made->owned[made->owned_count++] = bytes;
    return bytes;
}

static int64_t item(const json_t *pair, size_t i)
{
    return json_integer_value(json_array_get(pair, i));
}

static void id_of(const json_t *value, struct blob_id *ret)
{
    struct bytes bytes = unhex(value);
    assert_int_equal(bytes.size, BLOB_ID_SIZE);
    memcpy(ret->bytes, bytes.data, BLOB_ID_SIZE);
    release(&bytes);
}

static struct extent extent_of(const json_t *value)
{
    struct extent extent = {.kind = (enum extent_kind)item(value, 0), .size = (uint64_t)item(value, 1)};
    if (extent.kind == EXTENT_DATA)
        id_of(json_array_get(value, 2), &extent.id);
    return extent;
}

static void make_content(struct made_entry *made, const json_t *from)
{
    struct content *content = &made->entry.content;
    const json_t *tree = json_object_get(from, "extent_tree"), *value;
    if (tree != NULL) {
        content->in_tree = true;
        content->depth = (uint8_t)number(tree, "depth");
        content->extent_count = (size_t)number(tree, "count");
        id_of(member(tree, "root"), &content->root);
        return;
    }
    size_t i;
    json_array_foreach(member(from, "extents"), i, value)
    {
        assert_true(i < EXTENTS_MAX);
        made->extents[i] = extent_of(value);
    }
    content->extents = made->extents;
    content->extent_count = json_array_size(member(from, "extents"));
}

static void make_xattrs(struct made_entry *made, const json_t *list_of_pairs)
{
    size_t i;
    const json_t *pair;
    json_array_foreach(list_of_pairs, i, pair)
    {
        assert_true(i < XATTRS_MAX);
        struct xattr *x = &made->xattrs[i];
        const json_t *value = json_array_get(pair, 1);
        *x = (struct xattr){.name = own(made, json_array_get(pair, 0)), .in_blob = json_is_array(value)};
        if (x->in_blob) {
            x->blob_size = (uint32_t)item(value, 0);
            id_of(json_array_get(value, 1), &x->blob);
        } else {
            x->value = own(made, value);
        }
    }
    made->entry.xattrs = made->xattrs;
    made->entry.xattr_count = json_array_size(list_of_pairs);
}

static void make_entry(struct made_entry *made, const json_t *from)
{
    memset(made, 0, sizeof(*made));
    struct entry *entry = &made->entry;
    const json_t *owner = member(from, "owner"), *device = member(from, "device");
    unsigned flags = (unsigned)number(from, "flags");
    entry->dir = join(made, member(from, "folder"));
    entry->name = own(made, member(from, "name"));
    entry->type = (enum entry_type)number(from, "type");
    entry->mode = (uint16_t)number(from, "mode");
    entry->uid = (uint32_t)item(owner, 0);
    entry->gid = (uint32_t)item(owner, 1);
    entry->user = own(made, json_array_get(owner, 2));
    entry->group = own(made, json_array_get(owner, 3));
    entry->file_flags = (uint32_t)number(from, "file_flags");
    entry->size = (uint64_t)number(from, "size");
    entry->mtime_s = item(member(from, "mtime"), 0);
    entry->mtime_ns = (uint32_t)item(member(from, "mtime"), 1);
    entry->ctime_s = item(member(from, "ctime"), 0);
    entry->ctime_ns = (uint32_t)item(member(from, "ctime"), 1);
    entry->inode = strtoull(text(from, "inode"), NULL, 10);
    entry->device_major = (uint32_t)item(device, 0);
    entry->device_minor = (uint32_t)item(device, 1);
    entry->link = own(made, member(from, "target"));
    entry->racy = json_is_true(member(from, "racy"));
    entry->changed = (flags & 4) != 0;
    entry->unreadable = (flags & 8) != 0;
    make_xattrs(made, member(from, "xattrs"));
    if (entry->type == ENTRY_FILE)
        make_content(made, from);
}

/* ---- Leaves ---- */

static void same_bytes(const struct bytes *a, const struct bytes *b)
{
    assert_true(bytes_equal(a, b));
}

static void same_content(const struct content *a, const struct content *b)
{
    assert_true(a->in_tree == b->in_tree && a->extent_count == b->extent_count && a->depth == b->depth);
    if (a->in_tree)
        assert_memory_equal(&a->root, &b->root, sizeof(a->root));
    for (size_t i = 0; !a->in_tree && i < a->extent_count; i++) {
        assert_true(a->extents[i].kind == b->extents[i].kind && a->extents[i].size == b->extents[i].size);
        assert_memory_equal(&a->extents[i].id, &b->extents[i].id, BLOB_ID_SIZE);
    }
}

static void same_entry(const struct entry *a, const struct entry *b)
{
    same_bytes(&a->dir, &b->dir);
    same_bytes(&a->name, &b->name);
    same_bytes(&a->user, &b->user);
    same_bytes(&a->group, &b->group);
    same_bytes(&a->link, &b->link);
    assert_true(a->type == b->type && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid);
    assert_true(a->file_flags == b->file_flags && a->size == b->size && a->inode == b->inode);
    assert_true(a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns);
    assert_true(a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns);
    assert_true(a->device_major == b->device_major && a->device_minor == b->device_minor);
    assert_true(a->racy == b->racy && a->changed == b->changed && a->unreadable == b->unreadable);
    assert_int_equal(a->xattr_count, b->xattr_count);
    for (size_t i = 0; i < a->xattr_count; i++) {
        const struct xattr *x = &a->xattrs[i], *y = &b->xattrs[i];
        same_bytes(&x->name, &y->name);
        assert_true(x->in_blob == y->in_blob && x->blob_size == y->blob_size);
        same_bytes(&x->value, &y->value);
        assert_memory_equal(&x->blob, &y->blob, sizeof(x->blob));
    }
    same_content(&a->content, &b->content);
}

static void check_leaf(const char *name)
{
    const json_t *vector = member(member(vectors, "manifest"), name), *value;
    struct bytes names = field_bytes(vector, "names"), times = field_bytes(vector, "times");
    struct bytes key = field_bytes(json_array_get(list(vector, "entries"), 0), "path");
    struct manifest_leaf_reader reader = {0};
    struct manifest_leaf_writer writer = {0};
    const struct entry *got;
    struct error err = {0};
    ok(manifest_leaf_open(&reader, &key, &names, &times, &err), &err);
    size_t i;
    json_array_foreach(member(vector, "entries"), i, value)
    {
        struct made_entry made;
        make_entry(&made, value);
        ok(manifest_leaf_next(&reader, &got, &err), &err);
        same_entry(got, &made.entry);
        ok(manifest_leaf_add(&writer, &made.entry, &err), &err);
        made_entry_clear(&made);
    }
    assert_int_equal(manifest_leaf_next(&reader, &got, &err), 0);
    ok(manifest_leaf_seal(&writer, &err), &err);
    assert_bytes(writer.blob.data, writer.blob.size, vector, "names");
    assert_bytes(writer.times.data, writer.times.size, vector, "times");
    manifest_leaf_reader_release(&reader);
    manifest_leaf_writer_release(&writer);
    release(&names);
    release(&times);
    release(&key);
}

static void test_leaf(void **state)
{
    (void)state;
    check_leaf("leaf");
}

static void test_leaf_inside_a_folder(void **state)
{
    (void)state;
    check_leaf("leaf_inside");
}

/* ---- Extents ---- */

static void test_extent_leaf(void **state)
{
    (void)state;
    const json_t *vector = member(member(vectors, "manifest"), "extent_leaf"), *value;
    struct bytes bytes = field_bytes(vector, "bytes");
    struct cursor c = cursor_of(bytes.data, bytes.size);
    uint8_t out[EXTENTS_MAX * EXTENT_ENCODED_MAX], *end = out;
    size_t i;
    json_array_foreach(list(vector, "extents"), i, value)
    {
        struct extent wanted = extent_of(value), got;
        assert_true(i < EXTENTS_MAX);
        extent_load(&c, &got);
        assert_true(!c.failed && got.kind == wanted.kind && got.size == wanted.size);
        assert_memory_equal(&got.id, &wanted.id, sizeof(got.id));
        end = extent_store(end, &wanted);
    }
    assert_true(cursor_done(&c));
    assert_bytes(out, (size_t)(end - out), vector, "bytes");
    release(&bytes);
}

/* Gives one blob, and keeps what is asked for after it. */
struct one_blob {
    struct bytes first;
    enum blob_type type;
    size_t asked;
    enum blob_type types[4];
    struct blob_id ids[4];
};

static int fetch_one(enum blob_type type, const struct blob_id *id, struct buf *out, void *context, struct error *err)
{
    struct one_blob *blobs = context;
    if (blobs->asked < 4) {
        blobs->types[blobs->asked] = type;
        blobs->ids[blobs->asked] = *id;
    }
    if (blobs->asked++ > 0)
        return error_set(err, ERROR_NOT_FOUND, "no other blob is here");
    out->size = 0;
    return buf_append(out, blobs->first.data, blobs->first.size, err);
}

static void test_extent_node(void **state)
{
    (void)state;
    const json_t *vector = member(member(vectors, "manifest"), "extent_node"), *value;
    struct one_blob blobs = {.first = field_bytes(vector, "bytes")};
    struct content content = {.in_tree = true, .depth = 1};
    uint64_t size = 0;
    size_t i;
    json_array_foreach(list(vector, "children"), i, value)
    {
        content.extent_count += (size_t)item(value, 0);
        size += (uint64_t)item(value, 1);
    }
    struct extent_reader *reader = NULL;
    struct extent extent;
    struct error err = {0};
    ok(extent_reader_new(&content, size, fetch_one, &blobs, &reader, &err), &err);
    assert_int_equal(extent_reader_next(reader, &extent, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(blobs.asked, 2);
    assert_true(blobs.types[0] == BLOB_EXTENT_TREE && blobs.types[1] == BLOB_EXTENTS);
    struct blob_id child;
    id_of(json_array_get(json_array_get(member(vector, "children"), 0), 2), &child);
    assert_true(blob_id_equal(&blobs.ids[1], &child));
    extent_reader_free(reader);
    release(&blobs.first);
}

/* ---- Nodes ---- */

/* The first child's ids are those that a reader asks for next. */
static void check_first_child(const json_t *vector, const struct manifest_root *root)
{
    const json_t *first = json_array_get(list(vector, "children"), 0);
    struct one_blob blobs = {.first = field_bytes(vector, "bytes")};
    struct manifest_reader *reader = NULL;
    const struct entry *entry;
    struct error err = {0};
    ok(manifest_reader_new(root, true, fetch_one, &blobs, &reader, &err), &err);
    assert_int_equal(manifest_reader_next(reader, &entry, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(blobs.asked, 2);
    assert_int_equal(blobs.types[1], root->depth == 1 ? BLOB_NAMES : BLOB_INNER);
    assert_bytes(blobs.ids[1].bytes, BLOB_ID_SIZE, first, "id");
    manifest_reader_free(reader);
    release(&blobs.first);
}

static void test_nodes(void **state)
{
    (void)state;
    size_t i, j;
    const json_t *vector, *child;
    json_array_foreach(list(member(vectors, "manifest"), "nodes"), i, vector)
    {
        struct manifest_root root = {.depth = (uint8_t)number(vector, "level")};
        struct bytes bytes = field_bytes(vector, "bytes");
        uint64_t entries = 0, sum = 0;
        struct error err = {0};
        json_array_foreach(list(vector, "children"), j, child)
        {
            root.entries += (uint64_t)number(child, "entries");
            root.bytes += (uint64_t)number(child, "bytes");
        }
        struct bytes key = field_bytes(vector, "key");
        ok(manifest_node_decode(&key, &bytes, root.depth, &entries, &sum, &err), &err);
        assert_true(entries == root.entries && sum == root.bytes);
        if (key.size == 0)
            check_first_child(vector, &root);
        release(&key);
        release(&bytes);
    }
}

static void test_cut_values(void **state)
{
    (void)state;
    struct keyring *keyring = vectors_keyring();
    uint8_t key[KEY_SIZE];
    struct error err = {0};
    ok(keyring_derive(keyring, "hikae1 manifest cut", key, sizeof(key), &err), &err);
    struct hmac *hmac = hmac_new(key, sizeof(key));
    assert_non_null(hmac);
    size_t i;
    const json_t *vector;
    json_array_foreach(list(member(vectors, "manifest"), "cuts"), i, vector)
    {
        struct bytes name = field_bytes(vector, "name");
        uint8_t level = (uint8_t)number(vector, "level"), mac[SHA256_SIZE];
        ok(hmac_sha256(hmac, &level, 1, name.data, name.size, mac, &err), &err);
        assert_true(get_u32(mac) == (uint32_t)number(vector, "value"));
        release(&name);
    }
    hmac_free(hmac);
    keyring_free(keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaf),        cmocka_unit_test(test_leaf_inside_a_folder),
        cmocka_unit_test(test_extent_leaf), cmocka_unit_test(test_extent_node),
        cmocka_unit_test(test_nodes),       cmocka_unit_test(test_cut_values),
    };
    return cmocka_run_group_tests(tests, vectors_load, vectors_release);
}
