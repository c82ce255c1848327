/*
 * Evidence: what the histories and the audit log say (facts), and what that
 * makes of each promise (the judgement). Judging is pure: it follows from the
 * facts alone, `now` among them; gathering reads, and changes nothing.
 *
 * What is judged is the version of a policy that was in force, each for its
 * part of the period. A thing belongs to the part in which its window began or
 * its deadline lies. Where the audit log's entries have expired, what they
 * would have proved is not observable, rather than kept or broken.
 */
#ifndef HIKAE_OPS_EVIDENCE_H
#define HIKAE_OPS_EVIDENCE_H

#include "audit/leaf.h"
#include "base/arena.h"
#include "base/clock.h"
#include "hikae.h"
#include "policy/calendar.h"
#include "policy/controls.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "policy/schedule.h"

/* ---- Facts; texts are borrowed from the arena that they were gathered in ---- */

/* An entry of an audit log; log NULL: none. */
struct evidence_entry {
    const char *log;
    uint64_t sequence;
};

struct evidence_snapshot {
    const char *id;
    int64_t time_ns;     /* when it was committed */
    unsigned copies;     /* targets that held all of it then, or hold it now if that was not recorded */
    const char *targets; /* their names, with spaces between */
    bool complete;       /* on as many as the store asks for */
    bool on_demand;
    const char *tag;
    int64_t keep_until_ns;
    int64_t verified_ns; /* the last time, while its record is there; 0: never, or nobody knows */
    int64_t dropped_ns;  /* 0: it was not */
    bool taken_out;      /* by a person */
    bool lost;           /* its record is gone, and nobody dropped it */
    struct evidence_entry made, dropped;
};

/* A verification or a drill. */
struct evidence_check {
    int64_t time_ns;
    unsigned level; /* enum policy_level, or enum policy_drill_mode */
    unsigned share; /* of the objects, in thousandths; 1000 is all  */
    bool sound;
    bool elsewhere; /* of a drill: on another machine than those that make backups */
    const char *name;
    const char *detail;
    struct evidence_entry entry;
};

struct evidence_stage {
    int64_t from_ns;
    const char *policy;
    bool active;
    bool customer;
    int64_t not_before_ns;
    int64_t ends_ns; /* the contract's; 0: it does not end */
};

struct evidence_contract {
    const char *policy; /* that was in force when its end was recorded; NULL: that was not */
    int64_t ends_ns, deadline_ns;
    int64_t cancelled_ns; /* 0: it was not */
    int64_t erased_ns;    /* everything is gone; 0: not yet */
    bool keys;            /* by destruction of the keys */
    const char *detail;
    struct evidence_entry entry;
};

struct evidence_restore {
    int64_t time_ns;
    const char *snapshot;
    const char *destination; /* "production", "drill", "staging", …; NULL: not recorded */
    const char *approver;    /* NULL: nobody                */
    bool by_customer;        /* at the customer's request   */
    bool latest;             /* from the latest snapshot    */
    struct evidence_entry entry;
};

/* What the audit log alone tells of a tenant. */
enum evidence_act_kind {
    EVIDENCE_REQUEST_REFUSED, /* a restore at the customer's request */
    EVIDENCE_EXPORTED,        /* the customer got an archive of everything */
    EVIDENCE_SURVIVORS,       /* what outlasts the contract was put where the provider keeps it */
};
struct evidence_act {
    enum evidence_act_kind kind;
    int64_t time_ns;
    struct evidence_entry entry;
};

struct evidence_kept_log {
    const char *class_name, *source, *period, *snapshot;
    int64_t taken_ns, keep_until_ns;
    int64_t frozen_ns;  /* until an incident was closed, whose logs these are; INT64_MAX: one is open; 0: none */
    int64_t dropped_ns; /* 0: it lies there */
    bool lost;
    const char *detail;
    struct evidence_entry entry;
};

struct evidence_tenant {
    const char *name;
    const char *id;
    bool erased;
    int64_t gone_ns;     /* of one that is erased: when its writers were stopped for it; 0: it was not erased */
    const char *unseen;  /* why not all of it is known; NULL: it is. Without stages not even its policy is. */
    const char *sources; /* kinds, with spaces between: "dir image"; NULL: not known */
    const struct evidence_stage *stages;
    size_t stage_count;
    struct evidence_snapshot *snapshots; /* by time */
    size_t snapshot_count;
    const struct evidence_check *verifications; /* by time */
    size_t verification_count;
    const struct evidence_check *drills; /* by time */
    size_t drill_count;
    const struct evidence_contract *contracts;
    size_t contract_count;
    const struct evidence_restore *restores;
    size_t restore_count;
    const struct evidence_kept_log *logs;
    size_t log_count;
    const struct evidence_act *acts;
    size_t act_count;
    bool drops_unlisted; /* more was dropped than the audit log names */
    bool held;           /* now, by a person: nothing is dropped */
};

/* What a target was from an instant on. */
struct evidence_target {
    const char *name;
    int64_t from_ns;
    bool retired;
    bool recorded; /* in the store's history; false: hikae.yaml says so now */
    bool attested; /* the place is the operator's word */
    bool local;    /* a folder: no network between */
    const char *country, *region, *site, *provider;
    const char *tls, *cipher, *lock; /* as measured last; NULL: never, or none */
};

struct evidence_attestation {
    const char *policy, *promise, *document, *sha256, *by, *note;
    int64_t from_ns, expires_ns;
};

/* By when customers had to be told of an incident by one policy, as it was reckoned when it was opened. */
struct evidence_incident {
    const char *id, *event, *policy;
    enum policy_from from;
    enum policy_strength strength;
    int64_t counts_ns;  /* what it counts from: occurrence, awareness, confirmation; 0: not yet */
    int64_t due_ns;     /* 0: not known yet */
    int64_t noticed_ns; /* by all channels; 0: not yet */
    const char *detail;
};

struct evidence_review {
    const char *of;
    const char *policy; /* NULL: of every policy */
    const char *period; /* "2026-10", "2026-10-31" …, in the policy's zone */
    const char *by;
    bool is_signed; /* by an operator whose signature counts */
    int64_t time_ns;
};

/* A rule of the check of the installation (policy_check.h) that is, or was, not met. */
struct evidence_unmet {
    const char *policy, *rule, *what;
    bool now;            /* found just now; else accepted when a version was applied … */
    int64_t accepted_ns; /* … namely the one applied then */
};

/* Entries were deleted that were older than `keep`. */
struct evidence_expiry {
    enum audit_class class;
    struct span keep;
    int64_t at_ns, before_ns;
    struct evidence_entry entry;
};

struct evidence_audit {
    const char *log;
    uint64_t size, expired, read;
    bool partial;     /* entries that have not expired could not be read */
    int64_t first_ns; /* of the first entry that is there; 0: none */
    enum hikae_result
        state;        /* HIKAE_KEPT; HIKAE_BROKEN: it is not what it was; HIKAE_NOT_OBSERVABLE: not all can be read */
    const char *what; /* what is wrong with it */
    struct evidence_entry last;
};

struct evidence_version {
    const char *name;
    const struct policy *policy;
    const struct zone *zone;         /* of the policy   */
    const struct zone *schedule;     /* of its schedule */
    const struct zone *const *logs;  /* of each of its logs; NULL: all of the policy's */
    const struct calendar *calendar; /* NULL: none      */
    const char *sha256, *approved_by, *accepted;
    bool in_force;                        /* now: no later one was applied */
    int64_t since_ns;                     /* the first version of the policy was applied */
    int64_t applied_ns;                   /* this one */
    int64_t from_ns, to_ns;               /* in force in this part of the period */
    int64_t period_from_ns, period_to_ns; /* the period by the policy's own zone */
};

struct evidence_facts {
    int64_t from_ns, to_ns, now_ns;
    const struct evidence_version *versions;
    size_t version_count;
    struct evidence_tenant *tenants;
    size_t tenant_count;
    const struct evidence_target *targets; /* by time */
    size_t target_count;
    const struct evidence_attestation *attestations;
    size_t attestation_count;
    const struct evidence_incident *incidents;
    size_t incident_count;
    const struct evidence_review *reviews; /* by time */
    size_t review_count;
    const struct evidence_unmet *unmet;
    size_t unmet_count;
    const struct evidence_expiry *expiries;
    size_t expiry_count;
    const struct evidence_audit *audits;
    size_t audit_count;
    bool audit_partial;  /* entries wait on this machine, and were not read */
    const char *holders; /* kinds that hold the root key now, with spaces between */
};

/* ---- The judgement (evidence_judge.c): fills versions, promises and counts of ret, in its arena ---- */

MUST_USE int evidence_judge(const struct evidence_facts *facts, struct arena *arena, struct hikae_evidence *ret,
                            struct error *err);

/* What the rules' judges work with. */
struct evidence_judging {
    const struct evidence_facts *facts;
    const struct evidence_version *version;
    struct arena *arena;
    struct hikae_evidence_item *items; /* of the rule that is being judged */
    size_t count;
    struct error *err;
    bool failed;
};
/* What ought to be gone may be there for so long: what is over is dropped by the next night's run, or the one after. */
#define EVIDENCE_GRACE_NS (INT64_C(2) * 86400 * NS_PER_S)
/* One more item of the rule; NULL without memory, which the arena remembers. Texts are borrowed, `kind` is one of the
 * table in evidence_judge.c. */
struct hikae_evidence_item *evidence_add(struct evidence_judging *judging, const char *kind, enum hikae_result result,
                                         const char *tenant, const char *about);
/* The name of the period of an instant. */
const char *evidence_date(struct evidence_judging *judging, const struct zone *zone, enum zone_unit unit,
                          int64_t instant_ns);
void evidence_proven_by(struct hikae_evidence_item *item, const struct evidence_entry *entry);
/* Did it happen while the version was in force? */
bool evidence_in_part(const struct evidence_judging *judging, int64_t time_ns);
/* That a rule's times are those of the policy's own zone: only promises about times ask. */
void evidence_judge_times(struct evidence_judging *judging, const char *zone);
/* Was the tenant active under this version's policy then? */
bool evidence_is_active(const struct evidence_judging *judging, const struct evidence_tenant *tenant, int64_t time_ns);
/* Was it under that policy at any time of the version's part? */
bool evidence_is_concerned(const struct evidence_judging *judging, const struct evidence_tenant *tenant);
/* Is something not known of it that may concern the version's part? */
bool evidence_is_unseen(const struct evidence_judging *judging, const struct evidence_tenant *tenant);
const struct evidence_stage *evidence_stage_at(const struct evidence_tenant *tenant, int64_t time_ns);
/* Entries of that class from before this instant may have expired. */
int64_t evidence_horizon(const struct evidence_facts *facts, enum audit_class class);
/* Broken, or not observable where what would prove the contrary may have expired, or stands in what cannot be read. */
enum hikae_result evidence_absent(const struct evidence_judging *judging, int64_t time_ns);

/* One a kind of rule. */
typedef void evidence_rule_judge(struct evidence_judging *judging, const struct policy_rule *rule);
evidence_rule_judge evidence_judge_schedule, evidence_judge_sources, evidence_judge_generations;
evidence_rule_judge evidence_judge_verification, evidence_judge_drills, evidence_judge_reviews;
evidence_rule_judge evidence_judge_targets, evidence_judge_processors, evidence_judge_encryption, evidence_judge_lock;
evidence_rule_judge evidence_judge_logs, evidence_judge_restores, evidence_judge_contract_end, evidence_judge_survivors,
    evidence_judge_notices, evidence_judge_reminders;

/* ---- Texts (evidence_text.c) ---- */

/* The aspects of its rule that a kind of item is about, with spaces between; NULL: all of it. */
const char *evidence_aspects(const char *kind);

/* ---- Controls (evidence_controls.c) ---- */

/* Name beside every promise the controls that its rules help to meet. Texts are copied. */
void evidence_add_controls(const struct controls *controls, struct arena *arena, struct hikae_evidence *ret);

#endif
