/* What `target retire --erase` does to a target: the one door to it outside of collection (ops/collect_target.c). */
#ifndef HIKAE_OPS_TARGET_ERASE_H
#define HIKAE_OPS_TARGET_ERASE_H

#include "hikae.h"
#include "target/target.h"

/*
 * Delete every object, version, marker and unfinished upload that this store has on a target, and list again: fills
 * what was removed, what is left, and what of it is locked and until when. Whoever calls has made sure that nothing is
 * lost by it. ERROR_DENIED without the right to delete; what was removed until then is counted.
 */
MUST_USE int target_erase(struct target *target, struct hikae_target_retired *ret, struct error *err);

#endif
