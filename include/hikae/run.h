/* libhikae: the nightly run. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_RUN_H
#define HIKAE_PUBLIC_RUN_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_run_progress {
    uint64_t jobs_done, jobs_failed, jobs_total;
    const char *tenant; /* one that is being worked on, or NULL */
    int64_t elapsed_ns;
};
struct hikae_run_options {
    const char *only;       /* "backup,replicate": these jobs; NULL: all */
    unsigned shard, shards; /* this host's number, from 1, and how many hosts share the tenants; 0: one host */
    unsigned retries;       /* a job that failed and may succeed later is tried so often again, with growing pauses */
    bool wait;              /* for another run to end, rather than HIKAE_BUSY */
    bool dry_run;
    /* Called about once a second while the run is sound, from the calling thread; may be NULL. */
    void (*tick)(const struct hikae_run_progress *progress, void *context);
    void *context;
};
struct hikae_run_job {
    const char *state; /* "done", "failed", "planned" (dry run), "left" (the run was stopped before), "elsewhere" */
    char *tenant;      /* NULL: of no tenant */
    char *job;
    const char *due;  /* "due", "missed" */
    int64_t due_ns;   /* when its time came */
    unsigned windows; /* that were missed before, and are not made up */
    unsigned attempts;
    int64_t duration_ns;
    char *detail;             /* what was done, for people; may be NULL */
    struct hikae_error error; /* of "failed" and "elsewhere"; status of "done" says whether there were warnings */
};
struct hikae_run_warning {
    char *message;
    char *tenant; /* the first; NULL: of the run itself */
    uint64_t count;
};
/* What the kernel says of the clock (adjtimex(2)). */
struct hikae_run_clock {
    bool synchronized;
    const char *source; /* "systemd-timesyncd", "chronyd", "ntpd", "unknown" */
    int64_t offset_ns;
    int64_t error_ns; /* the most that it can be wrong, as the kernel reckons */
};
struct hikae_run_result {
    struct hikae_run_job *jobs; /* in the order of the plan */
    size_t count;
    struct hikae_run_warning *warnings; /* each cause once */
    size_t warning_count;
    struct hikae_run_clock clock;
    uint64_t tenants;       /* looked at */
    size_t nonconformities; /* opened: see hikae/incident.h */
    int64_t duration_ns;
};
/*
 * Everything that is due, also what was missed while the machine was off (once), several tenants at once. One that
 * fails stops no other. The result is filled, and to be freed, whatever is returned: the first of internal, keys,
 * damaged, unknown, refused, busy, warnings that occurred; HIKAE_INTERRUPTED if it was stopped. *error tells the worst.
 */
enum hikae_status hikae_run(struct hikae *hikae, const struct hikae_run_options *options, struct hikae_run_result *ret,
                            struct hikae_error *error);
void hikae_run_result_free(struct hikae_run_result *result);

#ifdef __cplusplus
}
#endif

#endif
