/* One target of a drill: restore through the way that users take, compare with the manifest, check, wipe. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/drill.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *drill_result_name(enum drill_result result)
{
    static const char *const names[] = {[DRILL_RESULT_PASSED] = "passed",
                                        [DRILL_RESULT_UNKNOWN] = "unknown",
                                        [DRILL_RESULT_CUT] = "cut",
                                        [DRILL_RESULT_FAILED] = "failed"};
    return names[result];
}

/* ---- What went wrong ---- */

void drill_site_fail(struct drill_site *site, enum drill_result result, enum error_class class, const char *fmt, ...)
{
    va_list args;
    if (result <= site->result)
        return;
    site->result = result;
    site->class = class;
    va_start(args, fmt);
    (void)vsnprintf(site->why, sizeof(site->why), fmt, args);
    va_end(args);
}

int drill_site_note(struct drill_site *site, const char *snapshot, const char *path, const char *why, struct error *err)
{
    if (site->failures == NULL && (site->failures = json_array()) == NULL)
        return error_no_memory(err);
    if (json_array_size(site->failures) >= DRILL_FAILURES_KEPT)
        return 0;
    json_t *item = json_pack("{s:s, s:o, s:o}", "snapshot", snapshot, "path", drill_text(path), "why", drill_text(why));
    return item != NULL && json_array_append_new(site->failures, item) == 0 ? 0 : error_no_memory(err);
}

void drill_site_clear(struct drill_site *site, size_t check_count)
{
    for (size_t i = 0; i < site->age_count; i++)
        drill_picks_free(&site->ages[i].picks);
    for (size_t i = 0; site->outcomes != NULL && i < check_count; i++)
        buf_free(&site->outcomes[i].output);
    mem_free(site->outcomes);
    mem_free(site->holder);
    json_decref(site->failures);
}

static enum drill_result result_of(enum error_class class)
{
    return class == ERROR_UNREACHABLE ? DRILL_RESULT_UNKNOWN : DRILL_RESULT_FAILED;
}

/* Does it end the drill, rather than be what the drill was to find out? */
static bool ends_drill(enum error_class class)
{
    return class == ERROR_NO_MEMORY || class == ERROR_INTERNAL || class == ERROR_USAGE || class == ERROR_CONFIG ||
           class == ERROR_BUSY;
}

int drill_site_settle(struct drill *drill, struct drill_site *site, const char *snapshot, const struct error *why,
                      struct error *err)
{
    char text[ERROR_CHAIN_SIZE + ERROR_WHAT_SIZE + 8];
    if (why->class == ERROR_INTERRUPTED && drill_budget_is_over(drill, text, sizeof(text))) {
        drill_site_fail(site, DRILL_RESULT_CUT, why->class, "%.400s", text);
        return 0;
    }
    if (why->class == ERROR_INTERRUPTED || ends_drill(why->class)) {
        *err = *why;
        return -1;
    }
    (void)snprintf(text, sizeof(text), "%s%s%s", why->chain, why->chain[0] != '\0' ? ": " : "", why->what);
    drill_site_fail(site, result_of(why->class), why->class, "%.500s", text);
    return drill_site_note(site, snapshot, "", text, err);
}

/* ---- Restoring ---- */

/* Data that is damaged or missing has failed; what could not be set on a file is only noted. */
static int note_errors(struct drill_restored *restored, struct error *err)
{
    struct drill_site *site = restored->site;
    for (size_t i = 0; i < restored->error_count; i++) {
        const struct hikae_entry_error *error = &restored->errors[i];
        bool data = error->status == HIKAE_DAMAGED || error->status == HIKAE_NOT_FOUND;
        if (!data && error->status != HIKAE_UNKNOWN) {
            site->warnings++;
            continue;
        }
        site->failed++;
        drill_site_fail(site, data ? DRILL_RESULT_FAILED : DRILL_RESULT_UNKNOWN,
                        data ? ERROR_DAMAGED : ERROR_UNREACHABLE, "%.200s: %.250s", error->path, error->message);
        if (drill_site_note(site, restored->age->snapshot, error->path, error->message, err) != 0)
            return -1;
    }
    return 0;
}

static int restore_paths(struct drill_restored *restored, const struct drill_paths *paths, struct error *why)
{
    const struct drill *drill = restored->drill;
    struct drill_site *site = restored->site;
    struct hikae_restore_result result = {0};
    struct hikae_error error = {0};
    struct hikae_restore_options options = drill_restore_options(drill, site, restored->age, paths);
    options.to = restored->folder;
    int64_t began = clock_monotonic_ns();
    enum hikae_status status = hikae_restore(restored->engine, drill->tenant, &options, &result, &error);
    site->restore_ns += clock_monotonic_ns() - began;
    if (status > HIKAE_WARNINGS && result.snapshot == NULL)
        return api_failure(&error, why);
    site->bytes += result.bytes;
    restored->errors = result.errors;
    restored->error_count = result.error_count;
    result.errors = NULL;
    result.error_count = 0;
    hikae_restore_result_free(&result);
    if (restored->error_count > 1)
        qsort(restored->errors, restored->error_count, sizeof(*restored->errors), drill_compare_errors);
    return 0;
}

/* ---- Application checks ---- */

static int run_checks(struct drill *drill, struct hikae *engine, struct drill_site *site, const char *folder,
                      struct error *err)
{
    int64_t began = clock_monotonic_ns();
    CLEANUP_FREE char *work = mem_printf("%s/" DRILL_WORK, drill->scratch.folder);
    if (drill->check_count == 0)
        return 0;
    site->outcomes = mem_calloc(drill->check_count, sizeof(*site->outcomes));
    if (work == NULL || site->outcomes == NULL)
        return error_no_memory(err);
    if (mkdir(work, 0700) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "make %s", work);
    const struct drill_place place = {.folder = folder,
                                      .work = work,
                                      .whole = drill->options->mode != HIKAE_DRILL_SAMPLE,
                                      .limit_ns =
                                          drill->options->check_ns > 0 ? drill->options->check_ns : 600 * NS_PER_S,
                                      .drill = drill->id,
                                      .tenant = drill->tenant,
                                      .target = site->name,
                                      .cancel = &engine->cancel};
    int rc = drill_checks_run(drill->checks, drill->check_count, &place, site->outcomes, err);
    for (size_t i = 0; rc == 0 && i < drill->check_count; i++)
        if (site->outcomes[i].state == DRILL_FAILED)
            drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "check %s: %.*s", drill->checks[i].name,
                            (int)(site->outcomes[i].output.size < 300 ? site->outcomes[i].output.size : 300),
                            (const char *)site->outcomes[i].output.data);
    struct error why = {0};
    if (drill_scratch_remove(work, &why) != 0 && rc == 0) {
        *err = why;
        rc = -1;
    }
    site->check_ns += clock_monotonic_ns() - began;
    return rc;
}

/* ---- One snapshot, one target ---- */

static int drill_age(struct drill_restored *restored, struct error *err)
{
    struct drill *drill = restored->drill;
    struct drill_site *site = restored->site;
    struct drill_paths paths;
    if (drill_paths_list(drill, site, restored->age, &paths, err) != 0)
        return -1;
    int rc = 0;
    if (paths.whole || paths.count > 0) {
        rc = restore_paths(restored, &paths, err);
        if (rc == 0)
            rc = note_errors(restored, err);
        if (rc == 0)
            rc = paths.whole ? drill_compare_all(restored, err) : drill_compare_sample(restored, err);
        if (rc == 0 && restored->age == site->ages) {
            site->newest_restored = site->failed == 0;
            rc = run_checks(drill, restored->engine, site, restored->folder, err);
        }
    }
    drill_paths_clear(&paths);
    return rc;
}

static int do_age(struct drill *drill, struct hikae *engine, struct drill_site *site, struct drill_age *age,
                  struct error *err)
{
    struct drill_restored restored = {.drill = drill, .engine = engine, .site = site, .age = age};
    struct error why = {0};
    restored.folder = drill_scratch_folder(&drill->scratch, age->snapshot, err);
    if (restored.folder == NULL)
        return -1;
    int rc = drill_age(&restored, &why);
    if (rc != 0)
        rc = drill_site_settle(drill, site, age->snapshot, &why, err);
    entry_errors_free(restored.errors, restored.error_count);
    int64_t began = clock_monotonic_ns();
    struct error left = {0};
    if (drill_scratch_remove(restored.folder, &left) != 0) {
        site->wiped = false;
        engine_warn(drill->hikae, "what was restored could not be removed: %s", left.what);
    }
    site->wipe_ns += clock_monotonic_ns() - began;
    mem_free(restored.folder);
    return rc;
}

static uint64_t bytes_to_restore(const struct drill *drill, const struct drill_site *site)
{
    uint64_t most = 0;
    for (size_t i = 0; i < site->age_count; i++) {
        const struct drill_age *age = &site->ages[i];
        uint64_t sum = drill->options->mode != HIKAE_DRILL_SAMPLE ? age->bytes : 0;
        for (size_t k = 0; drill->options->mode == HIKAE_DRILL_SAMPLE && k < age->sample && k < age->picks.count; k++)
            sum += age->picks.items[k].size;
        most = sum > most ? sum : most; /* one after the other, each wiped before the next */
    }
    return most;
}

/* The record itself must lie there: a copy in a cache of ours restores nothing when this machine is gone. */
static int check_records(struct drill *drill, struct drill_site *site, uint64_t bit, struct error *err)
{
    for (size_t i = 0; i < drill->age_count; i++) {
        if ((drill->ages[i].holders & bit) != 0)
            continue;
        drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "it has not the record of snapshot %s",
                        drill->ages[i].snapshot);
        if (drill_site_note(site, drill->ages[i].snapshot, "", "the target has not its record", err) != 0)
            return -1;
    }
    return 0;
}

static void finish(struct drill_site *site, const struct hikae *engine, struct drill *drill)
{
    char text[200];
    site->bytes_fetched = drill_fetched(engine);
    if (site->result == DRILL_RESULT_PASSED && site->checked == 0)
        drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "nothing was checked: there is no file in it");
    /* A budget that ended the drill when all was done took nothing away. */
    if (site->checked + site->failed < site->sample && drill_budget_is_over(drill, text, sizeof(text)))
        drill_site_fail(site, DRILL_RESULT_CUT, ERROR_INTERRUPTED, "%s: %llu of %llu were checked", text,
                        (unsigned long long)site->checked, (unsigned long long)site->sample);
}

/* Draw the files, and see that the disk and the budget suffice for them. */
static int prepare(struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *why)
{
    char text[200];
    if (restore_from_target(engine, site->name, why) != 0 || drill_keep_blocks(drill, engine, why) != 0 ||
        drill_choose_files(drill, engine, site, why) != 0 || drill_expect(drill, engine, site, why) != 0 ||
        drill_scratch_check_space(&drill->scratch, bytes_to_restore(drill, site), why) != 0)
        return -1;
    if (drill_budget_lacks(drill, site->bytes_expected, text, sizeof(text)))
        drill_site_fail(site, DRILL_RESULT_CUT, ERROR_INTERRUPTED, "%s", text);
    return 0;
}

int drill_target(struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err)
{
    struct error why = {0};
    site->wiped = true;
    int64_t began = clock_monotonic_ns();
    for (size_t i = 0; i < drill->hikae->target_count; i++)
        if (strcmp(drill->hikae->targets[i].name, site->name) == 0 && drill->hikae->targets[i].up &&
            check_records(drill, site, UINT64_C(1) << i, err) != 0)
            return -1;
    int rc = prepare(drill, engine, site, &why);
    site->choose_ns = clock_monotonic_ns() - began;
    if (rc != 0)
        rc = drill_site_settle(drill, site, "", &why, err);
    else
        for (size_t i = 0; rc == 0 && i < site->age_count && site->result != DRILL_RESULT_CUT; i++)
            rc = do_age(drill, engine, site, &site->ages[i], err);
    if (drill->options->mode != HIKAE_DRILL_SAMPLE && rc == 0 && site->age_count > 0)
        site->population = site->sample = site->ages[0].population;
    if (rc == 0)
        finish(site, engine, drill);
    drill_forget_blocks(engine);
    return rc;
}
