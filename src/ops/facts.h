/*
 * Facts of the store's own history: policies applied, operators, targets
 * (FORMAT.md §6, records 10 to 12). Of each thing the latest record is in
 * force; earlier ones stay, so that evidence can ask what was in force when.
 *
 * Facts lie on min_copies targets before they take effect, and any machine
 * that opens the store sees them.
 */
#ifndef HIKAE_OPS_FACTS_H
#define HIKAE_OPS_FACTS_H

#include "base/json.h"
#include "ops/engine.h"

/* session_open_store gives the session that these take; writing needs SESSION_LOCK. */

/* The latest fact about a thing (a policy's, operator's or target's name), or NULL. */
const struct history_fact *facts_find(const struct session *session, enum record_type type, const char *key);
/* How many there have been about a thing. */
size_t facts_count(const struct session *session, enum record_type type, const char *key);
/* All facts of a type, those that later ones replaced too, in the order in which they were written (mem_free). */
MUST_USE int facts_in_order(const struct history *history, enum record_type type, const struct history_fact ***ret,
                            size_t *ret_count, struct error *err);
/*
 * Append a fact ("v": 1 is added to body), on min_copies targets, and read the history again. ERROR_REFUSED if fewer
 * can be written: nothing is then, but by a target that fails while it is written to.
 */
MUST_USE int facts_append(struct session *session, enum record_type type, json_t *body, struct error *err);

#endif
