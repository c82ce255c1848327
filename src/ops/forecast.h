/*
 * What the next months will take, from what each run stored and freed.
 * A straight line through the last nights: its slope is the median of the
 * slopes between all pairs of nights (Theil, 1950; Sen, 1968), which a night
 * out of line does not move; the quartiles of these slopes say how sure it is.
 */
#ifndef HIKAE_OPS_FORECAST_H
#define HIKAE_OPS_FORECAST_H

#include "ops/engine.h"

enum { FORECAST_POINTS_MAX = 60 };

struct forecast_point {
    int64_t time_ns;
    double value;
};
/* A day's growth: the median, and the quartiles below and above. */
struct forecast_trend {
    double low, middle, high;
    size_t points; /* that it rests on; under 3 all are 0 */
};
/* Points in any order; those at one instant count together. At most FORECAST_POINTS_MAX are looked at. */
void forecast_trend(const struct forecast_point *points, size_t count, struct forecast_trend *ret);

/* As hikae_forecast, from a state that is known. prices_file NULL: the list compiled in. */
MUST_USE int forecast_take(struct hikae *hikae, unsigned months, const char *prices_file,
                           const struct hikae_status_report *status, struct hikae_forecast *ret, struct error *err);

#endif
