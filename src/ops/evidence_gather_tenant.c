/* Facts of one tenant: its history, joined with what the audit log said of it. */
#include "ops/evidence_gather.h"

#include "base/mem.h"
#include "ops/drill_due.h"

#include <stdlib.h>
#include <string.h>

/* ---- Stages and sources ---- */

static void take_stages(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct history *history)
{
    for (size_t i = 0; i < history->stage_count; i++) {
        const struct history_stage *from = &history->stages[i];
        struct evidence_stage *made =
            arena_add(g->arena, &dossier->stages, &dossier->tenant.stage_count, sizeof(*dossier->stages));
        if (made == NULL)
            return;
        *made = (struct evidence_stage){.from_ns = from->time_ns,
                                        .policy = arena_text(g->arena, from->policy),
                                        .active = strcmp(from->state, "active") == 0,
                                        .customer = strcmp(from->class_, "customer") == 0,
                                        .not_before_ns = from->not_before_ns,
                                        .ends_ns = from->ends_ns};
    }
    dossier->tenant.stages = dossier->stages;
}

static void take_sources(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct history *history)
{
    const char *kinds = "";
    for (size_t i = 0; i < history->tenant.source_count && kinds != NULL; i++) {
        const char *spec = history->tenant.sources[i].spec;
        kinds = arena_printf(g->arena, "%s%s%.*s", kinds, kinds[0] != '\0' ? " " : "", (int)strcspn(spec, ":"), spec);
    }
    dossier->tenant.sources = kinds;
}

/* ---- Snapshots ---- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct evidence_snapshot *)a)->id, ((const struct evidence_snapshot *)b)->id);
}

static int compare_times(const void *a, const void *b)
{
    const struct evidence_snapshot *x = a, *y = b;
    return x->time_ns != y->time_ns ? (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns) : strcmp(x->id, y->id);
}

/* The names of the targets whose bits are set, and how many. */
static const char *name_targets(struct evidence_gathering *g, uint64_t mask, unsigned *ret_count)
{
    const char *names = "";
    *ret_count = 0;
    for (size_t i = 0; i < g->hikae->target_count && names != NULL; i++)
        if ((mask >> i & 1) != 0) {
            names = arena_printf(g->arena, "%s%s%s", names, names[0] != '\0' ? " " : "", g->hikae->targets[i].name);
            ++*ret_count;
        }
    return names;
}

static const struct history_snapshot *find_in_history(const struct history *history, const char *id)
{
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (strcmp(history->snapshots[i].name, id) == 0)
            return &history->snapshots[i];
    return NULL;
}

/* What the history says of a snapshot goes before what the audit log says; what both lack stays open. */
static void join_snapshot(struct evidence_snapshot *snapshot, const struct history_snapshot *from, struct arena *arena)
{
    snapshot->time_ns = from->time_ns;
    snapshot->on_demand = from->on_demand;
    snapshot->keep_until_ns = from->keep_until_ns;
    snapshot->verified_ns = from->verified_ns;
    snapshot->tag = arena_text(arena, from->tag);
    if (from->retired && snapshot->dropped_ns == 0)
        snapshot->dropped_ns = from->retired_ns != 0 ? from->retired_ns : from->time_ns;
}

/* The entry by which it was dropped; a person may have named it by the start of its id, of 4 digits at least. */
static const struct evidence_drop *find_drop(const struct evidence_gathering *g, const struct id *tenant,
                                             const char *id)
{
    size_t low = 0, high = g->drop_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(g->drops[middle].snapshot, id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    /* What is the start of an id stands before it, and behind all that share less with it. */
    while (low-- > 0 && strncmp(g->drops[low].snapshot, id, 4) == 0) {
        const struct evidence_drop *drop = &g->drops[low];
        /* Another tenant's snapshot may begin with the same digits. */
        if ((!drop->has_tenant || id_equal(&drop->tenant, tenant)) &&
            strncmp(drop->snapshot, id, strlen(drop->snapshot)) == 0)
            return drop;
    }
    return NULL;
}

/* history NULL: nobody can read it. Then only what the audit log says is known, and nothing counts as lost. */
static void join_made(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct history *history)
{
    for (size_t i = 0; i < dossier->made_count; i++) {
        struct evidence_snapshot *snapshot = &dossier->made[i];
        const struct history_snapshot *known = history != NULL ? find_in_history(history, snapshot->id) : NULL;
        const struct evidence_drop *drop = find_drop(g, &dossier->tid, snapshot->id);
        if (drop != NULL) {
            snapshot->dropped_ns = drop->time_ns;
            snapshot->taken_out = drop->by_person;
            snapshot->dropped = drop->entry;
        }
        if (known != NULL)
            join_snapshot(snapshot, known, g->arena);
        snapshot->lost = history != NULL && known == NULL && drop == NULL;
    }
}

/* A snapshot of which the audit log has no entry: lost with a state folder, or its time is over. */
static void add_unlogged(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct chain *chain,
                         size_t logged)
{
    const struct history *history = &chain->history;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct history_snapshot *from = &history->snapshots[i];
        const struct evidence_snapshot key = {.id = from->name};
        if (logged > 0 && bsearch(&key, dossier->made, logged, sizeof(*dossier->made), compare_ids) != NULL)
            continue;
        struct evidence_snapshot *made =
            arena_add(g->arena, &dossier->made, &dossier->made_count, sizeof(*dossier->made));
        if (made == NULL)
            return;
        made->id = arena_text(g->arena, from->name);
        made->targets = name_targets(g, chain_holders(chain, &from->record), &made->copies);
        made->complete = made->copies >= g->hikae->config->min_copies;
        join_snapshot(made, from, g->arena);
    }
}

static void take_snapshots(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct chain *chain)
{
    size_t logged = dossier->made_count;
    join_made(g, dossier, chain != NULL ? &chain->history : NULL);
    if (logged > 0)
        qsort(dossier->made, logged, sizeof(*dossier->made), compare_ids);
    if (chain != NULL)
        add_unlogged(g, dossier, chain, logged);
    if (dossier->made_count > 0 && !g->arena->failed)
        qsort(dossier->made, dossier->made_count, sizeof(*dossier->made), compare_times);
    dossier->tenant.snapshots = dossier->made;
    dossier->tenant.snapshot_count = dossier->made_count;
}

/* ---- Facts ---- */

static void take_contract(struct evidence_gathering *g, struct evidence_dossier *dossier, const json_t *body,
                          int64_t time_ns)
{
    const char *event = json_string_value(json_object_get(body, "event"));
    size_t count = dossier->tenant.contract_count;
    if (event == NULL)
        return;
    if (strcmp(event, "cancel") == 0) {
        if (count > 0 && dossier->contracts[count - 1].cancelled_ns == 0)
            dossier->contracts[count - 1].cancelled_ns = time_ns;
        return;
    }
    /* Of a contract's other records none moves its end. Said again, it is what was said last that counts. */
    if (strcmp(event, "end") != 0)
        return;
    if (count > 0 && dossier->contracts[count - 1].cancelled_ns == 0)
        dossier->contracts[count - 1].cancelled_ns = time_ns;
    struct evidence_contract *made =
        arena_add(g->arena, &dossier->contracts, &dossier->tenant.contract_count, sizeof(*dossier->contracts));
    if (made != NULL)
        *made = (struct evidence_contract){.policy = evidence_body_text(g->arena, body, "policy"),
                                           .ends_ns = evidence_body_time(body, "ends"),
                                           .deadline_ns = evidence_body_time(body, "deadline"),
                                           .detail = evidence_body_text(g->arena, body, "on")};
}

static void take_log(struct evidence_gathering *g, struct evidence_dossier *dossier, const json_t *body,
                     int64_t time_ns)
{
    struct evidence_kept_log *made =
        arena_add(g->arena, &dossier->logs, &dossier->tenant.log_count, sizeof(*dossier->logs));
    if (made == NULL)
        return;
    json_t *files = json_object_get(body, "files");
    const char *sha256 = json_string_value(json_object_get(json_array_get(files, 0), "sha256"));
    *made = (struct evidence_kept_log){
        .class_name = evidence_body_text(g->arena, body, "class"),
        .source = evidence_body_text(g->arena, body, "source"),
        .period = evidence_body_text(g->arena, body, "period"),
        .snapshot = evidence_body_text(g->arena, body, "snapshot"),
        .taken_ns = evidence_body_time(body, "taken"),
        .keep_until_ns = evidence_body_time(body, "keep_until"),
        .detail =
            arena_printf(g->arena, "%zu files, %lld lines, sha256 %s", json_array_size(files),
                         (long long)json_integer_value(json_object_get(body, "lines")), sha256 != NULL ? sha256 : "?")};
    if (made->taken_ns == 0)
        made->taken_ns = time_ns;
    int64_t to_ns = evidence_body_time(body, "to");
    for (size_t i = 0; i < g->freeze_count; i++)
        if (g->freezes[i].logs_from_ns < to_ns && g->freezes[i].until_ns > made->frozen_ns)
            made->frozen_ns = g->freezes[i].until_ns;
    if (made->class_name == NULL || made->period == NULL)
        dossier->tenant.log_count--;
}

/* What became of the snapshots that hold logs. */
static void join_logs(struct evidence_dossier *dossier)
{
    for (size_t i = 0; i < dossier->tenant.log_count; i++) {
        struct evidence_kept_log *log = &dossier->logs[i];
        log->lost = true;
        for (size_t k = 0; log->snapshot != NULL && k < dossier->made_count; k++) {
            const struct evidence_snapshot *snapshot = &dossier->made[k];
            if (strcmp(snapshot->id, log->snapshot) != 0)
                continue;
            log->lost = snapshot->lost;
            log->dropped_ns = snapshot->dropped_ns;
            log->entry = snapshot->made;
        }
    }
    dossier->tenant.logs = dossier->logs;
}

/* The audit log's entry about a drill or a copy. */
static struct evidence_entry entry_of(const struct evidence_gathering *g, const char *id)
{
    const struct evidence_named key = {.id = id};
    const struct evidence_named *found =
        id != NULL && g->named_count > 0
            ? bsearch(&key, g->named, g->named_count, sizeof(*g->named), evidence_compare_named)
            : NULL;
    return found != NULL ? found->entry : (struct evidence_entry){0};
}

/* One that could not read a target, or was cut by its budget, says nothing. */
static void take_drill(struct evidence_gathering *g, struct evidence_dossier *dossier, const json_t *body,
                       int64_t time_ns)
{
    const char *result = json_string_value(json_object_get(body, "result"));
    const char *mode = json_string_value(json_object_get(body, "mode"));
    unsigned level = 0;
    while (mode != NULL && policy_drill_words[level] != NULL && strcmp(policy_drill_words[level], mode) != 0)
        level++;
    bool passed = result != NULL && strcmp(result, "passed") == 0;
    if (mode == NULL || policy_drill_words[level] == NULL ||
        (!passed && (result == NULL || strcmp(result, "failed") != 0)))
        return;
    struct evidence_check *made =
        arena_add(g->arena, &dossier->drills, &dossier->tenant.drill_count, sizeof(*dossier->drills));
    if (made == NULL)
        return;
    int64_t done_ns = evidence_body_time(body, "time");
    *made = (struct evidence_check){.time_ns = done_ns != 0 ? done_ns : time_ns,
                                    .level = level,
                                    .share = 1000,
                                    .sound = passed,
                                    .elsewhere = json_is_true(json_object_get(body, DRILL_ELSEWHERE)),
                                    .name = evidence_body_text(g->arena, body, "drill")};
    made->entry = entry_of(g, made->name);
}

/* Was it what `restore` takes for the latest, of those that were there then? */
static bool is_latest(const struct evidence_dossier *dossier, const char *snapshot, int64_t time_ns)
{
    const char *latest = NULL, *aside = NULL;
    for (size_t i = 0; i < dossier->made_count && dossier->made[i].time_ns <= time_ns; i++) {
        const struct evidence_snapshot *made = &dossier->made[i];
        if (!made->complete || made->lost || (made->dropped_ns != 0 && made->dropped_ns <= time_ns))
            continue;
        if (history_is_aside(made->on_demand, made->tag))
            aside = made->id;
        else
            latest = made->id;
    }
    if (latest == NULL)
        latest = aside;
    return latest != NULL && snapshot != NULL && strcmp(latest, snapshot) == 0;
}

static void take_copy(struct evidence_gathering *g, struct evidence_dossier *dossier, const json_t *body,
                      int64_t time_ns)
{
    struct evidence_restore *made =
        arena_add(g->arena, &dossier->restores, &dossier->tenant.restore_count, sizeof(*dossier->restores));
    if (made == NULL)
        return;
    int64_t handed_ns = evidence_body_time(body, "handed");
    *made = (struct evidence_restore){.time_ns = handed_ns != 0 ? handed_ns : time_ns,
                                      .snapshot = evidence_body_text(g->arena, body, "snapshot"),
                                      .destination = evidence_body_text(g->arena, body, "destination"),
                                      .approver = evidence_body_text(g->arena, body, "approver"),
                                      .by_customer = json_is_true(json_object_get(body, "on_request")),
                                      .entry = entry_of(g, json_string_value(json_object_get(body, "copy")))};
    made->latest = is_latest(dossier, made->snapshot, made->time_ns);
}

static int compare_checks(const void *a, const void *b)
{
    const struct evidence_check *x = a, *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int take_fact(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct history_fact *fact,
                     bool is_past, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    if (fact->type != RECORD_CONTRACT && fact->type != RECORD_KEPT_LOG && fact->type != RECORD_DRILL &&
        fact->type != RECORD_COPY)
        return 0;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    if (fact->type == RECORD_CONTRACT)
        take_contract(g, dossier, body, fact->time_ns);
    else if (fact->type == RECORD_DRILL)
        take_drill(g, dossier, body, fact->time_ns);
    else if (fact->type == RECORD_KEPT_LOG)
        take_log(g, dossier, body, fact->time_ns);
    else if (!is_past) /* of a copy what is said now holds */
        take_copy(g, dossier, body, fact->time_ns);
    return 0;
}

static int take_facts(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct history *history,
                      struct error *err)
{
    for (size_t i = 0; i < history->past_count; i++)
        if (take_fact(g, dossier, &history->past[i], true, err) != 0)
            return -1;
    for (size_t i = 0; i < history->fact_count; i++)
        if (take_fact(g, dossier, &history->facts[i], false, err) != 0)
            return -1;
    join_logs(dossier);
    return 0;
}

static void take_arrays(struct evidence_dossier *dossier)
{
    struct evidence_tenant *tenant = &dossier->tenant;
    if (tenant->verification_count > 0)
        qsort(dossier->verifications, tenant->verification_count, sizeof(*dossier->verifications), compare_checks);
    if (tenant->drill_count > 0)
        qsort(dossier->drills, tenant->drill_count, sizeof(*dossier->drills), compare_checks);
    tenant->verifications = dossier->verifications;
    tenant->drills = dossier->drills;
    tenant->restores = dossier->restores;
    tenant->contracts = dossier->contracts;
    tenant->acts = dossier->acts;
}

/* Nobody can read its history: an erased one's, as it should be, or one's of which not enough is left. */
static int take_unread(struct evidence_gathering *g, struct evidence_dossier *dossier, const struct error *why,
                       struct error *err)
{
    bool erased = dossier->tenant.erased || dossier->tenant.gone_ns != 0;
    if (!erased)
        engine_warn(g->hikae, "of tenant %s the audit log alone tells: %s", dossier->tenant.name, why->what);
    take_snapshots(g, dossier, NULL);
    dossier->drills = dossier->tried;
    dossier->tenant.drill_count = dossier->tried_count;
    dossier->restores = dossier->handed;
    dossier->tenant.restore_count = dossier->handed_count;
    for (size_t i = 0; i < dossier->handed_count; i++)
        dossier->handed[i].latest = is_latest(dossier, dossier->handed[i].snapshot, dossier->handed[i].time_ns);
    take_arrays(dossier);
    return evidence_gather_unread(g, dossier, erased ? NULL : why->what, err);
}

int evidence_gather_tenant(struct evidence_gathering *g, struct evidence_dossier *dossier, struct error *err)
{
    struct session session;
    struct error why = {0};
    if (session_open(g->hikae, dossier->tenant.name, 0, &session, &why) != 0) {
        if (why.class != ERROR_NO_MEMORY && why.class != ERROR_INTERRUPTED)
            return take_unread(g, dossier, &why, err);
        *err = why;
        return -1;
    }
    take_stages(g, dossier, &session.chain.history);
    take_sources(g, dossier, &session.chain.history);
    dossier->tenant.held = session.chain.history.hold_count > 0;
    take_snapshots(g, dossier, &session.chain);
    int rc = take_facts(g, dossier, &session.chain.history, err);
    take_arrays(dossier);
    session_close(&session);
    return rc == 0 && g->arena->failed ? error_no_memory(err) : rc;
}
