/* contract end, contract cancel: the record, the deadline, the tenant's state. */
#include "ops/contract.h"

#include "base/mem.h"
#include "crypto/dsse.h"
#include "ops/audit.h"
#include "ops/policies.h"
#include "ops/tenant.h"

#include <stdio.h>

/* ---- The deadline ---- */

static bool digits(const char *text, size_t count, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *ret = *ret * 10 + (text[i] - '0');
    }
    return true;
}

static int parse_day(const char *on, int64_t *ret_day, struct error *err)
{
    int year = 0, month = 0, day = 0;
    bool is_day = strlen(on) == 10 && on[4] == '-' && on[7] == '-' && digits(on, 4, &year) &&
                  digits(on + 5, 2, &month) && digits(on + 8, 2, &day) && year >= 2000 && year <= 2199 && month >= 1 &&
                  month <= 12 && day >= 1 && day <= civil_days_of_month(year, month);
    if (!is_day) {
        (void)error_set(err, ERROR_USAGE, "'%.40s' is no day", on);
        return error_hint(err, "the contract's last day, as 2027-01-31");
    }
    *ret_day = civil_days(year, month, day);
    return 0;
}

int contract_deadline(struct span within, const struct zone *zone, const char *on, int64_t *ret_ends_ns,
                      int64_t *ret_deadline_ns, struct error *err)
{
    int64_t day;
    if (parse_day(on, &day, err) != 0)
        return -1;
    *ret_ends_ns = zone_period_start(zone, ZONE_DAY, day + 1);
    if (within.unit == SPAN_HOURS) {
        *ret_deadline_ns = span_add(within, zone, *ret_ends_ns, 1) - NS_PER_S;
        return 0;
    }
    int64_t last = span_add(within, zone, zone_period_start(zone, ZONE_DAY, day), 1);
    *ret_deadline_ns = zone_period_start(zone, ZONE_DAY, zone_period(zone, ZONE_DAY, last) + 1) - NS_PER_S;
    return 0;
}

/* ---- Reading ---- */

int contract_about(const struct session *session, const char *about, json_t **ret, struct error *err)
{
    const struct history_fact *fact = facts_find(session, RECORD_CONTRACT, about);
    *ret = NULL;
    return fact == NULL ? 0 : json_parse(fact->body, strlen(fact->body), ret, err);
}

int contract_read(const struct session *session, json_t **ret, struct error *err)
{
    if (contract_about(session, "", ret, err) != 0)
        return -1;
    const char *event = json_string_value(json_object_get(*ret, "event"));
    if (event != NULL && strcmp(event, "end") == 0)
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return 0;
}

bool contract_is_frozen(const struct history_tenant *tenant, int64_t now_ns)
{
    return (tenant->state != NULL && strcmp(tenant->state, "frozen") == 0) ||
           (tenant->ends_ns != 0 && tenant->ends_ns <= now_ns);
}

int contract_sign(struct hikae *hikae, const char *type, const json_t *statement, char **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP(dsse_free) struct dsse envelope = {0};
    CLEANUP_FREE char *payload = NULL;
    return engine_keystore(hikae, err) == 0 && keystore_signing_key(hikae->keystore, KEY_SIGN_STORE, &key, err) == 0 &&
                   json_print(statement, &payload, err) == 0 &&
                   dsse_start(type, payload, strlen(payload), &envelope, err) == 0 &&
                   dsse_sign(&envelope, key, err) == 0 && dsse_print(&envelope, ret, err) == 0
               ? 0
               : -1;
}

/* ---- Ending ---- */

/* One contract that is ended, or goes on. */
struct ending {
    const struct hikae_contract_options *options;
    struct session session;
    struct policy *policy;
    struct zone *zone;
    int64_t ends_ns, deadline_ns;
};

static void ending_clear(struct ending *ending)
{
    policy_free(ending->policy);
    zone_free(ending->zone);
    session_close(&ending->session);
}

static int check_options(const struct hikae_contract_options *options, bool ends, struct error *err)
{
    if (ends && options->on == NULL)
        return error_set(err, ERROR_USAGE, "a contract ends on a day: --on 2027-01-31");
    if (options->who != NULL && options->who[0] != '\0' && options->reason != NULL && options->reason[0] != '\0')
        return 0;
    (void)error_set(err, ERROR_USAGE, "it needs to say who asked for it, and why");
    return error_hint(err, "--who NAME --reason TEXT");
}

/* The rule of the policy in force. */
static int load_rule(struct ending *ending, struct error *err)
{
    const struct history_tenant *tenant = &ending->session.chain.history.tenant;
    if (!ending->session.chain.history.has_tenant)
        return error_set(err, ERROR_DAMAGED, "the history has no tenant record");
    if (policies_open(ending->session.hikae, tenant->policy, &ending->policy, err) != 0)
        return -1;
    const struct policy_contract_end *rule = &ending->policy->contract_end;
    if (!rule->rule.present) {
        (void)error_set(err, ERROR_REFUSED, "policy %s does not say what becomes of data when a contract ends",
                        tenant->policy);
        return error_hint(err, "add contract_end with `within` to it, and apply it");
    }
    return zone_open(rule->zone, &ending->zone, err) == 0 &&
                   contract_deadline(rule->within, ending->zone, ending->options->on, &ending->ends_ns,
                                     &ending->deadline_ns, err) == 0
               ? 0
               : -1;
}

/* Appends, or gives the list up: a list that lacks something must not be recorded. */
static json_t *appended(json_t *list, json_t *value)
{
    if (list != NULL && json_array_append_new(list, value) == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *words(const struct policy_words *from)
{
    json_t *list = json_array();
    for (size_t i = 0; i < from->count && list != NULL; i++)
        list = appended(list, json_string(from->items[i]));
    return list;
}

static json_t *survivors_of(const struct policy *policy)
{
    json_t *list = json_array();
    for (size_t i = 0; i < policy->contract_end.survivor_count && list != NULL; i++) {
        const struct policy_survivor *from = &policy->contract_end.survivors[i];
        char keep[SPAN_TEXT_SIZE];
        list = appended(list, json_pack("{s:s, s:o, s:s?}", "what", from->what, "fields", words(&from->fields), "keep",
                                        span_is_set(from->keep) ? span_format(from->keep, keep) : NULL));
    }
    return list;
}

static json_t *logs_of(const struct policy *policy)
{
    json_t *list = json_array();
    for (size_t i = 0; i < policy->log_count && list != NULL; i++)
        if (policy->logs[i].survives)
            list = appended(list, json_string(policy->logs[i].name));
    return list;
}

/* The record: everything that was promised on the day when the end was recorded. */
static int make_end(const struct ending *ending, json_t **ret, struct error *err)
{
    const struct policy_contract_end *rule = &ending->policy->contract_end;
    const struct history_tenant *tenant = &ending->session.chain.history.tenant;
    char within[SPAN_TEXT_SIZE], ends[CLOCK_TEXT_SIZE], deadline[CLOCK_TEXT_SIZE];
    *ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:s, s:s}", "event", "end", "on",
                     ending->options->on, "zone", rule->zone, "within", span_format(rule->within, within), "ends",
                     clock_format(ending->ends_ns, ends), "deadline", clock_format(ending->deadline_ns, deadline),
                     "policy", tenant->policy, "proof", policy_proof_words[rule->proof], "state", tenant->state,
                     "survives", survivors_of(ending->policy), "logs", logs_of(ending->policy), "customer_export",
                     (int)(ending->policy->restores.rule.present && ending->policy->restores.customer_export), "who",
                     ending->options->who, "reason", ending->options->reason);
    return *ret != NULL ? 0 : error_set(err, ERROR_USAGE, "who and reason are texts in UTF-8");
}

static int append_end(struct ending *ending, struct error *err)
{
    CLEANUP_JSON json_t *body = NULL;
    return make_end(ending, &body, err) == 0 ? facts_append(&ending->session, RECORD_CONTRACT, body, err) : -1;
}

/* The tenant's own record, in step with the contract: what the nightly run goes by. */
static int write_tenant(struct ending *ending, const char *state, struct error *err)
{
    struct session *session = &ending->session;
    struct history_tenant *tenant = &session->chain.history.tenant;
    char *copy = mem_strdup(state);
    if (copy == NULL)
        return error_no_memory(err);
    mem_free(tenant->state);
    tenant->state = copy;
    tenant->ends_ns = ending->ends_ns;
    tenant->erase_by_ns = ending->deadline_ns;
    if (tenant_write(session->hikae, &session->tid, session->keyring, &session->chain, tenant, err) != 0)
        return -1;
    chain_clear(&session->chain);
    return chain_load(session->hikae, &session->tid, session->keyring, &session->chain, err);
}

static int refuse_other_end(const json_t *known, const char *on, struct error *err)
{
    const char *before = json_string_value(json_object_get(known, "on"));
    if (before == NULL || strcmp(before, on) == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "its contract ends on %.20s already", before);
    return error_hint(err, "`hikae contract cancel` first, if that was wrong");
}

static int end_contract(struct ending *ending, struct error *err)
{
    const struct history_tenant *tenant = &ending->session.chain.history.tenant;
    CLEANUP_JSON json_t *known = NULL;
    if (load_rule(ending, err) != 0 || contract_read(&ending->session, &known, err) != 0 ||
        refuse_other_end(known, ending->options->on, err) != 0)
        return -1;
    if (strcmp(tenant->state, "erased") == 0)
        return error_set(err, ERROR_REFUSED, "the tenant is erased");
    if (ending->options->dry_run)
        return 0;
    bool over = ending->ends_ns <= clock_now_ns();
    /* A second time, after a crash between the two records, writes what is missing. */
    if (known == NULL && append_end(ending, err) != 0)
        return -1;
    CLEANUP_FREE char *state = mem_strdup(over ? "frozen" : ending->session.chain.history.tenant.state);
    if (state == NULL)
        return error_no_memory(err);
    bool in_step = known != NULL && ending->session.chain.history.tenant.erase_by_ns == ending->deadline_ns &&
                   strcmp(ending->session.chain.history.tenant.state, state) == 0;
    return in_step ? 0 : write_tenant(ending, state, err);
}

/* What a dry run shows: the contract as it would be. */
static int describe_plan(struct ending *ending, struct hikae_contract *ret, struct error *err)
{
    CLEANUP_JSON json_t *end = NULL;
    ret->stage = ending->ends_ns <= clock_now_ns() ? "frozen" : "ending";
    return make_end(ending, &end, err) == 0 ? contract_describe_end(&ending->session, end, ret, err) : -1;
}

enum hikae_status hikae_contract_end(struct hikae *hikae, const char *tenant,
                                     const struct hikae_contract_options *options, struct hikae_contract *ret,
                                     struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct ending ending = {.options = options, .session.lock_fd = -1};
    *ret = (struct hikae_contract){0};
    if (engine_audit_begin(hikae, OPERATION_CONTRACT_END, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = check_options(options, true, &err);
    if (rc == 0)
        rc = session_open(hikae, tenant, options->dry_run ? 0 : SESSION_LOCK, &ending.session, &err);
    if (rc == 0)
        rc = end_contract(&ending, &err);
    if (rc == 0)
        rc = contract_describe(hikae, &ending.session, ret, &err);
    if (rc == 0 && options->dry_run && ret->on == NULL)
        rc = describe_plan(&ending, ret, &err);
    ending_clear(&ending);
    if (rc != 0) {
        (void)error_wrap(&err, "end the contract of %s", tenant);
        hikae_contract_free(ret);
    }
    engine_audit_detail(&audit, "on", options->on);
    engine_audit_detail(&audit, "who", options->who);
    engine_audit_detail(&audit, "reason", options->reason);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- Cancelling ---- */

static int append_cancel(struct ending *ending, struct error *err)
{
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s}", "event", "cancel", "who", ending->options->who, "reason", ending->options->reason);
    if (body == NULL)
        return error_set(err, ERROR_USAGE, "who and reason are texts in UTF-8");
    return facts_append(&ending->session, RECORD_CONTRACT, body, err);
}

static int cancel_contract(struct ending *ending, struct error *err)
{
    CLEANUP_JSON json_t *known = NULL;
    if (contract_read(&ending->session, &known, err) != 0)
        return -1;
    const struct history_tenant *tenant = &ending->session.chain.history.tenant;
    if (known == NULL && tenant->ends_ns == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "its contract does not end");
        return error_hint(err, "`hikae contract show` tells how it stands");
    }
    if (contract_check_cancel(ending->session.hikae, &ending->session.tid, err) != 0)
        return -1;
    if (ending->options->dry_run)
        return 0;
    const char *before = json_string_value(json_object_get(known, "state"));
    CLEANUP_FREE char *state = mem_strdup(strcmp(tenant->state, "frozen") != 0 ? tenant->state
                                          : before != NULL                     ? before
                                                                               : "active");
    if (state == NULL)
        return error_no_memory(err);
    if (known != NULL && append_cancel(ending, err) != 0)
        return -1;
    return write_tenant(ending, state, err);
}

enum hikae_status hikae_contract_cancel(struct hikae *hikae, const char *tenant,
                                        const struct hikae_contract_options *options, struct hikae_contract *ret,
                                        struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct ending ending = {.options = options, .session.lock_fd = -1};
    *ret = (struct hikae_contract){0};
    if (engine_audit_begin(hikae, OPERATION_CONTRACT_CANCEL, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = check_options(options, false, &err);
    if (rc == 0 && session_open(hikae, tenant, options->dry_run ? 0 : SESSION_LOCK, &ending.session, &err) != 0)
        rc = contract_explain_absence(hikae, tenant, &err);
    if (rc == 0)
        rc = cancel_contract(&ending, &err);
    if (rc == 0)
        rc = contract_describe(hikae, &ending.session, ret, &err);
    ending_clear(&ending);
    if (rc != 0) {
        (void)error_wrap(&err, "take back the end of the contract of %s", tenant);
        hikae_contract_free(ret);
    }
    engine_audit_detail(&audit, "who", options->who);
    engine_audit_detail(&audit, "reason", options->reason);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
