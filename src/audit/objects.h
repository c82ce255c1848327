/*
 * The objects of audit logs on the targets: listing, fetching, copying what a
 * target lacks. It knows names and hashes, and needs no key.
 */
#ifndef HIKAE_AUDIT_OBJECTS_H
#define HIKAE_AUDIT_OBJECTS_H

#include "audit/segment.h"
#include "base/cancel.h"
#include "target/target.h"

enum { AUDIT_PLACES_MAX = 64 };

/* A target that is up. */
struct audit_place {
    struct target *target;
    const char *name;
    bool failed;      /* it did not answer: left out from then on */
    struct error why; /* when it failed */
};

/* What everything about logs on targets needs. Borrows all of it. */
struct audit_store {
    struct audit_place *places;
    size_t place_count;
    size_t min_copies;
    struct id store;
    uint8_t public_key[ED25519_PUBLIC_SIZE]; /* of the audit log */
    const struct keyring *keyring;           /* the store's own keys; NULL: only what can be seen without */
    const struct secret *signing;            /* NULL: nothing can be signed */
    const char *cache;                       /* folder of sealed objects here, ending in '/'; NULL: none */
    struct cancel *cancel;
    void (*warn)(const char *message, void *context);
    void *context;
};
void audit_warn(const struct audit_store *store, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct audit_object {
    struct audit_name name;
    uint64_t places; /* bit i: place i holds it */
};
/* Sorted: by log, segments before checkpoints, then by first, size and hash. */
struct audit_objects {
    struct audit_object *items;
    size_t count, capacity;
};
void audit_objects_free(struct audit_objects *objects);
/* What the places hold of one log, or (NULL) of all. Places that do not answer are marked; ERROR_UNREACHABLE if none
 * does. */
MUST_USE int audit_objects_list(const struct audit_store *store, const struct id *log, struct audit_objects *ret,
                                struct error *err);
/* Objects [*first, *end) are those of the log of item *first: go to the next log. False: there is none. */
bool audit_objects_next_log(const struct audit_objects *objects, size_t *first, size_t *end);

/* Replace *out by the object as place `place` has it (an older version too, where it keeps those), its hash checked.
 * ERROR_DAMAGED. */
MUST_USE int audit_object_get(const struct audit_store *store, size_t place, const struct audit_name *name,
                              struct buf *out, struct error *err);
/* The same from the cache or whichever place has it sound. */
MUST_USE int audit_object_find(const struct audit_store *store, const struct audit_object *object, struct buf *out,
                               struct error *err);
/* Put an object whose hash is that of its name, on one place. */
MUST_USE int audit_object_put(const struct audit_store *store, size_t place, const struct audit_name *name,
                              const struct buf *object, struct error *err);
/* Keep a copy in the cache, or take it away: that it cannot be is no failure. */
void audit_cache_put(const struct audit_store *store, const struct hash *hash, const struct buf *object);
void audit_cache_drop(const struct audit_store *store, const struct hash *hash);
/*
 * Bring every place that answers what others have: segments first, and checkpoints only to a place that has every
 * segment by then. *complete (bits): the places that hold all of it afterwards.
 */
MUST_USE int audit_objects_catch_up(const struct audit_store *store, struct audit_objects *objects,
                                    uint64_t *ret_complete, uint64_t *ret_copied, struct error *err);
/* Bits of the places that have not failed. */
uint64_t audit_places_up(const struct audit_store *store);

#endif
