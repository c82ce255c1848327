#include "ops/drill_scratch.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/drill_check.h"
#include "pipeline/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define PREFIX "hikae-drill-"
#define MARKER ".hikae-drill"

enum { MARKER_MAX = 4096, OPEN_FOLDERS = 32 };

/* ---- What is backed up must not be there ---- */

/* Is `path` the folder itself, or below it? */
static bool is_within(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0' || folder[size - 1] == '/');
}

static bool on_one_file_system(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) != 0 || stat(b, &y) != 0 || x.st_dev == y.st_dev;
}

struct overlap {
    const char *place;
};

static int check_tenant(const struct catalog_tenant *row, void *context, struct error *err)
{
    const struct overlap *overlap = context;
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    if (history_tenant_read(row->body, &tenant, err) != 0)
        return -1;
    for (size_t i = 0; i < tenant.source_count; i++) {
        const struct history_source *source = &tenant.sources[i];
        enum source_kind kind;
        const char *path;
        char real[PATH_MAX];
        if (source_parse(source->spec, &kind, &path, err) != 0)
            return -1;
        if (kind != SOURCE_DIRECTORY || realpath(path, real) == NULL)
            continue;
        bool overlaps =
            is_within(real, overlap->place) ||
            (is_within(overlap->place, real) && (!source->one_file_system || on_one_file_system(overlap->place, real)));
        if (!overlaps)
            continue;
        (void)error_set(err, ERROR_REFUSED, "%s overlaps with source %s of tenant %s: %s", overlap->place, source->name,
                        row->name, real);
        return error_hint(err, "choose a folder for drills, with --scratch, that is no part of what is backed up");
    }
    return 0;
}

/* ---- The marker ---- */

static char *store_text(const struct hikae *hikae, char out[2 * ID_SIZE + 1])
{
    return hex_encode(hikae->store.store.bytes, ID_SIZE, out);
}

static int write_marker(struct hikae *hikae, const char *drill, struct drill_scratch *scratch, struct error *err)
{
    char store[2 * ID_SIZE + 1], made[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *path = mem_printf("%s/" MARKER, scratch->folder);
    CLEANUP_FREE char *text = NULL;
    json_t *json CLEANUP_JSON = json_pack("{s:i, s:s, s:s, s:s}", "v", 1, "store", store_text(hikae, store), "drill",
                                          drill, "made", clock_format(clock_now_ns(), made));
    if (path == NULL || json == NULL)
        return error_no_memory(err);
    if (json_print(json, &text, err) != 0)
        return -1;
    scratch->marker_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (scratch->marker_fd < 0 || flock(scratch->marker_fd, LOCK_EX | LOCK_NB) != 0 ||
        file_write_full(scratch->marker_fd, text, strlen(text)) != 0 || fsync(scratch->marker_fd) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write %s", path);
    return 0;
}

/* A folder of a drill of this store, whose process is gone: its marker says so and can be locked. *ret_fd keeps it. */
static bool is_stale(struct hikae *hikae, const char *folder, int *ret_fd)
{
    char store[2 * ID_SIZE + 1], text[MARKER_MAX];
    struct stat st;
    struct error ignored = {0};
    CLEANUP_FREE char *path = mem_printf("%s/" MARKER, folder);
    *ret_fd = -1;
    if (path == NULL || lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    json_t *json CLEANUP_JSON = NULL;
    ssize_t size = read(fd, text, sizeof(text));
    bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && size > 0 &&
                json_parse(text, (size_t)size, &json, &ignored) == 0 && json != NULL;
    const char *says = ours ? json_string_value(json_object_get(json, "store")) : NULL;
    ours = says != NULL && strcmp(says, store_text(hikae, store)) == 0;
    if (!ours || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

/* ---- Removing ---- */

/* Take away what keeps a restored file from being removed. */
static int clear_flags(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)walk;
    if ((type != FTW_F && type != FTW_D && type != FTW_DNR) || (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
        return 0;
    if (S_ISDIR(st->st_mode) && (st->st_mode & S_IRWXU) != S_IRWXU)
        (void)chmod(path, S_IRWXU);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), flags;
    if (fd < 0)
        return 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0) {
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    (void)close(fd);
    return 0;
}

int drill_scratch_remove(const char *path, struct error *err)
{
    struct error first = {0};
    if (file_remove_tree(path, &first) == 0)
        return 0;
    /* Folders without rights hide what is below them from the first walk: the second finds it. */
    for (int i = 0; i < 2; i++)
        (void)nftw(path, clear_flags, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT);
    return file_remove_tree(path, err);
}

static int remove_folder(const char *folder, struct error *err)
{
    DIR *dir = opendir(folder);
    int rc = 0;
    if (dir == NULL)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", folder);
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, MARKER) == 0)
            continue;
        CLEANUP_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);
        rc = path != NULL ? drill_scratch_remove(path, err) : error_no_memory(err);
    }
    (void)closedir(dir);
    /* The marker goes last: whatever ends this before, the next drill knows whose the rest is. */
    return rc == 0 ? drill_scratch_remove(folder, err) : -1;
}

static int remove_stale(struct hikae *hikae, const char *parent, struct error *err)
{
    DIR *dir = opendir(parent);
    int rc = 0;
    if (dir == NULL)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", parent);
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        int fd;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        CLEANUP_FREE char *path = mem_printf("%s/%s", parent, entry->d_name);
        if (path == NULL) {
            rc = error_no_memory(err);
        } else if (is_stale(hikae, path, &fd)) {
            engine_warn(hikae, "%s was left by a drill that was killed, and is removed", path);
            CLEANUP_FREE char *work = mem_printf("%s/" DRILL_WORK, path);
            if (work != NULL)
                drill_postgresql_end(work);
            rc = remove_folder(path, err);
            (void)close(fd);
        }
    }
    (void)closedir(dir);
    return rc;
}

/* ---- The life of one ---- */

int drill_scratch_open(struct hikae *hikae, const char *parent, const char *drill, struct drill_scratch *ret,
                       struct error *err)
{
    char real[PATH_MAX];
    *ret = (struct drill_scratch){.marker_fd = -1};
    if (file_mkdirs(parent, 0700, err) != 0)
        return -1;
    if (realpath(parent, real) == NULL)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at %s", parent);
    struct overlap overlap = {real};
    if (catalog_tenant_each(hikae->catalog, check_tenant, &overlap, err) != 0 || remove_stale(hikae, real, err) != 0)
        return -1;
    ret->folder = mem_printf("%s/" PREFIX "XXXXXX", real);
    if (ret->folder == NULL)
        return error_no_memory(err);
    if (mkdtemp(ret->folder) == NULL) {
        int errnum = errno;
        mem_free(ret->folder);
        ret->folder = NULL;
        return error_set_errno(err, ERROR_LOCAL, errnum, "make a folder in %s", real);
    }
    ret->data = mem_printf("%s/data", ret->folder);
    int rc = ret->data != NULL ? write_marker(hikae, drill, ret, err) : error_no_memory(err);
    if (rc == 0 && mkdir(ret->data, 0700) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "make %s", ret->data);
    struct error ignored = {0};
    if (rc != 0 && drill_scratch_close(ret, &ignored) != 0)
        engine_warn(hikae, "a folder of a drill could not be removed: %s", ignored.what);
    return rc;
}

int drill_scratch_check_space(const struct drill_scratch *scratch, uint64_t bytes, struct error *err)
{
    struct statvfs fs;
    if (statvfs(scratch->data, &fs) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at the space in %s", scratch->data);
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize, wanted = bytes + bytes / 50;
    if (wanted <= room)
        return 0;
    (void)error_set(err, ERROR_LOCAL, "%llu bytes are to be restored, and %s has room for %llu",
                    (unsigned long long)bytes, scratch->folder, (unsigned long long)room);
    return error_hint(err, "name a larger disk with --scratch");
}

char *drill_scratch_folder(const struct drill_scratch *scratch, const char *name, struct error *err)
{
    char *path = mem_printf("%s/%s", scratch->data, name);
    if (path == NULL) {
        (void)error_no_memory(err);
        return NULL;
    }
    if (mkdir(path, 0700) == 0)
        return path;
    (void)error_set_errno(err, ERROR_LOCAL, errno, "make %s", path);
    mem_free(path);
    return NULL;
}

int drill_scratch_close(struct drill_scratch *scratch, struct error *err)
{
    int rc = scratch->folder != NULL ? remove_folder(scratch->folder, err) : 0;
    if (scratch->marker_fd >= 0)
        (void)close(scratch->marker_fd);
    mem_free(scratch->folder);
    mem_free(scratch->data);
    *scratch = (struct drill_scratch){.marker_fd = -1};
    return rc;
}
