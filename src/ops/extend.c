/*
 * Keeping locks ahead of time: on targets that lock objects, what is alive is
 * locked again before its lock ends, and what nothing needs any more is left
 * to run out. Alive is what rosters and histories name, never what a listing
 * shows. Nothing is read but lists and locks, and no data.
 */
#include "audit/revision.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit_store.h"
#include "ops/copies.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WORKERS_MAX = 8 };
#define DAY_NS (24 * 3600 * NS_PER_S)

struct extending {
    struct hikae *hikae;
    struct hikae_extend_result *ret;
    bool dry_run;
    uint64_t locked; /* bits: targets that lock objects, and answer */
};

/* What one target's workers share. */
struct batch {
    const struct extending *extending;
    const struct id *tid;
    const struct copy_item *items;
    size_t count;
    struct target *target;
    enum target_lock_mode mode;
    unsigned days;
    int64_t now_ns; /* by the target's clock */
    atomic_size_t next;
    atomic_bool stop;
    _Atomic uint64_t checked, extended, missing;
    pthread_mutex_t mutex;
    struct error why; /* the first that failed */
};

/* A lock that lasts for half of the period or longer is left: the next run comes before the other half has passed. */
static int extend_one(struct batch *batch, const struct copy_item *item, struct error *err)
{
    struct target_lock_state lock;
    char name[OBJECT_NAME_SIZE];
    int64_t period = (int64_t)batch->days * DAY_NS;
    (void)copy_name(batch->tid, item, name);
    if (cancel_check(&batch->extending->hikae->cancel, err) != 0)
        return -1;
    if (target_lock_state(batch->target, name, &lock, err) != 0)
        return -1;
    atomic_fetch_add(&batch->checked, 1);
    if (lock.mode >= batch->mode && lock.until_ns - batch->now_ns >= period / 2)
        return 0;
    if (!batch->extending->dry_run &&
        target_extend_lock(batch->target, name, batch->mode, batch->now_ns + period, err) != 0)
        return -1;
    atomic_fetch_add(&batch->extended, 1);
    return 0;
}

static void *worker_main(void *context)
{
    struct batch *batch = context;
    size_t i;
    while (!atomic_load(&batch->stop) && (i = atomic_fetch_add(&batch->next, 1)) < batch->count) {
        struct error why = {0};
        if (extend_one(batch, &batch->items[i], &why) == 0)
            continue;
        if (why.class == ERROR_NOT_FOUND) { /* the target is behind: replicate puts it, with a lock */
            atomic_fetch_add(&batch->missing, 1);
            continue;
        }
        (void)pthread_mutex_lock(&batch->mutex);
        if (batch->why.class == ERROR_NONE)
            batch->why = why;
        (void)pthread_mutex_unlock(&batch->mutex);
        atomic_store(&batch->stop, true);
    }
    return NULL;
}

static void run_batch(struct batch *batch)
{
    pthread_t threads[WORKERS_MAX];
    unsigned wanted = target_traits(batch->target)->parallel, started = 0;
    (void)pthread_mutex_init(&batch->mutex, NULL);
    while (started + 1 < wanted && started < WORKERS_MAX &&
           pthread_create(&threads[started], NULL, worker_main, batch) == 0)
        started++;
    (void)worker_main(batch);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&batch->mutex);
}

/* The lock as it is configured, from the URL or beside it: what the target was opened with is the same. */
static int extend_on(const struct extending *extending, size_t number, const struct id *tid,
                     const struct copy_item *items, size_t count, struct error *err)
{
    struct hikae *hikae = extending->hikae;
    struct batch batch = {.extending = extending, .tid = tid, .items = items, .count = count};
    int64_t skew;
    batch.target = hikae->targets[number].target;
    batch.mode = target_traits(batch.target)->lock_mode;
    batch.days = target_traits(batch.target)->lock_days;
    if (target_clock_skew(batch.target, &skew, err) != 0)
        return -1;
    batch.now_ns = clock_machine_ns() + skew;
    run_batch(&batch);
    extending->ret->checked += batch.checked;
    extending->ret->extended += batch.extended;
    extending->ret->missing += batch.missing;
    if (batch.why.class == ERROR_NONE)
        return 0;
    *err = batch.why;
    return error_wrap(err, "extend locks on %s", hikae->targets[number].name);
}

static int extend_items(const struct extending *extending, const struct id *tid, const struct copy_item *items,
                        size_t count, struct error *err)
{
    for (size_t i = 0; i < extending->hikae->target_count; i++)
        if ((extending->locked >> i & 1) != 0 && extend_on(extending, i, tid, items, count, err) != 0)
            return -1;
    return 0;
}

/* ---- What is alive ---- */

/* Everything that the snapshots in force need, each once. */
static int gather(struct session *session, struct roster *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    for (size_t i = 0; i < history->snapshot_count; i++)
        if (!history->snapshots[i].retired && session_roster(session, &history->snapshots[i], true, ret, err) != 0)
            return -1;
    roster_sort(ret);
    return 0;
}

static int extend_session(const struct extending *extending, struct session *session, struct error *err)
{
    CLEANUP(roster_free) struct roster roster = {0};
    const struct chain *chain = &session->chain;
    if (gather(session, &roster, err) != 0)
        return -1;
    CLEANUP_FREE struct copy_item *items = mem_calloc(roster.count + chain->record_count + 1, sizeof(*items));
    size_t count = 0;
    if (items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < roster.count; i++) {
        const struct roster_row *row = &roster.rows[i];
        if (i > 0 && row->class == roster.rows[i - 1].class && hash_equal(&row->name, &roster.rows[i - 1].name))
            continue;
        items[count++] =
            (struct copy_item){.class = object_class_letter(row->class), .hash = row->name, .size = row->size};
    }
    for (size_t i = 0; i < chain->record_count; i++)
        if (!roster_has(&chain->condemned, OBJECT_RECORD, &chain->records[i].hash))
            items[count++] =
                (struct copy_item){.class = 'h', .hash = chain->records[i].hash, .last = chain->records[i].name};
    return extend_items(extending, &session->tid, items, count, err);
}

static int extend_tenant(const char *tenant, void *context, struct error *err)
{
    const struct extending *extending = context;
    struct session session;
    if (session_open(extending->hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = session_list(&session, err);
    if (rc == 0)
        rc = extend_session(extending, &session, err);
    session_close(&session);
    return rc;
}

/* What a log still needs on one target: all but segments that a later revision there replaces. */
static int extend_log_objects(const struct extending *extending, size_t number, const struct audit_store *store,
                              const struct audit_objects *objects, size_t place, struct error *err)
{
    CLEANUP_FREE struct copy_item *items = mem_calloc(objects->count, sizeof(*items));
    CLEANUP_FREE char(*names)[OBJECT_NAME_SIZE] = mem_calloc(objects->count, sizeof(*names));
    CLEANUP_FREE uint32_t *revisions = mem_calloc(objects->count, sizeof(*revisions));
    size_t count = 0, newest;
    if (items == NULL || names == NULL || revisions == NULL)
        return error_no_memory(err);
    for (size_t first = 0, end; first < objects->count; first = end) {
        end = audit_revisions_end(objects, first);
        bool known =
            end - first > 1 && audit_revisions_read(store, &objects->items[first], end - first, revisions, &newest);
        known = known && (objects->items[first + newest].places >> place & 1) != 0;
        for (size_t i = first; i < end; i++) {
            if ((objects->items[i].places >> place & 1) == 0 || (known && revisions[i - first] < revisions[newest]))
                continue;
            items[count] =
                (struct copy_item){.class = 'a', .last = audit_name_format(&objects->items[i].name, names[count])};
            count++;
        }
    }
    return extend_on(extending, number, &extending->hikae->store.store_tid, items, count, err);
}

static int extend_logs(const struct extending *extending, struct error *err)
{
    struct hikae *hikae = extending->hikae;
    struct engine_audit_store audit;
    struct audit_objects objects = {0};
    if (engine_audit_store_open(hikae, &audit, err) != 0)
        return -1;
    int rc = audit_objects_list(&audit.store, NULL, &objects, err);
    for (size_t i = 0, place = 0; rc == 0 && i < hikae->target_count; i++) {
        if (!hikae->targets[i].up)
            continue;
        if ((extending->locked >> i & 1) != 0)
            rc = extend_log_objects(extending, i, &audit.store, &objects, place, err);
        place++;
    }
    audit_objects_free(&objects);
    engine_audit_store_close(&audit);
    return rc;
}

/* The store object, the keystore and the store's own history: without them nothing opens. */
static int extend_store(const struct extending *extending, struct error *err)
{
    struct hikae *hikae = extending->hikae;
    struct session session;
    if (session_open_store(hikae, 0, &session, err) != 0)
        return -1;
    int rc = session_list(&session, err);
    if (rc == 0)
        rc = extend_session(extending, &session, err);
    for (size_t i = 0; rc == 0 && i < hikae->target_count; i++) {
        CLEANUP_FREE struct copy_item *items = NULL;
        size_t count = 0, capacity = 0;
        const struct copy_item store = {.class = 's'};
        if ((extending->locked >> i & 1) == 0)
            continue;
        rc = copy_list_keys(hikae, i, &items, &count, &capacity, err);
        if (rc == 0)
            rc = extend_on(extending, i, &session.tid, items, count, err);
        if (rc == 0)
            rc = extend_on(extending, i, &session.tid, &store, 1, err);
    }
    session_close(&session);
    return rc;
}

/* What all tenants need: a night that goes through thousands of them looks at it once. */
#define STORE_EXTENDED "locks-store"

static int extend_shared(const struct extending *extending, struct error *err)
{
    if (extend_store(extending, err) != 0 || extend_logs(extending, err) != 0)
        return -1;
    if (!extending->dry_run)
        engine_note_now(extending->hikae, STORE_EXTENDED);
    return 0;
}

enum hikae_status hikae_extend_locks(struct hikae *hikae, const char *tenant, bool dry_run,
                                     struct hikae_extend_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct extending extending = {.hikae = hikae, .ret = ret, .dry_run = dry_run};
    *ret = (struct hikae_extend_result){0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_LOCKS, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    struct id id;
    int rc = engine_targets(hikae, &err);
    if (rc == 0 && tenant != NULL)
        rc = engine_tenant_id(hikae, tenant, &id, &err);
    for (size_t i = 0; rc == 0 && i < hikae->target_count; i++)
        if (hikae->targets[i].up && target_traits(hikae->targets[i].target)->lock_mode != TARGET_LOCK_NONE)
            extending.locked |= UINT64_C(1) << i;
    ret->targets = (unsigned)__builtin_popcountll(extending.locked);
    if (rc == 0 && extending.locked != 0) {
        rc = engine_each_tenant(hikae, tenant, extend_tenant, &extending, &err);
        if (rc == 0 && (tenant == NULL || !engine_noted_lately(hikae, STORE_EXTENDED, ENGINE_DAILY_NS)))
            rc = extend_shared(&extending, &err);
    }
    engine_audit_count(&audit, "checked", ret->checked);
    engine_audit_count(&audit, "extended", ret->extended);
    engine_audit_count(&audit, "missing", ret->missing);
    return engine_audit_end(&audit, api_result(rc, ret->missing > 0, &err, error));
}
