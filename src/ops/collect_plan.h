/*
 * The plan of a collection: a pure function of what lies on the targets, what
 * the history says of it, the rules and the clocks. Each object gets an action
 * and a reason; nothing is read or written here.
 */
#ifndef HIKAE_OPS_COLLECT_PLAN_H
#define HIKAE_OPS_COLLECT_PLAN_H

#include "repo/record.h"

enum { COLLECT_TARGETS_MAX = 64 };

enum collect_action {
    COLLECT_KEEP,
    COLLECT_WAIT,    /* it goes, but not yet */
    COLLECT_DELETE,  /* from some targets, now; it may wait on others */
    COLLECT_CONDEMN, /* a record will say that it goes */
    COLLECT_MOVE     /* what is needed of it moves, then it is condemned */
};

enum collect_why {
    WHY_NEEDED,  /* a snapshot that is kept needs it */
    WHY_SPARED,  /* it was condemned, but a snapshot names it */
    WHY_NO_USE,  /* a roster names it, but nothing in it is needed any more */
    WHY_RETIRED, /* only retired snapshots needed it */
    WHY_MOVED,   /* what was needed of it is elsewhere */
    WHY_ORPHAN,  /* no record names it */
    WHY_YOUNG,   /* no record names it; a run may be under way */
    WHY_EMPTY,   /* much of it is not needed any more */
    WHY_SMALL,   /* one of many small packs */
    WHY_MERGED,  /* one of many small segments */
    WHY_RECORD,  /* a record that says nothing any more */
    /* Of what no tenant has: */
    WHY_SUPERSEDED, /* a segment of an audit log that a later revision replaces */
    WHY_PROBE,      /* measuring a target left it */
    WHY_COUNT
};
/* A clause for people, to be put behind the object. */
const char *collect_why_text(enum collect_why why);
/* A word for scripts. */
const char *collect_why_word(enum collect_why why);

struct collect_object {
    enum object_class class;
    struct hash name;
    uint64_t size;
    uint64_t on;         /* targets (bits) that list it */
    int64_t modified_ns; /* by the clocks of the targets: its youngest copy; 0 unknown */
    bool needed;         /* a roster in force names it; of a record: it says something */
    bool was_needed;     /* a roster that is not in force any more names it */
    bool moved_out;      /* … of a snapshot that is kept */
    uint64_t spared;     /* targets (bits) that do not count for such a snapshot: it stays there */
    uint32_t condemned;  /* 1 + number of the condemnation; 0 none */
    uint64_t live;       /* bytes of a needed pack that are needed; of a segment: that are about needed packs */
    uint64_t frame;      /* bytes of a pack that are no blocks: a new one has as many */
    bool meta;           /* a pack without content */
    /* The plan: */
    enum collect_action action;
    enum collect_why why;
    uint64_t go; /* targets that it is deleted from */
};

/* A record that condemns: when the wait began on each target, by that target's clock. */
struct collect_condemnation {
    struct hash record;
    int64_t since_ns[COLLECT_TARGETS_MAX];
};

struct collect_state {
    struct collect_object *objects; /* sorted by class, then name */
    size_t count;
    struct collect_condemnation *condemnations;
    size_t condemnation_count;
    size_t target_count;
    uint64_t may_delete;                 /* targets (bits) that answer, and whose listing is never stale */
    int64_t now_ns[COLLECT_TARGETS_MAX]; /* each target's clock, before the history was read */
    bool may_condemn;                    /* min_copies targets can take a record */
};

struct collect_rules {
    int64_t wait_ns;       /* between condemning and deleting */
    int64_t orphan_ns;     /* age at which what no record names is nobody's */
    unsigned slack;        /* per cent of what is needed that may lie in packs for nothing */
    unsigned budget;       /* per cent of what is needed that is written again at most */
    unsigned waiting;      /* per cent of what is needed that may be condemned by moving, and wait */
    uint64_t pack_size;    /* of a full pack */
    uint64_t meta_size;    /* of a full pack without content */
    uint64_t segment_size; /* of a full segment */
    unsigned fan_in;       /* so many packs, or segments, of one order of size become one */
    size_t records;        /* so many records that say nothing are worth a record that condemns */
};
/* `pack_size`: of a full pack, at most; `live`: bytes that are needed in all. */
struct collect_rules collect_rules_default(uint64_t pack_size, uint64_t live);

/* Fill in action, why and go of every object. ERROR_NO_MEMORY only. */
MUST_USE int collect_plan(struct collect_state *state, const struct collect_rules *rules, struct error *err);
/* When a target may delete an object that waits (by its clock); 0: not foreseen. */
int64_t collect_until(const struct collect_state *state, const struct collect_rules *rules,
                      const struct collect_object *object, size_t target);
/* NULL if there is none. */
struct collect_object *collect_find(const struct collect_state *state, enum object_class class,
                                    const struct hash *name);
/* Sort and join objects of the same name: flags and targets are added up. */
void collect_join(struct collect_state *state);

#endif
