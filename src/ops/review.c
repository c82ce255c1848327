/* Reviews: which are owed, which were done, and recording one. */
#include "ops/review.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ops/audit.h"
#include "ops/policy_files.h"
#include "policy/due.h"

#include <stdlib.h>
#include <string.h>

enum { COMMENT_MAX = 8000, NAME_MAX_BYTES = 200 };

void hikae_reviews_free(struct hikae_reviews *reviews)
{
    for (size_t i = 0; i < reviews->count; i++) {
        json_decref(reviews->reviews[i].memory);
        mem_free(reviews->reviews[i].signed_by);
    }
    for (size_t i = 0; i < reviews->due_count; i++) {
        mem_free(reviews->dues[i].policy);
        mem_free(reviews->dues[i].of);
    }
    mem_free(reviews->reviews);
    mem_free(reviews->dues);
    *reviews = (struct hikae_reviews){0};
}

/* ---- What was looked at ---- */

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

static int take_review(const struct session *facts, const struct history_fact *fact, struct hikae_reviews *ret,
                       struct error *err)
{
    json_t *body = NULL;
    if (fact->type != RECORD_REVIEW)
        return 0;
    if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
        return -1;
    if (body == NULL || text_of(body, "of") == NULL || text_of(body, "period") == NULL ||
        text_of(body, "who") == NULL) {
        json_decref(body);
        return 0;
    }
    struct hikae_review *grown = mem_realloc(ret->reviews, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        json_decref(body);
        return error_no_memory(err);
    }
    ret->reviews = grown;
    const char *comment = text_of(body, "comment");
    grown[ret->count++] = (struct hikae_review){.of = text_of(body, "of"),
                                                .period = text_of(body, "period"),
                                                .policy = text_of(body, "policy"),
                                                .who = text_of(body, "who"),
                                                .comment = comment != NULL ? comment : "",
                                                .owner = text_of(body, "owner"),
                                                .signature = text_of(body, "signature"),
                                                .time_ns = fact->time_ns,
                                                .memory = body};
    return review_signer(facts, body, fact->time_ns, &grown[ret->count - 1].signed_by, err);
}

static int compare_reviews(const void *a, const void *b)
{
    const struct hikae_review *x = a, *y = b;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static int take_reviews(const struct session *facts, struct hikae_reviews *ret, struct error *err)
{
    const struct history *history = &facts->chain.history;
    for (size_t i = 0; i < history->past_count; i++)
        if (take_review(facts, &history->past[i], ret, err) != 0)
            return -1;
    for (size_t i = 0; i < history->fact_count; i++)
        if (take_review(facts, &history->facts[i], ret, err) != 0)
            return -1;
    if (ret->count > 0)
        qsort(ret->reviews, ret->count, sizeof(*ret->reviews), compare_reviews);
    return 0;
}

bool review_is_sound(const struct hikae_review *review)
{
    return review->signature == NULL || review->signed_by != NULL;
}

/* ---- What is owed ---- */

int64_t reviews_policy_since(const struct session *facts, const char *policy)
{
    const struct history *history = &facts->chain.history;
    int64_t since_ns = 0;
    for (size_t i = 0; i < history->past_count + history->fact_count; i++) {
        const struct history_fact *fact =
            i < history->past_count ? &history->past[i] : &history->facts[i - history->past_count];
        if (fact->type == RECORD_POLICY && strcmp(fact->key, policy) == 0 &&
            (since_ns == 0 || fact->time_ns < since_ns))
            since_ns = fact->time_ns;
    }
    return since_ns;
}

/* What the looks of one policy are reckoned by. */
struct owing {
    const struct policy *policy;
    struct zone *zone;
    struct calendar *calendar;
    int64_t since_ns, from_ns, to_ns, now_ns;
    struct hikae_reviews *ret;
};

/* Does it say that somebody looked at this, within that period? One whose signature does not count says nothing. */
static bool counts_for(const struct owing *owing, const struct hikae_review *review, const struct policy_review *rule,
                       const struct due_period *period)
{
    int64_t starts_ns, ends_ns;
    return strcmp(review->of, rule->of) == 0 && review_is_sound(review) &&
           (!rule->is_signed || review->signed_by != NULL) &&
           (review->policy == NULL || strcmp(review->policy, owing->policy->name) == 0) &&
           due_parse_period(review->period, owing->zone, &starts_ns, &ends_ns) && starts_ns >= period->starts_ns &&
           ends_ns <= period->ends_ns;
}

static int add_due(const struct owing *owing, const struct policy_review *rule, const struct due_period *period,
                   struct error *err)
{
    struct hikae_reviews *ret = owing->ret;
    struct hikae_review_due *grown = mem_realloc(ret->dues, (ret->due_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->dues = grown;
    struct hikae_review_due *due = &grown[ret->due_count++];
    *due = (struct hikae_review_due){.policy = mem_strdup(owing->policy->name),
                                     .of = mem_strdup(rule->of),
                                     .starts_ns = period->starts_ns,
                                     .ends_ns = period->ends_ns,
                                     .due_ns = period->due_ns,
                                     .by_rule = period->by_rule};
    for (size_t i = 0; i < ret->count && due->done_ns == 0; i++)
        if (counts_for(owing, &ret->reviews[i], rule, period))
            due->done_ns = ret->reviews[i].time_ns;
    if (due->done_ns != 0)
        due->state = due->done_ns < due->due_ns ? "done" : "late";
    else
        due->state = owing->now_ns < due->due_ns ? "open" : "missed";
    return due->policy != NULL && due->of != NULL ? 0 : error_no_memory(err);
}

/* The periods of one rule that touch what is asked for, have begun, and were not half over when it came into force. */
static int owe_rule(const struct owing *owing, const struct policy_review *rule, struct error *err)
{
    struct due_period period;
    int64_t at_ns = owing->from_ns > owing->since_ns ? owing->from_ns : owing->since_ns;
    for (; at_ns < owing->to_ns && at_ns <= owing->now_ns; at_ns = period.ends_ns) {
        due_review(rule, owing->zone, owing->calendar, at_ns, &period);
        if (due_is_owed(&period, owing->since_ns) && add_due(owing, rule, &period, err) != 0)
            return -1;
    }
    return 0;
}

static int owe_policy(const struct session *facts, const struct policy *policy, struct owing *owing, struct error *err)
{
    owing->policy = policy;
    owing->since_ns = reviews_policy_since(facts, policy->name);
    if (policy->review_count == 0)
        return 0;
    if (zone_open(policy->zone, &owing->zone, err) != 0)
        return -1;
    int rc = policy_files_calendar(facts->hikae->config->path, policy->calendar, &owing->calendar, NULL, err);
    for (size_t i = 0; rc == 0 && i < policy->review_count; i++)
        rc = owe_rule(owing, &policy->reviews[i], err);
    calendar_free(owing->calendar);
    zone_free(owing->zone);
    owing->calendar = NULL;
    owing->zone = NULL;
    return rc == 0 ? 0 : error_wrap(err, "policy %s", policy->name);
}

int reviews_read(const struct session *facts, int64_t from_ns, int64_t to_ns, int64_t now_ns, struct hikae_reviews *ret,
                 struct error *err)
{
    struct policies policies = {0};
    struct owing owing = {.from_ns = from_ns, .to_ns = to_ns, .now_ns = now_ns, .ret = ret};
    *ret = (struct hikae_reviews){0};
    int rc = take_reviews(facts, ret, err);
    if (rc == 0)
        rc = policies_read(facts, &policies, err);
    for (size_t i = 0; rc == 0 && i < policies.count; i++)
        if (policies.items[i].policy != NULL && policies.items[i].applied_ns != 0)
            rc = owe_policy(facts, policies.items[i].policy, &owing, err);
    policies_clear(&policies);
    if (rc != 0)
        hikae_reviews_free(ret);
    return rc;
}

enum hikae_status hikae_review_list(struct hikae *hikae, int64_t from_ns, int64_t to_ns, struct hikae_reviews *ret,
                                    struct hikae_error *error)
{
    struct error err = {0};
    struct session facts;
    *ret = (struct hikae_reviews){0};
    int rc = session_open_store(hikae, 0, &facts, &err);
    if (rc == 0) {
        rc = reviews_read(&facts, from_ns, to_ns, clock_now_ns(), ret, &err);
        session_close(&facts);
    }
    return api_result(rc, false, &err, error);
}

/* ---- The zone of the house ---- */

struct count {
    const struct policies *policies;
    size_t *tenants; /* by policy */
};

static int count_tenant(const struct catalog_tenant *tenant, void *context, struct error *err)
{
    struct count *count = context;
    (void)err;
    for (size_t i = 0; i < count->policies->count; i++)
        count->tenants[i] +=
            strcmp(count->policies->items[i].name, tenant->policy) == 0 && strcmp(tenant->state, "erased") != 0;
    return 0;
}

int reviews_home_zone(struct hikae *hikae, const struct policies *policies, struct zone **ret, struct error *err)
{
    const struct policies_item *most = NULL;
    size_t tenants = 0;
    CLEANUP_FREE size_t *counts = mem_calloc(policies->count + 1, sizeof(*counts));
    struct count count = {policies, counts};
    if (counts == NULL)
        return error_no_memory(err);
    if (catalog_tenant_each(hikae->catalog, count_tenant, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < policies->count; i++)
        if (policies->items[i].policy != NULL && counts[i] > tenants) {
            most = &policies->items[i];
            tenants = counts[i];
        }
    return zone_open(most != NULL ? most->policy->zone : "UTC", ret, err);
}

int reviews_find_home_zone(struct hikae *hikae, struct zone **ret, struct error *err)
{
    struct policies policies = {0};
    struct session facts;
    if (session_open_store(hikae, 0, &facts, err) != 0)
        return -1;
    int rc = policies_read(&facts, &policies, err);
    if (rc == 0)
        rc = reviews_home_zone(hikae, &policies, ret, err);
    policies_clear(&policies);
    session_close(&facts);
    return rc;
}

/* ---- Recording one ---- */

static int check_text(const char *what, const char *text, bool needed, size_t max, struct error *err)
{
    if ((text == NULL || text[0] == '\0') && needed) {
        (void)error_set(err, ERROR_USAGE, "%s is missing", what);
        return error_hint(err, "who looked and what they saw is what the record is for");
    }
    if (text != NULL && strlen(text) > max)
        return error_set(err, ERROR_USAGE, "%s is longer than %zu bytes", what, max);
    return 0;
}

static int open_zone(const struct session *facts, const char *name, struct zone **ret, struct error *err)
{
    struct policies policies = {0};
    const struct policy *policy = NULL;
    int rc = policies_read(facts, &policies, err);
    if (rc == 0 && name != NULL)
        rc = policies_get(&policies, name, &policy, err);
    if (rc == 0)
        rc = policy != NULL ? zone_open(policy->zone, ret, err) : reviews_home_zone(facts->hikae, &policies, ret, err);
    policies_clear(&policies);
    return rc;
}

/* The period as it was given, or today; what has not begun cannot have been looked at. */
static int take_period(const struct session *facts, const struct hikae_review_options *options, char **ret,
                       struct error *err)
{
    struct zone *zone = NULL;
    char today[ZONE_TEXT_SIZE];
    int64_t now_ns = clock_now_ns(), starts_ns, ends_ns;
    if (open_zone(facts, options->policy, &zone, err) != 0)
        return -1;
    (void)zone_period_format(zone, ZONE_DAY, zone_period(zone, ZONE_DAY, now_ns), today);
    const char *period = options->period != NULL ? options->period : today;
    bool is_period = due_parse_period(period, zone, &starts_ns, &ends_ns);
    zone_free(zone);
    if (!is_period) {
        (void)error_set(err, ERROR_USAGE, "'%.40s' is no period", period);
        return error_hint(err, "a day, week, month or year: 2026-11-21, 2026-W47, 2026-11, 2026");
    }
    if (starts_ns > now_ns)
        return error_set(err, ERROR_USAGE, "%s has not begun", period);
    *ret = mem_strdup(period);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int make_body(const struct hikae_review_options *options, const char *period, json_t **ret, struct error *err)
{
    *ret = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s?}", "of", options->of != NULL ? options->of : "backups", "period",
                     period, "policy", options->policy, "who", options->who, "comment", options->comment, "owner",
                     options->owner);
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_USAGE, "what is said of the look is no UTF-8");
    return error_hint(err, "write it in UTF-8");
}

static int acknowledge(struct hikae *hikae, const struct hikae_review_options *options, char **ret_period,
                       struct error *err)
{
    struct session facts;
    json_t *body CLEANUP_JSON = NULL;
    if (check_text("--who", options->who, true, NAME_MAX_BYTES, err) != 0 ||
        check_text("--comment", options->comment, true, COMMENT_MAX, err) != 0 ||
        check_text("--of", options->of, false, NAME_MAX_BYTES, err) != 0 ||
        check_text("--owner", options->owner, false, NAME_MAX_BYTES, err) != 0 ||
        session_open_store(hikae, options->dry_run ? 0 : SESSION_LOCK, &facts, err) != 0)
        return -1;
    int rc = take_period(&facts, options, ret_period, err);
    if (rc == 0)
        rc = make_body(options, *ret_period, &body, err);
    if (rc == 0 && options->operator_file != NULL)
        rc = review_sign(&facts, body, options->operator_file, options->passphrase_file, err);
    if (rc == 0 && !options->dry_run)
        rc = facts_append(&facts, RECORD_REVIEW, body, err);
    session_close(&facts);
    return rc;
}

enum hikae_status hikae_review_ack(struct hikae *hikae, const struct hikae_review_options *options, char **ret_period,
                                   struct hikae_error *error)
{
    struct error err = {0};
    struct engine_audit audit;
    *ret_period = NULL;
    if (engine_audit_begin(hikae, OPERATION_REVIEW_ACK, NULL, options->dry_run, &audit, &err) != 0)
        return api_result(-1, false, &err, error);
    int rc = acknowledge(hikae, options, ret_period, &err);
    engine_audit_detail(&audit, "of", options->of != NULL ? options->of : "backups");
    engine_audit_detail(&audit, "period", *ret_period);
    engine_audit_detail(&audit, "who", options->who);
    if (rc == 0 && options->operator_file != NULL)
        engine_audit_operator(&audit, options->who);
    if (rc != 0) {
        mem_free(*ret_period);
        *ret_period = NULL;
    }
    return engine_audit_end(&audit, api_result(rc, false, &err, error));
}
