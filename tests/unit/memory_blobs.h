/* A store of blobs in memory for unit tests: the sink and the fetch of manifests and extents, with counters. */
#ifndef HIKAE_TESTS_MEMORY_BLOBS_H
#define HIKAE_TESTS_MEMORY_BLOBS_H

#include "base/mem.h"
#include "crypto/crypto.h"
#include "repo/manifest.h"

struct memory_blob {
    struct blob_id id;
    enum blob_type type;
    uint8_t *bytes;
    size_t size;
};

struct memory_blobs {
    struct memory_blob *slots; /* open addressing, by the first bytes of the id */
    size_t capacity;           /* a power of two */
    size_t count;
    size_t added[BLOB_TYPE_COUNT]; /* blobs that were not there before */
    size_t fetched[BLOB_TYPE_COUNT];
    size_t fail_after; /* the call after this many fails; 0: none does */
    size_t calls;
};

static inline void memory_blobs_free(struct memory_blobs *blobs)
{
    for (size_t i = 0; i < blobs->capacity; i++)
        mem_free(blobs->slots[i].bytes);
    mem_free(blobs->slots);
    *blobs = (struct memory_blobs){0};
}

static inline void memory_blobs_reset_counters(struct memory_blobs *blobs)
{
    memset(blobs->added, 0, sizeof(blobs->added));
    memset(blobs->fetched, 0, sizeof(blobs->fetched));
}

static inline struct memory_blob *memory_blobs_slot(struct memory_blobs *blobs, const struct blob_id *id)
{
    size_t i = get_u32(id->bytes) & (blobs->capacity - 1);
    while (blobs->slots[i].bytes != NULL && !blob_id_equal(&blobs->slots[i].id, id))
        i = (i + 1) & (blobs->capacity - 1);
    return &blobs->slots[i];
}

static inline int memory_blobs_grow(struct memory_blobs *blobs, struct error *err)
{
    struct memory_blobs grown = *blobs;
    grown.capacity = blobs->capacity == 0 ? 1024 : 2 * blobs->capacity;
    grown.slots = mem_calloc(grown.capacity, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < blobs->capacity; i++) {
        if (blobs->slots[i].bytes != NULL)
            *memory_blobs_slot(&grown, &blobs->slots[i].id) = blobs->slots[i];
    }
    mem_free(blobs->slots);
    *blobs = grown;
    return 0;
}

static inline bool memory_blobs_fails(struct memory_blobs *blobs, struct error *err)
{
    blobs->calls++;
    if (blobs->fail_after == 0 || blobs->calls <= blobs->fail_after)
        return false;
    (void)error_set(err, ERROR_UNREACHABLE, "the target of the test does not answer");
    return true;
}

/* A blob_sink. The id stands in for the keyed one: SHA-256(type ‖ SHA-256(bytes)). */
static inline int memory_blobs_put(enum blob_type type, const void *bytes, size_t size, struct blob_id *ret_id,
                                   void *context, struct error *err)
{
    struct memory_blobs *blobs = context;
    uint8_t input[1 + SHA256_SIZE] = {(uint8_t)type}, hash[SHA256_SIZE];
    if (memory_blobs_fails(blobs, err))
        return -1;
    if (size == 0 || size > BLOB_SIZE_MAX)
        return error_set(err, ERROR_INTERNAL, "a blob of %zu bytes", size);
    if (sha256(bytes, size, input + 1, err) != 0 || sha256(input, sizeof(input), hash, err) != 0)
        return -1;
    memcpy(ret_id->bytes, hash, BLOB_ID_SIZE);
    if (2 * blobs->count >= blobs->capacity && memory_blobs_grow(blobs, err) != 0)
        return -1;
    struct memory_blob *slot = memory_blobs_slot(blobs, ret_id);
    if (slot->bytes != NULL)
        return 0;
    uint8_t *copy = mem_dup(bytes, size);
    if (copy == NULL)
        return error_no_memory(err);
    *slot = (struct memory_blob){.id = *ret_id, .type = type, .bytes = copy, .size = size};
    blobs->count++;
    blobs->added[type]++;
    return 0;
}

/* A blob_fetch. */
static inline int memory_blobs_get(enum blob_type type, const struct blob_id *id, struct buf *out, void *context,
                                   struct error *err)
{
    struct memory_blobs *blobs = context;
    if (memory_blobs_fails(blobs, err))
        return -1;
    const struct memory_blob *slot = blobs->capacity > 0 ? memory_blobs_slot(blobs, id) : NULL;
    if (slot == NULL || slot->bytes == NULL || slot->type != type)
        return error_set(err, ERROR_NOT_FOUND, "no such blob");
    blobs->fetched[type]++;
    out->size = 0;
    return buf_append(out, slot->bytes, slot->size, err);
}

#endif
