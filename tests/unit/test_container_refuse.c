/*
 * What a reader refuses: damaged bytes, and objects that are sealed correctly but say what is not so. The latter come
 * from a forge: a second writer, built from FORMAT.md §2 and the primitives alone, whose plaintexts can be bent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container_forge.h"

/* ---- Lies in the rows: everything else follows from them ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
