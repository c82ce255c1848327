/*
 * A tenant's unwrapped keys: what a run needs to seal and open this tenant's
 * objects. Made from the keystore for one tenant at a time and freed (wiped)
 * as soon as its run is over.
 */
#ifndef HIKAE_KEYS_KEYRING_H
#define HIKAE_KEYS_KEYRING_H

#include "base/id.h"
#include "base/secret.h"

struct keyring;

/* Types of keys in the keystore (FORMAT.md §8). */
enum key_type { KEY_SEALING = 1, KEY_DEDUP = 2, KEY_SIGN_STORE = 3, KEY_SIGN_AUDIT = 4 };

/* One key of the keystore, unwrapped. */
struct key_row {
    enum key_type type;
    uint32_t generation;
    int64_t created_ns;
    struct id tid;
    struct id key_id;
    struct secret *key; /* 32 bytes */
};

/* An empty keyring of a tenant; NULL when there is no memory. */
struct keyring *keyring_new(const struct id *tid);
/* Wipes everything. NULL is fine. */
void keyring_free(struct keyring *keyring);
/* Add a copy of a row of this tenant. The same key twice is one. */
MUST_USE int keyring_add(struct keyring *keyring, const struct key_row *row, struct error *err);
const struct id *keyring_tid(const struct keyring *keyring);

/* All rows (borrowed), for a kit that takes one tenant's keys to another machine. */
const struct key_row *keyring_rows(const struct keyring *keyring, size_t *ret_count);
/* The same keys in a keyring of its own. */
MUST_USE int keyring_copy(const struct keyring *keyring, struct keyring **ret, struct error *err);

/* The newest sealing key, for writing: ERROR_KEYS if there is none. Both results are borrowed. */
MUST_USE int keyring_newest(const struct keyring *keyring, const struct secret **ret_key, struct id *ret_key_id,
                            struct error *err);
/* The sealing key of that id, for reading, or NULL. */
const struct secret *keyring_find(const struct keyring *keyring, const struct id *key_id);
/* The generation of the newest sealing key; 0 if none. */
uint32_t keyring_generation(const struct keyring *keyring);

/*
 * HKDF-SHA256(dedup secret, no salt, label, size) (FORMAT.md §3). ERROR_KEYS without a dedup secret; of several the
 * oldest is taken, so that ids do not depend on the order of listing.
 */
MUST_USE int keyring_derive(const struct keyring *keyring, const char *label, void *out, size_t size,
                            struct error *err);

static inline void cleanup_keyring_free(struct keyring **keyring)
{
    keyring_free(*keyring);
}

#endif
