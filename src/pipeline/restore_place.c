/*
 * The destination of a restore. Paths of a snapshot are hostile: they are
 * resolved beneath the destination's descriptor, without following any link,
 * in pieces that the kernel takes, whatever their length.
 */
#include "base/mem.h"
#include "base/file.h"
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

const char *place_name(const struct bytes *name, char *out)
{
    memcpy(out, name->data, name->size);
    out[name->size] = '\0';
    return out;
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
    int fd = dup(from);
    while (fd >= 0 && size > 0) {
        size_t end = 0;
        while (end < size && path[end] != '/')
            end++;
        struct bytes component = {path, end};
        if (!entry_name_is_valid(&component)) {
            (void)close(fd);
            errno = EINVAL;
            return -1;
        }
        (void)place_name(&component, name);
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

static int open_piece(int from, const uint8_t *path, size_t size, bool create)
{
    char *text = mem_alloc(size + 1);
    if (text == NULL) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(text, path, size);
    text[size] = '\0';
    int fd = beneath_open(from, text, O_PATH | O_DIRECTORY, 0, !beneath_kernel(from));
    mem_free(text);
    if (fd < 0 && errno == ENOENT && create)
        fd = make_piece(from, path, size);
    return fd;
}

int place_folder(struct place_cursor *cursor, const struct bytes *dir, bool create, int *ret_fd, struct error *err)
{
    if (cursor->fd >= 0 && cursor->path.size == dir->size &&
        (dir->size == 0 || memcmp(cursor->path.data, dir->data, dir->size) == 0)) {
        *ret_fd = cursor->fd;
        return 0;
    }
    int fd = openat(cursor->root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t done = 0; fd >= 0 && done < dir->size;) {
        size_t piece = next_piece(dir->data + done, dir->size - done);
        int next = open_piece(fd, dir->data + done, piece, create);
        int errnum = errno;
        (void)close(fd);
        errno = errnum;
        fd = next;
        done += piece + 1;
    }
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        (void)error_set(err, ERROR_LOCAL, "something that is no folder is in the way of the folder %.*s",
                        (int)(dir->size < 200 ? dir->size : 200), (const char *)dir->data);
        return error_hint(err, "links are never followed; restore into an empty folder");
    }
    if (fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open the folder %.*s",
                               (int)(dir->size < 200 ? dir->size : 200), (const char *)dir->data);
    if (cursor->fd >= 0)
        (void)close(cursor->fd);
    cursor->fd = fd;
    cursor->path.size = 0;
    if (buf_append(&cursor->path, dir->data, dir->size, err) != 0)
        return -1;
    *ret_fd = fd;
    return 0;
}
