/* Running prepared statements, transactions, and what SQLite's codes mean to the caller. */
#include "catalog/catalog_internal.h"

#include <fcntl.h>
#include <unistd.h>

static bool means_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

/* Leave a mark beside the database: an opening later moves it aside, also when this process is killed now. */
static void mark_damage(const struct catalog *catalog)
{
    CLEANUP_FREE char *mark = mem_printf("%s-damaged", catalog->path);
    int fd = mark != NULL ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    /* Without the mark the damage is found again by whoever comes upon it. */
    if (fd >= 0)
        (void)close(fd);
}

int catalog_error(struct catalog *catalog, int code, const char *action, struct error *err)
{
    int errnum = catalog->db != NULL ? sqlite3_system_errno(catalog->db) : 0;
    const char *why = catalog->db != NULL ? sqlite3_errmsg(catalog->db) : sqlite3_errstr(code);
    if ((code & 0xff) == SQLITE_NOMEM)
        return error_no_memory(err);
    (void)error_set(err, ERROR_LOCAL, "catalogue %s: cannot %s: %s", catalog->path, action, why);
    if (err != NULL)
        err->errnum = errnum;
    if (means_damage(code)) {
        mark_damage(catalog);
        return error_hint(err, "run the command again: the catalogue is moved aside and rebuilt from the targets");
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (err != NULL) {
            err->class = ERROR_BUSY;
            err->retryable = true;
        }
        return error_hint(err, "another run uses it: wait for that one to end");
    case SQLITE_FULL:
        return error_hint(err, "free some space on the disk of the state folder, then run again");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return error_hint(err, "check owner and mode of the state folder, and that its disk is writable");
    default:
        return -1;
    }
}

struct query query_of(struct catalog *catalog, enum statement statement)
{
    return (struct query){
        .catalog = catalog, .statement = catalog->statements[statement], .code = SQLITE_OK, .next = 1};
}

static void keep(struct query *query, int code)
{
    query->next++;
    if (query->code == SQLITE_OK)
        query->code = code;
}

void query_integer(struct query *query, int64_t value)
{
    keep(query, sqlite3_bind_int64(query->statement, query->next, value));
}

void query_text(struct query *query, const char *text)
{
    /* NULL binds NULL. */
    keep(query, sqlite3_bind_text(query->statement, query->next, text, -1, SQLITE_STATIC));
}

void query_id(struct query *query, const struct id *id)
{
    keep(query, id != NULL ? sqlite3_bind_blob(query->statement, query->next, id->bytes, ID_SIZE, SQLITE_STATIC)
                           : sqlite3_bind_null(query->statement, query->next));
}

int query_step(struct query *query, const char *action, struct error *err)
{
    if (query->code == SQLITE_OK)
        query->code = sqlite3_step(query->statement);
    int code = query->code;
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        query->code = SQLITE_OK;
        return code == SQLITE_ROW;
    }
    return catalog_error(query->catalog, code, action, err);
}

void query_again(struct query *query)
{
    (void)sqlite3_reset(query->statement);
    query->next = 1;
    query->code = SQLITE_OK;
}

void query_end(struct query *query)
{
    (void)sqlite3_reset(query->statement);
    (void)sqlite3_clear_bindings(query->statement);
}

const char *query_column_text(const struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, column);
    return text != NULL ? (const char *)text : "";
}

int query_run(struct catalog *catalog, enum statement statement, const char *action, struct error *err)
{
    CLEANUP_QUERY struct query query = query_of(catalog, statement);
    return query_step(&query, action, err) >= 0 ? 0 : -1;
}

void catalog_lock(struct catalog *catalog)
{
    (void)pthread_mutex_lock(&catalog->lock);
}

void catalog_unlock(struct catalog *catalog)
{
    (void)pthread_mutex_unlock(&catalog->lock);
}

int catalog_transaction(struct catalog *catalog, catalog_change *change, void *context, const char *action,
                        struct error *err)
{
    CATALOG_LOCKED(catalog);
    if (query_run(catalog, SQL_BEGIN, action, err) != 0)
        return -1;
    if (change(catalog, context, err) == 0 && query_run(catalog, SQL_COMMIT, action, err) == 0)
        return 0;
    /* Some failures have rolled back already; then there is nothing to do here. */
    if (sqlite3_get_autocommit(catalog->db) == 0)
        (void)sqlite3_step(catalog->statements[SQL_ROLLBACK]);
    (void)sqlite3_reset(catalog->statements[SQL_ROLLBACK]);
    return -1;
}
