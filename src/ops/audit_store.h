/* The audit log on this store's targets: what operations on the log itself begin with. */
#ifndef HIKAE_OPS_AUDIT_STORE_H
#define HIKAE_OPS_AUDIT_STORE_H

#include "audit/log.h"
#include "audit/upload.h"
#include "ops/audit.h"

struct engine_audit_store {
    struct audit_store store;
    struct audit_place places[AUDIT_PLACES_MAX];
    struct keyring *keyring;
    struct secret *signing;
    char *cache;
};
/* Targets and keys opened, everything filled in. */
MUST_USE int engine_audit_store_open(struct hikae *hikae, struct engine_audit_store *ret, struct error *err);
void engine_audit_store_close(struct engine_audit_store *store);
/* Bring what waits to the targets, and targets up to date. A copied state folder gets a log of its own, which says so.
 */
MUST_USE int engine_audit_upload(struct hikae *hikae, struct audit_uploaded *ret, struct error *err);
/* Bring targets up to date with every log of the store, whoever writes it: *ret_copied objects. A dry run counts them.
 */
MUST_USE int engine_audit_catch_up(struct hikae *hikae, bool dry_run, uint64_t *ret_copied, struct error *err);
/* The id of the log that this state folder writes. */
MUST_USE int engine_audit_own_log(struct hikae *hikae, struct id *ret, struct error *err);

#endif
