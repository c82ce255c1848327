/*
 * Signature Version 2, for stores that know nothing newer. Only the way to the
 * store differs from the driver "s3": libs3 puts, looks at and deletes objects.
 * The rest we sign ourselves and send over s3_http. libs3 2.0 has no call that
 * signs the version of an object to delete; and it takes an answer that breaks
 * off for a whole one, so that a listing or an object through it could end
 * early, and nobody would know.
 *
 * What libs3 2.0 cannot do is refused when the target is opened, or answered
 * like a store that does not know it (501): conditions, locks, session tokens,
 * storage classes, encryption. It does not check certificates, so that TLS
 * counts as none. SHA-1 signs; and nothing signs the bytes: Content-MD5 goes
 * with them. It writes its dates with gmtime(3), which threads share: one that
 * mixes two instants around midnight is refused as skewed, and then the request
 * is made once more.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <libs3.h>
#include <stdio.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static S3Status initialized;
static void init_once(void)
{
    initialized = S3_initialize("hikae", S3_INIT_ALL, NULL);
}

/* ---- Statuses of libs3 as answers ---- */

/* HTTP statuses, which libs3 does not tell, by its own; 0: there was no answer. */
static const struct meaning {
    S3Status status;
    long http;
} meanings[] = {
    {S3StatusNameLookupError, 0},
    {S3StatusFailedToConnect, 0},
    {S3StatusConnectionFailed, 0},
    {S3StatusServerFailedVerification, 0},
    {S3StatusInternalError, 0}, /* its word for most failures of curl */
    {S3StatusInterrupted, 0},
    {S3StatusXmlParseFailure, 0},
    {S3StatusErrorAccessDenied, 403},
    {S3StatusErrorAccountProblem, 403},
    {S3StatusErrorInvalidAccessKeyId, 403},
    {S3StatusErrorNotSignedUp, 403},
    {S3StatusErrorRequestTimeTooSkewed, 403},
    {S3StatusErrorSignatureDoesNotMatch, 403},
    {S3StatusErrorNoSuchBucket, 404},
    {S3StatusErrorNoSuchKey, 404},
    {S3StatusErrorMethodNotAllowed, 405},
    {S3StatusErrorBucketAlreadyExists, 409},
    {S3StatusErrorBucketAlreadyOwnedByYou, 409},
    {S3StatusErrorOperationAborted, 409},
    {S3StatusErrorPreconditionFailed, 412},
    {S3StatusErrorInvalidRange, 416},
    {S3StatusErrorPermanentRedirect, 301},
    {S3StatusErrorRedirect, 307},
    {S3StatusErrorTemporaryRedirect, 307},
    {S3StatusErrorInternalError, 500},
    {S3StatusErrorUnknown, 500},
    {S3StatusErrorNotImplemented, 501},
    {S3StatusErrorSlowDown, 503},
    {S3StatusHttpErrorMovedTemporarily, 307},
    {S3StatusHttpErrorForbidden, 403},
    {S3StatusHttpErrorNotFound, 404},
    {S3StatusHttpErrorConflict, 409},
    {S3StatusHttpErrorUnknown, 500},
};

static long http_status(S3Status status)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].status == status)
            return meanings[i].http;
    return 400;
}

/* A refusal as the store would have written it: the other parts read code and message from there. */
static int write_refusal(struct s3_exchange *x, const char *code, const char *message, struct error *err)
{
    struct buf *out = &x->refusal;
    out->size = 0;
    if (buf_append(out, "<Error><Code>", 13, err) != 0 || s3_xml_escape(code, out, err) != 0 ||
        buf_append(out, "</Code><Message>", 16, err) != 0 || s3_xml_escape(message, out, NULL) != 0 ||
        buf_append(out, "</Message></Error>", 18, err) != 0)
        return -1;
    return 0;
}

/* What this driver has no way to ask for. */
static int not_implemented(struct s3_exchange *x, struct error *err)
{
    x->status = 501;
    return write_refusal(x, "NotImplemented", "Signature V2 through libs3 has no way to ask for this", err);
}

/* ---- One request through libs3 ---- */

struct call {
    struct s3_target *t;
    const uint8_t *bytes;
    size_t left;
    bool cancelled;
    S3Status status;
    char message[200];
    uint64_t length;
    char etag[S3_HEADER_VALUE_SIZE];
};

static S3Status on_properties(const S3ResponseProperties *properties, void *context)
{
    struct call *call = context;
    call->length = properties->contentLength;
    (void)snprintf(call->etag, sizeof(call->etag), "%.100s", properties->eTag != NULL ? properties->eTag : "");
    return S3StatusOK;
}

static void on_complete(S3Status status, const S3ErrorDetails *details, void *context)
{
    struct call *call = context;
    call->status = status;
    if (details != NULL && details->message != NULL)
        (void)snprintf(call->message, sizeof(call->message), "%s", details->message);
}

static int on_bytes(int room, char *out, void *context)
{
    struct call *call = context;
    if (cancel_check(call->t->place.options.cancel, NULL) != 0) {
        call->cancelled = true;
        return -1;
    }
    size_t size = call->left < (size_t)room ? call->left : (size_t)room;
    if (size > 0)
        memcpy(out, call->bytes, size);
    call->bytes += size;
    call->left -= size;
    return (int)size;
}

static const S3ResponseHandler handler = {on_properties, on_complete};

static const char *extra_of(const struct s3_request *request, const char *name)
{
    for (size_t i = 0; i < request->extra_count; i++)
        if (strcmp(request->extra[i].name, name) == 0)
            return request->extra[i].value;
    return NULL;
}

/* PUT of an object (with key) or of the bucket. */
static void put(const S3BucketContext *context, const char *key, const struct s3_request *request, struct call *call)
{
    const S3PutObjectHandler put_handler = {handler, on_bytes};
    const S3PutProperties properties = {.md5 = extra_of(request, "content-md5"), .expires = -1};
    if (key == NULL)
        S3_create_bucket(context->protocol, context->accessKeyId, context->secretAccessKey, context->hostName,
                         context->bucketName, S3CannedAclPrivate, NULL, NULL, &handler, call);
    else
        S3_put_object(context, key, request->size, &properties, NULL, &put_handler, call);
}

/* What libs3 can send: a PUT without conditions, HEAD and DELETE of an object. */
static bool can_send(const struct s3_request *request)
{
    for (size_t i = 0; i < request->extra_count; i++)
        if (strcmp(request->extra[i].name, "content-md5") != 0 &&
            strcmp(request->extra[i].name, "x-amz-checksum-mode") != 0)
            return false;
    bool put = strcmp(request->method, "PUT") == 0;
    bool object = strcmp(request->method, "HEAD") == 0 || strcmp(request->method, "DELETE") == 0;
    return request->param_count == 0 && (put || (object && request->name != NULL));
}

/* What came back, in the words of HTTP. */
static int take_answer(const struct call *call, const struct s3_request *request, struct s3_exchange *x,
                       struct error *err)
{
    static const char word[] = "Error";
    const char *name = S3_get_status_name(call->status);
    x->sent = call->left == 0 && request->size > 0;
    if (call->cancelled)
        return cancel_check(call->t->place.options.cancel, err);
    if (call->status == S3StatusOutOfMemory)
        return error_no_memory(err);
    if (call->status == S3StatusOK && call->left == 0) {
        x->status = 200;
        x->length = call->length;
        (void)snprintf(x->header[S3_HEADER_ETAG], sizeof(x->header[0]), "%s", call->etag);
        return 0;
    }
    x->status = call->status == S3StatusOK ? 0 : http_status(call->status);
    if (x->status == 0) {
        (void)error_set(err, ERROR_UNREACHABLE, "%s: %s does not answer as it should (libs3: %s)",
                        call->t->base.traits.name, call->t->place.host, name);
        if (err != NULL)
            err->retryable = true;
        return -1;
    }
    /* Statuses without a body are no codes: their number says it. */
    if (strncmp(name, word, sizeof(word) - 1) != 0)
        return 0;
    return write_refusal(x, name + sizeof(word) - 1, call->message, err);
}

/* libs3 wants the secret to end in a zero byte. */
static struct secret *terminated(const struct secret *secret)
{
    struct secret *out = secret_new(secret_size(secret) + 1);
    if (out != NULL)
        memcpy(secret_bytes(out), secret_borrow(secret), secret_size(secret));
    return out;
}

static int check_keys(const struct credentials_now *keys, struct error *err)
{
    if (initialized != S3StatusOK)
        return error_set(err, ERROR_INTERNAL, "libs3 cannot be used: %s", S3_get_status_name(initialized));
    if (keys->session_token == NULL)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "libs3 signs no session token, and these credentials have one");
    return error_hint(err, "use an access key that does not expire, or Signature V4");
}

static int send_by_libs3(struct s3_target *t, struct s3_request *request, const struct credentials_now *keys,
                         struct error *err)
{
    CLEANUP_SECRET struct secret *secret = terminated(keys->secret);
    CLEANUP_FREE char *key = request->name != NULL ? s3_key(t, request->name) : NULL;
    if (secret == NULL || (request->name != NULL && key == NULL))
        return error_no_memory(err);
    const S3BucketContext context = {
        .hostName = t->place.host,
        .bucketName = t->place.bucket,
        .protocol = t->place.tls ? S3ProtocolHTTPS : S3ProtocolHTTP,
        .uriStyle = t->place.virtual_style ? S3UriStyleVirtualHost : S3UriStylePath,
        .accessKeyId = keys->access_key_id,
        .secretAccessKey = (const char *)secret_borrow(secret),
    };
    struct call call = {.t = t, .bytes = request->body, .left = key != NULL ? request->size : 0};
    if (strcmp(request->method, "PUT") == 0)
        put(&context, key, request, &call);
    else if (strcmp(request->method, "HEAD") == 0)
        S3_head_object(&context, key, NULL, &handler, &call);
    else
        S3_delete_object(&context, key, NULL, &handler, &call);
    return take_answer(&call, request, &request->exchange, err);
}

/*
 * Locks came when Signature V4 was the rule: the document on Signature V2 does not name their parameters, so that
 * stores differ in whether these are signed. And nothing is put but through libs3: conditions came later, too.
 */
static bool is_beyond(const struct s3_request *request)
{
    static const char *const params[] = {"object-lock", "retention", "legal-hold"};
    for (size_t i = 0; i < request->param_count; i++)
        for (size_t k = 0; k < sizeof(params) / sizeof(params[0]); k++)
            if (strcmp(request->params[i].name, params[k]) == 0)
                return true;
    return strcmp(request->method, "PUT") == 0 && !can_send(request);
}

int s3v2_send(struct s3_target *t, struct s3_request *request, const struct s3_signer *signer, struct error *err)
{
    struct s3_exchange *x = &request->exchange;
    (void)pthread_once(&once, init_once);
    x->status = 0;
    x->length = UINT64_MAX;
    x->overflow = x->sent = false;
    x->refusal.size = 0;
    memset(x->header, 0, sizeof(x->header));
    if (check_keys(signer->keys, err) != 0)
        return -1;
    if (is_beyond(request))
        return not_implemented(x, err);
    return can_send(request) ? send_by_libs3(t, request, signer->keys, err) : s3_send(t, request, signer, err);
}

int s3v2_check_place(const struct s3_place *place, struct error *err)
{
    const struct target_options *o = &place->options;
    const struct {
        bool wanted;
        const char *what;
    } cannot[] = {
        {o->lock != TARGET_LOCK_NONE, "lock objects"},
        {o->sse != TARGET_SSE_NONE, "ask for encryption"},
        {o->storage_class != NULL, "ask for a storage class"},
        {o->checksum == TARGET_CHECKSUM_SHA256, "send x-amz-checksum-sha256"},
        {o->proxy != NULL, "go through the proxy that is named"},
        {o->rate != 0, "keep to a rate"},
    };
    for (size_t i = 0; i < sizeof(cannot) / sizeof(cannot[0]); i++)
        if (cannot[i].wanted) {
            (void)error_set(err, ERROR_CONFIG, "Signature V2 goes through libs3, which cannot %s", cannot[i].what);
            return error_hint(err, "leave this out, or use Signature V4 if the store knows it");
        }
    if (strcmp(place->provider->name, "aws") == 0) {
        (void)error_set(err, ERROR_CONFIG, "AWS refuses Signature V2");
        return error_hint(err, "leave signature=v2 out");
    }
    if (!place->tls || o->insecure)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "libs3 does not check the certificate of %s", place->host);
    return error_hint(err, "say insecure=true if the line is protected by other means, or use Signature V4");
}
