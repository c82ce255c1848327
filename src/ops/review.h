/*
 * Reviews: a person says that they looked (record 18 of the store's own
 * history). Which looks are owed, and by when, the policies in force say.
 */
#ifndef HIKAE_OPS_REVIEW_H
#define HIKAE_OPS_REVIEW_H

#include "hikae.h"
#include "ops/policies.h"

/* As hikae_review_list, from a session on the store's history; states are those of now_ns. */
MUST_USE int reviews_read(const struct session *facts, int64_t from_ns, int64_t to_ns, int64_t now_ns,
                          struct hikae_reviews *ret, struct error *err);
/* When a policy was applied for the first time; 0: never. */
int64_t reviews_policy_since(const struct session *facts, const char *policy);
/* The zone that most of the active tenants' policies go by; UTC where there are none. zone_free. */
MUST_USE int reviews_home_zone(struct hikae *hikae, const struct policies *policies, struct zone **ret,
                               struct error *err);

#endif
