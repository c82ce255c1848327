/*
 * Providers of object stores, their regions, and where these lie: data, with
 * the day on which it was looked at. Residency is decided by the pair of
 * provider and region, never by the region alone: ap-northeast-2 is Seoul with
 * one provider and Osaka with another.
 */
#ifndef HIKAE_BASE_PROVIDER_H
#define HIKAE_BASE_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#define PROVIDER_TABLE_DATE "2026-11-01"

struct provider {
    const char *name;      /* "aws"                                                              */
    bool places_known;     /* its regions are in the table: what an operator declares must agree */
    unsigned minimum_days; /* every object is billed at least so long                            */
    unsigned minimum_size; /* and as at least so many bytes                                      */
};
struct provider_region {
    const char *provider, *region;
    const char *country; /* ISO 3166-1 alpha-2 */
    const char *place;   /* for people         */
};

/* NULL if hikae knows none of that name. */
const struct provider *provider_find(const char *name);
/* NULL if the table does not have it. */
const struct provider_region *provider_region_find(const char *provider, const char *region);
/* All of them, for listings; ends with a NULL provider. */
const struct provider_region *provider_regions(void);
/* Does a storage class keep an object at one place only? NULL: the bucket's own class, which does not. */
bool provider_class_is_one_zone(const char *storage_class);

#endif
