/*
 * What came of a drill: one statement in JSON, from which everything that is
 * shown is read again, so that what people see is what was signed.
 */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "crypto/dsse.h"
#include "ops/drill.h"
#include "ops/drill_due.h"
#include "ops/facts.h"
#include "ops/machine.h"

#include <archive.h>
#include <pwd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

json_t *drill_text(const char *text)
{
    size_t size = strlen(text), used = 0;
    CLEANUP_FREE char *clean = mem_alloc(3 * size + 1);
    if (clean == NULL)
        return NULL;
    for (size_t at = 0; at < size;) {
        size_t from = at;
        if (utf8_next(text, size, &at) >= 0) {
            memcpy(clean + used, text + from, at - from);
            used += at - from;
        } else {
            memcpy(clean + used, "\xef\xbf\xbd", 3);
            used += 3;
        }
    }
    clean[used] = '\0';
    return json_string(clean);
}

static json_t *text_of(const struct buf *buf)
{
    CLEANUP_FREE char *text = mem_printf("%.*s", (int)buf->size, buf->size > 0 ? (const char *)buf->data : "");
    return text != NULL ? drill_text(text) : NULL;
}

static json_t *optional(const char *text)
{
    return text != NULL && text[0] != '\0' ? drill_text(text) : json_null();
}

static json_t *time_of(int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    return ns != 0 ? json_string(clock_format(ns, text)) : json_null();
}

/* Durations are seconds with a fraction; what is not known is null. */
static json_t *seconds(int64_t ns)
{
    return json_real((double)ns / NS_PER_S);
}

static json_t *number(uint64_t value)
{
    return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

/* ---- The parts ---- */

static json_t *ages_of(const struct drill_age *ages, size_t count, int64_t now_ns)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item =
            json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "age", ages[i].name, "snapshot", ages[i].snapshot,
                      "time", time_of(ages[i].time_ns), "age_s", seconds(now_ns - ages[i].time_ns), "drawn_from",
                      number(ages[i].among), "entries", number(ages[i].entries), "population",
                      number(ages[i].population), "sample", number(ages[i].sample));
        if (item == NULL || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int64_t rto_of(const struct drill_site *site)
{
    return site->recover_ns + site->restore_ns;
}

/* How old the newest data is that came back; 0: none did. */
static int64_t rpo_of(const struct drill *drill, const struct drill_site *site)
{
    return site->newest_restored && drill->age_count > 0 ? drill->started_ns - drill->ages[0].time_ns : 0;
}

static json_t *site_of(const struct drill *drill, const struct drill_site *site, bool planned)
{
    json_t *phases = json_pack("{s:o, s:o, s:o, s:o, s:o}", "recover_s", seconds(site->recover_ns), "choose_s",
                               seconds(site->choose_ns), "restore_s", seconds(site->restore_ns), "check_s",
                               seconds(site->check_ns), "wipe_s", seconds(site->wipe_ns));
    json_t *key = json_pack("{s:I, s:o}", "epoch", (json_int_t)site->epoch, "holder", optional(site->holder));
    json_t *failures = site->failures != NULL ? json_incref(site->failures) : json_array();
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "name",
        site->name, "result", planned ? "planned" : drill_result_name(site->result), "why", optional(site->why),
        "snapshots", ages_of(site->ages, site->age_count, drill->started_ns), "population", number(site->population),
        "sample", number(site->sample), "checked", number(site->checked), "failed", number(site->failed),
        "confidence_reached", site->reached, "bytes", number(site->bytes), "bytes_expected",
        number(site->bytes_expected), "bytes_fetched", number(site->bytes_fetched), "warnings", number(site->warnings),
        "phases", phases, "key", key, "rto_s", site->restore_ns > 0 ? seconds(rto_of(site)) : json_null(), "rpo_s",
        site->newest_restored ? seconds(rpo_of(drill, site)) : json_null(), "wiped", site->wiped, "failures", failures);
}

static json_t *check_of(const struct drill_site *site, const struct drill_check *check,
                        const struct drill_outcome *outcome)
{
    static const char *const states[] = {[DRILL_PASSED] = "passed", [DRILL_FAILED] = "failed", [DRILL_LEFT] = "left"};
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "target", site->name, "name", check->name, "kind",
                     drill_kind_name(check->kind), "state", states[outcome->state], "what", drill_text(check->path),
                     "output", text_of(&outcome->output), "duration_s", seconds(outcome->duration_ns));
}

/* Counts and sizes against the manifest are a check too: the one that no drill does without. */
static json_t *manifest_check(const struct drill_site *site)
{
    char said[160];
    (void)snprintf(said, sizeof(said), "%llu of %llu are there with their size, %llu are not",
                   (unsigned long long)site->checked, (unsigned long long)site->sample,
                   (unsigned long long)site->failed);
    bool passed = site->checked > 0 && site->failed == 0 && site->checked >= site->sample;
    bool left = site->failed == 0 && site->result != DRILL_RESULT_FAILED;
    return json_pack("{s:s, s:s, s:s, s:s, s:n, s:s, s:o}", "target", site->name, "name", "manifest", "kind",
                     "manifest", "state",
                     passed ? "passed"
                     : left ? "left"
                            : "failed",
                     "what", "output", said, "duration_s", seconds(0));
}

static json_t *checks_of(const struct drill *drill)
{
    json_t *array = json_array();
    int rc = array != NULL ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < drill->site_count; i++) {
        const struct drill_site *site = &drill->sites[i];
        rc = json_array_append_new(array, manifest_check(site));
        for (size_t k = 0; rc == 0 && site->outcomes != NULL && k < drill->check_count; k++)
            rc = json_array_append_new(array, check_of(site, &drill->checks[k], &site->outcomes[k]));
    }
    if (rc == 0)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *checkpoint_of(const struct drill *drill)
{
    char log[2 * ID_SIZE + 1], root[2 * HASH_SIZE + 1];
    return json_pack("{s:s, s:o, s:s, s:o}", "log", hex_encode(drill->checkpoint.log.bytes, ID_SIZE, log), "size",
                     number(drill->checkpoint.size), "root", hex_encode(drill->checkpoint.root.bytes, HASH_SIZE, root),
                     "time", time_of(drill->checkpoint.time_ns));
}

static json_t *operator_of(void)
{
    char buffer[4096], text[24];
    struct passwd entry, *found = NULL;
    (void)snprintf(text, sizeof(text), "%lu", (unsigned long)getuid());
    bool known = getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL;
    return drill_text(known ? entry.pw_name : text);
}

/* What restored and checked, besides hikae itself. */
static json_t *versions_of(void)
{
    struct utsname system;
    const char *release = uname(&system) == 0 ? system.release : "unknown";
    const char *archive = strrchr(archive_version_string(), ' '); /* "libarchive 3.6.2" */
    return json_pack("{s:s, s:s, s:s}", "linux", release, "sqlite", sqlite3_libversion(), "libarchive",
                     archive != NULL ? archive + 1 : archive_version_string());
}

static int put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value);
}

/* Who, why, where, from what. */
static int put_head(const struct drill *drill, json_t *root)
{
    static const char *const modes[] = {
        [HIKAE_DRILL_SAMPLE] = "sample", [HIKAE_DRILL_FULL] = "full", [HIKAE_DRILL_BARE] = "bare"};
    char store[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1], seed[2 * SHA256_SIZE + 1], machine[MACHINE_ID_SIZE];
    const struct hikae_drill_options *options = drill->options;
    return put(root, "schema", json_integer(1)) != 0 || put(root, "drill", json_string(drill->id)) != 0 ||
                   put(root, "store", json_string(hex_encode(drill->hikae->store.store.bytes, ID_SIZE, store))) != 0 ||
                   put(root, "tenant", drill_text(drill->tenant)) != 0 ||
                   put(root, "tenant_id", json_string(hex_encode(drill->tid.bytes, ID_SIZE, tid))) != 0 ||
                   put(root, "policy", optional(drill->policy)) != 0 ||
                   put(root, "plan", optional(options->plan)) != 0 ||
                   put(root, "trigger", json_string(options->plan != NULL ? "schedule" : "demand")) != 0 ||
                   put(root, "reason", optional(options->reason)) != 0 || put(root, "operator", operator_of()) != 0 ||
                   put(root, "machine", json_string(machine_id(machine))) != 0 ||
                   put(root, "version", json_string(HIKAE_VERSION)) != 0 || put(root, "versions", versions_of()) != 0 ||
                   put(root, "mode", json_string(modes[options->mode])) != 0 ||
                   put(root, "seed", json_string(hex_encode(drill->seed, SHA256_SIZE, seed))) != 0 ||
                   put(root, "checkpoint", checkpoint_of(drill)) != 0 ||
                   (drill->kit != NULL && json_object_set(root, "kit", (json_t *)(uintptr_t)drill->kit) != 0) ||
                   put(root, "test_clock", json_boolean(drill->hikae->config->test_clock)) != 0
               ? -1
               : 0;
}

struct sums {
    int64_t rto_ns, rpo_ns;
    bool has_rto, has_rpo;
    uint64_t population, sample, checked, bytes, bytes_expected, bytes_fetched;
    double reached;
};

/* The drill's figures are those of its worst target. */
static struct sums sum_up(const struct drill *drill)
{
    struct sums sums = {.has_rto = true, .has_rpo = true, .reached = 1};
    for (size_t i = 0; i < drill->site_count; i++) {
        const struct drill_site *site = &drill->sites[i];
        int64_t rto = rto_of(site), rpo = rpo_of(drill, site);
        sums.rto_ns = rto > sums.rto_ns ? rto : sums.rto_ns;
        sums.rpo_ns = rpo > sums.rpo_ns ? rpo : sums.rpo_ns;
        sums.has_rto = sums.has_rto && site->restore_ns > 0;
        sums.has_rpo = sums.has_rpo && site->newest_restored;
        sums.reached = site->reached < sums.reached ? site->reached : sums.reached;
        if (i == 0 || site->checked < sums.checked) {
            sums.population = site->population;
            sums.sample = site->sample;
            sums.checked = site->checked;
        }
        sums.bytes += site->bytes;
        sums.bytes_expected += site->bytes_expected;
        sums.bytes_fetched += site->bytes_fetched;
    }
    return sums;
}

static int put_figures(const struct drill *drill, bool planned, json_t *root)
{
    struct sums sums = sum_up(drill);
    int64_t rto = drill->rto_promised_ns, rpo = drill->rpo_promised_ns;
    json_t *promised = rto > 0 || rpo > 0
                           ? json_pack("{s:o, s:o, s:b, s:b}", "rto_s", rto > 0 ? seconds(rto) : json_null(), "rpo_s",
                                       rpo > 0 ? seconds(rpo) : json_null(), "rto_kept",
                                       rto == 0 || (sums.has_rto && sums.rto_ns <= rto), "rpo_kept",
                                       rpo == 0 || (sums.has_rpo && sums.rpo_ns <= rpo))
                           : json_null();
    return put(root, "confidence", json_real(drill->confidence)) != 0 ||
                   put(root, "damage", json_real(drill->damage)) != 0 ||
                   put(root, "confidence_reached", json_real(sums.reached)) != 0 ||
                   put(root, "population", number(sums.population)) != 0 ||
                   put(root, "sample", number(sums.sample)) != 0 || put(root, "checked", number(sums.checked)) != 0 ||
                   put(root, "bytes", number(sums.bytes)) != 0 ||
                   put(root, "bytes_expected", number(sums.bytes_expected)) != 0 ||
                   put(root, "bytes_fetched", number(sums.bytes_fetched)) != 0 ||
                   put(root, "rto_s", sums.has_rto ? seconds(sums.rto_ns) : json_null()) != 0 ||
                   put(root, "rpo_s", !planned && sums.has_rpo ? seconds(sums.rpo_ns) : json_null()) != 0 ||
                   put(root, "promised", promised) != 0
               ? -1
               : 0;
}

static int put_sites(const struct drill *drill, bool planned, json_t *root)
{
    json_t *array = json_array();
    int rc = put(root, "targets", array);
    for (size_t i = 0; rc == 0 && i < drill->site_count; i++)
        rc = json_array_append_new(array, site_of(drill, &drill->sites[i], planned));
    return rc;
}

static json_t *budget_of(const struct drill *drill)
{
    return json_pack("{s:o, s:o}", "max_bytes",
                     drill->options->max_bytes > 0 ? number(drill->options->max_bytes) : json_null(), "max_s",
                     drill->options->max_ns > 0 ? seconds(drill->options->max_ns) : json_null());
}

int drill_statement(const struct drill *drill, bool planned, json_t **ret, struct error *err)
{
    json_t *root = json_object();
    if (root == NULL)
        return error_no_memory(err);
    int rc = put_head(drill, root);
    if (rc == 0)
        rc = put(root, "result", json_string(planned ? "planned" : drill_result_name(drill->result))) != 0 ||
                     put(root, "started", time_of(drill->started_ns)) != 0 ||
                     put(root, "finished", planned ? json_null() : time_of(clock_now_ns())) != 0 ||
                     put(root, "duration_s", seconds(clock_monotonic_ns() - drill->began_ns)) != 0 ||
                     put(root, "snapshots", ages_of(drill->ages, drill->age_count, drill->started_ns)) != 0 ||
                     put(root, "budget", budget_of(drill)) != 0
                 ? -1
                 : 0;
    if (rc == 0)
        rc = put_figures(drill, planned, root);
    if (rc == 0)
        rc = put_sites(drill, planned, root) != 0 ||
                     put(root, "checks", planned ? json_array() : checks_of(drill)) != 0 ||
                     put(root, "cleaned", json_boolean(drill->cleaned)) != 0
                 ? -1
                 : 0;
    if (rc != 0) {
        json_decref(root);
        return error_no_memory(err);
    }
    *ret = root;
    return 0;
}

/* ---- Signing and recording ---- */

static int sign(struct hikae *hikae, const char *text, char **ret, struct error *err)
{
    struct dsse envelope = {0};
    struct secret *key = NULL;
    if (keystore_signing_key(hikae->keystore, KEY_SIGN_STORE, &key, err) != 0)
        return -1;
    int rc = dsse_start(DRILL_TYPE, text, strlen(text), &envelope, err);
    if (rc == 0)
        rc = dsse_sign(&envelope, key, err);
    if (rc == 0)
        rc = dsse_print(&envelope, ret, err);
    dsse_free(&envelope);
    secret_free(key);
    return rc;
}

int drill_record(struct drill *drill, json_t *statement, char **ret_envelope, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    json_t *body CLEANUP_JSON = NULL, *envelope = NULL;
    struct session session;
    struct error why = {0};
    *ret_envelope = NULL;
    if (json_print(statement, &text, err) != 0 || sign(drill->hikae, text, ret_envelope, err) != 0 ||
        json_parse(*ret_envelope, strlen(*ret_envelope), &envelope, err) != 0)
        return -1;
    body = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o}", "drill", drill->id, "time", time_of(drill->started_ns), "mode",
                     json_incref(json_object_get(statement, "mode")), "result",
                     json_incref(json_object_get(statement, "result")), DRILL_ELSEWHERE, drill_is_elsewhere(statement),
                     "envelope", envelope);
    if (body == NULL)
        return error_no_memory(err);
    if (session_open(drill->hikae, drill->tenant, 0, &session, err) != 0)
        return -1;
    int rc = facts_append(&session, RECORD_DRILL, body, &why);
    session_close(&session);
    if (rc != 0) {
        *err = why;
        return error_wrap(err, "record the drill");
    }
    return 0;
}
