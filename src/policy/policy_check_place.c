/* Rules about the installation: its targets, its holders, its calendars. */
#include "policy/policy_check_internal.h"

#include "base/mem.h"
#include "base/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *or_none(const char *text)
{
    return text != NULL ? text : "none declared";
}

static bool allows(const struct policy_words *words, const char *word)
{
    return words->count == 0 || (word != NULL && policy_has_word(words, word));
}

/* Every target holds everything: one in the wrong place breaks the promise. */
static int check_each(struct policy_checking *c, const struct policy_words *wanted, size_t offset, const char *rule,
                      const char *says, const char *hint, struct error *err)
{
    for (size_t i = 0; i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        const char *is = *(char *const *)((const char *)target + offset);
        if (!allows(wanted, is) &&
            policy_find(c, err, rule, hint, "target %s %s: %s", target->name, says, or_none(is)) != 0)
            return -1;
    }
    return 0;
}

static int check_residency(struct policy_checking *c, struct error *err)
{
    return check_each(c, &c->policy->targets.countries, offsetof(struct target_options, country), "targets.countries",
                      "lies in none of these countries",
                      "declare country=… at the target, or remove it from hikae.yaml", err);
}

static int check_region(struct policy_checking *c, struct error *err)
{
    return check_each(c, &c->policy->targets.regions, offsetof(struct target_options, region), "targets.regions",
                      "is in none of these regions", "declare the target's region, or remove it from hikae.yaml", err);
}

static int check_class(struct policy_checking *c, struct error *err)
{
    return check_each(c, &c->policy->targets.storage_classes, offsetof(struct target_options, storage_class),
                      "targets.storage_classes", "stores in none of these classes", "set storage_class at the target",
                      err);
}

/* Several sites are promised, and a class of one zone is one building's. */
static int check_one_zone(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; c->policy->targets.sites > 1 && i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        if (provider_class_is_one_zone(target->storage_class) &&
            policy_find(c, err, "targets.sites", "set another storage_class at the target",
                        "target %s stores in the class %s, which keeps data at one place only", target->name,
                        target->storage_class) != 0)
            return -1;
    }
    return 0;
}

static int check_copies(struct policy_checking *c, struct error *err)
{
    unsigned wanted = c->policy->targets.min_copies;
    if (wanted > c->place->target_count)
        return policy_find(c, err, "targets.min_copies", "add targets", "%u copies cannot be on %zu target%s", wanted,
                           c->place->target_count, c->place->target_count == 1 ? "" : "s");
    if (wanted > c->place->min_copies)
        return policy_find(c, err, "targets.min_copies", "raise min_copies in hikae.yaml",
                           "a snapshot counts with %u cop%s already (min_copies of hikae.yaml), and not with %u",
                           c->place->min_copies, c->place->min_copies == 1 ? "y" : "ies", wanted);
    return 0;
}

static int compare_counts(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

typedef const char *place_of(const struct target_options *target);

static const char *site_of(const struct target_options *target)
{
    return target->site;
}

static const char *provider_of(const struct target_options *target)
{
    return target->provider;
}

/*
 * A snapshot counts with any min_copies targets. So many of them can be together in (wanted - 1) places as those with
 * most targets have; if that is min_copies, the promise of `wanted` places hangs on luck. Targets that do not say where
 * they are may all be at one place.
 */
static int check_places(struct policy_checking *c, unsigned wanted, const char *key, place_of *place, struct error *err)
{
    const struct policy_installation *installation = c->place;
    size_t together = 0;
    if (wanted < 2 || installation->target_count == 0)
        return 0;
    CLEANUP_FREE size_t *counts = mem_calloc(installation->target_count, sizeof(*counts));
    if (counts == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < installation->target_count; i++) {
        const char *here = place(&installation->targets[i]);
        size_t first = 0;
        for (; first < i; first++) {
            const char *there = place(&installation->targets[first]);
            if (here == NULL ? there == NULL : there != NULL && strcmp(here, there) == 0)
                break;
        }
        counts[first]++;
    }
    qsort(counts, installation->target_count, sizeof(*counts), compare_counts);
    for (size_t i = 0; i + 1 < wanted && i < installation->target_count; i++)
        together += counts[i];
    if (together < installation->min_copies)
        return 0;
    char path[POLICY_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "targets.%s", key);
    return policy_find(c, err, path, "declare them at the targets, add a target elsewhere, or raise min_copies",
                       "%u different %s are promised, but %u copies may be at fewer", wanted, key,
                       installation->min_copies);
}

static int check_sites(struct policy_checking *c, struct error *err)
{
    return check_places(c, c->policy->targets.sites, "sites", site_of, err);
}

static int check_providers(struct policy_checking *c, struct error *err)
{
    return check_places(c, c->policy->targets.providers, "providers", provider_of, err);
}

static int check_target_locks(struct policy_checking *c, struct error *err)
{
    static const enum target_lock_mode modes[] = {
        [POLICY_LOCK_GOVERNANCE] = TARGET_LOCK_GOVERNANCE, [POLICY_LOCK_COMPLIANCE] = TARGET_LOCK_COMPLIANCE};
    const struct policy *policy = c->policy;
    for (size_t i = 0; policy->lock.rule.present && i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        struct span locks = {target->lock_days, SPAN_DAYS};
        int rc = 0;
        if (target->lock < modes[policy->lock.mode])
            rc = policy_find(c, err, "lock.mode", "add `lock: {mode: …, days: …}` to the target in hikae.yaml",
                             "target %s does not lock objects so firmly", target->name);
        else if (span_shortest_s(locks) < span_shortest_s(policy->lock.span))
            rc = policy_find(c, err, "lock.span", "raise the target's lock days in hikae.yaml",
                             "target %s locks objects for %u days only", target->name, target->lock_days);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* A target locks as hikae.yaml says, whatever the policy says: longer than it may hinders deletion. */
static int check_lock_hinders(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    for (size_t i = 0; i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        struct span locks = {target->lock_days, SPAN_DAYS};
        if (target->lock == TARGET_LOCK_NONE)
            continue;
        if (policy->schedule.rule.present && span_shortest_s(locks) > policy_retention_s(policy) &&
            policy_find(c, err, "generations", "lower the target's lock days in hikae.yaml",
                        "target %s locks objects for %u days, longer than snapshots stay", target->name,
                        target->lock_days) != 0)
            return -1;
        if (policy->contract_end.rule.present &&
            policy_erasure_s(policy, span_longest_s(locks)) > span_shortest_s(policy->contract_end.within) &&
            policy_find(c, err, "contract_end.within", "lower the target's lock days in hikae.yaml",
                        "target %s locks objects for %u days: with collection and key service that is too long",
                        target->name, target->lock_days) != 0)
            return -1;
    }
    return 0;
}

static int check_signature(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        if (c->policy->encryption.algorithms == POLICY_ALGORITHMS_CRYPTREC &&
            target->signature == TARGET_SIGNATURE_V2 &&
            policy_find(c, err, "encryption.algorithms", "use signature v4 for the target, or another target",
                        "requests to target %s are signed with HMAC-SHA1, which is not on the CRYPTREC list",
                        target->name) != 0)
            return -1;
    }
    return 0;
}

static int check_transport(struct policy_checking *c, struct error *err)
{
    for (size_t i = 0; c->policy->encryption.rule.present && i < c->place->target_count; i++) {
        const struct target_options *target = &c->place->targets[i];
        if (target->endpoint != NULL && strncmp(target->endpoint, "http://", 7) == 0 &&
            policy_find(c, err, "encryption.tls", "use an https:// endpoint", "target %s is reached without TLS",
                        target->name) != 0)
            return -1;
    }
    return 0;
}

static int check_holders(struct policy_checking *c, struct error *err)
{
    const struct policy_encryption *encryption = &c->policy->encryption;
    unsigned strong = 1U << POLICY_HOLDER_TOKEN | 1U << POLICY_HOLDER_KEY_SERVICE;
    unsigned wanted = encryption->holder == POLICY_HOLDER_ANY ? strong : 1U << encryption->holder;
    bool needed = encryption->holder != POLICY_HOLDER_ANY || c->policy->contract_end.proof == POLICY_PROOF_KEYS;
    if (!needed || (c->place->holders & wanted) != 0)
        return 0;
    return policy_find(c, err, "encryption.holder",
                       "add a holder of that kind to each group with `hikae keys holder add`, or take the group out",
                       "a group of holders opens the root key without %s: whoever has a copy can undo an erasure",
                       encryption->holder == POLICY_HOLDER_KEY_SERVICE ? "a key service"
                       : encryption->holder == POLICY_HOLDER_TOKEN     ? "a token"
                                                                       : "a token or a key service");
}

static int check_key_services(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    const struct policy_words *countries = &policy->processors.key_service;
    for (size_t i = 0; i < c->place->key_service_count; i++) {
        const struct policy_key_service *service = &c->place->key_services[i];
        bool listed = !policy->processors.rule.present;
        for (size_t k = 0; !listed && service->country != NULL && k < countries->count; k++)
            listed = strcmp(countries->items[k], service->country) == 0;
        if (!listed &&
            policy_find(c, err, "processors.key_service", "take a region in a country that the promise names",
                        "holder %s is a key service in %s, which is not promised", service->name,
                        service->country != NULL ? service->country : "a country that nobody knows") != 0)
            return -1;
        struct span waits = {service->waiting_days, SPAN_DAYS};
        if (span_is_set(policy->encryption.key_service_waits) &&
            span_shortest_s(waits) > span_shortest_s(policy->encryption.key_service_waits) &&
            policy_find(c, err, "encryption.key_service_waits", "lower waiting_days of the holder in hikae.yaml",
                        "holder %s keeps a key for %u days after its deletion was asked for", service->name,
                        service->waiting_days) != 0)
            return -1;
    }
    return 0;
}

static int check_kdf(struct policy_checking *c, struct error *err)
{
    if (c->policy->encryption.algorithms != POLICY_ALGORITHMS_CRYPTREC || !c->place->scrypt)
        return 0;
    return policy_find(c, err, "encryption.algorithms", "write `kdf: pbkdf2` at that holder, then rotate the root key",
                       "a passphrase is stretched by scrypt, which is not on the CRYPTREC list");
}

static int check_calendar(struct policy_checking *c, struct error *err)
{
    const struct policy *policy = c->policy;
    bool needed = false;
    for (size_t i = 0; i < policy->notice_count; i++)
        needed = needed || policy->notices[i].business_days > 0;
    for (size_t i = 0; i < policy->review_count; i++)
        needed = needed || policy->reviews[i].business_day > 0;
    for (size_t i = 0; i < policy->log_count; i++)
        needed = needed || policy->logs[i].fetched_by > 0;
    if (!needed || !c->place->calendar_missing)
        return 0;
    return policy_find(c, err, "calendar", "install policies/calendars, or put the file beside hikae.yaml",
                       "business days are promised, but there is no calendar \"%s\"", policy->calendar);
}

const struct policy_check_rule policy_place_rules[] = {
    {"target-residency", POLICY_UNMET, check_residency},
    {"target-region", POLICY_UNMET, check_region},
    {"target-class", POLICY_UNMET, check_class},
    {"target-one-zone", POLICY_UNMET, check_one_zone},
    {"target-copies", POLICY_UNMET, check_copies},
    {"target-sites", POLICY_UNMET, check_sites},
    {"target-providers", POLICY_UNMET, check_providers},
    {"target-locks", POLICY_UNMET, check_target_locks},
    {"target-lock-hinders", POLICY_UNMET, check_lock_hinders},
    {"target-signature", POLICY_UNMET, check_signature},
    {"target-transport", POLICY_UNMET, check_transport},
    {"holder-class", POLICY_UNMET, check_holders},
    {"holder-service", POLICY_UNMET, check_key_services},
    {"holder-kdf", POLICY_UNMET, check_kdf},
    {"calendar-known", POLICY_UNMET, check_calendar},
    {0},
};
