#include "ops/copies.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

char *copy_name(const struct id *tid, const struct copy_item *item, char out[OBJECT_NAME_SIZE])
{
    switch (item->class) {
    case 'h':
        return name_record(tid, item->last, out);
    case 'k':
        return name_key(item->epoch, &item->hash, out);
    case 'a':
        (void)snprintf(out, OBJECT_NAME_SIZE, "%s", item->last);
        return out;
    case 's':
        memcpy(out, NAME_STORE, sizeof(NAME_STORE));
        return out;
    default:
        return name_object(tid, item->class, &item->hash, out);
    }
}

bool copy_is_fatal(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL || err->class == ERROR_INTERRUPTED;
}

int copy_check(const struct copy_item *item, const struct buf *object, const char *where, struct error *err)
{
    struct hash found;
    if (item->class == 's')
        return 0;
    if (item->size != 0 && object->size != item->size)
        return error_set(err, ERROR_DAMAGED, "on %s it has %zu bytes instead of %llu", where, object->size,
                         (unsigned long long)item->size);
    if (sha256(object->data, object->size, found.bytes, err) != 0)
        return -1;
    if (!hash_equal(&found, &item->hash))
        return error_set(err, ERROR_DAMAGED, "its bytes on %s do not match its name", where);
    return 0;
}

static size_t size_limit(const struct copy_item *item)
{
    return item->class == 'p' || item->class == 'i' ? CONTAINER_OBJECT_MAX : RECORD_SIZE_MAX;
}

int copy_get(const struct copy_place *place, size_t target, const struct copy_item *item, struct buf *out,
             struct error *err)
{
    struct run_target *t = &place->hikae->targets[target];
    char name[OBJECT_NAME_SIZE];
    (void)copy_name(place->tid, item, name);
    out->size = 0;
    if (item->class == 's') {
        struct store_info info;
        if (store_read(t->target, &info, err) != 0)
            return -1;
        if (!id_equal(&info.store, &place->hikae->store.store))
            return error_set(err, ERROR_DAMAGED, "%s says that it is another store", t->name);
    }
    if (target_get(t->target, name, size_limit(item), out, err) != 0)
        return -1;
    return copy_check(item, out, t->name, err);
}

/* Older versions, where the current one is not what its name says. */
static int find_version(const struct copy_place *place, size_t target, const struct copy_item *item, struct buf *out,
                        struct error *err)
{
    struct run_target *t = &place->hikae->targets[target];
    char name[OBJECT_NAME_SIZE];
    (void)copy_name(place->tid, item, name);
    for (unsigned version = 1; target_traits(t->target)->versions && item->class != 's'; version++) {
        struct error why = {0};
        out->size = 0;
        if (cancel_check(&place->hikae->cancel, err) != 0 ||
            target_get_version(t->target, name, version, size_limit(item), out, &why) != 0)
            return -1;
        if (copy_check(item, out, t->name, &why) == 0)
            return 0;
    }
    return -1;
}

static int find_cached(const struct copy_place *place, const struct copy_item *item, struct buf *out)
{
    if (item->class != 'h' || place->cache == NULL)
        return -1;
    CLEANUP_FREE char *path = mem_printf("%s%s", place->cache, item->last);
    struct error why = {0};
    out->size = 0;
    return path != NULL && file_read(path, RECORD_SIZE_MAX, out, &why) == 0 ? copy_check(item, out, "here", &why) : -1;
}

int copy_find(const struct copy_place *place, const struct copy_item *item, uint64_t avoid, struct buf *out,
              struct error *err)
{
    struct hikae *hikae = place->hikae;
    bool in_doubt = false;
    (void)error_set(err, ERROR_DAMAGED, "it is sound nowhere");
    if (find_cached(place, item, out) == 0)
        return 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < hikae->target_count; i++) {
            if (!hikae->targets[i].up) {
                in_doubt |= hikae->targets[i].why.class != ERROR_NOT_FOUND;
                continue;
            }
            if ((avoid >> i & 1) != (uint64_t)pass)
                continue;
            struct error why = {0};
            if (copy_get(place, i, item, out, &why) == 0 ||
                (!copy_is_fatal(&why) && find_version(place, i, item, out, &why) == 0))
                return 0;
            if (copy_is_fatal(&why)) {
                *err = why;
                return -1;
            }
            in_doubt |= why.class != ERROR_NOT_FOUND && why.class != ERROR_DAMAGED;
        }
    out->size = 0;
    if (in_doubt)
        return error_set(err, ERROR_UNREACHABLE, "no target that answers has it sound");
    return -1;
}

int copy_put(const struct copy_place *place, size_t target, const struct copy_item *item, const struct buf *object,
             bool mend, struct error *err)
{
    struct run_target *t = &place->hikae->targets[target];
    char name[OBJECT_NAME_SIZE];
    (void)copy_name(place->tid, item, name);
    if (target_put(t->target, name, object->data, object->size, mend ? TARGET_PUT_REPAIR : TARGET_PUT_CREATE, err) != 0)
        return -1;
    if (!mend)
        return 0;
    CLEANUP(buf_free) struct buf again = {0};
    if (copy_get(place, target, item, &again, err) != 0)
        return error_wrap(err, "read back what was mended");
    return 0;
}

struct key_listing {
    struct copy_item **items;
    size_t *count;
    size_t *capacity;
    uint32_t first;
};

static int list_key(const struct target_object *object, void *context, struct error *err)
{
    struct key_listing *listing = context;
    struct copy_item item = {.class = 'k'};
    if (!name_key_parse(object->name + strlen(NAME_KEYS), &item.epoch, &item.hash) || item.epoch < listing->first)
        return 0;
    if (*listing->count == *listing->capacity) {
        size_t capacity = *listing->capacity < 32 ? 32 : 2 * *listing->capacity;
        struct copy_item *items = mem_realloc(*listing->items, capacity * sizeof(*items));
        if (items == NULL)
            return error_no_memory(err);
        *listing->items = items;
        *listing->capacity = capacity;
    }
    (*listing->items)[(*listing->count)++] = item;
    return 0;
}

int copy_list_keys(struct hikae *hikae, size_t target, struct copy_item **items, size_t *count, size_t *capacity,
                   struct error *err)
{
    /* Copies of dead epochs open nothing, and are not spread. */
    struct key_listing listing = {items, count, capacity, keystore_epoch(hikae->keystore)};
    return target_list(hikae->targets[target].target, NAME_KEYS, NULL, list_key, &listing, err);
}

int copy_target(struct hikae *hikae, const char *name, size_t *ret, struct error *err)
{
    for (size_t i = 0; i < hikae->target_count; i++)
        if (strcmp(hikae->targets[i].name, name) == 0) {
            *ret = i;
            return 0;
        }
    (void)error_set(err, ERROR_NOT_FOUND, "there is no target '%s'", name);
    return error_hint(err, "`hikae target list` shows the targets");
}
