/*
 * The local index of one tenant: which blob lies where. It does not live on
 * the heap: entries are gathered in a bounded table, written as sorted runs
 * of fixed-width entries and merged as in an LSM tree (O'Neil et al., 1996),
 * found through a fan-out table and a paged filter. 100 million blobs fit its
 * memory limit.
 *
 * What lies on disk holds no plaintext, no path and no length in clear: blob
 * ids are keyed MACs; places are masked, and the packs' tables sealed, under a
 * key derived from the tenant's dedup secret (label "hikae1 index cache"), so
 * that erasing the tenant's keys erases them too. All of it can be deleted at
 * any time and rebuilt from segments and packs; a file that is damaged or
 * half-written is noticed when the index is opened and costs time only.
 *
 * All functions may be called from several threads.
 */
#ifndef HIKAE_REPO_INDEX_H
#define HIKAE_REPO_INDEX_H

#include "repo/segment.h"

struct index;

/* A blob's place. `pack` is a number of this index (index_pack tells its name). */
struct place {
    uint32_t pack;
    uint32_t block;
    uint32_t offset;
    uint32_t size;
    uint8_t type;
};

/*
 * Open the index in `folder` (made if missing) with a limit of memory in bytes (at least 16 MiB).
 * *ret_rebuilt is true if it was empty, or had to be emptied because it was damaged or of another tenant.
 * The folder is locked while it is open: ERROR_BUSY if it is open elsewhere. Damage that is met later, in a page that
 * opening does not read, is ERROR_DAMAGED there and then, and the next opening finds an empty index.
 */
MUST_USE int index_open(const char *folder, const struct keyring *keyring, size_t memory_limit, struct index **ret,
                        bool *ret_rebuilt, struct error *err);
/* What was added since the last commit is lost, as after a crash. NULL is fine. */
void index_close(struct index *index);
/* Make everything added so far durable. */
MUST_USE int index_commit(struct index *index, struct error *err);

/* Add a pack and the blobs of its directory, in the directory's order; a pack that is known already: 0, nothing done.
 */
MUST_USE int index_add_pack(struct index *index, const struct pack_info *pack, const struct container_blob *blobs,
                            uint32_t blob_count, uint32_t *ret_pack, struct error *err);
/* Add all packs of a parsed segment whose names `wanted` accepts (NULL: all). */
MUST_USE int index_add_segment(struct index *index, const struct segment *segment,
                               bool (*wanted)(const struct hash *name, void *context), void *context,
                               struct error *err);
/* Forget a pack: its blobs are not found there any more. An unknown one is no error. */
MUST_USE int index_drop_pack(struct index *index, const struct hash *name, struct error *err);

/* Is this blob known? 1 and *ret (the newest place whose pack was not dropped), 0, or -1. */
MUST_USE int index_find(struct index *index, const struct blob_id *id, struct place *ret, struct error *err);
/* The same among packs that are older than one, by its number: the places of a blob one after the other. */
MUST_USE int index_find_older(struct index *index, const struct blob_id *id, uint32_t pack, struct place *ret,
                              struct error *err);

/*
 * Visit every place of every blob in packs that were not dropped: in the order of ids as bytes, of one id's places the
 * newest pack first. What was added lately is written out first. Memory stays within the limit; the index cannot be
 * used from within the callback. Not 0 from the callback (with err filled) ends it.
 */
typedef int index_each_callback(const struct blob_id *id, const struct place *place, void *context, struct error *err);
MUST_USE int index_each(struct index *index, index_each_callback *callback, void *context, struct error *err);

/* The number of a pack by name: true if known and not dropped. */
bool index_pack_number(struct index *index, const struct hash *name, uint32_t *ret_number);
/* One more than the highest pack number. */
uint32_t index_pack_limit(struct index *index);
/* A pack by number, copied (pack_info_free). ERROR_NOT_FOUND if dropped. */
MUST_USE int index_pack(struct index *index, uint32_t number, struct pack_info *ret, struct error *err);
/* Name and length of a pack by number, without its blocks; false if dropped. */
bool index_pack_name(struct index *index, uint32_t number, struct hash *ret_name, uint64_t *ret_size);

/* Which segments (objects on the targets) cover which packs: names only, kept with the index. */
MUST_USE int index_note_segment(struct index *index, const struct hash *segment, uint64_t size,
                                const struct hash *packs, uint32_t pack_count, struct error *err);
/* Was this segment ever noted? */
bool index_knows_segment(struct index *index, const struct hash *segment);
/* The segment that covers a pack: false if none is known. */
bool index_segment_of_pack(struct index *index, uint32_t pack, struct hash *ret_segment, uint64_t *ret_size);

struct index_stats {
    uint64_t entries;
    uint64_t packs;
    uint64_t runs;
    uint64_t disk_bytes;
    uint64_t memory_bytes;
};
void index_get_stats(struct index *index, struct index_stats *ret);

#endif
