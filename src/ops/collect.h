/*
 * Collection: taking away what no snapshot needs any more (DESIGN §8).
 *
 *   collect_plan.c   what goes, what moves, what waits, and why: pure
 *   collect_state.c  what lies on the targets, and what the history says of it
 *   collect_records.c  what the history's records say of the objects
 *   collect_mark.c   which blobs are needed, in bounded memory
 *   collect_merge.c  one segment for many
 *   collect_move.c   new packs for what is needed of old ones, new rosters
 *   collect_condemn.c, collect_delete.c  what their names say
 *   collect_store.c  what no tenant has
 *   collect.c        the operation
 *
 * There is no journal beside the history: a record that condemns is the
 * intent, and all that follows is derived from it and from what the targets
 * hold. Killed anywhere, the next collection goes on from there.
 */
#ifndef HIKAE_OPS_COLLECT_H
#define HIKAE_OPS_COLLECT_H

#include "ops/collect_plan.h"
#include "ops/engine.h"

/* What is needed of a pack. */
struct mark_pack {
    uint64_t plain;  /* bytes of blobs that are needed */
    uint64_t first;  /* its first row in the file of places */
    uint32_t count;  /* rows */
    uint64_t stored; /* sealed bytes of what is needed, about */
    bool named;      /* a roster in force names it */
};

/* What a record is about, as far as collection cares. */
struct record_note {
    struct chain_record entry;
    enum record_type type;
    int64_t time_ns;
    struct hash *previous;
    size_t previous_count;
    struct hash *retired;
    size_t retired_count;
    struct hash *snapshots;
    size_t snapshot_count;
    struct hash *linked;
    size_t linked_count;
    struct roster condemned;
    uint64_t size;
    char snapshot[SNAPSHOT_NAME_SIZE]; /* of a tag or a verification */
    bool is_head;
};

struct collect {
    struct hikae *hikae;
    const struct hikae_gc_options *options;
    struct hikae_gc_result *ret;
    const char *tenant;
    struct session session;
    struct collect_rules rules;
    struct collect_state state;
    struct record_note *notes;
    size_t note_count;
    const struct history_snapshot **snapshots; /* of the history that was read first, sorted by record */
    bool held;                                 /* a legal hold is what refuses */
    /* collect_mark.c */
    struct mark_pack *packs; /* by number in the index */
    uint32_t pack_count;
    int places_fd; /* rows of needed blobs: block, offset; by pack */
    struct {
        uint32_t from, to;
    } * stand_ins; /* pack `from` is named for a blob that is taken from `to` */
    size_t stand_in_count, stand_in_capacity;
};

/* ---- collect_state.c ---- */

/* Fill state and notes. ERROR_REFUSED and the like where nothing may be deleted. */
MUST_USE int collect_look(struct collect *collect, struct error *err);
void collect_forget(struct collect *collect);
/* Which objects the rosters in force name; `needed` of all others becomes false. */
MUST_USE int collect_note_needed(struct collect *collect, struct error *err);

/* ---- collect_records.c ---- */

/* The snapshots of the history, by record. */
MUST_USE int collect_sort_snapshots(struct collect *collect, struct error *err);
/* Among these the first whose record's hash is this one or comes after it. */
size_t collect_snapshot_at(const struct collect *collect, const struct hash *record);
/* The snapshot of a record, or NULL. */
const struct history_snapshot *collect_snapshot_of(const struct collect *collect, const struct hash *record);
/* Read all records, in the order of their times; note what they say in the state. */
MUST_USE int collect_read_notes(struct collect *collect, struct error *err);
/* How many targets a mask names. */
static inline unsigned collect_bits(uint64_t mask)
{
    unsigned count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

/* ---- collect_mark.c ---- */

/* Find what is needed of each pack; fills `live` of the objects. ERROR_DAMAGED if a blob that is needed is nowhere. */
MUST_USE int collect_mark(struct collect *collect, struct error *err);
void collect_unmark(struct collect *collect);
/* The rows (block, offset: u32 each, sorted) of what is needed of a pack (mem_free). */
MUST_USE int collect_places(const struct collect *collect, uint32_t pack, uint32_t **ret, size_t *ret_count,
                            struct error *err);

/* ---- collect_merge.c ---- */

/* What each needed segment says of packs that are needed: fills `live` of the segments. */
MUST_USE int collect_cover(struct collect *collect, struct error *err);
/* Carry out COLLECT_MOVE of segments: the new ones are added to *made, and the index goes by them. */
MUST_USE int collect_merge(struct collect *collect, struct roster *made, struct error *err);

/* ---- collect_move.c ---- */

/* Carry out COLLECT_MOVE: new packs and segments, then new rosters for all snapshots that named the old ones. */
MUST_USE int collect_move(struct collect *collect, struct error *err);
/* Store an object on the targets of *targets (bits); those that do not take it are left out from then on. */
MUST_USE int collect_put(struct collect *collect, const struct roster_row *row, const struct buf *object,
                         uint64_t *targets, struct error *err);

/* ---- collect_delete.c ---- */

/* Delete what may be deleted. */
MUST_USE int collect_delete(struct collect *collect, struct error *err);

/* ---- collect_condemn.c ---- */

/* Write the record that condemns what is planned so. */
MUST_USE int collect_condemn(struct collect *collect, struct error *err);

/* ---- collect_store.c ---- */

struct collect_swept {
    uint64_t log_objects, log_bytes;     /* segments of audit logs that later revisions replace */
    uint64_t probe_objects, probe_bytes; /* of measuring */
};
/* Delete (or, in a dry run, count) what belongs to no tenant and serves nothing any more. */
MUST_USE int collect_store(struct hikae *hikae, bool dry_run, struct hikae_gc_result *ret, struct collect_swept *swept,
                           struct error *err);

/* After a record was appended: the next one follows it. */
void collect_follow(struct collect *collect, const struct record *record);

#endif
