/* One holder of the root key in hikae.yaml: which keys each kind takes, read and written by the same table. */
#include "base/mem.h"
#include "policy/config_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const holder_names[] = {
    [CONFIG_HOLDER_FILE] = "file",    [CONFIG_HOLDER_PASSPHRASE] = "passphrase", [CONFIG_HOLDER_SHEET] = "sheet",
    [CONFIG_HOLDER_TOKEN] = "pkcs11", [CONFIG_HOLDER_KMS] = "aws-kms",
};
enum { HOLDER_COUNT = sizeof(holder_names) / sizeof(holder_names[0]) };

static const struct target_words words_kdf = {(const char *const[]){"scrypt", "pbkdf2", NULL}, "scrypt or pbkdf2"};

const char *config_holder_name(enum config_holder holder)
{
    return holder_names[holder];
}

/* ---- Reading ---- */

static int read_holder(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    enum config_holder *member = (void *)((char *)object + field->offset);
    for (size_t i = 0; i < HOLDER_COUNT; i++)
        if (node->type == YAML_SCALAR_NODE && strcmp((char *)node->data.scalar.value, holder_names[i]) == 0) {
            *member = (enum config_holder)i;
            return 0;
        }
    return yaml_complain(reader, node, err, "file, passphrase, sheet, pkcs11 or aws-kms", "this is no kind of holder");
}

/* A PIN is typed into a file or given by systemd: nowhere else is it safe from other users of the machine. */
static int read_pin(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                    struct error *err)
{
    const struct target_credentials *pin = (const void *)((const char *)object + field->offset);
    if (config_read_credentials(reader, node, field, object, err) != 0)
        return -1;
    if (pin->kind == TARGET_CREDENTIALS_FILE || pin->kind == TARGET_CREDENTIALS_SYSTEMD)
        return 0;
    return yaml_complain(reader, node, err, "file:PATH or systemd:NAME", "a PIN is in a file or a credential");
}

#define MEMBER(member) .offset = offsetof(struct config_member, member)
static const struct yaml_field fields_of_member[] = {
    {.name = "holder", .read = read_holder, MEMBER(holder), .required = true},
    {.name = "name", .read = yaml_read_name, MEMBER(name), .required = true},
    {.name = "path", .read = yaml_read_path, MEMBER(path)},
    {.name = "kdf", .read = config_read_word, MEMBER(options.kdf), .more = &words_kdf},
    {.name = "module", .read = yaml_read_path, MEMBER(options.module)},
    {.name = "token", .read = yaml_read_text, MEMBER(options.token)},
    {.name = "pin", .read = read_pin, MEMBER(options.pin)},
    {.name = "region", .read = yaml_read_text, MEMBER(options.region)},
    {.name = "key", .read = yaml_read_text, MEMBER(options.key)},
    {.name = "endpoint", .read = yaml_read_text, MEMBER(options.endpoint)},
    {.name = "ca_file", .read = yaml_read_path, MEMBER(options.ca_file)},
    {.name = "credentials", .read = config_read_credentials, MEMBER(options.credentials)},
    {.name = "waiting_days",
     .read = yaml_read_number,
     MEMBER(options.waiting_days),
     .min = HOLDER_WAITING_DAYS_MIN,
     .max = HOLDER_WAITING_DAYS_MAX},
    {0},
};

/* Which kinds take a key, and which cannot do without it. */
enum {
    FILES = 1U << CONFIG_HOLDER_FILE,
    PHRASES = 1U << CONFIG_HOLDER_PASSPHRASE,
    SHEETS = 1U << CONFIG_HOLDER_SHEET,
    TOKENS = 1U << CONFIG_HOLDER_TOKEN,
    SERVICES = 1U << CONFIG_HOLDER_KMS
};
static const struct {
    const char *name;
    unsigned taken, needed;
    const char *help;
} keys_of_kinds[] = {
    {"path", FILES | PHRASES | SHEETS, FILES | PHRASES, "add the path of the file"},
    {"kdf", PHRASES, 0, ""},
    {"module", TOKENS, TOKENS, "add the path of the token's PKCS#11 library"},
    {"token", TOKENS, TOKENS, "add the label of the token"},
    {"pin", TOKENS, TOKENS, "add where the PIN is: file:PATH or systemd:NAME"},
    {"region", SERVICES, SERVICES, "add the region of the key, such as ap-northeast-1"},
    {"key", SERVICES, 0, ""},
    {"endpoint", SERVICES, 0, ""},
    {"ca_file", SERVICES, 0, ""},
    {"credentials", SERVICES, 0, ""},
    {"waiting_days", SERVICES, 0, ""},
};

static int check_keys(struct yaml_reader *reader, yaml_node_t *item, const struct config_member *member,
                      struct error *err)
{
    unsigned kind = 1U << member->holder;
    for (size_t i = 0; i < sizeof(keys_of_kinds) / sizeof(keys_of_kinds[0]); i++) {
        yaml_node_t *node = yaml_find(reader, item, keys_of_kinds[i].name);
        if (node == NULL && (keys_of_kinds[i].needed & kind) != 0)
            return yaml_complain(reader, item, err, keys_of_kinds[i].help, "a member held by a %s needs the key \"%s\"",
                                 config_holder_name(member->holder), keys_of_kinds[i].name);
        if (node != NULL && (keys_of_kinds[i].taken & kind) == 0)
            return yaml_complain(reader, node, err, "take it out", "a member held by a %s has no \"%s\"",
                                 config_holder_name(member->holder), keys_of_kinds[i].name);
    }
    return 0;
}

int config_read_member(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    struct config_member *members = context;
    struct config_member *member = &members[number];
    if (yaml_read_mapping(reader, item, "a member", fields_of_member, member, err) != 0 ||
        check_keys(reader, item, member, err) != 0)
        return -1;
    for (size_t i = 0; i < number; i++)
        if (strcmp(members[i].name, member->name) == 0)
            return yaml_complain(reader, item, err, "give each member its own name",
                                 "two members of this group are named \"%s\"", member->name);
    return 0;
}

/* The strings of the options, which only the configuration may release. */
static const char **owned_text(struct holder_options *options, size_t number)
{
    const char **const texts[] = {
        &options->module, &options->token,    &options->pin.value, &options->region,
        &options->key,    &options->endpoint, &options->ca_file,   &options->credentials.value};
    return number < sizeof(texts) / sizeof(texts[0]) ? texts[number] : NULL;
}

void config_free_member(struct config_member *member)
{
    const char **text;
    for (size_t i = 0; (text = owned_text(&member->options, i)) != NULL; i++)
        mem_free((void *)(uintptr_t)*text);
    mem_free(member->name);
    mem_free(member->path);
    *member = (struct config_member){0};
}

int config_copy_member(const struct config_member *from, struct config_member *ret, struct error *err)
{
    const char **text;
    struct config_member copy = *from;
    bool whole = true;
    copy.name = mem_strdup(from->name);
    copy.path = from->path != NULL ? mem_strdup(from->path) : NULL;
    whole = copy.name != NULL && (copy.path != NULL || from->path == NULL);
    for (size_t i = 0; (text = owned_text(&copy.options, i)) != NULL; i++)
        if (*text != NULL) {
            *text = mem_strdup(*text);
            whole = whole && *text != NULL;
        }
    if (!whole) {
        config_free_member(&copy);
        return error_no_memory(err);
    }
    *ret = copy;
    return 0;
}

/* ---- Writing ---- */

static int write_text(struct buf *out, const char *between, const char *key, const char *value, struct error *err)
{
    if (value == NULL)
        return 0;
    if (config_add_text(out, between, err) != 0 || config_add_text(out, key, err) != 0 ||
        config_add_text(out, ": ", err) != 0)
        return -1;
    return config_add_quoted(out, value, err);
}

static int write_place(struct buf *out, const char *between, const char *key, const struct target_credentials *place,
                       struct error *err)
{
    if (place->kind == TARGET_CREDENTIALS_DEFAULT)
        return 0;
    CLEANUP_FREE char *text = mem_printf("%s%s%s", target_words_credentials.words[place->kind],
                                         place->value != NULL ? ":" : "", place->value != NULL ? place->value : "");
    return text != NULL ? write_text(out, between, key, text, err) : error_no_memory(err);
}

int config_write_member(struct buf *out, const struct config_member *member, const char *between, struct error *err)
{
    const struct holder_options *options = &member->options;
    const char *kdf = options->kdf != HOLDER_KDF_SCRYPT ? words_kdf.words[options->kdf] : NULL;
    char days[16] = "";
    (void)snprintf(days, sizeof(days), "%u", options->waiting_days);
    if (config_add_text(out, "holder: ", err) != 0 ||
        config_add_text(out, config_holder_name(member->holder), err) != 0 ||
        write_text(out, between, "name", member->name, err) != 0 ||
        write_text(out, between, "path", member->path, err) != 0 || write_text(out, between, "kdf", kdf, err) != 0 ||
        write_text(out, between, "module", options->module, err) != 0 ||
        write_text(out, between, "token", options->token, err) != 0 ||
        write_place(out, between, "pin", &options->pin, err) != 0 ||
        write_text(out, between, "region", options->region, err) != 0 ||
        write_text(out, between, "key", options->key, err) != 0 ||
        write_text(out, between, "endpoint", options->endpoint, err) != 0 ||
        write_text(out, between, "ca_file", options->ca_file, err) != 0 ||
        write_place(out, between, "credentials", &options->credentials, err) != 0)
        return -1;
    if (options->waiting_days == 0)
        return 0;
    return config_add_text(out, between, err) != 0 || config_add_text(out, "waiting_days: ", err) != 0
               ? -1
               : config_add_text(out, days, err);
}

/* ---- A holder on the command line ---- */

/* "KIND,key=value,…" becomes what the file would say, so that both are read, and refused, by the same rules. */
static int to_yaml(const char *text, const char *name, struct buf *out, struct error *err)
{
    CLEANUP_FREE char *copy = mem_strdup(text);
    if (copy == NULL)
        return error_no_memory(err);
    char *rest = copy, *kind = strsep(&rest, ",");
    if (config_add_text(out, "{holder: ", err) != 0 || config_add_quoted(out, kind, err) != 0 ||
        write_text(out, ", ", "name", name, err) != 0)
        return -1;
    while (rest != NULL) {
        char *value = strsep(&rest, ","), *key = strsep(&value, "=");
        if (value == NULL || key[0] == '\0' || key[strspn(key, "abcdefghijklmnopqrstuvwxyz_")] != '\0') {
            (void)error_set(err, ERROR_USAGE, "\"%.100s\" is no part of a holder", key);
            return error_hint(err, "write KIND,key=value,…, for example pkcs11,module=/usr/lib/x.so,token=hikae,"
                                   "pin=file:/etc/hikae/pin");
        }
        bool number = strcmp(key, "waiting_days") == 0;
        if (config_add_text(out, ", ", err) != 0 || config_add_text(out, key, err) != 0 ||
            config_add_text(out, ": ", err) != 0 ||
            (number ? config_add_text(out, value, err) : config_add_quoted(out, value, err)) != 0)
            return -1;
    }
    return config_add_text(out, "}\n", err);
}

static bool is_relative(const char *path)
{
    return path != NULL && path[0] != '/';
}

int config_member_parse(const char *text, const char *name, struct config_member *ret, struct error *err)
{
    struct yaml_reader reader;
    CLEANUP(buf_free) struct buf yaml = {0};
    *ret = (struct config_member){0};
    if (to_yaml(text, name, &yaml, err) != 0 || yaml_reader_open(&reader, "holder", yaml.data, yaml.size, err) != 0)
        return -1;
    int rc = config_read_member(&reader, yaml_reader_root(&reader), 0, ret, err);
    yaml_reader_free(&reader);
    const struct holder_options *options = &ret->options;
    if (rc == 0 &&
        (is_relative(ret->path) || is_relative(options->module) || is_relative(options->ca_file) ||
         (options->pin.kind == TARGET_CREDENTIALS_FILE && is_relative(options->pin.value)) ||
         (options->credentials.kind == TARGET_CREDENTIALS_FILE && is_relative(options->credentials.value)))) {
        rc = error_set(err, ERROR_USAGE, "holder %s: paths begin with a slash", name);
    }
    if (rc == 0)
        return 0;
    if (err != NULL && err->class == ERROR_CONFIG)
        err->class = ERROR_USAGE;
    config_free_member(ret);
    return -1;
}

int config_holder_parse(const char *text, char **ret_group, struct config_member *ret, struct error *err)
{
    CLEANUP_FREE char *copy = mem_strdup(text);
    if (copy == NULL)
        return error_no_memory(err);
    char *spec = copy, *name = strsep(&spec, "="), *group = strsep(&name, "/");
    if (spec == NULL || group[0] == '\0') {
        (void)error_set(err, ERROR_USAGE, "\"%.100s\" is no holder", text);
        return error_hint(err, "write GROUP/NAME=KIND,key=value,…, for example machine/hsm=pkcs11,module=…");
    }
    CLEANUP_FREE char *kind = mem_printf("%.*s", (int)strcspn(spec, ","), spec);
    CLEANUP_FREE char *kept = mem_strdup(group);
    if (kind == NULL || kept == NULL)
        return error_no_memory(err);
    if (config_member_parse(spec, name != NULL ? name : kind, ret, err) != 0)
        return error_wrap(err, "holder %.100s", text);
    *ret_group = kept;
    kept = NULL;
    return 0;
}

/* ---- Groups in the making ---- */

/* The group of that name, which is added if there is none. NULL: no memory. */
static struct config_group *find_group(struct config_group **groups, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*groups)[i].name, name) == 0)
            return &(*groups)[i];
    struct config_group *grown = mem_realloc(*groups, (*count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    *groups = grown;
    grown[*count] = (struct config_group){.name = mem_strdup(name)};
    return grown[*count].name != NULL ? &grown[(*count)++] : NULL;
}

int config_groups_add(struct config_group **groups, size_t *count, const char *group, struct config_member *member,
                      struct error *err)
{
    struct config_group *to = find_group(groups, count, group);
    struct config_member *grown = to != NULL ? mem_realloc(to->members, (to->member_count + 1) * sizeof(*grown)) : NULL;
    if (grown == NULL) {
        config_free_member(member);
        return error_no_memory(err);
    }
    to->members = grown;
    to->members[to->member_count++] = *member;
    return 0;
}

void config_groups_free(struct config_group *groups, size_t count)
{
    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].member_count; i++)
            config_free_member(&groups[g].members[i]);
        mem_free(groups[g].members);
        mem_free(groups[g].name);
    }
    mem_free(groups);
}
