/* What a store says when it does not do what it was asked for, and what that means to us. */
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>

/* For people: one line, nothing that a terminal would obey. */
static void copy_plain(const char *from, char *to, size_t size)
{
    size_t used = 0;
    for (; *from != '\0' && used + 1 < size; from++)
        if ((unsigned char)*from >= 0x20 && *from != 0x7f)
            to[used++] = *from;
    to[used] = '\0';
}

static int read_word(const char *path, const char *text, void *context, struct error *err)
{
    struct s3_answer_words *words = context;
    (void)err;
    if (strcmp(path, "Error/Code") == 0)
        copy_plain(text, words->code, sizeof(words->code));
    else if (strcmp(path, "Error/Message") == 0)
        copy_plain(text, words->message, sizeof(words->message));
    else if (strcmp(path, "Error/Region") == 0)
        copy_plain(text, words->region, sizeof(words->region));
    return 0;
}

void s3_answer_words(const struct s3_exchange *x, struct s3_answer_words *ret)
{
    *ret = (struct s3_answer_words){0};
    if (x->refusal.size > 0 && s3_xml_read(x->refusal.data, x->refusal.size, read_word, ret, NULL) != 0)
        *ret = (struct s3_answer_words){0};
}

bool s3_unsupported(const struct s3_request *request)
{
    return request->exchange.status == 501 || request->exchange.status == 405 ||
           strcmp(request->code, "NotImplemented") == 0;
}

static const char gateway[] = "the store cannot be reached behind its gateway: run again later";
static const char throttled[] = "the store is throttling: run again later, or lower connections or rate_kib";

/* What an answer means. The first row that fits counts; status 0 and code NULL fit all. */
static const struct meaning {
    long status;
    const char *code;
    enum error_class class;
    bool retryable;
    const char *hint;
} meanings[] = {
    {0, "NoSuchBucket", ERROR_UNREACHABLE, false,
     "the bucket does not exist: check the URL of this target; a new one is made by hikae init or hikae target add"},
    {0, "QuotaExceeded", ERROR_UNREACHABLE, false, "the store is full for this account: raise its quota"},
    {0, "EntityTooLarge", ERROR_UNREACHABLE, false,
     "a quota of the store is used up (Swift says it so): raise it; or pack_mib is more than the store takes: lower "
     "it"},
    {0, "RequestTimeTooSkewed", ERROR_UNREACHABLE, true, "set the clock of this machine"},
    {0, "RequestTimeout", ERROR_UNREACHABLE, true, "the store did not get the whole request in time"},
    {0, "BadDigest", ERROR_UNREACHABLE, true, "the bytes were changed on their way: check the network and the memory"},
    {0, "XAmzContentSHA256Mismatch", ERROR_UNREACHABLE, true,
     "the bytes were changed on their way: check the network and the memory"},
    {0, "XAmzContentChecksumMismatch", ERROR_UNREACHABLE, true,
     "the bytes were changed on their way: check the network and the memory"},
    {0, "ExpiredToken", ERROR_DENIED, false, "the session token has expired: renew the credentials of this target"},
    {0, "InvalidToken", ERROR_DENIED, false, "the session token is not valid: renew the credentials of this target"},
    {0, "InvalidAccessKeyId", ERROR_DENIED, false, "the store does not know the access key: check the credentials"},
    {0, "SignatureDoesNotMatch", ERROR_DENIED, false,
     "the secret key does not belong to the access key, or something between changes requests"},
    {0, "NotImplemented", ERROR_UNREACHABLE, false, "the store does not know this part of S3: see hikae target check"},
    {0, "BucketAlreadyExists", ERROR_DENIED, false, "choose another name: they are shared by all customers of a store"},
    {0, "BucketAlreadyOwnedByYou", ERROR_DENIED, false, "the bucket is yours already"},
    {0, "IncompleteBody", ERROR_UNREACHABLE, true, "the store did not get the whole request"},
    {0, "SlowDown", ERROR_UNREACHABLE, true, throttled},
    {0, "Throttling", ERROR_UNREACHABLE, true, throttled},
    {0, "ThrottlingException", ERROR_UNREACHABLE, true, throttled},
    {0, "KMS.ThrottlingException", ERROR_UNREACHABLE, true, throttled},
    {0, "TooManyRequests", ERROR_UNREACHABLE, true, throttled},
    {0, "RequestLimitExceeded", ERROR_UNREACHABLE, true, throttled},
    {0, "RequestThrottled", ERROR_UNREACHABLE, true, throttled},
    {403, NULL, ERROR_DENIED, false, "give these credentials the right to do this, or use others"},
    {401, NULL, ERROR_DENIED, false, "check the credentials of this target"},
    {404, NULL, ERROR_NOT_FOUND, false, NULL},
    {408, NULL, ERROR_UNREACHABLE, true, "the store did not get the whole request in time"},
    {409, NULL, ERROR_UNREACHABLE, true, "another request for the same object was under way"},
    {412, NULL, ERROR_DAMAGED, false, NULL},
    {429, NULL, ERROR_UNREACHABLE, true, throttled},
    {503, NULL, ERROR_UNREACHABLE, true, "the store is throttling or overloaded: run again later"},
    {500, NULL, ERROR_UNREACHABLE, true, "the store has a fault: run again later"},
    {502, NULL, ERROR_UNREACHABLE, true, gateway},
    {504, NULL, ERROR_UNREACHABLE, true, gateway},
    {507, NULL, ERROR_UNREACHABLE, false, "the store is full"},
    /* What networks that deliver content put before a store say of it (520 to 524: not reached, or not in time). */
    {520, NULL, ERROR_UNREACHABLE, true, gateway},
    {521, NULL, ERROR_UNREACHABLE, true, gateway},
    {522, NULL, ERROR_UNREACHABLE, true, gateway},
    {523, NULL, ERROR_UNREACHABLE, true, gateway},
    {524, NULL, ERROR_UNREACHABLE, true, gateway},
    {0, NULL, ERROR_UNREACHABLE, false, "the store does not take this request: see hikae target check"},
};

static const struct meaning *meaning_of(const struct s3_request *request)
{
    const struct meaning *m = meanings;
    while ((m->status != 0 && m->status != request->exchange.status) ||
           (m->code != NULL && strcmp(m->code, request->code) != 0))
        m++;
    return m;
}

/* The region that the store names instead of the target's, or NULL. */
static const char *other_region(const struct s3_target *t, const struct s3_exchange *x,
                                const struct s3_answer_words *words)
{
    const char *region = words->region[0] != '\0' ? words->region : x->header[S3_HEADER_REGION];
    bool about_it = x->status == 301 || x->status == 307 || x->status == 400;
    return about_it && region[0] != '\0' && strcmp(region, t->place.region) != 0 ? region : NULL;
}

int s3_refusal(const struct s3_target *t, const struct s3_request *request, struct error *err)
{
    struct s3_answer_words words;
    s3_answer_words(&request->exchange, &words);
    const struct meaning *meaning = meaning_of(request);
    const char *name = t->base.traits.name, *region = other_region(t, &request->exchange, &words);
    if (region != NULL) {
        (void)error_set(err, ERROR_UNREACHABLE, "%s: the bucket %s is in the region %.63s, and the target says %s",
                        name, t->place.bucket, region, t->place.region);
        return error_hint(err, "run: hikae target set %s region=%.63s, and see that its country, site and policy hold",
                          name, region);
    }
    if (meaning->class == ERROR_NOT_FOUND && request->name != NULL)
        (void)error_set(err, meaning->class, "%s: %s does not exist", name, request->name);
    else if (strcmp(request->code, "NoSuchBucket") == 0)
        (void)error_set(err, meaning->class, "%s: there is no bucket %s at %s", name, t->place.bucket, t->place.host);
    else
        (void)error_set(err, meaning->class, "%s: %s %s: %ld%s%s%s%s", name, request->action,
                        request->name != NULL ? request->name : t->place.bucket, request->exchange.status,
                        request->code[0] != '\0' ? " " : "", request->code, words.message[0] != '\0' ? ": " : "",
                        words.message);
    if (err != NULL) {
        err->http_status = (int)request->exchange.status;
        err->retryable = meaning->retryable;
    }
    return meaning->hint != NULL ? error_hint(err, "%s", meaning->hint) : -1;
}
