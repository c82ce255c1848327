/*
 * Help, manual and shell completion, all out of the command table.
 */
#ifndef HIKAE_CLI_HELP_H
#define HIKAE_CLI_HELP_H

#include "base/buf.h"
#include "cli/run.h"

/* The command `help`: all commands, one command, or one family of commands. */
enum hikae_status help_run(struct run *run);
/* --help, wherever it stood. */
enum hikae_status help_asked(struct run *run);

/* Append a completion script. */
MUST_USE int completion_bash(struct buf *out, struct error *err);
MUST_USE int completion_zsh(struct buf *out, struct error *err);
MUST_USE int completion_fish(struct buf *out, struct error *err);
/* The hidden command `generate man|completion DIR`. */
enum hikae_status generate_run(struct run *run);

/* Append printf text. */
MUST_USE int buf_printf(struct buf *out, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "TENANT [PATH…] --to DIR [--snapshot ID]": what follows the command's name. */
MUST_USE int synopsis_write(const struct command *command, struct buf *out, struct error *err);

#endif
