#include "ops/facts.h"

#include "base/mem.h"

#include <string.h>

static bool is_about(const struct history_fact *fact, enum record_type type, const char *key)
{
    return fact->type == type && strcmp(fact->key, key) == 0;
}

const struct history_fact *facts_find(const struct session *session, enum record_type type, const char *key)
{
    const struct history *history = &session->chain.history;
    for (size_t i = 0; i < history->fact_count; i++)
        if (is_about(&history->facts[i], type, key))
            return &history->facts[i];
    return NULL;
}

size_t facts_count(const struct session *session, enum record_type type, const char *key)
{
    const struct history *history = &session->chain.history;
    size_t count = facts_find(session, type, key) != NULL;
    for (size_t i = 0; i < history->past_count; i++)
        count += is_about(&history->past[i], type, key);
    return count;
}

int facts_append(struct session *session, enum record_type type, json_t *body, struct error *err)
{
    struct hikae *hikae = session->hikae;
    struct record record = {.type = type};
    size_t up = (size_t)__builtin_popcountll(engine_up_mask(hikae));
    /* A fact on too few targets would be in force for whoever reads those: rather none at all. */
    if (up < hikae->config->min_copies) {
        (void)error_set(err, ERROR_REFUSED, "only %zu targets can be written, and a fact must be on %u", up,
                        hikae->config->min_copies);
        return error_hint(err, "`hikae target check` says why the others cannot; then run it again");
    }
    if (json_object_set_new(body, "v", json_integer(1)) != 0)
        return error_no_memory(err);
    int rc = json_print(body, &record.body, err);
    if (rc == 0)
        rc = chain_append(hikae, session->keyring, &session->chain, &record, engine_up_mask(hikae),
                          hikae->config->min_copies, err);
    record_clear(&record);
    if (rc != 0)
        return -1;
    chain_clear(&session->chain);
    return chain_load(hikae, &session->tid, session->keyring, &session->chain, err);
}
