/* The step that erases: a root epoch without the tenants, and the end of all that ever wrapped a key of theirs. */
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
    json_t *run = batch->run, *times = json_object_get(run, "times");
    const char *id = json_string_value(json_object_get(run, "id"));
    CLEANUP_FREE char *name = mem_printf("run/%s", id);
    if (name == NULL)
        return error_no_memory(err);
    /* Done again after a crash, a stage keeps the instant of its first time. */
    if (purge_time(times, purge_stage_name(stage)) == 0 &&
        purge_set_time(times, purge_stage_name(stage), clock_now_ns(), err) != 0)
        return -1;
    if (purge_journal_put(batch->facts, name, purge_stage_name(stage), run, err) != 0)
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
    if (purge_stage(batch->run) < PURGE_COMMIT)
        json_array_foreach(json_object_get(batch->run, "tenants"), i,
                           row) if (audit_commit(batch, row, before, epoch, err) != 0) return -1;
    if (engine_audit_upload(batch->hikae, &uploaded, err) != 0)
        return error_wrap(err, "bring the commit to the audit log on the targets");
    purge_step(batch->hikae, "commit-recorded");
    return purge_batch_put(batch, PURGE_COMMIT, err);
}

/* ---- In force ---- */

static bool is_erased(const struct purge_batch *batch, const struct id *tid)
{
    for (size_t i = 0; i < batch->count; i++)
        if (id_equal(&batch->tids[i], tid))
            return true;
    return false;
}

/* Every tenant opens through each group whose holders are here, as a handle that begins anew reads it; those do not. */
static int check_survivors(struct purge_batch *batch, const struct holder_group *groups, size_t count,
                           struct error *err)
{
    struct target_set set = engine_target_set(batch->hikae);
    struct keystore *fresh = NULL;
    struct keystore_report report = {0};
    struct id *tids = NULL;
    size_t tenants = 0, opened = 0;
    if (keystore_open(&set, groups, count, &fresh, err) != 0)
        return -1;
    int rc = keystore_check(fresh, groups, count, &report, err);
    if (rc == 0)
        rc = keystore_tenants(fresh, &tids, &tenants, err);
    for (size_t i = 0; rc == 0 && i < tenants; i++)
        if (is_erased(batch, &tids[i]))
            rc = error_set(err, ERROR_INTERNAL, "a key of an erased tenant is in epoch %u", report.epoch);
    for (size_t i = 0; rc == 0 && i < report.group_count; i++) {
        bool here = true;
        for (size_t k = 0; k < report.groups[i].member_count; k++)
            here = here && report.groups[i].members[k].state == HOLDER_OPENS;
        if (here && (!report.groups[i].opens || report.groups[i].tenants != tenants))
            rc = error_set(err, ERROR_KEYS, "group %s opens %zu of %zu tenants of epoch %u", report.groups[i].name,
                           report.groups[i].tenants, tenants, report.epoch);
        opened += here;
    }
    if (rc == 0 && opened == 0)
        rc = error_set(err, ERROR_KEYS, "no group of holders opens epoch %u from here", report.epoch);
    if (rc == 0 && report.copies < set.min_copies)
        rc = error_set(err, ERROR_REFUSED, "entries of epoch %u lie on %zu targets only", report.epoch, report.copies);
    if (rc == 0 && (json_object_set_new(batch->run, "survivors", json_integer((json_int_t)tenants)) != 0 ||
                    json_object_set_new(batch->run, "groups_checked", json_integer((json_int_t)opened)) != 0))
        rc = error_no_memory(err);
    mem_free(tids);
    keystore_report_clear(&report);
    keystore_free(fresh);
    return rc == 0 ? 0 : error_wrap(err, "prove that everybody else's keys open");
}

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
        if (check_survivors(batch, groups, count, err) != 0 || purge_batch_put(batch, PURGE_CHANGED, err) != 0)
            return -1;
    }
    return purge_epoch_destroy(batch, err);
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

/* ---- The end of the old ones ---- */

static const char *fate_of(const struct keystore_holder_end *end, const json_t *declared)
{
    return declared != NULL && end->fate != HOLDER_FATE_DESTROYED && end->fate != HOLDER_FATE_ABSENT &&
                   end->after != HOLDER_OPENS
               ? "declared"
               : holder_fate_name(end->fate);
}

static json_t *end_row(uint32_t epoch, const struct keystore_holder_end *end, const json_t *declared)
{
    json_t *row =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:O?}", "epoch", (int)epoch, "group",
                  end->group, "name", end->name, "kind", holder_kind_name(end->kind), "fate", fate_of(end, declared),
                  "before", holder_state_name(end->before), "after", holder_state_name(end->after), "presence",
                  holder_presence_name(end->attestation.presence), "identity", end->attestation.identity, "worth",
                  holder_destruction_worth(end->kind), "why", end->why, "declared", declared);
    if (row == NULL || purge_set_time(row, "at", end->at_ns, NULL) != 0 ||
        purge_set_time(row, "final", end->final_ns, NULL) != 0) {
        json_decref(row);
        return NULL;
    }
    return row;
}

/* What people said that they destroyed. */
static int declared_of(const struct purge_batch *batch, uint32_t epoch, const struct keystore_holder_end *end,
                       json_t **ret, struct error *err)
{
    CLEANUP_FREE char *name = purge_declared_name(epoch, end->group, end->name);
    return name != NULL ? purge_journal_get(batch->facts, name, ret, err) : error_no_memory(err);
}

/* Files of keys and sheets of the epoch that lie about, beside the configured ones: wiped, whatever they are called. */
static int wipe_found(struct purge_batch *batch, const struct purge_holders *holders, uint32_t epoch, struct error *err)
{
    const struct holder_group *found = &holders->groups[holders->configured];
    for (size_t i = 0; i < found->member_count; i++) {
        struct holder_group alone = {.name = found->name, .members = &found->members[i], .member_count = 1};
        struct keystore_destruction asked = {0};
        if (keystore_attest_epoch(batch->hikae->keystore, epoch, &alone, 1, &asked, err) != 0)
            return -1;
        bool opens = false;
        for (size_t k = 0; k < asked.count; k++)
            opens = opens || asked.holders[k].before == HOLDER_OPENS;
        keystore_destruction_clear(&asked);
        struct error why = {0};
        if (opens && holder_keyfile_destroy(found->members[i].path, &why) != 0)
            engine_warn(batch->hikae, "%s opens epoch %u and could not be destroyed: %s", found->members[i].path, epoch,
                        why.what);
    }
    return 0;
}

/* What every erasure so far noted of holders: several share the older epochs. */
static int collect_known(const char *name, json_t *body, void *context, struct error *err)
{
    json_t *known = context;
    (void)name;
    return json_array_extend(known, json_object_get(body, "holders")) == 0 || json_object_get(body, "holders") == NULL
               ? 0
               : error_no_memory(err);
}

/* What is known to be destroyed stays so, though nobody is left here who could be asked, as long as nothing opens it.
 */
static void remember_end(const json_t *known, uint32_t epoch, struct keystore_holder_end *end)
{
    size_t i;
    json_t *row;
    if (end->after == HOLDER_OPENS || end->fate == HOLDER_FATE_SCHEDULED)
        return;
    json_array_foreach(known, i, row)
    {
        const char *fate = json_string_value(json_object_get(row, "fate"));
        if (json_integer_value(json_object_get(row, "epoch")) != (json_int_t)epoch || fate == NULL ||
            strcmp(json_string_value(json_object_get(row, "group")), end->group) != 0 ||
            strcmp(json_string_value(json_object_get(row, "name")), end->name) != 0)
            continue;
        if (strcmp(fate, "destroyed") == 0 || strcmp(fate, "absent") == 0) {
            end->fate = fate[0] == 'd' ? HOLDER_FATE_DESTROYED : HOLDER_FATE_ABSENT;
            end->at_ns = purge_time(row, "at");
        }
    }
}

struct judgement {
    json_t *rows;
    json_t *known;
    bool controlled;
    bool unknown;     /* of one holder nobody knows: nothing is claimed */
    bool final;       /* every group has lost a key for good */
    int64_t since_ns; /* the last of the keys that were destroyed from here */
    int64_t final_ns; /* the last of the ends that are to come */
};

/* Merge what one epoch's holders came to. */
static int take_end(struct purge_batch *batch, struct keystore_destruction *end, struct judgement *to,
                    struct error *err)
{
    for (size_t i = 0; i < end->count; i++) {
        struct keystore_holder_end *holder = &end->holders[i];
        CLEANUP_JSON json_t *declared = NULL;
        remember_end(to->known, end->epoch, holder);
        if (declared_of(batch, end->epoch, holder, &declared, err) != 0)
            return -1;
        to->unknown = to->unknown || holder->fate == HOLDER_FATE_UNKNOWN || holder->after == HOLDER_OPENS;
        if (holder->at_ns > to->since_ns)
            to->since_ns = holder->at_ns;
        json_t *row = end_row(end->epoch, holder, declared);
        if (json_array_append_new(to->rows, row) != 0)
            return error_no_memory(err);
        /* People's word counts where nothing here contradicts it. */
        if (declared != NULL && strcmp(json_string_value(json_object_get(row, "fate")), "declared") == 0) {
            holder->fate = HOLDER_FATE_ABSENT;
            holder->at_ns = purge_time(declared, "at");
        }
    }
    keystore_destruction_judge(end);
    to->final = to->final && end->final;
    if (end->final_ns > to->final_ns)
        to->final_ns = end->final_ns;
    return 0;
}

static int each_epoch(struct purge_batch *batch, bool destroy, struct judgement *to, struct error *err)
{
    size_t i;
    json_t *value;
    uint32_t from = (uint32_t)json_integer_value(json_object_get(batch->run, "from"));
    CLEANUP(purge_holders_clear) struct purge_holders holders = {0};
    if (purge_holders_find(batch->hikae, &holders, err) != 0 ||
        purge_journal_each(batch->facts, "run/", collect_known, to->known, err) != 0)
        return -1;
    json_array_foreach(json_object_get(batch->run, "epochs"), i, value)
    {
        uint32_t epoch = (uint32_t)json_integer_value(value);
        struct keystore_destruction before = {0}, end = {0};
        /* The control: that it can be opened before shows that the question is asked rightly afterwards. */
        if (destroy &&
            (keystore_attest_epoch(batch->hikae->keystore, epoch, holders.groups, holders.count, &before, err) != 0))
            return -1;
        if (destroy && epoch == from)
            to->controlled = before.controlled;
        keystore_destruction_clear(&before);
        if (destroy && wipe_found(batch, &holders, epoch, err) != 0)
            return -1;
        int rc = destroy
                     ? keystore_destroy_epoch(batch->hikae->keystore, epoch, holders.groups, holders.count, &end, err)
                     : keystore_attest_epoch(batch->hikae->keystore, epoch, holders.groups, holders.count, &end, err);
        if (rc == 0)
            rc = take_end(batch, &end, to, err);
        keystore_destruction_clear(&end);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/*
 * T0 is when the last key that can be destroyed from here was: what people have to destroy is named beside it. T1 is
 * when nobody, these people included, can call it back.
 */
static int put_judgement(struct purge_batch *batch, const struct judgement *judgement, struct error *err)
{
    json_t *times = json_object_get(batch->run, "times");
    if (json_object_set(batch->run, "holders", judgement->rows) != 0 ||
        (judgement->controlled && json_object_set_new(batch->run, "controlled", json_true()) != 0))
        return error_no_memory(err);
    if (!judgement->unknown && purge_time(times, "unreadable") == 0 &&
        purge_set_time(times, "unreadable", judgement->since_ns != 0 ? judgement->since_ns : clock_now_ns(), err) != 0)
        return -1;
    if (judgement->final && purge_time(times, "irrevocable") == 0 &&
        purge_set_time(times, "irrevocable", clock_now_ns(), err) != 0)
        return -1;
    return purge_set_time(times, "irrevocable_from", judgement->final ? 0 : judgement->final_ns, err);
}

int purge_epoch_destroy(struct purge_batch *batch, struct error *err)
{
    CLEANUP_JSON json_t *rows = json_array();
    CLEANUP_JSON json_t *known = json_array();
    struct judgement judgement = {.rows = rows, .known = known, .final = true};
    if (rows == NULL || known == NULL)
        return error_no_memory(err);
    if (each_epoch(batch, true, &judgement, err) != 0)
        return -1;
    purge_step(batch->hikae, "holders-destroyed");
    if (put_judgement(batch, &judgement, err) != 0)
        return -1;
    if (!judgement.unknown)
        return purge_batch_put(batch, PURGE_DESTROYED, err);
    engine_warn(batch->hikae,
                "a holder of the old root epoch did not answer: what it holds may go on opening. Run again");
    return purge_batch_put(batch, PURGE_CHANGED, err);
}

/* A key that was gone is there again. What was claimed of the time in between was true of its beginning only. */
static int end_again(struct purge_batch *batch, const json_t *row, struct error *err)
{
    json_t *times = json_object_get(batch->run, "times");
    if (purge_set_time(times, "brought_back", clock_now_ns(), err) != 0 ||
        purge_set_time(times, "unreadable", 0, err) != 0 || purge_set_time(times, "irrevocable", 0, err) != 0)
        return -1;
    char text[ERROR_WHAT_SIZE];
    (void)snprintf(text, sizeof(text), "holder %s of group %s opened epoch %lld again: its key was brought back",
                   json_string_value(json_object_get(row, "name")), json_string_value(json_object_get(row, "group")),
                   (long long)json_integer_value(json_object_get(row, "epoch")));
    if (purge_epoch_destroy(batch, err) != 0)
        return error_wrap(err, "%s", text);
    (void)error_set(err, ERROR_DAMAGED, "%s; it is ended again", text);
    return error_hint(err, "find out who did that; whoever had a copy of the targets could read it meanwhile");
}

int purge_epoch_attest(struct purge_batch *batch, struct error *err)
{
    CLEANUP_JSON json_t *rows = json_array();
    CLEANUP_JSON json_t *known = json_array();
    struct judgement judgement = {.rows = rows, .known = known, .final = true};
    size_t i;
    json_t *row;
    if (rows == NULL || known == NULL)
        return error_no_memory(err);
    if (each_epoch(batch, false, &judgement, err) != 0)
        return -1;
    json_array_foreach(rows, i, row)
    {
        const char *after = json_string_value(json_object_get(row, "after"));
        if (after != NULL && strcmp(after, "opens") == 0)
            return end_again(batch, row, err);
    }
    return put_judgement(batch, &judgement, err);
}
