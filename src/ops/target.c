/* target list. */
#include "base/mem.h"
#include "ops/target_describe.h"
#include "ops/target_fact.h"

#include <string.h>

void target_public_clear(struct hikae_target *target)
{
    mem_free(target->name);
    mem_free(target->url);
    mem_free(target->driver);
    mem_free(target->provider);
    mem_free(target->region);
    mem_free(target->country);
    mem_free(target->site);
    mem_free(target->state);
    mem_free(target->why);
    *target = (struct hikae_target){0};
}

void hikae_targets_free(struct hikae_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        target_public_clear(&targets->targets[i]);
    mem_free(targets->targets);
    *targets = (struct hikae_targets){0};
}

/* ---- Listing ---- */

static const char *state_of(const struct run_target *target)
{
    if (target->up)
        return "ok";
    switch (target->why.class) {
    case ERROR_NOT_FOUND:
        return "empty";
    case ERROR_REFUSED:
        return "other-store";
    case ERROR_DENIED:
        return "denied";
    default:
        return "unreachable";
    }
}

static int copy_text(const char *from, char **ret, struct error *err)
{
    *ret = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *ret != NULL ? 0 : error_no_memory(err);
}

/* Not whether it keeps versions: its driver only takes that for possible (take_measured). */
static int copy_traits(const struct target_traits *traits, struct hikae_target *ret, struct error *err)
{
    ret->create_once = traits->create_once;
    ret->lock = traits->lock;
    ret->attested = traits->attested;
    if (copy_text(traits->driver, &ret->driver, err) != 0 || copy_text(traits->country, &ret->country, err) != 0 ||
        copy_text(traits->provider, &ret->provider, err) != 0 || copy_text(traits->region, &ret->region, err) != 0)
        return -1;
    return copy_text(traits->site, &ret->site, err);
}

int target_describe_public(const struct config_target *from, const struct run_target *target, struct hikae_target *ret,
                           struct error *err)
{
    *ret = (struct hikae_target){.free_bytes = UINT64_MAX};
    if (copy_text(from->name, &ret->name, err) != 0 || copy_text(from->url, &ret->url, err) != 0 ||
        copy_text(state_of(target), &ret->state, err) != 0)
        return -1;
    if (target->up) {
        if (target_free_space(target->target, &ret->free_bytes, NULL) != 0)
            ret->free_bytes = UINT64_MAX;
        return copy_traits(target_traits(target->target), ret, err);
    }
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + ERROR_HINT_SIZE];
    if (copy_text(error_format(&target->why, text, sizeof(text)), &ret->why, err) != 0)
        return -1;
    struct target_traits traits = {0};
    if (target_describe(&from->options, &traits, NULL) != 0)
        return copy_text("", &ret->driver, err);
    int rc = copy_traits(&traits, ret, err);
    target_traits_free(&traits);
    return rc;
}

/* What a measurement found stands above what a driver takes for possible. */
static void take_measured(const json_t *checked, struct hikae_target *ret)
{
    const json_t *checks = json_object_get(checked, "checks");
    const char *versioning = json_string_value(json_object_get(checked, "versioning"));
    if (versioning != NULL && strcmp(versioning, "unknown") != 0)
        ret->versions = strcmp(versioning, "off") != 0;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(checks, i), "name"));
        const char *state = json_string_value(json_object_get(json_array_get(checks, i), "state"));
        if (name != NULL && state != NULL && strcmp(name, "conditional-writes") == 0)
            ret->create_once = strcmp(state, "ok") == 0;
    }
}

/* When each was measured last, and what was found: without keys, or without a history, nobody knows. */
static void note_checked(struct hikae *hikae, struct hikae_targets *ret)
{
    struct session facts;
    struct error why = {0};
    if (hikae->opened_count == 0 || session_open_store(hikae, 0, &facts, &why) != 0)
        return;
    for (size_t i = 0; i < ret->count; i++) {
        CLEANUP_JSON json_t *checked = NULL;
        if (target_fact_checked(&facts, ret->targets[i].name, &checked, &ret->targets[i].checked_ns, &why) != 0)
            break;
        take_measured(checked, &ret->targets[i]);
    }
    session_close(&facts);
}

static int list_targets(struct hikae *hikae, struct hikae_targets *ret, bool *ret_warnings, struct error *err)
{
    const struct config *config = hikae->config;
    if (config->target_count == 0)
        return 0;
    /* That none can be used is no reason not to show them. */
    struct error why = {0};
    if (engine_targets(hikae, &why) != 0 && (hikae->targets == NULL || why.class == ERROR_NO_MEMORY)) {
        *err = why;
        return -1;
    }
    ret->targets = mem_calloc(config->target_count, sizeof(*ret->targets));
    if (ret->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < config->target_count; i++) {
        ret->count = i + 1;
        if (target_describe_public(&config->targets[i], &hikae->targets[i], &ret->targets[i], err) != 0)
            return -1;
        *ret_warnings = *ret_warnings || !hikae->targets[i].up;
    }
    note_checked(hikae, ret);
    return 0;
}

enum hikae_status hikae_target_list(struct hikae *hikae, struct hikae_targets *ret, struct hikae_error *error)
{
    struct error err = {0};
    bool warnings = false;
    *ret = (struct hikae_targets){0};
    int rc = list_targets(hikae, ret, &warnings, &err);
    if (rc != 0)
        hikae_targets_free(ret);
    return api_result(rc, warnings, &err, error);
}
