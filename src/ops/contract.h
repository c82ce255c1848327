/*
 * The end of a contract (FORMAT.md §6, record 9): by when a tenant must be
 * erased, what survives by promise, what stands in the way. Its rules come from
 * the version of the policy that is in force when the end is recorded, and are
 * copied into the record: a later policy takes nothing back.
 */
#ifndef HIKAE_OPS_CONTRACT_H
#define HIKAE_OPS_CONTRACT_H

#include "ops/facts.h"
#include "policy/policy.h"

/*
 * The first instant after the last day `on` ("2027-01-31") in the zone, and the last second of the day by which
 * everything must be erased: `within` counted from the last day by the calendar (31 January and one month is the last
 * day of February). Hours are counted from the end of the day. ERROR_USAGE for what is no day.
 */
MUST_USE int contract_deadline(struct span within, const struct zone *zone, const char *on, int64_t *ret_ends_ns,
                               int64_t *ret_deadline_ns, struct error *err);

/* The record of the end that is in force, parsed (json_decref); NULL if the contract does not end. */
MUST_USE int contract_read(const struct session *session, json_t **ret, struct error *err);
/* The same of one of a contract's other facts: about is "survivors" or "receipt/…". */
MUST_USE int contract_about(const struct session *session, const char *about, json_t **ret, struct error *err);
/* Is the tenant frozen: by its state, or because its contract's last day is over? */
bool contract_is_frozen(const struct history_tenant *tenant, int64_t now_ns);

/*
 * What stands in the way of the erasure of a tenant whose contract ends, apart from signatures: it has not ended, a
 * hold is in force, survivors are not stored, the customer's receipt is missing. ERROR_REFUSED names the first; for the
 * plan of a purge.
 */
MUST_USE int contract_check_erasure(const struct session *session, struct error *err);

/* A DSSE envelope with the store's own signature over a statement: *ret (mem_free). The payload is JSON of that type.
 */
MUST_USE int contract_sign(struct hikae *hikae, const char *type, const json_t *statement, char **ret,
                           struct error *err);
#define CONTRACT_RECEIPT_TYPE    "application/vnd.hikae.receipt+json"
#define CONTRACT_DISCLOSURE_TYPE "application/vnd.hikae.disclosure+json"

/* ---- contract_purge.c: how far the erasure is, by the journal in the store's history ---- */

enum contract_purge { CONTRACT_PURGE_NONE, CONTRACT_PURGE_BEGUN, CONTRACT_PURGE_COMMITTED, CONTRACT_PURGE_UNREADABLE };
MUST_USE int contract_purge_of(struct hikae *hikae, const struct id *tid, enum contract_purge *ret, struct error *err);
/* ERROR_REFUSED once a purge has begun: it is withdrawn first, or can no longer be. */
MUST_USE int contract_check_cancel(struct hikae *hikae, const struct id *tid, struct error *err);
/*
 * A tenant that cannot be opened (err) may be one that was erased: err is ERROR_REFUSED then, and says since when it
 * cannot be called back; else it stays. Always -1.
 */
int contract_explain_absence(struct hikae *hikae, const char *tenant, struct error *err);

/* ---- contract_show.c ---- */

/* Everything about it (hikae_contract_free, also after -1). */
MUST_USE int contract_describe(struct hikae *hikae, const struct session *session, struct hikae_contract *ret,
                               struct error *err);
/* The same of a record of the end that need not be in force (yet): all but the stage. */
MUST_USE int contract_describe_end(const struct session *session, const json_t *end, struct hikae_contract *ret,
                                   struct error *err);

/* ---- contract_survivors.c ---- */

/* Is a snapshot in a tenant of the provider's, and not retired? */
MUST_USE int contract_survivor_is_there(struct hikae *hikae, const char *into, const char *snapshot, bool *ret,
                                        struct error *err);

#endif
