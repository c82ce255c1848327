/* A new root epoch: every key is rewrapped, read back and compared before the new slots put it in force. */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <stdlib.h>
#include <string.h>

/* Is the run one of a tenant that is to be left behind? */
static bool is_without(const struct keystore_rotation *rotation, const struct id *tid)
{
    for (size_t i = 0; i < rotation->without_count; i++)
        if (id_equal(&rotation->without[i], tid))
            return true;
    return false;
}

int keystore_visit_rows(const struct keystore *keystore, size_t first, const struct keystore_rotation *rotation,
                        keystore_rows_callback *callback, void *context, struct error *err)
{
    CLEANUP(cleanup_row_reader) struct row_reader reader = {0};
    size_t open_entry = SIZE_MAX;
    for (size_t i = first; i < keystore->runs.count; i++) {
        const struct key_run *run = &keystore->runs.runs[i];
        if (is_without(rotation, &run->tid))
            continue;
        if (run->entry != open_entry) {
            row_reader_close(&reader);
            if (row_reader_open(&reader, &keystore->entries[run->entry], keystore->root, err) != 0)
                return -1;
            open_entry = run->entry;
        }
        CLEANUP_SECRET struct secret *rows = NULL;
        if (row_reader_read(&reader, run->first, run->count, &rows, err) != 0 ||
            callback(secret_borrow(rows), run->count, context, err) != 0)
            return -1;
    }
    return 0;
}

static int rewrap_rows(const uint8_t *rows, uint32_t count, void *context, struct error *err)
{
    return row_writer_add(context, rows, count, err);
}

/* Seal the rows of the runs from `first` on under the new root, on every target. */
static int rewrap(const struct keystore *from, size_t first, const struct keystore_rotation *rotation,
                  const struct new_epoch *fresh, struct error *err)
{
    struct keystore *to = fresh->keystore;
    CLEANUP(cleanup_row_writer)
    struct row_writer writer = {.set = &to->set, .root = to->root, .epoch = to->epoch, .copies = to->set.count};
    if (keystore_visit_rows(from, first, rotation, rewrap_rows, &writer, err) != 0)
        return -1;
    return row_writer_finish(&writer, err);
}

/* ---- Comparing: the SHA-256 of every row, sorted ---- */

struct digests {
    struct hash *hashes;
    size_t count;
    size_t room;
};

static int digest_rows(const uint8_t *rows, uint32_t count, void *context, struct error *err)
{
    struct digests *digests = context;
    for (uint32_t i = 0; i < count; i++) {
        if (digests->count == digests->room)
            return error_set(err, ERROR_INTERNAL, "more rows in the keystore than were counted");
        if (sha256(rows + (size_t)i * KEYS_ROW_SIZE, KEYS_ROW_SIZE, digests->hashes[digests->count++].bytes, err) != 0)
            return -1;
    }
    return 0;
}

static int compare_digests(const void *a, const void *b)
{
    return hash_compare(a, b);
}

static int digest_all(const struct keystore *keystore, const struct keystore_rotation *rotation, struct digests *ret,
                      struct error *err)
{
    for (size_t i = 0; i < keystore->runs.count; i++)
        ret->room += keystore->runs.runs[i].count;
    ret->hashes = mem_calloc(ret->room, sizeof(*ret->hashes));
    if (ret->hashes == NULL)
        return error_no_memory(err);
    if (keystore_visit_rows(keystore, 0, rotation, digest_rows, ret, err) != 0)
        return -1;
    qsort(ret->hashes, ret->count, sizeof(*ret->hashes), compare_digests);
    return 0;
}

static void digests_free(struct digests *digests)
{
    mem_free(digests->hashes);
}

/* Every row of `old` that is taken along must be among those of `fresh`, as they were read back from the targets. */
static int compare(const struct keystore *old, const struct keystore *fresh, const struct keystore_rotation *rotation,
                   struct error *err)
{
    CLEANUP(digests_free) struct digests before = {0};
    CLEANUP(digests_free) struct digests after = {0};
    for (size_t i = 0; i < fresh->runs.count; i++)
        if (is_without(rotation, &fresh->runs.runs[i].tid))
            return error_set(err, ERROR_INTERNAL, "epoch %u holds a key that was to be left behind", fresh->epoch);
    if (digest_all(old, rotation, &before, err) != 0 || digest_all(fresh, rotation, &after, err) != 0)
        return -1;
    for (size_t i = 0, k = 0; i < before.count; i++) {
        while (k < after.count && hash_compare(&after.hashes[k], &before.hashes[i]) < 0)
            k++;
        if (k == after.count || !hash_equal(&after.hashes[k], &before.hashes[i]))
            return error_set(err, ERROR_DAMAGED, "a key of epoch %u is missing below epoch %u, as read back",
                             old->epoch, fresh->epoch);
    }
    return 0;
}

/* ---- The rotation ---- */

/* Entries that other runs wrote meanwhile are rewrapped too, until a listing shows none. */
static int rewrap_stragglers(struct keystore *old, size_t *done, const struct keystore_rotation *rotation,
                             struct new_epoch *fresh, struct error *err)
{
    for (;;) {
        if (keystore_refresh(old, true, err) != 0 || keystore_check_complete(old, err) != 0)
            return -1;
        if (*done == old->runs.count)
            break;
        if (rewrap(old, *done, rotation, fresh, err) != 0)
            return -1;
        *done = old->runs.count;
    }
    if (epoch_reread(fresh, err) != 0)
        return -1;
    return compare(old, fresh->keystore, rotation, err);
}

/* The store's id, for the sheet: known since it was made here, or read from a target. NULL: neither. */
static const struct id *store_of(struct keystore *keystore)
{
    for (size_t i = 0; !keystore->store_known && i < keystore->set.count; i++) {
        struct store_info info;
        if (store_read(keystore->set.targets[i], &info, NULL) != 0)
            continue;
        keystore->store = info.store;
        keystore->store_known = true;
    }
    return keystore->store_known ? &keystore->store : NULL;
}

/* The number of a new epoch is above every number seen, so that one that was given up is never used again. */
static int next_epoch(const struct keystore *keystore, uint32_t at_least, uint32_t *ret, struct error *err)
{
    uint32_t newer = 0, highest = 0;
    if (keystore_check_live(keystore, true, err) != 0 ||
        union_newer(&keystore->set, keystore->epoch, true, &newer, &highest, err) != 0)
        return -1;
    if (highest < keystore->epoch)
        highest = keystore->epoch;
    if (highest == UINT32_MAX)
        return error_set(err, ERROR_KEYS, "the numbers of root epochs are used up");
    *ret = highest + 1 > at_least ? highest + 1 : at_least;
    return 0;
}

/* An epoch that is ready to come into force. */
struct keystore_next {
    struct keystore_rotation rotation;
    struct new_epoch fresh;
    struct buf slots;
    struct hash slots_name;
    size_t done; /* runs of the old epoch that are rewrapped */
};

/* A key that was given must be none of any epoch that is still told of: the end of that one would be the new one's. */
static int check_fresh(const struct keystore *keystore, const struct slots_made *made, struct error *err)
{
    bool given = false;
    for (size_t i = 0; i < made->count; i++)
        given = given || (made->holders[i].inside == NULL && json_object_get(made->holders[i].params, "key") != NULL);
    if (!given)
        return 0;
    CLEANUP(cleanup_union) struct key_union listed = {0};
    if (union_list(&keystore->set, 0, true, &listed, err) != 0)
        return -1;
    for (size_t i = 0; i < listed.count; i++) {
        struct key_entry *entry = &listed.entries[i];
        CLEANUP(cleanup_slots) struct slots slots = {0};
        struct error why = {0};
        int rc = union_fetch(&keystore->set, entry, &why);
        if (rc == 0 && entry->kind == CONTAINER_SLOTS)
            rc = keystore_slots(entry, &slots, &why);
        /* What is damaged everywhere ends nothing either. */
        if (rc != 0 && why.class != ERROR_DAMAGED) {
            *err = why;
            return -1;
        }
        if (rc == 0 && slots_check_fresh(made, &slots, err) != 0)
            return -1;
    }
    return 0;
}

static int prepare(struct keystore *keystore, char **ret_sheets, struct keystore_next *next, struct error *err)
{
    uint32_t epoch = 0;
    const struct keystore_rotation *rotation = &next->rotation;
    if (next_epoch(keystore, rotation->at_least, &epoch, err) != 0 ||
        epoch_begin(&keystore->set, epoch, store_of(keystore), rotation, ret_sheets, &next->fresh, err) != 0)
        return -1;
    if (check_fresh(keystore, &next->fresh.made, err) != 0)
        return -1;
    /* The targets of a rotation are all of them: an old entry on one that was left out would be the only live copy. */
    if (rewrap_stragglers(keystore, &next->done, rotation, &next->fresh, err) != 0)
        return -1;
    return epoch_seal(&next->fresh, &next->slots, &next->slots_name, err);
}

static int commit(struct keystore *keystore, struct keystore_next *next, struct error *err)
{
    if (keystore_check_live(keystore, true, err) != 0 ||
        epoch_commit(&next->fresh, &next->slots, &next->slots_name, err) != 0)
        return -1;
    return rewrap_stragglers(keystore, &next->done, &next->rotation, &next->fresh, err);
}

/* The handle becomes the new epoch's; *other gets what it was. */
static void exchange(struct keystore *keystore, struct keystore *other)
{
    row_reader_close(&keystore->reader);
    row_reader_close(&other->reader);
    struct keystore old = *keystore;
    keystore->epoch = other->epoch;
    keystore->epoch_id = other->epoch_id;
    keystore->root = other->root;
    keystore->group = other->group;
    keystore->entries = other->entries;
    keystore->entry_count = other->entry_count;
    keystore->slots_entry = other->slots_entry;
    keystore->runs = other->runs;
    keystore->unread = 0;
    other->root = old.root;
    other->group = old.group;
    other->entries = old.entries;
    other->entry_count = old.entry_count;
    other->runs = old.runs;
}

int keystore_prepare(struct keystore *keystore, const struct keystore_rotation *rotation, char **ret_sheets,
                     struct keystore_next **ret, struct error *err)
{
    struct error why = {0};
    for (size_t i = 0; ret_sheets != NULL && i < rotation->group_count; i++)
        ret_sheets[i] = NULL;
    struct keystore_next *next = mem_calloc(1, sizeof(*next));
    if (next == NULL)
        return error_no_memory(err);
    next->rotation = *rotation;
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = prepare(keystore, ret_sheets, next, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc == 0) {
        *ret = next;
        return 0;
    }
    keystore_give_up(next);
    if (err != NULL)
        *err = why;
    return error_wrap(err, "rotate the root key");
}

uint32_t keystore_next_epoch(const struct keystore_next *next)
{
    return next->fresh.keystore->epoch;
}

int keystore_commit(struct keystore *keystore, struct keystore_next *next, char **ret_sheets, struct error *err)
{
    struct error why = {0};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = commit(keystore, next, &why);
    if (next->fresh.committing)
        epoch_hand_over_sheets(&next->fresh.made, ret_sheets);
    if (rc == 0) {
        exchange(keystore, next->fresh.keystore);
    } else {
        (void)epoch_maybe(&next->fresh, &why);
        if (err != NULL)
            *err = why;
    }
    (void)pthread_mutex_unlock(&keystore->lock);
    keystore_give_up(next);
    return rc == 0 ? 0 : error_wrap(err, "rotate the root key");
}

void keystore_give_up(struct keystore_next *next)
{
    if (next == NULL)
        return;
    epoch_end(&next->fresh);
    buf_free(&next->slots);
    mem_free(next);
}

int keystore_rotate(struct keystore *keystore, const struct keystore_rotation *rotation, char **ret_sheets,
                    struct error *err)
{
    struct keystore_next *next = NULL;
    if (keystore_prepare(keystore, rotation, ret_sheets, &next, err) != 0)
        return -1;
    return keystore_commit(keystore, next, ret_sheets, err);
}

int keystore_rotate_root(struct keystore *keystore, const struct holder_group *groups, size_t group_count,
                         char **ret_sheets, struct error *err)
{
    const struct keystore_rotation rotation = {.groups = groups, .group_count = group_count};
    return keystore_rotate(keystore, &rotation, ret_sheets, err);
}
