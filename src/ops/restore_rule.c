/*
 * What a policy asks before data is handed out: a table of rules, each with
 * what it refuses and what to do. Drills are none of them: their copies are
 * wiped before anybody could use them.
 */
#include "ops/policies.h"
#include "ops/restore.h"

#include <string.h>

const char *restore_destination_name(enum hikae_destination destination)
{
    static const char *const names[] = {
        [HIKAE_TO_PRODUCTION] = "production", [HIKAE_TO_STAGING] = "staging", [HIKAE_TO_DRILL] = "drill"};
    return names[destination];
}

struct asked {
    const struct policy_restores *rule;
    const struct restore_ask *ask;
    const struct hikae_restore_options *options;
};

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static bool request_is_refused(const struct asked *asked)
{
    return asked->options->on_request && !asked->rule->on_request;
}

static bool staging_is_refused(const struct asked *asked)
{
    return asked->options->destination == HIKAE_TO_STAGING && !asked->rule->staging;
}

static bool is_too_old(const struct asked *asked)
{
    return asked->rule->latest_only && !asked->ask->is_latest;
}

static bool lacks_reason(const struct asked *asked)
{
    return is_empty(asked->options->reason);
}

static bool lacks_requester(const struct asked *asked)
{
    return asked->options->on_request && is_empty(asked->options->requester);
}

static bool lacks_end(const struct asked *asked)
{
    return asked->options->destination == HIKAE_TO_STAGING && asked->options->keep_ns == 0;
}

/* Different people, and nobody for what he asks for himself. */
static size_t count_approvers(const struct hikae_restore_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < options->approver_count; i++) {
        const char *name = options->approvers[i];
        bool counts = !is_empty(name) && (options->requester == NULL || strcmp(name, options->requester) != 0);
        for (size_t k = 0; k < i; k++)
            counts = counts && strcmp(name, options->approvers[k]) != 0;
        count += counts;
    }
    return count;
}

static bool lacks_approver(const struct asked *asked)
{
    static const size_t needed[] = {[POLICY_APPROVER_NONE] = 0, [POLICY_APPROVER_ONE] = 1, [POLICY_APPROVER_TWO] = 2};
    return count_approvers(asked->options) < needed[asked->rule->approver];
}

static const struct {
    bool (*refuses)(const struct asked *asked);
    const char *what;
    const char *hint;
} rules[] = {
    {request_is_refused, "the policy lets no customer ask for a restore",
     "a restore that the provider needs himself is done without --on-request"},
    {staging_is_refused, "the policy lets no customer's data be restored for trying",
     "restore to --destination production, or change what is promised"},
    {is_too_old, "the policy recovers from the latest snapshot only", "leave out --snapshot and --at"},
    {lacks_reason, "the policy asks why", "say it with --reason, and where it was asked for with --ticket"},
    {lacks_requester, "it is not said who asked for it", "name the person with --requester"},
    {lacks_end, "it is not said how long a copy for trying may live", "say it with --keep-copy, as 7d"},
    {lacks_approver, "the policy asks for approval",
     "name who approved with --approver, once for each; not the person who asked for it"},
};

int restore_rule_check(struct hikae *hikae, const char *policy, const struct restore_ask *ask, bool *ret_recorded,
                       struct error *err)
{
    const struct hikae_restore_options *options = ask->options;
    const struct policies *policies;
    const struct policy *found;
    *ret_recorded = false;
    if (options->destination == HIKAE_TO_DRILL)
        return 0;
    *ret_recorded = options->keep_ns > 0 || options->destination == HIKAE_TO_STAGING;
    if (policy == NULL || strcmp(policy, POLICY_PLAIN) == 0)
        return 0;
    if (policies_of(hikae, &policies, err) != 0 || policies_get(policies, policy, &found, err) != 0)
        return -1;
    if (!found->restores.rule.present)
        return 0;
    const struct asked asked = {&found->restores, ask, options};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].refuses(&asked)) {
            (void)error_set(err, ERROR_REFUSED, "%s (policy %s, restores)", rules[i].what, policy);
            return error_hint(err, "%s", rules[i].hint);
        }
    *ret_recorded = true;
    return 0;
}
