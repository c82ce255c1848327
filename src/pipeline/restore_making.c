/*
 * One file that is being made: under its own name, or under a temporary one
 * that takes the place of what is in the way once the file is complete.
 */
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int file_making_name(struct file_filler *filler, int dir, const char *name, char out[TEMPORARY_SIZE], struct error *err)
{
    struct stat st;
    uint8_t random[8];
    char text[2 * sizeof(random) + 1];
    out[0] = '\0';
    if (!filler->may_replace || (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT))
        return 0;
    if (crypto_random(random, sizeof(random), err) != 0)
        return -1;
    (void)hex_encode(random, sizeof(random), text);
    (void)snprintf(out, TEMPORARY_SIZE, ".hikae-restore-%s", text);
    return 0;
}

void making_clear(struct making *making)
{
    spooled_free(&making->spooled);
}

int making_open(struct file_filler *filler, uint64_t offset, struct making *making, struct error *err)
{
    return spool_read(&filler->plan->entries, offset, &making->spooled, err);
}

int making_locate(struct place_cursor *cursor, struct making *making, struct error *err)
{
    const struct entry *entry = &making->spooled.entry;
    return place_entry(cursor, &entry->dir, &entry->name, true, &making->dir, making->name, err);
}

int making_create(struct file_filler *filler, const struct making *making, char temporary[TEMPORARY_SIZE], int *ret_fd,
                  struct error *err)
{
    const struct entry *entry = &making->spooled.entry;
    /* A file that is whole after one write gets its mode with its name; one that grows is nobody's until it is whole.
     */
    mode_t mode = making->spooled.wants <= 1 && entry->xattr_count == 0 ? entry->mode & 0777 : 0600;
    if (file_making_name(filler, making->dir, making->name, temporary, err) != 0)
        return -1;
    *ret_fd = openat(making->dir, temporary[0] != '\0' ? temporary : making->name,
                     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (*ret_fd >= 0)
        return 0;
    int errnum = errno;
    (void)error_set_errno(err, ERROR_LOCAL, errnum, "create the file");
    return errnum == EEXIST ? error_hint(err, "something is in the way: restore into an empty folder") : -1;
}

/* The file that was there when the plan was made, if it is still the same kind of thing. */
int making_open_in_place(const struct making *making, int *ret_fd, struct error *err)
{
    struct stat st;
    int fd = openat(making->dir, making->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open the file in place");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
        (uint64_t)st.st_size != making->spooled.entry.size) {
        (void)close(fd);
        return error_set(err, ERROR_LOCAL, "the file in place changed while it was being restored");
    }
    *ret_fd = fd;
    return 0;
}

/* The flags that forbid changes wait until all is done: note this file. */
static int note_late(struct file_filler *filler, uint64_t offset, struct error *err)
{
    uint8_t bytes[8];
    put_u64(bytes, offset);
    (void)pthread_mutex_lock(&filler->mutex);
    int rc = filler->late_fd >= 0 ? 0 : file_temporary(filler->options->to, &filler->late_fd, err);
    if (rc == 0 && file_pwrite_full(filler->late_fd, bytes, 8, (int64_t)(8 * filler->late_count)) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "write the list of files whose flags wait");
    if (rc == 0)
        filler->late_count++;
    (void)pthread_mutex_unlock(&filler->mutex);
    return rc;
}

/* All bytes are there: metadata, and its name. Closes *fd. */
int making_finish(struct file_filler *filler, const struct making *making, uint64_t offset, int *fd,
                  const char *temporary, struct error *err)
{
    const struct entry *entry = &making->spooled.entry;
    if (meta_apply(filler->meta, *fd, making->dir, making->name, entry, err) != 0)
        return -1;
    int rc = close(*fd); /* some file systems write only now */
    *fd = -1;
    if (rc != 0 && errno != EINTR)
        return error_set_errno(err, ERROR_LOCAL, errno, "write the file");
    if (temporary[0] != '\0' && renameat(making->dir, temporary, making->dir, making->name) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "put the file in the place of the old one");
    return meta_flags_wait(entry) ? note_late(filler, offset, err) : 0;
}

void making_discard(const struct making *making, const char *temporary)
{
    (void)unlinkat(making->dir, temporary[0] != '\0' ? temporary : making->name, 0);
}
