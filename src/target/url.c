#include "target/url.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that the escape "%XY" at text stands for (left bytes are there), or -1. */
static int escaped_byte(const char *text, size_t left)
{
    if (left < 3 || hex_value(text[1]) < 0 || hex_value(text[2]) < 0)
        return -1;
    return hex_value(text[1]) * 16 + hex_value(text[2]);
}

/* Decode size bytes into fresh memory. Control characters are refused in both forms: the text is shown to people. */
static int decode(const char *text, size_t size, char **ret, struct error *err)
{
    CLEANUP_FREE char *out = mem_alloc(size + 1);
    if (out == NULL)
        return error_no_memory(err);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        int byte = (unsigned char)text[i];
        if (byte == '%') {
            byte = escaped_byte(text + i, size - i);
            i += 2;
        }
        if (byte < 0)
            return error_set(err, ERROR_CONFIG, "a '%%' that is not followed by two hexadecimal digits in the URL");
        if (byte < 0x20 || byte == 0x7f)
            return error_set(err, ERROR_CONFIG, "a control character in the URL");
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    *ret = out;
    out = NULL;
    return 0;
}

static int parse_param(const char *text, size_t size, struct target_url *url, struct error *err)
{
    const char *equals = memchr(text, '=', size);
    if (equals == NULL || equals == text)
        return error_set(err, ERROR_CONFIG, "parameter \"%.*s\" of the URL is not of the form key=value", (int)size,
                         text);
    if (url->count == TARGET_URL_PARAMS_MAX)
        return error_set(err, ERROR_CONFIG, "more than %d parameters in the URL", TARGET_URL_PARAMS_MAX);

    size_t n = url->count++;
    size_t key_size = (size_t)(equals - text);
    if (decode(text, key_size, &url->params[n].key, err) != 0 ||
        decode(equals + 1, size - key_size - 1, &url->params[n].value, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(url->params[i].key, url->params[n].key) == 0)
            return error_set(err, ERROR_CONFIG, "parameter \"%s\" is given twice in the URL", url->params[n].key);
    return 0;
}

static int parse_query(const char *query, struct target_url *url, struct error *err)
{
    for (;;) {
        size_t size = strcspn(query, "&");
        if (parse_param(query, size, url, err) != 0)
            return -1;
        if (query[size] == '\0')
            return 0;
        query += size + 1;
    }
}

static int parse(const char *text, struct target_url *url, struct error *err)
{
    if (strlen(text) > TARGET_URL_MAX)
        return error_set(err, ERROR_CONFIG, "the URL is longer than %d bytes", TARGET_URL_MAX);
    const char *colon = strstr(text, "://");
    size_t scheme_size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (colon == NULL || colon == text || text + scheme_size != colon)
        return error_set(err, ERROR_CONFIG, "\"%s\" is not a URL of the form scheme://place/path?key=value", text);
    if (strchr(text, '#') != NULL)
        return error_set(err, ERROR_CONFIG, "a '#' in the URL of a target must be written %%23");

    const char *authority = colon + 3;
    const char *path = authority + strcspn(authority, "/?");
    size_t path_size = strcspn(path, "?");
    if (memchr(authority, '@', (size_t)(path - authority)) != NULL)
        return error_set(err, ERROR_CONFIG, "the URL holds a user name or password, which would be shown and logged");
    if (decode(text, scheme_size, &url->scheme, err) != 0 ||
        decode(authority, (size_t)(path - authority), &url->authority, err) != 0 ||
        decode(path, path_size, &url->path, err) != 0)
        return -1;
    const char *query = path + path_size;
    return *query != '\0' ? parse_query(query + 1, url, err) : 0;
}

int target_url_parse(const char *text, struct target_url *ret_url, struct error *err)
{
    *ret_url = (struct target_url){0};
    if (parse(text, ret_url, err) != 0) {
        target_url_free(ret_url);
        return error_hint(err, TARGET_URL_HINT);
    }
    return 0;
}

void target_url_free(struct target_url *url)
{
    mem_free(url->scheme);
    mem_free(url->authority);
    mem_free(url->path);
    for (size_t i = 0; i < url->count; i++) {
        mem_free(url->params[i].key);
        mem_free(url->params[i].value);
    }
    *url = (struct target_url){0};
}

const char *target_url_param(const struct target_url *url, const char *key)
{
    for (size_t i = 0; i < url->count; i++)
        if (strcmp(url->params[i].key, key) == 0)
            return url->params[i].value;
    return NULL;
}

char *target_url_without(const char *text, const char *key)
{
    char *out = mem_strdup(text);
    size_t size = strlen(key);
    char *query = out != NULL ? strchr(out, '?') : NULL;
    for (char *param = query; param != NULL && *param != '\0';) {
        /* param stands on '?' or '&'; what follows it up to the next '&' is one parameter. */
        char *end = param + 1 + strcspn(param + 1, "&");
        if (strncmp(param + 1, key, size) != 0 || param[1 + size] != '=') {
            param = end;
            continue;
        }
        bool first = *param == '?', last = *end == '\0';
        memmove(param, end, strlen(end) + 1);
        if (first && !last)
            *param = '?';
    }
    return out;
}

int target_url_check_params(const struct target_url *url, const char *const *allowed, struct error *err)
{
    for (size_t i = 0; i < url->count; i++) {
        bool known = false;
        for (size_t k = 0; allowed[k] != NULL; k++)
            known = known || strcmp(allowed[k], url->params[i].key) == 0;
        if (known)
            continue;
        (void)error_set(err, ERROR_CONFIG, "unknown parameter \"%s\" in the URL", url->params[i].key);
        char list[ERROR_HINT_SIZE] = "";
        for (size_t k = 0, used = 0; allowed[k] != NULL && used < sizeof(list); k++)
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", k > 0 ? ", " : "", allowed[k]);
        return error_hint(err, "a %s URL takes: %s", url->scheme, list);
    }
    return 0;
}

static int check_place(const char *country, const char *site, struct error *err)
{
    if (country != NULL &&
        (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z')) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is not a country code", country);
        return error_hint(err, "write two capital letters (ISO 3166-1), such as country=JP");
    }
    if (site != NULL && (site[0] == '\0' || strlen(site) > 64)) {
        (void)error_set(err, ERROR_CONFIG, "the site \"%s\" is empty or longer than 64 bytes", site);
        return error_hint(err, "write a short name of the place, such as site=osaka-2");
    }
    return 0;
}

int target_url_or_option(const struct target_url *url, const char *key, const char *option, const char **ret,
                         struct error *err)
{
    const char *param = target_url_param(url, key);
    *ret = param != NULL ? param : option;
    if (param == NULL || option == NULL)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "\"%s\" is given twice, in the URL and beside it", key);
    return error_hint(err, "leave one of them out");
}

int target_traits_init(struct target_traits *traits, const struct target_options *options, const struct target_url *url,
                       const char *provider, struct error *err)
{
    const char *country, *site;
    *traits = (struct target_traits){0};
    if (target_url_or_option(url, "country", options->country, &country, err) != 0 ||
        target_url_or_option(url, "site", options->site, &site, err) != 0 || check_place(country, site, err) != 0)
        return -1;
    traits->name = mem_strdup(options->name);
    traits->url = mem_strdup(options->url);
    traits->driver = mem_strdup(url->scheme);
    traits->provider = mem_strdup(provider);
    traits->country = country != NULL ? mem_strdup(country) : NULL;
    traits->site = site != NULL ? mem_strdup(site) : NULL;
    traits->attested = country != NULL;
    if (traits->name == NULL || traits->url == NULL || traits->driver == NULL || traits->provider == NULL ||
        (country != NULL && traits->country == NULL) || (site != NULL && traits->site == NULL)) {
        target_traits_free(traits);
        return error_no_memory(err);
    }
    return 0;
}

void target_traits_free(struct target_traits *traits)
{
    mem_free(traits->name);
    mem_free(traits->url);
    mem_free(traits->driver);
    mem_free(traits->provider);
    mem_free(traits->country);
    mem_free(traits->site);
    mem_free(traits->region);
    mem_free(traits->place);
    *traits = (struct target_traits){0};
}
