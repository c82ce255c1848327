/* What a manifest takes: the checks of an entry, and of its place behind the one before (FORMAT.md §5). */
#include "base/mem.h"
#include "repo/manifest_internal.h"

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

static int check_xattrs(const struct entry *entry, struct error *err)
{
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
    }
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

static int check_entry(const struct entry *entry, struct error *err)
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
    if (entry->xattr_count > 0 && check_xattrs(entry, err) != 0)
        return -1;
    if (entry->type != ENTRY_FILE)
        return 0;
    if (entry->size > FILE_SIZE_MAX)
        return wrong(err, entry, "its size is out of range");
    return entry->size > 0 && !entry->unreadable ? check_extents(entry, err) : 0;
}

/* ---- Its place ---- */

static int check_order(const struct manifest_place *place, const struct entry *entry, struct error *err)
{
    struct bytes last_dir = bytes_of_buf(&place->dir), last_name = bytes_of_buf(&place->name);
    if (!place->any)
        return entry->dir.size == 0 ? 0 : wrong(err, entry, "it is the first, and no source");
    if (bytes_equal(&last_dir, &entry->dir)) {
        if (entry_name_compare(&last_name, &entry->name) >= 0)
            return wrong(err, entry, "it does not come after the entry before");
        return 0;
    }
    if (entry_dir_compare(&last_dir, &entry->dir) >= 0)
        return wrong(err, entry, "its folder does not come after the folder before");
    struct bytes parent, own;
    entry_path_split(&entry->dir, &parent, &own);
    if (!entry_name_is_valid(&own))
        return wrong(err, entry, "its folder is not valid");
    /* The folder's own entry lies in its parent, so the last folder is that parent or lies somewhere below it. */
    size_t shared = parent.size;
    if (shared > last_dir.size || (shared > 0 && memcmp(parent.data, last_dir.data, shared) != 0) ||
        (shared > 0 && shared < last_dir.size && last_dir.data[shared] != '/'))
        return wrong(err, entry, "the folder above its own has no entry before it");
    return 0;
}

void manifest_place_release(struct manifest_place *place)
{
    buf_free(&place->dir);
    buf_free(&place->name);
    *place = (struct manifest_place){0};
}

int manifest_place_take(struct manifest_place *place, const struct entry *entry, struct error *err)
{
    uint64_t bytes = place->bytes;
    if (check_entry(entry, err) != 0 || check_order(place, entry, err) != 0)
        return -1;
    if (entry->type == ENTRY_FILE && __builtin_add_overflow(bytes, entry->size, &bytes))
        return too_long(err, entry, "the sizes of the files add up to more than 2^64 bytes");
    /* Room first: a failure must leave the place of the entry before. */
    struct bytes last_dir = bytes_of_buf(&place->dir);
    bool new_dir = !bytes_equal(&last_dir, &entry->dir);
    if ((new_dir && entry->dir.size > place->dir.size &&
         buf_reserve(&place->dir, entry->dir.size - place->dir.size, err) != 0) ||
        buf_reserve(&place->name, ENTRY_NAME_MAX, err) != 0)
        return -1;
    (void)store_bytes(place->name.data, entry->name.data, entry->name.size);
    place->name.size = entry->name.size;
    if (new_dir) {
        (void)store_bytes(place->dir.data, entry->dir.data, entry->dir.size);
        place->dir.size = entry->dir.size;
    }
    place->bytes = bytes;
    place->any = true;
    return 0;
}
