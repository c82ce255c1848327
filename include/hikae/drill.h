/* libhikae: drills, restores that prove themselves. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_DRILL_H
#define HIKAE_PUBLIC_DRILL_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum hikae_drill_mode {
    HIKAE_DRILL_SAMPLE, /* files of snapshots of every age, drawn from a seed that nobody can choose      */
    HIKAE_DRILL_FULL,   /* one snapshot, whole                                                            */
    HIKAE_DRILL_BARE    /* the same with nothing but a target and a holder: recover first, then restore  */
};

struct hikae_drill_options {
    enum hikae_drill_mode mode;
    const char *target;          /* NULL: each in turn                                                          */
    const char *snapshot;        /* NULL: the latest; a sample takes one of each age too                        */
    double confidence;           /* of finding the damage, 0 … 1; 0: 0.95                                       */
    double damage;               /* the part of the files that is damaged, 0 … 1; 0: 0.01                       */
    uint64_t max_bytes;          /* fetched from all targets; if more is needed nothing is restored; 0: no limit */
    int64_t max_ns;              /* of the whole drill; 0: no limit                                             */
    int64_t check_ns;            /* of each application check; 0: ten minutes                                   */
    const char *scratch;         /* folder in which the drill makes its own; NULL: "drills" in the state folder */
    const char *key_file;        /* bare: what opens the keys; none: the first of the configuration that is here */
    const char *sheet_file;      /* bare                                                                        */
    const char *passphrase_file; /* bare                                                                   */
    /* drill_away: "TARGET.KEY=VALUE" as hikae.yaml has them, for what is otherwise on the other machine. */
    const char *const *settings;
    size_t setting_count;
    const char *plan;        /* which rule asks for it, "drills.1"; NULL: somebody does                */
    const char *reason;      /* recorded; may be NULL                                                  */
    const char *report_file; /* the signed statement is written there too; may be NULL                 */
    bool dry_run;
};

struct hikae_drill_failure {
    char *target;
    char *snapshot;
    char *path; /* bytes; "" when it is not of one file */
    char *why;
};
struct hikae_drill_check {
    char *target;
    char *name;
    char *kind;  /* "manifest", "sqlite", "postgresql", "sql", "ext4", "archive", "cmd" */
    char *state; /* "passed", "failed", "left" (not done: it says why) */
    char *output;
    int64_t duration_ns;
};
struct hikae_drill_target {
    char *name;
    uint32_t epoch; /* of the keys */
    char *holder;   /* class of what opened them: "file", "sheet", "kit" …; NULL: nothing did */
    char *result;   /* as of the drill */
    char *why;      /* NULL: passed */
    uint64_t population, sample, checked, failed;
    uint64_t bytes, bytes_expected, bytes_fetched; /* restored; to be fetched for that; fetched */
    int64_t rto_ns, rpo_ns;
    int64_t choose_ns, restore_ns, check_ns,
        wipe_ns; /* and recover_ns of a bare one; rto_ns has what a restore takes */
    int64_t recover_ns;
};
struct hikae_drill {
    char *drill; /* id */
    char *tenant;
    char *mode;   /* "sample", "full", "bare" */
    char *result; /* "passed", "failed", "unknown" (a target could not be read), "cut" (by its budget), "planned" */
    char *plan;   /* NULL: nobody but who asked for it */
    char *operator_name;
    char *snapshot; /* the newest that was drilled */
    int64_t started_ns, finished_ns;
    int64_t snapshot_ns;
    int64_t rto_ns, rpo_ns;                   /* of what was drilled, the worst of all targets */
    int64_t rto_promised_ns, rpo_promised_ns; /* 0: none is promised */
    bool rto_kept, rpo_kept;                  /* true where none is promised */
    double confidence, damage;                /* wanted */
    double reached;                           /* the confidence that this sample gives, in the worst case */
    uint64_t population, sample,
        checked; /* of the target that has least of the sample; files, entries if not a sample */
    uint64_t bytes, bytes_expected, bytes_fetched; /* of all targets; a plan fetches only what it takes to draw */
    char *seed;
    char *checkpoint; /* "SIZE ROOT TIME" of the audit log */
    bool cleaned;     /* nothing is left of what was restored */
    struct hikae_drill_target *targets;
    size_t target_count;
    struct hikae_drill_check *checks;
    size_t check_count;
    struct hikae_drill_failure *failures; /* the first of each target */
    size_t failure_count;
    char *statement; /* JSON: all of the above and more */
    char *envelope;  /* the same signed by the store (DSSE, JSON); NULL of a plan */
};
/*
 * Restore as users do, from each target alone, into a folder of the drill's own; check; wipe; sign and record what came
 * of it. HIKAE_DAMAGED if it failed or nothing was checked, HIKAE_UNKNOWN if a target could not be read, HIKAE_WARNINGS
 * if a promised time was exceeded. *ret is filled and to be freed whenever ret->drill is not NULL, whatever is
 * returned.
 */
enum hikae_status hikae_drill_run(struct hikae *hikae, const char *tenant, const struct hikae_drill_options *options,
                                  struct hikae_drill *ret, struct hikae_error *error);
void hikae_drill_free(struct hikae_drill *drill);

/*
 * What another machine needs to drill one tenant: its keys, sealed, and where the targets are, with the certificates of
 * their CAs. How to log in there is not in it: the other machine has keys of its own, best for reading only.
 */
struct hikae_kit_options {
    const char *out;             /* the file; never replaces one */
    const char *passphrase_file; /* its first line opens the kit; or … */
    const char *key_file;        /* … this is made, and opens it */
    int64_t life_ns;             /* hikae refuses the kit afterwards */
    bool dry_run;
};
/* Whoever has the kit and the passphrase has this tenant's keys: the end of its life is kept by hikae, not by nature.
 */
enum hikae_status hikae_drill_kit(struct hikae *hikae, const char *tenant, const struct hikae_kit_options *options,
                                  struct hikae_error *error);
/*
 * On the other machine, which has no configuration: a drill from the kit, as hikae_drill_run. options: mode (not bare),
 * target, confidence, damage, budgets, settings, passphrase_file or key_file (what opens the kit), scratch (needed),
 * report_file (needed): what hikae_drill_accept takes at home.
 */
enum hikae_status hikae_drill_away(const char *kit_file, const struct hikae_drill_options *options,
                                   struct hikae_drill *ret, struct hikae_error *error);
/* At home: check that it comes from a kit of this tenant, sign it, put it on record. HIKAE_DAMAGED if it does not. A
 * dry run checks only. */
enum hikae_status hikae_drill_accept(struct hikae *hikae, const char *report_file, bool dry_run,
                                     struct hikae_drill *ret, struct hikae_error *error);

struct hikae_drills {
    struct hikae_drill *drills; /* by time */
    size_t count;
};
/* What is recorded. tenant NULL: all. */
enum hikae_status hikae_drill_list(struct hikae *hikae, const char *tenant, struct hikae_drills *ret,
                                   struct hikae_error *error);
void hikae_drills_free(struct hikae_drills *drills);
/* One by its id, or a start of it that is unique; its signature is checked: HIKAE_DAMAGED if it is not the store's. */
enum hikae_status hikae_drill_show(struct hikae *hikae, const char *drill, struct hikae_drill *ret,
                                   struct hikae_error *error);

/* One drill as a page for people, in English and Japanese: one HTML file that fetches nothing (hikae_drill_show). */
enum hikae_status hikae_drill_page(const struct hikae_drill *drill, const char *file, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
