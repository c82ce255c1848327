/* Facts of the store's own history: versions of policies, targets, attestations; and what is not met here. */
#include "ops/evidence_gather.h"

#include "base/mem.h"
#include "ops/audit_read.h"
#include "ops/policies.h"
#include "ops/policy_files.h"
#include "ops/policy_place.h"

#include <stdlib.h>
#include <string.h>

/* Every fact of a type, those that later ones replaced too, in no order. */
typedef int fact_work(struct evidence_gathering *g, const struct history_fact *fact, const json_t *body,
                      struct error *err);

static int each_fact(struct evidence_gathering *g, enum record_type type, fact_work *work, struct error *err)
{
    const struct history *history = &g->store.chain.history;
    for (size_t i = 0; i < history->fact_count + history->past_count; i++) {
        const struct history_fact *fact =
            i < history->fact_count ? &history->facts[i] : &history->past[i - history->fact_count];
        CLEANUP_JSON json_t *body = NULL;
        if (fact->type != type)
            continue;
        if (json_parse(fact->body, strlen(fact->body), &body, err) != 0 || work(g, fact, body, err) != 0)
            return -1;
    }
    return g->arena->failed ? error_no_memory(err) : 0;
}

/* ---- Versions ---- */

/* Zones belong to the gathering, and are closed with it. */
static int open_zone(struct evidence_gathering *g, const char *name, const struct zone **ret, struct error *err)
{
    struct zone **place = arena_add(g->arena, &g->zones, &g->zone_count, sizeof(struct zone *));
    if (place == NULL)
        return error_no_memory(err);
    int rc = zone_open(name, place, err);
    *ret = *place;
    return rc;
}

static int open_zones(struct evidence_gathering *g, struct evidence_version *version, struct error *err)
{
    const struct policy *policy = version->policy;
    const struct zone **logs = arena_alloc(g->arena, policy->log_count * sizeof(*logs));
    if (logs == NULL)
        return error_no_memory(err);
    int rc = open_zone(g, policy->zone, &version->zone, err);
    if (rc == 0)
        rc =
            open_zone(g, policy->schedule.rule.present ? policy->schedule.zone : policy->zone, &version->schedule, err);
    for (size_t i = 0; rc == 0 && i < policy->log_count; i++)
        rc = open_zone(g, policy->logs[i].zone, &logs[i], err);
    version->logs = logs;
    return rc;
}

static int open_calendar(struct evidence_gathering *g, struct evidence_version *version, struct error *err)
{
    struct error why = {0};
    struct calendar **place = arena_add(g->arena, &g->calendars, &g->calendar_count, sizeof(struct calendar *));
    if (place == NULL)
        return error_no_memory(err);
    if (policy_files_calendar(g->hikae->config->path, version->policy->calendar, place, NULL, &why) != 0)
        engine_warn(g->hikae, "business days of policy %s are not known: %s", version->name, why.what);
    version->calendar = *place;
    return 0;
}

static int keep_policy(struct evidence_gathering *g, struct evidence_version *version, const char *text, size_t size,
                       struct error *err)
{
    struct policy **place = arena_add(g->arena, &g->policies, &g->policy_count, sizeof(struct policy *));
    if (place == NULL)
        return error_no_memory(err);
    if (policy_parse(version->name, text, size, place, err) != 0)
        return error_wrap(err, "the version of policy %s of its time", version->name);
    version->policy = *place;
    if (open_zones(g, version, err) != 0)
        return error_wrap(err, "the version of policy %s of its time", version->name);
    return open_calendar(g, version, err);
}

static const char *join(struct evidence_gathering *g, const json_t *body, const char *name, const char *member)
{
    const json_t *list = json_object_get(body, name), *item;
    const char *all = NULL;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_object_get(item, member));
        if (text != NULL)
            all = arena_printf(g->arena, "%s%s%s", all != NULL ? all : "", all != NULL ? " " : "", text);
    }
    return all;
}

static void take_accepted(struct evidence_gathering *g, const struct evidence_version *version, const json_t *body)
{
    const json_t *list = json_object_get(body, "accepted"), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct evidence_unmet *unmet = arena_add(g->arena, &g->unmet, &g->facts->unmet_count, sizeof(*g->unmet));
        if (unmet == NULL)
            return;
        *unmet = (struct evidence_unmet){.policy = version->name,
                                         .rule = evidence_body_text(g->arena, item, "rule"),
                                         .what = evidence_body_text(g->arena, item, "what"),
                                         .accepted_ns = version->applied_ns};
        if (unmet->rule == NULL)
            unmet->rule = "";
    }
}

static int take_version(struct evidence_gathering *g, const struct history_fact *fact, const json_t *body,
                        struct error *err)
{
    const json_t *text = json_object_get(body, "text");
    if (g->options->policy != NULL && strcmp(g->options->policy, fact->key) != 0)
        return 0;
    if (!json_is_string(text))
        return error_set(err, ERROR_DAMAGED, "the record of policy %.100s holds no text", fact->key);
    struct evidence_version *version =
        arena_add(g->arena, &g->versions, &g->facts->version_count, sizeof(*g->versions));
    if (version == NULL)
        return error_no_memory(err);
    version->name = arena_text(g->arena, fact->key);
    version->sha256 = evidence_body_text(g->arena, body, "sha256");
    version->approved_by = join(g, body, "approvals", "operator");
    version->accepted = join(g, body, "accepted", "rule");
    version->applied_ns = fact->time_ns;
    take_accepted(g, version, body);
    return keep_policy(g, version, json_string_value(text), json_string_length(text), err);
}

static int compare_versions(const void *a, const void *b)
{
    const struct evidence_version *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->applied_ns > y->applied_ns) - (x->applied_ns < y->applied_ns);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where no policy was ever applied, nothing else reads the period. */
static int check_period(const char *period, struct error *err)
{
    int64_t from_ns, to_ns;
    struct zone *utc = NULL;
    int rc = zone_open("UTC", &utc, err) == 0 ? audit_parse_period(period, utc, &from_ns, &to_ns, err) : -1;
    zone_free(utc);
    return rc;
}

/* Each version's part of the period, which is one of its own zone; those without a part go. */
static int cut_versions(struct evidence_gathering *g, struct error *err)
{
    struct evidence_facts *facts = g->facts;
    size_t kept = 0;
    if (facts->version_count > 0)
        qsort(g->versions, facts->version_count, sizeof(*g->versions), compare_versions);
    facts->from_ns = INT64_MAX;
    facts->to_ns = INT64_MIN;
    for (size_t i = 0; i < facts->version_count; i++)
        g->versions[i].since_ns = i > 0 && strcmp(g->versions[i - 1].name, g->versions[i].name) == 0
                                      ? g->versions[i - 1].since_ns
                                      : g->versions[i].applied_ns;
    for (size_t i = 0; i < facts->version_count; i++) {
        struct evidence_version version = g->versions[i];
        const struct evidence_version *next = i + 1 < facts->version_count ? &g->versions[i + 1] : NULL;
        bool has_next = next != NULL && strcmp(next->name, version.name) == 0;
        if (audit_parse_period(g->options->period, version.zone, &version.period_from_ns, &version.period_to_ns, err) !=
            0)
            return -1;
        version.in_force = !has_next;
        version.from_ns = later(version.period_from_ns, version.applied_ns);
        version.to_ns = earlier(version.period_to_ns, has_next ? next->applied_ns : INT64_MAX);
        facts->from_ns = earlier(facts->from_ns, version.period_from_ns);
        facts->to_ns = later(facts->to_ns, version.period_to_ns);
        if (version.from_ns >= version.to_ns || version.from_ns > facts->now_ns)
            continue;
        g->versions[kept++] = version;
    }
    bool ahead = facts->version_count > 0 && facts->from_ns > facts->now_ns;
    facts->version_count = kept;
    if (kept > 0)
        return 0;
    if (check_period(g->options->period, err) != 0)
        return -1;
    if (ahead) {
        (void)error_set(err, ERROR_USAGE, "%.60s has not begun: nothing can be said of it yet", g->options->period);
        return error_hint(err, "of the period that has begun what lies ahead is told as not yet due");
    }
    (void)error_set(err, ERROR_NOT_FOUND, "%s%.100s was in force in %.60s",
                    g->options->policy != NULL ? "no version of policy " : "no policy",
                    g->options->policy != NULL ? g->options->policy : "", g->options->period);
    return error_hint(err, "`hikae policy list` shows when each policy was applied");
}

/* ---- Targets ---- */

static int take_target(struct evidence_gathering *g, const struct history_fact *fact, const json_t *body,
                       struct error *err)
{
    struct evidence_target *target = arena_add(g->arena, &g->targets, &g->facts->target_count, sizeof(*g->targets));
    if (target == NULL)
        return error_no_memory(err);
    const char *event = json_string_value(json_object_get(body, "event"));
    const char *url = json_string_value(json_object_get(body, "url"));
    const char *provider = evidence_body_text(g->arena, body, "provider");
    const json_t *checked = json_object_get(body, "checked");
    *target = (struct evidence_target){.name = arena_text(g->arena, fact->key),
                                       .from_ns = fact->time_ns,
                                       .retired = event != NULL && strcmp(event, "retire") == 0,
                                       .recorded = true,
                                       .attested = json_is_true(json_object_get(body, "attested")),
                                       .local = url != NULL && strncmp(url, "file:", 5) == 0,
                                       .country = evidence_body_text(g->arena, body, "country"),
                                       .region = evidence_body_text(g->arena, body, "region"),
                                       .site = evidence_body_text(g->arena, body, "site"),
                                       .tls = evidence_body_text(g->arena, checked, "tls"),
                                       .cipher = evidence_body_text(g->arena, checked, "cipher"),
                                       .lock = evidence_body_text(g->arena, checked, "lock")};
    /* Two targets of which nobody says whose they are may be the same provider's. */
    target->provider = provider != NULL && strcmp(provider, "generic") != 0 ? provider : NULL;
    return 0;
}

static bool is_recorded(const struct evidence_gathering *g, const char *name)
{
    for (size_t i = 0; i < g->facts->target_count; i++)
        if (strcmp(g->targets[i].name, name) == 0)
            return true;
    return false;
}

/* A target of the configuration that no record knows: since when it lies where hikae.yaml says, nobody can tell. */
static int take_unrecorded(struct evidence_gathering *g, struct error *err)
{
    for (size_t i = 0; i < g->hikae->config->target_count; i++) {
        const struct config_target *from = &g->hikae->config->targets[i];
        struct target_traits traits = {0};
        if (is_recorded(g, from->name))
            continue;
        struct evidence_target *target = arena_add(g->arena, &g->targets, &g->facts->target_count, sizeof(*g->targets));
        if (target == NULL)
            return error_no_memory(err);
        if (target_describe(&from->options, &traits, err) != 0)
            return -1;
        *target = (struct evidence_target){
            .name = arena_text(g->arena, from->name),
            .from_ns = INT64_MIN,
            .attested = traits.attested,
            .local = strncmp(from->url, "file:", 5) == 0,
            .country = arena_text(g->arena, traits.country),
            .region = arena_text(g->arena, traits.region),
            .site = arena_text(g->arena, traits.site),
            .provider = strcmp(traits.provider, "generic") != 0 ? arena_text(g->arena, traits.provider) : NULL};
        target_traits_free(&traits);
    }
    return 0;
}

static int compare_targets(const void *a, const void *b)
{
    const struct evidence_target *x = a, *y = b;
    return x->from_ns != y->from_ns ? (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns) : strcmp(x->name, y->name);
}

/* ---- Attestations ---- */

/* Of each document the latest word holds. */
static int take_attestations(struct evidence_gathering *g, struct error *err)
{
    const struct history *history = &g->store.chain.history;
    for (size_t i = 0; i < history->fact_count; i++) {
        const struct history_fact *fact = &history->facts[i];
        CLEANUP_JSON json_t *body = NULL;
        if (fact->type != RECORD_ATTESTATION)
            continue;
        if (json_parse(fact->body, strlen(fact->body), &body, err) != 0)
            return -1;
        int64_t expires_ns = evidence_body_time(body, "expires");
        const char *event = json_string_value(json_object_get(body, "event"));
        /* A document that is taken back attests nothing from then on. */
        if (event != NULL && strcmp(event, "revoke") == 0)
            expires_ns = earlier(expires_ns, fact->time_ns);
        struct evidence_attestation *made =
            arena_add(g->arena, &g->attestations, &g->facts->attestation_count, sizeof(*g->attestations));
        if (made == NULL)
            return error_no_memory(err);
        *made = (struct evidence_attestation){.policy = evidence_body_text(g->arena, body, "policy"),
                                              .promise = evidence_body_text(g->arena, body, "promise"),
                                              .document = evidence_body_text(g->arena, body, "document"),
                                              .sha256 = evidence_body_text(g->arena, body, "sha256"),
                                              .by = evidence_body_text(g->arena, body, "by"),
                                              .note = evidence_body_text(g->arena, body, "note"),
                                              .from_ns = evidence_body_time(body, "from"),
                                              .expires_ns = expires_ns};
        if (made->by == NULL)
            made->by = "?";
    }
    return 0;
}

/* ---- What is not met now ---- */

/* The versions that are in force now against the configuration of now, as `policy check` does. */
static int check_places(struct evidence_gathering *g, struct error *err)
{
    for (size_t i = 0; i < g->facts->version_count; i++) {
        CLEANUP(policy_findings_clear) struct policy_findings findings = {0};
        const struct evidence_version *version = &g->versions[i];
        if (!version->in_force)
            continue;
        if (policy_place_check(g->hikae->config, version->policy, &findings, err) != 0)
            return -1;
        for (size_t k = 0; k < findings.count; k++) {
            if (findings.items[k].severity != POLICY_UNMET)
                continue;
            struct evidence_unmet *unmet = arena_add(g->arena, &g->unmet, &g->facts->unmet_count, sizeof(*g->unmet));
            if (unmet == NULL)
                return error_no_memory(err);
            *unmet = (struct evidence_unmet){.policy = version->name,
                                             .rule = findings.items[k].rule, /* of a table */
                                             .what = arena_text(g->arena, findings.items[k].what),
                                             .now = true};
        }
    }
    return 0;
}

static void take_holders(struct evidence_gathering *g)
{
    const struct config *config = g->hikae->config;
    const char *all = "";
    for (size_t i = 0; i < config->group_count && all != NULL; i++)
        for (size_t k = 0; k < config->groups[i].member_count && all != NULL; k++)
            all = arena_printf(g->arena, "%s%s%s", all, all[0] != '\0' ? " " : "",
                               config_holder_name(config->groups[i].members[k].holder));
    g->facts->holders = all;
}

int evidence_gather_store(struct evidence_gathering *g, struct error *err)
{
    if (each_fact(g, RECORD_POLICY, take_version, err) != 0 || cut_versions(g, err) != 0 ||
        each_fact(g, RECORD_TARGET, take_target, err) != 0 || take_unrecorded(g, err) != 0 ||
        take_attestations(g, err) != 0 || check_places(g, err) != 0)
        return -1;
    if (g->facts->target_count > 0)
        qsort(g->targets, g->facts->target_count, sizeof(*g->targets), compare_targets);
    take_holders(g);
    return 0;
}
