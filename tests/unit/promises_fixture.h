/* For tests of the shipped policies' promises: a world in which everything is well. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_PROMISES_FIXTURE_H
#define HIKAE_TESTS_PROMISES_FIXTURE_H

#include "base/clock.h"
#include "base/mem.h"
#include "ops/evidence.h"

#include <stdio.h>
#include <string.h>

#define DAY_NS (INT64_C(86400) * NS_PER_S)
enum { CUSTOMER, PROVIDER, TENANTS };
enum { SNAPSHOTS = 400, CHECKS = 400, LOGS = 40, REVIEWS = 8 };

static inline int64_t at(const char *text)
{
    int64_t ns = 0;
    if (clock_parse(text, &ns, NULL) != 0)
        fail_msg("%s is no time", text);
    return ns;
}

/* October 2026 of two tenants under one policy, seen in the middle of November. */
struct world {
    struct arena arena;
    struct policy *policy;
    struct zone *zone;
    struct calendar *calendar;
    struct evidence_facts facts;
    struct evidence_version version;
    struct evidence_tenant tenants[TENANTS];
    struct evidence_stage stages[TENANTS];
    struct evidence_snapshot snapshots[TENANTS][SNAPSHOTS];
    char ids[TENANTS][SNAPSHOTS][17];
    struct evidence_check verifications[TENANTS][CHECKS], drills[TENANTS][CHECKS];
    struct evidence_target targets[2];
    struct evidence_kept_log logs[LOGS];
    struct evidence_review reviews[REVIEWS];
    struct evidence_attestation attestations[8];
    struct evidence_incident incident;
    struct evidence_contract contract;
    struct evidence_restore restore;
    struct evidence_act act;
    struct evidence_expiry expiry;
    struct evidence_audit audit;
    struct evidence_unmet unmet;
    struct hikae_evidence ret;
};

static inline void add_snapshots(struct world *w, unsigned tenant)
{
    const struct policy_schedule *schedule = &w->policy->schedule;
    struct evidence_tenant *to = &w->tenants[tenant];
    int64_t period = schedule_period(schedule, w->zone, at("2025-11-20T00:00:00Z"));
    to->snapshots = w->snapshots[tenant];
    if (!policy_backs_up(w->policy, tenant == CUSTOMER ? POLICY_CUSTOMER : POLICY_PROVIDER))
        return;
    while (to->snapshot_count < SNAPSHOTS - 1) {
        int64_t begins_ns, ends_ns;
        if (schedule_window(schedule, w->zone, period, &begins_ns, &ends_ns)) {
            if (begins_ns > w->facts.now_ns - DAY_NS)
                break;
            char *id = w->ids[tenant][to->snapshot_count];
            (void)snprintf(id, sizeof(w->ids[0][0]), "%u%015zu", tenant, to->snapshot_count);
            w->snapshots[tenant][to->snapshot_count++] =
                (struct evidence_snapshot){.id = id,
                                           .time_ns = begins_ns + 600 * NS_PER_S,
                                           .copies = 2,
                                           .targets = "tokyo osaka",
                                           .complete = true};
        }
        period = schedule_next_period(schedule, w->zone, period);
    }
}

/* Everything is checked every night, in full. */
static inline void add_checks(struct world *w, unsigned tenant)
{
    struct evidence_tenant *to = &w->tenants[tenant];
    to->verifications = w->verifications[tenant];
    to->drills = w->drills[tenant];
    for (size_t i = 0; to->snapshot_count > 0 && i < 360; i++) {
        int64_t time_ns = w->snapshots[tenant][0].time_ns + 3600 * NS_PER_S + (int64_t)i * DAY_NS;
        w->verifications[tenant][to->verification_count++] = (struct evidence_check){
            .time_ns = time_ns, .level = POLICY_LEVEL_DATA, .share = 1000, .sound = true, .name = "v"};
        w->drills[tenant][to->drill_count++] = (struct evidence_check){.time_ns = time_ns,
                                                                       .level = POLICY_DRILL_BARE,
                                                                       .share = 1000,
                                                                       .elsewhere = true,
                                                                       .sound = true,
                                                                       .name = "d"};
    }
}

static inline void add_logs(struct world *w)
{
    static const char *const months[] = {"2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"};
    static const char *const taken[] = {"2026-06-02T00:00:00Z", "2026-07-02T00:00:00Z", "2026-08-03T00:00:00Z",
                                        "2026-09-02T00:00:00Z", "2026-10-02T00:00:00Z", "2026-11-02T00:00:00Z"};
    struct evidence_tenant *to = &w->tenants[PROVIDER];
    to->logs = w->logs;
    for (size_t i = 0; i < w->policy->log_count; i++)
        for (size_t k = 0; k < sizeof(months) / sizeof(months[0]); k++)
            w->logs[to->log_count++] = (struct evidence_kept_log){.class_name = w->policy->logs[i].name,
                                                                  .period = months[k],
                                                                  .taken_ns = at(taken[k]),
                                                                  .keep_until_ns = at("2031-11-01T00:00:00Z")};
}

static inline void add_people(struct world *w)
{
    for (size_t i = 0; i < w->policy->review_count; i++)
        w->reviews[w->facts.review_count++] = (struct evidence_review){
            .of = w->policy->reviews[i].of, .period = "2026-10", .by = "sato", .time_ns = at("2026-10-03T03:00:00Z")};
    w->facts.reviews = w->reviews;
    /* What hikae cannot see has its document. */
    static const char *const promises[] = {"access-by-few", "restore-test-yearly", "customer-exports"};
    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
        w->attestations[w->facts.attestation_count++] =
            (struct evidence_attestation){.policy = w->policy->name,
                                          .promise = promises[i],
                                          .document = "a.pdf",
                                          .sha256 = "00",
                                          .by = "sato",
                                          .from_ns = at("2026-06-01T00:00:00Z"),
                                          .expires_ns = at("2027-09-01T00:00:00Z")};
    w->facts.attestations = w->attestations;
}

static inline void add_places(struct world *w)
{
    const struct evidence_target target = {.name = "tokyo",
                                           .from_ns = 1,
                                           .recorded = true,
                                           .country = "JP",
                                           .region = "ap-northeast-1",
                                           .site = "tokyo",
                                           .provider = "aws",
                                           .tls = "TLSv1.3"};
    w->targets[0] = w->targets[1] = target;
    w->targets[1].name = w->targets[1].site = "osaka";
    w->targets[1].provider = "wasabi";
    w->facts.targets = w->targets;
    w->facts.target_count = 2;
    w->audit = (struct evidence_audit){.log = "aa", .size = 10, .state = HIKAE_KEPT};
    w->facts.audits = &w->audit;
    w->facts.audit_count = 1;
    w->facts.holders = "aws-kms";
}

static inline struct world *open_world(const char *policy)
{
    struct world *w = mem_calloc(1, sizeof(*w));
    struct error err = {0};
    char path[64];
    assert_non_null(w);
    (void)snprintf(path, sizeof(path), "policies/%s.yaml", policy);
    if (policy_load(path, &w->policy, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(zone_open(w->policy->zone, &w->zone, NULL), 0);
    assert_int_equal(calendar_by_rule("japan", &w->calendar, NULL), 0);
    int64_t applied_ns = at("2025-10-31T15:00:00Z");
    int64_t month = zone_period(w->zone, ZONE_MONTH, at("2026-10-15T00:00:00Z"));
    int64_t from_ns = zone_period_start(w->zone, ZONE_MONTH, month);
    int64_t to_ns = zone_period_start(w->zone, ZONE_MONTH, month + 1);
    w->version = (struct evidence_version){.name = policy,
                                           .policy = w->policy,
                                           .zone = w->zone,
                                           .schedule = w->zone,
                                           .calendar = w->calendar,
                                           .sha256 = "00",
                                           .since_ns = applied_ns,
                                           .applied_ns = applied_ns,
                                           .from_ns = from_ns,
                                           .to_ns = to_ns,
                                           .period_from_ns = from_ns,
                                           .period_to_ns = to_ns};
    w->facts = (struct evidence_facts){.from_ns = from_ns,
                                       .to_ns = to_ns,
                                       .now_ns = at("2026-11-15T03:00:00Z"),
                                       .versions = &w->version,
                                       .version_count = 1,
                                       .tenants = w->tenants,
                                       .tenant_count = TENANTS};
    for (unsigned i = 0; i < TENANTS; i++) {
        w->stages[i] = (struct evidence_stage){at("2025-11-01T00:00:00Z"), policy, true, i == CUSTOMER, 0, 0};
        w->tenants[i] =
            (struct evidence_tenant){.name = i == CUSTOMER ? "acme" : "own",
                                     .id = "00",
                                     .sources = w->policy->sources.method == POLICY_METHOD_IMAGES ? "image" : "dir",
                                     .stages = &w->stages[i],
                                     .stage_count = 1,
                                     .held = true};
        add_snapshots(w, i);
        add_checks(w, i);
    }
    add_logs(w);
    add_people(w);
    add_places(w);
    return w;
}

static inline void close_world(struct world *w)
{
    arena_clear(&w->arena);
    policy_free(w->policy);
    zone_free(w->zone);
    calendar_free(w->calendar);
    mem_free(w);
}

static inline void judge(struct world *w)
{
    struct error err = {0};
    w->ret = (struct hikae_evidence){0};
    if (evidence_judge(&w->facts, &w->arena, &w->ret, &err) != 0)
        fail_msg("%s", err.what);
}

#endif
