/* What writing and reading records about operators have in common: the plan that is signed, and the rules. */
#ifndef HIKAE_OPS_OPERATOR_PLAN_H
#define HIKAE_OPS_OPERATOR_PLAN_H

#include "ops/approval.h"

/* The hash that operators sign: of act, store, name, key and deputyship. */
MUST_USE int operator_plan(const char *act, const struct id *store, const struct operator_item *item,
                           char out[APPROVAL_HASH_SIZE], struct error *err);
/* Why an event ("add", "revoke") cannot be, signatures apart; NULL if it can. */
const char *operator_fault(const struct operators *operators, const char *event, const struct operator_item *item);

#endif
