/* keys status, check, sheet, rotate; hold add, remove, list. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void json_keys(struct run *run, const struct hikae_keys *keys)
{
    struct out *out = &run->out;
    out_number(out, NULL, "epoch", keys->epoch);
    json_t *array = out_array(out, NULL, "holders");
    for (size_t i = 0; i < keys->holder_count; i++) {
        const struct hikae_holder *holder = &keys->holders[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "group", holder->group);
        out_text(out, item, "name", holder->name);
        out_text(out, item, "kind", holder->kind);
        out_text(out, item, "state", holder->state);
        out_text(out, item, "why", holder->why);
        out_text(out, item, "worth", holder->worth);
        out_bool(out, item, "group_opens", holder->group_opens);
    }
    out_number(out, NULL, "tenants", keys->tenants);
    out_number(out, NULL, "copies", keys->copies);
    out_number(out, NULL, "older_epochs", keys->older_epochs);
}

static void print_keys(struct run *run, const struct hikae_keys *keys)
{
    static const char *const heads[] = {"GROUP", "HOLDER", "KIND", "STATE", "WORTH", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < keys->holder_count; i++) {
        const struct hikae_holder *holder = &keys->holders[i];
        bool opens = holder->state != NULL && strcmp(holder->state, "opens") == 0;
        bool wrong = holder->state != NULL && strcmp(holder->state, "wrong") == 0;
        columns_add(&columns, holder->group);
        columns_add(&columns, holder->name);
        columns_add(&columns, holder->kind);
        columns_add_colour(&columns, holder->state, opens ? COLOUR_GREEN : wrong ? COLOUR_RED : COLOUR_YELLOW);
        columns_add(&columns, wrong && holder->why != NULL ? holder->why : holder->worth);
    }
    run_table(run, &columns);
}

static enum hikae_status show_keys(struct run *run, bool check)
{
    struct hikae_keys keys = {0};
    char epoch[TEXT_SMALL], tenants[TEXT_SMALL];
    enum hikae_status status = hikae_keys_status(run->hikae, check, &keys, &run->error);
    /* A holder that does not open is a result too. */
    if (status > HIKAE_WARNINGS && keys.holder_count == 0)
        return status;
    if (run->out.json)
        json_keys(run, &keys);
    else
        print_keys(run, &keys);
    (void)text_count(keys.epoch, epoch);
    (void)text_count(keys.tenants, tenants);
    if (status == HIKAE_OK)
        run_say(run, MSG_KEYS_GOOD, epoch, tenants);
    else if (status == HIKAE_WARNINGS)
        run_say(run, MSG_KEYS_WARN, epoch, tenants);
    hikae_keys_free(&keys);
    return status;
}

enum hikae_status command_keys_status(struct run *run)
{
    return show_keys(run, false);
}

enum hikae_status command_keys_check(struct run *run)
{
    return show_keys(run, true);
}

enum hikae_status command_keys_sheet(struct run *run)
{
    const char *file = run_option(run, "check");
    enum hikae_status status = hikae_keys_check_sheet(run->hikae, file, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "sheet", file);
        out_bool(&run->out, NULL, "checked", file != NULL);
    }
    /* Where the present sheet is, the library has said in a warning. */
    run_say(run, file != NULL ? MSG_SHEET_GOOD : MSG_SHEET_WHERE, file != NULL ? file : "");
    return status;
}

static enum hikae_status rotate_tenant(struct run *run, const char *tenant, bool dry_run)
{
    uint32_t generation = 0;
    char number[TEXT_SMALL];
    enum hikae_status status = hikae_keys_rotate_tenant(run->hikae, tenant, dry_run, &generation, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "tenant", tenant);
        out_number(&run->out, NULL, "generation", generation);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    (void)text_count(generation, number);
    if (dry_run)
        run_say(run, MSG_ROTATE_PLAN, number);
    else
        run_say(run, MSG_ROTATED_TENANT, tenant, number);
    return status;
}

static enum hikae_status rotate_root(struct run *run, bool dry_run)
{
    uint32_t epoch = 0;
    char *sheet = NULL;
    char number[TEXT_SMALL];
    enum hikae_status status = hikae_keys_rotate_root(run->hikae, dry_run, &epoch, &sheet, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_number(&run->out, NULL, "epoch", epoch);
        out_text(&run->out, NULL, "sheet", sheet);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    (void)text_count(epoch, number);
    if (dry_run)
        run_say(run, MSG_ROTATE_PLAN, number);
    else
        run_say(run, MSG_ROTATED_ROOT, number, sheet != NULL ? sheet : "-");
    free(sheet);
    return status;
}

enum hikae_status command_keys_rotate(struct run *run)
{
    const char *tenant = run_option(run, "tenant");
    bool dry_run = run_has(run, DRY_RUN);
    if (tenant != NULL && run_has(run, "root"))
        return run_usage(run, "--tenant and --root exclude each other");
    return tenant != NULL ? rotate_tenant(run, tenant, dry_run) : rotate_root(run, dry_run);
}

/* Print the holds; *ret_count is their number. */
static enum hikae_status show_holds(struct run *run, const char *tenant, size_t *ret_count)
{
    static const char *const heads[] = {"TENANT", "HOLD", "WHO", "UNTIL", "WHY", NULL};
    struct hikae_holds holds = {0};
    enum hikae_status status = hikae_hold_list(run->hikae, tenant, &holds, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "holds") : NULL;
    for (size_t i = 0; i < holds.count; i++) {
        const struct hikae_hold *hold = &holds.holds[i];
        json_t *item = array != NULL ? out_item(&run->out, array) : NULL;
        if (item != NULL) {
            out_text(&run->out, item, "tenant", hold->tenant);
            out_text(&run->out, item, "id", hold->id);
            out_text(&run->out, item, "who", hold->who);
            out_text(&run->out, item, "why", hold->why);
            out_text(&run->out, item, "until", hold->until);
            continue;
        }
        columns_add(&columns, hold->tenant);
        columns_add(&columns, hold->id);
        columns_add(&columns, hold->who);
        columns_add(&columns, hold->until);
        columns_add(&columns, hold->why);
    }
    if (!run->out.json)
        run_table(run, &columns);
    *ret_count = holds.count;
    hikae_holds_free(&holds);
    return status;
}

enum hikae_status command_hold_add(struct run *run)
{
    const char *until = run_option(run, "until");
    bool dry_run = run_has(run, DRY_RUN);
    size_t count = 0;
    int64_t until_ns;
    char text[CLOCK_TEXT_SIZE];
    if (until != NULL && value_time(run, "until", until, &until_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    enum hikae_status status =
        hikae_hold_add(run->hikae, run->args[0], run_option(run, "who"), run_option(run, "why"),
                       until != NULL ? clock_format(until_ns, text) : NULL, dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", dry_run);
    enum hikae_status shown = show_holds(run, run->args[0], &count);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_HELD, run->args[0], run_option(run, "who"));
    return shown > status ? shown : status;
}

enum hikae_status command_hold_remove(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    size_t count = 0;
    enum hikae_status status = hikae_hold_remove(run->hikae, run->args[0], run->args[1], run_option(run, "who"),
                                                 run_option(run, "why"), dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", dry_run);
    enum hikae_status shown = show_holds(run, run->args[0], &count);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_HOLD_REMOVED, run->args[1]);
    return shown > status ? shown : status;
}

enum hikae_status command_hold_list(struct run *run)
{
    size_t count = 0;
    char text[TEXT_SMALL];
    enum hikae_status status = show_holds(run, run->arg_count > 0 ? run->args[0] : NULL, &count);
    if (status <= HIKAE_WARNINGS)
        run_say(run, count == 0 ? MSG_HOLDS_NONE : MSG_HOLDS, text_count(count, text));
    return status;
}
