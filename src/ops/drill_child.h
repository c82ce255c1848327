/*
 * A program that a check runs: in a process group of its own, with nothing of
 * hikae's environment and descriptors, within a time limit, its output and how
 * it ended kept.
 */
#ifndef HIKAE_OPS_DRILL_CHILD_H
#define HIKAE_OPS_DRILL_CHILD_H

#include "base/buf.h"
#include "base/cancel.h"

#include <sys/types.h>

enum { DRILL_OUTPUT_MAX = 4096 };

struct drill_child_options {
    const char *const *argv;      /* found along PATH=/usr/sbin:/usr/bin:/sbin:/bin */
    const char *folder;           /* current folder; NULL: as it is                 */
    const char *input;            /* a file for standard input; NULL: nothing       */
    const char *const *variables; /* "NAME=VALUE", up to a NULL; may be NULL: besides PATH, HOME, LC_ALL, TZ */
    int kept_fd;                  /* a descriptor that the program has too; 0: none */
    bool other_user;              /* run as uid and gid, without other groups  */
    uid_t uid;
    gid_t gid;
    int64_t limit_ns; /* by the monotonic clock: the group is ended then */
    const struct cancel *cancel;
};

struct drill_child {
    bool timed_out;
    int exit_code;     /* -1: ended by a signal, or in time by force */
    struct buf output; /* both of its outputs, the first DRILL_OUTPUT_MAX bytes; text is the program's affair */
};

/* -1 only if it could not be started or watched, or was cancelled; buf_free(ret->output) in every case. */
MUST_USE int drill_child_run(const struct drill_child_options *options, struct drill_child *ret, struct error *err);

#endif
