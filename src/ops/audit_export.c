/* audit export and audit review: entries given to somebody, with a signed note that says what was given. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit_read.h"

#include <stdio.h>
#include <stdlib.h>

void hikae_audit_export_result_free(struct hikae_audit_export_result *result)
{
    mem_free(result->receipt);
    *result = (struct hikae_audit_export_result){0};
}

/* ---- Where it goes ---- */

struct sink {
    hikae_write_callback *callback; /* NULL: only hashed */
    void *context;
    struct sha256 *hash;
    uint64_t bytes;
    struct error err;
    struct buf line;
};

static int sink_start(struct sink *sink, struct error *err)
{
    sink->hash = sha256_new();
    return sink->hash != NULL ? sha256_start(sink->hash, err) : error_no_memory(err);
}

/* Hash and pass on the line, which is empty afterwards. */
static int sink_flush(struct sink *sink)
{
    if (sha256_update(sink->hash, sink->line.data, sink->line.size, &sink->err) != 0)
        return -1;
    if (sink->callback != NULL && sink->callback(sink->line.data, sink->line.size, sink->context) != 0)
        return error_set(&sink->err, ERROR_INTERRUPTED, "the export was stopped");
    sink->bytes += sink->line.size;
    sink->line.size = 0;
    return 0;
}

static int sink_finish(struct sink *sink, char sha256_hex[2 * HASH_SIZE + 1], struct error *err)
{
    uint8_t hash[HASH_SIZE];
    if (sha256_finish(sink->hash, hash, err) != 0)
        return -1;
    (void)hex_encode(hash, HASH_SIZE, sha256_hex);
    return 0;
}

static void sink_clear(struct sink *sink)
{
    sha256_free(sink->hash);
    buf_free(&sink->line);
}

/* ---- Formats ---- */

enum { COLUMN_COUNT = 13, NUMBER_SIZE = 32 };

static const struct {
    const char *name;
    int width; /* in a table */
} columns[COLUMN_COUNT] = {
    {"time", 25},     {"log", 32},  {"seq", 6},     {"operation", 18},  {"class", 14}, {"tenant", 32}, {"user", 12},
    {"operator", 12}, {"host", 16}, {"result", 11}, {"duration_s", 10}, {"counts", 0}, {"details", 0},
};

struct row {
    const char *cells[COLUMN_COUNT];
    char sequence[NUMBER_SIZE], duration[NUMBER_SIZE];
};

static void fill_row(const struct hikae_audit_entry *entry, struct row *row)
{
    (void)snprintf(row->sequence, NUMBER_SIZE, "%llu", (unsigned long long)entry->sequence);
    (void)snprintf(row->duration, NUMBER_SIZE, "%lld.%03d", (long long)(entry->duration_ns / NS_PER_S),
                   (int)(entry->duration_ns % NS_PER_S / 1000000));
    const char *const cells[COLUMN_COUNT] = {entry->time,       entry->log,    row->sequence, entry->operation,
                                             entry->class_name, entry->tenant, entry->user,   entry->operator_name,
                                             entry->host,       entry->result, row->duration, entry->counts,
                                             entry->details};
    memcpy(row->cells, cells, sizeof(cells));
}

static int add_text(struct sink *sink, const char *text)
{
    return buf_append(&sink->line, text, strlen(text), &sink->err);
}

/* A cell of CSV (RFC 4180); one that a spreadsheet would take for a formula gets an apostrophe, as they themselves
 * write it. */
static int add_csv(struct sink *sink, const char *text)
{
    const char *before = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL ? "'" : "";
    if (strpbrk(text, ",\"\r\n") == NULL)
        return add_text(sink, before) != 0 ? -1 : add_text(sink, text);
    if (add_text(sink, "\"") != 0 || add_text(sink, before) != 0)
        return -1;
    for (; *text != '\0'; text++)
        if ((*text == '"' && add_text(sink, "\"") != 0) || buf_append(&sink->line, text, 1, &sink->err) != 0)
            return -1;
    return add_text(sink, "\"");
}

static int csv_row(struct sink *sink, const char *const cells[COLUMN_COUNT])
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if ((i > 0 && add_text(sink, ",") != 0) || (cells[i] != NULL && add_csv(sink, cells[i]) != 0))
            return -1;
    return add_text(sink, "\r\n");
}

static int table_row(struct sink *sink, const char *const cells[COLUMN_COUNT])
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const char *cell = cells[i] != NULL ? cells[i] : "-";
        CLEANUP_FREE char *text = mem_printf(i + 1 < COLUMN_COUNT ? "%-*s  " : "%-*s\n", columns[i].width, cell);
        if (text == NULL)
            return error_no_memory(&sink->err);
        if (add_text(sink, text) != 0)
            return -1;
    }
    return 0;
}

/* Times in the zone that was asked for; counts and details as they are in the entry. */
static int jsonl_row(struct sink *sink, const char *const cells[COLUMN_COUNT])
{
    CLEANUP_JSON json_t *json = json_object();
    int rc = json != NULL ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < COLUMN_COUNT; i++) {
        bool is_object = columns[i].width == 0;
        bool is_number = strcmp(columns[i].name, "seq") == 0 || strcmp(columns[i].name, "duration_s") == 0;
        json_t *value = cells[i] == NULL        ? json_null()
                        : is_object             ? json_loads(cells[i], 0, NULL)
                        : !is_number            ? json_string(cells[i])
                        : strchr(cells[i], '.') ? json_real(strtod(cells[i], NULL))
                                                : json_integer(strtoll(cells[i], NULL, 10));
        rc = json_object_set_new(json, columns[i].name, value);
    }
    /* As many digits as a duration has: 0.056, not 0.056000000000000001. */
    char *text = rc == 0 ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (text == NULL)
        return error_no_memory(&sink->err);
    rc = add_text(sink, text) != 0 ? -1 : add_text(sink, "\n");
    free(text);
    return rc;
}

struct format {
    const char *name;
    const char *start; /* of the file */
    bool head;
    int (*row)(struct sink *sink, const char *const cells[COLUMN_COUNT]);
};
static const struct format formats[] = {
    {"table", "", true, table_row},
    {"csv", "", true, csv_row},
    {"csv-bom", "\xef\xbb\xbf", true, csv_row}, /* for spreadsheets that read UTF-8 only behind this mark */
    {"jsonl", "", false, jsonl_row},
};

static int find_format(const char *name, const struct format **ret, struct error *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0) {
            *ret = &formats[i];
            return 0;
        }
    (void)error_set(err, ERROR_USAGE, "there is no format '%.60s'", name);
    return error_hint(err, "table, csv or jsonl");
}

struct writing {
    struct sink sink;
    const struct format *format;
    hikae_audit_callback *also; /* of a review: may be NULL */
    void *also_context;
};

static int write_head(struct writing *writing)
{
    const char *heads[COLUMN_COUNT];
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        heads[i] = columns[i].name;
    if (!writing->format->head)
        return 0;
    if (add_text(&writing->sink, writing->format->start) != 0)
        return -1;
    return writing->format->row(&writing->sink, heads) != 0 ? -1 : sink_flush(&writing->sink);
}

static int write_entry(const struct hikae_audit_entry *entry, void *context)
{
    struct writing *writing = context;
    struct row row;
    fill_row(entry, &row);
    if (writing->format->row(&writing->sink, row.cells) != 0 || sink_flush(&writing->sink) != 0)
        return -1;
    return writing->also != NULL ? writing->also(entry, writing->also_context) : 0;
}

static int write_all(const struct audit_view *view, const struct hikae_audit_filter *filter, struct writing *writing,
                     struct hikae_audit_export_result *ret, struct error *err)
{
    int rc = sink_start(&writing->sink, err);
    if (rc == 0 && write_head(writing) != 0) {
        *err = writing->sink.err;
        rc = -1;
    }
    if (rc == 0)
        rc = audit_view_each(view, filter, write_entry, writing, &ret->entries, err);
    if (rc != 0 && writing->sink.err.class != ERROR_NONE)
        *err = writing->sink.err;
    if (rc == 0)
        rc = sink_finish(&writing->sink, ret->sha256, err);
    ret->bytes = writing->sink.bytes;
    return rc;
}

/* ---- The note ---- */

static const char *or_dash(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

/* What is in a note stays on its line. */
static bool is_line(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if ((unsigned char)*text < 0x20)
            return false;
    return true;
}

static int sign_note(const struct audit_view *view, const struct hikae_audit_filter *filter, const char *title,
                     const char *who, const char *format, const struct hikae_audit_export_result *result, char **ret,
                     struct error *err)
{
    char from[ZONE_TEXT_SIZE] = "-", to[ZONE_TEXT_SIZE] = "-", now[CLOCK_TEXT_SIZE], name[AUDIT_ORIGIN_SIZE];
    char store[2 * ID_SIZE + 1];
    if (view->from_ns != INT64_MIN)
        (void)zone_format(view->zone, view->from_ns, from);
    if (view->to_ns != INT64_MAX)
        (void)zone_format(view->zone, view->to_ns, to);
    (void)hex_encode(view->hikae->store.store.bytes, ID_SIZE, store);
    CLEANUP_FREE char *heads = audit_view_heads(view);
    CLEANUP_FREE char *text =
        heads != NULL
            ? mem_printf("%s\nstore %s\ntest-clock %s\n%s\ntenant %s\nfrom %s\nto %s\nformat %s\nentries %llu\n"
                         "bytes %llu\nsha256 %s\n%stime %s\n",
                         title, store, view->hikae->store.test_clock ? "yes" : "no", who, or_dash(filter->tenant), from,
                         to, format, (unsigned long long)result->entries, (unsigned long long)result->bytes,
                         result->sha256, heads, clock_format(clock_now_ns(), now))
            : NULL;
    if (text == NULL)
        return error_no_memory(err);
    return audit_note_sign(text, audit_note_name(&view->hikae->store.store, name), view->store.signing, ret, err);
}

/* ---- export ---- */

/* What a note says beside the entries' figures: its heading, whom it names, and as what, and the form. */
struct note {
    const char *heading;
    const char *role;
    const char *name;
    const char *format;
};

/* Write what the filter lets through, and sign what was written. */
static int write_signed(struct hikae *hikae, const struct hikae_audit_filter *filter, const struct note *note,
                        struct writing *writing, struct hikae_audit_export_result *ret, char **ret_note,
                        struct error *err)
{
    struct audit_view view;
    CLEANUP_FREE char *who = mem_printf("%s %s", note->role, or_dash(note->name));
    if (who == NULL)
        return error_no_memory(err);
    if (audit_view_open(hikae, filter, &view, err) != 0)
        return -1;
    int rc = write_all(&view, filter, writing, ret, err);
    if (rc == 0)
        rc = sign_note(&view, filter, note->heading, who, note->format, ret, ret_note, err);
    audit_view_close(&view);
    return rc;
}

static int export(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *to, struct writing *writing,
                  struct hikae_audit_export_result *ret, struct error *err)
{
    if (!is_line(to) || !is_line(filter->tenant))
        return error_set(err, ERROR_USAGE, "the name of the receiver must be one line");
    const struct note note = {"hikae audit receipt", "given-to", to, writing->format->name};
    return write_signed(hikae, filter, &note, writing, ret, &ret->receipt, err);
}

enum hikae_status hikae_audit_export(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *format,
                                     const char *to, hikae_write_callback *callback, void *context,
                                     struct hikae_audit_export_result *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct writing writing = {.sink = {.callback = callback, .context = context}};
    *ret = (struct hikae_audit_export_result){0};
    if (find_format(format, &writing.format, &err) != 0 ||
        engine_audit_begin(hikae, OPERATION_AUDIT_EXPORT, filter->tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = export(hikae, filter, to, &writing, ret, &err);
    engine_audit_count(&audit, "entries", ret->entries);
    engine_audit_detail(&audit, "period", filter->period);
    engine_audit_detail(&audit, "sha256", ret->sha256);
    sink_clear(&writing.sink);
    if (rc != 0)
        hikae_audit_export_result_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- review ---- */

static int review(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *reviewer,
                  struct writing *writing, struct hikae_audit_export_result *ret, char **ret_note, struct error *err)
{
    if (reviewer == NULL || reviewer[0] == '\0' || !is_line(reviewer)) {
        (void)error_set(err, ERROR_USAGE, "a review names its reviewer, in one line");
        return error_hint(err, "`hikae audit review --period 2026-10 --reviewer NAME`");
    }
    const struct note note = {"hikae audit review of privileged operations", "reviewer", reviewer, "csv"};
    return write_signed(hikae, filter, &note, writing, ret, ret_note, err);
}

enum hikae_status hikae_audit_review(struct hikae *hikae, const struct hikae_audit_filter *filter, const char *reviewer,
                                     bool dry_run, hikae_audit_callback *callback, void *context, char **ret_note,
                                     struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct hikae_audit_export_result result = {0};
    struct writing writing = {.also = callback, .also_context = context};
    struct hikae_audit_filter privileged = *filter;
    privileged.privileged = true;
    *ret_note = NULL;
    if (find_format("csv", &writing.format, &err) != 0 ||
        engine_audit_begin(hikae, OPERATION_AUDIT_REVIEW, filter->tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = review(hikae, &privileged, reviewer, &writing, &result, ret_note, &err);
    engine_audit_count(&audit, "entries", result.entries);
    engine_audit_detail(&audit, "period", filter->period);
    engine_audit_detail(&audit, "reviewer", reviewer);
    engine_audit_detail(&audit, "sha256", result.sha256);
    sink_clear(&writing.sink);
    hikae_audit_export_result_free(&result);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
