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
        return error_set_errno(err, ERROR_CONFIG, errno, "open %s", path);
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

/* ---- Groups that pass ---- */

bool config_group_is_passing(const struct config_group *group)
{
    return strcmp(group->name, CONFIG_NEW_EPOCH) == 0 ||
           strncmp(group->name, CONFIG_OLD_EPOCH, sizeof(CONFIG_OLD_EPOCH) - 1) == 0;
}

static int write_members(struct buf *out, const char *prefix, const struct config_member *members, size_t count,
                         struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP_FREE char *name = mem_printf("%s-%zu", prefix, i + 1);
        struct config_member named = members[i];
        named.name = name;
        if (name == NULL)
            return error_no_memory(err);
        if (config_add_text(out, i > 0 ? ", {" : "{", err) != 0 || config_write_member(out, &named, ", ", err) != 0 ||
            config_add_text(out, "}", err) != 0)
            return -1;
    }
    return 0;
}

/* A group on a line of its own behind all others. */
static int plan_group(struct edit *edit, const char *name, const char *prefix, const struct config_member *members,
                      size_t count, const char *comment, struct config_change *change, struct error *err)
{
    const yaml_node_t *keys = block_of_keys(edit);
    if (keys == NULL)
        return misread(edit, err);
    change->from = change->to = config_line_offset(&edit->text, config_last_line(&edit->reader, keys, 0) + 1);
    bool open_line = change->from > 0 && edit->text.data[change->from - 1] != '\n';
    CLEANUP_FREE char *head =
        mem_printf("%s%*s- {name: %s, members: [", open_line ? "\n" : "", (int)keys->start_mark.column, "", name);
    if (head == NULL)
        return error_no_memory(err);
    if (config_add_text(&change->with, head, err) != 0 ||
        write_members(&change->with, prefix, members, count, err) != 0 ||
        config_add_text(&change->with, "]}", err) != 0 || config_add_text(&change->with, comment, err) != 0)
        return -1;
    return config_add_text(&change->with, "\n", err);
}

static int add_group(struct edit *edit, const char *name, const char *prefix, const struct config_member *members,
                     size_t count, const char *comment, struct error *err)
{
    struct config_change change = {0};
    size_t groups = edit->before->group_count;
    int rc = plan_group(edit, name, prefix, members, count, comment, &change, err);
    if (rc == 0)
        rc = edit_apply(edit, &change, err);
    if (rc == 0 && edit->before->group_count != groups + 1)
        rc = misread(edit, err);
    buf_free(&change.with);
    return rc;
}

static size_t find_group(const struct edit *edit, const char *name)
{
    size_t number = 0;
    while (number < edit->before->group_count && strcmp(edit->before->groups[number].name, name) != 0)
        number++;
    return number;
}

/* Take the lines of an item of a block out. */
static int drop_item(struct edit *edit, const yaml_node_t *item, struct error *err)
{
    if (item == NULL)
        return misread(edit, err);
    const struct config_change change = {
        .from = config_line_offset(&edit->text, item->start_mark.line),
        .to = config_line_offset(&edit->text, config_last_line(&edit->reader, item, 0) + 1)};
    return edit_apply(edit, &change, err);
}

/* Nothing if there is no such group. */
static int drop_group(struct edit *edit, const char *name, struct error *err)
{
    size_t groups = edit->before->group_count, number = find_group(edit, name);
    if (number == groups)
        return 0;
    const yaml_node_t *keys = block_of_keys(edit);
    if (keys == NULL)
        return misread(edit, err);
    if (drop_item(edit, item_of(edit, keys, number), err) != 0)
        return -1;
    return edit->before->group_count == groups - 1 ? 0 : misread(edit, err);
}

int config_begin_epoch(const char *path, const struct config_member *members, size_t count, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (edit_open(&edit, path, err) != 0 || add_group(&edit, CONFIG_NEW_EPOCH, "new", members, count,
                                                      " # until the rotation of the root key is done", err) != 0)
        return -1;
    return edit_write(&edit, err);
}

int config_end_epoch(const char *path, const char *group, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (edit_open(&edit, path, err) != 0)
        return -1;
    size_t groups = edit.before->group_count;
    if (drop_group(&edit, group, err) != 0)
        return -1;
    return edit.before->group_count < groups ? edit_write(&edit, err) : 0;
}

/* ---- Holders ---- */

static yaml_node_t *members_of(struct edit *edit, size_t group)
{
    yaml_node_t *item = item_of(edit, keys_of(edit), group);
    return item != NULL ? yaml_find(&edit->reader, item, "members") : NULL;
}

static size_t find_member(const struct config_group *group, const char *name)
{
    size_t number = 0;
    while (number < group->member_count && strcmp(group->members[number].name, name) != 0)
        number++;
    return number;
}

/* Behind the last member of a group: a block's dash on a line of its own, or one more item of a flow. */
static int plan_member(struct edit *edit, const yaml_node_t *list, const struct config_member *member,
                       struct config_change *change, struct error *err)
{
    if (list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE) {
        change->from = change->to = config_mark_offset(&edit->text, &list->end_mark) - 1;
        if (config_add_text(&change->with, ", {", err) != 0 ||
            config_write_member(&change->with, member, ", ", err) != 0)
            return -1;
        return config_add_text(&change->with, "}", err);
    }
    int indent = (int)list->start_mark.column;
    CLEANUP_FREE char *between = mem_printf("\n%*s  ", indent, "");
    change->from = change->to = config_line_offset(&edit->text, config_last_line(&edit->reader, list, 0) + 1);
    bool open_line = change->from > 0 && edit->text.data[change->from - 1] != '\n';
    CLEANUP_FREE char *head = mem_printf("%s%*s- ", open_line ? "\n" : "", indent, "");
    if (between == NULL || head == NULL)
        return error_no_memory(err);
    if (config_add_text(&change->with, head, err) != 0 || config_write_member(&change->with, member, between, err) != 0)
        return -1;
    return config_add_text(&change->with, "\n", err);
}

/* A group of its own, with one member. */
static int plan_new_group(struct edit *edit, const char *name, const struct config_member *member,
                          struct config_change *change, struct error *err)
{
    const yaml_node_t *keys = block_of_keys(edit);
    if (keys == NULL)
        return misread(edit, err);
    int indent = (int)keys->start_mark.column;
    change->from = change->to = config_line_offset(&edit->text, config_last_line(&edit->reader, keys, 0) + 1);
    bool open_line = change->from > 0 && edit->text.data[change->from - 1] != '\n';
    CLEANUP_FREE char *between = mem_printf("\n%*s      ", indent, "");
    CLEANUP_FREE char *head = mem_printf("%s%*s- name: %s\n%*s  members:\n%*s    - ", open_line ? "\n" : "", indent, "",
                                         name, indent, "", indent, "");
    if (between == NULL || head == NULL)
        return error_no_memory(err);
    if (config_add_text(&change->with, head, err) != 0 || config_write_member(&change->with, member, between, err) != 0)
        return -1;
    return config_add_text(&change->with, "\n", err);
}

static int add_holder(struct edit *edit, const char *group, const struct config_member *member,
                      struct config_change *change, struct error *err)
{
    size_t number = find_group(edit, group), groups = edit->before->group_count;
    bool fresh = number == groups;
    size_t members = fresh ? 0 : edit->before->groups[number].member_count;
    if (!fresh && find_member(&edit->before->groups[number], member->name) < members) {
        (void)error_set(err, ERROR_REFUSED, "%s: group %s has a holder named %s already", edit->path, group,
                        member->name);
        return error_hint(err, "choose another name");
    }
    const yaml_node_t *list = fresh ? NULL : members_of(edit, number);
    if (!fresh && (list == NULL || list->type != YAML_SEQUENCE_NODE))
        return misread(edit, err);
    if ((fresh ? plan_new_group(edit, group, member, change, err) : plan_member(edit, list, member, change, err)) !=
            0 ||
        edit_apply(edit, change, err) != 0)
        return -1;
    const struct config *after = edit->before;
    bool good = after->group_count == groups + (fresh ? 1 : 0) && strcmp(after->groups[number].name, group) == 0 &&
                after->groups[number].member_count == members + 1 &&
                strcmp(after->groups[number].members[members].name, member->name) == 0;
    return good ? 0 : misread(edit, err);
}

int config_add_holder(const char *path, const char *group, const struct config_member *member, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    struct config_change change = {0};
    int rc = edit_open(&edit, path, err);
    if (rc == 0)
        rc = add_holder(&edit, group, member, &change, err);
    if (rc == 0)
        rc = edit_write(&edit, err);
    buf_free(&change.with);
    return rc;
}

/* With its group, if it is the only one there. */
static int drop_holder(struct edit *edit, const char *group, const char *name, struct error *err)
{
    size_t number = find_group(edit, group);
    if (number == edit->before->group_count)
        return error_set(err, ERROR_NOT_FOUND, "%s: there is no group of holders named %s", edit->path, group);
    size_t members = edit->before->groups[number].member_count;
    size_t member = find_member(&edit->before->groups[number], name);
    if (member == members)
        return error_set(err, ERROR_NOT_FOUND, "%s: group %s has no holder named %s", edit->path, group, name);
    if (members == 1)
        return drop_group(edit, group, err);
    const yaml_node_t *list = members_of(edit, number);
    if (list == NULL || list->type != YAML_SEQUENCE_NODE || list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE)
        return misread(edit, err);
    if (drop_item(edit, item_of(edit, list, member), err) != 0)
        return -1;
    return edit->before->groups[number].member_count == members - 1 ? 0 : misread(edit, err);
}

int config_remove_holder(const char *path, const char *group, const char *name, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (edit_open(&edit, path, err) != 0 || drop_holder(&edit, group, name, err) != 0)
        return -1;
    return edit_write(&edit, err);
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

/* Every holder whose path is `old` gets the path `new`. */
static int replace_path(struct edit *edit, const char *old, const char *new, struct error *err)
{
    if (strcmp(old, new) == 0)
        return 0;
    const yaml_node_t *node = find_path(edit, old);
    for (; node != NULL; node = find_path(edit, old))
        if (replace_one(edit, node, old, new, err) != 0)
            return -1;
    return find_path(edit, new) != NULL ? 0 : misread(edit, err);
}

/* ---- From the old epoch to the new one ---- */

int config_turn_epoch(const char *path, const struct config_turn *turn, struct error *err)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    if (edit_open(&edit, path, err) != 0)
        return -1;
    for (size_t i = 0; i < turn->move_count; i++)
        if (replace_path(&edit, turn->moves[i].from, turn->moves[i].to, err) != 0)
            return -1;
    if (drop_group(&edit, CONFIG_NEW_EPOCH, err) != 0)
        return -1;
    if (turn->removed_group != NULL && drop_holder(&edit, turn->removed_group, turn->removed_name, err) != 0)
        return -1;
    if (turn->old_count > 0 && add_group(&edit, turn->old_group, "old", turn->old, turn->old_count,
                                         " # until their keys are destroyed", err) != 0)
        return -1;
    return edit_write(&edit, err);
}
