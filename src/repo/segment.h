/*
 * Segments: the bodies of the index's objects (FORMAT.md §4). Encoding from
 * the directories of packs, and checked parsing. Sealing is the container's.
 */
#ifndef HIKAE_REPO_SEGMENT_H
#define HIKAE_REPO_SEGMENT_H

#include "crypto/container.h"
#include "repo/blob.h"

enum { SEGMENT_ENTRIES_MAX = 1 << 22, SEGMENT_PACK_ROW = 176, SEGMENT_ENTRY_ROW = 32 };

/* What the index knows of a pack: its name, length, header, and where its blocks are. */
struct pack_info {
    struct hash name;
    uint64_t size;
    uint8_t header[CONTAINER_HEADER_SIZE];
    struct container_block *blocks; /* offsets filled */
    uint32_t block_count;
};
void pack_info_free(struct pack_info *info);
MUST_USE int pack_info_copy(struct pack_info *to, const struct pack_info *from, struct error *err);

/* A blob's entry. */
struct segment_entry {
    struct blob_id id;
    uint32_t block;  /* over all packs of the segment */
    uint32_t offset; /* in the block's plain bytes    */
    uint32_t size;
    uint8_t type;
};

/* Collects packs, then encodes. */
struct segment_builder;
struct segment_builder *segment_builder_new(void);
void segment_builder_free(struct segment_builder *builder);
/*
 * Add a pack with the blobs of its directory, in the directory's order. ERROR_INTERNAL, and nothing added, if pack
 * and blobs do not fit together or the segment would hold more than SEGMENT_ENTRIES_MAX entries.
 */
MUST_USE int segment_builder_add(struct segment_builder *builder, const struct pack_info *pack,
                                 const struct container_blob *blobs, uint32_t blob_count, struct error *err);
struct segment;
typedef bool segment_wanted(const struct hash *pack, void *context);
/*
 * Add those packs of a parsed segment that `wanted` accepts (NULL: all), with their entries. ERROR_DAMAGED if it has
 * other entries of a pack than the pack's blocks announce, ERROR_INTERNAL if the segment would hold too many; nothing
 * is added then.
 */
MUST_USE int segment_builder_add_segment(struct segment_builder *builder, const struct segment *segment,
                                         segment_wanted *wanted, void *context, struct error *err);
uint32_t segment_builder_packs(const struct segment_builder *builder);
uint32_t segment_builder_entries(const struct segment_builder *builder);
/*
 * Sort and append the body to out. The builder is empty afterwards; on failure it, and *out, are as they were.
 * Entries of the same blob stay in the order of their places.
 */
MUST_USE int segment_builder_encode(struct segment_builder *builder, const struct hash *superseded,
                                    uint32_t superseded_count, struct buf *out, struct error *err);

/* A parsed body: packs are owned, entries are read from the body, which must outlive it. */
struct segment {
    struct pack_info *packs; /* their blocks lie in `blocks`: segment_clear frees them, pack_info_free must not */
    struct container_block *blocks; /* of all packs, end to end */
    uint32_t pack_count;
    uint32_t block_count;
    uint32_t entry_count;
    struct hash *superseded;
    uint32_t superseded_count;
    const uint8_t *entries;
    uint32_t *first_block; /* of each pack; one more for the end */
};
/* ERROR_DAMAGED for what §4 does not allow: unsorted entries, places outside their block, … */
MUST_USE int segment_parse(const void *body, size_t size, struct segment *ret, struct error *err);
void segment_clear(struct segment *segment);
struct segment_entry segment_entry_at(const struct segment *segment, uint32_t number);
/* The pack that a block belongs to, and its number in that pack. */
uint32_t segment_pack_of_block(const struct segment *segment, uint32_t block, uint32_t *ret_block_in_pack);

#endif
