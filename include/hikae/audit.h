/* libhikae: audit log. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_AUDIT_H
#define HIKAE_PUBLIC_AUDIT_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

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
 * earlier (NULL: none): a file with a checkpoint that an auditor kept, or a receipt or review: its heads of logs count.
 * log (NULL: this state folder's): whose size and root are reported. HIKAE_DAMAGED for tampering and when nothing was
 * checked; the report is filled then too.
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
/* format: "table", "csv", "csv-bom" (begins with a byte order mark, for spreadsheets), "jsonl". to (may be NULL): to
 * whom it is given, for the receipt; the log keeps no names. */
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
