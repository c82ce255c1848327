/* The table. Regions and places as the providers publish them; sorted by provider, then as they group them. */
#include "base/provider.h"

#include <string.h>

static const struct provider providers[] = {
    {.name = "aws", .places_known = true},
    {.name = "wasabi", .places_known = true, .minimum_days = 90, .minimum_size = 4096},
    {.name = "ceph"},
    {.name = "swift"},
    {.name = "generic"},
    {.name = "folder"},
};

static const struct provider_region regions[] = {
    {"aws", "ap-northeast-1", "JP", "Tokyo"},
    {"aws", "ap-northeast-2", "KR", "Seoul"},
    {"aws", "ap-northeast-3", "JP", "Osaka"},
    {"aws", "ap-east-1", "HK", "Hong Kong"},
    {"aws", "ap-south-1", "IN", "Mumbai"},
    {"aws", "ap-south-2", "IN", "Hyderabad"},
    {"aws", "ap-southeast-1", "SG", "Singapore"},
    {"aws", "ap-southeast-2", "AU", "Sydney"},
    {"aws", "ap-southeast-3", "ID", "Jakarta"},
    {"aws", "ap-southeast-4", "AU", "Melbourne"},
    {"aws", "ap-southeast-5", "MY", "Malaysia"},
    {"aws", "ap-southeast-7", "TH", "Thailand"},
    {"aws", "us-east-1", "US", "N. Virginia"},
    {"aws", "us-east-2", "US", "Ohio"},
    {"aws", "us-west-1", "US", "N. California"},
    {"aws", "us-west-2", "US", "Oregon"},
    {"aws", "us-gov-east-1", "US", "GovCloud East"},
    {"aws", "us-gov-west-1", "US", "GovCloud West"},
    {"aws", "ca-central-1", "CA", "Central Canada"},
    {"aws", "ca-west-1", "CA", "Calgary"},
    {"aws", "mx-central-1", "MX", "Mexico"},
    {"aws", "sa-east-1", "BR", "São Paulo"},
    {"aws", "eu-central-1", "DE", "Frankfurt"},
    {"aws", "eu-central-2", "CH", "Zurich"},
    {"aws", "eu-north-1", "SE", "Stockholm"},
    {"aws", "eu-south-1", "IT", "Milan"},
    {"aws", "eu-south-2", "ES", "Spain"},
    {"aws", "eu-west-1", "IE", "Ireland"},
    {"aws", "eu-west-2", "GB", "London"},
    {"aws", "eu-west-3", "FR", "Paris"},
    {"aws", "af-south-1", "ZA", "Cape Town"},
    {"aws", "il-central-1", "IL", "Tel Aviv"},
    {"aws", "me-central-1", "AE", "UAE"},
    {"aws", "me-south-1", "BH", "Bahrain"},
    {"aws", "cn-north-1", "CN", "Beijing"},
    {"aws", "cn-northwest-1", "CN", "Ningxia"},
    {"wasabi", "ap-northeast-1", "JP", "Tokyo"},
    {"wasabi", "ap-northeast-2", "JP", "Osaka"},
    {"wasabi", "ap-southeast-1", "SG", "Singapore"},
    {"wasabi", "ap-southeast-2", "AU", "Sydney"},
    {"wasabi", "us-east-1", "US", "N. Virginia"},
    {"wasabi", "us-east-2", "US", "N. Virginia"},
    {"wasabi", "us-central-1", "US", "Texas"},
    {"wasabi", "us-west-1", "US", "Oregon"},
    {"wasabi", "us-west-2", "US", "San Jose"},
    {"wasabi", "ca-central-1", "CA", "Toronto"},
    {"wasabi", "eu-central-1", "NL", "Amsterdam"},
    {"wasabi", "eu-central-2", "DE", "Frankfurt"},
    {"wasabi", "eu-south-1", "IT", "Milan"},
    {"wasabi", "eu-west-1", "GB", "London"},
    {"wasabi", "eu-west-2", "FR", "Paris"},
    {"wasabi", "eu-west-3", "GB", "London"},
    {0},
};

const struct provider *provider_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(providers) / sizeof(providers[0]); i++)
        if (strcmp(providers[i].name, name) == 0)
            return &providers[i];
    return NULL;
}

const struct provider_region *provider_region_find(const char *provider, const char *region)
{
    for (const struct provider_region *r = regions; provider != NULL && region != NULL && r->provider != NULL; r++)
        if (strcmp(r->provider, provider) == 0 && strcmp(r->region, region) == 0)
            return r;
    return NULL;
}

const struct provider_region *provider_regions(void)
{
    return regions;
}

bool provider_class_is_one_zone(const char *storage_class)
{
    static const char *const one_zone[] = {"ONEZONE_IA", "EXPRESS_ONEZONE", "REDUCED_REDUNDANCY"};
    for (size_t i = 0; storage_class != NULL && i < sizeof(one_zone) / sizeof(one_zone[0]); i++)
        if (strcmp(one_zone[i], storage_class) == 0)
            return true;
    return false;
}
