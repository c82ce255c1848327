#include "crypto/container_internal.h"

#include "base/mem.h"

#include <zstd_errors.h>

/*
 * Records are sealed straight into `object`, which finish hands over; its
 * SHA-256 is taken along while the bytes are still in the processor's cache.
 */
struct container_writer {
    enum container_kind kind;
    bool verify;
    bool spent; /* failed or finished: this salt seals nothing any more */
    uint8_t header[CONTAINER_HEADER_SIZE];
    size_t first; /* offset of block 0 */
    struct container_session seal;
    struct container_session check; /* derived a second time, from the header as written; with verify only */
    struct sha256 *hash;
    struct buf object;
    struct buf scratch; /* for verify */
    struct container_block *blocks;
    uint32_t block_count;
    uint32_t block_room;
    struct container_blob *blobs;
    uint32_t blob_count;
    uint32_t blob_room;
};

/* ---- Create and destroy ---- */

static void put_header(uint8_t header[CONTAINER_HEADER_SIZE], const struct container_header *fields)
{
    memset(header, 0, CONTAINER_HEADER_SIZE);
    memcpy(header, container_magic, CONTAINER_MAGIC_SIZE);
    put_u16(header + HEADER_VERSION, CONTAINER_VERSION);
    header[HEADER_KIND] = (uint8_t)fields->kind;
    header[HEADER_SUITE] = CONTAINER_SUITE;
    header[HEADER_KEY_KIND] = (uint8_t)fields->key_kind;
    header[HEADER_KDF] = CONTAINER_KDF;
    memcpy(header + HEADER_TID, fields->tid.bytes, ID_SIZE);
    memcpy(header + HEADER_KEY_ID, fields->key_id.bytes, ID_SIZE);
    put_u64(header + HEADER_CLEAR_SIZE, fields->clear_size);
}

/*
 * A second derivation from the bytes as written: a key that was computed wrongly would seal
 * records that open under itself and under nothing else.
 */
static int start_check(struct container_writer *writer, const struct container_key *key, size_t clear_size,
                       struct error *err)
{
    const uint8_t *header = writer->object.data;
    uint8_t commitment[CONTAINER_COMMITMENT_SIZE];
    if (container_session_derive(&writer->check, header, key->key, commitment, err) != 0 ||
        container_session_bind(&writer->check, header, header + CONTAINER_HEADER_SIZE, clear_size, err) != 0)
        return -1;
    if (memcmp(commitment, header + HEADER_COMMITMENT, sizeof(commitment)) != 0)
        return error_set(err, ERROR_DAMAGED, "deriving an object's key twice gave two keys");
    return 0;
}

static int start(struct container_writer *writer, const struct container_header *fields,
                 const struct container_key *key, const void *clear, struct error *err)
{
    size_t clear_size = (size_t)fields->clear_size;
    uint8_t *header = writer->header;
    put_header(header, fields);
    if (crypto_random(header + HEADER_SALT, CONTAINER_SALT_SIZE, err) != 0 ||
        container_session_derive(&writer->seal, header, key->key, header + HEADER_COMMITMENT, err) != 0 ||
        container_session_bind(&writer->seal, header, clear, clear_size, err) != 0)
        return -1;
    writer->hash = sha256_new();
    if (writer->hash == NULL)
        return error_no_memory(err);
    if (buf_append(&writer->object, header, CONTAINER_HEADER_SIZE, err) != 0 ||
        buf_append(&writer->object, clear, clear_size, err) != 0)
        return -1;
    writer->first = writer->object.size;
    if (sha256_start(writer->hash, err) != 0 ||
        sha256_update(writer->hash, writer->object.data, writer->object.size, err) != 0)
        return -1;
    return writer->verify ? start_check(writer, key, clear_size, err) : 0;
}

/* Draw the salt, derive the key, put header and clear part. */
int container_writer_new(enum container_kind kind, const struct container_key *key, const void *clear,
                         size_t clear_size, bool verify, struct container_writer **ret, struct error *err)
{
    struct container_header fields = {
        .kind = kind, .key_kind = key->kind, .tid = key->tid, .key_id = key->id, .clear_size = clear_size};
    const char *fault = container_header_fault(&fields);
    if (fault != NULL)
        return error_set(err, ERROR_INTERNAL, "such an object cannot be written: %s", fault);
    struct container_writer *writer = mem_calloc(1, sizeof(*writer));
    if (writer == NULL)
        return error_no_memory(err);
    writer->kind = kind;
    writer->verify = verify;
    if (start(writer, &fields, key, clear, err) != 0) {
        container_writer_free(writer);
        return -1;
    }
    *ret = writer;
    return 0;
}

void container_writer_free(struct container_writer *writer)
{
    if (writer == NULL)
        return;
    container_session_clear(&writer->seal);
    container_session_clear(&writer->check);
    sha256_free(writer->hash);
    buf_free(&writer->object);
    buf_wipe_free(&writer->scratch);
    mem_free(writer->blocks);
    mem_free(writer->blobs);
    mem_free(writer);
}

/* Only header and clear part are copied if the memory changes; what an old object held needs no wiping, it was sealed.
 */
int container_writer_reserve(struct container_writer *writer, size_t size, struct buf *old, struct error *err)
{
    struct buf *object = &writer->object;
    if (old != NULL && old->capacity > object->capacity && old->capacity >= size) {
        struct buf taken = *old;
        memcpy(taken.data, object->data, object->size);
        taken.size = object->size;
        buf_free(object);
        *object = taken;
        *old = (struct buf){0};
        return 0;
    }
    if (old != NULL)
        buf_free(old);
    return size > object->size ? buf_reserve(object, size - object->size, err) : 0;
}

/* ---- Records ---- */

/* Seal one record at the end of the object. */
static int seal(struct container_writer *writer, enum container_role role, uint32_t number, const void *plain,
                size_t size, struct error *err)
{
    size_t sealed_size = size + GCM_TAG_SIZE;
    if (buf_reserve(&writer->object, sealed_size, err) != 0)
        return -1;
    uint8_t *out = writer->object.data + writer->object.size;
    if (container_session_seal(&writer->seal, role, number, plain, size, out, err) != 0)
        return -1;
    if (writer->verify &&
        container_session_verify(&writer->check, role, number, out, plain, size, &writer->scratch, err) != 0)
        return -1;
    writer->object.size += sealed_size;
    return sha256_update(writer->hash, out, sealed_size, err);
}

/* Room for `more` rows behind `count`; the new room, or 0 when there is no memory. */
static uint32_t room_for(uint32_t count, uint32_t room, uint32_t more)
{
    if (more > UINT32_MAX / 2 - count)
        return 0;
    uint32_t grown = room < 64 ? 64 : room;
    while (grown < count + more)
        grown += grown / 2;
    return grown;
}

static int reserve_rows(struct container_writer *writer, uint32_t blob_count, struct error *err)
{
    if (writer->block_count == writer->block_room) {
        uint32_t room = room_for(writer->block_count, writer->block_room, 1);
        struct container_block *grown = room > 0 ? mem_realloc(writer->blocks, room * sizeof(*grown)) : NULL;
        if (grown == NULL)
            return error_no_memory(err);
        writer->blocks = grown;
        writer->block_room = room;
    }
    if (blob_count > writer->blob_room - writer->blob_count) {
        uint32_t room = room_for(writer->blob_count, writer->blob_room, blob_count);
        struct container_blob *grown = room > 0 ? mem_realloc(writer->blobs, room * sizeof(*grown)) : NULL;
        if (grown == NULL)
            return error_no_memory(err);
        writer->blobs = grown;
        writer->blob_room = room;
    }
    return 0;
}

/* Everything between the last block and the padding's own bytes. */
static uint64_t size_without_padding(const struct container_writer *writer, uint64_t more)
{
    uint64_t rows =
        (uint64_t)writer->block_count * CONTAINER_BLOCK_ROW + (uint64_t)writer->blob_count * CONTAINER_BLOB_ROW;
    return (uint64_t)writer->object.size + more + GCM_TAG_SIZE + rows + GCM_TAG_SIZE + CONTAINER_TRAILER_SEALED;
}

/* Refuse rows that no reader would accept. */
static int check_rows(const struct container_writer *writer, const struct container_block *block,
                      const struct container_blob *blobs, struct error *err)
{
    const char *fault = container_block_fault(writer->kind, block);
    if (fault != NULL)
        return error_set(err, ERROR_INTERNAL, "block %u %s", writer->block_count, fault);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < block->blob_count; i++) {
        fault = container_blob_fault(writer->kind, &blobs[i]);
        if (fault != NULL)
            return error_set(err, ERROR_INTERNAL, "blob %u of block %u %s", i, writer->block_count, fault);
        sum += blobs[i].size;
    }
    if (block->blob_count > 0 && sum != block->plain_size)
        return error_set(err, ERROR_INTERNAL, "the blobs of block %u do not add up to its length", writer->block_count);
    uint64_t more = block->sealed_size + CONTAINER_BLOCK_ROW + (uint64_t)block->blob_count * CONTAINER_BLOB_ROW;
    if (container_padme(size_without_padding(writer, more)) > CONTAINER_OBJECT_MAX)
        return error_set(err, ERROR_INTERNAL, "the object would be longer than 1 GiB");
    return 0;
}

static int add_block(struct container_writer *writer, enum container_codec codec, const void *payload,
                     size_t payload_size, uint32_t plain_size, const struct container_blob *blobs, uint32_t blob_count,
                     struct error *err)
{
    if (payload_size > CONTAINER_PAYLOAD_MAX)
        return error_set(err, ERROR_INTERNAL, "a block of %zu bytes is longer than any block", payload_size);
    struct container_block block = {.offset = writer->object.size,
                                    .sealed_size = (uint32_t)(payload_size + GCM_TAG_SIZE),
                                    .plain_size = plain_size,
                                    .blob_count = blob_count,
                                    .codec = (uint8_t)codec};
    if (check_rows(writer, &block, blobs, err) != 0 || reserve_rows(writer, blob_count, err) != 0 ||
        seal(writer, ROLE_BLOCK, writer->block_count, payload, payload_size, err) != 0)
        return -1;
    writer->blocks[writer->block_count++] = block;
    if (blob_count > 0)
        memcpy(writer->blobs + writer->blob_count, blobs, blob_count * sizeof(*blobs));
    writer->blob_count += blob_count;
    return 0;
}

static int refuse_spent(struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "a container's writer was used again after it failed or finished");
}

/* Seal the next block; after any failure the salt is abandoned, whatever the reason was. */
int container_writer_block(struct container_writer *writer, enum container_codec codec, const void *payload,
                           size_t payload_size, uint32_t plain_size, const struct container_blob *blobs,
                           uint32_t blob_count, struct error *err)
{
    if (writer->spent)
        return refuse_spent(err);
    if (add_block(writer, codec, payload, payload_size, plain_size, blobs, blob_count, err) != 0) {
        writer->spent = true;
        return error_wrap(err, "seal block %u", writer->block_count);
    }
    return 0;
}

/* ---- Finish ---- */

static int encode_directory(const struct container_writer *writer, struct buf *out, struct error *err)
{
    size_t size = (size_t)writer->block_count * CONTAINER_BLOCK_ROW + (size_t)writer->blob_count * CONTAINER_BLOB_ROW;
    if (buf_append_zeros(out, size, err) != 0)
        return -1;
    uint8_t *p = out->data;
    for (uint32_t i = 0; i < writer->block_count; i++, p += CONTAINER_BLOCK_ROW)
        container_block_row_put(p, &writer->blocks[i]);
    for (uint32_t i = 0; i < writer->blob_count; i++, p += CONTAINER_BLOB_ROW) {
        const struct container_blob *blob = &writer->blobs[i];
        memcpy(p, blob->id.bytes, BLOB_ID_SIZE);
        put_u16(p + 20, (uint16_t)blob->size);
        p[22] = (uint8_t)(blob->size >> 16);
        p[23] = blob->type;
    }
    return 0;
}

static int seal_padding(struct container_writer *writer, struct error *err)
{
    uint64_t bare = size_without_padding(writer, 0);
    CLEANUP(buf_free) struct buf zeros = {0};
    if (buf_append_zeros(&zeros, (size_t)(container_padme(bare) - bare), err) != 0)
        return -1;
    return seal(writer, ROLE_PAD, 0, zeros.data, zeros.size, err);
}

static int seal_end(struct container_writer *writer, struct error *err)
{
    uint8_t trailer[CONTAINER_TRAILER_SIZE] = {0};
    put_u64(trailer + TRAILER_FIRST, writer->first);
    put_u64(trailer + TRAILER_PAD, writer->object.size);
    if (seal_padding(writer, err) != 0)
        return -1;

    CLEANUP(buf_free) struct buf directory = {0};
    put_u64(trailer + TRAILER_DIRECTORY, writer->object.size);
    if (encode_directory(writer, &directory, err) != 0 ||
        seal(writer, ROLE_DIRECTORY, 0, directory.data, directory.size, err) != 0)
        return -1;

    put_u64(trailer + TRAILER_DIRECTORY_SIZE, directory.size + GCM_TAG_SIZE);
    put_u64(trailer + TRAILER_OBJECT_SIZE, writer->object.size + CONTAINER_TRAILER_SEALED);
    put_u32(trailer + TRAILER_BLOCK_COUNT, writer->block_count);
    put_u32(trailer + TRAILER_BLOB_COUNT, writer->blob_count);
    return seal(writer, ROLE_TRAILER, 0, trailer, sizeof(trailer), err);
}

/* Pad, directory, trailer; then the object's bytes change hands, and its rows stay readable until free. */
int container_writer_finish(struct container_writer *writer, struct buf *out, struct hash *ret_name, struct error *err)
{
    if (writer->spent)
        return refuse_spent(err);
    writer->spent = true;
    if (container_padme(size_without_padding(writer, 0)) > CONTAINER_OBJECT_MAX)
        return error_set(err, ERROR_INTERNAL, "the object would be longer than 1 GiB");
    /* One reservation for all that is left: the object does not move three times. */
    if (buf_reserve(&writer->object, container_writer_size(writer) - writer->object.size, err) != 0 ||
        seal_end(writer, err) != 0 || sha256_finish(writer->hash, ret_name->bytes, err) != 0)
        return error_wrap(err, "finish an object");
    buf_free(out);
    *out = writer->object;
    writer->object = (struct buf){0};
    return 0;
}

/* ---- What was written so far ---- */

size_t container_writer_size(const struct container_writer *writer)
{
    return (size_t)container_padme(size_without_padding(writer, 0));
}

size_t container_writer_padding(const struct container_writer *writer)
{
    uint64_t size = size_without_padding(writer, 0);
    return (size_t)(container_padme(size) - size);
}

uint32_t container_writer_blob_count(const struct container_writer *writer)
{
    return writer->blob_count;
}

const struct container_block *container_writer_blocks(const struct container_writer *writer, uint32_t *ret_count)
{
    *ret_count = writer->block_count;
    return writer->blocks;
}

const struct container_blob *container_writer_blobs(const struct container_writer *writer, uint32_t *ret_count)
{
    *ret_count = writer->blob_count;
    return writer->blobs;
}

const uint8_t *container_writer_header(const struct container_writer *writer)
{
    return writer->header;
}

/* ---- A small object in one call ---- */

static void cleanup_writer(struct container_writer **writer)
{
    container_writer_free(*writer);
}

static void cleanup_cctx(ZSTD_CCtx **cctx)
{
    (void)ZSTD_freeCCtx(*cctx);
}

/* Compress a part of a body and seal it, or seal it as it is if that is not longer. */
static int seal_part(struct container_writer *writer, ZSTD_CCtx *cctx, struct buf *packed, const uint8_t *part,
                     size_t size, struct error *err)
{
    if (cctx != NULL) {
        size_t got = ZSTD_compress2(cctx, packed->data, packed->capacity, part, size);
        if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
            return error_no_memory(err);
        if (!ZSTD_isError(got) && got < size)
            return container_writer_block(writer, CODEC_ZSTD, packed->data, got, (uint32_t)size, NULL, 0, err);
    }
    return container_writer_block(writer, CODEC_STORED, part, size, (uint32_t)size, NULL, 0, err);
}

/* Cut `body` into blocks of CONTAINER_BLOCK_MAX; what is sealed is always opened again: these objects are few. */
int container_seal_body(enum container_kind kind, const struct container_key *key, const void *clear, size_t clear_size,
                        const void *body, size_t body_size, struct buf *out, struct hash *ret_name, struct error *err)
{
    CLEANUP(cleanup_writer) struct container_writer *writer = NULL;
    CLEANUP(cleanup_cctx) ZSTD_CCtx *cctx = NULL;
    CLEANUP(buf_free) struct buf packed = {0};
    if (container_writer_new(kind, key, clear, clear_size, true, &writer, err) != 0)
        return -1;
    /* Keys are random bytes: compressing them gains nothing and would leave copies in zstd's memory. */
    if (kind != CONTAINER_KEYS && body_size > 0) {
        size_t largest = body_size < CONTAINER_BLOCK_MAX ? body_size : CONTAINER_BLOCK_MAX;
        cctx = ZSTD_createCCtx();
        if (cctx == NULL)
            return error_no_memory(err);
        if (buf_reserve(&packed, largest, err) != 0)
            return -1;
    }
    for (size_t at = 0; at < body_size;) {
        size_t size = body_size - at < CONTAINER_BLOCK_MAX ? body_size - at : CONTAINER_BLOCK_MAX;
        if (seal_part(writer, cctx, &packed, (const uint8_t *)body + at, size, err) != 0)
            return -1;
        at += size;
    }
    return container_writer_finish(writer, out, ret_name, err);
}
