/* A target for callers of the public interface: as it is configured, and as it is found. */
#ifndef HIKAE_OPS_TARGET_DESCRIBE_H
#define HIKAE_OPS_TARGET_DESCRIBE_H

#include "ops/engine.h"

/* Fill *ret (target_public_clear, also on failure). -1: no memory. */
MUST_USE int target_describe_public(const struct config_target *from, const struct run_target *target,
                                    struct hikae_target *ret, struct error *err);
void target_public_clear(struct hikae_target *target);

#endif
