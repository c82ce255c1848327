/* Writing a leaf of the manifest (FORMAT.md §5, "Names leaf", "Times leaf"). */
#include "base/mem.h"
#include "repo/manifest_internal.h"

enum { FIXED_SIZE_MAX = 20 * VARINT_SIZE_MAX + BLOB_ID_SIZE };

void manifest_leaf_writer_release(struct manifest_leaf_writer *leaf)
{
    buf_free(&leaf->entries);
    buf_free(&leaf->times);
    buf_free(&leaf->rows);
    buf_free(&leaf->blob);
    buf_free(&leaf->key);
    buf_free(&leaf->dir);
    mem_free(leaf->owners);
    *leaf = (struct manifest_leaf_writer){0};
}

/* ---- The way from the last entry's folder to this one's ---- */

struct step {
    uint64_t pops; /* 0: the same folder */
    struct bytes push;
};

uint64_t entry_components(const uint8_t *path, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t count = 1;
    for (size_t i = 0; i < size; i++)
        count += path[i] == '/';
    return count;
}

/* Of two folders of which the first is, or lies below, what the second lies in. */
static struct step find_step(const struct bytes *last_dir, const struct bytes *dir)
{
    struct step step = {0};
    if (bytes_equal(last_dir, dir))
        return step;
    struct bytes parent;
    entry_path_split(dir, &parent, &step.push);
    size_t shared = parent.size;
    size_t skip = shared > 0 && shared < last_dir->size ? shared + 1 : shared;
    step.pops = 1 + (skip < last_dir->size ? entry_components(last_dir->data + skip, last_dir->size - skip) : 0);
    return step;
}

/* ---- Encoding ---- */

static bool owner_matches(const struct manifest_leaf_writer *leaf, size_t i, const struct entry *entry)
{
    const struct leaf_owner_row *row = &leaf->owners[i];
    if (row->uid != entry->uid || row->gid != entry->gid)
        return false;
    struct bytes user = {leaf->rows.data + row->user_at, row->user_size};
    struct bytes group = {leaf->rows.data + row->group_at, row->group_size};
    return bytes_equal(&user, &entry->user) && bytes_equal(&group, &entry->group);
}

static int add_owner(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err)
{
    if (leaf->owner_count == leaf->owner_capacity) {
        size_t capacity = leaf->owner_capacity == 0 ? 8 : 2 * leaf->owner_capacity;
        struct leaf_owner_row *grown = mem_realloc(leaf->owners, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        leaf->owners = grown;
        leaf->owner_capacity = capacity;
    }
    if (buf_reserve(&leaf->rows, 4 * VARINT_SIZE_MAX + entry->user.size + entry->group.size, err) != 0)
        return -1;
    uint8_t *p = leaf->rows.data + leaf->rows.size;
    p = store_varint(store_varint(p, entry->uid), entry->gid);
    p = store_string(p, &entry->user);
    size_t user_end = (size_t)(p - leaf->rows.data);
    p = store_string(p, &entry->group);
    leaf->rows.size = (size_t)(p - leaf->rows.data);
    leaf->owners[leaf->owner_count++] = (struct leaf_owner_row){.uid = entry->uid,
                                                                .gid = entry->gid,
                                                                .user_at = user_end - entry->user.size,
                                                                .user_size = entry->user.size,
                                                                .group_at = leaf->rows.size - entry->group.size,
                                                                .group_size = entry->group.size};
    return 0;
}

/* Find the entry's owner among the leaf's, or add it; its index is owner_last. */
static int find_owner(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err)
{
    if (leaf->owner_last < leaf->owner_count && owner_matches(leaf, leaf->owner_last, entry))
        return 0;
    size_t i = 0;
    while (i < leaf->owner_count && !owner_matches(leaf, i, entry))
        i++;
    if (i == leaf->owner_count && add_owner(leaf, entry, err) != 0)
        return -1;
    leaf->owner_last = i;
    return 0;
}

static uint8_t *store_xattrs(uint8_t *p, const struct entry *entry)
{
    p = store_varint(p, entry->xattr_count);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *x = &entry->xattrs[i];
        p = store_string(p, &x->name);
        *p++ = x->in_blob ? 1 : 0;
        if (x->in_blob)
            p = store_bytes(store_varint(p, x->blob_size), x->blob.bytes, BLOB_ID_SIZE);
        else
            p = store_string(p, &x->value);
    }
    return p;
}

static uint8_t *store_content(uint8_t *p, const struct entry *entry)
{
    const struct content *content = &entry->content;
    p = store_varint(p, entry->size);
    if (entry->size == 0 || entry->unreadable)
        return p;
    if (content->in_tree) {
        *p++ = 0;
        *p++ = content->depth;
        p = store_varint(p, content->extent_count);
        return store_bytes(p, content->root.bytes, BLOB_ID_SIZE);
    }
    p = store_varint(p, content->extent_count);
    for (size_t i = 0; i < content->extent_count; i++)
        p = extent_store(p, &content->extents[i]);
    return p;
}

static uint8_t *store_names(uint8_t *p, const struct entry *entry, const struct step *step, size_t owner)
{
    p = store_varint(p, step->pops);
    if (step->pops > 0)
        p = store_string(p, &step->push);
    *p++ = (uint8_t)entry->type;
    *p++ = (uint8_t)((entry->xattr_count > 0 ? 1 : 0) | (entry->file_flags != 0 ? 2 : 0) | (entry->changed ? 4 : 0) |
                     (entry->unreadable ? 8 : 0));
    p = store_string(p, &entry->name);
    p = store_varint(p, entry->mode);
    p = store_varint(p, owner);
    if (entry->file_flags != 0)
        p = store_varint(p, entry->file_flags);
    if (entry->xattr_count > 0)
        p = store_xattrs(p, entry);
    if (entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK)
        p = store_string(p, &entry->link);
    if (entry->type == ENTRY_CHARACTER_DEVICE || entry->type == ENTRY_BLOCK_DEVICE)
        p = store_varint(store_varint(p, entry->device_major), entry->device_minor);
    return entry->type == ENTRY_FILE ? store_content(p, entry) : p;
}

static uint8_t *store_times(uint8_t *p, const struct entry *entry, const struct manifest_leaf_writer *leaf)
{
    p = store_difference(p, (uint64_t)entry->mtime_s, leaf->mtime_s);
    p = store_varint(p, entry->mtime_ns);
    p = store_difference(p, (uint64_t)entry->ctime_s, (uint64_t)entry->mtime_s);
    p = store_varint(p, entry->ctime_ns);
    p = store_difference(p, entry->inode, leaf->inode);
    *p++ = entry->racy ? 1 : 0;
    return p;
}

/* An upper bound of what an entry's part of the names blob takes. */
static size_t most_names(const struct entry *entry, const struct step *step)
{
    size_t most = FIXED_SIZE_MAX + step->push.size + entry->name.size + entry->link.size;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *x = &entry->xattrs[i];
        most += x->name.size + (x->in_blob ? BLOB_ID_SIZE : x->value.size) + 2 * VARINT_SIZE_MAX + 1;
    }
    if (entry->type == ENTRY_FILE && !entry->content.in_tree)
        most += entry->content.extent_count * EXTENT_ENCODED_MAX;
    return most;
}

/* The first entry's path becomes the leaf's key. */
static int keep_key(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err)
{
    leaf->key.size = 0;
    if ((entry->dir.size > 0 &&
         (buf_append(&leaf->key, entry->dir.data, entry->dir.size, err) != 0 || buf_u8(&leaf->key, '/', err) != 0)))
        return -1;
    return buf_append(&leaf->key, entry->name.data, entry->name.size, err);
}

int manifest_leaf_add(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err)
{
    struct bytes last_dir = bytes_of_buf(&leaf->dir);
    /* The folder of a leaf's first entry is told by the inner node. */
    struct step step = leaf->count > 0 ? find_step(&last_dir, &entry->dir) : (struct step){0};
    if (buf_reserve(&leaf->entries, most_names(entry, &step), err) != 0 ||
        buf_reserve(&leaf->times, FIXED_SIZE_MAX, err) != 0 || find_owner(leaf, entry, err) != 0 ||
        (leaf->count == 0 && keep_key(leaf, entry, err) != 0))
        return -1;
    uint8_t *end = store_names(leaf->entries.data + leaf->entries.size, entry, &step, leaf->owner_last);
    leaf->entries.size = (size_t)(end - leaf->entries.data);
    end = store_times(leaf->times.data + leaf->times.size, entry, leaf);
    leaf->times.size = (size_t)(end - leaf->times.data);
    leaf->mtime_s = (uint64_t)entry->mtime_s;
    leaf->inode = entry->inode;
    leaf->bytes += entry->type == ENTRY_FILE ? entry->size : 0;
    if ((leaf->count == 0 || step.pops > 0) && buf_assign(&leaf->dir, entry->dir.data, entry->dir.size, err) != 0)
        return -1;
    leaf->count++;
    return 0;
}

size_t manifest_leaf_size(const struct manifest_leaf_writer *leaf)
{
    return leaf->entries.size + leaf->rows.size;
}

int manifest_leaf_seal(struct manifest_leaf_writer *leaf, struct error *err)
{
    struct buf *blob = &leaf->blob;
    blob->size = 0;
    if (buf_varint(blob, leaf->count, err) != 0 || buf_varint(blob, leaf->owner_count, err) != 0 ||
        buf_append(blob, leaf->rows.data, leaf->rows.size, err) != 0)
        return -1;
    return buf_append(blob, leaf->entries.data, leaf->entries.size, err);
}

void manifest_leaf_reset(struct manifest_leaf_writer *leaf)
{
    leaf->entries.size = 0;
    leaf->times.size = 0;
    leaf->rows.size = 0;
    leaf->owner_count = 0;
    leaf->owner_last = 0;
    leaf->count = 0;
    leaf->bytes = 0;
    leaf->mtime_s = 0;
    leaf->inode = 0;
}
