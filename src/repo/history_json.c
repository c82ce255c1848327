#include "repo/history_internal.h"

/*
 * jansson's parser takes some failed allocations for errors in the text, and overlooks others (its lexer drops the byte
 * for which its buffer could not grow): a sound record would count as unreadable, or be read wrongly. So allocations
 * of this thread are watched while it parses. The functions are set before main, as jansson's pointers to them are
 * not atomic; what they allocate is malloc's, as before.
 */
static _Thread_local bool allocation_failed;

static void *watched_alloc(size_t size)
{
    void *memory = mem_alloc(size);
    if (memory == NULL)
        allocation_failed = true;
    return memory;
}

__attribute__((constructor)) static void watch_allocations(void)
{
    json_set_alloc_funcs(watched_alloc, mem_free);
}

json_t *history_json(const char *text, bool *ret_no_memory)
{
    json_error_t why;
    allocation_failed = false;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    *ret_no_memory = allocation_failed;
    if (!allocation_failed)
        return root;
    json_decref(root);
    return NULL;
}
