/* Evidence is judged purely: places, keys, checks, logs, people and contracts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "evidence_fixture.h"

static void test_places(void **state)
{
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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
    /* What is found now is said of a month that is not over; of one that is nobody knows; of a version that was
     * replaced since it says nothing. */
    unmet.now = true;
    judge(f);
    assert_string_equal(gaps(f), "unmet-since -");
    CHECK_RESULT(f, "sealed", "not-observable");
    f->facts.now_ns = at("2026-10-31T12:00:00+09:00");
    judge(f);
    assert_string_equal(gaps(f), "unmet -");
    CHECK_RESULT(f, "sealed", "broken");
    f->version.in_force = false;
    judge(f);
    assert_string_equal(gaps(f), "");
}

static void test_checks(void **state)
{
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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

/* ---- The fifth business day of each month of three years, reckoned here by other means ---- */

/* Holidays on weekdays that fall on one of a month's first eight days, by hand from the law: month * 100 + day. */
static const int weekday_holidays[3][8] = {
    {101, 504, 505, 506, 1103}, /* 2026: 3 May is a Sunday; the 6th makes up for it, behind two holidays */
    {101, 503, 504, 505, 1103}, /* 2027 */
    {503, 504, 505, 1103},      /* 2028: New Year's Day is a Saturday, which nothing makes up for */
};

/* Sakamoto's rule; 0 is Sunday. */
static int weekday_of(int year, int month, int day)
{
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = month < 3 ? year - 1 : year;
    return (y + y / 4 - y / 100 + y / 400 + shift[month - 1] + day) % 7;
}

static int fifth_business_day(int year, int month)
{
    int found = 0, day = 0;
    while (found < 5) {
        int weekday = weekday_of(year, month, ++day);
        bool holiday = weekday == 0 || weekday == 6;
        for (size_t i = 0; i < 8; i++)
            holiday = holiday || weekday_holidays[year - 2026][i] == month * 100 + day;
        found += !holiday;
    }
    return day;
}

/* The month before is in time until the last second of that day in Japan, and late from the next on. */
static void test_every_month(void **state)
{
    struct evidence_world *f = *state;
    f->tenant.snapshot_count = f->tenant.verification_count = f->tenant.drill_count = 0;
    f->facts.now_ns = at("2029-06-01T00:00:00Z");
    f->version.since_ns = f->version.applied_ns = f->stages[0].from_ns = at("2025-01-01T00:00:00+09:00");
    for (int i = 0; i < 36; i++) {
        char begins[64], ends[64], last[64], before[32], wanted[64];
        int year = 2026 + i / 12, month = i % 12 + 1, next = month % 12 + 1;
        (void)snprintf(begins, sizeof(begins), "%d-%02d-01T00:00:00+09:00", year, month);
        (void)snprintf(ends, sizeof(ends), "%d-%02d-01T00:00:00+09:00", next == 1 ? year + 1 : year, next);
        (void)snprintf(last, sizeof(last), "%d-%02d-%02dT23:59:59+09:00", year, month, fifth_business_day(year, month));
        (void)snprintf(before, sizeof(before), "%d-%02d", month == 1 ? year - 1 : year, month == 1 ? 12 : month - 1);
        (void)snprintf(wanted, sizeof(wanted), "log-missed %s", before);
        f->version.from_ns = f->version.period_from_ns = f->facts.from_ns = at(begins);
        f->version.to_ns = f->version.period_to_ns = f->facts.to_ns = at(ends);
        f->logs[0].period = before;
        f->logs[0].keep_until_ns = INT64_MAX;
        f->logs[0].taken_ns = at(last);
        judge(f);
        CHECK_RESULT(f, "fetched", "kept");
        f->logs[0].taken_ns += NS_PER_S;
        judge(f);
        CHECK_RESULT(f, "fetched", "broken");
        assert_non_null(strstr(gaps(f), wanted));
    }
}

static void test_people(void **state)
{
    struct evidence_world *f = *state;
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
    struct evidence_world *f = *state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_places),
        TEST(test_encryption),
        TEST(test_checks),
        TEST(test_logs),
        TEST(test_every_month),
        TEST(test_people),
        TEST(test_contracts_and_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
