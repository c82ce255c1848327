/* An erasure, step by step in the order of DESIGN §9, and how one that was cut short goes on. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/purge.h"

#include <string.h>

/* Another machine's erasure is left alone for so long after its last step. */
#define OTHERS_WAIT_NS (3600 * NS_PER_S)

static json_t *rows_of(const struct purge_batch *batch)
{
    return json_object_get(batch->run, "tenants");
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

static void undo_begun(struct purge_batch *batch)
{
    struct error why = {0};
    int stage = purge_stage(batch->run);
    if (stage >= PURGE_TOMBSTONE && stage < PURGE_COMMIT && purge_batch_undo(batch, &why) != 0)
        engine_warn(batch->hikae, "the tenants are still frozen (%s): `hikae purge run` goes on", why.what);
}

static int begin(struct purge_batch *batch, struct purge_failures *failures, struct error *err)
{
    if (purge_batch_begin(batch, failures, err) == 0 && (batch->count == 0 || go_on(batch, err) == 0))
        return 0;
    undo_begun(batch);
    return -1;
}

/* ---- All of them ---- */

struct work {
    struct hikae *hikae;
    struct session *facts;
    const char *tenant; /* pseudonym, or NULL */
    json_t *open;       /* runs that are not done */
    json_t *rows;       /* of a new run */
    struct purge_failures failures;
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

/* "acme, beta": whose erasure a run is (mem_free). */
static char *names_of(const json_t *rows, const char *key, const char *otherwise)
{
    size_t i;
    json_t *row;
    char *all = mem_strdup("");
    json_array_foreach(rows, i, row)
    {
        const char *name = json_string_value(json_object_get(row, key));
        char *more = mem_printf("%s%s%s", all, i > 0 ? ", " : "",
                                name != NULL ? name : json_string_value(json_object_get(row, otherwise)));
        mem_free(all);
        all = more;
    }
    return all;
}

static int continue_one(const struct work *work, json_t *run, struct error *err)
{
    CLEANUP(purge_batch_clear)
    struct purge_batch batch = {.hikae = work->hikae, .facts = work->facts, .run = json_incref(run)};
    if (check_owner(work, run, err) != 0 || purge_batch_read(&batch, err) != 0)
        return -1;
    return purge_stage(run) < PURGE_COMMIT ? purge_batch_undo(&batch, err) : go_on(&batch, err);
}

/* Each on its own: what keeps one from its end keeps no other one. */
static int continue_open(struct work *work, struct error *err)
{
    size_t i;
    json_t *run;
    json_array_foreach(work->open, i, run)
    {
        struct error why = {0};
        if (continue_one(work, run, &why) == 0)
            continue;
        CLEANUP_FREE char *names = names_of(json_object_get(run, "tenants"), "name", "tenant");
        if (purge_failures_add(&work->failures, names, &why, err) != 0)
            return -1;
    }
    return 0;
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
    CLEANUP_FREE char *operators = names_of(approvals, "operator", "operator");
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
    CLEANUP_FREE char *names = names_of(work->rows, "name", "tenant");
    struct error why = {0};
    /* One that could not go on may be in the middle of its change of the root epoch, which has to be finished first. */
    int rc = work->failures.count > 0 ? purge_check_idle(work->hikae, &why) : 0;
    if (rc == 0)
        rc = begin(&batch, &work->failures, &why);
    return rc == 0 ? 0 : purge_failures_add(&work->failures, names, &why, err);
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
    /* Also where the catalogue that was made anew never knew the tenants. */
    if (purge_drop_damaged(work->hikae, err) != 0)
        return -1;
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
    struct work work = {.hikae = hikae, .facts = facts, .tenant = tenant, .open = open, .rows = rows};
    size_t reopened;
    if (open == NULL || rows == NULL)
        return error_no_memory(err);
    int rc = !dry_run ? purge_reopen_returned(hikae, facts, &reopened, err) : 0;
    if (rc == 0)
        rc = purge_journal_each(facts, "run/", note_open, &work, err);
    if (rc == 0 && !dry_run)
        rc = purge_journal_each(facts, "run/", forget_erased, &work, err);
    if (rc == 0 && !dry_run)
        rc = purge_scrub_local(hikae, err);
    if (rc == 0 && !dry_run)
        rc = continue_open(&work, err);
    if (rc == 0)
        rc = begin_approved(&work, dry_run, err);
    rc = purge_failures_end(&work.failures, hikae, rc, err);
    if (rc != 0)
        return -1;
    (void)json_array_clear(open);
    if (purge_journal_each(facts, "run/", note_open, &work, err) != 0)
        return -1;
    *ret_waiting = json_array_size(open) + (dry_run ? json_array_size(rows) : 0);
    purge_step(hikae, "finished");
    return 0;
}
