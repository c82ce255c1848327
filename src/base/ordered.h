/*
 * An ordered parallel map: items go in, in order; worker threads transform
 * them at the same time; they come out in the order in which they went in.
 * Two maps can share the workers of one pool.
 */
#ifndef HIKAE_BASE_ORDERED_H
#define HIKAE_BASE_ORDERED_H

#include "base/error.h"

struct pool;
struct ordered;

/* Start `threads` workers; NULL if there is no memory or no thread can be started. */
struct pool *pool_new(unsigned threads);
/* Every ordered map on it must have been freed. NULL is fine. */
void pool_free(struct pool *pool);

/* What a worker does with an item, in place. `worker` numbers the thread (0 … threads-1): for state of its own. */
typedef void ordered_work(void *item, unsigned worker, void *context);

/* A map over `pool` with at most `limit` items inside; NULL when there is no memory. */
struct ordered *ordered_new(struct pool *pool, size_t limit, ordered_work *work, void *context);
/* Waits for the workers to be done with it; items inside are the caller's loss: drain first. NULL is fine. */
void ordered_free(struct ordered *map);
/* Hand an item over; waits while `limit` are inside. False if closed; the item is then still the caller's. */
bool ordered_put(struct ordered *map, void *item);
/* The oldest item, transformed; NULL when closed and empty. */
void *ordered_get(struct ordered *map);
/* No more items go in. */
void ordered_close(struct ordered *map);

#endif
