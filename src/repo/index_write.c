#include "repo/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int write_failed(const struct run_writer *w, struct error *err)
{
    return error_set_errno(err, ERROR_LOCAL, errno, "write run %llu of the index in %s",
                           (unsigned long long)w->run->number, w->index->folder);
}

static int create_file(struct run_writer *w, struct error *err)
{
    struct index *index = w->index;
    struct run *run = w->run;
    char name[INDEX_NAME_SIZE];
    run->number = index->next_number++;
    run_name(run->number, name);
    run->fd = openat(index->folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (run->fd < 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "create %s/%s", index->folder, name);
    if (crypto_random(run->salt, sizeof(run->salt), err) != 0)
        return -1;
    run->gcm = index_file_key(index, "hikae1 index run", run->salt, err);
    return run->gcm != NULL ? 0 : -1;
}

int run_writer_begin(struct run_writer *w, struct index *index, uint64_t entries_max, struct error *err)
{
    w->index = index;
    w->buffer_pages = 16;
    w->buffered = 0;
    w->in_page = 0;
    w->filter_number = 0;
    w->buffer = mem_alloc(w->buffer_pages * INDEX_PAGE_SIZE);
    w->run = run_new();
    if (w->buffer == NULL || w->run == NULL)
        return error_no_memory(err);
    struct run *run = w->run;
    run->entries = entries_max;
    run->filter_blocks = entries_max * FILTER_BITS_PER_ENTRY / (8 * FILTER_BLOCK_SIZE) + 1;
    if (!run_layout(run))
        return error_set(err, ERROR_LOCAL, "an index of %llu blobs is too large", (unsigned long long)entries_max);
    w->offset = run_data_offset(run);
    run->table = mem_calloc(1, run->table_size);
    bool keep = run_filter_size(run) + run->table_size <= index_spare_memory(index);
    if (keep)
        run->filter = mem_calloc(1, (size_t)run->filter_pages * INDEX_PAGE_SIZE);
    if (run->table == NULL || (keep && run->filter == NULL))
        return error_no_memory(err);
    memset(w->own_filter_page, 0, sizeof(w->own_filter_page));
    w->filter_page = keep ? run->filter : w->own_filter_page;
    run->entries = 0;
    return create_file(w, err);
}

/* Authenticate bytes that are not encrypted. */
static int seal_tag(struct run *run, enum run_role role, uint64_t number, const void *bytes, size_t size,
                    uint8_t tag[GCM_TAG_SIZE], struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE];
    run_nonce(role, number, nonce);
    return gcm_seal(run->gcm, nonce, bytes, size, NULL, 0, tag, err);
}

/* Write the filter's pages before page `until`: no further id falls into them. */
static int write_filter(struct run_writer *w, uint32_t until, struct error *err)
{
    struct run *run = w->run;
    for (; w->filter_number < until; w->filter_number++) {
        uint64_t offset = (uint64_t)w->filter_number * INDEX_PAGE_SIZE;
        uint64_t left = run_filter_size(run) - offset;
        size_t size = left < INDEX_PAGE_SIZE ? (size_t)left : INDEX_PAGE_SIZE;
        if (seal_tag(run, ROLE_FILTER, w->filter_number, w->filter_page, size, run_filter_tag(run, w->filter_number),
                     err) != 0)
            return -1;
        if (file_pwrite_full(run->fd, w->filter_page, INDEX_PAGE_SIZE, (int64_t)offset) != 0)
            return write_failed(w, err);
        if (run->filter != NULL)
            w->filter_page += INDEX_PAGE_SIZE;
        else
            memset(w->filter_page, 0, INDEX_PAGE_SIZE);
    }
    return 0;
}

static int add_to_filter(struct run_writer *w, const struct blob_id *id, struct error *err)
{
    enum { BLOCKS_A_PAGE = INDEX_PAGE_SIZE / FILTER_BLOCK_SIZE };
    uint64_t block = run_filter_block(w->run, id);
    if (write_filter(w, (uint32_t)(block / BLOCKS_A_PAGE), err) != 0)
        return -1;
    filter_add(w->filter_page + block % BLOCKS_A_PAGE * FILTER_BLOCK_SIZE, id);
    return 0;
}

static int flush_buffer(struct run_writer *w, size_t size, struct error *err)
{
    if (file_pwrite_full(w->run->fd, w->buffer, size, (int64_t)w->offset) != 0)
        return write_failed(w, err);
    w->offset += size;
    w->buffered = 0;
    return 0;
}

/* Seal the page that is being filled; its entries are counted already. */
static int seal_page(struct run_writer *w, struct error *err)
{
    struct run *run = w->run;
    uint8_t *page = w->buffer + w->buffered * INDEX_PAGE_SIZE;
    size_t count = w->in_page;
    uint8_t *places = page + count * BLOB_ID_SIZE;
    /* While it was filled, a page had its places where those of a full one are. */
    memmove(places, page + (size_t)INDEX_PAGE_ENTRIES * BLOB_ID_SIZE, count * PLACE_SIZE);
    uint32_t number = (uint32_t)((run->entries - 1) / INDEX_PAGE_ENTRIES);
    uint8_t sealed[INDEX_PAGE_ENTRIES * PLACE_SIZE + GCM_TAG_SIZE];
    uint8_t nonce[GCM_NONCE_SIZE];
    run_nonce(ROLE_DATA, number, nonce);
    if (gcm_seal(run->gcm, nonce, page, count * BLOB_ID_SIZE, places, count * PLACE_SIZE, sealed, err) != 0)
        return -1;
    memcpy(places, sealed, count * PLACE_SIZE);
    memcpy(run_tag(run, number), sealed + count * PLACE_SIZE, GCM_TAG_SIZE);
    put_u64(run_first(run, number), get_be64(page));
    w->in_page = 0;
    return 0;
}

int run_writer_add(struct run_writer *w, const struct index_entry *entry, struct error *err)
{
    uint8_t *page = w->buffer + w->buffered * INDEX_PAGE_SIZE;
    uint8_t *place = page + (size_t)INDEX_PAGE_ENTRIES * BLOB_ID_SIZE + (size_t)w->in_page * PLACE_SIZE;
    memcpy(page + (size_t)w->in_page * BLOB_ID_SIZE, entry->id.bytes, BLOB_ID_SIZE);
    memcpy(place, entry->place, PLACE_SIZE);
    bool again = w->run->entries > 0 && blob_id_equal(&w->last, &entry->id);
    place[6] = (uint8_t)((entry->place[6] & ~PLACE_AGAIN) | (again ? PLACE_AGAIN : 0));
    w->last = entry->id;
    w->run->entries++;
    if (!again && add_to_filter(w, &entry->id, err) != 0)
        return -1;
    if (++w->in_page < INDEX_PAGE_ENTRIES)
        return 0;
    if (seal_page(w, err) != 0)
        return -1;
    w->buffered++;
    return w->buffered < w->buffer_pages ? 0 : flush_buffer(w, w->buffered * INDEX_PAGE_SIZE, err);
}

/* Fewer pages than were allowed for: move the parts of the table together. */
static void pack_table(struct run *run)
{
    uint32_t most = run->pages;
    const uint8_t *tags = run_tag(run, 0);
    (void)run_layout(run);
    if (run->pages == most)
        return;
    memmove(run_tag(run, 0), tags, (size_t)run->pages * GCM_TAG_SIZE);
    uint8_t *table = mem_realloc(run->table, run->table_size);
    if (table != NULL)
        run->table = table;
}

int run_writer_finish(struct run_writer *w, struct run **ret, struct error *err)
{
    struct run *run = w->run;
    *ret = NULL;
    if (run->entries == 0)
        return 0;
    size_t rest = (size_t)w->in_page * INDEX_ENTRY_SIZE;
    if (w->in_page > 0 && seal_page(w, err) != 0)
        return -1;
    if (flush_buffer(w, w->buffered * INDEX_PAGE_SIZE + rest, err) != 0 || write_filter(w, run->filter_pages, err) != 0)
        return -1;
    pack_table(run);
    if (seal_tag(run, ROLE_TABLE, 0, run->table, run->table_size, run->table_tag, err) != 0)
        return -1;
    if (file_pwrite_full(run->fd, run->table, run->table_size, (int64_t)run_table_offset(run)) != 0)
        return write_failed(w, err);
    *ret = run;
    w->run = NULL;
    return 0;
}

void run_writer_end(struct run_writer *w)
{
    if (w->run != NULL && w->run->fd >= 0) {
        char name[INDEX_NAME_SIZE];
        run_name(w->run->number, name);
        (void)unlinkat(w->index->folder_fd, name, 0);
    }
    run_free(w->run);
    mem_free(w->buffer);
    w->run = NULL;
    w->buffer = NULL;
}
