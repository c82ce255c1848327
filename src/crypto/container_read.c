#include "crypto/container_internal.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <zstd_errors.h>

struct container_opener {
    enum container_kind kind;
    size_t clear_size;
    uint8_t header[CONTAINER_HEADER_SIZE];
    struct container_session session;
    ZSTD_DCtx *dctx;    /* made for the first zstd block */
    struct buf scratch; /* a block's payload between opening and decompressing, or the padding */
};

/* ---- Create and destroy ---- */

static int open_session(struct container_opener *opener, const void *clear, const struct secret *key, struct error *err)
{
    uint8_t commitment[CONTAINER_COMMITMENT_SIZE];
    if (container_session_derive(&opener->session, opener->header, key, commitment, err) != 0)
        return -1;
    if (CRYPTO_memcmp(commitment, opener->header + HEADER_COMMITMENT, sizeof(commitment)) != 0) {
        (void)error_set(err, ERROR_KEYS, "the key does not open this object (its commitment differs)");
        return error_hint(err, "Either it is another tenant's or generation's key, or the object's header is damaged.");
    }
    return container_session_bind(&opener->session, opener->header, clear, opener->clear_size, err);
}

/* Derive the object's key and compare the commitment before anything else. */
int container_opener_new(const uint8_t header[CONTAINER_HEADER_SIZE], const void *clear, size_t clear_size,
                         const struct secret *key, struct container_opener **ret, struct error *err)
{
    struct container_header fields;
    if (container_header_parse(header, &fields, err) != 0)
        return -1;
    if (fields.clear_size != clear_size)
        return error_set(err, ERROR_DAMAGED, "the header announces a clear part of %llu bytes, and %zu are there",
                         (unsigned long long)fields.clear_size, clear_size);
    struct container_opener *opener = mem_calloc(1, sizeof(*opener));
    if (opener == NULL)
        return error_no_memory(err);
    opener->kind = fields.kind;
    opener->clear_size = clear_size;
    memcpy(opener->header, header, CONTAINER_HEADER_SIZE);
    if (open_session(opener, clear, key, err) != 0) {
        container_opener_free(opener);
        return -1;
    }
    *ret = opener;
    return 0;
}

void container_opener_free(struct container_opener *opener)
{
    if (opener == NULL)
        return;
    container_session_clear(&opener->session);
    (void)ZSTD_freeDCtx(opener->dctx);
    buf_wipe_free(&opener->scratch);
    mem_free(opener);
}

/* ---- Blocks ---- */

/*
 * Expand one frame to exactly plain_size bytes. The announced size is compared before the decoder runs, and
 * the decoder is given no more room than that: a frame that lies about either is refused, never expanded.
 */
static int expand(struct container_opener *opener, uint32_t number, const uint8_t *payload, size_t payload_size,
                  uint8_t *out, size_t plain_size, struct error *err)
{
    if (payload_size < 4 || get_u32(payload) != ZSTD_MAGICNUMBER ||
        ZSTD_getFrameContentSize(payload, payload_size) != plain_size)
        return error_set(err, ERROR_DAMAGED, "block %u is no zstd frame of %zu bytes", number, plain_size);
    if (ZSTD_findFrameCompressedSize(payload, payload_size) != payload_size)
        return error_set(err, ERROR_DAMAGED, "block %u is not exactly one zstd frame", number);
    if (opener->dctx == NULL && (opener->dctx = ZSTD_createDCtx()) == NULL)
        return error_no_memory(err);
    size_t got = ZSTD_decompressDCtx(opener->dctx, out, plain_size, payload, payload_size);
    if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
        return error_no_memory(err);
    if (ZSTD_isError(got))
        return error_set(err, ERROR_DAMAGED, "block %u cannot be decompressed: %s", number, ZSTD_getErrorName(got));
    if (got != plain_size)
        return error_set(err, ERROR_DAMAGED, "block %u holds %zu bytes, and %zu were announced", number, got,
                         plain_size);
    return 0;
}

/* Open a block to `out`, which has room for plain_size bytes. A stored block is decrypted straight into place. */
static int open_block(struct container_opener *opener, uint32_t number, const struct container_block *block,
                      const void *sealed, uint8_t *out, struct error *err)
{
    if (block->codec == CODEC_STORED)
        return container_session_open(&opener->session, ROLE_BLOCK, number, sealed, block->sealed_size, out, err);
    size_t payload_size = block->sealed_size - GCM_TAG_SIZE;
    if (container_scratch(&opener->scratch, payload_size, err) != 0 ||
        container_session_open(&opener->session, ROLE_BLOCK, number, sealed, block->sealed_size, opener->scratch.data,
                               err) != 0)
        return -1;
    return expand(opener, number, opener->scratch.data, payload_size, out, block->plain_size, err);
}

/* Open and decompress one block; on failure *out is empty. */
int container_opener_block(struct container_opener *opener, uint32_t number, const struct container_block *block,
                           const void *sealed, struct buf *out, struct error *err)
{
    out->size = 0;
    const char *fault = container_block_fault(opener->kind, block);
    if (fault != NULL)
        return error_set(err, ERROR_DAMAGED, "block %u %s", number, fault);
    if (buf_reserve(out, block->plain_size, err) != 0 || open_block(opener, number, block, sealed, out->data, err) != 0)
        return -1;
    out->size = block->plain_size;
    return 0;
}

int container_opener_payload(struct container_opener *opener, uint32_t number, const struct container_block *block,
                             const void *sealed, struct buf *out, struct error *err)
{
    out->size = 0;
    const char *fault = container_block_fault(opener->kind, block);
    if (fault != NULL)
        return error_set(err, ERROR_DAMAGED, "block %u %s", number, fault);
    size_t size = block->sealed_size - GCM_TAG_SIZE;
    if (buf_reserve(out, size, err) != 0 ||
        container_session_open(&opener->session, ROLE_BLOCK, number, sealed, block->sealed_size, out->data, err) != 0)
        return -1;
    out->size = size;
    return 0;
}

/* ---- Trailer and directory ---- */

void container_directory_free(struct container_directory *directory)
{
    mem_free(directory->blocks);
    mem_free(directory->blobs);
    *directory = (struct container_directory){0};
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/*
 * Read the trailer's fields into *ret and check that its four lengths tile the object; the directory's length,
 * with tag, goes to *ret_size. Everything here was authenticated, but a writer may still have been wrong.
 */
static const char *trailer_fault(const uint8_t trailer[CONTAINER_TRAILER_SIZE], uint64_t clear_size,
                                 uint64_t object_size, struct container_directory *ret, uint64_t *ret_size)
{
    uint64_t first = get_u64(trailer + TRAILER_FIRST);
    uint64_t size = get_u64(trailer + TRAILER_DIRECTORY_SIZE);
    ret->pad_offset = get_u64(trailer + TRAILER_PAD);
    ret->directory_offset = get_u64(trailer + TRAILER_DIRECTORY);
    ret->object_size = get_u64(trailer + TRAILER_OBJECT_SIZE);
    ret->block_count = get_u32(trailer + TRAILER_BLOCK_COUNT);
    ret->blob_count = get_u32(trailer + TRAILER_BLOB_COUNT);
    *ret_size = size;
    if (!all_zero(trailer + TRAILER_ZERO, CONTAINER_TRAILER_SIZE - TRAILER_ZERO))
        return "reserved bytes of the trailer are not zero";
    if (ret->object_size != object_size)
        return "the object does not have the length that its trailer says";
    if (first != CONTAINER_HEADER_SIZE + clear_size || ret->pad_offset < first)
        return "the blocks do not begin behind the clear part";
    if (size > object_size - CONTAINER_TRAILER_SEALED ||
        ret->directory_offset != object_size - CONTAINER_TRAILER_SEALED - size)
        return "the directory does not end where the trailer begins";
    if (size != (uint64_t)ret->block_count * CONTAINER_BLOCK_ROW + (uint64_t)ret->blob_count * CONTAINER_BLOB_ROW +
                    GCM_TAG_SIZE)
        return "the directory's length does not follow from its counts";
    if (ret->pad_offset > ret->directory_offset || ret->directory_offset - ret->pad_offset < GCM_TAG_SIZE)
        return "the padding does not end where the directory begins";
    uint64_t padding = ret->directory_offset - ret->pad_offset - GCM_TAG_SIZE;
    if (container_padme(object_size - padding) != object_size)
        return "the padding has the wrong length";
    return NULL;
}

/* Read the rows of the blocks; they must lie end to end from `offset` to the padding. */
static int read_blocks(enum container_kind kind, const uint8_t *rows, uint64_t offset,
                       struct container_directory *directory, struct error *err)
{
    uint64_t blob_count = 0;
    for (uint32_t i = 0; i < directory->block_count; i++, rows += CONTAINER_BLOCK_ROW) {
        struct container_block *block = &directory->blocks[i];
        const char *fault = container_block_row_get(kind, rows, offset, block);
        if (fault != NULL)
            return error_set(err, ERROR_DAMAGED, "block %u of the directory %s", i, fault);
        blob_count += block->blob_count;
        offset += block->sealed_size;
    }
    if (offset != directory->pad_offset)
        return error_set(err, ERROR_DAMAGED, "the blocks do not end where the padding begins");
    if (blob_count != directory->blob_count)
        return error_set(err, ERROR_DAMAGED, "the blob counts of the blocks do not add up to that of the object");
    return 0;
}

/* Read the rows of the blobs; in each block their lengths must add up to its plain length. */
static int read_blobs(enum container_kind kind, const uint8_t *rows, struct container_directory *directory,
                      struct error *err)
{
    struct container_blob *blob = directory->blobs;
    for (uint32_t i = 0; i < directory->block_count; i++) {
        const struct container_block *block = &directory->blocks[i];
        uint64_t sum = 0;
        for (uint32_t j = 0; j < block->blob_count; j++, blob++, rows += CONTAINER_BLOB_ROW) {
            memcpy(blob->id.bytes, rows, BLOB_ID_SIZE);
            blob->size = (uint32_t)get_u16(rows + 20) | (uint32_t)rows[22] << 16;
            blob->type = rows[23];
            const char *fault = container_blob_fault(kind, blob);
            if (fault != NULL)
                return error_set(err, ERROR_DAMAGED, "blob %u of block %u %s", j, i, fault);
            sum += blob->size;
        }
        if (block->blob_count > 0 && sum != block->plain_size)
            return error_set(err, ERROR_DAMAGED, "the blobs of block %u do not add up to its length", i);
    }
    return 0;
}

/* Allocation is bounded by the directory's own bytes, whose number was compared with the counts. */
static int read_rows(const struct container_opener *opener, const uint8_t *rows, struct container_directory *directory,
                     struct error *err)
{
    directory->blocks = mem_calloc(directory->block_count, sizeof(*directory->blocks));
    directory->blobs = mem_calloc(directory->blob_count, sizeof(*directory->blobs));
    if (directory->blocks == NULL || directory->blobs == NULL)
        return error_no_memory(err);
    if (read_blocks(opener->kind, rows, CONTAINER_HEADER_SIZE + opener->clear_size, directory, err) != 0)
        return -1;
    rows += (size_t)directory->block_count * CONTAINER_BLOCK_ROW;
    return read_blobs(opener->kind, rows, directory, err);
}

/* Trailer first; with the directory's length known, either the tail holds it or the caller fetches more. */
int container_directory_read(struct container_opener *opener, uint64_t clear_size, uint64_t object_size,
                             const void *tail, size_t tail_size, struct container_directory *ret, size_t *ret_missing,
                             struct error *err)
{
    *ret = (struct container_directory){0};
    *ret_missing = 0;
    if (clear_size != opener->clear_size || tail_size > object_size)
        return error_set(err, ERROR_INTERNAL, "a directory was asked for with lengths of another object");
    if (object_size > CONTAINER_OBJECT_MAX || object_size < CONTAINER_OBJECT_MIN + clear_size)
        return error_set(err, ERROR_DAMAGED, "no such object can have %llu bytes", (unsigned long long)object_size);
    if (tail_size < CONTAINER_TRAILER_SEALED) {
        *ret_missing = CONTAINER_TRAILER_SEALED;
        return 0;
    }
    const uint8_t *end = (const uint8_t *)tail + tail_size;
    uint8_t trailer[CONTAINER_TRAILER_SIZE];
    if (container_session_open(&opener->session, ROLE_TRAILER, 0, end - CONTAINER_TRAILER_SEALED,
                               CONTAINER_TRAILER_SEALED, trailer, err) != 0)
        return -1;

    struct container_directory directory = {0};
    uint64_t sealed_size = 0;
    const char *fault = trailer_fault(trailer, clear_size, object_size, &directory, &sealed_size);
    if (fault != NULL)
        return error_set(err, ERROR_DAMAGED, "the object does not fit its trailer: %s", fault);
    if (sealed_size > tail_size - CONTAINER_TRAILER_SEALED) {
        *ret_missing = (size_t)sealed_size + CONTAINER_TRAILER_SEALED;
        return 0;
    }
    CLEANUP(buf_free) struct buf plain = {0};
    if (buf_reserve(&plain, (size_t)sealed_size, err) != 0)
        return -1;
    if (container_session_open(&opener->session, ROLE_DIRECTORY, 0, end - CONTAINER_TRAILER_SEALED - sealed_size,
                               (size_t)sealed_size, plain.data, err) != 0 ||
        read_rows(opener, plain.data, &directory, err) != 0) {
        container_directory_free(&directory);
        return -1;
    }
    *ret = directory;
    return 0;
}

/* ---- Whole objects ---- */

static int check_padding(struct container_opener *opener, const uint8_t *object,
                         const struct container_directory *directory, struct error *err)
{
    size_t sealed_size = (size_t)(directory->directory_offset - directory->pad_offset);
    size_t size = sealed_size - GCM_TAG_SIZE;
    if (container_scratch(&opener->scratch, size, err) != 0 ||
        container_session_open(&opener->session, ROLE_PAD, 0, object + directory->pad_offset, sealed_size,
                               opener->scratch.data, err) != 0)
        return -1;
    if (!all_zero(opener->scratch.data, size))
        return error_set(err, ERROR_DAMAGED, "the padding is not zero");
    return 0;
}

/* The opener was made from this object's own header and clear part. */
static int check_records(struct container_opener *opener, const uint8_t *object, size_t size,
                         struct container_directory *ret, struct error *err)
{
    size_t missing = 0;
    if (container_directory_read(opener, opener->clear_size, size, object, size, ret, &missing, err) != 0)
        return -1;
    if (missing > 0)
        return error_set(err, ERROR_DAMAGED, "the object is cut short: its directory does not fit");
    if (check_padding(opener, object, ret, err) != 0) {
        container_directory_free(ret);
        return -1;
    }
    return 0;
}

/* Header, clear part, padding, directory, trailer. The opener may have been made from a cached header: compare. */
int container_check_structure(struct container_opener *opener, const void *object, size_t size,
                              struct container_directory *ret, struct error *err)
{
    *ret = (struct container_directory){0};
    struct container_header header;
    struct bytes clear;
    if (container_clear(object, size, &header, &clear, err) != 0)
        return -1;
    struct container_session own = {0};
    if (container_session_bind(&own, object, clear.data, clear.size, err) != 0)
        return -1;
    if (memcmp(own.head_hash, opener->session.head_hash, SHA256_SIZE) != 0)
        return error_set(err, ERROR_DAMAGED, "the object begins with another header or clear part than expected");
    return check_records(opener, object, size, ret, err);
}

static void cleanup_opener(struct container_opener **opener)
{
    container_opener_free(*opener);
}

static int append_blocks(struct container_opener *opener, const uint8_t *object,
                         const struct container_directory *directory, size_t body_max, struct buf *out,
                         struct error *err)
{
    uint64_t body_size = 0;
    for (uint32_t i = 0; i < directory->block_count; i++)
        body_size += directory->blocks[i].plain_size;
    if (body_size > body_max)
        return error_set(err, ERROR_DAMAGED, "the object's body of %llu bytes is longer than the %zu allowed",
                         (unsigned long long)body_size, body_max);
    if (buf_reserve(out, (size_t)body_size, err) != 0)
        return -1;
    uint8_t *at = out->data != NULL ? out->data + out->size : NULL;
    for (uint32_t i = 0; i < directory->block_count; i++) {
        const struct container_block *block = &directory->blocks[i];
        if (open_block(opener, i, block, object + block->offset, at, err) != 0)
            return -1;
        at += block->plain_size;
    }
    out->size += (size_t)body_size;
    return 0;
}

/* Check everything, then append the body; *out is as it was if anything is refused. */
int container_open_body(enum container_kind kind, const void *object, size_t size, const struct secret *key,
                        size_t body_max, struct buf *out, struct bytes *ret_clear, struct error *err)
{
    struct container_header header;
    struct bytes clear;
    if (container_clear(object, size, &header, &clear, err) != 0)
        return -1;
    if (header.kind != kind)
        return error_set(err, ERROR_DAMAGED, "the object is of kind %d, and kind %d belongs here", (int)header.kind,
                         (int)kind);
    CLEANUP(cleanup_opener) struct container_opener *opener = NULL;
    CLEANUP(container_directory_free) struct container_directory directory = {0};
    if (container_opener_new(object, clear.data, clear.size, key, &opener, err) != 0 ||
        check_records(opener, object, size, &directory, err) != 0 ||
        append_blocks(opener, object, &directory, body_max, out, err) != 0)
        return -1;
    *ret_clear = clear;
    return 0;
}
