/*
 * A PKCS#11 token: the vendor's library, loaded when it is first needed, and a
 * session that is logged in. It makes AES-256 keys inside the token that never
 * leave it, seals and opens a few bytes with them (AES-256-GCM), and destroys
 * them. PKCS #11 Cryptographic Token Interface Base Specification, version 2.40.
 *
 * Errors: ERROR_NOT_FOUND: there is no such token, or no such key on it.
 * ERROR_KEYS: the PIN is wrong or locked, the key is not as it must be, what is
 * opened was sealed otherwise. ERROR_UNREACHABLE: the library or the device does
 * not answer, so nothing is known.
 *
 * A PIN that was refused is not tried again in this process, and never when
 * one more failure would lock the token: that is for people.
 */
#ifndef HIKAE_KEYS_TOKEN_H
#define HIKAE_KEYS_TOKEN_H

#include "base/holder_options.h"
#include "base/secret.h"

enum { TOKEN_SERIAL_SIZE = 33, TOKEN_ID_SIZE = 16, TOKEN_NONCE_SIZE = 12, TOKEN_TAG_SIZE = 16 };

struct token;

/* The token with that label and, unless serial is NULL, that serial number. `write`: keys are to be made or destroyed.
 */
MUST_USE int token_open(const struct holder_options *options, const char *serial, bool write, struct token **ret,
                        struct error *err);
/* NULL is fine. */
void token_close(struct token *token);
/* Its serial number, as printable text. */
const char *token_serial(const struct token *token);

/* Is the key there? 0, ERROR_NOT_FOUND, or ERROR_KEYS if it could leave the token. */
MUST_USE int token_find_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], struct error *err);
/* Make a key inside the token. ERROR_REFUSED, and no key, if it could leave it. */
MUST_USE int token_make_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const char *label, struct error *err);
/* Destroy it, and look for it afterwards. ERROR_NOT_FOUND if it is not there. */
MUST_USE int token_destroy_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], struct error *err);

/* Seal `size` bytes: out has room for size + TOKEN_TAG_SIZE. The nonce is random. */
MUST_USE int token_seal(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const uint8_t nonce[TOKEN_NONCE_SIZE],
                        const void *aad, size_t aad_size, const void *plain, size_t size, uint8_t *out,
                        struct error *err);
/* Open size + TOKEN_TAG_SIZE bytes. */
MUST_USE int token_unseal(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const uint8_t nonce[TOKEN_NONCE_SIZE],
                          const void *aad, size_t aad_size, const uint8_t *sealed, size_t size, uint8_t *out,
                          struct error *err);

static inline void cleanup_token_close(struct token **token)
{
    token_close(*token);
}

#endif
