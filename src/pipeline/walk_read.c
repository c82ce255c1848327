/* One folder: its names (getdents64), in order, then statx of each, a batch at a time. */
#include "pipeline/walk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    RAW_STEP = 64 << 10, /* bytes asked of getdents64 at once  */
    RAW_KEPT = 1 << 20   /* a longer buffer is not kept for the next folder */
};

/* ---- Names ---- */

static int compare_names(const void *a, const void *b)
{
    const struct listed_name *x = a;
    const struct listed_name *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    /* Names hold no NUL, so that zeros behind a short one sort it first, and strcmp compares as unsigned bytes. */
    return strcmp(x->name, y->name);
}

static uint64_t prefix_of(const char *name, size_t size)
{
    uint64_t prefix = 0;
    memcpy(&prefix, name, size < sizeof(prefix) ? size : sizeof(prefix));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    prefix = __builtin_bswap64(prefix);
#endif
    return prefix;
}

/* All records of the open folder. A folder that cannot be read to its end is taken as far as it goes, and warned of. */
static int read_raw(struct walk_listing *listing, struct error *err)
{
    struct buf *raw = &listing->raw;
    raw->size = 0;
    for (;;) {
        if (buf_reserve(raw, RAW_STEP, err) < 0)
            return -1;
        ssize_t got = getdents64(listing->fd, raw->data + raw->size, RAW_STEP);
        if (got < 0 && errno == EINTR)
            continue;
        /* ENOENT: it was removed while it was open. */
        if (got < 0 && errno != ENOENT)
            walk_warn(listing->folder, NULL, errno, "cannot read all of the folder");
        if (got <= 0)
            return 0;
        raw->size += (size_t)got;
    }
}

static int add_name(struct walk_listing *listing, const char *name, uint8_t type, struct error *err)
{
    size_t size = strlen(name);
    if (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')))
        return 0;
    struct bytes bytes = {(const uint8_t *)name, size};
    if (!entry_name_is_valid(&bytes)) {
        walk_warn(listing->folder, NULL, 0, "left out a name that no snapshot can hold, in the folder");
        return 0;
    }
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity > 0 ? listing->capacity * 2 : 512;
        struct listed_name *names = mem_realloc(listing->names, capacity * sizeof(*names));
        if (names == NULL)
            return error_no_memory(err);
        listing->names = names;
        listing->capacity = capacity;
    }
    listing->names[listing->count++] = (struct listed_name){prefix_of(name, size), name, size, type};
    return 0;
}

static int read_names(struct walk_listing *listing, struct error *err)
{
    if (read_raw(listing, err) < 0)
        return -1;
    const uint8_t *p = listing->raw.data;
    const uint8_t *end = p + listing->raw.size;
    while (p < end) {
        /* The record's type has room for 255 bytes of name; the kernel's may be longer. Hence by offset. */
        uint16_t record_size;
        memcpy(&record_size, p + offsetof(struct dirent64, d_reclen), sizeof(record_size));
        const char *name = (const char *)p + offsetof(struct dirent64, d_name);
        if (add_name(listing, name, p[offsetof(struct dirent64, d_type)], err) < 0)
            return -1;
        p += record_size;
    }
    if (listing->count < 2)
        return 0;
    qsort(listing->names, listing->count, sizeof(*listing->names), compare_names);
    /* A folder that is renamed into while it is read may show a name twice. */
    size_t kept = 1;
    for (size_t i = 1; i < listing->count; i++) {
        if (compare_names(&listing->names[i], &listing->names[kept - 1]) != 0)
            listing->names[kept++] = listing->names[i];
    }
    listing->count = kept;
    return 0;
}

/* ---- Folders of caches ---- */

/* Does the open folder hold a valid tag (https://bford.info/cachedir/)? Only its first bytes are read. */
static bool tag_is_valid(const struct walk_listing *listing)
{
    static const char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";
    CLEANUP_FD int fd = openat(listing->fd, "CACHEDIR.TAG", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    char found[sizeof(signature) - 1];
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           file_pread_full(fd, found, sizeof(found), 0) == (ssize_t)sizeof(found) &&
           memcmp(found, signature, sizeof(found)) == 0;
}

static void leave_out_caches(struct walk_listing *listing)
{
    static const char tag[] = "CACHEDIR.TAG";
    struct listed_name wanted = {prefix_of(tag, sizeof(tag) - 1), tag, sizeof(tag) - 1, DT_UNKNOWN};
    const struct listed_name *found = NULL;
    if (listing->count > 0)
        found = bsearch(&wanted, listing->names, listing->count, sizeof(*listing->names), compare_names);
    if (found != NULL && tag_is_valid(listing)) {
        listing->names[0] = *found;
        listing->count = 1;
    }
}

/* ---- A listing ---- */

/* The folder's path below the source with a '/' behind it, or nothing for the root. */
static int set_path(struct walk_listing *listing, struct error *err)
{
    const struct walk_folder *folder = listing->folder;
    listing->path.size = 0;
    if (folder->core->exclude == NULL || folder->parent == NULL)
        return 0;
    if (buf_reserve(&listing->path, folder->path_size + 1, err) < 0)
        return -1;
    walk_folder_path(folder, listing->path.data);
    size_t skip = folder->core->source_size + 1;
    listing->path.size = folder->path_size - skip;
    memmove(listing->path.data, listing->path.data + skip, listing->path.size);
    listing->path.data[listing->path.size++] = '/';
    return 0;
}

static void warn_of_opening(const struct walk_folder *folder, int errnum)
{
    if (errnum == ESTALE)
        walk_warn(folder, NULL, 0,
                  "left out what is in a folder that became something else while the source was read:");
    else if (errnum != ENOENT)
        walk_warn(folder, NULL, errnum, "cannot open the folder");
}

int walk_listing_start(struct walk_listing *listing, struct walk_folder *folder, struct error *err)
{
    listing->folder = walk_folder_reference(folder);
    listing->count = 0;
    listing->position = 0;
    listing->subs.size = 0;
    listing->sub_names.size = 0;
    listing->fd = walk_folder_pin(folder);
    if (listing->fd < 0) {
        if (errno == ENOMEM)
            return error_no_memory(err);
        warn_of_opening(folder, errno);
        return 0;
    }
    if (set_path(listing, err) < 0 || read_names(listing, err) < 0)
        return -1;
    if (folder->core->exclude_caches)
        leave_out_caches(listing);
    return 0;
}

static int is_excluded(struct walk_listing *listing, const struct listed_name *name, bool is_directory, bool *ret,
                       struct error *err)
{
    *ret = false;
    if (listing->folder->core->exclude == NULL)
        return 0;
    size_t size = listing->path.size;
    if (buf_append(&listing->path, name->name, name->size, err) < 0)
        return -1;
    struct bytes path = {listing->path.data, listing->path.size};
    *ret = exclude_matches(listing->folder->core->exclude, &path, is_directory);
    listing->path.size = size;
    return 0;
}

static int add_sub(struct walk_listing *listing, const struct walk_entry *entry, struct error *err)
{
    const struct walk_core *core = listing->folder->core;
    if (core->one_file_system && entry->device != listing->folder->device)
        return 0;
    struct walk_sub sub = {entry->device, entry->entry.inode, listing->sub_names.size, entry->entry.name.size};
    if (buf_append(&listing->subs, &sub, sizeof(sub), err) < 0)
        return -1;
    return buf_append(&listing->sub_names, entry->entry.name.data, sub.name_size + 1, err);
}

/* Fill the entry from what the folder holds under this name: 1, or 0 if there is nothing to report. */
static int read_entry(struct walk_listing *listing, const struct listed_name *name, struct walk_entry *entry,
                      struct error *err)
{
    struct bytes told = {(const uint8_t *)name->name, name->size};
    bool excluded = false;
    if (name->type != DT_UNKNOWN && is_excluded(listing, name, name->type == DT_DIR, &excluded, err) < 0)
        return -1;
    if (excluded)
        return 0;
    if (listing->folder->path_size + 1 + name->size > ENTRY_PATH_MAX) {
        walk_warn(listing->folder, &told, 0, "left out a path that is longer than a snapshot can hold:");
        return 0;
    }
    struct statx st;
    if (statx(listing->fd, name->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0) {
        if (errno != ENOENT)
            walk_warn(listing->folder, &told, errno, "cannot read the attributes of");
        return 0;
    }
    if (!walk_entry_fill(entry, &st)) {
        walk_warn(listing->folder, &told, 0, "left out a file of a kind that no snapshot can hold:");
        return 0;
    }
    bool is_directory = entry->entry.type == ENTRY_DIRECTORY;
    /* Without a type in the listing, or when it changed since, only now is known which patterns are for it. */
    if (is_directory != (name->type == DT_DIR) || name->type == DT_UNKNOWN) {
        if (is_excluded(listing, name, is_directory, &excluded, err) < 0)
            return -1;
        if (excluded)
            return 0;
    }
    return 1;
}

int walk_listing_batch(struct walk_listing *listing, struct walk_batch **ret, struct error *err)
{
    *ret = NULL;
    size_t count = listing->count - listing->position;
    if (count == 0)
        return 0;
    if (count > WALK_BATCH)
        count = WALK_BATCH;
    const struct listed_name *names = listing->names + listing->position;
    size_t path_size = listing->folder->path_size;
    size_t bytes = path_size;
    for (size_t i = 0; i < count; i++)
        bytes += names[i].size + 1;
    uint8_t *p;
    struct walk_batch *batch = walk_batch_new(listing->folder, count, bytes, &p);
    if (batch == NULL)
        return error_no_memory(err);
    struct bytes dir = {p, path_size};
    walk_folder_path(listing->folder, p);
    p += path_size;

    for (size_t i = 0; i < count; i++) {
        struct walk_entry *entry = &batch->entries[batch->count];
        int result = read_entry(listing, &names[i], entry, err);
        if (result > 0) {
            entry->batch = batch;
            entry->entry.dir = dir;
            entry->entry.name = (struct bytes){p, names[i].size};
            memcpy(p, names[i].name, names[i].size + 1);
            p += names[i].size + 1;
            batch->count++;
            if (entry->entry.type == ENTRY_DIRECTORY)
                result = add_sub(listing, entry, err);
        } else {
            memset(entry, 0, sizeof(*entry));
        }
        if (result < 0) {
            walk_batch_release(batch, 1);
            return -1;
        }
    }
    listing->position += count;
    if (batch->count == 0) {
        walk_batch_release(batch, 1);
        return 0;
    }
    atomic_store_explicit(&batch->references, batch->count + 1, memory_order_relaxed);
    *ret = batch;
    return 0;
}

static void close_folder(struct walk_listing *listing)
{
    if (listing->folder == NULL)
        return;
    if (listing->fd >= 0)
        walk_folder_unpin(listing->folder);
    walk_folder_release(listing->folder);
    listing->folder = NULL;
}

int walk_listing_finish(struct walk_listing *listing, struct walk_subs **ret, struct error *err)
{
    *ret = NULL;
    size_t list_size = listing->subs.size;
    if (list_size > 0) {
        struct walk_subs *subs = mem_alloc(sizeof(*subs) + list_size + listing->sub_names.size);
        if (subs == NULL)
            return error_no_memory(err);
        uint8_t *list = (uint8_t *)subs->list;
        memcpy(list, listing->subs.data, list_size);
        memcpy(list + list_size, listing->sub_names.data, listing->sub_names.size);
        subs->parent = walk_folder_reference(listing->folder);
        subs->count = list_size / sizeof(struct walk_sub);
        subs->next = 0;
        subs->names = (const char *)list + list_size;
        *ret = subs;
    }
    close_folder(listing);
    if (listing->raw.capacity > RAW_KEPT)
        walk_listing_free(listing);
    return 0;
}

void walk_listing_free(struct walk_listing *listing)
{
    close_folder(listing);
    buf_free(&listing->raw);
    buf_free(&listing->path);
    buf_free(&listing->subs);
    buf_free(&listing->sub_names);
    mem_free(listing->names);
    *listing = (struct walk_listing){.folder = NULL};
}

void walk_subs_free(struct walk_subs *subs)
{
    if (subs == NULL)
        return;
    walk_folder_release(subs->parent);
    mem_free(subs);
}
