/* One tenant, opened for an operation: keys, history, index, objects, lock. */
#include "base/file.h"
#include "base/mem.h"
#include "ops/engine.h"
#include "ops/lost.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

enum { INDEX_MEMORY_MIN = 16 << 20 };

static int take_lock(struct session *session, struct error *err)
{
    CLEANUP_FREE char *path = engine_tenant_path(session->hikae, &session->tid, "lock", err);
    if (path == NULL)
        return -1;
    session->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (session->lock_fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    if (flock(session->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return error_set_errno(err, ERROR_LOCAL, errno, "lock %s", path);
    (void)error_set(err, ERROR_BUSY, "another run of this machine holds tenant %s", session->tenant);
    err->retryable = true;
    return error_hint(err, "wait until it ends; the lock goes with the process that holds it");
}

static int open_index(struct session *session, struct error *err)
{
    struct hikae *hikae = session->hikae;
    CLEANUP_FREE char *folder = engine_tenant_path(hikae, &session->tid, "index", err);
    bool rebuilt;
    size_t memory = (size_t)hikae->config->memory_mib * (1 << 20) / 8;
    if (memory < INDEX_MEMORY_MIN)
        memory = INDEX_MEMORY_MIN;
    if (folder == NULL)
        return -1;
    if (index_open(folder, session->keyring, memory, &session->index, &rebuilt, err) == 0)
        return 0;
    if (err->class != ERROR_BUSY)
        return -1;
    /* Another command uses the tenant's index: whoever only looks makes one of its own, which costs time only. */
    session->private_index = mem_printf("%s-%ld", folder, (long)getpid());
    if (session->private_index == NULL)
        return error_no_memory(err);
    return index_open(session->private_index, session->keyring, memory, &session->index, &rebuilt, err);
}

static void warn_objects(const char *message, void *context)
{
    engine_warn(context, "%s", message);
}

static int open_keyring(struct session *session, struct error *err)
{
    const struct keyring *kit = session->hikae->kit;
    if (kit == NULL)
        return keystore_keyring(session->hikae->keystore, &session->tid, &session->keyring, err);
    if (id_equal(keyring_tid(kit), &session->tid))
        return keyring_copy(kit, &session->keyring, err);
    return error_set(err, ERROR_KEYS, "the kit holds the keys of another tenant only");
}

/* A tenant that is not the store's own history, nor a kit's: the catalogue goes along with what is learned of it. */
static bool is_in_catalogue(const struct session *session)
{
    return session->hikae->kit == NULL && !id_equal(&session->tid, &session->hikae->store.store_tid);
}

/* Another host may have erased the tenant: then nobody has the name. */
static int look_again(const struct session *session, struct error *err)
{
    struct id now;
    return engine_tenant_id(session->hikae, session->tenant, &now, err);
}

/* To whoever stores, what was found damaged everywhere is as good as absent. */
static int leave_out_lost(struct session *session, struct error *err)
{
    size_t count;
    if (!is_in_catalogue(session))
        return 0;
    if (lost_leave_out(session->hikae, &session->tid, &count, err) != 0)
        return -1;
    if (count > 0)
        engine_warn(session->hikae,
                    "damaged on every target: %zu of the packs; what the sources still have of them is stored anew",
                    count);
    return 0;
}

/* To whoever reads, most of its blocks may be sound. */
static int count_lost(struct session *session, const struct roster *roster, size_t *ret, struct error *err)
{
    CLEANUP(roster_free) struct roster lost = {0};
    *ret = 0;
    if (!is_in_catalogue(session))
        return 0;
    if (lost_read(session->hikae, &session->tid, &lost, err) != 0)
        return -1;
    for (size_t i = 0; i < lost.count; i++)
        *ret += roster_has(roster, OBJECT_PACK, &lost.rows[i].name);
    if (*ret > 0)
        engine_warn(
            session->hikae,
            "damaged on every target: %zu of the snapshot's packs; what is sound of them is read, the rest from "
            "other packs that hold it",
            *ret);
    return 0;
}

/* The rest, once the id is known. */
static int open_parts(struct session *ret, unsigned flags, struct error *err)
{
    struct hikae *hikae = ret->hikae;
    bool learns = hikae->keystore == NULL;
    int rc = flags & SESSION_LOCK ? take_lock(ret, err) : 0;
    if (rc == 0)
        rc = engine_keystore(hikae, err);
    if (rc == 0 && learns && is_in_catalogue(ret))
        rc = look_again(ret, err);
    if (rc == 0 && (rc = open_keyring(ret, err)) != 0 && err->class == ERROR_KEYS && err->hint[0] == '\0')
        (void)error_hint(err, "`hikae purge status` says whether it was erased");
    if (rc == 0)
        rc = chain_load(hikae, &ret->tid, ret->keyring, &ret->chain, err);
    if (rc == 0 && is_in_catalogue(ret))
        rc = engine_remember_tenant(hikae, &ret->tid, &ret->chain.history, err);
    if (rc == 0 && (flags & (SESSION_INDEX | SESSION_SYNC)) != 0) {
        rc = open_index(ret, err);
        if (rc == 0) {
            objects_init(&ret->objects, &ret->tid, ret->keyring, ret->index, hikae->targets, hikae->target_count,
                         &hikae->cancel);
            ret->objects.warn = warn_objects;
            ret->objects.warn_context = hikae;
            ret->objects.blocks = hikae->blocks;
            ret->objects_ready = true;
            rc = objects_list(&ret->objects, err);
        }
        if (rc == 0 && (flags & SESSION_SYNC) != 0)
            rc = leave_out_lost(ret, err);
        if (rc == 0 && (flags & SESSION_SYNC) != 0)
            rc = objects_sync_index(&ret->objects, NULL, &ret->chain.condemned, err);
    }
    if (rc != 0)
        session_close(ret);
    return rc;
}

int session_open(struct hikae *hikae, const char *tenant, unsigned flags, struct session *ret, struct error *err)
{
    *ret = (struct session){.hikae = hikae, .tenant = tenant, .lock_fd = -1};
    if (engine_tenant_id(hikae, tenant, &ret->tid, err) != 0)
        return -1;
    return open_parts(ret, flags, err) == 0 ? 0 : error_wrap(err, "tenant %s", tenant);
}

int session_open_store(struct hikae *hikae, unsigned flags, struct session *ret, struct error *err)
{
    *ret = (struct session){.hikae = hikae, .tenant = "(the store's own history)", .lock_fd = -1};
    if (engine_keystore(hikae, err) != 0)
        return -1;
    ret->tid = hikae->store.store_tid;
    return open_parts(ret, flags, err) == 0 ? 0 : error_wrap(err, "the store's own history");
}

int session_list(struct session *session, struct error *err)
{
    struct hikae *hikae = session->hikae;
    objects_init(&session->objects, &session->tid, session->keyring, NULL, hikae->targets, hikae->target_count,
                 &hikae->cancel);
    session->objects_ready = true;
    return objects_list(&session->objects, err);
}

void session_close(struct session *session)
{
    if (session->objects_ready)
        objects_destroy(&session->objects);
    /* What was learned of the targets is worth keeping, and no reason to fail. */
    if (session->index != NULL && session->private_index == NULL && index_commit(session->index, NULL) != 0)
        engine_warn(session->hikae, "the local index could not be written; the next run builds it again");
    index_close(session->index);
    if (session->private_index != NULL && file_remove_tree(session->private_index, NULL) != 0)
        engine_warn(session->hikae, "%s could not be removed", session->private_index);
    mem_free(session->private_index);
    for (size_t i = 0; session->parts != NULL && i < SESSION_PARTS; i++)
        roster_free(&session->parts[i].rows);
    mem_free(session->parts);
    chain_clear(&session->chain);
    keyring_free(session->keyring);
    if (session->lock_fd >= 0)
        (void)close(session->lock_fd);
    *session = (struct session){.lock_fd = -1};
}

int session_snapshot(const struct session *session, const struct hikae_which *which,
                     const struct history_snapshot **ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    if (which != NULL && which->snapshot != NULL) {
        if (history_find(history, which->snapshot, ret, err) != 0)
            return error_hint(err, "`hikae snapshots %s` lists them", session->tenant);
        if ((*ret)->retired)
            return error_set(err, ERROR_NOT_FOUND, "snapshot %s is retired", (*ret)->name);
        return 0;
    }
    if (which != NULL && which->by_time)
        return history_at(history, which->at_ns, ret, err);
    *ret = history_latest(history);
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "tenant %s has no snapshot yet", session->tenant);
    return error_hint(err, "`hikae backup %s` makes one", session->tenant);
}

int session_part(struct session *session, const struct roster_row *part, const struct roster **ret, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(roster_free) struct roster rows = {0};
    if (session->parts == NULL && (session->parts = mem_calloc(SESSION_PARTS, sizeof(*session->parts))) == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < SESSION_PARTS; i++)
        if (session->parts[i].rows.count > 0 && hash_equal(&session->parts[i].name, &part->name)) {
            *ret = &session->parts[i].rows;
            return 0;
        }
    if (objects_get(&session->objects, OBJECT_ROSTER, &part->name, part->size, &object, err) != 0 ||
        roster_part_parse(object.data, object.size, &rows, err) != 0)
        return -1;
    struct session_part *slot = &session->parts[session->part_next++ % SESSION_PARTS];
    roster_free(&slot->rows);
    *slot = (struct session_part){part->name, rows};
    rows = (struct roster){0};
    *ret = &slot->rows;
    return 0;
}

int session_roster(struct session *session, const struct history_snapshot *snapshot, bool with_parts,
                   struct roster *ret, struct error *err)
{
    if (roster_append(ret, &snapshot->roster, err) != 0)
        return -1;
    for (size_t i = 0; i < snapshot->part_count; i++) {
        const struct roster_row *part = &snapshot->parts[i];
        const struct roster *rows;
        if (session_part(session, part, &rows, err) != 0)
            return error_wrap(err, "read the roster of snapshot %s", snapshot->name);
        if (roster_append(ret, rows, err) != 0)
            return -1;
        if (with_parts && roster_add(ret, OBJECT_ROSTER, &part->name, part->size, err) != 0)
            return -1;
    }
    roster_sort(ret);
    return 0;
}

int session_condemned(struct session *session, struct roster *ret, struct error *err)
{
    const struct history *history = &session->chain.history;
    const struct roster *condemned = &session->chain.condemned;
    CLEANUP_FREE bool *spared = mem_calloc(condemned->count, sizeof(*spared));
    if (spared == NULL)
        return error_no_memory(err);
    for (size_t i = 0; condemned->count > 0 && i < history->snapshot_count; i++) {
        CLEANUP(roster_free) struct roster roster = {0};
        if (history->snapshots[i].retired)
            continue;
        if (session_roster(session, &history->snapshots[i], true, &roster, err) != 0)
            return -1;
        for (size_t j = 0; j < condemned->count; j++)
            spared[j] = spared[j] || roster_has(&roster, condemned->rows[j].class, &condemned->rows[j].name);
    }
    for (size_t j = 0; j < condemned->count; j++)
        if (!spared[j] &&
            roster_add(ret, condemned->rows[j].class, &condemned->rows[j].name, condemned->rows[j].size, err) != 0)
            return -1;
    roster_sort(ret);
    return 0;
}

int session_sync(struct session *session, const struct history_snapshot *snapshot, struct error *err)
{
    CLEANUP(roster_free) struct roster roster = {0};
    size_t lost;
    if (session_roster(session, snapshot, false, &roster, err) != 0 || count_lost(session, &roster, &lost, err) != 0)
        return -1;
    /* Other packs, which this snapshot does not name, may hold the same blobs. */
    return objects_sync_index(&session->objects, lost > 0 ? NULL : &roster, NULL, err);
}

bool session_holds(const struct session *session, size_t target, const struct roster *roster, size_t *ret_missing)
{
    size_t missing = 0;
    const struct run_target *t = &session->hikae->targets[target];
    for (size_t i = 0; i < roster->count; i++) {
        const struct roster_row *row = &roster->rows[i];
        missing += !presence_has(&t->present, row->class, &row->name, row->size);
    }
    if (ret_missing != NULL)
        *ret_missing = missing;
    return t->up && missing == 0;
}

int session_counting(struct session *session, const struct history_snapshot *snapshot, uint64_t *ret_mask,
                     struct error *err)
{
    CLEANUP(roster_free) struct roster roster = {0};
    *ret_mask = 0;
    if (session_roster(session, snapshot, true, &roster, err) != 0)
        return -1;
    uint64_t holders = chain_holders(&session->chain, &snapshot->record);
    if (snapshot->has_new_roster)
        holders &= chain_holders(&session->chain, &snapshot->roster_record);
    for (size_t i = 0; i < session->hikae->target_count; i++)
        if ((holders >> i & 1) != 0 && session_holds(session, i, &roster, NULL))
            *ret_mask |= UINT64_C(1) << i;
    return 0;
}
