/* libhikae: retention. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_RETAIN_H
#define HIKAE_PUBLIC_RETAIN_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of a snapshot, and why: of one that is kept what keeps it, of one that is dropped why each rule lets it
 * go. */
struct hikae_retained {
    char *tenant; /* NULL in a simulation */
    char *id;
    int64_t time_ns;
    char *tag; /* or NULL */
    bool keep;
    char **reasons;
    size_t reason_count;
};
struct hikae_tenant_failure {
    char *tenant;
    struct hikae_error error;
};
struct hikae_retain_result {
    struct hikae_retained *lines; /* of each tenant the latest first */
    size_t count;
    size_t keep_count, drop_count;
    struct hikae_tenant_failure *failures; /* tenant NULL only */
    size_t failure_count;
};
/*
 * Plan what each tenant's policy (the version applied last) keeps and drops, and, without dry_run, retire what it
 * drops by a record on min_copies targets; `gc` frees the space later. tenant NULL: all; one that fails stops no other,
 * and the result is filled although the status is the worst of theirs.
 */
enum hikae_status hikae_retain(struct hikae *hikae, const char *tenant, bool dry_run, struct hikae_retain_result *ret,
                               struct hikae_error *error);
void hikae_retain_result_free(struct hikae_retain_result *result);

struct hikae_simulate_options {
    const char *tenant; /* begin with its snapshots, by its policy unless another is given; NULL: with none */
    const char *policy; /* name or file; NULL: the tenant's */
    const char *config; /* names are looked for beside it; NULL: beside the usual one */
    unsigned days;
};
struct hikae_simulated_day {
    const char *date;                   /* "2026-11-22", in the policy's zone */
    int64_t now_ns;                     /* after that day's run               */
    const struct hikae_retained *lines; /* the latest first; nights to come are called by their date */
    size_t count;
    size_t keep_count, drop_count;
};
/* Not 0 ends it with HIKAE_INTERRUPTED. */
typedef int hikae_day_callback(const struct hikae_simulated_day *day, void *context);
/* What would be kept on each of the next days if every night went well. hikae may be NULL if no tenant is named. */
enum hikae_status hikae_policy_simulate(struct hikae *hikae, const struct hikae_simulate_options *options,
                                        hikae_day_callback *callback, void *context, struct hikae_error *error);

#ifdef __cplusplus
}
#endif

#endif
