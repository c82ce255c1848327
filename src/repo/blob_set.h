/*
 * A set of blob ids within a limit of memory, for walks over many manifests that share most of what they are made of:
 * what was looked into once is not looked into again. When it is full it forgets to remember, and a part is walked
 * again. One thread at a time.
 */
#ifndef HIKAE_REPO_BLOB_SET_H
#define HIKAE_REPO_BLOB_SET_H

#include "repo/blob.h"

/* All-zero but for the limit is an empty one. */
struct blob_set {
    size_t memory_limit;   /* bytes */
    struct blob_id *slots; /* all-zero: free */
    size_t capacity;       /* a power of two */
    size_t count;
};

/* 1 if the id was in the set before, 0 if not (then it is now, if there was room), -1. */
MUST_USE int blob_set_add(struct blob_set *set, const struct blob_id *id, struct error *err);
/* Forget everything, and give the memory back. */
void blob_set_clear(struct blob_set *set);

#endif
