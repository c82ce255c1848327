/* The files of a configuration, and who can read them. */
#include "base/mem.h"
#include "ops/roles.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { LOOKUP_SIZE = 16384 };

/* ---- Users ---- */

void role_user_find(const char *name, struct role_user *ret)
{
    char buffer[LOOKUP_SIZE];
    struct passwd entry, *found = NULL;
    *ret = (struct role_user){.group_count = ROLE_GROUPS_MAX};
    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL) {
        ret->group_count = 0;
        return;
    }
    ret->exists = true;
    ret->uid = entry.pw_uid;
    if (getgrouplist(name, entry.pw_gid, ret->groups, &ret->group_count) < 0)
        ret->group_count = ROLE_GROUPS_MAX; /* more than we look at: those that fit */
}

/* Has this user the permission (4 read, 1 search) that a mode gives? */
static bool permits(const struct role_user *user, const struct stat *st, unsigned bit)
{
    if (user->uid == 0)
        return true;
    if (st->st_uid == user->uid)
        return (st->st_mode >> 6 & bit) != 0;
    for (int i = 0; i < user->group_count; i++)
        if (user->groups[i] == st->st_gid)
            return (st->st_mode >> 3 & bit) != 0;
    return (st->st_mode & bit) != 0;
}

bool role_user_reads(const struct role_user *user, const char *path, bool *ret_acl)
{
    struct stat st;
    CLEANUP_FREE char *part = mem_strdup(path);
    if (part == NULL || path[0] != '/')
        return false;
    for (char *slash = part + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        bool enters = stat(part, &st) == 0 && permits(user, &st, 1);
        *slash = '/';
        if (!enters)
            return false;
    }
    if (stat(path, &st) != 0)
        return false;
    *ret_acl = *ret_acl || getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
    return permits(user, &st, 4);
}

/* ---- Files ---- */

static char *user_name(uid_t uid)
{
    char buffer[LOOKUP_SIZE];
    struct passwd entry, *found = NULL;
    return getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL
               ? mem_strdup(entry.pw_name)
               : mem_printf("%lu", (unsigned long)uid);
}

static char *group_name(gid_t gid)
{
    char buffer[LOOKUP_SIZE];
    struct group entry, *found = NULL;
    return getgrgid_r(gid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL
               ? mem_strdup(entry.gr_name)
               : mem_printf("%lu", (unsigned long)gid);
}

static int add_reader(struct hikae_role_file *file, const char *name, struct error *err)
{
    char **grown = mem_realloc(file->readers, (file->reader_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    file->readers = grown;
    grown[file->reader_count] = mem_strdup(name);
    return grown[file->reader_count++] != NULL ? 0 : error_no_memory(err);
}

static int look_at(struct hikae_role_file *file, const struct role_user *users, struct error *err)
{
    struct stat st;
    /* A user that nobody is: who has neither the owner's number nor a group. */
    const struct role_user stranger = {.exists = true, .uid = (uid_t)-2};
    if (stat(file->path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES
                   ? 0
                   : error_set_errno(err, ERROR_LOCAL, errno, "look at %s", file->path);
    file->is_there = true;
    file->mode = st.st_mode & 07777;
    file->owner = user_name(st.st_uid);
    file->group = group_name(st.st_gid);
    if (file->owner == NULL || file->group == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (users[i].exists && role_user_reads(&users[i], file->path, &file->acl) &&
            add_reader(file, roles_table[i].user, err) != 0)
            return -1;
    return role_user_reads(&stranger, file->path, &file->acl) ? add_reader(file, "everybody", err) : 0;
}

/* One that is known already is used by this configuration too. */
static int add_file(struct hikae_roles *ret, const char *path, const char *what, const char *used_by,
                    const struct role_user *users, struct error *err)
{
    if (path == NULL)
        return 0;
    for (size_t i = 0; i < ret->file_count; i++) {
        struct hikae_role_file *known = &ret->files[i];
        if (strcmp(known->path, path) != 0)
            continue;
        if (strstr(known->used_by, used_by) != NULL)
            return 0;
        char *longer = mem_printf("%s, %s", known->used_by, used_by);
        if (longer == NULL)
            return error_no_memory(err);
        mem_free(known->used_by);
        known->used_by = longer;
        return 0;
    }
    struct hikae_role_file *grown = mem_realloc(ret->files, (ret->file_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->files = grown;
    struct hikae_role_file *file = &grown[ret->file_count++];
    *file = (struct hikae_role_file){.path = mem_strdup(path), .what = what, .used_by = mem_strdup(used_by)};
    if (file->path == NULL || file->used_by == NULL)
        return error_no_memory(err);
    return look_at(file, users, err);
}

static int add_credentials_file(struct hikae_roles *ret, const struct target_credentials *credentials,
                                const char *used_by, const struct role_user *users, struct error *err)
{
    return credentials->kind == TARGET_CREDENTIALS_FILE
               ? add_file(ret, credentials->value, "credentials", used_by, users, err)
               : 0;
}

/* "file:PATH", as the configuration writes it. */
static char *source_of(const struct target_credentials *credentials, const char *absent)
{
    const char *word = target_words_credentials.words[credentials->kind];
    if (credentials->kind == TARGET_CREDENTIALS_DEFAULT || word == NULL)
        return mem_strdup(absent);
    return mem_printf("%s%s%s", word, credentials->value != NULL ? ":" : "",
                      credentials->value != NULL ? credentials->value : "");
}

static int add_credentials(struct hikae_roles *ret, const struct config_target *target, const char *used_by,
                           struct error *err)
{
    bool is_folder = strncmp(target->url, "file:", 5) == 0;
    struct hikae_role_credentials *grown = mem_realloc(ret->credentials, (ret->credential_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->credentials = grown;
    const char *usual = is_folder ? "the folder's mode" : "found as other programs find theirs";
    const char *same = is_folder ? "the folder's mode" : "as for writing";
    struct hikae_role_credentials *row = &grown[ret->credential_count++];
    *row = (struct hikae_role_credentials){.config = mem_strdup(used_by),
                                           .target = mem_strdup(target->name),
                                           .write = source_of(&target->options.write, usual),
                                           .read = source_of(&target->options.read, same),
                                           .remove = source_of(&target->options.remove, same)};
    bool complete =
        row->config != NULL && row->target != NULL && row->write != NULL && row->read != NULL && row->remove != NULL;
    return complete ? 0 : error_no_memory(err);
}

static int add_members(const struct config *config, const char *name, const struct role_user *users,
                       struct hikae_roles *ret, struct error *err)
{
    for (size_t g = 0; g < config->group_count; g++)
        for (size_t i = 0; i < config->groups[g].member_count; i++) {
            const struct config_member *member = &config->groups[g].members[i];
            const char *what = member->holder == CONFIG_HOLDER_PASSPHRASE ? "passphrase" : "key";
            if (add_file(ret, member->path, what, name, users, err) != 0 ||
                add_credentials_file(ret, &member->options.pin, name, users, err) != 0 ||
                add_credentials_file(ret, &member->options.credentials, name, users, err) != 0)
                return -1;
        }
    return 0;
}

int roles_add_files(const struct config *config, const char *name, const struct role_user *users,
                    struct hikae_roles *ret, struct error *err)
{
    if (add_file(ret, config->path, "configuration", name, users, err) != 0 ||
        add_file(ret, config->state, "state", name, users, err) != 0 || add_members(config, name, users, ret, err) != 0)
        return -1;
    for (size_t i = 0; i < config->target_count; i++) {
        const struct target_options *options = &config->targets[i].options;
        if (add_credentials_file(ret, &options->write, name, users, err) != 0 ||
            add_credentials_file(ret, &options->read, name, users, err) != 0 ||
            add_credentials_file(ret, &options->remove, name, users, err) != 0 ||
            add_credentials(ret, &config->targets[i], name, err) != 0)
            return -1;
    }
    return add_file(ret, config->notify.mail_password_file, "secret of notifications", name, users, err) == 0
               ? add_file(ret, config->notify.webhook_secret_file, "secret of notifications", name, users, err)
               : -1;
}
