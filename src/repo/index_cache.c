#include "repo/index_internal.h"

int page_cache_init(struct page_cache *cache, size_t memory, struct error *err)
{
    *cache = (struct page_cache){.slots = memory / (INDEX_PAGE_SIZE + sizeof(uint64_t) + sizeof(uint8_t *))};
    cache->keys = mem_calloc(cache->slots, sizeof(uint64_t));
    cache->pages = mem_calloc(cache->slots, sizeof(uint8_t *));
    return cache->keys != NULL && cache->pages != NULL ? 0 : error_no_memory(err);
}

void page_cache_free(struct page_cache *cache)
{
    for (size_t i = 0; cache->pages != NULL && i < cache->slots; i++)
        mem_free(cache->pages[i]);
    mem_free(cache->pages);
    mem_free(cache->keys);
    *cache = (struct page_cache){0};
}

/* The pages of a run have neighbouring keys, so those of a small index never push each other out. */
static inline size_t slot_of(const struct page_cache *cache, uint64_t key)
{
    return (size_t)(key % cache->slots);
}

const uint8_t *page_cache_find(const struct page_cache *cache, uint64_t key)
{
    size_t slot = slot_of(cache, key);
    return cache->keys[slot] == key ? cache->pages[slot] : NULL;
}

uint8_t *page_cache_claim(struct page_cache *cache, uint64_t key)
{
    size_t slot = slot_of(cache, key);
    cache->keys[slot] = 0;
    if (cache->pages[slot] == NULL) {
        cache->pages[slot] = mem_alloc(INDEX_PAGE_SIZE);
        cache->used += cache->pages[slot] != NULL;
    }
    return cache->pages[slot];
}

void page_cache_keep(struct page_cache *cache, uint64_t key)
{
    cache->keys[slot_of(cache, key)] = key;
}
