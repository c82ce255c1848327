/*
 * The pack table: one file of records, appended and never changed. After a header (8 bytes magic, 8 zeros, 32 bytes
 * salt) each record is: length of what is sealed (4), nonce (12), sealed bytes. AES-256-GCM under a key derived from
 * the salt; nonces are random, because what a crash left behind the last commit is cut off and written anew, and a
 * counter would seal other bytes under a nonce that was used. AAD is the tag of the record before and the record's
 * offset: the last tag, which CURRENT holds, vouches for all of them and their order.
 */
#include "repo/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void packs_name(uint64_t number, char out[INDEX_NAME_SIZE])
{
    (void)snprintf(out, INDEX_NAME_SIZE, "packs-%016llx", (unsigned long long)number);
}

int packs_create(struct index *index, struct error *err)
{
    struct pack_table *packs = &index->packs;
    packs_free(packs);
    packs->number = index->next_number++;
    uint8_t header[PACKS_HEADER_SIZE] = "HIKAEPKT";
    if (crypto_random(packs->salt, sizeof(packs->salt), err) != 0)
        return -1;
    memcpy(header + 16, packs->salt, sizeof(packs->salt));
    memcpy(packs->last_tag, header + PACKS_HEADER_SIZE - GCM_TAG_SIZE, GCM_TAG_SIZE);
    packs->gcm = index_file_key(index, "hikae1 index packs", packs->salt, err);
    if (packs->gcm == NULL)
        return -1;
    char name[INDEX_NAME_SIZE];
    packs_name(packs->number, name);
    packs->fd = openat(index->folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (packs->fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "create %s/%s", index->folder, name);
    if (file_pwrite_full(packs->fd, header, sizeof(header), 0) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write %s/%s", index->folder, name);
    packs->length = sizeof(header);
    return 0;
}

void packs_free(struct pack_table *packs)
{
    cleanup_fd(&packs->fd);
    gcm_free(packs->gcm);
    mem_free(packs->slots);
    mem_free(packs->names);
    mem_free(packs->segments);
    for (size_t i = 0; i < PACK_CACHE_SLOTS; i++)
        if (packs->cache[i].used)
            pack_info_free(&packs->cache[i].info);
    *packs = (struct pack_table){.fd = -1};
}

size_t packs_memory(const struct pack_table *packs)
{
    return packs->capacity * sizeof(struct pack_slot) + packs->names_capacity * sizeof(uint32_t) +
           packs->segment_capacity * sizeof(struct segment_slot);
}

/* ---- Names ---- */

static size_t first_name(const struct pack_table *packs, const struct hash *name)
{
    uint64_t h = (get_u64(name->bytes) ^ get_u64(name->bytes + 8) * 31) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 32 ^ h) & (packs->names_capacity - 1);
}

bool packs_find(const struct pack_table *packs, const struct hash *name, uint32_t *ret_number)
{
    if (packs->names_capacity == 0)
        return false;
    for (size_t i = first_name(packs, name); packs->names[i] != 0; i = (i + 1) & (packs->names_capacity - 1)) {
        uint32_t number = packs->names[i] - 1;
        /* A pack that was dropped and added again has a new number. */
        if (!packs->slots[number].dropped && hash_equal(&packs->slots[number].name, name)) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static void put_name(struct pack_table *packs, uint32_t number)
{
    size_t i = first_name(packs, &packs->slots[number].name);
    while (packs->names[i] != 0)
        i = (i + 1) & (packs->names_capacity - 1);
    packs->names[i] = number + 1;
}

static int grow_names(struct pack_table *packs, struct error *err)
{
    size_t capacity = packs->names_capacity > 0 ? 2 * packs->names_capacity : 64;
    uint32_t *names = mem_calloc(capacity, sizeof(*names));
    if (names == NULL)
        return error_no_memory(err);
    mem_free(packs->names);
    packs->names = names;
    packs->names_capacity = capacity;
    for (uint32_t i = 0; i < packs->count; i++)
        if (!packs->slots[i].dropped)
            put_name(packs, i);
    return 0;
}

int packs_reserve(struct pack_table *packs, struct error *err)
{
    if (packs->count == UINT32_MAX - 1)
        return error_set(err, ERROR_LOCAL, "the index holds too many packs");
    if (packs->count == packs->capacity) {
        uint32_t capacity = packs->capacity > 0 ? packs->capacity + packs->capacity / 2 : 32;
        struct pack_slot *slots = mem_realloc(packs->slots, capacity * sizeof(*slots));
        if (slots == NULL)
            return error_no_memory(err);
        packs->slots = slots;
        packs->capacity = capacity;
    }
    return 2 * ((size_t)packs->count + 1) > packs->names_capacity ? grow_names(packs, err) : 0;
}

void packs_register(struct pack_table *packs, const struct pack_slot *slot)
{
    packs->slots[packs->count] = *slot;
    put_name(packs, packs->count);
    packs->count++;
    packs->live++;
}

int packs_reserve_segment(struct pack_table *packs, struct error *err)
{
    if (packs->segment_count < packs->segment_capacity)
        return 0;
    uint32_t capacity = packs->segment_capacity > 0 ? 2 * packs->segment_capacity : 16;
    struct segment_slot *segments = mem_realloc(packs->segments, capacity * sizeof(*segments));
    if (segments == NULL)
        return error_no_memory(err);
    packs->segments = segments;
    packs->segment_capacity = capacity;
    return 0;
}

/* ---- Appending ---- */

void packs_aad(const uint8_t before[GCM_TAG_SIZE], uint64_t offset, uint8_t out[GCM_TAG_SIZE + 8])
{
    memcpy(out, before, GCM_TAG_SIZE);
    put_u64(out + GCM_TAG_SIZE, offset);
}

static void free_buf(struct buf *buf)
{
    buf_free(buf);
}

/* Seal and append a record; *slot takes its place. On failure the table is as before. */
static int append(struct index *index, const struct buf *plain, struct pack_slot *slot, struct error *err)
{
    struct pack_table *packs = &index->packs;
    CLEANUP(free_buf) struct buf record = {0};
    size_t size = PACKS_RECORD_HEAD + plain->size + GCM_TAG_SIZE;
    if (buf_reserve(&record, size, err) != 0)
        return -1;
    put_u32(record.data, (uint32_t)(plain->size + GCM_TAG_SIZE));
    uint8_t *nonce = record.data + 4;
    uint8_t aad[GCM_TAG_SIZE + 8];
    packs_aad(packs->last_tag, packs->length, aad);
    if (crypto_random(nonce, GCM_NONCE_SIZE, err) != 0 ||
        gcm_seal(packs->gcm, nonce, aad, sizeof(aad), plain->data, plain->size, record.data + PACKS_RECORD_HEAD, err) !=
            0)
        return -1;
    if (file_pwrite_full(packs->fd, record.data, size, (int64_t)packs->length) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "write the pack table of the index in %s", index->folder);
    slot->offset = packs->length;
    slot->record_size = (uint32_t)size;
    memcpy(packs->last_tag, record.data + size - GCM_TAG_SIZE, GCM_TAG_SIZE);
    packs->length += size;
    index->dirty = true;
    return 0;
}

static int encode_pack(const struct pack_info *pack, struct buf *out, struct error *err)
{
    if (buf_reserve(out, 256 + (size_t)pack->block_count * CONTAINER_BLOCK_ROW, err) != 0 ||
        buf_u8(out, PACKS_ADD, err) != 0 || buf_append(out, pack->name.bytes, HASH_SIZE, err) != 0 ||
        buf_u64(out, pack->size, err) != 0 || buf_append(out, pack->header, CONTAINER_HEADER_SIZE, err) != 0 ||
        buf_u32(out, pack->block_count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < pack->block_count; i++) {
        const struct container_block *block = &pack->blocks[i];
        if (buf_u32(out, block->sealed_size, err) != 0 || buf_u32(out, block->plain_size, err) != 0 ||
            buf_u32(out, block->blob_count, err) != 0 || buf_u32(out, block->codec, err) != 0)
            return -1;
    }
    return 0;
}

int packs_add(struct index *index, const struct pack_info *pack, uint32_t *ret_number, struct error *err)
{
    struct pack_table *packs = &index->packs;
    CLEANUP(free_buf) struct buf plain = {0};
    struct pack_slot slot = {.name = pack->name, .size = pack->size};
    if (pack->block_count > INDEX_BLOCKS_MAX)
        return error_set(err, ERROR_DAMAGED, "a pack of %u blocks is more than the index can hold", pack->block_count);
    if (packs_reserve(packs, err) != 0 || encode_pack(pack, &plain, err) != 0 || append(index, &plain, &slot, err) != 0)
        return -1;
    *ret_number = packs->count;
    packs_register(packs, &slot);
    return 0;
}

int packs_drop(struct index *index, uint32_t number, struct error *err)
{
    CLEANUP(free_buf) struct buf plain = {0};
    struct pack_slot slot;
    if (buf_u8(&plain, PACKS_DROP, err) != 0 || buf_u32(&plain, number, err) != 0 ||
        append(index, &plain, &slot, err) != 0)
        return -1;
    index->packs.slots[number].dropped = true;
    index->packs.live--;
    return 0;
}

int packs_note_segment(struct index *index, const struct hash *name, uint64_t size, const uint32_t *numbers,
                       uint32_t count, struct error *err)
{
    struct pack_table *packs = &index->packs;
    CLEANUP(free_buf) struct buf plain = {0};
    struct pack_slot slot;
    if (packs_reserve_segment(packs, err) != 0 || buf_u8(&plain, PACKS_SEGMENT, err) != 0 ||
        buf_append(&plain, name->bytes, HASH_SIZE, err) != 0 || buf_u64(&plain, size, err) != 0 ||
        buf_u32(&plain, count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        if (buf_u32(&plain, numbers[i], err) != 0)
            return -1;
    if (append(index, &plain, &slot, err) != 0)
        return -1;
    packs->segments[packs->segment_count++] = (struct segment_slot){*name, size};
    for (uint32_t i = 0; i < count; i++)
        packs->slots[numbers[i]].segment = packs->segment_count;
    return 0;
}
