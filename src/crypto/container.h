/*
 * The sealed container that every object is (src/repo/FORMAT.md §2): writing one piece
 * by piece, reading one whole or block by block.
 *
 * It owns the derivation of an object's key, nonces and associated data, and
 * the rules by which a reader refuses. It never does I/O and knows nothing of
 * what blocks mean. A salt is drawn for each writer and used for one object:
 * after any failure the writer is spent.
 */
#ifndef HIKAE_CRYPTO_CONTAINER_H
#define HIKAE_CRYPTO_CONTAINER_H

#include "base/buf.h"
#include "base/id.h"
#include "crypto/crypto.h"

enum container_kind {
    CONTAINER_PACK_DATA = 1,
    CONTAINER_PACK_META = 2,
    CONTAINER_PACK_MIXED = 3,
    CONTAINER_SEGMENT = 4,
    CONTAINER_ROSTER = 5,
    CONTAINER_RECORD = 6,
    CONTAINER_SLOTS = 7,
    CONTAINER_KEYS = 8,
    CONTAINER_AUDIT = 9
};

enum container_key_kind { CONTAINER_KEY_TENANT = 0, CONTAINER_KEY_ROOT = 2 };

enum container_codec { CODEC_STORED = 0, CODEC_ZSTD = 1 };

enum {
    CONTAINER_HEADER_SIZE = 128,
    CONTAINER_TRAILER_SIZE = 64,
    CONTAINER_TRAILER_SEALED = CONTAINER_TRAILER_SIZE + GCM_TAG_SIZE,
    CONTAINER_CLEAR_MAX = 16 << 20,
    CONTAINER_BLOCK_MAX = 4 << 20, /* plain bytes of a block */
    CONTAINER_BLOCK_ROW = 16,      /* bytes of a block's row in the directory */
    CONTAINER_BLOB_ROW = 24,
    CONTAINER_OBJECT_MAX = 1 << 30 /* no object is longer */
};

/* A key to seal with: borrowed. */
struct container_key {
    enum container_key_kind kind;
    struct id tid; /* zero for the root epoch */
    struct id id;
    const struct secret *key; /* KEY_SIZE bytes */
};

/* A block's row of the directory. */
struct container_block {
    uint64_t offset; /* in the object; not stored, follows from the lengths */
    uint32_t sealed_size;
    uint32_t plain_size; /* after decompression */
    uint32_t blob_count;
    uint8_t codec;
};

/* A blob's row of the directory. */
struct container_blob {
    struct blob_id id;
    uint32_t size;
    uint8_t type;
};

/* ---- Rows of the directory: segments (FORMAT.md §4) hold the same ones ---- */

/* Encode a block's row. */
void container_block_row_put(uint8_t row[CONTAINER_BLOCK_ROW], const struct container_block *block);
/*
 * Read the row of a block that lies at `offset` of an object of this kind. NULL, or what is wrong with it, to
 * be put behind "block 7 ".
 */
const char *container_block_row_get(enum container_kind kind, const uint8_t row[CONTAINER_BLOCK_ROW], uint64_t offset,
                                    struct container_block *ret);
/* What is wrong with a blob in an object of this kind, to be put behind "blob 7 ", or NULL. */
const char *container_blob_fault(enum container_kind kind, const struct container_blob *blob);
bool container_is_pack(enum container_kind kind);

/* ---- Writing ---- */

struct container_writer;

/*
 * Begin an object: draws the salt, derives the key, puts header and clear part.
 * `verify`: each record is opened again after it was sealed and compared.
 */
MUST_USE int container_writer_new(enum container_kind kind, const struct container_key *key, const void *clear,
                                  size_t clear_size, bool verify, struct container_writer **ret, struct error *err);
void container_writer_free(struct container_writer *writer);
/*
 * Make room for an object of `size` bytes at once, so that it does not move as it grows: a hint for packs. The memory
 * of *old, an object that is no longer needed (may be NULL or empty), is taken over where it is long enough: fresh
 * pages cost about as much as sealing what is put in them. *old is empty afterwards.
 */
MUST_USE int container_writer_reserve(struct container_writer *writer, size_t size, struct buf *old, struct error *err);
/*
 * Seal the next block. `payload` is what codec made of plain_size bytes; `blobs` (blob_count of them, none for
 * bodies) are its rows. ERROR_DAMAGED if the check after sealing fails: the machine cannot be trusted.
 */
MUST_USE int container_writer_block(struct container_writer *writer, enum container_codec codec, const void *payload,
                                    size_t payload_size, uint32_t plain_size, const struct container_blob *blobs,
                                    uint32_t blob_count, struct error *err);
/* Bytes that the object would have if it were finished now, padding included. */
size_t container_writer_size(const struct container_writer *writer);
/* Of these, padding. */
size_t container_writer_padding(const struct container_writer *writer);
uint32_t container_writer_blob_count(const struct container_writer *writer);
/* Pad, directory, trailer. *out takes the whole object (replacing what it held), *ret_name its SHA-256. The writer is
 * spent. */
MUST_USE int container_writer_finish(struct container_writer *writer, struct buf *out, struct hash *ret_name,
                                     struct error *err);
/* The rows of the blocks so far (valid until the next call); for the index. */
const struct container_block *container_writer_blocks(const struct container_writer *writer, uint32_t *ret_count);
const struct container_blob *container_writer_blobs(const struct container_writer *writer, uint32_t *ret_count);
const uint8_t *container_writer_header(const struct container_writer *writer);

/* A small object in one call: `body` is cut into blocks of CONTAINER_BLOCK_MAX and compressed where that helps. */
MUST_USE int container_seal_body(enum container_kind kind, const struct container_key *key, const void *clear,
                                 size_t clear_size, const void *body, size_t body_size, struct buf *out,
                                 struct hash *ret_name, struct error *err);

/* ---- Reading ---- */

/* A header's fields, checked; nothing is authenticated yet. */
struct container_header {
    enum container_kind kind;
    enum container_key_kind key_kind;
    struct id tid;
    struct id key_id;
    uint64_t clear_size;
};
/* ERROR_DAMAGED for what this version does not allow. */
MUST_USE int container_header_parse(const uint8_t header[CONTAINER_HEADER_SIZE], struct container_header *ret,
                                    struct error *err);

/*
 * Opens the records of one object. Not for several threads at once.
 * `clear` must be the object's clear part (clear_size as in its header).
 * ERROR_KEYS if the commitment does not match.
 */
struct container_opener;
MUST_USE int container_opener_new(const uint8_t header[CONTAINER_HEADER_SIZE], const void *clear, size_t clear_size,
                                  const struct secret *key, struct container_opener **ret, struct error *err);
void container_opener_free(struct container_opener *opener);
/*
 * Open block `number` (`sealed`: sealed_size bytes of the object) and decompress it: *out is replaced by its
 * plain_size bytes. ERROR_DAMAGED if anything disagrees; never more than plain_size bytes are written.
 */
MUST_USE int container_opener_block(struct container_opener *opener, uint32_t number,
                                    const struct container_block *block, const void *sealed, struct buf *out,
                                    struct error *err);

/*
 * Decrypt a block, and no more: *out is replaced by what its codec made, to be sealed again as it is. ERROR_DAMAGED if
 * it is not authentic.
 */
MUST_USE int container_opener_payload(struct container_opener *opener, uint32_t number,
                                      const struct container_block *block, const void *sealed, struct buf *out,
                                      struct error *err);

/* An object's structure: everything but the blocks' contents. */
struct container_directory {
    struct container_block *blocks;
    uint32_t block_count;
    struct container_blob *blobs;
    uint32_t blob_count;
    uint64_t pad_offset;
    uint64_t directory_offset;
    uint64_t object_size;
};
void container_directory_free(struct container_directory *directory);

/*
 * Parse trailer and directory from the tail of an object: `tail` is its last tail_size bytes, object_size its length.
 * If the tail is too short to hold the directory: 0, with *ret_missing set to the number of bytes the tail must have.
 */
MUST_USE int container_directory_read(struct container_opener *opener, uint64_t clear_size, uint64_t object_size,
                                      const void *tail, size_t tail_size, struct container_directory *ret,
                                      size_t *ret_missing, struct error *err);

/*
 * Check a whole object of at least one kind: header, commitment, tiling, padding, directory. Blocks are opened by
 * the caller. For bodies: container_open_body.
 */
MUST_USE int container_check_structure(struct container_opener *opener, const void *object, size_t size,
                                       struct container_directory *ret, struct error *err);

/* Open a whole object of kind `kind` with `key` and append its body to out. *ret_clear borrows from object. */
MUST_USE int container_open_body(enum container_kind kind, const void *object, size_t size, const struct secret *key,
                                 size_t body_max, struct buf *out, struct bytes *ret_clear, struct error *err);

/* The clear part of an object, without a key: checks lengths only. */
MUST_USE int container_clear(const void *object, size_t size, struct container_header *ret_header,
                             struct bytes *ret_clear, struct error *err);

/* The Padmé length for a length (PETS 2019): the smallest allowed one that is not shorter. */
uint64_t container_padme(uint64_t size);

#endif
