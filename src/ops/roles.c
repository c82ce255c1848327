#include "ops/roles.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>

const struct role roles_table[ROLE_COUNT] = {
    {"writer", "hikae-writer", "writer.yaml",
     "reads customers' files, opens every tenant's keys, puts snapshots on the targets; deletes nothing",
     "顧客のファイルを読み、全テナントの鍵を開き、保存先にスナップショットを置く。削除はできない"},
    {"reader", "hikae-reader", "reader.yaml",
     "opens every tenant's keys and reads the targets: restores, exports, verification; writes and deletes nothing",
     "全テナントの鍵を開き、保存先を読む（復元・書き出し・検証）。書き込みも削除もできない"},
    {"pruner", "hikae-pruner", "pruner.yaml",
     "decides by the policies and deletes from the targets; opens keys to read histories, reads no customer's file",
     "ポリシーに従って判断し、保存先から削除する。履歴を読むために鍵を開くが、顧客のファイルは読まない"},
    {"key officer", "hikae-keys", "keys.yaml",
     "rotates keys, changes holders and operators, erases tenants with two operators' signatures",
     "鍵を更新し、保持者とオペレーターを変更し、オペレーター 2 名の署名によりテナントを消去する"},
};

void hikae_roles_free(struct hikae_roles *roles)
{
    for (size_t i = 0; i < roles->role_count; i++)
        mem_free(roles->roles[i].config);
    for (size_t i = 0; i < roles->file_count; i++) {
        struct hikae_role_file *file = &roles->files[i];
        for (size_t k = 0; k < file->reader_count; k++)
            mem_free(file->readers[k]);
        mem_free(file->readers);
        mem_free(file->path);
        mem_free(file->used_by);
        mem_free(file->owner);
        mem_free(file->group);
    }
    for (size_t i = 0; i < roles->credential_count; i++) {
        mem_free(roles->credentials[i].config);
        mem_free(roles->credentials[i].target);
        mem_free(roles->credentials[i].write);
        mem_free(roles->credentials[i].read);
        mem_free(roles->credentials[i].remove);
    }
    for (size_t i = 0; i < roles->warning_count; i++)
        mem_free(roles->warnings[i]);
    mem_free(roles->roles);
    mem_free(roles->files);
    mem_free(roles->credentials);
    mem_free(roles->warnings);
    hikae_operators_free(&roles->operators);
    *roles = (struct hikae_roles){0};
}

/* Takes text over. */
static int warn(struct hikae_roles *ret, char *text, struct error *err)
{
    char **grown = mem_realloc(ret->warnings, (ret->warning_count + 1) * sizeof(*grown));
    if (grown != NULL)
        ret->warnings = grown;
    if (grown == NULL || text == NULL) {
        mem_free(text);
        return error_no_memory(err);
    }
    grown[ret->warning_count++] = text;
    return 0;
}

/* ---- Configurations ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static char *beside(const char *path, const char *name)
{
    return mem_printf("%.*s%s", (int)(last_part(path) - path), path, name);
}

/* One that cannot be read is a warning: that of another role usually cannot, and should not. */
static int add_config(struct hikae_roles *ret, const char *path, const struct role_user *users, struct error *err)
{
    struct config *config = NULL;
    struct error why = {0};
    if (config_load(path, &config, &why) != 0) {
        if (why.class == ERROR_NO_MEMORY)
            return error_no_memory(err);
        return warn(ret, mem_printf("%s was not looked at: %s", path, why.what), err);
    }
    int rc = roles_add_files(config, last_part(path), users, ret, err);
    config_free(config);
    return rc;
}

static int add_roles(struct hikae_roles *ret, const char *path, const struct role_user *users, struct error *err)
{
    ret->roles = mem_calloc(ROLE_COUNT, sizeof(*ret->roles));
    if (ret->roles == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct role *role = &roles_table[i];
        struct hikae_role *to = &ret->roles[ret->role_count++];
        struct stat st;
        *to = (struct hikae_role){.name = role->name, .user = role->user, .can = role->can, .can_ja = role->can_ja};
        to->user_exists = users[i].exists;
        to->config = beside(path, role->config);
        if (to->config == NULL)
            return error_no_memory(err);
        if (stat(to->config, &st) == 0 && strcmp(to->config, path) != 0 && add_config(ret, to->config, users, err) != 0)
            return -1;
        if (stat(to->config, &st) == 0)
            continue;
        mem_free(to->config);
        to->config = NULL;
    }
    return 0;
}

/* ---- What is wrong with it ---- */

static bool is_secret(const struct hikae_role_file *file)
{
    return strcmp(file->what, "configuration") != 0;
}

static int judge_file(struct hikae_roles *ret, const struct hikae_role_file *file, struct error *err)
{
    size_t users = 0;
    bool everybody = false;
    if (!file->is_there || !is_secret(file))
        return 0;
    for (size_t i = 0; i < file->reader_count; i++) {
        everybody = everybody || strcmp(file->readers[i], "everybody") == 0;
        users += strcmp(file->readers[i], "everybody") != 0;
    }
    if (everybody)
        return warn(ret, mem_printf("everybody can read the %s %s", file->what, file->path), err);
    if (users > 1)
        return warn(
            ret,
            mem_printf("%zu roles' users can read the %s %s: who takes over one has it", users, file->what, file->path),
            err);
    return file->acl ? warn(ret, mem_printf("%s has an access list, which says more than its mode", file->path), err)
                     : 0;
}

static int judge_credentials(struct hikae_roles *ret, const struct hikae_role_credentials *row, struct error *err)
{
    /* Where a role deletes it needs them; elsewhere it should not be able to. */
    if (strcmp(row->remove, "as for writing") != 0 || strcmp(row->config, "pruner.yaml") == 0)
        return 0;
    return warn(ret,
                mem_printf("%s: target %s names no credentials_delete: those for writing must not be able to delete",
                           row->config, row->target),
                err);
}

static int judge(struct hikae_roles *ret, struct error *err)
{
    size_t own = 0;
    for (size_t i = 0; i < ret->role_count; i++) {
        own += ret->roles[i].config != NULL;
        if (!ret->roles[i].user_exists && warn(ret,
                                               mem_printf("there is no user %s: the role %s is somebody else's",
                                                          ret->roles[i].user, ret->roles[i].name),
                                               err) != 0)
            return -1;
    }
    if (own < 2 && warn(ret,
                        mem_strdup("one configuration serves every role: whoever runs it writes, deletes and holds "
                                   "the keys"),
                        err) != 0)
        return -1;
    for (size_t i = 0; i < ret->file_count; i++)
        if (judge_file(ret, &ret->files[i], err) != 0)
            return -1;
    for (size_t i = 0; i < ret->credential_count; i++)
        if (judge_credentials(ret, &ret->credentials[i], err) != 0)
            return -1;
    return 0;
}

/* ---- Operators ---- */

static int add_operators(struct hikae_roles *ret, const char *path, struct error *err)
{
    struct hikae *hikae = NULL;
    struct hikae_error why = {0};
    enum hikae_status status = hikae_open(path, &hikae, &why);
    if (status <= HIKAE_WARNINGS)
        status = hikae_operator_list(hikae, &ret->operators, &why);
    hikae_close(hikae);
    if (status > HIKAE_WARNINGS)
        return warn(ret, mem_printf("who is an operator is not known: %s", why.message), err);
    return ret->operators.people < 2
               ? warn(ret, mem_strdup("fewer than two people are operators: one name is enough for what needs two"),
                      err)
               : 0;
}

enum hikae_status hikae_roles_report(const char *config_path, struct hikae_roles *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct role_user users[ROLE_COUNT];
    struct config *config = NULL;
    const char *path = config_path != NULL ? config_path : CONFIG_DEFAULT_PATH;
    CLEANUP_FREE char *absolute = file_absolute(path);
    *ret = (struct hikae_roles){0};
    for (size_t i = 0; i < ROLE_COUNT; i++)
        role_user_find(roles_table[i].user, &users[i]);
    /* The configuration that was named must be one; the others are looked at if they are there. */
    int rc = absolute != NULL ? config_load(absolute, &config, &err) : error_no_memory(&err);
    if (rc == 0)
        rc = roles_add_files(config, last_part(absolute), users, ret, &err);
    config_free(config);
    if (rc == 0)
        rc = add_roles(ret, absolute, users, &err);
    if (rc == 0)
        rc = judge(ret, &err);
    if (rc == 0)
        rc = add_operators(ret, absolute, &err);
    bool warnings = ret->warning_count > 0;
    if (rc != 0)
        hikae_roles_free(ret);
    return api_result(rc, warnings, &err, error);
}
