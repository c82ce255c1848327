/*
 * For tests of how evidence is judged: October 2026 of one tenant under a policy with one promise of each kind,
 * everything in order, seen in the middle of November. Include after <cmocka.h>.
 */
#ifndef HIKAE_TESTS_EVIDENCE_FIXTURE_H
#define HIKAE_TESTS_EVIDENCE_FIXTURE_H

#include "base/clock.h"
#include "base/mem.h"
#include "ops/evidence.h"

#include <stdio.h>
#include <string.h>

static inline int64_t at(const char *text)
{
    int64_t ns = 0;
    if (text == NULL || text[0] == '\0')
        return 0;
    if (clock_parse(text, &ns, NULL) != 0)
        fail_msg("%s is no time", text);
    return ns;
}

static const char evidence_policy[] =
    "schema: 1\nname: p\ntitle: {ja: a, en: a}\nzone: Asia/Tokyo\ncalendar: japan\npromises:\n"
    "  - {id: nightly, status: internal, ja: a, en: a}\n  - {id: seven, status: internal, ja: a, en: a}\n"
    "  - {id: places, status: internal, ja: a, en: a}\n  - {id: checked, status: internal, ja: a, en: a}\n"
    "  - {id: drilled, status: internal, ja: a, en: a}\n  - {id: logs, status: internal, ja: a, en: a}\n"
    "  - {id: fetched, status: internal, ja: a, en: a}\n  - {id: looked, status: internal, ja: a, en: a}\n"
    "  - {id: told, status: internal, ja: a, en: a}\n  - {id: duty, status: internal, ja: a, en: a}\n"
    "  - {id: erased, status: internal, ja: a, en: a}\n  - {id: restores, status: internal, ja: a, en: a}\n"
    "  - {id: sealed, status: internal, ja: a, en: a}\n"
    "  - {id: people, status: internal, by: operator, ja: a, en: a}\n"
    "schedule: {keeps: [nightly], every: daily, tenants: [customer], window: \"01:00-06:00\"}\n"
    "generations: {keeps: [seven], keep: {daily: 7}}\n"
    "targets: {keeps: [places], min_copies: 2, sites: 2, countries: [JP]}\n"
    "encryption: {keeps: [sealed], cipher: aes-256, tls: \"1.2\"}\n"
    "verification: [{keeps: [checked], level: inventory, every: 1d}]\n"
    "drills: [{keeps: [drilled], mode: sample, every: 1m}]\n"
    "logs:\n  - {class: access, keeps: [logs], keep: 1y}\n"
    "  - {class: monitoring, keeps: [fetched], keep: 1y, fetched_by_business_day: 5}\n"
    "restores: {keeps: [restores], on_request: false, staging: false, approver: one}\n"
    "contract_end: {keeps: [erased], within: 1m, proof: keys}\n"
    "notices:\n  - {keeps: [told], event: incident, within: 72h, from: occurrence, strength: aim, channels: [mail]}\n"
    "  - {keeps: [duty], event: incident, within_business_days: 3, from: confirmation, strength: duty, channels: "
    "[mail]}\n"
    "reviews: [{of: backups, keeps: [looked], every: 1m, by_business_day: 5}]\n";

struct evidence_world {
    struct arena arena;
    struct policy *policy;
    struct zone *zone;
    struct calendar *calendar;
    struct evidence_facts facts;
    struct evidence_version version;
    struct evidence_tenant tenant;
    struct evidence_stage stages[2];
    struct evidence_snapshot snapshots[64];
    struct evidence_check verifications[64], drills[4];
    struct evidence_target targets[4];
    struct evidence_kept_log logs[2];
    struct evidence_review reviews[2];
    struct evidence_incident incidents[2];
    struct evidence_contract contract;
    struct evidence_restore restore;
    struct evidence_attestation attestation;
    struct evidence_expiry expiry;
    struct evidence_audit audit;
    struct hikae_evidence ret;
};

static inline void add_nights(struct evidence_world *f)
{
    static char ids[64][17];
    int64_t first = at("2026-09-20T01:30:00+09:00");
    for (int i = 0; i < 50; i++) {
        int64_t night = first + i * INT64_C(86400) * NS_PER_S;
        (void)snprintf(ids[i], sizeof(ids[i]), "%016d", i);
        f->snapshots[i] = (struct evidence_snapshot){
            .id = ids[i], .time_ns = night, .copies = 2, .targets = "tokyo osaka", .complete = true};
        /* Seven generations: what is eight nights old is dropped the next day. */
        if (i < 43)
            f->snapshots[i].dropped_ns = night + 7 * INT64_C(86400) * NS_PER_S + NS_PER_S;
        f->verifications[i] = (struct evidence_check){.time_ns = night + 60 * NS_PER_S, .share = 1000, .sound = true};
    }
    f->tenant.snapshot_count = f->tenant.verification_count = 50;
}

static inline int evidence_world_make(void **state)
{
    struct evidence_world *f = mem_calloc(1, sizeof(*f));
    struct error err = {0};
    assert_non_null(f);
    if (policy_parse("p.yaml", evidence_policy, strlen(evidence_policy), &f->policy, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(zone_open("Asia/Tokyo", &f->zone, NULL), 0);
    assert_int_equal(calendar_by_rule("japan", &f->calendar, NULL), 0);
    f->version = (struct evidence_version){.name = "p",
                                           .policy = f->policy,
                                           .zone = f->zone,
                                           .schedule = f->zone,
                                           .calendar = f->calendar,
                                           .sha256 = "00",
                                           .in_force = true,
                                           .since_ns = at("2026-09-01T00:00:00+09:00"),
                                           .applied_ns = at("2026-09-01T00:00:00+09:00"),
                                           .from_ns = at("2026-10-01T00:00:00+09:00"),
                                           .to_ns = at("2026-11-01T00:00:00+09:00"),
                                           .period_from_ns = at("2026-10-01T00:00:00+09:00"),
                                           .period_to_ns = at("2026-11-01T00:00:00+09:00")};
    f->stages[0] = (struct evidence_stage){at("2026-09-20T00:00:00+09:00"), "p", true, true, 0, 0};
    add_nights(f);
    f->drills[0] = (struct evidence_check){.time_ns = at("2026-09-25T03:00:00+09:00"), .share = 1000, .sound = true};
    f->drills[1] = (struct evidence_check){.time_ns = at("2026-10-20T03:00:00+09:00"), .share = 1000, .sound = true};
    f->targets[0] = (struct evidence_target){
        .name = "tokyo", .from_ns = 1, .recorded = true, .country = "JP", .site = "tokyo", .local = true};
    f->targets[1] = (struct evidence_target){
        .name = "osaka", .from_ns = 1, .recorded = true, .country = "JP", .site = "osaka", .tls = "TLSv1.3"};
    f->logs[0] = (struct evidence_kept_log){.class_name = "monitoring",
                                            .period = "2026-09",
                                            .taken_ns = at("2026-10-05T10:00:00+09:00"),
                                            .keep_until_ns = at("2027-10-01T00:00:00+09:00")};
    f->reviews[0] = (struct evidence_review){
        .of = "backups", .period = "2026-10", .by = "sato", .time_ns = at("2026-10-06T10:00:00+09:00")};
    f->audit = (struct evidence_audit){.log = "aa", .size = 10, .state = HIKAE_KEPT};
    f->tenant.name = "acme";
    f->tenant.id = "00";
    f->tenant.sources = "dir";
    f->tenant.stages = f->stages;
    f->tenant.stage_count = 1;
    f->tenant.snapshots = f->snapshots;
    f->tenant.verifications = f->verifications;
    f->tenant.drills = f->drills;
    f->tenant.drill_count = 2;
    f->tenant.logs = f->logs;
    f->tenant.log_count = 1;
    f->facts = (struct evidence_facts){.from_ns = f->version.from_ns,
                                       .to_ns = f->version.to_ns,
                                       .now_ns = at("2026-11-15T12:00:00+09:00"),
                                       .versions = &f->version,
                                       .version_count = 1,
                                       .tenants = &f->tenant,
                                       .tenant_count = 1,
                                       .targets = f->targets,
                                       .target_count = 2,
                                       .reviews = f->reviews,
                                       .review_count = 1,
                                       .audits = &f->audit,
                                       .audit_count = 1,
                                       .holders = "file"};
    *state = f;
    return 0;
}

static inline int evidence_world_remove(void **state)
{
    struct evidence_world *f = *state;
    arena_clear(&f->arena);
    policy_free(f->policy);
    zone_free(f->zone);
    calendar_free(f->calendar);
    mem_free(f);
    return 0;
}

static inline void judge(struct evidence_world *f)
{
    struct error err = {0};
    arena_clear(&f->arena);
    f->ret = (struct hikae_evidence){0};
    if (evidence_judge(&f->facts, &f->arena, &f->ret, &err) != 0)
        fail_msg("%s", err.what);
}

static inline const struct hikae_evidence_promise *promise(const struct evidence_world *f, const char *id)
{
    for (size_t i = 0; i < f->ret.promise_count; i++)
        if (strcmp(f->ret.promises[i].id, id) == 0)
            return &f->ret.promises[i];
    fail_msg("there is no promise %s", id);
    return f->ret.promises;
}

/* "kind date;kind date;…" of all gaps, in order. */
static inline const char *gaps(const struct evidence_world *f)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < f->ret.promise_count; i++)
        for (size_t k = 0; k < f->ret.promises[i].rule_count; k++) {
            const struct hikae_evidence_rule *rule = f->ret.promises[i].rules[k];
            for (size_t n = 0; n < rule->item_count; n++)
                if (rule->items[n].result > HIKAE_ATTESTED)
                    used +=
                        (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", used > 0 ? ";" : "",
                                         rule->items[n].kind, rule->items[n].date != NULL ? rule->items[n].date : "-");
        }
    return text;
}

/* Nothing was ever dropped, by a hold: where a night is taken away, the drops of the others would be too early. */
static inline void keep_everything(struct evidence_world *f)
{
    f->tenant.held = true;
    for (size_t i = 0; i < 64; i++)
        f->snapshots[i].dropped_ns = 0;
}

#define CHECK_RESULT(f, id, wanted) assert_string_equal(hikae_result_name(promise(f, id)->result), wanted)

#define TEST(name) cmocka_unit_test_setup_teardown(name, evidence_world_make, evidence_world_remove)

#endif
