/* libhikae: collection. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_COLLECT_H
#define HIKAE_PUBLIC_COLLECT_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_gc_options {
    bool dry_run;
};
/* Objects of which the same is planned, for the same reason. */
struct hikae_gc_step {
    char *tenant; /* "(store)": of no tenant */
    char *action; /* "delete", "condemn", "move", "wait" */
    char *reason; /* a word for scripts */
    char *why;    /* the same for people */
    uint64_t objects;
    uint64_t bytes;
};
struct hikae_gc_target {
    char *name;
    uint64_t freed_objects, freed_bytes;
    uint64_t waiting_objects, waiting_bytes; /* of what is condemned and still there */
    int64_t until_ns;                        /* when the first of it is due; 0: not foreseen */
    char *why;                               /* what it waits for; NULL: nothing waits */
    uint64_t stored_bytes;                   /* all that lies there of the tenants that were looked at */
    uint64_t billed_bytes;                   /* of what was freed, still paid for: the provider's shortest duration */
    int64_t billed_until_ns;
};
struct hikae_gc_refusal {
    char *tenant;
    struct hikae_error error;
};
/* A tenant with a legal hold: nothing of it is taken away, nor condemned, until the hold ends. */
struct hikae_gc_held {
    char *tenant;
    char *why;
};
struct hikae_gc_result {
    struct hikae_gc_target *targets;
    size_t target_count;
    struct hikae_gc_step *steps;
    size_t step_count;
    struct hikae_gc_refusal *refused; /* tenants of which nothing more was done, and why */
    size_t refused_count;
    struct hikae_gc_held *held;
    size_t held_count;
    uint64_t condemned_objects, condemned_bytes;
    uint64_t moved_bytes; /* written again */
    uint64_t live_bytes;  /* needed by snapshots that are kept */
    int64_t duration_ns;
};
/*
 * Take away what no snapshot needs; tenant NULL: all. The result is filled, and is to be freed, whatever is returned. A
 * tenant that is held waits, and that is no failure; named, it is refused too, as nothing at all was done.
 */
enum hikae_status hikae_gc(struct hikae *hikae, const char *tenant, const struct hikae_gc_options *options,
                           struct hikae_gc_result *ret, struct hikae_error *error);
void hikae_gc_result_free(struct hikae_gc_result *result);

struct hikae_recover_options {
    const char *dir;            /* folder for the new configuration and state */
    const char *const *targets; /* "NAME=URL", one or more */
    size_t target_count;
    const char *key_file; /* one of these three, or holders, or both where a group needs them */
    const char *passphrase_file;
    const char *sheet_file;
    const char *const *holders; /* "GROUP/NAME=KIND,key=value,…" */
    size_t holder_count;
    bool dry_run;
};
struct hikae_recover_result {
    char *config;
    char *store;
    uint64_t tenants;
    uint64_t snapshots;
    uint64_t holds;
    uint64_t facts;  /* tags, contract ends, policies, operators */
    char *head;      /* newest record's time, RFC 3339 */
    char *freshness; /* one sentence: how fresh, and what proves it */
    bool freshness_proven;
    unsigned min_copies;  /* what the new configuration says, … */
    bool copies_promised; /* … because a policy in force promises more than one; else it is recorded nowhere */
};
enum hikae_status hikae_recover(const struct hikae_recover_options *options, struct hikae_recover_result *ret,
                                struct hikae_error *error);
void hikae_recover_result_free(struct hikae_recover_result *result);

#ifdef __cplusplus
}
#endif

#endif
