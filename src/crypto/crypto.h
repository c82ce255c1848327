/*
 * Cryptography: thin, checked calls of OpenSSL 3 (EVP only). Suites and
 * labels belong to the formats that use them; nothing here knows any.
 *
 * Algorithms: SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869),
 * AES-256-GCM (NIST SP 800-38D), scrypt (RFC 7914), PBKDF2 (RFC 8018), Ed25519 (RFC 8032);
 * randomness from getrandom(2).
 */
#ifndef HIKAE_CRYPTO_CRYPTO_H
#define HIKAE_CRYPTO_CRYPTO_H

#include "base/secret.h"

enum {
    SHA256_SIZE = 32,
    KEY_SIZE = 32,
    GCM_NONCE_SIZE = 12,
    GCM_TAG_SIZE = 16,
    ED25519_PUBLIC_SIZE = 32,
    ED25519_SECRET_SIZE = 32, /* the seed */
    ED25519_SIGNATURE_SIZE = 64
};

/* Fill out with size random bytes from the kernel. Fails only if the kernel has none to give. */
MUST_USE int crypto_random(void *out, size_t size, struct error *err);

/* SHA-256 in one call. */
MUST_USE int sha256(const void *bytes, size_t size, uint8_t out[SHA256_SIZE], struct error *err);

/* SHA-256 in pieces. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *hash);
MUST_USE int sha256_start(struct sha256 *hash, struct error *err);
MUST_USE int sha256_update(struct sha256 *hash, const void *bytes, size_t size, struct error *err);
MUST_USE int sha256_finish(struct sha256 *hash, uint8_t out[SHA256_SIZE], struct error *err);

/*
 * HMAC-SHA256 under one key, many times. One struct per thread: it holds the
 * two half-way states of the key and a context to work in.
 */
struct hmac;
/* NULL when there is no memory. */
struct hmac *hmac_new(const void *key, size_t key_size);
void hmac_free(struct hmac *hmac);
/* The MAC of a (a_size bytes) followed by b (b_size bytes; may be NULL if 0). */
MUST_USE int hmac_sha256(struct hmac *hmac, const void *a, size_t a_size, const void *b, size_t b_size,
                         uint8_t out[SHA256_SIZE], struct error *err);

/* HKDF-SHA256 (extract and expand), out_size ≤ 8160 bytes. */
MUST_USE int hkdf_sha256(const void *key, size_t key_size, const void *salt, size_t salt_size, const void *info,
                         size_t info_size, void *out, size_t out_size, struct error *err);

/* AES-256-GCM under one key. One struct per thread. */
struct gcm;
/* An empty context; NULL when there is no memory. */
struct gcm *gcm_new(void);
void gcm_free(struct gcm *gcm);
MUST_USE int gcm_set_key(struct gcm *gcm, const uint8_t key[KEY_SIZE], struct error *err);
/* Encrypt `size` bytes of plain to out (may be the same memory), and write the 16-byte tag behind them. */
MUST_USE int gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *aad, size_t aad_size,
                      const void *plain, size_t size, uint8_t *out, struct error *err);
/*
 * Check and decrypt `size` bytes that end in the tag; out takes size - 16 (may be the same memory).
 * ERROR_DAMAGED if the tag does not match: out then holds zeros.
 */
MUST_USE int gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *aad, size_t aad_size,
                      const void *sealed, size_t size, uint8_t *out, struct error *err);

/* PBKDF2-HMAC-SHA256 (RFC 8018, NIST SP 800-132). */
MUST_USE int crypto_pbkdf2(const void *pass, size_t pass_size, const void *salt, size_t salt_size, uint32_t iterations,
                           void *out, size_t out_size, struct error *err);
/* scrypt: cost n (a power of two), r, p; memory 128·n·r bytes. */
MUST_USE int crypto_scrypt(const void *pass, size_t pass_size, const void *salt, size_t salt_size, uint64_t n,
                           uint32_t r, uint32_t p, void *out, size_t out_size, struct error *err);

MUST_USE int ed25519_generate(struct secret **ret_secret, uint8_t out_public[ED25519_PUBLIC_SIZE], struct error *err);
MUST_USE int ed25519_public(const struct secret *secret, uint8_t out_public[ED25519_PUBLIC_SIZE], struct error *err);
MUST_USE int ed25519_sign(const struct secret *secret, const void *bytes, size_t size,
                          uint8_t out[ED25519_SIGNATURE_SIZE], struct error *err);
/* ERROR_DAMAGED if the signature is not this key's over these bytes. */
MUST_USE int ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], const void *bytes, size_t size,
                            const uint8_t signature[ED25519_SIGNATURE_SIZE], struct error *err);

static inline void cleanup_hmac_free(struct hmac **hmac)
{
    hmac_free(*hmac);
}
static inline void cleanup_gcm_free(struct gcm **gcm)
{
    gcm_free(*gcm);
}
static inline void cleanup_sha256_free(struct sha256 **hash)
{
    sha256_free(*hash);
}

#endif
