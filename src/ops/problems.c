/* Entries that could not be read or written: counted, told, and the first thousand kept for the result. */
#include "base/mem.h"
#include "ops/engine.h"

#include <stdio.h>

void problems_init(struct problems *problems, struct hikae *hikae)
{
    *problems = (struct problems){.hikae = hikae};
    (void)pthread_mutex_init(&problems->mutex, NULL);
}

void problems_note(const struct bytes *path, const struct error *why, void *context)
{
    struct problems *problems = context;
    char text[ERROR_CHAIN_SIZE + ERROR_WHAT_SIZE + 8];
    struct hikae_error public;
    (void)snprintf(text, sizeof(text), "%s%s%s", why->chain, why->chain[0] != '\0' ? ": " : "", why->what);
    (void)pthread_mutex_lock(&problems->mutex);
    problems->total++;
    if (problems->count < PROBLEMS_KEPT) {
        struct hikae_entry_error *items =
            mem_realloc(problems->items, (problems->count + 1) * sizeof(*problems->items));
        if (items != NULL) {
            problems->items = items;
            struct hikae_entry_error *item = &items[problems->count];
            item->path = mem_printf("%.*s", (int)(path->size < 4096 ? path->size : 4096), (const char *)path->data);
            item->message = mem_strdup(text);
            item->status = api_result(-1, false, why, &public);
            if (item->path != NULL && item->message != NULL) {
                problems->count++;
            } else {
                mem_free(item->path);
                mem_free(item->message);
            }
        }
    }
    (void)pthread_mutex_unlock(&problems->mutex);
    /* What concerns no single entry has no path, and is told once, so that there is room for what to do. */
    if (path->size == 0)
        engine_warn(problems->hikae, "%s%s%s", text, why->hint[0] != '\0' ? ": " : "", why->hint);
    else
        engine_warn(problems->hikae, "%.*s: %s", (int)(path->size < 400 ? path->size : 400), (const char *)path->data,
                    text);
}

void problems_take(struct problems *problems, struct hikae_entry_error **ret, size_t *ret_count, uint64_t *ret_total)
{
    *ret = problems->items;
    *ret_count = problems->count;
    *ret_total = problems->total;
    (void)pthread_mutex_destroy(&problems->mutex);
}

void entry_errors_free(struct hikae_entry_error *errors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(errors[i].path);
        mem_free(errors[i].message);
    }
    mem_free(errors);
}
