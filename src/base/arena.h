/*
 * An arena: many small things that are made one after the other and freed
 * together. Lack of memory is remembered, and asked for once at the end, so
 * that code which gathers and judges need not ask at every step.
 */
#ifndef HIKAE_BASE_ARENA_H
#define HIKAE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
    bool failed; /* something could not be made for want of memory */
};

/* `size` zeroed bytes, aligned for anything; NULL and `failed` when there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy; NULL for NULL. */
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * One more zeroed item of `size` bytes behind the *count items of an array that lives in this arena and is grown by
 * this alone; `array` is the address of its pointer. The item, or NULL.
 */
void *arena_add(struct arena *arena, void *array, size_t *count, size_t size);
/* Frees everything; an arena that is all zero is empty. */
void arena_clear(struct arena *arena);

#endif
