/* The jobs, a row each, in the order in which a tenant's are done. */
#include "ops/run.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void run_job_key(const struct run_job *job, size_t variant, char ret[CATALOG_JOB_NAME_SIZE])
{
    if (job->variants == NULL)
        (void)snprintf(ret, CATALOG_JOB_NAME_SIZE, "%s", job->name);
    else
        (void)snprintf(ret, CATALOG_JOB_NAME_SIZE, "%s.%zu", job->name, variant);
}

const struct catalog_job *run_known(const struct run_tenant *tenant, const char *key)
{
    for (size_t i = 0; i < tenant->known_count; i++)
        if (strcmp(tenant->known[i].job, key) == 0)
            return &tenant->known[i];
    return NULL;
}

/* ---- backup ---- */

static void backup_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                       struct schedule_due *ret)
{
    (void)variant;
    (void)last;
    run_plan_backup_due(tenant, 0, now_ns, ret);
}

/* A target that was there and lacks objects can be brought up at once; one that did not answer, next time. */
static void note_behind(const struct hikae_backup_result *result, struct run_task *task, struct run_task *next)
{
    bool behind = false;
    for (size_t i = 0; i < result->target_count; i++) {
        behind = behind || strcmp(result->targets[i].state, "complete") != 0;
        if (next != NULL && strcmp(result->targets[i].state, "behind") == 0)
            next->wanted = true;
    }
    if (behind)
        (void)snprintf(task->note, sizeof(task->note), "behind");
}

static enum hikae_status do_backup(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                   struct hikae_error *error)
{
    const struct hikae_backup_options options = {0};
    struct hikae_backup_result result = {0};
    const struct history_limits *limits = &task->tenant->limits;
    if (task->tenant->is_new) {
        enum hikae_status trial = hikae_tenant_trial(hikae, task->tenant->name, false, error);
        task->detail = trial <= HIKAE_WARNINGS ? mem_strdup("first backup, restored on trial: active") : NULL;
        return trial;
    }
    enum hikae_status status = hikae_backup(hikae, task->tenant->name, &options, &result, error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (limits->bytes > 0 && result.bytes_source > limits->bytes) {
        engine_warn(hikae, "the sources are larger than the tenant's limit");
        status = HIKAE_WARNINGS;
    }
    task->detail = mem_printf("snapshot %s: %llu entries, %llu bytes stored", result.snapshot,
                              (unsigned long long)result.entries, (unsigned long long)result.bytes_stored);
    task->net_bytes = (int64_t)result.bytes_stored;
    task->source_bytes = result.bytes_source;
    task->stored_bytes = result.bytes_stored;
    note_behind(&result, task, next);
    hikae_backup_result_free(&result);
    return status;
}

/* ---- replicate: what a backup left behind, in this run or one before ---- */

static void replicate_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last,
                          int64_t now_ns, struct schedule_due *ret)
{
    const struct catalog_job *backup = run_known(tenant, "backup");
    (void)variant;
    bool behind = backup != NULL && strcmp(backup->note, "behind") == 0;
    if (last != NULL && backup != NULL && last->done_ns >= backup->done_ns)
        behind = strcmp(last->note, "behind") == 0;
    *ret = (struct schedule_due){.state = behind ? SCHEDULE_DUE : SCHEDULE_NONE, .at_ns = now_ns, .ends_ns = now_ns};
}

static enum hikae_status do_replicate(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                      struct hikae_error *error)
{
    struct hikae_replicate_result result = {0};
    (void)next;
    enum hikae_status status = hikae_replicate(hikae, task->tenant->name, NULL, false, &result, error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (result.behind_count > 0)
        (void)snprintf(task->note, sizeof(task->note), "behind");
    task->detail = mem_printf("%llu objects copied, %llu bytes", (unsigned long long)result.copied,
                              (unsigned long long)result.bytes);
    hikae_replicate_result_free(&result);
    return status;
}

/* ---- locks: four times in each period, so that half of it is always ahead even if one run is missed ---- */

static void locks_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                      struct schedule_due *ret)
{
    const struct span every = {tenant->lock_days >= 8 ? tenant->lock_days / 4 : 1, SPAN_DAYS};
    const struct catalog_job *backup = run_known(tenant, "backup");
    (void)variant;
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (tenant->lock_days > 0 && backup != NULL && backup->done_ns > 0)
        schedule_decide_span(every, tenant->policy->zone, last != NULL ? last->done_ns : 0, now_ns, ret);
}

static enum hikae_status do_locks(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                  struct hikae_error *error)
{
    struct hikae_extend_result result;
    (void)next;
    enum hikae_status status = hikae_extend_locks(hikae, task->tenant->name, false, &result, error);
    if (status <= HIKAE_WARNINGS)
        task->detail = mem_printf("%llu locks checked, %llu extended", (unsigned long long)result.checked,
                                  (unsigned long long)result.extended);
    return status;
}

/* ---- verify: as often, as deep and as much as the policy says; what was checked longest ago comes first ---- */

static size_t verify_variants(const struct run_tenant *tenant)
{
    return tenant->policy->policy->verification_count;
}

static void verify_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                       struct schedule_due *ret)
{
    const struct policy_verification *rule = &tenant->policy->policy->verifications[variant];
    const struct catalog_job *backup = run_known(tenant, "backup");
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    /* Where nothing was backed up there is nothing to verify. */
    if (rule->rule.present && backup != NULL && backup->done_ns > 0)
        schedule_decide_span(rule->every, tenant->policy->zone, last != NULL ? last->done_ns : 0, now_ns, ret);
}

bool run_verified_read(const char *note, struct run_verified *ret)
{
    int end = 0;
    return sscanf(note, "%llu/%llu/%llu%n", &ret->checked, &ret->damaged, &ret->unknown, &end) == 3 &&
           note[end] == '\0';
}

bool run_verified_latest(const struct catalog_job *jobs, size_t count, const struct id *tid, struct run_verified *ret,
                         int64_t *ret_ns)
{
    bool found = false;
    *ret_ns = 0;
    for (size_t i = 0; i < count; i++) {
        struct run_verified verified;
        if (!id_equal(&jobs[i].tid, tid) || strncmp(jobs[i].job, "verify.", strlen("verify.")) != 0 ||
            jobs[i].tried_ns < *ret_ns || !run_verified_read(jobs[i].note, &verified))
            continue;
        found = true;
        *ret = verified;
        *ret_ns = jobs[i].tried_ns;
    }
    return found;
}

static enum hikae_status do_verify(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                   struct hikae_error *error)
{
    static const enum hikae_verify_level levels[] = {[POLICY_LEVEL_INVENTORY] = HIKAE_VERIFY_INVENTORY,
                                                     [POLICY_LEVEL_OBJECTS] = HIKAE_VERIFY_OBJECTS,
                                                     [POLICY_LEVEL_DATA] = HIKAE_VERIFY_DATA};
    const struct policy_verification *rule = &task->tenant->policy->policy->verifications[task->variant];
    const struct hikae_verify_options options = {.level = levels[rule->level],
                                                 .sample =
                                                     rule->sample_percent < 100 ? rule->sample_percent / 100.0 : 0,
                                                 .repair = true};
    struct hikae_verify_result result = {0};
    (void)next;
    enum hikae_status status = hikae_verify(hikae, task->tenant->name, &options, &result, error);
    (void)snprintf(task->note, sizeof(task->note), "%llu/%llu/%llu", (unsigned long long)result.checked,
                   (unsigned long long)result.damaged, (unsigned long long)result.unknown);
    task->detail = mem_printf("%llu checked, %llu sound, %llu damaged, %llu unknown, %llu repaired",
                              (unsigned long long)result.checked, (unsigned long long)result.sound,
                              (unsigned long long)result.damaged, (unsigned long long)result.unknown,
                              (unsigned long long)result.repaired);
    hikae_verify_result_free(&result);
    return status;
}

/* ---- drill: as often as the policy says; the first one after the first backup ---- */

static size_t drill_variants(const struct run_tenant *tenant)
{
    return tenant->policy->policy->drill_count;
}

static void drill_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                      struct schedule_due *ret)
{
    const struct policy_drill *rule = &tenant->policy->policy->drills[variant];
    const struct catalog_job *backup = run_known(tenant, "backup");
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    /* One that is promised on a server of its own is for people to do: a deadline, and nothing that this host can run.
     */
    if (rule->rule.present && !rule->own_server && !tenant->is_new && backup != NULL && backup->done_ns > 0)
        schedule_decide_span(rule->every, tenant->policy->zone, last != NULL ? last->done_ns : 0, now_ns, ret);
}

static enum hikae_status do_drill(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                  struct hikae_error *error)
{
    static const enum hikae_drill_mode modes[] = {[POLICY_DRILL_SAMPLE] = HIKAE_DRILL_SAMPLE,
                                                  [POLICY_DRILL_FULL] = HIKAE_DRILL_FULL,
                                                  [POLICY_DRILL_BARE] = HIKAE_DRILL_BARE};
    const struct policy_drill *rule = &task->tenant->policy->policy->drills[task->variant];
    char plan[32];
    (void)snprintf(plan, sizeof(plan), "drills.%zu", task->variant + 1);
    const struct hikae_drill_options options = {.mode = modes[rule->mode], .plan = plan};
    struct hikae_drill drill = {0};
    (void)next;
    enum hikae_status status = hikae_drill_run(hikae, task->tenant->name, &options, &drill, error);
    if (drill.drill != NULL)
        task->detail =
            mem_printf("drill %s: %s, %llu checked", drill.drill, drill.result, (unsigned long long)drill.checked);
    hikae_drill_free(&drill);
    return status;
}

/* Where nothing was ever backed up there is nothing to retain or to collect, and that is no failure of the run. */
static bool has_snapshot(struct hikae *hikae, struct run_task *task)
{
    struct session session;
    struct error ignored = {0};
    if (session_open(hikae, task->tenant->name, 0, &session, &ignored) != 0)
        return true; /* the job itself says why */
    bool has = history_latest(&session.chain.history) != NULL;
    session_close(&session);
    if (!has)
        task->detail = mem_strdup("no snapshot yet");
    return has;
}

/* ---- retain: once on each day of the policy's zone; a pruner's host does not know when backups were made ---- */

static void retain_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                       struct schedule_due *ret)
{
    const struct policy *policy = tenant->policy->policy;
    const struct span day = {1, SPAN_DAYS};
    (void)variant;
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (policy->generations.rule.present && !policy->generations.keep_all && !tenant->is_new)
        schedule_decide_span(day, tenant->policy->zone, last != NULL ? last->done_ns : 0, now_ns, ret);
}

static enum hikae_status do_retain(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                   struct hikae_error *error)
{
    struct hikae_retain_result result = {0};
    (void)next;
    if (!has_snapshot(hikae, task))
        return HIKAE_OK;
    enum hikae_status status = hikae_retain(hikae, task->tenant->name, false, &result, error);
    task->detail = mem_printf("%zu kept, %zu dropped", result.keep_count, result.drop_count);
    hikae_retain_result_free(&result);
    return status;
}

/* ---- gc: after what retention drops; where nothing is dropped, what killed runs left behind, once a week ---- */

static void gc_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                   struct schedule_due *ret)
{
    const struct policy_generations *generations = &tenant->policy->policy->generations;
    const struct span every = {generations->rule.present && !generations->keep_all ? 1 : 7, SPAN_DAYS};
    (void)variant;
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
    if (!tenant->is_new)
        schedule_decide_span(every, tenant->policy->zone, last != NULL ? last->done_ns : 0, now_ns, ret);
}

static enum hikae_status do_gc(struct hikae *hikae, struct run_task *task, struct run_task *next,
                               struct hikae_error *error)
{
    const struct hikae_gc_options options = {0};
    struct hikae_gc_result result = {0};
    uint64_t freed = 0, waiting = 0;
    (void)next;
    if (!has_snapshot(hikae, task))
        return HIKAE_OK;
    enum hikae_status status = hikae_gc(hikae, task->tenant->name, &options, &result, error);
    for (size_t i = 0; i < result.target_count; i++) {
        freed += result.targets[i].freed_bytes;
        waiting += result.targets[i].waiting_bytes;
    }
    if (result.target_count > 0)
        task->net_bytes = -(int64_t)(freed / result.target_count);
    if (result.held_count > 0) { /* as it should: no failure of the night */
        task->detail = mem_printf("held: %s", result.held[0].why);
        status = HIKAE_OK;
    } else {
        task->detail =
            mem_printf("%llu bytes freed, %llu waiting", (unsigned long long)freed, (unsigned long long)waiting);
    }
    hikae_gc_result_free(&result);
    return status;
}

/* ---- purge, logs: of no tenant that a run looks at, so none has them due: run.c does them once, after the others ----
 */

static void never_due(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                      struct schedule_due *ret)
{
    (void)tenant;
    (void)variant;
    (void)last;
    (void)now_ns;
    *ret = (struct schedule_due){.state = SCHEDULE_NONE};
}

static enum hikae_status do_never(struct hikae *hikae, struct run_task *task, struct run_task *next,
                                  struct hikae_error *error)
{
    (void)hikae;
    (void)task;
    (void)next;
    (void)error;
    return HIKAE_INTERNAL;
}

const struct run_job run_jobs[] = {
    {"backup", ROLE_WRITER, NULL, backup_due, do_backup},
    {"replicate", ROLE_WRITER, NULL, replicate_due, do_replicate},
    {"locks", ROLE_WRITER, NULL, locks_due, do_locks},
    {"verify", ROLE_WRITER, verify_variants, verify_due, do_verify},
    {"drill", ROLE_WRITER, drill_variants, drill_due, do_drill},
    {"retain", ROLE_PRUNER, NULL, retain_due, do_retain},
    {"gc", ROLE_PRUNER, NULL, gc_due, do_gc},
    {RUN_JOB_LOGS, ROLE_PRUNER, NULL, never_due, do_never},
    {RUN_PURGE, ROLE_PRUNER, NULL, never_due, do_never},
};
const size_t run_job_count = sizeof(run_jobs) / sizeof(run_jobs[0]);
