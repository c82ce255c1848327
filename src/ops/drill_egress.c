/*
 * What leaves a target during a drill: which paths are restored, how much has to be fetched for them, and the blocks
 * that were fetched already.
 */
#include "base/mem.h"
#include "ops/drill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* Blocks are kept on the disk up to this, and to this part of what is free there. */
#define KEPT_MAX (UINT64_C(1) << 30)
enum { KEPT_PART = 4 };

int drill_keep_blocks(const struct drill *drill, struct hikae *engine, struct error *err)
{
    const char *folder = drill->scratch.data != NULL ? drill->scratch.data : engine->config->state;
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at the space in %s", folder);
    uint64_t most = (uint64_t)fs.f_bavail * fs.f_frsize / KEPT_PART;
    /* All content of a whole snapshot is fetched once anyway, and is more than a disk should hold twice. */
    bool content = drill->options->mode == HIKAE_DRILL_SAMPLE;
    return block_cache_new(folder, most < KEPT_MAX ? most : KEPT_MAX, content, &engine->blocks, err);
}

void drill_forget_blocks(struct hikae *engine)
{
    block_cache_free(engine->blocks);
    engine->blocks = NULL;
}

/* ---- What is restored ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A database may have a log beside it. */
static int add_check(const struct drill_check *check, struct drill_paths *paths, struct error *err)
{
    static const char *const beside[] = {"-wal", "-journal"};
    if (check->kind == DRILL_CHECK_SQL || check->kind == DRILL_CHECK_COMMAND)
        return 0;
    paths->items[paths->count++] = check->path;
    for (size_t k = 0; check->kind == DRILL_CHECK_SQLITE && k < 2; k++) {
        char *path = mem_printf("%s%s", check->path, beside[k]);
        if (path == NULL)
            return error_no_memory(err);
        paths->owned[paths->owned_count++] = path;
        paths->items[paths->count++] = path;
    }
    return 0;
}

int drill_paths_list(const struct drill *drill, const struct drill_site *site, const struct drill_age *age,
                     struct drill_paths *ret, struct error *err)
{
    *ret = (struct drill_paths){.whole = drill->options->mode != HIKAE_DRILL_SAMPLE};
    if (ret->whole)
        return 0;
    ret->items = mem_calloc(age->sample + 3 * drill->check_count + 1, sizeof(char *));
    if (ret->items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < age->sample && i < age->picks.count; i++)
        ret->items[ret->count++] = age->picks.items[i].path;
    for (size_t i = 0; age == site->ages && i < drill->check_count; i++)
        if (add_check(&drill->checks[i], ret, err) != 0) {
            drill_paths_clear(ret);
            return -1;
        }
    qsort(ret->items, ret->count, sizeof(char *), compare_texts);
    return 0;
}

void drill_paths_clear(struct drill_paths *paths)
{
    for (size_t i = 0; i < paths->owned_count; i++)
        mem_free(paths->owned[i]);
    mem_free(paths->items);
    *paths = (struct drill_paths){0};
}

/* ---- How much that costs ---- */

struct hikae_restore_options drill_restore_options(const struct drill *drill, const struct drill_site *site,
                                                   const struct drill_age *age, const struct drill_paths *paths)
{
    return (struct hikae_restore_options){.which = {.snapshot = age->snapshot},
                                          .paths = paths->items,
                                          .path_count = paths->count,
                                          .literal = true,
                                          .target = site->name,
                                          .no_owner = true,
                                          .destination = HIKAE_TO_DRILL,
                                          .reason = "drill",
                                          .ticket = drill->id};
}

static int expect_age(const struct drill *drill, struct hikae *engine, struct drill_site *site,
                      const struct drill_age *age, struct error *err)
{
    struct drill_paths paths;
    struct hikae_restore_result result = {0};
    struct hikae_error error = {0};
    if (drill_paths_list(drill, site, age, &paths, err) != 0)
        return -1;
    struct hikae_restore_options options = drill_restore_options(drill, site, age, &paths);
    CLEANUP_FREE char *nowhere = mem_printf("%s/%s.plan", engine->config->state, drill->id);
    int rc = nowhere != NULL ? 0 : error_no_memory(err);
    options.to = nowhere;
    options.dry_run = true;
    if (rc == 0 && (paths.whole || paths.count > 0) &&
        hikae_restore(engine, drill->tenant, &options, &result, &error) > HIKAE_WARNINGS && result.snapshot == NULL)
        rc = api_failure(&error, err);
    site->bytes_expected += result.bytes_to_fetch;
    hikae_restore_result_free(&result);
    drill_paths_clear(&paths);
    return rc;
}

uint64_t drill_fetched(const struct hikae *engine)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < engine->target_count; i++)
        sum += atomic_load(&engine->targets[i].bytes_fetched);
    return sum;
}

int drill_expect(const struct drill *drill, struct hikae *engine, struct drill_site *site, struct error *err)
{
    site->bytes_expected = 0;
    for (size_t i = 0; i < site->age_count; i++)
        if (expect_age(drill, engine, site, &site->ages[i], err) != 0)
            return -1;
    site->bytes_expected += drill_fetched(engine);
    return 0;
}
