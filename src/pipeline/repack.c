#include "pipeline/repack.h"

#include "base/mem.h"
#include "pipeline/batch.h"

enum { SMALL_BLOCK = 256 << 10, SMALL_META_BLOCK = 64 << 10, UPLOAD_MEMORY = 32 << 20, UPLOAD_OBJECTS = 8 };

struct repack {
    struct backup backup;
    struct backup_options options;
    struct backup_counters counters;
    struct compressor *compressor;
    struct blob_hasher *hasher;
    struct packer *packer;
    struct block content; /* being gathered */
    struct block meta;
    struct block whole; /* one that goes on as it is */
    struct buf object;  /* the pack that is read */
    struct buf plain;
};

/* ---- Create and destroy ---- */

static void block_clear(struct block *block)
{
    buf_free(&block->plain);
    buf_free(&block->payload);
    mem_free(block->blobs);
}

void repack_free(struct repack *repack)
{
    if (repack == NULL)
        return;
    packer_free(repack->packer);
    upload_free(repack->backup.upload);
    compressor_free(repack->compressor);
    blob_hasher_free(repack->hasher);
    block_clear(&repack->content);
    block_clear(&repack->meta);
    block_clear(&repack->whole);
    buf_free(&repack->object);
    buf_free(&repack->plain);
    (void)pthread_mutex_destroy(&repack->backup.mutex);
    mem_free(repack);
}

static int set_up(struct repack *repack, const struct repack_options *options, struct error *err)
{
    struct upload_options upload = {.tid = &options->objects->tid,
                                    .targets = options->objects->targets,
                                    .count = options->objects->count,
                                    .memory_limit =
                                        options->pack_size > UPLOAD_MEMORY ? options->pack_size : UPLOAD_MEMORY,
                                    .objects_limit = UPLOAD_OBJECTS,
                                    .spool_limit = options->spool_limit,
                                    .spool_folder = options->spool_folder,
                                    .cancel = options->cancel};
    if (upload_new(&upload, &repack->backup.upload, err) != 0 ||
        compressor_new(options->level, COMPRESS_TREES, options->verify_writes, &repack->compressor, err) != 0 ||
        blob_hasher_new(options->objects->keyring, &repack->hasher, err) != 0)
        return -1;
    repack->backup.compressors = &repack->compressor;
    return packer_new(&repack->backup, &repack->packer, err);
}

int repack_new(const struct repack_options *options, struct repack **ret, struct error *err)
{
    struct repack *repack = mem_calloc(1, sizeof(*repack));
    if (repack == NULL)
        return error_no_memory(err);
    (void)pthread_mutex_init(&repack->backup.mutex, NULL);
    repack->options = (struct backup_options){.objects = options->objects,
                                              .level = options->level,
                                              .pack_size = options->pack_size,
                                              .verify_writes = options->verify_writes,
                                              .cancel = options->cancel};
    repack->backup.options = &repack->options;
    repack->backup.counters = &repack->counters;
    repack->meta.meta = true;
    if (set_up(repack, options, err) != 0) {
        repack_free(repack);
        return -1;
    }
    *ret = repack;
    return 0;
}

/* ---- Gathering ---- */

/* Hand the gathered blobs on as a block. */
static int flush(struct repack *repack, struct block *block, struct error *err)
{
    if (block->blob_count == 0)
        return 0;
    compress_block(block, 0, &repack->backup);
    int rc = packer_take(repack->packer, block, err);
    block->plain.size = 0;
    block->payload.size = 0;
    block->blob_count = 0;
    return rc;
}

static int reserve_blobs(struct block *block, size_t count, struct error *err)
{
    if (count <= block->blob_capacity)
        return 0;
    size_t capacity = count < 256 ? 256 : count + count / 2;
    struct container_blob *blobs = mem_realloc(block->blobs, capacity * sizeof(*blobs));
    if (blobs == NULL)
        return error_no_memory(err);
    block->blobs = blobs;
    block->blob_capacity = capacity;
    return 0;
}

/* One blob that moves: what is carried on must be what its id says. */
static int gather(struct repack *repack, const struct container_blob *blob, const uint8_t *bytes, struct error *err)
{
    struct block *block = blob->type == BLOB_CONTENT ? &repack->content : &repack->meta;
    size_t limit = block->meta ? BLOCK_META_BYTES : BLOCK_BYTES;
    if (limit > repack->options.pack_size / 4)
        limit = repack->options.pack_size / 4; /* so that small packs can end where they should */
    struct blob_id id;
    if (blob_hash(repack->hasher, (enum blob_type)blob->type, bytes, blob->size, &id, err) != 0)
        return -1;
    if (!blob_id_equal(&id, &blob->id))
        return error_set(err, ERROR_DAMAGED, "a blob does not match its id");
    if (block->plain.size + blob->size > limit && flush(repack, block, err) != 0)
        return -1;
    if (reserve_blobs(block, block->blob_count + 1, err) != 0 || buf_append(&block->plain, bytes, blob->size, err) != 0)
        return -1;
    block->blobs[block->blob_count++] = *blob;
    return 0;
}

/* ---- Packs ---- */

/* A block as it is: decrypted, sealed again, never decompressed. */
static int carry(struct repack *repack, struct container_opener *opener, uint32_t number,
                 const struct container_block *block, const struct container_blob *blobs, struct error *err)
{
    struct block *whole = &repack->whole;
    const uint8_t *sealed = repack->object.data + block->offset;
    if (reserve_blobs(whole, block->blob_count, err) != 0)
        return -1;
    memcpy(whole->blobs, blobs, block->blob_count * sizeof(*blobs));
    whole->blob_count = block->blob_count;
    whole->meta = blobs[0].type != BLOB_CONTENT;
    whole->codec = (enum container_codec)block->codec;
    struct buf *to = whole->codec == CODEC_STORED ? &whole->plain : &whole->payload;
    if (container_opener_payload(opener, number, block, sealed, to, err) != 0)
        return -1;
    whole->plain.size = block->plain_size; /* of a compressed block its length alone is looked at */
    int rc = packer_take(repack->packer, whole, err);
    whole->plain.size = 0;
    return rc;
}

static int regather(struct repack *repack, struct container_opener *opener, uint32_t number,
                    const struct container_block *block, const struct container_blob *blobs, repack_wanted *wanted,
                    void *context, struct error *err)
{
    uint32_t offset = 0;
    if (container_opener_block(opener, number, block, repack->object.data + block->offset, &repack->plain, err) != 0)
        return -1;
    for (uint32_t i = 0; i < block->blob_count; offset += blobs[i++].size)
        if (wanted(number, offset, context) && gather(repack, &blobs[i], repack->plain.data + offset, err) != 0)
            return -1;
    return 0;
}

static int move_block(struct repack *repack, struct container_opener *opener, uint32_t number,
                      const struct container_block *block, const struct container_blob *blobs, repack_wanted *wanted,
                      void *context, struct error *err)
{
    uint32_t offset = 0, count = 0;
    for (uint32_t i = 0; i < block->blob_count; offset += blobs[i++].size)
        count += wanted(number, offset, context);
    uint32_t small = blobs[0].type == BLOB_CONTENT ? SMALL_BLOCK : SMALL_META_BLOCK;
    if (count == 0)
        return 0;
    if (count == block->blob_count && block->plain_size >= small)
        return carry(repack, opener, number, block, blobs, err);
    return regather(repack, opener, number, block, blobs, wanted, context, err);
}

static int move_blocks(struct repack *repack, struct container_opener *opener, repack_wanted *wanted, void *context,
                       struct error *err)
{
    struct container_directory directory;
    if (container_check_structure(opener, repack->object.data, repack->object.size, &directory, err) != 0)
        return -1;
    const struct container_blob *blobs = directory.blobs;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < directory.block_count; blobs += directory.blocks[i++].blob_count) {
        rc = cancel_check(repack->options.cancel, err);
        if (rc == 0)
            rc = move_block(repack, opener, i, &directory.blocks[i], blobs, wanted, context, err);
    }
    container_directory_free(&directory);
    return rc;
}

int repack_pack(struct repack *repack, const struct hash *name, uint64_t size, repack_wanted *wanted, void *context,
                struct error *err)
{
    struct objects *objects = repack->options.objects;
    struct container_header header;
    struct container_opener *opener = NULL;
    repack->object.size = 0;
    if (objects_get(objects, OBJECT_PACK, name, size, &repack->object, err) != 0 ||
        container_header_parse(repack->object.data, &header, err) != 0)
        return -1;
    const struct secret *key = keyring_find(objects->keyring, &header.key_id);
    if (key == NULL || !id_equal(&header.tid, &objects->tid))
        return error_set(err, ERROR_KEYS, "no key of this tenant opens a pack");
    if (!container_is_pack(header.kind) || header.clear_size != 0)
        return error_set(err, ERROR_DAMAGED, "it is no pack");
    if (container_opener_new(repack->object.data, NULL, 0, key, &opener, err) != 0)
        return -1;
    int rc = move_blocks(repack, opener, wanted, context, err);
    container_opener_free(opener);
    return rc;
}

int repack_finish(struct repack *repack, struct roster *ret, struct error *err)
{
    struct objects *objects = repack->options.objects;
    struct pack_set none = {0};
    if (flush(repack, &repack->content, err) != 0 || flush(repack, &repack->meta, err) != 0 ||
        packer_finish(repack->packer, err) != 0)
        return -1;
    upload_drain(repack->backup.upload);
    for (size_t i = 0; i < objects->count; i++) {
        struct error why = {0};
        const struct roster *acknowledged = upload_acknowledged(repack->backup.upload, i, &why);
        if (acknowledged != NULL && presence_add(&objects->targets[i].present, acknowledged, err) != 0)
            return -1;
    }
    return packer_roster(repack->packer, &none, &none, ret, err);
}
