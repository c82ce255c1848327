#include "target/s3_http_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <time.h>

enum {
    CONNECTIONS = 8,
    TIMEOUT_S = 60,
    WAIT_MS = 100,
};

static void lock_shared(CURL *curl, curl_lock_data data, curl_lock_access access, void *context)
{
    (void)curl;
    (void)access;
    (void)pthread_mutex_lock(&((struct s3_http *)context)->shared[data]);
}

static void unlock_shared(CURL *curl, curl_lock_data data, void *context)
{
    (void)curl;
    (void)pthread_mutex_unlock(&((struct s3_http *)context)->shared[data]);
}

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int copy_text(const char *from, char **ret, struct error *err)
{
    *ret = from != NULL ? mem_strdup(from) : NULL;
    return from == NULL || *ret != NULL ? 0 : error_no_memory(err);
}

int s3_http_new(const struct target_options *options, struct s3_http **ret, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned limit = options->connections > 0 ? options->connections : CONNECTIONS;
    (void)pthread_once(&once, global_init);
    struct s3_http *http = mem_calloc(1, sizeof(*http) + limit * sizeof(http->connections[0]));
    if (http == NULL)
        return error_no_memory(err);
    http->limit = limit;
    http->rate = options->rate;
    http->timeout_s = options->timeout_s > 0 ? options->timeout_s : TIMEOUT_S;
    http->insecure = options->insecure;
    http->cancel = options->cancel;
    (void)pthread_mutex_init(&http->mutex, NULL);
    (void)pthread_cond_init(&http->returned, NULL);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_init(&http->shared[i], NULL);
    http->share = curl_share_init();
    int rc = http->share != NULL ? 0 : error_no_memory(err);
    if (rc == 0) {
        (void)curl_share_setopt(http->share, CURLSHOPT_LOCKFUNC, lock_shared);
        (void)curl_share_setopt(http->share, CURLSHOPT_UNLOCKFUNC, unlock_shared);
        (void)curl_share_setopt(http->share, CURLSHOPT_USERDATA, http);
        (void)curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        (void)curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    }
    if (rc != 0 || copy_text(options->name, &http->name, err) != 0 ||
        copy_text(options->ca_file, &http->ca_file, err) != 0 || copy_text(options->proxy, &http->proxy, err) != 0) {
        s3_http_free(http);
        return -1;
    }
    *ret = http;
    return 0;
}

void s3_http_free(struct s3_http *http)
{
    if (http == NULL)
        return;
    for (struct s3_connection *connection = http->idle; connection != NULL; connection = connection->next)
        curl_easy_cleanup(connection->curl);
    if (http->share != NULL)
        (void)curl_share_cleanup(http->share);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_destroy(&http->shared[i]);
    (void)pthread_mutex_destroy(&http->mutex);
    (void)pthread_cond_destroy(&http->returned);
    mem_free(http->name);
    mem_free(http->ca_file);
    mem_free(http->proxy);
    mem_free(http);
}

int s3_http_wait(struct s3_http *http, unsigned ms, struct error *err)
{
    while (ms > 0) {
        if (cancel_check(http->cancel, err) != 0)
            return -1;
        unsigned slice = ms < WAIT_MS ? ms : WAIT_MS;
        struct timespec pause = {0, (long)slice * 1000000};
        (void)nanosleep(&pause, NULL);
        ms -= slice;
    }
    return cancel_check(http->cancel, err);
}

void s3_http_tls(struct s3_http *http, char version[16], char cipher[64])
{
    (void)pthread_mutex_lock(&http->mutex);
    memcpy(version, http->tls_version, sizeof(http->tls_version));
    memcpy(cipher, http->tls_cipher, sizeof(http->tls_cipher));
    (void)pthread_mutex_unlock(&http->mutex);
}

/* ---- The pool ---- */

/* With the mutex held. */
static struct s3_connection *make(struct s3_http *http)
{
    struct s3_connection *connection = &http->connections[http->made++];
    *connection = (struct s3_connection){.fd = CURL_SOCKET_BAD};
    return connection;
}

struct s3_connection *s3_http_take(struct s3_http *http, struct error *err)
{
    struct s3_connection *connection = NULL;
    (void)pthread_mutex_lock(&http->mutex);
    while (http->idle == NULL && http->made == http->limit && cancel_check(http->cancel, err) == 0) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        (void)pthread_cond_timedwait(&http->returned, &http->mutex, &until);
    }
    if (http->idle != NULL) {
        connection = http->idle;
        http->idle = connection->next;
    } else if (http->made < http->limit) {
        connection = make(http);
    }
    (void)pthread_mutex_unlock(&http->mutex);
    if (connection == NULL || connection->curl != NULL || (connection->curl = curl_easy_init()) != NULL)
        return connection;
    s3_http_return(http, connection, false);
    (void)error_no_memory(err);
    return NULL;
}

void s3_http_return(struct s3_http *http, struct s3_connection *connection, bool sound)
{
    if (sound) {
        curl_easy_reset(connection->curl); /* options go, the connection stays */
    } else {
        curl_easy_cleanup(connection->curl);
        connection->curl = NULL;
        connection->fd = CURL_SOCKET_BAD;
    }
    (void)pthread_mutex_lock(&http->mutex);
    connection->next = http->idle;
    http->idle = connection;
    (void)pthread_cond_signal(&http->returned);
    (void)pthread_mutex_unlock(&http->mutex);
}

/* ---- The rate ---- */

size_t s3_http_portion(const struct s3_http *http, size_t size)
{
    uint64_t most = http->rate / 8 + 1;
    return http->rate > 0 && size > most ? (size_t)most : size;
}

bool s3_http_pace(struct s3_http *http, struct meter *meter, size_t size)
{
    if (http->rate == 0)
        return true;
    int64_t now = clock_monotonic_ns();
    (void)pthread_mutex_lock(&http->mutex);
    int64_t at = meter->next_ns > now ? meter->next_ns : now;
    meter->next_ns = at + (int64_t)((double)size * (double)NS_PER_S / (double)http->rate);
    (void)pthread_mutex_unlock(&http->mutex);
    return s3_http_wait(http, (unsigned)((at - now) / 1000000), NULL) == 0;
}
