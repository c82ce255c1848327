/*
 * A leaf of the audit log: a random nonce and the text of one entry (JSON in
 * one line). The tree holds the hash of both, so that a leaf whose entry has
 * expired can be deleted with its nonce: what is left, the hash, tells nothing
 * even to someone who can guess the entry.
 *
 * An entry says who did what to whom and how it ended. It never holds names of
 * tenants or files, and no key.
 */
#ifndef HIKAE_AUDIT_LEAF_H
#define HIKAE_AUDIT_LEAF_H

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"

enum {
    AUDIT_NONCE_SIZE = 32,
    AUDIT_ENTRY_MAX = 65536, /* bytes of an entry's text */
    AUDIT_LEAF_MAX = AUDIT_NONCE_SIZE + AUDIT_ENTRY_MAX,
    AUDIT_WORD_MAX = 64 /* bytes of an operation's or a result's word */
};

/* What an entry is kept for, and so how long. */
enum audit_class {
    AUDIT_ACCESS,         /* somebody read a tenant's data                   */
    AUDIT_OPERATION,      /* the daily work                                  */
    AUDIT_AUTHENTICATION, /* keys, holders and operators                     */
    AUDIT_SYSTEM,         /* the installation itself                         */
    AUDIT_EVIDENCE,       /* what a promise is proved by: erasure, holds, …  */
    AUDIT_CLASS_COUNT
};
const char *audit_class_name(enum audit_class class);
bool audit_class_parse(const char *text, enum audit_class *ret);

/* An entry as it is read. Texts are borrowed from json, which it owns. */
struct audit_entry {
    json_t *json;
    struct id log;
    uint64_t sequence;
    struct id id; /* of the operation, drawn when it began */
    int64_t time_ns;
    const char *operation;
    enum audit_class class;
    bool has_tenant;
    struct id tenant;
    const char *user;
    uint32_t uid;
    const char *login;         /* the account that logged in, if the system knows it; or NULL */
    const char *operator_name; /* who approved or signed, or NULL                             */
    const char *host;
    const char *result;
    int64_t duration_ns;
    const json_t *counts;  /* numbers by name */
    const json_t *details; /* a small object  */
};
void audit_entry_clear(struct audit_entry *entry);
/* Parse a leaf (nonce and text). ERROR_DAMAGED for what is not as FORMAT.md §10 says. */
MUST_USE int audit_leaf_parse(const void *leaf, size_t size, struct audit_entry *ret, struct error *err);
/* Parse the text alone. */
MUST_USE int audit_entry_parse(const void *text, size_t size, struct audit_entry *ret, struct error *err);

/*
 * Append a leaf for this entry to out: a fresh nonce, then its text, into which log and sequence number are put first.
 * ERROR_INTERNAL if the result could not be read again.
 */
MUST_USE int audit_leaf_write(json_t *entry, const struct id *log, uint64_t sequence, struct buf *out,
                              struct error *err);

/* RFC 3339 in UTC with nanoseconds ("2026-11-21T09:12:46.123456789Z"); out has CLOCK_TEXT_SIZE bytes. Returns out. */
char *audit_time(int64_t ns, char *out);

#endif
