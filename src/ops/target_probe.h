/*
 * Measuring a target: what it says of itself, and what it does when it is
 * tried. A table of checks, one function each. Nothing here knows of tenants,
 * keys or the history; nothing is deleted: the objects that are put lie below
 * PROBE_FOLDER, tiny, under names that are used again, and never locked.
 */
#ifndef HIKAE_OPS_TARGET_PROBE_H
#define HIKAE_OPS_TARGET_PROBE_H

#include "hikae.h"
#include "target/target.h"

#define PROBE_FOLDER "hikae1/probe/"

struct target_probing {
    struct target *target;               /* opened without a lock for what is put */
    const struct target_options *wanted; /* as configured */
    const struct cancel *cancel;
    bool writes;       /* false: nothing is put, what needs it is unknown */
    size_t speed_size; /* bytes to put and get for the rates */
    struct target_facts facts;
    struct hikae_target_report *ret;
    bool answers;
};

/*
 * Run all checks; fills the measured members and probes of probing->ret, whose target is described already. -1: no
 * memory, or interrupted.
 */
MUST_USE int target_probe(struct target_probing *probing, struct error *err);

#endif
