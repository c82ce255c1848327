/*
 * Holders: who keeps a key under which a share of the root epoch is sealed
 * (src/repo/FORMAT.md §8). One row of the table in holder.c each, one file a kind.
 *
 * A holder gives its 32-byte key for a new epoch (make) or for one that
 * exists (reach). A token or a key service never gives away the key that it
 * keeps: it wraps and unwraps, inside, the 32 bytes that are the holder's key,
 * and the wrapped form lies in the slot's params. A holder never sees a share,
 * a root epoch or a tenant's key.
 *
 * Errors of reaching: ERROR_NOT_FOUND if the holder is not here (no path, no
 * such file, another token), ERROR_KEYS if what is here is not the key that is
 * needed, ERROR_UNREACHABLE if nobody knows: it did not answer.
 */
#ifndef HIKAE_KEYS_HOLDER_H
#define HIKAE_KEYS_HOLDER_H

#include "base/json.h"
#include "keys/keystore.h"

/* For which epoch, store and group a holder's key is made. */
struct holder_occasion {
    uint32_t epoch;
    const struct id *store; /* NULL: unknown */
    int64_t now_ns;
    const char *group;
    size_t others; /* further members of the group */
    keystore_made *made;
    void *made_context;
};

/* What making gives: the key, the params for the slot, the page of a sheet, and what was created for it. */
struct holder_made {
    struct secret *key;
    json_t *params;
    char *page;
    char *created_path;          /* a file */
    const struct holder *inside; /* the device in which a key was created, which params name; borrowed */
    uint32_t epoch;
};

MUST_USE int holder_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                         struct error *err);
/* Tell of a key that is made inside a device. */
MUST_USE int holder_tell_made(const struct holder *holder, const struct holder_occasion *occasion, const json_t *params,
                              struct error *err);
/* Destroy what making created, because the epoch will never be used. */
void holder_unmake(struct holder_made *made);
/* Wipe and release the struct; files stay. */
void holder_made_clear(struct holder_made *made);

/* The key of a member, found through `holder`, checked against the slot's params as far as they allow. */
MUST_USE int holder_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                          struct error *err);

/* Can it be reached from here at all? A sheet without a path cannot. */
bool holder_is_here(const struct holder *holder);
/* ERROR_CONFIG for a holder that lacks what its kind needs. */
MUST_USE int holder_check(const struct holder *holder, struct error *err);
/* Is the key inside a device that does not give it away, so that its end is the end of all copies? */
bool holder_kind_is_device(enum holder_kind kind);

/* Ask for the key that params name. 0 also if there is no answer: presence UNKNOWN, detail why. -1: no memory. */
MUST_USE int holder_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                           struct holder_attestation *ret, struct error *err);

/* What became of it, and when. */
struct holder_end {
    enum holder_fate fate;
    int64_t at_ns, final_ns;
    char why[256];
};
/*
 * Destroy the key that params name and look for it afterwards. ERROR_NOT_FOUND or ERROR_KEYS: this holder is another
 * one than they name. ERROR_UNREACHABLE, ERROR_DENIED: it may still be there.
 */
MUST_USE int holder_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                            struct error *err);

/* ---- Pieces, one file each ---- */

enum { HOLDER_KEY_ID_SIZE = 8, HOLDER_PASSPHRASE_MIN = 8, HOLDER_PASSPHRASE_MAX = 1024 };

/*
 * Read a small local file that holds a secret into secret memory: *ret holds exactly its bytes. With `private_only`,
 * a file that others may read or write, or that belongs to another user than this one or root, is ERROR_KEYS.
 */
MUST_USE int holder_read_secret(const char *path, size_t max, bool private_only, struct secret **ret,
                                struct error *err);

/* A key file: one line, checked. */
MUST_USE int holder_keyfile_read(const char *path, uint32_t *ret_epoch, struct secret **ret_key, struct error *err);
/* Create it with mode 0600; never replaces one. */
MUST_USE int holder_keyfile_create(const char *path, uint32_t epoch, const struct secret *key, struct error *err);
/* What a key file's name is followed by in that of the note that it was destroyed, which stays. */
#define HOLDER_FILE_NOTE ".destroyed"
/* Overwrite, sync, unlink, sync the folder. Of any small file that holds a secret. */
MUST_USE int holder_keyfile_destroy(const char *path, struct error *err);

/* The first 8 bytes of SHA-256(label ‖ key) in hexadecimal, with a NUL. */
MUST_USE int holder_key_id(const char *label, const struct secret *key, char out[2 * HOLDER_KEY_ID_SIZE + 1],
                           struct error *err);

MUST_USE int holder_file_make(const struct holder *holder, const struct holder_occasion *occasion,
                              struct holder_made *ret, struct error *err);
MUST_USE int holder_file_reach(const struct holder *holder, uint32_t epoch, const json_t *params,
                               struct secret **ret_key, struct error *err);
MUST_USE int holder_file_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                                struct holder_attestation *ret, struct error *err);
MUST_USE int holder_file_destroy(const struct holder *holder, uint32_t epoch, const json_t *params,
                                 struct holder_end *ret, struct error *err);
MUST_USE int holder_passphrase_make(const struct holder *holder, const struct holder_occasion *occasion,
                                    struct holder_made *ret, struct error *err);
MUST_USE int holder_passphrase_reach(const struct holder *holder, uint32_t epoch, const json_t *params,
                                     struct secret **ret_key, struct error *err);
MUST_USE int holder_passphrase_destroy(const struct holder *holder, uint32_t epoch, const json_t *params,
                                       struct holder_end *ret, struct error *err);
MUST_USE int holder_sheet_make(const struct holder *holder, const struct holder_occasion *occasion,
                               struct holder_made *ret, struct error *err);
MUST_USE int holder_sheet_reach(const struct holder *holder, uint32_t epoch, const json_t *params,
                                struct secret **ret_key, struct error *err);
MUST_USE int holder_sheet_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                                 struct holder_attestation *ret, struct error *err);
MUST_USE int holder_sheet_destroy(const struct holder *holder, uint32_t epoch, const json_t *params,
                                  struct holder_end *ret, struct error *err);
MUST_USE int holder_token_make(const struct holder *holder, const struct holder_occasion *occasion,
                               struct holder_made *ret, struct error *err);
MUST_USE int holder_token_reach(const struct holder *holder, uint32_t epoch, const json_t *params,
                                struct secret **ret_key, struct error *err);
MUST_USE int holder_token_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                                 struct holder_attestation *ret, struct error *err);
MUST_USE int holder_token_destroy(const struct holder *holder, uint32_t epoch, const json_t *params,
                                  struct holder_end *ret, struct error *err);
MUST_USE int holder_kms_make(const struct holder *holder, const struct holder_occasion *occasion,
                             struct holder_made *ret, struct error *err);
MUST_USE int holder_kms_reach(const struct holder *holder, uint32_t epoch, const json_t *params,
                              struct secret **ret_key, struct error *err);
MUST_USE int holder_kms_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                               struct holder_attestation *ret, struct error *err);
MUST_USE int holder_kms_destroy(const struct holder *holder, uint32_t epoch, const json_t *params,
                                struct holder_end *ret, struct error *err);

/* The label of a key file's key id (FORMAT.md §8). */
#define HOLDER_FILE_LABEL  "hikae1 key file"
#define HOLDER_SHEET_LABEL "hikae1 sheet"

/* The scrypt cost n of slots made from now on; 2^17 unless a test lowers it, for which alone this is. */
void holder_scrypt_cost_for_tests(uint64_t n);

#endif
