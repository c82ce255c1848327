/* The history of runs. */
#include "catalog/catalog_internal.h"

#include <string.h>

static const struct id no_tenant;

int catalog_run_start(struct catalog *catalog, const struct id *tid, const char *kind, int64_t started_ns,
                      int64_t *ret_number, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_RUN_START);
    query_id(&query, tid != NULL ? tid : &no_tenant);
    query_text(&query, kind);
    query_integer(&query, started_ns);
    if (query_step(&query, "note the start of a run", err) < 0)
        return -1;
    *ret_number = sqlite3_last_insert_rowid(catalog->db);
    return 0;
}

int catalog_run_finish(struct catalog *catalog, int64_t number, int64_t finished_ns, const char *result,
                       struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_RUN_FINISH);
    query_integer(&query, finished_ns);
    query_text(&query, result);
    query_integer(&query, number);
    if (query_step(&query, "note the end of a run", err) < 0)
        return -1;
    if (sqlite3_changes(catalog->db) == 0)
        return error_set(err, ERROR_NOT_FOUND, "the catalogue knows no run %lld", (long long)number);
    return 0;
}

/* The run before `below`, with copies of its texts; 1, 0 at the end, -1. */
static int next_run(struct catalog *catalog, int64_t below, const struct id *tid, const char *kind,
                    struct catalog_run *ret, char **ret_kind, char **ret_result, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_RUN_PAGE);
    query_integer(&query, below);
    query_id(&query, tid);
    query_text(&query, kind);
    int found = query_step(&query, "read the history of runs", err);
    if (found <= 0)
        return found;
    *ret = (struct catalog_run){
        .number = sqlite3_column_int64(query.statement, 0),
        .started_ns = sqlite3_column_int64(query.statement, 3),
        .finished_ns = sqlite3_column_int64(query.statement, 4),
    };
    const void *id = sqlite3_column_blob(query.statement, 1);
    if (id != NULL && sqlite3_column_bytes(query.statement, 1) == ID_SIZE)
        memcpy(ret->tid.bytes, id, ID_SIZE);
    *ret_kind = mem_strdup(query_column_text(&query, 2));
    *ret_result = mem_strdup(query_column_text(&query, 5));
    if (*ret_kind == NULL || *ret_result == NULL)
        return error_no_memory(err);
    ret->kind = *ret_kind;
    ret->result = *ret_result;
    return 1;
}

int catalog_run_each(struct catalog *catalog, const struct id *tid, const char *kind, size_t limit,
                     catalog_run_callback *callback, void *context, struct error *err)
{
    int64_t below = INT64_MAX;
    for (size_t i = 0; i < limit; i++) {
        struct catalog_run run;
        CLEANUP_FREE char *kind_copy = NULL;
        CLEANUP_FREE char *result_copy = NULL;
        int found = next_run(catalog, below, tid, kind, &run, &kind_copy, &result_copy, err);
        if (found <= 0)
            return found;
        below = run.number;
        if (callback(&run, context, err) != 0)
            return -1;
    }
    return 0;
}

int catalog_run_trim(struct catalog *catalog, int64_t before_ns, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_RUN_TRIM);
    query_integer(&query, before_ns);
    return query_step(&query, "forget old runs", err) >= 0 ? 0 : -1;
}
