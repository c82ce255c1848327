/* log list: what was taken in, and what the policies want to be and is not. */
#include "base/mem.h"
#include "ops/kept_log.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct hikae *hikae;
    const struct policies *policies;
    const char *class_name; /* NULL: all */
    int64_t now_ns;
    struct hikae_logs *ret;
};

static const struct hikae_log *find(const struct hikae_logs *logs, size_t from, const char *class_name,
                                    const char *period)
{
    for (size_t i = from; i < logs->count; i++)
        if (strcmp(logs->logs[i].class_name, class_name) == 0 && strcmp(logs->logs[i].period, period) == 0)
            return &logs->logs[i];
    return NULL;
}

/* What is due of one class, month by month from the one in which the tenant came under its policy. */
static int add_due(struct listing *listing, const struct session *session, const struct kept_rule *rule, size_t first,
                   struct error *err)
{
    const struct history *history = &session->chain.history;
    int64_t since_ns = history->stage_count > 0 ? history->stages[0].time_ns : listing->now_ns;
    int64_t month = zone_period(rule->zone, ZONE_MONTH, since_ns);
    for (; zone_period_start(rule->zone, ZONE_MONTH, month + 1) <= listing->now_ns; month++) {
        char period[ZONE_TEXT_SIZE];
        int64_t ends_ns = zone_period_start(rule->zone, ZONE_MONTH, month + 1);
        /* What would be over by now is not asked for any more. */
        if (find(listing->ret, first, rule->log->name, zone_period_format(rule->zone, ZONE_MONTH, month, period)) !=
                NULL ||
            span_add(rule->log->keep, rule->zone, ends_ns, 1) <= listing->now_ns)
            continue;
        struct hikae_log *log = kept_logs_add(listing->ret);
        if (log == NULL)
            return error_no_memory(err);
        log->tenant = mem_strdup(session->tenant);
        log->policy = mem_strdup(rule->policy->name);
        log->class_name = mem_strdup(rule->log->name);
        log->source = mem_strdup(KEPT_LOG_SOURCE);
        log->period = mem_strdup(period);
        log->format = mem_strdup(policy_log_words[rule->log->format]);
        if (log->tenant == NULL || log->policy == NULL || log->class_name == NULL || log->source == NULL ||
            log->period == NULL || log->format == NULL)
            return error_no_memory(err);
        log->from_ns = zone_period_start(rule->zone, ZONE_MONTH, month);
        log->to_ns = ends_ns;
        log->due_ns = kept_rule_due(rule, ends_ns);
        log->state = log->due_ns > listing->now_ns ? "waiting" : "missing";
    }
    return 0;
}

/* Logs are the provider's: of the tenants under a policy the first of the provider's own answers for them. */
static int add_dues(struct listing *listing, const struct session *session, size_t first, struct error *err)
{
    const struct history_tenant *tenant = &session->chain.history.tenant;
    const struct policies_item *item = policies_find(listing->policies, tenant->policy);
    int rc = 0;
    if (item == NULL || item->policy == NULL || strcmp(tenant->class_, "provider") != 0 ||
        strcmp(tenant->state, "active") != 0)
        return 0;
    for (size_t i = 0; rc == 0 && i < item->policy->log_count; i++) {
        const struct policy_log *log = &item->policy->logs[i];
        struct kept_rule rule;
        if (log->fetched_by == 0 || (listing->class_name != NULL && strcmp(listing->class_name, log->name) != 0))
            continue;
        rc = kept_rule_open(listing->hikae, item->policy, log->name, &rule, err);
        if (rc == 0)
            rc = add_due(listing, session, &rule, first, err);
        kept_rule_close(&rule);
    }
    return rc;
}

static int list_session(struct listing *listing, const struct session *session, struct error *err)
{
    const struct history *history = &session->chain.history;
    size_t first = listing->ret->count;
    for (size_t i = 0; i < history->fact_count; i++) {
        if (history->facts[i].type != RECORD_KEPT_LOG)
            continue;
        struct hikae_log *log = kept_logs_add(listing->ret);
        if (log == NULL)
            return error_no_memory(err);
        if (kept_log_read(session, &history->facts[i], listing->now_ns, log, err) != 0)
            return -1;
        if (listing->class_name != NULL && strcmp(listing->class_name, log->class_name) != 0) {
            kept_log_clear(log);
            listing->ret->count--;
        }
    }
    return history->has_tenant ? add_dues(listing, session, first, err) : 0;
}

static int list_tenant(const char *tenant, void *context, struct error *err)
{
    struct listing *listing = context;
    struct catalog_tenant row = {0};
    struct session session;
    /* Customers' tenants hold none. */
    if (catalog_tenant_by_name(listing->hikae->catalog, tenant, &row, err) != 0)
        return -1;
    bool skip = strcmp(row.class, "provider") != 0;
    catalog_tenant_free(&row);
    if (skip)
        return 0;
    if (session_open(listing->hikae, tenant, 0, &session, err) != 0)
        return -1;
    int rc = list_session(listing, &session, err);
    session_close(&session);
    return rc;
}

static int compare_logs(const void *a, const void *b)
{
    const struct hikae_log *x = a, *y = b;
    int order = strcmp(x->tenant, y->tenant);
    if (order == 0)
        order = strcmp(x->class_name, y->class_name);
    if (order == 0)
        order = strcmp(x->source, y->source);
    return order != 0 ? order : strcmp(x->period, y->period);
}

static int list(struct listing *listing, const char *tenant, struct error *err)
{
    struct hikae *hikae = listing->hikae;
    if (policies_of(hikae, &listing->policies, err) != 0)
        return -1;
    if (engine_tenants(hikae, err) != 0)
        return -1;
    return engine_each_tenant(hikae, tenant, list_tenant, listing, err);
}

enum hikae_status hikae_log_list(struct hikae *hikae, const char *tenant, const char *class_name,
                                 struct hikae_logs *ret, struct hikae_error *error)
{
    struct error err = {0};
    struct listing listing = {.hikae = hikae, .class_name = class_name, .now_ns = clock_now_ns(), .ret = ret};
    bool warnings = false;
    *ret = (struct hikae_logs){0};
    int rc = list(&listing, tenant, &err);
    if (rc == 0 && ret->count > 0)
        qsort(ret->logs, ret->count, sizeof(*ret->logs), compare_logs);
    for (size_t i = 0; i < ret->count; i++)
        warnings = warnings || strcmp(ret->logs[i].state, "missing") == 0 || strcmp(ret->logs[i].state, "lost") == 0;
    if (rc != 0)
        hikae_logs_free(ret);
    return api_result(rc, warnings, &err, error);
}
