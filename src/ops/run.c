/* run: the nightly entry. */
#include "ops/run.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/incident.h"
#include "ops/notify.h"
#include "ops/run_logs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHARDS_MAX = 1000, RETRIES_MAX = 10, RECORDED_MAX = 200 };
#define RUNS_KEPT_NS (INT64_C(400) * 86400 * NS_PER_S)

/* ---- Options ---- */

static int unknown_job(const char *name, size_t size, struct error *err)
{
    char names[200] = "";
    for (size_t i = 0; i < run_job_count; i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", run_jobs[i].name);
    }
    (void)error_set(err, ERROR_USAGE, "there is no job '%.*s'", (int)(size < 40 ? size : 40), name);
    return error_hint(err, "the jobs are %s; several with commas between them", names);
}

/* "backup,verify" as bits of the table. */
static int parse_only(const char *only, unsigned *ret, struct error *err)
{
    *ret = only == NULL ? ~0U : 0;
    for (const char *p = only; p != NULL; p = *p == ',' ? p + 1 : NULL) {
        size_t size = strcspn(p, ","), i = 0;
        while (i < run_job_count && (strlen(run_jobs[i].name) != size || strncmp(run_jobs[i].name, p, size) != 0))
            i++;
        if (i == run_job_count)
            return unknown_job(p, size, err);
        *ret |= 1U << i;
        p += size;
    }
    return 0;
}

static int check_options(const struct hikae_run_options *options, unsigned *ret_only, struct error *err)
{
    if (options->shards > SHARDS_MAX ||
        (options->shards > 0 && (options->shard < 1 || options->shard > options->shards)))
        return error_set(err, ERROR_USAGE, "shard %u of %u: a host's number is 1 to the number of hosts, at most %d",
                         options->shard, options->shards, SHARDS_MAX);
    if (options->retries > RETRIES_MAX)
        return error_set(err, ERROR_USAGE, "at most %d retries", RETRIES_MAX);
    return parse_only(options->only, ret_only, err);
}

/* ---- The result ---- */

/*
 * A host that was not told which jobs are its own, and may not do a pruner's: the targets say so, and it is no failure.
 * Where the job was asked for by name, it is one.
 */
static bool is_elsewhere(const struct run_task *task, const struct hikae_run_options *options)
{
    return options->only == NULL && task->job->role == ROLE_PRUNER && task->status == HIKAE_KEYS &&
           strcmp(task->error.kind, error_class_name(ERROR_DENIED)) == 0;
}

static const char *state_of(const struct run_task *task, const struct hikae_run_options *options)
{
    if (options->dry_run)
        return "planned";
    if (is_elsewhere(task, options))
        return "elsewhere";
    if (task->attempts == 0 || task->status == HIKAE_INTERRUPTED)
        return "left";
    return task->status <= HIKAE_WARNINGS ? "done" : "failed";
}

static int take_jobs(struct run_plan *plan, const struct hikae_run_options *options, struct hikae_run_result *ret,
                     struct error *err)
{
    ret->jobs = mem_calloc(plan->task_count + 1, sizeof(*ret->jobs)); /* and the one that is of no tenant */
    if (ret->jobs == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < plan->task_count; i++) {
        struct run_task *task = &plan->tasks[i];
        if (task->on_demand && !task->wanted)
            continue;
        struct hikae_run_job *job = &ret->jobs[ret->count++];
        *job = (struct hikae_run_job){.state = state_of(task, options),
                                      .tenant = mem_strdup(task->tenant->name),
                                      .job = mem_strdup(task->job->name),
                                      .due = schedule_state_name(task->on_demand ? SCHEDULE_DUE : task->due.state),
                                      .due_ns = task->due.at_ns,
                                      .windows = task->due.windows,
                                      .attempts = task->attempts,
                                      .duration_ns = task->duration_ns,
                                      .detail = task->detail,
                                      .error = task->error};
        job->error.status = task->status;
        task->detail = NULL;
        if (job->tenant == NULL || job->job == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static bool wants_logs(const struct run_plan *plan, unsigned only, struct schedule_due *ret_due)
{
    size_t number = 0;
    while (strcmp(run_jobs[number].name, RUN_JOB_LOGS) != 0)
        number++;
    run_logs_due(plan, clock_now_ns(), ret_due);
    return (only >> number & 1) != 0 && schedule_is_due(ret_due);
}

/* The job that is of no tenant, behind those of the tenants. */
static int do_logs(struct hikae *hikae, const struct hikae_run_options *options, const struct run_plan *plan,
                   unsigned only, struct misses *misses, struct hikae_logs *ret_logs, struct hikae_run_result *ret,
                   struct error *err)
{
    struct schedule_due due;
    int64_t began = clock_monotonic_ns();
    /* One host of several does it. */
    if (!wants_logs(plan, only, &due) || options->shard > 1 || atomic_load(&hikae->cancel.wanted))
        return 0;
    struct hikae_run_job *job = &ret->jobs[ret->count];
    *job = (struct hikae_run_job){.state = "planned",
                                  .job = mem_strdup(RUN_JOB_LOGS),
                                  .due = schedule_state_name(due.state),
                                  .due_ns = due.at_ns,
                                  .attempts = !options->dry_run};
    if (job->job == NULL)
        return error_no_memory(err);
    ret->count++;
    if (options->dry_run)
        return 0;
    enum hikae_status status = run_logs(hikae, plan, misses, ret_logs, &job->detail, &job->error);
    job->error.status = status;
    job->duration_ns = clock_monotonic_ns() - began;
    /* A host that may not do a pruner's work leaves it to the one that may. */
    bool elsewhere =
        options->only == NULL && status == HIKAE_KEYS && strcmp(job->error.kind, error_class_name(ERROR_DENIED)) == 0;
    job->state = elsewhere ? "elsewhere" : status <= HIKAE_WARNINGS ? "done" : "failed";
    return 0;
}

/* One status for all: the first of these that occurred. A tenant's own mistake counts as what it leaves: not known. */
static enum hikae_status worst_of(const struct hikae_run_result *result, struct error *err)
{
    static const struct {
        enum hikae_status status;
        enum error_class class;
    } order[] = {{HIKAE_INTERNAL, ERROR_INTERNAL}, {HIKAE_KEYS, ERROR_KEYS},
                 {HIKAE_DAMAGED, ERROR_DAMAGED},   {HIKAE_UNKNOWN, ERROR_UNREACHABLE},
                 {HIKAE_USAGE, ERROR_UNREACHABLE}, {HIKAE_NOT_FOUND, ERROR_UNREACHABLE},
                 {HIKAE_REFUSED, ERROR_REFUSED},   {HIKAE_BUSY, ERROR_BUSY}};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        for (size_t k = 0; k < result->count; k++) {
            const struct hikae_run_job *job = &result->jobs[k];
            if (strcmp(job->state, "failed") != 0 || job->error.status != order[i].status)
                continue;
            (void)error_set(err, order[i].class, "%s of %s: %s", job->job,
                            job->tenant != NULL ? job->tenant : "the store", job->error.message);
            (void)error_hint(err, "%s", job->error.hint);
            return order[i].status;
        }
    bool warnings = result->warning_count > 0;
    for (size_t k = 0; k < result->count; k++)
        warnings = warnings || result->jobs[k].error.status == HIKAE_WARNINGS;
    return warnings ? HIKAE_WARNINGS : HIKAE_OK;
}

/* Tell the observer each cause once, with how many tenants it met. */
static void tell_warnings(struct hikae *hikae, const struct hikae_run_result *result)
{
    for (size_t i = 0; i < result->warning_count; i++) {
        const struct hikae_run_warning *warning = &result->warnings[i];
        if (warning->tenant == NULL)
            engine_warn(hikae, "%s", warning->message);
        else if (warning->count == 1)
            engine_warn(hikae, "%s: %s", warning->tenant, warning->message);
        else
            engine_warn(hikae, "%s (%s and others, %llu times)", warning->message, warning->tenant,
                        (unsigned long long)warning->count);
    }
}

/* ---- The record of the run ---- */

struct unfinished {
    char when[CLOCK_TEXT_SIZE];
    bool found;
};

static int note_unfinished(const struct catalog_run *run, void *context, struct error *err)
{
    struct unfinished *unfinished = context;
    (void)err;
    unfinished->found = run->finished_ns == 0;
    (void)clock_format(run->started_ns, unfinished->when);
    return 0;
}

static int begin_record(struct hikae *hikae, int64_t *ret_number, struct error *err)
{
    struct unfinished last = {0};
    int64_t now_ns = clock_now_ns();
    if (catalog_run_each(hikae->catalog, NULL, "run", 1, note_unfinished, &last, err) != 0)
        return -1;
    if (last.found)
        engine_warn(hikae, "the run of %s did not come to its end; what it left is due now", last.when);
    if (catalog_run_trim(hikae->catalog, now_ns - RUNS_KEPT_NS, err) != 0)
        return -1;
    return catalog_run_start(hikae->catalog, NULL, "run", now_ns, ret_number, err);
}

static size_t count_state(const struct hikae_run_result *result, const char *state)
{
    size_t count = 0;
    for (size_t i = 0; i < result->count; i++)
        count += strcmp(result->jobs[i].state, state) == 0;
    return count;
}

/* What failed and what was warned of, each as the page of the morning shows it; so many of each. */
static json_t *failures_json(const struct hikae_run_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < result->count && json_array_size(list) < RECORDED_MAX; i++) {
        const struct hikae_run_job *job = &result->jobs[i];
        if (strcmp(job->state, "failed") != 0)
            continue;
        /* Messages name files, which need not be UTF-8; without its message a failure is still one. */
        json_t *message = json_string(job->error.message);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:o}", "tenant", job->tenant, "job", job->job,
                                                    "status", (int)job->error.status, "kind", job->error.kind,
                                                    "message", message != NULL ? message : json_string("")));
    }
    return list;
}

static json_t *warnings_json(const struct hikae_run_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < result->warning_count && i < RECORDED_MAX; i++) {
        const struct hikae_run_warning *warning = &result->warnings[i];
        json_t *row = json_pack("{s:s?, s:s, s:I}", "tenant", warning->tenant, "message", warning->message, "count",
                                (json_int_t)warning->count);
        if (row != NULL)
            (void)json_array_append_new(list, row);
    }
    return list;
}

/* What the jobs of a plan stored: for forecasts and charts. */
static json_t *sums_json(const struct run_plan *plan)
{
    uint64_t backups = 0, source = 0, stored = 0;
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct run_task *task = &plan->tasks[i];
        bool done = task->attempts > 0 && task->status <= HIKAE_WARNINGS;
        backups += done && strcmp(task->job->name, "backup") == 0;
        source += task->source_bytes;
        stored += task->stored_bytes;
    }
    return json_pack("{s:I, s:I, s:I}", "backups", (json_int_t)backups, "source_bytes", (json_int_t)source,
                     "stored_bytes", (json_int_t)stored);
}

static void end_record(struct hikae *hikae, int64_t number, const struct run_plan *plan,
                       const struct hikae_run_result *result, enum hikae_status status)
{
    int64_t net_bytes = 0;
    for (size_t i = 0; i < plan->task_count; i++)
        net_bytes += plan->tasks[i].net_bytes;
    json_t *json CLEANUP_JSON = json_pack(
        "{s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:{s:b, s:s, s:I, s:I}}", "exit", (int)status, "tenants",
        (json_int_t)result->tenants, "done", (json_int_t)count_state(result, "done"), "failed",
        (json_int_t)count_state(result, "failed"), "left", (json_int_t)count_state(result, "left"), "net_bytes",
        (json_int_t)net_bytes, "sums", sums_json(plan), "failures", failures_json(result), "warnings",
        warnings_json(result), "clock", "synchronized", (int)result->clock.synchronized, "source", result->clock.source,
        "offset_ns", (json_int_t)result->clock.offset_ns, "error_ns", (json_int_t)result->clock.error_ns);
    CLEANUP_FREE char *text = NULL;
    struct error why = {0};
    int rc = json != NULL ? json_print(json, &text, &why) : error_no_memory(&why);
    if (rc == 0)
        rc = catalog_run_finish(hikae->catalog, number, clock_now_ns(), text, &why);
    if (rc != 0)
        engine_warn(hikae, "the record of this run could not be finished: %s", why.what);
}

/* What this run found that an earlier one ought to have done, and what people ought to have done. */
static void open_nonconformities(struct hikae *hikae, const struct run_plan *plan, struct misses *misses,
                                 struct hikae_run_result *ret)
{
    struct error why = {0};
    if (misses_of_plan(plan, misses, &why) != 0 ||
        nonconformities_open(hikae, misses, &ret->nonconformities, &why) != 0)
        engine_warn(hikae, "%s: %s", why.chain, why.what);
    else if (ret->nonconformities > 0)
        engine_warn(hikae, "nonconformities opened: %zu; `hikae nonconformity list` shows them", ret->nonconformities);
}

/* ---- Running ---- */

/* Erasures, after all else: one host of several does them. */
static int erase(struct hikae *hikae, const struct hikae_run_options *options, unsigned only,
                 struct hikae_run_result *ret, struct error *err)
{
    for (size_t i = 0; i < run_job_count; i++)
        if (strcmp(run_jobs[i].name, RUN_PURGE) == 0 && (only >> i & 1) != 0 && options->shard <= 1)
            return run_purge(hikae, options->only, ret, err);
    return 0;
}

static int carry_out(struct hikae *hikae, const struct hikae_run_options *options, unsigned only, struct run_plan *plan,
                     struct hikae_run_result *ret, enum hikae_status *ret_status, struct error *err)
{
    struct misses misses CLEANUP(misses_clear) = {0};
    struct hikae_logs logs CLEANUP(hikae_logs_free) = {0}; /* what misses borrow from */
    int64_t number;
    if (begin_record(hikae, &number, err) != 0 || run_hook(hikae, "before", -1, err) != 0)
        return -1;
    int rc = run_work(hikae, options, plan, ret, err);
    if (rc == 0 && plan->missed > 0)
        run_note_warning(ret, plan->missed_tenant, "its contract has ended, and the deadline of its erasure is missed",
                         plan->missed);
    if (rc == 0)
        rc = take_jobs(plan, options, ret, err);
    if (rc == 0)
        rc = do_logs(hikae, options, plan, only, &misses, &logs, ret, err);
    if (rc == 0)
        rc = erase(hikae, options, only, ret, err);
    *ret_status = rc == 0 ? worst_of(ret, err) : (enum hikae_status)error_exit_code(err->class);
    if (rc == 0 && cancel_check(&hikae->cancel, err) != 0)
        *ret_status = HIKAE_INTERRUPTED;
    tell_warnings(hikae, ret);
    open_nonconformities(hikae, plan, &misses, ret);
    end_record(hikae, number, plan, ret, *ret_status);
    struct error why = {0};
    if (run_hook(hikae, "after", (int)*ret_status, &why) != 0) {
        engine_warn(hikae, "%s", why.what);
        *ret_status = *ret_status == HIKAE_OK ? HIKAE_WARNINGS : *ret_status;
    }
    return rc;
}

static int plan_only(struct hikae *hikae, const struct hikae_run_options *options, struct run_plan *plan, unsigned only,
                     struct hikae_run_result *ret, struct error *err)
{
    if (take_jobs(plan, options, ret, err) != 0)
        return -1;
    return do_logs(hikae, options, plan, only, NULL, NULL, ret, err);
}

static int run(struct hikae *hikae, const struct hikae_run_options *options, struct hikae_run_result *ret,
               enum hikae_status *ret_status, struct error *err)
{
    struct run_plan plan = {0};
    unsigned only;
    int lock = -1;
    if (check_options(options, &only, err) != 0 ||
        (!options->dry_run && run_lock(hikae, options->wait, &lock, err) != 0))
        return -1;
    run_clock(&ret->clock);
    bool told = options->dry_run || notify_run_begins(hikae);
    int rc = engine_keystore(hikae, err);
    if (rc == 0 && !options->dry_run)
        rc = engine_learn_states(hikae, err);
    if (rc == 0)
        rc = run_plan_make(hikae, options, only, &plan, err);
    ret->tenants = plan.tenant_count;
    if (rc == 0)
        rc = options->dry_run ? plan_only(hikae, options, &plan, only, ret, err)
                              : carry_out(hikae, options, only, &plan, ret, ret_status, err);
    run_plan_clear(&plan);
    enum hikae_status status = rc == 0 ? *ret_status : (enum hikae_status)error_exit_code(err->class);
    if (!options->dry_run)
        told = notify_run_ended(hikae, ret, status, rc != 0 ? err->what : NULL) && told;
    if (!told && *ret_status == HIKAE_OK)
        *ret_status = HIKAE_WARNINGS;
    if (lock >= 0)
        (void)close(lock);
    return rc;
}

enum hikae_status hikae_run(struct hikae *hikae, const struct hikae_run_options *options, struct hikae_run_result *ret,
                            struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    enum hikae_status status = HIKAE_OK;
    int64_t began = clock_monotonic_ns();
    *ret = (struct hikae_run_result){0};
    if (engine_audit_begin(hikae, OPERATION_RUN, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = run(hikae, options, ret, &status, &err);
    ret->duration_ns = clock_monotonic_ns() - began;
    if (rc != 0 || status > HIKAE_WARNINGS)
        status = api_result(-1, false, &err, error);
    engine_audit_count(&audit, "done", count_state(ret, "done"));
    engine_audit_count(&audit, "failed", count_state(ret, "failed"));
    return engine_audit_end(&audit, status);
}

void hikae_run_result_free(struct hikae_run_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        mem_free(result->jobs[i].tenant);
        mem_free(result->jobs[i].job);
        mem_free(result->jobs[i].detail);
    }
    mem_free(result->jobs);
    for (size_t i = 0; i < result->warning_count; i++) {
        mem_free(result->warnings[i].message);
        mem_free(result->warnings[i].tenant);
    }
    mem_free(result->warnings);
    *result = (struct hikae_run_result){0};
}
