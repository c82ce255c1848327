/*
 * Spans of time as promises state them: "72h", "30d", "2w", "12m" (months),
 * "7y". A month is no number of seconds: a span is added to an instant by the
 * calendar of a zone (31 January and one month is the last day of February).
 */
#ifndef HIKAE_POLICY_SPAN_H
#define HIKAE_POLICY_SPAN_H

#include "policy/zone.h"

enum { SPAN_TEXT_SIZE = 16, SPAN_YEARS_MAX = 100 };

enum span_unit { SPAN_HOURS, SPAN_DAYS, SPAN_WEEKS, SPAN_MONTHS, SPAN_YEARS };

/* All zero: no span. */
struct span {
    unsigned count;
    enum span_unit unit;
};

/*
 * A number from 1 without leading zeros and one letter of h d w m y, nothing else; at most SPAN_YEARS_MAX years.
 * ERROR_USAGE.
 */
MUST_USE int span_parse(const char *text, struct span *ret, struct error *err);
/* As span_parse reads it. Returns buf (SPAN_TEXT_SIZE bytes). */
char *span_format(struct span span, char *buf);
static inline bool span_is_set(struct span span)
{
    return span.count > 0;
}
/* The instant a span after (times 1) or before (times -1) another; times 2: two such spans, added at once. */
int64_t span_add(struct span span, const struct zone *zone, int64_t instant_ns, int times);
/*
 * How short and how long a span can be, in seconds: a day has 23 to 25 hours, a month 28 to 31 days, a year 365 or 366.
 * For comparing promises with each other, where there is no instant yet.
 */
int64_t span_shortest_s(struct span span);
int64_t span_longest_s(struct span span);
/* Is a span never shorter than another, whenever both begin? 30d is shorter than 1m in January, and 365d than 1y. */
bool span_is_never_shorter(struct span span, struct span than);

#endif
