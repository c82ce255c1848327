/*
 * What a restore makes besides files: folders, links, devices, fifos. Nothing
 * of it follows a link, and nothing is removed before its successor exists.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- Links, devices, fifos ---- */

/* The string that a link holds, for the kernel. */
static char *text_of(const struct bytes *bytes, struct error *err)
{
    if (bytes->size == 0 || memchr(bytes->data, '\0', bytes->size) != NULL) {
        (void)error_set(err, ERROR_DAMAGED, "a link leads to what no link can hold");
        return NULL;
    }
    char *text = mem_alloc(bytes->size + 1);
    if (text == NULL) {
        (void)error_no_memory(err);
        return NULL;
    }
    memcpy(text, bytes->data, bytes->size);
    text[bytes->size] = '\0';
    return text;
}

static int make_symlink(int dir, const char *name, const struct entry *entry, struct error *err)
{
    CLEANUP_FREE char *text = text_of(&entry->link, err);
    if (text == NULL)
        return -1;
    return symlinkat(text, dir, name) == 0 ? 0 : error_set_errno(err, ERROR_LOCAL, errno, "make the symbolic link");
}

static int make_hardlink(struct file_filler *filler, int dir, const char *name, const struct entry *entry,
                         struct error *err)
{
    struct bytes first_dir, first_name;
    char first[ENTRY_NAME_MAX + 1];
    int from;
    if (!entry_path_is_valid(&entry->link))
        return error_set(err, ERROR_DAMAGED, "a hard link leads to what is no path of a snapshot");
    entry_path_split(&entry->link, &first_dir, &first_name);
    if (place_entry(&filler->link_cursor, &first_dir, &first_name, false, &from, first, err) != 0)
        return error_wrap(err, "find the first name of the file");
    if (linkat(from, first, dir, name, 0) == 0)
        return 0;
    int errnum = errno;
    (void)error_set_errno(err, ERROR_LOCAL, errnum, "link it to its first name, %.200s", first);
    return errnum == ENOENT ? error_hint(err, "that file was not restored: see above") : -1;
}

static int make_node(int dir, const char *name, const struct entry *entry, struct error *err)
{
    mode_t type = entry->type == ENTRY_CHARACTER_DEVICE ? S_IFCHR
                  : entry->type == ENTRY_BLOCK_DEVICE   ? S_IFBLK
                  : entry->type == ENTRY_SOCKET         ? S_IFSOCK
                                                        : S_IFIFO;
    bool device = type == S_IFCHR || type == S_IFBLK;
    if (mknodat(dir, name, type | 0600, device ? makedev(entry->device_major, entry->device_minor) : 0) == 0)
        return 0;
    int errnum = errno;
    (void)error_set_errno(err, ERROR_LOCAL, errnum, device ? "make the device" : "make the fifo or socket");
    return errnum == EPERM && device ? error_hint(err, "only root can make devices") : -1;
}

static int make_special(struct file_filler *filler, struct place_cursor *cursor, const struct entry *entry,
                        struct error *err)
{
    char name[ENTRY_NAME_MAX + 1], temporary[TEMPORARY_SIZE];
    int dir, rc;
    if (place_entry(cursor, &entry->dir, &entry->name, true, &dir, name, err) != 0 ||
        file_making_name(filler, dir, name, temporary, err) != 0)
        return -1;
    const char *made = temporary[0] != '\0' ? temporary : name;
    if (entry->type == ENTRY_SYMLINK)
        rc = make_symlink(dir, made, entry, err);
    else if (entry->type == ENTRY_HARDLINK)
        rc = make_hardlink(filler, dir, made, entry, err);
    else
        rc = make_node(dir, made, entry, err);
    if (rc != 0)
        return -1;
    if (entry->type != ENTRY_HARDLINK)
        rc = meta_apply(filler->meta, -1, dir, made, entry, err);
    if (temporary[0] == '\0')
        return rc;
    if (rc == 0 && renameat(dir, temporary, dir, name) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "put it in the place of the old one");
    (void)unlinkat(dir, temporary, 0); /* still there after a failure, and when both were names of one file already */
    return rc;
}

int file_make_special(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset, struct error *err)
{
    CLEANUP(spooled_free) struct spooled spooled = {0};
    struct error why = {0};
    if (spool_read(&filler->plan->entries, offset, &spooled, err) != 0)
        return -1;
    atomic_fetch_add(&filler->options->counters->entries, 1);
    if (make_special(filler, cursor, &spooled.entry, &why) != 0)
        return file_failed(filler, &spooled.entry, &why, err);
    return 0;
}

/* ---- Folders ---- */

static int make_folder(struct file_filler *filler, struct place_cursor *cursor, const struct entry *entry,
                       struct error *err)
{
    char name[ENTRY_NAME_MAX + 1];
    struct stat st;
    int dir;
    if (place_entry(cursor, &entry->dir, &entry->name, true, &dir, name, err) != 0)
        return -1;
    if (mkdirat(dir, name, 0700) == 0)
        return 0;
    if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "make the folder");
    if (S_ISDIR(st.st_mode)) {
        /* Entries must be made in it; its own mode comes at the end. */
        if ((st.st_mode & 0700) != 0700 && fchmodat(dir, name, (st.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW) != 0)
            return error_set_errno(err, ERROR_LOCAL, errno, "make the folder writable");
        return 0;
    }
    if (!filler->may_replace)
        return error_set(err, ERROR_REFUSED, "something that is no folder is in the way");
    if (unlinkat(dir, name, 0) != 0 || mkdirat(dir, name, 0700) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "make the folder in the place of a file");
    return 0;
}

int file_make_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset, struct error *err)
{
    CLEANUP(spooled_free) struct spooled spooled = {0};
    struct error why = {0};
    if (spool_read(&filler->plan->entries, offset, &spooled, err) != 0)
        return -1;
    atomic_fetch_add(&filler->options->counters->entries, 1);
    if (make_folder(filler, cursor, &spooled.entry, &why) != 0)
        return file_failed(filler, &spooled.entry, &why, err);
    return 0;
}

int file_finish_folder(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset, struct error *err)
{
    CLEANUP(spooled_free) struct spooled spooled = {0};
    char name[ENTRY_NAME_MAX + 1];
    struct error why = {0};
    int dir;
    if (spool_read(&filler->plan->entries, offset, &spooled, err) != 0)
        return -1;
    const struct entry *entry = &spooled.entry;
    if (place_entry(cursor, &entry->dir, &entry->name, false, &dir, name, &why) != 0)
        return file_failed(filler, entry, &why, err);
    CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        (void)error_set_errno(&why, ERROR_LOCAL, errno, "open the folder to set its metadata");
        return file_failed(filler, entry, &why, err);
    }
    return meta_apply(filler->meta, fd, dir, name, entry, err);
}
