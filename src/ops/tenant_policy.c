/* Moving a tenant to another policy: less must be approved, as a policy that promises less must. */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/approval.h"
#include "ops/policies.h"
#include "ops/tenant.h"
#include "policy/policy_shorten.h"

#include <stdio.h>

struct less {
    char first[200];
    size_t count;
};

static int note_less(const char *what, void *context, struct error *err)
{
    struct less *less = context;
    (void)err;
    if (less->count++ == 0)
        (void)snprintf(less->first, sizeof(less->first), "%s", what);
    return 0;
}

/* What becomes less. A policy in force that cannot be read: nobody can say that nothing does. */
static int compare(const struct policies *policies, const char *before, const char *after, struct less *less,
                   struct error *err)
{
    const struct policies_item *old = policies_find(policies, before);
    const struct policy *next = NULL;
    if (policies_get(policies, after, &next, err) != 0)
        return -1;
    if (old == NULL || old->policy == NULL)
        return note_less("the policy in force cannot be read by this version of hikae", less, err);
    return policy_shortens(old->policy, next, note_less, less, err);
}

/* The plan binds how often the tenant was changed before: an approval serves once. */
static int plan_of(const struct session *session, const char *tid, const char *before, const char *after,
                   char out[APPROVAL_HASH_SIZE], struct error *err)
{
    char changes[24];
    (void)snprintf(changes, sizeof(changes), "%zu", session->chain.history.stage_count);
    return approval_hash((const char *const[]){"tenant-policy", tid, changes, before, after, NULL}, out, err);
}

int tenant_policy_door(const struct session *session, const char *before, const char *after, struct error *err)
{
    CLEANUP(policies_clear) struct policies policies = {0};
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    char tid[2 * ID_SIZE + 1], plan[APPROVAL_HASH_SIZE];
    struct less less = {.count = 0};
    /* The built-in one promises nothing. */
    if (strcmp(before, POLICY_PLAIN) == 0)
        return 0;
    if (policies_load(session->hikae, &policies, err) != 0 || compare(&policies, before, after, &less, err) != 0)
        return -1;
    if (less.count == 0)
        return 0;
    (void)hex_encode(session->tid.bytes, ID_SIZE, tid);
    if (plan_of(session, tid, before, after, plan, err) != 0)
        return -1;
    const struct approval_wanted wanted = {"tenant-policy", session->tenant, tid, "", "", plan, 0};
    engine_warn(session->hikae, "policy %s promises less than %s: %s%s", after, before, less.first,
                less.count > 1 ? ", and more" : "");
    return approval_signed(session->hikae, &wanted, &approvals, err);
}
