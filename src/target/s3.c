/*
 * The driver "s3": any store that speaks S3 with Signature V4. An object's key
 * is the prefix of the target and the object's name.
 */
#include "base/mem.h"
#include "target/s3_target.h"

#include <stdio.h>

static void close_target(struct target *target)
{
    struct s3_target *t = s3_target(target);
    s3_http_free(t->http);
    for (size_t i = 0; i < S3_RIGHTS; i++)
        if (i == S3_WRITE || t->credentials[i] != t->credentials[S3_WRITE])
            credentials_close(t->credentials[i]);
    (void)pthread_mutex_destroy(&t->lock);
    target_traits_free(&t->base.traits);
    s3_place_free(&t->place);
    mem_free(t);
}

static int free_space(struct target *target, uint64_t *ret_bytes, struct error *err)
{
    (void)target;
    (void)err;
    *ret_bytes = UINT64_MAX;
    return 0;
}

static void counters(struct target *target, struct target_counters *ret)
{
    const struct s3_target *t = s3_target(target);
    *ret = (struct target_counters){
        .puts = atomic_load(&t->counts[S3_PUT]),
        .gets = atomic_load(&t->counts[S3_GET]),
        .heads = atomic_load(&t->counts[S3_HEAD]),
        .lists = atomic_load(&t->counts[S3_LIST]),
        .deletes = atomic_load(&t->counts[S3_REMOVE]),
        .others = atomic_load(&t->counts[S3_OTHER]),
        .retries = atomic_load(&t->retries),
        .bytes_up = atomic_load(&t->bytes_up),
        .bytes_down = atomic_load(&t->bytes_down),
    };
}

/* What both ways to a store can do. */
#define SHARED_OPS                                                                                                     \
    .close = close_target, .put = s3_put, .get_range = s3_get_range, .get = s3_get, .stat = s3_stat, .list = s3_list,  \
    .list_folders = s3_list_folders, .get_version = s3_get_version, .clock_skew = s3_clock_skew,                       \
    .free_space = free_space, .ask = s3_ask, .put_once = s3_put_once, .checks = s3_checks, .counters = counters,       \
    .remove = s3_remove, .remove_version = s3_remove_version, .list_versions = s3_list_versions,                       \
    .list_uploads = s3_list_uploads, .abort_upload = s3_abort_upload

static const struct target_ops ops = {
    SHARED_OPS,
    .lock_state = s3_lock_state,
    .extend_lock = s3_extend_lock,
    .legal_hold = s3_legal_hold,
    .remove_many = s3_remove_many,
};

/* With Signature V2 there are no locks; and what knows nothing newer may not know deletions by the batch. */
static const struct target_ops ops_v2 = {SHARED_OPS};

/* Where nothing else is said for reading or deleting, the keys are those for writing. */
static int open_credentials(struct s3_target *t, struct error *err)
{
    const struct target_options *o = &t->place.options;
    const struct target_credentials *const sources[S3_RIGHTS] = {
        [S3_WRITE] = &o->write, [S3_READ] = &o->read, [S3_DELETE] = &o->remove};
    for (size_t i = 0; i < S3_RIGHTS; i++) {
        const struct credentials_options options = {.from = *sources[i]};
        t->credentials[i] = t->credentials[S3_WRITE];
        if (i != S3_WRITE && sources[i]->kind == TARGET_CREDENTIALS_DEFAULT)
            continue;
        t->credentials[i] = NULL;
        if (credentials_open(&options, &t->credentials[i], err) != 0)
            return -1;
    }
    return 0;
}

/* Where no region is named, the source of the credentials may know one. */
static int read_place(struct s3_target *t, const struct target_options *options, const struct target_url *url,
                      struct error *err)
{
    struct credentials *source = NULL;
    CLEANUP_FREE char *region = NULL;
    const struct credentials_options from = {.from = options->write};
    if (options->region == NULL && target_url_param(url, "region") == NULL &&
        target_url_param(url, "credentials") == NULL) {
        int rc = credentials_open(&from, &source, err);
        if (rc == 0)
            rc = credentials_region(source, &region, err);
        credentials_close(source);
        if (rc != 0)
            return -1;
    }
    return s3_place_read(options, url, region, &t->place, err);
}

/* What the provider says of a place stands above what the operator says, which must not contradict it. */
static int take_place(struct target_traits *traits, const struct provider_region *known, struct error *err)
{
    if (known == NULL)
        return 0;
    if (traits->country != NULL && strcmp(traits->country, known->country) != 0) {
        (void)error_set(err, ERROR_CONFIG, "%s: the region %s of %s is %s and lies in %s, not in %s", traits->name,
                        known->region, known->provider, known->place, known->country, traits->country);
        return error_hint(err, "write country=%s, or choose a region of the country that you mean", known->country);
    }
    traits->attested = false;
    if (traits->country == NULL && (traits->country = mem_strdup(known->country)) == NULL)
        return error_no_memory(err);
    if (traits->site == NULL && (traits->site = mem_strdup(known->place)) == NULL)
        return error_no_memory(err);
    return 0;
}

static int init_traits(struct s3_target *t, const struct target_url *url, struct error *err)
{
    struct target_traits *traits = &t->base.traits;
    if (target_traits_init(traits, &t->place.options, url, t->place.provider->name, err) != 0 ||
        take_place(traits, t->place.known, err) != 0)
        return -1;
    traits->region = mem_strdup(t->place.region);
    traits->versions = true; /* perhaps: s3_get_version finds out */
    traits->lock = t->place.options.lock != TARGET_LOCK_NONE;
    traits->lock_mode = t->place.options.lock;
    traits->lock_days = traits->lock ? t->place.options.lock_days : 0;
    traits->elsewhere = !t->place.here;
    traits->listing_may_be_stale = t->place.provider->listing_may_be_stale;
    traits->parallel =
        t->place.options.connections > 0 && t->place.options.connections < 4 ? t->place.options.connections : 4;
    traits->place = mem_printf("s3:%s/%s/%s", t->place.host, t->place.bucket, t->place.prefix);
    return traits->region != NULL && traits->place != NULL ? 0 : error_no_memory(err);
}

static int init(struct s3_target *t, const struct target_options *options, const struct target_url *url, bool create,
                struct error *err)
{
    if (read_place(t, options, url, err) != 0 || (t->v2 && s3v2_check_place(&t->place, err) != 0) ||
        init_traits(t, url, err) != 0 || open_credentials(t, err) != 0 ||
        s3_http_new(&t->place.options, &t->http, err) != 0)
        return -1;
    (void)snprintf(t->region, sizeof(t->region), "%s", t->place.region);
    t->checksum = t->place.options.checksum;
    if (t->checksum == TARGET_CHECKSUM_AUTO && t->place.provider->sha256)
        t->checksum = TARGET_CHECKSUM_SHA256;
    /* A bucket with locks keeps versions. */
    if (t->base.traits.lock && !t->place.provider->once_with_versions)
        atomic_store(&t->conditional, S3_NO);
    if (t->v2) {
        t->checksum = TARGET_CHECKSUM_MD5; /* nothing else vouches for the bytes */
        atomic_store(&t->conditional, S3_NO);
    }
    return create ? s3_create_bucket(t, err) : 0;
}

static int open_with(const struct target_options *options, const struct target_url *url, bool create, bool v2,
                     struct target **ret, struct error *err)
{
    struct s3_target *t = mem_calloc(1, sizeof(*t));
    if (t == NULL)
        return error_no_memory(err);
    t->base.ops = v2 ? &ops_v2 : &ops;
    t->lost_max_ms = S3_LOST_MAX_MS;
    t->v2 = v2;
    (void)pthread_mutex_init(&t->lock, NULL);
    if (init(t, options, url, create, err) != 0) {
        close_target(&t->base);
        return -1;
    }
    *ret = &t->base;
    return 0;
}

static int open_v4(const struct target_options *options, const struct target_url *url, bool create, struct target **ret,
                   struct error *err)
{
    return open_with(options, url, create, false, ret, err);
}

static int open_v2(const struct target_options *options, const struct target_url *url, bool create, struct target **ret,
                   struct error *err)
{
    return open_with(options, url, create, true, ret, err);
}

static int describe(const struct target_options *options, const struct target_url *url, struct target_traits *ret,
                    struct error *err)
{
    struct s3_target *t = mem_calloc(1, sizeof(*t));
    if (t == NULL)
        return error_no_memory(err);
    int rc = read_place(t, options, url, err);
    if (rc == 0)
        rc = init_traits(t, url, err);
    if (rc == 0)
        *ret = t->base.traits;
    else
        target_traits_free(&t->base.traits);
    s3_place_free(&t->place);
    mem_free(t);
    return rc;
}

const struct target_driver target_driver_s3 = {
    .scheme = "s3", .signature = TARGET_SIGNATURE_V4, .open = open_v4, .describe = describe};
const struct target_driver target_driver_s3_v2 = {
    .scheme = "s3", .signature = TARGET_SIGNATURE_V2, .open = open_v2, .describe = describe};
