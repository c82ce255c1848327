/*
 * Uploading: one sealed object to all targets at once, each at its own speed.
 *
 * Each target's threads (one, or as many as it takes to use it fully) take
 * objects in order from a list that all share; an object's memory is released when the last of them has it. When the
 * memory limit is reached because one target is slower than the others, objects that only slow targets still need are
 * spooled to disk, up to a limit; then the fast ones wait. A target that fails after some tries is given up for this
 * run: the run goes on with the others, and the commit decides whether they
 * are enough.
 */
#ifndef HIKAE_PIPELINE_UPLOAD_H
#define HIKAE_PIPELINE_UPLOAD_H

#include "pipeline/objects.h"

struct upload;

struct upload_options {
    const struct id *tid;
    struct run_target *targets; /* those that are `up` are written to */
    size_t count;
    size_t memory_limit;      /* bytes of objects held in memory */
    unsigned objects_limit;   /* objects held in memory: where files are tiny, packs are small, and many would fit */
    uint64_t spool_limit;     /* bytes of objects held on disk   */
    const char *spool_folder; /* an existing folder              */
    const struct cancel *cancel;
};

MUST_USE int upload_new(const struct upload_options *options, struct upload **ret, struct error *err);
/* Stops the threads without waiting for what is queued. NULL is fine. */
void upload_free(struct upload *upload);
/*
 * Hand over an object (the buffer is emptied); waits while the limits are reached. ERROR_UNREACHABLE as soon as no
 * target is left. The object's name follows from class and hash.
 */
MUST_USE int upload_put(struct upload *upload, enum object_class class, const struct hash *name, struct buf *bytes,
                        struct error *err);
/* Memory of an object that all targets have, to be used again: *ret is empty if there is none. */
void upload_spare(struct upload *upload, struct buf *ret);
/* Wait until every target has everything, or has failed. */
void upload_drain(struct upload *upload);
/* After upload_drain: what target i acknowledged; NULL and *ret_why if it was given up. */
const struct roster *upload_acknowledged(const struct upload *upload, size_t target, struct error *ret_why);

#endif
