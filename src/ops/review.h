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
/* One that carries a signature which does not count says nothing. */
bool review_is_sound(const struct hikae_review *review);
/* When a policy was applied for the first time; 0: never. */
int64_t reviews_policy_since(const struct session *facts, const char *policy);
/* The zone that most of the active tenants' policies go by; UTC where there are none. zone_free. */
MUST_USE int reviews_home_zone(struct hikae *hikae, const struct policies *policies, struct zone **ret,
                               struct error *err);
/* The same where the policies have not been read yet. */
MUST_USE int reviews_find_home_zone(struct hikae *hikae, struct zone **ret, struct error *err);

/* ---- review_sign.c ---- */

#define REVIEW_TYPE "application/vnd.hikae.review+json"

/* Add "signature" to the body of a record: the body as it is, with the store's id, signed by an operator's key file. */
MUST_USE int review_sign(const struct session *facts, json_t *body, const char *key_path, const char *passphrase_path,
                         struct error *err);
/*
 * The operator who signed what a record says (mem_free); NULL if nobody did whose signature counted at that time, or
 * something else was signed. -1: no memory.
 */
MUST_USE int review_signer(const struct session *facts, const json_t *body, int64_t time_ns, char **ret,
                           struct error *err);

#endif
