/*
 * Time zones of the tz database: from instants to what a clock on the wall
 * shows there, and back. Promises are made in days, weeks and months of a
 * place ("every night at two, seven generations"), so a day here may have 23
 * or 25 hours, or not exist at all.
 *
 * A zone is read from its TZif file (RFC 8536, version 2 and later, with the
 * rule for the far future in its footer) and never changes afterwards: any
 * number of threads may use one. The process's own zone (TZ) is neither read
 * nor touched. Instants are nanoseconds since 1970-01-01T00:00:00Z.
 */
#ifndef HIKAE_POLICY_ZONE_H
#define HIKAE_POLICY_ZONE_H

#include "base/civil.h"
#include "base/error.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum {
    ZONE_NAME_MAX = 64,          /* bytes of a zone's name             */
    ZONE_FILE_MAX = 256 * 1024,  /* bytes of a TZif file               */
    ZONE_ABBREVIATION_SIZE = 16, /* with the NUL; longer ones are cut  */
    ZONE_TEXT_SIZE = 32          /* what zone_format and its kin write */
};

/* What a clock on the wall shows. */
struct zone_time {
    struct civil_date date;
    int hour, minute, second;
    int32_t ns;
    int32_t offset_s; /* local time minus UTC */
    bool daylight;
    char abbreviation[ZONE_ABBREVIATION_SIZE]; /* "JST" */
};

/* How often a local time comes: a gap skips it, an overlap has it twice. */
enum zone_match { ZONE_ONCE, ZONE_TWICE, ZONE_NEVER };

/* Periods by the local calendar. Weeks are those of ISO 8601: from Monday. */
enum zone_unit { ZONE_HOUR, ZONE_DAY, ZONE_WEEK, ZONE_MONTH, ZONE_YEAR };

struct zone;

/*
 * A zone by its name in the tz database ("Asia/Tokyo", "UTC"). ERROR_CONFIG if the name is none, there is no such
 * zone, or its file cannot be used (truncated, of version 1, with leap seconds).
 */
MUST_USE int zone_open(const char *name, struct zone **ret, struct error *err);
/* The same from the bytes of a TZif file. */
MUST_USE int zone_parse(const char *name, const void *bytes, size_t size, struct zone **ret, struct error *err);
/* NULL is fine. */
void zone_free(struct zone *zone);
const char *zone_name(const struct zone *zone);

/* What the clock shows at an instant. */
void zone_civil(const struct zone *zone, int64_t instant_ns, struct zone_time *ret);
/*
 * The first instant at which the clock shows a local time, or, where a gap skips it, the first one after the gap.
 * Of *time only date, hour, minute, second and ns are looked at; a day past the end of its month is that month's last
 * day. *ret_match (may be NULL) tells the cases apart. Beyond what an instant can hold: the nearest that can.
 */
int64_t zone_instant(const struct zone *zone, const struct zone_time *time, enum zone_match *ret_match);

/*
 * The number of the period that an instant lies in: two instants have the same number if and only if they lie in the
 * same hour, day, … of the zone. Days count from 1970-01-01, weeks from that of 1970-01-01, months from January of
 * year 0, years are the years. Hours are those that have passed (an hour that comes twice is two, and a change by half
 * an hour begins a new one), numbered by the second that they begin with.
 */
int64_t zone_period(const struct zone *zone, enum zone_unit unit, int64_t instant_ns);
/* The first instant of the period of that number; for a day that a zone has left out, the first after it. */
int64_t zone_period_start(const struct zone *zone, enum zone_unit unit, int64_t number);
/*
 * Calendar arithmetic: months first (a day past the end of the month becomes its last day), then days; the time of
 * day stays, gaps and overlaps as in zone_instant. Either may be negative.
 */
int64_t zone_add(const struct zone *zone, int64_t instant_ns, int64_t months, int64_t days);

/* "2026-11-21T18:12:46+09:00". Returns buf (ZONE_TEXT_SIZE bytes). */
char *zone_format(const struct zone *zone, int64_t instant_ns, char *buf);
/* The name of a period for people: "2026-11-21 18:00+09", "2026-11-21", "2026-W47", "2026-11", "2026". Returns buf. */
char *zone_period_format(const struct zone *zone, enum zone_unit unit, int64_t number, char *buf);

#endif
