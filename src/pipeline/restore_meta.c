/*
 * Metadata of restored entries: owner, mode, extended attributes, times and
 * flags, in this order, because a change of owner takes set-id bits and
 * capabilities away, every change sets the time of change, and a flag may
 * forbid all others.
 */
#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { SLOT_COUNT = 256, SLOT_NAME_MAX = 63, LOOKUP_MAX = 1 << 20 };

/* What a restore sets again: as the walker reads it. Others describe how the file system stores the file. */
static const int settable_flags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL |
                                  FS_NODUMP_FL | FS_NOATIME_FL | FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL |
                                  FS_NOCOW_FL;

/* A user's or group's name that was looked up. */
struct owner_slot {
    bool known;
    bool exists;
    uint32_t id;
    uint8_t size;
    char name[SLOT_NAME_MAX + 1];
};

struct restore_meta {
    const struct restore_options *options;
    bool tidy; /* what is made may have attributes that it should not have: inherited ACLs, those of a folder before */
    pthread_mutex_t warn_mutex;
    pthread_mutex_t xattr_mutex; /* of reader and value */
    struct block_reader *reader;
    struct buf value;
    pthread_mutex_t owner_mutex;
    struct owner_slot users[SLOT_COUNT];
    struct owner_slot groups[SLOT_COUNT];
    _Atomic uint64_t owners_denied;
    _Atomic uint64_t xattrs_denied;
    _Atomic uint64_t xattrs_unknown; /* the file system has none */
    _Atomic uint64_t flags_denied;
};

int meta_new(const struct restore_options *options, const struct place_root *root, struct block_reader *xattr_reader,
             struct restore_meta **ret, struct error *err)
{
    struct restore_meta *meta = mem_calloc(1, sizeof(*meta));
    if (meta == NULL)
        return error_no_memory(err);
    meta->options = options;
    meta->reader = xattr_reader;
    meta->tidy = !root->was_empty || fgetxattr(root->fd, "system.posix_acl_default", NULL, 0) > 0;
    (void)pthread_mutex_init(&meta->warn_mutex, NULL);
    (void)pthread_mutex_init(&meta->xattr_mutex, NULL);
    (void)pthread_mutex_init(&meta->owner_mutex, NULL);
    *ret = meta;
    return 0;
}

void meta_free(struct restore_meta *meta)
{
    if (meta == NULL)
        return;
    buf_free(&meta->value);
    (void)pthread_mutex_destroy(&meta->warn_mutex);
    (void)pthread_mutex_destroy(&meta->xattr_mutex);
    (void)pthread_mutex_destroy(&meta->owner_mutex);
    mem_free(meta);
}

void meta_warn(struct restore_meta *meta, const struct entry *entry, const struct error *why)
{
    (void)pthread_mutex_lock(&meta->warn_mutex);
    restore_warn(meta->options, entry, why);
    (void)pthread_mutex_unlock(&meta->warn_mutex);
}

static void warn_errno(struct restore_meta *meta, const struct entry *entry, const char *what)
{
    struct error why;
    (void)error_set_errno(&why, ERROR_LOCAL, errno, "set its %s", what);
    meta_warn(meta, entry, &why);
}

/* What a kernel or file system answers when it does not let us, or cannot. */
static bool is_denied(int errnum)
{
    return errnum == EPERM || errnum == EACCES;
}

static bool is_unsupported(int errnum)
{
    return errnum == ENOTSUP || errnum == ENOSYS || errnum == ENOTTY;
}

/* ---- Owner ---- */

static bool look_up(const char *name, bool group, uint32_t *ret_id)
{
    for (size_t size = 4096; size <= LOOKUP_MAX; size *= 4) {
        CLEANUP_FREE char *buffer = mem_alloc(size);
        struct passwd user, *found_user = NULL;
        struct group one, *found_group = NULL;
        if (buffer == NULL)
            return false;
        int rc = group ? getgrnam_r(name, &one, buffer, size, &found_group)
                       : getpwnam_r(name, &user, buffer, size, &found_user);
        if (rc == ERANGE)
            continue;
        if (found_user != NULL)
            *ret_id = found_user->pw_uid;
        if (found_group != NULL)
            *ret_id = found_group->gr_gid;
        return found_user != NULL || found_group != NULL;
    }
    return false;
}

/* The number here of an owner: by its name if that exists here, else as it was. */
static uint32_t owner_id(struct restore_meta *meta, const struct bytes *name, uint32_t number, bool group)
{
    if (name->size == 0 || name->size > SLOT_NAME_MAX || memchr(name->data, '\0', name->size) != NULL)
        return number;
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name->size; i++)
        hash = (hash ^ name->data[i]) * 16777619U;
    (void)pthread_mutex_lock(&meta->owner_mutex);
    struct owner_slot *slot = &(group ? meta->groups : meta->users)[hash % SLOT_COUNT];
    if (!slot->known || slot->size != name->size || memcmp(slot->name, name->data, name->size) != 0) {
        memcpy(slot->name, name->data, name->size);
        slot->name[name->size] = '\0';
        slot->size = (uint8_t)name->size;
        slot->exists = look_up(slot->name, group, &slot->id);
        slot->known = true;
    }
    uint32_t id = slot->exists ? slot->id : number;
    (void)pthread_mutex_unlock(&meta->owner_mutex);
    return id;
}

static int change_owner(int fd, int dir, const char *name, uid_t uid, gid_t gid)
{
    return fd >= 0 ? fchown(fd, uid, gid) : fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

/* *ret_mode becomes the mode that the entry may have: a set-id bit never speaks for another owner. *ret_now is the one
 * that it had before. */
static void set_owner(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry,
                      mode_t *ret_mode, mode_t *ret_now)
{
    struct stat st;
    *ret_mode = entry->mode & 07777;
    *ret_now = (mode_t)-1;
    if ((fd >= 0 ? fstat(fd, &st) : fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) != 0) {
        warn_errno(meta, entry, "owner");
        *ret_mode &= (mode_t)~06000;
        return;
    }
    *ret_now = st.st_mode & 07777;
    uid_t uid = owner_id(meta, &entry->user, entry->uid, false);
    gid_t gid = owner_id(meta, &entry->group, entry->gid, true);
    bool user_fits = st.st_uid == uid, group_fits = st.st_gid == gid;
    if (!meta->options->no_owner && (!user_fits || !group_fits)) {
        if (change_owner(fd, dir, name, uid, gid) == 0) {
            user_fits = group_fits = true;
        } else {
            int errnum = errno;
            /* Whoever is no root may still give a file to a group of theirs. */
            if (!group_fits && change_owner(fd, dir, name, (uid_t)-1, gid) == 0)
                group_fits = true;
            if (!is_denied(errnum) && errnum != EINVAL) { /* EINVAL: no such number in this user namespace */
                errno = errnum;
                warn_errno(meta, entry, "owner");
            } else if (!user_fits || !group_fits) {
                atomic_fetch_add(&meta->owners_denied, 1);
            }
        }
    }
    if (!user_fits)
        *ret_mode &= (mode_t)~S_ISUID;
    if (!group_fits && entry->type != ENTRY_DIRECTORY)
        *ret_mode &= (mode_t)~S_ISGID;
}

/* ---- Extended attributes ---- */

static int set_xattr(int fd, int dir, const char *name, const char *attribute, const void *value, size_t size)
{
    if (fd >= 0)
        return fsetxattr(fd, attribute, value, size, 0);
    char path[64 + ENTRY_NAME_MAX];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
    return lsetxattr(path, attribute, value, size, 0);
}

static bool has_xattr(const struct entry *entry, const char *name)
{
    struct bytes wanted = bytes_of(name);
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (bytes_equal(&entry->xattrs[i].name, &wanted))
            return true;
    return false;
}

/* Remove what the snapshot does not have: inherited ACLs would give away what they were not to. */
static void remove_others(struct restore_meta *meta, int fd, const struct entry *entry)
{
    ssize_t size = flistxattr(fd, NULL, 0);
    if (size <= 0)
        return;
    CLEANUP_FREE char *names = mem_alloc((size_t)size);
    if (names == NULL || (size = flistxattr(fd, names, (size_t)size)) <= 0)
        return;
    for (const char *name = names; name < names + size; name += strlen(name) + 1)
        if ((strncmp(name, "user.", 5) == 0 || strncmp(name, "system.posix_acl_", 17) == 0) &&
            !has_xattr(entry, name) && fremovexattr(fd, name) != 0 && errno != ENODATA)
            warn_errno(meta, entry, "extended attributes");
}

/* Under xattr_mutex. *ret_denied, *ret_unknown are set if it was refused for a reason that is reported at the end. */
static int set_one_xattr(struct restore_meta *meta, int fd, int dir, const char *name, const struct xattr *xattr,
                         bool *ret_denied, bool *ret_unknown, struct error *err)
{
    char attribute[ENTRY_XATTR_NAME_MAX + 1];
    struct bytes value = xattr->value;
    if (xattr->name.size == 0 || xattr->name.size > ENTRY_XATTR_NAME_MAX ||
        memchr(xattr->name.data, '\0', xattr->name.size) != NULL)
        return error_set(err, ERROR_DAMAGED, "the name of an extended attribute is impossible");
    memcpy(attribute, xattr->name.data, xattr->name.size);
    attribute[xattr->name.size] = '\0';
    if (xattr->in_blob) {
        if (block_reader_fetch(BLOB_XATTR, &xattr->blob, &meta->value, meta->reader, err) != 0)
            return error_wrap(err, "extended attribute %s", attribute);
        value = (struct bytes){meta->value.data, meta->value.size};
    }
    if (set_xattr(fd, dir, name, attribute, value.data, value.size) == 0)
        return 0;
    if (is_denied(errno))
        *ret_denied = true;
    else if (is_unsupported(errno))
        *ret_unknown = true;
    else
        return error_set_errno(err, ERROR_LOCAL, errno, "set the extended attribute %s", attribute);
    return 0;
}

static int set_xattrs(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry,
                      struct error *err)
{
    bool denied = false, unknown = false;
    int rc = 0;
    if (meta->tidy && fd >= 0)
        remove_others(meta, fd, entry);
    for (size_t i = 0; rc == 0 && i < entry->xattr_count; i++) {
        struct error why = {0};
        (void)pthread_mutex_lock(&meta->xattr_mutex);
        rc = set_one_xattr(meta, fd, dir, name, &entry->xattrs[i], &denied, &unknown, &why);
        (void)pthread_mutex_unlock(&meta->xattr_mutex);
        if (rc != 0 && restore_is_fatal(&why)) {
            *err = why;
        } else if (rc != 0) {
            meta_warn(meta, entry, &why);
            rc = 0;
        }
    }
    atomic_fetch_add(&meta->xattrs_denied, denied);
    atomic_fetch_add(&meta->xattrs_unknown, unknown);
    return rc;
}

/* ---- Mode, times, flags ---- */

static void set_mode(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry,
                     mode_t mode)
{
    if (entry->type == ENTRY_SYMLINK)
        return;
    int rc = fd >= 0 ? fchmod(fd, mode) : fchmodat(dir, name, mode, AT_SYMLINK_NOFOLLOW);
    if (rc != 0)
        warn_errno(meta, entry, "mode");
}

static void set_times(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = entry->mtime_s, .tv_nsec = entry->mtime_ns % 1000000000U}};
    int rc = fd >= 0 ? futimens(fd, times) : utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
    if (rc != 0)
        warn_errno(meta, entry, "times");
}

bool meta_flags_wait(const struct entry *entry)
{
    return entry->type == ENTRY_FILE && (entry->file_flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0;
}

void meta_set_flags(struct restore_meta *meta, int fd, const struct entry *entry)
{
    int now = 0, wanted = (int)entry->file_flags & settable_flags;
    if (wanted == 0 && !meta->tidy)
        return;
    /* The kernel reads and writes an int, whatever the request's number says. */
    if (ioctl(fd, FS_IOC_GETFLAGS, &now) != 0) {
        if (wanted != 0)
            atomic_fetch_add(&meta->flags_denied, 1);
        return;
    }
    int after = (now & ~settable_flags) | wanted;
    if (after != now && ioctl(fd, FS_IOC_SETFLAGS, &after) != 0 && wanted != 0)
        atomic_fetch_add(&meta->flags_denied, 1);
}

int meta_apply(struct restore_meta *meta, int fd, int dir, const char *name, const struct entry *entry,
               struct error *err)
{
    mode_t mode, now;
    set_owner(meta, fd, dir, name, entry, &mode, &now);
    /* A file that was made with its mode needs no call more; a change of owner touches set-id bits only. */
    if (now != mode || (mode & 06000) != 0)
        set_mode(meta, fd, dir, name, entry, mode);
    if (set_xattrs(meta, fd, dir, name, entry, err) != 0)
        return -1;
    set_times(meta, fd, dir, name, entry);
    if (fd >= 0 && !meta_flags_wait(entry))
        meta_set_flags(meta, fd, entry);
    return 0;
}

/* ---- At the end ---- */

static void summary(struct restore_meta *meta, uint64_t count, const char *what, const char *hint)
{
    const struct restore_options *options = meta->options;
    struct error why;
    struct bytes nowhere = {0};
    if (count == 0 || options->warn == NULL)
        return;
    (void)error_set(&why, ERROR_LOCAL, "%s of %llu entries could not be set", what, (unsigned long long)count);
    (void)error_hint(&why, "%s", hint);
    (void)pthread_mutex_lock(&meta->warn_mutex);
    options->warn(&nowhere, &why, options->warn_context);
    (void)pthread_mutex_unlock(&meta->warn_mutex);
}

void meta_end(struct restore_meta *meta)
{
    summary(meta, atomic_exchange(&meta->owners_denied, 0), "owners",
            "run as root to restore them, or give --no-owner to leave them");
    summary(meta, atomic_exchange(&meta->xattrs_denied, 0), "some extended attributes",
            "run as root to restore trusted and security attributes");
    summary(meta, atomic_exchange(&meta->xattrs_unknown, 0), "extended attributes",
            "the file system of the destination has none: restore to another");
    summary(meta, atomic_exchange(&meta->flags_denied, 0), "file flags",
            "run as root, and restore to a file system that has them");
}
