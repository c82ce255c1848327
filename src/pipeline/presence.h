/*
 * Presence: which objects of one tenant a target holds, by a listing made now
 * and the acknowledgements since. It is what decides whether a target counts
 * for a snapshot; nothing that was believed yesterday enters into it.
 */
#ifndef HIKAE_PIPELINE_PRESENCE_H
#define HIKAE_PIPELINE_PRESENCE_H

#include "base/id.h"
#include "repo/record.h"
#include "target/target.h"

struct presence {
    struct roster listed; /* sorted */
    struct roster added;  /* acknowledged since the listing; sorted */
};

/* List packs, segments and roster parts of a tenant on a target. */
MUST_USE int presence_list(struct presence *presence, struct target *target, const struct id *tid, struct error *err);
void presence_clear(struct presence *presence);
/* The target acknowledged these objects. Not while other threads ask. */
MUST_USE int presence_add(struct presence *presence, const struct roster *acknowledged, struct error *err);
/* Does it hold this object, with this size (0: any)? */
bool presence_has(const struct presence *presence, enum object_class class, const struct hash *name, uint64_t size);
/* The letter of a class in object names: p, i, r. */
char object_class_letter(enum object_class class);

#endif
