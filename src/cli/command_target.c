/* target list, add, check. */
#include "cli/commands.h"
#include "cli/text.h"

#include "base/mem.h"

#include <string.h>

static bool is_usable(const struct hikae_target *target)
{
    return target->state != NULL && strcmp(target->state, "ok") == 0;
}

static void json_target(struct run *run, json_t *item, const struct hikae_target *target)
{
    out_text(&run->out, item, "name", target->name);
    out_text(&run->out, item, "url", target->url);
    out_text(&run->out, item, "driver", target->driver);
    out_text(&run->out, item, "state", target->state);
    out_text(&run->out, item, "why", target->why);
    out_text(&run->out, item, "country", target->country);
    out_text(&run->out, item, "site", target->site);
    out_text(&run->out, item, "provider", target->provider);
    out_text(&run->out, item, "region", target->region);
    out_bool(&run->out, item, "attested", target->attested);
    json_t *array = out_array(&run->out, item, "capabilities");
    if (target->create_once)
        out_item_text(&run->out, array, "create-once");
    if (target->versions)
        out_item_text(&run->out, array, "versions");
    if (target->lock)
        out_item_text(&run->out, array, "lock");
    if (target->free_bytes == UINT64_MAX)
        out_set(&run->out, item, "free_bytes", json_null());
    else
        out_number(&run->out, item, "free_bytes", target->free_bytes);
}

static void add_row(struct columns *columns, const struct hikae_target *target, bool verbose)
{
    char text[TEXT_SMALL];
    const char *caps[] = {target->create_once ? "create-once" : NULL, target->versions ? "versions" : NULL,
                          target->lock ? "lock" : NULL};
    char line[64] = "";
    for (size_t i = 0; i < 3; i++) {
        size_t used = strlen(line);
        if (caps[i] != NULL)
            (void)snprintf(line + used, sizeof line - used, "%s%s", used > 0 ? "," : "", caps[i]);
    }
    columns_add(columns, target->name);
    columns_add_colour(columns, target->state, is_usable(target) ? COLOUR_GREEN : COLOUR_RED);
    columns_add(columns, target->country);
    columns_add(columns, target->site);
    columns_add(columns, target->free_bytes == UINT64_MAX ? NULL : text_size(target->free_bytes, text));
    columns_add(columns, line);
    columns_add(columns, is_usable(target) || verbose ? target->url : target->why);
}

static void print_targets(struct run *run, const struct hikae_targets *targets, const char *only)
{
    static const char *const heads[] = {"NAME", "STATE", "COUNTRY", "SITE", ">FREE", "CAN", "WHERE", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "targets") : NULL;
    size_t bad = 0;
    size_t count = 0;
    for (size_t i = 0; i < targets->count; i++) {
        const struct hikae_target *target = &targets->targets[i];
        if (only != NULL && strcmp(only, target->name) != 0)
            continue;
        json_t *item = array != NULL ? out_item(&run->out, array) : NULL;
        count++;
        bad += !is_usable(target);
        if (item != NULL)
            json_target(run, item, target);
        else if (!run->out.json)
            add_row(&columns, target, run->verbose);
    }
    if (run->out.json)
        return;
    char all[TEXT_SMALL];
    char some[TEXT_SMALL];
    run_table(run, &columns);
    run_say(run, bad > 0 ? MSG_TARGETS_BAD : MSG_TARGETS, text_count(count, all), text_count(bad, some));
}

enum hikae_status command_target_list(struct run *run)
{
    struct hikae_targets targets = {0};
    enum hikae_status status = hikae_target_list(run->hikae, &targets, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    print_targets(run, &targets, NULL);
    hikae_targets_free(&targets);
    return status;
}

/* The exit code for a target's state; the worst of several is the one with the larger rank. */
static enum hikae_status judge(const struct hikae_target *target)
{
    if (is_usable(target))
        return HIKAE_OK;
    if (strcmp(target->state, "empty") == 0)
        return HIKAE_WARNINGS;
    if (strcmp(target->state, "denied") == 0)
        return HIKAE_KEYS;
    return strcmp(target->state, "unreachable") == 0 ? HIKAE_UNKNOWN : HIKAE_USAGE;
}

static enum hikae_status judge_all(struct run *run, const struct hikae_targets *targets, const char *only)
{
    /* CLI.md: of several, the first of 7, 6 … 1 that occurred. */
    enum hikae_status worst = HIKAE_OK;
    bool found = only == NULL;
    for (size_t i = 0; i < targets->count; i++) {
        const struct hikae_target *target = &targets->targets[i];
        if (only != NULL && strcmp(only, target->name) != 0)
            continue;
        enum hikae_status status = judge(target);
        found = true;
        if (status <= worst)
            continue;
        worst = status;
        (void)run_fail(run, status, target->state, "target %s is %s%s%s", target->name, target->state,
                       target->why != NULL ? ": " : "", target->why != NULL ? target->why : "");
    }
    if (found)
        return worst;
    (void)run_fail(run, HIKAE_NOT_FOUND, "not-found", "there is no target \"%s\"", only);
    return run_hint(run, "hikae target list shows them");
}

enum hikae_status command_target_check(struct run *run)
{
    struct hikae_targets targets = {0};
    const char *only = run->arg_count > 0 ? run->args[0] : NULL;
    enum hikae_status status = hikae_target_list(run->hikae, &targets, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    enum hikae_status judged = judge_all(run, &targets, only);
    if (judged != HIKAE_NOT_FOUND)
        print_targets(run, &targets, only);
    hikae_targets_free(&targets);
    return judged > status ? judged : status;
}

enum hikae_status command_target_add(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    char CLEANUP_FREE *name = mem_strdup(run->args[0]);
    if (name == NULL)
        return run_no_memory(run);
    name[strcspn(name, "=")] = '\0';
    if (strchr(run->args[0], '=') == NULL || name[0] == '\0')
        return run_usage(run, "\"%s\" is not of the form NAME=URL", run->args[0]);
    enum hikae_status status = hikae_target_add(run->hikae, run->args[0], dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "name", name);
        out_text(&run->out, NULL, "url", run->args[0] + strlen(name) + 1);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_TARGET_ADDED, name);
    return status;
}
