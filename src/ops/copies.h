/*
 * An object and its copies on the targets, without any key: its name, whether
 * bytes are it, where a sound copy is. For checking, mending and copying, which
 * treat packs and keystore entries alike.
 */
#ifndef HIKAE_OPS_COPIES_H
#define HIKAE_OPS_COPIES_H

#include "base/names.h"
#include "ops/engine.h"

/*
 * Classes of objects are the letters of their folders: p, i, r, h; k is a keystore entry, s the store object, a an
 * object of an audit log.
 */
struct copy_item {
    char class;
    uint32_t epoch; /* of a keystore entry */
    struct hash hash;
    uint64_t size;    /* 0: known only to whoever lists it */
    const char *last; /* a record's name, the whole name of an audit log's object; borrowed */
};

/* Where copies are looked for. */
struct copy_place {
    struct hikae *hikae;
    const struct id *tid; /* of p, i, r, h */
    const char *cache;    /* folder of the records that are kept here, ending in '/'; NULL: none */
};

/* The whole name on a target. Returns out. */
char *copy_name(const struct id *tid, const struct copy_item *item, char out[OBJECT_NAME_SIZE]);
/* Are these bytes the object? ERROR_DAMAGED says why not. The store object has no such name: always yes. */
MUST_USE int copy_check(const struct copy_item *item, const struct buf *object, const char *where, struct error *err);
/* Replace *out by the object from one target, checked. */
MUST_USE int copy_get(const struct copy_place *place, size_t target, const struct copy_item *item, struct buf *out,
                      struct error *err);
/*
 * The same from whichever target has it sound, in an older version too where a target keeps those, or from the local
 * cache. `avoid` (bits): targets to ask last. ERROR_DAMAGED: sound nowhere; ERROR_UNREACHABLE: it may be where nobody
 * can look now.
 */
MUST_USE int copy_find(const struct copy_place *place, const struct copy_item *item, uint64_t avoid, struct buf *out,
                       struct error *err);
/* Put an object on a target. With `mend`: over what is there, and read it back. */
MUST_USE int copy_put(const struct copy_place *place, size_t target, const struct copy_item *item,
                      const struct buf *object, bool mend, struct error *err);
/*
 * Entries of the keystore on one target, of the epoch in force and later: appended to *items (mem_free), of which
 * there are *count in room for *capacity.
 */
MUST_USE int copy_list_keys(struct hikae *hikae, size_t target, struct copy_item **items, size_t *count,
                            size_t *capacity, struct error *err);
/* The number of a target by name; ERROR_NOT_FOUND. */
MUST_USE int copy_target(struct hikae *hikae, const char *name, size_t *ret, struct error *err);
/* A failure that says nothing of an object: stop. */
bool copy_is_fatal(const struct error *err);

#endif
