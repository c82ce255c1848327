/* A restore of every tenant, those first that a run backs up first. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/engine.h"

#include <stdlib.h>
#include <string.h>

static int by_priority(const void *a, const void *b)
{
    const struct hikae_tenant *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Of two statuses the one that is told, as the command line documents it. */
static bool is_worse(enum hikae_status status, enum hikae_status than)
{
    static const enum hikae_status order[] = {HIKAE_OK,        HIKAE_WARNINGS, HIKAE_BUSY,       HIKAE_REFUSED,
                                              HIKAE_NOT_FOUND, HIKAE_USAGE,    HIKAE_UNKNOWN,    HIKAE_DAMAGED,
                                              HIKAE_KEYS,      HIKAE_INTERNAL, HIKAE_INTERRUPTED};
    size_t rank[2] = {0};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        rank[0] = order[i] == status ? i : rank[0];
        rank[1] = order[i] == than ? i : rank[1];
    }
    return rank[0] > rank[1];
}

static int restore_one(struct hikae *hikae, const struct hikae_restore_options *options,
                       struct hikae_restored_tenant *one, struct error *err)
{
    char CLEANUP_FREE *to = mem_printf("%s/%s", options->to, one->tenant);
    struct hikae_restore_options own = *options;
    if (to == NULL)
        return error_no_memory(err);
    own.to = to;
    one->error.status = hikae_restore(hikae, one->tenant, &own, &one->restored, &one->error);
    one->state = one->error.status <= HIKAE_WARNINGS ? "done" : one->restored.snapshot != NULL ? "partly" : "failed";
    return 0;
}

static int restore_each(struct hikae *hikae, const struct hikae_restore_options *options,
                        const struct hikae_tenants *tenants, struct hikae_restore_all *ret, struct error *err)
{
    ret->tenants = mem_calloc(tenants->count, sizeof(*ret->tenants));
    if (ret->tenants == NULL && tenants->count > 0)
        return error_no_memory(err);
    for (size_t i = 0; i < tenants->count; i++) {
        struct hikae_restored_tenant *one = &ret->tenants[ret->count++];
        one->tenant = mem_strdup(tenants->tenants[i].name);
        one->priority = tenants->tenants[i].priority;
        one->state = "empty";
        if (one->tenant == NULL)
            return error_no_memory(err);
        if (atomic_load(&hikae->cancel.wanted))
            one->state = "left";
        else if (tenants->tenants[i].snapshots > 0 && restore_one(hikae, options, one, err) != 0)
            return -1;
    }
    return 0;
}

enum hikae_status hikae_restore_all(struct hikae *hikae, const struct hikae_restore_options *options,
                                    struct hikae_restore_all *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct hikae_tenants tenants = {0};
    int64_t began_ns = clock_monotonic_ns();
    *ret = (struct hikae_restore_all){0};
    if (options->to == NULL || options->to[0] == '\0' || options->path_count > 0 || options->which.snapshot != NULL) {
        (void)error_set(&err, ERROR_USAGE,
                        "a restore of all tenants needs a folder, and takes no path and no snapshot");
        return api_result(-1, false, &err, error);
    }
    enum hikae_status status = hikae_tenant_list(hikae, NULL, &tenants, error);
    if (status > HIKAE_WARNINGS)
        return status;
    qsort(tenants.tenants, tenants.count, sizeof(*tenants.tenants), by_priority);
    int rc = restore_each(hikae, options, &tenants, ret, &err);
    hikae_tenants_free(&tenants);
    ret->duration_ns = clock_monotonic_ns() - began_ns;
    if (rc != 0) {
        hikae_restore_all_free(ret);
        return api_result(rc, false, &err, error);
    }
    status = HIKAE_OK;
    for (size_t i = 0; i < ret->count; i++)
        if (is_worse(ret->tenants[i].error.status, status)) {
            status = ret->tenants[i].error.status;
            *error = ret->tenants[i].error;
        }
    return status;
}

void hikae_restore_all_free(struct hikae_restore_all *all)
{
    for (size_t i = 0; i < all->count; i++) {
        mem_free(all->tenants[i].tenant);
        hikae_restore_result_free(&all->tenants[i].restored);
    }
    mem_free(all->tenants);
    *all = (struct hikae_restore_all){0};
}
