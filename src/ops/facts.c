#include "ops/facts.h"

#include "base/mem.h"

#include <stdlib.h>
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

/* By the order of writing: whoever wrote a later record knew the earlier one, whatever the clocks said. */
static int compare_facts(const void *a, const void *b)
{
    const struct history_fact *x = *(const struct history_fact *const *)a, *y = *(const struct history_fact *const *)b;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return x->time_ns != y->time_ns ? (x->time_ns < y->time_ns ? -1 : 1) : strcmp(x->key, y->key);
}

int facts_in_order(const struct history *history, enum record_type type, const struct history_fact ***ret,
                   size_t *ret_count, struct error *err)
{
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers. */
    const struct history_fact **list = mem_calloc(history->past_count + history->fact_count + 1, sizeof(*list));
    size_t count = 0;
    if (list == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < history->past_count; i++)
        if (history->past[i].type == type)
            list[count++] = &history->past[i];
    for (size_t i = 0; i < history->fact_count; i++)
        if (history->facts[i].type == type)
            list[count++] = &history->facts[i];
    qsort(list, count, sizeof(struct history_fact *), compare_facts);
    *ret = list;
    *ret_count = count;
    return 0;
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
