/* What policy_check wants to know of this installation, from hikae.yaml alone: nothing is opened. */
#ifndef HIKAE_OPS_POLICY_PLACE_H
#define HIKAE_OPS_POLICY_PLACE_H

#include "policy/config.h"
#include "policy/policy_check.h"
#include "target/url.h"

struct policy_place {
    struct policy_installation installation;
    struct target_options *targets;
    struct target_url *urls; /* these own what targets borrow */
    struct target_traits *traits;
    struct policy_key_service *key_services;
    size_t count;
};
MUST_USE int policy_place_open(const struct config *config, const struct policy *policy, struct policy_place *ret,
                               struct error *err);
void policy_place_close(struct policy_place *place);
/* Check a policy with the installation of a configuration. */
MUST_USE int policy_place_check(const struct config *config, const struct policy *policy, struct policy_findings *ret,
                                struct error *err);

#endif
