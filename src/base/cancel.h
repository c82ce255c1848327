/* A wish to stop, that one thread (or a signal handler) utters and all the others look at. */
#ifndef HIKAE_BASE_CANCEL_H
#define HIKAE_BASE_CANCEL_H

#include "base/error.h"

#include <stdatomic.h>

struct cancel {
    atomic_bool wanted;
};

static inline void cancel_request(struct cancel *cancel)
{
    atomic_store(&cancel->wanted, true);
}

/* 0 to go on; -1 with ERROR_INTERRUPTED. A NULL cancel never stops. */
MUST_USE static inline int cancel_check(const struct cancel *cancel, struct error *err)
{
    if (cancel != NULL && atomic_load(&cancel->wanted))
        return error_set(err, ERROR_INTERRUPTED, "stopped as asked");
    return 0;
}

#endif
