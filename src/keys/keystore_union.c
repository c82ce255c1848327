#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLDER_VERSIONS_MAX = 16 };

void union_clear(struct key_union *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        mem_free(entries->entries[i].object);
    mem_free(entries->entries);
    *entries = (struct key_union){0};
}

struct listing {
    struct key_union *to;
    size_t capacity;
    unsigned target;
    uint32_t first; /* epoch */
};

static int add_listed(const struct target_object *object, void *context, struct error *err)
{
    struct listing *listing = context;
    struct key_union *to = listing->to;
    struct key_entry entry = {.on = UINT64_C(1) << listing->target};
    const char *last = strrchr(object->name, '/');
    if (!name_key_parse(last != NULL ? last + 1 : object->name, &entry.epoch, &entry.hash) ||
        entry.epoch < listing->first)
        return 0; /* no entry of ours: somebody's file in our folder stops nothing */
    if (to->count >= (size_t)KEYS_ENTRY_MAX * 2)
        return error_set(err, ERROR_DAMAGED, "more than %d entries of the keystore", KEYS_ENTRY_MAX);
    if (to->count == listing->capacity) {
        size_t capacity = listing->capacity > 0 ? listing->capacity * 2 : 64;
        struct key_entry *grown = mem_realloc(to->entries, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        to->entries = grown;
        listing->capacity = capacity;
    }
    to->entries[to->count++] = entry;
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct key_entry *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch > y->epoch ? -1 : 1;
    return hash_compare(&x->hash, &y->hash);
}

/* The same entry on several targets becomes one. */
static void merge(struct key_union *entries)
{
    if (entries->count == 0)
        return;
    qsort(entries->entries, entries->count, sizeof(*entries->entries), compare_entries);
    size_t kept = 0;
    for (size_t i = 1; i < entries->count; i++) {
        if (compare_entries(&entries->entries[kept], &entries->entries[i]) == 0)
            entries->entries[kept].on |= entries->entries[i].on;
        else
            entries->entries[++kept] = entries->entries[i];
    }
    entries->count = kept + 1;
}

int union_list(const struct target_set *set, uint32_t first, bool all, struct key_union *ret, struct error *err)
{
    *ret = (struct key_union){0};
    struct listing listing = {.to = ret, .first = first};
    char after[OBJECT_NAME_SIZE];
    /* All names of epoch first - 1 and before sort before this one, all of epoch `first` after it. */
    (void)snprintf(after, sizeof(after), NAME_KEYS "%010u-", first);
    struct error last = {0};
    for (size_t i = 0; i < set->count; i++) {
        listing.target = (unsigned)i;
        size_t before = ret->count;
        struct error why = {0};
        if (target_list(set->targets[i], NAME_KEYS, first > 0 ? after : NULL, add_listed, &listing, &why) == 0) {
            ret->reachable |= UINT64_C(1) << i;
            ret->reachable_count++;
            continue;
        }
        ret->count = before;
        last = why;
        if (all || is_fatal(&why))
            break;
    }
    if (ret->reachable_count == set->count || (ret->reachable_count > 0 && !all && !is_fatal(&last))) {
        merge(ret);
        return 0;
    }
    union_clear(ret);
    if (!is_fatal(&last) && last.class != ERROR_DAMAGED)
        last.class = ERROR_UNREACHABLE;
    *err = last;
    return error_wrap(err, all ? "list the keystore on every target" : "list the keystore on any target");
}

static bool hash_matches(const struct buf *bytes, const struct hash *hash)
{
    struct hash got;
    return sha256(bytes->data, bytes->size, got.bytes, NULL) == 0 && hash_equal(&got, hash);
}

/* Any version of the object whose bytes hash to its name. 0, or -1: ERROR_DAMAGED if no version is right. */
static int fetch_from(struct target *target, const char *name, const struct hash *hash, struct buf *out,
                      struct error *err)
{
    for (unsigned version = 0; version <= OLDER_VERSIONS_MAX; version++) {
        out->size = 0;
        struct error why = {0};
        int rc = version == 0 ? target_get(target, name, KEYS_OBJECT_MAX, out, &why)
                              : target_get_version(target, name, version, KEYS_OBJECT_MAX, out, &why);
        if (rc == 0 && hash_matches(out, hash))
            return 0;
        if (rc != 0 && why.class == ERROR_NOT_FOUND && version > 0)
            break;
        if (rc != 0 && why.class != ERROR_DAMAGED && why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
    }
    return error_set(err, ERROR_DAMAGED, "%s on %s has no version that hashes to its name", name, target_name(target));
}

/* Keep exactly the bytes, and what the header says of them. */
static int keep(struct key_entry *entry, const struct buf *bytes, struct error *err)
{
    entry->object = mem_dup(bytes->data, bytes->size);
    if (entry->object == NULL)
        return error_no_memory(err);
    entry->size = bytes->size;
    struct container_header header = {0};
    entry->kind = (enum container_kind)0;
    if (bytes->size >= CONTAINER_HEADER_SIZE && container_header_parse(bytes->data, &header, NULL) == 0 &&
        header.key_kind == CONTAINER_KEY_ROOT) {
        entry->kind = header.kind;
        entry->key_id = header.key_id;
    }
    return 0;
}

int union_fetch(const struct target_set *set, struct key_entry *entry, struct error *err)
{
    if (entry->object != NULL)
        return 0;
    char name[OBJECT_NAME_SIZE];
    (void)name_key(entry->epoch, &entry->hash, name);
    CLEANUP(buf_free) struct buf bytes = {0};
    struct error kept = {0};
    for (size_t i = 0; i < set->count; i++) {
        if ((entry->on >> i & 1) == 0)
            continue;
        struct error why = {0};
        if (fetch_from(set->targets[i], name, &entry->hash, &bytes, &why) == 0)
            return keep(entry, &bytes, err);
        if (is_fatal(&why) || kept.class == ERROR_NONE || kept.class == ERROR_DAMAGED)
            kept = why;
        if (is_fatal(&why))
            break;
    }
    if (kept.class == ERROR_NONE)
        return error_set(err, ERROR_INTERNAL, "%s is on no target", name);
    *err = kept;
    return -1;
}

int union_verify(struct target *target, const struct key_entry *entry, struct error *err)
{
    char name[OBJECT_NAME_SIZE];
    CLEANUP(buf_free) struct buf bytes = {0};
    return fetch_from(target, name_key(entry->epoch, &entry->hash, name), &entry->hash, &bytes, err);
}

int union_store(const struct target_set *set, uint32_t epoch, const struct buf *object, const struct hash *name,
                size_t copies, struct error *err)
{
    char text[OBJECT_NAME_SIZE];
    (void)name_key(epoch, name, text);
    size_t stored = 0;
    struct error last = {0};
    for (size_t i = 0; i < set->count; i++) {
        struct error why = {0};
        if (target_put_checked(set->targets[i], text, object->data, object->size, &why) == 0)
            stored++;
        else
            last = why;
        if (is_fatal(&why))
            break;
    }
    if (stored >= copies)
        return 0;
    if (last.class == ERROR_NONE)
        (void)error_set(&last, ERROR_REFUSED, "only %zu targets can be reached", set->count);
    *err = last;
    return error_wrap(err, "store an entry of the keystore on %zu targets (it is on %zu)", copies, stored);
}

/*
 * Has one epoch's entries [first, end) a slots object? An entry that no target can give may be one: if no other is,
 * the answer is an error, never "no".
 */
static int has_slots(const struct target_set *set, struct key_union *entries, size_t first, size_t end, bool *ret,
                     struct error *err)
{
    struct error kept = {0};
    *ret = false;
    for (size_t i = first; i < end && !*ret; i++) {
        struct error why = {0};
        if (union_fetch(set, &entries->entries[i], &why) != 0)
            kept = why;
        else
            *ret = entries->entries[i].kind == CONTAINER_SLOTS;
        if (is_fatal(&why))
            break;
    }
    if (kept.class == ERROR_NONE || (*ret && !is_fatal(&kept)))
        return 0;
    *err = kept;
    return error_wrap(err, "find out whether epoch %u is in force", entries->entries[first].epoch);
}

int union_newer_in(const struct target_set *set, struct key_union *entries, uint32_t epoch, uint32_t *ret_slots,
                   uint32_t *ret_highest, struct error *err)
{
    *ret_slots = 0;
    *ret_highest = entries->count > 0 ? entries->entries[0].epoch : 0;
    for (size_t first = 0, end = 0; first < entries->count && entries->entries[first].epoch > epoch; first = end) {
        while (end < entries->count && entries->entries[end].epoch == entries->entries[first].epoch)
            end++;
        bool slots = false;
        if (has_slots(set, entries, first, end, &slots, err) != 0)
            return -1;
        if (slots) {
            *ret_slots = entries->entries[first].epoch;
            return 0;
        }
    }
    return 0;
}

int union_newer(const struct target_set *set, uint32_t epoch, bool all, uint32_t *ret_slots, uint32_t *ret_highest,
                struct error *err)
{
    CLEANUP(cleanup_union) struct key_union entries = {0};
    if (epoch == UINT32_MAX) {
        *ret_slots = *ret_highest = 0;
        return 0;
    }
    if (union_list(set, epoch + 1, all, &entries, err) != 0)
        return -1;
    return union_newer_in(set, &entries, epoch, ret_slots, ret_highest, err);
}
