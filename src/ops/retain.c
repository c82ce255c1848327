/* retain, snapshot forget: what a plan drops, or a person takes out, is retired by a record on min_copies targets. */
#include "ops/retain.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/approval.h"
#include "ops/audit.h"
#include "ops/contract.h"

/* ---- Results ---- */

void hikae_retain_result_free(struct hikae_retain_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        struct hikae_retained *line = &result->lines[i];
        for (size_t k = 0; k < line->reason_count; k++)
            mem_free(line->reasons[k]);
        mem_free(line->reasons);
        mem_free(line->tenant);
        mem_free(line->id);
        mem_free(line->tag);
    }
    for (size_t i = 0; i < result->failure_count; i++)
        mem_free(result->failures[i].tenant);
    mem_free(result->failures);
    mem_free(result->lines);
    *result = (struct hikae_retain_result){0};
}

static int take_line(struct hikae_retained *line, const char *tenant, const struct history_snapshot *snapshot,
                     struct retention_decision *decision, struct error *err)
{
    *line = (struct hikae_retained){.tenant = mem_strdup(tenant),
                                    .id = mem_strdup(snapshot->name),
                                    .time_ns = snapshot->time_ns,
                                    .tag = snapshot->tag != NULL ? mem_strdup(snapshot->tag) : NULL,
                                    .keep = decision->keep,
                                    .reasons = decision->reasons,
                                    .reason_count = decision->reason_count};
    decision->reasons = NULL;
    decision->reason_count = 0;
    return line->tenant != NULL && line->id != NULL && (line->tag != NULL || snapshot->tag == NULL)
               ? 0
               : error_no_memory(err);
}

/* The plan's lines become the result's. */
static int take_plan(struct hikae_retain_result *result, const char *tenant, const struct retain_view *view,
                     struct retention_plan *plan, struct error *err)
{
    struct hikae_retained *grown = mem_realloc(result->lines, (result->count + plan->count) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    result->lines = grown;
    for (size_t i = 0; i < plan->count; i++) {
        struct retention_decision *decision = &plan->decisions[i];
        result->keep_count += decision->keep;
        result->drop_count += !decision->keep;
        if (take_line(&grown[result->count++], tenant, view->from[decision->snapshot], decision, err) != 0)
            return -1;
    }
    return 0;
}

static int note_failure(struct hikae_retain_result *result, const char *tenant, const struct error *why,
                        struct error *err)
{
    struct hikae_tenant_failure *grown = mem_realloc(result->failures, (result->failure_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    result->failures = grown;
    struct hikae_tenant_failure *failure = &grown[result->failure_count++];
    failure->tenant = mem_strdup(tenant);
    (void)api_result(-1, false, why, &failure->error);
    return failure->tenant != NULL ? 0 : error_no_memory(err);
}

/* ---- Retiring ---- */

static int retire(struct record *record, json_t *reasons, const struct history_snapshot *snapshot, const char *reason,
                  struct error *err)
{
    struct hash *grown = mem_realloc(record->retired, (record->retired_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    record->retired = grown;
    grown[record->retired_count++] = snapshot->record;
    json_t *item = json_pack("{s:s, s:s}", "snapshot", snapshot->name, "reason", reason);
    if (item == NULL)
        return error_set(err, ERROR_USAGE, "a reason is text in UTF-8");
    return json_array_append_new(reasons, item) == 0 ? 0 : error_no_memory(err);
}

/* On the targets, with the reasons as its body. */
static int append_retirement(struct session *session, struct record *record, json_t *reasons, struct error *err)
{
    json_t *body CLEANUP_JSON = json_pack("{s:i, s:O}", "v", 1, "reasons", reasons);
    if (body == NULL)
        return error_no_memory(err);
    if (json_print(body, &record->body, err) != 0)
        return -1;
    return chain_append(session->hikae, session->keyring, &session->chain, record, engine_up_mask(session->hikae),
                        session->hikae->config->min_copies, err);
}

static char *join_reasons(const struct retention_decision *decision)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < decision->reason_count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? "; " : "", decision->reasons[i]);
        mem_free(all);
        all = longer;
    }
    return all;
}

/* All that a plan drops in one record: it takes effect as a whole or not at all. */
static int retire_dropped(struct session *session, const struct retain_view *view, const struct retention_plan *plan,
                          struct error *err)
{
    struct record record CLEANUP(record_clear) = {.type = RECORD_RETIRE};
    json_t *reasons CLEANUP_JSON = json_array();
    if (reasons == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_decision *decision = &plan->decisions[i];
        if (decision->keep)
            continue;
        char *reason CLEANUP_FREE = join_reasons(decision);
        if (reason == NULL)
            return error_no_memory(err);
        if (retire(&record, reasons, view->from[decision->snapshot], reason, err) != 0)
            return -1;
    }
    return record.retired_count > 0 ? append_retirement(session, &record, reasons, err) : 0;
}

/* ---- retain ---- */

/* One call over one tenant or all of them. */
struct rounds {
    struct hikae *hikae;
    const struct policies *policies;
    struct hikae_retain_result *result;
    bool dry_run;
};

static int retain_snapshots(struct session *session, const struct rounds *rounds, struct error *err)
{
    struct retain_view view;
    struct retention_plan plan = {0};
    if (session_list(session, err) != 0 || retain_history_check(session, err) != 0 ||
        retain_view_open(session, rounds->policies, &view, err) != 0)
        return -1;
    int rc = retain_view_plan(&view, clock_now_ns(), &plan, err);
    if (rc == 0 && !rounds->dry_run)
        rc = retire_dropped(session, &view, &plan, err);
    if (rc == 0)
        rc = take_plan(rounds->result, session->tenant, &view, &plan, err);
    retention_plan_clear(&plan);
    retain_view_close(&view);
    return rc;
}

static int retain_tenant(const char *tenant, const struct rounds *rounds, struct error *err)
{
    struct session session;
    if (session_open(rounds->hikae, tenant, rounds->dry_run ? 0 : SESSION_LOCK, &session, err) != 0)
        return -1;
    /* What a contract's end leaves is for the purge, which counts it: until then it stays as it is. */
    bool frozen = contract_is_frozen(&session.chain.history.tenant, clock_now_ns());
    if (frozen)
        engine_warn(rounds->hikae, "tenant %s is frozen: nothing of it is dropped until it is purged", tenant);
    int rc = frozen ? 0 : retain_snapshots(&session, rounds, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "retention of tenant %s", tenant);
}

/* One tenant's failure stops no other; what concerns all of them does. */
static int retain_each(const char *tenant, void *context, struct error *err)
{
    const struct rounds *rounds = context;
    struct error why = {0};
    if (cancel_check(&rounds->hikae->cancel, err) != 0)
        return -1;
    if (retain_tenant(tenant, rounds, &why) == 0)
        return 0;
    if (why.class != ERROR_NO_MEMORY && why.class != ERROR_INTERRUPTED)
        return note_failure(rounds->result, tenant, &why, err);
    *err = why;
    return -1;
}

/* The first of these that occurred, as the command line documents it. */
static const struct hikae_error *worst_failure(const struct hikae_retain_result *result)
{
    static const enum hikae_status order[] = {HIKAE_INTERNAL, HIKAE_KEYS,    HIKAE_DAMAGED,
                                              HIKAE_UNKNOWN,  HIKAE_REFUSED, HIKAE_BUSY};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        for (size_t k = 0; k < result->failure_count; k++)
            if (result->failures[k].error.status == order[i])
                return &result->failures[k].error;
    return &result->failures[0].error;
}

/* Which were dropped: evidence asks for it when their records are long gone. As many as an entry has room for. */
static void record_dropped(struct engine_audit *audit, const struct hikae_retain_result *result)
{
    enum { NAMES_MAX = 2000 };
    CLEANUP(buf_free) struct buf names = {0};
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < result->count && count < NAMES_MAX; i++) {
        if (result->lines[i].keep)
            continue;
        rc = buf_append(&names, result->lines[i].id, strlen(result->lines[i].id), NULL);
        if (rc == 0)
            rc = buf_u8(&names, ' ', NULL);
        count++;
    }
    if (rc != 0)
        audit->failed = true;
    else if (names.size > 0) {
        names.data[names.size - 1] = '\0';
        engine_audit_detail(audit, "dropped", (const char *)names.data);
    }
}

enum hikae_status hikae_retain(struct hikae *hikae, const char *tenant, bool dry_run, struct hikae_retain_result *ret,
                               struct hikae_error *error)
{
    struct error err = {0};
    struct rounds rounds = {hikae, NULL, ret, dry_run};
    struct engine_audit audit;
    *ret = (struct hikae_retain_result){0};
    if (engine_audit_begin(hikae, OPERATION_RETAIN, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = policies_of(hikae, &rounds.policies, &err); /* read once for all tenants of a run */
    if (rc == 0)
        rc = tenant != NULL ? retain_tenant(tenant, &rounds, &err)
                            : engine_each_tenant(hikae, NULL, retain_each, &rounds, &err);
    if (rc != 0)
        hikae_retain_result_free(ret);
    engine_audit_count(&audit, "kept", ret->keep_count);
    engine_audit_count(&audit, "dropped", ret->drop_count);
    record_dropped(&audit, ret);
    if (rc != 0 || ret->failure_count == 0)
        return engine_audit_end(&audit, api_result(rc, false, &err, error));
    *error = *worst_failure(ret);
    return engine_audit_end(&audit, error->status);
}

/* ---- snapshot forget ---- */

/* A hold keeps everything; and what is left must be something to restore from. */
static int check_forget(const struct retain_view *view, const struct history_snapshot *snapshot, struct error *err)
{
    int64_t now = clock_now_ns();
    size_t left = 0;
    for (size_t i = 0; i < view->hold_count; i++) {
        const struct retention_hold *hold = &view->holds[i];
        if (hold->until_ns <= now)
            continue;
        (void)error_set(err, ERROR_REFUSED, "hold %.8s by %.100s keeps every snapshot", hold->id, hold->who);
        return error_hint(err, "`hikae hold list` shows the holds; `hikae hold remove` ends one");
    }
    for (size_t i = 0; i < view->count; i++) {
        left += view->from[i] != snapshot && view->snapshots[i].copies == RETENTION_COMPLETE;
        if (view->from[i] != snapshot || view->snapshots[i].incident == NULL)
            continue;
        (void)error_set(err, ERROR_REFUSED, "snapshot %s holds logs of incident %.40s", snapshot->name,
                        view->snapshots[i].incident);
        return error_hint(err, "`hikae incident close` ends that, when everything is cleared up");
    }
    if (left > 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "without snapshot %s there is no complete one", snapshot->name);
    return error_hint(err, "make another first (`hikae backup`); to be rid of a tenant's data, purge the tenant");
}

/* Two operators' signatures, or a name and a reason. */
static int approve_forget(const struct session *session, const struct history_snapshot *snapshot,
                          const struct approval *approval, struct approvals *approvals, struct error *err)
{
    char tid[2 * ID_SIZE + 1], record[2 * HASH_SIZE + 1], plan[APPROVAL_HASH_SIZE];
    const struct approval_wanted wanted = {
        "snapshot-forget", session->tenant, hex_encode(session->tid.bytes, ID_SIZE, tid), "", "", plan, 0};
    const char *const texts[] = {"snapshot-forget", tid, hex_encode(snapshot->record.bytes, HASH_SIZE, record), NULL};
    return approval_hash(texts, plan, err) == 0 ? approval_door(session->hikae, NULL, &wanted, approval, approvals, err)
                                                : -1;
}

/* *ret_id: which one it is, whatever the person called it. */
static int forget_one(struct session *session, const char *name, const struct approval *approval, bool dry_run,
                      struct approvals *approvals, char **ret_id, struct error *err)
{
    const struct hikae_which which = {.snapshot = name};
    const struct history_snapshot *snapshot;
    struct retain_view view;
    struct record record CLEANUP(record_clear) = {.type = RECORD_RETIRE};
    json_t *reasons CLEANUP_JSON = json_array();
    if (reasons == NULL)
        return error_no_memory(err);
    if (session_snapshot(session, &which, &snapshot, err) != 0)
        return -1;
    if ((*ret_id = mem_strdup(snapshot->name)) == NULL)
        return error_no_memory(err);
    if (approve_forget(session, snapshot, approval, approvals, err) != 0 || session_list(session, err) != 0 ||
        retain_history_check(session, err) != 0 || retain_view_open(session, NULL, &view, err) != 0)
        return -1;
    int rc = check_forget(&view, snapshot, err);
    retain_view_close(&view);
    CLEANUP_FREE char *who = approval_who(approvals, approval);
    CLEANUP_FREE char *reason = who != NULL ? mem_printf("taken out by %s: %s", who, approval->why) : NULL;
    if (reason == NULL)
        return error_no_memory(err);
    if (rc != 0 || retire(&record, reasons, snapshot, reason, err) != 0)
        return -1;
    return dry_run ? 0 : append_retirement(session, &record, reasons, err);
}

static int forget_snapshot(struct hikae *hikae, const char *tenant, const char *name, const struct approval *approval,
                           bool dry_run, struct approvals *approvals, char **ret_id, struct error *err)
{
    struct session session;
    if (session_open(hikae, tenant, dry_run ? 0 : SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = forget_one(&session, name, approval, dry_run, approvals, ret_id, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "take snapshot %s of tenant %s out", name, tenant);
}

enum hikae_status hikae_snapshot_forget(struct hikae *hikae, const char *tenant, const char *snapshot, const char *who,
                                        const char *why, bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    const struct approval approval = {who, why};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_SNAPSHOT_FORGET, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    CLEANUP_FREE char *id = NULL;
    int rc = forget_snapshot(hikae, tenant, snapshot, &approval, dry_run, &approvals, &id, &err);
    approvals_note(&approvals, &audit);
    engine_audit_detail(&audit, "snapshot", id != NULL ? id : snapshot);
    engine_audit_detail(&audit, "who", who);
    engine_audit_detail(&audit, "why", why);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
