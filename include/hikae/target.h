/* libhikae: targets. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_TARGET_H
#define HIKAE_PUBLIC_TARGET_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_target {
    char *name;
    char *url;
    char *driver;
    char *provider; /* NULL: not known, as region, country and site */
    char *region;
    char *country;
    char *site;
    bool attested;       /* the country is the operator's word; else the provider's table has it */
    char *state;         /* "ok", "unreachable", "other-store", "empty", "denied" */
    char *why;           /* NULL when ok */
    bool create_once;    /* as measured; of a folder never measured, as its driver has it */
    bool versions;       /* as measured; else false */
    bool lock;           /* as configured */
    uint64_t free_bytes; /* UINT64_MAX: not known */
    int64_t checked_ns;  /* when it was measured last (hikae_target_check); 0: never, or not known */
};
struct hikae_targets {
    struct hikae_target *targets;
    size_t count;
};
enum hikae_status hikae_target_list(struct hikae *hikae, struct hikae_targets *ret, struct hikae_error *error);
/* Add "NAME=URL" to the configuration and put store object and keystore there. */
enum hikae_status hikae_target_add(struct hikae *hikae, const char *name_and_url, bool dry_run,
                                   struct hikae_error *error);
void hikae_targets_free(struct hikae_targets *targets);

enum hikae_outcome { HIKAE_OUTCOME_OK, HIKAE_OUTCOME_WARN, HIKAE_OUTCOME_FAIL, HIKAE_OUTCOME_UNKNOWN };
/* "ok", "warn", "fail", "unknown" */
const char *hikae_outcome_word(enum hikae_outcome outcome);
struct hikae_target_probe {
    const char *name; /* "reachable", "region", "conditional-writes", … */
    enum hikae_outcome outcome;
    enum hikae_status status; /* of the call that failed; else HIKAE_OK */
    char detail[512];
    char hint[256];
};
/* What was measured of a target. Texts that are not known are "". */
struct hikae_target_report {
    struct hikae_target target;
    struct hikae_target_probe *probes;
    size_t probe_count;
    size_t worst; /* the probe that `status` comes from */
    enum hikae_status status;
    bool measured; /* it answered */
    bool recorded; /* in the store's history, just now */
    bool create_once, checks_md5, checks_sha256;
    char region[64]; /* as it says itself */
    char server[64];
    char tls_version[16];
    char tls_cipher[64];
    const char *versioning; /* "on", "off", "suspended", "unknown" */
    bool lock_enabled;
    const char *lock_default; /* of the bucket: "none", "governance", "compliance" */
    unsigned lock_default_days;
    unsigned minimum_days, minimum_size; /* what an object is billed for at least */
    int64_t skew_ns, latency_ns;
    uint64_t up_bytes_per_s, down_bytes_per_s; /* 0: not measured */
};
struct hikae_target_reports {
    struct hikae_target_report *reports;
    size_t count;
};
struct hikae_target_check_options {
    const char *name; /* NULL: all */
    bool speed;       /* measure rates with some MiB */
    bool dry_run;     /* put nothing on the targets, record nothing */
};
/*
 * Measure targets and record it in the store's history. HIKAE_OK says that it was done: what was found is in each
 * report's status. Puts some tiny objects below hikae1/probe/, never locked; the right to delete is not needed.
 */
enum hikae_status hikae_target_check(struct hikae *hikae, const struct hikae_target_check_options *options,
                                     struct hikae_target_reports *ret, struct hikae_error *error);
void hikae_target_reports_free(struct hikae_target_reports *reports);
/*
 * Change "KEY=VALUE" settings of a target in the configuration, whose comments stay; "KEY=" takes one out.
 * HIKAE_REFUSED if a tenant's policy forbids what it would be, or another store is there.
 */
enum hikae_status hikae_target_set(struct hikae *hikae, const char *name, const char *const *settings, size_t count,
                                   bool dry_run, struct hikae_error *error);
struct hikae_extend_result {
    unsigned targets;  /* that lock objects, and answer */
    uint64_t checked;  /* live objects, on each of them */
    uint64_t extended; /* whose lock had less than half of its period left */
    uint64_t missing;  /* that a target lacks: hikae_replicate puts them, locked */
};
/*
 * Keep the locks of what is alive ahead of time (tenant NULL: of all tenants); nothing where no target locks objects.
 * What all tenants need (keystore, the store's own history, audit logs) goes with any of them, for one once a day.
 * Again: nothing more. What nothing needs any more is left to run out. HIKAE_WARNINGS if objects are missing.
 */
enum hikae_status hikae_extend_locks(struct hikae *hikae, const char *tenant, bool dry_run,
                                     struct hikae_extend_result *ret, struct hikae_error *error);
struct hikae_target_retired {
    uint64_t snapshots;      /* that the other targets hold whole */
    bool counted;            /* it answered: what is left there is known */
    uint64_t objects, bytes; /* left there */
    /* With `erase`: */
    uint64_t removed, removed_bytes; /* versions, delete markers, unfinished uploads */
    uint64_t locked;                 /* of what is left, kept by locks or legal holds, … */
    int64_t locked_until_ns;         /* … the longest until then, by the target's clock; 0: not known */
};
/*
 * Take a target out of use: hikae.yaml has it as a comment only, and nothing is written there any more. With `erase`
 * everything that this store has there is deleted first (the right to delete is needed), else nothing is. HIKAE_REFUSED
 * unless every snapshot is whole on min_copies other targets; HIKAE_WARNINGS if something is left that is locked.
 */
enum hikae_status hikae_target_retire(struct hikae *hikae, const char *name, bool erase, bool dry_run,
                                      struct hikae_target_retired *ret, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
