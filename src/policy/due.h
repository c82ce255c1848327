/*
 * By when people must act: a notice of an incident, a look at backups, a
 * yearly reminder. Pure functions of a policy's rule, a zone, a calendar of
 * business days and an instant; nothing here knows what was done.
 *
 * Deadlines are the first instant that is too late: the end of a day is the
 * start of the next one.
 */
#ifndef HIKAE_POLICY_DUE_H
#define HIKAE_POLICY_DUE_H

#include "policy/calendar.h"
#include "policy/policy.h"

/*
 * By when a notice must be given that counts from `from_ns`: so many hours, days … later, or at the end of the n-th
 * business day after that day. *by_rule (may be NULL): see calendar_after.
 */
int64_t due_notice(struct span within, unsigned business_days, const struct zone *zone, const struct calendar *calendar,
                   int64_t from_ns, bool *by_rule);

/* A period in which somebody must have looked once. */
struct due_period {
    int64_t starts_ns;
    int64_t ends_ns; /* half open */
    int64_t due_ns;  /* in it, or its end */
    bool by_rule;    /* a business day of a year that is not announced */
};
/*
 * The period of a review that an instant lies in: the day, week, month, year, or several of them counted from the
 * calendar's beginning ("6m": January to June, July to December). With a business day the look is due by its end, in
 * the period's first month.
 */
void due_review(const struct policy_review *rule, const struct zone *zone, const struct calendar *calendar,
                int64_t instant_ns, struct due_period *ret);
/* Is the look owed by a policy that came into force then? Not if the time for it was half over. */
bool due_is_owed(const struct due_period *period, int64_t since_ns);

/*
 * The next time a reminder is for, counting on from `since_ns` (when the policy came into force). True: people are to
 * be reminded now, as many days before as the rule says, or on the day itself.
 */
bool due_reminder(const struct policy_reminder *rule, const struct zone *zone, int64_t since_ns, int64_t now_ns,
                  int64_t *ret_due_ns);

/* A day, week, month or year as people write it: "2026-11-21", "2026-W47", "2026-11", "2026". False if it is none. */
bool due_parse_period(const char *text, const struct zone *zone, int64_t *ret_starts_ns, int64_t *ret_ends_ns);

#endif
