/*
 * History records and rosters (FORMAT.md §6): encoding, sealing, parsing. A
 * record's clear part can be read without a key: that is all that copying and
 * collection need. The fold of a tenant's records is repo/history.h.
 */
#ifndef HIKAE_REPO_RECORD_H
#define HIKAE_REPO_RECORD_H

#include "base/buf.h"
#include "base/id.h"
#include "keys/keyring.h"

enum record_type {
    RECORD_TENANT = 1,
    RECORD_SNAPSHOT = 2,
    RECORD_RETIRE = 3,
    RECORD_CONDEMN = 4,
    RECORD_HOLD = 5,
    RECORD_UNHOLD = 6,
    RECORD_TAG = 7,
    RECORD_VERIFIED = 8,
    RECORD_CONTRACT = 9,
    RECORD_POLICY = 10,
    RECORD_OPERATOR = 11,
    RECORD_TARGET = 12,
    RECORD_ROSTER = 13, /* what snapshots need now, in place of their own rosters */
    RECORD_PURGE = 14,  /* plans, and the journal of erasures */
    RECORD_INCIDENT = 15,
    RECORD_KEPT_LOG = 16,
    RECORD_DRILL = 17,
    RECORD_REVIEW = 18,
    RECORD_APPROVAL = 19, /* of an operator, signed */
    RECORD_ERASURE = 20,  /* what data subjects had erased */
    RECORD_COPY = 21,     /* handed out by a restore */
    RECORD_ATTESTATION = 22
};

/* OBJECT_RECORD is condemned only: no roster names one. */
enum object_class { OBJECT_PACK = 1, OBJECT_SEGMENT = 2, OBJECT_ROSTER = 3, OBJECT_RECORD = 4 };

enum {
    RECORD_ROSTER_INLINE_MAX = 1024,
    RECORD_PREVIOUS_MAX = 256,
    RECORD_CONDEMNED_MAX = 1 << 18, /* rows: more are several records, as the clear part is bounded */
    RECORD_BODY_MAX = 16 << 20,
    RECORD_SIZE_MAX = 64 << 20, /* a record or roster part as an object */
    ROSTER_PART_MEAN = 1024,
    ROSTER_PART_MAX = 16 * ROSTER_PART_MEAN,
    ROSTER_ROW_SIZE = 48
};

/* An object that a snapshot needs (or that is condemned). */
struct roster_row {
    enum object_class class;
    struct hash name;
    uint64_t size;
};

struct roster {
    struct roster_row *rows;
    size_t count;
    size_t capacity;
};
void roster_free(struct roster *roster);
MUST_USE int roster_add(struct roster *roster, enum object_class class, const struct hash *name, uint64_t size,
                        struct error *err);
/* All rows of another, behind the last. */
MUST_USE int roster_append(struct roster *roster, const struct roster *more, struct error *err);
/* Sort by class, then name, and drop doubles. */
void roster_sort(struct roster *roster);
/* Is it sorted, without doubles, as §6 wants it? Else ERROR_DAMAGED. For a roster put together from a record's parts.
 */
MUST_USE int roster_check(const struct roster *roster, struct error *err);
/* Is it in a sorted roster? */
bool roster_has(const struct roster *roster, enum object_class class, const struct hash *name);

/* A record, in memory. Zero-initialise; record_clear frees. */
struct record {
    enum record_type type;
    uint64_t sequence;
    int64_t time_ns;
    struct id writer;
    struct id run;
    struct hash *previous;
    size_t previous_count;
    bool has_roster;          /* an inline roster is present (it may be empty) */
    struct roster roster;     /* inline                               */
    struct roster_row *parts; /* roster parts (class OBJECT_ROSTER)   */
    size_t part_count;
    struct hash *retired;
    size_t retired_count;
    struct roster condemned;
    struct hash *snapshots; /* whose roster this is: of RECORD_ROSTER only, one or more */
    size_t snapshot_count;
    struct hash *linked; /* records that records which go name as previous: they are no heads */
    size_t linked_count;
    char *body;       /* JSON, terminated; NULL when only the clear part was parsed */
    struct hash name; /* SHA-256 of the sealed object, once sealed or parsed */
};
void record_clear(struct record *record);

/*
 * Seal: replaces *out by the object and fills record->name. Roster and condemned rows are sorted first. What §6 does
 * not allow is ERROR_INTERNAL: a body is needed, a snapshot needs a roster or parts, and previous records mean a
 * sequence number over 1.
 */
MUST_USE int record_seal(struct record *record, const struct keyring *keyring, struct buf *out, struct error *err);
/*
 * Parse an object's clear part only. ERROR_DAMAGED for what §6 does not allow. Nothing in it is authenticated: whoever
 * can write to a target can make one, but not one whose name another record already has.
 */
MUST_USE int record_parse_clear(const void *object, size_t size, struct record *ret, struct error *err);
/* Parse all of it, authenticated. ERROR_KEYS if the keyring has no key for it. */
MUST_USE int record_parse(const void *object, size_t size, const struct keyring *keyring, struct record *ret,
                          struct error *err);

/* "20261121T091246.123456789Z-<64 hex>": the last part of the object's name. */
enum { RECORD_NAME_SIZE = 27 + 64 + 1 + 8 };
void record_object_name(const struct record *record, char out[RECORD_NAME_SIZE]);
/* From such a name: time text is not interpreted, only its form is checked. False if it is none. */
bool record_name_hash(const char *name, struct hash *ret);

/*
 * Cut a sorted roster into parts, so that snapshots share them: a part ends after a row whose name's last two bytes
 * (u16, little-endian) are divisible by ROSTER_PART_MEAN, or after ROSTER_PART_MAX rows. The last bytes, because rows
 * are sorted by the first. ret_ends[i] is the index behind the last row of part i. mem_free(*ret_ends).
 */
MUST_USE int roster_cut(const struct roster *roster, size_t **ret_ends, size_t *ret_count, struct error *err);
/* Seal rows first … end-1 of a sorted roster as a roster part. */
MUST_USE int roster_part_seal(const struct roster *roster, size_t first, size_t end, const struct keyring *keyring,
                              struct buf *out, struct hash *ret_name, struct error *err);
/* Append the rows of a part to roster. No key needed; the caller has compared the object's SHA-256 with its name. */
MUST_USE int roster_part_parse(const void *object, size_t size, struct roster *roster, struct error *err);

#endif
