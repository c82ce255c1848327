/* keys holder add, remove: who holds the root key changes, and with it the root epoch. */
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/keys_rotate.h"
#include "ops/policies.h"
#include "ops/purge.h"

#include <string.h>

/* The groups as they would be; the texts are borrowed, the arrays are not. */
struct outlook {
    struct config config;
    struct config_group *groups;
    size_t count;
};

static void outlook_clear(struct outlook *outlook)
{
    for (size_t i = 0; i < outlook->count; i++)
        mem_free(outlook->groups[i].members);
    mem_free(outlook->groups);
}

static int copy_group(const struct config_group *from, size_t more, struct outlook *to, struct error *err)
{
    struct config_group *group = &to->groups[to->count];
    *group = *from;
    group->members = mem_calloc(from->member_count + more, sizeof(*group->members));
    if (group->members == NULL)
        return error_no_memory(err);
    if (from->member_count > 0)
        memcpy(group->members, from->members, from->member_count * sizeof(*group->members));
    to->count++;
    return 0;
}

static int outlook_open(const struct config *config, struct outlook *ret, struct error *err)
{
    *ret = (struct outlook){.config = *config, .groups = mem_calloc(config->group_count + 1, sizeof(*ret->groups))};
    if (ret->groups == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < config->group_count; i++)
        if (!config_group_is_passing(&config->groups[i]) && copy_group(&config->groups[i], 1, ret, err) != 0)
            return -1;
    return 0;
}

static struct config_group *outlook_group(struct outlook *outlook, const char *name)
{
    for (size_t i = 0; i < outlook->count; i++)
        if (strcmp(outlook->groups[i].name, name) == 0)
            return &outlook->groups[i];
    return NULL;
}

static int add_to(struct outlook *outlook, const char *group_name, const struct config_member *member,
                  struct error *err)
{
    struct config_group *group = outlook_group(outlook, group_name);
    if (group == NULL) {
        const struct config_group fresh = {.name = (char *)(uintptr_t)group_name};
        if (copy_group(&fresh, 1, outlook, err) != 0)
            return -1;
        group = &outlook->groups[outlook->count - 1];
    }
    group->members[group->member_count++] = *member;
    return 0;
}

static int remove_from(struct outlook *outlook, const char *group_name, const char *name, struct error *err)
{
    struct config_group *group = outlook_group(outlook, group_name);
    size_t i = 0;
    while (group != NULL && i < group->member_count && strcmp(group->members[i].name, name) != 0)
        i++;
    if (group == NULL || i == group->member_count) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no holder %s in a group %s", name, group_name);
        return error_hint(err, "`hikae keys holder list` names them");
    }
    group->member_count--;
    memmove(&group->members[i], &group->members[i + 1], (group->member_count - i) * sizeof(*group->members));
    if (group->member_count > 0)
        return 0;
    mem_free(group->members);
    outlook->count--;
    memmove(group, group + 1, (size_t)(outlook->groups + outlook->count - group) * sizeof(*group));
    return 0;
}

/* What tenants were promised of the holders must hold afterwards, too. *ret_alone: one group is left. */
static int check(struct hikae *hikae, const struct keys_change *change, bool *ret_alone, struct error *err)
{
    CLEANUP(outlook_clear) struct outlook outlook;
    if (outlook_open(hikae->config, &outlook, err) != 0 ||
        (change->added != NULL && add_to(&outlook, change->added_group, change->added, err) != 0) ||
        (change->removed_group != NULL &&
         remove_from(&outlook, change->removed_group, change->removed_name, err) != 0) ||
        engine_keystore(hikae, err) != 0)
        return -1;
    if (outlook.count == 0)
        return error_set(err, ERROR_REFUSED, "without this holder nobody could open the store");
    *ret_alone = outlook.count == 1;
    outlook.config.groups = outlook.groups;
    outlook.config.group_count = outlook.count;
    return policies_check_holders(hikae, &outlook.config, err);
}

static enum hikae_status change_holders(struct hikae *hikae, const struct keys_change *change, const char *name,
                                        uint32_t *ret_epoch, char **ret_sheet, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct keys_changed changed = {0};
    bool alone = false;
    *ret_sheet = NULL;
    if (engine_audit_begin(hikae, OPERATION_KEYS_HOLDER, NULL, change->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    engine_audit_detail(&audit, change->added != NULL ? "added" : "removed", name);
    engine_audit_detail(&audit, "group", change->added != NULL ? change->added_group : change->removed_group);
    /* An erasure that was cut short leaves keys behind that a new epoch must not bring along. */
    int rc = purge_check_idle(hikae, &err);
    if (rc == 0)
        rc = check(hikae, change, &alone, &err);
    if (rc == 0)
        rc = keys_change_epoch(hikae, change, &changed, &err);
    if (rc == 0 && alone && change->removed_group != NULL)
        engine_warn(hikae, "one group of holders %s this store: if it is lost, so is everything",
                    change->dry_run ? "would open" : "opens");
    if (rc == 0) {
        *ret_epoch = changed.epoch;
        *ret_sheet = changed.sheet;
        changed.sheet = NULL;
    }
    bool left = changed.left;
    engine_audit_count(&audit, "epoch", changed.epoch);
    keys_changed_clear(&changed);
    return engine_audit_end(&audit, api_result(rc, left, &err, error));
}

enum hikae_status hikae_keys_holder_add(struct hikae *hikae, const char *group, const char *name, const char *spec,
                                        bool dry_run, uint32_t *ret_epoch, char **ret_sheet, struct hikae_error *error)
{
    struct error err = {0};
    struct config_member member;
    *ret_sheet = NULL;
    if (config_member_parse(spec, name, &member, &err) != 0)
        return api_result(-1, false, &err, error);
    const struct keys_change change = {.added_group = group, .added = &member, .dry_run = dry_run};
    enum hikae_status status = change_holders(hikae, &change, name, ret_epoch, ret_sheet, error);
    config_free_member(&member);
    return status;
}

enum hikae_status hikae_keys_holder_remove(struct hikae *hikae, const char *group, const char *name, bool dry_run,
                                           uint32_t *ret_epoch, char **ret_sheet, struct hikae_error *error)
{
    const struct keys_change change = {.removed_group = group, .removed_name = name, .dry_run = dry_run};
    return change_holders(hikae, &change, name, ret_epoch, ret_sheet, error);
}
