/* The bucket: whether it is there, where it is, and what it does with versions and locks. */
#include "base/clock.h"
#include "base/mem.h"
#include "target/s3_target.h"
#include "target/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 65536, SKEW_FRESH_S = 60 };

/* GET of one of the bucket's sub-resources. *ret_none: the store has or knows none (Swift then lists the bucket). */
static int ask(struct s3_target *t, const char *what, s3_xml_callback *callback, void *context, bool *ret_none,
               struct error *err)
{
    struct buf body = {0};
    CLEANUP_REQUEST struct s3_request get = {.right = S3_READ,
                                             .kind = S3_OTHER,
                                             .action = "ask about",
                                             .method = "GET",
                                             .sink = &body,
                                             .sink_max = ANSWER_MAX};
    s3_param(&get, what, "");
    *ret_none = false;
    int rc = s3_do(t, &get, err);
    if (rc == 0) {
        rc = s3_xml_read(body.data, body.size, callback, context, err);
    } else if (s3_unsupported(&get) || get.exchange.overflow ||
               (get.exchange.status == 404 && strcmp(get.code, "NoSuchBucket") != 0)) {
        *ret_none = true;
        rc = 0;
    }
    buf_free(&body);
    return rc;
}

/* ---- Versions ---- */

static int on_versioning(const char *path, const char *text, void *context, struct error *err)
{
    enum target_versioning *versioning = context;
    (void)err;
    if (strcmp(path, "VersioningConfiguration/Status") == 0)
        *versioning = strcmp(text, "Enabled") == 0     ? TARGET_VERSIONING_ON
                      : strcmp(text, "Suspended") == 0 ? TARGET_VERSIONING_SUSPENDED
                                                       : TARGET_VERSIONING_OFF;
    return 0;
}

static int ask_versioning(struct s3_target *t, enum target_versioning *ret, struct error *err)
{
    bool none;
    *ret = TARGET_VERSIONING_OFF;
    if (ask(t, "versioning", on_versioning, ret, &none, err) != 0)
        return -1;
    atomic_store(&t->versions, *ret == TARGET_VERSIONING_OFF ? S3_NO : S3_YES);
    return 0;
}

int s3_keeps_versions(struct s3_target *t, bool *ret, struct error *err)
{
    enum target_versioning versioning;
    int known = atomic_load(&t->versions);
    if (known == S3_UNKNOWN) {
        if (ask_versioning(t, &versioning, err) != 0)
            return -1;
        known = atomic_load(&t->versions);
    }
    *ret = known == S3_YES;
    return 0;
}

/* ---- What it says of itself ---- */

static int on_location(const char *path, const char *text, void *context, struct error *err)
{
    struct target_facts *facts = context;
    (void)err;
    /* An empty one means the first region there was; "EU" is an old name for Ireland. */
    if (strcmp(path, "LocationConstraint") == 0)
        (void)snprintf(facts->region, sizeof(facts->region), "%.63s",
                       text[0] == '\0'           ? "us-east-1"
                       : strcmp(text, "EU") == 0 ? "eu-west-1"
                                                 : text);
    return 0;
}

static int on_lock(const char *path, const char *text, void *context, struct error *err)
{
    struct target_facts *facts = context;
    unsigned long number = strspn(text, "0123456789") == strlen(text) ? strtoul(text, NULL, 10) : 0;
    (void)err;
    number = number < 36500 ? number : 36500;
    if (strcmp(path, "ObjectLockConfiguration/ObjectLockEnabled") == 0)
        facts->lock_enabled = strcmp(text, "Enabled") == 0;
    else if (strcmp(path, "ObjectLockConfiguration/Rule/DefaultRetention/Mode") == 0)
        facts->lock_default = strcmp(text, "COMPLIANCE") == 0 ? TARGET_LOCK_COMPLIANCE : TARGET_LOCK_GOVERNANCE;
    else if (strcmp(path, "ObjectLockConfiguration/Rule/DefaultRetention/Days") == 0)
        facts->lock_default_days = (unsigned)number;
    else if (strcmp(path, "ObjectLockConfiguration/Rule/DefaultRetention/Years") == 0)
        facts->lock_default_days = (unsigned)(number < 100 ? number * 365 : 36500);
    return 0;
}

int s3_ask_lock(struct s3_target *t, struct target_facts *ret, struct error *err)
{
    bool none;
    if (ask(t, "object-lock", on_lock, ret, &none, err) != 0)
        return -1;
    atomic_store(&t->lockable, ret->lock_enabled ? S3_YES : S3_NO);
    return 0;
}

int s3_ask(struct target *target, struct target_facts *ret, struct error *err)
{
    struct s3_target *t = s3_target(target);
    struct error why = {0};
    bool none;
    if (s3_clock_skew(target, &ret->skew_ns, err) != 0 || ask_versioning(t, &ret->versioning, err) != 0 ||
        s3_ask_lock(t, ret, err) != 0)
        return -1;
    /* Many keys may not ask for the location; then the target does not say it. */
    if (ask(t, "location", on_location, ret, &none, &why) != 0 && why.class != ERROR_DENIED) {
        *err = why;
        return -1;
    }
    s3_http_tls(t->http, ret->tls_version, ret->tls_cipher);
    (void)pthread_mutex_lock(&t->lock);
    memcpy(ret->server, t->server, sizeof(ret->server));
    (void)pthread_mutex_unlock(&t->lock);
    return 0;
}

static bool fresh_skew(struct s3_target *t, int64_t *ret)
{
    (void)pthread_mutex_lock(&t->lock);
    bool fresh = t->skew_at_ns != 0 && clock_monotonic_ns() - t->skew_at_ns < SKEW_FRESH_S * NS_PER_S;
    *ret = t->skew_ns;
    (void)pthread_mutex_unlock(&t->lock);
    return fresh;
}

int s3_clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err)
{
    struct s3_target *t = s3_target(target);
    CLEANUP_REQUEST struct s3_request head = {.right = S3_READ, .kind = S3_HEAD, .action = "look at", .method = "HEAD"};
    /* Every answer tells the time: most often there is no need to ask for it. */
    if (fresh_skew(t, ret_skew_ns))
        return 0;
    if (s3_do(t, &head, err) != 0)
        return -1;
    return fresh_skew(t, ret_skew_ns)
               ? 0
               : error_set(err, ERROR_UNREACHABLE, "%s: the store does not tell the time", target->traits.name);
}

/* ---- Making it ---- */

static int create(struct s3_target *t, struct error *err)
{
    const struct s3_place *place = &t->place;
    bool located = place->provider->names_region_on_create && strcmp(place->region, "us-east-1") != 0;
    CLEANUP_FREE char *xml =
        located ? mem_printf("<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                             "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
                             place->region)
                : mem_strdup("");
    if (xml == NULL)
        return error_no_memory(err);
    CLEANUP_REQUEST struct s3_request put = {.right = S3_WRITE,
                                             .kind = S3_OTHER,
                                             .action = "create the bucket",
                                             .method = "PUT",
                                             .body = xml,
                                             .size = strlen(xml)};
    if (place->options.lock != TARGET_LOCK_NONE)
        s3_extra(&put, "x-amz-bucket-object-lock-enabled", "true");
    if (s3_do(t, &put, err) == 0 || strcmp(put.code, "BucketAlreadyOwnedByYou") == 0) {
        error_clear(err);
        return 0;
    }
    if (strcmp(put.code, "BucketAlreadyExists") != 0)
        return -1;
    (void)error_set(err, ERROR_DENIED, "%s: the bucket %s belongs to somebody else", t->base.traits.name,
                    place->bucket);
    return error_hint(err, "choose another name: they are shared by all customers of a store");
}

int s3_create_bucket(struct s3_target *t, struct error *err)
{
    CLEANUP_REQUEST struct s3_request head = {
        .right = S3_READ, .kind = S3_HEAD, .action = "look for", .method = "HEAD"};
    if (s3_do(t, &head, err) == 0)
        return 0;
    return head.exchange.status == 404 ? create(t, err) : -1;
}
