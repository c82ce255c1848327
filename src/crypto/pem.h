/*
 * Ed25519 keys of people, as openssl writes them (RFC 8410): public keys as
 * SubjectPublicKeyInfo, private ones as PKCS#8, plain or encrypted, in PEM.
 * Text only: who may read a file is the business of keys/.
 */
#ifndef HIKAE_CRYPTO_PEM_H
#define HIKAE_CRYPTO_PEM_H

#include "crypto/crypto.h"

enum {
    KEYID_SIZE = 2 * SHA256_SIZE + 1, /* with a NUL */
    PEM_PUBLIC_SIZE = 128,            /* room for a public key's text, with a NUL */
    PEM_MAX = 4096                    /* bytes of a text that is read */
};

/* The key id: SHA-256 of the SubjectPublicKeyInfo (44 bytes of DER), in hexadecimal. */
MUST_USE int ed25519_keyid(const uint8_t public_key[ED25519_PUBLIC_SIZE], char out[KEYID_SIZE], struct error *err);

/* As `openssl pkey -pubout` prints it. */
MUST_USE int pem_print_public(const uint8_t public_key[ED25519_PUBLIC_SIZE], char out[PEM_PUBLIC_SIZE],
                              struct error *err);
/* ERROR_KEYS if the text is not exactly one public key of Ed25519, or one of the eight that everybody can sign with. */
MUST_USE int pem_parse_public(const void *text, size_t size, uint8_t out[ED25519_PUBLIC_SIZE], struct error *err);

/* PKCS#8; with a passphrase encrypted (AES-256-CBC under scrypt, RFC 8018 and 7914). *ret is the text. */
MUST_USE int pem_print_private(const struct secret *seed, const struct secret *passphrase, struct secret **ret,
                               struct error *err);
/* ERROR_KEYS if it is no Ed25519 key, or if it is encrypted and the passphrase (or NULL) does not open it. */
MUST_USE int pem_parse_private(const struct secret *text, const struct secret *passphrase, struct secret **ret_seed,
                               struct error *err);

#endif
