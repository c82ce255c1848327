/*
 * The scan: walks the sources in order and merges them with the parent's
 * manifest. An entry whose type, size, times and inode number agree is taken
 * over without being opened; all others are read. Both sides are streams.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/batch.h"
#include "pipeline/first_names.h"
#include "pipeline/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum {
    RACY_NS_LOCAL = 2,    /* seconds: coarser than the ticks of local file systems */
    RACY_NS_NETWORK = 60, /* another machine's clock */
    REREAD_MAX = 64 << 20
};

struct scan {
    struct scanner scanner;
    struct backup *backup;
    struct block_reader *blocks; /* reads the parent's manifest */
    struct manifest_reader *parent;
    const struct entry *peeked; /* the parent's entry that is not before the current one; NULL: at the end */
    bool parent_is_over;
    struct first_names names; /* of all sources */
    int64_t racy_ns;
};

static void warn(struct scan *scan, const struct entry *entry, const struct error *why)
{
    const struct backup_options *options = scan->backup->options;
    CLEANUP(buf_free) struct buf path = {0};
    atomic_fetch_add(&scan->backup->counters->errors, 1);
    if (options->warn == NULL || buf_append(&path, entry->dir.data, entry->dir.size, NULL) != 0 ||
        (entry->dir.size > 0 && buf_u8(&path, '/', NULL) != 0) ||
        buf_append(&path, entry->name.data, entry->name.size, NULL) != 0)
        return;
    struct bytes bytes = {path.data, path.size};
    options->warn(&bytes, why, options->warn_context);
}

/* A parent that cannot be read costs time, not the backup: what follows is read from the source. */
static void warn_of_parent(const struct scan *scan, const struct error *why)
{
    const struct objects *objects = scan->backup->options->objects;
    char message[700];
    (void)snprintf(message, sizeof(message),
                   "not all files of the previous snapshot can be listed, so more is read: %s", why->what);
    if (objects->warn != NULL)
        objects->warn(message, objects->warn_context);
}

/* The parent's entry of the same path, or NULL. */
static int find_in_parent(struct scan *scan, const struct entry *entry, const struct entry **ret, struct error *err)
{
    *ret = NULL;
    while (!scan->parent_is_over) {
        if (scan->peeked != NULL) {
            int order = entry_path_compare(&scan->peeked->dir, &scan->peeked->name, &entry->dir, &entry->name);
            if (order == 0)
                *ret = scan->peeked;
            if (order >= 0)
                return 0;
        }
        struct error why = {0};
        int rc = manifest_reader_next(scan->parent, &scan->peeked, &why);
        if (rc < 0 && (why.class == ERROR_INTERRUPTED || why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERNAL)) {
            *err = why;
            return -1;
        }
        if (rc < 0)
            warn_of_parent(scan, &why);
        if (rc <= 0) {
            scan->parent_is_over = true;
            scan->peeked = NULL;
        }
    }
    return 0;
}

static bool looks_unchanged(const struct entry *now, const struct entry *then)
{
    return now->type == then->type && !then->racy && !then->changed && !then->unreadable &&
           now->mtime_s == then->mtime_s && now->mtime_ns == then->mtime_ns && now->ctime_s == then->ctime_s &&
           now->ctime_ns == then->ctime_ns && now->inode == then->inode && now->mode == then->mode &&
           now->uid == then->uid && now->gid == then->gid && (now->type != ENTRY_FILE || now->size == then->size);
}

/* Two instants so close that a change between them need not show. */
static bool is_close(int64_t seconds, uint32_t ns, int64_t read_ns, int64_t window_ns)
{
    int64_t distance = seconds - read_ns / NS_PER_S;
    if (distance > window_ns / NS_PER_S + 1 || distance < -window_ns / NS_PER_S - 1)
        return false;
    distance = distance * NS_PER_S + ns - read_ns % NS_PER_S;
    return distance >= -window_ns && distance <= window_ns;
}

/*
 * Its times lie so close to its reading that it may change again without their changing. Times far ahead are not: a
 * change would set them back.
 */
static bool is_racy(const struct scan *scan, const struct entry *entry, int64_t read_ns)
{
    return is_close(entry->mtime_s, entry->mtime_ns, read_ns, scan->racy_ns) ||
           is_close(entry->ctime_s, entry->ctime_ns, read_ns, scan->racy_ns);
}

static int64_t racy_window(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return RACY_NS_NETWORK * NS_PER_S;
    switch ((unsigned long)fs.f_type) {
    case 0x6969:     /* NFS */
    case 0xff534d42: /* CIFS */
    case 0xfe534d42: /* SMB2 */
    case 0x517b:     /* SMB */
    case 0x01021997: /* 9P */
    case 0x65735546: /* FUSE */
        return RACY_NS_NETWORK * NS_PER_S;
    default:
        return RACY_NS_LOCAL * NS_PER_S;
    }
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void take_stat(struct entry *entry, const struct stat *st)
{
    entry->size = (uint64_t)st->st_size;
    entry->mtime_s = st->st_mtim.tv_sec;
    entry->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    entry->ctime_s = st->st_ctim.tv_sec;
    entry->ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
}

/*
 * Read an open file, of which `now` was true before. If it changes meanwhile it is read once more, if it is not too
 * long, and then recorded as changed. A file is as long as what was read of it.
 */
static int read_content(struct scan *scan, int fd, const struct stat *now, struct entry *entry, struct error *err)
{
    struct stat before = *now, after;
    for (int attempt = 0;; attempt++) {
        uint64_t size = (uint64_t)before.st_size;
        bool sparse = size > 0 && (uint64_t)before.st_blocks * 512 < size;
        int64_t started = clock_machine_ns();
        uint64_t read_size = 0;
        if (scanner_file(&scan->scanner, fd, size, sparse, &read_size, err) != 0)
            return -1;
        if (fstat(fd, &after) != 0)
            return error_set_errno(err, ERROR_SOURCE, errno, "stat");
        bool changed = !same_stat(&before, &after) || read_size != size;
        take_stat(entry, &before);
        entry->size = read_size;
        entry->racy = is_racy(scan, entry, started);
        entry->changed = changed;
        if (!changed)
            return 0;
        if (attempt > 0 || size > REREAD_MAX) {
            struct error why;
            (void)error_set(&why, ERROR_SOURCE, "it changed while it was read");
            (void)error_hint(&why, "what is stored of it may be a mixture; it is read again next time");
            warn(scan, entry, &why);
            return 0;
        }
        before = after;
        if (lseek(fd, 0, SEEK_SET) < 0)
            return error_set_errno(err, ERROR_SOURCE, errno, "read again");
        if (scanner_restart(&scan->scanner, err) != 0)
            return -1;
    }
}

static bool ends_the_run(const struct error *err)
{
    return err->class != ERROR_SOURCE && err->class != ERROR_DENIED && err->class != ERROR_NOT_FOUND;
}

static struct file_identity identity_of(const struct walk_entry *found)
{
    struct file_identity identity;
    walk_entry_identity(found, &identity.device, &identity.inode);
    return identity;
}

/* Take the parent's word for what was not looked at. */
static void take_over(struct entry *entry, const struct entry *then)
{
    entry->user = then->user;
    entry->group = then->group;
    entry->link = then->link;
    entry->xattrs = then->xattrs;
    entry->xattr_count = then->xattr_count;
    entry->file_flags = then->file_flags;
    entry->content = then->content;
}

/* An entry could not be read: that costs it a warning (0), or ends the run (-1). */
static int entry_failed(struct scan *scan, const struct entry *entry, const struct error *why, struct error *err)
{
    if (ends_the_run(why)) {
        *err = *why;
        return -1;
    }
    warn(scan, entry, why);
    return 0;
}

/*
 * Look at an entry more closely than the walk did, and open it if it is a file (*ret_fd; -1: it cannot be read): 1, or
 * 0 if it is no longer there. One that was removed meanwhile is left out without a word.
 */
static int look_closely(struct scan *scan, struct walk *walk, struct walk_entry *found, int *ret_fd,
                        struct stat *ret_st, struct error *err)
{
    const struct entry *entry = walk_entry_stat(found);
    const struct file_identity listed = identity_of(found);
    struct error why = {0};
    *ret_fd = -1;
    bool there = true, told = false;
    if (entry->type == ENTRY_FILE && walk_entry_open(found, ret_fd, ret_st, &why) != 0) {
        there = why.errnum != ENOENT;
        told = true;
        if (there && entry_failed(scan, entry, &why, err) != 0)
            return -1;
    }
    const struct file_identity opened = identity_of(found);
    if (there && walk_read_metadata(walk, found, *ret_fd, &why) != 0) {
        there = false;
        told = told || why.errnum == ENOENT;
        if ((!told || ends_the_run(&why)) && entry_failed(scan, entry, &why, err) != 0)
            return -1;
    }
    if (!there || opened.device != listed.device || opened.inode != listed.inode)
        first_names_forget(&scan->names, &listed);
    return there ? 1 : 0;
}

static int read_entry(struct scan *scan, struct walk *walk, struct walk_entry *found, const struct entry *then,
                      struct error *err)
{
    struct error why = {0};
    struct stat st;
    CLEANUP_FD int fd = -1;
    int rc = look_closely(scan, walk, found, &fd, &st, err);
    if (rc <= 0)
        return rc;
    struct entry entry = *walk_entry_stat(found);
    entry.racy = is_racy(scan, &entry, clock_machine_ns());
    entry.unreadable = entry.type == ENTRY_FILE && fd < 0;
    if (fd >= 0 && read_content(scan, fd, &st, &entry, &why) != 0) {
        if (entry_failed(scan, &entry, &why, err) != 0)
            return -1;
        entry.unreadable = true;
        if (scanner_restart(&scan->scanner, err) != 0)
            return -1;
    }
    const struct entry *previous = then != NULL && then->type == ENTRY_FILE ? then : NULL;
    return scanner_entry(&scan->scanner, &entry, entry.type == ENTRY_FILE, previous, err);
}

static int scan_entry(struct scan *scan, struct walk *walk, struct walk_entry *found, struct error *err)
{
    struct entry entry = *walk_entry_stat(found);
    const struct entry *then = NULL;
    if (entry.type == ENTRY_FILE && walk_entry_links(found) > 1) {
        struct file_identity file = identity_of(found);
        if (first_names_find(&scan->names, &file, &entry.link)) {
            if (find_in_parent(scan, &entry, &then, err) != 0)
                return -1;
            entry.type = ENTRY_HARDLINK;
            entry.size = 0;
            return scanner_entry(&scan->scanner, &entry, false, NULL, err);
        }
        if (first_names_add(&scan->names, &file, &entry, err) != 0)
            return -1;
    }
    if (find_in_parent(scan, &entry, &then, err) != 0)
        return -1;
    if (then != NULL && looks_unchanged(&entry, then)) {
        int known = scanner_knows(&scan->scanner, scan->blocks, then, err);
        if (known < 0)
            return -1;
        if (known > 0) {
            take_over(&entry, then);
            return scanner_entry(&scan->scanner, &entry, false, NULL, err);
        }
        then = NULL; /* what the parent stored of it is gone: it is new again */
    }
    if (scan->backup->options->dry_run) {
        /* Its bytes stand in for what a run would read. */
        if (entry.type == ENTRY_FILE && scanner_extent(&scan->scanner, EXTENT_HOLE, entry.size, err) != 0)
            return -1;
        atomic_fetch_add(&scan->backup->counters->bytes_read, entry.size);
        return scanner_entry(&scan->scanner, &entry, entry.type == ENTRY_FILE, then, err);
    }
    return read_entry(scan, walk, found, then, err);
}

struct walk_warning {
    struct scan *scan;
    const char *source;
};

static void walk_warn(const struct bytes *path, const struct error *why, void *context)
{
    struct walk_warning *warning = context;
    struct entry entry = {.dir = bytes_of(warning->source), .name = *path};
    warn(warning->scan, &entry, why);
}

/*
 * The manifest wants the roots of all sources before what is in any of them. So of several sources the roots are
 * scanned first, and each folder is walked again for what is below; a single one is walked once.
 */
enum part { PART_ALL, PART_ROOT, PART_BELOW };

static int scan_directory(struct scan *scan, const struct backup_source *source, enum part part, struct error *err)
{
    int fd = open(source->path, O_PATH | O_CLOEXEC);
    scan->racy_ns = racy_window(fd);
    if (fd >= 0)
        (void)close(fd);
    struct walk_warning warning = {scan, source->name};
    struct walk_options options = {.source = source->name,
                                   .path = source->path,
                                   .exclude = source->exclude,
                                   .exclude_count = source->exclude_count,
                                   .one_file_system = source->one_file_system,
                                   .exclude_caches = source->exclude_caches,
                                   .cancel = &scan->backup->stop,
                                   .warn = walk_warn,
                                   .warn_context = &warning};
    struct walk *walk;
    if (walk_open(&options, &walk, err) != 0)
        return -1;
    struct walk_entry *found;
    int rc;
    for (bool is_root = true; (rc = walk_next(walk, &found, err)) > 0; is_root = false) {
        rc = is_root && part == PART_BELOW ? 0 : scan_entry(scan, walk, found, err);
        walk_entry_release(found);
        if (rc != 0 || part == PART_ROOT)
            break;
    }
    walk_close(walk);
    return rc;
}

static ssize_t pull_device(void *out, size_t size, void *context, struct error *err)
{
    const int *fd = context;
    for (;;) {
        ssize_t n = read(*fd, out, size);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return error_set_errno(err, ERROR_SOURCE, errno, "read the device");
    }
}

static int open_image(const char *path, int *ret_fd, struct stat *ret_stat, struct error *err)
{
    /* Looked at first: whoever opens a pipe waits for its writer. */
    bool is_image = stat(path, ret_stat) == 0 && (S_ISREG(ret_stat->st_mode) || S_ISBLK(ret_stat->st_mode));
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | (is_image ? 0 : O_PATH));
    if (*ret_fd < 0 || fstat(*ret_fd, ret_stat) != 0)
        return error_set_errno(err, ERROR_SOURCE, errno, "open %s", path);
    if (!is_image)
        return error_set(err, ERROR_SOURCE, "%s is neither a file nor a block device", path);
    return 0;
}

/* A disk image or block device: one entry, named like its source. Failing to read it fails the snapshot. */
static int scan_image(struct scan *scan, const struct backup_source *source, struct error *err)
{
    struct stat st;
    CLEANUP_FD int fd = -1;
    if (open_image(source->path, &fd, &st, err) != 0)
        return -1;
    scan->racy_ns = racy_window(fd);
    struct entry entry = {.name = bytes_of(source->name),
                          .type = ENTRY_FILE,
                          .mode = st.st_mode & 07777,
                          .uid = st.st_uid,
                          .gid = st.st_gid,
                          .inode = st.st_ino};
    const struct entry *then;
    take_stat(&entry, &st);
    if (find_in_parent(scan, &entry, &then, err) != 0)
        return -1;
    if (S_ISBLK(st.st_mode)) {
        entry.racy = true; /* a device's times say nothing of its bytes */
        if (scanner_stream(&scan->scanner, pull_device, &fd, &entry.size, err) != 0)
            return -1;
        return scanner_entry(&scan->scanner, &entry, true, then, err);
    }
    if (then != NULL && looks_unchanged(&entry, then)) {
        int known = scanner_knows(&scan->scanner, scan->blocks, then, err);
        if (known < 0)
            return -1;
        if (known > 0) {
            take_over(&entry, then);
            return scanner_entry(&scan->scanner, &entry, false, NULL, err);
        }
    }
    if (read_content(scan, fd, &st, &entry, err) != 0)
        return -1;
    return scanner_entry(&scan->scanner, &entry, true, then != NULL && then->type == ENTRY_FILE ? then : NULL, err);
}

static int scan_source(struct scan *scan, const struct backup_source *source, enum part part, struct error *err)
{
    if (source->kind != SOURCE_DIRECTORY && part == PART_BELOW)
        return 0;
    switch (source->kind) {
    case SOURCE_DIRECTORY:
        return scan_directory(scan, source, part, err);
    case SOURCE_IMAGE:
        return scan_image(scan, source, err);
    case SOURCE_COMMAND:
        return scan_command(&scan->scanner, source, err);
    case SOURCE_ARCHIVE:
        return scan_archive(&scan->scanner, source, err);
    }
    return error_set(err, ERROR_INTERNAL, "no such kind of source");
}

int scan_run(struct backup *backup, struct error *err)
{
    const struct backup_options *options = backup->options;
    struct scan scan = {
        .backup = backup, .parent_is_over = options->parent == NULL, .racy_ns = RACY_NS_LOCAL * NS_PER_S};
    int rc = scanner_open(&scan.scanner, backup, err);
    if (rc == 0)
        rc = block_reader_new(options->objects, 8, &scan.blocks, err);
    if (rc == 0 && options->parent != NULL)
        rc = manifest_reader_new(options->parent, true, block_reader_fetch, scan.blocks, &scan.parent, err);
    bool several = options->source_count > 1;
    for (size_t i = 0; rc == 0 && i < (several ? 2 : 1) * options->source_count; i++) {
        const struct backup_source *source = &options->sources[i % options->source_count];
        enum part part = !several ? PART_ALL : i < options->source_count ? PART_ROOT : PART_BELOW;
        if ((rc = scan_source(&scan, source, part, err)) != 0)
            (void)error_wrap(err, "source %s", source->name);
    }
    /* What was read before a failure is stored: the next run finds it. */
    struct error why = {0};
    if (scanner_flush(&scan.scanner, rc == 0 ? err : &why) != 0)
        rc = -1;
    manifest_reader_free(scan.parent);
    block_reader_free(scan.blocks);
    first_names_free(&scan.names);
    scanner_close(&scan.scanner);
    return rc;
}
