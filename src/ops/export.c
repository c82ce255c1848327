/* Exporting a snapshot as an archive that other tools read, through libarchive. */
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/erasure.h"
#include "ops/look.h"
#include "pipeline/select.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct export
{
    struct view *view;
    struct archive *archive;
    struct archive_entry *out;
    struct selection *paths; /* NULL: everything */
    hikae_write_callback *callback;
    void *context;
    bool ended; /* the reader of our output went away */
    uint64_t entries;
    uint64_t omitted;              /* by the erasure register */
    uint64_t incomplete;           /* what the format could not hold, in part or at all */
    bool keeps_links;              /* the format has hard links */
    struct manifest_reader *files; /* finds what hard links lead to, where it has none */
    struct erasure_list erased;
    struct buf text;
    struct buf blob;
};

static la_ssize_t write_archive(struct archive *archive, void *context, const void *bytes, size_t size)
{
    struct export *export = context;
    if (export->callback(bytes, size, export->context) == 0)
        return (la_ssize_t)size;
    export->ended = true;
    archive_set_error(archive, EINTR, "the output was ended");
    return -1;
}

static int failed(struct export *export, const char *what, struct error *err)
{
    if (export->ended)
        return error_set(err, ERROR_INTERRUPTED, "the output was ended");
    const char *text = archive_error_string(export->archive);
    return error_set(err, ERROR_LOCAL, "%s: %s", what, text != NULL ? text : "unknown error");
}

static const char *text_of(struct export *export, const struct bytes *bytes, struct error *err)
{
    export->text.size = 0;
    if (buf_append(&export->text, bytes->data, bytes->size, err) != 0 || buf_u8(&export->text, 0, err) != 0)
        return NULL;
    return (const char *)export->text.data;
}

/* Is it UTF-8 (RFC 3629)? Archives say so of their names; other names go as the bytes that they are. */
static bool is_utf8(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p != 0) {
        unsigned more = *p < 0x80                 ? 0
                        : *p >= 0xc2 && *p < 0xe0 ? 1
                        : *p >= 0xe0 && *p < 0xf0 ? 2
                        : *p >= 0xf0 && *p < 0xf5 ? 3
                                                  : 4;
        bool bad = more == 4 || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                   (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
        for (p++; !bad && more > 0; more--, p++)
            bad = (*p & 0xc0) != 0x80;
        if (bad)
            return false;
    }
    return true;
}

/* Give libarchive a text in the form that does not depend on the locale, where it has one. */
static void put_text(struct archive_entry *out, const char *text,
                     void (*put)(struct archive_entry *out, const char *text),
                     void (*put_utf8)(struct archive_entry *out, const char *text))
{
    (is_utf8(text) ? put_utf8 : put)(out, text);
}

/* POSIX ACLs go as ACLs, in the form that archives have for them; all else as it is. */
static void put_acl(struct archive_entry *out, int type, const struct bytes *value)
{
    static const struct {
        uint16_t tag;
        int theirs;
    } tags[] = {{0x01, ARCHIVE_ENTRY_ACL_USER_OBJ}, {0x02, ARCHIVE_ENTRY_ACL_USER}, {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ},
                {0x08, ARCHIVE_ENTRY_ACL_GROUP},    {0x10, ARCHIVE_ENTRY_ACL_MASK}, {0x20, ARCHIVE_ENTRY_ACL_OTHER}};
    struct cursor c = cursor_of(value->data, value->size);
    if (cursor_u32(&c) != 2)
        return;
    while (c.left >= 8) {
        uint16_t tag = cursor_u16(&c), permissions = cursor_u16(&c);
        uint32_t id = cursor_u32(&c);
        for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
            if (tags[i].tag == tag)
                (void)archive_entry_acl_add_entry(out, type, permissions & 7, tags[i].theirs, (int)id, NULL);
    }
}

static int put_xattrs(struct export *export, const struct entry *entry, struct error *err)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *xattr = &entry->xattrs[i];
        struct bytes value = xattr->value;
        if (xattr->in_blob) {
            if (block_reader_fetch(BLOB_XATTR, &xattr->blob, &export->blob, export->view->blocks, err) != 0)
                return -1;
            value = (struct bytes){export->blob.data, export->blob.size};
        }
        const char *name = text_of(export, &xattr->name, err);
        if (name == NULL)
            return -1;
        if (strcmp(name, "system.posix_acl_access") == 0)
            put_acl(export->out, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &value);
        else if (strcmp(name, "system.posix_acl_default") == 0)
            put_acl(export->out, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, &value);
        else
            archive_entry_xattr_add_entry(export->out, name, value.data, value.size);
    }
    return 0;
}

/* Holes of a file, as a sparse map: the stretches that hold data. */
static int put_sparse(struct export *export, const struct entry *entry, struct error *err)
{
    struct extent_reader *extents;
    struct extent extent;
    uint64_t at = 0, data = 0;
    bool holes = false;
    int rc;
    if (extent_reader_new(&entry->content, entry->size, block_reader_fetch, export->view->blocks, &extents, err) != 0)
        return -1;
    while ((rc = extent_reader_next(extents, &extent, err)) > 0) {
        if (extent.kind == EXTENT_HOLE) {
            if (at > data)
                archive_entry_sparse_add_entry(export->out, (la_int64_t)data, (la_int64_t)(at - data));
            data = at + extent.size;
            holes = true;
        }
        at += extent.size;
    }
    extent_reader_free(extents);
    if (rc == 0 && holes)
        archive_entry_sparse_add_entry(export->out, (la_int64_t)data, (la_int64_t)(at - data));
    return rc;
}

static mode_t file_type(enum entry_type type)
{
    static const mode_t types[] = {
        [ENTRY_FILE] = AE_IFREG,     [ENTRY_DIRECTORY] = AE_IFDIR,        [ENTRY_SYMLINK] = AE_IFLNK,
        [ENTRY_HARDLINK] = AE_IFREG, [ENTRY_CHARACTER_DEVICE] = AE_IFCHR, [ENTRY_BLOCK_DEVICE] = AE_IFBLK,
        [ENTRY_FIFO] = AE_IFIFO,     [ENTRY_SOCKET] = AE_IFSOCK};
    return types[type];
}

static int put_texts(struct export *export, const struct entry *entry, bool links, struct error *err)
{
    const char *text;
    if (view_path(entry, &export->text, err) != 0)
        return -1;
    put_text(export->out, (const char *)export->text.data, archive_entry_set_pathname, archive_entry_set_pathname_utf8);
    if (entry->user.size > 0) {
        if ((text = text_of(export, &entry->user, err)) == NULL)
            return -1;
        put_text(export->out, text, archive_entry_set_uname, archive_entry_set_uname_utf8);
    }
    if (entry->group.size > 0) {
        if ((text = text_of(export, &entry->group, err)) == NULL)
            return -1;
        put_text(export->out, text, archive_entry_set_gname, archive_entry_set_gname_utf8);
    }
    if (entry->link.size > 0) {
        if ((text = text_of(export, &entry->link, err)) == NULL)
            return -1;
        if (entry->type == ENTRY_HARDLINK && links)
            put_text(export->out, text, archive_entry_set_hardlink, archive_entry_set_hardlink_utf8);
        else if (entry->type == ENTRY_SYMLINK)
            put_text(export->out, text, archive_entry_set_symlink, archive_entry_set_symlink_utf8);
    }
    return 0;
}

static int write_content(const void *bytes, size_t size, void *context, struct error *err)
{
    struct export *export = context;
    const uint8_t *p = bytes;
    while (size > 0) {
        la_ssize_t n = archive_write_data(export->archive, p, size);
        if (n <= 0)
            return failed(export, "write the archive", err);
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

/*
 * The entry that has the content: of a hard link the file itself. *ret_links: that one is in the archive, which can
 * hold a link to it.
 */
static int content_of(struct export *export, const struct entry *entry, const struct entry **ret, bool *ret_links,
                      struct error *err)
{
    *ret = entry->type == ENTRY_FILE ? entry : NULL;
    *ret_links = false;
    if (entry->type != ENTRY_HARDLINK)
        return 0;
    if (export->files == NULL && view_manifest(export->view, export->view->snapshot, &export->files, err) != 0)
        return -1;
    int found = manifest_reader_find(export->files, &entry->link, ret, err);
    if (found == 0)
        return error_set(err, ERROR_DAMAGED, "the file of a hard link is not in the snapshot");
    if (found < 0)
        return -1;
    *ret_links = export->keeps_links && selection_has(export->paths, &(*ret)->dir, &(*ret)->name, false);
    return 0;
}

/* pax has a form for names that are not UTF-8, and libarchive warns of it all the same. */
static bool holds_odd_names(const struct export *export)
{
    int format = archive_format(export->archive);
    return format == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE || format == ARCHIVE_FORMAT_TAR_PAX_RESTRICTED;
}

static int has_odd_text(struct export *export, const struct entry *entry, struct error *err)
{
    const struct bytes texts[] = {entry->user, entry->group, entry->link};
    if (view_path(entry, &export->text, err) != 0)
        return -1;
    bool odd = !is_utf8((const char *)export->text.data);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !odd; i++) {
        const char *text = text_of(export, &texts[i], err);
        if (text == NULL)
            return -1;
        odd = !is_utf8(text);
    }
    return odd;
}

/* What is missing of an entry, or all of it, is told, and the rest goes on. */
static int tell_incomplete(struct export *export, const struct entry *entry, bool left_out, const char *why,
                           struct error *err)
{
    if (view_path(entry, &export->text, err) != 0)
        return -1;
    engine_warn(export->view->session.hikae,
                left_out ? "%s is left out of the archive: %s" : "%s is not whole in the archive: %s",
                (const char *)export->text.data, why);
    export->incomplete++;
    return 0;
}

static int export_entry(struct export *export, const struct entry *entry, struct error *err)
{
    const struct entry *file;
    bool links;
    if (content_of(export, entry, &file, &links, err) != 0)
        return -1;
    /* An empty file in its place would pass for what it was. */
    if (file != NULL && file->unreadable)
        return tell_incomplete(export, entry, true, "it could not be read when the snapshot was made", err);
    struct archive_entry *out = archive_entry_clear(export->out);
    archive_entry_set_mode(out, file_type(entry->type) | entry->mode);
    archive_entry_set_uid(out, entry->uid);
    archive_entry_set_gid(out, entry->gid);
    archive_entry_set_mtime(out, entry->mtime_s, (long)entry->mtime_ns);
    if (entry->file_flags != 0)
        archive_entry_set_fflags(out, entry->file_flags, 0);
    if (entry->type == ENTRY_CHARACTER_DEVICE || entry->type == ENTRY_BLOCK_DEVICE)
        archive_entry_set_rdev(out, makedev(entry->device_major, entry->device_minor));
    if (put_texts(export, entry, links, err) != 0 || put_xattrs(export, entry, err) != 0)
        return -1;
    bool has_content = file != NULL && !links && file->size > 0;
    archive_entry_set_size(out, has_content ? (la_int64_t)file->size : 0);
    if (has_content && put_sparse(export, file, err) != 0)
        return -1;
    int odd = 0, rc = archive_write_header(export->archive, out);
    if (rc == ARCHIVE_FATAL || (rc != ARCHIVE_OK && export->ended))
        return failed(export, "write the archive", err);
    if (rc == ARCHIVE_WARN && holds_odd_names(export) && (odd = has_odd_text(export, entry, err)) < 0)
        return -1;
    const char *why = archive_error_string(export->archive);
    if (rc != ARCHIVE_OK && odd == 0 &&
        tell_incomplete(export, entry, rc < ARCHIVE_WARN, why != NULL ? why : "its format cannot hold it", err) != 0)
        return -1;
    if (rc < ARCHIVE_WARN)
        return 0;
    export->entries++;
    return has_content ? view_content(export->view, file, write_content, export, err) : 0;
}

static int export_all(struct export *export, struct error *err)
{
    struct manifest_reader *reader;
    const struct entry *entry;
    int rc;
    if (view_manifest(export->view, export->view->snapshot, &reader, err) != 0)
        return -1;
    while ((rc = manifest_reader_next(reader, &entry, err)) > 0) {
        if ((rc = view_cancelled(export->view, err)) != 0)
            break;
        if (selection_omits(export->erased.selection, entry)) {
            export->omitted++;
            continue;
        }
        if (selection_has(export->paths, &entry->dir, &entry->name, entry->type == ENTRY_DIRECTORY) &&
            (rc = export_entry(export, entry, err)) != 0)
            break;
    }
    manifest_reader_free(reader);
    if (rc == 0 && export->entries == 0 && export->incomplete == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "nothing in the snapshot matches");
        rc = error_hint(err, "paths begin with the name of a source; `hikae ls TENANT` shows them");
    }
    return rc;
}

static int open_archive(struct export *export, const char *format, struct error *err)
{
    export->archive = archive_write_new();
    export->out = archive_entry_new();
    if (export->archive == NULL || export->out == NULL)
        return error_no_memory(err);
    if (archive_write_set_format_by_name(export->archive, format) != ARCHIVE_OK) {
        (void)error_set(err, ERROR_USAGE, "'%s' is no format of archives", format);
        return error_hint(err, "pax (the default, keeps everything), zip, 7zip, cpio, ustar, gnutar, …");
    }
    export->keeps_links = (archive_format(export->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
    (void)archive_write_set_bytes_in_last_block(export->archive, 1);
    if (archive_write_open(export->archive, export, NULL, write_archive, NULL) != ARCHIVE_OK)
        return failed(export, "begin the archive", err);
    return 0;
}

enum hikae_status hikae_export(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                               const char *const *paths, size_t path_count, const char *format,
                               hikae_write_callback *callback, void *context, uint64_t *ret_entries,
                               struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct view view;
    struct export export = {.view = &view, .callback = callback, .context = context};
    if (engine_audit_begin(hikae, OPERATION_EXPORT, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = view_open(hikae, tenant, which, &view, &err);
    if (rc == 0) {
        rc = erasure_load(&view.session, &export.erased, &err);
        if (rc == 0)
            rc = selection_new(paths, path_count, SELECTION_PATTERNS, &export.paths, &err);
        if (rc == 0)
            rc = open_archive(&export, format != NULL ? format : "pax", &err);
        if (rc == 0)
            rc = export_all(&export, &err);
        if (rc == 0 && archive_write_close(export.archive) != ARCHIVE_OK)
            rc = failed(&export, "finish the archive", &err);
        /* After a failure nothing more is written: a half archive must not look whole. */
        if (rc != 0 && export.archive != NULL)
            (void)archive_write_fail(export.archive);
        (void)archive_write_free(export.archive);
        archive_entry_free(export.out);
        manifest_reader_free(export.files);
        buf_free(&export.text);
        buf_free(&export.blob);
        selection_free(export.paths);
        erasure_clear(&export.erased);
        view_close(&view);
    }
    *ret_entries = export.entries;
    engine_audit_count(&audit, "entries", export.entries);
    engine_audit_count(&audit, "left_out", export.omitted);
    if (export.omitted > 0)
        engine_warn(hikae, "%llu entries are left out: the erasure register of the tenant names them",
                    (unsigned long long)export.omitted);
    return engine_audit_end(&audit, api_result(rc, export.incomplete > 0, &err, error));
}
