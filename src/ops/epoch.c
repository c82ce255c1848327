/* The end of an older epoch: its holders destroyed through whatever the configuration names. */
#include "ops/epoch.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static int ask(struct hikae *hikae, uint32_t epoch, bool destroy, struct keystore_destruction *ret, struct error *err)
{
    struct holder_group *groups;
    if (engine_keystore(hikae, err) != 0 || engine_groups(hikae->config, &groups, err) != 0)
        return -1;
    size_t count = hikae->config->group_count;
    int rc = destroy ? keystore_destroy_epoch(hikae->keystore, epoch, groups, count, ret, err)
                     : keystore_attest_epoch(hikae->keystore, epoch, groups, count, ret, err);
    engine_groups_free(groups, count);
    return rc;
}

int epoch_destroy(struct hikae *hikae, uint32_t epoch, struct keystore_destruction *ret, struct error *err)
{
    return ask(hikae, epoch, true, ret, err);
}

int epoch_attest(struct hikae *hikae, uint32_t epoch, struct keystore_destruction *ret, struct error *err)
{
    return ask(hikae, epoch, false, ret, err);
}

bool epoch_is_done(const struct keystore_destruction *destruction)
{
    for (size_t i = 0; i < destruction->count; i++)
        if (destruction->holders[i].fate == HOLDER_FATE_UNKNOWN ||
            destruction->holders[i].fate == HOLDER_FATE_REFUSED ||
            destruction->holders[i].fate == HOLDER_FATE_SCHEDULED)
            return false;
    return destruction->count > 0;
}

/* In memory as in the file. */
static void forget_group(struct config *config, const char *name)
{
    size_t number = 0;
    while (number < config->group_count && strcmp(config->groups[number].name, name) != 0)
        number++;
    if (number == config->group_count)
        return;
    struct config_group *group = &config->groups[number];
    for (size_t i = 0; i < group->member_count; i++)
        config_free_member(&group->members[i]);
    mem_free(group->members);
    mem_free(group->name);
    memmove(group, group + 1, (config->group_count - number - 1) * sizeof(*group));
    config->group_count--;
}

int epoch_forget(struct hikae *hikae, uint32_t epoch, struct error *err)
{
    char name[32];
    (void)snprintf(name, sizeof(name), CONFIG_OLD_EPOCH "%u", epoch);
    if (config_end_epoch(hikae->config->path, name, err) != 0)
        return -1;
    forget_group(hikae->config, name);
    return epoch_state_ended(hikae, epoch, err);
}

bool epoch_tell(struct hikae *hikae, const struct keystore_destruction *destruction, bool again)
{
    bool left = false;
    for (size_t i = 0; i < destruction->count; i++) {
        const struct keystore_holder_end *end = &destruction->holders[i];
        bool people = end->fate == HOLDER_FATE_PEOPLE;
        if (end->fate == HOLDER_FATE_DESTROYED || end->fate == HOLDER_FATE_ABSENT || (people && again))
            continue;
        if (end->fate == HOLDER_FATE_SCHEDULED) {
            char until[CLOCK_TEXT_SIZE];
            engine_warn(hikae,
                        "holder %s of group %s, epoch %u: its key is unusable, and ends on %s unless somebody "
                        "cancels that",
                        end->name, end->group, destruction->epoch, clock_format(end->final_ns, until));
            continue;
        }
        left = left || !people;
        engine_warn(hikae, "holder %s of group %s, epoch %u: %s", end->name, end->group, destruction->epoch,
                    end->why != NULL ? end->why : "its key is not destroyed");
    }
    return left;
}
