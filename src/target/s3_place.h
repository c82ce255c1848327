/*
 * Where an S3 target lies: what a URL and the options say, with the defaults
 * of the provider filled in and everything checked. No request is made here.
 *
 *     s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=…&provider=…&country=…&site=…
 *         &style=path|virtual&signature=v4|v2&insecure=true&credentials=SOURCE&ca_file=…&proxy=…&lock=MODE:DAYS
 */
#ifndef HIKAE_TARGET_S3_PLACE_H
#define HIKAE_TARGET_S3_PLACE_H

#include "base/provider.h"
#include "target/url.h"

/* What is known of a provider; more about regions and countries is for others to know. */
struct s3_provider {
    const char *name;
    const char *endpoint; /* with %s for the region; NULL: it must be given             */
    bool virtual_style;
    bool once_with_versions; /* honours If-None-Match also where versions are kept */
    bool sha256;             /* checks x-amz-checksum-sha256                               */
    bool listing_may_be_stale;
    bool names_region_on_create; /* takes a LocationConstraint                                 */
};

struct s3_place {
    const struct s3_provider *provider;
    char *bucket;
    char *prefix; /* "" or "x/y/" */
    char *region;
    bool tls;
    bool here; /* the endpoint is this machine's own */
    bool virtual_style;
    const struct provider_region *known; /* where the provider says it lies: only behind its own endpoint; else NULL */
    char *host;                          /* as in the header Host: name, and port unless it is the scheme's own */
    char *storage_class;                 /* as in the options, or NULL */
    char *sse_key;                       /* as in the options, or NULL */
    struct target_options options;       /* with what the URL says filled in; its strings are those of URL and caller */
};

/*
 * Read URL and options, which must live as long as strings of ret->options are used. `region` (may be NULL) is what the
 * credentials' source says, for targets that name none. ERROR_CONFIG.
 */
MUST_USE int s3_place_read(const struct target_options *options, const struct target_url *url, const char *region,
                           struct s3_place *ret, struct error *err);
void s3_place_free(struct s3_place *place);

#endif
