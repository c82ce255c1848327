/*
 * A drill while it runs: what its files (ops/drill*.c) share.
 *
 *   drill.c          the way through: from what it is drawn, target by target, verdict, record
 *   drill_sample.c   how many files, and which
 *   drill_scratch.c  the folder that it may write to, and nothing else
 *   drill_choose.c   the snapshots and files of one target
 *   drill_egress.c   what has to be fetched for them, and what was fetched already
 *   drill_target.c   one target: restore, compare, check, wipe
 *   drill_compare.c  what was restored against the manifest
 *   drill_bare.c     a machine with nothing: recover first
 *   drill_budget.c   bytes and time that may be used up
 *   drill_check*.c   application checks
 *   drill_kit.c      the file that another machine needs
 *   drill_home.c     making one; accepting the report that comes back
 *   drill_away.c     the drill on the other machine
 *   drill_report.c   the statement, signed and recorded; reading it again
 */
#ifndef HIKAE_OPS_DRILL_H
#define HIKAE_OPS_DRILL_H

#include "base/json.h"
#include "ops/drill_check.h"
#include "ops/drill_sample.h"
#include "ops/drill_scratch.h"
#include "ops/restore.h"
#include "pipeline/block_cache.h"

#define DRILL_TYPE "application/vnd.hikae.drill+json"

enum { DRILL_FAILURES_KEPT = 100, DRILL_AGES = 5 };

/* Worse ones later: the drill's is the worst of its targets'. */
enum drill_result { DRILL_RESULT_PASSED, DRILL_RESULT_UNKNOWN, DRILL_RESULT_CUT, DRILL_RESULT_FAILED };
const char *drill_result_name(enum drill_result result);

/* Snapshots of one age, of which one was drawn. */
struct drill_age {
    const char *name; /* "latest", "week", "month", "year", "older" */
    char snapshot[SNAPSHOT_NAME_SIZE];
    int64_t time_ns;
    uint64_t entries, bytes; /* of the whole snapshot */
    size_t among;            /* so many it was drawn from */
    uint64_t holders;        /* bits of the targets that have its record */
    uint64_t population;     /* files with content; entries if not a sample */
    uint64_t sample;
    struct drill_picks picks; /* of a sample, by priority; paths only up to `sample` count */
};

/* One target: what was done there, and what came of it. */
struct drill_site {
    const char *name;
    enum drill_result result;
    char why[512];          /* "" when it passed */
    enum error_class class; /* of what ended it, or ERROR_NONE */
    struct drill_age ages[DRILL_AGES];
    size_t age_count;
    double reached;
    uint64_t population, sample, checked, failed;
    uint64_t bytes, bytes_expected, bytes_fetched; /* restored; to be fetched for that; fetched */
    int64_t recover_ns, choose_ns, restore_ns, check_ns, wipe_ns;
    bool newest_restored;
    bool wiped;
    uint64_t warnings; /* entries whose owners, times or flags could not be set */
    json_t *failures;  /* [{snapshot, path, why}], the first DRILL_FAILURES_KEPT */
    struct drill_outcome *outcomes;
    uint32_t epoch;
    char *holder; /* class of what opened the keys: "file" */
};

struct drill_budget;

struct drill {
    struct hikae *hikae;
    const struct hikae_drill_options *options;
    const char *tenant;
    struct id tid;
    char *policy;
    char id[DRILL_ID_SIZE];
    uint8_t seed[SHA256_SIZE];
    struct hmac *hmac;
    struct {
        struct id log;
        uint64_t size;
        struct hash root;
        int64_t time_ns;
    } checkpoint;
    double confidence, damage;
    int64_t started_ns, began_ns; /* trusted clock; monotonic */
    struct drill_age ages[DRILL_AGES];
    size_t age_count;
    struct drill_check *checks;
    size_t check_count;
    struct drill_scratch scratch;
    struct drill_budget *budget;
    struct drill_site *sites;
    size_t site_count;
    enum drill_result result;
    bool cleaned;
    int64_t rto_promised_ns, rpo_promised_ns;
    const json_t *kit; /* of a drill on another machine: what its kit says of itself; or NULL */
};

/* A restored folder, and what is known of it. */
struct drill_restored {
    struct drill *drill;
    struct hikae *engine;
    struct drill_site *site;
    struct drill_age *age;
    char *folder;
    struct hikae_entry_error *errors; /* sorted by path */
    size_t error_count;
};

/* ---- drill_egress.c: what leaves a target ---- */

/* Keep what the engine fetches from its target, in the scratch folder (in the state folder, of a plan). */
MUST_USE int drill_keep_blocks(const struct drill *drill, struct hikae *engine, struct error *err);
void drill_forget_blocks(struct hikae *engine);
uint64_t drill_fetched(const struct hikae *engine);

/* What is restored of one snapshot: everything, or a sample and what application checks need, sorted. */
struct drill_paths {
    bool whole;
    const char **items; /* borrowed, but for those in `owned` */
    size_t count;
    char *owned[2 * DRILL_CHECKS_MAX];
    size_t owned_count;
};
MUST_USE int drill_paths_list(const struct drill *drill, const struct drill_site *site, const struct drill_age *age,
                              struct drill_paths *ret, struct error *err);
void drill_paths_clear(struct drill_paths *paths);
/* As users restore; `to` is the caller's to say. */
struct hikae_restore_options drill_restore_options(const struct drill *drill, const struct drill_site *site,
                                                   const struct drill_age *age, const struct drill_paths *paths);
/* site->bytes_expected: what was fetched to draw the files, and what they lie in, each block once. */
MUST_USE int drill_expect(const struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err);

/* ---- drill_compare.c ---- */

/* What was restored, entry by entry, against the manifest. Differences go to the site; -1 ends the drill. */
MUST_USE int drill_compare_sample(struct drill_restored *restored, struct error *err);
MUST_USE int drill_compare_all(struct drill_restored *restored, struct error *err);
/* Errors of entries by path, for qsort. */
int drill_compare_errors(const void *a, const void *b);

/* "unlimited" is 0 bytes and 0 ns. */
MUST_USE int drill_budget_start(struct drill *drill, struct error *err);
/* Watch this engine from now on (NULL: none): cancelled when the budget is used up or the drill is to stop. */
void drill_budget_watch(struct drill *drill, struct hikae *engine);
/* Is it used up? `why` is filled then. */
bool drill_budget_is_over(const struct drill *drill, char *why, size_t size);
/* Is what is left too little to fetch so much from the next target? `why` is filled then. */
bool drill_budget_lacks(const struct drill *drill, uint64_t bytes, char *why, size_t size);
void drill_budget_stop(struct drill *drill);

/* The rest of a drill once it knows from what it is drawn (ops/drill.c), for a drill on another machine. */
typedef int drill_each(struct drill *drill, struct drill_site *site, struct error *err);
MUST_USE int drill_work(struct drill *drill, drill_each *each, struct error *err);
MUST_USE int drill_check_options(const struct hikae_drill_options *options, struct error *err);
MUST_USE int drill_take_targets(struct drill *drill, struct error *err);
MUST_USE int drill_verdict(const struct drill *drill, struct error *err);
void drill_clear(struct drill *drill);
/* The newest checkpoint of this folder's audit log into drill->checkpoint. */
MUST_USE int drill_find_checkpoint(struct drill *drill, struct error *err);

/* The snapshots that are drawn from: one of each age, or the one that was asked for. */
MUST_USE int drill_choose_snapshots(struct drill *drill, const struct session *session, struct error *err);
/* Draw the files of one target, through that target alone. Its snapshots come from drill->ages. */
MUST_USE int drill_choose_files(struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err);

/* Everything at one target. Failures of what is drilled go to the site; -1 ends the drill. */
MUST_USE int drill_target(struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err);
/* The same with nothing but that target and a holder. */
MUST_USE int drill_bare(struct drill *drill, const struct config_target *target, struct drill_site *site,
                        struct error *err);
void drill_site_fail(struct drill_site *site, enum drill_result result, enum error_class class, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/*
 * Something did not work at this target: 0 with the site's result, or -1 with *err if it ends the drill. What was
 * stopped by the budget is cut; what was stopped from outside ends it.
 */
MUST_USE int drill_site_settle(struct drill *drill, struct drill_site *site, const char *snapshot,
                               const struct error *why, struct error *err);
/* Note a failure; snapshot and path may be "". */
MUST_USE int drill_site_note(struct drill_site *site, const char *snapshot, const char *path, const char *why,
                             struct error *err);
void drill_site_clear(struct drill_site *site, size_t check_count);

/* What came of it, as JSON; `planned`: nothing was done. */
MUST_USE int drill_statement(const struct drill *drill, bool planned, json_t **ret, struct error *err);
/* Sign it and append it to the tenant's history: *ret_envelope (mem_free). */
MUST_USE int drill_record(struct drill *drill, json_t *statement, char **ret_envelope, struct error *err);
/* The public form of a statement. */
MUST_USE int drill_read(const json_t *statement, struct hikae_drill *ret, struct error *err);
/* Text for JSON: what is no UTF-8 becomes U+FFFD. NULL without memory. */
json_t *drill_text(const char *text);

#endif
