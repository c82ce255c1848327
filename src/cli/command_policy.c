/* policy list, show, check, diff, apply. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/mem.h"

#include <string.h>

/* ---- List ---- */

static enum colour colour_of(const char *state)
{
    if (strcmp(state, "applied") == 0 || strcmp(state, "built-in") == 0)
        return COLOUR_GREEN;
    return strcmp(state, "shipped") == 0 ? COLOUR_DIM : COLOUR_YELLOW;
}

static const char *title_of(const struct run *run, const struct hikae_policy *policy)
{
    return run->lang == LANG_JA ? policy->title_ja : policy->title_en;
}

static void json_policy(struct run *run, json_t *object, const struct hikae_policy *policy)
{
    out_text(&run->out, object, "name", policy->name);
    out_text(&run->out, object, "title_ja", policy->title_ja);
    out_text(&run->out, object, "title_en", policy->title_en);
    out_text(&run->out, object, "state", policy->state);
    out_text(&run->out, object, "file", policy->path);
    out_text(&run->out, object, "why", policy->why);
    out_text(&run->out, object, "sha256", policy->sha256);
    out_time(&run->out, object, "applied", policy->applied_ns);
    out_text(&run->out, object, "approved_by", policy->approved_by);
    out_number(&run->out, object, "versions", policy->versions);
    out_number(&run->out, object, "tenants", policy->tenants);
}

static void print_policies(struct run *run, const struct hikae_policies *policies)
{
    static const char *const heads[] = {"NAME", "STATE", "APPLIED", ">TENANTS", "WHAT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < policies->count; i++) {
        const struct hikae_policy *policy = &policies->policies[i];
        char tenants[TEXT_SMALL], applied[TEXT_SMALL];
        columns_add(&columns, policy->name);
        columns_add_colour(&columns, policy->state, colour_of(policy->state));
        columns_add(&columns, policy->applied_ns != 0 ? text_time(policy->applied_ns, applied) : NULL);
        columns_add(&columns, text_count(policy->tenants, tenants));
        columns_add(&columns, policy->why != NULL ? policy->why : title_of(run, policy));
    }
    run_table(run, &columns);
}

enum hikae_status command_policy_list(struct run *run)
{
    struct hikae_policies policies = {0};
    enum hikae_status status = hikae_policy_list(run->hikae, &policies, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_t *array = out_array(&run->out, NULL, "policies");
        for (size_t i = 0; i < policies.count; i++) {
            json_t *item = out_item(&run->out, array);
            if (item != NULL)
                json_policy(run, item, &policies.policies[i]);
        }
    } else {
        print_policies(run, &policies);
    }
    hikae_policies_free(&policies);
    return status;
}

/* ---- Show ---- */

static const char *status_of(const struct hikae_promise *promise)
{
    return promise->published ? "published" : "internal";
}

static void json_detail(struct run *run, const struct hikae_policy_detail *detail)
{
    json_policy(run, NULL, &detail->policy);
    json_t *promises = out_array(&run->out, NULL, "promises");
    for (size_t i = 0; i < detail->promise_count; i++) {
        const struct hikae_promise *promise = &detail->promises[i];
        json_t *item = out_item(&run->out, promises);
        if (item == NULL)
            return;
        out_text(&run->out, item, "id", promise->id);
        out_text(&run->out, item, "status", status_of(promise));
        out_text(&run->out, item, "by", promise->by_operator ? "operator" : "hikae");
        out_text(&run->out, item, "published_at", promise->published_at);
        out_text(&run->out, item, "ja", promise->ja);
        out_text(&run->out, item, "en", promise->en);
        json_t *rules = out_array(&run->out, item, "rules");
        for (size_t k = 0; k < promise->rule_count; k++)
            out_item_text(&run->out, rules, promise->rules[k]);
    }
    json_t *values = out_array(&run->out, NULL, "values");
    for (size_t i = 0; i < detail->value_count; i++) {
        json_t *item = out_item(&run->out, values);
        if (item == NULL)
            return;
        out_text(&run->out, item, "path", detail->values[i].path);
        out_text(&run->out, item, "value", detail->values[i].value);
    }
    out_text(&run->out, NULL, "text", detail->text);
}

static char *join_rules(const struct hikae_promise *promise)
{
    char *text = mem_strdup(promise->by_operator ? "people" : "");
    for (size_t i = 0; text != NULL && i < promise->rule_count; i++) {
        char *more = mem_printf("%s%s%s", text, text[0] != '\0' ? ", " : "", promise->rules[i]);
        mem_free(text);
        text = more;
    }
    return text;
}

static void print_promises(struct run *run, const struct hikae_policy_detail *detail)
{
    static const char *const heads[] = {"PROMISE", "STATUS", "KEPT BY", "WHAT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < detail->promise_count; i++) {
        const struct hikae_promise *promise = &detail->promises[i];
        char CLEANUP_FREE *rules = join_rules(promise);
        columns.failed = columns.failed || rules == NULL;
        columns_add(&columns, promise->id);
        columns_add(&columns, status_of(promise));
        columns_add(&columns, rules);
        columns_add(&columns, run->lang == LANG_JA ? promise->ja : promise->en);
    }
    run_table(run, &columns);
}

/* The promises' texts stand in the table before. */
static void print_values(struct run *run, const struct hikae_policy_detail *detail)
{
    static const char *const heads[] = {"RULE", "VALUE", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < detail->value_count; i++) {
        const struct hikae_policy_value *value = &detail->values[i];
        if (strncmp(value->path, "promises[", 9) == 0 || strstr(value->path, "keeps[") != NULL)
            continue;
        columns_add(&columns, value->path);
        columns_add(&columns, value->value);
    }
    run_table(run, &columns);
}

enum hikae_status command_policy_show(struct run *run)
{
    struct hikae_policy_detail detail = {0};
    enum hikae_status status = hikae_policy_show(run->hikae, run->args[0], &detail, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_detail(run, &detail);
    } else if (run_has(run, "text")) {
        (void)out_puts(&run->out, detail.text);
    } else {
        char applied[TEXT_SMALL];
        if (detail.promise_count > 0)
            print_promises(run, &detail);
        print_values(run, &detail);
        run_say(run, detail.policy.applied_ns != 0 ? MSG_POLICY_APPLIED_AT : MSG_POLICY_NOT_APPLIED, detail.policy.name,
                text_time(detail.policy.applied_ns, applied));
    }
    hikae_policy_detail_free(&detail);
    return status;
}

/* ---- Check ---- */

static const char *const severity_words[] = {
    [HIKAE_SEVERITY_WARNING] = "warning",
    [HIKAE_SEVERITY_UNMET] = "unmet",
    [HIKAE_SEVERITY_CONTRADICTION] = "contradiction",
};
static const enum colour severity_colours[] = {
    [HIKAE_SEVERITY_WARNING] = COLOUR_YELLOW,
    [HIKAE_SEVERITY_UNMET] = COLOUR_RED,
    [HIKAE_SEVERITY_CONTRADICTION] = COLOUR_RED,
};

static void json_findings(struct run *run, const struct hikae_policy_findings *findings)
{
    json_t *array = out_array(&run->out, NULL, "findings");
    for (size_t i = 0; i < findings->count; i++) {
        const struct hikae_policy_finding *finding = &findings->findings[i];
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "rule", finding->rule);
        out_text(&run->out, item, "severity", severity_words[finding->severity]);
        out_text(&run->out, item, "path", finding->path);
        out_number(&run->out, item, "line", finding->line);
        out_number(&run->out, item, "column", finding->column);
        out_text(&run->out, item, "what", finding->what);
        out_text(&run->out, item, "hint", finding->hint);
        out_bool(&run->out, item, "accepted", finding->accepted);
    }
}

static void print_findings(struct run *run, const struct hikae_policy_findings *findings)
{
    static const char *const heads[] = {"PLACE", "STATE", "RULE", "WHAT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < findings->count; i++) {
        const struct hikae_policy_finding *finding = &findings->findings[i];
        char CLEANUP_FREE *place = mem_printf("%u:%u", finding->line, finding->column);
        char CLEANUP_FREE *what = mem_printf("%s → %s", finding->what, finding->hint);
        columns.failed = columns.failed || place == NULL || what == NULL;
        columns_add(&columns, place);
        columns_add_colour(&columns, finding->accepted ? "accepted" : severity_words[finding->severity],
                           severity_colours[finding->accepted ? HIKAE_SEVERITY_WARNING : finding->severity]);
        columns_add(&columns, finding->rule);
        columns_add(&columns, what);
    }
    if (findings->count > 0)
        run_table(run, &columns);
}

enum hikae_status command_policy_check(struct run *run)
{
    struct hikae_policy_findings findings = {0};
    enum hikae_status status = hikae_policy_check(run_config_path(run), run->args[0], &findings, &run->error);
    if (findings.name == NULL)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "name", findings.name);
        out_text(&run->out, NULL, "file", findings.file);
        out_bool(&run->out, NULL, "with_installation", findings.with_installation);
        json_findings(run, &findings);
    } else {
        char count[TEXT_SMALL];
        print_findings(run, &findings);
        if (status <= HIKAE_WARNINGS)
            run_say(run, findings.count > 0 ? MSG_POLICY_WARNED : MSG_POLICY_SOUND, findings.name,
                    text_count(findings.count, count));
        if (!findings.with_installation)
            run_say(run, MSG_POLICY_ALONE, NULL);
    }
    hikae_policy_findings_free(&findings);
    return status;
}

/* ---- Diff and apply ---- */

static void json_diff(struct run *run, const struct hikae_policy_diff *diff)
{
    out_text(&run->out, NULL, "name", diff->name);
    out_bool(&run->out, NULL, "first", diff->first);
    out_bool(&run->out, NULL, "applied", diff->applied);
    out_number(&run->out, NULL, "tenants", diff->tenants);
    json_t *changes = out_array(&run->out, NULL, "changes");
    for (size_t i = 0; i < diff->change_count; i++) {
        json_t *item = out_item(&run->out, changes);
        if (item == NULL)
            return;
        out_text(&run->out, item, "path", diff->changes[i].path);
        out_text(&run->out, item, "before", diff->changes[i].before);
        out_text(&run->out, item, "after", diff->changes[i].after);
    }
    json_t *shortens = out_array(&run->out, NULL, "shortens");
    for (size_t i = 0; i < diff->shorten_count; i++)
        out_item_text(&run->out, shortens, diff->shortens[i]);
    json_t *drops = out_array(&run->out, NULL, "drops");
    for (size_t i = 0; i < diff->drop_count; i++) {
        json_t *item = out_item(&run->out, drops);
        if (item == NULL)
            return;
        out_text(&run->out, item, "tenant", diff->drops[i].tenant);
        out_text(&run->out, item, "snapshot", diff->drops[i].snapshot);
        out_time(&run->out, item, "time", diff->drops[i].time_ns);
        out_text(&run->out, item, "reason", diff->drops[i].reason);
    }
    json_findings(run, &diff->check);
}

static void print_changes(struct run *run, const struct hikae_policy_diff *diff)
{
    static const char *const heads[] = {"CHANGED", "IN FORCE", "IN THE FILE", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < diff->change_count; i++) {
        columns_add(&columns, diff->changes[i].path);
        columns_add(&columns, diff->changes[i].before);
        columns_add(&columns, diff->changes[i].after);
    }
    if (diff->change_count > 0)
        run_table(run, &columns);
}

static void print_drops(struct run *run, const struct hikae_policy_diff *diff)
{
    static const char *const heads[] = {"WOULD DROP", "SNAPSHOT", "TIME", "WHY", NULL};
    struct columns columns CLEANUP(columns_free);
    char text[TEXT_SMALL];
    columns_start(&columns, heads);
    for (size_t i = 0; i < diff->drop_count; i++) {
        columns_add(&columns, diff->drops[i].tenant);
        columns_add(&columns, diff->drops[i].snapshot);
        columns_add(&columns, text_time(diff->drops[i].time_ns, text));
        columns_add(&columns, diff->drops[i].reason);
    }
    if (diff->drop_count > 0)
        run_table(run, &columns);
}

static void print_diff(struct run *run, const struct hikae_policy_diff *diff)
{
    char drops[TEXT_SMALL], tenants[TEXT_SMALL];
    print_changes(run, diff);
    for (size_t i = 0; i < diff->shorten_count; i++)
        run_say(run, MSG_POLICY_SHORTENS, diff->shortens[i]);
    print_drops(run, diff);
    print_findings(run, &diff->check);
    (void)text_count(diff->drop_count, drops);
    (void)text_count(diff->tenants, tenants);
    if (diff->first)
        run_say(run, MSG_POLICY_FIRST, diff->name);
    else if (diff->change_count == 0)
        run_say(run, MSG_POLICY_SAME, diff->name);
    else
        run_say(run, MSG_POLICY_DIFFERS, diff->name, tenants, drops);
}

enum hikae_status command_policy_diff(struct run *run)
{
    struct hikae_policy_diff diff = {0};
    enum hikae_status status = hikae_policy_diff(run->hikae, run->args[0], &diff, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        json_diff(run, &diff);
    else
        print_diff(run, &diff);
    hikae_policy_diff_free(&diff);
    return status;
}

enum hikae_status command_policy_apply(struct run *run)
{
    struct hikae_policy_diff diff = {0};
    struct hikae_policy_apply_options options = {
        .what = run->args[0],
        .approve_as = run_option(run, "approve-as"),
        .why = run_option(run, "why"),
        .notice = run_option(run, "notice"),
        .notice_date = run_option(run, "notice-date"),
        .dry_run = run_has(run, DRY_RUN),
    };
    const char **accept CLEANUP_FREE = run_all(run, "accept", &options.accept_count);
    if (accept == NULL)
        return run_no_memory(run);
    options.accept = accept;
    enum hikae_status status = hikae_policy_apply(run->hikae, &options, &diff, &run->error);
    if (diff.name == NULL)
        return status;
    if (run->out.json) {
        json_diff(run, &diff);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else {
        print_diff(run, &diff);
        if (diff.applied)
            run_say(run, MSG_POLICY_IN_FORCE, diff.name);
        else if (status <= HIKAE_WARNINGS && options.dry_run)
            run_say(run, MSG_DRY_RUN, NULL);
    }
    hikae_policy_diff_free(&diff);
    return status;
}
