/*
 * Entries in another order than the manifest's (archives keep their own):
 * held in memory until all are there, then sorted. An entry takes some 500
 * bytes; content is not held.
 */
#include "base/mem.h"
#include "pipeline/batch.h"

#include <stdlib.h>

enum { LINK_STEPS_MAX = 64 };

static const size_t NONE = SIZE_MAX;

struct item {
    struct entry *entry;
    size_t number; /* of several with one path, the last counts */
    size_t first;  /* of a file: the earliest of its names; of a hard link: its file. NONE: it leads nowhere */
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
    sorter->items[sorter->count] = (struct item){entry, sorter->count, NONE};
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

/* Of several entries with one path the last stays. */
static void remove_earlier(struct entry_sorter *sorter)
{
    size_t kept = 0;
    for (size_t i = 0; i < sorter->count; i++) {
        const struct entry *after = i + 1 < sorter->count ? sorter->items[i + 1].entry : NULL;
        struct entry *entry = sorter->items[i].entry;
        if (after != NULL && entry_path_compare(&entry->dir, &entry->name, &after->dir, &after->name) == 0)
            entry_free(entry);
        else
            sorter->items[kept++] = sorter->items[i];
    }
    sorter->count = kept;
}

/* Among the first `count` items, which are sorted; NONE if it is not there. */
static size_t find(const struct entry_sorter *sorter, size_t count, const struct bytes *dir, const struct bytes *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = sorter->items[middle].entry;
        int order = entry_path_compare(&entry->dir, &entry->name, dir, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NONE;
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
            entry_path_split(&dir, &parent, &name);
            if (find(sorter, sorted, &parent, &name) != NONE)
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

/* Put a changed copy in the place of an entry. */
static int replace(struct item *item, const struct entry *by, struct error *err)
{
    struct entry *copy = entry_dup(by);
    if (copy == NULL)
        return error_no_memory(err);
    entry_free(item->entry);
    item->entry = copy;
    return 0;
}

/* What a hard link leads to at last: an archive's link can lead to another link. NONE: nowhere, or in a circle. */
static size_t follow(const struct entry_sorter *sorter, size_t i)
{
    for (int steps = 0; steps < LINK_STEPS_MAX && i != NONE; steps++) {
        const struct entry *entry = sorter->items[i].entry;
        struct bytes dir, name;
        if (entry->type != ENTRY_HARDLINK)
            return i;
        entry_path_split(&entry->link, &dir, &name);
        i = find(sorter, sorter->count, &dir, &name);
    }
    return NONE;
}

/* A hard link to what is no file becomes a copy of that; one that leads nowhere, a file whose content is missing. */
static int replace_odd_link(const struct entry_sorter *sorter, struct item *item, size_t to, struct error *err)
{
    struct entry copy = to != NONE ? *sorter->items[to].entry : *item->entry;
    copy.dir = item->entry->dir;
    copy.name = item->entry->name;
    if (to == NONE) {
        copy.type = ENTRY_FILE;
        copy.link = (struct bytes){0};
        copy.unreadable = true;
    }
    return replace(item, &copy, err);
}

/* The file itself, at i, gives its content to its earliest name and becomes a link to that. */
static int move_content(struct entry_sorter *sorter, size_t i, size_t earliest, struct error *err)
{
    struct entry file = *sorter->items[i].entry, link = *sorter->items[earliest].entry;
    struct bytes dir = link.dir, name = link.name;
    link.dir = file.dir;
    link.name = file.name;
    file.dir = dir;
    file.name = name;
    struct entry *copy = entry_dup(&link);
    if (copy == NULL)
        return error_no_memory(err);
    if (replace(&sorter->items[earliest], &file, err) != 0) {
        entry_free(copy);
        return -1;
    }
    entry_free(sorter->items[i].entry);
    sorter->items[i].entry = copy;
    sorter->items[i].first = sorter->items[earliest].first = earliest;
    return 0;
}

static int point_to(struct item *item, const struct entry *first, struct error *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct entry copy = *item->entry;
    if (buf_append(&path, first->dir.data, first->dir.size, err) != 0 ||
        (first->dir.size > 0 && buf_u8(&path, '/', err) != 0) ||
        buf_append(&path, first->name.data, first->name.size, err) != 0)
        return -1;
    copy.link = (struct bytes){path.data, path.size};
    return replace(item, &copy, err);
}

/*
 * A manifest has the first name of a file before its other names; an archive has them in its own order. The earliest
 * of each file's names becomes the file, the others links to it.
 */
static int order_links(struct entry_sorter *sorter, struct error *err)
{
    struct item *items = sorter->items;
    /* All links are followed before anything changes: what a link leads to stays where it is meanwhile. */
    for (size_t i = 0; i < sorter->count; i++)
        if (items[i].entry->type == ENTRY_HARDLINK)
            items[i].first = follow(sorter, i);
    for (size_t i = 0; i < sorter->count; i++) {
        size_t to = items[i].first;
        if (items[i].entry->type != ENTRY_HARDLINK)
            continue;
        if (to == NONE || items[to].entry->type != ENTRY_FILE) {
            if (replace_odd_link(sorter, &items[i], to, err) != 0)
                return -1;
            items[i].first = NONE;
        } else if (items[to].first == NONE || i < items[to].first) {
            items[to].first = i; /* as the links are met in order, this is the earliest */
        }
    }
    for (size_t i = 0; i < sorter->count; i++)
        if (items[i].entry->type == ENTRY_FILE && items[i].first != NONE && items[i].first < i &&
            move_content(sorter, i, items[i].first, err) != 0)
            return -1;
    for (size_t i = 0; i < sorter->count; i++) {
        size_t to = items[i].first;
        if (items[i].entry->type != ENTRY_HARDLINK)
            continue;
        /* Its file may have become a link itself. */
        if (items[to].entry->type == ENTRY_HARDLINK)
            to = items[to].first;
        if (point_to(&items[i], items[to].entry, err) != 0)
            return -1;
    }
    return 0;
}

int entry_sorter_finish(struct entry_sorter *sorter, int (*next)(struct entry *entry, void *context, struct error *err),
                        void *context, struct error *err)
{
    qsort(sorter->items, sorter->count, sizeof(struct item), compare);
    remove_earlier(sorter);
    if (add_missing_folders(sorter, err) != 0)
        return -1;
    qsort(sorter->items, sorter->count, sizeof(struct item), compare);
    remove_earlier(sorter); /* a folder can have been missed for several of its children */
    if (order_links(sorter, err) != 0)
        return -1;
    for (size_t i = 0; i < sorter->count; i++)
        if (next(sorter->items[i].entry, context, err) != 0)
            return -1;
    return 0;
}
