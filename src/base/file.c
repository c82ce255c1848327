#include "base/file.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

ssize_t file_pread_full(int fd, void *out, size_t size, int64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)out + done, size - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int file_write_full(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_pwrite_full(int fd, const void *bytes, size_t size, int64_t offset)
{
    const char *p = bytes;
    while (size > 0) {
        ssize_t n = pwrite(fd, p, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_LOCAL, errno, "open %s", path);
    size_t start = out->size;
    for (;;) {
        if (buf_reserve(out, 16384, err) != 0)
            return -1;
        ssize_t n = read(fd, out->data + out->size, out->capacity - out->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, ERROR_LOCAL, errno, "read %s", path);
        if (n == 0)
            return 0;
        out->size += (size_t)n;
        if (out->size - start > max)
            return error_set(err, ERROR_LOCAL, "%s is longer than %zu bytes", path, max);
    }
}

/* Make the entry of path in its folder durable. */
static int sync_folder_of(const char *path, struct error *err)
{
    CLEANUP_FREE char *folder = mem_strdup(path);
    if (folder == NULL)
        return error_no_memory(err);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    CLEANUP_FD int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems do not know how to sync a folder, and need not. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        return error_set_errno(err, ERROR_LOCAL, errno, "sync the folder of %s", path);
    return 0;
}

enum how { CREATE = 0, REPLACE = 1, UNSYNCED = 2 };

static int write_new(const char *path, const void *bytes, size_t size, mode_t mode, enum how how, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "create %s", path);
    if (file_write_full(fd, bytes, size) != 0 || ((how & UNSYNCED) == 0 && fsync(fd) != 0)) {
        (void)error_set_errno(err, ERROR_LOCAL, errno, "write %s", path);
        (void)unlink(path);
        return -1;
    }
    return 0;
}

/* Give a file its name unless that is taken. File systems of sticks and cards know no second name for a file. */
static int name_new(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(temporary, path);
}

static int write_via_temporary(const char *path, const void *bytes, size_t size, mode_t mode, enum how how,
                               struct error *err)
{
    /* The thread's number: two that write the same file at once must not share it. */
    CLEANUP_FREE char *temporary = mem_printf("%s.tmp-%ld", path, (long)gettid());
    if (temporary == NULL)
        return error_no_memory(err);
    (void)unlink(temporary);
    bool replace = (how & REPLACE) != 0;
    if (write_new(temporary, bytes, size, mode, how, err) != 0)
        return -1;
    int rc = replace ? rename(temporary, path) : name_new(temporary, path);
    int errnum = errno;
    if (!replace || rc != 0)
        (void)unlink(temporary); /* it is still there after link, and after a failure */
    if (rc != 0 && errnum == EEXIST)
        return error_set(err, ERROR_REFUSED, "%s exists already", path);
    if (rc != 0)
        return error_set_errno(err, ERROR_LOCAL, errnum, "name %s", path);
    return (how & UNSYNCED) != 0 ? 0 : sync_folder_of(path, err);
}

int file_write_atomic(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
    return write_via_temporary(path, bytes, size, mode, REPLACE, err);
}

int file_write_cached(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
    return write_via_temporary(path, bytes, size, mode, REPLACE | UNSYNCED, err);
}

int file_create_durable(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
    return write_via_temporary(path, bytes, size, mode, CREATE, err);
}

char *file_absolute(const char *path)
{
    if (path[0] == '/')
        return mem_strdup(path);
    char *here = getcwd(NULL, 0);
    char *result = here != NULL ? mem_printf("%s/%s", here, path) : NULL;
    free(here);
    return result;
}

/* Make one folder, durably, whose parent is there; it may be there too. */
static int make_folder(const char *path, mode_t mode, struct error *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return sync_folder_of(path, err);
    int errnum = errno;
    if (stat(path, &st) == 0)
        errnum = S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    return errnum == 0 ? 0 : error_set_errno(err, ERROR_LOCAL, errnum, "create folder %s", path);
}

int file_mkdirs(const char *path, mode_t mode, struct error *err)
{
    CLEANUP_FREE char *partial = mem_strdup(path);
    if (partial == NULL)
        return error_no_memory(err);
    if (partial[0] == '\0')
        return error_set(err, ERROR_LOCAL, "create a folder without a name");
    for (char *p = partial + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        /* "a//b" and "a/" name what was made already. */
        if (p[-1] != '/' && make_folder(partial, mode, err) != 0)
            return -1;
        if (end == '\0')
            return 0;
        *p = end;
    }
}

int file_temporary(const char *folder, int *ret_fd, struct error *err)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        /* A file system without O_TMPFILE: a name that lives for a moment. */
        CLEANUP_FREE char *path = mem_printf("%s/hikae-XXXXXX", folder);
        if (path == NULL)
            return error_no_memory(err);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path);
    }
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "create a temporary file in %s", folder);
    *ret_fd = fd;
    return 0;
}

static int remove_at(int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    int refusal = errno;
    if (refusal != EISDIR && refusal != EPERM)
        return -1;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOTDIR || errno == ELOOP)
            errno = refusal; /* a file that may not be removed */
        return -1;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return -1;
    }
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = remove_at(fd, entry->d_name);
    int errnum = errno;
    (void)closedir(dir);
    errno = errnum;
    return rc == 0 ? unlinkat(dirfd, name, AT_REMOVEDIR) : -1;
}

int file_remove_tree(const char *path, struct error *err)
{
    if (remove_at(AT_FDCWD, path) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "remove %s", path);
    return 0;
}
