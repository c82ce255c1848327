/*
 * For the files of the keystore only: its state, and the pieces of which it
 * is made. What each piece is for stands above its functions; the order is
 * from the outside (targets) to the inside (rows of keys).
 */
#ifndef HIKAE_KEYS_KEYSTORE_INTERNAL_H
#define HIKAE_KEYS_KEYSTORE_INTERNAL_H

#include "base/base64.h"
#include "base/names.h"
#include "crypto/container.h"
#include "keys/holder.h"
#include "keys/keystore.h"

#include <pthread.h>

enum {
    KEYS_ROW_SIZE = 96,
    KEYS_ROOT_SIZE = 32,
    KEYS_SHARE_SIZE = 32,
    KEYS_GROUP_SALT_SIZE = 16,
    KEYS_WRAPPED_SIZE = GCM_NONCE_SIZE + KEY_SIZE + GCM_TAG_SIZE,
    KEYS_BODY_MAX = 8 << 20,    /* bytes of rows in one object that is written */
    KEYS_BLOCK_ROWS = 1024,     /* rows in one block that is written */
    KEYS_OBJECT_MAX = 32 << 20, /* bytes of an object that is read */
    KEYS_ENTRY_MAX = 1 << 20,   /* entries on all targets */
    KEYS_TARGET_MAX = 64,       /* targets: bits of a mask */
    KEYS_SLOTS_MAX = 1 << 20,   /* bytes of a slots object's clear part */
    KEYS_GROUP_MAX = 32,        /* groups of an epoch, members of a group */
    KEYS_NAME_MAX = 64          /* bytes of a group's or member's name */
};

/* ---- Base64, by the names that the keystore uses ---- */

static inline char *keys_base64(const void *bytes, size_t size)
{
    return base64_encode(bytes, size);
}
static inline bool keys_base64_parse(const char *text, void *out, size_t size)
{
    return base64_decode(text, out, size);
}

/* ---- keystore_wrap.c: 32 bytes sealed under another 32 ---- */

MUST_USE int keys_wrap(const struct secret *key, const struct buf *aad, const struct secret *plain,
                       uint8_t out[KEYS_WRAPPED_SIZE], struct error *err);
/* ERROR_KEYS if the tag does not match. */
MUST_USE int keys_unwrap(const struct secret *key, const struct buf *aad, const uint8_t wrapped[KEYS_WRAPPED_SIZE],
                         struct secret **ret, struct error *err);
/* Associated data of a share, and (member NULL) of a group's root. */
MUST_USE int keys_aad(uint32_t epoch, const char *group, const char *member, struct buf *out, struct error *err);
MUST_USE int keys_group_key(struct secret *const *shares, size_t count, const uint8_t salt[KEYS_GROUP_SALT_SIZE],
                            struct secret **ret, struct error *err);
MUST_USE int keys_epoch_id(const struct secret *root, struct id *ret, struct error *err);
MUST_USE int keys_random_secret(size_t size, struct secret **ret, struct error *err);

/* ---- keystore_slots.c: the slots object's text, made and parsed ---- */

struct slot_member {
    const char *name;
    const char *kind_name;
    enum holder_kind kind; /* 0: of no kind that this version knows */
    const json_t *params;
    uint8_t wrapped[KEYS_WRAPPED_SIZE];
};
struct slot_group {
    const char *name;
    uint8_t salt[KEYS_GROUP_SALT_SIZE];
    uint8_t root[KEYS_WRAPPED_SIZE];
    struct slot_member *members;
    size_t member_count;
};
struct slots {
    json_t *json; /* owns the names and params */
    uint32_t epoch;
    struct slot_group *groups;
    size_t group_count;
};

/* ERROR_CONFIG for groups that cannot be: no name, twice the same name, no member, no path where one is needed. */
MUST_USE int slots_check_groups(const struct holder_group *groups, size_t count, struct error *err);
/* What one epoch's holders gave; undone as long as no slots object was written. */
struct slots_made {
    struct holder_made *holders;
    size_t count;
    char *clear;   /* the JSON text */
    char **sheets; /* for group i, or NULL */
    size_t group_count;
};
MUST_USE int slots_make(const struct secret *root, const struct holder_occasion *occasion,
                        const struct holder_group *groups, size_t count, struct slots_made *ret, struct error *err);
/* Is the key of a key service that these params name (there may be none) one of the slots' members'? */
bool slots_name_key(const struct slots *slots, const json_t *params);
/* ERROR_REFUSED if a device's key that was given holds an older epoch: their ends must not be one. */
MUST_USE int slots_check_fresh(const struct slots_made *made, const struct slots *older, struct error *err);
/* Free; with `undo` also destroy the files that were created. */
void slots_made_free(struct slots_made *made, bool undo);
/* Seal the slots object of that text. */
MUST_USE int slots_seal(const struct secret *root, uint32_t epoch, const char *clear, struct buf *out,
                        struct hash *ret_name, struct error *err);
/* ERROR_DAMAGED for what is not as FORMAT.md §8 says. */
MUST_USE int slots_parse(const void *text, size_t size, struct slots *ret, struct error *err);
void slots_clear(struct slots *slots);
static inline void cleanup_slots(struct slots *slots)
{
    slots_clear(slots);
}

/* ---- keystore_unlock.c: from holders to the root epoch ---- */

/* A member's share. ERROR_NOT_FOUND if no holder for it is here, ERROR_KEYS if those here are the wrong ones. */
MUST_USE int slots_open_member(const struct slots *slots, const struct slot_group *group,
                               const struct slot_member *member, const struct holder_group *holders, size_t count,
                               struct secret **ret_share, struct error *err);
/* What a failure of slots_open_member says of the holder. */
static inline enum holder_state slots_state_of(const struct error *why)
{
    if (why->class == ERROR_KEYS || why->class == ERROR_DAMAGED)
        return HOLDER_WRONG;
    return why->class == ERROR_UNREACHABLE || why->class == ERROR_DENIED ? HOLDER_UNKNOWN : HOLDER_NOT_HERE;
}
/* The root from all shares of a group. */
MUST_USE int slots_combine(const struct slots *slots, const struct slot_group *group, struct secret *const *shares,
                           struct secret **ret_root, struct error *err);
/* The root through one group. */
MUST_USE int slots_open_group(const struct slots *slots, const struct slot_group *group,
                              const struct holder_group *holders, size_t count, struct secret **ret_root,
                              struct error *err);
/* The root through the first group that opens; ERROR_KEYS tells of each why it does not. */
MUST_USE int slots_open(const struct slots *slots, const struct holder_group *holders, size_t count,
                        struct secret **ret_root, const struct slot_group **ret_group, struct error *err);
/* A failure that says nothing of the holder: out of memory, a defect. */
static inline bool is_fatal(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL || err->class == ERROR_INTERRUPTED;
}

/* ---- keystore_union.c: entries on all targets ---- */

struct key_entry {
    uint32_t epoch;
    struct hash hash;
    uint64_t on;     /* bit i: target i lists it */
    uint8_t *object; /* its bytes, sealed and verified against the name; NULL: not read */
    size_t size;
    enum container_kind kind; /* from the header, once read; 0: no container */
    struct id key_id;
};
struct key_union {
    struct key_entry *entries; /* by epoch, the highest first, then by hash */
    size_t count;
    uint64_t reachable; /* targets whose listing is complete */
    size_t reachable_count;
};

/*
 * List the entries of epochs from `first` on, on all targets. ERROR_UNREACHABLE if none answers, or with
 * `all` if one does not.
 */
MUST_USE int union_list(const struct target_set *set, uint32_t first, bool all, struct key_union *ret,
                        struct error *err);
void union_clear(struct key_union *entries);
static inline void cleanup_union(struct key_union *entries)
{
    union_clear(entries);
}
/*
 * Read an entry from the first target that has a version whose bytes hash to its name. ERROR_DAMAGED if none has,
 * ERROR_UNREACHABLE if one that might did not answer.
 */
MUST_USE int union_fetch(const struct target_set *set, struct key_entry *entry, struct error *err);
/* Does this target hold the entry, whole? 0 or -1 (ERROR_DAMAGED: no version is right). */
MUST_USE int union_verify(struct target *target, const struct key_entry *entry, struct error *err);
/* Store an object on all targets and read it back from each: at least `copies` must succeed. */
MUST_USE int union_store(const struct target_set *set, uint32_t epoch, const struct buf *object,
                         const struct hash *name, size_t copies, struct error *err);
/* The highest epoch above `epoch` that has a slots object on a reachable target, or 0; of any entry: *ret_highest. */
MUST_USE int union_newer(const struct target_set *set, uint32_t epoch, bool all, uint32_t *ret_slots,
                         uint32_t *ret_highest, struct error *err);
MUST_USE int union_newer_in(const struct target_set *set, struct key_union *entries, uint32_t epoch,
                            uint32_t *ret_slots, uint32_t *ret_highest, struct error *err);

/* ---- keystore_rows.c: keys objects, block by block ---- */

/* Consecutive rows of one tenant in one entry. */
struct key_run {
    struct id tid;
    uint32_t entry;
    uint32_t first;
    uint32_t count;
    bool signing; /* has a signing key */
};
/* A run by its tenant. */
struct key_place {
    struct id tid;
    uint32_t run;
};
struct key_runs {
    struct key_run *runs;
    size_t count;
    size_t capacity;
    struct key_place *places; /* of the first place_count runs, by tenant and number */
    size_t place_count;
};

/* Opens the rows of one entry. */
struct row_reader {
    struct container_opener *opener;
    struct container_directory directory;
    const uint8_t *object;
    uint64_t rows;
    uint32_t block;   /* where the last reading ended … */
    uint64_t body_at; /* … and where in the body that block begins */
    bool strange;     /* sealed under the root, but its rows are none that this version knows */
};
/* ERROR_KEYS if the entry is not sealed under this root, whatever its header says. */
MUST_USE int row_reader_open(struct row_reader *reader, const struct key_entry *entry, const struct secret *root,
                             struct error *err);
void row_reader_close(struct row_reader *reader);
static inline void cleanup_row_reader(struct row_reader *reader)
{
    row_reader_close(reader);
}
/* The bytes of `count` rows from `first`: only the blocks that hold them are opened. */
MUST_USE int row_reader_read(struct row_reader *reader, uint32_t first, uint32_t count, struct secret **ret,
                             struct error *err);
/* Add the runs of a whole entry, checking every row; no key is kept. */
MUST_USE int row_reader_index(struct row_reader *reader, uint32_t entry, struct key_runs *runs, struct error *err);
/* Decode one row. row->key is NULL on failure. */
MUST_USE int row_decode(const uint8_t bytes[KEYS_ROW_SIZE], struct key_row *ret, struct error *err);
void row_encode(const struct key_row *row, uint8_t out[KEYS_ROW_SIZE]);

/* Writes keys objects: full ones go to all targets as soon as they are. */
struct row_writer {
    const struct target_set *set;
    const struct secret *root;
    uint32_t epoch;
    size_t copies;
    struct keystore *into; /* takes over what was written; NULL: nobody */
    struct container_writer *writer;
    size_t body_size;
};
/* Add rows of one tenant: a block of their own, so that one tenant's keys can be opened alone. */
MUST_USE int row_writer_add(struct row_writer *writer, const uint8_t *rows, size_t count, struct error *err);
/* Seal, store and read back what is left. */
MUST_USE int row_writer_finish(struct row_writer *writer, struct error *err);
static inline void cleanup_row_writer(struct row_writer *writer)
{
    container_writer_free(writer->writer);
}

/* ---- keystore.c ---- */

struct keystore {
    pthread_mutex_t lock; /* over all that is below */
    struct target_set set;
    struct id store;
    bool store_known;
    uint32_t epoch;
    struct id epoch_id;
    struct secret *root;
    char *group;
    struct key_entry *entries; /* of this epoch, slots among them */
    size_t entry_count;
    size_t slots_entry; /* the slots object that opened */
    struct key_runs runs;
    struct row_reader reader; /* of the entry that was read last: tenants come one after the other */
    size_t reader_entry;
    size_t unread; /* entries that no target could give */
    struct error unread_why;
};

/* An empty handle: no epoch yet. */
MUST_USE int keystore_new(const struct target_set *set, struct keystore **ret, struct error *err);
/* Read the entries of this epoch that are not known yet. With `all` every target must answer. */
MUST_USE int keystore_refresh(struct keystore *keystore, bool all, struct error *err);
/* Take over entries (already read) of the epoch that the root opens, and index them. */
MUST_USE int keystore_take(struct keystore *keystore, struct key_entry *entry, struct error *err);
/* Is this slots object sealed under the root, and does its body agree? */
MUST_USE int keystore_check_slots(const struct key_entry *entry, const struct secret *root, struct error *err);
/* ERROR_KEYS if another root epoch has become the live one. */
MUST_USE int keystore_check_live(const struct keystore *keystore, bool all, struct error *err);
/* ERROR_DAMAGED or ERROR_UNREACHABLE if an entry of this epoch could not be read: rewrapping would lose its keys. */
MUST_USE int keystore_check_complete(const struct keystore *keystore, struct error *err);
/* Set slots_entry by name, after all entries were taken over. */
MUST_USE int keystore_find_slots(struct keystore *keystore, const struct hash *hash, struct error *err);
/* The different tenants of runs, sorted: *ret_tids (mem_free). */
MUST_USE int keystore_distinct(const struct key_runs *runs, struct id **ret_tids, size_t *ret_count, struct error *err);
/* The clear part of a slots entry, parsed. */
MUST_USE int keystore_slots(const struct key_entry *entry, struct slots *ret, struct error *err);
/* New rows: type, generation, a random key. */
MUST_USE int keystore_new_row(const struct id *tid, enum key_type type, uint32_t generation, struct key_row *ret,
                              struct error *err);

/* Ask every holder of the member's kind for the key that it names: the answer that says most. */
MUST_USE int keystore_attest_member(const struct slots *slots, const struct slot_member *member,
                                    const struct holder_group *holders, size_t count, struct holder_attestation *ret,
                                    struct error *err);

/* A key to be made. */
struct new_key {
    enum key_type type;
    uint32_t generation;
};
/* Make keys of a tenant and hand them to the writer. */
MUST_USE int keystore_write_new(struct row_writer *writer, const struct id *tid, const struct new_key *keys,
                                size_t count, struct error *err);

/* ---- keystore_rotate.c ---- */

/* Called with the rows of one run. */
typedef int keystore_rows_callback(const uint8_t *rows, uint32_t count, void *context, struct error *err);
/*
 * The rows of all runs from `first` on that the rotation takes along; the runs of one entry lie together, so each entry
 * is opened once.
 */
MUST_USE int keystore_visit_rows(const struct keystore *keystore, size_t first,
                                 const struct keystore_rotation *rotation, keystore_rows_callback *callback,
                                 void *context, struct error *err);

/* ---- keystore_epoch.c: beginning a root epoch, and putting it in force ---- */

/* A root epoch in the making: its handle has a root, its holders' secrets exist, nothing is on the targets yet. */
struct new_epoch {
    struct keystore *keystore;
    struct slots_made made;
    const struct holder_group *groups;
    size_t group_count;
    bool committing; /* a slots object may be on a target: the holders' secrets must stay */
};
MUST_USE int epoch_begin(const struct target_set *set, uint32_t epoch, const struct id *store,
                         const struct keystore_rotation *rotation, char **ret_sheets, struct new_epoch *ret,
                         struct error *err);
/* Read back what was written below the new root, and check it. */
MUST_USE int epoch_reread(struct new_epoch *fresh, struct error *err);
/* Seal the slots, and open them through every group whose holders are here. */
MUST_USE int epoch_seal(struct new_epoch *fresh, struct buf *out, struct hash *ret_name, struct error *err);
/* Store the slots everywhere, read them back: the epoch is in force. */
MUST_USE int epoch_commit(struct new_epoch *fresh, const struct buf *slots, const struct hash *name, struct error *err);
/* After a failure: if the slots may be on a target, *err says so in its hint. Returns -1. */
int epoch_maybe(const struct new_epoch *fresh, struct error *err);
/* The sheets' pages go to the caller. */
void epoch_hand_over_sheets(struct slots_made *made, char **ret_sheets);
/* Free; what was made for an epoch that never came into force is destroyed. */
void epoch_end(struct new_epoch *fresh);

#endif
