/* For tests of retention: times, zones and rules from texts. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_RETENTION_FIXTURE_H
#define HIKAE_TESTS_RETENTION_FIXTURE_H

#include "base/clock.h"
#include "policy/retention.h"

static inline int64_t at(const char *text)
{
    int64_t ns = 0;
    assert_int_equal(clock_parse(text, &ns, NULL), 0);
    return ns;
}

static inline struct zone *open_zone(const char *name)
{
    struct zone *zone = NULL;
    assert_int_equal(zone_open(name, &zone, NULL), 0);
    return zone;
}

static inline struct retention_rule rule(enum retention_kind kind, unsigned count, const char *within, char *tag)
{
    struct retention_rule made = {.kind = kind, .count = count, .tag = tag};
    if (within != NULL)
        assert_int_equal(span_parse(within, &made.within, NULL), 0);
    return made;
}

#endif
