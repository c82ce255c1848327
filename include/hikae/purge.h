/* libhikae: erasing a tenant, with proof. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_PURGE_H
#define HIKAE_PUBLIC_PURGE_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a tenant on one target. */
struct hikae_purge_target {
    char *name;
    const char *state; /* "listed", "gone", "unknown", "declared": people say what became of it */
    uint64_t objects;  /* that can be read there */
    uint64_t bytes;
    uint64_t versions; /* all versions, those that can be read among them */
    uint64_t markers;  /* delete markers */
    uint64_t uploads;  /* unfinished */
    int64_t locked_until_ns;
    int64_t gone_ns; /* since when nothing is there; 0: something is */
    char *why;
    uint64_t billed_bytes; /* when it was planned or begun: so much the provider charges for, whatever is deleted, … */
    int64_t billed_until_ns; /* … the last of it until then, as it charges for each object for so many days; 0: none */
};
/* Who can open an epoch that wrapped keys of the tenant. */
struct hikae_purge_holder {
    uint32_t epoch;
    char *group;
    char *name;
    char *kind;
    char *fate;  /* "present", "destroyed", "absent", "scheduled", "people", "unknown", "declared" */
    char *worth; /* what its destruction is worth */
    char *who;   /* who destroyed what only people can, as was declared; NULL */
    char *how;
    char *declared_by; /* the operator who signed that; NULL: nobody did, as before signatures were asked for */
    int64_t at_ns;
    int64_t final_ns;
};
struct hikae_purge_approval {
    char *operator_name;
    int64_t time_ns;
};
/* A tenant's erasure, planned, under way or done. */
struct hikae_purge {
    char *tenant; /* its pseudonym */
    char *name;   /* as it was given when it was planned */
    const char
        *stage; /* "none", "planned", "approved", "tombstone", "intent", "commit", "changed", "unreadable", "gone" */
    char *plan_hash;        /* SHA-256 of the plan's canonical text; NULL: no plan */
    char *plan;             /* that text: JSON */
    int64_t deadline_ns;    /* of the contract's end; 0: none */
    bool needs_deletion;    /* the policy promises complete deletion: T2 meets it (and T0); else T0 alone does */
    int64_t met_ns;         /* when it was met; 0: not yet */
    bool missed;            /* it was met too late, or is not met and should be */
    int64_t tombstone_ns;   /* writers stopped */
    int64_t unreadable_ns;  /* T0: no key that opens it is left, as far as it is destroyed from here */
    int64_t irrevocable_ns; /* T1: and nobody can call that back; 0: not yet */
    int64_t gone_ns;        /* T2: every target lists nothing; 0: not yet */
    uint32_t epoch;         /* of which the keys were; 0: not begun */
    uint64_t objects;       /* on all targets, when it was planned or begun */
    uint64_t bytes;
    struct hikae_purge_target *targets;
    size_t target_count;
    struct hikae_purge_holder *holders;
    size_t holder_count;
    struct hikae_purge_approval *approvals;
    size_t approval_count;
    const char *waits_for; /* "run": the next one goes on; "holder": it cannot be asked from here; "people": have a
                              holder's key to destroy; "target": it still lists something; "time": a key service ends a
                              key then; NULL: nothing */
    char *waits_on;        /* EPOCH/GROUP/HOLDER, the target's name, the instant; NULL */
    char *waiting;         /* the same in words; NULL: nothing */
};
struct hikae_purges {
    struct hikae_purge *purges;
    size_t count;
};
void hikae_purges_free(struct hikae_purges *purges);

struct hikae_purge_options {
    const char *requester;        /* who asked for it */
    const char *without_contract; /* why it is erased although no contract of it has ended; NULL */
    bool dry_run;
};
/*
 * Plan the erasure of a tenant: what goes, how, every copy of every key, who holds one, what stays by promise. Nothing
 * is touched; the plan is kept in the store's own history, and its hash is what operators sign. HIKAE_REFUSED under a
 * legal hold, before the end of the contract (without a reason), where a holder's key cannot be destroyed.
 */
enum hikae_status hikae_purge_plan(struct hikae *hikae, const char *tenant, const struct hikae_purge_options *options,
                                   struct hikae_purges *ret, struct hikae_error *error);
/* Sign a plan: two different operators have to. `key_file`: an operator's Ed25519 key; passphrase_file may be NULL. */
enum hikae_status hikae_purge_approve(struct hikae *hikae, const char *tenant, const char *plan_hash,
                                      const char *key_file, const char *passphrase_file, bool dry_run,
                                      struct hikae_error *error);
/*
 * Carry out what is approved, all of it in one change of the root epoch, and continue what is under way. tenant NULL:
 * all. HIKAE_WARNINGS: unreadable, but not gone from every target yet, or people have something left to destroy. What
 * is done when it returns an error stays done, and the next call goes on from there.
 */
enum hikae_status hikae_purge_run(struct hikae *hikae, const char *tenant, bool dry_run, struct hikae_purges *ret,
                                  struct hikae_error *error);
/* tenant NULL: all that were ever planned. A name, or the pseudonym of one that is erased. */
enum hikae_status hikae_purge_status(struct hikae *hikae, const char *tenant, struct hikae_purges *ret,
                                     struct hikae_error *error);
/* Take a plan back, and let the tenant's writers go on if they were stopped. HIKAE_REFUSED once the erasure is
 * committed. */
enum hikae_status hikae_purge_withdraw(struct hikae *hikae, const char *tenant, const char *why, bool dry_run,
                                       struct hikae_error *error);
struct hikae_declare_options {
    const char *who;             /* who destroyed it                                            */
    const char *how;             /* how, when, where, before whom                               */
    const char *key_file;        /* of the operator who says so: an Ed25519 key, which signs it; NULL: nobody does */
    const char *passphrase_file; /* of that key; NULL: it has none                              */
    bool dry_run;
};
/*
 * Record that people destroyed what only they could: a recovery sheet, a copy of a key file ("EPOCH/GROUP/NAME"), or a
 * target that was taken out of the configuration ("target/NAME"). The erasures under way that waited for it are
 * returned as they are now: the last word makes them irrevocable. HIKAE_KEYS: the key is no operator's;
 * HIKAE_NOT_FOUND: the epoch had no such holder, no erasure waits for such a target; HIKAE_REFUSED: the epoch is in
 * force, the holder still opens it from here, a key service ends the key by itself, the target is configured, or nobody
 * signs though two people are operators.
 */
enum hikae_status hikae_purge_declare(struct hikae *hikae, const char *subject,
                                      const struct hikae_declare_options *options, struct hikae_purges *ret,
                                      struct hikae_error *error);

struct hikae_certificate {
    char *tenant;   /* pseudonym */
    char *envelope; /* DSSE, one line of JSON */
    bool is_gone;   /* the second stage is certified too: every target lists nothing */
};
/*
 * The certificate of an erasure, signed by an operator and the store. HIKAE_REFUSED before the keys are destroyed. It
 * is made anew each time, of what is known then.
 */
enum hikae_status hikae_purge_certificate(struct hikae *hikae, const char *tenant, const char *key_file,
                                          const char *passphrase_file, struct hikae_certificate *ret,
                                          struct hikae_error *error);
void hikae_certificate_free(struct hikae_certificate *certificate);
/* The same as a page in Japanese and English (free), which prints how to check it with openssl alone. */
enum hikae_status hikae_certificate_page(const char *envelope, const char *file_name, char **ret_html,
                                         struct hikae_error *error);

/*
 * The fixed words of plans and certificates: what a code in them ("scope-keys") says in "en" or "ja". NULL for a code
 * that is not known, or whose words stand beside it. Static.
 */
const char *hikae_purge_phrase(const char *code, const char *language);

struct hikae_certificate_check {
    char *tenant; /* pseudonym */
    char *name;
    char *unreadable; /* since when each is claimed; NULL: it is not */
    char *irrevocable;
    char *gone;
    uint64_t size; /* of the log under the checkpoint inside */
    char *root;
    bool compared;        /* a checkpoint was given … */
    bool same_checkpoint; /* … of the same size, and with the same root */
    char *statement;      /* JSON */
};
/*
 * Check a certificate offline: signed by each of these public keys (PEM files) and by the store that it names, its
 * entry in the audit log, and the checkpoint. `checkpoint` (NULL: none): one that the reader kept; HIKAE_WARNINGS if it
 * is of another size, as then only the store can show that the two belong together. HIKAE_DAMAGED for anything that is
 * wrong.
 */
enum hikae_status hikae_certificate_verify(const char *path, const char *const *keys, size_t key_count,
                                           const char *checkpoint, struct hikae_certificate_check *ret,
                                           struct hikae_error *error);
void hikae_certificate_check_free(struct hikae_certificate_check *check);

#ifdef __cplusplus
}
#endif

#endif
