/*
 * What is due, and when: pure functions of a schedule, a zone, what was done
 * last, and now. A schedule is a row of windows, one in each period of the
 * zone's calendar. Only the latest window that has begun matters: what was
 * missed while the machine was off is made up once, not once for each night.
 *
 * Within a window each tenant has a time of its own (jitter), the same every
 * night, so that a thousand tenants do not begin in the same second.
 */
#ifndef HIKAE_POLICY_SCHEDULE_H
#define HIKAE_POLICY_SCHEDULE_H

#include "base/id.h"
#include "policy/policy.h"

enum schedule_state {
    SCHEDULE_NONE,   /* the policy has no schedule for such a tenant             */
    SCHEDULE_DONE,   /* done in the latest window                                */
    SCHEDULE_WAITS,  /* something else, not the window, says that it is too soon */
    SCHEDULE_DUE,    /* its time in the latest window has come                   */
    SCHEDULE_MISSED, /* and that window is over                                  */
    SCHEDULE_STATES
};

struct schedule_due {
    enum schedule_state state;
    int64_t at_ns;     /* DUE, MISSED: its time in the latest window; else the next time; NONE: 0         */
    int64_t ends_ns;   /* of the window of at_ns                                                          */
    unsigned windows;  /* that passed without success before the latest; at most SCHEDULE_WINDOWS_COUNTED */
    bool is_late;      /* a whole window passed without success                                           */
    int64_t missed_ns; /* the time in the latest window that did; 0: none did                             */
};

enum { SCHEDULE_WINDOWS_COUNTED = 400 };

static inline bool schedule_is_due(const struct schedule_due *due)
{
    return due->state == SCHEDULE_DUE || due->state == SCHEDULE_MISSED;
}
/* "due", "missed" … */
const char *schedule_state_name(enum schedule_state state);

/*
 * last_ns: when the last success began (0: never). not_before_ns: nothing before that instant (0: none). since_ns: when
 * the tenant came to be, so that windows before it are not called late (0: unknown). Instants in ns.
 */
void schedule_decide(const struct policy_schedule *schedule, const struct zone *zone, const struct id *tenant,
                     int64_t last_ns, int64_t not_before_ns, int64_t since_ns, int64_t now_ns,
                     struct schedule_due *ret);
/*
 * The windows themselves, for judging afterwards: the period (an opaque number) that an instant lies in, the next one
 * that has a window, and the window of a period (false: it has none, as a day that the zone left out).
 */
int64_t schedule_period(const struct policy_schedule *schedule, const struct zone *zone, int64_t instant_ns);
int64_t schedule_next_period(const struct policy_schedule *schedule, const struct zone *zone, int64_t period);
bool schedule_window(const struct policy_schedule *schedule, const struct zone *zone, int64_t period,
                     int64_t *ret_begins_ns, int64_t *ret_ends_ns);
/*
 * What is to be done every so often, without windows. Spans of days and more count in days of the zone, so that what
 * ran at 03:10 last time is due at 03:05 this time.
 */
void schedule_decide_span(struct span every, const struct zone *zone, int64_t last_ns, int64_t now_ns,
                          struct schedule_due *ret);

/*
 * Until when what was done at last_ns must be done again. Days are whole ones: what was done at 03:10 last time may be
 * done at 05:00 this time.
 */
int64_t schedule_deadline(struct span every, const struct zone *zone, int64_t last_ns);

/*
 * Which of `count` hosts a tenant belongs to (0 … count − 1), by rendezvous hashing (Thaler and Ravishankar, "Using
 * name-based mappings to increase hit rates", 1998): when a host is added, only its own share moves.
 */
unsigned schedule_shard(const struct id *tenant, unsigned count);

#endif
