/* Looking into snapshots: ls, find, diff, cat. */
#include "ops/look.h"

#include "base/mem.h"
#include "ops/audit.h"
#include "ops/erasure.h"
#include "pipeline/exclude.h"
#include "pipeline/select.h"

int view_open(struct hikae *hikae, const char *tenant, const struct hikae_which *which, struct view *ret,
              struct error *err)
{
    *ret = (struct view){0};
    if (session_open(hikae, tenant, SESSION_INDEX, &ret->session, err) != 0)
        return -1;
    if (session_snapshot(&ret->session, which, &ret->snapshot, err) != 0 ||
        session_sync(&ret->session, ret->snapshot, err) != 0 ||
        block_reader_new(&ret->session.objects, 16, &ret->blocks, err) != 0) {
        view_close(ret);
        return -1;
    }
    return 0;
}

void view_close(struct view *view)
{
    block_reader_free(view->blocks);
    buf_free(&view->path);
    buf_free(&view->texts);
    session_close(&view->session);
}

int view_manifest(struct view *view, const struct history_snapshot *snapshot, struct manifest_reader **ret,
                  struct error *err)
{
    return manifest_reader_new(&snapshot->root, true, block_reader_fetch, view->blocks, ret, err);
}

static int append_text(struct buf *out, const struct bytes *bytes, struct error *err)
{
    return buf_append(out, bytes->data, bytes->size, err) != 0 ? -1 : buf_u8(out, 0, err);
}

int view_path(const struct entry *entry, struct buf *out, struct error *err)
{
    out->size = 0;
    if (entry->dir.size > 0 &&
        (buf_append(out, entry->dir.data, entry->dir.size, err) != 0 || buf_u8(out, '/', err) != 0))
        return -1;
    return append_text(out, &entry->name, err);
}

int view_show(struct view *view, const struct entry *entry, char change, hikae_entry_callback *callback, void *context,
              struct error *err)
{
    static const char types[] = {'?', 'f', 'd', 'l', 'h', 'c', 'b', 'p', 's'};
    view->texts.size = 0;
    if (view_path(entry, &view->path, err) != 0 || append_text(&view->texts, &entry->user, err) != 0)
        return -1;
    size_t group = view->texts.size;
    if (append_text(&view->texts, &entry->group, err) != 0)
        return -1;
    size_t link = view->texts.size;
    if (append_text(&view->texts, &entry->link, err) != 0)
        return -1;
    const char *texts = (const char *)view->texts.data;
    struct hikae_entry shown = {.path = (const char *)view->path.data,
                                .type = types[entry->type < sizeof(types) ? entry->type : 0],
                                .mode = entry->mode,
                                .uid = entry->uid,
                                .gid = entry->gid,
                                .user = texts,
                                .group = texts + group,
                                .size = entry->size,
                                .mtime_ns = entry->mtime_s * 1000000000 + entry->mtime_ns,
                                .link = entry->link.size > 0 ? texts + link : NULL,
                                .unreadable = entry->unreadable,
                                .change = change};
    if (callback(&shown, context) != 0)
        return error_set(err, ERROR_INTERRUPTED, "the listing was ended");
    return 0;
}

int view_cancelled(const struct view *view, struct error *err)
{
    return cancel_check(&view->session.hikae->cancel, err);
}

static int not_found(const char *path, struct error *err)
{
    (void)error_set(err, ERROR_NOT_FOUND, "'%s' is not in the snapshot", path);
    return error_hint(err, "paths begin with the name of a source; `hikae ls TENANT` shows them");
}

/* A path without leading, trailing and double slashes. */
static int clean(const char *path, struct buf *out, struct error *err)
{
    out->size = 0;
    for (const char *p = path != NULL ? path : ""; *p != '\0'; p++)
        if ((*p != '/' || (out->size > 0 && p[1] != '/' && p[1] != '\0')) && buf_u8(out, (uint8_t)*p, err) != 0)
            return -1;
    return buf_reserve(out, 1, err);
}

/* ---- ls ---- */

static bool is_below(const struct bytes *dir, const struct bytes *folder, bool recursive)
{
    if (folder->size == 0)
        return recursive || dir->size == 0;
    if (dir->size < folder->size || memcmp(dir->data, folder->data, folder->size) != 0)
        return false;
    return dir->size == folder->size || (recursive && dir->data[folder->size] == '/');
}

static int list(struct view *view, const char *path, bool recursive, hikae_entry_callback *callback, void *context,
                struct error *err)
{
    struct manifest_reader *reader = NULL;
    CLEANUP(buf_free) struct buf cleaned = {0};
    const struct entry *entry;
    if (clean(path, &cleaned, err) != 0 || view_manifest(view, view->snapshot, &reader, err) != 0)
        return -1;
    struct bytes folder = {cleaned.data, cleaned.size}, none = {0};
    int rc = 1;
    bool is_folder = true;
    if (folder.size > 0) {
        rc = manifest_reader_find(reader, &folder, &entry, err);
        if (rc == 0)
            rc = not_found(path, err);
        is_folder = rc > 0 && entry->type == ENTRY_DIRECTORY;
        if (rc > 0 && !is_folder)
            rc = view_show(view, entry, 0, callback, context, err);
    }
    if (rc > 0 && is_folder) {
        rc = manifest_reader_seek(reader, &folder, &none, err);
        while (rc == 0 && (rc = manifest_reader_next(reader, &entry, err)) > 0 &&
               is_below(&entry->dir, &folder, recursive)) {
            rc = view_show(view, entry, 0, callback, context, err);
            if (rc == 0)
                rc = view_cancelled(view, err);
        }
    }
    manifest_reader_free(reader);
    return rc < 0 ? -1 : 0;
}

enum hikae_status hikae_ls(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                           bool recursive, hikae_entry_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct view view;
    if (engine_audit_begin(hikae, OPERATION_LS, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = view_open(hikae, tenant, which, &view, &err);
    if (rc == 0) {
        rc = list(&view, path, recursive, callback, context, &err);
        view_close(&view);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- find ---- */

static int find(struct view *view, const char *pattern, hikae_entry_callback *callback, void *context,
                struct error *err)
{
    struct manifest_reader *reader;
    const struct entry *entry;
    CLEANUP(buf_free) struct buf path = {0};
    struct exclude *exclude = NULL;
    /* Nothing is negated or a comment here. */
    CLEANUP_FREE char *escaped = mem_printf("%s%s", *pattern == '!' || *pattern == '#' ? "\\" : "", pattern);
    if (escaped == NULL)
        return error_no_memory(err);
    const char *one = escaped;
    if (exclude_new(&one, 1, &exclude, err) != 0)
        return -1;
    int rc = view_manifest(view, view->snapshot, &reader, err);
    if (rc != 0) {
        exclude_free(exclude);
        return -1;
    }
    while ((rc = manifest_reader_next(reader, &entry, err)) > 0) {
        if ((rc = view_cancelled(view, err)) != 0 || (rc = view_path(entry, &path, err)) != 0)
            break;
        const struct bytes whole = {path.data, strlen((const char *)path.data)};
        if (exclude_matches(exclude, &whole, entry->type == ENTRY_DIRECTORY) &&
            (rc = view_show(view, entry, 0, callback, context, err)) != 0)
            break;
    }
    manifest_reader_free(reader);
    exclude_free(exclude);
    return rc;
}

enum hikae_status hikae_find(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                             const char *pattern, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct view view;
    if (engine_audit_begin(hikae, OPERATION_FIND, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = view_open(hikae, tenant, which, &view, &err);
    if (rc == 0) {
        rc = find(&view, pattern, callback, context, &err);
        view_close(&view);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- diff ---- */

static bool same_content(const struct content *a, const struct content *b)
{
    if (a->in_tree != b->in_tree || a->extent_count != b->extent_count)
        return false;
    if (a->in_tree)
        return blob_id_equal(&a->root, &b->root);
    for (size_t i = 0; i < a->extent_count; i++)
        if (a->extents[i].kind != b->extents[i].kind || a->extents[i].size != b->extents[i].size ||
            (a->extents[i].kind == EXTENT_DATA && !blob_id_equal(&a->extents[i].id, &b->extents[i].id)))
            return false;
    return true;
}

static bool same_xattrs(const struct entry *a, const struct entry *b)
{
    if (a->xattr_count != b->xattr_count)
        return false;
    for (size_t i = 0; i < a->xattr_count; i++) {
        const struct xattr *x = &a->xattrs[i], *y = &b->xattrs[i];
        if (!bytes_equal(&x->name, &y->name) || x->in_blob != y->in_blob ||
            (x->in_blob ? !blob_id_equal(&x->blob, &y->blob) : !bytes_equal(&x->value, &y->value)))
            return false;
    }
    return true;
}

/* What became of an entry: 'T' another type, 'M' other content, 'm' other metadata, 0 nothing. */
static char change_of(const struct entry *from, const struct entry *to)
{
    if (from->type != to->type)
        return 'T';
    if (from->size != to->size || from->unreadable != to->unreadable || !same_content(&from->content, &to->content) ||
        !bytes_equal(&from->link, &to->link))
        return 'M';
    bool same = from->mode == to->mode && from->uid == to->uid && from->gid == to->gid &&
                from->mtime_s == to->mtime_s && from->mtime_ns == to->mtime_ns && from->file_flags == to->file_flags &&
                from->device_major == to->device_major && from->device_minor == to->device_minor &&
                same_xattrs(from, to);
    return same ? 0 : 'm';
}

static int compare(struct view *view, struct manifest_reader *from, struct manifest_reader *to,
                   hikae_entry_callback *callback, void *context, struct error *err)
{
    const struct entry *a = NULL, *b = NULL;
    int more_a = manifest_reader_next(from, &a, err);
    int more_b = more_a < 0 ? -1 : manifest_reader_next(to, &b, err);
    while (more_a > 0 || more_b > 0) {
        if (more_a < 0 || more_b < 0 || view_cancelled(view, err) != 0)
            return -1;
        int order = more_a == 0 ? 1 : more_b == 0 ? -1 : entry_path_compare(&a->dir, &a->name, &b->dir, &b->name);
        char change = order < 0 ? '-' : order > 0 ? '+' : change_of(a, b);
        if (change != 0 && view_show(view, order < 0 ? a : b, change, callback, context, err) != 0)
            return -1;
        if (order <= 0)
            more_a = manifest_reader_next(from, &a, err);
        if (order >= 0 && more_a >= 0)
            more_b = manifest_reader_next(to, &b, err);
    }
    return more_a < 0 || more_b < 0 ? -1 : 0;
}

static int diff(struct view *view, const struct hikae_which *which, hikae_entry_callback *callback, void *context,
                struct error *err)
{
    const struct history_snapshot *to;
    struct manifest_reader *a = NULL, *b = NULL;
    struct block_reader *blocks = NULL; /* a cache of its own for the second side */
    int rc = session_snapshot(&view->session, which, &to, err);
    if (rc == 0)
        rc = session_sync(&view->session, to, err);
    if (rc == 0)
        rc = block_reader_new(&view->session.objects, 16, &blocks, err);
    if (rc == 0)
        rc = view_manifest(view, view->snapshot, &a, err);
    if (rc == 0)
        rc = manifest_reader_new(&to->root, true, block_reader_fetch, blocks, &b, err);
    if (rc == 0)
        rc = compare(view, a, b, callback, context, err);
    manifest_reader_free(a);
    manifest_reader_free(b);
    block_reader_free(blocks);
    return rc;
}

enum hikae_status hikae_diff(struct hikae *hikae, const char *tenant, const struct hikae_which *from,
                             const struct hikae_which *to, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct view view;
    if (engine_audit_begin(hikae, OPERATION_DIFF, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = view_open(hikae, tenant, from, &view, &err);
    if (rc == 0) {
        rc = diff(&view, to, callback, context, &err);
        view_close(&view);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- cat ---- */

static int write_zeros(uint64_t size, view_write *write, void *context, struct error *err)
{
    static const uint8_t zeros[64 << 10];
    while (size > 0) {
        size_t part = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);
        if (write(zeros, part, context, err) != 0)
            return -1;
        size -= part;
    }
    return 0;
}

int view_content(struct view *view, const struct entry *entry, view_write *write, void *context, struct error *err)
{
    struct extent_reader *extents;
    struct extent extent;
    CLEANUP(buf_free) struct buf blob = {0};
    int rc;
    if (entry->unreadable)
        return error_set(err, ERROR_DAMAGED, "its content could not be read when the snapshot was made");
    if (extent_reader_new(&entry->content, entry->size, block_reader_fetch, view->blocks, &extents, err) != 0)
        return -1;
    while ((rc = extent_reader_next(extents, &extent, err)) > 0) {
        if (extent.kind != EXTENT_DATA)
            rc = write_zeros(extent.size, write, context, err);
        else if ((rc = block_reader_fetch(BLOB_CONTENT, &extent.id, &blob, view->blocks, err)) == 0)
            rc = blob.size == extent.size ? write(blob.data, blob.size, context, err)
                                          : error_set(err, ERROR_DAMAGED, "a blob is not as long as the snapshot says");
        if (rc != 0 || (rc = view_cancelled(view, err)) != 0)
            break;
    }
    extent_reader_free(extents);
    return rc;
}

struct output {
    hikae_write_callback *callback;
    void *context;
};

static int write_out(const void *bytes, size_t size, void *context, struct error *err)
{
    const struct output *output = context;
    if (output->callback(bytes, size, output->context) != 0)
        return error_set(err, ERROR_INTERRUPTED, "the output was ended");
    return 0;
}

static int cat(struct view *view, const char *path, struct output *output, struct error *err)
{
    struct manifest_reader *reader;
    const struct entry *entry;
    CLEANUP(buf_free) struct buf cleaned = {0};
    CLEANUP(erasure_clear) struct erasure_list erased = {0};
    if (clean(path, &cleaned, err) != 0 || erasure_load(&view->session, &erased, err) != 0 ||
        view_manifest(view, view->snapshot, &reader, err) != 0)
        return -1;
    struct bytes bytes = {cleaned.data, cleaned.size};
    int rc = 1;
    /* A hard link leads to the first name, which is a file. */
    for (int hops = 0; rc > 0 && hops < 2; hops++) {
        rc = manifest_reader_find(reader, &bytes, &entry, err);
        if (rc == 0)
            rc = not_found(path, err);
        if (rc > 0 && selection_omits(erased.selection, entry))
            rc = error_set(err, ERROR_REFUSED, "'%s' is in the erasure register of the tenant", path);
        if (rc > 0 && entry->type != ENTRY_HARDLINK)
            break;
        if (rc > 0) {
            cleaned.size = 0;
            if (buf_append(&cleaned, entry->link.data, entry->link.size, err) != 0)
                rc = -1;
            bytes = (struct bytes){cleaned.data, cleaned.size};
        }
    }
    if (rc > 0 && entry->type == ENTRY_FILE) {
        rc = view_content(view, entry, write_out, output, err);
    } else if (rc > 0) {
        (void)error_set(err, ERROR_USAGE, "'%s' is no file", path);
        rc = error_hint(err, "`hikae ls TENANT PATH` lists a folder");
    }
    manifest_reader_free(reader);
    return rc;
}

enum hikae_status hikae_cat(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                            hikae_write_callback *callback, void *context, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct output output = {callback, context};
    struct view view;
    if (engine_audit_begin(hikae, OPERATION_CAT, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = view_open(hikae, tenant, which, &view, &err);
    if (rc == 0) {
        rc = cat(&view, path, &output, &err);
        view_close(&view);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
