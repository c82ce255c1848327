/*
 * Segments of a log are written again when entries expire: of several objects
 * that hold the same leaves, the one of the highest revision is valid, and the
 * others are superseded (FORMAT.md §10). No key is needed to tell.
 */
#ifndef HIKAE_AUDIT_REVISION_H
#define HIKAE_AUDIT_REVISION_H

#include "audit/objects.h"

/* The end of the run of objects that begins at `first` and holds the same leaves, or is one checkpoint. */
size_t audit_revisions_end(const struct audit_objects *objects, size_t first);
/*
 * Read `count` objects of the same leaves: their revisions, and which is the newest. False if that is not certain: one
 * cannot be read, or they differ in a leaf, which is a fork.
 */
bool audit_revisions_read(const struct audit_store *store, const struct audit_object *items, size_t count,
                          uint32_t *revisions, size_t *ret_newest);

#endif
