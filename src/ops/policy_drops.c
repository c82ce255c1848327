#include "ops/policy_drops.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/retain.h"

#include <string.h>

struct drops {
    struct hikae *hikae;
    const struct policies *applied;
    const struct policy *after;
    struct zone *zone; /* of after */
    int64_t now_ns;
    struct hikae_policy_diff *ret;
};

static int add_drop(const struct drops *drops, const char *tenant, const struct retention_snapshot *snapshot,
                    const char *reason, struct error *err)
{
    struct hikae_policy_diff *ret = drops->ret;
    struct hikae_policy_drop *grown = mem_realloc(ret->drops, (ret->drop_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->drops = grown;
    struct hikae_policy_drop *drop = &grown[ret->drop_count++];
    *drop =
        (struct hikae_policy_drop){mem_strdup(tenant), mem_strdup(snapshot->id), snapshot->time_ns, mem_strdup(reason)};
    return drop->tenant != NULL && drop->snapshot != NULL && drop->reason != NULL ? 0 : error_no_memory(err);
}

static const struct retention_decision *find_decision(const struct retention_plan *plan, size_t snapshot)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->decisions[i].snapshot == snapshot)
            return &plan->decisions[i];
    return NULL;
}

static int compare_plans(const struct drops *drops, const char *tenant, const struct retain_view *view,
                         struct error *err)
{
    struct retention_plan before = {0}, after = {0};
    struct retain_view changed = *view;
    struct error why = {0};
    changed.policy = drops->after;
    changed.zone = drops->zone;
    int rc = retain_view_plan(view, drops->now_ns, &before, &why);
    if (rc == 0)
        rc = retain_view_plan(&changed, drops->now_ns, &after, &why);
    if (rc != 0 && why.class == ERROR_NO_MEMORY)
        *err = why;
    else if (rc != 0) {
        engine_warn(drops->hikae, "tenant %s: what the change would drop is not known: %s", tenant, why.what);
        rc = 0;
    }
    for (size_t i = 0; rc == 0 && i < after.count; i++) {
        const struct retention_decision *decision = &after.decisions[i];
        const struct retention_decision *old = find_decision(&before, decision->snapshot);
        if (!decision->keep && old != NULL && old->keep)
            rc = add_drop(drops, tenant, &view->snapshots[decision->snapshot],
                          decision->reason_count > 0 ? decision->reasons[0] : "", err);
    }
    retention_plan_clear(&before);
    retention_plan_clear(&after);
    return rc;
}

static int look_at(const char *tenant, void *context, struct error *err)
{
    const struct drops *drops = context;
    struct session session;
    struct retain_view view;
    if (cancel_check(&drops->hikae->cancel, err) != 0 || session_open(drops->hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = 0;
    const struct history *history = &session.chain.history;
    if (history->has_tenant && strcmp(history->tenant.policy, drops->after->name) == 0) {
        rc = session_list(&session, err);
        if (rc == 0)
            rc = retain_view_open(&session, drops->applied, &view, err);
        if (rc == 0) {
            rc = compare_plans(drops, tenant, &view, err);
            retain_view_close(&view);
        }
    }
    session_close(&session);
    return rc;
}

struct tenants {
    const char *policy;
    char **names;
    size_t count;
};

static void tenants_clear(struct tenants *tenants)
{
    for (size_t i = 0; i < tenants->count; i++)
        mem_free(tenants->names[i]);
    mem_free(tenants->names);
}

static int note_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct tenants *tenants = context;
    if (strcmp(tenant->policy, tenants->policy) != 0 || strcmp(tenant->state, "erased") == 0)
        return 0;
    char **grown = mem_realloc(tenants->names, (tenants->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    tenants->names = grown;
    grown[tenants->count] = mem_strdup(tenant->name);
    return grown[tenants->count++] != NULL ? 0 : error_no_memory(err);
}

int policy_drops(struct hikae *hikae, const struct policies *applied, const struct policy *after,
                 struct hikae_policy_diff *ret, struct error *err)
{
    CLEANUP(tenants_clear) struct tenants tenants = {.policy = after->name};
    struct drops drops = {.hikae = hikae, .applied = applied, .after = after, .now_ns = clock_now_ns(), .ret = ret};
    /* Names first: opening a tenant may change the catalogue that they are read from. */
    if (catalog_tenant_each(hikae->catalog, note_tenant, &tenants, err) != 0 ||
        zone_open(after->zone, &drops.zone, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tenants.count; i++)
        rc = look_at(tenants.names[i], &drops, err);
    zone_free(drops.zone);
    return rc;
}
