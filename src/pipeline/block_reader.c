#include "base/mem.h"
#include "base/names.h"
#include "pipeline/objects.h"

enum { PACKS_KEPT = 16 };

struct kept_pack {
    bool used;
    uint32_t number;
    uint64_t last_use;
    struct pack_info info;
    struct container_opener *opener;
};

struct kept_block {
    bool used;
    uint32_t pack;
    uint32_t block;
    uint64_t last_use;
    struct buf bytes;
};

/* Sealed blocks of a pack, fetched before they are asked for. */
struct fetched {
    uint32_t pack;
    uint32_t first;
    uint32_t count; /* 0: none */
    struct buf bytes;
};

struct block_reader {
    struct objects *objects;
    struct blob_hasher *hasher;
    struct kept_pack packs[PACKS_KEPT];
    uint64_t uses;
    struct buf sealed;
    struct fetched ahead;
    struct kept_block single;  /* the last block, of a reader that keeps none */
    struct error single_error; /* why it cannot be had */
    size_t block_limit;
    struct kept_block blocks[];
};

int block_reader_new(struct objects *objects, size_t cached_blocks, struct block_reader **ret, struct error *err)
{
    struct block_reader *reader = mem_calloc(1, sizeof(*reader) + cached_blocks * sizeof(struct kept_block));
    if (reader == NULL)
        return error_no_memory(err);
    reader->objects = objects;
    reader->block_limit = cached_blocks;
    if (blob_hasher_new(objects->keyring, &reader->hasher, err) != 0) {
        block_reader_free(reader);
        return -1;
    }
    *ret = reader;
    return 0;
}

static void forget_pack(struct kept_pack *pack)
{
    container_opener_free(pack->opener);
    pack_info_free(&pack->info);
    *pack = (struct kept_pack){0};
}

void block_reader_free(struct block_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < PACKS_KEPT; i++)
        forget_pack(&reader->packs[i]);
    for (size_t i = 0; i < reader->block_limit; i++)
        buf_free(&reader->blocks[i].bytes);
    blob_hasher_free(reader->hasher);
    buf_free(&reader->sealed);
    buf_free(&reader->ahead.bytes);
    buf_free(&reader->single.bytes);
    mem_free(reader);
}

static int open_pack(struct block_reader *reader, uint32_t number, struct kept_pack **ret, struct error *err)
{
    struct kept_pack *oldest = &reader->packs[0];
    for (size_t i = 0; i < PACKS_KEPT; i++) {
        struct kept_pack *pack = &reader->packs[i];
        if (pack->used && pack->number == number) {
            pack->last_use = ++reader->uses;
            *ret = pack;
            return 0;
        }
        if (!pack->used || (oldest->used && pack->last_use < oldest->last_use))
            oldest = pack;
    }
    forget_pack(oldest);
    struct container_header header;
    if (index_pack(reader->objects->index, number, &oldest->info, err) != 0 ||
        container_header_parse(oldest->info.header, &header, err) != 0)
        goto failed;
    const struct secret *key = keyring_find(reader->objects->keyring, &header.key_id);
    if (key == NULL) {
        (void)error_set(err, ERROR_KEYS, "the keystore has no key for a pack");
        goto failed;
    }
    if (container_opener_new(oldest->info.header, NULL, 0, key, &oldest->opener, err) != 0)
        goto failed;
    oldest->used = true;
    oldest->number = number;
    oldest->last_use = ++reader->uses;
    *ret = oldest;
    return 0;
failed:
    forget_pack(oldest);
    return -1;
}

int block_reader_pack(struct block_reader *reader, uint32_t pack, const struct pack_info **ret, struct error *err)
{
    struct kept_pack *kept;
    if (open_pack(reader, pack, &kept, err) != 0)
        return -1;
    *ret = &kept->info;
    return 0;
}

static int open_block(struct kept_pack *pack, uint32_t number, const uint8_t *sealed, struct buf *out,
                      struct error *err)
{
    out->size = 0;
    return container_opener_block(pack->opener, number, &pack->info.blocks[number], sealed, out, err);
}

/* What was fetched before: it is opened and checked again. */
static bool block_from_cache(struct block_reader *reader, struct kept_pack *pack, uint32_t number, struct buf *out)
{
    struct block_cache *cache = reader->objects->blocks;
    struct error ignored = {0};
    return cache != NULL &&
           block_cache_get(cache, &pack->info.name, number, pack->info.blocks[number].sealed_size, &reader->sealed) &&
           open_block(pack, number, reader->sealed.data, out, &ignored) == 0;
}

/* A block that was sound; of content only if the cache is for that too. */
static void keep_block(const struct block_reader *reader, const struct kept_pack *pack, uint32_t number,
                       const uint8_t *sealed)
{
    struct block_cache *cache = reader->objects->blocks;
    const struct buf bytes = {.data = (uint8_t *)(uintptr_t)sealed, .size = pack->info.blocks[number].sealed_size};
    if (cache != NULL && (reader->block_limit > 0 || block_cache_keeps_content(cache)))
        block_cache_put(cache, &pack->info.name, number, &bytes);
}

static bool ends_the_search(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL || err->class == ERROR_INTERRUPTED;
}

/* The targets that may be asked for a part of the pack, from number *at on; NULL: no more. */
static struct run_target *next_target(struct objects *objects, const struct kept_pack *pack, size_t *at)
{
    while (*at < objects->count) {
        struct run_target *t = &objects->targets[(*at)++];
        if (t->up && !atomic_load(&t->read_failed) &&
            presence_has(&t->present, OBJECT_PACK, &pack->info.name, pack->info.size))
            return t;
    }
    return NULL;
}

/* Replace *out by a part of the pack as it lies on that target. One that does not answer is not asked again. */
static int get_part(struct objects *objects, struct run_target *t, const struct kept_pack *pack, uint64_t offset,
                    size_t size, struct buf *out, struct error *err)
{
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&objects->tid, 'p', &pack->info.name, name);
    out->size = 0;
    if (target_get_range(t->target, name, offset, size, out, err) != 0) {
        if (err->class == ERROR_UNREACHABLE || err->class == ERROR_DENIED)
            atomic_store(&t->read_failed, true);
        return -1;
    }
    atomic_fetch_add(&t->bytes_fetched, size);
    if (out->size != size)
        return error_set(err, ERROR_DAMAGED, "%s on %s is shorter than it must be", name, t->name);
    return 0;
}

/* A ranged read: of the first target that has the pack, or of one after the other (`all`). */
static int block_from_range(struct block_reader *reader, struct kept_pack *pack, uint32_t number, bool all,
                            struct buf *out, struct error *err)
{
    const struct container_block *block = &pack->info.blocks[number];
    struct run_target *t;
    size_t at = 0;
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&reader->objects->tid, 'p', &pack->info.name, name);
    (void)error_set(err, ERROR_UNREACHABLE, "no target that holds %s can be reached", name);
    while ((t = next_target(reader->objects, pack, &at)) != NULL) {
        if (get_part(reader->objects, t, pack, block->offset, block->sealed_size, &reader->sealed, err) == 0 &&
            open_block(pack, number, reader->sealed.data, out, err) == 0) {
            keep_block(reader, pack, number, reader->sealed.data);
            return 0;
        }
        if (!all || ends_the_search(err))
            return -1;
    }
    return -1;
}

/*
 * The slow way, when a ranged read gave no sound block: get the whole object, checked against its name and mended
 * where it was lost, and take the block out of that.
 */
static int block_from_object(struct block_reader *reader, struct kept_pack *pack, uint32_t number, struct buf *out,
                             struct error *err)
{
    const struct container_block *block = &pack->info.blocks[number];
    CLEANUP(buf_free) struct buf object = {0};
    struct objects *objects = reader->objects;
    (void)pthread_mutex_lock(&objects->repair_mutex); /* one big object in memory at a time */
    int rc = objects_get(objects, OBJECT_PACK, &pack->info.name, pack->info.size, &object, err);
    (void)pthread_mutex_unlock(&objects->repair_mutex);
    if (rc != 0)
        return -1;
    if (object.size < block->offset + block->sealed_size)
        return error_set(err, ERROR_DAMAGED, "a pack is shorter than the index says");
    return open_block(pack, number, object.data + block->offset, out, err);
}

static bool was_fetched(const struct fetched *ahead, uint32_t pack, uint32_t block)
{
    return ahead->pack == pack && block >= ahead->first && block - ahead->first < ahead->count;
}

/* Fetch as many of `count` blocks as fit into `most` bytes and are not kept, if they are several. */
static int fetch_ahead(struct block_reader *reader, uint32_t pack_number, uint32_t first, uint32_t count, size_t most,
                       struct error *err)
{
    struct fetched *ahead = &reader->ahead;
    struct kept_pack *pack;
    size_t at = 0, size = 0;
    if (cancel_check(reader->objects->cancel, err) != 0 || open_pack(reader, pack_number, &pack, err) != 0)
        return -1;
    struct block_cache *cache = reader->objects->blocks;
    uint32_t end = first;
    while (end < pack->info.block_count && end - first < count && size + pack->info.blocks[end].sealed_size <= most &&
           (cache == NULL || !block_cache_has(cache, &pack->info.name, end)))
        size += pack->info.blocks[end++].sealed_size;
    struct run_target *t = next_target(reader->objects, pack, &at);
    if (end - first < 2 || t == NULL)
        return 0;
    if (get_part(reader->objects, t, pack, pack->info.blocks[first].offset, size, &ahead->bytes, err) != 0)
        return -1;
    ahead->pack = pack_number;
    ahead->first = first;
    ahead->count = end - first;
    return 0;
}

int block_reader_ahead(struct block_reader *reader, uint32_t pack, uint32_t first, uint32_t count, size_t most,
                       struct error *err)
{
    struct error why = {0};
    if (was_fetched(&reader->ahead, pack, first))
        return 0;
    reader->ahead.count = 0;
    if (fetch_ahead(reader, pack, first, count, most, &why) == 0 || !ends_the_search(&why))
        return 0;
    *err = why;
    return -1;
}

int block_reader_block(struct block_reader *reader, uint32_t pack_number, uint32_t number, struct buf *out,
                       struct error *err)
{
    struct kept_pack *pack;
    if (cancel_check(reader->objects->cancel, err) != 0 || open_pack(reader, pack_number, &pack, err) != 0)
        return -1;
    if (number >= pack->info.block_count)
        return error_set(err, ERROR_DAMAGED, "the index names a block that its pack does not have");
    if (block_from_cache(reader, pack, number, out))
        return 0;
    if (was_fetched(&reader->ahead, pack_number, number)) {
        uint64_t offset = pack->info.blocks[number].offset - pack->info.blocks[reader->ahead.first].offset;
        if (open_block(pack, number, reader->ahead.bytes.data + offset, out, err) == 0) {
            keep_block(reader, pack, number, reader->ahead.bytes.data + offset);
            return 0;
        }
        if (ends_the_search(err))
            return -1;
    }
    if (block_from_range(reader, pack, number, false, out, err) == 0)
        return 0;
    if (ends_the_search(err))
        return -1;
    /* The whole object mends what is damaged. If no target has all of it sound, one may have this block sound. */
    if (block_from_object(reader, pack, number, out, err) == 0)
        return 0;
    struct error why = {0};
    if (ends_the_search(err) || block_from_range(reader, pack, number, true, out, &why) != 0)
        return -1;
    error_clear(err);
    return 0;
}

/* For neighbours in one block, and so that one that is damaged everywhere is asked for once. */
static int single_block(struct block_reader *reader, uint32_t pack, uint32_t block, struct buf **ret, struct error *err)
{
    struct kept_block *kept = &reader->single;
    *ret = &kept->bytes;
    if (!kept->used || kept->pack != pack || kept->block != block) {
        if (block_reader_block(reader, pack, block, &kept->bytes, &reader->single_error) == 0)
            error_clear(&reader->single_error);
        kept->used = !ends_the_search(&reader->single_error);
        kept->pack = pack;
        kept->block = block;
    }
    if (reader->single_error.class == ERROR_NONE)
        return 0;
    *err = reader->single_error;
    return -1;
}

static int cached_block(struct block_reader *reader, uint32_t pack, uint32_t block, struct buf **ret, struct error *err)
{
    if (reader->block_limit == 0)
        return single_block(reader, pack, block, ret, err);
    struct kept_block *oldest = &reader->blocks[0];
    for (size_t i = 0; i < reader->block_limit; i++) {
        struct kept_block *kept = &reader->blocks[i];
        if (kept->used && kept->pack == pack && kept->block == block) {
            kept->last_use = ++reader->uses;
            *ret = &kept->bytes;
            return 0;
        }
        if (!kept->used || (oldest->used && kept->last_use < oldest->last_use))
            oldest = kept;
    }
    oldest->used = false;
    if (block_reader_block(reader, pack, block, &oldest->bytes, err) != 0)
        return -1;
    oldest->used = true;
    oldest->pack = pack;
    oldest->block = block;
    oldest->last_use = ++reader->uses;
    *ret = &oldest->bytes;
    return 0;
}

static int fetch_from(struct block_reader *reader, const struct place *place, enum blob_type type,
                      const struct blob_id *id, struct buf *out, struct error *err)
{
    struct buf *block;
    if (cached_block(reader, place->pack, place->block, &block, err) != 0)
        return -1;
    if (place->type != type || place->size > block->size || place->offset > block->size - place->size)
        return error_set(err, ERROR_DAMAGED, "the index does not fit a block");
    struct blob_id actual;
    const uint8_t *bytes = block->data + place->offset;
    if (blob_hash(reader->hasher, type, bytes, place->size, &actual, err) != 0)
        return -1;
    if (!blob_id_equal(&actual, id))
        return error_set(err, ERROR_DAMAGED, "a blob does not match its id");
    out->size = 0;
    return buf_append(out, bytes, place->size, err);
}

int block_reader_fetch_older(struct block_reader *reader, enum blob_type type, const struct blob_id *id, uint32_t pack,
                             struct buf *out, struct error *err)
{
    struct error worst = {0};
    struct place place;
    int found;
    while ((found = index_find_older(reader->objects->index, id, pack, &place, err)) > 0) {
        if (fetch_from(reader, &place, type, id, out, err) == 0)
            return 0;
        if (ends_the_search(err))
            return -1;
        /* That a target does not answer says more than damage: the blob may be sound there. */
        if (worst.class == ERROR_NONE || worst.class == ERROR_DAMAGED)
            worst = *err;
        error_clear(err);
        pack = place.pack;
    }
    if (found < 0)
        return -1;
    if (worst.class != ERROR_NONE) {
        *err = worst;
        return -1;
    }
    (void)error_set(err, ERROR_DAMAGED, "a blob that the snapshot needs is in no pack that can be reached");
    return error_hint(err, "`hikae verify` names what is missing, and what it costs");
}

int block_reader_fetch(enum blob_type type, const struct blob_id *id, struct buf *out, void *context, struct error *err)
{
    return block_reader_fetch_older(context, type, id, UINT32_MAX, out, err);
}
