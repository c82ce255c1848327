/* Tenants: adding and changing. */
#include "ops/tenant.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/drill_check.h"

#include <string.h>

/* The options' sources in the history's form; texts are copied. */
static int take_sources(const struct hikae_tenant_options *options, struct history_tenant *tenant, struct error *err)
{
    tenant->sources = mem_calloc(options->source_count, sizeof(struct history_source));
    if (tenant->sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < options->source_count; i++) {
        const struct hikae_source *from = &options->sources[i];
        struct history_source *to = &tenant->sources[i];
        tenant->source_count++;
        to->name = mem_strdup(from->name);
        to->spec = mem_strdup(from->spec);
        to->exclude = mem_calloc(from->exclude_count, sizeof(char *));
        to->one_file_system = from->one_file_system;
        to->exclude_caches = from->exclude_caches;
        if (to->name == NULL || to->spec == NULL || to->exclude == NULL)
            return error_no_memory(err);
        for (size_t j = 0; j < from->exclude_count; j++) {
            to->exclude[to->exclude_count] = mem_strdup(from->exclude[j]);
            if (to->exclude[to->exclude_count++] == NULL)
                return error_no_memory(err);
        }
    }
    return 0;
}

static int replace_text(char **text, const char *with, struct error *err)
{
    char *copy = mem_strdup(with);
    if (copy == NULL)
        return error_no_memory(err);
    mem_free(*text);
    *text = copy;
    return 0;
}

static int replace_sources(struct history_tenant *tenant, const struct hikae_tenant_options *options, struct error *err)
{
    struct history_tenant fresh = {0};
    if (take_sources(options, &fresh, err) != 0) {
        history_tenant_clear(&fresh);
        return -1;
    }
    struct history_tenant old = {.sources = tenant->sources, .source_count = tenant->source_count};
    tenant->sources = fresh.sources;
    tenant->source_count = fresh.source_count;
    history_tenant_clear(&old);
    return 0;
}

int tenant_apply(struct history_tenant *tenant, const struct hikae_tenant_options *options, struct error *err)
{
    if (options->source_count > 0 && replace_sources(tenant, options, err) != 0)
        return -1;
    if (options->policy != NULL && replace_text(&tenant->policy, options->policy, err) != 0)
        return -1;
    if (options->priority != 0)
        tenant->priority = options->priority;
    if (options->limits != NULL)
        tenant->limits =
            (struct history_limits){options->limits->seconds, options->limits->bytes, options->limits->threads};
    return labels_apply(&tenant->labels, options->labels, options->label_count, err) != 0
               ? -1
               : drill_checks_apply(&tenant->checks, options->checks, options->check_count, err);
}

int tenant_new(const struct hikae_tenant_options *options, struct history_tenant *ret, struct error *err)
{
    *ret = (struct history_tenant){.name = mem_strdup(options->name),
                                   .policy = mem_strdup("plain"),
                                   .state = mem_strdup(options->trial ? "new" : "active"),
                                   .class_ = mem_strdup(options->provider ? "provider" : "customer"),
                                   .labels = mem_strdup("{}")};
    bool whole =
        ret->name != NULL && ret->policy != NULL && ret->state != NULL && ret->class_ != NULL && ret->labels != NULL;
    int rc = whole ? tenant_apply(ret, options, err) : error_no_memory(err);
    if (rc != 0)
        history_tenant_clear(ret);
    return rc;
}

int tenant_write(struct hikae *hikae, const struct id *tid, const struct keyring *keyring, const struct chain *chain,
                 const struct history_tenant *tenant, struct error *err)
{
    struct record record = {.type = RECORD_TENANT, .body = history_tenant_body(tenant)};
    int rc = record.body != NULL ? 0 : error_no_memory(err);
    if (rc == 0)
        rc = chain_append(hikae, keyring, chain, &record, engine_up_mask(hikae), hikae->config->min_copies, err);
    if (rc == 0) {
        struct catalog_tenant row = {*tid, tenant->name, tenant->policy, tenant->state, tenant->class_, record.body};
        rc = catalog_tenant_put(hikae->catalog, &row, err);
    }
    record_clear(&record);
    return rc;
}

static int must_be_new(struct hikae *hikae, const char *name, struct error *err)
{
    struct id tid;
    struct error why = {0};
    if (engine_tenant_id(hikae, name, &tid, &why) == 0) {
        (void)error_set(err, ERROR_REFUSED, "there is a tenant '%s' already", name);
        return error_hint(err, "`hikae tenant set %s` changes it", name);
    }
    if (why.class == ERROR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

static int add(struct hikae *hikae, const struct hikae_tenant_options *options, struct error *err)
{
    if (tenant_check(hikae, options, err) != 0 || must_be_new(hikae, options->name, err) != 0 ||
        engine_keystore(hikae, err) != 0)
        return -1;
    if (options->source_count == 0) {
        (void)error_set(err, ERROR_USAGE, "a tenant needs a source");
        return error_hint(err, "--source data=dir:/srv/acme");
    }
    struct id tid;
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    struct chain chain = {0};
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    if (tenant_new(options, &tenant, err) != 0)
        return -1;
    if (options->dry_run)
        return 0;
    if (crypto_random(tid.bytes, ID_SIZE, err) != 0 || keystore_add_tenant(hikae->keystore, &tid, err) != 0 ||
        keystore_keyring(hikae->keystore, &tid, &keyring, err) != 0)
        return -1;
    return tenant_write(hikae, &tid, keyring, &chain, &tenant, err);
}

int tenant_edit(struct hikae *hikae, const char *name, bool dry_run, tenant_change *change, const void *context,
                struct error *err)
{
    struct session session;
    if (session_open(hikae, name, SESSION_LOCK, &session, err) != 0)
        return -1;
    struct history_tenant *tenant = &session.chain.history.tenant;
    CLEANUP_FREE char *policy = tenant->policy != NULL ? mem_strdup(tenant->policy) : NULL;
    bool changed = false;
    int rc = session.chain.history.has_tenant && policy != NULL
                 ? change(tenant, context, &changed, err)
                 : error_set(err, ERROR_DAMAGED, "the history of %s has no tenant record", name);
    if (rc == 0 && changed && strcmp(policy, tenant->policy) != 0)
        rc = tenant_policy_door(&session, policy, tenant->policy, err);
    if (rc == 0 && changed && !dry_run)
        rc = tenant_write(hikae, &session.tid, session.keyring, &session.chain, tenant, err);
    session_close(&session);
    return rc;
}

static int change_options(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err)
{
    *ret_changed = true;
    return tenant_apply(tenant, context, err);
}

static int change_state(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err)
{
    const char *state = context;
    *ret_changed = strcmp(tenant->state, state) != 0;
    if (strcmp(tenant->state, "new") == 0 && strcmp(state, "active") == 0) {
        (void)error_set(err, ERROR_REFUSED, "no backup of the tenant was restored yet");
        return error_hint(err, "`hikae tenant trial %s` does that, and makes it active", tenant->name);
    }
    if (strcmp(tenant->state, "active") != 0 && strcmp(tenant->state, "suspended") != 0 &&
        strcmp(tenant->state, "new") != 0)
        return error_set(err, ERROR_REFUSED, "the tenant is %s: only active and suspended ones change", tenant->state);
    return replace_text(&tenant->state, state, err);
}

/* What it is from now on: when it is erased one day, the audit log alone tells what was promised of it. */
static void record_tenant(struct engine_audit *audit, const struct hikae_tenants *tenants)
{
    CLEANUP(buf_free) struct buf kinds = {0};
    const struct hikae_tenant *tenant = tenants->count == 1 ? &tenants->tenants[0] : NULL;
    int rc = 0;
    if (tenant == NULL)
        return;
    for (size_t i = 0; rc == 0 && i < tenant->source_count; i++) {
        const char *spec = tenant->sources[i].spec;
        rc = i > 0 ? buf_u8(&kinds, ' ', NULL) : 0;
        if (rc == 0)
            rc = buf_append(&kinds, spec, strcspn(spec, ":"), NULL);
    }
    if (rc != 0 || buf_u8(&kinds, '\0', NULL) != 0) {
        audit->failed = true;
        return;
    }
    engine_audit_detail(audit, "policy", tenant->policy);
    engine_audit_detail(audit, "state", tenant->state);
    engine_audit_detail(audit, "kinds", (const char *)kinds.data);
}

enum hikae_status hikae_tenant_add(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_tenants){0};
    if (engine_audit_begin(hikae, OPERATION_TENANT_ADD, options->name, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = add(hikae, options, &err);
    if (rc == 0 && !options->dry_run)
        rc = tenant_list(hikae, options->name, ret, &err);
    if (rc != 0)
        hikae_tenants_free(ret);
    engine_audit_count(&audit, "sources", options->source_count);
    record_tenant(&audit, ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

enum hikae_status hikae_tenant_set(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_tenants){0};
    if (engine_audit_begin(hikae, OPERATION_TENANT_SET, options->name, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = tenant_check(hikae, options, &err);
    if (rc == 0)
        rc = tenant_edit(hikae, options->name, options->dry_run, change_options, options, &err);
    if (rc == 0)
        rc = tenant_list(hikae, options->name, ret, &err);
    if (rc != 0)
        hikae_tenants_free(ret);
    engine_audit_count(&audit, "sources", options->source_count);
    engine_audit_detail(&audit, "policy", options->policy);
    record_tenant(&audit, ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

enum hikae_status hikae_tenant_state(struct hikae *hikae, const char *name, const char *state, bool dry_run,
                                     struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_TENANT_STATE, name, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = strcmp(state, "active") == 0 || strcmp(state, "suspended") == 0
                 ? tenant_edit(hikae, name, dry_run, change_state, state, &err)
                 : error_set(&err, ERROR_USAGE, "a tenant can be made active or suspended, not '%s'", state);
    if (rc == 0)
        engine_audit_detail(&audit, "state", state);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
