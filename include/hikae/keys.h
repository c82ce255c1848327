/* libhikae: keys. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_KEYS_H
#define HIKAE_PUBLIC_KEYS_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_holder {
    char *group;
    char *name;
    char *kind;  /* "file", "passphrase", "sheet", "pkcs11", "aws-kms" */
    char *state; /* "opens", "wrong", "not-here", "unknown" (it did not answer) */
    char *why;   /* NULL when it opens */
    char *worth; /* what its destruction is worth */
    bool group_opens;
    /* What it says of its key. */
    char *presence;   /* "present", "pending" (to be deleted), "absent", "unknown" */
    char *identity;   /* which key: its id, the token and object, the ARN; NULL: it has none */
    char *detail;     /* its state in the holder's own words; NULL: nothing */
    char *country;    /* of a key service (ISO 3166-1 alpha-2); NULL: none, or nobody knows */
    char *final;      /* RFC 3339: when a pending key ends; NULL */
    bool extractable; /* the key can be copied from it */
};
/* A holder of an epoch that is over which nobody knows to be destroyed. */
struct hikae_old_holder {
    uint32_t epoch;
    char *group;
    char *name;
    char *kind;
    char *fate;  /* "people" (they must destroy it: paper, a phrase), "scheduled", "unknown", "refused" */
    char *final; /* RFC 3339; "scheduled": when it can no longer be cancelled; NULL */
    char *why;   /* what is to be done; NULL */
};
struct hikae_keys {
    uint32_t epoch;
    struct hikae_holder *holders;
    size_t holder_count;
    struct hikae_old_holder *old;
    size_t old_count;
    uint64_t tenants;      /* whose keys open */
    uint64_t copies;       /* least number of targets that hold an entry */
    uint32_t older_epochs; /* whose entries are still on targets */
};
/* check: prove through each group that is here that every tenant opens. HIKAE_WARNINGS with fewer than two groups,
 * HIKAE_KEYS if one that is here fails. */
enum hikae_status hikae_keys_status(struct hikae *hikae, bool check, struct hikae_keys *ret, struct hikae_error *error);
void hikae_keys_free(struct hikae_keys *keys);
/* New sealing key of a tenant; *ret_generation. */
enum hikae_status hikae_keys_rotate_tenant(struct hikae *hikae, const char *tenant, bool dry_run,
                                           uint32_t *ret_generation, struct hikae_error *error);
/* New root epoch with new keys in every holder and a new recovery sheet; the old keys are destroyed as far as that can
 * be done from here. HIKAE_WARNINGS if one is left. *ret_sheet: path of the new sheet (free). */
enum hikae_status hikae_keys_rotate_root(struct hikae *hikae, bool dry_run, uint32_t *ret_epoch, char **ret_sheet,
                                         struct hikae_error *error);
/*
 * A holder more, or one less: always a new root epoch, as above. `spec` is "KIND" or "KIND,key=value,…" with the keys
 * of hikae.yaml (in a group that exists, it is needed beside the others; a new group opens alone). HIKAE_REFUSED if a
 * policy of a tenant promises what the holders would no longer keep, if nobody could open the store any more, or if
 * there is one of that name. HIKAE_USAGE for a spec that is none.
 */
enum hikae_status hikae_keys_holder_add(struct hikae *hikae, const char *group, const char *name, const char *spec,
                                        bool dry_run, uint32_t *ret_epoch, char **ret_sheet, struct hikae_error *error);
enum hikae_status hikae_keys_holder_remove(struct hikae *hikae, const char *group, const char *name, bool dry_run,
                                           uint32_t *ret_epoch, char **ret_sheet, struct hikae_error *error);
/* A new sheet means a new epoch; this one tells where the present one is, and checks its digits if `file` is given. */
enum hikae_status hikae_keys_check_sheet(struct hikae *hikae, const char *file, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
