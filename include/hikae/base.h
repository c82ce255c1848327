/* libhikae: status, errors, watching. Conventions are in hikae.h. */
#ifndef HIKAE_PUBLIC_BASE_H
#define HIKAE_PUBLIC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hikae_status {
    HIKAE_OK = 0,
    HIKAE_WARNINGS = 1,  /* done; some entries could not be read, or a target is behind */
    HIKAE_USAGE = 2,     /* usage or configuration                                       */
    HIKAE_BUSY = 3,      /* another run holds the tenant                                 */
    HIKAE_NOT_FOUND = 4, /* tenant, snapshot, path, target                               */
    HIKAE_DAMAGED = 5,   /* data does not match                                          */
    HIKAE_UNKNOWN = 6,   /* a target could not be read or written in time                */
    HIKAE_KEYS = 7,      /* keys or permissions                                          */
    HIKAE_REFUSED = 8,   /* by a policy: hold, quorum, retention                         */
    HIKAE_INTERRUPTED = 9,
    HIKAE_INTERNAL = 10
};

struct hikae_error {
    enum hikae_status status;
    bool retryable;
    char kind[24];      /* stable word for the class: "damaged", "unknown", … */
    char message[1100]; /* what was being done: what failed, and why           */
    char hint[256];     /* what to do; may be empty                            */
};

struct hikae;

/* ---- Watching ---- */

enum hikae_phase { HIKAE_PHASE_SCAN, HIKAE_PHASE_TRANSFER, HIKAE_PHASE_CHECK, HIKAE_PHASE_FINISH };

/* What went to or came from a target in this operation. */
struct hikae_target_progress {
    const char *name;
    uint64_t bytes;
    bool up; /* false: it was given up, or never answered */
};

struct hikae_progress {
    enum hikae_phase phase;
    uint64_t entries_done;
    uint64_t entries_total; /* 0: not known */
    uint64_t bytes_done;    /* of the source, or of the restore */
    uint64_t bytes_total;   /* 0: not known */
    uint64_t bytes_stored;  /* sent to each target, or fetched */
    int64_t elapsed_ns;
    const struct hikae_target_progress *targets; /* valid during the call; none before they are opened */
    size_t target_count;
};

struct hikae_observer {
    void (*progress)(const struct hikae_progress *progress, void *context); /* a few times a second; may be NULL */
    void (*warning)(const char *message, void *context);                    /* one line each; may be NULL        */
    void *context;
};

#ifdef __cplusplus
}
#endif

#endif
