/*
 * The engine: what struct hikae holds, and how an operation gets at targets,
 * keys and a tenant's history. Operations, one verb a file, are built on it;
 * each public function ends in api_result, which turns a struct error into the
 * public one and its exit code.
 */
#ifndef HIKAE_OPS_ENGINE_H
#define HIKAE_OPS_ENGINE_H

#include "audit/journal.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "hikae.h"
#include "keys/keystore.h"
#include "pipeline/objects.h"
#include "policy/config.h"
#include "repo/history.h"

enum { ENGINE_TARGETS_MAX = 64 }; /* as many as a mask has bits */

struct policies;
struct chain;

struct hikae {
    const struct hikae *parent; /* of a fork; else NULL */
    struct config *config;
    struct catalog *catalog;
    bool catalog_is_new; /* tenants must be read from the targets */
    struct run_target *targets;
    struct target **opened; /* the same targets, as the keystore wants them: those that could be opened */
    size_t opened_count;
    atomic_size_t target_count; /* set after targets: whoever watches a drill reads both while it opens them */
    struct store_info store;
    bool targets_ready;
    struct keystore *keystore;
    const struct keyring *kit;     /* of one tenant, in place of a keystore (ops/drill_kit.h); NULL: there is none */
    struct id writer;              /* of this state folder */
    struct audit_journal *journal; /* NULL: not opened yet */
    unsigned audit_depth;          /* operations that others are part of: the outermost stores the log */
    bool audit_due;                /* one of them wants that */
    struct hikae_observer observer;
    pthread_mutex_t observer_mutex;
    struct cancel cancel;
    struct block_cache *blocks; /* of a drill: what it has fetched from its target; borrowed; NULL: none */
    struct policies *policies;  /* in force; NULL: not read yet (ops/policies.h); a fork borrows its parent's */
};

/*
 * A second engine on the same store, for another thread: it borrows the parent's catalogue, keystore and targets, all
 * of which serve several threads, and has its own idea of which targets answer, its own observer and its own cancel.
 * `share` forks divide memory, pack size and threads of the configuration among them. The parent must have its keystore
 * open, and outlive it. End with hikae_close.
 */
MUST_USE int engine_fork(struct hikae *parent, unsigned share, struct hikae **ret, struct error *err);
/* The same for whoever needs no policies: those in force are not read before. */
MUST_USE int engine_fork_to_look(struct hikae *parent, unsigned share, struct hikae **ret, struct error *err);

/* The public error and exit code of what an operation returned. `warnings`: it was done, but not without. */
enum hikae_status api_result(int rc, bool warnings, const struct error *err, struct hikae_error *ret);
/* And back, where one operation calls another's public function. Always -1. */
int api_failure(const struct hikae_error *error, struct error *err);
/* Tell the observer one line. */
void engine_warn(struct hikae *hikae, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Open all targets and check that they are this store's; those that are not, or do not answer, say why in
 * targets[i].why. ERROR_UNREACHABLE if none is usable. Again: nothing.
 */
MUST_USE int engine_targets(struct hikae *hikae, struct error *err);
/* Open one target as configured; waiting for it ends when the caller cancels. */
MUST_USE int engine_open_target(struct hikae *hikae, const struct config_target *from, bool create, struct target **ret,
                                struct error *err);
/* Open the keystore through whichever group is here, and learn which tenants other hosts added or erased. */
MUST_USE int engine_keystore(struct hikae *hikae, struct error *err);
/* The configuration's groups as the keystore wants them (mem_free; borrows the texts). */
MUST_USE int engine_groups(const struct config *config, struct holder_group **ret, struct error *err);
void engine_groups_free(struct holder_group *groups, size_t count);
/* The targets for the keystore. */
struct target_set engine_target_set(struct hikae *hikae);
/* "<state>/tenants/<tid>/<last>" (mem_free), with the folders above made; last may be "". NULL and err. */
char *engine_tenant_path(struct hikae *hikae, const struct id *tid, const char *last, struct error *err);

/* What need not be done at every run: the catalogue notes when it was done last. A time that lies ahead is none. */
#define ENGINE_DAILY_NS (20 * INT64_C(3600) * NS_PER_S)
bool engine_noted_lately(struct hikae *hikae, const char *what, int64_t span_ns);
/* That it cannot be noted is warned of, and costs a time too many. */
void engine_note_now(struct hikae *hikae, const char *what);

/* ---- engine_tenants.c: the tenants as this machine knows them ---- */

/* A tenant's id by name. A catalogue that was lost is filled from the targets first. ERROR_NOT_FOUND. */
MUST_USE int engine_tenant_id(struct hikae *hikae, const char *name, struct id *ret, struct error *err);
/*
 * The tenants that have keys, against those of the catalogue: what another host added is read from its history, and
 * what the journal of erasures says was erased is forgotten here too. With the keystore open.
 */
MUST_USE int engine_learn_tenants(struct hikae *hikae, struct error *err);
/*
 * Once a day: what became of tenants that rest (suspended, new, ended), whose history no night opens. Those at work are
 * learned of whenever they are opened. With the keystore open.
 */
MUST_USE int engine_learn_states(struct hikae *hikae, struct error *err);
/* Before tenants are listed: a catalogue that was lost is filled, others learn what they can now. */
MUST_USE int engine_tenants(struct hikae *hikae, struct error *err);
/* What a tenant's history says of it, into the catalogue. */
MUST_USE int engine_remember_tenant(struct hikae *hikae, const struct id *tid, const struct history *history,
                                    struct error *err);
/* Read every tenant's history and put what it says into the catalogue. */
MUST_USE int engine_rebuild_catalog(struct hikae *hikae, struct error *err);
/* The same, with each history shown to `see` when it is read, the store's own too. */
typedef void engine_see(const struct chain *chain, void *context);
MUST_USE int engine_rebuild_catalog_seen(struct hikae *hikae, engine_see *see, void *context, struct error *err);
/* Do something for one tenant, or (NULL) for each that is not erased, by name; the first failure ends it. */
typedef int engine_tenant_work(const char *tenant, void *context, struct error *err);
MUST_USE int engine_each_tenant(struct hikae *hikae, const char *tenant, engine_tenant_work *work, void *context,
                                struct error *err);
/* ---- chain.c: a tenant's history on the targets ---- */

struct chain_record {
    struct hash hash;
    char name[RECORD_NAME_SIZE]; /* last part of the object's name */
    uint64_t targets;            /* bit i: target i holds it */
};

struct chain {
    struct history history;
    struct chain_record *records; /* sorted by hash */
    size_t record_count;
    struct roster condemned; /* sorted; records too, and snapshots that a condemning record retires */
};
void chain_clear(struct chain *chain);
/*
 * Read the history from all targets that are up, with records kept in the local cache as they are sealed. A record
 * that only the cache has, although a target should, is reported: a target hides or has lost it.
 */
MUST_USE int chain_load(struct hikae *hikae, const struct id *tid, const struct keyring *keyring, struct chain *ret,
                        struct error *err);
/* The bytes of a record, from the cache or whichever target has it sound. */
MUST_USE int chain_read(struct hikae *hikae, const struct id *tid, const struct chain_record *record, struct buf *out,
                        struct error *err);
/* What is condemned may be deleted this long after; see FORMAT.md §7 for the parts of it that writers keep to. */
#define CONDEMN_WAIT_NS (72 * 3600 * NS_PER_S)
/*
 * List the targets once more for records that condemn and that `chain` does not know. Appends what they condemn: to
 * `late` (sorted) what was condemned longer than CONDEMN_WAIT_NS / 2 ago, to `lately` the rest.
 */
MUST_USE int chain_condemned_since(struct hikae *hikae, const struct keyring *keyring, const struct chain *chain,
                                   struct roster *lately, struct roster *late, struct error *err);
/* A record by hash; NULL if it is not known. */
const struct chain_record *chain_find(const struct chain *chain, const struct hash *record);
/* The bits of the targets that hold a record; 0 if it is not known. */
uint64_t chain_holders(const struct chain *chain, const struct hash *record);
/*
 * Append a record: sequence, time, writer and previous are filled in, it is sealed and put on the targets of `mask`
 * (bits; those that are not up are left out). ERROR_REFUSED if fewer than `need` took it.
 */
MUST_USE int chain_append(struct hikae *hikae, const struct keyring *keyring, const struct chain *chain,
                          struct record *record, uint64_t mask, size_t need, struct error *err);
/* All targets that are up. */
uint64_t engine_up_mask(const struct hikae *hikae);

/* ---- session.c: one tenant, opened for an operation ---- */

enum session_flags {
    SESSION_LOCK = 1,  /* for writing: ERROR_BUSY if another run holds the tenant */
    SESSION_INDEX = 2, /* targets listed, index open */
    SESSION_SYNC = 4   /* and the index in step with everything that lies on the targets */
};

/* Roster parts that were read: snapshots share them. */
enum { SESSION_PARTS = 128 };
struct session_part {
    struct hash name;
    struct roster rows; /* empty: not in use */
};

struct session {
    struct hikae *hikae;
    struct id tid;
    const char *tenant;
    struct keyring *keyring;
    struct chain chain;
    struct index *index;
    char *private_index; /* a folder to be removed: the tenant's index was in use elsewhere */
    struct objects objects;
    bool objects_ready;
    int lock_fd;
    struct session_part *parts; /* SESSION_PARTS, or NULL; each takes the place of the oldest */
    size_t part_next;
};
MUST_USE int session_open(struct hikae *hikae, const char *tenant, unsigned flags, struct session *ret,
                          struct error *err);
/* List the targets without opening the index, so that a run beside this one is not disturbed. */
MUST_USE int session_list(struct session *session, struct error *err);
/* The store's own history, of what belongs to no tenant (ops/facts.h). No index. */
MUST_USE int session_open_store(struct hikae *hikae, unsigned flags, struct session *ret, struct error *err);
void session_close(struct session *session);
/* The snapshot that `which` means (NULL: the latest), not retired. */
MUST_USE int session_snapshot(const struct session *session, const struct hikae_which *which,
                              const struct history_snapshot **ret, struct error *err);
/* The rows of a roster part, borrowed until the next call. */
MUST_USE int session_part(struct session *session, const struct roster_row *part, const struct roster **ret,
                          struct error *err);
/* The whole roster of a snapshot, parts read, sorted; parts themselves are rows too if `with_parts`. */
MUST_USE int session_roster(struct session *session, const struct history_snapshot *snapshot, bool with_parts,
                            struct roster *ret, struct error *err);
/*
 * What is condemned and not spared: objects that no roster in force names (sorted; roster_free). A snapshot that was
 * committed while they were condemned may name some, and these stay.
 */
MUST_USE int session_condemned(struct session *session, struct roster *ret, struct error *err);
/* Bring the index in step with what one snapshot needs. */
MUST_USE int session_sync(struct session *session, const struct history_snapshot *snapshot, struct error *err);
/* The bits of the targets that count for a snapshot: record and whole roster. Targets must have been listed. */
MUST_USE int session_counting(struct session *session, const struct history_snapshot *snapshot, uint64_t *ret_mask,
                              struct error *err);
/* Does target i hold all of a roster? *ret_missing (may be NULL): how many objects are missing. */
bool session_holds(const struct session *session, size_t target, const struct roster *roster, size_t *ret_missing);

/* ---- ticker.c: progress from counters, a few times a second ---- */

struct ticker;
typedef void ticker_read(struct hikae_progress *progress, void *context);
/* NULL when nobody watches, or there is no memory: progress is no reason to fail. */
struct ticker *ticker_start(struct hikae *hikae, ticker_read *read, void *context);
void ticker_stop(struct ticker *ticker);

/* ---- problems.c: entries that could not be read or written ---- */

enum { PROBLEMS_KEPT = 1000 };
struct problems {
    struct hikae *hikae;
    pthread_mutex_t mutex;
    struct hikae_entry_error *items; /* what concerns data goes before what could not be set on a file */
    size_t count;
    size_t lesser[3]; /* by rank: no item before this one is of a lesser rank */
    uint64_t total;
    uint64_t damaged, unknown; /* of them: for damage, and because a target did not answer or let us in */
};
void problems_init(struct problems *problems, struct hikae *hikae);
/* A pipeline's warn callback. */
void problems_note(const struct bytes *path, const struct error *why, void *context);
/* Hand the list over. */
void problems_take(struct problems *problems, struct hikae_entry_error **ret, size_t *ret_count, uint64_t *ret_total);
void entry_errors_free(struct hikae_entry_error *errors, size_t count);

#endif
