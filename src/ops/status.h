/* The state of all tenants, for those who want to see each of them while it is open anyway. */
#ifndef HIKAE_OPS_STATUS_H
#define HIKAE_OPS_STATUS_H

#include "hikae.h"
#include "ops/engine.h"

/* Called for each tenant that could be read, with its row of the report; names in it are valid during the call. */
typedef int status_visit(struct session *session, const struct catalog_tenant *tenant,
                         const struct hikae_tenant_status *status, size_t row, void *context, struct error *err);
/* As hikae_overview; visit may be NULL. hikae_status_free, also after -1. */
MUST_USE int status_take(struct hikae *hikae, status_visit *visit, void *context, struct hikae_status_report *ret,
                         bool *ret_warnings, struct error *err);

#endif
