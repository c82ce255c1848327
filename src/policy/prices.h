/*
 * What object stores charge: list prices as data with the day on which they
 * were looked at. Ours are compiled in; an operator who has others writes a
 * file of the same form. Amounts are millionths of the currency.
 */
#ifndef HIKAE_POLICY_PRICES_H
#define HIKAE_POLICY_PRICES_H

#include "base/error.h"

#include <stdint.h>

struct price {
    char *provider;
    char *region;              /* "any" */
    uint64_t storage_gb_month; /* 10^9 bytes for a month */
    uint64_t put_1000;         /* a thousand requests that store or list */
    uint64_t egress_gb;        /* 10^9 bytes out of the provider's network */
    unsigned minimum_days;     /* each object is billed at least so long */
};

struct prices {
    char *date; /* "2026-11-01" */
    int64_t date_ns;
    char *currency;
    struct price *items;
    size_t count;
};

extern const char prices_text[];
/* Read the file, or (NULL) our own. ERROR_CONFIG with "FILE:LINE:COLUMN: what is wrong"; ERROR_NOT_FOUND. */
MUST_USE int prices_load(const char *path, struct prices *ret, struct error *err);
void prices_clear(struct prices *prices);
/* The price of that region, or else of any; NULL if there is none. */
const struct price *prices_find(const struct prices *prices, const char *provider, const char *region);

#endif
