/* Judging logs: hikae's own, and those of other systems that are taken in. */
#include "ops/evidence.h"

#include <string.h>

/* ---- logs: hikae's own, and those of other systems that are taken in ---- */

/* Was anything deleted before its time? */
static void judge_expiries(struct evidence_judging *judging, const struct policy_log *wanted, enum audit_class class)
{
    for (size_t i = 0; i < judging->facts->expiry_count; i++) {
        const struct evidence_expiry *expiry = &judging->facts->expiries[i];
        if (expiry->class != class || !evidence_in_part(judging, expiry->at_ns) ||
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
        const char *kind = audit->state == HIKAE_KEPT     ? "log-kept"
                           : audit->state == HIKAE_BROKEN ? "log-damaged"
                                                          : "log-unread";
        struct hikae_evidence_item *item = evidence_add(judging, kind, audit->state, NULL, audit->log);
        if (item == NULL)
            return;
        item->done_ns = audit->first_ns;
        item->detail = audit->state == HIKAE_KEPT
                           ? arena_printf(judging->arena, "%llu entries, %llu expired", (unsigned long long)audit->size,
                                          (unsigned long long)audit->expired)
                           : audit->what;
        evidence_proven_by(item, &audit->last);
    }
}

/* ---- Logs of other systems, in tenants of the policy ---- */

/* Through the logs of a class. */
struct log_walk {
    const struct evidence_judging *judging;
    const char *class_name;
    size_t tenant, next;
};

/* The next log of the class that was taken in under the policy, or NULL. */
static const struct evidence_kept_log *next_log(struct log_walk *walk, const struct evidence_tenant **ret_tenant)
{
    const struct evidence_facts *facts = walk->judging->facts;
    const struct evidence_version *version = walk->judging->version;
    for (; walk->tenant < facts->tenant_count; walk->tenant++, walk->next = 0) {
        const struct evidence_tenant *tenant = &facts->tenants[walk->tenant];
        while (walk->next < tenant->log_count) {
            const struct evidence_kept_log *log = &tenant->logs[walk->next++];
            const struct evidence_stage *stage = evidence_stage_at(tenant, log->taken_ns);
            if (strcmp(log->class_name, walk->class_name) != 0 || stage == NULL ||
                strcmp(stage->policy, version->name) != 0)
                continue;
            *ret_tenant = tenant;
            return log;
        }
    }
    return NULL;
}

/* What was taken in of a month: the first that was, if it was taken in again. */
static const struct evidence_kept_log *find_log(const struct evidence_judging *judging, const char *class_name,
                                                const char *period, const struct evidence_tenant **ret_tenant)
{
    struct log_walk walk = {.judging = judging, .class_name = class_name};
    const struct evidence_kept_log *first = NULL, *log;
    const struct evidence_tenant *tenant;
    while ((log = next_log(&walk, &tenant)) != NULL)
        if (strcmp(log->period, period) == 0 && (first == NULL || log->taken_ns < first->taken_ns)) {
            first = log;
            *ret_tenant = tenant;
        }
    return first;
}

/* Is there a tenant that may hold logs of which nobody can say? */
static bool is_unseen(const struct evidence_judging *judging)
{
    for (size_t i = 0; i < judging->facts->tenant_count; i++)
        if (evidence_is_unseen(judging, &judging->facts->tenants[i]))
            return true;
    return false;
}

/* What was taken in of one month, or was not. */
static void judge_month(struct evidence_judging *judging, const struct policy_log *wanted, const char *period,
                        int64_t due_ns)
{
    const struct evidence_tenant *tenant = NULL;
    const struct evidence_kept_log *log = find_log(judging, wanted->name, period, &tenant);
    bool is_over = due_ns <= judging->facts->now_ns;
    bool in_time = log != NULL && log->taken_ns < due_ns;
    struct hikae_evidence_item *item =
        in_time    ? evidence_add(judging, "log-taken", HIKAE_KEPT, tenant->name, wanted->name)
        : !is_over ? evidence_add(judging, "log-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->name)
        : log == NULL && is_unseen(judging)
            ? evidence_add(judging, "log-unseen", HIKAE_NOT_OBSERVABLE, NULL, wanted->name)
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

static const struct zone *zone_of(const struct evidence_judging *judging, const struct policy_log *wanted)
{
    const struct evidence_version *version = judging->version;
    return version->logs != NULL ? version->logs[wanted - version->policy->logs] : version->zone;
}

/* The month before is fetched by a business day of each month, from the month in which the policy came. */
static void judge_months(struct evidence_judging *judging, const struct policy_log *wanted)
{
    const struct evidence_version *version = judging->version;
    const struct zone *zone = zone_of(judging, wanted);
    int64_t end_ns = version->to_ns < judging->facts->now_ns ? version->to_ns : judging->facts->now_ns;
    size_t before = judging->count;
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
    if (judging->count > before)
        return;
    if (version->calendar == NULL)
        (void)evidence_add(judging, "calendar-none", HIKAE_NOT_OBSERVABLE, NULL, version->policy->calendar);
    else
        (void)evidence_add(judging, "log-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->name);
}

/* What became of a log while the version was in force that should not have; NULL: nothing. */
static const char *fate_of(const struct evidence_judging *judging, const struct evidence_tenant *tenant,
                           const struct evidence_kept_log *log)
{
    const struct evidence_version *version = judging->version;
    int64_t end_ns = version->to_ns < judging->facts->now_ns ? version->to_ns : judging->facts->now_ns;
    int64_t until_ns = log->frozen_ns > log->keep_until_ns ? log->frozen_ns : log->keep_until_ns;
    int64_t over_ns = until_ns < INT64_MAX - EVIDENCE_GRACE_NS ? until_ns + EVIDENCE_GRACE_NS : INT64_MAX;
    bool gone = log->dropped_ns != 0 && log->dropped_ns <= over_ns;
    if (log->lost)
        return "log-lost";
    if (log->dropped_ns != 0 && log->dropped_ns < log->keep_until_ns)
        return evidence_in_part(judging, log->dropped_ns) ? "log-early" : NULL;
    if (log->keep_until_ns == 0 || gone || tenant->held || over_ns > end_ns ||
        (log->dropped_ns != 0 && log->dropped_ns < version->from_ns))
        return NULL;
    return "log-overdue";
}

/* Everything of the class that was taken in stays until its time is over, and no longer. */
static void judge_kept(struct evidence_judging *judging, const struct policy_log *wanted)
{
    struct log_walk walk = {.judging = judging, .class_name = wanted->name};
    const struct evidence_kept_log *log;
    const struct evidence_tenant *tenant;
    while ((log = next_log(&walk, &tenant)) != NULL) {
        const char *fate = log->taken_ns < judging->version->to_ns ? fate_of(judging, tenant, log) : NULL;
        struct hikae_evidence_item *item =
            fate != NULL ? evidence_add(judging, fate, HIKAE_BROKEN, tenant->name, wanted->name) : NULL;
        if (item == NULL)
            continue;
        item->date = log->period;
        item->due_ns = log->keep_until_ns;
        item->done_ns = log->dropped_ns;
        evidence_proven_by(item, &log->entry);
    }
}

/* Logs without a day by which they are fetched: that some were taken in. */
static void judge_any(struct evidence_judging *judging, const struct policy_log *wanted)
{
    struct log_walk walk = {.judging = judging, .class_name = wanted->name};
    const struct evidence_kept_log *log;
    const struct evidence_tenant *tenant;
    size_t before = judging->count;
    while ((log = next_log(&walk, &tenant)) != NULL) {
        struct hikae_evidence_item *item =
            evidence_in_part(judging, log->taken_ns)
                ? evidence_add(judging, "log-taken", HIKAE_KEPT, tenant->name, wanted->name)
                : NULL;
        if (item == NULL)
            continue;
        item->date = log->period;
        item->done_ns = log->taken_ns;
        item->due_ns = log->keep_until_ns;
        item->detail = log->detail;
        evidence_proven_by(item, &log->entry);
    }
    if (judging->count == before)
        (void)evidence_add(judging, "log-none", HIKAE_NOT_OBSERVABLE, NULL, wanted->name);
}

void evidence_judge_logs(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_log *wanted = (const void *)rule;
    enum audit_class class;
    evidence_judge_times(judging, wanted->zone);
    if (wanted->fetched_by > 0)
        judge_months(judging, wanted);
    else if (audit_class_parse(wanted->name, &class))
        judge_audit_log(judging, wanted, class);
    else
        judge_any(judging, wanted);
    judge_kept(judging, wanted);
}
