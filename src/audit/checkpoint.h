/*
 * Signed notes and checkpoints: the head of an audit log in the form of C2SP
 * signed-note and tlog-checkpoint (https://c2sp.org/signed-note,
 * https://c2sp.org/tlog-checkpoint), signed with the store's audit key.
 *
 *     hikae/<store>/<log>
 *     <size>
 *     <root, base64>
 *     time <RFC 3339>
 *
 *     — hikae/<store>/<log> <key hash and Ed25519 signature, base64>
 *
 * Receipts and reviews are notes too, with text of their own.
 */
#ifndef HIKAE_AUDIT_CHECKPOINT_H
#define HIKAE_AUDIT_CHECKPOINT_H

#include "base/buf.h"
#include "base/id.h"
#include "crypto/crypto.h"

enum { AUDIT_NOTE_MAX = 1 << 20, AUDIT_ORIGIN_SIZE = 80, AUDIT_CHECKPOINT_MAX = 4096 };

/* "hikae/<store>/<log>": the origin of a log, and the name of the key in its notes. Returns out. */
char *audit_origin(const struct id *store, const struct id *log, char out[AUDIT_ORIGIN_SIZE]);
/* The verifier key as other tools of this form take it: "<name>+<key hash>+<base64>". NULL: no memory (mem_free). */
char *audit_verifier_key(const char *name, const uint8_t public_key[ED25519_PUBLIC_SIZE]);

/* Sign a text (which ends in a newline and has no empty first line); *ret is the note (mem_free). */
MUST_USE int audit_note_sign(const char *text, const char *name, const struct secret *key, char **ret,
                             struct error *err);
/*
 * Check a note: exactly one signature by this name and key, and possibly others, which are passed over. *ret_text
 * borrows the signed text from it. ERROR_DAMAGED if it is no note, or is not signed so.
 */
MUST_USE int audit_note_check(const char *note, size_t size, const char *name,
                              const uint8_t public_key[ED25519_PUBLIC_SIZE], struct bytes *ret_text, struct error *err);
/* The first line of a note, without its newline; false if there is none. Nothing is checked. */
bool audit_note_origin(const char *note, size_t size, struct bytes *ret);

struct audit_checkpoint {
    struct id log;
    uint64_t size;
    struct hash root;
    int64_t time_ns;
};
/* The note of a checkpoint (mem_free). */
MUST_USE int audit_checkpoint_sign(const struct audit_checkpoint *checkpoint, const struct id *store,
                                   const struct secret *key, char **ret, struct error *err);
/* The name of the key in receipts and reviews: "hikae/<store>/audit". Returns out. */
char *audit_note_name(const struct id *store, char out[AUDIT_ORIGIN_SIZE]);
/*
 * Check a receipt or review of this store, and read the heads of logs that it names ("log <origin> <size> <root>"):
 * *ret (mem_free). ERROR_DAMAGED.
 */
MUST_USE int audit_note_heads(const char *note, size_t size, const struct id *store,
                              const uint8_t public_key[ED25519_PUBLIC_SIZE], struct audit_checkpoint **ret,
                              size_t *ret_count, struct error *err);
/* Check a checkpoint of this store, of whichever log. ERROR_DAMAGED. */
MUST_USE int audit_checkpoint_check(const char *note, size_t size, const struct id *store,
                                    const uint8_t public_key[ED25519_PUBLIC_SIZE], struct audit_checkpoint *ret,
                                    struct error *err);

#endif
