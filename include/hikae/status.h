/* libhikae: status. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_STATUS_H
#define HIKAE_PUBLIC_STATUS_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_tenant_status {
    char *name;
    int64_t last_success_ns; /* 0: never */
    int64_t age_ns;
    char **behind; /* targets that do not count for the latest snapshot */
    size_t behind_count;
    int64_t next_due_ns;                 /* of its backup; 0: none is due */
    bool overdue;                        /* a whole window passed without a backup */
    uint64_t snapshots;                  /* that are not retired */
    uint64_t bytes;                      /* of the sources, in the latest */
    int64_t deadline_ns;                 /* the contract ends: by then everything must be erased; 0: it does not end */
    bool missed;                         /* and it is over */
    int64_t last_drill_ns;               /* 0: never */
    char *last_drill;                    /* "passed", "failed", "unknown", "cut"; NULL: there was none */
    uint64_t copies_out, copies_overdue; /* that restores handed out, and those that live longer than they may */
    int64_t copies_until_ns;             /* when the first of these must be wiped; 0: never */
    int64_t drill_due_ns;                /* of a drill that is promised on a server of its own; 0: none is */
    bool unknown;                        /* it could not be read now: what stands here may be less than there is */
};
struct hikae_target_stored {
    char *name;
    bool up;
    uint64_t objects, bytes; /* packs, segments and roster parts of all tenants, as listed just now */
};
/* What people must do, and by when. */
struct hikae_deadline {
    const char *kind; /* "erasure", "notice" (of an incident), "copy" (of a restore, to be wiped), "drill" (on a server
                         of its own), "review" (a look), "reminder" */
    char *subject;    /* tenant, id of the incident, what is to be looked at, the reminder's text */
    char *subject_ja;
    char *policy; /* that promises it, or NULL */
    bool is_aim;  /* else a duty */
    bool missed;
    int64_t due_ns;
};
struct hikae_status_report {
    struct hikae_tenant_status *tenants;
    size_t count;
    struct hikae_target_stored *targets;
    size_t target_count;
    struct hikae_deadline *deadlines; /* by time: erasures and notices all, the others when they are near */
    size_t deadline_count;
    size_t incidents, nonconformities; /* open */
};
enum hikae_status hikae_overview(struct hikae *hikae, struct hikae_status_report *ret, struct hikae_error *error);
void hikae_status_free(struct hikae_status_report *report);

/*
 * The same and more as text for Prometheus' textfile collector: *ret_text (free). With `file` it is written there too,
 * as a whole or not at all, for all to read. Tenants whose targets are behind are no warning here: the figures say so.
 */
enum hikae_status hikae_metrics(struct hikae *hikae, const char *file, char **ret_text, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
