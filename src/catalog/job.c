/* When each job was last done for each tenant. */
#include "catalog/catalog_internal.h"

#include <stdio.h>
#include <string.h>

int catalog_job_put(struct catalog *catalog, const struct catalog_job *job, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_JOB_PUT);
    query_id(&query, &job->tid);
    query_text(&query, job->job);
    query_integer(&query, job->done_ns);
    query_integer(&query, job->tried_ns);
    query_integer(&query, job->failures);
    query_text(&query, job->note);
    return query_step(&query, "note that a job was done", err) >= 0 ? 0 : -1;
}

static void take_job(const struct query *query, struct catalog_job *ret)
{
    const void *tid = sqlite3_column_blob(query->statement, 0);
    *ret = (struct catalog_job){.done_ns = sqlite3_column_int64(query->statement, 2),
                                .tried_ns = sqlite3_column_int64(query->statement, 3),
                                .failures = (unsigned)sqlite3_column_int64(query->statement, 4)};
    if (tid != NULL && sqlite3_column_bytes(query->statement, 0) == ID_SIZE)
        memcpy(ret->tid.bytes, tid, ID_SIZE);
    (void)snprintf(ret->job, sizeof(ret->job), "%s", query_column_text(query, 1));
    (void)snprintf(ret->note, sizeof(ret->note), "%s", query_column_text(query, 5));
}

int catalog_job_list(struct catalog *catalog, struct catalog_job **ret_jobs, size_t *ret_count, struct error *err)
{
    CATALOG_LOCKED(catalog);
    CLEANUP_QUERY struct query query = query_of(catalog, SQL_JOB_ALL);
    struct catalog_job *jobs = NULL;
    size_t count = 0, room = 0;
    int found;
    while ((found = query_step(&query, "read when jobs were done", err)) > 0) {
        if (count == room) {
            room = room > 0 ? 2 * room : 64;
            struct catalog_job *grown = mem_realloc(jobs, room * sizeof(*grown));
            if (grown == NULL) {
                mem_free(jobs);
                return error_no_memory(err);
            }
            jobs = grown;
        }
        take_job(&query, &jobs[count++]);
    }
    if (found < 0) {
        mem_free(jobs);
        return -1;
    }
    *ret_jobs = jobs;
    *ret_count = count;
    return 0;
}
