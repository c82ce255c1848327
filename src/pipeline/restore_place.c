/*
 * The destination of a restore. Paths of a snapshot are hostile: they are
 * resolved beneath the destination's descriptor, without following any link,
 * in pieces that the kernel takes, whatever their length.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"
#include "target/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PIECE_MAX = 3000 };

static bool is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return false;
    }
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(dir)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(dir);
    return empty;
}

int place_open(const char *path, bool create, struct place_root *ret, struct error *err)
{
    *ret = (struct place_root){.fd = -1};
    ret->is_new = create && access(path, F_OK) != 0;
    if (create && file_mkdirs(path, 0700, err) != 0)
        return -1;
    ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->fd < 0 && errno == ENOENT && !create) {
        ret->was_empty = true; /* a dry run: it would be made */
        return 0;
    }
    if (ret->fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open the destination %s", path);
    ret->was_empty = is_empty(ret->fd);
    ret->walk = !beneath_kernel(ret->fd);
    return 0;
}

void place_close(struct place_root *root)
{
    if (root->fd >= 0)
        (void)close(root->fd);
    root->fd = -1;
}

void place_cursor_close(struct place_cursor *cursor)
{
    if (cursor->fd >= 0)
        (void)close(cursor->fd);
    cursor->fd = -1;
    buf_free(&cursor->path);
}

/* Checked: no '/', no NUL, not "..", and it fits. */
static void copy_name(const struct bytes *name, char *out)
{
    memcpy(out, name->data, name->size);
    out[name->size] = '\0';
}

/* The next piece of a path: whole components, at most PIECE_MAX bytes, or one component. */
static size_t next_piece(const uint8_t *path, size_t size)
{
    if (size <= PIECE_MAX)
        return size;
    size_t end = PIECE_MAX;
    while (end > 0 && path[end] != '/')
        end--;
    if (end > 0)
        return end;
    while (end < size && path[end] != '/')
        end++;
    return end;
}

/* Open, or make, one component after the other. */
static int make_piece(int from, const uint8_t *path, size_t size)
{
    char name[ENTRY_NAME_MAX + 1];
    int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);
    while (fd >= 0 && size > 0) {
        size_t end = 0;
        while (end < size && path[end] != '/')
            end++;
        struct bytes component = {path, end};
        copy_name(&component, name);
        int next = -1;
        if (mkdirat(fd, name, 0700) == 0 || errno == EEXIST)
            next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int errnum = errno;
        (void)close(fd);
        errno = errnum;
        fd = next;
        path += end + (end < size);
        size -= end + (end < size);
    }
    return fd;
}

static int open_piece(bool walk, int from, const uint8_t *path, size_t size, bool create)
{
    char *text = mem_alloc(size + 1);
    if (text == NULL) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(text, path, size);
    text[size] = '\0';
    int fd = beneath_open(from, text, O_PATH | O_DIRECTORY, 0, walk);
    mem_free(text);
    if (fd < 0 && errno == ENOENT && create)
        fd = make_piece(from, path, size);
    return fd;
}

static int shown(const struct bytes *path)
{
    return (int)(path->size < 200 ? path->size : 200);
}

static int folder_failed(const struct bytes *dir, int errnum, struct error *err)
{
    if (errnum == ENOMEM)
        return error_no_memory(err);
    if (errnum != ELOOP && errnum != ENOTDIR)
        return error_set_errno(err, ERROR_LOCAL, errnum, "open the folder %.*s", shown(dir), (const char *)dir->data);
    (void)error_set(err, ERROR_LOCAL, "something that is no folder is in the way of the folder %.*s", shown(dir),
                    (const char *)dir->data);
    err->errnum = errnum;
    return error_hint(err, "links are never followed; restore into an empty folder");
}

/* Where to begin: at the last folder if this one lies below it, else at the root. */
static int starting_point(const struct place_cursor *cursor, const struct bytes *dir, size_t *ret_done)
{
    const struct buf *last = &cursor->path;
    *ret_done = 0;
    if (cursor->fd >= 0 && last->size > 0 && dir->size > last->size && dir->data[last->size] == '/' &&
        memcmp(dir->data, last->data, last->size) == 0) {
        *ret_done = last->size + 1;
        return fcntl(cursor->fd, F_DUPFD_CLOEXEC, 0);
    }
    if (cursor->root->fd < 0) {
        errno = ENOENT;
        return -1;
    }
    return fcntl(cursor->root->fd, F_DUPFD_CLOEXEC, 0);
}

int place_folder(struct place_cursor *cursor, const struct bytes *dir, bool create, int *ret_fd, struct error *err)
{
    struct bytes last = {cursor->path.data, cursor->path.size};
    if (cursor->fd >= 0 && bytes_equal(&last, dir)) {
        *ret_fd = cursor->fd;
        return 0;
    }
    if (dir->size > 0 && !entry_path_is_valid(dir))
        return error_set(err, ERROR_DAMAGED, "the snapshot names a folder that could lead out of the destination");
    size_t done;
    int fd = starting_point(cursor, dir, &done);
    while (fd >= 0 && done < dir->size) {
        size_t piece = next_piece(dir->data + done, dir->size - done);
        int next = open_piece(cursor->root->walk, fd, dir->data + done, piece, create);
        int errnum = errno;
        (void)close(fd);
        errno = errnum;
        fd = next;
        done += piece + 1;
    }
    if (fd < 0)
        return folder_failed(dir, errno, err);
    if (cursor->fd >= 0)
        (void)close(cursor->fd);
    cursor->fd = -1;
    cursor->path.size = 0;
    if (buf_append(&cursor->path, dir->data, dir->size, err) != 0) {
        (void)close(fd);
        return -1;
    }
    *ret_fd = cursor->fd = fd;
    return 0;
}

int place_entry(struct place_cursor *cursor, const struct bytes *dir, const struct bytes *name, bool create,
                int *ret_fd, char *out_name, struct error *err)
{
    if (!entry_name_is_valid(name))
        return error_set(err, ERROR_DAMAGED, "the snapshot holds a name that could lead out of the destination");
    if (place_folder(cursor, dir, create, ret_fd, err) != 0)
        return -1;
    copy_name(name, out_name);
    return 0;
}
