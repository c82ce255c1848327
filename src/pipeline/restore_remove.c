#include "pipeline/restore_remove.h"

#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHED_BLOCKS = 16 };

struct remover {
    const struct restore_remove_options *options;
    struct restore_removed *ret;
    struct place_root root;
    struct place_cursor cursor;
    struct buf folders; /* "dir/name", each with its length (u32) behind it, for going backwards */
};

/* Is it what the restore made of this entry? */
static bool is_as_restored(int fd, const char *name, const struct entry *entry, const struct stat *st)
{
    char target[4096];
    switch (entry->type) {
    case ENTRY_FILE:
        return S_ISREG(st->st_mode) && (uint64_t)st->st_size == entry->size && st->st_mtim.tv_sec == entry->mtime_s &&
               st->st_mtim.tv_nsec == (long)entry->mtime_ns;
    case ENTRY_HARDLINK: /* of a file that has these times itself */
        return S_ISREG(st->st_mode);
    case ENTRY_SYMLINK: {
        ssize_t size = readlinkat(fd, name, target, sizeof(target));
        return S_ISLNK(st->st_mode) && size >= 0 && (size_t)size == entry->link.size &&
               memcmp(target, entry->link.data, entry->link.size) == 0;
    }
    case ENTRY_CHARACTER_DEVICE:
        return S_ISCHR(st->st_mode);
    case ENTRY_BLOCK_DEVICE:
        return S_ISBLK(st->st_mode);
    case ENTRY_FIFO:
        return S_ISFIFO(st->st_mode);
    case ENTRY_SOCKET:
        return S_ISSOCK(st->st_mode);
    case ENTRY_DIRECTORY:
        break;
    }
    return false;
}

/* A hard link to a file that was changed, and so stays, is that file: its first name came before, and is still there.
 */
static bool is_of_kept_file(struct remover *remover, const struct entry *entry, const struct stat *st)
{
    char name[ENTRY_NAME_MAX + 1];
    struct bytes dir, last;
    struct stat first;
    struct error ignored = {0};
    int fd;
    if (entry->type != ENTRY_HARDLINK || remover->options->dry_run)
        return false;
    entry_path_split(&entry->link, &dir, &last);
    return place_entry(&remover->cursor, &dir, &last, false, &fd, name, &ignored) == 0 &&
           fstatat(fd, name, &first, AT_SYMLINK_NOFOLLOW) == 0 && first.st_ino == st->st_ino &&
           first.st_dev == st->st_dev;
}

static int keep_folder(struct remover *remover, const struct entry *entry, struct error *err)
{
    size_t size = entry->dir.size + (entry->dir.size > 0) + entry->name.size;
    if (buf_append(&remover->folders, entry->dir.data, entry->dir.size, err) != 0 ||
        (entry->dir.size > 0 && buf_u8(&remover->folders, '/', err) != 0) ||
        buf_append(&remover->folders, entry->name.data, entry->name.size, err) != 0)
        return -1;
    uint32_t tail = (uint32_t)size;
    return buf_append(&remover->folders, &tail, sizeof(tail), err);
}

static int remove_entry(struct remover *remover, const struct entry *entry, struct error *err)
{
    char name[ENTRY_NAME_MAX + 1];
    struct stat st;
    struct error why = {0};
    int fd;
    if (entry->type == ENTRY_DIRECTORY)
        return keep_folder(remover, entry, err);
    if (place_entry(&remover->cursor, &entry->dir, &entry->name, false, &fd, name, &why) != 0 ||
        fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (why.class == ERROR_NO_MEMORY)
            return error_no_memory(err);
        return 0; /* it is not there: somebody removed it before, or it could not be restored */
    }
    if (!is_as_restored(fd, name, entry, &st) || is_of_kept_file(remover, entry, &st)) {
        remover->ret->left++;
        return 0;
    }
    /* Looking at another folder closed this one. */
    if (place_entry(&remover->cursor, &entry->dir, &entry->name, false, &fd, name, err) != 0)
        return -1;
    if (!remover->options->dry_run && unlinkat(fd, name, 0) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "remove %.*s/%s", (int)entry->dir.size,
                               (const char *)entry->dir.data, name);
    remover->ret->entries++;
    remover->ret->bytes += entry->size;
    return 0;
}

/* Folders, the deepest first; one that holds something else stays. */
static int remove_folders(struct remover *remover, struct error *err)
{
    size_t end = remover->folders.size;
    while (end > 0) {
        uint32_t size;
        char name[ENTRY_NAME_MAX + 1];
        int fd;
        struct error why = {0};
        memcpy(&size, remover->folders.data + end - sizeof(size), sizeof(size));
        struct bytes path = {remover->folders.data + end - sizeof(size) - size, size}, dir, last;
        end -= size + sizeof(size);
        entry_path_split(&path, &dir, &last);
        /* The cursor may hold this very folder open. */
        place_cursor_close(&remover->cursor);
        if (place_entry(&remover->cursor, &dir, &last, false, &fd, name, &why) != 0)
            continue;
        if (remover->options->dry_run || unlinkat(fd, name, AT_REMOVEDIR) == 0)
            remover->ret->entries++;
        else if (errno == ENOTEMPTY || errno == EEXIST)
            remover->ret->left++;
        else if (errno != ENOENT && errno != ENOTDIR)
            return error_set_errno(err, ERROR_LOCAL, errno, "remove the folder %.*s", (int)path.size,
                                   (const char *)path.data);
    }
    return 0;
}

static int remove_all(struct remover *remover, struct block_reader *reader, struct error *err)
{
    const struct restore_remove_options *options = remover->options;
    struct manifest_reader *manifest = NULL;
    const struct entry *entry;
    int rc = manifest_reader_new(options->root, true, block_reader_fetch, reader, &manifest, err);
    while (rc == 0 && (rc = manifest_reader_next(manifest, &entry, err)) > 0) {
        rc = cancel_check(options->cancel, err);
        if (rc == 0 && selection_has(options->paths, &entry->dir, &entry->name, entry->type == ENTRY_DIRECTORY))
            rc = remove_entry(remover, entry, err);
    }
    manifest_reader_free(manifest);
    return rc == 0 ? remove_folders(remover, err) : -1;
}

int restore_remove(const struct restore_remove_options *options, struct restore_removed *ret, struct error *err)
{
    struct remover remover = {.options = options, .ret = ret};
    struct block_reader *reader = NULL;
    *ret = (struct restore_removed){0};
    if (place_open(options->from, false, &remover.root, err) != 0)
        return -1;
    if (remover.root.fd < 0)
        return error_set(err, ERROR_NOT_FOUND, "%s is not there", options->from);
    remover.cursor = (struct place_cursor){.root = &remover.root, .fd = -1};
    int rc = block_reader_new(options->objects, CACHED_BLOCKS, &reader, err);
    if (rc == 0)
        rc = remove_all(&remover, reader, err);
    block_reader_free(reader);
    place_cursor_close(&remover.cursor);
    buf_free(&remover.folders);
    place_close(&remover.root);
    return rc;
}
