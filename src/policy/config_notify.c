/* hikae.yaml, "notify": who is told what became of a night, and by what way. */
#include "base/mem.h"
#include "policy/config_internal.h"

#include <string.h>

static const char *const language_words[] = {"en", "ja", NULL};
static const char *const digest_words[] = {"always", "problems", NULL};

/* A URL of one of the schemes of field->more (ends with NULL), without a user in it: secrets stand in files. */
static int read_url(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                    struct error *err)
{
    const char *const *schemes = field->more;
    const char *allowed =
        schemes[1] != NULL ? "smtps://HOST[:PORT], or smtp://HOST[:PORT] for STARTTLS" : "https://HOST[:PORT]/PATH";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    size_t i = 0;
    while (schemes[i] != NULL && strncmp(text, schemes[i], strlen(schemes[i])) != 0)
        i++;
    if (schemes[i] == NULL)
        return yaml_complain(reader, node, err, allowed, "this is no URL that \"%s\" can use", field->name);
    const char *host = text + strlen(schemes[i]);
    size_t size = strcspn(host, "/?#");
    if (size == 0 || memchr(host, '@', size) != NULL || strpbrk(text, " \"<>\\") != NULL)
        return yaml_complain(reader, node, err, allowed, "the host of this URL cannot be used");
    char **member = (void *)((char *)object + field->offset);
    *member = mem_strdup(text);
    return *member != NULL ? 0 : error_no_memory(err);
}

/* An address without a name around it. */
static int read_address(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                        struct error *err)
{
    static const char allowed[] = "one address, such as backup@example.jp";
    const char *text = yaml_scalar(reader, node, field->name, allowed, err);
    if (text == NULL)
        return -1;
    const char *at = strchr(text, '@');
    bool is_ascii = true;
    for (const char *p = text; *p != '\0'; p++)
        is_ascii = is_ascii && *p > ' ' && *p < 0x7f;
    if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL || !is_ascii ||
        strpbrk(text, "<>,;:\"\\()[]") != NULL || strlen(text) > 254)
        return yaml_complain(reader, node, err, allowed, "\"%.100s\" is no address of mail", text);
    char **member = (void *)((char *)object + field->offset);
    *member = mem_strdup(text);
    return *member != NULL ? 0 : error_no_memory(err);
}

static const char *const mail_schemes[] = {"smtps://", "smtp://", NULL};
static const char *const web_schemes[] = {"https://", NULL};

static int read_mail(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "url",
         .read = read_url,
         .offset = offsetof(struct config_notify, mail_url),
         .required = true,
         .more = mail_schemes},
        {.name = "from", .read = read_address, .offset = offsetof(struct config_notify, mail_from), .required = true},
        {.name = "to", .read = read_address, .offset = offsetof(struct config_notify, mail_to), .required = true},
        {.name = "user", .read = yaml_read_text, .offset = offsetof(struct config_notify, mail_user)},
        {.name = "password_file", .read = yaml_read_path, .offset = offsetof(struct config_notify, mail_password_file)},
        {0},
    };
    struct config_notify *notify = object;
    (void)field;
    if (yaml_read_mapping(reader, node, "mail", fields, notify, err) != 0)
        return -1;
    if ((notify->mail_user == NULL) != (notify->mail_password_file == NULL))
        return yaml_complain(reader, node, err, "write both, or neither", "user and password_file belong together");
    return 0;
}

static int read_webhook(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                        struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "url",
         .read = read_url,
         .offset = offsetof(struct config_notify, webhook_url),
         .required = true,
         .more = web_schemes},
        {.name = "secret_file",
         .read = yaml_read_path,
         .offset = offsetof(struct config_notify, webhook_secret_file),
         .required = true},
        {0},
    };
    (void)field;
    return yaml_read_mapping(reader, node, "webhook", fields, object, err);
}

static int read_ping(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                     struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "url",
         .read = read_url,
         .offset = offsetof(struct config_notify, ping_url),
         .required = true,
         .more = web_schemes},
        {0},
    };
    struct config_notify *notify = object;
    (void)field;
    if (yaml_read_mapping(reader, node, "ping", fields, notify, err) != 0)
        return -1;
    return strpbrk(notify->ping_url, "?#") == NULL
               ? 0
               : yaml_complain(reader, node, err, "https://HOST/PATH, to which /start and /fail are added",
                               "a URL to ping has no query");
}

int config_read_notify(struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *field, void *object,
                       struct error *err)
{
    static const struct yaml_field fields[] = {
        {.name = "language",
         .read = yaml_read_choice,
         .offset = offsetof(struct config_notify, language),
         .more = language_words},
        {.name = "digest",
         .read = yaml_read_choice,
         .offset = offsetof(struct config_notify, digest),
         .more = digest_words},
        {.name = "mail", .read = read_mail},
        {.name = "webhook", .read = read_webhook},
        {.name = "ping", .read = read_ping},
        {.name = "ca_file", .read = yaml_read_path, .offset = offsetof(struct config_notify, ca_file)},
        {.name = "timeout_s",
         .read = yaml_read_number,
         .offset = offsetof(struct config_notify, timeout_s),
         .min = 1,
         .max = 120},
        {0},
    };
    struct config *config = object;
    (void)field;
    return yaml_read_mapping(reader, node, "notify", fields, &config->notify, err);
}

void config_free_notify(struct config_notify *notify)
{
    char *const texts[] = {notify->mail_url,
                           notify->mail_from,
                           notify->mail_to,
                           notify->mail_user,
                           notify->mail_password_file,
                           notify->webhook_url,
                           notify->webhook_secret_file,
                           notify->ping_url,
                           notify->ca_file};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        mem_free(texts[i]);
}
