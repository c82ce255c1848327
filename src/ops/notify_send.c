/*
 * Sending a message: mail (RFC 5321, 5322, 2047) through SMTP with TLS, a
 * webhook signed with HMAC-SHA256, a ping. Each has one try and a short limit:
 * the night is over, and nobody waits for a mail server.
 */
#include "ops/notify.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/holder.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECRET_MAX = 4096, CONNECT_S = 10, LINE_BYTES = 54, WORD_BYTES = 42 };

const char *const notify_channel_names[NOTIFY_CHANNELS] = {
    [NOTIFY_MAIL] = "mail", [NOTIFY_WEBHOOK] = "webhook", [NOTIFY_PING] = "ping"};

static const char *url_of(const struct config_notify *config, enum notify_channel channel)
{
    const char *const urls[] = {
        [NOTIFY_MAIL] = config->mail_url, [NOTIFY_WEBHOOK] = config->webhook_url, [NOTIFY_PING] = config->ping_url};
    return urls[channel];
}

bool notify_is_set(const struct config_notify *config, enum notify_channel channel)
{
    return url_of(config, channel) != NULL;
}

/* A secret's file without the end of its line. */
static int read_secret(const char *path, struct secret **ret, struct error *err)
{
    struct secret *whole CLEANUP_SECRET = NULL;
    if (holder_read_secret(path, SECRET_MAX, true, &whole, err) != 0)
        return -1;
    size_t size = secret_size(whole);
    while (size > 0 && (secret_borrow(whole)[size - 1] == '\n' || secret_borrow(whole)[size - 1] == '\r'))
        size--;
    if (size == 0)
        return error_set(err, ERROR_KEYS, "%s is empty", path);
    *ret = secret_copy(secret_borrow(whole), size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* ---- The mail ---- */

static int append(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

/* RFC 2047: encoded words of at most 75 characters, each of whole characters. */
static int append_subject(struct buf *out, const char *subject, struct error *err)
{
    for (const char *p = subject; *p != '\0';) {
        size_t size = strlen(p);
        if (size > WORD_BYTES)
            for (size = WORD_BYTES; size > 1 && ((unsigned char)p[size] & 0xc0) == 0x80;)
                size--;
        CLEANUP_FREE char *word = base64_encode(p, size);
        if (word == NULL)
            return error_no_memory(err);
        if (append(out, p == subject ? "Subject: =?UTF-8?B?" : "\r\n =?UTF-8?B?", err) != 0 ||
            append(out, word, err) != 0 || append(out, "?=", err) != 0)
            return -1;
        p += size;
    }
    return append(out, "\r\n", err);
}

/* RFC 2045: lines of at most 76 characters. */
static int append_body(struct buf *out, const char *text, struct error *err)
{
    size_t left = strlen(text);
    for (; left > 0; left -= left < LINE_BYTES ? left : LINE_BYTES, text += LINE_BYTES) {
        CLEANUP_FREE char *line = base64_encode(text, left < LINE_BYTES ? left : LINE_BYTES);
        if (line == NULL)
            return error_no_memory(err);
        if (append(out, line, err) != 0 || append(out, "\r\n", err) != 0)
            return -1;
        if (left <= LINE_BYTES)
            break;
    }
    return 0;
}

static int make_mail(const struct config_notify *config, const struct notify_message *message, struct buf *out,
                     struct error *err)
{
    uint8_t random[16];
    char id[33], date[64];
    struct tm tm;
    time_t now = (time_t)(clock_machine_ns() / NS_PER_S);
    if (gmtime_r(&now, &tm) == NULL || strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
        return error_set(err, ERROR_INTERNAL, "the date of the mail cannot be written");
    if (crypto_random(random, sizeof(random), err) != 0)
        return -1;
    CLEANUP_FREE char *head =
        mem_printf("From: <%s>\r\nTo: <%s>\r\nDate: %s\r\nMessage-ID: <%s@hikae.invalid>\r\n", config->mail_from,
                   config->mail_to, date, hex_encode(random, sizeof(random), id));
    if (head == NULL)
        return error_no_memory(err);
    if (append(out, head, err) != 0 || append_subject(out, message->subject, err) != 0 ||
        append(out,
               "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               err) != 0)
        return -1;
    return append_body(out, message->text, err);
}

/* ---- Transport ---- */

struct transport {
    CURL *curl;
    CURLcode code;
    struct curl_slist *list; /* recipients, or headers */
    struct cursor payload;
    char why[CURL_ERROR_SIZE];
};

#define SET(transport, option, value)                                                                                  \
    ((transport)->code =                                                                                               \
         (transport)->code == CURLE_OK ? curl_easy_setopt((transport)->curl, option, value) : (transport)->code)

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t discard(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static size_t give(char *out, size_t size, size_t count, void *context)
{
    struct cursor *payload = context;
    size_t take = size * count < payload->left ? size * count : payload->left;
    cursor_copy(payload, out, take);
    return take;
}

static int start(struct transport *transport, const struct config_notify *config, const char *url, struct error *err)
{
    (void)pthread_once(&curl_once, init_curl);
    *transport = (struct transport){.curl = curl_easy_init()};
    if (transport->curl == NULL)
        return error_no_memory(err);
    SET(transport, CURLOPT_URL, url);
    SET(transport, CURLOPT_PROTOCOLS_STR, "https,smtp,smtps");
    SET(transport, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    SET(transport, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(transport, CURLOPT_FOLLOWLOCATION, 0L);
    SET(transport, CURLOPT_NOSIGNAL, 1L);
    SET(transport, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(transport, CURLOPT_TIMEOUT, (long)config->timeout_s);
    SET(transport, CURLOPT_WRITEFUNCTION, discard);
    SET(transport, CURLOPT_ERRORBUFFER, transport->why);
    if (config->ca_file != NULL)
        SET(transport, CURLOPT_CAINFO, config->ca_file);
    return 0;
}

static int add_to_list(struct transport *transport, const char *text, struct error *err)
{
    struct curl_slist *longer = text != NULL ? curl_slist_append(transport->list, text) : NULL;
    if (longer == NULL)
        return error_no_memory(err);
    transport->list = longer;
    return 0;
}

/* Send, judge and release. The URL may be a secret itself, so that only its host is told. */
static int finish(struct transport *transport, const char *url, struct error *err)
{
    long status = 0;
    const char *host = strstr(url, "://") + 3;
    int host_size = (int)strcspn(host, "/?#");
    if (transport->code == CURLE_OK)
        transport->code = curl_easy_perform(transport->curl);
    if (transport->code == CURLE_OK)
        (void)curl_easy_getinfo(transport->curl, CURLINFO_RESPONSE_CODE, &status);
    CURLcode code = transport->code;
    curl_easy_cleanup(transport->curl);
    curl_slist_free_all(transport->list);
    if (code != CURLE_OK) {
        (void)error_set(err, code == CURLE_LOGIN_DENIED ? ERROR_KEYS : ERROR_UNREACHABLE, "%.*s: %s", host_size, host,
                        transport->why[0] != '\0' ? transport->why : curl_easy_strerror(code));
        return code == CURLE_PEER_FAILED_VERIFICATION
                   ? error_hint(err, "notify: ca_file names the authority that signed its certificate")
                   : -1;
    }
    if (status / 100 == 2)
        return 0;
    return error_set(err, ERROR_UNREACHABLE, "%.*s answered %ld", host_size, host, status);
}

static int send_mail(const struct config_notify *config, const struct notify_message *message, struct error *err)
{
    struct secret *password CLEANUP_SECRET = NULL;
    struct transport transport;
    struct buf mail = {0};
    if (config->mail_password_file != NULL && read_secret(config->mail_password_file, &password, err) != 0)
        return -1;
    /* curl wants it with an end; it copies it, and forgets it with the handle. */
    struct secret *ended CLEANUP_SECRET = password != NULL ? secret_new(secret_size(password) + 1) : NULL;
    if (password != NULL && ended == NULL)
        return error_no_memory(err);
    if (ended != NULL)
        memcpy(secret_bytes(ended), secret_borrow(password), secret_size(password));
    if (make_mail(config, message, &mail, err) != 0 || start(&transport, config, config->mail_url, err) != 0) {
        buf_free(&mail);
        return -1;
    }
    transport.payload = cursor_of(mail.data, mail.size);
    int rc = add_to_list(&transport, config->mail_to, err);
    SET(&transport, CURLOPT_MAIL_FROM, config->mail_from);
    SET(&transport, CURLOPT_MAIL_RCPT, transport.list);
    SET(&transport, CURLOPT_UPLOAD, 1L);
    SET(&transport, CURLOPT_READFUNCTION, give);
    SET(&transport, CURLOPT_READDATA, &transport.payload);
    if (ended != NULL) {
        SET(&transport, CURLOPT_USERNAME, config->mail_user);
        SET(&transport, CURLOPT_PASSWORD, (const char *)secret_borrow(ended));
    }
    if (rc != 0)
        transport.code = CURLE_OUT_OF_MEMORY;
    rc = finish(&transport, config->mail_url, err);
    buf_free(&mail);
    return rc;
}

/* HMAC-SHA256 over the time (seconds, decimal), a full stop and the body: a receiver refuses what is old or changed. */
static int sign(const struct config_notify *config, const char *time, const char *body, char ret_hex[65],
                struct error *err)
{
    struct secret *key CLEANUP_SECRET = NULL;
    uint8_t mac[SHA256_SIZE];
    if (read_secret(config->webhook_secret_file, &key, err) != 0)
        return -1;
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(secret_borrow(key), secret_size(key));
    CLEANUP_FREE char *head = mem_printf("%s.", time);
    if (hmac == NULL || head == NULL)
        return error_no_memory(err);
    if (hmac_sha256(hmac, head, strlen(head), body, strlen(body), mac, err) != 0)
        return -1;
    (void)hex_encode(mac, sizeof(mac), ret_hex);
    return 0;
}

static int make_json(const struct notify_message *message, char **ret, struct error *err)
{
    char now[CLOCK_TEXT_SIZE];
    json_t *json CLEANUP_JSON = json_pack("{s:i, s:s, s:s, s:o, s:s, s:s}", "schema", 1, "kind", message->kind, "time",
                                          clock_format(clock_now_ns(), now), "exit",
                                          message->status < 0 ? json_null() : json_integer(message->status), "subject",
                                          message->subject, "text", message->text);
    if (json == NULL)
        return error_no_memory(err);
    return json_print(json, ret, err);
}

static int send_webhook(const struct config_notify *config, const struct notify_message *message, struct error *err)
{
    struct transport transport;
    char time[32], mac[65];
    CLEANUP_FREE char *body = NULL;
    (void)snprintf(time, sizeof(time), "%lld", (long long)(clock_machine_ns() / NS_PER_S));
    if (make_json(message, &body, err) != 0 || sign(config, time, body, mac, err) != 0 ||
        start(&transport, config, config->webhook_url, err) != 0)
        return -1;
    CLEANUP_FREE char *stamp = mem_printf("X-Hikae-Timestamp: %s", time);
    CLEANUP_FREE char *signature = mem_printf("X-Hikae-Signature: sha256=%s", mac);
    if (add_to_list(&transport, "Content-Type: application/json", err) != 0 ||
        add_to_list(&transport, stamp, err) != 0 || add_to_list(&transport, signature, err) != 0)
        transport.code = CURLE_OUT_OF_MEMORY;
    SET(&transport, CURLOPT_POST, 1L);
    SET(&transport, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    SET(&transport, CURLOPT_POSTFIELDS, body);
    SET(&transport, CURLOPT_HTTPHEADER, transport.list);
    return finish(&transport, config->webhook_url, err);
}

static int send_ping(const struct config_notify *config, const struct notify_message *message, struct error *err)
{
    struct transport transport;
    size_t size = strlen(config->ping_url);
    while (size > 0 && config->ping_url[size - 1] == '/')
        size--;
    CLEANUP_FREE char *url = mem_printf("%.*s%s", (int)size, config->ping_url, message->ping_path);
    if (url == NULL)
        return error_no_memory(err);
    return start(&transport, config, url, err) != 0 ? -1 : finish(&transport, url, err);
}

int notify_send_message(const struct config_notify *config, enum notify_channel channel,
                        const struct notify_message *message, struct error *err)
{
    static int (*const senders[])(const struct config_notify *, const struct notify_message *, struct error *) = {
        [NOTIFY_MAIL] = send_mail, [NOTIFY_WEBHOOK] = send_webhook, [NOTIFY_PING] = send_ping};
    if (senders[channel](config, message, err) == 0)
        return 0;
    return error_wrap(err, "tell by %s", notify_channel_names[channel]);
}
