/* tenant load. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <string.h>

enum { PER_NIGHT_DEFAULT = 200, PER_NIGHT_MAX = 1000000 };

static void json_changes(struct run *run, const struct hikae_load_result *result)
{
    json_t *array = out_array(&run->out, NULL, "changes");
    for (size_t i = 0; i < result->count; i++) {
        const struct hikae_load_change *change = &result->changes[i];
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "tenant", change->tenant);
        out_text(&run->out, item, "what", change->what);
        out_text(&run->out, item, "how", change->how);
        out_number(&run->out, item, "line", change->line);
        out_bool(&run->out, item, "done", change->done);
    }
    out_number(&run->out, NULL, "added", result->added);
    out_number(&run->out, NULL, "changed", result->changed);
    out_number(&run->out, NULL, "same", result->same);
    out_bool(&run->out, NULL, "dry_run", run_has(run, DRY_RUN));
}

/* What stays as it is needs no line. */
static void print_changes(struct run *run, const struct hikae_load_result *result)
{
    static const char *const heads[] = {"TENANT", "WHAT", ">LINE", "HOW", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->count; i++) {
        const struct hikae_load_change *change = &result->changes[i];
        if (strcmp(change->what, "same") == 0)
            continue;
        columns_add(&columns, change->tenant);
        columns_add_colour(&columns, change->what, strcmp(change->what, "add") == 0 ? COLOUR_GREEN : COLOUR_YELLOW);
        columns_add(&columns, text_count(change->line, text));
        columns_add(&columns, change->how);
    }
    if (columns.count > 0)
        run_table(run, &columns);
}

static size_t count_made(const struct hikae_load_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->count; i++)
        count += result->changes[i].done && strcmp(result->changes[i].what, "same") != 0;
    return count;
}

enum hikae_status command_tenant_load(struct run *run)
{
    struct hikae_load_options options = {.per_night = PER_NIGHT_DEFAULT, .dry_run = run_has(run, DRY_RUN)};
    const char *per_night = run_option(run, "per-night");
    enum hikae_status status = HIKAE_OK;
    if (per_night != NULL && strcmp(per_night, "0") == 0)
        options.per_night = 0;
    else if (per_night != NULL)
        status = value_number(run, "per-night", per_night, PER_NIGHT_MAX, &options.per_night);
    if (status != HIKAE_OK)
        return status;
    struct hikae_load_result result = {0};
    status = hikae_tenant_load(run->hikae, run->args[0], &options, &result, &run->error);
    char added[TEXT_SMALL], changed[TEXT_SMALL], same[TEXT_SMALL];
    (void)text_count(result.added, added);
    (void)text_count(result.changed, changed);
    (void)text_count(result.same, same);
    size_t made = count_made(&result);
    if (run->out.json && (status != HIKAE_USAGE || made > 0))
        json_changes(run, &result);
    else if (status <= HIKAE_WARNINGS)
        print_changes(run, &result);
    /* Those that were not made are told as warnings, one by one. */
    if (status > HIKAE_WARNINGS && made > 0)
        run_say(run, MSG_TENANTS_LOADED_PART, text_count(made, added),
                text_count(result.added + result.changed, changed));
    else if (status <= HIKAE_WARNINGS)
        run_say(run, options.dry_run ? MSG_TENANTS_LOAD_PLAN : MSG_TENANTS_LOADED, added, changed, same);
    hikae_load_result_free(&result);
    return status;
}
