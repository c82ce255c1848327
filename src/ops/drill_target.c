/* One target of a drill: restore through the way that users take, compare with the manifest, check, wipe. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/drill.h"
#include "ops/erasure.h"
#include "ops/look.h"
#include "pipeline/restore.h"

#include <errno.h>
#include <fcntl.h>
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

/* A restored folder, and what is known of it. */
struct restored {
    struct drill *drill;
    struct hikae *engine;
    struct drill_site *site;
    struct drill_age *age;
    char *folder;
    struct hikae_entry_error *errors; /* sorted by path */
    size_t error_count;
    bool all_errors_known;
};

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_errors(const void *a, const void *b)
{
    return strcmp(((const struct hikae_entry_error *)a)->path, ((const struct hikae_entry_error *)b)->path);
}

/*
 * The paths of a sample, sorted, with those that application checks need, if this is the newest snapshot. A database
 * may have a log beside it. *ret_paths borrows, but for the array and the texts in *ret_owned (drill_texts_free).
 */
static int list_paths(const struct restored *restored, const char ***ret_paths, size_t *ret_count, char **owned,
                      struct error *err)
{
    static const char *const beside[] = {"-wal", "-journal"};
    const struct drill *drill = restored->drill;
    const struct drill_age *age = restored->age;
    size_t count = 0;
    *ret_paths = mem_calloc(age->sample + 3 * drill->check_count + 1, sizeof(char *));
    if (*ret_paths == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < age->sample && i < age->picks.count; i++)
        (*ret_paths)[count++] = age->picks.items[i].path;
    for (size_t i = 0; age == restored->site->ages && i < drill->check_count; i++) {
        const struct drill_check *check = &drill->checks[i];
        if (check->kind == DRILL_CHECK_SQL || check->kind == DRILL_CHECK_COMMAND)
            continue;
        (*ret_paths)[count++] = check->path;
        for (size_t k = 0; check->kind == DRILL_CHECK_SQLITE && k < 2; k++) {
            owned[2 * i + k] = mem_printf("%s%s", check->path, beside[k]);
            if (owned[2 * i + k] == NULL)
                return error_no_memory(err);
            (*ret_paths)[count++] = owned[2 * i + k];
        }
    }
    qsort(*ret_paths, count, sizeof(char *), compare_texts);
    *ret_count = count;
    return 0;
}

/* As if it had failed inside: the public error again as one of ours. */
void drill_public_error(const struct hikae_error *from, struct error *err)
{
    static const enum error_class classes[] = {
        [HIKAE_USAGE] = ERROR_CONFIG,        [HIKAE_BUSY] = ERROR_BUSY,
        [HIKAE_NOT_FOUND] = ERROR_NOT_FOUND, [HIKAE_DAMAGED] = ERROR_DAMAGED,
        [HIKAE_UNKNOWN] = ERROR_UNREACHABLE, [HIKAE_KEYS] = ERROR_KEYS,
        [HIKAE_REFUSED] = ERROR_REFUSED,     [HIKAE_INTERRUPTED] = ERROR_INTERRUPTED,
        [HIKAE_INTERNAL] = ERROR_INTERNAL,
    };
    /* What the scratch folder's disk refuses has the same exit code as a defect, and is told by its kind. */
    bool is_local = strcmp(from->kind, error_class_name(ERROR_LOCAL)) == 0;
    (void)error_set(err, is_local ? ERROR_LOCAL : classes[from->status], "%s", from->message);
    (void)error_hint(err, "%s", from->hint);
}

/* Data that is damaged or missing has failed; what could not be set on a file is only noted. */
static int note_errors(struct restored *restored, struct error *err)
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

static int restore_paths(struct restored *restored, const char *const *paths, size_t count, struct error *why)
{
    const struct drill *drill = restored->drill;
    struct drill_site *site = restored->site;
    struct hikae_restore_result result = {0};
    struct hikae_error error = {0};
    const struct hikae_restore_options options = {.which = {.snapshot = restored->age->snapshot},
                                                  .to = restored->folder,
                                                  .paths = paths,
                                                  .path_count = count,
                                                  .literal = true,
                                                  .target = site->name,
                                                  .no_owner = true,
                                                  .destination = HIKAE_TO_DRILL,
                                                  .reason = "drill",
                                                  .ticket = drill->id};
    int64_t began = clock_monotonic_ns();
    enum hikae_status status = hikae_restore(restored->engine, drill->tenant, &options, &result, &error);
    site->restore_ns += clock_monotonic_ns() - began;
    if (status > HIKAE_WARNINGS) {
        drill_public_error(&error, why);
        return -1;
    }
    site->bytes += result.bytes;
    restored->errors = result.errors;
    restored->error_count = result.error_count;
    restored->all_errors_known = result.errors_total == result.error_count;
    result.errors = NULL;
    result.error_count = 0;
    hikae_restore_result_free(&result);
    if (restored->error_count > 1)
        qsort(restored->errors, restored->error_count, sizeof(*restored->errors), compare_errors);
    return 0;
}

/* ---- Comparing with the manifest ---- */

/* An entry that is not there, or not as the manifest has it: NULL if it is. */
static const char *difference(const char *folder, const char *path, enum entry_type type, uint64_t size,
                              const struct bytes *link)
{
    struct stat st;
    CLEANUP_FREE char *full = mem_printf("%s/%s", folder, path);
    if (full == NULL || lstat(full, &st) != 0)
        return "it is not there after the restore";
    switch (type) {
    case ENTRY_FILE:
        return !S_ISREG(st.st_mode)           ? "it is no file after the restore"
               : (uint64_t)st.st_size != size ? "its size is not that of the snapshot"
                                              : NULL;
    case ENTRY_DIRECTORY:
        return S_ISDIR(st.st_mode) ? NULL : "it is no folder after the restore";
    case ENTRY_SYMLINK:
        return S_ISLNK(st.st_mode) && (uint64_t)st.st_size == link->size ? NULL
                                                                         : "it is not that link after the restore";
    default:
        return NULL;
    }
}

/* Compare one; what the restore itself has reported is counted already. */
static int compare_one(struct restored *restored, const char *path, enum entry_type type, uint64_t size,
                       const struct bytes *link, struct error *err)
{
    struct drill_site *site = restored->site;
    const struct hikae_entry_error key = {.path = (char *)(uintptr_t)path};
    const struct hikae_entry_error *known =
        restored->error_count > 0 ? bsearch(&key, restored->errors, restored->error_count, sizeof(key), compare_errors)
                                  : NULL;
    if (known != NULL &&
        (known->status == HIKAE_DAMAGED || known->status == HIKAE_NOT_FOUND || known->status == HIKAE_UNKNOWN))
        return 0;
    const char *what = difference(restored->folder, path, type, size, link);
    if (what == NULL) {
        site->checked++;
        return 0;
    }
    site->failed++;
    drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "%.300s: %s", path, what);
    return drill_site_note(site, restored->age->snapshot, path, what, err);
}

static int compare_sample(struct restored *restored, struct error *err)
{
    const struct drill_picks *picks = &restored->age->picks;
    for (size_t i = 0; i < restored->age->sample && i < picks->count; i++)
        if (compare_one(restored, picks->items[i].path, ENTRY_FILE, picks->items[i].size, NULL, err) != 0)
            return -1;
    return 0;
}

/* Devices and sockets need rights that a drill does not have; what could not be read at the time has no content. */
static bool is_compared(const struct entry *entry)
{
    return !entry->unreadable && (entry->type == ENTRY_FILE || entry->type == ENTRY_DIRECTORY ||
                                  entry->type == ENTRY_SYMLINK || entry->type == ENTRY_HARDLINK);
}

static int compare_all(struct restored *restored, struct error *err)
{
    struct view view;
    struct manifest_reader *reader = NULL;
    const struct entry *entry;
    const struct hikae_which which = {.snapshot = restored->age->snapshot};
    if (view_open(restored->engine, restored->drill->tenant, &which, &view, err) != 0)
        return -1;
    struct erasure_list erased = {0};
    int rc = erasure_load(&view.session, &erased, err);
    if (rc == 0)
        rc = view_manifest(&view, view.snapshot, &reader, err);
    restored->age->population = 0;
    while (rc == 0 && (rc = manifest_reader_next(reader, &entry, err)) > 0) {
        rc = view_cancelled(&view, err);
        if (rc != 0 || !is_compared(entry) || restore_omits(erasure_patterns(&erased), erased.count, entry))
            continue;
        restored->age->population++;
        rc = view_path(entry, &view.path, err);
        if (rc == 0)
            rc = compare_one(restored, (const char *)view.path.data, entry->type, entry->size, &entry->link, err);
    }
    manifest_reader_free(reader);
    erasure_clear(&erased);
    view_close(&view);
    return rc;
}

/* ---- Application checks ---- */

static int run_checks(struct drill *drill, struct hikae *engine, struct drill_site *site, const char *folder,
                      struct error *err)
{
    int64_t began = clock_monotonic_ns();
    CLEANUP_FREE char *work = mem_printf("%s/check", drill->scratch.folder);
    if (drill->check_count == 0)
        return 0;
    site->outcomes = mem_calloc(drill->check_count, sizeof(*site->outcomes));
    if (work == NULL || site->outcomes == NULL)
        return error_no_memory(err);
    /* A server may need another account to come through; what is restored lies beside it, closed. */
    if (mkdir(work, 0711) != 0 || chmod(drill->scratch.folder, 0711) != 0)
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

static int drill_age(struct restored *restored, struct error *err)
{
    struct drill *drill = restored->drill;
    struct drill_site *site = restored->site;
    bool whole = drill->options->mode != HIKAE_DRILL_SAMPLE, newest = restored->age == site->ages;
    const char **paths CLEANUP_FREE = NULL;
    char *owned[2 * DRILL_CHECKS_MAX] = {NULL};
    size_t count = 0;
    int rc = whole ? 0 : list_paths(restored, &paths, &count, owned, err);
    if (rc == 0 && (whole || count > 0)) {
        rc = restore_paths(restored, paths, count, err);
        if (rc == 0)
            rc = note_errors(restored, err);
        if (rc == 0)
            rc = whole ? compare_all(restored, err) : compare_sample(restored, err);
        if (rc == 0 && newest) {
            site->newest_restored = site->failed == 0;
            rc = run_checks(drill, restored->engine, site, restored->folder, err);
        }
    }
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        mem_free(owned[i]);
    return rc;
}

static int do_age(struct drill *drill, struct hikae *engine, struct drill_site *site, struct drill_age *age,
                  struct error *err)
{
    struct restored restored = {.drill = drill, .engine = engine, .site = site, .age = age};
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
    for (size_t i = 0; i < engine->target_count; i++)
        site->bytes_fetched += atomic_load(&engine->targets[i].bytes_fetched);
    if (site->result == DRILL_RESULT_PASSED && site->checked == 0)
        drill_site_fail(site, DRILL_RESULT_FAILED, ERROR_DAMAGED, "nothing was checked: there is no file in it");
    /* A budget that ended the drill when all was done took nothing away. */
    if (site->checked + site->failed < site->sample && drill_budget_is_over(drill, text, sizeof(text)))
        drill_site_fail(site, DRILL_RESULT_CUT, ERROR_INTERRUPTED, "%s: %llu of %llu were checked", text,
                        (unsigned long long)site->checked, (unsigned long long)site->sample);
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
    int rc = restore_from_target(engine, site->name, &why);
    if (rc == 0)
        rc = drill_choose_files(drill, engine, site, &why);
    site->choose_ns = clock_monotonic_ns() - began;
    if (rc == 0)
        rc = drill_scratch_check_space(&drill->scratch, bytes_to_restore(drill, site), &why);
    if (rc != 0)
        rc = drill_site_settle(drill, site, "", &why, err);
    else
        for (size_t i = 0; rc == 0 && i < site->age_count && site->result != DRILL_RESULT_CUT; i++)
            rc = do_age(drill, engine, site, &site->ages[i], err);
    if (drill->options->mode != HIKAE_DRILL_SAMPLE && rc == 0 && site->age_count > 0)
        site->population = site->sample = site->ages[0].population;
    if (rc == 0)
        finish(site, engine, drill);
    return rc;
}
