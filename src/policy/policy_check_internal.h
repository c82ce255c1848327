/* What the rules of policy_check share. */
#ifndef HIKAE_POLICY_POLICY_CHECK_INTERNAL_H
#define HIKAE_POLICY_POLICY_CHECK_INTERNAL_H

#include "policy/policy_check.h"

struct policy_checking {
    const struct policy *policy;
    const struct policy_installation *place; /* rules about it run only if it is known */
    struct policy_findings *findings;
    const struct policy_check_rule *rule;
};

struct policy_check_rule {
    const char *name;
    enum policy_severity severity;
    int (*check)(struct policy_checking *c, struct error *err);
};

/* Note what is wrong with the value of a path. -1: no memory. */
MUST_USE int policy_find(struct policy_checking *c, struct error *err, const char *path, const char *hint,
                         const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Rules about promises (policy_check_promises.c). */
MUST_USE int policy_check_promises_known(struct policy_checking *c, struct error *err);
MUST_USE int policy_check_promises_kept(struct policy_checking *c, struct error *err);
MUST_USE int policy_check_aspects(struct policy_checking *c, struct error *err);
MUST_USE int policy_check_published(struct policy_checking *c, struct error *err);

/* Rules about the installation; ends with a NULL name. */
extern const struct policy_check_rule policy_place_rules[];

/* The shortest and longest time between two snapshots of the schedule, in seconds. */
int64_t policy_interval_shortest_s(const struct policy_schedule *schedule);
int64_t policy_interval_longest_s(const struct policy_schedule *schedule);
/* How long a snapshot of the schedule stays at least, in seconds; INT64_MAX if all are kept. */
int64_t policy_retention_s(const struct policy *policy);
/* What passes at least between the end of a contract and the last erasure, in seconds, under a lock of lock_s. */
int64_t policy_erasure_s(const struct policy *policy, int64_t lock_s);
/* "30 days", "7 days less 1 hour", "72 hours": whole hours. Returns buf. */
enum { POLICY_TIME_SIZE = 80 };
char *policy_time_text(int64_t seconds, char buf[POLICY_TIME_SIZE]);

#endif
