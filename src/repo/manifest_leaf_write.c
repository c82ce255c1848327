/* Writing a leaf of the manifest: the checks of an entry and its encoding (FORMAT.md §5, "Names leaf", "Times leaf").
 */
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
    buf_free(&leaf->name);
    mem_free(leaf->owners);
    *leaf = (struct manifest_leaf_writer){0};
}

/* ---- Checks: what the reader would refuse must not be written ---- */

/* The entry as the caller must not have made it: a defect in hikae. */
static int wrong(struct error *err, const struct entry *entry, const char *what)
{
    int shown = entry->name.size < 200 ? (int)entry->name.size : 200;
    return error_set(err, ERROR_INTERNAL, "the entry \"%.*s\" cannot be added to the manifest: %s", shown,
                     entry->name.size > 0 ? (const char *)entry->name.data : "", what);
}

/* The entry is sound but longer than a snapshot can hold. */
static int too_long(struct error *err, const struct entry *entry, const char *what)
{
    int shown = entry->name.size < 200 ? (int)entry->name.size : 200;
    (void)error_set(err, ERROR_SOURCE, "\"%.*s\" cannot be backed up: %s", shown, (const char *)entry->name.data, what);
    return error_hint(err, "Shorten it, or exclude it from the source.");
}

static int check_extents(const struct entry *entry, struct error *err)
{
    const struct content *content = &entry->content;
    if (content->in_tree) {
        if (content->extent_count == 0 || content->depth > EXTENT_DEPTH_MAX)
            return wrong(err, entry, "its extent list has no extents, or too many levels");
        return 0;
    }
    if (content->extent_count == 0 || content->extent_count > ENTRY_EXTENTS_INLINE_MAX)
        return wrong(err, entry, "its number of extents is out of range");
    uint64_t sum = 0;
    for (size_t i = 0; i < content->extent_count; i++) {
        const struct extent *extent = &content->extents[i];
        if (!extent_is_valid(extent) || __builtin_add_overflow(sum, extent->size, &sum))
            return wrong(err, entry, "one of its extents is out of range");
    }
    return sum == entry->size ? 0 : wrong(err, entry, "its extents do not add up to its size");
}

static int check_xattrs(const struct entry *entry, size_t *ret_size, struct error *err)
{
    size_t size = 0;
    if (entry->xattr_count > ENTRY_XATTR_COUNT_MAX)
        return too_long(err, entry, "it has too many extended attributes");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *x = &entry->xattrs[i];
        if (x->name.size == 0 || x->name.size > ENTRY_XATTR_NAME_MAX || memchr(x->name.data, '\0', x->name.size))
            return wrong(err, entry, "the name of an extended attribute is not valid");
        if (i > 0 && entry_name_compare(&entry->xattrs[i - 1].name, &x->name) >= 0)
            return wrong(err, entry, "its extended attributes are not sorted");
        if (x->in_blob ? x->blob_size == 0 || x->blob_size > ENTRY_XATTR_MAX : x->value.size > ENTRY_XATTR_INLINE_MAX)
            return wrong(err, entry, "the size of an extended attribute is out of range");
        size += x->name.size + (x->in_blob ? BLOB_ID_SIZE : x->value.size) + 2 * VARINT_SIZE_MAX + 1;
    }
    *ret_size = size;
    return 0;
}

static int check_link(const struct entry *entry, struct error *err)
{
    if (entry->link.size > ENTRY_LINK_MAX)
        return too_long(err, entry, "what the link holds is too long");
    if (entry->type == ENTRY_SYMLINK) {
        if (entry->link.size > 0 && memchr(entry->link.data, '\0', entry->link.size) != NULL)
            return wrong(err, entry, "what the link holds has a NUL in it");
        return 0;
    }
    struct bytes dir, name;
    if (!entry_path_is_valid(&entry->link))
        return wrong(err, entry, "the first name of the hard link is not a path");
    entry_path_split(&entry->link, &dir, &name);
    if (entry_path_compare(&dir, &name, &entry->dir, &entry->name) >= 0)
        return wrong(err, entry, "the first name of the hard link does not come earlier");
    return 0;
}

static int check_entry(const struct entry *entry, size_t *ret_xattrs_size, struct error *err)
{
    if (!entry_name_is_valid(&entry->name))
        return wrong(err, entry, "its name is not valid");
    if (entry->dir.size + 1 + entry->name.size > ENTRY_PATH_MAX)
        return too_long(err, entry, "its path is too long");
    if (entry->type < ENTRY_FILE || entry->type > ENTRY_SOCKET || entry->mode > ENTRY_MODE_MAX)
        return wrong(err, entry, "its type or mode is not valid");
    if (entry->mtime_ns > ENTRY_NS_MAX || entry->ctime_ns > ENTRY_NS_MAX)
        return wrong(err, entry, "its times have a second or more of nanoseconds");
    if (entry->user.size > ENTRY_OWNER_NAME_MAX || entry->group.size > ENTRY_OWNER_NAME_MAX)
        return too_long(err, entry, "the name of its user or group is too long");
    if ((entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK) && check_link(entry, err) != 0)
        return -1;
    *ret_xattrs_size = 0;
    if (entry->xattr_count > 0 && check_xattrs(entry, ret_xattrs_size, err) != 0)
        return -1;
    if (entry->type != ENTRY_FILE)
        return 0;
    if (entry->size > FILE_SIZE_MAX)
        return wrong(err, entry, "its size is out of range");
    return entry->size > 0 && !entry->unreadable ? check_extents(entry, err) : 0;
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

static int find_step(const struct manifest_leaf_writer *leaf, const struct entry *entry, struct step *ret,
                     struct error *err)
{
    *ret = (struct step){0};
    struct bytes last_dir = bytes_of_buf(&leaf->dir), last_name = bytes_of_buf(&leaf->name);
    if (!leaf->any)
        return entry->dir.size == 0 || entry_path_is_valid(&entry->dir) ? 0
                                                                        : wrong(err, entry, "its folder is not valid");
    if (bytes_equal(&last_dir, &entry->dir)) {
        if (entry_name_compare(&last_name, &entry->name) >= 0)
            return wrong(err, entry, "it does not come after the entry before");
        return 0;
    }
    if (entry_dir_compare(&last_dir, &entry->dir) >= 0)
        return wrong(err, entry, "its folder does not come after the folder before");
    struct bytes parent;
    entry_path_split(&entry->dir, &parent, &ret->push);
    if (!entry_name_is_valid(&ret->push))
        return wrong(err, entry, "its folder is not valid");
    /* The folder's own entry lies in its parent, so the last folder is that parent or lies somewhere below it. */
    size_t shared = parent.size;
    if (shared > last_dir.size || (shared > 0 && memcmp(parent.data, last_dir.data, shared) != 0) ||
        (shared > 0 && shared < last_dir.size && last_dir.data[shared] != '/'))
        return wrong(err, entry, "the folder above its own has no entry before it");
    size_t skip = shared > 0 && shared < last_dir.size ? shared + 1 : shared;
    ret->pops = 1 + (skip < last_dir.size ? entry_components(last_dir.data + skip, last_dir.size - skip) : 0);
    return 0;
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

/*
 * The first entry's path becomes the leaf's key; every entry's folder and name are where the next one is compared.
 * Room first: a failure must leave the place of the entry before.
 */
static int keep_place(struct manifest_leaf_writer *leaf, const struct entry *entry, bool new_dir, struct error *err)
{
    if (leaf->count == 0)
        leaf->key.size = 0;
    if ((leaf->count == 0 && buf_reserve(&leaf->key, entry->dir.size + 1 + entry->name.size, err) != 0) ||
        (new_dir && entry->dir.size > leaf->dir.size &&
         buf_reserve(&leaf->dir, entry->dir.size - leaf->dir.size, err) != 0) ||
        buf_reserve(&leaf->name, ENTRY_NAME_MAX, err) != 0)
        return -1;
    (void)store_bytes(leaf->name.data, entry->name.data, entry->name.size);
    leaf->name.size = entry->name.size;
    if (new_dir) {
        (void)store_bytes(leaf->dir.data, entry->dir.data, entry->dir.size);
        leaf->dir.size = entry->dir.size;
    }
    if (leaf->count > 0)
        return 0;
    uint8_t *p = store_bytes(leaf->key.data, entry->dir.data, entry->dir.size);
    if (entry->dir.size > 0)
        *p++ = '/';
    p = store_bytes(p, entry->name.data, entry->name.size);
    leaf->key.size = (size_t)(p - leaf->key.data);
    return 0;
}

int manifest_leaf_add(struct manifest_leaf_writer *leaf, const struct entry *entry, struct error *err)
{
    size_t xattrs_size = 0;
    struct step step;
    if (check_entry(entry, &xattrs_size, err) != 0 || find_step(leaf, entry, &step, err) != 0)
        return -1;
    uint64_t bytes = leaf->bytes;
    if (entry->type == ENTRY_FILE && __builtin_add_overflow(bytes, entry->size, &bytes))
        return too_long(err, entry, "the sizes of the files add up to more than 2^64 bytes");
    size_t extents = entry->type == ENTRY_FILE && !entry->content.in_tree ? entry->content.extent_count : 0;
    size_t most = FIXED_SIZE_MAX + step.push.size + entry->name.size + entry->link.size + xattrs_size +
                  (extents <= ENTRY_EXTENTS_INLINE_MAX ? extents : 0) * EXTENT_ENCODED_MAX;
    bool new_dir = !leaf->any || step.pops > 0;
    if (buf_reserve(&leaf->entries, most, err) != 0 || buf_reserve(&leaf->times, FIXED_SIZE_MAX, err) != 0 ||
        find_owner(leaf, entry, err) != 0 || keep_place(leaf, entry, new_dir, err) != 0)
        return -1;

    if (leaf->count == 0)
        step = (struct step){0}; /* its folder is told by the inner node */
    uint8_t *end = store_names(leaf->entries.data + leaf->entries.size, entry, &step, leaf->owner_last);
    leaf->entries.size = (size_t)(end - leaf->entries.data);
    end = store_times(leaf->times.data + leaf->times.size, entry, leaf);
    leaf->times.size = (size_t)(end - leaf->times.data);
    leaf->mtime_s = (uint64_t)entry->mtime_s;
    leaf->inode = entry->inode;
    leaf->bytes = bytes;
    leaf->any = true;
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
