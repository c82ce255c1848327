/*
 * Sealed blocks that targets gave already, kept in one unnamed file, so that
 * nothing is fetched twice by a drill: the snapshots that it restores share
 * most of their blocks, and what leaves a store is paid for. A block is kept as
 * it lies on the target; whoever takes it opens and checks it as if it had just
 * come. Several threads.
 */
#ifndef HIKAE_PIPELINE_BLOCK_CACHE_H
#define HIKAE_PIPELINE_BLOCK_CACHE_H

#include "base/buf.h"
#include "base/id.h"

struct block_cache;

/*
 * most: bytes on the disk; what does not fit is not kept. `content` too, or only what readers look into again and
 * again, as manifests.
 */
MUST_USE int block_cache_new(const char *folder, uint64_t most, bool content, struct block_cache **ret,
                             struct error *err);
/* NULL is fine. */
void block_cache_free(struct block_cache *cache);
bool block_cache_keeps_content(const struct block_cache *cache);
/* Is it kept? */
bool block_cache_has(struct block_cache *cache, const struct hash *pack, uint32_t block);
/* Replace *out by a block of that size. False: it is not kept. */
bool block_cache_get(struct block_cache *cache, const struct hash *pack, uint32_t block, size_t size, struct buf *out);
/* Keep one; that it cannot be is no failure. */
void block_cache_put(struct block_cache *cache, const struct hash *pack, uint32_t block, const struct buf *sealed);
/* A block that is going to be fetched: true unless it is kept, or was announced before. */
bool block_cache_announce(struct block_cache *cache, const struct hash *pack, uint32_t block);

#endif
