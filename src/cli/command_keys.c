/* keys status, check, sheet, rotate, holder; hold add, remove, list. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
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
        out_text(out, item, "presence", holder->presence);
        out_text(out, item, "identity", holder->identity);
        out_text(out, item, "detail", holder->detail);
        out_text(out, item, "country", holder->country);
        out_text(out, item, "final", holder->final);
        out_bool(out, item, "extractable", holder->extractable);
    }
    array = out_array(out, NULL, "old_holders");
    for (size_t i = 0; i < keys->old_count; i++) {
        const struct hikae_old_holder *old = &keys->old[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_number(out, item, "epoch", old->epoch);
        out_text(out, item, "group", old->group);
        out_text(out, item, "name", old->name);
        out_text(out, item, "kind", old->kind);
        out_text(out, item, "fate", old->fate);
        out_text(out, item, "final", old->final);
        out_text(out, item, "why", old->why);
    }
    out_number(out, NULL, "tenants", keys->tenants);
    out_number(out, NULL, "copies", keys->copies);
    out_number(out, NULL, "older_epochs", keys->older_epochs);
}

/* What the end of a holder is worth, for people. */
static const char *worth_of(const struct run *run, const struct hikae_holder *holder)
{
    char code[TEXT_SMALL];
    (void)snprintf(code, sizeof(code), "worth-%s", holder->kind);
    const char *words = run->lang == LANG_JA ? hikae_purge_phrase(code, "ja") : NULL;
    return words != NULL ? words : holder->worth;
}

/* What is left to do about a holder of an epoch that is over. */
static const char *left_of(const struct run *run, const struct hikae_old_holder *old)
{
    if (run->lang == LANG_JA && strcmp(old->kind, "sheet") == 0)
        return "紙とすべての写しを廃棄し、hikae purge declare で記録してください";
    if (run->lang == LANG_JA && strcmp(old->kind, "passphrase") == 0)
        return "このパスフレーズは当該エポックを開き続けます。別のものにしてください";
    return old->why;
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
        columns_add(&columns, wrong && holder->why != NULL ? holder->why : worth_of(run, holder));
    }
    run_table(run, &columns);
}

/* Holders of epochs that are over, which nobody knows to be destroyed. */
static void print_old(struct run *run, const struct hikae_keys *keys)
{
    static const char *const heads[] = {">OLD EPOCH", "GROUP", "HOLDER", "KIND", "FATE", "UNTIL", "WHAT IS LEFT", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < keys->old_count; i++) {
        const struct hikae_old_holder *old = &keys->old[i];
        char epoch[TEXT_SMALL];
        columns_add(&columns, text_count(old->epoch, epoch));
        columns_add(&columns, old->group);
        columns_add(&columns, old->name);
        columns_add(&columns, old->kind);
        columns_add_colour(&columns, old->fate, COLOUR_YELLOW);
        columns_add(&columns, old->final);
        columns_add(&columns, left_of(run, old));
    }
    if (keys->old_count > 0)
        run_table(run, &columns);
}

/* Where each key is: which one, and what its holder says of it. */
static void print_holders(struct run *run, const struct hikae_keys *keys)
{
    static const char *const heads[] = {"GROUP", "HOLDER", "KIND", "STATE", "KEY", "COUNTRY", "WHICH", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < keys->holder_count; i++) {
        const struct hikae_holder *holder = &keys->holders[i];
        columns_add(&columns, holder->group);
        columns_add(&columns, holder->name);
        columns_add(&columns, holder->kind);
        columns_add(&columns, holder->state);
        columns_add(&columns, holder->presence);
        columns_add(&columns, holder->country);
        columns_add(&columns, holder->identity);
    }
    run_table(run, &columns);
}

typedef void print_function(struct run *run, const struct hikae_keys *keys);

static enum hikae_status show_keys(struct run *run, bool check, print_function *print)
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
        print(run, &keys);
    if (!run->out.json)
        print_old(run, &keys);
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
    return show_keys(run, false, print_keys);
}

enum hikae_status command_keys_check(struct run *run)
{
    return show_keys(run, true, print_keys);
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

/* What a new root epoch came to; takes the sheet's path. */
static enum hikae_status tell_epoch(struct run *run, enum hikae_status status, uint32_t epoch, char *sheet,
                                    bool dry_run)
{
    char number[TEXT_SMALL];
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
    else if (sheet != NULL)
        run_say(run, MSG_ROTATED_ROOT, number, sheet);
    else
        run_say(run, MSG_ROTATED_NO_SHEET, number);
    free(sheet);
    return status;
}

static enum hikae_status rotate_root(struct run *run, bool dry_run)
{
    uint32_t epoch = 0;
    char *sheet = NULL;
    enum hikae_status status = hikae_keys_rotate_root(run->hikae, dry_run, &epoch, &sheet, &run->error);
    return tell_epoch(run, status, epoch, sheet, dry_run);
}

/* "GROUP/NAME" into two texts, of which `copy` is the memory. */
static enum hikae_status split_holder(struct run *run, const char *text, char **copy, const char **group,
                                      const char **name)
{
    *copy = mem_strdup(text);
    char *slash = *copy != NULL ? strchr(*copy, '/') : NULL;
    if (*copy == NULL)
        return run_usage(run, "out of memory");
    if (slash == NULL || slash == *copy || slash[1] == '\0')
        return run_usage(run, "a holder is named GROUP/NAME");
    *slash = '\0';
    *group = *copy;
    *name = slash + 1;
    return HIKAE_OK;
}

static enum hikae_status holder_list(struct run *run)
{
    return show_keys(run, false, print_holders);
}

static enum hikae_status holder_add(struct run *run)
{
    CLEANUP_FREE char *copy = NULL;
    const char *group, *name;
    uint32_t epoch = 0;
    char *sheet = NULL;
    bool dry_run = run_has(run, DRY_RUN);
    if (split_holder(run, run->args[1], &copy, &group, &name) != HIKAE_OK)
        return run->error.status;
    enum hikae_status status =
        hikae_keys_holder_add(run->hikae, group, name, run->args[2], dry_run, &epoch, &sheet, &run->error);
    return tell_epoch(run, status, epoch, sheet, dry_run);
}

static enum hikae_status holder_remove(struct run *run)
{
    CLEANUP_FREE char *copy = NULL;
    const char *group, *name;
    uint32_t epoch = 0;
    char *sheet = NULL;
    bool dry_run = run_has(run, DRY_RUN);
    if (split_holder(run, run->args[1], &copy, &group, &name) != HIKAE_OK)
        return run->error.status;
    enum hikae_status status = hikae_keys_holder_remove(run->hikae, group, name, dry_run, &epoch, &sheet, &run->error);
    return tell_epoch(run, status, epoch, sheet, dry_run);
}

enum hikae_status command_keys_holder(struct run *run)
{
    static const struct {
        const char *word, *arguments;
        size_t count;
        enum hikae_status (*act)(struct run *run);
    } table[] = {{"list", "no arguments", 1, holder_list},
                 {"add", "GROUP/NAME and KIND,key=value,…", 3, holder_add},
                 {"remove", "GROUP/NAME", 2, holder_remove}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(run->args[0], table[i].word) != 0)
            continue;
        if (run->arg_count != table[i].count)
            return run_usage(run, "keys holder %s takes %s", table[i].word, table[i].arguments);
        return table[i].act(run);
    }
    return run_usage(run, "keys holder does list, add or remove, not \"%s\"", run->args[0]);
}

enum hikae_status command_keys_rotate(struct run *run)
{
    const char *tenant = run_option(run, "tenant");
    bool dry_run = run_has(run, DRY_RUN);
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

/* After a change: what holds there are now, and what was done. */
static enum hikae_status show_changed(struct run *run, enum hikae_status status, bool dry_run, enum message done,
                                      const char *first, const char *second)
{
    size_t count = 0;
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        out_bool(&run->out, NULL, "dry_run", dry_run);
    enum hikae_status shown = show_holds(run, run->args[0], &count);
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, done, first, second);
    return shown > status ? shown : status;
}

enum hikae_status command_hold_add(struct run *run)
{
    const char *until = run_option(run, "until"), *who = run_option(run, "who");
    bool dry_run = run_has(run, DRY_RUN);
    int64_t until_ns;
    char text[CLOCK_TEXT_SIZE];
    if (until != NULL && value_time(run, "until", until, &until_ns) != HIKAE_OK)
        return HIKAE_USAGE;
    enum hikae_status status =
        hikae_hold_add(run->hikae, run->args[0], who, run_option(run, "why"),
                       until != NULL ? clock_format(until_ns, text) : NULL, dry_run, &run->error);
    return show_changed(run, status, dry_run, MSG_HELD, run->args[0], who);
}

enum hikae_status command_hold_remove(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    enum hikae_status status = hikae_hold_remove(run->hikae, run->args[0], run->args[1], run_option(run, "who"),
                                                 run_option(run, "why"), dry_run, &run->error);
    return show_changed(run, status, dry_run, MSG_HOLD_REMOVED, run->args[1], NULL);
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
