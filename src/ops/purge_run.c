/* An erasure, step by step in the order of DESIGN §9, and how one that was cut short goes on. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/contract.h"
#include "ops/keys_rotate.h"
#include "ops/purge.h"
#include "ops/tenant.h"

#include <string.h>
#include <unistd.h>

/* Another machine's erasure is left alone for so long after its last step. */
#define OTHERS_WAIT_NS (3600 * NS_PER_S)

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

/* The ids of a run's tenants. */
static int read_ids(struct purge_batch *batch, struct error *err)
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

static int stop_writers(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(batch), i, row) if (lock_tenant(batch, i, row, err) != 0) return -1;
    purge_step(batch->hikae, "locked");
    if (purge_batch_put(batch, PURGE_TOMBSTONE, err) != 0)
        return -1;
    json_array_foreach(rows_of(batch), i, row) if (freeze(batch, row, "frozen", err) != 0) return -1;
    purge_step(batch->hikae, "frozen");
    return 0;
}

/* ---- Inventory and intent ---- */

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
        if (json_object_set_new(row, "inventory", listed) != 0 ||
            json_object_set_new(row, "targets", json_array()) != 0)
            return error_no_memory(err);
        if (keystore_tenant_since(batch->hikae->keystore, &batch->tids[i], &tenant_ns, err) != 0)
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

/* ---- After the keys ---- */

static int delete_rest(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row;
    for (i = 0; i < batch->count; i++)
        if (purge_forget_local(batch->hikae, &batch->tids[i], err) != 0)
            return -1;
    if (purge_scrub_local(batch->hikae, err) != 0)
        return -1;
    purge_step(batch->hikae, "forgotten");
    json_array_foreach(rows_of(batch), i,
                       row) if (purge_delete_tenant(batch->hikae, &batch->tids[i], row, err) != 0) return -1;
    return 0;
}

static int settle(struct purge_batch *batch, struct error *err)
{
    size_t i;
    json_t *row;
    uint64_t left = 0;
    if (delete_rest(batch, err) != 0 || purge_delete_entries(batch, &left, err) != 0)
        return -1;
    bool done = left == 0 && purge_time(json_object_get(batch->run, "times"), "irrevocable") != 0;
    json_array_foreach(rows_of(batch), i, row) done = done && purge_time(row, "gone") != 0;
    return purge_batch_put(batch, done ? PURGE_DONE : purge_stage(batch->run), err);
}

/* ---- A batch ---- */

/* From wherever the journal is. */
static int go_on(struct purge_batch *batch, struct error *err)
{
    int stage = purge_stage(batch->run);
    if (stage < PURGE_CHANGED && purge_epoch_change(batch, err) != 0)
        return -1;
    if (stage == PURGE_CHANGED) {
        /* The change may have been cut short between its proof and the end of the holders. */
        if (purge_epoch_change(batch, err) != 0 ||
            (purge_stage(batch->run) == PURGE_CHANGED && purge_holders_destroy(batch, err) != 0))
            return -1;
    }
    if (stage == PURGE_DESTROYED && purge_holders_attest(batch, err) != 0)
        return -1;
    /* Deleting does not wait for a holder that nobody can ask: only T0 does. */
    return purge_stage(batch->run) >= PURGE_CHANGED ? settle(batch, err) : 0;
}

/* What nobody else noticed yet: the tenants go on as they were. */
static int undo(struct purge_batch *batch, struct error *err)
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
    return read_ids(&batch, err) == 0 ? undo(&batch, err) : -1;
}

static int begin(struct purge_batch *batch, struct error *err)
{
    const struct keys_change plain = {.some_targets = true};
    bool in_force;
    if (read_ids(batch, err) == 0 && keys_resume_epoch(batch->hikae, &plain, &in_force, err) == 0 &&
        stop_writers(batch, err) == 0 && take_inventory(batch, err) == 0 && check_holders(batch, err) == 0 &&
        declare_intent(batch, err) == 0 && go_on(batch, err) == 0)
        return 0;
    struct error why = {0};
    int stage = purge_stage(batch->run);
    if (stage >= PURGE_TOMBSTONE && stage < PURGE_COMMIT && undo(batch, &why) != 0)
        engine_warn(batch->hikae, "the tenants are still frozen (%s): `hikae purge run` goes on", why.what);
    return -1;
}

/* ---- All of them ---- */

struct work {
    struct hikae *hikae;
    struct session *facts;
    const char *tenant; /* pseudonym, or NULL */
    json_t *open;       /* runs that are not done */
    json_t *rows;       /* of a new run */
};

static int note_open(const char *name, json_t *body, void *context, struct error *err)
{
    struct work *work = context;
    int stage = purge_stage(body);
    (void)name;
    if (stage < 0 || stage >= PURGE_DONE)
        return 0;
    return json_array_append(work->open, body) == 0 ? 0 : error_no_memory(err);
}

static int64_t last_step(const json_t *run)
{
    const char *key;
    json_t *value;
    int64_t last_ns = 0;
    json_t *times = json_object_get(run, "times");
    json_object_foreach(times, key, value)
    {
        int64_t ns = purge_time(times, key);
        if (ns > last_ns && strcmp(key, "irrevocable_from") != 0)
            last_ns = ns;
    }
    return last_ns;
}

static int check_owner(const struct work *work, const json_t *run, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    const char *writer = json_string_value(json_object_get(run, "writer"));
    (void)hex_encode(work->hikae->writer.bytes, ID_SIZE, hex);
    if ((writer != NULL && strcmp(writer, hex) == 0) || purge_stage(run) >= PURGE_DESTROYED ||
        clock_now_ns() - last_step(run) > OTHERS_WAIT_NS)
        return 0;
    (void)error_set(err, ERROR_BUSY, "another machine is in the middle of an erasure");
    err->retryable = true;
    return error_hint(err, "let it finish; if it is gone for good, run again in an hour, where the holders are");
}

static int continue_open(struct work *work, struct error *err)
{
    size_t i;
    json_t *run;
    json_array_foreach(work->open, i, run)
    {
        CLEANUP(purge_batch_clear)
        struct purge_batch batch = {.hikae = work->hikae, .facts = work->facts, .run = json_incref(run)};
        if (check_owner(work, run, err) != 0 || read_ids(&batch, err) != 0)
            return -1;
        if (purge_stage(run) < PURGE_COMMIT ? undo(&batch, err) : go_on(&batch, err))
            return -1;
    }
    return 0;
}

/* "a, b": the operators who signed. */
static char *operators_of(const json_t *approvals)
{
    size_t i;
    json_t *approval;
    char *all = mem_strdup("");
    json_array_foreach(approvals, i, approval)
    {
        char *more =
            mem_printf("%s%s%s", all, i > 0 ? ", " : "", json_string_value(json_object_get(approval, "operator")));
        mem_free(all);
        all = more;
    }
    return all;
}

static int note_approved(const char *name, json_t *body, void *context, struct error *err)
{
    struct work *work = context;
    const char *tenant = name + strlen("plan/");
    const char *event = json_string_value(json_object_get(body, "event"));
    const char *hash = json_string_value(json_object_get(body, "sha256"));
    CLEANUP_JSON json_t *approvals = NULL;
    CLEANUP_JSON json_t *run = NULL;
    json_t *row;
    if (event == NULL || strcmp(event, "planned") != 0 || hash == NULL ||
        (work->tenant != NULL && strcmp(work->tenant, tenant) != 0))
        return 0;
    if (purge_journal_run_of(work->facts, tenant, &run, &row, err) != 0 ||
        purge_approvals(work->facts, tenant, hash, &approvals, err) != 0)
        return -1;
    if (run != NULL || json_array_size(approvals) < PURGE_APPROVERS)
        return 0;
    CLEANUP_FREE char *operators = operators_of(approvals);
    row = operators == NULL ? NULL
                            : json_pack("{s:s, s:O, s:s, s:s, s:O}", "tenant", tenant, "name",
                                        json_object_get(json_object_get(body, "plan"), "name"), "sha256", hash,
                                        "operators", operators, "approvals", approvals);
    return json_array_append_new(work->rows, row) == 0 ? 0 : error_no_memory(err);
}

static int new_run(const struct work *work, json_t **ret, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1], writer[2 * ID_SIZE + 1];
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    *ret = json_pack("{s:s, s:s, s:s, s:O, s:{}}", "id", hex_encode(id.bytes, ID_SIZE, hex), "writer",
                     hex_encode(work->hikae->writer.bytes, ID_SIZE, writer), "version", HIKAE_VERSION, "tenants",
                     work->rows, "times");
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int begin_approved(struct work *work, bool dry_run, struct error *err)
{
    CLEANUP(purge_batch_clear) struct purge_batch batch = {.hikae = work->hikae, .facts = work->facts};
    if (purge_journal_each(work->facts, "plan/", note_approved, work, err) != 0)
        return -1;
    if (json_array_size(work->rows) == 0 || dry_run)
        return 0;
    if (new_run(work, &batch.run, err) != 0)
        return -1;
    return begin(&batch, err);
}

/* Other machines' catalogues and caches know the tenants too: each forgets them when it runs. */
static int forget_erased(const char *name, json_t *body, void *context, struct error *err)
{
    struct work *work = context;
    size_t i;
    json_t *row;
    (void)name;
    if (purge_stage(body) < PURGE_DESTROYED)
        return 0;
    json_array_foreach(json_object_get(body, "tenants"), i, row)
    {
        struct id tid;
        const char *hex = json_string_value(json_object_get(row, "tenant"));
        if (hex != NULL && strlen(hex) == 2 * ID_SIZE && hex_decode(hex, ID_SIZE, tid.bytes) &&
            purge_forget_local(work->hikae, &tid, err) != 0)
            return -1;
    }
    return 0;
}

int purge_run(struct hikae *hikae, struct session *facts, const char *tenant, bool dry_run, size_t *ret_waiting,
              struct error *err)
{
    CLEANUP_JSON json_t *open = json_array();
    CLEANUP_JSON json_t *rows = json_array();
    struct work work = {hikae, facts, tenant, open, rows};
    size_t reopened;
    if (open == NULL || rows == NULL)
        return error_no_memory(err);
    if ((!dry_run && purge_reopen_returned(hikae, facts, &reopened, err) != 0) ||
        purge_journal_each(facts, "run/", note_open, &work, err) != 0 ||
        (!dry_run && purge_journal_each(facts, "run/", forget_erased, &work, err) != 0) ||
        (!dry_run && purge_scrub_local(hikae, err) != 0) || (!dry_run && continue_open(&work, err) != 0) ||
        begin_approved(&work, dry_run, err) != 0)
        return -1;
    (void)json_array_clear(open);
    if (purge_journal_each(facts, "run/", note_open, &work, err) != 0)
        return -1;
    *ret_waiting = json_array_size(open) + (dry_run ? json_array_size(rows) : 0);
    purge_step(hikae, "finished");
    return 0;
}
