#include "audit/revision.h"

#include "base/mem.h"

static bool same_leaves(const struct audit_name *a, const struct audit_name *b)
{
    return a->kind == AUDIT_OBJECT_SEGMENT && b->kind == AUDIT_OBJECT_SEGMENT && id_equal(&a->log, &b->log) &&
           a->first == b->first && a->size == b->size;
}

size_t audit_revisions_end(const struct audit_objects *objects, size_t first)
{
    size_t end = first + 1;
    while (end < objects->count && same_leaves(&objects->items[first].name, &objects->items[end].name))
        end++;
    return end;
}

/* The hashes of all leaves, and the revision. */
static bool read_segment(const struct audit_store *store, const struct audit_object *object, struct audit_segment *ret)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    return audit_object_find(store, object, &bytes, NULL) == 0 &&
           audit_segment_parse(bytes.data, bytes.size, NULL, ret, NULL) == 0;
}

static bool same_hashes(const struct audit_segment *a, const struct audit_segment *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = hash_equal(&a->leaves[i].hash, &b->leaves[i].hash);
    return same;
}

bool audit_revisions_read(const struct audit_store *store, const struct audit_object *items, size_t count,
                          uint32_t *revisions, size_t *ret_newest)
{
    struct audit_segment newest = {0};
    bool known = true;
    *ret_newest = 0;
    for (size_t i = 0; known && i < count; i++) {
        struct audit_segment segment = {0};
        known = read_segment(store, &items[i], &segment) && (i == 0 || same_hashes(&segment, &newest));
        revisions[i] = segment.revision;
        bool newer = i == 0 || segment.revision > newest.revision;
        if (newer)
            *ret_newest = i;
        audit_segment_clear(newer ? &newest : &segment);
        if (newer)
            newest = segment;
    }
    audit_segment_clear(&newest);
    return known;
}
