/* How many files a drill takes and which: figures of the theory, 10,000 simulated drills, and that nobody can choose.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ops/drill_sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_sizes(void **state)
{
    static const struct {
        uint64_t population;
        double damage, confidence;
        uint64_t size;
    } rows[] = {
        {0, 0.01, 0.95, 0},        {1, 0.01, 0.95, 1},           {20, 0.01, 0.95, 19}, /* one of twenty: 19/20 */
        {100, 0.01, 0.95, 95},     {100, 0.01, 0.99, 99},        {1000, 0.01, 0.95, 258},
        {100000, 0.01, 0.95, 298}, {100000000, 0.01, 0.95, 299}, {100000000, 0.001, 0.99, 4603},
        {10, 0.5, 0.9, 3}, /* C(5,3)/C(10,3) = 10/120 */
        {10, 1, 0.95, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t size = drill_sample_size(rows[i].population, rows[i].damage, rows[i].confidence);
        if (size != rows[i].size)
            fail_msg("row %zu: %llu, not %llu", i, (unsigned long long)size, (unsigned long long)rows[i].size);
    }
    assert_int_equal(drill_sample_size_endless(0.01, 0.95), 299);
    assert_int_equal(drill_sample_size_endless(0.001, 0.99), 4603);
}

static void test_miss(void **state)
{
    (void)state;
    assert_true(fabs(drill_miss(10, 5, 3) - 10.0 / 120) < 1e-12);
    assert_true(fabs(drill_miss(10, 3, 5) - 10.0 / 120) < 1e-12);
    assert_true(fabs(drill_miss(100, 1, 40) - 0.6) < 1e-12);
    assert_true(drill_miss(10, 5, 6) == 0);
    assert_true(drill_miss(10, 0, 6) == 1);
}

/* The confidence that is reached, tried against every way to spread the damage over two strata. */
static void test_allocation(void **state)
{
    static const uint64_t populations[][2] = {{100, 100}, {7, 900}, {500, 33}, {1, 1}, {1000, 1}, {40, 60}};
    (void)state;
    for (size_t i = 0; i < sizeof(populations) / sizeof(populations[0]); i++) {
        const uint64_t *of = populations[i];
        uint64_t samples[2], total = of[0] + of[1];
        double reached, worst = 0;
        drill_allocate(of, 2, 0.02, 0.95, 100000, samples, &reached);
        uint64_t damaged = (uint64_t)ceil(0.02 * (double)total - 1e-9);
        for (uint64_t k = 0; k <= damaged; k++)
            if (k <= of[0] && damaged - k <= of[1])
                worst = fmax(worst, drill_miss(of[0], k, samples[0]) * drill_miss(of[1], damaged - k, samples[1]));
        assert_true(samples[0] >= 1 && samples[0] <= of[0] && samples[1] >= 1 && samples[1] <= of[1]);
        assert_true(reached >= 0.95 - 1e-9);
        if (fabs(reached - (1 - worst)) > 1e-9)
            fail_msg("row %zu: %f, not %f", i, reached, 1 - worst);
    }
    /* What may be drawn is bounded: then it says what that is worth, and no more. */
    uint64_t samples[1], many = 1000;
    double reached;
    drill_allocate(&many, 1, 0.01, 0.95, 10, samples, &reached);
    assert_int_equal(samples[0], 10);
    assert_true(fabs(reached - (1 - drill_miss(1000, 10, 10))) < 1e-9);
    drill_allocate(&many, 1, 0.01, 0.95, 1000, samples, &reached);
    assert_int_equal(samples[0], 258);
    many = 0;
    drill_allocate(&many, 1, 0.01, 0.95, 1000, samples, &reached);
    assert_true(samples[0] == 0 && reached == 0);
}

enum { STRATA = 3, DRILLS = 10000 };

/* One drill of strata in which the files below `damaged[h]` are damaged: does it find one? */
static bool simulate(uint64_t number, const uint64_t *populations, const uint64_t *damaged, const uint64_t *samples)
{
    uint8_t seed[SHA256_SIZE] = {0};
    struct error err = {0};
    memcpy(seed, &number, sizeof(number));
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(seed, sizeof(seed));
    bool found = false;
    assert_non_null(hmac);
    for (size_t h = 0; h < STRATA; h++) {
        struct drill_picks picks;
        char snapshot[16], path[32];
        (void)snprintf(snapshot, sizeof(snapshot), "s%zu", h);
        assert_int_equal(drill_picks_init(&picks, samples[h], &err), 0);
        for (uint64_t i = 0; i < populations[h]; i++) {
            uint64_t priority;
            (void)snprintf(path, sizeof(path), "data/%llu", (unsigned long long)i);
            assert_int_equal(drill_priority(hmac, "tokyo", snapshot, path, &priority, &err), 0);
            assert_int_equal(drill_picks_offer(&picks, priority, path, i, &err), 0);
        }
        assert_int_equal(picks.count, samples[h]);
        assert_int_equal(picks.offered, populations[h]);
        for (size_t i = 0; i < picks.count; i++)
            found = found || picks.items[i].size < damaged[h];
        drill_picks_free(&picks);
    }
    return found;
}

static void test_ten_thousand_drills(void **state)
{
    static const uint64_t populations[STRATA] = {60, 30, 10};
    static const struct {
        const char *what;
        uint64_t damaged[STRATA];
    } rows[] = {{"all in the first", {3, 0, 0}}, {"all in the last", {0, 0, 3}}, {"spread", {1, 1, 1}}};
    uint64_t samples[STRATA];
    double reached;
    (void)state;
    drill_allocate(populations, STRATA, 0.03, 0.8, 1000, samples, &reached);
    assert_true(reached >= 0.8 && samples[0] + samples[1] + samples[2] < 60);
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        double miss = 1;
        unsigned found = 0;
        for (size_t h = 0; h < STRATA; h++)
            miss *= drill_miss(populations[h], rows[k].damaged[h], samples[h]);
        for (uint64_t i = 0; i < DRILLS; i++)
            found += simulate(i + k * DRILLS, populations, rows[k].damaged, samples);
        double rate = (double)found / DRILLS, sigma = sqrt(miss * (1 - miss) / DRILLS);
        print_message("%s: found in %u of %d, by the theory %.1f, sigma %.1f\n", rows[k].what, found, DRILLS,
                      (1 - miss) * DRILLS, sigma * DRILLS);
        assert_true(fabs(rate - (1 - miss)) <= 3 * sigma);
        assert_true(rate >= 0.8 - 3 * sqrt(0.8 * 0.2 / DRILLS));
    }
}

static void test_picks_are_the_lowest(void **state)
{
    struct drill_picks picks;
    struct error err = {0};
    char path[16];
    (void)state;
    assert_int_equal(drill_picks_init(&picks, 10, &err), 0);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(path, sizeof(path), "%u", i);
        assert_int_equal(drill_picks_offer(&picks, i * 7919 % 1009, path, i, &err), 0);
    }
    drill_picks_sort(&picks);
    /* 0 … 1008 without those that 1000 … 1008 would have had: the ten lowest that were offered. */
    unsigned expected[10], count = 0;
    for (unsigned priority = 0; count < 10; priority++)
        for (unsigned i = 0; i < 1000; i++)
            if (i * 7919 % 1009 == priority && count < 10)
                expected[count++] = priority;
    assert_int_equal(picks.count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(picks.items[i].priority, expected[i]);
    drill_picks_free(&picks);
    assert_int_equal(drill_picks_init(&picks, 0, &err), 0);
    assert_int_equal(drill_picks_offer(&picks, 1, "a", 1, &err), 0);
    assert_int_equal(picks.count, 0);
    drill_picks_free(&picks);
}

/* What a drill is drawn from decides everything; another number, tenant, writer or root, another id and seed. */
static void test_draw(void **state)
{
    struct drill_origin origins[5] = {{.number = 1}, {.number = 2}, {.number = 1}, {.number = 1}, {.number = 1}};
    char ids[5][DRILL_ID_SIZE], again[DRILL_ID_SIZE];
    uint8_t seeds[5][SHA256_SIZE], seed[SHA256_SIZE];
    struct error err = {0};
    (void)state;
    origins[2].tenant[0] = 1;
    origins[3].writer[15] = 1;
    origins[4].root[31] = 1;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(drill_draw(&origins[i], ids[i], seeds[i], &err), 0);
        assert_int_equal(strlen(ids[i]), DRILL_ID_SIZE - 1);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
            assert_memory_not_equal(seeds[i], seeds[k], SHA256_SIZE);
        }
    }
    assert_int_equal(drill_draw(&origins[0], again, seed, &err), 0);
    assert_string_equal(again, ids[0]);
    assert_memory_equal(seed, seeds[0], SHA256_SIZE);
}

/* "a|b" of one must not be "a" and "b" of another. */
static void test_names_are_told_apart(void **state)
{
    static const char key[] = "seed";
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(key, sizeof(key));
    struct error err = {0};
    uint64_t a, b, c;
    (void)state;
    assert_int_equal(drill_priority(hmac, "x", "y", "z", &a, &err), 0);
    assert_int_equal(drill_priority(hmac, "x|y", "", "z", &b, &err), 0);
    assert_int_equal(drill_priority(hmac, "x", "y|z", "", &c, &err), 0);
    assert_true(a != b && a != c && b != c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_miss),
        cmocka_unit_test(test_allocation),
        cmocka_unit_test(test_ten_thousand_drills),
        cmocka_unit_test(test_picks_are_the_lowest),
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_names_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
