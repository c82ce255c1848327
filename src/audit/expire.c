#include "audit/expire.h"

#include "base/mem.h"

void audit_expired_clear(struct audit_expired *expired)
{
    mem_free(expired->superseded);
    *expired = (struct audit_expired){0};
}

struct expiry {
    const struct audit_store *store;
    audit_expire_callback *callback;
    void *context;
    bool dry_run;
    struct audit_expired *ret;
};

static int note_superseded(struct audit_expired *expired, const struct audit_name *name, struct error *err)
{
    struct audit_name *grown = mem_realloc(expired->superseded, (expired->superseded_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    expired->superseded = grown;
    grown[expired->superseded_count++] = *name;
    return 0;
}

/* Take out what is over; *ret_count entries. */
static int choose(const struct expiry *expiry, struct audit_segment *segment, uint64_t *ret_count, struct error *err)
{
    *ret_count = 0;
    for (uint32_t i = 0; i < segment->count; i++) {
        struct audit_entry entry CLEANUP(audit_entry_clear) = {0};
        struct audit_leaf *leaf = &segment->leaves[i];
        if (leaf->data.size == 0)
            continue;
        if (audit_leaf_parse(leaf->data.data, leaf->data.size, &entry, err) != 0)
            return -1;
        if (!expiry->callback(&entry, expiry->context))
            continue;
        leaf->data.size = 0;
        ++*ret_count;
    }
    return 0;
}

static int replace(const struct expiry *expiry, const struct audit_name *old, struct audit_segment *segment,
                   struct error *err)
{
    const struct audit_store *store = expiry->store;
    CLEANUP(buf_free) struct buf object = {0};
    struct audit_name name = *old;
    struct error why = {0};
    size_t stored = 0;
    segment->revision++;
    if (audit_segment_seal(segment, store->keyring, &object, &name.hash, err) != 0)
        return -1;
    for (size_t i = 0; i < store->place_count; i++) {
        if (!store->places[i].failed && audit_object_put(store, i, &name, &object, &why) == 0)
            stored++;
        else if (!store->places[i].failed)
            audit_warn(store, "the audit log on %s stays behind: %s", store->places[i].name, why.what);
    }
    if (stored < store->min_copies)
        return error_set(err, ERROR_REFUSED, "a rewritten segment is on %zu targets, %zu are needed; last: %.300s",
                         stored, store->min_copies, why.what);
    audit_cache_put(store, &name.hash, &object);
    audit_cache_drop(store, &old->hash);
    return 0;
}

/* The objects [first, end) hold the same leaves: only the highest revision counts. */
static int expire_group(struct expiry *expiry, const struct audit_object *items, size_t count, struct error *err)
{
    struct audit_segment newest CLEANUP(audit_segment_clear) = {0};
    const struct audit_name *name = NULL;
    uint64_t entries;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_free) struct buf bytes = {0};
        struct audit_segment segment = {0};
        if (audit_object_find(expiry->store, &items[i], &bytes, err) != 0 ||
            audit_segment_parse(bytes.data, bytes.size, expiry->store->keyring, &segment, err) != 0)
            return -1;
        if (name != NULL && segment.revision <= newest.revision) {
            audit_segment_clear(&segment);
            continue;
        }
        audit_segment_clear(&newest);
        newest = segment;
        name = &items[i].name;
    }
    if (name == NULL)
        return 0;
    if (choose(expiry, &newest, &entries, err) != 0)
        return -1;
    if (entries == 0)
        return 0;
    if (!expiry->dry_run && replace(expiry, name, &newest, err) != 0)
        return -1;
    expiry->ret->entries += entries;
    expiry->ret->segments++;
    return note_superseded(expiry->ret, name, err);
}

static bool same_leaves(const struct audit_name *a, const struct audit_name *b)
{
    return a->kind == b->kind && id_equal(&a->log, &b->log) && a->first == b->first && a->size == b->size;
}

int audit_expire(const struct audit_store *store, const struct audit_objects *objects, audit_expire_callback *callback,
                 void *context, bool dry_run, struct audit_expired *ret, struct error *err)
{
    struct expiry expiry = {store, callback, context, dry_run, ret};
    for (size_t first = 0, end = 0; first < objects->count; first = end) {
        while (end < objects->count && same_leaves(&objects->items[first].name, &objects->items[end].name))
            end++;
        if (objects->items[first].name.kind != AUDIT_OBJECT_SEGMENT)
            continue;
        if (cancel_check(store->cancel, err) != 0 ||
            expire_group(&expiry, &objects->items[first], end - first, err) != 0)
            return -1;
    }
    return 0;
}
