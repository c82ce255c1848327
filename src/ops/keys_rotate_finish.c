/*
 * What follows once a new root epoch is in force: the configuration turns to it, and what held the old one is
 * destroyed. So does the next rotation with one that was cut short, or, if it never came into force, takes back what
 * was made.
 */
#include "ops/keys_rotate_internal.h"

#include "base/mem.h"
#include "keys/holder.h"
#include "keys/sheet.h"
#include "ops/epoch.h"
#include "ops/purge.h"

#include <stdio.h>
#include <string.h>

/* ---- After the new epoch is in force ---- */

/* What held the old epoch and is named nowhere else from now on. The texts are borrowed. */
static int old_members(const struct rotation *rotation, struct config_member **ret, size_t *ret_count,
                       struct error *err)
{
    const struct config *config = rotation->hikae->config;
    *ret = mem_calloc(rotation->count + 1, sizeof(**ret));
    if (*ret == NULL)
        return error_no_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < rotation->count; i++)
        (*ret)[count++] = *rotation->moves[i].member;
    for (size_t g = 0; g < config->group_count; g++)
        for (size_t i = 0; i < config->groups[g].member_count; i++)
            if (rotation_removes(rotation, &config->groups[g], &config->groups[g].members[i]) &&
                (config->groups[g].members[i].holder != CONFIG_HOLDER_SHEET ||
                 config->groups[g].members[i].path != NULL))
                (*ret)[count++] = config->groups[g].members[i];
    *ret_count = count;
    return 0;
}

/* The groups of the file, as it is now, become those in memory. */
int rotation_reload_groups(struct hikae *hikae, struct error *err)
{
    struct config *fresh = NULL;
    if (config_load(hikae->config->path, &fresh, err) != 0)
        return -1;
    struct config_group *groups = hikae->config->groups;
    size_t count = hikae->config->group_count;
    hikae->config->groups = fresh->groups;
    hikae->config->group_count = fresh->group_count;
    fresh->groups = groups;
    fresh->group_count = count;
    config_free(fresh);
    return 0;
}

static int turn(struct rotation *rotation, struct error *err)
{
    const struct keys_change *change = rotation->change;
    char name[32];
    (void)snprintf(name, sizeof(name), CONFIG_OLD_EPOCH "%u", rotation->before);
    CLEANUP_FREE struct config_member *old = NULL;
    CLEANUP_FREE struct config_move *moves = mem_calloc(rotation->count + 1, sizeof(*moves));
    struct config_turn turn = {.moves = moves,
                               .move_count = rotation->count,
                               .removed_group = change->removed_group,
                               .removed_name = change->removed_name,
                               .old_group = name};
    if (moves == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < rotation->count; i++)
        moves[i] = (struct config_move){rotation->moves[i].member->path, rotation->moves[i].to};
    if (old_members(rotation, &old, &turn.old_count, err) != 0)
        return -1;
    turn.old = old;
    if (config_turn_epoch(rotation->hikae->config->path, &turn, err) == 0)
        return 0;
    (void)error_wrap(err, "epoch %u is in force; the configuration must name its key files", rotation->epoch);
    return error_hint(err, "correct it by hand: the group " CONFIG_NEW_EPOCH " there names them in the same order");
}

/* Destroy what held an older epoch, tell what is left, and forget it if nothing more can be done from here. */
static int end_epoch(struct rotation *rotation, uint32_t epoch, struct keystore_destruction *ret, struct error *err)
{
    if (epoch_destroy(rotation->hikae, epoch, ret, err) != 0)
        return -1;
    /* Whoever was asked to leave it has told what became of it. */
    if (rotation->change->leave == NULL)
        rotation->ret->left = epoch_tell(rotation->hikae, ret, epoch != rotation->before) || rotation->ret->left;
    return epoch_is_done(ret) ? epoch_forget(rotation->hikae, epoch, err) : 0;
}

/* Configuration first, then the old keys: whatever is named can be opened at every step. */
int rotation_finish(struct rotation *rotation, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    if (turn(rotation, err) != 0 || rotation_reload_groups(hikae, err) != 0 ||
        epoch_state_opened(hikae, rotation->epoch, err) != 0)
        return -1;
    struct error why = {0};
    if (end_epoch(rotation, rotation->before, &rotation->ret->old, &why) == 0)
        return 0;
    /* The new epoch is in force, which is what was asked for; the old keys are tried again by the next rotation. */
    rotation->ret->left = true;
    engine_warn(hikae, "the keys of epoch %u are not destroyed yet: %s", rotation->before, why.what);
    return 0;
}

/* Whoever wants to bring the old epoch to its end does so while its holders are still named. */
int rotation_leave(const struct rotation *rotation, const struct holder_group *groups, size_t count, struct error *err)
{
    const struct keys_change *change = rotation->change;
    return change->leave != NULL ? change->leave(groups, count, change->context, err) : 0;
}

static int leave_resumed(const struct rotation *rotation, struct error *err)
{
    const struct config *config = rotation->hikae->config;
    struct holder_group *groups;
    if (engine_groups(config, &groups, err) != 0)
        return -1;
    int rc = rotation_leave(rotation, groups, config->group_count, err);
    engine_groups_free(groups, config->group_count);
    return rc;
}

/* ---- One that was cut short ---- */

static int take_names(struct rotation *rotation, const struct config_group *group, struct error *err)
{
    if (group->member_count != rotation->count) {
        (void)error_set(err, ERROR_CONFIG,
                        "the group " CONFIG_NEW_EPOCH " of a rotation that was cut short has %zu "
                        "members, but the other groups have %zu files",
                        group->member_count, rotation->count);
        return error_hint(err, "`hikae keys status` shows which files open; correct the configuration by hand");
    }
    for (size_t i = 0; i < rotation->count; i++) {
        rotation->moves[i].to = mem_strdup(group->members[i].path);
        if (rotation->moves[i].to == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* A key file says which epoch it is of; a sheet's check digits do. */
static bool is_of_epoch(const struct move *move, uint32_t epoch)
{
    uint32_t found = 0;
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP_SECRET struct secret *text = NULL;
    if (move->member->holder == CONFIG_HOLDER_FILE)
        return holder_keyfile_read(move->to, &found, &key, NULL) == 0 && found == epoch;
    return holder_read_secret(move->to, SHEET_TEXT_MAX, false, &text, NULL) == 0 &&
           sheet_parse((const char *)secret_borrow(text), secret_size(text), epoch, &key, NULL) == 0;
}

/* Are the new files those of the epoch in force? */
static bool is_in_force(const struct rotation *rotation)
{
    for (size_t i = 0; i < rotation->count; i++)
        if (is_of_epoch(&rotation->moves[i], rotation->before))
            return true;
    return false;
}

static void discard_new_files(struct rotation *rotation)
{
    for (size_t i = 0; i < rotation->count; i++) {
        uint32_t epoch = 0;
        CLEANUP_SECRET struct secret *key = NULL;
        struct move *move = &rotation->moves[i];
        /* A key of an epoch that never came into force opens nothing; what is anything else stays where it is. */
        if (move->member->holder == CONFIG_HOLDER_FILE && holder_keyfile_read(move->to, &epoch, &key, NULL) == 0 &&
            epoch > rotation->before && holder_keyfile_destroy(move->to, NULL) != 0)
            engine_warn(rotation->hikae, "%s opens nothing, but could not be removed", move->to);
    }
}

/* The highest epoch below the one in force: the one before it, as numbers that were given up are passed over. */
static int epoch_before(struct rotation *rotation, uint32_t *ret, struct error *err)
{
    CLEANUP_FREE uint32_t *ending = NULL;
    size_t count = 0;
    if (epoch_state_ending(rotation->hikae, &ending, &count, err) != 0)
        return -1;
    *ret = count > 0 ? ending[count - 1] : rotation->before - 1;
    return 0;
}

/* *ret_done: the epoch that was begun is in force now, and nothing is left to do. */
int rotation_resume(struct rotation *rotation, bool *ret_done, struct error *err)
{
    struct config *config = rotation->hikae->config;
    size_t number = 0;
    *ret_done = false;
    while (number < config->group_count && strcmp(config->groups[number].name, CONFIG_NEW_EPOCH) != 0)
        number++;
    if (number == config->group_count)
        return 0;
    if (take_names(rotation, &config->groups[number], err) != 0)
        return -1;
    *ret_done = is_in_force(rotation);
    if (rotation->change->dry_run)
        return 0;
    if (*ret_done) {
        rotation->epoch = rotation->before;
        if (leave_resumed(rotation, err) != 0 || epoch_before(rotation, &rotation->before, err) != 0)
            return -1;
        return rotation_finish(rotation, err);
    }
    discard_new_files(rotation);
    return config_end_epoch(config->path, CONFIG_NEW_EPOCH, err);
}

static bool all_targets_answer(const struct hikae *hikae)
{
    for (size_t i = 0; i < hikae->target_count; i++)
        if (!hikae->targets[i].up)
            return false;
    return true;
}

static bool is_waited_for(const json_t *waiting, uint32_t epoch)
{
    for (size_t i = 0; i < json_array_size(waiting); i++)
        if (json_integer_value(json_array_get(waiting, i)) == (json_int_t)epoch)
            return true;
    return false;
}

/* Keys of older epochs that could not be destroyed when they ended: the holder did not answer, or there was a crash. */
int rotation_end_older(struct rotation *rotation, struct error *err)
{
    CLEANUP_FREE uint32_t *ending = NULL;
    size_t count = 0;
    if (epoch_state_ending(rotation->hikae, &ending, &count, err) != 0)
        return -1;
    CLEANUP_JSON json_t *waiting = NULL;
    if (count > 0 && purge_waiting_epochs(rotation->hikae, &waiting, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(keystore_destruction_clear) struct keystore_destruction old = {0};
        struct error why = {0};
        if (is_waited_for(waiting, ending[i]))
            continue;
        if (end_epoch(rotation, ending[i], &old, &why) == 0)
            continue;
        /* An erasure deletes the slots of an epoch when the end of all its keys is on record. */
        if (why.class == ERROR_NOT_FOUND && all_targets_answer(rotation->hikae)) {
            if (epoch_forget(rotation->hikae, ending[i], err) != 0)
                return -1;
            continue;
        }
        rotation->ret->left = true;
        engine_warn(rotation->hikae, "the keys of epoch %u are not destroyed yet: %s", ending[i], why.what);
    }
    return 0;
}
