/* What the parts of doctor share: a list of checks that grows, and the first failure. */
#ifndef HIKAE_OPS_DOCTOR_H
#define HIKAE_OPS_DOCTOR_H

#include "ops/engine.h"

struct doctor {
    struct hikae_checks *checks;
    struct config *config;
    struct hikae *hikae;
    bool warned, failed, no_memory;
    struct error first; /* failure */
};

/* Note the outcome of a check: HIKAE_CHECK_OK or HIKAE_CHECK_WARN. */
void doctor_note(struct doctor *doctor, int state, const char *name, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* Note a check that failed. */
void doctor_fail(struct doctor *doctor, const char *name, const struct error *why);
/* Free space somewhere: less than a GiB is a warning. */
void doctor_space(struct doctor *doctor, const char *name, uint64_t free_bytes);
/* doctor_store.c: targets, clock, keys, tenants' sources. */
void doctor_store(struct doctor *doctor);

#endif
