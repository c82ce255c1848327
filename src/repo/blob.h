/* Blobs: their types, and the computation of their ids (FORMAT.md §3). */
#ifndef HIKAE_REPO_BLOB_H
#define HIKAE_REPO_BLOB_H

#include "base/id.h"
#include "keys/keyring.h"

enum blob_type {
    BLOB_CONTENT = 1,
    BLOB_NAMES = 2,       /* leaf of the manifest           */
    BLOB_TIMES = 3,       /* leaf of the manifest           */
    BLOB_INNER = 4,       /* inner node of the manifest     */
    BLOB_EXTENTS = 5,     /* leaf of an extent list         */
    BLOB_EXTENT_TREE = 6, /* inner node of an extent list   */
    BLOB_XATTR = 7
};
enum { BLOB_TYPE_COUNT = 8, BLOB_SIZE_MAX = (4 << 20) - 1 };

/* Computes ids under a tenant's id key. One per thread. */
struct blob_hasher;
MUST_USE int blob_hasher_new(const struct keyring *keyring, struct blob_hasher **ret, struct error *err);
void blob_hasher_free(struct blob_hasher *hasher);
MUST_USE int blob_hash(struct blob_hasher *hasher, enum blob_type type, const void *bytes, size_t size,
                       struct blob_id *ret, struct error *err);

#endif
