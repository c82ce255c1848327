/* Readers of what the fields of a policy hold. */
#include "policy/policy_internal.h"

#include "base/mem.h"

#include <stdio.h>

static struct policy *policy_of(struct yaml_reader *reader)
{
    return ((struct policy_reader *)(void *)reader)->policy;
}

static void *member(const struct yaml_field *field, void *object)
{
    return (char *)object + field->offset;
}

int policy_own(struct policy *policy, void *fresh, struct error *err)
{
    void **grown = fresh != NULL ? mem_realloc(policy->memory, (policy->memory_count + 1) * sizeof(*grown)) : NULL;
    if (grown == NULL) {
        mem_free(fresh);
        return error_no_memory(err);
    }
    policy->memory = grown;
    grown[policy->memory_count++] = fresh;
    return 0;
}

/* ---- Texts ---- */

/* Read by another function into a member of its own, then hand over. */
static int read_owned(yaml_read_function *read, struct yaml_reader *reader, yaml_node_t *node,
                      const struct yaml_field *field, char **ret, struct error *err)
{
    char *fresh = NULL;
    struct yaml_field alone = *field;
    alone.offset = 0;
    if (read(reader, node, &alone, &fresh, err) != 0 || policy_own(policy_of(reader), fresh, err) != 0)
        return -1;
    *ret = fresh;
    return 0;
}

int policy_read_text(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    return read_owned(yaml_read_text, reader, node, field, member(field, object), err);
}

int policy_read_name(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    return read_owned(yaml_read_name, reader, node, field, member(field, object), err);
}

int policy_read_optional(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                         struct error *err)
{
    if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
        return 0;
    return policy_read_text(reader, node, field, object, err);
}

/* ---- Lists of words ---- */

int policy_count(struct yaml_reader *reader, yaml_node_t *node, const char *what, size_t *ret_count, struct error *err)
{
    if (yaml_read_sequence(reader, node, what, ret_count, err) != 0)
        return -1;
    if (*ret_count <= POLICY_LIST_MAX)
        return 0;
    return yaml_complain(reader, node, err, "shorten it", "more than %d items of \"%s\"", POLICY_LIST_MAX, what);
}

static int read_country(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                        struct error *err)
{
    static const char allowed[] = "a country of ISO 3166-1 as two capital letters: JP";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    if (strlen(text) != 2 || strspn(text, letters) != 2)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no country", text);
    return yaml_read_text(reader, node, field, object, err);
}

struct words_context {
    const struct yaml_field *field;
    yaml_read_function *read;
    struct policy_words *words;
};

static int read_word(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    const struct words_context *c = context;
    char **items = c->words->items;
    if (read_owned(c->read, reader, item, c->field, &items[number], err) != 0)
        return -1;
    for (size_t i = 0; i < number; i++)
        if (strcmp(items[i], items[number]) == 0)
            return yaml_complain(reader, item, err, "write it once", "\"%s\" names %s twice", c->field->name, items[i]);
    return 0;
}

static int read_words(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                      yaml_read_function *read, struct error *err)
{
    struct words_context context = {field, read, member(field, object)};
    size_t count = 0;
    if (policy_count(reader, node, field->name, &count, err) != 0)
        return -1;
    if (count == 0)
        return yaml_complain(reader, node, err, "name at least one, or leave the key out", "\"%s\" is empty",
                             field->name);
    void *items = mem_calloc(count, sizeof(char *));
    if (policy_own(policy_of(reader), items, err) != 0)
        return -1;
    *context.words = (struct policy_words){items, count};
    return yaml_each(reader, node, read_word, &context, err);
}

int policy_read_words(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                      struct error *err)
{
    return read_words(reader, node, field, object, yaml_read_name, err);
}

int policy_read_countries(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                          struct error *err)
{
    return read_words(reader, node, field, object, read_country, err);
}

/* ---- Times ---- */

int policy_read_span(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const char allowed[] = "a number and h (hours), d (days), w (weeks), m (months) or y (years): 72h, 30d, 1m";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    if (span_parse(text, member(field, object), NULL) != 0)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no span of time for \"%s\"", text, field->name);
    return 0;
}

/* "HH:MM" to the minute of the day; 24:00 is the end of the day. */
static bool parse_minute(const char *text, unsigned *ret)
{
    for (size_t i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    unsigned minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
    *ret = hour * 60 + minute;
    return minute < 60 && *ret <= POLICY_MINUTES_OF_DAY;
}

int policy_read_window(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    static const char allowed[] = "two times of day: 01:00-06:00, or 22:00-04:00 over midnight; all day is 00:00-24:00";
    struct policy_schedule *schedule = object;
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    unsigned end;
    if (text == NULL)
        return -1;
    if (strlen(text) != 11 || text[5] != '-' || !parse_minute(text, &schedule->window_start) ||
        !parse_minute(text + 6, &end) || schedule->window_start == POLICY_MINUTES_OF_DAY)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no window", text);
    if (end == schedule->window_start)
        return yaml_complain(reader, node, err, allowed, "this window is empty");
    schedule->window_minutes = end > schedule->window_start ? end - schedule->window_start
                                                            : end + POLICY_MINUTES_OF_DAY - schedule->window_start;
    return 0;
}

/* ---- Parts and lists of parts ---- */

static int read_shape(struct yaml_reader *reader, yaml_node_t *node, const struct policy_shape *shape, void *object,
                      struct error *err)
{
    if (yaml_read_mapping(reader, node, shape->what, shape->fields, object, err) != 0)
        return -1;
    if (shape->is_rule)
        ((struct policy_rule *)object)->present = true;
    return shape->finish != NULL ? shape->finish(reader, node, object, err) : 0;
}

int policy_read_part(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    return read_shape(reader, node, field->more, member(field, object), err);
}

struct list_context {
    const struct policy_shape *shape;
    char *items;
};

static const char *item_id(const struct list_context *list, size_t number)
{
    const char *id;
    memcpy(&id, list->items + number * list->shape->size + list->shape->id_offset, sizeof(id));
    return id;
}

static int read_item(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    const struct list_context *list = context;
    const struct policy_shape *shape = list->shape;
    if (read_shape(reader, item, shape, list->items + number * shape->size, err) != 0)
        return -1;
    for (size_t i = 0; shape->has_id && i < number; i++)
        if (strcmp(item_id(list, i), item_id(list, number)) == 0)
            return yaml_complain(reader, item, err, "give each its own name", "%s named \"%s\" is here twice",
                                 shape->what, item_id(list, number));
    return 0;
}

int policy_read_list(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    struct list_context list = {.shape = field->more};
    size_t count = 0;
    if (policy_count(reader, node, field->name, &count, err) != 0)
        return -1;
    list.items = mem_calloc(count, list.shape->size);
    if (policy_own(policy_of(reader), list.items, err) != 0)
        return -1;
    memcpy(member(field, object), &list.items, sizeof(list.items));
    memcpy((char *)object + list.shape->count_offset, &count, sizeof(count));
    return yaml_each(reader, node, read_item, &list, err);
}
