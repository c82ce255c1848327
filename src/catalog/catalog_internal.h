/*
 * What the parts of the catalogue share: the connection with its lock, the
 * prepared statements, and a way to run one that reads like the statement.
 */
#ifndef HIKAE_CATALOG_CATALOG_INTERNAL_H
#define HIKAE_CATALOG_CATALOG_INTERNAL_H

#include "base/mem.h"
#include "catalog/catalog.h"

#include <pthread.h>
#include <sqlite3.h>

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_SET,
    SQL_META_FORGET,
    SQL_META_GET,
    SQL_TENANT_PUT,
    SQL_TENANT_BY_NAME,
    SQL_TENANT_BY_ID,
    SQL_TENANT_AFTER,
    SQL_TENANT_FORGET,
    SQL_TENANT_FORGET_PLACES,
    SQL_TENANT_FORGET_JOBS,
    SQL_PLACE_ADD,
    SQL_PLACE_FIND,
    SQL_PLACE_LISTED,
    SQL_PLACE_FORGET,
    SQL_PLACE_FORGET_TARGET,
    SQL_LEDGER_PUT,
    SQL_LEDGER_FIND,
    SQL_LEDGER_PAGE,
    SQL_LEDGER_SUM,
    SQL_LEDGER_REMOVE,
    SQL_LEDGER_REMOVE_OLD,
    SQL_CHECKED_PUT,
    SQL_CHECKED_OLDEST,
    SQL_CHECKED_SUM,
    SQL_RUN_START,
    SQL_RUN_FINISH,
    SQL_RUN_PAGE,
    SQL_RUN_TRIM,
    SQL_JOB_PUT,
    SQL_JOB_ALL,
    SQL_COUNT
};

struct catalog {
    sqlite3 *db;
    pthread_mutex_t lock; /* around every use of db and statements */
    sqlite3_stmt *statements[SQL_COUNT];
    char *path;
    char *moved_to;
    int lock_file; /* locked shared while it is open: a database in use is never moved aside */
};

/* Fill err after a failed call of SQLite. Remembers damage, so that the next opening moves the file aside. Returns -1.
 */
int catalog_error(struct catalog *catalog, int code, const char *action, struct error *err);

/*
 * One use of a prepared statement. Values are bound in order; the first that
 * fails is kept and reported by query_step. The caller holds the lock.
 */
struct query {
    struct catalog *catalog;
    sqlite3_stmt *statement;
    int code;
    int next;
};

struct query query_of(struct catalog *catalog, enum statement statement);
void query_integer(struct query *query, int64_t value);
/* Borrowed until the query ends. */
void query_text(struct query *query, const char *text);
void query_id(struct query *query, const struct id *id);
/* 1: a row; 0: no more; -1: err. `action` completes "catalogue: cannot …". */
MUST_USE int query_step(struct query *query, const char *action, struct error *err);
/* Use the statement again with other values. */
void query_again(struct query *query);
void query_end(struct query *query);
#define CLEANUP_QUERY CLEANUP(query_end)
/* The text of a column; never NULL, "" if there was no memory or no text. Valid until the next step. */
const char *query_column_text(const struct query *query, int column);
/* Run a statement that takes no values and gives no rows. */
MUST_USE int query_run(struct catalog *catalog, enum statement statement, const char *action, struct error *err);

/* A change under the lock, in a transaction: commits if it returns 0, else rolls back. */
typedef int catalog_change(struct catalog *catalog, void *context, struct error *err);
MUST_USE int catalog_transaction(struct catalog *catalog, catalog_change *change, void *context, const char *action,
                                 struct error *err);

void catalog_lock(struct catalog *catalog);
void catalog_unlock(struct catalog *catalog);
static inline void cleanup_catalog_unlock(struct catalog **catalog)
{
    catalog_unlock(*catalog);
}
/* Hold the lock until the end of the block. */
#define CATALOG_LOCKED(catalog)                                                                                        \
    struct catalog *locked_catalog CLEANUP(cleanup_catalog_unlock) = (catalog);                                        \
    catalog_lock(locked_catalog)

/* The number of a tenant's place on a target: 0 if there is none and `add` is false. The caller holds the lock. */
MUST_USE int catalog_place(struct catalog *catalog, const struct id *tid, const char *target, bool add,
                           int64_t *ret_place, struct error *err);

#endif
