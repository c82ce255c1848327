#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
    return malloc(size > 0 ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    return calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

void *mem_alloc_aligned(size_t size)
{
    void *memory = NULL;
    return posix_memalign(&memory, 4096, size > 0 ? size : 1) == 0 ? memory : NULL;
}

void *mem_realloc(void *old, size_t size)
{
    return realloc(old, size > 0 ? size : 1);
}

void mem_free(void *memory)
{
    free(memory);
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

void *mem_dup(const void *bytes, size_t size)
{
    void *copy = mem_alloc(size);
    if (copy != NULL && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

void *mem_more(void *items, size_t count, size_t *capacity, size_t size)
{
    enum { FIRST = 64 };
    if (count < *capacity)
        return items;
    size_t more = *capacity > 0 ? 2 * *capacity : FIRST;
    void *grown = more <= SIZE_MAX / size ? mem_realloc(items, more * size) : NULL;
    if (grown != NULL)
        *capacity = more;
    return grown;
}

void mem_wipe(void *memory, size_t size)
{
    if (size > 0)
        explicit_bzero(memory, size);
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = size >= 0 ? mem_alloc((size_t)size + 1) : NULL;
    if (text == NULL)
        return NULL;
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)size + 1, fmt, args);
    va_end(args);
    return text;
}
