/*
 * An erasure up to its intent: writers stop, everything is counted, the holders answer. Up to here, and until the
 * commit, it can be undone. A tenant that stands in the way of itself only (a hold, a run that has it) leaves the
 * batch, and the others are erased without it.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/contract.h"
#include "ops/keys_rotate.h"
#include "ops/purge.h"
#include "ops/tenant.h"

#include <string.h>
#include <unistd.h>

void purge_batch_clear(struct purge_batch *batch)
{
    for (size_t i = 0; batch->locks != NULL && i < batch->count; i++)
        if (batch->locks[i] >= 0)
            (void)close(batch->locks[i]);
    mem_free(batch->locks);
    mem_free(batch->tids);
    json_decref(batch->run);
    *batch = (struct purge_batch){0};
}

static json_t *rows_of(const struct purge_batch *batch)
{
    return json_object_get(batch->run, "tenants");
}

int purge_batch_read(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row;
    batch->count = json_array_size(rows_of(batch));
    batch->tids = mem_calloc(batch->count, sizeof(*batch->tids));
    batch->locks = mem_calloc(batch->count, sizeof(*batch->locks));
    if (batch->tids == NULL || batch->locks == NULL)
        return error_no_memory(err);
    json_array_foreach(rows_of(batch), i, row)
    {
        const char *hex = json_string_value(json_object_get(row, "tenant"));
        batch->locks[i] = -1;
        if (hex == NULL || strlen(hex) != 2 * ID_SIZE || !hex_decode(hex, ID_SIZE, batch->tids[i].bytes))
            return error_set(err, ERROR_DAMAGED, "the journal of erasures names no tenant");
    }
    return 0;
}

/* ---- Writers stop ---- */

static int set_frozen(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err)
{
    const char *state = context;
    *ret_changed = strcmp(tenant->state, state) != 0;
    char *copy = mem_strdup(state);
    if (copy == NULL)
        return error_no_memory(err);
    mem_free(tenant->state);
    tenant->state = copy;
    return 0;
}

/* What was true when the erasure was planned may have changed: a hold came, or the contract goes on after all. */
static int check_allowed(struct purge_batch *batch, const struct session *session, const char *tenant,
                         struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    if (purge_check_hold(&session->chain.history, clock_now_ns(), err) != 0 ||
        purge_journal_plan_of(batch->facts, tenant, &plan, err) != 0)
        return -1;
    const json_t *without = json_object_get(json_object_get(plan, "plan"), "without_contract");
    return json_is_string(without) ? 0 : contract_check_erasure(session, err);
}

int purge_still_allowed(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(batch), i, row)
    {
        struct session session;
        const char *name = json_string_value(json_object_get(row, "name"));
        if (session_open(batch->hikae, name, 0, &session, err) != 0)
            return -1;
        int rc = check_allowed(batch, &session, json_string_value(json_object_get(row, "tenant")), err);
        session_close(&session);
        if (rc != 0)
            return error_wrap(err, "look once more whether %s may be erased", name);
    }
    return 0;
}

/* Take the tenant's lock, see that nothing forbids the erasure, and remember what it was before. */
static int lock_tenant(struct purge_batch *batch, size_t number, json_t *row, struct error *err)
{
    struct session session;
    const char *name = json_string_value(json_object_get(row, "name"));
    if (session_open(batch->hikae, name, SESSION_LOCK, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    int rc = id_equal(&session.tid, &batch->tids[number])
                 ? check_allowed(batch, &session, json_string_value(json_object_get(row, "tenant")), err)
                 : error_set(err, ERROR_REFUSED, "%s is another tenant than was planned: plan again", name);
    if (rc == 0 && json_object_set_new(row, "state_before", json_string(history->tenant.state)) != 0)
        rc = error_no_memory(err);
    if (rc == 0) {
        batch->locks[number] = session.lock_fd; /* kept until the end: nobody here writes for the tenant meanwhile */
        session.lock_fd = -1;
    }
    session_close(&session);
    return rc;
}

/* The lock is held already: so the tenant's record is written beside it. */
static int freeze(struct purge_batch *batch, const json_t *row, const char *state, struct error *err)
{
    struct session session;
    bool changed = false;
    const char *name = json_string_value(json_object_get(row, "name"));
    if (session_open(batch->hikae, name, 0, &session, err) != 0)
        return -1;
    struct history_tenant *tenant = &session.chain.history.tenant;
    int rc = set_frozen(tenant, state, &changed, err);
    if (rc == 0 && changed)
        rc = tenant_write(batch->hikae, &session.tid, session.keyring, &session.chain, tenant, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "stop the writers of %s", name);
}

/* The tenant is no part of the batch any more. */
static int leave(struct purge_batch *batch, size_t number, struct error *err)
{
    size_t after = batch->count - number - 1;
    if (json_array_remove(rows_of(batch), number) != 0)
        return error_set(err, ERROR_INTERNAL, "a batch has fewer tenants than it had");
    memmove(&batch->tids[number], &batch->tids[number + 1], after * sizeof(*batch->tids));
    memmove(&batch->locks[number], &batch->locks[number + 1], after * sizeof(*batch->locks));
    batch->count--;
    return 0;
}

static int lock_tenants(struct purge_batch *batch, struct purge_failures *failures, struct error *err)
{
    for (size_t i = 0; i < batch->count;) {
        struct error why = {0};
        json_t *row = json_array_get(rows_of(batch), i);
        if (lock_tenant(batch, i, row, &why) == 0) {
            i++;
            continue;
        }
        if (purge_failures_add(failures, json_string_value(json_object_get(row, "name")), &why, err) != 0 ||
            leave(batch, i, err) != 0)
            return -1;
    }
    return 0;
}

static int stop_writers(struct purge_batch *batch, struct purge_failures *failures, struct error *err)
{
    size_t i;
    json_t *row;
    if (lock_tenants(batch, failures, err) != 0)
        return -1;
    purge_step(batch->hikae, "locked");
    if (batch->count == 0)
        return 0;
    if (purge_batch_put(batch, PURGE_TOMBSTONE, err) != 0)
        return -1;
    json_array_foreach(rows_of(batch), i, row) if (freeze(batch, row, "frozen", err) != 0) return -1;
    purge_step(batch->hikae, "frozen");
    return 0;
}

/* ---- Inventory and intent ---- */

static bool is_configured(const struct hikae *hikae, const char *target)
{
    for (size_t i = 0; i < hikae->config->target_count; i++)
        if (strcmp(hikae->config->targets[i].name, target) == 0)
            return true;
    return false;
}

/* Targets that the plan knows and that were taken out of the configuration since: what lies there is nobody's to see.
 */
static int take_retired(struct purge_batch *batch, json_t *row, struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    CLEANUP_JSON json_t *targets = json_array();
    size_t i;
    json_t *one;
    if (targets == NULL)
        return error_no_memory(err);
    if (purge_journal_plan_of(batch->facts, json_string_value(json_object_get(row, "tenant")), &plan, err) != 0)
        return -1;
    json_array_foreach(json_object_get(json_object_get(plan, "plan"), "targets"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "target"));
        if (name == NULL || is_configured(batch->hikae, name))
            continue;
        if (json_array_append_new(targets, json_pack("{s:s, s:i, s:s, s:s, s:s}", "target", name, "deleted", 0, "state",
                                                     "unknown", "left", "left-away", "why",
                                                     "it is not configured any more")) != 0)
            return error_no_memory(err);
    }
    return json_object_set(row, "targets", targets) == 0 ? 0 : error_no_memory(err);
}

static int take_inventory(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row, *epoch, *keys = NULL, *epochs = json_array();
    int64_t since_ns = 0;
    if (epochs == NULL || json_object_set_new(batch->run, "epochs", epochs) != 0)
        return error_no_memory(err);
    json_array_foreach(rows_of(batch), i, row)
    {
        json_t *listed = NULL;
        int64_t tenant_ns = 0;
        if (purge_look_targets(batch->hikae, &batch->tids[i], &listed, err) != 0)
            return -1;
        if (json_object_set_new(row, "inventory", listed) != 0)
            return error_no_memory(err);
        if (take_retired(batch, row, err) != 0 ||
            keystore_tenant_since(batch->hikae->keystore, &batch->tids[i], &tenant_ns, err) != 0)
            return -1;
        if (since_ns == 0 || tenant_ns < since_ns)
            since_ns = tenant_ns;
    }
    if (purge_look_epochs(batch->hikae, since_ns, &keys, err) != 0)
        return -1;
    if (json_object_set_new(batch->run, "keys", keys) != 0)
        return error_no_memory(err);
    json_array_foreach(keys, i, epoch) if (json_array_append(epochs, json_object_get(epoch, "epoch")) !=
                                           0) return error_no_memory(err);
    purge_step(batch->hikae, "inventory");
    return 0;
}

/* A holder that does not answer now may not answer when its key is to be destroyed: better to stop before. */
static int check_holders(struct purge_batch *batch, struct error *err)
{
    size_t i, k;
    json_t *epoch, *holder, *keys = json_object_get(batch->run, "keys");
    uint32_t live = keystore_epoch(batch->hikae->keystore);
    bool opens = false;
    if (purge_check_holders(keys, err) != 0)
        return -1;
    json_array_foreach(keys, i, epoch)
    {
        if (json_integer_value(json_object_get(epoch, "epoch")) != (json_int_t)live)
            continue;
        json_array_foreach(json_object_get(epoch, "holders"), k, holder)
        {
            const char *state = json_string_value(json_object_get(holder, "opens"));
            opens = opens || (state != NULL && strcmp(state, "opens") == 0);
            if (state == NULL || strcmp(state, "unknown") != 0)
                continue;
            (void)error_set(err, ERROR_UNREACHABLE,
                            "holder %s of group %s does not answer: its key could not be destroyed",
                            json_string_value(json_object_get(holder, "name")),
                            json_string_value(json_object_get(holder, "group")));
            return error_hint(err, "`hikae keys check` says why; nothing is erased before all of them answer");
        }
    }
    return opens ? 0 : error_set(err, ERROR_KEYS, "no holder of epoch %u opens its share from here", live);
}

static int declare_intent(struct purge_batch *batch, struct error *err)
{
    if (json_object_set_new(batch->run, "from", json_integer(keystore_epoch(batch->hikae->keystore))) != 0)
        return error_no_memory(err);
    return purge_batch_put(batch, PURGE_INTENT, err);
}

/* ---- Beginning, and undoing ---- */

int purge_batch_begin(struct purge_batch *batch, struct purge_failures *failures, struct error *err)
{
    const struct keys_change plain = {.some_targets = true};
    bool in_force;
    if (purge_batch_read(batch, err) != 0 || keys_resume_epoch(batch->hikae, &plain, &in_force, err) != 0 ||
        stop_writers(batch, failures, err) != 0)
        return -1;
    if (batch->count == 0)
        return 0;
    return take_inventory(batch, err) == 0 && check_holders(batch, err) == 0 ? declare_intent(batch, err) : -1;
}

/* What nobody else noticed yet: the tenants go on as they were. */
int purge_batch_undo(struct purge_batch *batch, struct error *err)
{
    const struct keys_change plain = {.some_targets = true};
    bool in_force;
    size_t i;
    json_t *row;
    const char *id = json_string_value(json_object_get(batch->run, "id"));
    CLEANUP_FREE char *name = mem_printf("run/%s", id);
    if (name == NULL)
        return error_no_memory(err);
    if (keys_resume_epoch(batch->hikae, &plain, &in_force, err) != 0)
        return -1;
    json_array_foreach(rows_of(batch), i, row)
    {
        const char *before = json_string_value(json_object_get(row, "state_before"));
        if (before != NULL && freeze(batch, row, before, err) != 0)
            return -1;
    }
    return purge_journal_put(batch->facts, name, "undone", batch->run, err);
}

int purge_run_undo(struct hikae *hikae, struct session *facts, const json_t *run, struct error *err)
{
    CLEANUP(purge_batch_clear) struct purge_batch batch = {.hikae = hikae, .facts = facts, .run = json_deep_copy(run)};
    if (batch.run == NULL)
        return error_no_memory(err);
    return purge_batch_read(&batch, err) == 0 ? purge_batch_undo(&batch, err) : -1;
}
