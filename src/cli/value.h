/*
 * Values of options: durations, parts, instants, pairs. Each fills the run's
 * error with what is allowed.
 */
#ifndef HIKAE_CLI_VALUE_H
#define HIKAE_CLI_VALUE_H

#include "cli/run.h"

/* "90s", "15m", "12h", "30d", "2w", "1y" (365 days) in nanoseconds. */
enum hikae_status value_duration(struct run *run, const char *option, const char *text, int64_t *ret_ns);
/* "3%", "3" (per cent, over 0 to 100) or "1/30"; *ret_part 0 means all. */
enum hikae_status value_part(struct run *run, const char *option, const char *text, double *ret_part);
/* A whole number of at most max. */
enum hikae_status value_number(struct run *run, const char *option, const char *text, unsigned max, unsigned *ret);
/* "500", "20K", "3M", "10G", "2T" (powers of 1024). */
enum hikae_status value_size(struct run *run, const char *option, const char *text, uint64_t *ret);
/* RFC 3339, or a day: its first moment, in UTC. */
enum hikae_status value_time(struct run *run, const char *option, const char *text, int64_t *ret_ns);
/* --snapshot and --at: at most one of them. A day is its last moment, in UTC: the latest snapshot of it, or before. */
enum hikae_status value_which(struct run *run, struct hikae_which *ret);
/* An argument that names a snapshot: "latest", an instant or a day as above, or an id. */
enum hikae_status value_snapshot(const char *text, struct hikae_which *ret);
/* "NAME=REST": the name as fresh memory, the rest borrowed. */
enum hikae_status value_pair(struct run *run, const char *option, const char *text, char **ret_name,
                             const char **ret_rest);

#endif
