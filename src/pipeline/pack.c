/*
 * Packing: seals blocks, in order, into packs; hands finished packs to the
 * upload, tells the index, and gathers segments.
 *
 * Content and metadata go into packs of their own, so that a look inside a
 * snapshot touches few objects. A run that stores little puts both into one:
 * blocks wait unsealed until there is more than PACK_SMALL of them.
 */
#include "base/mem.h"
#include "pipeline/batch.h"

/* A uthash table that lacks memory says so instead of ending the process. */
#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->out_of_memory = true)
#define HASH_FUNCTION                HASH_FNV /* reads keys byte by byte: no alignment is assumed */
#include <uthash.h>

enum { ENOUGH_PERCENT = 75, CHANCES_MAX = 16 };

struct expected {
    struct blob_id id;
    bool out_of_memory;
    UT_hash_handle hh;
};

struct waiting {
    struct waiting *next;
    enum container_codec codec;
    uint32_t plain_size;
    struct buf payload;
    struct container_blob *blobs;
    uint32_t blob_count;
};

/* A pack being filled. */
struct open_pack {
    enum container_kind kind;
    size_t limit;
    struct container_writer *writer; /* NULL: blocks still wait */
    struct waiting *first, **end;
    size_t waiting_size, waiting_blobs;
};

struct packer {
    struct backup *backup;
    pthread_mutex_t mutex; /* of `expected` */
    struct expected *expected;
    struct open_pack content;
    struct open_pack meta;
    struct segment_builder *segment;
    struct hash *segment_packs; /* names of the packs in it */
    size_t segment_pack_count;
    struct pack_set new_packs;
    struct roster made; /* packs and segments of this run */
    struct buf object;
    uint64_t stored;
};

int packer_new(struct backup *backup, struct packer **ret, struct error *err)
{
    struct packer *packer = mem_calloc(1, sizeof(*packer));
    if (packer == NULL)
        return error_no_memory(err);
    packer->backup = backup;
    (void)pthread_mutex_init(&packer->mutex, NULL);
    packer->content = (struct open_pack){.kind = CONTAINER_PACK_DATA, .limit = backup->options->pack_size};
    packer->meta = (struct open_pack){.kind = CONTAINER_PACK_META, .limit = PACK_META_SIZE};
    packer->content.end = &packer->content.first;
    packer->meta.end = &packer->meta.first;
    if (packer->meta.limit > packer->content.limit)
        packer->meta.limit = packer->content.limit;
    packer->segment = segment_builder_new();
    packer->segment_packs = mem_calloc(SEGMENT_PACKS, sizeof(struct hash));
    if (packer->segment == NULL || packer->segment_packs == NULL) {
        packer_free(packer);
        return error_no_memory(err);
    }
    *ret = packer;
    return 0;
}

static void free_waiting(struct open_pack *pack)
{
    while (pack->first != NULL) {
        struct waiting *block = pack->first;
        pack->first = block->next;
        buf_free(&block->payload);
        mem_free(block->blobs);
        mem_free(block);
    }
    pack->end = &pack->first;
    pack->waiting_size = 0;
    pack->waiting_blobs = 0;
}

void packer_free(struct packer *packer)
{
    if (packer == NULL)
        return;
    struct expected *one, *next;
    HASH_ITER(hh, packer->expected, one, next)
    {
        HASH_DEL(packer->expected, one);
        mem_free(one);
    }
    free_waiting(&packer->content);
    free_waiting(&packer->meta);
    container_writer_free(packer->content.writer);
    container_writer_free(packer->meta.writer);
    segment_builder_free(packer->segment);
    mem_free(packer->segment_packs);
    pack_set_free(&packer->new_packs);
    roster_free(&packer->made);
    buf_free(&packer->object);
    (void)pthread_mutex_destroy(&packer->mutex);
    mem_free(packer);
}

int packer_expect(struct packer *packer, const struct blob_id *id, bool *ret_new, struct error *err)
{
    struct expected *one = NULL;
    int rc = 0;
    (void)pthread_mutex_lock(&packer->mutex);
    HASH_FIND(hh, packer->expected, id, sizeof(*id), one);
    *ret_new = one == NULL;
    if (one == NULL) {
        one = mem_calloc(1, sizeof(*one));
        if (one != NULL) {
            one->id = *id;
            HASH_ADD(hh, packer->expected, id, sizeof(*id), one);
        }
        if (one == NULL || one->out_of_memory) {
            mem_free(one);
            rc = error_no_memory(err);
        }
    }
    (void)pthread_mutex_unlock(&packer->mutex);
    return rc;
}

void packer_forget(struct packer *packer, const struct blob_id *id)
{
    struct expected *one = NULL;
    (void)pthread_mutex_lock(&packer->mutex);
    HASH_FIND(hh, packer->expected, id, sizeof(*id), one);
    if (one != NULL)
        HASH_DEL(packer->expected, one);
    (void)pthread_mutex_unlock(&packer->mutex);
    mem_free(one);
}

static int tenant_key(const struct packer *packer, struct container_key *ret, struct error *err)
{
    const struct keyring *keyring = packer->backup->options->objects->keyring;
    *ret = (struct container_key){.kind = CONTAINER_KEY_TENANT, .tid = *keyring_tid(keyring)};
    return keyring_newest(keyring, &ret->key, &ret->id, err);
}

/* Hand a finished object to the upload and remember it for the roster. */
static int store(struct packer *packer, enum object_class class, const struct hash *name, struct error *err)
{
    struct backup_counters *counters = packer->backup->counters;
    uint64_t size = packer->object.size;
    if (upload_put(packer->backup->upload, class, name, &packer->object, err) != 0)
        return -1;
    packer->stored += size;
    atomic_fetch_add(&counters->bytes_stored, size);
    atomic_fetch_add(&counters->objects_stored, 1);
    return roster_add(&packer->made, class, name, size, err);
}

static int finish_segment(struct packer *packer, struct error *err)
{
    if (packer->segment_pack_count == 0)
        return 0;
    CLEANUP(buf_free) struct buf body = {0};
    struct container_key key;
    struct hash name;
    if (segment_builder_encode(packer->segment, NULL, 0, &body, err) != 0 || tenant_key(packer, &key, err) != 0 ||
        container_seal_body(CONTAINER_SEGMENT, &key, NULL, 0, body.data, body.size, &packer->object, &name, err) != 0)
        return error_wrap(err, "seal a segment");
    uint64_t size = packer->object.size;
    if (store(packer, OBJECT_SEGMENT, &name, err) != 0 ||
        index_note_segment(packer->backup->options->objects->index, &name, size, packer->segment_packs,
                           (uint32_t)packer->segment_pack_count, err) != 0)
        return -1;
    packer->segment_pack_count = 0;
    return 0;
}

static int finish_pack(struct packer *packer, struct open_pack *pack, struct error *err)
{
    struct container_writer *writer = pack->writer;
    if (writer == NULL || container_writer_blob_count(writer) == 0) {
        container_writer_free(writer);
        pack->writer = NULL;
        return 0;
    }
    struct index *index = packer->backup->options->objects->index;
    struct pack_info info = {0};
    struct hash name;
    uint32_t blob_count, number;
    const struct container_blob *blobs = container_writer_blobs(writer, &blob_count);
    /* The rows stay the writer's until it is freed. */
    int rc = container_writer_finish(writer, &packer->object, &name, err);
    if (rc == 0) {
        info.name = name;
        info.size = packer->object.size;
        memcpy(info.header, container_writer_header(writer), CONTAINER_HEADER_SIZE);
        info.blocks = (struct container_block *)(uintptr_t)container_writer_blocks(writer, &info.block_count);
        rc = store(packer, OBJECT_PACK, &name, err);
    }
    if (rc == 0)
        rc = index_add_pack(index, &info, blobs, blob_count, &number, err);
    if (rc == 0)
        rc = pack_set_add(&packer->new_packs, number, err);
    if (rc == 0) {
        /* The index knows these now. */
        for (uint32_t i = 0; i < blob_count; i++)
            packer_forget(packer, &blobs[i].id);
        rc = segment_builder_add(packer->segment, &info, blobs, blob_count, err);
    }
    if (rc == 0) {
        packer->segment_packs[packer->segment_pack_count++] = name;
        if (packer->segment_pack_count == SEGMENT_PACKS || segment_builder_entries(packer->segment) >= SEGMENT_ENTRIES)
            rc = finish_segment(packer, err);
    }
    container_writer_free(writer);
    pack->writer = NULL;
    return rc;
}

/* Give a pack its writer and seal the blocks that waited for it. */
static int start_writing(struct packer *packer, struct open_pack *pack, enum container_kind kind, struct error *err)
{
    struct container_key key;
    if (tenant_key(packer, &key, err) != 0 ||
        container_writer_new(kind, &key, NULL, 0, packer->backup->options->verify_writes, &pack->writer, err) != 0)
        return -1;
    if (kind == CONTAINER_PACK_DATA && pack->limit > PACK_SMALL) {
        CLEANUP(buf_free) struct buf spare = {0};
        upload_spare(packer->backup->upload, &spare);
        /* Aligned, so that a folder's driver can hand it to the disk as it is. What is not written to costs nothing. */
        if ((spare.capacity < pack->limit && buf_reserve_aligned(&spare, pack->limit, err) != 0) ||
            container_writer_reserve(pack->writer, spare.capacity, &spare, err) != 0)
            return -1;
    }
    for (struct waiting *block = pack->first; block != NULL; block = block->next)
        if (container_writer_block(pack->writer, block->codec, block->payload.data, block->payload.size,
                                   block->plain_size, block->blobs, block->blob_count, err) != 0)
            return -1;
    free_waiting(pack);
    return 0;
}

static int let_wait(struct open_pack *pack, struct block *block, const struct buf *payload, struct error *err)
{
    struct waiting *waiting = mem_calloc(1, sizeof(*waiting));
    if (waiting == NULL)
        return error_no_memory(err);
    waiting->codec = block->codec;
    waiting->plain_size = (uint32_t)block->plain.size;
    waiting->blob_count = (uint32_t)block->blob_count;
    waiting->blobs = mem_dup(block->blobs, block->blob_count * sizeof(*block->blobs));
    if (waiting->blobs == NULL || buf_append(&waiting->payload, payload->data, payload->size, err) != 0) {
        mem_free(waiting->blobs);
        mem_free(waiting);
        return error_no_memory(err);
    }
    *pack->end = waiting;
    pack->end = &waiting->next;
    pack->waiting_size += payload->size;
    pack->waiting_blobs += block->blob_count;
    return 0;
}

/*
 * Padding brings an object to the next Padmé length, half a step on average if it may end anywhere. So once a pack is
 * large enough, it ends behind the first block that leaves less to pad than the best of those still to come would, as
 * far as can be expected: V(1) = 1/2 and V(n + 1) = V(n) - V(n)²/2 of a step with n of them (Cayley's problem; L.
 * Moser, Scripta Mathematica 22, 1956).
 */
static bool is_good_end(const struct open_pack *pack, size_t next_size)
{
    size_t size = container_writer_size(pack->writer);
    if (size < pack->limit / 100 * ENOUGH_PERCENT || size > pack->limit || next_size == 0)
        return false;
    size_t chances = (pack->limit - size) / next_size;
    double expected = chances > 0 ? 0.5 : 1;
    for (size_t i = 1; i < chances && i < CHANCES_MAX; i++)
        expected -= expected * expected / 2;
    uint64_t step = container_padme(size + 1) - size;
    return (double)container_writer_padding(pack->writer) < expected * (double)step;
}

int packer_take(struct packer *packer, struct block *block, struct error *err)
{
    if (block->failed) {
        *err = block->error;
        return -1;
    }
    if (packer->backup->options->dry_run)
        return 0;
    struct open_pack *pack = block->meta ? &packer->meta : &packer->content;
    const struct buf *payload = block->codec == CODEC_STORED ? &block->plain : &block->payload;
    if (block->meta)
        atomic_fetch_add(&packer->backup->counters->bytes_metadata, payload->size);
    if (pack->writer == NULL) {
        if (pack->waiting_size + payload->size <= PACK_SMALL &&
            pack->waiting_blobs + block->blob_count <= PACK_BLOBS_MAX)
            return let_wait(pack, block, payload, err);
        if (start_writing(packer, pack, pack->kind, err) != 0)
            return -1;
    }
    if (container_writer_blob_count(pack->writer) > 0 &&
        (container_writer_size(pack->writer) + payload->size > pack->limit ||
         container_writer_blob_count(pack->writer) + block->blob_count > PACK_BLOBS_MAX)) {
        if (finish_pack(packer, pack, err) != 0 || start_writing(packer, pack, pack->kind, err) != 0)
            return -1;
    }
    if (container_writer_block(pack->writer, block->codec, payload->data, payload->size, (uint32_t)block->plain.size,
                               block->blobs, (uint32_t)block->blob_count, err) != 0)
        return -1;
    return is_good_end(pack, payload->size) ? finish_pack(packer, pack, err) : 0;
}

/* Small remains share one pack. */
int packer_finish(struct packer *packer, struct error *err)
{
    struct open_pack *content = &packer->content, *meta = &packer->meta;
    if (content->first != NULL && meta->first != NULL) {
        *content->end = meta->first;
        content->end = meta->end;
        meta->first = NULL;
        free_waiting(meta);
        if (start_writing(packer, content, CONTAINER_PACK_MIXED, err) != 0)
            return -1;
    }
    if (content->first != NULL && start_writing(packer, content, CONTAINER_PACK_DATA, err) != 0)
        return -1;
    if (meta->first != NULL && start_writing(packer, meta, CONTAINER_PACK_META, err) != 0)
        return -1;
    if (finish_pack(packer, content, err) != 0 || finish_pack(packer, meta, err) != 0)
        return -1;
    /* What a small run stores is found through its pack's directory: no segment. */
    return packer->stored > PACK_SMALL ? finish_segment(packer, err) : 0;
}

int packer_run(struct packer *packer, struct error *err)
{
    struct backup *backup = packer->backup;
    struct block *block;
    int rc = 0;
    while ((block = ordered_get(backup->blocks)) != NULL) {
        if (rc == 0 && packer_take(packer, block, err) != 0) {
            rc = -1;
            backup_fail(backup, err); /* go on emptying: the gathering may be waiting for a free block */
        }
        (void)queue_push(backup->free_blocks, block);
    }
    return rc == 0 ? packer_finish(packer, err) : -1;
}

static int add_used(struct packer *packer, uint32_t number, struct roster *roster, struct error *err)
{
    struct index *index = packer->backup->options->objects->index;
    struct hash name, segment;
    uint64_t size;
    if (!index_pack_name(index, number, &name, &size))
        return error_set(err, ERROR_INTERNAL, "a pack that the snapshot needs left the index during the run");
    if (roster_add(roster, OBJECT_PACK, &name, size, err) != 0)
        return -1;
    if (index_segment_of_pack(index, number, &segment, &size))
        return roster_add(roster, OBJECT_SEGMENT, &segment, size, err);
    return 0;
}

int packer_roster(struct packer *packer, const struct pack_set *used_a, const struct pack_set *used_b,
                  struct roster *roster, struct error *err)
{
    for (size_t i = 0; i < packer->made.count; i++) {
        const struct roster_row *row = &packer->made.rows[i];
        if (roster_add(roster, row->class, &row->name, row->size, err) != 0)
            return -1;
    }
    uint32_t limit = index_pack_limit(packer->backup->options->objects->index);
    for (uint32_t i = 0; i < limit; i++)
        if ((pack_set_has(used_a, i) || pack_set_has(used_b, i)) && add_used(packer, i, roster, err) != 0)
            return -1;
    roster_sort(roster);
    return 0;
}
