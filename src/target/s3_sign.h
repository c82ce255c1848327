/*
 * Signature Version 4 of AWS, as S3 takes it: a pure function of a request, a
 * key and an instant. Amazon Simple Storage Service API Reference,
 * "Signature Calculations for the Authorization Header".
 */
#ifndef HIKAE_TARGET_S3_SIGN_H
#define HIKAE_TARGET_S3_SIGN_H

#include "base/buf.h"

enum { S3_TIME_SIZE = 17, S3_HASH_HEX_SIZE = 65, S3_SIGNED_HEADERS_MAX = 32 };

/* A header of a request; for signing, names are in lower case and values as they go over the line. */
struct s3_header {
    const char *name;
    const char *value;
};

struct s3_signing {
    const char *method;
    const char *path;  /* absolute, escaped once                                    */
    const char *query; /* canonical: escaped, sorted, each with its '='; "" if none */
    const struct s3_header *headers;
    size_t header_count;
    const char *payload; /* SHA-256 of the body in hex */
    const char *region;
    const char *service; /* "s3" */
    const char *time;    /* as s3_time gives it; the same as in x-amz-date */
    const char *access_key;
    const void *secret;
    size_t secret_size;
};

/* "20130524T000000Z". Returns out. */
char *s3_time(int64_t ns, char out[S3_TIME_SIZE]);
/* Append text with everything but A-Z a-z 0-9 - . _ ~ escaped as %XX; '/' too, unless keep_slash. */
MUST_USE int s3_escape(const char *text, bool keep_slash, struct buf *out, struct error *err);
/* The canonical request (for tests, and for comparing with what a store says it calculated). */
MUST_USE int s3_canonical_request(const struct s3_signing *signing, struct buf *out, struct error *err);
/* Append the value of the header Authorization. */
MUST_USE int s3_sign(const struct s3_signing *signing, struct buf *out, struct error *err);

/* SHA-256 of bytes, in hex. */
MUST_USE int s3_hash_hex(const void *bytes, size_t size, char out[S3_HASH_HEX_SIZE], struct error *err);
/* MD5 of bytes (RFC 1321): `out_base64` for Content-MD5, `out_hex` for an ETag; either may be NULL. */
enum { S3_MD5_BASE64_SIZE = 25, S3_MD5_HEX_SIZE = 33 };
MUST_USE int s3_md5(const void *bytes, size_t size, char out_base64[S3_MD5_BASE64_SIZE], char out_hex[S3_MD5_HEX_SIZE],
                    struct error *err);
/* Base64 of up to 48 bytes; out has room for 4 characters per 3 bytes, and the end. */
void s3_base64(const uint8_t *bytes, size_t size, char *out);

#endif
