/* Tenants: adding, listing, changing. The truth is the tenant's own history; the catalogue follows. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/engine.h"
#include "pipeline/backup.h"

#include <stdio.h>
#include <stdlib.h>

enum { TENANT_NAME_MAX = 64, SOURCES_MAX = 1000 };

static int check_word(const char *what, const char *text, struct error *err)
{
    size_t size = strlen(text);
    bool ok = size > 0 && size <= TENANT_NAME_MAX && text[0] != '.' && text[0] != '-';
    for (size_t i = 0; ok && i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        ok = c > 0x20 && c != 0x7f && c != '/' && c != '\\' && c != '"';
    }
    if (ok)
        return 0;
    (void)error_set(err, ERROR_USAGE, "'%s' cannot be the name of a %s", text, what);
    return error_hint(err, "1 to %d bytes without spaces, '/', '\\' and '\"', not beginning with '.' or '-'",
                      TENANT_NAME_MAX);
}

static int check_options(const struct hikae_tenant_options *options, struct error *err)
{
    if (check_word("tenant", options->name, err) != 0)
        return -1;
    if (options->policy != NULL && strcmp(options->policy, "plain") != 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no policy '%s'", options->policy);
        return error_hint(err, "the built-in policy is `plain`: no promises, every target, keep everything");
    }
    if (options->source_count > SOURCES_MAX)
        return error_set(err, ERROR_USAGE, "at most %d sources", SOURCES_MAX);
    for (size_t i = 0; i < options->source_count; i++) {
        enum source_kind kind;
        const char *path;
        if (check_word("source", options->sources[i].name, err) != 0 ||
            source_parse(options->sources[i].spec, &kind, &path, err) != 0)
            return -1;
        if (kind != SOURCE_COMMAND && path[0] != '/' && strcmp(path, "-") != 0) {
            (void)error_set(err, ERROR_USAGE, "the path of source %s is not absolute", options->sources[i].name);
            return error_hint(err, "a nightly run has no current folder: write the whole path");
        }
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->sources[i].name, options->sources[j].name) == 0)
                return error_set(err, ERROR_USAGE, "two sources are named %s", options->sources[i].name);
    }
    return 0;
}

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

/* Write a tenant record and bring the catalogue in step. */
static int write_record(struct hikae *hikae, const struct id *tid, const struct keyring *keyring,
                        const struct chain *chain, const struct history_tenant *tenant, struct error *err)
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
    if (check_options(options, err) != 0 || must_be_new(hikae, options->name, err) != 0 ||
        engine_keystore(hikae, err) != 0)
        return -1;
    if (options->source_count == 0) {
        (void)error_set(err, ERROR_USAGE, "a tenant needs a source");
        return error_hint(err, "--source data=dir:/srv/acme");
    }
    if (options->dry_run)
        return 0;
    struct id tid;
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    struct chain chain = {0};
    struct history_tenant tenant = {.name = mem_strdup(options->name),
                                    .policy = mem_strdup("plain"),
                                    .state = mem_strdup("active"),
                                    .class_ = mem_strdup(options->provider ? "provider" : "customer"),
                                    .labels = mem_strdup("{}")};
    int rc = tenant.name != NULL && tenant.policy != NULL && tenant.state != NULL && tenant.class_ != NULL &&
                     tenant.labels != NULL
                 ? 0
                 : error_no_memory(err);
    if (rc == 0)
        rc = take_sources(options, &tenant, err);
    if (rc == 0)
        rc = crypto_random(tid.bytes, ID_SIZE, err);
    if (rc == 0)
        rc = keystore_add_tenant(hikae->keystore, &tid, err);
    if (rc == 0)
        rc = keystore_keyring(hikae->keystore, &tid, &keyring, err);
    if (rc == 0)
        rc = write_record(hikae, &tid, keyring, &chain, &tenant, err);
    history_tenant_clear(&tenant);
    return rc;
}

/* Change a tenant's record: `change` edits what the history says. */
static int edit(struct hikae *hikae, const char *name, bool dry_run,
                int (*change)(struct history_tenant *tenant, const void *context, struct error *err),
                const void *context, struct error *err)
{
    struct session session;
    if (session_open(hikae, name, SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = session.chain.history.has_tenant
                 ? change(&session.chain.history.tenant, context, err)
                 : error_set(err, ERROR_DAMAGED, "the history of %s has no tenant record", name);
    if (rc == 0 && !dry_run)
        rc = write_record(hikae, &session.tid, session.keyring, &session.chain, &session.chain.history.tenant, err);
    session_close(&session);
    return rc;
}

static int change_sources(struct history_tenant *tenant, const void *context, struct error *err)
{
    const struct hikae_tenant_options *options = context;
    if (options->source_count == 0)
        return 0;
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

static int change_state(struct history_tenant *tenant, const void *context, struct error *err)
{
    const char *state = context;
    if (strcmp(tenant->state, "active") != 0 && strcmp(tenant->state, "suspended") != 0)
        return error_set(err, ERROR_REFUSED, "the tenant is %s: only active and suspended ones change", tenant->state);
    char *copy = mem_strdup(state);
    if (copy == NULL)
        return error_no_memory(err);
    mem_free(tenant->state);
    tenant->state = copy;
    return 0;
}

/* ---- Listing ---- */

struct list {
    struct hikae *hikae;
    const char *name;
    struct hikae_tenants *ret;
};

static int describe(struct hikae *hikae, const struct catalog_tenant *row, struct hikae_tenant *to, struct error *err)
{
    struct session session;
    char hex[2 * ID_SIZE + 1];
    if (session_open(hikae, row->name, 0, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    const struct history_tenant *tenant = &history->tenant;
    to->name = mem_strdup(row->name);
    to->id = mem_strdup(hex_encode(row->tid.bytes, ID_SIZE, hex));
    to->policy = mem_strdup(history->has_tenant ? tenant->policy : row->policy);
    to->state = mem_strdup(history->has_tenant ? tenant->state : row->state);
    to->class_name = mem_strdup(history->has_tenant ? tenant->class_ : row->class);
    to->sources = mem_calloc(tenant->source_count, sizeof(*to->sources));
    int rc = to->name != NULL && to->id != NULL && to->policy != NULL && to->state != NULL && to->class_name != NULL &&
                     to->sources != NULL
                 ? 0
                 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < tenant->source_count; i++) {
        to->sources[i].name = mem_strdup(tenant->sources[i].name);
        to->sources[i].spec = mem_strdup(tenant->sources[i].spec);
        to->source_count++;
        if (to->sources[i].name == NULL || to->sources[i].spec == NULL)
            rc = error_no_memory(err);
    }
    for (size_t i = 0; i < history->snapshot_count; i++)
        to->snapshots += !history->snapshots[i].retired;
    const struct history_snapshot *latest = history_latest(history);
    to->last_snapshot_ns = latest != NULL ? latest->time_ns : 0;
    session_close(&session);
    return rc;
}

static int list_one(const struct catalog_tenant *row, void *context, struct error *err)
{
    struct list *list = context;
    if (list->name != NULL && strcmp(list->name, row->name) != 0)
        return 0;
    struct hikae_tenant *tenants =
        mem_realloc(list->ret->tenants, (list->ret->count + 1) * sizeof(struct hikae_tenant));
    if (tenants == NULL)
        return error_no_memory(err);
    list->ret->tenants = tenants;
    tenants[list->ret->count] = (struct hikae_tenant){0};
    return describe(list->hikae, row, &tenants[list->ret->count++], err);
}

static int do_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret, struct error *err)
{
    struct list list = {hikae, name, ret};
    struct id tid;
    if (name != NULL && engine_tenant_id(hikae, name, &tid, err) != 0)
        return -1;
    if (hikae->catalog_is_new && engine_rebuild_catalog(hikae, err) != 0)
        return -1;
    return catalog_tenant_each(hikae->catalog, list_one, &list, err);
}

enum hikae_status hikae_tenant_add(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_tenants){0};
    int rc = add(hikae, options, &err);
    if (rc == 0 && !options->dry_run)
        rc = do_list(hikae, options->name, ret, &err);
    return api_result(rc, false, &err, error);
}

enum hikae_status hikae_tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret,
                                    struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_tenants){0};
    int rc = do_list(hikae, name, ret, &err);
    if (rc != 0)
        hikae_tenants_free(ret);
    return api_result(rc, false, &err, error);
}

enum hikae_status hikae_tenant_set(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_tenants){0};
    int rc = check_options(options, &err);
    if (rc == 0)
        rc = edit(hikae, options->name, options->dry_run, change_sources, options, &err);
    if (rc == 0)
        rc = do_list(hikae, options->name, ret, &err);
    if (rc != 0)
        hikae_tenants_free(ret);
    return api_result(rc, false, &err, error);
}

enum hikae_status hikae_tenant_state(struct hikae *hikae, const char *name, const char *state, bool dry_run,
                                     struct hikae_error *error)
{
    struct error err = {0};
    int rc = strcmp(state, "active") == 0 || strcmp(state, "suspended") == 0
                 ? edit(hikae, name, dry_run, change_state, state, &err)
                 : error_set(&err, ERROR_USAGE, "a tenant can be made active or suspended, not '%s'", state);
    return api_result(rc, false, &err, error);
}

void hikae_tenants_free(struct hikae_tenants *tenants)
{
    for (size_t i = 0; i < tenants->count; i++) {
        struct hikae_tenant *tenant = &tenants->tenants[i];
        mem_free(tenant->name);
        mem_free(tenant->id);
        mem_free(tenant->policy);
        mem_free(tenant->state);
        mem_free(tenant->class_name);
        for (size_t j = 0; j < tenant->source_count; j++) {
            mem_free(tenant->sources[j].name);
            mem_free(tenant->sources[j].spec);
        }
        mem_free(tenant->sources);
    }
    mem_free(tenants->tenants);
    *tenants = (struct hikae_tenants){0};
}
