/* The fold of history records: what each type of record does, what is counted, how snapshots are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"

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
    other.type = RECORD_TAG; /* only records of types 3 and 4 retire; as a tag, its body says nothing */
    take(builder, other);
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.snapshot_count, 3);
    assert_true(history.snapshots[0].retired);
    assert_false(history.snapshots[1].retired);
    assert_true(history.snapshots[2].retired);
    assert_int_equal(history.unreadable, 2);
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
    take(builder, make(1, RECORD_HOLD,
                       mem_strdup("{\"v\":1,\"hold\":\"h1\",\"who\":\"sato\",\"why\":\"suit 12\","
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
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "{\"v\":2,\"hold\":\"h\"}",
                                         "{\"v\":1}",
                                         "{\"v\":1,\"hold\":\"\"}",
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
        {"\"level\":\"data\",\"sound\":5,\"damaged\":null,\"unknown\":0", false, 1},
        {"\"level\":\"data\",\"sound\":\"5\",\"damaged\":0,\"unknown\":0", false, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history_builder *builder = start();
        take(builder, make_snapshot(1));
        take(builder,
             make(2, RECORD_VERIFIED, mem_printf("{\"v\":1,\"snapshot\":\"%s\",%s}", name_of(1), cases[i].result)));
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
    /* What later ones have replaced stays, in order. */
    static const unsigned past[] = {2, 1};
    assert_int_equal(history.past_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(history.past[i].body, records[past[i] - 1].body);
        assert_int_equal(history.past[i].type, records[past[i] - 1].type);
        assert_int_equal(history.past[i].time_ns, past[i] * NS_PER_S);
    }
    assert_string_equal(history.past[0].key, "daily");
}

/* A thing may be told by several members; a type of a later version says nothing, and makes nobody doubt the rest. */
static void test_facts_of_several_members(void **state)
{
    (void)state;
    static const struct {
        int type;
        const char *body;
    } records[] = {
        {RECORD_KEPT_LOG, "{\"v\":1,\"class\":\"system\",\"source\":\"web\",\"period\":\"2026-10\"}"},
        {RECORD_ATTESTATION,
         "{\"v\":1,\"event\":\"add\",\"policy\":\"daily\",\"promise\":\"zones\",\"sha256\":\"00\"}"},
        {RECORD_ATTESTATION,
         "{\"v\":1,\"event\":\"grow\",\"policy\":\"daily\",\"promise\":\"zones\",\"sha256\":\"00\"}"},
        {RECORD_KEPT_LOG, "{\"v\":1,\"class\":\"system\",\"period\":\"2026-10\"}"},
        {99, "{\"v\":1,\"event\":\"new\"}"},
        {99, "nothing"},
    };
    struct history_builder *builder = start();
    for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        take(builder, make(i + 1, (enum record_type)records[i].type, mem_strdup(records[i].body)));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.unreadable, 3);
    assert_int_equal(history.fact_count, 2);
    assert_string_equal(history.facts[0].key, "system/web/2026-10");
    assert_string_equal(history.facts[1].key, "daily/zones/00");
}

/* What a tenant was at an instant, and when a snapshot was retired. */
static void test_stages(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"v\":1,\"name\":\"a\",\"policy\":\"daily\",\"state\":\"active\",\"class\":\"customer\",\"ready\":false}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"daily\",\"state\":\"active\",\"class\":\"customer\"}",
        "{\"v\":1,\"name\":\"a\",\"policy\":\"weekly\",\"state\":\"suspended\",\"class\":\"provider\"}",
    };
    static const struct history_stage expected[] = {
        {2 * NS_PER_S, (char *)"daily", (char *)"new", (char *)"customer", 0, 0},
        {3 * NS_PER_S, (char *)"daily", (char *)"active", (char *)"customer", 0, 0},
        {4 * NS_PER_S, (char *)"weekly", (char *)"suspended", (char *)"provider", 0, 0}};
    struct history_builder *builder = start();
    take(builder, make_snapshot(1));
    for (unsigned i = 0; i < 3; i++)
        take(builder, make(2 + i, RECORD_TENANT, mem_strdup(bodies[i])));
    take(builder, make_retire(5, 1));
    take(builder, make_retire(6, 1));
    CLEANUP(history_clear) struct history history;
    finish(builder, &history);
    assert_int_equal(history.stage_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(history.stages[i].time_ns, expected[i].time_ns);
        assert_string_equal(history.stages[i].policy, expected[i].policy);
        assert_string_equal(history.stages[i].state, expected[i].state);
        assert_string_equal(history.stages[i].class_, expected[i].class_);
    }
    assert_int_equal(history.snapshots[0].retired_ns, 5 * NS_PER_S);
}

/* A record of type 13 for these snapshots, with one pack of that size. */
static struct record make_roster(unsigned n, unsigned first, unsigned count, unsigned pack)
{
    struct record record = make(n, RECORD_ROSTER, mem_strdup("{\"v\":1}"));
    record.snapshots = mem_calloc(count, sizeof(struct hash));
    for (unsigned i = 0; i < count; i++)
        record.snapshots[record.snapshot_count++] = hash_of(first + i);
    struct hash name = hash_of(pack);
    assert_int_equal(roster_add(&record.roster, OBJECT_PACK, &name, pack, NULL), 0);
    record.has_roster = true;
    return record;
}

/* The latest roster counts, whole, in whichever order the records come. */
static void test_rosters(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 6; turn++) {
        struct history_builder *builder = start();
        for (unsigned i = 0; i < 6; i++)
            switch ((i + turn) % 6) {
            case 0:
                take(builder, make_snapshot(1));
                break;
            case 1:
                take(builder, make_snapshot(2));
                break;
            case 2:
                take(builder, make_snapshot(3));
                break;
            case 3:
                take(builder, make_roster(4, 1, 2, 70));
                break;
            case 4:
                take(builder, make_roster(5, 2, 1, 80));
                break;
            default:
                take(builder, make_roster(6, 90, 1, 99)); /* of a snapshot that is gone */
                break;
            }
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history.unreadable, 0);
        const uint64_t sizes[] = {70, 80, 3};
        const unsigned records[] = {4, 5};
        for (unsigned i = 0; i < 3; i++) {
            const struct history_snapshot *snapshot = &history.snapshots[i];
            assert_int_equal(snapshot->roster.count, 1);
            assert_int_equal(snapshot->roster.rows[0].size, sizes[i]);
            assert_int_equal(snapshot->has_new_roster, i < 2);
            struct hash name = hash_of(i < 2 ? records[i] : 0);
            assert_true(i == 2 || hash_equal(&snapshot->roster_record, &name));
        }
    }
}

/* A record that is condemned is not missing where it is not, and retired where it is. */
static void test_condemned_records(void **state)
{
    (void)state;
    for (int there = 0; there < 2; there++)
        for (int said = 0; said < 2; said++) {
            struct history_builder *builder = start();
            struct hash first = hash_of(1);
            if (there != 0)
                take(builder, make_snapshot(1));
            take(builder, make_snapshot(2));
            struct record condemn = make(3, RECORD_CONDEMN, mem_strdup("{\"v\":1}"));
            assert_int_equal(roster_add(&condemn.condemned, said != 0 ? OBJECT_RECORD : OBJECT_PACK, &first, 9, NULL),
                             0);
            take(builder, condemn);
            CLEANUP(history_clear) struct history history;
            finish(builder, &history);
            assert_int_equal(history.missing_count, there == 0 && said == 0 ? 1 : 0);
            assert_int_equal(history.snapshot_count, 1 + there);
            assert_int_equal(history.snapshots[0].retired, there != 0 && said != 0);
            assert_string_equal(history_latest(&history)->name, name_of(2));
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
        {"latest", ERROR_NONE, 2},    {"abcd010000000000", ERROR_NONE, 0},
        {"abcd01", ERROR_NONE, 0},    {"abce", ERROR_NONE, 2},
        {"abcd", ERROR_USAGE, 0},     {"abc", ERROR_USAGE, 0},
        {"", ERROR_USAGE, 0},         {"ABCE", ERROR_USAGE, 0},
        {"abcg", ERROR_USAGE, 0},     {"abcd0100000000000", ERROR_USAGE, 0},
        {"ffff", ERROR_NOT_FOUND, 0}, {"abcd03", ERROR_NOT_FOUND, 0},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
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
        cmocka_unit_test(test_facts_of_several_members),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_rosters),
        cmocka_unit_test(test_condemned_records),
        cmocka_unit_test(test_clear_only),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
