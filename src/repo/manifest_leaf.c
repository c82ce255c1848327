/* Reading a leaf of the manifest (FORMAT.md §5, "Names leaf", "Times leaf"). Nothing in it is trusted. */
#include "base/mem.h"
#include "repo/manifest_internal.h"

enum { OWNER_SIZE_MIN = 4, XATTR_SIZE_MIN = 4 };
enum { FLAG_XATTRS = 1, FLAG_FILE_FLAGS = 2, FLAG_CHANGED = 4, FLAG_UNREADABLE = 8, FLAGS_KNOWN = 15 };

int(manifest_damaged)(struct error *err, const char *what)
{
    (void)error_set(err, ERROR_DAMAGED, "the manifest is damaged: %s", what);
    return error_hint(err, "Use another snapshot; `hikae verify` says which are sound.");
}

int manifest_fetch(blob_fetch *fetch, void *context, enum blob_type type, const struct blob_id *id, struct buf *out,
                   struct error *err)
{
    if (fetch(type, id, out, context, err) != 0)
        return -1;
    if (out->size == 0 || out->size > BLOB_SIZE_MAX)
        return manifest_damaged(err, "the size of a blob is out of range");
    return 0;
}

void manifest_leaf_reader_release(struct manifest_leaf_reader *leaf)
{
    buf_free(&leaf->dir);
    mem_free(leaf->owners);
    mem_free(leaf->xattrs);
    *leaf = (struct manifest_leaf_reader){0};
}

static int load_owners(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct cursor *c = &leaf->names;
    uint64_t count = load_capped(c, MANIFEST_LEAF_ENTRIES_MAX);
    if (c->failed || count > c->left / OWNER_SIZE_MIN)
        return manifest_damaged(err, "the number of owners in a leaf is out of range");
    if (count > leaf->owner_capacity) {
        struct leaf_owner *grown = mem_realloc(leaf->owners, (size_t)count * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        leaf->owners = grown;
        leaf->owner_capacity = (size_t)count;
    }
    for (size_t i = 0; i < count; i++) {
        struct leaf_owner *owner = &leaf->owners[i];
        owner->uid = (uint32_t)load_capped(c, UINT32_MAX);
        owner->gid = (uint32_t)load_capped(c, UINT32_MAX);
        owner->user = load_string(c, ENTRY_OWNER_NAME_MAX);
        owner->group = load_string(c, ENTRY_OWNER_NAME_MAX);
    }
    leaf->owner_count = (size_t)count;
    return c->failed ? manifest_damaged(err, "an owner in a leaf is not valid") : 0;
}

int manifest_leaf_open(struct manifest_leaf_reader *leaf, const struct bytes *key, const struct bytes *names,
                       const struct bytes *times, struct error *err)
{
    leaf->left = 0;
    leaf->count = 0;
    leaf->bytes = 0;
    leaf->mtime_s = 0;
    leaf->inode = 0;
    leaf->names = cursor_of(names->data, names->size);
    leaf->with_times = times != NULL;
    if (times != NULL)
        leaf->times = cursor_of(times->data, times->size);
    if (key->size > 0 && !entry_path_is_valid(key))
        return manifest_damaged(err, "the key of a leaf is not a path");
    uint64_t count = load_capped(&leaf->names, MANIFEST_LEAF_ENTRIES_MAX);
    if (leaf->names.failed || count == 0)
        return manifest_damaged(err, "the number of entries in a leaf is out of range");
    if (load_owners(leaf, err) != 0)
        return -1;
    struct bytes dir;
    entry_path_split(key, &dir, &leaf->first);
    if (buf_assign(&leaf->dir, dir.data, dir.size, err) != 0)
        return -1;
    leaf->count = leaf->left = (uint32_t)count;
    return 0;
}

/* ---- One entry ---- */

int manifest_leave_dir(struct bytes *dir, uint64_t drops, const struct bytes *push, struct error *err)
{
    struct bytes dropped = {NULL, 0}, first = *push;
    for (; drops > 0; drops--) {
        if (dir->size == 0)
            return manifest_damaged(err, "more folders are left than there are");
        entry_path_split(dir, dir, &dropped);
    }
    const uint8_t *slash = first.size > 0 ? memchr(first.data, '/', first.size) : NULL;
    if (slash != NULL)
        first.size = (size_t)(slash - first.data);
    if (dropped.size > 0 && entry_name_compare(&dropped, &first) >= 0)
        return manifest_damaged(err, "its folders are not in order");
    return 0;
}

/*
 * Drop `drops` components from the end of the folder, then append one. The new folder must come after the old one:
 * below it if nothing was dropped, otherwise its last component decides.
 */
static int change_dir(struct manifest_leaf_reader *leaf, uint64_t drops, const struct bytes *push, struct error *err)
{
    struct bytes rest = bytes_of_buf(&leaf->dir);
    if (manifest_leave_dir(&rest, drops, push, err) != 0)
        return -1;
    if (!entry_name_is_valid(push) || rest.size + 1 + push->size > ENTRY_PATH_MAX)
        return manifest_damaged(err, "the name of a folder is not valid");
    leaf->dir.size = rest.size;
    if (rest.size > 0 && buf_u8(&leaf->dir, '/', err) != 0)
        return -1;
    return buf_append(&leaf->dir, push->data, push->size, err);
}

/* Pops, push and name are checked against the entry before, or against the key. */
static int load_place(struct manifest_leaf_reader *leaf, uint8_t *ret_type, uint8_t *ret_flags, struct error *err)
{
    struct cursor *c = &leaf->names;
    bool is_first = leaf->left == leaf->count;
    uint64_t pops = load_varint(c);
    if (pops > 0) {
        struct bytes push = load_string(c, ENTRY_NAME_MAX);
        if (c->failed || is_first)
            return manifest_damaged(err, "the folder of an entry is not valid");
        if (change_dir(leaf, pops - 1, &push, err) != 0)
            return -1;
    }
    *ret_type = load_u8(c);
    *ret_flags = load_u8(c);
    struct bytes name = load_string(c, ENTRY_NAME_MAX);
    if (c->failed || !entry_name_is_valid(&name) || leaf->dir.size + 1 + name.size > ENTRY_PATH_MAX)
        return manifest_damaged(err, "the name of an entry is not valid");
    if (is_first && leaf->first.size > 0 && !bytes_equal(&name, &leaf->first))
        return manifest_damaged(err, "the first entry of a leaf is not the one of its key");
    if (!is_first && pops == 0 && entry_name_compare(&leaf->name, &name) >= 0)
        return manifest_damaged(err, "its entries are not in order");
    leaf->name = name;
    return 0;
}

static int reserve_xattrs(struct manifest_leaf_reader *leaf, size_t count, struct error *err)
{
    if (count <= leaf->xattr_capacity)
        return 0;
    struct xattr *grown = mem_realloc(leaf->xattrs, count * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    leaf->xattrs = grown;
    leaf->xattr_capacity = count;
    return 0;
}

static void load_xattr(struct cursor *c, struct xattr *x)
{
    *x = (struct xattr){.name = load_string(c, ENTRY_XATTR_NAME_MAX)};
    uint8_t tag = load_u8(c);
    if (tag == 0) {
        x->value = load_string(c, ENTRY_XATTR_INLINE_MAX);
        return;
    }
    x->in_blob = true;
    x->blob_size = (uint32_t)load_capped(c, ENTRY_XATTR_MAX);
    cursor_copy(c, x->blob.bytes, BLOB_ID_SIZE);
    if (tag != 1 || x->blob_size == 0)
        c->failed = true;
}

static int load_xattrs(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct cursor *c = &leaf->names;
    uint64_t count = load_capped(c, ENTRY_XATTR_COUNT_MAX);
    if (c->failed || count == 0 || count > c->left / XATTR_SIZE_MIN)
        return manifest_damaged(err, "the number of extended attributes is out of range");
    if (reserve_xattrs(leaf, (size_t)count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct xattr *x = &leaf->xattrs[i];
        load_xattr(c, x);
        if (c->failed || x->name.size == 0 || memchr(x->name.data, '\0', x->name.size) != NULL)
            return manifest_damaged(err, "an extended attribute is not valid");
        if (i > 0 && entry_name_compare(&leaf->xattrs[i - 1].name, &x->name) >= 0)
            return manifest_damaged(err, "extended attributes are not in order");
    }
    leaf->entry.xattrs = leaf->xattrs;
    leaf->entry.xattr_count = (size_t)count;
    return 0;
}

static int load_link(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct entry *entry = &leaf->entry;
    entry->link = load_string(&leaf->names, ENTRY_LINK_MAX);
    if (leaf->names.failed)
        return manifest_damaged(err, "what a link holds is not valid");
    if (entry->type == ENTRY_SYMLINK) {
        if (entry->link.size > 0 && memchr(entry->link.data, '\0', entry->link.size) != NULL)
            return manifest_damaged(err, "what a link holds has a NUL in it");
        return 0;
    }
    struct bytes dir, name;
    if (!entry_path_is_valid(&entry->link))
        return manifest_damaged(err, "the first name of a hard link is not a path");
    entry_path_split(&entry->link, &dir, &name);
    struct bytes own_dir = bytes_of_buf(&leaf->dir);
    if (entry_path_compare(&dir, &name, &own_dir, &leaf->name) >= 0)
        return manifest_damaged(err, "the first name of a hard link does not come earlier");
    return 0;
}

static int load_inline_extents(struct manifest_leaf_reader *leaf, size_t count, struct error *err)
{
    struct cursor *c = &leaf->names;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        extent_load(c, &leaf->extents[i]);
        if (c->failed || __builtin_add_overflow(sum, leaf->extents[i].size, &sum))
            return manifest_damaged(err, "an extent is not valid");
    }
    if (sum != leaf->entry.size)
        return manifest_damaged(err, "the extents of a file do not add up to its size");
    leaf->entry.content.extents = leaf->extents;
    leaf->entry.content.extent_count = count;
    return 0;
}

static int load_content(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct cursor *c = &leaf->names;
    struct entry *entry = &leaf->entry;
    entry->size = load_capped(c, FILE_SIZE_MAX);
    if (c->failed || __builtin_add_overflow(leaf->bytes, entry->size, &leaf->bytes))
        return manifest_damaged(err, "the size of a file is out of range");
    if (entry->size == 0 || entry->unreadable)
        return 0;
    uint64_t count = load_capped(c, ENTRY_EXTENTS_INLINE_MAX);
    if (c->failed)
        return manifest_damaged(err, "the number of extents is out of range");
    if (count > 0)
        return load_inline_extents(leaf, (size_t)count, err);
    struct content *content = &entry->content;
    content->in_tree = true;
    content->depth = load_u8(c);
    /* Each extent covers a byte at least. */
    content->extent_count = (size_t)load_capped(c, entry->size);
    cursor_copy(c, content->root.bytes, BLOB_ID_SIZE);
    if (c->failed || content->depth > EXTENT_DEPTH_MAX || content->extent_count == 0)
        return manifest_damaged(err, "the root of an extent list is not valid");
    return 0;
}

static int load_entry(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct cursor *c = &leaf->names;
    struct entry *entry = &leaf->entry;
    uint8_t type = 0, flags = 0;
    if (load_place(leaf, &type, &flags, err) != 0)
        return -1;
    uint64_t mode = load_capped(c, ENTRY_MODE_MAX);
    uint64_t owner_index = load_varint(c);
    uint64_t file_flags = (flags & FLAG_FILE_FLAGS) != 0 ? load_capped(c, UINT32_MAX) : 0;
    if (c->failed || type < ENTRY_FILE || type > ENTRY_SOCKET || (flags & ~FLAGS_KNOWN) != 0 ||
        owner_index >= leaf->owner_count)
        return manifest_damaged(err, "type, flags, mode or owner of an entry are not valid");
    const struct leaf_owner *owner = &leaf->owners[owner_index];
    *entry = (struct entry){.dir = bytes_of_buf(&leaf->dir),
                            .name = leaf->name,
                            .type = (enum entry_type)type,
                            .mode = (uint16_t)mode,
                            .uid = owner->uid,
                            .gid = owner->gid,
                            .user = owner->user,
                            .group = owner->group,
                            .file_flags = (uint32_t)file_flags,
                            .changed = (flags & FLAG_CHANGED) != 0,
                            .unreadable = (flags & FLAG_UNREADABLE) != 0};
    if ((flags & FLAG_XATTRS) != 0 && load_xattrs(leaf, err) != 0)
        return -1;
    switch (entry->type) {
    case ENTRY_FILE:
        return load_content(leaf, err);
    case ENTRY_SYMLINK:
    case ENTRY_HARDLINK:
        return load_link(leaf, err);
    case ENTRY_CHARACTER_DEVICE:
    case ENTRY_BLOCK_DEVICE:
        entry->device_major = (uint32_t)load_capped(c, UINT32_MAX);
        entry->device_minor = (uint32_t)load_capped(c, UINT32_MAX);
        return c->failed ? manifest_damaged(err, "the number of a device is out of range") : 0;
    case ENTRY_DIRECTORY:
    case ENTRY_FIFO:
    case ENTRY_SOCKET:
        break;
    }
    return 0;
}

static int load_times(struct manifest_leaf_reader *leaf, struct error *err)
{
    struct cursor *c = &leaf->times;
    struct entry *entry = &leaf->entry;
    leaf->mtime_s = load_difference(c, leaf->mtime_s);
    entry->mtime_s = (int64_t)leaf->mtime_s;
    entry->mtime_ns = (uint32_t)load_capped(c, ENTRY_NS_MAX);
    entry->ctime_s = (int64_t)load_difference(c, leaf->mtime_s);
    entry->ctime_ns = (uint32_t)load_capped(c, ENTRY_NS_MAX);
    leaf->inode = load_difference(c, leaf->inode);
    entry->inode = leaf->inode;
    uint8_t racy = load_u8(c);
    entry->racy = racy == 1;
    return c->failed || racy > 1 ? manifest_damaged(err, "the times of an entry are not valid") : 0;
}

int manifest_leaf_next(struct manifest_leaf_reader *leaf, const struct entry **ret, struct error *err)
{
    if (leaf->left == 0) {
        if (!cursor_done(&leaf->names) || (leaf->with_times && !cursor_done(&leaf->times)))
            return manifest_damaged(err, "bytes are left over behind the entries of a leaf");
        return 0;
    }
    if (load_entry(leaf, err) != 0 || (leaf->with_times && load_times(leaf, err) != 0))
        return -1;
    leaf->left--;
    *ret = &leaf->entry;
    return 1;
}

int manifest_leaf_decode(const struct bytes *key, const struct bytes *names, const struct bytes *times,
                         uint64_t *ret_entries, uint64_t *ret_bytes, struct error *err)
{
    struct manifest_leaf_reader leaf = {0};
    const struct entry *entry;
    int rc = manifest_leaf_open(&leaf, key, names, times, err);
    if (rc == 0) {
        while ((rc = manifest_leaf_next(&leaf, &entry, err)) == 1)
            ;
        *ret_entries = leaf.count;
        *ret_bytes = leaf.bytes;
    }
    manifest_leaf_reader_release(&leaf);
    return rc;
}
