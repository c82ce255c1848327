/* keys operator new, add, revoke, list; approve. */
#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "keys/operator_key.h"
#include "ops/operator_plan.h"

/* ---- Results ---- */

void hikae_operators_free(struct hikae_operators *operators)
{
    for (size_t i = 0; i < operators->count; i++) {
        mem_free(operators->operators[i].name);
        mem_free(operators->operators[i].keyid);
        mem_free(operators->operators[i].key);
        mem_free(operators->operators[i].deputy_of);
    }
    mem_free(operators->operators);
    *operators = (struct hikae_operators){0};
}

static int fill(const struct operators *from, struct hikae_operators *ret, struct error *err)
{
    ret->people = operators_people(from);
    ret->disregarded = from->disregarded;
    ret->operators = mem_calloc(from->count, sizeof(*ret->operators));
    if (ret->operators == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < from->count; i++) {
        const struct operator_item *item = &from->items[i];
        struct hikae_operator *to = &ret->operators[ret->count++];
        char pem[PEM_PUBLIC_SIZE];
        if (pem_print_public(item->key, pem, err) != 0)
            return -1;
        *to = (struct hikae_operator){.name = mem_strdup(item->name),
                                      .keyid = mem_strdup(item->keyid),
                                      .key = mem_strdup(pem),
                                      .deputy_of = item->deputy_of != NULL ? mem_strdup(item->deputy_of) : NULL,
                                      .since_ns = item->since_ns,
                                      .revoked_ns = item->revoked_ns,
                                      .is_signed = item->is_signed};
        if (to->name == NULL || to->keyid == NULL || to->key == NULL ||
            (to->deputy_of == NULL && item->deputy_of != NULL))
            return error_no_memory(err);
    }
    return 0;
}

void hikae_approvals_free(struct hikae_approvals *approvals)
{
    for (size_t i = 0; i < approvals->count; i++) {
        mem_free(approvals->approvals[i].operator_name);
        mem_free(approvals->approvals[i].keyid);
    }
    mem_free(approvals->approvals);
    *approvals = (struct hikae_approvals){0};
}

static int fill_approvals(const struct approvals *from, struct hikae_approvals *ret, struct error *err)
{
    ret->approvals = mem_calloc(from->count, sizeof(*ret->approvals));
    if (ret->approvals == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < from->count; i++) {
        const struct approval_given *given = &from->items[i];
        struct hikae_approval *to = &ret->approvals[ret->count++];
        *to = (struct hikae_approval){mem_strdup(given->operator_name), mem_strdup(given->keyid), given->time_ns,
                                      given->expires_ns};
        if (to->operator_name == NULL || to->keyid == NULL)
            return error_no_memory(err);
    }
    return 0;
}

/* ---- A new key ---- */

enum hikae_status hikae_operator_new(const char *path, const char *passphrase_file, char **ret_public, char **ret_keyid,
                                     struct hikae_error *error)
{
    struct error err = {0};
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    char pem[PEM_PUBLIC_SIZE], keyid[KEYID_SIZE];
    secret_init();
    *ret_public = *ret_keyid = NULL;
    int rc = operator_key_create(path, passphrase_file, public_key, &err);
    if (rc == 0)
        rc = pem_print_public(public_key, pem, &err) == 0 && ed25519_keyid(public_key, keyid, &err) == 0 ? 0 : -1;
    if (rc == 0) {
        *ret_public = mem_strdup(pem);
        *ret_keyid = mem_strdup(keyid);
        rc = *ret_public != NULL && *ret_keyid != NULL ? 0 : error_no_memory(&err);
    }
    return api_result(rc, false, &err, error);
}

/* ---- Adding and revoking ---- */

/* One change of who is an operator. */
struct change {
    struct hikae *hikae;
    const char *event; /* "add", "revoke" */
    const char *act;
    struct operator_item item; /* borrows its texts */
    bool dry_run;
    struct operators operators;
    struct approvals approvals;
};

static void change_clear(struct change *change)
{
    operators_clear(&change->operators);
    approvals_clear(&change->approvals);
}

static int check_change(struct change *change, const struct session *facts, struct error *err)
{
    char plan[APPROVAL_HASH_SIZE];
    const char *fault = operator_fault(&change->operators, change->event, &change->item);
    if (fault != NULL)
        return error_set(err, ERROR_REFUSED, "operator %s cannot be %s: %s", change->item.name,
                         strcmp(change->event, "add") == 0 ? "added" : "revoked", fault);
    if (operators_people(&change->operators) < OPERATORS_NEEDED) {
        engine_warn(change->hikae, "fewer than two people are operators: this needs no signatures yet");
        return 0;
    }
    if (operator_plan(change->act, &change->hikae->store.store, &change->item, plan, err) != 0)
        return -1;
    const struct approval_wanted wanted = {change->act, change->item.name, "", change->item.name, "", plan, 0};
    return approval_require(change->hikae, facts, &wanted, OPERATORS_NEEDED, &change->approvals, err);
}

static int append_change(const struct change *change, struct session *facts, struct error *err)
{
    CLEANUP_JSON json_t *envelopes = json_array();
    CLEANUP_FREE char *key = base64_encode(change->item.key, sizeof(change->item.key));
    for (size_t i = 0; i < change->approvals.count; i++)
        if (json_array_append_new(envelopes, json_string(change->approvals.items[i].envelope)) != 0)
            return error_no_memory(err);
    CLEANUP_JSON json_t *body =
        key == NULL ? NULL
                    : json_pack("{s:s, s:s, s:s, s:s?, s:O}", "event", change->event, "name", change->item.name, "key",
                                key, "deputy_of", change->item.deputy_of, "approvals", envelopes);
    return body != NULL ? facts_append(facts, RECORD_OPERATOR, body, err) : error_no_memory(err);
}

/* Whom to revoke is known by name only; the record repeats the rest. */
static int find_revoked(struct change *change, struct error *err)
{
    const struct operator_item *known = operators_find(&change->operators, change->item.name);
    if (known == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no operator '%.64s'", change->item.name);
        return error_hint(err, "`hikae keys operator list` shows them");
    }
    change->item = *known;
    return 0;
}

static int make_change(struct change *change, struct session *facts, struct hikae_operators *ret, struct error *err)
{
    CLEANUP(operators_clear) struct operators after = {0};
    if (operators_read(facts, &change->operators, err) != 0 ||
        (strcmp(change->event, "revoke") == 0 && find_revoked(change, err) != 0) ||
        check_change(change, facts, err) != 0)
        return -1;
    if (!change->dry_run && append_change(change, facts, err) != 0)
        return -1;
    return operators_read(facts, &after, err) == 0 ? fill(&after, ret, err) : -1;
}

static enum hikae_status change_operators(struct change *change, int rc, struct hikae_operators *ret, struct error *err,
                                          struct hikae_error *error)
{
    struct session facts = {.lock_fd = -1};
    struct engine_audit audit;
    if (rc != 0)
        return api_result(-1, false, err, error);
    if (engine_audit_begin(change->hikae, OPERATION_KEYS_OPERATOR, NULL, change->dry_run, &audit, err) != 0)
        return api_result(-1, false, err, error);
    rc = session_open_store(change->hikae, change->dry_run ? 0 : SESSION_LOCK, &facts, err);
    if (rc == 0) {
        rc = make_change(change, &facts, ret, err);
        engine_audit_detail(&audit, "keyid", change->item.keyid);
        engine_audit_detail(&audit, "name", change->item.name);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "event", change->event);
    engine_audit_detail(&audit, "deputy_of", change->item.deputy_of);
    approvals_note(&change->approvals, &audit);
    if (rc != 0)
        hikae_operators_free(ret);
    change_clear(change);
    return engine_audit_end(&audit, api_result(rc, false, err, error));
}

enum hikae_status hikae_operator_add(struct hikae *hikae, const struct hikae_operator_options *options,
                                     struct hikae_operators *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct change change = {.hikae = hikae,
                            .event = "add",
                            .act = "operator-add",
                            .item = {.name = (char *)options->name, .deputy_of = (char *)options->deputy_of},
                            .dry_run = options->dry_run};
    *ret = (struct hikae_operators){0};
    int rc = operator_name_check(options->name, &err) == 0 &&
                     operator_key_read_public(options->key, change.item.key, &err) == 0 &&
                     ed25519_keyid(change.item.key, change.item.keyid, &err) == 0
                 ? 0
                 : -1;
    return change_operators(&change, rc, ret, &err, error);
}

enum hikae_status hikae_operator_revoke(struct hikae *hikae, const char *name, bool dry_run,
                                        struct hikae_operators *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct change change = {.hikae = hikae,
                            .event = "revoke",
                            .act = "operator-revoke",
                            .item = {.name = (char *)name},
                            .dry_run = dry_run};
    *ret = (struct hikae_operators){0};
    return change_operators(&change, operator_name_check(name, &err), ret, &err, error);
}

static int list(struct hikae *hikae, struct hikae_operators *ret, struct error *err)
{
    CLEANUP(operators_clear) struct operators operators = {0};
    struct session facts;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = operators_read(&facts, &operators, err);
    session_close(&facts);
    return rc == 0 ? fill(&operators, ret, err) : -1;
}

enum hikae_status hikae_operator_list(struct hikae *hikae, struct hikae_operators *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_operators){0};
    int rc = list(hikae, ret, &err);
    if (rc != 0)
        hikae_operators_free(ret);
    return api_result(rc, false, &err, error);
}

/* ---- Approving ---- */

static int approve(struct hikae *hikae, const struct hikae_approve_options *options, struct hikae_approvals *ret,
                   struct error *err)
{
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    const struct approval_signing signing = {options->key, options->passphrase_file, options->days};
    struct id tid;
    char hex[2 * ID_SIZE + 1] = "";
    bool is_about_tenant;
    if (strcmp(options->act, "purge") == 0) {
        (void)error_set(err, ERROR_USAGE, "a purge is approved with its scope and method, which its plan has");
        return error_hint(err, "`hikae purge approve TENANT --plan HASH --operator KEYFILE`");
    }
    if (!approval_act(options->act, &is_about_tenant)) {
        (void)error_set(err, ERROR_USAGE, "'%.40s' is no act that is approved", options->act);
        return error_hint(err, "hold-remove, snapshot-forget, tenant-policy, restore, disclose, policy-apply, "
                               "operator-add, operator-revoke");
    }
    if (is_about_tenant && engine_tenant_id(hikae, options->name, &tid, err) != 0)
        return -1;
    if (is_about_tenant)
        (void)hex_encode(tid.bytes, ID_SIZE, hex);
    const struct approval_wanted wanted = {options->act, options->name, hex, is_about_tenant ? "" : options->name,
                                           "",           options->plan, 0};
    return approval_add(hikae, &wanted, &signing, options->dry_run, &ret->again, &approvals, err) == 0
               ? fill_approvals(&approvals, ret, err)
               : -1;
}

enum hikae_status hikae_approve(struct hikae *hikae, const struct hikae_approve_options *options,
                                struct hikae_approvals *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    bool is_about_tenant = false;
    *ret = (struct hikae_approvals){0};
    (void)approval_act(options->act, &is_about_tenant);
    if (engine_audit_begin(hikae, OPERATION_APPROVE, is_about_tenant ? options->name : NULL, options->dry_run, &audit,
                           &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = approve(hikae, options, ret, &err);
    engine_audit_detail(&audit, "act", options->act);
    engine_audit_detail(&audit, "plan", options->plan);
    engine_audit_count(&audit, "approvals", ret->count);
    if (rc == 0 && ret->count > 0)
        engine_audit_operator(&audit, ret->approvals[ret->count - 1].operator_name);
    if (rc != 0)
        hikae_approvals_free(ret);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
