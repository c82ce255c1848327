/* The container: layout, round trips, keys, padding. What a reader refuses in forged objects is in
 * test_container_refuse.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/container.h"
#include "crypto/container_internal.h"

#include <zstd.h>

static struct secret *secret;
static struct container_key tenant_key;
static struct container_key root_key;

static int set_up(void **state)
{
    (void)state;
    secret_init();
    uint8_t bytes[KEY_SIZE];
    memset(bytes, 0x42, sizeof(bytes));
    secret = secret_copy(bytes, sizeof(bytes));
    if (secret == NULL)
        return -1;
    tenant_key = (struct container_key){.kind = CONTAINER_KEY_TENANT, .key = secret};
    memset(tenant_key.tid.bytes, 0x11, ID_SIZE);
    memset(tenant_key.id.bytes, 0x22, ID_SIZE);
    root_key = (struct container_key){.kind = CONTAINER_KEY_ROOT, .key = secret};
    memset(root_key.id.bytes, 0x33, ID_SIZE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    secret_free(secret);
    return 0;
}

/* Bytes that do not compress, the same for the same seed. */
static void noise(uint8_t *out, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(seed >> 56);
    }
}

static struct container_blob blob_of(uint8_t first, uint32_t size, uint8_t type)
{
    struct container_blob blob = {.size = size, .type = type};
    memset(blob.id.bytes, first, BLOB_ID_SIZE);
    return blob;
}

/* ---- Padmé ---- */

static void padme_table(void **state)
{
    (void)state;
    static const struct {
        uint64_t size, padded;
    } rows[] = {{0, 0},
                {1, 1},
                {2, 2},
                {3, 3},
                {7, 7},
                {8, 8},
                {9, 10},
                {15, 16},
                {17, 18},
                {100, 104},
                {240, 240},
                {241, 256},
                {1000, 1024},
                {1024, 1024},
                {1025, 1088},
                {1048577, 1081344},
                {33554432, 33554432},
                {33554433, 34603008},
                {UINT64_C(1) << 30, UINT64_C(1) << 30}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(container_padme(rows[i].size), rows[i].padded);

    uint64_t last = 0;
    for (uint64_t size = 1; size < 200000; size++) {
        uint64_t padded = container_padme(size);
        assert_true(padded >= size && padded >= last);
        assert_true(padded - size <= size * 12 / 100 + 1);
        assert_int_equal(container_padme(padded), padded);
        last = padded;
    }
}

/* ---- Layout, against FORMAT.md §2, with nothing but the primitives ---- */

static void open_record(struct gcm *gcm, const uint8_t head_hash[32], uint8_t role, uint8_t number,
                        const uint8_t *sealed, size_t size, uint8_t *out)
{
    uint8_t nonce[12] = {role, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
    uint8_t aad[41] = {0};
    memcpy(aad, head_hash, 32);
    aad[32] = role;
    aad[40] = number;
    struct error err = {0};
    assert_int_equal(gcm_open(gcm, nonce, aad, sizeof(aad), sealed, size, out, &err), 0);
}

static void check_header_bytes(const uint8_t *header, uint64_t clear_size)
{
    static const uint8_t start[16] = {0x89, 0x48, 0x49, 0x4b, 0x41, 0x45, 0x0d, 0x0a, 1, 0, 6, 1, 0, 1, 0, 0};
    static const uint8_t zeros[8];
    assert_memory_equal(header, start, sizeof(start));
    assert_memory_equal(header + 16, tenant_key.tid.bytes, 16);
    assert_memory_equal(header + 32, tenant_key.id.bytes, 16);
    assert_int_equal(get_u64(header + 112), clear_size);
    assert_memory_equal(header + 120, zeros, 8);
}

static void layout_is_the_documented_one(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf object = {0};
    struct hash name, expected;
    assert_int_equal(container_seal_body(CONTAINER_RECORD, &tenant_key, "clear", 5, "body!", 5, &object, &name, &err),
                     0);
    check_header_bytes(object.data, 5);
    assert_memory_equal(object.data + 128, "clear", 5);
    assert_int_equal(sha256(object.data, object.size, expected.bytes, &err), 0);
    assert_true(hash_equal(&name, &expected));
    assert_int_equal(container_padme(object.size), object.size);

    uint8_t info[56] = "hikae1 object", derived[64], head_hash[32];
    memcpy(info + 16, object.data + 8, 40);
    assert_int_equal(hkdf_sha256(secret_borrow(secret), 32, object.data + 48, 32, info, 56, derived, 64, &err), 0);
    assert_memory_equal(derived + 32, object.data + 80, 32);
    assert_int_equal(sha256(object.data, 133, head_hash, &err), 0);
    struct gcm *gcm = gcm_new();
    assert_int_equal(gcm_set_key(gcm, derived, &err), 0);

    uint8_t trailer[64], body[5], row[16], pad[256];
    static const uint8_t row_expected[16] = {21, 0, 0, 0, 5};
    open_record(gcm, head_hash, 3, 0, object.data + object.size - 80, 80, trailer);
    assert_int_equal(get_u64(trailer), 133);
    assert_int_equal(get_u64(trailer + 8), 133 + 21);
    assert_int_equal(get_u64(trailer + 16), object.size - 80 - 32);
    assert_int_equal(get_u64(trailer + 24), 32);
    assert_int_equal(get_u64(trailer + 32), object.size);
    assert_int_equal(get_u32(trailer + 40), 1);
    assert_int_equal(get_u32(trailer + 44), 0);
    open_record(gcm, head_hash, 0, 0, object.data + 133, 21, body);
    assert_memory_equal(body, "body!", 5);
    open_record(gcm, head_hash, 2, 0, object.data + object.size - 80 - 32, 32, row);
    assert_memory_equal(row, row_expected, 16);
    open_record(gcm, head_hash, 1, 0, object.data + 154, object.size - 154 - 112, pad);
    gcm_free(gcm);
    buf_free(&object);
}

/* ---- Bodies ---- */

static void body_round_trip(size_t body_size, size_t clear_size, bool compressible, size_t most_blocks)
{
    struct error err = {0};
    struct buf object = {0}, out = {0};
    struct hash name;
    struct bytes opened;
    uint8_t *body = mem_calloc(1, body_size), *clear = mem_calloc(1, clear_size);
    if (!compressible)
        noise(body, body_size, body_size);
    noise(clear, clear_size, 7);
    assert_int_equal(
        container_seal_body(CONTAINER_RECORD, &tenant_key, clear, clear_size, body, body_size, &object, &name, &err),
        0);
    assert_int_equal(container_padme(object.size), object.size);
    if (compressible && body_size > 1000)
        assert_true(object.size < body_size / 2 + clear_size + 512);

    assert_int_equal(buf_append(&out, "kept", 4, &err), 0);
    assert_int_equal(
        container_open_body(CONTAINER_RECORD, object.data, object.size, secret, body_size, &out, &opened, &err), 0);
    assert_int_equal(out.size, 4 + body_size);
    assert_memory_equal(out.data, "kept", 4);
    if (body_size > 0)
        assert_memory_equal(out.data + 4, body, body_size);
    assert_int_equal(opened.size, clear_size);
    assert_ptr_equal(opened.data, object.data + CONTAINER_HEADER_SIZE);
    assert_true(clear_size == 0 || memcmp(opened.data, clear, clear_size) == 0);

    struct container_opener *opener = NULL;
    struct container_directory directory;
    assert_int_equal(container_opener_new(object.data, clear, clear_size, secret, &opener, &err), 0);
    assert_int_equal(container_check_structure(opener, object.data, object.size, &directory, &err), 0);
    assert_int_equal(directory.block_count, most_blocks);
    assert_int_equal(directory.blob_count, 0);
    container_directory_free(&directory);
    container_opener_free(opener);
    mem_free(body);
    mem_free(clear);
    buf_free(&object);
    buf_free(&out);
}

static void bodies_round_trip(void **state)
{
    (void)state;
    body_round_trip(0, 0, true, 0);
    body_round_trip(0, 4800, true, 0);
    body_round_trip(1, 0, true, 1);
    body_round_trip(100, 3, false, 1);
    body_round_trip(100000, 3, true, 1);
    body_round_trip(CONTAINER_BLOCK_MAX, 0, false, 1);
    body_round_trip(CONTAINER_BLOCK_MAX + 1, 0, false, 2);
    body_round_trip(3 * CONTAINER_BLOCK_MAX, 100, true, 3);
    body_round_trip(10, CONTAINER_CLEAR_MAX, true, 1);
}

static void body_longer_than_allowed_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf object = {0}, out = {0};
    struct hash name;
    struct bytes clear;
    uint8_t body[5000] = {0};
    assert_int_equal(container_seal_body(CONTAINER_SEGMENT, &tenant_key, NULL, 0, body, 5000, &object, &name, &err), 0);
    assert_int_equal(container_open_body(CONTAINER_SEGMENT, object.data, object.size, secret, 4999, &out, &clear, &err),
                     -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(out.size, 0);
    assert_int_equal(container_open_body(CONTAINER_ROSTER, object.data, object.size, secret, 5000, &out, &clear, &err),
                     -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(container_open_body(CONTAINER_SEGMENT, object.data, object.size, secret, 5000, &out, &clear, &err),
                     0);
    buf_free(&object);
    buf_free(&out);
}

static void salts_differ(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf one = {0}, two = {0};
    struct hash first, second;
    assert_int_equal(container_seal_body(CONTAINER_KEYS, &root_key, NULL, 0, "same", 4, &one, &first, &err), 0);
    assert_int_equal(container_seal_body(CONTAINER_KEYS, &root_key, NULL, 0, "same", 4, &two, &second, &err), 0);
    assert_false(hash_equal(&first, &second));
    assert_memory_not_equal(one.data + 48, two.data + 48, 32);
    assert_memory_not_equal(one.data + 128, two.data + 128, 20);
    buf_free(&one);
    buf_free(&two);
}

/* ---- Packs, block by block ---- */

enum { PACK_BLOCKS = 40, PACK_BLOCK_SIZE = 3000 };

static void write_pack(bool verify, struct buf *object, struct container_block *blocks, struct hash *name)
{
    struct error err = {0};
    struct container_writer *writer = NULL;
    assert_int_equal(container_writer_new(CONTAINER_PACK_MIXED, &tenant_key, NULL, 0, verify, &writer, &err), 0);
    for (uint32_t i = 0; i < PACK_BLOCKS; i++) {
        uint8_t plain[PACK_BLOCK_SIZE], packed[PACK_BLOCK_SIZE + 100];
        memset(plain, (int)i, sizeof(plain));
        noise(plain, i % 2 * sizeof(plain), i);
        struct container_blob blobs[3] = {blob_of((uint8_t)i, 1000, 1), blob_of((uint8_t)(i + 1), 1, 2),
                                          blob_of((uint8_t)(i + 2), 1999, 7)};
        size_t size = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 1);
        bool zstd = i % 2 == 0;
        size_t before = container_writer_size(writer);
        assert_int_equal(container_writer_block(writer, zstd ? CODEC_ZSTD : CODEC_STORED, zstd ? packed : plain,
                                                zstd ? size : sizeof(plain), sizeof(plain), blobs, 3, &err),
                         0);
        assert_true(container_writer_size(writer) >= before);
        assert_int_equal(container_writer_blob_count(writer), 3 * (i + 1));
    }
    size_t announced = container_writer_size(writer);
    assert_int_equal(buf_append(object, "replaced", 8, &err), 0);
    assert_int_equal(container_writer_finish(writer, object, name, &err), 0);
    assert_int_equal(object->size, announced);

    /* Rows and header outlive the bytes, for the index. */
    uint32_t count = 0;
    memcpy(blocks, container_writer_blocks(writer, &count), PACK_BLOCKS * sizeof(*blocks));
    assert_int_equal(count, PACK_BLOCKS);
    assert_int_equal(container_writer_blobs(writer, &count)[3].id.bytes[0], 1);
    assert_int_equal(count, 3 * PACK_BLOCKS);
    assert_memory_equal(container_writer_header(writer), object->data, CONTAINER_HEADER_SIZE);

    /* A spent writer seals nothing more. */
    struct container_blob blob = blob_of(1, 1, 1);
    struct buf again = {0};
    assert_int_equal(container_writer_block(writer, CODEC_STORED, "x", 1, 1, &blob, 1, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(container_writer_finish(writer, &again, name, &err), -1);
    container_writer_free(writer);
}

static void check_pack_blocks(struct container_opener *opener, const struct buf *object,
                              const struct container_directory *directory)
{
    struct error err = {0};
    struct buf plain = {0};
    for (uint32_t i = directory->block_count; i-- > 0;) {
        const struct container_block *block = &directory->blocks[i];
        assert_int_equal(container_opener_block(opener, i, block, object->data + block->offset, &plain, &err), 0);
        uint8_t expected[PACK_BLOCK_SIZE];
        memset(expected, (int)i, sizeof(expected));
        noise(expected, i % 2 * sizeof(expected), i);
        assert_int_equal(plain.size, sizeof(expected));
        assert_memory_equal(plain.data, expected, sizeof(expected));
        assert_int_equal(directory->blobs[3 * i + 1].size, 1);
        assert_int_equal(directory->blobs[3 * i + 2].type, 7);
        assert_int_equal(directory->blobs[3 * i + 2].id.bytes[19], i + 2);
    }
    buf_free(&plain);
}

static void packs_round_trip(void **state)
{
    (void)state;
    for (int verify = 0; verify < 2; verify++) {
        struct error err = {0};
        struct buf object = {0};
        struct hash name, expected;
        struct container_block blocks[PACK_BLOCKS];
        write_pack(verify == 1, &object, blocks, &name);
        assert_int_equal(sha256(object.data, object.size, expected.bytes, &err), 0);
        assert_true(hash_equal(&name, &expected));

        struct container_opener *opener = NULL;
        struct container_directory directory;
        assert_int_equal(container_opener_new(object.data, NULL, 0, secret, &opener, &err), 0);
        assert_int_equal(container_check_structure(opener, object.data, object.size, &directory, &err), 0);
        assert_int_equal(directory.object_size, object.size);
        assert_int_equal(directory.block_count, PACK_BLOCKS);
        assert_int_equal(directory.blob_count, 3 * PACK_BLOCKS);
        for (uint32_t i = 0; i < PACK_BLOCKS; i++) {
            assert_int_equal(directory.blocks[i].offset, blocks[i].offset);
            assert_int_equal(directory.blocks[i].sealed_size, blocks[i].sealed_size);
        }
        check_pack_blocks(opener, &object, &directory);
        container_directory_free(&directory);
        container_opener_free(opener);
        buf_free(&object);
    }
}

/* An old object's memory is taken over if it is long enough, and given back if not; what is written is the same. */
static void reserved_memory_is_used(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 10, 5000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct error err = {0};
        struct buf old = {0}, object = {0}, body = {0};
        struct hash name;
        struct bytes clear;
        struct container_writer *writer = NULL;
        uint8_t plain[300] = {7};
        assert_int_equal(buf_append_zeros(&old, sizes[i], &err), 0);
        const uint8_t *memory = old.data;
        assert_int_equal(container_writer_new(CONTAINER_RECORD, &tenant_key, "clear", 5, true, &writer, &err), 0);
        assert_int_equal(container_writer_reserve(writer, 4000, i > 0 ? &old : NULL, &err), 0);
        assert_null(old.data);
        assert_int_equal(container_writer_block(writer, CODEC_STORED, plain, 300, 300, NULL, 0, &err), 0);
        assert_int_equal(container_writer_finish(writer, &object, &name, &err), 0);
        if (sizes[i] >= 4000)
            assert_ptr_equal(object.data, memory);
        assert_int_equal(
            container_open_body(CONTAINER_RECORD, object.data, object.size, secret, 300, &body, &clear, &err), 0);
        assert_memory_equal(body.data, plain, 300);
        container_writer_free(writer);
        buf_free(&object);
        buf_free(&body);
    }
}

static void directory_is_read_from_a_tail(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf object = {0};
    struct hash name;
    struct container_block blocks[PACK_BLOCKS];
    write_pack(false, &object, blocks, &name);
    struct container_opener *opener = NULL;
    struct container_directory directory;
    size_t missing = 0, need = 80 + 16 + PACK_BLOCKS * 16 + 3 * PACK_BLOCKS * 24;
    const uint8_t *end = object.data + object.size;
    assert_int_equal(container_opener_new(object.data, NULL, 0, secret, &opener, &err), 0);
    const struct {
        size_t tail, missing;
    } rows[] = {{0, 80}, {79, 80}, {80, need}, {need - 1, need}, {need, 0}, {need + 1, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(container_directory_read(opener, 0, object.size, end - rows[i].tail, rows[i].tail, &directory,
                                                  &missing, &err),
                         0);
        assert_int_equal(missing, rows[i].missing);
        assert_int_equal(directory.block_count, missing == 0 ? PACK_BLOCKS : 0);
        container_directory_free(&directory);
    }
    /* The target says another length than the trailer. */
    assert_int_equal(
        container_directory_read(opener, 0, object.size + 64, end - need, need, &directory, &missing, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    container_opener_free(opener);
    buf_free(&object);
}

/* ---- What the writer refuses ---- */

static void writer_refuses(enum container_kind kind, enum container_codec codec, size_t payload, uint32_t plain,
                           const struct container_blob *blobs, uint32_t count)
{
    struct error err = {0};
    struct container_writer *writer = NULL;
    uint8_t bytes[64] = {0};
    struct buf out = {0};
    struct hash name;
    assert_int_equal(container_writer_new(kind, &tenant_key, NULL, 0, false, &writer, &err), 0);
    assert_int_equal(container_writer_block(writer, codec, bytes, payload, plain, blobs, count, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(container_writer_finish(writer, &out, &name, &err), -1);
    assert_null(out.data);
    container_writer_free(writer);
}

static void writer_refuses_what_no_reader_takes(void **state)
{
    (void)state;
    struct container_blob good = blob_of(1, 10, 1), meta = blob_of(1, 10, 2), none = blob_of(1, 0, 1),
                          odd = blob_of(1, 10, 8);
    writer_refuses(CONTAINER_PACK_DATA, CODEC_STORED, 10, 11, &good, 1);
    writer_refuses(CONTAINER_PACK_DATA, CODEC_STORED, 0, 0, &good, 1);
    writer_refuses(CONTAINER_PACK_DATA, CODEC_STORED, 11, 11, &good, 1);
    writer_refuses(CONTAINER_PACK_DATA, CODEC_STORED, 10, 10, NULL, 0);
    writer_refuses(CONTAINER_PACK_DATA, CODEC_STORED, 10, 10, &meta, 1);
    writer_refuses(CONTAINER_PACK_META, CODEC_STORED, 10, 10, &good, 1);
    writer_refuses(CONTAINER_PACK_MIXED, CODEC_STORED, 10, 10, &odd, 1);
    writer_refuses(CONTAINER_PACK_MIXED, CODEC_STORED, 10, 10, &none, 1);
    writer_refuses(CONTAINER_PACK_MIXED, (enum container_codec)2, 10, 10, &good, 1);
    writer_refuses(CONTAINER_SEGMENT, CODEC_STORED, 10, 10, &good, 1);
    writer_refuses(CONTAINER_SEGMENT, CODEC_ZSTD, 10, CONTAINER_BLOCK_MAX + 1, NULL, 0);
    writer_refuses(CONTAINER_SEGMENT, CODEC_ZSTD, CONTAINER_PAYLOAD_MAX + 1, 10, NULL, 0);
}

static void writer_refuses_wrong_headers(void **state)
{
    (void)state;
    struct error err = {0};
    struct container_writer *writer = NULL;
    struct container_key root_with_tid = root_key;
    root_with_tid.tid.bytes[3] = 1;
    const struct {
        enum container_kind kind;
        const struct container_key *key;
        size_t clear_size;
    } rows[] = {{(enum container_kind)0, &tenant_key, 0}, {(enum container_kind)10, &tenant_key, 0},
                {CONTAINER_PACK_DATA, &tenant_key, 1},    {CONTAINER_PACK_DATA, &root_key, 0},
                {CONTAINER_RECORD, &root_key, 0},         {CONTAINER_KEYS, &tenant_key, 0},
                {CONTAINER_SLOTS, &root_with_tid, 0},     {CONTAINER_RECORD, &tenant_key, CONTAINER_CLEAR_MAX + 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(container_writer_new(rows[i].kind, rows[i].key, "c", rows[i].clear_size, true, &writer, &err),
                         -1);
        assert_int_equal(err.class, ERROR_INTERNAL);
    }
    struct secret *brief = secret_new(16);
    struct container_key key = tenant_key;
    key.key = brief;
    assert_int_equal(container_writer_new(CONTAINER_RECORD, &key, NULL, 0, true, &writer, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    secret_free(brief);
}

static void verify_notices_what_went_wrong(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t header[CONTAINER_HEADER_SIZE] = {0}, commitment[CONTAINER_COMMITMENT_SIZE], sealed[100 + GCM_TAG_SIZE];
    uint8_t plain[100];
    struct container_session session;
    struct buf scratch = {0};
    noise(plain, sizeof(plain), 3);
    assert_int_equal(container_session_derive(&session, header, secret, commitment, &err), 0);
    assert_int_equal(container_session_bind(&session, header, NULL, 0, &err), 0);
    assert_int_equal(container_session_seal(&session, ROLE_BLOCK, 4, plain, 100, sealed, &err), 0);
    assert_int_equal(container_session_verify(&session, ROLE_BLOCK, 4, sealed, plain, 100, &scratch, &err), 0);
    plain[50] ^= 1;
    assert_int_equal(container_session_verify(&session, ROLE_BLOCK, 4, sealed, plain, 100, &scratch, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_true(err.hint[0] != '\0');
    plain[50] ^= 1;
    sealed[50] ^= 1;
    assert_int_equal(container_session_verify(&session, ROLE_BLOCK, 4, sealed, plain, 100, &scratch, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    container_session_clear(&session);
    buf_free(&scratch);
}

/* ---- Wrong keys, and the clear part ---- */

static void wrong_key_is_told_by_the_commitment(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf object = {0}, out = {0};
    struct hash name;
    struct bytes clear;
    struct container_opener *opener = NULL;
    assert_int_equal(container_seal_body(CONTAINER_RECORD, &tenant_key, "c", 1, "b", 1, &object, &name, &err), 0);
    struct secret *other = secret_dup(secret), *brief = secret_new(31);
    secret_bytes(other)[31] ^= 1;
    const struct secret *const wrong[] = {other, brief, NULL};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            container_open_body(CONTAINER_RECORD, object.data, object.size, wrong[i], 10, &out, &clear, &err), -1);
        assert_int_equal(err.class, ERROR_KEYS);
        assert_int_equal(container_opener_new(object.data, "c", 1, wrong[i], &opener, &err), -1);
        assert_int_equal(err.class, ERROR_KEYS);
    }
    secret_free(other);
    secret_free(brief);
    buf_free(&object);
    buf_free(&out);
}

static void clear_part_needs_no_key_but_is_bound(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf object = {0};
    struct hash name;
    struct bytes clear;
    struct container_header header;
    struct container_opener *opener = NULL;
    struct container_directory directory;
    assert_int_equal(container_seal_body(CONTAINER_ROSTER, &tenant_key, "roster", 6, NULL, 0, &object, &name, &err), 0);
    assert_int_equal(container_clear(object.data, object.size, &header, &clear, &err), 0);
    assert_int_equal(header.kind, CONTAINER_ROSTER);
    assert_true(id_equal(&header.tid, &tenant_key.tid) && id_equal(&header.key_id, &tenant_key.id));
    assert_int_equal(clear.size, 6);
    assert_memory_equal(clear.data, "roster", 6);

    assert_int_equal(container_opener_new(object.data, "roster", 5, secret, &opener, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(container_opener_new(object.data, "rosteR", 6, secret, &opener, &err), 0);
    assert_int_equal(container_check_structure(opener, object.data, object.size, &directory, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    object.data[128 + 5] = 'R'; /* now header and clear agree with the opener, and the tags do not */
    assert_int_equal(container_check_structure(opener, object.data, object.size, &directory, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    container_opener_free(opener);
    buf_free(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padme_table),
        cmocka_unit_test(layout_is_the_documented_one),
        cmocka_unit_test(bodies_round_trip),
        cmocka_unit_test(body_longer_than_allowed_is_refused),
        cmocka_unit_test(salts_differ),
        cmocka_unit_test(packs_round_trip),
        cmocka_unit_test(reserved_memory_is_used),
        cmocka_unit_test(directory_is_read_from_a_tail),
        cmocka_unit_test(writer_refuses_what_no_reader_takes),
        cmocka_unit_test(writer_refuses_wrong_headers),
        cmocka_unit_test(verify_notices_what_went_wrong),
        cmocka_unit_test(wrong_key_is_told_by_the_commitment),
        cmocka_unit_test(clear_part_needs_no_key_but_is_bound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
