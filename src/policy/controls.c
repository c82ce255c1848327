#include "policy/controls.h"

#include "base/file.h"
#include "base/mem.h"
#include "policy/yaml_read.h"

#include <string.h>

/* What stands before the dot in the name of a rule, as policy_each_rule gives it. */
static const char *const rule_words[] = {
    "schedule", "sources",      "generations", "targets",   "processors", "encryption",
    "lock",     "verification", "drills",      "logs",      "restores",   "contract_end",
    "survives", "notices",      "reviews",     "reminders", NULL};

struct file {
    unsigned schema;
    struct controls *controls;
};

static int read_rule(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    struct policy_words *words = context;
    const char *text = yaml_scalar(reader, item, "rules", "kinds of a policy's parts", err);
    size_t i = 0;
    if (text == NULL)
        return -1;
    while (rule_words[i] != NULL && strcmp(rule_words[i], text) != 0)
        i++;
    if (rule_words[i] == NULL)
        return yaml_complain(reader, item, err, "schedule, generations, drills …: policies/README.md has them",
                             "a policy has no part \"%.60s\"", text);
    for (size_t k = 0; k < number; k++)
        if (strcmp(words->items[k], text) == 0)
            return yaml_complain(reader, item, err, "write each once", "\"%s\" is given twice", text);
    words->items[number] = mem_strdup(text);
    return words->items[number] != NULL ? 0 : error_no_memory(err);
}

static int read_rules(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                      struct error *err)
{
    struct policy_words *words = &((struct control *)object)->rules;
    (void)field;
    if (yaml_read_sequence(reader, node, "rules", &words->count, err) != 0)
        return -1;
    if (words->count == 0)
        return yaml_complain(reader, node, err, "name at least one kind of rule", "no rule meets this control");
    words->items = mem_calloc(words->count, sizeof(*words->items));
    return words->items != NULL ? yaml_each(reader, node, read_rule, words, err) : error_no_memory(err);
}

static int read_control(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "standard", .read = yaml_read_text, .offset = offsetof(struct control, standard), .required = true},
        {.name = "control", .read = yaml_read_text, .offset = offsetof(struct control, control), .required = true},
        {.name = "ja", .read = yaml_read_text, .offset = offsetof(struct control, text.ja), .required = true},
        {.name = "en", .read = yaml_read_text, .offset = offsetof(struct control, text.en), .required = true},
        {.name = "rules", .read = read_rules, .required = true},
        {0},
    };
    struct control *items = context;
    if (yaml_read_mapping(reader, item, "a control", fields, &items[number], err) != 0)
        return -1;
    for (size_t i = 0; i < number; i++)
        if (strcmp(items[i].standard, items[number].standard) == 0 &&
            strcmp(items[i].control, items[number].control) == 0)
            return yaml_complain(reader, item, err, "write each control once", "%s %s stands here twice",
                                 items[i].standard, items[i].control);
    return 0;
}

static int read_controls(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                         struct error *err)
{
    struct controls *controls = ((struct file *)object)->controls;
    (void)field;
    if (yaml_read_sequence(reader, node, "controls", &controls->count, err) != 0)
        return -1;
    controls->items = mem_calloc(controls->count, sizeof(*controls->items));
    return controls->items != NULL ? yaml_each(reader, node, read_control, controls->items, err) : error_no_memory(err);
}

int controls_parse(const char *file, const void *text, size_t size, struct controls *ret, struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "schema",
         .read = yaml_read_number,
         .offset = offsetof(struct file, schema),
         .required = true,
         .min = 1,
         .max = 1},
        {.name = "controls", .read = read_controls, .required = true},
        {0},
    };
    struct yaml_reader reader;
    struct file object = {.controls = ret};
    *ret = (struct controls){0};
    if (yaml_reader_open_with(&reader, file, "policies/controls/iso.yaml shows the form", text, size, err) != 0)
        return -1;
    int rc = yaml_read_mapping(&reader, yaml_reader_root(&reader), "a file of controls", fields, &object, err);
    yaml_reader_free(&reader);
    if (rc != 0)
        controls_clear(ret);
    return rc;
}

int controls_load(const char *path, struct controls *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    *ret = (struct controls){0};
    if (file_read(path, YAML_READ_SIZE_MAX, &text, err) != 0)
        return -1;
    return controls_parse(path, text.data, text.size, ret, err);
}

void controls_clear(struct controls *controls)
{
    for (size_t i = 0; i < controls->count && controls->items != NULL; i++) {
        struct control *control = &controls->items[i];
        mem_free(control->standard);
        mem_free(control->control);
        mem_free(control->text.ja);
        mem_free(control->text.en);
        for (size_t k = 0; k < control->rules.count && control->rules.items != NULL; k++)
            mem_free(control->rules.items[k]);
        mem_free(control->rules.items);
    }
    mem_free(controls->items);
    *controls = (struct controls){0};
}
