#include "repo/history.h"

#include "base/clock.h"
#include "base/extsort.h"
#include "repo/history_internal.h"

#include <stdlib.h>

struct node {
    struct record record;
    bool named; /* as previous, by another */
    UT_hash_handle hh;
};

struct history_builder {
    struct node *nodes; /* by the record's name */
    size_t unreadable;
};

/* ---- Collecting ---- */

struct history_builder *history_builder_new(void)
{
    return mem_calloc(1, sizeof(struct history_builder));
}

void history_builder_free(struct history_builder *builder)
{
    if (builder == NULL)
        return;
    struct node *node, *next;
    HASH_ITER(hh, builder->nodes, node, next)
    {
        HASH_DEL(builder->nodes, node);
        record_clear(&node->record);
        mem_free(node);
    }
    mem_free(builder);
}

/* Of what is condemned only records matter to the fold. */
static void keep_records(struct roster *condemned)
{
    size_t kept = 0;
    for (size_t i = 0; i < condemned->count; i++)
        if (condemned->rows[i].class == OBJECT_RECORD)
            condemned->rows[kept++] = condemned->rows[i];
    condemned->count = kept;
    if (kept == 0)
        roster_free(condemned);
}

int history_builder_take(struct history_builder *builder, struct record *record, struct error *err)
{
    struct node *node;
    HASH_FIND(hh, builder->nodes, record->name.bytes, HASH_SIZE, node);
    if (node == NULL) {
        node = mem_calloc(1, sizeof(*node));
        if (node == NULL)
            return error_no_memory(err);
        node->record.name = record->name;
        HASH_ADD_KEYPTR(hh, builder->nodes, node->record.name.bytes, HASH_SIZE, node);
        if (node->hh.tbl == NULL) {
            mem_free(node);
            return error_no_memory(err);
        }
    } else if (node->record.body != NULL || record->body == NULL) {
        record_clear(record);
        return 0;
    }
    record_clear(&node->record);
    node->record = *record;
    *record = (struct record){0};
    keep_records(&node->record.condemned);
    return 0;
}

void history_builder_unreadable(struct history_builder *builder)
{
    builder->unreadable++;
}

/* ---- Order ---- */

static int compare_nodes(const void *a, const void *b)
{
    const struct record *x = &(*(struct node *const *)a)->record;
    const struct record *y = &(*(struct node *const *)b)->record;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return hash_compare(&x->name, &y->name);
}

static int compare_hashes(const void *a, const void *b)
{
    return hash_compare(a, b);
}

/* ---- The graph: heads and what is missing. Records that were not authenticated (no body) take no part in it ---- */

/* Names of records, sorted. */
struct names {
    struct hash *items;
    size_t count;
};

static void names_free(struct names *names)
{
    mem_free(names->items);
}

static bool names_have(const struct names *names, const struct hash *name)
{
    return names->count > 0 && bsearch(name, names->items, names->count, sizeof(*names->items), compare_hashes) != NULL;
}

/* What any record says may be gone: condemned records, and snapshots that were retired. */
static int collect_condemned(struct node *const *nodes, size_t count, struct names *ret, struct error *err)
{
    size_t room = 0;
    for (size_t i = 0; i < count; i++)
        room += nodes[i]->record.condemned.count + nodes[i]->record.retired_count;
    ret->items = mem_calloc(room, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &nodes[i]->record;
        /* Only records are left among what is condemned. */
        for (size_t j = 0; record->body != NULL && j < record->condemned.count; j++)
            ret->items[ret->count++] = record->condemned.rows[j].name;
        for (size_t j = 0; record->body != NULL && j < record->retired_count; j++)
            ret->items[ret->count++] = record->retired[j];
    }
    extsort_array(ret->items, ret->count, sizeof(*ret->items), HASH_SIZE);
    return 0;
}

/* Mark what is named; count the names that lead nowhere. */
static size_t mark_named(struct history_builder *builder, struct node *const *nodes, size_t count,
                         const struct names *condemned, struct hash *missing)
{
    size_t missing_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &nodes[i]->record;
        for (size_t j = 0; record->body != NULL && j < record->previous_count; j++) {
            struct node *previous;
            HASH_FIND(hh, builder->nodes, record->previous[j].bytes, HASH_SIZE, previous);
            if (previous != NULL && previous->record.body != NULL)
                previous->named = true;
            else if (names_have(condemned, &record->previous[j]))
                continue;
            else if (missing != NULL)
                missing[missing_count++] = record->previous[j];
            else
                missing_count++;
        }
        for (size_t j = 0; record->body != NULL && j < record->linked_count; j++) {
            struct node *linked;
            HASH_FIND(hh, builder->nodes, record->linked[j].bytes, HASH_SIZE, linked);
            if (linked != NULL)
                linked->named = true;
        }
    }
    return missing_count;
}

static int find_missing(struct history_builder *builder, struct node *const *nodes, size_t count, struct history *ret,
                        struct error *err)
{
    CLEANUP(names_free) struct names condemned = {0};
    if (collect_condemned(nodes, count, &condemned, err) != 0)
        return -1;
    size_t missing = mark_named(builder, nodes, count, &condemned, NULL);
    if (missing == 0)
        return 0;
    ret->missing = mem_calloc(missing, sizeof(*ret->missing));
    if (ret->missing == NULL)
        return error_no_memory(err);
    (void)mark_named(builder, nodes, count, &condemned, ret->missing);
    qsort(ret->missing, missing, sizeof(*ret->missing), compare_hashes);
    ret->missing_count = 1;
    for (size_t i = 1; i < missing; i++)
        if (!hash_equal(&ret->missing[i], &ret->missing[ret->missing_count - 1]))
            ret->missing[ret->missing_count++] = ret->missing[i];
    return 0;
}

/* In the order of the records: the last is the newest. */
static int find_heads(struct node *const *nodes, size_t count, struct history *ret, struct error *err)
{
    size_t heads = 0;
    for (size_t i = 0; i < count; i++)
        heads += nodes[i]->record.body != NULL && !nodes[i]->named;
    ret->heads = mem_calloc(heads, sizeof(*ret->heads));
    if (ret->heads == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        if (nodes[i]->record.body != NULL && !nodes[i]->named)
            ret->heads[ret->head_count++] = nodes[i]->record.name;
    return 0;
}

static void find_newest(struct node *const *nodes, size_t count, struct history *ret)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &nodes[i]->record;
        if (record->body == NULL)
            continue;
        if (record->sequence > ret->sequence)
            ret->sequence = record->sequence;
        if (!any || record->time_ns > ret->last_time_ns)
            ret->last_time_ns = record->time_ns;
        any = true;
    }
}

static int build(struct history_builder *builder, struct node **nodes, struct record **records, struct history *ret,
                 struct error *err)
{
    size_t count = 0;
    for (struct node *node = builder->nodes; node != NULL; node = node->hh.next)
        nodes[count++] = node;
    if (count > 1)
        qsort(nodes, count, sizeof(struct node *), compare_nodes);
    for (size_t i = 0; i < count; i++)
        records[i] = &nodes[i]->record;
    ret->unreadable = builder->unreadable;
    find_newest(nodes, count, ret);
    if (find_missing(builder, nodes, count, ret, err) != 0 || find_heads(nodes, count, ret, err) != 0)
        return -1;
    /* Last, as it takes bodies out of the records. */
    return history_fold(records, count, ret, err);
}

int history_builder_finish(struct history_builder *builder, struct history *ret, struct error *err)
{
    *ret = (struct history){0};
    size_t count = HASH_COUNT(builder->nodes);
    CLEANUP_FREE struct node **nodes = mem_calloc(count, sizeof(struct node *));
    CLEANUP_FREE struct record **records = mem_calloc(count, sizeof(struct record *));
    if (nodes == NULL || records == NULL)
        return error_no_memory(err);
    if (build(builder, nodes, records, ret, err) != 0) {
        history_clear(ret);
        return -1;
    }
    return 0;
}

/* ---- Clearing ---- */

void history_snapshot_clear(struct history_snapshot *snapshot)
{
    mem_free(snapshot->tag);
    mem_free(snapshot->host);
    mem_free(snapshot->version);
    mem_free(snapshot->sources);
    mem_free(snapshot->parts);
    roster_free(&snapshot->roster);
    *snapshot = (struct history_snapshot){.name = ""};
}

void history_hold_clear(struct history_hold *hold)
{
    mem_free(hold->who);
    mem_free(hold->why);
    mem_free(hold->until);
    *hold = (struct history_hold){.id = ""};
}

static void source_clear(struct history_source *source)
{
    mem_free(source->name);
    mem_free(source->spec);
    for (size_t i = 0; i < source->exclude_count; i++)
        mem_free(source->exclude[i]);
    mem_free(source->exclude);
}

void history_tenant_clear(struct history_tenant *tenant)
{
    mem_free(tenant->name);
    mem_free(tenant->policy);
    mem_free(tenant->state);
    mem_free(tenant->class_);
    mem_free(tenant->labels);
    mem_free(tenant->checks);
    for (size_t i = 0; i < tenant->source_count; i++)
        source_clear(&tenant->sources[i]);
    mem_free(tenant->sources);
    *tenant = (struct history_tenant){0};
}

static void facts_clear(struct history_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(facts[i].key);
        mem_free(facts[i].body);
    }
    mem_free(facts);
}

bool history_hold_in_force(const struct history_hold *hold, int64_t now_ns)
{
    int64_t until_ns;
    return hold->until == NULL || clock_parse(hold->until, &until_ns, NULL) != 0 || until_ns > now_ns;
}

void history_clear(struct history *history)
{
    history_tenant_clear(&history->tenant);
    for (size_t i = 0; i < history->snapshot_count; i++)
        history_snapshot_clear(&history->snapshots[i]);
    mem_free(history->snapshots);
    for (size_t i = 0; i < history->hold_count; i++)
        history_hold_clear(&history->holds[i]);
    mem_free(history->holds);
    for (size_t i = 0; i < history->stage_count; i++) {
        mem_free(history->stages[i].policy);
        mem_free(history->stages[i].state);
        mem_free(history->stages[i].class_);
    }
    mem_free(history->stages);
    facts_clear(history->facts, history->fact_count);
    facts_clear(history->past, history->past_count);
    mem_free(history->heads);
    mem_free(history->missing);
    *history = (struct history){0};
}

/* ---- Looking up ---- */

bool history_is_aside(bool on_demand, const char *tag)
{
    return on_demand && tag != NULL && (strncmp(tag, "log.", 4) == 0 || strcmp(tag, "survivors") == 0);
}

/* What is kept aside is the latest only of a tenant that has nothing else. */
const struct history_snapshot *history_latest(const struct history *history)
{
    const struct history_snapshot *aside = NULL;
    for (size_t i = history->snapshot_count; i > 0; i--) {
        const struct history_snapshot *snapshot = &history->snapshots[i - 1];
        if (snapshot->retired)
            continue;
        if (!history_is_aside(snapshot->on_demand, snapshot->tag))
            return snapshot;
        if (aside == NULL)
            aside = snapshot;
    }
    return aside;
}

/* The snapshots with this prefix: how many there are, and the last of them. */
static size_t match(const struct history *history, const char *prefix, bool retired,
                    const struct history_snapshot **ret)
{
    size_t size = strlen(prefix);
    size_t count = 0;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        if (snapshot->retired != retired || strncmp(snapshot->name, prefix, size) != 0)
            continue;
        *ret = snapshot;
        count++;
    }
    return count;
}

static bool name_is_well_formed(const char *name)
{
    size_t size = strlen(name);
    return size >= 4 && size < SNAPSHOT_NAME_SIZE && strspn(name, "0123456789abcdef") == size;
}

static int find_latest(const struct history *history, const struct history_snapshot **ret, struct error *err)
{
    *ret = history_latest(history);
    return *ret != NULL ? 0 : error_set(err, ERROR_NOT_FOUND, "the tenant has no snapshot");
}

int history_find(const struct history *history, const char *name, const struct history_snapshot **ret,
                 struct error *err)
{
    if (strcmp(name, "latest") == 0)
        return find_latest(history, ret, err);
    if (!name_is_well_formed(name)) {
        (void)error_set(err, ERROR_USAGE, "'%s' is no name of a snapshot", name);
        return error_hint(err, "give 4 to 16 of the digits that `hikae snapshots` shows, or \"latest\"");
    }
    size_t count = match(history, name, false, ret);
    if (count == 0)
        count = match(history, name, true, ret);
    if (count == 1)
        return 0;
    if (count == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "the tenant has no snapshot %s", name);
        return error_hint(err, "`hikae snapshots` shows those that there are");
    }
    (void)error_set(err, ERROR_USAGE, "%zu snapshots begin with %s", count, name);
    return error_hint(err, "give more digits");
}

int history_at(const struct history *history, int64_t time_ns, const struct history_snapshot **ret, struct error *err)
{
    for (size_t i = history->snapshot_count; i > 0; i--) {
        const struct history_snapshot *snapshot = &history->snapshots[i - 1];
        if (snapshot->retired || snapshot->time_ns > time_ns)
            continue;
        *ret = snapshot;
        return 0;
    }
    char text[CLOCK_TEXT_SIZE];
    (void)error_set(err, ERROR_NOT_FOUND, "the tenant has no snapshot of %s or before", clock_format(time_ns, text));
    return error_hint(err, "`hikae snapshots` shows those that there are");
}
