/*
 * Files that are being filled. A blob that is a whole file is written in one
 * go; files of several blobs are kept in a table until the last has come, with
 * a bounded number of them open.
 *
 * What is in the way is replaced by renaming when the new file is complete, so
 * that a failure leaves the old one whole; only a delta restore writes into a
 * file that holds most of the content already.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* A uthash table that lacks memory says so; FNV reads keys byte by byte. */
#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->out_of_memory = true)
#define HASH_FUNCTION                HASH_FNV
#include <uthash.h>
#include <utlist.h>

enum { OPEN_MAX = 256 };

struct open_file {
    uint64_t offset; /* of its entry in the spool: the key */
    bool out_of_memory;
    UT_hash_handle hh;
    struct open_file *prev, *next; /* among the idle */
    unsigned pins;                 /* threads at it; under the filler's mutex */
    pthread_mutex_t mutex;         /* of what follows; not needed while nobody has it pinned */
    int fd;                        /* -1: closed meanwhile */
    bool started;
    bool failed;   /* and reported */
    bool in_place; /* it is the file that was there */
    bool complete;
    int close_errno;
    uint64_t left;                  /* wants that have not come */
    char temporary[TEMPORARY_SIZE]; /* its name until it is complete; "": its own */
};

int file_filler_new(const struct restore_options *options, const struct place_root *root,
                    const struct restore_plan *plan, struct block_reader *xattr_reader, struct file_filler **ret,
                    struct error *err)
{
    struct file_filler *filler = mem_calloc(1, sizeof(*filler));
    if (filler == NULL)
        return error_no_memory(err);
    filler->options = options;
    filler->root = root;
    filler->plan = plan;
    filler->may_replace = options->overwrite && !root->was_empty;
    filler->link_cursor = (struct place_cursor){.root = root, .fd = -1};
    filler->late_fd = -1;
    (void)pthread_mutex_init(&filler->mutex, NULL);
    if (meta_new(options, root, xattr_reader, &filler->meta, err) != 0) {
        file_filler_free(filler);
        return -1;
    }
    *ret = filler;
    return 0;
}

static void free_file(struct open_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    (void)pthread_mutex_destroy(&file->mutex);
    mem_free(file);
}

void file_filler_free(struct file_filler *filler)
{
    if (filler == NULL)
        return;
    struct open_file *file, *next;
    HASH_ITER(hh, filler->files, file, next)
    {
        HASH_DEL(filler->files, file);
        free_file(file);
    }
    if (filler->late_fd >= 0)
        (void)close(filler->late_fd);
    place_cursor_close(&filler->link_cursor);
    meta_free(filler->meta);
    (void)pthread_mutex_destroy(&filler->mutex);
    mem_free(filler);
}

bool restore_is_fatal(const struct error *err)
{
    switch (err->class) {
    case ERROR_NO_MEMORY:
    case ERROR_INTERNAL:
    case ERROR_INTERRUPTED:
        return true;
    case ERROR_LOCAL:
        return err->errnum == ENOSPC || err->errnum == EDQUOT || err->errnum == EROFS || err->errnum == EIO ||
               err->errnum == ENOMEM || err->errnum == EMFILE || err->errnum == ENFILE;
    default:
        return false;
    }
}

int file_failed(struct file_filler *filler, const struct entry *entry, const struct error *why, struct error *err)
{
    if (restore_is_fatal(why)) {
        *err = *why;
        return -1;
    }
    meta_warn(filler->meta, entry, why);
    return 0;
}

/* ---- Files of one blob ---- */

/* Make a file in one go: of these bytes, or of a size that is all hole. */
static int make_at_once(struct file_filler *filler, struct place_cursor *cursor, struct making *making, uint64_t offset,
                        const uint8_t *bytes, size_t size, struct error *err)
{
    const struct spooled *spooled = &making->spooled;
    char temporary[TEMPORARY_SIZE] = "";
    int fd = -1, rc;
    if (making_locate(cursor, making, err) != 0)
        return -1;
    bool created = !spooled->in_place;
    if ((created ? making_create(filler, making, temporary, &fd, err) : making_open_in_place(making, &fd, err)) != 0)
        return -1;
    rc = 0;
    if (size > 0 && file_pwrite_full(fd, bytes, size, 0) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "write the file");
    else if (created && spooled->entry.size > size && ftruncate(fd, (off_t)spooled->entry.size) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "make the file %llu bytes long",
                             (unsigned long long)spooled->entry.size);
    if (rc == 0)
        rc = making_finish(filler, making, offset, &fd, temporary, err);
    if (fd >= 0)
        (void)close(fd);
    if (rc != 0 && created)
        making_discard(making, temporary);
    return rc;
}

static int at_once(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset, const uint8_t *bytes,
                   size_t size, struct error *err)
{
    CLEANUP(making_clear) struct making making = {.dir = -1};
    struct error why = {0};
    if (making_open(filler, offset, &making, err) != 0)
        return -1;
    if (making.spooled.broken)
        return 0;
    atomic_fetch_add(&filler->options->counters->entries, 1);
    if (make_at_once(filler, cursor, &making, offset, bytes, size, &why) != 0)
        return file_failed(filler, &making.spooled.entry, &why, err);
    return 0;
}

int file_make_plain(struct file_filler *filler, struct place_cursor *cursor, uint64_t offset, struct error *err)
{
    return at_once(filler, cursor, offset, NULL, 0, err);
}

/* ---- The table ---- */

/* The file of this entry, pinned and locked. */
static int acquire(struct file_filler *filler, uint64_t offset, struct open_file **ret, struct error *err)
{
    struct open_file *file = NULL;
    (void)pthread_mutex_lock(&filler->mutex);
    HASH_FIND(hh, filler->files, &offset, sizeof(offset), file);
    if (file == NULL) {
        file = mem_calloc(1, sizeof(*file));
        if (file != NULL) {
            file->offset = offset;
            file->fd = -1;
            (void)pthread_mutex_init(&file->mutex, NULL);
            HASH_ADD(hh, filler->files, offset, sizeof(offset), file);
            if (file->out_of_memory) {
                free_file(file);
                file = NULL;
            }
        }
    } else if (file->pins == 0 && file->fd >= 0) {
        DL_DELETE(filler->idle, file);
    }
    if (file != NULL)
        file->pins++;
    (void)pthread_mutex_unlock(&filler->mutex);
    if (file == NULL)
        return error_no_memory(err);
    (void)pthread_mutex_lock(&file->mutex);
    *ret = file;
    return 0;
}

/* Under the filler's mutex: close idle files until one more may be opened. */
static void make_room(struct file_filler *filler)
{
    while (filler->open_count >= OPEN_MAX && filler->idle != NULL) {
        struct open_file *oldest = filler->idle;
        DL_DELETE(filler->idle, oldest);
        if (close(oldest->fd) != 0 && errno != EINTR)
            oldest->close_errno = errno;
        oldest->fd = -1;
        filler->open_count--;
    }
}

static void release(struct file_filler *filler, struct open_file *file)
{
    (void)pthread_mutex_unlock(&file->mutex);
    (void)pthread_mutex_lock(&filler->mutex);
    file->pins--;
    if (file->pins == 0 && file->complete) {
        HASH_DEL(filler->files, file);
        free_file(file);
    } else if (file->pins == 0 && file->fd >= 0) {
        DL_APPEND(filler->idle, file);
    }
    (void)pthread_mutex_unlock(&filler->mutex);
}

static void count_open(struct file_filler *filler, bool open)
{
    (void)pthread_mutex_lock(&filler->mutex);
    if (open) {
        make_room(filler);
        filler->open_count++;
    } else {
        filler->open_count--;
    }
    (void)pthread_mutex_unlock(&filler->mutex);
}

/* Create the file, or open it again. */
static int open_file(struct file_filler *filler, struct place_cursor *cursor, struct open_file *file,
                     struct making *making, struct error *err)
{
    if (making_locate(cursor, making, err) != 0)
        return -1;
    count_open(filler, true);
    int rc = 0;
    bool first = !file->started;
    file->started = true;
    if (!first) {
        file->fd = openat(making->dir, file->temporary[0] != '\0' ? file->temporary : making->name,
                          O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file->fd < 0)
            rc = error_set_errno(err, ERROR_LOCAL, errno, "open the file again");
    } else if (file->in_place) {
        rc = making_open_in_place(making, &file->fd, err);
    } else {
        rc = making_create(filler, making, file->temporary, &file->fd, err);
        if (rc == 0 && ftruncate(file->fd, (off_t)making->spooled.entry.size) != 0) {
            rc = error_set_errno(err, ERROR_LOCAL, errno, "make the file %llu bytes long",
                                 (unsigned long long)making->spooled.entry.size);
            (void)close(file->fd);
            file->fd = -1;
        }
    }
    if (rc != 0)
        count_open(filler, false);
    return rc;
}

/* Read the entry of a file that is met for the first time. */
static int get_ready(struct file_filler *filler, struct open_file *file, struct making *making, struct error *err)
{
    if (making_open(filler, file->offset, making, err) != 0)
        return -1;
    if (file->left == 0) {
        file->left = making->spooled.wants;
        file->in_place = making->spooled.in_place;
        file->failed = making->spooled.broken;
    }
    return 0;
}

static void close_file(struct file_filler *filler, struct open_file *file)
{
    if (file->fd < 0)
        return;
    (void)close(file->fd);
    file->fd = -1;
    count_open(filler, false);
}

/* It fails, once: what replaces something is removed; what is new stays, as far as it came. */
static int fail(struct file_filler *filler, struct open_file *file, const struct making *making,
                const struct error *why, struct error *err)
{
    close_file(filler, file);
    if (file->failed)
        return 0;
    file->failed = true;
    if (file->temporary[0] != '\0' && making->dir >= 0)
        making_discard(making, file->temporary);
    return file_failed(filler, &making->spooled.entry, why, err);
}

static int complete(struct file_filler *filler, struct open_file *file, const struct making *making, struct error *err)
{
    file->complete = true;
    atomic_fetch_add(&filler->options->counters->entries, 1);
    if (file->failed)
        return 0;
    struct error why = {0};
    int rc;
    if (file->close_errno != 0)
        rc = error_set_errno(&why, ERROR_LOCAL, file->close_errno, "write the file");
    else
        rc = making_finish(filler, making, file->offset, &file->fd, file->temporary, &why);
    if (file->fd < 0)
        count_open(filler, false);
    return rc != 0 ? fail(filler, file, making, &why, err) : 0;
}

/* Write one of several blobs of a file. Its mutex is held. */
static int fill_part(struct file_filler *filler, struct place_cursor *cursor, struct open_file *file,
                     const struct want *want, const uint8_t *bytes, struct error *err)
{
    CLEANUP(making_clear) struct making making = {.dir = -1};
    struct error why = {0};
    bool read = file->left == 0 || (file->fd < 0 && !file->failed) || file->left == 1;
    if (read && get_ready(filler, file, &making, err) != 0)
        return -1;
    int rc = 0;
    if (!file->failed && file->fd < 0 && open_file(filler, cursor, file, &making, &why) != 0)
        rc = fail(filler, file, &making, &why, err);
    if (!file->failed && file_pwrite_full(file->fd, bytes, want->size, (int64_t)want->at) != 0) {
        (void)error_set_errno(&why, ERROR_LOCAL, errno, "write the file");
        if (!read)
            rc = get_ready(filler, file, &making, err);
        struct error ignored;
        if (rc == 0 && making_locate(cursor, &making, &ignored) != 0)
            making.dir = -1; /* then nothing can be removed */
        if (rc == 0)
            rc = fail(filler, file, &making, &why, err);
    }
    file->left--;
    if (rc == 0 && file->left == 0) {
        if (!file->failed && making.dir < 0 && making_locate(cursor, &making, &why) != 0)
            rc = fail(filler, file, &making, &why, err);
        if (rc == 0)
            rc = complete(filler, file, &making, err);
    }
    return rc;
}

int file_fill(struct file_filler *filler, struct place_cursor *cursor, const struct want *want, const uint8_t *bytes,
              struct error *err)
{
    atomic_fetch_add(&filler->options->counters->blobs, 1);
    atomic_fetch_add(&filler->options->counters->bytes, want->size);
    if (want->whole != 0)
        return at_once(filler, cursor, want->entry, bytes, want->size, err);
    struct open_file *file;
    if (acquire(filler, want->entry, &file, err) != 0)
        return -1;
    int rc = fill_part(filler, cursor, file, want, bytes, err);
    release(filler, file);
    return rc;
}

static void give_up_part(struct file_filler *filler, struct place_cursor *cursor, struct open_file *file,
                         const struct error *why)
{
    CLEANUP(making_clear) struct making making = {.dir = -1};
    struct error ignored;
    if (get_ready(filler, file, &making, &ignored) != 0)
        return;
    if (!file->failed) {
        (void)making_locate(cursor, &making, &ignored);
        (void)fail(filler, file, &making, why, &ignored);
    }
    file->left--;
    if (file->left == 0)
        (void)complete(filler, file, &making, &ignored);
}

void file_give_up(struct file_filler *filler, const struct want *want, const struct error *why)
{
    CLEANUP(place_cursor_close) struct place_cursor cursor = {.root = filler->root, .fd = -1};
    struct error ignored;
    struct open_file *file;
    if (want->whole == 0) {
        if (acquire(filler, want->entry, &file, &ignored) != 0)
            return;
        give_up_part(filler, &cursor, file, why);
        release(filler, file);
        return;
    }
    CLEANUP(making_clear) struct making making = {.dir = -1};
    if (making_open(filler, want->entry, &making, &ignored) != 0 || making.spooled.broken)
        return;
    atomic_fetch_add(&filler->options->counters->entries, 1);
    meta_warn(filler->meta, &making.spooled.entry, why);
}

/* ---- At the end ---- */

int file_finish_flags(struct file_filler *filler, struct place_cursor *cursor, struct error *err)
{
    for (uint64_t i = 0; i < filler->late_count; i++) {
        CLEANUP(making_clear) struct making making = {.dir = -1};
        uint8_t bytes[8];
        struct error why = {0};
        if (file_pread_full(filler->late_fd, bytes, 8, (int64_t)(8 * i)) != 8)
            return error_set_errno(err, ERROR_LOCAL, errno, "read the list of files whose flags wait");
        if (making_open(filler, get_u64(bytes), &making, err) != 0)
            return -1;
        const struct entry *entry = &making.spooled.entry;
        CLEANUP_FD int fd = -1;
        if (making_locate(cursor, &making, &why) == 0) {
            fd = openat(making.dir, making.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
            if (fd < 0)
                (void)error_set_errno(&why, ERROR_LOCAL, errno, "open the file to set its flags");
        }
        if (fd >= 0)
            meta_set_flags(filler->meta, fd, entry);
        else if (file_failed(filler, entry, &why, err) != 0)
            return -1;
    }
    return 0;
}

void file_filler_end(struct file_filler *filler)
{
    CLEANUP(place_cursor_close) struct place_cursor cursor = {.root = filler->root, .fd = -1};
    struct open_file *file, *next;
    HASH_ITER(hh, filler->files, file, next)
    {
        CLEANUP(making_clear) struct making making = {.dir = -1};
        struct error why, ignored;
        (void)error_set(&why, ERROR_INTERRUPTED, "the restore ended before the file was complete");
        (void)error_hint(&why, "restore it again with --delta: what is there already is kept");
        if (!file->failed && get_ready(filler, file, &making, &ignored) == 0) {
            (void)making_locate(&cursor, &making, &ignored);
            if (file->fd >= 0 && file->pins == 0)
                DL_DELETE(filler->idle, file);
            (void)fail(filler, file, &making, &why, &ignored);
        }
    }
    meta_end(filler->meta);
}
