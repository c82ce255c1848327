/*
 * The manifest: a snapshot's entries as a tree of blobs (FORMAT.md §5).
 * Building and reading are streams: memory does not grow with the number of
 * entries. Neither knows where blobs are stored: the builder hands them to a
 * callback, the reader asks another for them.
 */
#ifndef HIKAE_REPO_MANIFEST_H
#define HIKAE_REPO_MANIFEST_H

#include "base/buf.h"
#include "keys/keyring.h"
#include "repo/blob.h"
#include "repo/entry.h"

/*
 * Both are small because a change writes its leaf and one node of each level again.
 */
enum { MANIFEST_LEAF_MEAN = 17, MANIFEST_FAN_OUT = 5, MANIFEST_DEPTH_MAX = 16 };

/* Where the root of a manifest is, and how much it holds. */
struct manifest_root {
    struct blob_id id;
    uint8_t depth; /* level of the root node, 1 or more */
    uint64_t entries;
    uint64_t bytes; /* sum of the sizes of files */
};

/* Stores a blob and returns its id. Called in order, from the thread that adds. */
typedef int blob_sink(enum blob_type type, const void *bytes, size_t size, struct blob_id *ret_id, void *context,
                      struct error *err);
/* Replaces *out with the blob's bytes. ERROR_NOT_FOUND or ERROR_DAMAGED if it cannot be had. */
typedef int blob_fetch(enum blob_type type, const struct blob_id *id, struct buf *out, void *context,
                       struct error *err);

/* ---- Building ---- */

struct manifest_builder;
/* `leaf_mean` and `fan_out`: 0 for the defaults above; at most 1024 each, a fan-out 2 or more. */
MUST_USE int manifest_builder_new(const struct keyring *keyring, unsigned leaf_mean, unsigned fan_out, blob_sink *sink,
                                  void *context, struct manifest_builder **ret, struct error *err);
void manifest_builder_free(struct manifest_builder *builder);
/*
 * Entries must come in order, each once, after those of the folders above them: ERROR_INTERNAL otherwise. ERROR_SOURCE
 * if a path, link, owner or xattr is longer than a snapshot can hold. A refused entry leaves no trace: go on with the
 * next. The entry is not kept. Very many inline xattr bytes in one entry are turned into blobs.
 */
MUST_USE int manifest_builder_add(struct manifest_builder *builder, const struct entry *entry, struct error *err);
/* At least one entry must have been added. The builder is spent. */
MUST_USE int manifest_builder_finish(struct manifest_builder *builder, struct manifest_root *ret, struct error *err);

/* Builds the content of one file out of its extents; long lists become trees (cut by the extents' ids, mean 128 a
 * leaf). */
struct extent_builder;
struct extent_builder *extent_builder_new(blob_sink *sink, void *context);
void extent_builder_free(struct extent_builder *builder);
/* Start over for the next file. */
void extent_builder_reset(struct extent_builder *builder);
/* Neighbouring holes, and neighbouring runs of zeros, are joined. */
MUST_USE int extent_builder_add(struct extent_builder *builder, const struct extent *extent, struct error *err);
/* *ret borrows from the builder until its next reset. */
MUST_USE int extent_builder_finish(struct extent_builder *builder, struct content *ret, struct error *err);

/* ---- Reading ---- */

struct manifest_reader;
/*
 * Read the manifest below root. `with_times` false: times, inode and racy are not fetched and are zero.
 * Nothing is fetched yet.
 */
MUST_USE int manifest_reader_new(const struct manifest_root *root, bool with_times, blob_fetch *fetch, void *context,
                                 struct manifest_reader **ret, struct error *err);
void manifest_reader_free(struct manifest_reader *reader);
/*
 * The next entry in order: 1 and *ret (borrowed until the next call), 0 at the end, -1. What a manifest claims is
 * checked: order, names, counts; ERROR_DAMAGED otherwise.
 */
MUST_USE int manifest_reader_next(struct manifest_reader *reader, const struct entry **ret, struct error *err);
/* Go on at the first entry that is not before (dir, name); only nodes on the way are fetched. */
MUST_USE int manifest_reader_seek(struct manifest_reader *reader, const struct bytes *dir, const struct bytes *name,
                                  struct error *err);
/* Find one entry by its path ("source/dir/name"): 1 and *ret, 0 if there is none. */
MUST_USE int manifest_reader_find(struct manifest_reader *reader, const struct bytes *path, const struct entry **ret,
                                  struct error *err);
/*
 * Ids of all blobs that make up the manifest itself (nodes, leaves, extent lists, xattr values), in reading order,
 * each once per place where it is used: for collection and rosters. Content blobs are given too, with type
 * BLOB_CONTENT. A callback that returns 1 knows what is below that blob already: a node, a leaf of names or the root of
 * an extent list is then not fetched. -1 ends the walk.
 */
typedef int manifest_blob_callback(enum blob_type type, const struct blob_id *id, void *context, struct error *err);
MUST_USE int manifest_walk_blobs(const struct manifest_root *root, blob_fetch *fetch, void *fetch_context,
                                 manifest_blob_callback *callback, void *context, struct error *err);

/* Streams the extents of one content, inline or tree. */
struct extent_reader;
MUST_USE int extent_reader_new(const struct content *content, uint64_t file_size, blob_fetch *fetch, void *context,
                               struct extent_reader **ret, struct error *err);
void extent_reader_free(struct extent_reader *reader);
/* 1 and *ret, 0 at the end, -1. Sizes add up to file_size or it is ERROR_DAMAGED. */
MUST_USE int extent_reader_next(struct extent_reader *reader, struct extent *ret, struct error *err);

#endif
