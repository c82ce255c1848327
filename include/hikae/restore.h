/* libhikae: restore. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_RESTORE_H
#define HIKAE_PUBLIC_RESTORE_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a restore is for. A drill's copy is wiped by the drill; the others are handed out. */
enum hikae_destination { HIKAE_TO_PRODUCTION, HIKAE_TO_STAGING, HIKAE_TO_DRILL };

struct hikae_restore_options {
    struct hikae_which which;
    const char *to;           /* folder; made if missing */
    const char *const *paths; /* paths and patterns in the snapshot, as exclusions have them; none: everything */
    size_t path_count;
    bool literal;       /* paths are names, not patterns, sorted as strcmp sorts them */
    const char *target; /* read from this one only; NULL: any */
    bool overwrite;     /* replace what is in the way */
    bool delta;         /* with overwrite: fetch only what differs from the files there */
    bool no_owner;      /* do not set owners */
    bool dry_run;
    const char *reason, *ticket; /* recorded; may be NULL */
    /* Restores as a policy asks for them; all of it may be left out where it asks for nothing. */
    enum hikae_destination destination;
    bool on_request;              /* the customer asked for it */
    const char *requester;        /* who did; may be NULL */
    const char *const *approvers; /* who says yes */
    size_t approver_count;
    int64_t keep_ns; /* how long the copy may live; 0: it is not said */
};
struct hikae_fetched {
    char *target;
    uint64_t bytes;
};
struct hikae_restore_result {
    char *snapshot;
    char *copy;       /* id of what was handed out, where that is recorded; else NULL */
    uint64_t entries; /* that are there, whole */
    uint64_t bytes;
    uint64_t bytes_fetched;
    uint64_t bytes_to_fetch; /* of a dry run: blocks of content, each once */
    int64_t duration_ns;
    struct hikae_fetched *from;
    size_t from_count;
    uint64_t repaired; /* objects that were damaged on a target and mended from another */
    uint64_t omitted;  /* entries left out, because the erasure register of the tenant names them */
    uint64_t verified; /* blobs whose ids were checked: all that were written */
    struct hikae_entry_error *errors;
    size_t error_count;
    uint64_t errors_total;
};
/*
 * Restore one snapshot. HIKAE_DAMAGED or HIKAE_UNKNOWN with a result (ret->snapshot is not NULL) means that all is in
 * place but for the entries that ret->errors names: their data was sound on no target at hand, or on one that did not
 * answer. Any other failure leaves ret empty. To be freed whatever is returned.
 */
enum hikae_status hikae_restore(struct hikae *hikae, const char *tenant, const struct hikae_restore_options *options,
                                struct hikae_restore_result *ret, struct hikae_error *error);
void hikae_restore_result_free(struct hikae_restore_result *result);

/* One of a restore of all. */
struct hikae_restored_tenant {
    char *tenant;
    /*
     * "done", "partly" (all but entries that are not whole), "failed", "empty" (it has no snapshot), "left" (the
     * restore was stopped before)
     */
    const char *state;
    unsigned priority;
    struct hikae_restore_result restored;
    struct hikae_error error; /* of "failed" and "partly"; status of "done" says whether there were warnings */
};
struct hikae_restore_all {
    struct hikae_restored_tenant *tenants; /* in the order in which they are restored */
    size_t count;
    int64_t duration_ns;
};
/*
 * Every tenant that has a snapshot, by priority (1 first), then by name, each into the folder `to`/<tenant>. The
 * options hold for each; paths and a snapshot's id have no place in them. One that fails stops no other. The result is
 * filled, and to be freed, whatever is returned: the first of interrupted, internal, keys, damaged, unknown, usage, not
 * found, refused, busy, warnings that occurred; *error tells it.
 */
enum hikae_status hikae_restore_all(struct hikae *hikae, const struct hikae_restore_options *options,
                                    struct hikae_restore_all *ret, struct hikae_error *error);
void hikae_restore_all_free(struct hikae_restore_all *all);

/* A copy that a restore handed out: recorded where the policy has rules for restores, or its life was limited. */
struct hikae_copy {
    char *copy; /* id */
    char *tenant;
    char *snapshot;
    char *destination; /* "production", "staging" */
    char *host;
    char *folder;
    char *reason, *ticket, *requester, *approver; /* NULL: not said */
    uint64_t entries, bytes;
    int64_t handed_ns;
    int64_t until_ns; /* 0: not limited */
    int64_t wiped_ns; /* 0: it is out there */
    char *by;         /* who wiped it, or NULL */
    char *how;        /* "removed" by hikae, "declared" by a person, or NULL */
    uint64_t left;    /* entries that were not as restored, and stayed */
    bool overdue;
};
struct hikae_copies {
    struct hikae_copy *copies; /* by time */
    size_t count;
    size_t out, overdue;
};
/* tenant NULL: all; with `all` those that are wiped too. */
enum hikae_status hikae_copy_list(struct hikae *hikae, const char *tenant, bool all, struct hikae_copies *ret,
                                  struct hikae_error *error);
void hikae_copies_free(struct hikae_copies *copies);
struct hikae_wipe_options {
    const char *copy; /* id, or a start of it that is unique */
    bool declared;    /* it was wiped by other means, as `by` says; else hikae removes it now */
    const char *by;   /* NULL: whoever runs this */
    const char *note; /* may be NULL */
    bool dry_run;
};
/*
 * Remove what a restore wrote, and nothing else: entries that are as they were restored (type, size, time). What was
 * changed stays, and is counted: HIKAE_WARNINGS. HIKAE_REFUSED on another machine than it was restored on.
 */
enum hikae_status hikae_copy_wipe(struct hikae *hikae, const struct hikae_wipe_options *options, struct hikae_copy *ret,
                                  struct hikae_error *error);
void hikae_copy_free(struct hikae_copy *copy);

#ifdef __cplusplus
}
#endif

#endif
