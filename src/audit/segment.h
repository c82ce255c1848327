/*
 * A segment of an audit log: a run of leaves in one sealed container of kind 9
 * (src/repo/FORMAT.md §10), and the names of a log's objects.
 *
 * The hashes of the leaves stand in the clear part: whoever can read a target
 * can verify the whole tree without a key. What the entries say is sealed under
 * the store's own sealing key. A segment may be written again with fewer
 * entries when some have expired (a higher revision): their hashes stay.
 */
#ifndef HIKAE_AUDIT_SEGMENT_H
#define HIKAE_AUDIT_SEGMENT_H

#include "base/buf.h"
#include "base/names.h"
#include "crypto/container.h"
#include "keys/keyring.h"

#define AUDIT_FOLDER "hikae1/a/"

enum {
    AUDIT_SEGMENT_LEAVES = 4096,       /* in one segment */
    AUDIT_SEGMENT_BODY_MAX = 48 << 20, /* bytes of its body */
    AUDIT_SEGMENT_MAX = 64 << 20       /* bytes of the object */
};

/* What an object's name says of it. */
enum audit_object_kind { AUDIT_OBJECT_SEGMENT, AUDIT_OBJECT_CHECKPOINT };
struct audit_name {
    enum audit_object_kind kind;
    struct id log;
    uint64_t first; /* of a segment */
    uint64_t size;  /* leaves of a segment; size of the tree of a checkpoint */
    struct hash hash;
};
/* "hikae1/a/<log>/<first>-<count>-<sha256>", or "hikae1/a/<log>/c/<size>-<sha256>". Returns out. */
char *audit_name_format(const struct audit_name *name, char out[OBJECT_NAME_SIZE]);
/* False for a name that is none of these. */
bool audit_name_parse(const char *text, struct audit_name *ret);
/* "hikae1/a/<log>/" Returns out. */
char *audit_name_prefix(const struct id *log, char out[OBJECT_NAME_SIZE]);

struct audit_leaf {
    struct hash hash;
    struct bytes data; /* nonce and text; size 0: expired */
};
struct audit_segment {
    struct id log;
    uint64_t first;
    uint32_t revision; /* 0: as it was first written */
    struct audit_leaf *leaves;
    uint32_t count;
    struct buf body; /* owns the leaves' data; empty if it was read without a key */
};
/* Release what the segment owns; a segment that is built owns its leaves' array only. */
void audit_segment_clear(struct audit_segment *segment);

/* Seal it. ERROR_INTERNAL if it is empty or too long. */
MUST_USE int audit_segment_seal(const struct audit_segment *segment, const struct keyring *keyring, struct buf *out,
                                struct hash *ret_name, struct error *err);
/*
 * Read an object, whose hash the caller has checked. `keyring` NULL: the clear part only, no leaf has data then. With
 * it, every leaf that is there matches its hash. ERROR_DAMAGED, ERROR_KEYS.
 */
MUST_USE int audit_segment_parse(const void *object, size_t size, const struct keyring *keyring,
                                 struct audit_segment *ret, struct error *err);

#endif
