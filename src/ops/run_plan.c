/* What is due: every tenant is looked at, none is opened. */
#include "ops/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/contract.h"

#include <stdlib.h>
#include <string.h>

struct planning {
    struct hikae *hikae;
    const struct hikae_run_options *options;
    struct run_plan *plan;
};

/* ---- Policies ---- */

static const struct run_policy *find_policy(const struct run_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->policies.count; i++)
        if (strcmp(plan->used[i].name, name) == 0)
            return &plan->used[i];
    return NULL;
}

/* Each policy's zone is read once; one that cannot be used fails its own tenants only. */
static int open_policies(struct hikae *hikae, struct run_plan *plan, struct error *err)
{
    if (policies_load(hikae, &plan->policies, err) != 0)
        return -1;
    plan->used = mem_calloc(plan->policies.count, sizeof(*plan->used));
    if (plan->used == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < plan->policies.count; i++) {
        const struct policies_item *item = &plan->policies.items[i];
        struct run_policy *used = &plan->used[i];
        used->name = item->name;
        used->policy = item->policy;
        used->applied_ns = item->applied_ns;
        used->why = item->why;
        if (item->policy != NULL &&
            zone_open(item->policy->schedule.rule.present ? item->policy->schedule.zone : item->policy->zone,
                      &used->zone, &used->why) != 0)
            used->policy = NULL;
    }
    return 0;
}

/* ---- Tenants ---- */

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct catalog_job *)a)->tid.bytes, ((const struct catalog_job *)b)->tid.bytes, ID_SIZE);
}

/* The rows of one tenant among all that are known, which are sorted by tenant. */
static void find_known(const struct run_plan *plan, struct run_tenant *tenant)
{
    const struct catalog_job key = {.tid = tenant->tid}, *known = plan->known;
    const struct catalog_job *found =
        plan->known_count > 0 ? bsearch(&key, known, plan->known_count, sizeof(*known), compare_ids) : NULL;
    if (found == NULL)
        return;
    while (found > known && id_equal(&found[-1].tid, &tenant->tid))
        found--;
    tenant->known = found;
    while (found < known + plan->known_count && id_equal(&found->tid, &tenant->tid))
        found++;
    tenant->known_count = (size_t)(found - tenant->known);
}

/* Of a tenant whose contract ends nothing is done from then on, but that its deadline is watched. */
static int note_contract(struct planning *planning, const struct catalog_tenant *row, bool *ret_frozen,
                         struct error *err)
{
    struct history_tenant traits CLEANUP(history_tenant_clear) = {0};
    struct run_plan *plan = planning->plan;
    int64_t now = clock_now_ns();
    if (history_tenant_read(row->body, &traits, err) != 0)
        return error_wrap(err, "tenant %s", row->name);
    *ret_frozen = contract_is_frozen(&traits, now);
    if (traits.erase_by_ns == 0 || traits.erase_by_ns >= now)
        return 0;
    if (plan->missed++ == 0)
        plan->missed_tenant = mem_strdup(row->name);
    return plan->missed_tenant != NULL ? 0 : error_no_memory(err);
}

static int take_traits(const struct catalog_tenant *row, struct run_tenant *tenant, struct error *err)
{
    struct history_tenant traits CLEANUP(history_tenant_clear) = {0};
    if (history_tenant_read(row->body, &traits, err) != 0)
        return error_wrap(err, "tenant %s", row->name);
    tenant->priority = traits.priority != 0 ? traits.priority : TENANT_PRIORITY_DEFAULT;
    tenant->not_before_ns = traits.not_before_ns;
    tenant->limits = traits.limits;
    return 0;
}

/* The shortest lock that a target gives to objects, in days; 0: none locks. */
static unsigned shortest_lock(const struct hikae *hikae)
{
    unsigned shortest = 0;
    for (size_t i = 0; i < hikae->target_count; i++) {
        unsigned days = hikae->targets[i].target != NULL ? target_traits(hikae->targets[i].target)->lock_days : 0;
        if (days > 0 && (shortest == 0 || days < shortest))
            shortest = days;
    }
    return shortest;
}

static int take_tenant(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct planning *planning = context;
    struct run_plan *plan = planning->plan;
    const struct hikae_run_options *options = planning->options;
    bool is_active = strcmp(row->state, "active") == 0, is_new = strcmp(row->state, "new") == 0,
         is_suspended = strcmp(row->state, "suspended") == 0;
    bool is_frozen = false;
    if (strcmp(row->state, "erased") == 0)
        return 0;
    if (note_contract(planning, row, &is_frozen, err) != 0)
        return -1;
    if ((!is_active && !is_new && !is_suspended) || is_frozen)
        return 0;
    if (options->shards > 1 && schedule_shard(&row->tid, options->shards) != options->shard - 1)
        return 0;
    if (plan->tenant_count == plan->tenant_room) {
        size_t room = plan->tenant_room > 0 ? 2 * plan->tenant_room : 64;
        struct run_tenant *grown = mem_realloc(plan->tenants, room * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        plan->tenants = grown;
        plan->tenant_room = room;
    }
    struct run_tenant *tenant = &plan->tenants[plan->tenant_count];
    *tenant = (struct run_tenant){.tid = row->tid,
                                  .is_new = is_new,
                                  .is_suspended = is_suspended,
                                  .class = strcmp(row->class, "provider") == 0 ? POLICY_PROVIDER : POLICY_CUSTOMER,
                                  .lock_days = shortest_lock(planning->hikae),
                                  .policy = find_policy(plan, row->policy)};
    if (take_traits(row, tenant, err) != 0)
        return -1;
    if (tenant->policy == NULL || tenant->policy->policy == NULL) {
        engine_warn(planning->hikae, "tenant %s: policy '%s' %s; nothing is done for it", row->name, row->policy,
                    tenant->policy == NULL ? "was never applied" : tenant->policy->why.what);
        return 0;
    }
    tenant->name = mem_strdup(row->name);
    if (tenant->name == NULL)
        return error_no_memory(err);
    plan->tenant_count++;
    find_known(plan, tenant);
    return 0;
}

static int compare_tenants(const void *a, const void *b)
{
    const struct run_tenant *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return strcmp(x->name, y->name);
}

int run_plan_tenants(struct hikae *hikae, const struct hikae_run_options *options, struct run_plan *ret,
                     struct error *err)
{
    *ret = (struct run_plan){.store = hikae->store.store_tid};
    struct planning planning = {hikae, options, ret};
    int rc = engine_tenants(hikae, err);
    if (rc == 0)
        rc = open_policies(hikae, ret, err);
    if (rc == 0)
        rc = catalog_job_list(hikae->catalog, &ret->known, &ret->known_count, err);
    if (rc == 0)
        rc = catalog_tenant_each(hikae->catalog, take_tenant, &planning, err);
    if (rc == 0 && ret->tenant_count > 0)
        qsort(ret->tenants, ret->tenant_count, sizeof(*ret->tenants), compare_tenants);
    return rc;
}

/* ---- Tasks ---- */

static int add_task(struct run_plan *plan, const struct run_task *task, struct error *err)
{
    if (plan->task_count == plan->task_room) {
        size_t room = plan->task_room > 0 ? 2 * plan->task_room : 64;
        struct run_task *grown = mem_realloc(plan->tasks, room * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        plan->tasks = grown;
        plan->task_room = room;
    }
    plan->tasks[plan->task_count++] = *task;
    return 0;
}

static int plan_tenant(struct run_plan *plan, const struct run_tenant *tenant, unsigned only, int64_t now_ns,
                       struct error *err)
{
    bool backs_up = false;
    for (size_t i = 0; i < run_job_count; i++) {
        const struct run_job *job = &run_jobs[i];
        size_t variants = job->variants != NULL ? job->variants(tenant) : 1;
        for (size_t k = 0; (only >> i & 1) != 0 && k < variants; k++) {
            struct run_task task = {.tenant = tenant, .job = job, .variant = k};
            char key[CATALOG_JOB_NAME_SIZE];
            run_job_key(job, k, key);
            job->due(tenant, k, run_known(tenant, key), now_ns, &task.due);
            /* A copy that a backup of this run may leave behind is caught up in this run. */
            task.on_demand = !schedule_is_due(&task.due) && backs_up && strcmp(job->name, "replicate") == 0;
            bool is_backup = strcmp(job->name, "backup") == 0;
            if (!schedule_is_due(&task.due) && !task.on_demand)
                continue;
            backs_up = backs_up || is_backup;
            if (add_task(plan, &task, err) != 0)
                return -1;
        }
    }
    return 0;
}

int run_plan_make(struct hikae *hikae, const struct hikae_run_options *options, unsigned only, struct run_plan *ret,
                  struct error *err)
{
    int rc = run_plan_tenants(hikae, options, ret, err);
    int64_t now_ns = clock_now_ns();
    for (size_t i = 0; rc == 0 && i < ret->tenant_count; i++)
        rc = plan_tenant(ret, &ret->tenants[i], only, now_ns, err);
    return rc;
}

void run_plan_backup_due(const struct run_tenant *tenant, int64_t since_ns, int64_t now_ns, struct schedule_due *ret)
{
    const struct policy *policy = tenant->policy->policy;
    const struct catalog_job *last = run_known(tenant, "backup");
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (!tenant->is_suspended && policy_backs_up(policy, tenant->class))
        schedule_decide(&policy->schedule, tenant->policy->zone, &tenant->tid, last != NULL ? last->done_ns : 0,
                        tenant->not_before_ns, since_ns, now_ns, ret);
}

void run_plan_clear(struct run_plan *plan)
{
    for (size_t i = 0; i < plan->task_count; i++)
        mem_free(plan->tasks[i].detail);
    mem_free(plan->tasks);
    for (size_t i = 0; i < plan->tenant_count; i++)
        mem_free(plan->tenants[i].name);
    mem_free(plan->tenants);
    mem_free(plan->missed_tenant);
    mem_free(plan->known);
    for (size_t i = 0; plan->used != NULL && i < plan->policies.count; i++)
        zone_free(plan->used[i].zone);
    mem_free(plan->used);
    policies_clear(&plan->policies);
    *plan = (struct run_plan){0};
}
