/*
 * Expiry: segments are written again without the entries whose time is over.
 * Their hashes stay, so the tree, every checkpoint and every proof stay what
 * they were; nonce and text are gone once the superseded objects are deleted,
 * which is the collector's to do.
 */
#ifndef HIKAE_AUDIT_EXPIRE_H
#define HIKAE_AUDIT_EXPIRE_H

#include "audit/leaf.h"
#include "audit/objects.h"

/* Is this entry's time over? */
typedef bool audit_expire_callback(const struct audit_entry *entry, void *context);

struct audit_expired {
    uint64_t entries;
    uint64_t segments;
    struct audit_name *superseded;
    size_t superseded_count;
};
void audit_expired_clear(struct audit_expired *expired);
/*
 * Expire entries of every log in the listing. Each new segment is on min_copies targets before the next is begun; a
 * crash leaves whole segments, old or new, and the next call goes on. Adds to *ret.
 */
MUST_USE int audit_expire(const struct audit_store *store, const struct audit_objects *objects,
                          audit_expire_callback *callback, void *context, bool dry_run, struct audit_expired *ret,
                          struct error *err);

#endif
