#include "pipeline/chunk.h"

#include "base/buf.h"
#include "base/mem.h"

enum {
    /* The gear hash of a place is decided by the 64 bytes before it: bits of older ones have been shifted out. */
    WINDOW = 64,
    /*
     * Up to here a cut needs 18 bits, from here on 14: sizes gather around the mean. With the minimum skipped, the
     * expected size is min + (1 - q)·2^18 + q·2^14 with q = exp(-(point - min) / 2^18); this point makes it 64 KiB.
     */
    NORMAL_POINT = 52 << 10
};

/*
 * The bits that must be zero at a cut. High bits, because they depend on the most bytes; bit 63 stays free, so that
 * the mask can be applied to a hash that is already shifted once more (see scan).
 */
#define MASK_HARD (((UINT64_C(1) << 18) - 1) << 45)
#define MASK_EASY (((UINT64_C(1) << 14) - 1) << 49)

_Static_assert((int)CHUNK_MIN >= (int)WINDOW, "the window of the first possible cut lies within the chunk");
_Static_assert((CHUNK_MIN & 1) == 0 && (NORMAL_POINT & 1) == 0 && (CHUNK_MAX & 1) == 0, "scan goes by pairs of bytes");

struct chunker {
    uint64_t gear[256];
    uint64_t gear_shifted[256]; /* the same, times two: for the first byte of a pair */
};

int chunker_new(const struct keyring *keyring, struct chunker **ret, struct error *err)
{
    struct chunker *chunker = mem_alloc(sizeof(*chunker));
    if (chunker == NULL)
        return error_no_memory(err);
    uint8_t bytes[256 * 8];
    if (keyring_derive(keyring, "hikae1 chunker", bytes, sizeof(bytes), err) < 0) {
        mem_free(chunker);
        return error_wrap(err, "make the chunker");
    }
    for (size_t i = 0; i < 256; i++) {
        chunker->gear[i] = get_u64(bytes + 8 * i);
        chunker->gear_shifted[i] = chunker->gear[i] << 1;
    }
    mem_wipe(bytes, sizeof(bytes));
    *ret = chunker;
    return 0;
}

void chunker_free(struct chunker *chunker)
{
    if (chunker == NULL)
        return;
    /* The table is derived from the tenant's dedup secret, and observed cuts are the way to attack it. */
    mem_wipe(chunker, sizeof(*chunker));
    mem_free(chunker);
}

/*
 * Look for a cut behind one of the bytes [*at, end) and return its place, or 0. Two bytes a step ("rolling two bytes",
 * IEEE TPDS 2020, section 4.4): the hash is shifted once for both, and the first is compared under a mask that is
 * shifted by one as well. The hash goes on in *hash, *at is where the scan stopped; an odd byte at the end is left.
 */
static inline size_t scan(const struct chunker *chunker, const uint8_t *bytes, size_t *at, size_t end, uint64_t mask,
                          uint64_t *hash)
{
    const uint64_t mask_shifted = mask << 1;
    uint64_t h = *hash;
    size_t i = *at;
    for (; i + 2 <= end; i += 2) {
        h = (h << 2) + chunker->gear_shifted[bytes[i]];
        if ((h & mask_shifted) == 0)
            return i + 1;
        h += chunker->gear[bytes[i + 1]];
        if ((h & mask) == 0)
            return i + 2;
    }
    *at = i;
    *hash = h;
    return 0;
}

size_t chunker_cut(const struct chunker *chunker, const uint8_t *bytes, size_t size, bool more)
{
    size_t limit = size < CHUNK_MAX ? size : CHUNK_MAX;
    size_t unfound = size >= CHUNK_MAX ? CHUNK_MAX : more ? 0 : size;
    if (limit <= CHUNK_MIN)
        return unfound;

    /* The hash is warmed up, so that the first places behind the minimum are judged by their bytes as all others are.
     */
    uint64_t hash = 0;
    size_t at = CHUNK_MIN - WINDOW;
    for (; at < CHUNK_MIN; at++)
        hash = (hash << 1) + chunker->gear[bytes[at]];

    size_t cut = scan(chunker, bytes, &at, limit < NORMAL_POINT ? limit : NORMAL_POINT, MASK_HARD, &hash);
    if (cut != 0)
        return cut;
    uint64_t mask = MASK_HARD;
    if (limit > NORMAL_POINT) {
        mask = MASK_EASY;
        cut = scan(chunker, bytes, &at, limit, mask, &hash);
        if (cut != 0)
            return cut;
    }
    if (at < limit) {
        hash = (hash << 1) + chunker->gear[bytes[at]];
        if ((hash & mask) == 0)
            return at + 1;
    }
    return unfound;
}

/* The number of zeros at the start of bytes. */
static size_t zeros_at(const uint8_t *bytes, size_t size)
{
    size_t i = 0;
    for (; i + 64 <= size; i += 64) {
        uint64_t words[8];
        memcpy(words, bytes + i, sizeof(words));
        if ((words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) != 0)
            break;
    }
    while (i < size && bytes[i] == 0)
        i++;
    return i;
}

size_t chunk_zero_run(const uint8_t *bytes, size_t size, size_t least)
{
    if (size < least || bytes[0] != 0)
        return 0;
    size_t zeros = zeros_at(bytes, size);
    if (zeros < size)
        zeros -= zeros % CHUNK_ZERO_UNIT;
    return zeros >= least ? zeros : 0;
}

size_t chunk_find_zero_run(const uint8_t *bytes, size_t size)
{
    /* No run that starts nearer to the end than the minimum is long enough. A unit that does not start with zeros is
     * left by one look at its first byte; one that ends a run that was too short is never looked at from its middle. */
    size_t at = 0;
    while (size - at >= CHUNK_ZERO_RUN_MIN) {
        if (bytes[at] != 0) {
            at += CHUNK_ZERO_UNIT;
            continue;
        }
        size_t window = CHUNK_ZERO_RUN_MIN;
        size_t zeros = zeros_at(bytes + at, window);
        if (zeros == window)
            return at;
        at += zeros - zeros % CHUNK_ZERO_UNIT + CHUNK_ZERO_UNIT;
    }
    return size;
}
