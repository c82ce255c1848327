/*
 * Gathering: takes batches in order, looks each blob up, gathers those that
 * are new into blocks in the manifest's order, and builds the manifest.
 */
#include "base/mem.h"
#include "pipeline/batch.h"

struct gatherer {
    struct backup *backup;
    struct packer *packer;
    struct blob_hasher *hasher; /* of metadata */
    struct block *content;      /* being filled, or NULL */
    struct block *meta;
    struct manifest_builder *builder;
    struct extent_builder *extents;
    struct entry_sorter *sorter; /* NULL until an entry comes out of order */
};

static int flush(struct gatherer *gatherer, struct block **block, struct error *err)
{
    if (*block == NULL)
        return 0;
    if (!ordered_put(gatherer->backup->blocks, *block))
        return backup_check(gatherer->backup, err) != 0 ? -1 : error_set(err, ERROR_INTERRUPTED, "stopped");
    *block = NULL;
    return 0;
}

/* Append a blob that nobody has to the block of its kind. */
static int append(struct gatherer *gatherer, enum blob_type type, const struct blob_id *id, const void *bytes,
                  size_t size, struct error *err)
{
    bool meta = type != BLOB_CONTENT;
    struct block **current = meta ? &gatherer->meta : &gatherer->content;
    size_t limit = meta ? BLOCK_META_BYTES : BLOCK_BYTES;
    if (*current != NULL && ((*current)->plain.size + size > limit || (*current)->blob_count >= BLOCK_BLOBS_MAX) &&
        flush(gatherer, current, err) != 0)
        return -1;
    if (*current == NULL) {
        struct block *block = queue_pop(gatherer->backup->free_blocks);
        if (block == NULL)
            return backup_check(gatherer->backup, err) != 0 ? -1 : error_set(err, ERROR_INTERRUPTED, "stopped");
        block->meta = meta;
        block->plain.size = 0;
        block->blob_count = 0;
        block->failed = false;
        *current = block;
    }
    struct block *block = *current;
    if (block->blob_count == block->blob_capacity) {
        size_t capacity = block->blob_capacity < 256 ? 256 : 2 * block->blob_capacity;
        struct container_blob *blobs = mem_realloc(block->blobs, capacity * sizeof(*blobs));
        if (blobs == NULL)
            return error_no_memory(err);
        block->blobs = blobs;
        block->blob_capacity = capacity;
    }
    if (buf_append(&block->plain, bytes, size, err) != 0)
        return -1;
    block->blobs[block->blob_count++] =
        (struct container_blob){.id = *id, .size = (uint32_t)size, .type = (uint8_t)type};
    return 0;
}

/* Store a blob, unless it is there or on its way. */
static int store(struct gatherer *gatherer, enum blob_type type, const struct blob_id *id, const void *bytes,
                 size_t size, struct error *err)
{
    struct backup *backup = gatherer->backup;
    struct place place;
    int found = index_find(backup->options->objects->index, id, &place, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return pack_set_add(&backup->gather_packs, place.pack, err);
    bool is_new;
    if (packer_expect(gatherer->packer, id, &is_new, err) != 0)
        return -1;
    if (!is_new)
        return 0;
    /* Its pack may have been finished between the two questions: then the index knows it by now. */
    found = index_find(backup->options->objects->index, id, &place, err);
    if (found != 0) {
        packer_forget(gatherer->packer, id);
        return found < 0 ? -1 : pack_set_add(&backup->gather_packs, place.pack, err);
    }
    if (type == BLOB_CONTENT)
        atomic_fetch_add(&backup->counters->bytes_new, size);
    return append(gatherer, type, id, bytes, size, err);
}

/* A blob_sink for manifest and extent lists. */
static int sink(enum blob_type type, const void *bytes, size_t size, struct blob_id *ret_id, void *context,
                struct error *err)
{
    struct gatherer *gatherer = context;
    if (blob_hash(gatherer->hasher, type, bytes, size, ret_id, err) != 0)
        return -1;
    return store(gatherer, type, ret_id, bytes, size, err);
}

/* Long values of extended attributes become blobs. */
static int store_xattrs(struct gatherer *gatherer, struct entry *entry, struct error *err)
{
    /* The array is the entry's own copy: ours to change. */
    struct xattr *xattrs = (struct xattr *)(uintptr_t)entry->xattrs;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        struct xattr *xattr = &xattrs[i];
        if (xattr->in_blob || xattr->value.size <= ENTRY_XATTR_INLINE_MAX)
            continue;
        if (sink(BLOB_XATTR, xattr->value.data, xattr->value.size, &xattr->blob, gatherer, err) != 0)
            return -1;
        xattr->in_blob = true;
        xattr->blob_size = (uint32_t)xattr->value.size;
    }
    return 0;
}

static bool same_content(const struct entry *a, const struct entry *b)
{
    if (a->size != b->size || a->unreadable != b->unreadable || a->content.in_tree != b->content.in_tree ||
        a->content.extent_count != b->content.extent_count)
        return false;
    if (a->content.in_tree)
        return a->content.depth == b->content.depth && blob_id_equal(&a->content.root, &b->content.root);
    for (size_t i = 0; i < a->content.extent_count; i++) {
        const struct extent *x = &a->content.extents[i], *y = &b->content.extents[i];
        if (x->kind != y->kind || x->size != y->size || (x->kind == EXTENT_DATA && !blob_id_equal(&x->id, &y->id)))
            return false;
    }
    return true;
}

static void count(struct backup *backup, const struct batch_event *event)
{
    const struct entry *entry = event->entry;
    struct backup_counters *counters = backup->counters;
    atomic_fetch_add(&counters->entries, 1);
    if (entry->type != ENTRY_FILE)
        return;
    atomic_fetch_add(&counters->bytes_source, entry->size);
    if (!event->fresh || (event->previous != NULL && same_content(entry, event->previous)))
        atomic_fetch_add(&counters->files_unchanged, 1);
    else if (event->previous != NULL)
        atomic_fetch_add(&counters->files_changed, 1);
    else
        atomic_fetch_add(&counters->files_new, 1);
}

static int add_sorted(struct entry *entry, void *context, struct error *err)
{
    struct gatherer *gatherer = context;
    struct batch_event event = {.kind = EVENT_ENTRY, .entry = entry, .fresh = true};
    if (backup_check(gatherer->backup, err) != 0 || manifest_builder_add(gatherer->builder, entry, err) != 0)
        return -1;
    count(gatherer->backup, &event);
    return 0;
}

/* Keep a complete entry, with everything it points to, for sorting. */
static int keep_for_later(struct gatherer *gatherer, const struct entry *entry, struct error *err)
{
    if (gatherer->sorter == NULL &&
        entry_sorter_new(gatherer->backup->options->spool_folder, 0, &gatherer->sorter, err) != 0)
        return -1;
    struct entry *copy = entry_dup(entry);
    if (copy == NULL)
        return error_no_memory(err);
    extent_builder_reset(gatherer->extents);
    return entry_sorter_take(gatherer->sorter, copy, err);
}

static int sort_now(struct gatherer *gatherer, struct error *err)
{
    if (gatherer->sorter == NULL)
        return 0;
    int rc = entry_sorter_finish(gatherer->sorter, add_sorted, gatherer, err);
    entry_sorter_free(gatherer->sorter);
    gatherer->sorter = NULL;
    return rc;
}

static int take_event(struct gatherer *gatherer, const struct batch *batch, struct batch_event *event,
                      struct error *err)
{
    struct extent extent = {.kind = event->extent, .size = event->size};
    struct entry *entry = event->entry;
    switch (event->kind) {
    case EVENT_RESTART:
        extent_builder_reset(gatherer->extents);
        return 0;
    case EVENT_EXTENT:
        if (extent.kind == EXTENT_DATA) {
            const struct batch_blob *blob = &batch->blobs[event->blob];
            extent.id = blob->id;
            if (store(gatherer, BLOB_CONTENT, &blob->id, batch->bytes.data + blob->offset, blob->size, err) != 0)
                return -1;
        }
        return extent_builder_add(gatherer->extents, &extent, err);
    case EVENT_SORT:
        return sort_now(gatherer, err);
    case EVENT_ENTRY:
        break;
    }
    if (event->fresh && entry->type == ENTRY_FILE &&
        extent_builder_finish(gatherer->extents, &entry->content, err) != 0)
        return -1;
    if (store_xattrs(gatherer, entry, err) != 0)
        return -1;
    if (event->later)
        return keep_for_later(gatherer, entry, err);
    if (manifest_builder_add(gatherer->builder, entry, err) != 0)
        return -1;
    count(gatherer->backup, event);
    if (event->fresh)
        extent_builder_reset(gatherer->extents);
    return 0;
}

static void empty(struct batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        entry_free(batch->events[i].entry);
        entry_free(batch->events[i].previous);
    }
    batch->event_count = 0;
    batch->blob_count = 0;
    batch->bytes.size = 0;
    batch->failed = false;
}

/* Take the batches until they end, whatever happens: the scan may be waiting for a free one. With an `rc` that is not 0
 * (the gatherer could not be made, and `err` says why) they are only emptied. */
static int take_batches(struct gatherer *gatherer, int rc, struct error *err)
{
    struct backup *backup = gatherer->backup;
    struct batch *batch;
    while ((batch = ordered_get(backup->batches)) != NULL) {
        if (rc == 0 && batch->failed) {
            *err = batch->error;
            rc = -1;
        }
        for (size_t i = 0; rc == 0 && i < batch->event_count; i++)
            rc = take_event(gatherer, batch, &batch->events[i], err);
        empty(batch);
        if (rc != 0)
            backup_fail(backup, err);
        (void)queue_push(backup->free_batches, batch);
    }
    return rc;
}

int gather_run(struct backup *backup, struct packer *packer, struct manifest_root *ret, struct error *err)
{
    struct gatherer gatherer = {.backup = backup, .packer = packer};
    const struct backup_options *options = backup->options;
    const struct keyring *keyring = options->objects->keyring;
    int rc = blob_hasher_new(keyring, &gatherer.hasher, err);
    if (rc == 0)
        rc = manifest_builder_new(keyring, options->leaf_mean, options->fan_out, sink, &gatherer, &gatherer.builder,
                                  err);
    if (rc == 0 && (gatherer.extents = extent_builder_new(sink, &gatherer)) == NULL)
        rc = error_no_memory(err);
    if (rc != 0)
        backup_fail(backup, err);
    rc = take_batches(&gatherer, rc, err);
    if (rc == 0)
        rc = backup_check(backup, err);
    if (rc == 0)
        rc = manifest_builder_finish(gatherer.builder, ret, err);
    /* What was gathered is stored also when the run stops: the next one reuses it. */
    struct error why = {0};
    if (flush(&gatherer, &gatherer.content, rc == 0 ? err : &why) != 0)
        rc = -1;
    if (flush(&gatherer, &gatherer.meta, rc == 0 ? err : &why) != 0)
        rc = -1;
    entry_sorter_free(gatherer.sorter);
    extent_builder_free(gatherer.extents);
    manifest_builder_free(gatherer.builder);
    blob_hasher_free(gatherer.hasher);
    return rc;
}
