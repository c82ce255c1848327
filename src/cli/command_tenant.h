/* What the commands about tenants share. */
#ifndef HIKAE_CLI_COMMAND_TENANT_H
#define HIKAE_CLI_COMMAND_TENANT_H

#include "cli/commands.h"

/* A tenant's members into object (NULL: the value itself). */
void json_tenant(struct run *run, json_t *object, const struct hikae_tenant *tenant);

#endif
