/* Evidence is judged purely: nights and generations, and what they make of each promise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "evidence_fixture.h"

static void test_all_kept(void **state)
{
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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

/* What nobody could read of a log proves nothing: neither that something was done nor that it was not. */
static void test_unread(void **state)
{
    struct evidence_world *f = *state;
    keep_everything(f);
    f->snapshots[17].on_demand = true;
    judge(f);
    assert_string_equal(gaps(f), "night-missed 2026-10-07");
    f->audit.partial = true;
    judge(f);
    assert_string_equal(gaps(f), "night-expired 2026-10-07");
    CHECK_RESULT(f, "nightly", "not-observable");
    f->audit.partial = false;
    f->facts.audit_partial = true;
    judge(f);
    assert_string_equal(gaps(f), "night-expired 2026-10-07");
}

/* Of an erased tenant what was promised until then is judged, and nothing after. */
static void test_erased(void **state)
{
    struct evidence_world *f = *state;
    keep_everything(f);
    f->tenant.erased = true;
    f->tenant.gone_ns = at("2026-10-15T12:00:00+09:00");
    f->contract = (struct evidence_contract){.policy = "p",
                                             .ends_ns = at("2026-10-15T00:00:00+09:00"),
                                             .deadline_ns = at("2026-11-15T00:00:00+09:00"),
                                             .erased_ns = at("2026-10-15T13:00:00+09:00"),
                                             .keys = true};
    f->tenant.contracts = &f->contract;
    f->tenant.contract_count = 1;
    f->tenant.snapshot_count = f->tenant.verification_count = 26; /* until 15 October */
    f->policy->log_count = 1;
    judge(f);
    assert_string_equal(gaps(f), "");
    assert_int_equal(promise(f, "nightly")->rules[0]->counts[HIKAE_KEPT], 15);
    CHECK_RESULT(f, "erased", "kept");
    f->snapshots[17].on_demand = true;
    judge(f);
    assert_string_equal(gaps(f), "night-missed 2026-10-07");
    /* Its contract is judged by the policy that the record of its end names. */
    f->contract.policy = "q";
    judge(f);
    CHECK_RESULT(f, "erased", "not-yet-due");
    /* The month after has nothing of it but what was due then. */
    f->contract.policy = "p";
    f->version.from_ns = f->version.period_from_ns = at("2026-11-01T00:00:00+09:00");
    f->version.to_ns = f->version.period_to_ns = at("2026-12-01T00:00:00+09:00");
    judge(f);
    assert_int_equal(f->ret.tenants, 0);
    CHECK_RESULT(f, "nightly", "not-yet-due");
    CHECK_RESULT(f, "erased", "kept");
}

/* A tenant of which not all can be seen is told in every promise that it may concern, and is never left out. */
static void test_unseen(void **state)
{
    struct evidence_world *f = *state;
    static const char *const promises[] = {"nightly", "seven", "places", "checked", "drilled", "restores", "erased"};
    f->tenant.unseen = "its keys are away";
    judge(f);
    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
        CHECK_RESULT(f, promises[i], "not-observable");
    CHECK_RESULT(f, "looked", "kept");
    CHECK_RESULT(f, "fetched", "kept");
    /* Logs that it may hold are not missing, but unseen. */
    f->tenant.log_count = 0;
    judge(f);
    CHECK_RESULT(f, "fetched", "not-observable");
    assert_non_null(strstr(gaps(f), "log-unseen 2026-09"));
    /* Not even its policy is known: every policy may be concerned, but for what came after it. */
    f->tenant.stage_count = 0;
    judge(f);
    CHECK_RESULT(f, "nightly", "not-observable");
    f->tenant.gone_ns = f->version.from_ns;
    judge(f);
    CHECK_RESULT(f, "nightly", "not-yet-due");
}

static void test_generations(void **state)
{
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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

/* Two versions in a month: each is judged for its part, and the promise has the worst of both. */
static void test_versions(void **state)
{
    struct evidence_world *f = *state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_kept), TEST(test_nights), TEST(test_stages),      TEST(test_expired),   TEST(test_unread),
        TEST(test_erased),   TEST(test_unseen), TEST(test_generations), TEST(test_on_demand), TEST(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
