#include "pipeline/presence.h"

#include "base/hex.h"
#include "base/names.h"

char object_class_letter(enum object_class class)
{
    return class == OBJECT_PACK ? 'p' : class == OBJECT_SEGMENT ? 'i' : 'r';
}

struct listing {
    struct roster *roster;
    enum object_class class;
    size_t prefix_size;
};

static int list_one(const struct target_object *object, void *context, struct error *err)
{
    const struct listing *listing = context;
    const char *last = object->name + listing->prefix_size;
    struct hash name;
    /* Something else that lies there is nobody's object: it is neither used nor counted. */
    if (strlen(last) != 2 * HASH_SIZE || !hex_decode(last, HASH_SIZE, name.bytes))
        return 0;
    return roster_add(listing->roster, listing->class, &name, object->size, err);
}

int presence_list(struct presence *presence, struct target *target, const struct id *tid, struct error *err)
{
    static const enum object_class classes[] = {OBJECT_PACK, OBJECT_SEGMENT, OBJECT_ROSTER};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        char prefix[OBJECT_NAME_SIZE];
        (void)name_folder(tid, object_class_letter(classes[i]), prefix);
        struct listing listing = {&presence->listed, classes[i], strlen(prefix)};
        if (target_list(target, prefix, NULL, list_one, &listing, err) != 0)
            return error_wrap(err, "list what %s holds", target_name(target));
    }
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
