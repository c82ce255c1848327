/*
 * The capability to delete. Only collection (ops/collect) and purge
 * (ops/purge) may include this file; a check in CI enforces it.
 */
#ifndef HIKAE_TARGET_DELETE_H
#define HIKAE_TARGET_DELETE_H

#include "target/target.h"

struct target_deleter {
    struct target *target; /* borrowed */
};

/* Remove an object; one that is not there is removed already. */
MUST_USE int target_delete(struct target_deleter *deleter, const char *name, struct error *err);

#endif
