#include "ops/policies.h"

#include "base/mem.h"

#include <string.h>

static int no_policy(const char *name, struct error *err)
{
    (void)error_set(err, ERROR_NOT_FOUND, "the policy '%.100s' was never applied to this store", name);
    return error_hint(err, "`hikae policy list` shows the policies, `hikae policy apply %.60s` puts one in force",
                      name);
}

static int read_fact(const struct history_fact *fact, struct policy **ret, json_t **ret_body, struct error *err)
{
    *ret_body = NULL;
    if (json_parse(fact->body, strlen(fact->body), ret_body, err) != 0)
        return -1;
    const json_t *text = json_object_get(*ret_body, "text");
    if (!json_is_string(text))
        return error_set(err, ERROR_DAMAGED, "the record of policy %.100s holds no text", fact->key);
    char *file = mem_printf("policy %s", fact->key);
    if (file == NULL)
        return error_no_memory(err);
    int rc = policy_parse(file, json_string_value(text), json_string_length(text), ret, err);
    mem_free(file);
    if (rc == 0)
        return 0;
    return error_hint(err, "it was applied by another version of hikae: use that one, or apply the policy again");
}

static bool is_fatal(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL;
}

/* "a, b": who approved it. */
static int join_approvals(const json_t *body, char **ret, struct error *err)
{
    const json_t *list = json_object_get(body, "approvals"), *item;
    size_t i;
    *ret = NULL;
    json_array_foreach(list, i, item)
    {
        const char *who = json_string_value(json_object_get(item, "operator"));
        if (who == NULL)
            continue;
        char *more = *ret == NULL ? mem_strdup(who) : mem_printf("%s, %s", *ret, who);
        mem_free(*ret);
        *ret = more;
        if (more == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int take_fact(const struct session *facts, const struct history_fact *fact, struct policies_item *item,
                     struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    item->applied_ns = fact->time_ns;
    item->versions = facts_count(facts, RECORD_POLICY, fact->key);
    item->name = mem_strdup(fact->key);
    if (item->name == NULL)
        return error_no_memory(err);
    if (read_fact(fact, &item->policy, &body, &item->why) != 0 && is_fatal(&item->why)) {
        *err = item->why;
        return -1;
    }
    const char *sha256 = json_string_value(json_object_get(body, "sha256"));
    item->sha256 = mem_strdup(sha256 != NULL ? sha256 : "");
    return item->sha256 != NULL ? join_approvals(body, &item->approved_by, err) : error_no_memory(err);
}

static int read_plain(struct policy **ret, struct error *err)
{
    return policy_parse(POLICY_PLAIN, policy_plain_text, strlen(policy_plain_text), ret, err);
}

int policies_read(const struct session *facts, struct policies *ret, struct error *err)
{
    const struct history *history = &facts->chain.history;
    *ret = (struct policies){0};
    ret->items = mem_calloc(history->fact_count + 1, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_no_memory(err);
    struct policies_item *plain = &ret->items[ret->count++];
    plain->name = mem_strdup(POLICY_PLAIN);
    int rc = plain->name != NULL ? read_plain(&plain->policy, err) : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < history->fact_count; i++)
        if (history->facts[i].type == RECORD_POLICY)
            rc = take_fact(facts, &history->facts[i], &ret->items[ret->count++], err);
    if (rc != 0)
        policies_clear(ret);
    return rc;
}

int policies_load(struct hikae *hikae, struct policies *ret, struct error *err)
{
    struct session facts;
    *ret = (struct policies){0};
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = policies_read(&facts, ret, err);
    session_close(&facts);
    return rc;
}

void policies_clear(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++) {
        policy_free(policies->items[i].policy);
        mem_free(policies->items[i].name);
        mem_free(policies->items[i].sha256);
        mem_free(policies->items[i].approved_by);
    }
    mem_free(policies->items);
    *policies = (struct policies){0};
}

const struct policies_item *policies_find(const struct policies *policies, const char *name)
{
    for (size_t i = 0; i < policies->count; i++)
        if (strcmp(policies->items[i].name, name) == 0)
            return &policies->items[i];
    return NULL;
}

int policies_get(const struct policies *policies, const char *name, const struct policy **ret, struct error *err)
{
    const struct policies_item *item = policies_find(policies, name);
    if (item == NULL)
        return no_policy(name, err);
    *ret = item->policy;
    if (item->policy != NULL)
        return 0;
    *err = item->why;
    return -1;
}

static int open_fact(const struct history_fact *fact, const char *name, struct policy **ret, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    return fact != NULL ? read_fact(fact, ret, &body, err) : no_policy(name, err);
}

int policies_open(struct hikae *hikae, const char *name, struct policy **ret, struct error *err)
{
    struct session facts;
    *ret = NULL;
    if (strcmp(name, POLICY_PLAIN) == 0)
        return read_plain(ret, err);
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = open_fact(facts_find(&facts, RECORD_POLICY, name), name, ret, err);
    session_close(&facts);
    return rc;
}

int policies_at(const struct session *facts, const char *name, int64_t time_ns, struct policy **ret, struct error *err)
{
    *ret = NULL;
    if (strcmp(name, POLICY_PLAIN) == 0)
        return read_plain(ret, err);
    return open_fact(facts_at(facts, RECORD_POLICY, name, time_ns), name, ret, err);
}
