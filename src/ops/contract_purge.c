/* How far a tenant's erasure is: read from the journal of erasures, of which this knows no more than its stages. */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/contract.h"
#include "ops/purge.h"

static const struct {
    const char *event;
    enum contract_purge means;
} stages[] = {
    {"tombstone", CONTRACT_PURGE_BEGUN},      {"intent", CONTRACT_PURGE_BEGUN},
    {"commit", CONTRACT_PURGE_COMMITTED},     {"changed", CONTRACT_PURGE_COMMITTED},
    {"destroyed", CONTRACT_PURGE_UNREADABLE}, {"done", CONTRACT_PURGE_UNREADABLE},
    {"undone", CONTRACT_PURGE_NONE},
};

static bool is_about(const json_t *run, const char *tenant)
{
    const json_t *rows = json_object_get(run, "tenants");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(rows, i), "tenant"));
        if (id != NULL && strcmp(id, tenant) == 0)
            return true;
    }
    return false;
}

/* A stage that nobody knows is one of a later version, and rather too far than not far enough. */
static enum contract_purge meaning(const char *event)
{
    for (size_t i = 0; event != NULL && i < sizeof(stages) / sizeof(stages[0]); i++)
        if (strcmp(event, stages[i].event) == 0)
            return stages[i].means;
    return CONTRACT_PURGE_COMMITTED;
}

static int look(const struct session *facts, const char *tenant, enum contract_purge *ret, struct error *err)
{
    const struct history *history = &facts->chain.history;
    for (size_t i = 0; i < history->fact_count; i++) {
        const struct history_fact *fact = &history->facts[i];
        CLEANUP_JSON json_t *run = NULL;
        if (fact->type != RECORD_PURGE || strncmp(fact->key, "run/", 4) != 0)
            continue;
        if (json_parse(fact->body, strlen(fact->body), &run, err) != 0)
            return -1;
        enum contract_purge stage = meaning(json_string_value(json_object_get(run, "event")));
        if (stage > *ret && is_about(run, tenant))
            *ret = stage;
    }
    return 0;
}

int contract_purge_of(struct hikae *hikae, const struct id *tid, enum contract_purge *ret, struct error *err)
{
    struct session facts;
    char hex[2 * ID_SIZE + 1];
    *ret = CONTRACT_PURGE_NONE;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = look(&facts, hex_encode(tid->bytes, ID_SIZE, hex), ret, err);
    session_close(&facts);
    return rc;
}

int contract_check_cancel(struct hikae *hikae, const struct id *tid, struct error *err)
{
    enum contract_purge stage;
    if (contract_purge_of(hikae, tid, &stage, err) != 0)
        return -1;
    if (stage == CONTRACT_PURGE_NONE)
        return 0;
    if (stage >= CONTRACT_PURGE_COMMITTED)
        return error_set(err, ERROR_REFUSED, "its erasure is committed: it cannot be called back");
    (void)error_set(err, ERROR_REFUSED, "its purge has begun");
    return error_hint(err, "`hikae purge withdraw` first");
}

/* Since when the erasure of a tenant cannot be called back; 0: it can, or there is none. */
static int committed_since(const struct session *facts, const char *tenant, int64_t *ret_ns, struct error *err)
{
    struct id tid;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *known = NULL;
    CLEANUP_JSON json_t *run = NULL;
    json_t *row;
    *ret_ns = 0;
    if (purge_journal_find(facts, tenant, &tid, hex, &known, err) != 0 ||
        purge_journal_run_of(facts, hex, &run, &row, err) != 0)
        return -1;
    if (run != NULL && purge_stage(run) >= PURGE_COMMIT)
        *ret_ns = purge_time(json_object_get(run, "times"), purge_stage_name(PURGE_COMMIT));
    return 0;
}

int contract_explain_absence(struct hikae *hikae, const char *tenant, struct error *err)
{
    struct session facts;
    struct error ignored = {0};
    int64_t since_ns = 0;
    char since[CLOCK_TEXT_SIZE];
    if ((err->class != ERROR_NOT_FOUND && err->class != ERROR_KEYS) ||
        session_open_store(hikae, 0, &facts, &ignored) != 0)
        return -1;
    int rc = committed_since(&facts, tenant, &since_ns, &ignored);
    session_close(&facts);
    if (rc != 0 || since_ns == 0)
        return -1;
    *err = (struct error){0};
    (void)error_set(err, ERROR_REFUSED, "it is erased, irrevocably since %s: its contract cannot go on",
                    clock_format(since_ns, since));
    return error_hint(err, "`hikae purge status %.100s` shows what was done; who comes back is a new tenant", tenant);
}
