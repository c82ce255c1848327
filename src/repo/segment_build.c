#include "repo/segment_internal.h"

#include "base/mem.h"

#include <stdlib.h>

struct segment_builder {
    struct pack_info *packs;
    uint32_t pack_count;
    uint32_t pack_room;
    uint32_t block_count;
    struct buf entries; /* rows as they will be written, in the order of their places */
};

/* ---- Create and destroy ---- */

struct segment_builder *segment_builder_new(void)
{
    return mem_calloc(1, sizeof(struct segment_builder));
}

static void empty(struct segment_builder *builder)
{
    for (uint32_t i = 0; i < builder->pack_count; i++)
        pack_info_free(&builder->packs[i]);
    mem_free(builder->packs);
    buf_free(&builder->entries);
    *builder = (struct segment_builder){0};
}

void segment_builder_free(struct segment_builder *builder)
{
    if (builder == NULL)
        return;
    empty(builder);
    mem_free(builder);
}

uint32_t segment_builder_packs(const struct segment_builder *builder)
{
    return builder->pack_count;
}

uint32_t segment_builder_entries(const struct segment_builder *builder)
{
    return (uint32_t)(builder->entries.size / SEGMENT_ENTRY_ROW);
}

/* ---- Adding ---- */

/* Refuse what segment_parse would refuse: a segment that nobody can read must not be stored. */
static int check_pack(const struct segment_builder *builder, const struct pack_info *pack, uint32_t blob_count,
                      enum container_kind *ret_kind, struct error *err)
{
    struct container_header header;
    if (container_header_parse(pack->header, &header, err) != 0 || !container_is_pack(header.kind))
        return error_set(err, ERROR_INTERNAL, "what was to be indexed is no pack");
    const char *fault = segment_pack_fault(pack);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pack->block_count && fault == NULL; i++) {
        struct container_block block = pack->blocks[i];
        uint8_t row[CONTAINER_BLOCK_ROW];
        container_block_row_put(row, &block);
        fault =
            container_block_row_get(header.kind, row, block.offset, &block) != NULL ? "has an impossible block" : NULL;
        sum += block.blob_count;
    }
    if (fault != NULL)
        return error_set(err, ERROR_INTERNAL, "a pack that was to be indexed %s", fault);
    if (sum != blob_count)
        return error_set(err, ERROR_INTERNAL, "a pack that was to be indexed has other blobs than its blocks say");
    if (blob_count > SEGMENT_ENTRIES_MAX - segment_builder_entries(builder) ||
        pack->block_count > UINT32_MAX - builder->block_count)
        return error_set(err, ERROR_INTERNAL, "a segment would hold more than %d entries", SEGMENT_ENTRIES_MAX);
    *ret_kind = header.kind;
    return 0;
}

static int reserve_pack(struct segment_builder *builder, struct error *err)
{
    if (builder->pack_count < builder->pack_room)
        return 0;
    uint32_t room = builder->pack_room < 64 ? 64 : builder->pack_room + builder->pack_room / 2;
    struct pack_info *grown = mem_realloc(builder->packs, room * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    builder->packs = grown;
    builder->pack_room = room;
    return 0;
}

static void put_entry(uint8_t row[SEGMENT_ENTRY_ROW], const struct container_blob *blob, uint32_t block,
                      uint32_t offset)
{
    memcpy(row, blob->id.bytes, BLOB_ID_SIZE);
    put_u32(row + ENTRY_BLOCK, block);
    put_u32(row + ENTRY_OFFSET, offset);
    put_u16(row + ENTRY_LENGTH, (uint16_t)blob->size);
    row[ENTRY_LENGTH + 2] = (uint8_t)(blob->size >> 16);
    row[ENTRY_TYPE] = blob->type;
}

/* Write the rows behind the entries, without counting them yet. */
static int put_entries(struct segment_builder *builder, const struct pack_info *pack, enum container_kind kind,
                       const struct container_blob *blobs, struct error *err)
{
    uint8_t *row = builder->entries.data + builder->entries.size;
    for (uint32_t i = 0; i < pack->block_count; i++) {
        const struct container_block *block = &pack->blocks[i];
        uint32_t offset = 0;
        for (uint32_t j = 0; j < block->blob_count; j++, blobs++, row += SEGMENT_ENTRY_ROW) {
            const char *fault = container_blob_fault(kind, blobs);
            if (fault != NULL)
                return error_set(err, ERROR_INTERNAL, "a blob that was to be indexed %s", fault);
            if (blobs->size > block->plain_size - offset)
                return error_set(err, ERROR_INTERNAL, "the blobs of a block are longer than it");
            put_entry(row, blobs, builder->block_count + i, offset);
            offset += blobs->size;
        }
        if (offset != block->plain_size)
            return error_set(err, ERROR_INTERNAL, "the blobs of a block are shorter than it");
    }
    return 0;
}

int segment_builder_add(struct segment_builder *builder, const struct pack_info *pack,
                        const struct container_blob *blobs, uint32_t blob_count, struct error *err)
{
    size_t size = (size_t)blob_count * SEGMENT_ENTRY_ROW;
    enum container_kind kind = CONTAINER_PACK_DATA;
    if (check_pack(builder, pack, blob_count, &kind, err) != 0 || reserve_pack(builder, err) != 0 ||
        buf_reserve(&builder->entries, size, err) != 0 || put_entries(builder, pack, kind, blobs, err) != 0 ||
        pack_info_copy(&builder->packs[builder->pack_count], pack, err) != 0)
        return -1;
    builder->entries.size += size;
    builder->block_count += pack->block_count;
    builder->pack_count++;
    return 0;
}

/* ---- Adding what another segment says ---- */

#define NOT_TAKEN UINT32_MAX

/* For each pack of the segment the number that its first block gets, or NOT_TAKEN; and how many entries these have. */
static int choose_packs(const struct segment_builder *builder, const struct segment *segment, segment_wanted *wanted,
                        void *context, uint32_t *first, uint64_t *ret_entries, struct error *err)
{
    uint64_t blocks = builder->block_count;
    *ret_entries = 0;
    for (uint32_t i = 0; i < segment->pack_count; i++) {
        const struct pack_info *pack = &segment->packs[i];
        first[i] = NOT_TAKEN;
        if (wanted != NULL && !wanted(&pack->name, context))
            continue;
        first[i] = (uint32_t)blocks;
        blocks += pack->block_count;
        for (uint32_t j = 0; j < pack->block_count; j++)
            *ret_entries += pack->blocks[j].blob_count;
    }
    if (blocks < NOT_TAKEN && *ret_entries <= SEGMENT_ENTRIES_MAX - segment_builder_entries(builder))
        return 0;
    return error_set(err, ERROR_INTERNAL, "a segment would hold more than %d entries", SEGMENT_ENTRIES_MAX);
}

/* Copy the rows of the packs that are taken behind the entries, without counting them yet. */
static int copy_entries(struct segment_builder *builder, const struct segment *segment, const uint32_t *first,
                        uint64_t expected, struct error *err)
{
    uint8_t *row = builder->entries.data + builder->entries.size;
    uint64_t copied = 0;
    for (uint32_t i = 0; i < segment->entry_count; i++) {
        const uint8_t *from = segment->entries + (size_t)i * SEGMENT_ENTRY_ROW;
        uint32_t block;
        uint32_t pack = segment_pack_of_block(segment, get_u32(from + ENTRY_BLOCK), &block);
        if (first[pack] == NOT_TAKEN)
            continue;
        if (copied++ == expected)
            break;
        memcpy(row, from, SEGMENT_ENTRY_ROW);
        put_u32(row + ENTRY_BLOCK, first[pack] + block);
        row += SEGMENT_ENTRY_ROW;
    }
    return copied == expected
               ? 0
               : error_set(err, ERROR_DAMAGED, "a segment of the index has other blobs than its packs announce");
}

int segment_builder_add_segment(struct segment_builder *builder, const struct segment *segment, segment_wanted *wanted,
                                void *context, struct error *err)
{
    CLEANUP_FREE uint32_t *first = mem_calloc(segment->pack_count, sizeof(*first));
    uint64_t entries = 0;
    uint32_t before = builder->pack_count, blocks = 0;
    int rc = 0;
    if (first == NULL)
        return error_no_memory(err);
    if (choose_packs(builder, segment, wanted, context, first, &entries, err) != 0 ||
        buf_reserve(&builder->entries, (size_t)entries * SEGMENT_ENTRY_ROW, err) != 0 ||
        copy_entries(builder, segment, first, entries, err) != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && i < segment->pack_count; i++) {
        if (first[i] == NOT_TAKEN)
            continue;
        rc = reserve_pack(builder, err);
        if (rc == 0)
            rc = pack_info_copy(&builder->packs[builder->pack_count], &segment->packs[i], err);
        builder->pack_count += rc == 0;
        blocks += segment->packs[i].block_count;
    }
    if (rc != 0) {
        while (builder->pack_count > before)
            pack_info_free(&builder->packs[--builder->pack_count]);
        return -1;
    }
    builder->entries.size += (size_t)entries * SEGMENT_ENTRY_ROW;
    builder->block_count += blocks;
    return 0;
}

/* ---- Sorting ---- */

enum { BUCKET_BITS_MAX = 18, INSERTION_MAX = 48 };

/* By id; the same blob twice by place, so that equal input gives equal bytes. */
static int compare_rows(const void *a, const void *b)
{
    int order = memcmp(a, b, BLOB_ID_SIZE);
    if (order != 0)
        return order;
    uint32_t block_a = get_u32((const uint8_t *)a + ENTRY_BLOCK), block_b = get_u32((const uint8_t *)b + ENTRY_BLOCK);
    if (block_a != block_b)
        return block_a < block_b ? -1 : 1;
    uint32_t at_a = get_u32((const uint8_t *)a + ENTRY_OFFSET), at_b = get_u32((const uint8_t *)b + ENTRY_OFFSET);
    return (at_a > at_b) - (at_a < at_b);
}

static void insertion_sort(uint8_t *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint8_t row[SEGMENT_ENTRY_ROW];
        memcpy(row, rows + i * SEGMENT_ENTRY_ROW, SEGMENT_ENTRY_ROW);
        size_t j = i;
        for (; j > 0 && compare_rows(rows + (j - 1) * SEGMENT_ENTRY_ROW, row) > 0; j--)
            memcpy(rows + j * SEGMENT_ENTRY_ROW, rows + (j - 1) * SEGMENT_ENTRY_ROW, SEGMENT_ENTRY_ROW);
        memcpy(rows + j * SEGMENT_ENTRY_ROW, row, SEGMENT_ENTRY_ROW);
    }
}

static uint32_t bucket_of(const uint8_t *row, unsigned bits)
{
    return bits == 0 ? 0 : ((uint32_t)row[0] << 24 | (uint32_t)row[1] << 16 | (uint32_t)row[2] << 8) >> (32 - bits);
}

/*
 * Ids are keyed MACs and so evenly spread: one scatter by their first bits leaves a handful in each bucket.
 * Ids that are not spread cost time (qsort), never correctness.
 */
static int sort_rows(const uint8_t *rows, uint32_t count, uint8_t *out, struct error *err)
{
    unsigned bits = 0;
    while (bits < BUCKET_BITS_MAX && count >> bits > 16)
        bits++;
    uint32_t buckets = UINT32_C(1) << bits;
    CLEANUP_FREE uint32_t *ends = mem_calloc((size_t)buckets + 1, sizeof(*ends));
    if (ends == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        ends[bucket_of(rows + (size_t)i * SEGMENT_ENTRY_ROW, bits) + 1]++;
    for (uint32_t b = 0; b < buckets; b++)
        ends[b + 1] += ends[b];
    /* ends[b] is where the bucket begins, and becomes where it ends. */
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)i * SEGMENT_ENTRY_ROW;
        memcpy(out + (size_t)ends[bucket_of(row, bits)]++ * SEGMENT_ENTRY_ROW, row, SEGMENT_ENTRY_ROW);
    }
    for (uint32_t b = 0, begin = 0; b < buckets; begin = ends[b++]) {
        uint8_t *first = out + (size_t)begin * SEGMENT_ENTRY_ROW;
        if (ends[b] - begin > INSERTION_MAX)
            qsort(first, ends[b] - begin, SEGMENT_ENTRY_ROW, compare_rows);
        else
            insertion_sort(first, ends[b] - begin);
    }
    return 0;
}

/* ---- Encoding ---- */

static uint8_t *put_packs(const struct segment_builder *builder, uint8_t *p)
{
    for (uint32_t i = 0; i < builder->pack_count; i++, p += SEGMENT_PACK_ROW) {
        const struct pack_info *pack = &builder->packs[i];
        memcpy(p, pack->name.bytes, HASH_SIZE);
        put_u64(p + SEGMENT_PACK_SIZE, pack->size);
        put_u32(p + SEGMENT_PACK_BLOCKS, pack->block_count);
        put_u32(p + SEGMENT_PACK_ZERO, 0);
        memcpy(p + SEGMENT_PACK_HEADER, pack->header, CONTAINER_HEADER_SIZE);
    }
    for (uint32_t i = 0; i < builder->pack_count; i++) {
        const struct pack_info *pack = &builder->packs[i];
        for (uint32_t j = 0; j < pack->block_count; j++, p += CONTAINER_BLOCK_ROW)
            container_block_row_put(p, &pack->blocks[j]);
    }
    return p;
}

int segment_builder_encode(struct segment_builder *builder, const struct hash *superseded, uint32_t superseded_count,
                           struct buf *out, struct error *err)
{
    uint32_t entry_count = segment_builder_entries(builder);
    size_t size = SEGMENT_HEAD_SIZE + (size_t)superseded_count * HASH_SIZE +
                  (size_t)builder->pack_count * SEGMENT_PACK_ROW + (size_t)builder->block_count * CONTAINER_BLOCK_ROW +
                  builder->entries.size;
    if (buf_reserve(out, size, err) != 0)
        return -1;
    uint8_t *p = out->data + out->size;
    put_u32(p, builder->pack_count);
    put_u32(p + 4, builder->block_count);
    put_u32(p + 8, entry_count);
    put_u32(p + 12, superseded_count);
    p += SEGMENT_HEAD_SIZE;
    for (uint32_t i = 0; i < superseded_count; i++, p += HASH_SIZE)
        memcpy(p, superseded[i].bytes, HASH_SIZE);
    p = put_packs(builder, p);
    if (sort_rows(builder->entries.data, entry_count, p, err) != 0)
        return -1;
    out->size += size;
    empty(builder);
    return 0;
}
