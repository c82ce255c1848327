/* What s3_http.c (the pool, the rate) and s3_exchange.c (one request) share. */
#ifndef HIKAE_TARGET_S3_HTTP_INTERNAL_H
#define HIKAE_TARGET_S3_HTTP_INTERNAL_H

#include "target/s3_http.h"

#include <curl/curl.h>
#include <pthread.h>

/* Bytes one way: when the next one may go, at the rate that was asked for. */
struct meter {
    int64_t next_ns;
};

/* A handle of curl, which keeps one connection open for the next request. */
struct s3_connection {
    struct s3_connection *next; /* idle, too */
    CURL *curl;
    curl_socket_t fd; /* CURL_SOCKET_BAD: none is open */
};

struct s3_http {
    char *name;
    char *ca_file;
    char *proxy;
    uint64_t rate;
    unsigned timeout_s;
    bool insecure; /* plain HTTP beyond this machine */
    const struct cancel *cancel;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    struct meter up, down;
    char tls_version[16], tls_cipher[64];
    CURLSH *share;
    pthread_mutex_t shared[CURL_LOCK_DATA_LAST];
    struct s3_connection *idle; /* the one used last first: it is the freshest */
    unsigned limit, made;
    struct s3_connection connections[];
};

/* A connection for the caller alone; waits for one. NULL: cancelled, or no memory. */
struct s3_connection *s3_http_take(struct s3_http *http, struct error *err);
/* Give it back. One that failed (not `sound`) begins anew: curl may be in a state that refuses the next request. */
void s3_http_return(struct s3_http *http, struct s3_connection *connection, bool sound);
/* How many of `size` bytes to move at once, so that waiting for them stays short. */
size_t s3_http_portion(const struct s3_http *http, size_t size);
/* Wait until these bytes may go by the rate. False when the caller wants to stop. */
bool s3_http_pace(struct s3_http *http, struct meter *meter, size_t size);

#endif
