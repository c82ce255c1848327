/* libhikae: tenants. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_TENANT_H
#define HIKAE_PUBLIC_TENANT_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_source {
    const char *name;
    const char *spec; /* dir:PATH, image:PATH, archive:PATH, cmd:COMMAND */
    const char *const *exclude;
    size_t exclude_count;
    bool one_file_system;
    bool exclude_caches;
};
/* What one tenant may use up; 0 is no limit. */
struct hikae_limits {
    uint64_t seconds; /* a job of the nightly run that takes longer is stopped, and has failed */
    uint64_t bytes;   /* size of its sources: more is a warning of the nightly run             */
    unsigned threads;
};
struct hikae_tenant_options {
    const char *name;
    const char *policy; /* NULL: "plain" */
    bool provider;      /* the provider's own data, not a customer's */
    const struct hikae_source *sources;
    size_t source_count;
    bool dry_run;
    const char *const *labels; /* "KEY=VALUE"; "KEY=" takes the label away */
    size_t label_count;
    const char *const *checks; /* "NAME=KIND:…": what a drill looks at after a restore (hikae/drill.h); "NAME=" none */
    size_t check_count;
    unsigned priority;                 /* 1 first … 9 last; 0: 5, or as it was */
    const struct hikae_limits *limits; /* NULL: none, or as they were */
    bool trial; /* hikae_tenant_add: it stays "new" until a test backup of it was restored (hikae_tenant_trial,
                   hikae_run) */
};
struct hikae_tenant {
    char *name;
    char *id;
    char *policy;
    char *state;
    char *class_name; /* "customer" or "provider" */
    struct {
        char *name;
        char *spec;
    } * sources;
    size_t source_count;
    uint64_t snapshots;
    int64_t last_snapshot_ns; /* 0: none */
    char **labels;            /* "KEY=VALUE", by key */
    size_t label_count;
    char **checks; /* "NAME=KIND:…", by name */
    size_t check_count;
    unsigned priority;
    struct hikae_limits limits;
    int64_t not_before_ns; /* its first backup waits until then; 0: it does not */
};
struct hikae_tenants {
    struct hikae_tenant *tenants;
    size_t count;
};
enum hikae_status hikae_tenant_add(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error);
/* name NULL: all. */
enum hikae_status hikae_tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret,
                                    struct hikae_error *error);
/* Which tenants; NULL members narrow nothing. */
struct hikae_tenant_filter {
    const char *name;
    const char *state;
    const char *class_name;
    const char *policy;
    const char *label; /* "KEY=VALUE", or "KEY": any value */
};
enum hikae_status hikae_tenant_select(struct hikae *hikae, const struct hikae_tenant_filter *filter,
                                      struct hikae_tenants *ret, struct hikae_error *error);
/* Replace the sources of a tenant (sources given), its policy, labels, priority, limits (those given). */
enum hikae_status hikae_tenant_set(struct hikae *hikae, const struct hikae_tenant_options *options,
                                   struct hikae_tenants *ret, struct hikae_error *error);
/* "active" or "suspended": a suspended tenant is not backed up. One that is "new" becomes active by its trial only. */
enum hikae_status hikae_tenant_state(struct hikae *hikae, const char *name, const char *state, bool dry_run,
                                     struct hikae_error *error);
void hikae_tenants_free(struct hikae_tenants *tenants);

struct hikae_load_options {
    unsigned per_night; /* first backups of this many new tenants a night, in the file's order; 0: all in the first */
    bool dry_run;
};
struct hikae_load_change {
    char *tenant;
    const char *what; /* "add", "change", "same" */
    char *how;        /* what changes, for people; NULL if nothing does */
    unsigned line;    /* of the file */
    bool done;
};
struct hikae_load_result {
    struct hikae_load_change *changes; /* in the file's order */
    size_t count;
    uint64_t added, changed, same;
};
/*
 * Add and change tenants as a file says, JSON or CSV (by its name's end); never removes a tenant, a source or a label.
 * New ones are "new" until their trial. Every mistake in the file is a warning with its line, and then nothing is done:
 * HIKAE_USAGE. One tenant that fails does not stop the others: the first one's status, and `done` tells which are: the
 * result is filled, and to be freed, whatever is returned.
 */
enum hikae_status hikae_tenant_load(struct hikae *hikae, const char *path, const struct hikae_load_options *options,
                                    struct hikae_load_result *ret, struct hikae_error *error);
void hikae_load_result_free(struct hikae_load_result *result);
/*
 * Back a new tenant up, restore from that snapshot into a folder of the state, and make the tenant active. A dry run
 * backs up as far as hikae_backup's does, and stores nothing.
 */
enum hikae_status hikae_tenant_trial(struct hikae *hikae, const char *name, bool dry_run, struct hikae_error *error);

/* The asset register: what is kept of whom, where, and who answers for it. */
struct hikae_asset_place {
    char *target;
    char *country; /* NULL: not declared */
    char *site;
    bool up;          /* it answered: else objects and bytes are not known */
    uint64_t objects; /* packs, segments and roster parts */
    uint64_t bytes;
};
struct hikae_asset {
    struct hikae_tenant tenant;
    char *responsible;            /* its label "responsible", or NULL */
    uint64_t bytes_latest;        /* of the sources, in the latest snapshot */
    int64_t oldest_ns, newest_ns; /* snapshots; 0: none */
    uint64_t holds;
    uint32_t key_generation;
    struct hikae_asset_place *places;
    size_t place_count;
};
struct hikae_inventory {
    uint32_t key_epoch;
    struct hikae_asset *assets; /* customers' first, then the provider's own; each by name */
    size_t count;
};
/* HIKAE_WARNINGS if a target did not answer. */
enum hikae_status hikae_inventory(struct hikae *hikae, struct hikae_inventory *ret, struct hikae_error *error);
void hikae_inventory_free(struct hikae_inventory *inventory);

#ifdef __cplusplus
}
#endif

#endif
