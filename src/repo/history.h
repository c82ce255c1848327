/*
 * A tenant's state as the fold of its history records (FORMAT.md §6): pure,
 * no I/O, the same result for any order in which records arrive. Holds that
 * cannot be parsed are kept as holds: in doubt, nothing is deleted.
 */
#ifndef HIKAE_REPO_HISTORY_H
#define HIKAE_REPO_HISTORY_H

#include "repo/manifest.h"
#include "repo/record.h"

enum { SNAPSHOT_NAME_SIZE = 17 }; /* 16 hexadecimal digits and NUL */

struct history_snapshot {
    char name[SNAPSHOT_NAME_SIZE];
    struct hash record;
    uint64_t sequence;
    int64_t time_ns;
    int64_t started_ns;
    int64_t finished_ns;
    struct manifest_root root;
    unsigned leaf_mean;
    unsigned fan_out;
    uint64_t errors;
    char *tag;             /* or NULL */
    int64_t keep_until_ns; /* 0: by policy */
    bool on_demand;
    bool retired;
    int64_t retired_ns; /* when, by the record that retires it; 0: it is not, or its record was condemned */
    char *host;
    char *version;
    char *sources;       /* JSON array, as in the record */
    int64_t verified_ns; /* last successful data verification; 0 never */
    struct roster_row *parts;
    size_t part_count;
    bool has_roster;
    struct roster roster;
    bool has_new_roster;       /* roster and parts are those of a record of type 13 … */
    struct hash roster_record; /* … namely this one */
};

struct history_hold {
    char id[33];
    char *who;
    char *why;
    char *until; /* RFC 3339, or NULL: until it is removed */
    int64_t since_ns;
};

struct history_source {
    char *name;
    char *spec;
    char **exclude;
    size_t exclude_count;
    bool one_file_system;
    bool exclude_caches;
};

/* What one tenant may use up; 0 is no limit. */
struct history_limits {
    uint64_t seconds; /* of one job */
    uint64_t bytes;   /* of its sources */
    unsigned threads;
};

struct history_tenant {
    char *name;
    char *policy;
    char *state;           /* "new" is active, but no test backup was restored yet */
    char *class_;          /* "customer" or "provider" */
    unsigned priority;     /* 1 first … 9 last; 0 is not stated */
    int64_t not_before_ns; /* the first backup waits until then; 0: it does not */
    int64_t ends_ns;       /* its contract ends: nothing is backed up from then on; 0: it does not end */
    int64_t erase_by_ns;   /* and by then everything must be erased */
    struct history_limits limits;
    struct history_source *sources;
    size_t source_count;
    char *labels; /* JSON object */
    char *checks; /* JSON object: what a drill looks at after a restore; NULL: nothing */
};

/* What a tenant was from an instant on: of every record of type 1, also of those that later ones replaced. */
struct history_stage {
    int64_t time_ns;
    char *policy;
    char *state;
    char *class_;
    int64_t not_before_ns;
    int64_t ends_ns; /* of the contract: nothing is backed up from then on; 0: it does not end */
};

/* A fact whose latest record is kept as JSON: contract, policies, operators, targets, kept logs, attestations. */
struct history_fact {
    enum record_type type;
    char *key; /* policy, operator or target name; "" for the contract */
    char *body;
    int64_t time_ns;
    uint64_t sequence; /* of its record: of two facts the one with the higher number was written knowing the other */
};

struct history {
    bool has_tenant;
    struct history_tenant tenant; /* by the latest record of type 1 */
    struct history_stage *stages; /* in the order of their records */
    size_t stage_count;
    struct history_snapshot *snapshots; /* by time; retired ones too */
    size_t snapshot_count;
    struct history_hold *holds;
    size_t hold_count;
    struct history_fact *facts;
    size_t fact_count;
    struct history_fact *past; /* facts that later ones about the same thing have replaced, in the order of that */
    size_t past_count;
    struct hash *heads; /* records that no other names */
    size_t head_count;
    struct hash *missing; /* records named as previous that are not there, and were not condemned */
    size_t missing_count;
    uint64_t sequence; /* highest */
    int64_t last_time_ns;
    size_t unreadable; /* records that could not be parsed */
};

/*
 * Collects records, in any order, each once (doubles are ignored). Give it only
 * records that record_parse has authenticated: nothing that a target's owner
 * could have made up may change the fold. Not for several threads at once.
 */
struct history_builder;
struct history_builder *history_builder_new(void);
void history_builder_free(struct history_builder *builder);
/* Takes the record over (and empties it); on failure it stays the caller's. Of its
 * condemned objects only records are kept. */
MUST_USE int history_builder_take(struct history_builder *builder, struct record *record, struct error *err);
/*
 * A record that is there but cannot be opened or parsed: counted, and it makes nobody delete. If only its clear part
 * could be parsed, history_builder_take is better (with body NULL): it is counted too, changes nothing else of the
 * fold, but stays a hold if it says that it is one, and gives way to the same record with a body.
 */
void history_builder_unreadable(struct history_builder *builder);
/* Fold. The builder is spent, whatever comes of it; free it. */
MUST_USE int history_builder_finish(struct history_builder *builder, struct history *ret, struct error *err);
void history_clear(struct history *history);
/* Does it forbid deletion at that instant? One whose end cannot be read does. */
bool history_hold_in_force(const struct history_hold *hold, int64_t now_ns);

/* The latest snapshot that is not retired, or NULL. */
const struct history_snapshot *history_latest(const struct history *history);
/*
 * Is it kept beside the backups of the tenant's sources? Logs that were taken in ("log.CLASS.SOURCE.PERIOD") and what
 * outlasts a contract ("survivors") lie among them, and are nothing to go back to.
 */
bool history_is_aside(bool on_demand, const char *tag);
/*
 * By name, or a prefix of it that is unique (4 digits or more), or "latest". A retired snapshot is found if no other
 * fits: see its `retired`. ERROR_NOT_FOUND, ERROR_USAGE if several fit.
 */
MUST_USE int history_find(const struct history *history, const char *name, const struct history_snapshot **ret,
                          struct error *err);
/* The latest that is not after the instant, and not retired. ERROR_NOT_FOUND. */
MUST_USE int history_at(const struct history *history, int64_t time_ns, const struct history_snapshot **ret,
                        struct error *err);

/*
 * The JSON body of a snapshot record (mem_free; NULL when there is no memory). `parent` may be NULL, as may the texts.
 * `packs` is the number of packs in snapshot->roster, which may be filled although parts are used; without it, absent.
 * JSON is UTF-8: bytes that are none become U+FFFD.
 */
char *history_snapshot_body(const struct history_snapshot *snapshot, const char *parent);
/* The JSON body of a tenant record (mem_free; NULL when there is no memory). */
char *history_tenant_body(const struct history_tenant *tenant);
/* And back, as the catalogue keeps it. ERROR_DAMAGED if it is none. */
MUST_USE int history_tenant_read(const char *body, struct history_tenant *ret, struct error *err);
void history_tenant_clear(struct history_tenant *tenant);

#endif
