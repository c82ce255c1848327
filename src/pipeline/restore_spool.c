/*
 * The files that hold a restore's plan: entries one after the other, and lists
 * of their places. A form of our own, for our own eyes: they have no name and
 * end with the run.
 */
#include "base/file.h"
#include "base/mem.h"
#include "pipeline/restore_internal.h"

#include <errno.h>

enum { SPOOL_BUFFER = 256 << 10, WANTS_MEMORY = 24 << 20 };

static int spool_flush(struct entry_spool *spool, struct error *err)
{
    if (spool->pending.size > 0 && file_pwrite_full(spool->fd, spool->pending.data, spool->pending.size,
                                                    (int64_t)(spool->size - spool->pending.size)) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write the plan of the restore");
    spool->pending.size = 0;
    return 0;
}

static int spool_append(struct entry_spool *spool, const void *bytes, size_t size, struct error *err)
{
    if (spool->pending.size + size > SPOOL_BUFFER && spool_flush(spool, err) != 0)
        return -1;
    if (buf_append(&spool->pending, bytes, size, err) != 0)
        return -1;
    spool->size += size;
    return 0;
}

static int append_bytes(struct buf *out, const struct bytes *bytes, struct error *err)
{
    return buf_string(out, bytes->data, bytes->size, err);
}

/* An entry as a length and its fields: our own form, for our own eyes. */
static int encode_entry(const struct entry *e, uint64_t wants, uint8_t flags, struct buf *out, struct error *err)
{
    out->size = 0;
    if (buf_u32(out, 0, err) != 0 || buf_u64(out, wants, err) != 0 || buf_u8(out, (uint8_t)e->type, err) != 0 ||
        buf_u8(out, flags, err) != 0 || buf_u16(out, e->mode, err) != 0 || buf_u32(out, e->uid, err) != 0 ||
        buf_u32(out, e->gid, err) != 0 || buf_u32(out, e->file_flags, err) != 0 || buf_u64(out, e->size, err) != 0 ||
        buf_u64(out, (uint64_t)e->mtime_s, err) != 0 || buf_u32(out, e->mtime_ns, err) != 0 ||
        buf_u32(out, e->device_major, err) != 0 || buf_u32(out, e->device_minor, err) != 0 ||
        append_bytes(out, &e->dir, err) != 0 || append_bytes(out, &e->name, err) != 0 ||
        append_bytes(out, &e->user, err) != 0 || append_bytes(out, &e->group, err) != 0 ||
        append_bytes(out, &e->link, err) != 0 || buf_varint(out, e->xattr_count, err) != 0)
        return -1;
    for (size_t i = 0; i < e->xattr_count; i++) {
        const struct xattr *x = &e->xattrs[i];
        if (append_bytes(out, &x->name, err) != 0 || buf_u8(out, x->in_blob, err) != 0 ||
            (x->in_blob ? buf_append(out, x->blob.bytes, BLOB_ID_SIZE, err) : append_bytes(out, &x->value, err)) != 0)
            return -1;
    }
    put_u32(out->data, (uint32_t)(out->size - 4));
    return 0;
}

static struct bytes read_bytes(struct cursor *c)
{
    struct bytes bytes;
    bytes.data = cursor_string(c, SIZE_MAX, &bytes.size);
    return bytes;
}

int spool_read(const struct entry_spool *spool, uint64_t offset, struct spooled *ret, struct error *err)
{
    uint8_t head[512];
    ssize_t n = file_pread_full(spool->fd, head, sizeof(head), (int64_t)offset);
    if (n < 4)
        return error_set_errno(err, ERROR_LOCAL, n < 0 ? errno : EIO, "read the plan of the restore");
    uint32_t size = get_u32(head);
    ret->bytes.size = 0;
    if (buf_reserve(&ret->bytes, size, err) != 0)
        return -1;
    if (size <= (size_t)n - 4)
        memcpy(ret->bytes.data, head + 4, size);
    else if (file_pread_full(spool->fd, ret->bytes.data, size, (int64_t)offset + 4) != (ssize_t)size)
        return error_set_errno(err, ERROR_LOCAL, errno, "read the plan of the restore");
    struct cursor c = cursor_of(ret->bytes.data, size);
    struct entry *e = &ret->entry;
    *e = (struct entry){0};
    ret->wants = cursor_u64(&c);
    e->type = cursor_u8(&c);
    uint8_t flags = cursor_u8(&c);
    ret->in_place = (flags & PLAN_IN_PLACE) != 0;
    ret->broken = (flags & PLAN_BROKEN) != 0;
    e->mode = cursor_u16(&c);
    e->uid = cursor_u32(&c);
    e->gid = cursor_u32(&c);
    e->file_flags = cursor_u32(&c);
    e->size = cursor_u64(&c);
    e->mtime_s = (int64_t)cursor_u64(&c);
    e->mtime_ns = cursor_u32(&c);
    e->device_major = cursor_u32(&c);
    e->device_minor = cursor_u32(&c);
    e->dir = read_bytes(&c);
    e->name = read_bytes(&c);
    e->user = read_bytes(&c);
    e->group = read_bytes(&c);
    e->link = read_bytes(&c);
    size_t count = (size_t)cursor_varint(&c);
    if (c.failed || count > ENTRY_XATTR_COUNT_MAX)
        return error_set(err, ERROR_INTERNAL, "the plan of the restore is damaged");
    if (count > 0) {
        struct xattr *xattrs = mem_realloc(ret->xattrs, count * sizeof(*xattrs));
        if (xattrs == NULL)
            return error_no_memory(err);
        ret->xattrs = xattrs;
    }
    for (size_t i = 0; i < count; i++) {
        struct xattr *x = &ret->xattrs[i];
        *x = (struct xattr){.name = read_bytes(&c)};
        x->in_blob = cursor_u8(&c) != 0;
        if (x->in_blob)
            cursor_copy(&c, x->blob.bytes, BLOB_ID_SIZE);
        else
            x->value = read_bytes(&c);
    }
    e->xattrs = ret->xattrs;
    e->xattr_count = count;
    return cursor_done(&c) ? 0 : error_set(err, ERROR_INTERNAL, "the plan of the restore is damaged");
}

void spooled_free(struct spooled *spooled)
{
    buf_free(&spooled->bytes);
    mem_free(spooled->xattrs);
    *spooled = (struct spooled){0};
}

int plan_offset(const struct entry_spool *list, uint64_t number, uint64_t *ret, struct error *err)
{
    uint8_t bytes[8];
    if (file_pread_full(list->fd, bytes, 8, (int64_t)(8 * number)) != 8)
        return error_set_errno(err, ERROR_LOCAL, errno, "read the plan of the restore");
    *ret = get_u64(bytes);
    return 0;
}

int plan_list_add(struct entry_spool *list, uint64_t offset, struct error *err)
{
    uint8_t bytes[8];
    put_u64(bytes, offset);
    return spool_append(list, bytes, sizeof(bytes), err);
}

int plan_add_entry(struct restore_plan *plan, const struct entry *entry, uint64_t wants, uint8_t flags,
                   struct error *err)
{
    return encode_entry(entry, wants, flags, &plan->encoded, err) != 0
               ? -1
               : spool_append(&plan->entries, plan->encoded.data, plan->encoded.size, err);
}

int plan_open(const struct restore_options *options, struct restore_plan *plan, struct error *err)
{
    const char *folder = options->dry_run ? "/tmp" : options->to;
    struct entry_spool *spools[] = {&plan->entries, &plan->folders, &plan->links, &plan->plain};
    for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++)
        spools[i]->fd = -1;
    for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++)
        if (file_temporary(folder, &spools[i]->fd, err) != 0)
            return -1;
    return extsort_new(folder, sizeof(struct want), 12, WANTS_MEMORY, &plan->wants, err);
}

int plan_close(struct restore_plan *plan, struct error *err)
{
    if (spool_flush(&plan->entries, err) != 0 || spool_flush(&plan->folders, err) != 0 ||
        spool_flush(&plan->links, err) != 0 || spool_flush(&plan->plain, err) != 0)
        return -1;
    return extsort_finish(plan->wants, err);
}

void plan_free(struct restore_plan *plan)
{
    struct entry_spool *spools[] = {&plan->entries, &plan->folders, &plan->links, &plan->plain};
    for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++) {
        if (spools[i]->fd >= 0)
            (void)close(spools[i]->fd);
        buf_free(&spools[i]->pending);
    }
    buf_free(&plan->encoded);
    extsort_free(plan->wants);
    plan->wants = NULL;
}
