/* Entries that could not be read or written: counted, told, and the first thousand kept for the result, the worst of
 * them. */
#include "base/mem.h"
#include "ops/engine.h"

#include <stdio.h>

void problems_init(struct problems *problems, struct hikae *hikae)
{
    *problems = (struct problems){.hikae = hikae};
    (void)pthread_mutex_init(&problems->mutex, NULL);
}

/* How much it says of the data: that it is damaged or missing, that it was not read, or neither. */
static unsigned rank_of(enum hikae_status status)
{
    return status == HIKAE_DAMAGED || status == HIKAE_NOT_FOUND ? 2 : status == HIKAE_UNKNOWN ? 1 : 0;
}

static void item_clear(struct hikae_entry_error *item)
{
    mem_free(item->path);
    mem_free(item->message);
}

/* Where the next one is kept; NULL: nowhere. A thousand trifles must not hide that a file is damaged. */
static struct hikae_entry_error *find_room(struct problems *problems, enum hikae_status status)
{
    if (problems->count < PROBLEMS_KEPT) {
        struct hikae_entry_error *items =
            mem_realloc(problems->items, (problems->count + 1) * sizeof(*problems->items));
        if (items == NULL)
            return NULL;
        problems->items = items;
        items[problems->count] = (struct hikae_entry_error){0};
        return &items[problems->count++];
    }
    const unsigned rank = rank_of(status);
    size_t *lesser = &problems->lesser[rank];
    while (*lesser < problems->count && rank_of(problems->items[*lesser].status) >= rank)
        ++*lesser;
    return *lesser < problems->count ? &problems->items[*lesser] : NULL;
}

static void keep(struct problems *problems, const struct bytes *path, const char *text, enum hikae_status status)
{
    struct hikae_entry_error item = {
        .path = mem_printf("%.*s", (int)(path->size < 4096 ? path->size : 4096), (const char *)path->data),
        .message = mem_strdup(text),
        .status = status};
    struct hikae_entry_error *place = item.path != NULL && item.message != NULL ? find_room(problems, status) : NULL;
    if (place == NULL) {
        item_clear(&item);
        return;
    }
    item_clear(place);
    *place = item;
}

void problems_note(const struct bytes *path, const struct error *why, void *context)
{
    struct problems *problems = context;
    char text[ERROR_CHAIN_SIZE + ERROR_WHAT_SIZE + 8];
    struct hikae_error public;
    (void)snprintf(text, sizeof(text), "%s%s%s", why->chain, why->chain[0] != '\0' ? ": " : "", why->what);
    (void)pthread_mutex_lock(&problems->mutex);
    problems->total++;
    problems->damaged += why->class == ERROR_DAMAGED || why->class == ERROR_NOT_FOUND;
    problems->unknown += why->class == ERROR_UNREACHABLE || why->class == ERROR_DENIED;
    keep(problems, path, text, api_result(-1, false, why, &public));
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
    for (size_t i = 0; i < count; i++)
        item_clear(&errors[i]);
    mem_free(errors);
}
