/*
 * The capability to delete. Only collection (ops/collect) and purge
 * (ops/purge) may include this file; a check in CI enforces it.
 */
#ifndef HIKAE_TARGET_DELETE_H
#define HIKAE_TARGET_DELETE_H

#include "target/target.h"

struct target_deleter {
    struct target *target; /* borrowed */
};

/*
 * Remove an object: where a target keeps versions, all of them, so that nothing of it is kept or paid for. One that is
 * not there is removed already. ERROR_REFUSED while a lock or legal hold forbids it (the message says until when):
 * then nothing was hidden, and the object can still be read.
 */
MUST_USE int target_delete(struct target_deleter *deleter, const char *name, struct error *err);

/* What is to be deleted. */
struct target_deletion {
    const char *name;
    const char *version; /* NULL: as target_delete does it */
};
/*
 * Remove many, with as few requests as the target needs. The callback is told of each that is gone (why is NULL) or
 * could not be removed; not 0 from it ends the work. -1 only if the work ended: single failures are the callback's.
 */
MUST_USE int target_delete_many(struct target_deleter *deleter, const struct target_deletion *items, size_t count,
                                target_deletion_callback *callback, void *context, struct error *err);
/* The same one after the other: for drivers whose target knows no better. */
MUST_USE int target_delete_each(struct target_deleter *deleter, const struct target_deletion *items, size_t count,
                                target_deletion_callback *callback, void *context, struct error *err);
/* Remove one version or delete marker. ERROR_REFUSED while a lock forbids it. */
MUST_USE int target_delete_version(struct target_deleter *deleter, const char *name, const char *version,
                                   struct error *err);

/* A version of an object, or a marker that hides the older ones. */
struct target_version {
    const char *name;
    const char *version;
    bool latest;
    bool marker;
    uint64_t size;
    int64_t modified_ns; /* by the target's clock */
};
/* All versions and markers of objects whose names start with prefix; a target without versions lists its objects. */
MUST_USE int target_list_versions(struct target_deleter *deleter, const char *prefix, target_version_callback *callback,
                                  void *context, struct error *err);

/* An upload in parts that nobody has finished. hikae makes none; a purge looks for them all the same. */
struct target_upload {
    const char *name;
    const char *id;
    int64_t begun_ns; /* by the target's clock */
};
MUST_USE int target_list_uploads(struct target_deleter *deleter, const char *prefix, target_upload_callback *callback,
                                 void *context, struct error *err);
MUST_USE int target_abort_upload(struct target_deleter *deleter, const char *name, const char *id, struct error *err);

/* Is this name to be deleted? */
typedef bool target_wanted(const char *name, const void *context);
struct target_wiped {
    uint64_t deleted, bytes; /* versions, markers, uploads; and the bytes of versions */
    uint64_t locked;         /* that a lock or a legal hold kept … */
    int64_t locked_until_ns; /* … the longest until then; 0: not known */
    uint64_t failed;         /* for other reasons */
    struct error why;        /* of the last that was kept or failed */
};
/*
 * Remove every version and delete marker below a prefix that is wanted (NULL: all, and unfinished uploads, too). -1 if
 * it could not be listed or the work ended; single failures are counted.
 */
MUST_USE int target_wipe(struct target_deleter *deleter, const char *prefix, target_wanted *wanted, const void *context,
                         struct target_wiped *ret, struct error *err);

#endif
