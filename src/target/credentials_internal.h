/* Shared by the files credentials*.c only: one function a kind of source, each of which reads it anew. */
#ifndef HIKAE_TARGET_CREDENTIALS_INTERNAL_H
#define HIKAE_TARGET_CREDENTIALS_INTERNAL_H

#include "base/buf.h"
#include "target/credentials.h"

/* Longest of each in bytes. Tokens of STS are 1 to 3 KiB, but no limit is promised. */
enum { CREDENTIALS_ID_MAX = 128, CREDENTIALS_SECRET_MAX = 256, CREDENTIALS_TOKEN_MAX = 16384 };

/* What a source gave. All zero: nothing. */
struct credentials_found {
    char *access_key_id;
    struct secret *secret;
    struct secret *session_token;
    int64_t expires_ns; /* 0: never */
    char *region;
    char *described; /* where that was, for people */
};
void credentials_found_free(struct credentials_found *found);
static inline bool credentials_found_any(const struct credentials_found *found)
{
    return found->access_key_id != NULL;
}
/*
 * Take over id, secret and token (size 0: none) as copies, checked: printable ASCII without spaces, no longer than the
 * limits. `where` is named in messages, the values never are.
 */
MUST_USE int credentials_found_set(struct credentials_found *found, struct bytes id, struct bytes secret,
                                   struct bytes token, const char *where, struct error *err);

/* From variables PREFIX + ACCESS_KEY_ID …; NULL: "AWS_". Nothing found is no error. */
MUST_USE int credentials_read_environment(const char *prefix, struct credentials_found *found, struct error *err);

/* Who may be able to read a file besides its owner. */
enum credentials_privacy { CREDENTIALS_OWNER_ONLY, CREDENTIALS_GROUP_TOO, CREDENTIALS_ANYBODY };
/* From a file of one's own. ERROR_CONFIG if it holds none. */
MUST_USE int credentials_read_file(const char *path, enum credentials_privacy privacy, struct credentials_found *found,
                                   struct error *err);
/* From $CREDENTIALS_DIRECTORY/name. ERROR_CONFIG if it holds none. */
MUST_USE int credentials_read_systemd(const char *name, struct credentials_found *found, struct error *err);
/*
 * From AWS's shared files: profile `name`, or (NULL) $AWS_PROFILE, or "default". A profile that is named and not there
 * is ERROR_CONFIG; that there is no default profile is no error. Sets region too, also when it finds no keys.
 */
MUST_USE int credentials_read_profile(const char *name, struct credentials_found *found, struct error *err);

/* Are there variables that name a metadata service of the container? */
bool credentials_in_container(void);
/* base: what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to, or NULL for what is usual. */
MUST_USE int credentials_read_container(const char *base, int64_t now_ns, struct credentials_found *found,
                                        struct error *err);
/* base: address of the service, or NULL for what is usual. `attempts`: how often to ask a service that does not answer.
 */
MUST_USE int credentials_read_instance(const char *base, int64_t now_ns, unsigned attempts,
                                       struct credentials_found *found, struct error *err);

#endif
