#include "base/mem.h"
#include "keys/keystore_internal.h"

#include <stdio.h>
#include <string.h>

/* How well a configured holder fits a member: its own name in its own group, its own name, its kind only. */
enum fit { FIT_NONE, FIT_KIND, FIT_NAME, FIT_EXACT };

static enum fit fit_of(const struct slot_group *group, const struct slot_member *member,
                       const struct holder_group *configured, const struct holder *holder)
{
    if (holder->kind != member->kind)
        return FIT_NONE;
    if (holder->name == NULL || strcmp(holder->name, member->name) != 0)
        return FIT_KIND;
    return configured->name != NULL && strcmp(configured->name, group->name) == 0 ? FIT_EXACT : FIT_NAME;
}

static int try_holder(const struct slots *slots, const struct slot_group *group, const struct slot_member *member,
                      const struct holder *holder, struct secret **ret_share, struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP(buf_free) struct buf aad = {0};
    if (holder_reach(holder, slots->epoch, member->params, &key, err) != 0 ||
        keys_aad(slots->epoch, group->name, member->name, &aad, err) != 0)
        return -1;
    if (keys_unwrap(key, &aad, member->wrapped, ret_share, err) == 0)
        return 0;
    if (err->class != ERROR_KEYS)
        return -1;
    if (holder->kind == HOLDER_PASSPHRASE) {
        (void)error_set(err, ERROR_KEYS, "the passphrase in %s is wrong", holder->path);
        return error_hint(err, "it opens nothing of epoch %u: check its spelling, and that it is this store's",
                          slots->epoch);
    }
    return error_set(err, ERROR_KEYS, "the key of %s does not open its share: the slot was altered",
                     holder->path != NULL ? holder->path : holder->name);
}

/* Does `why` say more than what is known so far? A wrong key says more than an absent one. */
static bool says_more(const struct error *why, const struct error *known)
{
    return known->class == ERROR_NONE || (known->class == ERROR_NOT_FOUND && why->class != ERROR_NOT_FOUND);
}

/*
 * Try every configured holder that fits as `wanted` says. 0: the share is open. -1 with a fatal error in *known: stop.
 * 1: go on; *known has the best reason so far, *tried says whether there was any.
 */
static int try_fit(const struct slots *slots, const struct slot_group *group, const struct slot_member *member,
                   const struct holder_group *holders, size_t count, enum fit wanted, bool *tried,
                   struct secret **ret_share, struct error *known)
{
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; i < holders[g].member_count; i++) {
            const struct holder *holder = &holders[g].members[i];
            if (!holder_is_here(holder) || fit_of(group, member, &holders[g], holder) != wanted)
                continue;
            struct error why = {0};
            if (try_holder(slots, group, member, holder, ret_share, &why) == 0)
                return 0;
            *tried = true;
            if (is_fatal(&why) || says_more(&why, known))
                *known = why;
            if (is_fatal(&why))
                return -1;
        }
    return 1;
}

/*
 * Holders of a member's kind are tried from the best fit down, so that a recovery sheet or a moved key file opens its
 * share whatever it is called on this machine. Passphrases are stretched at great cost: only those of the best fit.
 */
int slots_open_member(const struct slots *slots, const struct slot_group *group, const struct slot_member *member,
                      const struct holder_group *holders, size_t count, struct secret **ret_share, struct error *err)
{
    static const enum fit order[] = {FIT_EXACT, FIT_NAME, FIT_KIND};
    if (member->kind == 0)
        return error_set(err, ERROR_NOT_FOUND, "this version knows no holder of kind %s", member->kind_name);
    struct error known = {0};
    bool tried = false;
    int rc = 1;
    for (size_t i = 0; rc > 0 && i < sizeof(order) / sizeof(order[0]); i++)
        if (!tried || member->kind != HOLDER_PASSPHRASE)
            rc = try_fit(slots, group, member, holders, count, order[i], &tried, ret_share, &known);
    if (rc == 0)
        return 0;
    if (!tried)
        return error_set(err, ERROR_NOT_FOUND, "the %s is not kept here", member->kind_name);
    *err = known;
    return -1;
}

int slots_combine(const struct slots *slots, const struct slot_group *group, struct secret *const *shares,
                  struct secret **ret_root, struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    CLEANUP(buf_free) struct buf aad = {0};
    if (keys_group_key(shares, group->member_count, group->salt, &key, err) != 0 ||
        keys_aad(slots->epoch, group->name, NULL, &aad, err) != 0)
        return -1;
    if (keys_unwrap(key, &aad, group->root, ret_root, err) == 0)
        return 0;
    if (err->class != ERROR_KEYS)
        return -1;
    return error_set(err, ERROR_KEYS, "all shares open, but not the root key under them: the slot was altered");
}

int slots_open_group(const struct slots *slots, const struct slot_group *group, const struct holder_group *holders,
                     size_t count, struct secret **ret_root, struct error *err)
{
    struct secret *shares[KEYS_GROUP_MAX] = {NULL};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < group->member_count; i++) {
        rc = slots_open_member(slots, group, &group->members[i], holders, count, &shares[i], err);
        if (rc != 0)
            (void)error_wrap(err, "%s", group->members[i].name);
    }
    if (rc == 0)
        rc = slots_combine(slots, group, shares, ret_root, err);
    for (size_t i = 0; i < group->member_count; i++)
        secret_free(shares[i]);
    return rc;
}

/* "group a: x: why; group b: …", as much as fits. */
static void tell(char *text, size_t size, const char *group, const struct error *why)
{
    size_t used = strlen(text);
    int n = snprintf(text + used, size - used, "%sgroup %s: %s%s%s", used > 0 ? "; " : "", group, why->chain,
                     why->chain[0] != '\0' ? ": " : "", why->what);
    if (n < 0)
        text[used] = '\0';
}

int slots_open(const struct slots *slots, const struct holder_group *holders, size_t count, struct secret **ret_root,
               const struct slot_group **ret_group, struct error *err)
{
    char text[ERROR_WHAT_SIZE - 64] = "";
    struct error best = {0};
    bool unknown = false;
    for (size_t g = 0; g < slots->group_count; g++) {
        struct error why = {0};
        *ret_group = &slots->groups[g];
        if (slots_open_group(slots, *ret_group, holders, count, ret_root, &why) == 0)
            return 0;
        tell(text, sizeof(text), (*ret_group)->name, &why);
        unknown = unknown || why.class == ERROR_UNREACHABLE;
        if (is_fatal(&why) || says_more(&why, &best))
            best = why;
        if (is_fatal(&why)) {
            *err = why;
            return -1;
        }
    }
    /* A device that does not answer may hold the right key: then nobody knows, and later it may open. */
    (void)error_set(err, unknown ? ERROR_UNREACHABLE : ERROR_KEYS, "no group of holders opens epoch %u: %s",
                    slots->epoch, text);
    if (best.hint[0] != '\0')
        return error_hint(err, "%s", best.hint);
    return error_hint(err, "bring the holders of one group here (key file, passphrase, or recovery sheet)");
}
