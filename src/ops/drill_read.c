/* Drills that were recorded: reading a statement, listing, showing one with its signature checked. */
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "ops/drill.h"

#include <string.h>

/* ---- From JSON to the public form ---- */

struct reader {
    bool no_memory;
};

static const char *word(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A copy of a member's text; NULL if there is none. */
static char *text(struct reader *reader, const json_t *object, const char *name)
{
    const char *value = word(object, name);
    char *copy = value != NULL ? mem_strdup(value) : NULL;
    reader->no_memory = reader->no_memory || (value != NULL && copy == NULL);
    return copy;
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static int64_t duration(const json_t *object, const char *name)
{
    return (int64_t)(json_number_value(json_object_get(object, name)) * NS_PER_S);
}

static int64_t instant(const json_t *object, const char *name)
{
    const char *value = word(object, name);
    int64_t ns = 0;
    struct error ignored;
    return value != NULL && clock_parse(value, &ns, &ignored) == 0 ? ns : 0;
}

static bool promise_kept(const json_t *promised, const char *name)
{
    const json_t *kept = json_object_get(promised, name);
    return kept == NULL || json_is_true(kept);
}

static void read_failures(struct reader *reader, const json_t *from, const char *target, struct hikae_drill *to)
{
    size_t count = json_array_size(from);
    struct hikae_drill_failure *grown =
        mem_realloc(to->failures, (to->failure_count + count + 1) * sizeof(*to->failures));
    reader->no_memory = reader->no_memory || grown == NULL;
    if (grown == NULL)
        return;
    to->failures = grown;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(from, i);
        to->failures[to->failure_count++] = (struct hikae_drill_failure){
            mem_strdup(target), text(reader, item, "snapshot"), text(reader, item, "path"), text(reader, item, "why")};
    }
}

static void read_targets(struct reader *reader, const json_t *from, struct hikae_drill *to)
{
    to->targets = mem_calloc(json_array_size(from) + 1, sizeof(*to->targets));
    reader->no_memory = reader->no_memory || to->targets == NULL;
    for (size_t i = 0; to->targets != NULL && i < json_array_size(from); i++) {
        const json_t *item = json_array_get(from, i), *phases = json_object_get(item, "phases"),
                     *key = json_object_get(item, "key");
        to->targets[to->target_count++] = (struct hikae_drill_target){.name = text(reader, item, "name"),
                                                                      .result = text(reader, item, "result"),
                                                                      .why = text(reader, item, "why"),
                                                                      .epoch = (uint32_t)number(key, "epoch"),
                                                                      .holder = text(reader, key, "holder"),
                                                                      .population = number(item, "population"),
                                                                      .sample = number(item, "sample"),
                                                                      .checked = number(item, "checked"),
                                                                      .failed = number(item, "failed"),
                                                                      .bytes = number(item, "bytes"),
                                                                      .bytes_expected = number(item, "bytes_expected"),
                                                                      .bytes_fetched = number(item, "bytes_fetched"),
                                                                      .rto_ns = duration(item, "rto_s"),
                                                                      .rpo_ns = duration(item, "rpo_s"),
                                                                      .recover_ns = duration(phases, "recover_s"),
                                                                      .choose_ns = duration(phases, "choose_s"),
                                                                      .restore_ns = duration(phases, "restore_s"),
                                                                      .check_ns = duration(phases, "check_s"),
                                                                      .wipe_ns = duration(phases, "wipe_s")};
        read_failures(reader, json_object_get(item, "failures"), word(item, "name") != NULL ? word(item, "name") : "",
                      to);
    }
}

static void read_checks(struct reader *reader, const json_t *from, struct hikae_drill *to)
{
    to->checks = mem_calloc(json_array_size(from) + 1, sizeof(*to->checks));
    reader->no_memory = reader->no_memory || to->checks == NULL;
    for (size_t i = 0; to->checks != NULL && i < json_array_size(from); i++) {
        const json_t *item = json_array_get(from, i);
        to->checks[to->check_count++] = (struct hikae_drill_check){.target = text(reader, item, "target"),
                                                                   .name = text(reader, item, "name"),
                                                                   .kind = text(reader, item, "kind"),
                                                                   .state = text(reader, item, "state"),
                                                                   .output = text(reader, item, "output"),
                                                                   .duration_ns = duration(item, "duration_s")};
    }
}

int drill_read(const json_t *statement, struct hikae_drill *ret, struct error *err)
{
    struct reader reader = {false};
    const json_t *promised = json_object_get(statement, "promised"),
                 *checkpoint = json_object_get(statement, "checkpoint"),
                 *newest = json_array_get(json_object_get(statement, "snapshots"), 0);
    *ret = (struct hikae_drill){.drill = text(&reader, statement, "drill"),
                                .tenant = text(&reader, statement, "tenant"),
                                .mode = text(&reader, statement, "mode"),
                                .result = text(&reader, statement, "result"),
                                .plan = text(&reader, statement, "plan"),
                                .operator_name = text(&reader, statement, "operator"),
                                .snapshot = text(&reader, newest, "snapshot"),
                                .snapshot_ns = instant(newest, "time"),
                                .started_ns = instant(statement, "started"),
                                .finished_ns = instant(statement, "finished"),
                                .rto_ns = duration(statement, "rto_s"),
                                .rpo_ns = duration(statement, "rpo_s"),
                                .rto_promised_ns = duration(promised, "rto_s"),
                                .rpo_promised_ns = duration(promised, "rpo_s"),
                                .rto_kept = promise_kept(promised, "rto_kept"),
                                .rpo_kept = promise_kept(promised, "rpo_kept"),
                                .confidence = json_number_value(json_object_get(statement, "confidence")),
                                .damage = json_number_value(json_object_get(statement, "damage")),
                                .reached = json_number_value(json_object_get(statement, "confidence_reached")),
                                .population = number(statement, "population"),
                                .sample = number(statement, "sample"),
                                .checked = number(statement, "checked"),
                                .bytes = number(statement, "bytes"),
                                .bytes_expected = number(statement, "bytes_expected"),
                                .bytes_fetched = number(statement, "bytes_fetched"),
                                .seed = text(&reader, statement, "seed"),
                                .cleaned = json_is_true(json_object_get(statement, "cleaned"))};
    if (word(checkpoint, "root") != NULL && word(checkpoint, "time") != NULL)
        ret->checkpoint = mem_printf("%llu %s %s", (unsigned long long)number(checkpoint, "size"),
                                     word(checkpoint, "root"), word(checkpoint, "time"));
    read_targets(&reader, json_object_get(statement, "targets"), ret);
    read_checks(&reader, json_object_get(statement, "checks"), ret);
    if (!reader.no_memory && json_print(statement, &ret->statement, err) == 0) {
        if (ret->drill != NULL && ret->tenant != NULL && ret->result != NULL)
            return 0;
        (void)error_set(err, ERROR_DAMAGED, "the statement of a drill lacks its id, tenant or result");
    } else {
        (void)error_no_memory(err);
    }
    hikae_drill_free(ret);
    return -1;
}

void hikae_drill_free(struct hikae_drill *drill)
{
    for (size_t i = 0; i < drill->target_count; i++) {
        mem_free(drill->targets[i].name);
        mem_free(drill->targets[i].result);
        mem_free(drill->targets[i].why);
        mem_free(drill->targets[i].holder);
    }
    for (size_t i = 0; i < drill->check_count; i++) {
        mem_free(drill->checks[i].target);
        mem_free(drill->checks[i].name);
        mem_free(drill->checks[i].kind);
        mem_free(drill->checks[i].state);
        mem_free(drill->checks[i].output);
    }
    for (size_t i = 0; i < drill->failure_count; i++) {
        mem_free(drill->failures[i].target);
        mem_free(drill->failures[i].snapshot);
        mem_free(drill->failures[i].path);
        mem_free(drill->failures[i].why);
    }
    mem_free(drill->targets);
    mem_free(drill->checks);
    mem_free(drill->failures);
    mem_free(drill->drill);
    mem_free(drill->tenant);
    mem_free(drill->mode);
    mem_free(drill->result);
    mem_free(drill->plan);
    mem_free(drill->operator_name);
    mem_free(drill->snapshot);
    mem_free(drill->seed);
    mem_free(drill->checkpoint);
    mem_free(drill->statement);
    mem_free(drill->envelope);
    *drill = (struct hikae_drill){0};
}

void hikae_drills_free(struct hikae_drills *drills)
{
    for (size_t i = 0; i < drills->count; i++)
        hikae_drill_free(&drills->drills[i]);
    mem_free(drills->drills);
    *drills = (struct hikae_drills){0};
}

/* ---- From the history ---- */

/* The envelope in a record's body, verified: the store's own key, or the tenant's kit (ops/drill_kit.c). */
static int open_envelope(const struct hikae *hikae, const char *body, char **ret_envelope, json_t **ret_statement,
                         struct error *err)
{
    struct dsse envelope = {0};
    struct dsse_key key;
    bool signed_by;
    size_t distinct = 0;
    json_t *json CLEANUP_JSON = NULL;
    *ret_envelope = NULL;
    *ret_statement = NULL;
    if (json_parse(body, strlen(body), &json, err) != 0)
        return -1;
    const json_t *member = json_object_get(json, "envelope");
    if (member == NULL)
        return error_set(err, ERROR_DAMAGED, "the record of a drill has no envelope");
    if (json_print(member, ret_envelope, err) != 0)
        return -1;
    memcpy(key.bytes, hikae->store.sign_public, sizeof(key.bytes));
    int rc = dsse_parse(*ret_envelope, strlen(*ret_envelope), &envelope, err);
    if (rc == 0)
        rc = dsse_verify(&envelope, &key, 1, &signed_by, &distinct, err);
    if (rc == 0 && (distinct == 0 || strcmp(envelope.type, DRILL_TYPE) != 0))
        rc = error_set(err, ERROR_DAMAGED, "the statement of a drill is not signed by this store");
    if (rc == 0)
        rc = json_parse(envelope.payload.data, envelope.payload.size, ret_statement, err);
    if (rc == 0 && *ret_statement == NULL)
        rc = error_set(err, ERROR_DAMAGED, "the statement of a drill is no JSON");
    dsse_free(&envelope);
    if (rc != 0) {
        mem_free(*ret_envelope);
        *ret_envelope = NULL;
    }
    return rc;
}

struct listing {
    struct hikae *hikae;
    struct hikae_drills *drills;
    const char *wanted; /* a start of an id; NULL: all */
};

static int add(const struct listing *listing, const char *body, struct error *err)
{
    struct hikae_drills *drills = listing->drills;
    json_t *statement = NULL;
    char *envelope;
    struct hikae_drill *grown = mem_realloc(drills->drills, (drills->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    drills->drills = grown;
    if (open_envelope(listing->hikae, body, &envelope, &statement, err) != 0)
        return -1;
    int rc = drill_read(statement, &grown[drills->count], err);
    json_decref(statement);
    if (rc != 0) {
        mem_free(envelope);
        return -1;
    }
    grown[drills->count++].envelope = envelope;
    return 0;
}

static int list_tenant(const char *tenant, void *context, struct error *err)
{
    const struct listing *listing = context;
    struct session session;
    if (session_open(listing->hikae, tenant, 0, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < history->fact_count; i++) {
        const struct history_fact *fact = &history->facts[i];
        if (fact->type == RECORD_DRILL &&
            (listing->wanted == NULL || strncmp(fact->key, listing->wanted, strlen(listing->wanted)) == 0))
            rc = add(listing, fact->body, err);
    }
    session_close(&session);
    return rc;
}

static int compare_drills(const void *a, const void *b)
{
    const struct hikae_drill *x = a, *y = b;
    if (x->started_ns != y->started_ns)
        return x->started_ns < y->started_ns ? -1 : 1;
    return strcmp(x->drill, y->drill);
}

enum hikae_status hikae_drill_list(struct hikae *hikae, const char *tenant, struct hikae_drills *ret,
                                   struct hikae_error *error)
{
    struct error err = {0};
    struct listing listing = {.hikae = hikae, .drills = ret};
    *ret = (struct hikae_drills){0};
    int rc = engine_each_tenant(hikae, tenant, list_tenant, &listing, &err);
    if (rc != 0)
        hikae_drills_free(ret);
    else if (ret->count > 1)
        qsort(ret->drills, ret->count, sizeof(*ret->drills), compare_drills);
    return api_result(rc, false, &err, error);
}

static int show(struct hikae *hikae, const char *drill, struct hikae_drill *ret, struct error *err)
{
    struct hikae_drills found = {0};
    struct listing listing = {.hikae = hikae, .drills = &found, .wanted = drill};
    int rc = drill[0] != '\0' ? engine_each_tenant(hikae, NULL, list_tenant, &listing, err)
                              : error_set(err, ERROR_USAGE, "a drill has an id");
    if (rc == 0 && found.count == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no drill '%.40s'", drill);
        rc = error_hint(err, "`hikae drill list` shows them with their ids");
    } else if (rc == 0 && found.count > 1) {
        rc = error_set(err, ERROR_USAGE, "several drills begin with '%.40s'", drill);
    } else if (rc == 0) {
        *ret = found.drills[0];
        found.count = 0;
    }
    hikae_drills_free(&found);
    return rc;
}

enum hikae_status hikae_drill_show(struct hikae *hikae, const char *drill, struct hikae_drill *ret,
                                   struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_drill){0};
    int rc = show(hikae, drill, ret, &err);
    return api_result(rc, false, &err, error);
}
