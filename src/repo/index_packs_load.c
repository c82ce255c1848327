#include "repo/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int malformed(struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "a record of the pack table is malformed");
}

/* ---- Records ---- */

int packs_parse(const void *plain, size_t size, struct pack_info *ret, struct error *err)
{
    struct cursor c = cursor_of(plain, size);
    struct pack_info info = {.blocks = NULL};
    uint8_t type = cursor_u8(&c);
    cursor_copy(&c, info.name.bytes, HASH_SIZE);
    info.size = cursor_u64(&c);
    cursor_copy(&c, info.header, CONTAINER_HEADER_SIZE);
    info.block_count = cursor_u32(&c);
    if (c.failed || type != PACKS_ADD || info.block_count > INDEX_BLOCKS_MAX ||
        c.left != (size_t)info.block_count * CONTAINER_BLOCK_ROW)
        return malformed(err);
    info.blocks = mem_calloc(info.block_count, sizeof(*info.blocks));
    if (info.blocks == NULL)
        return error_no_memory(err);
    /* Packs have no clear part, so their first block follows the header (FORMAT.md §4). */
    uint64_t offset = CONTAINER_HEADER_SIZE;
    for (uint32_t i = 0; i < info.block_count; i++) {
        struct container_block *block = &info.blocks[i];
        block->offset = offset;
        block->sealed_size = cursor_u32(&c);
        block->plain_size = cursor_u32(&c);
        block->blob_count = cursor_u32(&c);
        block->codec = (uint8_t)cursor_u32(&c);
        offset += block->sealed_size;
    }
    *ret = info;
    return 0;
}

static int apply_pack(struct pack_table *packs, struct cursor c, uint64_t offset, size_t record_size, struct error *err)
{
    struct pack_slot slot = {.offset = offset, .record_size = (uint32_t)record_size};
    cursor_copy(&c, slot.name.bytes, HASH_SIZE);
    slot.size = cursor_u64(&c);
    uint32_t known;
    if (c.failed || packs_find(packs, &slot.name, &known))
        return malformed(err);
    if (packs_reserve(packs, err) != 0)
        return -1;
    packs_register(packs, &slot);
    return 0;
}

static int apply_drop(struct pack_table *packs, struct cursor c, struct error *err)
{
    uint32_t number = cursor_u32(&c);
    if (!cursor_done(&c) || !packs_alive(packs, number))
        return malformed(err);
    packs->slots[number].dropped = true;
    packs->live--;
    return 0;
}

static int apply_segment(struct pack_table *packs, struct cursor c, struct error *err)
{
    struct segment_slot slot = {0};
    cursor_copy(&c, slot.name.bytes, HASH_SIZE);
    slot.size = cursor_u64(&c);
    uint32_t count = cursor_u32(&c);
    if (c.failed || c.left != (size_t)count * 4)
        return malformed(err);
    if (packs_reserve_segment(packs, err) != 0)
        return -1;
    packs->segments[packs->segment_count++] = slot;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = cursor_u32(&c);
        if (number >= packs->count)
            return malformed(err);
        packs->slots[number].segment = packs->segment_count;
    }
    return 0;
}

static int apply(struct pack_table *packs, const uint8_t *plain, size_t size, uint64_t offset, size_t record_size,
                 struct error *err)
{
    struct cursor c = cursor_of(plain, size);
    switch (cursor_u8(&c)) {
    case PACKS_ADD:
        return apply_pack(packs, c, offset, record_size, err);
    case PACKS_DROP:
        return apply_drop(packs, c, err);
    case PACKS_SEGMENT:
        return apply_segment(packs, c, err);
    default:
        return malformed(err);
    }
}

/* ---- Loading ---- */

/* A window of the file, from `start` of the table on. */
struct window {
    struct buf bytes;
    uint64_t start;
};

static void window_free(struct window *window)
{
    buf_wipe_free(&window->bytes);
}

/* Make size bytes at offset available: *ret. */
static int window_at(struct index *index, struct window *w, uint64_t offset, size_t size, uint8_t **ret,
                     struct error *err)
{
    enum { READ_SIZE = 1 << 18 };
    uint64_t left = index->packs.length - offset;
    if (size > left)
        return malformed(err);
    if (offset < w->start || offset + size > w->start + w->bytes.size) {
        size_t want = size > READ_SIZE ? size : left < READ_SIZE ? (size_t)left : READ_SIZE;
        w->bytes.size = 0;
        if (buf_reserve(&w->bytes, want, err) != 0)
            return -1;
        ssize_t n = file_pread_full(index->packs.fd, w->bytes.data, want, (int64_t)offset);
        if (n < 0 || (size_t)n != want)
            return index_read_failed(index, n, err);
        w->bytes.size = want;
        w->start = offset;
    }
    *ret = w->bytes.data + (offset - w->start);
    return 0;
}

static int load_header(struct index *index, struct window *w, struct error *err)
{
    struct pack_table *packs = &index->packs;
    uint8_t *header = NULL;
    if (window_at(index, w, 0, PACKS_HEADER_SIZE, &header, err) != 0)
        return -1;
    if (memcmp(header, "HIKAEPKT\0\0\0\0\0\0\0", 16) != 0)
        return malformed(err);
    memcpy(packs->salt, header + 16, INDEX_SALT_SIZE);
    memcpy(packs->last_tag, header + PACKS_HEADER_SIZE - GCM_TAG_SIZE, GCM_TAG_SIZE);
    struct gcm *gcm = index_file_key(index, "hikae1 index packs", packs->salt, err);
    if (gcm == NULL)
        return -1;
    gcm_free(packs->gcm);
    packs->gcm = gcm;
    return 0;
}

static int load_record(struct index *index, struct window *w, uint64_t *offset, struct error *err)
{
    struct pack_table *packs = &index->packs;
    uint8_t *record = NULL;
    if (window_at(index, w, *offset, PACKS_RECORD_HEAD, &record, err) != 0)
        return -1;
    size_t sealed = get_u32(record);
    if (sealed < GCM_TAG_SIZE + 1 || sealed > PACKS_RECORD_MAX)
        return malformed(err);
    size_t size = PACKS_RECORD_HEAD + sealed;
    if (window_at(index, w, *offset, size, &record, err) != 0)
        return -1;
    uint8_t aad[GCM_TAG_SIZE + 8], tag[GCM_TAG_SIZE];
    packs_aad(packs->last_tag, *offset, aad);
    memcpy(tag, record + size - GCM_TAG_SIZE, GCM_TAG_SIZE);
    uint8_t *plain = record + PACKS_RECORD_HEAD;
    if (gcm_open(packs->gcm, record + 4, aad, sizeof(aad), plain, sealed, plain, err) != 0 ||
        apply(packs, plain, sealed - GCM_TAG_SIZE, *offset, size, err) != 0)
        return -1;
    memcpy(packs->last_tag, tag, GCM_TAG_SIZE);
    *offset += size;
    return 0;
}

int packs_load(struct index *index, uint64_t number, uint64_t length, const uint8_t tag[GCM_TAG_SIZE],
               struct error *err)
{
    struct pack_table *packs = &index->packs;
    packs_free(packs);
    packs->number = number;
    packs->length = length;
    packs->gcm = gcm_new();
    if (packs->gcm == NULL)
        return error_no_memory(err);
    char name[INDEX_NAME_SIZE];
    packs_name(number, name);
    packs->fd = openat(index->folder_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (packs->fd < 0 && (errno == ENOENT || errno == ELOOP))
        return index_damaged(index, err, name);
    struct stat st;
    if (packs->fd < 0 || fstat(packs->fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s/%s", index->folder, name);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < length)
        return index_damaged(index, err, name);
    CLEANUP(window_free) struct window w = {{0}, 0};
    if (load_header(index, &w, err) != 0)
        return -1;
    for (uint64_t offset = PACKS_HEADER_SIZE; offset < length;)
        if (load_record(index, &w, &offset, err) != 0)
            return -1;
    if (memcmp(packs->last_tag, tag, GCM_TAG_SIZE) != 0)
        return index_damaged(index, err, name);
    /* What was added after the last commit is lost, as the runs that went with it are. */
    if ((uint64_t)st.st_size > length && ftruncate(packs->fd, (off_t)length) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "shorten %s/%s", index->folder, name);
    return 0;
}

/* ---- One pack ---- */

static int read_pack(struct index *index, const struct pack_slot *slot, struct pack_info *ret, struct error *err)
{
    /* The 16 bytes before a record are the tag of the one before, or the end of the salt. */
    size_t size = GCM_TAG_SIZE + slot->record_size;
    CLEANUP_FREE uint8_t *bytes = mem_alloc(size);
    if (bytes == NULL)
        return error_no_memory(err);
    ssize_t n = file_pread_full(index->packs.fd, bytes, size, (int64_t)(slot->offset - GCM_TAG_SIZE));
    if (n < 0 || (size_t)n != size)
        return index_read_failed(index, n, err);
    uint8_t aad[GCM_TAG_SIZE + 8];
    packs_aad(bytes, slot->offset, aad);
    uint8_t *record = bytes + GCM_TAG_SIZE;
    uint8_t *plain = record + PACKS_RECORD_HEAD;
    size_t sealed = slot->record_size - PACKS_RECORD_HEAD;
    if (gcm_open(index->packs.gcm, record + 4, aad, sizeof(aad), plain, sealed, plain, err) != 0)
        return index_damaged(index, err, "a record of the pack table");
    return packs_parse(plain, sealed - GCM_TAG_SIZE, ret, err);
}

int packs_get(struct index *index, uint32_t number, struct pack_info *ret, struct error *err)
{
    struct pack_table *packs = &index->packs;
    size_t oldest = 0;
    for (size_t i = 0; i < PACK_CACHE_SLOTS; i++) {
        if (packs->cache[i].used && packs->cache[i].number == number) {
            packs->cache[i].tick = ++packs->tick;
            return pack_info_copy(ret, &packs->cache[i].info, err);
        }
        if (packs->cache[i].tick < packs->cache[oldest].tick)
            oldest = i;
    }
    struct pack_info info;
    if (read_pack(index, &packs->slots[number], &info, err) != 0)
        return -1;
    if (info.block_count > PACK_CACHE_BLOCKS_MAX) {
        *ret = info;
        return 0;
    }
    if (packs->cache[oldest].used)
        pack_info_free(&packs->cache[oldest].info);
    packs->cache[oldest].info = info;
    packs->cache[oldest].number = number;
    packs->cache[oldest].tick = ++packs->tick;
    packs->cache[oldest].used = true;
    return pack_info_copy(ret, &info, err);
}
