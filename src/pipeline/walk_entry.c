/* Entries, the batches that hold them, and the opening of what they name. */
#include "pipeline/walk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct walk_batch *walk_batch_new(struct walk_folder *folder, size_t entries, size_t more, uint8_t **ret_more)
{
    size_t head = sizeof(struct walk_batch) + entries * sizeof(struct walk_entry);
    struct walk_batch *batch = mem_alloc(head + more);
    if (batch == NULL)
        return NULL;
    memset(batch, 0, head);
    atomic_init(&batch->references, 1);
    batch->folder = walk_folder_reference(folder);
    batch->memory_size = head + more;
    *ret_more = (uint8_t *)batch + head;
    return batch;
}

void walk_batch_release(struct walk_batch *batch, size_t count)
{
    if (batch == NULL || atomic_fetch_sub_explicit(&batch->references, count, memory_order_acq_rel) != count)
        return;
    walk_folder_release(batch->folder);
    mem_free(batch);
}

static bool type_of(uint16_t mode, enum entry_type *ret)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        *ret = ENTRY_FILE;
        return true;
    case S_IFDIR:
        *ret = ENTRY_DIRECTORY;
        return true;
    case S_IFLNK:
        *ret = ENTRY_SYMLINK;
        return true;
    case S_IFCHR:
        *ret = ENTRY_CHARACTER_DEVICE;
        return true;
    case S_IFBLK:
        *ret = ENTRY_BLOCK_DEVICE;
        return true;
    case S_IFIFO:
        *ret = ENTRY_FIFO;
        return true;
    case S_IFSOCK:
        *ret = ENTRY_SOCKET;
        return true;
    default:
        return false;
    }
}

bool walk_entry_fill(struct walk_entry *entry, const struct statx *st)
{
    struct entry *e = &entry->entry;
    if (!type_of(st->stx_mode, &e->type))
        return false;
    e->mode = st->stx_mode & 07777;
    e->uid = st->stx_uid;
    e->gid = st->stx_gid;
    e->size = e->type == ENTRY_FILE ? st->stx_size : 0;
    e->mtime_s = st->stx_mtime.tv_sec;
    e->mtime_ns = st->stx_mtime.tv_nsec;
    e->ctime_s = st->stx_ctime.tv_sec;
    e->ctime_ns = st->stx_ctime.tv_nsec;
    e->inode = st->stx_ino;
    if (e->type == ENTRY_CHARACTER_DEVICE || e->type == ENTRY_BLOCK_DEVICE) {
        e->device_major = st->stx_rdev_major;
        e->device_minor = st->stx_rdev_minor;
    }
    entry->device = makedev(st->stx_dev_major, st->stx_dev_minor);
    entry->links = st->stx_nlink;
    return true;
}

/* What was opened may have taken the place of what was listed: from now on the entry is that. */
static void take_stat(struct walk_entry *entry, const struct stat *st)
{
    struct entry *e = &entry->entry;
    e->mode = st->st_mode & 07777;
    e->uid = st->st_uid;
    e->gid = st->st_gid;
    e->size = e->type == ENTRY_FILE ? (uint64_t)st->st_size : 0;
    e->mtime_s = st->st_mtim.tv_sec;
    e->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    e->ctime_s = st->st_ctim.tv_sec;
    e->ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
    e->inode = st->st_ino;
    entry->device = st->st_dev;
    entry->links = (uint32_t)st->st_nlink;
}

const struct entry *walk_entry_stat(const struct walk_entry *entry)
{
    return &entry->entry;
}

uint32_t walk_entry_links(const struct walk_entry *entry)
{
    return entry->links;
}

void walk_entry_identity(const struct walk_entry *entry, uint64_t *ret_device, uint64_t *ret_inode)
{
    *ret_device = entry->device;
    *ret_inode = entry->entry.inode;
}

const char *walk_entry_kernel_name(const struct walk_entry *entry)
{
    return entry->is_root ? "." : (const char *)entry->entry.name.data;
}

void walk_entry_release(struct walk_entry *entry)
{
    if (entry == NULL)
        return;
    mem_free(entry->metadata);
    entry->metadata = NULL;
    walk_batch_release(entry->batch, 1);
}

/* Is what stands under the name now a plain file? */
static bool is_file_now(int at, const char *name)
{
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/*
 * O_NONBLOCK, because a pipe may have taken the file's place, and opening one waits for a writer. On files it means
 * something only where a file server holds a lease: then it is a file, and waiting for the lease is right.
 */
static int open_at(struct walk_core *core, int at, const char *name)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOATIME;
    for (;;) {
        int fd = openat(at, name, flags);
        if (fd >= 0)
            return fd;
        if (errno == EPERM && (flags & O_NOATIME) != 0)
            flags &= ~O_NOATIME;
        else if (errno == EWOULDBLOCK && (flags & O_NONBLOCK) != 0 && is_file_now(at, name))
            flags &= ~O_NONBLOCK;
        else if ((errno != EMFILE && errno != ENFILE) || !walk_folder_make_room(core))
            return -1;
    }
}

int walk_entry_open(struct walk_entry *entry, int *ret_fd, struct stat *ret_stat, struct error *err)
{
    struct walk_folder *folder = entry->batch->folder;
    const struct bytes *name = entry->is_root ? NULL : &entry->entry.name;
    int at = walk_folder_pin(folder);
    if (at < 0)
        return walk_fail(folder, NULL, errno, "cannot open the folder again:", err);
    int fd = open_at(folder->core, at, walk_entry_kernel_name(entry));
    int errnum = errno;
    walk_folder_unpin(folder);
    if (fd < 0)
        return walk_fail(folder, name, errnum, "cannot open", err);
    if (fstat(fd, ret_stat) < 0) {
        errnum = errno;
        (void)close(fd);
        return walk_fail(folder, name, errnum, "cannot read the attributes of", err);
    }
    bool same_type = entry->entry.type == ENTRY_DIRECTORY ? S_ISDIR(ret_stat->st_mode) : S_ISREG(ret_stat->st_mode);
    if (!same_type) {
        (void)close(fd);
        (void)walk_fail(folder, name, 0, "something else took the place of", err);
        return error_hint(err, WALK_REPLACED_HINT);
    }
    take_stat(entry, ret_stat);
    *ret_fd = fd;
    return 0;
}
