/*
 * Who answers for what cannot be taken back: ending a hold, taking a snapshot out. One door for all of these, so that
 * what an approval must be is decided in one place.
 */
#ifndef HIKAE_OPS_APPROVAL_H
#define HIKAE_OPS_APPROVAL_H

#include "ops/engine.h"

struct approval {
    const char *who;
    const char *why;
};
/* ERROR_REFUSED unless somebody answers for `act` ("hold remove") on a tenant and says why. */
MUST_USE int approval_check(struct hikae *hikae, const char *act, const char *tenant, const struct approval *approval,
                            struct error *err);

#endif
