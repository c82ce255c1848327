/*
 * hikae_recover: on a machine with nothing, from targets and one holder: a
 * configuration, and a catalogue that is read from the targets. Whatever was
 * made is removed again if the keys do not open.
 */
#include "ops/recover.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/copies.h"
#include "ops/init_made.h"
#include "ops/policies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TARGETS_MAX = 64 };

struct recover {
    const struct hikae_recover_options *options;
    struct hikae_recover_result *ret;
    char *dir;    /* absolute */
    char *work;   /* where it is written: dir, or a temporary folder of a dry run */
    char *config; /* path below work */
    char *state;
    bool made_dir;
    bool test_clock;
    unsigned min_copies;
    const struct config_target *given; /* in place of the options' targets, or NULL */
    struct config_target *targets;
    size_t target_count;
    struct config_group *groups;
    size_t group_count;
    struct hikae *hikae;
    struct engine_audit audit;
    uint64_t agree; /* targets that have every head */
    int64_t newest_ns;
};

/* ---- What it is made from ---- */

static int take_targets(struct recover *recover, struct error *err)
{
    const struct hikae_recover_options *options = recover->options;
    if (recover->given != NULL) {
        recover->targets = mem_calloc(1, sizeof(*recover->targets));
        if (recover->targets == NULL)
            return error_no_memory(err);
        recover->target_count = 1;
        return config_copy_target(recover->given, &recover->targets[0], err);
    }
    if (options->target_count == 0 || options->target_count > TARGETS_MAX) {
        (void)error_set(err, ERROR_USAGE, "name one target or more to recover from");
        return error_hint(err, "write NAME=URL, for example tokyo=file:///backup");
    }
    recover->targets = mem_calloc(options->target_count, sizeof(*recover->targets));
    if (recover->targets == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < options->target_count; i++) {
        struct config_target *target = &recover->targets[i];
        recover->target_count++;
        if (config_target_parse(options->targets[i], target, err) != 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (strcmp(recover->targets[j].name, target->name) == 0)
                return error_set(err, ERROR_USAGE, "two targets are named %s", target->name);
    }
    return 0;
}

static int take_holder(struct recover *recover, enum config_holder kind, const char *path, const char *group,
                       struct error *err)
{
    if (path == NULL)
        return 0;
    struct stat st;
    struct config_member member = {
        .holder = kind, .name = mem_strdup(config_holder_name(kind)), .path = file_absolute(path)};
    if (member.name == NULL || member.path == NULL) {
        config_free_member(&member);
        return error_no_memory(err);
    }
    if (config_groups_add(&recover->groups, &recover->group_count, group, &member, err) != 0)
        return -1;
    if (stat(path, &st) != 0)
        return error_set_errno(err, ERROR_KEYS, errno, "read %s", path);
    return 0;
}

static int take_device(struct recover *recover, const char *text, struct error *err)
{
    struct config_member member;
    CLEANUP_FREE char *group = NULL;
    if (config_holder_parse(text, &group, &member, err) != 0)
        return -1;
    return config_groups_add(&recover->groups, &recover->group_count, group, &member, err);
}

static int take_holders(struct recover *recover, struct error *err)
{
    const struct hikae_recover_options *options = recover->options;
    if (take_holder(recover, CONFIG_HOLDER_FILE, options->key_file, "machine", err) != 0 ||
        take_holder(recover, CONFIG_HOLDER_PASSPHRASE, options->passphrase_file, "phrase", err) != 0 ||
        take_holder(recover, CONFIG_HOLDER_SHEET, options->sheet_file, "paper", err) != 0)
        return -1;
    for (size_t i = 0; i < options->holder_count; i++)
        if (take_device(recover, options->holders[i], err) != 0)
            return -1;
    if (recover->group_count > 0)
        return 0;
    (void)error_set(err, ERROR_USAGE, "nothing is given that opens the keys");
    return error_hint(err, "give the key file, the passphrase file, a file with the digits of the recovery sheet, or a "
                           "token or key service");
}

/* Is a store there at all, and does it follow a test clock? Whoever reads the URL wrong is told before anything is
 * made. */
static int look_at_targets(struct recover *recover, struct error *err)
{
    bool found = false;
    struct error first = {0};
    for (size_t i = 0; i < recover->target_count; i++) {
        struct target *target = NULL;
        struct store_info info;
        struct error why = {0};
        if (target_open_with(&recover->targets[i].options, false, &target, &why) == 0 &&
            store_read(target, &info, &why) == 0) {
            found = true;
            recover->test_clock = info.test_clock;
        } else if (first.class == ERROR_NONE) {
            first = why;
            if (why.class == ERROR_NOT_FOUND)
                (void)error_set(&first, ERROR_NOT_FOUND, "%s holds no store", recover->targets[i].name);
        }
        target_close(target);
    }
    if (found)
        return 0;
    *err = first;
    return -1;
}

/* ---- What is made ---- */

static int make_folders(struct recover *recover, struct error *err)
{
    struct stat st;
    CLEANUP_FREE char *final = mem_printf("%s/hikae.yaml", recover->dir);
    CLEANUP_FREE char *state = mem_printf("%s/state", recover->dir);
    if (final == NULL || state == NULL)
        return error_no_memory(err);
    if (lstat(final, &st) == 0 || lstat(state, &st) == 0) {
        (void)error_set(err, ERROR_REFUSED, "%s holds an installation already", recover->dir);
        return error_hint(err, "choose another folder; nothing is overwritten");
    }
    if (recover->options->dry_run) {
        const char *temporary = getenv("TMPDIR");
        recover->work = mem_printf("%s/hikae-recover-XXXXXX", temporary != NULL ? temporary : "/tmp");
        if (recover->work == NULL)
            return error_no_memory(err);
        if (mkdtemp(recover->work) == NULL) {
            int errnum = errno;
            mem_free(recover->work);
            recover->work = NULL;
            return error_set_errno(err, ERROR_LOCAL, errnum, "make a temporary folder");
        }
        recover->made_dir = true;
    } else {
        bool there = stat(recover->dir, &st) == 0;
        recover->work = mem_strdup(recover->dir);
        if (recover->work == NULL)
            return error_no_memory(err);
        if (file_mkdirs(recover->dir, 0700, err) != 0)
            return -1;
        recover->made_dir = !there;
    }
    recover->config = mem_printf("%s/hikae.yaml", recover->work);
    recover->state = mem_printf("%s/state", recover->work);
    return recover->config != NULL && recover->state != NULL ? 0 : error_no_memory(err);
}

/* As it is written at first (`fresh`: nothing is there), or in place of that, as a whole or not at all. */
static int write_config(const struct recover *recover, bool fresh, struct error *err)
{
    struct config config;
    config_defaults(&config);
    config.state = recover->state;
    config.targets = recover->targets;
    config.target_count = recover->target_count;
    config.groups = recover->groups;
    config.group_count = recover->group_count;
    config.test_clock = recover->test_clock;
    config.min_copies = recover->min_copies;
    init_made_forget(recover->state); /* the store is there: the keys that its init noted are its */
    if (fresh)
        return config_write_template(recover->config, &config, err);
    CLEANUP(buf_free) struct buf out = {0};
    if (config_print(recover->config, &config, &out, err) != 0)
        return -1;
    return file_write_atomic(recover->config, out.data, out.size, 0640, err);
}

/* Only what this run made; the folder itself only if it was not there. */
static void remove_made(const struct recover *recover)
{
    if (recover->config != NULL)
        (void)unlink(recover->config);
    if (recover->state != NULL && file_remove_tree(recover->state, NULL) != 0)
        return;
    if (recover->made_dir)
        (void)rmdir(recover->work);
}

static int open_made(struct recover *recover, struct error *err)
{
    struct hikae_error why = {0};
    if (hikae_open(recover->config, &recover->hikae, &why) == HIKAE_OK)
        return engine_keystore(recover->hikae, err);
    (void)error_set(err, why.status == HIKAE_USAGE ? ERROR_CONFIG : ERROR_LOCAL, "%.500s", why.message);
    return error_hint(err, "%.255s", why.hint);
}

/* ---- What is there ---- */

static void count_history(const struct chain *chain, void *context)
{
    struct recover *recover = context;
    const struct history *history = &chain->history;
    recover->ret->tenants += history->has_tenant;
    recover->ret->holds += history->hold_count;
    recover->ret->facts += history->fact_count;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        recover->ret->snapshots += !history->snapshots[i].retired;
        recover->ret->facts += !history->snapshots[i].retired && history->snapshots[i].tag != NULL;
    }
    for (size_t i = 0; i < history->head_count; i++)
        recover->agree &= chain_holders(chain, &history->heads[i]);
    /* A record that others name, and that nobody has, may be missing anywhere. */
    if (history->missing_count > 0 || history->unreadable > 0)
        recover->agree = 0;
    if (history->last_time_ns > recover->newest_ns)
        recover->newest_ns = history->last_time_ns;
}

static int read_all(struct recover *recover, struct error *err)
{
    recover->agree = engine_up_mask(recover->hikae);
    return engine_rebuild_catalog_seen(recover->hikae, count_history, recover, err);
}

/*
 * How many copies the lost configuration asked for is recorded nowhere, but what policies in force promise is: fewer
 * than the most of these would break a promise. More than there are targets no run could keep.
 */
static int restore_copies(struct recover *recover, struct error *err)
{
    const struct policies *policies;
    if (policies_of(recover->hikae, &policies, err) != 0)
        return -1;
    for (size_t i = 0; i < policies->count; i++) {
        const struct policy *policy = policies->items[i].policy;
        if (policy != NULL && policy->targets.rule.present && policy->targets.min_copies > recover->min_copies)
            recover->min_copies = policy->targets.min_copies;
    }
    recover->ret->copies_promised = recover->min_copies > 1;
    if (recover->min_copies > recover->target_count)
        recover->min_copies = (unsigned)recover->target_count;
    recover->ret->min_copies = recover->min_copies;
    if (recover->min_copies == recover->hikae->config->min_copies)
        return 0;
    return write_config(recover, false, err);
}

/* Names of the targets in a mask, "a, b"; NULL when there is no memory. */
static char *names_of(const struct hikae *hikae, uint64_t mask)
{
    char *text = mem_strdup("");
    for (size_t i = 0; text != NULL && i < hikae->target_count; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        char *more = mem_printf("%s%s%s", text, text[0] != '\0' ? ", " : "", hikae->targets[i].name);
        mem_free(text);
        text = more;
    }
    return text;
}

static size_t count_bits(uint64_t mask)
{
    size_t count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

static int state_freshness(struct recover *recover, struct error *err)
{
    struct hikae *hikae = recover->hikae;
    uint64_t up = engine_up_mask(hikae), lacking = up & ~recover->agree;
    CLEANUP_FREE char *agree = names_of(hikae, recover->agree);
    CLEANUP_FREE char *behind = names_of(hikae, lacking);
    char when[CLOCK_TEXT_SIZE];
    (void)clock_format(recover->newest_ns, when);
    recover->ret->head = recover->newest_ns != 0 ? mem_strdup(when) : mem_strdup("");
    if (agree == NULL || behind == NULL || recover->ret->head == NULL)
        return error_no_memory(err);
    recover->ret->freshness_proven = count_bits(recover->agree) >= 2;
    const char *newest = recover->newest_ns != 0 ? when : "none";
    if (recover->ret->freshness_proven && lacking == 0)
        recover->ret->freshness = mem_printf("newest record %s: %s agree on it", newest, agree);
    else if (recover->ret->freshness_proven)
        recover->ret->freshness =
            mem_printf("newest record %s: %s agree on it; %s lacks it: behind, or hiding it", newest, agree, behind);
    else if (lacking != 0 && recover->agree != 0)
        recover->ret->freshness = mem_printf(
            "newest record %s on %s alone; %s lacks it: behind, or hiding it. This is unproven", newest, agree, behind);
    else if (lacking != 0)
        recover->ret->freshness =
            mem_printf("newest record %s; no target has all of the newest records: this is unproven", newest);
    else
        recover->ret->freshness = mem_printf(
            "newest record %s; from one target alone this is unproven: another target or a checkpoint must agree",
            newest);
    return recover->ret->freshness != NULL ? 0 : error_no_memory(err);
}

static int do_recover(struct recover *recover, struct error *err)
{
    struct hikae_recover_result *ret = recover->ret;
    char hex[2 * ID_SIZE + 1];
    secret_init();
    recover->dir = file_absolute(recover->options->dir != NULL ? recover->options->dir : "/etc/hikae");
    if (recover->dir == NULL)
        return error_no_memory(err);
    if (take_targets(recover, err) != 0 || take_holders(recover, err) != 0 || look_at_targets(recover, err) != 0 ||
        make_folders(recover, err) != 0 || write_config(recover, true, err) != 0 || open_made(recover, err) != 0 ||
        engine_audit_begin(recover->hikae, OPERATION_RECOVER, NULL, recover->options->dry_run, &recover->audit, err) !=
            0 ||
        read_all(recover, err) != 0 || restore_copies(recover, err) != 0 || state_freshness(recover, err) != 0)
        return -1;
    ret->config = mem_printf("%s/hikae.yaml", recover->dir);
    ret->store = mem_strdup(hex_encode(recover->hikae->store.store.bytes, ID_SIZE, hex));
    return ret->config != NULL && ret->store != NULL ? 0 : error_no_memory(err);
}

static void recover_clear(struct recover *recover)
{
    for (size_t i = 0; i < recover->target_count; i++)
        config_free_target(&recover->targets[i]);
    config_groups_free(recover->groups, recover->group_count);
    mem_free(recover->targets);
    mem_free(recover->dir);
    mem_free(recover->work);
    mem_free(recover->config);
    mem_free(recover->state);
}

enum hikae_status recover_from(const struct hikae_recover_options *options, const struct config_target *given,
                               struct hikae_recover_result *ret, struct hikae_error *error)
{
    struct recover recover = {.options = options, .given = given, .ret = ret, .min_copies = 1};
    struct error err = {0};
    *ret = (struct hikae_recover_result){0};
    int rc = do_recover(&recover, &err);
    bool warnings = false;
    if (rc == 0) {
        uint64_t up = engine_up_mask(recover.hikae);
        warnings = (up & ~recover.agree) != 0 || count_bits(up) < recover.target_count;
    }
    engine_audit_count(&recover.audit, "tenants", ret->tenants);
    engine_audit_count(&recover.audit, "snapshots", ret->snapshots);
    enum hikae_status status = engine_audit_end(&recover.audit, api_result(rc, warnings, &err, error));
    hikae_close(recover.hikae);
    if (rc != 0 || options->dry_run)
        remove_made(&recover);
    recover_clear(&recover);
    if (rc != 0)
        hikae_recover_result_free(ret);
    return status;
}

enum hikae_status hikae_recover(const struct hikae_recover_options *options, struct hikae_recover_result *ret,
                                struct hikae_error *error)
{
    return recover_from(options, NULL, ret, error);
}

void hikae_recover_result_free(struct hikae_recover_result *result)
{
    mem_free(result->config);
    mem_free(result->store);
    mem_free(result->head);
    mem_free(result->freshness);
    *result = (struct hikae_recover_result){0};
}
