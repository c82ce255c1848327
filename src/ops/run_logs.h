/*
 * The job `logs`: entries of the audit log whose time is over are deleted, and
 * logs of other systems that should have been taken in are told. It is of no
 * tenant: done once a day for the whole store, after the tenants' jobs.
 */
#ifndef HIKAE_OPS_RUN_LOGS_H
#define HIKAE_OPS_RUN_LOGS_H

#include "ops/incident.h"
#include "ops/run.h"

/* When it is due: once on each day, in UTC. */
void run_logs_due(const struct run_plan *plan, int64_t now_ns, struct schedule_due *ret);
/*
 * Do it; *ret_detail (mem_free) says what was done. What is missing goes to misses, which borrow from *ret_logs
 * (hikae_logs_free, whatever is returned).
 */
enum hikae_status run_logs(struct hikae *hikae, const struct run_plan *plan, struct misses *misses,
                           struct hikae_logs *ret_logs, char **ret_detail, struct hikae_error *error);
/* How long each class must be kept: by the policies in force, the longest. NULL: for ever. span_format's texts. */
void run_logs_keep(const struct policies *policies, char texts[][SPAN_TEXT_SIZE], const char *ret[], size_t count);

#endif
