/* A drill on bare ground: a folder with nothing in it, one target and one holder. First hikae_recover, then as
 * elsewhere. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/drill.h"
#include "ops/recover.h"

#include <string.h>

struct opener {
    const char *key_file, *sheet_file, *passphrase_file;
    const char *class;
};

/* What was given, or the first holder of the configuration that opens alone. */
static int find_opener(const struct drill *drill, struct opener *ret, struct error *err)
{
    const struct hikae_drill_options *options = drill->options;
    const struct config *config = drill->hikae->config;
    *ret = (struct opener){options->key_file, options->sheet_file, options->passphrase_file,
                           options->key_file != NULL     ? "file"
                           : options->sheet_file != NULL ? "sheet"
                                                         : "passphrase"};
    if (options->key_file != NULL || options->sheet_file != NULL || options->passphrase_file != NULL)
        return 0;
    for (size_t i = 0; i < config->group_count; i++) {
        const struct config_member *member = config->groups[i].members;
        if (config->groups[i].member_count != 1 || member->path == NULL || access(member->path, R_OK) != 0)
            continue;
        ret->class = config_holder_name(member->holder);
        if (member->holder == CONFIG_HOLDER_FILE)
            ret->key_file = member->path;
        else if (member->holder == CONFIG_HOLDER_PASSPHRASE)
            ret->passphrase_file = member->path;
        else if (member->holder == CONFIG_HOLDER_SHEET)
            ret->sheet_file = member->path;
        else
            continue;
        return 0;
    }
    (void)error_set(err, ERROR_KEYS, "no holder of the configuration is here that opens the keys alone");
    return error_hint(err, "name one with --key-file, --sheet or --passphrase-file");
}

static int recover(const char *folder, const struct config_target *target, const struct opener *opener,
                   struct hikae **ret, struct error *err)
{
    struct hikae_recover_result result = {0};
    struct hikae_error error = {0};
    const struct hikae_recover_options options = {.dir = folder,
                                                  .key_file = opener->key_file,
                                                  .passphrase_file = opener->passphrase_file,
                                                  .sheet_file = opener->sheet_file};
    enum hikae_status status = recover_from(&options, target, &result, &error);
    if (status <= HIKAE_WARNINGS) {
        status = hikae_open(result.config, ret, &error);
        hikae_recover_result_free(&result);
    }
    if (status <= HIKAE_WARNINGS)
        return 0;
    (void)api_failure(&error, err);
    return error_wrap(err, "recover");
}

int drill_bare(struct drill *drill, const struct config_target *target, struct drill_site *site, struct error *err)
{
    struct opener opener;
    struct hikae *engine = NULL;
    struct error why = {0};
    CLEANUP_FREE char *folder = mem_printf("%s/bare", drill->scratch.data);
    if (folder == NULL)
        return error_no_memory(err);
    if (find_opener(drill, &opener, err) != 0)
        return -1;
    mem_free(site->holder);
    site->holder = mem_strdup(opener.class);
    if (site->holder == NULL)
        return error_no_memory(err);
    int64_t began = clock_monotonic_ns();
    int rc = recover(folder, target, &opener, &engine, &why);
    site->recover_ns = clock_monotonic_ns() - began;
    if (rc == 0) {
        hikae_observe(engine, &drill->hikae->observer);
        drill_budget_watch(drill, engine);
        rc = engine_keystore(engine, &why);
        if (rc == 0) {
            site->epoch = keystore_epoch(engine->keystore);
            rc = drill_target(drill, engine, site, err);
        } else {
            rc = drill_site_settle(drill, site, "", &why, err);
        }
        drill_budget_watch(drill, NULL);
        hikae_close(engine);
    } else {
        rc = drill_site_settle(drill, site, "", &why, err);
    }
    began = clock_monotonic_ns();
    if (drill_scratch_remove(folder, &why) != 0) {
        site->wiped = false;
        engine_warn(drill->hikae, "the recovered state could not be removed: %s", why.what);
    }
    site->wipe_ns += clock_monotonic_ns() - began;
    return rc;
}
