/* Any order of records and any doubles give the same fold; ten thousand of them take no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"

#include <stdio.h>
#include <time.h>

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
        record = make(
            n + 1, RECORD_TENANT,
            mem_printf("{\"v\":1,\"name\":\"t%u\",\"policy\":\"p\",\"state\":\"active\",\"class\":\"customer\"}", n));
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
            take(builder,
                 make(n, RECORD_VERIFIED,
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
}

/*
 * Ten years of nights, in each of which a record went: what is named and not there is looked up, not searched for.
 * (Each name against each record would take a minute.)
 */
static void test_many_that_are_gone(void **state)
{
    enum { NIGHTS = 40000 };
    (void)state;
    struct history_builder *builder = start();
    for (unsigned i = 2; i <= 2 * NIGHTS; i += 2) {
        struct record record = make(i, RECORD_CONDEMN, mem_strdup("{\"v\":1}"));
        struct hash gone = hash_of(i - 1);
        /* The last one's is gone without a word. */
        if (i < 2 * NIGHTS)
            assert_int_equal(roster_add(&record.condemned, OBJECT_RECORD, &gone, 1, NULL), 0);
        take(builder, record);
    }
    CLEANUP(history_clear) struct history history;
    int64_t began_ns = clock_monotonic_ns();
    finish(builder, &history);
    assert_true(clock_monotonic_ns() - began_ns < 20 * NS_PER_S);
    assert_int_equal(history.missing_count, 1);
    struct hash last = hash_of(2 * NIGHTS - 1);
    assert_true(hash_equal(&history.missing[0], &last));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_that_are_gone),
        cmocka_unit_test(test_order_and_doubles_change_nothing),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
