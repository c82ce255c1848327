/*
 * Application checks: is what was restored more than the right bytes? A tenant
 * names them ("db" is "sqlite:home/app.db"); they stand in its record.
 *
 *   sqlite:PATH           PRAGMA integrity_check of a database, opened read-only
 *   postgresql:PATH       a dump (plain or pg_dump's own format) restored into a scratch server
 *   sql:CHECK:VALUE:SELECT …  in the database of the check of that name: the query gives exactly this
 *   ext4:PATH             e2fsck -fn of an image
 *   archive:PATH          a tar, zip, … read through to its end
 *   cmd:COMMAND           under /bin/sh in the restored folder; 0 is good. Full and bare drills only
 *
 * PATH is one of the snapshot: "source/dir/name".
 */
#ifndef HIKAE_OPS_DRILL_CHECK_H
#define HIKAE_OPS_DRILL_CHECK_H

#include "base/buf.h"
#include "base/cancel.h"

enum drill_kind {
    DRILL_CHECK_SQLITE,
    DRILL_CHECK_POSTGRESQL,
    DRILL_CHECK_SQL,
    DRILL_CHECK_EXT4,
    DRILL_CHECK_ARCHIVE,
    DRILL_CHECK_COMMAND,
    DRILL_KINDS
};

enum { DRILL_CHECKS_MAX = 32, DRILL_CHECK_NAME_MAX = 64, DRILL_CHECK_SPEC_MAX = 4096 };

struct drill_check {
    char *name;
    enum drill_kind kind;
    char *path;   /* of the file, or the command */
    char *of;     /* sql: the check whose database it asks … */
    char *expect; /* … and what it must answer               */
};

/* From the JSON object of a tenant's record ({} and NULL: none), sorted by name. ERROR_CONFIG. drill_checks_free. */
MUST_USE int drill_checks_read(const char *json, struct drill_check **ret, size_t *ret_count, struct error *err);
void drill_checks_free(struct drill_check *checks, size_t count);
/* Is "NAME=KIND:…" one, or "NAME=" (which takes it away)? ERROR_USAGE. */
MUST_USE int drill_check_text(const char *text, struct error *err);
/* Set and take away in a JSON object of checks (mem_free'd and replaced). */
MUST_USE int drill_checks_apply(char **json, const char *const *checks, size_t count, struct error *err);
const char *drill_kind_name(enum drill_kind kind);

enum drill_state { DRILL_PASSED, DRILL_FAILED, DRILL_LEFT };
struct drill_outcome {
    enum drill_state state;
    struct buf output; /* text for people: what it found, the beginning of what a program said */
    int64_t duration_ns;
};

/* Where a check works. */
struct drill_place {
    const char *folder;                  /* what was restored */
    const char *work;                    /* an empty folder of hikae's own */
    bool whole;                          /* the whole snapshot was restored */
    int64_t limit_ns;                    /* of one check */
    const char *drill, *tenant, *target; /* for commands */
    const struct cancel *cancel;
};
/*
 * Run all of them; outcomes[i] belongs to checks[i] (buf_free the outputs, also on failure). A check that cannot be
 * done has failed: -1 is for lack of memory and when it was stopped.
 */
MUST_USE int drill_checks_run(const struct drill_check *checks, size_t count, const struct drill_place *place,
                              struct drill_outcome *outcomes, struct error *err);

/* ---- For drill_check_*.c ---- */

/* Say how it went. Always returns 0 unless there is no memory. */
MUST_USE int drill_outcome(struct drill_outcome *outcome, enum drill_state state, struct error *err, const char *fmt,
                           ...) PRINTF_LIKE(4, 5);
/* A database that is open for assertions. *ret_answer (mem_free) is NULL if there was no single row; what failed is
 * said in the outcome. */
struct drill_database;
typedef int drill_ask(struct drill_database *database, const char *query, char **ret_answer,
                      struct drill_outcome *outcome, struct error *err);
/* Ask what the sql checks of `name` ask, and fill their outcomes. */
MUST_USE int drill_check_assertions(const char *name, const struct drill_check *checks, size_t count,
                                    struct drill_database *database, drill_ask *ask, struct drill_outcome *outcomes,
                                    struct error *err);
/* Each fills the outcome of checks[which], and those of its assertions. */
typedef int drill_check_work(const struct drill_check *checks, size_t count, size_t which, const char *path,
                             const struct drill_place *place, struct drill_outcome *outcomes, struct error *err);
drill_check_work drill_check_sqlite, drill_check_postgresql;
/* End the server that a check left running in this work folder, if there is one: of a drill that was killed. */
void drill_postgresql_end(const char *work);

#endif
