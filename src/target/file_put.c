/* Writing for the driver "file": a temporary, made durable, then named; folders are made and made durable once. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "target/beneath.h"
#include "target/file_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* The default hash function falls through its cases without saying so to clang. */
#define HASH_FUNCTION(key, size, hash) HASH_FNV(key, size, hash)
#define HASH_NONFATAL_OOM              1
#include <uthash.h>

enum { STALE_S = 24 * 60 * 60, ATTEMPTS = 8, DIRECT_MIN = 1 << 20, DIRECT_UNIT = 4096, COMPARE_SIZE = 1 << 18 };

struct made_folder {
    UT_hash_handle hh;
    char name[];
};

static bool folder_known(struct file_target *t, const char *name, size_t size)
{
    struct made_folder *found = NULL;
    (void)pthread_mutex_lock(&t->lock);
    HASH_FIND(hh, t->made, name, size, found);
    (void)pthread_mutex_unlock(&t->lock);
    return found != NULL;
}

/* Remember a folder. Without memory it is only made and synced again next time. */
static void folder_remember(struct file_target *t, const char *name, size_t size)
{
    struct made_folder *folder = mem_alloc(sizeof(*folder) + size);
    if (folder == NULL)
        return;
    memset(folder, 0, sizeof(*folder));
    memcpy(folder->name, name, size);
    struct made_folder *found = NULL;
    (void)pthread_mutex_lock(&t->lock);
    HASH_FIND(hh, t->made, name, size, found);
    if (found == NULL) {
        HASH_ADD_KEYPTR(hh, t->made, folder->name, size, folder);
        /* A failed addition leaves the handle without a table. */
        if (folder->hh.tbl != NULL)
            folder = NULL;
    }
    (void)pthread_mutex_unlock(&t->lock);
    mem_free(folder);
}

void file_target_forget_folders(struct file_target *t)
{
    (void)pthread_mutex_lock(&t->lock);
    struct made_folder *folder = NULL;
    struct made_folder *next = NULL;
    HASH_ITER(hh, t->made, folder, next)
    {
        HASH_DEL(t->made, folder);
        mem_free(folder);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

/* Make one folder and its entry durable. Also when it was there: whoever made it may not have come to sync it. */
static int make_folder(struct file_target *t, const char *path)
{
    const char *last = NULL;
    CLEANUP_FD int parent = beneath_parent(t->root, path, t->walk, &last);
    if (parent < 0)
        return -1;
    if (mkdirat(parent, last, 0700) != 0 && errno != EEXIST)
        return -1;
    return fsync(parent);
}

/* Make the folders above name; 0, or -1 with errno. */
static int make_parents(struct file_target *t, const char *name)
{
    char path[TARGET_NAME_MAX + 1];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t size = (size_t)(slash - name);
        if (folder_known(t, name, size))
            continue;
        memcpy(path, name, size);
        path[size] = '\0';
        if (make_folder(t, path) != 0)
            return -1;
        folder_remember(t, name, size);
    }
    return 0;
}

int file_target_temporary(struct file_target *t, char path[64])
{
    (void)snprintf(path, 64, FILE_TEMPORARY_FOLDER);
    if (mkdirat(t->root, FILE_TEMPORARY_FOLDER, 0700) != 0 && errno != EEXIST)
        return -1;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint8_t noise[8];
        char hex[2 * sizeof(noise) + 1];
        if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
            return -1;
        (void)snprintf(path, 64, FILE_TEMPORARY_FOLDER "/" FILE_TEMPORARY_PREFIX "%s",
                       hex_encode(noise, sizeof(noise), hex));
        int fd = beneath_open(t->root, path, O_WRONLY | O_CREAT | O_EXCL, 0600, t->walk);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/*
 * Write to an empty file. Large objects go past the page cache where memory and file system allow that (open(2),
 * O_DIRECT): nobody reads them soon, and the copy costs time, and pages that the machine's services need.
 */
static int write_bytes(const struct file_target *t, int fd, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    if (!t->network && size >= DIRECT_MIN && (uintptr_t)bytes % DIRECT_UNIT == 0 && fcntl(fd, F_SETFL, O_DIRECT) == 0) {
        size_t whole = size - size % DIRECT_UNIT;
        if (file_pwrite_full(fd, bytes, whole, 0) == 0)
            done = whole;
        else if (errno != EINVAL)
            return -1;
        if (fcntl(fd, F_SETFL, 0) != 0)
            return -1;
    }
    return file_pwrite_full(fd, bytes + done, size - done, (int64_t)done);
}

/* Write the bytes to a new temporary and make them durable. */
static int write_temporary(struct file_target *t, const char *name, const void *bytes, size_t size, char path[64],
                           struct error *err)
{
    int fd = file_target_temporary(t, path);
    if (fd < 0)
        return file_target_error(t, err, errno == ENOENT ? ESTALE : errno, "create a temporary file for", name);
    int rc = write_bytes(t, fd, bytes, size) == 0 && fsync(fd) == 0 ? 0 : -1;
    int errnum = errno;
    /* Network file systems may keep an error until close. */
    if (close(fd) != 0 && rc == 0) {
        errnum = errno;
        rc = -1;
    }
    if (rc == 0)
        return 0;
    (void)unlinkat(t->root, path, 0);
    return file_target_error(t, err, errnum, "write", name);
}

/* Give the temporary its name without replacing; 0, or -1 with errno. */
static int name_without_replacing(struct file_target *t, const char *path, int parent, const char *last)
{
    if (renameat2(t->root, path, parent, last, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* NFS and others: a hard link never replaces either. */
    if (linkat(t->root, path, parent, last, 0) != 0)
        return -1;
    (void)unlinkat(t->root, path, 0);
    return 0;
}

/*
 * Name the temporary. A folder may vanish between its making and this, because
 * the deletion of the last object in it takes it away: then it is made again.
 */
static int name_temporary(struct file_target *t, const char *path, const char *name, enum target_put_mode mode)
{
    for (unsigned attempt = 0;; attempt++) {
        const char *last = NULL;
        if (make_parents(t, name) == 0) {
            CLEANUP_FD int parent = beneath_parent(t->root, name, t->walk, &last);
            if (parent >= 0) {
                int rc = mode == TARGET_PUT_REPAIR ? renameat(t->root, path, parent, last)
                                                   : name_without_replacing(t, path, parent, last);
                if (rc == 0)
                    return fsync(parent);
            }
        }
        if (errno != ENOENT || attempt == ATTEMPTS)
            return -1;
        file_target_forget_folders(t);
    }
}

static int other_object(const struct file_target *t, const char *name, const char *how, struct error *err)
{
    (void)error_set(err, ERROR_DAMAGED, "%s: %s is there already, but %s", t->base.traits.name, name, how);
    return error_hint(err, "run hikae verify --repair");
}

/* Are these the bytes of the object, whose size is the same? 1; 0 it is gone; -1 with err, ERROR_DAMAGED: others. */
static int compare_bytes(struct file_target *t, const char *name, const uint8_t *bytes, size_t size, struct error *err)
{
    CLEANUP_FD int fd = beneath_open(t->root, name, O_RDONLY | O_NONBLOCK, 0, t->walk);
    if (fd < 0)
        return errno == ENOENT ? 0 : file_target_error(t, err, errno, "open", name);
    CLEANUP_FREE uint8_t *room = mem_alloc(size < COMPARE_SIZE ? size : COMPARE_SIZE);
    if (room == NULL)
        return error_no_memory(err);
    for (size_t done = 0; done < size;) {
        size_t part = size - done < COMPARE_SIZE ? size - done : COMPARE_SIZE;
        ssize_t n = file_pread_full(fd, room, part, (int64_t)done);
        if (n < 0)
            return file_target_error(t, err, errno, "read", name);
        if ((size_t)n < part || memcmp(room, bytes + done, part) != 0)
            return other_object(t, name, "with other bytes", err);
        done += part;
    }
    return 1;
}

/* What is there under this name: 1 this object, made durable; 0 nothing; -1 with err. */
static int look(struct file_target *t, const char *name, const void *bytes, size_t size, struct error *err)
{
    const char *last = NULL;
    CLEANUP_FD int parent = beneath_parent(t->root, name, t->walk, &last);
    struct stat st;
    if (parent < 0 || fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : file_target_error(t, err, errno, "look at", name);
    if (!S_ISREG(st.st_mode))
        return other_object(t, name, "is not a regular file", err);
    if ((uint64_t)st.st_size != size)
        return other_object(t, name, "with another size", err);
    int there = compare_bytes(t, name, bytes, size, err);
    if (there <= 0)
        return there;
    /* Another process may have named it a moment ago and not yet come to sync the folder. */
    if (make_parents(t, name) != 0 || fsync(parent) != 0)
        return file_target_error(t, err, errno, "sync the folder of", name);
    return 1;
}

int file_target_put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
                    struct error *err)
{
    struct file_target *t = file_target(target);
    int there = mode == TARGET_PUT_CREATE ? look(t, name, bytes, size, err) : 0;
    if (there != 0)
        return there > 0 ? 0 : -1;

    char path[64];
    if (write_temporary(t, name, bytes, size, path, err) != 0)
        return -1;
    if (name_temporary(t, path, name, mode) == 0)
        return 0;
    int errnum = errno;
    (void)unlinkat(t->root, path, 0);
    if (errnum == EEXIST && mode == TARGET_PUT_CREATE) {
        there = look(t, name, bytes, size, err);
        if (there != 0)
            return there > 0 ? 0 : -1;
    }
    return file_target_error(t, err, errnum == ENOENT || errnum == EEXIST ? ESTALE : errnum, "store", name);
}

void file_target_sweep(struct file_target *t)
{
    int fd = beneath_open(t->root, FILE_TEMPORARY_FOLDER, O_RDONLY | O_DIRECTORY, 0, t->walk);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    int64_t now_s = clock_machine_ns() / NS_PER_S;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (strncmp(entry->d_name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) == 0 &&
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && now_s - (int64_t)st.st_mtim.tv_sec > STALE_S)
            (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)closedir(dir);
}
