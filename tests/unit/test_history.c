/* The fold of history records: what each type does, what is counted, and that order and doubles change nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "repo/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SNAPSHOT_BODY                                                                                                  \
    "{\"v\":1,\"root\":\"000102030405060708090a0b0c0d0e0f10111213\",\"depth\":1,\"leaf_mean\":32,\"fan_out\":64,"       \
    "\"parent\":null,\"started\":\"2026-11-21T09:12:46.5Z\",\"finished\":\"2026-11-21T09:12:50Z\",\"entries\":12,"      \
    "\"bytes\":3456,\"errors\":1,\"sources\":[{\"name\":\"www\",\"spec\":\"tree:/srv/www\"}],\"tag\":%s,"               \
    "\"keep_until\":%s,\"on_demand\":true,\"packs\":3,\"host\":\"db1\",\"version\":\"1.0\",\"news\":[1,{}]}"

static struct hash hash_of(unsigned n)
{
    struct hash hash;
    assert_int_equal(sha256(&n, sizeof(n), hash.bytes, NULL), 0);
    return hash;
}

static const char *name_of(unsigned n)
{
    static char names[4][SNAPSHOT_NAME_SIZE];
    static unsigned next;
    struct hash hash = hash_of(n);
    char *name = names[next++ % 4];
    return hex_encode(hash.bytes, 8, name);
}

/* A record as record_parse gives it: named hash_of(n), sequence n, time n seconds, after record n - 1. Takes the body. */
static struct record make(unsigned n, enum record_type type, char *body)
{
    struct record record = {.type = type, .sequence = n, .time_ns = n * NS_PER_S, .name = hash_of(n), .body = body};
    if (n > 1) {
        struct hash previous = hash_of(n - 1);
        record.previous = mem_dup(&previous, sizeof(previous));
        record.previous_count = 1;
    }
    record.has_roster = type == RECORD_SNAPSHOT;
    return record;
}

static struct record make_snapshot(unsigned n)
{
    struct record record = make(n, RECORD_SNAPSHOT, mem_printf(SNAPSHOT_BODY, "null", "null"));
    struct hash pack = hash_of(10000 + n);
    assert_int_equal(roster_add(&record.roster, OBJECT_PACK, &pack, n, NULL), 0);
    return record;
}

static struct record make_retire(unsigned n, unsigned snapshot)
{
    struct record record = make(n, RECORD_RETIRE, mem_strdup("{\"v\":1,\"reasons\":[]}"));
    struct hash hash = hash_of(snapshot);
    record.retired = mem_dup(&hash, sizeof(hash));
    record.retired_count = 1;
    return record;
}

static void take(struct history_builder *builder, struct record record)
{
    assert_int_equal(history_builder_take(builder, &record, NULL), 0);
    assert_null(record.body);
    assert_null(record.previous);
}

static void finish(struct history_builder *builder, struct history *ret)
{
    assert_int_equal(history_builder_finish(builder, ret, NULL), 0);
    history_builder_free(builder);
}

static struct history_builder *start(void)
{
    struct history_builder *builder = history_builder_new();
    assert_non_null(builder);
    return builder;
}

/* Bodies of records 2, 3, … of `type`, after snapshot record 1; NULL ends the list. */
static void fold_bodies(enum record_type type, const char *const *bodies, struct history *ret)
{
    struct history_builder *builder = start();
    take(builder, make_snapshot(1));
    for (unsigned i = 0; bodies[i] != NULL; i++)
        take(builder, make(2 + i, type, mem_strdup(bodies[i])));
    finish(builder, ret);
}

static void test_empty(void **state)
{
    (void)state;
    CLEANUP(history_clear) struct history history;
    struct error err = {0};
    const struct history_snapshot *snapshot;
    finish(start(), &history);
    assert_false(history.has_tenant);
    assert_int_equal(history.head_count + history.snapshot_count + history.unreadable, 0);
    assert_null(history_latest(&history));
    assert_int_equal(history_find(&history, "latest", &snapshot, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    history_builder_free(NULL);
}

static void test_snapshot(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    struct record record = make_snapshot(1);
    mem_free(record.body);
    record.body = mem_printf(SNAPSHOT_BODY, "\"before upgrade\"", "\"2027-01-01T00:00:00Z\"");
    record.parts = mem_calloc(1, sizeof(*record.parts));
    record.part_count = 1;
    take(builder, record);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.snapshot_count, 1);
    assert_int_equal(history.unreadable, 0);
    const struct history_snapshot *s = history_latest(&history);
    assert_string_equal(s->name, name_of(1));
    assert_int_equal(s->sequence, 1);
    assert_int_equal(s->time_ns, NS_PER_S);
    assert_int_equal(s->started_ns % NS_PER_S, NS_PER_S / 2);
    assert_int_equal(s->finished_ns - s->started_ns, 3500000000);
    assert_int_equal(s->root.depth, 1);
    assert_int_equal(s->root.id.bytes[19], 0x13);
    assert_int_equal(s->root.entries, 12);
    assert_int_equal(s->root.bytes, 3456);
    assert_int_equal(s->leaf_mean, 32);
    assert_int_equal(s->fan_out, 64);
    assert_int_equal(s->errors, 1);
    assert_true(s->on_demand);
    assert_string_equal(s->tag, "before upgrade");
    int64_t keep;
    assert_int_equal(clock_parse("2027-01-01", &keep, NULL), 0);
    assert_int_equal(s->keep_until_ns, keep);
    assert_string_equal(s->host, "db1");
    assert_string_equal(s->version, "1.0");
    assert_string_equal(s->sources, "[{\"name\":\"www\",\"spec\":\"tree:/srv/www\"}]");
    assert_int_equal(s->verified_ns, 0);
    assert_true(s->has_roster);
    assert_int_equal(s->roster.count, 1);
    assert_int_equal(s->part_count, 1);
}

/* What cannot be understood is counted, and is no snapshot. */
static void test_snapshot_bodies_refused(void **state)
{
    (void)state;
    static const char good[] = "{\"v\":1,\"root\":\"000102030405060708090a0b0c0d0e0f10111213\",\"depth\":1,"
                               "\"started\":\"2026-11-21T09:12:46Z\",\"finished\":\"2026-11-21T09:12:46Z\","
                               "\"entries\":1,\"bytes\":1,\"errors\":0}";
    static const struct {
        const char *what;
        const char *instead;
    } cases[] = {
        {"{", "["},
        {"}", "}}"},
        {"\"v\":1", "\"v\":2"},
        {"\"v\":1", "\"w\":1"},
        {"0001", "000g"},
        {"0001", "00"},
        {"0001", "000100"},
        {"\"depth\":1", "\"depth\":0"},
        {"\"depth\":1", "\"depth\":17"},
        {"\"depth\":1", "\"depth\":\"1\""},
        {"\"depth\":1", "\"depth\":1.0"},
        {"\"entries\":1", "\"entries\":-1"},
        {"\"entries\":1", "\"entries\":99999999999999999999"},
        {"\"entries\":1", "\"entry\":1"},
        {"\"errors\":0", "\"errors\":true"},
        {"\"errors\":0", "\"leaf_mean\":0"},
        {"\"errors\":0", "\"keep_until\":\"soon\""},
        {"\"errors\":0", "\"tag\":7"},
        {"\"errors\":0", "\"tag\":\"\xff\""},
        {"\"errors\":0", "\"host\":\"\\u0000\""},
        {"\"errors\":0", "\"sources\":{}"},
        {"\"errors\":0", "\"on_demand\":1"},
        {"\"errors\":0", "\"bytes\":1"}, /* twice */
        {"\"started\":\"2026", "\"started\":\"X026"},
        {"\"finished\"", "\"finish\""},
        {"\"v\"", "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history_builder *builder = start();
        const char *at = strstr(good, cases[i].what);
        assert_non_null(at);
        take(builder, make(1, RECORD_SNAPSHOT,
                           mem_printf("%.*s%s%s", (int)(at - good), good, cases[i].instead,
                                      at + strlen(cases[i].what))));
        take(builder, make(2, RECORD_SNAPSHOT, mem_strdup(good)));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history.unreadable, 1);
        assert_int_equal(history.snapshot_count, 1);
        /* It is still a record: nobody misses it. */
        assert_int_equal(history.missing_count, 0);
    }
}

static void test_heads_forks_missing(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    for (unsigned n = 1; n <= 5; n++)
        if (n != 3)
            take(builder, make_snapshot(n));
    struct record fork = make_snapshot(9);
    fork.sequence = 5;
    fork.time_ns = 5 * NS_PER_S + 1;
    fork.previous[0] = hash_of(4);
    take(builder, fork);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    struct hash expected[2] = {hash_of(5), hash_of(9)};
    struct hash missing = hash_of(3);
    /* Record 2 is a head as well: the one that named it is the one that is missing. */
    assert_int_equal(history.head_count, 3);
    assert_true(hash_equal(&history.heads[1], &expected[0]));
    assert_true(hash_equal(&history.heads[2], &expected[1]));
    assert_int_equal(history.missing_count, 1);
    assert_true(hash_equal(&history.missing[0], &missing));
    assert_int_equal(history.sequence, 5);
    assert_int_equal(history.last_time_ns, 5 * NS_PER_S + 1);
}

static void test_fork_is_merged(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    struct record merge = make_snapshot(4);
    mem_free(merge.previous);
    merge.previous = mem_calloc(3, sizeof(struct hash));
    merge.previous_count = 3;
    merge.previous[0] = hash_of(2);
    merge.previous[1] = hash_of(3);
    merge.previous[2] = hash_of(77);
    struct record left = make_snapshot(2);
    struct record right = make_snapshot(3);
    right.previous[0] = hash_of(77);
    take(builder, merge);
    take(builder, right);
    take(builder, left);
    take(builder, make_snapshot(1));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.head_count, 1);
    struct hash head = hash_of(4);
    assert_true(hash_equal(&history.heads[0], &head));
    /* Named twice, missing once. */
    assert_int_equal(history.missing_count, 1);
}

static void test_retire(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    for (unsigned n = 1; n <= 3; n++)
        take(builder, make_snapshot(n));
    take(builder, make_retire(4, 3));
    struct record unreadable = make_retire(5, 1);
    unreadable.body[0] = 'x';
    take(builder, unreadable);
    take(builder, make_retire(6, 99));
    struct record other = make_retire(7, 2);
    other.type = RECORD_CONDEMN; /* only a record of type 3 retires */
    take(builder, other);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.snapshot_count, 3);
    assert_true(history.snapshots[0].retired);
    assert_false(history.snapshots[1].retired);
    assert_true(history.snapshots[2].retired);
    assert_int_equal(history.unreadable, 1);
    assert_string_equal(history_latest(&history)->name, name_of(2));
}

static void test_tags(void **state)
{
    (void)state;
    static const struct {
        const char *members[3];
        const char *tag;
        bool keeps;
        size_t unreadable;
    } cases[] = {
        {{"\"tag\":\"a\""}, "a", false, 0},
        {{"\"tag\":\"a\"", "\"tag\":\"b\""}, "b", false, 0},
        {{"\"tag\":\"a\"", "\"tag\":null"}, NULL, false, 0},
        {{"\"tag\":\"a\",\"keep_until\":\"2030-01-01T00:00:00Z\""}, "a", true, 0},
        {{"\"keep_until\":\"2030-01-01T00:00:00Z\"", "\"tag\":\"a\""}, "a", true, 0},
        {{"\"keep_until\":\"2030-01-01T00:00:00Z\"", "\"tag\":null,\"keep_until\":null"}, NULL, false, 0},
        {{"\"tag\":\"a\"", "\"tag\":1"}, "a", false, 1},
        {{"\"tag\":\"a\"", "\"tag\":\"b\",\"keep_until\":\"x\""}, "a", false, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history_builder *builder = start();
        take(builder, make_snapshot(1));
        for (unsigned j = 0; j < 3 && cases[i].members[j] != NULL; j++)
            take(builder, make(2 + j, RECORD_TAG,
                               mem_printf("{\"v\":1,\"snapshot\":\"%s\",%s}", name_of(1), cases[i].members[j])));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        const struct history_snapshot *s = history_latest(&history);
        if (cases[i].tag != NULL)
            assert_string_equal(s->tag, cases[i].tag);
        else
            assert_null(s->tag);
        assert_int_equal(s->keep_until_ns != 0, cases[i].keeps);
        assert_int_equal(history.unreadable, cases[i].unreadable);
    }
}

static void test_tag_of_no_snapshot(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"v\":1,\"snapshot\":\"0123456789abcdef\",\"tag\":\"a\"}",
                                         "{\"v\":1,\"snapshot\":\"0123456789abcde\",\"tag\":\"a\"}",
                                         "{\"v\":1,\"snapshot\":\"0123456789abcdeF\",\"tag\":\"a\"}",
                                         "{\"v\":1,\"tag\":\"a\"}", NULL};
    CLEANUP(history_clear) struct history history;
    fold_bodies(RECORD_TAG, bodies, &history);
    assert_int_equal(history.unreadable, 3);
    assert_null(history_latest(&history)->tag);
}

static void test_holds(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    take(builder, make(1, RECORD_HOLD, mem_strdup("{\"v\":1,\"hold\":\"h1\",\"who\":\"sato\",\"why\":\"suit 12\","
                                                  "\"until\":\"2030-01-01T00:00:00Z\"}")));
    take(builder, make(2, RECORD_HOLD, mem_strdup("{\"v\":1,\"hold\":\"h2\",\"who\":\"ito\",\"why\":\"audit\"}")));
    take(builder, make(3, RECORD_HOLD, mem_strdup("{\"v\":1,\"hold\":\"h3\",\"who\":5,\"until\":\"someday\"}")));
    take(builder, make(4, RECORD_UNHOLD, mem_strdup("{\"v\":1,\"hold\":\"h2\",\"who\":\"ito\",\"why\":\"over\"}")));
    take(builder, make(5, RECORD_UNHOLD, mem_strdup("{\"v\":1,\"hold\":\"h9\"}")));
    take(builder, make(6, RECORD_HOLD, mem_strdup("{\"v\":1,\"hold\":\"h1\",\"who\":\"abe\",\"why\":\"suit 13\"}")));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.unreadable, 0);
    assert_int_equal(history.hold_count, 2);
    assert_string_equal(history.holds[0].id, "h1");
    assert_string_equal(history.holds[0].who, "abe");
    assert_string_equal(history.holds[0].why, "suit 13");
    assert_null(history.holds[0].until);
    assert_int_equal(history.holds[0].since_ns, NS_PER_S);
    assert_string_equal(history.holds[1].id, "h3");
    assert_string_equal(history.holds[1].who, "");
    assert_null(history.holds[1].until); /* an end that is no time never comes */
}

/* In doubt, nothing is deleted: a hold that cannot be read holds, until somebody removes it by the name that it got. */
static void test_unreadable_holds(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "{", "[]", "{\"v\":2,\"hold\":\"h\"}", "{\"v\":1}", "{\"v\":1,\"hold\":\"\"}",
        "{\"v\":1,\"hold\":\"0123456789012345678901234567890123\"}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        for (int removed = 0; removed < 2; removed++) {
            char id[33];
            struct hash name = hash_of(1);
            (void)hex_encode(name.bytes, 16, id);
            struct history_builder *builder = start();
            take(builder, make(1, RECORD_HOLD, mem_strdup(bodies[i])));
            if (removed)
                take(builder, make(2, RECORD_UNHOLD, mem_printf("{\"v\":1,\"hold\":\"%s\"}", id)));
            CLEANUP(history_clear) struct history history;
            finish(builder, &history);
            assert_int_equal(history.unreadable, 0);
            assert_int_equal(history.hold_count, removed ? 0 : 1);
            if (removed)
                continue;
            assert_string_equal(history.holds[0].id, id);
            assert_string_equal(history.holds[0].who, "unreadable");
        }
}

static void test_unreadable_unhold(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    take(builder, make(1, RECORD_HOLD, mem_strdup("{\"v\":1,\"hold\":\"h1\"}")));
    take(builder, make(2, RECORD_UNHOLD, mem_strdup("{\"v\":1,\"hold\":\"h1\"")));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.hold_count, 1);
    assert_int_equal(history.unreadable, 1);
}

static void test_verified(void **state)
{
    (void)state;
    static const struct {
        const char *result;
        bool sound;
        size_t unreadable;
    } cases[] = {
        {"\"level\":\"data\",\"sound\":5,\"damaged\":0,\"unknown\":0", true, 0},
        {"\"level\":\"objects\",\"sound\":5,\"damaged\":0,\"unknown\":0", false, 0},
        {"\"level\":\"data\",\"sound\":0,\"damaged\":0,\"unknown\":0", false, 0},
        {"\"level\":\"data\",\"sound\":5,\"damaged\":1,\"unknown\":0", false, 0},
        {"\"level\":\"data\",\"sound\":5,\"damaged\":0,\"unknown\":1", false, 0},
        {"\"level\":\"data\",\"sound\":5,\"damaged\":0", false, 1},
        {"\"level\":\"data\",\"sound\":5,\"damaged\":null,\"unknown\":0", true, 0},
        {"\"level\":\"data\",\"sound\":\"5\",\"damaged\":0,\"unknown\":0", false, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history_builder *builder = start();
        take(builder, make_snapshot(1));
        take(builder, make(2, RECORD_VERIFIED,
                           mem_printf("{\"v\":1,\"snapshot\":\"%s\",%s}", name_of(1), cases[i].result)));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history_latest(&history)->verified_ns, cases[i].sound ? 2 * NS_PER_S : 0);
        assert_int_equal(history.unreadable, cases[i].unreadable);
    }
}

static void test_facts(void **state)
{
    (void)state;
    static const struct {
        enum record_type type;
        const char *body;
    } records[] = {
        {RECORD_CONTRACT, "{\"v\":1,\"event\":\"end\",\"on\":\"2027-03-31\"}"},
        {RECORD_POLICY, "{\"v\":1,\"name\":\"daily\",\"text\":\"a\"}"},
        {RECORD_POLICY, "{\"v\":1,\"name\":\"weekly\",\"text\":\"b\"}"},
        {RECORD_TARGET, "{\"v\":1,\"event\":\"add\",\"name\":\"daily\",\"url\":\"file:/a\"}"},
        {RECORD_OPERATOR, "{\"v\":1,\"event\":\"add\",\"name\":\"sato\",\"key\":\"x\"}"},
        {RECORD_POLICY, "{\"v\":1,\"name\":\"daily\",\"text\":\"c\"}"},
        {RECORD_CONTRACT, "{\"v\":1,\"event\":\"cancel\"}"},
        {RECORD_CONTRACT, "{\"v\":1,\"event\":\"maybe\"}"},
        {RECORD_OPERATOR, "{\"v\":1,\"event\":\"promote\",\"name\":\"sato\"}"},
        {RECORD_TARGET, "{\"v\":1,\"event\":\"add\",\"name\":\"\"}"},
        {RECORD_POLICY, "{\"v\":1,\"text\":\"d\"}"},
        {RECORD_CONDEMN, "{\"v\":1}"},
        {RECORD_CONDEMN, "{}"},
    };
    struct history_builder *builder = start();
    for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        take(builder, make(i + 1, records[i].type, mem_strdup(records[i].body)));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.unreadable, 5);
    static const struct {
        enum record_type type;
        const char *key;
        unsigned record;
    } expected[] = {{RECORD_CONTRACT, "", 7},
                    {RECORD_POLICY, "daily", 6},
                    {RECORD_POLICY, "weekly", 3},
                    {RECORD_TARGET, "daily", 4},
                    {RECORD_OPERATOR, "sato", 5}};
    assert_int_equal(history.fact_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(history.facts[i].type, expected[i].type);
        assert_string_equal(history.facts[i].key, expected[i].key);
        assert_string_equal(history.facts[i].body, records[expected[i].record - 1].body);
        assert_int_equal(history.facts[i].time_ns, expected[i].record * NS_PER_S);
    }
}

static void test_tenant(void **state)
{
    (void)state;
    char *exclude[] = {(char *)"*.tmp", (char *)"cache/"};
    struct history_source sources[2] = {
        {.name = (char *)"www", .spec = (char *)"tree:/srv/www", .exclude = exclude, .exclude_count = 2,
         .one_file_system = true},
        {.name = (char *)"db", .spec = (char *)"command:pg_dump", .exclude_caches = true},
    };
    struct history_tenant tenant = {.name = (char *)"acme",     .policy = (char *)"daily", .state = (char *)"active",
                                    .class_ = (char *)"customer", .sources = sources,        .source_count = 2,
                                    .labels = (char *)"{\"plan\":\"gold\"}"};
    static const char *const bad[] = {
        "{\"v\":1,\"name\":\"acme\",\"policy\":\"p\",\"state\":\"lost\",\"class\":\"customer\"}",
        "{\"v\":1,\"name\":\"acme\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"guest\"}",
        "{\"v\":1,\"name\":\"acme\",\"state\":\"active\",\"class\":\"customer\"}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\",\"labels\":[]}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\",\"sources\":[1]}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\","
        "\"sources\":[{\"name\":\"x\",\"spec\":\"s\"},{\"name\":\"..\",\"spec\":\"s\"}]}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\","
        "\"sources\":[{\"name\":\"a/b\",\"spec\":\"s\"}]}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\","
        "\"sources\":[{\"name\":\"x\",\"spec\":\"s\",\"exclude\":[\"a\",2]}]}"};
    struct history_builder *builder = start();
    take(builder, make(1, RECORD_TENANT,
                       mem_strdup("{\"v\":1,\"name\":\"old\",\"policy\":\"p\",\"state\":\"suspended\","
                                  "\"class\":\"provider\"}")));
    take(builder, make(2, RECORD_TENANT, history_tenant_body(&tenant)));
    unsigned bad_count = sizeof(bad) / sizeof(bad[0]);
    for (unsigned i = 0; i < bad_count; i++)
        take(builder, make(3 + i, RECORD_TENANT, mem_strdup(bad[i])));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_true(history.has_tenant);
    assert_int_equal(history.unreadable, bad_count);
    const struct history_tenant *t = &history.tenant;
    assert_string_equal(t->name, "acme");
    assert_string_equal(t->policy, "daily");
    assert_string_equal(t->state, "active");
    assert_string_equal(t->class_, "customer");
    assert_string_equal(t->labels, "{\"plan\":\"gold\"}");
    assert_int_equal(t->source_count, 2);
    assert_string_equal(t->sources[0].name, "www");
    assert_string_equal(t->sources[0].spec, "tree:/srv/www");
    assert_int_equal(t->sources[0].exclude_count, 2);
    assert_string_equal(t->sources[0].exclude[1], "cache/");
    assert_true(t->sources[0].one_file_system && !t->sources[0].exclude_caches);
    assert_true(!t->sources[1].one_file_system && t->sources[1].exclude_caches);
    CLEANUP_FREE char *first = history_tenant_body(&tenant);
    CLEANUP_FREE char *again = history_tenant_body(t);
    assert_string_equal(first, again);
}

/* What was read is written as it was: two folds agree to the nanosecond. */
static void test_snapshot_body_round_trip(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, -1, NS_PER_S, -NS_PER_S - 1, 1795252366123456789, 1795252366000000000};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct history_snapshot s = {.root = {.depth = 3, .entries = UINT32_MAX, .bytes = INT64_MAX},
                                     .errors = i,
                                     .started_ns = times[i],
                                     .finished_ns = times[i] + 1,
                                     .keep_until_ns = times[i],
                                     .on_demand = i % 2 == 0,
                                     .has_roster = true,
                                     .host = (char *)"h\"\n\x01",
                                     .version = (char *)"控え",
                                     .tag = i % 2 == 0 ? NULL : (char *)"t",
                                     .sources = (char *)"[{\"name\":\"a\"}]"};
        memset(s.root.id.bytes, 0xa5, BLOB_ID_SIZE);
        struct history_builder *builder = start();
        take(builder, make(1, RECORD_SNAPSHOT, history_snapshot_body(&s, NULL)));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history.snapshot_count, 1);
        const struct history_snapshot *r = history_latest(&history);
        assert_int_equal(r->started_ns, s.started_ns);
        assert_int_equal(r->finished_ns, s.finished_ns);
        assert_int_equal(r->keep_until_ns, s.keep_until_ns);
        assert_int_equal(r->root.bytes, s.root.bytes);
        assert_int_equal(r->leaf_mean, MANIFEST_LEAF_MEAN);
        assert_int_equal(r->fan_out, MANIFEST_FAN_OUT);
        CLEANUP_FREE char *first = history_snapshot_body(&s, "0123456789abcdef");
        CLEANUP_FREE char *again = history_snapshot_body(r, "0123456789abcdef");
        assert_string_equal(first, again);
        assert_non_null(strstr(first, "\"parent\":\"0123456789abcdef\""));
        assert_non_null(strstr(first, "\"packs\":0"));
    }
}

static void test_body_is_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"a\xff", "a\xef\xbf\xbd"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe6\x8e", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"},
        {"\xf0\x9f\x92\xbe", "\xf0\x9f\x92\xbe"},
        {"\xc3\xa9", "\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *in = mem_strdup(cases[i].in);
        struct history_snapshot s = {.root = {.depth = 1}, .tag = in, .sources = (char *)"not JSON"};
        struct history_builder *builder = start();
        take(builder, make(1, RECORD_SNAPSHOT, history_snapshot_body(&s, NULL)));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history.snapshot_count, 1);
        assert_string_equal(history.snapshots[0].tag, cases[i].out);
        assert_string_equal(history.snapshots[0].sources, "[]");
        mem_free(in);
    }
}

/* Records of which only the clear part is known are counted, and hold; anybody may have made them up. */
static void test_clear_only(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    take(builder, make_snapshot(1));
    take(builder, make_snapshot(2));
    struct record retire = make_retire(3, 1);
    mem_free(retire.body);
    retire.body = NULL;
    take(builder, retire);
    take(builder, make(4, RECORD_HOLD, NULL));
    history_builder_unreadable(builder);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.unreadable, 3);
    assert_int_equal(history.hold_count, 1);
    assert_string_equal(history.holds[0].who, "unreadable");
    assert_false(history.snapshots[0].retired);
    assert_int_equal(history.sequence, 2);
    assert_int_equal(history.head_count, 1);
    struct hash head = hash_of(2);
    assert_true(hash_equal(&history.heads[0], &head));

    /* The same record, whole, from another target, before or after. */
    for (int order = 0; order < 2; order++) {
        builder = start();
        for (int i = 0; i < 2; i++) {
            struct record record = make_snapshot(1);
            if (i == order) {
                mem_free(record.body);
                record.body = NULL;
            }
            take(builder, record);
        }
        CLEANUP(history_clear) struct history both;
        finish(builder, &both);
        assert_int_equal(both.unreadable, 0);
        assert_int_equal(both.snapshot_count, 1);
        assert_int_equal(both.snapshots[0].roster.count, 1);
    }
}

static void test_find(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    static const uint8_t names[4][8] = {{0xab, 0xcd, 0x01}, {0xab, 0xcd, 0x02}, {0xab, 0xce, 0x01}, {0x12, 0x34}};
    for (unsigned n = 1; n <= 4; n++) {
        struct record record = make_snapshot(n);
        memcpy(record.name.bytes, names[n - 1], 8);
        take(builder, record);
    }
    struct record retire = make_retire(5, 1);
    struct record last = make_snapshot(4);
    memcpy(last.name.bytes, names[3], 8);
    retire.retired[0] = last.name;
    record_clear(&last);
    take(builder, retire);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    static const struct {
        const char *name;
        enum error_class class;
        size_t found;
    } cases[] = {
        {"latest", ERROR_NONE, 2},     {"abcd010000000000", ERROR_NONE, 0},
        {"abcd01", ERROR_NONE, 0},     {"abce", ERROR_NONE, 2},
        {"abcd", ERROR_USAGE, 0},      {"abc", ERROR_USAGE, 0},
        {"", ERROR_USAGE, 0},          {"ABCE", ERROR_USAGE, 0},
        {"abcg", ERROR_USAGE, 0},      {"abcd0100000000000", ERROR_USAGE, 0},
        {"ffff", ERROR_NOT_FOUND, 0},  {"abcd03", ERROR_NOT_FOUND, 0},
        {"1234", ERROR_NONE, 3}, /* retired, but nothing else fits */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct history_snapshot *snapshot = NULL;
        struct error err = {0};
        assert_int_equal(history_find(&history, cases[i].name, &snapshot, &err), cases[i].class == ERROR_NONE ? 0 : -1);
        assert_int_equal(err.class, cases[i].class);
        if (err.class == ERROR_NONE)
            assert_ptr_equal(snapshot, &history.snapshots[cases[i].found]);
        else
            assert_true(err.what[0] != '\0' && err.hint[0] != '\0');
    }
}

static void test_at(void **state)
{
    (void)state;
    struct history_builder *builder = start();
    for (unsigned n = 10; n <= 30; n += 10)
        take(builder, make_snapshot(n));
    take(builder, make_retire(40, 20));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    static const struct {
        int64_t seconds;
        unsigned found;
    } cases[] = {{9, 0}, {10, 10}, {15, 10}, {20, 10}, {29, 10}, {30, 30}, {1000, 30}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct history_snapshot *snapshot = NULL;
        struct error err = {0};
        int status = history_at(&history, cases[i].seconds * NS_PER_S, &snapshot, &err);
        assert_int_equal(status, cases[i].found != 0 ? 0 : -1);
        if (status == 0)
            assert_string_equal(snapshot->name, name_of(cases[i].found));
        else
            assert_int_equal(err.class, ERROR_NOT_FOUND);
    }
}

/* ---- Any order, any doubles: the same fold ---- */

enum { RECORDS = 60 };

/* A small world by a seed: few tenants of each name, so that records meet; forks, equal sequences, equal times. */
static struct record random_record(unsigned seed, unsigned n)
{
    unsigned roll = seed * 2654435761U + n * 40503U;
    roll ^= roll >> 13;
    unsigned other = (roll >> 8) % RECORDS;
    struct record record;
    switch (roll % 9) {
    case 0:
    case 1:
        record = make_snapshot(n + 1);
        break;
    case 2:
        record = make_retire(n + 1, other);
        break;
    case 3:
        record = make(n + 1, RECORD_HOLD, mem_printf("{\"v\":1,\"hold\":\"h%u\",\"who\":\"%u\"}", other % 4, n));
        break;
    case 4:
        record = make(n + 1, RECORD_UNHOLD, mem_printf("{\"v\":1,\"hold\":\"h%u\"}", other % 4));
        break;
    case 5:
        record = make(n + 1, RECORD_TAG, mem_printf("{\"v\":1,\"snapshot\":\"%s\",\"tag\":\"%u\"}", name_of(other), n));
        break;
    case 6:
        record = make(n + 1, RECORD_POLICY, mem_printf("{\"v\":1,\"name\":\"p%u\",\"text\":\"%u\"}", other % 3, n));
        break;
    case 7:
        record = make(n + 1, RECORD_TENANT,
                      mem_printf("{\"v\":1,\"name\":\"t%u\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\"}",
                                 n));
        break;
    default:
        record = make(n + 1, n % 2 == 0 ? RECORD_HOLD : RECORD_VERIFIED, mem_strdup("{"));
        break;
    }
    record.sequence = n / 3 + 1;
    record.time_ns = (int64_t)(n / 2 % 5);
    if (record.previous != NULL)
        record.previous[0] = hash_of((roll >> 16) % (RECORDS + 5));
    return record;
}

static char *text_of(const struct history *history)
{
    CLEANUP(buf_free) struct buf out = {0};
    char line[512];
#define LINE(...) assert_int_equal(buf_append(&out, line, (size_t)snprintf(line, sizeof(line), __VA_ARGS__), NULL), 0)
    char hex[2 * HASH_SIZE + 1];
    LINE("sequence %llu time %lld unreadable %zu\n", (unsigned long long)history->sequence,
         (long long)history->last_time_ns, history->unreadable);
    if (history->has_tenant)
        LINE("tenant %s\n", history->tenant.name);
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct history_snapshot *s = &history->snapshots[i];
        LINE("snapshot %s %llu %lld %s %d %lld %zu\n", s->name, (unsigned long long)s->sequence, (long long)s->time_ns,
             s->tag != NULL ? s->tag : "-", s->retired, (long long)s->verified_ns, s->roster.count);
    }
    for (size_t i = 0; i < history->hold_count; i++)
        LINE("hold %s %s %lld\n", history->holds[i].id, history->holds[i].who, (long long)history->holds[i].since_ns);
    for (size_t i = 0; i < history->fact_count; i++)
        LINE("fact %d %s %s\n", (int)history->facts[i].type, history->facts[i].key, history->facts[i].body);
    for (size_t i = 0; i < history->head_count; i++)
        LINE("head %s\n", hex_encode(history->heads[i].bytes, HASH_SIZE, hex));
    for (size_t i = 0; i < history->missing_count; i++)
        LINE("missing %s\n", hex_encode(history->missing[i].bytes, HASH_SIZE, hex));
#undef LINE
    assert_int_equal(buf_u8(&out, 0, NULL), 0);
    return mem_strdup((const char *)out.data);
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return *state >> 16;
}

/* Each record `copies` times at most (once at least), shuffled. */
static char *fold_shuffled(unsigned seed, unsigned shuffle, unsigned copies)
{
    unsigned order[4 * RECORDS];
    unsigned count = 0;
    for (unsigned i = 0; i < RECORDS; i++)
        for (unsigned j = 0; j < 1 + (copies > 1 ? next_random(&shuffle) % copies : 0); j++)
            order[count++] = i;
    for (unsigned i = count; shuffle != 0 && i > 1; i--) {
        unsigned other = next_random(&shuffle) % i;
        unsigned swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    struct history_builder *builder = start();
    for (unsigned i = 0; i < count; i++)
        take(builder, random_record(seed, order[i]));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    return text_of(&history);
}

static void test_order_and_doubles_change_nothing(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        CLEANUP_FREE char *expected = fold_shuffled(seed, 0, 1);
        assert_non_null(strstr(expected, "snapshot"));
        for (unsigned shuffle = 1; shuffle <= 15; shuffle++) {
            CLEANUP_FREE char *text = fold_shuffled(seed, shuffle * 7919, 1 + shuffle % 4);
            assert_string_equal(text, expected);
        }
    }
}

/* Ten thousand records: the bound is loose, as machines are; what grows with the square of the number breaks it. */
static void test_large(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct history_builder *builder = start();
    struct timespec begin, end;
    for (unsigned n = 1; n <= COUNT; n++) {
        if (n % 5 == 0)
            take(builder, make(n, RECORD_VERIFIED,
                               mem_printf("{\"v\":1,\"snapshot\":\"%s\",\"level\":\"data\",\"target\":\"a\",\"checked\":9,"
                                          "\"sound\":9,\"damaged\":0,\"unknown\":0}",
                                          name_of(n - 1))));
        else if (n % 5 == 1)
            take(builder, make_retire(n, n > 5 ? n - 5 : 1));
        else
            take(builder, make_snapshot(n));
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    CLEANUP(history_clear) struct history history;
    assert_int_equal(history_builder_finish(builder, &history, NULL), 0);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    history_builder_free(builder);
    int64_t ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    print_message("fold of %d records: %lld ms\n", COUNT, (long long)ms);
    assert_int_equal(history.snapshot_count, COUNT / 5 * 3);
    assert_int_equal(history.head_count, 1);
    assert_int_equal(history.missing_count, 0);
    assert_int_equal(history.unreadable, 0);
    assert_true(ms < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_snapshot_bodies_refused),
        cmocka_unit_test(test_heads_forks_missing),
        cmocka_unit_test(test_fork_is_merged),
        cmocka_unit_test(test_retire),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_tag_of_no_snapshot),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_unreadable_holds),
        cmocka_unit_test(test_unreadable_unhold),
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_tenant),
        cmocka_unit_test(test_snapshot_body_round_trip),
        cmocka_unit_test(test_body_is_utf8),
        cmocka_unit_test(test_clear_only),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_order_and_doubles_change_nothing),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
