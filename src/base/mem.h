/*
 * Memory: allocation that returns NULL when there is none (never aborts),
 * clean-up of locals, wiping that the compiler may not remove.
 */
#ifndef HIKAE_BASE_MEM_H
#define HIKAE_BASE_MEM_H

#include <stddef.h>

/* As malloc, calloc, realloc, free, strdup, strndup; a size of 0 gives a pointer that can be freed. */
void *mem_alloc(size_t size);
void *mem_calloc(size_t count, size_t size);
/* Aligned to 4096 bytes; mem_realloc may lose that. */
void *mem_alloc_aligned(size_t size);
void *mem_realloc(void *old, size_t size);
void mem_free(void *memory);
char *mem_strdup(const char *text);
void *mem_dup(const void *bytes, size_t size);

/*
 * Room for one more item of that size behind `count`, growing twofold: the items, perhaps moved, and *capacity raised.
 * NULL without memory: the items stay where they are.
 */
void *mem_more(void *items, size_t count, size_t *capacity, size_t size);
/* Overwrite with zeros, also where the compiler thinks that nobody looks. */
void mem_wipe(void *memory, size_t size);

/* printf into fresh memory, in one piece: what may be secret lies nowhere else. NULL when there is none. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void cleanup_mem_free(void *pointer_to_pointer)
{
    mem_free(*(void **)pointer_to_pointer);
}
#define CLEANUP(function) __attribute__((cleanup(function)))
#define CLEANUP_FREE      CLEANUP(cleanup_mem_free)

#endif
