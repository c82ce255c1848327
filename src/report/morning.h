/*
 * The page of the morning: what is gathered for it (morning.c), and how it is
 * drawn (morning_page.c and its kin). Drawing reads only what was gathered, so
 * that both languages say the same.
 */
#ifndef HIKAE_REPORT_MORNING_H
#define HIKAE_REPORT_MORNING_H

#include "hikae.h"
#include "ops/notify.h"
#include "ops/policies.h"
#include "ops/run.h"
#include "report/page.h"

enum { MORNING_DAYS = 35, MORNING_NIGHTS = 60 };

/* What a tenant has on one target. */
struct morning_copy {
    int64_t latest_ns;       /* of the newest snapshot that lies whole there; 0: of none that was looked at */
    uint64_t packs, checked; /* as the ledger knows them: all, and those whose bytes were ever read and compared */
    int64_t checked_ns;      /* when one of them was last; 0: never */
};

struct morning_tenant {
    char *name;
    char *policy;
    size_t row;   /* of the status */
    bool is_read; /* else nothing but its name is known */
    bool is_suspended;
    bool is_daily;               /* a backup is promised for every day                        */
    uint64_t bytes_before;       /* of the sources a week before the latest; 0: not known     */
    size_t generations;          /* that are kept                                             */
    int64_t verified_ns;         /* when it was last verified, by a run or, its data, by hand; 0: never */
    uint64_t damaged;            /* what that found and could not mend */
    struct morning_copy *copies; /* by target */
    uint64_t made, kept;         /* bit i: a snapshot was made, and is kept, of the day i days before the page's */
    size_t existed;              /* days, from the page's backwards, since its first snapshot */
};

/* What the runs of one night did together. */
struct morning_night {
    int64_t time_ns;
    int64_t duration_ns;
    int64_t net_bytes;
    double source_bytes, stored_bytes; /* of its backups: what they are of, and what they stored on each target */
};

/* The last run before the end of the page's day. */
struct morning_run {
    bool found, ended;
    int64_t started_ns, finished_ns;
    int exit;
    uint64_t tenants, done, failed, left;
    struct hikae_run_result result; /* what failed and was warned of; texts belong to `record` */
    json_t *record;
};

struct morning {
    struct hikae *hikae;
    char *why; /* the store could not be opened: only what this machine remembers is here; or NULL */
    struct zone *zone;
    int64_t now_ns;
    int64_t day;    /* the page's, of the zone; civil */
    int64_t end_ns; /* of that day */
    bool is_today;
    double kept_bytes;                /* of the sources, in all snapshots that are kept */
    uint64_t backed_up[MORNING_DAYS]; /* by the records of runs, by days before the page's */
    bool has_run[MORNING_DAYS];
    size_t run_days; /* since the first run that is known */
    struct hikae_status_report status;
    struct morning_tenant *tenants; /* those that need attention first, then by name */
    size_t tenant_count, tenant_room;
    struct morning_night nights[MORNING_NIGHTS]; /* the newest first */
    size_t night_count;
    struct morning_run run;
    struct notice_target targets[ENGINE_TARGETS_MAX];
    struct notice_state state;
    struct notice_causes causes;
    struct hikae_forecast forecast;
    bool has_forecast;
    struct hikae_incidents incidents; /* open ones */
    struct hikae_reviews reviews;
    struct hikae_purges purges; /* all that were ever planned */
    bool warnings;
};

MUST_USE int morning_gather(struct hikae *hikae, const char *day, struct morning *ret, struct error *err);
void morning_clear(struct morning *morning);

/* ---- What it is gathered with (morning_take.c, morning_runs.c) ---- */

struct morning_gathering {
    struct morning *morning;
    struct policies policies;
    struct catalog_job *jobs;
    size_t job_count;
};
/* A status_visit, and what a catalogue's tenants and runs are given to; context: the gathering, of runs the morning. */
MUST_USE int morning_take_tenant(struct session *session, const struct catalog_tenant *row,
                                 const struct hikae_tenant_status *status, size_t number, void *context,
                                 struct error *err);
MUST_USE int morning_take_remembered(const struct catalog_tenant *row, void *context, struct error *err);
MUST_USE int morning_take_night(const struct catalog_run *run, void *context, struct error *err);
MUST_USE int morning_take_run(const struct catalog_run *from, void *context, struct error *err);
/* Rows of the status that no tenant was taken for. */
MUST_USE int morning_take_unread(struct morning_gathering *gathering, struct error *err);
/* How many days before the page's day; negative: after it. */
int64_t morning_days_back(const struct morning *morning, int64_t ns);
/* Those that need attention first, then by name: for qsort_r, context: the morning. */
int morning_compare(const void *a, const void *b, void *context);

/* ---- How a tenant stands, worst first ---- */

enum morning_standing {
    STANDING_UNREAD,  /* could not be read, so nobody knows */
    STANDING_BROKEN,  /* no target holds all of the latest  */
    STANDING_DAMAGED, /* the last verification found damage */
    STANDING_NEVER,   /* never backed up, and should have been */
    STANDING_LATE,
    STANDING_FEW,    /* fewer copies than promised */
    STANDING_BEHIND, /* a target lacks it          */
    STANDING_GOOD,
    STANDING_IDLE /* nothing is to be backed up */
};
enum morning_standing morning_standing(const struct morning *morning, const struct morning_tenant *tenant);
/* What one target holds of all tenants: sums, the last check, and the oldest of their newest snapshots. */
struct morning_copy morning_copies_of(const struct morning *morning, size_t target);
bool morning_is_safe(const struct morning *morning, const struct hikae_tenant_status *tenant);

/* A page_draw; context: the morning. */
void morning_draw(struct page *page, void *context);
/* The parts that have files of their own. */
/* What the top of the page counts. */
struct morning_figures {
    uint64_t tenants, in_time, safe, up;
    int64_t oldest_ns; /* the oldest of the latest snapshots that are safe, and whose it is */
    const char *oldest;
    const struct hikae_review *look; /* the last one at backups of this day */
};
void morning_draw_safe(struct page *page, const struct morning *morning, const struct morning_figures *figures);
void morning_draw_tenants(struct page *page, const struct morning *morning);
void morning_draw_calendar(struct page *page, const struct morning *morning);
void morning_draw_growth(struct page *page, const struct morning *morning);
void morning_draw_duties(struct page *page, const struct morning *morning);

#endif
