#include "base/json.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

/*
 * jansson's parser takes some failed allocations for errors in the text, and overlooks others: its lexer drops the byte
 * for which its buffer could not grow, so that a sound text would count as damaged, be read wrongly, or end the process
 * in an assertion (load.c, lex_scan_string). Its printer loses bytes in the same way. So allocations of this thread are
 * watched while it works. The functions are set before main, as jansson's pointers to them are not atomic; they pass on
 * to those that were set before.
 *
 * A parser is given a reserve, besides: the first allocation that fails is served from it, and so are those that
 * follow. The text then ends as far as the parser can see, and whatever it made of it is thrown away.
 *
 * What is released is wiped, the reserve too.
 */
struct reserve {
    uint8_t *bytes;
    size_t size, used;
};
enum { RESERVE_LEAST = 65536, RESERVE_ALIGN = 16 };
static _Thread_local bool allocation_failed;
static _Thread_local struct reserve reserve;
static json_malloc_t next_alloc;
static json_free_t next_free;

static void *watched_alloc(size_t size)
{
    void *memory = next_alloc(size);
    if (memory != NULL)
        return memory;
    allocation_failed = true;
    if (size > reserve.size - reserve.used)
        return NULL;
    memory = reserve.bytes + reserve.used;
    size_t taken = (size + RESERVE_ALIGN - 1) / RESERVE_ALIGN * RESERVE_ALIGN;
    reserve.used = taken < reserve.size - reserve.used ? reserve.used + taken : reserve.size;
    return memory;
}

/* Texts pass through here that carry keys (to a key service, and from one), in copies that nobody else sees. */
static void wipe_free(void *memory)
{
    if (memory != NULL)
        mem_wipe(memory, malloc_usable_size(memory));
    next_free(memory);
}

static void watched_free(void *memory)
{
    uintptr_t at = (uintptr_t)memory, from = (uintptr_t)reserve.bytes;
    if (reserve.size == 0 || at < from || at >= from + reserve.size)
        wipe_free(memory);
}

__attribute__((constructor)) static void watch_allocations(void)
{
    json_get_alloc_funcs(&next_alloc, &next_free);
    json_set_alloc_funcs(watched_alloc, watched_free);
}

struct text {
    const uint8_t *bytes;
    size_t left;
};

/* Gives the parser what it asks for, and the end once memory has failed. */
static size_t read_text(void *out, size_t size, void *context)
{
    struct text *text = context;
    size_t n = allocation_failed ? 0 : text->left < size ? text->left : size;
    if (n > 0)
        memcpy(out, text->bytes, n);
    text->bytes += n;
    text->left -= n;
    return n;
}

int json_parse(const void *text, size_t size, json_t **ret, struct error *err)
{
    json_error_t where;
    struct text source = {text, size};
    /* The token that is being read doubles its buffer once more, and becomes a value. */
    if (size > (SIZE_MAX - RESERVE_LEAST) / 4)
        return error_no_memory(err);
    reserve = (struct reserve){.size = 4 * size + RESERVE_LEAST};
    reserve.bytes = next_alloc(reserve.size);
    if (reserve.bytes == NULL) {
        reserve.size = 0;
        return error_no_memory(err);
    }
    allocation_failed = false;
    json_t *json = json_load_callback(read_text, &source, JSON_REJECT_DUPLICATES, &where);
    if (allocation_failed) {
        json_decref(json);
        json = NULL;
    }
    wipe_free(reserve.bytes);
    reserve = (struct reserve){0};
    *ret = json;
    return allocation_failed ? error_no_memory(err) : 0;
}

static int print(const json_t *json, size_t flags, char **ret, struct error *err)
{
    allocation_failed = false;
    char *text = json_dumps(json, flags);
    char *copy = text != NULL && !allocation_failed ? mem_strdup(text) : NULL;
    wipe_free(text);
    if (copy == NULL)
        return error_no_memory(err);
    *ret = copy;
    return 0;
}

int json_print(const json_t *json, char **ret, struct error *err)
{
    return print(json, JSON_COMPACT, ret, err);
}

int json_print_canonical(const json_t *json, char **ret, struct error *err)
{
    return print(json, JSON_COMPACT | JSON_SORT_KEYS, ret, err);
}
