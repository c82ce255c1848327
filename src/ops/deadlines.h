/*
 * What people must do, and by when: erasures of tenants whose contract ends,
 * copies that restores handed out, drills on servers of their own, first
 * notices of incidents, looks that policies promise, reminders. One list
 * for status, figures, alerts and pages, so that none of them knows more.
 */
#ifndef HIKAE_OPS_DEADLINES_H
#define HIKAE_OPS_DEADLINES_H

#include "hikae.h"
#include "ops/facts.h"

/* A drill on another machine takes a server and a day to be found. */
#define DEADLINES_DRILL_NEAR_NS (INT64_C(30) * 86400 * NS_PER_S)
/* A look is listed when it is this near, and so long after it was missed; a notice until it is given. */
#define DEADLINES_NEAR_NS (INT64_C(7) * 86400 * NS_PER_S)

/*
 * Append to the report's deadlines what the tenants in it and the store's own history say, and count what is open; by
 * time. `facts`: a session on the store's history.
 */
MUST_USE int deadlines_take(const struct session *facts, int64_t now_ns, struct hikae_status_report *report,
                            struct error *err);

/* What is looked at ("backups"), in Japanese; itself where a policy names something of its own. */
const char *deadlines_look_ja(const char *of);

#endif
