/*
 * Credentials from metadata services: those of containers (ECS, EKS) and those
 * of EC2 instances, version 2 only: a token first, by PUT, which a request
 * forged through some other program could not do. Requests go to the service
 * itself, never through a proxy or to where an answer redirects, and end soon:
 * the services are on the same machine.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "target/credentials_internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ANSWER_MAX = 32 << 10,
    ROLE_MAX = 128,
    TOKEN_FILE_MAX = 16 << 10,
    CONNECT_TIMEOUT_MS = 1000,
    TIMEOUT_MS = 5000,
    PAUSE_MS = 100 /* before the second attempt; then doubled */
};

#define INSTANCE_BASE  "http://169.254.169.254"
#define CONTAINER_BASE "http://169.254.170.2"
/* The life of IMDSv2's token, in seconds: renewed with the credentials, so that a few minutes are enough. */
#define TOKEN_LIFE "X-aws-ec2-metadata-token-ttl-seconds: 300"

/* ---- One request ---- */

/* An answer in memory for secrets. */
struct answer {
    struct secret *body; /* of ANSWER_MAX */
    size_t size;
    long status;
};

static void answer_free(struct answer *answer)
{
    secret_free(answer->body);
}

static size_t receive(char *bytes, size_t one, size_t size, void *context)
{
    struct answer *answer = context;
    (void)one;
    if (size > ANSWER_MAX - answer->size)
        return 0;
    memcpy(secret_bytes(answer->body) + answer->size, bytes, size);
    answer->size += size;
    return size;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static CURLcode set_options(CURL *curl, const char *method, const char *url, struct curl_slist *headers,
                            struct answer *answer)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_PROXY, "");
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    return code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

/* Ask once. `what` names the service in messages; `header` ("Name: value") may be NULL. */
static int request(const char *method, const char *url, const char *header, const char *what, struct answer *answer,
                   struct error *err)
{
    (void)pthread_once(&curl_once, init_curl);
    answer->size = 0;
    if (answer->body == NULL && (answer->body = secret_new(ANSWER_MAX)) == NULL)
        return error_no_memory(err);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
    if (curl == NULL || (header != NULL && headers == NULL)) {
        curl_easy_cleanup(curl);
        return error_no_memory(err);
    }
    CURLcode code = set_options(curl, method, url, headers, answer);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    for (struct curl_slist *each = headers; each != NULL; each = each->next)
        mem_wipe(each->data, strlen(each->data));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE, "%s at %s does not answer: %s", what, url, curl_easy_strerror(code));
    if (err != NULL)
        err->retryable = true;
    return -1;
}

static bool may_pass(long status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* What another status than 200 means. */
static int refused(long status, const char *url, const char *what, struct error *err)
{
    enum error_class class = may_pass(status)                 ? ERROR_UNREACHABLE
                             : status == 401 || status == 403 ? ERROR_DENIED
                                                              : ERROR_CONFIG;
    (void)error_set(err, class, "%s answered %ld for %s", what, status, url);
    if (err != NULL) {
        err->http_status = (int)status;
        err->retryable = class == ERROR_UNREACHABLE;
    }
    return -1;
}

/* Ask until there is an answer that will not change by asking again; 0 only for status 200. */
static int ask(const char *method, const char *url, const char *header, const char *what, unsigned attempts,
               struct answer *answer, struct error *err)
{
    for (unsigned attempt = 1;; attempt++) {
        int rc = request(method, url, header, what, answer, err);
        if (rc == 0 && answer->status == 200)
            return 0;
        if (attempt >= attempts || (rc == 0 && !may_pass(answer->status)))
            return rc == 0 ? refused(answer->status, url, what, err) : -1;
        const struct timespec pause = {.tv_nsec = ((long)PAUSE_MS << (attempt - 1)) * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- What is answered ---- */

static struct bytes member(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    return json_is_string(value) ? (struct bytes){(const uint8_t *)json_string_value(value), json_string_length(value)}
                                 : (struct bytes){0};
}

static void wipe_members(json_t *json)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        if (json_is_string(value))
            mem_wipe((char *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
}

static int take_expiry(const json_t *json, const char *what, int64_t now_ns, struct credentials_found *found,
                       struct error *err)
{
    struct bytes text = member(json, "Expiration");
    if (text.size == 0)
        return 0;
    if (clock_parse((const char *)text.data, &found->expires_ns, err) != 0)
        return error_set(err, ERROR_CONFIG, "%s says no time that can be understood for the end of its credentials",
                         what);
    if (found->expires_ns > now_ns)
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE, "%s gave credentials that have expired already", what);
    if (err != NULL)
        err->retryable = true;
    return error_hint(err, "check this machine's clock, and whether the role still exists");
}

/* {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …}, and of instances "Code": "Success". */
static int take_members(const json_t *json, const char *what, int64_t now_ns, struct credentials_found *found,
                        struct error *err)
{
    struct bytes code = member(json, "Code"), success = bytes_of("Success");
    if (code.size > 0 && !bytes_equal(&code, &success))
        return error_set(err, ERROR_DENIED, "%s has no credentials to give", what);
    if (take_expiry(json, what, now_ns, found, err) != 0)
        return -1;
    return credentials_found_set(found, member(json, "AccessKeyId"), member(json, "SecretAccessKey"),
                                 member(json, "Token"), what, err);
}

static int take_answer(const struct answer *answer, const char *what, int64_t now_ns, struct credentials_found *found,
                       struct error *err)
{
    json_t *json = NULL;
    if (json_parse(secret_borrow(answer->body), answer->size, &json, err) != 0)
        return -1;
    int rc = json_is_object(json) ? take_members(json, what, now_ns, found, err)
                                  : error_set(err, ERROR_CONFIG, "%s answered what is no JSON object", what);
    wipe_members(json);
    json_decref(json);
    if (rc != 0)
        return -1;
    found->described = mem_strdup(what);
    return found->described != NULL ? 0 : error_no_memory(err);
}

/* "Name: " and the answer's bytes, which must be printable; wiped by the caller. NULL with err filled. */
static char *header_of(const char *name, const uint8_t *value, size_t size, const char *what, struct error *err)
{
    while (size > 0 && (value[size - 1] == '\n' || value[size - 1] == '\r'))
        size--;
    bool sound = size > 0;
    for (size_t i = 0; i < size; i++)
        sound = sound && value[i] >= ' ' && value[i] <= '~';
    if (!sound) {
        (void)error_set(err, ERROR_CONFIG, "%s is empty or holds bytes that cannot be in a header", what);
        return NULL;
    }
    char *header = mem_printf("%s: %.*s", name, (int)size, (const char *)value);
    if (header == NULL)
        (void)error_no_memory(err);
    return header;
}

static void wipe_free(char **text)
{
    if (*text != NULL)
        mem_wipe(*text, strlen(*text));
    mem_free(*text);
}
#define CLEANUP_WIPE CLEANUP(wipe_free)

/* ---- Containers ---- */

static const char *variable(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

bool credentials_in_container(void)
{
    return variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
           variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL;
}

/* Without TLS a token may only go to this machine, or to the addresses that ECS and EKS are known by. */
static bool host_is_local(const char *host)
{
    static const char *const known[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(host, known[i]) == 0)
            return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

static int check_full_url(const char *url, struct error *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    if (parts == NULL)
        return error_no_memory(err);
    bool sound = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_OK;
    bool safe = sound && (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && host_is_local(host)));
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    if (safe)
        return 0;
    (void)error_set(err, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an address to send a token to");
    return error_hint(err, "it must be https, or http on this machine, 169.254.170.2 or 169.254.170.23");
}

static int container_url(const char *base, char **ret, struct error *err)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL) {
        if (check_full_url(full, err) != 0)
            return -1;
        *ret = mem_strdup(full);
    } else {
        if (relative[0] != '/')
            return error_set(err, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
        *ret = mem_printf("%s%s", base != NULL ? base : CONTAINER_BASE, relative);
    }
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* The header of authorization, or NULL if none is asked for. The file is read each time: EKS changes it. */
static int container_header(char **ret, struct error *err)
{
    const char *path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    *ret = NULL;
    if (path != NULL) {
        struct buf text = {0};
        if (file_read(path, TOKEN_FILE_MAX, &text, err) == 0)
            *ret = header_of("Authorization", text.data, text.size, path, err);
        buf_wipe_free(&text);
        return *ret != NULL ? 0 : -1;
    }
    if (token != NULL)
        *ret =
            header_of("Authorization", (const uint8_t *)token, strlen(token), "AWS_CONTAINER_AUTHORIZATION_TOKEN", err);
    return token == NULL || *ret != NULL ? 0 : -1;
}

int credentials_read_container(const char *base, int64_t now_ns, struct credentials_found *found, struct error *err)
{
    static const char what[] = "the container's metadata service";
    CLEANUP_FREE char *url = NULL;
    CLEANUP_WIPE char *header = NULL;
    CLEANUP(answer_free) struct answer answer = {0};
    if (container_url(base, &url, err) != 0 || container_header(&header, err) != 0 ||
        ask("GET", url, header, what, 3, &answer, err) != 0)
        return -1;
    return take_answer(&answer, what, now_ns, found, err);
}

/* ---- Instances ---- */

static int instance_url(const char *base, const char *path, const char *more, char **ret, struct error *err)
{
    const char *set = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    base = base != NULL ? base : set != NULL ? set : INSTANCE_BASE;
    size_t size = strlen(base);
    while (size > 0 && base[size - 1] == '/')
        size--;
    *ret = mem_printf("%.*s%s%s", (int)size, base, path, more);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static const char instance[] = "the instance's metadata service";

static int instance_token(const char *base, unsigned attempts, char **ret_header, struct error *err)
{
    CLEANUP_FREE char *url = NULL;
    CLEANUP(answer_free) struct answer answer = {0};
    if (instance_url(base, "/latest/api/token", "", &url, err) != 0)
        return -1;
    if (ask("PUT", url, TOKEN_LIFE, instance, attempts, &answer, err) != 0) {
        /* The answer to the PUT has a time to live of one hop, which does not reach into containers. */
        return err != NULL && (err->class == ERROR_UNREACHABLE || err->class == ERROR_DENIED)
                   ? error_hint(err, "is this an EC2 instance with metadata switched on? In a container, its hop limit "
                                     "must be 2")
                   : -1;
    }
    *ret_header =
        header_of("X-aws-ec2-metadata-token", secret_borrow(answer.body), answer.size, "the token of metadata", err);
    return *ret_header != NULL ? 0 : -1;
}

/* The name of the instance's role: the first line of the answer. */
static int instance_role(const char *base, unsigned attempts, const char *header, char *role, struct error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
    CLEANUP_FREE char *url = NULL;
    CLEANUP(answer_free) struct answer answer = {0};
    if (instance_url(base, "/latest/meta-data/iam/security-credentials/", "", &url, err) != 0)
        return -1;
    if (ask("GET", url, header, instance, attempts, &answer, err) != 0)
        return err != NULL && err->http_status == 404 ? error_hint(err, "attach a role to the instance") : -1;
    const char *text = (const char *)secret_borrow(answer.body);
    size_t size = 0;
    while (size < answer.size && text[size] != '\n' && text[size] != '\r')
        size++;
    if (size == 0 || size > ROLE_MAX)
        return error_set(err, ERROR_CONFIG, "%s names no role", instance);
    (void)snprintf(role, ROLE_MAX + 1, "%.*s", (int)size, text);
    return strspn(role, allowed) == size ? 0 : error_set(err, ERROR_CONFIG, "%s names a role that cannot be", instance);
}

int credentials_read_instance(const char *base, int64_t now_ns, unsigned attempts, struct credentials_found *found,
                              struct error *err)
{
    char role[ROLE_MAX + 1];
    CLEANUP_WIPE char *header = NULL;
    CLEANUP_FREE char *url = NULL;
    CLEANUP(answer_free) struct answer answer = {0};
    if (instance_token(base, attempts, &header, err) != 0 || instance_role(base, attempts, header, role, err) != 0 ||
        instance_url(base, "/latest/meta-data/iam/security-credentials/", role, &url, err) != 0 ||
        ask("GET", url, header, instance, attempts, &answer, err) != 0)
        return -1;
    CLEANUP_FREE char *what = mem_printf("%s (role %s)", instance, role);
    if (what == NULL)
        return error_no_memory(err);
    return take_answer(&answer, what, now_ns, found, err);
}
