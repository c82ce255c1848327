/*
 * A new store: targets, holders, root epoch, keystore, store object, and last
 * the configuration, so that what it describes is there when it is.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/init_made.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct init {
    const struct hikae_init_options *options;
    char *dir;   /* absolute */
    char *state; /* the folder in it */
    struct config config;
    struct config_target *targets;
    struct target **opened;
    size_t target_count;
    struct engine_audit audit;
};

static int list_targets(struct init *init, struct error *err)
{
    const struct hikae_init_options *options = init->options;
    size_t count = options->target_count > 0 ? options->target_count : 1;
    init->targets = mem_calloc(count, sizeof(struct config_target));
    init->opened = mem_calloc(count, sizeof(struct target *));
    if (init->targets == NULL || init->opened == NULL)
        return error_no_memory(err);
    init->target_count = count;
    if (options->target_count == 0) {
        init->targets[0].name = mem_strdup("local");
        init->targets[0].url = mem_printf("file://%s/target", init->dir);
        return init->targets[0].name != NULL && init->targets[0].url != NULL ? 0 : error_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (config_target_parse(options->targets[i], &init->targets[i], err) != 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (strcmp(init->targets[i].name, init->targets[j].name) == 0)
                return error_set(err, ERROR_USAGE, "two targets are named %s", init->targets[i].name);
    }
    return 0;
}

/* What lies on a target. */
struct inhabitants {
    size_t objects, keys;
    bool store;
};

static int count_object(const struct target_object *object, void *context, struct error *err)
{
    struct inhabitants *there = context;
    (void)err;
    there->objects++;
    there->keys += strncmp(object->name, NAME_KEYS, strlen(NAME_KEYS)) == 0;
    there->store = there->store || strcmp(object->name, NAME_STORE) == 0;
    return 0;
}

/* The store object is written last, and tenants come after it: keys alone are what an init left that was cut short. */
static int refuse_inhabited(const char *name, const struct inhabitants *there, struct error *err)
{
    if (there->store || there->keys < there->objects) {
        (void)error_set(err, ERROR_REFUSED, "target %s holds a store already", name);
        return error_hint(err, "`hikae recover` brings that store back; a new one needs an empty place");
    }
    (void)error_set(err, ERROR_REFUSED, "target %s holds keys of a store, and no store", name);
    return error_hint(err, "an init that was cut short left them, if no other target holds that store: then delete "
                           "hikae1/k there and run this again; if one does, recover from that one");
}

static int open_targets(struct init *init, struct error *err)
{
    for (size_t i = 0; i < init->target_count; i++) {
        struct inhabitants there = {0};
        if (target_open(init->targets[i].name, init->targets[i].url, !init->options->dry_run, &init->opened[i], err) !=
            0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (target_same_place(init->opened[i], init->opened[j]))
                return error_set(err, ERROR_USAGE, "targets %s and %s are one place: that is one copy, and not two",
                                 init->targets[j].name, init->targets[i].name);
        if (target_list(init->opened[i], "hikae1/", NULL, count_object, &there, err) != 0)
            return -1;
        if (there.objects > 0)
            return refuse_inhabited(init->targets[i].name, &there, err);
    }
    return 0;
}

/* Who holds the key of a new store: as the configuration says it, and as the keystore wants it. */
struct init_holders {
    struct config_group *config_groups;
    struct holder_group *groups;
    size_t count;
    char *key;   /* the key file that is made; NULL: none */
    char *sheet; /* the recovery sheet that is written; NULL: none */
};

static void holders_clear(struct init_holders *holders)
{
    engine_groups_free(holders->groups, holders->count);
    config_groups_free(holders->config_groups, holders->count);
    mem_free(holders->key);
    mem_free(holders->sheet);
}

static int add_default(struct init_holders *holders, const char *group, enum config_holder kind, const char *name,
                       const char *path, struct error *err)
{
    const struct config_member borrowed = {
        .holder = kind, .name = (char *)(uintptr_t)name, .path = (char *)(uintptr_t)path};
    struct config_member member;
    return config_copy_member(&borrowed, &member, err) == 0
               ? config_groups_add(&holders->config_groups, &holders->count, group, &member, err)
               : -1;
}

static int add_given(struct init_holders *holders, const char *text, struct error *err)
{
    struct config_member member;
    CLEANUP_FREE char *group = NULL;
    if (config_holder_parse(text, &group, &member, err) != 0)
        return -1;
    return config_groups_add(&holders->config_groups, &holders->count, group, &member, err);
}

static bool has_sheet(const struct init_holders *holders)
{
    for (size_t g = 0; g < holders->count; g++)
        for (size_t i = 0; i < holders->config_groups[g].member_count; i++)
            if (holders->config_groups[g].members[i].holder == CONFIG_HOLDER_SHEET)
                return true;
    return false;
}

/* A sheet that the configuration gives no place to is printed beside it, to be taken away. */
static void place_sheets(struct init_holders *holders)
{
    for (size_t g = 0; g < holders->count; g++)
        for (size_t i = 0; i < holders->groups[g].member_count; i++)
            if (holders->groups[g].members[i].kind == HOLDER_SHEET && holders->groups[g].members[i].path == NULL)
                holders->groups[g].members[i].path = holders->sheet;
}

/* Those that are named; else a key file or passphrase of the machine. A second group is a sheet, unless one is named.
 */
static int choose_holders(struct init *init, struct init_holders *ret, struct error *err)
{
    const struct hikae_init_options *options = init->options;
    CLEANUP_FREE char *path = options->passphrase_file != NULL ? file_absolute(options->passphrase_file)
                                                               : mem_printf("%s/keys/epoch-1.key", init->dir);
    if (path == NULL)
        return error_no_memory(err);
    if (options->passphrase_file != NULL && options->holder_count > 0)
        return error_set(err, ERROR_USAGE, "a passphrase file beside --holder is a holder, too: name it as one");
    for (size_t i = 0; i < options->holder_count; i++)
        if (add_given(ret, options->holders[i], err) != 0)
            return -1;
    if (options->passphrase_file != NULL &&
        add_default(ret, "machine", CONFIG_HOLDER_PASSPHRASE, "passphrase", path, err) != 0)
        return -1;
    if (ret->count == 0) {
        if (add_default(ret, "machine", CONFIG_HOLDER_FILE, "key", path, err) != 0)
            return -1;
        ret->key = mem_strdup(path);
        if (ret->key == NULL)
            return error_no_memory(err);
    }
    if (ret->count < 2 && !has_sheet(ret) && add_default(ret, "paper", CONFIG_HOLDER_SHEET, "sheet", NULL, err) != 0)
        return -1;
    if (has_sheet(ret) && (ret->sheet = mem_printf("%s/recovery-sheet-epoch-1.txt", init->dir)) == NULL)
        return error_no_memory(err);
    const struct config config = {.groups = ret->config_groups, .group_count = ret->count};
    if (engine_groups(&config, &ret->groups, err) != 0)
        return -1;
    place_sheets(ret);
    return 0;
}

static int make_store(struct init *init, struct init_holders *holders, struct store_info *info, struct error *err)
{
    struct target_set set = {init->opened, init->target_count, init->config.min_copies};
    struct init_made made = {init->state, init->targets, init->target_count};
    const struct keystore_rotation first = {
        .groups = holders->groups, .group_count = holders->count, .made = init_made_note, .made_context = &made};
    if (init_made_discard(&made, holders->groups, holders->count, err) != 0)
        return -1;
    struct keystore *keystore = NULL;
    char **sheets = mem_calloc(holders->count, sizeof(*sheets));
    int rc = sheets != NULL ? crypto_random(info->store.bytes, ID_SIZE, err) : error_no_memory(err);
    if (rc == 0)
        rc = crypto_random(info->store_tid.bytes, ID_SIZE, err);
    if (rc == 0)
        rc = keystore_create_first(&set, &info->store, &info->store_tid, &first, &keystore, sheets, err);
    for (size_t i = 0; sheets != NULL && i < holders->count; i++) {
        if (sheets[i] != NULL)
            mem_wipe(sheets[i], strlen(sheets[i]));
        mem_free(sheets[i]);
    }
    mem_free(sheets);
    struct secret *sign CLEANUP_SECRET = NULL;
    struct secret *audit CLEANUP_SECRET = NULL;
    if (rc == 0)
        rc = keystore_signing_key(keystore, KEY_SIGN_STORE, &sign, err);
    if (rc == 0)
        rc = keystore_signing_key(keystore, KEY_SIGN_AUDIT, &audit, err);
    if (rc == 0)
        rc = ed25519_public(sign, info->sign_public, err);
    if (rc == 0)
        rc = ed25519_public(audit, info->audit_public, err);
    info->created_ns = clock_now_ns();
    info->test_clock = init->options->test_clock;
    if (rc == 0)
        rc = store_write(keystore, &set, info, err);
    keystore_free(keystore);
    return rc;
}

static int write_config(struct init *init, struct init_holders *holders, const char *path, struct error *err)
{
    struct config config = init->config;
    config.state = init->state;
    config.targets = init->targets;
    config.target_count = init->target_count;
    config.groups = holders->config_groups;
    config.group_count = holders->count;
    config.test_clock = init->options->test_clock;
    return config_write_template(path, &config, err);
}

static int prepare_dir(struct init *init, const char *config, struct error *err)
{
    struct stat st;
    if (stat(config, &st) == 0) {
        (void)error_set(err, ERROR_REFUSED, "%s exists already", config);
        return error_hint(err, "choose another --dir, or use the store that it describes");
    }
    if (init->options->dry_run)
        return 0;
    CLEANUP_FREE char *keys = mem_printf("%s/keys", init->dir);
    if (keys == NULL)
        return error_no_memory(err);
    return file_mkdirs(keys, 0700, err) != 0 ? -1 : file_mkdirs(init->state, 0700, err);
}

static int do_init(struct init *init, struct hikae_init_result *ret, struct error *err)
{
    struct init_holders holders = {0};
    struct store_info info = {0};
    char hex[2 * ID_SIZE + 1];
    secret_init();
    init->dir = file_absolute(init->options->dir != NULL ? init->options->dir : "/etc/hikae");
    init->state = init->dir != NULL ? mem_printf("%s/state", init->dir) : NULL;
    if (init->state == NULL)
        return error_no_memory(err);
    config_defaults(&init->config);
    if (init->options->min_copies > 0)
        init->config.min_copies = init->options->min_copies;
    ret->config = mem_printf("%s/hikae.yaml", init->dir);
    int rc = ret->config != NULL ? list_targets(init, err) : error_no_memory(err);
    if (rc == 0 && init->config.min_copies > init->target_count)
        rc = error_set(err, ERROR_CONFIG, "%u copies cannot be on %zu targets", init->config.min_copies,
                       init->target_count);
    if (rc == 0)
        rc = prepare_dir(init, ret->config, err);
    if (rc == 0)
        rc = choose_holders(init, &holders, err);
    if (rc == 0 && !init->options->dry_run) {
        rc = engine_audit_begin_in(init->state, OPERATION_INIT, &init->audit, err);
        if (rc == 0)
            rc = open_targets(init, err);
        if (rc == 0)
            rc = make_store(init, &holders, &info, err);
        if (rc == 0)
            rc = write_config(init, &holders, ret->config, err);
        if (rc == 0)
            init_made_forget(init->state);
    }
    if (rc == 0) {
        ret->store = mem_strdup(init->options->dry_run ? "" : hex_encode(info.store.bytes, ID_SIZE, hex));
        ret->key = holders.key;
        ret->sheet = holders.sheet;
        holders.key = holders.sheet = NULL;
        rc = ret->store != NULL ? 0 : error_no_memory(err);
    }
    holders_clear(&holders);
    return rc;
}

enum hikae_status hikae_init(const struct hikae_init_options *options, struct hikae_init_result *ret,
                             struct hikae_error *error)
{
    struct init init = {.options = options};
    struct error err = {0};
    *ret = (struct hikae_init_result){0};
    int rc = do_init(&init, ret, &err);
    for (size_t i = 0; i < init.target_count; i++) {
        target_close(init.opened[i]);
        mem_free(init.targets[i].name);
        mem_free(init.targets[i].url);
    }
    mem_free(init.targets);
    mem_free(init.opened);
    mem_free(init.dir);
    mem_free(init.state);
    if (rc != 0)
        hikae_init_result_free(ret);
    return engine_audit_end(&init.audit, api_result(rc, false, &err, error));
}

void hikae_init_result_free(struct hikae_init_result *result)
{
    mem_free(result->config);
    mem_free(result->store);
    mem_free(result->key);
    mem_free(result->sheet);
    *result = (struct hikae_init_result){0};
}
