/*
 * A kit: what another machine needs to drill one tenant. A file of JSON:
 *
 *   v 2, kit (id, hex), holder ("passphrase" or "file"), params (how its key is reached, as in a slot of FORMAT.md
 *   §8), nonce, sealed (base64)
 *
 * sealed is AES-256-GCM under HKDF-SHA256(key, salt = id, "hikae drill kit 1"), the id as associated data, over: the
 * length of the text (u32, little-endian), the text (JSON: store, tenant, config, files, made, expires, machine,
 * checkpoint …), then each key: type (u8), generation (u32), created (i64, ns), id (16), key (32).
 */
#ifndef HIKAE_OPS_DRILL_KIT_H
#define HIKAE_OPS_DRILL_KIT_H

#include "base/json.h"
#include "keys/keyring.h"

enum { KIT_MAX = 4 << 20 };

struct drill_kit {
    struct id id;
    json_t *text;
    struct keyring *keyring;
};
/* The text of a member; "" if there is none. */
const char *drill_word(const json_t *object, const char *name);
void drill_kit_clear(struct drill_kit *kit);
/* What opens it: one of both. A key file is made with the kit, and opens nothing else. */
struct drill_kit_opener {
    const char *passphrase_file, *key_file;
};
MUST_USE int drill_kit_write(const char *path, const struct drill_kit_opener *opener, const struct drill_kit *kit,
                             struct error *err);
/* ERROR_KEYS for a wrong passphrase or key, ERROR_DAMAGED for what is no kit. Its time is the caller's affair. */
MUST_USE int drill_kit_read(const char *path, const struct drill_kit_opener *opener, struct drill_kit *ret,
                            struct error *err);
/* HMAC of a report under a key that only this tenant's keys give: hexadecimal. */
MUST_USE int drill_kit_mac(const struct keyring *keyring, const char *text, char out[65], struct error *err);

#endif
