/* restore, recover. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

/* The members of one restore, in `object` (NULL: of the answer itself). */
static void json_restore(struct run *run, json_t *object, const struct hikae_restore_result *result, bool dry_run)
{
    struct out *out = &run->out;
    out_text(out, object, "snapshot", result->snapshot);
    out_number(out, object, "entries", result->entries);
    out_number(out, object, "bytes", result->bytes);
    out_number(out, object, "bytes_fetched", result->bytes_fetched);
    if (dry_run)
        out_number(out, object, "bytes_to_fetch", result->bytes_to_fetch);
    out_seconds(out, object, "duration_s", result->duration_ns);
    json_t *array = out_array(out, object, "from");
    for (size_t i = 0; i < result->from_count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "target", result->from[i].target);
        out_number(out, item, "bytes", result->from[i].bytes);
    }
    out_number(out, object, "repaired", result->repaired);
    out_number(out, object, "verified", result->verified);
    out_number(out, object, "left_out", result->omitted);
    out_text(out, object, "copy", result->copy);
    report_json_errors(run, object, result->errors, result->error_count, result->errors_total);
}

static char *names_of_targets(const struct hikae_restore_result *result)
{
    char *all = mem_strdup(result->from_count == 0 ? "-" : "");
    for (size_t i = 0; i < result->from_count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? ", " : "", result->from[i].target);
        mem_free(all);
        all = longer;
    }
    return all;
}

static void say_restore(struct run *run, const struct hikae_restore_result *result, const char *to, bool dry_run)
{
    char entries[TEXT_SMALL], size[TEXT_SMALL], fetched[TEXT_SMALL], took[TEXT_SMALL], number[TEXT_SMALL];
    const char *snapshot = result->snapshot != NULL ? result->snapshot : "-";
    char CLEANUP_FREE *from = names_of_targets(result);
    (void)text_count(result->entries, entries);
    (void)text_size(result->bytes, size);
    if (result->repaired > 0)
        run_say(run, MSG_REPAIRED, text_count(result->repaired, number));
    if (result->omitted > 0)
        run_say(run, MSG_ERASED_LEFT_OUT, text_count(result->omitted, number));
    if (result->errors_total > 0)
        run_say(run, MSG_RESTORE_ERRORS, text_count(result->errors_total, number));
    if (dry_run)
        run_say(run, MSG_RESTORE_PLAN, entries, size, snapshot, to, text_size(result->bytes_to_fetch, fetched));
    else
        run_say(run, MSG_RESTORED, entries, size, snapshot, to, text_size(result->bytes_fetched, fetched),
                from != NULL ? from : "-", text_duration(result->duration_ns, took));
}

static enum hikae_status restore_one(struct run *run, const struct hikae_restore_options *options)
{
    struct hikae_restore_result result = {0};
    enum hikae_status status = hikae_restore(run->hikae, run->args[0], options, &result, &run->error);
    if (result.snapshot == NULL)
        return status;
    report_warn_errors(run, result.errors, result.error_count, result.errors_total);
    if (run->out.json) {
        json_restore(run, NULL, &result, options->dry_run);
        out_bool(&run->out, NULL, "dry_run", options->dry_run);
    }
    say_restore(run, &result, options->to, options->dry_run);
    if (result.copy != NULL)
        run_say(run, MSG_COPY_HANDED, result.copy);
    hikae_restore_result_free(&result);
    return status;
}

static void json_all(struct run *run, const struct hikae_restore_all *all, bool dry_run)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "tenants");
    for (size_t i = 0; i < all->count; i++) {
        const struct hikae_restored_tenant *one = &all->tenants[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "name", one->tenant);
        out_number(out, item, "priority", one->priority);
        out_text(out, item, "state", one->state);
        out_number(out, item, "exit", one->error.status);
        if (one->restored.snapshot != NULL)
            json_restore(run, item, &one->restored, dry_run);
        if (one->error.status > HIKAE_WARNINGS)
            out_text(out, item, "why", one->error.message);
    }
    out_seconds(out, NULL, "duration_s", all->duration_ns);
    out_bool(out, NULL, "dry_run", dry_run);
}

static void print_all(struct run *run, const struct hikae_restore_all *all)
{
    static const char *const heads[] = {"TENANT", "STATE", ">ENTRIES", ">SIZE", "SNAPSHOT", ">TOOK", "WHY", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < all->count; i++) {
        const struct hikae_restored_tenant *one = &all->tenants[i];
        bool done = one->restored.snapshot != NULL, failed = one->error.status > HIKAE_WARNINGS;
        columns_add(&columns, one->tenant);
        columns_add_colour(&columns, one->state, failed ? COLOUR_RED : done ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, done ? text_count(one->restored.entries, text) : NULL);
        columns_add(&columns, done ? text_size(one->restored.bytes, text) : NULL);
        columns_add(&columns, one->restored.snapshot);
        columns_add(&columns, done ? text_duration(one->restored.duration_ns, text) : NULL);
        columns_add(&columns, failed ? one->error.message : NULL);
    }
    run_table(run, &columns);
}

static enum hikae_status restore_all(struct run *run, const struct hikae_restore_options *options)
{
    struct hikae_restore_all all = {0};
    size_t done = 0;
    char restored[TEXT_SMALL], of[TEXT_SMALL];
    if (run->arg_count > 0 || options->which.snapshot != NULL)
        return run_usage(run, "restore --all takes every tenant, and no TENANT, PATH or --snapshot");
    enum hikae_status status = hikae_restore_all(run->hikae, options, &all, &run->error);
    for (size_t i = 0; i < all.count; i++) {
        const struct hikae_restore_result *one = &all.tenants[i].restored;
        done += strcmp(all.tenants[i].state, "done") == 0;
        report_warn_errors(run, one->errors, one->error_count, one->errors_total);
    }
    if (run->out.json)
        json_all(run, &all, options->dry_run);
    else if (all.count > 0)
        print_all(run, &all);
    (void)text_count(done, restored);
    (void)text_count(all.count, of);
    if (status <= HIKAE_WARNINGS || all.count > 0)
        run_say(run, options->dry_run ? MSG_RESTORE_ALL_PLAN : MSG_RESTORE_ALL, restored, of, options->to);
    hikae_restore_all_free(&all);
    return status;
}

enum hikae_status command_restore(struct run *run)
{
    size_t approver_count;
    const char **approvers CLEANUP_FREE = run_all(run, "approver", &approver_count);
    const char *destination = run_option(run, "destination"), *keep = run_option(run, "keep-copy");
    if (approvers == NULL)
        return run->error.status;
    struct hikae_restore_options options = {
        .to = run_option(run, "to"),
        .paths = run->args + (run->arg_count > 0),
        .path_count = run->arg_count - (run->arg_count > 0),
        .target = run_option(run, "target"),
        .overwrite = run_has(run, "overwrite"),
        .delta = run_has(run, "delta"),
        .no_owner = run_has(run, "no-owner"),
        .dry_run = run_has(run, DRY_RUN),
        .reason = run_option(run, "reason"),
        .ticket = run_option(run, "ticket"),
        .destination =
            destination != NULL && strcmp(destination, "staging") == 0 ? HIKAE_TO_STAGING : HIKAE_TO_PRODUCTION,
        .on_request = run_has(run, "on-request"),
        .requester = run_option(run, "requester"),
        .approvers = approvers,
        .approver_count = approver_count,
    };
    enum hikae_status status = value_which(run, &options.which);
    if (status == HIKAE_OK && keep != NULL)
        status = value_duration(run, "keep-copy", keep, &options.keep_ns);
    if (status != HIKAE_OK)
        return status;
    if (run_has(run, "all"))
        return restore_all(run, &options);
    if (run->arg_count == 0)
        return run_usage(run, "restore needs TENANT, or --all");
    return restore_one(run, &options);
}

static void show_recover(struct run *run, const struct hikae_recover_result *result, bool dry_run)
{
    struct out *out = &run->out;
    char tenants[TEXT_SMALL], snapshots[TEXT_SMALL], copies[TEXT_SMALL];
    if (out->json) {
        out_text(out, NULL, "config", result->config);
        out_text(out, NULL, "store", result->store);
        out_number(out, NULL, "tenants", result->tenants);
        out_number(out, NULL, "snapshots", result->snapshots);
        out_number(out, NULL, "holds", result->holds);
        out_number(out, NULL, "facts", result->facts);
        out_text(out, NULL, "head", result->head);
        out_text(out, NULL, "freshness", result->freshness);
        out_bool(out, NULL, "freshness_proven", result->freshness_proven);
        out_number(out, NULL, "min_copies", result->min_copies);
        out_bool(out, NULL, "copies_promised", result->copies_promised);
        out_bool(out, NULL, "dry_run", dry_run);
        return;
    }
    const char *store = result->store != NULL ? result->store : "-";
    (void)text_count(result->tenants, tenants);
    (void)text_count(result->snapshots, snapshots);
    if (result->freshness != NULL && !run->quiet) {
        char CLEANUP_FREE *line = text_escape(result->freshness, false);
        if (line == NULL || out_puts(out, line) != 0 || out_puts(out, "\n") != 0)
            out->no_memory = line == NULL;
    }
    run_say(run, result->copies_promised ? MSG_RECOVER_COPIES : MSG_RECOVER_ONE_COPY,
            text_count(result->min_copies, copies), result->config != NULL ? result->config : "-");
    if (dry_run)
        run_say(run, MSG_RECOVER_PLAN, store, tenants, snapshots);
    else
        run_say(run, MSG_RECOVERED, store, tenants, snapshots, result->config != NULL ? result->config : "-");
}

enum hikae_status command_recover(struct run *run)
{
    size_t count;
    size_t holder_count;
    const char **targets CLEANUP_FREE = run_all(run, "target", &count);
    const char **holders CLEANUP_FREE = run_all(run, "holder", &holder_count);
    if (targets == NULL || holders == NULL)
        return run->error.status;
    const char *dir = run_option(run, "dir");
    struct hikae_recover_options options = {
        .dir = dir != NULL ? dir : "/etc/hikae",
        .targets = targets,
        .target_count = count,
        .key_file = run_option(run, "key-file"),
        .passphrase_file = run_option(run, "passphrase-file"),
        .sheet_file = run_option(run, "sheet"),
        .holders = holders,
        .holder_count = holder_count,
        .dry_run = run_has(run, DRY_RUN),
    };
    int openers = (options.key_file != NULL) + (options.passphrase_file != NULL) + (options.sheet_file != NULL);
    if (openers != 1 && holder_count == 0)
        return run_usage(run, "recover needs exactly one of --key-file, --sheet and --passphrase-file, or --holder");
    struct hikae_recover_result result = {0};
    enum hikae_status status = hikae_recover(&options, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (!options.dry_run)
        run_note_clock(run, result.config);
    show_recover(run, &result, options.dry_run);
    hikae_recover_result_free(&result);
    return status;
}
