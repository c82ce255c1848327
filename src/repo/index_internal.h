/*
 * For the files of repo/index*.c only: the parts of an index, and the files in its folder.
 *
 *   CURRENT        names the runs and the length of the pack table of the last commit; HMAC-SHA256 at its end
 *   packs-<n>      the pack table: an append-only log of sealed records (index_packs.c)
 *   run-<n>        a sorted run of entries (below); never changed once it is written
 *
 * What CURRENT does not name is left over from a crash and deleted. Nothing here is worth repairing: whatever does not
 * authenticate empties the index.
 *
 * A run:
 *
 *   | part   | bytes                                | what                                                      |
 *   | filter | blocks × 64, padded to 4096          | Bloom filter, in order of ids                             |
 *   | data   | entries × 32, in pages of 128 entries | page: n ids of 20 bytes, then n places of 12 bytes, sealed |
 *   | table  | filter pages × 16                    | tags of the pages of the filter                           |
 *   |        | data pages × 8                       | fan-out: first 8 bytes of each page's first id            |
 *   |        | data pages × 16                      | tags of the data pages                                    |
 *
 * The places of a page are encrypted and its ids authenticated by one AES-256-GCM record, whose tag lies in the table;
 * the filter's pages and the table itself are only authenticated, the table's tag lies in CURRENT. The key is derived
 * from a salt that is drawn for each run, nonces are role and page number, so that none repeats: a page is written
 * once.
 */
#ifndef HIKAE_REPO_INDEX_INTERNAL_H
#define HIKAE_REPO_INDEX_INTERNAL_H

#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "repo/index.h"

#include <pthread.h>

enum {
    PLACE_SIZE = 12,
    INDEX_ENTRY_SIZE = 32,
    INDEX_PAGE_SIZE = 4096,
    INDEX_PAGE_ENTRIES = INDEX_PAGE_SIZE / INDEX_ENTRY_SIZE,
    FILTER_BLOCK_SIZE = 64,
    FILTER_BITS_PER_ENTRY = 10,
    INDEX_SALT_SIZE = 32,
    INDEX_FAN_IN = 8,
    INDEX_RUNS_MAX = 64,
    INDEX_BLOCKS_MAX = 65535, /* of a pack */
    INDEX_NAME_SIZE = 32
};

/* ---- Entries ---- */

/*
 * A place in 12 bytes: ~pack (big-endian), block (big-endian), then 48 bits, least significant first: again (1),
 * type (3), size (22), offset (22). So entries compared as 32 bytes are in order of ids, the newest pack of an id
 * first. "Again" is set in runs where the entry before has the same id. No place in use is all zero: types begin
 * with 1.
 */
struct index_entry {
    struct blob_id id;
    uint8_t place[PLACE_SIZE];
};
_Static_assert(sizeof(struct index_entry) == INDEX_ENTRY_SIZE, "entries have no padding");

enum { PLACE_AGAIN = 1 };

static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t get_be64(const uint8_t *p)
{
    return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void place_encode(const struct place *place, uint8_t out[PLACE_SIZE])
{
    uint64_t low = (uint64_t)(place->type & 7) << 1 | (uint64_t)place->size << 4 | (uint64_t)place->offset << 26;
    put_be32(out, ~place->pack);
    out[4] = (uint8_t)(place->block >> 8);
    out[5] = (uint8_t)place->block;
    put_u16(out + 6, (uint16_t)low);
    put_u32(out + 8, (uint32_t)(low >> 16));
}
static inline uint32_t place_pack(const uint8_t bytes[PLACE_SIZE])
{
    return ~get_be32(bytes);
}
static inline void place_decode(const uint8_t bytes[PLACE_SIZE], struct place *ret)
{
    uint64_t low = get_u16(bytes + 6) | (uint64_t)get_u32(bytes + 8) << 16;
    ret->pack = place_pack(bytes);
    ret->block = (uint32_t)bytes[4] << 8 | bytes[5];
    ret->type = (uint8_t)(low >> 1 & 7);
    ret->size = (uint32_t)(low >> 4 & 0x3fffff);
    ret->offset = (uint32_t)(low >> 26 & 0x3fffff);
}

/* ---- The table in memory (index_memtable.c): open addressing, linear probing; an id may occur more than once ---- */

struct memtable {
    struct index_entry *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t capacity_max;
    size_t count;
};

void memtable_init(struct memtable *table, size_t memory);
void memtable_free(struct memtable *table);
/* No further entry fits: write it out first. */
bool memtable_full(const struct memtable *table);
/* Fails only for lack of memory. The same id in the same pack twice is kept once. */
MUST_USE int memtable_add(struct memtable *table, const struct index_entry *entry, struct error *err);
/* Visit the entries of an id, in no order. *cursor starts at 0; NULL at the end. */
const struct index_entry *memtable_next(const struct memtable *table, const struct blob_id *id, size_t *cursor);
/* Sort all entries to the front of slots, where nothing is found any more until memtable_clear. */
void memtable_sort(struct memtable *table);
void memtable_clear(struct memtable *table);

/* ---- Pages of runs in memory (index_cache.c): directly mapped ---- */

struct page_cache {
    uint64_t *keys;  /* 0: empty */
    uint8_t *memory; /* a page for each slot; what is never used costs nothing */
    size_t slots;
    size_t used;
};

/* An empty cache of that many pages, in place of what was there. */
MUST_USE int page_cache_resize(struct page_cache *cache, size_t slots, struct error *err);
void page_cache_free(struct page_cache *cache);
/* The page of that key (not 0), or NULL. */
const uint8_t *page_cache_find(const struct page_cache *cache, uint64_t key);
/* A page to fill, replacing another; it is found only after page_cache_keep. */
uint8_t *page_cache_claim(struct page_cache *cache, uint64_t key);
void page_cache_keep(struct page_cache *cache, uint64_t key);

/* ---- The pack table (index_packs.c, index_packs_load.c) ---- */

struct pack_slot {
    struct hash name;
    uint64_t size;
    uint64_t offset; /* of its record           */
    uint32_t record_size;
    uint32_t segment; /* 1 + number, 0: unknown  */
    bool dropped;
};

struct segment_slot {
    struct hash name;
    uint64_t size;
};

enum { PACK_CACHE_SLOTS = 16, PACK_CACHE_BLOCKS_MAX = 4096 };

struct pack_table {
    int fd;
    uint64_t number; /* of the file */
    uint64_t length;
    uint8_t salt[INDEX_SALT_SIZE];
    uint8_t last_tag[GCM_TAG_SIZE];
    struct gcm *gcm;
    struct pack_slot *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t live;
    uint32_t *names; /* hash table: 1 + number, 0: free */
    size_t names_capacity;
    struct segment_slot *segments;
    uint32_t segment_count;
    uint32_t segment_capacity;
    struct {
        bool used;
        uint32_t number;
        uint64_t tick;
        struct pack_info info;
    } cache[PACK_CACHE_SLOTS];
    uint64_t tick;
};

/* ---- Runs ---- */

struct run {
    uint64_t number;
    uint64_t entries;
    uint64_t filter_blocks;
    uint8_t salt[INDEX_SALT_SIZE];
    uint8_t table_tag[GCM_TAG_SIZE];
    uint32_t pages;
    uint32_t filter_pages;
    int fd;
    bool durable;   /* synced          */
    bool committed; /* named by CURRENT */
    uint8_t *table;
    size_t table_size;
    uint8_t *filter; /* NULL: read page by page */
    struct gcm *gcm;
    uint64_t cache_base; /* keys of its pages in the cache begin here */
};

struct index {
    pthread_mutex_t lock;
    char *folder;
    int folder_fd;
    struct secret *key;
    size_t memory_limit;
    size_t merge_memory;
    bool broken; /* an addition was not completed, or damage was found: open it again */
    bool dirty;
    struct memtable table;
    struct page_cache cache;
    struct run *runs[INDEX_RUNS_MAX]; /* oldest first: every pack of a run is at most as new as those of the next */
    size_t run_count;
    struct pack_table packs;
    uint64_t next_number;
    uint64_t *obsolete; /* numbers of runs that CURRENT still names */
    size_t obsolete_count;
};

enum run_role { ROLE_DATA = 0, ROLE_FILTER = 1, ROLE_TABLE = 2 };

/* ---- index.c ---- */

/* -1 if the index is broken: only closing it helps. */
MUST_USE int index_check(const struct index *index, struct error *err);
/* Found damage: forget CURRENT, so that the index is emptied when it is opened next. Returns -1, ERROR_DAMAGED. */
int index_damaged(struct index *index, struct error *err, const char *what);
/* A read of the index's files failed or (got ≥ 0) ended early: damage, or ERROR_LOCAL where the disk is not to blame.
 */
int index_read_failed(struct index *index, ssize_t got, struct error *err);
#define index_read_failed(index, got, err) ((void)(index_read_failed)(index, got, err), -1)
/* A fresh context keyed for a file of the index with this salt; NULL and err. */
struct gcm *index_file_key(const struct index *index, const char *label, const uint8_t salt[INDEX_SALT_SIZE],
                           struct error *err);
/* Bytes of the limit that nothing has claimed yet; the cache's pages beyond its share do not count. */
size_t index_spare_memory(const struct index *index);
size_t index_memory(const struct index *index);
/* Runs have changed: give the cache what memory is left, no more than it can use. */
MUST_USE int index_size_cache(struct index *index, struct error *err);

/* ---- index_run.c ---- */

void run_name(uint64_t number, char out[INDEX_NAME_SIZE]);
struct run *run_new(void);
/* Closes; the file stays. */
void run_free(struct run *run);
/* Open the file of a run whose number, entries, filter_blocks, salt and table_tag are set. */
MUST_USE int run_open(struct index *index, struct run *run, struct error *err);
/* Fill counts of pages that follow from entries and filter_blocks; false if they are impossible. */
bool run_layout(struct run *run);
uint64_t run_filter_size(const struct run *run);
uint64_t run_data_offset(const struct run *run);
uint64_t run_table_offset(const struct run *run);
uint64_t run_file_size(const struct run *run);
size_t run_memory(const struct run *run);
size_t run_page_entries(const struct run *run, uint32_t page);
uint8_t *run_filter_tag(const struct run *run, uint32_t page);
uint8_t *run_first(const struct run *run, uint32_t page);
uint8_t *run_tag(const struct run *run, uint32_t page);
/* Which block of the filter, and which bits of it, an id has. */
uint64_t run_filter_block(const struct run *run, const struct blob_id *id);
void filter_add(uint8_t block[FILTER_BLOCK_SIZE], const struct blob_id *id);
/* Take the filter to memory if the limit allows. */
MUST_USE int run_load_filter(struct index *index, struct run *run, struct error *err);
/* Decrypt `count` pages (the last may be short) from `first` on; reads them into out (count × 4096 bytes). */
MUST_USE int run_read_pages(struct index *index, struct run *run, uint32_t first, uint32_t count, uint8_t *out,
                            struct error *err);
/* 1 and *ret (newest place whose pack has a number below this and is not dropped), 0, -1. */
MUST_USE int run_find(struct index *index, struct run *run, const struct blob_id *id, uint32_t below, struct place *ret,
                      struct error *err);
void run_nonce(enum run_role role, uint64_t number, uint8_t out[GCM_NONCE_SIZE]);

/* ---- index_write.c ---- */

struct run_writer {
    struct index *index;
    struct run *run;
    uint8_t *buffer;
    size_t buffer_pages;
    size_t buffered; /* full pages in the buffer */
    uint32_t in_page;
    uint64_t offset; /* where the buffer goes */
    uint8_t *filter_page;
    uint32_t filter_number;
    struct blob_id last;
    uint8_t own_filter_page[INDEX_PAGE_SIZE];
};

/* Write a new run of at most entries_max (1 or more) entries, given in order. */
MUST_USE int run_writer_begin(struct run_writer *writer, struct index *index, uint64_t entries_max, struct error *err);
MUST_USE int run_writer_add(struct run_writer *writer, const struct index_entry *entry, struct error *err);
/* *ret is NULL if nothing was added. Not synced. */
MUST_USE int run_writer_finish(struct run_writer *writer, struct run **ret, struct error *err);
/* Frees what was not handed over and removes an unfinished file. */
void run_writer_end(struct run_writer *writer);

/* ---- index_merge.c ---- */

/* Write the memtable as a run, and merge runs as due. */
MUST_USE int index_flush(struct index *index, struct error *err);
/* Remove a run's file now, or after the next commit if CURRENT names it; frees the run. */
void index_retire_run(struct index *index, struct run *run);

/* ---- index_packs.c, index_packs_load.c ---- */

enum { PACKS_HEADER_SIZE = 16 + INDEX_SALT_SIZE, PACKS_RECORD_HEAD = 4 + GCM_NONCE_SIZE, PACKS_RECORD_MAX = 2 << 20 };
enum packs_record { PACKS_ADD = 1, PACKS_DROP = 2, PACKS_SEGMENT = 3 };

void packs_name(uint64_t number, char out[INDEX_NAME_SIZE]);
MUST_USE int packs_create(struct index *index, struct error *err);
/* Load the first `length` bytes of table `number`, whose last record ends in `tag`; what follows is cut off. */
MUST_USE int packs_load(struct index *index, uint64_t number, uint64_t length, const uint8_t tag[GCM_TAG_SIZE],
                        struct error *err);
void packs_free(struct pack_table *packs);
size_t packs_memory(const struct pack_table *packs);
bool packs_find(const struct pack_table *packs, const struct hash *name, uint32_t *ret_number);
MUST_USE int packs_add(struct index *index, const struct pack_info *pack, uint32_t *ret_number, struct error *err);
MUST_USE int packs_drop(struct index *index, uint32_t number, struct error *err);
/* Numbers of packs that are covered by a segment; at most PACKS_SEGMENT_MAX. */
enum { PACKS_SEGMENT_MAX = 65536 };
MUST_USE int packs_note_segment(struct index *index, const struct hash *name, uint64_t size, const uint32_t *numbers,
                                uint32_t count, struct error *err);
MUST_USE int packs_get(struct index *index, uint32_t number, struct pack_info *ret, struct error *err);
static inline bool packs_alive(const struct pack_table *packs, uint32_t number)
{
    return number < packs->count && !packs->slots[number].dropped;
}

/* Registering what a record says, shared by adding and loading. */
MUST_USE int packs_reserve(struct pack_table *packs, struct error *err);
void packs_register(struct pack_table *packs, const struct pack_slot *slot);
MUST_USE int packs_reserve_segment(struct pack_table *packs, struct error *err);
/* AAD of a record: the 16 bytes before it, which are the tag of the record before, and its offset. */
void packs_aad(const uint8_t before[GCM_TAG_SIZE], uint64_t offset, uint8_t out[GCM_TAG_SIZE + 8]);
/* Parse the plain bytes of a PACKS_ADD record. Does not set *ret on failure. */
MUST_USE int packs_parse(const void *plain, size_t size, struct pack_info *ret, struct error *err);

/* ---- index_current.c ---- */

/* Load what CURRENT names. ERROR_NOT_FOUND, or ERROR_DAMAGED: empty the index. */
MUST_USE int current_load(struct index *index, struct error *err);
MUST_USE int current_write(struct index *index, struct error *err);
/* Delete all files of an index in the folder that are not part of it as loaded. */
MUST_USE int current_sweep(struct index *index, struct error *err);

#endif
