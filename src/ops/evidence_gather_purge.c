/*
 * Facts of erasures: what became of tenants whose contract ended. The history of an erased tenant nobody can read: what
 * it was, and what was done for it, is then known by the plan of its erasure and by the audit log alone.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/evidence_gather.h"

#include <stdlib.h>
#include <string.h>

/* ---- Whom erasures concern ---- */

/* The record of the contract's end, as the plan of the erasure holds it: NULL if there is none. */
static json_t *contract_in(const struct hikae_purge *purge)
{
    CLEANUP_JSON json_t *plan = NULL;
    if (purge->plan == NULL || json_parse(purge->plan, strlen(purge->plan), &plan, NULL) != 0)
        return NULL;
    json_t *contract = json_object_get(plan, "contract");
    return json_is_object(contract) ? json_incref(contract) : NULL;
}

/* From its commit on an erasure is carried through, whatever happens. */
static bool is_committed(const struct hikae_purge *purge)
{
    static const char *const stages[] = {"commit", "changed", "unreadable", "gone"};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (strcmp(purge->stage, stages[i]) == 0)
            return true;
    return false;
}

static bool find_tid(const struct hikae_purge *purge, struct id *ret)
{
    return strlen(purge->tenant) == 2 * ID_SIZE && hex_decode(purge->tenant, ID_SIZE, ret->bytes);
}

/* Who asks for a tenant may know it by the name that it had, or by the pseudonym that is left. */
static bool is_wanted(const struct evidence_gathering *g, const struct hikae_purge *purge)
{
    const char *tenant = g->options->tenant;
    return tenant == NULL || strcmp(tenant, purge->tenant) == 0 ||
           (purge->name != NULL && strcmp(tenant, purge->name) == 0);
}

/* A machine that was recovered since knows nothing of it but what the store's own history says. */
static int take_erased(struct evidence_gathering *g, const struct hikae_purge *purge, struct evidence_dossier *known,
                       const struct id *tid, struct error *err)
{
    CLEANUP_JSON json_t *contract = contract_in(purge);
    struct evidence_dossier *dossier =
        known != NULL ? known : evidence_add_dossier(g, tid, arena_text(g->arena, purge->tenant));
    if (dossier == NULL)
        return error_no_memory(err);
    dossier->tenant.gone_ns = purge->tombstone_ns;
    if (known == NULL) {
        dossier->tenant.erased = true;
        dossier->customer = true; /* contracts are customers' */
    }
    if (dossier->policy == NULL)
        dossier->policy = evidence_body_text(g->arena, contract, "policy");
    return 0;
}

int evidence_gather_erased(struct evidence_gathering *g, struct error *err)
{
    struct hikae_error why;
    if (hikae_purge_status(g->hikae, NULL, &g->purges, &why) > HIKAE_WARNINGS)
        return api_failure(&why, err);
    /* New ones go behind those that are in order already. */
    const size_t known_count = g->dossier_count;
    for (size_t i = 0; i < g->purges.count; i++) {
        const struct hikae_purge *purge = &g->purges.purges[i];
        const size_t all = g->dossier_count;
        struct id tid;
        if (!is_committed(purge) || !find_tid(purge, &tid))
            continue;
        g->dossier_count = known_count;
        struct evidence_dossier *known = evidence_find_dossier(g, &tid);
        g->dossier_count = all;
        if ((known != NULL || is_wanted(g, purge)) && take_erased(g, purge, known, &tid, err) != 0)
            return -1;
    }
    evidence_sort_dossiers(g);
    return g->arena->failed ? error_no_memory(err) : 0;
}

/* ---- What the audit log alone tells ---- */

static int compare_changes(const void *a, const void *b)
{
    const struct evidence_change *x = a, *y = b;
    /* Nothing comes before a tenant does, whatever the clocks of two hosts say. */
    if (x->came != y->came)
        return x->came ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static void add_stage(struct evidence_gathering *g, struct evidence_dossier *dossier,
                      const struct evidence_stage *stage)
{
    struct evidence_stage *made =
        arena_add(g->arena, &dossier->stages, &dossier->tenant.stage_count, sizeof(*dossier->stages));
    if (made != NULL)
        *made = *stage;
}

/* The first change that says which policy a tenant had, or NULL. */
static const struct evidence_change *first_policy(const struct evidence_dossier *dossier)
{
    for (size_t i = 0; i < dossier->change_count; i++)
        if (dossier->changes[i].policy != NULL)
            return &dossier->changes[i];
    return NULL;
}

/* Since when nights are its own: it was added to be backed up, or its first night was tried; INT64_MIN: never. */
static int64_t first_night(const struct evidence_dossier *dossier)
{
    const struct evidence_change *first = dossier->change_count > 0 ? &dossier->changes[0] : NULL;
    if (first != NULL && first->came && first->state != NULL && strcmp(first->state, "active") == 0)
        return first->time_ns;
    return dossier->first_ns != 0 ? dossier->first_ns : INT64_MIN;
}

/*
 * Which policy it had since its first night, and whether it was suspended. Who was loaded with many others waits for
 * its turn: nights before the first that was tried are nobody's. Where entries have expired that would say when it
 * came, or which policy it had at first, that policy is "": one that is not known.
 */
static void take_stages(struct evidence_gathering *g, struct evidence_dossier *dossier, int64_t ends_ns)
{
    const struct evidence_change *named = first_policy(dossier);
    bool came = dossier->change_count > 0 && dossier->changes[0].came;
    int64_t first_ns = first_night(dossier);
    struct evidence_stage stage = {.from_ns = INT64_MIN,
                                   .policy = named == NULL ? dossier->policy
                                             : named->came ? named->policy
                                                           : "",
                                   .active = first_ns != INT64_MIN,
                                   .customer = dossier->customer,
                                   .ends_ns = ends_ns};
    if (!came && evidence_horizon(g->facts, AUDIT_EVIDENCE) != INT64_MIN) {
        struct evidence_stage unknown = stage;
        unknown.policy = "";
        add_stage(g, dossier, &unknown);
    }
    stage.from_ns = first_ns;
    if (stage.policy != NULL)
        add_stage(g, dossier, &stage);
    for (size_t i = 0; i < dossier->change_count; i++) {
        const struct evidence_change *change = &dossier->changes[i];
        stage.policy = change->policy != NULL ? change->policy : stage.policy;
        stage.active = change->state != NULL ? strcmp(change->state, "suspended") != 0 : stage.active;
        dossier->tenant.sources = change->sources != NULL ? change->sources : dossier->tenant.sources;
        stage.from_ns = change->time_ns > first_ns ? change->time_ns : first_ns;
        if (!change->came && stage.policy != NULL)
            add_stage(g, dossier, &stage);
    }
    dossier->tenant.stages = dossier->stages;
}

static bool is_policy_known(const struct evidence_dossier *dossier)
{
    for (size_t i = 0; i < dossier->tenant.stage_count; i++)
        if (dossier->stages[i].policy[0] == '\0')
            return false;
    return dossier->tenant.stage_count > 0;
}

/* When the contract ended, by the plan of its erasure; 0: it did not. */
static int64_t contract_end_of(const struct evidence_gathering *g, const struct evidence_dossier *dossier)
{
    for (size_t i = 0; i < g->purges.count; i++) {
        if (strcmp(g->purges.purges[i].tenant, dossier->tenant.id) != 0)
            continue;
        CLEANUP_JSON json_t *contract = contract_in(&g->purges.purges[i]);
        return evidence_body_time(contract, "ends");
    }
    return 0;
}

int evidence_gather_unread(struct evidence_gathering *g, struct evidence_dossier *dossier, const char *why,
                           struct error *err)
{
    struct evidence_tenant *tenant = &dossier->tenant;
    if (dossier->change_count > 0)
        qsort(dossier->changes, dossier->change_count, sizeof(*dossier->changes), compare_changes);
    take_stages(g, dossier, contract_end_of(g, dossier));
    if (why != NULL)
        tenant->unseen = arena_text(g->arena, why);
    else if (!is_policy_known(dossier))
        tenant->unseen = "which policy it had is not known: its history went with its keys";
    else if (dossier->drills_unlisted)
        tenant->unseen = "what its drills tried is not known: its history went with its keys";
    return g->arena->failed ? error_no_memory(err) : 0;
}

/* ---- How they ended ---- */

/* The contract whose end the erasure answers: the last that was not cancelled; of an erased tenant one is made up. */
static struct evidence_contract *contract_of(struct evidence_gathering *g, struct evidence_dossier *dossier,
                                             const struct hikae_purge *purge)
{
    for (size_t i = dossier->tenant.contract_count; i > 0; i--)
        if (dossier->contracts[i - 1].cancelled_ns == 0)
            return &dossier->contracts[i - 1];
    if (purge->deadline_ns == 0)
        return NULL; /* erased without the end of a contract: nothing was promised of it */
    CLEANUP_JSON json_t *record = contract_in(purge);
    int64_t ends_ns = evidence_body_time(record, "ends");
    struct evidence_contract *made =
        arena_add(g->arena, &dossier->contracts, &dossier->tenant.contract_count, sizeof(*dossier->contracts));
    dossier->tenant.contracts = dossier->contracts;
    if (made != NULL)
        *made = (struct evidence_contract){.policy = evidence_body_text(g->arena, record, "policy"),
                                           .ends_ns = ends_ns != 0 ? ends_ns : purge->tombstone_ns,
                                           .deadline_ns = purge->deadline_ns};
    return made;
}

static void take_purge(struct evidence_gathering *g, const struct hikae_purge *purge)
{
    struct id tid;
    struct evidence_dossier *dossier = find_tid(purge, &tid) ? evidence_find_dossier(g, &tid) : NULL;
    struct evidence_contract *contract = dossier != NULL ? contract_of(g, dossier, purge) : NULL;
    if (contract == NULL || purge->met_ns == 0)
        return;
    contract->erased_ns = purge->met_ns;
    contract->keys = purge->unreadable_ns != 0;
    contract->detail =
        arena_printf(g->arena, "plan %s, %llu objects", purge->plan_hash != NULL ? purge->plan_hash : "-",
                     (unsigned long long)purge->objects);
}

int evidence_gather_purges(struct evidence_gathering *g, struct error *err)
{
    for (size_t i = 0; i < g->purges.count; i++)
        take_purge(g, &g->purges.purges[i]);
    return g->arena->failed ? error_no_memory(err) : 0;
}
