#include "base/file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "target/beneath.h"
#include "target/file_target.h"
#include "target/url.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static enum error_class class_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERROR_DENIED;
    case ELOOP:
    case EISDIR:
        return ERROR_DAMAGED;
    default:
        return ERROR_UNREACHABLE;
    }
}

static const char *hint_of(int errnum)
{
    switch (errnum) {
    case ELOOP:
        return "a symbolic link is in the way, and hikae follows none inside a target: find out who made it";
    case EISDIR:
        return "a folder is where an object should be: find out who made it";
    case EIO:
        return "the disk reports an error: look at the system's log and replace the disk if it goes on";
    case ESTALE:
        return "the file server no longer knows the folder: mount it again";
    case ETIMEDOUT:
    case EHOSTDOWN:
    case ENOTCONN:
        return "check the file server and the network, then run again";
    case EINVAL:
    case EXDEV:
        return "the file system can neither link nor rename without replacing: use another one";
    default:
        return NULL; /* base/error.c knows the others */
    }
}

int file_target_error(const struct file_target *t, struct error *err, int errnum, const char *action, const char *name)
{
    (void)error_set_errno(err, class_of(errnum), errnum, "%s: %s %s", t->base.traits.name, action, name);
    if (err != NULL)
        err->retryable = err->retryable || errnum == ESTALE || errnum == EIO || errnum == EHOSTDOWN;
    const char *hint = hint_of(errnum);
    return hint != NULL ? error_hint(err, "%s", hint) : -1;
}

/* Open an object for reading and tell its size. O_NONBLOCK: a fifo in its place must not hang us. */
static int open_object(struct file_target *t, const char *name, uint64_t *ret_size, struct error *err)
{
    int fd = beneath_open(t->root, name, O_RDONLY | O_NONBLOCK, 0, t->walk);
    if (fd < 0)
        return file_target_error(t, err, errno, "open", name);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        (void)file_target_error(t, err, errno, "look at", name);
    } else if (!S_ISREG(st.st_mode)) {
        (void)error_set(err, ERROR_DAMAGED, "%s: %s is not a regular file", t->base.traits.name, name);
        (void)error_hint(err, "find out who made it; hikae stores plain files only");
    } else {
        *ret_size = (uint64_t)st.st_size;
        return fd;
    }
    (void)close(fd);
    return -1;
}

static int read_object(struct file_target *t, int fd, const char *name, uint64_t offset, size_t size, struct buf *out,
                       struct error *err)
{
    if (size == 0)
        return 0;
    if (buf_reserve(out, size, err) != 0)
        return -1;
    ssize_t n = file_pread_full(fd, out->data + out->size, size, (int64_t)offset);
    if (n < 0)
        return file_target_error(t, err, errno, "read", name);
    if ((size_t)n < size)
        return error_set(err, ERROR_DAMAGED, "%s: %s became shorter while it was read", t->base.traits.name, name);
    out->size += size;
    return 0;
}

static int get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                     struct error *err)
{
    struct file_target *t = file_target(target);
    uint64_t length = 0;
    CLEANUP_FD int fd = open_object(t, name, &length, err);
    if (fd < 0)
        return -1;
    if (offset > length || size > length - offset)
        return error_set(err, ERROR_DAMAGED, "%s: %s has %llu bytes, too few for %zu at %llu", target->traits.name,
                         name, (unsigned long long)length, size, (unsigned long long)offset);
    return read_object(t, fd, name, offset, size, out, err);
}

static int get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err)
{
    struct file_target *t = file_target(target);
    uint64_t length = 0;
    CLEANUP_FD int fd = open_object(t, name, &length, err);
    if (fd < 0)
        return -1;
    if (length > max)
        return error_set(err, ERROR_DAMAGED, "%s: %s has %llu bytes, at most %zu were expected", target->traits.name,
                         name, (unsigned long long)length, max);
    return read_object(t, fd, name, 0, (size_t)length, out, err);
}

static int stat_object(struct target *target, const char *name, uint64_t *ret_size, struct error *err)
{
    CLEANUP_FD int fd = open_object(file_target(target), name, ret_size, err);
    return fd >= 0 ? 0 : -1;
}

/*
 * Remove folders that became empty, so that nothing tells that a tenant was
 * ever here; the marker stays. A put that runs at the same time makes them again.
 */
static void remove_empty_folders(struct file_target *t, const char *name)
{
    CLEANUP_FREE char *path = mem_strdup(name);
    if (path == NULL)
        return;
    for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
        *slash = '\0';
        if (strchr(path, '/') == NULL)
            return;
        const char *last = NULL;
        CLEANUP_FD int parent = beneath_parent(t->root, path, t->walk, &last);
        if (parent < 0 || unlinkat(parent, last, AT_REMOVEDIR) != 0)
            return;
        file_target_forget_folders(t);
        (void)fsync(parent);
    }
}

static int remove_object(struct target *target, const char *name, struct error *err)
{
    struct file_target *t = file_target(target);
    const char *last = NULL;
    CLEANUP_FD int parent = beneath_parent(t->root, name, t->walk, &last);
    if (parent < 0 && errno == ENOENT)
        return 0;
    if (parent < 0)
        return file_target_error(t, err, errno, "open the folder of", name);
    if (unlinkat(parent, last, 0) != 0 && errno != ENOENT)
        return file_target_error(t, err, errno, "remove", name);
    if (fsync(parent) != 0)
        return file_target_error(t, err, errno, "sync the folder of", name);
    remove_empty_folders(t, name);
    return 0;
}

/* For a folder on another machine, the time that its server gives to a new file tells its clock. */
static int clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err)
{
    struct file_target *t = file_target(target);
    *ret_skew_ns = 0;
    if (!t->network)
        return 0;
    char path[64];
    CLEANUP_FD int fd = file_target_temporary(t, path);
    struct stat st;
    if (fd < 0)
        return file_target_error(t, err, errno, "ask for the time with", path);
    int rc = file_write_full(fd, "?", 1) == 0 && fsync(fd) == 0 && fstat(fd, &st) == 0 ? 0 : -1;
    int errnum = errno;
    int64_t now = clock_machine_ns();
    (void)unlinkat(t->root, path, 0);
    if (rc != 0)
        return file_target_error(t, err, errnum, "ask for the time with", path);
    *ret_skew_ns = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec - now;
    return 0;
}

static int free_space(struct target *target, uint64_t *ret_bytes, struct error *err)
{
    struct file_target *t = file_target(target);
    struct statvfs st;
    if (fstatvfs(t->root, &st) != 0)
        return file_target_error(t, err, errno, "ask for the free space of", "the folder");
    *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return 0;
}

static void close_target(struct target *target)
{
    struct file_target *t = file_target(target);
    if (t->root >= 0)
        (void)close(t->root);
    file_target_forget_folders(t);
    (void)pthread_mutex_destroy(&t->lock);
    target_traits_free(&t->base.traits);
    mem_free(t);
}

static const struct target_ops ops = {
    .close = close_target,
    .put = file_target_put,
    .get_range = get_range,
    .get = get,
    .stat = stat_object,
    .list = file_target_list,
    .list_folders = file_target_list_folders,
    .clock_skew = clock_skew,
    .free_space = free_space,
    .remove = remove_object,
};

static bool on_network(int fd)
{
    struct statfs st;
    if (fstatfs(fd, &st) != 0)
        return false;
    switch ((unsigned long)st.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case CEPH_SUPER_MAGIC:
    case V9FS_MAGIC:
    case FUSE_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

/* Folders above may be passed through without the right to list them; one that a folder was made in is opened to sync
 * it. */
static int sync_folder(int folder)
{
    CLEANUP_FD int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fsync(fd) : -1;
}

/* Make the folder and what is missing above it, each entry durable. */
static int make_root(const char *name, char *path, struct error *err)
{
    CLEANUP_FD int parent = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return error_set_errno(err, class_of(errno), errno, "%s: open /", name);
    for (char *p = path + 1; *p != '\0';) {
        size_t size = strcspn(p, "/");
        char end = p[size];
        p[size] = '\0';
        bool made = size > 0 && mkdirat(parent, p, 0700) == 0;
        int errnum = errno;
        int next = size > 0 ? openat(parent, p, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (size > 0 && next < 0)
            return error_set_errno(err, class_of(errnum == EEXIST ? errno : errnum), errnum == EEXIST ? errno : errnum,
                                   "%s: create folder %s", name, path);
        if (made && sync_folder(parent) != 0) {
            errnum = errno;
            (void)close(next);
            return error_set_errno(err, class_of(errnum), errnum, "%s: sync the folder of %s", name, path);
        }
        if (size > 0) {
            (void)close(parent);
            parent = next;
        }
        p[size] = end;
        p += size + (end == '/' ? 1 : 0);
    }
    return 0;
}

/* The marker `hikae1` says that this folder is a target, and not the empty place where a disk should be mounted. */
static int check_marker(struct file_target *t, const char *path, bool create, struct error *err)
{
    if (create && mkdirat(t->root, FILE_MARKER, 0700) == 0 && fsync(t->root) != 0)
        return file_target_error(t, err, errno, "sync", path);
    CLEANUP_FD int fd = beneath_open(t->root, FILE_MARKER, O_RDONLY | O_DIRECTORY, 0, t->walk);
    if (fd >= 0)
        return 0;
    if (errno == ENOENT && !create) {
        (void)error_set(err, ERROR_UNREACHABLE, "%s: the folder %s holds no %s", t->base.traits.name, path,
                        FILE_MARKER);
        return error_hint(err, "is the disk mounted? A new target is made by hikae init or hikae target add");
    }
    return file_target_error(t, err, errno, create ? "create " FILE_MARKER " in" : "open " FILE_MARKER " in", path);
}

static int open_root(struct file_target *t, char *path, bool create, struct error *err)
{
    if (create && make_root(t->base.traits.name, path, err) != 0)
        return -1;
    t->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->root < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        (void)error_set_errno(err, ERROR_UNREACHABLE, errno, "%s: open the folder %s", t->base.traits.name, path);
        return error_hint(err, "is the disk mounted?");
    }
    if (t->root < 0)
        return file_target_error(t, err, errno, "open the folder", path);
    struct stat st;
    if (fstat(t->root, &st) != 0)
        return file_target_error(t, err, errno, "look at the folder", path);
    t->base.traits.place = mem_printf("file:%llx:%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    if (t->base.traits.place == NULL)
        return error_no_memory(err);
    t->walk = !beneath_kernel(t->root);
    t->network = on_network(t->root);
    t->base.traits.elsewhere = t->network;
    if (check_marker(t, path, create, err) != 0)
        return -1;
    file_target_sweep(t);
    return 0;
}

static int check_url(const struct target_url *url, struct error *err)
{
    static const char *const allowed[] = {"country", "site", "provider", NULL};
    if (url->authority[0] != '\0' && strcmp(url->authority, "localhost") != 0)
        (void)error_set(err, ERROR_CONFIG, "the URL names a host (%s), but a file URL is a folder on this machine",
                        url->authority);
    else if (url->path[strspn(url->path, "/")] == '\0')
        (void)error_set(err, ERROR_CONFIG, "the URL names no folder");
    else
        return target_url_check_params(url, allowed, err);
    return error_hint(err, "write file:///absolute/path?country=JP&site=NAME");
}

/* What a folder cannot do must not be believed to be done. */
static int check_options(const struct target_options *options, struct error *err)
{
    if (options->lock == TARGET_LOCK_NONE && options->sse == TARGET_SSE_NONE && options->endpoint == NULL &&
        options->region == NULL && options->storage_class == NULL && options->rate == 0)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "a folder has no lock, endpoint, region, storage class, rate or encryption");
    return error_hint(err, "leave these out, or use an s3:// URL");
}

static int open_target(const struct target_options *options, const struct target_url *url, bool create,
                       struct target **ret, struct error *err)
{
    /* Whose machine a folder leads to (a gateway, a network drive) only the operator knows. */
    const char *provider;
    if (check_url(url, err) != 0 || check_options(options, err) != 0 ||
        target_url_or_option(url, "provider", options->provider, &provider, err) != 0)
        return -1;
    struct file_target *t = mem_calloc(1, sizeof(*t));
    if (t == NULL)
        return error_no_memory(err);
    t->base.ops = &ops;
    t->root = -1;
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        mem_free(t);
        return error_no_memory(err);
    }
    if (target_traits_init(&t->base.traits, options, url, provider != NULL ? provider : "folder", err) != 0 ||
        open_root(t, url->path, create, err) != 0) {
        close_target(&t->base);
        return -1;
    }
    t->base.traits.create_once = true;
    *ret = &t->base;
    return 0;
}

static int describe(const struct target_options *options, const struct target_url *url, struct target_traits *ret,
                    struct error *err)
{
    const char *provider;
    if (check_url(url, err) != 0 || check_options(options, err) != 0 ||
        target_url_or_option(url, "provider", options->provider, &provider, err) != 0)
        return -1;
    return target_traits_init(ret, options, url, provider != NULL ? provider : "folder", err);
}

const struct target_driver target_driver_file = {.scheme = "file", .open = open_target, .describe = describe};
