/* Drills that a policy promises on a server of their own: no machine that makes backups can do them by itself. */
#ifndef HIKAE_OPS_DRILL_DUE_H
#define HIKAE_OPS_DRILL_DUE_H

#include "ops/run.h"

/* What a drill's record says of one that was done on another machine than its kit was made on: the ids differ. */
#define DRILL_ELSEWHERE "elsewhere"
/* Does a statement say so? */
bool drill_is_elsewhere(const json_t *statement);

/* By when the next of them must be done for a tenant; 0: none is promised, or nothing was backed up. */
int64_t drill_elsewhere_due(const struct history *history, const struct run_policy *policy);

#endif
