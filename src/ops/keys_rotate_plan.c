/* What a rotation of the root epoch will make: the number of the epoch, new files, new groups. */
#include "base/mem.h"
#include "base/names.h"
#include "keys/holder.h"
#include "ops/epoch.h"
#include "ops/keys_rotate_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_made_anew(const struct config_member *member)
{
    return member->holder == CONFIG_HOLDER_FILE || (member->holder == CONFIG_HOLDER_SHEET && member->path != NULL);
}

/* Is it the holder that the new epoch has no more? */
bool rotation_removes(const struct rotation *rotation, const struct config_group *group,
                      const struct config_member *member)
{
    const struct keys_change *change = rotation->change;
    return change->removed_group != NULL && strcmp(group->name, change->removed_group) == 0 &&
           strcmp(member->name, change->removed_name) == 0;
}

/* ---- Names ---- */

/* "…/epoch-1.key" → "…/epoch-2.key"; a name without an epoch gets one: "…/host.key" → "…/host-epoch-2.key". */
static char *path_of_epoch(const char *old, uint32_t epoch, unsigned attempt)
{
    char number[32];
    (void)snprintf(number, sizeof(number), attempt > 1 ? "%u-%u" : "%u", epoch, attempt);
    const char *slash = strrchr(old, '/');
    const char *base = slash != NULL ? slash + 1 : old;
    for (const char *found = base; (found = strstr(found, "epoch-")) != NULL; found++) {
        const char *rest = found + strlen("epoch-");
        if (!isdigit((unsigned char)*rest))
            continue;
        rest += strspn(rest, "0123456789-");
        return mem_printf("%.*sepoch-%s%s", (int)(found - old), old, number, rest);
    }
    const char *dot = strrchr(base, '.');
    size_t stem = dot != NULL && dot != base ? (size_t)(dot - old) : strlen(old);
    return mem_printf("%.*s-epoch-%s%s", (int)stem, old, number, old + stem);
}

/* A path that is free: nothing that lies there is ever replaced, as it may be the last copy of a key. */
static char *free_path(const char *old, uint32_t epoch, struct error *err)
{
    for (unsigned attempt = 1; attempt <= 100; attempt++) {
        char *path = path_of_epoch(old, epoch, attempt);
        if (path == NULL) {
            (void)error_no_memory(err);
            return NULL;
        }
        if (access(path, F_OK) != 0 && errno == ENOENT)
            return path;
        mem_free(path);
    }
    (void)error_set(err, ERROR_REFUSED, "beside %s there is no free name for a file of epoch %u", old, epoch);
    return NULL;
}

static int highest_epoch(const struct target_object *object, void *context, struct error *err)
{
    (void)err;
    uint32_t epoch, *highest = context;
    struct hash hash;
    if (name_key_parse(object->name + strlen(NAME_KEYS), &epoch, &hash) && epoch > *highest)
        *highest = epoch;
    return 0;
}

/* ---- The plan ---- */

/* Members whose file is made anew, in the order of the configuration. */
int rotation_collect_moves(struct rotation *rotation, struct error *err)
{
    const struct config *config = rotation->hikae->config;
    size_t room = 0;
    for (size_t g = 0; g < config->group_count; g++)
        room += config->groups[g].member_count;
    rotation->moves = mem_calloc(room, sizeof(*rotation->moves));
    if (rotation->moves == NULL)
        return error_no_memory(err);
    for (size_t g = 0; g < config->group_count; g++)
        for (size_t i = 0; i < config->groups[g].member_count; i++) {
            struct config_member *member = &config->groups[g].members[i];
            if (!config_group_is_passing(&config->groups[g]) && is_made_anew(member) &&
                !rotation_removes(rotation, &config->groups[g], member))
                rotation->moves[rotation->count++].member = member;
        }
    return 0;
}

/* Sheets are written beside the configuration. */
static char *sheet_path(struct rotation *rotation, struct error *err)
{
    const char *config = rotation->hikae->config->path, *slash = strrchr(config, '/');
    CLEANUP_FREE char *like =
        mem_printf("%.*srecovery-sheet-epoch-0.txt", slash != NULL ? (int)(slash + 1 - config) : 0, config);
    if (like != NULL)
        return free_path(like, rotation->epoch, err);
    (void)error_no_memory(err);
    return NULL;
}

int rotation_plan(struct rotation *rotation, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    uint32_t highest = rotation->before;
    for (size_t i = 0; i < hikae->target_count; i++)
        if (hikae->targets[i].up &&
            target_list(hikae->targets[i].target, NAME_KEYS, NULL, highest_epoch, &highest, err) != 0)
            return -1;
    if (rotation->change->at_least > highest + 1)
        highest = rotation->change->at_least - 1;
    if (epoch_state_begin(hikae, highest, rotation->change->dry_run, &rotation->epoch, err) != 0)
        return -1;
    for (size_t i = 0; i < rotation->count; i++) {
        struct move *move = &rotation->moves[i];
        mem_free(move->to);
        move->to = free_path(move->member->path, rotation->epoch, err);
        if (move->to == NULL)
            return -1;
    }
    return 0;
}

/* The path of a member in the new epoch. */
static int give_path(struct rotation *rotation, struct holder *holder, size_t *move, size_t *sheets, struct error *err)
{
    if (*move < rotation->count && rotation->moves[*move].member->path == holder->path && holder->path != NULL &&
        (holder->kind == HOLDER_FILE || holder->kind == HOLDER_SHEET))
        holder->path = rotation->moves[(*move)++].to;
    if (holder->kind != HOLDER_SHEET)
        return 0;
    char **sheet = &rotation->ret->sheet;
    if (holder->path == NULL && ++*sheets > 1) {
        (void)error_set(err, ERROR_CONFIG, "more than one recovery sheet has no path");
        return error_hint(err, "give the sheets paths in the configuration, where they are to be written");
    }
    if (*sheet == NULL) {
        *sheet = holder->path != NULL ? mem_strdup(holder->path) : sheet_path(rotation, err);
        if (*sheet == NULL)
            return holder->path != NULL ? error_no_memory(err) : -1;
    }
    if (holder->path != NULL)
        return 0;
    holder->path = *sheet;
    return 0;
}

/* The new epoch's holders: the configured ones, with their new files. Borrows; engine_groups_free. */
int rotation_new_groups(struct rotation *rotation, struct holder_group **ret, size_t *ret_count, struct error *err)
{
    const struct config *config = rotation->hikae->config;
    struct holder_group *groups;
    if (engine_groups(config, &groups, err) != 0)
        return -1;
    size_t sheets = 0, move = 0, kept = 0;
    int rc = 0;
    for (size_t g = 0; g < config->group_count; g++) {
        struct holder_group group = groups[g];
        size_t members = 0;
        groups[g].members = NULL;
        bool passing = config_group_is_passing(&config->groups[g]);
        for (size_t i = 0; rc == 0 && !passing && i < config->groups[g].member_count; i++) {
            if (rotation_removes(rotation, &config->groups[g], &config->groups[g].members[i]))
                continue;
            struct holder *holder = &group.members[members++];
            *holder = group.members[i];
            rc = give_path(rotation, holder, &move, &sheets, err);
        }
        group.member_count = members;
        if (members > 0)
            groups[kept++] = group;
        else
            mem_free(group.members);
    }
    if (rc == 0 && kept == 0)
        rc = error_set(err, ERROR_REFUSED, "without this holder nobody could open the store");
    if (rc != 0) {
        engine_groups_free(groups, kept);
        return -1;
    }
    *ret = groups;
    *ret_count = kept;
    return 0;
}
