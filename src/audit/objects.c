#include "audit/objects.h"

#include "audit/checkpoint.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void audit_warn(const struct audit_store *store, const char *fmt, ...)
{
    char message[1200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (store->warn != NULL)
        store->warn(message, store->context);
}

uint64_t audit_places_up(const struct audit_store *store)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < store->place_count; i++)
        if (!store->places[i].failed)
            mask |= UINT64_C(1) << i;
    return mask;
}

void audit_objects_free(struct audit_objects *objects)
{
    mem_free(objects->items);
    *objects = (struct audit_objects){0};
}

/* ---- Listing ---- */

struct listing {
    struct audit_objects *objects;
    uint64_t bit;
};

static int note(const struct target_object *object, void *context, struct error *err)
{
    const struct listing *listing = context;
    struct audit_objects *objects = listing->objects;
    struct audit_object item = {.places = listing->bit};
    if (!audit_name_parse(object->name, &item.name))
        return 0; /* nobody's object */
    if (objects->count == objects->capacity) {
        size_t capacity = objects->capacity < 64 ? 64 : 2 * objects->capacity;
        struct audit_object *items = mem_realloc(objects->items, capacity * sizeof(*items));
        if (items == NULL)
            return error_no_memory(err);
        objects->items = items;
        objects->capacity = capacity;
    }
    objects->items[objects->count++] = item;
    return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_objects(const void *left, const void *right)
{
    const struct audit_name *a = &((const struct audit_object *)left)->name;
    const struct audit_name *b = &((const struct audit_object *)right)->name;
    int order = memcmp(a->log.bytes, b->log.bytes, ID_SIZE);
    if (order == 0)
        order = (int)a->kind - (int)b->kind;
    if (order == 0)
        order = compare_numbers(a->first, b->first);
    if (order == 0)
        order = compare_numbers(a->size, b->size);
    return order != 0 ? order : hash_compare(&a->hash, &b->hash);
}

/* What several places hold becomes one item. */
static void join(struct audit_objects *objects)
{
    if (objects->count == 0)
        return;
    qsort(objects->items, objects->count, sizeof(*objects->items), compare_objects);
    size_t kept = 0;
    for (size_t i = 1; i < objects->count; i++) {
        if (compare_objects(&objects->items[i], &objects->items[kept]) == 0)
            objects->items[kept].places |= objects->items[i].places;
        else
            objects->items[++kept] = objects->items[i];
    }
    objects->count = kept + 1;
}

int audit_objects_list(const struct audit_store *store, const struct id *log, struct audit_objects *ret,
                       struct error *err)
{
    char prefix[OBJECT_NAME_SIZE] = AUDIT_FOLDER;
    *ret = (struct audit_objects){0};
    if (log != NULL)
        (void)audit_name_prefix(log, prefix);
    for (size_t i = 0; i < store->place_count; i++) {
        struct audit_place *place = &store->places[i];
        struct listing listing = {ret, UINT64_C(1) << i};
        size_t before = ret->count;
        if (place->failed || target_list(place->target, prefix, NULL, note, &listing, &place->why) == 0)
            continue;
        if (place->why.class == ERROR_NO_MEMORY) {
            *err = place->why;
            audit_objects_free(ret);
            return -1;
        }
        ret->count = before;
        place->failed = true;
        audit_warn(store, "the audit log on %s cannot be read: %s", place->name, place->why.what);
    }
    if (audit_places_up(store) == 0) {
        audit_objects_free(ret);
        (void)error_set(err, ERROR_UNREACHABLE, "the audit log can be read from no target");
        return error_hint(err, "`hikae target check` says why each cannot be reached");
    }
    join(ret);
    return 0;
}

bool audit_objects_next_log(const struct audit_objects *objects, size_t *first, size_t *end)
{
    *first = *end;
    if (*first >= objects->count)
        return false;
    while (*end < objects->count && id_equal(&objects->items[*end].name.log, &objects->items[*first].name.log))
        ++*end;
    return true;
}

/* ---- One object ---- */

static size_t most_bytes(const struct audit_name *name)
{
    return name->kind == AUDIT_OBJECT_CHECKPOINT ? AUDIT_CHECKPOINT_MAX : AUDIT_SEGMENT_MAX;
}

static bool is_sound(const struct buf *object, const struct hash *hash)
{
    struct hash found;
    return sha256(object->data, object->size, found.bytes, NULL) == 0 && hash_equal(&found, hash);
}

int audit_object_get(const struct audit_store *store, size_t place, const struct audit_name *name, struct buf *out,
                     struct error *err)
{
    struct target *target = store->places[place].target;
    char text[OBJECT_NAME_SIZE];
    (void)audit_name_format(name, text);
    struct error first = {0}, why = {0};
    out->size = 0;
    if (target_get(target, text, most_bytes(name), out, &first) == 0 && is_sound(out, &name->hash))
        return 0;
    if (first.class == ERROR_NONE)
        (void)error_set(&first, ERROR_DAMAGED, "%s on %s does not match its name", text, store->places[place].name);
    /* Junk or a delete marker may lie on top of it. */
    for (unsigned number = 1; first.class == ERROR_DAMAGED || first.class == ERROR_NOT_FOUND; number++) {
        out->size = 0;
        if (target_get_version(target, text, number, most_bytes(name), out, &why) != 0 && why.class != ERROR_DAMAGED)
            break;
        if (is_sound(out, &name->hash))
            return 0;
    }
    if (err != NULL)
        *err = first;
    return -1;
}

static char *cache_path(const struct audit_store *store, const struct hash *hash)
{
    char hex[2 * HASH_SIZE + 1];
    return store->cache != NULL ? mem_printf("%s%s", store->cache, hex_encode(hash->bytes, HASH_SIZE, hex)) : NULL;
}

void audit_cache_put(const struct audit_store *store, const struct hash *hash, const struct buf *object)
{
    CLEANUP_FREE char *path = cache_path(store, hash);
    struct error why = {0};
    if (path != NULL && file_write_atomic(path, object->data, object->size, 0600, &why) != 0)
        audit_warn(store, "the local copy of an object of the audit log could not be written: %s", why.what);
}

void audit_cache_drop(const struct audit_store *store, const struct hash *hash)
{
    CLEANUP_FREE char *path = cache_path(store, hash);
    if (path != NULL)
        (void)unlink(path);
}

int audit_object_find(const struct audit_store *store, const struct audit_object *object, struct buf *out,
                      struct error *err)
{
    CLEANUP_FREE char *path = cache_path(store, &object->name.hash);
    out->size = 0;
    if (path != NULL && file_read(path, most_bytes(&object->name), out, NULL) == 0 && is_sound(out, &object->name.hash))
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE, "an object of the audit log is on no target that answers");
    for (size_t i = 0; i < store->place_count; i++) {
        if ((object->places >> i & 1) == 0 || store->places[i].failed ||
            audit_object_get(store, i, &object->name, out, err) != 0)
            continue;
        audit_cache_put(store, &object->name.hash, out);
        return 0;
    }
    return -1;
}

int audit_object_put(const struct audit_store *store, size_t place, const struct audit_name *name,
                     const struct buf *object, struct error *err)
{
    char text[OBJECT_NAME_SIZE];
    return target_put(store->places[place].target, audit_name_format(name, text), object->data, object->size,
                      TARGET_PUT_CREATE, err);
}

/* ---- Catching up ---- */

/*
 * Copy one object to the places of *wanted (bits), and leave those there that have it then. One that is sound nowhere
 * is nobody's loss here: verification tells of it, and nothing waits for it.
 */
static int copy_to(const struct audit_store *store, struct audit_object *object, uint64_t *wanted, uint64_t *ret_copied,
                   struct error *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct error why = {0};
    uint64_t lacking = *wanted & ~object->places;
    if (lacking == 0)
        return 0;
    if (cancel_check(store->cancel, err) != 0)
        return -1;
    if (audit_object_find(store, object, &bytes, &why) != 0) {
        audit_warn(store, "an object of the audit log cannot be copied: %s", why.what);
        if (why.class != ERROR_DAMAGED)
            *wanted &= object->places;
        return 0;
    }
    for (size_t i = 0; i < store->place_count; i++) {
        struct audit_place *place = &store->places[i];
        if ((lacking >> i & 1) == 0)
            continue;
        if (audit_object_put(store, i, &object->name, &bytes, &why) == 0) {
            object->places |= UINT64_C(1) << i;
            ++*ret_copied;
        } else {
            audit_warn(store, "the audit log on %s stays behind: %s", place->name, why.what);
        }
    }
    *wanted &= object->places;
    return 0;
}

/* The objects of one log, [first, end). Segments stand before checkpoints. */
static int catch_up_log(const struct audit_store *store, struct audit_object *items, size_t count, uint64_t *complete,
                        uint64_t *ret_copied, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (copy_to(store, &items[i], complete, ret_copied, err) != 0)
            return -1;
    return 0;
}

int audit_objects_catch_up(const struct audit_store *store, struct audit_objects *objects, uint64_t *ret_complete,
                           uint64_t *ret_copied, struct error *err)
{
    *ret_complete = audit_places_up(store);
    *ret_copied = 0;
    for (size_t first = 0, end = 0; audit_objects_next_log(objects, &first, &end);) {
        uint64_t complete = audit_places_up(store);
        if (catch_up_log(store, &objects->items[first], end - first, &complete, ret_copied, err) != 0)
            return -1;
        *ret_complete &= complete;
    }
    return 0;
}
