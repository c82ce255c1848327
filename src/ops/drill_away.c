/*
 * A drill on another machine: a kit is made at home, the drill is done with nothing but the kit, and its report is
 * accepted at home, where the store signs it. Both machines are named in it. The report is bound to the tenant's keys
 * by a MAC, so nobody without the kit can make one up.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/drill.h"
#include "ops/drill_kit.h"
#include "ops/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { REPORT_MAX = 16 << 20 };
#define KIT_LIFE_MAX (366 * 24 * 3600 * NS_PER_S)
#define CLOCK_ERROR  (300 * NS_PER_S)

/* ---- At home: the kit ---- */

static json_t *urls_of(const struct config *config)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < config->target_count; i++) {
        CLEANUP_FREE char *target = mem_printf("%s=%s", config->targets[i].name, config->targets[i].url);
        if (target == NULL || json_array_append_new(array, json_string(target)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
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
    if (body == NULL)
        return error_no_memory(err);
    *ret = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:I, s:b, s:{s:s, s:I, s:s, s:s}}", "kit",
        hex_encode(kit->id.bytes, ID_SIZE, id), "store", hex_encode(hikae->store.store.bytes, ID_SIZE, store), "tenant",
        drill->tenant, "tenant_id", hex_encode(drill->tid.bytes, ID_SIZE, tid), "body", body, "targets",
        urls_of(hikae->config), "made", clock_format(now_ns, made), "expires", clock_format(now_ns + life_ns, expires),
        "machine", machine_id(machine), "epoch", (json_int_t)keystore_epoch(hikae->keystore), "test_clock",
        hikae->config->test_clock, "checkpoint", "log", hex_encode(drill->checkpoint.log.bytes, ID_SIZE, log), "size",
        (json_int_t)drill->checkpoint.size, "root", hex_encode(drill->checkpoint.root.bytes, HASH_SIZE, root), "time",
        clock_format(drill->checkpoint.time_ns, time));
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int make_kit(struct hikae *hikae, const char *tenant, const struct hikae_kit_options *options, struct error *err)
{
    struct drill drill = {.hikae = hikae, .tenant = tenant};
    struct drill_kit kit = {0};
    struct session session;
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
        rc = drill_kit_write(options->out, options->passphrase_file, &kit, err);
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

/* ---- On the other machine ---- */

struct away {
    struct drill drill; /* first: drill_one gets at the rest through it */
    struct drill_kit kit;
    char *folder; /* of configuration and state; removed afterwards */
    char *config;
    char *report;
};

static const char *word(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static int check_life(const struct away *away, struct error *err)
{
    int64_t made_ns, expires_ns, now_ns = clock_now_ns();
    if (clock_parse(word(away->kit.text, "made"), &made_ns, err) != 0 ||
        clock_parse(word(away->kit.text, "expires"), &expires_ns, err) != 0)
        return -1;
    if (now_ns > expires_ns)
        return error_set(err, ERROR_REFUSED, "the kit was good until %s", word(away->kit.text, "expires"));
    if (now_ns + CLOCK_ERROR < made_ns) {
        (void)error_set(err, ERROR_REFUSED, "the kit was made at %s, which this machine says is to come",
                        word(away->kit.text, "made"));
        return error_hint(err, "set the clock of this machine");
    }
    return 0;
}

static int write_config(struct away *away, const char *scratch, struct error *err)
{
    const json_t *urls = json_object_get(away->kit.text, "targets");
    struct config config;
    struct config_target targets[ENGINE_TARGETS_MAX] = {{0}};
    struct config_member member = {.holder = CONFIG_HOLDER_SHEET, .name = (char *)(uintptr_t) "kit"};
    struct config_group group = {(char *)(uintptr_t) "kit", &member, 1};
    if (file_mkdirs(scratch, 0700, err) != 0)
        return -1;
    away->folder = mem_printf("%s/hikae-kit-XXXXXX", scratch);
    if (away->folder == NULL)
        return error_no_memory(err);
    if (mkdtemp(away->folder) == NULL) {
        int errnum = errno;
        mem_free(away->folder);
        away->folder = NULL;
        return error_set_errno(err, ERROR_LOCAL, errnum, "make a folder in %s", scratch);
    }
    CLEANUP_FREE char *state = mem_printf("%s/state", away->folder);
    away->config = mem_printf("%s/hikae.yaml", away->folder);
    if (state == NULL || away->config == NULL)
        return error_no_memory(err);
    config_defaults(&config);
    config.state = state;
    config.targets = targets;
    config.groups = &group;
    config.group_count = 1;
    config.test_clock = json_is_true(json_object_get(away->kit.text, "test_clock"));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(urls) && i < ENGINE_TARGETS_MAX; i++) {
        const char *url = json_string_value(json_array_get(urls, i));
        config.target_count++;
        rc = config_target_parse(url != NULL ? url : "", &targets[i], err);
    }
    if (rc == 0)
        rc = config_write_template(away->config, &config, err);
    for (size_t i = 0; i < config.target_count; i++) {
        mem_free(targets[i].name);
        mem_free(targets[i].url);
    }
    return rc;
}

/* An engine that has the kit's keys and knows of its tenant, and nothing else. */
static int open_engine(const struct away *away, struct hikae **ret, struct error *err)
{
    struct hikae_error error = {0};
    if (hikae_open(away->config, ret, &error) > HIKAE_WARNINGS) {
        (void)api_failure(&error, err);
        return -1;
    }
    struct hikae *hikae = *ret;
    const char *body = word(away->kit.text, "body");
    struct history_tenant tenant CLEANUP(history_tenant_clear) = {0};
    hikae->kit = away->kit.keyring;
    hikae->catalog_is_new = false;
    int rc = history_tenant_read(body, &tenant, err);
    if (rc == 0) {
        struct catalog_tenant row = {
            *keyring_tid(away->kit.keyring), tenant.name, tenant.policy, tenant.state, tenant.class_,
            (char *)(uintptr_t)body};
        rc = catalog_tenant_put(hikae->catalog, &row, err);
    }
    if (rc == 0)
        rc = engine_targets(hikae, err);
    if (rc == 0)
        return 0;
    hikae_close(hikae);
    *ret = NULL;
    return -1;
}

static int drill_one(struct drill *drill, struct drill_site *site, struct error *err)
{
    const struct away *away = (const struct away *)drill; /* its first member */
    struct hikae *engine;
    if (open_engine(away, &engine, err) != 0)
        return -1;
    site->epoch = (uint32_t)json_integer_value(json_object_get(drill->kit, "epoch"));
    site->holder = mem_strdup("kit");
    int rc = site->holder != NULL ? 0 : error_no_memory(err);
    drill_budget_watch(drill, engine);
    if (rc == 0)
        rc = drill_target(drill, engine, site, err);
    drill_budget_watch(drill, NULL);
    hikae_close(engine);
    return rc;
}

static int read_origin(struct away *away, struct error *err)
{
    struct drill *drill = &away->drill;
    const json_t *checkpoint = json_object_get(away->kit.text, "checkpoint");
    struct drill_origin origin = {.number = 0};
    struct error why = {0};
    const char *log = word(checkpoint, "log"), *root = word(checkpoint, "root");
    if (strlen(log) != 2 * ID_SIZE || !hex_decode(log, ID_SIZE, drill->checkpoint.log.bytes) ||
        strlen(root) != 2 * HASH_SIZE || !hex_decode(root, HASH_SIZE, drill->checkpoint.root.bytes) ||
        clock_parse(word(checkpoint, "time"), &drill->checkpoint.time_ns, &why) != 0)
        return error_set(err, ERROR_DAMAGED, "the kit names no checkpoint");
    drill->checkpoint.size = (uint64_t)json_integer_value(json_object_get(checkpoint, "size"));
    drill->tid = *keyring_tid(away->kit.keyring);
    memcpy(origin.root, drill->checkpoint.root.bytes, sizeof(origin.root));
    memcpy(origin.tenant, drill->tid.bytes, sizeof(origin.tenant));
    memcpy(origin.writer, away->kit.id.bytes, sizeof(origin.writer));
    if (drill_draw(&origin, drill->id, drill->seed, err) != 0)
        return -1;
    drill->hmac = hmac_new(drill->seed, sizeof(drill->seed));
    return drill->hmac != NULL ? 0 : error_no_memory(err);
}

static int look_at_tenant(struct drill *drill, struct error *err)
{
    struct session session;
    if (session_open(drill->hikae, drill->tenant, 0, &session, err) != 0)
        return -1;
    const struct history *history = &session.chain.history;
    drill->policy = mem_strdup(history->has_tenant ? history->tenant.policy : "");
    int rc = drill->policy != NULL ? 0 : error_no_memory(err);
    if (rc == 0 && history->has_tenant)
        rc = drill_checks_read(history->tenant.checks, &drill->checks, &drill->check_count, err);
    if (rc == 0)
        rc = drill_choose_snapshots(drill, &session, err);
    session_close(&session);
    return rc;
}

static int write_report(const struct away *away, const json_t *statement, struct error *err)
{
    char mac[65];
    CLEANUP_FREE char *text = NULL, *report = NULL;
    if (json_print(statement, &text, err) != 0 || drill_kit_mac(away->kit.keyring, text, mac, err) != 0)
        return -1;
    json_t *json CLEANUP_JSON = json_pack("{s:i, s:s, s:s}", "v", 1, "statement", text, "mac", mac);
    if (json == NULL)
        return error_no_memory(err);
    if (json_print(json, &report, err) != 0)
        return -1;
    return file_write_atomic(away->drill.options->report_file, report, strlen(report), 0600, err);
}

static int go_away(struct away *away, const char *kit_file, const char *passphrase_file, struct hikae_drill *ret,
                   struct error *err)
{
    struct drill *drill = &away->drill;
    const struct hikae_drill_options *options = drill->options;
    json_t *statement CLEANUP_JSON = NULL;
    secret_init();
    if (options->mode == HIKAE_DRILL_BARE || options->scratch == NULL || options->report_file == NULL)
        return error_set(err, ERROR_USAGE,
                         "a drill from a kit is a sample or full, and needs a scratch folder and a "
                         "file for its report");
    if (drill_check_options(options, err) != 0 || drill_kit_read(kit_file, passphrase_file, &away->kit, err) != 0 ||
        write_config(away, options->scratch, err) != 0 || open_engine(away, &drill->hikae, err) != 0 ||
        check_life(away, err) != 0)
        return -1;
    drill->tenant = word(away->kit.text, "tenant");
    drill->started_ns = clock_now_ns();
    json_t *kit CLEANUP_JSON =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "kit", word(away->kit.text, "kit"), "made", word(away->kit.text, "made"),
                  "expires", word(away->kit.text, "expires"), "machine", word(away->kit.text, "machine"), "epoch",
                  json_integer_value(json_object_get(away->kit.text, "epoch")));
    if (kit == NULL)
        return error_no_memory(err);
    drill->kit = kit;
    int rc = read_origin(away, err);
    if (rc == 0)
        rc = look_at_tenant(drill, err);
    if (rc == 0)
        rc = drill_take_targets(drill, err);
    if (rc == 0)
        rc = drill_work(drill, drill_one, err);
    if (rc == 0)
        rc = drill_statement(drill, false, &statement, err);
    if (rc == 0)
        rc = write_report(away, statement, err);
    if (rc == 0)
        rc = drill_read(statement, ret, err);
    drill->kit = NULL;
    return rc == 0 ? drill_verdict(drill, err) : -1;
}

enum hikae_status hikae_drill_away(const char *kit_file, const char *passphrase_file,
                                   const struct hikae_drill_options *options, struct hikae_drill *ret,
                                   struct hikae_error *error)
{
    struct away away = {.drill = {.options = options,
                                  .confidence = options->confidence > 0 ? options->confidence : 0.95,
                                  .damage = options->damage > 0 ? options->damage : 0.01,
                                  .began_ns = clock_monotonic_ns(),
                                  .scratch = {.marker_fd = -1}}};
    struct error err = {0}, why = {0};
    *ret = (struct hikae_drill){0};
    int rc = go_away(&away, kit_file, passphrase_file, ret, &err);
    drill_clear(&away.drill);
    hikae_close(away.drill.hikae);
    drill_kit_clear(&away.kit);
    if (away.folder != NULL && drill_scratch_remove(away.folder, &why) != 0 && rc == 0) {
        err = why;
        rc = -1;
    }
    mem_free(away.folder);
    mem_free(away.config);
    if (rc != 0)
        (void)error_wrap(&err, "drill from %s", kit_file);
    return api_result(rc, false, &err, error);
}

/* ---- At home again ---- */

static int check_report(struct hikae *hikae, const char *text, const char *mac, json_t *statement, struct error *err)
{
    char ours[65], store[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1];
    struct session session;
    const char *tenant = word(statement, "tenant");
    if (session_open(hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = drill_kit_mac(session.keyring, text, ours, err);
    (void)hex_encode(session.tid.bytes, ID_SIZE, tid);
    session_close(&session);
    if (rc != 0)
        return -1;
    /* An equal MAC is no secret once it is compared: the report has it in the clear. */
    bool same = strcmp(ours, mac) == 0 && strcmp(word(statement, "tenant_id"), tid) == 0 &&
                strcmp(word(statement, "store"), hex_encode(hikae->store.store.bytes, ID_SIZE, store)) == 0 &&
                json_is_object(json_object_get(statement, "kit"));
    return same ? 0 : error_set(err, ERROR_DAMAGED, "the report does not come from a kit of tenant %s", tenant);
}

static int accept(struct hikae *hikae, const char *path, struct hikae_drill *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf file = {0};
    json_t *json CLEANUP_JSON = NULL, *statement CLEANUP_JSON = NULL;
    char machine[MACHINE_ID_SIZE], now[CLOCK_TEXT_SIZE];
    struct drill drill = {.hikae = hikae};
    CLEANUP_FREE char *envelope = NULL;
    if (file_read(path, REPORT_MAX, &file, err) != 0 || json_parse(file.data, file.size, &json, err) != 0)
        return -1;
    const char *text = word(json, "statement");
    if (json_parse(text, strlen(text), &statement, err) != 0)
        return -1;
    const char *id = word(statement, "drill"), *started = word(statement, "started");
    if (statement == NULL || strlen(id) != DRILL_ID_SIZE - 1 || clock_parse(started, &drill.started_ns, err) != 0)
        return error_set(err, ERROR_DAMAGED, "%s is no report of a drill", path);
    if (engine_keystore(hikae, err) != 0 || check_report(hikae, text, word(json, "mac"), statement, err) != 0)
        return -1;
    memcpy(drill.id, id, sizeof(drill.id));
    drill.tenant = word(statement, "tenant");
    json_t *accepted =
        json_pack("{s:s, s:s}", "time", clock_format(clock_now_ns(), now), "machine", machine_id(machine));
    if (json_object_set_new(statement, "accepted", accepted) != 0)
        return error_no_memory(err);
    if (drill_record(&drill, statement, &envelope, err) != 0 || drill_read(statement, ret, err) != 0)
        return -1;
    ret->envelope = envelope;
    envelope = NULL;
    return 0;
}

enum hikae_status hikae_drill_accept(struct hikae *hikae, const char *report_file, struct hikae_drill *ret,
                                     struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_drill){0};
    if (engine_audit_begin(hikae, OPERATION_DRILL_ACCEPT, NULL, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = accept(hikae, report_file, ret, &err);
    engine_audit_detail(&audit, "drill", ret->drill);
    engine_audit_detail(&audit, "result", ret->result);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
