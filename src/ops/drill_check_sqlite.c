/* A SQLite database: opened read-only, PRAGMA integrity_check, then what sql checks ask. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/drill_check.h"

#include <sqlite3.h>
#include <string.h>

enum { STEPS_BETWEEN_LOOKS = 10000, MESSAGES_MAX = 10 };

struct drill_database {
    sqlite3 *db;
    const struct drill_place *place;
    int64_t until_ns;
};

/* Not 0 ends what SQLite is doing. */
static int look_at_clock(void *context)
{
    const struct drill_database *database = context;
    return clock_monotonic_ns() > database->until_ns || cancel_check(database->place->cancel, NULL) != 0;
}

/* Why a call failed, in the outcome; -1 if everything is to be stopped. */
static int say_failure(struct drill_database *database, struct drill_outcome *outcome, struct error *err)
{
    if (cancel_check(database->place->cancel, err) != 0)
        return -1;
    if (sqlite3_errcode(database->db) == SQLITE_INTERRUPT)
        return drill_outcome(outcome, DRILL_FAILED, err, "it took longer than %lld s and was ended",
                             (long long)(database->place->limit_ns / NS_PER_S));
    return drill_outcome(outcome, DRILL_FAILED, err, "%s", sqlite3_errmsg(database->db));
}

static int ask(struct drill_database *database, const char *query, char **ret_answer, struct drill_outcome *outcome,
               struct error *err)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = "";
    int rc = 0;
    *ret_answer = NULL;
    database->until_ns = clock_monotonic_ns() + database->place->limit_ns;
    if (sqlite3_prepare_v2(database->db, query, -1, &statement, &rest) != SQLITE_OK || statement == NULL)
        return say_failure(database, outcome, err);
    bool fits = rest[strspn(rest, " ;\n")] == '\0' && sqlite3_stmt_readonly(statement) != 0;
    int step = fits ? sqlite3_step(statement) : SQLITE_MISUSE;
    if (!fits)
        rc = drill_outcome(outcome, DRILL_FAILED, err, "it is more than one query that only reads");
    else if (step == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        CLEANUP_FREE char *answer = mem_strdup(text != NULL ? text : "");
        step = sqlite3_step(statement);
        if (answer == NULL)
            rc = error_no_memory(err);
        else if (step == SQLITE_ROW)
            rc = drill_outcome(outcome, DRILL_FAILED, err, "it gives more than one row");
        else if (step != SQLITE_DONE)
            rc = say_failure(database, outcome, err);
        else {
            *ret_answer = answer;
            answer = NULL;
        }
    } else if (step == SQLITE_DONE)
        rc = drill_outcome(outcome, DRILL_FAILED, err, "it gives no row");
    else
        rc = say_failure(database, outcome, err);
    (void)sqlite3_finalize(statement);
    return rc;
}

static int check_integrity(struct drill_database *database, struct drill_outcome *outcome, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = 0, step = SQLITE_DONE;
    bool sound = false;
    database->until_ns = clock_monotonic_ns() + database->place->limit_ns;
    if (sqlite3_prepare_v2(database->db, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK)
        return say_failure(database, outcome, err);
    for (int i = 0; rc == 0 && i < MESSAGES_MAX && (step = sqlite3_step(statement)) == SQLITE_ROW; i++) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        sound = i == 0 && text != NULL && strcmp(text, "ok") == 0;
        rc = drill_outcome(outcome, sound ? DRILL_PASSED : DRILL_FAILED, err, "integrity_check: %s",
                           text != NULL ? text : "");
    }
    if (rc == 0 && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = say_failure(database, outcome, err);
    (void)sqlite3_finalize(statement);
    return rc;
}

int drill_check_sqlite(const struct drill_check *checks, size_t count, size_t which, const char *path,
                       const struct drill_place *place, struct drill_outcome *outcomes, struct error *err)
{
    struct drill_database database = {.place = place};
    struct drill_outcome *outcome = &outcomes[which];
    int rc;
    if (sqlite3_open_v2(path, &database.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
        rc = drill_outcome(outcome, DRILL_FAILED, err, "%s",
                           database.db != NULL ? sqlite3_errmsg(database.db) : "no memory");
    } else {
        /* The database is the customer's: nothing in its schema may do more than be read. */
        (void)sqlite3_db_config(database.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(database.db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_progress_handler(database.db, STEPS_BETWEEN_LOOKS, look_at_clock, &database);
        rc = check_integrity(&database, outcome, err);
        if (rc == 0 && outcome->state == DRILL_PASSED)
            rc = drill_check_assertions(checks[which].name, checks, count, &database, ask, outcomes, err);
    }
    (void)sqlite3_close(database.db);
    return rc;
}
