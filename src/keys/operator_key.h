/*
 * The key files of operators: people who answer for what cannot be taken
 * back. Ed25519 in PEM (crypto/pem.h), made here or by openssl. A private key
 * that others can read is refused, whoever made it.
 */
#ifndef HIKAE_KEYS_OPERATOR_KEY_H
#define HIKAE_KEYS_OPERATOR_KEY_H

#include "crypto/pem.h"

/*
 * A new key in a new file of mode 0600, encrypted with the first line of passphrase_path (NULL: not encrypted).
 * ERROR_REFUSED if the file is there already.
 */
MUST_USE int operator_key_create(const char *path, const char *passphrase_path, uint8_t ret_public[ED25519_PUBLIC_SIZE],
                                 struct error *err);
/* The seed. ERROR_KEYS if it is none, if others may read it, or if the passphrase does not open it. */
MUST_USE int operator_key_read(const char *path, const char *passphrase_path, struct secret **ret_seed,
                               struct error *err);
/* A file with a public key. */
MUST_USE int operator_key_read_public(const char *path, uint8_t ret_public[ED25519_PUBLIC_SIZE], struct error *err);

#endif
