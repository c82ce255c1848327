/*
 * hikae.yaml: what one installation is made of. Where its state lies, its
 * targets, who holds the root key, and how much of the machine it may use.
 * What is promised to whom is not here but in policies.
 *
 * Only reading and writing of the file; nothing here opens a target or a key.
 */
#ifndef HIKAE_POLICY_CONFIG_H
#define HIKAE_POLICY_CONFIG_H

#include "base/buf.h"
#include "base/holder_options.h"

#define CONFIG_DEFAULT_PATH "/etc/hikae/hikae.yaml"

struct config_target {
    char *name;
    char *url;
    struct target_options options; /* name and url are those above; its strings belong to the configuration */
};

enum config_holder {
    CONFIG_HOLDER_FILE,
    CONFIG_HOLDER_PASSPHRASE,
    CONFIG_HOLDER_SHEET,
    CONFIG_HOLDER_TOKEN,
    CONFIG_HOLDER_KMS
};

/* One holder of a share of the root key. */
struct config_member {
    enum config_holder holder;
    char *name;
    char *path; /* the key file or passphrase file; NULL for a sheet that is on paper only, and where there is none */
    struct holder_options options; /* its strings belong to the configuration */
};

/* All members of a group together open the root key; any one group suffices. */
struct config_group {
    char *name;
    struct config_member *members;
    size_t member_count;
};

enum config_language { CONFIG_LANGUAGE_EN, CONFIG_LANGUAGE_JA };
enum config_digest { CONFIG_DIGEST_ALWAYS, CONFIG_DIGEST_PROBLEMS };

/* Telling people. A way whose URL is NULL is not used; everything goes over TLS. */
struct config_notify {
    enum config_language language;
    enum config_digest digest; /* each night, or only when there is something to look at */
    char *mail_url;            /* smtps://, or smtp:// with STARTTLS                     */
    char *mail_from, *mail_to;
    char *mail_user, *mail_password_file; /* both, or neither */
    char *webhook_url;
    char *webhook_secret_file; /* the key of the signature                              */
    char *ping_url;            /* called at success; with /start and /fail at the others */
    char *ca_file;             /* PEM; NULL: the system's                                */
    unsigned timeout_s;        /* for each message                                       */
};

struct config {
    char *path;  /* the file this came from */
    char *state; /* folder for the catalogue, caches and journals */
    bool test_clock;
    struct config_target *targets;
    size_t target_count;
    struct config_group *groups;
    size_t group_count;
    unsigned memory_mib;  /* budget for buffers and packs in flight     */
    unsigned pack_mib;    /* size of a pack                             */
    unsigned threads;     /* 0: as many as there are cores              */
    unsigned compression; /* level of zstd                              */
    unsigned min_copies;  /* targets that must hold a snapshot          */
    bool verify_writes;   /* open each block again before it is stored  */
    char *hook_before;    /* programs around each nightly run, or NULL  */
    char *hook_after;
    unsigned hook_seconds; /* what takes longer is ended                 */
    struct config_notify notify;
};

/*
 * "NAME=URL" as people write it on the command line. ERROR_USAGE says what is wrong with it; the URL is not looked at.
 * What *ret holds is the caller's, also on failure (mem_free).
 */
MUST_USE int config_target_parse(const char *text, struct config_target *ret, struct error *err);

MUST_USE int config_copy_target(const struct config_target *from, struct config_target *ret, struct error *err);
/* Release what the struct holds; all zero is fine. */
void config_free_target(struct config_target *target);
/*
 * Take out what only this machine can use (where keys lie, the CA's file, the proxy) and what only writing needs: what
 * is left tells another machine where the target is.
 */
void config_bare_target(struct config_target *target);

/* The word for a holder in the file ("file", "passphrase", "sheet", "pkcs11", "aws-kms"). */
const char *config_holder_name(enum config_holder holder);

/*
 * "KIND" or "KIND,key=value,…" as people write a holder on the command line, with the keys that it has in the file.
 * ERROR_USAGE. *ret is the caller's (config_free_member).
 */
MUST_USE int config_member_parse(const char *text, const char *name, struct config_member *ret, struct error *err);
MUST_USE int config_copy_member(const struct config_member *from, struct config_member *ret, struct error *err);
void config_free_member(struct config_member *member);

/* The same with its place before it: "GROUP=KIND,…", or "GROUP/NAME=…"; without one the name is the kind's. */
MUST_USE int config_holder_parse(const char *text, char **ret_group, struct config_member *ret, struct error *err);
/* Add a member, which it takes over, to the group of that name, which is added if there is none. */
MUST_USE int config_groups_add(struct config_group **groups, size_t *count, const char *group,
                               struct config_member *member, struct error *err);
void config_groups_free(struct config_group *groups, size_t count);

/* All settings at their defaults, nothing named yet. */
void config_defaults(struct config *config);
/*
 * Read and check a file. ERROR_CONFIG with "FILE:LINE:COLUMN: what is wrong" and
 * what is allowed as the hint, or if there is no such file.
 */
MUST_USE int config_load(const char *path, struct config **ret_config, struct error *err);
/* NULL is fine. */
void config_free(struct config *config);
/* The target of that name, or NULL. */
const struct config_target *config_find_target(const struct config *config, const char *name);

/*
 * Write a file that explains itself, with these values (config->path is not
 * looked at). Never overwrites: ERROR_REFUSED if path exists.
 */
MUST_USE int config_write_template(const char *path, const struct config *values, struct error *err);
/* The same text, appended to *out; `path` is for messages, and relative paths in it start at its folder. */
MUST_USE int config_print(const char *path, const struct config *values, struct buf *out, struct error *err);
/*
 * Add a target at the end of the list in the file; all other text, comments
 * among it, stays as it is. The file is replaced as a whole or not at all.
 * ERROR_REFUSED if a target has that name already, ERROR_CONFIG if the file
 * cannot be used or is written in a way that this does not understand.
 */
MUST_USE int config_append_target(const char *path, const char *name, const char *url, struct error *err);

/* A key of a target as hikae.yaml writes it; "lock" is MODE:DAYS. Value NULL: the key is taken out. */
struct config_setting {
    const char *key;
    const char *value;
};
struct config_edit {
    const struct config_setting *settings;
    size_t count;
    const char *retired; /* comment the target out, below this line of text; NULL: it stays */
    bool write;          /* false: only see what comes of it */
};
/*
 * Change a target in the file; all other text stays as it is. *ret_after is what the file says then (config_free).
 * ERROR_NOT_FOUND if there is no such target; ERROR_CONFIG, and nothing written, if a value is none, or the file is
 * written in a way that this does not understand.
 */
MUST_USE int config_edit_target(const char *path, const char *name, const struct config_edit *edit,
                                struct config **ret_after, struct error *err);

/*
 * While a new root epoch is made, its key files are named in a group of their own, so that whichever epoch a crash
 * leaves in force can be opened. What held an epoch that is over is named in another one until its keys are destroyed:
 * nobody would know of it any more. All of these keep the other text, and replace the file as a whole or not at all.
 */
#define CONFIG_NEW_EPOCH "new-epoch"
#define CONFIG_OLD_EPOCH "old-epoch-" /* and the number */
/* Is it one of these groups? */
bool config_group_is_passing(const struct config_group *group);
/* Add the group of the new epoch at the end of the keys; the members' names are not looked at. */
MUST_USE int config_begin_epoch(const char *path, const struct config_member *members, size_t count, struct error *err);
/* The new epoch is in force: all at once, the paths are exchanged, its group goes, and the old one's comes. */
struct config_move {
    const char *from, *to;
};
struct config_turn {
    const struct config_move *moves;
    size_t move_count;
    const char *removed_group, *removed_name; /* the holder that the new epoch has no more; NULL: none */
    const char *old_group;                    /* the name of the group */
    const struct config_member *old;          /* its members, whose names are not looked at */
    size_t old_count;                         /* 0: no such group */
};
MUST_USE int config_turn_epoch(const char *path, const struct config_turn *turn, struct error *err);
/* Take a group that passes out again; nothing if it is not there. */
MUST_USE int config_end_epoch(const char *path, const char *group, struct error *err);

/* Add a holder to a group, which is made if there is none of that name. ERROR_REFUSED if it has one of that name. */
MUST_USE int config_add_holder(const char *path, const char *group, const struct config_member *member,
                               struct error *err);
/* Take it out, with its group if it is the only one there. ERROR_NOT_FOUND. */
MUST_USE int config_remove_holder(const char *path, const char *group, const char *name, struct error *err);

#endif
