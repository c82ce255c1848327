/* Integers, derivations, containers, segments and history records against the vectors of the independent reader. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/container_internal.h"
#include "repo/record.h"
#include "repo/record_internal.h"
#include "repo/segment_internal.h"
#include "vectors.h"

#include <errno.h>

/* ---- Integers and derivations ---- */

static void test_integers(void **state)
{
    (void)state;
    const json_t *integers = member(vectors, "integers");
    struct error err = {0};
    size_t i;
    const json_t *pair;
    json_array_foreach(list(integers, "varint"), i, pair)
    {
        uint64_t value = strtoull(json_string_value(json_array_get(pair, 0)), NULL, 10);
        struct bytes bytes = unhex(json_array_get(pair, 1));
        struct cursor c = cursor_of(bytes.data, bytes.size);
        struct buf out = {0};
        assert_true(cursor_varint(&c) == value && cursor_done(&c));
        ok(buf_varint(&out, value, &err), &err);
        assert_int_equal(out.size, bytes.size);
        assert_memory_equal(out.data, bytes.data, bytes.size);
        buf_free(&out);
        release(&bytes);
    }
    json_array_foreach(list(integers, "svarint"), i, pair)
    {
        int64_t value = strtoll(json_string_value(json_array_get(pair, 0)), NULL, 10);
        struct bytes bytes = unhex(json_array_get(pair, 1));
        struct cursor c = cursor_of(bytes.data, bytes.size);
        assert_true(cursor_svarint(&c) == value && cursor_done(&c));
        release(&bytes);
    }
    json_array_foreach(list(integers, "refused"), i, pair)
    {
        struct bytes bytes = unhex(pair);
        struct cursor c = cursor_of(bytes.data, bytes.size);
        (void)cursor_varint(&c);
        assert_false(cursor_done(&c));
        release(&bytes);
    }
}

static void test_labels(void **state)
{
    (void)state;
    struct keyring *keyring = vectors_keyring();
    struct error err = {0};
    size_t i;
    const json_t *vector;
    json_array_foreach(list(vectors, "hkdf"), i, vector)
    {
        uint8_t out[2048];
        size_t size = (size_t)number(vector, "size");
        assert_true(size <= sizeof(out));
        ok(keyring_derive(keyring, text(vector, "label"), out, size, &err), &err);
        assert_bytes(out, size, vector, "out");
    }
    keyring_free(keyring);
}

static void test_padme(void **state)
{
    (void)state;
    size_t i;
    const json_t *pair;
    json_array_foreach(list(vectors, "padme"), i, pair)
    {
        uint64_t size = (uint64_t)json_integer_value(json_array_get(pair, 0));
        assert_int_equal(container_padme(size), json_integer_value(json_array_get(pair, 1)));
    }
}

static void test_blob_ids(void **state)
{
    (void)state;
    struct keyring *keyring = vectors_keyring();
    struct blob_hasher *hasher = NULL;
    struct error err = {0};
    ok(blob_hasher_new(keyring, &hasher, &err), &err);
    size_t i;
    const json_t *vector;
    json_array_foreach(list(member(vectors, "blob_ids"), "ids"), i, vector)
    {
        struct bytes data = field_bytes(vector, "data");
        struct blob_id id;
        ok(blob_hash(hasher, (enum blob_type)number(vector, "type"), data.data, data.size, &id, &err), &err);
        assert_bytes(id.bytes, sizeof(id.bytes), vector, "id");
        release(&data);
    }
    blob_hasher_free(hasher);
    keyring_free(keyring);
}

/* ---- Containers ---- */

static void check_blobs(const json_t *blobs, const struct container_blob *got, uint32_t count)
{
    assert_int_equal(json_array_size(blobs), count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *blob = json_array_get(blobs, i);
        assert_bytes(got[i].id.bytes, BLOB_ID_SIZE, blob, "id");
        assert_int_equal(got[i].size, number(blob, "length"));
        assert_int_equal(got[i].type, number(blob, "type"));
    }
}

static void check_reading(const json_t *vector, const struct bytes *object, const struct bytes *clear)
{
    struct error err = {0};
    struct secret *key = secret_of(vector, "key");
    struct container_opener *opener = NULL;
    struct container_directory directory;
    ok(container_opener_new(object->data, clear->data, clear->size, key, &opener, &err), &err);
    ok(container_check_structure(opener, object->data, object->size, &directory, &err), &err);
    const json_t *blocks = member(vector, "blocks");
    assert_int_equal(json_array_size(blocks), directory.block_count);
    uint32_t blob = 0;
    struct buf plain = {0};
    for (uint32_t i = 0; i < directory.block_count; i++) {
        const json_t *block = json_array_get(blocks, i);
        const struct container_block *row = &directory.blocks[i];
        ok(container_opener_block(opener, i, row, object->data + row->offset, &plain, &err), &err);
        assert_bytes(plain.data, plain.size, block, "plain");
        assert_int_equal(row->codec, number(block, "codec"));
        check_blobs(member(block, "blobs"), directory.blobs + blob, row->blob_count);
        blob += row->blob_count;
    }
    buf_free(&plain);
    container_directory_free(&directory);
    container_opener_free(opener);
    secret_free(key);
}

static void append_sealed(struct buf *out, struct container_session *session, enum container_role role,
                          uint32_t number_of_it, const void *plain, size_t size)
{
    struct error err = {0};
    ok(buf_reserve(out, size + GCM_TAG_SIZE, &err), &err);
    ok(container_session_seal(session, role, number_of_it, plain, size, out->data + out->size, &err), &err);
    out->size += size + GCM_TAG_SIZE;
}

/* Seal the blocks again with the vector's salt: the same object must come out. Only stored blocks are sealed so. */
static void check_writing(const json_t *vector, const struct bytes *object, const struct bytes *clear)
{
    struct error err = {0};
    struct secret *key = secret_of(vector, "key");
    struct container_session session;
    uint8_t commitment[CONTAINER_COMMITMENT_SIZE], trailer[CONTAINER_TRAILER_SIZE] = {0};
    struct buf out = {0}, rows = {0}, blob_rows = {0};
    ok(container_session_derive(&session, object->data, key, commitment, &err), &err);
    assert_bytes(commitment, sizeof(commitment), vector, "commitment");
    ok(container_session_bind(&session, object->data, clear->data, clear->size, &err), &err);
    ok(buf_append(&out, object->data, CONTAINER_HEADER_SIZE + clear->size, &err), &err);
    put_u64(trailer + TRAILER_FIRST, out.size);
    size_t i, j;
    const json_t *block, *blob;
    uint32_t blobs = 0;
    json_array_foreach(member(vector, "blocks"), i, block)
    {
        struct bytes plain = field_bytes(block, "plain");
        uint8_t row[CONTAINER_BLOCK_ROW];
        append_sealed(&out, &session, ROLE_BLOCK, (uint32_t)i, plain.data, plain.size);
        struct container_block fields = {.sealed_size = (uint32_t)plain.size + GCM_TAG_SIZE,
                                         .plain_size = (uint32_t)plain.size,
                                         .blob_count = (uint32_t)json_array_size(member(block, "blobs"))};
        container_block_row_put(row, &fields);
        ok(buf_append(&rows, row, sizeof(row), &err), &err);
        json_array_foreach(member(block, "blobs"), j, blob)
        {
            uint8_t blob_row[CONTAINER_BLOB_ROW];
            field(blob, "id", blob_row, BLOB_ID_SIZE);
            put_u32(blob_row + BLOB_ID_SIZE, (uint32_t)number(blob, "length") | (uint32_t)number(blob, "type") << 24);
            ok(buf_append(&blob_rows, blob_row, sizeof(blob_row), &err), &err);
            blobs++;
        }
        release(&plain);
    }
    ok(buf_append(&rows, blob_rows.data, blob_rows.size, &err), &err);
    uint64_t bare = out.size + GCM_TAG_SIZE + rows.size + GCM_TAG_SIZE + CONTAINER_TRAILER_SEALED;
    put_u64(trailer + TRAILER_PAD, out.size);
    uint8_t *zeros = mem_calloc(1, (size_t)(container_padme(bare) - bare) + 1);
    append_sealed(&out, &session, ROLE_PAD, 0, zeros, (size_t)(container_padme(bare) - bare));
    put_u64(trailer + TRAILER_DIRECTORY, out.size);
    put_u64(trailer + TRAILER_DIRECTORY_SIZE, rows.size + GCM_TAG_SIZE);
    append_sealed(&out, &session, ROLE_DIRECTORY, 0, rows.data, rows.size);
    put_u64(trailer + TRAILER_OBJECT_SIZE, out.size + CONTAINER_TRAILER_SEALED);
    put_u32(trailer + TRAILER_BLOCK_COUNT, (uint32_t)json_array_size(member(vector, "blocks")));
    put_u32(trailer + TRAILER_BLOB_COUNT, blobs);
    append_sealed(&out, &session, ROLE_TRAILER, 0, trailer, sizeof(trailer));
    assert_bytes(out.data, out.size, vector, "object");
    mem_free(zeros);
    buf_free(&out);
    buf_free(&rows);
    buf_free(&blob_rows);
    container_session_clear(&session);
    secret_free(key);
}

static bool all_stored(const json_t *vector)
{
    size_t i;
    const json_t *block;
    json_array_foreach(member(vector, "blocks"), i, block)
    {
        if (number(block, "codec") != CODEC_STORED)
            return false;
    }
    return true;
}

static void test_containers(void **state)
{
    (void)state;
    size_t i, written = 0;
    const json_t *vector;
    json_array_foreach(list(vectors, "containers"), i, vector)
    {
        struct error err = {0};
        struct bytes object = field_bytes(vector, "object"), clear;
        struct container_header header;
        uint8_t name[SHA256_SIZE];
        ok(sha256(object.data, object.size, name, &err), &err);
        assert_bytes(name, sizeof(name), vector, "sha256");
        ok(container_clear(object.data, object.size, &header, &clear, &err), &err);
        assert_int_equal(header.kind, number(vector, "kind"));
        assert_int_equal(header.key_kind, number(vector, "key_kind"));
        assert_bytes(header.tid.bytes, ID_SIZE, vector, "tid");
        assert_bytes(header.key_id.bytes, ID_SIZE, vector, "key_id");
        assert_bytes(clear.data, clear.size, vector, "clear");
        check_reading(vector, &object, &clear);
        if (all_stored(vector)) {
            check_writing(vector, &object, &clear);
            written++;
        }
        release(&object);
    }
    assert_true(written > 0 && written < json_array_size(member(vectors, "containers")));
}

/* ---- Segments ---- */

static const json_t *container_named(const char *name)
{
    size_t i;
    const json_t *vector;
    json_array_foreach(list(vectors, "containers"), i, vector)
    {
        if (strcmp(text(vector, "name"), name) == 0)
            return vector;
    }
    fail_msg("there is no container '%s'", name);
    return NULL;
}

static void test_segment(void **state)
{
    (void)state;
    struct error err = {0};
    const json_t *vector = member(vectors, "segment"), *entry;
    const json_t *pack = container_named(text(vector, "pack"));
    struct bytes body = field_bytes(vector, "body");
    struct segment segment;
    ok(segment_parse(body.data, body.size, &segment, &err), &err);
    assert_int_equal(segment.pack_count, 1);
    assert_bytes(segment.packs[0].name.bytes, HASH_SIZE, pack, "sha256");
    assert_int_equal(segment.superseded_count, 1);
    struct bytes superseded = unhex(json_array_get(member(vector, "superseded"), 0));
    assert_memory_equal(segment.superseded[0].bytes, superseded.data, HASH_SIZE);
    release(&superseded);
    assert_int_equal(segment.entry_count, json_array_size(list(vector, "entries")));
    size_t i;
    json_array_foreach(member(vector, "entries"), i, entry)
    {
        struct segment_entry got = segment_entry_at(&segment, (uint32_t)i);
        assert_bytes(got.id.bytes, BLOB_ID_SIZE, entry, "id");
        assert_true(got.block == number(entry, "block") && got.offset == number(entry, "offset") &&
                    got.size == number(entry, "length") && got.type == number(entry, "type"));
    }
    /* Built from the pack's directory, the same bytes come out. */
    struct bytes object = field_bytes(pack, "object");
    struct secret *key = secret_of(pack, "key");
    struct container_opener *opener = NULL;
    struct container_directory directory;
    ok(container_opener_new(object.data, NULL, 0, key, &opener, &err), &err);
    ok(container_check_structure(opener, object.data, object.size, &directory, &err), &err);
    struct segment_builder *builder = segment_builder_new();
    struct buf out = {0};
    assert_non_null(builder);
    ok(segment_builder_add(builder, &segment.packs[0], directory.blobs, directory.blob_count, &err), &err);
    ok(segment_builder_encode(builder, segment.superseded, 1, &out, &err), &err);
    assert_bytes(out.data, out.size, vector, "body");
    buf_free(&out);
    segment_builder_free(builder);
    container_directory_free(&directory);
    container_opener_free(opener);
    secret_free(key);
    release(&object);
    segment_clear(&segment);
    release(&body);
}

/* ---- History ---- */

/* A record's object with that clear part, sealed under the vectors' key. */
static void seal_record(const struct keyring *keyring, const struct bytes *clear, struct buf *out)
{
    struct error err = {0};
    struct container_key key;
    struct hash name;
    ok(record_sealing_key(keyring, &key, &err), &err);
    ok(container_seal_body(CONTAINER_RECORD, &key, clear->data, clear->size, "{\"v\":1}", 7, out, &name, &err), &err);
}

static void check_roster(const struct roster *roster, const json_t *rows)
{
    assert_int_equal(roster->count, json_array_size(rows));
    for (size_t i = 0; i < roster->count; i++) {
        const json_t *row = json_array_get(rows, i);
        assert_int_equal(roster->rows[i].class, number(row, "class"));
        assert_bytes(roster->rows[i].name.bytes, HASH_SIZE, row, "sha256");
        assert_int_equal(roster->rows[i].size, number(row, "length"));
    }
}

static void check_section(const struct record *record, const json_t *section, const json_t *roster)
{
    switch (number(section, "type")) {
    case 1:
        assert_bytes(record->previous, record->previous_count * HASH_SIZE, section, "bytes");
        break;
    case 2:
        assert_true(record->has_roster);
        check_roster(&record->roster, roster);
        break;
    case 3: {
        struct bytes bytes = field_bytes(section, "bytes");
        assert_int_equal(record->part_count, bytes.size / 40);
        assert_memory_equal(record->parts[0].name.bytes, bytes.data, HASH_SIZE);
        assert_true(record->parts[0].size == get_u64(bytes.data + HASH_SIZE));
        release(&bytes);
        break;
    }
    default:
        assert_int_equal(number(section, "critical"), 0);
        break;
    }
}

static void check_record(const struct keyring *keyring, const json_t *vector, const json_t *roster)
{
    struct error err = {0};
    struct bytes clear = field_bytes(vector, "clear"), again;
    struct buf object = {0};
    struct record record;
    struct container_header header;
    bool known = true;
    seal_record(keyring, &clear, &object);
    ok(record_parse(object.data, object.size, keyring, &record, &err), &err);
    assert_int_equal(record.type, number(vector, "type"));
    assert_true(record.sequence == (uint64_t)number(vector, "sequence") && record.time_ns == number(vector, "time"));
    assert_bytes(record.writer.bytes, ID_SIZE, vector, "writer");
    assert_bytes(record.run.bytes, ID_SIZE, vector, "run");
    size_t i;
    const json_t *section;
    json_array_foreach(list(vector, "sections"), i, section)
    {
        check_section(&record, section, roster);
        known = known && number(section, "type") <= 5;
    }
    /* Written again it has the same clear part, if this version knows all of it. */
    object.size = 0;
    ok(record_seal(&record, keyring, &object, &err), &err);
    ok(container_clear(object.data, object.size, &header, &again, &err), &err);
    if (known)
        assert_bytes(again.data, again.size, vector, "clear");
    record_clear(&record);
    buf_free(&object);
    release(&clear);
}

static void test_records(void **state)
{
    (void)state;
    struct keyring *keyring = vectors_keyring();
    const json_t *history = member(vectors, "history"), *vector;
    struct error err = {0};
    size_t i;
    json_array_foreach(list(history, "records"), i, vector) check_record(keyring, vector, list(history, "roster"));
    json_array_foreach(list(history, "refused"), i, vector)
    {
        struct bytes clear = unhex(vector);
        struct buf object = {0};
        struct record record;
        seal_record(keyring, &clear, &object);
        assert_int_equal(record_parse_clear(object.data, object.size, &record, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        buf_free(&object);
        release(&clear);
    }
    keyring_free(keyring);
}

static void test_record_of_another_writer(void **state)
{
    (void)state;
    struct keyring *keyring = vectors_keyring();
    const json_t *vector = container_named("record");
    struct bytes object = field_bytes(vector, "object"),
                 body = field_bytes(json_array_get(list(vector, "blocks"), 0), "plain");
    struct record record;
    struct error err = {0};
    ok(record_parse(object.data, object.size, keyring, &record, &err), &err);
    assert_int_equal(strlen(record.body), body.size);
    assert_memory_equal(record.body, body.data, body.size);
    assert_bytes(record.name.bytes, HASH_SIZE, vector, "sha256");
    assert_true(record.retired_count == 1 && record.previous_count == 1);
    record_clear(&record);
    release(&object);
    release(&body);
    keyring_free(keyring);
}

static void test_rosters(void **state)
{
    (void)state;
    const json_t *history = member(vectors, "history");
    struct bytes bytes = field_bytes(history, "roster_bytes");
    struct bytes object = field_bytes(container_named("roster part"), "object");
    struct roster roster = {0}, part = {0};
    struct buf out = {0};
    struct error err = {0};
    ok(roster_rows_parse(bytes.data, bytes.size, OBJECT_ROSTER, &roster, &err), &err);
    check_roster(&roster, list(history, "roster"));
    ok(roster_rows_write(roster.rows, roster.count, OBJECT_ROSTER, &out, &err), &err);
    assert_bytes(out.data, out.size, history, "roster_bytes");
    ok(roster_part_parse(object.data, object.size, &part, &err), &err);
    assert_true(part.count == 1 && part.rows[0].class == OBJECT_PACK);
    buf_free(&out);
    roster_free(&roster);
    roster_free(&part);
    release(&bytes);
    release(&object);
}

static void test_record_name(void **state)
{
    (void)state;
    const json_t *vector = member(member(vectors, "history"), "name");
    struct bytes sealed = field_bytes(vector, "sealed");
    struct record record = {.time_ns = number(vector, "time")};
    struct error err = {0};
    char name[RECORD_NAME_SIZE];
    ok(sha256(sealed.data, sealed.size, record.name.bytes, &err), &err);
    record_object_name(&record, name);
    const char *wanted = strrchr(text(vector, "name"), '/');
    assert_non_null(wanted);
    assert_string_equal(name, wanted + 1);
    release(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_labels),
        cmocka_unit_test(test_padme),      cmocka_unit_test(test_blob_ids),
        cmocka_unit_test(test_containers), cmocka_unit_test(test_segment),
        cmocka_unit_test(test_records),    cmocka_unit_test(test_record_of_another_writer),
        cmocka_unit_test(test_rosters),    cmocka_unit_test(test_record_name),
    };
    return cmocka_run_group_tests(tests, vectors_load, vectors_release);
}
