/* The end of an epoch: each of its holders' keys destroyed as far as that can be done from here, and proved. */
#include "base/mem.h"
#include "keys/keystore_internal.h"

#include <stdio.h>
#include <string.h>

void keystore_destruction_clear(struct keystore_destruction *destruction)
{
    for (size_t i = 0; i < destruction->count; i++) {
        mem_free(destruction->holders[i].group);
        mem_free(destruction->holders[i].name);
        mem_free(destruction->holders[i].why);
    }
    mem_free(destruction->holders);
    *destruction = (struct keystore_destruction){0};
}

/* What all steps on one epoch share. */
struct ending {
    const struct keystore *keystore;
    const struct holder_group *holders;
    size_t holder_count;
    bool destroy;
    const struct slots *live; /* of the epoch in force: what it needs is not destroyed */
    struct keystore_destruction *ret;
};

/* ---- One member ---- */

static int set_why(struct keystore_holder_end *end, const char *text, struct error *err)
{
    mem_free(end->why);
    end->why = text[0] != '\0' ? mem_strdup(text) : NULL;
    return text[0] == '\0' || end->why != NULL ? 0 : error_no_memory(err);
}

/* Does the member open its share through any holder that is here? */
static int try_member(const struct ending *ending, const struct slots *slots, const struct slot_group *group,
                      const struct slot_member *member, enum holder_state *ret, struct error *err)
{
    struct error why = {0};
    CLEANUP_SECRET struct secret *share = NULL;
    if (slots_open_member(slots, group, member, ending->holders, ending->holder_count, &share, &why) == 0) {
        *ret = HOLDER_OPENS;
        return 0;
    }
    if (is_fatal(&why)) {
        *err = why;
        return -1;
    }
    *ret = slots_state_of(&why);
    return 0;
}

/* The answer that says most: a key that is somewhere, then one that is known to be gone, then silence. */
static unsigned weight(const struct holder_attestation *attestation)
{
    static const unsigned weights[] = {
        [HOLDER_PRESENCE_UNKNOWN] = 0, [HOLDER_ABSENT] = 1, [HOLDER_PENDING] = 2, [HOLDER_PRESENT] = 3};
    return weights[attestation->presence];
}

int keystore_attest_member(const struct slots *slots, const struct slot_member *member,
                           const struct holder_group *holders, size_t count, struct holder_attestation *ret,
                           struct error *err)
{
    *ret = (struct holder_attestation){.extractable = !holder_kind_is_device(member->kind)};
    bool asked = false;
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; i < holders[g].member_count; i++) {
            const struct holder *holder = &holders[g].members[i];
            struct holder_attestation one;
            if (holder->kind != member->kind || !holder_is_here(holder))
                continue;
            if (holder_attest(holder, slots->epoch, member->params, &one, err) != 0)
                return -1;
            if (!asked || weight(&one) > weight(ret))
                *ret = one;
            asked = true;
            if (ret->presence == HOLDER_PRESENT)
                return 0;
        }
    return 0;
}

/* What lies with people is theirs to destroy, whether or not a holder of the kind is configured here still. */
static bool is_with_people(enum holder_kind kind)
{
    return kind == HOLDER_SHEET || kind == HOLDER_PASSPHRASE;
}

/* Ask every holder of the kind to destroy the key; end->why tells why none did. */
static int destroy_member(const struct ending *ending, const struct slots *slots, const struct slot_member *member,
                          struct keystore_holder_end *end, struct error *err)
{
    struct error known = {0};
    (void)error_set(&known, ERROR_NOT_FOUND, "no holder that is configured here keeps this key");
    for (size_t g = 0; g < ending->holder_count; g++)
        for (size_t i = 0; i < ending->holders[g].member_count; i++) {
            const struct holder *holder = &ending->holders[g].members[i];
            struct holder_end one;
            struct error why = {0};
            if (holder->kind != member->kind)
                continue;
            if (holder_destroy(holder, slots->epoch, member->params, &one, &why) == 0) {
                end->fate = one.fate;
                end->at_ns = one.at_ns;
                end->final_ns = one.final_ns;
                return set_why(end, one.why, err);
            }
            if (is_fatal(&why)) {
                *err = why;
                return -1;
            }
            if (why.class != ERROR_KEYS)
                known = why;
        }
    if (is_with_people(member->kind)) {
        end->fate = HOLDER_FATE_PEOPLE;
        return set_why(end, "those who keep it have to destroy it, and every copy", err);
    }
    char text[ERROR_WHAT_SIZE + ERROR_CHAIN_SIZE + ERROR_HINT_SIZE];
    return set_why(end, error_format(&known, text, sizeof(text)), err);
}

int keystore_discard_made(const struct holder_group *groups, size_t group_count, enum holder_kind kind, uint32_t epoch,
                          const json_t *params, struct error *err)
{
    struct error known = {0};
    (void)error_set(&known, ERROR_NOT_FOUND, "no holder that is configured here keeps the key");
    for (size_t g = 0; g < group_count; g++)
        for (size_t i = 0; i < groups[g].member_count; i++) {
            struct holder_end end;
            struct error why = {0};
            if (groups[g].members[i].kind != kind)
                continue;
            if (holder_destroy(&groups[g].members[i], epoch, params, &end, &why) == 0)
                return 0;
            if (why.class != ERROR_KEYS && known.class == ERROR_NOT_FOUND)
                known = why;
        }
    *err = known;
    return -1;
}

/* As found: what is gone is absent, what ends is scheduled, and what is there may go on opening. */
static void judge_member(struct keystore_holder_end *end)
{
    if (end->attestation.presence == HOLDER_ABSENT)
        end->fate = HOLDER_FATE_ABSENT;
    else if (end->attestation.presence == HOLDER_PENDING)
        end->fate = HOLDER_FATE_SCHEDULED;
    else if (is_with_people(end->kind))
        end->fate = HOLDER_FATE_PEOPLE;
    if (end->fate == HOLDER_FATE_SCHEDULED)
        end->final_ns = end->attestation.final_ns;
}

/* An operator who names one key of a key service for two epochs would lose the one in force with the other. */
static int refuse_member(const struct ending *ending, struct keystore_holder_end *end, struct error *err)
{
    char why[128];
    (void)snprintf(why, sizeof(why), "epoch %u, which is in force, is held by the same key: rotate the root key first",
                   ending->live->epoch);
    end->fate = HOLDER_FATE_REFUSED;
    return set_why(end, why, err);
}

/* Of several slots objects of one epoch each has groups of its own, whatever they are called. */
static char *group_name(const struct slot_group *group, size_t object)
{
    return object == 1 ? mem_strdup(group->name) : mem_printf("%s#%zu", group->name, object);
}

static int end_member(const struct ending *ending, const struct slots *slots, const struct slot_group *group,
                      const struct slot_member *member, struct keystore_holder_end *end, struct error *err)
{
    bool in_use = ending->destroy && slots_name_key(ending->live, member->params);
    end->name = mem_strdup(member->name);
    end->kind = member->kind;
    if (end->group == NULL || end->name == NULL)
        return error_no_memory(err);
    if (try_member(ending, slots, group, member, &end->before, err) != 0)
        return -1;
    if (ending->destroy &&
        (in_use ? refuse_member(ending, end, err) : destroy_member(ending, slots, member, end, err)) != 0)
        return -1;
    if (keystore_attest_member(slots, member, ending->holders, ending->holder_count, &end->attestation, err) != 0)
        return -1;
    end->after = end->before;
    if (!ending->destroy)
        judge_member(end);
    else if (try_member(ending, slots, group, member, &end->after, err) != 0)
        return -1;
    /* Whatever a holder says of its key: what still opens is not destroyed. */
    bool gone =
        end->fate == HOLDER_FATE_DESTROYED || end->fate == HOLDER_FATE_ABSENT || end->fate == HOLDER_FATE_SCHEDULED;
    if (!gone || end->after != HOLDER_OPENS)
        return 0;
    end->fate = HOLDER_FATE_UNKNOWN;
    return set_why(end, "its key was destroyed, but another copy of it is here and opens", err);
}

/* ---- All of an epoch ---- */

/* `object` numbers the slots objects of the epoch from 1. */
static int end_group(const struct ending *ending, const struct slots *slots, const struct slot_group *group,
                     size_t object, struct error *err)
{
    struct keystore_destruction *ret = ending->ret;
    struct keystore_holder_end *grown =
        mem_realloc(ret->holders, (ret->count + group->member_count) * sizeof(*ret->holders));
    if (grown == NULL)
        return error_no_memory(err);
    ret->holders = grown;
    bool opened = true;
    for (size_t i = 0; i < group->member_count; i++) {
        struct keystore_holder_end *end = &ret->holders[ret->count++];
        *end = (struct keystore_holder_end){.group = group_name(group, object)};
        if (end_member(ending, slots, group, &group->members[i], end, err) != 0)
            return -1;
        opened = opened && end->before == HOLDER_OPENS;
    }
    ret->controlled = ret->controlled || opened;
    return 0;
}

/* A group is shut by one member whose key is gone or unusable; for good, by one that is gone. */
void keystore_destruction_judge(struct keystore_destruction *destruction)
{
    destruction->unreadable = destruction->final = destruction->count > 0;
    destruction->since_ns = destruction->final_ns = 0;
    for (size_t first = 0, end = 0; first < destruction->count; first = end) {
        const struct keystore_holder_end *holders = destruction->holders;
        bool shut = false, final = false;
        int64_t since_ns = INT64_MAX, final_ns = INT64_MAX;
        for (; end < destruction->count && strcmp(holders[end].group, holders[first].group) == 0; end++) {
            const struct keystore_holder_end *one = &holders[end];
            bool gone = one->fate == HOLDER_FATE_DESTROYED || one->fate == HOLDER_FATE_ABSENT;
            bool scheduled = one->fate == HOLDER_FATE_SCHEDULED;
            shut = shut || gone || scheduled;
            final = final || gone;
            if ((gone || scheduled) && one->at_ns < since_ns)
                since_ns = one->at_ns;
            if (scheduled && one->final_ns < final_ns)
                final_ns = one->final_ns;
        }
        destruction->unreadable = destruction->unreadable && shut;
        destruction->final = destruction->final && final;
        if (shut && since_ns > destruction->since_ns)
            destruction->since_ns = since_ns;
        if (shut && !final && final_ns > destruction->final_ns)
            destruction->final_ns = final_ns;
    }
    if (!destruction->unreadable)
        destruction->since_ns = destruction->final_ns = 0;
}

/* Every slots object of the epoch; one that nobody can read may be one more, so then nothing is claimed. */
static int end_epoch(const struct ending *ending, uint32_t epoch, struct error *err)
{
    CLEANUP(cleanup_union) struct key_union listed = {0};
    if (union_list(&ending->keystore->set, epoch, false, &listed, err) != 0)
        return -1;
    size_t found = 0;
    for (size_t i = 0; i < listed.count; i++) {
        struct key_entry *entry = &listed.entries[i];
        CLEANUP(cleanup_slots) struct slots slots = {0};
        if (entry->epoch != epoch)
            continue;
        if (union_fetch(&ending->keystore->set, entry, err) != 0)
            return -1;
        if (entry->kind != CONTAINER_SLOTS)
            continue;
        if (keystore_slots(entry, &slots, err) != 0)
            return -1;
        found++;
        for (size_t g = 0; g < slots.group_count; g++)
            if (end_group(ending, &slots, &slots.groups[g], found, err) != 0)
                return -1;
    }
    if (found > 0)
        return 0;
    (void)error_set(err, ERROR_NOT_FOUND, "no target has the slots of epoch %u, which say who held it", epoch);
    return error_hint(err, "bring a target back that has them");
}

/* With the lock held. */
static int end_checked(const struct ending *ending, uint32_t epoch, struct error *err)
{
    if (keystore_check_live(ending->keystore, false, err) != 0)
        return -1;
    if (ending->destroy && epoch >= ending->keystore->epoch) {
        (void)error_set(err, ERROR_REFUSED, "epoch %u is in force or to come (epoch %u is)", epoch,
                        ending->keystore->epoch);
        return error_hint(err, "rotate the root key first; then the old epoch can be destroyed");
    }
    return end_epoch(ending, epoch, err);
}

static int ask(struct keystore *keystore, uint32_t epoch, const struct holder_group *groups, size_t count, bool destroy,
               struct keystore_destruction *ret, struct error *err)
{
    struct error why = {0};
    CLEANUP(cleanup_slots) struct slots live = {0};
    *ret = (struct keystore_destruction){.epoch = epoch};
    const struct ending ending = {keystore, groups, count, destroy, &live, ret};
    (void)pthread_mutex_lock(&keystore->lock);
    int rc = keystore_slots(&keystore->entries[keystore->slots_entry], &live, &why);
    if (rc == 0)
        rc = end_checked(&ending, epoch, &why);
    (void)pthread_mutex_unlock(&keystore->lock);
    if (rc == 0) {
        keystore_destruction_judge(ret);
        return 0;
    }
    keystore_destruction_clear(ret);
    if (err != NULL)
        *err = why;
    return error_wrap(err, destroy ? "destroy the holders of epoch %u" : "ask the holders of epoch %u", epoch);
}

int keystore_destroy_epoch(struct keystore *keystore, uint32_t epoch, const struct holder_group *groups,
                           size_t group_count, struct keystore_destruction *ret, struct error *err)
{
    return ask(keystore, epoch, groups, group_count, true, ret, err);
}

int keystore_attest_epoch(struct keystore *keystore, uint32_t epoch, const struct holder_group *groups,
                          size_t group_count, struct keystore_destruction *ret, struct error *err)
{
    return ask(keystore, epoch, groups, group_count, false, ret, err);
}
