/* The fixed-size names of things: tenant ids, key ids, blob ids, object names. Plain bytes, compared as bytes. */
#ifndef HIKAE_BASE_ID_H
#define HIKAE_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ID_SIZE = 16, BLOB_ID_SIZE = 20, HASH_SIZE = 32 };

/* Tenant, key, writer, run, store: 128 random bits. */
struct id {
    uint8_t bytes[ID_SIZE];
};
/* A blob: 160 bits of a keyed MAC (FORMAT.md §3). */
struct blob_id {
    uint8_t bytes[BLOB_ID_SIZE];
};
/* An object: the SHA-256 of its bytes. */
struct hash {
    uint8_t bytes[HASH_SIZE];
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE) == 0;
}
static inline bool blob_id_equal(const struct blob_id *a, const struct blob_id *b)
{
    return memcmp(a->bytes, b->bytes, BLOB_ID_SIZE) == 0;
}
static inline int blob_id_compare(const struct blob_id *a, const struct blob_id *b)
{
    return memcmp(a->bytes, b->bytes, BLOB_ID_SIZE);
}
static inline bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}
static inline int hash_compare(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_SIZE);
}

#endif
