/*
 * Which files a drill takes: how many, so that damage is found with a wanted
 * confidence, and which ones, so that nobody can choose. Pure functions.
 *
 * How many: files are drawn without putting back, so the number of damaged
 * ones in a sample is distributed hypergeometrically. Of N files D = ⌈damage·N⌉
 * are damaged; n of them all miss with probability C(N−D, n) / C(N, n). For a
 * large N that is (1−damage)ⁿ: 299 files show 1 % with 95 %.
 *
 * Which: each file has a priority, an HMAC of its name under the drill's seed;
 * those with the lowest are taken. Whoever knows the seed can do it again.
 */
#ifndef HIKAE_OPS_DRILL_SAMPLE_H
#define HIKAE_OPS_DRILL_SAMPLE_H

#include "base/error.h"
#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

/* Of `population` files `damaged` are damaged: the probability that `sample` of them, drawn by chance, show none. */
double drill_miss(uint64_t population, uint64_t damaged, uint64_t sample);
/* The least sample of a population that shows damage of that part with that confidence; all of them at most. */
uint64_t drill_sample_size(uint64_t population, double damage, double confidence);
/* The same of a population without end: ⌈ln(1−confidence) / ln(1−damage)⌉. */
uint64_t drill_sample_size_endless(double damage, double confidence);

enum { DRILL_STRATA_MAX = 8 };
/*
 * Share a sample among strata in proportion, at least one each, and make it larger until the confidence holds wherever
 * the damage lies. *ret_reached is the confidence in the worst case: 1 if everything is taken. No stratum gets more
 * than `most`.
 */
void drill_allocate(const uint64_t *populations, size_t strata, double damage, double confidence, uint64_t most,
                    uint64_t *ret_samples, double *ret_reached);

/* The `capacity` files of lowest priority among all that were offered. */
struct drill_pick {
    uint64_t priority;
    char *path; /* owned */
    uint64_t size;
};
struct drill_picks {
    struct drill_pick *items; /* a heap, the highest first, until drill_picks_sort */
    size_t count, capacity;
    uint64_t offered;
};
MUST_USE int drill_picks_init(struct drill_picks *picks, size_t capacity, struct error *err);
void drill_picks_free(struct drill_picks *picks);
/* The path is copied if the file is among the lowest so far. */
MUST_USE int drill_picks_offer(struct drill_picks *picks, uint64_t priority, const char *path, uint64_t size,
                               struct error *err);
/* By priority, the lowest first. */
void drill_picks_sort(struct drill_picks *picks);

enum { DRILL_ID_SIZE = 17 };
/* What a drill is drawn from: the root of a checkpoint that was there before it, and what it cannot choose itself. */
struct drill_origin {
    uint8_t root[SHA256_SIZE];
    uint8_t tenant[16];
    uint8_t writer[16]; /* of the state folder */
    uint64_t number;    /* drills of this tenant that are recorded already */
};
/* The id (16 hexadecimal digits) and the seed that follow from it. */
MUST_USE int drill_draw(const struct drill_origin *origin, char ret_id[DRILL_ID_SIZE], uint8_t ret_seed[SHA256_SIZE],
                        struct error *err);
/* HMAC-SHA256(seed, target | 0 | snapshot | 0 | path), its first 8 bytes. */
MUST_USE int drill_priority(struct hmac *seed, const char *target, const char *snapshot, const char *path,
                            uint64_t *ret, struct error *err);

#endif
