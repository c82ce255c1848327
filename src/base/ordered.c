#include "base/ordered.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

enum slot_state { SLOT_WAITING, SLOT_WORKING, SLOT_DONE };

struct slot {
    void *item;
    enum slot_state state;
};

struct ordered {
    struct pool *pool;
    struct ordered *next; /* in the pool's list */
    ordered_work *work;
    void *context;
    pthread_cond_t changed; /* room, a result, or closed */
    size_t limit;
    size_t first;   /* ring index of the oldest item */
    size_t count;   /* items inside */
    size_t started; /* of these, handed to workers: always the oldest ones */
    bool closed;
    struct slot slots[];
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work_is_there;
    struct ordered *maps; /* the newest first: the later stage of a pipeline is served first, so that it drains */
    bool stopping;
    unsigned count;
    unsigned next_number;
    pthread_t threads[];
};

/* The next slot to work on; NULL if there is none. Called with the mutex held. */
static struct slot *take(struct pool *pool, struct ordered **ret_map)
{
    for (struct ordered *map = pool->maps; map != NULL; map = map->next) {
        if (map->started < map->count) {
            struct slot *slot = &map->slots[(map->first + map->started) % map->limit];
            map->started++;
            slot->state = SLOT_WORKING;
            *ret_map = map;
            return slot;
        }
    }
    return NULL;
}

static void *worker_main(void *argument)
{
    struct pool *pool = argument;
    (void)pthread_mutex_lock(&pool->mutex);
    unsigned number = pool->next_number++;
    char name[16]; /* for debuggers and profiles */
    (void)snprintf(name, sizeof(name), "worker-%u", number);
    (void)pthread_setname_np(pthread_self(), name);
    for (;;) {
        struct ordered *map = NULL;
        struct slot *slot = take(pool, &map);
        if (slot == NULL) {
            if (pool->stopping)
                break;
            (void)pthread_cond_wait(&pool->work_is_there, &pool->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&pool->mutex);
        map->work(slot->item, number, map->context);
        (void)pthread_mutex_lock(&pool->mutex);
        slot->state = SLOT_DONE;
        (void)pthread_cond_broadcast(&map->changed);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

struct pool *pool_new(unsigned threads)
{
    struct pool *pool = mem_calloc(1, sizeof(*pool) + threads * sizeof(pthread_t));
    if (pool == NULL)
        return NULL;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->work_is_there, NULL);
    while (pool->count < threads && pthread_create(&pool->threads[pool->count], NULL, worker_main, pool) == 0)
        pool->count++;
    if (pool->count == 0 || pool->count < threads) {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work_is_there);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    (void)pthread_mutex_destroy(&pool->mutex);
    (void)pthread_cond_destroy(&pool->work_is_there);
    mem_free(pool);
}

struct ordered *ordered_new(struct pool *pool, size_t limit, ordered_work *work, void *context)
{
    struct ordered *map = mem_calloc(1, sizeof(*map) + limit * sizeof(struct slot));
    if (map == NULL)
        return NULL;
    map->pool = pool;
    map->work = work;
    map->context = context;
    map->limit = limit;
    (void)pthread_cond_init(&map->changed, NULL);
    (void)pthread_mutex_lock(&pool->mutex);
    map->next = pool->maps;
    pool->maps = map;
    (void)pthread_mutex_unlock(&pool->mutex);
    return map;
}

static bool is_working(const struct ordered *map)
{
    for (size_t i = 0; i < map->started; i++)
        if (map->slots[(map->first + i) % map->limit].state == SLOT_WORKING)
            return true;
    return false;
}

void ordered_free(struct ordered *map)
{
    if (map == NULL)
        return;
    struct pool *pool = map->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    map->count = map->started; /* what no worker has begun is not begun any more */
    while (is_working(map))
        (void)pthread_cond_wait(&map->changed, &pool->mutex);
    struct ordered **link = &pool->maps;
    while (*link != map)
        link = &(*link)->next;
    *link = map->next;
    (void)pthread_mutex_unlock(&pool->mutex);
    (void)pthread_cond_destroy(&map->changed);
    mem_free(map);
}

bool ordered_put(struct ordered *map, void *item)
{
    struct pool *pool = map->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    while (map->count == map->limit && !map->closed)
        (void)pthread_cond_wait(&map->changed, &pool->mutex);
    bool accepted = !map->closed;
    if (accepted) {
        map->slots[(map->first + map->count) % map->limit] = (struct slot){item, SLOT_WAITING};
        map->count++;
        (void)pthread_cond_signal(&pool->work_is_there);
        /* A consumer may be waiting for a first item to appear. */
        (void)pthread_cond_broadcast(&map->changed);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return accepted;
}

void *ordered_get(struct ordered *map)
{
    struct pool *pool = map->pool;
    void *item = NULL;
    (void)pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct slot *slot = &map->slots[map->first];
        if (map->count > 0 && slot->state == SLOT_DONE) {
            item = slot->item;
            map->first = (map->first + 1) % map->limit;
            map->count--;
            map->started--;
            (void)pthread_cond_broadcast(&map->changed);
            break;
        }
        if (map->count == 0 && map->closed)
            break;
        (void)pthread_cond_wait(&map->changed, &pool->mutex);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return item;
}

void ordered_close(struct ordered *map)
{
    struct pool *pool = map->pool;
    (void)pthread_mutex_lock(&pool->mutex);
    map->closed = true;
    (void)pthread_cond_broadcast(&map->changed);
    (void)pthread_mutex_unlock(&pool->mutex);
}
