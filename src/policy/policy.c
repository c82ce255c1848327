#include "policy/policy_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>

const char policy_plain_text[] = "schema: 1\n"
                                 "name: plain\n"
                                 "title:\n"
                                 "  ja: 約束なし・毎日取得・何も消さない\n"
                                 "  en: \"no promises: every day, and nothing is ever dropped\"\n"
                                 "zone: UTC\n"
                                 "schedule:\n"
                                 "  every: daily\n"
                                 "  tenants: [customer, provider]\n"
                                 "generations:\n"
                                 "  keep: all\n";

/* ---- Reading ---- */

static int copy_text(struct policy *policy, char **member, const char *from, struct error *err)
{
    char *copy = mem_strdup(from);
    if (policy_own(policy, copy, err) != 0)
        return -1;
    *member = copy;
    return 0;
}

static int take_text(struct policy *policy, const char *file, const void *text, size_t size, struct error *err)
{
    char *copy = mem_alloc(size + 1);
    if (copy != NULL) {
        if (size > 0)
            memcpy(copy, text, size);
        copy[size] = '\0';
    }
    if (policy_own(policy, copy, err) != 0)
        return -1;
    policy->text = copy;
    policy->size = size;
    return copy_text(policy, &policy->file, file, err);
}

/* What is left out follows from the rest. */
static int fill_in(struct policy *policy, struct error *err)
{
    if (policy->schedule.zone == NULL)
        policy->schedule.zone = policy->zone;
    if (policy->contract_end.zone == NULL)
        policy->contract_end.zone = policy->zone;
    for (size_t i = 0; i < policy->log_count; i++)
        if (policy->logs[i].zone == NULL)
            policy->logs[i].zone = policy->zone;
    if (policy->targets.min_copies == 0)
        policy->targets.min_copies = 1;
    if (policy->targets.sites == 0)
        policy->targets.sites = 1;
    if (policy->targets.providers == 0)
        policy->targets.providers = 1;
    return policy->calendar != NULL ? 0 : copy_text(policy, &policy->calendar, "japan", err);
}

static int read_policy(struct policy *policy, const void *text, size_t size, struct error *err)
{
    struct policy_reader reader = {.policy = policy};
    if (yaml_reader_open_with(&reader.yaml, policy->file, POLICY_HELP, text, size, err) != 0)
        return -1;
    int rc = yaml_read_mapping(&reader.yaml, yaml_reader_root(&reader.yaml), "a policy", policy_fields, policy, err);
    yaml_reader_free(&reader.yaml);
    return rc;
}

int policy_parse(const char *file, const void *text, size_t size, struct policy **ret, struct error *err)
{
    *ret = NULL;
    struct policy *policy = mem_calloc(1, sizeof(*policy));
    if (policy == NULL)
        return error_no_memory(err);
    if (take_text(policy, file, text, size, err) != 0 || read_policy(policy, text, size, err) != 0 ||
        fill_in(policy, err) != 0) {
        policy_free(policy);
        return -1;
    }
    *ret = policy;
    return 0;
}

int policy_load(const char *path, struct policy **ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    *ret = NULL;
    if (file_read(path, YAML_READ_SIZE_MAX, &text, err) != 0) {
        if (err != NULL && err->class == ERROR_LOCAL)
            err->class = ERROR_CONFIG;
        return -1;
    }
    return policy_parse(path, text.data, text.size, ret, err);
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->memory_count; i++)
        mem_free(policy->memory[i]);
    mem_free(policy->memory);
    mem_free(policy);
}

/* ---- Asking ---- */

const struct policy_promise *policy_find_promise(const struct policy *policy, const char *id)
{
    for (size_t i = 0; i < policy->promise_count; i++)
        if (strcmp(policy->promises[i].id, id) == 0)
            return &policy->promises[i];
    return NULL;
}

bool policy_has_word(const struct policy_words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->items[i], word) == 0)
            return true;
    return false;
}

/*
 * One rule can keep several promises of different things: that one target lies abroad does not break the promise of two
 * providers. A promise that names aspects is judged by these.
 */
static const struct {
    const char *rule, *aspects;
} rule_aspects[] = {
    {"schedule", "nights none times"},
    {"generations", "generations on-demand"},
    {"targets", "copies sites providers places"},
    {"processors", "places key-service"},
    {"encryption", "cipher algorithms transport holder"},
    {"logs", "whole fetched kept times"},
    {"restores", "on-request staging latest approval export"},
};

const char *policy_rule_aspects(const char *rule)
{
    size_t size = strcspn(rule, ".");
    for (size_t i = 0; i < sizeof(rule_aspects) / sizeof(rule_aspects[0]); i++)
        if (strlen(rule_aspects[i].rule) == size && strncmp(rule_aspects[i].rule, rule, size) == 0)
            return rule_aspects[i].aspects;
    return "";
}

bool policy_text_has_word(const char *text, const char *word)
{
    for (const char *p = text; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        if (strlen(word) == size && strncmp(p, word, size) == 0)
            return true;
        p += size;
    }
    return false;
}

/* Where the rules of a policy are. A list's item is called by its text at name_offset, or else by its number. */
struct rule_place {
    const char *what;
    size_t offset; /* of the rule; of the pointer to a list's first item */
    bool is_list;
    size_t count_offset, size, name_offset;
    bool has_name;
};

#define PART(key, member)                                                                                              \
    {                                                                                                                  \
        .what = key, .offset = offsetof(struct policy, member)                                                         \
    }
#define LIST(key, member, counter, type)                                                                               \
    .what = key, .offset = offsetof(struct policy, member), .is_list = true,                                           \
    .count_offset = offsetof(struct policy, counter), .size = sizeof(struct type)
#define NAMED(type, member) .has_name = true, .name_offset = offsetof(struct type, member)

static const struct rule_place rule_places[] = {
    PART("schedule", schedule),
    PART("sources", sources),
    PART("generations", generations),
    PART("targets", targets),
    PART("processors", processors),
    PART("encryption", encryption),
    PART("lock", lock),
    {LIST("verification", verifications, verification_count, policy_verification)},
    {LIST("drills", drills, drill_count, policy_drill)},
    {LIST("logs", logs, log_count, policy_log), NAMED(policy_log, name)},
    PART("restores", restores),
    PART("contract_end", contract_end),
    {LIST("survives", contract_end.survivors, contract_end.survivor_count, policy_survivor),
     NAMED(policy_survivor, what)},
    {LIST("notices", notices, notice_count, policy_notice)},
    {LIST("reviews", reviews, review_count, policy_review), NAMED(policy_review, of)},
    {LIST("reminders", reminders, reminder_count, policy_reminder), NAMED(policy_reminder, id)},
};

static int each_item(const struct policy *policy, const struct rule_place *place, policy_rule_work *work, void *context,
                     struct error *err)
{
    const char *base = (const char *)policy, *items, *name;
    size_t count;
    memcpy(&items, base + place->offset, sizeof(items));
    memcpy(&count, base + place->count_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        char what[128];
        const char *item = items + i * place->size;
        if (place->has_name) {
            memcpy(&name, item + place->name_offset, sizeof(name));
            (void)snprintf(what, sizeof(what), "%s.%s", place->what, name);
        } else {
            (void)snprintf(what, sizeof(what), "%s.%zu", place->what, i + 1);
        }
        if (work(what, (const struct policy_rule *)(const void *)item, context, err) != 0)
            return -1;
    }
    return 0;
}

int policy_each_rule(const struct policy *policy, policy_rule_work *work, void *context, struct error *err)
{
    for (size_t i = 0; i < sizeof(rule_places) / sizeof(rule_places[0]); i++) {
        const struct rule_place *place = &rule_places[i];
        if (place->is_list) {
            if (each_item(policy, place, work, context, err) != 0)
                return -1;
            continue;
        }
        const struct policy_rule *rule = (const void *)((const char *)policy + place->offset);
        if (rule->present && work(place->what, rule, context, err) != 0)
            return -1;
    }
    return 0;
}
