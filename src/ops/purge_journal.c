/* Plans and erasures as facts of the store's own history (FORMAT.md §6, record 14). */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/purge.h"

#include <string.h>

static const char *const stages[] = {
    [PURGE_TOMBSTONE] = "tombstone", [PURGE_INTENT] = "intent",       [PURGE_COMMIT] = "commit",
    [PURGE_CHANGED] = "changed",     [PURGE_DESTROYED] = "destroyed", [PURGE_DONE] = "done"};

int purge_stage(const json_t *run)
{
    const char *event = json_string_value(json_object_get(run, "event"));
    for (int i = 0; event != NULL && i <= PURGE_DONE; i++)
        if (strcmp(event, stages[i]) == 0)
            return i;
    return -1;
}

const char *purge_stage_name(int stage)
{
    return stages[stage];
}

int purge_stage_set(json_t *run, int stage, struct error *err)
{
    json_t *times = json_object_get(run, "times");
    /* Done again after a crash, a stage keeps the instant of its first time. */
    if (purge_time(times, stages[stage]) == 0 && purge_set_time(times, stages[stage], clock_now_ns(), err) != 0)
        return -1;
    return json_object_set_new(run, "event", json_string(stages[stage])) == 0 ? 0 : error_no_memory(err);
}

int64_t purge_time(const json_t *object, const char *key)
{
    int64_t ns = 0;
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

int purge_set_time(json_t *object, const char *key, int64_t ns, struct error *err)
{
    char text[CLOCK_TEXT_SIZE];
    json_t *value = ns != 0 ? json_string(clock_format(ns, text)) : json_null();
    return json_object_set_new(object, key, value) == 0 ? 0 : error_no_memory(err);
}

/* ---- Facts ---- */

static int parse(const struct history_fact *fact, json_t **ret, struct error *err)
{
    if (json_parse(fact->body, strlen(fact->body), ret, err) == 0)
        return 0;
    return error_wrap(err, "read the journal of erasures (%s)", fact->key);
}

int purge_journal_get(const struct session *facts, const char *name, json_t **ret, struct error *err)
{
    const struct history_fact *fact = facts_find(facts, RECORD_PURGE, name);
    *ret = NULL;
    return fact != NULL ? parse(fact, ret, err) : 0;
}

int purge_journal_put(struct session *facts, const char *name, const char *event, json_t *body, struct error *err)
{
    if (json_object_set_new(body, "name", json_string(name)) != 0 ||
        json_object_set_new(body, "event", json_string(event)) != 0)
        return error_no_memory(err);
    if (facts_append(facts, RECORD_PURGE, body, err) == 0)
        return 0;
    return error_wrap(err, "note \"%s\" in the journal of erasures", event);
}

int purge_journal_each(const struct session *facts, const char *prefix, purge_journal_callback *callback, void *context,
                       struct error *err)
{
    const struct history *history = &facts->chain.history;
    for (size_t i = 0; i < history->fact_count; i++) {
        const struct history_fact *fact = &history->facts[i];
        CLEANUP_JSON json_t *body = NULL;
        if (fact->type != RECORD_PURGE || strncmp(fact->key, prefix, strlen(prefix)) != 0)
            continue;
        if (parse(fact, &body, err) != 0 || callback(fact->key, body, context, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- A tenant's ---- */

struct search {
    const char *tenant; /* pseudonym */
    const char *name;
    json_t *run;
    json_t *row;
    int64_t begun_ns;
    char hex[2 * ID_SIZE + 1];
    char *known_name;
};

static int match_run(const char *name, json_t *body, void *context, struct error *err)
{
    struct search *search = context;
    size_t i;
    json_t *row;
    (void)name;
    (void)err;
    int64_t begun_ns = purge_time(json_object_get(body, "times"), stages[PURGE_TOMBSTONE]);
    if (purge_stage(body) < 0 || begun_ns < search->begun_ns)
        return 0;
    json_array_foreach(json_object_get(body, "tenants"), i, row)
    {
        const char *tenant = json_string_value(json_object_get(row, "tenant"));
        if (tenant == NULL || strcmp(tenant, search->tenant) != 0)
            continue;
        json_decref(search->run);
        search->run = json_incref(body);
        search->row = row;
        search->begun_ns = begun_ns;
    }
    return 0;
}

int purge_journal_run_of(const struct session *facts, const char *tenant, json_t **ret_run, json_t **ret_row,
                         struct error *err)
{
    struct search search = {.tenant = tenant};
    int rc = purge_journal_each(facts, "run/", match_run, &search, err);
    *ret_run = search.run;
    *ret_row = search.row;
    if (rc == 0)
        return 0;
    json_decref(search.run);
    *ret_run = *ret_row = NULL;
    return -1;
}

int purge_journal_plan_of(const struct session *facts, const char *tenant, json_t **ret, struct error *err)
{
    CLEANUP_FREE char *name = mem_printf("plan/%s", tenant);
    *ret = NULL;
    if (name == NULL)
        return error_no_memory(err);
    if (purge_journal_get(facts, name, ret, err) != 0)
        return -1;
    const char *event = json_string_value(json_object_get(*ret, "event"));
    if (event != NULL && strcmp(event, "planned") == 0)
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return 0;
}

/* ---- By whatever a person calls it ---- */

static int match_plan(const char *name, json_t *body, void *context, struct error *err)
{
    struct search *search = context;
    const char *hex = name + strlen("plan/");
    const char *called = json_string_value(json_object_get(json_object_get(body, "plan"), "name"));
    if (called == NULL || strlen(hex) != 2 * ID_SIZE || search->hex[0] != '\0' ||
        (strcmp(called, search->name) != 0 && strcmp(hex, search->name) != 0))
        return 0;
    memcpy(search->hex, hex, sizeof(search->hex));
    search->known_name = mem_strdup(called);
    return search->known_name != NULL ? 0 : error_no_memory(err);
}

int purge_journal_find(const struct session *facts, const char *tenant, struct id *ret_tid,
                       char ret_hex[2 * ID_SIZE + 1], char **ret_name, struct error *err)
{
    struct search search = {.name = tenant};
    struct error why = {0};
    struct catalog_tenant row = {0};
    *ret_name = NULL;
    if (engine_tenant_id(facts->hikae, tenant, ret_tid, &why) == 0) {
        (void)hex_encode(ret_tid->bytes, ID_SIZE, ret_hex);
        /* Of one that is erased the catalogue knows the pseudonym only: the plan may know more. */
        if (strcmp(tenant, ret_hex) != 0)
            *ret_name = mem_strdup(tenant);
        if (strcmp(tenant, ret_hex) != 0)
            return *ret_name != NULL ? 0 : error_no_memory(err);
    } else if (why.class != ERROR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (purge_journal_each(facts, "plan/", match_plan, &search, err) != 0) {
        mem_free(search.known_name);
        return -1;
    }
    if (search.hex[0] == '\0' && why.class == ERROR_NONE)
        return 0;
    if (search.hex[0] == '\0' && strlen(tenant) == 2 * ID_SIZE && hex_decode(tenant, ID_SIZE, ret_tid->bytes) &&
        catalog_tenant_by_id(facts->hikae->catalog, ret_tid, &row, NULL) == 0) {
        (void)hex_encode(ret_tid->bytes, ID_SIZE, ret_hex);
        *ret_name = row.name;
        row.name = NULL;
        catalog_tenant_free(&row);
        return 0;
    }
    if (search.hex[0] == '\0' || !hex_decode(search.hex, ID_SIZE, ret_tid->bytes)) {
        mem_free(search.known_name);
        (void)error_set(err, ERROR_NOT_FOUND, "there is no tenant '%s', and no plan to erase one of that name", tenant);
        return error_hint(err, "`hikae purge status` lists what was planned, `hikae tenant list` the tenants");
    }
    memcpy(ret_hex, search.hex, sizeof(search.hex));
    *ret_name = search.known_name;
    return 0;
}
