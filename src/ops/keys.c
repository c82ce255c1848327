/* keys status, check, rotate of a tenant: who can open the store, and with what. */
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/engine.h"
#include "ops/epoch.h"
#include "ops/purge.h"

#include <string.h>

void hikae_keys_free(struct hikae_keys *keys)
{
    for (size_t i = 0; i < keys->holder_count; i++) {
        struct hikae_holder *holder = &keys->holders[i];
        char *const texts[] = {holder->group,  holder->name,    holder->kind,     holder->state,
                               holder->why,    holder->worth,   holder->presence, holder->identity,
                               holder->detail, holder->country, holder->final};
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            mem_free(texts[k]);
    }
    for (size_t i = 0; i < keys->old_count; i++) {
        struct hikae_old_holder *old = &keys->old[i];
        char *const texts[] = {old->group, old->name, old->kind, old->fate, old->final, old->why};
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            mem_free(texts[k]);
    }
    mem_free(keys->holders);
    mem_free(keys->old);
    *keys = (struct hikae_keys){0};
}

/* A copy of a text, or NULL for none ("" and NULL). false: no memory. */
static bool set_text(char **ret, const char *text)
{
    *ret = text != NULL && text[0] != '\0' ? mem_strdup(text) : NULL;
    return *ret != NULL || text == NULL || text[0] == '\0';
}

static bool set_time(char **ret, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    return set_text(ret, ns != 0 ? clock_format(ns, text) : NULL);
}

static int add_holder(struct hikae_keys *keys, const struct keystore_group_report *group,
                      const struct keystore_member_report *member, struct error *err)
{
    struct hikae_holder *holder = &keys->holders[keys->holder_count++];
    const struct holder_attestation *attestation = &member->attestation;
    CLEANUP_FREE char *paper = member->state == HOLDER_NOT_HERE && member->kind == HOLDER_SHEET
                                   ? mem_printf("%s. `hikae keys sheet --check FILE` checks its digits",
                                                member->why != NULL ? member->why : "it is on paper")
                                   : NULL;
    const char *why = paper != NULL ? paper : member->why != NULL ? member->why : "it does not open";
    holder->group_opens = group->opens;
    holder->extractable = attestation->extractable;
    bool complete = set_text(&holder->group, group->name) && set_text(&holder->name, member->name) &&
                    set_text(&holder->kind, holder_kind_name(member->kind)) &&
                    set_text(&holder->state, holder_state_name(member->state)) &&
                    set_text(&holder->worth, holder_destruction_worth(member->kind)) &&
                    set_text(&holder->why, member->state != HOLDER_OPENS ? why : NULL) &&
                    set_text(&holder->presence, holder_presence_name(attestation->presence)) &&
                    set_text(&holder->identity, attestation->identity) &&
                    set_text(&holder->detail, attestation->detail) &&
                    set_text(&holder->country, attestation->country) && set_time(&holder->final, attestation->final_ns);
    return complete ? 0 : error_no_memory(err);
}

static int fill_in(const struct keystore_report *report, struct hikae_keys *ret, struct error *err)
{
    size_t count = 0;
    for (size_t g = 0; g < report->group_count; g++)
        count += report->groups[g].member_count;
    ret->epoch = report->epoch;
    ret->tenants = report->tenants - 1; /* one set of keys is the store's own */
    ret->copies = report->copies;
    ret->older_epochs = (uint32_t)report->older_count;
    ret->holders = mem_calloc(count, sizeof(*ret->holders));
    if (ret->holders == NULL)
        return error_no_memory(err);
    for (size_t g = 0; g < report->group_count; g++)
        for (size_t i = 0; i < report->groups[g].member_count; i++)
            if (add_holder(ret, &report->groups[g], &report->groups[g].members[i], err) != 0)
                return -1;
    return 0;
}

/* ---- Epochs that are over ---- */

static int add_old(struct hikae_keys *keys, uint32_t epoch, const struct keystore_holder_end *end, struct error *err)
{
    struct hikae_old_holder *grown = mem_realloc(keys->old, (keys->old_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    keys->old = grown;
    struct hikae_old_holder *old = &grown[keys->old_count++];
    *old = (struct hikae_old_holder){.epoch = epoch};
    const char *why = end->why != NULL            ? end->why
                      : end->kind == HOLDER_SHEET ? "destroy it on paper and in every copy, then `hikae purge declare`"
                      : end->kind == HOLDER_PASSPHRASE ? "its passphrase goes on opening this epoch: take another one"
                      : end->fate == HOLDER_FATE_UNKNOWN
                          ? "its key may be there: the next `hikae keys rotate` tries again"
                          : NULL;
    bool complete = set_text(&old->group, end->group) && set_text(&old->name, end->name) &&
                    set_text(&old->kind, holder_kind_name(end->kind)) &&
                    set_text(&old->fate, holder_fate_name(end->fate)) && set_time(&old->final, end->final_ns) &&
                    set_text(&old->why, why);
    return complete ? 0 : error_no_memory(err);
}

static bool is_ending(const uint32_t *ending, size_t count, uint32_t epoch)
{
    for (size_t i = 0; i < count; i++)
        if (ending[i] == epoch)
            return true;
    return false;
}

/* What people have to destroy, and have said that they did. The store's history is read when it is first needed. */
struct declarations {
    struct hikae *hikae;
    struct session session;
    bool open;
};

static void declarations_close(struct declarations *declarations)
{
    if (declarations->open)
        session_close(&declarations->session);
}

static int is_declared(struct declarations *declarations, uint32_t epoch, const struct keystore_holder_end *end,
                       bool *ret, struct error *err)
{
    CLEANUP_FREE char *name = purge_declared_name(epoch, end->group, end->name);
    CLEANUP_JSON json_t *body = NULL;
    if (name == NULL)
        return error_no_memory(err);
    if (!declarations->open) {
        if (session_open_store(declarations->hikae, 0, &declarations->session, err) != 0)
            return -1;
        declarations->open = true;
    }
    if (purge_journal_get(&declarations->session, name, &body, err) != 0)
        return -1;
    *ret = body != NULL;
    return 0;
}

/*
 * Where something was left to destroy, the holders are asked. Of epochs that were ended, only what people have to
 * destroy is told: that nobody here can ask.
 */
static int add_epoch(struct declarations *declarations, uint32_t epoch, bool ending, struct hikae_keys *ret,
                     struct error *err)
{
    struct hikae *hikae = declarations->hikae;
    CLEANUP(keystore_destruction_clear) struct keystore_destruction old = {0};
    int rc = ending ? epoch_attest(hikae, epoch, &old, err)
                    : keystore_attest_epoch(hikae->keystore, epoch, NULL, 0, &old, err);
    for (size_t i = 0; rc == 0 && i < old.count; i++) {
        const struct keystore_holder_end *end = &old.holders[i];
        bool gone = end->fate == HOLDER_FATE_DESTROYED || end->fate == HOLDER_FATE_ABSENT;
        bool declared = false;
        if (!gone && end->fate == HOLDER_FATE_PEOPLE)
            rc = is_declared(declarations, epoch, end, &declared, err);
        if (rc == 0 && !gone && !declared && (ending || end->fate == HOLDER_FATE_PEOPLE))
            rc = add_old(ret, epoch, end, err);
    }
    return rc;
}

static int add_older(struct hikae *hikae, const struct keystore_report *report, struct hikae_keys *ret,
                     struct error *err)
{
    CLEANUP_FREE uint32_t *ending = NULL;
    CLEANUP(declarations_close) struct declarations declarations = {.hikae = hikae};
    size_t count = 0;
    if (epoch_state_ending(hikae, &ending, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < report->older_count; i++) {
        struct error why = {0};
        uint32_t epoch = report->older_epochs[i];
        if (add_epoch(&declarations, epoch, is_ending(ending, count, epoch), ret, &why) == 0 ||
            why.class == ERROR_NOT_FOUND)
            continue; /* not found: it never came into force */
        if (why.class == ERROR_NO_MEMORY)
            return error_no_memory(err);
        engine_warn(hikae, "nobody knows who held epoch %u: %s", epoch, why.what);
    }
    return 0;
}

/*
 * A group that is here must open the store. One with a member that is elsewhere (a sheet in a safe) proves nothing
 * and fails nothing; but a member that is here and wrong fails, whatever the others do.
 */
static int judge_group(const struct keystore_group_report *group, size_t tenants, struct error *err)
{
    bool here = true;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct keystore_member_report *member = &group->members[i];
        here = here && member->state != HOLDER_NOT_HERE && member->state != HOLDER_UNKNOWN;
        if (member->state == HOLDER_UNKNOWN) {
            (void)error_set(err, ERROR_UNREACHABLE, "holder %s of group %s does not answer: %.300s", member->name,
                            group->name, member->why != NULL ? member->why : "nobody knows why");
            return error_hint(err, "nothing is known of it until it does: check again then");
        }
        if (member->state != HOLDER_WRONG)
            continue;
        (void)error_set(err, ERROR_KEYS, "holder %s of group %s does not open the store: %.300s", member->name,
                        group->name, member->why != NULL ? member->why : "its key is another one");
        return error_hint(err, "put the right one back, or make a new epoch with `hikae keys rotate --root`");
    }
    if (!here || (group->opens && group->tenants == tenants))
        return 0;
    (void)error_set(err, ERROR_KEYS, "group %s opens %zu sets of keys, of %zu: the store's own and each tenant's",
                    group->name, group->tenants, tenants);
    return error_hint(err, "`hikae verify --repair` mends the keystore's copies; then check again");
}

/* What is elsewhere proves nothing, which whoever reads the outcome must know. */
static void tell_untried(struct hikae *hikae, const struct keystore_group_report *group)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (group->members[i].state == HOLDER_NOT_HERE) {
            engine_warn(
                hikae, "group %s is not proved: its holder %s is not here%s", group->name, group->members[i].name,
                group->members[i].kind == HOLDER_SHEET ? "; `hikae keys sheet --check FILE` proves a sheet" : "");
            return;
        }
}

static int keys_report(struct hikae *hikae, struct keystore_report *ret, struct error *err)
{
    struct holder_group *groups;
    if (engine_keystore(hikae, err) != 0 || engine_groups(hikae->config, &groups, err) != 0)
        return -1;
    int rc = keystore_check(hikae->keystore, groups, hikae->config->group_count, ret, err);
    engine_groups_free(groups, hikae->config->group_count);
    return rc;
}

static int keys_status(struct hikae *hikae, bool check, struct hikae_keys *ret, bool *ret_few, struct error *err)
{
    CLEANUP(keystore_report_clear) struct keystore_report report = {0};
    if (keys_report(hikae, &report, err) != 0)
        return -1;
    for (size_t i = 0; check && i < report.group_count; i++) {
        if (judge_group(&report.groups[i], report.tenants, err) != 0)
            return -1;
        tell_untried(hikae, &report.groups[i]);
    }
    *ret_few = report.group_count < 2;
    if (*ret_few)
        engine_warn(hikae, "only one group of holders opens this store: if it is lost, so is everything; add a "
                           "second one (a recovery sheet) to the configuration and run `hikae keys rotate --root`");
    return fill_in(&report, ret, err) == 0 ? add_older(hikae, &report, ret, err) : -1;
}

enum hikae_status hikae_keys_status(struct hikae *hikae, bool check, struct hikae_keys *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    bool few = false;
    *ret = (struct hikae_keys){0};
    if (engine_audit_begin(hikae, OPERATION_KEYS_CHECK, NULL, !check, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = keys_status(hikae, check, ret, &few, &err);
    engine_audit_count(&audit, "tenants", ret->tenants);
    if (rc != 0)
        hikae_keys_free(ret);
    return engine_audit_end(&audit, api_result(rc, check && few, &err, error));
}

/* ---- A tenant's new sealing key ---- */

static int rotate_tenant(struct hikae *hikae, const char *tenant, bool dry_run, uint32_t *ret, struct error *err)
{
    struct session session;
    if (session_open(hikae, tenant, SESSION_LOCK, &session, err) != 0)
        return -1;
    int rc = 0;
    *ret = keyring_generation(session.keyring) + 1;
    if (!dry_run)
        rc = keystore_rotate_tenant(hikae->keystore, &session.tid, ret, err);
    session_close(&session);
    return rc;
}

enum hikae_status hikae_keys_rotate_tenant(struct hikae *hikae, const char *tenant, bool dry_run,
                                           uint32_t *ret_generation, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    uint32_t generation = 0;
    if (engine_audit_begin(hikae, OPERATION_KEYS_ROTATE, tenant, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = rotate_tenant(hikae, tenant, dry_run, &generation, &err);
    if (rc == 0 && ret_generation != NULL)
        *ret_generation = generation;
    engine_audit_count(&audit, "generation", generation);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- The recovery sheet ---- */

/* What a file with a sheet's digits is worth, given what it did at each sheet of the epoch. */
static int judge_sheet(const struct keystore_report *report, const char *file, struct error *err)
{
    const struct keystore_member_report *best = NULL;
    for (size_t g = 0; g < report->group_count; g++)
        for (size_t i = 0; i < report->groups[g].member_count; i++) {
            const struct keystore_member_report *member = &report->groups[g].members[i];
            if (member->kind == HOLDER_SHEET && (best == NULL || member->state == HOLDER_OPENS))
                best = member;
        }
    if (best == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "epoch %u has no recovery sheet", report->epoch);
        return error_hint(err, "add a group with a sheet to the configuration and run `hikae keys rotate --root`");
    }
    if (best->state == HOLDER_OPENS)
        return 0;
    (void)error_set(err, best->state == HOLDER_WRONG ? ERROR_KEYS : ERROR_NOT_FOUND,
                    "%s is not the recovery sheet of epoch %u: %.300s", file, report->epoch,
                    best->why != NULL ? best->why : "it does not open");
    return error_hint(err, "compare store and epoch that are printed on the page, and its digits one by one");
}

static int check_file(struct hikae *hikae, const char *file, struct error *err)
{
    CLEANUP(keystore_report_clear) struct keystore_report report = {0};
    CLEANUP_FREE char *path = mem_strdup(file);
    char name[] = "sheet";
    if (path == NULL)
        return error_no_memory(err);
    struct holder holder = {.kind = HOLDER_SHEET, .name = name, .path = path};
    const struct holder_group group = {name, &holder, 1};
    if (engine_keystore(hikae, err) != 0 || keystore_check(hikae->keystore, &group, 1, &report, err) != 0)
        return -1;
    return judge_sheet(&report, file, err);
}

static int tell_sheets(struct hikae *hikae, struct error *err)
{
    CLEANUP(keystore_report_clear) struct keystore_report report = {0};
    if (keys_report(hikae, &report, err) != 0)
        return -1;
    size_t sheets = 0;
    for (size_t g = 0; g < report.group_count; g++)
        for (size_t i = 0; i < report.groups[g].member_count; i++) {
            const struct keystore_member_report *member = &report.groups[g].members[i];
            if (member->kind != HOLDER_SHEET)
                continue;
            sheets++;
            engine_warn(hikae, "the recovery sheet of epoch %u is '%s' of group %s; it is %s", report.epoch,
                        member->name, report.groups[g].name,
                        member->state == HOLDER_NOT_HERE ? "not kept here: type its digits into a file to check it"
                        : member->state == HOLDER_OPENS  ? "here and opens: print it, then remove the file"
                                                         : "here, but wrong");
        }
    return sheets > 0 ? 0 : judge_sheet(&report, "", err);
}

enum hikae_status hikae_keys_check_sheet(struct hikae *hikae, const char *file, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_KEYS_SHEET, NULL, file == NULL, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = file != NULL ? check_file(hikae, file, &err) : tell_sheets(hikae, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
