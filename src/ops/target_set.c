/* target set, target retire: a target's settings change, or nothing goes there any more. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/names.h"
#include "ops/audit.h"
#include "ops/copies.h"
#include "ops/policies.h"
#include "ops/target_erase.h"
#include "ops/target_fact.h"
#include "target/url.h"

#include <stdio.h>
#include <string.h>

/* ---- set ---- */

/* The same store must be behind the new settings: another one would be filled with what it has no history of. */
static int check_store(struct hikae *hikae, const struct config_target *target, bool dry_run, struct error *err)
{
    struct target *opened = NULL;
    struct store_info info;
    struct error why = {0};
    char name[64];
    (void)snprintf(name, sizeof(name), "%.60s", target->name);
    if (engine_open_target(hikae, target, false, &opened, err) != 0)
        return -1;
    for (size_t i = 0; i < hikae->opened_count; i++)
        if (strcmp(target_name(hikae->opened[i]), target->name) != 0 && target_same_place(opened, hikae->opened[i])) {
            (void)error_set(err, ERROR_REFUSED, "with these settings %s and %s are one place, which counts once", name,
                            target_name(hikae->opened[i]));
            target_close(opened);
            return error_hint(err, "take another folder, bucket or prefix");
        }
    int rc = store_read(opened, &info, &why);
    target_close(opened);
    if (rc != 0 && why.class == ERROR_NOT_FOUND) {
        engine_warn(hikae, "%s holds no store there: `hikae replicate --to %s` %s fill it", name, name,
                    dry_run ? "would have to" : "must");
        return 0;
    }
    if (rc != 0) {
        *err = why;
        return -1;
    }
    if (id_equal(&info.store, &hikae->store.store))
        return 0;
    (void)error_set(err, ERROR_REFUSED, "with these settings %s holds another store", name);
    return error_hint(err, "one folder or prefix holds one store");
}

/* "KEY=VALUE" in its parts; `texts` owns copies. What the URL says of a key gives way to it. */
static int read_settings(const struct config_target *target, const char *const *given, size_t count,
                         struct config_setting *ret, char **texts, char **ret_url, struct error *err)
{
    *ret_url = mem_strdup(target->url);
    for (size_t i = 0; i < count; i++) {
        texts[i] = mem_strdup(given[i]);
        if (texts[i] == NULL || *ret_url == NULL)
            return error_no_memory(err);
        char *equals = strchr(texts[i], '=');
        if (equals == NULL || equals == texts[i]) {
            (void)error_set(err, ERROR_USAGE, "\"%s\" is not of the form KEY=VALUE", given[i]);
            return error_hint(err, "for example: country=JP; KEY= takes a setting out");
        }
        *equals = '\0';
        bool out = equals[1] == '\0' || (strcmp(texts[i], "lock") == 0 && strcmp(equals + 1, "none") == 0);
        ret[i] = (struct config_setting){texts[i], out ? NULL : equals + 1};
        if (strcmp(texts[i], "name") == 0)
            return error_set(err, ERROR_REFUSED, "a target keeps its name: the store's history knows it by that");
        char *url = target_url_without(*ret_url, texts[i]);
        mem_free(*ret_url);
        *ret_url = url;
    }
    return *ret_url != NULL ? 0 : error_no_memory(err);
}

static int judge(struct hikae *hikae, const struct config *after, const char *name, bool dry_run, struct error *err)
{
    struct target_traits traits = {0};
    const struct config_target *target = config_find_target(after, name);
    int rc = target_describe(&target->options, &traits, err);
    target_traits_free(&traits);
    if (rc == 0)
        rc = policies_check_config(hikae, after, err);
    return rc == 0 ? check_store(hikae, target, dry_run, err) : -1;
}

static int change(struct hikae *hikae, const char *name, struct config_edit *edit, bool dry_run, struct error *err)
{
    struct config *after = NULL;
    int rc = config_edit_target(hikae->config->path, name, edit, &after, err);
    if (rc == 0)
        rc = judge(hikae, after, name, dry_run, err);
    config_free(after);
    after = NULL;
    if (rc != 0 || dry_run)
        return rc;
    edit->write = true;
    rc = config_edit_target(hikae->config->path, name, edit, &after, err);
    if (rc == 0)
        target_fact_note(hikae, config_find_target(after, name), "set", NULL);
    config_free(after);
    return rc;
}

static int set_target(struct hikae *hikae, const char *name, const char *const *given, size_t count, bool dry_run,
                      struct error *err)
{
    const struct config_target *target = config_find_target(hikae->config, name);
    if (target == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no target '%s'", name);
        return error_hint(err, "`hikae target list` shows the targets");
    }
    if (count == 0)
        return error_set(err, ERROR_USAGE, "say what to set: KEY=VALUE");
    CLEANUP_FREE struct config_setting *settings = mem_calloc(count + 1, sizeof(*settings));
    CLEANUP_FREE char **texts = mem_calloc(count, sizeof(*texts));
    CLEANUP_FREE char *url = NULL;
    if (settings == NULL || texts == NULL)
        return error_no_memory(err);
    int rc = read_settings(target, given, count, settings, texts, &url, err);
    struct config_edit edit = {.settings = settings, .count = count};
    bool sets_url = false;
    for (size_t i = 0; rc == 0 && i < count; i++)
        sets_url = sets_url || strcmp(settings[i].key, "url") == 0;
    if (rc == 0 && !sets_url && strcmp(url, target->url) != 0)
        settings[edit.count++] = (struct config_setting){"url", url};
    if (rc == 0)
        rc = engine_targets(hikae, err);
    if (rc == 0)
        rc = change(hikae, name, &edit, dry_run, err);
    for (size_t i = 0; i < count; i++)
        mem_free(texts[i]);
    return rc == 0 ? 0 : error_wrap(err, "set target %s", name);
}

enum hikae_status hikae_target_set(struct hikae *hikae, const char *name, const char *const *settings, size_t count,
                                   bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_TARGET_SET, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = set_target(hikae, name, settings, count, dry_run, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- retire ---- */

struct retiring {
    struct hikae *hikae;
    size_t number; /* of the target */
    struct hikae_target_retired *ret;
};

/* Can the others hold every snapshot, as many of them as min_copies asks for? */
static int check_tenant(const char *tenant, void *context, struct error *err)
{
    struct retiring *retiring = context;
    struct session session;
    if (session_open(retiring->hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = session_list(&session, err);
    const struct history *history = &session.chain.history;
    for (size_t i = 0; rc == 0 && i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        uint64_t mask;
        if (snapshot->retired)
            continue;
        rc = session_counting(&session, snapshot, &mask, err);
        mask &= ~(UINT64_C(1) << retiring->number);
        if (rc == 0 && (unsigned)__builtin_popcountll(mask) < retiring->hikae->config->min_copies) {
            (void)error_set(err, ERROR_REFUSED,
                            "snapshot %s of tenant %s would be whole on %d other targets, and %u are needed",
                            snapshot->name, tenant, __builtin_popcountll(mask), retiring->hikae->config->min_copies);
            rc = error_hint(err, "`hikae replicate` brings the other targets up to date; or add a target first");
        }
        retiring->ret->snapshots += rc == 0;
    }
    session_close(&session);
    return rc;
}

static int count_object(const struct target_object *object, void *context, struct error *err)
{
    struct hikae_target_retired *ret = context;
    (void)err;
    ret->objects++;
    ret->bytes += object->size;
    return 0;
}

/* What stays there is counted as far as the target still answers: one that is broken can be retired too. */
static void count_left(struct retiring *retiring)
{
    const struct run_target *t = &retiring->hikae->targets[retiring->number];
    struct error why = {0};
    retiring->ret->counted = t->up && target_list(t->target, "hikae1/", NULL, count_object, retiring->ret, &why) == 0;
}

/* Of a target that does not answer nothing can be erased, and it stays in use until that is said without --erase. */
static int erase_left(struct retiring *retiring, struct error *err)
{
    const struct run_target *t = &retiring->hikae->targets[retiring->number];
    struct hikae_replicate_result copied = {0};
    struct hikae_error why = {0};
    if (t->up) {
        /* Keys, histories and logs as well: nothing may lie there alone. */
        enum hikae_status status = hikae_replicate(retiring->hikae, NULL, NULL, false, &copied, &why);
        hikae_replicate_result_free(&copied);
        if (status > HIKAE_WARNINGS)
            return error_set(err, ERROR_REFUSED, "the others could not be brought up to date before: %.400s",
                             why.message);
        return target_erase(t->target, retiring->ret, err);
    }
    *err = t->why;
    (void)error_wrap(err, "erase what lies on %s", t->name);
    return error_hint(err, "without --erase a target can be retired that does not answer");
}

static int retire(struct retiring *retiring, bool erase, bool dry_run, struct error *err)
{
    struct hikae *hikae = retiring->hikae;
    const struct config_target *target = &hikae->config->targets[retiring->number];
    struct config *after = NULL;
    char day[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *note = mem_printf("retired %.10s by `hikae target retire`; objects may still lie there:",
                                         clock_format(clock_now_ns(), day));
    struct config_edit edit = {.retired = note};
    if (note == NULL)
        return error_no_memory(err);
    if (hikae->config->target_count <= hikae->config->min_copies) {
        (void)error_set(err, ERROR_REFUSED, "without it there are %zu targets, and min_copies is %u",
                        hikae->config->target_count - 1, hikae->config->min_copies);
        return error_hint(err, "add another target first");
    }
    if (config_edit_target(hikae->config->path, target->name, &edit, &after, err) != 0)
        return -1;
    int rc = policies_check_config(hikae, after, err);
    config_free(after);
    if (rc != 0 || engine_each_tenant(hikae, NULL, check_tenant, retiring, err) != 0)
        return -1;
    count_left(retiring);
    if (dry_run)
        return 0;
    if (erase && erase_left(retiring, err) != 0)
        return -1;
    edit.write = true;
    after = NULL;
    if (config_edit_target(hikae->config->path, target->name, &edit, &after, err) != 0)
        return -1;
    config_free(after);
    /* Nothing goes there from now on, the record of it among the first. */
    hikae->targets[retiring->number].up = false;
    target_fact_note(hikae, target, "retire", NULL);
    return 0;
}

enum hikae_status hikae_target_retire(struct hikae *hikae, const char *name, bool erase, bool dry_run,
                                      struct hikae_target_retired *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct retiring retiring = {.hikae = hikae, .ret = ret};
    *ret = (struct hikae_target_retired){0};
    if (engine_audit_begin(hikae, OPERATION_TARGET_RETIRE, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = engine_targets(hikae, &err);
    if (rc == 0)
        rc = copy_target(hikae, name, &retiring.number, &err);
    if (rc == 0)
        rc = retire(&retiring, erase, dry_run, &err);
    if (rc != 0)
        (void)error_wrap(&err, "retire target %s", name);
    engine_audit_count(&audit, "objects_left", ret->objects);
    engine_audit_count(&audit, "objects_removed", ret->removed);
    engine_audit_count(&audit, "objects_locked", ret->locked);
    return engine_audit_end(&audit, api_result(rc, erase && !dry_run && ret->objects > 0, &err, error));
}
