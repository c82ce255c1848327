/*
 * Microbenchmarks: the steps that every byte takes, one core each, in GB/s.
 *
 * Data: half text-like (words drawn from a fixed list), half random, made by a fixed generator, so that figures of two
 * machines can be compared. Each step runs for at least half a second; the best of five is printed. Beside them, in
 * milliseconds, a plan of retention.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/container.h"
#include "pipeline/chunk.h"
#include "policy/retention.h"
#include "repo/blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { SIZE = 64 << 20, BLOCK = 2 << 20, PIECE = 64 << 10, ROUNDS = 5 };

static uint8_t *data, *out;
static struct keyring *keyring;
static struct chunker *chunker;
static struct blob_hasher *hasher;
static struct gcm *gcm;
static ZSTD_CCtx *compress;
static ZSTD_DCtx *decompress;
static size_t compressed[SIZE / BLOCK];
static uint8_t *packed;
static size_t packed_step;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "micro: %s failed\n", what);
    exit(1);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64 (Marsaglia, 2003) */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(void)
{
    static const char *const words[] = {"backup ", "tenant ", "the ", "of ", "snapshot ", "and ", "is ", "in\n",
                                        "target ", "key ",    "a ",   "to ", "pack ",     "not ", "it ", "every "};
    uint64_t state = 88172645463325252;
    for (size_t i = 0; i < SIZE / 2;) {
        const char *word = words[next_random(&state) % 16];
        for (; *word != '\0' && i < SIZE / 2; word++)
            data[i++] = (uint8_t)*word;
    }
    for (size_t i = SIZE / 2; i < SIZE; i++)
        data[i] = (uint8_t)next_random(&state);
}

static void run_chunker(void)
{
    for (size_t at = 0; at < SIZE;)
        at += chunker_cut(chunker, data + at, SIZE - at, false);
}

static void run_ids(void)
{
    struct blob_id id;
    for (size_t at = 0; at < SIZE; at += PIECE)
        must(blob_hash(hasher, BLOB_CONTENT, data + at, PIECE, &id, NULL) == 0, "an id");
}

static void run_sha256(void)
{
    uint8_t hash[SHA256_SIZE];
    must(sha256(data, SIZE, hash, NULL) == 0, "SHA-256");
}

static void run_compress(void)
{
    for (size_t i = 0; i < SIZE / BLOCK; i++) {
        compressed[i] = ZSTD_compress2(compress, packed + i * packed_step, packed_step, data + i * BLOCK, BLOCK);
        must(!ZSTD_isError(compressed[i]), "compression");
    }
}

static void run_decompress(void)
{
    for (size_t i = 0; i < SIZE / BLOCK; i++)
        must(ZSTD_decompressDCtx(decompress, out, BLOCK, packed + i * packed_step, compressed[i]) == BLOCK,
             "decompression");
}

static void run_seal(void)
{
    static const uint8_t nonce[GCM_NONCE_SIZE], aad[41];
    for (size_t at = 0; at < SIZE; at += BLOCK)
        must(gcm_seal(gcm, nonce, aad, sizeof(aad), data + at, BLOCK, out, NULL) == 0, "sealing");
}

static void measure(const char *name, void (*step)(void))
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = clock_monotonic_ns(), took;
        uint64_t bytes = 0;
        do {
            step();
            bytes += SIZE;
            took = clock_monotonic_ns() - start;
        } while (took < NS_PER_S / 10);
        if ((double)bytes / (double)took > best)
            best = (double)bytes / (double)took;
    }
    (void)printf("%-28s %6.2f GB/s\n", name, best);
}

/* A year of hourly snapshots and more, five rules: the best of five in milliseconds. */
static void measure_retention(void)
{
    enum { SNAPSHOTS = 10000, ID_SIZE_TEXT = 17 };
    static struct retention_snapshot snapshots[SNAPSHOTS];
    static char ids[SNAPSHOTS][ID_SIZE_TEXT];
    struct retention_rule rule_space[] = {{.kind = RETENTION_HOURLY, .count = 48},
                                          {.kind = RETENTION_DAILY, .count = 30},
                                          {.kind = RETENTION_WEEKLY, .count = 12},
                                          {.kind = RETENTION_MONTHLY, .within = {1, SPAN_YEARS}},
                                          {.kind = RETENTION_YEARLY, .count = 7}};
    const struct retention_rules rules = {.rules = rule_space, .count = 5};
    struct retention_input input = {.snapshots = snapshots, .snapshot_count = SNAPSHOTS, .rules = &rules};
    struct zone *zone = NULL;
    int64_t best = INT64_MAX;
    must(zone_open("Asia/Tokyo", &zone, NULL) == 0, "zone");
    input.zone = zone;
    input.now_ns = clock_now_ns();
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        (void)snprintf(ids[i], ID_SIZE_TEXT, "%016zx", i);
        snapshots[i] = (struct retention_snapshot){
            .id = ids[i], .time_ns = input.now_ns - (int64_t)i * 3600 * NS_PER_S, .copies = RETENTION_COMPLETE};
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct retention_plan plan;
        int64_t start = clock_monotonic_ns();
        must(retention_plan_make(&input, &plan, NULL) == 0, "plan");
        int64_t spent = clock_monotonic_ns() - start;
        best = spent < best ? spent : best;
        retention_plan_clear(&plan);
    }
    (void)printf("%-28s %6.1f ms\n", "retention, 10,000 snapshots", (double)best / 1e6);
    zone_free(zone);
}

int main(void)
{
    struct id tid = {{1}};
    struct key_row row = {.type = KEY_DEDUP, .generation = 1, .tid = tid, .key_id = tid, .key = secret_new(KEY_SIZE)};
    static const uint8_t key[KEY_SIZE];
    packed_step = ZSTD_compressBound(BLOCK);
    data = mem_alloc(SIZE);
    out = mem_alloc(BLOCK + GCM_TAG_SIZE);
    packed = mem_alloc(SIZE / BLOCK * packed_step);
    keyring = keyring_new(&tid);
    gcm = gcm_new();
    compress = ZSTD_createCCtx();
    decompress = ZSTD_createDCtx();
    must(data != NULL && out != NULL && packed != NULL && keyring != NULL && gcm != NULL && compress != NULL &&
             decompress != NULL && row.key != NULL,
         "memory");
    must(keyring_add(keyring, &row, NULL) == 0 && chunker_new(keyring, &chunker, NULL) == 0 &&
             blob_hasher_new(keyring, &hasher, NULL) == 0 && gcm_set_key(gcm, key, NULL) == 0,
         "keys");
    (void)ZSTD_CCtx_setParameter(compress, ZSTD_c_compressionLevel, 3);
    fill();
    measure("chunker", run_chunker);
    measure("blob id (HMAC-SHA-256)", run_ids);
    measure("object name (SHA-256)", run_sha256);
    measure("compression (zstd 3)", run_compress);
    measure("decompression", run_decompress);
    measure("sealing (AES-256-GCM)", run_seal);
    measure_retention();
    return 0;
}
