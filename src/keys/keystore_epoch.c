/* Root epochs: the first one, and how a new one comes into force. */
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <string.h>

/* A sheet without a path exists only in what is returned: without a place for it the holder would be lost. */
static int check_sheets(const struct holder_group *groups, size_t count, char **ret_sheets, struct error *err)
{
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; ret_sheets == NULL && i < groups[g].member_count; i++)
            if (groups[g].members[i].kind == HOLDER_SHEET && groups[g].members[i].path == NULL)
                return error_set(err, ERROR_INTERNAL, "nobody takes the recovery sheet of group %s", groups[g].name);
    return 0;
}

int epoch_begin(const struct target_set *set, uint32_t epoch, const struct id *store,
                const struct keystore_rotation *rotation, char **ret_sheets, struct new_epoch *ret, struct error *err)
{
    const struct holder_group *groups = rotation->groups;
    size_t count = rotation->group_count;
    *ret = (struct new_epoch){.groups = groups, .group_count = count};
    const struct holder_occasion occasion = {.epoch = epoch,
                                             .store = store,
                                             .now_ns = clock_now_ns(),
                                             .made = rotation->made,
                                             .made_context = rotation->made_context};
    if (slots_check_groups(groups, count, err) != 0 || check_sheets(groups, count, ret_sheets, err) != 0 ||
        keystore_new(set, &ret->keystore, err) != 0)
        return -1;
    struct keystore *keystore = ret->keystore;
    keystore->epoch = epoch;
    if (keys_random_secret(KEYS_ROOT_SIZE, &keystore->root, err) != 0 ||
        keys_epoch_id(keystore->root, &keystore->epoch_id, err) != 0)
        return -1;
    return slots_make(keystore->root, &occasion, groups, count, &ret->made, err);
}

void epoch_end(struct new_epoch *fresh)
{
    keystore_free(fresh->keystore);
    slots_made_free(&fresh->made, !fresh->committing);
    fresh->keystore = NULL;
}

int epoch_reread(struct new_epoch *fresh, struct error *err)
{
    if (keystore_refresh(fresh->keystore, true, err) != 0)
        return -1;
    return keystore_check_complete(fresh->keystore, err);
}

/* Open the root through every group whose holders are all here; the first one's name becomes the handle's. */
static int open_groups(struct new_epoch *fresh, const struct slots *slots, struct error *err)
{
    struct keystore *keystore = fresh->keystore;
    for (size_t i = 0; i < slots->group_count; i++) {
        const struct slot_group *group = &slots->groups[i];
        CLEANUP_SECRET struct secret *root = NULL;
        struct error why = {0};
        int rc = slots_open_group(slots, group, fresh->groups, fresh->group_count, &root, &why);
        if (rc != 0 && why.class != ERROR_NOT_FOUND) {
            *err = why;
            return error_wrap(err, "open the new epoch through group %s", group->name);
        }
        if (rc == 0 && !secret_equal(root, keystore->root))
            return error_set(err, ERROR_INTERNAL, "group %s opens another root than was made", group->name);
        if (rc == 0 && keystore->group == NULL && (keystore->group = mem_strdup(group->name)) == NULL)
            return error_no_memory(err);
    }
    /* Only sheets that are not kept here: whoever made the root has it opened. */
    if (keystore->group == NULL && (keystore->group = mem_strdup(slots->groups[0].name)) == NULL)
        return error_no_memory(err);
    return 0;
}

/*
 * Open the sealed object as a reader would, through every group, while it is still only here: once it is stored, the
 * old epoch is over. What the targets then give back hashes to the same name, so it is the same bytes.
 */
static int try_object(struct new_epoch *fresh, const struct buf *object, const struct hash *name, struct error *err)
{
    const struct key_entry entry = {.epoch = fresh->keystore->epoch,
                                    .hash = *name,
                                    .object = object->data,
                                    .size = object->size,
                                    .kind = CONTAINER_SLOTS,
                                    .key_id = fresh->keystore->epoch_id};
    CLEANUP(cleanup_slots) struct slots slots = {0};
    if (keystore_check_slots(&entry, fresh->keystore->root, err) != 0 || keystore_slots(&entry, &slots, err) != 0)
        return -1;
    return open_groups(fresh, &slots, err);
}

int epoch_seal(struct new_epoch *fresh, struct buf *out, struct hash *ret_name, struct error *err)
{
    const struct keystore *keystore = fresh->keystore;
    if (slots_seal(keystore->root, keystore->epoch, fresh->made.clear, out, ret_name, err) != 0)
        return -1;
    return try_object(fresh, out, ret_name, err);
}

int epoch_commit(struct new_epoch *fresh, const struct buf *slots, const struct hash *name, struct error *err)
{
    struct keystore *keystore = fresh->keystore;
    /* From here on an answer may be lost: the slots may be stored, so what opens them must stay. */
    fresh->committing = true;
    if (union_store(&keystore->set, keystore->epoch, slots, name, keystore->set.count, err) != 0 ||
        epoch_reread(fresh, err) != 0)
        return -1;
    return keystore_find_slots(keystore, name, err);
}

int epoch_maybe(const struct new_epoch *fresh, struct error *err)
{
    if (!fresh->committing)
        return -1;
    return error_hint(err, "epoch %u may be in force: keep its new key files and sheets, then check the keys",
                      fresh->keystore->epoch);
}

/* ---- The first epoch ---- */

/* No slots and no store object on any target: a store that is there already is never mixed with another. */
static int check_empty(const struct target_set *set, struct error *err)
{
    uint32_t slots = 0, highest = 0;
    if (union_newer(set, 0, true, &slots, &highest, err) != 0)
        return -1;
    if (slots != 0)
        return error_set(err, ERROR_REFUSED, "a target holds a keystore already (epoch %u)", slots);
    for (size_t i = 0; i < set->count; i++) {
        struct error why = {0};
        uint64_t size = 0;
        if (target_stat(set->targets[i], NAME_STORE, &size, &why) == 0) {
            (void)error_set(err, ERROR_REFUSED, "target %s holds a store already", target_name(set->targets[i]));
            return error_hint(err, "take an empty folder or prefix, or recover that store");
        }
        if (why.class != ERROR_NOT_FOUND) {
            *err = why;
            return -1;
        }
    }
    return 0;
}

static int write_first_keys(struct new_epoch *fresh, const struct id *store_tid, struct error *err)
{
    static const struct new_key keys[] = {{KEY_SIGN_STORE, 1}, {KEY_SIGN_AUDIT, 1}, {KEY_SEALING, 1}, {KEY_DEDUP, 1}};
    struct keystore *keystore = fresh->keystore;
    CLEANUP(cleanup_row_writer)
    struct row_writer writer = {
        .set = &keystore->set, .root = keystore->root, .epoch = keystore->epoch, .copies = keystore->set.count};
    if (keystore_write_new(&writer, store_tid, keys, sizeof(keys) / sizeof(keys[0]), err) != 0)
        return -1;
    return row_writer_finish(&writer, err);
}

static int create(const struct target_set *set, const struct id *store, const struct id *store_tid,
                  const struct keystore_rotation *first, char **ret_sheets, struct new_epoch *fresh, struct error *err)
{
    if (check_empty(set, err) != 0 || epoch_begin(set, 1, store, first, ret_sheets, fresh, err) != 0)
        return -1;
    fresh->keystore->store = *store;
    fresh->keystore->store_known = true;
    /*
     * The slots come last: only with them is the epoch in force, and then its keys must be there. What a crash before
     * leaves behind is sealed under a root that nobody has, and is passed over.
     */
    CLEANUP(buf_free) struct buf slots = {0};
    struct hash name;
    if (write_first_keys(fresh, store_tid, err) != 0 || epoch_seal(fresh, &slots, &name, err) != 0)
        return -1;
    return epoch_commit(fresh, &slots, &name, err);
}

void epoch_hand_over_sheets(struct slots_made *made, char **ret_sheets)
{
    for (size_t i = 0; ret_sheets != NULL && i < made->group_count; i++) {
        ret_sheets[i] = made->sheets[i];
        made->sheets[i] = NULL;
    }
}

int keystore_create(const struct target_set *set, const struct id *store, const struct id *store_tid,
                    const struct holder_group *groups, size_t group_count, struct keystore **ret, char **ret_sheets,
                    struct error *err)
{
    const struct keystore_rotation first = {.groups = groups, .group_count = group_count};
    return keystore_create_first(set, store, store_tid, &first, ret, ret_sheets, err);
}

int keystore_create_first(const struct target_set *set, const struct id *store, const struct id *store_tid,
                          const struct keystore_rotation *first, struct keystore **ret, char **ret_sheets,
                          struct error *err)
{
    struct error why = {0};
    struct new_epoch fresh = {0};
    for (size_t i = 0; ret_sheets != NULL && i < first->group_count; i++)
        ret_sheets[i] = NULL;
    int rc = create(set, store, store_tid, first, ret_sheets, &fresh, &why);
    if (fresh.committing)
        epoch_hand_over_sheets(&fresh.made, ret_sheets);
    if (rc == 0) {
        *ret = fresh.keystore;
        fresh.keystore = NULL;
    } else {
        (void)epoch_maybe(&fresh, &why);
        if (err != NULL)
            *err = why;
    }
    epoch_end(&fresh);
    return rc == 0 ? 0 : error_wrap(err, "make the keystore");
}
