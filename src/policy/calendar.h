/*
 * Business days: which days an office works, for promises such as "by the
 * fifth business day of the month" and "within three business days".
 *
 * A calendar is a dated YAML file: the public holidays of the years that have
 * been announced, the weekend, and days on which the operator is closed every
 * year. For years that nobody has announced yet the legal rule stands in
 * (src/policy/holiday.c for Japan), and every answer that leans on it says so:
 * holidays are moved by law now and then, and nobody can know that before.
 *
 * Days are days since 1970-01-01 (base/civil.h). A calendar never changes once
 * it is read: any number of threads may use one.
 */
#ifndef HIKAE_POLICY_CALENDAR_H
#define HIKAE_POLICY_CALENDAR_H

#include "base/civil.h"
#include "policy/zone.h"

#include <stddef.h>

#define CALENDAR_JAPAN "japan"

struct calendar;

/* Read a calendar's file, or its text. ERROR_CONFIG with FILE:LINE:COLUMN; ERROR_NOT_FOUND if there is no file. */
MUST_USE int calendar_parse(const char *file, const void *text, size_t size, struct calendar **ret, struct error *err);
MUST_USE int calendar_load(const char *path, struct calendar **ret, struct error *err);
/* The legal rule alone, when there is no file: "japan". ERROR_NOT_FOUND for another name. */
MUST_USE int calendar_by_rule(const char *name, struct calendar **ret, struct error *err);
/* NULL is fine. */
void calendar_free(struct calendar *calendar);

struct calendar_day {
    bool works;     /* a business day                                              */
    bool by_rule;   /* the year is not in the file: the legal rule says so         */
    const char *ja; /* the holiday's name, or NULL: not a holiday; borrowed        */
    const char *en;
};
void calendar_look(const struct calendar *calendar, int64_t day, struct calendar_day *ret);

/*
 * The day that is `count` business days after `day`, which itself does not count (count 1: the next business day).
 * *by_rule (may be NULL) is set to true if a day on the way was judged by the rule; it is never set to false.
 */
int64_t calendar_after(const struct calendar *calendar, int64_t day, unsigned count, bool *by_rule);
/* The first (count 1), second, … business day of a month. A month has 15 at least; beyond its end the next one's. */
int64_t calendar_of_month(const struct calendar *calendar, int64_t year, int month, unsigned count, bool *by_rule);
/* The end of the day in the zone that is `count` business days after the day of an instant: a deadline. */
int64_t calendar_deadline(const struct calendar *calendar, const struct zone *zone, int64_t instant_ns, unsigned count,
                          bool *by_rule);

/* ---- holiday.c: the Act on National Holidays ---- */

/* A public holiday of Japan by the law: its name, or false. From 2007 on; earlier years had other holidays too. */
bool holiday_japan(int64_t day, const char **ret_ja, const char **ret_en);

#endif
