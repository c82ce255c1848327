/* Does a new version of a policy promise less than the one in force? Pure. */
#ifndef HIKAE_POLICY_POLICY_SHORTEN_H
#define HIKAE_POLICY_POLICY_SHORTEN_H

#include "policy/policy.h"

/* Called for each thing that becomes less, with a sentence. */
typedef int policy_shorten_work(const char *what, void *context, struct error *err);
/*
 * Generations, copies, sites, providers, locks, logs, verification, drills: whatever the version before has and the one
 * after has less of, or no longer. What an operator must approve.
 */
MUST_USE int policy_shortens(const struct policy *before, const struct policy *after, policy_shorten_work *work,
                             void *context, struct error *err);

/* May data lie in countries where it might not before? That needs an earlier notice to those whose data it is. */
bool policy_widens(const struct policy *before, const struct policy *after);

#endif
