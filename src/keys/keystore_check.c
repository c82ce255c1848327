/* What `keys status` and `keys check` show: who can open what, and how many copies there are. */
#include "base/mem.h"
#include "keys/keystore_internal.h"

#include <string.h>

void keystore_report_clear(struct keystore_report *report)
{
    for (size_t g = 0; g < report->group_count; g++) {
        struct keystore_group_report *group = &report->groups[g];
        for (size_t i = 0; i < group->member_count; i++) {
            mem_free(group->members[i].name);
            mem_free(group->members[i].why);
        }
        mem_free(group->members);
        mem_free(group->name);
    }
    mem_free(report->groups);
    mem_free(report->older_epochs);
    *report = (struct keystore_report){0};
}

/* Try one member; *ret_share stays NULL if it does not open. */
static int check_member(const struct slots *slots, const struct slot_group *group, const struct slot_member *member,
                        const struct holder_group *holders, size_t count, struct keystore_member_report *ret,
                        struct secret **ret_share, struct error *err)
{
    struct error why = {0};
    ret->kind = member->kind;
    ret->name = mem_strdup(member->name);
    if (ret->name == NULL)
        return error_no_memory(err);
    if (keystore_attest_member(slots, member, holders, count, &ret->attestation, err) != 0)
        return -1;
    if (slots_open_member(slots, group, member, holders, count, ret_share, &why) == 0) {
        ret->state = HOLDER_OPENS;
        return 0;
    }
    if (is_fatal(&why)) {
        *err = why;
        return -1;
    }
    /* What could not be read may be right or wrong: only a key that was read can be the wrong one. */
    ret->state = slots_state_of(&why);
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + ERROR_HINT_SIZE];
    ret->why = mem_strdup(error_format(&why, text, sizeof(text)));
    return ret->why != NULL ? 0 : error_no_memory(err);
}

/* Every entry below this root opens: *ret_tenants is the number of tenants in them. */
static int open_all(const struct keystore *keystore, const struct secret *root, size_t *ret_tenants, struct error *err)
{
    struct key_runs runs = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < keystore->entry_count; i++) {
        if (keystore->entries[i].kind != CONTAINER_KEYS)
            continue;
        CLEANUP(cleanup_row_reader) struct row_reader reader = {0};
        rc = row_reader_open(&reader, &keystore->entries[i], root, err);
        if (rc == 0)
            rc = row_reader_index(&reader, (uint32_t)i, &runs, err);
    }
    struct id *tids = NULL;
    if (rc == 0)
        rc = keystore_distinct(&runs, &tids, ret_tenants, err);
    mem_free(tids);
    mem_free(runs.runs);
    return rc;
}

/* With all shares of a group: does the root open, and everything below it? */
static int check_root(const struct keystore *keystore, const struct slots *slots, const struct slot_group *group,
                      struct secret *const *shares, struct keystore_group_report *ret, struct error *err)
{
    CLEANUP_SECRET struct secret *root = NULL;
    struct error why = {0};
    size_t tenants = 0;
    if (slots_combine(slots, group, shares, &root, &why) == 0 && secret_equal(root, keystore->root) &&
        open_all(keystore, root, &tenants, &why) == 0) {
        ret->opens = keystore->unread == 0;
        ret->tenants = tenants;
    }
    if (is_fatal(&why)) {
        *err = why;
        return -1;
    }
    return 0;
}

static int check_group(const struct keystore *keystore, const struct slots *slots, const struct slot_group *group,
                       const struct holder_group *holders, size_t count, struct keystore_group_report *ret,
                       struct error *err)
{
    ret->name = mem_strdup(group->name);
    ret->members = mem_calloc(group->member_count, sizeof(*ret->members));
    if (ret->name == NULL || ret->members == NULL)
        return error_no_memory(err);
    ret->member_count = group->member_count;
    struct secret *shares[KEYS_GROUP_MAX] = {NULL};
    size_t open = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < group->member_count; i++) {
        rc = check_member(slots, group, &group->members[i], holders, count, &ret->members[i], &shares[i], err);
        open += rc == 0 && shares[i] != NULL ? 1 : 0;
    }
    if (rc == 0 && open == group->member_count)
        rc = check_root(keystore, slots, group, shares, ret, err);
    for (size_t i = 0; i < group->member_count; i++)
        secret_free(shares[i]);
    return rc;
}

static int check_groups(const struct keystore *keystore, const struct holder_group *holders, size_t count,
                        struct keystore_report *ret, struct error *err)
{
    CLEANUP(cleanup_slots) struct slots slots = {0};
    if (keystore_slots(&keystore->entries[keystore->slots_entry], &slots, err) != 0)
        return -1;
    ret->groups = mem_calloc(slots.group_count, sizeof(*ret->groups));
    if (ret->groups == NULL)
        return error_no_memory(err);
    ret->group_count = slots.group_count;
    for (size_t i = 0; i < slots.group_count; i++)
        if (check_group(keystore, &slots, &slots.groups[i], holders, count, &ret->groups[i], err) != 0)
            return -1;
    return 0;
}

/* The least number of reachable targets that give an entry of this epoch back as it was written. */
static int count_copies(const struct keystore *keystore, uint64_t reachable, size_t *ret, struct error *err)
{
    *ret = keystore->unread > 0 ? 0 : SIZE_MAX;
    for (size_t i = 0; i < keystore->entry_count; i++) {
        size_t copies = 0;
        for (size_t t = 0; t < keystore->set.count; t++) {
            struct error why = {0};
            if ((reachable >> t & 1) == 0)
                continue;
            if (union_verify(keystore->set.targets[t], &keystore->entries[i], &why) == 0)
                copies++;
            if (is_fatal(&why)) {
                *err = why;
                return -1;
            }
        }
        if (copies < *ret)
            *ret = copies;
    }
    return 0;
}

static int list_older(const struct key_union *listed, uint32_t epoch, struct keystore_report *ret, struct error *err)
{
    ret->older_epochs = mem_calloc(listed->count, sizeof(*ret->older_epochs));
    if (ret->older_epochs == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < listed->count; i++) {
        uint32_t older = listed->entries[i].epoch;
        if (older < epoch && (ret->older_count == 0 || ret->older_epochs[ret->older_count - 1] != older))
            ret->older_epochs[ret->older_count++] = older;
    }
    return 0;
}

/* With the lock held. */
static int check(struct keystore *keystore, const struct holder_group *groups, size_t count,
                 struct keystore_report *ret, struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    struct id *tids = NULL;
    if (keystore_refresh(keystore, false, err) != 0 || union_list(&keystore->set, 0, false, &listed, err) != 0)
        return -1;
    ret->epoch = keystore->epoch;
    if (list_older(&listed, keystore->epoch, ret, err) != 0 ||
        count_copies(keystore, listed.reachable, &ret->copies, err) != 0 ||
        keystore_distinct(&keystore->runs, &tids, &ret->tenants, err) != 0)
        return -1;
    mem_free(tids);
    return check_groups(keystore, groups, count, ret, err);
}

int keystore_check(struct keystore *keystore, const struct holder_group *groups, size_t group_count,
                   struct keystore_report *ret, struct error *err)
{
    struct error why = {0};
    *ret = (struct keystore_report){0};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = check(keystore, groups, group_count, ret, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc == 0)
        return 0;
    keystore_report_clear(ret);
    if (err != NULL)
        *err = why;
    return error_wrap(err, "check the keystore");
}
