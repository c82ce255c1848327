/*
 * DSSE envelopes, version 1.0 (github.com/secure-systems-lab/dsse: protocol.md,
 * envelope.md): a payload with its type, signed by one or more Ed25519 keys.
 * What is signed is PAE = "DSSEv1 LEN(type) type LEN(payload) payload", so that
 * openssl verifies it with `pkeyutl -verify -rawin`.
 *
 * It knows neither what a payload says nor whose a key is. A key id in an
 * envelope is a hint that decides nothing: signatures are tried against the
 * keys that the caller trusts, and a key counts once.
 */
#ifndef HIKAE_CRYPTO_DSSE_H
#define HIKAE_CRYPTO_DSSE_H

#include "base/buf.h"
#include "base/mem.h"
#include "crypto/crypto.h"

enum {
    DSSE_TYPE_MAX = 256, /* bytes of a payload's type */
    DSSE_PAYLOAD_MAX = 16 << 20,
    DSSE_ENVELOPE_MAX = 24 << 20, /* bytes of the JSON: the payload in base64, and room for the signatures */
    DSSE_SIGNATURES_MAX = 32,
    DSSE_KEYID_MAX = 256,
    DSSE_SIGNATURE_MAX = 512 /* bytes: other algorithms' signatures are read, and match no key of ours */
};

struct dsse_signature {
    char keyid[DSSE_KEYID_MAX + 1]; /* empty: not given */
    uint8_t bytes[DSSE_SIGNATURE_MAX];
    size_t size;
};

/* A key that the caller trusts. */
struct dsse_key {
    uint8_t bytes[ED25519_PUBLIC_SIZE];
};

/* An all-zero struct is an empty envelope; dsse_free releases what it holds. */
struct dsse {
    char type[DSSE_TYPE_MAX + 1];
    struct buf payload;
    struct dsse_signature *signatures;
    size_t signature_count;
};

void dsse_free(struct dsse *envelope);

/* The bytes that a signature covers, appended to out. The type is counted in bytes of its UTF-8. */
MUST_USE int dsse_pae(const char *type, const void *payload, size_t size, struct buf *out, struct error *err);

/* Begin an envelope with a copy of these bytes; ERROR_INTERNAL if type or payload is beyond its limit. */
MUST_USE int dsse_start(const char *type, const void *payload, size_t size, struct dsse *ret, struct error *err);

/* Add the signature of an Ed25519 seed, with the key id of ed25519_keyid. ERROR_REFUSED if there are 32 already. */
MUST_USE int dsse_sign(struct dsse *envelope, const struct secret *seed, struct error *err);

/* The envelope as one line of JSON: *ret is text (mem_free). */
MUST_USE int dsse_print(const struct dsse *envelope, char **ret, struct error *err);

/*
 * Read an envelope. The payload's type must not be empty, 1 to 32 signatures must be there; base64 in either alphabet,
 * with padding, canonical. Unknown members are ignored, as envelope.md asks. ERROR_DAMAGED otherwise. Nothing is
 * verified by this: what the payload says is to be read only after dsse_verify.
 */
MUST_USE int dsse_parse(const void *text, size_t size, struct dsse *ret, struct error *err);

/*
 * Which of `count` keys signed: signed[i] for keys[i]. *ret_distinct counts different keys, however often one is listed
 * or signed. Signatures of other keys are passed over. -1 only if verification itself could not be done.
 */
MUST_USE int dsse_verify(const struct dsse *envelope, const struct dsse_key *keys, size_t count, bool *signed_by,
                         size_t *ret_distinct, struct error *err);

#endif
