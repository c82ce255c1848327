/* Bodies of snapshot and tenant records: written, read again, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"

#include <stdio.h>
#include <stdlib.h>

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
        take(builder,
             make(1, RECORD_SNAPSHOT,
                  mem_printf("%.*s%s%s", (int)(at - good), good, cases[i].instead, at + strlen(cases[i].what))));
        take(builder, make(2, RECORD_SNAPSHOT, mem_strdup(good)));
        CLEANUP(history_clear) struct history history;
        finish(builder, &history);
        assert_int_equal(history.unreadable, 1);
        assert_int_equal(history.snapshot_count, 1);
        /* It is still a record: nobody misses it. */
        assert_int_equal(history.missing_count, 0);
    }
}

static void test_tenant(void **state)
{
    (void)state;
    char *exclude[] = {(char *)"*.tmp", (char *)"cache/"};
    struct history_source sources[2] = {
        {.name = (char *)"www",
         .spec = (char *)"tree:/srv/www",
         .exclude = exclude,
         .exclude_count = 2,
         .one_file_system = true},
        {.name = (char *)"db", .spec = (char *)"command:pg_dump", .exclude_caches = true},
    };
    struct history_tenant tenant = {.name = (char *)"acme",
                                    .policy = (char *)"daily",
                                    .state = (char *)"active",
                                    .class_ = (char *)"customer",
                                    .sources = sources,
                                    .source_count = 2,
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

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);

/* 0: none fails; else so many allocations of this thread until one does. */
static _Thread_local unsigned failing;

void *malloc(size_t size)
{
    if (failing > 0 && --failing == 0)
        return NULL;
    return __libc_malloc(size);
}
#else
static unsigned failing;
#endif

/* Whichever allocation fails: the whole body or none. One that lost some bytes would be a record for ever. */
static void test_body_without_memory(void **state)
{
    (void)state;
    char labels[2000];
    (void)snprintf(labels, sizeof(labels), "{\"long\":\"%01500d\"}", 7);
    struct history_tenant tenant = {.name = (char *)"acme",
                                    .policy = (char *)"p",
                                    .state = (char *)"active",
                                    .class_ = (char *)"customer",
                                    .labels = labels};
    char *whole = history_tenant_body(&tenant);
    assert_non_null(whole);
    bool done = false;
    for (unsigned n = 1; !done; n++) {
        failing = n;
        char *body = history_tenant_body(&tenant);
        done = failing > 0 || n > 500;
        failing = 0;
        if (body != NULL)
            assert_string_equal(body, whole);
        mem_free(body);
    }
    struct history_tenant back;
    done = false;
    for (unsigned n = 1; !done; n++) {
        struct error err = {0};
        failing = n;
        int rc = history_tenant_read(whole, &back, &err);
        done = failing > 0 || n > 500;
        failing = 0;
        if (rc == 0) {
            assert_string_equal(back.labels, labels);
            history_tenant_clear(&back);
        } else {
            assert_int_equal(err.class, ERROR_NO_MEMORY);
        }
    }
    mem_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot),     cmocka_unit_test(test_snapshot_bodies_refused),
        cmocka_unit_test(test_tenant),       cmocka_unit_test(test_snapshot_body_round_trip),
        cmocka_unit_test(test_body_is_utf8), cmocka_unit_test(test_body_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
