#include "target/target.h"

#include "base/mem.h"
#include "target/url.h"

#include <string.h>

/* The registry: a driver is taken by the scheme of the URL; the first, unless another signature is asked for. */
static const struct target_driver *const drivers[] = {
    &target_driver_file,
    &target_driver_s3,
    &target_driver_s3_v2,
};

/* The operator's word for a target: it appears in messages, tables and configuration. */
static int check_target_name(const char *name, struct error *err)
{
    size_t size = strlen(name);
    if (size > 0 && size <= 64 &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size && name[0] != '.' &&
        name[0] != '-')
        return 0;
    (void)error_set(err, ERROR_CONFIG, "\"%s\" cannot be the name of a target", name);
    return error_hint(err, "use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

/* Given in the options or as the URL's parameter `signature`. */
static int wanted_signature(const struct target_options *options, const struct target_url *url,
                            enum target_signature *ret, struct error *err)
{
    const char *text = target_url_param(url, "signature");
    *ret = options->signature;
    if (text == NULL)
        return 0;
    if (options->signature != TARGET_SIGNATURE_AUTO)
        return error_set(err, ERROR_CONFIG, "the signature is given twice, in the URL and beside it");
    int word = target_word_find(&target_words_signature, text, strlen(text));
    if (word < 0) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is no signature", text);
        return error_hint(err, "write signature=v4, or signature=v2 for a store that knows nothing newer");
    }
    *ret = (enum target_signature)word;
    return 0;
}

static int open_parsed(const struct target_options *options, const struct target_url *url, bool create,
                       struct target **ret_target, struct error *err)
{
    enum target_signature signature;
    bool known = false;
    if (wanted_signature(options, url, &signature, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(drivers[i]->scheme, url->scheme) != 0)
            continue;
        known = true;
        if (drivers[i]->signature == TARGET_SIGNATURE_AUTO || signature == TARGET_SIGNATURE_AUTO ||
            drivers[i]->signature == signature)
            return drivers[i]->open(options, url, create, ret_target, err);
    }
    if (known)
        return error_set(err, ERROR_CONFIG, "this build of hikae has no driver for Signature V2");
    (void)error_set(err, ERROR_CONFIG, "target %s: no driver takes the URL \"%s\"", options->name, options->url);
    return error_hint(err, TARGET_URL_HINT);
}

int target_open_with(const struct target_options *options, bool create, struct target **ret_target, struct error *err)
{
    struct target_url url;
    *ret_target = NULL;
    if (check_target_name(options->name, err) != 0)
        return -1;
    if (strstr(options->url, "://") == NULL) {
        (void)error_set(err, ERROR_CONFIG, "target %s: no driver takes the URL \"%s\"", options->name, options->url);
        return error_hint(err, TARGET_URL_HINT);
    }
    if (target_url_parse(options->url, &url, err) != 0)
        return error_wrap(err, "open target %s", options->name);
    int rc = open_parsed(options, &url, create, ret_target, err);
    target_url_free(&url);
    return rc == 0 ? 0 : error_wrap(err, "open target %s", options->name);
}

static int describe_parsed(const struct target_options *options, const struct target_url *url,
                           struct target_traits *ret, struct error *err)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (drivers[i]->describe != NULL && strcmp(drivers[i]->scheme, url->scheme) == 0)
            return drivers[i]->describe(options, url, ret, err);
    (void)error_set(err, ERROR_CONFIG, "no driver takes the URL \"%s\"", options->url);
    return error_hint(err, TARGET_URL_HINT);
}

int target_describe(const struct target_options *options, struct target_traits *ret, struct error *err)
{
    struct target_url url;
    *ret = (struct target_traits){0};
    if (check_target_name(options->name, err) != 0)
        return -1;
    if (target_url_parse(options->url, &url, err) != 0)
        return error_wrap(err, "target %s", options->name);
    int rc = describe_parsed(options, &url, ret, err);
    target_url_free(&url);
    return rc == 0 ? 0 : error_wrap(err, "target %s", options->name);
}

int target_open(const char *name, const char *url, bool create, struct target **ret_target, struct error *err)
{
    const struct target_options options = {.name = name, .url = url};
    return target_open_with(&options, create, ret_target, err);
}

void target_close(struct target *target)
{
    if (target != NULL)
        target->ops->close(target);
}

const struct target_traits *target_traits(const struct target *target)
{
    return &target->traits;
}

bool target_same_place(const struct target *a, const struct target *b)
{
    return a->traits.place != NULL && b->traits.place != NULL && strcmp(a->traits.place, b->traits.place) == 0;
}

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

bool target_component_valid(const char *text, size_t size)
{
    /* A leading dot is the drivers' own: temporaries, and "." and ".." with it. */
    if (size == 0 || size > TARGET_COMPONENT_MAX || text[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!name_byte(text[i]))
            return false;
    return true;
}

bool target_name_valid(const char *name)
{
    if (strlen(name) > TARGET_NAME_MAX)
        return false;
    for (unsigned depth = 1;; depth++) {
        size_t size = strcspn(name, "/");
        if (depth > TARGET_DEPTH_MAX || !target_component_valid(name, size))
            return false;
        if (name[size] == '\0')
            return true;
        name += size + 1;
    }
}

/* A prefix is the beginning of a name: every component but the last is whole. */
static bool prefix_valid(const char *prefix)
{
    if (strlen(prefix) > TARGET_NAME_MAX)
        return false;
    for (unsigned depth = 1;; depth++) {
        size_t size = strcspn(prefix, "/");
        if (depth > TARGET_DEPTH_MAX)
            return false;
        if (prefix[size] == '\0')
            return size == 0 || target_component_valid(prefix, size);
        if (!target_component_valid(prefix, size))
            return false;
        prefix += size + 1;
    }
}

static int check_name(const struct target *target, const char *name, struct error *err)
{
    if (target_name_valid(name))
        return 0;
    (void)error_set(err, ERROR_USAGE, "%s: \"%.200s\" is not the name of an object", target->traits.name, name);
    return error_hint(err, "names are made of A-Z a-z 0-9 . _ - and '/', and no part is empty or begins with '.'");
}

static int check_prefix(const struct target *target, const char *prefix, struct error *err)
{
    if (prefix_valid(prefix))
        return 0;
    (void)error_set(err, ERROR_USAGE, "%s: \"%.200s\" does not begin the name of any object", target->traits.name,
                    prefix);
    return error_hint(err, "names are made of A-Z a-z 0-9 . _ - and '/', and no part is empty or begins with '.'");
}

int target_put(struct target *target, const char *name, const void *bytes, size_t size, enum target_put_mode mode,
               struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->put(target, name, bytes, size, mode, err);
}

int target_get_range(struct target *target, const char *name, uint64_t offset, size_t size, struct buf *out,
                     struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->get_range(target, name, offset, size, out, err);
}

int target_get(struct target *target, const char *name, size_t max, struct buf *out, struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->get(target, name, max, out, err);
}

int target_stat(struct target *target, const char *name, uint64_t *ret_size, struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->stat(target, name, ret_size, err);
}

int target_list(struct target *target, const char *prefix, const char *after, target_list_callback *callback,
                void *context, struct error *err)
{
    if (check_prefix(target, prefix, err) != 0)
        return -1;
    return target->ops->list(target, prefix, after, callback, context, err);
}

int target_list_folders(struct target *target, const char *prefix, target_list_callback *callback, void *context,
                        struct error *err)
{
    size_t size = strlen(prefix);
    if (check_prefix(target, prefix, err) != 0)
        return -1;
    if (size > 0 && prefix[size - 1] != '/')
        return error_set(err, ERROR_USAGE, "%s: \"%s\" does not end in '/', so it has no folders", target->traits.name,
                         prefix);
    return target->ops->list_folders(target, prefix, callback, context, err);
}

int target_get_version(struct target *target, const char *name, unsigned number, size_t max, struct buf *out,
                       struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    if (target->ops->get_version == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s keeps no older versions of %s", target->traits.name, name);
    return target->ops->get_version(target, name, number, max, out, err);
}

int target_clock_skew(struct target *target, int64_t *ret_skew_ns, struct error *err)
{
    return target->ops->clock_skew(target, ret_skew_ns, err);
}

int target_free_space(struct target *target, uint64_t *ret_bytes, struct error *err)
{
    return target->ops->free_space(target, ret_bytes, err);
}

int target_lock_state(struct target *target, const char *name, struct target_lock_state *ret, struct error *err)
{
    uint64_t size;
    *ret = (struct target_lock_state){0};
    if (target->ops->lock_state == NULL)
        return target_stat(target, name, &size, err);
    return check_name(target, name, err) == 0 ? target->ops->lock_state(target, name, ret, err) : -1;
}

static int no_locks(const struct target *target, struct error *err)
{
    (void)error_set(err, ERROR_REFUSED, "%s cannot lock objects", target->traits.name);
    return error_hint(err, "locks need a bucket that was made with Object Lock");
}

int target_extend_lock(struct target *target, const char *name, enum target_lock_mode mode, int64_t until_ns,
                       struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    if (target->ops->extend_lock == NULL)
        return no_locks(target, err);
    return target->ops->extend_lock(target, name, mode, until_ns, err);
}

int target_legal_hold(struct target *target, const char *name, bool hold, struct error *err)
{
    if (check_name(target, name, err) != 0)
        return -1;
    if (target->ops->legal_hold == NULL)
        return no_locks(target, err);
    return target->ops->legal_hold(target, name, hold, err);
}

int target_ask(struct target *target, struct target_facts *ret, struct error *err)
{
    *ret = (struct target_facts){0};
    if (target->ops->ask != NULL)
        return target->ops->ask(target, ret, err);
    return target_clock_skew(target, &ret->skew_ns, err);
}

int target_put_once(struct target *target, const char *name, const void *bytes, size_t size, enum target_once *ret,
                    struct error *err)
{
    *ret = TARGET_ONCE_UNSUPPORTED;
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->put_once != NULL ? target->ops->put_once(target, name, bytes, size, ret, err) : 0;
}

int target_checks(struct target *target, const char *name, enum target_checksum kind, bool *ret, struct error *err)
{
    *ret = false;
    if (check_name(target, name, err) != 0)
        return -1;
    return target->ops->checks != NULL ? target->ops->checks(target, name, kind, ret, err) : 0;
}

int target_put_checked(struct target *target, const char *name, const void *bytes, size_t size, struct error *err)
{
    static const enum target_put_mode modes[] = {TARGET_PUT_CREATE, TARGET_PUT_REPAIR};
    CLEANUP(buf_free) struct buf back = {0};
    struct error why = {0};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        error_clear(&why);
        back.size = 0;
        if (target_put(target, name, bytes, size, modes[i], &why) == 0 &&
            target_get(target, name, size, &back, &why) == 0 && back.size == size &&
            (size == 0 || memcmp(back.data, bytes, size) == 0))
            return 0;
        if (why.class != ERROR_NONE && why.class != ERROR_DAMAGED)
            break;
    }
    if (why.class == ERROR_NONE)
        return error_set(err, ERROR_DAMAGED, "%s on %s reads back as other bytes than were written", name,
                         target->traits.name);
    if (err != NULL)
        *err = why;
    return -1;
}

void target_counters(struct target *target, struct target_counters *ret)
{
    *ret = (struct target_counters){0};
    if (target->ops->counters != NULL)
        target->ops->counters(target, ret);
}
