/*
 * Purge: a tenant erased so that nobody can read it again (DESIGN §9).
 *
 *   purge_words.c    what plans and certificates say in fixed words
 *   purge_plan.c     what goes, how, who holds a key, what stays: pure
 *   purge_look.c     what lies on the targets, and who holds the epochs
 *   purge_locks.c    until when locks keep that
 *   purge_journal.c  plans and erasures under way, as facts of the store's history
 *   purge_epoch.c    the root epoch without the tenants
 *   purge_survivors.c everybody else's keys, read back before anything is destroyed
 *   purge_holders.c  the end of the old epochs' holders, and of what lies about
 *   purge_judge.c    what these ends come to: pure
 *   purge_declare.c  what people say that they destroyed
 *   purge_delete.c   what is left on the targets, and on this machine
 *   purge_begin.c    the steps before the keys change, and back
 *   purge_run.c      all of them in their order
 *   purge_failures.c what became of those that could not go on
 *   purge_idle.c     what it leaves to others of the root epochs
 *   purge_returned.c erasures that were finished, looked at again
 *   purge_describe.c what is known of an erasure
 *   purge.c          the operations
 *
 * The journal is whole after each step and lies on min_copies targets before
 * the next begins. Before "commit" a crash leaves the tenants alive, from it on
 * they are erased by whoever runs next: each step is done again until it holds.
 */
#ifndef HIKAE_OPS_PURGE_H
#define HIKAE_OPS_PURGE_H

#include "base/json.h"
#include "ops/facts.h"

/* ---- purge_plan.c ---- */

/* What a plan is made of. */
struct purge_view {
    const char *store;  /* id */
    const char *tenant; /* pseudonym */
    const char *name;
    const char *requester;
    const char *without_contract; /* NULL: only if the contract has ended */
    json_t *contract;             /* the record of its end; NULL: it does not end */
    int64_t now_ns;
    const struct history *history;
    json_t *targets;     /* purge_look_targets; borrowed, as the next three */
    json_t *epochs;      /* purge_look_epochs */
    json_t *survivors;   /* of its policy */
    const char *zone;    /* in which days are counted and times shown */
    bool needs_deletion; /* its policy promises complete deletion */
};
/*
 * The plan, or why there is none: ERROR_REFUSED under a legal hold, before the contract's end, if a group of holders
 * has nobody whose key can be destroyed; ERROR_DAMAGED for a history that cannot be read.
 */
MUST_USE int purge_plan_make(const struct purge_view *view, json_t **ret, struct error *err);
/* Canonical text (mem_free) and its SHA-256 in hexadecimal. */
MUST_USE int purge_plan_text(const json_t *plan, char **ret_text, char ret_hash[2 * HASH_SIZE + 1], struct error *err);
/* ERROR_REFUSED if a legal hold is in force. */
MUST_USE int purge_check_hold(const struct history *history, int64_t now_ns, struct error *err);
/* ERROR_REFUSED if destroying what can be destroyed would leave a group of these holders open. */
MUST_USE int purge_check_holders(const json_t *epochs, struct error *err);

/* ---- purge_words.c ---- */

/* The English words of a code, or NULL. */
const char *purge_words(const char *code);
/* {"code", "says"} (json_decref), or NULL for want of memory. */
json_t *purge_said(const char *code);

/* ---- purge_look.c, purge_locks.c ---- */

/* Objects of a target that locks, whose locks are asked for. An all-zero struct holds none. */
struct purge_locks {
    struct purge_lock {
        char *name;
        int64_t modified_ns;
    } * items;
    size_t count, room;
};
MUST_USE int purge_locks_add(struct purge_locks *locks, const char *name, int64_t modified_ns, struct error *err);
void purge_locks_clear(struct purge_locks *locks);
/* The latest end of them, by the target's clock; of one that does not answer it is reckoned. 0: none is locked. */
int64_t purge_locks_ask(struct target *target, const struct purge_locks *locks);

/* What lies of a tenant on each target: [{target, state, objects, bytes, versions, markers, uploads, locked_until}]. */
MUST_USE int purge_look_targets(struct hikae *hikae, const struct id *tid, json_t **ret, struct error *err);
/*
 * Every copy of every key: the epochs that may have wrapped a key made at since_ns or later, with the entries on each
 * target (versions too), and the holders with their presence: [{epoch, state, created, entries[], holders[]}].
 */
MUST_USE int purge_look_epochs(struct hikae *hikae, int64_t since_ns, json_t **ret, struct error *err);
/* Holders for the keys of old epochs: the configured ones, and files of keys and sheets that lie beside them. */
struct purge_holders {
    struct holder_group *groups;
    size_t count;
    size_t configured; /* so many of them are the configuration's */
};
MUST_USE int purge_holders_find(struct hikae *hikae, struct purge_holders *ret, struct error *err);
void purge_holders_clear(struct purge_holders *holders);

/* ---- purge_declare.c ---- */

/* The fact that says who destroyed a holder of an epoch that is over (mem_free). NULL: no memory. */
char *purge_declared_name(uint32_t epoch, const char *group, const char *name);

/* ---- purge_journal.c ---- */

/* The fact of that name, parsed (json_decref): NULL if there is none. -1 for one that is damaged. */
MUST_USE int purge_journal_get(const struct session *facts, const char *name, json_t **ret, struct error *err);
/* Append a fact: the object's name and event are those given. The object stays the caller's. */
MUST_USE int purge_journal_put(struct session *facts, const char *name, const char *event, json_t *body,
                               struct error *err);
/* Call for each fact whose name begins so, parsed; not 0 ends it. */
typedef int purge_journal_callback(const char *name, json_t *body, void *context, struct error *err);
MUST_USE int purge_journal_each(const struct session *facts, const char *prefix, purge_journal_callback *callback,
                                void *context, struct error *err);
/* The last run that a tenant (pseudonym) is part of and that was not undone, and its row in it; NULL if there is none.
 * *ret_row is borrowed from *ret_run. */
MUST_USE int purge_journal_run_of(const struct session *facts, const char *tenant, json_t **ret_run, json_t **ret_row,
                                  struct error *err);
/* The plan of a tenant (pseudonym), if it was not withdrawn; NULL. */
MUST_USE int purge_journal_plan_of(const struct session *facts, const char *tenant, json_t **ret, struct error *err);
/* "tombstone" < "intent" < "commit" < "changed" < "destroyed" < "done"; -1 for any other. */
int purge_stage(const json_t *run);
enum { PURGE_TOMBSTONE, PURGE_INTENT, PURGE_COMMIT, PURGE_CHANGED, PURGE_DESTROYED, PURGE_DONE };
const char *purge_stage_name(int stage);
/* The run is at that stage, and has been since now or, if it was before, since then; not yet in the journal. */
MUST_USE int purge_stage_set(json_t *run, int stage, struct error *err);
/* Instants in JSON: text, or absent. */
int64_t purge_time(const json_t *object, const char *key);
MUST_USE int purge_set_time(json_t *object, const char *key, int64_t ns, struct error *err);
/*
 * A tenant by name, by pseudonym, or by the name that a plan gave it, as pseudonym and id. ERROR_NOT_FOUND.
 * *ret_name (mem_free): as known; NULL if nobody knows one.
 */
MUST_USE int purge_journal_find(const struct session *facts, const char *tenant, struct id *ret_tid,
                                char ret_hex[2 * ID_SIZE + 1], char **ret_name, struct error *err);

/* ---- purge_judge.c ---- */

struct purge_judgement {
    bool unknown;     /* of one holder nobody knows, or it still opens: nothing is claimed */
    bool final;       /* every group has lost a key for good, by destruction or by people's word */
    int64_t since_ns; /* when the last of the keys was destroyed from here; 0: none was */
    int64_t final_ns; /* not final: the last of the ends that are to come; 0: none is scheduled */
};
/* rows: the run's "holders", those of one group beside each other. */
void purge_judge(const json_t *rows, struct purge_judgement *ret);

/* ---- purge_epoch.c ---- */

/* What is erased in one go. */
struct purge_batch {
    struct hikae *hikae;
    struct session *facts;
    json_t *run; /* as in the journal */
    struct id *tids;
    size_t count;
    int *locks; /* the tenants' */
};
/*
 * End here (HIKAE_TEST_STOP names the step) or wait for SIGCONT (HIKAE_TEST_HOLD) if a test asks for it. Only stores
 * with a test clock know these variables.
 */
void purge_step(const struct hikae *hikae, const char *step);
/* Note a stage in the journal. */
MUST_USE int purge_batch_put(struct purge_batch *batch, int stage, struct error *err);
/* A new root epoch without the tenants, in force and proved; the journal is at PURGE_CHANGED then. */
MUST_USE int purge_epoch_change(struct purge_batch *batch, struct error *err);

/* ---- purge_survivors.c ---- */

/*
 * Everybody else's keys, read back from each target alone and opened through each group that is here; noted in the run
 * ("survivors", "groups_checked", "read_back"). ERROR_KEYS, ERROR_REFUSED, ERROR_UNREACHABLE: not proved.
 */
MUST_USE int purge_survivors_check(struct purge_batch *batch, const struct holder_group *groups, size_t count,
                                   struct error *err);
/* The rule, pure: [{target, sound, elsewhere}]; min_copies of them sound, and one off this machine if there is one. */
MUST_USE int purge_check_read_back(const json_t *rows, size_t min_copies, struct error *err);

/* ---- purge_holders.c ---- */

/* Note in the run which holders open the old epochs now ("control"); the caller puts it into the journal. */
MUST_USE int purge_holders_control(struct purge_batch *batch, const struct purge_holders *holders, struct error *err);
/*
 * Destroy what is left of the old epochs' holders, as far as it can be from here, and note what came of it. At
 * PURGE_DESTROYED nothing that can be reached opens them any more.
 */
MUST_USE int purge_holders_destroy(struct purge_batch *batch, struct error *err);
/* Ask again what became of them. A key that was brought back is destroyed again, and ERROR_DAMAGED all the same. */
MUST_USE int purge_holders_attest(struct purge_batch *batch, struct error *err);
/* Take people's word about a holder into a run and judge anew; *ret_changed: the run has such a holder. */
MUST_USE int purge_holders_declare(json_t *run, uint32_t epoch, const char *group, const char *name, json_t *declared,
                                   bool *ret_changed, struct error *err);

/* ---- purge_describe.c ---- */

/* Append what is known of a tenant's (pseudonym) erasure; name: as the catalogue knows it, or NULL. */
MUST_USE int purge_describe(const struct session *facts, const char *tenant, const char *name, struct hikae_purges *ret,
                            struct error *err);
/* The same of a tenant by any name, or of all that were planned (NULL). */
MUST_USE int purge_list(const struct session *facts, const char *tenant, struct hikae_purges *ret, struct error *err);
/* Of those that are committed and not done: whose promise may still be open. hikae_purges_free(ret), also after -1. */
MUST_USE int purge_list_open(const struct session *facts, struct hikae_purges *ret, struct error *err);
/* A plan that is not kept: of a dry run. */
MUST_USE int purge_describe_plan(const char *tenant, const json_t *plan, const char *hash, char *text,
                                 struct hikae_purges *ret, struct error *err);

/* ---- purge_delete.c ---- */

/* Delete whatever lies of a tenant on the targets that answer, list again, and note it in the tenant's row. */
MUST_USE int purge_delete_tenant(struct hikae *hikae, const struct id *tid, json_t *row, struct error *err);
/* The tenant's row: gone since now, or since before, if it is gone from each of its targets. */
MUST_USE int purge_note_gone(json_t *row, struct error *err);
/* The keystore entries of epochs that are destroyed: *ret_left could not be deleted, or are on targets that are away.
 */
MUST_USE int purge_delete_entries(struct purge_batch *batch, uint64_t *ret_left, struct error *err);
/* Caches and the catalogue's rows of a tenant on this machine; its row says "erased", and only the pseudonym. */
MUST_USE int purge_forget_local(struct hikae *hikae, const struct id *tid, struct error *err);
/* Catalogues that were found damaged and moved aside go: they name who was erased since, whatever the new one knows. */
MUST_USE int purge_drop_damaged(struct hikae *hikae, struct error *err);
/* What was forgotten since the last time leaves the catalogue's files, those of damaged ones too. */
MUST_USE int purge_scrub_local(struct hikae *hikae, struct error *err);

/* ---- purge_run.c ---- */

/* Begin with what is approved (pseudonym NULL: all), and go on with what is under way. *ret_waiting: so many wait. */
MUST_USE int purge_run(struct hikae *hikae, struct session *facts, const char *tenant, bool dry_run,
                       size_t *ret_waiting, struct error *err);
/* ---- purge_begin.c ---- */

/* What kept erasures from going on, each with the names of its tenants. An all-zero struct holds none. */
struct purge_failures {
    struct purge_failure {
        char *names;
        struct error why;
    } * items;
    size_t count, room;
};
/* names: NULL for want of memory. -1 if the failure is nobody's in particular, and ends everything. */
MUST_USE int purge_failures_add(struct purge_failures *failures, const char *names, const struct error *why,
                                struct error *err);
/* If rc is 0: tell of them; -1 with the gravest one, if there are any. They are released. */
MUST_USE int purge_failures_end(struct purge_failures *failures, struct hikae *hikae, int rc, struct error *err);
/* The ids of a run's tenants. */
MUST_USE int purge_batch_read(struct purge_batch *batch, struct error *err);
/* Up to the intent. Tenants that cannot be erased now leave the batch (batch->count may become 0). */
MUST_USE int purge_batch_begin(struct purge_batch *batch, struct purge_failures *failures, struct error *err);
/* Before the commit: the tenants go on as they were. */
MUST_USE int purge_batch_undo(struct purge_batch *batch, struct error *err);
/* The same of a run in the journal. */
MUST_USE int purge_run_undo(struct hikae *hikae, struct session *facts, const json_t *run, struct error *err);
/* May all of a batch still be erased? What was true when it was planned, or begun, may have changed since. */
MUST_USE int purge_still_allowed(struct purge_batch *batch, struct error *err);
/* Let go of the locks. */
void purge_batch_clear(struct purge_batch *batch);

/* ---- purge_idle.c ---- */

/*
 * ERROR_REFUSED while an erasure changes the root epoch: from "intent" on until the change is proved. From then on it
 * only waits for holders of the epochs before, perhaps for ever, and another change takes nothing from it: everybody
 * else's keys are in the epoch in force, the erased tenants' are not, and rotation leaves the epochs to the erasure
 * that waits for them.
 */
MUST_USE int purge_check_idle(struct hikae *hikae, struct error *err);
/* The epochs [e, …] (json_decref) whose holders erasures wait for: these bring them to their end, and note it. */
MUST_USE int purge_waiting_epochs(struct hikae *hikae, json_t **ret, struct error *err);

/* ---- purge_approval.c ---- */

/* Who signed a plan, each once: [{operator, time}]. */
MUST_USE int purge_approvals(const struct session *facts, const char *tenant, const char *hash, json_t **ret,
                             struct error *err);
enum { PURGE_APPROVERS = 2 };

/* ---- purge_certificate.c, purge_verify.c ---- */

#define DECLARATION_TYPE      "application/vnd.hikae.declaration+json"
#define CERTIFICATE_TYPE      "application/vnd.in-toto+json"
#define CERTIFICATE_STATEMENT "https://in-toto.io/Statement/v1"
#define CERTIFICATE_PREDICATE "urn:hikae:erasure:v1"

/* ---- purge_returned.c ---- */

/*
 * Ask the targets, for a few dozen of the erased tenants a day, whether something of them lies there again; erasures of
 * which something does are open again (*ret_reopened of them), and `purge_run` deletes it.
 */
MUST_USE int purge_reopen_returned(struct hikae *hikae, struct session *facts, size_t *ret_reopened, struct error *err);

#endif
