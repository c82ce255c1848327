/* policy list, show, check: files and applied versions side by side. */
#include "base/mem.h"
#include "ops/policies.h"
#include "ops/policy_files.h"
#include "ops/policy_internal.h"
#include "ops/policy_place.h"
#include "policy/policy_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A copy of a text that may be NULL; false without memory. */
static bool copy(char **member, const char *from)
{
    *member = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *member != NULL;
}

static void policy_clear(struct hikae_policy *policy)
{
    mem_free(policy->name);
    mem_free(policy->title_ja);
    mem_free(policy->title_en);
    mem_free(policy->state);
    mem_free(policy->path);
    mem_free(policy->why);
    mem_free(policy->sha256);
    mem_free(policy->approved_by);
    *policy = (struct hikae_policy){0};
}

void hikae_policies_free(struct hikae_policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_clear(&policies->policies[i]);
    mem_free(policies->policies);
    *policies = (struct hikae_policies){0};
}

/* ---- List ---- */

struct listing {
    const struct policies *applied;
    struct hikae_policies *ret;
};

static const char *state_of(const struct policies_item *applied, const struct policy *file, const struct error *why)
{
    if (applied == NULL)
        return file != NULL ? "shipped" : "unreadable";
    if (applied->applied_ns == 0)
        return "built-in";
    if (applied->policy == NULL)
        return "unreadable";
    if (file == NULL)
        return why->class == ERROR_NONE ? "applied" : "changed";
    return file->size == applied->policy->size && memcmp(file->text, applied->policy->text, file->size) == 0
               ? "applied"
               : "changed";
}

/* One policy from what is applied, and its file; either may be NULL. */
static int describe(const struct policies_item *applied, const char *name, const char *path, const struct policy *file,
                    const struct error *why, struct hikae_policy *to, struct error *err)
{
    const struct policy *shown = applied != NULL && applied->policy != NULL ? applied->policy : file;
    const struct error *wrong = applied != NULL && applied->policy == NULL ? &applied->why : why;
    bool ok = copy(&to->name, name) && copy(&to->state, state_of(applied, file, why)) && copy(&to->path, path) &&
              copy(&to->why, wrong->class != ERROR_NONE ? wrong->what : NULL) &&
              copy(&to->title_ja, shown != NULL ? shown->title.ja : NULL) &&
              copy(&to->title_en, shown != NULL ? shown->title.en : NULL);
    if (ok && applied != NULL) {
        ok = copy(&to->sha256, applied->sha256) && copy(&to->approved_by, applied->approved_by);
        to->applied_ns = applied->applied_ns;
        to->versions = applied->versions;
    }
    return ok ? 0 : error_no_memory(err);
}

static int add(struct hikae_policies *ret, struct hikae_policy **item, struct error *err)
{
    struct hikae_policy *grown = mem_realloc(ret->policies, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->policies = grown;
    *item = &grown[ret->count++];
    **item = (struct hikae_policy){0};
    return 0;
}

static int list_file(const char *name, const char *path, const struct policy *policy, const struct error *why,
                     void *context, struct error *err)
{
    const struct listing *listing = context;
    struct hikae_policy *item;
    if (add(listing->ret, &item, err) != 0)
        return -1;
    return describe(policies_find(listing->applied, name), name, path, policy, why, item, err);
}

static bool is_listed(const struct hikae_policies *policies, const char *name)
{
    for (size_t i = 0; i < policies->count; i++)
        if (strcmp(policies->policies[i].name, name) == 0)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct hikae_policy *)a)->name, ((const struct hikae_policy *)b)->name);
}

static int count_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct hikae_policies *policies = context;
    (void)err;
    for (size_t i = 0; i < policies->count; i++)
        policies->policies[i].tenants +=
            strcmp(policies->policies[i].name, tenant->policy) == 0 && strcmp(tenant->state, "erased") != 0;
    return 0;
}

static int do_list(struct hikae *hikae, struct hikae_policies *ret, struct error *err)
{
    CLEANUP(policies_clear) struct policies applied = {0};
    struct listing listing = {&applied, ret};
    const struct error none = {0};
    if (policies_load(hikae, &applied, err) != 0 ||
        policy_files_each(hikae->config->path, list_file, &listing, err) != 0)
        return -1;
    for (size_t i = 0; i < applied.count; i++) {
        const struct policies_item *item = &applied.items[i];
        struct hikae_policy *to;
        if (!is_listed(ret, item->name) &&
            (add(ret, &to, err) != 0 || describe(item, item->name, NULL, NULL, &none, to, err) != 0))
            return -1;
    }
    qsort(ret->policies, ret->count, sizeof(*ret->policies), compare);
    if (engine_tenants(hikae, err) != 0)
        return -1;
    return catalog_tenant_each(hikae->catalog, count_tenant, ret, err);
}

enum hikae_status hikae_policy_list(struct hikae *hikae, struct hikae_policies *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_policies){0};
    int rc = do_list(hikae, ret, &err);
    if (rc != 0)
        hikae_policies_free(ret);
    return api_result(rc, false, &err, error);
}

/* ---- Show ---- */

struct showing {
    struct hikae_policy_detail *ret;
    struct hikae_promise *promise; /* whose rules are looked for */
};

static int show_value(const char *path, const char *value, unsigned line, unsigned column, void *context,
                      struct error *err)
{
    struct hikae_policy_detail *ret = ((struct showing *)context)->ret;
    (void)line, (void)column;
    struct hikae_policy_value *grown = mem_realloc(ret->values, (ret->value_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->values = grown;
    struct hikae_policy_value *to = &grown[ret->value_count++];
    *to = (struct hikae_policy_value){0};
    return copy(&to->path, path) && copy(&to->value, value) ? 0 : error_no_memory(err);
}

static int show_rule(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    struct hikae_promise *promise = ((struct showing *)context)->promise;
    if (!policy_has_word(&rule->keeps, promise->id))
        return 0;
    char **grown = mem_realloc(promise->rules, (promise->rule_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    promise->rules = grown;
    return copy(&grown[promise->rule_count++], what) ? 0 : error_no_memory(err);
}

static int show_promises(const struct policy *policy, struct showing *showing, struct error *err)
{
    struct hikae_policy_detail *ret = showing->ret;
    ret->promises = mem_calloc(policy->promise_count, sizeof(*ret->promises));
    if (ret->promises == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < policy->promise_count; i++) {
        const struct policy_promise *from = &policy->promises[i];
        struct hikae_promise *to = &ret->promises[ret->promise_count++];
        to->published = from->status == POLICY_PUBLISHED;
        to->by_operator = from->by == POLICY_BY_OPERATOR;
        showing->promise = to;
        if (!copy(&to->id, from->id) || !copy(&to->published_at, from->published_at) || !copy(&to->ja, from->text.ja) ||
            !copy(&to->en, from->text.en))
            return error_no_memory(err);
        if (policy_each_rule(policy, show_rule, showing, err) != 0)
            return -1;
    }
    return 0;
}

static int show_policy(const struct policy *policy, struct hikae_policy_detail *ret, struct error *err)
{
    struct showing showing = {.ret = ret};
    if (!copy(&ret->text, policy->text))
        return error_no_memory(err);
    return show_promises(policy, &showing, err) != 0 ? -1 : policy_each_value(policy, show_value, &showing, err);
}

static int do_show(struct hikae *hikae, const char *what, struct hikae_policy_detail *ret, struct error *err)
{
    CLEANUP(policies_clear) struct policies applied = {0};
    struct policy *file CLEANUP(cleanup_policy_free) = NULL;
    struct error why = {0};
    if (policies_load(hikae, &applied, err) != 0)
        return -1;
    int found = policy_files_load(hikae->config->path, what, &file, &why);
    const char *name = file != NULL ? file->name : what;
    const struct policies_item *item = policy_files_is_path(what) ? NULL : policies_find(&applied, name);
    if (item != NULL && found != 0 && why.class == ERROR_NOT_FOUND)
        error_clear(&why);
    else if (item == NULL && file == NULL) {
        *err = why;
        return -1;
    }
    if (describe(item, name, file != NULL ? file->file : NULL, file, &why, &ret->policy, err) != 0)
        return -1;
    struct hikae_policies alone = {&ret->policy, 1};
    if (engine_tenants(hikae, err) != 0 || catalog_tenant_each(hikae->catalog, count_tenant, &alone, err) != 0)
        return -1;
    if (item != NULL && item->policy == NULL) {
        *err = item->why;
        return -1;
    }
    return show_policy(item != NULL ? item->policy : file, ret, err);
}

enum hikae_status hikae_policy_show(struct hikae *hikae, const char *what, struct hikae_policy_detail *ret,
                                    struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_policy_detail){0};
    int rc = do_show(hikae, what, ret, &err);
    if (rc != 0)
        hikae_policy_detail_free(ret);
    return api_result(rc, false, &err, error);
}

void hikae_policy_detail_free(struct hikae_policy_detail *detail)
{
    policy_clear(&detail->policy);
    for (size_t i = 0; i < detail->promise_count; i++) {
        struct hikae_promise *promise = &detail->promises[i];
        mem_free(promise->id);
        mem_free(promise->published_at);
        mem_free(promise->ja);
        mem_free(promise->en);
        for (size_t k = 0; k < promise->rule_count; k++)
            mem_free(promise->rules[k]);
        mem_free(promise->rules);
    }
    for (size_t i = 0; i < detail->value_count; i++) {
        mem_free(detail->values[i].path);
        mem_free(detail->values[i].value);
    }
    mem_free(detail->promises);
    mem_free(detail->values);
    mem_free(detail->text);
    *detail = (struct hikae_policy_detail){0};
}

/* ---- Check ---- */

static const enum hikae_severity severities[] = {
    [POLICY_WARNING] = HIKAE_SEVERITY_WARNING,
    [POLICY_UNMET] = HIKAE_SEVERITY_UNMET,
    [POLICY_CONTRADICTION] = HIKAE_SEVERITY_CONTRADICTION,
};

int policy_export_findings(const struct policy *policy, const struct policy_findings *from,
                           struct hikae_policy_findings *ret, struct error *err)
{
    if (!copy(&ret->name, policy->name) || !copy(&ret->file, policy->file))
        return error_no_memory(err);
    ret->findings = mem_calloc(from->count, sizeof(*ret->findings));
    if (ret->findings == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < from->count; i++) {
        const struct policy_finding *finding = &from->items[i];
        struct hikae_policy_finding *to = &ret->findings[ret->count++];
        to->severity = severities[finding->severity];
        to->line = finding->line;
        to->column = finding->column;
        if (!copy(&to->rule, finding->rule) || !copy(&to->path, finding->path) || !copy(&to->what, finding->what) ||
            !copy(&to->hint, finding->hint))
            return error_no_memory(err);
    }
    return 0;
}

int policy_refuse(const struct hikae_policy_findings *findings, struct error *err)
{
    const struct hikae_policy_finding *first = NULL;
    for (size_t i = 0; i < findings->count; i++) {
        const struct hikae_policy_finding *finding = &findings->findings[i];
        if (finding->severity > HIKAE_SEVERITY_WARNING && !finding->accepted &&
            (first == NULL || finding->severity > first->severity))
            first = finding;
    }
    if (first == NULL)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%s:%u:%u: %s (rule %s)", findings->file, first->line, first->column,
                    first->what, first->rule);
    return error_hint(err, "%s", first->hint);
}

static int load_config(const char *path, struct config **ret, struct error *err)
{
    *ret = NULL;
    if (path == NULL || (access(path, F_OK) != 0 && errno == ENOENT))
        return 0;
    return config_load(path, ret, err);
}

static int do_check(const char *config_path, const char *what, struct hikae_policy_findings *ret, struct error *err)
{
    struct policy *policy CLEANUP(cleanup_policy_free) = NULL;
    struct config *config = NULL;
    CLEANUP(policy_findings_clear) struct policy_findings findings = {0};
    int rc = strcmp(what, POLICY_PLAIN) == 0
                 ? policy_parse(POLICY_PLAIN, policy_plain_text, strlen(policy_plain_text), &policy, err)
                 : policy_files_load(config_path != NULL ? config_path : CONFIG_DEFAULT_PATH, what, &policy, err);
    if (rc != 0 || load_config(config_path, &config, err) != 0)
        return -1;
    ret->with_installation = config != NULL;
    rc = config != NULL ? policy_place_check(config, policy, &findings, err)
                        : policy_check(policy, NULL, &findings, err);
    config_free(config);
    return rc == 0 ? policy_export_findings(policy, &findings, ret, err) : -1;
}

enum hikae_status hikae_policy_check(const char *config_path, const char *what, struct hikae_policy_findings *ret,
                                     struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_policy_findings){0};
    int rc = do_check(config_path, what, ret, &err);
    if (rc != 0) {
        hikae_policy_findings_free(ret);
        return api_result(rc, false, &err, error);
    }
    return api_result(policy_refuse(ret, &err), ret->count > 0, &err, error);
}

void hikae_policy_findings_free(struct hikae_policy_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        mem_free(findings->findings[i].rule);
        mem_free(findings->findings[i].path);
        mem_free(findings->findings[i].what);
        mem_free(findings->findings[i].hint);
    }
    mem_free(findings->findings);
    mem_free(findings->name);
    mem_free(findings->file);
    *findings = (struct hikae_policy_findings){0};
}
