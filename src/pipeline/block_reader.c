#include "base/mem.h"
#include "base/names.h"
#include "pipeline/objects.h"

enum { PACKS_KEPT = 16, BLOCK_RUN_MAX = 64 << 20 };

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

struct block_reader {
    struct objects *objects;
    struct blob_hasher *hasher;
    struct kept_pack packs[PACKS_KEPT];
    uint64_t uses;
    struct buf sealed;
    struct buf plain;
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
    buf_free(&reader->plain);
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

/* Decrypt and decompress the blocks that lie in reader->sealed. */
static int open_blocks(struct block_reader *reader, struct kept_pack *pack, uint32_t first, uint32_t count,
                       struct buf *out, struct error *err)
{
    const uint8_t *p = reader->sealed.data;
    out->size = 0;
    for (uint32_t i = first; i < first + count; i++) {
        const struct container_block *block = &pack->info.blocks[i];
        if (container_opener_block(pack->opener, i, block, p, count == 1 ? out : &reader->plain, err) != 0)
            return -1;
        if (count > 1 && buf_append(out, reader->plain.data, reader->plain.size, err) != 0)
            return -1;
        p += block->sealed_size;
    }
    return 0;
}

/* What was fetched before: it is opened and checked again. */
static bool run_from_cache(struct block_reader *reader, struct kept_pack *pack, uint32_t first, uint32_t count,
                           size_t size, struct buf *out)
{
    struct block_cache *cache = reader->objects->blocks;
    struct error ignored = {0};
    return cache != NULL && count == 1 && block_cache_get(cache, &pack->info.name, first, size, &reader->sealed) &&
           open_blocks(reader, pack, first, count, out, &ignored) == 0;
}

/* The sound block in reader->sealed; of content only if the cache is for that too. */
static void keep_block(struct block_reader *reader, const struct kept_pack *pack, uint32_t first, uint32_t count)
{
    struct block_cache *cache = reader->objects->blocks;
    if (cache != NULL && count == 1 && (reader->block_limit > 0 || block_cache_keeps_content(cache)))
        block_cache_put(cache, &pack->info.name, first, &reader->sealed);
}

/*
 * The slow way, when a ranged read gave no sound block: get the whole object, checked against its name and mended
 * where it was lost, and take the blocks out of that.
 */
static int run_from_whole_object(struct block_reader *reader, struct kept_pack *pack, uint32_t first, uint32_t count,
                                 uint64_t offset, size_t size, struct buf *out, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    struct objects *objects = reader->objects;
    (void)pthread_mutex_lock(&objects->repair_mutex); /* one big object in memory at a time */
    int rc = objects_get(objects, OBJECT_PACK, &pack->info.name, pack->info.size, &object, err);
    (void)pthread_mutex_unlock(&objects->repair_mutex);
    if (rc != 0)
        return -1;
    if (object.size < offset + size)
        return error_set(err, ERROR_DAMAGED, "a pack is shorter than the index says");
    reader->sealed.size = 0;
    if (buf_append(&reader->sealed, object.data + offset, size, err) != 0)
        return -1;
    return open_blocks(reader, pack, first, count, out, err);
}

static bool ends_the_search(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL || err->class == ERROR_INTERRUPTED;
}

/* Ranged reads: of the first target that has the pack, or of one after the other (`all`). */
static int run_from_ranges(struct block_reader *reader, struct kept_pack *pack, uint32_t first, uint32_t count,
                           uint64_t offset, size_t size, bool all, struct buf *out, struct error *err)
{
    struct objects *objects = reader->objects;
    char name[OBJECT_NAME_SIZE];
    (void)name_object(&objects->tid, 'p', &pack->info.name, name);
    (void)error_set(err, ERROR_UNREACHABLE, "no target that holds %s can be reached", name);
    for (size_t i = 0; i < objects->count; i++) {
        struct run_target *t = &objects->targets[i];
        if (!t->up || atomic_load(&t->read_failed) ||
            !presence_has(&t->present, OBJECT_PACK, &pack->info.name, pack->info.size))
            continue;
        reader->sealed.size = 0;
        if (target_get_range(t->target, name, offset, size, &reader->sealed, err) == 0) {
            atomic_fetch_add(&t->bytes_fetched, size);
            if (reader->sealed.size != size)
                (void)error_set(err, ERROR_DAMAGED, "%s on %s is shorter than it must be", name, t->name);
            else if (open_blocks(reader, pack, first, count, out, err) == 0) {
                keep_block(reader, pack, first, count);
                return 0;
            }
        } else if (err->class == ERROR_UNREACHABLE || err->class == ERROR_DENIED) {
            atomic_store(&t->read_failed, true);
        }
        if (!all || ends_the_search(err))
            return -1;
    }
    return -1;
}

int block_reader_run(struct block_reader *reader, uint32_t pack_number, uint32_t first, uint32_t count, struct buf *out,
                     struct error *err)
{
    struct objects *objects = reader->objects;
    struct kept_pack *pack;
    if (cancel_check(objects->cancel, err) != 0 || open_pack(reader, pack_number, &pack, err) != 0)
        return -1;
    if (count == 0 || first >= pack->info.block_count || count > pack->info.block_count - first)
        return error_set(err, ERROR_DAMAGED, "the index names a block that its pack does not have");
    uint64_t offset = pack->info.blocks[first].offset, size = 0;
    for (uint32_t i = first; i < first + count; i++)
        size += pack->info.blocks[i].sealed_size;
    if (size > BLOCK_RUN_MAX)
        return error_set(err, ERROR_INTERNAL, "a run of blocks is too long to fetch at once");

    if (run_from_cache(reader, pack, first, count, (size_t)size, out) ||
        run_from_ranges(reader, pack, first, count, offset, (size_t)size, false, out, err) == 0)
        return 0;
    if (ends_the_search(err))
        return -1;
    /* The whole object mends what is damaged. If no target has all of it sound, one may have these blocks sound. */
    if (run_from_whole_object(reader, pack, first, count, offset, (size_t)size, out, err) == 0)
        return 0;
    struct error why = {0};
    if (ends_the_search(err) || run_from_ranges(reader, pack, first, count, offset, (size_t)size, true, out, &why) != 0)
        return -1;
    error_clear(err);
    return 0;
}

static int cached_block(struct block_reader *reader, uint32_t pack, uint32_t block, struct buf **ret, struct error *err)
{
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
    if (block_reader_run(reader, pack, block, 1, &oldest->bytes, err) != 0)
        return -1;
    oldest->used = true;
    oldest->pack = pack;
    oldest->block = block;
    oldest->last_use = ++reader->uses;
    *ret = &oldest->bytes;
    return 0;
}

int block_reader_fetch(enum blob_type type, const struct blob_id *id, struct buf *out, void *context, struct error *err)
{
    struct block_reader *reader = context;
    struct place place;
    int found = index_find(reader->objects->index, id, &place, err);
    if (found < 0)
        return -1;
    if (found == 0) {
        (void)error_set(err, ERROR_DAMAGED, "a blob that the snapshot needs is in no pack that can be reached");
        return error_hint(err, "`hikae verify` names what is missing, and what it costs");
    }
    struct buf *block;
    if (cached_block(reader, place.pack, place.block, &block, err) != 0)
        return -1;
    if (place.type != type || place.size > block->size || place.offset > block->size - place.size)
        return error_set(err, ERROR_DAMAGED, "the index does not fit a block");
    struct blob_id actual;
    const uint8_t *bytes = block->data + place.offset;
    if (blob_hash(reader->hasher, type, bytes, place.size, &actual, err) != 0)
        return -1;
    if (!blob_id_equal(&actual, id))
        return error_set(err, ERROR_DAMAGED, "a blob does not match its id");
    out->size = 0;
    return buf_append(out, bytes, place.size, err);
}
