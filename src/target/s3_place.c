#include "target/s3_place.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct s3_provider providers[] = {
    {.name = "aws",
     .endpoint = "https://s3.%s.amazonaws.com",
     .virtual_style = true,
     .sha256 = true,
     .once_with_versions = true,
     .names_region_on_create = true},
    {.name = "wasabi", .endpoint = "https://s3.%s.wasabisys.com", .names_region_on_create = true},
    {.name = "ceph"},
    {.name = "swift", .listing_may_be_stale = true},
    {.name = "generic"},
};
enum { PROVIDERS = sizeof(providers) / sizeof(providers[0]) };
static const char allowed_providers[] = "aws, wasabi, ceph, swift or generic";

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static const struct s3_provider *find_provider(const char *name)
{
    for (size_t i = 0; i < PROVIDERS; i++)
        if (strcmp(providers[i].name, name) == 0)
            return &providers[i];
    return NULL;
}

/* By name; else by the endpoint; without both it is AWS, as for every other program. */
static int choose_provider(const char *name, const char *endpoint, const struct s3_provider **ret, struct error *err)
{
    CLEANUP_FREE char *host = endpoint != NULL ? mem_strdup(endpoint) : NULL;
    if (endpoint != NULL && host == NULL)
        return error_no_memory(err);
    if (name == NULL && host != NULL) {
        char *authority = strstr(host, "://");
        authority = authority != NULL ? authority + 3 : host;
        authority[strcspn(authority, ":/")] = '\0';
        name = ends_with(authority, ".amazonaws.com")   ? "aws"
               : ends_with(authority, ".wasabisys.com") ? "wasabi"
                                                        : "generic";
    }
    *ret = find_provider(name != NULL ? name : "aws");
    if (*ret != NULL)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "\"%s\" is no provider that hikae knows", name);
    return error_hint(err, "write %s", allowed_providers);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and what older stores allow. */
static bool bucket_valid(const char *bucket)
{
    size_t size = strlen(bucket);
    return size >= 3 && size <= 63 &&
           strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size &&
           bucket[0] != '.' && bucket[0] != '-' && bucket[size - 1] != '-' && strstr(bucket, "..") == NULL;
}

static bool word_valid(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size < 64 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == size;
}

static int read_prefix(const char *path, char **ret, struct error *err)
{
    while (*path == '/')
        path++;
    size_t size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    CLEANUP_FREE char *prefix = mem_printf("%.*s", (int)size, path);
    if (prefix == NULL)
        return error_no_memory(err);
    if (size > 200 || (size > 0 && !target_name_valid(prefix))) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" cannot be a prefix of names", prefix);
        return error_hint(err, "use A-Z a-z 0-9 . _ - between single slashes, 200 bytes at most");
    }
    *ret = size > 0 ? mem_printf("%s/", prefix) : mem_strdup("");
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* "192.0.2.1" or "[2001:db8::1]"; what is said of it, or nothing, goes to *ret_loopback. */
static bool is_address(const char *host, bool *ret_loopback)
{
    size_t size = strlen(host);
    char text[INET6_ADDRSTRLEN] = "";
    struct in_addr four;
    struct in6_addr six;
    *ret_loopback = false;
    if (inet_pton(AF_INET, host, &four) == 1) {
        *ret_loopback = ntohl(four.s_addr) >> 24 == 127;
        return true;
    }
    if (size < 3 || size - 2 >= sizeof(text) || host[0] != '[' || host[size - 1] != ']')
        return false;
    memcpy(text, host + 1, size - 2);
    if (inet_pton(AF_INET6, text, &six) != 1)
        return false;
    *ret_loopback = IN6_IS_ADDR_LOOPBACK(&six);
    return true;
}

/* This machine, whatever a name server says: libcurl looks "localhost" and what is below it up in no other way. */
static bool is_loopback(const char *host)
{
    bool loopback;
    return is_address(host, &loopback) ? loopback : strcasecmp(host, "localhost") == 0 || ends_with(host, ".localhost");
}

/* A name of letters, digits, '-', '_' and single dots, or an address. */
static bool host_valid(const char *host)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t size = strlen(host);
    bool loopback;
    return is_address(host, &loopback) || (size > 0 && size <= 253 && strspn(host, plain) == size && host[0] != '.' &&
                                           host[0] != '-' && strstr(host, "..") == NULL);
}

/* A port, decimal, without a leading zero. */
static bool port_valid(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= 5 && strspn(text, "0123456789") == size && text[0] != '0' &&
           strtol(text, NULL, 10) < 65536;
}

/* "https://HOST[:PORT][/]" in its parts. */
static int split_endpoint(const char *endpoint, struct s3_place *place, struct error *err)
{
    static const char hint[] = "write endpoint=https://HOST or https://HOST:PORT";
    place->tls = strncmp(endpoint, "https://", 8) == 0;
    const char *authority = endpoint + (place->tls ? 8 : 7);
    if (!place->tls && strncmp(endpoint, "http://", 7) != 0) {
        (void)error_set(err, ERROR_CONFIG, "the endpoint \"%s\" begins neither with https:// nor http://", endpoint);
        return error_hint(err, hint);
    }
    size_t size = strcspn(authority, "/");
    CLEANUP_FREE char *text = mem_printf("%.*s", (int)size, authority);
    if (text == NULL)
        return error_no_memory(err);
    char *port = strrchr(text, ':');
    if (port != NULL && strchr(port, ']') != NULL)
        port = NULL;
    CLEANUP_FREE char *host = mem_printf("%.*s", port != NULL ? (int)(port - text) : (int)size, text);
    if (host == NULL)
        return error_no_memory(err);
    bool good = host_valid(host) && authority[size + strspn(authority + size, "/")] == '\0' &&
                (port == NULL || port_valid(port + 1));
    if (!good) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is not the endpoint of a store", endpoint);
        return error_hint(err, hint);
    }
    place->here = is_loopback(host);
    if (!place->tls && !place->here && !place->options.insecure) {
        (void)error_set(err, ERROR_CONFIG, "the endpoint %s is not encrypted, and not on this machine", endpoint);
        return error_hint(err, "use https://, or say insecure=true if the line is protected by other means");
    }
    if (port != NULL && strcmp(port + 1, place->tls ? "443" : "80") == 0)
        port = NULL;
    place->host = port != NULL ? mem_printf("%s%s", host, port) : mem_strdup(host);
    return place->host != NULL ? 0 : error_no_memory(err);
}

static int read_endpoint(struct s3_place *place, struct error *err)
{
    const char *endpoint = place->options.endpoint;
    if (endpoint == NULL && place->provider->endpoint == NULL) {
        (void)error_set(err, ERROR_CONFIG, "where a store of the provider %s lies must be said", place->provider->name);
        return error_hint(err, "add endpoint=https://HOST");
    }
    if (endpoint != NULL)
        return split_endpoint(endpoint, place, err);
    /* The one place where a provider's name becomes an address; China has a domain of its own. */
    const char *format = place->provider->endpoint, *slot = strstr(format, "%s");
    bool china = strcmp(place->provider->name, "aws") == 0 && strncmp(place->region, "cn-", 3) == 0;
    CLEANUP_FREE char *made =
        mem_printf("%.*s%s%s%s", (int)(slot - format), format, place->region, slot + 2, china ? ".cn" : "");
    return made != NULL ? split_endpoint(made, place, err) : error_no_memory(err);
}

/* How long the host is before the domain of the provider (for AWS in China with ".cn" behind it); 0: it is another's.
 */
static size_t before_domain(const struct s3_provider *provider, const char *host)
{
    if (provider->endpoint == NULL)
        return 0;
    const char *domain = strstr(provider->endpoint, "%s") + 2;
    size_t size = strlen(host), end = strlen(domain);
    if (size > 3 && strcmp(host + size - 3, ".cn") == 0)
        size -= 3;
    return size > end && strncmp(host + size - end, domain, end) == 0 ? size - end : 0;
}

/*
 * Is this the region of a provider's own host, of which `size` bytes are before the domain? "s3.REGION",
 * "s3.dualstack.REGION", "….s3.REGION.vpce": the last word. Those further to the left are names that customers choose.
 */
static bool is_region_of(const char *host, size_t size, const char *region)
{
    size_t length = strlen(region);
    if (size > 5 && strncmp(host + size - 5, ".vpce", 5) == 0)
        size -= 5;
    return size > length && strncmp(host + size - length, region, length) == 0 && host[size - length - 1] == '.';
}

/*
 * Only a provider's own endpoint, over TLS, tells where data lies; behind any other the operator must say it. The
 * endpoint and the region must mean the same place: the one decides where the bytes go, the other what is promised.
 */
static int find_known(struct s3_place *place, struct error *err)
{
    size_t size = before_domain(place->provider, place->host);
    if (!place->tls || size == 0)
        return 0;
    if (!is_region_of(place->host, size, place->region)) {
        (void)error_set(err, ERROR_CONFIG, "the endpoint %s is not that of the region %s", place->host, place->region);
        return error_hint(err, "leave endpoint= out: the provider %s and the region are enough", place->provider->name);
    }
    place->known = provider_region_find(place->provider->name, place->region);
    return 0;
}

static int read_region(struct s3_place *place, const char *from_credentials, struct error *err)
{
    const char *region = place->options.region != NULL ? place->options.region : from_credentials;
    if (region == NULL && place->provider->endpoint != NULL) {
        (void)error_set(err, ERROR_CONFIG, "the region is missing");
        return error_hint(err, "add region=…, such as region=ap-northeast-1");
    }
    if (region == NULL)
        region = "us-east-1";
    if (!word_valid(region))
        return error_set(err, ERROR_CONFIG, "\"%s\" cannot be a region", region);
    place->region = mem_strdup(region);
    return place->region != NULL ? 0 : error_no_memory(err);
}

/* ---- What URLs say ---- */

static int read_word(const struct target_url *url, const char *key, const struct target_words *words, bool given,
                     int *ret, struct error *err)
{
    const char *text = target_url_param(url, key);
    if (text == NULL)
        return 0;
    int word = target_word_find(words, text, strlen(text));
    if (given)
        return error_set(err, ERROR_CONFIG, "\"%s\" is given twice, in the URL and beside it", key);
    if (word < 0) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is no value for \"%s\"", text, key);
        return error_hint(err, "write %s", words->allowed);
    }
    *ret = word;
    return 0;
}

/* "KIND" or "KIND:VALUE": the keys for everything. What has a value needs it, but for the prefix of variables. */
static int read_credentials(const struct target_url *url, struct target_options *o, struct error *err)
{
    const char *text = target_url_param(url, "credentials");
    if (text == NULL)
        return 0;
    size_t size = strcspn(text, ":");
    int kind = target_word_find(&target_words_credentials, text, size);
    const char *value = text[size] == ':' ? text + size + 1 : NULL;
    bool takes = kind != TARGET_CREDENTIALS_DEFAULT && kind != TARGET_CREDENTIALS_METADATA;
    if (o->write.kind != TARGET_CREDENTIALS_DEFAULT)
        return error_set(err, ERROR_CONFIG, "\"credentials\" is given twice, in the URL and beside it");
    if (kind < 0 || (value != NULL && (!takes || value[0] == '\0')) ||
        (value == NULL && takes && kind != TARGET_CREDENTIALS_ENVIRONMENT)) {
        (void)error_set(err, ERROR_CONFIG, "\"credentials\" says where keys are, never what they are");
        return error_hint(err, "write %s", target_words_credentials.allowed);
    }
    o->write = (struct target_credentials){(enum target_credentials_kind)kind, value};
    return 0;
}

/* "MODE:DAYS" */
static int read_lock(const struct target_url *url, struct target_options *options, struct error *err)
{
    const char *text = target_url_param(url, "lock");
    if (text == NULL)
        return 0;
    size_t size = strcspn(text, ":");
    int mode = target_word_find(&target_words_lock, text, size);
    const char *days = text[size] == ':' ? text + size + 1 : "";
    size_t digits = strlen(days);
    if (options->lock != TARGET_LOCK_NONE)
        return error_set(err, ERROR_CONFIG, "the lock is given twice, in the URL and beside it");
    if (mode <= TARGET_LOCK_NONE || digits == 0 || digits > 5 || strspn(days, "0123456789") != digits ||
        days[0] == '0') {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is no lock", text);
        return error_hint(err, "write lock=compliance:30 or lock=governance:30, with the number of days");
    }
    options->lock = (enum target_lock_mode)mode;
    options->lock_days = (unsigned)strtoul(days, NULL, 10);
    return 0;
}

static int read_insecure(const struct target_url *url, struct target_options *options, struct error *err)
{
    const char *text = target_url_param(url, "insecure");
    if (text == NULL)
        return 0;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return error_set(err, ERROR_CONFIG, "insecure is true or false, not \"%s\"", text);
    options->insecure = options->insecure || text[0] == 't';
    return 0;
}

static int merge(const struct target_url *url, struct target_options *o, struct error *err)
{
    static const char *const allowed[] = {"endpoint", "region",    "provider", "country",     "site",
                                          "style",    "signature", "insecure", "credentials", "ca_file",
                                          "proxy",    "lock",      NULL};
    const struct {
        const char *key;
        const char **option;
    } texts[] = {
        {"endpoint", &o->endpoint}, {"region", &o->region}, {"provider", &o->provider},
        {"ca_file", &o->ca_file},   {"proxy", &o->proxy},
    };
    if (target_url_check_params(url, allowed, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (target_url_or_option(url, texts[i].key, *texts[i].option, texts[i].option, err) != 0)
            return -1;
    int style = (int)o->style;
    if (read_credentials(url, o, err) != 0)
        return -1;
    if (read_word(url, "style", &target_words_style, o->style != TARGET_STYLE_AUTO, &style, err) != 0 ||
        read_lock(url, o, err) != 0 || read_insecure(url, o, err) != 0)
        return -1;
    o->style = (enum target_style)style;
    return 0;
}

/*
 * A proxy's URL is shown and logged like the target's; and what goes without TLS to this machine must not leave it by
 * way of a proxy.
 */
static int check_proxy(const struct s3_place *place, struct error *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    const char *proxy = place->options.proxy, *authority = NULL;
    if (proxy == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(proxy, schemes[i], strlen(schemes[i])) == 0)
            authority = proxy + strlen(schemes[i]);
    if (strchr(proxy, '@') != NULL) {
        (void)error_set(err, ERROR_CONFIG,
                        "the proxy's URL holds a user name or password, which would be shown and "
                        "logged");
        return error_hint(err, "write proxy=http://HOST:PORT without them; or leave it out and set https_proxy in the "
                               "environment of the service");
    }
    size_t size = authority != NULL ? strcspn(authority, "/") : 0;
    CLEANUP_FREE char *host = mem_printf("%.*s", (int)size, authority != NULL ? authority : "");
    if (host == NULL)
        return error_no_memory(err);
    char *port = strrchr(host, ':');
    bool ported = port != NULL && strchr(port, ']') == NULL;
    bool port_good = !ported || port_valid(port + 1);
    if (ported)
        *port = '\0';
    if (authority == NULL || !host_valid(host) || !port_good ||
        (authority[size] != '\0' && authority[size + 1] != '\0')) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" is not the URL of a proxy", proxy);
        return error_hint(err, "write proxy=http://HOST:PORT, or https, socks5 or socks5h");
    }
    if (place->tls || place->options.insecure || is_loopback(host))
        return 0;
    (void)error_set(err, ERROR_CONFIG, "the endpoint is not encrypted, and the proxy %s is not on this machine", host);
    return error_hint(err, "use https://, or say insecure=true if the line is protected by other means");
}

/* A bucket can be part of a host name if it is one label of it: a certificate for *.s3… is for no more. */
static bool is_label(const char *bucket)
{
    return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(bucket);
}

static int choose_style(struct s3_place *place, struct error *err)
{
    CLEANUP_FREE char *host = mem_strdup(place->host);
    bool loopback, wanted = place->options.style == TARGET_STYLE_VIRTUAL;
    if (host == NULL)
        return error_no_memory(err);
    char *port = strrchr(host, ':');
    if (port != NULL && strchr(port, ']') == NULL)
        *port = '\0';
    bool address = is_address(host, &loopback);
    place->virtual_style = wanted || (place->options.style == TARGET_STYLE_AUTO && place->provider->virtual_style &&
                                      !address && is_label(place->bucket));
    if (wanted && (address || (place->tls && strchr(place->bucket, '.') != NULL))) {
        (void)error_set(err, ERROR_CONFIG, "the bucket %s cannot be part of the host name: %s", place->bucket,
                        address ? "the endpoint is an address" : "no certificate is for a name with its dots");
        return error_hint(err, "write style=path");
    }
    return 0;
}

static int keep_text(const char *from, char **ret, struct error *err)
{
    *ret = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *ret != NULL ? 0 : error_no_memory(err);
}

static int read_place(const struct target_url *url, const char *region, struct s3_place *place, struct error *err)
{
    if (merge(url, &place->options, err) != 0)
        return -1;
    if (!bucket_valid(url->authority)) {
        (void)error_set(err, ERROR_CONFIG, "\"%s\" cannot be the name of a bucket", url->authority);
        return error_hint(err, "buckets have names of 3 to 63 characters of a-z, 0-9, '-' and '.'");
    }
    place->bucket = mem_strdup(url->authority);
    if (place->bucket == NULL)
        return error_no_memory(err);
    if (choose_provider(place->options.provider, place->options.endpoint, &place->provider, err) != 0 ||
        read_prefix(url->path, &place->prefix, err) != 0 || read_region(place, region, err) != 0 ||
        read_endpoint(place, err) != 0 || check_proxy(place, err) != 0 || choose_style(place, err) != 0 ||
        find_known(place, err) != 0 || keep_text(place->options.storage_class, &place->storage_class, err) != 0 ||
        keep_text(place->options.sse_key, &place->sse_key, err) != 0)
        return -1;
    return 0;
}

int s3_place_read(const struct target_options *options, const struct target_url *url, const char *region,
                  struct s3_place *ret, struct error *err)
{
    *ret = (struct s3_place){.options = *options};
    if (read_place(url, region, ret, err) == 0)
        return 0;
    s3_place_free(ret);
    return -1;
}

void s3_place_free(struct s3_place *place)
{
    mem_free(place->bucket);
    mem_free(place->prefix);
    mem_free(place->region);
    mem_free(place->host);
    mem_free(place->storage_class);
    mem_free(place->sse_key);
    *place = (struct s3_place){0};
}
