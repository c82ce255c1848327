/* purge plan, run, status, withdraw: the operations around the steps of purge_run.c. */
#include "ops/purge.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/contract.h"
#include "ops/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Plan ---- */

/* {"code", "what", "how", "until"}, each with its words. */
static json_t *remaining(const char *code, const char *how, const char *until)
{
    return json_pack("{s:o, s:o, s:o}", "what", purge_said(code), "how", purge_said(how), "until", purge_said(until));
}

/* A survivor as the policy promises it, or as the record of the contract's end copied that; stored: where it is. */
static json_t *survivor(const char *what, json_t *fields, const char *keep, const json_t *stored, const char *into)
{
    const json_t *until = json_object_get(stored, "keep_until");
    json_t *says = json_is_string(until) ? json_copy((json_t *)until)
                   : keep == NULL        ? purge_said("remains-survivor-law")
                                         : purge_said("remains-survivor-until");
    return json_pack("{s:s, s:o, s:s?, s:o, s:s?, s:O?}", "what", what, "fields", fields, "keep", keep, "until", says,
                     "into", stored != NULL ? into : NULL, "snapshot", json_object_get(stored, "snapshot"));
}

/* By the record of the contract's end, which a later policy does not change. */
static int add_by_contract(const struct session *session, const json_t *contract, json_t *list, struct error *err)
{
    size_t i;
    json_t *row;
    CLEANUP_JSON json_t *stored = NULL;
    if (contract_about(session, "survivors", &stored, err) != 0)
        return -1;
    const char *into = json_string_value(json_object_get(stored, "into"));
    json_array_foreach(json_object_get(contract, "survives"), i, row)
    {
        const char *what = json_string_value(json_object_get(row, "what"));
        const char *keep = json_string_value(json_object_get(row, "keep"));
        const json_t *place = what != NULL ? json_object_get(json_object_get(stored, "what"), what) : NULL;
        if (what == NULL || json_array_append_new(list, survivor(what, json_incref(json_object_get(row, "fields")),
                                                                 keep, place, into)) != 0)
            return error_no_memory(err);
    }
    json_array_foreach(json_object_get(contract, "logs"), i, row)
    {
        if (json_array_append_new(list, json_pack("{s:O, s:o, s:o}", "what", row, "how", purge_said("remains-kept-log"),
                                                  "until", purge_said("remains-survivor-until"))) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* Without the end of a contract nobody was asked for what survives: the policy says what would. */
static int add_by_policy(const struct policy *policy, json_t *list, struct error *err)
{
    for (size_t i = 0; policy != NULL && i < policy->contract_end.survivor_count; i++) {
        const struct policy_survivor *from = &policy->contract_end.survivors[i];
        char keep[SPAN_TEXT_SIZE];
        json_t *fields = json_array();
        for (size_t k = 0; k < from->fields.count; k++)
            (void)json_array_append_new(fields, json_string(from->fields.items[k]));
        if (json_array_append_new(list, survivor(from->what, fields,
                                                 span_is_set(from->keep) ? span_format(from->keep, keep) : NULL, NULL,
                                                 NULL)) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* What stays: by the nature of the audit log, and by promise. */
static int find_survivors(const struct session *session, const json_t *contract, const struct policy *policy,
                          json_t **ret, struct error *err)
{
    CLEANUP_JSON json_t *list = json_array();
    if (json_array_append_new(list, remaining("remains-log", "remains-log-how", "remains-log-until")) != 0 ||
        json_array_append_new(list, remaining("remains-journal", "remains-journal-how", "remains-journal-until")) != 0)
        return error_no_memory(err);
    int rc = contract != NULL ? add_by_contract(session, contract, list, err) : add_by_policy(policy, list, err);
    if (rc == 0)
        *ret = json_incref(list);
    return rc;
}

/* The contract's record rules, as it copied what was promised then; without one the policy of today does. */
static bool needs_deletion(const json_t *contract, const struct policy *policy)
{
    const char *proof = json_string_value(json_object_get(contract, "proof"));
    if (proof != NULL)
        return strcmp(proof, policy_proof_words[POLICY_PROOF_DELETION]) == 0;
    return policy == NULL || policy->contract_end.proof == POLICY_PROOF_DELETION;
}

static const char *zone_of(const json_t *contract, const struct policy *policy)
{
    const char *zone = json_string_value(json_object_get(contract, "zone"));
    return zone != NULL ? zone : policy != NULL ? policy->zone : NULL;
}

static int make_plan(struct session *session, const struct hikae_purge_options *options, json_t **ret,
                     struct error *err)
{
    struct hikae *hikae = session->hikae;
    const struct history *history = &session->chain.history;
    CLEANUP_JSON json_t *targets = NULL;
    CLEANUP_JSON json_t *epochs = NULL;
    CLEANUP_JSON json_t *survivors = NULL;
    CLEANUP_JSON json_t *contract = NULL;
    CLEANUP(cleanup_policy_free) struct policy *policy = NULL;
    struct error why = {0};
    int64_t since_ns = 0;
    char store[2 * ID_SIZE + 1], tenant[2 * ID_SIZE + 1];
    if (history->has_tenant && policies_open(hikae, history->tenant.policy, &policy, &why) != 0)
        engine_warn(hikae, "what the tenant's policy lets survive is not in the plan: %s", why.what);
    if (contract_read(session, &contract, err) != 0 ||
        find_survivors(session, contract, policy, &survivors, err) != 0 ||
        keystore_tenant_since(hikae->keystore, &session->tid, &since_ns, err) != 0 ||
        purge_look_targets(hikae, &session->tid, &targets, err) != 0 ||
        purge_look_epochs(hikae, since_ns, &epochs, err) != 0)
        return -1;
    const struct purge_view view = {.store = hex_encode(hikae->store.store.bytes, ID_SIZE, store),
                                    .tenant = hex_encode(session->tid.bytes, ID_SIZE, tenant),
                                    .name = session->tenant,
                                    .requester = options->requester,
                                    .without_contract = options->without_contract,
                                    .contract = contract,
                                    .now_ns = clock_now_ns(),
                                    .history = history,
                                    .targets = targets,
                                    .epochs = epochs,
                                    .survivors = survivors,
                                    .zone = zone_of(contract, policy),
                                    .needs_deletion = needs_deletion(contract, policy)};
    return purge_plan_make(&view, ret, err);
}

static int check_not_begun(const struct session *facts, const char *tenant, struct error *err)
{
    CLEANUP_JSON json_t *run = NULL;
    json_t *row;
    if (purge_journal_run_of(facts, tenant, &run, &row, err) != 0)
        return -1;
    if (run == NULL)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the erasure of this tenant has begun (%s)",
                    purge_stage_name(purge_stage(run)));
    return error_hint(err, "`hikae purge status` says where it stands");
}

static int keep_plan(struct session *facts, const char *tenant, json_t *plan, bool dry_run, struct hikae_purges *ret,
                     struct error *err)
{
    char hash[2 * HASH_SIZE + 1];
    CLEANUP_FREE char *text = NULL;
    CLEANUP_FREE char *name = mem_printf("plan/%s", tenant);
    if (name == NULL)
        return error_no_memory(err);
    if (check_not_begun(facts, tenant, err) != 0 || purge_plan_text(plan, &text, hash, err) != 0)
        return -1;
    CLEANUP_JSON json_t *body = json_pack("{s:O, s:s}", "plan", plan, "sha256", hash);
    if (body == NULL)
        return error_no_memory(err);
    if (!dry_run)
        return purge_journal_put(facts, name, "planned", body, err) == 0 ? purge_describe(facts, tenant, NULL, ret, err)
                                                                         : -1;
    char *said = text;
    text = NULL;
    return purge_describe_plan(tenant, plan, hash, said, ret, err);
}

static int plan_tenant(struct hikae *hikae, const char *tenant, const struct hikae_purge_options *options,
                       struct hikae_purges *ret, struct error *err)
{
    struct session session, facts;
    CLEANUP_JSON json_t *plan = NULL;
    char hex[2 * ID_SIZE + 1];
    if (options->requester == NULL || options->requester[0] == '\0') {
        (void)error_set(err, ERROR_USAGE, "a plan says who asked for the erasure");
        return error_hint(err, "`hikae purge plan %s --requester NAME`", tenant);
    }
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = options->without_contract == NULL ? contract_check_erasure(&session, err) : 0;
    if (rc == 0)
        rc = make_plan(&session, options, &plan, err);
    (void)hex_encode(session.tid.bytes, ID_SIZE, hex);
    session_close(&session);
    if (rc != 0 || session_open_store(hikae, options->dry_run ? 0 : SESSION_LOCK, &facts, err) != 0)
        return -1;
    rc = keep_plan(&facts, hex, plan, options->dry_run, ret, err);
    session_close(&facts);
    return rc;
}

enum hikae_status hikae_purge_plan(struct hikae *hikae, const char *tenant, const struct hikae_purge_options *options,
                                   struct hikae_purges *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_purges){0};
    if (engine_audit_begin(hikae, OPERATION_PURGE_PLAN, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = plan_tenant(hikae, tenant, options, ret, &err);
    if (rc == 0) {
        engine_audit_detail(&audit, "plan", ret->purges[0].plan_hash);
        engine_audit_detail(&audit, "requester", options->requester);
        engine_audit_detail(&audit, "without_contract", options->without_contract);
        engine_audit_count(&audit, "objects", ret->purges[0].objects);
    } else {
        hikae_purges_free(ret);
        (void)error_wrap(&err, "plan the erasure of %s", tenant);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- Run ---- */

static int run(struct hikae *hikae, const char *tenant, bool dry_run, size_t *ret_waiting, struct hikae_purges *ret,
               struct error *err)
{
    struct session facts;
    struct id tid;
    char hex[2 * ID_SIZE + 1] = "";
    CLEANUP_FREE char *name = NULL;
    if (session_open_store(hikae, dry_run ? 0 : SESSION_LOCK, &facts, err) != 0)
        return -1;
    int rc = tenant != NULL ? purge_journal_find(&facts, tenant, &tid, hex, &name, err) : 0;
    if (rc == 0)
        rc = purge_run(hikae, &facts, tenant != NULL ? hex : NULL, dry_run, ret_waiting, err);
    if (rc == 0)
        rc = purge_list(&facts, tenant != NULL ? hex : NULL, ret, err);
    /* Who names one wants that one erased: nothing to do is a refusal then. */
    if (rc == 0 && tenant != NULL && !dry_run && ret->count > 0 && ret->purges[0].tombstone_ns == 0) {
        rc = error_set(err, ERROR_REFUSED, "%s cannot be erased yet: %zu of %d operators have approved a plan", tenant,
                       ret->purges[0].approval_count, PURGE_APPROVERS);
        (void)error_hint(err,
                         "`hikae purge plan %s`, then `hikae purge approve %s --plan HASH --operator KEYFILE` by each",
                         tenant, tenant);
    }
    session_close(&facts);
    return rc;
}

enum hikae_status hikae_purge_run(struct hikae *hikae, const char *tenant, bool dry_run, struct hikae_purges *ret,
                                  struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    size_t waiting = 0;
    *ret = (struct hikae_purges){0};
    if (engine_audit_begin(hikae, OPERATION_PURGE_RUN, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = run(hikae, tenant, dry_run, &waiting, ret, &err);
    engine_audit_count(&audit, "waiting", waiting);
    if (rc != 0)
        hikae_purges_free(ret);
    return engine_audit_end(&audit, api_result(rc, waiting > 0 && !dry_run, &err, error));
}

enum hikae_status hikae_purge_status(struct hikae *hikae, const char *tenant, struct hikae_purges *ret,
                                     struct hikae_error *error)
{
    struct error err = {0};
    struct session facts;
    *ret = (struct hikae_purges){0};
    if (session_open_store(hikae, 0, &facts, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = purge_list(&facts, tenant, ret, &err);
    session_close(&facts);
    if (rc != 0)
        hikae_purges_free(ret);
    return api_result(rc, false, &err, error);
}

/* ---- Withdraw ---- */

/* An erasure that was cut short before its commit has changed nothing that cannot be undone. */
static int undo_begun(struct session *facts, const char *tenant, bool dry_run, struct error *err)
{
    CLEANUP_JSON json_t *run = NULL;
    json_t *row;
    if (purge_journal_run_of(facts, tenant, &run, &row, err) != 0)
        return -1;
    if (run == NULL || purge_stage(run) >= PURGE_COMMIT)
        return check_not_begun(facts, tenant, err);
    return dry_run ? 0 : purge_run_undo(facts->hikae, facts, run, err);
}

static int withdraw(struct session *facts, const char *tenant, const char *why, bool dry_run, struct error *err)
{
    struct id tid;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *known = NULL;
    CLEANUP_JSON json_t *plan = NULL;
    if (why == NULL || why[0] == '\0')
        return error_set(err, ERROR_USAGE, "taking a plan back needs a reason");
    if (purge_journal_find(facts, tenant, &tid, hex, &known, err) != 0 || undo_begun(facts, hex, dry_run, err) != 0 ||
        purge_journal_plan_of(facts, hex, &plan, err) != 0)
        return -1;
    if (plan == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the erasure of %s is not planned", tenant);
    CLEANUP_FREE char *name = mem_printf("plan/%s", hex);
    if (name == NULL || json_object_set_new(plan, "why", json_string(why)) != 0)
        return error_no_memory(err);
    return dry_run ? 0 : purge_journal_put(facts, name, "withdrawn", plan, err);
}

enum hikae_status hikae_purge_withdraw(struct hikae *hikae, const char *tenant, const char *why, bool dry_run,
                                       struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct session facts;
    if (engine_audit_begin(hikae, OPERATION_PURGE_WITHDRAW, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = session_open_store(hikae, SESSION_LOCK, &facts, &err);
    if (rc == 0) {
        rc = withdraw(&facts, tenant, why, dry_run, &err);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "why", why);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
