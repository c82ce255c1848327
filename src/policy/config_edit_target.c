/* Changing and taking out a target in hikae.yaml, among text that people wrote. */
#include "base/file.h"
#include "base/mem.h"
#include "policy/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int misread(const char *path, const char *name, struct error *err)
{
    (void)error_set(err, ERROR_CONFIG, "%s: target %s is written in a way that hikae does not change", path, name);
    return error_hint(err, "edit it by hand, then run `hikae doctor`");
}

/* The target's node, a mapping of a block; NULL if it is written otherwise. */
static yaml_node_t *find_item(struct yaml_reader *reader, const struct config *config, const char *name)
{
    yaml_node_t *list = yaml_find(reader, yaml_reader_root(reader), "targets");
    const struct config_target *target = config_find_target(config, name);
    if (list == NULL || target == NULL || list->type != YAML_SEQUENCE_NODE ||
        list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE)
        return NULL;
    yaml_node_item_t *item = list->data.sequence.items.start + (target - config->targets);
    yaml_node_t *node = item < list->data.sequence.items.top ? yaml_document_get_node(&reader->document, *item) : NULL;
    bool block = node != NULL && node->type == YAML_MAPPING_NODE &&
                 node->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
                 node->data.mapping.pairs.start < node->data.mapping.pairs.top;
    return block ? node : NULL;
}

static const yaml_node_pair_t *find_pair(struct yaml_reader *reader, const yaml_node_t *item, const char *key)
{
    for (const yaml_node_pair_t *pair = item->data.mapping.pairs.start; pair < item->data.mapping.pairs.top; pair++) {
        const yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
        if (node->type == YAML_SCALAR_NODE && strcmp((const char *)node->data.scalar.value, key) == 0)
            return pair;
    }
    return NULL;
}

/* "compliance:30" is a mapping in the file; everything else a scalar, in quotes: all of them are read as text. */
static int write_value(struct buf *out, const char *key, const char *value, struct error *err)
{
    if (strcmp(key, "lock") != 0)
        return config_add_quoted(out, value, err);
    size_t size = strcspn(value, ":");
    CLEANUP_FREE char *mode = mem_printf("%.*s", (int)size, value);
    if (mode == NULL)
        return error_no_memory(err);
    if (config_add_text(out, "{mode: ", err) != 0 || config_add_quoted(out, mode, err) != 0 ||
        config_add_text(out, ", days: ", err) != 0 ||
        config_add_quoted(out, value[size] == ':' ? value + size + 1 : "", err) != 0)
        return -1;
    return config_add_text(out, "}", err);
}

static int plan_setting(struct yaml_reader *reader, const struct buf *text, const yaml_node_t *item,
                        const void *context, struct config_change *change, bool *ret_good, struct error *err)
{
    const struct config_setting *setting = context;
    const yaml_node_pair_t *pair = find_pair(reader, item, setting->key);
    const yaml_node_t *key = pair != NULL ? yaml_document_get_node(&reader->document, pair->key) : NULL;
    const yaml_node_t *value = pair != NULL ? yaml_document_get_node(&reader->document, pair->value) : NULL;
    *ret_good = true;
    if (setting->value == NULL) {
        if (pair == NULL)
            return 0;
        /* Whole lines go; the first one has the dash of the list on it. */
        *ret_good = key->start_mark.line != item->start_mark.line;
        change->from = config_line_offset(text, key->start_mark.line);
        change->to = config_line_offset(text, config_last_line(reader, value, 0) + 1);
        return 0;
    }
    if (pair != NULL) {
        bool flow = value->type == YAML_SCALAR_NODE ||
                    (value->type == YAML_MAPPING_NODE && value->data.mapping.style == YAML_FLOW_MAPPING_STYLE);
        *ret_good = flow;
        change->from = config_mark_offset(text, &value->start_mark);
        change->to = config_mark_offset(text, &value->end_mark);
        return write_value(&change->with, setting->key, setting->value, err);
    }
    change->from = change->to = config_line_offset(text, config_last_line(reader, item, 0) + 1);
    bool open_line = change->from > 0 && text->data[change->from - 1] != '\n';
    CLEANUP_FREE char *start =
        mem_printf("%s%*s%s: ", open_line ? "\n" : "", (int)item->start_mark.column, "", setting->key);
    if (start == NULL)
        return error_no_memory(err);
    if (config_add_text(&change->with, start, err) != 0 ||
        write_value(&change->with, setting->key, setting->value, err) != 0)
        return -1;
    return config_add_text(&change->with, "\n", err);
}

/* "# " before each of the target's lines, below a line that says why: the context. */
static int plan_comment(struct yaml_reader *reader, const struct buf *text, const yaml_node_t *item,
                        const void *context, struct config_change *change, bool *ret_good, struct error *err)
{
    size_t first = item->start_mark.line, last = config_last_line(reader, item, 0);
    CLEANUP_FREE char *head = mem_printf("# %s\n", (const char *)context);
    if (head == NULL)
        return error_no_memory(err);
    *ret_good = true;
    change->from = config_line_offset(text, first);
    change->to = config_line_offset(text, last + 1);
    int rc = config_add_text(&change->with, head, err);
    for (size_t line = first; rc == 0 && line <= last; line++) {
        size_t from = config_line_offset(text, line), to = config_line_offset(text, line + 1);
        rc = config_add_text(&change->with, "# ", err);
        if (rc == 0)
            rc = buf_append(&change->with, text->data + from, to - from, err);
    }
    return rc;
}

/* Where the text of a target changes, and to what. *ret_good stays false if it is written in a way not understood. */
typedef int edit_plan(struct yaml_reader *reader, const struct buf *text, const yaml_node_t *item, const void *context,
                      struct config_change *change, bool *ret_good, struct error *err);

/* Replace *text by the text with one change of the target. */
static int apply_edit(const char *path, struct buf *text, const char *name, edit_plan *plan, const void *context,
                      struct error *err)
{
    struct config *config = NULL;
    struct yaml_reader reader;
    struct config_change change = {0};
    struct buf changed = {0};
    bool good = false;
    if (config_parse(path, text->data, text->size, &config, err) != 0)
        return -1;
    int rc = yaml_reader_open(&reader, path, text->data, text->size, err);
    if (rc == 0) {
        const yaml_node_t *item = find_item(&reader, config, name);
        if (item != NULL)
            rc = plan(&reader, text, item, context, &change, &good, err);
        yaml_reader_free(&reader);
    }
    if (rc == 0 && !good)
        rc = misread(path, name, err);
    if (rc == 0)
        rc = config_apply_change(text, &change, &changed, err);
    if (rc == 0) {
        buf_free(text);
        *text = changed;
    } else {
        buf_free(&changed);
    }
    buf_free(&change.with);
    config_free(config);
    return rc;
}

/* Is everything but this target as it was? */
static bool same_but(const struct config *before, const struct config *after, const char *name)
{
    struct config others = *before;
    others.target_count = 0;
    if (!config_same_settings(&others, after))
        return false;
    for (size_t i = 0; i < before->target_count; i++) {
        const struct config_target *was = &before->targets[i], *is = config_find_target(after, was->name);
        if (strcmp(was->name, name) != 0 && (is == NULL || !config_same_target(is, was)))
            return false;
    }
    return before->group_count == after->group_count;
}

int config_edit_target(const char *path, const char *name, const struct config_edit *edit, struct config **ret_after,
                       struct error *err)
{
    struct config *before = NULL;
    struct buf text = {0};
    struct stat st;
    char *real = realpath(path, NULL);
    *ret_after = NULL;
    if (real == NULL)
        return error_set_errno(err, ERROR_CONFIG, errno, "open %s", path);
    int rc = config_load(real, &before, err);
    if (rc == 0 && config_find_target(before, name) == NULL)
        rc = error_set(err, ERROR_NOT_FOUND, "there is no target '%s'", name);
    if (rc == 0)
        rc = config_read_text(real, &text, err);
    for (size_t i = 0; rc == 0 && i < edit->count; i++)
        rc = apply_edit(real, &text, name, plan_setting, &edit->settings[i], err);
    if (rc == 0 && edit->retired != NULL)
        rc = apply_edit(real, &text, name, plan_comment, edit->retired, err);
    if (rc == 0)
        rc = config_parse(real, text.data, text.size, ret_after, err);
    if (rc == 0 && (!same_but(before, *ret_after, name) ||
                    (edit->retired != NULL) != (config_find_target(*ret_after, name) == NULL)))
        rc = misread(real, name, err);
    if (rc == 0 && edit->write && stat(real, &st) != 0)
        rc = error_set_errno(err, ERROR_LOCAL, errno, "look at %s", real);
    if (rc == 0 && edit->write)
        rc = file_write_atomic(real, text.data, text.size, st.st_mode & 0777, err);
    if (rc != 0) {
        config_free(*ret_after);
        *ret_after = NULL;
    }
    config_free(before);
    buf_free(&text);
    free(real);
    return rc;
}
