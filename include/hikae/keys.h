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
    char *kind;  /* "file", "passphrase", "sheet" */
    char *state; /* "opens", "wrong", "not-here" */
    char *why;   /* NULL when it opens */
    char *worth; /* what its destruction is worth */
    bool group_opens;
};
struct hikae_keys {
    uint32_t epoch;
    struct hikae_holder *holders;
    size_t holder_count;
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
/* New root epoch with a new key file and a new recovery sheet; the old key file is wiped. *ret_sheet: path of the new
 * sheet (free). */
enum hikae_status hikae_keys_rotate_root(struct hikae *hikae, bool dry_run, uint32_t *ret_epoch, char **ret_sheet,
                                         struct hikae_error *error);
/* A new sheet means a new epoch; this one tells where the present one is, and checks its digits if `file` is given. */
enum hikae_status hikae_keys_check_sheet(struct hikae *hikae, const char *file, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
