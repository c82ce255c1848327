/* log export: what was taken in, as it is, or with its times in another zone. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/audit_read.h"
#include "ops/kept_log.h"

#include <string.h>

struct exporting {
    struct hikae *hikae;
    const struct hikae_log_export_options *options;
    hikae_write_callback *callback;
    void *context;
    struct hikae_log_export_result *ret;
    struct sha256 *hash;
    struct zone *zone; /* NULL: times stay as they are */
    enum policy_log_format from, to;
    struct log_times times;
    struct log_reader *reader; /* of the file that streams by */
    json_t *head;              /* of a CSV: its names, as an array */
    struct error *err;         /* what a callback met */
    bool failed;
};

static int write_bytes(struct exporting *e, const void *bytes, size_t size, struct error *err)
{
    if (sha256_update(e->hash, bytes, size, err) != 0)
        return -1;
    e->ret->bytes += size;
    return e->callback(bytes, size, e->context) == 0 ? 0 : error_set(err, ERROR_INTERRUPTED, "writing was stopped");
}

/* ---- Rows ---- */

/* The time of a row in the wanted zone, if there is one. */
static bool show_time(struct exporting *e, const struct bytes *cells, size_t count, char shown[ZONE_TEXT_SIZE],
                      struct error *err, bool *ret_failed)
{
    int64_t ns;
    bool has_time = log_times_look(&e->times, cells, count, &ns, err, ret_failed);
    if (*ret_failed || !has_time) {
        e->ret->left += !*ret_failed && e->times.found && e->zone != NULL;
        return false;
    }
    if (e->zone == NULL)
        return false;
    e->ret->converted++;
    (void)zone_format(e->zone, ns, shown);
    return true;
}

static int write_csv(struct exporting *e, const struct bytes *cells, size_t count, const char *shown, struct error *err)
{
    CLEANUP(buf_free) struct buf out = {0};
    for (size_t i = 0; i < count; i++) {
        bool is_time = shown != NULL && i == e->times.number;
        const void *bytes = is_time ? (const void *)shown : cells[i].data;
        if (log_write_cell(&out, bytes, is_time ? strlen(shown) : cells[i].size, i + 1 == count, err) != 0)
            return -1;
    }
    return write_bytes(e, out.data, out.size, err);
}

static int write_json(struct exporting *e, json_t *row, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    if (json_print(row, &text, err) != 0 || write_bytes(e, text, strlen(text), err) != 0)
        return -1;
    return write_bytes(e, "\n", 1, err);
}

static int keep_head(struct exporting *e, const struct bytes *cells, size_t count, struct error *err)
{
    json_decref(e->head);
    e->head = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(e->head, json_stringn((const char *)cells[i].data, cells[i].size)) != 0)
            return error_set(err, ERROR_USAGE, "the head of %s is no UTF-8: it cannot be JSON", e->reader->file);
    return 0;
}

static int write_object(struct exporting *e, const struct bytes *cells, size_t count, const char *shown,
                        struct error *err)
{
    CLEANUP_JSON json_t *row = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(e->head, i));
        json_t *value = shown != NULL && i == e->times.number
                            ? json_string(shown)
                            : json_stringn((const char *)cells[i].data, cells[i].size);
        if (name == NULL || json_object_set_new(row, name, value) != 0)
            return error_set(err, ERROR_USAGE, "%s is no UTF-8: it cannot be JSON", e->reader->file);
    }
    return write_json(e, row, err);
}

static int take_row(const struct bytes *cells, size_t count, uint64_t line, void *context, struct error *err)
{
    struct exporting *e = context;
    char text[ZONE_TEXT_SIZE];
    bool failed, is_head = e->from == POLICY_LOG_CSV && !e->times.head_seen;
    const char *shown = show_time(e, cells, count, text, err, &failed) ? text : NULL;
    (void)line;
    if (failed)
        return -1;
    e->ret->lines += !is_head;
    if (e->from == POLICY_LOG_CSV && e->to == POLICY_LOG_CSV)
        return write_csv(e, cells, count, shown, err);
    if (e->from == POLICY_LOG_CSV)
        return is_head ? keep_head(e, cells, count, err) : write_object(e, cells, count, shown, err);
    if (shown == NULL || cells[0].size == 0)
        return write_bytes(e, cells[0].data, cells[0].size, err) == 0 ? write_bytes(e, "\n", 1, err) : -1;
    CLEANUP_JSON json_t *row = NULL;
    if (json_parse(cells[0].data, cells[0].size, &row, err) != 0 ||
        json_object_set_new(row, e->times.member, json_string(shown)) != 0)
        return -1;
    return write_json(e, row, err);
}

/* ---- Files ---- */

static bool is_as_it_is(const struct exporting *e)
{
    return e->from == e->to && e->zone == NULL;
}

static int on_bytes(const void *bytes, size_t size, void *context)
{
    struct exporting *e = context;
    int rc = is_as_it_is(e) ? write_bytes(e, bytes, size, e->err) : log_reader_feed(e->reader, bytes, size, e->err);
    e->failed = rc != 0;
    return rc;
}

static int export_file(struct exporting *e, const struct hikae_log *log, const struct hikae_log_file *file,
                       struct error *err)
{
    struct log_reader reader CLEANUP(log_reader_clear) = {
        .format = e->from, .file = file->name, .work = take_row, .context = e};
    const struct hikae_which which = {.snapshot = log->snapshot};
    struct hikae_error why;
    e->reader = &reader;
    e->times = (struct log_times){.format = e->from, .column = e->options->time_column};
    e->err = err;
    e->failed = false;
    enum hikae_status status = hikae_cat(e->hikae, log->tenant, &which, file->name, on_bytes, e, &why);
    int rc = e->failed ? -1 : status > HIKAE_WARNINGS ? api_failure(&why, err) : 0;
    if (rc == 0 && !is_as_it_is(e))
        rc = log_reader_end(&reader, err);
    if (rc == 0 && is_as_it_is(e))
        e->ret->lines += file->lines;
    e->ret->files++;
    mem_free(e->times.member);
    return rc;
}

/* ---- What is wanted ---- */

static int find_log(const struct hikae_logs *logs, const struct hikae_log_export_options *options,
                    const struct hikae_log **ret, struct error *err)
{
    *ret = NULL;
    for (size_t i = 0; i < logs->count; i++) {
        const struct hikae_log *log = &logs->logs[i];
        if (strcmp(log->state, "kept") != 0 || strcmp(log->period, options->period) != 0 ||
            (options->source != NULL && strcmp(log->source, options->source) != 0))
            continue;
        if (*ret != NULL) {
            (void)error_set(err, ERROR_USAGE, "several sources have %s logs of %s: %s, %s", options->class_name,
                            options->period, (*ret)->source, log->source);
            return error_hint(err, "name one with --source, or its tenant");
        }
        *ret = log;
    }
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "no %s logs of %s are kept", options->class_name, options->period);
    return error_hint(err, "`hikae log list` shows what is");
}

static enum policy_log_format format_of(const char *word)
{
    for (unsigned i = 0; policy_log_words[i] != NULL; i++)
        if (strcmp(policy_log_words[i], word) == 0)
            return (enum policy_log_format)i;
    return POLICY_LOG_ANY;
}

static int understand(struct exporting *e, const struct hikae_log *log, struct error *err)
{
    const struct hikae_log_export_options *options = e->options;
    e->from = format_of(log->format);
    e->to = options->format != NULL ? format_of(options->format) : e->from;
    if (options->zone != NULL && audit_open_zone(options->zone, &e->zone, err) != 0)
        return -1;
    if (e->from == POLICY_LOG_ANY && (e->zone != NULL || options->format != NULL)) {
        (void)error_set(err, ERROR_USAGE, "these logs are in no format that can be read: they come as they are");
        return error_hint(err, "leave out --zone and --format; a policy may promise csv or json for the class");
    }
    if (e->from == POLICY_LOG_JSON && e->to == POLICY_LOG_CSV)
        return error_set(err, ERROR_USAGE, "logs that were taken in as JSON come as JSON");
    return 0;
}

static int export(struct exporting *e, struct error *err)
{
    struct hikae_logs logs = {0};
    struct hikae_error why;
    const struct hikae_log *log;
    uint8_t digest[SHA256_SIZE];
    e->hash = sha256_new();
    if (e->hash == NULL)
        return error_no_memory(err);
    if (hikae_log_list(e->hikae, e->options->tenant, e->options->class_name, &logs, &why) > HIKAE_WARNINGS)
        return api_failure(&why, err);
    int rc = find_log(&logs, e->options, &log, err);
    if (rc == 0)
        rc = understand(e, log, err);
    if (rc == 0)
        rc = sha256_start(e->hash, err);
    for (size_t i = 0; rc == 0 && i < log->file_count; i++)
        rc = export_file(e, log, &log->files[i], err);
    if (rc == 0)
        rc = sha256_finish(e->hash, digest, err);
    if (rc == 0)
        (void)hex_encode(digest, SHA256_SIZE, e->ret->sha256);
    hikae_logs_free(&logs);
    return rc;
}

enum hikae_status hikae_log_export(struct hikae *hikae, const struct hikae_log_export_options *options,
                                   hikae_write_callback *callback, void *context, struct hikae_log_export_result *ret,
                                   struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct exporting e = {.hikae = hikae, .options = options, .callback = callback, .context = context, .ret = ret};
    *ret = (struct hikae_log_export_result){0};
    if (engine_audit_begin(hikae, OPERATION_LOG_EXPORT, options->tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = export(&e, &err);
    engine_audit_detail(&audit, "class", options->class_name);
    engine_audit_detail(&audit, "period", options->period);
    engine_audit_count(&audit, "files", ret->files);
    engine_audit_count(&audit, "lines", ret->lines);
    sha256_free(e.hash);
    zone_free(e.zone);
    json_decref(e.head);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
