/*
 * A bounded queue of pointers between threads. Buffers are handed over, never
 * shared. Closing wakes everybody: producers are refused, consumers get what
 * is left and then NULL.
 */
#ifndef HIKAE_BASE_QUEUE_H
#define HIKAE_BASE_QUEUE_H

#include "base/error.h"

struct queue;

/* A queue for at most `limit` items; NULL when there is no memory. */
struct queue *queue_new(size_t limit);
/* Items still inside are the caller's loss: drain first. NULL is fine. */
void queue_free(struct queue *queue);
/* Wait for room and hand item (not NULL) over. False if the queue is closed; the item is then still the caller's. */
bool queue_push(struct queue *queue, void *item);
/* Wait for the oldest item; NULL when the queue is closed and empty. */
void *queue_pop(struct queue *queue);
/* No more pushes. Safe to call twice. */
void queue_close(struct queue *queue);
size_t queue_count(struct queue *queue);

#endif
