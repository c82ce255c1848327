/*
 * The policies in force: the versions that were applied last, from the store's
 * own history, and the built-in `plain`. What a file says counts for nothing
 * until it is applied.
 */
#ifndef HIKAE_OPS_POLICIES_H
#define HIKAE_OPS_POLICIES_H

#include "ops/facts.h"
#include "policy/policy.h"

struct policies_item {
    struct policy *policy; /* NULL: this version cannot read it; see why */
    struct error why;
    char *name;
    char *sha256;       /* of the text, in hexadecimal; NULL for the built-in one */
    char *approved_by;  /* names, or NULL */
    char *accepted;     /* names of rules that are not met and were accepted, with spaces between; or NULL */
    int64_t applied_ns; /* 0: built in */
    size_t versions;
};
struct policies {
    struct policies_item *items;
    size_t count;
};

/* All of them, read once: for an operation over many tenants. */
MUST_USE int policies_load(struct hikae *hikae, struct policies *ret, struct error *err);
/* The same from a session on the store's history that is open already. */
MUST_USE int policies_read(const struct session *facts, struct policies *ret, struct error *err);
void policies_clear(struct policies *policies);
/* All of them, read when they are first needed and kept as long as the handle, or until the next policies_forget. */
MUST_USE int policies_of(struct hikae *hikae, const struct policies **ret, struct error *err);
void policies_forget(struct hikae *hikae);
/* The item of that name, or NULL. */
const struct policies_item *policies_find(const struct policies *policies, const char *name);
/*
 * The policy of that name, borrowed. ERROR_NOT_FOUND if it was never applied, ERROR_CONFIG if this version of hikae
 * cannot read what was.
 */
MUST_USE int policies_get(const struct policies *policies, const char *name, const struct policy **ret,
                          struct error *err);
/*
 * Does this installation keep what the policy promises, but for what was accepted when it was applied? ERROR_REFUSED
 * names the first promise that a target, holder or calendar breaks.
 */
MUST_USE int policies_check_place(struct hikae *hikae, const struct policies_item *item, struct error *err);
/*
 * May data under this policy go to every target of the configuration? Countries, regions, storage classes, sites and
 * signatures only: what has left the country cannot be called back. ERROR_REFUSED; ERROR_CONFIG if the policy cannot be
 * read.
 */
MUST_USE int policies_check_residency(struct hikae *hikae, const char *name, struct error *err);
/*
 * Would targets as this configuration has them keep what the tenants' policies promise of places, copies, locks and
 * signatures? ERROR_REFUSED names a tenant and the promise.
 */
MUST_USE int policies_check_config(struct hikae *hikae, const struct config *config, struct error *err);
/* The same of holders; a promise that the present ones do not keep either refuses nothing. */
MUST_USE int policies_check_holders(struct hikae *hikae, const struct config *config, struct error *err);
/* One alone, owned by the caller (policy_free). `plain` opens nothing. */
MUST_USE int policies_open(struct hikae *hikae, const char *name, struct policy **ret, struct error *err);

#endif
