/* What a zone is made of, for the files that build and read it. */
#ifndef HIKAE_POLICY_ZONE_INTERNAL_H
#define HIKAE_POLICY_ZONE_INTERNAL_H

#include "policy/zone.h"

#include <stddef.h>

enum { ZONE_TYPES_MAX = 256 };

/* A kind of local time (RFC 8536, section 3.2: local time type record). */
struct zone_type {
    int32_t offset_s;
    bool daylight;
    char abbreviation[ZONE_ABBREVIATION_SIZE];
};

/* The day of a year on which the footer's rule changes the clock (POSIX.1, 8.3, TZ). */
enum zone_rule_kind {
    RULE_JULIAN, /* Jn: 1 … 365, 29 February never counted */
    RULE_DAY,    /* n: 0 … 365                             */
    RULE_WEEKDAY /* Mm.w.d                                 */
};
struct zone_change {
    enum zone_rule_kind kind;
    int day;  /* of RULE_JULIAN and RULE_DAY; weekday (0 Sunday) of RULE_WEEKDAY */
    int week; /* 1 … 5, 5 is the last                                            */
    int month;
    int32_t time_s; /* local time of the change; beyond a day either way is allowed    */
};

/* The footer: what holds after the last transition. */
struct zone_rule {
    bool present;
    bool has_daylight;
    struct zone_type standard, daylight;
    struct zone_change start, end; /* of daylight saving */
};

struct zone {
    char name[ZONE_NAME_MAX + 1];
    int64_t *times; /* transitions, in seconds since 1970, ascending */
    uint8_t *kinds; /* the type in force from times[i] on            */
    size_t count;
    struct zone_type types[ZONE_TYPES_MAX];
    size_t type_count;
    struct zone_rule rule;
};

/* The footer's text (without its newlines); false if it is none. An empty one: no rule. */
bool zone_rule_parse(const char *text, size_t size, struct zone_rule *ret);
/* A stretch of time with one type: from `begin` (INT64_MIN: always) up to `end` (INT64_MAX: for ever). */
struct zone_stretch {
    const struct zone_type *type;
    int64_t begin, end;
};
/* The stretch that the rule has around a second. */
struct zone_stretch zone_rule_at(const struct zone_rule *rule, int64_t second);

#endif
