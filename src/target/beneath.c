#include "target/beneath.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { COMPONENT_SIZE = 256, PATH_SIZE = 1024 };

static int open_kernel(int root, const char *name, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    for (;;) {
        long fd = syscall(SYS_openat2, root, name, &how, sizeof(how));
        if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
            return (int)fd;
    }
}

bool beneath_kernel(int root)
{
    CLEANUP_FD int fd = open_kernel(root, ".", O_RDONLY | O_DIRECTORY, 0);
    return fd >= 0;
}

static bool is_link(int dirfd, const char *component)
{
    struct stat st;
    return fstatat(dirfd, component, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static int open_folder(int dirfd, const char *component)
{
    int fd = openat(dirfd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* O_DIRECTORY with O_NOFOLLOW reports a link as ENOTDIR; callers are to see it for what it is. */
    if (fd < 0 && errno == ENOTDIR)
        errno = is_link(dirfd, component) ? ELOOP : ENOTDIR;
    return fd;
}

static int open_walking(int root, const char *name, int flags, mode_t mode)
{
    int folder = -1;
    for (;;) {
        char component[COMPONENT_SIZE];
        size_t size = strcspn(name, "/");
        int at = folder >= 0 ? folder : root;
        int fd = -1;
        bool last = name[size] == '\0';
        if (size == 0 || size >= sizeof(component) || strncmp(name, "..", size) == 0) {
            errno = EINVAL;
        } else {
            memcpy(component, name, size);
            component[size] = '\0';
            if (last && (flags & O_DIRECTORY) == 0)
                fd = openat(at, component, flags | O_NOFOLLOW | O_CLOEXEC, mode);
            else
                fd = open_folder(at, component);
        }
        int errnum = errno;
        if (folder >= 0)
            (void)close(folder);
        errno = errnum;
        if (fd < 0 || last)
            return fd;
        folder = fd;
        name += size + 1;
    }
}

int beneath_open(int root, const char *name, int flags, mode_t mode, bool walk)
{
    return walk ? open_walking(root, name, flags, mode) : open_kernel(root, name, flags, mode);
}

int beneath_parent(int root, const char *name, bool walk, const char **ret_last)
{
    const char *slash = strrchr(name, '/');
    *ret_last = slash != NULL ? slash + 1 : name;
    if (slash == NULL)
        return fcntl(root, F_DUPFD_CLOEXEC, 0);
    char folder[PATH_SIZE];
    size_t size = (size_t)(slash - name);
    if (size >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, name, size);
    folder[size] = '\0';
    return beneath_open(root, folder, O_RDONLY | O_DIRECTORY, 0, walk);
}
