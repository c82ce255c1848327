/* libhikae: policies. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_POLICY_H
#define HIKAE_PUBLIC_POLICY_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_policy {
    char *name;
    char *title_ja, *title_en;
    char *
        state; /* "built-in", "shipped" (a file only), "applied", "changed" (applied, the file differs), "unreadable" */
    char *path;         /* of the file; NULL: there is none */
    char *why;          /* what is wrong with it, or NULL   */
    char *sha256;       /* of the applied text; NULL: none  */
    char *approved_by;  /* of the applied version, or NULL  */
    int64_t applied_ns; /* 0: never */
    uint64_t versions;  /* applied so far */
    uint64_t tenants;
};
struct hikae_policies {
    struct hikae_policy *policies;
    size_t count;
};
/* Files and applied policies, by name. */
enum hikae_status hikae_policy_list(struct hikae *hikae, struct hikae_policies *ret, struct hikae_error *error);
void hikae_policies_free(struct hikae_policies *policies);

struct hikae_promise {
    char *id;
    bool published;     /* else internal */
    bool by_operator;   /* kept by people, not by hikae */
    char *published_at; /* NULL: not filled in */
    char *ja, *en;
    char **rules; /* parts of the policy that keep it */
    size_t rule_count;
};
struct hikae_policy_value {
    char *path; /* "generations.keep.daily" */
    char *value;
};
struct hikae_policy_detail {
    struct hikae_policy policy;
    char *text; /* the file, or the applied version */
    struct hikae_promise *promises;
    size_t promise_count;
    struct hikae_policy_value *values;
    size_t value_count;
};
/* what: a name (the applied version, else the file) or a path. */
enum hikae_status hikae_policy_show(struct hikae *hikae, const char *what, struct hikae_policy_detail *ret,
                                    struct hikae_error *error);
void hikae_policy_detail_free(struct hikae_policy_detail *detail);

enum hikae_severity {
    HIKAE_SEVERITY_WARNING,      /* something is missing, the promises are kept               */
    HIKAE_SEVERITY_UNMET,        /* this installation does not keep it; an operator may accept */
    HIKAE_SEVERITY_CONTRADICTION /* nobody can keep it                                         */
};
struct hikae_policy_finding {
    char *rule;
    enum hikae_severity severity;
    char *path; /* of the value in question */
    unsigned line, column;
    char *what;
    char *hint;
    bool accepted; /* hikae_policy_apply: named in `accept` */
};
struct hikae_policy_findings {
    char *name; /* of the policy */
    char *file;
    bool with_installation; /* targets and holders of the configuration were looked at */
    struct hikae_policy_finding *findings;
    size_t count;
};
/*
 * Check a policy's file by name or path; without a file, what is built in. config_path need not exist: then the policy
 * alone is looked at. HIKAE_WARNINGS for warnings, HIKAE_REFUSED for contradictions and what is unmet.
 */
enum hikae_status hikae_policy_check(const char *config_path, const char *what, struct hikae_policy_findings *ret,
                                     struct hikae_error *error);
void hikae_policy_findings_free(struct hikae_policy_findings *findings);

struct hikae_policy_change {
    char *path;
    char *before, *after; /* NULL: only the other version has it */
};
struct hikae_policy_drop {
    char *tenant;
    char *snapshot;
    int64_t time_ns;
    char *reason; /* why the new version drops it */
};
struct hikae_policy_diff {
    char *name;
    bool first; /* never applied before */
    struct hikae_policy_change *changes;
    size_t change_count;
    char **shortens; /* what becomes less, one sentence each: these need an operator's approval */
    size_t shorten_count;
    struct hikae_policy_drop *drops; /* snapshots that the applied version keeps and the new one would drop */
    size_t drop_count;
    uint64_t tenants; /* that have this policy */
    struct hikae_policy_findings check;
    bool applied;
};
struct hikae_policy_apply_options {
    const char *what;          /* name of a file, or a path */
    const char *approve_as;    /* the operator who approves a shortening; may be NULL */
    const char *why;           /* for approval and acceptance; may be NULL */
    const char *const *accept; /* names of unmet rules that are accepted */
    size_t accept_count;
    bool dry_run;
    const char *notice;      /* id of the notice that told of more countries beforehand; NULL unless there are more */
    const char *notice_date; /* and its day, "2026-11-01" */
};
/* What applying a file would change. */
enum hikae_status hikae_policy_diff(struct hikae *hikae, const char *what, struct hikae_policy_diff *ret,
                                    struct hikae_error *error);
/*
 * Put a version in force, on min_copies targets. HIKAE_REFUSED (with *ret filled) for contradictions, for unmet rules
 * that are not accepted, and for a shortening without approval; HIKAE_WARNINGS when it was applied with warnings.
 */
enum hikae_status hikae_policy_apply(struct hikae *hikae, const struct hikae_policy_apply_options *options,
                                     struct hikae_policy_diff *ret, struct hikae_error *error);
void hikae_policy_diff_free(struct hikae_policy_diff *diff);

#ifdef __cplusplus
}
#endif

#endif
