#include "repo/segment_internal.h"

#include "base/mem.h"

/* ---- Packs ---- */

void pack_info_free(struct pack_info *info)
{
    mem_free(info->blocks);
    *info = (struct pack_info){0};
}

/* A deep copy; *to is overwritten, not freed. */
int pack_info_copy(struct pack_info *to, const struct pack_info *from, struct error *err)
{
    struct container_block *blocks = mem_dup(from->blocks, from->block_count * sizeof(*blocks));
    if (blocks == NULL)
        return error_no_memory(err);
    *to = *from;
    to->blocks = blocks;
    return 0;
}

/* What a pack's object has at least: header, blocks, empty pad, directory, trailer. */
static uint64_t least_size(uint64_t blocks_end, uint32_t block_count, uint64_t blob_count)
{
    return blocks_end + GCM_TAG_SIZE + (uint64_t)block_count * CONTAINER_BLOCK_ROW + blob_count * CONTAINER_BLOB_ROW +
           GCM_TAG_SIZE + CONTAINER_TRAILER_SEALED;
}

/* What is wrong with a pack, apart from its header, or NULL. */
const char *segment_pack_fault(const struct pack_info *pack)
{
    uint64_t offset = CONTAINER_HEADER_SIZE, blobs = 0;
    for (uint32_t i = 0; i < pack->block_count; i++) {
        if (pack->blocks[i].offset != offset)
            return "has blocks that do not lie end to end";
        offset += pack->blocks[i].sealed_size;
        blobs += pack->blocks[i].blob_count;
    }
    if (pack->size > CONTAINER_OBJECT_MAX || pack->size < least_size(offset, pack->block_count, blobs))
        return "has a length that its blocks do not fit in";
    return NULL;
}

/* ---- Parsing ---- */

/* What the rows of entries are checked against: the plain length and kind of pack of each block. */
struct block_rule {
    uint32_t plain_size;
    enum container_kind kind;
};

static int damaged(struct error *err, const char *what)
{
    return error_set(err, ERROR_DAMAGED, "a segment of the index %s", what);
}

/* Read one pack's row and its blocks; `rules` has one element for each of these blocks. */
static int parse_pack(struct cursor *packs, struct cursor *blocks, struct pack_info *pack, struct block_rule *rules,
                      struct error *err)
{
    cursor_copy(packs, pack->name.bytes, HASH_SIZE);
    pack->size = cursor_u64(packs);
    (void)cursor_u32(packs); /* the number of blocks, read before */
    uint32_t zero = cursor_u32(packs);
    cursor_copy(packs, pack->header, CONTAINER_HEADER_SIZE);
    struct container_header header;
    if (container_header_parse(pack->header, &header, err) != 0)
        return error_wrap(err, "read a segment of the index");
    if (packs->failed || zero != 0 || !container_is_pack(header.kind))
        return damaged(err, "lists something that is no pack");

    uint64_t offset = CONTAINER_HEADER_SIZE;
    for (uint32_t i = 0; i < pack->block_count; i++) {
        const uint8_t *row = cursor_bytes(blocks, CONTAINER_BLOCK_ROW);
        if (row == NULL)
            return damaged(err, "is cut short");
        const char *fault = container_block_row_get(header.kind, row, offset, &pack->blocks[i]);
        if (fault != NULL)
            return error_set(err, ERROR_DAMAGED, "a segment of the index lists a block that %s", fault);
        offset += pack->blocks[i].sealed_size;
        rules[i] = (struct block_rule){pack->blocks[i].plain_size, header.kind};
    }
    const char *fault = segment_pack_fault(pack);
    return fault == NULL ? 0 : error_set(err, ERROR_DAMAGED, "a segment of the index lists a pack that %s", fault);
}

static int parse_packs(struct cursor packs, struct cursor blocks, struct segment *segment, struct block_rule *rules,
                       struct error *err)
{
    uint32_t block = 0;
    for (uint32_t i = 0; i < segment->pack_count; i++) {
        struct pack_info *pack = &segment->packs[i];
        uint32_t count = get_u32(packs.p + SEGMENT_PACK_BLOCKS);
        if (count > segment->block_count - block)
            return damaged(err, "announces fewer blocks than its packs have");
        segment->first_block[i] = block;
        pack->block_count = count;
        pack->blocks = segment->blocks + block;
        if (parse_pack(&packs, &blocks, pack, rules + block, err) != 0)
            return -1;
        block += count;
    }
    segment->first_block[segment->pack_count] = block;
    return block == segment->block_count ? 0 : damaged(err, "announces more blocks than its packs have");
}

struct segment_entry segment_entry_decode(const uint8_t row[SEGMENT_ENTRY_ROW])
{
    struct segment_entry entry = {.block = get_u32(row + ENTRY_BLOCK),
                                  .offset = get_u32(row + ENTRY_OFFSET),
                                  .size = (uint32_t)get_u16(row + ENTRY_LENGTH) | (uint32_t)row[ENTRY_LENGTH + 2] << 16,
                                  .type = row[ENTRY_TYPE]};
    memcpy(entry.id.bytes, row, BLOB_ID_SIZE);
    return entry;
}

/* By id, the same blob twice by place: block, then offset, which are never the same. */
static bool in_order(const uint8_t *before, const uint8_t *row)
{
    int order = memcmp(before, row, BLOB_ID_SIZE);
    if (order != 0)
        return order < 0;
    uint32_t block = get_u32(row + ENTRY_BLOCK), block_before = get_u32(before + ENTRY_BLOCK);
    if (block_before != block)
        return block_before < block;
    return get_u32(before + ENTRY_OFFSET) < get_u32(row + ENTRY_OFFSET);
}

/* The one pass over the entries: sorted, each inside its block, each of a type that its pack may hold. */
static int check_entries(const struct segment *segment, const struct block_rule *rules, struct error *err)
{
    const uint8_t *row = segment->entries;
    for (uint32_t i = 0; i < segment->entry_count; i++, row += SEGMENT_ENTRY_ROW) {
        if (i > 0 && !in_order(row - SEGMENT_ENTRY_ROW, row))
            return damaged(err, "is not sorted");
        struct segment_entry entry = segment_entry_decode(row);
        if (entry.block >= segment->block_count)
            return damaged(err, "places a blob in a block that it does not list");
        const struct block_rule *rule = &rules[entry.block];
        struct container_blob blob = {.size = entry.size, .type = entry.type};
        const char *fault = container_blob_fault(rule->kind, &blob);
        if (fault != NULL)
            return error_set(err, ERROR_DAMAGED, "a segment of the index lists a blob that %s", fault);
        if (entry.offset > rule->plain_size || entry.size > rule->plain_size - entry.offset)
            return damaged(err, "places a blob outside its block");
    }
    return 0;
}

/* Allocate what the counts ask for; they were compared with the body's length, which bounds all of it. */
static int allocate(struct segment *segment, struct error *err)
{
    segment->packs = mem_calloc(segment->pack_count, sizeof(*segment->packs));
    segment->blocks = mem_calloc(segment->block_count, sizeof(*segment->blocks));
    segment->first_block = mem_calloc((size_t)segment->pack_count + 1, sizeof(*segment->first_block));
    segment->superseded = mem_calloc(segment->superseded_count, sizeof(*segment->superseded));
    if (segment->packs == NULL || segment->blocks == NULL || segment->first_block == NULL ||
        segment->superseded == NULL)
        return error_no_memory(err);
    return 0;
}

static int parse_head(struct cursor *c, size_t size, struct segment *segment, struct error *err)
{
    segment->pack_count = cursor_u32(c);
    segment->block_count = cursor_u32(c);
    segment->entry_count = cursor_u32(c);
    segment->superseded_count = cursor_u32(c);
    if (c->failed)
        return damaged(err, "is cut short");
    if (segment->entry_count > SEGMENT_ENTRIES_MAX)
        return damaged(err, "holds more entries than one may");
    uint64_t expected = SEGMENT_HEAD_SIZE + (uint64_t)segment->superseded_count * HASH_SIZE +
                        (uint64_t)segment->pack_count * SEGMENT_PACK_ROW +
                        (uint64_t)segment->block_count * CONTAINER_BLOCK_ROW +
                        (uint64_t)segment->entry_count * SEGMENT_ENTRY_ROW;
    return expected == size ? 0 : damaged(err, "does not have the length that follows from its counts");
}

static int parse(struct cursor *c, struct segment *segment, struct error *err)
{
    CLEANUP_FREE struct block_rule *rules = mem_calloc(segment->block_count, sizeof(*rules));
    if (rules == NULL || allocate(segment, err) != 0)
        return error_no_memory(err);
    cursor_copy(c, segment->superseded, (size_t)segment->superseded_count * HASH_SIZE);
    size_t packs_size = (size_t)segment->pack_count * SEGMENT_PACK_ROW;
    size_t blocks_size = (size_t)segment->block_count * CONTAINER_BLOCK_ROW;
    struct cursor packs = cursor_of(cursor_bytes(c, packs_size), packs_size);
    struct cursor blocks = cursor_of(cursor_bytes(c, blocks_size), blocks_size);
    segment->entries = cursor_bytes(c, (size_t)segment->entry_count * SEGMENT_ENTRY_ROW);
    if (!cursor_done(c))
        return damaged(err, "is cut short");
    if (parse_packs(packs, blocks, segment, rules, err) != 0)
        return -1;
    return check_entries(segment, rules, err);
}

int segment_parse(const void *body, size_t size, struct segment *ret, struct error *err)
{
    *ret = (struct segment){0};
    struct segment segment = {0};
    struct cursor c = cursor_of(body, size);
    if (parse_head(&c, size, &segment, err) != 0)
        return -1;
    if (parse(&c, &segment, err) != 0) {
        segment_clear(&segment);
        return -1;
    }
    *ret = segment;
    return 0;
}

void segment_clear(struct segment *segment)
{
    mem_free(segment->packs);
    mem_free(segment->blocks);
    mem_free(segment->first_block);
    mem_free(segment->superseded);
    *segment = (struct segment){0};
}

/* ---- Looking things up ---- */

struct segment_entry segment_entry_at(const struct segment *segment, uint32_t number)
{
    return segment_entry_decode(segment->entries + (size_t)number * SEGMENT_ENTRY_ROW);
}

/* The last pack whose first block is not behind `block`; packs without blocks are passed over by that. */
uint32_t segment_pack_of_block(const struct segment *segment, uint32_t block, uint32_t *ret_block_in_pack)
{
    uint32_t low = 0, high = segment->pack_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->first_block[middle] <= block)
            low = middle;
        else
            high = middle;
    }
    *ret_block_in_pack = block - segment->first_block[low];
    return low;
}
