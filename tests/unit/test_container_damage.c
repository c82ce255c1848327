/* Containers whose ends or headers lie, or whose bytes were damaged, are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container_forge.h"

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
