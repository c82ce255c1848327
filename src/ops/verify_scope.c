/* What should be where: from rosters and listings alone. */
#include "audit/segment.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/verify_internal.h"

#include <math.h>
#include <stdlib.h>

void scope_clear(struct verify_scope *scope)
{
    for (size_t i = 0; i < scope->count; i++) {
        buf_free(&scope->items[i].cost);
        mem_free(scope->items[i].name);
    }
    for (size_t i = 0; i < scope->bad_count; i++)
        mem_free(scope->bads[i].why);
    mem_free(scope->items);
    mem_free(scope->lost);
    mem_free(scope->tasks);
    mem_free(scope->sound_ns);
    mem_free(scope->bads);
}

static int add_item(struct verify_scope *scope, const struct copy_item *copy, uint64_t expected, uint64_t on,
                    uint64_t odd, struct error *err)
{
    if (scope->count == scope->capacity) {
        size_t capacity = scope->capacity < 256 ? 256 : 2 * scope->capacity;
        struct verify_item *items = mem_realloc(scope->items, capacity * sizeof(*items));
        if (items == NULL)
            return error_no_memory(err);
        scope->items = items;
        scope->capacity = capacity;
    }
    struct verify_item *item = &scope->items[scope->count];
    memset(item, 0, sizeof(*item));
    item->copy = *copy;
    item->expected = expected;
    item->on = on;
    item->odd = odd;
    item->pack = UINT32_MAX;
    scope->count++;
    return 0;
}

static int compare_items(const void *a, const void *b)
{
    const struct copy_item *x = &((const struct verify_item *)a)->copy;
    const struct copy_item *y = &((const struct verify_item *)b)->copy;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return hash_compare(&x->hash, &y->hash);
}

/* Objects that several snapshots, or several targets, named become one. */
static void join_items(struct verify_scope *scope)
{
    if (scope->count < 2)
        return;
    qsort(scope->items, scope->count, sizeof(*scope->items), compare_items);
    size_t kept = 0;
    for (size_t i = 1; i < scope->count; i++) {
        struct verify_item *item = &scope->items[i];
        if (compare_items(item, &scope->items[kept]) == 0) {
            scope->items[kept].expected |= item->expected;
            scope->items[kept].on |= item->on;
            scope->items[kept].odd |= item->odd;
            mem_free(item->name);
        } else {
            kept++;
            memmove(&scope->items[kept], item, sizeof(*item));
        }
    }
    scope->count = kept + 1;
}

struct verify_item *scope_find(const struct verify_scope *scope, char class, uint32_t epoch, const struct hash *hash)
{
    struct verify_item key;
    memset(&key, 0, sizeof(key));
    key.copy = (struct copy_item){.class = class, .epoch = epoch, .hash = *hash};
    return scope->count == 0 ? NULL : bsearch(&key, scope->items, scope->count, sizeof(key), compare_items);
}

/* ---- A tenant ---- */

int scope_roster(struct verify_scope *scope, const struct history_snapshot *snapshot, struct roster *ret,
                 struct error *err)
{
    struct error damage = {0};
    CLEANUP(buf_free) struct buf object = {0};
    for (size_t i = 0; i < snapshot->roster.count; i++) {
        const struct roster_row *row = &snapshot->roster.rows[i];
        if (roster_add(ret, row->class, &row->name, row->size, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < snapshot->part_count; i++) {
        const struct roster_row *part = &snapshot->parts[i];
        if (roster_add(ret, OBJECT_ROSTER, &part->name, part->size, err) != 0)
            return -1;
        struct copy_item copy = {.class = 'r', .hash = part->name, .size = part->size};
        struct error why = {0};
        if (copy_find(&scope->place, &copy, 0, &object, &why) == 0 &&
            roster_part_parse(object.data, object.size, ret, &why) == 0)
            continue;
        if (why.class != ERROR_DAMAGED) {
            *err = why;
            return error_wrap(err, "read the roster of snapshot %s", snapshot->name);
        }
        damage = why;
    }
    roster_sort(ret);
    if (damage.class == ERROR_NONE)
        return 0;
    *err = damage;
    return -1;
}

static int add_row(struct verify_scope *scope, const struct roster_row *row, uint64_t expected, struct error *err)
{
    const struct hikae *hikae = scope->verify->hikae;
    struct copy_item copy = {.class = object_class_letter(row->class), .hash = row->name, .size = row->size};
    uint64_t on = 0, odd = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        const struct run_target *t = &hikae->targets[i];
        if (!t->up)
            continue;
        if (presence_has(&t->present, row->class, &row->name, row->size))
            on |= UINT64_C(1) << i;
        else if (presence_has(&t->present, row->class, &row->name, 0))
            odd |= UINT64_C(1) << i;
    }
    return add_item(scope, &copy, expected, on, odd, err);
}

static int add_snapshot(struct verify_scope *scope, const struct history_snapshot *snapshot, struct error *err)
{
    CLEANUP(roster_free) struct roster roster = {0};
    struct error why = {0};
    if (scope_roster(scope, snapshot, &roster, &why) != 0 && why.class != ERROR_DAMAGED) {
        *err = why;
        return -1;
    }
    /* A target that lacks the record never claimed to hold the snapshot: it is behind, and nothing there is missing. */
    uint64_t up = engine_up_mask(scope->verify->hikae);
    uint64_t down = scope->verify->selected & ~up;
    uint64_t holders = chain_holders(scope->chain, &snapshot->record);
    if (snapshot->has_new_roster)
        holders &= chain_holders(scope->chain, &snapshot->roster_record);
    uint64_t expected = holders | down;
    if ((expected & up) == 0)
        expected |= up;
    for (size_t i = 0; i < roster.count; i++)
        if (add_row(scope, &roster.rows[i], expected, err) != 0)
            return -1;
    return 0;
}

/* Records belong on every target. */
static int add_records(struct verify_scope *scope, struct error *err)
{
    for (size_t i = 0; i < scope->chain->record_count; i++) {
        const struct chain_record *record = &scope->chain->records[i];
        if (roster_has(&scope->chain->condemned, OBJECT_RECORD, &record->hash))
            continue; /* it goes, from one target after the other */
        struct copy_item copy = {.class = 'h', .hash = record->hash, .last = record->name};
        if (add_item(scope, &copy, UINT64_MAX, record->targets, 0, err) != 0)
            return -1;
    }
    return 0;
}

int scope_tenant(struct verify_scope *scope, struct error *err)
{
    const struct history *history = &scope->chain->history;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        if (history->snapshots[i].retired)
            continue;
        scope->verify->snapshots++;
        if (add_snapshot(scope, &history->snapshots[i], err) != 0 ||
            cancel_check(&scope->verify->hikae->cancel, err) != 0)
            return -1;
        join_items(scope); /* snapshots name much the same: the list stays short */
    }
    if (add_records(scope, err) != 0)
        return -1;
    join_items(scope);
    return 0;
}

/* ---- The store's own ---- */

struct log_listing {
    struct verify_scope *scope;
    uint64_t bit;
};

/*
 * What a target lists of audit logs is to be what its name says. Nothing is missing: expiry takes segments away, from
 * one target after the other, and whoever replicates or writes the log brings what a target lacks.
 */
static int add_log_object(const struct target_object *object, void *context, struct error *err)
{
    const struct log_listing *listing = context;
    struct audit_name name;
    if (!audit_name_parse(object->name, &name))
        return 0; /* nobody's object */
    char *text = mem_strdup(object->name);
    if (text == NULL)
        return error_no_memory(err);
    struct copy_item copy = {.class = 'a', .hash = name.hash, .last = text};
    if (add_item(listing->scope, &copy, listing->bit, listing->bit, 0, err) != 0) {
        mem_free(text);
        return -1;
    }
    listing->scope->items[listing->scope->count - 1].name = text;
    return 0;
}

static int add_keys(struct verify_scope *scope, size_t target, struct error *err)
{
    CLEANUP_FREE struct copy_item *keys = NULL;
    size_t count = 0, capacity = 0;
    if (copy_list_keys(scope->verify->hikae, target, &keys, &count, &capacity, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_item(scope, &keys[i], UINT64_MAX, UINT64_C(1) << target, 0, err) != 0)
            return -1;
    return 0;
}

static int add_store_objects(struct verify_scope *scope, size_t target, struct error *err)
{
    struct log_listing listing = {scope, UINT64_C(1) << target};
    if (add_keys(scope, target, err) != 0)
        return -1;
    return scope->verify->with_logs ? target_list(scope->verify->hikae->targets[target].target, AUDIT_FOLDER, NULL,
                                                  add_log_object, &listing, err)
                                    : 0;
}

int scope_store(struct verify_scope *scope, struct error *err)
{
    struct hikae *hikae = scope->verify->hikae;
    struct copy_item store = {.class = 's'};
    if (add_item(scope, &store, UINT64_MAX, engine_up_mask(hikae), 0, err) != 0 || add_records(scope, err) != 0)
        return -1;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct run_target *t = &hikae->targets[i];
        struct error why = {0};
        if (!t->up || add_store_objects(scope, i, &why) == 0)
            continue;
        if (copy_is_fatal(&why)) {
            *err = why;
            return -1;
        }
        t->up = false;
        t->why = why;
    }
    join_items(scope);
    return 0;
}

/* ---- The catalogue, and this time's sample ---- */

static const char *last_part(const struct verify_scope *scope, const struct copy_item *item, char *name)
{
    (void)copy_name(&scope->tid, item, name);
    return strrchr(name, '/') + 1;
}

/* All that was listed, so that what was deleted since is forgotten. */
static int list_into_catalog(struct verify_scope *scope, size_t target, struct error *err)
{
    const struct run_target *t = &scope->verify->hikae->targets[target];
    struct catalog_listing *listing = NULL;
    char name[OBJECT_NAME_SIZE];
    if (catalog_listing_begin(scope->verify->hikae->catalog, &scope->tid, t->name, scope->started_ns, &listing, err) !=
        0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < scope->count; i++) {
        const struct verify_item *item = &scope->items[i];
        char class = item->copy.class;
        if ((item->on >> target & 1) != 0 && (class == 'h' || class == 'k' || class == 'a'))
            rc = catalog_listing_add(listing, class, last_part(scope, &item->copy, name), 0, err);
    }
    for (size_t i = 0; rc == 0 && scope->session != NULL && i < t->present.listed.count; i++) {
        const struct roster_row *row = &t->present.listed.rows[i];
        rc = catalog_listing_add(listing, object_class_letter(row->class), hex_encode(row->name.bytes, HASH_SIZE, name),
                                 row->size, err);
    }
    if (rc == 0)
        return catalog_listing_finish(listing, err);
    catalog_listing_abandon(listing);
    return -1;
}

struct chooser {
    struct verify_scope *scope;
    size_t target;
    size_t wanted;
    bool enough;
};

static void add_task(struct verify_scope *scope, size_t item, size_t target)
{
    scope->tasks[scope->task_count].item = (uint32_t)item;
    scope->tasks[scope->task_count].target = (uint32_t)target;
    scope->task_count++;
}

/* The hash in the last part of an object's name, and the epoch in a keystore entry's. */
static bool parse_last_part(const struct catalog_object *object, struct hash *ret_hash, uint32_t *ret_epoch)
{
    size_t length = strlen(object->name);
    *ret_epoch = 0;
    switch (object->class) {
    case 'h':
        return record_name_hash(object->name, ret_hash);
    case 'k':
        return name_key_parse(object->name, ret_epoch, ret_hash);
    case 'a':
        return length > 2 * HASH_SIZE && hex_decode(object->name + length - 2 * HASH_SIZE, HASH_SIZE, ret_hash->bytes);
    default:
        return length == 2 * HASH_SIZE && hex_decode(object->name, HASH_SIZE, ret_hash->bytes);
    }
}

static int choose(const struct catalog_object *object, void *context, struct error *err)
{
    struct chooser *chooser = context;
    struct hash hash;
    uint32_t epoch;
    bool ok = parse_last_part(object, &hash, &epoch);
    if (chooser->wanted == 0) {
        chooser->enough = true;
        return error_set(err, ERROR_NONE, "enough");
    }
    const struct verify_item *item = ok ? scope_find(chooser->scope, object->class, epoch, &hash) : NULL;
    if (item != NULL && (item->on >> chooser->target & 1) != 0) {
        add_task(chooser->scope, (size_t)(item - chooser->scope->items), chooser->target);
        chooser->wanted--;
    }
    return 0;
}

static size_t count_on(const struct verify_scope *scope, size_t target)
{
    size_t count = 0;
    for (size_t i = 0; i < scope->count; i++)
        count += scope->items[i].on >> target & 1;
    return count;
}

static int compare_tasks(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

static int choose_sample(struct verify_scope *scope, size_t target, struct error *err)
{
    const struct verify *verify = scope->verify;
    struct chooser chooser = {.scope = scope, .target = target};
    size_t first = scope->task_count;
    chooser.wanted = (size_t)ceil(verify->options->sample * (double)count_on(scope, target));
    struct error why = {0};
    if (catalog_checked_oldest(verify->hikae->catalog, &scope->tid, verify->hikae->targets[target].name, 0,
                               (unsigned)verify->options->level, SIZE_MAX / 2, choose, &chooser, &why) != 0 &&
        !chooser.enough) {
        *err = why;
        return -1;
    }
    if (scope->task_count > first)
        qsort(&scope->tasks[first], scope->task_count - first, sizeof(scope->tasks[0]), compare_tasks);
    return 0;
}

static int plan_target(struct verify_scope *scope, size_t target, struct error *err)
{
    const struct verify *verify = scope->verify;
    if (!verify->options->dry_run && list_into_catalog(scope, target, err) != 0)
        return -1;
    if (verify->options->level != HIKAE_VERIFY_INVENTORY && verify->options->sample > 0)
        return choose_sample(scope, target, err);
    for (size_t i = 0; i < scope->count; i++)
        if ((scope->items[i].on >> target & 1) != 0)
            add_task(scope, i, target);
    return 0;
}

int scope_plan(struct verify_scope *scope, struct error *err)
{
    struct verify *verify = scope->verify;
    size_t targets = verify->hikae->target_count;
    scope->tasks = mem_calloc(scope->count * targets + 1, sizeof(scope->tasks[0]));
    if (scope->tasks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < targets; i++)
        if ((verify->selected >> i & 1) != 0 && verify->hikae->targets[i].up && plan_target(scope, i, err) != 0)
            return error_wrap(err, "choose what to check");
    scope->sound_ns = mem_calloc(scope->task_count + 1, sizeof(int64_t));
    if (scope->sound_ns == NULL)
        return error_no_memory(err);
    atomic_fetch_add(&verify->total, scope->task_count);
    return 0;
}

enum { REMEMBER_BATCH = 512 };

int scope_remember(struct verify_scope *scope, struct error *err)
{
    struct verify *verify = scope->verify;
    if (verify->options->dry_run)
        return 0;
    struct batch {
        struct catalog_object objects[REMEMBER_BATCH];
        char names[REMEMBER_BATCH][OBJECT_NAME_SIZE];
    };
    CLEANUP_FREE struct batch *batch = mem_alloc(sizeof(*batch));
    if (batch == NULL)
        return error_no_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < scope->task_count; i++) {
        const struct copy_item *copy = &scope->items[scope->tasks[i].item].copy;
        if (scope->sound_ns[i] != 0 && copy->class != 's') {
            const char *last = last_part(scope, copy, batch->names[count]);
            batch->objects[count++] =
                (struct catalog_object){.class = copy->class, .name = last, .checked_ns = scope->sound_ns[i]};
        }
        /* Tasks are in the order of their targets. */
        bool last_of_target = i + 1 == scope->task_count || scope->tasks[i + 1].target != scope->tasks[i].target;
        if (count == REMEMBER_BATCH || (last_of_target && count > 0)) {
            if (catalog_checked_put(verify->hikae->catalog, &scope->tid,
                                    verify->hikae->targets[scope->tasks[i].target].name,
                                    (unsigned)verify->options->level, batch->objects, count, err) != 0)
                return -1;
            count = 0;
        }
    }
    return 0;
}
