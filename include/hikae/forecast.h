/* libhikae: growth and cost. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_FORECAST_H
#define HIKAE_PUBLIC_FORECAST_H

#include "hikae/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hikae_forecast_month {
    unsigned month;                 /* 1: 30 days from now */
    uint64_t bytes;                 /* held at its end */
    uint64_t bytes_low, bytes_high; /* by the quartiles of the growth */
    uint64_t requests;              /* that store */
    double cost;                    /* of storage and requests in that month; 0 where the target has no price */
    double restore_cost;            /* of getting everything out once */
};
struct hikae_forecast_target {
    char *name;
    uint64_t bytes, objects; /* now */
    size_t nights;           /* that the growth is reckoned from; under 3: none is assumed */
    double bytes_a_day, bytes_a_day_low, bytes_a_day_high;
    uint64_t free_bytes; /* UINT64_MAX: not known */
    int64_t full_ns;     /* when it is full, at the high growth; 0: not in sight */
    bool priced;
    unsigned minimum_days; /* objects deleted earlier are billed so long all the same; that is not in the cost */
    struct hikae_forecast_month *months;
    size_t month_count;
};
struct hikae_forecast {
    struct hikae_forecast_target *targets;
    size_t count;
    char *prices_date, *currency;
    bool prices_old; /* more than a year */
};
/* From what the runs of the last 60 nights stored and freed. prices: a file, or NULL for the list compiled in. */
enum hikae_status hikae_forecast(struct hikae *hikae, unsigned months, const char *prices, struct hikae_forecast *ret,
                                 struct hikae_error *error);
void hikae_forecast_free(struct hikae_forecast *forecast);

#ifdef __cplusplus
}
#endif

#endif
