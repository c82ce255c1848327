#include "policy/config.h"

#include "base/file.h"
#include "base/mem.h"
#include "policy/config_internal.h"
#include "policy/yaml_read.h"

static int read_targets(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                        struct error *err)
{
    (void)field;
    struct config *config = object;
    size_t count = 0;
    if (yaml_read_sequence(reader, node, "targets", &count, err) != 0)
        return -1;
    config->targets = mem_calloc(count, sizeof(config->targets[0]));
    if (config->targets == NULL)
        return error_no_memory(err);
    config->target_count = count;
    return yaml_each(reader, node, config_read_target, config->targets, err);
}

static int read_members(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                        struct error *err)
{
    (void)field;
    struct config_group *group = object;
    size_t count = 0;
    if (yaml_read_sequence(reader, node, "members", &count, err) != 0)
        return -1;
    if (count == 0)
        return yaml_complain(reader, node, err, "name at least one holder", "a group without members opens nothing");
    group->members = mem_calloc(count, sizeof(group->members[0]));
    if (group->members == NULL)
        return error_no_memory(err);
    group->member_count = count;
    return yaml_each(reader, node, config_read_member, group->members, err);
}

static int read_group(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "name", .read = yaml_read_name, .offset = offsetof(struct config_group, name), .required = true},
        {.name = "members", .read = read_members, .required = true},
        {0},
    };
    struct config_group *groups = context;
    if (yaml_read_mapping(reader, item, "a group of holders", fields, &groups[number], err) != 0)
        return -1;
    for (size_t i = 0; i < number; i++)
        if (strcmp(groups[i].name, groups[number].name) == 0)
            return yaml_complain(reader, item, err, "give each group its own name", "two groups are named \"%s\"",
                                 groups[i].name);
    return 0;
}

static int read_groups(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    (void)field;
    struct config *config = object;
    size_t count = 0;
    if (yaml_read_sequence(reader, node, "keys", &count, err) != 0)
        return -1;
    config->groups = mem_calloc(count, sizeof(config->groups[0]));
    if (config->groups == NULL)
        return error_no_memory(err);
    config->group_count = count;
    return yaml_each(reader, node, read_group, config->groups, err);
}

/* The file, key by key. The template in config_write.c explains each. */
static const struct yaml_field fields_of_config[] = {
    {.name = "state", .read = yaml_read_path, .offset = offsetof(struct config, state), .required = true},
    {.name = "targets", .read = read_targets},
    {.name = "min_copies",
     .read = yaml_read_number,
     .offset = offsetof(struct config, min_copies),
     .min = 1,
     .max = 16},
    {.name = "keys", .read = read_groups},
    {.name = "memory_mib",
     .read = yaml_read_number,
     .offset = offsetof(struct config, memory_mib),
     .min = 64,
     .max = 1048576},
    {.name = "pack_mib", .read = yaml_read_number, .offset = offsetof(struct config, pack_mib), .min = 1, .max = 512},
    {.name = "threads", .read = yaml_read_number, .offset = offsetof(struct config, threads), .min = 0, .max = 256},
    {.name = "compression",
     .read = yaml_read_number,
     .offset = offsetof(struct config, compression),
     .min = 1,
     .max = 19},
    {.name = "verify_writes", .read = yaml_read_bool, .offset = offsetof(struct config, verify_writes)},
    {.name = "hook_before", .read = yaml_read_path, .offset = offsetof(struct config, hook_before)},
    {.name = "hook_after", .read = yaml_read_path, .offset = offsetof(struct config, hook_after)},
    {.name = "hook_seconds",
     .read = yaml_read_number,
     .offset = offsetof(struct config, hook_seconds),
     .min = 1,
     .max = 86400},
    {.name = "notify", .read = config_read_notify},
    {.name = "test_clock", .read = yaml_read_bool, .offset = offsetof(struct config, test_clock)},
    {0},
};

void config_defaults(struct config *config)
{
    *config = (struct config){
        .memory_mib = 256,
        .pack_mib = 32,
        .compression = 3,
        .min_copies = 1,
        .verify_writes = true,
        .hook_seconds = 300,
        .notify = {.timeout_s = 15},
    };
}

static int check_copies(struct yaml_reader *reader, const struct config *config, struct error *err)
{
    yaml_node_t *node = yaml_find(reader, yaml_reader_root(reader), "min_copies");
    if (node == NULL || config->min_copies == 1 || config->min_copies <= config->target_count)
        return 0;
    return yaml_complain(reader, node, err, "add targets or lower min_copies",
                         "min_copies is %u, but there %s %zu target%s", config->min_copies,
                         config->target_count == 1 ? "is" : "are", config->target_count,
                         config->target_count == 1 ? "" : "s");
}

int config_parse(const char *path, const void *text, size_t size, struct config **ret_config, struct error *err)
{
    struct yaml_reader reader;
    if (yaml_reader_open(&reader, path, text, size, err) != 0)
        return -1;
    struct config *config = mem_calloc(1, sizeof(*config));
    int rc = config != NULL ? 0 : error_no_memory(err);
    if (rc == 0) {
        config_defaults(config);
        config->path = mem_strdup(path);
        if (config->path == NULL)
            rc = error_no_memory(err);
    }
    if (rc == 0)
        rc = yaml_read_mapping(&reader, yaml_reader_root(&reader), "hikae.yaml", fields_of_config, config, err);
    if (rc == 0)
        rc = check_copies(&reader, config, err);
    yaml_reader_free(&reader);
    if (rc != 0) {
        config_free(config);
        return -1;
    }
    *ret_config = config;
    return 0;
}

int config_read_text(const char *path, struct buf *out, struct error *err)
{
    if (file_read(path, YAML_READ_SIZE_MAX, out, err) == 0)
        return 0;
    bool missing = err != NULL && err->class == ERROR_NOT_FOUND;
    if (err != NULL && (missing || err->class == ERROR_LOCAL))
        err->class = ERROR_CONFIG;
    return missing ? error_hint(err, "hikae init writes one; --config or HIKAE_CONFIG says where it is") : -1;
}

int config_load(const char *path, struct config **ret_config, struct error *err)
{
    *ret_config = NULL;
    struct buf text = {0};
    int rc = config_read_text(path, &text, err);
    if (rc == 0)
        rc = config_parse(path, text.data, text.size, ret_config, err);
    buf_free(&text);
    return rc;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->target_count; i++)
        config_free_target(&config->targets[i]);
    mem_free(config->targets);
    config_groups_free(config->groups, config->group_count);
    config_free_notify(&config->notify);
    mem_free(config->state);
    mem_free(config->hook_before);
    mem_free(config->hook_after);
    mem_free(config->path);
    mem_free(config);
}

const struct config_target *config_find_target(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}
