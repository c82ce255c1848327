/*
 * Errors: a must-use status and a caller's struct that carries the context.
 *
 * Every function that can fail returns 0 or -1 and is marked MUST_USE. On -1
 * it has filled the caller's `struct error`: a class (which decides the exit
 * code), errno or HTTP status, whether a retry can help, what failed, the
 * chain of what was being done, and a hint that says what to do. Filling it
 * allocates nothing and touches no global. Library code never prints and
 * never exits.
 */
#ifndef HIKAE_BASE_ERROR_H
#define HIKAE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define MUST_USE                        __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))

/* The classes of failure; one table in error.c maps each to its exit code. */
enum error_class {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* a wrong argument or option                          */
    ERROR_CONFIG,      /* the configuration cannot be used                    */
    ERROR_BUSY,        /* another run holds the tenant                        */
    ERROR_NOT_FOUND,   /* tenant, snapshot, path, target, object              */
    ERROR_DAMAGED,     /* data does not match what it must match              */
    ERROR_UNREACHABLE, /* a target could not be read or written in time       */
    ERROR_KEYS,        /* a key is missing, wrong, or may not be used         */
    ERROR_DENIED,      /* the system or a target denied permission            */
    ERROR_REFUSED,     /* a policy, hold or quorum refuses                    */
    ERROR_INTERRUPTED, /* a signal, or the caller, asked to stop              */
    ERROR_SOURCE,      /* reading the source failed: never a target's fault   */
    ERROR_LOCAL,       /* writing local state or a restore's folder failed    */
    ERROR_NO_MEMORY,
    ERROR_INTERNAL, /* a defect in hikae itself                            */
    ERROR_CLASS_COUNT
};

enum { ERROR_WHAT_SIZE = 512, ERROR_CHAIN_SIZE = 512, ERROR_HINT_SIZE = 256 };

struct error {
    enum error_class class;
    int errnum;      /* errno of the failing call, or 0            */
    int http_status; /* HTTP status of the failing request, or 0   */
    bool retryable;  /* the same call may succeed later            */
    char what[ERROR_WHAT_SIZE];
    char chain[ERROR_CHAIN_SIZE]; /* "outer → inner", built by error_wrap */
    char hint[ERROR_HINT_SIZE];
};

/*
 * Fill *err (which may be NULL) with class and message; forget what it held.
 * Always returns -1, so that a function can end in `return error_set(...)`.
 */
int error_set(struct error *err, enum error_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same, and append ": " and the description of errnum. ENOSPC, EDQUOT, EACCES, ENOMEM refine `hint`. */
int error_set_errno(struct error *err, enum error_class class, int errnum, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Out of memory; always returns -1. */
int error_no_memory(struct error *err);

/* Put "what was being done" in front of the chain. Always returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Say what to do about it. Always returns -1. */
int error_hint(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What the functions above return, said so that the compiler knows it. */
#define error_set(...)       ((void)(error_set)(__VA_ARGS__), -1)
#define error_set_errno(...) ((void)(error_set_errno)(__VA_ARGS__), -1)
#define error_no_memory(err) ((void)(error_no_memory)(err), -1)
#define error_wrap(...)      ((void)(error_wrap)(__VA_ARGS__), -1)
#define error_hint(...)      ((void)(error_hint)(__VA_ARGS__), -1)

/* Back to "no error". */
void error_clear(struct error *err);

/* "chain → what. hint" in one line into buf (size bytes, always terminated). Returns buf. */
char *error_format(const struct error *err, char *buf, size_t size);

/* The exit code of a class, as the command line documents it (0 … 10). */
int error_exit_code(enum error_class class);

/* The stable, lower-case name of a class ("damaged"), for JSON and logs. */
const char *error_class_name(enum error_class class);

#endif
