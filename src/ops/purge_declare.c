/* purge declare: what people destroyed that no machine sees, in their words. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/purge.h"

#include <stdio.h>
#include <string.h>

enum { HOLDER_WORD = 65 };

/* "3/offline/paper": the epoch is part of it, as a sheet of another one is another sheet. */
struct old_holder {
    unsigned epoch;
    char group[HOLDER_WORD], name[HOLDER_WORD];
};

static int parse_holder(const char *text, struct old_holder *ret, struct error *err)
{
    int end = 0;
    *ret = (struct old_holder){0};
    if (sscanf(text, "%u/%64[A-Za-z0-9_.-]/%64[A-Za-z0-9_.-]%n", &ret->epoch, ret->group, ret->name, &end) == 3 &&
        ret->epoch > 0 && end > 0 && text[end] == '\0')
        return 0;
    (void)error_set(err, ERROR_USAGE, "\"%.100s\" names no holder", text);
    return error_hint(err, "EPOCH/GROUP/NAME, as `hikae keys status` and `hikae purge status` show them");
}

char *purge_declared_name(uint32_t epoch, const char *group, const char *name)
{
    return mem_printf("declared/%u/%s/%s", epoch, group, name);
}

/* A word about a key that never was, or that opens everybody's data now, would stand on a certificate. */
static int check_old_holder(struct hikae *hikae, const struct old_holder *holder, struct error *err)
{
    CLEANUP(keystore_destruction_clear) struct keystore_destruction asked = {0};
    if (engine_keystore(hikae, err) != 0)
        return -1;
    if (holder->epoch >= keystore_epoch(hikae->keystore)) {
        (void)error_set(err, ERROR_REFUSED, "epoch %u is not over: epoch %u is in force", holder->epoch,
                        keystore_epoch(hikae->keystore));
        return error_hint(err, "`hikae keys rotate` or an erasure ends an epoch; what held it is destroyed then");
    }
    if (keystore_attest_epoch(hikae->keystore, holder->epoch, NULL, 0, &asked, err) != 0)
        return -1;
    for (size_t i = 0; i < asked.count; i++)
        if (strcmp(asked.holders[i].group, holder->group) == 0 && strcmp(asked.holders[i].name, holder->name) == 0)
            return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "epoch %u had no holder %s in a group %s", holder->epoch, holder->name,
                    holder->group);
    return error_hint(err, "`hikae keys status` and `hikae purge status` name what is left to destroy");
}

static int declare(struct session *facts, const struct old_holder *holder, const char *who, const char *how,
                   bool dry_run, struct error *err)
{
    char now[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *name = purge_declared_name(holder->epoch, holder->group, holder->name);
    if (name == NULL)
        return error_no_memory(err);
    CLEANUP_JSON json_t *body =
        json_pack("{s:s, s:s, s:s}", "who", who, "how", how, "at", clock_format(clock_now_ns(), now));
    if (body == NULL)
        return error_set(err, ERROR_USAGE, "who and how are texts in UTF-8");
    return dry_run ? 0 : purge_journal_put(facts, name, "declared", body, err);
}

enum hikae_status hikae_purge_declare(struct hikae *hikae, const char *holder, const char *who, const char *how,
                                      bool dry_run, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct session facts;
    struct old_holder old;
    if (who == NULL || who[0] == '\0' || how == NULL || how[0] == '\0')
        (void)error_set(&err, ERROR_USAGE, "say who destroyed it, and how");
    if (err.class != ERROR_NONE || parse_holder(holder, &old, &err) != 0 ||
        engine_audit_begin(hikae, OPERATION_KEYS_HOLDER, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = check_old_holder(hikae, &old, &err);
    if (rc == 0)
        rc = session_open_store(hikae, SESSION_LOCK, &facts, &err);
    if (rc == 0) {
        rc = declare(&facts, &old, who, how, dry_run, &err);
        session_close(&facts);
    }
    engine_audit_detail(&audit, "declared", holder);
    engine_audit_detail(&audit, "who", who);
    engine_audit_detail(&audit, "how", how);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
