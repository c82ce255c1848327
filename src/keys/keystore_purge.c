/* An older root epoch while a purge brings it to its end: since when was it in force, and did anybody still write below
 * it? */
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- The slots of an epoch ---- */

/* Called with each slots object of an epoch; not 0 ends the walk. */
typedef int slots_callback(const struct key_entry *entry, const struct slots *slots, void *context, struct error *err);

/* *ret_seen: how many there were. What cannot be read may be one: that is an error, unless others were seen. */
static int each_slots(const struct target_set *set, struct key_union *listed, uint32_t epoch, slots_callback *callback,
                      void *context, size_t *ret_seen, struct error *err)
{
    struct error kept = {0};
    *ret_seen = 0;
    for (size_t i = 0; i < listed->count; i++) {
        struct key_entry *entry = &listed->entries[i];
        struct error why = {0};
        if (entry->epoch != epoch)
            continue;
        if (union_fetch(set, entry, &why) != 0) {
            kept = why;
            if (is_fatal(&why))
                break;
            continue;
        }
        CLEANUP(cleanup_slots) struct slots slots = {0};
        if (entry->kind != CONTAINER_SLOTS || keystore_slots(entry, &slots, &why) != 0)
            continue;
        ++*ret_seen;
        if (callback(entry, &slots, context, err) != 0)
            return -1;
    }
    if (kept.class == ERROR_NONE || (*ret_seen > 0 && !is_fatal(&kept)))
        return 0;
    *err = kept;
    return error_wrap(err, "read the slots of epoch %u", epoch);
}

static int64_t created_of(const struct slots *slots)
{
    int64_t ns = 0;
    const char *text = json_string_value(json_object_get(slots->json, "created"));
    return text != NULL && clock_parse(text, &ns, NULL) == 0 ? ns : 0;
}

/* ---- When epochs were made ---- */

static int take_age(const struct key_entry *entry, const struct slots *slots, void *context, struct error *err)
{
    struct keystore_epoch_age *age = context;
    int64_t created_ns = created_of(slots);
    (void)err;
    age->epoch = entry->epoch;
    /* Of several the later: then the epoch before it is taken to have been in force the longer. */
    if (created_ns > age->created_ns)
        age->created_ns = created_ns;
    return 0;
}

int keystore_epoch_ages(struct keystore *keystore, struct keystore_epoch_age **ret, size_t *ret_count,
                        struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    *ret = NULL;
    *ret_count = 0;
    if (union_list(&keystore->set, 0, false, &listed, err) != 0)
        return -1;
    CLEANUP_FREE struct keystore_epoch_age *ages = mem_calloc(listed.count + 1, sizeof(*ages));
    if (ages == NULL)
        return error_no_memory(err);
    size_t count = 0;
    /* Entries are by epoch, the highest first. */
    for (size_t i = listed.count; i > 0; i--) {
        uint32_t epoch = listed.entries[i - 1].epoch;
        size_t seen = 0;
        if (i < listed.count && listed.entries[i].epoch == epoch)
            continue;
        ages[count] = (struct keystore_epoch_age){0};
        if (each_slots(&keystore->set, &listed, epoch, take_age, &ages[count], &seen, err) != 0)
            return -1;
        count += seen > 0;
    }
    *ret = ages;
    *ret_count = count;
    ages = NULL;
    return 0;
}

/* ---- Stragglers ---- */

struct opening {
    const struct holder_group *groups;
    size_t group_count;
    struct keystore *keystore;
    struct error why;
};

static int open_slots(const struct key_entry *entry, const struct slots *slots, void *context, struct error *err)
{
    struct opening *opening = context;
    struct keystore *keystore = opening->keystore;
    CLEANUP_SECRET struct secret *root = NULL;
    const struct slot_group *group;
    struct error why = {0};
    if (keystore->root != NULL)
        return 0;
    if (slots_open(slots, opening->groups, opening->group_count, &root, &group, &why) != 0 ||
        keystore_check_slots(entry, root, &why) != 0 || keys_epoch_id(root, &keystore->epoch_id, &why) != 0) {
        opening->why = why;
        if (!is_fatal(&why))
            return 0;
        *err = why;
        return -1;
    }
    keystore->root = root;
    root = NULL;
    return 0;
}

/* A handle on an epoch that is not the one in force (keystore_free). */
static int open_epoch(const struct target_set *set, const struct holder_group *groups, size_t group_count,
                      uint32_t epoch, struct keystore **ret, struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    struct keystore *keystore = NULL;
    size_t seen = 0;
    if (keystore_new(set, &keystore, err) != 0)
        return -1;
    keystore->epoch = epoch;
    struct opening opening = {groups, group_count, keystore, {0}};
    int rc = union_list(set, epoch, false, &listed, err);
    if (rc == 0)
        rc = each_slots(set, &listed, epoch, open_slots, &opening, &seen, err);
    if (rc == 0 && keystore->root == NULL) {
        *err = opening.why;
        rc = seen > 0 ? -1 : error_set(err, ERROR_NOT_FOUND, "no reachable target has slots of epoch %u", epoch);
    }
    if (rc == 0)
        rc = keystore_refresh(keystore, false, err);
    if (rc == 0)
        rc = keystore_check_complete(keystore, err);
    if (rc == 0)
        *ret = keystore;
    else
        keystore_free(keystore);
    return rc == 0 ? 0 : error_wrap(err, "open epoch %u", epoch);
}

struct straggling {
    struct hash *known; /* SHA-256 of each row of the epoch in force, sorted */
    size_t known_count;
    size_t room;
    struct row_writer writer;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return hash_compare(a, b);
}

static int note_known(const uint8_t *rows, uint32_t count, void *context, struct error *err)
{
    struct straggling *straggling = context;
    for (uint32_t i = 0; i < count; i++)
        if (sha256(rows + (size_t)i * KEYS_ROW_SIZE, KEYS_ROW_SIZE, straggling->known[straggling->known_count++].bytes,
                   err) != 0)
            return -1;
    return 0;
}

static int take_unknown(const uint8_t *rows, uint32_t count, void *context, struct error *err)
{
    struct straggling *straggling = context;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)i * KEYS_ROW_SIZE;
        struct hash hash = {0};
        if (sha256(row, KEYS_ROW_SIZE, hash.bytes, err) != 0)
            return -1;
        if (straggling->known_count > 0 &&
            bsearch(&hash, straggling->known, straggling->known_count, sizeof(hash), compare) != NULL)
            continue;
        if (row_writer_add(&straggling->writer, row, 1, err) != 0)
            return -1;
        straggling->count++;
    }
    return 0;
}

/* With the lock held. */
static int take_stragglers(struct keystore *keystore, const struct keystore *old,
                           const struct keystore_rotation *rotation, struct straggling *straggling, struct error *err)
{
    const struct keystore_rotation all = {0};
    if (keystore_refresh(keystore, false, err) != 0 || keystore_check_complete(keystore, err) != 0)
        return -1;
    for (size_t i = 0; i < keystore->runs.count; i++)
        straggling->room += keystore->runs.runs[i].count;
    straggling->known = mem_calloc(straggling->room + 1, sizeof(*straggling->known));
    if (straggling->known == NULL)
        return error_no_memory(err);
    if (keystore_visit_rows(keystore, 0, &all, note_known, straggling, err) != 0)
        return -1;
    qsort(straggling->known, straggling->known_count, sizeof(*straggling->known), compare);
    straggling->writer = (struct row_writer){.set = &keystore->set,
                                             .root = keystore->root,
                                             .epoch = keystore->epoch,
                                             .copies = keystore->set.min_copies,
                                             .into = keystore};
    if (keystore_visit_rows(old, 0, rotation, take_unknown, straggling, err) != 0)
        return -1;
    return row_writer_finish(&straggling->writer, err);
}

int keystore_take_stragglers(struct keystore *keystore, uint32_t old_epoch, const struct keystore_rotation *rotation,
                             size_t *ret_count, struct error *err)
{
    struct keystore *old = NULL;
    struct straggling straggling = {0};
    struct error why = {0};
    *ret_count = 0;
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = open_epoch(&keystore->set, rotation->groups, rotation->group_count, old_epoch, &old, &why);
    if (rc == 0)
        rc = take_stragglers(keystore, old, rotation, &straggling, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    cleanup_row_writer(&straggling.writer);
    mem_free(straggling.known);
    keystore_free(old);
    if (rc == 0)
        *ret_count = straggling.count;
    else if (err != NULL)
        *err = why;
    return rc == 0 ? 0 : error_wrap(err, "rewrap what was still written under epoch %u", old_epoch);
}
