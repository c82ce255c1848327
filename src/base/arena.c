#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE = 64 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t least)
{
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    block->size = size;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t unit = _Alignof(max_align_t);
    size_t whole = (size + unit - 1) / unit * unit;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < whole)
        block = add_block(arena, whole);
    if (block == NULL)
        return NULL;
    void *made = block->bytes + block->used;
    block->used += whole;
    return memset(made, 0, whole);
}

char *arena_text(struct arena *arena, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *made = arena_alloc(arena, size);
    return made != NULL ? memcpy(made, text, size) : NULL;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list arguments;
    va_start(arguments, fmt);
    int size = vsnprintf(NULL, 0, fmt, arguments);
    va_end(arguments);
    char *made = size >= 0 ? arena_alloc(arena, (size_t)size + 1) : NULL;
    if (made == NULL) {
        arena->failed = true;
        return NULL;
    }
    va_start(arguments, fmt);
    (void)vsnprintf(made, (size_t)size + 1, fmt, arguments);
    va_end(arguments);
    return made;
}

/* Room is a power of two: it is full exactly when the count is one. */
void *arena_add(struct arena *arena, void *array, size_t *count, size_t size)
{
    unsigned char *items;
    memcpy(&items, array, sizeof(items));
    if ((*count & (*count - 1)) == 0) {
        unsigned char *grown = arena_alloc(arena, (*count > 0 ? 2 * *count : 1) * size);
        if (grown == NULL)
            return NULL;
        if (*count > 0)
            memcpy(grown, items, *count * size);
        items = grown;
        memcpy(array, &items, sizeof(items));
    }
    return items + (*count)++ * size;
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_free(block);
    }
    *arena = (struct arena){0};
}
