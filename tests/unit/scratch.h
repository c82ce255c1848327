/* A folder of its own for a test, in $TMPDIR or /tmp. */
#ifndef HIKAE_TESTS_SCRATCH_H
#define HIKAE_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>

/* Make it: ret (of `size` bytes) is its path, in which `what` stands. 0, or -1 as mkdtemp(3). */
static inline int scratch_make(char *ret, size_t size, const char *what)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(ret, size, "%s/hikae-%s-XXXXXX", base != NULL ? base : "/tmp", what);
    return length > 0 && (size_t)length < size && mkdtemp(ret) != NULL ? 0 : -1;
}

#endif
