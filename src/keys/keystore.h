/*
 * The keystore: every tenant's keys, wrapped under the root epoch, as
 * immutable entries on all targets (src/repo/FORMAT.md §8).
 *
 * It reads the union of the entries of all reachable targets, opens the
 * highest epoch that its holders can open, and writes new entries to at least
 * min_copies targets, reading each back, before the keys in them may be used.
 * It never keeps tenants' keys in memory: the sealed entries stay sealed, and
 * keystore_keyring opens those of one tenant.
 */
#ifndef HIKAE_KEYS_KEYSTORE_H
#define HIKAE_KEYS_KEYSTORE_H

#include "base/holder_options.h"
#include "base/json.h"
#include "keys/keyring.h"
#include "target/target.h"

/* Who holds a share of the root epoch. One row of a table in holder.c each. */
enum holder_kind { HOLDER_FILE = 1, HOLDER_PASSPHRASE = 2, HOLDER_SHEET = 3, HOLDER_TOKEN = 4, HOLDER_KMS = 5 };

/*
 * How to reach a holder from here. `path`: the key file; a file with the passphrase (its first line); a file with
 * the text of a recovery sheet (other lines around the digits are ignored). For sheets that are not kept here, and for
 * holders that are no files: NULL. `options`: what tokens and key services need (borrowed); NULL: nothing is said.
 */
struct holder {
    enum holder_kind kind;
    char *name;
    char *path;
    const struct holder_options *options;
};

/* A group of holders, all of which are needed. Any one group opens the root epoch. */
struct holder_group {
    char *name;
    struct holder *members;
    size_t member_count;
};

const char *holder_kind_name(enum holder_kind kind); /* "file", "passphrase", "sheet", "pkcs11", "aws-kms" */
bool holder_kind_parse(const char *text, enum holder_kind *ret);
/* What destroying this holder's key is worth, in one sentence (no cryptographic erasure against whoever has a copy, …).
 */
const char *holder_destruction_worth(enum holder_kind kind);

/* Targets to read from and write to. */
struct target_set {
    struct target **targets;
    size_t count;
    size_t min_copies;
};

struct keystore;

/*
 * Make root epoch 1 of a new store: holders' secrets first (key files are created with mode 0600 and never replaced;
 * passphrases are read), then the store's and the audit log's signing keys and the store's own tenant keys, then the
 * slots, with which the epoch comes into force; all of it on every target, read back. A sheet's text is returned
 * through ret_sheets[i] for group i if one of its members is a sheet (to be wiped, then mem_free; NULL otherwise) and,
 * if its `path` is set, also written there (0600). Names of groups and holders are 1 to 64 letters, digits, '-', '_' or
 * '.'. ERROR_REFUSED if a target holds a store already. If it fails before slots may be on a target, what it created
 * is destroyed; later the hint says that the epoch may be in force, and the sheets' texts are returned all the same.
 */
MUST_USE int keystore_create(const struct target_set *set, const struct id *store, const struct id *store_tid,
                             const struct holder_group *groups, size_t group_count, struct keystore **ret,
                             char **ret_sheets, struct error *err);
/*
 * Open with whatever of `groups` can be opened. Holders are matched by group and name first, then by kind, so that a
 * sheet or a moved key file opens under any name. ERROR_KEYS says, per group, why not: no such file, wrong key (of
 * another epoch, of another store), truncated, wrong passphrase, bad check digits. Only the highest epoch that has
 * slots on a reachable target is opened, never an older one. ERROR_UNREACHABLE if no target answers.
 *
 * All functions on a keystore may be called from several threads at once, but for keystore_free and
 * keystore_rotate_root, after which what keystore_group returned is gone.
 */
MUST_USE int keystore_open(const struct target_set *set, const struct holder_group *groups, size_t group_count,
                           struct keystore **ret, struct error *err);
void keystore_free(struct keystore *keystore);
uint32_t keystore_epoch(const struct keystore *keystore);
/* The group that opened it. */
const char *keystore_group(const struct keystore *keystore);

/* All tenants that have keys, the store's own included: *ret_tids (mem_free). */
MUST_USE int keystore_tenants(struct keystore *keystore, struct id **ret_tids, size_t *ret_count, struct error *err);
/* One tenant's keys. ERROR_KEYS if it has none. */
MUST_USE int keystore_keyring(struct keystore *keystore, const struct id *tid, struct keyring **ret, struct error *err);
/* A signing key of the store. */
MUST_USE int keystore_signing_key(struct keystore *keystore, enum key_type type, struct secret **ret,
                                  struct error *err);
/* New keys (sealing generation 1, dedup secret) of a new tenant, on min_copies targets and read back before it returns
 * 0. */
MUST_USE int keystore_add_tenant(struct keystore *keystore, const struct id *tid, struct error *err);
/* The same for many tenants in as few objects as hold them: for loading thousands at once. */
MUST_USE int keystore_add_tenants(struct keystore *keystore, const struct id *tids, size_t count, struct error *err);
/* The next sealing key of a tenant; the dedup secret stays. */
MUST_USE int keystore_rotate_tenant(struct keystore *keystore, const struct id *tid, uint32_t *ret_generation,
                                    struct error *err);
/*
 * A new root epoch with these groups: every key is rewrapped (one holder call a holder, not one a tenant), written
 * everywhere, read back and compared, and the new epoch opened through each group whose holders are reachable here;
 * then its slots are stored, and only then does it return 0, and *keystore is the new epoch's. Every target must
 * answer, and every entry must be readable. Old holders are not touched: keystore_destroy_holder does that. Key files
 * need new paths. Its failure leaves the old epoch in force unless the hint says otherwise.
 */
/* Told of a key that is made inside a device for an epoch in the making: after a crash nobody else would know of it. */
typedef int keystore_made(enum holder_kind kind, uint32_t epoch, const json_t *params, void *context,
                          struct error *err);
struct keystore_rotation {
    const struct holder_group *groups;
    size_t group_count;
    const struct id *without; /* tenants whose keys are left behind in the old epoch, because they are to be erased */
    size_t without_count;
    uint32_t at_least;   /* the new epoch's number is this or a higher one: a number begun once is never used again */
    keystore_made *made; /* NULL: nobody wants to know */
    void *made_context;
};
/* keystore_create, for who wants to know of keys before they are made: of `first`, groups and `made` are looked at. */
MUST_USE int keystore_create_first(const struct target_set *set, const struct id *store, const struct id *store_tid,
                                   const struct keystore_rotation *first, struct keystore **ret, char **ret_sheets,
                                   struct error *err);
/*
 * Destroy a key of which keystore_made told, through whichever of these holders has it. ERROR_NOT_FOUND: none of them
 * is the one; ERROR_UNREACHABLE, ERROR_DENIED: it may still be there.
 */
MUST_USE int keystore_discard_made(const struct holder_group *groups, size_t group_count, enum holder_kind kind,
                                   uint32_t epoch, const json_t *params, struct error *err);

MUST_USE int keystore_rotate(struct keystore *keystore, const struct keystore_rotation *rotation, char **ret_sheets,
                             struct error *err);
/*
 * The same in two steps, for who has something to note between them. Prepared, all that is rewrapped was read back and
 * compared, and the sealed slots opened through each group whose holders are here; no reader knows of the epoch yet,
 * and giving up destroys what its holders made. The rotation's groups and tenants must stay until the end.
 * keystore_commit takes `next` over, whatever it returns; if it fails when the epoch may be in force, as the hint says
 * then, the sheets' texts are returned all the same.
 */
struct keystore_next;
MUST_USE int keystore_prepare(struct keystore *keystore, const struct keystore_rotation *rotation, char **ret_sheets,
                              struct keystore_next **ret, struct error *err);
uint32_t keystore_next_epoch(const struct keystore_next *next);
MUST_USE int keystore_commit(struct keystore *keystore, struct keystore_next *next, char **ret_sheets,
                             struct error *err);
void keystore_give_up(struct keystore_next *next);
/* The same with every tenant. */
MUST_USE int keystore_rotate_root(struct keystore *keystore, const struct holder_group *groups, size_t group_count,
                                  char **ret_sheets, struct error *err);
/*
 * Wipe and remove a file holder's key of an older epoch. ERROR_REFUSED for the live epoch's, for a key that no slots of
 * an older epoch on the targets name (another store's), and for other kinds of holders; ERROR_NOT_FOUND if it is gone.
 */
MUST_USE int keystore_destroy_holder(struct keystore *keystore, const struct holder *holder, struct error *err);

/* ---- Destroying an epoch ---- */

/* Whether a holder opens its share: what was read and is another key is wrong; what did not answer is unknown. */
enum holder_state { HOLDER_OPENS, HOLDER_WRONG, HOLDER_NOT_HERE, HOLDER_UNKNOWN };
const char *holder_state_name(enum holder_state state); /* "opens", "wrong", "not-here", "unknown" */

/* Whether the key that a holder keeps exists. */
enum holder_presence { HOLDER_PRESENCE_UNKNOWN, HOLDER_PRESENT, HOLDER_PENDING, HOLDER_ABSENT };
const char *holder_presence_name(enum holder_presence presence); /* "unknown", "present", "pending", "absent" */

/* What a holder says of its key, asked now. */
struct holder_attestation {
    enum holder_presence presence;
    int64_t final_ns;   /* PENDING: when the key ends, unless somebody cancels that before; else 0 */
    bool extractable;   /* the key can be copied from its holder, so destroying this one is not destroying all */
    char identity[256]; /* which key: its id, the token and object, the ARN; "" if it has none */
    char country[3];    /* where a key service keeps it (ISO 3166-1 alpha-2); "" if nobody knows */
    char detail[256];   /* the state in the holder's own words, or why it is not known; may be "" */
};

/* What became of one holder's key. */
enum holder_fate {
    HOLDER_FATE_UNKNOWN,   /* the holder did not answer: it may go on opening                                      */
    HOLDER_FATE_DESTROYED, /* destroyed by this call, and found absent afterwards                                  */
    HOLDER_FATE_ABSENT,    /* it was gone before                                                                   */
    HOLDER_FATE_SCHEDULED, /* unusable since at_ns; irrevocable from final_ns on, unless somebody cancels it before */
    HOLDER_FATE_PEOPLE,    /* not destroyable from here: `why` says what people have to destroy (paper, a phrase)  */
    HOLDER_FATE_REFUSED    /* it goes on being used, by this epoch's successor or by somebody else: `why`          */
};
const char *holder_fate_name(enum holder_fate fate); /* "unknown", "destroyed", "absent", "scheduled", "people", … */

struct keystore_holder_end {
    char *group; /* "NAME#2" and so on for groups of further slots objects, which a race of two rotations may leave */
    char *name;
    enum holder_kind kind;
    enum holder_fate fate;
    int64_t at_ns;                         /* DESTROYED, SCHEDULED: when it was done; else 0        */
    int64_t final_ns;                      /* SCHEDULED: when it can no longer be cancelled; else 0 */
    struct holder_attestation attestation; /* asked after it                                        */
    enum holder_state before;              /* the positive control: did it open its share before?   */
    enum holder_state after;               /* and now? WRONG and NOT_HERE: it does not              */
    char *why;                             /* what is left to do, or what failed; NULL: nothing     */
};
struct keystore_destruction {
    uint32_t epoch;
    struct keystore_holder_end *holders;
    size_t count;
    bool controlled;  /* before it at least one group opened the epoch from here, so that `unreadable` says something */
    bool unreadable;  /* no group opens the epoch from here any more: of each, one key at least does not open */
    bool final;       /* … and that cannot be cancelled: of each group one key is gone, not only scheduled to go */
    int64_t since_ns; /* unreadable since; 0 if it was so before this call */
    int64_t final_ns; /* when the last of the scheduled ends comes, if not final yet; else 0 */
};

/*
 * Destroy every holder's key of an epoch that is over, as far as that can be done from here, and say of each what came
 * of it. May be called again: what is gone is ABSENT then. `groups` are all holders that are configured, those of
 * epochs that are over among them; the slots of the epoch on the targets say which key each of its members is. A holder
 * that cannot be reached fails nothing: its fate is UNKNOWN, and the caller asks again later.
 * ERROR_REFUSED for the live epoch or a later one; ERROR_NOT_FOUND if no target has the slots of the epoch.
 */
MUST_USE int keystore_destroy_epoch(struct keystore *keystore, uint32_t epoch, const struct holder_group *groups,
                                    size_t group_count, struct keystore_destruction *ret, struct error *err);
/* The same questions, but nothing is destroyed: every fate is as found (UNKNOWN where a key is present). */
MUST_USE int keystore_attest_epoch(struct keystore *keystore, uint32_t epoch, const struct holder_group *groups,
                                   size_t group_count, struct keystore_destruction *ret, struct error *err);
/* Set the sums again, after fates were changed: people attested that a sheet is destroyed, a day of grace is over. */
void keystore_destruction_judge(struct keystore_destruction *destruction);
void keystore_destruction_clear(struct keystore_destruction *destruction);

/* ---- keystore_purge.c: an older epoch, while a purge brings it to its end ---- */

/* When each epoch of which reachable targets have slots was made, the oldest first: *ret (mem_free). */
struct keystore_epoch_age {
    uint32_t epoch;
    int64_t created_ns; /* 0: unknown */
};
MUST_USE int keystore_epoch_ages(struct keystore *keystore, struct keystore_epoch_age **ret, size_t *ret_count,
                                 struct error *err);
/* When the first of a tenant's keys was made. ERROR_KEYS if it has none. */
MUST_USE int keystore_tenant_since(struct keystore *keystore, const struct id *tid, int64_t *ret_ns, struct error *err);
/*
 * Rewrap what an older epoch holds and the one in force does not, but the keys of the tenants that are left behind: of
 * hosts that added tenants while the epoch changed. *ret_count keys were. ERROR_KEYS if the old epoch does not open any
 * more.
 */
MUST_USE int keystore_take_stragglers(struct keystore *keystore, uint32_t old_epoch,
                                      const struct keystore_rotation *rotation, size_t *ret_count, struct error *err);

/* What `keys status` and `keys check` show. */
struct keystore_member_report {
    char *name;
    enum holder_kind kind;
    enum holder_state state;
    struct holder_attestation attestation;
    char *why; /* NULL when it opens */
};
struct keystore_group_report {
    char *name;
    bool opens;     /* through this group the root epoch, and every key entry below it, opens */
    size_t tenants; /* whose keys were opened through it */
    struct keystore_member_report *members;
    size_t member_count;
};
struct keystore_report {
    uint32_t epoch;
    uint32_t *older_epochs; /* whose entries are still on targets */
    size_t older_count;
    struct keystore_group_report *groups;
    size_t group_count;
    size_t tenants;
    size_t copies; /* the least number of reachable targets that hold an entry of this epoch */
};
MUST_USE int keystore_check(struct keystore *keystore, const struct holder_group *groups, size_t group_count,
                            struct keystore_report *ret, struct error *err);
void keystore_report_clear(struct keystore_report *report);

/* ---- The store object (FORMAT.md §9) ---- */
struct store_info {
    struct id store;
    struct id store_tid;
    int64_t created_ns;
    bool test_clock;
    uint8_t sign_public[32];
    uint8_t audit_public[32];
};
/* Write the signed store object to all targets (created once: another store's object there is ERROR_REFUSED). */
MUST_USE int store_write(struct keystore *keystore, const struct target_set *set, const struct store_info *info,
                         struct error *err);
/* Read and check it from one target. ERROR_NOT_FOUND if there is none. */
MUST_USE int store_read(struct target *target, struct store_info *ret, struct error *err);

#endif
