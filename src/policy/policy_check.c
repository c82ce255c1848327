#include "policy/policy_check_internal.h"

#include "base/mem.h"
#include "base/provider.h"

#include <stdio.h>
#include <string.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

void policy_findings_clear(struct policy_findings *findings)
{
    mem_free(findings->items);
    *findings = (struct policy_findings){0};
}

bool policy_findings_reach(const struct policy_findings *findings, enum policy_severity severity)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].severity >= severity)
            return true;
    return false;
}

int policy_find(struct policy_checking *c, struct error *err, const char *path, const char *hint, const char *fmt, ...)
{
    struct policy_findings *findings = c->findings;
    struct policy_finding *grown = mem_realloc(findings->items, (findings->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    findings->items = grown;
    struct policy_finding *finding = &grown[findings->count++];
    *finding = (struct policy_finding){.rule = c->rule->name, .severity = c->rule->severity};
    (void)snprintf(finding->path, sizeof(finding->path), "%s", path);
    (void)snprintf(finding->hint, sizeof(finding->hint), "%s", hint);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(finding->what, sizeof(finding->what), fmt, args);
    va_end(args);
    return policy_locate(c->policy, path, &finding->line, &finding->column, err);
}

char *policy_time_text(int64_t seconds, char buf[POLICY_TIME_SIZE])
{
    /* A change of the clock makes days an hour shorter or longer: to leave it out would make 6 days of 7. */
    int64_t hours = seconds / HOUR_S, days = (hours + 1) / 24, rest = hours - 24 * days;
    const char *s = rest == 1 || rest == -1 ? "" : "s";
    if (hours < 4 * 24)
        (void)snprintf(buf, POLICY_TIME_SIZE, "%lld hour%s", (long long)hours, hours == 1 ? "" : "s");
    else if (rest == 0)
        (void)snprintf(buf, POLICY_TIME_SIZE, "%lld days", (long long)days);
    else
        (void)snprintf(buf, POLICY_TIME_SIZE, "%lld days %s %lld hour%s", (long long)days, rest < 0 ? "less" : "and",
                       (long long)(rest < 0 ? -rest : rest), s);
    return buf;
}

/* ---- Times ---- */

static const struct span intervals[] = {
    [POLICY_HOURLY] = {1, SPAN_HOURS},
    [POLICY_DAILY] = {1, SPAN_DAYS},
    [POLICY_WEEKLY] = {1, SPAN_WEEKS},
    [POLICY_MONTHLY] = {1, SPAN_MONTHS},
};

int64_t policy_interval_shortest_s(const struct policy_schedule *schedule)
{
    return span_shortest_s(intervals[schedule->every]);
}

int64_t policy_interval_longest_s(const struct policy_schedule *schedule)
{
    return span_longest_s(intervals[schedule->every]);
}

/* The periods of keep rules, where they have one. */
static const struct span periods[RETENTION_KIND_COUNT] = {
    [RETENTION_HOURLY] = {1, SPAN_HOURS},   [RETENTION_DAILY] = {1, SPAN_DAYS},   [RETENTION_WEEKLY] = {1, SPAN_WEEKS},
    [RETENTION_MONTHLY] = {1, SPAN_MONTHS}, [RETENTION_YEARLY] = {1, SPAN_YEARS},
};

/* How long a rule keeps every snapshot of the schedule at least; 0 if it keeps some of them only. */
static int64_t rule_keeps_s(const struct policy *policy, const struct retention_rule *rule)
{
    struct span interval = intervals[policy->schedule.every], period = periods[rule->kind];
    if (span_is_set(period) && span_shortest_s(period) > span_shortest_s(interval))
        return 0;
    struct span counted = {rule->count, interval.unit};
    int64_t by_count = rule->count > 0 ? span_shortest_s(counted) : INT64_MAX;
    int64_t by_age = span_is_set(rule->within) ? span_shortest_s(rule->within) : INT64_MAX;
    return by_count < by_age ? by_count : by_age;
}

int64_t policy_retention_s(const struct policy *policy)
{
    const struct retention_rules *rules = &policy->generations.rules;
    if (rules->count == 0)
        return INT64_MAX;
    /* A snapshot that no rule keeps goes when the next one has come. */
    int64_t longest = policy_interval_shortest_s(&policy->schedule);
    for (size_t i = 0; i < rules->count; i++) {
        int64_t keeps = rules->rules[i].tag == NULL ? rule_keeps_s(policy, &rules->rules[i]) : 0;
        longest = keeps > longest ? keeps : longest;
    }
    return longest;
}

int64_t policy_erasure_s(const struct policy *policy, int64_t lock_s)
{
    const struct policy_encryption *encryption = &policy->encryption;
    int64_t waits = 0;
    if (span_is_set(encryption->key_service_waits))
        waits = span_longest_s(encryption->key_service_waits);
    else if (encryption->holder == POLICY_HOLDER_KEY_SERVICE)
        waits = (int64_t)POLICY_KEY_SERVICE_DAYS_MAX * DAY_S;
    return lock_s + POLICY_COLLECTION_GRACE_S + waits;
}

/* ---- Words that must mean something ---- */

static int check_zone(struct policy_checking *c, const char *name, const char *path, struct error *err)
{
    struct zone *zone;
    struct error why = {0};
    if (zone_open(name, &zone, &why) != 0)
        return policy_find(c, err, path, "a name of the tz database: Asia/Tokyo, UTC", "%s", why.what);
    zone_free(zone);
    return 0;
}

/* A part's zone, unless it is the policy's: that one is told of once. */
static int check_own_zone(struct policy_checking *c, const char *name, const char *path, struct error *err)
{
    return name == c->policy->zone ? 0 : check_zone(c, name, path, err);
}

static int check_zones(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    if (check_zone(c, policy->zone, "zone", err) != 0 ||
        check_own_zone(c, policy->schedule.zone, "schedule.zone", err) != 0 ||
        check_own_zone(c, policy->contract_end.zone, "contract_end.zone", err) != 0)
        return -1;
    for (size_t i = 0; i < policy->log_count; i++) {
        char path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "logs[%s].zone", policy->logs[i].name);
        if (check_own_zone(c, policy->logs[i].zone, path, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- Schedule and generations ---- */

static int check_schedule_and_generations(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    if (policy->schedule.rule.present && !policy->generations.rule.present)
        return policy_find(c, err, "schedule", "add generations: keep: daily: 7, or keep: all",
                           "snapshots are made, but nothing says how long they stay");
    if (!policy->schedule.rule.present && policy->generations.rule.present)
        return policy_find(c, err, "generations", "add a schedule", "there is no schedule that makes generations");
    return 0;
}

static int check_jitter(struct policy_checking *c, struct error *err)
{
    const struct policy_schedule *schedule = &c->policy->schedule;
    unsigned room = schedule->every == POLICY_HOURLY ? 60 : schedule->window_minutes;
    if (!schedule->rule.present || schedule->jitter_minutes == 0 || schedule->jitter_minutes < room)
        return 0;
    return policy_find(c, err, "schedule.jitter_minutes", "make it shorter, or the window longer",
                       "tenants that begin up to %u minutes late miss the window of %u minutes",
                       schedule->jitter_minutes, room);
}

/* Hours are backed up that begin within the window: it may be so short that none does. */
static int check_hours(struct policy_checking *c, struct error *err)
{
    enum { HOUR = 60 };
    const struct policy_schedule *schedule = &c->policy->schedule;
    unsigned until_hour = (HOUR - schedule->window_start % HOUR) % HOUR;
    if (!schedule->rule.present || schedule->every != POLICY_HOURLY || until_hour < schedule->window_minutes)
        return 0;
    return policy_find(c, err, "schedule.window", "let it begin or end on another hour: 02:00-03:00",
                       "no hour begins within this window of %u minutes: nothing would ever be backed up",
                       schedule->window_minutes);
}

static int check_finer(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    for (size_t i = 0; policy->schedule.rule.present && i < policy->generations.rules.count; i++) {
        const struct retention_rule *rule = &policy->generations.rules.rules[i];
        struct span period = periods[rule->kind];
        char text[RETENTION_TEXT_SIZE], path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), rule->tag != NULL ? "generations.tags[%s]" : "generations.keep",
                       rule->tag != NULL ? rule->tag : "");
        (void)retention_rule_format(rule, text);
        bool finer = span_is_set(period) && span_longest_s(period) < policy_interval_shortest_s(&policy->schedule);
        if (finer && policy_find(c, err, path, "make snapshots as often as generations are counted",
                                 "\"%s\" counts more often than the schedule, which is %s", text,
                                 policy_every_words[policy->schedule.every]) != 0)
            return -1;
        bool short_ =
            span_is_set(rule->within) && span_shortest_s(rule->within) < policy_interval_longest_s(&policy->schedule);
        if (short_ && policy_find(c, err, path, "keep longer than the time from one snapshot to the next",
                                  "\"%s\" may keep nothing: the schedule is %s", text,
                                  policy_every_words[policy->schedule.every]) != 0)
            return -1;
    }
    return 0;
}

static int check_drills(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    for (size_t i = 0; i < policy->drill_count; i++) {
        char path[POLICY_PATH_SIZE], text[SPAN_TEXT_SIZE];
        (void)snprintf(path, sizeof(path), "drills[%zu].every", i + 1);
        int rc = 0;
        if (!policy->schedule.rule.present)
            rc = policy_find(c, err, path, "add a schedule, or take the drill out", "there are no backups to drill");
        else if (span_longest_s(policy->drills[i].every) < policy_interval_shortest_s(&policy->schedule))
            rc = policy_find(c, err, path, "drill at most as often as snapshots are made",
                             "drills every %s are more often than backups, which are %s",
                             span_format(policy->drills[i].every, text), policy_every_words[policy->schedule.every]);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int check_requests(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    if (!policy->restores.rule.present || policy_backs_up(policy, POLICY_CUSTOMER))
        return 0;
    if (policy->restores.on_request)
        return policy_find(c, err, "restores.on_request", "say false, or back up customers' tenants",
                           "customers may ask for a restore, but their data is not backed up");
    return 0;
}

/* ---- Places ---- */

static int check_spread(struct policy_checking *c, struct error *err)
{
    const struct policy_targets *targets = &c->policy->targets;
    if (targets->sites > targets->min_copies &&
        policy_find(c, err, "targets.sites", "raise min_copies",
                    "%u copies cannot be at %u sites, and a snapshot counts once it has %u", targets->min_copies,
                    targets->sites, targets->min_copies) != 0)
        return -1;
    if (targets->providers > targets->min_copies &&
        policy_find(c, err, "targets.providers", "raise min_copies",
                    "%u copies cannot be with %u providers, and a snapshot counts once it has %u", targets->min_copies,
                    targets->providers, targets->min_copies) != 0)
        return -1;
    return 0;
}

/*
 * Does a region lie in one of the policy's countries? A word may be a region of several providers, and lie elsewhere
 * with each: it is one if any of them has it there, or if nobody is known to have it. *ret_country: where it lies else.
 */
static bool may_lie_within(const char *region, const struct policy_words *countries, const char **ret_country)
{
    *ret_country = NULL;
    for (const struct provider_region *r = provider_regions(); r->provider != NULL; r++) {
        if (strcmp(r->region, region) != 0)
            continue;
        if (policy_has_word(countries, r->country))
            return true;
        *ret_country = r->country;
    }
    return *ret_country == NULL;
}

static int check_regions(struct policy_checking *c, struct error *err)
{
    const struct policy_targets *targets = &c->policy->targets;
    const char *country;
    for (size_t i = 0; targets->countries.count > 0 && i < targets->regions.count; i++) {
        char path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "targets.regions[%zu]", i + 1);
        if (!may_lie_within(targets->regions.items[i], &targets->countries, &country) &&
            policy_find(c, err, path, "take the region out, or add the country",
                        "the region %s lies in %s, which is none of the policy's countries", targets->regions.items[i],
                        country) != 0)
            return -1;
    }
    return 0;
}

static int check_processors(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    const struct policy_words *storage = &policy->processors.storage;
    if (!policy->processors.rule.present)
        return 0;
    if (storage->count > 0 && policy->targets.countries.count == 0 &&
        policy_find(c, err, "processors.storage", "add targets.countries",
                    "storage is limited to some countries, but targets may lie anywhere") != 0)
        return -1;
    for (size_t i = 0; storage->count > 0 && i < policy->targets.countries.count; i++)
        if (!policy_has_word(storage, policy->targets.countries.items[i]) &&
            policy_find(c, err, "processors.storage", "add the country, or take it out of targets.countries",
                        "targets may lie in %s, storage processors may not", policy->targets.countries.items[i]) != 0)
            return -1;
    if (policy->encryption.holder == POLICY_HOLDER_KEY_SERVICE && policy->processors.key_service.count == 0)
        return policy_find(c, err, "processors", "add key_service: [JP]",
                           "a key service is to hold the key, but none is among the processors");
    return 0;
}

/* ---- Locks and the end ---- */

static int check_lock(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    char lock[SPAN_TEXT_SIZE], text[POLICY_TIME_SIZE];
    if (!policy->lock.rule.present || !policy->schedule.rule.present)
        return 0;
    (void)span_format(policy->lock.span, lock);
    int64_t retention = policy_retention_s(policy);
    if (span_shortest_s(policy->lock.span) > retention &&
        policy_find(c, err, "lock.span", "shorten the lock, or keep snapshots longer",
                    "a lock of %s is longer than snapshots stay (%s)", lock, policy_time_text(retention, text)) != 0)
        return -1;
    struct span on_demand = policy->generations.rules.on_demand;
    if (span_is_set(on_demand) && span_shortest_s(policy->lock.span) > span_shortest_s(on_demand))
        return policy_find(c, err, "lock.span", "shorten the lock, or keep snapshots on demand longer",
                           "a lock of %s is longer than snapshots on demand stay", lock);
    return 0;
}

static int check_deadline(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    char needs[POLICY_TIME_SIZE], has[POLICY_TIME_SIZE];
    if (!policy->contract_end.rule.present)
        return 0;
    int64_t lock = policy->lock.rule.present ? span_longest_s(policy->lock.span) : 0;
    int64_t erasure = policy_erasure_s(policy, lock), deadline = span_shortest_s(policy->contract_end.within);
    if (erasure <= deadline)
        return 0;
    return policy_find(c, err, "contract_end.within", "shorten the lock or the key service's wait (key_service_waits)",
                       "lock, collection (72 hours) and key service take up to %s, but all is to be erased within %s",
                       policy_time_text(erasure, needs), policy_time_text(deadline, has));
}

static int check_proof(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    if (!policy->contract_end.rule.present || policy->contract_end.proof != POLICY_PROOF_KEYS ||
        policy->encryption.holder != POLICY_HOLDER_ANY)
        return 0;
    return policy_find(c, err, "contract_end.proof", "encryption: holder: token (or key-service), or proof: deletion",
                       "keys that a file may hold cannot prove erasure: nobody knows who has a copy of the file");
}

static int check_logs(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    for (size_t i = 0; policy->contract_end.rule.present && i < policy->log_count; i++) {
        const struct policy_log *log = &policy->logs[i];
        char path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "logs[%s].keep", log->name);
        if (!log->survives && span_shortest_s(log->keep) > span_longest_s(policy->contract_end.within) &&
            policy_find(c, err, path, "say survives_contract: true, or keep them shorter",
                        "%s logs are to stay longer than anything may after the end of a contract", log->name) != 0)
            return -1;
    }
    return 0;
}

static int check_reminders(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; i < c->policy->reminder_count; i++) {
        const struct policy_reminder *reminder = &c->policy->reminders[i];
        char path[POLICY_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "reminders[%s].before", reminder->id);
        if (span_is_set(reminder->before) && span_longest_s(reminder->before) > span_shortest_s(reminder->every) &&
            policy_find(c, err, path, "remind later", "this reminds of it before the time before has come") != 0)
            return -1;
    }
    return 0;
}

static int check_end_stated(struct policy_checking *c, struct error *err)
{
    if (!policy_backs_up(c->policy, POLICY_CUSTOMER) || c->policy->contract_end.rule.present ||
        c->policy->promise_count == 0)
        return 0;
    return policy_find(c, err, "schedule.tenants", "add contract_end with `within`",
                       "customers' data is backed up, but nothing says when it is erased after a contract");
}

static const struct policy_check_rule rules[] = {
    {"time-zones", POLICY_CONTRADICTION, check_zones},
    {"promises-known", POLICY_CONTRADICTION, policy_check_promises_known},
    {"promises-kept", POLICY_CONTRADICTION, policy_check_promises_kept},
    {"promises-aspects", POLICY_CONTRADICTION, policy_check_aspects},
    {"schedule-and-generations", POLICY_CONTRADICTION, check_schedule_and_generations},
    {"jitter-in-window", POLICY_CONTRADICTION, check_jitter},
    {"hours-in-window", POLICY_CONTRADICTION, check_hours},
    {"generations-from-schedule", POLICY_CONTRADICTION, check_finer},
    {"drills-not-more-than-backups", POLICY_CONTRADICTION, check_drills},
    {"restores-of-backups", POLICY_CONTRADICTION, check_requests},
    {"copies-for-places", POLICY_CONTRADICTION, check_spread},
    {"regions-in-countries", POLICY_CONTRADICTION, check_regions},
    {"processors-cover", POLICY_CONTRADICTION, check_processors},
    {"lock-within-retention", POLICY_CONTRADICTION, check_lock},
    {"erasure-within-deadline", POLICY_CONTRADICTION, check_deadline},
    {"proof-needs-holder", POLICY_CONTRADICTION, check_proof},
    {"logs-outlast-contract", POLICY_CONTRADICTION, check_logs},
    {"reminders-in-time", POLICY_CONTRADICTION, check_reminders},
    {"contract-end-stated", POLICY_WARNING, check_end_stated},
    {"published-where", POLICY_WARNING, policy_check_published},
};

int policy_check(const struct policy *policy, const struct policy_installation *installation,
                 struct policy_findings *ret, struct error *err)
{
    struct policy_checking c = {policy, installation, ret, NULL};
    *ret = (struct policy_findings){0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(rules) / sizeof(rules[0]); i++) {
        c.rule = &rules[i];
        rc = c.rule->check(&c, err);
    }
    for (size_t i = 0; rc == 0 && installation != NULL && policy_place_rules[i].name != NULL; i++) {
        c.rule = &policy_place_rules[i];
        rc = c.rule->check(&c, err);
    }
    if (rc != 0)
        policy_findings_clear(ret);
    return rc;
}

bool policy_check_is_acceptable(const char *rule)
{
    for (size_t i = 0; policy_place_rules[i].name != NULL; i++)
        if (strcmp(policy_place_rules[i].name, rule) == 0)
            return true;
    return false;
}
