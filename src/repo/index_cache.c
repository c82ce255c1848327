#include "repo/index_internal.h"

int page_cache_resize(struct page_cache *cache, size_t slots, struct error *err)
{
    page_cache_free(cache);
    if (slots == 0)
        return 0;
    cache->keys = mem_calloc(slots, sizeof(uint64_t));
    cache->memory = mem_alloc(slots * INDEX_PAGE_SIZE);
    if (cache->keys == NULL || cache->memory == NULL) {
        page_cache_free(cache);
        return error_no_memory(err);
    }
    cache->slots = slots;
    return 0;
}

void page_cache_free(struct page_cache *cache)
{
    mem_free(cache->memory);
    mem_free(cache->keys);
    *cache = (struct page_cache){0};
}

/* The pages of a run have neighbouring keys, so those of a small index never push each other out. */
static inline size_t slot_of(const struct page_cache *cache, uint64_t key)
{
    return (size_t)(key % cache->slots);
}

static inline uint8_t *page_of(const struct page_cache *cache, size_t slot)
{
    return cache->memory + slot * INDEX_PAGE_SIZE;
}

const uint8_t *page_cache_find(const struct page_cache *cache, uint64_t key)
{
    size_t slot = slot_of(cache, key);
    return cache->keys[slot] == key ? page_of(cache, slot) : NULL;
}

uint8_t *page_cache_claim(struct page_cache *cache, uint64_t key)
{
    size_t slot = slot_of(cache, key);
    cache->used -= cache->keys[slot] != 0;
    cache->keys[slot] = 0;
    return page_of(cache, slot);
}

void page_cache_keep(struct page_cache *cache, uint64_t key)
{
    cache->keys[slot_of(cache, key)] = key;
    cache->used++;
}
