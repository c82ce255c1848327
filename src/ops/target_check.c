/*
 * target check: measure targets and record what was found. It works without
 * the right to delete and does not try it; what it puts lies below
 * hikae1/probe/, and stays: only collection and purge can delete.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/target_describe.h"
#include "ops/target_fact.h"
#include "ops/target_probe.h"
#include "target/url.h"

#include <string.h>

enum { SPEED_SMALL = 64 << 10, SPEED_LARGE = 8 << 20 };
/* What was measured is recorded when it differs from the last time, and at least so often. */
#define RECORD_AGAIN_NS (20 * 3600 * NS_PER_S)

static const char *const outcome_words[] = {[HIKAE_OUTCOME_OK] = "ok",
                                            [HIKAE_OUTCOME_WARN] = "warn",
                                            [HIKAE_OUTCOME_FAIL] = "fail",
                                            [HIKAE_OUTCOME_UNKNOWN] = "unknown"};

const char *hikae_outcome_word(enum hikae_outcome outcome)
{
    return outcome_words[outcome];
}

void hikae_target_reports_free(struct hikae_target_reports *reports)
{
    for (size_t i = 0; i < reports->count; i++) {
        target_public_clear(&reports->reports[i].target);
        mem_free(reports->reports[i].probes);
    }
    mem_free(reports->reports);
    *reports = (struct hikae_target_reports){0};
}

/* ---- Measuring ---- */

/* A probe is never locked, whatever the configuration says: it would stay for as long as data. */
static int open_unlocked(struct hikae *hikae, const struct config_target *from, struct target **ret, struct error *err)
{
    struct config_target bare = *from;
    CLEANUP_FREE char *url = target_url_without(from->url, "lock");
    if (url == NULL)
        return error_no_memory(err);
    bare.options.url = url;
    bare.options.lock = TARGET_LOCK_NONE;
    bare.options.lock_days = 0;
    return engine_open_target(hikae, &bare, false, ret, err);
}

static int note_unreachable(struct hikae_target_report *report, const struct error *why, struct error *err)
{
    report->versioning = "unknown";
    report->lock_default = "none";
    report->probes = mem_calloc(1, sizeof(*report->probes));
    if (report->probes == NULL)
        return error_no_memory(err);
    report->probe_count = 1;
    report->probes[0].name = "reachable";
    report->probes[0].outcome = HIKAE_OUTCOME_FAIL;
    report->probes[0].status = (enum hikae_status)error_exit_code(why->class);
    (void)snprintf(report->probes[0].detail, sizeof(report->probes[0].detail), "%s", why->what);
    (void)snprintf(report->probes[0].hint, sizeof(report->probes[0].hint), "%s", why->hint);
    return 0;
}

static bool is_down(const struct error *why)
{
    return why->class != ERROR_NO_MEMORY && why->class != ERROR_INTERNAL && why->class != ERROR_INTERRUPTED;
}

static int measure(struct hikae *hikae, size_t number, const struct hikae_target_check_options *options,
                   struct hikae_target_report *report, struct error *err)
{
    const struct config_target *from = &hikae->config->targets[number];
    const struct run_target *run = &hikae->targets[number];
    struct target *target = NULL;
    struct error why = {0};
    if (open_unlocked(hikae, from, &target, &why) != 0) {
        if (is_down(&why))
            return note_unreachable(report, &why, err);
        *err = why;
        return -1;
    }
    /* Nothing is put where another store is. */
    bool ours = run->up || run->why.class == ERROR_NOT_FOUND;
    struct target_probing probing = {.target = target,
                                     .wanted = &from->options,
                                     .cancel = &hikae->cancel,
                                     .writes = ours && !options->dry_run,
                                     .speed_size = options->speed ? SPEED_LARGE : SPEED_SMALL,
                                     .ret = report};
    int rc = target_probe(&probing, err);
    target_close(target);
    return rc;
}

/* CLI.md: of several, the first of 10, 7, 5, 6, 8, 3, 1; a check that failed without an error of its own is a 5. */
static void judge(struct hikae_target_report *report)
{
    static const enum hikae_status order[] = {HIKAE_INTERNAL, HIKAE_KEYS, HIKAE_USAGE,     HIKAE_DAMAGED, HIKAE_UNKNOWN,
                                              HIKAE_REFUSED,  HIKAE_BUSY, HIKAE_NOT_FOUND, HIKAE_WARNINGS};
    size_t best = sizeof(order) / sizeof(order[0]);
    for (size_t i = 0; i < report->probe_count; i++) {
        const struct hikae_target_probe *probe = &report->probes[i];
        enum hikae_status status = probe->status != HIKAE_OK              ? probe->status
                                   : probe->outcome == HIKAE_OUTCOME_FAIL ? HIKAE_DAMAGED
                                   : probe->outcome == HIKAE_OUTCOME_WARN ? HIKAE_WARNINGS
                                                                          : HIKAE_OK;
        for (size_t k = 0; k < best; k++)
            if (order[k] == status) {
                best = k;
                report->worst = i;
            }
    }
    report->status = best < sizeof(order) / sizeof(order[0]) ? order[best] : HIKAE_OK;
}

/* An empty target waits for its first copy; one that holds another store, or whose store is damaged, is a failure. */
static void judge_state(const struct run_target *run, struct hikae_target_report *report)
{
    if (run->up || !report->measured)
        return;
    enum hikae_status status = run->why.class == ERROR_NOT_FOUND ? HIKAE_WARNINGS
                               : run->why.class == ERROR_REFUSED ? HIKAE_USAGE
                                                                 : (enum hikae_status)error_exit_code(run->why.class);
    if (status > report->status)
        report->status = status;
}

/* ---- Recording ---- */

static json_t *checked_json(const struct hikae_target_report *report)
{
    char at[CLOCK_TEXT_SIZE];
    json_t *probes = json_array();
    for (size_t i = 0; i < report->probe_count; i++) {
        const struct hikae_target_probe *probe = &report->probes[i];
        if (json_array_append_new(probes, json_pack("{s:s, s:s, s:s}", "name", probe->name, "state",
                                                    outcome_words[probe->outcome], "detail", probe->detail)) != 0) {
            json_decref(probes);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "at", clock_format(clock_now_ns(), at), "checks",
                     probes, "region", report->region, "tls", report->tls_version, "cipher", report->tls_cipher,
                     "versioning", report->versioning, "lock", (int)report->lock_enabled, "skew_ms",
                     (json_int_t)(report->skew_ns / 1000000), "latency_us", (json_int_t)(report->latency_ns / 1000));
}

/* Do both say the same, but for what is never twice the same? */
static bool same_outcome(const json_t *before, const json_t *after)
{
    static const char *const steady[] = {"region", "tls", "cipher", "versioning", "lock"};
    for (size_t i = 0; i < sizeof(steady) / sizeof(steady[0]); i++)
        if (!json_equal(json_object_get(before, steady[i]), json_object_get(after, steady[i])))
            return false;
    const json_t *old = json_object_get(before, "checks"), *new = json_object_get(after, "checks");
    if (json_array_size(old) != json_array_size(new))
        return false;
    for (size_t i = 0; i < json_array_size(new); i++)
        if (!json_equal(json_object_get(json_array_get(old, i), "state"),
                        json_object_get(json_array_get(new, i), "state")))
            return false;
    return true;
}

static int record(struct session *facts, struct hikae_target_report *report, struct error *err)
{
    const struct config_target *target = config_find_target(facts->hikae->config, report->target.name);
    CLEANUP_JSON json_t *before = NULL;
    json_t *after = checked_json(report);
    int64_t at_ns;
    if (after == NULL)
        return error_no_memory(err);
    if (target_fact_checked(facts, target->name, &before, &at_ns, err) != 0) {
        json_decref(after);
        return -1;
    }
    report->target.checked_ns = at_ns;
    if (before != NULL && clock_now_ns() - at_ns < RECORD_AGAIN_NS && same_outcome(before, after)) {
        json_decref(after);
        return 0;
    }
    if (target_fact_append(facts, target, "check", after, err) != 0)
        return -1;
    report->target.checked_ns = clock_now_ns();
    report->recorded = true;
    return 0;
}

/* That a measurement cannot be recorded (no right to write, too few targets) takes nothing from what it found. */
static int record_all(struct hikae *hikae, struct hikae_target_reports *ret, struct error *err)
{
    struct session facts;
    struct error why = {0};
    int rc = session_open_store(hikae, SESSION_LOCK, &facts, &why);
    for (size_t i = 0; rc == 0 && i < ret->count; i++)
        rc = record(&facts, &ret->reports[i], &why);
    if (facts.hikae != NULL)
        session_close(&facts);
    if (rc == 0)
        return 0;
    if (!is_down(&why)) {
        *err = why;
        return -1;
    }
    engine_warn(hikae, "what was measured is not in the store's history: %s", why.what);
    return 0;
}

/* ---- All of it ---- */

/* What it can do is what was found just now. */
static void take_measured(struct hikae_target_report *report)
{
    report->target.versions = strcmp(report->versioning, "on") == 0 || strcmp(report->versioning, "suspended") == 0;
    report->target.create_once = report->target.create_once || report->create_once;
}

static int check_targets(struct hikae *hikae, const struct hikae_target_check_options *options,
                         struct hikae_target_reports *ret, struct error *err)
{
    const struct config *config = hikae->config;
    struct error why = {0};
    if (options->name != NULL && config_find_target(config, options->name) == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no target '%s'", options->name);
        return error_hint(err, "`hikae target list` shows the targets");
    }
    if (engine_targets(hikae, &why) != 0 && (hikae->targets == NULL || !is_down(&why))) {
        *err = why;
        return -1;
    }
    ret->reports = mem_calloc(config->target_count, sizeof(*ret->reports));
    if (ret->reports == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < config->target_count; i++) {
        if (options->name != NULL && strcmp(options->name, config->targets[i].name) != 0)
            continue;
        struct hikae_target_report *report = &ret->reports[ret->count++];
        if (target_describe_public(&config->targets[i], &hikae->targets[i], &report->target, err) != 0 ||
            measure(hikae, i, options, report, err) != 0)
            return -1;
        take_measured(report);
        judge(report);
        judge_state(&hikae->targets[i], report);
    }
    return options->dry_run || hikae->opened_count == 0 ? 0 : record_all(hikae, ret, err);
}

enum hikae_status hikae_target_check(struct hikae *hikae, const struct hikae_target_check_options *options,
                                     struct hikae_target_reports *ret, struct hikae_error *error)
{
    struct error err = {0};
    *ret = (struct hikae_target_reports){0};
    int rc = check_targets(hikae, options, ret, &err);
    if (rc != 0)
        hikae_target_reports_free(ret);
    return api_result(rc, false, &err, error);
}
