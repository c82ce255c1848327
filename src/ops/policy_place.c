#include "ops/policy_place.h"

#include "base/mem.h"
#include "base/provider.h"
#include "ops/policy_files.h"

#include <string.h>

static void prefer(const struct target_url *url, const char *key, const char **member)
{
    const char *value = target_url_param(url, key);
    if (value != NULL)
        *member = value;
}

/* Where the rules look, with what the URL and the provider's table say of the place. */
static void join(const struct target_url *url, const struct target_traits *traits, struct target_options *options)
{
    const char *signature = target_url_param(url, "signature");
    int word = signature != NULL ? target_word_find(&target_words_signature, signature, strlen(signature)) : -1;
    if (word >= 0)
        options->signature = (enum target_signature)word;
    prefer(url, "endpoint", &options->endpoint);
    options->country = traits->country;
    options->site = traits->site;
    options->region = traits->region;
    /* Two targets of which nobody says whose they are may be the same provider's: then it stays unknown. */
    options->provider = strcmp(traits->provider, "generic") != 0 ? traits->provider : NULL;
}

/* What a group cannot do without; a sheet is for people to keep, and counts for nothing. */
static unsigned group_bits(const struct config_group *group)
{
    static const unsigned bits[] = {[CONFIG_HOLDER_FILE] = 0,
                                    [CONFIG_HOLDER_PASSPHRASE] = 0,
                                    [CONFIG_HOLDER_SHEET] = 0,
                                    [CONFIG_HOLDER_TOKEN] = 1U << POLICY_HOLDER_TOKEN,
                                    [CONFIG_HOLDER_KMS] = 1U << POLICY_HOLDER_KEY_SERVICE};
    unsigned found = 0;
    for (size_t i = 0; i < group->member_count; i++)
        found |= bits[group->members[i].holder];
    return found;
}

static bool is_paper(const struct config_group *group)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (group->members[i].holder != CONFIG_HOLDER_SHEET)
            return false;
    return true;
}

static void look_at_member(const struct config_member *member, struct policy_place *ret)
{
    struct policy_installation *to = &ret->installation;
    to->scrypt = to->scrypt || (member->holder == CONFIG_HOLDER_PASSPHRASE && member->options.kdf == HOLDER_KDF_SCRYPT);
    if (member->holder != CONFIG_HOLDER_KMS)
        return;
    const struct provider_region *region = provider_region_find("aws", member->options.region);
    ret->key_services[to->key_service_count++] = (struct policy_key_service){
        .name = member->name,
        .country = region != NULL ? region->country : NULL,
        .waiting_days = member->options.waiting_days != 0 ? member->options.waiting_days : HOLDER_WAITING_DAYS_MAX};
}

static int look_at_holders(const struct config *config, struct policy_place *ret, struct error *err)
{
    struct policy_installation *to = &ret->installation;
    unsigned all = ~0U;
    size_t groups = 0, members = 0;
    for (size_t i = 0; i < config->group_count; i++)
        members += config->groups[i].member_count;
    to->key_services = ret->key_services = mem_calloc(members, sizeof(*ret->key_services));
    if (ret->key_services == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < config->group_count; i++) {
        const struct config_group *group = &config->groups[i];
        if (config_group_is_passing(group))
            continue;
        for (size_t k = 0; k < group->member_count; k++)
            look_at_member(&group->members[k], ret);
        if (is_paper(group))
            continue;
        groups++;
        all &= group_bits(group);
    }
    to->holders = groups > 0 ? all : 0;
    return 0;
}

static int look_for_calendar(const struct config *config, const struct policy *policy, bool *ret_missing,
                             struct error *err)
{
    struct calendar *calendar = NULL;
    struct error why = {0};
    *ret_missing = true;
    if (policy_files_calendar(config->path, policy->calendar, &calendar, ret_missing, &why) != 0) {
        if (why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
        *ret_missing = true;
    }
    calendar_free(calendar);
    return 0;
}

int policy_place_open(const struct config *config, const struct policy *policy, struct policy_place *ret,
                      struct error *err)
{
    *ret = (struct policy_place){0};
    ret->targets = mem_calloc(config->target_count, sizeof(*ret->targets));
    ret->urls = mem_calloc(config->target_count, sizeof(*ret->urls));
    ret->traits = mem_calloc(config->target_count, sizeof(*ret->traits));
    int rc = ret->targets != NULL && ret->urls != NULL && ret->traits != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < config->target_count; i++) {
        const struct config_target *target = &config->targets[i];
        rc = target_url_parse(target->url, &ret->urls[i], err);
        if (rc != 0) {
            (void)error_wrap(err, "target %s", target->name);
            break;
        }
        ret->count++;
        ret->targets[i] = target->options;
        ret->targets[i].name = target->name;
        rc = target_describe(&target->options, &ret->traits[i], err);
        if (rc == 0)
            join(&ret->urls[i], &ret->traits[i], &ret->targets[i]);
    }
    ret->installation = (struct policy_installation){
        .targets = ret->targets, .target_count = config->target_count, .min_copies = config->min_copies};
    if (rc == 0)
        rc = look_at_holders(config, ret, err);
    if (rc == 0)
        rc = look_for_calendar(config, policy, &ret->installation.calendar_missing, err);
    if (rc != 0)
        policy_place_close(ret);
    return rc;
}

void policy_place_close(struct policy_place *place)
{
    for (size_t i = 0; i < place->count; i++) {
        target_url_free(&place->urls[i]);
        target_traits_free(&place->traits[i]);
    }
    mem_free(place->urls);
    mem_free(place->traits);
    mem_free(place->targets);
    mem_free(place->key_services);
    *place = (struct policy_place){0};
}

int policy_place_check(const struct config *config, const struct policy *policy, struct policy_findings *ret,
                       struct error *err)
{
    struct policy_place place;
    *ret = (struct policy_findings){0};
    if (policy_place_open(config, policy, &place, err) != 0)
        return -1;
    int rc = policy_check(policy, &place.installation, ret, err);
    policy_place_close(&place);
    return rc;
}
