/* What the commands about erasures share. */
#ifndef HIKAE_CLI_COMMAND_PURGE_H
#define HIKAE_CLI_COMMAND_PURGE_H

#include "cli/commands.h"

/* One alone in full, several as a list; with --json, also whether it was a dry run. */
void show_purges(struct run *run, const struct hikae_purges *purges, bool dry_run);

#endif
