/* Evidence is judged purely: tables of facts, and what they make of each promise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ops/evidence.h"

#include <string.h>

static int64_t at(const char *text)
{
    int64_t ns = 0;
    if (text == NULL || text[0] == '\0')
        return 0;
    if (clock_parse(text, &ns, NULL) != 0)
        fail_msg("%s is no time", text);
    return ns;
}

static const char policy_text[] =
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

/* October 2026 of one tenant with everything in order, seen in the middle of November. */
struct fixture {
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

static void add_nights(struct fixture *f)
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

static int setup(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    struct error err = {0};
    assert_non_null(f);
    if (policy_parse("p.yaml", policy_text, strlen(policy_text), &f->policy, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(zone_open("Asia/Tokyo", &f->zone, NULL), 0);
    assert_int_equal(calendar_by_rule("japan", &f->calendar, NULL), 0);
    f->version = (struct evidence_version){.name = "p",
                                           .policy = f->policy,
                                           .zone = f->zone,
                                           .schedule = f->zone,
                                           .calendar = f->calendar,
                                           .sha256 = "00",
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

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_clear(&f->arena);
    policy_free(f->policy);
    zone_free(f->zone);
    calendar_free(f->calendar);
    mem_free(f);
    return 0;
}

static void judge(struct fixture *f)
{
    struct error err = {0};
    arena_clear(&f->arena);
    f->ret = (struct hikae_evidence){0};
    if (evidence_judge(&f->facts, &f->arena, &f->ret, &err) != 0)
        fail_msg("%s", err.what);
}

static const struct hikae_evidence_promise *promise(const struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->ret.promise_count; i++)
        if (strcmp(f->ret.promises[i].id, id) == 0)
            return &f->ret.promises[i];
    fail_msg("there is no promise %s", id);
    return NULL;
}

/* "kind date;kind date;…" of all gaps, in order. */
static const char *gaps(const struct fixture *f)
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
static void keep_everything(struct fixture *f)
{
    f->tenant.held = true;
    for (size_t i = 0; i < 64; i++)
        f->snapshots[i].dropped_ns = 0;
}

#define CHECK_RESULT(f, id, wanted) assert_string_equal(hikae_result_name(promise(f, id)->result), wanted)

static void test_all_kept(void **state)
{
    struct fixture *f = *state;
    judge(f);
    assert_string_equal(gaps(f), "");
    static const char *const kept[] = {"nightly", "seven",   "places", "checked",  "drilled",
                                       "logs",    "fetched", "looked", "restores", "sealed"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        CHECK_RESULT(f, kept[i], "kept");
    static const char *const ahead[] = {"told", "duty", "erased"};
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++)
        CHECK_RESULT(f, ahead[i], "not-yet-due");
    CHECK_RESULT(f, "people", "not-observable");
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 31);
    assert_int_equal(f->ret.counts[HIKAE_KEPT], 10);
}

/* The night of 7 October is number 17. */
static void test_nights(void **state)
{
    struct fixture *f = *state;
    keep_everything(f);
    f->snapshots[17].time_ns = at("2026-10-08T00:30:00+09:00"); /* made up for, before the next window */
    judge(f);
    assert_string_equal(gaps(f), "");
    f->snapshots[17].time_ns = at("2026-10-08T01:00:00+09:00"); /* that is the next one's */
    judge(f);
    assert_string_equal(gaps(f), "night-missed 2026-10-07");
    CHECK_RESULT(f, "nightly", "broken");
    f->snapshots[17].time_ns = at("2026-10-07T01:30:00+09:00");
    f->snapshots[17].on_demand = true; /* somebody's own is no night's */
    judge(f);
    assert_string_equal(gaps(f), "night-missed 2026-10-07");
    f->snapshots[17].on_demand = false;
    f->snapshots[17].complete = false;
    judge(f);
    assert_string_equal(gaps(f), "night-partial 2026-10-07");
    f->snapshots[17].complete = true;
    /* While the night may still be made up for, it is not missed. */
    f->snapshots[41].time_ns = at("2026-11-02T01:30:00+09:00");
    f->facts.now_ns = at("2026-10-31T23:00:00+09:00");
    f->tenant.snapshot_count = 41;
    f->tenant.verification_count = 42;
    judge(f);
    assert_string_equal(gaps(f), "");
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_NOT_YET_DUE], 1);
}

/* Nights before a tenant came, while it was suspended, and under another policy are nobody's. */
static void test_stages(void **state)
{
    struct fixture *f = *state;
    keep_everything(f);
    f->policy->log_count = 1; /* no logs that are fetched: they would have come before the tenant did */
    f->snapshots[17].complete = false;
    f->snapshots[17].on_demand = true;
    f->stages[0] = (struct evidence_stage){at("2026-10-10T00:00:00+09:00"), "p", true, true, 0, 0};
    judge(f);
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 22);
    assert_string_equal(gaps(f), "");
    f->stages[1] = (struct evidence_stage){at("2026-10-20T00:00:00+09:00"), "p", false, true, 0, 0};
    f->tenant.stage_count = 2;
    judge(f);
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 10);
    f->stages[1] = (struct evidence_stage){at("2026-10-20T00:00:00+09:00"), "q", true, true, 0, 0};
    judge(f);
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 10);
    /* Customers of a policy that backs up the provider's data only must have no backup. */
    f->tenant.stage_count = 1;
    f->policy->schedule.classes = POLICY_PROVIDER;
    judge(f);
    CHECK_RESULT(f, "nightly", "broken");
    assert_int_equal(strncmp(gaps(f), "backup-unpromised 2026-10-10", 28), 0);
}

static void test_expired(void **state)
{
    struct fixture *f = *state;
    keep_everything(f);
    f->expiry = (struct evidence_expiry){.class = AUDIT_EVIDENCE,
                                         .keep = {1, SPAN_MONTHS},
                                         .at_ns = at("2026-11-10T00:00:00Z"),
                                         .before_ns = at("2026-10-13T00:00:00Z")};
    f->facts.expiries = &f->expiry;
    f->facts.expiry_count = 1;
    f->snapshots[17].on_demand = f->snapshots[27].on_demand = true; /* 7 and 17 October */
    judge(f);
    assert_string_equal(gaps(f), "night-expired 2026-10-07;night-missed 2026-10-17");
}

static void test_generations(void **state)
{
    struct fixture *f = *state;
    keep_everything(f);
    f->snapshots[17].dropped_ns = at("2026-10-10T02:00:00+09:00"); /* three days old */
    judge(f);
    assert_string_equal(gaps(f), "generation-early 2026-10-07");
    f->snapshots[17].taken_out = true;
    judge(f);
    assert_string_equal(gaps(f), "generation-taken-out 2026-10-07");
    f->snapshots[17].taken_out = false;
    f->snapshots[17].dropped_ns = 0;
    f->snapshots[17].lost = true;
    judge(f);
    assert_string_equal(gaps(f), "generation-lost 2026-10-07");
    f->tenant.drops_unlisted = true;
    judge(f);
    assert_string_equal(gaps(f), "generation-unknown 2026-10-07");
    CHECK_RESULT(f, "seven", "not-observable");
    f->snapshots[17].lost = false;
    f->tenant.held = false; /* what should have gone since is there all the same */
    judge(f);
    assert_int_equal(strncmp(gaps(f), "generation-overdue 2026-09-20;", 30), 0);
    /* On the night of the 31st those of the 24th and 25th are let go: it is time until the night after the next. */
    assert_non_null(strstr(gaps(f), "generation-overdue 2026-10-22"));
    assert_null(strstr(gaps(f), "2026-10-23"));
    /* The last that was verified stays, whatever its age. */
    f->snapshots[5].verified_ns = f->snapshots[5].time_ns + NS_PER_S;
    judge(f);
    assert_null(strstr(gaps(f), "overdue 2026-09-25"));
    assert_non_null(strstr(gaps(f), "overdue 2026-09-26"));
    CHECK_RESULT(f, "seven", "broken");
}

/* Snapshots by hand have an end of their own: they go neither before nor long after it. */
static void test_on_demand(void **state)
{
    struct fixture *f = *state;
    struct evidence_snapshot *extra = &f->snapshots[50];
    *extra = (struct evidence_snapshot){.id = "x",
                                        .time_ns = at("2026-10-10T12:00:00+09:00"),
                                        .copies = 2,
                                        .targets = "tokyo osaka",
                                        .complete = true,
                                        .on_demand = true,
                                        .tag = "before-the-move",
                                        .keep_until_ns = at("2026-10-20T12:00:00+09:00")};
    f->tenant.snapshot_count = 51;
    static const struct {
        const char *dropped, *gaps;
        bool lost, held;
    } rows[] = {{"2026-10-20T13:00:00+09:00", "", false, false},
                {"2026-10-19T13:00:00+09:00", "on-demand-early 2026-10-10", false, false},
                {"", "on-demand-overdue 2026-10-10", false, false},
                {"", "", false, true},
                {"", "on-demand-lost 2026-10-10", true, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        extra->dropped_ns = at(rows[i].dropped);
        extra->lost = rows[i].lost;
        f->tenant.held = rows[i].held;
        judge(f);
        assert_string_equal(gaps(f), rows[i].gaps);
    }
    /* What holds a log is judged as a log. */
    f->logs[0].snapshot = "x";
    judge(f);
    assert_string_equal(gaps(f), "");
}

static void test_places(void **state)
{
    struct fixture *f = *state;
    f->snapshots[17].targets = "tokyo";
    f->snapshots[17].copies = 1;
    judge(f);
    assert_string_equal(gaps(f), "copies-few 2026-10-07;copies-one-site 2026-10-07");
    f->snapshots[17].targets = "tokyo osaka";
    f->snapshots[17].copies = 2;
    f->targets[1].site = "tokyo";
    f->tenant.snapshot_count = 12;
    judge(f);
    assert_non_null(strstr(gaps(f), "copies-one-site 2026-10-01"));
    f->tenant.snapshot_count = 50;
    f->targets[1].site = "osaka";
    f->targets[2] = (struct evidence_target){.name = "osaka",
                                             .from_ns = at("2026-10-09T00:00:00+09:00"),
                                             .recorded = true,
                                             .country = "US",
                                             .site = "osaka",
                                             .tls = "TLSv1.3"};
    f->facts.target_count = 3;
    judge(f);
    assert_string_equal(gaps(f), "target-elsewhere 2026-10-09");
    /* The operator's word alone is no proof; a document over the whole of the period answers for it. */
    f->facts.target_count = 2;
    f->targets[0].attested = true;
    judge(f);
    assert_string_equal(gaps(f), "target-declared 2026-10-01");
    CHECK_RESULT(f, "places", "not-observable");
    f->attestation = (struct evidence_attestation){
        "p", "places", "a.pdf", "00", "cloud", NULL, at("2026-10-02T00:00:00+09:00"), at("2027-10-01T00:00:00+09:00")};
    f->facts.attestations = &f->attestation;
    f->facts.attestation_count = 1;
    judge(f);
    CHECK_RESULT(f, "places", "not-observable");
    f->attestation.from_ns = at("2026-10-01T00:00:00+09:00");
    judge(f);
    CHECK_RESULT(f, "places", "attested");
    assert_int_equal(promise(f, "places")->attestation_count, 1);
    f->attestation.expires_ns = at("2026-10-31T00:00:00+09:00");
    judge(f);
    CHECK_RESULT(f, "places", "not-observable");
}

static void test_encryption(void **state)
{
    struct fixture *f = *state;
    f->targets[1].tls = "TLSv1.1";
    judge(f);
    assert_string_equal(gaps(f), "transport-old 2026-10-01");
    f->targets[1].tls = NULL;
    judge(f);
    assert_string_equal(gaps(f), "transport-unseen 2026-10-01");
    f->targets[1].tls = "TLSv1.2";
    f->policy->encryption.holder = POLICY_HOLDER_KEY_SERVICE;
    judge(f);
    assert_string_equal(gaps(f), "");
    struct evidence_unmet unmet = {"p", "holder-class", "files only", false, f->version.applied_ns};
    f->facts.unmet = &unmet;
    f->facts.unmet_count = 1;
    judge(f);
    assert_string_equal(gaps(f), "unmet-accepted -");
    CHECK_RESULT(f, "sealed", "broken");
}

static void test_checks(void **state)
{
    struct fixture *f = *state;
    f->verifications[17].sound = false;
    judge(f);
    assert_string_equal(gaps(f), "verification-missed 2026-10-07;check-failed 2026-10-07");
    f->verifications[17].sound = true;
    f->verifications[17].share = 100; /* a sample, where all is promised */
    judge(f);
    assert_string_equal(gaps(f), "verification-missed 2026-10-07");
    f->verifications[17].share = 1000;
    /* Due by the end of 25 October, a month after the last. */
    f->drills[1].time_ns = at("2026-10-25T23:59:59+09:00");
    judge(f);
    assert_string_equal(gaps(f), "");
    f->drills[1].time_ns = at("2026-10-26T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "drill-missed 2026-10-25");
    /* The first is due a month after the first snapshot. */
    f->drills[0].time_ns = at("2026-10-20T03:00:00+09:00");
    f->tenant.drill_count = 1;
    judge(f);
    assert_string_equal(gaps(f), "");
    f->drills[0].time_ns = at("2026-10-21T03:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "drill-missed 2026-10-20");
}

static void test_logs(void **state)
{
    struct fixture *f = *state;
    f->logs[0].taken_ns = at("2026-10-08T00:00:00+09:00"); /* the fifth business day was the 7th */
    judge(f);
    assert_string_equal(gaps(f), "log-missed 2026-09");
    f->logs[0].taken_ns = at("2026-10-07T23:59:59+09:00");
    judge(f);
    assert_string_equal(gaps(f), "");
    f->logs[0].dropped_ns = at("2026-10-20T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "log-early 2026-09");
    f->logs[0].dropped_ns = 0;
    f->logs[0].keep_until_ns = at("2026-10-20T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "log-overdue 2026-09");
    f->logs[0].frozen_ns = INT64_MAX; /* an incident is open, whose logs these are */
    judge(f);
    assert_string_equal(gaps(f), "");
    f->logs[0].frozen_ns = at("2026-10-25T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "log-overdue 2026-09");
    f->logs[0].frozen_ns = 0;
    f->logs[0].dropped_ns = at("2026-10-21T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "");
    f->logs[0].dropped_ns = 0;
    f->logs[0].keep_until_ns = at("2027-10-01T00:00:00+09:00");
    /* Taken in once more, it was fetched when it was first; what another policy's tenant took in is not this one's. */
    f->logs[1] = f->logs[0];
    f->logs[0].taken_ns = at("2026-10-25T00:00:00+09:00");
    f->tenant.log_count = 2;
    judge(f);
    assert_string_equal(gaps(f), "");
    f->logs[1].taken_ns = at("2026-09-19T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "log-missed 2026-09");
    f->tenant.log_count = 1;
    f->logs[0].taken_ns = at("2026-10-05T00:00:00+09:00");
    f->expiry = (struct evidence_expiry){.class = AUDIT_ACCESS,
                                         .keep = {30, SPAN_DAYS},
                                         .at_ns = at("2026-10-20T00:00:00+09:00"),
                                         .before_ns = at("2026-09-20T00:00:00+09:00")};
    f->facts.expiries = &f->expiry;
    f->facts.expiry_count = 1;
    judge(f);
    assert_string_equal(gaps(f), "log-early 2026-10-20");
    f->facts.expiry_count = 0;
    f->audit.state = HIKAE_BROKEN;
    judge(f);
    assert_string_equal(gaps(f), "log-damaged -");
    CHECK_RESULT(f, "logs", "broken");
    f->audit.state = HIKAE_NOT_OBSERVABLE; /* a target that is away is no damage */
    judge(f);
    assert_string_equal(gaps(f), "log-unread -");
    CHECK_RESULT(f, "logs", "not-observable");
}

static void test_people(void **state)
{
    struct fixture *f = *state;
    f->reviews[0].time_ns = at("2026-10-08T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "review-missed 2026-10-07");
    f->reviews[0].time_ns = at("2026-10-06T00:00:00+09:00");
    f->reviews[0].period = "2026-09"; /* of another month */
    judge(f);
    assert_string_equal(gaps(f), "review-missed 2026-10-07");
    f->reviews[0].period = "2026-10-02";
    f->incidents[0] = (struct evidence_incident){.id = "i",
                                                 .event = "incident",
                                                 .policy = "p",
                                                 .from = POLICY_FROM_OCCURRENCE,
                                                 .strength = POLICY_AIM,
                                                 .counts_ns = at("2026-10-12T10:00:00+09:00"),
                                                 .due_ns = at("2026-10-15T10:00:00+09:00"),
                                                 .noticed_ns = at("2026-10-15T10:00:00+09:00")};
    f->incidents[1] = f->incidents[0];
    f->incidents[1].from = POLICY_FROM_CONFIRMATION;
    f->incidents[1].strength = POLICY_DUTY;
    f->incidents[1].due_ns = at("2026-10-17T00:00:00+09:00");
    f->facts.incidents = f->incidents;
    f->facts.incident_count = 2;
    judge(f);
    assert_string_equal(gaps(f), "");
    CHECK_RESULT(f, "told", "kept");
    CHECK_RESULT(f, "duty", "kept");
    f->incidents[0].noticed_ns = f->incidents[1].noticed_ns = at("2026-10-16T23:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "notice-late 2026-10-15");
    CHECK_RESULT(f, "told", "missed"); /* an aim */
    f->incidents[1].noticed_ns = 0;
    judge(f);
    CHECK_RESULT(f, "duty", "broken");
    f->incidents[1].due_ns = 0; /* not confirmed yet */
    judge(f);
    CHECK_RESULT(f, "duty", "not-yet-due");
}

static void test_contracts_and_restores(void **state)
{
    struct fixture *f = *state;
    f->contract = (struct evidence_contract){.ends_ns = at("2026-09-30T00:00:00+09:00"),
                                             .deadline_ns = at("2026-10-30T00:00:00+09:00")};
    f->tenant.contracts = &f->contract;
    f->tenant.contract_count = 1;
    judge(f);
    assert_string_equal(gaps(f), "erasure-missed 2026-10-29");
    f->contract.erased_ns = at("2026-10-29T00:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "erased-keys-left 2026-10-29");
    f->contract.keys = true;
    judge(f);
    CHECK_RESULT(f, "erased", "kept");
    f->contract.cancelled_ns = 1;
    judge(f);
    CHECK_RESULT(f, "erased", "not-yet-due");
    f->restore = (struct evidence_restore){
        .time_ns = at("2026-10-05T10:00:00+09:00"), .destination = "production", .approver = "sato", .latest = true};
    f->tenant.restores = &f->restore;
    f->tenant.restore_count = 1;
    judge(f);
    CHECK_RESULT(f, "restores", "kept");
    f->restore.by_customer = true;
    judge(f);
    assert_string_equal(gaps(f), "restore-on-request 2026-10-05");
    f->restore.by_customer = false;
    f->restore.approver = NULL;
    judge(f);
    assert_string_equal(gaps(f), "restore-unapproved 2026-10-05");
    f->restore.destination = "staging";
    judge(f);
    assert_string_equal(gaps(f), "restore-staging 2026-10-05");
}

/* Two versions in a month: each is judged for its part, and the promise has the worst of both. */
static void test_versions(void **state)
{
    struct fixture *f = *state;
    keep_everything(f);
    struct evidence_version versions[2] = {f->version, f->version};
    versions[0].to_ns = versions[1].from_ns = versions[1].applied_ns = at("2026-10-16T12:00:00+09:00");
    f->facts.versions = versions;
    f->facts.version_count = 2;
    judge(f);
    assert_string_equal(gaps(f), "");
    assert_int_equal(promise(f, "nightly")->rule_count, 2);
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 16);
    assert_int_equal(promise(f, "nightly")->rules[1]->counts[HIKAE_KEPT], 15);
    f->snapshots[17].on_demand = true;
    judge(f);
    assert_int_equal(promise(f, "nightly")->rules[0]->result, HIKAE_BROKEN);
    assert_int_equal(promise(f, "nightly")->rules[1]->result, HIKAE_KEPT);
    CHECK_RESULT(f, "nightly", "broken");
}

/* An item is about aspects that its rule has, or about all of it: a word of no rule would be asked for in vain. */
static void check_aspects(const char *rule, const struct hikae_evidence_item *item)
{
    char word[32];
    for (const char *p = item->aspects; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        (void)snprintf(word, sizeof(word), "%.*s", (int)size, p);
        if (!policy_text_has_word(policy_rule_aspects(rule), word))
            fail_msg("%s: the rule %s has no aspect %s", item->kind, rule, word);
        p += size;
    }
}

/* Every kind that a judge gives has its sentences. */
static void test_sentences(void **state)
{
    struct fixture *f = *state;
    f->snapshots[17].on_demand = true;
    judge(f);
    for (size_t i = 0; i < f->ret.promise_count; i++)
        for (size_t k = 0; k < f->ret.promises[i].rule_count; k++)
            for (size_t n = 0; n < f->ret.promises[i].rules[k]->item_count; n++) {
                const char *kind = f->ret.promises[i].rules[k]->items[n].kind;
                assert_string_not_equal(hikae_evidence_sentence(kind, false), kind);
                assert_string_not_equal(hikae_evidence_sentence(kind, true), kind);
                check_aspects(f->ret.promises[i].rules[k]->rule, &f->ret.promises[i].rules[k]->items[n]);
            }
}

static int take_bytes(const void *bytes, size_t size, void *context)
{
    char *text = context;
    size_t used = strlen(text);
    assert_true(used + size < 4096);
    memcpy(text + used, bytes, size);
    text[used + size] = '\0';
    return 0;
}

/* Names and titles come from people: what they write is neither a formula nor another column. */
static void test_csv(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } rows[] = {{"plain", "plain"},
                {"a, b", "\"a, b\""},
                {"a \"b\"", "\"a \"\"b\"\"\""},
                {"a\r\nb", "\"a\r\nb\""},
                {"=1+1", "'=1+1"},
                {"=\"x\"", "\"'=\"\"x\"\"\""},
                {"+1", "'+1"},
                {"-1", "'-1"},
                {"@x", "'@x"},
                {"\t=1", "'\t=1"},
                {"\r=1", "\"'\r=1\""},
                {"＝1", "'＝1"},
                {"＠x", "'＠x"},
                {"鍵", "鍵"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[4096] = "", wanted[4096];
        const struct hikae_evidence_item item = {.kind = "document", .result = HIKAE_ATTESTED, .about = rows[i].text};
        const struct hikae_evidence_promise made = {
            .policy = "p", .id = "a", .result = HIKAE_ATTESTED, .attestations = &item, .attestation_count = 1};
        const struct hikae_evidence evidence = {.promises = &made, .promise_count = 1};
        assert_int_equal(hikae_evidence_csv(&evidence, i % 2 == 1, take_bytes, text, NULL), HIKAE_OK);
        (void)snprintf(
            wanted, sizeof(wanted),
            "policy,promise,promise_result,rule,result,kind,what,tenant,about,date,due,done,detail,audit_log,"
            "audit_sequence\r\np,a,attested,,attested,document,%s,,%s,,,,,,\r\n",
            hikae_evidence_sentence("document", i % 2 == 1), rows[i].field);
        assert_string_equal(text, wanted);
    }
}

static void test_controls(void **state)
{
    struct fixture *f = *state;
    CLEANUP(controls_clear) struct controls controls = {0};
    static const char good[] =
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [drills, logs]}\n";
    static const char *const bad[] = {
        "schema: 2\ncontrols: []\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [dril]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [logs, logs]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: []}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, rules: [logs]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [logs]}\n"
        "  - {standard: S, control: \"1\", ja: a, en: b, rules: [drills]}\n",
        "schema: 1\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(controls_parse("c.yaml", bad[i], strlen(bad[i]), &controls, NULL), -1);
    assert_int_equal(controls_parse("c.yaml", good, strlen(good), &controls, NULL), 0);
    judge(f);
    evidence_add_controls(&controls, &f->arena, &f->ret);
    assert_int_equal(promise(f, "drilled")->control_count, 1);
    assert_int_equal(promise(f, "logs")->control_count, 1);
    assert_int_equal(promise(f, "nightly")->control_count, 0);
    controls_clear(&controls);
    assert_int_equal(controls_load("policies/controls/iso.yaml", &controls, NULL), 0);
    assert_true(controls.count > 15);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_all_kept),    TEST(test_nights),    TEST(test_stages),   TEST(test_expired),
        TEST(test_generations), TEST(test_on_demand), TEST(test_places),   TEST(test_encryption),
        TEST(test_checks),      TEST(test_logs),      TEST(test_people),   TEST(test_contracts_and_restores),
        TEST(test_versions),    TEST(test_sentences), TEST(test_controls), TEST(test_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
