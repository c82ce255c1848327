/*
 * The objects of one tenant on all its targets: reading with fallback and
 * read-repair. Every object is checked before it is believed: whole objects
 * against the SHA-256 that names them, blocks against their tag. What one
 * target has lost or damaged is taken from the next, and put back.
 */
#ifndef HIKAE_PIPELINE_OBJECTS_H
#define HIKAE_PIPELINE_OBJECTS_H

#include "pipeline/block_cache.h"
#include "pipeline/presence.h"
#include "repo/index.h"

#include <pthread.h>
#include <stdatomic.h>

/* A target of a run. */
struct run_target {
    struct target *target; /* NULL when it could not be opened; borrowed */
    const char *name;
    atomic_bool up;   /* it answers: listed at the start of the run */
    bool excluded;    /* the caller wants it left out of this run */
    struct error why; /* when it does not */
    struct presence present;
    _Atomic uint64_t bytes_fetched;
    _Atomic uint64_t bytes_sent; /* acknowledged */
    atomic_bool write_failed;    /* it was given up in this run: nothing more goes there */
    atomic_bool read_failed;     /* it failed a read in this run: asked last from then on */
};

struct objects {
    struct id tid;
    const struct keyring *keyring;
    struct index *index;
    struct run_target *targets;
    size_t count;
    const struct cancel *cancel;
    struct block_cache *blocks; /* blocks that were fetched before, or NULL */
    bool repair;                /* put back what a target lost */
    _Atomic uint64_t repaired;
    pthread_mutex_t repair_mutex;
    void (*warn)(const char *message, void *context); /* may be NULL */
    void *warn_context;
};

/* Initialise; `targets` are the caller's and stay so. */
void objects_init(struct objects *objects, const struct id *tid, const struct keyring *keyring, struct index *index,
                  struct run_target *targets, size_t count, const struct cancel *cancel);
void objects_destroy(struct objects *objects);
/* List every target; one that fails is not `up`. ERROR_UNREACHABLE if none answers. */
MUST_USE int objects_list(struct objects *objects, struct error *err);
/*
 * Make the index know the packs that lie on the targets (all, or those of `only` if not NULL), from segments first,
 * then from packs' own directories; forget those that are nowhere. Condemned ones (sorted roster, may be NULL) are
 * forgotten too.
 */
MUST_USE int objects_sync_index(struct objects *objects, const struct roster *only, const struct roster *condemned,
                                struct error *err);

/*
 * Read a segment: 1 and *ret (segment_clear), which reads from *body (buf_free) as long as it lives; 0 if it cannot be
 * used, which costs time only, as the packs' own directories say the same; -1 for what ends the work.
 */
MUST_USE int objects_segment(struct objects *objects, const struct hash *name, uint64_t size, struct buf *body,
                             struct segment *ret, struct error *err);
/* Append a whole object, checked against its name. The error is the most telling of all targets'. */
MUST_USE int objects_get(struct objects *objects, enum object_class class, const struct hash *name, uint64_t size,
                         struct buf *out, struct error *err);

/* Reads blocks and blobs; one a thread. Keeps the keys of a few packs and the plain bytes of a few blocks. */
struct block_reader;
MUST_USE int block_reader_new(struct objects *objects, size_t cached_blocks, struct block_reader **ret,
                              struct error *err);
void block_reader_free(struct block_reader *reader);
/* Replace *out by the plain bytes of a block of a pack. */
MUST_USE int block_reader_block(struct block_reader *reader, uint32_t pack, uint32_t block, struct buf *out,
                                struct error *err);
/*
 * Fetch blocks that will be asked for, `first` and up to `count` - 1 behind it, with one ranged read of up to `most`
 * bytes, unless `first` was fetched so before. That it fails costs time only: block_reader_block asks again, and
 * elsewhere. -1 for what ends the work.
 */
MUST_USE int block_reader_ahead(struct block_reader *reader, uint32_t pack, uint32_t first, uint32_t count, size_t most,
                                struct error *err);
/*
 * A blob_fetch (repo/manifest.h) with a block_reader as context: finds it in the index and checks its id. A blob that
 * one pack does not give is taken from the next older one that has it, too.
 */
int block_reader_fetch(enum blob_type type, const struct blob_id *id, struct buf *out, void *context,
                       struct error *err);
/* The same, from packs older than one, by its number in the index. */
MUST_USE int block_reader_fetch_older(struct block_reader *reader, enum blob_type type, const struct blob_id *id,
                                      uint32_t pack, struct buf *out, struct error *err);
/* The pack's table, as long as the reader does not look at 16 other packs. */
MUST_USE int block_reader_pack(struct block_reader *reader, uint32_t pack, const struct pack_info **ret,
                               struct error *err);

#endif
