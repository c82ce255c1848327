/*
 * Where policies and calendars are found as files: beside the configuration
 * (<its folder>/policies), then where HIKAE_POLICIES says, or else where they
 * were installed. The first that has a name wins, so that an operator's edited
 * copy goes before the shipped one.
 */
#ifndef HIKAE_OPS_POLICY_FILES_H
#define HIKAE_OPS_POLICY_FILES_H

#include "policy/calendar.h"
#include "policy/controls.h"
#include "policy/policy.h"

/*
 * A policy by the name it has (found as NAME.yaml) or, if `what` holds a '/' or ends in ".yaml", by its path.
 * config_path is that of hikae.yaml, which need not exist. ERROR_NOT_FOUND; ERROR_CONFIG if the file is none, or if
 * the policy in it has another name.
 */
MUST_USE int policy_files_load(const char *config_path, const char *what, struct policy **ret, struct error *err);
/* Is `what` a path, and no name? */
bool policy_files_is_path(const char *what);

/* Every policy's file, each name once, sorted by name. `why` of a file that cannot be read; policy NULL then. */
typedef int policy_files_work(const char *name, const char *path, const struct policy *policy, const struct error *why,
                              void *context, struct error *err);
MUST_USE int policy_files_each(const char *config_path, policy_files_work *work, void *context, struct error *err);

/*
 * A calendar (calendars/NAME.yaml). Without a file the legal rule stands in: *ret_missing (may be NULL) says so.
 * ERROR_NOT_FOUND if there is neither.
 */
MUST_USE int policy_files_calendar(const char *config_path, const char *name, struct calendar **ret, bool *ret_missing,
                                   struct error *err);

/* The controls of standards (controls/iso.yaml). Without a file there are none. */
MUST_USE int policy_files_controls(const char *config_path, struct controls *ret, struct error *err);

#endif
