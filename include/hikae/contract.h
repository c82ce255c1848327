/* libhikae: the end of a contract, what survives it, disclosure, erasure for data subjects. Conventions are in hikae.h.
 */
#ifndef HIKAE_PUBLIC_CONTRACT_H
#define HIKAE_PUBLIC_CONTRACT_H

#include "hikae/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the policy lets survive: these fields exactly, as long as it says. */
struct hikae_survivor {
    char *what; /* "contract" */
    char **fields;
    size_t field_count;
    char *keep;            /* "7y" after the end of the contract; NULL: as long as the law asks, see the promise */
    char *into;            /* the provider's tenant that holds them; NULL: not stored yet */
    char *snapshot;        /* there */
    int64_t keep_until_ns; /* 0: no end is set */
};
struct hikae_receipt {
    char *id;
    char *recipient;
    char *sha256; /* of the archive */
    uint64_t entries, bytes;
    int64_t time_ns;
};
struct hikae_contract {
    char *tenant;
    const char *stage; /* "none", "ending" (the day is still to come), "frozen", "purging", "unreadable", "erased" */
    char *on;          /* last day, 2027-01-31; NULL: it does not end */
    char *zone;
    char *within;
    char *policy;
    char *proof; /* "deletion", "keys" */
    char *who, *reason;
    int64_t ends_ns;         /* nothing is backed up from then on */
    int64_t deadline_ns;     /* by then everything must be erased: */
    char *deadline_day;      /* the end of this day in the zone; NULL: it is not known */
    bool missed;             /* and it is not */
    int64_t reminders_ns[3]; /* when people are reminded: every night from the first of these on */
    size_t reminder_count;
    struct hikae_survivor *survivors;
    size_t survivor_count;
    char **logs; /* classes of kept logs that survive */
    size_t log_count;
    bool customer_export; /* the customer takes the data out before: a receipt is needed */
    struct hikae_receipt *receipts;
    size_t receipt_count;
    char **holds; /* in force, for people */
    size_t hold_count;
    char **blocks; /* what stands in the way of the erasure, for people */
    size_t block_count;
};
void hikae_contract_free(struct hikae_contract *contract);

struct hikae_contract_options {
    const char *on; /* the last day, as 2027-01-31; hikae_contract_end only */
    const char *who, *reason;
    bool dry_run;
};
/*
 * The contract ends with that day: the deadline of the erasure follows from the tenant's policy by the calendar of its
 * zone, backups go on until the end of the day, and from then on the tenant is frozen: nothing is backed up, and
 * nothing is dropped either until it is purged. HIKAE_REFUSED if its policy has no rule for it.
 */
enum hikae_status hikae_contract_end(struct hikae *hikae, const char *tenant,
                                     const struct hikae_contract_options *options, struct hikae_contract *ret,
                                     struct hikae_error *error);
/* It goes on after all. HIKAE_REFUSED once a purge is committed. */
enum hikae_status hikae_contract_cancel(struct hikae *hikae, const char *tenant,
                                        const struct hikae_contract_options *options, struct hikae_contract *ret,
                                        struct hikae_error *error);
/* HIKAE_WARNINGS if the deadline was missed. */
enum hikae_status hikae_contract_show(struct hikae *hikae, const char *tenant, struct hikae_contract *ret,
                                      struct hikae_error *error);

struct hikae_survivors_options {
    const char *from; /* JSON: {"contract": {"record": "…", …}}: every one that the policy names, and nothing else */
    const char *into; /* a tenant of the provider's own */
    bool dry_run;
};
/* Keep what survives in a tenant of the provider's, whose keys the purge leaves alone, with a retention of its own. */
enum hikae_status hikae_contract_survivors(struct hikae *hikae, const char *tenant,
                                           const struct hikae_survivors_options *options, struct hikae_contract *ret,
                                           struct hikae_error *error);

struct hikae_customer_export_options {
    struct hikae_which which;
    const char *to;        /* new file: a pax archive; the receipt beside it as TO.receipt.json */
    const char *recipient; /* whom it is given to */
    bool dry_run;
};
/*
 * All data of a snapshot for the customer, with a receipt (DSSE, signed by the store) that is kept in the history.
 * HIKAE_WARNINGS: something of it is not in the archive, as was told. After a failure there is no archive.
 */
enum hikae_status hikae_customer_export(struct hikae *hikae, const char *tenant,
                                        const struct hikae_customer_export_options *options, struct hikae_receipt *ret,
                                        struct hikae_error *error);
void hikae_receipt_free(struct hikae_receipt *receipt);

struct hikae_disclosed_file {
    char *path;
    char *sha256;
    uint64_t bytes;
};
struct hikae_disclosure {
    char *id;
    char *snapshot;
    char *statement; /* path of the signed statement */
    struct hikae_disclosed_file *files;
    size_t count;
};
struct hikae_disclose_options {
    struct hikae_which which;
    const char *const *paths; /* files, by their whole names in the snapshot: no patterns, no folders */
    size_t path_count;
    const char *to;                            /* folder that is not there yet, or empty */
    const char *authority, *scope, *recipient; /* who asks, on what ground and for what, to whom it goes */
    const char *who, *why;                     /* who answers for it */
    bool dry_run;
};
/* Give exactly these files to an authority; hashes, authority, scope and recipient are recorded. */
enum hikae_status hikae_disclose(struct hikae *hikae, const char *tenant, const struct hikae_disclose_options *options,
                                 struct hikae_disclosure *ret, struct hikae_error *error);
void hikae_disclosure_free(struct hikae_disclosure *disclosure);

/* What a data subject had erased: restores, exports and disclosures leave it out, always. */
struct hikae_erasure {
    char *id;
    char **patterns;
    size_t pattern_count;
    char *who, *reason;
    int64_t since_ns;
    uint64_t snapshots; /* that hold matching data (hikae_erasure_add and _list with `expiry`) */
    int64_t expires_ns; /* when the last of them is dropped by the policy; 0: it is not within ten years */
    bool expiry_known;
};
struct hikae_erasures {
    struct hikae_erasure *erasures;
    size_t count;
};
struct hikae_erasure_options {
    const char *const *patterns; /* paths and patterns in snapshots, as restores take them, but for '!' */
    size_t pattern_count;
    const char *who, *reason;
    bool dry_run;
};
enum hikae_status hikae_erasure_add(struct hikae *hikae, const char *tenant,
                                    const struct hikae_erasure_options *options, struct hikae_erasures *ret,
                                    struct hikae_error *error);
enum hikae_status hikae_erasure_list(struct hikae *hikae, const char *tenant, bool expiry, struct hikae_erasures *ret,
                                     struct hikae_error *error);
void hikae_erasures_free(struct hikae_erasures *erasures);

#ifdef __cplusplus
}
#endif

#endif
