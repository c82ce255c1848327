/* Restores: what a drill and other operations share with hikae_restore. */
#ifndef HIKAE_OPS_RESTORE_H
#define HIKAE_OPS_RESTORE_H

#include "ops/engine.h"

/* Read from the target of that name only, as long as this handle lives (NULL: any). ERROR_NOT_FOUND. */
MUST_USE int restore_from_target(struct hikae *hikae, const char *name, struct error *err);

/* "production", "staging", "drill". */
const char *restore_destination_name(enum hikae_destination destination);

/* ---- restore_rule.c: what a policy asks of restores ---- */

struct restore_ask {
    const struct hikae_restore_options *options;
    const char *tenant;
    const char *snapshot; /* its name */
    bool is_latest;
};
/*
 * May it be done? ERROR_REFUSED names what is missing. *ret_recorded: the copy is to be recorded; *ret_approvers: who
 * said yes (mem_free, also after -1). A dry run asks nobody.
 */
MUST_USE int restore_rule_check(const struct session *session, const struct restore_ask *ask, bool *ret_recorded,
                                char **ret_approvers, struct error *err);
/* "sato, tanaka" (mem_free). NULL without memory. */
char *restore_names(const char *const *names, size_t count);

/* ---- restore_copy.c: copies handed out ---- */

/* Record a copy that is about to be handed out; *ret_id (mem_free). */
MUST_USE int restore_copy_record(struct session *session, const struct restore_ask *ask, const char *approvers,
                                 const struct manifest_root *root, char **ret_id, struct error *err);

/* The copies of one tenant, appended; those that are wiped too, or not. */
MUST_USE int restore_copies_of(const struct history *history, const char *tenant, bool all, struct hikae_copies *ret,
                               struct error *err);

#endif
