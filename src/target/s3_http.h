/*
 * HTTP for object stores: requests over a pool of connections that are kept
 * and used again. One exchange is one request and its answer; whether to try
 * again is for s3_request to decide. Many threads may call at once; more than
 * `connections` wait for each other.
 */
#ifndef HIKAE_TARGET_S3_HTTP_H
#define HIKAE_TARGET_S3_HTTP_H

#include "target/s3_sign.h"
#include "target/target.h"

struct s3_http;

/* How to reach a server: connections, rate, timeout_s, insecure, ca_file, proxy, cancel of the options; name for
 * messages. */
MUST_USE int s3_http_new(const struct target_options *options, struct s3_http **ret, struct error *err);
/* No exchange may be going on. NULL is fine. */
void s3_http_free(struct s3_http *http);

/* Headers of an answer that somebody looks at, by a number that s3_http.c has the names for. */
enum s3_answer_header {
    S3_HEADER_ETAG,
    S3_HEADER_DATE,
    S3_HEADER_REGION,
    S3_HEADER_RETRY_AFTER,
    S3_HEADER_CHECKSUM_SHA256,
    S3_HEADER_SSE,
    S3_HEADER_LOCK_MODE,
    S3_HEADER_LOCK_UNTIL,
    S3_HEADER_LEGAL_HOLD,
    S3_HEADER_SERVER,
    S3_HEADER_VERSION,
    S3_HEADER_RANGE,
    S3_HEADER_ENCODING,
    S3_HEADER_TRANSFER,
    S3_HEADER_COUNT
};
enum { S3_HEADER_VALUE_SIZE = 128, S3_ERROR_BODY_MAX = 65536 };

struct s3_exchange {
    /* The request. */
    const char *method;
    const char *url;
    const struct s3_header *headers;
    size_t header_count;
    const void *body; /* NULL: none; "" for an empty one */
    size_t body_size;
    struct buf *sink; /* the body of a good answer is appended; of others, to `refusal` */
    size_t sink_max;
    bool fresh; /* over a new connection */

    /* The answer. */
    long status;
    uint64_t length;                                    /* Content-Length, or UINT64_MAX  */
    char header[S3_HEADER_COUNT][S3_HEADER_VALUE_SIZE]; /* "" if it did not come */
    struct buf refusal;
    bool overflow; /* the body was longer than sink_max: reading ended there */
    bool sent;     /* the request's last byte left: it may have been carried out, whatever came back */
};

/*
 * Carry out one exchange. 0: there is an answer, whatever its status. -1: there
 * is none, or none that can be the store's own (coded anew on the way, or without a known end): ERROR_UNREACHABLE
 * (retryable unless the certificate, the address or what stands between is at fault), ERROR_INTERRUPTED,
 * ERROR_NO_MEMORY.
 */
MUST_USE int s3_http_do(struct s3_http *http, struct s3_exchange *exchange, struct error *err);
void s3_exchange_free(struct s3_exchange *exchange);

/* Wait; ERROR_INTERRUPTED when the caller's cancel is wanted. */
MUST_USE int s3_http_wait(struct s3_http *http, unsigned ms, struct error *err);
/* What was agreed on with the server, as soon as there was a connection with TLS: "" before. */
void s3_http_tls(struct s3_http *http, char version[16], char cipher[64]);

#endif
