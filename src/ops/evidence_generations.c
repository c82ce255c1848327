/* Judging generations: did each snapshot stay as long as was promised, and no longer? */
#include "base/mem.h"
#include "ops/evidence.h"

#include <string.h>

/* ---- generations: what was dropped, by the rules that were in force then ---- */

/*
 * What retention saw at an instant: those that were there, and those that it dropped then. Whatever the rules say the
 * last verified one stays; which one that was is known for those that are there still, and asked of them alone.
 */
static int plan_at(const struct evidence_judging *judging, const struct evidence_tenant *tenant, int64_t time_ns,
                   bool ask_verified, struct retention_snapshot *room, struct retention_plan *ret)
{
    struct retention_input input = {.snapshots = room,
                                    .rules = &judging->version->policy->generations.rules,
                                    .now_ns = time_ns,
                                    .zone = judging->version->zone};
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->time_ns > time_ns || (snapshot->dropped_ns != 0 && snapshot->dropped_ns < time_ns))
            continue;
        /* Numbers of the tenant's snapshots go through the plan as their ids. */
        room[input.snapshot_count++] =
            (struct retention_snapshot){.id = snapshot->id,
                                        .time_ns = snapshot->time_ns,
                                        .copies = snapshot->complete ? RETENTION_COMPLETE : RETENTION_PARTIAL,
                                        .verified_ns = ask_verified ? snapshot->verified_ns : 0,
                                        .on_demand = snapshot->on_demand,
                                        .keep_until_ns = snapshot->keep_until_ns,
                                        .tag = snapshot->tag};
    }
    struct error why = {0};
    if (retention_plan_make(&input, ret, &why) == 0)
        return 1;
    if (why.class != ERROR_NO_MEMORY)
        return 0; /* a plan that would keep nothing, say: then nothing may be dropped */
    *judging->err = why;
    return -1;
}

static bool plan_keeps(const struct retention_plan *plan, const struct retention_snapshot *room, const char *id)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(room[plan->decisions[i].snapshot].id, id) == 0)
            return plan->decisions[i].keep;
    return false;
}

static void add_drop(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                     const struct evidence_snapshot *snapshot, const char *kind, enum hikae_result result)
{
    struct hikae_evidence_item *item = evidence_add(judging, kind, result, tenant->name, snapshot->id);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, snapshot->time_ns);
    item->done_ns = snapshot->dropped_ns;
    evidence_proven_by(item, &snapshot->dropped);
}

/* Drops of one instant are one plan's. */
static void judge_drops(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                        struct retention_snapshot *room)
{
    const struct policy_generations *generations = &judging->version->policy->generations;
    const struct evidence_version *version = judging->version;
    struct retention_plan plan = {0};
    int64_t planned_ns = INT64_MIN;
    int made = 0;
    for (size_t i = 0; i < tenant->snapshot_count && !judging->failed && !judging->arena->failed; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->dropped_ns == 0 || snapshot->dropped_ns < version->from_ns ||
            snapshot->dropped_ns >= version->to_ns || snapshot->on_demand)
            continue;
        if (snapshot->dropped_ns != planned_ns && !generations->keep_all) {
            retention_plan_clear(&plan);
            planned_ns = snapshot->dropped_ns;
            made = plan_at(judging, tenant, planned_ns, false, room, &plan);
            judging->failed = made < 0;
        }
        bool needed = generations->keep_all || made == 0 || plan_keeps(&plan, room, snapshot->id);
        if (!snapshot->complete || made < 0)
            continue;
        add_drop(judging, tenant, snapshot,
                 !needed               ? "generation-over"
                 : snapshot->taken_out ? "generation-taken-out"
                                       : "generation-early",
                 needed ? HIKAE_BROKEN : HIKAE_KEPT);
    }
    retention_plan_clear(&plan);
}

/* The end of the part, or now. */
static int64_t seen_until(const struct evidence_judging *judging)
{
    int64_t to_ns = judging->version->to_ns, now_ns = judging->facts->now_ns;
    return to_ns < now_ns ? to_ns : now_ns;
}

static bool is_there(const struct evidence_tenant *tenant, const struct evidence_snapshot *snapshot, int64_t time_ns)
{
    return !snapshot->lost && snapshot->time_ns < time_ns && (tenant->gone_ns == 0 || tenant->gone_ns >= time_ns) &&
           (snapshot->dropped_ns == 0 || snapshot->dropped_ns >= time_ns);
}

/* What the rules let go a while before the end, and is there all the same, is kept longer than promised. */
static void judge_overdue(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                          struct retention_snapshot *room)
{
    const int64_t end_ns = seen_until(judging), then_ns = end_ns - EVIDENCE_GRACE_NS;
    struct retention_plan plan = {0};
    /* Who is no tenant of the policy at the end is not cared for by its rules; a hold stops them. */
    if (judging->version->policy->generations.keep_all || tenant->held || tenant->unseen != NULL ||
        tenant->gone_ns != 0 || then_ns < judging->version->from_ns || !evidence_is_active(judging, tenant, end_ns - 1))
        return;
    int made = plan_at(judging, tenant, then_ns, true, room, &plan);
    judging->failed = judging->failed || made < 0;
    for (size_t i = 0; made > 0 && i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->on_demand || !snapshot->complete || snapshot->time_ns > then_ns ||
            !is_there(tenant, snapshot, end_ns) || plan_keeps(&plan, room, snapshot->id))
            continue;
        add_drop(judging, tenant, snapshot, "generation-overdue", HIKAE_BROKEN);
    }
    retention_plan_clear(&plan);
}

static void judge_lost(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const int64_t end_ns = seen_until(judging);
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (!snapshot->lost || !snapshot->complete || snapshot->on_demand || snapshot->time_ns >= end_ns ||
            snapshot->time_ns < judging->version->from_ns)
            continue;
        enum hikae_result result = tenant->drops_unlisted ? HIKAE_NOT_OBSERVABLE : evidence_absent(judging, end_ns);
        struct hikae_evidence_item *item =
            evidence_add(judging, result == HIKAE_BROKEN ? "generation-lost" : "generation-unknown", result,
                         tenant->name, snapshot->id);
        if (item == NULL)
            return;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, snapshot->time_ns);
        evidence_proven_by(item, &snapshot->made);
    }
}

/* Those that are there at the end. */
static void judge_standing(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const struct zone *zone = judging->version->zone;
    const int64_t end_ns = seen_until(judging);
    const struct evidence_snapshot *oldest = NULL, *newest = NULL;
    size_t there = 0;
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->on_demand || !snapshot->complete || !is_there(tenant, snapshot, end_ns))
            continue;
        there++;
        newest = snapshot;
        if (oldest == NULL)
            oldest = snapshot;
    }
    if (there == 0)
        return;
    struct hikae_evidence_item *item = evidence_add(judging, "generations", HIKAE_KEPT, tenant->name, NULL);
    if (item == NULL)
        return;
    const char *first = evidence_date(judging, zone, ZONE_DAY, oldest->time_ns);
    item->date = evidence_date(judging, zone, ZONE_DAY, newest->time_ns);
    if (first != NULL && item->date != NULL)
        item->detail = arena_printf(judging->arena, "%zu: %s … %s", there, first, item->date);
    evidence_proven_by(item, &newest->made);
}

/* ---- Snapshots by hand have an expiry of their own ---- */

/* Logs that were taken in are judged as logs. */
static bool holds_a_log(const struct evidence_tenant *tenant, const char *id)
{
    for (size_t i = 0; i < tenant->log_count; i++)
        if (tenant->logs[i].snapshot != NULL && strcmp(tenant->logs[i].snapshot, id) == 0)
            return true;
    return false;
}

/* What became of it in the version's part; NULL: it was neither made nor dropped there. */
static const char *fate_on_demand(const struct evidence_judging *judging, const struct evidence_tenant *tenant,
                                  const struct evidence_snapshot *snapshot)
{
    const int64_t end_ns = seen_until(judging), until_ns = snapshot->keep_until_ns;
    if (snapshot->lost && evidence_in_part(judging, snapshot->time_ns) && !tenant->drops_unlisted)
        return "on-demand-lost";
    if (snapshot->dropped_ns != 0 && snapshot->dropped_ns < until_ns && evidence_in_part(judging, snapshot->dropped_ns))
        return "on-demand-early";
    if (until_ns != 0 && until_ns + EVIDENCE_GRACE_NS < end_ns && is_there(tenant, snapshot, end_ns) && !tenant->held &&
        evidence_is_active(judging, tenant, end_ns - 1))
        return "on-demand-overdue";
    return evidence_in_part(judging, snapshot->time_ns) ? "on-demand" : NULL;
}

static void judge_on_demand(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (!snapshot->on_demand || !snapshot->complete || holds_a_log(tenant, snapshot->id))
            continue;
        const char *kind = fate_on_demand(judging, tenant, snapshot);
        if (kind == NULL)
            continue;
        bool good = strcmp(kind, "on-demand") == 0;
        struct hikae_evidence_item *item =
            evidence_add(judging, kind, good ? HIKAE_KEPT : HIKAE_BROKEN, tenant->name, snapshot->id);
        if (item == NULL)
            return;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, snapshot->time_ns);
        item->due_ns = snapshot->keep_until_ns;
        item->done_ns = good ? snapshot->time_ns : snapshot->dropped_ns;
        item->detail = snapshot->tag;
        evidence_proven_by(item, &snapshot->made);
    }
}

/* ---- All of it ---- */

void evidence_judge_generations(struct evidence_judging *judging, const struct policy_rule *rule)
{
    (void)rule;
    for (size_t i = 0; i < judging->facts->tenant_count && !judging->failed; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        if (!evidence_is_concerned(judging, tenant))
            continue;
        struct retention_snapshot *room = mem_calloc(tenant->snapshot_count, sizeof(*room));
        if (room == NULL) {
            judging->failed = true;
            (void)error_no_memory(judging->err);
            return;
        }
        judge_drops(judging, tenant, room);
        judge_overdue(judging, tenant, room);
        mem_free(room);
        judge_lost(judging, tenant);
        judge_standing(judging, tenant);
    }
    if (judging->count == 0 && !judging->failed)
        (void)evidence_add(judging, "generation-none", HIKAE_NOT_YET_DUE, NULL, NULL);
    const size_t before = judging->count;
    for (size_t i = 0; i < judging->facts->tenant_count && !judging->failed; i++)
        if (evidence_is_concerned(judging, &judging->facts->tenants[i]))
            judge_on_demand(judging, &judging->facts->tenants[i]);
    if (judging->count == before && !judging->failed)
        (void)evidence_add(judging, "on-demand-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}
