/* The deadlines of an incident: by which policies, from when, and by when. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/incident.h"
#include "ops/policies.h"
#include "ops/policy_files.h"
#include "policy/due.h"

#include <string.h>

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

/* Zone and calendar of one policy, for as long as its rows are reckoned. */
struct clockwork {
    struct zone *zone;
    struct calendar *calendar;
};

static int clockwork_open(const struct hikae *hikae, const char *zone, const char *calendar, struct clockwork *ret,
                          struct error *err)
{
    *ret = (struct clockwork){0};
    if (zone_open(zone, &ret->zone, err) == 0 &&
        policy_files_calendar(hikae->config->path, calendar, &ret->calendar, NULL, err) == 0)
        return 0;
    zone_free(ret->zone);
    return -1;
}

static void clockwork_close(struct clockwork *clockwork)
{
    zone_free(clockwork->zone);
    calendar_free(clockwork->calendar);
}

/* Set "due" and "by_rule" of a row that counts from this instant (0: not known). */
static int set_due(json_t *row, const struct clockwork *clockwork, int64_t from_ns, struct error *err)
{
    bool by_rule = false;
    char text[CLOCK_TEXT_SIZE];
    const json_t *days = json_object_get(row, "business_days");
    struct span within = {0};
    if (days == NULL && span_parse(text_of(row, "within"), &within, err) != 0)
        return -1;
    int64_t due_ns = from_ns != 0 ? due_notice(within, (unsigned)json_integer_value(days), clockwork->zone,
                                               clockwork->calendar, from_ns, &by_rule)
                                  : 0;
    json_t *due = due_ns != 0 ? json_string(clock_format(due_ns, text)) : json_null();
    bool ok =
        json_object_set_new(row, "due", due) == 0 && json_object_set_new(row, "by_rule", json_boolean(by_rule)) == 0;
    return ok ? 0 : error_no_memory(err);
}

static const char *const instants[] = {
    [POLICY_FROM_OCCURRENCE] = "occurred", [POLICY_FROM_AWARENESS] = "aware", [POLICY_FROM_CONFIRMATION] = "confirmed"};

static int64_t instant_of(const json_t *body, enum policy_from from)
{
    int64_t ns = 0;
    const char *text = text_of(body, instants[from]);
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static json_t *words_json(const struct policy_words *words)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < words->count; i++)
        if (json_array_append_new(list, json_string(words->items[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static int add_row(json_t *rows, const struct policy *policy, const struct policy_notice *rule,
                   const struct clockwork *clockwork, int64_t from_ns, struct error *err)
{
    char span[SPAN_TEXT_SIZE];
    CLEANUP_FREE char *within = span_is_set(rule->within) ? mem_strdup(span_format(rule->within, span))
                                                          : mem_printf("%u business day%s", rule->business_days,
                                                                       rule->business_days == 1 ? "" : "s");
    if (within == NULL)
        return error_no_memory(err);
    json_t *row = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o}", "policy", policy->name, "keeps",
                            words_json(&rule->rule.keeps), "from", policy_from_words[rule->from], "within", within,
                            "strength", policy_strength_words[rule->strength], "zone", policy->zone, "calendar",
                            policy->calendar, "channels", words_json(&rule->channels));
    if (row == NULL || (!span_is_set(rule->within) &&
                        json_object_set_new(row, "business_days", json_integer(rule->business_days)) != 0)) {
        json_decref(row);
        return error_no_memory(err);
    }
    int rc = set_due(row, clockwork, from_ns, err);
    if (rc == 0 && json_array_append(rows, row) != 0)
        rc = error_no_memory(err);
    json_decref(row);
    return rc;
}

static int add_policy(struct hikae *hikae, json_t *rows, const struct policy *policy, const json_t *body,
                      struct error *err)
{
    const char *about = text_of(body, "about");
    struct clockwork clockwork;
    if (policy->notice_count == 0)
        return 0;
    if (clockwork_open(hikae, policy->zone, policy->calendar, &clockwork, err) != 0)
        return error_wrap(err, "policy %s", policy->name);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < policy->notice_count; i++) {
        const struct policy_notice *rule = &policy->notices[i];
        if (strcmp(rule->event, about) == 0)
            rc = add_row(rows, policy, rule, &clockwork, instant_of(body, rule->from), err);
    }
    clockwork_close(&clockwork);
    return rc;
}

int incident_deadlines(struct session *facts, const char *const *names, size_t count, json_t *body, struct error *err)
{
    struct policies policies = {0};
    json_t *rows = json_array();
    if (json_object_set_new(body, "deadlines", rows) != 0)
        return error_no_memory(err);
    int rc = policies_read(facts, &policies, err);
    for (size_t i = 0; rc == 0 && count == 0 && i < policies.count; i++)
        if (policies.items[i].policy != NULL)
            rc = add_policy(facts->hikae, rows, policies.items[i].policy, body, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct policy *policy;
        rc = policies_get(&policies, names[i], &policy, err);
        if (rc == 0)
            rc = add_policy(facts->hikae, rows, policy, body, err);
    }
    policies_clear(&policies);
    return rc;
}

int incident_deadlines_confirm(struct hikae *hikae, json_t *rows, int64_t confirmed_ns, struct error *err)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const char *from = text_of(row, "from"), *zone = text_of(row, "zone"), *calendar = text_of(row, "calendar");
        struct clockwork clockwork;
        if (from == NULL || zone == NULL || calendar == NULL || text_of(row, "due") != NULL ||
            strcmp(from, policy_from_words[POLICY_FROM_CONFIRMATION]) != 0)
            continue;
        if (clockwork_open(hikae, zone, calendar, &clockwork, err) != 0)
            return -1;
        int rc = set_due(row, &clockwork, confirmed_ns, err);
        clockwork_close(&clockwork);
        if (rc != 0)
            return -1;
    }
    return 0;
}
