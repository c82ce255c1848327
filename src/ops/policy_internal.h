/* What policy check and policy apply share. */
#ifndef HIKAE_OPS_POLICY_INTERNAL_H
#define HIKAE_OPS_POLICY_INTERNAL_H

#include "hikae.h"
#include "policy/policy_check.h"

/* Fill *ret, which the caller frees also after -1. */
MUST_USE int policy_export_findings(const struct policy *policy, const struct policy_findings *from,
                                    struct hikae_policy_findings *ret, struct error *err);
/* ERROR_REFUSED with the worst finding that is neither a warning nor accepted, or 0. */
MUST_USE int policy_refuse(const struct hikae_policy_findings *findings, struct error *err);

#endif
