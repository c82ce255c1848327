/* The judgement: versions, their rules by one table, and what these make of each promise. */
#include "ops/evidence.h"

#include <string.h>

const char *hikae_result_name(enum hikae_result result)
{
    static const char *const names[HIKAE_RESULTS] = {
        [HIKAE_NOT_YET_DUE] = "not-yet-due",       [HIKAE_KEPT] = "kept",     [HIKAE_ATTESTED] = "attested",
        [HIKAE_NOT_OBSERVABLE] = "not-observable", [HIKAE_MISSED] = "missed", [HIKAE_BROKEN] = "broken"};
    return names[result];
}

const char *hikae_result_text(enum hikae_result result, bool japanese)
{
    static const char *const texts[HIKAE_RESULTS][2] = {
        [HIKAE_NOT_YET_DUE] = {"not yet due", "期限未到来"}, [HIKAE_KEPT] = {"kept", "遵守"},
        [HIKAE_ATTESTED] = {"attested", "文書で確認"},       [HIKAE_NOT_OBSERVABLE] = {"not observable", "確認不能"},
        [HIKAE_MISSED] = {"aim missed", "目標未達"},         [HIKAE_BROKEN] = {"broken", "不履行"},
    };
    return texts[result][japanese];
}

/* ---- Items ---- */

struct hikae_evidence_item *evidence_add(struct evidence_judging *judging, const char *kind, enum hikae_result result,
                                         const char *tenant, const char *about)
{
    struct hikae_evidence_item *item =
        arena_add(judging->arena, &judging->items, &judging->count, sizeof(*judging->items));
    if (item != NULL)
        *item = (struct hikae_evidence_item){
            .kind = kind, .aspects = evidence_aspects(kind), .result = result, .tenant = tenant, .about = about};
    return item;
}

const char *evidence_date(struct evidence_judging *judging, const struct zone *zone, enum zone_unit unit,
                          int64_t instant_ns)
{
    char text[ZONE_TEXT_SIZE];
    return arena_text(judging->arena, zone_period_format(zone, unit, zone_period(zone, unit, instant_ns), text));
}

void evidence_proven_by(struct hikae_evidence_item *item, const struct evidence_entry *entry)
{
    if (item == NULL || entry->log == NULL)
        return;
    item->log = entry->log;
    item->sequence = entry->sequence;
}

void evidence_judge_times(struct evidence_judging *judging, const char *zone)
{
    const char *own = judging->version->policy->zone;
    bool same = strcmp(zone, own) == 0;
    struct hikae_evidence_item *item =
        evidence_add(judging, same ? "times" : "times-elsewhere", same ? HIKAE_KEPT : HIKAE_BROKEN, NULL, zone);
    if (item != NULL && judging->facts->audit_count > 0)
        evidence_proven_by(item, &judging->facts->audits[0].last);
}

/* ---- What the rules ask of the facts ---- */

bool evidence_in_part(const struct evidence_judging *judging, int64_t time_ns)
{
    return time_ns >= judging->version->from_ns && time_ns < judging->version->to_ns;
}

const struct evidence_stage *evidence_stage_at(const struct evidence_tenant *tenant, int64_t time_ns)
{
    for (size_t i = tenant->stage_count; i > 0; i--)
        if (tenant->stages[i - 1].from_ns <= time_ns)
            return &tenant->stages[i - 1];
    return NULL;
}

bool evidence_is_active(const struct evidence_judging *judging, const struct evidence_tenant *tenant, int64_t time_ns)
{
    const struct evidence_stage *stage = evidence_stage_at(tenant, time_ns);
    return stage != NULL && stage->active && stage->not_before_ns <= time_ns &&
           (stage->ends_ns == 0 || time_ns < stage->ends_ns) && strcmp(stage->policy, judging->version->name) == 0 &&
           (tenant->gone_ns == 0 || time_ns < tenant->gone_ns);
}

/* Was the tenant in that stage, the i-th, at any time of the version's part? */
static bool is_stage_in_part(const struct evidence_judging *judging, const struct evidence_tenant *tenant, size_t i)
{
    const struct evidence_version *version = judging->version;
    int64_t ends_ns = i + 1 < tenant->stage_count ? tenant->stages[i + 1].from_ns : INT64_MAX;
    if (tenant->gone_ns != 0 && tenant->gone_ns < ends_ns)
        ends_ns = tenant->gone_ns;
    return tenant->stages[i].from_ns < version->to_ns && ends_ns > version->from_ns;
}

bool evidence_is_concerned(const struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    for (size_t i = 0; i < tenant->stage_count; i++)
        if (strcmp(tenant->stages[i].policy, judging->version->name) == 0 && is_stage_in_part(judging, tenant, i))
            return true;
    return false;
}

bool evidence_is_unseen(const struct evidence_judging *judging, const struct evidence_tenant *tenant)
{
    bool gone = tenant->gone_ns != 0 && tenant->gone_ns <= judging->version->from_ns;
    if (tenant->unseen == NULL || gone)
        return false;
    for (size_t i = 0; i < tenant->stage_count; i++)
        if (tenant->stages[i].policy[0] == '\0' && is_stage_in_part(judging, tenant, i))
            return true;
    return tenant->stage_count == 0 || evidence_is_concerned(judging, tenant);
}

int64_t evidence_horizon(const struct evidence_facts *facts, enum audit_class class)
{
    int64_t horizon = INT64_MIN;
    for (size_t i = 0; i < facts->expiry_count; i++)
        if (facts->expiries[i].class == class && facts->expiries[i].before_ns > horizon)
            horizon = facts->expiries[i].before_ns;
    return horizon;
}

enum hikae_result evidence_absent(const struct evidence_judging *judging, int64_t time_ns)
{
    bool is_whole = !judging->facts->audit_partial;
    for (size_t i = 0; i < judging->facts->audit_count; i++)
        is_whole = is_whole && !judging->facts->audits[i].partial;
    return !is_whole || time_ns < evidence_horizon(judging->facts, AUDIT_EVIDENCE) ? HIKAE_NOT_OBSERVABLE
                                                                                   : HIKAE_BROKEN;
}

/* ---- Rules ---- */

struct rule_judge {
    const char *kind; /* what stands before the dot in "drills.1" */
    evidence_rule_judge *judge;
    bool of_tenants; /* what is done for each tenant: of one that cannot be seen it is not known */
};
static const struct rule_judge rule_judges[] = {
    {"schedule", evidence_judge_schedule, true},
    {"sources", evidence_judge_sources, true},
    {"generations", evidence_judge_generations, true},
    {"targets", evidence_judge_targets, true},
    {"processors", evidence_judge_processors, false},
    {"encryption", evidence_judge_encryption, false},
    {"lock", evidence_judge_lock, false},
    {"verification", evidence_judge_verification, true},
    {"drills", evidence_judge_drills, true},
    {"logs", evidence_judge_logs, false},
    {"restores", evidence_judge_restores, true},
    {"contract_end", evidence_judge_contract_end, true},
    {"survives", evidence_judge_survivors, true},
    {"notices", evidence_judge_notices, false},
    {"reviews", evidence_judge_reviews, false},
    {"reminders", evidence_judge_reminders, false},
};

static const struct rule_judge *find_judge(const char *what)
{
    size_t size = strcspn(what, ".");
    for (size_t i = 0; i < sizeof(rule_judges) / sizeof(rule_judges[0]); i++)
        if (strlen(rule_judges[i].kind) == size && strncmp(rule_judges[i].kind, what, size) == 0)
            return &rule_judges[i];
    return NULL;
}

/* Tenants of which not all is known, and that had the policy, or may have had it. */
static void add_unseen(struct evidence_judging *judging)
{
    for (size_t i = 0; i < judging->facts->tenant_count; i++) {
        const struct evidence_tenant *tenant = &judging->facts->tenants[i];
        struct hikae_evidence_item *item =
            evidence_is_unseen(judging, tenant)
                ? evidence_add(judging, "tenant-unseen", HIKAE_NOT_OBSERVABLE, tenant->name, NULL)
                : NULL;
        if (item != NULL)
            item->detail = tenant->unseen;
    }
}

/* A version with what it makes of its rules, and the way to the promises. */
struct judged {
    const struct evidence_facts *facts;
    const struct evidence_version *version;
    struct arena *arena;
    struct hikae_evidence_promise *promises;
    size_t *promise_count;
};

static void count_results(struct hikae_evidence_rule *rule)
{
    for (size_t i = 0; i < rule->item_count; i++) {
        enum hikae_result result = rule->items[i].result;
        rule->counts[result]++;
        if (result > rule->result)
            rule->result = result;
    }
    /* A judge that had nothing to say would be taken for one that had nothing to blame. */
    if (rule->item_count == 0)
        rule->result = HIKAE_NOT_OBSERVABLE;
}

static const struct hikae_evidence_rule *judge_rule(const struct judged *judged, const char *what,
                                                    const struct policy_rule *rule, struct error *err)
{
    struct evidence_judging judging = {
        .facts = judged->facts, .version = judged->version, .arena = judged->arena, .err = err};
    struct hikae_evidence_rule *made = arena_alloc(judged->arena, sizeof(*made));
    const struct rule_judge *row = find_judge(what);
    if (made == NULL || row == NULL) {
        (void)(made == NULL ? error_no_memory(err) : error_set(err, ERROR_INTERNAL, "nobody judges %s", what));
        return NULL;
    }
    row->judge(&judging, rule);
    if (row->of_tenants)
        add_unseen(&judging);
    if (judging.failed || judged->arena->failed) {
        if (!judging.failed)
            (void)error_no_memory(err);
        return NULL;
    }
    *made = (struct hikae_evidence_rule){.rule = arena_text(judged->arena, what),
                                         .version = judged->version->sha256,
                                         .from_ns = judged->version->from_ns,
                                         .to_ns = judged->version->to_ns,
                                         .items = judging.items,
                                         .item_count = judging.count};
    return made;
}

/* ---- Aspects: one rule can keep promises of different things ---- */

/* Which of a rule's aspects the promise is about; NULL: it names none of them. */
static const char *wanted_aspects(const struct judged *judged, const char *rule, const char *id)
{
    const struct policy_promise *promise = policy_find_promise(judged->version->policy, id);
    const char *wanted = NULL;
    for (size_t i = 0; promise != NULL && i < promise->aspects.count; i++)
        if (policy_text_has_word(policy_rule_aspects(rule), promise->aspects.items[i]))
            wanted = arena_printf(judged->arena, "%s%s%s", wanted != NULL ? wanted : "", wanted != NULL ? " " : "",
                                  promise->aspects.items[i]);
    return wanted;
}

/* That times are in a zone, and that customers can export, is asked by promises that say so; all else by all. */
static bool concerns(const struct hikae_evidence_item *item, const char *wanted)
{
    static const char *const named_only[] = {"times", "export"};
    if (item->aspects == NULL)
        return true;
    if (wanted == NULL) {
        for (size_t i = 0; i < sizeof(named_only) / sizeof(named_only[0]); i++)
            if (strcmp(item->aspects, named_only[i]) == 0)
                return false;
        return true;
    }
    for (const char *p = wanted; *p != '\0'; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        for (const char *q = item->aspects; *q != '\0'; q += strspn(q, " ")) {
            size_t other = strcspn(q, " ");
            if (size == other && strncmp(p, q, size) == 0)
                return true;
            q += other;
        }
        p += size;
    }
    return false;
}

/* The rule as far as it concerns one promise. */
static const struct hikae_evidence_rule *narrow(const struct judged *judged, const struct hikae_evidence_rule *rule,
                                                const char *id)
{
    const char *wanted = wanted_aspects(judged, rule->rule, id);
    struct hikae_evidence_rule *made = arena_alloc(judged->arena, sizeof(*made));
    size_t count = 0;
    if (made == NULL)
        return NULL;
    *made = *rule;
    for (size_t i = 0; i < rule->item_count; i++)
        count += concerns(&rule->items[i], wanted);
    if (count < rule->item_count) {
        struct hikae_evidence_item *items = arena_alloc(judged->arena, count * sizeof(*items));
        if (items == NULL)
            return NULL;
        made->items = items;
        made->item_count = count;
        for (size_t i = 0; i < rule->item_count; i++)
            if (concerns(&rule->items[i], wanted))
                *items++ = rule->items[i];
    }
    count_results(made);
    return made;
}

static struct hikae_evidence_promise *find_promise(const struct judged *judged, const char *id)
{
    for (size_t i = 0; i < *judged->promise_count; i++)
        if (strcmp(judged->promises[i].id, id) == 0 && strcmp(judged->promises[i].policy, judged->version->name) == 0)
            return &judged->promises[i];
    return NULL;
}

static int add_rule(const struct judged *judged, const char *id, const struct hikae_evidence_rule *rule,
                    struct error *err)
{
    struct hikae_evidence_promise *promise = find_promise(judged, id);
    if (promise == NULL)
        return 0; /* policy_check says that there is no such promise */
    const struct hikae_evidence_rule *narrowed = narrow(judged, rule, id),
                                     **place =
                                         /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers. */
                                     arena_add(judged->arena, &promise->rules, &promise->rule_count,
                                               sizeof(*promise->rules));
    if (narrowed == NULL || place == NULL)
        return error_no_memory(err);
    *place = narrowed;
    return 0;
}

static int take_rule(const char *what, const struct policy_rule *rule, void *context, struct error *err)
{
    const struct judged *judged = context;
    if (rule->keeps.count == 0)
        return 0;
    const struct hikae_evidence_rule *made = judge_rule(judged, what, rule, err);
    int rc = made != NULL ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < rule->keeps.count; i++)
        rc = add_rule(judged, rule->keeps.items[i], made, err);
    return rc;
}

/* ---- Promises ---- */

/* A promise's words are those of the latest version that makes it. */
static void take_promise(struct hikae_evidence_promise *promise, const struct evidence_version *version,
                         const struct policy_promise *from)
{
    promise->policy = version->name;
    promise->id = from->id;
    promise->published = from->status == POLICY_PUBLISHED;
    promise->by_operator = from->by == POLICY_BY_OPERATOR;
    promise->published_at = from->published_at;
    promise->ja = from->text.ja;
    promise->en = from->text.en;
}

static size_t count_promises(const struct evidence_facts *facts)
{
    size_t count = 0;
    for (size_t i = 0; i < facts->version_count; i++)
        count += facts->versions[i].policy->promise_count;
    return count;
}

static void take_promises(struct judged *judged)
{
    const struct policy *policy = judged->version->policy;
    for (size_t i = 0; i < policy->promise_count; i++) {
        struct hikae_evidence_promise *promise = find_promise(judged, policy->promises[i].id);
        take_promise(promise != NULL ? promise : &judged->promises[(*judged->promise_count)++], judged->version,
                     &policy->promises[i]);
    }
}

/* The documents that cover a part of what has passed of the period; true if together they cover all of it. */
static bool find_attestations(const struct evidence_facts *facts, struct arena *arena,
                              struct hikae_evidence_promise *promise)
{
    struct evidence_judging judging = {.facts = facts, .arena = arena};
    int64_t end = INT64_MIN, covered = INT64_MAX;
    for (size_t i = 0; i < facts->version_count; i++) {
        const struct evidence_version *version = &facts->versions[i];
        if (strcmp(version->name, promise->policy) != 0)
            continue;
        if (version->from_ns < covered)
            covered = version->from_ns;
        if (version->to_ns > end)
            end = version->to_ns;
    }
    if (end > facts->now_ns)
        end = facts->now_ns;
    int64_t from_ns = covered;
    for (size_t i = 0; i < facts->attestation_count; i++) {
        const struct evidence_attestation *from = &facts->attestations[i];
        if (strcmp(from->policy, promise->policy) != 0 || strcmp(from->promise, promise->id) != 0 ||
            from->expires_ns <= from_ns || from->from_ns >= end)
            continue;
        struct hikae_evidence_item *item = evidence_add(&judging, "document", HIKAE_ATTESTED, NULL, from->document);
        if (item == NULL)
            return false;
        item->due_ns = from->expires_ns;
        item->done_ns = from->from_ns;
        item->detail = arena_printf(arena, "sha256 %s, by %s%s%s", from->sha256, from->by,
                                    from->note != NULL ? ": " : "", from->note != NULL ? from->note : "");
    }
    promise->attestations = judging.items;
    promise->attestation_count = judging.count;
    /* Documents in any order: as long as one reaches further than what is covered yet, go on. */
    for (size_t i = 0; i < judging.count;) {
        const struct hikae_evidence_item *item = &judging.items[i++];
        if (item->done_ns <= covered && item->due_ns > covered) {
            covered = item->due_ns;
            i = 0;
        }
    }
    return judging.count > 0 && covered >= end;
}

static void judge_promise(const struct evidence_facts *facts, struct arena *arena,
                          struct hikae_evidence_promise *promise)
{
    bool documented = find_attestations(facts, arena, promise);
    enum hikae_result result = HIKAE_NOT_YET_DUE;
    for (size_t i = 0; i < promise->rule_count; i++)
        if (promise->rules[i]->result > result)
            result = promise->rules[i]->result;
    /* What people keep, or what no rule keeps, nobody sees but by a document. */
    if ((promise->by_operator || promise->rule_count == 0) && result < HIKAE_NOT_OBSERVABLE)
        result = HIKAE_NOT_OBSERVABLE;
    promise->result = result == HIKAE_NOT_OBSERVABLE && documented ? HIKAE_ATTESTED : result;
}

static int take_versions(const struct evidence_facts *facts, struct arena *arena, struct hikae_evidence *ret,
                         struct error *err)
{
    struct hikae_evidence_version *versions = arena_alloc(arena, facts->version_count * sizeof(*versions));
    if (versions == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < facts->version_count; i++) {
        const struct evidence_version *from = &facts->versions[i];
        versions[i] = (struct hikae_evidence_version){from->name,  from->sha256,      from->from_ns,
                                                      from->to_ns, from->approved_by, from->accepted};
    }
    ret->versions = versions;
    ret->version_count = facts->version_count;
    return 0;
}

/* Tenants that had one of the policies. */
static size_t count_concerned(const struct evidence_facts *facts)
{
    size_t count = 0;
    for (size_t i = 0; i < facts->tenant_count; i++) {
        bool concerned = false;
        for (size_t k = 0; k < facts->version_count && !concerned; k++) {
            const struct evidence_judging judging = {.facts = facts, .version = &facts->versions[k]};
            concerned = evidence_is_concerned(&judging, &facts->tenants[i]);
        }
        count += concerned;
    }
    return count;
}

int evidence_judge(const struct evidence_facts *facts, struct arena *arena, struct hikae_evidence *ret,
                   struct error *err)
{
    struct hikae_evidence_promise *promises = arena_alloc(arena, count_promises(facts) * sizeof(*promises));
    if (promises == NULL || take_versions(facts, arena, ret, err) != 0)
        return error_no_memory(err);
    ret->promises = promises;
    for (size_t i = 0; i < facts->version_count; i++) {
        struct judged judged = {facts, &facts->versions[i], arena, promises, &ret->promise_count};
        take_promises(&judged);
        if (policy_each_rule(facts->versions[i].policy, take_rule, &judged, err) != 0)
            return error_wrap(err, "judge policy %s", facts->versions[i].name);
    }
    for (size_t i = 0; i < ret->promise_count; i++) {
        judge_promise(facts, arena, &promises[i]);
        ret->counts[promises[i].result]++;
    }
    ret->tenants = count_concerned(facts);
    return arena->failed ? error_no_memory(err) : 0;
}
