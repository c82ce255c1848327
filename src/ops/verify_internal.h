/*
 * Checking what the targets hold:
 *
 *   verify.c          the operation: tenant after tenant, then the outcome
 *   verify_scope.c    which objects should be where; which are this time's sample
 *   verify_check.c    the checking itself, by several threads
 *   verify_walk.c     manifests: every blob exists; what a lost object costs
 *   verify_lost.c     the note of what no target has sound
 *   verify_mend.c     sound bytes over bad ones, and what is told of each
 */
#ifndef HIKAE_OPS_VERIFY_INTERNAL_H
#define HIKAE_OPS_VERIFY_INTERNAL_H

#include "ops/copies.h"

#include <pthread.h>

enum { VERIFY_FINDINGS_MAX = 100000, VERIFY_COST_PATHS = 1000 };

/* The whole operation. */
struct verify {
    struct hikae *hikae;
    const struct hikae_verify_options *options;
    uint64_t selected; /* targets that are looked at */
    unsigned threads;
    _Atomic uint64_t checked, sound, bytes, total; /* copies: of one object on one target */
    uint64_t damaged, unknown, repaired;
    uint64_t behind;               /* of those damaged: missing where nothing says that they ever were: no damage */
    bool has_empty;                /* a target holds no store at all */
    bool with_logs;                /* audit logs too, which belong to no tenant */
    _Atomic unsigned failures[64]; /* reads that a target did not answer */
    struct hikae_verify_finding *findings;
    size_t finding_count, finding_capacity;
    size_t cost_paths;
    bool store_damaged;       /* what belongs to no tenant */
    struct buf damaged_among; /* ids of tenants with damage that was not mended, with spaces between */
    size_t damaged_tenants;
    size_t snapshots; /* not retired, of all that was looked at */
};

struct verify_item {
    struct copy_item copy;
    char *name;        /* owned: what copy.last of an audit log's object borrows; else NULL */
    uint64_t expected; /* targets that should have it */
    uint64_t on;       /* targets whose listing has it, with the right size */
    uint64_t odd;      /* … with another size */
    atomic_bool deep;  /* its contents were found sound in this run */
    bool is_lost;      /* sound nowhere */
    uint32_t pack;     /* its number in the index, if it is a lost pack that is known there */
    struct buf cost;
};

enum verify_kind {
    BAD_COPY,    /* this copy */
    BAD_BEHIND,  /* nothing says that the target ever had it */
    BAD_CONTENT, /* what is behind a hash that fits: every copy is as bad, and was when it was written */
    BAD_KEYLESS  /* the hash fits, and what is behind it is unknown: another host made the key since, or it is away */
};

/* A copy that is not sound. */
struct verify_bad {
    size_t item;
    size_t target;
    int state; /* a HIKAE_FINDING_… */
    enum verify_kind kind;
    bool repaired;
    char *why;
};

/* What belongs together: a tenant's objects, or the store's own. */
struct verify_scope {
    struct verify *verify;
    const char *tenant;      /* NULL: the store's own */
    struct session *session; /* NULL then */
    struct id tid;
    const struct keyring *keyring; /* NULL: contents are not opened */
    const struct chain *chain;
    struct copy_place place;
    int64_t started_ns;
    struct verify_item *items; /* sorted by class, epoch, hash */
    size_t count, capacity;
    struct verify_item **lost; /* packs among the items that no target has sound, by their numbers in the index */
    size_t lost_count;
    struct {
        uint32_t item;
        uint32_t target;
    } * tasks;
    size_t task_count;
    int64_t *sound_ns; /* per task: when it was found sound; 0: it was not */
    _Atomic size_t next;
    struct verify_bad *bads;
    size_t bad_count, bad_capacity;
    pthread_mutex_t mutex; /* over bads, fatal and `read_failed` */
    struct error fatal;
    atomic_bool stop;
};

/* ---- verify_scope.c ---- */

/* Fill in the items; listings only. */
MUST_USE int scope_tenant(struct verify_scope *scope, struct error *err);
MUST_USE int scope_store(struct verify_scope *scope, struct error *err);
/* Tell the catalogue what the targets hold, and choose which copies to check. */
MUST_USE int scope_plan(struct verify_scope *scope, struct error *err);
/* Tell the catalogue what was found sound. */
MUST_USE int scope_remember(struct verify_scope *scope, struct error *err);
void scope_clear(struct verify_scope *scope);
struct verify_item *scope_find(const struct verify_scope *scope, char class, uint32_t epoch, const struct hash *hash);
/* The rows of one snapshot, as far as they can be read; its parts are rows too. ERROR_DAMAGED if a part is sound
 * nowhere. */
MUST_USE int scope_roster(struct verify_scope *scope, const struct history_snapshot *snapshot, struct roster *ret,
                          struct error *err);

/* ---- verify_check.c ---- */

/* Carry out the tasks. */
MUST_USE int check_run(struct verify_scope *scope, struct error *err);
/* Note a copy that is not sound; from any thread. `why` is copied. */
MUST_USE int check_note(struct verify_scope *scope, size_t item, size_t target, int state, enum verify_kind kind,
                        const char *why, struct error *err);
/* The state that a failure stands for. */
int check_state(const struct error *why);

/* ---- verify_walk.c ---- */

/* Every blob that the snapshots need is there, of the right type. Faults are findings. */
MUST_USE int walk_manifests(struct verify_scope *scope, struct error *err);
/* Write into the lost items' `cost` which snapshots and paths they cost. */
MUST_USE int walk_cost(struct verify_scope *scope, struct error *err);

/* ---- verify_lost.c ---- */

/* Tell the next backup which packs no target has sound. */
MUST_USE int scope_note_lost(struct verify_scope *scope, struct error *err);

/* ---- verify_mend.c ---- */

/*
 * Mend what can be mended, find out what is lost, and turn it all into findings. Records come last, in the order of
 * time: a target that has one has all that it names. *ret_learned: packs or segments lie where they were missing.
 */
MUST_USE int mend_all(struct verify_scope *scope, bool *ret_learned, struct error *err);
/* A finding; the texts are copied. `cost` may be NULL. */
MUST_USE int mend_tell(struct verify *verify, const char *target, const char *object, int state, bool repaired,
                       const char *why, const char *cost, struct error *err);

#endif
