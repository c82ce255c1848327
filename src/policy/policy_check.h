/*
 * Does a policy contradict itself, and can this installation keep it? A table
 * of rules, one function each (policy_check.c: the policy alone;
 * policy_check_place.c: targets and holders). Pure: nothing is opened.
 */
#ifndef HIKAE_POLICY_POLICY_CHECK_H
#define HIKAE_POLICY_POLICY_CHECK_H

#include "base/target_options.h"
#include "policy/policy_values.h"

/* What the collector waits between condemning and deleting (repo/FORMAT.md): no erasure is faster. */
enum { POLICY_COLLECTION_GRACE_S = 72 * 3600, POLICY_KEY_SERVICE_DAYS_MAX = 30 };

enum policy_severity {
    POLICY_WARNING,       /* kept, but something is missing                                          */
    POLICY_UNMET,         /* this installation does not keep it: an operator may accept that, by name */
    POLICY_CONTRADICTION, /* cannot be kept by anybody                                               */
};

struct policy_finding {
    const char *rule; /* the name of the rule in the table */
    enum policy_severity severity;
    char path[POLICY_PATH_SIZE]; /* of the value in question           */
    unsigned line, column;       /* in the policy's file, from 1       */
    char what[ERROR_WHAT_SIZE];
    char hint[ERROR_HINT_SIZE];
};
struct policy_findings {
    struct policy_finding *items;
    size_t count;
};
void policy_findings_clear(struct policy_findings *findings);
/* The worst severity is at least this. */
bool policy_findings_reach(const struct policy_findings *findings, enum policy_severity severity);

/* A key service that holds a root key. */
struct policy_key_service {
    const char *name;
    const char *country; /* ISO 3166-1 alpha-2; NULL: nobody knows */
    unsigned waiting_days;
};

/* What is known of the installation. */
struct policy_installation {
    /* All targets of hikae.yaml; country, site, region and provider are filled in, also from their URLs. */
    const struct target_options *targets;
    size_t target_count;
    unsigned min_copies;
    /*
     * Bits, 1 << enum policy_holder, of each kind without which no group of holders opens: one group of files beside a
     * token is a way around it. Groups of recovery sheets alone do not count: people keep them, and destroy them.
     */
    unsigned holders;
    bool scrypt; /* a passphrase is stretched by scrypt, which is on no government's list */
    const struct policy_key_service *key_services;
    size_t key_service_count;
    bool calendar_missing; /* there is no file for the policy's calendar */
};

/* installation NULL: only the policy itself is looked at. Findings come in the order of the table. */
MUST_USE int policy_check(const struct policy *policy, const struct policy_installation *installation,
                          struct policy_findings *ret, struct error *err);
/* Is this the name of a rule about the installation, whose finding an operator may accept? */
bool policy_check_is_acceptable(const char *rule);

#endif
