/* Adding and changing tenants in bulk. Nothing is done while the file has a mistake; nothing is ever removed. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/ordered.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/load.h"
#include "ops/tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading {
    struct hikae *hikae;
    const struct hikae_load_options *options;
    struct load_file file;
    struct hikae_load_result *ret;
    struct error first; /* of the tenants that failed */
};

static void warn(const char *message, void *context)
{
    engine_warn(context, "%s", message);
}

/* ---- Checking against what there is ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct load_row *const *x = a, *const *y = b;
    int order = strcmp((*x)->options.name, (*y)->options.name);
    return order != 0 ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

static int find_doubles(struct loading *loading, struct error *err)
{
    struct load_file *file = &loading->file;
    CLEANUP_FREE const struct load_row **rows = mem_calloc(file->count, sizeof(*rows));
    if (rows == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < file->count; i++)
        rows[i] = &file->rows[i];
    qsort(rows, file->count, sizeof(*rows), compare_rows);
    for (size_t i = 1; i < file->count; i++) {
        struct error why = {0};
        if (strcmp(rows[i]->options.name, rows[i - 1]->options.name) != 0)
            continue;
        (void)error_set(&why, ERROR_CONFIG, "tenant '%s' stands in line %u already", rows[i]->options.name,
                        rows[i - 1]->line);
        load_mistake(file, rows[i]->line, &why);
    }
    return 0;
}

/* The tenant as the catalogue has it; *ret_known. */
static int look_up(struct loading *loading, const char *name, bool *ret_known, struct history_tenant *ret,
                   struct error *err)
{
    struct catalog_tenant row CLEANUP(catalog_tenant_free) = {0};
    struct id tid;
    struct error why = {0};
    *ret_known = engine_tenant_id(loading->hikae, name, &tid, &why) == 0;
    if (!*ret_known && why.class == ERROR_NOT_FOUND)
        return 0;
    if (!*ret_known) {
        *err = why;
        return -1;
    }
    if (catalog_tenant_by_id(loading->hikae->catalog, &tid, &row, err) != 0)
        return -1;
    return history_tenant_read(row.body, ret, err);
}

/* ---- What a row changes ---- */

/* The sources that there are, with those of the row in their places or behind them. */
static int merge(struct history_tenant *tenant, const struct hikae_tenant_options *options, struct error *err)
{
    size_t count = tenant->source_count, known = count;
    CLEANUP_FREE struct hikae_source *sources = mem_calloc(count + options->source_count, sizeof(*sources));
    if (sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < known; i++) {
        const struct history_source *from = &tenant->sources[i];
        sources[i] = (struct hikae_source){from->name,
                                           from->spec,
                                           (const char *const *)from->exclude,
                                           from->exclude_count,
                                           from->one_file_system,
                                           from->exclude_caches};
    }
    for (size_t i = 0; i < options->source_count; i++) {
        size_t at = 0;
        while (at < known && strcmp(sources[at].name, options->sources[i].name) != 0)
            at++;
        sources[at < known ? at : count++] = options->sources[i];
    }
    struct hikae_tenant_options merged = *options;
    merged.sources = sources;
    merged.source_count = options->source_count > 0 ? count : 0;
    return tenant_apply(tenant, &merged, err);
}

static int change_row(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err)
{
    CLEANUP_FREE char *before = history_tenant_body(tenant);
    if (before == NULL || merge(tenant, context, err) != 0)
        return before == NULL ? error_no_memory(err) : -1;
    CLEANUP_FREE char *after = history_tenant_body(tenant);
    *ret_changed = after != NULL && strcmp(before, after) != 0;
    return after != NULL ? 0 : error_no_memory(err);
}

/* Append a phrase; without memory the text is lost, not the change. */
static void say(char **text, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(char **text, const char *fmt, ...)
{
    char phrase[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(phrase, sizeof(phrase), fmt, args);
    va_end(args);
    char *longer = *text == NULL ? mem_strdup(phrase) : mem_printf("%s, %s", *text, phrase);
    mem_free(*text);
    *text = longer;
}

static char *what_changes(const struct history_tenant *before, const struct history_tenant *after)
{
    char *text = NULL;
    if (strcmp(before->policy, after->policy) != 0)
        say(&text, "policy %s → %s", before->policy, after->policy);
    for (size_t i = 0; i < after->source_count; i++) {
        const struct history_source *source = &after->sources[i];
        struct history_tenant one = {.sources = &after->sources[i], .source_count = 1};
        CLEANUP_FREE char *now = history_tenant_body(&one);
        if (i < before->source_count)
            one.sources = &before->sources[i];
        CLEANUP_FREE char *then = i < before->source_count ? history_tenant_body(&one) : NULL;
        if (then == NULL)
            say(&text, "new source %s = %s", source->name, source->spec);
        else if (now != NULL && strcmp(now, then) != 0)
            say(&text, "source %s = %s", source->name, source->spec);
    }
    if (strcmp(before->labels, after->labels) != 0)
        say(&text, "labels %s → %s", before->labels, after->labels);
    if (before->priority != after->priority)
        say(&text, "priority %u → %u", before->priority, after->priority);
    if (memcmp(&before->limits, &after->limits, sizeof(before->limits)) != 0)
        say(&text, "other limits");
    return text;
}

static int plan_known(struct loading *loading, const struct load_row *row, struct history_tenant *tenant,
                      struct hikae_load_change *change, struct error *err)
{
    struct history_tenant after CLEANUP(history_tenant_clear) = {0};
    CLEANUP_FREE char *body = history_tenant_body(tenant);
    bool changed = false;
    if (body == NULL)
        return error_no_memory(err);
    if (row->has_class && row->options.provider != (strcmp(tenant->class_, "provider") == 0)) {
        struct error why = {0};
        (void)error_set(&why, ERROR_CONFIG, "tenant '%s' is a %s's; a tenant never changes its class", tenant->name,
                        tenant->class_);
        load_mistake(&loading->file, row->line, &why);
        return 0;
    }
    if (history_tenant_read(body, &after, err) != 0 || change_row(&after, &row->options, &changed, err) != 0)
        return -1;
    change->what = changed ? "change" : "same";
    change->how = changed ? what_changes(tenant, &after) : NULL;
    change->done = !changed;
    loading->ret->changed += changed;
    loading->ret->same += !changed;
    return 0;
}

static int plan_row(struct loading *loading, const struct load_row *row, struct error *err)
{
    struct hikae_load_change *change = &loading->ret->changes[loading->ret->count];
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    bool known;
    struct error why = {0};
    change->tenant = mem_strdup(row->options.name);
    change->line = row->line;
    if (change->tenant == NULL)
        return error_no_memory(err);
    loading->ret->count++;
    change->what = "add";
    if (tenant_check(loading->hikae, &row->options, &why) != 0) {
        load_mistake(&loading->file, row->line, &why);
        return 0;
    }
    if (look_up(loading, row->options.name, &known, &tenant, err) != 0)
        return -1;
    if (known)
        return plan_known(loading, row, &tenant, change, err);
    loading->ret->added++;
    if (row->options.source_count > 0)
        return 0;
    (void)error_set(&why, ERROR_CONFIG, "tenant '%s' is new, and needs a source", row->options.name);
    load_mistake(&loading->file, row->line, &why);
    return 0;
}

static int plan(struct loading *loading, struct error *err)
{
    const struct load_file *file = &loading->file;
    loading->ret->changes = mem_calloc(file->count, sizeof(struct hikae_load_change));
    if (loading->ret->changes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < file->count; i++)
        if (plan_row(loading, &file->rows[i], err) != 0)
            return -1;
    if (find_doubles(loading, err) != 0)
        return -1;
    if (file->mistakes == 0)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "%s has %zu mistakes; nothing was loaded", file->path, file->mistakes);
    return error_hint(err, "each is told above with its line");
}

/* ---- Doing ---- */

/*
 * New tenants come in batches: the keys of one are an object of the keystore, not one for each tenant, and whoever is
 * killed in between leaves few keys that no tenant has. Their records are written several at a time, as each waits for
 * its targets and hardly for the processor.
 */
enum { BATCH = 256, WRITERS = 16 };

struct addition {
    struct loading *loading;
    size_t row;
    size_t turn; /* among the new ones, which decides about its first night */
    struct id tid;
    struct error why;
    int rc;
};

struct batch {
    struct addition additions[BATCH];
    size_t count;
    struct ordered *map;
};

static int add_tenant(const struct addition *addition, struct error *err)
{
    const struct loading *loading = addition->loading;
    struct keyring *keyring CLEANUP(cleanup_keyring_free) = NULL;
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    struct chain chain = {0};
    struct hikae_tenant_options options = loading->file.rows[addition->row].options;
    unsigned per_night = loading->options->per_night;
    options.trial = true;
    if (cancel_check(&loading->hikae->cancel, err) != 0 || tenant_new(&options, &tenant, err) != 0)
        return -1;
    if (per_night > 0 && addition->turn >= per_night)
        tenant.not_before_ns = clock_now_ns() + (int64_t)(addition->turn / per_night) * 86400 * NS_PER_S;
    if (keystore_keyring(loading->hikae->keystore, &addition->tid, &keyring, err) != 0)
        return -1;
    return tenant_write(loading->hikae, &addition->tid, keyring, &chain, &tenant, err);
}

/* Run by the writers' threads. */
static void add_one(void *item, unsigned worker, void *context)
{
    struct addition *addition = item;
    (void)worker;
    (void)context;
    addition->rc = add_tenant(addition, &addition->why);
}

static int add_keys(struct batch *batch, struct keystore *keystore, struct error *err)
{
    struct id fresh[BATCH];
    for (size_t i = 0; i < batch->count; i++) {
        if (crypto_random(fresh[i].bytes, ID_SIZE, err) != 0)
            return -1;
        batch->additions[i].tid = fresh[i];
    }
    return keystore_add_tenants(keystore, fresh, batch->count, err);
}

static void note_result(struct loading *loading, size_t row, int rc, const struct error *why)
{
    struct hikae_load_change *change = &loading->ret->changes[row];
    change->done = rc == 0;
    if (rc == 0 || why->class == ERROR_INTERRUPTED)
        return;
    engine_warn(loading->hikae, "%s:%u: tenant %s: %s", loading->file.path, change->line, change->tenant, why->what);
    if (loading->first.class == ERROR_NONE)
        loading->first = *why;
}

/* Keys first, then the tenants that they are for. */
static int add_batch(struct loading *loading, struct batch *batch, struct error *err)
{
    if (batch->count == 0)
        return 0;
    if (cancel_check(&loading->hikae->cancel, err) != 0 || add_keys(batch, loading->hikae->keystore, err) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++)
        (void)ordered_put(batch->map, &batch->additions[i]); /* it is never closed, and takes them all */
    for (size_t i = 0; i < batch->count; i++) {
        const struct addition *addition = ordered_get(batch->map);
        note_result(loading, addition->row, addition->rc, &addition->why);
    }
    batch->count = 0;
    return cancel_check(&loading->hikae->cancel, err);
}

static int add_new(struct loading *loading, struct batch *batch, struct error *err)
{
    size_t turn = 0;
    for (size_t i = 0; i < loading->ret->count; i++) {
        if (strcmp(loading->ret->changes[i].what, "add") != 0)
            continue;
        batch->additions[batch->count++] = (struct addition){.loading = loading, .row = i, .turn = turn++};
        if (batch->count == BATCH && add_batch(loading, batch, err) != 0)
            return -1;
    }
    return add_batch(loading, batch, err);
}

static int add_all(struct loading *loading, struct error *err)
{
    CLEANUP_FREE struct batch *batch = mem_calloc(1, sizeof(*batch));
    struct pool *pool = batch != NULL && loading->ret->added > 0 ? pool_new(WRITERS) : NULL;
    if (batch == NULL || (loading->ret->added > 0 && pool == NULL))
        return error_no_memory(err);
    if (pool == NULL)
        return 0;
    batch->map = ordered_new(pool, BATCH, add_one, NULL);
    int rc = batch->map != NULL ? add_new(loading, batch, err) : error_no_memory(err);
    ordered_free(batch->map);
    pool_free(pool);
    return rc;
}

static int change_known(struct loading *loading, struct error *err)
{
    for (size_t i = 0; i < loading->ret->count; i++) {
        const struct hikae_load_change *change = &loading->ret->changes[i];
        struct error why = {0};
        if (strcmp(change->what, "change") != 0)
            continue;
        if (cancel_check(&loading->hikae->cancel, err) != 0)
            return -1;
        int rc = tenant_edit(loading->hikae, change->tenant, false, change_row, &loading->file.rows[i].options, &why);
        note_result(loading, i, rc, &why);
    }
    return 0;
}

static int carry_out(struct loading *loading, struct error *err)
{
    if (engine_keystore(loading->hikae, err) != 0 || add_all(loading, err) != 0 || change_known(loading, err) != 0)
        return -1;
    if (loading->first.class == ERROR_NONE)
        return 0;
    *err = loading->first;
    return error_wrap(err, "some tenants were not loaded; the first");
}

static int load(struct loading *loading, const char *path, struct error *err)
{
    if (engine_tenants(loading->hikae, err) != 0)
        return -1;
    if (load_read(path, &loading->file, err) != 0 || plan(loading, err) != 0)
        return -1;
    return loading->options->dry_run ? 0 : carry_out(loading, err);
}

enum hikae_status hikae_tenant_load(struct hikae *hikae, const char *path, const struct hikae_load_options *options,
                                    struct hikae_load_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_load_result){0};
    if (engine_audit_begin(hikae, OPERATION_TENANT_LOAD, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    struct loading loading = {
        .hikae = hikae, .options = options, .ret = ret, .file = {.complain = warn, .context = hikae}};
    int rc = load(&loading, path, &err);
    load_free(&loading.file);
    engine_audit_count(&audit, "added", ret->added);
    engine_audit_count(&audit, "changed", ret->changed);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

void hikae_load_result_free(struct hikae_load_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        mem_free(result->changes[i].tenant);
        mem_free(result->changes[i].how);
    }
    mem_free(result->changes);
    *result = (struct hikae_load_result){0};
}
