/*
 * What the parts of the driver "s3" share: the target, and one way to make a
 * request of it. A part is one verb or noun of S3 a file.
 */
#ifndef HIKAE_TARGET_S3_TARGET_H
#define HIKAE_TARGET_S3_TARGET_H

#include "target/credentials.h"
#include "target/delete.h"
#include "target/s3_http.h"
#include "target/s3_place.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a request may do: each has its own credentials. */
enum s3_right { S3_WRITE, S3_READ, S3_DELETE, S3_RIGHTS };

/* How requests are counted. */
enum s3_kind { S3_PUT, S3_GET, S3_HEAD, S3_LIST, S3_REMOVE, S3_OTHER, S3_KINDS };

/* What a run spends on tries in vain of one target: of all its threads together. */
enum { S3_LOST_MAX_MS = 900000 };

/* What is found out while a target is used. */
enum s3_answer_known { S3_UNKNOWN, S3_YES, S3_NO };

struct s3_target {
    struct target base;
    struct s3_place place;
    struct s3_http *http;
    struct credentials *credentials[S3_RIGHTS]; /* may be the same one */
    enum target_checksum checksum;
    bool v2;              /* Signature V2: see s3v2.c */
    pthread_mutex_t lock; /* region, versioning, skew */
    char region[64];      /* the one that the store takes */
    int64_t skew_ns;      /* its clock minus ours */
    int64_t skew_at_ns;   /* when that was seen, by the monotonic clock; 0: never */
    char server[64];
    atomic_int conditional;   /* does it know If-None-Match? enum s3_answer_known  */
    atomic_int versions;      /* does its bucket keep versions? enum s3_answer_known */
    atomic_bool lock_hidden;  /* that may not be asked: each put shows it                  */
    atomic_int lockable;      /* can its bucket lock objects? enum s3_answer_known     */
    atomic_bool found;        /* the bucket is there: a 404 means the object         */
    atomic_bool failing;      /* the last request failed for good: try the next one once only */
    _Atomic uint64_t lost_ms; /* to tries in vain, and to waiting after them, since it was opened */
    uint64_t lost_max_ms;     /* S3_LOST_MAX_MS, but in tests: beyond it, each request is made once */
    _Atomic uint64_t counts[S3_KINDS], retries, bytes_up, bytes_down;
};

static inline struct s3_target *s3_target(struct target *target)
{
    return (struct s3_target *)(void *)target;
}

enum { S3_PARAMS_MAX = 8, S3_EXTRA_MAX = 12, S3_CODE_SIZE = 64 };

/* One request. Zero is the default of each member. */
struct s3_request {
    enum s3_right right;
    enum s3_kind kind;
    const char *action; /* for messages: "put", "list" … */
    const char *method;
    const char *name;                       /* the object's, as the target's callers know it; NULL: the bucket */
    struct s3_header params[S3_PARAMS_MAX]; /* of the query; not escaped; value "" for those that have none */
    size_t param_count;
    struct s3_header extra[S3_EXTRA_MAX]; /* headers, in lower case */
    size_t extra_count;
    const void *body;
    size_t size;
    const char *hash; /* SHA-256 of the body in hex, if known     */
    bool no_retry;    /* hand on what comes back, the first time  */
    struct buf *sink; /* the body of a good answer is appended; on failure, it is as before */
    size_t sink_max;

    /* Filled by s3_do. */
    struct s3_exchange exchange;
    char code[S3_CODE_SIZE]; /* S3's word for what was wrong, or ""           */
    bool answer_lost;        /* some try ended without an answer, after the body had left */
};

/*
 * Make a request, again where that helps. 0 for an answer of 2xx. Else -1 and
 * the error as target.h has it; request->exchange.status and code then tell
 * what the last answer was (status 0: there was none).
 */
MUST_USE int s3_do(struct s3_target *t, struct s3_request *request, struct error *err);
void s3_request_free(struct s3_request *request);
static inline void s3_param(struct s3_request *request, const char *name, const char *value)
{
    request->params[request->param_count++] = (struct s3_header){name, value};
}
static inline void s3_extra(struct s3_request *request, const char *name, const char *value)
{
    request->extra[request->extra_count++] = (struct s3_header){name, value};
}
#define CLEANUP_REQUEST __attribute__((cleanup(s3_request_free)))
/* What one exchange is signed with. */
struct s3_signer {
    const struct credentials_now *keys;
    int64_t now_ns;   /* the store's time, as far as it is known */
    const char *hash; /* SHA-256 of the body in hex; for Signature V4 alone, as the region */
    const char *region;
};
/* Sign and carry out one exchange, as s3_http_do does: for s3_do, and what it is made of. */
MUST_USE int s3_send(struct s3_target *t, struct s3_request *request, const struct s3_signer *signer,
                     struct error *err);
/* The same with Signature V2: by libs3 what libs3 can do. */
MUST_USE int s3v2_send(struct s3_target *t, struct s3_request *request, const struct s3_signer *signer,
                       struct error *err);
/* ERROR_CONFIG for what Signature V2 through libs3 cannot do. */
MUST_USE int s3v2_check_place(const struct s3_place *place, struct error *err);
/* What the body of a bad answer says; "" for what it does not. One line each, nothing that a terminal would obey. */
struct s3_answer_words {
    char code[S3_CODE_SIZE];
    char message[200];
    char region[64];
};
void s3_answer_words(const struct s3_exchange *exchange, struct s3_answer_words *ret);
/* The error for the last answer, as s3_do gives it: for callers that know better what it means. */
int s3_refusal(const struct s3_target *t, const struct s3_request *request, struct error *err);
/* Is this what a store says when it does not know a part of the interface? */
bool s3_unsupported(const struct s3_request *request);

/* "2026-11-21T09:12:46.000Z" and the like; 0 if it is no time. */
int64_t s3_parse_time(const char *text);
/* The full key of an object in the bucket. NULL: no memory. */
char *s3_key(const struct s3_target *t, const char *name);
/* Decode %XX and '+' as listings with encoding-type=url have them, in place. False: no such text. */
bool s3_unescape(char *text);

/* ---- The verbs, as target.h and delete.h describe them ---- */

int s3_put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
           struct error *err);
int s3_put_once(struct target *target, const char *name, const void *bytes, size_t size, enum target_once *ret,
                struct error *err);
int s3_checks(struct target *target, const char *name, enum target_checksum kind, bool *ret, struct error *err);
int s3_get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err);
int s3_get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                 struct error *err);
int s3_stat(struct target *target, const char *name, uint64_t *ret_size, struct error *err);
int s3_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback, void *context,
            struct error *err);
int s3_list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                    struct error *err);

int s3_list_versions(struct target *target, const char *prefix, target_version_callback *callback, void *context,
                     struct error *err);
int s3_get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                   struct error *err);
int s3_list_uploads(struct target *target, const char *prefix, target_upload_callback *callback, void *context,
                    struct error *err);
int s3_abort_upload(struct target *target, const char *name, const char *id, struct error *err);

int s3_remove(struct target *target, const char *name, struct error *err);
int s3_remove_version(struct target *target, const char *name, const char *version, struct error *err);
int s3_remove_many(struct target *target, const struct target_deletion *items, size_t count,
                   target_deletion_callback *callback, void *context, struct error *err);

int s3_lock_state(struct target *target, const char *name, struct target_lock_state *ret, struct error *err);
/* ERROR_REFUSED if its bucket cannot lock objects; asked once. A store that may not be asked is taken at its word. */
int s3_require_locks(struct s3_target *t, struct error *err);
/* The same of one version; NULL: the current one. */
int s3_lock_of_version(struct s3_target *t, enum s3_right right, const char *name, const char *version,
                       struct target_lock_state *ret, struct error *err);
int s3_extend_lock(struct target *target, const char *name, enum target_lock_mode mode, int64_t until_ns,
                   struct error *err);
int s3_legal_hold(struct target *target, const char *name, bool hold, struct error *err);

/* Does the bucket have locks, and what does it give to new objects of its own accord? */
int s3_ask_lock(struct s3_target *t, struct target_facts *ret, struct error *err);
int s3_ask(struct target *target, struct target_facts *ret, struct error *err);
int s3_clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err);
/* Does the bucket keep versions? Asked once. */
MUST_USE int s3_keeps_versions(struct s3_target *t, bool *ret, struct error *err);
/* Make the bucket if it is not there. */
MUST_USE int s3_create_bucket(struct s3_target *t, struct error *err);

#endif
