/*
 * What a policy would keep: days go by, nights make snapshots as the schedule says, each of them complete, and every
 * day the plan of retention drops what it drops. Pure, like the plan itself.
 */
#ifndef HIKAE_POLICY_SIMULATE_H
#define HIKAE_POLICY_SIMULATE_H

#include "policy/policy.h"

enum { SIMULATE_DAYS_MAX = 3660 };

struct simulate_input {
    const struct policy *policy;
    const struct retention_snapshot *snapshots; /* those that are there at the start; may be none */
    size_t snapshot_count;
    const struct retention_hold *holds;
    size_t hold_count;
    int64_t now_ns; /* the start; the first day is the one after it */
    unsigned days;  /* 1 … SIMULATE_DAYS_MAX */
};

/* One day, after its nightly run. All of it is gone when the callback returns. */
struct simulate_day {
    struct civil_date date;
    int64_t now_ns;
    const struct retention_snapshot *snapshots; /* before retention; "2026-11-22" is the night of that day */
    size_t snapshot_count;
    const struct retention_plan *plan;
};
/* Not 0 (with err filled) ends it. */
typedef int simulate_work(const struct simulate_day *day, void *context, struct error *err);

/* ERROR_USAGE for too many days; what retention_plan_make refuses; ERROR_CONFIG if the policy's zone is not there. */
MUST_USE int simulate_days(const struct simulate_input *input, simulate_work *work, void *context, struct error *err);

#endif
