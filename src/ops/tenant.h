/*
 * Tenants, for the operations that change or list them. The truth is the
 * tenant's own history; the catalogue follows.
 */
#ifndef HIKAE_OPS_TENANT_H
#define HIKAE_OPS_TENANT_H

#include "ops/engine.h"

enum { TENANT_PRIORITY_DEFAULT = 5, TENANT_PRIORITY_MAX = 9, TENANT_LABELS_MAX = 64, TENANT_LABEL_MAX = 256 };

/* Are these fit for a tenant? ERROR_USAGE, ERROR_NOT_FOUND for the policy. Sources may be none. */
MUST_USE int tenant_check(struct hikae *hikae, const struct hikae_tenant_options *options, struct error *err);
/* A new tenant as the options say (history_tenant_clear). */
MUST_USE int tenant_new(const struct hikae_tenant_options *options, struct history_tenant *ret, struct error *err);
/* Change what the options name: sources as a whole, labels one by one. */
MUST_USE int tenant_apply(struct history_tenant *tenant, const struct hikae_tenant_options *options, struct error *err);
/* Write a tenant record and bring the catalogue in step. */
MUST_USE int tenant_write(struct hikae *hikae, const struct id *tid, const struct keyring *keyring,
                          const struct chain *chain, const struct history_tenant *tenant, struct error *err);
/* Change a tenant's record: `change` edits what the history says, and says in *ret_changed whether it did. */
typedef int tenant_change(struct history_tenant *tenant, const void *context, bool *ret_changed, struct error *err);
MUST_USE int tenant_edit(struct hikae *hikae, const char *name, bool dry_run, tenant_change *change,
                         const void *context, struct error *err);

/* ---- tenant_policy.c ---- */

/*
 * Another policy for a tenant: one that promises less than the one in force is a promise shortened, whatever it is
 * called, and needs the signatures of two operators once there are two. ERROR_REFUSED.
 */
MUST_USE int tenant_policy_door(const struct session *session, const char *before, const char *after,
                                struct error *err);

/* ---- tenant_list.c ---- */

/* One tenant as it is shown. ERROR_NOT_FOUND. */
MUST_USE int tenant_list(struct hikae *hikae, const char *name, struct hikae_tenants *ret, struct error *err);

/* A tenant that is open, for people and scripts (tenant_free, also after -1). */
MUST_USE int tenant_describe(const struct session *session, const struct catalog_tenant *row, struct hikae_tenant *to,
                             struct error *err);
void tenant_free(struct hikae_tenant *tenant);

/* ---- tenant_label.c ---- */

/* Set "KEY=VALUE" and take "KEY=" away in a JSON object of labels (mem_free'd and replaced). */
MUST_USE int labels_apply(char **json, const char *const *labels, size_t count, struct error *err);
/* As "KEY=VALUE", sorted (each mem_free, the array too). */
MUST_USE int labels_list(const char *json, char ***ret, size_t *ret_count, struct error *err);
/* Does "KEY=VALUE" or "KEY" fit one of them? */
bool labels_match(char *const *labels, size_t count, const char *wanted);
/* ERROR_USAGE unless it is "KEY=VALUE" or "KEY=". */
MUST_USE int label_check(const char *label, struct error *err);

#endif
