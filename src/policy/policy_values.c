#include "policy/policy_values.h"

#include "base/mem.h"
#include "policy/policy_internal.h"

#include <stdio.h>

enum { DEPTH_MAX = 16 };

struct walk {
    struct yaml_reader reader;
    policy_value_work *work;
    void *context;
    char path[POLICY_PATH_SIZE];
};

/* Keys by which an item of a list is known, in this order. */
static const char *const id_keys[] = {"id", "class", "of", "what", "tag"};

static const char *scalar(const yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const char *item_name(struct walk *walk, yaml_node_t *item)
{
    for (size_t i = 0; i < sizeof(id_keys) / sizeof(id_keys[0]); i++) {
        const char *name = scalar(yaml_find(&walk->reader, item, id_keys[i]));
        if (name != NULL)
            return name;
    }
    return NULL;
}

static int walk_node(struct walk *walk, yaml_node_t *node, size_t used, unsigned depth, struct error *err);

static int walk_mapping(struct walk *walk, yaml_node_t *node, size_t used, unsigned depth, struct error *err)
{
    yaml_document_t *document = &walk->reader.document;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        int size = snprintf(walk->path + used, sizeof(walk->path) - used, "%s%s", used > 0 ? "." : "",
                            scalar(yaml_document_get_node(document, pair->key)));
        if (walk_node(walk, yaml_document_get_node(document, pair->value), used + (size_t)size, depth + 1, err) != 0)
            return -1;
    }
    return 0;
}

static int walk_list(struct walk *walk, yaml_node_t *node, size_t used, unsigned depth, struct error *err)
{
    unsigned number = 1;
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        yaml_node_t *value = yaml_document_get_node(&walk->reader.document, *item);
        const char *name = item_name(walk, value);
        size_t left = sizeof(walk->path) - used;
        int size = name != NULL ? snprintf(walk->path + used, left, "[%s]", name)
                                : snprintf(walk->path + used, left, "[%u]", number);
        number++;
        if (walk_node(walk, value, used + (size_t)size, depth + 1, err) != 0)
            return -1;
    }
    return 0;
}

static int walk_node(struct walk *walk, yaml_node_t *node, size_t used, unsigned depth, struct error *err)
{
    /* What was read by the schema is neither as deep nor as long as this. */
    if (depth > DEPTH_MAX || used >= sizeof(walk->path))
        return error_set(err, ERROR_INTERNAL, "a policy that was read is too deep to be walked");
    if (node->type == YAML_MAPPING_NODE)
        return walk_mapping(walk, node, used, depth, err);
    if (node->type == YAML_SEQUENCE_NODE)
        return walk_list(walk, node, used, depth, err);
    walk->path[used] = '\0';
    return walk->work(walk->path, scalar(node), (unsigned)node->start_mark.line + 1,
                      (unsigned)node->start_mark.column + 1, walk->context, err);
}

int policy_each_value(const struct policy *policy, policy_value_work *work, void *context, struct error *err)
{
    struct walk walk = {.work = work, .context = context};
    if (yaml_reader_open_with(&walk.reader, policy->file, POLICY_HELP, policy->text, policy->size, err) != 0)
        return -1;
    int rc = walk_node(&walk, yaml_reader_root(&walk.reader), 0, 0, err);
    yaml_reader_free(&walk.reader);
    return rc;
}

/* ---- Where ---- */

struct place {
    const char *path;
    size_t size;
    unsigned line, column; /* line 0: not found yet */
};

static int look_for(const char *path, const char *value, unsigned line, unsigned column, void *context,
                    struct error *err)
{
    struct place *place = context;
    (void)value, (void)err;
    if (place->line != 0 || strncmp(path, place->path, place->size) != 0)
        return 0;
    char next = path[place->size];
    if (next == '\0' || next == '.' || next == '[') {
        place->line = line;
        place->column = column;
    }
    return 0;
}

int policy_locate(const struct policy *policy, const char *path, unsigned *ret_line, unsigned *ret_column,
                  struct error *err)
{
    struct place place = {.path = path, .size = strlen(path)};
    if (policy_each_value(policy, look_for, &place, err) != 0)
        return -1;
    *ret_line = place.line != 0 ? place.line : 1;
    *ret_column = place.line != 0 ? place.column : 1;
    return 0;
}

/* ---- What differs ---- */

struct value {
    char *path;
    char *text;
    bool met; /* the other version has this path */
};

struct values {
    struct value *items;
    size_t count;
};

static void values_clear(struct values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        mem_free(values->items[i].path);
        mem_free(values->items[i].text);
    }
    mem_free(values->items);
}

static int note_value(const char *path, const char *value, unsigned line, unsigned column, void *context,
                      struct error *err)
{
    struct values *values = context;
    (void)line, (void)column;
    struct value *grown = mem_realloc(values->items, (values->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    values->items = grown;
    struct value *item = &grown[values->count++];
    *item = (struct value){.path = mem_strdup(path), .text = mem_strdup(value)};
    return item->path != NULL && item->text != NULL ? 0 : error_no_memory(err);
}

struct comparison {
    struct values *before;
    policy_change_work *work;
    void *context;
};

static int compare_value(const char *path, const char *value, unsigned line, unsigned column, void *context,
                         struct error *err)
{
    const struct comparison *c = context;
    (void)line, (void)column;
    for (size_t i = 0; i < c->before->count; i++) {
        struct value *old = &c->before->items[i];
        if (old->met || strcmp(old->path, path) != 0)
            continue;
        old->met = true;
        return strcmp(old->text, value) == 0 ? 0 : c->work(path, old->text, value, c->context, err);
    }
    return c->work(path, NULL, value, c->context, err);
}

int policy_compare(const struct policy *before, const struct policy *after, policy_change_work *work, void *context,
                   struct error *err)
{
    CLEANUP(values_clear) struct values values = {0};
    struct comparison comparison = {&values, work, context};
    if (policy_each_value(before, note_value, &values, err) != 0 ||
        policy_each_value(after, compare_value, &comparison, err) != 0)
        return -1;
    for (size_t i = 0; i < values.count; i++)
        if (!values.items[i].met && work(values.items[i].path, values.items[i].text, NULL, context, err) != 0)
            return -1;
    return 0;
}
