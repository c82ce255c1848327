/* Judging snapshots: was one made in each window, of what was promised, and did each stay as long as it should? */
#include "ops/evidence.h"

#include "base/mem.h"

#include <string.h>

static const enum zone_unit units[] = {
    [POLICY_HOURLY] = ZONE_HOUR, [POLICY_DAILY] = ZONE_DAY, [POLICY_WEEKLY] = ZONE_WEEK, [POLICY_MONTHLY] = ZONE_MONTH};

/* ---- schedule: a window is kept by a complete snapshot between its beginning and the next one's ---- */

struct slot {
    int64_t begins_ns, window_ends_ns, ends_ns;
    const char *date;
};

/* The one that keeps the slot: the first complete one; else the first of those that are not. */
static const struct evidence_snapshot *snapshot_of(const struct evidence_tenant *tenant, const struct slot *slot)
{
    const struct evidence_snapshot *partial = NULL;
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->on_demand || snapshot->time_ns < slot->begins_ns || snapshot->time_ns >= slot->ends_ns)
            continue;
        if (snapshot->complete)
            return snapshot;
        if (partial == NULL)
            partial = snapshot;
    }
    return partial;
}

static void judge_slot(struct evidence_judging *judging, const struct evidence_tenant *tenant, const struct slot *slot)
{
    const struct evidence_snapshot *snapshot = snapshot_of(tenant, slot);
    bool is_over = slot->ends_ns <= judging->facts->now_ns;
    struct hikae_evidence_item *item;
    if (snapshot == NULL && is_over) {
        enum hikae_result result = evidence_absent(judging, slot->ends_ns);
        item = evidence_add(judging, result == HIKAE_BROKEN ? "night-missed" : "night-expired", result, tenant->name,
                            NULL);
    } else if (snapshot == NULL) {
        item = evidence_add(judging, "night-ahead", HIKAE_NOT_YET_DUE, tenant->name, NULL);
    } else if (!snapshot->complete) {
        item = evidence_add(judging, "night-partial", is_over ? HIKAE_BROKEN : HIKAE_NOT_YET_DUE, tenant->name,
                            snapshot->id);
    } else {
        item = evidence_add(judging, snapshot->time_ns < slot->window_ends_ns ? "night" : "night-late", HIKAE_KEPT,
                            tenant->name, snapshot->id);
    }
    if (item == NULL)
        return;
    item->date = slot->date;
    item->due_ns = slot->window_ends_ns;
    if (snapshot != NULL) {
        item->done_ns = snapshot->time_ns;
        item->detail = snapshot->targets;
        evidence_proven_by(item, &snapshot->made);
    }
}

static void judge_windows(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const struct policy_schedule *schedule = &judging->version->policy->schedule;
    const struct zone *zone = judging->version->schedule;
    const struct evidence_facts *facts = judging->facts;
    int64_t period = schedule_period(schedule, zone, judging->version->from_ns);
    struct slot slot = {0};
    for (; !judging->arena->failed; period = schedule_next_period(schedule, zone, period)) {
        if (!schedule_window(schedule, zone, period, &slot.begins_ns, &slot.window_ends_ns) ||
            slot.begins_ns < judging->version->from_ns)
            continue;
        if (slot.begins_ns >= judging->version->to_ns || slot.begins_ns > facts->now_ns)
            break;
        int64_t ends_ns;
        if (!schedule_window(schedule, zone, schedule_next_period(schedule, zone, period), &slot.ends_ns, &ends_ns))
            slot.ends_ns = slot.window_ends_ns;
        /* A tenant that came, left or was suspended in the middle of a window had no night. */
        if (!evidence_is_active(judging, tenant, slot.begins_ns) ||
            !evidence_is_active(judging, tenant, slot.window_ends_ns - 1))
            continue;
        slot.date = evidence_date(judging, zone, units[schedule->every], slot.begins_ns);
        judge_slot(judging, tenant, &slot);
    }
}

/* Whose backups are promised to nobody, or explicitly not offered: there must be none. */
static void judge_none(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const struct evidence_version *version = judging->version;
    bool found = false;
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->time_ns < version->from_ns || snapshot->time_ns >= version->to_ns ||
            !evidence_is_active(judging, tenant, snapshot->time_ns))
            continue;
        struct hikae_evidence_item *item =
            evidence_add(judging, "backup-unpromised", HIKAE_BROKEN, tenant->name, snapshot->id);
        if (item == NULL)
            return;
        item->done_ns = snapshot->time_ns;
        item->date = evidence_date(judging, version->schedule, ZONE_DAY, snapshot->time_ns);
        evidence_proven_by(item, &snapshot->made);
        found = true;
    }
    if (!found)
        (void)evidence_add(judging, "backup-none", HIKAE_KEPT, tenant->name, NULL);
}

void evidence_judge_schedule(struct evidence_judging *judging, const struct policy_rule *rule)
{
    (void)rule;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        if (!evidence_is_concerned(judging, tenant))
            continue;
        const struct evidence_stage *stage = evidence_stage_at(tenant, judging->version->to_ns - 1);
        if (policy_backs_up(judging->version->policy, stage->customer ? POLICY_CUSTOMER : POLICY_PROVIDER))
            judge_windows(judging, tenant);
        else
            judge_none(judging, tenant);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "tenant-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* ---- sources: only kinds that are promised ---- */

static bool has_kind(const struct policy_sources *sources, const char *kind, size_t size)
{
    for (unsigned i = 0; policy_source_words[i] != NULL; i++)
        if (strlen(policy_source_words[i]) == size && strncmp(policy_source_words[i], kind, size) == 0)
            return (sources->kinds >> i & 1) != 0;
    return false;
}

void evidence_judge_sources(struct evidence_judging *judging, const struct policy_rule *rule)
{
    (void)rule;
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        if (!evidence_is_concerned(judging, tenant))
            continue;
        bool fits = true;
        for (const char *p = tenant->sources; p != NULL && *p != '\0'; p += strspn(p, " ")) {
            size_t size = strcspn(p, " ");
            fits = fits && has_kind(&judging->version->policy->sources, p, size);
            p += size;
        }
        const struct evidence_stage *stage = evidence_stage_at(tenant, judging->version->to_ns - 1);
        struct hikae_evidence_item *item =
            evidence_add(judging, fits ? "sources" : "sources-other", fits ? HIKAE_KEPT : HIKAE_BROKEN, tenant->name,
                         stage->customer ? "customer" : "provider");
        if (item != NULL)
            item->detail = tenant->sources;
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "tenant-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* ---- generations: what was dropped, by the rules that were in force then ---- */

/* What retention saw at an instant: those that were there, and those that it dropped then. */
static int plan_at(const struct evidence_judging *judging, const struct evidence_tenant *tenant, int64_t time_ns,
                   struct retention_snapshot *room, struct retention_plan *ret)
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
                     const struct evidence_snapshot *snapshot, bool was_needed)
{
    const char *kind = !was_needed           ? "generation-over"
                       : snapshot->taken_out ? "generation-taken-out"
                                             : "generation-early";
    struct hikae_evidence_item *item =
        evidence_add(judging, kind, was_needed ? HIKAE_BROKEN : HIKAE_KEPT, tenant->name, snapshot->id);
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
            made = plan_at(judging, tenant, planned_ns, room, &plan);
            judging->failed = made < 0;
        }
        bool needed = generations->keep_all || made == 0 || plan_keeps(&plan, room, snapshot->id);
        if (snapshot->complete && made >= 0)
            add_drop(judging, tenant, snapshot, needed);
    }
    retention_plan_clear(&plan);
}

/* Those that are there at the end of the part, or now; and those that should be. */
static void judge_standing(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const struct evidence_version *version = judging->version;
    int64_t end = version->to_ns < judging->facts->now_ns ? version->to_ns : judging->facts->now_ns;
    size_t there = 0;
    int64_t oldest = 0, newest = 0;
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->time_ns >= end || snapshot->on_demand || !snapshot->complete)
            continue;
        if (snapshot->lost && snapshot->time_ns >= version->from_ns) {
            enum hikae_result result = tenant->drops_unlisted ? HIKAE_NOT_OBSERVABLE : evidence_absent(judging, end);
            struct hikae_evidence_item *item =
                evidence_add(judging, result == HIKAE_BROKEN ? "generation-lost" : "generation-unknown", result,
                             tenant->name, snapshot->id);
            if (item != NULL) {
                item->date = evidence_date(judging, version->zone, ZONE_DAY, snapshot->time_ns);
                evidence_proven_by(item, &snapshot->made);
            }
        }
        if (snapshot->lost || (snapshot->dropped_ns != 0 && snapshot->dropped_ns < end))
            continue;
        there++;
        newest = snapshot->time_ns;
        if (oldest == 0)
            oldest = snapshot->time_ns;
    }
    if (there == 0)
        return;
    struct hikae_evidence_item *item = evidence_add(judging, "generations", HIKAE_KEPT, tenant->name, NULL);
    if (item == NULL)
        return;
    const char *first = evidence_date(judging, version->zone, ZONE_DAY, oldest);
    const char *last = evidence_date(judging, version->zone, ZONE_DAY, newest);
    item->date = last;
    item->detail =
        arena_printf(judging->arena, "%zu: %s … %s", there, first != NULL ? first : "", last != NULL ? last : "");
}

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
        mem_free(room);
        judge_standing(judging, tenant);
    }
    if (judging->count == 0 && !judging->failed)
        (void)evidence_add(judging, "generation-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}
