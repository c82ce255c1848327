/* The part `generations` of a policy: keep rules, as the planner of retention wants them. */
#include "policy/policy_internal.h"

#include "base/mem.h"

/* What stands below one `keep`. */
struct keep {
    bool all;
    struct retention_rule rules[RETENTION_KIND_COUNT];
    size_t count;
};

struct tag_keep {
    char *tag;
    struct keep keep;
};

/* The part as it is written. */
struct generations {
    struct policy_rule rule;
    struct keep keep;
    struct tag_keep *tags;
    size_t tag_count;
    struct span on_demand;
};

static const struct yaml_field count_fields[] = {
    {.name = "count",
     .read = yaml_read_number,
     .offset = offsetof(struct retention_rule, count),
     .min = 1,
     .max = RETENTION_COUNT_MAX},
    {.name = "within", .read = policy_read_span, .offset = offsetof(struct retention_rule, within)},
    {0},
};

/* `daily: 7`, or `daily: {count: 7, within: 1m}`; field->min is the kind. */
static int read_rule(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    struct keep *keep = object;
    struct retention_rule *rule = &keep->rules[keep->count++];
    struct error why = {0};
    *rule = (struct retention_rule){.kind = (enum retention_kind)field->min};
    if (node->type == YAML_MAPPING_NODE) {
        if (yaml_read_mapping(reader, node, "a keep rule", count_fields, rule, err) != 0)
            return -1;
    } else if (rule->kind == RETENTION_WITHIN) {
        struct yaml_field within = count_fields[1];
        within.name = field->name;
        if (policy_read_span(reader, node, &within, rule, err) != 0)
            return -1;
    } else {
        struct yaml_field number = count_fields[0];
        number.name = field->name;
        if (yaml_read_number(reader, node, &number, rule, err) != 0)
            return -1;
    }
    if (retention_rule_check(rule, &why) == 0)
        return 0;
    return yaml_complain(reader, node, err, "a number of generations, or {count: 7, within: 1y} with one of the two",
                         "%s", why.what);
}

static const struct yaml_field keep_fields[] = {
    {.name = "within", .read = read_rule, .min = RETENTION_WITHIN},
    {.name = "last", .read = read_rule, .min = RETENTION_LAST},
    {.name = "hourly", .read = read_rule, .min = RETENTION_HOURLY},
    {.name = "daily", .read = read_rule, .min = RETENTION_DAILY},
    {.name = "weekly", .read = read_rule, .min = RETENTION_WEEKLY},
    {.name = "monthly", .read = read_rule, .min = RETENTION_MONTHLY},
    {.name = "yearly", .read = read_rule, .min = RETENTION_YEARLY},
    {0},
};

static int read_keep(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const char allowed[] = "keep rules (daily: 7), or the word all";
    struct keep *keep = (void *)((char *)object + field->offset);
    if (node->type == YAML_SCALAR_NODE) {
        const char *text = yaml_scalar(reader, node, field->name, allowed, err);
        if (text == NULL)
            return -1;
        keep->all = strcmp(text, "all") == 0;
        return keep->all ? 0 : yaml_complain(reader, node, err, allowed, "\"%.100s\" is no keep rule", text);
    }
    if (yaml_read_mapping(reader, node, "keep", keep_fields, keep, err) != 0)
        return -1;
    return keep->count > 0 ? 0 : yaml_complain(reader, node, err, allowed, "this keeps nothing");
}

static int check_tag(struct yaml_reader *reader, yaml_node_t *node, void *object, struct error *err)
{
    const struct tag_keep *tag = object;
    if (!tag->keep.all)
        return 0;
    return yaml_complain(reader, node, err, "give the tag's snapshots keep rules",
                         "a tag cannot keep all: only the whole policy can");
}

static const struct policy_shape tag_shape = {
    .what = "a tag",
    .fields =
        (const struct yaml_field[]){
            {.name = "tag", .read = policy_read_name, .offset = offsetof(struct tag_keep, tag), .required = true},
            {.name = "keep", .read = read_keep, .offset = offsetof(struct tag_keep, keep), .required = true},
            {0},
        },
    .size = sizeof(struct tag_keep),
    .count_offset = offsetof(struct generations, tag_count),
    .id_offset = offsetof(struct tag_keep, tag),
    .has_id = true,
    .finish = check_tag,
};

static const struct yaml_field generations_fields[] = {
    {.name = "keeps", .read = policy_read_words, .offset = offsetof(struct generations, rule.keeps)},
    {.name = "keep", .read = read_keep, .offset = offsetof(struct generations, keep), .required = true},
    {.name = "tags", .read = policy_read_list, .offset = offsetof(struct generations, tags), .more = &tag_shape},
    {.name = "on_demand", .read = policy_read_span, .offset = offsetof(struct generations, on_demand)},
    {0},
};

static void add_rules(struct retention_rules *rules, const struct keep *keep, char *tag)
{
    for (size_t i = 0; i < keep->count; i++) {
        rules->rules[rules->count] = keep->rules[i];
        rules->rules[rules->count++].tag = tag;
    }
}

int policy_read_generations(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                            struct error *err)
{
    struct policy_generations *ret = (void *)((char *)object + field->offset);
    struct policy *policy = ((struct policy_reader *)(void *)reader)->policy;
    struct generations read = {.rule.present = true};
    if (yaml_read_mapping(reader, node, "generations", generations_fields, &read, err) != 0)
        return -1;
    if (read.keep.all && read.tag_count > 0)
        return yaml_complain(reader, node, err, "leave out one of the two",
                             "what a tag keeps means nothing where all is kept");
    size_t count = read.keep.count;
    for (size_t i = 0; i < read.tag_count; i++)
        count += read.tags[i].keep.count;
    *ret = (struct policy_generations){read.rule, read.keep.all, {.on_demand = read.on_demand}};
    ret->rules.rules = mem_calloc(count, sizeof(struct retention_rule));
    if (policy_own(policy, ret->rules.rules, err) != 0)
        return -1;
    add_rules(&ret->rules, &read.keep, NULL);
    for (size_t i = 0; i < read.tag_count; i++)
        add_rules(&ret->rules, &read.tags[i].keep, read.tags[i].tag);
    return 0;
}
