/*
 * keys rotate --root: a new root epoch, with new key files and a new recovery sheet.
 *
 * The order is such that a crash at any point leaves an installation that opens. First the configuration names the
 * new key files in a group of their own, beside the old ones; then the keystore makes the epoch; then the paths are
 * exchanged; the group is taken out; and last the old key files are wiped. The next rotation finishes one that was cut
 * short.
 */
#include "base/file.h"
#include "base/mem.h"
#include "base/names.h"
#include "keys/holder.h"
#include "ops/audit.h"
#include "ops/engine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* A holder that lies in a file made anew for each epoch. */
struct move {
    struct config_member *member; /* of the configuration in memory; its path is the old one */
    char *to;
};

struct rotation {
    struct hikae *hikae;
    uint32_t before, epoch;
    struct move *moves;
    size_t count;
    char *sheet; /* where the new recovery sheet is written; NULL: there is none */
    bool left;   /* something of the old epoch could not be removed */
    int lock_fd;
};

static void rotation_clear(struct rotation *rotation)
{
    for (size_t i = 0; rotation->moves != NULL && i < rotation->count; i++)
        mem_free(rotation->moves[i].to);
    mem_free(rotation->moves);
    mem_free(rotation->sheet);
    if (rotation->lock_fd >= 0)
        (void)close(rotation->lock_fd);
}

static bool is_made_anew(const struct config_member *member)
{
    return member->holder == CONFIG_HOLDER_FILE || (member->holder == CONFIG_HOLDER_SHEET && member->path != NULL);
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
static int collect_moves(struct rotation *rotation, struct error *err)
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
            if (strcmp(config->groups[g].name, CONFIG_NEW_EPOCH) != 0 && is_made_anew(member))
                rotation->moves[rotation->count++].member = member;
        }
    return 0;
}

static int name_moves(struct rotation *rotation, struct error *err)
{
    for (size_t i = 0; i < rotation->count; i++) {
        rotation->moves[i].to = free_path(rotation->moves[i].member->path, rotation->epoch, err);
        if (rotation->moves[i].to == NULL)
            return -1;
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

static int plan(struct rotation *rotation, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    uint32_t highest = rotation->before;
    for (size_t i = 0; i < hikae->target_count; i++)
        if (target_list(hikae->targets[i].target, NAME_KEYS, NULL, highest_epoch, &highest, err) != 0)
            return -1;
    if (highest == UINT32_MAX)
        return error_set(err, ERROR_KEYS, "the numbers of root epochs are used up");
    rotation->epoch = highest + 1;
    return name_moves(rotation, err);
}

/* The new epoch's holders: the configured ones, with their new files. Borrows; engine_groups_free. */
static int new_groups(struct rotation *rotation, struct holder_group **ret, struct error *err)
{
    const struct config *config = rotation->hikae->config;
    struct holder_group *groups;
    if (engine_groups(config, &groups, err) != 0)
        return -1;
    size_t sheets = 0, move = 0;
    int rc = 0;
    for (size_t g = 0; rc == 0 && g < config->group_count; g++)
        for (size_t i = 0; rc == 0 && i < config->groups[g].member_count; i++) {
            struct holder *holder = &groups[g].members[i];
            if (is_made_anew(&config->groups[g].members[i]))
                holder->path = rotation->moves[move++].to;
            if (holder->kind != HOLDER_SHEET)
                continue;
            if (holder->path == NULL && sheets++ == 0) {
                holder->path = rotation->sheet = sheet_path(rotation, err);
                rc = holder->path != NULL ? 0 : -1;
            } else if (holder->path == NULL) {
                rc = error_set(err, ERROR_CONFIG, "more than one recovery sheet has no path");
                (void)error_hint(err, "give the sheets paths in the configuration, where they are to be written");
            } else if (rotation->sheet == NULL) {
                rotation->sheet = mem_strdup(holder->path);
                rc = rotation->sheet != NULL ? 0 : error_no_memory(err);
            }
        }
    if (rc == 0)
        *ret = groups;
    else
        engine_groups_free(groups, config->group_count);
    return rc;
}

/* ---- After the new epoch is in force ---- */

static void drop_old_file(struct rotation *rotation, const struct config_member *member, const char *path)
{
    struct hikae *hikae = rotation->hikae;
    CLEANUP_FREE char *copy = mem_strdup(path);
    const struct holder holder = {
        .kind = member->holder == CONFIG_HOLDER_FILE ? HOLDER_FILE : HOLDER_SHEET, .name = member->name, .path = copy};
    struct error why = {0};
    if (copy != NULL && holder.kind == HOLDER_FILE && keystore_destroy_holder(hikae->keystore, &holder, &why) == 0)
        return;
    if (why.class == ERROR_NOT_FOUND)
        return;
    rotation->left = true;
    engine_warn(hikae, "%s of epoch %u is still there: %s; destroy it by hand", path, rotation->before,
                why.class != ERROR_NONE ? why.what : "a sheet is not removed from here");
}

/* Configuration first, then the old files: whatever is named can be opened at every step. */
static int finish(struct rotation *rotation, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    for (size_t i = 0; i < rotation->count; i++) {
        struct error why = {0};
        const struct move *move = &rotation->moves[i];
        if (config_replace_path(hikae->config->path, move->member->path, move->to, &why) == 0 ||
            why.class == ERROR_NOT_FOUND)
            continue; /* not found: another member with the same path was exchanged before */
        *err = why;
        (void)error_wrap(err, "epoch %u is in force; name its key file %s in the configuration", rotation->epoch,
                         move->to);
        return error_hint(err, "replace %s by %s there, by hand", move->member->path, move->to);
    }
    if (config_end_epoch(hikae->config->path, err) != 0)
        return error_wrap(err, "epoch %u is in force; take the group " CONFIG_NEW_EPOCH " out of the configuration",
                          rotation->epoch);
    for (size_t i = 0; i < rotation->count; i++) {
        struct move *move = &rotation->moves[i];
        char *old = move->member->path;
        move->member->path = move->to;
        move->to = NULL;
        drop_old_file(rotation, move->member, old);
        mem_free(old);
    }
    engine_warn(hikae,
                "epoch %u is in force: destroy the recovery sheets of older epochs, on paper and in files, and "
                "all copies of older key files",
                rotation->epoch);
    return 0;
}

/* ---- One that was cut short ---- */

/* Forget the extra group in memory, as the file will. */
static void forget_group(struct config *config, size_t number)
{
    struct config_group *group = &config->groups[number];
    for (size_t i = 0; i < group->member_count; i++) {
        mem_free(group->members[i].name);
        mem_free(group->members[i].path);
    }
    mem_free(group->members);
    mem_free(group->name);
    memmove(group, group + 1, (config->group_count - number - 1) * sizeof(*group));
    config->group_count--;
}

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

/* Are the new files those of the epoch in force? */
static bool is_in_force(const struct rotation *rotation)
{
    for (size_t i = 0; i < rotation->count; i++) {
        uint32_t epoch = 0;
        CLEANUP_SECRET struct secret *key = NULL;
        if (rotation->moves[i].member->holder == CONFIG_HOLDER_FILE &&
            holder_keyfile_read(rotation->moves[i].to, &epoch, &key, NULL) == 0 && epoch == rotation->before)
            return true;
    }
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
        mem_free(move->to);
        move->to = NULL;
    }
}

/* *ret_done: the epoch that was begun is in force now, and nothing is left to do. */
static int resume(struct rotation *rotation, bool dry_run, bool *ret_done, struct error *err)
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
    if (dry_run)
        return 0;
    if (*ret_done) {
        rotation->epoch = rotation->before;
        rotation->before--;
        if (finish(rotation, err) != 0)
            return -1;
    } else {
        discard_new_files(rotation);
        if (config_end_epoch(config->path, err) != 0)
            return -1;
    }
    forget_group(config, number);
    return 0;
}

/* ---- The rotation ---- */

static int begin(struct rotation *rotation, struct error *err)
{
    if (rotation->count == 0)
        return 0; /* passphrases open the new epoch as they did the old one */
    struct config_member *members = mem_calloc(rotation->count, sizeof(*members));
    if (members == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < rotation->count; i++) {
        members[i].holder = rotation->moves[i].member->holder;
        members[i].path = rotation->moves[i].to;
    }
    int rc = config_begin_epoch(rotation->hikae->config->path, members, rotation->count, err);
    mem_free(members);
    return rc;
}

static void wipe_sheets(char **sheets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sheets[i] != NULL)
            mem_wipe(sheets[i], strlen(sheets[i]));
        mem_free(sheets[i]);
    }
}

/* The keystore removes new files again if the epoch cannot have come into force: then the group goes too. */
static void give_up(struct rotation *rotation)
{
    struct error why = {0};
    for (size_t i = 0; i < rotation->count; i++)
        if (access(rotation->moves[i].to, F_OK) == 0) {
            engine_warn(rotation->hikae,
                        "epoch %u may be in force; the configuration names its key files in the group " CONFIG_NEW_EPOCH
                        ". Run the rotation again to finish it",
                        rotation->epoch);
            return;
        }
    if (config_end_epoch(rotation->hikae->config->path, &why) != 0)
        engine_warn(rotation->hikae, "the group " CONFIG_NEW_EPOCH " is still in the configuration: %s", why.what);
}

static int make_epoch(struct rotation *rotation, const struct holder_group *groups, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    size_t count = hikae->config->group_count;
    char **sheets = mem_calloc(count, sizeof(*sheets));
    if (sheets == NULL)
        return error_no_memory(err);
    int rc = begin(rotation, err);
    if (rc == 0) {
        rc = keystore_rotate_root(hikae->keystore, groups, count, sheets, err);
        if (rc != 0)
            give_up(rotation);
        wipe_sheets(sheets, count);
    }
    mem_free(sheets);
    if (rc == 0) {
        rotation->epoch = keystore_epoch(hikae->keystore);
        rc = finish(rotation, err);
    }
    return rc;
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

static int rotate(struct rotation *rotation, bool dry_run, struct error *err)
{
    struct hikae *hikae = rotation->hikae;
    struct holder_group *groups;
    bool done;
    if ((!dry_run && take_lock(rotation, err) != 0) || engine_keystore(hikae, err) != 0 ||
        need_all_targets(hikae, err) != 0)
        return -1;
    rotation->before = keystore_epoch(hikae->keystore);
    rotation->epoch = rotation->before;
    if (collect_moves(rotation, err) != 0 || resume(rotation, dry_run, &done, err) != 0)
        return -1;
    if (done)
        return 0;
    for (size_t i = 0; i < rotation->count; i++) { /* a plan names files of its own */
        mem_free(rotation->moves[i].to);
        rotation->moves[i].to = NULL;
    }
    if (plan(rotation, err) != 0)
        return -1;
    if (new_groups(rotation, &groups, err) != 0)
        return -1;
    int rc = dry_run ? 0 : make_epoch(rotation, groups, err);
    engine_groups_free(groups, hikae->config->group_count);
    return rc;
}

enum hikae_status hikae_keys_rotate_root(struct hikae *hikae, bool dry_run, uint32_t *ret_epoch, char **ret_sheet,
                                         struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct rotation rotation = {.hikae = hikae, .lock_fd = -1};
    if (engine_audit_begin(hikae, OPERATION_KEYS_ROTATE, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = rotate(&rotation, dry_run, &err);
    if (rc == 0 && ret_epoch != NULL)
        *ret_epoch = rotation.epoch;
    if (ret_sheet != NULL)
        *ret_sheet = NULL;
    if (rc == 0 && ret_sheet != NULL) {
        *ret_sheet = rotation.sheet;
        rotation.sheet = NULL;
    }
    bool left = rotation.left;
    engine_audit_count(&audit, "epoch", rotation.epoch);
    rotation_clear(&rotation);
    return engine_audit_end(&audit, api_result(rc, left, &err, error));
}
