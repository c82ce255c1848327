/*
 * The plan of a restore: which entries, and which blobs where. It is written
 * to temporary files while the manifest is read once, so that it takes no
 * memory, and it is complete before anything is written.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { CONFLICTS_SHOWN = 3 };

/* ---- Planning ---- */

struct planner {
    const struct restore_options *options;
    const struct place_root *root;
    struct block_reader *reader;
    struct restore_plan *plan;
    struct place_cursor cursor;
    struct blob_hasher *hasher;     /* of what a delta restore finds in place */
    struct manifest_reader *lookup; /* finds first names of hard links */
    struct buf present;             /* bytes of a file in place */
    uint64_t selected;
    uint64_t conflicts;
    char shown[CONFLICTS_SHOWN][256];
};

static void note_conflict(struct planner *planner, const struct entry *entry)
{
    if (planner->conflicts < CONFLICTS_SHOWN)
        (void)snprintf(planner->shown[planner->conflicts], sizeof(planner->shown[0]), "%.*s%s%.*s",
                       (int)(entry->dir.size < 120 ? entry->dir.size : 120), (const char *)entry->dir.data,
                       entry->dir.size > 0 ? "/" : "", (int)(entry->name.size < 120 ? entry->name.size : 120),
                       (const char *)entry->name.data);
    planner->conflicts++;
}

/* Is there something of that name already? Remember it. */
static int look_in_the_way(struct planner *planner, const struct entry *entry, struct stat *ret_stat, bool *ret_there,
                           struct error *err)
{
    *ret_there = false;
    if (planner->root->was_empty)
        return 0;
    int fd;
    char name[ENTRY_NAME_MAX + 1];
    struct error why = {0};
    if (place_entry(&planner->cursor, &entry->dir, &entry->name, false, &fd, name, &why) != 0) {
        bool no_folder = why.errnum == ELOOP || why.errnum == ENOTDIR;
        if (no_folder && !planner->options->overwrite)
            note_conflict(planner, entry);
        if (why.errnum == ENOENT || why.errnum == ENAMETOOLONG || no_folder)
            return 0;
        *err = why;
        return -1;
    }
    if (fstatat(fd, name, ret_stat, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || errno == ENAMETOOLONG
                   ? 0
                   : error_set_errno(err, ERROR_LOCAL, errno, "look at %.200s in the destination", name);
    *ret_there = true;
    if (S_ISBLK(ret_stat->st_mode) && entry->type == ENTRY_FILE) {
        (void)error_set(err, ERROR_REFUSED, "%.200s in the destination is a block device; nothing was written", name);
        return error_hint(err, "write an image to a device with `hikae cat ... > /dev/...`");
    }
    bool both_folders = S_ISDIR(ret_stat->st_mode) && entry->type == ENTRY_DIRECTORY;
    if (!both_folders && (!planner->options->overwrite || S_ISDIR(ret_stat->st_mode)))
        note_conflict(planner, entry);
    return 0;
}

/* Does the file in place hold this blob at this offset? */
static bool in_place(struct planner *planner, int fd, uint64_t at, const struct extent *extent)
{
    struct blob_id id;
    planner->present.size = 0;
    if (extent->size > BLOB_SIZE_MAX || buf_reserve(&planner->present, (size_t)extent->size, NULL) != 0 ||
        file_pread_full(fd, planner->present.data, (size_t)extent->size, (int64_t)at) != (ssize_t)extent->size)
        return false;
    return blob_hash(planner->hasher, BLOB_CONTENT, planner->present.data, (size_t)extent->size, &id, NULL) == 0 &&
           blob_id_equal(&id, &extent->id);
}

/* Is this range of the file in place nothing but zeros? */
static bool zeros_in_place(struct planner *planner, int fd, uint64_t at, uint64_t size)
{
    enum { STEP = 256 << 10 };
    uint64_t end = at + size;
    while (at < end) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA); /* what is a hole there too need not be read */
        if (data < 0 && errno == ENXIO)
            return true;
        if (data > (off_t)at)
            at = (uint64_t)data;
        if (at >= end)
            return true;
        size_t n = end - at < STEP ? (size_t)(end - at) : STEP;
        planner->present.size = 0;
        if (buf_reserve(&planner->present, n, NULL) != 0 ||
            file_pread_full(fd, planner->present.data, n, (int64_t)at) != (ssize_t)n || planner->present.data[0] != 0 ||
            memcmp(planner->present.data, planner->present.data + 1, n - 1) != 0)
            return false;
        at += n;
    }
    return true;
}

/* Only blobs are written later: where the snapshot has zeros, the file in place must have them already. */
static int check_zeros(struct planner *planner, const struct entry *entry, int fd, bool *ret_agree, struct error *err)
{
    struct extent_reader *extents;
    struct extent extent;
    uint64_t at = 0;
    int rc = 0;
    *ret_agree = true;
    if (extent_reader_new(&entry->content, entry->size, block_reader_fetch, planner->reader, &extents, err) != 0)
        return -1;
    while (*ret_agree && (rc = extent_reader_next(extents, &extent, err)) > 0) {
        if (extent.kind != EXTENT_DATA)
            *ret_agree = zeros_in_place(planner, fd, at, extent.size);
        at += extent.size;
    }
    extent_reader_free(extents);
    return *ret_agree && rc < 0 ? -1 : 0;
}

struct wanted {
    uint64_t count;
    uint64_t bytes;
    bool kept; /* something in place is right already */
};

static int add_want(struct planner *planner, const struct entry *entry, uint64_t offset, uint64_t at,
                    const struct extent *extent, struct wanted *wanted, struct error *err)
{
    struct place place;
    int found = index_find(planner->options->objects->index, &extent->id, &place, err);
    if (found < 0)
        return -1;
    if (found == 0) {
        (void)error_set(err, ERROR_DAMAGED, "a part of its content is in no pack that can be reached");
        return error_hint(err, "`hikae verify` names what is missing, and what it costs");
    }
    if (place.size != extent->size || place.type != BLOB_CONTENT)
        return error_set(err, ERROR_DAMAGED, "a blob is not as long as the snapshot says");
    struct want want = {.size = place.size, .entry = offset, .at = at, .id = extent->id};
    want.whole = extent->size == entry->size;
    for (int i = 0; i < 4; i++) {
        want.pack[i] = (uint8_t)(place.pack >> (24 - 8 * i));
        want.block[i] = (uint8_t)(place.block >> (24 - 8 * i));
        want.offset[i] = (uint8_t)(place.offset >> (24 - 8 * i));
    }
    if (extsort_add(planner->plan->wants, &want, err) != 0)
        return -1;
    wanted->count++;
    wanted->bytes += extent->size;
    return 0;
}

/* Add the blobs that a file wants. `fd`: the file in place, or -1. */
static int add_wants(struct planner *planner, const struct entry *entry, uint64_t offset, int fd, struct wanted *wanted,
                     struct error *err)
{
    struct extent_reader *extents;
    struct extent extent;
    uint64_t at = 0;
    int rc;
    if (extent_reader_new(&entry->content, entry->size, block_reader_fetch, planner->reader, &extents, err) != 0)
        return -1;
    while ((rc = extent_reader_next(extents, &extent, err)) > 0) {
        if (extent.kind == EXTENT_DATA && fd >= 0 && in_place(planner, fd, at, &extent)) {
            atomic_fetch_add(&planner->options->counters->bytes_kept, extent.size);
            wanted->kept = true;
        } else if (extent.kind == EXTENT_DATA && add_want(planner, entry, offset, at, &extent, wanted, err) != 0) {
            rc = -1;
            break;
        }
        at += extent.size;
        if (cancel_check(planner->options->cancel, err) != 0) {
            rc = -1;
            break;
        }
    }
    extent_reader_free(extents);
    return rc < 0 ? -1 : 0;
}

void restore_warn(const struct restore_options *options, const struct entry *entry, const struct error *why)
{
    CLEANUP(buf_free) struct buf path = {0};
    atomic_fetch_add(&options->counters->errors, 1);
    if (options->warn == NULL || buf_append(&path, entry->dir.data, entry->dir.size, NULL) != 0 ||
        (entry->dir.size > 0 && buf_u8(&path, '/', NULL) != 0) ||
        buf_append(&path, entry->name.data, entry->name.size, NULL) != 0)
        return;
    struct bytes bytes = {path.data, path.size};
    options->warn(&bytes, why, options->warn_context);
}

/* A hard link whose first name is not selected becomes a file of its own: *entry gets that file's content. */
static int resolve_hardlink(struct planner *planner, struct entry *entry, struct entry **ret_owner, struct error *err)
{
    const struct restore_options *options = planner->options;
    struct bytes path = entry->link, dir = {0}, name = path;
    *ret_owner = NULL;
    for (size_t i = path.size; i > 0; i--)
        if (path.data[i - 1] == '/') {
            dir = (struct bytes){path.data, i - 1};
            name = (struct bytes){path.data + i, path.size - i};
            break;
        }
    if (selection_has(options->paths, &dir, &name, false))
        return 0;
    const struct entry *first;
    if (planner->lookup == NULL &&
        manifest_reader_new(options->root, true, block_reader_fetch, planner->reader, &planner->lookup, err) != 0)
        return -1;
    int found = manifest_reader_find(planner->lookup, &path, &first, err);
    if (found < 0)
        return -1;
    if (found == 0 || first->type != ENTRY_FILE)
        return error_set(err, ERROR_DAMAGED, "a hard link leads to nothing in the snapshot");
    if (first->unreadable)
        return error_set(err, ERROR_NOT_FOUND, "it could not be read when the snapshot was made");
    *ret_owner = entry_dup(first);
    if (*ret_owner == NULL)
        return error_no_memory(err);
    struct bytes own_dir = entry->dir, own_name = entry->name;
    *entry = **ret_owner;
    entry->dir = own_dir;
    entry->name = own_name;
    return 0;
}

/* A failure that costs one entry, not the restore. */
static bool costs_one_entry(const struct error *why)
{
    return why->class == ERROR_DAMAGED || why->class == ERROR_UNREACHABLE || why->class == ERROR_NOT_FOUND ||
           why->class == ERROR_DENIED;
}

/*
 * The file in place, for a delta restore that may write into it: *ret_fd, or -1. One that has other names is written
 * anew, because they need not be names of the same file in the snapshot.
 */
static int open_in_place(struct planner *planner, const struct entry *entry, const struct stat *there, int *ret_fd,
                         struct error *err)
{
    char name[ENTRY_NAME_MAX + 1];
    int folder;
    bool agree = false;
    *ret_fd = -1;
    if (!planner->options->delta || there == NULL || !S_ISREG(there->st_mode) || there->st_nlink != 1 ||
        (uint64_t)there->st_size != entry->size)
        return 0;
    if (place_entry(&planner->cursor, &entry->dir, &entry->name, false, &folder, name, err) != 0)
        return -1;
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int rc = check_zeros(planner, entry, fd, &agree, err);
    if (rc == 0 && agree)
        *ret_fd = fd;
    else
        (void)close(fd);
    return rc;
}

static int plan_file(struct planner *planner, const struct entry *entry, const struct stat *there, struct error *err)
{
    const struct restore_options *options = planner->options;
    CLEANUP_FD int fd = -1;
    uint64_t offset = planner->plan->entries.size;
    struct wanted wanted = {0};
    struct error why = {0};
    uint8_t flags = 0;
    if (open_in_place(planner, entry, there, &fd, &why) != 0 ||
        add_wants(planner, entry, offset, fd, &wanted, &why) != 0) {
        if (!costs_one_entry(&why)) {
            *err = why;
            return -1;
        }
        restore_warn(options, entry, &why); /* the rest is restored; this file is not */
        if (wanted.count == 0)
            return 0;
        flags = PLAN_BROKEN; /* some of its blobs are among the wants: they find this mark */
    } else if (fd >= 0 && (wanted.kept || wanted.count == 0)) {
        flags = PLAN_IN_PLACE;
    }
    atomic_fetch_add(&options->counters->bytes_total, entry->size);
    atomic_fetch_add(&options->counters->bytes, entry->size - wanted.bytes);
    if (plan_add_entry(planner->plan, entry, wanted.count, flags, err) != 0)
        return -1;
    return wanted.count == 0 ? plan_list_add(&planner->plan->plain, offset, err) : 0;
}

static int plan_entry(struct planner *planner, const struct entry *original, struct error *err)
{
    const struct restore_options *options = planner->options;
    struct entry entry = *original;
    struct entry *owner = NULL;
    struct stat there;
    bool is_there;
    if (selection_omits(options->omit, original)) {
        atomic_fetch_add(&options->counters->omitted, 1);
        return 0;
    }
    planner->selected++;
    atomic_fetch_add(&options->counters->entries_total, 1);
    if (entry.unreadable) {
        struct error missing;
        (void)error_set(&missing, ERROR_SOURCE,
                        "it could not be read when the snapshot was made: only its name is there");
        restore_warn(options, &entry, &missing);
        return 0;
    }
    if (look_in_the_way(planner, &entry, &there, &is_there, err) != 0)
        return -1;
    int rc = 0;
    struct error why = {0};
    if (entry.type == ENTRY_HARDLINK && resolve_hardlink(planner, &entry, &owner, &why) != 0) {
        if (costs_one_entry(&why)) {
            restore_warn(options, original, &why);
            return 0;
        }
        *err = why;
        return -1;
    }
    if (rc == 0 && entry.type == ENTRY_FILE) {
        rc = plan_file(planner, &entry, is_there ? &there : NULL, err);
    } else if (rc == 0) {
        uint64_t offset = planner->plan->entries.size;
        rc = plan_add_entry(planner->plan, &entry, 0, 0, err);
        if (rc == 0)
            rc = plan_list_add(entry.type == ENTRY_DIRECTORY ? &planner->plan->folders : &planner->plan->links, offset,
                               err);
    }
    entry_free(owner);
    return rc;
}

/* One plain path: two short ranges of the manifest instead of all of it. */
static int plan_one_path(struct planner *planner, struct manifest_reader *reader, const char *text, struct error *err)
{
    struct bytes path = bytes_of(text), none = {0};
    const struct entry *entry;
    int rc = manifest_reader_find(reader, &path, &entry, err);
    if (rc <= 0)
        return rc;
    bool is_folder = entry->type == ENTRY_DIRECTORY;
    if (plan_entry(planner, entry, err) != 0)
        return -1;
    if (!is_folder)
        return 0;
    if (manifest_reader_seek(reader, &path, &none, err) != 0)
        return -1;
    while ((rc = manifest_reader_next(reader, &entry, err)) > 0) {
        bool below = entry->dir.size >= path.size && memcmp(entry->dir.data, path.data, path.size) == 0 &&
                     (entry->dir.size == path.size || entry->dir.data[path.size] == '/');
        if (!below)
            return 0;
        if (plan_entry(planner, entry, err) != 0 || cancel_check(planner->options->cancel, err) != 0)
            return -1;
    }
    return rc;
}

static int plan_all(struct planner *planner, struct manifest_reader *reader, struct error *err)
{
    const struct restore_options *options = planner->options;
    const struct entry *entry;
    int rc;
    if (selection_path(options->paths) != NULL)
        return plan_one_path(planner, reader, selection_path(options->paths), err);
    while ((rc = manifest_reader_next(reader, &entry, err)) > 0) {
        if (cancel_check(options->cancel, err) != 0)
            return -1;
        if (selection_has(options->paths, &entry->dir, &entry->name, entry->type == ENTRY_DIRECTORY) &&
            plan_entry(planner, entry, err) != 0)
            return -1;
    }
    return rc;
}

static int check_conflicts(const struct planner *planner, struct error *err)
{
    if (planner->selected == 0 && atomic_load(&planner->options->counters->omitted) > 0)
        return error_set(err, ERROR_REFUSED, "all of it is in the erasure register of the tenant");
    if (planner->selected == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "nothing in the snapshot matches '%s'",
                        selection_text(planner->options->paths));
        return error_hint(err, "paths begin with the name of a source; `hikae ls TENANT` shows them");
    }
    if (planner->conflicts == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%llu entries are in the way in %s: %s%s%s%s%s; nothing was written",
                    (unsigned long long)planner->conflicts, planner->options->to, planner->shown[0],
                    planner->conflicts > 1 ? ", " : "", planner->conflicts > 1 ? planner->shown[1] : "",
                    planner->conflicts > 2 ? ", " : "", planner->conflicts > 2 ? planner->shown[2] : "");
    return error_hint(
        err, "restore into an empty folder, or replace them with --overwrite (folders are never replaced by files)");
}

int plan_make(const struct restore_options *options, const struct place_root *root, struct block_reader *reader,
              struct restore_plan *ret, struct error *err)
{
    struct planner planner = {
        .options = options, .root = root, .reader = reader, .plan = ret, .cursor = {.root = root, .fd = -1}};
    struct manifest_reader *manifest = NULL;
    int rc = plan_open(options, ret, err);
    if (rc == 0)
        rc = blob_hasher_new(options->objects->keyring, &planner.hasher, err);
    if (rc == 0)
        rc = manifest_reader_new(options->root, true, block_reader_fetch, reader, &manifest, err);
    if (rc == 0)
        rc = plan_all(&planner, manifest, err);
    if (rc == 0)
        rc = check_conflicts(&planner, err);
    if (rc == 0)
        rc = plan_close(ret, err);
    manifest_reader_free(manifest);
    manifest_reader_free(planner.lookup);
    blob_hasher_free(planner.hasher);
    place_cursor_close(&planner.cursor);
    buf_free(&planner.present);
    return rc;
}
