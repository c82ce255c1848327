/* verify, status. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

static const char *const finding_words[] = {"damaged", "missing", "unknown"};

/* The next of several lines as fresh memory, *text moving behind it; NULL at the end, or without memory. */
static char *next_line(struct run *run, const char **text)
{
    if (*text == NULL || **text == '\0')
        return NULL;
    size_t size = strcspn(*text, "\n");
    char *line = mem_dup(*text, size + 1);
    if (line == NULL) {
        run->out.no_memory = true;
        return NULL;
    }
    line[size] = '\0';
    *text += size + ((*text)[size] == '\n');
    return line;
}

/* What it costs comes as lines of text. */
static void json_cost(struct run *run, json_t *item, const char *cost)
{
    json_t *array = out_array(&run->out, item, "cost");
    char *line;
    while ((line = next_line(run, &cost)) != NULL) {
        out_item_text(&run->out, array, line);
        mem_free(line);
    }
}

static void add_cost(struct run *run, struct columns *columns, const char *cost)
{
    char *line;
    const char *word = "costs";
    while ((line = next_line(run, &cost)) != NULL) {
        columns_add(columns, " ");
        columns_add(columns, " ");
        columns_add(columns, word);
        columns_add(columns, line);
        mem_free(line);
        word = " ";
    }
}

static void json_verify(struct run *run, const struct hikae_verify_result *result, const char *level)
{
    struct out *out = &run->out;
    out_text(out, NULL, "level", level);
    out_number(out, NULL, "checked", result->checked);
    out_number(out, NULL, "sound", result->sound);
    out_number(out, NULL, "damaged", result->damaged);
    out_number(out, NULL, "unknown", result->unknown);
    out_number(out, NULL, "repaired", result->repaired);
    out_number(out, NULL, "bytes", result->bytes);
    out_seconds(out, NULL, "duration_s", result->duration_ns);
    json_t *array = out_array(out, NULL, "findings");
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct hikae_verify_finding *finding = &result->findings[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "target", finding->target);
        out_text(out, item, "object", finding->object);
        out_text(out, item, "state", finding_words[finding->state]);
        out_bool(out, item, "repaired", finding->repaired);
        out_text(out, item, "why", finding->why);
        json_cost(run, item, finding->cost);
    }
}

static void print_findings(struct run *run, const struct hikae_verify_result *result)
{
    static const char *const heads[] = {"STATE", "TARGET", "REPAIRED", "OBJECT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct hikae_verify_finding *finding = &result->findings[i];
        columns_add_colour(&columns, finding_words[finding->state], finding->repaired ? COLOUR_GREEN : COLOUR_RED);
        columns_add(&columns, finding->target);
        columns_add(&columns, finding->repaired ? "yes" : "no");
        char CLEANUP_FREE *object = mem_printf("%s%s%s", finding->object, finding->why != NULL ? ": " : "",
                                               finding->why != NULL ? finding->why : "");
        columns_add(&columns, object);
        if (!finding->repaired)
            add_cost(run, &columns, finding->cost);
    }
    run_table(run, &columns);
}

static void say_verify(struct run *run, const struct hikae_verify_result *result, enum hikae_status status,
                       bool dry_run)
{
    char checked[TEXT_SMALL], size[TEXT_SMALL], took[TEXT_SMALL], sound[TEXT_SMALL], damaged[TEXT_SMALL],
        unknown[TEXT_SMALL], repaired[TEXT_SMALL];
    (void)text_count(result->checked, checked);
    (void)text_size(result->bytes, size);
    (void)text_duration(result->duration_ns, took);
    /* What is missing on a target that is behind is no damage, and no repair brings it before its packs. */
    uint64_t behind = 0;
    for (size_t i = 0; i < result->finding_count; i++)
        behind += !result->findings[i].repaired;
    (void)text_count(result->damaged > behind ? result->damaged - behind : 0, damaged);
    if (dry_run)
        run_say(run, MSG_VERIFY_PLAN, checked);
    else if (status > HIKAE_WARNINGS)
        run_say(run, MSG_VERIFY_BAD, checked, text_count(result->sound, sound), text_count(result->damaged, damaged),
                text_count(result->unknown, unknown), text_count(result->repaired, repaired));
    else if (behind > 0)
        run_say(run, MSG_VERIFY_BEHIND, checked, size, took, damaged, text_count(result->repaired, repaired));
    else if (result->repaired > 0)
        run_say(run, MSG_VERIFY_REPAIRED, checked, size, took, damaged);
    else
        run_say(run, MSG_VERIFY_SOUND, checked, size, took);
}

static enum hikae_verify_level level_of(const char *word)
{
    if (strcmp(word, "inventory") == 0)
        return HIKAE_VERIFY_INVENTORY;
    return strcmp(word, "data") == 0 ? HIKAE_VERIFY_DATA : HIKAE_VERIFY_OBJECTS;
}

enum hikae_status command_verify(struct run *run)
{
    const char *level = run_option(run, "level") != NULL ? run_option(run, "level") : "objects";
    const char *sample = run_option(run, "sample");
    struct hikae_verify_options options = {
        .level = level_of(level),
        .target = run_option(run, "target"),
        .repair = run_has(run, "repair"),
        .dry_run = run_has(run, DRY_RUN),
    };
    if (sample != NULL && value_part(run, "sample", sample, &options.sample) != HIKAE_OK)
        return HIKAE_USAGE;
    struct hikae_verify_result result = {0};
    enum hikae_status status =
        hikae_verify(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, &options, &result, &run->error);
    /* Damage is a result too: what was checked is shown whether or not all of it was sound. */
    if (status > HIKAE_WARNINGS && result.checked == 0 && result.finding_count == 0)
        return status;
    if (run->out.json) {
        json_verify(run, &result, level);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else {
        print_findings(run, &result);
        say_verify(run, &result, status, options.dry_run);
    }
    hikae_verify_result_free(&result);
    return status;
}

static bool is_safe(const struct hikae_tenant_status *tenant)
{
    return tenant->last_success_ns != 0 && tenant->behind_count == 0 && !tenant->overdue && !tenant->unknown;
}

static void json_status(struct run *run, const struct hikae_status_report *report)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "tenants");
    for (size_t i = 0; i < report->count; i++) {
        const struct hikae_tenant_status *tenant = &report->tenants[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "name", tenant->name);
        out_time(out, item, "last_success", tenant->last_success_ns);
        if (tenant->last_success_ns == 0)
            out_set(out, item, "age_s", json_null());
        else
            out_seconds(out, item, "age_s", tenant->age_ns);
        json_t *behind = out_array(out, item, "behind");
        for (size_t k = 0; k < tenant->behind_count; k++)
            out_item_text(out, behind, tenant->behind[k]);
        out_time(out, item, "next_due", tenant->next_due_ns);
        out_bool(out, item, "overdue", tenant->overdue);
        out_bool(out, item, "unknown", tenant->unknown);
        json_t *drill = tenant->last_drill != NULL ? json_object() : json_null();
        if (tenant->last_drill != NULL) {
            out_time(out, drill, "time", tenant->last_drill_ns);
            out_text(out, drill, "result", tenant->last_drill);
        }
        out_set(out, item, "last_drill", drill);
        out_number(out, item, "copies_out", tenant->copies_out);
        out_number(out, item, "copies_overdue", tenant->copies_overdue);
    }
    json_t *deadlines = out_array(out, NULL, "deadlines");
    for (size_t i = 0; i < report->deadline_count; i++) {
        const struct hikae_deadline *deadline = &report->deadlines[i];
        json_t *item = out_item(out, deadlines);
        if (item == NULL)
            return;
        bool is_of_tenant = strcmp(deadline->kind, "erasure") == 0 || strcmp(deadline->kind, "copy") == 0 ||
                            strcmp(deadline->kind, "drill") == 0;
        out_text(out, item, "tenant", is_of_tenant ? deadline->subject : NULL);
        out_text(out, item, "what", deadline->kind);
        out_text(out, item, "subject", deadline->subject);
        out_text(out, item, "policy", deadline->policy);
        out_text(out, item, "strength", deadline->is_aim ? "aim" : "duty");
        out_bool(out, item, "missed", deadline->missed);
        out_time(out, item, "at", deadline->due_ns);
    }
    out_number(out, NULL, "incidents", report->incidents);
    out_number(out, NULL, "nonconformities", report->nonconformities);
}

/* What people must do, but for erasures, which have a sentence each. */
static void print_deadlines(struct run *run, const struct hikae_status_report *report)
{
    static const char *const heads[] = {"DUE", "WHAT", "OF", "POLICY", NULL};
    char text[TEXT_SMALL];
    size_t shown = 0;
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < report->deadline_count; i++) {
        const struct hikae_deadline *deadline = &report->deadlines[i];
        if (strcmp(deadline->kind, "erasure") == 0)
            continue;
        columns_add_colour(&columns, text_time(deadline->due_ns, text), deadline->missed ? COLOUR_RED : COLOUR_NONE);
        columns_add(&columns, deadline->kind);
        columns_add(&columns, deadline->subject);
        columns_add(&columns, deadline->policy);
        shown++;
    }
    if (shown > 0)
        run_table(run, &columns);
}

static void print_status(struct run *run, const struct hikae_status_report *report)
{
    static const char *const heads[] = {"TENANT", "LAST SUCCESS", ">AGE", "NEXT DUE", "BEHIND", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < report->count; i++) {
        const struct hikae_tenant_status *tenant = &report->tenants[i];
        char *behind = mem_strdup("");
        for (size_t k = 0; k < tenant->behind_count && behind != NULL; k++) {
            char *longer = mem_printf("%s%s%s", behind, k > 0 ? ", " : "", tenant->behind[k]);
            mem_free(behind);
            behind = longer;
        }
        columns_add(&columns, tenant->name);
        bool is_unread = tenant->unknown && tenant->last_success_ns == 0;
        columns_add_colour(&columns, is_unread ? "unknown" : text_time(tenant->last_success_ns, text),
                           tenant->last_success_ns == 0 ? COLOUR_RED : COLOUR_NONE);
        columns_add(&columns, tenant->last_success_ns == 0 ? NULL : text_duration(tenant->age_ns, text));
        columns_add_colour(&columns, tenant->next_due_ns == 0 ? NULL : text_time(tenant->next_due_ns, text),
                           tenant->overdue ? COLOUR_RED : COLOUR_NONE);
        columns_add_colour(&columns, behind, tenant->behind_count > 0 ? COLOUR_YELLOW : COLOUR_NONE);
        mem_free(behind);
    }
    run_table(run, &columns);
    for (size_t i = 0; i < report->count; i++)
        if (report->tenants[i].deadline_ns != 0)
            run_say(run, report->tenants[i].missed ? MSG_DEADLINE_MISSED : MSG_DEADLINE, report->tenants[i].name,
                    text_time(report->tenants[i].deadline_ns, text));
    print_deadlines(run, report);
}

enum hikae_status command_status(struct run *run)
{
    struct hikae_status_report report = {0};
    enum hikae_status status = hikae_overview(run->hikae, &report, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    char count[TEXT_SMALL], unsafe_count[TEXT_SMALL];
    size_t unsafe = 0;
    for (size_t i = 0; i < report.count; i++)
        unsafe += !is_safe(&report.tenants[i]);
    (void)text_count(report.count, count);
    (void)text_count(unsafe, unsafe_count);
    if (run->out.json)
        json_status(run, &report);
    else
        print_status(run, &report);
    if (report.count == 0)
        run_say(run, MSG_STATUS_NONE, NULL);
    else if (unsafe > 0)
        run_say(run, MSG_STATUS_BEHIND, count, unsafe_count);
    else
        run_say(run, MSG_STATUS, count);
    hikae_status_free(&report);
    return unsafe > 0 && status == HIKAE_OK ? HIKAE_WARNINGS : status;
}
