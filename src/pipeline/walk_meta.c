/*
 * What statx does not tell: names of owners, what links hold, extended
 * attributes (ACLs among them), file flags. Everything is gathered in buffers
 * that may move, and put into one piece of memory of the entry at the end.
 */
#include "pipeline/walk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

enum {
    LOOKUP_SIZE_MAX = 1 << 20, /* a group with very many members */
    LIST_SIZE_MAX = 64 << 10,  /* the kernel's XATTR_LIST_MAX    */
    TRIES = 8,                 /* while attributes grow under our hands */
    PROC_PATH_SIZE = ENTRY_NAME_MAX + 64
};

/*
 * The flags that a user can set and a restore can set again. Others describe how the file system stores the file
 * (extents, an index, inline data, encryption), belong to it (quota projects), or are the file system's to decide.
 */
static const uint32_t user_flags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL |
                                   FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_NOCOMP_FL | FS_JOURNAL_DATA_FL |
                                   FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_NOCOW_FL;

/* A run of bytes in struct found's buffer. */
struct span {
    size_t at;
    size_t size;
};

struct found_xattr {
    struct span name;
    struct span value;
};

struct found {
    struct buf bytes;
    struct buf xattrs; /* struct found_xattr */
    struct span user;
    struct span group;
    struct span link;
    uint32_t file_flags;
};

static int put(struct found *found, const void *bytes, size_t size, struct span *ret, struct error *err)
{
    *ret = (struct span){found->bytes.size, size};
    return buf_append(&found->bytes, bytes, size, err);
}

/* ---- Owners ---- */

typedef int lookup(uint32_t id, char *buffer, size_t size, const char **ret_name);

static int lookup_user(uint32_t id, char *buffer, size_t size, const char **ret_name)
{
    struct passwd entry;
    struct passwd *found = NULL;
    int errnum = getpwuid_r(id, &entry, buffer, size, &found);
    *ret_name = found != NULL ? found->pw_name : NULL;
    return errnum;
}

static int lookup_group(uint32_t id, char *buffer, size_t size, const char **ret_name)
{
    struct group entry;
    struct group *found = NULL;
    int errnum = getgrgid_r(id, &entry, buffer, size, &found);
    *ret_name = found != NULL ? found->gr_name : NULL;
    return errnum;
}

/* Fill the slot by a look-up. Whatever goes wrong there (a directory service that is down) means: no name known. */
static int ask(struct name_slot *slot, uint32_t id, lookup *look_up, struct error *err)
{
    *slot = (struct name_slot){.known = true, .id = id};
    for (size_t size = 1024; size <= LOOKUP_SIZE_MAX; size *= 4) {
        CLEANUP_FREE char *buffer = mem_alloc(size);
        if (buffer == NULL)
            return error_no_memory(err);
        const char *name = NULL;
        if (look_up(id, buffer, size, &name) == ERANGE)
            continue;
        size_t length = name != NULL ? strlen(name) : 0;
        if (length > 0 && length <= WALK_NAME_MAX) {
            memcpy(slot->name, name, length);
            slot->size = (uint8_t)length;
        }
        return 0;
    }
    return 0;
}

static int put_owner(struct found *found, struct name_cache *cache, uint32_t id, lookup *look_up, struct span *ret,
                     struct error *err)
{
    struct name_slot *slot = &cache->slots[id % WALK_NAME_SLOTS];
    struct name_slot copy;
    (void)pthread_mutex_lock(&cache->mutex);
    copy = *slot;
    (void)pthread_mutex_unlock(&cache->mutex);
    if (!copy.known || copy.id != id) {
        /* Asked without the lock: it can take seconds. Two threads that ask the same get the same answer. */
        if (ask(&copy, id, look_up, err) < 0)
            return -1;
        (void)pthread_mutex_lock(&cache->mutex);
        *slot = copy;
        (void)pthread_mutex_unlock(&cache->mutex);
    }
    return put(found, copy.name, copy.size, ret, err);
}

/* ---- Links ---- */

static int put_link(struct found *found, const struct walk_entry *entry, int at, struct error *err)
{
    for (size_t size = 256; size <= ENTRY_LINK_MAX; size *= 4) {
        if (buf_reserve(&found->bytes, size, err) < 0)
            return -1;
        char *out = (char *)found->bytes.data + found->bytes.size;
        ssize_t got = readlinkat(at, walk_entry_kernel_name(entry), out, size);
        if (got < 0 && errno == EINVAL) {
            (void)walk_fail(entry->batch->folder, &entry->entry.name, 0, "something else took the place of", err);
            return error_hint(err, WALK_REPLACED_HINT);
        }
        if (got < 0)
            return walk_fail(entry->batch->folder, &entry->entry.name, errno, "cannot read the link", err);
        if ((size_t)got < size) {
            found->link = (struct span){found->bytes.size, (size_t)got};
            found->bytes.size += (size_t)got;
            return 0;
        }
    }
    return walk_fail(entry->batch->folder, &entry->entry.name, 0, "no snapshot can hold as much as is in the link",
                     err);
}

/* ---- Extended attributes ---- */

/* Where to ask: an open file, or a path through /proc that names the entry without following it. */
struct place {
    const struct walk_entry *entry;
    int fd; /* -1: the path */
    char path[PROC_PATH_SIZE];
};

static ssize_t list_names(const struct place *place, char *out, size_t size)
{
    return place->fd >= 0 ? flistxattr(place->fd, out, size) : llistxattr(place->path, out, size);
}

static ssize_t get_value(const struct place *place, const char *name, void *out, size_t size)
{
    return place->fd >= 0 ? fgetxattr(place->fd, name, out, size) : lgetxattr(place->path, name, out, size);
}

static void warn_at(const struct place *place, int errnum, const char *what)
{
    const struct bytes *name = place->entry->is_root ? NULL : &place->entry->entry.name;
    walk_warn(place->entry->batch->folder, name, errnum, what);
}

/* ENOENT has two meanings here: the entry is gone, or there is no /proc. The second is told once. */
static void warn_if_proc_is_missing(const struct place *place)
{
    if (place->fd >= 0 || access("/proc/self/fd", F_OK) == 0)
        return;
    if (!atomic_exchange(&place->entry->batch->folder->core->proc_missing, true))
        warn_at(place, 0, "/proc is not mounted, so that extended attributes of links and devices are left out, from");
}

/* Put the value of name; 1, or 0 if it is left out. */
static int put_value(struct found *found, const struct place *place, const char *name, struct span *ret,
                     struct error *err)
{
    size_t size = ENTRY_XATTR_INLINE_MAX;
    for (int i = 0; i < TRIES; i++) {
        if (buf_reserve(&found->bytes, size, err) < 0)
            return -1;
        ssize_t got = get_value(place, name, found->bytes.data + found->bytes.size, size);
        if (got >= 0) {
            *ret = (struct span){found->bytes.size, (size_t)got};
            found->bytes.size += (size_t)got;
            return 1;
        }
        if (errno == ENODATA || errno == ENOENT || errno == ENOTSUP)
            return 0; /* Removed since it was listed, or listed by a file system that then denies it. */
        if (errno != ERANGE) {
            warn_at(place, errno, "cannot read an extended attribute of");
            return 0;
        }
        got = get_value(place, name, NULL, 0);
        if (got > ENTRY_XATTR_MAX)
            break;
        size = got > 0 ? (size_t)got : size * 4;
    }
    warn_at(place, 0, "left out an extended attribute that is too long, or does not stop growing, of");
    return 0;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in list, each with a NUL, in order: read the value of each. */
static int put_listed(struct found *found, const struct place *place, const char *list, size_t size, struct error *err)
{
    size_t count = 0;
    for (size_t at = 0; at < size; at += strlen(list + at) + 1)
        count++;
    CLEANUP_FREE const char **names = mem_calloc(count, sizeof(*names));
    if (names == NULL)
        return error_no_memory(err);
    size_t i = 0;
    for (size_t at = 0; at < size; at += strlen(list + at) + 1)
        names[i++] = list + at;
    qsort(names, count, sizeof(*names), compare_text);
    if (count > ENTRY_XATTR_COUNT_MAX) {
        warn_at(place, 0, "left out the last of more extended attributes than a snapshot can hold, of");
        count = ENTRY_XATTR_COUNT_MAX;
    }
    for (i = 0; i < count; i++) {
        if (names[i][0] == '\0' || (i > 0 && strcmp(names[i], names[i - 1]) == 0))
            continue;
        struct found_xattr xattr;
        int result = put_value(found, place, names[i], &xattr.value, err);
        if (result < 0)
            return -1;
        if (result > 0 && (put(found, names[i], strlen(names[i]), &xattr.name, err) < 0 ||
                           buf_append(&found->xattrs, &xattr, sizeof(xattr), err) < 0))
            return -1;
    }
    return 0;
}

static int put_xattrs(struct found *found, const struct place *place, struct error *err)
{
    /* Most have none or few: one call then says so. One byte is kept for a NUL that a file system may forget. */
    char few[1024];
    ssize_t got = list_names(place, few, sizeof(few) - 1);
    if (got >= 0) {
        few[got] = '\0';
        return got > 0 ? put_listed(found, place, few, (size_t)got, err) : 0;
    }
    if (errno == ERANGE) {
        CLEANUP_FREE char *many = mem_alloc(LIST_SIZE_MAX + 1);
        if (many == NULL)
            return error_no_memory(err);
        got = list_names(place, many, LIST_SIZE_MAX);
        if (got >= 0) {
            many[got] = '\0';
            return put_listed(found, place, many, (size_t)got, err);
        }
    }
    if (errno == ENOENT)
        warn_if_proc_is_missing(place);
    else if (errno != ENOTSUP)
        warn_at(place, errno, "cannot list the extended attributes of");
    return 0;
}

/* ---- File flags ---- */

static void get_flags(struct found *found, int fd)
{
    /* The kernel writes an int, whatever the request's number says. Most file systems have no flags: no error. */
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
        found->file_flags = (uint32_t)flags & user_flags;
}

/* ---- All of it ---- */

/* A descriptor of the entry if it is a folder that can be opened and is still the same; else -1. */
static int open_if_folder(const struct walk_entry *entry, int at)
{
    if (entry->entry.type != ENTRY_DIRECTORY)
        return -1;
    return walk_folder_open_at(entry->batch->folder->core, at, walk_entry_kernel_name(entry), entry->device,
                               entry->entry.inode);
}

/* What is asked through the entry's folder, open at `at`, or through fd. */
static int gather_from_disk(struct found *found, const struct walk_entry *entry, int at, int fd, struct error *err)
{
    if (entry->entry.type == ENTRY_SYMLINK && put_link(found, entry, at, err) < 0)
        return -1;
    errno = 0;
    CLEANUP_FD int own = fd < 0 ? open_if_folder(entry, at) : -1;
    if (own < 0 && errno == ESTALE) {
        walk_warn(entry->batch->folder, entry->is_root ? NULL : &entry->entry.name, 0,
                  "left out the attributes of a folder that was replaced while the source was read:");
        return 0;
    }
    struct place place = {.entry = entry, .fd = fd >= 0 ? fd : own};
    if (place.fd >= 0) {
        if (entry->entry.type == ENTRY_FILE || entry->entry.type == ENTRY_DIRECTORY)
            get_flags(found, place.fd);
    } else {
        (void)snprintf(place.path, sizeof(place.path), "/proc/self/fd/%d/%s", at, walk_entry_kernel_name(entry));
    }
    return put_xattrs(found, &place, err);
}

static int gather(struct found *found, const struct walk_entry *entry, int fd, struct error *err)
{
    struct walk_folder *folder = entry->batch->folder;
    if (put_owner(found, &folder->core->users, entry->entry.uid, lookup_user, &found->user, err) < 0 ||
        put_owner(found, &folder->core->groups, entry->entry.gid, lookup_group, &found->group, err) < 0)
        return -1;
    /* An open file needs nothing of its folder, which may have been closed and be far down. */
    if (fd >= 0 && entry->entry.type != ENTRY_SYMLINK)
        return gather_from_disk(found, entry, -1, fd, err);
    int at = walk_folder_pin(folder);
    if (at < 0)
        return walk_fail(folder, NULL, errno, "cannot open the folder again:", err);
    int result = gather_from_disk(found, entry, at, fd, err);
    walk_folder_unpin(folder);
    return result;
}

static struct bytes bytes_at(const uint8_t *base, const struct span *span)
{
    return span->size > 0 ? (struct bytes){base + span->at, span->size} : (struct bytes){NULL, 0};
}

/* Move what was found into memory of the entry's own. */
static int keep(struct walk_entry *entry, const struct found *found, struct error *err)
{
    size_t count = found->xattrs.size / sizeof(struct found_xattr);
    size_t head = count * sizeof(struct xattr);
    uint8_t *memory = NULL;
    if (head + found->bytes.size > 0) {
        memory = mem_alloc(head + found->bytes.size);
        if (memory == NULL)
            return error_no_memory(err);
        if (found->bytes.size > 0)
            memcpy(memory + head, found->bytes.data, found->bytes.size);
    }
    const uint8_t *base = memory != NULL ? memory + head : NULL;
    struct xattr *xattrs = (struct xattr *)(void *)memory;
    for (size_t i = 0; xattrs != NULL && i < count; i++) {
        struct found_xattr from;
        memcpy(&from, found->xattrs.data + i * sizeof(from), sizeof(from));
        xattrs[i] = (struct xattr){.name = bytes_at(base, &from.name), .value = bytes_at(base, &from.value)};
    }
    mem_free(entry->metadata);
    entry->metadata = memory;
    struct entry *e = &entry->entry;
    e->user = bytes_at(base, &found->user);
    e->group = bytes_at(base, &found->group);
    e->link = bytes_at(base, &found->link);
    e->xattrs = count > 0 ? xattrs : NULL;
    e->xattr_count = count;
    e->file_flags = found->file_flags;
    return 0;
}

int walk_read_metadata(struct walk *walk, struct walk_entry *entry, int fd, struct error *err)
{
    /* All that is needed hangs on the entry; the walk stands for the warnings that the caller will get. */
    (void)walk;
    struct found found = {.file_flags = 0};
    int result = gather(&found, entry, fd, err);
    if (result == 0)
        result = keep(entry, &found, err);
    buf_free(&found.bytes);
    buf_free(&found.xattrs);
    return result;
}
