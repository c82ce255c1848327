#include "base/queue.h"

#include "base/mem.h"

#include <pthread.h>

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    size_t limit;
    size_t count;
    size_t first;
    bool closed;
    void *items[];
};

struct queue *queue_new(size_t limit)
{
    struct queue *queue = mem_calloc(1, sizeof(*queue) + limit * sizeof(void *));
    if (queue == NULL)
        return NULL;
    queue->limit = limit;
    (void)pthread_mutex_init(&queue->mutex, NULL);
    (void)pthread_cond_init(&queue->not_empty, NULL);
    (void)pthread_cond_init(&queue->not_full, NULL);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    (void)pthread_mutex_destroy(&queue->mutex);
    (void)pthread_cond_destroy(&queue->not_empty);
    (void)pthread_cond_destroy(&queue->not_full);
    mem_free(queue);
}

bool queue_push(struct queue *queue, void *item)
{
    (void)pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->limit && !queue->closed)
        (void)pthread_cond_wait(&queue->not_full, &queue->mutex);
    bool accepted = !queue->closed;
    if (accepted) {
        queue->items[(queue->first + queue->count) % queue->limit] = item;
        queue->count++;
        (void)pthread_cond_signal(&queue->not_empty);
    }
    (void)pthread_mutex_unlock(&queue->mutex);
    return accepted;
}

void *queue_pop(struct queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->closed)
        (void)pthread_cond_wait(&queue->not_empty, &queue->mutex);
    void *item = NULL;
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->limit;
        queue->count--;
        (void)pthread_cond_signal(&queue->not_full);
    }
    (void)pthread_mutex_unlock(&queue->mutex);
    return item;
}

void queue_close(struct queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->not_empty);
    (void)pthread_cond_broadcast(&queue->not_full);
    (void)pthread_mutex_unlock(&queue->mutex);
}

size_t queue_count(struct queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    size_t count = queue->count;
    (void)pthread_mutex_unlock(&queue->mutex);
    return count;
}
