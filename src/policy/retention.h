/*
 * Retention: which snapshots a tenant's rules keep, and why.
 *
 * Pure: a plan follows from snapshots, rules, holds, now and the zone alone; nothing here reads a target, a clock or a
 * file. The plan has a sentence for every snapshot.
 *
 * What the rules mean. A generation is a snapshot that a rule keeps; only complete snapshots (record and roster on
 * min_copies targets) that the schedule made can be one: a failing night uses up no generation, and neither does a
 * snapshot on demand. `daily: 7` are the last seven days, in the policy's zone, that have a complete snapshot: one per
 * day, however often a night was tried again. Of a period the last complete snapshot counts: it is the one nearest to
 * the end of what the period's name promises, and a retry that did not become complete never takes the place of one
 * that is. A snapshot is kept if any rule keeps it.
 *
 * Whatever the rules say: a hold keeps everything; the latest complete snapshot and the latest verified one stay; a
 * snapshot on demand, or one with an expiry of its own, stays until then; a partial one stays as long as it would be a
 * generation once catch-up has completed it; one of which nobody can tell whether it is complete stays; a tenant
 * without rules keeps everything; a plan that keeps nothing is refused, and so is any plan while a snapshot lies in the
 * future.
 */
#ifndef HIKAE_POLICY_RETENTION_H
#define HIKAE_POLICY_RETENTION_H

#include "policy/span.h"
#include "policy/zone.h"

#include <stddef.h>

enum retention_kind {
    RETENTION_WITHIN, /* everything within a span      */
    RETENTION_LAST,   /* the latest, whatever their day */
    RETENTION_HOURLY,
    RETENTION_DAILY,
    RETENTION_WEEKLY,
    RETENTION_MONTHLY,
    RETENTION_YEARLY,
    RETENTION_KIND_COUNT
};

enum { RETENTION_COUNT_MAX = 100000 };

/* At least one of count and within; RETENTION_WITHIN has no count. With both, a generation must meet both. */
struct retention_rule {
    enum retention_kind kind;
    unsigned count;     /* generations; 0: as many as lie within `within`          */
    struct span within; /* not older than this; not set: however old               */
    char *tag;          /* of snapshots with this tag only; NULL: of all (mem_free) */
};

struct retention_rules {
    struct retention_rule *rules; /* none: everything is kept (mem_free) */
    size_t count;
    struct span on_demand; /* how long snapshots on demand stay that state no expiry; not set: until taken out */
};
/* "within", "last", "hourly" … as policies write them. */
const char *retention_kind_name(enum retention_kind kind);
/* The kind of that name; false if there is none. */
bool retention_kind_find(const char *name, enum retention_kind *ret);
/* "daily 7", "monthly within 1y", "within 30d", "daily 7 (tag release)". Returns buf (RETENTION_TEXT_SIZE bytes). */
enum { RETENTION_TEXT_SIZE = 160 };
char *retention_rule_format(const struct retention_rule *rule, char *buf);
/* Is it a rule that means something? ERROR_CONFIG and what is wrong otherwise. */
MUST_USE int retention_rule_check(const struct retention_rule *rule, struct error *err);

/* Is a snapshot complete, its record and whole roster on min_copies targets? Three outcomes, never two. */
enum retention_copies {
    RETENTION_PARTIAL,
    RETENTION_COMPLETE,
    RETENTION_UNKNOWN /* a target that may hold it does not answer: it stays, and pushes nothing out */
};

/* One snapshot that is not retired. Texts are borrowed. */
struct retention_snapshot {
    const char *id;
    int64_t time_ns; /* of its record: the trusted clock's, not the source's */
    enum retention_copies copies;
    bool on_demand;
    int64_t keep_until_ns; /* 0: none of its own                 */
    int64_t verified_ns;   /* 0: never                           */
    const char *incident;  /* open, whose logs it holds; or NULL */
    const char *tag;       /* or NULL                            */
};

struct retention_hold {
    const char *id;
    const char *who;
    int64_t until_ns; /* INT64_MAX: until it is removed */
};

/* How far a target's clock is ahead of ours. */
struct retention_clock {
    const char *target;
    int64_t ahead_ns;
};

enum { RETENTION_SKEW_MAX_S = 300 };

struct retention_input {
    const struct retention_snapshot *snapshots; /* in any order */
    size_t snapshot_count;
    const struct retention_rules *rules;
    const struct retention_hold *holds;
    size_t hold_count;
    const struct retention_clock *clocks; /* of the targets that tell the time */
    size_t clock_count;
    int64_t now_ns;
    const struct zone *zone;
};

/* What becomes of a snapshot. */
struct retention_decision {
    size_t snapshot; /* its index in the input */
    bool keep;
    char **reasons; /* one or more: "daily 3 of 7: 2026-11-19"; of a dropped one, why each rule lets it go */
    size_t reason_count;
};

struct retention_plan {
    struct retention_decision *decisions; /* of every snapshot, the latest first */
    size_t count;
    size_t keep_count;
};

/*
 * ERROR_REFUSED: a target's clock is off by more than RETENTION_SKEW_MAX_S, a snapshot lies that far in the future, or
 * nothing would be kept.
 */
MUST_USE int retention_plan_make(const struct retention_input *input, struct retention_plan *ret, struct error *err);
/* Frees what it holds, and zeroes it. */
void retention_plan_clear(struct retention_plan *plan);

#endif
