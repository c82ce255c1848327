/* libhikae: evidence, promise by promise. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_EVIDENCE_H
#define HIKAE_PUBLIC_EVIDENCE_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What can be said of a promise in a period. The highest that any of its rules has is the promise's, so that one missed
 * night is not hidden by three hundred that were kept.
 */
enum hikae_result {
    HIKAE_NOT_YET_DUE,    /* nothing that it promises has fallen due                           */
    HIKAE_KEPT,           /* and hikae saw it                                                  */
    HIKAE_ATTESTED,       /* hikae cannot see it; somebody answers for it with a document      */
    HIKAE_NOT_OBSERVABLE, /* nobody can say: no record, or its time is over, and no document   */
    HIKAE_MISSED,         /* an aim, not a duty, was not reached                               */
    HIKAE_BROKEN,
    HIKAE_RESULTS
};
/* "not-yet-due", "kept", "attested", "not-observable", "missed", "broken". */
const char *hikae_result_name(enum hikae_result result);
/* The same for people, in English or Japanese: "aim missed", "目標に届かず". */
const char *hikae_result_text(enum hikae_result result, bool japanese);

/* One thing that was due, or was looked at: the proof when it is kept, the gap when it is not. */
struct hikae_evidence_item {
    const char *kind;    /* a word: "night-missed", "verified", …; hikae_evidence_sentence says it in a sentence */
    const char *aspects; /* of its rule that it is about, with spaces between; NULL: all of it */
    enum hikae_result result;
    const char *tenant; /* NULL: of none                                                                      */
    const char *about;  /* a target, snapshot, drill, log …; or NULL                                          */
    const char *date;   /* the day, month or hour in the policy's zone by which people know it; or NULL       */
    int64_t due_ns;     /* 0: none */
    int64_t done_ns;    /* 0: it was not */
    const char *detail; /* figures, ids, names; or NULL */
    const char *log;    /* the audit log's entry that proves it: `hikae audit prove --log LOG SEQUENCE`; or NULL */
    uint64_t sequence;
};
/* "the backup of the night was not made", in English or Japanese. */
const char *hikae_evidence_sentence(const char *kind, bool japanese);

/* One rule of one version of the policy, over the part of the period in which it was in force. */
struct hikae_evidence_rule {
    const char *rule;    /* "schedule", "drills.1", "logs.operation" */
    const char *version; /* SHA-256 of the policy's text */
    int64_t from_ns, to_ns;
    enum hikae_result result;
    uint64_t counts[HIKAE_RESULTS]; /* of items, by result */
    const struct hikae_evidence_item *items;
    size_t item_count;
};

struct hikae_evidence_control {
    const char *standard; /* "ISO/IEC 27017", "ISO/IEC 27002:2022" */
    const char *control;  /* "12.3.1" */
    const char *ja, *en;  /* what it asks for, in our words */
};

struct hikae_evidence_promise {
    const char *policy;
    const char *id;
    bool published, by_operator;
    const char *published_at; /* NULL: not filled in */
    const char *ja, *en;
    enum hikae_result result;
    const struct hikae_evidence_rule **rules;
    size_t rule_count;
    const struct hikae_evidence_item *attestations; /* documents that cover the period or a part of it */
    size_t attestation_count;
    const struct hikae_evidence_control **controls;
    size_t control_count;
};

struct hikae_evidence_version {
    const char *policy;
    const char *sha256;
    int64_t from_ns, to_ns; /* in force in this part of the period */
    const char *approved_by;
    const char *accepted; /* rules that this installation did not keep, and that were accepted; or NULL */
};

struct hikae_evidence_log {
    const char *log;
    uint64_t size;
    const char *root;       /* hexadecimal */
    const char *checkpoint; /* or NULL */
    uint64_t expired;
};

/* What hikae found missed by itself, and what people made of it. */
struct hikae_evidence_nonconformity {
    const char *id;
    const char *about;   /* "backup", "drill", "logs" …                */
    const char *policy;  /* whose promise it was, or NULL               */
    const char *subject; /* the look or log it is about, or NULL        */
    const char *en, *ja; /* its title                                   */
    uint64_t tenants;    /* that it names                               */
    int64_t since_ns, opened_ns;
    int64_t closed_ns; /* 0: it is open                                 */
    const char *closed_by, *cause, *correction;
};

struct hikae_evidence {
    const char *period; /* as it was asked for */
    const char *tenant; /* NULL: all */
    const char *zone;
    int64_t from_ns, to_ns, now_ns;
    bool test_clock; /* of the store: its times prove nothing */
    const struct hikae_evidence_version *versions;
    size_t version_count;
    const struct hikae_evidence_promise *promises;
    size_t promise_count;
    uint64_t counts[HIKAE_RESULTS]; /* of promises */
    const struct hikae_evidence_log *logs;
    size_t log_count;
    const struct hikae_evidence_nonconformity *nonconformities; /* open in the period */
    size_t nonconformity_count;
    uint64_t tenants; /* that had one of these policies */
    void *memory;     /* of all of the above */
};

struct hikae_evidence_options {
    const char *policy; /* NULL: every policy that was in force */
    const char *tenant; /* NULL: all */
    const char *period; /* "2026", "2026-10", "FROM/TO" */
};
/*
 * Judge every promise of the policies in force in a period, by what the histories and the audit log say. Nothing is
 * changed. HIKAE_WARNINGS if a promise is broken, missed or not observable.
 */
enum hikae_status hikae_evidence(struct hikae *hikae, const struct hikae_evidence_options *options,
                                 struct hikae_evidence *ret, struct hikae_error *error);
void hikae_evidence_free(struct hikae_evidence *evidence);

/* ---- Attestations: what hikae cannot see, and somebody answers for ---- */

struct hikae_attestation {
    char *policy, *promise;
    char *document;  /* its file's name */
    char sha256[65]; /* of the document, hexadecimal; the document itself is not stored */
    char *by;        /* who answers */
    char *note;      /* or NULL */
    int64_t from_ns, expires_ns;
    int64_t recorded_ns;
    bool revoked;
};
struct hikae_attestations {
    struct hikae_attestation *attestations; /* by policy, promise, time */
    size_t count;
};
struct hikae_attest_options {
    const char *policy, *promise;
    const char *file; /* the document */
    const char *by;
    const char *from;    /* day from which it says so; NULL: today       */
    const char *expires; /* the first day on which it does not any more  */
    const char *note;    /* or NULL */
    bool revoke;         /* it does not hold any more */
    bool dry_run;
};
/* HIKAE_NOT_FOUND if the policy in force makes no such promise; HIKAE_REFUSED if the document has expired already. */
enum hikae_status hikae_attest(struct hikae *hikae, const struct hikae_attest_options *options,
                               struct hikae_attestations *ret, struct hikae_error *error);
/* policy NULL: all. */
enum hikae_status hikae_attestation_list(struct hikae *hikae, const char *policy, struct hikae_attestations *ret,
                                         struct hikae_error *error);
void hikae_attestations_free(struct hikae_attestations *attestations);

/* ---- Giving it away ---- */

/*
 * One line for each item of each rule of each promise (RFC 4180, UTF-8), with a head in English; only the sentences are
 * in the wanted language. Whatever a spreadsheet would take for a formula has an apostrophe before it. Not 0 of the
 * callback ends it.
 */
enum hikae_status hikae_evidence_csv(const struct hikae_evidence *evidence, bool japanese,
                                     hikae_write_callback *callback, void *context, struct hikae_error *error);
/* One HTML file that holds everything it shows. */
enum hikae_status hikae_evidence_page(const struct hikae_evidence *evidence, bool japanese_first,
                                      hikae_write_callback *callback, void *context, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
