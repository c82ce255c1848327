#include "pipeline/walk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- Idle folders: open, and closed from the oldest on when descriptors run short ---- */

static void idle_remove(struct walk_core *core, struct walk_folder *folder)
{
    if (folder->idle_prev != NULL)
        folder->idle_prev->idle_next = folder->idle_next;
    else
        core->idle_oldest = folder->idle_next;
    if (folder->idle_next != NULL)
        folder->idle_next->idle_prev = folder->idle_prev;
    else
        core->idle_newest = folder->idle_prev;
    folder->idle_prev = NULL;
    folder->idle_next = NULL;
}

static void idle_append(struct walk_core *core, struct walk_folder *folder)
{
    folder->idle_prev = core->idle_newest;
    if (core->idle_newest != NULL)
        core->idle_newest->idle_next = folder;
    else
        core->idle_oldest = folder;
    core->idle_newest = folder;
}

static bool close_oldest(struct walk_core *core)
{
    struct walk_folder *folder = core->idle_oldest;
    if (folder == NULL)
        return false;
    idle_remove(core, folder);
    (void)close(folder->fd);
    folder->fd = -1;
    core->open_count--;
    return true;
}

static void pin_locked(struct walk_core *core, struct walk_folder *folder)
{
    if (folder->pins++ == 0)
        idle_remove(core, folder);
}

static void unpin_locked(struct walk_core *core, struct walk_folder *folder)
{
    if (--folder->pins == 0)
        idle_append(core, folder);
}

bool walk_folder_make_room(struct walk_core *core)
{
    (void)pthread_mutex_lock(&core->folder_mutex);
    size_t wanted = core->open_count / 2 + 1;
    size_t closed = 0;
    while (closed < wanted && close_oldest(core))
        closed++;
    /* Whatever else in this process needs descriptors will need them again: keep fewer from now on. */
    if (closed > 0 && core->open_limit > 8)
        core->open_limit /= 2;
    (void)pthread_mutex_unlock(&core->folder_mutex);
    return closed > 0;
}

/* ---- Life ---- */

struct walk_folder *walk_folder_new(struct walk_core *core, struct walk_folder *parent, const char *name,
                                    size_t name_size, uint64_t device, uint64_t inode)
{
    struct walk_folder *folder = mem_calloc(1, sizeof(*folder) + name_size + 1);
    if (folder == NULL)
        return NULL;
    atomic_init(&folder->references, 1);
    folder->core = core;
    folder->device = device;
    folder->inode = inode;
    folder->fd = -1;
    folder->name_size = name_size;
    memcpy(folder->name, name, name_size);
    folder->path_size = name_size;
    if (parent != NULL) {
        folder->parent = walk_folder_reference(parent);
        folder->path_size += parent->path_size + 1;
    }
    return folder;
}

struct walk_folder *walk_folder_reference(struct walk_folder *folder)
{
    (void)atomic_fetch_add_explicit(&folder->references, 1, memory_order_relaxed);
    return folder;
}

void walk_folder_release(struct walk_folder *folder)
{
    /* A loop, not a recursion: the chain of parents can be half a million long. */
    while (folder != NULL && atomic_fetch_sub_explicit(&folder->references, 1, memory_order_acq_rel) == 1) {
        struct walk_core *core = folder->core;
        struct walk_folder *parent = folder->parent;
        (void)pthread_mutex_lock(&core->folder_mutex);
        int fd = folder->fd;
        if (fd >= 0) {
            if (folder->pins == 0)
                idle_remove(core, folder);
            core->open_count--;
        }
        (void)pthread_mutex_unlock(&core->folder_mutex);
        if (fd >= 0)
            (void)close(fd);
        mem_free(folder);
        if (parent == NULL)
            walk_core_release(core);
        folder = parent;
    }
}

void walk_folder_set_root_fd(struct walk_folder *folder, int fd)
{
    /* Pinned once and for all: it is where every way down begins. */
    (void)pthread_mutex_lock(&folder->core->folder_mutex);
    folder->fd = fd;
    folder->pins = 1;
    folder->core->open_count++;
    (void)pthread_mutex_unlock(&folder->core->folder_mutex);
}

/* ---- Opening ---- */

/* openat that gives idle folders up when the process or the system has too many files open. */
static int open_folder(struct walk_core *core, int at, const char *name)
{
    /* O_NOATIME is for the owner and root only; a backup must not change what it reads where it can help it. */
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME;
    for (;;) {
        int fd = openat(at, name, flags);
        if (fd >= 0)
            return fd;
        if (errno == EPERM && (flags & O_NOATIME) != 0)
            flags &= ~O_NOATIME;
        else if ((errno != EMFILE && errno != ENFILE) || !walk_folder_make_room(core))
            return -1;
    }
}

int walk_folder_open_at(struct walk_core *core, int at, const char *name, uint64_t device, uint64_t inode)
{
    int fd = open_folder(core, at, name);
    if (fd < 0) {
        if (errno == ENOTDIR || errno == ELOOP)
            errno = ESTALE;
        return -1;
    }
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    if (st.stx_ino != inode || makedev(st.stx_dev_major, st.stx_dev_minor) != device) {
        (void)close(fd);
        errno = ESTALE;
        return -1;
    }
    return fd;
}

/* Go down from `above`, which is open at top, to folder; the ones between are closed again. */
static int open_down(struct walk_folder *above, int top, struct walk_folder *folder)
{
    size_t steps = 0;
    for (const struct walk_folder *f = folder; f != above; f = f->parent)
        steps++;
    struct walk_folder *single = folder;
    CLEANUP_FREE struct walk_folder **many = NULL;
    struct walk_folder **way = &single;
    if (steps > 1) {
        many = mem_alloc(steps * sizeof(struct walk_folder *));
        if (many == NULL) {
            errno = ENOMEM;
            return -1;
        }
        way = many;
        size_t i = steps;
        for (struct walk_folder *f = folder; f != above; f = f->parent)
            way[--i] = f;
    }
    int at = top;
    for (size_t i = 0; i < steps && at >= 0; i++) {
        int fd = walk_folder_open_at(folder->core, at, way[i]->name, way[i]->device, way[i]->inode);
        if (at != top) {
            int saved = errno;
            (void)close(at);
            errno = saved;
        }
        at = fd;
    }
    return at;
}

/* Keep fd as the folder's, unless another thread was faster. Locked. */
static void install(struct walk_core *core, struct walk_folder *folder, int fd)
{
    if (folder->fd >= 0) {
        (void)close(fd);
        pin_locked(core, folder);
        return;
    }
    folder->fd = fd;
    folder->pins = 1;
    core->open_count++;
    while (core->open_count > core->open_limit && close_oldest(core))
        ;
}

int walk_folder_pin(struct walk_folder *folder)
{
    struct walk_core *core = folder->core;
    (void)pthread_mutex_lock(&core->folder_mutex);
    struct walk_folder *above = folder;
    while (above->fd < 0)
        above = above->parent; /* The root is always open. */
    pin_locked(core, above);
    int fd = above->fd;
    (void)pthread_mutex_unlock(&core->folder_mutex);
    if (above == folder)
        return fd;

    int opened = open_down(above, fd, folder);
    int saved = errno;
    (void)pthread_mutex_lock(&core->folder_mutex);
    unpin_locked(core, above);
    if (opened >= 0) {
        install(core, folder, opened);
        opened = folder->fd;
    }
    (void)pthread_mutex_unlock(&core->folder_mutex);
    errno = saved;
    return opened;
}

void walk_folder_unpin(struct walk_folder *folder)
{
    (void)pthread_mutex_lock(&folder->core->folder_mutex);
    unpin_locked(folder->core, folder);
    (void)pthread_mutex_unlock(&folder->core->folder_mutex);
}

/* ---- Paths ---- */

void walk_folder_path(const struct walk_folder *folder, uint8_t *out)
{
    size_t end = folder->path_size;
    for (;; folder = folder->parent) {
        end -= folder->name_size;
        memcpy(out + end, folder->name, folder->name_size);
        if (folder->parent == NULL)
            return;
        out[--end] = '/';
    }
}
