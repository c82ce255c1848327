/* backup, import, replicate. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

static void json_backup(struct run *run, const struct hikae_backup_result *result, bool dry_run)
{
    struct out *out = &run->out;
    out_text(out, NULL, "snapshot", result->snapshot);
    out_number(out, NULL, "entries", result->entries);
    out_number(out, NULL, "files_new", result->files_new);
    out_number(out, NULL, "files_changed", result->files_changed);
    out_number(out, NULL, "files_unchanged", result->files_unchanged);
    out_number(out, NULL, "bytes_source", result->bytes_source);
    out_number(out, NULL, "bytes_read", result->bytes_read);
    out_number(out, NULL, "bytes_new", result->bytes_new);
    out_number(out, NULL, "bytes_stored", result->bytes_stored);
    out_number(out, NULL, "bytes_metadata", result->bytes_metadata);
    out_number(out, NULL, "objects_stored", result->objects_stored);
    out_seconds(out, NULL, "duration_s", result->duration_ns);
    report_json_states(run, "targets", result->targets, result->target_count);
    report_json_errors(run, NULL, result->errors, result->error_count, result->errors_total);
    out_bool(out, NULL, "dry_run", dry_run);
}

static void print_figures(struct run *run, const struct hikae_backup_result *result)
{
    static const char *const heads[] = {"", ">FILES", ">BYTES", "", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    const struct {
        const char *name;
        uint64_t files;
        uint64_t bytes;
        const char *about;
    } rows[] = {
        {"new", result->files_new, UINT64_MAX, ""},
        {"changed", result->files_changed, UINT64_MAX, ""},
        {"unchanged", result->files_unchanged, UINT64_MAX, "not opened"},
        {"read", UINT64_MAX, result->bytes_read, "from the source"},
        {"new data", UINT64_MAX, result->bytes_new, "not known before"},
        {"stored", UINT64_MAX, result->bytes_stored, "compressed and sealed, on each target"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        columns_add(&columns, rows[i].name);
        columns_add(&columns, rows[i].files == UINT64_MAX ? " " : text_count(rows[i].files, text));
        columns_add(&columns, rows[i].bytes == UINT64_MAX ? " " : text_size(rows[i].bytes, text));
        columns_add(&columns, rows[i].about[0] == '\0' ? " " : rows[i].about);
    }
    run_table(run, &columns);
}

static void say_backup(struct run *run, const char *tenant, const struct hikae_backup_result *result)
{
    char entries[TEXT_SMALL], size[TEXT_SMALL], fresh[TEXT_SMALL], stored[TEXT_SMALL], took[TEXT_SMALL],
        errors[TEXT_SMALL];
    char CLEANUP_FREE *complete = report_names(run, result->targets, result->target_count, "complete", false);
    char CLEANUP_FREE *behind = report_names(run, result->targets, result->target_count, NULL, true);
    if (complete == NULL || behind == NULL) {
        run->out.no_memory = true;
        return;
    }
    if (result->errors_total > 0)
        run_say(run, MSG_BACKUP_ERRORS, text_count(result->errors_total, errors));
    if (behind[0] != '\0')
        run_say(run, MSG_BACKUP_BEHIND, behind, tenant);
    run_say(run, MSG_BACKUP_DONE, result->snapshot != NULL ? result->snapshot : "-", complete,
            text_count(result->entries, entries), text_size(result->bytes_source, size),
            text_size(result->bytes_new, fresh), text_size(result->bytes_stored, stored),
            text_duration(result->duration_ns, took));
}

static void say_plan(struct run *run, const struct hikae_backup_result *result)
{
    char entries[TEXT_SMALL], size[TEXT_SMALL], fresh[TEXT_SMALL], changed[TEXT_SMALL], same[TEXT_SMALL];
    run_say(run, MSG_BACKUP_PLAN, text_count(result->entries, entries), text_size(result->bytes_source, size),
            text_count(result->files_new, fresh), text_count(result->files_changed, changed),
            text_count(result->files_unchanged, same));
}

static void show_backup(struct run *run, const struct hikae_backup_result *result, bool dry_run)
{
    report_warn_errors(run, result->errors, result->error_count, result->errors_total);
    if (run->out.json) {
        json_backup(run, result, dry_run);
    } else if (dry_run) {
        say_plan(run, result);
    } else {
        if (!run->quiet)
            print_figures(run, result);
        say_backup(run, run->args[0], result);
    }
}

static enum hikae_status read_options(struct run *run, struct hikae_backup_options *options)
{
    const char *keep = run_option(run, "keep");
    *options = (struct hikae_backup_options){
        .on_demand = true,
        .tag = run_option(run, "tag"),
        .no_verify_writes = run_has(run, "no-verify-writes"),
        .dry_run = run_has(run, DRY_RUN),
    };
    return keep == NULL ? HIKAE_OK : value_duration(run, "keep", keep, &options->keep_ns);
}

enum hikae_status command_backup(struct run *run)
{
    struct hikae_backup_options options;
    struct hikae_backup_result result = {0};
    enum hikae_status status = read_options(run, &options);
    if (status != HIKAE_OK)
        return status;
    status = hikae_backup(run->hikae, run->args[0], &options, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_backup(run, &result, options.dry_run);
    hikae_backup_result_free(&result);
    return status;
}

/* "site.tar.gz" is taken in below "site". */
static char *name_of_archive(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t size = strcspn(base, ".");
    if (size == 0 || strcmp(base, "-") == 0)
        return mem_strdup("archive");
    return mem_printf("%.*s", (int)size, base);
}

enum hikae_status command_import(struct run *run)
{
    struct hikae_backup_options options;
    struct hikae_backup_result result = {0};
    enum hikae_status status = read_options(run, &options);
    if (status != HIKAE_OK)
        return status;
    char CLEANUP_FREE *derived = name_of_archive(run->args[1]);
    if (derived == NULL)
        return run_no_memory(run);
    const char *name = run_option(run, "as");
    status = hikae_import(run->hikae, run->args[0], run->args[1], name != NULL ? name : derived, &options, &result,
                          &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_backup(run, &result, options.dry_run);
    hikae_backup_result_free(&result);
    return status;
}

enum hikae_status command_replicate(struct run *run)
{
    struct hikae_replicate_result result = {0};
    bool dry_run = run_has(run, DRY_RUN);
    const char *tenant = run->arg_count > 0 ? run->args[0] : NULL;
    enum hikae_status status =
        hikae_replicate(run->hikae, tenant, run_option(run, "to"), dry_run, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    char copied[TEXT_SMALL], size[TEXT_SMALL];
    char CLEANUP_FREE *behind = report_names(run, result.behind, result.behind_count, NULL, true);
    (void)text_count(result.copied, copied);
    (void)text_size(result.bytes, size);
    if (run->out.json) {
        out_number(&run->out, NULL, "copied", result.copied);
        out_number(&run->out, NULL, "bytes", result.bytes);
        report_json_states(run, "behind", result.behind, result.behind_count);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    } else if (dry_run) {
        run_say(run, MSG_REPLICATE_PLAN, copied, size);
    } else if (result.behind_count > 0) {
        run_say(run, MSG_REPLICATE_BEHIND, copied, size, behind != NULL ? behind : "-");
    } else {
        run_say(run, MSG_REPLICATED, copied, size);
    }
    hikae_replicate_result_free(&result);
    return status;
}
