/* hold add, remove, list: what may not be deleted, and until when. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/approval.h"
#include "ops/audit.h"

#include <string.h>

void hikae_holds_free(struct hikae_holds *holds)
{
    for (size_t i = 0; i < holds->count; i++) {
        mem_free(holds->holds[i].tenant);
        mem_free(holds->holds[i].id);
        mem_free(holds->holds[i].who);
        mem_free(holds->holds[i].why);
        mem_free(holds->holds[i].until);
    }
    mem_free(holds->holds);
    *holds = (struct hikae_holds){0};
}

/* ---- Adding ---- */

static int check_hold(const char *who, const char *why, const char *until, struct error *err)
{
    int64_t end;
    if (who == NULL || who[0] == '\0' || why == NULL || why[0] == '\0') {
        (void)error_set(err, ERROR_USAGE, "a hold needs to say who asked for it, and why");
        return error_hint(err, "`hikae hold add TENANT --who NAME --why TEXT`");
    }
    if (until == NULL)
        return 0;
    if (clock_parse(until, &end, err) != 0) {
        err->class = ERROR_USAGE;
        return error_wrap(err, "the end of the hold");
    }
    if (end > clock_now_ns())
        return 0;
    (void)error_set(err, ERROR_USAGE, "a hold until %.60s would be over already", until);
    return error_hint(err, "leave the end out for a hold that lasts until it is removed");
}

static json_t *text_value(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static int hold_body(const char *who, const char *why, const char *until, char **ret, struct error *err)
{
    struct id id;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_JSON json_t *json = json_object();
    if (json == NULL)
        return error_no_memory(err);
    if (crypto_random(id.bytes, ID_SIZE, err) != 0)
        return -1;
    /* jansson takes UTF-8 only, and says no more than that it failed. */
    if (json_object_set_new(json, "v", json_integer(1)) != 0 ||
        json_object_set_new(json, "hold", json_string(hex_encode(id.bytes, ID_SIZE, hex))) != 0 ||
        json_object_set_new(json, "who", text_value(who)) != 0 ||
        json_object_set_new(json, "why", text_value(why)) != 0 ||
        json_object_set_new(json, "until", text_value(until)) != 0) {
        (void)error_set(err, ERROR_USAGE, "the texts of the hold are no UTF-8");
        return error_hint(err, "write who and why in UTF-8");
    }
    return json_print(json, ret, err);
}

/*
 * A hold must not wait for a backup that holds the tenant for hours: it is then written beside it. The history forks
 * there, and the next record joins the two.
 */
static int open_session(struct hikae *hikae, const char *tenant, struct session *ret, struct error *err)
{
    if (session_open(hikae, tenant, SESSION_LOCK, ret, err) == 0)
        return 0;
    if (err->class != ERROR_BUSY)
        return -1;
    engine_warn(hikae, "tenant %s is in use: the hold is recorded beside the run, and the next record joins both",
                tenant);
    *err = (struct error){0};
    return session_open(hikae, tenant, 0, ret, err);
}

static int add_hold(struct hikae *hikae, const char *tenant, const char *who, const char *why, const char *until,
                    bool dry_run, struct error *err)
{
    struct session session;
    if (check_hold(who, why, until, err) != 0 || open_session(hikae, tenant, &session, err) != 0)
        return -1;
    struct record record = {.type = RECORD_HOLD};
    int rc = hold_body(who, why, until, &record.body, err);
    if (rc == 0 && !dry_run)
        rc = chain_append(hikae, session.keyring, &session.chain, &record, engine_up_mask(hikae),
                          hikae->config->min_copies, err);
    record_clear(&record);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "hold tenant %s", tenant);
}

enum hikae_status hikae_hold_add(struct hikae *hikae, const char *tenant, const char *who, const char *why,
                                 const char *until, bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_HOLD_ADD, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = add_hold(hikae, tenant, who, why, until, dry_run, &err);
    engine_audit_detail(&audit, "who", who);
    engine_audit_detail(&audit, "why", why);
    engine_audit_detail(&audit, "until", until);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- Removing ---- */

/* The hold whose id begins so; no other may. */
static int find_hold(const struct history *history, const char *id, const struct history_hold **ret, struct error *err)
{
    *ret = NULL;
    for (size_t i = 0; i < history->hold_count; i++) {
        const struct history_hold *hold = &history->holds[i];
        if (id[0] == '\0' || strncmp(hold->id, id, strlen(id)) != 0)
            continue;
        if (*ret != NULL && strcmp(hold->id, id) != 0 && strcmp((*ret)->id, id) != 0)
            return error_set(err, ERROR_USAGE, "several holds begin with '%.40s'", id);
        if (*ret == NULL || strcmp(hold->id, id) == 0)
            *ret = hold;
    }
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "there is no hold '%.40s'", id);
    return error_hint(err, "`hikae hold list` shows them with their ids");
}

static int unhold_record(struct session *session, const char *id, const struct approval *approval, bool dry_run,
                         struct approvals *approvals, struct error *err)
{
    const struct history_hold *hold;
    struct record record CLEANUP(record_clear) = {.type = RECORD_UNHOLD};
    char tid[2 * ID_SIZE + 1], plan[APPROVAL_HASH_SIZE];
    if (find_hold(&session->chain.history, id, &hold, err) != 0)
        return -1;
    const struct approval_wanted wanted = {
        "hold-remove", session->tenant, hex_encode(session->tid.bytes, ID_SIZE, tid), "", "", plan, 0};
    if (approval_hash((const char *const[]){"hold-remove", tid, hold->id, NULL}, plan, err) != 0 ||
        approval_door(session->hikae, NULL, &wanted, approval, approvals, err) != 0)
        return -1;
    CLEANUP_FREE char *who = approval_who(approvals, approval);
    if (who == NULL)
        return error_no_memory(err);
    json_t *body CLEANUP_JSON =
        json_pack("{s:i, s:s, s:s, s:s?}", "v", 1, "hold", hold->id, "who", who, "why", approval->why);
    if (body == NULL)
        return error_set(err, ERROR_USAGE, "who and why are texts in UTF-8");
    if (json_print(body, &record.body, err) != 0)
        return -1;
    return dry_run ? 0
                   : chain_append(session->hikae, session->keyring, &session->chain, &record,
                                  engine_up_mask(session->hikae), session->hikae->config->min_copies, err);
}

static int remove_hold(struct hikae *hikae, const char *tenant, const char *id, const struct approval *approval,
                       bool dry_run, struct approvals *approvals, struct error *err)
{
    struct session session;
    if (session_open(hikae, tenant, dry_run ? 0 : SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = unhold_record(&session, id, approval, dry_run, approvals, err);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "remove a hold on tenant %s", tenant);
}

enum hikae_status hikae_hold_remove(struct hikae *hikae, const char *tenant, const char *hold, const char *who,
                                    const char *why, bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    const struct approval approval = {who, why};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_HOLD_REMOVE, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    int rc = remove_hold(hikae, tenant, hold, &approval, dry_run, &approvals, &err);
    approvals_note(&approvals, &audit);
    engine_audit_detail(&audit, "hold", hold);
    engine_audit_detail(&audit, "who", who);
    engine_audit_detail(&audit, "why", why);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- Listing ---- */

static int list_hold(struct hikae_holds *holds, const char *tenant, const struct history_hold *from, struct error *err)
{
    struct hikae_hold *grown = mem_realloc(holds->holds, (holds->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    holds->holds = grown;
    struct hikae_hold *hold = &grown[holds->count++];
    *hold = (struct hikae_hold){.tenant = mem_strdup(tenant),
                                .id = mem_strdup(from->id),
                                .who = mem_strdup(from->who != NULL ? from->who : ""),
                                .why = mem_strdup(from->why != NULL ? from->why : ""),
                                .until = from->until != NULL ? mem_strdup(from->until) : NULL};
    bool complete = hold->tenant != NULL && hold->id != NULL && hold->who != NULL && hold->why != NULL &&
                    (hold->until != NULL || from->until == NULL);
    return complete ? 0 : error_no_memory(err);
}

static int list_tenant(struct hikae *hikae, const char *tenant, struct hikae_holds *ret, struct error *err)
{
    struct session session;
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = 0;
    const struct history *history = &session.chain.history;
    for (size_t i = 0; rc == 0 && i < history->hold_count; i++)
        rc = list_hold(ret, tenant, &history->holds[i], err);
    session_close(&session);
    return rc;
}

struct listing {
    struct hikae *hikae;
    struct hikae_holds *holds;
};

static int list_each(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    const struct listing *listing = context;
    if (strcmp(tenant->state, "erased") == 0)
        return 0;
    if (cancel_check(&listing->hikae->cancel, err) != 0)
        return -1;
    return list_tenant(listing->hikae, tenant->name, listing->holds, err);
}

static int list_holds(struct hikae *hikae, const char *tenant, struct hikae_holds *ret, struct error *err)
{
    struct listing listing = {hikae, ret};
    if (tenant != NULL)
        return list_tenant(hikae, tenant, ret, err);
    if (engine_tenants(hikae, err) != 0)
        return -1;
    return catalog_tenant_each(hikae->catalog, list_each, &listing, err);
}

enum hikae_status hikae_hold_list(struct hikae *hikae, const char *tenant, struct hikae_holds *ret,
                                  struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_holds){0};
    int rc = list_holds(hikae, tenant, ret, &err);
    if (rc != 0)
        hikae_holds_free(ret);
    return api_result(rc, false, &err, error);
}
