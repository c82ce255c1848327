/* Judging duties: logs that are kept, restores, the end of contracts, notices. */
#include "ops/evidence.h"

#include <string.h>

static bool in_part(const struct evidence_judging *judging, int64_t time_ns)
{
    return time_ns >= judging->version->from_ns && time_ns < judging->version->to_ns;
}

/* ---- logs: hikae's own, and those of other systems that are taken in ---- */

/* Was anything deleted before its time? */
static void judge_expiries(struct evidence_judging *judging, const struct policy_log *wanted, enum audit_class class)
{
    for (size_t i = 0; i < judging->facts->expiry_count; i++) {
        const struct evidence_expiry *expiry = &judging->facts->expiries[i];
        if (expiry->class != class || !in_part(judging, expiry->at_ns) ||
            span_longest_s(expiry->keep) >= span_longest_s(wanted->keep))
            continue;
        char keep[SPAN_TEXT_SIZE];
        struct hikae_evidence_item *item = evidence_add(judging, "log-early", HIKAE_BROKEN, NULL, wanted->name);
        if (item == NULL)
            return;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, expiry->at_ns);
        item->done_ns = expiry->at_ns;
        item->detail = arena_text(judging->arena, span_format(expiry->keep, keep));
        evidence_proven_by(item, &expiry->entry);
    }
}

static void judge_audit_log(struct evidence_judging *judging, const struct policy_log *wanted, enum audit_class class)
{
    judge_expiries(judging, wanted, class);
    for (size_t i = 0; i < judging->facts->audit_count; i++) {
        const struct evidence_audit *audit = &judging->facts->audits[i];
        struct hikae_evidence_item *item = evidence_add(judging, audit->sound ? "log-kept" : "log-damaged",
                                                        audit->sound ? HIKAE_KEPT : HIKAE_BROKEN, NULL, audit->log);
        if (item == NULL)
            return;
        item->done_ns = audit->first_ns;
        item->detail = audit->sound ? arena_printf(judging->arena, "%llu entries, %llu expired, times in UTC and %s",
                                                   (unsigned long long)audit->size, (unsigned long long)audit->expired,
                                                   wanted->zone)
                                    : audit->what;
        evidence_proven_by(item, &audit->last);
    }
}

static const struct evidence_kept_log *find_log(const struct evidence_judging *judging, const char *class_name,
                                                const char *period, const struct evidence_tenant **ret_tenant)
{
    const struct evidence_facts *facts = judging->facts;
    for (size_t i = 0; i < facts->tenant_count; i++)
        for (size_t k = 0; k < facts->tenants[i].log_count; k++) {
            const struct evidence_kept_log *log = &facts->tenants[i].logs[k];
            *ret_tenant = &facts->tenants[i];
            if (strcmp(log->class_name, class_name) == 0 && (period == NULL || strcmp(log->period, period) == 0))
                return log;
        }
    return NULL;
}

/* What was taken in of one month, or was not. */
static void judge_month(struct evidence_judging *judging, const struct policy_log *wanted, const char *period,
                        int64_t due_ns)
{
    const struct evidence_tenant *tenant;
    const struct evidence_kept_log *log = find_log(judging, wanted->name, period, &tenant);
    bool is_over = due_ns <= judging->facts->now_ns;
    bool in_time = log != NULL && log->taken_ns < due_ns;
    struct hikae_evidence_item *item =
        in_time    ? evidence_add(judging, "log-taken", HIKAE_KEPT, tenant->name, wanted->name)
        : !is_over ? evidence_add(judging, "log-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->name)
                   : evidence_add(judging, "log-missed", HIKAE_BROKEN, NULL, wanted->name);
    if (item == NULL)
        return;
    item->date = period;
    item->due_ns = due_ns;
    if (log != NULL) {
        item->done_ns = log->taken_ns;
        item->detail = log->detail;
        evidence_proven_by(item, &log->entry);
    }
}

/* The month before is fetched by a business day of each month, from the month in which the policy came. */
static void judge_months(struct evidence_judging *judging, const struct policy_log *wanted)
{
    const struct evidence_version *version = judging->version;
    const struct zone *zone = version->zone;
    int64_t end_ns = version->to_ns < judging->facts->now_ns ? version->to_ns : judging->facts->now_ns;
    for (int64_t month = zone_period(zone, ZONE_MONTH, version->from_ns) - 1; !judging->arena->failed; month++) {
        int64_t begins_ns = zone_period_start(zone, ZONE_MONTH, month);
        int64_t after_ns = zone_period_start(zone, ZONE_MONTH, month + 1);
        if (after_ns >= end_ns)
            break;
        struct zone_time time;
        zone_civil(zone, after_ns, &time);
        if (version->calendar == NULL ||
            begins_ns < zone_period_start(zone, ZONE_MONTH, zone_period(zone, ZONE_MONTH, version->since_ns)))
            continue;
        int64_t day = calendar_of_month(version->calendar, time.date.year, time.date.month, wanted->fetched_by, NULL);
        int64_t due_ns = zone_period_start(zone, ZONE_DAY, day + 1);
        if (due_ns > version->from_ns && (due_ns <= version->to_ns || due_ns > judging->facts->now_ns))
            judge_month(judging, wanted, evidence_date(judging, zone, ZONE_MONTH, begins_ns), due_ns);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "log-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->name);
}

/* Everything of the class that was taken in stays until its time is over, and no longer. */
static void judge_kept(struct evidence_judging *judging, const struct policy_log *wanted)
{
    for (size_t i = 0; i < judging->facts->tenant_count; i++)
        for (size_t k = 0; k < judging->facts->tenants[i].log_count; k++) {
            const struct evidence_kept_log *log = &judging->facts->tenants[i].logs[k];
            bool early =
                log->dropped_ns != 0 && log->dropped_ns < log->keep_until_ns && in_part(judging, log->dropped_ns);
            if (strcmp(log->class_name, wanted->name) != 0 || log->taken_ns >= judging->version->to_ns ||
                !(early || log->lost))
                continue;
            struct hikae_evidence_item *item = evidence_add(judging, early ? "log-early" : "log-lost", HIKAE_BROKEN,
                                                            judging->facts->tenants[i].name, wanted->name);
            if (item == NULL)
                return;
            item->date = log->period;
            item->due_ns = log->keep_until_ns;
            item->done_ns = log->dropped_ns;
            evidence_proven_by(item, &log->entry);
        }
}

/* Logs without a day by which they are fetched: that some were taken in. */
static void judge_any(struct evidence_judging *judging, const struct policy_log *wanted)
{
    bool found = false;
    for (size_t i = 0; i < judging->facts->tenant_count; i++)
        for (size_t k = 0; k < judging->facts->tenants[i].log_count; k++) {
            const struct evidence_kept_log *log = &judging->facts->tenants[i].logs[k];
            if (strcmp(log->class_name, wanted->name) != 0 || !in_part(judging, log->taken_ns))
                continue;
            struct hikae_evidence_item *item =
                evidence_add(judging, "log-taken", HIKAE_KEPT, judging->facts->tenants[i].name, wanted->name);
            if (item == NULL)
                return;
            found = true;
            item->date = log->period;
            item->done_ns = log->taken_ns;
            item->due_ns = log->keep_until_ns;
            item->detail = log->detail;
            evidence_proven_by(item, &log->entry);
        }
    if (!found)
        (void)evidence_add(judging, "log-none", HIKAE_NOT_OBSERVABLE, NULL, wanted->name);
}

void evidence_judge_logs(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_log *wanted = (const void *)rule;
    enum audit_class class;
    if (wanted->fetched_by > 0)
        judge_months(judging, wanted);
    else if (audit_class_parse(wanted->name, &class))
        judge_audit_log(judging, wanted, class);
    else
        judge_any(judging, wanted);
    judge_kept(judging, wanted);
}

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

/* Copies that were handed out are records of the history, which do not expire: where there is none, there was none. */
void evidence_judge_restores(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_restores *wanted = (const void *)rule;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        for (size_t k = 0; k < tenant->restore_count; k++) {
            const struct evidence_stage *stage = evidence_stage_at(tenant, tenant->restores[k].time_ns);
            if (in_part(judging, tenant->restores[k].time_ns) && stage != NULL &&
                strcmp(stage->policy, judging->version->name) == 0)
                judge_restore(judging, wanted, tenant, &tenant->restores[k]);
        }
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "restore-none", HIKAE_KEPT, NULL, NULL);
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

void evidence_judge_contract_end(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_contract_end *wanted = (const void *)rule;
    const struct evidence_version *version = judging->version;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        const struct evidence_stage *stage = evidence_stage_at(tenant, version->to_ns - 1);
        if (stage == NULL || strcmp(stage->policy, version->name) != 0)
            continue;
        for (size_t k = 0; k < tenant->contract_count; k++) {
            const struct evidence_contract *contract = &tenant->contracts[k];
            /* Those that were open in this part: ended before its end, and due after its beginning. */
            if (contract->cancelled_ns == 0 && contract->ends_ns < version->to_ns &&
                contract->deadline_ns > version->from_ns &&
                (contract->deadline_ns <= version->to_ns || contract->erased_ns != 0 ||
                 contract->deadline_ns > judging->facts->now_ns))
                judge_contract(judging, wanted, tenant, contract);
        }
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "contract-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* What outlasts a contract is the record of it, which no purge takes: a tenant that is erased still has its history. */
void evidence_judge_survivors(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_survivor *wanted = (const void *)rule;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        if (tenant->erased && evidence_is_concerned(judging, tenant))
            (void)evidence_add(judging, "survives-unseen", HIKAE_NOT_OBSERVABLE, tenant->name, wanted->what);
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
            in_part(judging, incident->counts_ns))
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
