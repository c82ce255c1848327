/* Parts of results that several commands show. */
#ifndef HIKAE_CLI_REPORT_H
#define HIKAE_CLI_REPORT_H

#include "cli/run.h"

/* The members errors[{path,message}] and errors_total of object (NULL: of the answer itself). */
void report_json_errors(struct run *run, json_t *object, const struct hikae_entry_error *errors, size_t count,
                        uint64_t total);
/* The same as warnings on stderr. */
void report_warn_errors(struct run *run, const struct hikae_entry_error *errors, size_t count, uint64_t total);
/* An array of targets with state and why. */
void report_json_states(struct run *run, const char *key, const struct hikae_target_state *states, size_t count);
/* Names of the targets in that state (NULL: in any other than "complete"), with why if asked, as "tokyo, osaka"; fresh
 * memory. */
char *report_names(const struct run *run, const struct hikae_target_state *states, size_t count, const char *state,
                   bool with_why);

#endif
