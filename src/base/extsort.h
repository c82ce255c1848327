/*
 * External sorting: more fixed-size records than memory holds, put in the
 * order of their keys (the first key_size bytes, compared as bytes).
 *
 * It owns an array within a limit of memory and at most two unnamed temporary
 * files in a folder of the caller's choice: full arrays are sorted and spilled
 * as runs, and the runs merged with bounded buffers. Records with equal keys
 * come in any order. What is spilled lies in the clear on that folder's disk
 * for as long as the sort lives. One thread at a time.
 */
#ifndef HIKAE_BASE_EXTSORT_H
#define HIKAE_BASE_EXTSORT_H

#include "base/error.h"

#include <stdint.h>

enum { EXTSORT_RECORD_MAX = 65536, EXTSORT_MEMORY_MIN = 65536 };

struct extsort;

/*
 * A sort of records of record_size bytes (1 … EXTSORT_RECORD_MAX) with about memory_limit bytes of memory; less than
 * EXTSORT_MEMORY_MIN, or than four records, counts as that. The folder is touched only when memory does not suffice.
 */
MUST_USE int extsort_new(const char *folder, size_t record_size, size_t key_size, size_t memory_limit,
                         struct extsort **ret, struct error *err);
/* Closes (and so removes) the temporary files. NULL is fine. */
void extsort_free(struct extsort *sort);
/* Add a copy of record_size bytes. After a failure only extsort_free is allowed. */
MUST_USE int extsort_add(struct extsort *sort, const void *record, struct error *err);
/* All were added: begin to give them back. */
MUST_USE int extsort_finish(struct extsort *sort, struct error *err);
/* The next record in order: 1 and *ret (borrowed until the next call), 0 at the end, -1. */
MUST_USE int extsort_next(struct extsort *sort, const void **ret, struct error *err);
/* The number of records added so far. */
uint64_t extsort_count(const struct extsort *sort);

/* Sort an array in place, without allocation, in O(n log n) at worst. */
void extsort_array(void *records, size_t count, size_t record_size, size_t key_size);

static inline void cleanup_extsort_free(struct extsort **sort)
{
    extsort_free(*sort);
}

#endif
