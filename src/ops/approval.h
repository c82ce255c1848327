/*
 * Who answers for what cannot be taken back. One door for all of these acts.
 *
 * Once two people are operators (ops/operators.h), such an act needs the
 * signatures of two different people over a statement that binds store, act,
 * tenant, scope, method and the hash of the plan (FORMAT.md §11). Approvals are
 * records of the store's history; they expire, and those of a revoked operator
 * no longer count unless the act had begun. Before there are two operators, a
 * name and a reason do, and are recorded as unsigned.
 */
#ifndef HIKAE_OPS_APPROVAL_H
#define HIKAE_OPS_APPROVAL_H

#include "ops/audit.h"
#include "ops/operators.h"

#define APPROVAL_TYPE "application/vnd.hikae.approval+json"

enum { APPROVAL_HASH_SIZE = 2 * SHA256_SIZE + 1, APPROVAL_DAYS_MAX = 30, APPROVAL_NOTE_SIZE = 200 };

/* A name and a reason, unsigned. */
struct approval {
    const char *who;
    const char *why;
};
/* ERROR_REFUSED unless somebody answers for `act` ("hold remove") on a tenant and says why. */
MUST_USE int approval_check(struct hikae *hikae, const char *act, const char *tenant, const struct approval *approval,
                            struct error *err);

/* ---- Signatures ---- */

/* What is to be approved. Texts are borrowed; scope and method may be "". */
struct approval_wanted {
    const char *act;    /* a word of the table in approval.c: "hold-remove" */
    const char *name;   /* of the tenant, policy or operator, for messages and the command to run */
    const char *tenant; /* tid in hex; "" for acts that are about no tenant, whose scope then names what */
    const char *scope;
    const char *method;
    const char *plan; /* SHA-256 in hex of what exactly would be done */
    int64_t begun_ns; /* when the act began, 0: it has not: a continued act needs no new approvals, although its plan
                         changes */
};

struct approval_given {
    char *operator_name;
    char *person;
    char keyid[KEYID_SIZE];
    int64_t time_ns, expires_ns;
    char *envelope; /* DSSE, as it was signed */
};
struct approvals {
    struct approval_given *items; /* one a person */
    size_t count;
    char note[APPROVAL_NOTE_SIZE]; /* why one that was given does not count; "" if there is none such */
};
void approvals_clear(struct approvals *approvals);
/* "sato, tanaka" (mem_free). NULL without memory. */
char *approvals_names(const struct approvals *approvals);
/* Who answers for the act: the operators who signed it, or else the name that was given (mem_free). NULL: no memory. */
char *approval_who(const struct approvals *approvals, const struct approval *given);
/* Put the names into the record of the operation that they approve. */
void approvals_note(const struct approvals *approvals, struct engine_audit *audit);

/* SHA-256 over texts, each with its length before it, up to a NULL: a plan's hash. */
MUST_USE int approval_hash(const char *const *texts, char out[APPROVAL_HASH_SIZE], struct error *err);

/*
 * Which of these envelopes count. Pure: the table of rules is here. `now_ns` is the trusted clock; `store` the id of
 * this store. -1 only for want of memory and failures of OpenSSL.
 */
MUST_USE int approval_judge(const struct approval_wanted *wanted, const struct operators *operators,
                            const struct id *store, int64_t now_ns, const char *const *envelopes, size_t count,
                            struct approvals *ret, struct error *err);
/* Sign a statement: *ret is the envelope (mem_free). */
MUST_USE int approval_sign(const struct approval_wanted *wanted, const struct operator_item *operator_item,
                           const struct id *store, const struct secret *seed, int64_t now_ns, int64_t expires_ns,
                           char **ret, struct error *err);

/* The approvals on record that count; `facts` is a session of the store, or NULL to open one. */
MUST_USE int approval_find(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                           struct approvals *ret, struct error *err);
/*
 * The same, and ERROR_REFUSED unless `need` people have signed: says who has, what is missing and which command to run.
 * approvals_clear(ret), also after -1.
 */
MUST_USE int approval_require(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                              size_t need, struct approvals *ret, struct error *err);
/*
 * The rule for most acts: two signatures once two people are operators, before that a name and a reason.
 */
MUST_USE int approval_door(struct hikae *hikae, const struct session *facts, const struct approval_wanted *wanted,
                           const struct approval *given, struct approvals *ret, struct error *err);
/* Two signatures once two people are operators; before that nothing is asked for. */
MUST_USE int approval_signed(struct hikae *hikae, const struct approval_wanted *wanted, struct approvals *ret,
                             struct error *err);
/* The same as approval_door with one signature, where a policy asks for one: before there are two operators a name and
 * a reason do. */
MUST_USE int approval_one(struct hikae *hikae, const struct approval_wanted *wanted, const struct approval *given,
                          struct approvals *ret, struct error *err);
/*
 * Record one operator's approval (an approval that this person gave already is left as it is: *ret_again). The key's
 * file is read with keys/operator_key.h. *ret are all that count then.
 */
struct approval_signing {
    const char *key_path;
    const char *passphrase_path; /* NULL: the key is not encrypted */
    unsigned days;               /* until it expires: 1 … APPROVAL_DAYS_MAX; 0: that */
};
MUST_USE int approval_add(struct hikae *hikae, const struct approval_wanted *wanted,
                          const struct approval_signing *signing, bool dry_run, bool *ret_again, struct approvals *ret,
                          struct error *err);
/* Is it an act that is approved? *ret_tenant: it is about a tenant, not about something else of that name. */
bool approval_act(const char *act, bool *ret_tenant);

#endif
