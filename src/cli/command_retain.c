/* retain, snapshot forget, policy simulate. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

/* All reasons as one sentence; fresh memory. */
static char *join_reasons(const struct hikae_retained *line)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < line->reason_count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? "; " : "", line->reasons[i]);
        mem_free(all);
        all = longer;
    }
    return all;
}

static json_t *json_line(struct run *run, json_t *array, const struct hikae_retained *line)
{
    struct out *out = &run->out;
    json_t *item = out_item(out, array);
    char *reason CLEANUP_FREE = join_reasons(line);
    if (item == NULL)
        return NULL;
    if (line->tenant != NULL)
        out_text(out, item, "tenant", line->tenant);
    out_text(out, item, "id", line->id);
    out_time(out, item, "time", line->time_ns);
    out_text(out, item, "tag", line->tag);
    out_text(out, item, "reason", reason);
    json_t *reasons = out_array(out, item, "reasons");
    for (size_t i = 0; i < line->reason_count; i++)
        out_item_text(out, reasons, line->reasons[i]);
    return item;
}

/* keep[] and drop[], as members of object (NULL: of the value itself). */
static void json_lines(struct run *run, json_t *object, const struct hikae_retained *lines, size_t count)
{
    json_t *keep = out_array(&run->out, object, "keep");
    json_t *drop = out_array(&run->out, object, "drop");
    for (size_t i = 0; i < count; i++)
        if (json_line(run, lines[i].keep ? keep : drop, &lines[i]) == NULL)
            return;
}

static void json_failures(struct run *run, const struct hikae_retain_result *result)
{
    struct out *out = &run->out;
    json_t *failed = out_array(out, NULL, "failed");
    for (size_t i = 0; i < result->failure_count; i++) {
        json_t *item = out_item(out, failed);
        if (item == NULL)
            return;
        out_text(out, item, "tenant", result->failures[i].tenant);
        out_text(out, item, "kind", result->failures[i].error.kind);
        out_text(out, item, "message", result->failures[i].error.message);
        out_text(out, item, "hint", result->failures[i].error.hint);
    }
}

static void print_plan(struct run *run, const struct hikae_retain_result *result)
{
    static const char *const heads[] = {"TENANT", "SNAPSHOT", "TIME", "", "WHY", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->count; i++) {
        const struct hikae_retained *line = &result->lines[i];
        char *reason CLEANUP_FREE = join_reasons(line);
        columns_add(&columns, line->tenant);
        columns_add(&columns, line->id);
        columns_add(&columns, text_time(line->time_ns, text));
        columns_add_colour(&columns, line->keep ? "keep" : "drop", line->keep ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, reason);
    }
    for (size_t i = 0; i < result->failure_count; i++) {
        columns_add(&columns, result->failures[i].tenant);
        columns_add(&columns, NULL);
        columns_add(&columns, NULL);
        columns_add_colour(&columns, "fail", COLOUR_RED);
        columns_add(&columns, result->failures[i].error.message);
    }
    run_table(run, &columns);
}

enum hikae_status command_retain(struct run *run)
{
    struct hikae_retain_result result = {0};
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status =
        hikae_retain(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, dry_run, &result, &run->error);
    /* What was planned for the others is shown although one tenant failed. */
    if (status > HIKAE_WARNINGS && result.failure_count == 0)
        return status;
    char kept[TEXT_SMALL], dropped[TEXT_SMALL];
    (void)text_count(result.keep_count, kept);
    (void)text_count(result.drop_count, dropped);
    if (run->out.json) {
        json_lines(run, NULL, result.lines, result.count);
        json_failures(run, &result);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    } else {
        print_plan(run, &result);
        run_say(run, dry_run ? MSG_RETAIN_PLAN : MSG_RETAINED, kept, dropped);
    }
    hikae_retain_result_free(&result);
    return status;
}

enum hikae_status command_snapshot_forget(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status = hikae_snapshot_forget(run->hikae, run->args[0], run->args[1], run_option(run, "who"),
                                                     run_option(run, "why"), dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "snapshot", run->args[1]);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_FORGOTTEN, run->args[1]);
    return status;
}

/* ---- policy simulate ---- */

struct simulation {
    struct run *run;
    json_t *days;
    struct columns columns;
    size_t count;
};

static int json_day(const struct hikae_simulated_day *day, void *context)
{
    struct simulation *simulation = context;
    struct run *run = simulation->run;
    json_t *item = out_item(&run->out, simulation->days);
    if (item == NULL)
        return -1;
    out_text(&run->out, item, "date", day->date);
    out_time(&run->out, item, "time", day->now_ns);
    json_lines(run, item, day->lines, day->count);
    return 0;
}

/* "a, b, c": the snapshots that are kept, or dropped. */
static char *join_ids(const struct hikae_simulated_day *day, bool keep)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < day->count && all != NULL; i++) {
        if (day->lines[i].keep != keep)
            continue;
        char *longer = mem_printf("%s%s%s", all, all[0] != '\0' ? ", " : "", day->lines[i].id);
        mem_free(all);
        all = longer;
    }
    return all;
}

static int add_day(const struct hikae_simulated_day *day, void *context)
{
    struct simulation *simulation = context;
    char kept_count[TEXT_SMALL];
    char *kept CLEANUP_FREE = join_ids(day, true);
    char *dropped CLEANUP_FREE = join_ids(day, false);
    columns_add(&simulation->columns, day->date);
    columns_add(&simulation->columns, text_count(day->keep_count, kept_count));
    columns_add(&simulation->columns, dropped);
    columns_add(&simulation->columns, kept);
    simulation->count++;
    return 0;
}

enum hikae_status command_policy_simulate(struct run *run)
{
    static const char *const heads[] = {"AFTER", ">KEPT", "DROPPED", "SNAPSHOTS KEPT", NULL};
    enum { DAYS = 30, DAYS_MAX = 3660 };
    struct simulation simulation = {.run = run};
    struct hikae_simulate_options options = {.tenant = run_option(run, "tenant"),
                                             .policy = run->arg_count > 0 ? run->args[0] : NULL,
                                             .config = run_config_path(run),
                                             .days = DAYS};
    const char *days = run_option(run, "days");
    char count[TEXT_SMALL];
    if (days != NULL && value_number(run, "days", days, DAYS_MAX, &options.days) != HIKAE_OK)
        return HIKAE_USAGE;
    if (options.tenant == NULL && options.policy == NULL)
        return run_usage(run, "name a policy, or a tenant whose policy is meant (--tenant)");
    if (options.tenant != NULL) {
        enum hikae_status opened = run_open_store(run);
        if (opened > HIKAE_WARNINGS)
            return opened;
    }
    columns_start(&simulation.columns, heads);
    if (run->out.json)
        simulation.days = out_array(&run->out, NULL, "days");
    enum hikae_status status =
        hikae_policy_simulate(run->hikae, &options, run->out.json ? json_day : add_day, &simulation, &run->error);
    if (status <= HIKAE_WARNINGS && !run->out.json) {
        run_table(run, &simulation.columns);
        run_say(run, MSG_SIMULATED, text_count(simulation.count, count));
    }
    columns_free(&simulation.columns);
    return status;
}
