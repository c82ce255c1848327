/*
 * Secrets: a type of their own for every key and passphrase. The bytes lie in
 * memory that is locked, guarded, left out of core files and wiped on free.
 * They are never printed, and secret_dup is the only way to copy them.
 */
#ifndef HIKAE_BASE_SECRET_H
#define HIKAE_BASE_SECRET_H

#include "base/error.h"

#include <stdint.h>

struct secret;

/* Once per process, before the first secret: set up the locked heap, forbid core dumps. Safe to call again. */
void secret_init(void);
/* A secret of size bytes, all zero, or NULL when there is no memory (or none that can be locked). */
struct secret *secret_new(size_t size);
/* A secret that holds a copy of bytes. */
struct secret *secret_copy(const void *bytes, size_t size);
struct secret *secret_dup(const struct secret *secret);
/* Wipe and release; NULL is fine. */
void secret_free(struct secret *secret);
uint8_t *secret_bytes(struct secret *secret);
const uint8_t *secret_borrow(const struct secret *secret);
size_t secret_size(const struct secret *secret);
/* Equal, in time that does not depend on where they differ. */
bool secret_equal(const struct secret *a, const struct secret *b);

static inline void cleanup_secret_free(struct secret **secret)
{
    secret_free(*secret);
}
#define CLEANUP_SECRET __attribute__((cleanup(cleanup_secret_free)))

#endif
