/*
 * Packs that no target has sound, as the last verification of their bytes
 * found. They are still listed where they lie, so a backup would take what it
 * finds in the source for stored; told of them, it stores that anew.
 *
 * This is a note of the state folder alone, names of objects and nothing else:
 * what is lost with it, the next verification finds again. Only a verification
 * takes a pack out of it, as nothing else opens all that is behind a hash which
 * fits: when it is sound again, or nothing needs or shows it any more. With a
 * tenant that is erased the note goes, too.
 */
#ifndef HIKAE_OPS_LOST_H
#define HIKAE_OPS_LOST_H

#include "ops/engine.h"

/* What was noted of a tenant, sorted. Without a note an empty roster. */
MUST_USE int lost_read(struct hikae *hikae, const struct id *tid, struct roster *ret, struct error *err);
/* Note these packs in the place of what was noted. */
MUST_USE int lost_write(struct hikae *hikae, const struct id *tid, const struct roster *lost, struct error *err);
/* Take the noted packs out of what the targets are said to hold. *ret_count of them are there. */
MUST_USE int lost_leave_out(struct hikae *hikae, const struct id *tid, size_t *ret_count, struct error *err);

#endif
