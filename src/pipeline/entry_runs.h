/*
 * External sorting of entries: more than memory holds, put in the order of
 * their paths, or of what their links hold.
 *
 * It owns the entries within a limit of memory, and unnamed temporary files in
 * a folder of the caller's choice: when memory is full, what is there is sorted
 * and written out as a run, and the runs are merged as they are read. A run is
 * sealed (AES-256-GCM) under a random key that never leaves this process: no
 * name of a file lies on that disk in clear, not even when the machine dies.
 * One thread at a time.
 */
#ifndef HIKAE_PIPELINE_ENTRY_RUNS_H
#define HIKAE_PIPELINE_ENTRY_RUNS_H

#include "base/error.h"
#include "repo/entry.h"

struct entry_runs;

enum entry_order {
    ENTRIES_BY_PATH, /* of several with one path, the one of the highest number is given back */
    ENTRIES_BY_LINK  /* by what the link holds, read as a path, then by their own path */
};

/* About `memory_limit` bytes of memory, and a buffer for each run. The folder is touched when they do not suffice. */
MUST_USE int entry_runs_new(const char *folder, enum entry_order order, size_t memory_limit, struct entry_runs **ret,
                            struct error *err);
/* Closes (and so removes) the temporary files. NULL is fine. */
void entry_runs_free(struct entry_runs *runs);
/* Takes an entry that entry_dup made over, also when it fails. Not after entry_runs_begin. */
MUST_USE int entry_runs_add(struct entry_runs *runs, struct entry *entry, uint64_t number, struct error *err);
/* Copies instead. */
MUST_USE int entry_runs_add_copy(struct entry_runs *runs, const struct entry *entry, uint64_t number,
                                 struct error *err);
/* Nothing was added. */
bool entry_runs_is_empty(const struct entry_runs *runs);
/* Nothing more will be added: begin to give all back, from the first. May be called again to begin anew. */
MUST_USE int entry_runs_begin(struct entry_runs *runs, struct error *err);
/* The next in order, borrowed until the next call: 1 and *ret, 0 at the end (and *ret is NULL), -1. */
MUST_USE int entry_runs_next(struct entry_runs *runs, struct entry **ret, struct error *err);

static inline void cleanup_entry_runs_free(struct entry_runs **runs)
{
    entry_runs_free(*runs);
}

#endif
