/* libhikae: backup. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_BACKUP_H
#define HIKAE_PUBLIC_BACKUP_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_backup_options {
    const char *tag;       /* may be NULL */
    bool on_demand;        /* somebody asked for it: never a generation. The schedule's snapshots are not */
    int64_t keep_ns;       /* own expiry after this duration, which makes it one on demand; 0: none */
    int64_t keep_until_ns; /* the same as an instant, instead of the duration; 0: none */
    bool no_verify_writes; /* overrides the configuration */
    bool dry_run;          /* scan and compare only */
};
struct hikae_target_state {
    char *name;
    char *state; /* "complete", "behind", "unreachable" */
    char *why;   /* NULL when complete */
};
struct hikae_entry_error {
    char *path; /* bytes, as in the snapshot */
    char *message;
    enum hikae_status status; /* as if all had failed so: HIKAE_DAMAGED, HIKAE_UNKNOWN … */
};
struct hikae_backup_result {
    char *snapshot;  /* NULL for a dry run */
    int64_t time_ns; /* its time, when it was committed; 0 for a dry run */
    uint64_t entries;
    uint64_t files_new, files_changed, files_unchanged;
    uint64_t bytes_source;   /* sizes of all files                     */
    uint64_t bytes_read;     /* read from the source                   */
    uint64_t bytes_new;      /* plain bytes of blobs not known before  */
    uint64_t bytes_stored;   /* bytes of objects written, per target   */
    uint64_t bytes_metadata; /* plain bytes of manifest blobs written */
    uint64_t objects_stored;
    int64_t duration_ns;
    struct hikae_target_state *targets;
    size_t target_count;
    struct hikae_entry_error *errors; /* the first 1,000 */
    size_t error_count;
    uint64_t errors_total;
};
enum hikae_status hikae_backup(struct hikae *hikae, const char *tenant, const struct hikae_backup_options *options,
                               struct hikae_backup_result *ret, struct hikae_error *error);
/* An archive (any format that libarchive reads; "-" standard input) as a snapshot of its own, below the source name
 * `name`. HIKAE_NOT_FOUND if there is no such file. */
enum hikae_status hikae_import(struct hikae *hikae, const char *tenant, const char *path, const char *name,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error);
void hikae_backup_result_free(struct hikae_backup_result *result);

#ifdef __cplusplus
}
#endif

#endif
