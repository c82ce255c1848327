/*
 * The catalogue: what this installation remembers between runs, in one local
 * SQLite database. Tenants by name, which objects are known to be on which
 * target, when each was last checked, and the history of runs.
 *
 * Everything in it can be rebuilt from the targets (DESIGN §2). So a database
 * that is damaged, or that a newer version wrote, is moved aside and an empty
 * one takes its place; whoever opens it is told and rebuilds. No decision
 * rests on the catalogue alone, and nothing here is a secret key.
 *
 * A catalogue may be used by several threads and opened by several processes.
 * No callback is called with a lock held: it may use the catalogue itself.
 * Failures are ERROR_LOCAL; ERROR_BUSY if another process holds the database
 * for longer than ten seconds. Instants are ns since 1970.
 */
#ifndef HIKAE_CATALOG_CATALOG_H
#define HIKAE_CATALOG_CATALOG_H

#include "base/error.h"
#include "base/id.h"

struct catalog;

enum catalog_state {
    CATALOG_OPENED,  /* as it was left                                         */
    CATALOG_CREATED, /* there was none                                         */
    CATALOG_REPLACED /* it could not be used and was moved aside: this is new  */
};

/* Open the database at path (its folder must be there), or make it. */
MUST_USE int catalog_open(const char *path, struct catalog **ret_catalog, enum catalog_state *ret_state,
                          struct error *err);
/* NULL is fine. */
void catalog_close(struct catalog *catalog);
/* Where a database that could not be used was moved to, or NULL; belongs to the catalogue. */
const char *catalog_moved_to(const struct catalog *catalog);

/* ---- Small facts ---- */

/* Remember a value under a key; NULL forgets it. */
MUST_USE int catalog_meta_set(struct catalog *catalog, const char *key, const char *value, struct error *err);
/* The value in fresh memory; ERROR_NOT_FOUND. */
MUST_USE int catalog_meta_get(struct catalog *catalog, const char *key, char **ret_value, struct error *err);

/* ---- Tenants ---- */

/* A tenant as its newest record tells; all texts are required, body is the record's JSON. */
struct catalog_tenant {
    struct id tid;
    char *name;
    char *policy;
    char *state;
    char *class;
    char *body;
};

/* Add or replace. ERROR_REFUSED if another tenant has the name. */
MUST_USE int catalog_tenant_put(struct catalog *catalog, const struct catalog_tenant *tenant, struct error *err);
/* ERROR_NOT_FOUND. End with catalog_tenant_free. */
MUST_USE int catalog_tenant_by_name(struct catalog *catalog, const char *name, struct catalog_tenant *ret_tenant,
                                    struct error *err);
MUST_USE int catalog_tenant_by_id(struct catalog *catalog, const struct id *tid, struct catalog_tenant *ret_tenant,
                                  struct error *err);
/* Release the texts; an all-zero struct is fine. */
void catalog_tenant_free(struct catalog_tenant *tenant);
/* Not 0 (with err filled) ends the walk, which then returns -1. */
typedef int catalog_tenant_callback(const struct catalog_tenant *tenant, void *context, struct error *err);
/* All tenants, by name. */
MUST_USE int catalog_tenant_each(struct catalog *catalog, catalog_tenant_callback *callback, void *context,
                                 struct error *err);
/* Forget a tenant, its jobs, its objects on all targets and their checks (for recovery and after a purge). Runs stay.
 */
MUST_USE int catalog_tenant_forget(struct catalog *catalog, const struct id *tid, struct error *err);

/*
 * Leave nothing of what was forgotten in the files of the database: they are written anew without free pages, and the
 * write-ahead log is emptied. For names of tenants that are erased; the medium below may still keep what it held. It
 * takes as long as copying the catalogue; *ret_done is false if somebody else kept it in use: then it is to be tried
 * again.
 */
MUST_USE int catalog_scrub(struct catalog *catalog, bool *ret_done, struct error *err);
/* Remove the databases that were found damaged and moved aside: they know what was forgotten since. *ret_count files.
 */
MUST_USE int catalog_drop_damaged(const struct catalog *catalog, size_t *ret_count, struct error *err);

/* ---- The ledger: objects known to be on a target ---- */

/* An object by its class (p, i, r, h, l, or k for keystore entries) and the last part of its name. */
struct catalog_object {
    char class;
    const char *name;
    uint64_t size;
    int64_t seen_ns;    /* last acknowledged or listed                     */
    int64_t checked_ns; /* only from catalog_checked_oldest: 0 is "never"  */
};
typedef int catalog_object_callback(const struct catalog_object *object, void *context, struct error *err);

/* Add objects, or bring size and seen_ns up to date (the newest counts): all in one transaction. */
MUST_USE int catalog_ledger_put(struct catalog *catalog, const struct id *tid, const char *target,
                                const struct catalog_object *objects, size_t count, struct error *err);
/* Is the object known? With ret_object (may be NULL): its size and seen_ns. */
MUST_USE int catalog_ledger_find(struct catalog *catalog, const struct id *tid, const char *target, char class,
                                 const char *name, bool *ret_known, struct catalog_object *ret_object,
                                 struct error *err);
/*
 * The objects of a class (0: of all classes) in ascending order of class, then
 * name. Read in pages: what changes meanwhile may or may not be seen.
 */
MUST_USE int catalog_ledger_each(struct catalog *catalog, const struct id *tid, const char *target, char class,
                                 catalog_object_callback *callback, void *context, struct error *err);
/* Number and size of the known objects. */
MUST_USE int catalog_ledger_sum(struct catalog *catalog, const struct id *tid, const char *target, uint64_t *ret_count,
                                uint64_t *ret_bytes, struct error *err);
/* Forget objects that were deleted or found missing: only class and name matter. One transaction. */
MUST_USE int catalog_ledger_remove(struct catalog *catalog, const struct id *tid, const char *target,
                                   const struct catalog_object *objects, size_t count, struct error *err);
/* Forget all objects of a target (tid NULL: of all tenants), and that it was ever listed. */
MUST_USE int catalog_ledger_clear(struct catalog *catalog, const struct id *tid, const char *target, struct error *err);
/* When the target was last listed completely for this tenant; 0 if never. */
MUST_USE int catalog_ledger_listed(struct catalog *catalog, const struct id *tid, const char *target,
                                   int64_t *ret_listed_ns, struct error *err);

/*
 * A complete listing on its way into the ledger. Objects go in as they come;
 * the end removes those that were last seen before `started_ns` and sets the
 * time of listing, in one transaction. Before that, nothing is forgotten. An
 * object that is stored while the listing runs has a later time and stays.
 * One thread at a time.
 */
struct catalog_listing;
MUST_USE int catalog_listing_begin(struct catalog *catalog, const struct id *tid, const char *target,
                                   int64_t started_ns, struct catalog_listing **ret_listing, struct error *err);
MUST_USE int catalog_listing_add(struct catalog_listing *listing, char class, const char *name, uint64_t size,
                                 struct error *err);
/* End and release it, also when this fails. */
MUST_USE int catalog_listing_finish(struct catalog_listing *listing, struct error *err);
/* Release a listing that did not come to its end; NULL is fine. */
void catalog_listing_abandon(struct catalog_listing *listing);

/* ---- Checks ---- */

/*
 * Remember that objects (class, name, checked_ns) were found sound at a level
 * (larger is deeper). One transaction; objects that the ledger does not know are passed over.
 */
MUST_USE int catalog_checked_put(struct catalog *catalog, const struct id *tid, const char *target, unsigned level,
                                 const struct catalog_object *objects, size_t count, struct error *err);
/*
 * The `limit` objects of a class (0: of all) whose last check at this level or
 * deeper is the longest ago, those never checked first. Ties: by class, then name.
 */
MUST_USE int catalog_checked_oldest(struct catalog *catalog, const struct id *tid, const char *target, char class,
                                    unsigned level, size_t limit, catalog_object_callback *callback, void *context,
                                    struct error *err);
/* How many objects of a class there are, how many were ever checked at this level or deeper, and when one was last (0:
 * never). */
MUST_USE int catalog_checked_sum(struct catalog *catalog, const struct id *tid, const char *target, char class,
                                 unsigned level, uint64_t *ret_count, uint64_t *ret_checked, int64_t *ret_last_ns,
                                 struct error *err);

/* ---- Jobs: when each was last done for a tenant ---- */

enum { CATALOG_JOB_NAME_SIZE = 32, CATALOG_JOB_NOTE_SIZE = 32 };

struct catalog_job {
    struct id tid;
    char job[CATALOG_JOB_NAME_SIZE];
    int64_t done_ns;                  /* when the last success began; 0: never */
    int64_t tried_ns;                 /* when the last attempt began           */
    unsigned failures;                /* since the last success                */
    char note[CATALOG_JOB_NOTE_SIZE]; /* the job's own; may be "" */
};
/* Add or replace. */
MUST_USE int catalog_job_put(struct catalog *catalog, const struct catalog_job *job, struct error *err);
/* All of them, by tenant's id, then job: *ret_jobs (mem_free). */
MUST_USE int catalog_job_list(struct catalog *catalog, struct catalog_job **ret_jobs, size_t *ret_count,
                              struct error *err);

/* ---- Runs ---- */

struct catalog_run {
    int64_t number;
    struct id tid; /* zeros for what belongs to no tenant */
    const char *kind;
    int64_t started_ns;
    int64_t finished_ns; /* 0: not finished, or killed */
    const char *result;  /* JSON; "" until it is finished */
};
typedef int catalog_run_callback(const struct catalog_run *run, void *context, struct error *err);

/* tid NULL: of no tenant. *ret_number names the run. */
MUST_USE int catalog_run_start(struct catalog *catalog, const struct id *tid, const char *kind, int64_t started_ns,
                               int64_t *ret_number, struct error *err);
/* ERROR_NOT_FOUND if there is no such run. */
MUST_USE int catalog_run_finish(struct catalog *catalog, int64_t number, int64_t finished_ns, const char *result,
                                struct error *err);
/* The newest `limit` runs, newest first; tid and kind narrow the choice, NULL is any. */
MUST_USE int catalog_run_each(struct catalog *catalog, const struct id *tid, const char *kind, size_t limit,
                              catalog_run_callback *callback, void *context, struct error *err);
/* Forget runs that started before an instant. */
MUST_USE int catalog_run_trim(struct catalog *catalog, int64_t before_ns, struct error *err);

#endif
