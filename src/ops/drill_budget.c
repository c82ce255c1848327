/* Bytes and time that a drill may use up: a thread looks at both, and stops the engine that is at work. */
#include "base/clock.h"
#include "base/mem.h"
#include "ops/drill.h"

#include <stdio.h>
#include <time.h>

#define LOOK_NS (20 * 1000 * 1000)

struct drill_budget {
    const struct cancel *outer; /* the drill's own */
    uint64_t max_bytes;
    int64_t until_ns; /* 0: no limit */
    pthread_t thread;
    pthread_mutex_t mutex; /* of engine and spent */
    struct hikae *engine;  /* watched now, or NULL */
    uint64_t spent;        /* by those watched before */
    atomic_bool ended;
    atomic_bool out_of_bytes, out_of_time;
};

static uint64_t fetched(const struct hikae *engine)
{
    return engine != NULL ? drill_fetched(engine) : 0;
}

static void look(struct drill_budget *budget)
{
    (void)pthread_mutex_lock(&budget->mutex);
    uint64_t sum = budget->spent + fetched(budget->engine);
    if (budget->max_bytes > 0 && sum > budget->max_bytes)
        atomic_store(&budget->out_of_bytes, true);
    if (budget->until_ns > 0 && clock_monotonic_ns() > budget->until_ns)
        atomic_store(&budget->out_of_time, true);
    bool over =
        atomic_load(&budget->out_of_bytes) || atomic_load(&budget->out_of_time) || atomic_load(&budget->outer->wanted);
    if (over && budget->engine != NULL)
        cancel_request(&budget->engine->cancel);
    (void)pthread_mutex_unlock(&budget->mutex);
}

static void *watch(void *context)
{
    struct drill_budget *budget = context;
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    while (!atomic_load(&budget->ended)) {
        look(budget);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

int drill_budget_start(struct drill *drill, struct error *err)
{
    struct drill_budget *budget = mem_calloc(1, sizeof(*budget));
    if (budget == NULL)
        return error_no_memory(err);
    budget->outer = &drill->hikae->cancel;
    budget->max_bytes = drill->options->max_bytes;
    budget->until_ns = drill->options->max_ns > 0 ? drill->began_ns + drill->options->max_ns : 0;
    (void)pthread_mutex_init(&budget->mutex, NULL);
    int errnum = pthread_create(&budget->thread, NULL, watch, budget);
    if (errnum != 0) {
        (void)pthread_mutex_destroy(&budget->mutex);
        mem_free(budget);
        return error_set_errno(err, ERROR_LOCAL, errnum, "start a thread");
    }
    drill->budget = budget;
    return 0;
}

void drill_budget_watch(struct drill *drill, struct hikae *engine)
{
    struct drill_budget *budget = drill->budget;
    (void)pthread_mutex_lock(&budget->mutex);
    budget->spent += fetched(budget->engine);
    budget->engine = engine;
    (void)pthread_mutex_unlock(&budget->mutex);
}

bool drill_budget_is_over(const struct drill *drill, char *why, size_t size)
{
    const struct drill_budget *budget = drill->budget;
    if (atomic_load(&budget->out_of_bytes))
        (void)snprintf(why, size, "its budget of %llu bytes is used up", (unsigned long long)budget->max_bytes);
    else if (atomic_load(&budget->out_of_time))
        (void)snprintf(why, size, "its budget of %lld s is used up", (long long)(drill->options->max_ns / NS_PER_S));
    else
        return false;
    return true;
}

bool drill_budget_lacks(const struct drill *drill, uint64_t bytes, char *why, size_t size)
{
    struct drill_budget *budget = drill->budget;
    (void)pthread_mutex_lock(&budget->mutex);
    uint64_t spent = budget->spent; /* by the targets before */
    (void)pthread_mutex_unlock(&budget->mutex);
    uint64_t left = budget->max_bytes > spent ? budget->max_bytes - spent : 0;
    if (budget->max_bytes == 0 || bytes <= left)
        return false;
    (void)snprintf(why, size, "%llu bytes would be fetched, and its budget has %llu left: nothing was restored",
                   (unsigned long long)bytes, (unsigned long long)left);
    return true;
}

void drill_budget_stop(struct drill *drill)
{
    struct drill_budget *budget = drill->budget;
    if (budget == NULL)
        return;
    atomic_store(&budget->ended, true);
    (void)pthread_join(budget->thread, NULL);
    (void)pthread_mutex_destroy(&budget->mutex);
    mem_free(budget);
    drill->budget = NULL;
}
