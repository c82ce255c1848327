#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <openssl/evp.h>

static void cleanup_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void cleanup_md_ctx(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

#define CLEANUP_PKEY   __attribute__((cleanup(cleanup_pkey)))
#define CLEANUP_MD_CTX __attribute__((cleanup(cleanup_md_ctx)))

int ed25519_public(const struct secret *secret, uint8_t out_public[ED25519_PUBLIC_SIZE], struct error *err)
{
    if (secret_size(secret) != ED25519_SECRET_SIZE)
        return error_set(err, ERROR_KEYS, "an Ed25519 key has 32 bytes, this one %zu", secret_size(secret));
    CLEANUP_PKEY EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_borrow(secret), ED25519_SECRET_SIZE);
    size_t size = ED25519_PUBLIC_SIZE;
    if (key == NULL || EVP_PKEY_get_raw_public_key(key, out_public, &size) != 1)
        return openssl_failed(err, "Ed25519 public key");
    return 0;
}

int ed25519_generate(struct secret **ret_secret, uint8_t out_public[ED25519_PUBLIC_SIZE], struct error *err)
{
    struct secret *secret = secret_new(ED25519_SECRET_SIZE);
    if (secret == NULL)
        return error_no_memory(err);
    if (crypto_random(secret_bytes(secret), ED25519_SECRET_SIZE, err) != 0 ||
        ed25519_public(secret, out_public, err) != 0) {
        secret_free(secret);
        return -1;
    }
    *ret_secret = secret;
    return 0;
}

int ed25519_sign(const struct secret *secret, const void *bytes, size_t size, uint8_t out[ED25519_SIGNATURE_SIZE],
                 struct error *err)
{
    if (secret_size(secret) != ED25519_SECRET_SIZE)
        return error_set(err, ERROR_KEYS, "an Ed25519 key has 32 bytes, this one %zu", secret_size(secret));
    CLEANUP_PKEY EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_borrow(secret), ED25519_SECRET_SIZE);
    CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t signature_size = ED25519_SIGNATURE_SIZE;
    if (key == NULL || ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(ctx, out, &signature_size, bytes, size) != 1)
        return openssl_failed(err, "Ed25519 sign");
    return 0;
}

int ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], const void *bytes, size_t size,
                   const uint8_t signature[ED25519_SIGNATURE_SIZE], struct error *err)
{
    CLEANUP_PKEY EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_PUBLIC_SIZE);
    CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (key == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
        return openssl_failed(err, "Ed25519 verify");
    if (EVP_DigestVerify(ctx, signature, ED25519_SIGNATURE_SIZE, bytes, size) != 1) {
        ERR_clear_error();
        return error_set(err, ERROR_DAMAGED, "a signature does not match");
    }
    return 0;
}
