/* Until when a target keeps a tenant's objects: each one that can be asked is asked, several at a time. */
#include "base/mem.h"
#include "ops/purge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { WORKERS_MAX = 16 };

struct asking {
    struct target *target;
    const struct purge_locks *locks;
    atomic_size_t next;
    pthread_mutex_t mutex;
    int64_t until_ns;
};

int purge_locks_add(struct purge_locks *locks, const char *name, int64_t modified_ns, struct error *err)
{
    if (locks->count == locks->room) {
        size_t room = locks->room > 0 ? 2 * locks->room : 256;
        struct purge_lock *grown = mem_realloc(locks->items, room * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        locks->items = grown;
        locks->room = room;
    }
    char *copy = mem_strdup(name);
    if (copy == NULL)
        return error_no_memory(err);
    locks->items[locks->count++] = (struct purge_lock){copy, modified_ns};
    return 0;
}

void purge_locks_clear(struct purge_locks *locks)
{
    for (size_t i = 0; i < locks->count; i++)
        mem_free(locks->items[i].name);
    mem_free(locks->items);
    *locks = (struct purge_locks){0};
}

/* What does not answer is reckoned, rather too long than too short: from its age and the target's own rule. */
static void *worker_main(void *context)
{
    struct asking *asking = context;
    const int64_t rule_ns = (int64_t)target_traits(asking->target)->lock_days * 86400 * NS_PER_S;
    size_t i;
    while ((i = atomic_fetch_add(&asking->next, 1)) < asking->locks->count) {
        const struct purge_lock *lock = &asking->locks->items[i];
        struct target_lock_state state = {0};
        struct error why = {0};
        int64_t until_ns = target_lock_state(asking->target, lock->name, &state, &why) == 0 ? state.until_ns
                           : why.class == ERROR_NOT_FOUND                                   ? 0
                                                          : lock->modified_ns + rule_ns;
        (void)pthread_mutex_lock(&asking->mutex);
        if (until_ns > asking->until_ns)
            asking->until_ns = until_ns;
        (void)pthread_mutex_unlock(&asking->mutex);
    }
    return NULL;
}

int64_t purge_locks_ask(struct target *target, const struct purge_locks *locks)
{
    struct asking asking = {.target = target, .locks = locks, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[WORKERS_MAX];
    unsigned wanted = target_traits(target)->parallel, started = 0;
    while (started + 1 < wanted && started < WORKERS_MAX && started + 1 < locks->count &&
           pthread_create(&threads[started], NULL, worker_main, &asking) == 0)
        started++;
    (void)worker_main(&asking);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&asking.mutex);
    return asking.until_ns;
}
