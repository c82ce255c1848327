/*
 * Entries in another order than the manifest's (archives keep their own):
 * held in memory until all are there, then sorted. An entry takes some 500
 * bytes; content is not held.
 */
#include "base/mem.h"
#include "pipeline/batch.h"

#include <stdlib.h>

struct item {
    struct entry *entry;
    size_t number; /* of several with one path, the last counts */
};

struct entry_sorter {
    struct item *items;
    size_t count;
    size_t capacity;
};

struct entry_sorter *entry_sorter_new(void)
{
    return mem_calloc(1, sizeof(struct entry_sorter));
}

void entry_sorter_free(struct entry_sorter *sorter)
{
    if (sorter == NULL)
        return;
    for (size_t i = 0; i < sorter->count; i++)
        entry_free(sorter->items[i].entry);
    mem_free(sorter->items);
    mem_free(sorter);
}

int entry_sorter_take(struct entry_sorter *sorter, struct entry *entry, struct error *err)
{
    if (sorter->count == sorter->capacity) {
        size_t capacity = sorter->capacity < 256 ? 256 : 2 * sorter->capacity;
        struct item *items = mem_realloc(sorter->items, capacity * sizeof(*items));
        if (items == NULL) {
            entry_free(entry);
            return error_no_memory(err);
        }
        sorter->items = items;
        sorter->capacity = capacity;
    }
    sorter->items[sorter->count] = (struct item){entry, sorter->count};
    sorter->count++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = entry_path_compare(&x->entry->dir, &x->entry->name, &y->entry->dir, &y->entry->name);
    if (order != 0)
        return order;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Split a folder's path into its parent and its name. */
static void split(const struct bytes *path, struct bytes *ret_dir, struct bytes *ret_name)
{
    size_t size = path->size;
    while (size > 0 && path->data[size - 1] != '/')
        size--;
    *ret_name = (struct bytes){path->data + size, path->size - size};
    *ret_dir = (struct bytes){path->data, size > 0 ? size - 1 : 0};
}

static bool has_folder(const struct entry_sorter *sorter, size_t count, const struct bytes *dir,
                       const struct bytes *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = sorter->items[middle].entry;
        int order = entry_path_compare(&entry->dir, &entry->name, dir, name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Archives need not name the folders above their entries: a manifest does. */
static int add_missing_folders(struct entry_sorter *sorter, struct error *err)
{
    size_t sorted = sorter->count;
    struct bytes last = {0};
    for (size_t i = 0; i < sorted; i++) {
        struct bytes dir = sorter->items[i].entry->dir;
        if (bytes_equal(&dir, &last))
            continue;
        last = dir;
        while (dir.size > 0) {
            struct bytes parent, name;
            split(&dir, &parent, &name);
            if (has_folder(sorter, sorted, &parent, &name))
                break;
            struct entry folder = {.dir = parent, .name = name, .type = ENTRY_DIRECTORY, .mode = 0755};
            struct entry *copy = entry_dup(&folder);
            if (copy == NULL)
                return error_no_memory(err);
            if (entry_sorter_take(sorter, copy, err) != 0)
                return -1;
            dir = parent;
        }
    }
    return 0;
}

int entry_sorter_finish(struct entry_sorter *sorter,
                        int (*next)(struct entry *entry, void *context, struct error *err), void *context,
                        struct error *err)
{
    qsort(sorter->items, sorter->count, sizeof(struct item), compare);
    if (add_missing_folders(sorter, err) != 0)
        return -1;
    qsort(sorter->items, sorter->count, sizeof(struct item), compare);
    for (size_t i = 0; i < sorter->count; i++) {
        struct entry *entry = sorter->items[i].entry;
        if (i + 1 < sorter->count) {
            const struct entry *after = sorter->items[i + 1].entry;
            if (entry_path_compare(&entry->dir, &entry->name, &after->dir, &after->name) == 0)
                continue;
        }
        if (next(entry, context, err) != 0)
            return -1;
    }
    return 0;
}
