/* libhikae: operators, approvals, roles. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_OPERATOR_H
#define HIKAE_PUBLIC_OPERATOR_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_operator {
    char *name;
    char *keyid;     /* SHA-256 of the public key's SubjectPublicKeyInfo, in hex */
    char *key;       /* the public key, in PEM */
    char *deputy_of; /* NULL: none */
    int64_t since_ns;
    int64_t revoked_ns; /* 0: not */
    bool is_signed;     /* two operators signed the addition; else it was one of the first */
};
struct hikae_operators {
    struct hikae_operator *operators; /* in the order in which they were added */
    size_t count;
    size_t people;      /* different people whose signatures count now */
    size_t disregarded; /* records of additions and revocations that lack their signatures */
};

/*
 * A new key in a new file of mode 0600 (Ed25519, PKCS#8 in PEM), encrypted with the first line of passphrase_file
 * (NULL: not). Needs no store. *ret_public: the public key in PEM, *ret_keyid its id (free both).
 */
enum hikae_status hikae_operator_new(const char *path, const char *passphrase_file, char **ret_public, char **ret_keyid,
                                     struct hikae_error *error);

struct hikae_operator_options {
    const char *name;
    const char *key;       /* file of the public key in PEM */
    const char *deputy_of; /* NULL: nobody's */
    bool dry_run;
};
/*
 * Once two people are operators, adding and revoking needs the signatures of two of them (hikae_approve); before that
 * anyone adds, and the audit log says who. HIKAE_REFUSED names the plan that is to be signed. A name and a key are
 * given once, for ever.
 */
enum hikae_status hikae_operator_add(struct hikae *hikae, const struct hikae_operator_options *options,
                                     struct hikae_operators *ret, struct hikae_error *error);
enum hikae_status hikae_operator_revoke(struct hikae *hikae, const char *name, bool dry_run,
                                        struct hikae_operators *ret, struct hikae_error *error);
enum hikae_status hikae_operator_list(struct hikae *hikae, struct hikae_operators *ret, struct hikae_error *error);
void hikae_operators_free(struct hikae_operators *operators);

struct hikae_approve_options {
    const char *act;  /* "hold-remove", "snapshot-forget", "policy-apply", "operator-add", "operator-revoke", "restore",
                         "disclose", "tenant-policy" */
    const char *name; /* of the tenant, policy or operator */
    const char *plan; /* 64 hexadecimal digits, as the command that is refused prints them */
    const char *key;  /* file of the operator's private key */
    const char *passphrase_file; /* NULL: the key is not encrypted */
    unsigned days;               /* until the approval expires, 1 … 30; 0: 30 */
    bool dry_run;
};
struct hikae_approval {
    char *operator_name;
    char *keyid;
    int64_t time_ns, expires_ns;
};
struct hikae_approvals {
    struct hikae_approval *approvals; /* all that count for this plan, one a person */
    size_t count;
    bool again; /* this operator had signed already */
};
enum hikae_status hikae_approve(struct hikae *hikae, const struct hikae_approve_options *options,
                                struct hikae_approvals *ret, struct hikae_error *error);
void hikae_approvals_free(struct hikae_approvals *approvals);

/* What each role can read and do on this host. */
struct hikae_role {
    const char *name;   /* "writer", "reader", "pruner", "key officer" */
    const char *user;   /* its system user */
    const char *can;    /* what it may do, in words */
    const char *can_ja; /* the same in Japanese */
    bool user_exists;
    char *config; /* its configuration beside the one that was asked about; NULL: none, the common one serves it */
};
struct hikae_role_file {
    char *path;
    const char *what; /* "configuration", "state", "key", "passphrase", "credentials", "secret of notifications" */
    char *used_by;    /* names of configurations */
    bool is_there;
    unsigned mode;
    char *owner, *group; /* names, or numbers */
    bool acl;            /* an access list says more than the mode */
    char **readers;      /* roles' users who can read it, and "everybody" */
    size_t reader_count;
};
/* Where the keys for a target come from, as a configuration says it; never the keys. */
struct hikae_role_credentials {
    char *config, *target;
    char *write, *read, *remove; /* "file:…", "systemd:…", "as for writing", "found as other programs find theirs" */
};
struct hikae_roles {
    struct hikae_role *roles;
    size_t role_count;
    struct hikae_role_file *files;
    size_t file_count;
    struct hikae_role_credentials *credentials;
    size_t credential_count;
    struct hikae_operators operators; /* empty where the store cannot be opened: see warnings */
    char **warnings;                  /* whoever could take another's place, and what is missing */
    size_t warning_count;
};
/* HIKAE_WARNINGS if there are warnings. config_path NULL: the usual one. */
enum hikae_status hikae_roles_report(const char *config_path, struct hikae_roles *ret, struct hikae_error *error);
void hikae_roles_free(struct hikae_roles *roles);

#ifdef __cplusplus
}
#endif

#endif
