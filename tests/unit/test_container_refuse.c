/*
 * What a reader refuses: damaged bytes, and objects that are sealed correctly but say what is not so. The latter come
 * from a forge: a second writer, built from FORMAT.md §2 and the primitives alone, whose plaintexts can be bent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/container.h"

#include <zstd.h>

static struct secret *secret;

static int set_up(void **state)
{
    (void)state;
    secret_init();
    uint8_t bytes[KEY_SIZE];
    memset(bytes, 0x42, sizeof(bytes));
    secret = secret_copy(bytes, sizeof(bytes));
    return secret != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    secret_free(secret);
    return 0;
}

/* ---- The forge ---- */

enum { FORGE_BLOCKS = 2, FORGE_BLOBS = 4 };

struct forge {
    uint8_t kind;
    uint32_t block_count, blob_count;
    struct buf payloads[FORGE_BLOCKS];
    uint8_t rows[FORGE_BLOCKS * 16 + FORGE_BLOBS * 24 + 16];
    size_t rows_size;
    size_t pad_size;
    uint8_t pad_byte; /* the last byte of the padding */
    uint8_t trailer[64];
    struct buf object;
};

static uint8_t *block_row(struct forge *f, unsigned number)
{
    return f->rows + 16 * number;
}
static uint8_t *blob_row(struct forge *f, unsigned number)
{
    return f->rows + 16 * f->block_count + 24 * number;
}

/* 100 stored bytes and 5000 bytes of zstd, two blobs in each. */
static void forge_init(struct forge *f)
{
    struct error err = {0};
    uint8_t plain[5000];
    memset(plain, 'a', sizeof(plain));
    *f = (struct forge){.kind = CONTAINER_PACK_MIXED, .block_count = 2, .blob_count = 4};
    assert_int_equal(buf_append(&f->payloads[0], plain, 100, &err), 0);
    assert_int_equal(buf_reserve(&f->payloads[1], 6000, &err), 0);
    f->payloads[1].size = ZSTD_compress(f->payloads[1].data, 6000, plain, sizeof(plain), 3);
    static const uint32_t plain_sizes[] = {100, 5000}, blob_sizes[] = {60, 40, 2000, 3000};
    for (unsigned i = 0; i < 2; i++) {
        put_u32(block_row(f, i), (uint32_t)f->payloads[i].size + 16);
        put_u32(block_row(f, i) + 4, plain_sizes[i]);
        put_u32(block_row(f, i) + 8, 2);
        block_row(f, i)[12] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 4; i++) {
        memset(blob_row(f, i), (int)i, 20);
        put_u16(blob_row(f, i) + 20, (uint16_t)blob_sizes[i]);
        blob_row(f, i)[23] = (uint8_t)(i % 2 + 1);
    }
    f->rows_size = 2 * 16 + 4 * 24;
}

/* Padding and trailer as they follow from the blocks and the rows. */
static void forge_layout(struct forge *f)
{
    uint64_t pad_offset = 128;
    for (uint32_t i = 0; i < f->block_count; i++)
        pad_offset += f->payloads[i].size + 16;
    uint64_t bare = pad_offset + 16 + f->rows_size + 16 + 80;
    f->pad_size = (size_t)(container_padme(bare) - bare);
    put_u64(f->trailer, 128);
    put_u64(f->trailer + 8, pad_offset);
    put_u64(f->trailer + 16, pad_offset + f->pad_size + 16);
    put_u64(f->trailer + 24, f->rows_size + 16);
    put_u64(f->trailer + 32, container_padme(bare));
    put_u32(f->trailer + 40, f->block_count);
    put_u32(f->trailer + 44, f->blob_count);
}

static void forge_record(struct forge *f, struct gcm *gcm, const uint8_t hash[32], uint8_t role, uint8_t number,
                         const void *plain, size_t size)
{
    struct error err = {0};
    uint8_t nonce[12] = {role, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}, aad[41] = {0};
    memcpy(aad, hash, 32);
    aad[32] = role;
    aad[40] = number;
    assert_int_equal(buf_reserve(&f->object, size + 16, &err), 0);
    assert_int_equal(gcm_seal(gcm, nonce, aad, 41, plain, size, f->object.data + f->object.size, &err), 0);
    f->object.size += size + 16;
}

static void forge_seal(struct forge *f)
{
    struct error err = {0};
    uint8_t header[128] = {0x89, 'H', 'I', 'K', 'A', 'E', '\r', '\n', 1, 0, f->kind, 1, 0, 1};
    uint8_t info[56] = "hikae1 object", derived[64], hash[32];
    memset(header + 48, 0x5a, 32);
    memcpy(info + 16, header + 8, 40);
    assert_int_equal(hkdf_sha256(secret_borrow(secret), 32, header + 48, 32, info, 56, derived, 64, &err), 0);
    memcpy(header + 80, derived + 32, 32);
    assert_int_equal(sha256(header, sizeof(header), hash, &err), 0);
    assert_int_equal(buf_append(&f->object, header, sizeof(header), &err), 0);
    struct gcm *gcm = gcm_new();
    assert_int_equal(gcm_set_key(gcm, derived, &err), 0);
    for (uint32_t i = 0; i < f->block_count; i++)
        forge_record(f, gcm, hash, 0, (uint8_t)i, f->payloads[i].data, f->payloads[i].size);
    uint8_t *pad = mem_calloc(1, f->pad_size);
    if (f->pad_size > 0)
        pad[f->pad_size - 1] = f->pad_byte;
    forge_record(f, gcm, hash, 1, 0, pad, f->pad_size);
    forge_record(f, gcm, hash, 2, 0, f->rows, f->rows_size);
    forge_record(f, gcm, hash, 3, 0, f->trailer, 64);
    mem_free(pad);
    gcm_free(gcm);
}

static void forge_free(struct forge *f)
{
    buf_free(&f->payloads[0]);
    buf_free(&f->payloads[1]);
    buf_free(&f->object);
}

/* 0 if the structure and all blocks are taken; else -1, and err says why. */
static int read_pack(const uint8_t *object, size_t size, struct error *err)
{
    struct container_header header;
    struct bytes clear;
    struct container_opener *opener = NULL;
    struct container_directory directory = {0};
    struct buf plain = {0};
    int rc = container_clear(object, size, &header, &clear, err);
    if (rc == 0)
        rc = container_opener_new(object, clear.data, clear.size, secret, &opener, err);
    if (rc == 0)
        rc = container_check_structure(opener, object, size, &directory, err);
    for (uint32_t i = 0; rc == 0 && i < directory.block_count; i++) {
        rc = container_opener_block(opener, i, &directory.blocks[i], object + directory.blocks[i].offset, &plain, err);
        assert_int_equal(plain.size, rc == 0 ? directory.blocks[i].plain_size : 0);
    }
    container_directory_free(&directory);
    container_opener_free(opener);
    buf_free(&plain);
    return rc;
}

/* ---- Lies in the rows: everything else follows from them ---- */

static void nothing(struct forge *f)
{
    (void)f;
}
static void codec_unknown(struct forge *f)
{
    block_row(f, 1)[12] = 2;
}
static void dictionary_unknown(struct forge *f)
{
    block_row(f, 1)[13] = 1;
}
static void block_row_reserved(struct forge *f)
{
    block_row(f, 0)[15] = 1;
}
static void plain_size_zero(struct forge *f)
{
    put_u32(block_row(f, 1) + 4, 0);
}
static void plain_size_over_cap(struct forge *f)
{
    put_u32(block_row(f, 1) + 4, CONTAINER_BLOCK_MAX + 1);
}
static void plain_size_of_stored(struct forge *f)
{
    put_u32(block_row(f, 0) + 4, 99);
    blob_row(f, 0)[20] = 59;
}
static void plain_size_one_more(struct forge *f)
{
    put_u32(block_row(f, 1) + 4, 5001);
    put_u16(blob_row(f, 3) + 20, 3001);
}
static void plain_size_one_less(struct forge *f)
{
    put_u32(block_row(f, 1) + 4, 4999);
    put_u16(blob_row(f, 3) + 20, 2999);
}
static void sealed_size_too_small(struct forge *f)
{
    put_u32(block_row(f, 1), 16);
}
static void sealed_size_one_more(struct forge *f)
{
    put_u32(block_row(f, 1), get_u32(block_row(f, 1)) + 1);
}
static void sealed_size_one_less(struct forge *f)
{
    put_u32(block_row(f, 1), get_u32(block_row(f, 1)) - 1);
}
static void sealed_size_huge(struct forge *f)
{
    put_u32(block_row(f, 1), UINT32_MAX);
}
static void border_moved(struct forge *f)
{
    block_row(f, 0)[12] = 1;
    put_u32(block_row(f, 0), get_u32(block_row(f, 0)) + 1);
    put_u32(block_row(f, 1), get_u32(block_row(f, 1)) - 1);
}
static void blob_counts_too_many(struct forge *f)
{
    put_u32(block_row(f, 1) + 8, 3);
}
static void blob_counts_too_few(struct forge *f)
{
    put_u32(block_row(f, 1) + 8, 1);
}
static void blob_counts_overflow(struct forge *f)
{
    put_u32(block_row(f, 0) + 8, UINT32_MAX);
    put_u32(block_row(f, 1) + 8, 5);
}
static void blob_count_none(struct forge *f)
{
    put_u32(block_row(f, 0) + 8, 0);
    put_u32(block_row(f, 1) + 8, 4);
}
static void blob_sum(struct forge *f)
{
    blob_row(f, 0)[20]++;
}
static void blob_sums_exchanged(struct forge *f)
{
    put_u32(block_row(f, 0) + 8, 1);
    put_u32(block_row(f, 1) + 8, 3);
}
static void blob_empty(struct forge *f)
{
    blob_row(f, 0)[20] = 0;
    blob_row(f, 1)[20] = 100;
}
static void blob_type_zero(struct forge *f)
{
    blob_row(f, 0)[23] = 0;
}
static void blob_type_unknown(struct forge *f)
{
    blob_row(f, 3)[23] = 8;
}
static void metadata_in_data_pack(struct forge *f)
{
    f->kind = CONTAINER_PACK_DATA;
}
static void data_in_metadata_pack(struct forge *f)
{
    f->kind = CONTAINER_PACK_META;
}
static void blobs_in_segment(struct forge *f)
{
    f->kind = CONTAINER_SEGMENT;
}
static void directory_too_long(struct forge *f)
{
    f->rows_size += 8;
}
static void block_count_lies(struct forge *f)
{
    /* 3 × 16 + 2 × 24 bytes would be as long as 2 × 24 and 3 × 16; 48 bytes are 3 blocks or 2 blobs. */
    f->blob_count -= 2;
    f->rows_size -= 48;
    put_u32(block_row(f, 1) + 8, 1);
}

/* Frames of block 1. */
static void set_frame(struct forge *f, size_t frame_size)
{
    f->payloads[1].size = frame_size;
    put_u32(block_row(f, 1), (uint32_t)frame_size + 16);
}
static void frame_bomb(struct forge *f)
{
    size_t size = (size_t)64 << 20;
    uint8_t *plain = mem_calloc(1, size);
    struct error err = {0};
    assert_int_equal(buf_reserve(&f->payloads[1], 100000, &err), 0);
    set_frame(f, ZSTD_compress(f->payloads[1].data, f->payloads[1].capacity, plain, size, 3));
    mem_free(plain);
}
static void frame_bomb_that_lies(struct forge *f)
{
    frame_bomb(f);
    /* The frame's content size is 4 bytes behind magic and descriptor (RFC 8878, 3.1.1.1) and a window byte. */
    uint8_t *frame = f->payloads[1].data;
    size_t at = (frame[4] & 0x20) != 0 ? 5 : 6;
    assert_int_equal(frame[4] >> 6, 2);
    assert_int_equal(get_u32(frame + at), 64 << 20);
    put_u32(frame + at, 5000);
}
static void frame_of_other_size(struct forge *f)
{
    uint8_t plain[4000] = {0};
    set_frame(f, ZSTD_compress(f->payloads[1].data, f->payloads[1].capacity, plain, sizeof(plain), 3));
}
static void frame_without_size(struct forge *f)
{
    uint8_t plain[5000] = {0};
    ZSTD_CCtx *cctx = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_contentSizeFlag, 0);
    set_frame(f, ZSTD_compress2(cctx, f->payloads[1].data, f->payloads[1].capacity, plain, sizeof(plain)));
    (void)ZSTD_freeCCtx(cctx);
}
static void frame_twice(struct forge *f)
{
    uint8_t plain[5000] = {0};
    uint8_t *out = f->payloads[1].data;
    size_t room = f->payloads[1].capacity;
    size_t first = ZSTD_compress(out, room, plain, 5000, 3);
    set_frame(f, first + ZSTD_compress(out + first, room - first, plain, 0, 3));
}
static void frame_with_a_tail(struct forge *f)
{
    f->payloads[1].data[f->payloads[1].size] = 0;
    set_frame(f, f->payloads[1].size + 1);
}
static void frame_cut(struct forge *f)
{
    set_frame(f, f->payloads[1].size - 1);
}
static void frame_skippable(struct forge *f)
{
    put_u32(f->payloads[1].data, ZSTD_MAGIC_SKIPPABLE_START);
    put_u32(f->payloads[1].data + 4, 5000);
    memset(f->payloads[1].data + 8, 0, 5000);
    set_frame(f, 5008);
}
static void frame_is_junk(struct forge *f)
{
    memset(f->payloads[1].data + 8, 0xff, f->payloads[1].size - 8);
}
static void frame_has_no_magic(struct forge *f)
{
    f->payloads[1].data[0] ^= 1;
}
static void frame_of_one_byte(struct forge *f)
{
    set_frame(f, 1);
}

static const struct {
    const char *name;
    void (*bend)(struct forge *);
} row_lies[] = {
#define LIE(function)                                                                                                  \
    {                                                                                                                  \
#function, function                                                                                            \
    }
    LIE(codec_unknown),         LIE(dictionary_unknown),
    LIE(block_row_reserved),    LIE(plain_size_zero),
    LIE(plain_size_over_cap),   LIE(plain_size_of_stored),
    LIE(plain_size_one_more),   LIE(plain_size_one_less),
    LIE(sealed_size_too_small), LIE(sealed_size_one_more),
    LIE(sealed_size_one_less),  LIE(sealed_size_huge),
    LIE(border_moved),          LIE(blob_counts_too_many),
    LIE(blob_counts_too_few),   LIE(blob_counts_overflow),
    LIE(blob_count_none),       LIE(blob_sum),
    LIE(blob_sums_exchanged),   LIE(blob_empty),
    LIE(blob_type_zero),        LIE(blob_type_unknown),
    LIE(metadata_in_data_pack), LIE(data_in_metadata_pack),
    LIE(blobs_in_segment),      LIE(directory_too_long),
    LIE(block_count_lies),      LIE(frame_bomb),
    LIE(frame_bomb_that_lies),  LIE(frame_of_other_size),
    LIE(frame_without_size),    LIE(frame_twice),
    LIE(frame_with_a_tail),     LIE(frame_cut),
    LIE(frame_skippable),       LIE(frame_is_junk),
    LIE(frame_has_no_magic),    LIE(frame_of_one_byte),
};

static int forge_and_read(void (*before)(struct forge *), void (*after)(struct forge *), struct error *err)
{
    struct forge f;
    forge_init(&f);
    before(&f);
    forge_layout(&f);
    after(&f);
    forge_seal(&f);
    int rc = read_pack(f.object.data, f.object.size, err);
    forge_free(&f);
    return rc;
}

static void forged_rows_are_refused(void **state)
{
    (void)state;
    struct error err = {0};
    /* The forge agrees with the reader when nothing is bent. */
    assert_int_equal(forge_and_read(nothing, nothing, &err), 0);
    for (size_t i = 0; i < sizeof(row_lies) / sizeof(row_lies[0]); i++) {
        error_clear(&err);
        if (forge_and_read(row_lies[i].bend, nothing, &err) == 0)
            fail_msg("%s was taken", row_lies[i].name);
        if (err.class != ERROR_DAMAGED)
            fail_msg("%s: %s", row_lies[i].name, err.what);
    }
}

/* ---- Lies in trailer and padding ---- */

static void padding_not_zero(struct forge *f)
{
    assert_true(f->pad_size > 0);
    f->pad_byte = 1;
}
static void move_end(struct forge *f, int64_t by)
{
    f->pad_size = (size_t)((int64_t)f->pad_size + by);
    put_u64(f->trailer + 16, get_u64(f->trailer + 16) + (uint64_t)by);
    put_u64(f->trailer + 32, get_u64(f->trailer + 32) + (uint64_t)by);
}
static void padding_longer(struct forge *f)
{
    move_end(f, 1);
}
static void padding_shorter(struct forge *f)
{
    move_end(f, -1);
}
static void padding_to_the_next_length(struct forge *f)
{
    uint64_t size = get_u64(f->trailer + 32);
    move_end(f, (int64_t)(container_padme(size + 1) - size));
}
static void directory_behind_end(struct forge *f)
{
    put_u64(f->trailer + 24, UINT64_MAX - 15);
}
static void blob_count_wraps(struct forge *f)
{
    put_u32(f->trailer + 40, 0);
    put_u32(f->trailer + 44, UINT32_MAX);
}

static const struct {
    const char *name;
    void (*bend)(struct forge *);
} end_lies[] = {
    LIE(padding_not_zero),           LIE(padding_longer),       LIE(padding_shorter),
    LIE(padding_to_the_next_length), LIE(directory_behind_end), LIE(blob_count_wraps),
};

static void forged_ends_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(end_lies) / sizeof(end_lies[0]); i++) {
        struct error err = {0};
        if (forge_and_read(nothing, end_lies[i].bend, &err) == 0)
            fail_msg("%s was taken", end_lies[i].name);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
}

static void every_field_of_the_trailer_is_checked(void **state)
{
    (void)state;
    for (size_t at = 0; at < 64; at++) {
        for (unsigned j = 0; j < 3; j++) {
            static const uint8_t changes[] = {1, 0x80, 0xff};
            struct error err = {0};
            struct forge f;
            forge_init(&f);
            forge_layout(&f);
            f.trailer[at] ^= changes[j];
            forge_seal(&f);
            if (read_pack(f.object.data, f.object.size, &err) == 0)
                fail_msg("byte %zu of the trailer may be anything", at);
            assert_int_equal(err.class, ERROR_DAMAGED);
            forge_free(&f);
        }
    }
}

/* ---- Damaged bytes ---- */

static void seal_sample(struct buf *object, enum container_kind kind, const char *body)
{
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .key = secret};
    struct error err = {0};
    struct hash name;
    bool pack = container_is_pack(kind);
    if (!pack) {
        assert_int_equal(container_seal_body(kind, &key, "clear part", 10, body, strlen(body), object, &name, &err), 0);
        return;
    }
    struct container_writer *writer = NULL;
    assert_int_equal(container_writer_new(kind, &key, NULL, 0, true, &writer, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        struct container_blob blob = {.size = (uint32_t)strlen(body), .type = 1};
        assert_int_equal(container_writer_block(writer, CODEC_STORED, body, blob.size, blob.size, &blob, 1, &err), 0);
    }
    assert_int_equal(container_writer_finish(writer, object, &name, &err), 0);
    container_writer_free(writer);
}

static int read_body(const uint8_t *object, size_t size, struct error *err)
{
    struct buf out = {0};
    struct bytes clear;
    int rc = container_open_body(CONTAINER_RECORD, object, size, secret, 1 << 20, &out, &clear, err);
    assert_int_equal(out.size > 0, rc == 0);
    buf_free(&out);
    return rc;
}

static void any_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct buf record = {0}, pack = {0};
    seal_sample(&record, CONTAINER_RECORD, "the body of a record");
    seal_sample(&pack, CONTAINER_PACK_DATA, "the block of a pack");
    for (unsigned bit = 0; bit < 8; bit++) {
        for (size_t i = 0; i < record.size + pack.size; i++) {
            struct error err = {0};
            uint8_t *byte = i < record.size ? record.data + i : pack.data + (i - record.size);
            *byte ^= (uint8_t)(1U << bit);
            int rc =
                i < record.size ? read_body(record.data, record.size, &err) : read_pack(pack.data, pack.size, &err);
            *byte ^= (uint8_t)(1U << bit);
            assert_int_equal(rc, -1);
            size_t at = i < record.size ? i : i - record.size;
            /* Kind, tid, key id, salt, commitment: nothing tells a changed one from another key's. */
            bool key = at >= 16 && at < 112;
            if (at != 10)
                assert_int_equal(err.class, key ? ERROR_KEYS : ERROR_DAMAGED);
            else
                assert_true(err.class == ERROR_KEYS || err.class == ERROR_DAMAGED);
        }
    }
    struct error err = {0};
    assert_int_equal(read_body(record.data, record.size, &err), 0);
    assert_int_equal(read_pack(pack.data, pack.size, &err), 0);
    buf_free(&record);
    buf_free(&pack);
}

static void cut_and_longer_objects_are_refused(void **state)
{
    (void)state;
    struct buf object = {0};
    struct error err = {0};
    seal_sample(&object, CONTAINER_RECORD, "the body of a record");
    for (size_t size = 0; size < object.size; size++) {
        uint8_t *exact = mem_dup(object.data, size); /* so that AddressSanitizer sees a read past the end */
        assert_int_equal(read_body(exact, size, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        mem_free(exact);
    }
    size_t size = object.size;
    assert_int_equal(buf_append_zeros(&object, 600, &err), 0);
    for (size_t more = 1; more <= 600; more++) {
        assert_int_equal(read_body(object.data, size + more, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
    assert_int_equal(read_body(object.data, size, &err), 0);
    buf_free(&object);
}

static void blocks_do_not_change_places(void **state)
{
    (void)state;
    struct buf one = {0}, two = {0};
    struct error err = {0};
    seal_sample(&one, CONTAINER_PACK_DATA, "nineteen bytes here");
    seal_sample(&two, CONTAINER_PACK_DATA, "nineteen bytes here");
    enum { SEALED = 19 + 16 };
    uint8_t *first = one.data + 128, saved[SEALED];
    memcpy(saved, first, SEALED);
    memcpy(first, first + SEALED, SEALED); /* a block of the same object, again */
    assert_int_equal(read_pack(one.data, one.size, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    memcpy(first + SEALED, saved, SEALED); /* two blocks swapped */
    assert_int_equal(read_pack(one.data, one.size, &err), -1);
    memcpy(first + SEALED, first, SEALED); /* as it was */
    memcpy(first, saved, SEALED);
    assert_int_equal(read_pack(one.data, one.size, &err), 0);
    memcpy(first, two.data + 128, SEALED); /* the same block of an object under the same key */
    assert_int_equal(read_pack(one.data, one.size, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    memcpy(first, saved, SEALED);
    memcpy(one.data + one.size - 80, two.data + two.size - 80, 80); /* its trailer */
    assert_int_equal(read_pack(one.data, one.size, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    buf_free(&one);
    buf_free(&two);
}

/* A block's row that does not come from a directory (a cache of the index) is held to the same rules. */
static void blocks_are_checked_without_a_directory(void **state)
{
    (void)state;
    struct forge f;
    forge_init(&f);
    forge_layout(&f);
    forge_seal(&f);
    struct error err = {0};
    struct buf plain = {0};
    struct container_opener *opener = NULL;
    assert_int_equal(container_opener_new(f.object.data, NULL, 0, secret, &opener, &err), 0);
    const struct container_block good = {.offset = 128, .sealed_size = 116, .plain_size = 100, .blob_count = 2};
    struct container_block bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].sealed_size = 15;
    bad[1].plain_size = 99;
    bad[2].codec = 7;
    bad[3].codec = CODEC_ZSTD;
    bad[4].sealed_size = 0;
    bad[5].plain_size = UINT32_MAX;
    assert_int_equal(container_opener_block(opener, 0, &good, f.object.data + 128, &plain, &err), 0);
    assert_int_equal(plain.size, 100);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(container_opener_block(opener, 0, &bad[i], f.object.data + 128, &plain, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        assert_int_equal(plain.size, 0);
    }
    assert_int_equal(container_opener_block(opener, 1, &good, f.object.data + 128, &plain, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    container_opener_free(opener);
    buf_free(&plain);
    forge_free(&f);
}

/* ---- Header ---- */

static void every_field_of_the_header_is_checked(void **state)
{
    (void)state;
    static const struct {
        uint8_t offset, value;
        bool fine;
    } rows[] = {
        {0, 0x88, false}, {7, 0, false},                     /* magic */
        {8, 0, false},    {8, 2, false},   {9, 1, false},    /* version */
        {10, 0, false},   {10, 10, false}, {10, 255, false}, /* kind */
        {10, 1, true},    {10, 5, true},   {10, 9, true},    {10, 7, false}, {10, 8, false},  {11, 0, false},
        {11, 2, false},                                    /* suite */
        {12, 1, false},   {12, 2, false},  {12, 3, false}, /* key kind; 2 does not go with a record */
        {13, 0, false},   {13, 2, false},                  /* KDF */
        {14, 1, false},   {15, 1, false},                  /* reserved */
        {16, 9, true},    {47, 9, true},   {79, 9, true},    {111, 9, true}, {112, 9, false}, /* a pack has no clear
                                                                                                 part; see below */
        {115, 1, false},  {119, 1, false},                                                    /* clear length */
        {120, 1, false},  {127, 1, false},                                                    /* reserved */
    };
    uint8_t header[128] = {0x89, 'H', 'I', 'K', 'A', 'E', '\r', '\n', 1, 0, CONTAINER_PACK_MIXED, 1, 0, 1};
    struct container_header fields;
    struct error err = {0};
    assert_int_equal(container_header_parse(header, &fields, &err), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t saved = header[rows[i].offset];
        header[rows[i].offset] = rows[i].value;
        assert_int_equal(container_header_parse(header, &fields, &err), rows[i].fine ? 0 : -1);
        if (!rows[i].fine)
            assert_int_equal(err.class, ERROR_DAMAGED);
        header[rows[i].offset] = saved;
    }
    header[10] = CONTAINER_RECORD;
    put_u64(header + 112, CONTAINER_CLEAR_MAX);
    assert_int_equal(container_header_parse(header, &fields, &err), 0);
    assert_int_equal(fields.clear_size, CONTAINER_CLEAR_MAX);
    put_u64(header + 112, CONTAINER_CLEAR_MAX + 1);
    assert_int_equal(container_header_parse(header, &fields, &err), -1);
    put_u64(header + 112, 0);
    header[10] = CONTAINER_KEYS; /* a keystore entry: root key, no tenant */
    header[12] = CONTAINER_KEY_ROOT;
    assert_int_equal(container_header_parse(header, &fields, &err), 0);
    header[31] = 1;
    assert_int_equal(container_header_parse(header, &fields, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_rows_are_refused),
        cmocka_unit_test(forged_ends_are_refused),
        cmocka_unit_test(every_field_of_the_trailer_is_checked),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(cut_and_longer_objects_are_refused),
        cmocka_unit_test(blocks_do_not_change_places),
        cmocka_unit_test(blocks_are_checked_without_a_directory),
        cmocka_unit_test(every_field_of_the_header_is_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
