/* A root epoch without the tenants: prepared, committed, in force, proved. What it leaves is for purge_holders.c. */
#include "base/hex.h"
#include "base/mem.h"
#include "keys/holder.h"
#include "ops/audit.h"
#include "ops/audit_store.h"
#include "ops/keys_rotate.h"
#include "ops/purge.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void purge_step(const struct hikae *hikae, const char *step)
{
    const char *stop = hikae->config->test_clock ? getenv("HIKAE_TEST_STOP") : NULL;
    const char *hold = hikae->config->test_clock ? getenv("HIKAE_TEST_HOLD") : NULL;
    if (stop != NULL && strcmp(stop, step) == 0)
        (void)raise(SIGKILL);
    if (hold != NULL && strcmp(hold, step) == 0)
        (void)raise(SIGSTOP);
}

int purge_batch_put(struct purge_batch *batch, int stage, struct error *err)
{
    const char *id = json_string_value(json_object_get(batch->run, "id"));
    CLEANUP_FREE char *name = mem_printf("run/%s", id);
    if (name == NULL)
        return error_no_memory(err);
    if (purge_stage_set(batch->run, stage, err) != 0 ||
        purge_journal_put(batch->facts, name, purge_stage_name(stage), batch->run, err) != 0)
        return -1;
    purge_step(batch->hikae, purge_stage_name(stage));
    return 0;
}

/* ---- The commit ---- */

static int audit_commit(struct purge_batch *batch, const json_t *row, uint32_t before, uint32_t epoch,
                        struct error *err)
{
    struct engine_audit audit;
    const char *name = json_string_value(json_object_get(row, "name"));
    if (engine_audit_begin(batch->hikae, OPERATION_PURGE_COMMIT, name, false, &audit, err) != 0)
        return -1;
    engine_audit_detail(&audit, "run", json_string_value(json_object_get(batch->run, "id")));
    engine_audit_detail(&audit, "plan", json_string_value(json_object_get(row, "sha256")));
    engine_audit_operator(&audit, json_string_value(json_object_get(row, "operators")));
    engine_audit_count(&audit, "from_epoch", before);
    engine_audit_count(&audit, "to_epoch", epoch);
    return engine_audit_end(&audit, HIKAE_OK) == HIKAE_OK
               ? 0
               : error_set(err, ERROR_LOCAL, "the commit could not be recorded in the audit log");
}

/* All is rewrapped and proved, nothing has changed for anybody yet. From here on the tenants will be erased. */
static int commit(uint32_t before, uint32_t epoch, void *context, struct error *err)
{
    struct purge_batch *batch = context;
    struct audit_uploaded uploaded;
    size_t i;
    json_t *row;
    if (json_object_set_new(batch->run, "from", json_integer(before)) != 0 ||
        json_object_set_new(batch->run, "to", json_integer(epoch)) != 0)
        return error_no_memory(err);
    /* Keys of many tenants take their time: a hold that came meanwhile, on whatever host, is the last word until now.
     */
    if (purge_stage(batch->run) < PURGE_COMMIT && purge_still_allowed(batch, err) != 0)
        return -1;
    if (purge_stage(batch->run) < PURGE_COMMIT)
        json_array_foreach(json_object_get(batch->run, "tenants"), i,
                           row) if (audit_commit(batch, row, before, epoch, err) != 0) return -1;
    if (engine_audit_upload(batch->hikae, &uploaded, err) != 0)
        return error_wrap(err, "bring the commit to the audit log on the targets");
    purge_step(batch->hikae, "commit-recorded");
    return purge_batch_put(batch, PURGE_COMMIT, err);
}

/* ---- In force ---- */

/* What other hosts still wrote under the old epoch comes along, until a listing shows nothing more. */
static int take_stragglers(struct purge_batch *batch, const struct holder_group *groups, size_t count,
                           struct error *err)
{
    uint32_t from = (uint32_t)json_integer_value(json_object_get(batch->run, "from"));
    const struct keystore_rotation rotation = {
        .groups = groups, .group_count = count, .without = batch->tids, .without_count = batch->count};
    size_t found = 0, all = (size_t)json_integer_value(json_object_get(batch->run, "stragglers"));
    do {
        if (keystore_take_stragglers(batch->hikae->keystore, from, &rotation, &found, err) != 0)
            return -1;
        all += found;
    } while (found > 0);
    return json_object_set_new(batch->run, "stragglers", json_integer((json_int_t)all)) == 0 ? 0 : error_no_memory(err);
}

/* Old and new holders, and what lies beside them: with these the old epoch is opened, tried and destroyed. */
static int change_over(const struct holder_group *groups, size_t count, void *context, struct error *err)
{
    struct purge_batch *batch = context;
    CLEANUP(purge_holders_clear) struct purge_holders holders = {0};
    if (purge_stage(batch->run) < PURGE_COMMIT)
        return 0; /* somebody else's change that was cut short */
    if (purge_stage(batch->run) == PURGE_COMMIT) {
        if (purge_holders_find(batch->hikae, &holders, err) != 0 ||
            take_stragglers(batch, holders.groups, holders.count, err) != 0)
            return -1;
        purge_step(batch->hikae, "stragglers");
        if (purge_survivors_check(batch, groups, count, err) != 0 || purge_holders_control(batch, &holders, err) != 0 ||
            purge_batch_put(batch, PURGE_CHANGED, err) != 0)
            return -1;
    }
    return purge_holders_destroy(batch, err);
}

int purge_epoch_change(struct purge_batch *batch, struct error *err)
{
    struct hikae *hikae = batch->hikae;
    uint32_t from = (uint32_t)json_integer_value(json_object_get(batch->run, "from"));
    uint32_t to = (uint32_t)json_integer_value(json_object_get(batch->run, "to"));
    const struct keys_change change = {.without = batch->tids,
                                       .without_count = batch->count,
                                       .at_least = to != 0 ? to + 1 : 0,
                                       .some_targets = true,
                                       .commit = commit,
                                       .leave = change_over,
                                       .context = batch};
    bool in_force = false;
    if (keys_resume_epoch(hikae, &change, &in_force, err) != 0)
        return -1;
    if (purge_stage(batch->run) >= PURGE_CHANGED)
        return 0;
    /* Holders that are no files leave no trace in the configuration: the epoch in force tells. */
    if (purge_stage(batch->run) == PURGE_COMMIT && keystore_epoch(hikae->keystore) > from) {
        struct holder_group *groups;
        if (engine_groups(hikae->config, &groups, err) != 0)
            return -1;
        int rc = change_over(groups, hikae->config->group_count, batch, err);
        engine_groups_free(groups, hikae->config->group_count);
        return rc;
    }
    CLEANUP(keys_changed_clear) struct keys_changed changed = {0};
    if (keys_change_epoch(hikae, &change, &changed, err) != 0)
        return -1;
    if (changed.sheet != NULL)
        engine_warn(hikae, "the new recovery sheet is %s: print it, and keep it away from this machine", changed.sheet);
    return 0;
}
