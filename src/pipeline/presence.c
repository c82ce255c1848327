#include "pipeline/presence.h"

#include "base/hex.h"
#include "base/names.h"

#include <stdio.h>

char object_class_letter(enum object_class class)
{
    return class == OBJECT_PACK ? 'p' : class == OBJECT_SEGMENT ? 'i' : 'r';
}

struct listing {
    struct roster *roster;
    size_t prefix_size;
};

static int list_one(const struct target_object *object, void *context, struct error *err)
{
    static const enum object_class classes[] = {OBJECT_PACK, OBJECT_SEGMENT, OBJECT_ROSTER};
    const struct listing *listing = context;
    const char *letter = object->name + listing->prefix_size;
    struct hash name;
    /* Something else that lies there is nobody's object: it is neither used nor counted. */
    if (strlen(letter) != 2 + 2 * HASH_SIZE || letter[1] != '/' || !hex_decode(letter + 2, HASH_SIZE, name.bytes))
        return 0;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (object_class_letter(classes[i]) == letter[0])
            return roster_add(listing->roster, classes[i], &name, object->size, err);
    return 0;
}

/* All classes in one listing, which a small tenant's fit into: an object store takes money and time for each request.
 */
int presence_list(struct presence *presence, struct target *target, const struct id *tid, struct error *err)
{
    char prefix[OBJECT_NAME_SIZE], after[OBJECT_NAME_SIZE];
    (void)name_folder(tid, object_class_letter(OBJECT_SEGMENT), prefix);
    size_t size = strlen(prefix) - 2; /* without "i/", the first of the classes; records come before it */
    prefix[size] = '\0';
    memcpy(after, prefix, size);
    memcpy(after + size, "i", sizeof("i"));
    struct listing listing = {&presence->listed, size};
    if (target_list(target, prefix, after, list_one, &listing, err) != 0)
        return error_wrap(err, "list what %s holds", target_name(target));
    roster_sort(&presence->listed);
    return 0;
}

void presence_clear(struct presence *presence)
{
    roster_free(&presence->listed);
    roster_free(&presence->added);
    *presence = (struct presence){0};
}

int presence_add(struct presence *presence, const struct roster *acknowledged, struct error *err)
{
    for (size_t i = 0; i < acknowledged->count; i++) {
        const struct roster_row *row = &acknowledged->rows[i];
        if (roster_add(&presence->added, row->class, &row->name, row->size, err) != 0)
            return -1;
    }
    roster_sort(&presence->added);
    return 0;
}

static const struct roster_row *find(const struct roster *roster, enum object_class class, const struct hash *name)
{
    size_t low = 0, high = roster->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct roster_row *row = &roster->rows[middle];
        int order = row->class != class ? (row->class < class ? -1 : 1) : hash_compare(&row->name, name);
        if (order == 0)
            return row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool presence_has(const struct presence *presence, enum object_class class, const struct hash *name, uint64_t size)
{
    const struct roster_row *row = find(&presence->added, class, name);
    if (row == NULL)
        row = find(&presence->listed, class, name);
    return row != NULL && (size == 0 || row->size == size);
}
