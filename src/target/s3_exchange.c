/* One request and its answer, over a connection of the pool: what curl is told, and what it calls. */
#include "target/s3_http_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_S = 30, BUFFER_SIZE = 512 * 1024, EXPECT_MIN = 1 << 20 };

static const char *const header_names[S3_HEADER_COUNT] = {
    [S3_HEADER_ETAG] = "etag",
    [S3_HEADER_DATE] = "date",
    [S3_HEADER_REGION] = "x-amz-bucket-region",
    [S3_HEADER_RETRY_AFTER] = "retry-after",
    [S3_HEADER_CHECKSUM_SHA256] = "x-amz-checksum-sha256",
    [S3_HEADER_SSE] = "x-amz-server-side-encryption",
    [S3_HEADER_LOCK_MODE] = "x-amz-object-lock-mode",
    [S3_HEADER_LOCK_UNTIL] = "x-amz-object-lock-retain-until-date",
    [S3_HEADER_LEGAL_HOLD] = "x-amz-object-lock-legal-hold",
    [S3_HEADER_SERVER] = "server",
    [S3_HEADER_VERSION] = "x-amz-version-id",
    [S3_HEADER_RANGE] = "content-range",
    [S3_HEADER_ENCODING] = "content-encoding",
    [S3_HEADER_TRANSFER] = "transfer-encoding",
};

/* An exchange while curl is at it. */
struct work {
    struct s3_http *http;
    struct s3_exchange *exchange;
    struct s3_connection *connection;
    size_t sent;
    bool cancelled;
    bool no_memory;
    bool looked;               /* at what TLS agreed on */
    char why[CURL_ERROR_SIZE]; /* what curl says of its failure: names hosts, never keys */
};

/* ---- What curl calls ---- */

static size_t on_read(char *out, size_t one, size_t count, void *context)
{
    struct work *work = context;
    const struct s3_exchange *x = work->exchange;
    size_t left = x->body_size - work->sent;
    size_t size = s3_http_portion(work->http, left < one * count ? left : one * count);
    if (size > 0 && !s3_http_pace(work->http, &work->http->up, size)) {
        work->cancelled = true;
        return CURL_READFUNC_ABORT;
    }
    if (size > 0)
        memcpy(out, (const uint8_t *)x->body + work->sent, size);
    work->sent += size;
    return size;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct work *work = context;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > work->exchange->body_size)
        return CURL_SEEKFUNC_FAIL;
    work->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct work *work = context;
    struct s3_exchange *x = work->exchange;
    size_t size = one * count;
    if (!s3_http_pace(work->http, &work->http->down, size)) {
        work->cancelled = true;
        return 0;
    }
    bool good = x->status >= 200 && x->status < 300 && x->sink != NULL;
    if (!good) {
        size_t room = S3_ERROR_BODY_MAX - x->refusal.size;
        work->no_memory = buf_append(&x->refusal, bytes, size < room ? size : room, NULL) != 0;
        return work->no_memory ? 0 : size;
    }
    if (size > x->sink_max) {
        x->overflow = true;
        return 0;
    }
    work->no_memory = buf_append(x->sink, bytes, size, NULL) != 0;
    x->sink_max -= size;
    return work->no_memory ? 0 : size;
}

/* What TLS agreed on can be asked for only while the connection is in use. */
static void look_at_tls(struct work *work)
{
    struct curl_tlssessioninfo *info = NULL;
    work->looked = true;
    if (curl_easy_getinfo(work->connection->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL ||
        info->backend != CURLSSLBACKEND_OPENSSL || info->internals == NULL)
        return;
    const SSL *ssl = info->internals;
    (void)pthread_mutex_lock(&work->http->mutex);
    (void)snprintf(work->http->tls_version, sizeof(work->http->tls_version), "%s", SSL_get_version(ssl));
    (void)snprintf(work->http->tls_cipher, sizeof(work->http->tls_cipher), "%s", SSL_get_cipher_name(ssl));
    (void)pthread_mutex_unlock(&work->http->mutex);
}

/*
 * A server that writes head and body of an answer apart, with Nagle's algorithm on (RFC 896; Ceph's gateway as it
 * comes), keeps a short body back until the head is acknowledged, and our kernel waits up to 40 ms with that, in the
 * hope of having something to send along. tcp(7), TCP_QUICKACK: it lasts for this answer.
 */
static void acknowledge_now(const struct s3_connection *connection)
{
    const int on = 1;
    if (connection->fd != CURL_SOCKET_BAD)
        (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    struct s3_connection *connection = context;
    (void)purpose;
    connection->fd = fd;
    return CURL_SOCKOPT_OK;
}

static int on_close(void *context, curl_socket_t fd)
{
    struct s3_connection *connection = context;
    if (connection->fd == fd)
        connection->fd = CURL_SOCKET_BAD;
    return close(fd);
}

/* A new status line: what came before was a provisional answer. */
static void begin_answer(struct s3_exchange *x, const char *line, size_t size)
{
    char text[16];
    const char *blank = memchr(line, ' ', size);
    x->status = 0;
    x->length = UINT64_MAX;
    memset(x->header, 0, sizeof(x->header));
    if (blank == NULL || (size_t)(line + size - blank) < 4)
        return;
    (void)snprintf(text, sizeof(text), "%.3s", blank + 1);
    x->status = strtol(text, NULL, 10);
}

static void note_header(struct s3_exchange *x, const char *name, size_t name_size, const char *value, size_t size)
{
    while (size > 0 && (value[0] == ' ' || value[0] == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && strchr("\r\n \t", value[size - 1]) != NULL)
        size--;
    if (name_size == strlen("content-length") && strncasecmp(name, "content-length", name_size) == 0 && size < 20) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%.*s", (int)size, value);
        x->length = strtoull(text, NULL, 10);
    }
    if (size >= S3_HEADER_VALUE_SIZE)
        return; /* none of those below is so long */
    for (size_t i = 0; i < S3_HEADER_COUNT; i++)
        if (strlen(header_names[i]) == name_size && strncasecmp(name, header_names[i], name_size) == 0) {
            memcpy(x->header[i], value, size);
            x->header[i][size] = '\0';
        }
}

static size_t on_header(char *line, size_t one, size_t count, void *context)
{
    struct work *work = context;
    struct s3_exchange *x = work->exchange;
    size_t size = one * count;
    if (!work->looked)
        look_at_tls(work);
    const char *colon = memchr(line, ':', size);
    if (size > 5 && strncmp(line, "HTTP/", 5) == 0)
        begin_answer(x, line, size);
    else if (colon != NULL)
        note_header(x, line, (size_t)(colon - line), colon + 1, size - (size_t)(colon - line) - 1);
    /* One allocation for the body, not a chain of growing ones. */
    bool last = size <= 2;
    if (last)
        acknowledge_now(work->connection);
    if (last && x->status >= 200 && x->status < 300 && x->sink != NULL && x->length <= x->sink_max &&
        strcmp(x->method, "HEAD") != 0)
        work->no_memory = buf_reserve(x->sink, (size_t)x->length, NULL) != 0;
    return work->no_memory ? 0 : size;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct work *work = context;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    work->cancelled = work->cancelled || cancel_check(work->http->cancel, NULL) != 0;
    return work->cancelled ? 1 : 0;
}

/* ---- One exchange ---- */

#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(curl, option, value) : rc)

static CURLcode set_body(CURL *curl, struct work *work)
{
    const struct s3_exchange *x = work->exchange;
    CURLcode rc = CURLE_OK;
    if (strcmp(x->method, "HEAD") == 0)
        return SET(CURLOPT_NOBODY, 1L);
    if (x->body == NULL)
        return strcmp(x->method, "GET") == 0 ? rc : SET(CURLOPT_CUSTOMREQUEST, x->method);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_CUSTOMREQUEST, x->method);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->body_size);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, work);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, work);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_SIZE);
    return rc;
}

static CURLcode set_line(CURL *curl, const struct s3_http *http)
{
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (http->ca_file != NULL) {
        SET(CURLOPT_CAINFO, http->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* these authorities, and not the system's as well */
    }
    if (http->proxy != NULL)
        SET(CURLOPT_PROXY, http->proxy);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's answer is not the store's */
    SET(CURLOPT_CONNECTTIMEOUT, (long)(http->timeout_s < CONNECT_S ? http->timeout_s : CONNECT_S));
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)http->timeout_s);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SHARE, http->share);
    return rc;
}

static CURLcode set_connection(struct s3_connection *connection)
{
    CURL *curl = connection->curl;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_MAXCONNECTS, 1L);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(CURLOPT_SOCKOPTDATA, connection);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, connection);
    return rc;
}

static CURLcode set_request(struct work *work, struct curl_slist *lines)
{
    CURL *curl = work->connection->curl;
    CURLcode rc = set_connection(work->connection);
    if (rc == CURLE_OK)
        rc = set_line(curl, work->http);
    SET(CURLOPT_URL, work->exchange->url);
    /* Without TLS it is for this machine alone: no proxy that the environment names for everybody may carry it away. */
    if (work->http->proxy == NULL && !work->http->insecure && strncmp(work->exchange->url, "http://", 7) == 0)
        SET(CURLOPT_PROXY, "");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_ERRORBUFFER, work->why);
    SET(CURLOPT_HTTPHEADER, lines);
    SET(CURLOPT_FRESH_CONNECT, work->exchange->fresh ? 1L : 0L);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, work);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, work);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, work);
    return rc == CURLE_OK ? set_body(curl, work) : rc;
}

/* Lines of headers; what curl adds of its own accord is left out. NULL: no memory. */
static struct curl_slist *header_lines(const struct s3_exchange *x)
{
    static const char *const always[] = {"Accept:", "Content-Type:", "Transfer-Encoding:", "Accept-Encoding: identity",
                                         "Expect:"};
    /* Asking first is worth a round trip (and, where nobody answers, a second) for large bodies only. */
    size_t more = sizeof(always) / sizeof(always[0]) - (x->body_size >= EXPECT_MIN);
    struct curl_slist *lines = NULL;
    for (size_t i = 0; i < x->header_count + more; i++) {
        CLEANUP_FREE char *line = i < x->header_count ? mem_printf("%s: %s", x->headers[i].name, x->headers[i].value)
                                                      : mem_strdup(always[i - x->header_count]);
        struct curl_slist *longer = line != NULL ? curl_slist_append(lines, line) : NULL;
        if (longer == NULL) {
            curl_slist_free_all(lines);
            return NULL;
        }
        lines = longer;
    }
    return lines;
}

/* A proxy that refused to make a connection. False: none did. */
static bool refused_by_proxy(const struct work *work, struct error *err)
{
    long code = 0;
    if (work->exchange->status != 0 ||
        curl_easy_getinfo(work->connection->curl, CURLINFO_HTTP_CONNECTCODE, &code) != CURLE_OK || code < 300)
        return false;
    (void)error_set(err, ERROR_UNREACHABLE, "%s: the proxy answered %ld when it was asked for a connection",
                    work->http->name, code);
    (void)error_hint(err, code == 407 ? "the proxy wants a user name and a password: give them in https_proxy, in the "
                                        "environment, never in the configuration"
                                      : "check proxy of this target, or https_proxy in the environment");
    if (err != NULL)
        err->retryable = code >= 500;
    return true;
}

/* A file of authorities that curl could not use. */
static int bad_authorities(const struct s3_http *http, struct error *err)
{
    const char *path = http->ca_file;
    struct stat st;
    if (path == NULL)
        return error_hint(err,
                          "this system's own certificates cannot be read: install ca-certificates, or set ca_file");
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        (void)error_set_errno(err, ERROR_UNREACHABLE, errno, "%s: read ca_file %s", http->name, path);
    else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        (void)error_set(err, ERROR_UNREACHABLE, "%s: ca_file %s is a folder", http->name, path);
    else
        (void)error_set(err, ERROR_UNREACHABLE, "%s: ca_file %s holds no certificates", http->name, path);
    return error_hint(err,
                      "put the certificate (PEM) of the authority there that signed the store's, or correct ca_file");
}

static int not_trusted(const struct s3_http *http, const char *why, struct error *err)
{
    static const char hint[] =
        "the server's certificate is not trusted or not for this name: set ca_file if it is your own";
    if (http->ca_file == NULL)
        return error_hint(err, hint);
    (void)error_set(err, ERROR_UNREACHABLE, "%s: %s (checked by ca_file %s)", http->name, why, http->ca_file);
    return error_hint(err, "if the store has a new certificate, add the authority that signed it to the file");
}

/* What curl could not do, in our words. */
static int failure(const struct work *work, CURLcode code, struct error *err)
{
    if (work->no_memory || code == CURLE_OUT_OF_MEMORY)
        return error_no_memory(err);
    if (work->cancelled)
        return cancel_check(work->http->cancel, err) != 0
                   ? -1
                   : error_set(err, ERROR_INTERRUPTED, "%s: stopped as asked", work->http->name);
    if (refused_by_proxy(work, err))
        return -1;
    const char *why = work->why[0] != '\0' ? work->why : curl_easy_strerror(code);
    (void)error_set(err, ERROR_UNREACHABLE, "%s: %s", work->http->name, why);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return not_trusted(work->http, why, err);
    case CURLE_SSL_CACERT_BADFILE:
        return bad_authorities(work->http, err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return error_hint(err, "check the endpoint of this target");
    case CURLE_COULDNT_RESOLVE_HOST:
        (void)error_hint(err, "check the endpoint of this target, the name server and the network");
        break;
    case CURLE_OPERATION_TIMEDOUT:
        (void)error_hint(err, "the store did not answer in %u s: run again later, or raise timeout_s",
                         work->http->timeout_s);
        break;
    default:
        (void)error_hint(err, "check the network and the store, then run again");
    }
    if (err != NULL)
        err->retryable = true;
    return -1;
}

/* OpenSSL writes to a socket that the other side has closed; what that raises must not end the process. */
static CURLcode perform_quietly(CURL *curl)
{
    sigset_t pipe, before, pending;
    const struct timespec now = {0, 0};
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
    CURLcode code = curl_easy_perform(curl);
    if (!was_pending)
        (void)sigtimedwait(&pipe, NULL, &now);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/*
 * Is the body of a good answer what the store sent? Something between that packs it anew, or that tells no length, so
 * that a line which breaks looks like the end, would make sound objects look damaged.
 */
static int check_body(const struct work *work, struct error *err)
{
    const struct s3_exchange *x = work->exchange;
    const char *encoding = x->header[S3_HEADER_ENCODING];
    if (x->status < 200 || x->status > 299 || x->sink == NULL)
        return 0;
    if (encoding[0] != '\0' && strcasecmp(encoding, "identity") != 0 && strcasecmp(encoding, "aws-chunked") != 0) {
        (void)error_set(err, ERROR_UNREACHABLE, "%s: something on the way to the store packs answers anew (%s)",
                        work->http->name, encoding);
        return error_hint(err, "a proxy or cache that changes what it passes on cannot be used");
    }
    if (x->length != UINT64_MAX || strcasecmp(x->header[S3_HEADER_TRANSFER], "chunked") == 0)
        return 0;
    (void)error_set(err, ERROR_UNREACHABLE, "%s: an answer does not say how long it is", work->http->name);
    return error_hint(err, "a proxy that cannot do HTTP/1.1 cannot be used");
}

static int perform(struct work *work, struct error *err)
{
    struct s3_exchange *x = work->exchange;
    struct curl_slist *lines = header_lines(x);
    if (lines == NULL)
        return error_no_memory(err);
    CURLcode code = set_request(work, lines);
    if (code == CURLE_OK)
        code = perform_quietly(work->connection->curl);
    curl_slist_free_all(lines);
    x->sent = x->body != NULL && work->sent == x->body_size;
    if (code == CURLE_OK && x->status >= 200)
        return check_body(work, err);
    /* A store that refuses may close before it has read everything: its answer is what counts. */
    if (x->status >= 300 && !work->cancelled && !work->no_memory &&
        (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE))
        return 0;
    if (x->overflow)
        return 0;
    return failure(work, code == CURLE_OK ? CURLE_GOT_NOTHING : code, err);
}

int s3_http_do(struct s3_http *http, struct s3_exchange *exchange, struct error *err)
{
    struct work work = {.http = http, .exchange = exchange};
    exchange->status = 0;
    exchange->length = UINT64_MAX;
    exchange->overflow = exchange->sent = false;
    exchange->refusal.size = 0;
    memset(exchange->header, 0, sizeof(exchange->header));
    work.connection = s3_http_take(http, err);
    if (work.connection == NULL)
        return -1;
    int rc = perform(&work, err);
    /* libcurl 7.88 refuses options of a handle for ever when no address could be found for its host. */
    s3_http_return(http, work.connection, rc == 0);
    return rc;
}

void s3_exchange_free(struct s3_exchange *exchange)
{
    buf_free(&exchange->refusal);
}
