/* Manifests: that every blob which snapshots need is there, and which paths a lost object costs. */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/verify_internal.h"
#include "repo/blob_set.h"

#include <stdio.h>
#include <stdlib.h>

enum { WALK_BLOCKS_KEPT = 8, WALK_KNOWN_MEMORY = 48 << 20 };

static void cleanup_reader(struct block_reader **reader)
{
    block_reader_free(*reader);
}
#define CLEANUP_READER CLEANUP(cleanup_reader)

struct walk {
    struct verify_scope *scope;
    const struct history_snapshot *snapshot;
    struct blob_set *known; /* nodes and leaves that were walked */
};

static int check_blob(enum blob_type type, const struct blob_id *id, void *context, struct error *err)
{
    const struct walk *walk = context;
    struct place place;
    int known =
        type == BLOB_CONTENT || type == BLOB_TIMES || type == BLOB_XATTR ? 0 : blob_set_add(walk->known, id, err);
    if (known != 0)
        return known;
    int found = index_find(walk->scope->session->index, id, &place, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return error_set(err, ERROR_DAMAGED, "a blob of type %d that it needs is in no pack", (int)type);
    if (place.type != type)
        return error_set(err, ERROR_DAMAGED, "a blob that it needs has type %d instead of %d", (int)place.type,
                         (int)type);
    return cancel_check(&walk->scope->verify->hikae->cancel, err);
}

/* A fault of a snapshot as a whole, not of one object on one target. */
static int tell_fault(struct verify_scope *scope, const struct history_snapshot *snapshot, struct error *why,
                      struct error *err)
{
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + 8], object[64], cost[64];
    int state = check_state(why);
    why->hint[0] = '\0';
    (void)snprintf(object, sizeof(object), "snapshot %s", snapshot->name);
    (void)snprintf(cost, sizeof(cost), "snapshot %s: parts of it\n", snapshot->name);
    if (state == HIKAE_FINDING_UNKNOWN)
        scope->verify->unknown++;
    else
        scope->verify->damaged++;
    return mend_tell(scope->verify, "", object, state, false, error_format(why, text, sizeof(text)),
                     state == HIKAE_FINDING_UNKNOWN ? NULL : cost, err);
}

/* Was the same manifest walked already? An unchanged source gives the same root. */
static bool is_repeated(const struct history *history, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (!history->snapshots[i].retired &&
            blob_id_equal(&history->snapshots[i].root.id, &history->snapshots[number].root.id))
            return true;
    return false;
}

/* What snapshots have in common is walked once: hundreds of them cost little more than one. */
int walk_manifests(struct verify_scope *scope, struct error *err)
{
    const struct history *history = &scope->chain->history;
    struct block_reader *reader CLEANUP_READER = NULL;
    CLEANUP(blob_set_clear) struct blob_set known = {.memory_limit = WALK_KNOWN_MEMORY};
    if (block_reader_new(&scope->session->objects, WALK_BLOCKS_KEPT, &reader, err) != 0)
        return -1;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        struct walk walk = {scope, &history->snapshots[i], &known};
        struct error why = {0};
        if (walk.snapshot->retired || is_repeated(history, i) ||
            manifest_walk_blobs(&walk.snapshot->root, block_reader_fetch, reader, check_blob, &walk, &why) == 0)
            continue;
        /* It met the ways to the fault before the fault: the next snapshot with that part must meet it again. */
        blob_set_clear(&known);
        if (copy_is_fatal(&why)) {
            *err = why;
            return -1;
        }
        if (tell_fault(scope, walk.snapshot, &why, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- What it costs ---- */

static int add_line(struct verify_item *item, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int add_line(struct verify_item *item, struct error *err, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (size < 0)
        return 0;
    return buf_append(&item->cost, line, (size_t)size < sizeof(line) ? (size_t)size : sizeof(line) - 1, err);
}

/* Lost packs by their numbers in the index; those that it has forgotten come last. */
static int compare_lost(const void *a, const void *b)
{
    const struct verify_item *x = *(struct verify_item *const *)a, *y = *(struct verify_item *const *)b;
    return (x->pack > y->pack) - (x->pack < y->pack);
}

static int gather_lost(struct verify_scope *scope, struct error *err)
{
    mem_free(scope->lost);
    scope->lost_count = 0;
    scope->lost = mem_calloc(scope->count, sizeof(struct verify_item *));
    if (scope->lost == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < scope->count; i++)
        if (scope->items[i].is_lost && scope->items[i].copy.class == 'p')
            scope->lost[scope->lost_count++] = &scope->items[i];
    if (scope->lost_count > 1)
        qsort(scope->lost, scope->lost_count, sizeof(struct verify_item *), compare_lost);
    return 0;
}

static struct verify_item *find_lost(const struct verify_scope *scope, uint32_t pack)
{
    const struct verify_item key = {.pack = pack}, *wanted = &key;
    struct verify_item **item =
        bsearch(&wanted, scope->lost, scope->lost_count, sizeof(struct verify_item *), compare_lost);
    return item != NULL ? *item : NULL;
}

/* The lost object that a blob was in; NULL if it can be had, be it from another pack. */
static int lost_with(struct verify_scope *scope, const struct blob_id *id, struct verify_item **ret, struct error *err)
{
    struct place place = {.pack = UINT32_MAX};
    int found, places = 0;
    *ret = NULL;
    while ((found = index_find_older(scope->session->index, id, place.pack, &place, err)) > 0) {
        struct verify_item *lost = find_lost(scope, place.pack);
        if (lost == NULL) {
            *ret = NULL;
            return 0;
        }
        if (places++ == 0)
            *ret = lost;
    }
    if (found == 0 && places == 0) /* it was in one that the index has forgotten */
        *ret = find_lost(scope, UINT32_MAX);
    return found;
}

/* The first lost object among the contents of a file. */
static int file_loss(struct verify_scope *scope, struct block_reader *reader, const struct entry *entry,
                     struct verify_item **ret, struct error *err)
{
    struct extent_reader *extents;
    struct extent extent;
    *ret = NULL;
    for (size_t i = 0; i < entry->xattr_count && *ret == NULL; i++)
        if (entry->xattrs[i].in_blob && lost_with(scope, &entry->xattrs[i].blob, ret, err) != 0)
            return -1;
    if (*ret != NULL || entry->type != ENTRY_FILE || entry->unreadable)
        return 0;
    if (entry->content.in_tree && lost_with(scope, &entry->content.root, ret, err) != 0)
        return -1;
    if (*ret != NULL)
        return 0;
    if (extent_reader_new(&entry->content, entry->size, block_reader_fetch, reader, &extents, err) != 0)
        return -1;
    int rc;
    while ((rc = extent_reader_next(extents, &extent, err)) > 0) {
        if (extent.kind != EXTENT_DATA)
            continue;
        rc = lost_with(scope, &extent.id, ret, err);
        if (rc != 0 || *ret != NULL)
            break;
    }
    extent_reader_free(extents);
    return rc < 0 ? -1 : 0;
}

struct costing {
    struct verify_scope *scope;
    const struct history_snapshot *snapshot;
    struct block_reader *reader;
    struct verify_item *first; /* the first lost pack, for what cannot be told apart */
    uint64_t more;
};

static int cost_entry(struct costing *costing, const struct entry *entry, struct error *err)
{
    struct verify_item *item = NULL;
    struct error why = {0};
    if (file_loss(costing->scope, costing->reader, entry, &item, &why) != 0) {
        if (why.class != ERROR_DAMAGED) {
            *err = why;
            return -1;
        }
        item = costing->first; /* its list of extents is lost */
    }
    if (item == NULL)
        return 0;
    if (costing->scope->verify->cost_paths >= VERIFY_COST_PATHS) {
        costing->more++;
        return 0;
    }
    costing->scope->verify->cost_paths++;
    return add_line(item, err, "snapshot %s: %.*s%s%.*s\n", costing->snapshot->name,
                    (int)(entry->dir.size < 700 ? entry->dir.size : 700), (const char *)entry->dir.data,
                    entry->dir.size > 0 ? "/" : "", (int)(entry->name.size < 255 ? entry->name.size : 255),
                    (const char *)entry->name.data);
}

static int cost_paths(struct costing *costing, struct error *err)
{
    struct manifest_reader *manifest;
    const struct entry *entry;
    struct error why = {0};
    uint64_t seen = 0;
    if (manifest_reader_new(&costing->snapshot->root, false, block_reader_fetch, costing->reader, &manifest, err) != 0)
        return -1;
    int rc;
    while ((rc = manifest_reader_next(manifest, &entry, &why)) > 0) {
        seen++;
        rc = cost_entry(costing, entry, err);
        if (rc == 0)
            rc = cancel_check(&costing->scope->verify->hikae->cancel, err);
        if (rc != 0)
            break;
    }
    manifest_reader_free(manifest);
    if (rc == 0)
        return 0;
    if (why.class == ERROR_NONE)
        return -1;
    if (why.class != ERROR_DAMAGED) {
        *err = why;
        return -1;
    }
    return add_line(
        costing->first, err, "snapshot %s: its list of entries ends after %llu of %llu; what comes behind is lost\n",
        costing->snapshot->name, (unsigned long long)seen, (unsigned long long)costing->snapshot->root.entries);
}

static int cost_snapshot(struct costing *costing, struct error *err)
{
    CLEANUP(roster_free) struct roster roster = {0};
    struct error why = {0};
    if (scope_roster(costing->scope, costing->snapshot, &roster, &why) != 0 && why.class != ERROR_DAMAGED) {
        *err = why;
        return -1;
    }
    costing->first = NULL;
    for (size_t i = 0; i < roster.count; i++) {
        const struct roster_row *row = &roster.rows[i];
        struct verify_item *item = scope_find(costing->scope, object_class_letter(row->class), 0, &row->name);
        if (item == NULL || !item->is_lost)
            continue;
        if (row->class == OBJECT_PACK && costing->first == NULL)
            costing->first = item;
        if (row->class == OBJECT_ROSTER &&
            add_line(item, err, "snapshot %s: the list of the objects that it needs\n", costing->snapshot->name) != 0)
            return -1;
    }
    if (costing->first == NULL)
        return 0;
    costing->more = 0;
    if (cost_paths(costing, err) != 0)
        return -1;
    return costing->more == 0 ? 0
                              : add_line(costing->first, err, "snapshot %s: and %llu more\n", costing->snapshot->name,
                                         (unsigned long long)costing->more);
}

int walk_cost(struct verify_scope *scope, struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < scope->count; i++) {
        struct verify_item *item = &scope->items[i];
        if (!item->is_lost)
            continue;
        any = true;
        if (item->copy.class == 'p' && scope->session != NULL &&
            !index_pack_number(scope->session->index, &item->copy.hash, &item->pack))
            item->pack = UINT32_MAX;
        if (item->copy.class == 'h' && add_line(item, err, "what this record says: a snapshot, a hold or a tag\n") != 0)
            return -1;
        if (item->copy.class == 'k' && add_line(item, err, "the keys that only this entry holds\n") != 0)
            return -1;
    }
    if (!any || scope->session == NULL)
        return 0;
    const struct history *history = &scope->chain->history;
    struct block_reader *reader CLEANUP_READER = NULL;
    if (gather_lost(scope, err) != 0 || block_reader_new(&scope->session->objects, WALK_BLOCKS_KEPT, &reader, err) != 0)
        return -1;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        struct costing costing = {.scope = scope, .snapshot = &history->snapshots[i], .reader = reader};
        if (!costing.snapshot->retired && cost_snapshot(&costing, err) != 0)
            return -1;
    }
    return 0;
}
