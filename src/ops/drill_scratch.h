/*
 * The folder that a drill restores into: made by the drill itself, below a
 * folder of the operator's, with a marker that says whose it is. Nothing else
 * is ever written to or removed. The marker stays locked (flock) while the
 * drill lives, so that the next one can tell what a crash left behind from
 * what another process is using, and removes only the former.
 */
#ifndef HIKAE_OPS_DRILL_SCRATCH_H
#define HIKAE_OPS_DRILL_SCRATCH_H

#include "ops/engine.h"

#define DRILL_WORK "check" /* in the folder: what application checks work with */

struct drill_scratch {
    char *folder; /* absolute; NULL: none */
    char *data;   /* below it: what is restored */
    int marker_fd;
};

/*
 * Remove what crashed drills of this store left below `parent` (made if it is missing), then make a new folder there.
 * ERROR_REFUSED if a folder that is backed up overlaps with it.
 */
MUST_USE int drill_scratch_open(struct hikae *hikae, const char *parent, const char *drill, struct drill_scratch *ret,
                                struct error *err);
/* Is there room for so many bytes? ERROR_LOCAL says how many are wanted, and how many are free. */
MUST_USE int drill_scratch_check_space(const struct drill_scratch *scratch, uint64_t bytes, struct error *err);
/* An empty folder data/<name> (mem_free). NULL and err. */
char *drill_scratch_folder(const struct drill_scratch *scratch, const char *name, struct error *err);
/* Remove a tree, files that nobody may remove (chattr +i) too. */
MUST_USE int drill_scratch_remove(const char *path, struct error *err);
/* Remove everything, the marker last. -1: something is left, and the marker with it. */
MUST_USE int drill_scratch_close(struct drill_scratch *scratch, struct error *err);

#endif
