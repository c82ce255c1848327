#include "base/hex.h"
#include "repo/history_internal.h"

#include <stdlib.h>

/* A snapshot by the bytes of its name. Of two that share them (2^-64 a pair) the first in order is found. */
struct snapshot_node {
    struct history_snapshot *snapshot;
    UT_hash_handle hh;
};

struct hold_node {
    struct history_hold hold;
    UT_hash_handle hh;
};

struct fact_node {
    struct history_fact fact;
    char *key; /* the record's type and the fact's key, as one text */
    UT_hash_handle hh;
};

struct fold {
    struct history *history;
    struct snapshot_node *nodes; /* one a snapshot; the table's memory */
    struct snapshot_node *snapshots;
    struct hold_node *holds;
    struct fact_node *facts;
};

static void hold_node_free(struct hold_node *node)
{
    history_hold_clear(&node->hold);
    mem_free(node);
}

static void fact_node_free(struct fact_node *node)
{
    mem_free(node->fact.key);
    mem_free(node->fact.body);
    mem_free(node->key);
    mem_free(node);
}

static void fold_clear(struct fold *fold)
{
    HASH_CLEAR(hh, fold->snapshots);
    mem_free(fold->nodes);
    struct hold_node *hold, *next_hold;
    HASH_ITER(hh, fold->holds, hold, next_hold)
    {
        HASH_DEL(fold->holds, hold);
        hold_node_free(hold);
    }
    struct fact_node *fact, *next_fact;
    HASH_ITER(hh, fold->facts, fact, next_fact)
    {
        HASH_DEL(fold->facts, fact);
        fact_node_free(fact);
    }
}

/* ---- Snapshots ---- */

static int add_snapshot(struct fold *fold, struct record *record, struct error *err)
{
    struct history *history = fold->history;
    struct history_snapshot *snapshot = &history->snapshots[history->snapshot_count];
    int status = history_parse_snapshot(record->body, snapshot, err);
    if (status != 1)
        return status;
    (void)hex_encode(record->name.bytes, SNAPSHOT_KEY_SIZE, snapshot->name);
    snapshot->record = record->name;
    snapshot->sequence = record->sequence;
    snapshot->time_ns = record->time_ns;
    snapshot->has_roster = record->has_roster;
    snapshot->roster = record->roster;
    record->roster = (struct roster){0};
    snapshot->parts = record->parts;
    snapshot->part_count = record->part_count;
    record->parts = NULL;
    record->part_count = 0;

    struct snapshot_node *node = &fold->nodes[history->snapshot_count++];
    struct snapshot_node *known;
    node->snapshot = snapshot;
    HASH_FIND(hh, fold->snapshots, snapshot->record.bytes, SNAPSHOT_KEY_SIZE, known);
    if (known != NULL)
        return 1;
    HASH_ADD_KEYPTR(hh, fold->snapshots, snapshot->record.bytes, SNAPSHOT_KEY_SIZE, node);
    return node->hh.tbl != NULL ? 1 : error_no_memory(err);
}

static struct history_snapshot *find_snapshot(const struct fold *fold, const uint8_t key[SNAPSHOT_KEY_SIZE])
{
    struct snapshot_node *node;
    HASH_FIND(hh, fold->snapshots, key, SNAPSHOT_KEY_SIZE, node);
    return node != NULL ? node->snapshot : NULL;
}

/* What is retired stands in the clear part (FORMAT.md §7): a body that cannot be understood takes nothing back. */
static int retire(struct fold *fold, const struct record *record, struct error *err)
{
    for (size_t i = 0; i < record->retired_count; i++) {
        struct history_snapshot *snapshot = find_snapshot(fold, record->retired[i].bytes);
        if (snapshot == NULL || !hash_equal(&snapshot->record, &record->retired[i]))
            continue;
        snapshot->retired = true;
        if (record->type == RECORD_RETIRE && snapshot->retired_ns == 0)
            snapshot->retired_ns = record->time_ns;
    }
    return history_parse_any(record->body, err);
}

/* A snapshot whose record is condemned is as good as retired: where the record still lies, it means nothing. */
static int condemn(struct fold *fold, const struct record *record, struct error *err)
{
    for (size_t i = 0; i < record->condemned.count; i++) {
        struct history_snapshot *snapshot = find_snapshot(fold, record->condemned.rows[i].name.bytes);
        if (snapshot != NULL && hash_equal(&snapshot->record, &record->condemned.rows[i].name))
            snapshot->retired = true;
    }
    return retire(fold, record, err);
}

static int take_roster(struct history_snapshot *snapshot, const struct record *record, struct error *err)
{
    struct roster roster = {.count = record->roster.count, .capacity = record->roster.count};
    roster.rows = mem_dup(record->roster.rows, roster.count * sizeof(*roster.rows));
    struct roster_row *parts = mem_dup(record->parts, record->part_count * sizeof(*parts));
    if (roster.rows == NULL || parts == NULL) {
        mem_free(roster.rows);
        mem_free(parts);
        return error_no_memory(err);
    }
    roster_free(&snapshot->roster);
    mem_free(snapshot->parts);
    snapshot->roster = roster;
    snapshot->has_roster = record->has_roster;
    snapshot->parts = parts;
    snapshot->part_count = record->part_count;
    snapshot->has_new_roster = true;
    snapshot->roster_record = record->name;
    return 0;
}

/* The latest record that names a snapshot says what it needs, whole: never a sum of several. */
static int set_roster(struct fold *fold, const struct record *record, struct error *err)
{
    for (size_t i = 0; i < record->snapshot_count; i++) {
        struct history_snapshot *snapshot = find_snapshot(fold, record->snapshots[i].bytes);
        if (snapshot != NULL && hash_equal(&snapshot->record, &record->snapshots[i]) &&
            take_roster(snapshot, record, err) != 0)
            return -1;
    }
    return history_parse_any(record->body, err);
}

static int set_tag(struct fold *fold, const struct record *record, struct error *err)
{
    struct history_tag tag;
    int status = history_parse_tag(record->body, &tag, err);
    struct history_snapshot *snapshot = status == 1 ? find_snapshot(fold, tag.snapshot) : NULL;
    if (snapshot != NULL && tag.sets_tag) {
        mem_free(snapshot->tag);
        snapshot->tag = tag.tag;
        tag.tag = NULL;
    }
    if (snapshot != NULL && tag.sets_keep_until)
        snapshot->keep_until_ns = tag.keep_until_ns;
    mem_free(tag.tag);
    return status;
}

static int mark_verified(struct fold *fold, const struct record *record, struct error *err)
{
    uint8_t key[SNAPSHOT_KEY_SIZE] = {0};
    bool sound = false;
    int status = history_parse_verified(record->body, key, &sound, err);
    struct history_snapshot *snapshot = status == 1 && sound ? find_snapshot(fold, key) : NULL;
    if (snapshot != NULL && record->time_ns > snapshot->verified_ns)
        snapshot->verified_ns = record->time_ns;
    return status;
}

/* ---- The tenant, holds, facts ---- */

/* Evidence asks what a tenant was at an instant. */
static int add_stage(struct history *history, const struct history_tenant *tenant, int64_t time_ns, struct error *err)
{
    struct history_stage *grown = mem_realloc(history->stages, (history->stage_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    history->stages = grown;
    struct history_stage *stage = &grown[history->stage_count++];
    *stage = (struct history_stage){time_ns,
                                    mem_strdup(tenant->policy),
                                    mem_strdup(tenant->state),
                                    mem_strdup(tenant->class_),
                                    tenant->not_before_ns,
                                    tenant->ends_ns};
    return stage->policy != NULL && stage->state != NULL && stage->class_ != NULL ? 1 : error_no_memory(err);
}

static int set_tenant(struct fold *fold, const struct record *record, struct error *err)
{
    struct history_tenant tenant;
    int status = history_parse_tenant(record->body, &tenant, err);
    if (status != 1)
        return status;
    history_tenant_clear(&fold->history->tenant);
    fold->history->tenant = tenant;
    fold->history->has_tenant = true;
    return add_stage(fold->history, &fold->history->tenant, record->time_ns, err);
}

/* Takes the hold over. The same id again replaces what was said before, but not since when. */
static int put_hold(struct fold *fold, struct history_hold *hold, struct error *err)
{
    struct hold_node *node;
    HASH_FIND_STR(fold->holds, hold->id, node);
    if (node != NULL) {
        hold->since_ns = node->hold.since_ns;
        history_hold_clear(&node->hold);
        node->hold = *hold;
        return 1;
    }
    node = mem_calloc(1, sizeof(*node));
    if (node == NULL) {
        history_hold_clear(hold);
        return error_no_memory(err);
    }
    node->hold = *hold;
    HASH_ADD_KEYPTR(hh, fold->holds, node->hold.id, strlen(node->hold.id), node);
    if (node->hh.tbl != NULL)
        return 1;
    hold_node_free(node);
    return error_no_memory(err);
}

/* A hold that nobody can read holds until somebody who can has removed it. */
static int unreadable_hold(const struct record *record, struct history_hold *ret, struct error *err)
{
    *ret = (struct history_hold){.who = mem_strdup("unreadable"),
                                 .why = mem_strdup("the record of this hold cannot be read")};
    (void)hex_encode(record->name.bytes, 16, ret->id);
    if (ret->who != NULL && ret->why != NULL)
        return 1;
    history_hold_clear(ret);
    return error_no_memory(err);
}

static int add_hold(struct fold *fold, const struct record *record, struct error *err)
{
    struct history_hold hold;
    int status = record->body != NULL ? history_parse_hold(record->body, &hold, err) : 0;
    if (status == 0)
        status = unreadable_hold(record, &hold, err);
    if (status != 1)
        return -1;
    hold.since_ns = record->time_ns;
    if (put_hold(fold, &hold, err) != 1)
        return -1;
    return record->body != NULL ? 1 : 0;
}

static int remove_hold(struct fold *fold, const struct record *record, struct error *err)
{
    char id[33] = "";
    int status = history_parse_unhold(record->body, id, err);
    struct hold_node *node = NULL;
    if (status == 1)
        HASH_FIND_STR(fold->holds, id, node);
    if (node != NULL) {
        HASH_DEL(fold->holds, node);
        hold_node_free(node);
    }
    return status;
}

/* What a fact said until now moves to those of the past: evidence asks what was in force at an instant. */
static int put_past(struct history *history, struct history_fact *fact, struct error *err)
{
    struct history_fact *grown = mem_realloc(history->past, (history->past_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    history->past = grown;
    char *key = mem_strdup(fact->key);
    if (key == NULL)
        return error_no_memory(err);
    grown[history->past_count++] = (struct history_fact){fact->type, key, fact->body, fact->time_ns, fact->sequence};
    fact->body = NULL;
    return 0;
}

/* The body becomes the fact's; `key` is taken over. */
static int put_fact(struct fold *fold, struct record *record, char *key, struct error *err)
{
    char *full = mem_printf("%d/%s", (int)record->type, key);
    if (full == NULL) {
        mem_free(key);
        return error_no_memory(err);
    }
    struct fact_node *node;
    HASH_FIND_STR(fold->facts, full, node);
    if (node != NULL) {
        mem_free(key);
        mem_free(full);
        if (put_past(fold->history, &node->fact, err) != 0)
            return -1;
    } else {
        node = mem_calloc(1, sizeof(*node));
        if (node == NULL) {
            mem_free(key);
            mem_free(full);
            return error_no_memory(err);
        }
        node->key = full;
        node->fact.type = record->type;
        node->fact.key = key;
        HASH_ADD_KEYPTR(hh, fold->facts, full, strlen(full), node);
        if (node->hh.tbl == NULL) {
            fact_node_free(node);
            return error_no_memory(err);
        }
    }
    node->fact.body = record->body;
    node->fact.time_ns = record->time_ns;
    node->fact.sequence = record->sequence;
    record->body = NULL;
    return 1;
}

static int set_fact(struct fold *fold, struct record *record, struct error *err)
{
    char *key = NULL;
    int status = history_parse_fact(record->type, record->body, &key, err);
    return status == 1 ? put_fact(fold, record, key, err) : status;
}

/* ---- The fold ---- */

/* 1, 0 if the record cannot be understood, -1. Snapshots are there already. */
static int apply(struct fold *fold, struct record *record, struct error *err)
{
    if (record->type == RECORD_HOLD)
        return add_hold(fold, record, err);
    if (record->body == NULL)
        return 0;
    if (history_is_fact(record->type))
        return set_fact(fold, record, err);
    switch (record->type) {
    case RECORD_TENANT:
        return set_tenant(fold, record, err);
    case RECORD_SNAPSHOT:
        return 1;
    case RECORD_RETIRE:
        return retire(fold, record, err);
    case RECORD_UNHOLD:
        return remove_hold(fold, record, err);
    case RECORD_TAG:
        return set_tag(fold, record, err);
    case RECORD_VERIFIED:
        return mark_verified(fold, record, err);
    case RECORD_CONDEMN:
        return condemn(fold, record, err);
    case RECORD_ROSTER:
        return set_roster(fold, record, err);
    default: /* of a later version: skipped, as long as it is a record at all */
        break;
    }
    return history_parse_any(record->body, err);
}

/*
 * Snapshots come first, as what is said of one may sort before it: after a fork, or by a clock that was wrong.
 */
static int fold_snapshots(struct fold *fold, struct record *const *records, size_t count, struct error *err)
{
    size_t snapshots = 0;
    for (size_t i = 0; i < count; i++)
        snapshots += records[i]->type == RECORD_SNAPSHOT;
    fold->history->snapshots = mem_calloc(snapshots, sizeof(*fold->history->snapshots));
    fold->nodes = mem_calloc(snapshots, sizeof(*fold->nodes));
    if (fold->history->snapshots == NULL || fold->nodes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (records[i]->type != RECORD_SNAPSHOT || records[i]->body == NULL)
            continue;
        int status = add_snapshot(fold, records[i], err);
        if (status < 0)
            return -1;
        fold->history->unreadable += status == 0;
    }
    return 0;
}

static int fold_rest(struct fold *fold, struct record *const *records, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int status = apply(fold, records[i], err);
        if (status < 0)
            return -1;
        fold->history->unreadable += status == 0;
    }
    return 0;
}

/* Out of the tables, in the order in which they came: that of the records. */
static int collect(struct fold *fold, struct error *err)
{
    struct history *history = fold->history;
    history->holds = mem_calloc(HASH_COUNT(fold->holds), sizeof(*history->holds));
    history->facts = mem_calloc(HASH_COUNT(fold->facts), sizeof(*history->facts));
    if (history->holds == NULL || history->facts == NULL)
        return error_no_memory(err);
    for (struct hold_node *node = fold->holds; node != NULL; node = node->hh.next) {
        history->holds[history->hold_count++] = node->hold;
        node->hold = (struct history_hold){.id = ""};
    }
    for (struct fact_node *node = fold->facts; node != NULL; node = node->hh.next) {
        history->facts[history->fact_count++] = node->fact;
        node->fact = (struct history_fact){.type = 0};
    }
    return 0;
}

static int compare_snapshots(const void *a, const void *b)
{
    const struct history_snapshot *x = a;
    const struct history_snapshot *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return hash_compare(&x->record, &y->record);
}

int history_fold(struct record *const *records, size_t count, struct history *ret, struct error *err)
{
    CLEANUP(fold_clear) struct fold fold = {.history = ret};
    if (fold_snapshots(&fold, records, count, err) != 0 || fold_rest(&fold, records, count, err) != 0 ||
        collect(&fold, err) != 0)
        return -1;
    HASH_CLEAR(hh, fold.snapshots);
    if (ret->snapshot_count > 1)
        qsort(ret->snapshots, ret->snapshot_count, sizeof(*ret->snapshots), compare_snapshots);
    return 0;
}
