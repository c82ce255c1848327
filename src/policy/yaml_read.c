#include "policy/yaml_read.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static int fill_place(const struct yaml_reader *reader, const yaml_mark_t *mark, struct error *err, const char *allowed,
                      const char *text)
{
    (void)error_set(err, ERROR_CONFIG, "%s:%zu:%zu: %s", reader->file, mark->line + 1, mark->column + 1, text);
    return error_hint(err, "%s", allowed);
}

int yaml_complain(const struct yaml_reader *reader, const yaml_node_t *node, struct error *err, const char *allowed,
                  const char *fmt, ...)
{
    char text[ERROR_WHAT_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fill_place(reader, &node->start_mark, err, allowed, text);
}

static int fail_parse(const struct yaml_reader *reader, const yaml_parser_t *parser, struct error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_no_memory(err);
    const char *problem = parser->problem != NULL ? parser->problem : "this is not YAML";
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = parser->mark;
    return fill_place(reader, &mark, err, "indent with spaces, put text that holds ': ' or ' #' in quotes", problem);
}

static int check_single(struct yaml_reader *reader, yaml_parser_t *parser, struct error *err)
{
    yaml_document_t second;
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (root == NULL)
        return fill_place(reader, &reader->document.start_mark, err, reader->help, "the file is empty");
    if (!yaml_parser_load(parser, &second))
        return fail_parse(reader, parser, err);
    yaml_node_t *more = yaml_document_get_root_node(&second);
    int rc = more == NULL ? 0
                          : yaml_complain(reader, more, err, "remove the line '---' and what follows it",
                                          "a second document begins here");
    yaml_document_delete(&second);
    return rc;
}

/* One event of the parser that looks ahead: 1 if more follow. */
static int look_on(const struct yaml_reader *reader, yaml_parser_t *parser, unsigned *depth, struct error *err)
{
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event))
        return fail_parse(reader, parser, err);
    bool begins = event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
    bool ends = event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
    int rc = event.type != YAML_STREAM_END_EVENT;
    *depth = *depth + begins - ends;
    if (*depth > YAML_READ_DEPTH_MAX)
        rc = fill_place(reader, &event.start_mark, err, reader->help, "this lies in too many others");
    yaml_event_delete(&event);
    return rc;
}

/* libyaml takes a time that grows with the square of the depth: what lies too deep is refused before it is loaded. */
static int check_depth(const struct yaml_reader *reader, const void *text, size_t size, struct error *err)
{
    yaml_parser_t parser;
    unsigned depth = 0;
    int more = 1;
    if (!yaml_parser_initialize(&parser))
        return error_no_memory(err);
    yaml_parser_set_input_string(&parser, text, size);
    while (more > 0)
        more = look_on(reader, &parser, &depth, err);
    yaml_parser_delete(&parser);
    return more;
}

int yaml_reader_open(struct yaml_reader *reader, const char *file, const void *text, size_t size, struct error *err)
{
    return yaml_reader_open_with(reader, file, "see the template that hikae init writes", text, size, err);
}

int yaml_reader_open_with(struct yaml_reader *reader, const char *file, const char *help, const void *text, size_t size,
                          struct error *err)
{
    yaml_parser_t parser;
    *reader = (struct yaml_reader){.file = file, .help = help};
    if (check_depth(reader, text, size, err) != 0)
        return -1;
    if (!yaml_parser_initialize(&parser))
        return error_no_memory(err);
    yaml_parser_set_input_string(&parser, text, size);
    int rc = 0;
    if (!yaml_parser_load(&parser, &reader->document)) {
        rc = fail_parse(reader, &parser, err);
    } else {
        reader->loaded = true;
        rc = check_single(reader, &parser, err);
    }
    yaml_parser_delete(&parser);
    if (rc != 0)
        yaml_reader_free(reader);
    return rc;
}

void yaml_reader_free(struct yaml_reader *reader)
{
    if (reader->loaded)
        yaml_document_delete(&reader->document);
    reader->loaded = false;
}

yaml_node_t *yaml_reader_root(struct yaml_reader *reader)
{
    return yaml_document_get_root_node(&reader->document);
}

/* An absent value ("key:" and nothing behind it). */
static bool is_empty(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

const char *yaml_scalar(const struct yaml_reader *reader, const yaml_node_t *node, const char *name,
                        const char *allowed, struct error *err)
{
    if (node->type != YAML_SCALAR_NODE) {
        (void)yaml_complain(reader, node, err, allowed, "\"%s\" takes one value, not a list or more keys", name);
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    for (size_t i = 0; i < node->data.scalar.length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            (void)yaml_complain(reader, node, err, allowed, "the value of \"%s\" holds a control character", name);
            return NULL;
        }
    if (node->data.scalar.length == 0) {
        (void)yaml_complain(reader, node, err, allowed, "\"%s\" has no value", name);
        return NULL;
    }
    return text;
}

static const struct yaml_field *find_field(const struct yaml_field *fields, const yaml_node_t *key)
{
    if (key->type != YAML_SCALAR_NODE || strlen((const char *)key->data.scalar.value) != key->data.scalar.length)
        return NULL;
    for (const struct yaml_field *field = fields; field->name != NULL; field++)
        if (strcmp(field->name, (const char *)key->data.scalar.value) == 0)
            return field;
    return NULL;
}

static int complain_key(const struct yaml_reader *reader, const yaml_node_t *key, const char *what,
                        const struct yaml_field *fields, struct error *err)
{
    char allowed[ERROR_HINT_SIZE];
    size_t used = (size_t)snprintf(allowed, sizeof(allowed), "allowed in %s: ", what);
    for (const struct yaml_field *field = fields; field->name != NULL && used < sizeof(allowed); field++)
        used +=
            (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s", field != fields ? ", " : "", field->name);
    if (key->type != YAML_SCALAR_NODE)
        return yaml_complain(reader, key, err, allowed, "a key must be a word");
    return yaml_complain(reader, key, err, allowed, "unknown key \"%.100s\" in %s", (char *)key->data.scalar.value,
                         what);
}

yaml_node_t *yaml_find(struct yaml_reader *reader, yaml_node_t *mapping, const char *key)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
        if (node->type == YAML_SCALAR_NODE && strcmp((const char *)node->data.scalar.value, key) == 0)
            return yaml_document_get_node(&reader->document, pair->value);
    }
    return NULL;
}

static int check_once(struct yaml_reader *reader, yaml_node_t *mapping, const yaml_node_pair_t *until,
                      const yaml_node_t *key, struct error *err)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < until; pair++) {
        const yaml_node_t *earlier = yaml_document_get_node(&reader->document, pair->key);
        if (strcmp((const char *)earlier->data.scalar.value, (const char *)key->data.scalar.value) == 0)
            return yaml_complain(reader, key, err, "write it once", "\"%s\" is given twice, first in line %zu",
                                 (const char *)key->data.scalar.value, earlier->start_mark.line + 1);
    }
    return 0;
}

int yaml_read_mapping(struct yaml_reader *reader, yaml_node_t *node, const char *what, const struct yaml_field *fields,
                      void *object, struct error *err)
{
    if (node->type != YAML_MAPPING_NODE)
        return yaml_complain(reader, node, err, "write lines of the form 'key: value'", "%s is made of keys and values",
                             what);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
        const struct yaml_field *field = find_field(fields, key);
        if (field == NULL)
            return complain_key(reader, key, what, fields, err);
        if (check_once(reader, node, pair, key, err) != 0 || field->read(reader, value, field, object, err) != 0)
            return -1;
    }
    for (const struct yaml_field *field = fields; field->name != NULL; field++)
        if (field->required && yaml_find(reader, node, field->name) == NULL)
            return yaml_complain(reader, node, err, reader->help, "%s needs the key \"%s\"", what, field->name);
    return 0;
}

int yaml_read_sequence(struct yaml_reader *reader, yaml_node_t *node, const char *what, size_t *ret_count,
                       struct error *err)
{
    *ret_count = 0;
    if (is_empty(node))
        return 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return yaml_complain(reader, node, err, "begin each item with '- '", "%s must be a list", what);
    *ret_count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (*ret_count > YAML_READ_ITEMS_MAX)
        return yaml_complain(reader, node, err, "split it", "more than %d %s", YAML_READ_ITEMS_MAX, what);
    return 0;
}

int yaml_each(struct yaml_reader *reader, yaml_node_t *node, yaml_item_function *function, void *context,
              struct error *err)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return 0;
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = yaml_document_get_node(&reader->document, node->data.sequence.items.start[i]);
        if (function(reader, item, i, context, err) != 0)
            return -1;
    }
    return 0;
}

static char **text_member(const struct yaml_field *field, void *object)
{
    return (char **)(void *)((char *)object + field->offset);
}

static int set_text(const struct yaml_field *field, void *object, char *fresh, struct error *err)
{
    if (fresh == NULL)
        return error_no_memory(err);
    mem_free(*text_member(field, object));
    *text_member(field, object) = fresh;
    return 0;
}

int yaml_read_text(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                   struct error *err)
{
    const char *text = yaml_scalar(reader, node, field->name, "write one line of text", err);
    return text != NULL ? set_text(field, object, mem_strdup(text), err) : -1;
}

int yaml_read_path(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                   struct error *err)
{
    const char *text = yaml_scalar(reader, node, field->name, "write a path", err);
    if (text == NULL)
        return -1;
    const char *slash = strrchr(reader->file, '/');
    if (text[0] == '/' || slash == NULL)
        return set_text(field, object, mem_strdup(text), err);
    return set_text(field, object, mem_printf("%.*s/%s", (int)(slash - reader->file), reader->file, text), err);
}

int yaml_read_name(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                   struct error *err)
{
    static const char allowed[] = "1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    size_t size = strlen(text);
    if (size > 64 || text[0] == '.' || text[0] == '-' || text[0] == '_' ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != size)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" cannot be a name", text);
    return set_text(field, object, mem_strdup(text), err);
}

/* Decimal digits without a leading zero; false if text is anything else. */
static bool parse_number(const char *text, uint64_t *ret)
{
    size_t size = strlen(text);
    if (size == 0 || size > 18 || strspn(text, "0123456789") != size || (text[0] == '0' && size > 1))
        return false;
    *ret = 0;
    for (const char *p = text; *p != '\0'; p++)
        *ret = *ret * 10 + (uint64_t)(*p - '0');
    return true;
}

int yaml_read_number(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    char allowed[80];
    (void)snprintf(allowed, sizeof(allowed), "a whole number from %llu to %llu", (unsigned long long)field->min,
                   (unsigned long long)field->max);
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    uint64_t value = 0;
    if (!parse_number(text, &value))
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is not a number for \"%s\"", text, field->name);
    if (value < field->min || value > field->max)
        return yaml_complain(reader, node, err, allowed, "%s is out of range for \"%s\"", text, field->name);
    *(unsigned *)(void *)((char *)object + field->offset) = (unsigned)value;
    return 0;
}

int yaml_read_bool(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                   struct error *err)
{
    const char *text = yaml_scalar(reader, node, field->name, "true or false", err);
    if (text == NULL)
        return -1;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return yaml_complain(reader, node, err, "true or false", "\"%.100s\" is neither true nor false", text);
    *(bool *)(void *)((char *)object + field->offset) = text[0] == 't';
    return 0;
}

/* The place of a word in field->more; complains if it is none of them. */
static int find_choice(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, unsigned *ret,
                       struct error *err)
{
    const char *const *words = field->more;
    char allowed[ERROR_HINT_SIZE] = "";
    size_t used = 0;
    for (size_t i = 0; words[i] != NULL && used < sizeof(allowed); i++)
        used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
                                 i == 0                 ? ""
                                 : words[i + 1] == NULL ? " or "
                                                        : ", ",
                                 words[i]);
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    for (*ret = 0; words[*ret] != NULL; (*ret)++)
        if (strcmp(words[*ret], text) == 0)
            return 0;
    return yaml_complain(reader, node, err, allowed, "\"%.100s\" is nothing that \"%s\" can be", text, field->name);
}

int yaml_read_choice(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    return find_choice(reader, node, field, (unsigned *)(void *)((char *)object + field->offset), err);
}

struct choices {
    const struct yaml_field *field;
    unsigned bits;
};

static int add_choice(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    struct choices *choices = context;
    unsigned choice;
    (void)number;
    if (find_choice(reader, item, choices->field, &choice, err) != 0)
        return -1;
    if ((choices->bits >> choice & 1) != 0)
        return yaml_complain(reader, item, err, "write it once", "\"%s\" names this twice", choices->field->name);
    choices->bits |= 1U << choice;
    return 0;
}

int yaml_read_choices(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                      struct error *err)
{
    struct choices choices = {.field = field};
    size_t count = 0;
    if (yaml_read_sequence(reader, node, field->name, &count, err) != 0)
        return -1;
    if (count == 0)
        return yaml_complain(reader, node, err, "name at least one, or leave the key out", "\"%s\" is empty",
                             field->name);
    if (yaml_each(reader, node, add_choice, &choices, err) != 0)
        return -1;
    *(unsigned *)(void *)((char *)object + field->offset) = choices.bits;
    return 0;
}
