/* Destroying a file holder's key of an epoch that is over. */
#include "base/mem.h"
#include "keys/keystore_internal.h"

#include <string.h>

/* Is the key one of the slots' members? */
static bool names_key(const struct slots *slots, const char *key_id)
{
    for (size_t g = 0; g < slots->group_count; g++)
        for (size_t i = 0; i < slots->groups[g].member_count; i++) {
            const struct slot_member *member = &slots->groups[g].members[i];
            const char *known = json_string_value(json_object_get(member->params, "key_id"));
            if (member->kind == HOLDER_FILE && known != NULL && strcmp(known, key_id) == 0)
                return true;
        }
    return false;
}

/* What the slots on the targets say of a key of that epoch. */
static int look_up(const struct keystore *keystore, uint32_t epoch, const char *key_id, bool *ret_is_ours,
                   struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    *ret_is_ours = false;
    if (union_list(&keystore->set, epoch, false, &listed, err) != 0)
        return -1;
    for (size_t i = 0; i < listed.count && !*ret_is_ours; i++) {
        struct key_entry *entry = &listed.entries[i];
        CLEANUP(cleanup_slots) struct slots slots = {0};
        struct error why = {0};
        if (entry->epoch != epoch)
            continue;
        int rc = union_fetch(&keystore->set, entry, &why);
        if (rc == 0 && entry->kind == CONTAINER_SLOTS)
            rc = keystore_slots(entry, &slots, &why);
        if (rc != 0 && is_fatal(&why)) {
            *err = why;
            return -1;
        }
        *ret_is_ours = rc == 0 && names_key(&slots, key_id);
    }
    return 0;
}

/* With the lock held. */
static int destroy(struct keystore *keystore, const struct holder *holder, struct error *err)
{
    uint32_t epoch = 0;
    CLEANUP_SECRET struct secret *key = NULL;
    char key_id[2 * HOLDER_KEY_ID_SIZE + 1];
    bool ours = false;
    if (holder_keyfile_read(holder->path, &epoch, &key, err) != 0 || keystore_check_live(keystore, false, err) != 0 ||
        holder_key_id(HOLDER_FILE_LABEL, key, key_id, err) != 0)
        return -1;
    if (epoch == keystore->epoch) {
        (void)error_set(err, ERROR_REFUSED, "%s is a key of epoch %u, which is in force", holder->path, epoch);
        return error_hint(err, "rotate the root key first; then this one can be destroyed");
    }
    if (look_up(keystore, epoch, key_id, &ours, err) != 0)
        return -1;
    if (!ours || epoch > keystore->epoch) {
        (void)error_set(err, ERROR_REFUSED, "%s is a key of epoch %u, and no older epoch of this store names it",
                        holder->path, epoch);
        return error_hint(err, "it may be another store's; if you are sure that it is not, remove it by hand");
    }
    return holder_keyfile_destroy(holder->path, err);
}

int keystore_destroy_holder(struct keystore *keystore, const struct holder *holder, struct error *err)
{
    if (holder->kind != HOLDER_FILE)
        return error_set(err, ERROR_REFUSED, "a %s cannot be destroyed from here. %s", holder_kind_name(holder->kind),
                         holder_destruction_worth(holder->kind));
    if (holder->path == NULL)
        return error_set(err, ERROR_CONFIG, "holder %s has no path", holder->name);
    struct error why = {0};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = destroy(keystore, holder, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc == 0 ? 0 : error_wrap(err, "destroy the key of holder %s", holder->name);
}
