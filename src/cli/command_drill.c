/* drill, drill list, drill show. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- Options ---- */

static enum hikae_status read_part(struct run *run, const char *option, double *ret)
{
    const char *text = run_option(run, option);
    enum hikae_status status = text != NULL ? value_part(run, option, text, ret) : HIKAE_OK;
    /* The whole, which value_part calls 0, is no confidence that a sample could have. */
    if (status == HIKAE_OK && text != NULL && *ret <= 0)
        return run_usage(run, "--%s is a part: more than 0 %% and less than 100 %%", option);
    return status;
}

static enum hikae_status read_duration(struct run *run, const char *option, int64_t *ret)
{
    const char *text = run_option(run, option);
    return text != NULL ? value_duration(run, option, text, ret) : HIKAE_OK;
}

static enum hikae_status read_options(struct run *run, struct hikae_drill_options *options)
{
    const char *mode = run_option(run, "mode"), *bytes = run_option(run, "max-bytes");
    *options = (struct hikae_drill_options){
        .mode = mode == NULL || strcmp(mode, "sample") == 0 ? HIKAE_DRILL_SAMPLE
                : strcmp(mode, "full") == 0                 ? HIKAE_DRILL_FULL
                                                            : HIKAE_DRILL_BARE,
        .target = run_option(run, "target"),
        .snapshot = run_option(run, "snapshot"),
        .scratch = run_option(run, "scratch"),
        .key_file = run_option(run, "key-file"),
        .sheet_file = run_option(run, "sheet"),
        .passphrase_file = run_option(run, "passphrase-file"),
        .reason = run_option(run, "reason"),
        .report_file = run_option(run, "report"),
        .dry_run = run_has(run, DRY_RUN),
    };
    int openers = (options->key_file != NULL) + (options->sheet_file != NULL) + (options->passphrase_file != NULL);
    bool from_kit = strcmp(run->command->name, "drill away") == 0;
    if (openers > 1 || (openers > 0 && options->mode != HIKAE_DRILL_BARE && !from_kit))
        return run_usage(run, "one of --key-file, --sheet and --passphrase-file, and with --mode bare only");
    if (options->mode != HIKAE_DRILL_SAMPLE && (run_has(run, "confidence") || run_has(run, "damage")))
        return run_usage(run, "--confidence and --damage are of a sample: --mode %s restores everything", mode);
    enum hikae_status status = read_part(run, "confidence", &options->confidence);
    if (status == HIKAE_OK)
        status = read_part(run, "damage", &options->damage);
    if (status == HIKAE_OK)
        status = read_duration(run, "max-time", &options->max_ns);
    if (status == HIKAE_OK)
        status = read_duration(run, "check-time", &options->check_ns);
    if (status == HIKAE_OK && bytes != NULL)
        status = value_size(run, "max-bytes", bytes, &options->max_bytes);
    return status;
}

/* ---- JSON ---- */

/* The members that are fixed, from the statement that was signed; then the whole of it. */
static void json_drill(struct run *run, json_t *object, const struct hikae_drill *drill)
{
    struct out *out = &run->out;
    struct error ignored;
    json_t *statement = NULL;
    if (json_parse(drill->statement, strlen(drill->statement), &statement, &ignored) != 0) {
        out->no_memory = true;
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(statement, name, value) if (strcmp(name, "schema") != 0)
        out_set(out, object, name, json_incref(value));
    json_decref(statement);
}

/* ---- For people ---- */

static enum colour colour_of(const char *result)
{
    return strcmp(result, "passed") == 0                                 ? COLOUR_GREEN
           : strcmp(result, "failed") == 0 || strcmp(result, "cut") == 0 ? COLOUR_RED
                                                                         : COLOUR_YELLOW;
}

static bool is_plan(const struct hikae_drill *drill)
{
    return strcmp(drill->result, "planned") == 0;
}

static void print_targets(struct run *run, const struct hikae_drill *drill)
{
    static const char *const heads[] = {"TARGET", "RESULT", ">OF", ">SAMPLE", ">CHECKED", ">FETCHED", ">RESTORE", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < drill->target_count; i++) {
        const struct hikae_drill_target *target = &drill->targets[i];
        columns_add(&columns, target->name);
        columns_add_colour(&columns, target->result, colour_of(target->result));
        columns_add(&columns, text_count(target->population, text));
        columns_add(&columns, text_count(target->sample, text));
        columns_add(&columns, text_count(target->checked, text));
        columns_add(&columns, text_size(target->bytes_fetched, text));
        columns_add(&columns, text_duration(target->rto_ns, text));
    }
    run_table(run, &columns);
}

/* What a plan would take. */
static void print_plan(struct run *run, const struct hikae_drill *drill)
{
    static const char *const heads[] = {"TARGET", ">OF", ">SAMPLE", ">TO FETCH", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < drill->target_count; i++) {
        const struct hikae_drill_target *target = &drill->targets[i];
        columns_add(&columns, target->name);
        columns_add(&columns, text_count(target->population, text));
        columns_add(&columns, text_count(target->sample, text));
        columns_add(&columns, text_size(target->bytes_expected, text));
    }
    run_table(run, &columns);
}

/* Why a target did not pass: a column of its own, because it is as long as it must be. */
static void print_reasons(struct run *run, const struct hikae_drill *drill)
{
    static const char *const heads[] = {"TARGET", "WHY", NULL};
    struct columns columns CLEANUP(columns_free);
    size_t count = 0;
    columns_start(&columns, heads);
    for (size_t i = 0; i < drill->target_count; i++) {
        const struct hikae_drill_target *target = &drill->targets[i];
        if (target->why == NULL)
            continue;
        columns_add(&columns, target->name);
        columns_add(&columns, target->why);
        count++;
    }
    if (count > 0)
        run_table(run, &columns);
}

static void print_checks(struct run *run, const struct hikae_drill *drill)
{
    static const char *const heads[] = {"TARGET", "CHECK", "KIND", "STATE", "OUTPUT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < drill->check_count; i++) {
        const struct hikae_drill_check *check = &drill->checks[i];
        columns_add(&columns, check->target);
        columns_add(&columns, check->name);
        columns_add(&columns, check->kind);
        columns_add_colour(&columns, check->state, colour_of(check->state));
        columns_add(&columns, check->output);
    }
    if (drill->check_count > 0)
        run_table(run, &columns);
}

enum { FAILURES_SHOWN = 12 };

static void print_failures(struct run *run, const struct hikae_drill *drill)
{
    static const char *const heads[] = {"TARGET", "SNAPSHOT", "PATH", "WHY", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < drill->failure_count && i < FAILURES_SHOWN; i++) {
        const struct hikae_drill_failure *failure = &drill->failures[i];
        columns_add(&columns, failure->target);
        columns_add(&columns, failure->snapshot);
        columns_add(&columns, failure->path);
        columns_add(&columns, failure->why);
    }
    if (drill->failure_count > 0)
        run_table(run, &columns);
    char more[TEXT_SMALL];
    if (drill->failure_count > FAILURES_SHOWN)
        run_say(run, MSG_DRILL_MORE, text_count(drill->failure_count - FAILURES_SHOWN, more), drill->drill);
}

static void say_plan(struct run *run, const struct hikae_drill *drill, const char *confidence, const char *damage)
{
    char sample[TEXT_SMALL], population[TEXT_SMALL], bytes[TEXT_SMALL];
    (void)text_count(drill->sample, sample);
    (void)text_size(drill->bytes_expected, bytes);
    if (strcmp(drill->mode, "sample") == 0)
        run_say(run, MSG_DRILL_PLAN, drill->tenant, sample, text_count(drill->population, population), confidence,
                damage, bytes);
    else
        run_say(run, MSG_DRILL_PLAN_WHOLE, drill->tenant, sample, bytes);
}

static void say_result(struct run *run, const struct hikae_drill *drill)
{
    static const struct {
        const char *result;
        enum message message;
    } results[] = {{"failed", MSG_DRILL_FAILED}, {"cut", MSG_DRILL_CUT}, {"unknown", MSG_DRILL_UNKNOWN}};
    char checked[TEXT_SMALL], rto[TEXT_SMALL], rpo[TEXT_SMALL];
    (void)text_count(drill->checked, checked);
    if (strcmp(drill->result, "passed") == 0)
        run_say(run, MSG_DRILL_PASSED, drill->drill, drill->tenant, checked, text_duration(drill->rto_ns, rto),
                text_duration(drill->rpo_ns, rpo));
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (strcmp(drill->result, results[i].result) == 0)
            run_say(run, results[i].message, drill->drill, drill->tenant, checked);
}

static void say_drill(struct run *run, const struct hikae_drill *drill)
{
    char sample[TEXT_SMALL], population[TEXT_SMALL], confidence[TEXT_SMALL], damage[TEXT_SMALL], text[TEXT_SMALL];
    (void)snprintf(confidence, sizeof confidence, "%.4g %%", 100 * drill->reached);
    (void)snprintf(damage, sizeof damage, "%.4g %%", 100 * drill->damage);
    if (is_plan(drill)) {
        say_plan(run, drill, confidence, damage);
        return;
    }
    if (strcmp(drill->mode, "sample") == 0)
        run_say(run, MSG_DRILL_SAMPLE, text_count(drill->sample, sample), text_count(drill->population, population),
                confidence, damage);
    say_result(run, drill);
    if (!drill->rto_kept && drill->rto_ns > 0)
        run_say(run, MSG_DRILL_LATE, text_duration(drill->rto_promised_ns, text));
    if (!drill->rpo_kept && drill->rpo_ns > 0)
        run_say(run, MSG_DRILL_OLD, text_duration(drill->rpo_promised_ns, text));
}

static void print_drill(struct run *run, const struct hikae_drill *drill)
{
    if (is_plan(drill)) {
        print_plan(run, drill);
    } else {
        print_targets(run, drill);
        print_reasons(run, drill);
        print_checks(run, drill);
        print_failures(run, drill);
    }
    say_drill(run, drill);
}

/* ---- drill ---- */

static enum hikae_status drill_due(struct run *run)
{
    const struct hikae_run_options options = {.only = "drill", .dry_run = run_has(run, DRY_RUN)};
    struct hikae_run_result result = {0};
    enum hikae_status status = hikae_run(run->hikae, &options, &result, &run->error);
    run_show_jobs(run, &result, options.dry_run, status);
    hikae_run_result_free(&result);
    return status;
}

enum hikae_status command_drill(struct run *run)
{
    struct hikae_drill_options options;
    struct hikae_drill drill = {0};
    bool due = run_has(run, "due");
    if (due == (run->arg_count > 0))
        return run_usage(run, "drill needs a tenant, or --due");
    for (const struct option_def *def = run->command->options; due && def->name != NULL; def++)
        if (strcmp(def->name, "due") != 0 && (run_has(run, def->name) || run_option(run, def->name) != NULL))
            return run_usage(run, "--due takes --%s from the policies", def->name);
    if (due)
        return drill_due(run);
    enum hikae_status status = read_options(run, &options);
    if (status != HIKAE_OK)
        return status;
    status = hikae_drill_run(run->hikae, run->args[0], &options, &drill, &run->error);
    if (drill.drill == NULL)
        return status;
    if (run->out.json) {
        json_drill(run, NULL, &drill);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else {
        print_drill(run, &drill);
    }
    hikae_drill_free(&drill);
    return status;
}

/* ---- drill list, drill show ---- */

static void print_list(struct run *run, const struct hikae_drills *drills)
{
    static const char *const heads[] = {"DRILL", "TENANT", "TIME", "MODE", "RESULT", ">CHECKED", ">RTO", ">RPO", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < drills->count; i++) {
        const struct hikae_drill *drill = &drills->drills[i];
        columns_add(&columns, drill->drill);
        columns_add(&columns, drill->tenant);
        columns_add(&columns, text_time(drill->started_ns, text));
        columns_add(&columns, drill->mode);
        columns_add_colour(&columns, drill->result, colour_of(drill->result));
        columns_add(&columns, text_count(drill->checked, text));
        columns_add(&columns, text_duration(drill->rto_ns, text));
        columns_add(&columns, text_duration(drill->rpo_ns, text));
    }
    run_table(run, &columns);
    run_say(run, MSG_DRILLS, text_count(drills->count, text));
}

enum hikae_status command_drill_list(struct run *run)
{
    struct hikae_drills drills;
    enum hikae_status status =
        hikae_drill_list(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, &drills, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_t *array = out_array(&run->out, NULL, "drills");
        for (size_t i = 0; i < drills.count; i++) {
            json_t *item = out_item(&run->out, array);
            if (item != NULL)
                json_drill(run, item, &drills.drills[i]);
        }
    } else {
        print_list(run, &drills);
    }
    hikae_drills_free(&drills);
    return status;
}

enum hikae_status command_drill_show(struct run *run)
{
    struct hikae_drill drill;
    const char *html = run_option(run, "html");
    enum hikae_status status = hikae_drill_show(run->hikae, run->args[0], &drill, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (html != NULL)
        status = hikae_drill_page(&drill, html, &run->error);
    if (status <= HIKAE_WARNINGS && run->out.json) {
        json_drill(run, NULL, &drill);
        out_text(&run->out, NULL, "envelope", drill.envelope);
    } else if (status <= HIKAE_WARNINGS && run_has(run, "statement")) {
        (void)out_puts(&run->out, drill.envelope);
        (void)out_puts(&run->out, "\n");
    } else if (status <= HIKAE_WARNINGS) {
        print_drill(run, &drill);
    }
    hikae_drill_free(&drill);
    return status;
}

/* ---- drill kit, away, accept ---- */

enum hikae_status command_drill_kit(struct run *run)
{
    struct hikae_kit_options options = {.out = run_option(run, "out"),
                                        .passphrase_file = run_option(run, "passphrase-file"),
                                        .key_file = run_option(run, "key-file"),
                                        .dry_run = run_has(run, DRY_RUN)};
    const char *expires = run_option(run, "expires");
    enum hikae_status status = value_duration(run, "expires", expires, &options.life_ns);
    if (status == HIKAE_OK)
        status = hikae_drill_kit(run->hikae, run->args[0], &options, &run->error);
    if (status <= HIKAE_WARNINGS) {
        if (run->out.json) {
            out_text(&run->out, NULL, "kit", options.out);
            out_bool(&run->out, NULL, "dry_run", options.dry_run);
        }
        run_say(run, options.dry_run ? MSG_DRY_RUN : MSG_DRILL_KIT, options.out, expires);
    }
    return status;
}

static enum hikae_status show_one(struct run *run, struct hikae_drill *drill, enum hikae_status status)
{
    if (drill->drill == NULL)
        return status;
    if (run->out.json)
        json_drill(run, NULL, drill);
    else
        print_drill(run, drill);
    hikae_drill_free(drill);
    return status;
}

enum hikae_status command_drill_away(struct run *run)
{
    struct hikae_drill_options options;
    struct hikae_drill drill = {0};
    enum hikae_status status = read_options(run, &options);
    const char **settings CLEANUP_FREE = run_all(run, "set", &options.setting_count);
    if (status != HIKAE_OK || settings == NULL)
        return status != HIKAE_OK ? status : run->error.status;
    options.settings = settings;
    status = hikae_drill_away(run->args[0], &options, &drill, &run->error);
    return show_one(run, &drill, status);
}

enum hikae_status command_drill_accept(struct run *run)
{
    struct hikae_drill drill = {0};
    enum hikae_status status = hikae_drill_accept(run->hikae, run->args[0], run_has(run, DRY_RUN), &drill, &run->error);
    bool dry_run = run_has(run, DRY_RUN) && status <= HIKAE_WARNINGS;
    if (dry_run && run->out.json)
        out_bool(&run->out, NULL, "dry_run", true);
    status = show_one(run, &drill, status);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    return status;
}
