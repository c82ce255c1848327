/* Judging snapshots: was one made in each window, of what was promised? */
#include "ops/evidence.h"

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
    size_t low = 0, high = tenant->snapshot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tenant->snapshots[middle].time_ns < slot->begins_ns)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < tenant->snapshot_count && tenant->snapshots[i].time_ns < slot->ends_ns; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (snapshot->on_demand)
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
    evidence_judge_times(judging, judging->version->policy->schedule.zone);
    const size_t before = judging->count;
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
    if (judging->count == before)
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
        bool seen = tenant->sources != NULL;
        struct hikae_evidence_item *item = evidence_add(judging,
                                                        !seen  ? "sources-unseen"
                                                        : fits ? "sources"
                                                               : "sources-other",
                                                        !seen  ? HIKAE_NOT_OBSERVABLE
                                                        : fits ? HIKAE_KEPT
                                                               : HIKAE_BROKEN,
                                                        tenant->name, stage->customer ? "customer" : "provider");
        if (item != NULL)
            item->detail = tenant->sources;
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "tenant-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}
