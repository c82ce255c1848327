/*
 * Credentials for S3: where they come from, and that they are still good. One
 * `struct credentials` is one source (or the usual chain of sources) of an
 * access key id, a secret and perhaps a session token. It reads them when they
 * are first asked for, renews those that expire, and hands out references, so
 * that a request goes on with what it began with while others get the new ones.
 *
 * Secrets are `struct secret`; they appear in no message. Names of sources,
 * paths, profiles and access key ids do: they are no secrets.
 *
 * Sources, as base/target_options.h names them (separate credentials for writing, reading and deleting are separate
 * sources):
 *
 *   default              the first that has any: environment, AWS's shared files, container, instance
 *   environment[:PREFIX] PREFIX with ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN behind it; without one: AWS_
 *   file:PATH            written as AWS writes its shared file (a section is not needed); mode 0600 or stricter
 *   systemd:NAME         the same format, in $CREDENTIALS_DIRECTORY/NAME (LoadCredential= of the unit)
 *   profile:NAME         of $AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, and $AWS_CONFIG_FILE or ~/.aws/config;
 *                        the chain takes $AWS_PROFILE, or "default"
 *   metadata             ECS and EKS (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI) where these variables are
 *                        set, else EC2 instance metadata, version 2 (IMDSv2) only
 */
#ifndef HIKAE_TARGET_CREDENTIALS_H
#define HIKAE_TARGET_CREDENTIALS_H

#include "base/secret.h"
#include "base/target_options.h"

struct credentials;

struct credentials_options {
    struct target_credentials from; /* all zero: the chain; borrowed for the call only */
    /* For tests; NULL for what is usual. */
    int64_t (*now_ns)(void);    /* the clock by which credentials expire: clock_machine_ns               */
    const char *container_base; /* what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to             */
    const char *instance_base;  /* the metadata service: $AWS_EC2_METADATA_SERVICE_ENDPOINT or 169.254.169.254 */
};

/* What to sign a request with. Never changes; released when the last reference goes. */
struct credentials_now {
    const char *access_key_id;
    const struct secret *secret;        /* not terminated */
    const struct secret *session_token; /* goes into x-amz-security-token; NULL when there is none */
    int64_t expires_ns;                 /* INT64_MAX: never */
};

/* A source of credentials, not read yet. ERROR_CONFIG for one that cannot be (a name of a profile with a ']' …). */
MUST_USE int credentials_open(const struct credentials_options *options, struct credentials **ret, struct error *err);
/* NULL is fine. References given out stay valid until they are released. */
void credentials_close(struct credentials *credentials);

/*
 * The credentials to use now, with a reference that the caller releases. When
 * they expire within CREDENTIALS_RENEW_S, one thread renews them; the others
 * wait only if theirs are no longer good. A renewal that fails while the old
 * ones are still good is no error: it is tried again half a minute later.
 * ERROR_CONFIG: the source holds none, or cannot be used as it is (mode, syntax).
 * ERROR_NOT_FOUND: a file that was named is not there.
 * ERROR_UNREACHABLE (retryable): a metadata service did not answer.
 * ERROR_DENIED: a file may not be read, or the metadata service refused.
 */
enum { CREDENTIALS_RENEW_S = 300 };
MUST_USE int credentials_get(struct credentials *credentials, const struct credentials_now **ret, struct error *err);
/* NULL is fine. */
void credentials_release(const struct credentials_now *now);
/*
 * The store refused these (ExpiredToken, InvalidAccessKeyId …): the next credentials_get reads the source again,
 * unless that happened already. Returns false when the source gave exactly these the last time it was read after such a
 * refusal: asking again is no use then.
 */
bool credentials_reject(struct credentials *credentials, const struct credentials_now *refused);

/*
 * The region that goes with the source, or NULL (mem_free): AWS_REGION, AWS_DEFAULT_REGION or, where a profile is
 * used, its `region`. For targets whose URL names none. -1 as above.
 */
MUST_USE int credentials_region(struct credentials *credentials, char **ret_region, struct error *err);
/* Where they came from: "the environment", "profile backup of /root/.aws/credentials". For people; mem_free. */
char *credentials_describe(struct credentials *credentials);

static inline void cleanup_credentials_release(const struct credentials_now **now)
{
    credentials_release(*now);
}
#define CLEANUP_CREDENTIALS __attribute__((cleanup(cleanup_credentials_release)))

#endif
