/* Who signed a plan: approvals of the act "purge" (ops/approval.h), bound to tenant, scope, method and the plan's hash.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "ops/approval.h"
#include "ops/purge.h"

#include <string.h>

/* Everything of the tenant, by keys and deletion: so a continued erasure needs no new signatures. */
static struct approval_wanted wanted_for(const char *tenant, const char *name, const char *hash)
{
    return (struct approval_wanted){.act = "purge",
                                    .name = name,
                                    .tenant = tenant,
                                    .scope = "everything of the tenant",
                                    .method = "destruction of keys, then deletion",
                                    .plan = hash};
}

static json_t *approval_row(const struct approval_given *given)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "operator", given->operator_name, "person", given->person, "keyid",
                            given->keyid, "envelope", given->envelope);
    if (row == NULL || purge_set_time(row, "time", given->time_ns, NULL) != 0) {
        json_decref(row);
        return NULL;
    }
    return row;
}

int purge_approvals(const struct session *facts, const char *tenant, const char *hash, json_t **ret, struct error *err)
{
    struct approvals found = {0};
    const struct approval_wanted wanted = wanted_for(tenant, tenant, hash);
    CLEANUP_JSON json_t *rows = json_array();
    if (rows == NULL)
        return error_no_memory(err);
    int rc = approval_find(facts->hikae, facts, &wanted, &found, err);
    for (size_t i = 0; rc == 0 && i < found.count; i++)
        if (json_array_append_new(rows, approval_row(&found.items[i])) != 0)
            rc = error_no_memory(err);
    approvals_clear(&found);
    if (rc == 0)
        *ret = json_incref(rows);
    return rc;
}

/* What is signed is the plan that is kept: a hash of any other is refused, so that nobody signs an old one. */
static int check_plan(const struct session *facts, const char *tenant, const char *hex, const char *hash,
                      struct error *err)
{
    CLEANUP_JSON json_t *plan = NULL;
    if (purge_journal_plan_of(facts, hex, &plan, err) != 0)
        return -1;
    const char *kept = json_string_value(json_object_get(plan, "sha256"));
    if (kept == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "the erasure of %s is not planned", tenant);
        return error_hint(err, "`hikae purge plan %s` makes the plan", tenant);
    }
    if (strcmp(kept, hash) == 0)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "the plan of %s has another hash: %s", tenant, kept);
    return error_hint(err, "read it with `hikae purge status %s --json`, and approve that one", tenant);
}

static int find_plan(struct hikae *hikae, const char *tenant, const char *hash, char hex[2 * ID_SIZE + 1],
                     struct error *err)
{
    struct session facts;
    struct id tid;
    CLEANUP_FREE char *name = NULL;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = purge_journal_find(&facts, tenant, &tid, hex, &name, err);
    if (rc == 0)
        rc = check_plan(&facts, tenant, hex, hash, err);
    session_close(&facts);
    return rc;
}

static int approve(struct hikae *hikae, const char *tenant, const char *hash, const struct approval_signing *signing,
                   bool dry_run, struct engine_audit *audit, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    struct approvals all = {0};
    bool again;
    if (find_plan(hikae, tenant, hash, hex, err) != 0)
        return -1;
    const struct approval_wanted wanted = wanted_for(hex, tenant, hash);
    int rc = approval_add(hikae, &wanted, signing, dry_run, &again, &all, err);
    if (rc == 0)
        approvals_note(&all, audit);
    approvals_clear(&all);
    return rc;
}

enum hikae_status hikae_purge_approve(struct hikae *hikae, const char *tenant, const char *plan_hash,
                                      const char *key_file, const char *passphrase_file, bool dry_run,
                                      struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    const struct approval_signing signing = {.key_path = key_file, .passphrase_path = passphrase_file};
    if (engine_audit_begin(hikae, OPERATION_PURGE_APPROVE, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = approve(hikae, tenant, plan_hash, &signing, dry_run, &audit, &err);
    engine_audit_detail(&audit, "plan", plan_hash);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
