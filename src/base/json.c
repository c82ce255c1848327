#include "base/json.h"

#include "base/mem.h"

/*
 * jansson's parser takes some failed allocations for errors in the text, and overlooks others (its lexer drops the
 * byte for which its buffer could not grow): a sound text would count as damaged, or be read wrongly. Its printer loses
 * bytes in the same way. So allocations of this thread are watched while it works. The functions are set before main,
 * as jansson's pointers to them are not atomic; they pass on to those that were set before.
 */
static _Thread_local bool allocation_failed;
static json_malloc_t next_alloc;
static json_free_t next_free;

static void *watched_alloc(size_t size)
{
    void *memory = next_alloc(size);
    if (memory == NULL)
        allocation_failed = true;
    return memory;
}

__attribute__((constructor)) static void watch_allocations(void)
{
    json_get_alloc_funcs(&next_alloc, &next_free);
    json_set_alloc_funcs(watched_alloc, next_free);
}

int json_parse(const void *text, size_t size, json_t **ret, struct error *err)
{
    json_error_t where;
    allocation_failed = false;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (allocation_failed) {
        json_decref(json);
        return error_no_memory(err);
    }
    *ret = json;
    return 0;
}

int json_print(const json_t *json, char **ret, struct error *err)
{
    allocation_failed = false;
    char *text = json_dumps(json, JSON_COMPACT);
    char *copy = text != NULL && !allocation_failed ? mem_strdup(text) : NULL;
    if (text != NULL)
        next_free(text);
    if (copy == NULL)
        return error_no_memory(err);
    *ret = copy;
    return 0;
}
