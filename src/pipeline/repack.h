/*
 * Moving what is still needed out of old packs into new ones. Blocks of which
 * all is needed are sealed again as they are; the blobs of others, and of
 * small ones, are gathered into blocks anew, their ids computed again. It
 * reads and creates: deleting the old packs is the collector's business.
 */
#ifndef HIKAE_PIPELINE_REPACK_H
#define HIKAE_PIPELINE_REPACK_H

#include "pipeline/objects.h"

struct repack;

struct repack_options {
    struct objects *objects; /* listed; the index is told of new packs */
    size_t pack_size;        /* bytes */
    int level;               /* of zstd */
    bool verify_writes;
    const char *spool_folder;
    uint64_t spool_limit; /* bytes */
    const struct cancel *cancel;
};

MUST_USE int repack_new(const struct repack_options *options, struct repack **ret, struct error *err);
void repack_free(struct repack *repack);
/* Is the blob at this place of the pack needed? Asked for each, in order. */
typedef bool repack_wanted(uint32_t block, uint32_t offset, void *context);
/* Move what is wanted of one pack. ERROR_DAMAGED if no target has it sound. */
MUST_USE int repack_pack(struct repack *repack, const struct hash *name, uint64_t size, repack_wanted *wanted,
                         void *context, struct error *err);
/*
 * Finish, and wait until every target has everything or has failed: the new packs and segments are added to *ret, and
 * what each target acknowledged to its presence. The repack is spent.
 */
MUST_USE int repack_finish(struct repack *repack, struct roster *ret, struct error *err);

#endif
