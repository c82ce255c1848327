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
    out_time(&run->out, item, "checked", target->checked_ns);
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
    columns_add(columns, target->checked_ns != 0 ? text_time(target->checked_ns, text) : "never");
    columns_add(columns, is_usable(target) || verbose ? target->url : target->why);
}

static void print_targets(struct run *run, const struct hikae_targets *targets)
{
    static const char *const heads[] = {"NAME", "STATE", "COUNTRY", "SITE", ">FREE", "CAN", "MEASURED", "WHERE", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "targets") : NULL;
    size_t bad = 0;
    size_t count = 0;
    for (size_t i = 0; i < targets->count; i++) {
        const struct hikae_target *target = &targets->targets[i];
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
    print_targets(run, &targets);
    hikae_targets_free(&targets);
    return status;
}

/* ---- check ---- */

static void json_report(struct run *run, json_t *item, const struct hikae_target_report *report)
{
    struct out *out = &run->out;
    json_target(run, item, &report->target);
    out_bool(out, item, "recorded", report->recorded);
    json_t *checks = out_array(out, item, "checks");
    for (size_t i = 0; i < report->probe_count; i++) {
        const struct hikae_target_probe *probe = &report->probes[i];
        json_t *check = out_item(out, checks);
        if (check == NULL)
            return;
        out_text(out, check, "name", probe->name);
        out_text(out, check, "state", hikae_outcome_word(probe->outcome));
        out_text(out, check, "detail", probe->detail);
        out_text(out, check, "hint", probe->hint);
    }
    json_t *measured = json_object();
    out_set(out, item, "measured", measured);
    if (measured == NULL || !report->measured)
        return;
    out_text(out, measured, "region", report->region);
    out_text(out, measured, "server", report->server);
    out_text(out, measured, "tls_version", report->tls_version);
    out_text(out, measured, "tls_cipher", report->tls_cipher);
    out_text(out, measured, "versioning", report->versioning);
    out_bool(out, measured, "lock_enabled", report->lock_enabled);
    out_text(out, measured, "lock_default", report->lock_default);
    out_number(out, measured, "lock_default_days", report->lock_default_days);
    out_bool(out, measured, "create_once", report->create_once);
    out_bool(out, measured, "checks_md5", report->checks_md5);
    out_bool(out, measured, "checks_sha256", report->checks_sha256);
    out_number(out, measured, "minimum_days", report->minimum_days);
    out_number(out, measured, "minimum_size", report->minimum_size);
    out_seconds(out, measured, "skew_s", report->skew_ns);
    out_seconds(out, measured, "latency_s", report->latency_ns);
    out_number(out, measured, "up_bytes_per_s", report->up_bytes_per_s);
    out_number(out, measured, "down_bytes_per_s", report->down_bytes_per_s);
}

static void add_probes(struct columns *columns, const struct hikae_target_report *report)
{
    static const enum colour colours[] = {[HIKAE_OUTCOME_OK] = COLOUR_GREEN,
                                          [HIKAE_OUTCOME_WARN] = COLOUR_YELLOW,
                                          [HIKAE_OUTCOME_FAIL] = COLOUR_RED,
                                          [HIKAE_OUTCOME_UNKNOWN] = COLOUR_YELLOW};
    for (size_t i = 0; i < report->probe_count; i++) {
        const struct hikae_target_probe *probe = &report->probes[i];
        columns_add(columns, i == 0 ? report->target.name : "");
        columns_add(columns, probe->name);
        columns_add_colour(columns, hikae_outcome_word(probe->outcome), colours[probe->outcome]);
        columns_add(columns, probe->detail);
    }
}

static void print_reports(struct run *run, const struct hikae_target_reports *reports)
{
    static const char *const heads[] = {"TARGET", "CHECK", "STATE", "FOUND", NULL};
    struct columns columns CLEANUP(columns_free);
    columns_start(&columns, heads);
    json_t *array = run->out.json ? out_array(&run->out, NULL, "targets") : NULL;
    size_t bad = 0;
    for (size_t i = 0; i < reports->count; i++) {
        const struct hikae_target_report *report = &reports->reports[i];
        json_t *item = array != NULL ? out_item(&run->out, array) : NULL;
        bad += report->status > HIKAE_WARNINGS;
        if (item != NULL)
            json_report(run, item, report);
        else if (!run->out.json)
            add_probes(&columns, report);
    }
    if (run->out.json)
        return;
    char all[TEXT_SMALL];
    char some[TEXT_SMALL];
    run_table(run, &columns);
    run_say(run, bad > 0 ? MSG_TARGETS_BAD : MSG_TARGETS, text_count(reports->count, all), text_count(bad, some));
}

/* CLI.md: of several, the first of 10, 7, 5, 6, 8, 3, 1 that occurred. */
static enum hikae_status judge_reports(struct run *run, const struct hikae_target_reports *reports)
{
    static const enum hikae_status order[] = {HIKAE_INTERNAL, HIKAE_KEYS, HIKAE_USAGE,     HIKAE_DAMAGED, HIKAE_UNKNOWN,
                                              HIKAE_REFUSED,  HIKAE_BUSY, HIKAE_NOT_FOUND, HIKAE_WARNINGS};
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
        for (size_t i = 0; i < reports->count; i++) {
            const struct hikae_target_report *report = &reports->reports[i];
            if (report->status != order[k])
                continue;
            const struct hikae_target_probe *probe = &report->probes[report->worst];
            if (report->target.why != NULL && (report->worst == 0 || report->status != HIKAE_DAMAGED))
                return run_fail(run, order[k], report->target.state, "target %s is %s: %s", report->target.name,
                                report->target.state, report->target.why); /* which says what to do */
            (void)run_fail(run, order[k], hikae_outcome_word(probe->outcome), "target %s: %s: %s", report->target.name,
                           probe->name, probe->detail);
            return probe->hint[0] != '\0' ? run_hint(run, "%s", probe->hint) : order[k];
        }
    return HIKAE_OK;
}

enum hikae_status command_target_check(struct run *run)
{
    const struct hikae_target_check_options options = {.name = run->arg_count > 0 ? run->args[0] : NULL,
                                                       .speed = run_has(run, "speed"),
                                                       .dry_run = run_has(run, DRY_RUN)};
    struct hikae_target_reports reports;
    enum hikae_status status = hikae_target_check(run->hikae, &options, &reports, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    print_reports(run, &reports);
    status = judge_reports(run, &reports);
    hikae_target_reports_free(&reports);
    return status;
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

enum hikae_status command_target_set(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    const char *name = run->args[0];
    enum hikae_status status =
        hikae_target_set(run->hikae, name, run->args + 1, run->arg_count - 1, dry_run, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "name", name);
        out_bool(&run->out, NULL, "dry_run", dry_run);
    }
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_TARGET_SET, name);
    return status;
}

/* The statement that an erasure ends with. */
static void say_erased(struct run *run, const struct hikae_target_retired *retired)
{
    char removed[TEXT_SMALL], removed_size[TEXT_SMALL], left[TEXT_SMALL], left_size[TEXT_SMALL], locked[TEXT_SMALL],
        until[TEXT_SMALL];
    run_say(run, retired->objects > 0 ? MSG_TARGET_ERASED_PART : MSG_TARGET_ERASED,
            text_count(retired->removed, removed), text_size(retired->removed_bytes, removed_size));
    if (retired->objects > 0)
        run_say(run, MSG_TARGET_ERASED_LEFT, text_count(retired->objects, left), text_size(retired->bytes, left_size),
                text_count(retired->locked, locked),
                retired->locked_until_ns != 0 ? text_time(retired->locked_until_ns, until) : "-");
}

enum hikae_status command_target_retire(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    const char *name = run->args[0];
    bool erase = run_has(run, "erase");
    struct hikae_target_retired retired;
    enum hikae_status status = hikae_target_retire(run->hikae, name, erase, dry_run, &retired, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "name", name);
        out_bool(&run->out, NULL, "dry_run", dry_run);
        out_number(&run->out, NULL, "snapshots_elsewhere", retired.snapshots);
        out_number(&run->out, NULL, "objects_removed", retired.removed);
        out_number(&run->out, NULL, "bytes_removed", retired.removed_bytes);
        out_number(&run->out, NULL, "objects_locked", retired.locked);
        out_time(&run->out, NULL, "locked_until", retired.locked_until_ns);
        out_set(&run->out, NULL, "objects_left",
                retired.counted ? json_integer((json_int_t)retired.objects) : json_null());
        out_set(&run->out, NULL, "bytes_left", retired.counted ? json_integer((json_int_t)retired.bytes) : json_null());
        return status;
    }
    char count[TEXT_SMALL];
    char size[TEXT_SMALL];
    if (dry_run)
        run_say(run, MSG_DRY_RUN, NULL);
    else
        run_say(run, MSG_TARGET_RETIRED, name, text_count(retired.snapshots, count));
    if (erase && !dry_run)
        say_erased(run, &retired);
    else if (retired.counted)
        run_say(run, MSG_TARGET_LEFT, text_count(retired.objects, count), text_size(retired.bytes, size));
    else
        run_say(run, MSG_TARGET_LEFT_UNKNOWN, NULL);
    return status;
}
