/* Recovering from a target that a configuration describes. */
#ifndef HIKAE_OPS_RECOVER_H
#define HIKAE_OPS_RECOVER_H

#include "ops/engine.h"

/* hikae_recover from this one target, with all that is said of it (NULL: from those that the options name). */
enum hikae_status recover_from(const struct hikae_recover_options *options, const struct config_target *given,
                               struct hikae_recover_result *ret, struct hikae_error *error);

#endif
