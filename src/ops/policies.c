#include "ops/policies.h"

#include "base/mem.h"
#include "ops/policy_place.h"

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

/* The texts of a member in a list of objects as one text with `between` between them; NULL if there is none. */
static int join(const json_t *body, const char *name, const char *member, const char *between, char **ret,
                struct error *err)
{
    const json_t *list = json_object_get(body, name), *item;
    size_t i;
    *ret = NULL;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_object_get(item, member));
        if (text == NULL)
            continue;
        char *more = mem_printf("%s%s%s", *ret != NULL ? *ret : "", *ret != NULL ? between : "", text);
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
    if (item->sha256 == NULL)
        return error_no_memory(err);
    return join(body, "accepted", "rule", " ", &item->accepted, err) != 0
               ? -1
               : join(body, "approvals", "operator", ", ", &item->approved_by, err);
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
        mem_free(policies->items[i].accepted);
    }
    mem_free(policies->items);
    *policies = (struct policies){0};
}

int policies_of(struct hikae *hikae, const struct policies **ret, struct error *err)
{
    if (hikae->policies == NULL) {
        struct policies *fresh = mem_calloc(1, sizeof(*fresh));
        if (fresh == NULL)
            return error_no_memory(err);
        if (policies_load(hikae, fresh, err) != 0) {
            mem_free(fresh);
            return -1;
        }
        hikae->policies = fresh;
    }
    *ret = hikae->policies;
    return 0;
}

void policies_forget(struct hikae *hikae)
{
    if (hikae->policies != NULL)
        policies_clear(hikae->policies);
    mem_free(hikae->policies);
    hikae->policies = NULL;
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

static bool is_accepted(const struct policies_item *item, const char *rule)
{
    size_t size = strlen(rule);
    for (const char *p = item->accepted; p != NULL; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, rule, size) == 0 && (p[size] == ' ' || p[size] == '\0'))
            return true;
    }
    return false;
}

/* Refuse by the first finding that is no warning, was not accepted, and is of these rules (ends with NULL; NULL: any).
 */
static int refuse(const struct config *config, const struct policies_item *item, const char *const *rules,
                  struct error *err)
{
    CLEANUP(policy_findings_clear) struct policy_findings findings = {0};
    if (policy_place_check(config, item->policy, &findings, err) != 0)
        return -1;
    for (size_t i = 0; i < findings.count; i++) {
        const struct policy_finding *finding = &findings.items[i];
        const char *const *rule = rules;
        while (rule != NULL && *rule != NULL && strcmp(*rule, finding->rule) != 0)
            rule++;
        if (finding->severity == POLICY_WARNING || is_accepted(item, finding->rule) || (rule != NULL && *rule == NULL))
            continue;
        (void)error_set(err, ERROR_REFUSED, "policy %s is not kept here: %.400s (rule %s)", item->name, finding->what,
                        finding->rule);
        return error_hint(err, "%s", finding->hint);
    }
    return 0;
}

int policies_check_place(struct hikae *hikae, const struct policies_item *item, struct error *err)
{
    return refuse(hikae->config, item, NULL, err);
}

int policies_check_residency(struct hikae *hikae, const char *name, struct error *err)
{
    static const char *const rules[] = {"target-residency",
                                        "target-region",
                                        "target-class",
                                        "target-one-zone",
                                        "target-sites",
                                        "target-signature",
                                        NULL};
    const struct policies *policies;
    if (strcmp(name, POLICY_PLAIN) == 0)
        return 0;
    if (policies_of(hikae, &policies, err) != 0)
        return -1;
    const struct policies_item *item = policies_find(policies, name);
    if (item == NULL)
        return 0; /* never applied: it names no country */
    if (item->policy == NULL) {
        *err = item->why;
        return -1;
    }
    return refuse(hikae->config, item, rules, err);
}

/* The rules that a change of targets can break, and those of a change of holders. */
static const char *const rules_of_targets[] = {"target-residency",
                                               "target-region",
                                               "target-class",
                                               "target-one-zone",
                                               "target-copies",
                                               "target-sites",
                                               "target-providers",
                                               "target-locks",
                                               "target-signature",
                                               "target-transport",
                                               NULL};
static const char *const rules_of_holders[] = {"holder-class", "holder-service", "holder-kdf", NULL};

struct config_check {
    const struct config *config;
    const struct config *present; /* what it does not keep either refuses nothing; NULL: everything does */
    const char *const *rules;
    const struct policies *policies;
};

/* Every policy that some tenant has. */
static int check_config_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct config_check *check = context;
    struct error why = {0};
    const struct policies_item *item = policies_find(check->policies, tenant->policy);
    if (strcmp(tenant->state, "erased") == 0 || item == NULL || item->policy == NULL ||
        strcmp(item->name, POLICY_PLAIN) == 0)
        return 0;
    if (check->present != NULL && refuse(check->present, item, check->rules, &why) != 0 && why.class == ERROR_REFUSED)
        return 0;
    return refuse(check->config, item, check->rules, err) == 0 ? 0 : error_wrap(err, "tenant %s", tenant->name);
}

static int check_all(struct hikae *hikae, struct config_check *check, struct error *err)
{
    if (hikae->catalog_is_new && engine_rebuild_catalog(hikae, err) != 0)
        return -1;
    if (policies_of(hikae, &check->policies, err) != 0)
        return -1;
    return catalog_tenant_each(hikae->catalog, check_config_tenant, check, err);
}

int policies_check_config(struct hikae *hikae, const struct config *config, struct error *err)
{
    struct config_check check = {.config = config, .rules = rules_of_targets};
    return check_all(hikae, &check, err);
}

int policies_check_holders(struct hikae *hikae, const struct config *config, struct error *err)
{
    struct config_check check = {.config = config, .present = hikae->config, .rules = rules_of_holders};
    return check_all(hikae, &check, err);
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
