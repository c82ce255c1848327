/* contract end, cancel, show, survivors, export; disclose; erasure add, list. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

/* Texts as one: "a, b", or "-". Fresh memory. */
static char *join(char *const *texts, size_t count)
{
    char *all = mem_strdup(count == 0 ? "-" : "");
    for (size_t i = 0; i < count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? ", " : "", texts[i]);
        mem_free(all);
        all = longer;
    }
    return all;
}

static void json_texts(struct out *out, json_t *object, const char *key, char *const *texts, size_t count)
{
    json_t *array = out_array(out, object, key);
    for (size_t i = 0; i < count; i++)
        out_item_text(out, array, texts[i]);
}

/* ---- contract ---- */

static void json_survivors(struct run *run, const struct hikae_contract *contract)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "survivors");
    for (size_t i = 0; i < contract->survivor_count; i++) {
        const struct hikae_survivor *survivor = &contract->survivors[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "what", survivor->what);
        json_texts(out, item, "fields", survivor->fields, survivor->field_count);
        out_text(out, item, "keep", survivor->keep);
        out_text(out, item, "into", survivor->into);
        out_text(out, item, "snapshot", survivor->snapshot);
        out_time(out, item, "keep_until", survivor->keep_until_ns);
    }
}

static void json_receipt(struct out *out, json_t *item, const struct hikae_receipt *receipt)
{
    out_text(out, item, "receipt", receipt->id);
    out_text(out, item, "recipient", receipt->recipient);
    out_text(out, item, "sha256", receipt->sha256);
    out_number(out, item, "entries", receipt->entries);
    out_number(out, item, "bytes", receipt->bytes);
    out_time(out, item, "time", receipt->time_ns);
}

static void json_contract(struct run *run, const struct hikae_contract *contract)
{
    struct out *out = &run->out;
    out_text(out, NULL, "tenant", contract->tenant);
    out_text(out, NULL, "stage", contract->stage);
    out_text(out, NULL, "on", contract->on);
    out_text(out, NULL, "zone", contract->zone);
    out_text(out, NULL, "within", contract->within);
    out_text(out, NULL, "policy", contract->policy);
    out_text(out, NULL, "proof", contract->proof);
    out_text(out, NULL, "who", contract->who);
    out_text(out, NULL, "reason", contract->reason);
    out_time(out, NULL, "ends", contract->ends_ns);
    out_time(out, NULL, "deadline", contract->deadline_ns);
    out_text(out, NULL, "deadline_day", contract->deadline_day);
    out_bool(out, NULL, "missed", contract->missed);
    json_t *reminders = out_array(out, NULL, "reminders");
    char text[TEXT_SMALL];
    for (size_t i = 0; i < contract->reminder_count; i++)
        out_item_text(out, reminders, text_time(contract->reminders_ns[i], text));
    json_survivors(run, contract);
    json_texts(out, NULL, "logs", contract->logs, contract->log_count);
    out_bool(out, NULL, "customer_export", contract->customer_export);
    json_t *receipts = out_array(out, NULL, "receipts");
    for (size_t i = 0; i < contract->receipt_count; i++)
        json_receipt(out, out_item(out, receipts), &contract->receipts[i]);
    json_texts(out, NULL, "holds", contract->holds, contract->hold_count);
    json_texts(out, NULL, "blocks", contract->blocks, contract->block_count);
}

static void add_row(struct columns *columns, const char *name, const char *value)
{
    columns_add(columns, name);
    columns_add(columns, value);
}

/* The same of hikae's own words, in the language of the reader. */
static void add_words(const struct run *run, struct columns *columns, const char *name, const char *words)
{
    char *value CLEANUP_FREE = watch_words(&run->watch, words);
    columns->failed = columns->failed || value == NULL;
    add_row(columns, name, value);
}

static const char *pick(const struct run *run, const char *en, const char *ja)
{
    return run->lang == LANG_JA ? ja : en;
}

static void print_survivors(const struct run *run, struct columns *columns, const struct hikae_contract *contract)
{
    char until[TEXT_SMALL];
    for (size_t i = 0; i < contract->survivor_count; i++) {
        const struct hikae_survivor *survivor = &contract->survivors[i];
        char *fields CLEANUP_FREE = join(survivor->fields, survivor->field_count);
        char *keep CLEANUP_FREE =
            survivor->keep_until_ns != 0
                ? (run->lang == LANG_JA ? mem_printf("%s まで", text_time(survivor->keep_until_ns, until))
                                        : mem_printf("until %s", text_time(survivor->keep_until_ns, until)))
            : survivor->keep != NULL
                ? (run->lang == LANG_JA ? mem_printf("保存 %s", survivor->keep) : mem_printf("for %s", survivor->keep))
                : mem_strdup(pick(run, "as long as the law asks", "法令の定める期間"));
        char *where CLEANUP_FREE =
            survivor->into != NULL
                ? (run->lang == LANG_JA ? mem_printf("保存先 %s", survivor->into) : mem_printf("in %s", survivor->into))
                : mem_strdup(pick(run, "not stored yet", "未保存"));
        char *line CLEANUP_FREE = mem_printf("%s (%s), %s; %s", survivor->what, fields != NULL ? fields : "",
                                             keep != NULL ? keep : "", where != NULL ? where : "");
        add_row(columns, i == 0 ? pick(run, "survives", "存続項目") : " ", line);
    }
}

static void print_dates(const struct run *run, struct columns *columns, const struct hikae_contract *contract)
{
    char text[TEXT_SMALL];
    char *deadline CLEANUP_FREE =
        contract->deadline_day != NULL
            ? (run->lang == LANG_JA ? mem_printf("%s 終日（%s、%s）", contract->deadline_day, contract->zone,
                                                 text_time(contract->deadline_ns, text))
                                    : mem_printf("the end of %s, %s (%s)", contract->deadline_day, contract->zone,
                                                 text_time(contract->deadline_ns, text)))
            : mem_strdup(text_time(contract->deadline_ns, text));
    add_row(columns, pick(run, "last day", "契約終了日"), contract->on);
    add_row(columns, pick(run, "frozen from", "凍結日時"), text_time(contract->ends_ns, text));
    columns_add(columns, pick(run, "erased by", "消去期限"));
    columns_add_colour(columns, deadline, contract->missed ? COLOUR_RED : COLOUR_NONE);
    for (size_t i = 0; i < contract->reminder_count; i++)
        add_row(columns, i == 0 ? pick(run, "reminded at", "通知日時") : " ",
                text_time(contract->reminders_ns[i], text));
}

static void print_contract(struct run *run, const struct hikae_contract *contract)
{
    const char *const heads[] = {pick(run, "CONTRACT", "契約"), contract->tenant, NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    add_words(run, &columns, pick(run, "stage", "段階"), contract->stage);
    if (contract->on != NULL) {
        char *logs CLEANUP_FREE = join(contract->logs, contract->log_count);
        print_dates(run, &columns, contract);
        print_survivors(run, &columns, contract);
        add_row(&columns, pick(run, "logs that survive", "存続するログ"), logs);
    }
    for (size_t i = 0; i < contract->receipt_count; i++) {
        char *line CLEANUP_FREE =
            mem_printf("%s, SHA-256 %s", contract->receipts[i].recipient, contract->receipts[i].sha256);
        add_row(&columns, i == 0 ? pick(run, "receipts", "受領書") : " ", line);
    }
    for (size_t i = 0; i < contract->block_count; i++)
        add_words(run, &columns, i == 0 ? pick(run, "in the way", "消去を妨げるもの") : " ", contract->blocks[i]);
    run_table(run, &columns);
}

/* What became of it, shown and freed. */
static enum hikae_status show_contract(struct run *run, enum hikae_status status, struct hikae_contract *contract)
{
    char text[TEXT_SMALL];
    bool dry_run = run_has(run, DRY_RUN);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_contract(run, contract);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    } else {
        print_contract(run, contract);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else if (contract->on == NULL)
        run_say(run, MSG_CONTRACT_NONE, run->args[0]);
    else if (contract->missed)
        run_say(run, MSG_DEADLINE_MISSED, run->args[0], text_time(contract->deadline_ns, text));
    else
        run_say(run, MSG_CONTRACT_ENDS, run->args[0], contract->on, text_time(contract->deadline_ns, text));
    hikae_contract_free(contract);
    return status;
}

enum hikae_status command_contract_end(struct run *run)
{
    struct hikae_contract contract = {0};
    const struct hikae_contract_options options = {.on = run_option(run, "on"),
                                                   .who = run_option(run, "who"),
                                                   .reason = run_option(run, "reason"),
                                                   .dry_run = run_has(run, DRY_RUN)};
    return show_contract(run, hikae_contract_end(run->hikae, run->args[0], &options, &contract, &run->error),
                         &contract);
}

enum hikae_status command_contract_cancel(struct run *run)
{
    struct hikae_contract contract = {0};
    const struct hikae_contract_options options = {
        .who = run_option(run, "who"), .reason = run_option(run, "reason"), .dry_run = run_has(run, DRY_RUN)};
    enum hikae_status status = hikae_contract_cancel(run->hikae, run->args[0], &options, &contract, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_contract(run, &contract);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    }
    if (options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_CONTRACT_CANCELLED, run->args[0]);
    hikae_contract_free(&contract);
    return status;
}

enum hikae_status command_contract_show(struct run *run)
{
    struct hikae_contract contract = {0};
    return show_contract(run, hikae_contract_show(run->hikae, run->args[0], &contract, &run->error), &contract);
}

enum hikae_status command_contract_survivors(struct run *run)
{
    struct hikae_contract contract = {0};
    const struct hikae_survivors_options options = {
        .from = run_option(run, "from"), .into = run_option(run, "into"), .dry_run = run_has(run, DRY_RUN)};
    enum hikae_status status = hikae_contract_survivors(run->hikae, run->args[0], &options, &contract, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_contract(run, &contract);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else {
        print_contract(run, &contract);
    }
    if (options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_SURVIVORS_KEPT, options.into);
    hikae_contract_free(&contract);
    return status;
}

enum hikae_status command_contract_export(struct run *run)
{
    struct hikae_receipt receipt = {0};
    struct hikae_customer_export_options options = {
        .to = run_option(run, "to"), .recipient = run_option(run, "recipient"), .dry_run = run_has(run, DRY_RUN)};
    char count[TEXT_SMALL];
    enum hikae_status status = value_which(run, &options.which);
    if (status != HIKAE_OK)
        return status;
    status = hikae_customer_export(run->hikae, run->args[0], &options, &receipt, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_receipt(&run->out, NULL, &receipt);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    }
    if (options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_CUSTOMER_EXPORTED, text_count(receipt.entries, count), options.recipient, options.to);
    hikae_receipt_free(&receipt);
    return status;
}

/* ---- disclose ---- */

static void show_disclosure(struct run *run, const struct hikae_disclosure *disclosure)
{
    static const char *const heads[] = {"FILE", ">BYTES", "SHA-256", NULL};
    struct out *out = &run->out;
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = out->json ? out_array(out, NULL, "files") : NULL;
    for (size_t i = 0; i < disclosure->count; i++) {
        const struct hikae_disclosed_file *file = &disclosure->files[i];
        json_t *item = array != NULL ? out_item(out, array) : NULL;
        if (item != NULL) {
            out_text(out, item, "path", file->path);
            out_text(out, item, "sha256", file->sha256);
            out_number(out, item, "bytes", file->bytes);
            continue;
        }
        columns_add(&columns, file->path);
        columns_add(&columns, text_count(file->bytes, text));
        columns_add(&columns, file->sha256);
    }
    if (!out->json) {
        run_table(run, &columns);
        return;
    }
    out_text(out, NULL, "disclosure", disclosure->id);
    out_text(out, NULL, "snapshot", disclosure->snapshot);
    out_text(out, NULL, "statement", disclosure->statement);
}

enum hikae_status command_disclose(struct run *run)
{
    struct hikae_disclosure disclosure = {0};
    struct hikae_disclose_options options = {.paths = run->args + 1,
                                             .path_count = run->arg_count - 1,
                                             .to = run_option(run, "to"),
                                             .authority = run_option(run, "authority"),
                                             .scope = run_option(run, "scope"),
                                             .recipient = run_option(run, "recipient"),
                                             .who = run_option(run, "who"),
                                             .why = run_option(run, "why"),
                                             .dry_run = run_has(run, DRY_RUN)};
    char count[TEXT_SMALL];
    enum hikae_status status = value_which(run, &options.which);
    if (status != HIKAE_OK)
        return status;
    status = hikae_disclose(run->hikae, run->args[0], &options, &disclosure, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    show_disclosure(run, &disclosure);
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    if (options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_DISCLOSED, text_count(disclosure.count, count), options.recipient);
    hikae_disclosure_free(&disclosure);
    return status;
}

/* ---- erasure ---- */

static void json_erasures(struct run *run, const struct hikae_erasures *erasures)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "erasures");
    for (size_t i = 0; i < erasures->count; i++) {
        const struct hikae_erasure *erasure = &erasures->erasures[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "id", erasure->id);
        json_texts(out, item, "paths", erasure->patterns, erasure->pattern_count);
        out_text(out, item, "who", erasure->who);
        out_text(out, item, "reason", erasure->reason);
        out_time(out, item, "since", erasure->since_ns);
        out_bool(out, item, "expiry_known", erasure->expiry_known);
        out_number(out, item, "snapshots", erasure->snapshots);
        out_time(out, item, "expires", erasure->expires_ns);
    }
}

/* When the data is gone from the targets, in words. */
static const char *expiry_of(const struct hikae_erasure *erasure, char *text)
{
    if (!erasure->expiry_known)
        return NULL;
    if (erasure->snapshots == 0)
        return "no snapshot holds it";
    return erasure->expires_ns != 0 ? text_time(erasure->expires_ns, text) : "not within ten years";
}

static enum hikae_status show_erasures(struct run *run, enum hikae_status status, struct hikae_erasures *erasures)
{
    static const char *const heads[] = {"ID", "SINCE", "WHO", "PATHS", "LAST SNAPSHOT GONE", NULL};
    char text[TEXT_SMALL];
    if (status > HIKAE_WARNINGS)
        return status;
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < erasures->count; i++) {
        const struct hikae_erasure *erasure = &erasures->erasures[i];
        char *paths CLEANUP_FREE = join(erasure->patterns, erasure->pattern_count);
        columns_add(&columns, erasure->id);
        columns_add(&columns, text_time(erasure->since_ns, text));
        columns_add(&columns, erasure->who);
        columns_add(&columns, paths);
        columns_add(&columns, expiry_of(erasure, text));
    }
    if (run->out.json) {
        json_erasures(run, erasures);
        if ((run->command->flags & COMMAND_DRY) != 0)
            out_bool(&run->out, NULL, "dry_run", run_has(run, DRY_RUN));
    } else {
        run_table(run, &columns);
    }
    if (run_has(run, DRY_RUN))
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, erasures->count == 0 ? MSG_ERASURES_NONE : MSG_ERASURES, text_count(erasures->count, text));
    hikae_erasures_free(erasures);
    return status;
}

enum hikae_status command_erasure_add(struct run *run)
{
    struct hikae_erasures erasures = {0};
    struct hikae_erasure_options options = {
        .who = run_option(run, "who"), .reason = run_option(run, "reason"), .dry_run = run_has(run, DRY_RUN)};
    const char **patterns CLEANUP_FREE = run_all(run, "path", &options.pattern_count);
    if (patterns == NULL)
        return run_no_memory(run);
    options.patterns = patterns;
    return show_erasures(run, hikae_erasure_add(run->hikae, run->args[0], &options, &erasures, &run->error), &erasures);
}

enum hikae_status command_erasure_list(struct run *run)
{
    struct hikae_erasures erasures = {0};
    bool expiry = run_has(run, "expiry");
    return show_erasures(run, hikae_erasure_list(run->hikae, run->args[0], expiry, &erasures, &run->error), &erasures);
}
