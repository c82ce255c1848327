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
    unsigned limit, made, idle_count;
    CURL *idle[]; /* the one used last is on top: its connection is the freshest */
};

/* A connection for the caller alone; waits for one. NULL: cancelled, or no memory. */
CURL *s3_http_take(struct s3_http *http, struct error *err);
void s3_http_return(struct s3_http *http, CURL *curl);
/* How many of `size` bytes to move at once, so that waiting for them stays short. */
size_t s3_http_portion(const struct s3_http *http, size_t size);
/* Wait until these bytes may go by the rate. False when the caller wants to stop. */
bool s3_http_pace(struct s3_http *http, struct meter *meter, size_t size);

#endif
