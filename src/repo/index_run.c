#include "repo/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void run_name(uint64_t number, char out[INDEX_NAME_SIZE])
{
    (void)snprintf(out, INDEX_NAME_SIZE, "run-%016llx", (unsigned long long)number);
}

struct run *run_new(void)
{
    struct run *run = mem_calloc(1, sizeof(*run));
    if (run != NULL)
        run->fd = -1;
    return run;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    cleanup_fd(&run->fd);
    gcm_free(run->gcm);
    mem_free(run->table);
    mem_free(run->filter);
    mem_free(run);
}

/* ---- Where things are ---- */

bool run_layout(struct run *run)
{
    if (run->entries == 0 || run->entries > UINT64_C(1) << 38 || run->filter_blocks == 0 ||
        run->filter_blocks > UINT32_MAX)
        return false;
    run->pages = (uint32_t)((run->entries + INDEX_PAGE_ENTRIES - 1) / INDEX_PAGE_ENTRIES);
    run->filter_pages = (uint32_t)((run_filter_size(run) + INDEX_PAGE_SIZE - 1) / INDEX_PAGE_SIZE);
    run->table_size = (size_t)run->filter_pages * GCM_TAG_SIZE + (size_t)run->pages * (8 + GCM_TAG_SIZE);
    return run->table_size <= INT32_MAX;
}

uint64_t run_filter_size(const struct run *run)
{
    return run->filter_blocks * FILTER_BLOCK_SIZE;
}

uint64_t run_data_offset(const struct run *run)
{
    return (uint64_t)run->filter_pages * INDEX_PAGE_SIZE;
}

uint64_t run_table_offset(const struct run *run)
{
    return run_data_offset(run) + run->entries * INDEX_ENTRY_SIZE;
}

uint64_t run_file_size(const struct run *run)
{
    return run_table_offset(run) + run->table_size;
}

size_t run_memory(const struct run *run)
{
    return sizeof(*run) + run->table_size + (run->filter != NULL ? (size_t)run_filter_size(run) : 0);
}

size_t run_page_entries(const struct run *run, uint32_t page)
{
    uint64_t left = run->entries - (uint64_t)page * INDEX_PAGE_ENTRIES;
    return left < INDEX_PAGE_ENTRIES ? (size_t)left : INDEX_PAGE_ENTRIES;
}

static size_t filter_page_size(const struct run *run, uint32_t page)
{
    uint64_t left = run_filter_size(run) - (uint64_t)page * INDEX_PAGE_SIZE;
    return left < INDEX_PAGE_SIZE ? (size_t)left : INDEX_PAGE_SIZE;
}

uint8_t *run_filter_tag(const struct run *run, uint32_t page)
{
    return run->table + (size_t)page * GCM_TAG_SIZE;
}

uint8_t *run_first(const struct run *run, uint32_t page)
{
    return run->table + (size_t)run->filter_pages * GCM_TAG_SIZE + (size_t)page * 8;
}

uint8_t *run_tag(const struct run *run, uint32_t page)
{
    return run_first(run, run->pages) + (size_t)page * GCM_TAG_SIZE;
}

void run_nonce(enum run_role role, uint64_t number, uint8_t out[GCM_NONCE_SIZE])
{
    memset(out, 0, GCM_NONCE_SIZE);
    out[0] = (uint8_t)role;
    put_be32(out + 4, (uint32_t)(number >> 32));
    put_be32(out + 8, (uint32_t)number);
}

/* ---- Opening pages ---- */

/* Check bytes that are authenticated and not encrypted. */
static int check_tag(struct index *index, struct run *run, enum run_role role, uint64_t number, const void *bytes,
                     size_t size, const uint8_t tag[GCM_TAG_SIZE], struct error *err)
{
    uint8_t nonce[GCM_NONCE_SIZE], none[1];
    run_nonce(role, number, nonce);
    if (gcm_open(run->gcm, nonce, bytes, size, tag, GCM_TAG_SIZE, none, err) != 0)
        return index_damaged(index, err, "a filter or table");
    return 0;
}

/* Decrypt the places of a page where they are. */
static int open_page(struct index *index, struct run *run, uint32_t page, uint8_t *bytes, struct error *err)
{
    size_t count = run_page_entries(run, page);
    uint8_t *places = bytes + count * BLOB_ID_SIZE;
    uint8_t sealed[INDEX_PAGE_ENTRIES * PLACE_SIZE + GCM_TAG_SIZE];
    memcpy(sealed, places, count * PLACE_SIZE);
    memcpy(sealed + count * PLACE_SIZE, run_tag(run, page), GCM_TAG_SIZE);
    uint8_t nonce[GCM_NONCE_SIZE];
    run_nonce(ROLE_DATA, page, nonce);
    if (gcm_open(run->gcm, nonce, bytes, count * BLOB_ID_SIZE, sealed, count * PLACE_SIZE + GCM_TAG_SIZE, places,
                 err) != 0)
        return index_damaged(index, err, "a page of entries");
    return 0;
}

int run_read_pages(struct index *index, struct run *run, uint32_t first, uint32_t count, uint8_t *out,
                   struct error *err)
{
    size_t size = (size_t)(count - 1) * INDEX_PAGE_SIZE + run_page_entries(run, first + count - 1) * INDEX_ENTRY_SIZE;
    uint64_t offset = run_data_offset(run) + (uint64_t)first * INDEX_PAGE_SIZE;
    ssize_t n = file_pread_full(run->fd, out, size, (int64_t)offset);
    if (n < 0 || (size_t)n != size)
        return index_read_failed(index, n, err);
    for (uint32_t i = 0; i < count; i++)
        if (open_page(index, run, first + i, out + (size_t)i * INDEX_PAGE_SIZE, err) != 0)
            return -1;
    return 0;
}

static int read_filter_page(struct index *index, struct run *run, uint32_t page, uint8_t *out, struct error *err)
{
    size_t size = filter_page_size(run, page);
    ssize_t n = file_pread_full(run->fd, out, size, (int64_t)page * INDEX_PAGE_SIZE);
    if (n < 0 || (size_t)n != size)
        return index_read_failed(index, n, err);
    return check_tag(index, run, ROLE_FILTER, page, out, size, run_filter_tag(run, page), err);
}

static int cached_page(struct index *index, struct run *run, enum run_role role, uint32_t page, const uint8_t **ret,
                       struct error *err)
{
    if (index->cache.slots == 0 && index_size_cache(index, err) != 0)
        return -1;
    uint64_t key = run->cache_base + (role == ROLE_FILTER ? run->pages + (uint64_t)page : page);
    *ret = page_cache_find(&index->cache, key);
    if (*ret != NULL)
        return 0;
    uint8_t *bytes = page_cache_claim(&index->cache, key);
    int rc = role == ROLE_FILTER ? read_filter_page(index, run, page, bytes, err)
                                 : run_read_pages(index, run, page, 1, bytes, err);
    if (rc != 0)
        return -1;
    page_cache_keep(&index->cache, key);
    *ret = bytes;
    return 0;
}

/* ---- The filter: blocked Bloom (Putze, Sanders, Singler, 2007), its blocks in the order of ids ---- */

uint64_t run_filter_block(const struct run *run, const struct blob_id *id)
{
    /* Ids are uniform, so their first bytes, scaled, choose the block: a run's filter is written as a stream. */
    return (uint64_t)get_be32(id->bytes) * run->filter_blocks >> 32;
}

enum { FILTER_PROBES = 7, FILTER_PROBE_BITS = 9 }; /* 2^9 bits a block; 7 × 9 = 63 bits of the id */

void filter_add(uint8_t block[FILTER_BLOCK_SIZE], const struct blob_id *id)
{
    uint64_t bits = get_u64(id->bytes + 8);
    for (int i = 0; i < FILTER_PROBES; i++, bits >>= FILTER_PROBE_BITS)
        block[bits >> 3 & 63] = (uint8_t)(block[bits >> 3 & 63] | 1U << (bits & 7));
}

static bool filter_has(const uint8_t block[FILTER_BLOCK_SIZE], const struct blob_id *id)
{
    uint64_t bits = get_u64(id->bytes + 8);
    for (int i = 0; i < FILTER_PROBES; i++, bits >>= FILTER_PROBE_BITS)
        if ((block[bits >> 3 & 63] >> (bits & 7) & 1) == 0)
            return false;
    return true;
}

int run_load_filter(struct index *index, struct run *run, struct error *err)
{
    if (run->filter != NULL || run_filter_size(run) > index_spare_memory(index))
        return 0;
    CLEANUP_FREE uint8_t *filter = mem_alloc((size_t)run_filter_size(run));
    if (filter == NULL)
        return error_no_memory(err);
    for (uint32_t page = 0; page < run->filter_pages; page++)
        if (read_filter_page(index, run, page, filter + (size_t)page * INDEX_PAGE_SIZE, err) != 0)
            return -1;
    run->filter = filter;
    filter = NULL;
    return 0;
}

/* 1: the run may hold the id. 0: it does not. */
static int ask_filter(struct index *index, struct run *run, const struct blob_id *id, struct error *err)
{
    uint64_t block = run_filter_block(run, id);
    if (run->filter != NULL)
        return filter_has(run->filter + block * FILTER_BLOCK_SIZE, id);
    enum { BLOCKS_A_PAGE = INDEX_PAGE_SIZE / FILTER_BLOCK_SIZE };
    const uint8_t *bytes;
    if (cached_page(index, run, ROLE_FILTER, (uint32_t)(block / BLOCKS_A_PAGE), &bytes, err) != 0)
        return -1;
    return filter_has(bytes + block % BLOCKS_A_PAGE * FILTER_BLOCK_SIZE, id);
}

/* ---- Opening and finding ---- */

int run_open(struct index *index, struct run *run, struct error *err)
{
    char name[INDEX_NAME_SIZE];
    run_name(run->number, name);
    run->fd = openat(index->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (run->fd < 0 && (errno == ENOENT || errno == ELOOP))
        return index_damaged(index, err, name);
    struct stat st;
    if (run->fd < 0 || fstat(run->fd, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "open %s/%s", index->folder, name);
    if (!run_layout(run) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != run_file_size(run))
        return index_damaged(index, err, name);
    run->table = mem_alloc(run->table_size);
    if (run->table == NULL)
        return error_no_memory(err);
    run->gcm = index_file_key(index, "hikae1 index run", run->salt, err);
    if (run->gcm == NULL)
        return -1;
    ssize_t n = file_pread_full(run->fd, run->table, run->table_size, (int64_t)run_table_offset(run));
    if (n < 0 || (size_t)n != run->table_size)
        return index_read_failed(index, n, err);
    return check_tag(index, run, ROLE_TABLE, 0, run->table, run->table_size, run->table_tag, err);
}

/* ---- Searching: ids are uniform, so a guess lands near, and steps that double bracket the rest ---- */

/* Where in `count` places, spread evenly over low … high, does a value lie? */
static size_t guess(uint64_t low, uint64_t high, uint64_t value, size_t count)
{
    if (value <= low || high <= low)
        return 0;
    if (value >= high)
        return count - 1;
    size_t at = (size_t)((double)(value - low) / (double)(high - low) * (double)count);
    return at < count ? at : count - 1;
}

typedef bool is_before(const uint8_t *rows, size_t i, const struct blob_id *id);

/* The first of `count` rows that is not before the id, or count. Rows that are before it come first. */
static inline size_t search_from(size_t start, size_t count, is_before *before, const uint8_t *rows,
                                 const struct blob_id *id)
{
    size_t low = 0, high = count; /* the answer is from low to high */
    if (before(rows, start, id)) {
        low = start + 1;
        for (size_t step = 1; low + step <= high; step *= 2) {
            if (!before(rows, low + step - 1, id))
                high = low + step - 1;
            else
                low += step;
        }
    } else {
        high = start;
        for (size_t step = 1; low + step <= high; step *= 2) {
            if (before(rows, high - step, id))
                low = high - step + 1;
            else
                high -= step;
        }
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (before(rows, middle, id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline bool page_begins_before(const uint8_t *firsts, size_t i, const struct blob_id *id)
{
    return get_u64(firsts + i * 8) <= get_be64(id->bytes);
}

/* The last page whose first id begins with at most the same 8 bytes; false if there is none. */
static bool find_page(const struct run *run, const struct blob_id *id, uint32_t *ret)
{
    size_t start = guess(0, UINT64_MAX, get_be64(id->bytes), run->pages);
    size_t after = search_from(start, run->pages, page_begins_before, run_first(run, 0), id);
    *ret = (uint32_t)after - 1;
    return after > 0;
}

static inline bool id_before(const uint8_t *ids, size_t i, const struct blob_id *id)
{
    const uint8_t *own = ids + i * BLOB_ID_SIZE;
    uint64_t a = get_be64(own), b = get_be64(id->bytes);
    return a != b ? a < b : memcmp(own, id->bytes, BLOB_ID_SIZE) < 0;
}

struct position {
    uint32_t page;
    const uint8_t *bytes;
    size_t count;
    size_t i;
};

static int load_position(struct index *index, struct run *run, struct position *at, struct error *err)
{
    at->count = run_page_entries(run, at->page);
    return cached_page(index, run, ROLE_DATA, at->page, &at->bytes, err);
}

static bool is_id(const struct position *at, const struct blob_id *id)
{
    return at->i < at->count && memcmp(at->bytes + at->i * BLOB_ID_SIZE, id->bytes, BLOB_ID_SIZE) == 0;
}

static const uint8_t *place_at(const struct position *at)
{
    return at->bytes + at->count * BLOB_ID_SIZE + at->i * PLACE_SIZE;
}

/*
 * Go to the id's first entry: one page is read, unless the id's entries, or others with the same first 8 bytes,
 * begin on the page before.
 */
static int seek(struct index *index, struct run *run, const struct blob_id *id, uint64_t prefix, struct position *at,
                struct error *err)
{
    for (;;) {
        if (load_position(index, run, at, err) != 0)
            return -1;
        uint64_t first = get_u64(run_first(run, at->page));
        uint64_t next = at->page + 1 < run->pages ? get_u64(run_first(run, at->page + 1)) : UINT64_MAX;
        at->i = search_from(guess(first, next, prefix, at->count), at->count, id_before, at->bytes, id);
        if (at->i > 0 || at->page == 0 || first != prefix || (is_id(at, id) && (place_at(at)[6] & PLACE_AGAIN) == 0))
            return 0;
        at->page--;
    }
}

int run_find(struct index *index, struct run *run, const struct blob_id *id, uint32_t below, struct place *ret,
             struct error *err)
{
    int rc = ask_filter(index, run, id, err);
    struct position at;
    uint64_t prefix = get_be64(id->bytes);
    if (rc <= 0 || !find_page(run, id, &at.page))
        return rc < 0 ? -1 : 0;
    if (seek(index, run, id, prefix, &at, err) != 0)
        return -1;
    for (;; at.i++) {
        if (at.i == at.count) {
            if (at.page + 1 == run->pages || get_u64(run_first(run, at.page + 1)) > prefix)
                return 0;
            at.page++;
            at.i = 0;
            if (load_position(index, run, &at, err) != 0)
                return -1;
        }
        if (!is_id(&at, id))
            return 0;
        uint32_t pack = place_pack(place_at(&at));
        if (pack < below && packs_alive(&index->packs, pack)) {
            place_decode(place_at(&at), ret);
            return 1;
        }
    }
}
