/*
 * What a policy asks before data is handed out: a table of rules, each with
 * what it refuses and what to do. Drills are none of them: their copies are
 * wiped before anybody could use them.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/approval.h"
#include "ops/policies.h"
#include "ops/restore.h"

#include <stdio.h>
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

/* For what goes back into service. That an older one can be restored is tried all the same. */
static bool is_too_old(const struct asked *asked)
{
    return asked->rule->latest_only && !asked->ask->is_latest && asked->options->destination != HIKAE_TO_DRILL;
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

static const struct {
    bool (*refuses)(const struct asked *asked);
    const char *what;
    const char *hint;
} rules[] = {
    {request_is_refused, "the policy lets no customer ask for a restore",
     "a restore that the provider needs himself is done without --on-request"},
    {staging_is_refused, "the policy lets no customer's data be restored for trying",
     "restore to --destination production, or change what is promised"},
    {is_too_old, "the policy recovers from the latest snapshot only",
     "leave out --snapshot and --at; if the latest is bad, take it out first: `hikae snapshot forget`"},
    {lacks_reason, "the policy asks why", "say it with --reason, and where it was asked for with --ticket"},
    {lacks_requester, "it is not said who asked for it", "name the person with --requester"},
    {lacks_end, "it is not said how long a copy for trying may live", "say it with --keep-copy, as 7d"},
};

/* ---- Who says yes ---- */

/* What exactly is approved: which data goes where, for what. */
static int hash_plan(const struct restore_ask *ask, const char *tid, char out[APPROVAL_HASH_SIZE], struct error *err)
{
    const struct hikae_restore_options *options = ask->options;
    char keep[24];
    size_t n = 0;
    CLEANUP_FREE const char **texts = mem_calloc(options->path_count + 12, sizeof(*texts));
    if (texts == NULL)
        return error_no_memory(err);
    (void)snprintf(keep, sizeof(keep), "%lld", (long long)options->keep_ns);
    texts[n++] = "restore";
    texts[n++] = tid;
    texts[n++] = ask->snapshot;
    texts[n++] = restore_destination_name(options->destination);
    texts[n++] = options->to;
    texts[n++] = options->reason;
    texts[n++] = options->requester != NULL ? options->requester : "";
    texts[n++] = keep;
    for (size_t i = 0; i < options->path_count; i++)
        texts[n++] = options->paths[i];
    return approval_hash(texts, out, err);
}

/* Signatures of operators where there are two of them; names before that. *ret_names (mem_free) are those that count.
 */
static int approve(struct hikae *hikae, const struct session *tenant, const struct restore_ask *ask, size_t need,
                   char **ret_names, struct error *err)
{
    const struct hikae_restore_options *options = ask->options;
    char tid[2 * ID_SIZE + 1], plan[APPROVAL_HASH_SIZE];
    struct session facts;
    CLEANUP(operators_clear) struct operators operators = {0};
    struct approvals approvals = {0};
    (void)hex_encode(tenant->tid.bytes, ID_SIZE, tid);
    if (hash_plan(ask, tid, plan, err) != 0 || session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    const struct approval_wanted wanted = {"restore", ask->tenant, tid, "", "", plan, 0};
    int rc = operators_read(&facts, &operators, err);
    bool by_name = rc == 0 && operators_people(&operators) < OPERATORS_NEEDED;
    if (by_name && count_approvers(options) < need) {
        (void)error_set(err, ERROR_REFUSED, "the policy asks for the approval of %zu", need);
        rc = error_hint(err, "name who approved with --approver, once for each; not the person who asked for it");
    } else if (rc == 0 && !by_name) {
        rc = approval_require(hikae, &facts, &wanted, need, &approvals, err);
    }
    if (rc == 0 && (*ret_names = by_name ? restore_names(options->approvers, options->approver_count)
                                         : approvals_names(&approvals)) == NULL)
        rc = error_no_memory(err);
    approvals_clear(&approvals);
    session_close(&facts);
    return rc;
}

char *restore_names(const char *const *names, size_t count)
{
    char *all = mem_strdup("");
    for (size_t i = 0; all != NULL && i < count; i++) {
        char *more = mem_printf("%s%s%s", all, i > 0 ? ", " : "", names[i]);
        mem_free(all);
        all = more;
    }
    return all;
}

int restore_rule_check(const struct session *session, const struct restore_ask *ask, bool *ret_recorded,
                       char **ret_approvers, struct error *err)
{
    static const size_t needed[] = {[POLICY_APPROVER_NONE] = 0, [POLICY_APPROVER_ONE] = 1, [POLICY_APPROVER_TWO] = 2};
    const struct hikae_restore_options *options = ask->options;
    const struct history *history = &session->chain.history;
    const char *name = history->has_tenant ? history->tenant.policy : POLICY_PLAIN;
    const struct policies *policies;
    const struct policy *policy;
    *ret_recorded = false;
    if (options->destination == HIKAE_TO_DRILL)
        return 0;
    *ret_recorded = options->keep_ns > 0 || options->destination == HIKAE_TO_STAGING;
    *ret_approvers = restore_names(options->approvers, options->approver_count);
    if (*ret_approvers == NULL)
        return error_no_memory(err);
    if (strcmp(name, POLICY_PLAIN) == 0)
        return 0;
    if (policies_of(session->hikae, &policies, err) != 0 || policies_get(policies, name, &policy, err) != 0)
        return -1;
    if (!policy->restores.rule.present)
        return 0;
    const struct asked asked = {&policy->restores, ask, options};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].refuses(&asked)) {
            (void)error_set(err, ERROR_REFUSED, "%s (policy %s, restores)", rules[i].what, name);
            return error_hint(err, "%s", rules[i].hint);
        }
    *ret_recorded = true;
    if (policy->restores.approver == POLICY_APPROVER_NONE || options->dry_run)
        return 0;
    mem_free(*ret_approvers);
    *ret_approvers = NULL;
    return approve(session->hikae, session, ask, needed[policy->restores.approver], ret_approvers, err);
}
