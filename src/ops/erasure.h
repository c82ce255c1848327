/*
 * The erasure register (FORMAT.md §6, record 20): what data subjects had
 * erased. Snapshots are not edited. What matches is left out whenever data is
 * given back: by restores, exports, `cat` and disclosures, whoever asks, and no
 * option changes that. It leaves the targets when the last snapshot that holds
 * it is dropped.
 */
#ifndef HIKAE_OPS_ERASURE_H
#define HIKAE_OPS_ERASURE_H

#include "ops/engine.h"
#include "pipeline/select.h"

enum { ERASURE_PATTERNS_MAX = 1000, ERASURE_PATTERN_SIZE_MAX = 4096 };

/* All patterns of a tenant. */
struct erasure_list {
    char **patterns;
    size_t count;
    struct selection *selection; /* the same, to be matched against entries: NULL if there is none */
};
/* From an open session. ERROR_DAMAGED if a record of the register cannot be read: then nothing may be given back. */
MUST_USE int erasure_load(const struct session *session, struct erasure_list *ret, struct error *err);
void erasure_clear(struct erasure_list *list);
#endif
