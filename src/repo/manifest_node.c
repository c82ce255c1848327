/*
 * Reading an inner node of the manifest (FORMAT.md §5). Children are decoded
 * one at a time, because keys that share long beginnings could make a small
 * node into gigabytes.
 */
#include "repo/manifest_internal.h"

enum { CHILD_SIZE_MIN = 5 + BLOB_ID_SIZE };

void manifest_node_release(struct manifest_node_reader *node)
{
    buf_free(&node->blob);
    buf_free(&node->own);
    buf_free(&node->key);
}

static int key_append(struct buf *key, const struct bytes *names, struct error *err)
{
    if (key->size > 0 && buf_u8(key, '/', err) != 0)
        return -1;
    return buf_append(key, names->data, names->size, err);
}

/* The key of the first child is the node's own, and is there already; every other one is a way from the one before. */
static int node_next_key(struct manifest_node_reader *node, struct cursor *c, struct error *err)
{
    struct bytes dir = bytes_of_buf(&node->key), last, push = {NULL, 0};
    if (node->place.left == node->count)
        return 0;
    entry_path_split(&dir, &dir, &last);
    uint64_t pops = load_varint(c);
    if (pops > 0)
        push = load_string(c, ENTRY_PATH_MAX);
    struct bytes name = load_string(c, ENTRY_NAME_MAX);
    if (c->failed || !entry_name_is_valid(&name) || (pops > 0 && !entry_path_is_valid(&push)))
        return manifest_damaged(err, "the key of a node's child is not valid");
    if (pops == 0 && entry_name_compare(&last, &name) >= 0)
        return manifest_damaged(err, "the keys of a node are not in order");
    if (pops > 0 && manifest_leave_dir(&dir, pops - 1, &push, err) != 0)
        return -1;
    size_t folder = dir.size + push.size + (dir.size > 0 && pops > 0 ? 1 : 0);
    if (folder + 1 + name.size > ENTRY_PATH_MAX)
        return manifest_damaged(err, "the key of a node's child is too long");
    node->key.size = dir.size;
    if (pops > 0 && key_append(&node->key, &push, err) != 0)
        return -1;
    return key_append(&node->key, &name, err);
}

int manifest_node_next(struct manifest_node_reader *node, struct error *err)
{
    struct cursor *c = &node->place.cursor;
    struct manifest_child *child = &node->place.child;
    if (node_next_key(node, c, err) != 0)
        return -1;
    child->entries = load_varint(c);
    child->bytes = load_varint(c);
    cursor_copy(c, child->id.bytes, BLOB_ID_SIZE);
    if (node->level == 1)
        cursor_copy(c, child->times.bytes, BLOB_ID_SIZE);
    if (c->failed || child->entries == 0)
        return manifest_damaged(err, "a child of a node is not valid");
    node->place.left--;
    return 0;
}

int manifest_node_begin(struct manifest_node_reader *node, uint8_t level, struct error *err)
{
    struct cursor c = cursor_of(node->blob.data, node->blob.size);
    uint8_t own_level = load_u8(&c);
    uint64_t count = load_capped(&c, MANIFEST_CHILDREN_MAX);
    if (c.failed || own_level != level || count == 0 || count > c.left / CHILD_SIZE_MIN + 1)
        return manifest_damaged(err, "the level of a node or its number of children is not valid");
    node->level = level;
    node->count = (uint32_t)count;
    if (buf_assign(&node->key, node->own.data, node->own.size, err) != 0)
        return -1;
    node->place = (struct manifest_node_place){.cursor = c, .left = (uint32_t)count};
    return 0;
}

int manifest_node_check(struct manifest_node_reader *node, uint8_t level, const struct bytes *key,
                        uint64_t *ret_entries, uint64_t *ret_bytes, struct error *err)
{
    uint64_t entries = 0, bytes = 0;
    if (buf_assign(&node->own, key->data, key->size, err) != 0 || manifest_node_begin(node, level, err) != 0)
        return -1;
    while (node->place.left > 0) {
        if (manifest_node_next(node, err) != 0)
            return -1;
        if (__builtin_add_overflow(entries, node->place.child.entries, &entries) ||
            __builtin_add_overflow(bytes, node->place.child.bytes, &bytes))
            return manifest_damaged(err, "the sums of a node are out of range");
    }
    if (!cursor_done(&node->place.cursor))
        return manifest_damaged(err, "bytes are left over behind the children of a node");
    *ret_entries = entries;
    *ret_bytes = bytes;
    return 0;
}

int manifest_node_decode(const struct bytes *key, const struct bytes *blob, uint8_t level, uint64_t *ret_entries,
                         uint64_t *ret_bytes, struct error *err)
{
    if (key->size > 0 && !entry_path_is_valid(key))
        return manifest_damaged(err, "the key of a node is not a path");
    struct manifest_node_reader node = {0};
    int rc = buf_append(&node.blob, blob->data, blob->size, err);
    if (rc == 0)
        rc = manifest_node_check(&node, level, key, ret_entries, ret_bytes, err);
    manifest_node_release(&node);
    return rc;
}
