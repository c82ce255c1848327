/*
 * Facts about targets in the store's own history (FORMAT.md §6, record 12):
 * where each lies, on whose word, and what was measured last. Every record is
 * whole, so that the latest one about a target is all that holds.
 */
#ifndef HIKAE_OPS_TARGET_FACT_H
#define HIKAE_OPS_TARGET_FACT_H

#include "ops/facts.h"

/*
 * Record an event ("add", "set", "retire", "check") about a target as it is configured. `checked` is taken, also on
 * failure; NULL: what was measured last stays. The session is of the store's history, with SESSION_LOCK.
 */
MUST_USE int target_fact_append(struct session *facts, const struct config_target *target, const char *event,
                                json_t *checked, struct error *err);
/* The same with a session of its own. That it cannot be recorded is a warning: what was done is done. */
void target_fact_note(struct hikae *hikae, const struct config_target *target, const char *event, json_t *checked);
/* What was measured last of a target, or NULL (json_decref); *ret_at_ns: when, or 0. */
MUST_USE int target_fact_checked(const struct session *facts, const char *name, json_t **ret, int64_t *ret_at_ns,
                                 struct error *err);

#endif
