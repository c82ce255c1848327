/*
 * Taking back what a restore wrote, and nothing else: entries of a snapshot
 * that lie in a folder just as they were restored. What somebody changed since,
 * or put there, stays. No link is followed on the way.
 */
#ifndef HIKAE_PIPELINE_RESTORE_REMOVE_H
#define HIKAE_PIPELINE_RESTORE_REMOVE_H

#include "pipeline/objects.h"
#include "pipeline/select.h"
#include "repo/manifest.h"

struct restore_remove_options {
    struct objects *objects;
    const struct manifest_root *root;
    const char *from;              /* the folder that was restored to */
    const struct selection *paths; /* as the restore had them */
    bool dry_run;                  /* only count */
    const struct cancel *cancel;
};
struct restore_removed {
    uint64_t entries; /* that were removed (dry run: would be) */
    uint64_t bytes;
    uint64_t left; /* that are not as they were restored */
};
/* ERROR_NOT_FOUND if the folder is not there. */
MUST_USE int restore_remove(const struct restore_remove_options *options, struct restore_removed *ret,
                            struct error *err);

#endif
