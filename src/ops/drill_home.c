/*
 * What a drill on another machine needs of home: a kit is made here, the drill is done with nothing but the kit, and
 * its report is accepted here, where the store signs it. Both machines are named in it. The report is bound to the
 * tenant's keys by a MAC, so nobody without the kit can make one up.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/drill.h"
#include "ops/drill_due.h"
#include "ops/drill_kit.h"
#include "ops/facts.h"
#include "ops/machine.h"
#include "target/url.h"

#include <string.h>

enum { REPORT_MAX = 16 << 20, PEM_MAX = 256 << 10 };
#define KIT_LIFE_MAX (366 * 24 * 3600 * NS_PER_S)

/* ---- The kit ---- */

/* The certificate of a CA is no secret, and travels along: as the file FILE beside the configuration there. */
static int take_ca(const char *path, const char *file, json_t *files, struct error *err)
{
    CLEANUP(buf_free) struct buf pem = {0};
    if (file_read(path, PEM_MAX, &pem, err) != 0)
        return error_wrap(err, "the certificate of a target's CA");
    json_t *text = json_stringn((const char *)pem.data, pem.size);
    if (text == NULL)
        return error_set(err, ERROR_CONFIG, "%s is no text", path);
    return json_object_set_new(files, file, text) == 0 ? 0 : error_no_memory(err);
}

/* What the URL may say of this machine's own things goes as well. */
static int bare_url(struct config_target *target, struct error *err)
{
    static const char *const local[] = {"credentials", "ca_file", "proxy", "lock"};
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        char *url = target_url_without(target->url, local[i]);
        if (url == NULL)
            return error_no_memory(err);
        mem_free(target->url);
        target->url = url;
    }
    return 0;
}

/* One target as another machine sees it. */
static int take_target(const struct config_target *from, struct config_target *to, json_t *files, struct error *err)
{
    struct target_url url = {0};
    CLEANUP_FREE char *file = mem_printf("ca-%s.pem", from->name);
    if (file == NULL)
        return error_no_memory(err);
    if (config_copy_target(from, to, err) != 0 || target_url_parse(from->url, &url, err) != 0)
        return -1;
    const char *ca_file = from->options.ca_file != NULL ? from->options.ca_file : target_url_param(&url, "ca_file");
    int rc = ca_file != NULL ? take_ca(ca_file, file, files, err) : 0;
    config_bare_target(to);
    if (rc == 0 && ca_file != NULL) {
        to->options.ca_file = file;
        file = NULL;
    }
    target_url_free(&url);
    return rc == 0 ? bare_url(to, err) : -1;
}

/* hikae.yaml as it will stand on the other machine, and the files beside it. */
static int write_config(const struct config *from, json_t *files, struct buf *out, struct error *err)
{
    struct config_target targets[ENGINE_TARGETS_MAX] = {{0}};
    struct config_member member = {.holder = CONFIG_HOLDER_SHEET, .name = (char *)(uintptr_t) "kit"};
    struct config_group group = {(char *)(uintptr_t) "kit", &member, 1};
    struct config config;
    int rc = 0;
    config_defaults(&config);
    config.state = (char *)(uintptr_t) "state";
    config.targets = targets;
    config.groups = &group;
    config.group_count = 1;
    config.test_clock = from->test_clock;
    for (size_t i = 0; rc == 0 && i < from->target_count && i < ENGINE_TARGETS_MAX; i++) {
        rc = take_target(&from->targets[i], &targets[i], files, err);
        config.target_count++;
    }
    if (rc == 0)
        rc = config_print("/kit/hikae.yaml", &config, out, err);
    for (size_t i = 0; i < config.target_count; i++)
        config_free_target(&targets[i]);
    return rc;
}

static int describe(const struct drill *drill, const struct session *session, const struct drill_kit *kit,
                    int64_t life_ns, json_t **ret, struct error *err)
{
    char store[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1], id[2 * ID_SIZE + 1], log[2 * ID_SIZE + 1],
        root[2 * HASH_SIZE + 1], made[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE], time[CLOCK_TEXT_SIZE],
        machine[MACHINE_ID_SIZE];
    const struct hikae *hikae = drill->hikae;
    int64_t now_ns = clock_now_ns();
    CLEANUP_FREE char *body = history_tenant_body(&session->chain.history.tenant);
    CLEANUP(buf_free) struct buf config = {0};
    json_t *files CLEANUP_JSON = json_object();
    if (body == NULL || files == NULL)
        return error_no_memory(err);
    if (write_config(hikae->config, files, &config, err) != 0)
        return -1;
    *ret =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s%, s:O, s:s, s:s, s:s, s:I, s:{s:s, s:I, s:s, s:s}}", "kit",
                  hex_encode(kit->id.bytes, ID_SIZE, id), "store", hex_encode(hikae->store.store.bytes, ID_SIZE, store),
                  "tenant", drill->tenant, "tenant_id", hex_encode(drill->tid.bytes, ID_SIZE, tid), "body", body,
                  "config", (const char *)config.data, config.size, "files", files, "made", clock_format(now_ns, made),
                  "expires", clock_format(now_ns + life_ns, expires), "machine", machine_id(machine), "epoch",
                  (json_int_t)keystore_epoch(hikae->keystore), "checkpoint", "log",
                  hex_encode(drill->checkpoint.log.bytes, ID_SIZE, log), "size", (json_int_t)drill->checkpoint.size,
                  "root", hex_encode(drill->checkpoint.root.bytes, HASH_SIZE, root), "time",
                  clock_format(drill->checkpoint.time_ns, time));
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int make_kit(struct hikae *hikae, const char *tenant, const struct hikae_kit_options *options, struct error *err)
{
    struct drill drill = {.hikae = hikae, .tenant = tenant};
    struct drill_kit kit = {0};
    struct session session;
    const struct drill_kit_opener opener = {options->passphrase_file, options->key_file};
    if ((opener.passphrase_file == NULL) == (opener.key_file == NULL))
        return error_set(err, ERROR_USAGE, "a kit is opened by a passphrase or by a key file, one of both");
    if (options->life_ns <= 0 || options->life_ns > KIT_LIFE_MAX) {
        (void)error_set(err, ERROR_USAGE, "a kit lives for a limited time, a year at most");
        return error_hint(err, "7d is usual: as long as the drill takes to arrange");
    }
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    drill.tid = session.tid;
    int rc = drill_find_checkpoint(&drill, err);
    if (rc == 0)
        rc = crypto_random(kit.id.bytes, ID_SIZE, err);
    if (rc == 0)
        rc = describe(&drill, &session, &kit, options->life_ns, &kit.text, err);
    if (rc == 0)
        rc = keyring_copy(session.keyring, &kit.keyring, err);
    if (rc == 0 && !options->dry_run)
        rc = drill_kit_write(options->out, &opener, &kit, err);
    drill_kit_clear(&kit);
    session_close(&session);
    return rc == 0 ? 0 : error_wrap(err, "make a kit of %s", tenant);
}

enum hikae_status hikae_drill_kit(struct hikae *hikae, const char *tenant, const struct hikae_kit_options *options,
                                  struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    if (engine_audit_begin(hikae, OPERATION_DRILL_KIT, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = make_kit(hikae, tenant, options, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- The report ---- */

static int check_report(struct hikae *hikae, const char *text, const char *mac, json_t *statement, struct error *err)
{
    char ours[65], store[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1];
    struct session session;
    const char *tenant = drill_word(statement, "tenant");
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = drill_kit_mac(session.keyring, text, ours, err);
    (void)hex_encode(session.tid.bytes, ID_SIZE, tid);
    bool known = facts_find(&session, RECORD_DRILL, drill_word(statement, "drill")) != NULL;
    session_close(&session);
    if (rc != 0)
        return -1;
    /* An equal MAC is no secret once it is compared: the report has it in the clear. */
    bool same = strcmp(ours, mac) == 0 && strcmp(drill_word(statement, "tenant_id"), tid) == 0 &&
                strcmp(drill_word(statement, "store"), hex_encode(hikae->store.store.bytes, ID_SIZE, store)) == 0 &&
                json_is_object(json_object_get(statement, "kit"));
    if (!same)
        return error_set(err, ERROR_DAMAGED, "the report does not come from a kit of tenant %s", tenant);
    if (!known)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "drill %s is on record already", drill_word(statement, "drill"));
    return error_hint(err, "a kit is for one drill of each mode; make another for the next");
}

static int accept(struct hikae *hikae, const char *path, bool dry_run, struct hikae_drill *ret, bool *ret_elsewhere,
                  struct error *err)
{
    CLEANUP(buf_free) struct buf file = {0};
    json_t *json CLEANUP_JSON = NULL, *statement CLEANUP_JSON = NULL;
    char machine[MACHINE_ID_SIZE], now[CLOCK_TEXT_SIZE];
    struct drill drill = {.hikae = hikae};
    CLEANUP_FREE char *envelope = NULL;
    if (file_read(path, REPORT_MAX, &file, err) != 0 || json_parse(file.data, file.size, &json, err) != 0)
        return -1;
    const char *text = drill_word(json, "statement");
    if (json_parse(text, strlen(text), &statement, err) != 0)
        return -1;
    const char *id = drill_word(statement, "drill"), *started = drill_word(statement, "started");
    if (statement == NULL || strlen(id) != DRILL_ID_SIZE - 1 || clock_parse(started, &drill.started_ns, err) != 0)
        return error_set(err, ERROR_DAMAGED, "%s is no report of a drill", path);
    if (engine_keystore(hikae, err) != 0 || check_report(hikae, text, drill_word(json, "mac"), statement, err) != 0)
        return -1;
    memcpy(drill.id, id, sizeof(drill.id));
    drill.tenant = drill_word(statement, "tenant");
    json_t *accepted =
        json_pack("{s:s, s:s}", "time", clock_format(clock_now_ns(), now), "machine", machine_id(machine));
    if (json_object_set_new(statement, "accepted", accepted) != 0)
        return error_no_memory(err);
    if ((!dry_run && drill_record(&drill, statement, &envelope, err) != 0) || drill_read(statement, ret, err) != 0)
        return -1;
    *ret_elsewhere = drill_is_elsewhere(statement);
    ret->envelope = envelope;
    envelope = NULL;
    return 0;
}

enum hikae_status hikae_drill_accept(struct hikae *hikae, const char *report_file, bool dry_run,
                                     struct hikae_drill *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_drill){0};
    if (engine_audit_begin(hikae, OPERATION_DRILL_ACCEPT, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    bool elsewhere = false;
    int rc = accept(hikae, report_file, dry_run, ret, &elsewhere, &err);
    engine_audit_detail(&audit, "drill", ret->drill);
    engine_audit_detail(&audit, "result", ret->result);
    engine_audit_detail(&audit, "mode", ret->mode);
    engine_audit_count(&audit, DRILL_ELSEWHERE, elsewhere);
    /* Whose it is the report says; which of ours that is, the catalogue. */
    audit.tenant = ret->tenant;
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
