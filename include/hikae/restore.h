/* libhikae: restore. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_RESTORE_H
#define HIKAE_PUBLIC_RESTORE_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_restore_options {
    struct hikae_which which;
    const char *to;           /* folder; made if missing */
    const char *const *paths; /* paths or globs in the snapshot; none: everything */
    size_t path_count;
    const char *target; /* read from this one only; NULL: any */
    bool overwrite;     /* replace what is in the way */
    bool delta;         /* with overwrite: fetch only what differs from the files there */
    bool no_owner;      /* do not set owners */
    bool dry_run;
    const char *reason, *ticket; /* recorded; may be NULL */
};
struct hikae_fetched {
    char *target;
    uint64_t bytes;
};
struct hikae_restore_result {
    char *snapshot;
    uint64_t entries;
    uint64_t bytes;
    uint64_t bytes_fetched;
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
enum hikae_status hikae_restore(struct hikae *hikae, const char *tenant, const struct hikae_restore_options *options,
                                struct hikae_restore_result *ret, struct hikae_error *error);
void hikae_restore_result_free(struct hikae_restore_result *result);

#ifdef __cplusplus
}
#endif

#endif
