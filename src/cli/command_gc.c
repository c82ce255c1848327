/* gc. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/mem.h"

#include <string.h>

static void json_targets(struct run *run, const struct hikae_gc_result *result)
{
    struct out *out = &run->out;
    json_t *freed = out_array(out, NULL, "freed");
    json_t *waiting = out_array(out, NULL, "waiting");
    for (size_t i = 0; i < result->target_count; i++) {
        const struct hikae_gc_target *target = &result->targets[i];
        json_t *item = out_item(out, freed);
        if (item == NULL)
            return;
        out_text(out, item, "target", target->name);
        out_number(out, item, "objects", target->freed_objects);
        out_number(out, item, "bytes", target->freed_bytes);
        out_number(out, item, "stored_bytes", target->stored_bytes);
        out_number(out, item, "billed_bytes", target->billed_bytes);
        out_time(out, item, "billed_until", target->billed_until_ns);
        item = out_item(out, waiting);
        if (item == NULL)
            return;
        out_text(out, item, "target", target->name);
        out_number(out, item, "objects", target->waiting_objects);
        out_number(out, item, "bytes", target->waiting_bytes);
        out_time(out, item, "until", target->until_ns);
        out_text(out, item, "why", target->why);
    }
}

static void json_gc(struct run *run, const struct hikae_gc_result *result)
{
    struct out *out = &run->out;
    json_targets(run, result);
    json_t *plan = out_array(out, NULL, "plan");
    for (size_t i = 0; i < result->step_count; i++) {
        const struct hikae_gc_step *step = &result->steps[i];
        json_t *item = out_item(out, plan);
        if (item == NULL)
            return;
        out_text(out, item, "tenant", step->tenant);
        out_text(out, item, "action", step->action);
        out_text(out, item, "reason", step->reason);
        out_text(out, item, "why", step->why);
        out_number(out, item, "objects", step->objects);
        out_number(out, item, "bytes", step->bytes);
    }
    json_t *refused = out_array(out, NULL, "refused");
    for (size_t i = 0; i < result->refused_count; i++) {
        json_t *item = out_item(out, refused);
        if (item == NULL)
            return;
        out_text(out, item, "tenant", result->refused[i].tenant);
        out_text(out, item, "kind", result->refused[i].error.kind);
        out_text(out, item, "why", result->refused[i].error.message);
        out_text(out, item, "hint", result->refused[i].error.hint);
    }
    json_t *held = out_array(out, NULL, "held");
    for (size_t i = 0; i < result->held_count; i++) {
        json_t *item = out_item(out, held);
        if (item == NULL)
            return;
        out_text(out, item, "tenant", result->held[i].tenant);
        out_text(out, item, "state", "held");
        out_text(out, item, "why", result->held[i].why);
    }
    out_number(out, NULL, "condemned_objects", result->condemned_objects);
    out_number(out, NULL, "condemned_bytes", result->condemned_bytes);
    out_number(out, NULL, "moved_bytes", result->moved_bytes);
    out_number(out, NULL, "live_bytes", result->live_bytes);
    out_seconds(out, NULL, "duration_s", result->duration_ns);
}

/* One that was named, and refused because it is held, is told once. */
static bool is_held(const struct hikae_gc_result *result, const char *tenant)
{
    for (size_t i = 0; i < result->held_count; i++)
        if (strcmp(result->held[i].tenant, tenant) == 0)
            return true;
    return false;
}

static void print_plan(struct run *run, const struct hikae_gc_result *result)
{
    static const char *const heads[] = {"TENANT", "ACTION", ">OBJECTS", ">SIZE", "WHY", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->step_count; i++) {
        const struct hikae_gc_step *step = &result->steps[i];
        char text[TEXT_SMALL];
        columns_add(&columns, step->tenant);
        columns_add(&columns, step->action);
        columns_add(&columns, text_count(step->objects, text));
        columns_add(&columns, text_size(step->bytes, text));
        columns_add(&columns, step->why);
    }
    for (size_t i = 0; i < result->held_count; i++) {
        columns_add(&columns, result->held[i].tenant);
        columns_add(&columns, "held");
        columns_add(&columns, NULL);
        columns_add(&columns, NULL);
        columns_add(&columns, result->held[i].why);
    }
    for (size_t i = 0; i < result->refused_count; i++) {
        if (is_held(result, result->refused[i].tenant))
            continue;
        columns_add(&columns, result->refused[i].tenant);
        columns_add_colour(&columns, "refused", COLOUR_YELLOW);
        columns_add(&columns, NULL);
        columns_add(&columns, NULL);
        columns_add(&columns, result->refused[i].error.message);
    }
    run_table(run, &columns);
}

static void print_targets(struct run *run, const struct hikae_gc_result *result)
{
    static const char *const heads[] = {"TARGET", ">FREED", ">WAITING", "UNTIL", "WHY", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < result->target_count; i++) {
        const struct hikae_gc_target *target = &result->targets[i];
        char text[TEXT_SMALL];
        columns_add(&columns, target->name);
        columns_add(&columns, text_size(target->freed_bytes, text));
        columns_add(&columns, text_size(target->waiting_bytes, text));
        columns_add(&columns, target->until_ns != 0 ? text_time(target->until_ns, text) : NULL);
        columns_add(&columns, target->why);
    }
    run_table(run, &columns);
}

enum hikae_status command_gc(struct run *run)
{
    struct hikae_gc_options options = {.dry_run = run_has(run, DRY_RUN)};
    struct hikae_gc_result result = {0};
    enum hikae_status status =
        hikae_gc(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, &options, &result, &run->error);
    char condemned[TEXT_SMALL], moved[TEXT_SMALL];
    /* What was done before it was stopped, or of other tenants, is a result too. */
    if (run->out.json) {
        json_gc(run, &result);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    } else {
        if (options.dry_run || result.refused_count > 0 || result.held_count > 0)
            print_plan(run, &result);
        if (!options.dry_run)
            print_targets(run, &result);
        if (status <= HIKAE_WARNINGS)
            run_say(run, options.dry_run ? MSG_GC_PLAN : MSG_GC_DONE, text_size(result.condemned_bytes, condemned),
                    text_size(result.moved_bytes, moved));
    }
    hikae_gc_result_free(&result);
    return status;
}
