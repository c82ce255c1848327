#include "keys/kms.h"

#include "base/clock.h"
#include "base/mem.h"
#include "target/credentials.h"
#include "target/s3_http.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 4, FIRST_WAIT_MS = 200, TIMEOUT_S = 20, CODE_SIZE = 64, MESSAGE_SIZE = 200 };

struct kms {
    struct s3_http *http;
    struct credentials *credentials;
    char *region;
    char *url;
    const char *host; /* within url */
};

/* ---- Opening ---- */

static bool is_region(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size < 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* "https://HOST[:PORT]"; without TLS only on this machine. The host goes into a header and is signed as it stands. */
static bool is_endpoint(const char *url, size_t *ret_scheme)
{
    static const char tls[] = "https://", clear[] = "http://";
    static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};
    bool secure = strncmp(url, tls, sizeof(tls) - 1) == 0;
    if (!secure && strncmp(url, clear, sizeof(clear) - 1) != 0)
        return false;
    *ret_scheme = secure ? sizeof(tls) - 1 : sizeof(clear) - 1;
    const char *host = url + *ret_scheme;
    if (host[0] == '\0' || host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]")] != '\0')
        return false;
    for (size_t i = 0; !secure && i < sizeof(here) / sizeof(here[0]); i++) {
        size_t size = strlen(here[i]);
        if (strncmp(host, here[i], size) == 0 && (host[size] == '\0' || host[size] == ':'))
            return true;
    }
    return secure;
}

static int fill_in(struct kms *kms, const struct holder_options *options, struct error *err)
{
    size_t scheme = 0;
    if (!is_region(options->region))
        return error_set(err, ERROR_CONFIG, "\"%.64s\" is no region", options->region);
    kms->region = mem_strdup(options->region);
    kms->url = options->endpoint != NULL ? mem_strdup(options->endpoint)
                                         : mem_printf("https://kms.%s.amazonaws.com", options->region);
    if (kms->region == NULL || kms->url == NULL)
        return error_no_memory(err);
    if (!is_endpoint(kms->url, &scheme)) {
        (void)error_set(err, ERROR_CONFIG, "\"%.100s\" is no endpoint of a key service", kms->url);
        return error_hint(err, "write https://HOST[:PORT], in lower case and without a path");
    }
    kms->host = kms->url + scheme;
    const struct target_options http = {
        .name = "the key service", .connections = 1, .timeout_s = TIMEOUT_S, .ca_file = options->ca_file};
    const struct credentials_options credentials = {.from = options->credentials};
    if (credentials_open(&credentials, &kms->credentials, err) != 0)
        return -1;
    return s3_http_new(&http, &kms->http, err);
}

int kms_open(const struct holder_options *options, struct kms **ret, struct error *err)
{
    struct kms *kms = mem_calloc(1, sizeof(*kms));
    if (kms == NULL)
        return error_no_memory(err);
    if (fill_in(kms, options, err) == 0) {
        *ret = kms;
        return 0;
    }
    kms_close(kms);
    return -1;
}

void kms_close(struct kms *kms)
{
    if (kms == NULL)
        return;
    s3_http_free(kms->http);
    credentials_close(kms->credentials);
    mem_free(kms->region);
    mem_free(kms->url);
    mem_free(kms);
}

/* ---- What an answer means ---- */

static const struct meaning {
    const char *code; /* NULL: by the status */
    long status;      /* 0: any */
    enum error_class class;
    bool retryable;
    const char *hint;
} meanings[] = {
    {"NotFoundException", 0, ERROR_NOT_FOUND, false, "the key was deleted, or is of another account or region"},
    {"KMSInvalidStateException", 0, ERROR_KEYS, false, "the key is to be deleted, or not ready"},
    {"DisabledException", 0, ERROR_KEYS, false, "somebody disabled the key: enable it again, or use another group"},
    {"InvalidCiphertextException", 0, ERROR_KEYS, false, NULL},
    {"IncorrectKeyException", 0, ERROR_KEYS, false, NULL},
    {"InvalidKeyUsageException", 0, ERROR_KEYS, false, "the key is none for encrypting"},
    {"AccessDeniedException", 0, ERROR_DENIED, false, "give these credentials the right to do this with the key"},
    {"UnrecognizedClientException", 0, ERROR_DENIED, false, "the key service does not know the access key"},
    {"InvalidSignatureException", 0, ERROR_DENIED, false,
     "the secret key does not belong to the access key, or the clock of this machine is wrong"},
    {"IncompleteSignatureException", 0, ERROR_DENIED, false, "something between changes requests"},
    {"ExpiredTokenException", 0, ERROR_DENIED, false, "renew the session token of the credentials"},
    {"LimitExceededException", 0, ERROR_UNREACHABLE, false, "a limit of the account is reached: raise it"},
    {"ThrottlingException", 0, ERROR_UNREACHABLE, true, "the key service is throttling: run again later"},
    {"RequestLimitExceeded", 0, ERROR_UNREACHABLE, true, "the key service is throttling: run again later"},
    {"KMSInternalException", 0, ERROR_UNREACHABLE, true, "the key service has a fault: run again later"},
    {"DependencyTimeoutException", 0, ERROR_UNREACHABLE, true, "the key service has a fault: run again later"},
    {"KeyUnavailableException", 0, ERROR_UNREACHABLE, true, "the key service has a fault: run again later"},
    {NULL, 401, ERROR_DENIED, false, "check the credentials"},
    {NULL, 403, ERROR_DENIED, false, "check the credentials"},
    {NULL, 400, ERROR_CONFIG, false, "the key service does not take this request: check region, endpoint and key"},
    {NULL, 404, ERROR_CONFIG, false, "is there a key service at this endpoint?"},
    {NULL, 0, ERROR_UNREACHABLE, true, "the key service does not answer as it should: run again later"},
};

/* For people: one line, nothing that a terminal would obey. */
static void copy_plain(const json_t *json, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));
    size_t used = 0;
    for (; text != NULL && *text != '\0' && used + 1 < size; text++)
        if ((unsigned char)*text >= 0x20 && *text != 0x7f)
            out[used++] = *text;
    out[used] = '\0';
}

static int refuse(const struct kms *kms, const char *action, const struct s3_exchange *x, struct error *err)
{
    char type[2 * CODE_SIZE] = "", message[MESSAGE_SIZE] = "";
    CLEANUP_JSON json_t *json = NULL;
    if (x->refusal.size > 0 && json_parse(x->refusal.data, x->refusal.size, &json, err) != 0)
        return -1;
    copy_plain(json, "__type", type, sizeof(type));
    copy_plain(json, json_object_get(json, "message") != NULL ? "message" : "Message", message, sizeof(message));
    const char *hash = strrchr(type, '#'), *code = hash != NULL ? hash + 1 : type;
    const struct meaning *m = meanings;
    while ((m->code != NULL && strcmp(m->code, code) != 0) ||
           (m->code == NULL && m->status != 0 && m->status != x->status))
        m++;
    (void)error_set(err, m->class, "%s at %s: %ld%s%s%s%s", action, kms->host, x->status, code[0] != '\0' ? " " : "",
                    code, message[0] != '\0' ? ": " : "", message);
    if (err != NULL) {
        err->http_status = (int)x->status;
        err->retryable = m->retryable;
    }
    return m->hint != NULL ? error_hint(err, "%s", m->hint) : -1;
}

/* ---- One request ---- */

static int terminate(struct buf *out, struct error *err)
{
    if (buf_u8(out, 0, err) != 0)
        return -1;
    out->size--;
    return 0;
}

/* A request as it goes over the line. */
struct line {
    char time[S3_TIME_SIZE], hash[S3_HASH_HEX_SIZE], target[64];
    struct buf token, authorization; /* wiped */
    struct s3_header headers[8];
    size_t count;
};

static void line_clear(struct line *line)
{
    buf_wipe_free(&line->token);
    buf_wipe_free(&line->authorization);
}

static int sign(const struct kms *kms, const struct credentials_now *keys, struct line *line, struct error *err)
{
    line->headers[line->count++] = (struct s3_header){"content-type", "application/x-amz-json-1.1"};
    line->headers[line->count++] = (struct s3_header){"x-amz-date", line->time};
    line->headers[line->count++] = (struct s3_header){"x-amz-target", line->target};
    if (keys->session_token != NULL) {
        if (buf_append(&line->token, secret_borrow(keys->session_token), secret_size(keys->session_token), err) != 0 ||
            terminate(&line->token, err) != 0)
            return -1;
        line->headers[line->count++] = (struct s3_header){"x-amz-security-token", (const char *)line->token.data};
    }
    line->headers[line->count++] = (struct s3_header){"host", kms->host};
    const struct s3_signing signing = {.method = "POST",
                                       .path = "/",
                                       .query = "",
                                       .headers = line->headers,
                                       .header_count = line->count,
                                       .payload = line->hash,
                                       .region = kms->region,
                                       .service = "kms",
                                       .time = line->time,
                                       .access_key = keys->access_key_id,
                                       .secret = secret_borrow(keys->secret),
                                       .secret_size = secret_size(keys->secret)};
    if (s3_sign(&signing, &line->authorization, err) != 0 || terminate(&line->authorization, err) != 0)
        return -1;
    line->count--; /* Host is curl's to write; it writes the same */
    line->headers[line->count++] = (struct s3_header){"authorization", (const char *)line->authorization.data};
    return 0;
}

static int exchange(struct kms *kms, const char *action, const struct buf *body, const struct credentials_now *keys,
                    struct buf *answer, bool *ret_sent, struct error *err)
{
    CLEANUP(line_clear) struct line line = {0};
    CLEANUP_FREE char *url = mem_printf("%s/", kms->url);
    if (url == NULL)
        return error_no_memory(err);
    (void)snprintf(line.target, sizeof(line.target), "TrentService.%s", action);
    (void)s3_time(clock_machine_ns(), line.time);
    if (s3_hash_hex(body->data, body->size, line.hash, err) != 0 || sign(kms, keys, &line, err) != 0)
        return -1;
    CLEANUP(s3_exchange_free)
    struct s3_exchange x = {.method = "POST",
                            .url = url,
                            .headers = line.headers,
                            .header_count = line.count,
                            .body = body->data,
                            .body_size = body->size,
                            .sink = answer,
                            .sink_max = KMS_ANSWER_MAX};
    int rc = s3_http_do(kms->http, &x, err);
    *ret_sent = x.sent && (rc != 0 || x.status >= 500);
    if (rc != 0)
        return -1;
    if (x.status != 200)
        return refuse(kms, action, &x, err);
    return x.overflow ? error_set(err, ERROR_DAMAGED, "%s at %s: the answer is too long", action, kms->host) : 0;
}

static int try_once(struct kms *kms, const char *action, const struct buf *body, struct buf *answer, bool *ret_sent,
                    struct error *err)
{
    CLEANUP_CREDENTIALS const struct credentials_now *keys = NULL;
    if (credentials_get(kms->credentials, &keys, err) != 0)
        return error_wrap(err, "credentials of the key service");
    if (exchange(kms, action, body, keys, answer, ret_sent, err) == 0)
        return 0;
    if (err->class == ERROR_DENIED && strstr(err->what, "ExpiredToken") != NULL)
        err->retryable = credentials_reject(kms->credentials, keys);
    return -1;
}

static int call(struct kms *kms, const char *action, const struct buf *body, bool once, struct buf *answer,
                struct error *err)
{
    for (unsigned tries = 1;; tries++) {
        struct error why = {0};
        bool sent = false;
        answer->size = 0;
        if (try_once(kms, action, body, answer, &sent, &why) == 0)
            return 0;
        *err = why;
        if (!why.retryable || tries == TRIES || (once && sent) ||
            s3_http_wait(kms->http, (unsigned)FIRST_WAIT_MS << (tries - 1), err) != 0)
            return -1;
    }
}

int kms_call(struct kms *kms, const char *action, const json_t *request, bool once, json_t **ret, struct error *err)
{
    CLEANUP(buf_wipe_free) struct buf body = {0};
    CLEANUP(buf_wipe_free) struct buf answer = {0};
    char *text = NULL;
    struct error own = {0};
    err = err != NULL ? err : &own;
    if (json_print(request, &text, err) != 0)
        return -1;
    int rc = buf_append(&body, text, strlen(text), err);
    mem_wipe(text, strlen(text));
    mem_free(text);
    /* No growing while the answer comes in: what is left behind by that would not be wiped. */
    if (rc != 0 || buf_reserve(&answer, KMS_ANSWER_MAX, err) != 0 || call(kms, action, &body, once, &answer, err) != 0)
        return -1;
    json_t *json = NULL;
    if (json_parse(answer.data, answer.size, &json, err) != 0)
        return -1;
    if (json_is_object(json)) {
        *ret = json;
        return 0;
    }
    json_decref(json);
    return error_set(err, ERROR_UNREACHABLE, "%s at %s: the answer is no JSON object", action, kms->host);
}

void kms_wipe(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        mem_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    json_decref(object);
}

bool kms_is_arn(const char *text, const char *region)
{
    size_t size = strlen(region);
    if (strlen(text) > KMS_ARN_MAX || strncmp(text, "arn:", 4) != 0)
        return false;
    const char *service = strchr(text + 4, ':');
    if (service == NULL || strncmp(service, ":kms:", 5) != 0 || strncmp(service + 5, region, size) != 0)
        return false;
    const char *account = service + 5 + size;
    size_t digits = account[0] == ':' ? strspn(account + 1, "0123456789") : 0;
    return digits == 12 && strncmp(account + 1 + digits, ":key/", 5) == 0 &&
           account[1 + digits + 5 + strspn(account + 1 + digits + 5, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
               '\0' &&
           account[1 + digits + 5] != '\0';
}
