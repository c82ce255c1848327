/* One target in hikae.yaml. The template in config_write.c explains each key. */
#include "base/mem.h"
#include "policy/config_internal.h"

#include <stdio.h>

static int read_url(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                    struct error *err)
{
    static const char allowed[] = "file:///absolute/path?country=JP&site=NAME, or s3://BUCKET/PREFIX?region=REGION";
    if (node->type != YAML_SCALAR_NODE || strstr((char *)node->data.scalar.value, "://") == NULL)
        return yaml_complain(reader, node, err, allowed, "this is not the URL of a target");
    return yaml_read_text(reader, node, field, object, err);
}

/* A word of a table; field->more is the table. */
int config_read_word(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    const struct target_words *words = field->more;
    int *member = (int *)(void *)((char *)object + field->offset);
    int word = node->type == YAML_SCALAR_NODE
                   ? target_word_find(words, (const char *)node->data.scalar.value, node->data.scalar.length)
                   : -1;
    if (word < 0)
        return yaml_complain(reader, node, err, words->allowed, "this is no value for \"%s\"", field->name);
    *member = word;
    return 0;
}

/* "KIND" or "KIND:VALUE". What has a value needs it, but for the prefix of variables. */
int config_read_credentials(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                            struct error *err)
{
    struct target_credentials *member = (void *)((char *)object + field->offset);
    const char *allowed = target_words_credentials.allowed;
    if (node->type != YAML_SCALAR_NODE || strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return yaml_complain(reader, node, err, allowed, "\"%s\" says in one word where the keys are", field->name);
    const char *text = (const char *)node->data.scalar.value;
    size_t size = strcspn(text, ":");
    int kind = target_word_find(&target_words_credentials, text, size);
    if (kind < 0)
        return yaml_complain(reader, node, err, allowed, "this is no place for keys");
    const char *value = text[size] == ':' ? text + size + 1 : NULL;
    bool takes = kind != TARGET_CREDENTIALS_DEFAULT && kind != TARGET_CREDENTIALS_METADATA;
    if ((value != NULL && (!takes || value[0] == '\0')) ||
        (value == NULL && takes && kind != TARGET_CREDENTIALS_ENVIRONMENT))
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no place for keys", text);
    member->kind = (enum target_credentials_kind)kind;
    if (value == NULL)
        return 0;
    const char *slash = strrchr(reader->file, '/');
    bool relative = kind == TARGET_CREDENTIALS_FILE && value[0] != '/' && slash != NULL;
    member->value =
        relative ? mem_printf("%.*s/%s", (int)(slash - reader->file), reader->file, value) : mem_strdup(value);
    return member->value != NULL ? 0 : error_no_memory(err);
}

/* Bytes per second: a whole number, up to 2^40. */
static int read_rate(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    unsigned kib = 0;
    const struct yaml_field as_number = {.name = field->name, .min = 1, .max = 1U << 30};
    if (yaml_read_number(reader, node, &as_number, &kib, err) != 0)
        return -1;
    ((struct config_target *)object)->options.rate = (uint64_t)kib * 1024;
    return 0;
}

static int read_lock(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "mode",
         .read = config_read_word,
         .offset = offsetof(struct config_target, options.lock),
         .more = &target_words_lock,
         .required = true},
        {.name = "days",
         .read = yaml_read_number,
         .offset = offsetof(struct config_target, options.lock_days),
         .min = 1,
         .max = 36500,
         .required = true},
        {0},
    };
    (void)field;
    return yaml_read_mapping(reader, node, "a lock", fields, object, err);
}

#define OPTION(member) .offset = offsetof(struct config_target, options.member)
static const struct yaml_field fields_of_target[] = {
    {.name = "name", .read = yaml_read_name, .offset = offsetof(struct config_target, name), .required = true},
    {.name = "url", .read = read_url, .offset = offsetof(struct config_target, url), .required = true},
    {.name = "credentials", .read = config_read_credentials, OPTION(write)},
    {.name = "credentials_read", .read = config_read_credentials, OPTION(read)},
    {.name = "credentials_delete", .read = config_read_credentials, OPTION(remove)},
    {.name = "endpoint", .read = yaml_read_text, OPTION(endpoint)},
    {.name = "region", .read = yaml_read_text, OPTION(region)},
    {.name = "provider", .read = yaml_read_text, OPTION(provider)},
    {.name = "country", .read = yaml_read_text, OPTION(country)},
    {.name = "site", .read = yaml_read_text, OPTION(site)},
    {.name = "style", .read = config_read_word, OPTION(style), .more = &target_words_style},
    {.name = "signature", .read = config_read_word, OPTION(signature), .more = &target_words_signature},
    {.name = "checksum", .read = config_read_word, OPTION(checksum), .more = &target_words_checksum},
    {.name = "lock", .read = read_lock},
    {.name = "sse", .read = config_read_word, OPTION(sse), .more = &target_words_sse},
    {.name = "sse_key", .read = yaml_read_text, OPTION(sse_key)},
    {.name = "storage_class", .read = yaml_read_text, OPTION(storage_class)},
    {.name = "connections", .read = yaml_read_number, OPTION(connections), .min = 1, .max = 64},
    {.name = "rate_kib", .read = read_rate},
    {.name = "timeout_s", .read = yaml_read_number, OPTION(timeout_s), .min = 1, .max = 3600},
    {.name = "insecure", .read = yaml_read_bool, OPTION(insecure)},
    {.name = "ca_file", .read = yaml_read_path, OPTION(ca_file)},
    {.name = "proxy", .read = yaml_read_text, OPTION(proxy)},
    {0},
};

int config_read_target(struct yaml_reader *reader, yaml_node_t *item, size_t number, void *context, struct error *err)
{
    struct config_target *targets = context, *target = &targets[number];
    if (yaml_read_mapping(reader, item, "a target", fields_of_target, target, err) != 0)
        return -1;
    target->options.name = target->name;
    target->options.url = target->url;
    if (target->options.sse_key != NULL && target->options.sse != TARGET_SSE_KMS)
        return yaml_complain(reader, yaml_find(reader, item, "sse_key"), err, "add \"sse: kms\"",
                             "a key is named, but nothing says what for");
    for (size_t i = 0; i < number; i++)
        if (strcmp(targets[i].name, target->name) == 0)
            return yaml_complain(reader, item, err, "give each target its own name", "two targets are named \"%s\"",
                                 targets[i].name);
    return 0;
}

/* The strings of the options, which only the configuration may release. */
static const char **owned_texts(struct target_options *options, size_t number)
{
    const char **const texts[] = {
        &options->write.value, &options->read.value,    &options->remove.value, &options->endpoint,
        &options->region,      &options->provider,      &options->country,      &options->site,
        &options->sse_key,     &options->storage_class, &options->ca_file,      &options->proxy,
    };
    return number < sizeof(texts) / sizeof(texts[0]) ? texts[number] : NULL;
}

void config_free_target(struct config_target *target)
{
    const char **text;
    for (size_t i = 0; (text = owned_texts(&target->options, i)) != NULL; i++)
        mem_free((void *)(uintptr_t)*text);
    mem_free(target->name);
    mem_free(target->url);
    *target = (struct config_target){0};
}

int config_copy_target(const struct config_target *from, struct config_target *ret, struct error *err)
{
    const char **text;
    struct config_target copy = *from;
    copy.name = mem_strdup(from->name);
    copy.url = mem_strdup(from->url);
    bool whole = copy.name != NULL && copy.url != NULL;
    for (size_t i = 0; (text = owned_texts(&copy.options, i)) != NULL; i++)
        if (*text != NULL) {
            *text = mem_strdup(*text);
            whole = whole && *text != NULL;
        }
    copy.options.name = copy.name;
    copy.options.url = copy.url;
    if (!whole) {
        config_free_target(&copy);
        return error_no_memory(err);
    }
    *ret = copy;
    return 0;
}

void config_bare_target(struct config_target *target)
{
    const char **const texts[] = {&target->options.write.value,  &target->options.read.value,
                                  &target->options.remove.value, &target->options.ca_file,
                                  &target->options.proxy,        &target->options.sse_key,
                                  &target->options.storage_class};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        mem_free((void *)(uintptr_t)*texts[i]);
        *texts[i] = NULL;
    }
    target->options.write.kind = target->options.read.kind = target->options.remove.kind = TARGET_CREDENTIALS_DEFAULT;
    target->options.sse = TARGET_SSE_NONE;
    target->options.lock = TARGET_LOCK_NONE;
    target->options.lock_days = 0;
}

/* ---- Writing: the other way through the same table ---- */

/* The value of one key, appended as the file has it; nothing if it is not set. */
typedef int write_function(struct buf *out, const struct yaml_field *field, const void *member, struct error *err);

static int write_text(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    const char *text = *(const char *const *)member;
    (void)field;
    return text != NULL ? config_add_quoted(out, text, err) : 0;
}

static int write_word(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    const struct target_words *words = field->more;
    int word = *(const int *)member;
    return word != 0 ? config_add_text(out, words->words[word], err) : 0;
}

static int write_credentials(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    const struct target_credentials *from = member;
    (void)field;
    if (from->kind == TARGET_CREDENTIALS_DEFAULT)
        return 0;
    CLEANUP_FREE char *text = mem_printf("%s%s%s", target_words_credentials.words[from->kind],
                                         from->value != NULL ? ":" : "", from->value != NULL ? from->value : "");
    return text != NULL ? config_add_quoted(out, text, err) : error_no_memory(err);
}

static int write_unsigned(struct buf *out, uint64_t value, struct error *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return value != 0 ? config_add_text(out, text, err) : 0;
}

static int write_number(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    (void)field;
    return write_unsigned(out, *(const unsigned *)member, err);
}

static int write_bool(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    (void)field;
    return *(const bool *)member ? config_add_text(out, "true", err) : 0;
}

/* These two fields have no offset: their member is the target. */
static int write_rate(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    (void)field;
    return write_unsigned(out, ((const struct config_target *)member)->options.rate / 1024, err);
}

static int write_lock(struct buf *out, const struct yaml_field *field, const void *member, struct error *err)
{
    const struct target_options *options = &((const struct config_target *)member)->options;
    (void)field;
    if (options->lock == TARGET_LOCK_NONE)
        return 0;
    if (config_add_text(out, "{mode: ", err) != 0 ||
        config_add_text(out, target_words_lock.words[options->lock], err) != 0 ||
        config_add_text(out, ", days: ", err) != 0 || write_unsigned(out, options->lock_days, err) != 0)
        return -1;
    return config_add_text(out, "}", err);
}

static write_function *writer_of(const struct yaml_field *field)
{
    static const struct {
        yaml_read_function *read;
        write_function *write;
    } pairs[] = {{read_url, write_text},           {yaml_read_name, write_text},
                 {yaml_read_text, write_text},     {yaml_read_path, write_text},
                 {config_read_word, write_word},   {config_read_credentials, write_credentials},
                 {yaml_read_number, write_number}, {yaml_read_bool, write_bool},
                 {read_rate, write_rate},          {read_lock, write_lock}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i].read == field->read)
            return pairs[i].write;
    return NULL;
}

int config_write_target(struct buf *out, const struct config_target *target, struct error *err)
{
    for (const struct yaml_field *field = fields_of_target; field->name != NULL; field++) {
        CLEANUP(buf_free) struct buf value = {0};
        if (writer_of(field)(&value, field, (const char *)target + field->offset, err) != 0)
            return -1;
        if (value.size == 0)
            continue;
        if (config_add_text(out, field == fields_of_target ? "  - " : "    ", err) != 0 ||
            config_add_text(out, field->name, err) != 0 || config_add_text(out, ": ", err) != 0 ||
            buf_append(out, value.data, value.size, err) != 0 || config_add_text(out, "\n", err) != 0)
            return -1;
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool config_same_target(const struct config_target *a, const struct config_target *b)
{
    struct target_options x = a->options, y = b->options;
    const char **text;
    for (size_t i = 0; (text = owned_texts(&x, i)) != NULL; i++)
        if (!same_text(*text, *owned_texts(&y, i)))
            return false;
    return same_text(a->name, b->name) && same_text(a->url, b->url) && x.write.kind == y.write.kind &&
           x.read.kind == y.read.kind && x.remove.kind == y.remove.kind && x.style == y.style &&
           x.signature == y.signature && x.checksum == y.checksum && x.lock == y.lock && x.lock_days == y.lock_days &&
           x.sse == y.sse && x.connections == y.connections && x.rate == y.rate && x.timeout_s == y.timeout_s &&
           x.insecure == y.insecure;
}
