/*
 * The promises of the shipped policies, one by one: when all is well each of them is good, and each fault breaks
 * exactly the promises that are about it. A promise that no fault breaks would be no promise.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "promises_fixture.h"

/* ---- Faults ---- */

/* The provider's own: both kinds of policies back it up. */
static struct evidence_snapshot *in_october(struct world *w)
{
    for (size_t i = 0; i < w->tenants[PROVIDER].snapshot_count; i++)
        if (w->snapshots[PROVIDER][i].time_ns >= w->version.from_ns)
            return &w->snapshots[PROVIDER][i];
    fail_msg("there is no snapshot in October");
    return w->snapshots[PROVIDER];
}

static void no_night(struct world *w)
{
    in_october(w)->complete = false;
}

static void customer_backed_up(struct world *w)
{
    w->snapshots[CUSTOMER][0] = *in_october(w);
    w->tenants[CUSTOMER].snapshot_count = 1;
}

static void dropped_early(struct world *w)
{
    struct evidence_snapshot *snapshot = in_october(w);
    snapshot->dropped_ns = snapshot->time_ns + DAY_NS;
}

static void kept_longer(struct world *w)
{
    w->tenants[PROVIDER].held = false;
}

static void on_demand_lost(struct world *w)
{
    struct evidence_snapshot *extra = &w->snapshots[PROVIDER][w->tenants[PROVIDER].snapshot_count++];
    *extra = *in_october(w);
    extra->id = "x";
    extra->on_demand = extra->lost = true;
}

static void other_source(struct world *w)
{
    w->tenants[PROVIDER].sources = w->policy->sources.method == POLICY_METHOD_IMAGES ? "dir" : "image";
}

static void one_copy(struct world *w)
{
    in_october(w)->copies = 1;
}

static void same_site(struct world *w)
{
    w->targets[1].site = "tokyo";
}

static void same_provider(struct world *w)
{
    w->targets[1].provider = "aws";
}

static void abroad(struct world *w)
{
    w->targets[1].country = "US";
}

static void other_region(struct world *w)
{
    w->targets[1].region = "ap-northeast-3";
}

static void old_transport(struct world *w)
{
    w->targets[1].tls = "TLSv1.1";
}

static void accepted(struct world *w, const char *rule)
{
    w->unmet = (struct evidence_unmet){w->policy->name, rule, "is not met", false, w->version.applied_ns};
    w->facts.unmet = &w->unmet;
    w->facts.unmet_count = 1;
}

static void file_holder(struct world *w)
{
    accepted(w, "holder-class");
}

static void service_abroad(struct world *w)
{
    accepted(w, "holder-service");
}

static void old_signature(struct world *w)
{
    accepted(w, "target-signature");
}

static void no_verification(struct world *w)
{
    size_t left = 0;
    for (size_t i = 0; i < w->tenants[PROVIDER].verification_count; i++)
        if (w->verifications[PROVIDER][i].time_ns < at("2026-07-01T00:00:00Z"))
            left = i;
    w->tenants[PROVIDER].verification_count = left;
}

static void no_drill(struct world *w)
{
    w->tenants[PROVIDER].drill_count = 0;
}

static void bad_drill(struct world *w)
{
    for (size_t i = 0; i < w->tenants[PROVIDER].drill_count; i++)
        if (w->drills[PROVIDER][i].time_ns >= w->version.from_ns) {
            w->drills[PROVIDER][i].sound = false;
            return;
        }
}

/* Drilled every night, but only on the hosts that make the backups. The first year ends in November: in October nothing
 * is owed yet. */
static void drilled_at_home(struct world *w)
{
    for (size_t i = 0; i < w->tenants[PROVIDER].drill_count; i++)
        w->drills[PROVIDER][i].elsewhere = false;
}

/* The last one on a server of its own was a year ago in October. */
static void drilled_at_home_for_a_year(struct world *w)
{
    drilled_at_home(w);
    w->drills[PROVIDER][0].time_ns = at("2025-10-15T03:00:00Z");
    w->drills[PROVIDER][0].elsewhere = true;
}

static void other_zone(struct world *w)
{
    static char utc[] = "UTC", tokyo[] = "Asia/Tokyo";
    w->policy->schedule.zone = strcmp(w->policy->zone, utc) == 0 ? tokyo : utc;
}

static void no_log(struct world *w)
{
    for (size_t i = 0; i < w->tenants[PROVIDER].log_count; i++)
        if (strcmp(w->logs[i].period, "2026-09") == 0)
            w->logs[i].taken_ns = at("2026-10-20T00:00:00Z");
}

static void log_dropped(struct world *w)
{
    for (size_t i = 0; i < w->tenants[PROVIDER].log_count; i++)
        if (strcmp(w->logs[i].class_name, "monitoring") == 0)
            w->logs[i].dropped_ns = at("2026-10-20T00:00:00Z");
}

static void log_changed(struct world *w)
{
    w->audit.state = HIKAE_BROKEN;
    w->audit.what = "entry 7 is not what was written";
}

static void log_expired(struct world *w)
{
    w->expiry = (struct evidence_expiry){.class = AUDIT_OPERATION,
                                         .keep = {7, SPAN_DAYS},
                                         .at_ns = at("2026-10-20T00:00:00Z"),
                                         .before_ns = at("2026-10-13T00:00:00Z")};
    w->facts.expiries = &w->expiry;
    w->facts.expiry_count = 1;
}

static void add_restore(struct world *w, bool by_customer, bool latest)
{
    w->restore = (struct evidence_restore){.time_ns = at("2026-10-09T00:00:00Z"),
                                           .destination = "production",
                                           .approver = "sato",
                                           .by_customer = by_customer,
                                           .latest = latest};
    w->tenants[CUSTOMER].restores = &w->restore;
    w->tenants[CUSTOMER].restore_count = 1;
}

static void restored_on_request(struct world *w)
{
    add_restore(w, true, true);
}

static void restored_older(struct world *w)
{
    add_restore(w, false, false);
}

static void no_document(struct world *w)
{
    w->facts.attestation_count = 0;
}

static void not_erased(struct world *w)
{
    w->contract =
        (struct evidence_contract){.ends_ns = at("2026-08-31T00:00:00Z"), .deadline_ns = at("2026-10-20T00:00:00Z")};
    w->tenants[CUSTOMER].contracts = &w->contract;
    w->tenants[CUSTOMER].contract_count = 1;
}

static void no_survivors(struct world *w)
{
    w->tenants[CUSTOMER].erased = true;
}

static void told_late(struct world *w)
{
    const struct policy_notice *notice = &w->policy->notices[0];
    w->incident = (struct evidence_incident){.id = "i",
                                             .event = "incident",
                                             .policy = w->policy->name,
                                             .from = notice->from,
                                             .strength = notice->strength,
                                             .counts_ns = at("2026-10-12T10:00:00Z"),
                                             .due_ns = at("2026-10-15T10:00:00Z"),
                                             .noticed_ns = at("2026-10-15T10:00:01Z")};
    w->facts.incidents = &w->incident;
    w->facts.incident_count = 1;
}

static void nobody_looked(struct world *w)
{
    /* The first half of the year, whose look was due by its end. */
    w->facts.review_count = 0;
    w->version.from_ns = w->version.period_from_ns = at("2026-06-15T00:00:00Z");
}

/* Promises: those that the fault breaks, with spaces between; nothing else may change. */
static const struct {
    const char *policy;
    void (*fault)(struct world *w);
    const char *promises, *result;
} rows[] = {
    {"daily-7-generations", no_night, "backup-daily", "broken"},
    {"daily-7-generations", dropped_early, "generations-7", "broken"},
    {"daily-7-generations", kept_longer, "generations-7", "broken"},
    {"daily-7-generations", one_copy, "sites-japan", "broken"},
    {"daily-7-generations", same_site, "sites-japan", "broken"},
    {"daily-7-generations", abroad, "sites-japan", "broken"},
    {"daily-7-generations", service_abroad, "sites-japan", "broken"},
    {"daily-7-generations", file_holder, "encryption-key-service", "broken"},
    {"daily-7-generations", old_transport, "", ""},
    {"daily-7-generations", not_erased, "erase-1-month", "broken"},
    {"daily-7-generations", no_survivors, "survives-contract", "not-observable"},
    {"daily-7-generations", restored_on_request, "no-restore-on-request", "broken"},
    {"daily-7-generations", restored_older, "", ""},
    {"daily-7-generations", other_zone, "log-times", "broken"},
    {"daily-7-generations", log_changed, "logs-1-year", "broken"},
    {"daily-7-generations", log_expired, "logs-1-year", "broken"},
    {"daily-7-generations", told_late, "notice-72-hours", "missed"},
    {"daily-7-generations", no_verification, "restores-work", "broken"},
    {"daily-7-generations", no_drill, "restores-work", "broken"},
    {"daily-7-generations", bad_drill, "restores-work", "broken"},
    {"daily-30-days", no_night, "backup-daily", "broken"},
    {"daily-30-days", dropped_early, "kept-30-days", "broken"},
    {"daily-30-days", kept_longer, "kept-30-days", "broken"},
    {"daily-30-days", other_region, "region-tokyo", "broken"},
    {"daily-30-days", abroad, "region-tokyo", "broken"},
    {"daily-30-days", same_site, "other-zone", "broken"},
    {"daily-30-days", one_copy, "other-zone", "broken"},
    {"daily-30-days", bad_drill, "restore-tests", "broken"},
    {"daily-30-days", no_verification, "restore-tests", "broken"},
    {"daily-30-days", restored_older, "recovery-latest", "broken"},
    {"daily-30-days", log_changed, "logs-30-days", "broken"},
    {"daily-30-days", log_expired, "logs-30-days", "broken"},
    {"daily-30-days", old_transport, "tls-1-2", "broken"},
    {"daily-30-days", old_signature, "cryptrec", "broken"},
    {"customer-export", customer_backed_up, "no-backup-service", "broken"},
    {"customer-export", no_night, "own-data", "broken"},
    {"customer-export", dropped_early, "own-data", "broken"},
    {"customer-export", no_document, "customer-exports", "not-observable"},
    {"customer-export", not_erased, "leftovers-deleted", "broken"},
    {"customer-export", other_source, "inventory-apart", "broken"},
    {"customer-export", nobody_looked, "inventory-apart", "broken"},
    {"customer-export", log_expired, "operation-logs-30-days", "broken"},
    {"customer-export", told_late, "notice-3-business-days", "broken"},
    {"customer-export", bad_drill, "own-restores", "broken"},
    {"monthly-1-year", no_night, "image-monthly", "broken"},
    {"monthly-1-year", other_source, "image-monthly", "broken"},
    {"monthly-1-year", dropped_early, "kept-1-year", "broken"},
    {"monthly-1-year", no_verification, "kept-1-year", "broken"},
    {"monthly-1-year", on_demand_lost, "on-demand", "broken"},
    {"monthly-1-year", nobody_looked, "looked-at", "broken"},
    {"monthly-1-year", drilled_at_home, "", ""},
    {"monthly-1-year", drilled_at_home_for_a_year, "restore-test-yearly", "broken"},
    {"monthly-1-year", bad_drill, "restore-test-yearly", "broken"},
    {"monthly-1-year", no_document, "restore-test-yearly", "not-observable"},
    {"monthly-1-year", other_zone, "times-utc", "broken"},
    {"monthly-1-year", no_log, "logs-csv", "broken"},
    {"monthly-1-year", log_dropped, "monitoring-5-years logs-after-contract", "broken"},
    {"monthly-1-year", not_erased, "erase-after-contract", "broken"},
    {"two-clouds-japan", same_provider, "two-providers", "broken"},
    {"two-clouds-japan", one_copy, "two-providers", "broken"},
    {"two-clouds-japan", abroad, "japan-only", "broken"},
    {"two-clouds-japan", other_zone, "times-jst", "broken"},
    {"two-clouds-japan", told_late, "notice-72-hours", "missed"},
    {"two-clouds-japan", no_document, "access-by-few", "not-observable"},
    {"two-clouds-japan", nobody_looked, "access-by-few", "broken"},
    {"two-clouds-japan", no_night, "schedule", "broken"},
    {"two-clouds-japan", dropped_early, "retention", "broken"},
    {"two-clouds-japan", no_drill, "proof", "broken"},
};
static const char *const policies[] = {"daily-7-generations", "daily-30-days", "customer-export", "monthly-1-year",
                                       "two-clouds-japan"};

static void test_all_is_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct world *w = open_world(policies[i]);
        judge(w);
        for (size_t k = 0; k < w->ret.promise_count; k++)
            if (w->ret.promises[k].result >= HIKAE_NOT_OBSERVABLE)
                fail_msg("%s: %s is %s", policies[i], w->ret.promises[k].id,
                         hikae_result_name(w->ret.promises[k].result));
        close_world(w);
    }
}

static void check_row(size_t row)
{
    struct world *well = open_world(rows[row].policy), *w = open_world(rows[row].policy);
    rows[row].fault(w);
    judge(well);
    judge(w);
    assert_int_equal(well->ret.promise_count, w->ret.promise_count);
    for (size_t i = 0; i < w->ret.promise_count; i++) {
        const struct hikae_evidence_promise *promise = &w->ret.promises[i];
        const char *wanted = policy_text_has_word(rows[row].promises, promise->id)
                                 ? rows[row].result
                                 : hikae_result_name(well->ret.promises[i].result);
        if (strcmp(hikae_result_name(promise->result), wanted) != 0)
            fail_msg("row %zu (%s, %s): %s is %s, and should be %s", row, rows[row].policy, rows[row].promises,
                     promise->id, hikae_result_name(promise->result), wanted);
    }
    close_world(well);
    close_world(w);
}

static void test_each_fault(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
        check_row(row);
}

/* The container knows no other cipher: no fact could break this one. */
static bool cannot_break(const char *promise)
{
    return strcmp(promise, "encryption-aes-256") == 0;
}

static void test_each_promise_can_break(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct world *w = open_world(policies[i]);
        for (size_t k = 0; k < w->policy->promise_count; k++) {
            const char *id = w->policy->promises[k].id;
            bool found = cannot_break(id);
            for (size_t row = 0; !found && row < sizeof(rows) / sizeof(rows[0]); row++)
                found = strcmp(rows[row].policy, policies[i]) == 0 && policy_text_has_word(rows[row].promises, id);
            if (!found)
                fail_msg("%s: no fault breaks %s", policies[i], id);
        }
        close_world(w);
    }
}

/* A refused request, and an archive that a customer was given, are proof. */
static void test_acts(void **state)
{
    (void)state;
    struct world *w = open_world("daily-7-generations");
    w->act = (struct evidence_act){EVIDENCE_REQUEST_REFUSED, at("2026-10-09T00:00:00Z"), {"aa", 7}};
    w->tenants[CUSTOMER].acts = &w->act;
    w->tenants[CUSTOMER].act_count = 1;
    judge(w);
    for (size_t i = 0; i < w->ret.promise_count; i++) {
        const struct hikae_evidence_promise *promise = &w->ret.promises[i];
        if (strcmp(promise->id, "no-restore-on-request") != 0)
            continue;
        assert_int_equal(promise->result, HIKAE_KEPT);
        assert_string_equal(promise->rules[0]->items[0].kind, "request-refused");
        assert_int_equal(promise->rules[0]->items[0].sequence, 7);
    }
    w->tenants[CUSTOMER].erased = true;
    w->act.kind = EVIDENCE_SURVIVORS;
    judge(w);
    for (size_t i = 0; i < w->ret.promise_count; i++)
        if (strcmp(w->ret.promises[i].id, "survives-contract") == 0)
            assert_int_equal(w->ret.promises[i].result, HIKAE_KEPT);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_each_fault),
        cmocka_unit_test(test_each_promise_can_break),
        cmocka_unit_test(test_acts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
