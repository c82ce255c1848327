/* Single objects: put, get, look at. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "target/s3_target.h"

#include <stdio.h>
#include <string.h>

/*
 * The SHA-256 that an object's name ends in, if it does: then it needs no
 * second calculation, and a store that checks it proves that the bytes are
 * still those that were named. NULL otherwise.
 */
static const char *hash_of_name(const char *name)
{
    enum { DIGITS = 64 };
    uint8_t hash[DIGITS / 2];
    size_t size = strlen(name);
    const char *digits = name + size - DIGITS;
    if (size <= DIGITS || (digits[-1] != '/' && digits[-1] != '-') || !hex_decode(digits, DIGITS / 2, hash))
        return NULL;
    return digits;
}

/* The headers of a PUT, and the texts that they point to. */
struct put_headers {
    char hash[S3_HASH_HEX_SIZE];
    char md5[S3_MD5_BASE64_SIZE];
    char sha256[48];
    char until[CLOCK_TEXT_SIZE];
};

static int add_checksum(const struct s3_target *t, struct s3_request *request, bool needed, struct put_headers *texts,
                        struct error *err)
{
    uint8_t hash[32];
    switch (t->checksum) {
    case TARGET_CHECKSUM_SHA256:
        if (!hex_decode(texts->hash, sizeof(hash), hash))
            return error_set(err, ERROR_INTERNAL, "a hash that is none");
        s3_base64(hash, sizeof(hash), texts->sha256);
        s3_extra(request, "x-amz-checksum-sha256", texts->sha256);
        return 0;
    case TARGET_CHECKSUM_AUTO: /* the signed hash is enough, but for locks */
        if (!needed)
            return 0;
        break;
    case TARGET_CHECKSUM_MD5:
        break;
    }
    if (s3_md5(request->body, request->size, texts->md5, NULL, err) != 0)
        return -1;
    s3_extra(request, "content-md5", texts->md5);
    return 0;
}

static int add_put_headers(const struct s3_target *t, struct s3_request *request, bool lock, struct put_headers *texts,
                           struct error *err)
{
    const struct target_options *o = &t->place.options;
    const char *known = hash_of_name(request->name);
    if (known != NULL)
        (void)snprintf(texts->hash, sizeof(texts->hash), "%s", known);
    else if (s3_hash_hex(request->body, request->size, texts->hash, err) != 0)
        return -1;
    request->hash = texts->hash;
    if (t->place.storage_class != NULL)
        s3_extra(request, "x-amz-storage-class", t->place.storage_class);
    if (o->sse != TARGET_SSE_NONE)
        s3_extra(request, "x-amz-server-side-encryption", o->sse == TARGET_SSE_S3 ? "AES256" : "aws:kms");
    if (t->place.sse_key != NULL)
        s3_extra(request, "x-amz-server-side-encryption-aws-kms-key-id", t->place.sse_key);
    lock = lock && o->lock != TARGET_LOCK_NONE;
    if (lock) {
        /* By the machine's own clock, never by what a store says is the time. */
        (void)clock_format(clock_machine_ns() + (int64_t)o->lock_days * 86400 * NS_PER_S, texts->until);
        s3_extra(request, "x-amz-object-lock-mode", o->lock == TARGET_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE");
        s3_extra(request, "x-amz-object-lock-retain-until-date", texts->until);
    }
    return add_checksum(t, request, lock, texts, err);
}

static struct s3_request put_request(const char *name, const void *bytes, size_t size)
{
    return (struct s3_request){.right = S3_WRITE,
                               .kind = S3_PUT,
                               .action = "put",
                               .method = "PUT",
                               .name = name,
                               .body = size > 0 ? bytes : "",
                               .size = size};
}

static struct s3_request head_request(const char *name)
{
    struct s3_request request = {
        .right = S3_READ, .kind = S3_HEAD, .action = "look at", .method = "HEAD", .name = name};
    s3_extra(&request, "x-amz-checksum-mode", "ENABLED");
    return request;
}

/* ---- Is what lies there what we have? ---- */

static int other_object(const struct s3_target *t, const char *name, struct error *err)
{
    (void)error_set(err, ERROR_DAMAGED, "%s: %s is there with other bytes", t->base.traits.name, name);
    return error_hint(err, "hikae verify --repair puts it right");
}

/* By fetching it: the last resort, where the store's checksums say nothing. */
static int compare_bytes(struct s3_target *t, const char *name, const void *bytes, size_t size, struct error *err)
{
    struct buf out = {0};
    int rc = s3_get(&t->base, name, size, &out, err);
    if (rc == 0 && (out.size != size || (size > 0 && memcmp(out.data, bytes, size) != 0)))
        rc = other_object(t, name, err);
    buf_free(&out);
    return rc;
}

/* An ETag is the MD5 of the bytes unless it was put in parts ('-') or is encrypted with a key of KMS. */
static bool etag_md5(const struct s3_exchange *x, char out[S3_MD5_HEX_SIZE])
{
    const char *etag = x->header[S3_HEADER_ETAG];
    size_t size = strlen(etag);
    if (size >= 2 && etag[0] == '"' && etag[size - 1] == '"') {
        etag++;
        size -= 2;
    }
    if (size != 32 || strspn(etag, "0123456789abcdef") < 32 || strncmp(x->header[S3_HEADER_SSE], "aws:", 4) == 0)
        return false;
    memcpy(out, etag, 32);
    out[32] = '\0';
    return true;
}

/* 0: these bytes lie under that name. ERROR_DAMAGED: others. ERROR_NOT_FOUND: nothing does. */
static int compare_object(struct s3_target *t, const char *name, const void *bytes, size_t size, struct error *err)
{
    CLEANUP_REQUEST struct s3_request head = head_request(name);
    char theirs[S3_MD5_HEX_SIZE], ours[S3_MD5_HEX_SIZE], hash[S3_HASH_HEX_SIZE], base64[48];
    uint8_t raw[32];
    if (s3_do(t, &head, err) != 0)
        return -1;
    if (head.exchange.length != size) {
        (void)error_set(err, ERROR_DAMAGED, "%s: %s is there with %llu bytes, not %zu", t->base.traits.name, name,
                        (unsigned long long)head.exchange.length, size);
        return error_hint(err, "hikae verify --repair puts it right");
    }
    if (head.exchange.header[S3_HEADER_CHECKSUM_SHA256][0] != '\0') {
        if (s3_hash_hex(bytes, size, hash, err) != 0)
            return -1;
        (void)hex_decode(hash, sizeof(raw), raw);
        s3_base64(raw, sizeof(raw), base64);
        return strcmp(base64, head.exchange.header[S3_HEADER_CHECKSUM_SHA256]) == 0 ? 0 : other_object(t, name, err);
    }
    if (!etag_md5(&head.exchange, theirs))
        return compare_bytes(t, name, bytes, size, err);
    if (s3_md5(bytes, size, NULL, ours, err) != 0)
        return -1;
    /* Some stores write 32 digits that are no MD5: only the bytes themselves show that they are others. */
    return strcmp(ours, theirs) == 0 ? 0 : compare_bytes(t, name, bytes, size, err);
}

/* The same after the store has said that the object is there. */
static int compare_existing(struct s3_target *t, const char *name, const void *bytes, size_t size, struct error *err)
{
    if (compare_object(t, name, bytes, size, err) == 0)
        return 0;
    if (err == NULL || err->class != ERROR_NOT_FOUND)
        return -1;
    (void)error_set(err, ERROR_UNREACHABLE, "%s: the store says that %s is there, and then it is not",
                    t->base.traits.name, name);
    err->retryable = true;
    return error_hint(err, "somebody deletes at the same time, or the store answers from old state: run again");
}

/* After a failure that may have been a success: are the bytes there? If not, the error stays what it was. */
static int find_lost(struct s3_target *t, const char *name, const void *bytes, size_t size)
{
    struct error why = {0};
    int rc = compare_object(t, name, bytes, size, &why);
    /* A store that answers this, but takes nothing, goes on failing: else each object would wait its full time anew. */
    if (rc != 0)
        atomic_store(&t->failing, true);
    return rc;
}

/* ---- Putting ---- */

/*
 * Every store names what it has put by an ETag; a web server or a portal that welcomes everything does not. (Swift
 * leaves it out when another PUT of the same object was first: then it is there.)
 */
static int check_stored(struct s3_target *t, const struct s3_request *put, struct error *err)
{
    struct error why = {0};
    if (t->v2 || put->exchange.header[S3_HEADER_ETAG][0] != '\0')
        return 0; /* libs3 does not hand it on */
    if (compare_object(t, put->name, put->body, put->size, &why) == 0)
        return 0;
    if (why.class == ERROR_DAMAGED && err != NULL) {
        *err = why; /* another PUT was first, of other bytes */
        return -1;
    }
    (void)error_set(err, ERROR_UNREACHABLE, "%s: put %s: %ld, but with no ETag, as a store would say it",
                    t->base.traits.name, put->name, put->exchange.status);
    return error_hint(err, "what answers at %s is no object store: check endpoint and proxy of this target",
                      t->place.host);
}

/* One try after the other; between them, an answer that was lost is looked for. */
static int put_plain(struct s3_target *t, const char *name, const void *bytes, size_t size, struct error *err)
{
    CLEANUP_REQUEST struct s3_request put = put_request(name, bytes, size);
    struct put_headers texts;
    if (add_put_headers(t, &put, true, &texts, err) != 0)
        return -1;
    if (s3_do(t, &put, err) == 0)
        return check_stored(t, &put, err);
    return put.answer_lost && err->class == ERROR_UNREACHABLE ? find_lost(t, name, bytes, size) : -1;
}

/*
 * Did the store put it, whatever was there? Ceph 16 ignores If-None-Match in a bucket that keeps versions, which an
 * answer shows by naming one.
 */
static bool is_ignored(const struct s3_target *t, const struct s3_request *put)
{
    return !t->place.provider->once_with_versions && put->exchange.header[S3_HEADER_VERSION][0] != '\0';
}

/* PUT with If-None-Match. *ret_unsupported: the store does not know it, and has put nothing. */
static int put_conditional(struct s3_target *t, const char *name, const void *bytes, size_t size, bool *ret_unsupported,
                           struct error *err)
{
    CLEANUP_REQUEST struct s3_request put = put_request(name, bytes, size);
    struct put_headers texts;
    *ret_unsupported = false;
    s3_extra(&put, "if-none-match", "*");
    if (add_put_headers(t, &put, true, &texts, err) != 0)
        return -1;
    if (s3_do(t, &put, err) == 0) {
        atomic_store(&t->conditional, is_ignored(t, &put) ? S3_NO : S3_YES);
        return check_stored(t, &put, err);
    }
    if (put.exchange.status == 412) {
        atomic_store(&t->conditional, S3_YES);
        return compare_existing(t, name, bytes, size, err);
    }
    *ret_unsupported = s3_unsupported(&put);
    return put.answer_lost && err->class == ERROR_UNREACHABLE ? find_lost(t, name, bytes, size) : -1;
}

int s3_put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
           struct error *err)
{
    struct s3_target *t = s3_target(target);
    /* A store that knows no locks takes the header for one as it takes any, and locks nothing. */
    if (t->base.traits.lock && s3_require_locks(t, err) != 0)
        return -1;
    if (mode == TARGET_PUT_REPAIR)
        return put_plain(t, name, bytes, size, err);
    if (atomic_load(&t->conditional) != S3_NO) {
        bool unsupported;
        int rc = put_conditional(t, name, bytes, size, &unsupported, err);
        if (rc == 0 || !unsupported)
            return rc;
        atomic_store(&t->conditional, S3_NO);
    }
    /* Without the store's help there is a moment between looking and putting; what is put then has the same bytes. */
    if (compare_object(t, name, bytes, size, err) == 0)
        return 0;
    return err->class == ERROR_NOT_FOUND ? put_plain(t, name, bytes, size, err) : -1;
}

int s3_put_once(struct target *target, const char *name, const void *bytes, size_t size, enum target_once *ret,
                struct error *err)
{
    struct s3_target *t = s3_target(target);
    CLEANUP_REQUEST struct s3_request put = put_request(name, bytes, size);
    struct put_headers texts;
    s3_extra(&put, "if-none-match", "*");
    if (add_put_headers(t, &put, false, &texts, err) != 0)
        return -1;
    if (s3_do(t, &put, err) == 0) {
        *ret = is_ignored(t, &put) ? TARGET_ONCE_UNSUPPORTED : TARGET_ONCE_CREATED;
        return check_stored(t, &put, err);
    }
    *ret = put.exchange.status == 412 ? TARGET_ONCE_EXISTS : TARGET_ONCE_UNSUPPORTED;
    return put.exchange.status == 412 || s3_unsupported(&put) ? 0 : -1;
}

int s3_checks(struct target *target, const char *name, enum target_checksum kind, bool *ret, struct error *err)
{
    static const char bytes[] = "hikae asks whether checksums are looked at";
    struct s3_target *t = s3_target(target);
    CLEANUP_REQUEST struct s3_request put = put_request(name, bytes, sizeof(bytes) - 1);
    /* Checksums of nothing. */
    if (kind == TARGET_CHECKSUM_MD5)
        s3_extra(&put, "content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    else
        s3_extra(&put, "x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    put.no_retry = true;
    int rc = s3_do(t, &put, err);
    *ret = rc != 0 && put.exchange.status == 400;
    return rc == 0 || *ret ? 0 : -1;
}

/* ---- Getting ---- */

int s3_get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err)
{
    struct s3_target *t = s3_target(target);
    CLEANUP_REQUEST struct s3_request get = {
        .right = S3_READ, .kind = S3_GET, .action = "get", .method = "GET", .name = name, .sink = out, .sink_max = max};
    return s3_do(t, &get, err);
}

static int too_short(const struct s3_target *t, const char *name, uint64_t offset, size_t size, struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "%s: %s has too few bytes for %zu at %llu", t->base.traits.name, name, size,
                     (unsigned long long)offset);
}

/* "bytes FIRST-LAST/SIZE": does it begin there? Left out, it is what was asked for. */
static bool is_range(const char *range, uint64_t offset)
{
    char begins[40];
    int size = snprintf(begins, sizeof(begins), "bytes %llu-", (unsigned long long)offset);
    return range[0] == '\0' || strncmp(range, begins, (size_t)size) == 0;
}

int s3_get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                 struct error *err)
{
    struct s3_target *t = s3_target(target);
    uint64_t length = 0;
    char range[64];
    /* HTTP has no range of nothing: then the size alone decides. */
    if (size == 0 || offset > INT64_MAX || size > INT64_MAX - offset) {
        if (s3_stat(target, name, &length, err) != 0)
            return -1;
        return size == 0 && offset <= length ? 0 : too_short(t, name, offset, size, err);
    }
    (void)snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)offset,
                   (unsigned long long)(offset + size - 1));
    size_t before = out->size;
    CLEANUP_REQUEST struct s3_request get = {.right = S3_READ,
                                             .kind = S3_GET,
                                             .action = "get",
                                             .method = "GET",
                                             .name = name,
                                             .sink = out,
                                             .sink_max = size};
    s3_extra(&get, "range", range);
    bool done = s3_do(t, &get, err) == 0, whole = get.exchange.status == 200;
    if (!done && !whole)
        return get.exchange.status == 416 ? too_short(t, name, offset, size, err) : -1;
    bool other = !whole && !is_range(get.exchange.header[S3_HEADER_RANGE], offset);
    if (!whole && !other && out->size - before == size)
        return 0;
    out->size = before;
    if (!whole && !other)
        return too_short(t, name, offset, size, err);
    (void)error_set(err, ERROR_UNREACHABLE, "%s: asked for a part of %s, the store sent %s", target->traits.name, name,
                    whole ? "all of it" : "another part");
    return error_hint(err, "a proxy or cache on the way that does not pass ranges on cannot be used");
}

int s3_stat(struct target *target, const char *name, uint64_t *ret_size, struct error *err)
{
    CLEANUP_REQUEST struct s3_request head = head_request(name);
    if (s3_do(s3_target(target), &head, err) != 0)
        return -1;
    if (head.exchange.length == UINT64_MAX)
        return error_set(err, ERROR_UNREACHABLE, "%s: the store does not say how long %s is", target->traits.name,
                         name);
    *ret_size = head.exchange.length;
    return 0;
}
