/* The tenants as the catalogue of this machine knows them, and how it learns of what other hosts did. */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/each.h"
#include "ops/purge.h"

#include <stdio.h>
#include <stdlib.h>

/* Nobody takes longer from a tenant's keys to its first record. */
#define GIVEN_UP_NS (3600 * NS_PER_S)
enum { GIVEN_UP_KEY_SIZE = sizeof("given up ") + 2 * ID_SIZE };

/* ---- From the history ---- */

/* When a backup was last made, so that a night is not made up again because the catalogue was lost. */
static int remember_jobs(struct hikae *hikae, const struct id *tid, const struct history *history, struct error *err)
{
    struct catalog_job job = {.tid = *tid, .job = "backup"};
    for (size_t i = history->snapshot_count; job.done_ns == 0 && i > 0; i--)
        if (!history->snapshots[i - 1].on_demand)
            job.done_ns = job.tried_ns = history->snapshots[i - 1].started_ns;
    return job.done_ns != 0 ? catalog_job_put(hikae->catalog, &job, err) : 0;
}

int engine_remember_tenant(struct hikae *hikae, const struct id *tid, const struct history *history, struct error *err)
{
    const struct history_tenant *tenant = &history->tenant;
    if (!history->has_tenant)
        return 0;
    struct catalog_tenant known CLEANUP(catalog_tenant_free) = {0};
    struct error why = {0};
    CLEANUP_FREE char *body = history_tenant_body(tenant);
    if (body == NULL)
        return error_no_memory(err);
    bool is_new = catalog_tenant_by_id(hikae->catalog, tid, &known, &why) != 0;
    if (is_new && why.class != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (!is_new && (strcmp(known.state, "erased") == 0 || strcmp(known.body, body) == 0))
        return 0;
    struct catalog_tenant row = {*tid, tenant->name, tenant->policy, tenant->state, tenant->class_, body};
    if (catalog_tenant_put(hikae->catalog, &row, err) != 0)
        return -1;
    return is_new ? remember_jobs(hikae, tid, history, err) : 0;
}

/* A history that is being read: of many at once (ops/each.h). */
struct reading {
    struct chain chain;
    bool is_read;
};

static int read_chain(struct hikae *hikae, const struct id *tid, struct reading *reading, struct error *err)
{
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    if (keystore_keyring(hikae->keystore, tid, &keyring, err) != 0 ||
        chain_load(hikae, tid, keyring, &reading->chain, err) != 0)
        return -1;
    reading->is_read = true;
    return 0;
}

static void clear_reading(void *item)
{
    struct reading *reading = item;
    if (reading->is_read)
        chain_clear(&reading->chain);
}

struct rebuilding {
    struct hikae *hikae;
    struct id *tids;
    size_t count;
    engine_see *see; /* or NULL */
    void *context;
};

static int rebuild_look(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    const struct rebuilding *rebuilding = context;
    const struct id *tid = &rebuilding->tids[number];
    /* The store's own history is no tenant's. */
    if (rebuilding->see == NULL && id_equal(tid, &fork->store.store_tid))
        return 0;
    return read_chain(fork, tid, item, err);
}

static int rebuild_take(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                        struct error *err)
{
    const struct rebuilding *rebuilding = context;
    const struct reading *reading = item;
    const struct id *tid = &rebuilding->tids[number];
    if (why != NULL) {
        *err = *why;
        return -1;
    }
    if (!reading->is_read)
        return 0;
    if (rebuilding->see != NULL)
        rebuilding->see(&reading->chain, rebuilding->context);
    return id_equal(tid, &fork->store.store_tid)
               ? 0
               : engine_remember_tenant(rebuilding->hikae, tid, &reading->chain.history, err);
}

int engine_rebuild_catalog_seen(struct hikae *hikae, engine_see *see, void *context, struct error *err)
{
    static const struct engine_each work = {sizeof(struct reading), rebuild_look, rebuild_take, clear_reading};
    struct rebuilding rebuilding = {.hikae = hikae, .see = see, .context = context};
    if (engine_keystore(hikae, err) != 0 ||
        keystore_tenants(hikae->keystore, &rebuilding.tids, &rebuilding.count, err) != 0)
        return -1;
    int rc = engine_each(hikae, &work, rebuilding.count, &rebuilding, err);
    mem_free(rebuilding.tids);
    if (rc != 0)
        return error_wrap(err, "read the tenants from the targets");
    hikae->catalog_is_new = false;
    return catalog_meta_set(hikae->catalog, "filled", "1", err);
}

int engine_rebuild_catalog(struct hikae *hikae, struct error *err)
{
    return engine_rebuild_catalog_seen(hikae, NULL, NULL, err);
}

/* ---- What other hosts did ---- */

struct learning {
    struct hikae *hikae;
    struct id *tids; /* that have keys; sorted */
    bool *known;     /* which of them the catalogue has */
    size_t count;
    struct id *keyless; /* tenants of the catalogue that have none */
    size_t keyless_count;
};

static int push_id(struct id **ids, size_t *count, const struct id *id, struct error *err)
{
    struct id *grown = mem_realloc(*ids, (*count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    *ids = grown;
    grown[(*count)++] = *id;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

static int note_known(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct learning *learning = context;
    const struct id *found = bsearch(&row->tid, learning->tids, learning->count, sizeof(*learning->tids), compare_ids);
    if (found != NULL) {
        learning->known[found - learning->tids] = true;
        return 0;
    }
    if (strcmp(row->state, "erased") == 0)
        return 0;
    return push_id(&learning->keyless, &learning->keyless_count, &row->tid, err);
}

/* No keys may mean that the targets that have them are away: only the journal of erasures says that it was erased. */
static int learn_erased(const struct learning *learning, struct error *err)
{
    struct session facts;
    if (learning->keyless_count == 0)
        return 0;
    if (session_open_store(learning->hikae, 0, &facts, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < learning->keyless_count; i++) {
        char hex[2 * ID_SIZE + 1];
        json_t *run = NULL, *row;
        rc = purge_journal_run_of(&facts, hex_encode(learning->keyless[i].bytes, ID_SIZE, hex), &run, &row, err);
        if (rc == 0 && run != NULL && purge_stage(run) >= PURGE_COMMIT)
            rc = purge_forget_local(learning->hikae, &learning->keyless[i], err);
        json_decref(run);
    }
    if (rc == 0)
        rc = purge_scrub_local(learning->hikae, err);
    session_close(&facts);
    return rc;
}

/*
 * Keys come before the history. Whoever has keys only is being added just now, or was given up: by a bulk load that was
 * killed, many at once, which not every command from then on should ask the targets for. The keys' age tells.
 */
static bool was_given_up(struct hikae *hikae, const struct id *tid)
{
    int64_t since_ns = 0;
    for (size_t i = 0; i < hikae->target_count; i++)
        if (!hikae->targets[i].up)
            return false;
    return keystore_tenant_since(hikae->keystore, tid, &since_ns, NULL) == 0 && clock_now_ns() - since_ns > GIVEN_UP_NS;
}

/* What the catalogue notes of it. */
static const char *given_up_key(const struct id *tid, char out[GIVEN_UP_KEY_SIZE])
{
    char hex[2 * ID_SIZE + 1];
    (void)snprintf(out, GIVEN_UP_KEY_SIZE, "given up %s", hex_encode(tid->bytes, ID_SIZE, hex));
    return out;
}

/* Tenants whose history is read only for what it says of them. */
struct asking {
    struct hikae *hikae;
    struct id *tids;
    size_t count;
    bool are_known; /* they rest; else another host added them */
};

static int asking_look(struct hikae *fork, size_t number, void *item, void *context, struct error *err)
{
    const struct asking *asking = context;
    return read_chain(fork, &asking->tids[number], item, err);
}

/* One that cannot be read now is asked for again. */
static int asking_take(struct hikae *fork, size_t number, void *item, const struct error *why, void *context,
                       struct error *err)
{
    const struct asking *asking = context;
    const struct reading *reading = item;
    const struct id *tid = &asking->tids[number];
    struct error wrong = why != NULL ? *why : (struct error){0};
    char key[GIVEN_UP_KEY_SIZE];
    (void)fork;
    if (why == NULL && engine_remember_tenant(asking->hikae, tid, &reading->chain.history, &wrong) == 0) {
        if (!asking->are_known && !reading->chain.history.has_tenant && was_given_up(asking->hikae, tid))
            engine_note_now(asking->hikae, given_up_key(tid, key));
        return 0;
    }
    if (wrong.class == ERROR_NO_MEMORY || wrong.class == ERROR_INTERRUPTED) {
        *err = wrong;
        return -1;
    }
    engine_warn(asking->hikae,
                asking->are_known ? "whether a tenant is still suspended cannot be read: %s"
                                  : "a tenant that another host added cannot be read yet: %s",
                wrong.what);
    return 0;
}

static int ask_for(struct asking *asking, struct error *err)
{
    static const struct engine_each work = {sizeof(struct reading), asking_look, asking_take, clear_reading};
    return engine_each(asking->hikae, &work, asking->count, asking, err);
}

static int learn_added(const struct learning *learning, struct error *err)
{
    struct asking asking = {.hikae = learning->hikae};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < learning->count; i++) {
        const struct id *tid = &learning->tids[i];
        char key[GIVEN_UP_KEY_SIZE];
        if (!learning->known[i] && !id_equal(tid, &asking.hikae->store.store_tid) &&
            !engine_noted_lately(asking.hikae, given_up_key(tid, key), ENGINE_DAILY_NS))
            rc = push_id(&asking.tids, &asking.count, tid, err);
    }
    if (rc == 0)
        rc = ask_for(&asking, err);
    mem_free(asking.tids);
    return rc;
}

int engine_learn_tenants(struct hikae *hikae, struct error *err)
{
    struct learning learning = {.hikae = hikae};
    /* A catalogue that is new is filled as a whole by whoever needs it. */
    if (hikae->catalog_is_new)
        return 0;
    int rc = keystore_tenants(hikae->keystore, &learning.tids, &learning.count, err);
    if (rc == 0 && (learning.known = mem_calloc(learning.count + 1, sizeof(bool))) == NULL)
        rc = error_no_memory(err);
    if (rc == 0)
        rc = catalog_tenant_each(hikae->catalog, note_known, &learning, err);
    if (rc == 0)
        rc = learn_added(&learning, err);
    if (rc == 0)
        rc = learn_erased(&learning, err);
    mem_free(learning.tids);
    mem_free(learning.known);
    mem_free(learning.keyless);
    return rc == 0 ? 0 : error_wrap(err, "learn which tenants there are");
}

static int note_idle(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct asking *asking = context;
    if (strcmp(row->state, "active") == 0 || strcmp(row->state, "erased") == 0)
        return 0;
    return push_id(&asking->tids, &asking->count, &row->tid, err);
}

int engine_learn_states(struct hikae *hikae, struct error *err)
{
    struct asking asking = {.hikae = hikae, .are_known = true};
    if (hikae->catalog_is_new || engine_noted_lately(hikae, "looked", ENGINE_DAILY_NS))
        return 0;
    int rc = catalog_tenant_each(hikae->catalog, note_idle, &asking, err);
    if (rc == 0)
        rc = ask_for(&asking, err);
    mem_free(asking.tids);
    if (rc == 0)
        engine_note_now(hikae, "looked");
    return rc;
}

int engine_tenants(struct hikae *hikae, struct error *err)
{
    struct error why = {0};
    if (hikae->catalog_is_new)
        return engine_rebuild_catalog(hikae, err);
    /* What is known here can be listed while no target or holder answers. */
    if (engine_keystore(hikae, &why) == 0 || (why.class != ERROR_NO_MEMORY && why.class != ERROR_INTERRUPTED))
        return 0;
    *err = why;
    return -1;
}

/* ---- By name ---- */

int engine_tenant_id(struct hikae *hikae, const char *name, struct id *ret, struct error *err)
{
    struct catalog_tenant tenant = {0};
    struct error why = {0};
    if (hikae->catalog_is_new && engine_rebuild_catalog(hikae, err) != 0)
        return -1;
    int rc = catalog_tenant_by_name(hikae->catalog, name, &tenant, err);
    /* Another host may have added it since the keystore was last opened here. */
    if (rc != 0 && err->class == ERROR_NOT_FOUND && hikae->keystore == NULL && engine_keystore(hikae, &why) == 0)
        rc = catalog_tenant_by_name(hikae->catalog, name, &tenant, err);
    if (rc != 0) {
        if (err->class == ERROR_NOT_FOUND) {
            (void)error_set(err, ERROR_NOT_FOUND, "there is no tenant '%s'", name);
            return error_hint(err, "`hikae tenant list` shows the tenants, `hikae tenant add` adds one");
        }
        return -1;
    }
    *ret = tenant.tid;
    catalog_tenant_free(&tenant);
    return 0;
}

struct names {
    char **names;
    size_t count;
};

static int note_name(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct names *names = context;
    if (strcmp(tenant->state, "erased") == 0)
        return 0;
    char **grown = mem_realloc(names->names, (names->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    names->names = grown;
    grown[names->count] = mem_strdup(tenant->name);
    return grown[names->count++] != NULL ? 0 : error_no_memory(err);
}

int engine_each_tenant(struct hikae *hikae, const char *tenant, engine_tenant_work *work, void *context,
                       struct error *err)
{
    struct names names = {0};
    if (tenant != NULL)
        return work(tenant, context, err);
    int rc = engine_tenants(hikae, err);
    /* Names first: the work may change the catalogue that they are read from. */
    if (rc == 0)
        rc = catalog_tenant_each(hikae->catalog, note_name, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = work(names.names[i], context, err);
    for (size_t i = 0; i < names.count; i++)
        mem_free(names.names[i]);
    mem_free(names.names);
    return rc;
}
