/* The keys in hikae.yaml, changed among text that people wrote, when the root epoch changes. */
#include "base/file.h"
#include "base/mem.h"
#include "policy/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file that is being changed: its text, what it says, and where it stands there. */
struct edit {
    const char *path;
    char *real; /* the file may be reached through a link: what it leads to is replaced, and the link stays */
    struct buf text;
    struct config *before;
    struct yaml_reader reader;
    bool reading;
};

static void edit_clear(struct edit *edit)
{
    if (edit->reading)
        yaml_reader_free(&edit->reader);
    config_free(edit->before);
    buf_free(&edit->text);
    free(edit->real);
    *edit = (struct edit){0};
}

/* Parse the text that there is now. */
static int edit_parse(struct edit *edit, struct error *err)
{
    if (edit->reading)
        yaml_reader_free(&edit->reader);
    edit->reading = false;
    config_free(edit->before);
    edit->before = NULL;
    if (config_parse(edit->path, edit->text.data, edit->text.size, &edit->before, err) != 0 ||
        yaml_reader_open(&edit->reader, edit->path, edit->text.data, edit->text.size, err) != 0)
        return -1;
    edit->reading = true;
    return 0;
}

static int edit_open(struct edit *edit, const char *path, struct error *err)
{
    *edit = (struct edit){.path = path, .real = realpath(path, NULL)};
    if (edit->real == NULL)
        return error_set_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_CONFIG, errno, "open %s", path);
    return config_read_text(edit->real, &edit->text, err) == 0 ? edit_parse(edit, err) : -1;
}

static int misread(const struct edit *edit, struct error *err)
{
    (void)error_set(err, ERROR_CONFIG, "%s: hikae cannot change the keys in a file that is written like this",
                    edit->path);
    return error_hint(err, "write \"keys:\" as a list with a dash and a line of its own for each group");
}

/* Put the change into the text and read it again: other settings must be as before, else the file was misread. */
static int edit_apply(struct edit *edit, const struct config_change *change, struct error *err)
{
    struct buf changed = {0};
    struct config *after = NULL;
    if (config_apply_change(&edit->text, change, &changed, err) != 0) {
        buf_free(&changed);
        return -1;
    }
    struct error why = {0};
    bool good = config_parse(edit->path, changed.data, changed.size, &after, &why) == 0 &&
                config_same_settings(edit->before, after) && after->target_count == edit->before->target_count;
    config_free(after);
    buf_free(&edit->text);
    edit->text = changed;
    if (why.class == ERROR_NO_MEMORY)
        return error_no_memory(err);
    return good ? edit_parse(edit, err) : misread(edit, err);
}

static int edit_write(const struct edit *edit, struct error *err)
{
    struct stat st;
    if (stat(edit->real, &st) != 0)
        return error_set_errno(err, ERROR_LOCAL, errno, "look at %s", edit->path);
    return file_write_atomic(edit->real, edit->text.data, edit->text.size, st.st_mode & 0777, err);
}

static yaml_node_t *item_of(struct edit *edit, const yaml_node_t *list, size_t number)
{
    if (list == NULL || list->type != YAML_SEQUENCE_NODE ||
        number >= (size_t)(list->data.sequence.items.top - list->data.sequence.items.start))
        return NULL;
    return yaml_document_get_node(&edit->reader.document, list->data.sequence.items.start[number]);
}

static yaml_node_t *keys_of(struct edit *edit)
{
    return yaml_find(&edit->reader, yaml_reader_root(&edit->reader), "keys");
}

/* The list of groups, if each stands on lines of its own. */
static yaml_node_t *block_of_keys(struct edit *edit)
{
    yaml_node_t *keys = keys_of(edit);
    bool block = keys != NULL && keys->type == YAML_SEQUENCE_NODE &&
                 keys->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE && edit->before->group_count > 0;
    return block ? keys : NULL;
}

/* ---- The group of the new epoch ---- */

static int write_members(struct buf *out, const struct config_member *members, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP_FREE char *head = mem_printf("%s{holder: %s, name: new-%zu, path: ", i > 0 ? ", " : "",
                                             config_holder_name(members[i].holder), i + 1);
        if (head == NULL)
            return error_no_memory(err);
        if (config_add_text(out, head, err) != 0 || config_add_quoted(out, members[i].path, err) != 0 ||
            config_add_text(out, "}", err) != 0)
            return -1;
    }
    return 0;
}

static int plan_group(struct edit *edit, const struct config_member *members, size_t count,
                      struct config_change *change, struct error *err)
{
    const yaml_node_t *keys = block_of_keys(edit);
    if (keys == NULL)
        return misread(edit, err);
    change->from = change->to = config_line_offset(&edit->text, config_last_line(&edit->reader, keys, 0) + 1);
    bool open_line = change->from > 0 && edit->text.data[change->from - 1] != '\n';
    CLEANUP_FREE char *head = mem_printf("%s%*s- {name: " CONFIG_NEW_EPOCH ", members: [", open_line ? "\n" : "",
                                         (int)keys->start_mark.column, "");
    if (head == NULL)
        return error_no_memory(err);
    if (config_add_text(&change->with, head, err) != 0 || write_members(&change->with, members, count, err) != 0)
        return -1;
    return config_add_text(&change->with, "]} # until the rotation of the root key is done\n", err);
}

int config_begin_epoch(const char *path, const struct config_member *members, size_t count, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    struct config_change change = {0};
    if (edit_open(&edit, path, err) != 0)
        return -1;
    size_t groups = edit.before->group_count;
    int rc = plan_group(&edit, members, count, &change, err);
    if (rc == 0)
        rc = edit_apply(&edit, &change, err);
    if (rc == 0 && edit.before->group_count != groups + 1)
        rc = misread(&edit, err);
    if (rc == 0)
        rc = edit_write(&edit, err);
    buf_free(&change.with);
    return rc;
}

int config_end_epoch(const char *path, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (edit_open(&edit, path, err) != 0)
        return -1;
    size_t groups = edit.before->group_count, number = 0;
    while (number < groups && strcmp(edit.before->groups[number].name, CONFIG_NEW_EPOCH) != 0)
        number++;
    if (number == groups)
        return 0;
    const yaml_node_t *keys = block_of_keys(&edit);
    const yaml_node_t *item = keys != NULL ? item_of(&edit, keys, number) : NULL;
    if (item == NULL)
        return misread(&edit, err);
    const struct config_change change = {
        .from = config_line_offset(&edit.text, item->start_mark.line),
        .to = config_line_offset(&edit.text, config_last_line(&edit.reader, item, 0) + 1)};
    if (edit_apply(&edit, &change, err) != 0)
        return -1;
    return edit.before->group_count == groups - 1 ? edit_write(&edit, err) : misread(&edit, err);
}

/* ---- Paths ---- */

static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* How to write `new` where `raw` means `old`: what was relative stays so, if the folder is the same. NULL: no memory.
 */
static char *new_text(const char *raw, const char *old, const char *new)
{
    size_t folder = folder_size(old);
    if (raw[0] == '/' || folder != folder_size(new) || strncmp(old, new, folder) != 0)
        return mem_strdup(new);
    return mem_printf("%.*s%s", (int)folder_size(raw), raw, new + folder);
}

/* The next member with this path: its scalar. NULL: there is none. */
static yaml_node_t *find_path(struct edit *edit, const char *path)
{
    const struct config *config = edit->before;
    for (size_t g = 0; g < config->group_count; g++)
        for (size_t i = 0; i < config->groups[g].member_count; i++) {
            const char *known = config->groups[g].members[i].path;
            if (known == NULL || strcmp(known, path) != 0)
                continue;
            yaml_node_t *group = item_of(edit, keys_of(edit), g);
            yaml_node_t *members = group != NULL ? yaml_find(&edit->reader, group, "members") : NULL;
            yaml_node_t *member = item_of(edit, members, i);
            return member != NULL ? yaml_find(&edit->reader, member, "path") : NULL;
        }
    return NULL;
}

static int replace_one(struct edit *edit, const yaml_node_t *node, const char *old, const char *new, struct error *err)
{
    CLEANUP_FREE char *text = new_text((const char *)node->data.scalar.value, old, new);
    struct config_change change = {.from = config_mark_offset(&edit->text, &node->start_mark),
                                   .to = config_mark_offset(&edit->text, &node->end_mark)};
    size_t groups = edit->before->group_count;
    int rc = text != NULL ? config_add_quoted(&change.with, text, err) : error_no_memory(err);
    if (rc == 0)
        rc = edit_apply(edit, &change, err);
    if (rc == 0 && edit->before->group_count != groups)
        rc = misread(edit, err);
    buf_free(&change.with);
    return rc;
}

int config_replace_path(const char *path, const char *old, const char *new, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (strcmp(old, new) == 0)
        return 0;
    if (edit_open(&edit, path, err) != 0)
        return -1;
    const yaml_node_t *node = find_path(&edit, old);
    if (node == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s: no holder has the path %s", path, old);
    for (; node != NULL; node = find_path(&edit, old))
        if (replace_one(&edit, node, old, new, err) != 0)
            return -1;
    if (find_path(&edit, new) == NULL)
        return misread(&edit, err);
    return edit_write(&edit, err);
}
