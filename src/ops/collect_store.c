/*
 * What no tenant has, and nothing needs: segments of audit logs that a later revision replaces, and what measuring a
 * target left there. Neither is named by a record, so neither is condemned: FORMAT.md §1 and §10 say that they may go.
 */
#include "audit/revision.h"
#include "base/mem.h"
#include "ops/audit_store.h"
#include "ops/collect.h"
#include "ops/target_probe.h"
#include "target/delete.h"

/* A check that is under way may still want what it has put there. */
#define PROBE_AGE_NS (24 * 3600 * NS_PER_S)

/* What goes from one target. */
struct sweep {
    struct hikae *hikae;
    struct hikae_gc_target *ret;
    struct target *target;
    struct target_deletion *items;
    uint64_t *sizes;
    size_t count, capacity;
    int64_t before_ns; /* by the target's clock */
};

static void sweep_clear(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++)
        mem_free((char *)(uintptr_t)sweep->items[i].name);
    mem_free(sweep->items);
    mem_free(sweep->sizes);
    sweep->items = NULL;
    sweep->sizes = NULL;
    sweep->count = sweep->capacity = 0;
}

static int add(struct sweep *sweep, const char *name, uint64_t size, struct error *err)
{
    size_t capacity = sweep->capacity; /* the same for both */
    struct target_deletion *items = mem_more(sweep->items, sweep->count, &capacity, sizeof(*items));
    if (items == NULL)
        return error_no_memory(err);
    sweep->items = items;
    uint64_t *sizes = mem_more(sweep->sizes, sweep->count, &sweep->capacity, sizeof(*sizes));
    if (sizes == NULL)
        return error_no_memory(err);
    sweep->sizes = sizes;
    sweep->items[sweep->count] = (struct target_deletion){.name = mem_strdup(name)};
    sweep->sizes[sweep->count] = size;
    return sweep->items[sweep->count++].name != NULL ? 0 : error_no_memory(err);
}

/* ---- Audit logs ---- */

/*
 * Objects that hold the same leaves: those go that are of a lower revision than one that lies on enough places, from
 * the places that have this one. Where that is not certain they stay, for `audit verify` to show.
 */
static int sweep_group(const struct audit_store *store, const struct audit_object *items, size_t count,
                       struct sweep *sweeps, struct error *err)
{
    CLEANUP_FREE uint32_t *revisions = mem_calloc(count, sizeof(*revisions));
    size_t newest;
    if (revisions == NULL)
        return error_no_memory(err);
    if (!audit_revisions_read(store, items, count, revisions, &newest) ||
        (size_t)__builtin_popcountll(items[newest].places) < store->min_copies)
        return 0;
    for (size_t i = 0; i < count; i++)
        for (size_t p = 0; revisions[i] < revisions[newest] && p < store->place_count; p++) {
            char name[OBJECT_NAME_SIZE];
            uint64_t size = 0;
            if ((items[i].places & items[newest].places & UINT64_C(1) << p) != 0 && sweeps[p].target != NULL &&
                target_stat(sweeps[p].target, audit_name_format(&items[i].name, name), &size, NULL) == 0 &&
                add(&sweeps[p], name, size, err) != 0)
                return -1;
        }
    return 0;
}

static int sweep_logs(const struct audit_store *store, struct sweep *sweeps, struct error *err)
{
    struct audit_objects objects = {0};
    int rc = audit_objects_list(store, NULL, &objects, err);
    for (size_t first = 0, end = 0; rc == 0 && first < objects.count; first = end) {
        end = audit_revisions_end(&objects, first);
        if (end - first < 2)
            continue;
        rc = cancel_check(store->cancel, err);
        if (rc == 0)
            rc = sweep_group(store, &objects.items[first], end - first, sweeps, err);
    }
    audit_objects_free(&objects);
    return rc;
}

/* ---- What measuring left ---- */

static int take_probe(const struct target_object *object, void *context, struct error *err)
{
    struct sweep *sweep = context;
    if (object->modified_ns == 0 || object->modified_ns >= sweep->before_ns)
        return cancel_check(&sweep->hikae->cancel, err);
    return add(sweep, object->name, object->size, err);
}

/* ---- Deleting ---- */

static int note_outcome(const struct target_deletion *item, const struct error *why, void *context, struct error *err)
{
    struct sweep *sweep = context;
    uint64_t size = sweep->sizes[item - sweep->items];
    if (why == NULL) {
        sweep->ret->freed_objects++;
        sweep->ret->freed_bytes += size;
    } else {
        sweep->ret->waiting_objects++;
        sweep->ret->waiting_bytes += size;
        if (sweep->ret->why == NULL && (sweep->ret->why = mem_strdup(why->what)) == NULL)
            return error_no_memory(err);
    }
    return cancel_check(&sweep->hikae->cancel, err);
}

/* Adds up what goes, for the plan; and deletes it. */
static int carry_out(struct sweep *sweep, bool dry_run, uint64_t *objects, uint64_t *bytes, struct error *err)
{
    struct target_deleter deleter = {sweep->target};
    struct error why = {0};
    *objects += sweep->count;
    for (size_t i = 0; i < sweep->count; i++)
        *bytes += sweep->sizes[i];
    if (dry_run || sweep->count == 0 ||
        target_delete_many(&deleter, sweep->items, sweep->count, note_outcome, sweep, &why) == 0)
        return 0;
    *err = why;
    if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED || why.class == ERROR_INTERNAL)
        return -1;
    engine_warn(sweep->hikae, "%s keeps what nothing needs: %s", target_name(sweep->target), why.what);
    return 0;
}

/* Targets in the order of the audit store's places; one whose clock cannot be read, or that may show what is stale, is
 * left out. */
static size_t open_sweeps(struct hikae *hikae, struct hikae_gc_result *ret, struct sweep *sweeps)
{
    size_t count = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        int64_t skew;
        if (!hikae->targets[i].up)
            continue;
        struct sweep *sweep = &sweeps[count++];
        *sweep = (struct sweep){.hikae = hikae, .ret = &ret->targets[i]};
        if (target_traits(hikae->targets[i].target)->listing_may_be_stale ||
            target_clock_skew(hikae->targets[i].target, &skew, NULL) != 0)
            continue;
        sweep->target = hikae->targets[i].target;
        sweep->before_ns = clock_machine_ns() + skew - PROBE_AGE_NS;
    }
    return count;
}

int collect_store(struct hikae *hikae, bool dry_run, struct hikae_gc_result *ret, struct collect_swept *swept,
                  struct error *err)
{
    struct engine_audit_store audit = {0};
    CLEANUP_FREE struct sweep *sweeps = mem_calloc(hikae->target_count, sizeof(*sweeps));
    *swept = (struct collect_swept){0};
    if (sweeps == NULL)
        return error_no_memory(err);
    size_t count = open_sweeps(hikae, ret, sweeps);
    int rc = engine_audit_store_open(hikae, &audit, err);
    if (rc == 0)
        rc = sweep_logs(&audit.store, sweeps, err);
    engine_audit_store_close(&audit);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (sweeps[i].target == NULL)
            continue;
        rc = carry_out(&sweeps[i], dry_run, &swept->log_objects, &swept->log_bytes, err);
        sweep_clear(&sweeps[i]);
        if (rc == 0)
            rc = target_list(sweeps[i].target, PROBE_FOLDER, NULL, take_probe, &sweeps[i], err);
        if (rc == 0)
            rc = carry_out(&sweeps[i], dry_run, &swept->probe_objects, &swept->probe_bytes, err);
    }
    for (size_t i = 0; i < count; i++)
        sweep_clear(&sweeps[i]);
    return rc;
}
