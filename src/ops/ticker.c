/* Progress: a thread that reads the counters of an operation a few times a second and tells the observer. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/engine.h"

#include <time.h>

enum { TICK_MS = 200 };

struct ticker {
    struct hikae *hikae;
    ticker_read *read;
    void *context;
    int64_t started_ns;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stop;
    bool stopping;
    uint64_t moved_before[ENGINE_TARGETS_MAX]; /* by other operations of this process */
};

static uint64_t bytes_moved(const struct run_target *target)
{
    return atomic_load(&target->bytes_sent) + atomic_load(&target->bytes_fetched);
}

static void tell(struct ticker *ticker)
{
    struct hikae_progress progress = {0};
    struct hikae_target_progress targets[ENGINE_TARGETS_MAX];
    ticker->read(&progress, ticker->context);
    for (size_t i = 0; i < ticker->hikae->target_count; i++) {
        const struct run_target *target = &ticker->hikae->targets[i];
        targets[i] = (struct hikae_target_progress){.name = target->name,
                                                    .bytes = bytes_moved(target) - ticker->moved_before[i],
                                                    .up = target->up && !target->write_failed};
    }
    progress.targets = targets;
    progress.target_count = ticker->hikae->target_count;
    progress.elapsed_ns = clock_monotonic_ns() - ticker->started_ns;
    (void)pthread_mutex_lock(&ticker->hikae->observer_mutex);
    if (ticker->hikae->observer.progress != NULL)
        ticker->hikae->observer.progress(&progress, ticker->hikae->observer.context);
    (void)pthread_mutex_unlock(&ticker->hikae->observer_mutex);
}

static void *ticker_main(void *argument)
{
    struct ticker *ticker = argument;
    (void)pthread_mutex_lock(&ticker->mutex);
    while (!ticker->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        (void)pthread_cond_timedwait(&ticker->stop, &ticker->mutex, &until);
        if (!ticker->stopping)
            tell(ticker);
    }
    (void)pthread_mutex_unlock(&ticker->mutex);
    return NULL;
}

struct ticker *ticker_start(struct hikae *hikae, ticker_read *read, void *context)
{
    if (hikae->observer.progress == NULL)
        return NULL;
    struct ticker *ticker = mem_calloc(1, sizeof(*ticker));
    if (ticker == NULL)
        return NULL;
    ticker->hikae = hikae;
    ticker->read = read;
    ticker->context = context;
    ticker->started_ns = clock_monotonic_ns();
    for (size_t i = 0; i < hikae->target_count; i++)
        ticker->moved_before[i] = bytes_moved(&hikae->targets[i]);
    (void)pthread_mutex_init(&ticker->mutex, NULL);
    (void)pthread_cond_init(&ticker->stop, NULL);
    if (pthread_create(&ticker->thread, NULL, ticker_main, ticker) != 0) {
        mem_free(ticker);
        return NULL;
    }
    return ticker;
}

void ticker_stop(struct ticker *ticker)
{
    if (ticker == NULL)
        return;
    (void)pthread_mutex_lock(&ticker->mutex);
    ticker->stopping = true;
    (void)pthread_cond_signal(&ticker->stop);
    (void)pthread_mutex_unlock(&ticker->mutex);
    (void)pthread_join(ticker->thread, NULL);
    tell(ticker);
    (void)pthread_mutex_destroy(&ticker->mutex);
    (void)pthread_cond_destroy(&ticker->stop);
    mem_free(ticker);
}
