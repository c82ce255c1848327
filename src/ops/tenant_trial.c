/*
 * The trial of a new tenant: a backup, and a restore from it. A tenant that was never restored is a hope, not a
 * customer with a backup; only after this does it become active.
 */
#include "base/file.h"
#include "base/mem.h"
#include "ops/tenant.h"

#include <string.h>

/* A tenant up to this size is restored as a whole; of a larger one as many files as fit in, from the first on. */
enum { TRIAL_ENTRIES = 10000, TRIAL_FILES = 200 };
#define TRIAL_BYTES (UINT64_C(64) << 20)

struct sample {
    char **paths;
    size_t count;
    uint64_t bytes;
    bool no_memory;
};

static void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        mem_free(sample->paths[i]);
    mem_free(sample->paths);
}

/* A path as a pattern that matches itself only: restore takes globs. */
static char *escape_glob(const char *path)
{
    char *out = mem_alloc(2 * strlen(path) + 1), *to = out;
    for (; out != NULL && *path != '\0'; path++) {
        if (strchr("*?[\\", *path) != NULL)
            *to++ = '\\';
        *to++ = *path;
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

static int note_file(const struct hikae_entry *entry, void *context)
{
    struct sample *sample = context;
    if (entry->type != 'f' || entry->unreadable || sample->bytes + entry->size > TRIAL_BYTES)
        return 0;
    sample->paths[sample->count] = escape_glob(entry->path);
    sample->no_memory = sample->paths[sample->count] == NULL;
    if (sample->no_memory)
        return 1;
    sample->bytes += entry->size;
    return ++sample->count == TRIAL_FILES;
}

/* Small tenants need no choice: *ret_paths stays empty, which means everything. */
static int choose(struct hikae *hikae, const char *name, const struct hikae_which *which,
                  const struct hikae_backup_result *backup, struct sample *sample, struct error *err)
{
    struct hikae_error error;
    if (backup->bytes_source <= TRIAL_BYTES && backup->entries <= TRIAL_ENTRIES)
        return 0;
    sample->paths = mem_calloc(TRIAL_FILES, sizeof(char *));
    if (sample->paths == NULL)
        return error_no_memory(err);
    enum hikae_status status = hikae_ls(hikae, name, which, NULL, true, note_file, sample, &error);
    if (sample->no_memory)
        return error_no_memory(err);
    return status <= HIKAE_WARNINGS || sample->count == TRIAL_FILES ? 0 : api_failure(&error, err);
}

static int restore(struct hikae *hikae, const char *name, const struct hikae_backup_result *backup, const char *folder,
                   struct error *err)
{
    struct sample sample CLEANUP(sample_free) = {0};
    const struct hikae_which which = {.snapshot = backup->snapshot};
    if (choose(hikae, name, &which, backup, &sample, err) != 0)
        return -1;
    const struct hikae_restore_options options = {.which = which,
                                                  .to = folder,
                                                  .paths = (const char *const *)sample.paths,
                                                  .path_count = sample.count,
                                                  .no_owner = true,
                                                  .destination = HIKAE_TO_DRILL,
                                                  .reason = "trial of a new tenant"};
    struct hikae_restore_result result = {0};
    struct hikae_error error;
    enum hikae_status status = hikae_restore(hikae, name, &options, &result, &error);
    uint64_t entries = result.entries, errors = result.errors_total;
    hikae_restore_result_free(&result);
    if (status > HIKAE_WARNINGS)
        return api_failure(&error, err);
    if (errors > 0)
        engine_warn(hikae, "the trial of %s could not set everything of %llu entries", name,
                    (unsigned long long)errors);
    return entries > 0 ? 0 : error_set(err, ERROR_DAMAGED, "nothing was restored");
}

static int make_active(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err)
{
    (void)context;
    char *active = mem_strdup("active");
    if (active == NULL)
        return error_no_memory(err);
    mem_free(tenant->state);
    tenant->state = active;
    tenant->not_before_ns = 0;
    *ret_changed = true;
    return 0;
}

static int must_be_new(struct hikae *hikae, const char *name, struct error *err)
{
    struct catalog_tenant row CLEANUP(catalog_tenant_free) = {0};
    struct id tid;
    if (engine_tenant_id(hikae, name, &tid, err) != 0 || catalog_tenant_by_id(hikae->catalog, &tid, &row, err) != 0)
        return -1;
    if (strcmp(row.state, "new") != 0)
        return error_set(err, ERROR_REFUSED, "the tenant is %s: only a new one needs a trial", row.state);
    return 0;
}

static int trial(struct hikae *hikae, const char *name, bool dry_run, struct error *err)
{
    struct hikae_backup_result backup = {0};
    struct hikae_error error;
    struct id tid;
    if (must_be_new(hikae, name, err) != 0 || engine_tenant_id(hikae, name, &tid, err) != 0)
        return -1;
    CLEANUP_FREE char *folder = engine_tenant_path(hikae, &tid, "trial", err);
    if (folder == NULL || file_remove_tree(folder, err) != 0)
        return -1;
    const struct hikae_backup_options options = {.dry_run = dry_run};
    if (hikae_backup(hikae, name, &options, &backup, &error) > HIKAE_WARNINGS)
        return api_failure(&error, err);
    int rc = dry_run ? 0 : restore(hikae, name, &backup, folder, err);
    hikae_backup_result_free(&backup);
    struct error why = {0};
    if (file_remove_tree(folder, &why) != 0)
        engine_warn(hikae, "what the trial restored could not be removed: %s", why.what);
    return rc == 0 && !dry_run ? tenant_edit(hikae, name, false, make_active, NULL, err) : rc;
}

enum hikae_status hikae_tenant_trial(struct hikae *hikae, const char *name, bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    int rc = trial(hikae, name, dry_run, &err);
    if (rc != 0)
        (void)error_wrap(&err, "trial of %s", name);
    return api_result(rc, false, &err, error);
}
