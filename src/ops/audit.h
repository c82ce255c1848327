/*
 * The record that every operation leaves in the audit log. A public function
 * begins it before it acts and ends it with its status:
 *
 *     struct engine_audit audit;
 *     if (engine_audit_begin(hikae, OPERATION_HOLD_ADD, tenant, dry_run, &audit, &err) != 0)
 *         return api_result(-1, false, &err, error);
 *     int rc = add_hold(…);
 *     return engine_audit_end(&audit, api_result(rc, false, &err, error));
 *
 * What began is on the local disk before the operation acts: a crash leaves an
 * entry that says "interrupted", never an operation without one. Records hold
 * no names of tenants and files, no keys and no text of errors.
 */
#ifndef HIKAE_OPS_AUDIT_H
#define HIKAE_OPS_AUDIT_H

#include "ops/engine.h"

/* One row each of the table in audit.c. */
enum engine_operation {
    OPERATION_INIT,
    OPERATION_UPGRADE,
    OPERATION_RECOVER,
    OPERATION_TARGET_ADD,
    OPERATION_TARGET_SET,
    OPERATION_TARGET_RETIRE,
    OPERATION_TENANT_ADD,
    OPERATION_TENANT_SET,
    OPERATION_TENANT_STATE,
    OPERATION_TENANT_LOAD,
    OPERATION_POLICY_APPLY,
    OPERATION_BACKUP,
    OPERATION_IMPORT,
    OPERATION_RUN,
    OPERATION_REPLICATE,
    OPERATION_LOCKS,
    OPERATION_VERIFY,
    OPERATION_RETAIN,
    OPERATION_GC,
    OPERATION_DRILL,
    OPERATION_DRILL_KIT,
    OPERATION_DRILL_ACCEPT,
    OPERATION_SNAPSHOT_TAG,
    OPERATION_SNAPSHOT_FORGET,
    OPERATION_LS,
    OPERATION_FIND,
    OPERATION_DIFF,
    OPERATION_CAT,
    OPERATION_RESTORE,
    OPERATION_RESTORE_WIPE,
    OPERATION_EXPORT,
    OPERATION_MOUNT,
    OPERATION_HOLD_ADD,
    OPERATION_HOLD_REMOVE,
    OPERATION_KEYS_CHECK,
    OPERATION_KEYS_ROTATE,
    OPERATION_KEYS_HOLDER,
    OPERATION_KEYS_OPERATOR,
    OPERATION_KEYS_SHEET,
    OPERATION_APPROVE,
    OPERATION_CONTRACT_END,
    OPERATION_CONTRACT_CANCEL,
    OPERATION_CONTRACT_SURVIVORS,
    OPERATION_CUSTOMER_EXPORT,
    OPERATION_DISCLOSE,
    OPERATION_ERASURE_REGISTER,
    OPERATION_PURGE_PLAN,
    OPERATION_PURGE_APPROVE,
    OPERATION_PURGE_WITHDRAW,
    OPERATION_PURGE_DECLARE,
    OPERATION_PURGE_RUN,
    OPERATION_PURGE_COMMIT,
    OPERATION_PURGE_CERTIFICATE,
    OPERATION_INCIDENT_OPEN,
    OPERATION_INCIDENT_NOTE,
    OPERATION_INCIDENT_NOTICE,
    OPERATION_INCIDENT_CLOSE,
    OPERATION_NONCONFORMITY_CLOSE,
    OPERATION_LOG_INGEST,
    OPERATION_LOG_EXPORT,
    OPERATION_NOTIFY_TEST,
    OPERATION_NOTIFY_MUTE,
    OPERATION_EVIDENCE,
    OPERATION_REVIEW_ACK,
    OPERATION_ATTEST,
    OPERATION_AUDIT_VERIFY,
    OPERATION_AUDIT_EXPORT,
    OPERATION_AUDIT_REVIEW,
    OPERATION_AUDIT_EXPIRE,
    OPERATION_AUDIT_FORK,
    OPERATION_COUNT
};

struct engine_audit {
    struct hikae *hikae;           /* NULL: there is no store yet */
    struct audit_journal *journal; /* borrowed from it; else owned */
    enum engine_operation operation;
    const char *tenant; /* borrowed until the end */
    struct audit_intent intent;
    json_t *entry; /* NULL: nothing is recorded */
    int64_t began_ns;
    bool failed; /* the entry lacks something for want of memory */
};

/*
 * Note durably that the operation begins; `tenant` may be NULL, or the name of none. With `dry_run` nothing is
 * recorded, now or at the end. ERROR_LOCAL if the state folder cannot be written: the operation must not act then.
 */
MUST_USE int engine_audit_begin(struct hikae *hikae, enum engine_operation operation, const char *tenant, bool dry_run,
                                struct engine_audit *ret, struct error *err);
/* The same before there is a store: the record lies in this state folder, which is made if it is missing. */
MUST_USE int engine_audit_begin_in(const char *state, enum engine_operation operation, struct engine_audit *ret,
                                   struct error *err);
/* Add a number, a text (NULL: left out), or the operators who approved ("a, b"). */
void engine_audit_count(struct engine_audit *audit, const char *name, uint64_t count);
void engine_audit_detail(struct engine_audit *audit, const char *name, const char *text);
void engine_audit_operator(struct engine_audit *audit, const char *names);
/*
 * End the record with the status of the operation, and bring it to the targets where the table says so. Returns the
 * status; HIKAE_WARNINGS in place of HIKAE_OK if the record could not be finished.
 */
enum hikae_status engine_audit_end(struct engine_audit *audit, enum hikae_status status);

/* The word of a status in entries: "ok", "warnings", … */
const char *engine_audit_result(enum hikae_status status);
/* Is an operation of that name one that a periodic review must look at? */
bool engine_audit_is_privileged(const char *operation);
/* Is there an operation of that name, or one whose record was lost ("unknown")? */
bool engine_audit_is_operation(const char *operation);
/* The journal of this state folder, opened when it is first needed (borrowed). */
MUST_USE int engine_audit_journal(struct hikae *hikae, struct audit_journal **ret, struct error *err);

#endif
