#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/policy_check.h"

#include <stdio.h>
#include <string.h>

static struct policy *parse(const char *text)
{
    struct error err = {0};
    struct policy *policy = NULL;
    if (policy_parse("p.yaml", text, strlen(text), &policy, &err) != 0)
        fail_msg("%s; %s\n%s", err.what, err.hint, text);
    return policy;
}

#define HEAD       "schema: 1\nname: p\ntitle: {ja: a, en: a}\nzone: UTC\n"
#define DAILY      "schedule: {every: daily, tenants: [customer]}\n"
#define DAILY_KEPT "schedule: {every: daily, tenants: [provider], keeps: [a]}\n"
#define KEEP7      "generations: {keep: {daily: 7}}\n"
#define PROMISE    "promises: [{id: a, status: internal, ja: a, en: a}]\n"

static bool has_finding(const struct policy_findings *findings, const char *rule, const char *place, const char *what)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct policy_finding *finding = &findings->items[i];
        char at[32];
        (void)snprintf(at, sizeof(at), "%u:%u", finding->line, finding->column);
        if (strcmp(finding->rule, rule) == 0 && strcmp(at, place) == 0 && strstr(finding->what, what) != NULL &&
            finding->hint[0] != '\0')
            return true;
    }
    return false;
}

static void print_all(const struct policy_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        print_message("%s at %u:%u: %s\n", findings->items[i].rule, findings->items[i].line, findings->items[i].column,
                      findings->items[i].what);
}

/* A policy that is found wrong by one rule at one place; rule NULL: nothing is wrong. */
struct row {
    const char *text, *rule, *place, *what;
};

static const struct row contradictions[] = {
    {"", NULL, "", ""},
    {DAILY KEEP7, NULL, "", ""},
    {"schedule: {every: daily, tenants: [customer], zone: Asia/Tokio}\ngenerations: {keep: all}\n", "time-zones",
     "5:53", "Asia/Tokio"},
    {"contract_end: {within: 1m, zone: JST-9}\n", "time-zones", "5:34", "JST-9"},
    {"logs: [{class: a, keep: 1y}, {class: b, keep: 1y, zone: Mars/Base}]\n", "time-zones", "5:57", "Mars"},
    {"schedule: {every: daily, tenants: [customer], keeps: [daily]}\ngenerations: {keep: all}\n", "promises-known",
     "5:19", "keeps \"daily\""},
    {PROMISE, "promises-kept", "5:17", "\"a\""},
    {"promises: [{id: a, status: internal, aspects: [sites], ja: a, en: a}]\n"
     "lock: {mode: governance, span: 1d, keeps: [a]}\n",
     "promises-aspects", "5:48", "\"sites\""},
    {"promises: [{id: a, status: internal, aspects: [places, nights], ja: a, en: a}]\n"
     "targets: {min_copies: 1, keeps: [a]}\n",
     "promises-aspects", "5:48", "\"nights\""},
    {"promises: [{id: a, status: internal, aspects: [places, nights], ja: a, en: a}]\n"
     "targets: {min_copies: 1, keeps: [a]}\n" DAILY_KEPT "generations: {keep: all}\n",
     NULL, "", ""},
    {"promises: [{id: a, status: internal, by: operator, ja: a, en: a}]\n", NULL, "", ""},
    {PROMISE "lock: {mode: governance, span: 1d, keeps: [a]}\n", NULL, "", ""},
    {"promises: [{id: a, status: published, published_at: '', ja: a, en: a}]\n"
     "lock: {mode: governance, span: 1d, keeps: [a]}\n",
     "published-where", "5:53", ": a"},
    {"promises: [{id: a, status: published, published_at: 'https://example.jp/', ja: a, en: a}]\n"
     "lock: {mode: governance, span: 1d, keeps: [a]}\n",
     NULL, "", ""},
    {DAILY, "schedule-and-generations", "5:19", "nothing says how long"},
    {KEEP7, "schedule-and-generations", "5:29", "no schedule"},
    {"schedule: {every: daily, tenants: [customer], window: 01:00-02:00, jitter_minutes: 60}\n" KEEP7,
     "jitter-in-window", "5:84", "60 minutes"},
    {"schedule: {every: daily, tenants: [customer], window: 01:00-02:00, jitter_minutes: 59}\n" KEEP7, NULL, "", ""},
    {"schedule: {every: hourly, tenants: [customer], jitter_minutes: 60}\n" KEEP7, "jitter-in-window", "5:64", "60"},
    {"schedule: {every: hourly, tenants: [customer], window: \"02:30-03:00\"}\n" KEEP7, "hours-in-window", "5:56",
     "no hour begins"},
    {"schedule: {every: hourly, tenants: [customer], window: \"23:01-23:59\"}\n" KEEP7, "hours-in-window", "5:56",
     "58 minutes"},
    {DAILY "generations: {keep: {hourly: 24}}\n", "generations-from-schedule", "6:30", "hourly 24"},
    {"schedule: {every: monthly, day: 1, tenants: [customer]}\n" KEEP7, "generations-from-schedule", "6:29", "daily 7"},
    {"schedule: {every: monthly, day: 1, tenants: [customer]}\ngenerations: {keep: {within: 30d}}\n",
     "generations-from-schedule", "6:30", "may keep nothing"},
    {"schedule: {every: monthly, day: 1, tenants: [customer]}\ngenerations: {keep: {monthly: {within: 1y}}}\n", NULL,
     "", ""},
    {"schedule: {every: hourly, tenants: [customer]}\ngenerations: {keep: {hourly: 24, daily: 7}}\n", NULL, "", ""},
    {"schedule: {every: monthly, day: 1, tenants: [customer]}\ngenerations: {keep: {monthly: 12}}\n"
     "drills: [{mode: full, every: 1y}, {mode: sample, every: 1w}]\n",
     "drills-not-more-than-backups", "7:57", "1w are more often than backups, which are monthly"},
    {DAILY KEEP7 "drills: [{mode: full, every: 12h}]\n", "drills-not-more-than-backups", "7:30", "12h"},
    {DAILY KEEP7 "drills: [{mode: full, every: 1d}]\n", NULL, "", ""},
    {"drills: [{mode: full, every: 1y}]\n", "drills-not-more-than-backups", "5:30", "no backups"},
    {"schedule: {every: daily, tenants: [provider]}\n" KEEP7 "restores: {on_request: true}\n", "restores-of-backups",
     "7:24", "not backed up"},
    {"targets: {min_copies: 2, sites: 3}\n", "copies-for-places", "5:33", "3 sites"},
    {"targets: {providers: 2}\n", "copies-for-places", "5:22", "2 providers"},
    {"targets: {min_copies: 3, sites: 3, providers: 2}\n", NULL, "", ""},
    {"targets: {countries: [JP], regions: [ap-northeast-1, us-east-1]}\n", "regions-in-countries", "5:54",
     "lies in US"},
    {"targets: {countries: [JP], regions: [ap-northeast-1, ap-northeast-3]}\n", NULL, "", ""},
    {"processors: {storage: [JP]}\n", "processors-cover", "5:24", "anywhere"},
    {"processors: {storage: [JP]}\ntargets: {countries: [JP, US]}\n", "processors-cover", "5:24", "may lie in US"},
    {"processors: {webhooks: [JP]}\nencryption: {holder: key-service}\n", "processors-cover", "5:25", "key service"},
    {DAILY KEEP7 "lock: {mode: compliance, span: 8d}\n", "lock-within-retention", "7:32",
     "8d is longer than snapshots stay (7 days less 1 hour)"},
    {DAILY KEEP7 "lock: {mode: compliance, span: 7d}\n", NULL, "", ""},
    {DAILY "generations: {keep: {within: 30d}, on_demand: 7d}\nlock: {mode: compliance, span: 30d}\n",
     "lock-within-retention", "7:32", "on demand"},
    {DAILY "generations: {keep: {weekly: 4}}\nlock: {mode: compliance, span: 7d}\n", "lock-within-retention", "7:32",
     "7d is longer than snapshots stay (23 hours)"},
    {DAILY "generations: {keep: all}\nlock: {mode: compliance, span: 10y}\n", NULL, "", ""},
    {DAILY "generations: {keep: {daily: 30}}\nlock: {mode: compliance, span: 25d}\ncontract_end: {within: 1m}\n",
     "erasure-within-deadline", "8:24",
     "take up to 28 days and 1 hour, but all is to be erased within 28 days less 1 hour"},
    {DAILY "generations: {keep: {daily: 30}}\nlock: {mode: compliance, span: 24d}\ncontract_end: {within: 1m}\n", NULL,
     "", ""},
    {DAILY KEEP7 "lock: {mode: compliance, span: 7d}\nencryption: {key_service_waits: 20d}\n"
                 "contract_end: {within: 1m}\n",
     "erasure-within-deadline", "9:24", "key service"},
    {"contract_end: {within: 72h}\n", NULL, "", ""},
    {"contract_end: {within: 71h}\n", "erasure-within-deadline", "5:24", "72 hours"},
    {"encryption: {holder: key-service}\ncontract_end: {within: 30d}\n", "erasure-within-deadline", "6:24", "33 days"},
    {"encryption: {holder: key-service, key_service_waits: 7d}\ncontract_end: {within: 30d}\n", NULL, "", ""},
    {"contract_end: {within: 1m, proof: keys}\n", "proof-needs-holder", "5:35", "file may hold"},
    {"encryption: {holder: token}\ncontract_end: {within: 1m, proof: keys}\n", NULL, "", ""},
    {"logs: [{class: a, keep: 5y}]\ncontract_end: {within: 1m}\n", "logs-outlast-contract", "5:25", "a logs"},
    {"logs: [{class: a, keep: 5y, survives_contract: true}]\ncontract_end: {within: 1m}\n", NULL, "", ""},
    {"logs: [{class: a, keep: 30d}]\ncontract_end: {within: 1m}\n", NULL, "", ""},
    {"reminders: [{id: a, every: 1m, before: 6w, ja: a, en: a}]\n", "reminders-in-time", "5:40", "before"},
    {PROMISE "schedule: {every: daily, tenants: [customer], keeps: [a]}\n" KEEP7, "contract-end-stated", "6:36",
     "erased after a contract"},
};

static void check_row(const struct row *row, const struct policy_installation *place, size_t number)
{
    char text[1024];
    struct error err = {0};
    struct policy_findings findings;
    (void)snprintf(text, sizeof(text), HEAD "%s", row->text);
    struct policy *policy = parse(text);
    assert_int_equal(policy_check(policy, place, &findings, &err), 0);
    bool ok = row->rule == NULL ? findings.count == 0
                                : findings.count == 1 && has_finding(&findings, row->rule, row->place, row->what);
    if (!ok) {
        print_all(&findings);
        fail_msg("row %zu:\n%s\nshould give %s at %s", number, row->text, row->rule, row->place);
    }
    policy_findings_clear(&findings);
    policy_free(policy);
}

static void test_contradictions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++)
        check_row(&contradictions[i], NULL, i);
}

/* ---- The installation ---- */

static const struct target_options tokyo = {
    .name = "tokyo", .url = "s3://a", .country = "JP", .site = "t", .region = "ap-northeast-1", .provider = "aws"};
static const struct target_options osaka = {
    .name = "osaka", .url = "s3://b", .country = "JP", .site = "o", .region = "ap-northeast-2", .provider = "wasabi"};
static const struct target_options attic = {.name = "attic", .url = "file:///x", .country = "JP", .site = "t"};
static const struct target_options abroad = {.name = "abroad", .url = "s3://c", .country = "US", .provider = "aws"};
static const struct target_options nowhere = {.name = "nowhere", .url = "file:///y"};
static const struct target_options old = {
    .name = "old", .url = "s3://d", .country = "JP", .signature = TARGET_SIGNATURE_V2};
static const struct target_options clear = {
    .name = "clear", .url = "s3://e", .country = "JP", .endpoint = "http://store.example.jp"};
static const struct target_options locked = {
    .name = "locked", .url = "s3://f", .country = "JP", .lock = TARGET_LOCK_GOVERNANCE, .lock_days = 7};
/* AWS's words: one zone, one building. */
static const struct target_options thin = {
    .name = "thin", .url = "s3://g", .country = "JP", .site = "o", .storage_class = "ONEZONE_IA"};

enum { TARGETS_MAX = 3 };
static const struct {
    struct row row;
    const struct target_options *targets[TARGETS_MAX];
    unsigned min_copies, holders;
    bool no_calendar;
} places[] = {
    {{DAILY KEEP7, NULL, "", ""}, {&nowhere}, 1, 1, true},
    {{"targets: {countries: [JP]}\n", NULL, "", ""}, {&tokyo, &osaka}, 1, 1, false},
    {{"targets: {countries: [JP]}\n", "target-residency", "5:23", "target abroad lies in none of these countries: US"},
     {&tokyo, &abroad},
     1,
     1,
     false},
    {{"targets: {countries: [JP]}\n", "target-residency", "5:23", "none declared"}, {&nowhere}, 1, 1, false},
    {{"targets: {regions: [ap-northeast-1]}\n", "target-region", "5:21", "osaka"}, {&tokyo, &osaka}, 1, 1, false},
    {{"targets: {storage_classes: [STANDARD_IA]}\n", "target-class", "5:29", "tokyo"}, {&tokyo}, 1, 1, false},
    /* Three copies on two targets. */
    {{"targets: {min_copies: 3}\n", "target-copies", "5:23", "3 copies cannot be on 2 targets"},
     {&tokyo, &osaka},
     2,
     1,
     false},
    {{"targets: {min_copies: 2}\n", "target-copies", "5:23", "counts with 1 copy already"},
     {&tokyo, &osaka},
     1,
     1,
     false},
    {{"targets: {min_copies: 2, sites: 2}\n", NULL, "", ""}, {&tokyo, &osaka}, 2, 1, false},
    {{"targets: {min_copies: 2, sites: 2}\n", "target-sites", "5:33", "2 copies may be at fewer"},
     {&tokyo, &attic},
     2,
     1,
     false},
    {{"targets: {min_copies: 2, sites: 2}\n", "target-one-zone", "5:33", "thin stores in the class ONEZONE_IA"},
     {&tokyo, &thin},
     2,
     1,
     false},
    {{"targets: {min_copies: 2}\n", NULL, "", ""}, {&tokyo, &thin}, 2, 1, false},
    /* Two of three are at one site, and two copies suffice. */
    {{"targets: {min_copies: 2, sites: 2}\n", "target-sites", "5:33", ""}, {&tokyo, &attic, &osaka}, 2, 1, false},
    {{"targets: {min_copies: 2, sites: 2}\n", NULL, "", ""}, {&tokyo, &attic, &osaka}, 3, 1, false},
    {{"targets: {min_copies: 2, providers: 2}\n", NULL, "", ""}, {&tokyo, &osaka}, 2, 1, false},
    {{"targets: {min_copies: 2, providers: 2}\n", "target-providers", "5:37", ""}, {&tokyo, &abroad}, 2, 1, false},
    {{"targets: {min_copies: 2, providers: 2}\n", "target-providers", "5:37", ""}, {&attic, &nowhere}, 2, 1, false},
    {{DAILY KEEP7 "lock: {mode: compliance, span: 7d}\n", "target-locks", "7:14", "not lock objects so firmly"},
     {&locked},
     1,
     1,
     false},
    {{DAILY KEEP7 "lock: {mode: governance, span: 7d}\n", NULL, "", ""}, {&locked}, 1, 1, false},
    {{DAILY "generations: {keep: {daily: 8}}\nlock: {mode: governance, span: 8d}\n", "target-locks", "7:32",
      "for 7 days only"},
     {&locked},
     1,
     1,
     false},
    {{DAILY "generations: {keep: {daily: 6}}\n", "target-lock-hinders", "6:29", "longer than snapshots stay"},
     {&locked},
     1,
     1,
     false},
    {{"contract_end: {within: 9d}\n", "target-lock-hinders", "5:24", "too long"}, {&locked}, 1, 1, false},
    {{"contract_end: {within: 1m}\n", NULL, "", ""}, {&locked}, 1, 1, false},
    {{"encryption: {algorithms: cryptrec}\n", "target-signature", "5:26", "HMAC-SHA1"}, {&tokyo, &old}, 1, 1, false},
    {{"encryption: {algorithms: any}\n", NULL, "", ""}, {&old}, 1, 1, false},
    {{"encryption: {tls: 1.2}\n", "target-transport", "5:19", "without TLS"}, {&clear}, 1, 1, false},
    {{"encryption: {holder: token}\n", "holder-class", "5:22", "without a token"}, {&tokyo}, 1, 1, false},
    {{"encryption: {holder: token}\n", NULL, "", ""}, {&tokyo}, 1, 1U << POLICY_HOLDER_TOKEN | 1, false},
    {{"encryption: {holder: token}\n", "holder-class", "5:22", ""},
     {&tokyo},
     1,
     1U << POLICY_HOLDER_KEY_SERVICE,
     false},
    {{"notices: [{event: e, within_business_days: 3, from: confirmation, strength: duty}]\n", "calendar-known", "1:1",
      "no calendar \"japan\""},
     {&tokyo},
     1,
     1,
     true},
    {{"reviews: [{of: a, every: 1m, by_business_day: 5}]\n", NULL, "", ""}, {&tokyo}, 1, 1, false},
};

/* Who holds the root key: one passphrase, or one key service. */
static const struct {
    struct row row;
    bool scrypt;
    struct policy_key_service service; /* name NULL: none */
} keepers[] = {
    {{"encryption: {algorithms: cryptrec}\n", "holder-kdf", "5:26", "scrypt"}, true, {0}},
    {{"encryption: {algorithms: cryptrec}\n", NULL, "", ""}, false, {0}},
    {{"encryption: {algorithms: any}\n", NULL, "", ""}, true, {0}},
    {{"processors: {key_service: [JP]}\n", NULL, "", ""}, false, {"k", "JP", 30}},
    {{"processors: {key_service: [JP]}\n", "holder-service", "5:28", "key service in US"}, false, {"k", "US", 30}},
    {{"processors: {key_service: [JP]}\n", "holder-service", "5:28", "nobody knows"}, false, {"k", NULL, 30}},
    {{"processors: {webhooks: [JP]}\n", "holder-service", "1:1", "not promised"}, false, {"k", "JP", 30}},
    {{"encryption: {holder: key-service, key_service_waits: 7d}\n", "holder-service", "5:54", "for 8 days"},
     false,
     {"k", "JP", 8}},
    {{"encryption: {holder: key-service, key_service_waits: 7d}\n", NULL, "", ""}, false, {"k", "JP", 7}},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct target_options targets[TARGETS_MAX];
        struct policy_installation place = {.targets = targets,
                                            .min_copies = places[i].min_copies,
                                            .holders = places[i].holders,
                                            .calendar_missing = places[i].no_calendar};
        while (place.target_count < TARGETS_MAX && places[i].targets[place.target_count] != NULL) {
            targets[place.target_count] = *places[i].targets[place.target_count];
            place.target_count++;
        }
        check_row(&places[i].row, &place, i);
    }
}

static void test_keepers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keepers) / sizeof(keepers[0]); i++) {
        const struct policy_installation place = {.targets = &tokyo,
                                                  .target_count = 1,
                                                  .min_copies = 1,
                                                  .holders = 1U << POLICY_HOLDER_KEY_SERVICE,
                                                  .scrypt = keepers[i].scrypt,
                                                  .key_services = &keepers[i].service,
                                                  .key_service_count = keepers[i].service.name != NULL ? 1 : 0};
        check_row(&keepers[i].row, &place, i);
    }
}

static void test_severity(void **state)
{
    (void)state;
    struct error err = {0};
    struct policy_findings findings;
    struct policy *policy = parse(HEAD "encryption: {holder: token}\ncontract_end: {within: 1h}\n");
    const struct policy_installation place = {.targets = &tokyo, .target_count = 1, .min_copies = 1, .holders = 1};
    assert_int_equal(policy_check(policy, &place, &findings, &err), 0);
    assert_int_equal(findings.count, 2);
    assert_int_equal(findings.items[0].severity, POLICY_CONTRADICTION);
    assert_int_equal(findings.items[1].severity, POLICY_UNMET);
    assert_true(policy_findings_reach(&findings, POLICY_CONTRADICTION));
    policy_findings_clear(&findings);
    assert_false(policy_findings_reach(&findings, POLICY_WARNING));
    policy_free(policy);
    assert_true(policy_check_is_acceptable("holder-class"));
    assert_false(policy_check_is_acceptable("lock-within-retention"));
    assert_false(policy_check_is_acceptable(""));
}

/* What is shipped contradicts itself nowhere, and this installation keeps all of it. */
static void test_shipped(void **state)
{
    static const char *const names[] = {"daily-7-generations", "daily-30-days", "monthly-1-year", "customer-export",
                                        "two-clouds-japan"};
    struct target_options targets[2] = {tokyo, osaka};
    const struct policy_installation place = {
        .targets = targets, .target_count = 2, .min_copies = 2, .holders = 1U << POLICY_HOLDER_KEY_SERVICE};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        struct error err = {0};
        struct policy *policy = NULL;
        struct policy_findings findings;
        (void)snprintf(path, sizeof(path), "policies/%s.yaml", names[i]);
        assert_int_equal(policy_load(path, &policy, &err), 0);
        targets[1].region = i == 1 ? "ap-northeast-1" : "ap-northeast-2";
        assert_int_equal(policy_check(policy, &place, &findings, &err), 0);
        if (policy_findings_reach(&findings, POLICY_UNMET)) {
            print_all(&findings);
            fail_msg("%s", path);
        }
        policy_findings_clear(&findings);
        policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_places),  cmocka_unit_test(test_keepers),
        cmocka_unit_test(test_severity),       cmocka_unit_test(test_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
