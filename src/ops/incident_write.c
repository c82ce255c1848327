/* What people record of incidents and nonconformities: opening, notes, notices that were given, closing. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "ops/audit.h"
#include "ops/incident.h"

#include <stdio.h>
#include <string.h>

/* What an attacker did before it was noticed is in older entries. */
#define LOGS_BEFORE_NS (INT64_C(30) * 86400 * NS_PER_S)
enum { TEXT_MAX = 8000, TENANTS_MAX = 10000 };

/* ---- Checking what is given ---- */

static int check_text(const char *what, const char *text, bool needed, struct error *err)
{
    if (text == NULL || text[0] == '\0') {
        if (!needed)
            return 0;
        (void)error_set(err, ERROR_USAGE, "%s is missing", what);
        return error_hint(err, "say it in a sentence: it is what an auditor will read");
    }
    if (strlen(text) > TEXT_MAX)
        return error_set(err, ERROR_USAGE, "%s is longer than %d bytes", what, TEXT_MAX);
    return 0;
}

static int check_word(const char *what, const char *word, const char *const *words, struct error *err)
{
    char all[128] = "";
    for (size_t i = 0; words[i] != NULL; i++) {
        if (word != NULL && strcmp(word, words[i]) == 0)
            return 0;
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    (void)error_set(err, ERROR_USAGE, "'%.40s' is no %s", word != NULL ? word : "", what);
    return error_hint(err, "one of %s", all);
}

static int check_past(const char *what, int64_t ns, int64_t now_ns, struct error *err)
{
    if (ns <= now_ns)
        return 0;
    (void)error_set(err, ERROR_USAGE, "%s lies ahead", what);
    return error_hint(err, "record it when it has happened");
}

static const char *const severities[] = {"low", "medium", "high", "critical", NULL};
static const char *const stages[] = {"first", "follow-up", "final", NULL};

/* ---- Writing a body ---- */

/* Left out where it is NULL. */
static int put_text(json_t *body, const char *name, const char *text, struct error *err)
{
    if (text == NULL)
        return 0;
    json_t *value = json_string(text);
    if (value == NULL) {
        (void)error_set(err, ERROR_USAGE, "the text '%s' is no UTF-8", name);
        return error_hint(err, "write it in UTF-8");
    }
    return json_object_set_new(body, name, value) == 0 ? 0 : error_no_memory(err);
}

static int put_time(json_t *body, const char *name, int64_t ns, struct error *err)
{
    char text[CLOCK_TEXT_SIZE];
    return ns == 0 ? 0 : put_text(body, name, clock_format(ns, text), err);
}

static json_t *new_body(const char *kind, const char *id, const char *event, const char *who)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "kind", kind, "id", id, "event", event, "who", who);
}

static int no_utf8(struct error *err)
{
    (void)error_set(err, ERROR_USAGE, "the name of who records it is no UTF-8");
    return error_hint(err, "write it in UTF-8");
}

/* [{name, id}]: the id is what the audit log has, also when the name is gone. */
static int put_tenants(struct hikae *hikae, json_t *body, const char *const *names, size_t count, struct error *err)
{
    json_t *list = json_array();
    if (json_object_set_new(body, "tenants", list) != 0)
        return error_no_memory(err);
    if (count > TENANTS_MAX)
        return error_set(err, ERROR_USAGE, "more than %d tenants", TENANTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct id tid;
        char hex[2 * ID_SIZE + 1];
        if (engine_tenant_id(hikae, names[i], &tid, err) != 0)
            return -1;
        if (json_array_append_new(
                list, json_pack("{s:s, s:s}", "name", names[i], "id", hex_encode(tid.bytes, ID_SIZE, hex))) != 0)
            return error_no_memory(err);
    }
    return 0;
}

/* ---- Recording ---- */

/* One act on the records: what every one of them has. */
struct act {
    struct hikae *hikae;
    struct session facts;
    struct hikae_incidents known;
    const struct hikae_incident *item; /* NULL: it is being opened */
    json_t *body;
    bool dry_run;
    char id[INCIDENT_ID_SIZE];
    int64_t now_ns;
};

static int act_begin(struct hikae *hikae, bool dry_run, struct act *ret, struct error *err)
{
    *ret = (struct act){.hikae = hikae, .dry_run = dry_run, .facts.lock_fd = -1, .now_ns = clock_now_ns()};
    if (session_open_store(hikae, dry_run ? 0 : SESSION_LOCK, &ret->facts, err) != 0)
        return -1;
    return incidents_read(&ret->facts, NULL, ret->now_ns, &ret->known, err);
}

static int act_find(struct act *act, const char *kind, const char *id, const char *event, const char *who,
                    struct error *err)
{
    if (check_text("--who", who, true, err) != 0 || incidents_find(&act->known, kind, id, &act->item, err) != 0)
        return -1;
    if (!act->item->open) {
        (void)error_set(err, ERROR_REFUSED, "%s is closed", act->item->id);
        return error_hint(err, "open a new one, and name this one in its text");
    }
    (void)snprintf(act->id, sizeof act->id, "%s", act->item->id);
    act->body = new_body(act->item->kind, act->item->id, event, who);
    return act->body != NULL ? 0 : no_utf8(err);
}

/* Append the record, and give back the incident as it is now. A dry run shows it as it would be. */
static int act_finish(struct act *act, struct hikae_incidents *ret, struct error *err)
{
    struct hikae_incidents all = {0};
    const struct hikae_incident *one;
    if ((!act->dry_run && facts_append(&act->facts, RECORD_INCIDENT, act->body, err) != 0) ||
        incidents_read(&act->facts, act->dry_run ? act->body : NULL, act->now_ns, &all, err) != 0)
        return -1;
    int rc = incidents_find(&all, NULL, act->id, &one, err);
    if (rc == 0)
        rc = incidents_take(&all, one, ret, err);
    hikae_incidents_free(&all);
    return rc;
}

static void act_end(struct act *act)
{
    json_decref(act->body);
    hikae_incidents_free(&act->known);
    session_close(&act->facts);
}

/* ---- open ---- */

int incident_new_id(const struct hikae_incidents *known, char letter, int64_t now_ns, char ret[INCIDENT_ID_SIZE],
                    struct error *err)
{
    char day[CLOCK_TEXT_SIZE];
    uint8_t random[2];
    char hex[5];
    (void)clock_format_sortable(now_ns, day);
    for (int i = 0; i < 100; i++) {
        struct error none = {0};
        const struct hikae_incident *other;
        if (crypto_random(random, sizeof random, err) != 0)
            return -1;
        (void)snprintf(ret, INCIDENT_ID_SIZE, "%c-%.8s-%s", letter, day, hex_encode(random, sizeof random, hex));
        if (incidents_find(known, NULL, ret, &other, &none) != 0 && none.class == ERROR_NOT_FOUND)
            return 0;
    }
    return error_set(err, ERROR_INTERNAL, "no id is free on this day");
}

static int check_open(const struct hikae_incident_options *options, int64_t now_ns, struct error *err)
{
    if (check_text("--title", options->title, true, err) != 0 || check_text("--who", options->who, true, err) != 0 ||
        check_text("--text", options->text, false, err) != 0 ||
        check_word("severity", options->severity, severities, err) != 0 ||
        check_past("when it occurred", options->occurred_ns, now_ns, err) != 0 ||
        check_past("when you became aware of it", options->aware_ns, now_ns, err) != 0 ||
        check_past("when it was confirmed", options->confirmed_ns, now_ns, err) != 0)
        return -1;
    if (options->aware_ns < options->occurred_ns ||
        (options->confirmed_ns != 0 && options->confirmed_ns < options->aware_ns))
        return error_set(err, ERROR_USAGE, "an incident occurs, is noticed, and is confirmed, in this order");
    return 0;
}

/* The policies whose notices count: those named, else the tenants', else (none) all in force. */
static int choose_policies(struct hikae *hikae, const struct hikae_incident_options *options, char ***ret,
                           size_t *ret_count, struct error *err)
{
    size_t count = options->policy_count > 0 ? options->policy_count : options->tenant_count;
    *ret_count = 0;
    *ret = mem_calloc(count + 1, sizeof(char *));
    if (*ret == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct catalog_tenant row = {0};
        char *name;
        bool known = false;
        if (options->policy_count > 0) {
            name = mem_strdup(options->policies[i]);
        } else {
            if (catalog_tenant_by_name(hikae->catalog, options->tenants[i], &row, err) != 0)
                return -1;
            name = mem_strdup(row.policy);
            catalog_tenant_free(&row);
        }
        if (name == NULL)
            return error_no_memory(err);
        for (size_t k = 0; k < *ret_count; k++)
            known = known || strcmp((*ret)[k], name) == 0;
        if (known)
            mem_free(name);
        else
            (*ret)[(*ret_count)++] = name;
    }
    return 0;
}

static int fill_open(struct act *act, const struct hikae_incident_options *options, struct error *err)
{
    json_t *body = act->body;
    int64_t logs_from_ns = options->logs_from_ns != 0 ? options->logs_from_ns : options->occurred_ns - LOGS_BEFORE_NS;
    if (put_text(body, "title", options->title, err) != 0 || put_text(body, "severity", options->severity, err) != 0 ||
        put_text(body, "about", options->about != NULL ? options->about : HIKAE_INCIDENT, err) != 0 ||
        put_text(body, "text", options->text, err) != 0 || put_time(body, "occurred", options->occurred_ns, err) != 0 ||
        put_time(body, "aware", options->aware_ns, err) != 0 ||
        put_time(body, "confirmed", options->confirmed_ns, err) != 0 ||
        put_time(body, "logs_from", logs_from_ns, err) != 0 ||
        put_tenants(act->hikae, body, options->tenants, options->tenant_count, err) != 0)
        return -1;
    char **policies;
    size_t count;
    int rc = choose_policies(act->hikae, options, &policies, &count, err);
    if (rc == 0)
        rc = incident_deadlines(&act->facts, (const char *const *)policies, count, body, err);
    for (size_t i = 0; policies != NULL && i < count; i++)
        mem_free(policies[i]);
    mem_free(policies);
    return rc;
}

static int open_incident(struct act *act, const struct hikae_incident_options *options, struct hikae_incidents *ret,
                         struct error *err)
{
    if (act_begin(act->hikae, options->dry_run, act, err) != 0 || check_open(options, act->now_ns, err) != 0 ||
        incident_new_id(&act->known, 'I', act->now_ns, act->id, err) != 0)
        return -1;
    act->body = new_body(HIKAE_INCIDENT, act->id, "open", options->who);
    if (act->body == NULL)
        return no_utf8(err);
    return fill_open(act, options, err) != 0 ? -1 : act_finish(act, ret, err);
}

enum hikae_status hikae_incident_open(struct hikae *hikae, const struct hikae_incident_options *options,
                                      struct hikae_incidents *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct act act = {.hikae = hikae, .facts.lock_fd = -1};
    const char *tenant = options->tenant_count == 1 ? options->tenants[0] : NULL;
    *ret = (struct hikae_incidents){0};
    if (engine_audit_begin(hikae, OPERATION_INCIDENT_OPEN, tenant, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = open_incident(&act, options, ret, &err);
    engine_audit_detail(&audit, "incident", act.id);
    engine_audit_detail(&audit, "severity", options->severity);
    engine_audit_count(&audit, "tenants", options->tenant_count);
    act_end(&act);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- note ---- */

/* The deadlines as the last record that has some states them, with those set that waited for the confirmation. */
static int confirm(struct act *act, int64_t confirmed_ns, struct error *err)
{
    const json_t *bodies = act->item->memory;
    json_t *rows = NULL;
    if (confirmed_ns < act->item->aware_ns)
        return error_set(err, ERROR_USAGE, "it cannot be confirmed before anybody was aware of it");
    for (size_t i = json_array_size(bodies); i-- > 0 && rows == NULL;)
        rows = json_object_get(json_array_get(bodies, i), "deadlines");
    if (rows == NULL)
        return 0;
    rows = json_deep_copy(rows);
    if (rows == NULL || json_object_set_new(act->body, "deadlines", rows) != 0)
        return error_no_memory(err);
    return incident_deadlines_confirm(act->hikae, rows, confirmed_ns, err);
}

static int note(struct act *act, const char *id, const struct hikae_incident_note *given, struct hikae_incidents *ret,
                struct error *err)
{
    if (act_begin(act->hikae, given->dry_run, act, err) != 0 ||
        act_find(act, HIKAE_INCIDENT, id, "note", given->who, err) != 0 ||
        check_text("--text", given->text, true, err) != 0 ||
        check_past("when it was confirmed", given->confirmed_ns, act->now_ns, err) != 0 ||
        (given->severity != NULL && check_word("severity", given->severity, severities, err) != 0) ||
        put_text(act->body, "text", given->text, err) != 0 ||
        put_text(act->body, "severity", given->severity, err) != 0 ||
        put_time(act->body, "confirmed", given->confirmed_ns, err) != 0 ||
        put_tenants(act->hikae, act->body, given->tenants, given->tenant_count, err) != 0 ||
        (given->confirmed_ns != 0 && confirm(act, given->confirmed_ns, err) != 0))
        return -1;
    return act_finish(act, ret, err);
}

enum hikae_status hikae_incident_note(struct hikae *hikae, const char *id, const struct hikae_incident_note *given,
                                      struct hikae_incidents *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct act act = {.hikae = hikae, .facts.lock_fd = -1};
    *ret = (struct hikae_incidents){0};
    if (engine_audit_begin(hikae, OPERATION_INCIDENT_NOTE, NULL, given->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = note(&act, id, given, ret, &err);
    engine_audit_detail(&audit, "incident", act.id);
    engine_audit_detail(&audit, "severity", given->severity);
    act_end(&act);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- notice ---- */

static int note_notice(struct act *act, const char *id, const struct hikae_incident_notice *given,
                       struct hikae_incidents *ret, struct error *err)
{
    if (act_begin(act->hikae, given->dry_run, act, err) != 0 ||
        act_find(act, HIKAE_INCIDENT, id, "notice", given->who, err) != 0 ||
        check_word("stage", given->stage, stages, err) != 0 ||
        check_text("--channel", given->channel, true, err) != 0 || check_text("--text", given->text, false, err) != 0 ||
        check_past("when the notice was given", given->at_ns, act->now_ns, err) != 0)
        return -1;
    if (given->at_ns < act->item->occurred_ns)
        return error_set(err, ERROR_USAGE, "a notice is given after the incident occurred");
    if (put_text(act->body, "stage", given->stage, err) != 0 ||
        put_text(act->body, "channel", given->channel, err) != 0 || put_time(act->body, "at", given->at_ns, err) != 0 ||
        put_text(act->body, "text", given->text, err) != 0)
        return -1;
    return act_finish(act, ret, err);
}

enum hikae_status hikae_incident_notice(struct hikae *hikae, const char *id, const struct hikae_incident_notice *given,
                                        struct hikae_incidents *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct act act = {.hikae = hikae, .facts.lock_fd = -1};
    *ret = (struct hikae_incidents){0};
    if (engine_audit_begin(hikae, OPERATION_INCIDENT_NOTICE, NULL, given->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = note_notice(&act, id, given, ret, &err);
    engine_audit_detail(&audit, "incident", act.id);
    engine_audit_detail(&audit, "stage", given->stage);
    engine_audit_detail(&audit, "channel", given->channel);
    act_end(&act);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}

/* ---- close ---- */

/* By which channel no first notice was recorded; NULL: the rule names none. */
static const char *silent_channel(const struct hikae_incident *item, const struct hikae_incident_deadline *deadline)
{
    for (size_t i = 0; i < deadline->channel_count; i++) {
        bool told = false;
        for (size_t k = 0; k < item->event_count; k++) {
            const struct hikae_incident_event *event = &item->events[k];
            told = told || (event->stage != NULL && strcmp(event->stage, stages[0]) == 0 && event->channel != NULL &&
                            strcmp(event->channel, deadline->channels[i]) == 0);
        }
        if (!told)
            return deadline->channels[i];
    }
    return NULL;
}

static int check_told(const struct hikae_incident *item, const char *no_notice, struct error *err)
{
    for (size_t i = 0; i < item->deadline_count && (no_notice == NULL || no_notice[0] == '\0'); i++) {
        const struct hikae_incident_deadline *deadline = &item->deadlines[i];
        if (strcmp(deadline->state, "open") != 0 && strcmp(deadline->state, "missed") != 0)
            continue;
        const char *channel = silent_channel(item, deadline);
        (void)error_set(err, ERROR_REFUSED, "policy %s promises a first notice of %s%s%.40s, and none was recorded",
                        deadline->policy, item->id, channel != NULL ? " by " : "", channel != NULL ? channel : "");
        return error_hint(err,
                          "`hikae incident notice %s …` records one that was given; --no-notice WHY says why none "
                          "is",
                          item->id);
    }
    return 0;
}

static int close_one(struct act *act, const char *kind, const char *id, const struct hikae_incident_closing *given,
                     struct hikae_incidents *ret, struct error *err)
{
    bool is_nonconformity = strcmp(kind, HIKAE_NONCONFORMITY) == 0;
    if (act_begin(act->hikae, given->dry_run, act, err) != 0 ||
        act_find(act, kind, id, "close", given->who, err) != 0 ||
        check_text("--text", given->text, !is_nonconformity, err) != 0 ||
        check_text("--cause", given->cause, is_nonconformity, err) != 0 ||
        check_text("--correction", given->correction, is_nonconformity, err) != 0 ||
        check_text("--no-notice", given->no_notice, false, err) != 0 ||
        check_told(act->item, given->no_notice, err) != 0 || put_text(act->body, "text", given->text, err) != 0 ||
        put_text(act->body, "cause", given->cause, err) != 0 ||
        put_text(act->body, "correction", given->correction, err) != 0 ||
        put_text(act->body, "no_notice", given->no_notice, err) != 0)
        return -1;
    return act_finish(act, ret, err);
}

enum hikae_status hikae_incident_close(struct hikae *hikae, const char *kind, const char *id,
                                       const struct hikae_incident_closing *given, struct hikae_incidents *ret,
                                       struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    struct act act = {.hikae = hikae, .facts.lock_fd = -1};
    enum engine_operation operation =
        strcmp(kind, HIKAE_INCIDENT) == 0 ? OPERATION_INCIDENT_CLOSE : OPERATION_NONCONFORMITY_CLOSE;
    *ret = (struct hikae_incidents){0};
    if (engine_audit_begin(hikae, operation, NULL, given->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = close_one(&act, kind, id, given, ret, &err);
    engine_audit_detail(&audit, "incident", act.id);
    act_end(&act);
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
