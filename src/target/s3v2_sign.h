/*
 * Signature Version 2 of AWS, as S3 took it: a pure function of a request and a
 * key. Amazon Simple Storage Service Developer Guide, "Signing and
 * Authenticating REST Requests". For stores that know nothing newer.
 */
#ifndef HIKAE_TARGET_S3V2_SIGN_H
#define HIKAE_TARGET_S3V2_SIGN_H

#include "target/s3_sign.h"

enum { S3V2_DATE_SIZE = 30 };

struct s3v2_signing {
    const char *method;
    const char *resource;           /* "/bucket/key", escaped once; also where the host names the bucket */
    const struct s3_header *params; /* of the query, not escaped, in any order: those of sub-resources are signed */
    size_t param_count;
    const struct s3_header *headers; /* date, content-md5, content-type and those that begin with x-amz- are signed */
    size_t header_count;
    const char *access_key;
    const void *secret;
    size_t secret_size;
};

/* "Tue, 27 Mar 2007 21:20:26 GMT" (RFC 9110, 5.6.7), whatever the locale. Returns out. */
char *s3v2_date(int64_t ns, char out[S3V2_DATE_SIZE]);
/* Append what is signed (for tests). */
MUST_USE int s3v2_string_to_sign(const struct s3v2_signing *signing, struct buf *out, struct error *err);
/* Append the value of the header Authorization. */
MUST_USE int s3v2_sign(const struct s3v2_signing *signing, struct buf *out, struct error *err);

#endif
