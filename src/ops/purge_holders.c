/* The end of all that ever wrapped a key of the tenants: the holders of the old root epochs, one after the other. */
#include "base/mem.h"
#include "keys/holder.h"
#include "ops/purge.h"

#include <stdio.h>
#include <string.h>

static const char *word(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

/* The last row about a holder, or NULL. */
static const json_t *row_of(const json_t *rows, uint32_t epoch, const char *group, const char *name)
{
    for (size_t i = json_array_size(rows); i > 0; i--) {
        const json_t *row = json_array_get(rows, i - 1);
        if (json_integer_value(json_object_get(row, "epoch")) == (json_int_t)epoch &&
            strcmp(word(row, "group"), group) == 0 && strcmp(word(row, "name"), name) == 0)
            return row;
    }
    return NULL;
}

/* ---- The control ---- */

/*
 * Which holders open the old epochs while they still do: that shows that the question is asked rightly afterwards. It
 * is in the journal before the first of them is destroyed, so that a crash in between does not lose it.
 */
int purge_holders_control(struct purge_batch *batch, const struct purge_holders *holders, struct error *err)
{
    size_t i;
    json_t *value;
    uint32_t from = (uint32_t)json_integer_value(json_object_get(batch->run, "from"));
    CLEANUP_JSON json_t *rows = json_array();
    if (rows == NULL)
        return error_no_memory(err);
    json_array_foreach(json_object_get(batch->run, "epochs"), i, value)
    {
        uint32_t epoch = (uint32_t)json_integer_value(value);
        struct keystore_destruction asked = {0};
        if (keystore_attest_epoch(batch->hikae->keystore, epoch, holders->groups, holders->count, &asked, err) != 0)
            return -1;
        int rc = 0;
        for (size_t k = 0; rc == 0 && k < asked.count; k++)
            if (json_array_append_new(rows, json_pack("{s:i, s:s, s:s, s:s}", "epoch", (int)epoch, "group",
                                                      asked.holders[k].group, "name", asked.holders[k].name, "before",
                                                      holder_state_name(asked.holders[k].before))) != 0)
                rc = error_no_memory(err);
        bool controlled = epoch == from && asked.controlled;
        keystore_destruction_clear(&asked);
        if (rc != 0 || (controlled && json_object_set_new(batch->run, "controlled", json_true()) != 0))
            return rc != 0 ? -1 : error_no_memory(err);
    }
    return json_object_set(batch->run, "control", rows) == 0 ? 0 : error_no_memory(err);
}

/* ---- Of one holder ---- */

static const char *fate_of(const struct keystore_holder_end *end, const json_t *declared)
{
    bool by_people = end->fate == HOLDER_FATE_PEOPLE || end->fate == HOLDER_FATE_UNKNOWN;
    return declared != NULL && by_people && end->after != HOLDER_OPENS ? "declared" : holder_fate_name(end->fate);
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

/* What every erasure so far noted of holders: several share the older epochs. */
static int collect_known(const char *name, json_t *body, void *context, struct error *err)
{
    json_t *known = context, *holders = json_object_get(body, "holders");
    (void)name;
    return holders == NULL || json_array_extend(known, holders) == 0 ? 0 : error_no_memory(err);
}

/*
 * Asked again, a holder that is gone says only that it is gone: when it was destroyed, and that it opened before, is
 * known from the journal, and stays true as long as nothing opens.
 */
static void remember_end(const struct purge_batch *batch, const json_t *known, uint32_t epoch,
                         struct keystore_holder_end *end)
{
    const json_t *row = row_of(known, epoch, end->group, end->name);
    const json_t *control = row_of(json_object_get(batch->run, "control"), epoch, end->group, end->name);
    if (end->after == HOLDER_OPENS)
        return;
    if (strcmp(word(row, "before"), "opens") == 0 || strcmp(word(control, "before"), "opens") == 0)
        end->before = HOLDER_OPENS;
    bool is_new = end->fate == HOLDER_FATE_SCHEDULED;
    if (!is_new && strcmp(word(row, "fate"), "destroyed") == 0)
        end->fate = HOLDER_FATE_DESTROYED;
    else if (!is_new && strcmp(word(row, "fate"), "absent") == 0)
        end->fate = HOLDER_FATE_ABSENT;
    if (end->at_ns == 0 && row != NULL)
        end->at_ns = purge_time(row, "at");
}

static int take_end(struct purge_batch *batch, struct keystore_destruction *end, const json_t *known, json_t *rows,
                    struct error *err)
{
    for (size_t i = 0; i < end->count; i++) {
        struct keystore_holder_end *holder = &end->holders[i];
        CLEANUP_JSON json_t *declared = NULL;
        remember_end(batch, known, end->epoch, holder);
        if (declared_of(batch, end->epoch, holder, &declared, err) != 0)
            return -1;
        if (json_array_append_new(rows, end_row(end->epoch, holder, declared)) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* ---- All of them ---- */

/* A key file through itself alone, so that a note stays where it lay, and what came of it is known. */
static int destroy_found(struct purge_batch *batch, struct holder_group *alone, uint32_t epoch, json_t *known,
                         struct error *err)
{
    CLEANUP(keystore_destruction_clear) struct keystore_destruction end = {0};
    if (keystore_destroy_epoch(batch->hikae->keystore, epoch, alone, 1, &end, err) != 0)
        return -1;
    for (size_t i = 0; i < end.count; i++)
        if (end.holders[i].fate == HOLDER_FATE_DESTROYED &&
            json_array_append_new(known, end_row(epoch, &end.holders[i], NULL)) != 0)
            return error_no_memory(err);
    return 0;
}

/* Files of keys and sheets of the epoch that lie about, beside the configured ones: wiped, whatever they are called. */
static int wipe_found(struct purge_batch *batch, const struct purge_holders *holders, uint32_t epoch, json_t *known,
                      struct error *err)
{
    const struct holder_group *found = &holders->groups[holders->configured];
    for (size_t i = 0; i < found->member_count; i++) {
        struct holder_group alone = {.name = found->name, .members = &found->members[i], .member_count = 1};
        CLEANUP(keystore_destruction_clear) struct keystore_destruction asked = {0};
        if (keystore_attest_epoch(batch->hikae->keystore, epoch, &alone, 1, &asked, err) != 0)
            return -1;
        bool opens = false;
        for (size_t k = 0; k < asked.count; k++)
            opens = opens || asked.holders[k].before == HOLDER_OPENS;
        if (!opens)
            continue;
        struct error why = {0};
        int rc = found->members[i].kind == HOLDER_FILE ? destroy_found(batch, &alone, epoch, known, &why)
                                                       : holder_keyfile_destroy(found->members[i].path, &why);
        if (rc != 0 && why.class == ERROR_NO_MEMORY)
            return error_no_memory(err);
        if (rc != 0)
            engine_warn(batch->hikae, "%s opens epoch %u and could not be destroyed: %s", found->members[i].path, epoch,
                        why.what);
    }
    return 0;
}

/* The rows of an epoch whose slots are deleted already, as the end of all its holders was final. */
static int take_known(const struct purge_batch *batch, uint32_t epoch, json_t *rows, struct error *err)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(batch->run, "holders"), i, row)
    {
        if (json_integer_value(json_object_get(row, "epoch")) == (json_int_t)epoch && json_array_append(rows, row) != 0)
            return error_no_memory(err);
    }
    return 0;
}

static int ask_epoch(struct purge_batch *batch, uint32_t epoch, const struct purge_holders *holders, bool destroy,
                     json_t *known, struct keystore_destruction *ret, struct error *err)
{
    struct keystore *keystore = batch->hikae->keystore;
    if (!destroy)
        return keystore_attest_epoch(keystore, epoch, holders->groups, holders->count, ret, err);
    return wipe_found(batch, holders, epoch, known, err) == 0
               ? keystore_destroy_epoch(keystore, epoch, holders->groups, holders->count, ret, err)
               : -1;
}

/* *ret: a row for each holder of each old epoch. */
static int each_epoch(struct purge_batch *batch, bool destroy, json_t *rows, struct error *err)
{
    size_t i;
    json_t *value;
    CLEANUP(purge_holders_clear) struct purge_holders holders = {0};
    CLEANUP_JSON json_t *known = json_array();
    bool settled = purge_time(json_object_get(batch->run, "times"), "irrevocable") != 0;
    if (known == NULL)
        return error_no_memory(err);
    if (purge_holders_find(batch->hikae, &holders, err) != 0 ||
        purge_journal_each(batch->facts, "run/", collect_known, known, err) != 0)
        return -1;
    json_array_foreach(json_object_get(batch->run, "epochs"), i, value)
    {
        uint32_t epoch = (uint32_t)json_integer_value(value);
        struct keystore_destruction end = {0};
        struct error why = {0};
        int rc = ask_epoch(batch, epoch, &holders, destroy, known, &end, &why);
        if (rc == 0)
            rc = take_end(batch, &end, known, rows, &why);
        else if (settled && why.class == ERROR_NOT_FOUND)
            rc = take_known(batch, epoch, rows, &why);
        keystore_destruction_clear(&end);
        if (rc != 0) {
            *err = why;
            return -1;
        }
    }
    return 0;
}

/*
 * T0 is when the last key that can be destroyed from here was: what people have to destroy is named beside it. T1 is
 * when nobody, these people included, can call it back.
 */
static int judge(json_t *run, struct purge_judgement *ret, struct error *err)
{
    json_t *times = json_object_get(run, "times");
    purge_judge(json_object_get(run, "holders"), ret);
    int64_t now_ns = clock_now_ns();
    if (!ret->unknown && purge_time(times, "unreadable") == 0 &&
        purge_set_time(times, "unreadable", ret->since_ns != 0 ? ret->since_ns : now_ns, err) != 0)
        return -1;
    if (!ret->unknown && ret->final && purge_time(times, "irrevocable") == 0 &&
        purge_set_time(times, "irrevocable", now_ns, err) != 0)
        return -1;
    return purge_set_time(times, "irrevocable_from", ret->final ? 0 : ret->final_ns, err);
}

static int put_judgement(struct purge_batch *batch, json_t *rows, struct purge_judgement *ret, struct error *err)
{
    if (json_object_set(batch->run, "holders", rows) != 0)
        return error_no_memory(err);
    return judge(batch->run, ret, err);
}

int purge_holders_destroy(struct purge_batch *batch, struct error *err)
{
    CLEANUP_JSON json_t *rows = json_array();
    struct purge_judgement judgement;
    if (rows == NULL)
        return error_no_memory(err);
    if (each_epoch(batch, true, rows, err) != 0)
        return -1;
    purge_step(batch->hikae, "holders-destroyed");
    if (put_judgement(batch, rows, &judgement, err) != 0)
        return -1;
    if (!judgement.unknown)
        return purge_batch_put(batch, PURGE_DESTROYED, err);
    engine_warn(batch->hikae,
                "a holder of the old root epoch cannot be asked from here: what it holds may go on "
                "opening. Bring it here and run again; if it is destroyed, `hikae purge declare` says so");
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
    if (purge_holders_destroy(batch, err) != 0)
        return error_wrap(err, "%s", text);
    (void)error_set(err, ERROR_DAMAGED, "%s; it is ended again", text);
    return error_hint(err, "find out who did that; whoever had a copy of the targets could read it meanwhile");
}

int purge_holders_attest(struct purge_batch *batch, struct error *err)
{
    CLEANUP_JSON json_t *rows = json_array();
    struct purge_judgement judgement;
    size_t i;
    json_t *row;
    if (rows == NULL)
        return error_no_memory(err);
    if (each_epoch(batch, false, rows, err) != 0)
        return -1;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(word(row, "after"), "opens") == 0)
            return end_again(batch, row, err);
    }
    return put_judgement(batch, rows, &judgement, err);
}

/* ---- People's word ---- */

int purge_holders_declare(json_t *run, uint32_t epoch, const char *group, const char *name, json_t *declared,
                          bool *ret_changed, struct error *err)
{
    struct purge_judgement judgement;
    size_t i;
    json_t *row;
    *ret_changed = false;
    json_array_foreach(json_object_get(run, "holders"), i, row)
    {
        if (json_integer_value(json_object_get(row, "epoch")) != (json_int_t)epoch ||
            strcmp(word(row, "group"), group) != 0 || strcmp(word(row, "name"), name) != 0)
            continue;
        bool by_people = strcmp(word(row, "fate"), "people") == 0 || strcmp(word(row, "fate"), "unknown") == 0;
        if (json_object_set(row, "declared", declared) != 0 ||
            (by_people && strcmp(word(row, "after"), "opens") != 0 &&
             json_object_set_new(row, "fate", json_string("declared")) != 0))
            return error_no_memory(err);
        *ret_changed = true;
    }
    if (!*ret_changed)
        return 0;
    if (judge(run, &judgement, err) != 0)
        return -1;
    /* The last holder that nobody could ask is accounted for. */
    return !judgement.unknown && purge_stage(run) == PURGE_CHANGED ? purge_stage_set(run, PURGE_DESTROYED, err) : 0;
}
