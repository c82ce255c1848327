#include "ops/drill_sample.h"

#include "base/hex.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- How many ---- */

/* What rounding may have cost: 19 of 20 are 95 %. */
#define SLACK 1e-12

double drill_miss(uint64_t population, uint64_t damaged, uint64_t sample)
{
    double log_miss = 0;
    if (sample + damaged > population)
        return 0;
    /* C(N−D, n) / C(N, n) is the same with D and n exchanged: the shorter product is taken. */
    uint64_t terms = sample < damaged ? sample : damaged, other = sample < damaged ? damaged : sample;
    for (uint64_t i = 0; i < terms; i++)
        log_miss += log1p(-(double)other / (double)(population - i));
    return exp(log_miss);
}

static uint64_t damaged_of(uint64_t population, double damage)
{
    double damaged = ceil(damage * (double)population - 1e-9);
    return damaged < 1 ? 1 : damaged > (double)population ? population : (uint64_t)damaged;
}

uint64_t drill_sample_size(uint64_t population, double damage, double confidence)
{
    if (population == 0)
        return 0;
    uint64_t damaged = damaged_of(population, damage), low = 1, high = population;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (drill_miss(population, damaged, middle) <= 1 - confidence + SLACK)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t drill_sample_size_endless(double damage, double confidence)
{
    double size = ceil(log1p(-confidence) / log1p(-damage) - 1e-9);
    return size < 1 ? 1 : (uint64_t)size;
}

/*
 * The greatest probability that no stratum shows its damage, over all ways to spread `damaged` files. Each further file
 * makes a stratum's own probability smaller by a factor that itself only falls, so taking the mildest step each time
 * finds the greatest product.
 */
static double worst_miss(const uint64_t *populations, const uint64_t *samples, size_t strata, uint64_t damaged)
{
    uint64_t placed[DRILL_STRATA_MAX] = {0};
    double log_miss = 0;
    for (uint64_t i = 0; i < damaged; i++) {
        double best = 0;
        size_t chosen = 0;
        for (size_t h = 0; h < strata; h++) {
            if (placed[h] >= populations[h])
                continue;
            double left = (double)(populations[h] - placed[h]), factor = 1 - (double)samples[h] / left;
            if (factor > best) {
                best = factor;
                chosen = h;
            }
        }
        if (best <= 0)
            return 0;
        placed[chosen]++;
        log_miss += log(best);
    }
    return exp(log_miss);
}

void drill_allocate(const uint64_t *populations, size_t strata, double damage, double confidence, uint64_t most,
                    uint64_t *ret_samples, double *ret_reached)
{
    uint64_t total = 0;
    for (size_t h = 0; h < strata; h++)
        total += populations[h];
    *ret_reached = 0;
    memset(ret_samples, 0, strata * sizeof(*ret_samples));
    if (total == 0)
        return;
    uint64_t damaged = damaged_of(total, damage), wanted = drill_sample_size(total, damage, confidence);
    for (;; wanted += 1 + wanted / 200) {
        bool full = true;
        for (size_t h = 0; h < strata; h++) {
            double share = ceil((double)wanted * (double)populations[h] / (double)total - 1e-9);
            uint64_t limit = populations[h] < most ? populations[h] : most;
            ret_samples[h] = share < 1 ? 1 : (uint64_t)share;
            if (ret_samples[h] >= limit)
                ret_samples[h] = limit;
            full = full && ret_samples[h] == limit;
        }
        *ret_reached = 1 - worst_miss(populations, ret_samples, strata, damaged);
        if (*ret_reached >= confidence - SLACK || full)
            return;
    }
}

/* ---- Which ---- */

int drill_picks_init(struct drill_picks *picks, size_t capacity, struct error *err)
{
    *picks = (struct drill_picks){.items = mem_calloc(capacity, sizeof(struct drill_pick)), .capacity = capacity};
    return picks->items != NULL ? 0 : error_no_memory(err);
}

void drill_picks_free(struct drill_picks *picks)
{
    for (size_t i = 0; i < picks->count; i++)
        mem_free(picks->items[i].path);
    mem_free(picks->items);
    *picks = (struct drill_picks){0};
}

static void exchange(struct drill_pick *a, struct drill_pick *b)
{
    struct drill_pick kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct drill_picks *picks, size_t i)
{
    for (; i > 0 && picks->items[i].priority > picks->items[(i - 1) / 2].priority; i = (i - 1) / 2)
        exchange(&picks->items[i], &picks->items[(i - 1) / 2]);
}

static void sift_down(struct drill_picks *picks)
{
    for (size_t i = 0;;) {
        size_t largest = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < picks->count && picks->items[child].priority > picks->items[largest].priority)
                largest = child;
        if (largest == i)
            return;
        exchange(&picks->items[i], &picks->items[largest]);
        i = largest;
    }
}

int drill_picks_offer(struct drill_picks *picks, uint64_t priority, const char *path, uint64_t size, struct error *err)
{
    picks->offered++;
    bool full = picks->count == picks->capacity;
    if (picks->capacity == 0 || (full && priority >= picks->items[0].priority))
        return 0;
    char *copy = mem_strdup(path);
    if (copy == NULL)
        return error_no_memory(err);
    size_t at = full ? 0 : picks->count++;
    mem_free(picks->items[at].path);
    picks->items[at] = (struct drill_pick){priority, copy, size};
    if (full)
        sift_down(picks);
    else
        sift_up(picks, at);
    return 0;
}

static int compare_picks(const void *a, const void *b)
{
    const struct drill_pick *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return strcmp(x->path, y->path);
}

void drill_picks_sort(struct drill_picks *picks)
{
    if (picks->count > 1)
        qsort(picks->items, picks->count, sizeof(*picks->items), compare_picks);
}

/* ---- From what ---- */

int drill_draw(const struct drill_origin *origin, char ret_id[DRILL_ID_SIZE], uint8_t ret_seed[SHA256_SIZE],
               struct error *err)
{
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(origin->root, sizeof(origin->root));
    char label[128], tenant[33], writer[33];
    uint8_t id[SHA256_SIZE];
    if (hmac == NULL)
        return error_no_memory(err);
    (void)hex_encode(origin->tenant, sizeof(origin->tenant), tenant);
    (void)hex_encode(origin->writer, sizeof(origin->writer), writer);
    int size = snprintf(label, sizeof(label), "hikae drill id 1|%s|%s|%llu", tenant, writer,
                        (unsigned long long)origin->number);
    if (hmac_sha256(hmac, label, (size_t)size, NULL, 0, id, err) != 0)
        return -1;
    (void)hex_encode(id, (DRILL_ID_SIZE - 1) / 2, ret_id);
    size = snprintf(label, sizeof(label), "hikae drill seed 1|%s|%s", tenant, ret_id);
    return hmac_sha256(hmac, label, (size_t)size, NULL, 0, ret_seed, err);
}

int drill_priority(struct hmac *seed, const char *target, const char *snapshot, const char *path, uint64_t *ret,
                   struct error *err)
{
    CLEANUP_FREE char *head = mem_printf("%s|%s|", target, snapshot);
    uint8_t mac[SHA256_SIZE];
    if (head == NULL)
        return error_no_memory(err);
    size_t size = strlen(head);
    /* Neither part can hold a zero: with these in between no two names read the same. */
    head[strlen(target)] = '\0';
    head[size - 1] = '\0';
    if (hmac_sha256(seed, head, size, path, strlen(path), mac, err) != 0)
        return -1;
    *ret = 0;
    for (size_t i = 0; i < sizeof(*ret); i++)
        *ret = *ret << 8 | mac[i];
    return 0;
}
