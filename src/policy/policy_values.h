/*
 * A policy as a list of paths and values ("generations.keep.daily", "7"): for
 * finding where something stands in its file, for printing it, and for saying
 * what differs between two versions.
 */
#ifndef HIKAE_POLICY_POLICY_VALUES_H
#define HIKAE_POLICY_POLICY_VALUES_H

#include "policy/policy.h"

enum { POLICY_PATH_SIZE = 256 };

/*
 * In the order of the file. An item of a list is called by its id or name, else by its number from 1:
 * "promises[backup-daily].en", "drills[1].mode". line and column count from 1.
 */
typedef int policy_value_work(const char *path, const char *value, unsigned line, unsigned column, void *context,
                              struct error *err);
MUST_USE int policy_each_value(const struct policy *policy, policy_value_work *work, void *context, struct error *err);
/* Where the value of a path stands, or the first one below it; 1:1 if there is none. */
MUST_USE int policy_locate(const struct policy *policy, const char *path, unsigned *ret_line, unsigned *ret_column,
                           struct error *err);

/* A value that two versions have differently; before or after is NULL where only the other version has it. */
typedef int policy_change_work(const char *path, const char *before, const char *after, void *context,
                               struct error *err);
/* What differs: values of `after` in their order, then those that only `before` has. */
MUST_USE int policy_compare(const struct policy *before, const struct policy *after, policy_change_work *work,
                            void *context, struct error *err);

#endif
