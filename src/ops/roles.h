/*
 * Who can read and do what on this host: the system users of the roles, the
 * files that they need, and whether one of them could take another's place. It
 * reads modes, owners and configurations, never what a secret file holds.
 */
#ifndef HIKAE_OPS_ROLES_H
#define HIKAE_OPS_ROLES_H

#include "ops/engine.h"

#include <sys/types.h>

enum { ROLE_COUNT = 4, ROLE_GROUPS_MAX = 64 };

/* One row a role, in roles.c. */
struct role {
    const char *name;         /* "writer" */
    const char *user;         /* "hikae-writer" */
    const char *config;       /* name of its configuration beside the others: "writer.yaml" */
    const char *can, *can_ja; /* for people */
};
extern const struct role roles_table[ROLE_COUNT];

/* A system user, and its groups. */
struct role_user {
    bool exists;
    uid_t uid;
    gid_t groups[ROLE_GROUPS_MAX];
    int group_count;
};
void role_user_find(const char *name, struct role_user *ret);
/*
 * May this user read a file, by the modes of it and of every folder above it? Access lists are not looked at: *ret_acl
 * tells that there is one. False if the file is not there.
 */
bool role_user_reads(const struct role_user *user, const char *path, bool *ret_acl);

/* ---- roles_files.c ---- */

/* Add the files of a configuration to ret, each once. */
MUST_USE int roles_add_files(const struct config *config, const char *name, const struct role_user *users,
                             struct hikae_roles *ret, struct error *err);

#endif
