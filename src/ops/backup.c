#include "ops/backup_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/contract.h"
#include "ops/policies.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static void read_progress(struct hikae_progress *progress, void *context)
{
    const struct backup_operation *run = context;
    const struct backup_counters *counters = &run->counters;
    uint64_t finished = atomic_load(&counters->bytes_source), read = atomic_load(&counters->bytes_read);
    progress->phase = HIKAE_PHASE_TRANSFER;
    progress->entries_done = atomic_load(&counters->entries);
    /* A long file counts while it is read, not only when it is finished. */
    progress->bytes_done = finished > read ? finished : read;
    /* Nobody knows what the sources hold before they were walked: last time is the best guess. */
    if (run->parent != NULL && progress->bytes_done <= run->parent->root.bytes &&
        progress->entries_done <= run->parent->root.entries) {
        progress->entries_total = run->parent->root.entries;
        progress->bytes_total = run->parent->root.bytes;
    }
    progress->bytes_stored = atomic_load(&counters->bytes_stored);
}

static int compare_sources(const void *a, const void *b)
{
    return strcmp(((const struct backup_source *)a)->name, ((const struct backup_source *)b)->name);
}

/* The tenant's sources, sorted as the manifest wants them. */
static int take_sources(struct backup_operation *run, struct error *err)
{
    const struct history_tenant *tenant = &run->session.chain.history.tenant;
    run->sources = mem_calloc(tenant->source_count, sizeof(struct backup_source));
    if (run->sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < tenant->source_count; i++) {
        const struct history_source *from = &tenant->sources[i];
        struct backup_source *to = &run->sources[i];
        if (source_parse(from->spec, &to->kind, &to->path, err) != 0)
            return -1;
        to->name = from->name;
        to->exclude = (const char *const *)from->exclude;
        to->exclude_count = from->exclude_count;
        to->one_file_system = from->one_file_system;
        to->exclude_caches = from->exclude_caches;
    }
    run->source_count = tenant->source_count;
    qsort(run->sources, run->source_count, sizeof(struct backup_source), compare_sources);
    return 0;
}

int backup_source_list(const struct backup_operation *run, char **ret, struct error *err)
{
    static const char *const kinds[] = {"dir", "image", "cmd", "archive"};
    json_t *list CLEANUP_JSON = json_array();
    for (size_t i = 0; list != NULL && i < run->source_count; i++) {
        const struct backup_source *source = &run->sources[i];
        CLEANUP_FREE char *spec = mem_printf("%s:%s", kinds[source->kind], source->path);
        /* A path that is not UTF-8 has no place in JSON: it is told by its name alone. */
        json_t *text = spec != NULL ? json_string(spec) : NULL;
        if (text == NULL)
            text = json_string(kinds[source->kind]);
        json_t *item = json_pack("{s:s, s:o}", "name", source->name, "spec", text);
        if (json_array_append_new(list, item) != 0)
            return error_no_memory(err);
    }
    return list != NULL ? json_print(list, ret, err) : error_no_memory(err);
}

/*
 * A parent that stands on what is condemned (its run was under way when that was decided) cannot be read through an
 * index that leaves such packs out: everything is read again, and what is still there is found by its content.
 */
static int check_parent(struct backup_operation *run, struct error *err)
{
    const struct roster *condemned = &run->session.chain.condemned;
    CLEANUP(roster_free) struct roster roster = {0};
    struct error why = {0};
    if (condemned->count == 0)
        return 0;
    if (session_roster(&run->session, run->parent, false, &roster, &why) != 0) {
        if (why.class != ERROR_NO_MEMORY)
            return 0; /* reading it will tell */
        *err = why;
        return -1;
    }
    for (size_t i = 0; i < roster.count; i++)
        if (roster.rows[i].class == OBJECT_PACK && roster_has(condemned, OBJECT_PACK, &roster.rows[i].name)) {
            run->parent = NULL;
            return 0;
        }
    return 0;
}

/* The latest snapshot of these sources: an import between two nights must not make the next one read everything. */
static int choose_parent(struct backup_operation *run, struct error *err)
{
    const struct history *history = &run->session.chain.history;
    CLEANUP_FREE char *sources = NULL;
    if (backup_source_list(run, &sources, err) != 0)
        return -1;
    run->parent = history_latest(history);
    for (size_t i = history->snapshot_count; i > 0; i--) {
        const struct history_snapshot *snapshot = &history->snapshots[i - 1];
        if (!snapshot->retired && snapshot->sources != NULL && strcmp(snapshot->sources, sources) == 0) {
            run->parent = snapshot;
            break;
        }
    }
    return run->parent != NULL ? check_parent(run, err) : 0;
}

static int check_tenant(const struct backup_operation *run, struct error *err)
{
    const struct history *history = &run->session.chain.history;
    if (!history->has_tenant)
        return error_set(err, ERROR_DAMAGED, "the history has no tenant record");
    if (contract_is_frozen(&history->tenant, clock_now_ns())) {
        (void)error_set(err, ERROR_REFUSED, "the tenant is frozen: its contract has ended");
        return error_hint(err, "`hikae contract cancel` if it goes on after all");
    }
    if (strcmp(history->tenant.state, "active") == 0 || strcmp(history->tenant.state, "new") == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the tenant is %s", history->tenant.state);
    if (strcmp(history->tenant.state, "frozen") == 0)
        return error_hint(err, "its contract has ended, or it is to be erased: `hikae purge status %s`",
                          run->session.tenant);
    return error_hint(err, "`hikae tenant resume` makes a suspended tenant active again");
}

static int run_pipeline(struct backup_operation *run, struct error *err)
{
    const struct config *config = run->hikae->config;
    CLEANUP_FREE char *spool = engine_tenant_path(run->hikae, &run->session.tid, "", err);
    if (spool == NULL)
        return -1;
    struct backup_options options = {.objects = &run->session.objects,
                                     .sources = run->sources,
                                     .source_count = run->source_count,
                                     .parent = run->parent != NULL ? &run->parent->root : NULL,
                                     .threads = config->threads,
                                     .level = (int)config->compression,
                                     .pack_size = (size_t)config->pack_mib << 20,
                                     .verify_writes = config->verify_writes && !run->options->no_verify_writes,
                                     .dry_run = run->options->dry_run,
                                     .spool_folder = spool,
                                     .spool_limit = UINT64_C(4) << 30,
                                     .cancel = &run->hikae->cancel,
                                     .counters = &run->counters,
                                     .warn = problems_note,
                                     .warn_context = &run->problems};
    struct ticker *ticker = ticker_start(run->hikae, read_progress, run);
    int rc = backup_run(&options, &run->outcome, err);
    ticker_stop(ticker);
    return rc;
}

/* ---- Result ---- */

static int fill_targets(const struct backup_operation *run, struct hikae_backup_result *ret, struct error *err)
{
    size_t count = run->hikae->target_count;
    ret->targets = mem_calloc(count, sizeof(struct hikae_target_state));
    if (ret->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct run_target *t = &run->hikae->targets[i];
        const struct error *why = &run->outcome.target_errors[i];
        bool complete = (run->counting >> i & 1) != 0;
        struct hikae_target_state state = {.name = mem_strdup(t->name),
                                           .state = mem_strdup(complete ? "complete"
                                                               : t->up  ? "behind"
                                                                        : "unreachable")};
        if (!complete)
            state.why =
                mem_strdup(!t->up                     ? t->why.what
                           : why->class != ERROR_NONE ? why->what
                                                      : "it lacks objects of older runs: run `hikae replicate`");
        /* One that is not whole is not in the result: others read it after a failure, too. */
        if (state.name == NULL || state.state == NULL) {
            mem_free(state.name);
            mem_free(state.state);
            mem_free(state.why);
            return error_no_memory(err);
        }
        ret->targets[ret->target_count++] = state;
        if (!complete && t->up && !run->options->dry_run)
            engine_warn(run->hikae, "target %s is behind: %s", t->name, state.why != NULL ? state.why : "");
    }
    return 0;
}

static void fill_counters(struct backup_operation *run, struct hikae_backup_result *ret)
{
    const struct backup_counters *c = &run->counters;
    ret->entries = atomic_load(&c->entries);
    ret->files_new = atomic_load(&c->files_new);
    ret->files_changed = atomic_load(&c->files_changed);
    ret->files_unchanged = atomic_load(&c->files_unchanged);
    ret->bytes_source = atomic_load(&c->bytes_source);
    ret->bytes_read = atomic_load(&c->bytes_read);
    ret->bytes_new = atomic_load(&c->bytes_new);
    ret->bytes_stored = atomic_load(&c->bytes_stored);
    ret->bytes_metadata = atomic_load(&c->bytes_metadata);
    ret->objects_stored = atomic_load(&c->objects_stored);
    problems_take(&run->problems, &ret->errors, &ret->error_count, &ret->errors_total);
}

static int attempt(struct backup_operation *run, const char *tenant, struct hikae_backup_result *ret, struct error *err)
{
    run->started_ns = clock_now_ns();
    if (session_open(run->hikae, tenant, SESSION_LOCK | SESSION_SYNC, &run->session, err) != 0)
        return -1;
    int rc = check_tenant(run, err);
    if (rc == 0)
        rc = policies_check_residency(run->hikae, run->session.chain.history.tenant.policy, err);
    if (rc == 0 && run->sources == NULL)
        rc = take_sources(run, err);
    if (rc == 0)
        rc = choose_parent(run, err);
    if (rc == 0)
        rc = run_pipeline(run, err);
    if (rc == 0 && !run->options->dry_run)
        rc = backup_commit(run, ret, err);
    if (rc == 0)
        rc = fill_targets(run, ret, err);
    backup_outcome_clear(&run->outcome);
    mem_free(run->parts);
    run->parts = NULL;
    run->part_count = 0;
    session_close(&run->session);
    return rc;
}

/* What was seen and stored in vain counts for nothing: the second attempt sees it all again. */
static void forget_counts(struct backup_operation *run)
{
    struct hikae_entry_error *errors;
    size_t count;
    uint64_t total;
    problems_take(&run->problems, &errors, &count, &total);
    entry_errors_free(errors, count);
    problems_init(&run->problems, run->hikae);
    run->counters = (struct backup_counters){0};
    run->parent = NULL;
    run->outdated = false;
}

static int do_backup(struct backup_operation *run, const char *tenant, struct hikae_backup_result *ret,
                     struct error *err)
{
    int64_t began = clock_monotonic_ns();
    bool own_sources = run->sources == NULL;
    int rc = attempt(run, tenant, ret, err);
    if (rc != 0 && run->outdated && own_sources) {
        engine_warn(run->hikae, "%s: it begins again, and stores what is no longer there", err->what);
        mem_free(run->sources); /* they stand in the history that was closed */
        run->sources = NULL;
        forget_counts(run);
        rc = attempt(run, tenant, ret, err);
    }
    fill_counters(run, ret);
    ret->duration_ns = clock_monotonic_ns() - began;
    return rc;
}

/* The targets that hold all of the snapshot: evidence asks for them when the snapshot is long gone. */
static void record_targets(struct engine_audit *audit, const struct hikae_backup_result *ret)
{
    CLEANUP(buf_free) struct buf names = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ret->target_count; i++) {
        const struct hikae_target_state *target = &ret->targets[i];
        if (strcmp(target->state, "complete") != 0)
            continue;
        if (names.size > 0)
            rc = buf_u8(&names, ' ', NULL);
        if (rc == 0)
            rc = buf_append(&names, target->name, strlen(target->name), NULL);
    }
    if (rc == 0)
        rc = buf_u8(&names, '\0', NULL);
    if (rc != 0)
        audit->failed = true;
    else
        engine_audit_detail(audit, "targets", (const char *)names.data);
}

static void record(struct engine_audit *audit, const struct hikae_backup_options *options,
                   const struct hikae_backup_result *ret)
{
    engine_audit_count(audit, "on_demand", options->on_demand || options->keep_ns > 0 || options->keep_until_ns != 0);
    engine_audit_detail(audit, "snapshot", ret->snapshot);
    engine_audit_count(audit, "committed_ns", (uint64_t)ret->time_ns);
    record_targets(audit, ret);
    engine_audit_count(audit, "entries", ret->entries);
    engine_audit_count(audit, "bytes", ret->bytes_source);
    engine_audit_count(audit, "bytes_stored", ret->bytes_stored);
    engine_audit_count(audit, "errors", ret->errors_total);
}

static enum hikae_status finish(struct backup_operation *run, enum engine_operation operation, const char *tenant,
                                struct hikae_backup_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_backup_result){0};
    problems_init(&run->problems, run->hikae);
    int rc = engine_audit_begin(run->hikae, operation, tenant, run->options->dry_run, &audit, &err);
    if (rc == 0)
        rc = do_backup(run, tenant, ret, &err);
    mem_free(run->sources);
    record(&audit, run->options, ret);
    bool warnings = ret->errors_total > 0;
    for (size_t i = 0; rc == 0 && i < ret->target_count && !run->options->dry_run; i++)
        warnings = warnings || strcmp(ret->targets[i].state, "complete") != 0;
    if (rc != 0) {
        if (err.class == ERROR_INTERRUPTED && err.hint[0] == '\0')
            (void)error_hint(&err, "no snapshot was made; what was stored is kept, and the next backup builds on it");
        (void)error_wrap(&err, operation == OPERATION_IMPORT ? "import into %s" : "back up %s", tenant);
        hikae_backup_result_free(ret);
    }
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}

enum hikae_status hikae_backup(struct hikae *hikae, const char *tenant, const struct hikae_backup_options *options,
                               struct hikae_backup_result *ret, struct hikae_error *error)
{
    struct backup_operation run = {.hikae = hikae, .options = options};
    if (history_is_aside(true, options->tag)) {
        struct error err = {0};
        *ret = (struct hikae_backup_result){0};
        (void)error_set(&err, ERROR_USAGE, "the tag %.60s is one of what is kept beside the backups", options->tag);
        (void)error_hint(&err, "`hikae log ingest` and `hikae contract survivors` make those; choose another tag");
        return api_result(-1, false, &err, error);
    }
    return finish(&run, OPERATION_BACKUP, tenant, ret, error);
}

/* What cannot be an archive is told of before anything is asked of a target. */
static int check_archive(const char *path, struct error *err)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &st) != 0)
        return error_set_errno(err, errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND : ERROR_SOURCE, errno,
                               "open the archive %s", path);
    if (!S_ISDIR(st.st_mode))
        return 0;
    (void)error_set(err, ERROR_USAGE, "%s is a folder, and no archive", path);
    return error_hint(err,
                      "a folder is a source: `hikae tenant add` and `hikae tenant set` take --source NAME=dir:PATH");
}

enum hikae_status hikae_import(struct hikae *hikae, const char *tenant, const char *path, const char *name,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error)
{
    struct error err = {0};
    struct backup_operation run = {.hikae = hikae, .options = options, .source_count = 1};
    *ret = (struct hikae_backup_result){0};
    if (check_archive(path, &err) != 0)
        return api_result(error_wrap(&err, "import into %s", tenant), false, &err, error);
    run.sources = mem_calloc(1, sizeof(struct backup_source));
    if (run.sources == NULL)
        return api_result(error_no_memory(&err), false, &err, error);
    run.sources[0] = (struct backup_source){.name = name, .kind = SOURCE_ARCHIVE, .path = path};
    return finish(&run, OPERATION_IMPORT, tenant, ret, error);
}

enum hikae_status backup_files(struct hikae *hikae, const char *tenant, const struct backup_source *files, size_t count,
                               const struct hikae_backup_options *options, struct hikae_backup_result *ret,
                               struct hikae_error *error)
{
    struct error err = {0};
    struct backup_operation run = {.hikae = hikae, .options = options, .source_count = count};
    run.sources = mem_dup(files, count * sizeof(*files));
    if (run.sources == NULL)
        return api_result(error_no_memory(&err), false, &err, error);
    return finish(&run, OPERATION_IMPORT, tenant, ret, error);
}

void hikae_backup_result_free(struct hikae_backup_result *result)
{
    mem_free(result->snapshot);
    for (size_t i = 0; i < result->target_count; i++) {
        mem_free(result->targets[i].name);
        mem_free(result->targets[i].state);
        mem_free(result->targets[i].why);
    }
    mem_free(result->targets);
    entry_errors_free(result->errors, result->error_count);
    *result = (struct hikae_backup_result){0};
}
