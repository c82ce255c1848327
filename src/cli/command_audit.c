/* audit verify, list, export, prove, review, expire. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { CERTIFICATE_FILE_MAX = 24 << 20 };

/* A new file of a customer's or auditor's: never over an old one. */
static enum hikae_status save(struct run *run, const char *path, const void *bytes, size_t size)
{
    struct error err = {0};
    if (file_create_durable(path, bytes, size, 0600, &err) != 0)
        return run_base(run, &err);
    return HIKAE_OK;
}

/* ---- verify ---- */

static void json_report(struct run *run, const struct hikae_audit_report *report)
{
    struct out *out = &run->out;
    out_number(out, NULL, "size", report->size);
    out_text(out, NULL, "root", report->root);
    out_bool(out, NULL, "ok", report->ok);
    json_t *array = out_array(out, NULL, "logs"), *item;
    for (size_t i = 0; i < report->log_count && (item = out_item(out, array)) != NULL; i++) {
        const struct hikae_audit_log *log = &report->logs[i];
        out_text(out, item, "log", log->log);
        out_bool(out, item, "own", log->own);
        out_number(out, item, "size", log->size);
        out_number(out, item, "covered", log->covered);
        out_text(out, item, "root", log->root);
        out_bool(out, item, "ok", log->ok);
        out_time(out, item, "time", log->time_ns);
        out_number(out, item, "expired", log->expired);
        out_text(out, item, "checkpoint", log->checkpoint);
        out_text(out, item, "verifier", log->verifier);
    }
    array = out_array(out, NULL, "findings");
    for (size_t i = 0; i < report->finding_count && (item = out_item(out, array)) != NULL; i++) {
        out_text(out, item, "fault", report->findings[i].fault);
        out_text(out, item, "log", report->findings[i].log);
        out_text(out, item, "target", report->findings[i].target);
        out_text(out, item, "what", report->findings[i].what);
    }
    out_number(out, NULL, "pending", report->pending);
    array = out_array(out, NULL, "open");
    for (size_t i = 0; array != NULL && i < report->open_count; i++)
        out_item_text(out, array, report->open[i]);
    array = out_array(out, NULL, "superseded");
    for (size_t i = 0; array != NULL && i < report->superseded_count; i++)
        out_item_text(out, array, report->superseded[i]);
}

static void print_report(struct run *run, const struct hikae_audit_report *report)
{
    static const char *const log_heads[] = {"LOG", ">SIZE", ">EXPIRED", "CHECKPOINT", "STATE", "ROOT", NULL};
    static const char *const finding_heads[] = {"FAULT", "TARGET", "WHAT", NULL};
    static const char *const open_heads[] = {"OPEN", NULL};
    char text[TEXT_SMALL];
    struct columns logs CLEANUP(columns_free), findings CLEANUP(columns_free), open CLEANUP(columns_free);
    columns_start(&logs, log_heads);
    columns_start(&findings, finding_heads);
    columns_start(&open, open_heads);
    for (size_t i = 0; i < report->log_count; i++) {
        const struct hikae_audit_log *log = &report->logs[i];
        columns_add(&logs, log->log);
        columns_add(&logs, text_count(log->size, text));
        columns_add(&logs, text_count(log->expired, text));
        columns_add(&logs, text_time(log->time_ns, text));
        columns_add_colour(&logs, log->ok ? "sound" : "damaged", log->ok ? COLOUR_GREEN : COLOUR_RED);
        columns_add(&logs, log->root);
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct hikae_audit_finding *finding = &report->findings[i];
        columns_add_colour(&findings, finding->fault,
                           strcmp(finding->fault, "behind") == 0 ? COLOUR_YELLOW : COLOUR_RED);
        columns_add(&findings, finding->target);
        columns_add(&findings, finding->what);
    }
    for (size_t i = 0; i < report->open_count; i++)
        columns_add(&open, report->open[i]);
    run_table(run, &logs);
    if (report->finding_count > 0)
        run_table(run, &findings);
    if (report->open_count > 0)
        run_table(run, &open);
}

/* The checkpoint of the log that was asked for. */
static enum hikae_status save_checkpoint(struct run *run, const struct hikae_audit_report *report, const char *path)
{
    const char *wanted = run_option(run, "log");
    for (size_t i = 0; i < report->log_count; i++) {
        const struct hikae_audit_log *log = &report->logs[i];
        if ((wanted != NULL ? strcmp(log->log, wanted) == 0 : log->own) && log->checkpoint != NULL)
            return save(run, path, log->checkpoint, strlen(log->checkpoint));
    }
    return run_fail(run, HIKAE_NOT_FOUND, "not-found", "there is no checkpoint to save");
}

/* A DSSE envelope of an in-toto statement says so. */
static bool is_certificate(const char *path)
{
    struct buf text CLEANUP(buf_free) = {0};
    struct error err = {0};
    return file_read(path, CERTIFICATE_FILE_MAX, &text, &err) == 0 && buf_u8(&text, 0, &err) == 0 &&
           strstr((const char *)text.data, "application/vnd.in-toto+json") != NULL;
}

enum hikae_status command_audit_verify(struct run *run)
{
    struct hikae_audit_report report = {0};
    const char *path = run_option(run, "save");
    /* A certificate is checked by whoever was given it, who has no store. */
    if (run_has(run, "key"))
        return certificate_check(run);
    if (run->arg_count > 0 && is_certificate(run->args[0]))
        return run_usage(run, "%s is a certificate: give the operator's public key, --key PUB.pem", run->args[0]);
    enum hikae_status opened = run_open_store(run);
    if (opened > HIKAE_WARNINGS)
        return opened;
    char size[TEXT_SMALL], pending[TEXT_SMALL], findings[TEXT_SMALL];
    enum hikae_status status = hikae_audit_verify(run->hikae, run->arg_count > 0 ? run->args[0] : NULL,
                                                  run_option(run, "log"), &report, &run->error);
    /* A log that is damaged is a result too. */
    if (run->out.json)
        json_report(run, &report);
    else if (report.log_count > 0 || report.finding_count > 0)
        print_report(run, &report);
    (void)text_count(report.size, size);
    (void)text_count(report.pending, pending);
    (void)text_count(report.finding_count, findings);
    if (report.ok)
        run_say(run, MSG_AUDIT_SOUND, size, pending);
    else if (report.finding_count > 0)
        run_say(run, MSG_AUDIT_BAD, size, findings);
    if (status <= HIKAE_WARNINGS && path != NULL) {
        enum hikae_status saved = save_checkpoint(run, &report, path);
        status = saved != HIKAE_OK ? saved : status;
    }
    hikae_audit_report_free(&report);
    return status;
}

/* ---- list ---- */

static struct hikae_audit_filter read_filter(const struct run *run)
{
    return (struct hikae_audit_filter){
        .tenant = run_option(run, "tenant"),
        .class_name = run_option(run, "class"),
        .operation = run_option(run, "operation"),
        .log = run_option(run, "log"),
        .period = run_option(run, "period"),
        .zone = run_option(run, "tz"),
        .privileged = run_has(run, "privileged"),
    };
}

struct listing {
    struct run *run;
    struct columns *columns;
    json_t *array;
    uint64_t count;
};

static json_t *parse_object(const char *text)
{
    json_t *json = NULL;
    return json_parse(text, strlen(text), &json, NULL) == 0 ? json : NULL;
}

static void json_entry(struct out *out, json_t *item, const struct hikae_audit_entry *entry)
{
    out_text(out, item, "time", entry->time);
    out_text(out, item, "log", entry->log);
    out_number(out, item, "seq", entry->sequence);
    out_text(out, item, "operation", entry->operation);
    out_text(out, item, "class", entry->class_name);
    out_text(out, item, "tenant", entry->tenant);
    out_text(out, item, "tenant_name", entry->tenant_name);
    out_text(out, item, "user", entry->user);
    out_number(out, item, "uid", entry->uid);
    out_text(out, item, "login", entry->login);
    out_text(out, item, "operator", entry->operator_name);
    out_text(out, item, "host", entry->host);
    out_text(out, item, "result", entry->result);
    out_seconds(out, item, "duration_s", entry->duration_ns);
    out_set(out, item, "counts", parse_object(entry->counts));
    out_set(out, item, "details", parse_object(entry->details));
    out_bool(out, item, "privileged", entry->privileged);
}

/* "entries 3, bytes 400012"; instants are for programs. (mem_free) */
static char *counts_text(const char *counts)
{
    json_t *object = parse_object(counts), *value;
    const char *name;
    char *text = mem_strdup("");
    json_object_foreach(object, name, value)
    {
        size_t size = strlen(name);
        if (text == NULL || (size > 3 && strcmp(name + size - 3, "_ns") == 0))
            continue;
        char *longer =
            mem_printf("%s%s%s %lld", text, text[0] != '\0' ? ", " : "", name, (long long)json_integer_value(value));
        mem_free(text);
        text = longer;
    }
    json_decref(object);
    return text;
}

static int on_entry(const struct hikae_audit_entry *entry, void *context)
{
    struct listing *listing = context;
    char text[TEXT_SMALL];
    listing->count++;
    if (listing->run->out.json) {
        json_t *item = out_item(&listing->run->out, listing->array);
        if (item == NULL)
            return -1;
        json_entry(&listing->run->out, item, entry);
        return 0;
    }
    bool good = strcmp(entry->result, "ok") == 0;
    columns_add(listing->columns, entry->time);
    columns_add(listing->columns, text_count(entry->sequence, text));
    columns_add(listing->columns, entry->operation);
    columns_add(listing->columns, entry->tenant_name != NULL ? entry->tenant_name : entry->tenant);
    columns_add(listing->columns, entry->user);
    columns_add(listing->columns, entry->host);
    columns_add_colour(listing->columns, entry->result, good ? COLOUR_GREEN : COLOUR_YELLOW);
    CLEANUP_FREE char *counts = counts_text(entry->counts);
    columns_add(listing->columns, counts);
    return counts != NULL ? 0 : -1;
}

static void start_listing(struct run *run, struct listing *listing, struct columns *columns)
{
    static const char *const heads[] = {"TIME", ">SEQ",   "OPERATION", "TENANT", "USER",
                                        "HOST", "RESULT", "COUNTS",    NULL};
    columns_start(columns, heads);
    *listing = (struct listing){.run = run, .columns = columns};
    if (run->out.json)
        listing->array = out_array(&run->out, NULL, "entries");
}

enum hikae_status command_audit_list(struct run *run)
{
    struct hikae_audit_filter filter = read_filter(run);
    struct columns columns CLEANUP(columns_free);
    struct listing listing;
    char count[TEXT_SMALL];
    start_listing(run, &listing, &columns);
    enum hikae_status status = hikae_audit_list(run->hikae, &filter, on_entry, &listing, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (!run->out.json)
        run_table(run, &columns);
    run_say(run, MSG_AUDIT_LISTED, text_count(listing.count, count));
    return status;
}

/* ---- export ---- */

static int on_bytes(const void *bytes, size_t size, void *context)
{
    return buf_append(context, bytes, size, NULL);
}

enum hikae_status command_audit_export(struct run *run)
{
    struct hikae_audit_filter filter = read_filter(run);
    struct hikae_audit_export_result result = {0};
    CLEANUP(buf_free) struct buf bytes = {0};
    const char *format = run_option(run, "format"), *output = run_output(run, "output");
    const char *receipt = run_option(run, "receipt");
    char count[TEXT_SMALL];
    bool to_stdout = output == NULL, csv = format == NULL || strcmp(format, "csv") == 0;
    if (to_stdout && run->out.json)
        return run_usage(run, "audit export writes to standard output: --json needs -o FILE");
    if (run_has(run, "bom") && !csv)
        return run_usage(run, "--bom needs --format csv");
    enum hikae_status status = hikae_audit_export(run->hikae, &filter,
                                                  !csv                  ? format
                                                  : run_has(run, "bom") ? "csv-bom"
                                                                        : "csv",
                                                  run_option(run, "to"), on_bytes, &bytes, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status saved = HIKAE_OK;
    if (to_stdout)
        (void)out_bytes(&run->out, bytes.data, bytes.size);
    else
        saved = save(run, output, bytes.data, bytes.size);
    if (saved == HIKAE_OK && receipt != NULL)
        saved = save(run, receipt, result.receipt, strlen(result.receipt));
    if (run->out.json) {
        out_text(&run->out, NULL, "file", output);
        out_number(&run->out, NULL, "entries", result.entries);
        out_number(&run->out, NULL, "bytes", result.bytes);
        out_text(&run->out, NULL, "sha256", result.sha256);
        out_text(&run->out, NULL, "receipt", result.receipt);
        out_bool(&run->out, NULL, "ok", saved == HIKAE_OK);
    }
    if (saved == HIKAE_OK)
        run_tell(run, MSG_AUDIT_EXPORTED, text_count(result.entries, count), result.sha256);
    hikae_audit_export_result_free(&result);
    return saved != HIKAE_OK ? saved : status;
}

/* ---- prove ---- */

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == '\0' && *ret <= INT64_MAX;
}

enum hikae_status command_audit_prove(struct run *run)
{
    struct hikae_audit_proof proof = {0};
    const char *output = run_output(run, "output");
    bool as_json = run_option(run, "output") != NULL; /* else what checks it */
    uint64_t number;
    if (!read_number(run->args[0], &number))
        return run_usage(run, "\"%s\" is no number of an entry", run->args[0]);
    enum hikae_status status = hikae_audit_prove(run->hikae, run_option(run, "log"), number, &proof, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status saved = output != NULL ? save(run, output, proof.json, strlen(proof.json)) : HIKAE_OK;
    if (run->out.json) {
        out_number(&run->out, NULL, "size", proof.size);
        out_text(&run->out, NULL, "root", proof.root);
        out_bool(&run->out, NULL, "ok", true);
        out_set(&run->out, NULL, "proof", parse_object(proof.json));
        out_text(&run->out, NULL, "script", proof.script);
    } else if (output == NULL) {
        (void)out_puts(&run->out, as_json ? proof.json : proof.script);
    }
    if (saved == HIKAE_OK)
        run_tell(run, output == NULL ? MSG_AUDIT_PROVEN : MSG_AUDIT_PROOF_SAVED, run->args[0], proof.root, output);
    hikae_audit_proof_free(&proof);
    return saved != HIKAE_OK ? saved : status;
}

/* ---- review ---- */

enum hikae_status command_audit_review(struct run *run)
{
    struct hikae_audit_filter filter = read_filter(run);
    const char *output = run_output(run, "output"), *reviewer = run_option(run, "reviewer");
    bool dry_run = run_has(run, DRY_RUN);
    struct columns columns CLEANUP(columns_free);
    struct listing listing;
    char *note = NULL, count[TEXT_SMALL];
    start_listing(run, &listing, &columns);
    enum hikae_status status =
        hikae_audit_review(run->hikae, &filter, reviewer, dry_run, on_entry, &listing, &note, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status saved = output != NULL && !dry_run ? save(run, output, note, strlen(note)) : HIKAE_OK;
    if (run->out.json) {
        out_text(&run->out, NULL, "note", dry_run ? NULL : note);
        out_bool(&run->out, NULL, "ok", saved == HIKAE_OK);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    } else {
        run_table(run, &columns);
        /* What was signed is not lost because it could not be put there. */
        if ((output == NULL || saved != HIKAE_OK) && !dry_run)
            (void)out_puts(&run->out, note);
    }
    if (saved == HIKAE_OK && !dry_run)
        run_say(run, MSG_AUDIT_REVIEWED, text_count(listing.count, count), reviewer);
    free(note);
    return saved != HIKAE_OK ? saved : status;
}

/* ---- expire ---- */

/* "CLASS=SPAN" of each --keep. */
static enum hikae_status read_keep(struct run *run, struct hikae_audit_expire_options *options)
{
    static const char *const classes[] = {"access", "operation", "authentication", "system", "evidence"};
    size_t count;
    const char **keep CLEANUP_FREE = run_all(run, "keep", &count);
    if (keep == NULL)
        return run_no_memory(run);
    for (size_t i = 0; i < count; i++) {
        char CLEANUP_FREE *name = NULL;
        const char *span;
        enum hikae_status status = value_pair(run, "keep", keep[i], &name, &span);
        if (status != HIKAE_OK)
            return status;
        size_t class = 0;
        while (class < sizeof(classes) / sizeof(classes[0]) && strcmp(classes[class], name) != 0)
            class ++;
        if (class == sizeof(classes) / sizeof(classes[0])) {
            (void)run_usage(run, "--keep: there is no class \"%s\"", name);
            return run_hint(run, "access, operation, authentication, system or evidence");
        }
        options->keep[class] = span;
    }
    return HIKAE_OK;
}

enum hikae_status command_audit_expire(struct run *run)
{
    struct hikae_audit_expire_options options = {.zone = run_option(run, "tz"), .dry_run = run_has(run, DRY_RUN)};
    struct hikae_audit_expire_result result = {0};
    char expired[TEXT_SMALL], held[TEXT_SMALL], segments[TEXT_SMALL];
    enum hikae_status status = read_keep(run, &options);
    if (status == HIKAE_OK)
        status = hikae_audit_expire(run->hikae, &options, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_number(&run->out, NULL, "expired", result.expired);
        out_number(&run->out, NULL, "held", result.held);
        out_number(&run->out, NULL, "segments", result.segments);
        json_t *array = out_array(&run->out, NULL, "superseded");
        for (size_t i = 0; array != NULL && i < result.superseded_count; i++)
            out_item_text(&run->out, array, result.superseded[i]);
        out_bool(&run->out, NULL, "ok", true);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    }
    run_say(run, options.dry_run ? MSG_AUDIT_EXPIRE_PLAN : MSG_AUDIT_EXPIRED, text_count(result.expired, expired),
            text_count(result.segments, segments), text_count(result.held, held));
    hikae_audit_expire_result_free(&result);
    return status;
}
