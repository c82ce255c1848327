#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/policy_shorten.h"
#include "policy/policy_values.h"

#include <stdio.h>
#include <string.h>

static struct policy *load(const char *name)
{
    struct error err = {0};
    struct policy *policy = NULL;
    char path[128];
    (void)snprintf(path, sizeof(path), "policies/%s.yaml", name);
    if (policy_load(path, &policy, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    assert_string_equal(policy->name, name);
    return policy;
}

static struct policy *parse(const char *text)
{
    struct error err = {0};
    struct policy *policy = NULL;
    if (policy_parse("p.yaml", text, strlen(text), &policy, &err) != 0)
        fail_msg("%s; %s", err.what, err.hint);
    return policy;
}

static void test_plain(void **state)
{
    (void)state;
    struct policy *policy = parse(policy_plain_text);
    assert_string_equal(policy->name, POLICY_PLAIN);
    assert_true(policy->generations.keep_all);
    assert_int_equal(policy->generations.rules.count, 0);
    assert_true(policy_backs_up(policy, POLICY_CUSTOMER));
    assert_int_equal(policy->promise_count, 0);
    assert_int_equal(policy->schedule.window_minutes, POLICY_MINUTES_OF_DAY);
    assert_string_equal(policy->schedule.zone, "UTC");
    assert_string_equal(policy->calendar, "japan");
    policy_free(policy);
    policy_free(NULL);
}

static void test_shipped(void **state)
{
    (void)state;
    struct policy *p = load("daily-7-generations");
    assert_int_equal(p->schedule.every, POLICY_DAILY);
    assert_int_equal(p->schedule.window_start, 60);
    assert_int_equal(p->schedule.window_minutes, 300);
    assert_int_equal(p->generations.rules.count, 1);
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_DAILY);
    assert_int_equal(p->generations.rules.rules[0].count, 7);
    assert_int_equal(p->generations.rules.on_demand.count, 7);
    assert_int_equal(p->targets.min_copies, 2);
    assert_int_equal(p->targets.sites, 2);
    assert_true(policy_has_word(&p->targets.countries, "JP"));
    assert_int_equal(p->encryption.holder, POLICY_HOLDER_KEY_SERVICE);
    assert_int_equal(p->contract_end.within.unit, SPAN_MONTHS);
    assert_int_equal(p->contract_end.proof, POLICY_PROOF_KEYS);
    assert_int_equal(p->contract_end.survivor_count, 1);
    assert_int_equal(p->contract_end.survivors[0].fields.count, 3);
    assert_false(p->restores.on_request);
    assert_int_equal(p->notices[0].within.count, 72);
    assert_int_equal(p->notices[0].strength, POLICY_AIM);
    assert_string_equal(p->logs[0].zone, "Asia/Tokyo");
    assert_non_null(policy_find_promise(p, "backup-daily"));
    assert_null(policy_find_promise(p, "backup-hourly"));
    policy_free(p);

    p = load("daily-30-days");
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_WITHIN);
    assert_int_equal(p->generations.rules.rules[0].within.count, 30);
    assert_int_equal(p->encryption.algorithms, POLICY_ALGORITHMS_CRYPTREC);
    assert_true(policy_has_word(&p->targets.regions, "ap-northeast-1"));
    assert_int_equal(p->log_count, 4);
    assert_true(p->logs[3].is_protected);
    assert_false(p->contract_end.rule.present);
    policy_free(p);

    p = load("monthly-1-year");
    assert_int_equal(p->schedule.every, POLICY_MONTHLY);
    assert_int_equal(p->schedule.day, 1);
    assert_int_equal(p->sources.kinds, 1U << POLICY_SOURCE_IMAGE);
    assert_int_equal(p->generations.rules.rules[0].kind, RETENTION_MONTHLY);
    assert_int_equal(p->generations.rules.rules[0].count, 0);
    assert_int_equal(p->generations.rules.rules[0].within.unit, SPAN_YEARS);
    assert_true(p->drills[0].own_server);
    assert_int_equal(p->logs[0].fetched_by, 5);
    assert_int_equal(p->logs[0].format, POLICY_LOG_CSV);
    assert_true(p->logs[1].survives);
    assert_int_equal(p->logs[1].keep.count, 5);
    assert_int_equal(p->reviews[0].business_day, 5);
    policy_free(p);

    p = load("customer-export");
    assert_false(policy_backs_up(p, POLICY_CUSTOMER));
    assert_true(policy_backs_up(p, POLICY_PROVIDER));
    assert_true(p->restores.customer_export);
    assert_int_equal(p->notices[0].business_days, 3);
    assert_int_equal(p->notices[0].strength, POLICY_DUTY);
    assert_int_equal(p->notices[0].from, POLICY_FROM_CONFIRMATION);
    policy_free(p);

    p = load("two-clouds-japan");
    assert_int_equal(p->targets.providers, 2);
    assert_int_equal(policy_find_promise(p, "retention")->status, POLICY_INTERNAL);
    assert_int_equal(policy_find_promise(p, "access-by-few")->by, POLICY_BY_OPERATOR);
    assert_int_equal(p->generations.rules.count, 2);
    policy_free(p);
}

/* What a policy needs at least: four lines. */
#define HEAD "schema: 1\nname: p\ntitle: {ja: a, en: a}\nzone: UTC\n"

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *place, *what, *hint;
    } rows[] = {
        {"", "1:1", "empty", "README"},
        {"x\n", "1:1", "a policy is made of keys", "key: value"},
        {"schema: 1\nname: p\n", "1:1", "needs the key \"title\"", "README"},
        {"schema: 2\n", "1:9", "out of range", "1 to 1"},
        {"schema: 01\n", "1:9", "not a number", ""},
        {"schema: 1\nname: a b\n", "2:7", "cannot be a name", "letters"},
        {"schema: 1\nname: [a]\n", "2:7", "one value", ""},
        {"schema: 1\nname:\n", "2:6", "no value", ""},
        {"schema: 1\nname: p\ntitle: {ja: a}\n", "3:8", "needs the key \"en\"", ""},
        {"schema: 1\nname: p\nname: q\n", "3:1", "given twice", "once"},
        {HEAD "color: red\n", "5:1", "unknown key \"color\"", "allowed in a policy: schema, name"},
        {HEAD "calendar: \"a/b\"\n", "5:11", "cannot be a name", ""},
        /* promises */
        {HEAD "promises: x\n", "5:11", "must be a list", "'- '"},
        {HEAD "promises:\n  - id: a\n    status: public\n", "7:13", "\"public\" is nothing", "published or internal"},
        {HEAD "promises:\n  - {id: a, status: internal, ja: a}\n", "6:5", "needs the key \"en\"", ""},
        {HEAD "promises:\n  - {id: a, status: internal, ja: a, en: a}\n  - {id: a, status: internal, ja: b, en: b}\n",
         "7:5", "named \"a\" is here twice", "its own name"},
        {HEAD "promises:\n  - {id: a, status: internal, published_at: x, ja: a, en: a}\n", "6:45", "published nowhere",
         "leave it empty"},
        {HEAD "promises:\n  - {id: a, status: internal, by: me, ja: a, en: a}\n", "6:35", "\"me\"",
         "hikae or operator"},
        /* schedule */
        {HEAD "schedule: daily\n", "5:11", "the schedule is made of keys", ""},
        {HEAD "schedule:\n  every: yearly\n", "6:10", "\"yearly\"", "hourly, daily, weekly or monthly"},
        {HEAD "schedule:\n  every: daily\n", "6:3", "needs the key \"tenants\"", ""},
        {HEAD "schedule: {every: daily, tenants: []}\n", "5:35", "\"tenants\" is empty", "at least one"},
        {HEAD "schedule: {every: daily, tenants: [customer, guest]}\n", "5:46", "\"guest\"", "customer or provider"},
        {HEAD "schedule: {every: daily, tenants: [provider, provider]}\n", "5:46", "twice", ""},
        {HEAD "schedule: {every: weekly, tenants: [provider]}\n", "5:11", "needs the key \"weekday\"", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], weekday: monday}\n", "5:56", "means nothing",
         "leave it out"},
        {HEAD "schedule: {every: monthly, tenants: [provider], day: 32}\n", "5:54", "out of range", "1 to 31"},
        {HEAD "schedule: {every: monthly, tenants: [provider]}\n", "5:11", "needs the key \"day\"", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], window: 1:00-6:00}\n", "5:55", "no window", "01:00-06:00"},
        {HEAD "schedule: {every: daily, tenants: [provider], window: 01:00-01:00}\n", "5:55", "empty", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], window: 01:60-02:00}\n", "5:55", "no window", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], window: 24:00-02:00}\n", "5:55", "no window", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], window: 01:00-24:01}\n", "5:55", "no window", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], jitter_minutes: 1441}\n", "5:63", "out of range", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], keeps: []}\n", "5:54", "\"keeps\" is empty", ""},
        {HEAD "schedule: {every: daily, tenants: [provider], keeps: [a, a]}\n", "5:58", "names a twice", ""},
        /* generations */
        {HEAD "generations: {}\n", "5:14", "needs the key \"keep\"", ""},
        {HEAD "generations: {keep: some}\n", "5:21", "\"some\" is no keep rule", "daily: 7"},
        {HEAD "generations: {keep: {}}\n", "5:21", "keeps nothing", ""},
        {HEAD "generations: {keep: {daily: 0}}\n", "5:29", "out of range", "1 to"},
        {HEAD "generations: {keep: {daily: 7d}}\n", "5:29", "not a number", ""},
        {HEAD "generations: {keep: {daily: 07}}\n", "5:29", "not a number", ""},
        {HEAD "generations: {keep: {nightly: 7}}\n", "5:22", "unknown key \"nightly\"", "within, last, hourly"},
        {HEAD "generations: {keep: {monthly: {}}}\n", "5:31", "", "one of the two"},
        {HEAD "generations: {keep: {monthly: {within: 1 year}}}\n", "5:40", "no span", "72h, 30d, 1m"},
        {HEAD "generations: {keep: {within: 0d}}\n", "5:30", "no span", ""},
        {HEAD "generations: {keep: {within: 010d}}\n", "5:30", "no span", ""},
        {HEAD "generations: {keep: all, tags: [{tag: t, keep: {last: 1}}]}\n", "5:14", "where all is kept", ""},
        {HEAD "generations: {keep: {last: 1}, tags: [{tag: t, keep: all}]}\n", "5:39", "cannot keep all", ""},
        {HEAD "generations: {keep: {last: 1}, tags: [{tag: t, keep: {last: 1}}, {tag: t, keep: {last: 2}}]}\n", "5:66",
         "here twice", ""},
        {HEAD "generations: {keep: {last: 1}, on_demand: forever}\n", "5:43", "no span", ""},
        /* places and keys */
        {HEAD "targets: {min_copies: 0}\n", "5:23", "out of range", "1 to 16"},
        {HEAD "targets: {min_copies: 2.0}\n", "5:23", "not a number", ""},
        {HEAD "targets: {countries: [jp]}\n", "5:23", "no country", "JP"},
        {HEAD "targets: {countries: JP}\n", "5:22", "must be a list", ""},
        {HEAD "processors: {storage: [Japan]}\n", "5:24", "no country", ""},
        {HEAD "encryption: {cipher: aes-128}\n", "5:22", "\"aes-128\"", "aes-256"},
        {HEAD "encryption: {tls: 1.1}\n", "5:19", "\"1.1\"", "1.2 or 1.3"},
        {HEAD "encryption: {holder: file}\n", "5:22", "\"file\"", "any, token or key-service"},
        {HEAD "encryption: {key_service_waits: 7}\n", "5:33", "no span", ""},
        {HEAD "lock: {mode: compliance}\n", "5:7", "needs the key \"span\"", ""},
        {HEAD "lock: {mode: legal, span: 7d}\n", "5:14", "\"legal\"", "governance or compliance"},
        /* proofs, logs, the end */
        {HEAD "verification: [{level: all, every: 1d}]\n", "5:24", "\"all\"", "inventory, objects or data"},
        {HEAD "verification: [{level: data, every: 1d, sample_percent: 101}]\n", "5:57", "out of range", ""},
        {HEAD "drills: [{mode: full}]\n", "5:10", "needs the key \"every\"", ""},
        {HEAD "drills: [{mode: full, every: 1y, own_server: yes}]\n", "5:46", "neither true nor false", ""},
        {HEAD "logs: [{class: a, keep: 1y, format: xml}]\n", "5:37", "\"xml\"", "any, csv or json"},
        {HEAD "logs: [{class: a, keep: 1y}, {class: a, keep: 2y}]\n", "5:30", "here twice", ""},
        {HEAD "logs: [{class: a, keep: 1y, fetched_by_business_day: 16}]\n", "5:54", "out of range", "1 to 15"},
        {HEAD "restores: {approver: three}\n", "5:22", "\"three\"", "none, one or two"},
        {HEAD "contract_end: {proof: keys}\n", "5:15", "needs the key \"within\"", ""},
        {HEAD "contract_end: {within: 1mo}\n", "5:24", "no span", ""},
        {HEAD "contract_end: {within: 1m, survives: [{what: contract}]}\n", "5:39", "needs the key \"fields\"", ""},
        {HEAD "notices: [{event: e, from: occurrence, strength: aim}]\n", "5:11", "either \"within\"", "72h"},
        {HEAD "notices: [{event: e, within: 72h, within_business_days: 3, from: occurrence, strength: aim}]\n", "5:11",
         "either \"within\"", ""},
        {HEAD "notices: [{event: e, within: 72h, from: discovery, strength: aim}]\n", "5:41", "\"discovery\"",
         "occurrence, awareness or confirmation"},
        {HEAD "reviews: [{of: backups, every: 1y, by_business_day: 5}]\n", "5:53", "of every month", "every: 1m"},
        {HEAD "reminders: [{id: a, every: 1y, ja: a}]\n", "5:13", "needs the key \"en\"", ""},
        {HEAD "schedule: {every: \"da\\0ily\"}\n", "5:19", "control character", ""},
        {HEAD "\tx: y\n", "5:1", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct policy *policy = NULL;
        char place[64];
        int rc = policy_parse("p.yaml", rows[i].text, strlen(rows[i].text), &policy, &err);
        (void)snprintf(place, sizeof(place), "p.yaml:%s: ", rows[i].place);
        if (rc != -1 || policy != NULL || err.class != ERROR_CONFIG || strncmp(err.what, place, strlen(place)) != 0 ||
            strstr(err.what, rows[i].what) == NULL || strstr(err.hint, rows[i].hint) == NULL || err.hint[0] == '\0')
            fail_msg("row %zu:\n%s\ngives %d: %s; %s", i, rows[i].text, rc, err.what, err.hint);
    }
    struct error err = {0};
    struct policy *policy = NULL;
    assert_int_equal(policy_load("/nonexistent/p.yaml", &policy, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    assert_int_equal(policy_load("/", &policy, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
}

static void test_long_lists(void **state)
{
    (void)state;
    struct error err = {0};
    struct policy *policy = NULL;
    char text[8192] = HEAD "targets: {regions: [a0";
    for (int i = 1; i < 201; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ", a%d", i);
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "]}\n");
    assert_int_equal(policy_parse("p.yaml", text, strlen(text), &policy, &err), -1);
    assert_non_null(strstr(err.what, "p.yaml:5:20: more than 200"));
}

/* Everything that a policy can say, read and found again where it was meant. */
static void test_everything(void **state)
{
    (void)state;
    struct policy *p = parse(
        HEAD
        "calendar: office\n"
        "schedule: {every: weekly, weekday: saturday, tenants: [provider, customer], zone: Asia/Tokyo,\n"
        "  window: 22:30-04:00, jitter_minutes: 15}\n"
        "sources: {kinds: [cmd, image], method: images}\n"
        "generations:\n  keep: {within: 14d, last: 3, weekly: {count: 8, within: 1y}}\n"
        "  tags: [{tag: release, keep: {yearly: 5}}]\n  on_demand: 2w\n"
        "targets: {min_copies: 3, sites: 2, providers: 2, countries: [JP, DE], regions: [r-1], storage_classes: [S]}\n"
        "processors: {storage: [JP], key_service: [JP], time_stamps: [JP], webhooks: [US]}\n"
        "encryption: {cipher: aes-256, tls: '1.3', algorithms: cryptrec, holder: token, key_service_waits: 10d}\n"
        "lock: {mode: compliance, span: 5d}\n"
        "verification: [{level: objects, every: 1w, sample_percent: 3}, {level: data, every: 1m}]\n"
        "drills: [{mode: bare, every: 6m, own_server: true}]\n"
        "logs: [{class: access, keep: 5y, zone: UTC, format: json, protected: true, survives_contract: true,\n"
        "  fetched_by_business_day: 3}]\n"
        "restores: {on_request: true, staging: true, latest_only: true, customer_export: true, approver: two}\n"
        "contract_end: {within: 90d, zone: Asia/Tokyo, proof: keys, survives: [{what: w, fields: [f], keep: 7y}]}\n"
        "notices: [{event: e, within: 72h, from: awareness, strength: duty, channels: [mail]}]\n"
        "reviews: [{of: drills, every: 1m, by_business_day: 9}]\n"
        "reminders: [{id: r, every: 1y, before: 2w, ja: j, en: e}]\n");
    assert_string_equal(p->calendar, "office");
    assert_int_equal(p->schedule.on, POLICY_SATURDAY);
    assert_int_equal(p->schedule.classes, POLICY_CUSTOMER | POLICY_PROVIDER);
    assert_int_equal(p->schedule.window_start, 22 * 60 + 30);
    assert_int_equal(p->schedule.window_minutes, 330);
    assert_int_equal(p->schedule.jitter_minutes, 15);
    assert_string_equal(p->schedule.zone, "Asia/Tokyo");
    assert_int_equal(p->sources.kinds, 1U << POLICY_SOURCE_COMMAND | 1U << POLICY_SOURCE_IMAGE);
    assert_int_equal(p->sources.method, POLICY_METHOD_IMAGES);
    assert_int_equal(p->generations.rules.count, 4);
    assert_int_equal(p->generations.rules.rules[2].count, 8);
    assert_int_equal(p->generations.rules.rules[2].within.unit, SPAN_YEARS);
    assert_string_equal(p->generations.rules.rules[3].tag, "release");
    assert_int_equal(p->generations.rules.on_demand.unit, SPAN_WEEKS);
    assert_int_equal(p->targets.providers, 2);
    assert_true(policy_has_word(&p->targets.storage_classes, "S"));
    assert_true(policy_has_word(&p->processors.webhooks, "US"));
    assert_int_equal(p->encryption.tls, POLICY_TLS_13);
    assert_int_equal(p->encryption.holder, POLICY_HOLDER_TOKEN);
    assert_int_equal(p->lock.mode, POLICY_LOCK_COMPLIANCE);
    assert_int_equal(p->verifications[0].sample_percent, 3);
    assert_int_equal(p->verifications[1].sample_percent, 100);
    assert_int_equal(p->drills[0].mode, POLICY_DRILL_BARE);
    assert_int_equal(p->logs[0].format, POLICY_LOG_JSON);
    assert_string_equal(p->logs[0].zone, "UTC");
    assert_int_equal(p->logs[0].fetched_by, 3);
    assert_true(p->restores.on_request && p->restores.staging && p->restores.latest_only);
    assert_int_equal(p->restores.approver, POLICY_APPROVER_TWO);
    assert_string_equal(p->contract_end.zone, "Asia/Tokyo");
    assert_int_equal(p->contract_end.survivors[0].keep.count, 7);
    assert_int_equal(p->notices[0].from, POLICY_FROM_AWARENESS);
    assert_int_equal(p->reviews[0].business_day, 9);
    assert_int_equal(p->reminders[0].before.count, 2);
    policy_free(p);
}

/* ---- Values, differences, what becomes less ---- */

struct noted {
    char text[4096];
};

static void note(struct noted *noted, const char *text)
{
    size_t used = strlen(noted->text);
    (void)snprintf(noted->text + used, sizeof(noted->text) - used, "%s\n", text);
}

static int note_change(const char *path, const char *before, const char *after, void *context, struct error *err)
{
    char line[512];
    (void)err;
    (void)snprintf(line, sizeof(line), "%s: %s -> %s", path, before != NULL ? before : "nothing",
                   after != NULL ? after : "nothing");
    note(context, line);
    return 0;
}

static int note_shorten(const char *what, void *context, struct error *err)
{
    (void)err;
    note(context, what);
    return 0;
}

static int note_rule(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    (void)err;
    if (policy_has_word(&rule->keeps, "x"))
        note(context, what);
    return 0;
}

#define SCHEDULE        "schedule: {every: daily, tenants: [customer]}\n"
#define PROMISE(id, en) "  - {id: " id ", status: internal, ja: a, en: " en "}\n"

/* What lies deep is refused before it is loaded, which would take minutes; what refers to itself ends too. */
static void test_depth(void **state)
{
    (void)state;
    static char text[500000];
    struct policy *policy = NULL;
    struct error err = {0};
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", HEAD "promises: ");
    memset(text + used, '[', sizeof(text) - used);
    assert_int_equal(policy_parse("p.yaml", text, sizeof(text), &policy, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_non_null(strstr(err.what, "p.yaml:5:74: this lies in too many others"));
    static const char *const loops[] = {HEAD "promises: &a [*a]\n", HEAD "promises: &a [[*a, *a], *a]\n"};
    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        assert_int_equal(policy_parse("p.yaml", loops[i], strlen(loops[i]), &policy, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
    }
}

static void test_compare(void **state)
{
    (void)state;
    struct error err = {0};
    struct noted noted = {""};
    struct policy *a = parse(HEAD "promises:\n" PROMISE("p1", "one") PROMISE("p2", "two") SCHEDULE
                             "generations: {keep: {daily: 7, monthly: 3}}\n");
    struct policy *b = parse(HEAD "promises:\n" PROMISE("p2", "zwei") PROMISE("p1", "one") SCHEDULE
                             "generations: {keep: {daily: 5}, on_demand: 1m}\n");
    assert_int_equal(policy_compare(a, b, note_change, &noted, &err), 0);
    assert_string_equal(noted.text, "promises[p2].en: two -> zwei\n"
                                    "generations.keep.daily: 7 -> 5\n"
                                    "generations.on_demand: nothing -> 1m\n"
                                    "generations.keep.monthly: 3 -> nothing\n");
    noted.text[0] = '\0';
    assert_int_equal(policy_compare(a, a, note_change, &noted, &err), 0);
    assert_string_equal(noted.text, "");
    unsigned line, column;
    assert_int_equal(policy_locate(a, "promises[p2].en", &line, &column, &err), 0);
    assert_int_equal(line, 7);
    assert_int_equal(column, 43);
    assert_int_equal(policy_locate(a, "generations", &line, &column, &err), 0);
    assert_int_equal(line, 9);
    assert_int_equal(policy_locate(a, "generation", &line, &column, &err), 0);
    assert_int_equal(line, 1);
    policy_free(a);
    policy_free(b);
}

static void test_shortens(void **state)
{
    static const struct {
        const char *before, *after, *what; /* NULL: nothing becomes less */
    } rows[] = {
        {"generations: {keep: {daily: 7}}\n", "generations: {keep: {daily: 7}}\n", NULL},
        {"generations: {keep: {daily: 7}}\n", "generations: {keep: {daily: 8}}\n", NULL},
        {"generations: {keep: {daily: 7}}\n", "generations: {keep: all}\n", NULL},
        {"generations: {keep: {daily: 7}}\n", "generations: {keep: {daily: {within: 1y}}}\n", "daily 7"},
        {"generations: {keep: {daily: 7}}\n", "generations: {keep: {daily: 6}}\n", "\"daily 7\" is gone or smaller"},
        {"generations: {keep: {daily: 7, weekly: 4}}\n", "generations: {keep: {daily: 7}}\n", "\"weekly 4\""},
        {"generations: {keep: {within: 30d}}\n", "generations: {keep: {within: 29d}}\n", "within 30d"},
        {"generations: {keep: {daily: {within: 10d}}}\n", "generations: {keep: {within: 30d}}\n", NULL},
        {"generations: {keep: all}\n", "generations: {keep: {daily: 1000}}\n", "everything was kept"},
        {"generations: {keep: {last: 1}, tags: [{tag: t, keep: {last: 2}}]}\n", "generations: {keep: {last: 1}}\n",
         "(tag t)"},
        /* The last two of a tag may be older than the last two, or two hundred, of all. */
        {"generations: {keep: {last: 1}, tags: [{tag: t, keep: {last: 2}}]}\n", "generations: {keep: {last: 2}}\n",
         "(tag t)"},
        {"generations: {keep: {daily: 7}, tags: [{tag: t, keep: {daily: 7}}]}\n", "generations: {keep: {daily: 30}}\n",
         "(tag t)"},
        {"generations: {keep: {last: 1}, tags: [{tag: t, keep: {daily: {within: 1m}}}]}\n",
         "generations: {keep: {within: 1y, last: 1}}\n", NULL},
        {"generations: {keep: {within: 1m}}\n", "generations: {keep: {within: 30d}}\n", "within 1m"},
        {"generations: {keep: {within: 1m}}\n", "generations: {keep: {within: 31d}}\n", NULL},
        {"generations: {keep: {within: 1y}}\n", "generations: {keep: {within: 365d}}\n", "within 1y"},
        {"generations: {keep: {within: 1y}}\n", "generations: {keep: {within: 12m}}\n", NULL},
        {"generations: {keep: {within: 2w}}\n", "generations: {keep: {within: 14d}}\n", NULL},
        {"generations: {keep: {within: 28d}}\n", "generations: {keep: {within: 1m}}\n", NULL},
        {"verification: [{level: data, every: 1m}]\n", "verification: [{level: data, every: 30d}]\n",
         "verification of data is rarer"},
        {"verification: [{level: data, every: 1m}]\n", "verification: [{level: data, every: 4w}]\n", NULL},
        {"generations: {keep: {last: 1}, on_demand: 2w}\n", "generations: {keep: {last: 1}, on_demand: 13d}\n",
         "on demand stay for a shorter time"},
        {"generations: {keep: {last: 1}}\n", "generations: {keep: {last: 1}, on_demand: 1y}\n", "on demand"},
        {"targets: {min_copies: 3}\n", "targets: {min_copies: 2}\n", "2 copies instead of 3"},
        {"targets: {min_copies: 2, sites: 2}\n", "targets: {min_copies: 2}\n", "1 sites instead of 2"},
        {"targets: {min_copies: 2, providers: 2}\n", "", "1 providers instead of 2"},
        {"lock: {mode: compliance, span: 7d}\n", "", "no longer locked"},
        {"lock: {mode: compliance, span: 7d}\n", "lock: {mode: governance, span: 7d}\n", "weaker mode"},
        {"lock: {mode: governance, span: 7d}\n", "lock: {mode: compliance, span: 6d}\n", "lock is shorter"},
        {"logs: [{class: a, keep: 1y}]\n", "logs: [{class: a, keep: 11m}]\n", "a logs are kept for a shorter time"},
        {"logs: [{class: a, keep: 1y}]\n", "logs: [{class: b, keep: 9y}, {class: a, keep: 1y}]\n", NULL},
        {"verification: [{level: data, every: 1m}]\n", "verification: [{level: objects, every: 1d}]\n",
         "verification of data is rarer"},
        {"verification: [{level: objects, every: 1m}]\n", "verification: [{level: data, every: 1w}]\n", NULL},
        {"drills: [{mode: full, every: 1y}]\n", "drills: [{mode: full, every: 13m}]\n", "full drills are rarer"},
        {"reviews: [{of: backups, every: 1d}]\n", "reviews: [{of: backups, every: 2d}]\n",
         "looks at backups are rarer"},
        {"reviews: [{of: drills, every: 1y, signed: true}]\n", "reviews: [{of: drills, every: 1y}]\n",
         "no longer signed"},
        {"drills: [{mode: full, every: 1y, own_server: true}]\n", "drills: [{mode: full, every: 1y}]\n", "full drills"},
        {SCHEDULE, "", "no longer are"},
        {SCHEDULE, "schedule: {every: daily, tenants: [provider]}\n", "no longer are"},
        {SCHEDULE, "schedule: {every: monthly, day: 1, tenants: [customer]}\n", "less often"},
        {SCHEDULE, "schedule: {every: hourly, tenants: [customer, provider]}\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        struct noted noted = {""};
        char text[512];
        (void)snprintf(text, sizeof(text), HEAD "%s", rows[i].before);
        struct policy *before = parse(text);
        (void)snprintf(text, sizeof(text), HEAD "%s", rows[i].after);
        struct policy *after = parse(text);
        assert_int_equal(policy_shortens(before, after, note_shorten, &noted, &err), 0);
        if (rows[i].what == NULL ? noted.text[0] != '\0' : strstr(noted.text, rows[i].what) == NULL)
            fail_msg("row %zu: %s", i, noted.text);
        policy_free(before);
        policy_free(after);
    }
}

static void test_each_rule(void **state)
{
    (void)state;
    struct error err = {0};
    struct noted noted = {""};
    struct policy *p = parse(HEAD "promises:\n" PROMISE(
        "x", "x") "schedule: {every: daily, tenants: [customer], keeps: [x]}\n"
                  "generations: {keep: all}\n"
                  "drills: [{mode: full, every: 1y}, {mode: sample, every: 1m, keeps: [y, x]}]\n"
                  "logs: [{class: access, keep: 1y, keeps: [x]}]\n"
                  "contract_end: {within: 1m, survives: [{what: w, fields: [f], keeps: [x]}]}\n"
                  "reminders: [{id: r, every: 1y, ja: a, en: a, keeps: [x]}]\n");
    assert_int_equal(policy_each_rule(p, note_rule, &noted, &err), 0);
    assert_string_equal(noted.text, "schedule\ndrills.2\nlogs.access\nsurvives.w\nreminders.r\n");
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),      cmocka_unit_test(test_shipped),    cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_long_lists), cmocka_unit_test(test_everything), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_shortens),   cmocka_unit_test(test_depth),      cmocka_unit_test(test_each_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
