/* Adding to an index, and what it tells of its packs. */
#include "repo/index.h"

#include "repo/index_internal.h"

#include <string.h>

static int add_entry(struct index *index, const struct blob_id *id, const struct place *place, struct error *err)
{
    if (memtable_full(&index->table) && index_flush(index, err) != 0)
        return -1;
    struct index_entry entry = {.id = *id};
    place_encode(place, entry.place);
    return memtable_add(&index->table, &entry, err);
}

static bool is_place(uint32_t offset, uint32_t size, uint8_t type, uint32_t plain_size)
{
    return type >= 1 && type < BLOB_TYPE_COUNT && size >= 1 && size <= BLOB_SIZE_MAX &&
           plain_size <= CONTAINER_BLOCK_MAX && offset < plain_size && size <= plain_size - offset;
}

/* ---- A pack ---- */

/* Do the blobs tile the blocks? Nothing is added before that is sure. */
static int check_pack(const struct pack_info *pack, const struct container_blob *blobs, uint32_t blob_count,
                      struct error *err)
{
    uint32_t next = 0;
    for (uint32_t b = 0; b < pack->block_count; b++) {
        const struct container_block *block = &pack->blocks[b];
        if (block->blob_count > blob_count - next)
            return error_set(err, ERROR_DAMAGED, "a pack's blocks announce more blobs than it lists");
        uint32_t offset = 0;
        for (uint32_t i = 0; i < block->blob_count; i++, next++) {
            if (!is_place(offset, blobs[next].size, blobs[next].type, block->plain_size))
                return error_set(err, ERROR_DAMAGED, "blob %u of a pack is not within its block", next);
            offset += blobs[next].size;
        }
    }
    if (next != blob_count)
        return error_set(err, ERROR_DAMAGED, "a pack lists more blobs than its blocks announce");
    return 0;
}

static int add_blobs(struct index *index, uint32_t number, const struct pack_info *pack,
                     const struct container_blob *blobs, struct error *err)
{
    struct place place = {.pack = number};
    for (; place.block < pack->block_count; place.block++) {
        place.offset = 0;
        for (uint32_t i = 0; i < pack->blocks[place.block].blob_count; i++, blobs++) {
            place.size = blobs->size;
            place.type = blobs->type;
            if (add_entry(index, &blobs->id, &place, err) != 0)
                return -1;
            place.offset += place.size;
        }
    }
    return 0;
}

static int add_pack(struct index *index, const struct pack_info *pack, const struct container_blob *blobs,
                    uint32_t blob_count, uint32_t *ret_pack, struct error *err)
{
    if (index_check(index, err) != 0)
        return -1;
    if (packs_find(&index->packs, &pack->name, ret_pack))
        return 0;
    if (check_pack(pack, blobs, blob_count, err) != 0 || packs_add(index, pack, ret_pack, err) != 0)
        return -1;
    if (add_blobs(index, *ret_pack, pack, blobs, err) != 0) {
        index->broken = true; /* the pack is known, some of its blobs are not */
        return -1;
    }
    return 0;
}

int index_add_pack(struct index *index, const struct pack_info *pack, const struct container_blob *blobs,
                   uint32_t blob_count, uint32_t *ret_pack, struct error *err)
{
    uint32_t number;
    (void)pthread_mutex_lock(&index->lock);
    int rc = add_pack(index, pack, blobs, blob_count, &number, err);
    (void)pthread_mutex_unlock(&index->lock);
    if (rc != 0)
        return error_wrap(err, "add a pack to the index");
    if (ret_pack != NULL)
        *ret_pack = number;
    return 0;
}

/* ---- A segment ---- */

#define NOT_WANTED UINT32_MAX

static int check_segment(const struct segment *segment, struct error *err)
{
    for (uint32_t i = 0; i < segment->pack_count; i++)
        if (segment->packs[i].block_count > INDEX_BLOCKS_MAX)
            return error_set(err, ERROR_DAMAGED, "a segment's pack has more blocks than the index can hold");
    for (uint32_t i = 0; i < segment->entry_count; i++) {
        struct segment_entry entry = segment_entry_at(segment, i);
        if (entry.block >= segment->block_count)
            return error_set(err, ERROR_DAMAGED, "entry %u of a segment names a block that is not there", i);
        uint32_t block;
        const struct pack_info *pack = &segment->packs[segment_pack_of_block(segment, entry.block, &block)];
        if (!is_place(entry.offset, entry.size, entry.type, pack->blocks[block].plain_size))
            return error_set(err, ERROR_DAMAGED, "entry %u of a segment is not within its block", i);
    }
    return 0;
}

static int add_segment(struct index *index, const struct segment *segment, uint32_t *numbers,
                       bool (*wanted)(const struct hash *name, void *context), void *context, struct error *err)
{
    bool any = false;
    for (uint32_t i = 0; i < segment->pack_count; i++) {
        const struct hash *name = &segment->packs[i].name;
        uint32_t known;
        numbers[i] = NOT_WANTED;
        if (packs_find(&index->packs, name, &known) || (wanted != NULL && !wanted(name, context)))
            continue;
        if (packs_add(index, &segment->packs[i], &numbers[i], err) != 0)
            return -1;
        any = true;
    }
    for (uint32_t i = 0; any && i < segment->entry_count; i++) {
        struct segment_entry entry = segment_entry_at(segment, i);
        struct place place = {.offset = entry.offset, .size = entry.size, .type = entry.type};
        place.pack = numbers[segment_pack_of_block(segment, entry.block, &place.block)];
        if (place.pack != NOT_WANTED && add_entry(index, &entry.id, &place, err) != 0)
            return -1;
    }
    return 0;
}

int index_add_segment(struct index *index, const struct segment *segment,
                      bool (*wanted)(const struct hash *name, void *context), void *context, struct error *err)
{
    CLEANUP_FREE uint32_t *numbers = mem_calloc(segment->pack_count, sizeof(*numbers));
    if (numbers == NULL)
        return error_no_memory(err);
    if (check_segment(segment, err) != 0)
        return error_wrap(err, "add a segment to the index");
    (void)pthread_mutex_lock(&index->lock);
    int rc = index_check(index, err);
    if (rc == 0 && (rc = add_segment(index, segment, numbers, wanted, context, err)) != 0)
        index->broken = true; /* packs are known whose blobs are not */
    (void)pthread_mutex_unlock(&index->lock);
    return rc == 0 ? 0 : error_wrap(err, "add a segment to the index");
}

int index_drop_pack(struct index *index, const struct hash *name, struct error *err)
{
    uint32_t number;
    (void)pthread_mutex_lock(&index->lock);
    int rc = index_check(index, err);
    if (rc == 0 && packs_find(&index->packs, name, &number))
        rc = packs_drop(index, number, err);
    (void)pthread_mutex_unlock(&index->lock);
    return rc == 0 ? 0 : error_wrap(err, "drop a pack from the index");
}

/* ---- What is known of packs ---- */

bool index_pack_number(struct index *index, const struct hash *name, uint32_t *ret_number)
{
    (void)pthread_mutex_lock(&index->lock);
    bool found = packs_find(&index->packs, name, ret_number);
    (void)pthread_mutex_unlock(&index->lock);
    return found;
}

uint32_t index_pack_limit(struct index *index)
{
    (void)pthread_mutex_lock(&index->lock);
    uint32_t limit = index->packs.count;
    (void)pthread_mutex_unlock(&index->lock);
    return limit;
}

int index_pack(struct index *index, uint32_t number, struct pack_info *ret, struct error *err)
{
    (void)pthread_mutex_lock(&index->lock);
    int rc = index_check(index, err);
    if (rc == 0 && packs_alive(&index->packs, number))
        rc = packs_get(index, number, ret, err);
    else if (rc == 0)
        rc = error_set(err, ERROR_NOT_FOUND, "the index has no pack %u", number);
    (void)pthread_mutex_unlock(&index->lock);
    return rc;
}

bool index_pack_name(struct index *index, uint32_t number, struct hash *ret_name, uint64_t *ret_size)
{
    (void)pthread_mutex_lock(&index->lock);
    bool alive = packs_alive(&index->packs, number);
    if (alive) {
        *ret_name = index->packs.slots[number].name;
        *ret_size = index->packs.slots[number].size;
    }
    (void)pthread_mutex_unlock(&index->lock);
    return alive;
}

/* ---- Segments that cover packs ---- */

static const struct segment_slot *segment_of(const struct pack_table *packs, uint32_t number)
{
    if (!packs_alive(packs, number) || packs->slots[number].segment == 0)
        return NULL;
    return &packs->segments[packs->slots[number].segment - 1];
}

/* Collect the numbers of known packs of which the index does not know yet that this segment covers them. */
static uint32_t uncovered(const struct pack_table *packs, const struct hash *segment, const struct hash *names,
                          uint32_t count, uint32_t *numbers)
{
    uint32_t made = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number;
        if (!packs_find(packs, &names[i], &number))
            continue;
        const struct segment_slot *known = segment_of(packs, number);
        if (known == NULL || !hash_equal(&known->name, segment))
            numbers[made++] = number;
    }
    return made;
}

int index_note_segment(struct index *index, const struct hash *segment, uint64_t size, const struct hash *packs,
                       uint32_t pack_count, struct error *err)
{
    CLEANUP_FREE uint32_t *numbers = mem_calloc(pack_count, sizeof(*numbers));
    if (numbers == NULL)
        return error_no_memory(err);
    (void)pthread_mutex_lock(&index->lock);
    int rc = index_check(index, err);
    uint32_t count = rc == 0 ? uncovered(&index->packs, segment, packs, pack_count, numbers) : 0;
    for (uint32_t done = 0, part; rc == 0 && done < count; done += part) {
        part = count - done < PACKS_SEGMENT_MAX ? count - done : PACKS_SEGMENT_MAX;
        rc = packs_note_segment(index, segment, size, numbers + done, part, err);
    }
    (void)pthread_mutex_unlock(&index->lock);
    return rc == 0 ? 0 : error_wrap(err, "note a segment in the index");
}

bool index_knows_segment(struct index *index, const struct hash *segment)
{
    (void)pthread_mutex_lock(&index->lock);
    const struct pack_table *packs = &index->packs;
    bool known = false;
    for (uint32_t i = packs->segment_count; i-- > 0 && !known;)
        known = hash_equal(&packs->segments[i].name, segment);
    (void)pthread_mutex_unlock(&index->lock);
    return known;
}

bool index_segment_of_pack(struct index *index, uint32_t pack, struct hash *ret_segment, uint64_t *ret_size)
{
    (void)pthread_mutex_lock(&index->lock);
    const struct segment_slot *known = segment_of(&index->packs, pack);
    if (known != NULL) {
        *ret_segment = known->name;
        *ret_size = known->size;
    }
    (void)pthread_mutex_unlock(&index->lock);
    return known != NULL;
}
