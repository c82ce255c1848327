#include "ops/retain.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/incident.h"

#include <string.h>

/* The copies that the store and the policy ask for: whichever are more. */
static size_t copies_needed(const struct session *session, const struct policy *policy)
{
    unsigned needed = session->hikae->config->min_copies;
    return policy != NULL && policy->targets.rule.present && policy->targets.min_copies > needed
               ? policy->targets.min_copies
               : needed;
}

static size_t count_bits(uint64_t mask)
{
    return (size_t)__builtin_popcountll(mask);
}

static int judge_copies(struct session *session, const struct history_snapshot *snapshot, size_t needed,
                        uint64_t *ret_mask, enum retention_copies *ret, struct error *err)
{
    uint64_t every = session->hikae->target_count < 64 ? (UINT64_C(1) << session->hikae->target_count) - 1 : UINT64_MAX;
    uint64_t silent = every & ~engine_up_mask(session->hikae);
    struct error why = {0};
    *ret = RETENTION_UNKNOWN;
    if (session_counting(session, snapshot, ret_mask, &why) != 0) {
        *ret_mask = 0;
        if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERRUPTED || why.class == ERROR_INTERNAL) {
            *err = why;
            return -1;
        }
        engine_warn(session->hikae, "snapshot %s: %s", snapshot->name, why.what);
        return 0;
    }
    if (count_bits(*ret_mask) >= needed)
        *ret = RETENTION_COMPLETE;
    else if (count_bits(*ret_mask | silent) < needed)
        *ret = RETENTION_PARTIAL;
    return 0;
}

static int gather_snapshots(struct session *session, struct retain_view *view, struct error *err)
{
    const struct history *history = &session->chain.history;
    size_t needed = copies_needed(session, view->policy);
    view->snapshots = mem_calloc(history->snapshot_count, sizeof(*view->snapshots));
    view->from = mem_calloc(history->snapshot_count, sizeof(*view->from));
    view->counting = mem_calloc(history->snapshot_count, sizeof(*view->counting));
    if (view->snapshots == NULL || view->from == NULL || view->counting == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct history_snapshot *from = &history->snapshots[i];
        if (from->retired)
            continue;
        size_t at = view->count++;
        view->from[at] = from;
        view->snapshots[at] = (struct retention_snapshot){.id = from->name,
                                                          .time_ns = from->time_ns,
                                                          .on_demand = from->on_demand,
                                                          .keep_until_ns = from->keep_until_ns,
                                                          .verified_ns = from->verified_ns,
                                                          .tag = from->tag};
        if (cancel_check(&session->hikae->cancel, err) != 0 ||
            judge_copies(session, from, needed, &view->counting[at], &view->snapshots[at].copies, err) != 0)
            return -1;
    }
    return 0;
}

static struct retention_snapshot *find_snapshot(const struct retain_view *view, const char *name)
{
    for (size_t i = 0; name != NULL && i < view->count; i++)
        if (strcmp(view->snapshots[i].id, name) == 0)
            return &view->snapshots[i];
    return NULL;
}

/* Logs that were taken in, and may tell of an open incident: what was replaced by a later record lies there too. */
static int freeze(struct retain_view *view, const struct history_fact *fact, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    int64_t to_ns = INT64_MAX;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    struct retention_snapshot *snapshot = find_snapshot(view, json_string_value(json_object_get(body, "snapshot")));
    const char *to = json_string_value(json_object_get(body, "to"));
    if (to == NULL || clock_parse(to, &to_ns, NULL) != 0)
        to_ns = INT64_MAX; /* in doubt it may */
    const struct hikae_incident *incident = snapshot != NULL ? incidents_freezing(&view->incidents, to_ns) : NULL;
    if (incident != NULL)
        snapshot->incident = incident->id;
    return 0;
}

static int freeze_all(struct retain_view *view, const struct history_fact *facts, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (facts[i].type == RECORD_KEPT_LOG && freeze(view, &facts[i], err) != 0)
            return -1;
    return 0;
}

/* Incidents are the store's: only a tenant that keeps logs has to know of them. */
static int gather_frozen(struct session *session, struct retain_view *view, struct error *err)
{
    const struct history *history = &session->chain.history;
    struct session facts;
    bool keeps_logs = false;
    for (size_t i = 0; i < history->fact_count && !keeps_logs; i++)
        keeps_logs = history->facts[i].type == RECORD_KEPT_LOG;
    if (!keeps_logs)
        return 0;
    if (session_open_store(session->hikae, 0, &facts, err) != 0)
        return -1;
    int rc = incidents_read(&facts, NULL, clock_now_ns(), &view->incidents, err);
    session_close(&facts);
    if (rc == 0)
        rc = freeze_all(view, history->facts, history->fact_count, err);
    return rc == 0 ? freeze_all(view, history->past, history->past_count, err) : -1;
}

/* A hold whose end cannot be read has none. */
static int gather_holds(const struct session *session, struct retain_view *view, struct error *err)
{
    const struct history *history = &session->chain.history;
    view->holds = mem_calloc(history->hold_count, sizeof(*view->holds));
    if (view->holds == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->hold_count; i++) {
        const struct history_hold *from = &history->holds[i];
        struct retention_hold *hold = &view->holds[view->hold_count++];
        *hold = (struct retention_hold){.id = from->id, .who = from->who};
        if (from->until == NULL || clock_parse(from->until, &hold->until_ns, NULL) != 0)
            hold->until_ns = INT64_MAX;
    }
    return 0;
}

static int gather_clocks(const struct session *session, struct retain_view *view, struct error *err)
{
    const struct hikae *hikae = session->hikae;
    view->clocks = mem_calloc(hikae->target_count, sizeof(*view->clocks));
    if (view->clocks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct retention_clock *clock = &view->clocks[view->clock_count];
        if (!hikae->targets[i].up)
            continue;
        clock->target = hikae->targets[i].name;
        if (target_clock_skew(hikae->targets[i].target, &clock->ahead_ns, &view->why) == 0)
            view->clock_count++;
        else
            (void)error_wrap(&view->why, "the clock of target %s", clock->target);
    }
    return 0;
}

static int find_policy(struct session *session, const struct policies *policies, struct retain_view *view)
{
    const struct history *history = &session->chain.history;
    const char *name = history->has_tenant ? history->tenant.policy : POLICY_PLAIN;
    if (policies != NULL)
        return policies_get(policies, name, &view->policy, &view->why);
    if (policies_open(session->hikae, name, &view->owned, &view->why) != 0)
        return -1;
    view->policy = view->owned;
    return 0;
}

/* Without a policy, or its zone, there is no plan; the snapshots are there all the same. */
static int gather_policy(struct session *session, const struct policies *policies, struct retain_view *view,
                         struct error *err)
{
    if (find_policy(session, policies, view) == 0 && zone_open(view->policy->zone, &view->zone, &view->why) == 0)
        return 0;
    if (view->why.class != ERROR_NO_MEMORY)
        return 0;
    *err = view->why;
    return -1;
}

int retain_view_open(struct session *session, const struct policies *policies, struct retain_view *ret,
                     struct error *err)
{
    *ret = (struct retain_view){0};
    if (gather_policy(session, policies, ret, err) == 0 && gather_snapshots(session, ret, err) == 0 &&
        gather_frozen(session, ret, err) == 0 && gather_holds(session, ret, err) == 0 &&
        gather_clocks(session, ret, err) == 0)
        return 0;
    retain_view_close(ret);
    return -1;
}

void retain_view_close(struct retain_view *view)
{
    policy_free(view->owned);
    zone_free(view->zone);
    mem_free(view->snapshots);
    mem_free(view->from);
    mem_free(view->counting);
    mem_free(view->holds);
    mem_free(view->clocks);
    hikae_incidents_free(&view->incidents);
    *view = (struct retain_view){0};
}

int retain_view_plan(const struct retain_view *view, int64_t now_ns, struct retention_plan *ret, struct error *err)
{
    if (view->why.class != ERROR_NONE) {
        *ret = (struct retention_plan){0};
        *err = view->why;
        return -1;
    }
    const struct retention_input input = {.snapshots = view->snapshots,
                                          .snapshot_count = view->count,
                                          .rules = &view->policy->generations.rules,
                                          .holds = view->holds,
                                          .hold_count = view->hold_count,
                                          .clocks = view->clocks,
                                          .clock_count = view->clock_count,
                                          .now_ns = now_ns,
                                          .zone = view->zone};
    return retention_plan_make(&input, ret, err);
}

int retain_history_check(const struct session *session, struct error *err)
{
    const struct hikae *hikae = session->hikae;
    const struct history *history = &session->chain.history;
    size_t up = count_bits(engine_up_mask(hikae));
    /* A record is in effect once min_copies targets have it: as many as may be silent without hiding one. */
    if (up + hikae->config->min_copies <= hikae->target_count) {
        (void)error_set(err, ERROR_UNREACHABLE, "%zu of %zu targets answer: a hold may lie on one that does not", up,
                        hikae->target_count);
        return error_hint(err, "nothing is dropped until they answer; `hikae target check` says why they do not");
    }
    if (history->missing_count == 0 && history->unreadable == 0)
        return 0;
    (void)error_set(err, ERROR_DAMAGED, "of the history %zu records are missing and %zu cannot be read",
                    history->missing_count, history->unreadable);
    return error_hint(err, "nothing is dropped by a history with gaps; `hikae verify --repair` and `hikae replicate` "
                           "bring back what any target still has");
}
