/*
 * A new root epoch, with new key files and a new recovery sheet, perhaps a holder more or less.
 *
 * The order is such that a crash at any point leaves an installation that opens. First the configuration names the
 * new key files in a group of their own, beside the old ones; then the keystore makes the epoch; then, in one step, the
 * paths are exchanged, that group goes, and another one comes that names what held the old epoch, until its keys are
 * destroyed. The next rotation finishes one that was cut short.
 */
#include "ops/keys_rotate_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "keys/holder.h"
#include "ops/audit.h"
#include "ops/epoch.h"
#include "ops/purge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static void rotation_forget(struct rotation *rotation)
{
    for (size_t i = 0; rotation->moves != NULL && i < rotation->count; i++)
        mem_free(rotation->moves[i].to);
    mem_free(rotation->moves);
    rotation->moves = NULL;
    rotation->count = 0;
}

static void rotation_clear(struct rotation *rotation)
{
    rotation_forget(rotation);
    if (rotation->lock_fd >= 0)
        (void)close(rotation->lock_fd);
}

void keys_changed_clear(struct keys_changed *changed)
{
    keystore_destruction_clear(&changed->old);
    mem_free(changed->sheet);
    *changed = (struct keys_changed){0};
}

/* ---- The rotation ---- */

static int begin(struct rotation *rotation, struct error *err)
{
    if (rotation->count == 0)
        return 0; /* no files: passphrases and devices are reached as before */
    CLEANUP_FREE struct config_member *members = mem_calloc(rotation->count, sizeof(*members));
    if (members == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < rotation->count; i++) {
        members[i].holder = rotation->moves[i].member->holder;
        members[i].path = rotation->moves[i].to;
    }
    return config_begin_epoch(rotation->hikae->config->path, members, rotation->count, err);
}

static void wipe_sheets(char **sheets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sheets[i] != NULL)
            mem_wipe(sheets[i], strlen(sheets[i]));
        mem_free(sheets[i]);
    }
}

/* The keystore destroys new keys again if the epoch cannot have come into force: then the group goes too. */
static void give_up(struct rotation *rotation)
{
    struct error why = {0};
    if (rotation->maybe) {
        engine_warn(rotation->hikae,
                    "epoch %u may be in force; the configuration names its key files in the group " CONFIG_NEW_EPOCH
                    ". Run the rotation again to finish it",
                    rotation->epoch);
        return;
    }
    if (config_end_epoch(rotation->hikae->config->path, CONFIG_NEW_EPOCH, &why) != 0)
        engine_warn(rotation->hikae, "the group " CONFIG_NEW_EPOCH " is still in the configuration: %s", why.what);
}

static int note_made(enum holder_kind kind, uint32_t epoch, const json_t *params, void *context, struct error *err)
{
    return epoch_state_made(context, kind, epoch, params, err);
}

static int make_epoch(struct rotation *rotation, const struct holder_group *groups, size_t count, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    const struct keys_change *change = rotation->change;
    struct keystore_next *next = NULL;
    char **sheets = mem_calloc(count, sizeof(*sheets));
    if (sheets == NULL)
        return error_no_memory(err);
    const struct keystore_rotation how = {.groups = groups,
                                          .group_count = count,
                                          .without = change->without,
                                          .without_count = change->without_count,
                                          .at_least = rotation->epoch,
                                          .made = note_made,
                                          .made_context = hikae};
    int rc = begin(rotation, err);
    if (rc == 0) {
        purge_step(hikae, "epoch-begun");
        rc = keystore_prepare(hikae->keystore, &how, sheets, &next, err);
        purge_step(hikae, "epoch-prepared");
        if (rc == 0 && change->commit != NULL &&
            (rc = change->commit(rotation->before, keystore_next_epoch(next), change->context, err)) != 0)
            keystore_give_up(next);
        if (rc == 0) {
            rotation->maybe = true;
            rc = keystore_commit(hikae->keystore, next, sheets, err);
        }
        if (rc != 0)
            give_up(rotation);
        wipe_sheets(sheets, count);
    }
    mem_free(sheets);
    if (rc != 0)
        return -1;
    purge_step(hikae, "in-force");
    rotation->epoch = keystore_epoch(hikae->keystore);
    return rotation_leave(rotation, groups, count, err) == 0 ? rotation_finish(rotation, err) : -1;
}

static int take_lock(struct rotation *rotation, struct error *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/keys.lock", rotation->hikae->config->state);
    if (path == NULL)
        return error_no_memory(err);
    rotation->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (rotation->lock_fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s", path);
    if (flock(rotation->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return error_set_errno(err, ERROR_LOCAL, errno, "lock %s", path);
    (void)error_set(err, ERROR_BUSY, "another rotation of the root key is under way");
    err->retryable = true;
    return error_hint(err, "wait until it ends");
}

/* An entry of the old epoch on a target that is away would be the only live copy, and the target without the new one.
 */
static int need_all_targets(struct hikae *hikae, struct error *err)
{
    for (size_t i = 0; i < hikae->target_count; i++)
        if (!hikae->targets[i].up) {
            *err = hikae->targets[i].why;
            err->class = ERROR_UNREACHABLE;
            (void)error_wrap(err, "a root key is rotated on all targets at once; %s", hikae->targets[i].name);
            return error_hint(err, "bring it back, or take it out of the configuration, then run again");
        }
    return 0;
}

/* With targets away: whatever was confirmed on min_copies targets must still be on one of those that are not. */
static int need_most_targets(struct hikae *hikae, struct error *err)
{
    size_t up = (size_t)__builtin_popcountll(engine_up_mask(hikae)), least = hikae->config->min_copies;
    if (up >= least && up + least > hikae->target_count)
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE,
                    "only %zu of %zu targets answer: keys of other tenants may lie on those that do not alone", up,
                    hikae->target_count);
    return error_hint(err, "bring targets back until more than %zu answer, then run again",
                      hikae->target_count - least);
}

/* Everything up to the point where a new epoch can be planned. */
static int get_ready(struct rotation *rotation, bool *ret_done, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    if (engine_keystore(hikae, err) != 0 ||
        (rotation->change->some_targets ? need_most_targets(hikae, err) : need_all_targets(hikae, err)) != 0)
        return -1;
    rotation->before = keystore_epoch(hikae->keystore);
    rotation->epoch = rotation->before;
    return rotation_collect_moves(rotation, err) == 0 ? rotation_resume(rotation, ret_done, err) : -1;
}

static int change_epoch(struct rotation *rotation, struct error *err)
{
    struct holder_group *groups;
    size_t count = 0;
    bool dry_run = rotation->change->dry_run;
    if ((!dry_run && (epoch_discard_made(rotation->hikae, err) != 0 || rotation_end_older(rotation, err) != 0)) ||
        rotation_plan(rotation, err) != 0 || rotation_new_groups(rotation, &groups, &count, err) != 0)
        return -1;
    int rc = dry_run ? 0 : make_epoch(rotation, groups, count, err);
    engine_groups_free(groups, count);
    return rc;
}

/* The configuration names a new holder before there is an epoch of it: till then it is a holder that is not needed. */
static int add_holder(struct rotation *rotation, struct error *err)
{
    const struct keys_change *change = rotation->change;
    struct hikae *hikae = rotation->hikae;
    if (config_add_holder(hikae->config->path, change->added_group, change->added, err) != 0)
        return -1;
    return rotation_reload_groups(hikae, err);
}

static void take_back(struct rotation *rotation)
{
    const struct keys_change *change = rotation->change;
    struct error why = {0};
    if (rotation->maybe)
        return;
    if (config_remove_holder(rotation->hikae->config->path, change->added_group, change->added->name, &why) != 0)
        engine_warn(rotation->hikae, "holder %s is still in the configuration: %s", change->added->name, why.what);
}

/* With the lock held. */
static int change_all(struct rotation *rotation, struct error *err)
{
    bool done = false, adds = rotation->change->added != NULL && !rotation->change->dry_run;
    if (get_ready(rotation, &done, err) != 0)
        return -1;
    /* Whoever only wants a new epoch has one now. */
    if (done && rotation->change->added == NULL && rotation->change->removed_group == NULL &&
        rotation->change->commit == NULL)
        return 0;
    if (done || adds) { /* the configuration is another one than was looked at */
        if (adds && add_holder(rotation, err) != 0)
            return -1;
        rotation_forget(rotation);
        rotation->before = rotation->epoch = keystore_epoch(rotation->hikae->keystore);
        if (rotation_collect_moves(rotation, err) != 0) {
            if (adds)
                take_back(rotation);
            return -1;
        }
    }
    int rc = change_epoch(rotation, err);
    if (rc != 0 && adds)
        take_back(rotation);
    return rc;
}

int keys_resume_epoch(struct hikae *hikae, const struct keys_change *change, bool *ret_in_force, struct error *err)
{
    CLEANUP(keys_changed_clear) struct keys_changed changed = {0};
    CLEANUP(rotation_clear)
    struct rotation rotation = {.hikae = hikae, .change = change, .ret = &changed, .lock_fd = -1};
    return take_lock(&rotation, err) == 0 ? get_ready(&rotation, ret_in_force, err) : -1;
}

int keys_change_epoch(struct hikae *hikae, const struct keys_change *change, struct keys_changed *ret,
                      struct error *err)
{
    CLEANUP(rotation_clear) struct rotation rotation = {.hikae = hikae, .change = change, .ret = ret, .lock_fd = -1};
    *ret = (struct keys_changed){0};
    /* An erasure that was cut short leaves keys behind, which nobody else's change must bring along. */
    if (change->commit == NULL && purge_check_idle(hikae, err) != 0)
        return -1;
    if ((change->dry_run || take_lock(&rotation, err) == 0) && change_all(&rotation, err) == 0) {
        ret->before = rotation.before;
        ret->epoch = rotation.epoch;
        return 0;
    }
    keys_changed_clear(ret);
    return -1;
}

enum hikae_status hikae_keys_rotate_root(struct hikae *hikae, bool dry_run, uint32_t *ret_epoch, char **ret_sheet,
                                         struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct keys_changed changed = {0};
    const struct keys_change change = {.dry_run = dry_run};
    if (ret_sheet != NULL)
        *ret_sheet = NULL;
    if (engine_audit_begin(hikae, OPERATION_KEYS_ROTATE, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = keys_change_epoch(hikae, &change, &changed, &err);
    bool left = changed.left;
    engine_audit_count(&audit, "epoch", changed.epoch);
    if (rc == 0 && ret_epoch != NULL)
        *ret_epoch = changed.epoch;
    if (rc == 0 && ret_sheet != NULL) {
        *ret_sheet = changed.sheet;
        changed.sheet = NULL;
    }
    keys_changed_clear(&changed);
    return engine_audit_end(&audit, api_result(rc, left, &err, error));
}
