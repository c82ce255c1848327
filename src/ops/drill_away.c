/* A drill on another machine, which has a kit and nothing else. What it finds is taken home as a report. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/drill.h"
#include "ops/drill_kit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_ERROR (300 * NS_PER_S)

struct away {
    struct drill drill; /* first: drill_one gets at the rest through it */
    struct drill_kit kit;
    char *folder; /* of configuration and state; removed afterwards */
    char *config;
    char *report;
};

static int check_life(const struct away *away, struct error *err)
{
    int64_t made_ns, expires_ns, now_ns = clock_now_ns();
    if (clock_parse(drill_word(away->kit.text, "made"), &made_ns, err) != 0 ||
        clock_parse(drill_word(away->kit.text, "expires"), &expires_ns, err) != 0)
        return -1;
    if (now_ns > expires_ns)
        return error_set(err, ERROR_REFUSED, "the kit was good until %s", drill_word(away->kit.text, "expires"));
    if (now_ns + CLOCK_ERROR < made_ns) {
        (void)error_set(err, ERROR_REFUSED, "the kit was made at %s, which this machine says is to come",
                        drill_word(away->kit.text, "made"));
        return error_hint(err, "set the clock of this machine");
    }
    return 0;
}

static int write_files(const struct away *away, struct error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(away->kit.text, "files"), name, value)
    {
        CLEANUP_FREE char *path = strchr(name, '/') == NULL ? mem_printf("%s/%s", away->folder, name) : NULL;
        if (path == NULL || !json_is_string(value))
            return error_set(err, ERROR_DAMAGED, "the kit names a file that it cannot have");
        if (file_create_durable(path, json_string_value(value), json_string_length(value), 0600, err) != 0)
            return -1;
    }
    return 0;
}

/* "TARGET.KEY=VALUE"; a target's name may have points, a key has none. */
static int apply_setting(const struct away *away, const char *text, struct error *err)
{
    const char *equals = strchr(text, '='), *point = equals;
    while (point != NULL && point > text && *point != '.')
        point--;
    if (equals == NULL || point == text) {
        (void)error_set(err, ERROR_USAGE, "'%.200s' is no setting of a target", text);
        return error_hint(err, "write TARGET.KEY=VALUE, for example tokyo.credentials=file:/root/keys");
    }
    CLEANUP_FREE char *name = mem_printf("%.*s", (int)(point - text), text);
    CLEANUP_FREE char *key = mem_printf("%.*s", (int)(equals - point - 1), point + 1);
    struct config *after = NULL;
    if (name == NULL || key == NULL)
        return error_no_memory(err);
    const struct config_setting setting = {key, equals[1] != '\0' ? equals + 1 : NULL};
    const struct config_edit edit = {.settings = &setting, .count = 1, .write = true};
    int rc = config_edit_target(away->config, name, &edit, &after, err);
    config_free(after);
    return rc;
}

static int write_config_of(struct away *away, struct error *err)
{
    const struct hikae_drill_options *options = away->drill.options;
    const char *text = drill_word(away->kit.text, "config");
    if (file_mkdirs(options->scratch, 0700, err) != 0)
        return -1;
    away->folder = mem_printf("%s/hikae-kit-XXXXXX", options->scratch);
    if (away->folder == NULL)
        return error_no_memory(err);
    if (mkdtemp(away->folder) == NULL) {
        int errnum = errno;
        mem_free(away->folder);
        away->folder = NULL;
        return error_set_errno(err, ERROR_LOCAL, errnum, "make a folder in %s", options->scratch);
    }
    away->config = mem_printf("%s/hikae.yaml", away->folder);
    if (away->config == NULL)
        return error_no_memory(err);
    if (file_create_durable(away->config, text, strlen(text), 0600, err) != 0 || write_files(away, err) != 0)
        return -1;
    for (size_t i = 0; i < options->setting_count; i++)
        if (apply_setting(away, options->settings[i], err) != 0)
            return -1;
    return 0;
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
    const char *body = drill_word(away->kit.text, "body");
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
    /* Of several that do not answer, the one that was asked for tells what is missing here. */
    const char *wanted = away->drill.options->target;
    for (size_t i = 0; wanted != NULL && i < hikae->target_count; i++)
        if (hikae->targets[i].name != NULL && strcmp(hikae->targets[i].name, wanted) == 0 &&
            hikae->targets[i].why.class != ERROR_NONE)
            *err = hikae->targets[i].why;
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
    /* One drill of each mode: the same again would draw the same files. */
    struct drill_origin origin = {.number = (uint64_t)drill->options->mode};
    struct error why = {0};
    const char *log = drill_word(checkpoint, "log"), *root = drill_word(checkpoint, "root");
    if (strlen(log) != 2 * ID_SIZE || !hex_decode(log, ID_SIZE, drill->checkpoint.log.bytes) ||
        strlen(root) != 2 * HASH_SIZE || !hex_decode(root, HASH_SIZE, drill->checkpoint.root.bytes) ||
        clock_parse(drill_word(checkpoint, "time"), &drill->checkpoint.time_ns, &why) != 0)
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

static int go_away(struct away *away, const char *kit_file, struct hikae_drill *ret, struct error *err)
{
    struct drill *drill = &away->drill;
    const struct hikae_drill_options *options = drill->options;
    const struct drill_kit_opener opener = {options->passphrase_file, options->key_file};
    json_t *statement CLEANUP_JSON = NULL;
    secret_init();
    if ((opener.passphrase_file == NULL) == (opener.key_file == NULL))
        return error_set(err, ERROR_USAGE, "what opens the kit is a passphrase or a key file, one of both");
    if (options->mode == HIKAE_DRILL_BARE || options->scratch == NULL || options->report_file == NULL)
        return error_set(err, ERROR_USAGE,
                         "a drill from a kit is a sample or full, and needs a scratch folder and a "
                         "file for its report");
    if (drill_check_options(options, err) != 0 || drill_kit_read(kit_file, &opener, &away->kit, err) != 0 ||
        write_config_of(away, err) != 0 || open_engine(away, &drill->hikae, err) != 0 || check_life(away, err) != 0)
        return -1;
    drill->tenant = drill_word(away->kit.text, "tenant");
    drill->started_ns = clock_now_ns();
    json_t *kit CLEANUP_JSON = json_pack(
        "{s:s, s:s, s:s, s:s, s:I}", "kit", drill_word(away->kit.text, "kit"), "made",
        drill_word(away->kit.text, "made"), "expires", drill_word(away->kit.text, "expires"), "machine",
        drill_word(away->kit.text, "machine"), "epoch", json_integer_value(json_object_get(away->kit.text, "epoch")));
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

enum hikae_status hikae_drill_away(const char *kit_file, const struct hikae_drill_options *options,
                                   struct hikae_drill *ret, struct hikae_error *error)
{
    struct away away = {.drill = {.options = options,
                                  .confidence = options->confidence > 0 ? options->confidence : 0.95,
                                  .damage = options->damage > 0 ? options->damage : 0.01,
                                  .began_ns = clock_monotonic_ns(),
                                  .scratch = {.marker_fd = -1}}};
    struct error err = {0}, why = {0};
    *ret = (struct hikae_drill){0};
    int rc = go_away(&away, kit_file, ret, &err);
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
