/*
 * The certificate of an erasure (消去実施報告書): the operator's own declaration as an in-toto Statement v1
 * (https://in-toto.io/Statement/v1) in a DSSE envelope, signed by an operator and by the store. It claims no more than
 * the journal has, and what each holder's end is worth.
 */
#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "keys/operator_key.h"
#include "ops/audit.h"
#include "ops/operators.h"
#include "ops/purge.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hikae_certificate_free(struct hikae_certificate *certificate)
{
    mem_free(certificate->envelope);
    mem_free(certificate->tenant);
    *certificate = (struct hikae_certificate){0};
}

/* ---- The log's proof of the commit ---- */

struct commit_search {
    const char *run; /* id */
    char log[2 * ID_SIZE + 1];
    uint64_t sequence;
    bool found;
};

static int note_commit(const struct hikae_audit_entry *entry, void *context)
{
    struct commit_search *search = context;
    CLEANUP_JSON json_t *details = NULL;
    if (json_parse(entry->details, strlen(entry->details), &details, NULL) != 0)
        return 0;
    const char *run = json_string_value(json_object_get(details, "run"));
    if (run == NULL || strcmp(run, search->run) != 0 || strcmp(entry->result, "ok") != 0 ||
        strlen(entry->log) != 2 * ID_SIZE)
        return 0;
    memcpy(search->log, entry->log, sizeof(search->log));
    search->sequence = entry->sequence;
    search->found = true;
    return 0;
}

static int from_public(const struct hikae_error *error, struct error *err)
{
    (void)error_set(err, error->status == HIKAE_UNKNOWN ? ERROR_UNREACHABLE : ERROR_DAMAGED, "%s", error->message);
    return error_hint(err, "%s", error->hint);
}

static int prove_commit(struct hikae *hikae, const char *tenant, const char *run, json_t **ret, struct error *err)
{
    const struct hikae_audit_filter filter = {.tenant = tenant, .operation = "purge commit"};
    struct commit_search search = {.run = run};
    struct hikae_audit_proof proof = {0};
    struct hikae_error error = {0};
    if (hikae_audit_list(hikae, &filter, note_commit, &search, &error) > HIKAE_WARNINGS)
        return from_public(&error, err);
    if (!search.found)
        return error_set(err, ERROR_DAMAGED, "the audit log has no entry of the commit of this erasure");
    if (hikae_audit_prove(hikae, search.log, search.sequence, &proof, &error) > HIKAE_WARNINGS)
        return from_public(&error, err);
    int rc = json_parse(proof.json, strlen(proof.json), ret, err);
    hikae_audit_proof_free(&proof);
    return rc == 0 && *ret == NULL ? error_set(err, ERROR_INTERNAL, "the proof is no JSON") : rc;
}

/* ---- The statement ---- */

struct material {
    struct hikae *hikae;
    const char *tenant; /* pseudonym */
    json_t *plan, *run, *row;
    json_t *log;
};

static json_t *algorithms(void)
{
    static const struct {
        const char *name, *standard, *use;
        int bits;
    } table[] = {{"AES-256-GCM", "FIPS 197, NIST SP 800-38D", "use-stored", 256},
                 {"HKDF-SHA256", "RFC 5869", "use-objects", 256},
                 {"AES-256-GCM", "FIPS 197, NIST SP 800-38D", "use-wrapping", 256},
                 {"Ed25519", "RFC 8032", "use-signatures", 128}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:i}", "name", table[i].name, "standard",
                                                    table[i].standard, "for", purge_said(table[i].use), "bits",
                                                    table[i].bits));
    return list;
}

static bool has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value != NULL && !json_is_null(value);
}

/* What is claimed, and not a word more. */
static json_t *claims(const struct material *material)
{
    json_t *list = json_array();
    const json_t *times = json_object_get(material->run, "times");
    if (has(times, "unreadable"))
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:O, s:s}", "claim", "unreadable", "since", json_object_get(times, "unreadable"), "means",
                      "every key that this installation and its devices held is destroyed: no stored copy "
                      "can be opened, except with what people keep, which is listed under holders"));
    if (has(times, "irrevocable"))
        (void)json_array_append_new(
            list, json_pack("{s:s, s:O, s:s}", "claim", "irrevocable", "since", json_object_get(times, "irrevocable"),
                            "means",
                            "of every group of holders one key has come to its end for good, by destruction or "
                            "by the word of the people named"));
    if (has(material->row, "gone"))
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:O, s:s}", "claim", "gone", "since", json_object_get(material->row, "gone"), "means",
                      "every target lists no object, version, delete marker or unfinished upload of the tenant"));
    return list;
}

static json_t *verification(const struct material *material)
{
    const json_t *run = material->run;
    return json_pack("{s:b, s:O?, s:O?, s:O?, s:O?, s:o, s:o}", "opened_before",
                     json_is_true(json_object_get(run, "controlled")), "groups_checked",
                     json_object_get(run, "groups_checked"), "other_tenants_open", json_object_get(run, "survivors"),
                     "read_back", json_object_get(run, "read_back"), "keys_taken_along",
                     json_object_get(run, "stragglers"), "verification", purge_said("verification"), "validation",
                     purge_said("validation"));
}

static json_t *approvers(const json_t *row)
{
    size_t i;
    json_t *approval, *list = json_array();
    json_array_foreach(json_object_get(row, "approvals"), i, approval)(void) json_array_append_new(
        list, json_pack("{s:O, s:O?, s:O?, s:O?, s:O?}", "operator", json_object_get(approval, "operator"), "person",
                        json_object_get(approval, "person"), "keyid", json_object_get(approval, "keyid"), "time",
                        json_object_get(approval, "time"), "approval", json_object_get(approval, "envelope")));
    return list;
}

/* The predicate, in parts: what was to be done, by whom; what was done; what is left. */
static json_t *predicate(const struct material *material, struct error *err)
{
    const json_t *plan = json_object_get(material->plan, "plan"), *run = material->run, *row = material->row;
    char now[CLOCK_TEXT_SIZE], host[256] = "unknown", store[2 * ID_SIZE + 1];
    (void)gethostname(host, sizeof(host) - 1);
    CLEANUP_FREE char *sign = base64_encode(material->hikae->store.sign_public, ED25519_PUBLIC_SIZE);
    CLEANUP_FREE char *audit = base64_encode(material->hikae->store.audit_public, ED25519_PUBLIC_SIZE);
    CLEANUP_JSON json_t *tools = json_pack("{s:s, s:s, s:s, s:b}", "name", "hikae", "version", HIKAE_VERSION, "host",
                                           host, "test_clock", (int)material->hikae->store.test_clock);
    CLEANUP_JSON json_t *whole =
        sign == NULL || audit == NULL
            ? NULL
            : json_pack("{s:{s:s, s:s, s:s}, s:s, s:O?, s:o, s:O?, s:{s:s, s:O}, s:O?, s:O?, s:O, s:O, s:o, s:O?, "
                        "s:O?, s:O?}",
                        "document", "en", "Report on the execution of an erasure", "ja", "消去実施報告書", "nature",
                        "the operator's own declaration", "made", clock_format(clock_now_ns(), now), "requester",
                        json_object_get(plan, "requester"), "approvers", approvers(row), "zone",
                        json_object_get(plan, "zone"), "tenant", "pseudonym", material->tenant, "name",
                        json_object_get(plan, "name"), "contract", json_object_get(plan, "contract"),
                        "without_contract", json_object_get(plan, "without_contract"), "scope",
                        json_object_get(plan, "scope"), "method", json_object_get(plan, "method"), "algorithms",
                        algorithms(), "times", json_object_get(run, "times"), "people", json_object_get(plan, "people"),
                        "survivors", json_object_get(plan, "survivors"));
    if (whole == NULL || json_object_set_new(whole, "claims", claims(material)) != 0 ||
        json_object_set(whole, "holders", json_object_get(run, "holders")) != 0 ||
        json_object_set(whole, "key_copies", json_object_get(run, "keys")) != 0 ||
        json_object_set(whole, "found", json_object_get(row, "inventory")) != 0 ||
        json_object_set(whole, "targets", json_object_get(row, "targets")) != 0 ||
        json_object_set_new(whole, "verified", verification(material)) != 0 ||
        json_object_set(whole, "log", material->log) != 0 || json_object_set(whole, "tool", tools) != 0 ||
        json_object_set_new(whole, "store",
                            json_pack("{s:s, s:s, s:s}", "id",
                                      hex_encode(material->hikae->store.store.bytes, ID_SIZE, store), "sign", sign,
                                      "audit", audit)) != 0 ||
        (has(run, "entries") && json_object_set(whole, "key_entries_deleted", json_object_get(run, "entries")) != 0) ||
        json_object_set(whole, "from_epoch", json_object_get(run, "from")) != 0 ||
        json_object_set(whole, "to_epoch", json_object_get(run, "to")) != 0) {
        (void)error_no_memory(err);
        return NULL;
    }
    return json_incref(whole);
}

static int make_statement(const struct material *material, char **ret, struct error *err)
{
    CLEANUP_FREE char *subject = mem_printf("tenant/%s", material->tenant);
    json_t *body = subject != NULL ? predicate(material, err) : NULL;
    if (body == NULL)
        return subject != NULL ? -1 : error_no_memory(err);
    CLEANUP_JSON json_t *statement = json_pack(
        "{s:s, s:[{s:s, s:{s:O}}], s:s, s:o}", "_type", CERTIFICATE_STATEMENT, "subject", "name", subject, "digest",
        "sha256", json_object_get(material->row, "sha256"), "predicateType", CERTIFICATE_PREDICATE, "predicate", body);
    return statement != NULL ? json_print_canonical(statement, ret, err) : error_no_memory(err);
}

/* ---- Signing ---- */

/* Only an operator's signature makes it a declaration: whose key it is, the store's history says. */
static int check_operator(const struct session *facts, const struct secret *seed, struct error *err)
{
    CLEANUP(operators_clear) struct operators operators = {0};
    return operators_read(facts, &operators, err) == 0 && operators_signer(&operators, seed, err) != NULL ? 0 : -1;
}

static int sign(struct hikae *hikae, const char *statement, const struct secret *seed, char **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *store = NULL;
    CLEANUP(dsse_free) struct dsse envelope = {0};
    if (keystore_signing_key(hikae->keystore, KEY_SIGN_STORE, &store, err) != 0 ||
        dsse_start(CERTIFICATE_TYPE, statement, strlen(statement), &envelope, err) != 0 ||
        dsse_sign(&envelope, seed, err) != 0 || dsse_sign(&envelope, store, err) != 0)
        return -1;
    return dsse_print(&envelope, ret, err);
}

static int gather(const struct session *facts, const char *tenant, struct material *to, struct error *err)
{
    if (purge_journal_run_of(facts, tenant, &to->run, &to->row, err) != 0 ||
        purge_journal_plan_of(facts, tenant, &to->plan, err) != 0)
        return -1;
    if (to->run == NULL || to->plan == NULL || purge_stage(to->run) < PURGE_DESTROYED) {
        (void)error_set(err, ERROR_REFUSED, "the keys of this tenant are not destroyed: there is nothing to certify");
        return error_hint(err, "`hikae purge status` says where its erasure stands");
    }
    return prove_commit(facts->hikae, tenant, json_string_value(json_object_get(to->run, "id")), &to->log, err);
}

static void forget(struct material *material)
{
    json_decref(material->plan);
    json_decref(material->run);
    json_decref(material->log);
}

static int certify(struct session *facts, const char *tenant, const struct secret *seed, struct hikae_certificate *ret,
                   struct error *err)
{
    struct id tid;
    char hex[2 * ID_SIZE + 1];
    CLEANUP_FREE char *name = NULL;
    CLEANUP_FREE char *statement = NULL;
    CLEANUP(forget) struct material material = {.hikae = facts->hikae, .tenant = hex};
    if (check_operator(facts, seed, err) != 0 || purge_journal_find(facts, tenant, &tid, hex, &name, err) != 0 ||
        gather(facts, hex, &material, err) != 0 || make_statement(&material, &statement, err) != 0 ||
        sign(facts->hikae, statement, seed, &ret->envelope, err) != 0)
        return -1;
    ret->is_gone = has(material.row, "gone");
    ret->tenant = mem_strdup(hex);
    return ret->tenant != NULL ? 0 : error_no_memory(err);
}

enum hikae_status hikae_purge_certificate(struct hikae *hikae, const char *tenant, const char *key_file,
                                          const char *passphrase_file, struct hikae_certificate *ret,
                                          struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct session facts;
    CLEANUP_SECRET struct secret *seed = NULL;
    *ret = (struct hikae_certificate){0};
    if (operator_key_read(key_file, passphrase_file, &seed, &err) != 0 ||
        engine_audit_begin(hikae, OPERATION_PURGE_CERTIFICATE, tenant, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = session_open_store(hikae, 0, &facts, &err);
    if (rc == 0) {
        rc = certify(&facts, tenant, seed, ret, &err);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "pseudonym", ret->tenant);
    if (rc != 0) {
        hikae_certificate_free(ret);
        (void)error_wrap(&err, "certify the erasure of %s", tenant);
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
