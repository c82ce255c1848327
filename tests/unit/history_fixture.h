/* For the tests of repo/history.h: records as record_parse would give them. Included after cmocka.h. */
#ifndef HIKAE_TESTS_HISTORY_FIXTURE_H
#define HIKAE_TESTS_HISTORY_FIXTURE_H

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "record_fixture.h"
#include "repo/history.h"

#define SNAPSHOT_BODY                                                                                                  \
    "{\"v\":1,\"root\":\"000102030405060708090a0b0c0d0e0f10111213\",\"depth\":1,\"leaf_mean\":32,\"fan_out\":64,"      \
    "\"parent\":null,\"started\":\"2026-11-21T09:12:46.5Z\",\"finished\":\"2026-11-21T09:12:50Z\",\"entries\":12,"     \
    "\"bytes\":3456,\"errors\":1,\"sources\":[{\"name\":\"www\",\"spec\":\"tree:/srv/www\"}],\"tag\":%s,"              \
    "\"keep_until\":%s,\"on_demand\":true,\"packs\":3,\"host\":\"db1\",\"version\":\"1.0\",\"news\":[1,{}]}"

static inline const char *name_of(unsigned n)
{
    static char names[4][SNAPSHOT_NAME_SIZE];
    static unsigned next;
    struct hash hash = hash_of(n);
    char *name = names[next++ % 4];
    return hex_encode(hash.bytes, 8, name);
}

/* A record as record_parse gives it: named hash_of(n), sequence n, time n seconds, after record n - 1. Takes the body.
 */
static inline struct record make(unsigned n, enum record_type type, char *body)
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

static inline struct record make_snapshot(unsigned n)
{
    struct record record = make(n, RECORD_SNAPSHOT, mem_printf(SNAPSHOT_BODY, "null", "null"));
    struct hash pack = hash_of(10000 + n);
    assert_int_equal(roster_add(&record.roster, OBJECT_PACK, &pack, n, NULL), 0);
    return record;
}

static inline struct record make_retire(unsigned n, unsigned snapshot)
{
    struct record record = make(n, RECORD_RETIRE, mem_strdup("{\"v\":1,\"reasons\":[]}"));
    struct hash hash = hash_of(snapshot);
    record.retired = mem_dup(&hash, sizeof(hash));
    record.retired_count = 1;
    return record;
}

static inline void take(struct history_builder *builder, struct record record)
{
    assert_int_equal(history_builder_take(builder, &record, NULL), 0);
    assert_null(record.body);
    assert_null(record.previous);
}

static inline void finish(struct history_builder *builder, struct history *ret)
{
    assert_int_equal(history_builder_finish(builder, ret, NULL), 0);
    history_builder_free(builder);
}

static inline struct history_builder *start(void)
{
    struct history_builder *builder = history_builder_new();
    assert_non_null(builder);
    return builder;
}

/* Bodies of records 2, 3, … of `type`, after snapshot record 1; NULL ends the list. */
static inline void fold_bodies(enum record_type type, const char *const *bodies, struct history *ret)
{
    struct history_builder *builder = start();
    take(builder, make_snapshot(1));
    for (unsigned i = 0; bodies[i] != NULL; i++)
        take(builder, make(2 + i, type, mem_strdup(bodies[i])));
    finish(builder, ret);
}

#endif
