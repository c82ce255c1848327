/* libhikae: holds. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_HOLD_H
#define HIKAE_PUBLIC_HOLD_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_hold {
    char *tenant;
    char *id;
    char *who;
    char *why;
    char *until; /* NULL: until removed */
};
struct hikae_holds {
    struct hikae_hold *holds;
    size_t count;
};
enum hikae_status hikae_hold_add(struct hikae *hikae, const char *tenant, const char *who, const char *why,
                                 const char *until, bool dry_run, struct hikae_error *error);
/* The hold by its id, or a start of it that is unique. HIKAE_REFUSED if nobody answers for it. */
enum hikae_status hikae_hold_remove(struct hikae *hikae, const char *tenant, const char *hold, const char *who,
                                    const char *why, bool dry_run, struct hikae_error *error);
/* tenant NULL: all. */
enum hikae_status hikae_hold_list(struct hikae *hikae, const char *tenant, struct hikae_holds *ret,
                                  struct hikae_error *error);
void hikae_holds_free(struct hikae_holds *holds);

#ifdef __cplusplus
}
#endif

#endif
