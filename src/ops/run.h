/*
 * The nightly run. It looks at every tenant, decides by pure functions
 * (policy/schedule.h) what is due, and has workers, each with an engine of
 * its own, do it. What a job is, stands in one row of a table (run_jobs.c):
 * its name, the role of the host that does it, when it is due, how it is done.
 */
#ifndef HIKAE_OPS_RUN_H
#define HIKAE_OPS_RUN_H

#include "ops/policies.h"
#include "ops/tenant.h"
#include "policy/schedule.h"

/* Who does a job: a host that writes, or one that may delete. */
enum run_role { ROLE_WRITER, ROLE_PRUNER };

/* A policy in force, with its zone. */
struct run_policy {
    const char *name;
    const struct policy *policy; /* NULL: see why */
    struct zone *zone;
    int64_t applied_ns; /* 0: built in */
    struct error why;
};

struct run_tenant {
    struct id tid;
    char *name;
    bool is_new;
    bool is_suspended;
    enum policy_class class;
    unsigned priority;
    int64_t not_before_ns;
    struct history_limits limits;
    const struct run_policy *policy;
    unsigned lock_days;              /* the shortest lock of any target; 0: none locks objects */
    const struct catalog_job *known; /* what is known of its jobs */
    size_t known_count;
};

struct run_job;

/* One job of one tenant, and what came of it. */
struct run_task {
    const struct run_tenant *tenant;
    const struct run_job *job;
    size_t variant; /* a policy may ask for several verifications */
    struct schedule_due due;
    bool on_demand; /* only if a job before it asks for it */
    bool wanted;    /* and it did */
    bool finished;
    bool timed_out;
    enum hikae_status status;
    struct hikae_error error;
    unsigned attempts;
    int64_t duration_ns;
    char *detail;
    char note[CATALOG_JOB_NOTE_SIZE]; /* for the catalogue */
    int64_t net_bytes;                /* stored on each target, less what was freed */
    uint64_t source_bytes;            /* of a backup: what it is of, and what it stored on each target */
    uint64_t stored_bytes;
};

struct run_job {
    const char *name;
    enum run_role role;
    /* How many of it a tenant has; NULL: one. */
    size_t (*variants)(const struct run_tenant *tenant);
    /* When is it due? `last` is what the catalogue knows, or NULL. */
    void (*due)(const struct run_tenant *tenant, size_t variant, const struct catalog_job *last, int64_t now_ns,
                struct schedule_due *ret);
    /* Do it; `siblings` (by job number) are the tenant's tasks of this run, for what one leaves to another. */
    enum hikae_status (*work)(struct hikae *hikae, struct run_task *task, struct run_task *next,
                              struct hikae_error *error);
};

/* Those that are of no tenant (run_purge.c, run_logs.c). */
#define RUN_PURGE    "purge"
#define RUN_JOB_LOGS "logs"
extern const struct run_job run_jobs[];
extern const size_t run_job_count;

/* "verify.0": as the catalogue names it. */
void run_job_key(const struct run_job *job, size_t variant, char ret[CATALOG_JOB_NAME_SIZE]);
/* What the catalogue knows of a tenant's job, or NULL. */
const struct catalog_job *run_known(const struct run_tenant *tenant, const char *key);

/* What a verification found, as it stands in the catalogue's note. */
struct run_verified {
    unsigned long long checked, damaged, unknown;
};
/* False if the note is none. */
bool run_verified_read(const char *note, struct run_verified *ret);
/* What the latest verification of a tenant found, and when; false if there was none. `jobs` are all that are known. */
bool run_verified_latest(const struct catalog_job *jobs, size_t count, const struct id *tid, struct run_verified *ret,
                         int64_t *ret_ns);

/* ---- run_plan.c ---- */

struct run_plan {
    struct id store; /* what is of no tenant is known by it */
    struct policies policies;
    struct run_policy *used; /* by the items of policies */
    struct run_tenant *tenants;
    size_t tenant_count, tenant_room;
    uint64_t missed;     /* tenants that should have been erased by now */
    char *missed_tenant; /* the first of them */
    struct catalog_job *known;
    size_t known_count;
    struct run_task *tasks; /* a tenant's stand together; the most urgent tenant first */
    size_t task_count, task_room;
};

/* Look at the tenants and decide. `only`: bits of run_jobs. Opens no tenant. */
MUST_USE int run_plan_make(struct hikae *hikae, const struct hikae_run_options *options, unsigned only,
                           struct run_plan *ret, struct error *err);
void run_plan_clear(struct run_plan *plan);
/* The tenants alone, without tasks (run_plan_clear). */
MUST_USE int run_plan_tenants(struct hikae *hikae, const struct hikae_run_options *options, struct run_plan *ret,
                              struct error *err);
/* When a tenant's backup is due; windows up to `since_ns` (0: unknown) were not missed. */
void run_plan_backup_due(const struct run_tenant *tenant, int64_t since_ns, int64_t now_ns, struct schedule_due *ret);

/* ---- run_work.c ---- */

/* Carry the plan out; warnings go to *ret. -1 only if it could not begin. */
MUST_USE int run_work(struct hikae *hikae, const struct hikae_run_options *options, struct run_plan *plan,
                      struct hikae_run_result *ret, struct error *err);

/* A warning of the whole run: each cause once, however many tenants it meets. `tenant` may be NULL. */
void run_note_warning(struct hikae_run_result *result, const char *tenant, const char *message, uint64_t count);
/* ---- run_purge.c ---- */

/*
 * Go on with erasures, and note it as a job of no tenant. `only`: the jobs that were named, or NULL; where it is the
 * only one it is tried at once, else a try that failed for want of a holder or key is not repeated for hours.
 */
MUST_USE int run_purge(struct hikae *hikae, const char *only, struct hikae_run_result *ret, struct error *err);

/* ---- run_host.c: what is the host's ---- */

/* The right to run, one at a time in a state folder: *ret_fd. ERROR_BUSY, or with `wait` when the other has ended. */
MUST_USE int run_lock(struct hikae *hikae, bool wait, int *ret_fd, struct error *err);
void run_clock(struct hikae_run_clock *ret);
/* Run the hook of that name, if there is one. `status`: of the run, or -1 before it. */
MUST_USE int run_hook(struct hikae *hikae, const char *when, int status, struct error *err);

#endif
