/*
 * Retention of a tenant's real snapshots: what the plan of policy/retention.h
 * needs, gathered from an open session, and the plan itself. Nothing here
 * changes anything; ops/retain.c carries plans out.
 */
#ifndef HIKAE_OPS_RETAIN_H
#define HIKAE_OPS_RETAIN_H

#include "ops/policies.h"

/* The snapshots of a tenant that are not retired, as retention sees them. Texts are the session's. */
struct retain_view {
    const struct policy *policy; /* the version of the tenant's policy that was applied last */
    struct policy *owned;        /* the same, if it is the view's own                        */
    struct zone *zone;
    struct error why; /* why there can be no plan: no such policy, a clock that cannot be read; else of no class */
    struct retention_snapshot *snapshots;
    const struct history_snapshot **from; /* the same snapshots in the history  */
    uint64_t *counting;                   /* bits of the targets that count for them */
    size_t count;
    struct retention_hold *holds;
    size_t hold_count;
    struct retention_clock *clocks;
    size_t clock_count;
    struct hikae_incidents incidents; /* read where logs are kept that they may freeze */
};
/*
 * `policies`: those in force, which must outlive the view; NULL: the one that is needed is read from the store's
 * history. The session's targets must have been listed. What a target that does not answer may hold is unknown, and
 * stays so in the plan.
 */
MUST_USE int retain_view_open(struct session *session, const struct policies *policies, struct retain_view *ret,
                              struct error *err);
void retain_view_close(struct retain_view *view);
/* What retention_plan_make refuses, and what `why` says. */
MUST_USE int retain_view_plan(const struct retain_view *view, int64_t now_ns, struct retention_plan *ret,
                              struct error *err);
/*
 * May anything be dropped, by what is known of the history? Every record that took effect must have been read: more
 * targets answer than could lack it, none that another one names is missing, all can be read. ERROR_UNREACHABLE,
 * ERROR_DAMAGED.
 */
MUST_USE int retain_history_check(const struct session *session, struct error *err);

#endif
