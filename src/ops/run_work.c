/*
 * Carrying a plan out. Workers take tenants from one list, the most urgent
 * first; a tenant's jobs are done one after the other, in the table's order.
 * Each worker has an engine of its own, a fork, with its share of the memory.
 * The calling thread watches: it passes on the wish to stop, ends jobs that
 * take longer than their tenant may, and tells whoever listens that all is well.
 */
#include "ops/run.h"

#include "base/clock.h"
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 8,
    WORKER_MIB = 96,      /* of memory that a worker should have, at least */
    WARNINGS_KEPT = 1000, /* causes */
    TICK_NS = 1000000000,
    POLL_NS = 50000000
};

/* Pauses before a job is tried again: what is down for a moment is up again, what is down for long is not hammered. */
static const int64_t pauses_ns[] = {2 * NS_PER_S, 15 * NS_PER_S, 60 * NS_PER_S};

enum group_state { GROUP_WAITS, GROUP_RUNS, GROUP_ENDED };

/* The tasks of one tenant. */
struct group {
    struct run_task *tasks;
    size_t count;
    enum group_state state;
    int64_t ready_ns; /* monotonic: not before */
};

struct worker {
    struct work *work;
    struct hikae *hikae;
    pthread_t thread;
    bool started;
    /* For the watching thread, under the lock: */
    const struct run_tenant *tenant;
    int64_t limit_ns; /* monotonic: the job ends then; 0: no limit */
    bool timed_out;
};

struct work {
    struct hikae *hikae;
    const struct hikae_run_options *options;
    struct hikae_run_result *result;
    struct group *groups;
    size_t group_count;
    size_t first; /* groups before it have ended */
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t done, failed, total;
    size_t left; /* groups that have not ended */
};

/* ---- Warnings: each cause once, however many tenants it meets ---- */

void run_note_warning(struct hikae_run_result *result, const char *tenant, const char *message, uint64_t count)
{
    for (size_t i = 0; i < result->warning_count; i++)
        if (strcmp(result->warnings[i].message, message) == 0) {
            result->warnings[i].count += count;
            return;
        }
    if (result->warning_count == WARNINGS_KEPT)
        return;
    struct hikae_run_warning *grown = mem_realloc(result->warnings, (result->warning_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return;
    result->warnings = grown;
    struct hikae_run_warning *warning = &grown[result->warning_count];
    *warning = (struct hikae_run_warning){mem_strdup(message), tenant != NULL ? mem_strdup(tenant) : NULL, count};
    if (warning->message != NULL)
        result->warning_count++;
    else
        mem_free(warning->tenant);
}

static void on_warning(const char *message, void *context)
{
    struct worker *worker = context;
    (void)pthread_mutex_lock(&worker->work->mutex);
    run_note_warning(worker->work->result, worker->tenant != NULL ? worker->tenant->name : NULL, message, 1);
    (void)pthread_mutex_unlock(&worker->work->mutex);
}

/* ---- One job ---- */

/* What became of it, for the next night's plan. */
static void remember(struct hikae *hikae, const struct run_task *task, int64_t began_ns)
{
    struct catalog_job row = {.tid = task->tenant->tid, .tried_ns = began_ns};
    run_job_key(task->job, task->variant, row.job);
    const struct catalog_job *last = run_known(task->tenant, row.job);
    bool good = task->status <= HIKAE_WARNINGS;
    row.done_ns = good ? began_ns : last != NULL ? last->done_ns : 0;
    row.failures = good ? 0 : (last != NULL ? last->failures : 0) + task->attempts;
    (void)snprintf(row.note, sizeof(row.note), "%s",
                   good || task->note[0] != '\0' ? task->note
                   : last != NULL                ? last->note
                                                 : "");
    struct error why = {0};
    if (catalog_job_put(hikae->catalog, &row, &why) != 0)
        engine_warn(hikae, "that the job was done could not be noted: %s", why.what);
}

static void begin_job(struct worker *worker, const struct run_task *task)
{
    const struct history_limits *limits = &task->tenant->limits;
    (void)pthread_mutex_lock(&worker->work->mutex);
    worker->tenant = task->tenant;
    worker->timed_out = false;
    worker->limit_ns = limits->seconds > 0 ? clock_monotonic_ns() + (int64_t)limits->seconds * NS_PER_S : 0;
    /* A wish to stop this job alone ends with it; one to stop everything is asked for again by the watching thread. */
    atomic_store(&worker->hikae->cancel.wanted, atomic_load(&worker->work->hikae->cancel.wanted));
    (void)pthread_mutex_unlock(&worker->work->mutex);
}

static void end_job(struct worker *worker, struct run_task *task)
{
    struct work *work = worker->work;
    (void)pthread_mutex_lock(&work->mutex);
    worker->limit_ns = 0;
    if (worker->timed_out && task->status == HIKAE_INTERRUPTED) {
        task->status = task->error.status = HIKAE_UNKNOWN;
        task->error.retryable = false;
        task->timed_out = true;
        (void)snprintf(task->error.message, sizeof(task->error.message),
                       "it took longer than the tenant's limit of %llu s",
                       (unsigned long long)task->tenant->limits.seconds);
        (void)snprintf(task->error.hint, sizeof(task->error.hint),
                       "what was stored is reused next time; tenant set --limit-time gives it more");
    }
    worker->tenant = NULL;
    (void)pthread_mutex_unlock(&work->mutex);
}

static void run_task(struct worker *worker, struct run_task *task, struct run_task *next)
{
    struct hikae *hikae = worker->hikae;
    int64_t began_ns = clock_now_ns(), began = clock_monotonic_ns();
    unsigned threads = hikae->config->threads, limit = task->tenant->limits.threads;
    /* Targets that did not answer are asked again when something is tried again, not by every tenant. */
    for (size_t i = 0; task->attempts > 0 && i < hikae->target_count; i++)
        hikae->targets[i].up = hikae->targets[i].target != NULL;
    task->attempts++;
    begin_job(worker, task);
    if (limit > 0 && limit < threads)
        hikae->config->threads = limit;
    mem_free(task->detail);
    task->detail = NULL;
    task->error = (struct hikae_error){0};
    task->status = task->job->work(hikae, task, next, &task->error);
    hikae->config->threads = threads;
    task->duration_ns += clock_monotonic_ns() - began;
    if (task->status != HIKAE_INTERRUPTED)
        remember(hikae, task, began_ns);
    end_job(worker, task);
}

/* ---- A tenant's jobs ---- */

static bool stopped(const struct work *work)
{
    return atomic_load(&work->hikae->cancel.wanted);
}

/* A source or target that could not be read, or a tenant that was held, may be free a little later. */
static bool may_succeed(const struct run_task *task)
{
    return task->status > HIKAE_WARNINGS &&
           (task->error.retryable ||
            ((task->status == HIKAE_UNKNOWN || task->status == HIKAE_BUSY) && !task->timed_out));
}

/* True if it is to be tried again; then *ret_ready says when. */
static bool run_group(struct worker *worker, struct group *group, int64_t *ret_ready)
{
    struct work *work = worker->work;
    unsigned most = 0;
    for (size_t i = 0; i < group->count && !stopped(work); i++) {
        struct run_task *task = &group->tasks[i];
        if (task->finished || (task->on_demand && !task->wanted))
            continue;
        run_task(worker, task, i + 1 < group->count ? &group->tasks[i + 1] : NULL);
        if (task->status == HIKAE_INTERRUPTED)
            break;
        bool again = may_succeed(task) && task->attempts <= work->options->retries;
        task->finished = !again;
        if (again && task->attempts > most)
            most = task->attempts;
        (void)pthread_mutex_lock(&work->mutex);
        work->done += task->finished && task->status <= HIKAE_WARNINGS;
        work->failed += task->finished && task->status > HIKAE_WARNINGS;
        (void)pthread_mutex_unlock(&work->mutex);
    }
    if (most == 0)
        return false;
    size_t pauses = sizeof(pauses_ns) / sizeof(pauses_ns[0]);
    *ret_ready = clock_monotonic_ns() + pauses_ns[most <= pauses ? most - 1 : pauses - 1];
    return true;
}

/* The most urgent group whose time has come; NULL: none now. Under the lock. */
static struct group *next_group(struct work *work, int64_t now)
{
    while (work->first < work->group_count && work->groups[work->first].state == GROUP_ENDED)
        work->first++;
    for (size_t i = work->first; i < work->group_count; i++)
        if (work->groups[i].state == GROUP_WAITS && work->groups[i].ready_ns <= now)
            return &work->groups[i];
    return NULL;
}

static void pause_for(struct work *work, int64_t ns)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t at = (int64_t)until.tv_sec * NS_PER_S + until.tv_nsec + ns;
    until = (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
    (void)pthread_cond_timedwait(&work->changed, &work->mutex, &until);
}

static void *work_thread(void *context)
{
    struct worker *worker = context;
    struct work *work = worker->work;
    (void)pthread_mutex_lock(&work->mutex);
    while (work->left > 0 && !stopped(work)) {
        struct group *group = next_group(work, clock_monotonic_ns());
        if (group == NULL) {
            pause_for(work, POLL_NS);
            continue;
        }
        group->state = GROUP_RUNS;
        (void)pthread_mutex_unlock(&work->mutex);
        int64_t ready_ns = 0;
        bool again = run_group(worker, group, &ready_ns);
        (void)pthread_mutex_lock(&work->mutex);
        group->ready_ns = ready_ns;
        group->state = again ? GROUP_WAITS : GROUP_ENDED;
        work->left -= !again;
        (void)pthread_cond_broadcast(&work->changed);
    }
    (void)pthread_mutex_unlock(&work->mutex);
    return NULL;
}

/* ---- Watching ---- */

static void tick(struct work *work, int64_t began)
{
    struct hikae_run_progress progress = {.jobs_done = work->done,
                                          .jobs_failed = work->failed,
                                          .jobs_total = work->total,
                                          .elapsed_ns = clock_monotonic_ns() - began};
    for (size_t i = 0; progress.tenant == NULL && i < work->worker_count; i++)
        progress.tenant = work->workers[i].tenant != NULL ? work->workers[i].tenant->name : NULL;
    (void)pthread_mutex_unlock(&work->mutex);
    if (work->options->tick != NULL)
        work->options->tick(&progress, work->options->context);
    (void)pthread_mutex_lock(&work->mutex);
}

static void watch(struct work *work, int64_t began)
{
    int64_t ticked = 0;
    (void)pthread_mutex_lock(&work->mutex);
    while (work->left > 0) {
        int64_t now = clock_monotonic_ns();
        bool working = false;
        for (size_t i = 0; i < work->worker_count; i++) {
            struct worker *worker = &work->workers[i];
            worker->timed_out = worker->timed_out || (worker->limit_ns != 0 && now >= worker->limit_ns);
            if (stopped(work) || worker->timed_out)
                hikae_cancel(worker->hikae);
            working = working || worker->tenant != NULL;
        }
        if (stopped(work) && !working)
            break;
        if (now - ticked >= TICK_NS) {
            tick(work, began);
            ticked = now;
        }
        if (work->left > 0)
            pause_for(work, POLL_NS);
    }
    (void)pthread_mutex_unlock(&work->mutex);
}

/* ---- Beginning and ending ---- */

static int make_groups(struct work *work, struct run_plan *plan, struct error *err)
{
    work->groups = mem_calloc(plan->task_count, sizeof(*work->groups));
    if (work->groups == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < plan->task_count; i++) {
        struct group *last = work->group_count > 0 ? &work->groups[work->group_count - 1] : NULL;
        if (last == NULL || last->tasks[0].tenant != plan->tasks[i].tenant)
            work->groups[work->group_count++] = (struct group){.tasks = &plan->tasks[i], .count = 1};
        else
            last->count++;
        work->total += !plan->tasks[i].on_demand;
    }
    work->left = work->group_count;
    return 0;
}

/* As many as there are cores, tenants, and memory for. */
static size_t count_workers(const struct work *work)
{
    const struct config *config = work->hikae->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = config->threads != 0 ? config->threads : cores > 0 ? (size_t)cores : 1;
    size_t memory = config->memory_mib / WORKER_MIB;
    count = count < memory ? count : memory;
    count = count < work->group_count ? count : work->group_count;
    count = count < WORKERS_MAX ? count : WORKERS_MAX;
    return count > 0 ? count : 1;
}

static int start_workers(struct work *work, struct error *err)
{
    size_t count = count_workers(work);
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &work->workers[i];
        worker->work = work;
        if (engine_fork(work->hikae, (unsigned)count, &worker->hikae, err) != 0)
            return -1;
        const struct hikae_observer observer = {.warning = on_warning, .context = worker};
        worker->hikae->observer = observer;
        work->worker_count++;
    }
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &work->workers[i];
        int errnum = pthread_create(&worker->thread, NULL, work_thread, worker);
        if (errnum != 0 && i == 0)
            return error_set_errno(err, ERROR_NO_MEMORY, errnum, "start a worker");
        worker->started = errnum == 0;
    }
    return 0;
}

int run_work(struct hikae *hikae, const struct hikae_run_options *options, struct run_plan *plan,
             struct hikae_run_result *ret, struct error *err)
{
    struct work work = {.hikae = hikae, .options = options, .result = ret};
    int64_t began = clock_monotonic_ns();
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&work.mutex, NULL);
    (void)pthread_cond_init(&work.changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    /* Each tenant's pipeline has threads of its own for a moment: without a bound each would leave an arena behind. */
    (void)mallopt(M_ARENA_MAX, 4);
    int rc = make_groups(&work, plan, err);
    if (rc == 0 && work.group_count > 0)
        rc = start_workers(&work, err);
    if (rc == 0)
        watch(&work, began);
    for (size_t i = 0; i < work.worker_count; i++) {
        if (work.workers[i].started)
            (void)pthread_join(work.workers[i].thread, NULL);
        hikae_close(work.workers[i].hikae);
    }
    mem_free(work.groups);
    (void)pthread_cond_destroy(&work.changed);
    (void)pthread_mutex_destroy(&work.mutex);
    return rc;
}
