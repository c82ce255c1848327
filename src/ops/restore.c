/* A restore: one snapshot, or some paths of it, to a folder. */
#include "pipeline/restore.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/erasure.h"
#include "ops/restore.h"

struct run {
    struct hikae *hikae;
    const struct hikae_restore_options *options;
    struct session session;
    struct restore_counters counters;
    struct problems problems;
    char *approvers;                             /* who said yes */
    uint64_t fetched_before[ENGINE_TARGETS_MAX]; /* by this handle, for other operations */
    struct erasure_list erased;
};

static uint64_t fetched(const struct run *run, size_t target)
{
    return atomic_load(&run->hikae->targets[target].bytes_fetched) - run->fetched_before[target];
}

static void read_progress(struct hikae_progress *progress, void *context)
{
    const struct run *run = context;
    progress->phase = HIKAE_PHASE_TRANSFER;
    progress->entries_done = atomic_load(&run->counters.entries);
    progress->entries_total = atomic_load(&run->counters.entries_total);
    progress->bytes_done = atomic_load(&run->counters.bytes);
    progress->bytes_total = atomic_load(&run->counters.bytes_total);
    for (size_t i = 0; i < run->hikae->target_count; i++)
        progress->bytes_stored += fetched(run, i);
}

int restore_from_target(struct hikae *hikae, const char *name, struct error *err)
{
    bool found = false;
    if (name == NULL)
        return 0;
    if (engine_targets(hikae, err) != 0)
        return -1;
    for (size_t i = 0; i < hikae->target_count; i++) {
        struct run_target *t = &hikae->targets[i];
        if (strcmp(t->name, name) == 0) {
            found = true;
            if (!t->up) {
                *err = t->why;
                return error_wrap(err, "target %s cannot be used", name);
            }
        }
    }
    if (!found) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no target '%s' in %s", name, hikae->config->path);
        return error_hint(err, "`hikae target list` shows the targets");
    }
    for (size_t i = 0; i < hikae->target_count; i++)
        if (strcmp(hikae->targets[i].name, name) != 0) {
            hikae->targets[i].excluded = true;
            hikae->targets[i].up = false;
        }
    return 0;
}

static int fill(struct run *run, const char *snapshot, struct hikae_restore_result *ret, struct error *err)
{
    struct hikae *hikae = run->hikae;
    ret->snapshot = mem_strdup(snapshot);
    ret->entries = atomic_load(&run->counters.entries);
    ret->bytes = atomic_load(&run->counters.bytes);
    ret->bytes_to_fetch = atomic_load(&run->counters.bytes_to_fetch);
    ret->omitted = atomic_load(&run->counters.omitted);
    ret->verified = atomic_load(&run->counters.blobs);
    ret->repaired = atomic_load(&run->session.objects.repaired);
    ret->from = mem_calloc(hikae->target_count, sizeof(struct hikae_fetched));
    if (ret->snapshot == NULL || ret->from == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < hikae->target_count; i++) {
        uint64_t bytes = fetched(run, i);
        if (bytes == 0)
            continue;
        ret->from[ret->from_count].target = mem_strdup(hikae->targets[i].name);
        ret->from[ret->from_count].bytes = bytes;
        ret->bytes_fetched += bytes;
        if (ret->from[ret->from_count++].target == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int write_files(struct run *run, const struct history_snapshot *snapshot, struct error *err)
{
    const struct hikae_restore_options *from = run->options;
    CLEANUP(cleanup_selection_free) struct selection *paths = NULL;
    if (selection_new(from->paths, from->path_count, from->literal ? SELECTION_PATHS : SELECTION_PATTERNS, &paths,
                      err) != 0)
        return -1;
    struct restore_options options = {.objects = &run->session.objects,
                                      .root = &snapshot->root,
                                      .to = from->to,
                                      .paths = paths,
                                      .omit = run->erased.selection,
                                      .overwrite = from->overwrite || from->delta,
                                      .delta = from->delta,
                                      .no_owner = from->no_owner,
                                      .dry_run = from->dry_run,
                                      .threads = run->hikae->config->threads,
                                      .cancel = &run->hikae->cancel,
                                      .counters = &run->counters,
                                      .warn = problems_note,
                                      .warn_context = &run->problems};
    struct ticker *ticker = ticker_start(run->hikae, read_progress, run);
    int rc = restore_run(&options, err);
    ticker_stop(ticker);
    return rc;
}

static int restore(struct run *run, const char *tenant, struct hikae_restore_result *ret, struct error *err)
{
    const struct hikae_restore_options *from = run->options;
    const struct history_snapshot *snapshot = NULL;
    bool recorded = false;
    if (from->to == NULL || from->to[0] == '\0')
        return error_set(err, ERROR_USAGE, "a restore needs a folder to restore to");
    if (restore_from_target(run->hikae, from->target, err) != 0 ||
        session_open(run->hikae, tenant, SESSION_INDEX, &run->session, err) != 0)
        return -1;
    for (size_t i = 0; i < run->hikae->target_count; i++)
        run->fetched_before[i] = atomic_load(&run->hikae->targets[i].bytes_fetched);
    int rc = session_snapshot(&run->session, &from->which, &snapshot, err);
    const struct restore_ask ask = {.options = from,
                                    .tenant = tenant,
                                    .snapshot = rc == 0 ? snapshot->name : NULL,
                                    .is_latest = rc == 0 && snapshot == history_latest(&run->session.chain.history)};
    if (rc == 0)
        rc = restore_rule_check(&run->session, &ask, &recorded, &run->approvers, err);
    if (rc == 0)
        rc = erasure_load(&run->session, &run->erased, err);
    if (rc == 0)
        rc = session_sync(&run->session, snapshot, err);
    /* A copy is on record before it exists, so that none is out there unknown; what came of it does not matter then. */
    if (rc == 0 && recorded && !from->dry_run)
        rc = restore_copy_record(&run->session, &ask, run->approvers, &snapshot->root, &ret->copy, err);
    if (rc == 0)
        rc = write_files(run, snapshot, err);
    if (rc == 0)
        rc = fill(run, snapshot->name, ret, err);
    erasure_clear(&run->erased);
    session_close(&run->session);
    return rc;
}

static void record(struct engine_audit *audit, const struct hikae_restore_options *options,
                   const struct hikae_restore_result *ret)
{
    engine_audit_detail(audit, "snapshot", ret->snapshot);
    engine_audit_detail(audit, "reason", options->reason);
    engine_audit_detail(audit, "ticket", options->ticket);
    engine_audit_detail(audit, "requester", options->requester);
    engine_audit_detail(audit, "destination", restore_destination_name(options->destination));
    engine_audit_detail(audit, "copy", ret->copy);
    engine_audit_count(audit, "on_request", options->on_request);
    engine_audit_count(audit, "entries", ret->entries);
    engine_audit_count(audit, "bytes", ret->bytes);
    engine_audit_count(audit, "errors", ret->errors_total);
    engine_audit_count(audit, "left_out", ret->omitted);
}

/* Data that is missing is no warning, and all else is in place. */
static int judge(const struct problems *problems, const char *tenant, struct error *err)
{
    if (problems->damaged > 0) {
        (void)error_set(err, ERROR_DAMAGED, "%llu entries are not whole: their data is sound on no target at hand",
                        (unsigned long long)problems->damaged);
        return error_hint(err,
                          "All else is in place; a file that came in part has zeros for the rest. Another snapshot may "
                          "have them whole: `hikae snapshots %s`",
                          tenant);
    }
    if (problems->unknown > 0) {
        (void)error_set(err, ERROR_UNREACHABLE, "%llu entries are not whole: targets that may have their data failed",
                        (unsigned long long)problems->unknown);
        return error_hint(err, "All else is in place. Once the targets answer, the same command with --overwrite "
                               "--delta fetches what is missing.");
    }
    return 0;
}

enum hikae_status hikae_restore(struct hikae *hikae, const char *tenant, const struct hikae_restore_options *options,
                                struct hikae_restore_result *ret, struct hikae_error *error)
{
    struct run run = {.hikae = hikae, .options = options};
    struct error err = {0};
    struct engine_audit audit;
    int64_t began = clock_monotonic_ns();
    *ret = (struct hikae_restore_result){0};
    if (engine_audit_begin(hikae, OPERATION_RESTORE, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    problems_init(&run.problems, hikae);
    int rc = restore(&run, tenant, ret, &err);
    problems_take(&run.problems, &ret->errors, &ret->error_count, &ret->errors_total);
    ret->duration_ns = clock_monotonic_ns() - began;
    bool warnings = ret->errors_total > 0;
    uint64_t missing = run.problems.damaged + run.problems.unknown;
    ret->entries -= missing < ret->entries ? missing : ret->entries;
    record(&audit, options, ret);
    if (run.approvers != NULL && run.approvers[0] != '\0')
        engine_audit_operator(&audit, run.approvers);
    mem_free(run.approvers);
    if (rc != 0)
        hikae_restore_result_free(ret);
    else
        rc = judge(&run.problems, tenant, &err);
    if (rc != 0)
        (void)error_wrap(&err, "restore %s", tenant);
    return engine_audit_end(&audit, api_result(rc, warnings, &err, error));
}

void hikae_restore_result_free(struct hikae_restore_result *result)
{
    mem_free(result->snapshot);
    mem_free(result->copy);
    for (size_t i = 0; i < result->from_count; i++)
        mem_free(result->from[i].target);
    mem_free(result->from);
    entry_errors_free(result->errors, result->error_count);
    *result = (struct hikae_restore_result){0};
}
