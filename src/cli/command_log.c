/* log ingest, list, export. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static void json_log(struct out *out, json_t *array, const struct hikae_log *log)
{
    json_t *item = out_item(out, array);
    if (item == NULL)
        return;
    out_text(out, item, "tenant", log->tenant);
    out_text(out, item, "policy", log->policy);
    out_text(out, item, "class", log->class_name);
    out_text(out, item, "source", log->source);
    out_text(out, item, "period", log->period);
    out_text(out, item, "state", log->state);
    out_text(out, item, "snapshot", log->snapshot);
    out_text(out, item, "format", log->format);
    out_time(out, item, "due", log->due_ns);
    out_time(out, item, "taken", log->taken_ns);
    out_time(out, item, "first", log->first_ns);
    out_time(out, item, "keep_until", log->keep_until_ns);
    out_bool(out, item, "late", log->late);
    out_number(out, item, "lines", log->lines);
    out_number(out, item, "bytes", log->bytes);
    out_time(out, item, "earliest", log->earliest_ns);
    out_time(out, item, "latest", log->latest_ns);
    json_t *files = out_array(out, item, "files");
    for (size_t i = 0; i < log->file_count; i++) {
        json_t *file = out_item(out, files);
        if (file == NULL)
            return;
        out_text(out, file, "name", log->files[i].name);
        out_text(out, file, "sha256", log->files[i].sha256);
        out_number(out, file, "bytes", log->files[i].bytes);
        out_number(out, file, "lines", log->files[i].lines);
    }
}

static enum colour colour_of(const char *state)
{
    if (strcmp(state, "kept") == 0)
        return COLOUR_GREEN;
    return strcmp(state, "missing") == 0 || strcmp(state, "lost") == 0 ? COLOUR_RED : COLOUR_NONE;
}

static void show(struct run *run, const struct hikae_logs *logs)
{
    static const char *const heads[] = {"CLASS", "SOURCE", "PERIOD",   "STATE",  "DUE", "TAKEN",
                                        "UNTIL", ">LINES", "SNAPSHOT", "TENANT", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "logs") : NULL;
    for (size_t i = 0; i < logs->count; i++) {
        const struct hikae_log *log = &logs->logs[i];
        if (run->out.json) {
            json_log(&run->out, array, log);
            continue;
        }
        columns_add(&columns, log->class_name);
        columns_add(&columns, log->source);
        columns_add(&columns, log->period);
        columns_add_colour(&columns, log->late ? "late" : log->state,
                           log->late ? COLOUR_YELLOW : colour_of(log->state));
        columns_add(&columns, log->due_ns != 0 ? text_time(log->due_ns, text) : NULL);
        columns_add(&columns, log->taken_ns != 0 ? text_time(log->taken_ns, text) : NULL);
        columns_add(&columns, log->keep_until_ns != 0 ? text_time(log->keep_until_ns, text) : NULL);
        columns_add(&columns, text_count(log->lines, text));
        columns_add(&columns, log->snapshot);
        columns_add(&columns, log->tenant);
    }
    if (!run->out.json)
        run_table(run, &columns);
    if (logs->count == 0)
        run_say(run, MSG_LOGS_NONE, NULL);
}

enum hikae_status command_log_ingest(struct run *run)
{
    const struct hikae_log_ingest_options options = {.tenant = run_option(run, "tenant"),
                                                     .class_name = run_option(run, "class"),
                                                     .source = run_option(run, "source"),
                                                     .period = run_option(run, "period"),
                                                     .files = run->args,
                                                     .file_count = run->arg_count,
                                                     .time_column = run_option(run, "time-column"),
                                                     .again = run_option(run, "again"),
                                                     .dry_run = run_has(run, DRY_RUN)};
    struct hikae_logs logs = {0};
    enum hikae_status status = hikae_log_ingest(run->hikae, &options, &logs, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show(run, &logs);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    hikae_logs_free(&logs);
    return status;
}

enum hikae_status command_log_list(struct run *run)
{
    struct hikae_logs logs = {0};
    enum hikae_status status =
        hikae_log_list(run->hikae, run_option(run, "tenant"), run_option(run, "class"), &logs, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show(run, &logs);
    hikae_logs_free(&logs);
    return status;
}

static int on_bytes(const void *bytes, size_t size, void *context)
{
    return buf_append(context, bytes, size, NULL);
}

static int on_stdout(const void *bytes, size_t size, void *context)
{
    return out_bytes(context, bytes, size);
}

enum hikae_status command_log_export(struct run *run)
{
    const struct hikae_log_export_options options = {.tenant = run_option(run, "tenant"),
                                                     .class_name = run_option(run, "class"),
                                                     .source = run_option(run, "source"),
                                                     .period = run_option(run, "period"),
                                                     .zone = run_option(run, "tz"),
                                                     .format = run_option(run, "format"),
                                                     .time_column = run_option(run, "time-column")};
    struct hikae_log_export_result result;
    CLEANUP(buf_free) struct buf bytes = {0};
    struct error err = {0};
    const char *output = run_output(run, "output");
    char lines[TEXT_SMALL], converted[TEXT_SMALL], left[TEXT_SMALL];
    bool to_stdout = output == NULL;
    if (to_stdout && run->out.json)
        return run_usage(run, "log export writes to standard output: --json needs -o FILE");
    enum hikae_status status = to_stdout
                                   ? hikae_log_export(run->hikae, &options, on_stdout, &run->out, &result, &run->error)
                                   : hikae_log_export(run->hikae, &options, on_bytes, &bytes, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (!to_stdout && file_create_durable(output, bytes.data, bytes.size, 0600, &err) != 0)
        return run_base(run, &err);
    if (run->out.json) {
        out_text(&run->out, NULL, "file", output);
        out_number(&run->out, NULL, "files", result.files);
        out_number(&run->out, NULL, "lines", result.lines);
        out_number(&run->out, NULL, "bytes", result.bytes);
        out_number(&run->out, NULL, "converted", result.converted);
        out_number(&run->out, NULL, "left", result.left);
        out_text(&run->out, NULL, "sha256", result.sha256);
    }
    run_tell(run, MSG_LOG_EXPORTED, text_count(result.lines, lines), text_count(result.converted, converted),
             text_count(result.left, left), result.sha256);
    return status;
}
