#include "ops/load.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

void load_mistake(struct load_file *file, unsigned line, const struct error *why)
{
    CLEANUP_FREE char *message =
        mem_printf("%s:%u: %s%s%s", file->path, line, why->what, why->hint[0] != '\0' ? "; " : "", why->hint);
    file->mistakes++;
    if (file->complain != NULL)
        file->complain(message != NULL ? message : why->what, file->context);
}

/* ---- One tenant's object: a table of its members ---- */

struct member {
    const char *name;
    int (*read)(const json_t *value, struct load_row *row, struct error *err);
};

static int expect_text(const char *what, const json_t *value, const char **ret, struct error *err)
{
    *ret = json_string_value(value);
    if (*ret == NULL)
        return error_set(err, ERROR_CONFIG, "%s is not a text", what);
    if (strlen(*ret) != json_string_length(value))
        return error_set(err, ERROR_CONFIG, "%s holds a zero byte", what);
    return **ret != '\0' ? 0 : error_set(err, ERROR_CONFIG, "%s is empty", what);
}

static int expect_number(const char *what, const json_t *value, uint64_t max, uint64_t *ret, struct error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)
        return error_set(err, ERROR_CONFIG, "%s is not a whole number from 0 to %llu", what, (unsigned long long)max);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_members(const char *what, const json_t *object, const struct member *members, struct load_row *row,
                        struct error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return error_set(err, ERROR_CONFIG, "%s is no object", what);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct member *m = members;
        while (m->name != NULL && strcmp(m->name, key) != 0)
            m++;
        if (m->name == NULL)
            return error_set(err, ERROR_CONFIG, "%s has no '%s'", what, key);
        if (m->read(value, row, err) != 0)
            return -1;
    }
    return 0;
}

static int read_name(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_text("name", value, &row->options.name, err);
}

static int read_policy(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_text("policy", value, &row->options.policy, err);
}

static int read_class(const json_t *value, struct load_row *row, struct error *err)
{
    const char *text;
    if (expect_text("class", value, &text, err) != 0)
        return -1;
    row->has_class = true;
    row->options.provider = strcmp(text, "provider") == 0;
    if (row->options.provider || strcmp(text, "customer") == 0)
        return 0;
    return error_set(err, ERROR_CONFIG, "class '%s' is neither customer nor provider", text);
}

static int read_priority(const json_t *value, struct load_row *row, struct error *err)
{
    uint64_t number;
    if (expect_number("priority", value, 9, &number, err) != 0)
        return -1;
    row->options.priority = (unsigned)number;
    return number > 0 ? 0 : error_set(err, ERROR_CONFIG, "a priority is 1 (first) to 9 (last)");
}

static int read_labels(const json_t *value, struct load_row *row, struct error *err)
{
    const char *key, *text;
    json_t *item;
    if (!json_is_object(value))
        return error_set(err, ERROR_CONFIG, "labels is no object");
    const char **labels = mem_calloc(json_object_size(value) + 1, sizeof(*labels));
    if (labels == NULL)
        return error_no_memory(err);
    row->options.labels = labels;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (expect_text("a label", item, &text, err) != 0)
            return -1;
        labels[row->options.label_count] = mem_printf("%s=%s", key, text);
        if (labels[row->options.label_count++] == NULL)
            return error_no_memory(err);
    }
    return 0;
}

static int read_seconds(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_number("limits.seconds", value, 366 * 86400, &row->limits.seconds, err);
}

static int read_bytes(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_number("limits.bytes", value, INT64_MAX, &row->limits.bytes, err);
}

static int read_threads(const json_t *value, struct load_row *row, struct error *err)
{
    uint64_t number = 0;
    int rc = expect_number("limits.threads", value, 256, &number, err);
    row->limits.threads = (unsigned)number;
    return rc;
}

static int read_limits(const json_t *value, struct load_row *row, struct error *err)
{
    static const struct member members[] = {
        {"seconds", read_seconds}, {"bytes", read_bytes}, {"threads", read_threads}, {NULL, NULL}};
    row->options.limits = &row->limits; /* set again when the row has its place */
    return read_members("limits", value, members, row, err);
}

static struct hikae_source *last_source(struct load_row *row)
{
    return (struct hikae_source *)(uintptr_t)&row->options.sources[row->options.source_count - 1];
}

static int read_source_name(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_text("the name of a source", value, &last_source(row)->name, err);
}

static int read_spec(const json_t *value, struct load_row *row, struct error *err)
{
    return expect_text("spec", value, &last_source(row)->spec, err);
}

static int read_exclude(const json_t *value, struct load_row *row, struct error *err)
{
    struct hikae_source *source = last_source(row);
    const char **patterns = mem_calloc(json_array_size(value) + 1, sizeof(*patterns));
    if (patterns == NULL)
        return error_no_memory(err);
    source->exclude = patterns;
    if (!json_is_array(value))
        return error_set(err, ERROR_CONFIG, "exclude is no list");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (expect_text("exclude", json_array_get(value, i), &patterns[source->exclude_count++], err) != 0)
            return -1;
    return 0;
}

static int read_flag(const char *what, const json_t *value, bool *ret, struct error *err)
{
    *ret = json_is_true(value);
    return json_is_boolean(value) ? 0 : error_set(err, ERROR_CONFIG, "%s is neither true nor false", what);
}

static int read_one_file_system(const json_t *value, struct load_row *row, struct error *err)
{
    return read_flag("one_file_system", value, &last_source(row)->one_file_system, err);
}

static int read_exclude_caches(const json_t *value, struct load_row *row, struct error *err)
{
    return read_flag("exclude_caches", value, &last_source(row)->exclude_caches, err);
}

static int read_sources(const json_t *value, struct load_row *row, struct error *err)
{
    static const struct member members[] = {{"name", read_source_name},
                                            {"spec", read_spec},
                                            {"exclude", read_exclude},
                                            {"one_file_system", read_one_file_system},
                                            {"exclude_caches", read_exclude_caches},
                                            {NULL, NULL}};
    if (!json_is_array(value) || json_array_size(value) == 0)
        return error_set(err, ERROR_CONFIG, "sources is not a list with something in it");
    row->options.sources = mem_calloc(json_array_size(value), sizeof(struct hikae_source));
    if (row->options.sources == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        row->options.source_count++;
        if (read_members("a source", json_array_get(value, i), members, row, err) != 0)
            return -1;
        if (last_source(row)->name == NULL || last_source(row)->spec == NULL)
            return error_set(err, ERROR_CONFIG, "a source needs name and spec");
    }
    return 0;
}

static void row_clear(struct load_row *row)
{
    for (size_t i = 0; i < row->options.source_count; i++)
        mem_free((void *)(uintptr_t)row->options.sources[i].exclude);
    mem_free((void *)(uintptr_t)row->options.sources);
    for (size_t i = 0; i < row->options.label_count; i++)
        mem_free((void *)(uintptr_t)row->options.labels[i]);
    mem_free((void *)(uintptr_t)row->options.labels);
    json_decref(row->json);
    *row = (struct load_row){0};
}

static int read_tenant(struct load_row *row, struct error *err)
{
    static const struct member members[] = {
        {"name", read_name},     {"policy", read_policy}, {"class", read_class},     {"priority", read_priority},
        {"labels", read_labels}, {"limits", read_limits}, {"sources", read_sources}, {NULL, NULL}};
    if (read_members("a tenant", row->json, members, row, err) != 0)
        return -1;
    return row->options.name != NULL ? 0 : error_set(err, ERROR_CONFIG, "a tenant needs a name");
}

int load_take(struct load_file *file, unsigned line, json_t *object, struct error *err)
{
    struct load_row row = {.line = line, .json = object};
    struct error why = {0};
    if (read_tenant(&row, &why) != 0) {
        row_clear(&row);
        load_mistake(file, line, &why);
        return why.class == ERROR_NO_MEMORY ? error_no_memory(err) : 0;
    }
    if (file->count == file->room) {
        size_t room = file->room > 0 ? 2 * file->room : 64;
        struct load_row *rows = mem_realloc(file->rows, room * sizeof(*rows));
        if (rows == NULL) {
            row_clear(&row);
            return error_no_memory(err);
        }
        file->rows = rows;
        file->room = room;
    }
    file->rows[file->count++] = row;
    if (file->count > LOAD_TENANTS_MAX)
        return error_set(err, ERROR_CONFIG, "%s: more than %d tenants", file->path, LOAD_TENANTS_MAX);
    return 0;
}

int load_read(const char *path, struct load_file *file, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    size_t size = strlen(path);
    bool csv = size > 4 && strcmp(path + size - 4, ".csv") == 0;
    file->path = path;
    if (!csv && (size < 5 || strcmp(path + size - 5, ".json") != 0)) {
        (void)error_set(err, ERROR_USAGE, "%s is named neither .json nor .csv", path);
        return error_hint(err, "the end of the name says how it is to be read");
    }
    if (file_read(path, LOAD_FILE_MAX, &text, err) != 0)
        return -1;
    if (csv ? load_csv(file, (const char *)text.data, text.size, err) != 0
            : load_json(file, (const char *)text.data, text.size, err) != 0)
        return -1;
    for (size_t i = 0; i < file->count; i++) /* the rows have moved while there came more */
        if (file->rows[i].options.limits != NULL)
            file->rows[i].options.limits = &file->rows[i].limits;
    return 0;
}

void load_free(struct load_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        row_clear(&file->rows[i]);
    mem_free(file->rows);
    file->rows = NULL;
    file->count = file->room = 0;
}
