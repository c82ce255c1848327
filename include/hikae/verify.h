/* libhikae: verify, replicate, recover. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_VERIFY_H
#define HIKAE_PUBLIC_VERIFY_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum hikae_verify_level { HIKAE_VERIFY_INVENTORY, HIKAE_VERIFY_OBJECTS, HIKAE_VERIFY_DATA };
struct hikae_verify_options {
    enum hikae_verify_level level;
    double sample;      /* 0 < sample < 1: this part of the objects, those checked longest ago first; else all */
    const char *target; /* NULL: each */
    bool repair;        /* put sound bytes over what is damaged or missing */
    bool dry_run;
};
struct hikae_verify_finding {
    char *target;
    char *object; /* name on the target */
    enum { HIKAE_FINDING_DAMAGED, HIKAE_FINDING_MISSING, HIKAE_FINDING_UNKNOWN } state;
    bool repaired;
    char *why;
    char *cost; /* what it costs if it cannot be repaired: snapshots and paths, one a line; NULL if nothing */
};
struct hikae_verify_result {
    uint64_t checked, sound, damaged, unknown, repaired;
    uint64_t bytes;
    int64_t duration_ns;
    struct hikae_verify_finding *findings;
    size_t finding_count;
};
/* tenant NULL: all. HIKAE_DAMAGED if anything is damaged beyond repair, or if nothing was checked; HIKAE_UNKNOWN if
 * something could not be read. */
/* *ret is filled whatever comes of it: what was found is the point of a check that fails. Free it always. */
enum hikae_status hikae_verify(struct hikae *hikae, const char *tenant, const struct hikae_verify_options *options,
                               struct hikae_verify_result *ret, struct hikae_error *error);
void hikae_verify_result_free(struct hikae_verify_result *result);

struct hikae_replicate_result {
    uint64_t copied;
    uint64_t bytes;
    struct hikae_target_state *behind;
    size_t behind_count;
};
/* Bring targets up to date: tenant NULL all, to NULL every target. */
enum hikae_status hikae_replicate(struct hikae *hikae, const char *tenant, const char *to, bool dry_run,
                                  struct hikae_replicate_result *ret, struct hikae_error *error);
void hikae_replicate_result_free(struct hikae_replicate_result *result);

#ifdef __cplusplus
}
#endif

#endif
