/*
 * An archive of any format and compression that libarchive reads, as entries
 * below the source's name. An archive is hostile input: names are taken apart
 * into components and refused when a snapshot could not hold them.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/batch.h"
#include "pipeline/chunk.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARCHIVE_BLOCK = 256 << 10, ACL_VERSION = 2, ACL_HEAD_SIZE = 4, ACL_ROW_SIZE = 8 };

struct archive_scan {
    struct scanner *scanner;
    const struct backup_source *source;
    struct archive *archive;
    struct buf dir;  /* of the current entry */
    struct buf link; /* of a hard link */
    struct xattr *xattrs;
    struct buf acl[2];
    /* The stretch of data that libarchive gave last. */
    const uint8_t *data;
    size_t data_size;
    int64_t data_offset;
    int64_t position;
    bool data_is_over;
    bool broken; /* it cannot be read on */
    uint64_t kept;
};

static int archive_failed(struct archive_scan *scan, struct error *err)
{
    const char *text = archive_error_string(scan->archive);
    scan->broken = true;
    (void)error_set(err, ERROR_SOURCE, "read the archive %s: %s", scan->source->path,
                    text != NULL ? text : "unknown error");
    return error_hint(err, "is it whole, and an archive of a format that `hikae import --help` names?");
}

/* "./a//b/../c" is refused, "./a//b" is a/b: append the source's name and the components to out. */
static int clean_path(struct archive_scan *scan, const char *path, struct buf *out, struct error *err)
{
    out->size = 0;
    if (buf_append(out, scan->source->name, strlen(scan->source->name), err) != 0)
        return -1;
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        struct bytes component = {(const uint8_t *)path, size};
        if (size > 0 && !(size == 1 && path[0] == '.')) {
            if (!entry_name_is_valid(&component))
                return error_set(err, ERROR_SOURCE, "the name '%.200s' cannot be in a snapshot", path);
            if (out->size + 1 + size > ENTRY_PATH_MAX)
                return error_set(err, ERROR_SOURCE, "its path is longer than a snapshot can hold");
            if (buf_u8(out, '/', err) != 0 || buf_append(out, path, size, err) != 0)
                return -1;
        }
        path += size + (path[size] == '/');
    }
    return 0;
}

static void warn(struct archive_scan *scan, const char *path, const struct error *why)
{
    const struct backup_options *options = scan->scanner->backup->options;
    atomic_fetch_add(&scan->scanner->backup->counters->errors, 1);
    struct bytes bytes = bytes_of(path != NULL ? path : "?");
    if (options->warn != NULL)
        options->warn(&bytes, why, options->warn_context);
}

/* A stretch of content, up to a hole that is worth recording; shorter ones are filled with zeros. */
static ssize_t pull_data(void *out, size_t size, void *context, struct error *err)
{
    struct archive_scan *scan = context;
    while (!scan->data_is_over && scan->data_size == 0) {
        const void *data;
        la_int64_t offset;
        int rc = archive_read_data_block(scan->archive, &data, &scan->data_size, &offset);
        if (rc == ARCHIVE_EOF)
            scan->data_is_over = true;
        else if (rc < ARCHIVE_WARN)
            return archive_failed(scan, err);
        else {
            scan->data = data;
            scan->data_offset = offset;
        }
    }
    if (scan->data_is_over || scan->data_offset - scan->position >= CHUNK_ZERO_RUN_MIN)
        return 0;
    size_t n = size;
    if (scan->data_offset > scan->position) {
        if ((int64_t)n > scan->data_offset - scan->position)
            n = (size_t)(scan->data_offset - scan->position);
        memset(out, 0, n);
    } else {
        if (n > scan->data_size)
            n = scan->data_size;
        memcpy(out, scan->data, n);
        scan->data += n;
        scan->data_size -= n;
        scan->data_offset += (int64_t)n;
    }
    scan->position += (int64_t)n;
    return (ssize_t)n;
}

static int take_content(struct archive_scan *scan, struct archive_entry *from, uint64_t *ret_size, struct error *err)
{
    uint64_t size = 0, part;
    scan->data_size = 0;
    scan->data_offset = scan->position = 0;
    scan->data_is_over = false;
    for (;;) {
        if (scanner_stream(scan->scanner, pull_data, scan, &part, err) != 0)
            return -1;
        size += part;
        if (scan->data_is_over)
            break;
        part = (uint64_t)(scan->data_offset - scan->position);
        if (scanner_extent(scan->scanner, EXTENT_HOLE, part, err) != 0)
            return -1;
        scan->position = scan->data_offset;
        size += part;
    }
    *ret_size = size;
    if (!archive_entry_size_is_set(from) || archive_entry_size(from) <= (int64_t)size)
        return 0;
    *ret_size = (uint64_t)archive_entry_size(from); /* a hole at the end */
    return scanner_extent(scan->scanner, EXTENT_HOLE, *ret_size - size, err);
}

static enum entry_type type_of(struct archive_entry *from)
{
    if (archive_entry_hardlink(from) != NULL)
        return ENTRY_HARDLINK;
    switch (archive_entry_filetype(from)) {
    case AE_IFDIR:
        return ENTRY_DIRECTORY;
    case AE_IFLNK:
        return ENTRY_SYMLINK;
    case AE_IFCHR:
        return ENTRY_CHARACTER_DEVICE;
    case AE_IFBLK:
        return ENTRY_BLOCK_DEVICE;
    case AE_IFIFO:
        return ENTRY_FIFO;
    case AE_IFSOCK:
        return ENTRY_SOCKET;
    default:
        return ENTRY_FILE;
    }
}

static int compare_xattrs(const void *a, const void *b)
{
    const struct bytes *x = &((const struct xattr *)a)->name, *y = &((const struct xattr *)b)->name;
    int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* The kernel wants the entries of an ACL by tag, then by id. */
static int compare_acl(const void *a, const void *b)
{
    uint32_t x = get_u16(a), y = get_u16(b);
    if (x == y) {
        x = get_u32((const uint8_t *)a + 4);
        y = get_u32((const uint8_t *)b + 4);
    }
    return (x > y) - (x < y);
}

/* The kernel's form of a POSIX ACL (linux/posix_acl_xattr.h): version 2, then tag, permissions, id of each entry. */
static int acl_to_xattr(struct archive_entry *from, int type, struct buf *out, struct error *err)
{
    static const struct {
        int ours;
        uint16_t tag;
    } tags[] = {{ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01}, {ARCHIVE_ENTRY_ACL_USER, 0x02}, {ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04},
                {ARCHIVE_ENTRY_ACL_GROUP, 0x08},    {ARCHIVE_ENTRY_ACL_MASK, 0x10}, {ARCHIVE_ENTRY_ACL_OTHER, 0x20}};
    int entry_type, permset, tag, qual;
    const char *name;
    out->size = 0;
    if ((archive_entry_acl_types(from) & type) == 0 || archive_entry_acl_reset(from, type) == 0)
        return 0;
    if (buf_u32(out, ACL_VERSION, err) != 0)
        return -1;
    while (archive_entry_acl_next(from, type, &entry_type, &permset, &tag, &qual, &name) == ARCHIVE_OK) {
        bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
            if (tags[i].ours == tag &&
                (buf_u16(out, tags[i].tag, err) != 0 || buf_u16(out, (uint16_t)(permset & 7), err) != 0 ||
                 buf_u32(out, named ? (uint32_t)qual : UINT32_MAX, err) != 0))
                return -1;
    }
    qsort(out->data + ACL_HEAD_SIZE, (out->size - ACL_HEAD_SIZE) / ACL_ROW_SIZE, ACL_ROW_SIZE, compare_acl);
    return 0;
}

/* One that no snapshot can hold is told of, and the entry taken without it. */
static void take_xattr(struct archive_scan *scan, struct archive_entry *from, const char *name, struct bytes value,
                       struct entry *entry)
{
    struct bytes text = bytes_of(name);
    struct error why;
    if (text.size > 0 && text.size <= ENTRY_XATTR_NAME_MAX && value.size <= ENTRY_XATTR_MAX) {
        scan->xattrs[entry->xattr_count++] = (struct xattr){.name = text, .value = value};
        return;
    }
    (void)error_set(&why, ERROR_SOURCE, "left out an extended attribute that is longer than a snapshot can hold");
    warn(scan, archive_entry_pathname(from), &why);
}

static int take_acls(struct archive_scan *scan, struct archive_entry *from, struct entry *entry, struct error *err)
{
    static const struct {
        int type;
        const char *name;
    } acls[2] = {{ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"},
                 {ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"}};
    for (size_t i = 0; i < 2; i++) {
        struct buf *acl = &scan->acl[i];
        if (acl_to_xattr(from, acls[i].type, acl, err) != 0)
            return -1;
        if (acl->size > ACL_HEAD_SIZE)
            take_xattr(scan, from, acls[i].name, (struct bytes){acl->data, acl->size}, entry);
    }
    return 0;
}

static int take_xattrs(struct archive_scan *scan, struct archive_entry *from, struct entry *entry, struct error *err)
{
    size_t count = (size_t)archive_entry_xattr_reset(from);
    if (count > ENTRY_XATTR_COUNT_MAX - 2)
        return error_set(err, ERROR_SOURCE, "too many extended attributes");
    struct xattr *xattrs = mem_realloc(scan->xattrs, (count + 2) * sizeof(*xattrs));
    if (xattrs == NULL)
        return error_no_memory(err);
    scan->xattrs = xattrs;
    const char *name;
    const void *value;
    size_t size;
    while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK && entry->xattr_count < count)
        if (strncmp(name, "system.posix_acl_", 17) != 0)
            take_xattr(scan, from, name, (struct bytes){value, size}, entry);
    if (take_acls(scan, from, entry, err) != 0)
        return -1;
    qsort(xattrs, entry->xattr_count, sizeof(*xattrs), compare_xattrs);
    /* Archives may state an attribute in two notations. */
    size_t kept = 0;
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (kept == 0 || !bytes_equal(&xattrs[kept - 1].name, &xattrs[i].name))
            xattrs[kept++] = xattrs[i];
    entry->xattr_count = kept;
    entry->xattrs = xattrs;
    return 0;
}

static struct bytes text_or_nothing(const char *text)
{
    return text != NULL ? bytes_of(text) : (struct bytes){0};
}

/* The name of a user or group, unless it is longer than any is: the number stays. */
static struct bytes owner_name(const char *text)
{
    struct bytes name = text_or_nothing(text);
    return name.size <= ENTRY_OWNER_NAME_MAX ? name : (struct bytes){0};
}

/* Where it lies, and where it leads to. */
static int take_place(struct archive_scan *scan, struct archive_entry *from, struct entry *entry, struct error *err)
{
    const char *path = archive_entry_pathname(from);
    if (path == NULL)
        return error_set(err, ERROR_SOURCE, "an entry without a name");
    if (clean_path(scan, path, &scan->dir, err) != 0)
        return -1;
    struct bytes whole = {scan->dir.data, scan->dir.size};
    entry_path_split(&whole, &entry->dir, &entry->name);
    if (entry->type == ENTRY_HARDLINK) {
        if (clean_path(scan, archive_entry_hardlink(from), &scan->link, err) != 0)
            return -1;
        entry->link = (struct bytes){scan->link.data, scan->link.size};
    } else if (entry->type == ENTRY_SYMLINK) {
        entry->link = text_or_nothing(archive_entry_symlink(from));
        if (entry->link.size == 0)
            return error_set(err, ERROR_SOURCE, "a symbolic link that leads nowhere");
        if (entry->link.size > ENTRY_LINK_MAX)
            return error_set(err, ERROR_SOURCE, "a symbolic link that is longer than a snapshot can hold");
    }
    return 0;
}

static int take_entry(struct archive_scan *scan, struct archive_entry *from, struct error *err)
{
    struct entry entry = {.type = type_of(from),
                          .mode = archive_entry_perm(from) & 07777,
                          .uid = (uint32_t)archive_entry_uid(from),
                          .gid = (uint32_t)archive_entry_gid(from),
                          .user = owner_name(archive_entry_uname(from)),
                          .group = owner_name(archive_entry_gname(from)),
                          .mtime_s = archive_entry_mtime(from),
                          .mtime_ns = (uint32_t)archive_entry_mtime_nsec(from),
                          .racy = true};
    if (entry.type == ENTRY_CHARACTER_DEVICE || entry.type == ENTRY_BLOCK_DEVICE) {
        entry.device_major = (uint32_t)archive_entry_rdevmajor(from);
        entry.device_minor = (uint32_t)archive_entry_rdevminor(from);
    }
    unsigned long flags = 0, cleared = 0;
    archive_entry_fflags(from, &flags, &cleared);
    entry.file_flags = (uint32_t)flags;
    if (take_place(scan, from, &entry, err) != 0 || take_xattrs(scan, from, &entry, err) != 0 ||
        (entry.type == ENTRY_FILE && take_content(scan, from, &entry.size, err) != 0))
        return -1;
    scan->kept++;
    return scanner_entry_later(scan->scanner, &entry, err);
}

static int take_all(struct archive_scan *scan, struct error *err)
{
    struct archive_entry *from;
    int rc;
    while ((rc = archive_read_next_header(scan->archive, &from)) != ARCHIVE_EOF) {
        if (rc < ARCHIVE_WARN)
            return archive_failed(scan, err);
        struct error why = {0};
        if (take_entry(scan, from, &why) == 0)
            continue;
        /* An entry that no snapshot can hold is left out; an archive that cannot be read on is a failure. */
        if (why.class != ERROR_SOURCE || scan->broken) {
            *err = why;
            return -1;
        }
        warn(scan, archive_entry_pathname(from), &why);
        if (scanner_restart(scan->scanner, err) != 0)
            return -1;
    }
    if (scan->kept > 0)
        return scanner_sort(scan->scanner, err);
    (void)error_set(err, ERROR_SOURCE, "there is nothing in the archive %s that a snapshot could hold",
                    scan->source->path);
    return error_hint(err, "no snapshot was made: was it written to its end?");
}

/* "-" is standard input. A file is opened here, because libarchive would not say why it cannot be. */
static int open_archive(struct archive_scan *scan, int *ret_fd, struct error *err)
{
    const char *path = scan->source->path;
    bool input = strcmp(path, "-") == 0;
    if (!input && (*ret_fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return error_set_errno(err, ERROR_SOURCE, errno, "open the archive %s", path);
    if (archive_read_open_fd(scan->archive, input ? STDIN_FILENO : *ret_fd, ARCHIVE_BLOCK) == ARCHIVE_OK)
        return 0;
    return archive_failed(scan, err);
}

int scan_archive(struct scanner *scanner, const struct backup_source *source, struct error *err)
{
    struct archive_scan scan = {.scanner = scanner, .source = source, .archive = archive_read_new()};
    if (scan.archive == NULL)
        return error_no_memory(err);
    (void)archive_read_support_filter_all(scan.archive);
    (void)archive_read_support_format_all(scan.archive);
    CLEANUP_FD int fd = -1;
    int rc = open_archive(&scan, &fd, err);
    if (rc == 0)
        rc = take_all(&scan, err);
    (void)archive_read_free(scan.archive);
    mem_free(scan.xattrs);
    buf_free(&scan.acl[0]);
    buf_free(&scan.acl[1]);
    buf_free(&scan.dir);
    buf_free(&scan.link);
    return rc;
}
