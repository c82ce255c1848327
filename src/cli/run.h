/*
 * One call of the program: what was asked for, the store it opened, what it
 * prints, and the error it ends with. Commands get this and nothing else.
 */
#ifndef HIKAE_CLI_RUN_H
#define HIKAE_CLI_RUN_H

#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/watch.h"

struct given_option {
    const struct option_def *def;
    const char *value; /* NULL for a flag */
};

struct run {
    const struct command *command; /* NULL: none was named */
    struct given_option *given;
    size_t given_count;
    const char **args;
    size_t arg_count;
    const char *config;
    bool quiet, verbose, help;
    bool tables; /* one was printed: an empty line stands before the next */
    enum lang lang;
    struct hikae *hikae;
    struct watch watch;
    struct out out;
    struct hikae_error error;
};

#define DRY_RUN "dry-run"

/* The last value of an option, or NULL. For a flag, use run_has. */
const char *run_option(const struct run *run, const char *name);
bool run_has(const struct run *run, const char *name);
/* A file to write to; NULL where it is not given, or is -: standard output. */
const char *run_output(const struct run *run, const char *name);
/* All values of an option (borrowed), in a fresh array that the caller frees; *ret_count may be 0. NULL without memory
 * (error filled). */
const char **run_all(struct run *run, const char *name, size_t *ret_count);

/* --config, else $HIKAE_CONFIG, else the usual place. */
const char *run_config_path(const struct run *run);
/* Open the configured store and watch it. */
enum hikae_status run_open_store(struct run *run);
/* Say so if the store of that configuration has a test clock (for commands that open none). */
void run_note_clock(struct run *run, const char *config_path);
void run_note_test_clock(struct run *run);

/* Fill the error; return the status. */
enum hikae_status run_fail(struct run *run, enum hikae_status status, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
enum hikae_status run_usage(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum hikae_status run_no_memory(struct run *run);
enum hikae_status run_hint(struct run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* From an error of base/. */
enum hikae_status run_base(struct run *run, const struct error *err);

/* A sentence to stdout, for people who did not ask for quiet; arguments up to a NULL. */
void run_say_args(struct run *run, enum message message, const char *const *args);
#define run_say(run, message, ...) run_say_args(run, message, (const char *const[]){__VA_ARGS__, NULL})
/* The same to stderr, where stdout carries a listing or bytes. */
void run_tell_args(struct run *run, enum message message, const char *const *args);
#define run_tell(run, message, ...) run_tell_args(run, message, (const char *const[]){__VA_ARGS__, NULL})
/* A table, for people. */
void run_table(struct run *run, const struct columns *columns);

/* Print the error and the JSON value, close everything; the exit code. */
int run_finish(struct run *run, enum hikae_status status);

#endif
