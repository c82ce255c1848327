/* History records: what is sealed is read again; what §6 of the format does not allow is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/container.h"
#include "record_fixture.h"
#include "repo/record.h"

static const struct id tid = {{7, 7, 7}};

static void add_row(struct roster *roster, enum object_class class, unsigned n)
{
    struct hash hash = hash_of(n);
    assert_int_equal(roster_add(roster, class, &hash, 1000 + n, NULL), 0);
}

static struct hash *hashes(unsigned first, size_t count)
{
    struct hash *list = mem_calloc(count, sizeof(*list));
    assert_non_null(list);
    for (size_t i = 0; i < count; i++)
        list[i] = hash_of(first + (unsigned)i);
    return list;
}

/* A snapshot with everything that may stand in a clear part at once. */
static void make_record(struct record *record)
{
    *record =
        (struct record){.type = RECORD_SNAPSHOT, .sequence = 42, .time_ns = 1795252366123456789, .has_roster = true};
    memset(record->writer.bytes, 0x11, ID_SIZE);
    memset(record->run.bytes, 0x22, ID_SIZE);
    record->previous = hashes(100, 2);
    record->previous_count = 2;
    record->retired = hashes(200, 3);
    record->retired_count = 3;
    for (unsigned i = 0; i < 20; i++)
        add_row(&record->roster, i % 5 == 0 ? OBJECT_SEGMENT : OBJECT_PACK, i);
    for (unsigned i = 0; i < 5; i++)
        add_row(&record->condemned, OBJECT_PACK, 50 + i);
    record->body = mem_strdup("{\"v\":1,\"tag\":\"控え\"}");
}

static void assert_rosters_equal(const struct roster *a, const struct roster *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->rows[i].class, b->rows[i].class);
        assert_true(hash_equal(&a->rows[i].name, &b->rows[i].name));
        assert_int_equal(a->rows[i].size, b->rows[i].size);
    }
}

static void assert_clear_equal(const struct record *a, const struct record *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->sequence, b->sequence);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_true(id_equal(&a->writer, &b->writer));
    assert_true(id_equal(&a->run, &b->run));
    assert_int_equal(a->previous_count, b->previous_count);
    for (size_t i = 0; i < a->previous_count; i++)
        assert_true(hash_equal(&a->previous[i], &b->previous[i]));
    assert_int_equal(a->retired_count, b->retired_count);
    for (size_t i = 0; i < a->retired_count; i++)
        assert_true(hash_equal(&a->retired[i], &b->retired[i]));
    assert_int_equal(a->has_roster, b->has_roster);
    assert_rosters_equal(&a->roster, &b->roster);
    assert_rosters_equal(&a->condemned, &b->condemned);
    assert_int_equal(a->part_count, b->part_count);
    for (size_t i = 0; i < a->part_count; i++) {
        assert_int_equal(b->parts[i].class, OBJECT_ROSTER);
        assert_true(hash_equal(&a->parts[i].name, &b->parts[i].name));
        assert_int_equal(a->parts[i].size, b->parts[i].size);
    }
    assert_true(hash_equal(&a->name, &b->name));
}

/* Seal, read with and without key, compare. */
static void check_round_trip(struct record *record)
{
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record clear = {0};
    CLEANUP(record_clear) struct record whole = {0};
    struct error err;
    assert_int_equal(record_seal(record, keyring, &object, &err), 0);
    assert_int_equal(record_parse_clear(object.data, object.size, &clear, &err), 0);
    assert_null(clear.body);
    assert_clear_equal(record, &clear);
    assert_int_equal(record_parse(object.data, object.size, keyring, &whole, &err), 0);
    assert_clear_equal(record, &whole);
    assert_string_equal(whole.body, record->body);
    struct hash name;
    assert_int_equal(sha256(object.data, object.size, name.bytes, &err), 0);
    assert_true(hash_equal(&name, &whole.name));
}

static void test_round_trip(void **state)
{
    (void)state;
    CLEANUP(record_clear) struct record record;
    make_record(&record);
    check_round_trip(&record);
}

static void test_round_trip_of_the_smallest(void **state)
{
    (void)state;
    for (int type = RECORD_TENANT; type <= RECORD_ROSTER; type++) {
        CLEANUP(record_clear) struct record record = {.type = (enum record_type)type, .sequence = 1, .time_ns = -1};
        record.has_roster = type == RECORD_SNAPSHOT || type == RECORD_ROSTER;
        struct hash snapshot = hash_of(7);
        if (type == RECORD_ROSTER)
            record.snapshots = mem_dup(&snapshot, sizeof(snapshot));
        record.snapshot_count = type == RECORD_ROSTER;
        record.body = mem_strdup("{\"v\":1}");
        check_round_trip(&record);
    }
}

static void test_round_trip_with_parts(void **state)
{
    (void)state;
    CLEANUP(record_clear) struct record record = {.type = RECORD_SNAPSHOT, .sequence = 1};
    record.parts = mem_calloc(3, sizeof(*record.parts));
    record.part_count = 3;
    for (unsigned i = 0; i < 3; i++)
        record.parts[i] = (struct roster_row){OBJECT_ROSTER, hash_of(9 - i), 4096};
    record.body = mem_strdup("{\"v\":1}");
    check_round_trip(&record);
}

static void test_inline_roster_limit(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(record_clear) struct record record = {.type = RECORD_SNAPSHOT, .sequence = 1, .has_roster = true};
    record.body = mem_strdup("{\"v\":1}");
    for (unsigned i = 0; i < RECORD_ROSTER_INLINE_MAX; i++)
        add_row(&record.roster, OBJECT_PACK, i);
    check_round_trip(&record);
    add_row(&record.roster, OBJECT_PACK, RECORD_ROSTER_INLINE_MAX);
    CLEANUP(buf_free) struct buf object = {0};
    struct error err;
    assert_int_equal(record_seal(&record, keyring, &object, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
}

/* ---- What a writer may not ask for ---- */

static void without_body(struct record *record)
{
    mem_free(record->body);
    record->body = NULL;
}
static void with_sequence_zero(struct record *record)
{
    record->sequence = 0;
}
static void with_sequence_too_high(struct record *record)
{
    record->sequence = (uint64_t)INT64_MAX + 1;
}
static void with_first_sequence_and_previous(struct record *record)
{
    record->sequence = 1;
}
static void with_later_sequence_and_no_previous(struct record *record)
{
    record->previous_count = 0;
}
static void with_unknown_type(struct record *record)
{
    record->type = (enum record_type)13;
}
static void without_roster(struct record *record)
{
    record->has_roster = false;
}
static void with_roster_and_parts(struct record *record)
{
    record->parts = mem_calloc(1, sizeof(*record->parts));
    record->part_count = 1;
}
static void with_unknown_class(struct record *record)
{
    record->roster.rows[3].class = (enum object_class)4;
}
static void with_huge_object(struct record *record)
{
    record->condemned.rows[0].size = UINT64_MAX;
}
static void with_too_many_previous(struct record *record)
{
    mem_free(record->previous);
    record->previous = hashes(0, RECORD_PREVIOUS_MAX + 1);
    record->previous_count = RECORD_PREVIOUS_MAX + 1;
}

static void test_seal_refuses(void **state)
{
    (void)state;
    static void (*const spoil[])(struct record *) = {
        without_body,       with_sequence_zero, with_sequence_too_high, with_first_sequence_and_previous,
        with_unknown_type,  without_roster,     with_roster_and_parts,  with_later_sequence_and_no_previous,
        with_unknown_class, with_huge_object,   with_too_many_previous};
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
        CLEANUP(record_clear) struct record record;
        CLEANUP(buf_free) struct buf object = {0};
        struct error err = {0};
        make_record(&record);
        spoil[i](&record);
        assert_int_equal(record_seal(&record, keyring, &object, &err), -1);
        assert_int_equal(err.class, ERROR_INTERNAL);
    }
    CLEANUP(cleanup_keyring_free) struct keyring *empty = keyring_new(&tid);
    CLEANUP(record_clear) struct record record;
    CLEANUP(buf_free) struct buf object = {0};
    struct error err = {0};
    make_record(&record);
    assert_int_equal(record_seal(&record, empty, &object, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
}

/* ---- What a reader refuses: clear parts made by hand ---- */

enum { HEAD_SIZE = 56 };

static void put_head(struct buf *clear, uint8_t type, unsigned sections, uint64_t sequence)
{
    assert_int_equal(buf_append_zeros(clear, HEAD_SIZE, NULL), 0);
    clear->data[0] = type;
    clear->data[1] = 1;
    put_u16(clear->data + 2, (uint16_t)sections);
    put_u64(clear->data + 8, sequence);
}

static void put_section(struct buf *clear, uint8_t type, uint8_t critical, const void *bytes, uint32_t size)
{
    uint8_t head[8] = {type, critical};
    put_u32(head + 4, size);
    assert_int_equal(buf_append(clear, head, sizeof(head), NULL), 0);
    if (bytes != NULL)
        assert_int_equal(buf_append(clear, bytes, size, NULL), 0);
    else
        assert_int_equal(buf_append_zeros(clear, size, NULL), 0);
}

/* Two rows in order, 96 bytes. */
static void two_rows(uint8_t rows[96])
{
    memset(rows, 0, 96);
    rows[0] = rows[48] = OBJECT_PACK;
    rows[8] = 1;
    rows[56] = 2;
    rows[40] = rows[88] = 9;
}

static void seal_clear(const struct buf *clear, enum container_kind kind, struct buf *out)
{
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = tid};
    struct hash name;
    assert_int_equal(keyring_newest(keyring, &key.key, &key.id, NULL), 0);
    assert_int_equal(container_seal_body(kind, &key, clear->data, clear->size, "{\"v\":1}", 7, out, &name, NULL), 0);
}

/* 0, or the class of the error with which both ways of reading refuse it. */
static enum error_class refusal(const struct buf *clear)
{
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record record = {0};
    struct error err = {0};
    seal_clear(clear, CONTAINER_RECORD, &object);
    int status = record_parse_clear(object.data, object.size, &record, &err);
    if (status != 0) {
        assert_null(record.previous);
        assert_null(record.roster.rows);
    }
    record_clear(&record);
    struct error whole_err = {0};
    assert_int_equal(record_parse(object.data, object.size, keyring, &record, &whole_err), status);
    assert_int_equal(err.class, whole_err.class);
    return err.class;
}

static void test_parse_refuses_heads(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
        enum error_class class;
    } cases[] = {
        {0, 1, ERROR_NONE},     {0, 12, ERROR_NONE},    {0, 0, ERROR_DAMAGED},  {0, 99, ERROR_NONE},
        {0, 2, ERROR_DAMAGED},  /* a snapshot without a roster */
        {0, 13, ERROR_DAMAGED}, /* a roster of no snapshot */
        {1, 0, ERROR_DAMAGED},  {1, 2, ERROR_DAMAGED},  {2, 1, ERROR_DAMAGED},  {4, 1, ERROR_DAMAGED},
        {7, 1, ERROR_DAMAGED},  {8, 0, ERROR_DAMAGED},  {8, 2, ERROR_DAMAGED},  {15, 0x80, ERROR_DAMAGED},
        {23, 0x80, ERROR_NONE}, {24, 0xff, ERROR_NONE}, {55, 0xff, ERROR_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_free) struct buf clear = {0};
        put_head(&clear, RECORD_TENANT, 0, 1);
        clear.data[cases[i].offset] = cases[i].value;
        assert_int_equal(refusal(&clear), cases[i].class);
    }
    CLEANUP(buf_free) struct buf clear = {0};
    put_head(&clear, RECORD_TENANT, 0, 1);
    for (clear.size = 0; clear.size < HEAD_SIZE; clear.size++)
        assert_int_equal(refusal(&clear), ERROR_DAMAGED);
}

static void test_parse_refuses_sections(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint8_t critical;
        uint32_t size;
        enum error_class class;
    } cases[] = {
        {2, 1, 0, ERROR_NONE},      {2, 0, 0, ERROR_NONE},     {2, 2, 0, ERROR_DAMAGED},
        {2, 1, 47, ERROR_DAMAGED},  {2, 1, 48, ERROR_DAMAGED}, /* class 0 */
        {3, 1, 0, ERROR_DAMAGED},   {3, 1, 40, ERROR_NONE},    {3, 1, 39, ERROR_DAMAGED},
        {3, 1, 41, ERROR_DAMAGED},  {4, 1, 0, ERROR_NONE},     {4, 1, 64, ERROR_NONE},
        {4, 1, 63, ERROR_DAMAGED},  {5, 1, 48, ERROR_DAMAGED}, {5, 1, 0, ERROR_NONE},
        {8, 0, 5, ERROR_NONE},      {8, 1, 5, ERROR_DAMAGED},  {6, 1, 32, ERROR_DAMAGED}, /* in another record */
        {255, 1, 0, ERROR_DAMAGED}, {255, 0, 0, ERROR_NONE},   {0, 0, 0, ERROR_NONE},
        {0, 1, 0, ERROR_DAMAGED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_free) struct buf clear = {0};
        put_head(&clear, RECORD_TENANT, 1, 1);
        put_section(&clear, cases[i].type, cases[i].critical, NULL, cases[i].size);
        assert_int_equal(refusal(&clear), cases[i].class);
    }
}

static void test_parse_refuses_rows(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
        enum error_class class;
    } cases[] = {
        {0, OBJECT_PACK, ERROR_NONE},
        {48, OBJECT_SEGMENT, ERROR_NONE},
        {0, OBJECT_SEGMENT, ERROR_DAMAGED},
        {48, 4, ERROR_DAMAGED},
        {0, 0, ERROR_DAMAGED},
        {1, 1, ERROR_DAMAGED},
        {7, 1, ERROR_DAMAGED},
        {8, 2, ERROR_DAMAGED},  /* a double */
        {8, 3, ERROR_DAMAGED},  /* out of order */
        {47, 1, ERROR_DAMAGED}, /* longer than any object */
    };
    for (uint8_t section = 2; section <= 5; section = (uint8_t)(section + 3))
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            CLEANUP(buf_free) struct buf clear = {0};
            uint8_t rows[96];
            two_rows(rows);
            rows[cases[i].offset] = cases[i].value;
            put_head(&clear, RECORD_CONDEMN, 1, 1);
            put_section(&clear, section, 1, rows, sizeof(rows));
            /* Records may be condemned, and are in no roster. */
            bool is_record = cases[i].offset == 48 && cases[i].value == OBJECT_RECORD;
            assert_int_equal(refusal(&clear), is_record && section == 5 ? ERROR_NONE : cases[i].class);
        }
}

static void test_parse_refuses_combinations(void **state)
{
    (void)state;
    for (unsigned sections = 0; sections < 4; sections++) {
        CLEANUP(buf_free) struct buf roster = {0};
        put_head(&roster, RECORD_ROSTER, (uint16_t)((sections & 1) + (sections >> 1)), 1);
        if ((sections & 1) != 0)
            put_section(&roster, 2, 1, NULL, 0);
        if ((sections & 2) != 0)
            put_section(&roster, 6, 1, NULL, 64);
        assert_int_equal(refusal(&roster), sections == 3 ? ERROR_NONE : ERROR_DAMAGED);
    }

    CLEANUP(buf_free) struct buf doubled = {0};
    put_head(&doubled, RECORD_RETIRE, 2, 1);
    put_section(&doubled, 4, 1, NULL, 32);
    put_section(&doubled, 4, 1, NULL, 32);
    assert_int_equal(refusal(&doubled), ERROR_DAMAGED);

    CLEANUP(buf_free) struct buf both = {0};
    put_head(&both, RECORD_SNAPSHOT, 2, 1);
    put_section(&both, 2, 1, NULL, 0);
    put_section(&both, 3, 1, NULL, 40);
    assert_int_equal(refusal(&both), ERROR_DAMAGED);

    CLEANUP(buf_free) struct buf longer = {0};
    put_head(&longer, RECORD_SNAPSHOT, 1, 1);
    put_section(&longer, 2, 1, NULL, 0);
    assert_int_equal(buf_u8(&longer, 0, NULL), 0);
    assert_int_equal(refusal(&longer), ERROR_DAMAGED);

    CLEANUP(buf_free) struct buf shorter = {0};
    put_head(&shorter, RECORD_RETIRE, 1, 1);
    put_section(&shorter, 4, 1, NULL, 64);
    shorter.size -= 32;
    assert_int_equal(refusal(&shorter), ERROR_DAMAGED);

    for (uint32_t count = RECORD_PREVIOUS_MAX; count <= RECORD_PREVIOUS_MAX + 1; count++) {
        CLEANUP(buf_free) struct buf previous = {0};
        put_head(&previous, RECORD_RETIRE, 1, 2);
        put_section(&previous, 1, 1, NULL, 32 * count);
        assert_int_equal(refusal(&previous), count <= RECORD_PREVIOUS_MAX ? ERROR_NONE : ERROR_DAMAGED);
    }
}

static void test_parse_refuses_other_objects(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(buf_free) struct buf clear = {0};
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record record = {0};
    struct error err = {0};
    put_head(&clear, RECORD_TENANT, 0, 1);
    seal_clear(&clear, CONTAINER_ROSTER, &object);
    assert_int_equal(record_parse_clear(object.data, object.size, &record, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    for (size_t size = 0; size < object.size; size += 13)
        assert_int_equal(record_parse(object.data, size, keyring, &record, &err), -1);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct id other_tid = {{8}};
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(cleanup_keyring_free) struct keyring *other_key = make_keyring(&tid, 2);
    CLEANUP(cleanup_keyring_free) struct keyring *other_tenant = make_keyring(&other_tid, 1);
    CLEANUP(record_clear) struct record record;
    CLEANUP(record_clear) struct record parsed = {0};
    CLEANUP(buf_free) struct buf object = {0};
    struct error err = {0};
    make_record(&record);
    assert_int_equal(record_seal(&record, keyring, &object, &err), 0);
    assert_int_equal(record_parse(object.data, object.size, other_key, &parsed, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_int_equal(record_parse(object.data, object.size, other_tenant, &parsed, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
}

/* Whichever byte is changed, the record is no longer believed, and nothing but an error comes of it. */
static void test_any_change_is_found(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    CLEANUP(record_clear) struct record record;
    CLEANUP(buf_free) struct buf object = {0};
    make_record(&record);
    assert_int_equal(record_seal(&record, keyring, &object, NULL), 0);
    for (size_t i = 0; i < object.size; i++) {
        CLEANUP(record_clear) struct record parsed = {0};
        struct error err = {0};
        object.data[i] ^= 0x10;
        assert_int_equal(record_parse(object.data, object.size, keyring, &parsed, &err), -1);
        assert_true(err.class == ERROR_DAMAGED || err.class == ERROR_KEYS);
        object.data[i] ^= 0x10;
    }
}

static void test_body_is_text(void **state)
{
    (void)state;
    CLEANUP(cleanup_keyring_free) struct keyring *keyring = make_keyring(&tid, 1);
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = tid};
    CLEANUP(buf_free) struct buf clear = {0};
    CLEANUP(buf_free) struct buf object = {0};
    CLEANUP(record_clear) struct record record = {0};
    struct hash name;
    struct error err = {0};
    put_head(&clear, RECORD_TENANT, 0, 1);
    assert_int_equal(keyring_newest(keyring, &key.key, &key.id, NULL), 0);
    assert_int_equal(
        container_seal_body(CONTAINER_RECORD, &key, clear.data, clear.size, "{}\0{}", 5, &object, &name, NULL), 0);
    assert_int_equal(record_parse(object.data, object.size, keyring, &record, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(record_parse_clear(object.data, object.size, &record, &err), 0);
}

static void test_names(void **state)
{
    (void)state;
    struct record record = {.name = hash_of(5)};
    assert_int_equal(clock_parse("2026-11-21T09:12:46.123456789Z", &record.time_ns, NULL), 0);
    char name[RECORD_NAME_SIZE];
    record_object_name(&record, name);
    assert_int_equal(strlen(name), 26 + 1 + 64);
    assert_memory_equal(name, "20261121T091246.123456789Z-", 27);
    struct hash hash;
    assert_true(record_name_hash(name, &hash));
    assert_true(hash_equal(&hash, &record.name));
    for (size_t i = 0; name[i] != '\0'; i++) {
        char spoilt[RECORD_NAME_SIZE];
        memcpy(spoilt, name, sizeof(spoilt));
        spoilt[i] = 'x';
        assert_false(record_name_hash(spoilt, &hash));
        spoilt[i] = '\0';
        assert_false(record_name_hash(spoilt, &hash));
    }
    memcpy(name + 91, "0", 2);
    assert_false(record_name_hash(name, &hash));
    assert_false(record_name_hash("", &hash));
}

int main(void)
{
    secret_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_of_the_smallest),
        cmocka_unit_test(test_round_trip_with_parts),
        cmocka_unit_test(test_inline_roster_limit),
        cmocka_unit_test(test_seal_refuses),
        cmocka_unit_test(test_parse_refuses_heads),
        cmocka_unit_test(test_parse_refuses_sections),
        cmocka_unit_test(test_parse_refuses_rows),
        cmocka_unit_test(test_parse_refuses_combinations),
        cmocka_unit_test(test_parse_refuses_other_objects),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_any_change_is_found),
        cmocka_unit_test(test_body_is_text),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
