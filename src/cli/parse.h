/*
 * From argv to a run: which command, its options and arguments. Options may
 * stand before or after arguments, also before the command; `--` ends them.
 */
#ifndef HIKAE_CLI_PARSE_H
#define HIKAE_CLI_PARSE_H

#include "cli/run.h"

/*
 * Fill run from the arguments. On HIKAE_USAGE the error says what is wrong and what was perhaps meant. Asking for
 * help (run->help) is never an error.
 */
enum hikae_status parse_arguments(int argc, char **argv, struct run *run);

/* The one of the commands that is nearest to word, by edit distance, or NULL if none is near. */
const char *suggest_command(const char *word);

#endif
