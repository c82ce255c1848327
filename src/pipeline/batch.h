/*
 * What travels between the stages of a backup: batches of content from the
 * scan to the gathering, blocks from the gathering to the packs.
 */
#ifndef HIKAE_PIPELINE_BATCH_H
#define HIKAE_PIPELINE_BATCH_H

#include "base/ordered.h"
#include "base/queue.h"
#include "pipeline/backup.h"
#include "pipeline/upload.h"

#include <sys/types.h>

enum {
    BATCH_BYTES = 2 << 20,        /* content of a batch, about       */
    BATCH_EVENTS = 4096,          /* entries of a batch, at most     */
    BATCH_COUNT = 6,              /* batches in all                  */
    BLOCK_BYTES = 4 << 20,        /* plain bytes of a content block, at most: all that the format allows */
    BLOCK_META_BYTES = 512 << 10, /* of a metadata block: smaller, so that a look inside fetches little */
    BLOCK_COUNT = 5,              /* blocks in all                   */
    BLOCK_BLOBS_MAX = 1 << 13,    /* these three bound memory where files are tiny */
    PACK_BLOBS_MAX = 1 << 15,
    PACK_META_SIZE = 8 << 20,
    PACK_SMALL = 1 << 20, /* up to this size content and metadata share a pack */
    SEGMENT_PACKS = 64,
    SEGMENT_ENTRIES = 1 << 16
};

struct batch_blob {
    uint32_t offset;
    uint32_t size;
    struct blob_id id; /* set by identify.c */
};

enum batch_event_kind {
    EVENT_EXTENT,  /* the next extent of the current file                    */
    EVENT_RESTART, /* forget its extents: it is read again                   */
    EVENT_ENTRY,   /* an entry is complete                                   */
    EVENT_SORT     /* the entries marked `later` are all there: sort them    */
};

struct batch_event {
    enum batch_event_kind kind;
    /* EVENT_EXTENT */
    enum extent_kind extent;
    uint64_t size;
    uint32_t blob; /* of EXTENT_DATA: index in the batch */
    /* EVENT_ENTRY */
    struct entry *entry;    /* owned */
    struct entry *previous; /* owned; the parent's entry of that path, if the content was read again; or NULL */
    bool fresh;             /* its content is the extents since the last entry */
    bool later;             /* it comes out of order: keep it for EVENT_SORT   */
};

struct batch {
    struct buf bytes;
    struct batch_blob *blobs;
    size_t blob_count, blob_capacity;
    struct batch_event *events;
    size_t event_count, event_capacity;
    bool failed;
    struct error error;
};

struct block {
    bool meta;
    struct buf plain;
    struct container_blob *blobs;
    size_t blob_count, blob_capacity;
    enum container_codec codec; /* set by compress.c */
    struct buf payload;
    bool failed;
    struct error error;
};

struct compressor; /* compress.c */
struct packer;     /* pack.c */
struct gatherer;   /* gather.c */
struct scanner;    /* merge.c, read.c */

/* Which packs of the index a snapshot needs: a set of pack numbers. Each thread that marks has its own. */
struct pack_set {
    uint64_t *words;
    size_t word_count;
};
MUST_USE int pack_set_add(struct pack_set *set, uint32_t pack, struct error *err);
bool pack_set_has(const struct pack_set *set, uint32_t pack);
void pack_set_free(struct pack_set *set);

/* A run of the pipeline: what the stages share. */
struct backup {
    const struct backup_options *options;
    struct backup_counters *counters;
    struct pool *pool;
    struct queue *free_batches;
    struct ordered *batches; /* scan → identify → gather */
    struct queue *free_blocks;
    struct ordered *blocks; /* gather → compress → pack */
    struct upload *upload;
    struct blob_hasher **hashers; /* one a worker */
    struct compressor **compressors;
    unsigned threads;
    struct pack_set scan_packs;
    struct pack_set gather_packs;
    /* The first failure of any stage ends the run. */
    pthread_mutex_t mutex;
    bool failed;
    struct error error;
    struct cancel stop; /* also set when options->cancel is: looked at by all stages */
};

/* Remember the first failure and make every stage stop. */
void backup_fail(struct backup *backup, const struct error *err);
/* 0, or -1 with why the run stops. */
MUST_USE int backup_check(struct backup *backup, struct error *err);

/* identify.c: the work of a worker on a batch. */
void identify_batch(void *item, unsigned worker, void *context);

/* compress.c: what is mostly compressed decides how. */
enum compress_kind { COMPRESS_TREES, COMPRESS_IMAGES };
MUST_USE int compressor_new(int level, enum compress_kind kind, bool verify, struct compressor **ret,
                            struct error *err);
void compressor_free(struct compressor *compressor);
void compress_block(void *item, unsigned worker, void *context);

/* gather.c: takes batches until they end; leaves the manifest's root. */
MUST_USE int gather_run(struct backup *backup, struct packer *packer, struct manifest_root *ret, struct error *err);

/* pack.c: takes blocks until they end. */
MUST_USE int packer_new(struct backup *backup, struct packer **ret, struct error *err);
void packer_free(struct packer *packer);
MUST_USE int packer_run(struct packer *packer, struct error *err);
/* The same, block by block: what is taken is copied. */
MUST_USE int packer_take(struct packer *packer, struct block *block, struct error *err);
MUST_USE int packer_finish(struct packer *packer, struct error *err);
/* Blobs that are on their way into a pack: they are in no index yet. `packer_expect` true if it was not known before.
 */
MUST_USE int packer_expect(struct packer *packer, const struct blob_id *id, bool *ret_new, struct error *err);
/* It is not on its way after all. */
void packer_forget(struct packer *packer, const struct blob_id *id);
/* New packs and segments, and the segments of `used` packs, added to roster. After packer_run. */
MUST_USE int packer_roster(struct packer *packer, const struct pack_set *used_a, const struct pack_set *used_b,
                           struct roster *roster, struct error *err);

/* merge.c: scan all sources into batches. */
MUST_USE int scan_run(struct backup *backup, struct error *err);

/* read.c: the scanner's way to fill batches. */
struct scanner {
    struct backup *backup;
    struct chunker *chunker;
    struct batch *batch; /* being filled */
    size_t uncut;        /* bytes at its end that are not cut yet */
    bool in_zeros;       /* what comes next may continue a run of zeros */
};
MUST_USE int scanner_open(struct scanner *scanner, struct backup *backup, struct error *err);
void scanner_close(struct scanner *scanner);
MUST_USE int scanner_entry(struct scanner *scanner, const struct entry *entry, bool fresh, const struct entry *previous,
                           struct error *err);
/* An entry that comes out of order, with fresh content; and the end of such entries. */
MUST_USE int scanner_entry_later(struct scanner *scanner, const struct entry *entry, struct error *err);
MUST_USE int scanner_sort(struct scanner *scanner, struct error *err);
MUST_USE int scanner_extent(struct scanner *scanner, enum extent_kind kind, uint64_t size, struct error *err);
MUST_USE int scanner_restart(struct scanner *scanner, struct error *err);
/* Hand the current batch on, if there is anything in it. */
MUST_USE int scanner_flush(struct scanner *scanner, struct error *err);

/* A stream of content: gives bytes, cuts them. `pull` returns the number of bytes put into out (0: end), or -1. */
typedef ssize_t content_pull(void *out, size_t size, void *context, struct error *err);
/* Read a stream to its end as extents; *ret_size bytes in all. */
MUST_USE int scanner_stream(struct scanner *scanner, content_pull *pull, void *context, uint64_t *ret_size,
                            struct error *err);
/* Read an open file with holes. Reading stops at its end, wherever that is by then. */
MUST_USE int scanner_file(struct scanner *scanner, int fd, uint64_t expected_size, bool sparse, uint64_t *ret_size,
                          struct error *err);
/* Is every blob of this content (and its extent list) in the index? Marks their packs. 1, 0, or -1. */
MUST_USE int scanner_knows(struct scanner *scanner, struct block_reader *reader, const struct entry *entry,
                           struct error *err);

/* command.c: the output of a command, as one entry. */
MUST_USE int scan_command(struct scanner *scanner, const struct backup_source *source, struct error *err);
/* archive.c: the entries of an archive, in the archive's order; EVENT_SORT at the end puts them into the manifest's. */
MUST_USE int scan_archive(struct scanner *scanner, const struct backup_source *source, struct error *err);

/* sort.c: entries that come in another order than the manifest's. */
struct entry_sorter;
enum { ENTRY_SORTER_MEMORY = 32 << 20 };
/* About so many bytes of memory (0: ENTRY_SORTER_MEMORY); what does not fit lies sealed in unnamed files in `folder`.
 */
MUST_USE int entry_sorter_new(const char *folder, size_t memory_limit, struct entry_sorter **ret, struct error *err);
void entry_sorter_free(struct entry_sorter *sorter);
/* Takes the entry over, also when it fails. */
MUST_USE int entry_sorter_take(struct entry_sorter *sorter, struct entry *entry, struct error *err);
/* Hand all entries on in order: of several with one path the last; folders that are missing above an entry are made up.
 */
MUST_USE int entry_sorter_finish(struct entry_sorter *sorter,
                                 int (*next)(struct entry *entry, void *context, struct error *err), void *context,
                                 struct error *err);

#endif
