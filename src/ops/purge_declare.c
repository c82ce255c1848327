/*
 * purge declare: what people destroyed, which no program can see: a recovery sheet, a backup of a key file, a broken
 * token; or a target that nobody can ask any more, as it is out of the configuration. It is one operator's signed word
 * (DSSE, DECLARATION_TYPE), it stands on certificates as such, and it counts only where nothing that a device, a key
 * service or a file here says contradicts it.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "keys/operator_key.h"
#include "ops/audit.h"
#include "ops/operators.h"
#include "ops/purge.h"

#include <stdio.h>
#include <string.h>

#define TARGET_PREFIX "target/"

/* A holder of an epoch, or a target, and what is said of it. */
struct declaring {
    struct session *facts;
    const struct hikae_declare_options *options;
    const char *subject; /* "3/offline/paper": the epoch is part of it, as the sheet of another one is another sheet;
                            or "target/tokyo" */
    bool is_target;      /* then `name` is its name */
    unsigned epoch;
    char group[65], name[65];
    bool known;       /* some erasure, or the epoch's slots, name it …                     */
    bool opens;       /* … and it opens from here,                                         */
    bool scheduled;   /* … or a key service brings its key to an end by itself             */
    json_t *declared; /* the fact                                                          */
    json_t *runs;     /* the erasures under way that rest on it                            */
};

static int parse_subject(struct declaring *d, struct error *err)
{
    int end = 0;
    d->is_target = sscanf(d->subject, TARGET_PREFIX "%64[A-Za-z0-9_.-]%n", d->name, &end) == 1;
    if (d->is_target && d->subject[end] == '\0')
        return 0;
    if (sscanf(d->subject, "%u/%64[A-Za-z0-9_.-]/%64[A-Za-z0-9_.-]%n", &d->epoch, d->group, d->name, &end) == 3 &&
        d->subject[0] >= '1' && d->subject[0] <= '9' && d->subject[end] == '\0')
        return 0;
    (void)error_set(err, ERROR_USAGE, "\"%.100s\" names no holder and no target", d->subject);
    return error_hint(err, "EPOCH/GROUP/NAME or target/NAME, as `hikae purge status TENANT` shows them");
}

static int check_options(const struct hikae_declare_options *options, struct error *err)
{
    if (options->who == NULL || options->who[0] == '\0' || options->how == NULL || options->how[0] == '\0')
        return error_set(err, ERROR_USAGE, "say who destroyed it, and how");
    return 0;
}

char *purge_declared_name(uint32_t epoch, const char *group, const char *name)
{
    return mem_printf("declared/%u/%s/%s", epoch, group, name);
}

/* ---- What is known of the holder ---- */

static bool is_it(const struct declaring *d, const json_t *row)
{
    const char *group = json_string_value(json_object_get(row, "group"));
    const char *name = json_string_value(json_object_get(row, "name"));
    return json_integer_value(json_object_get(row, "epoch")) == (json_int_t)d->epoch && group != NULL &&
           strcmp(group, d->group) == 0 && name != NULL && strcmp(name, d->name) == 0;
}

static bool says(const json_t *row, const char *key, const char *word)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL && strcmp(text, word) == 0;
}

/* Erasures that destroyed the epoch's holders, or were about to. */
static int look_in_run(const char *name, json_t *run, void *context, struct error *err)
{
    struct declaring *d = context;
    size_t i;
    json_t *row;
    bool found = false;
    (void)name;
    json_array_foreach(json_object_get(run, "holders"), i, row)
    {
        if (!is_it(d, row))
            continue;
        found = true;
        d->scheduled = d->scheduled || says(row, "fate", "scheduled");
    }
    d->known = d->known || found;
    int stage = purge_stage(run);
    bool rests = found && stage >= PURGE_CHANGED && stage < PURGE_DONE;
    return !rests || json_array_append(d->runs, run) == 0 ? 0 : error_no_memory(err);
}

/* Epochs that came to their end otherwise: their slots tell who held them, as long as they are there. */
static int look_in_slots(struct declaring *d, struct error *err)
{
    struct hikae *hikae = d->facts->hikae;
    CLEANUP(purge_holders_clear) struct purge_holders holders = {0};
    struct keystore_destruction asked = {0};
    struct error why = {0};
    if (purge_holders_find(hikae, &holders, err) != 0)
        return -1;
    if (keystore_attest_epoch(hikae->keystore, d->epoch, holders.groups, holders.count, &asked, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    for (size_t i = 0; i < asked.count; i++) {
        if (strcmp(asked.holders[i].group, d->group) != 0 || strcmp(asked.holders[i].name, d->name) != 0)
            continue;
        d->known = true;
        d->opens = d->opens || asked.holders[i].after == HOLDER_OPENS;
        d->scheduled = d->scheduled || asked.holders[i].fate == HOLDER_FATE_SCHEDULED;
    }
    keystore_destruction_clear(&asked);
    return 0;
}

static int check_holder(struct declaring *d, struct error *err)
{
    uint32_t live = keystore_epoch(d->facts->hikae->keystore);
    if (d->epoch >= live) {
        (void)error_set(err, ERROR_REFUSED, "epoch %u is not over (%u is in force): its holders are needed", d->epoch,
                        live);
        return error_hint(err, "what is destroyed although it is needed: `hikae keys rotate --root`, then declare it");
    }
    if (purge_journal_each(d->facts, "run/", look_in_run, d, err) != 0 || look_in_slots(d, err) != 0)
        return -1;
    if (!d->known) {
        (void)error_set(err, ERROR_NOT_FOUND, "epoch %u had no holder %s in a group %s", d->epoch, d->name, d->group);
        return error_hint(err, "`hikae purge status TENANT` names the holders of each epoch");
    }
    if (d->opens) {
        (void)error_set(err, ERROR_REFUSED, "%s still opens its epoch from here: it is not destroyed", d->subject);
        return error_hint(err, "`hikae keys check` shows where it lies; `hikae purge run` destroys what it can reach");
    }
    if (d->scheduled) {
        (void)error_set(err, ERROR_REFUSED, "a key service ends the key of %s at its own time, whatever people say",
                        d->subject);
        return error_hint(err, "`hikae purge status TENANT` shows when");
    }
    return 0;
}

/* ---- What is known of the target ---- */

/* What a tenant's row says of a target that it is not gone from; NULL. */
static json_t *waits_for(const json_t *row, const char *target)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(row, "targets"), i, one)
    {
        if (says(one, "target", target))
            return purge_time(one, "gone") == 0 ? one : NULL;
    }
    return NULL;
}

static int look_for_target(const char *name, json_t *run, void *context, struct error *err)
{
    struct declaring *d = context;
    size_t i;
    json_t *row;
    bool found = false;
    int stage = purge_stage(run);
    (void)name;
    json_array_foreach(json_object_get(run, "tenants"), i, row) found = found || waits_for(row, d->name) != NULL;
    if (!found || stage < PURGE_COMMIT || stage >= PURGE_DONE)
        return 0;
    d->known = true;
    return json_array_append(d->runs, run) == 0 ? 0 : error_no_memory(err);
}

static int check_target(struct declaring *d, struct error *err)
{
    const struct config *config = d->facts->hikae->config;
    for (size_t i = 0; i < config->target_count; i++) {
        if (strcmp(config->targets[i].name, d->name) != 0)
            continue;
        (void)error_set(err, ERROR_REFUSED, "target %s is configured: it is asked, whatever people say", d->name);
        return error_hint(err, "if it is gone for good, `hikae target retire %s` comes first", d->name);
    }
    if (purge_journal_each(d->facts, "run/", look_for_target, d, err) != 0)
        return -1;
    if (d->known)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "no erasure waits for a target %s", d->name);
    return error_hint(err, "`hikae purge status` tells what each of them waits for");
}

/* In a run: of every tenant that it waits for. */
static int declare_target(json_t *run, const struct declaring *d, bool *ret_changed, struct error *err)
{
    static const char *const counts[] = {"objects", "bytes", "versions", "markers", "uploads"};
    size_t i, k;
    json_t *row, *target;
    const char *signer = json_string_value(json_object_get(d->declared, "operator"));
    int64_t at_ns = purge_time(d->declared, "at");
    CLEANUP_FREE char *why = mem_printf("as %s declares%s%s: %s", d->options->who, signer != NULL ? ", signed by " : "",
                                        signer != NULL ? signer : "", d->options->how);
    if (why == NULL)
        return error_no_memory(err);
    json_array_foreach(json_object_get(run, "tenants"), i, row)
    {
        if ((target = waits_for(row, d->name)) == NULL)
            continue;
        for (k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
            if (json_object_set_new(target, counts[k], json_integer(0)) != 0)
                return error_no_memory(err);
        if (json_object_set(target, "declared", d->declared) != 0 ||
            json_object_set_new(target, "state", json_string("declared")) != 0 ||
            json_object_set_new(target, "left", json_null()) != 0 ||
            json_object_set_new(target, "why", json_string(why)) != 0)
            return error_no_memory(err);
        if (purge_set_time(target, "gone", at_ns, err) != 0 || purge_note_gone(row, err) != 0)
            return -1;
        *ret_changed = true;
    }
    return 0;
}

/* ---- The statement ---- */

static int sign_statement(const struct secret *seed, const json_t *statement, char **ret, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    CLEANUP(dsse_free) struct dsse envelope = {0};
    return json_print_canonical(statement, &text, err) == 0 &&
                   dsse_start(DECLARATION_TYPE, text, strlen(text), &envelope, err) == 0 &&
                   dsse_sign(&envelope, seed, err) == 0 && dsse_print(&envelope, ret, err) == 0
               ? 0
               : -1;
}

static int make_fact(struct declaring *d, const char *at, struct error *err)
{
    d->declared = json_pack("{s:s, s:s, s:s}", "who", d->options->who, "how", d->options->how, "at", at);
    return d->declared != NULL ? 0 : error_set(err, ERROR_USAGE, "who and how are texts in UTF-8");
}

static int add_signature(struct declaring *d, const struct secret *seed, const struct operator_item *signer,
                         const char *at, struct error *err)
{
    char store[2 * ID_SIZE + 1];
    CLEANUP_FREE char *envelope = NULL;
    CLEANUP_JSON json_t *about =
        d->is_target ? json_pack("{s:s}", "target", d->name)
                     : json_pack("{s:i, s:s, s:s}", "epoch", (int)d->epoch, "group", d->group, "holder", d->name);
    CLEANUP_JSON json_t *statement =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "store", hex_encode(d->facts->hikae->store.store.bytes, ID_SIZE, store),
                  "who", d->options->who, "how", d->options->how, "at", at, "operator", signer->name);
    if (statement == NULL || about == NULL || json_object_update(statement, about) != 0)
        return error_no_memory(err);
    if (sign_statement(seed, statement, &envelope, err) != 0)
        return -1;
    CLEANUP_JSON json_t *more = json_pack("{s:s, s:s, s:s, s:s}", "operator", signer->name, "person",
                                          operator_person(signer), "keyid", signer->keyid, "envelope", envelope);
    return more != NULL && json_object_update(d->declared, more) == 0 ? 0 : error_no_memory(err);
}

/* As with all that cannot be taken back: once two people are operators a name alone does not do. */
static int make_declaration(struct declaring *d, struct error *err)
{
    CLEANUP(operators_clear) struct operators operators = {0};
    CLEANUP_SECRET struct secret *seed = NULL;
    const char *path = d->options->key_file;
    char now[CLOCK_TEXT_SIZE];
    (void)clock_format(clock_now_ns(), now);
    if (operators_read(d->facts, &operators, err) != 0 || make_fact(d, now, err) != 0)
        return -1;
    if (path == NULL && operators_people(&operators) >= OPERATORS_NEEDED) {
        (void)error_set(err, ERROR_REFUSED, "an operator signs what is declared");
        return error_hint(err, "the same again with --operator KEYFILE");
    }
    if (path == NULL)
        return 0;
    if (operator_key_read(path, d->options->passphrase_file, &seed, err) != 0)
        return -1;
    const struct operator_item *signer = operators_signer(&operators, seed, err);
    return signer != NULL ? add_signature(d, seed, signer, now, err) : error_wrap(err, "%s", path);
}

/* ---- What follows from it ---- */

/* T1 comes with the last word that it waited for, not with the next nightly run. */
static int take_into_runs(struct declaring *d, struct hikae_purges *ret, struct error *err)
{
    size_t i, k;
    json_t *run, *row;
    json_array_foreach(d->runs, i, run)
    {
        bool changed = false;
        const char *id = json_string_value(json_object_get(run, "id"));
        CLEANUP_FREE char *name = mem_printf("run/%s", id != NULL ? id : "");
        if (name == NULL)
            return error_no_memory(err);
        if ((d->is_target ? declare_target(run, d, &changed, err)
                          : purge_holders_declare(run, d->epoch, d->group, d->name, d->declared, &changed, err)) != 0 ||
            (changed &&
             purge_journal_put(d->facts, name, json_string_value(json_object_get(run, "event")), run, err) != 0))
            return -1;
        json_array_foreach(json_object_get(run, "tenants"), k, row)
        {
            const char *tenant = json_string_value(json_object_get(row, "tenant"));
            if (tenant != NULL && purge_describe(d->facts, tenant, NULL, ret, err) != 0)
                return -1;
        }
    }
    return 0;
}

static int declare(struct declaring *d, struct hikae_purges *ret, struct error *err)
{
    CLEANUP_FREE char *name = mem_printf("declared/%s", d->subject);
    if (name == NULL)
        return error_no_memory(err);
    if ((d->is_target ? check_target(d, err) : check_holder(d, err)) != 0 || make_declaration(d, err) != 0)
        return -1;
    if (d->options->dry_run)
        return 0;
    return purge_journal_put(d->facts, name, "declared", d->declared, err) == 0 ? take_into_runs(d, ret, err) : -1;
}

enum hikae_status hikae_purge_declare(struct hikae *hikae, const char *subject,
                                      const struct hikae_declare_options *options, struct hikae_purges *ret,
                                      struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct session facts;
    CLEANUP_JSON json_t *runs = json_array();
    struct declaring d = {.facts = &facts, .options = options, .subject = subject, .runs = runs};
    *ret = (struct hikae_purges){0};
    if (runs == NULL)
        return api_result(error_no_memory(&err), false, &err, error);
    if (parse_subject(&d, &err) != 0 || check_options(options, &err) != 0 ||
        engine_audit_begin(hikae, OPERATION_PURGE_DECLARE, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = session_open_store(hikae, options->dry_run ? 0 : SESSION_LOCK, &facts, &err);
    if (rc == 0) {
        rc = declare(&d, ret, &err);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "declared", subject);
    engine_audit_detail(&audit, "who", options->who);
    engine_audit_detail(&audit, "how", options->how);
    const char *operator_name = json_string_value(json_object_get(d.declared, "operator"));
    if (operator_name != NULL)
        engine_audit_operator(&audit, operator_name);
    json_decref(d.declared);
    if (rc != 0)
        hikae_purges_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
