/* init, doctor, upgrade, version. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/mem.h"

enum hikae_status command_init(struct run *run)
{
    size_t count;
    size_t holder_count;
    const char **targets CLEANUP_FREE = run_all(run, "target", &count);
    const char **holders CLEANUP_FREE = run_all(run, "holder", &holder_count);
    if (targets == NULL || holders == NULL)
        return run->error.status;
    const char *dir = run_option(run, "dir");
    struct hikae_init_options options = {
        .dir = dir != NULL ? dir : "/etc/hikae",
        .targets = targets,
        .target_count = count,
        .passphrase_file = run_option(run, "passphrase-file"),
        .holders = holders,
        .holder_count = holder_count,
        .test_clock = run_has(run, "test-clock"),
        .dry_run = run_has(run, DRY_RUN),
    };
    const char *copies = run_option(run, "min-copies");
    if (copies != NULL && value_number(run, "min-copies", copies, 1000, &options.min_copies) != HIKAE_OK)
        return HIKAE_USAGE;
    struct hikae_init_result result = {0};
    enum hikae_status status = hikae_init(&options, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (options.test_clock)
        run_note_test_clock(run);
    if (run->out.json) {
        out_text(&run->out, NULL, "config", result.config);
        out_text(&run->out, NULL, "store", options.dry_run ? NULL : result.store);
        out_text(&run->out, NULL, "key", result.key);
        out_text(&run->out, NULL, "sheet", result.sheet);
        out_bool(&run->out, NULL, "dry_run", options.dry_run);
    }
    const char *config = result.config != NULL ? result.config : "-";
    const char *sheet = result.sheet != NULL ? result.sheet : "-";
    if (options.dry_run) {
        run_say(run, MSG_INIT_PLAN, config, sheet);
    } else {
        if (result.key != NULL)
            run_say(run, MSG_INIT_KEY, result.key);
        run_say(run, MSG_INIT_DONE, result.store != NULL ? result.store : "-", config, sheet);
    }
    hikae_init_result_free(&result);
    return status;
}

static void print_checks(struct run *run, const struct hikae_checks *checks)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    static const enum colour colours[] = {COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED};
    static const char *const heads[] = {"STATE", "CHECK", "FOUND", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "checks") : NULL;
    for (size_t i = 0; i < checks->count; i++) {
        const struct hikae_check *check = &checks->checks[i];
        json_t *item = array != NULL ? out_item(&run->out, array) : NULL;
        if (item != NULL) {
            out_text(&run->out, item, "name", check->name);
            out_text(&run->out, item, "state", words[check->state]);
            out_text(&run->out, item, "detail", check->detail);
            out_text(&run->out, item, "hint", check->hint);
            continue;
        }
        char CLEANUP_FREE *found =
            mem_printf("%s%s%s", check->detail, check->hint[0] != '\0' ? " → " : "", check->hint);
        columns_add_colour(&columns, words[check->state], colours[check->state]);
        columns_add(&columns, check->name);
        columns_add(&columns, found);
    }
    if (!run->out.json)
        run_table(run, &columns);
}

static void say_checks(struct run *run, const struct hikae_checks *checks)
{
    size_t warned = 0;
    size_t failed = 0;
    char all[TEXT_SMALL];
    char bad[TEXT_SMALL];
    for (size_t i = 0; i < checks->count; i++) {
        warned += checks->checks[i].state == HIKAE_CHECK_WARN;
        failed += checks->checks[i].state == HIKAE_CHECK_FAIL;
    }
    (void)text_count(checks->count, all);
    (void)text_count(failed > 0 ? failed : warned, bad);
    if (failed > 0)
        run_say(run, MSG_DOCTOR_FAILED, all, bad);
    else if (warned > 0)
        run_say(run, MSG_DOCTOR_WARNED, all, bad);
    else
        run_say(run, MSG_DOCTOR_SOUND, all);
}

enum hikae_status command_doctor(struct run *run)
{
    struct hikae_checks checks = {0};
    const char *path = run_config_path(run);
    enum hikae_status status = hikae_doctor(path, &checks, &run->error);
    if (checks.count > 0) {
        run_note_clock(run, path);
        print_checks(run, &checks);
        say_checks(run, &checks);
        /* The table has said what failed; the error line still names the first. */
        for (size_t i = 0; status > HIKAE_WARNINGS && run->error.message[0] == '\0' && i < checks.count; i++)
            if (checks.checks[i].state == HIKAE_CHECK_FAIL) {
                (void)run_fail(run, status, "check", "%s: %s", checks.checks[i].name, checks.checks[i].detail);
                (void)run_hint(run, "%s", checks.checks[i].hint);
            }
        hikae_checks_free(&checks);
    }
    return status;
}

enum hikae_status command_upgrade(struct run *run)
{
    /* Listing the tenants opens the store, its keystore and its catalogue: an older or newer format would show. */
    struct hikae_tenants tenants = {0};
    enum hikae_status status = hikae_tenant_list(run->hikae, NULL, &tenants, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    hikae_tenants_free(&tenants);
    if (run->out.json) {
        out_number(&run->out, NULL, "format", 1);
        out_bool(&run->out, NULL, "upgraded", false);
    }
    run_say(run, MSG_UPGRADE_NOTHING, NULL);
    return status;
}

enum hikae_status command_version(struct run *run)
{
    if (run->out.json) {
        out_text(&run->out, NULL, "version", HIKAE_VERSION);
        out_number(&run->out, NULL, "format", 1);
        return HIKAE_OK;
    }
    (void)out_puts(&run->out, "hikae " HIKAE_VERSION " (store format 1)\n");
    return HIKAE_OK;
}
