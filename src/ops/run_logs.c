#include "ops/run_logs.h"

#include "audit/leaf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit.h"

#include <stdio.h>
#include <string.h>

static const struct catalog_job *known(const struct run_plan *plan, const struct id *store)
{
    for (size_t i = 0; i < plan->known_count; i++)
        if (id_equal(&plan->known[i].tid, store) && strcmp(plan->known[i].job, RUN_JOB_LOGS) == 0)
            return &plan->known[i];
    return NULL;
}

void run_logs_due(const struct run_plan *plan, int64_t now_ns, struct schedule_due *ret)
{
    /* Days since 1970: no zone is needed for once a day. */
    const int64_t day_ns = INT64_C(86400) * NS_PER_S;
    const struct catalog_job *last = known(plan, &plan->store);
    bool done = last != NULL && civil_floor_div(last->done_ns, day_ns) >= civil_floor_div(now_ns, day_ns);
    *ret = (struct schedule_due){
        .state = done ? SCHEDULE_DONE : SCHEDULE_DUE, .at_ns = now_ns, .ends_ns = now_ns + day_ns};
}

/* ---- hikae's own log ---- */

void run_logs_keep(const struct policies *policies, char texts[][SPAN_TEXT_SIZE], const char *ret[], size_t count)
{
    for (size_t class = 0; class < count; class ++) {
        struct span longest = {0};
        for (size_t i = 0; i < policies->count; i++) {
            const struct policy *policy = policies->items[i].policy;
            for (size_t k = 0; policy != NULL && k < policy->log_count; k++)
                if (strcmp(policy->logs[k].name, audit_class_name((enum audit_class) class)) == 0 &&
                    span_longest_s(policy->logs[k].keep) > span_longest_s(longest))
                    longest = policy->logs[k].keep;
        }
        /* A version that cannot be read may promise more. */
        bool unread = false;
        for (size_t i = 0; i < policies->count; i++)
            unread = unread || policies->items[i].policy == NULL;
        ret[class] = span_is_set(longest) && !unread ? span_format(longest, texts[class]) : NULL;
    }
}

/* Only what is over: a day on which nothing is leaves no entry. */
static enum hikae_status expire(struct hikae *hikae, const struct policies *policies, uint64_t *ret_expired,
                                struct hikae_error *error)
{
    static const struct span least = {3, SPAN_YEARS}; /* of evidence, see hikae_audit_expire */
    struct hikae_audit_expire_options options = {.dry_run = true};
    struct hikae_audit_expire_result result = {0};
    char texts[AUDIT_CLASS_COUNT][SPAN_TEXT_SIZE];
    struct span evidence;
    bool any = false;
    run_logs_keep(policies, texts, options.keep, AUDIT_CLASS_COUNT);
    const char *keep = options.keep[AUDIT_EVIDENCE];
    if (keep != NULL && (span_parse(keep, &evidence, NULL) != 0 || span_shortest_s(evidence) < span_shortest_s(least)))
        options.keep[AUDIT_EVIDENCE] = NULL;
    for (size_t i = 0; i < AUDIT_CLASS_COUNT; i++)
        any = any || options.keep[i] != NULL;
    *ret_expired = 0;
    if (!any)
        return HIKAE_OK;
    enum hikae_status status = hikae_audit_expire(hikae, &options, &result, error);
    bool over = status <= HIKAE_WARNINGS && result.expired > 0;
    hikae_audit_expire_result_free(&result);
    if (!over)
        return status;
    options.dry_run = false;
    status = hikae_audit_expire(hikae, &options, &result, error);
    *ret_expired = result.expired;
    hikae_audit_expire_result_free(&result);
    return status;
}

/* ---- Logs of other systems ---- */

struct missing {
    struct hikae *hikae;
    const struct run_plan *plan;
    const struct hikae_incidents *incidents;
    struct misses *misses;
    size_t count; /* that nobody has answered for yet */
};

static int take_missing(struct missing *missing, const struct hikae_log *log, struct error *err)
{
    const struct policies_item *policy = policies_find(&missing->plan->policies, log->policy);
    bool lost = strcmp(log->state, "lost") == 0;
    if ((!lost && strcmp(log->state, "missing") != 0) || policy == NULL)
        return 0;
    const struct missed missed = {.what = RUN_JOB_LOGS,
                                  .policy = policy->name,
                                  .subject = log->class_name,
                                  .since_ns = log->due_ns != 0 ? log->due_ns : log->to_ns};
    if (misses_are_settled(missing->incidents, &missed))
        return 0;
    missing->count++;
    engine_warn(missing->hikae, "the %s logs of %s %s", log->class_name, log->period,
                lost ? "are gone, although their time is not over"
                     : "were not taken in by the day that is promised: hikae log ingest takes them in late");
    return misses_add(missing->misses, &missed, err);
}

static int take_all_missing(struct missing *missing, const struct hikae_logs *logs, struct error *err)
{
    struct session facts;
    struct hikae_incidents incidents CLEANUP(hikae_incidents_free) = {0};
    if (session_open_store(missing->hikae, 0, &facts, err) != 0)
        return -1;
    int rc = incidents_read(&facts, NULL, clock_now_ns(), &incidents, err);
    session_close(&facts);
    missing->incidents = &incidents;
    for (size_t i = 0; rc == 0 && i < logs->count; i++)
        rc = take_missing(missing, &logs->logs[i], err);
    return rc;
}

static enum hikae_status look_for_missing(struct hikae *hikae, const struct run_plan *plan, struct misses *misses,
                                          struct hikae_logs *logs, size_t *ret_missing, struct hikae_error *error)
{
    struct error err = {0};
    struct missing missing = {.hikae = hikae, .plan = plan, .misses = misses};
    enum hikae_status status = hikae_log_list(hikae, NULL, NULL, logs, error);
    if (status > HIKAE_WARNINGS)
        return status;
    int rc = take_all_missing(&missing, logs, &err);
    *ret_missing = missing.count;
    return api_result(rc, missing.count > 0, &err, error);
}

/* ---- The job ---- */

static void remember(struct hikae *hikae, const struct run_plan *plan, int64_t began_ns, enum hikae_status status)
{
    const struct catalog_job *last = known(plan, &plan->store);
    bool good = status <= HIKAE_WARNINGS;
    struct catalog_job row = {.tid = plan->store, .tried_ns = began_ns};
    struct error why = {0};
    (void)snprintf(row.job, sizeof(row.job), "%s", RUN_JOB_LOGS);
    row.done_ns = good ? began_ns : last != NULL ? last->done_ns : 0;
    row.failures = good ? 0 : (last != NULL ? last->failures : 0) + 1;
    if (catalog_job_put(hikae->catalog, &row, &why) != 0)
        engine_warn(hikae, "that the logs were looked after could not be noted: %s", why.what);
}

enum hikae_status run_logs(struct hikae *hikae, const struct run_plan *plan, struct misses *misses,
                           struct hikae_logs *ret_logs, char **ret_detail, struct hikae_error *error)
{
    *ret_logs = (struct hikae_logs){0};
    uint64_t expired = 0;
    size_t missing = 0;
    int64_t began_ns = clock_now_ns();
    enum hikae_status status = expire(hikae, &plan->policies, &expired, error);
    if (status <= HIKAE_WARNINGS) {
        enum hikae_status looked = look_for_missing(hikae, plan, misses, ret_logs, &missing, error);
        status = looked > status ? looked : status;
    }
    *ret_detail = mem_printf("%llu entries expired, %zu logs missing", (unsigned long long)expired, missing);
    remember(hikae, plan, began_ns, status);
    return status;
}
