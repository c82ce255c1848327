/*
 * What an operator can say of a holder of the root key, beside its kind, name
 * and path: hikae.yaml says it, src/keys/holder_*.c carry it out. Only words
 * and values; nothing here opens anything, and no secret is among them.
 */
#ifndef HIKAE_BASE_HOLDER_OPTIONS_H
#define HIKAE_BASE_HOLDER_OPTIONS_H

#include "base/target_options.h"

/* How a passphrase is stretched. PBKDF2 is for installations bound to CRYPTREC's list or FIPS 140. */
enum holder_kdf { HOLDER_KDF_SCRYPT, HOLDER_KDF_PBKDF2 };

enum { HOLDER_WAITING_DAYS_MIN = 7, HOLDER_WAITING_DAYS_MAX = 30 };

/* All zero: the defaults. Strings belong to whoever made the struct. */
struct holder_options {
    enum holder_kdf kdf; /* a passphrase */

    /* A PKCS#11 token. */
    const char *module;            /* path of the vendor's library                        */
    const char *token;             /* the token's label                                   */
    struct target_credentials pin; /* where the user's PIN is: FILE or SYSTEMD, nothing else */

    /* AWS KMS. */
    const char *region;
    const char *key; /* ARN, id or alias of a key that exists, for one epoch only; NULL: one is made for each epoch */
    const char *endpoint; /* https://HOST[:PORT]; NULL: the region's */
    const char *ca_file;  /* PEM; NULL: the system's */
    struct target_credentials credentials;
    unsigned waiting_days; /* between asking for a key's deletion and its end, 7 to 30; 0: 30 */
};

#endif
