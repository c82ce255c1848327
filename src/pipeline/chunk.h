/*
 * The chunker: cuts long content at places that its bytes decide, so that an
 * insertion moves no other cut. A normalized gear hash (Xia et al., "FastCDC",
 * USENIX ATC 2016, and "The Design of Fast Content-Defined Chunking", IEEE
 * TPDS 2020) whose table is the tenant's secret.
 */
#ifndef HIKAE_PIPELINE_CHUNK_H
#define HIKAE_PIPELINE_CHUNK_H

#include "keys/keyring.h"

enum {
    CHUNK_MIN = 16 << 10,
    CHUNK_MEAN = 64 << 10,
    CHUNK_MAX = 512 << 10,
    CHUNK_ZERO_RUN_MIN = 32 << 10, /* shorter runs of zeros are content */
    CHUNK_ZERO_UNIT = 4 << 10      /* runs of zeros begin and end at multiples of this */
};

struct chunker;
MUST_USE int chunker_new(const struct keyring *keyring, struct chunker **ret, struct error *err);
void chunker_free(struct chunker *chunker);
/*
 * The length of the first chunk of `bytes`, at most CHUNK_MAX. If the content goes on behind `size` bytes (`more`) and
 * no cut was found within them, 0: call again with more bytes (CHUNK_MAX suffice). size ≥ 1. Without state between
 * calls.
 */
size_t chunker_cut(const struct chunker *chunker, const uint8_t *bytes, size_t size, bool more);
/*
 * The number of zeros at the start of bytes that make up a run worth recording: a multiple of CHUNK_ZERO_UNIT (or all
 * of size), 0 if shorter than `least`: CHUNK_ZERO_RUN_MIN, or 1 where they only continue a run.
 */
size_t chunk_zero_run(const uint8_t *bytes, size_t size, size_t least);
/* Where the first such run that begins at a multiple of CHUNK_ZERO_UNIT starts; size if there is none. */
size_t chunk_find_zero_run(const uint8_t *bytes, size_t size);

#endif
