/* Segments: encoding, sorting, and what the parser refuses. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/container.h"
#include "repo/segment.h"

#include <stdlib.h>

/* Offsets in a body, from FORMAT.md §4. */
enum { HEAD = 16, PACK_ROW = 176, BLOCK_ROW = 16, ENTRY_ROW = 32 };

static uint64_t next(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void header_of(uint8_t header[CONTAINER_HEADER_SIZE], enum container_kind kind)
{
    static const uint8_t start[16] = {0x89, 'H', 'I', 'K', 'A', 'E', '\r', '\n', 1, 0, 0, 1, 0, 1, 0, 0};
    memset(header, 0, CONTAINER_HEADER_SIZE);
    memcpy(header, start, sizeof(start));
    header[10] = (uint8_t)kind;
    memset(header + 16, 0x5a, 96);
}

/* A pack of `block_count` stored blocks with `per_block` blobs each, of ids that `seed` gives. */
struct sample {
    struct pack_info pack;
    struct container_blob *blobs;
    uint32_t blob_count;
};

static struct sample sample_new(uint64_t seed, uint32_t block_count, uint32_t per_block, enum container_kind kind)
{
    struct sample sample = {.blob_count = block_count * per_block};
    sample.blobs = mem_calloc(sample.blob_count, sizeof(*sample.blobs));
    sample.pack.blocks = mem_calloc(block_count, sizeof(*sample.pack.blocks));
    sample.pack.block_count = block_count;
    memset(sample.pack.name.bytes, (int)seed, HASH_SIZE);
    header_of(sample.pack.header, kind);
    uint64_t offset = CONTAINER_HEADER_SIZE;
    for (uint32_t i = 0; i < block_count; i++) {
        uint32_t size = 0;
        for (uint32_t j = 0; j < per_block; j++) {
            struct container_blob *blob = &sample.blobs[i * per_block + j];
            for (size_t k = 0; k < BLOB_ID_SIZE; k++)
                blob->id.bytes[k] = (uint8_t)(next(&seed) >> 13);
            blob->size = 1 + (uint32_t)(next(&seed) % 900);
            blob->type = kind == CONTAINER_PACK_META ? BLOB_NAMES : BLOB_CONTENT;
            size += blob->size;
        }
        sample.pack.blocks[i] = (struct container_block){
            .offset = offset, .sealed_size = size + GCM_TAG_SIZE, .plain_size = size, .blob_count = per_block};
        offset += size + GCM_TAG_SIZE;
    }
    sample.pack.size = container_padme(offset + 16 + block_count * 16 + sample.blob_count * 24 + 16 + 80);
    return sample;
}

static void sample_free(struct sample *sample)
{
    pack_info_free(&sample->pack);
    mem_free(sample->blobs);
}

static void add(struct segment_builder *builder, const struct sample *sample)
{
    struct error err = {0};
    assert_int_equal(segment_builder_add(builder, &sample->pack, sample->blobs, sample->blob_count, &err), 0);
}

/* ---- Round trips ---- */

static int compare_blobs(const void *a, const void *b)
{
    const struct container_blob *x = a, *y = b;
    return blob_id_compare(&x->id, &y->id);
}

static void check_segment(const struct segment *segment, const struct sample *samples, uint32_t count)
{
    uint32_t total = 0, block = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pack_info *pack = &segment->packs[i];
        assert_true(hash_equal(&pack->name, &samples[i].pack.name));
        assert_int_equal(pack->size, samples[i].pack.size);
        assert_memory_equal(pack->header, samples[i].pack.header, CONTAINER_HEADER_SIZE);
        assert_int_equal(pack->block_count, samples[i].pack.block_count);
        assert_int_equal(segment->first_block[i], block);
        for (uint32_t j = 0; j < pack->block_count; j++, block++) {
            uint32_t in_pack = UINT32_MAX;
            assert_int_equal(segment_pack_of_block(segment, block, &in_pack), i);
            assert_int_equal(in_pack, j);
            assert_int_equal(pack->blocks[j].offset, samples[i].pack.blocks[j].offset);
            assert_int_equal(pack->blocks[j].plain_size, samples[i].pack.blocks[j].plain_size);
        }
        total += samples[i].blob_count;
    }
    assert_int_equal(segment->entry_count, total);
    assert_int_equal(segment->block_count, block);
}

/* Every blob is found at its place, and entries are in the order that a plain sort gives. */
static void check_entries(const struct segment *segment, const struct sample *samples, uint32_t count)
{
    struct container_blob *all = mem_calloc(segment->entry_count, sizeof(*all));
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(all + filled, samples[i].blobs, samples[i].blob_count * sizeof(*all));
        filled += samples[i].blob_count;
    }
    qsort(all, filled, sizeof(*all), compare_blobs);
    for (uint32_t i = 0; i < filled; i++) {
        struct segment_entry entry = segment_entry_at(segment, i);
        assert_true(blob_id_equal(&entry.id, &all[i].id));
        assert_int_equal(entry.size, all[i].size);
        assert_int_equal(entry.type, all[i].type);
        uint32_t block = 0, offset = 0;
        const struct sample *sample = &samples[segment_pack_of_block(segment, entry.block, &block)];
        uint32_t number = 0;
        for (uint32_t b = 0; b < block; b++)
            number += sample->pack.blocks[b].blob_count;
        for (; offset < entry.offset; number++)
            offset += sample->blobs[number].size;
        assert_int_equal(offset, entry.offset);
        assert_true(blob_id_equal(&sample->blobs[number].id, &entry.id));
    }
    mem_free(all);
}

static void round_trip(uint32_t pack_count, uint32_t blocks, uint32_t per_block, uint32_t superseded_count)
{
    struct error err = {0};
    struct sample samples[8];
    struct hash superseded[3];
    struct segment_builder *builder = segment_builder_new();
    struct buf out = {0};
    uint32_t entries = 0;
    memset(superseded, 0x77, sizeof(superseded));
    for (uint32_t i = 0; i < pack_count; i++) {
        samples[i] = sample_new(i + 1, blocks, per_block, CONTAINER_PACK_DATA + i % 3);
        add(builder, &samples[i]);
        entries += samples[i].blob_count;
    }
    assert_int_equal(segment_builder_packs(builder), pack_count);
    assert_int_equal(segment_builder_entries(builder), entries);
    assert_int_equal(buf_append(&out, "before", 6, &err), 0);
    assert_int_equal(segment_builder_encode(builder, superseded, superseded_count, &out, &err), 0);
    assert_int_equal(segment_builder_packs(builder), 0);
    assert_int_equal(segment_builder_entries(builder), 0);
    assert_int_equal(out.size, 6 + HEAD + superseded_count * 32 + pack_count * PACK_ROW +
                                   pack_count * blocks * BLOCK_ROW + entries * ENTRY_ROW);

    struct segment segment;
    assert_int_equal(segment_parse(out.data + 6, out.size - 6, &segment, &err), 0);
    assert_int_equal(segment.pack_count, pack_count);
    assert_int_equal(segment.superseded_count, superseded_count);
    assert_memory_equal(segment.superseded, superseded, superseded_count * sizeof(*superseded));
    check_segment(&segment, samples, pack_count);
    check_entries(&segment, samples, pack_count);
    segment_clear(&segment);
    for (uint32_t i = 0; i < pack_count; i++)
        sample_free(&samples[i]);
    segment_builder_free(builder);
    buf_free(&out);
}

static void segments_round_trip(void **state)
{
    (void)state;
    round_trip(0, 0, 0, 0);
    round_trip(0, 0, 0, 3);
    round_trip(1, 1, 1, 0);
    round_trip(1, 3, 17, 1);
    round_trip(8, 5, 40, 2);
    round_trip(3, 60, 100, 0);
}

static void ids_that_are_not_spread_are_sorted_too(void **state)
{
    (void)state;
    struct error err = {0};
    struct sample sample = sample_new(9, 50, 40, CONTAINER_PACK_DATA);
    for (uint32_t i = 0; i < sample.blob_count; i++)
        memset(sample.blobs[i].id.bytes, 0, BLOB_ID_SIZE - 1 - i % 2);
    struct segment_builder *builder = segment_builder_new();
    struct buf one = {0}, two = {0};
    struct segment segment;
    add(builder, &sample);
    assert_int_equal(segment_builder_encode(builder, NULL, 0, &one, &err), 0);
    assert_int_equal(segment_parse(one.data, one.size, &segment, &err), 0);
    /* The same blob stored twice: both places stay, in their order. */
    for (uint32_t i = 1; i < segment.entry_count; i++) {
        struct segment_entry a = segment_entry_at(&segment, i - 1), b = segment_entry_at(&segment, i);
        int order = blob_id_compare(&a.id, &b.id);
        assert_true(order <= 0);
        if (order == 0)
            assert_true(a.block < b.block || (a.block == b.block && a.offset < b.offset));
    }
    segment_clear(&segment);
    add(builder, &sample);
    assert_int_equal(segment_builder_encode(builder, NULL, 0, &two, &err), 0);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
    sample_free(&sample);
    segment_builder_free(builder);
    buf_free(&one);
    buf_free(&two);
}

static void pack_infos_are_copied_deeply(void **state)
{
    (void)state;
    struct error err = {0};
    struct sample sample = sample_new(3, 4, 5, CONTAINER_PACK_DATA);
    struct pack_info copy;
    assert_int_equal(pack_info_copy(&copy, &sample.pack, &err), 0);
    assert_ptr_not_equal(copy.blocks, sample.pack.blocks);
    assert_memory_equal(copy.blocks, sample.pack.blocks, 4 * sizeof(*copy.blocks));
    assert_int_equal(copy.block_count, 4);
    assert_true(hash_equal(&copy.name, &sample.pack.name));
    pack_info_free(&copy);
    assert_null(copy.blocks);
    sample_free(&sample);
}

/* ---- What the builder refuses ---- */

static void builder_refuses(void (*spoil)(struct sample *))
{
    struct error err = {0};
    struct sample sample = sample_new(4, 2, 3, CONTAINER_PACK_DATA);
    struct segment_builder *builder = segment_builder_new();
    add(builder, &sample);
    spoil(&sample);
    assert_int_equal(segment_builder_add(builder, &sample.pack, sample.blobs, sample.blob_count, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(segment_builder_packs(builder), 1);
    assert_int_equal(segment_builder_entries(builder), 6);
    segment_builder_free(builder);
    sample_free(&sample);
}

static void blob_too_few(struct sample *sample)
{
    sample->blob_count--;
}
static void blob_too_long(struct sample *sample)
{
    sample->blobs[5].size++;
}
static void blob_too_short(struct sample *sample)
{
    sample->blobs[0].size++;
    sample->blobs[1].size--;
    sample->blobs[2].size--;
}
static void blob_of_other_type(struct sample *sample)
{
    sample->blobs[2].type = BLOB_INNER;
}
static void block_elsewhere(struct sample *sample)
{
    sample->pack.blocks[1].offset++;
}
static void block_of_unknown_codec(struct sample *sample)
{
    sample->pack.blocks[1].codec = 9;
}
static void pack_too_short(struct sample *sample)
{
    sample->pack.size = 300;
}
static void pack_of_no_pack(struct sample *sample)
{
    sample->pack.header[10] = CONTAINER_SEGMENT;
}
static void pack_without_header(struct sample *sample)
{
    memset(sample->pack.header, 0, CONTAINER_HEADER_SIZE);
}

static void builder_refuses_what_no_reader_takes(void **state)
{
    (void)state;
    void (*const spoilers[])(struct sample *) = {blob_too_few,       blob_too_long,   blob_too_short,
                                                 blob_of_other_type, block_elsewhere, block_of_unknown_codec,
                                                 pack_too_short,     pack_of_no_pack, pack_without_header};
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++)
        builder_refuses(spoilers[i]);
}

static void builder_refuses_too_many_entries(void **state)
{
    (void)state;
    struct error err = {0};
    struct sample sample = sample_new(5, 64, 1024, CONTAINER_PACK_DATA);
    struct segment_builder *builder = segment_builder_new();
    for (uint32_t i = 0; i < SEGMENT_ENTRIES_MAX / sample.blob_count; i++)
        add(builder, &sample);
    assert_int_equal(segment_builder_entries(builder), SEGMENT_ENTRIES_MAX);
    assert_int_equal(segment_builder_add(builder, &sample.pack, sample.blobs, sample.blob_count, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(segment_builder_entries(builder), SEGMENT_ENTRIES_MAX);
    segment_builder_free(builder);
    sample_free(&sample);
}

/* ---- What the parser refuses ---- */

/* Two packs (data, meta) of 2 blocks with 3 blobs, one superseded segment. */
enum {
    AT_PACKS = HEAD + 32,
    AT_BLOCKS = AT_PACKS + 2 * PACK_ROW,
    AT_ENTRIES = AT_BLOCKS + 4 * BLOCK_ROW,
    BODY_SIZE = AT_ENTRIES + 12 * ENTRY_ROW
};

static void encode_sample(struct buf *out)
{
    struct error err = {0};
    struct sample one = sample_new(1, 2, 3, CONTAINER_PACK_DATA), two = sample_new(2, 2, 3, CONTAINER_PACK_META);
    struct hash superseded = {{1}};
    struct segment_builder *builder = segment_builder_new();
    add(builder, &one);
    add(builder, &two);
    assert_int_equal(segment_builder_encode(builder, &superseded, 1, out, &err), 0);
    assert_int_equal(out->size, BODY_SIZE);
    segment_builder_free(builder);
    sample_free(&one);
    sample_free(&two);
}

static void refuse(const uint8_t *body, size_t size)
{
    struct error err = {0};
    struct segment segment;
    assert_int_equal(segment_parse(body, size, &segment, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_null(segment.packs);
    assert_null(segment.blocks);
}

static void wrong_fields_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset, size;
        uint32_t value;
    } rows[] = {
        {0, 4, 1},
        {0, 4, 3},
        {0, 4, UINT32_MAX}, /* pack count */
        {4, 4, 3},
        {4, 4, 5},
        {4, 4, UINT32_MAX}, /* block count */
        {8, 4, 11},
        {8, 4, 13},
        {8, 4, UINT32_MAX}, /* entry count */
        {12, 4, 0},
        {12, 4, 2},
        {12, 4, UINT32_MAX},     /* superseded */
        {AT_PACKS + 32, 4, 100}, /* object too short */
        {AT_PACKS + 36, 4, 1},   /* object of more than 4 GiB */
        {AT_PACKS + 40, 4, 1},   /* number of blocks */
        {AT_PACKS + 40, 4, 3},
        {AT_PACKS + 40, 4, UINT32_MAX},
        {AT_PACKS + PACK_ROW + 40, 4, 1},
        {AT_PACKS + PACK_ROW + 40, 4, 3},
        {AT_PACKS + 44, 4, 1},       /* reserved */
        {AT_PACKS + 48, 1, 0},       /* magic */
        {AT_PACKS + 48 + 8, 1, 2},   /* version */
        {AT_PACKS + 48 + 10, 1, 2},  /* kind: these blobs are content */
        {AT_PACKS + 48 + 10, 1, 4},  /* kind: no pack */
        {AT_PACKS + 48 + 112, 1, 1}, /* clear length */
        {AT_BLOCKS, 4, 16},          /* sealed length */
        {AT_BLOCKS, 4, UINT32_MAX},
        {AT_BLOCKS + 4, 4, 0}, /* plain length */
        {AT_BLOCKS + 4, 4, (4 << 20) + 1},
        {AT_BLOCKS + 8, 4, 0},   /* no blob */
        {AT_BLOCKS + 12, 1, 2},  /* codec */
        {AT_BLOCKS + 13, 1, 1},  /* dictionary */
        {AT_BLOCKS + 14, 1, 1},  /* reserved */
        {AT_ENTRIES + 20, 4, 4}, /* block */
        {AT_ENTRIES + 20, 4, UINT32_MAX},
        {AT_ENTRIES + 24, 4, 4 << 20}, /* offset */
        {AT_ENTRIES + 24, 4, UINT32_MAX},
        {AT_ENTRIES + 30, 1, 0x3f}, /* length */
        {AT_ENTRIES + 31, 1, 0},    /* type */
        {AT_ENTRIES + 31, 1, 8},
        {AT_ENTRIES, 1, 0xff}, /* order */
        {AT_ENTRIES + 11 * ENTRY_ROW, 1, 0},
    };
    struct buf body = {0};
    encode_sample(&body);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t saved[4];
        memcpy(saved, body.data + rows[i].offset, 4);
        uint8_t value[4];
        put_u32(value, rows[i].value);
        memcpy(body.data + rows[i].offset, value, rows[i].size);
        refuse(body.data, body.size);
        memcpy(body.data + rows[i].offset, saved, 4);
    }
    buf_free(&body);
}

static void empty_entry_is_refused(void **state)
{
    (void)state;
    struct buf body = {0};
    encode_sample(&body);
    memset(body.data + AT_ENTRIES + 28, 0, 3);
    refuse(body.data, body.size);
    buf_free(&body);
}

static void cut_and_longer_bodies_are_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct buf body = {0};
    encode_sample(&body);
    for (size_t size = 0; size < body.size; size++) {
        uint8_t *exact = mem_dup(body.data, size); /* so that AddressSanitizer sees a read past the end */
        refuse(exact, size);
        mem_free(exact);
    }
    assert_int_equal(buf_u8(&body, 0, &err), 0);
    refuse(body.data, body.size);
    buf_free(&body);
}

static void too_many_entries_are_refused(void **state)
{
    (void)state;
    size_t size = HEAD + ((size_t)SEGMENT_ENTRIES_MAX + 1) * ENTRY_ROW;
    uint8_t *body = mem_calloc(1, size);
    put_u32(body + 8, SEGMENT_ENTRIES_MAX + 1);
    refuse(body, size);
    mem_free(body);
}

/* No byte of a body can be changed into something that makes the parser, or a look-up in what it took, stray. */
static void any_changed_byte_is_survived(void **state)
{
    (void)state;
    struct buf body = {0};
    encode_sample(&body);
    for (size_t i = 0; i < body.size; i++) {
        static const uint8_t changes[] = {0x01, 0x80, 0xff};
        for (size_t j = 0; j < sizeof(changes); j++) {
            struct error err = {0};
            struct segment segment;
            body.data[i] ^= changes[j];
            if (segment_parse(body.data, body.size, &segment, &err) == 0) {
                for (uint32_t k = 0; k < segment.entry_count; k++) {
                    struct segment_entry entry = segment_entry_at(&segment, k);
                    uint32_t block = 0, pack = segment_pack_of_block(&segment, entry.block, &block);
                    assert_true(entry.offset + entry.size <= segment.packs[pack].blocks[block].plain_size);
                }
                segment_clear(&segment);
            } else {
                assert_int_equal(err.class, ERROR_DAMAGED);
            }
            body.data[i] ^= changes[j];
        }
    }
    buf_free(&body);
}

/* ---- Merging ---- */

static bool is_not_second(const struct hash *pack, void *context)
{
    return !hash_equal(pack, context);
}

static void encode(struct segment_builder *builder, const struct hash *superseded, struct buf *out)
{
    struct error err;
    assert_int_equal(segment_builder_encode(builder, superseded, superseded != NULL, out, &err), 0);
}

/* What is taken over from a segment gives the same bytes as adding its packs themselves. */
static void segments_are_merged(void **state)
{
    (void)state;
    enum { SAMPLES = 5 };
    struct sample samples[SAMPLES];
    struct buf first = {0}, merged = {0}, plain = {0};
    struct segment_builder *builder = segment_builder_new(), *whole = segment_builder_new();
    struct segment segment;
    struct error err = {0};
    struct hash old = {.bytes = {7}};
    for (unsigned i = 0; i < SAMPLES; i++)
        samples[i] = sample_new(i + 1, 3 + i, 5, i == 2 ? CONTAINER_PACK_META : CONTAINER_PACK_DATA);
    for (unsigned i = 0; i + 1 < SAMPLES; i++)
        add(builder, &samples[i]);
    encode(builder, NULL, &first);
    assert_int_equal(segment_parse(first.data, first.size, &segment, &err), 0);
    add(builder, &samples[4]);
    assert_int_equal(segment_builder_add_segment(builder, &segment, is_not_second, &samples[1].pack.name, &err), 0);
    encode(builder, &old, &merged);
    static const unsigned order[] = {4, 0, 2, 3};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        add(whole, &samples[order[i]]);
    encode(whole, &old, &plain);
    assert_int_equal(merged.size, plain.size);
    assert_memory_equal(merged.data, plain.data, plain.size);
    /* Entries that are more, or fewer, than the blocks announce: nothing is added. */
    for (int change = -1; change <= 1; change += 2) {
        segment.packs[3].blocks[0].blob_count += (uint32_t)change;
        assert_int_equal(segment_builder_add_segment(builder, &segment, NULL, NULL, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        assert_int_equal(segment_builder_packs(builder), 0);
        assert_int_equal(segment_builder_entries(builder), 0);
        segment.packs[3].blocks[0].blob_count -= (uint32_t)change;
    }
    assert_int_equal(segment_builder_add_segment(builder, &segment, NULL, NULL, &err), 0);
    assert_int_equal(segment_builder_packs(builder), 4);
    segment_clear(&segment);
    segment_builder_free(builder);
    segment_builder_free(whole);
    for (unsigned i = 0; i < SAMPLES; i++)
        sample_free(&samples[i]);
    buf_free(&first);
    buf_free(&merged);
    buf_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_round_trip),
        cmocka_unit_test(ids_that_are_not_spread_are_sorted_too),
        cmocka_unit_test(pack_infos_are_copied_deeply),
        cmocka_unit_test(builder_refuses_what_no_reader_takes),
        cmocka_unit_test(builder_refuses_too_many_entries),
        cmocka_unit_test(wrong_fields_are_refused),
        cmocka_unit_test(empty_entry_is_refused),
        cmocka_unit_test(cut_and_longer_bodies_are_refused),
        cmocka_unit_test(too_many_entries_are_refused),
        cmocka_unit_test(any_changed_byte_is_survived),
        cmocka_unit_test(segments_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
