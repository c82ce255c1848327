/* Judging duties: restores, the end of contracts, notices. */
#include "ops/evidence.h"

#include <string.h>

/* ---- restores ---- */

/* What a restore did that the rule does not allow, or NULL. */
static const char *restore_fault(const struct policy_restores *wanted, const struct evidence_restore *restore)
{
    if (restore->by_customer && !wanted->on_request)
        return "restore-on-request";
    if (restore->destination != NULL && strcmp(restore->destination, "staging") == 0 && !wanted->staging)
        return "restore-staging";
    if (!restore->latest && wanted->latest_only)
        return "restore-older";
    if (restore->approver == NULL && wanted->approver != POLICY_APPROVER_NONE)
        return "restore-unapproved";
    return NULL;
}

static void judge_restore(struct evidence_judging *judging, const struct policy_restores *wanted,
                          const struct evidence_tenant *tenant, const struct evidence_restore *restore)
{
    const char *fault = restore_fault(wanted, restore);
    struct hikae_evidence_item *item =
        evidence_add(judging, fault != NULL ? fault : "restore", fault == NULL ? HIKAE_KEPT : HIKAE_BROKEN,
                     tenant->name, restore->destination);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, restore->time_ns);
    item->done_ns = restore->time_ns;
    item->detail = restore->approver;
    evidence_proven_by(item, &restore->entry);
}

/* Customers' requests that were refused show that the rule was carried out; what they were given, that they can export.
 */
static size_t judge_acts(struct evidence_judging *judging, const struct policy_restores *wanted,
                         const struct evidence_tenant *tenant)
{
    size_t exports = 0;
    for (size_t i = 0; i < tenant->act_count; i++) {
        const struct evidence_act *act = &tenant->acts[i];
        bool refused = act->kind == EVIDENCE_REQUEST_REFUSED && !wanted->on_request;
        bool exported = act->kind == EVIDENCE_EXPORTED && wanted->customer_export;
        if (!evidence_in_part(judging, act->time_ns) || (!refused && !exported))
            continue;
        struct hikae_evidence_item *item =
            evidence_add(judging, refused ? "request-refused" : "exported", HIKAE_KEPT, tenant->name, NULL);
        if (item == NULL)
            return exports;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, act->time_ns);
        item->done_ns = act->time_ns;
        evidence_proven_by(item, &act->entry);
        exports += exported;
    }
    return exports;
}

/* Copies that were handed out are records of the history, which do not expire: where there is none, there was none. */
void evidence_judge_restores(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_restores *wanted = (const void *)rule;
    size_t restores = 0, exports = 0;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        if (evidence_is_concerned(judging, tenant))
            exports += judge_acts(judging, wanted, tenant);
        for (size_t k = 0; k < tenant->restore_count; k++) {
            const struct evidence_stage *stage = evidence_stage_at(tenant, tenant->restores[k].time_ns);
            if (!evidence_in_part(judging, tenant->restores[k].time_ns) || stage == NULL ||
                strcmp(stage->policy, judging->version->name) != 0)
                continue;
            judge_restore(judging, wanted, tenant, &tenant->restores[k]);
            restores++;
        }
    }
    if (restores == 0)
        (void)evidence_add(judging, "restore-none", HIKAE_KEPT, NULL, NULL);
    if (exports == 0 && wanted->customer_export)
        (void)evidence_add(judging, "export-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* ---- contract_end, survives ---- */

static void judge_contract(struct evidence_judging *judging, const struct policy_contract_end *wanted,
                           const struct evidence_tenant *tenant, const struct evidence_contract *contract)
{
    bool is_over = contract->deadline_ns <= judging->facts->now_ns;
    bool in_time = contract->erased_ns != 0 && contract->erased_ns < contract->deadline_ns;
    bool proof = wanted->proof == POLICY_PROOF_DELETION || contract->keys;
    const char *kind = in_time && proof ? "erased"
                       : in_time        ? "erased-keys-left"
                       : is_over        ? "erasure-missed"
                                        : "erasure-ahead";
    enum hikae_result result = in_time && proof ? HIKAE_KEPT : in_time || is_over ? HIKAE_BROKEN : HIKAE_NOT_YET_DUE;
    struct hikae_evidence_item *item = evidence_add(judging, kind, result, tenant->name, NULL);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, contract->deadline_ns - 1);
    item->due_ns = contract->deadline_ns;
    item->done_ns = contract->erased_ns;
    item->detail = contract->detail;
    evidence_proven_by(item, &contract->entry);
}

/* By the policy that its record copied; of what is older than that, by the tenant's policy at the end. */
static bool is_of_policy(const struct evidence_contract *contract, const struct evidence_stage *stage,
                         const char *policy)
{
    const char *own = contract->policy != NULL ? contract->policy : stage != NULL ? stage->policy : NULL;
    return own != NULL && strcmp(own, policy) == 0;
}

void evidence_judge_contract_end(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_contract_end *wanted = (const void *)rule;
    const struct evidence_version *version = judging->version;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        const struct evidence_stage *stage = evidence_stage_at(tenant, version->to_ns - 1);
        for (size_t k = 0; k < tenant->contract_count; k++) {
            const struct evidence_contract *contract = &tenant->contracts[k];
            /* Those that were open in this part: ended before its end, and due after its beginning. */
            if (is_of_policy(contract, stage, version->name) && contract->cancelled_ns == 0 &&
                contract->ends_ns < version->to_ns && contract->deadline_ns > version->from_ns &&
                (contract->deadline_ns <= version->to_ns || contract->erased_ns != 0 ||
                 contract->deadline_ns > judging->facts->now_ns))
                judge_contract(judging, wanted, tenant, contract);
        }
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "contract-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* Was what outlasts the contract put where the provider keeps it? The tenant's own history is gone with its keys. */
static const struct evidence_act *find_act(const struct evidence_tenant *tenant, enum evidence_act_kind kind)
{
    for (size_t i = tenant->act_count; i > 0; i--)
        if (tenant->acts[i - 1].kind == kind)
            return &tenant->acts[i - 1];
    return NULL;
}

/* Of tenants that are erased. One whose contract is over and that is still there has lost nothing yet. */
void evidence_judge_survivors(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_survivor *wanted = (const void *)rule;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        const struct evidence_act *act = find_act(tenant, EVIDENCE_SURVIVORS);
        if (!tenant->erased || !evidence_is_concerned(judging, tenant))
            continue;
        struct hikae_evidence_item *item =
            evidence_add(judging, act != NULL ? "survives" : "survives-unseen",
                         act != NULL ? HIKAE_KEPT : HIKAE_NOT_OBSERVABLE, tenant->name, wanted->what);
        if (item == NULL || act == NULL)
            continue;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, act->time_ns);
        item->done_ns = act->time_ns;
        evidence_proven_by(item, &act->entry);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "contract-none", HIKAE_NOT_YET_DUE, NULL, wanted->what);
}

/* ---- notices: the deadlines were reckoned when an incident was opened ---- */

static void judge_notice(struct evidence_judging *judging, const struct evidence_incident *incident)
{
    bool in_time = incident->noticed_ns != 0 && incident->noticed_ns <= incident->due_ns;
    bool is_over = incident->due_ns != 0 && incident->due_ns <= judging->facts->now_ns;
    enum hikae_result late = incident->strength == POLICY_AIM ? HIKAE_MISSED : HIKAE_BROKEN;
    struct hikae_evidence_item *item = evidence_add(judging,
                                                    in_time   ? "notice"
                                                    : is_over ? "notice-late"
                                                              : "notice-ahead",
                                                    in_time   ? HIKAE_KEPT
                                                    : is_over ? late
                                                              : HIKAE_NOT_YET_DUE,
                                                    NULL, incident->id);
    if (item == NULL)
        return;
    if (incident->due_ns != 0)
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, incident->due_ns - 1);
    item->due_ns = incident->due_ns;
    item->done_ns = incident->noticed_ns;
    item->detail = incident->detail;
}

void evidence_judge_notices(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_notice *wanted = (const void *)rule;
    for (size_t i = 0; i < judging->facts->incident_count; i++) {
        const struct evidence_incident *incident = &judging->facts->incidents[i];
        if (strcmp(incident->policy, judging->version->name) == 0 && strcmp(incident->event, wanted->event) == 0 &&
            incident->from == wanted->from && incident->strength == wanted->strength &&
            evidence_in_part(judging, incident->counts_ns))
            judge_notice(judging, incident);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "incident-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* ---- reminders: they help people to keep a promise, and are none themselves ---- */

void evidence_judge_reminders(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_reminder *wanted = (const void *)rule;
    (void)evidence_add(judging, "reminder", HIKAE_NOT_YET_DUE, NULL, wanted->id);
}
