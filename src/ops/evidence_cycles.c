/* Judging what comes again and again: verifications and drills of each tenant, reviews by people. */
#include "ops/evidence.h"

#include <stdio.h>
#include <string.h>

/* ---- Every so often: each success starts the next cycle, and so does each deadline that passed without one ---- */

/* What is wanted, in the words of one kind of rule. */
struct cycle {
    struct span every;
    unsigned level, share;
    bool elsewhere; /* on another machine than those that make backups */
    const struct evidence_check *checks;
    size_t count;
    const char *done, *missed, *expired, *ahead; /* kinds of items */
    const char *const *words;                    /* of levels */
};

static bool satisfies(const struct cycle *cycle, const struct evidence_check *check)
{
    return check->sound && check->level >= cycle->level && check->share >= cycle->share &&
           (check->elsewhere || !cycle->elsewhere);
}

/* The first that satisfies after an instant, or NULL. */
static const struct evidence_check *next_success(const struct cycle *cycle, int64_t after_ns)
{
    for (size_t i = 0; i < cycle->count; i++)
        if (cycle->checks[i].time_ns > after_ns && satisfies(cycle, &cycle->checks[i]))
            return &cycle->checks[i];
    return NULL;
}

static const struct evidence_check *last_success(const struct cycle *cycle, int64_t before_ns)
{
    const struct evidence_check *last = NULL;
    for (size_t i = 0; i < cycle->count && cycle->checks[i].time_ns < before_ns; i++)
        if (satisfies(cycle, &cycle->checks[i]))
            last = &cycle->checks[i];
    return last;
}

static int64_t first_snapshot(const struct evidence_tenant *tenant)
{
    for (size_t i = 0; i < tenant->snapshot_count; i++)
        if (tenant->snapshots[i].complete)
            return tenant->snapshots[i].time_ns;
    return INT64_MAX;
}

static void add_done(struct evidence_judging *judging, const struct evidence_tenant *tenant, const struct cycle *cycle,
                     const struct evidence_check *check, int64_t due_ns)
{
    struct hikae_evidence_item *item = evidence_add(judging, cycle->done, HIKAE_KEPT, tenant->name, check->name);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, check->time_ns);
    item->due_ns = due_ns;
    item->done_ns = check->time_ns;
    item->detail =
        arena_printf(judging->arena, "%s, %u.%u %%%s%s", cycle->words[check->level], check->share / 10,
                     check->share % 10, check->detail != NULL ? ", " : "", check->detail != NULL ? check->detail : "");
    evidence_proven_by(item, &check->entry);
}

static void add_missed(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                       const struct cycle *cycle, const struct evidence_check *late, int64_t due_ns)
{
    enum hikae_result result = evidence_absent(judging, due_ns);
    struct hikae_evidence_item *item = evidence_add(judging, result == HIKAE_BROKEN ? cycle->missed : cycle->expired,
                                                    result, tenant->name, cycle->words[cycle->level]);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, due_ns - 1);
    item->due_ns = due_ns;
    item->done_ns = late != NULL ? late->time_ns : 0;
}

/* What was done and failed says more than that it was not done. */
static void add_failures(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                         const struct cycle *cycle)
{
    for (size_t i = 0; i < cycle->count; i++) {
        const struct evidence_check *check = &cycle->checks[i];
        if (check->sound || check->time_ns < judging->version->from_ns || check->time_ns >= judging->version->to_ns)
            continue;
        struct hikae_evidence_item *item =
            evidence_add(judging, "check-failed", HIKAE_BROKEN, tenant->name, check->name);
        if (item == NULL)
            return;
        item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, check->time_ns);
        item->done_ns = check->time_ns;
        item->detail = check->detail;
        evidence_proven_by(item, &check->entry);
    }
}

static void judge_cycle(struct evidence_judging *judging, const struct evidence_tenant *tenant,
                        const struct cycle *cycle)
{
    const struct evidence_version *version = judging->version;
    const struct evidence_check *last = last_success(cycle, version->from_ns);
    int64_t anchor_ns = first_snapshot(tenant);
    bool is_virtual = last == NULL;
    if (anchor_ns == INT64_MAX)
        return; /* where nothing was backed up there is nothing to check */
    if (anchor_ns < version->applied_ns)
        anchor_ns = version->applied_ns;
    if (last != NULL)
        anchor_ns = last->time_ns;
    while (anchor_ns < version->to_ns && !judging->arena->failed) {
        int64_t due_ns = schedule_deadline(cycle->every, version->zone, anchor_ns);
        /* Before the first one there was none: one on the day itself, or before a rule was made, counts. */
        const struct evidence_check *next = next_success(cycle, is_virtual ? anchor_ns - 1 : anchor_ns);
        bool active = evidence_is_active(judging, tenant, due_ns - 1);
        is_virtual = false;
        if (next != NULL && next->time_ns < due_ns) {
            if (next->time_ns >= version->to_ns)
                break;
            if (next->time_ns >= version->from_ns)
                add_done(judging, tenant, cycle, next, due_ns);
            anchor_ns = next->time_ns;
            continue;
        }
        if (due_ns > judging->facts->now_ns || due_ns > version->to_ns) {
            struct hikae_evidence_item *item = active ? evidence_add(judging, cycle->ahead, HIKAE_NOT_YET_DUE,
                                                                     tenant->name, cycle->words[cycle->level])
                                                      : NULL;
            if (item != NULL)
                item->due_ns = due_ns;
            break;
        }
        if (active && due_ns > version->from_ns)
            add_missed(judging, tenant, cycle, next, due_ns);
        anchor_ns = due_ns - 1;
    }
    add_failures(judging, tenant, cycle);
}

void evidence_judge_verification(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_verification *wanted = (const void *)rule; /* the rule is its first member */
    struct cycle cycle = {.every = wanted->every,
                          .level = wanted->level,
                          .share = 10 * wanted->sample_percent,
                          .done = "verified",
                          .missed = "verification-missed",
                          .expired = "verification-expired",
                          .ahead = "verification-ahead",
                          .words = policy_level_words};
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        cycle.checks = tenant->verifications;
        cycle.count = tenant->verification_count;
        if (evidence_is_concerned(judging, tenant))
            judge_cycle(judging, tenant, &cycle);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "snapshot-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

void evidence_judge_drills(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_drill *wanted = (const void *)rule;
    struct cycle cycle = {.every = wanted->every,
                          .level = wanted->mode,
                          .elsewhere = wanted->own_server,
                          .done = "drilled",
                          .missed = "drill-missed",
                          .expired = "drill-expired",
                          .ahead = "drill-ahead",
                          .words = policy_drill_words};
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        cycle.checks = tenant->drills;
        cycle.count = tenant->drill_count;
        if (evidence_is_concerned(judging, tenant))
            judge_cycle(judging, tenant, &cycle);
    }
    bool any = false;
    for (size_t i = 0; i < judging->count; i++)
        any = any || judging->items[i].result == HIKAE_KEPT;
    if (wanted->own_server && any)
        (void)evidence_add(judging, "drill-server", HIKAE_NOT_OBSERVABLE, NULL, NULL);
    if (judging->count == 0)
        (void)evidence_add(judging, "snapshot-none", HIKAE_NOT_YET_DUE, NULL, NULL);
}

/* ---- reviews: of each period of the calendar, by a business day or by its end ---- */

/* Somebody looked at that, within the period. */
static const struct evidence_review *review_in(const struct evidence_judging *judging,
                                               const struct policy_review *wanted, const struct due_period *period)
{
    for (size_t i = 0; i < judging->facts->review_count; i++) {
        const struct evidence_review *review = &judging->facts->reviews[i];
        int64_t starts_ns, ends_ns;
        if (strcmp(review->of, wanted->of) == 0 && (!wanted->is_signed || review->is_signed) &&
            (review->policy == NULL || strcmp(review->policy, judging->version->name) == 0) &&
            due_parse_period(review->period, judging->version->zone, &starts_ns, &ends_ns) &&
            starts_ns >= period->starts_ns && ends_ns <= period->ends_ns)
            return review;
    }
    return NULL;
}

static void judge_review(struct evidence_judging *judging, const struct policy_review *wanted,
                         const struct due_period *period)
{
    const struct evidence_review *review = review_in(judging, wanted, period);
    bool is_over = period->due_ns <= judging->facts->now_ns;
    bool in_time = review != NULL && review->time_ns < period->due_ns;
    struct hikae_evidence_item *item = in_time ? evidence_add(judging, "reviewed", HIKAE_KEPT, NULL, wanted->of)
                                       : !is_over
                                           ? evidence_add(judging, "review-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->of)
                                           : evidence_add(judging, "review-missed", HIKAE_BROKEN, NULL, wanted->of);
    if (item == NULL)
        return;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, period->due_ns - 1);
    item->due_ns = period->due_ns;
    item->done_ns = review != NULL ? review->time_ns : 0;
    item->detail = review != NULL    ? review->by
                   : period->by_rule ? "by the legal rule of holidays: the year is not announced yet"
                                     : NULL;
}

/* Reviews are records of the history, which do not expire. A period that was half over when the policy came is not
 * owed. */
void evidence_judge_reviews(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_review *wanted = (const void *)rule;
    const struct evidence_version *version = judging->version;
    int64_t now_ns = judging->facts->now_ns, end_ns = version->to_ns < now_ns ? version->to_ns : now_ns;
    struct due_period period = {.ends_ns = version->from_ns};
    while (version->calendar != NULL && period.ends_ns < end_ns && !judging->arena->failed) {
        due_review(wanted, version->zone, version->calendar, period.ends_ns, &period);
        bool owed = due_is_owed(&period, version->since_ns);
        /* Deadlines of this part; one that lies behind it is the next part's, or still ahead. */
        if (owed && period.due_ns > version->from_ns && (period.due_ns <= version->to_ns || period.due_ns > now_ns))
            judge_review(judging, wanted, &period);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "review-ahead", HIKAE_NOT_YET_DUE, NULL, wanted->of);
}
