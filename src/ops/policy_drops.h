/* Which snapshots a change of a policy would drop. */
#ifndef HIKAE_OPS_POLICY_DROPS_H
#define HIKAE_OPS_POLICY_DROPS_H

#include "ops/policies.h"

/*
 * For each tenant of the policy: what the version in force keeps now and `after` would not, added to ret->drops.
 * Tenants for which no plan can be made are told of, and count for nothing: nothing is dropped without a plan.
 */
MUST_USE int policy_drops(struct hikae *hikae, const struct policies *applied, const struct policy *after,
                          struct hikae_policy_diff *ret, struct error *err);

#endif
