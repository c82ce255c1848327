/*
 * policy diff, policy apply: what a file changes against the version in force, and putting it in force by a record in
 * the store's own history. Whatever promises less needs somebody who approves it.
 */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/approval.h"
#include "ops/audit.h"
#include "ops/policy_drops.h"
#include "ops/policy_files.h"
#include "ops/policy_internal.h"
#include "ops/policy_place.h"
#include "ops/target_fact.h"
#include "policy/policy_shorten.h"
#include "policy/policy_values.h"

#include <stdio.h>
#include <string.h>

struct applying {
    struct hikae *hikae;
    const struct hikae_policy_apply_options *options;
    struct session facts;
    struct policies applied;
    struct policy *after;
    const struct policies_item *before; /* NULL: first */
    bool same;                          /* this very text is in force */
    struct approvals approvals;
    struct hikae_policy_diff *ret;
};

/* ---- What differs ---- */

static int note_change(const char *path, const char *before, const char *after, void *context, struct error *err)
{
    struct hikae_policy_diff *ret = context;
    struct hikae_policy_change *grown = mem_realloc(ret->changes, (ret->change_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->changes = grown;
    struct hikae_policy_change *change = &grown[ret->change_count++];
    *change = (struct hikae_policy_change){mem_strdup(path), before != NULL ? mem_strdup(before) : NULL,
                                           after != NULL ? mem_strdup(after) : NULL};
    bool ok =
        change->path != NULL && (change->before != NULL || before == NULL) && (change->after != NULL || after == NULL);
    return ok ? 0 : error_no_memory(err);
}

static int note_shorten(const char *what, void *context, struct error *err)
{
    struct hikae_policy_diff *ret = context;
    char **grown = mem_realloc(ret->shortens, (ret->shorten_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->shortens = grown;
    grown[ret->shorten_count] = mem_strdup(what);
    return grown[ret->shorten_count++] != NULL ? 0 : error_no_memory(err);
}

static int count_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct hikae_policy_diff *ret = context;
    (void)err;
    ret->tenants += strcmp(tenant->policy, ret->name) == 0 && strcmp(tenant->state, "erased") != 0;
    return 0;
}

/* Does any of the changes decide what is kept? */
static bool decides_retention(const struct hikae_policy_diff *diff)
{
    for (size_t i = 0; i < diff->change_count; i++)
        if (strncmp(diff->changes[i].path, "generations.", 12) == 0 || strcmp(diff->changes[i].path, "zone") == 0)
            return true;
    return false;
}

static int compare(struct applying *a, struct error *err)
{
    struct hikae_policy_diff *ret = a->ret;
    ret->first = a->before == NULL;
    if (engine_tenants(a->hikae, err) != 0)
        return -1;
    if (catalog_tenant_each(a->hikae->catalog, count_tenant, ret, err) != 0)
        return -1;
    if (a->before == NULL)
        return 0;
    /* Nobody can say what becomes less than a version that cannot be read. */
    if (a->before->policy == NULL)
        return note_shorten("the version in force cannot be read by this version of hikae", ret, err);
    a->same = a->before->policy->size == a->after->size &&
              memcmp(a->before->policy->text, a->after->text, a->after->size) == 0;
    if (policy_compare(a->before->policy, a->after, note_change, ret, err) != 0 ||
        policy_shortens(a->before->policy, a->after, note_shorten, ret, err) != 0)
        return -1;
    return decides_retention(ret) ? policy_drops(a->hikae, &a->applied, a->after, ret, err) : 0;
}

/* ---- What stands against it ---- */

static bool is_accepted(const struct hikae_policy_apply_options *options, const char *rule)
{
    for (size_t i = 0; i < options->accept_count; i++)
        if (strcmp(options->accept[i], rule) == 0)
            return true;
    return false;
}

static int check(struct applying *a, struct error *err)
{
    CLEANUP(policy_findings_clear) struct policy_findings findings = {0};
    struct hikae_policy_findings *ret = &a->ret->check;
    for (size_t i = 0; i < a->options->accept_count; i++)
        if (!policy_check_is_acceptable(a->options->accept[i])) {
            (void)error_set(err, ERROR_USAGE, "'%.100s' is no rule that can be accepted", a->options->accept[i]);
            return error_hint(err, "`hikae policy check %.60s` names the rules that are unmet", a->after->name);
        }
    if (policy_place_check(a->hikae->config, a->after, &findings, err) != 0 ||
        policy_export_findings(a->after, &findings, ret, err) != 0)
        return -1;
    ret->with_installation = true;
    for (size_t i = 0; i < ret->count; i++)
        ret->findings[i].accepted =
            ret->findings[i].severity == HIKAE_SEVERITY_UNMET && is_accepted(a->options, ret->findings[i].rule);
    return 0;
}

static size_t count_accepted(const struct hikae_policy_findings *findings)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++)
        count += findings->findings[i].accepted;
    return count;
}

/* The plan binds both versions, and how many there have been: an approval serves once. */
static int plan_of(const struct applying *a, char out[APPROVAL_HASH_SIZE], struct error *err)
{
    char versions[24];
    (void)snprintf(versions, sizeof(versions), "%zu", facts_count(&a->facts, RECORD_POLICY, a->ret->name));
    const char *const texts[] = {
        "policy-apply", a->ret->name,
        versions,       a->before != NULL && a->before->policy != NULL ? a->before->policy->text : "",
        a->after->text, NULL};
    return approval_hash(texts, out, err);
}

/* Less than before, and what is accepted although it is not met, need somebody who answers for it. */
static int check_approval(struct applying *a, struct error *err)
{
    const struct hikae_policy_diff *ret = a->ret;
    const struct approval approval = {a->options->approve_as, a->options->why};
    char plan[APPROVAL_HASH_SIZE];
    const struct approval_wanted wanted = {"policy-apply", ret->name, "", ret->name, "", plan, 0};
    bool less = ret->shorten_count > 0 || ret->drop_count > 0;
    if (!less && count_accepted(&ret->check) == 0)
        return 0;
    if (plan_of(a, plan, err) != 0)
        return -1;
    if (approval_door(a->hikae, &a->facts, &wanted, &approval, &a->approvals, err) == 0)
        return 0;
    struct error signatures = *err;
    if (err->class != ERROR_REFUSED)
        return -1;
    if (less)
        (void)error_set(err, ERROR_REFUSED, "policy %s would promise less, and nobody approves it: %s%s", ret->name,
                        ret->shorten_count > 0 ? ret->shortens[0] : "snapshots would be dropped",
                        ret->shorten_count > 1 ? ", and more" : "");
    else
        (void)error_set(err, ERROR_REFUSED, "nobody answers for accepting what policy %s does not keep here",
                        ret->name);
    if (strncmp(signatures.hint, "hikae approve", 13) == 0)
        return error_hint(err, "%s", signatures.hint);
    return error_hint(err, "`hikae policy diff` shows all of it; --approve-as NAME --why TEXT approves it");
}

/* More countries than before: only what was announced beforehand. */
static int check_notice(const struct applying *a, struct error *err)
{
    const struct hikae_policy_apply_options *options = a->options;
    int64_t day_ns;
    if (a->before == NULL || a->before->policy == NULL || !policy_widens(a->before->policy, a->after))
        return 0;
    if (options->notice == NULL || options->notice[0] == '\0' || options->notice_date == NULL) {
        (void)error_set(err, ERROR_REFUSED,
                        "policy %s would let data lie in more countries, and no notice of it is named", a->ret->name);
        return error_hint(err, "--notice ID --notice-date DATE name the notice that was given before");
    }
    if (clock_parse(options->notice_date, &day_ns, err) != 0)
        return -1;
    if (day_ns < clock_now_ns())
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the notice %.100s is of %.40s, which is not before now", options->notice,
                    options->notice_date);
    return error_hint(err, "widen the policy after those were told whose data it is");
}

/* ---- Putting it in force ---- */

static int put_accepted(const struct applying *a, json_t *body, struct error *err)
{
    json_t *list = json_array();
    if (json_object_set_new(body, "accepted", list) != 0)
        return error_no_memory(err);
    for (size_t i = 0; i < a->ret->check.count; i++) {
        const struct hikae_policy_finding *finding = &a->ret->check.findings[i];
        if (finding->accepted &&
            json_array_append_new(list, json_pack("{s:s, s:s}", "rule", finding->rule, "what", finding->what)) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* Those who signed; else who answers for it, unsigned. */
static int put_approvals(const struct applying *a, json_t *body, struct error *err)
{
    const char *why = a->options->why != NULL ? a->options->why : "";
    CLEANUP_JSON json_t *list = json_array();
    for (size_t i = 0; i < a->approvals.count; i++) {
        const struct approval_given *given = &a->approvals.items[i];
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "operator", given->operator_name, "why", why,
                                                  "keyid", given->keyid, "envelope", given->envelope)) != 0)
            return error_no_memory(err);
    }
    if (a->approvals.count == 0 && a->options->approve_as != NULL &&
        json_array_append_new(list, json_pack("{s:s, s:s}", "operator", a->options->approve_as, "why", why)) != 0) {
        (void)error_set(err, ERROR_USAGE, "the names and texts of the approval are no UTF-8");
        return error_hint(err, "write them in UTF-8");
    }
    if (json_array_size(list) == 0)
        return 0;
    return json_object_set(body, "approvals", list) == 0 ? 0 : error_no_memory(err);
}

static int append(struct applying *a, struct error *err)
{
    struct hash hash;
    char hex[2 * HASH_SIZE + 1];
    const struct policy *policy = a->after;
    if (sha256(policy->text, policy->size, hash.bytes, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body = json_object();
    /* jansson takes UTF-8 only, and says no more than that it failed. */
    json_t *text = json_stringn(policy->text, policy->size);
    if (text == NULL) {
        (void)error_set(err, ERROR_CONFIG, "%s is not UTF-8", policy->file);
        return error_hint(err, "write policies in UTF-8");
    }
    if (json_object_set_new(body, "text", text) != 0 ||
        json_object_set_new(body, "name", json_string(policy->name)) != 0 ||
        json_object_set_new(body, "sha256", json_string(hex_encode(hash.bytes, HASH_SIZE, hex))) != 0)
        return error_no_memory(err);
    if (put_approvals(a, body, err) != 0)
        return -1;
    if (a->options->notice != NULL && a->options->notice_date != NULL &&
        json_object_set_new(body, "notice",
                            json_pack("{s:s, s:s}", "id", a->options->notice, "date", a->options->notice_date)) != 0)
        return error_set(err, ERROR_USAGE, "the id of the notice is no UTF-8");
    return put_accepted(a, body, err) == 0 ? facts_append(&a->facts, RECORD_POLICY, body, err) : -1;
}

static int refuse_plain(struct error *err)
{
    (void)error_set(err, ERROR_REFUSED, "the policy '%s' is built in and stays as it is", POLICY_PLAIN);
    return error_hint(err, "give your policy another name");
}

static int load_after(struct applying *a, struct error *err)
{
    if (strcmp(a->options->what, POLICY_PLAIN) == 0)
        return refuse_plain(err);
    if (policy_files_load(a->hikae->config->path, a->options->what, &a->after, err) != 0)
        return -1;
    if (strcmp(a->after->name, POLICY_PLAIN) == 0)
        return refuse_plain(err);
    a->ret->name = mem_strdup(a->after->name);
    return a->ret->name != NULL ? 0 : error_no_memory(err);
}

static int prepare(struct applying *a, unsigned flags, struct error *err)
{
    if (load_after(a, err) != 0 || session_open_store(a->hikae, flags, &a->facts, err) != 0)
        return -1;
    if (policies_read(&a->facts, &a->applied, err) != 0)
        return -1;
    a->before = policies_find(&a->applied, a->after->name);
    return compare(a, err) != 0 ? -1 : check(a, err);
}

static void applying_clear(struct applying *a)
{
    policies_clear(&a->applied);
    approvals_clear(&a->approvals);
    policy_free(a->after);
    session_close(&a->facts);
}

enum hikae_status hikae_policy_diff(struct hikae *hikae, const char *what, struct hikae_policy_diff *ret,
                                    struct hikae_error *error)
{
    struct error err = {0};
    const struct hikae_policy_apply_options options = {.what = what};
    struct applying a = {.hikae = hikae, .options = &options, .facts.lock_fd = -1, .ret = ret};
    *ret = (struct hikae_policy_diff){0};
    int rc = prepare(&a, 0, &err);
    applying_clear(&a);
    if (rc != 0)
        hikae_policy_diff_free(ret);
    return api_result(rc, false, &err, error);
}

/* Where targets lie is recorded at the latest when something is first promised about it. */
static int record_targets(struct applying *a, struct error *err)
{
    const struct config *config = a->hikae->config;
    for (size_t i = 0; i < config->target_count; i++)
        if (facts_find(&a->facts, RECORD_TARGET, config->targets[i].name) == NULL &&
            target_fact_append(&a->facts, &config->targets[i], "add", NULL, err) != 0)
            return error_wrap(err, "record where target %s lies", config->targets[i].name);
    return 0;
}

/* *ret_told: *ret explains why it was refused. */
static int apply(struct applying *a, bool *ret_told, struct error *err)
{
    bool dry_run = a->options->dry_run;
    if (prepare(a, dry_run ? 0 : SESSION_LOCK, err) != 0)
        return -1;
    *ret_told = true;
    if (policy_refuse(&a->ret->check, err) != 0 || check_notice(a, err) != 0 || check_approval(a, err) != 0)
        return -1;
    if (dry_run || a->same)
        return 0;
    if (record_targets(a, err) != 0 || append(a, err) != 0)
        return -1;
    a->ret->applied = true;
    policies_forget(a->hikae);
    return 0;
}

enum hikae_status hikae_policy_apply(struct hikae *hikae, const struct hikae_policy_apply_options *options,
                                     struct hikae_policy_diff *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct applying a = {.hikae = hikae, .options = options, .facts.lock_fd = -1, .ret = ret};
    bool told = false;
    *ret = (struct hikae_policy_diff){0};
    if (engine_audit_begin(hikae, OPERATION_POLICY_APPLY, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = apply(&a, &told, &err);
    engine_audit_detail(&audit, "policy", ret->name);
    if (ret->applied && a.approvals.count == 0 && options->approve_as != NULL)
        engine_audit_operator(&audit, options->approve_as);
    approvals_note(&a.approvals, &audit);
    engine_audit_count(&audit, "changes", ret->change_count);
    engine_audit_count(&audit, "drops", ret->drop_count);
    engine_audit_count(&audit, "accepted", count_accepted(&ret->check));
    applying_clear(&a);
    if (rc != 0 && !told)
        hikae_policy_diff_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

void hikae_policy_diff_free(struct hikae_policy_diff *diff)
{
    for (size_t i = 0; i < diff->change_count; i++) {
        mem_free(diff->changes[i].path);
        mem_free(diff->changes[i].before);
        mem_free(diff->changes[i].after);
    }
    for (size_t i = 0; i < diff->shorten_count; i++)
        mem_free(diff->shortens[i]);
    for (size_t i = 0; i < diff->drop_count; i++) {
        mem_free(diff->drops[i].tenant);
        mem_free(diff->drops[i].snapshot);
        mem_free(diff->drops[i].reason);
    }
    mem_free(diff->changes);
    mem_free(diff->shortens);
    mem_free(diff->drops);
    mem_free(diff->name);
    hikae_policy_findings_free(&diff->check);
    *diff = (struct hikae_policy_diff){0};
}
