/*
 * For the files of the container only: what its writer and its reader share.
 * A session is the derived side of one object: its AES-256-GCM key in a
 * context, and the hash that every record's associated data begins with.
 */
#ifndef HIKAE_CRYPTO_CONTAINER_INTERNAL_H
#define HIKAE_CRYPTO_CONTAINER_INTERNAL_H

#include "crypto/container.h"

#include <zstd.h>

/* Offsets in the header. FORMAT.md §2 has the table. */
enum {
    HEADER_VERSION = 8,
    HEADER_KIND = 10,
    HEADER_SUITE = 11,
    HEADER_KEY_KIND = 12,
    HEADER_KDF = 13,
    HEADER_ZERO = 14,
    HEADER_TID = 16,
    HEADER_KEY_ID = 32,
    HEADER_SALT = 48,
    HEADER_COMMITMENT = 80,
    HEADER_CLEAR_SIZE = 112,
    HEADER_END_ZERO = 120
};
enum { CONTAINER_SALT_SIZE = 32, CONTAINER_COMMITMENT_SIZE = 32, CONTAINER_MAGIC_SIZE = 8 };
enum { CONTAINER_VERSION = 1, CONTAINER_SUITE = 1, CONTAINER_KDF = 1 };

/* Offsets in the trailer's plaintext. */
enum {
    TRAILER_FIRST = 0,
    TRAILER_PAD = 8,
    TRAILER_DIRECTORY = 16,
    TRAILER_DIRECTORY_SIZE = 24,
    TRAILER_OBJECT_SIZE = 32,
    TRAILER_BLOCK_COUNT = 40,
    TRAILER_BLOB_COUNT = 44,
    TRAILER_ZERO = 48
};

enum {
    /* A zstd block may be longer than what it holds, but never by more than zstd itself says. */
    CONTAINER_PAYLOAD_MAX = ZSTD_COMPRESSBOUND(CONTAINER_BLOCK_MAX),
    /* Header, empty pad, empty directory, trailer. */
    CONTAINER_OBJECT_MIN = CONTAINER_HEADER_SIZE + 2 * GCM_TAG_SIZE + CONTAINER_TRAILER_SEALED,
    CONTAINER_BLOB_TYPE_CONTENT = 1,
    CONTAINER_BLOB_TYPE_LAST = 7,
    CONTAINER_BLOB_MAX = CONTAINER_BLOCK_MAX - 1
};

extern const uint8_t container_magic[CONTAINER_MAGIC_SIZE];

enum container_role { ROLE_BLOCK = 0, ROLE_PAD = 1, ROLE_DIRECTORY = 2, ROLE_TRAILER = 3 };

struct container_session {
    struct gcm *gcm;
    uint8_t head_hash[SHA256_SIZE]; /* SHA-256(header ‖ clear) */
};

/*
 * Derive the object's key from the header's salt and set *ret up; the commitment that belongs to it goes to
 * out_commitment. The header's own commitment is not looked at: a writer does not have it yet.
 */
MUST_USE int container_session_derive(struct container_session *ret, const uint8_t header[CONTAINER_HEADER_SIZE],
                                      const struct secret *key, uint8_t out_commitment[CONTAINER_COMMITMENT_SIZE],
                                      struct error *err);
/* Take the finished header and the clear part into the associated data. */
MUST_USE int container_session_bind(struct container_session *session, const uint8_t header[CONTAINER_HEADER_SIZE],
                                    const void *clear, size_t clear_size, struct error *err);
void container_session_clear(struct container_session *session);

/* Seal `size` bytes to out, which takes size + GCM_TAG_SIZE. */
MUST_USE int container_session_seal(struct container_session *session, enum container_role role, uint32_t number,
                                    const void *plain, size_t size, uint8_t *out, struct error *err);
/* Open `size` sealed bytes to out, which takes size - GCM_TAG_SIZE. ERROR_DAMAGED names the record. */
MUST_USE int container_session_open(struct container_session *session, enum container_role role, uint32_t number,
                                    const void *sealed, size_t size, uint8_t *out, struct error *err);
/*
 * Open what was sealed just now and compare it with `plain` (size bytes). `scratch` is memory to work in.
 * ERROR_DAMAGED if they differ: processor or memory failed in between.
 */
MUST_USE int container_session_verify(struct container_session *session, enum container_role role, uint32_t number,
                                      const void *sealed, const void *plain, size_t size, struct buf *scratch,
                                      struct error *err);

/* Make scratch hold at least `size` bytes of room. What it held is wiped, not copied. */
MUST_USE int container_scratch(struct buf *scratch, size_t size, struct error *err);

/* Why an object of this kind cannot have such a block (its row alone is looked at), or NULL. */
const char *container_block_fault(enum container_kind kind, const struct container_block *block);
/* Why kind, key kind, tid and clear length do not go together, or NULL. */
const char *container_header_fault(const struct container_header *header);

#endif
