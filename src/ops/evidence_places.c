/* Judging places and protection: where copies lay, who held the key, what was seen of transport and locks. */
#include "ops/evidence.h"

#include <stdio.h>
#include <string.h>

/* ---- What the check of the installation found: now, or when the version was applied ---- */

static const struct evidence_unmet *find_unmet(const struct evidence_judging *judging, const char *rule, bool now)
{
    const struct evidence_version *version = judging->version;
    for (size_t i = 0; i < judging->facts->unmet_count; i++) {
        const struct evidence_unmet *unmet = &judging->facts->unmet[i];
        if (strcmp(unmet->policy, version->name) == 0 && strcmp(unmet->rule, rule) == 0 && unmet->now == now &&
            (now || unmet->accepted_ns == version->applied_ns))
            return unmet;
    }
    return NULL;
}

/* Which aspect of its rule a check of the installation is about. */
static const char *aspect_of(const char *check)
{
    static const struct {
        const char *check, *aspect;
    } aspects[] = {{"target-class", "places"},        {"target-one-zone", "sites"},
                   {"holder-service", "key-service"}, {"target-signature", "algorithms"},
                   {"target-transport", "transport"}, {"holder-kdf", "algorithms"},
                   {"holder-class", "holder"}};
    for (size_t i = 0; i < sizeof(aspects) / sizeof(aspects[0]); i++)
        if (strcmp(aspects[i].check, check) == 0)
            return aspects[i].aspect;
    return NULL;
}

/*
 * True if a rule about the installation is, or was, not met; the item says so. What is found now is said of a version
 * that is in force now; of a part that is over nobody can tell whether it was so then.
 */
static bool add_unmet(struct evidence_judging *judging, const char *rule)
{
    const struct evidence_version *version = judging->version;
    const struct evidence_unmet *accepted = find_unmet(judging, rule, false);
    const struct evidence_unmet *found = version->in_force ? find_unmet(judging, rule, true) : NULL;
    bool is_over = version->to_ns <= judging->facts->now_ns;
    if (accepted == NULL && found == NULL)
        return false;
    struct hikae_evidence_item *item =
        accepted != NULL ? evidence_add(judging, "unmet-accepted", HIKAE_BROKEN, NULL, rule)
        : is_over        ? evidence_add(judging, "unmet-since", HIKAE_NOT_OBSERVABLE, NULL, rule)
                         : evidence_add(judging, "unmet", HIKAE_BROKEN, NULL, rule);
    if (item != NULL) {
        item->aspects = aspect_of(rule);
        item->detail = found != NULL ? found->what : accepted->what;
        item->done_ns = accepted != NULL ? accepted->accepted_ns : 0;
    }
    return true;
}

/* ---- Targets at an instant ---- */

/* Is row i the one in force about its target at the instant? */
static bool is_in_force(const struct evidence_facts *facts, size_t i, int64_t time_ns)
{
    const struct evidence_target *target = &facts->targets[i];
    if (target->from_ns > time_ns || target->retired)
        return false;
    for (size_t k = i + 1; k < facts->target_count && facts->targets[k].from_ns <= time_ns; k++)
        if (strcmp(facts->targets[k].name, target->name) == 0)
            return false;
    return true;
}

/* Was row i in force at any time of the version's part? */
static bool is_in_part(const struct evidence_judging *judging, size_t i)
{
    const struct evidence_facts *facts = judging->facts;
    const struct evidence_target *target = &facts->targets[i];
    if (target->retired || target->from_ns >= judging->version->to_ns)
        return false;
    return target->from_ns >= judging->version->from_ns || is_in_force(facts, i, judging->version->from_ns);
}

static struct hikae_evidence_item *add_target(struct evidence_judging *judging, const char *kind,
                                              enum hikae_result result, const struct evidence_target *target,
                                              const char *detail)
{
    struct hikae_evidence_item *item = evidence_add(judging, kind, result, NULL, target->name);
    if (item == NULL)
        return NULL;
    int64_t from_ns = target->from_ns > judging->version->from_ns ? target->from_ns : judging->version->from_ns;
    item->date = evidence_date(judging, judging->version->zone, ZONE_DAY, from_ns);
    item->detail = detail;
    return item;
}

static const char *place_of(struct evidence_judging *judging, const struct evidence_target *target)
{
    return arena_printf(judging->arena, "%s %s %s", target->country != NULL ? target->country : "?",
                        target->region != NULL ? target->region : "-", target->site != NULL ? target->site : "-");
}

static bool allows(const struct policy_words *words, const char *word)
{
    return words->count == 0 || (word != NULL && policy_has_word(words, word));
}

/* Where every target lay. What is the operator's word alone is nothing that hikae saw. */
static void judge_places(struct evidence_judging *judging, const struct policy_words *countries,
                         const struct policy_words *regions)
{
    for (size_t i = 0; i < judging->facts->target_count; i++) {
        const struct evidence_target *target = &judging->facts->targets[i];
        if (!is_in_part(judging, i))
            continue;
        const char *place = place_of(judging, target);
        if (!allows(countries, target->country) || (regions != NULL && !allows(regions, target->region)))
            (void)add_target(judging, "target-elsewhere", HIKAE_BROKEN, target, place);
        else if (!target->recorded)
            (void)add_target(judging, "target-unrecorded", HIKAE_NOT_OBSERVABLE, target, place);
        else if (target->attested && (countries->count > 0 || (regions != NULL && regions->count > 0)))
            (void)add_target(judging, "target-declared", HIKAE_NOT_OBSERVABLE, target, place);
        else
            (void)add_target(judging, "target-place", HIKAE_KEPT, target, place);
    }
}

/* ---- targets: places, and how many and how far apart the copies of each snapshot were ---- */

static const char *site_of(const struct evidence_target *target)
{
    return target->site;
}

static const char *provider_of(const struct evidence_target *target)
{
    return target->provider;
}

typedef const char *target_trait(const struct evidence_target *target);

/* Different sites or providers among the targets that held a snapshot. Those of which nothing is known do not count. */
static unsigned count_different(const struct evidence_facts *facts, const struct evidence_snapshot *snapshot,
                                target_trait *trait)
{
    unsigned count = 0;
    for (size_t i = 0; i < facts->target_count; i++) {
        const struct evidence_target *target = &facts->targets[i];
        const char *value = trait(target);
        if (value == NULL || !policy_text_has_word(snapshot->targets, target->name) ||
            !is_in_force(facts, i, snapshot->time_ns))
            continue;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = trait(&facts->targets[k]) != NULL && strcmp(trait(&facts->targets[k]), value) == 0 &&
                   policy_text_has_word(snapshot->targets, facts->targets[k].name) &&
                   is_in_force(facts, k, snapshot->time_ns);
        count += !seen;
    }
    return count;
}

static unsigned wanted_copies(const struct policy_targets *targets)
{
    return targets->min_copies;
}

/* One place is no promise of places. */
static unsigned wanted_sites(const struct policy_targets *targets)
{
    return targets->sites > 1 ? targets->sites : 0;
}

static unsigned wanted_providers(const struct policy_targets *targets)
{
    return targets->providers > 1 ? targets->providers : 0;
}

/* ---- Copies of each snapshot: how many, and how far apart ---- */

/* What a policy asks of the copies of a snapshot: one row an aspect. */
static const struct {
    const char *kept, *broken;
    unsigned (*wanted)(const struct policy_targets *targets);
    target_trait *trait; /* NULL: copies are counted as they are */
} spreads[] = {
    {"copies", "copies-few", wanted_copies, NULL},
    {"copies-sites", "copies-one-site", wanted_sites, site_of},
    {"copies-providers", "copies-one-provider", wanted_providers, provider_of},
};
enum { SPREADS = sizeof(spreads) / sizeof(spreads[0]) };

static bool is_spread(const struct evidence_judging *judging, const struct evidence_snapshot *snapshot, size_t row)
{
    unsigned wanted = spreads[row].wanted(&judging->version->policy->targets);
    unsigned there =
        spreads[row].trait == NULL ? snapshot->copies : count_different(judging->facts, snapshot, spreads[row].trait);
    return there >= wanted;
}

static void add_copies(struct evidence_judging *judging, const struct evidence_tenant *tenant, const char *kind,
                       enum hikae_result result, const struct evidence_snapshot *snapshot, size_t count)
{
    struct hikae_evidence_item *item = evidence_add(judging, kind, result, tenant->name, snapshot->id);
    if (item == NULL)
        return;
    if (result != HIKAE_KEPT)
        item->date = evidence_date(judging, judging->version->schedule, ZONE_DAY, snapshot->time_ns);
    item->done_ns = snapshot->time_ns;
    item->detail = result == HIKAE_KEPT
                       ? arena_printf(judging->arena, "%zu snapshots; last: %s", count, snapshot->targets)
                       : snapshot->targets;
    evidence_proven_by(item, &snapshot->made);
}

static void judge_copies(struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    const struct evidence_snapshot *last[SPREADS] = {NULL};
    size_t kept[SPREADS] = {0};
    for (size_t i = 0; i < tenant->snapshot_count; i++) {
        const struct evidence_snapshot *snapshot = &tenant->snapshots[i];
        if (!snapshot->complete || snapshot->on_demand || !evidence_in_part(judging, snapshot->time_ns) ||
            !evidence_is_active(judging, tenant, snapshot->time_ns))
            continue;
        for (size_t row = 0; row < SPREADS; row++) {
            if (spreads[row].wanted(&judging->version->policy->targets) == 0)
                continue;
            if (!is_spread(judging, snapshot, row)) {
                add_copies(judging, tenant, spreads[row].broken, HIKAE_BROKEN, snapshot, 0);
                continue;
            }
            kept[row]++;
            last[row] = snapshot;
        }
    }
    for (size_t row = 0; row < SPREADS; row++)
        if (last[row] != NULL)
            add_copies(judging, tenant, spreads[row].kept, HIKAE_KEPT, last[row], kept[row]);
}

void evidence_judge_targets(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_targets *wanted = (const void *)rule;
    judge_places(judging, &wanted->countries, &wanted->regions);
    /* Residency, sites and providers are judged by each target and snapshot; these cannot be. */
    (void)add_unmet(judging, "target-class");
    (void)add_unmet(judging, "target-one-zone");
    for (size_t i = 0; i < judging->facts->tenant_count; i++)
        if (evidence_is_concerned(judging, &judging->facts->tenants[i]))
            judge_copies(judging, &judging->facts->tenants[i]);
    if (judging->count == 0)
        (void)evidence_add(judging, "target-none", HIKAE_NOT_OBSERVABLE, NULL, NULL);
}

/* Who holds the root key is known for now only. */
static const char *holders_of(const struct evidence_judging *judging)
{
    return judging->version->in_force ? judging->facts->holders : NULL;
}

/* ---- processors: who stores, and who holds keys; each in one line, for targets are judged one by one above ---- */

static void judge_storage(struct evidence_judging *judging, const struct policy_words *countries)
{
    const char *targets = NULL, *kind = "storage";
    enum hikae_result result = HIKAE_KEPT;
    for (size_t i = 0; i < judging->facts->target_count; i++) {
        const struct evidence_target *target = &judging->facts->targets[i];
        if (!is_in_part(judging, i))
            continue;
        if (!allows(countries, target->country)) {
            result = HIKAE_BROKEN;
            kind = "storage-elsewhere";
        } else if ((!target->recorded || target->attested) && result == HIKAE_KEPT) {
            result = HIKAE_NOT_OBSERVABLE;
            kind = "storage-declared";
        }
        if (!policy_text_has_word(targets, target->name))
            targets = arena_printf(judging->arena, "%s%s%s", targets != NULL ? targets : "", targets != NULL ? " " : "",
                                   target->name);
    }
    struct hikae_evidence_item *item = targets != NULL ? evidence_add(judging, kind, result, NULL, NULL) : NULL;
    if (item != NULL)
        item->detail = targets;
}

void evidence_judge_processors(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_processors *wanted = (const void *)rule;
    judge_storage(judging, &wanted->storage);
    /* Where a key service lies stands in the configuration, which the check of the installation looks at. */
    if (wanted->key_service.count > 0 && !add_unmet(judging, "holder-service"))
        (void)evidence_add(judging, "key-service-place", HIKAE_KEPT, NULL, holders_of(judging));
    if (judging->count == 0)
        (void)evidence_add(judging, "target-none", HIKAE_NOT_OBSERVABLE, NULL, NULL);
}

/* ---- encryption ---- */

/* "TLSv1.3" as a number that can be compared: 13; 0 if it is none. */
static unsigned tls_number(const char *tls)
{
    static const struct {
        const char *name;
        unsigned number;
    } versions[] = {{"TLSv1.3", 13}, {"TLSv1.2", 12}, {"TLSv1.1", 11}, {"TLSv1", 10}};
    for (size_t i = 0; tls != NULL && i < sizeof(versions) / sizeof(versions[0]); i++)
        if (strcmp(tls, versions[i].name) == 0)
            return versions[i].number;
    return 0;
}

static void judge_transport(struct evidence_judging *judging, enum policy_tls least)
{
    for (size_t i = 0; i < judging->facts->target_count; i++) {
        const struct evidence_target *target = &judging->facts->targets[i];
        if (!is_in_part(judging, i))
            continue;
        const char *seen = arena_printf(judging->arena, "%s %s", target->tls != NULL ? target->tls : "-",
                                        target->cipher != NULL ? target->cipher : "");
        if (target->local)
            (void)add_target(judging, "transport-none", HIKAE_KEPT, target, NULL);
        else if (target->tls == NULL)
            (void)add_target(judging, "transport-unseen", HIKAE_NOT_OBSERVABLE, target, NULL);
        else if (tls_number(target->tls) < (least == POLICY_TLS_13 ? 13U : 12U))
            (void)add_target(judging, "transport-old", HIKAE_BROKEN, target, seen);
        else
            (void)add_target(judging, "transport", HIKAE_KEPT, target, seen);
    }
}

void evidence_judge_encryption(struct evidence_judging *judging, const struct policy_rule *rule)
{
    const struct policy_encryption *wanted = (const void *)rule;
    /* The container knows no other suite, and none of its algorithms is outside of the CRYPTREC list (2023). */
    struct hikae_evidence_item *item = evidence_add(judging, "cipher", HIKAE_KEPT, NULL, "hikae1");
    if (item != NULL)
        item->detail = "AES-256-GCM, 256-bit keys";
    item = evidence_add(judging, "algorithms", HIKAE_KEPT, NULL, "hikae1");
    if (item != NULL)
        item->detail = "AES-256-GCM, HKDF-SHA-256, HMAC-SHA-256, SHA-256, Ed25519";
    judge_transport(judging, wanted->tls);
    static const char *const rules[] = {"target-signature", "target-transport", "holder-kdf"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        (void)add_unmet(judging, rules[i]);
    if (wanted->holder != POLICY_HOLDER_ANY && !add_unmet(judging, "holder-class")) {
        /* When the version was applied the check said the same. */
        item = evidence_add(judging, "holder", HIKAE_KEPT, NULL, holders_of(judging));
        if (item != NULL)
            item->done_ns = judging->version->applied_ns;
    }
}

/* ---- lock ---- */

void evidence_judge_lock(struct evidence_judging *judging, const struct policy_rule *rule)
{
    (void)rule;
    bool unmet = add_unmet(judging, "target-locks");
    for (size_t i = 0; i < judging->facts->target_count; i++) {
        const struct evidence_target *target = &judging->facts->targets[i];
        if (!is_in_part(judging, i) || unmet)
            continue;
        if (target->lock != NULL && target->lock[0] != '\0')
            (void)add_target(judging, "lock", HIKAE_KEPT, target, target->lock);
        else
            (void)add_target(judging, "lock-unseen", HIKAE_NOT_OBSERVABLE, target, NULL);
    }
    if (judging->count == 0)
        (void)evidence_add(judging, "target-none", HIKAE_NOT_OBSERVABLE, NULL, NULL);
}
