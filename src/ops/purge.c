/* purge plan, approve, run, status, withdraw: the operations around the steps of purge_run.c. */
#include "ops/purge.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/contract.h"
#include "ops/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Results ---- */

static void purge_clear(struct hikae_purge *purge)
{
    for (size_t i = 0; i < purge->target_count; i++) {
        mem_free(purge->targets[i].name);
        mem_free(purge->targets[i].why);
    }
    for (size_t i = 0; i < purge->holder_count; i++) {
        mem_free(purge->holders[i].group);
        mem_free(purge->holders[i].name);
        mem_free(purge->holders[i].kind);
        mem_free(purge->holders[i].fate);
        mem_free(purge->holders[i].worth);
        mem_free(purge->holders[i].who);
    }
    for (size_t i = 0; i < purge->approval_count; i++)
        mem_free(purge->approvals[i].operator_name);
    mem_free(purge->targets);
    mem_free(purge->holders);
    mem_free(purge->approvals);
    mem_free(purge->tenant);
    mem_free(purge->name);
    mem_free(purge->plan_hash);
    mem_free(purge->plan);
    mem_free(purge->waiting);
}

void hikae_purges_free(struct hikae_purges *purges)
{
    for (size_t i = 0; i < purges->count; i++)
        purge_clear(&purges->purges[i]);
    mem_free(purges->purges);
    *purges = (struct hikae_purges){0};
}

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? mem_strdup(text) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* One of our own words for a word in JSON, so that it needs no owner. */
static const char *state_word(const char *text)
{
    static const char *const words[] = {"listed", "gone", "unknown"};
    for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], text) == 0)
            return words[i];
    return "unknown";
}

static int describe_targets(const json_t *rows, struct hikae_purge *to, struct error *err)
{
    size_t i;
    json_t *row;
    to->targets = mem_calloc(json_array_size(rows), sizeof(*to->targets));
    if (to->targets == NULL)
        return error_no_memory(err);
    json_array_foreach(rows, i, row)
    {
        struct hikae_purge_target *target = &to->targets[to->target_count++];
        *target = (struct hikae_purge_target){.name = text_of(row, "target"),
                                              .state = state_word(json_string_value(json_object_get(row, "state"))),
                                              .objects = number_of(row, "objects"),
                                              .bytes = number_of(row, "bytes"),
                                              .versions = number_of(row, "versions"),
                                              .markers = number_of(row, "markers"),
                                              .uploads = number_of(row, "uploads"),
                                              .locked_until_ns = purge_time(row, "locked_until"),
                                              .gone_ns = purge_time(row, "gone"),
                                              .why = text_of(row, "why")};
        if (target->name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int describe_holder(const json_t *epoch, const json_t *row, struct hikae_purge *to, struct error *err)
{
    struct hikae_purge_holder *grown = mem_realloc(to->holders, (to->holder_count + 1) * sizeof(*grown));
    const json_t *declared = json_is_object(json_object_get(row, "declared")) ? json_object_get(row, "declared") : NULL;
    if (grown == NULL)
        return error_no_memory(err);
    to->holders = grown;
    struct hikae_purge_holder *holder = &grown[to->holder_count++];
    *holder =
        (struct hikae_purge_holder){.epoch = (uint32_t)json_integer_value(epoch),
                                    .group = text_of(row, "group"),
                                    .name = text_of(row, "name"),
                                    .kind = text_of(row, "kind"),
                                    .fate = text_of(row, json_object_get(row, "fate") != NULL ? "fate" : "presence"),
                                    .worth = text_of(row, "worth"),
                                    .who = text_of(declared, "who"),
                                    .at_ns = purge_time(declared != NULL ? declared : row, "at"),
                                    .final_ns = purge_time(row, "final")};
    bool whole = holder->group != NULL && holder->name != NULL && holder->kind != NULL && holder->fate != NULL &&
                 holder->worth != NULL;
    return whole ? 0 : error_no_memory(err);
}

/* As they came to an end, or else as they were found. */
static int describe_holders(const json_t *run, const json_t *plan, struct hikae_purge *to, struct error *err)
{
    size_t i, k;
    json_t *row, *holder;
    const json_t *ends = json_object_get(run, "holders");
    const json_t *found =
        json_object_get(run, "keys") != NULL ? json_object_get(run, "keys") : json_object_get(plan, "epochs");
    json_array_foreach(ends, i, row) if (describe_holder(json_object_get(row, "epoch"), row, to, err) != 0) return -1;
    if (ends != NULL)
        return 0;
    json_array_foreach(found, i, row)
        json_array_foreach(json_object_get(row, "holders"), k,
                           holder) if (describe_holder(json_object_get(row, "epoch"), holder, to, err) != 0) return -1;
    return 0;
}

static int describe_approvals(const json_t *rows, struct hikae_purge *to, struct error *err)
{
    size_t i;
    json_t *row;
    to->approvals = mem_calloc(json_array_size(rows), sizeof(*to->approvals));
    if (to->approvals == NULL)
        return error_no_memory(err);
    json_array_foreach(rows, i, row)
    {
        struct hikae_purge_approval *approval = &to->approvals[to->approval_count++];
        *approval = (struct hikae_purge_approval){text_of(row, "operator"), purge_time(row, "time")};
        if (approval->operator_name == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* What is still to be done, and by whom. */
static char *waiting_for(const struct hikae_purge *purge, const json_t *run)
{
    int stage = purge_stage(run);
    if (stage < 0 || stage == PURGE_DONE)
        return NULL;
    if (stage < PURGE_DESTROYED)
        return mem_strdup("`hikae purge run` goes on");
    for (size_t i = 0; i < purge->holder_count; i++)
        if (strcmp(purge->holders[i].fate, "people") == 0)
            return mem_printf(
                "people: destroy %s/%s of epoch %u (%s), then `hikae purge declare %u/%s/%s --who NAME --how TEXT`",
                purge->holders[i].group, purge->holders[i].name, purge->holders[i].epoch, purge->holders[i].kind,
                purge->holders[i].epoch, purge->holders[i].group, purge->holders[i].name);
    for (size_t i = 0; i < purge->target_count; i++)
        if (purge->targets[i].gone_ns == 0)
            return mem_printf("target %s: %s", purge->targets[i].name,
                              purge->targets[i].why != NULL ? purge->targets[i].why : "something is still listed");
    return mem_strdup("the next `hikae purge run` looks again");
}

static const char *stage_word(const json_t *run, const json_t *row, const struct hikae_purge *purge)
{
    int stage = purge_stage(run);
    if (row != NULL && purge_time(row, "gone") != 0)
        return "gone";
    if (stage >= PURGE_DESTROYED)
        return "unreadable";
    if (stage >= 0)
        return purge_stage_name(stage);
    if (purge->plan_hash == NULL)
        return "none";
    return purge->approval_count >= PURGE_APPROVERS ? "approved" : "planned";
}

static void sum_targets(const json_t *rows, struct hikae_purge *to)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        to->objects += number_of(row, "objects");
        to->bytes += number_of(row, "bytes");
    }
}

/* A tenant by pseudonym, as the journal has it. */
static int describe(const struct session *facts, const char *tenant, const char *name, struct hikae_purge *to,
                    struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    CLEANUP_JSON json_t *run = NULL;
    CLEANUP_JSON json_t *approvals = NULL;
    json_t *row = NULL;
    if (purge_journal_plan_of(facts, tenant, &plan, err) != 0 ||
        purge_journal_run_of(facts, tenant, &run, &row, err) != 0)
        return -1;
    const json_t *text = json_object_get(plan, "plan"), *times = json_object_get(run, "times");
    to->tenant = mem_strdup(tenant);
    to->name = text != NULL ? text_of(text, "name") : name != NULL ? mem_strdup(name) : NULL;
    to->plan_hash = text_of(row != NULL ? row : plan, "sha256");
    if (to->tenant == NULL || (text != NULL && json_print_canonical(text, &to->plan, err) != 0))
        return error_no_memory(err);
    if (row == NULL && to->plan_hash != NULL && purge_approvals(facts, tenant, to->plan_hash, &approvals, err) != 0)
        return -1;
    to->deadline_ns = purge_time(json_object_get(text, "contract"), "deadline");
    to->tombstone_ns = purge_time(times, purge_stage_name(PURGE_TOMBSTONE));
    to->unreadable_ns = purge_time(times, "unreadable");
    to->irrevocable_ns = purge_time(times, "irrevocable");
    to->gone_ns = purge_time(row, "gone");
    to->epoch = (uint32_t)number_of(run, "from");
    const json_t *before = json_object_get(row, "inventory"), *now = json_object_get(row, "targets");
    sum_targets(before != NULL ? before : json_object_get(text, "targets"), to);
    if (json_array_size(now) == 0)
        now = before != NULL ? before : json_object_get(text, "targets");
    if (describe_targets(now, to, err) != 0 || describe_holders(run, text, to, err) != 0 ||
        describe_approvals(row != NULL ? json_object_get(row, "approvals") : approvals, to, err) != 0)
        return -1;
    to->stage = stage_word(run, row, to);
    to->waiting = waiting_for(to, run);
    return 0;
}

static int add_purge(const struct session *facts, const char *tenant, const char *name, struct hikae_purges *ret,
                     struct error *err)
{
    struct hikae_purge *grown = mem_realloc(ret->purges, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->purges = grown;
    grown[ret->count] = (struct hikae_purge){0};
    return describe(facts, tenant, name, &grown[ret->count++], err);
}

struct listing {
    const struct session *facts;
    struct hikae_purges *ret;
};

static int list_plan(const char *name, json_t *body, void *context, struct error *err)
{
    const struct listing *listing = context;
    const char *event = json_string_value(json_object_get(body, "event"));
    if (event == NULL || strcmp(event, "planned") != 0)
        return 0;
    return add_purge(listing->facts, name + strlen("plan/"), NULL, listing->ret, err);
}

static int list(const struct session *facts, const char *tenant, struct hikae_purges *ret, struct error *err)
{
    struct listing listing = {facts, ret};
    struct id tid;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *name = NULL;
    if (tenant == NULL)
        return purge_journal_each(facts, "plan/", list_plan, &listing, err);
    if (purge_journal_find(facts, tenant, &tid, hex, &name, err) != 0)
        return -1;
    return add_purge(facts, hex, name, ret, err);
}

/* ---- Plan ---- */

static json_t *survivor_row(const char *what, const char *how, const char *until)
{
    return json_pack("{s:s, s:s, s:s}", "what", what, "how", how, "until", until);
}

/* What stays: by the nature of the audit log, and by what the tenant's policy promises. */
static json_t *survivors_of(const struct policy *policy)
{
    json_t *list = json_array();
    (void)json_array_append_new(list, survivor_row("entries of the audit log about the tenant",
                                                   "under its pseudonym, without names of files",
                                                   "as the log's classes are kept; evidence three years or more"));
    (void)json_array_append_new(list, survivor_row("this plan, its approvals and the certificate",
                                                   "in the store's own history, sealed; they name the tenant",
                                                   "as evidence is kept"));
    for (size_t i = 0; policy != NULL && i < policy->contract_end.survivor_count; i++) {
        const struct policy_survivor *survivor = &policy->contract_end.survivors[i];
        CLEANUP_FREE char *how = mem_strdup("fields:");
        for (size_t k = 0; how != NULL && k < survivor->fields.count; k++) {
            char *more = mem_printf("%s %s", how, survivor->fields.items[k]);
            mem_free(how);
            how = more;
        }
        if (how != NULL)
            (void)json_array_append_new(list, survivor_row(survivor->what, how, "as the policy promises"));
    }
    return list;
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
    struct policy *policy = NULL;
    struct error why = {0};
    int64_t since_ns = 0;
    char store[2 * ID_SIZE + 1], tenant[2 * ID_SIZE + 1];
    if (history->has_tenant && policies_open(hikae, history->tenant.policy, &policy, &why) != 0)
        engine_warn(hikae, "what the tenant's policy lets survive is not in the plan: %s", why.what);
    survivors = survivors_of(policy);
    bool needs_deletion = policy == NULL || policy->contract_end.proof == POLICY_PROOF_DELETION;
    policy_free(policy);
    if (survivors == NULL)
        return error_no_memory(err);
    if (contract_read(session, &contract, err) != 0 ||
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
                                    .needs_deletion = needs_deletion};
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
        return purge_journal_put(facts, name, "planned", body, err) == 0 ? add_purge(facts, tenant, NULL, ret, err)
                                                                         : -1;
    ret->purges = mem_calloc(1, sizeof(*ret->purges));
    if (ret->purges == NULL)
        return error_no_memory(err);
    ret->count = 1;
    struct hikae_purge *to = &ret->purges[0];
    to->stage = "none";
    to->tenant = mem_strdup(tenant);
    to->name = text_of(plan, "name");
    to->plan_hash = mem_strdup(hash);
    to->plan = text;
    text = NULL;
    to->deadline_ns = purge_time(json_object_get(plan, "contract"), "deadline");
    sum_targets(json_object_get(plan, "targets"), to);
    if (to->tenant == NULL || to->name == NULL || to->plan_hash == NULL)
        return error_no_memory(err);
    return describe_targets(json_object_get(plan, "targets"), to, err) != 0 ? -1
                                                                            : describe_holders(NULL, plan, to, err);
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
        rc = list(&facts, tenant != NULL ? hex : NULL, ret, err);
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
    int rc = list(&facts, tenant, ret, &err);
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
    if (engine_audit_begin(hikae, OPERATION_PURGE_PLAN, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = session_open_store(hikae, SESSION_LOCK, &facts, &err);
    if (rc == 0) {
        rc = withdraw(&facts, tenant, why, dry_run, &err);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "withdrawn", why);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
