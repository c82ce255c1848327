/* evidence; attest add, list. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static enum colour colour_of(enum hikae_result result)
{
    switch (result) {
    case HIKAE_KEPT:
        return COLOUR_GREEN;
    case HIKAE_BROKEN:
        return COLOUR_RED;
    case HIKAE_MISSED:
    case HIKAE_NOT_OBSERVABLE:
        return COLOUR_YELLOW;
    default:
        return COLOUR_NONE;
    }
}

static bool is_proof(enum hikae_result result)
{
    return result == HIKAE_KEPT || result == HIKAE_ATTESTED;
}

/* ---- JSON ---- */

static void json_item(struct out *out, const char *rule, const struct hikae_evidence_item *item)
{
    json_t *object = json_object();
    if (object == NULL) {
        out->no_memory = true;
        return;
    }
    if (rule != NULL)
        out_text(out, object, "rule", rule);
    out_text(out, object, "kind", item->kind);
    out_text(out, object, "result", hikae_result_name(item->result));
    if (item->tenant != NULL)
        out_text(out, object, "tenant", item->tenant);
    if (item->about != NULL)
        out_text(out, object, "about", item->about);
    if (item->date != NULL)
        out_text(out, object, "date", item->date);
    if (item->due_ns != 0)
        out_time(out, object, "due", item->due_ns);
    if (item->done_ns != 0)
        out_time(out, object, "done", item->done_ns);
    if (item->detail != NULL)
        out_text(out, object, "detail", item->detail);
    if (item->log != NULL) {
        json_t *entry = json_object();
        out_text(out, entry, "log", item->log);
        out_number(out, entry, "seq", item->sequence);
        out_set(out, object, "entry", entry);
    }
    out_stream_row(out, object);
}

static void json_rule(struct out *out, json_t *array, const struct hikae_evidence_rule *rule)
{
    json_t *object = out_item(out, array);
    if (object == NULL)
        return;
    out_text(out, object, "rule", rule->rule);
    out_text(out, object, "version", rule->version);
    out_time(out, object, "from", rule->from_ns);
    out_time(out, object, "to", rule->to_ns);
    out_text(out, object, "result", hikae_result_name(rule->result));
    json_t *counts = json_object();
    for (unsigned i = 0; i < HIKAE_RESULTS; i++)
        if (rule->counts[i] > 0)
            out_number(out, counts, hikae_result_name((enum hikae_result)i), rule->counts[i]);
    out_set(out, object, "counts", counts);
}

static void json_controls(struct out *out, json_t *object, const struct hikae_evidence_promise *promise)
{
    json_t *controls = out_array(out, object, "controls"), *control;
    for (size_t i = 0; i < promise->control_count && (control = out_item(out, controls)) != NULL; i++) {
        out_text(out, control, "standard", promise->controls[i]->standard);
        out_text(out, control, "control", promise->controls[i]->control);
    }
}

/* The items of all rules that are (or are not) proof, but for what lies ahead. */
static void json_items(struct out *out, const struct hikae_evidence_promise *promise, bool proof)
{
    for (size_t i = 0; i < promise->rule_count; i++) {
        const struct hikae_evidence_rule *rule = promise->rules[i];
        for (size_t k = 0; k < rule->item_count; k++)
            if (proof ? is_proof(rule->items[k].result) : rule->items[k].result > HIKAE_ATTESTED)
                json_item(out, rule->rule, &rule->items[k]);
    }
}

/*
 * proof[]: what was kept, and by what; gaps[]: the rest, but for what lies ahead. A year of a thousand tenants is
 * millions of rows: each is written as it comes.
 */
static void json_promise(struct out *out, const struct hikae_evidence_promise *promise, bool gaps_only)
{
    json_t *object = json_object();
    if (object == NULL) {
        out->no_memory = true;
        return;
    }
    out_text(out, object, "policy", promise->policy);
    out_text(out, object, "id", promise->id);
    out_text(out, object, "result", hikae_result_name(promise->result));
    out_bool(out, object, "published", promise->published);
    out_text(out, object, "published_at", promise->published_at);
    out_text(out, object, "by", promise->by_operator ? "operator" : "hikae");
    out_text(out, object, "ja", promise->ja);
    out_text(out, object, "en", promise->en);
    json_t *rules = out_array(out, object, "rules");
    for (size_t i = 0; i < promise->rule_count; i++)
        json_rule(out, rules, promise->rules[i]);
    json_controls(out, object, promise);
    out_stream_begin(out, object);
    out_stream_array(out, "proof");
    if (!gaps_only)
        json_items(out, promise, true);
    for (size_t i = 0; i < promise->attestation_count; i++)
        json_item(out, NULL, &promise->attestations[i]);
    out_stream_array(out, "gaps");
    json_items(out, promise, false);
    out_stream_end(out);
}

static void json_versions(struct out *out, const struct hikae_evidence *evidence)
{
    json_t *array = out_array(out, NULL, "versions"), *item;
    for (size_t i = 0; i < evidence->version_count && (item = out_item(out, array)) != NULL; i++) {
        const struct hikae_evidence_version *version = &evidence->versions[i];
        out_text(out, item, "policy", version->policy);
        out_text(out, item, "sha256", version->sha256);
        out_time(out, item, "from", version->from_ns);
        out_time(out, item, "to", version->to_ns);
        out_text(out, item, "approved_by", version->approved_by);
        out_text(out, item, "accepted", version->accepted);
    }
    array = out_array(out, NULL, "logs");
    for (size_t i = 0; i < evidence->log_count && (item = out_item(out, array)) != NULL; i++) {
        out_text(out, item, "log", evidence->logs[i].log);
        out_number(out, item, "size", evidence->logs[i].size);
        out_text(out, item, "root", evidence->logs[i].root);
        out_text(out, item, "checkpoint", evidence->logs[i].checkpoint);
        out_number(out, item, "expired", evidence->logs[i].expired);
    }
}

static void json_nonconformities(struct out *out, const struct hikae_evidence *evidence)
{
    json_t *array = out_array(out, NULL, "nonconformities"), *item;
    for (size_t i = 0; i < evidence->nonconformity_count && (item = out_item(out, array)) != NULL; i++) {
        const struct hikae_evidence_nonconformity *from = &evidence->nonconformities[i];
        out_text(out, item, "id", from->id);
        out_text(out, item, "about", from->about);
        out_text(out, item, "policy", from->policy);
        out_text(out, item, "subject", from->subject);
        out_text(out, item, "title", from->en);
        out_number(out, item, "tenants", from->tenants);
        out_time(out, item, "since", from->since_ns);
        out_time(out, item, "opened", from->opened_ns);
        out_time(out, item, "closed", from->closed_ns);
        out_text(out, item, "closed_by", from->closed_by);
        out_text(out, item, "cause", from->cause);
        out_text(out, item, "correction", from->correction);
    }
}

static void json_evidence(struct run *run, const struct hikae_evidence *evidence)
{
    struct out *out = &run->out;
    out_text(out, NULL, "period", evidence->period);
    out_text(out, NULL, "zone", evidence->zone);
    out_time(out, NULL, "from", evidence->from_ns);
    out_time(out, NULL, "to", evidence->to_ns);
    out_time(out, NULL, "made", evidence->now_ns);
    out_bool(out, NULL, "test_clock", evidence->test_clock);
    out_number(out, NULL, "tenants", evidence->tenants);
    json_t *counts = json_object();
    for (unsigned i = 0; i < HIKAE_RESULTS; i++)
        out_number(out, counts, hikae_result_name((enum hikae_result)i), evidence->counts[i]);
    out_set(out, NULL, "counts", counts);
    bool good = out_stream(out, "promises") == 0;
    for (size_t i = 0; good && i < evidence->promise_count; i++)
        json_promise(out, &evidence->promises[i], run_has(run, "gaps"));
    json_nonconformities(out, evidence);
    json_versions(out, evidence);
}

/* ---- For people ---- */

static uint64_t count_of(const struct hikae_evidence_promise *promise, enum hikae_result from, enum hikae_result to)
{
    uint64_t count = 0;
    for (size_t i = 0; i < promise->rule_count; i++)
        for (unsigned k = from; k <= to; k++)
            count += promise->rules[i]->counts[k];
    return count;
}

static void add_gaps(struct run *run, struct columns *gaps, const struct hikae_evidence_promise *promise, bool several)
{
    for (size_t i = 0; i < promise->rule_count; i++)
        for (size_t k = 0; k < promise->rules[i]->item_count; k++) {
            const struct hikae_evidence_item *item = &promise->rules[i]->items[k];
            if (item->result <= HIKAE_ATTESTED)
                continue;
            char CLEANUP_FREE *what =
                mem_printf("%s%s%s%s%s", hikae_evidence_sentence(item->kind, run->lang == LANG_JA),
                           item->about != NULL ? ": " : "", item->about != NULL ? item->about : "",
                           item->detail != NULL ? " – " : "", item->detail != NULL ? item->detail : "");
            columns_add(gaps, item->date);
            if (several)
                columns_add(gaps, promise->policy);
            columns_add(gaps, item->tenant);
            columns_add_colour(gaps, hikae_result_text(item->result, run->lang == LANG_JA), colour_of(item->result));
            columns_add(gaps, promise->id);
            columns_add(gaps, what);
        }
}

static void print_evidence(struct run *run, const struct hikae_evidence *evidence)
{
    static const char *const heads[2][7] = {{"PROMISE", "RESULT", ">PROOF", ">GAPS", "TEXT", NULL},
                                            {"POLICY", "PROMISE", "RESULT", ">PROOF", ">GAPS", "TEXT", NULL}};
    static const char *const gap_heads[2][7] = {{"DATE", "TENANT", "RESULT", "PROMISE", "WHAT", NULL},
                                                {"DATE", "POLICY", "TENANT", "RESULT", "PROMISE", "WHAT", NULL}};
    char text[TEXT_SMALL];
    struct columns promises CLEANUP(columns_free), gaps CLEANUP(columns_free);
    /* Promises of different policies may be called the same. */
    bool several = false;
    for (size_t i = 1; i < evidence->promise_count; i++)
        several = several || strcmp(evidence->promises[i].policy, evidence->promises[0].policy) != 0;
    columns_start(&promises, heads[several]);
    columns_start(&gaps, gap_heads[several]);
    for (size_t i = 0; i < evidence->promise_count; i++) {
        const struct hikae_evidence_promise *promise = &evidence->promises[i];
        if (several)
            columns_add(&promises, promise->policy);
        columns_add(&promises, promise->id);
        columns_add_colour(&promises, hikae_result_text(promise->result, run->lang == LANG_JA),
                           colour_of(promise->result));
        columns_add(&promises,
                    text_count(count_of(promise, HIKAE_KEPT, HIKAE_ATTESTED) + promise->attestation_count, text));
        columns_add(&promises, text_count(count_of(promise, HIKAE_NOT_OBSERVABLE, HIKAE_BROKEN), text));
        columns_add(&promises, run->lang == LANG_JA ? promise->ja : promise->en);
        add_gaps(run, &gaps, promise, several);
    }
    run_table(run, &promises);
    if (gaps.count > 0)
        run_table(run, &gaps);
}

static void print_nonconformities(struct run *run, const struct hikae_evidence *evidence)
{
    static const char *const heads[] = {"ID", "SINCE", "CLOSED", "POLICY", "WHAT", "CORRECTION", NULL};
    char since[TEXT_SMALL], closed[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < evidence->nonconformity_count; i++) {
        const struct hikae_evidence_nonconformity *item = &evidence->nonconformities[i];
        char CLEANUP_FREE *what =
            mem_printf("%s%s%s", run->lang == LANG_JA ? item->ja : item->en, item->subject != NULL ? ": " : "",
                       item->subject != NULL ? item->subject : "");
        columns_add(&columns, item->id);
        columns_add(&columns, text_time(item->since_ns, since));
        columns_add(&columns, item->closed_ns != 0 ? text_time(item->closed_ns, closed) : NULL);
        columns_add(&columns, item->policy);
        columns_add(&columns, what);
        columns_add(&columns, item->correction);
    }
    if (evidence->nonconformity_count > 0)
        run_table(run, &columns);
}

/* ---- Files ---- */

static int on_bytes(const void *bytes, size_t size, void *context)
{
    return buf_append(context, bytes, size, NULL);
}

static enum hikae_status save(struct run *run, const char *path, const struct buf *bytes)
{
    struct error err = {0};
    return file_create_durable(path, bytes->data, bytes->size, 0600, &err) == 0 ? HIKAE_OK : run_base(run, &err);
}

static enum hikae_status write_files(struct run *run, const struct hikae_evidence *evidence)
{
    CLEANUP(buf_free) struct buf csv = {0}, html = {0};
    const char *csv_path = run_option(run, "csv"), *html_path = run_option(run, "html");
    enum hikae_status status = HIKAE_OK;
    if (csv_path != NULL) {
        if (run_has(run, "bom") && on_bytes(BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK), &csv) != 0)
            return run_no_memory(run);
        status = hikae_evidence_csv(evidence, run->lang == LANG_JA, on_bytes, &csv, &run->error);
        if (status == HIKAE_OK)
            status = save(run, csv_path, &csv);
    }
    if (status == HIKAE_OK && html_path != NULL) {
        status = hikae_evidence_page(evidence, run->lang == LANG_JA, on_bytes, &html, &run->error);
        if (status == HIKAE_OK)
            status = save(run, html_path, &html);
    }
    return status;
}

enum hikae_status command_evidence(struct run *run)
{
    const struct hikae_evidence_options options = {
        .policy = run_option(run, "policy"), .tenant = run_option(run, "tenant"), .period = run_option(run, "period")};
    struct hikae_evidence evidence;
    char kept[TEXT_SMALL], broken[TEXT_SMALL], all[TEXT_SMALL];
    if (run_output(run, "csv") != run_option(run, "csv") || run_output(run, "html") != run_option(run, "html"))
        return run_usage(run, "--csv and --html name files: standard output has the table");
    enum hikae_status status = hikae_evidence(run->hikae, &options, &evidence, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status written = write_files(run, &evidence);
    if (written != HIKAE_OK) {
        hikae_evidence_free(&evidence);
        return written;
    }
    if (run->out.json) {
        json_evidence(run, &evidence);
    } else {
        print_evidence(run, &evidence);
        print_nonconformities(run, &evidence);
    }
    run_say(run, MSG_EVIDENCE, text_count(evidence.promise_count, all),
            text_count(evidence.counts[HIKAE_KEPT] + evidence.counts[HIKAE_ATTESTED], kept),
            text_count(evidence.counts[HIKAE_BROKEN] + evidence.counts[HIKAE_MISSED], broken));
    hikae_evidence_free(&evidence);
    return status;
}

/* ---- attest ---- */

static void json_attestation(struct out *out, json_t *array, const struct hikae_attestation *attestation)
{
    json_t *item = out_item(out, array);
    if (item == NULL)
        return;
    out_text(out, item, "policy", attestation->policy);
    out_text(out, item, "promise", attestation->promise);
    out_text(out, item, "document", attestation->document);
    out_text(out, item, "sha256", attestation->sha256);
    out_text(out, item, "by", attestation->by);
    out_text(out, item, "note", attestation->note);
    out_time(out, item, "from", attestation->from_ns);
    out_time(out, item, "expires", attestation->expires_ns);
    out_time(out, item, "recorded", attestation->recorded_ns);
    out_bool(out, item, "revoked", attestation->revoked);
}

static void show_attestations(struct run *run, const struct hikae_attestations *attestations)
{
    static const char *const heads[] = {"PROMISE",     "POLICY",   "FROM",   "EXPIRES", "STATE",
                                        "ATTESTED BY", "DOCUMENT", "SHA256", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "attestations") : NULL;
    for (size_t i = 0; i < attestations->count; i++) {
        const struct hikae_attestation *attestation = &attestations->attestations[i];
        if (run->out.json) {
            json_attestation(&run->out, array, attestation);
            continue;
        }
        columns_add(&columns, attestation->promise);
        columns_add(&columns, attestation->policy);
        columns_add(&columns, text_time(attestation->from_ns, text));
        columns_add(&columns, text_time(attestation->expires_ns, text));
        columns_add(&columns, attestation->revoked ? "revoked" : "recorded");
        columns_add(&columns, attestation->by);
        columns_add(&columns, attestation->document);
        columns_add(&columns, attestation->sha256);
    }
    if (!run->out.json)
        run_table(run, &columns);
}

enum hikae_status command_attest_add(struct run *run)
{
    const struct hikae_attest_options options = {.policy = run_option(run, "policy"),
                                                 .promise = run->args[0],
                                                 .file = run_option(run, "file"),
                                                 .by = run_option(run, "by"),
                                                 .from = run_option(run, "from"),
                                                 .expires = run_option(run, "expires"),
                                                 .note = run_option(run, "note"),
                                                 .revoke = run_has(run, "revoke"),
                                                 .dry_run = run_has(run, DRY_RUN)};
    struct hikae_attestations attestations = {0};
    enum hikae_status status = hikae_attest(run->hikae, &options, &attestations, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_attestations(run, &attestations);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    run_say(run, options.dry_run ? MSG_DRY_RUN : options.revoke ? MSG_ATTEST_REVOKED : MSG_ATTESTED, options.promise);
    hikae_attestations_free(&attestations);
    return status;
}

enum hikae_status command_attest_list(struct run *run)
{
    struct hikae_attestations attestations = {0};
    enum hikae_status status =
        hikae_attestation_list(run->hikae, run_option(run, "policy"), &attestations, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_attestations(run, &attestations);
    if (attestations.count == 0)
        run_say(run, MSG_ATTESTATIONS_NONE, NULL);
    hikae_attestations_free(&attestations);
    return status;
}
