/* notify: what is told after a run, when, to whom; mutes; trying it. */
#include "ops/notify.h"

#include "base/json.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/engine.h"
#include "ops/review.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One digest a night, also where the run is called every hour; sooner only if something new has come up. */
#define DIGEST_EVERY_NS (INT64_C(20) * 3600 * NS_PER_S)
/* Whoever needs it longer says so again: a mute that is forgotten hides what goes wrong for ever. */
#define MUTE_MAX_NS (INT64_C(31) * 86400 * NS_PER_S)
enum { REASON_MAX = 500, HOST_SIZE = 65 };

/* ---- What the catalogue remembers: {"at": ns, "what": text} under a key ---- */

struct memory {
    int64_t at_ns;
    char *what; /* mem_free */
};

static int recall(struct hikae *hikae, const char *key, struct memory *ret, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    json_t *json CLEANUP_JSON = NULL;
    struct error why = {0};
    *ret = (struct memory){0};
    if (catalog_meta_get(hikae->catalog, key, &text, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    if (json_parse(text, strlen(text), &json, err) != 0)
        return -1;
    const char *what = json_string_value(json_object_get(json, "what"));
    ret->at_ns = (int64_t)json_integer_value(json_object_get(json, "at"));
    ret->what = mem_strdup(what != NULL ? what : "");
    return ret->what != NULL ? 0 : error_no_memory(err);
}

static int remember(struct hikae *hikae, const char *key, int64_t at_ns, const char *what, struct error *err)
{
    json_t *json CLEANUP_JSON = json_pack("{s:I, s:s}", "at", (json_int_t)at_ns, "what", what);
    CLEANUP_FREE char *text = NULL;
    if (json == NULL)
        return error_no_memory(err);
    return json_print(json, &text, err) != 0 ? -1 : catalog_meta_set(hikae->catalog, key, text, err);
}

/* ---- Sending ---- */

static bool is_reader(enum notify_channel channel)
{
    return channel != NOTIFY_PING;
}

static bool tells_people(const struct config_notify *config)
{
    return notify_is_set(config, NOTIFY_MAIL) || notify_is_set(config, NOTIFY_WEBHOOK);
}

/* To all people; false (and a warning each) if one was not reached. *ret_reached: one was. */
static bool tell(struct hikae *hikae, const struct notify_message *message, bool *ret_reached)
{
    bool good = true;
    for (enum notify_channel channel = 0; channel < NOTIFY_CHANNELS; channel++) {
        struct error err = {0};
        if (!is_reader(channel) || !notify_is_set(&hikae->config->notify, channel))
            continue;
        if (notify_send_message(&hikae->config->notify, channel, message, &err) == 0) {
            *ret_reached = true;
            continue;
        }
        engine_warn(hikae, "the %s could not be sent: %s: %s", message->kind, err.chain, err.what);
        good = false;
    }
    return good;
}

static bool ping(struct hikae *hikae, const char *path)
{
    const struct notify_message message = {.kind = "ping", .status = -1, .ping_path = path};
    struct error err = {0};
    if (!notify_is_set(&hikae->config->notify, NOTIFY_PING) ||
        notify_send_message(&hikae->config->notify, NOTIFY_PING, &message, &err) == 0)
        return true;
    engine_warn(hikae, "the watch outside could not be pinged: %s", err.what);
    return false;
}

bool notify_run_begins(struct hikae *hikae)
{
    return ping(hikae, "/start");
}

/* ---- After a run ---- */

struct telling {
    struct hikae *hikae;
    struct notice_state state;
    struct notice_causes causes;
    struct notice_target targets[ENGINE_TARGETS_MAX];
    struct hikae_status_report status;
    struct zone *zone; /* of the house; NULL: UTC */
    bool has_status;
    char host[HOST_SIZE];
    int exit;
};

static void take_host(char host[HOST_SIZE])
{
    if (gethostname(host, HOST_SIZE - 1) != 0)
        (void)snprintf(host, HOST_SIZE, "?");
    host[HOST_SIZE - 1] = '\0';
}

static void look_around(struct telling *telling, const struct hikae_run_result *result, const char *why)
{
    struct hikae *hikae = telling->hikae;
    struct hikae_error ignored; /* what it would say is told as what could not be found out */
    struct error no_zone = {0};
    telling->has_status = hikae_overview(hikae, &telling->status, &ignored) <= HIKAE_WARNINGS;
    if (reviews_find_home_zone(hikae, &telling->zone, &no_zone) != 0)
        telling->zone = NULL;
    for (size_t i = 0; i < hikae->target_count; i++)
        telling->targets[i] = (struct notice_target){.name = hikae->targets[i].name, .up = hikae->targets[i].up};
    take_host(telling->host);
    telling->state = (struct notice_state){.now_ns = clock_now_ns(),
                                           .host = telling->host,
                                           .test_clock = hikae->config->test_clock,
                                           .run_error = why,
                                           .run = result,
                                           .status = telling->has_status ? &telling->status : NULL,
                                           .targets = telling->targets,
                                           .target_count = hikae->target_count,
                                           .min_copies = hikae->config->min_copies,
                                           .zone = telling->zone};
    notice_find(&telling->state, &telling->causes);
}

/* Is it time? Also if something has come up that was not told last time. */
static bool is_due(const struct memory *last, const char *fingerprint, int64_t now_ns)
{
    return last->at_ns == 0 || now_ns < last->at_ns || now_ns - last->at_ns >= DIGEST_EVERY_NS ||
           (fingerprint[0] != '\0' && strcmp(last->what, fingerprint) != 0);
}

static int tell_one(struct telling *telling, bool alert, bool *ret_good, struct error *err)
{
    struct hikae *hikae = telling->hikae;
    const struct config_notify *config = &hikae->config->notify;
    const char *key = alert ? "notify.alert" : "notify.digest";
    CLEANUP_FREE char *fingerprint = NULL, *subject = NULL, *text = NULL;
    struct memory last = {0};
    bool reached = false;
    if (notice_fingerprint(&telling->causes, alert, &fingerprint, err) != 0 || recall(hikae, key, &last, err) != 0)
        return -1;
    bool due = is_due(&last, fingerprint, telling->state.now_ns);
    mem_free(last.what);
    if (!due)
        return 0;
    if (notice_write(&telling->state, &telling->causes, alert, config->language, &subject, &text, err) != 0)
        return -1;
    const struct notify_message message = {
        .kind = alert ? "alert" : "digest", .subject = subject, .text = text, .status = telling->exit};
    if (!tell(hikae, &message, &reached))
        *ret_good = false;
    /* What reached nobody is told by the next run. */
    return reached ? remember(hikae, key, telling->state.now_ns, fingerprint, err) : 0;
}

/* One that would last longer than any may was set under a clock that was ahead: it hides nothing. */
static bool is_muted(const struct memory *mute, int64_t now_ns)
{
    return mute->at_ns > now_ns && mute->at_ns - now_ns <= MUTE_MAX_NS;
}

static int tell_people(struct telling *telling, bool *ret_good, struct error *err)
{
    const struct config_notify *config = &telling->hikae->config->notify;
    struct memory mute;
    if (recall(telling->hikae, "notify.mute", &mute, err) != 0)
        return -1;
    mem_free(mute.what);
    bool muted = is_muted(&mute, telling->state.now_ns);
    telling->state.muted_until_ns = muted ? mute.at_ns : 0;
    if (notice_has_alert(&telling->causes, muted) && tell_one(telling, true, ret_good, err) != 0)
        return -1;
    if (muted || (config->digest == CONFIG_DIGEST_PROBLEMS && telling->causes.count == 0))
        return 0;
    return tell_one(telling, false, ret_good, err);
}

bool notify_run_ended(struct hikae *hikae, const struct hikae_run_result *result, enum hikae_status status,
                      const char *why)
{
    bool good = ping(hikae, status <= HIKAE_WARNINGS ? "" : "/fail");
    if (!tells_people(&hikae->config->notify))
        return good;
    struct telling *telling = mem_calloc(1, sizeof(*telling));
    struct error err = {0};
    int rc = telling != NULL ? 0 : error_no_memory(&err);
    if (rc == 0) {
        telling->hikae = hikae;
        telling->exit = (int)status;
        look_around(telling, result, why);
        rc = tell_people(telling, &good, &err);
        hikae_status_free(&telling->status);
        zone_free(telling->zone);
        mem_free(telling);
    }
    if (rc != 0)
        engine_warn(hikae, "nobody could be told of this run: %s", err.what);
    return good && rc == 0;
}

/* ---- The public functions ---- */

void hikae_notify_report_free(struct hikae_notify_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        mem_free(report->channels[i].why);
    mem_free(report->channels);
    mem_free(report->mute_reason);
    *report = (struct hikae_notify_report){0};
}

static int take_report(struct hikae *hikae, struct hikae_notify_report *ret, struct error *err)
{
    struct memory mute, digest, alert;
    ret->channels = mem_calloc(NOTIFY_CHANNELS, sizeof(*ret->channels));
    if (ret->channels == NULL)
        return error_no_memory(err);
    for (enum notify_channel channel = 0; channel < NOTIFY_CHANNELS; channel++)
        if (notify_is_set(&hikae->config->notify, channel))
            ret->channels[ret->count++] = (struct hikae_notify_channel){.name = notify_channel_names[channel]};
    if (recall(hikae, "notify.mute", &mute, err) != 0)
        return -1;
    if (is_muted(&mute, clock_now_ns())) {
        ret->muted_until_ns = mute.at_ns;
        ret->mute_reason = mute.what;
        mute.what = NULL;
    }
    mem_free(mute.what);
    if (recall(hikae, "notify.digest", &digest, err) != 0)
        return -1;
    mem_free(digest.what);
    ret->digest_ns = digest.at_ns;
    if (recall(hikae, "notify.alert", &alert, err) != 0)
        return -1;
    mem_free(alert.what);
    ret->alert_ns = alert.at_ns;
    return 0;
}

enum hikae_status hikae_notify_list(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_notify_report){0};
    int rc = take_report(hikae, ret, &err);
    if (rc != 0)
        hikae_notify_report_free(ret);
    return api_result(rc, false, &err, error);
}

static int try_all(struct hikae *hikae, struct hikae_notify_report *ret, struct error *err)
{
    static const char *const texts[2][2] = {
        {"hikae: a trial", "This message was sent by `hikae notify test`. Nothing is wrong.\n"},
        {"hikae: 送信試験", "`hikae notify test` による試験送信です。異常ではありません。\n"}};
    const struct config_notify *config = &hikae->config->notify;
    const struct notify_message message = {.kind = "test",
                                           .subject = texts[config->language][0],
                                           .text = texts[config->language][1],
                                           .status = -1,
                                           .ping_path = ""};
    int rc = 0;
    if (take_report(hikae, ret, err) != 0)
        return -1;
    if (ret->count == 0) {
        (void)error_set(err, ERROR_CONFIG, "there is nobody to tell");
        return error_hint(err, "write the section notify in %s; the file written by init explains it",
                          hikae->config->path);
    }
    for (enum notify_channel channel = 0, i = 0; channel < NOTIFY_CHANNELS; channel++) {
        struct error why = {0};
        if (!notify_is_set(config, channel))
            continue;
        struct hikae_notify_channel *row = &ret->channels[i++];
        row->sent = notify_send_message(config, channel, &message, &why) == 0;
        if (row->sent)
            continue;
        row->why = mem_strdup(why.what);
        *err = why;
        rc = -1;
    }
    return rc;
}

enum hikae_status hikae_notify_test(struct hikae *hikae, struct hikae_notify_report *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret = (struct hikae_notify_report){0};
    if (engine_audit_begin(hikae, OPERATION_NOTIFY_TEST, NULL, false, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = try_all(hikae, ret, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

static int mute(struct hikae *hikae, int64_t until_ns, const char *reason, bool dry_run, struct error *err)
{
    int64_t now_ns = clock_now_ns();
    if (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_MAX)
        return error_set(err, ERROR_USAGE, "a mute needs a reason of 1 to %d bytes", REASON_MAX);
    if (until_ns <= now_ns || until_ns - now_ns > MUTE_MAX_NS) {
        (void)error_set(err, ERROR_USAGE, "a mute ends in the future, and within 31 days");
        return error_hint(err, "mute again when it ends; one that is forgotten hides what goes wrong");
    }
    return dry_run ? 0 : remember(hikae, "notify.mute", until_ns, reason, err);
}

enum hikae_status hikae_notify_mute(struct hikae *hikae, int64_t until_ns, const char *reason, bool dry_run,
                                    struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    char until[CLOCK_TEXT_SIZE];
    if (engine_audit_begin(hikae, OPERATION_NOTIFY_MUTE, NULL, dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    engine_audit_detail(&audit, "until", clock_format(until_ns, until));
    engine_audit_detail(&audit, "reason", reason);
    int rc = mute(hikae, until_ns, reason, dry_run, &err);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
