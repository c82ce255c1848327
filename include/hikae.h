/*
 * libhikae: the public interface of hikae, a backup, encryption and retention
 * engine. The command line is built on this header alone.
 *
 * Conventions. Every function returns the exit code that the command line
 * documents (enum hikae_status): HIKAE_OK and HIKAE_WARNINGS mean that it was
 * done. On any other value *error says what failed, why, and what to do.
 * Strings are UTF-8 unless they are file names, which are bytes. Sizes are
 * bytes, instants nanoseconds since 1970-01-01T00:00:00Z, durations
 * nanoseconds. Results are freed with the function named beside them; results
 * of a failed call need no freeing. One struct hikae serves one thread at a
 * time; hikae_cancel may be called from any thread and from signal handlers.
 */
#ifndef HIKAE_H
#define HIKAE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HIKAE_VERSION "0.1.0"

enum hikae_status {
    HIKAE_OK = 0,
    HIKAE_WARNINGS = 1,  /* done; some entries could not be read, or a target is behind */
    HIKAE_USAGE = 2,     /* usage or configuration                                       */
    HIKAE_BUSY = 3,      /* another run holds the tenant                                 */
    HIKAE_NOT_FOUND = 4, /* tenant, snapshot, path, target                               */
    HIKAE_DAMAGED = 5,   /* data does not match                                          */
    HIKAE_UNKNOWN = 6,   /* a target could not be read or written in time                */
    HIKAE_KEYS = 7,      /* keys or permissions                                          */
    HIKAE_REFUSED = 8,   /* by a policy: hold, quorum, retention                         */
    HIKAE_INTERRUPTED = 9,
    HIKAE_INTERNAL = 10
};

struct hikae_error {
    enum hikae_status status;
    bool retryable;
    char kind[24];      /* stable word for the class: "damaged", "unknown", … */
    char message[1100]; /* what was being done: what failed, and why           */
    char hint[256];     /* what to do; may be empty                            */
};

struct hikae;

/* ---- Watching ---- */

enum hikae_phase { HIKAE_PHASE_SCAN, HIKAE_PHASE_TRANSFER, HIKAE_PHASE_CHECK, HIKAE_PHASE_FINISH };

/* What went to or came from a target in this operation. */
struct hikae_target_progress {
    const char *name;
    uint64_t bytes;
    bool up; /* false: it was given up, or never answered */
};

struct hikae_progress {
    enum hikae_phase phase;
    uint64_t entries_done;
    uint64_t entries_total; /* 0: not known */
    uint64_t bytes_done;    /* of the source, or of the restore */
    uint64_t bytes_total;   /* 0: not known */
    uint64_t bytes_stored;  /* sent to each target, or fetched */
    int64_t elapsed_ns;
    const struct hikae_target_progress *targets; /* valid during the call; none before they are opened */
    size_t target_count;
};

struct hikae_observer {
    void (*progress)(const struct hikae_progress *progress, void *context); /* a few times a second; may be NULL */
    void (*warning)(const char *message, void *context);                    /* one line each; may be NULL        */
    void *context;
};

/* ---- Opening ---- */

struct hikae_init_options {
    const char *dir;            /* folder for configuration, state and key; made if missing */
    const char *const *targets; /* "NAME=URL"; none: one folder below dir (for trying out) */
    size_t target_count;
    unsigned min_copies;         /* 0: 1 */
    const char *passphrase_file; /* use a passphrase holder instead of a key file; may be NULL */
    bool test_clock;
    bool dry_run;
};
struct hikae_init_result {
    char *config; /* path of hikae.yaml */
    char *store;  /* id, hexadecimal */
    char *key;    /* path of the key file, or NULL */
    char *sheet;  /* path of the recovery sheet */
};
enum hikae_status hikae_init(const struct hikae_init_options *options, struct hikae_init_result *ret,
                             struct hikae_error *error);
void hikae_init_result_free(struct hikae_init_result *result);

/* Read the configuration; targets and keys are opened when they are first needed. */
enum hikae_status hikae_open(const char *config_path, struct hikae **ret, struct hikae_error *error);
void hikae_close(struct hikae *hikae);
void hikae_observe(struct hikae *hikae, const struct hikae_observer *observer);
/* Stop soon and cleanly; what is finished is kept. */
void hikae_cancel(struct hikae *hikae);
/* The store was made with a test clock: say so in everything. */
bool hikae_has_test_clock(const struct hikae *hikae);

struct hikae_check {
    char name[64];
    enum { HIKAE_CHECK_OK, HIKAE_CHECK_WARN, HIKAE_CHECK_FAIL } state;
    char detail[512];
    char hint[256];
};
struct hikae_checks {
    struct hikae_check *checks;
    size_t count;
};
/* Checks configuration, targets, keys, clock, space, permissions. HIKAE_WARNINGS if one is WARN; the first failing
 * one's status otherwise. */
enum hikae_status hikae_doctor(const char *config_path, struct hikae_checks *ret, struct hikae_error *error);
void hikae_checks_free(struct hikae_checks *checks);

/* ---- Tenants ---- */

struct hikae_source {
    const char *name;
    const char *spec; /* dir:PATH, image:PATH, archive:PATH, cmd:COMMAND */
    const char *const *exclude;
    size_t exclude_count;
    bool one_file_system;
    bool exclude_caches;
};
/* What one tenant may use up; 0 is no limit. */
struct hikae_limits {
    uint64_t seconds; /* a job of the nightly run that takes longer is stopped, and has failed */
    uint64_t bytes;   /* size of its sources: more is a warning of the nightly run             */
    unsigned threads;
};
struct hikae_tenant_options {
    const char *name;
    const char *policy; /* NULL: "plain" */
    bool provider;      /* the provider's own data, not a customer's */
    const struct hikae_source *sources;
    size_t source_count;
    bool dry_run;
    const char *const *labels; /* "KEY=VALUE"; "KEY=" takes the label away */
    size_t label_count;
    unsigned priority;                 /* 1 first … 9 last; 0: 5, or as it was */
    const struct hikae_limits *limits; /* NULL: none, or as they were */
    bool trial; /* hikae_tenant_add: it stays "new" until a test backup of it was restored (hikae_tenant_trial,
                   hikae_run) */
};
struct hikae_tenant {
    char *name;
    char *id;
    char *policy;
    char *state;
    char *class_name; /* "customer" or "provider" */
    struct {
        char *name;
        char *spec;
    } * sources;
    size_t source_count;
    uint64_t snapshots;
    int64_t last_snapshot_ns; /* 0: none */
    char **labels;            /* "KEY=VALUE", by key */
    size_t label_count;
    unsigned priority;
    struct hikae_limits limits;
    int64_t not_before_ns; /* its first backup waits until then; 0: it does not */
};
struct hikae_tenants {
    struct hikae_tenant *tenants;
    size_t count;
};
enum hikae_status hikae_tenant_add(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error);
/* name NULL: all. */
enum hikae_status hikae_tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret,
                                    struct hikae_error *error);
/* Which tenants; NULL members narrow nothing. */
struct hikae_tenant_filter {
    const char *name;
    const char *state;
    const char *class_name;
    const char *policy;
    const char *label; /* "KEY=VALUE", or "KEY": any value */
};
enum hikae_status hikae_tenant_select(struct hikae *hikae, const struct hikae_tenant_filter *filter,
                                      struct hikae_tenants *ret, struct hikae_error *error);
/* Replace the sources of a tenant (sources given), its policy, labels, priority, limits (those given). */
enum hikae_status hikae_tenant_set(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error);
/* "active" or "suspended": a suspended tenant is not backed up. One that is "new" becomes active by its trial only. */
enum hikae_status hikae_tenant_state(struct hikae *hikae, const char *name, const char *state, bool dry_run,
                                     struct hikae_error *error);
void hikae_tenants_free(struct hikae_tenants *tenants);

struct hikae_load_options {
    unsigned per_night; /* first backups of this many new tenants a night, in the file's order; 0: all in the first */
    bool dry_run;
};
struct hikae_load_change {
    char *tenant;
    const char *what; /* "add", "change", "same" */
    char *how;        /* what changes, for people; NULL if nothing does */
    unsigned line;    /* of the file */
    bool done;
};
struct hikae_load_result {
    struct hikae_load_change *changes; /* in the file's order */
    size_t count;
    uint64_t added, changed, same;
};
/*
 * Add and change tenants as a file says, JSON or CSV (by its name's end); never removes a tenant, a source or a label.
 * New ones are "new" until their trial. Every mistake in the file is a warning with its line, and then nothing is done:
 * HIKAE_USAGE. One tenant that fails does not stop the others: the first one's status, and `done` tells which are: the
 * result is filled, and to be freed, whatever is returned.
 */
enum hikae_status hikae_tenant_load(struct hikae *hikae, const char *path, const struct hikae_load_options *options,
                                    struct hikae_load_result *ret, struct hikae_error *error);
void hikae_load_result_free(struct hikae_load_result *result);
/* Back a new tenant up, restore from that snapshot into a folder of the state, and make the tenant active. */
enum hikae_status hikae_tenant_trial(struct hikae *hikae, const char *name, struct hikae_error *error);

/* The asset register: what is kept of whom, where, and who answers for it. */
struct hikae_asset_place {
    char *target;
    char *country; /* NULL: not declared */
    char *site;
    bool up;          /* it answered: else objects and bytes are not known */
    uint64_t objects; /* packs, segments and roster parts */
    uint64_t bytes;
};
struct hikae_asset {
    struct hikae_tenant tenant;
    char *responsible;            /* its label "responsible", or NULL */
    uint64_t bytes_latest;        /* of the sources, in the latest snapshot */
    int64_t oldest_ns, newest_ns; /* snapshots; 0: none */
    uint64_t holds;
    uint32_t key_generation;
    struct hikae_asset_place *places;
    size_t place_count;
};
struct hikae_inventory {
    uint32_t key_epoch;
    struct hikae_asset *assets; /* customers' first, then the provider's own; each by name */
    size_t count;
};
/* HIKAE_WARNINGS if a target did not answer. */
enum hikae_status hikae_inventory(struct hikae *hikae, struct hikae_inventory *ret, struct hikae_error *error);
void hikae_inventory_free(struct hikae_inventory *inventory);

/* ---- Policies ---- */

struct hikae_policy {
    char *name;
    char *title_ja, *title_en;
    char *
        state; /* "built-in", "shipped" (a file only), "applied", "changed" (applied, the file differs), "unreadable" */
    char *path;         /* of the file; NULL: there is none */
    char *why;          /* what is wrong with it, or NULL   */
    char *sha256;       /* of the applied text; NULL: none  */
    char *approved_by;  /* of the applied version, or NULL  */
    int64_t applied_ns; /* 0: never */
    uint64_t versions;  /* applied so far */
    uint64_t tenants;
};
struct hikae_policies {
    struct hikae_policy *policies;
    size_t count;
};
/* Files and applied policies, by name. */
enum hikae_status hikae_policy_list(struct hikae *hikae, struct hikae_policies *ret, struct hikae_error *error);
void hikae_policies_free(struct hikae_policies *policies);

struct hikae_promise {
    char *id;
    bool published;     /* else internal */
    bool by_operator;   /* kept by people, not by hikae */
    char *published_at; /* NULL: not filled in */
    char *ja, *en;
    char **rules; /* parts of the policy that keep it */
    size_t rule_count;
};
struct hikae_policy_value {
    char *path; /* "generations.keep.daily" */
    char *value;
};
struct hikae_policy_detail {
    struct hikae_policy policy;
    char *text; /* the file, or the applied version */
    struct hikae_promise *promises;
    size_t promise_count;
    struct hikae_policy_value *values;
    size_t value_count;
};
/* what: a name (the applied version, else the file) or a path. */
enum hikae_status hikae_policy_show(struct hikae *hikae, const char *what, struct hikae_policy_detail *ret,
                                    struct hikae_error *error);
void hikae_policy_detail_free(struct hikae_policy_detail *detail);

enum hikae_severity {
    HIKAE_SEVERITY_WARNING,      /* something is missing, the promises are kept               */
    HIKAE_SEVERITY_UNMET,        /* this installation does not keep it; an operator may accept */
    HIKAE_SEVERITY_CONTRADICTION /* nobody can keep it                                         */
};
struct hikae_policy_finding {
    char *rule;
    enum hikae_severity severity;
    char *path; /* of the value in question */
    unsigned line, column;
    char *what;
    char *hint;
    bool accepted; /* hikae_policy_apply: named in `accept` */
};
struct hikae_policy_findings {
    char *name; /* of the policy */
    char *file;
    bool with_installation; /* targets and holders of the configuration were looked at */
    struct hikae_policy_finding *findings;
    size_t count;
};
/*
 * Check a policy's file by name or path; without a file, what is built in. config_path need not exist: then the policy
 * alone is looked at. HIKAE_WARNINGS for warnings, HIKAE_REFUSED for contradictions and what is unmet.
 */
enum hikae_status hikae_policy_check(const char *config_path, const char *what, struct hikae_policy_findings *ret,
                                     struct hikae_error *error);
void hikae_policy_findings_free(struct hikae_policy_findings *findings);

struct hikae_policy_change {
    char *path;
    char *before, *after; /* NULL: only the other version has it */
};
struct hikae_policy_drop {
    char *tenant;
    char *snapshot;
    int64_t time_ns;
    char *reason; /* why the new version drops it */
};
struct hikae_policy_diff {
    char *name;
    bool first; /* never applied before */
    struct hikae_policy_change *changes;
    size_t change_count;
    char **shortens; /* what becomes less, one sentence each: these need an operator's approval */
    size_t shorten_count;
    struct hikae_policy_drop *drops; /* snapshots that the applied version keeps and the new one would drop */
    size_t drop_count;
    uint64_t tenants; /* that have this policy */
    struct hikae_policy_findings check;
    bool applied;
};
struct hikae_policy_apply_options {
    const char *what;          /* name of a file, or a path */
    const char *approve_as;    /* the operator who approves a shortening; may be NULL */
    const char *why;           /* for approval and acceptance; may be NULL */
    const char *const *accept; /* names of unmet rules that are accepted */
    size_t accept_count;
    bool dry_run;
    const char *notice;      /* id of the notice that told of more countries beforehand; NULL unless there are more */
    const char *notice_date; /* and its day, "2026-11-01" */
};
/* What applying a file would change. */
enum hikae_status hikae_policy_diff(struct hikae *hikae, const char *what, struct hikae_policy_diff *ret,
                                    struct hikae_error *error);
/*
 * Put a version in force, on min_copies targets. HIKAE_REFUSED (with *ret filled) for contradictions, for unmet rules
 * that are not accepted, and for a shortening without approval; HIKAE_WARNINGS when it was applied with warnings.
 */
enum hikae_status hikae_policy_apply(struct hikae *hikae, const struct hikae_policy_apply_options *options,
                                     struct hikae_policy_diff *ret, struct hikae_error *error);
void hikae_policy_diff_free(struct hikae_policy_diff *diff);

/* ---- Targets ---- */

struct hikae_target {
    char *name;
    char *url;
    char *driver;
    char *provider; /* NULL: not known, as region, country and site */
    char *region;
    char *country;
    char *site;
    bool attested; /* the country is the operator's word; else the provider's table has it */
    char *state;   /* "ok", "unreachable", "other-store", "empty", "denied" */
    char *why;     /* NULL when ok */
    bool create_once;
    bool versions;
    bool lock;
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
 * Again: nothing more. What nothing needs any more is left to run out. HIKAE_WARNINGS if objects are missing.
 */
enum hikae_status hikae_extend_locks(struct hikae *hikae, const char *tenant, bool dry_run,
                                     struct hikae_extend_result *ret, struct hikae_error *error);
struct hikae_target_retired {
    uint64_t snapshots;      /* that the other targets hold whole */
    bool counted;            /* it answered: what is left there is known */
    uint64_t objects, bytes; /* left there */
};
/*
 * Take a target out of use: hikae.yaml has it as a comment only, nothing is written there any more, and nothing that
 * lies there is deleted. HIKAE_REFUSED unless every snapshot is whole on min_copies other targets.
 */
enum hikae_status hikae_target_retire(struct hikae *hikae, const char *name, bool dry_run,
                                      struct hikae_target_retired *ret, struct hikae_error *error);

/* ---- Backup ---- */

struct hikae_backup_options {
    const char *tag;       /* may be NULL */
    bool on_demand;        /* somebody asked for it: never a generation. The schedule's snapshots are not */
    int64_t keep_ns;       /* own expiry after this duration, which makes it one on demand; 0: none */
    bool no_verify_writes; /* overrides the configuration */
    bool dry_run;          /* scan and compare only */
};
struct hikae_target_state {
    char *name;
    char *state; /* "complete", "behind", "unreachable" */
    char *why;   /* NULL when complete */
};
struct hikae_entry_error {
    char *path; /* bytes, as in the snapshot */
    char *message;
};
struct hikae_backup_result {
    char *snapshot; /* NULL for a dry run */
    uint64_t entries;
    uint64_t files_new, files_changed, files_unchanged;
    uint64_t bytes_source;   /* sizes of all files                     */
    uint64_t bytes_read;     /* read from the source                   */
    uint64_t bytes_new;      /* plain bytes of blobs not known before  */
    uint64_t bytes_stored;   /* bytes of objects written, per target   */
    uint64_t bytes_metadata; /* plain bytes of manifest blobs written */
    uint64_t objects_stored;
    int64_t duration_ns;
    struct hikae_target_state *targets;
    size_t target_count;
    struct hikae_entry_error *errors; /* the first 1,000 */
    size_t error_count;
    uint64_t errors_total;
};
enum hikae_status hikae_backup(struct hikae *hikae, const char *tenant, const struct hikae_backup_options *options,
                               struct hikae_backup_result *ret, struct hikae_error *error);
/* An archive (any format that libarchive reads; "-" standard input) as a snapshot of its own, below the source name
 * `name`. */
enum hikae_status hikae_import(struct hikae *hikae, const char *tenant, const char *path, const char *name,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error);
void hikae_backup_result_free(struct hikae_backup_result *result);

/* ---- Snapshots ---- */

struct hikae_snapshot {
    char *id;
    int64_t time_ns;
    uint64_t entries;
    uint64_t bytes;
    uint64_t errors;
    char **targets; /* that count for it: record and whole roster */
    size_t target_count;
    int64_t verified_ns; /* 0: never */
    int64_t keep_until_ns;
    char *tag;
    char *host;
    char **kept_by; /* why retention keeps it: "daily 3 of 7: 2026-11-19"; none: the next `retain` drops it */
    size_t kept_by_count;
    bool on_demand;
};
struct hikae_snapshots {
    struct hikae_snapshot *snapshots;
    size_t count;
    size_t heads; /* more than 1: a fork, which the next record merges */
    bool planned; /* kept_by says what retention would do; false: no plan can be made now, nothing would be dropped */
};
enum hikae_status hikae_snapshots(struct hikae *hikae, const char *tenant, struct hikae_snapshots *ret,
                                  struct hikae_error *error);
void hikae_snapshots_free(struct hikae_snapshots *snapshots);
/* tag NULL removes it. */
enum hikae_status hikae_snapshot_tag(struct hikae *hikae, const char *tenant, const char *snapshot, const char *tag,
                                     bool dry_run, struct hikae_error *error);

/*
 * Take a mistaken capture out. HIKAE_REFUSED while a hold is in force, if no complete snapshot would be left, or if
 * nobody answers for it.
 */
enum hikae_status hikae_snapshot_forget(struct hikae *hikae, const char *tenant, const char *snapshot, const char *who,
                                        const char *why, bool dry_run, struct hikae_error *error);

/* Which snapshot: by name (or a unique start of it), or the latest at an instant. All zero: the latest. */
struct hikae_which {
    const char *snapshot;
    bool by_time;
    int64_t at_ns;
};

struct hikae_entry {
    const char *path; /* "source/dir/name", bytes, terminated */
    char type;        /* f d l h c b p s, as in find(1) -type; h a hard link */
    unsigned mode;
    uint32_t uid, gid;
    const char *user, *group; /* "" unknown */
    uint64_t size;
    int64_t mtime_ns;
    const char *link; /* symlinks and hard links; else NULL */
    bool unreadable;
    char change; /* hikae_diff: '+', '-', 'M' (content), 'm' (metadata), 'T' (type); else 0 */
};
/* Not 0 ends the listing with HIKAE_INTERRUPTED. */
typedef int hikae_entry_callback(const struct hikae_entry *entry, void *context);

/* Entries directly in `path` (NULL or "": the sources), or the entry itself if it is no folder; recursive: everything
 * below. */
enum hikae_status hikae_ls(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                           bool recursive, hikae_entry_callback *callback, void *context, struct hikae_error *error);
/* Entries whose name (pattern without '/') or path matches a glob; which NULL fields as above. */
enum hikae_status hikae_find(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                             const char *pattern, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error);
/* What changed from one snapshot to another. */
enum hikae_status hikae_diff(struct hikae *hikae, const char *tenant, const struct hikae_which *from,
                             const struct hikae_which *to, hikae_entry_callback *callback, void *context,
                             struct hikae_error *error);
/* Not 0 ends it. */
typedef int hikae_write_callback(const void *bytes, size_t size, void *context);
enum hikae_status hikae_cat(struct hikae *hikae, const char *tenant, const struct hikae_which *which, const char *path,
                            hikae_write_callback *callback, void *context, struct hikae_error *error);
/* format: "pax" (default, NULL), "zip", "cpio", "7zip": libarchive's names. */
enum hikae_status hikae_export(struct hikae *hikae, const char *tenant, const struct hikae_which *which,
                               const char *const *paths, size_t path_count, const char *format,
                               hikae_write_callback *callback, void *context, uint64_t *ret_entries,
                               struct hikae_error *error);

/* ---- Restore ---- */

struct hikae_restore_options {
    struct hikae_which which;
    const char *to;           /* folder; made if missing */
    const char *const *paths; /* paths or globs in the snapshot; none: everything */
    size_t path_count;
    const char *target; /* read from this one only; NULL: any */
    bool overwrite;     /* replace what is in the way */
    bool delta;         /* with overwrite: fetch only what differs from the files there */
    bool no_owner;      /* do not set owners */
    bool dry_run;
    const char *reason, *ticket; /* recorded; may be NULL */
};
struct hikae_fetched {
    char *target;
    uint64_t bytes;
};
struct hikae_restore_result {
    char *snapshot;
    uint64_t entries;
    uint64_t bytes;
    uint64_t bytes_fetched;
    int64_t duration_ns;
    struct hikae_fetched *from;
    size_t from_count;
    uint64_t repaired; /* objects that were damaged on a target and mended from another */
    uint64_t verified; /* blobs whose ids were checked: all that were written */
    struct hikae_entry_error *errors;
    size_t error_count;
    uint64_t errors_total;
};
enum hikae_status hikae_restore(struct hikae *hikae, const char *tenant, const struct hikae_restore_options *options,
                                struct hikae_restore_result *ret, struct hikae_error *error);
void hikae_restore_result_free(struct hikae_restore_result *result);

/* ---- Verify, replicate, recover ---- */

enum hikae_verify_level { HIKAE_VERIFY_INVENTORY, HIKAE_VERIFY_OBJECTS, HIKAE_VERIFY_DATA };
struct hikae_verify_options {
    enum hikae_verify_level level;
    double sample;      /* 0 < sample < 1: this part of the objects, those checked longest ago first; else all */
    const char *target; /* NULL: each */
    bool repair;        /* put sound bytes over what is damaged or missing */
    bool dry_run;
};
struct hikae_verify_finding {
    char *target;
    char *object; /* name on the target */
    enum { HIKAE_FINDING_DAMAGED, HIKAE_FINDING_MISSING, HIKAE_FINDING_UNKNOWN } state;
    bool repaired;
    char *why;
    char *cost; /* what it costs if it cannot be repaired: snapshots and paths, one a line; NULL if nothing */
};
struct hikae_verify_result {
    uint64_t checked, sound, damaged, unknown, repaired;
    uint64_t bytes;
    int64_t duration_ns;
    struct hikae_verify_finding *findings;
    size_t finding_count;
};
/* tenant NULL: all. HIKAE_DAMAGED if anything is damaged beyond repair, or if nothing was checked; HIKAE_UNKNOWN if
 * something could not be read. */
/* *ret is filled whatever comes of it: what was found is the point of a check that fails. Free it always. */
enum hikae_status hikae_verify(struct hikae *hikae, const char *tenant, const struct hikae_verify_options *options,
                               struct hikae_verify_result *ret, struct hikae_error *error);
void hikae_verify_result_free(struct hikae_verify_result *result);

struct hikae_replicate_result {
    uint64_t copied;
    uint64_t bytes;
    struct hikae_target_state *behind;
    size_t behind_count;
};
/* Bring targets up to date: tenant NULL all, to NULL every target. */
enum hikae_status hikae_replicate(struct hikae *hikae, const char *tenant, const char *to, bool dry_run,
                                  struct hikae_replicate_result *ret, struct hikae_error *error);
void hikae_replicate_result_free(struct hikae_replicate_result *result);

/* ---- Collection ---- */

struct hikae_gc_options {
    bool dry_run;
};
/* Objects of which the same is planned, for the same reason. */
struct hikae_gc_step {
    char *tenant;
    char *action; /* "delete", "condemn", "move", "wait" */
    char *reason; /* a word for scripts */
    char *why;    /* the same for people */
    uint64_t objects;
    uint64_t bytes;
};
struct hikae_gc_target {
    char *name;
    uint64_t freed_objects, freed_bytes;
    uint64_t waiting_objects, waiting_bytes; /* of what is condemned and still there */
    int64_t until_ns;                        /* when the first of it is due; 0: not foreseen */
    char *why;                               /* what it waits for; NULL: nothing waits */
    uint64_t stored_bytes;                   /* all that lies there of the tenants that were looked at */
    uint64_t billed_bytes;                   /* of what was freed, still paid for: the provider's shortest duration */
    int64_t billed_until_ns;
};
struct hikae_gc_refusal {
    char *tenant;
    struct hikae_error error;
};
struct hikae_gc_result {
    struct hikae_gc_target *targets;
    size_t target_count;
    struct hikae_gc_step *steps;
    size_t step_count;
    struct hikae_gc_refusal *refused; /* tenants of which nothing more was done, and why */
    size_t refused_count;
    uint64_t condemned_objects, condemned_bytes;
    uint64_t moved_bytes; /* written again */
    uint64_t live_bytes;  /* needed by snapshots that are kept */
    int64_t duration_ns;
};
/* Take away what no snapshot needs; tenant NULL: all. The result is filled, and is to be freed, whatever is returned.
 */
enum hikae_status hikae_gc(struct hikae *hikae, const char *tenant, const struct hikae_gc_options *options,
                           struct hikae_gc_result *ret, struct hikae_error *error);
void hikae_gc_result_free(struct hikae_gc_result *result);

struct hikae_recover_options {
    const char *dir;            /* folder for the new configuration and state */
    const char *const *targets; /* "NAME=URL", one or more */
    size_t target_count;
    const char *key_file; /* one of these three */
    const char *passphrase_file;
    const char *sheet_file;
    bool dry_run;
};
struct hikae_recover_result {
    char *config;
    char *store;
    uint64_t tenants;
    uint64_t snapshots;
    uint64_t holds;
    uint64_t facts;  /* tags, contract ends, policies, operators */
    char *head;      /* newest record's time, RFC 3339 */
    char *freshness; /* one sentence: how fresh, and what proves it */
    bool freshness_proven;
};
enum hikae_status hikae_recover(const struct hikae_recover_options *options, struct hikae_recover_result *ret,
                                struct hikae_error *error);
void hikae_recover_result_free(struct hikae_recover_result *result);

/* ---- Keys ---- */

struct hikae_holder {
    char *group;
    char *name;
    char *kind;  /* "file", "passphrase", "sheet" */
    char *state; /* "opens", "wrong", "not-here" */
    char *why;   /* NULL when it opens */
    char *worth; /* what its destruction is worth */
    bool group_opens;
};
struct hikae_keys {
    uint32_t epoch;
    struct hikae_holder *holders;
    size_t holder_count;
    uint64_t tenants;      /* whose keys open */
    uint64_t copies;       /* least number of targets that hold an entry */
    uint32_t older_epochs; /* whose entries are still on targets */
};
/* check: prove through each group that is here that every tenant opens. HIKAE_WARNINGS with fewer than two groups,
 * HIKAE_KEYS if one that is here fails. */
enum hikae_status hikae_keys_status(struct hikae *hikae, bool check, struct hikae_keys *ret, struct hikae_error *error);
void hikae_keys_free(struct hikae_keys *keys);
/* New sealing key of a tenant; *ret_generation. */
enum hikae_status hikae_keys_rotate_tenant(struct hikae *hikae, const char *tenant, bool dry_run,
                                           uint32_t *ret_generation, struct hikae_error *error);
/* New root epoch with a new key file and a new recovery sheet; the old key file is wiped. *ret_sheet: path of the new
 * sheet (free). */
enum hikae_status hikae_keys_rotate_root(struct hikae *hikae, bool dry_run, uint32_t *ret_epoch, char **ret_sheet,
                                         struct hikae_error *error);
/* A new sheet means a new epoch; this one tells where the present one is, and checks its digits if `file` is given. */
enum hikae_status hikae_keys_check_sheet(struct hikae *hikae, const char *file, struct hikae_error *error);

/* ---- Holds ---- */

struct hikae_hold {
    char *tenant;
    char *id;
    char *who;
    char *why;
    char *until; /* NULL: until removed */
};
struct hikae_holds {
    struct hikae_hold *holds;
    size_t count;
};
enum hikae_status hikae_hold_add(struct hikae *hikae, const char *tenant, const char *who, const char *why,
                                 const char *until, bool dry_run, struct hikae_error *error);
/* The hold by its id, or a start of it that is unique. HIKAE_REFUSED if nobody answers for it. */
enum hikae_status hikae_hold_remove(struct hikae *hikae, const char *tenant, const char *hold, const char *who,
                                    const char *why, bool dry_run, struct hikae_error *error);
/* tenant NULL: all. */
enum hikae_status hikae_hold_list(struct hikae *hikae, const char *tenant, struct hikae_holds *ret,
                                  struct hikae_error *error);
void hikae_holds_free(struct hikae_holds *holds);

/* ---- Retention ---- */

/* What becomes of a snapshot, and why: of one that is kept what keeps it, of one that is dropped why each rule lets it
 * go. */
struct hikae_retained {
    char *tenant; /* NULL in a simulation */
    char *id;
    int64_t time_ns;
    char *tag; /* or NULL */
    bool keep;
    char **reasons;
    size_t reason_count;
};
struct hikae_tenant_failure {
    char *tenant;
    struct hikae_error error;
};
struct hikae_retain_result {
    struct hikae_retained *lines; /* of each tenant the latest first */
    size_t count;
    size_t keep_count, drop_count;
    struct hikae_tenant_failure *failures; /* tenant NULL only */
    size_t failure_count;
};
/*
 * Plan what each tenant's policy (the version applied last) keeps and drops, and, without dry_run, retire what it
 * drops by a record on min_copies targets; `gc` frees the space later. tenant NULL: all; one that fails stops no other,
 * and the result is filled although the status is the worst of theirs.
 */
enum hikae_status hikae_retain(struct hikae *hikae, const char *tenant, bool dry_run, struct hikae_retain_result *ret,
                               struct hikae_error *error);
void hikae_retain_result_free(struct hikae_retain_result *result);

struct hikae_simulate_options {
    const char *tenant; /* begin with its snapshots, by its policy unless another is given; NULL: with none */
    const char *policy; /* name or file; NULL: the tenant's */
    const char *config; /* names are looked for beside it; NULL: beside the usual one */
    unsigned days;
};
struct hikae_simulated_day {
    const char *date;                   /* "2026-11-22", in the policy's zone */
    int64_t now_ns;                     /* after that day's run               */
    const struct hikae_retained *lines; /* the latest first; nights to come are called by their date */
    size_t count;
    size_t keep_count, drop_count;
};
/* Not 0 ends it with HIKAE_INTERRUPTED. */
typedef int hikae_day_callback(const struct hikae_simulated_day *day, void *context);
/* What would be kept on each of the next days if every night went well. hikae may be NULL if no tenant is named. */
enum hikae_status hikae_policy_simulate(struct hikae *hikae, const struct hikae_simulate_options *options,
                                        hikae_day_callback *callback, void *context, struct hikae_error *error);

/* ---- The nightly run ---- */

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
    uint64_t tenants; /* looked at */
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

/* ---- Status ---- */

struct hikae_tenant_status {
    char *name;
    int64_t last_success_ns; /* 0: never */
    int64_t age_ns;
    char **behind; /* targets that do not count for the latest snapshot */
    size_t behind_count;
    int64_t next_due_ns; /* of its backup; 0: none is due */
    bool overdue;        /* a whole window passed without a backup */
    uint64_t snapshots;  /* that are not retired */
    uint64_t bytes;      /* of the sources, in the latest */
    int64_t deadline_ns; /* the contract ends: by then everything must be erased; 0: it does not end */
};
struct hikae_target_stored {
    char *name;
    bool up;
    uint64_t objects, bytes; /* packs, segments and roster parts of all tenants, as listed just now */
};
struct hikae_status_report {
    struct hikae_tenant_status *tenants;
    size_t count;
    struct hikae_target_stored *targets;
    size_t target_count;
};
enum hikae_status hikae_overview(struct hikae *hikae, struct hikae_status_report *ret, struct hikae_error *error);
void hikae_status_free(struct hikae_status_report *report);

/*
 * The same and more as text for Prometheus' textfile collector: *ret_text (free). With `file` it is written there too,
 * as a whole or not at all, for all to read. Tenants whose targets are behind are no warning here: the figures say so.
 */
enum hikae_status hikae_metrics(struct hikae *hikae, const char *file, char **ret_text, struct hikae_error *error);

/* ---- Growth and cost ---- */

struct hikae_forecast_month {
    unsigned month;                 /* 1: 30 days from now */
    uint64_t bytes;                 /* held at its end */
    uint64_t bytes_low, bytes_high; /* by the quartiles of the growth */
    uint64_t requests;              /* that store */
    double cost;                    /* of storage and requests in that month; 0 where the target has no price */
    double restore_cost;            /* of getting everything out once */
};
struct hikae_forecast_target {
    char *name;
    uint64_t bytes, objects; /* now */
    size_t nights;           /* that the growth is reckoned from; under 3: none is assumed */
    double bytes_a_day, bytes_a_day_low, bytes_a_day_high;
    uint64_t free_bytes; /* UINT64_MAX: not known */
    int64_t full_ns;     /* when it is full, at the high growth; 0: not in sight */
    bool priced;
    unsigned minimum_days; /* objects deleted earlier are billed so long all the same; that is not in the cost */
    struct hikae_forecast_month *months;
    size_t month_count;
};
struct hikae_forecast {
    struct hikae_forecast_target *targets;
    size_t count;
    char *prices_date, *currency;
    bool prices_old; /* more than a year */
};
/* From what the runs of the last 60 nights stored and freed. prices: a file, or NULL for the list compiled in. */
enum hikae_status hikae_forecast(struct hikae *hikae, unsigned months, const char *prices, struct hikae_forecast *ret,
                                 struct hikae_error *error);
void hikae_forecast_free(struct hikae_forecast *forecast);

/* ---- Telling people ---- */

struct hikae_notify_channel {
    const char *name; /* "mail", "webhook", "ping" */
    bool sent;        /* of a trial */
    char *why;        /* it was not; NULL when it was */
};
struct hikae_notify_report {
    struct hikae_notify_channel *channels; /* those that are configured */
    size_t count;
    int64_t muted_until_ns; /* 0: not muted */
    char *mute_reason;
    int64_t digest_ns, alert_ns; /* when the last one was sent; 0: never */
};
enum hikae_status hikae_notify_list(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error);
/* Send a trial by every channel. The report is filled, and to be freed, whatever is returned. */
enum hikae_status hikae_notify_test(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error);
void hikae_notify_report_free(struct hikae_notify_report *report);
/* No digests and alerts until then (at most 31 days), but of damaged data and deadlines. It takes the place of an
 * earlier one, and is in the audit log. */
enum hikae_status hikae_notify_mute(struct hikae *hikae, int64_t until_ns, const char *reason, bool dry_run,
                                    struct hikae_error *error);

/* ---- Audit log ---- */

/* The log is tamper-evident, not tamper-proof: who has an earlier checkpoint sees every change, removal and fork. */
struct hikae_audit_log {
    char *log; /* id, hexadecimal: one for each state folder that writes */
    uint64_t size;
    uint64_t covered; /* entries that the newest checkpoint covers */
    char *root;       /* of all entries, hexadecimal */
    char *checkpoint; /* C2SP tlog-checkpoint, signed; NULL: none yet */
    char *verifier;   /* the key to check it with, as C2SP signed-note writes keys */
    int64_t time_ns;  /* of the checkpoint */
    uint64_t expired; /* entries of which only the hash is left */
    bool own;         /* this state folder's */
    bool ok;
};
struct hikae_audit_finding {
    const char *fault; /* "changed", "removed", "reordered", "truncated", "forked", "unknown", "behind" */
    char *log;
    char *target; /* NULL: not of one target */
    char *what;
};
struct hikae_audit_report {
    uint64_t size; /* of the log that was asked for, else this state folder's */
    char *root;
    bool ok;
    struct hikae_audit_log *logs;
    size_t log_count;
    struct hikae_audit_finding *findings;
    size_t finding_count;
    uint64_t pending; /* entries that are only here yet */
    char **open;      /* operations that have begun and not ended, in words */
    size_t open_count;
    char **superseded; /* objects that a rewritten segment replaces: the collector may delete them */
    size_t superseded_count;
};
/*
 * Check every object of every log on every target, all signatures and trees, and what this state folder remembers.
 * earlier (NULL: none): a file with a checkpoint that an auditor kept. log (NULL: this state folder's): whose size and
 * root are reported. HIKAE_DAMAGED for tampering and when nothing was checked; the report is filled then too.
 */
enum hikae_status hikae_audit_verify(struct hikae *hikae, const char *earlier, const char *log,
                                     struct hikae_audit_report *ret, struct hikae_error *error);
void hikae_audit_report_free(struct hikae_audit_report *report);

struct hikae_audit_filter {
    const char *tenant;     /* name or id; NULL: all, and what belongs to no tenant */
    const char *class_name; /* "access", "operation", "authentication", "system", "evidence"; NULL: all */
    const char *operation;  /* NULL: all */
    const char *log;        /* NULL: all */
    const char *period;     /* "2026", "2026-10", "2026-10-31", "FROM/TO" of instants or days; NULL: ever */
    const char *zone;       /* of days and of times that are shown: "JST", "UTC", "Asia/Tokyo"; NULL: UTC */
    bool privileged;        /* only what a periodic review must look at */
};
struct hikae_audit_entry {
    const char *log;
    uint64_t sequence;
    int64_t time_ns;
    const char *time; /* in the zone */
    const char *operation;
    const char *class_name;
    const char *tenant;      /* pseudonym, or NULL */
    const char *tenant_name; /* as this catalogue knows it; never stored; or NULL */
    const char *user;
    uint32_t uid;
    const char *login;         /* who logged in, or NULL where the system does not know */
    const char *operator_name; /* who approved, or NULL */
    const char *host;
    const char *result;
    int64_t duration_ns;
    const char *counts;  /* JSON */
    const char *details; /* JSON */
    bool privileged;
};
/* Not 0 ends the listing with HIKAE_INTERRUPTED. */
typedef int hikae_audit_callback(const struct hikae_audit_entry *entry, void *context);
/* Entries by time. What waits here is stored first. */
enum hikae_status hikae_audit_list(struct hikae *hikae, const struct hikae_audit_filter *filter,
                                   hikae_audit_callback *callback, void *context, struct hikae_error *error);

struct hikae_audit_export_result {
    uint64_t entries;
    uint64_t bytes;
    char sha256[65]; /* of what was written */
    char *receipt;   /* a signed note: what was given, for which period, of which log */
};
/* format: "table", "csv", "jsonl". to (may be NULL): to whom it is given, for the receipt; the log keeps no names. */
enum hikae_status hikae_audit_export(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *format,
                                     const char *to, hikae_write_callback *callback, void *context,
                                     struct hikae_audit_export_result *ret, struct hikae_error *error);
void hikae_audit_export_result_free(struct hikae_audit_export_result *result);

struct hikae_audit_proof {
    uint64_t size;
    char root[65];
    char *json;   /* the entry, its nonce, the path and the checkpoint: all that a stranger needs */
    char *script; /* the same as commands for sh with openssl */
};
/* Prove that entry `sequence` is in a log (NULL: this state folder's). */
enum hikae_status hikae_audit_prove(struct hikae *hikae, const char *log, uint64_t sequence,
                                    struct hikae_audit_proof *ret, struct hikae_error *error);
void hikae_audit_proof_free(struct hikae_audit_proof *proof);

struct hikae_audit_expire_options {
    const char *keep[5]; /* "30d", "1y", "5y" in the order of the classes above; NULL: for ever */
    const char *zone;
    bool dry_run;
};
struct hikae_audit_expire_result {
    uint64_t expired; /* entries deleted; their hashes stay */
    uint64_t held;    /* past their time, and kept for a hold or an open incident */
    uint64_t segments;
    char **superseded; /* objects that are replaced, to be deleted by the collector */
    size_t superseded_count;
};
/* Delete entries whose time is over. HIKAE_REFUSED for evidence kept under three years. */
enum hikae_status hikae_audit_expire(struct hikae *hikae, const struct hikae_audit_expire_options *options,
                                     struct hikae_audit_expire_result *ret, struct hikae_error *error);
void hikae_audit_expire_result_free(struct hikae_audit_expire_result *result);

/* A review of all privileged operations of a period, named reviewer, as a signed note (free). */
enum hikae_status hikae_audit_review(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *reviewer,
                                     bool dry_run, hikae_audit_callback *callback, void *context, char **ret_note,
                                     struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
