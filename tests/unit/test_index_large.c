/*
 * The index with many blobs: rates, and that its memory stays within bounds.
 * HIKAE_TEST_BLOBS sets their number (default 3,000,000).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "repo/index.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PACK_BLOBS = 20000, BLOCK_BLOBS = 512, BLOB_SIZE = 4096, LOOKUPS = 200000, MIB = 1 << 20 };

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The most memory that the process ever held, in bytes; 0 if the kernel does not say. */
static uint64_t peak_memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        return 0;
    char line[256];
    uint64_t kib = 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    (void)fclose(file);
    return kib * 1024;
}

static uint64_t mix(uint64_t z)
{
    /* splitmix64 (Steele et al., 2014) */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The id of blob i: known blobs have even seeds, unknown ones odd. */
static struct blob_id id_of(uint64_t i, bool known)
{
    struct blob_id id;
    uint64_t seed = (2 * i + (known ? 0 : 1)) * UINT64_C(0x9e3779b97f4a7c15);
    put_u64(id.bytes, mix(seed));
    put_u64(id.bytes + 8, mix(seed + 77));
    put_u32(id.bytes + 16, (uint32_t)mix(seed + 777));
    return id;
}

static struct keyring *make_keyring(void)
{
    struct error err;
    struct id tid = {{1}};
    struct keyring *keyring = keyring_new(&tid);
    struct key_row row = {.type = KEY_DEDUP, .tid = tid, .key_id = {{2}}, .key = secret_new(32)};
    assert_non_null(keyring);
    assert_non_null(row.key);
    assert_int_equal(keyring_add(keyring, &row, &err), 0);
    secret_free(row.key);
    return keyring;
}

static void add_all(struct index *index, uint64_t count)
{
    struct error err;
    CLEANUP_FREE struct container_blob *blobs = mem_calloc(PACK_BLOBS, sizeof(*blobs));
    struct container_block blocks[PACK_BLOBS / BLOCK_BLOBS + 1];
    assert_non_null(blobs);
    for (uint64_t first = 0; first < count; first += PACK_BLOBS) {
        uint32_t n = count - first < PACK_BLOBS ? (uint32_t)(count - first) : PACK_BLOBS;
        struct pack_info pack = {.size = 32 * MIB, .blocks = blocks};
        put_u64(pack.name.bytes, mix(first + 1));
        put_u64(pack.name.bytes + 8, first);
        for (uint32_t i = 0; i < n; i++)
            blobs[i] = (struct container_blob){.id = id_of(first + i, true), .size = BLOB_SIZE, .type = BLOB_CONTENT};
        for (uint32_t left = n; left > 0; left -= blocks[pack.block_count++].blob_count) {
            uint32_t in_block = left < BLOCK_BLOBS ? left : BLOCK_BLOBS;
            blocks[pack.block_count] = (struct container_block){
                .sealed_size = 1000, .plain_size = in_block * BLOB_SIZE, .blob_count = in_block, .codec = CODEC_ZSTD};
        }
        assert_int_equal(index_add_pack(index, &pack, blobs, n, NULL, &err), 0);
    }
}

static void check_place(uint64_t i, const struct place *place)
{
    uint64_t in_pack = i % PACK_BLOBS;
    assert_int_equal(place->pack, i / PACK_BLOBS);
    assert_int_equal(place->block, in_pack / BLOCK_BLOBS);
    assert_int_equal(place->offset, in_pack % BLOCK_BLOBS * BLOB_SIZE);
    assert_int_equal(place->size, BLOB_SIZE);
    assert_int_equal(place->type, BLOB_CONTENT);
}

static double look_up(struct index *index, uint64_t count, bool known)
{
    struct error err;
    double start = now_s();
    for (uint64_t k = 0; k < LOOKUPS; k++) {
        uint64_t i = mix(k + 12345) % count;
        struct blob_id id = id_of(i, known);
        struct place place;
        int rc = index_find(index, &id, &place, &err);
        assert_int_equal(rc, known ? 1 : 0);
        if (known)
            check_place(i, &place);
    }
    return (now_s() - start) / LOOKUPS * 1e9;
}

static void test_large(void **state)
{
    (void)state;
    struct error err;
    const char *wanted = getenv("HIKAE_TEST_BLOBS");
    uint64_t count = wanted != NULL ? strtoull(wanted, NULL, 10) : 3000000;
    assert_true(count > 0);
    char folder[256];
    assert_int_equal(scratch_make(folder, sizeof(folder), "index"), 0);
    struct keyring *keyring = make_keyring();
    struct index *index;
    bool rebuilt;
    uint64_t before = peak_memory();

    assert_int_equal(index_open(folder, keyring, 160 * (size_t)MIB, &index, &rebuilt, &err), 0);
    double start = now_s();
    add_all(index, count);
    double added = now_s() - start;
    (void)fprintf(stderr, "added %llu blobs in %.2f s (%.2f million a second)\n", (unsigned long long)count, added,
                  (double)count / added / 1e6);
    double positive = look_up(index, count, true), negative = look_up(index, count, false);
    (void)fprintf(stderr, "before the commit: %.0f ns a hit, %.0f ns a miss\n", positive, negative);
    start = now_s();
    assert_int_equal(index_commit(index, &err), 0);
    (void)fprintf(stderr, "committed in %.2f s\n", now_s() - start);
    index_close(index);

    start = now_s();
    assert_int_equal(index_open(folder, keyring, 160 * (size_t)MIB, &index, &rebuilt, &err), 0);
    double opened = now_s() - start;
    assert_false(rebuilt);
    positive = look_up(index, count, true);
    negative = look_up(index, count, false);
    double positive_again = look_up(index, count, true);
    struct index_stats stats;
    index_get_stats(index, &stats);
    assert_int_equal(stats.entries, count);
    (void)fprintf(stderr,
                  "opened in %.1f ms; %.0f ns a hit, %.0f ns a miss, %.0f ns a second hit; %llu runs, %.1f MiB\n",
                  opened * 1e3, positive, negative, positive_again, (unsigned long long)stats.runs,
                  (double)stats.memory_bytes / MIB);
    assert_true(stats.memory_bytes <= 160 * (uint64_t)MIB);
    index_close(index);

    uint64_t peak = peak_memory();
    (void)fprintf(stderr, "peak memory %.1f MiB (%.1f MiB before)\n", (double)peak / MIB, (double)before / MIB);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* The sanitizers' own memory would be counted. */
    assert_true(peak - before <= 256 * (uint64_t)MIB);
#endif
    keyring_free(keyring);
    assert_int_equal(file_remove_tree(folder, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
