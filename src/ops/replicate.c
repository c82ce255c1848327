/*
 * hikae_replicate: bring targets that are behind up to date, snapshot by
 * snapshot. What is copied follows from rosters and records, never from a
 * listing alone: what only retired snapshots need does not come back.
 */
#include "base/file.h"
#include "base/mem.h"
#include "ops/audit_store.h"
#include "ops/copies.h"
#include "ops/policies.h"

#include <stdio.h>
#include <stdlib.h>

enum { TARGETS_MAX = 64 };

struct replicate {
    struct hikae *hikae;
    uint64_t selected;
    bool dry_run;
    struct hikae_replicate_result *ret;
    struct error failed[TARGETS_MAX]; /* why a target was given up in this run */
};

/* A record, and its place in the order of writing. */
struct ordered_record {
    const struct chain_record *record;
    uint64_t sequence;
    bool readable;
};

static bool is_open(const struct replicate *replicate, size_t target)
{
    return (replicate->selected >> target & 1) != 0 && replicate->hikae->targets[target].up &&
           replicate->failed[target].class == ERROR_NONE;
}

/* A target that failed is left out from now on, which its state tells in the end; -1 if it was no target's failure. */
static int give_up(struct replicate *replicate, size_t target, const struct error *why, struct error *err)
{
    if (copy_is_fatal(why)) {
        *err = *why;
        return -1;
    }
    replicate->failed[target] = *why;
    engine_warn(replicate->hikae, "%s is given up: %s", replicate->hikae->targets[target].name, why->what);
    return 0;
}

/*
 * Copy an object to the targets of `to` (bits). A target that does not take it is given up; an object that is sound
 * nowhere is *err, and no target's fault. *ret_done: the targets that have it now.
 */
static int copy_object(struct replicate *replicate, const struct copy_place *place, const struct copy_item *item,
                       uint64_t to, bool mend, uint64_t *ret_done, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    *ret_done = 0;
    if (cancel_check(&replicate->hikae->cancel, err) != 0)
        return -1;
    if (!replicate->dry_run && copy_find(place, item, to, &object, err) != 0) {
        char name[OBJECT_NAME_SIZE];
        return error_wrap(err, "copy %s", copy_name(place->tid, item, name));
    }
    for (size_t i = 0; i < replicate->hikae->target_count; i++) {
        struct error why = {0};
        if ((to >> i & 1) == 0 || !is_open(replicate, i))
            continue;
        if (!replicate->dry_run && copy_put(place, i, item, &object, mend, &why) != 0) {
            if (give_up(replicate, i, &why, err) != 0)
                return -1;
            continue;
        }
        *ret_done |= UINT64_C(1) << i;
        replicate->ret->copied++;
        replicate->ret->bytes += replicate->dry_run ? item->size : object.size;
    }
    return 0;
}

/* ---- New targets, and the keystore ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct copy_item *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return hash_compare(&x->hash, &y->hash);
}

/* All entries of all targets, each once. */
static int list_all_keys(struct replicate *replicate, struct copy_item **ret, size_t *ret_count, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    size_t capacity = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct error why = {0};
        if (hikae->targets[i].up && copy_list_keys(hikae, i, ret, ret_count, &capacity, &why) != 0 &&
            give_up(replicate, i, &why, err) != 0)
            return -1;
    }
    if (*ret_count == 0)
        return 0;
    qsort(*ret, *ret_count, sizeof(**ret), compare_keys);
    size_t kept = 1;
    for (size_t i = 1; i < *ret_count; i++)
        if (compare_keys(&(*ret)[i], &(*ret)[kept - 1]) != 0)
            (*ret)[kept++] = (*ret)[i];
    *ret_count = kept;
    return 0;
}

static int copy_keys(struct replicate *replicate, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    struct copy_place place = {hikae, &hikae->store.store_tid, NULL};
    CLEANUP_FREE struct copy_item *keys = NULL;
    size_t count = 0;
    if (list_all_keys(replicate, &keys, &count, err) != 0)
        return -1;
    for (size_t t = 0; t < hikae->target_count; t++) {
        CLEANUP_FREE struct copy_item *there = NULL;
        size_t there_count = 0, capacity = 0;
        uint64_t done;
        if (!is_open(replicate, t))
            continue;
        struct error why = {0};
        if (copy_list_keys(hikae, t, &there, &there_count, &capacity, &why) != 0) {
            if (give_up(replicate, t, &why, err) != 0)
                return -1;
            continue;
        }
        if (there_count > 0)
            qsort(there, there_count, sizeof(*there), compare_keys);
        for (size_t i = 0; i < count; i++) {
            if (there_count > 0 && bsearch(&keys[i], there, there_count, sizeof(*there), compare_keys) != NULL)
                continue;
            if (copy_object(replicate, &place, &keys[i], UINT64_C(1) << t, false, &done, err) != 0)
                return -1;
        }
    }
    return 0;
}

/*
 * A target that holds no store: keystore first, the store object last, so that it is a copy of this store only when it
 * can be opened as one. A folder that is missing altogether is made only for whoever names the target: a disk that is
 * not mounted must not become an empty store.
 */
static int prepare_target(struct replicate *replicate, size_t number, bool create, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    struct run_target *t = &hikae->targets[number];
    const struct config_target *from = &hikae->config->targets[number];
    struct copy_place place = {hikae, &hikae->store.store_tid, NULL};
    const struct copy_item store = {.class = 's'};
    struct store_info info;
    struct error why = {0};
    uint64_t bit = UINT64_C(1) << number, done;
    /* A dry run makes no folder, and counts what an empty one would get. */
    if (engine_open_target(hikae, from, create && !replicate->dry_run, &t->target, &why) != 0) {
        t->why = why;
        if (replicate->dry_run && create)
            engine_warn(hikae, "what %s would get is not counted: a dry run makes no folder", t->name);
        return 0;
    }
    if (store_read(t->target, &info, &why) == 0 || why.class != ERROR_NOT_FOUND) {
        target_close(t->target);
        t->target = NULL;
        return 0;
    }
    t->up = true;
    t->why = (struct error){0};
    if ((!replicate->dry_run && copy_keys(replicate, err) != 0) ||
        copy_object(replicate, &place, &store, bit, false, &done, err) != 0)
        return error_wrap(err, "prepare %s", t->name);
    if (done == 0) {
        t->up = false;
        t->why = replicate->failed[number];
        return 0;
    }
    if (replicate->dry_run)
        return 0;
    hikae->opened[hikae->opened_count++] = t->target;
    engine_warn(hikae, "%s was empty: it is now a copy of this store", t->name);
    return 0;
}

static int prepare_targets(struct replicate *replicate, const char *to, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    for (size_t i = 0; i < hikae->target_count; i++) {
        const struct run_target *t = &hikae->targets[i];
        bool named = to != NULL && strcmp(to, t->name) == 0;
        if (t->target != NULL || (replicate->selected >> i & 1) == 0)
            continue;
        if ((t->why.class == ERROR_NOT_FOUND || (named && t->why.class == ERROR_UNREACHABLE)) &&
            prepare_target(replicate, i, named, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- A tenant ---- */

/* The objects of one snapshot, to all targets that lack them. */
static int copy_snapshot(struct replicate *replicate, struct session *session, const struct copy_place *place,
                         const struct history_snapshot *snapshot, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    CLEANUP(roster_free) struct roster roster = {0};
    if (session_roster(session, snapshot, true, &roster, err) != 0)
        return -1;
    struct roster added[TARGETS_MAX] = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < roster.count; i++) {
        const struct roster_row *row = &roster.rows[i];
        struct copy_item item = {.class = object_class_letter(row->class), .hash = row->name, .size = row->size};
        uint64_t lacking = 0, odd = 0, done;
        for (size_t t = 0; t < hikae->target_count; t++) {
            const struct presence *present = &hikae->targets[t].present;
            if (!is_open(replicate, t) || presence_has(present, row->class, &row->name, row->size))
                continue;
            if (presence_has(present, row->class, &row->name, 0))
                odd |= UINT64_C(1) << t;
            else
                lacking |= UINT64_C(1) << t;
        }
        if (lacking != 0) {
            rc = copy_object(replicate, place, &item, lacking, false, &done, err);
            lacking = done;
        }
        if (rc == 0 && odd != 0) {
            rc = copy_object(replicate, place, &item, odd, true, &done, err);
            lacking |= done;
        }
        for (size_t t = 0; rc == 0 && t < hikae->target_count; t++)
            if ((lacking >> t & 1) != 0)
                rc = roster_add(&added[t], row->class, &row->name, row->size, err);
    }
    for (size_t t = 0; t < hikae->target_count; t++) {
        if (added[t].count > 0 && presence_add(&hikae->targets[t].present, &added[t], rc == 0 ? err : NULL) != 0)
            rc = -1;
        roster_free(&added[t]);
    }
    return rc;
}

static int compare_ordered(const void *a, const void *b)
{
    const struct ordered_record *x = a, *y = b;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return strcmp(x->record->name, y->record->name);
}

/* Records in the order in which they were written. What cannot be read any more comes last, and is not copied. */
static int order_records(struct session *session, const struct copy_place *place, struct ordered_record **ret,
                         struct error *err)
{
    const struct chain *chain = &session->chain;
    CLEANUP(buf_free) struct buf object = {0};
    struct ordered_record *list = mem_calloc(chain->record_count + 1, sizeof(*list));
    if (list == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < chain->record_count; i++) {
        struct copy_item item = {.class = 'h', .hash = chain->records[i].hash, .last = chain->records[i].name};
        struct record record = {0};
        struct error why = {0};
        list[i] = (struct ordered_record){.record = &chain->records[i], .sequence = UINT64_MAX};
        if (copy_find(place, &item, 0, &object, &why) == 0 &&
            record_parse_clear(object.data, object.size, &record, &why) == 0) {
            list[i].sequence = record.sequence;
            list[i].readable = true;
        }
        record_clear(&record);
        if (copy_is_fatal(&why)) {
            mem_free(list);
            *err = why;
            return -1;
        }
    }
    if (chain->record_count > 1)
        qsort(list, chain->record_count, sizeof(*list), compare_ordered);
    *ret = list;
    return 0;
}

static const struct history_snapshot *snapshot_of(const struct history *history, const struct hash *record)
{
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (hash_equal(&history->snapshots[i].record, record))
            return &history->snapshots[i];
    return NULL;
}

/* One record to the targets that lack it: of a snapshot in force, its objects first. */
static int copy_record(struct replicate *replicate, struct session *session, const struct copy_place *place,
                       const struct chain_record *record, struct error *err)
{
    const struct hikae *hikae = replicate->hikae;
    const struct history_snapshot *snapshot = snapshot_of(&session->chain.history, &record->hash);
    struct copy_item item = {.class = 'h', .hash = record->hash, .last = record->name};
    uint64_t lacking = 0, done;
    if (roster_has(&session->chain.condemned, OBJECT_RECORD, &record->hash))
        return 0; /* it is on its way out, and does not come back */
    if (snapshot != NULL && !snapshot->retired && copy_snapshot(replicate, session, place, snapshot, err) != 0)
        return error_wrap(err, "snapshot %s", snapshot->name);
    for (size_t t = 0; t < hikae->target_count; t++)
        if (is_open(replicate, t) && (record->targets >> t & 1) == 0)
            lacking |= UINT64_C(1) << t;
    if (lacking == 0)
        return 0;
    if (copy_object(replicate, place, &item, lacking, false, &done, err) != 0)
        return -1;
    if (!replicate->dry_run)
        session->chain.records[record - session->chain.records].targets |= done;
    return 0;
}

/*
 * What cannot be had is skipped: the rest is worth copying. The target stays behind, and says so. Only a failure that
 * is nobody's in particular ends the run.
 */
static int copy_history(struct replicate *replicate, struct session *session, const struct copy_place *place,
                        struct error *err)
{
    struct ordered_record *list = NULL;
    if (order_records(session, place, &list, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < session->chain.record_count; i++) {
        struct error why = {0};
        if (!list[i].readable || copy_record(replicate, session, place, list[i].record, &why) == 0)
            continue;
        if (copy_is_fatal(&why)) {
            *err = why;
            rc = -1;
        } else {
            engine_warn(replicate->hikae, "%s%s%s", why.chain, why.chain[0] != '\0' ? ": " : "", why.what);
        }
    }
    mem_free(list);
    return rc;
}

static int note_behind(struct replicate *replicate, size_t target, const char *state, const char *why,
                       struct error *err)
{
    struct hikae_replicate_result *ret = replicate->ret;
    const char *name = replicate->hikae->targets[target].name;
    for (size_t i = 0; i < ret->behind_count; i++)
        if (strcmp(ret->behind[i].name, name) == 0)
            return 0;
    struct hikae_target_state *grown = mem_realloc(ret->behind, (ret->behind_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->behind = grown;
    struct hikae_target_state *entry = &grown[ret->behind_count++];
    entry->name = mem_strdup(name);
    entry->state = mem_strdup(state);
    entry->why = mem_strdup(why);
    return entry->name != NULL && entry->state != NULL && entry->why != NULL ? 0 : error_no_memory(err);
}

/* Which targets do not count for the latest snapshot, now that everything was tried. */
static int judge_targets(struct replicate *replicate, struct session *session, struct error *err)
{
    const struct hikae *hikae = replicate->hikae;
    const struct history_snapshot *latest = history_latest(&session->chain.history);
    uint64_t counting = 0;
    if (latest == NULL)
        return 0;
    struct error why = {0};
    if (session_counting(session, latest, &counting, &why) != 0 && copy_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    for (size_t t = 0; t < hikae->target_count; t++) {
        char text[ERROR_WHAT_SIZE + 128];
        if ((replicate->selected >> t & 1) == 0 || (counting >> t & 1) != 0)
            continue;
        const struct error *reason = replicate->failed[t].class != ERROR_NONE ? &replicate->failed[t]
                                     : !hikae->targets[t].up                  ? &hikae->targets[t].why
                                                                              : &why;
        (void)snprintf(text, sizeof(text), "tenant %.64s, snapshot %s: %s", session->tenant, latest->name,
                       reason->class != ERROR_NONE ? reason->what
                       : replicate->dry_run        ? "it would be copied"
                                                   : "part of it is sound nowhere");
        if (note_behind(replicate, t, hikae->targets[t].up ? "behind" : "unreachable", text, err) != 0)
            return -1;
    }
    return 0;
}

static int replicate_tenant(struct replicate *replicate, const char *tenant, struct error *err)
{
    struct session session;
    if (session_open(replicate->hikae, tenant, SESSION_INDEX, &session, err) != 0)
        return -1;
    session.objects.repair = false; /* what is copied is decided here, and only to the targets that were chosen */
    CLEANUP_FREE char *cache = engine_tenant_path(replicate->hikae, &session.tid, "h/", err);
    struct copy_place place = {replicate->hikae, &session.tid, cache};
    const struct history *history = &session.chain.history;
    int rc = cache != NULL ? 0 : -1;
    if (rc == 0 && history->has_tenant)
        rc = policies_check_residency(replicate->hikae, history->tenant.policy, err);
    if (rc == 0)
        rc = copy_history(replicate, &session, &place, err);
    /* What was only announced was counted once for all snapshots, and is not there. */
    for (size_t t = 0; replicate->dry_run && t < replicate->hikae->target_count; t++)
        roster_free(&replicate->hikae->targets[t].present.added);
    if (rc == 0)
        rc = judge_targets(replicate, &session, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "replicate %s", tenant);
}

/* The store's own history has records only. */
static int replicate_store(struct replicate *replicate, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    struct session session = {.hikae = hikae, .tid = hikae->store.store_tid, .tenant = "", .lock_fd = -1};
    CLEANUP_FREE char *cache = engine_tenant_path(hikae, &session.tid, "h/", err);
    if (cache == NULL || keystore_keyring(hikae->keystore, &session.tid, &keyring, err) != 0 ||
        chain_load(hikae, &session.tid, keyring, &session.chain, err) != 0)
        return -1;
    struct copy_place place = {hikae, &session.tid, cache};
    int rc = copy_history(replicate, &session, &place, err);
    chain_clear(&session.chain);
    return rc;
}

static int replicate_named(const char *tenant, void *context, struct error *err)
{
    return replicate_tenant(context, tenant, err);
}

static int do_replicate(struct replicate *replicate, const char *tenant, const char *to, struct error *err)
{
    struct hikae *hikae = replicate->hikae;
    size_t number;
    if (engine_keystore(hikae, err) != 0)
        return -1;
    replicate->selected = hikae->target_count == 64 ? UINT64_MAX : (UINT64_C(1) << hikae->target_count) - 1;
    if (to != NULL) {
        if (copy_target(hikae, to, &number, err) != 0)
            return -1;
        replicate->selected = UINT64_C(1) << number;
    }
    if (prepare_targets(replicate, to, err) != 0 || copy_keys(replicate, err) != 0 ||
        replicate_store(replicate, err) != 0 ||
        engine_each_tenant(replicate->hikae, tenant, replicate_named, replicate, err) != 0)
        return -1;
    /* Without any snapshot, too, a target that cannot be used is behind. */
    for (size_t t = 0; t < hikae->target_count; t++)
        if ((replicate->selected >> t & 1) != 0 && !hikae->targets[t].up &&
            note_behind(replicate, t, "unreachable", hikae->targets[t].why.what, err) != 0)
            return -1;
    return 0;
}

/* Logs belong to no tenant: whoever brings everything brings them too, those of other hosts included. */
static int copy_audit_logs(struct replicate *replicate, struct error *err)
{
    uint64_t copied;
    if (engine_audit_catch_up(replicate->hikae, replicate->dry_run, &copied, err) != 0)
        return -1;
    replicate->ret->copied += copied;
    return 0;
}

enum hikae_status hikae_replicate(struct hikae *hikae, const char *tenant, const char *to, bool dry_run,
                                  struct hikae_replicate_result *ret, struct hikae_error *error)
{
    *ret = (struct hikae_replicate_result){0};
    struct replicate replicate = {.hikae = hikae, .dry_run = dry_run, .ret = ret};
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_REPLICATE, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = do_replicate(&replicate, tenant, to, &err);
    if (rc == 0 && tenant == NULL)
        rc = copy_audit_logs(&replicate, &err);
    bool behind = ret->behind_count > 0;
    engine_audit_count(&audit, "copied", ret->copied);
    engine_audit_count(&audit, "bytes", ret->bytes);
    engine_audit_count(&audit, "behind", ret->behind_count);
    if (rc != 0)
        hikae_replicate_result_free(ret);
    return engine_audit_end(&audit, api_result(rc, behind, &err, error));
}

void hikae_replicate_result_free(struct hikae_replicate_result *result)
{
    for (size_t i = 0; i < result->behind_count; i++) {
        mem_free(result->behind[i].name);
        mem_free(result->behind[i].state);
        mem_free(result->behind[i].why);
    }
    mem_free(result->behind);
    *result = (struct hikae_replicate_result){0};
}
