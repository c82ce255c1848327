/* Listings for the driver "file": one folder in memory at a time on each level, sorted, so that names ascend. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "target/beneath.h"
#include "target/file_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * The entries of a folder. A folder's name is kept with a '/' at its end: then
 * the order of these texts is the order of all full names below them ('-' and
 * '.' come before '/', digits and letters behind it).
 */
struct folder {
    struct buf text; /* names, each with its NUL */
    char **names;    /* sorted */
    size_t count;
};

static void folder_free(struct folder *folder)
{
    buf_free(&folder->text);
    mem_free(folder->names);
}
#define CLEANUP_FOLDER CLEANUP(folder_free)

/* 'd' a folder, 'f' a regular file, '-' anything else or gone. */
static char kind_of(int fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_DIR || entry->d_type == DT_REG)
        return entry->d_type == DT_DIR ? 'd' : 'f';
    if (entry->d_type != DT_UNKNOWN || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return '-';
    return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : '-';
}

/* Read the entries whose names can be those of objects (lost+found, .tmp and the like are not) and begin with start. */
static int read_entries(struct file_target *t, DIR *dir, const char *path, const char *start, struct folder *folder,
                        struct error *err)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? 0 : file_target_error(t, err, errno, "list", path);
        size_t size = strlen(entry->d_name);
        if (!target_component_valid(entry->d_name, size) || strncmp(entry->d_name, start, strlen(start)) != 0)
            continue;
        char kind = kind_of(dirfd(dir), entry);
        if (kind == '-')
            continue;
        if (buf_append(&folder->text, entry->d_name, size, err) != 0 ||
            buf_append(&folder->text, "/", kind == 'd' ? 2 : 0, err) != 0 ||
            (kind == 'f' && buf_u8(&folder->text, 0, err) != 0))
            return -1;
        folder->count++;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int sort_entries(struct folder *folder, struct error *err)
{
    folder->names = folder->count <= SIZE_MAX / sizeof(char *) ? mem_alloc(folder->count * sizeof(char *)) : NULL;
    if (folder->names == NULL)
        return error_no_memory(err);
    char *name = (char *)folder->text.data;
    for (size_t i = 0; i < folder->count; i++) {
        folder->names[i] = name;
        name += strlen(name) + 1;
    }
    if (folder->count > 1)
        qsort(folder->names, folder->count, sizeof(char *), compare_names);
    return 0;
}

static int folder_read(struct file_target *t, int fd, const char *path, const char *start, struct folder *folder,
                       struct error *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        int errnum = errno;
        if (copy >= 0)
            (void)close(copy);
        return file_target_error(t, err, errnum, "list", path);
    }
    int rc = read_entries(t, dir, path, start, folder, err);
    (void)closedir(dir);
    return rc == 0 ? sort_entries(folder, err) : -1;
}

struct listing {
    struct file_target *t;
    const char *after;
    target_list_callback *callback;
    void *context;
    char name[TARGET_NAME_MAX + 2]; /* the full name that is being looked at */
};

/* Are all names that begin with listing->name (a folder with its '/') at or before `after`? */
static bool folder_passed(const struct listing *listing)
{
    return listing->after != NULL && strncmp(listing->after, listing->name, strlen(listing->name)) > 0;
}

static int list_file(struct listing *listing, int fd, const char *last, struct error *err)
{
    if (listing->after != NULL && strcmp(listing->name, listing->after) <= 0)
        return 0;
    struct stat st;
    if (fstatat(fd, last, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : file_target_error(listing->t, err, errno, "look at", listing->name);
    if (!S_ISREG(st.st_mode))
        return 0;
    struct target_object object = {
        .name = listing->name,
        .size = (uint64_t)st.st_size,
        .modified_ns = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec,
    };
    return listing->callback(&object, listing->context, err) == 0 ? 0 : -1;
}

/* Open a folder inside fd by its name without the '/' that our lists put behind it. */
static int open_inner(int fd, char *name)
{
    size_t size = strlen(name);
    name[size - 1] = '\0';
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    name[size - 1] = '/';
    return inner;
}

/* List what lies in fd, whose full name (with its '/') are the first `used` bytes of listing->name. Depth is bounded.
 */
// NOLINTNEXTLINE(misc-no-recursion)
static int list_folder(struct listing *listing, int fd, size_t used, const char *start, unsigned depth,
                       struct error *err)
{
    CLEANUP_FOLDER struct folder folder = {0};
    listing->name[used] = '\0';
    if (folder_read(listing->t, fd, listing->name, start, &folder, err) != 0)
        return -1;
    for (size_t i = 0; i < folder.count; i++) {
        char *name = folder.names[i];
        size_t size = strlen(name);
        bool is_folder = name[size - 1] == '/';
        /* What is longer or deeper than any name of ours is nothing of ours. */
        if (used + size >= sizeof(listing->name) || (is_folder && depth >= TARGET_DEPTH_MAX))
            continue;
        memcpy(listing->name + used, name, size + 1);
        int rc = 0;
        if (!is_folder) {
            rc = list_file(listing, fd, name, err);
        } else if (!folder_passed(listing)) {
            CLEANUP_FD int inner = open_inner(fd, name);
            if (inner >= 0)
                rc = list_folder(listing, inner, used + size, "", depth + 1, err);
            else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
                rc = file_target_error(listing->t, err, errno, "list", listing->name);
        }
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* Open the folder that a prefix ends in; -1 with *ret_missing if there is none, and so no object. */
static int open_prefix(struct file_target *t, const char *prefix, size_t used, bool *ret_missing, struct error *err)
{
    *ret_missing = false;
    if (used == 0)
        return openat(t->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[TARGET_NAME_MAX + 2];
    memcpy(path, prefix, used - 1);
    path[used - 1] = '\0';
    int fd = beneath_open(t->root, path, O_RDONLY | O_DIRECTORY, 0, t->walk);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        *ret_missing = true;
    else if (fd < 0)
        (void)file_target_error(t, err, errno, "list", path);
    return fd;
}

int file_target_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                     void *context, struct error *err)
{
    struct listing listing = {.t = file_target(target), .after = after, .callback = callback, .context = context};
    const char *slash = strrchr(prefix, '/');
    size_t used = slash != NULL ? (size_t)(slash - prefix) + 1 : 0;
    bool missing = false;
    CLEANUP_FD int fd = open_prefix(listing.t, prefix, used, &missing, err);
    if (fd < 0)
        return missing ? 0 : -1;
    memcpy(listing.name, prefix, used);
    return list_folder(&listing, fd, used, prefix + used, 1, err);
}

/* 1 if an object lies somewhere below fd, 0 if not, -1 with errno: a folder without objects is not there for others. */
// NOLINTNEXTLINE(misc-no-recursion)
static int holds_object(int fd, unsigned depth)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return -1;
    }
    int found = 0;
    for (struct dirent *entry; found == 0 && (entry = readdir(dir)) != NULL;) {
        if (!target_component_valid(entry->d_name, strlen(entry->d_name)))
            continue;
        char kind = kind_of(dirfd(dir), entry);
        if (kind == 'f') {
            found = 1;
        } else if (kind == 'd' && depth < TARGET_DEPTH_MAX) {
            CLEANUP_FD int inner = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            found = inner >= 0 ? holds_object(inner, depth + 1) : 0;
        }
    }
    (void)closedir(dir);
    return found;
}

static int list_inner_folder(struct file_target *t, int fd, char *name, target_list_callback *callback, void *context,
                             struct error *err)
{
    CLEANUP_FD int inner = open_inner(fd, name);
    if (inner < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0
                                                                     : file_target_error(t, err, errno, "list", name);
    int found = holds_object(inner, 1);
    if (found <= 0)
        return found == 0 ? 0 : file_target_error(t, err, errno, "list", name);
    name[strlen(name) - 1] = '\0';
    struct target_object object = {.name = name};
    return callback(&object, context, err) == 0 ? 0 : -1;
}

static int compare_folders(const void *a, const void *b)
{
    /* Without the '/' at the end: here the names themselves are to ascend. */
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;
    size_t x_size = strlen(x) - 1;
    size_t y_size = strlen(y) - 1;
    int order = memcmp(x, y, x_size < y_size ? x_size : y_size);
    return order != 0 ? order : (x_size > y_size) - (x_size < y_size);
}

int file_target_list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                             struct error *err)
{
    struct file_target *t = file_target(target);
    bool missing = false;
    CLEANUP_FD int fd = open_prefix(t, prefix, strlen(prefix), &missing, err);
    if (fd < 0)
        return missing ? 0 : -1;
    CLEANUP_FOLDER struct folder folder = {0};
    if (folder_read(t, fd, prefix, "", &folder, err) != 0)
        return -1;
    size_t folders = 0;
    for (size_t i = 0; i < folder.count; i++)
        if (folder.names[i][strlen(folder.names[i]) - 1] == '/')
            folder.names[folders++] = folder.names[i];
    if (folders > 1)
        qsort(folder.names, folders, sizeof(char *), compare_folders);
    for (size_t i = 0; i < folders; i++)
        if (list_inner_folder(t, fd, folder.names[i], callback, context, err) != 0)
            return -1;
    return 0;
}
