#include "pipeline/block_cache.h"

#include "base/file.h"
#include "base/mem.h"

#include <pthread.h>
#include <unistd.h>

/* A uthash table that lacks memory says so; FNV reads keys byte by byte. */
#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->out_of_memory = true)
#define HASH_FUNCTION                HASH_FNV
#include <uthash.h>

struct key {
    struct hash pack;
    uint32_t block;
};

struct item {
    struct key key;
    bool out_of_memory;
    bool kept; /* else it is only announced */
    uint32_t size;
    uint64_t offset;
    UT_hash_handle hh;
};

struct block_cache {
    bool content;
    int fd;
    uint64_t most, used;
    struct item *items;
    pthread_mutex_t mutex; /* of used and items; bytes that are kept never change */
};

int block_cache_new(const char *folder, uint64_t most, bool content, struct block_cache **ret, struct error *err)
{
    struct block_cache *cache = mem_calloc(1, sizeof(*cache));
    if (cache == NULL)
        return error_no_memory(err);
    cache->content = content;
    cache->most = most;
    (void)pthread_mutex_init(&cache->mutex, NULL);
    if (file_temporary(folder, &cache->fd, err) != 0) {
        cache->fd = -1;
        block_cache_free(cache);
        return -1;
    }
    *ret = cache;
    return 0;
}

void block_cache_free(struct block_cache *cache)
{
    struct item *item, *next;
    if (cache == NULL)
        return;
    HASH_ITER(hh, cache->items, item, next)
    {
        HASH_DEL(cache->items, item);
        mem_free(item);
    }
    if (cache->fd >= 0)
        (void)close(cache->fd);
    (void)pthread_mutex_destroy(&cache->mutex);
    mem_free(cache);
}

bool block_cache_keeps_content(const struct block_cache *cache)
{
    return cache->content;
}

/* The caller has the mutex. The key has no padding: its bytes are compared. */
_Static_assert(sizeof(struct key) == sizeof(struct hash) + sizeof(uint32_t), "a key without padding");
static struct item *find(struct block_cache *cache, const struct hash *pack, uint32_t block)
{
    struct key key = {*pack, block};
    struct item *item;
    HASH_FIND(hh, cache->items, &key, sizeof(key), item);
    return item;
}

/* The caller has the mutex. NULL without memory. */
static struct item *find_or_add(struct block_cache *cache, const struct hash *pack, uint32_t block, bool *ret_added)
{
    struct item *item = find(cache, pack, block);
    *ret_added = item == NULL;
    if (item != NULL)
        return item;
    item = mem_calloc(1, sizeof(*item));
    if (item == NULL)
        return NULL;
    item->key = (struct key){*pack, block};
    HASH_ADD(hh, cache->items, key, sizeof(item->key), item);
    if (!item->out_of_memory)
        return item;
    mem_free(item);
    return NULL;
}

bool block_cache_has(struct block_cache *cache, const struct hash *pack, uint32_t block)
{
    (void)pthread_mutex_lock(&cache->mutex);
    const struct item *item = find(cache, pack, block);
    bool kept = item != NULL && item->kept;
    (void)pthread_mutex_unlock(&cache->mutex);
    return kept;
}

bool block_cache_get(struct block_cache *cache, const struct hash *pack, uint32_t block, size_t size, struct buf *out)
{
    uint64_t offset = 0;
    (void)pthread_mutex_lock(&cache->mutex);
    const struct item *item = find(cache, pack, block);
    bool kept = item != NULL && item->kept && item->size == size;
    if (kept)
        offset = item->offset;
    (void)pthread_mutex_unlock(&cache->mutex);
    out->size = 0;
    if (!kept || buf_reserve(out, size, NULL) != 0 ||
        file_pread_full(cache->fd, out->data, size, (int64_t)offset) != (ssize_t)size)
        return false;
    out->size = size;
    return true;
}

void block_cache_put(struct block_cache *cache, const struct hash *pack, uint32_t block, const struct buf *sealed)
{
    uint64_t offset;
    bool added;
    (void)pthread_mutex_lock(&cache->mutex);
    bool fits = sealed->size <= UINT32_MAX && sealed->size <= cache->most - cache->used;
    offset = cache->used;
    cache->used += fits ? sealed->size : 0;
    (void)pthread_mutex_unlock(&cache->mutex);
    if (!fits || file_pwrite_full(cache->fd, sealed->data, sealed->size, (int64_t)offset) != 0)
        return;
    (void)pthread_mutex_lock(&cache->mutex);
    struct item *item = find_or_add(cache, pack, block, &added);
    if (item != NULL && !item->kept) {
        item->kept = true;
        item->size = (uint32_t)sealed->size;
        item->offset = offset;
    }
    (void)pthread_mutex_unlock(&cache->mutex);
}

bool block_cache_announce(struct block_cache *cache, const struct hash *pack, uint32_t block)
{
    bool added;
    (void)pthread_mutex_lock(&cache->mutex);
    (void)find_or_add(cache, pack, block, &added);
    (void)pthread_mutex_unlock(&cache->mutex);
    return added;
}
