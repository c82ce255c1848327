/* keys operator, approve, roles. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- keys operator ---- */

static const char *state_of(const struct hikae_operator *operator_row)
{
    return operator_row->revoked_ns != 0 ? "revoked" : "active";
}

static void json_operators(struct run *run, const struct hikae_operators *operators)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "operators");
    for (size_t i = 0; i < operators->count; i++) {
        const struct hikae_operator *row = &operators->operators[i];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "name", row->name);
        out_text(out, item, "state", state_of(row));
        out_text(out, item, "keyid", row->keyid);
        out_text(out, item, "key", row->key);
        out_text(out, item, "deputy_of", row->deputy_of);
        out_time(out, item, "since", row->since_ns);
        out_time(out, item, "revoked", row->revoked_ns);
        out_bool(out, item, "signed", row->is_signed);
    }
    out_number(out, NULL, "people", operators->people);
    out_number(out, NULL, "disregarded", operators->disregarded);
}

static void print_operators(struct run *run, const struct hikae_operators *operators)
{
    static const char *const heads[] = {"OPERATOR", "", "DEPUTY OF", "SINCE", "ADDED BY", "KEY", NULL};
    char text[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < operators->count; i++) {
        const struct hikae_operator *row = &operators->operators[i];
        columns_add(&columns, row->name);
        columns_add_colour(&columns, state_of(row), row->revoked_ns != 0 ? COLOUR_YELLOW : COLOUR_GREEN);
        columns_add(&columns, row->deputy_of);
        columns_add(&columns, text_time(row->since_ns, text));
        columns_add(&columns, row->is_signed ? "two operators" : "nobody's signature");
        columns_add(&columns, row->keyid);
    }
    run_table(run, &columns);
}

static enum hikae_status show_operators(struct run *run, enum hikae_status status, struct hikae_operators *operators,
                                        bool dry_run)
{
    char people[TEXT_SMALL];
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_operators(run, operators);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    } else {
        print_operators(run, operators);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, operators->people < 2 ? MSG_OPERATORS_FEW : MSG_OPERATORS, text_count(operators->people, people));
    hikae_operators_free(operators);
    return status;
}

static enum hikae_status operator_new(struct run *run, bool dry_run)
{
    const char *path = run_option(run, "out");
    char *public_key CLEANUP_FREE = NULL, *keyid CLEANUP_FREE = NULL;
    if (path == NULL)
        return run_usage(run, "keys operator new needs --out FILE");
    if (dry_run) {
        if (run->out.json)
            out_bool(&run->out, NULL, "dry_run", true);
        run_say(run, MSG_DRY_RUN, NULL);
        return HIKAE_OK;
    }
    enum hikae_status status =
        hikae_operator_new(path, run_option(run, "passphrase-file"), &public_key, &keyid, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "keyid", keyid);
        out_text(&run->out, NULL, "key", public_key);
    } else {
        (void)out_puts(&run->out, public_key);
    }
    run_tell(run, MSG_OPERATOR_KEY, path, keyid);
    return status;
}

static enum hikae_status operator_add(struct run *run, bool dry_run)
{
    struct hikae_operators operators = {0};
    const struct hikae_operator_options options = {.name = run->args[1],
                                                   .key = run_option(run, "key"),
                                                   .deputy_of = run_option(run, "deputy-of"),
                                                   .dry_run = dry_run};
    if (options.key == NULL)
        return run_usage(run, "keys operator add needs --key PUB.pem");
    return show_operators(run, hikae_operator_add(run->hikae, &options, &operators, &run->error), &operators, dry_run);
}

static enum hikae_status operator_revoke(struct run *run, bool dry_run)
{
    struct hikae_operators operators = {0};
    enum hikae_status status = hikae_operator_revoke(run->hikae, run->args[1], dry_run, &operators, &run->error);
    return show_operators(run, status, &operators, dry_run);
}

static enum hikae_status operator_list(struct run *run, bool dry_run)
{
    struct hikae_operators operators = {0};
    return show_operators(run, hikae_operator_list(run->hikae, &operators, &run->error), &operators, dry_run);
}

/* What each of its words takes: a name, and which of the options. */
static const struct act {
    const char *word;
    size_t names;
    const char *options[2];
    bool store;
    enum hikae_status (*run)(struct run *run, bool dry_run);
} acts[] = {{"new", 0, {"out", "passphrase-file"}, false, operator_new},
            {"add", 1, {"key", "deputy-of"}, true, operator_add},
            {"revoke", 1, {NULL}, true, operator_revoke},
            {"list", 0, {NULL}, true, operator_list}};

/* An option that would be ignored is refused. */
static enum hikae_status check_act(struct run *run, const struct act *act)
{
    if (run->arg_count != 1 + act->names)
        return run_usage(run, "keys operator %s %s", act->word, act->names > 0 ? "needs a NAME" : "takes no name");
    for (const struct option_def *def = run->command->options; def->name != NULL; def++) {
        bool takes = false;
        for (size_t i = 0; i < sizeof(act->options) / sizeof(act->options[0]); i++)
            takes = takes || (act->options[i] != NULL && strcmp(act->options[i], def->name) == 0);
        if (!takes && run_has(run, def->name))
            return run_usage(run, "keys operator %s takes no --%s", act->word, def->name);
    }
    return HIKAE_OK;
}

enum hikae_status command_keys_operator(struct run *run)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(run->args[0], acts[i].word) != 0)
            continue;
        enum hikae_status status = check_act(run, &acts[i]);
        if (status == HIKAE_OK && acts[i].store)
            status = run_open_store(run);
        return status > HIKAE_WARNINGS ? status : acts[i].run(run, run_has(run, DRY_RUN));
    }
    return run_usage(run, "keys operator does new, add, revoke or list, not \"%s\"", run->args[0]);
}

/* ---- approve ---- */

static void json_approvals(struct run *run, const struct hikae_approvals *approvals, bool dry_run)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "approvals");
    for (size_t i = 0; i < approvals->count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "operator", approvals->approvals[i].operator_name);
        out_text(out, item, "keyid", approvals->approvals[i].keyid);
        out_time(out, item, "time", approvals->approvals[i].time_ns);
        out_time(out, item, "expires", approvals->approvals[i].expires_ns);
    }
    out_bool(out, NULL, "again", approvals->again);
    out_bool(out, NULL, "dry_run", dry_run);
}

static void print_approvals(struct run *run, const struct hikae_approvals *approvals)
{
    static const char *const heads[] = {"OPERATOR", "SIGNED", "UNTIL", "KEY", NULL};
    char signed_at[TEXT_SMALL], until[TEXT_SMALL];
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < approvals->count; i++) {
        columns_add(&columns, approvals->approvals[i].operator_name);
        columns_add(&columns, text_time(approvals->approvals[i].time_ns, signed_at));
        columns_add(&columns, text_time(approvals->approvals[i].expires_ns, until));
        columns_add(&columns, approvals->approvals[i].keyid);
    }
    run_table(run, &columns);
}

enum hikae_status command_approve(struct run *run)
{
    struct hikae_approvals approvals = {0};
    struct hikae_approve_options options = {.act = run->args[0],
                                            .name = run->args[1],
                                            .plan = run_option(run, "plan"),
                                            .key = run_option(run, "operator"),
                                            .passphrase_file = run_option(run, "passphrase-file"),
                                            .dry_run = run_has(run, DRY_RUN)};
    const char *days = run_option(run, "days");
    char count[TEXT_SMALL];
    if (days != NULL && value_number(run, "days", days, 30, &options.days) != HIKAE_OK)
        return HIKAE_USAGE;
    enum hikae_status status = hikae_approve(run->hikae, &options, &approvals, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json)
        json_approvals(run, &approvals, options.dry_run);
    else
        print_approvals(run, &approvals);
    if (options.dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, approvals.again ? MSG_APPROVED_AGAIN : MSG_APPROVED, text_count(approvals.count, count));
    hikae_approvals_free(&approvals);
    return status;
}

/* ---- roles ---- */

static void json_roles(struct run *run, const struct hikae_roles *roles)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "roles");
    for (size_t i = 0; i < roles->role_count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "role", roles->roles[i].name);
        out_text(out, item, "user", roles->roles[i].user);
        out_bool(out, item, "user_exists", roles->roles[i].user_exists);
        out_text(out, item, "config", roles->roles[i].config);
        out_text(out, item, "can", roles->roles[i].can);
    }
    array = out_array(out, NULL, "credentials");
    for (size_t i = 0; i < roles->credential_count; i++) {
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        out_text(out, item, "config", roles->credentials[i].config);
        out_text(out, item, "target", roles->credentials[i].target);
        out_text(out, item, "write", roles->credentials[i].write);
        out_text(out, item, "read", roles->credentials[i].read);
        out_text(out, item, "delete", roles->credentials[i].remove);
    }
    array = out_array(out, NULL, "warnings");
    for (size_t i = 0; i < roles->warning_count; i++)
        out_item_text(out, array, roles->warnings[i]);
    json_operators(run, &roles->operators);
}

static void json_role_files(struct run *run, const struct hikae_roles *roles)
{
    struct out *out = &run->out;
    json_t *array = out_array(out, NULL, "files");
    for (size_t i = 0; i < roles->file_count; i++) {
        const struct hikae_role_file *file = &roles->files[i];
        char mode[16];
        json_t *item = out_item(out, array);
        if (item == NULL)
            return;
        (void)snprintf(mode, sizeof(mode), "%04o", file->mode);
        out_text(out, item, "path", file->path);
        out_text(out, item, "what", file->what);
        out_text(out, item, "used_by", file->used_by);
        out_bool(out, item, "exists", file->is_there);
        out_text(out, item, "mode", file->is_there ? mode : NULL);
        out_text(out, item, "owner", file->owner);
        out_text(out, item, "group", file->group);
        out_bool(out, item, "acl", file->acl);
        json_t *readers = out_array(out, item, "readable_by");
        for (size_t k = 0; k < file->reader_count; k++)
            out_item_text(out, readers, file->readers[k]);
    }
}

static void print_role_files(struct run *run, const struct hikae_roles *roles)
{
    static const char *const heads[] = {"FILE", "IS", "RIGHTS", "OWNED BY", "READ BY", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < roles->file_count; i++) {
        const struct hikae_role_file *file = &roles->files[i];
        char mode[16];
        (void)snprintf(mode, sizeof(mode), "%04o%s", file->mode, file->acl ? "+" : "");
        char *owner CLEANUP_FREE = file->is_there ? mem_printf("%s:%s", file->owner, file->group) : NULL;
        char *readers CLEANUP_FREE = mem_strdup(file->is_there ? "root" : "-");
        for (size_t k = 0; k < file->reader_count && readers != NULL; k++) {
            char *longer = mem_printf("%s, %s", readers, file->readers[k]);
            mem_free(readers);
            readers = longer;
        }
        columns_add(&columns, file->path);
        columns_add(&columns, file->what);
        columns_add(&columns, file->is_there ? mode : "not here");
        columns_add(&columns, owner);
        columns_add(&columns, readers);
    }
    run_table(run, &columns);
}

static void print_roles(struct run *run, const struct hikae_roles *roles)
{
    static const char *const heads[] = {"ROLE", "USER", "CONFIGURATION", "CAN", NULL};
    static const char *const credential_heads[] = {"CONFIGURATION", "TARGET",       "WRITES WITH",
                                                   "READS WITH",    "DELETES WITH", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    for (size_t i = 0; i < roles->role_count; i++) {
        const struct hikae_role *role = &roles->roles[i];
        char *user CLEANUP_FREE = mem_printf("%s%s", role->user, role->user_exists ? "" : " (not here)");
        columns_add(&columns, role->name);
        columns_add(&columns, user);
        columns_add(&columns, role->config);
        columns_add(&columns, run->lang == LANG_JA ? role->can_ja : role->can);
    }
    run_table(run, &columns);
    print_role_files(run, roles);
    struct columns credentials CLEANUP(columns_free);
    columns_start(&credentials, credential_heads);
    for (size_t i = 0; i < roles->credential_count; i++) {
        columns_add(&credentials, roles->credentials[i].config);
        columns_add(&credentials, roles->credentials[i].target);
        columns_add(&credentials, roles->credentials[i].write);
        columns_add(&credentials, roles->credentials[i].read);
        columns_add(&credentials, roles->credentials[i].remove);
    }
    run_table(run, &credentials);
    print_operators(run, &roles->operators);
}

enum hikae_status command_roles(struct run *run)
{
    struct hikae_roles roles = {0};
    char count[TEXT_SMALL];
    enum hikae_status status = hikae_roles_report(run_config_path(run), &roles, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        json_roles(run, &roles);
        json_role_files(run, &roles);
    } else {
        print_roles(run, &roles);
    }
    for (size_t i = 0; i < roles.warning_count && !run->out.json; i++) {
        char CLEANUP_FREE *words = watch_words(&run->watch, roles.warnings[i]);
        run_say(run, MSG_WARNING, words != NULL ? words : roles.warnings[i]);
    }
    run_say(run, roles.warning_count == 0 ? MSG_ROLES_SOUND : MSG_ROLES_WARNED, text_count(roles.warning_count, count));
    hikae_roles_free(&roles);
    return status;
}
