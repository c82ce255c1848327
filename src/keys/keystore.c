#include "keys/keystore.h"

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Create and destroy ---- */

int keystore_new(const struct target_set *set, struct keystore **ret, struct error *err)
{
    /* Fewer targets than copies are enough to read: a restore must work from one. Writing then fails. */
    if (set->count == 0 || set->count > KEYS_TARGET_MAX)
        return error_set(err, ERROR_CONFIG, "a keystore on %zu targets cannot be (1 to %d)", set->count,
                         KEYS_TARGET_MAX);
    struct keystore *keystore = mem_calloc(1, sizeof(*keystore));
    if (keystore == NULL)
        return error_no_memory(err);
    if (pthread_mutex_init(&keystore->lock, NULL) != 0) {
        mem_free(keystore);
        return error_no_memory(err);
    }
    keystore->set = *set;
    keystore->set.min_copies = set->min_copies > 0 ? set->min_copies : 1;
    keystore->set.targets = mem_dup(set->targets, set->count * sizeof(struct target *));
    if (keystore->set.targets == NULL) {
        keystore_free(keystore);
        return error_no_memory(err);
    }
    *ret = keystore;
    return 0;
}

void keystore_free(struct keystore *keystore)
{
    if (keystore == NULL)
        return;
    row_reader_close(&keystore->reader);
    for (size_t i = 0; i < keystore->entry_count; i++)
        mem_free(keystore->entries[i].object);
    mem_free(keystore->entries);
    mem_free(keystore->runs.runs);
    mem_free(keystore->runs.places);
    mem_free(keystore->group);
    secret_free(keystore->root);
    mem_free(keystore->set.targets);
    (void)pthread_mutex_destroy(&keystore->lock);
    mem_free(keystore);
}

uint32_t keystore_epoch(const struct keystore *keystore)
{
    return keystore->epoch;
}

const char *keystore_group(const struct keystore *keystore)
{
    return keystore->group;
}

/* ---- Taking entries over ---- */

/* Room for one more entry. The room is a power of two, so the count tells when it is full. */
static int make_room(struct keystore *keystore, struct error *err)
{
    size_t count = keystore->entry_count;
    if ((count & (count - 1)) != 0)
        return 0;
    struct key_entry *grown = mem_realloc(keystore->entries, (count > 0 ? 2 * count : 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    keystore->entries = grown;
    return 0;
}

/*
 * An entry whose bytes hash to its name is exactly what its writer wrote. One that this root does not open was
 * therefore written under another (of an `init` or a rotation that was given up, or by somebody else): it is none of
 * this epoch's and is passed over. One that opens but has rows of an unknown form counts as unread: passed over too,
 * but nothing is rotated without it. The entry's bytes move to the keystore only when it is taken.
 */
int keystore_take(struct keystore *keystore, struct key_entry *entry, struct error *err)
{
    bool slots = entry->kind == CONTAINER_SLOTS;
    if ((!slots && entry->kind != CONTAINER_KEYS) || !id_equal(&entry->key_id, &keystore->epoch_id))
        return 0;
    if (make_room(keystore, err) != 0)
        return -1;
    struct error why = {0};
    int rc = 0;
    bool strange = false;
    if (slots) {
        rc = keystore_check_slots(entry, keystore->root, &why);
    } else {
        CLEANUP(cleanup_row_reader) struct row_reader reader = {0};
        rc = row_reader_open(&reader, entry, keystore->root, &why);
        if (rc == 0)
            rc = row_reader_index(&reader, (uint32_t)keystore->entry_count, &keystore->runs, &why);
        strange = reader.strange;
    }
    if (rc != 0 && is_fatal(&why)) {
        *err = why;
        return -1;
    }
    if (strange) {
        keystore->unread++;
        keystore->unread_why = why;
        (void)error_hint(&keystore->unread_why, "a newer version of hikae may have written it: use that one");
    }
    if (rc != 0)
        return 0;
    keystore->entries[keystore->entry_count++] = *entry;
    entry->object = NULL;
    return 0;
}

int keystore_slots(const struct key_entry *entry, struct slots *ret, struct error *err)
{
    struct container_header header;
    struct bytes clear;
    if (container_clear(entry->object, entry->size, &header, &clear, err) != 0 ||
        slots_parse(clear.data, clear.size, ret, err) != 0)
        return -1;
    if (ret->epoch == entry->epoch)
        return 0;
    (void)error_set(err, ERROR_DAMAGED, "a slots object of epoch %u lies under the name of epoch %u", ret->epoch,
                    entry->epoch);
    slots_clear(ret);
    return -1;
}

/* The body is sealed, so with it the clear part is authenticated too. */
int keystore_check_slots(const struct key_entry *entry, const struct secret *root, struct error *err)
{
    struct id id;
    struct bytes clear;
    CLEANUP(buf_free) struct buf body = {0};
    if (keys_epoch_id(root, &id, err) != 0)
        return -1;
    if (!id_equal(&id, &entry->key_id))
        return error_set(err, ERROR_KEYS, "a slots object is sealed under another root epoch than its slots hold");
    if (container_open_body(CONTAINER_SLOTS, entry->object, entry->size, root, 4096, &body, &clear, err) != 0)
        return -1;
    CLEANUP_JSON json_t *json = NULL;
    if (json_parse(body.data, body.size, &json, err) != 0)
        return -1;
    const char *state = json_string_value(json_object_get(json, "state"));
    if (json_integer_value(json_object_get(json, "v")) != 1 ||
        json_integer_value(json_object_get(json, "epoch")) != (json_int_t)entry->epoch || state == NULL ||
        strcmp(state, "live") != 0)
        return error_set(err, ERROR_DAMAGED, "the slots object of epoch %u says otherwise inside", entry->epoch);
    return 0;
}

static int compare_hashes(const void *a, const void *b)
{
    const struct key_entry *const *x = a, *const *y = b;
    return hash_compare(&(*x)->hash, &(*y)->hash);
}

/* The known entries by hash, to be searched. NULL: no memory. */
static struct key_entry **sort_known(struct keystore *keystore)
{
    struct key_entry **known = mem_calloc(keystore->entry_count, sizeof(struct key_entry *));
    if (known == NULL)
        return NULL;
    for (size_t i = 0; i < keystore->entry_count; i++)
        known[i] = &keystore->entries[i];
    qsort(known, keystore->entry_count, sizeof(struct key_entry *), compare_hashes);
    return known;
}

static int take_listed(struct keystore *keystore, struct key_union *listed, struct error *err)
{
    keystore->unread = 0;
    for (size_t i = 0; i < listed->count; i++) {
        struct key_entry *entry = &listed->entries[i];
        if (entry->epoch != keystore->epoch || entry->on == 0)
            continue;
        struct error why = {0};
        if (union_fetch(&keystore->set, entry, &why) != 0) {
            if (is_fatal(&why)) {
                *err = why;
                return -1;
            }
            keystore->unread++;
            keystore->unread_why = why;
        } else if (keystore_take(keystore, entry, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int keystore_refresh(struct keystore *keystore, bool all, struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    if (union_list(&keystore->set, keystore->epoch, all, &listed, err) != 0)
        return -1;
    CLEANUP_FREE struct key_entry **known = sort_known(keystore);
    if (known == NULL)
        return error_no_memory(err);
    size_t count = keystore->entry_count;
    for (size_t i = 0; i < listed.count; i++) {
        struct key_entry *entry = &listed.entries[i];
        struct key_entry **found =
            count > 0 ? bsearch(&entry, known, count, sizeof(struct key_entry *), compare_hashes) : NULL;
        if (found == NULL)
            continue;
        (*found)->on |= entry->on;
        entry->on = 0; /* nothing to be done with it */
    }
    return take_listed(keystore, &listed, err);
}

int keystore_check_complete(const struct keystore *keystore, struct error *err)
{
    if (keystore->unread == 0)
        return 0;
    if (err != NULL)
        *err = keystore->unread_why;
    return error_wrap(err, "read all entries of epoch %u (%zu could not be)", keystore->epoch, keystore->unread);
}

int keystore_check_live(const struct keystore *keystore, bool all, struct error *err)
{
    uint32_t newer = 0, highest = 0;
    if (union_newer(&keystore->set, keystore->epoch, all, &newer, &highest, err) != 0)
        return -1;
    if (newer == 0)
        return 0;
    (void)error_set(err, ERROR_KEYS, "this run opened epoch %u, but the store is at epoch %u now", keystore->epoch,
                    newer);
    return error_hint(err, "start the command again with the holders of epoch %u", newer);
}

/* ---- Opening ---- */

/* Try one slots object. 0: *keystore has its root and group. -1: err tells why not. */
static int try_slots(struct keystore *keystore, const struct key_entry *entry, const struct holder_group *groups,
                     size_t count, struct error *err)
{
    CLEANUP(cleanup_slots) struct slots slots = {0};
    CLEANUP_SECRET struct secret *root = NULL;
    const struct slot_group *group = NULL;
    if (keystore_slots(entry, &slots, err) != 0 || slots_open(&slots, groups, count, &root, &group, err) != 0 ||
        keystore_check_slots(entry, root, err) != 0 || keys_epoch_id(root, &keystore->epoch_id, err) != 0)
        return -1;
    keystore->group = mem_strdup(group->name);
    if (keystore->group == NULL)
        return error_no_memory(err);
    keystore->epoch = entry->epoch;
    keystore->root = root;
    root = NULL;
    return 0;
}

/* The entry of the slots object that opened, after all entries were taken over. */
int keystore_find_slots(struct keystore *keystore, const struct hash *hash, struct error *err)
{
    for (size_t i = 0; i < keystore->entry_count; i++)
        if (hash_equal(&keystore->entries[i].hash, hash)) {
            keystore->slots_entry = i;
            return 0;
        }
    return error_set(err, ERROR_INTERNAL, "the slots object that opened was not kept");
}

/*
 * The highest epoch that has a slots object is the one in force: if it does not open, nothing older is tried, so that
 * an old key file with an old epoch's entries cannot take a store back. Of several slots objects of one epoch, which a
 * race of two rotations could leave, any that opens will do.
 */
static int open_live(struct keystore *keystore, struct key_union *listed, const struct holder_group *groups,
                     size_t count, struct error *err)
{
    uint32_t live = 0, highest = 0;
    if (union_newer_in(&keystore->set, listed, 0, &live, &highest, err) != 0)
        return -1;
    if (live == 0) {
        (void)error_set(err, ERROR_NOT_FOUND, "no target holds a root epoch of a keystore");
        return error_hint(err, "is this the right target, and was the store made with hikae init?");
    }
    struct error kept = {0};
    struct hash opened;
    for (size_t i = 0; i < listed->count && keystore->root == NULL; i++) {
        struct key_entry *entry = &listed->entries[i];
        struct error why = {0};
        if (entry->epoch != live ||
            (entry->object == NULL && union_fetch(&keystore->set, entry, &why) != 0 && !is_fatal(&why)))
            continue;
        if (why.class == ERROR_NONE && entry->kind == CONTAINER_SLOTS) {
            opened = entry->hash;
            if (try_slots(keystore, entry, groups, count, &why) == 0)
                break;
        }
        if (why.class != ERROR_NONE && (kept.class == ERROR_NONE || is_fatal(&why)))
            kept = why;
        if (is_fatal(&why))
            break;
    }
    if (keystore->root == NULL) {
        *err = kept;
        return -1;
    }
    return take_listed(keystore, listed, err) == 0 ? keystore_find_slots(keystore, &opened, err) : -1;
}

int keystore_open(const struct target_set *set, const struct holder_group *groups, size_t group_count,
                  struct keystore **ret, struct error *err)
{
    struct error why = {0};
    struct keystore *keystore = NULL;
    CLEANUP(cleanup_union) struct key_union listed = {0};
    if (keystore_new(set, &keystore, &why) == 0 && union_list(&keystore->set, 0, false, &listed, &why) == 0 &&
        open_live(keystore, &listed, groups, group_count, &why) == 0) {
        *ret = keystore;
        return 0;
    }
    keystore_free(keystore);
    if (err != NULL)
        *err = why;
    return error_wrap(err, "open the keystore");
}
