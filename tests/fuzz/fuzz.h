/*
 * What the fuzzers share. Each fuzz_NAME.c defines LLVMFuzzerTestOneInput over
 * one parser of bytes that come from elsewhere: with libFuzzer it searches
 * (make fuzz), with replay.c it repeats its corpus as an ordinary test.
 */
#ifndef HIKAE_TESTS_FUZZ_H
#define HIKAE_TESTS_FUZZ_H

#include "base/mem.h"
#include "crypto/container.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
static inline void fuzz_expect(bool condition)
{
    if (!condition)
        abort();
}

/* Key and names of the containers in tests/vectors/format-1.json, so that these are seeds that open. */
static const struct id fuzz_tid = {
    {0x84, 0x21, 0x02, 0x68, 0x5e, 0x73, 0x19, 0x41, 0x1f, 0xc7, 0x77, 0x5f, 0x2b, 0x52, 0x1d, 0x33}};
static const struct id fuzz_key_id = {
    {0xc8, 0x98, 0xcd, 0xcf, 0x26, 0x32, 0x5e, 0x4a, 0xf3, 0xa0, 0x23, 0x39, 0x16, 0xb7, 0xb6, 0xdd}};

static inline struct secret *fuzz_key(void)
{
    static const uint8_t bytes[KEY_SIZE] = {0x98, 0xfe, 0x0b, 0x3a, 0x9d, 0x72, 0xf4, 0x94, 0x83, 0x36, 0x42,
                                            0x47, 0x55, 0x3a, 0x63, 0x0e, 0x8c, 0xd1, 0xfd, 0xd4, 0x8e, 0xb4,
                                            0xb7, 0x46, 0x47, 0xb3, 0x8c, 0xf5, 0xba, 0xa7, 0x0f, 0x60};
    struct secret *key = secret_copy(bytes, sizeof(bytes));
    fuzz_expect(key != NULL);
    return key;
}

/* Cut the next `size` bytes, or as many as there are, off the front of the input. */
static inline struct bytes fuzz_take(const uint8_t **data, size_t *left, size_t size)
{
    size_t taken = size < *left ? size : *left;
    struct bytes bytes = {*data, taken};
    *data += taken;
    *left -= taken;
    return bytes;
}

/* A part with its length before it, in two bytes. */
static inline struct bytes fuzz_take_part(const uint8_t **data, size_t *left)
{
    struct bytes length = fuzz_take(data, left, 2);
    return fuzz_take(data, left, length.size == 2 ? get_u16(length.data) : 0);
}

#endif
