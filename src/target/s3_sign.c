#include "target/s3_sign.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HASH_SIZE = 32, MD5_SIZE = 16 };

char *s3_time(int64_t ns, char out[S3_TIME_SIZE])
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(out, S3_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
        memcpy(out, "19700101T000000Z", S3_TIME_SIZE);
    return out;
}

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int s3_escape(const char *text, bool keep_slash, struct buf *out, struct error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *p = text; *p != '\0'; p++) {
        char escaped[3] = {'%', digits[(unsigned char)*p >> 4], digits[(unsigned char)*p & 15]};
        bool plain = is_plain(*p) || (keep_slash && *p == '/');
        if (buf_append(out, plain ? p : escaped, plain ? 1 : 3, err) != 0)
            return -1;
    }
    return 0;
}

static int no_digest(struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "OpenSSL could not calculate a digest for a signature");
}

static int digest(const char *algorithm, const void *bytes, size_t size, uint8_t *out, struct error *err)
{
    size_t out_size = 0;
    return EVP_Q_digest(NULL, algorithm, NULL, bytes, size, out, &out_size) == 1 ? 0 : no_digest(err);
}

int s3_hash_hex(const void *bytes, size_t size, char out[S3_HASH_HEX_SIZE], struct error *err)
{
    uint8_t hash[HASH_SIZE];
    if (digest("SHA256", bytes, size, hash, err) != 0)
        return -1;
    (void)hex_encode(hash, sizeof(hash), out);
    return 0;
}

void s3_base64(const uint8_t *bytes, size_t size, char *out)
{
    (void)EVP_EncodeBlock((unsigned char *)out, bytes, (int)size);
}

int s3_md5(const void *bytes, size_t size, char out_base64[S3_MD5_BASE64_SIZE], char out_hex[S3_MD5_HEX_SIZE],
           struct error *err)
{
    uint8_t hash[MD5_SIZE];
    if (digest("MD5", bytes, size, hash, err) != 0)
        return -1;
    if (out_base64 != NULL)
        s3_base64(hash, sizeof(hash), out_base64);
    if (out_hex != NULL)
        (void)hex_encode(hash, sizeof(hash), out_hex);
    return 0;
}

static int compare_headers(const void *a, const void *b)
{
    return strcmp(((const struct s3_header *)a)->name, ((const struct s3_header *)b)->name);
}

/* A value with blanks around it removed, and runs of blanks inside made one. */
static int add_value(const char *value, struct buf *out, struct error *err)
{
    bool blank = false, begun = false;
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == ' ' || *p == '\t') {
            blank = begun;
            continue;
        }
        if ((blank && buf_append(out, " ", 1, err) != 0) || buf_append(out, p, 1, err) != 0)
            return -1;
        blank = false;
        begun = true;
    }
    return buf_append(out, "\n", 1, err);
}

static int add(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

static int add_line(struct buf *out, const char *text, struct error *err)
{
    return add(out, text, err) == 0 ? buf_append(out, "\n", 1, err) : -1;
}

static int sort_headers(const struct s3_signing *signing, struct s3_header sorted[S3_SIGNED_HEADERS_MAX],
                        struct error *err)
{
    if (signing->header_count > S3_SIGNED_HEADERS_MAX)
        return error_set(err, ERROR_INTERNAL, "%zu headers are too many to sign", signing->header_count);
    memcpy(sorted, signing->headers, signing->header_count * sizeof(sorted[0]));
    qsort(sorted, signing->header_count, sizeof(sorted[0]), compare_headers);
    return 0;
}

static int add_names(const struct s3_header *sorted, size_t count, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && add(out, ";", err) != 0) || add(out, sorted[i].name, err) != 0)
            return -1;
    return 0;
}

int s3_canonical_request(const struct s3_signing *signing, struct buf *out, struct error *err)
{
    struct s3_header sorted[S3_SIGNED_HEADERS_MAX];
    if (sort_headers(signing, sorted, err) != 0 || add_line(out, signing->method, err) != 0 ||
        add_line(out, signing->path, err) != 0 || add_line(out, signing->query, err) != 0)
        return -1;
    for (size_t i = 0; i < signing->header_count; i++)
        if (add(out, sorted[i].name, err) != 0 || add(out, ":", err) != 0 || add_value(sorted[i].value, out, err) != 0)
            return -1;
    if (add(out, "\n", err) != 0 || add_names(sorted, signing->header_count, out, err) != 0 || add(out, "\n", err) != 0)
        return -1;
    return add(out, signing->payload, err);
}

static int mac(const void *key, size_t key_size, const char *text, uint8_t out[HASH_SIZE], struct error *err)
{
    unsigned size = 0;
    bool done = HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text), out, &size) != NULL;
    return done && size == HASH_SIZE ? 0 : no_digest(err);
}

/* The key of a day, region and service, and the signature with it. */
static int sign_text(const struct s3_signing *signing, const char *text, char out_hex[S3_HASH_HEX_SIZE],
                     struct error *err)
{
    uint8_t key[HASH_SIZE], first[4 + 256];
    char day[9];
    int rc = -1;
    if (signing->secret_size > sizeof(first) - 4)
        return error_set(err, ERROR_CONFIG, "the secret key for %s is longer than any that S3 knows",
                         signing->access_key);
    (void)snprintf(day, sizeof(day), "%.8s", signing->time);
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, signing->secret, signing->secret_size);
    if (mac(first, 4 + signing->secret_size, day, key, err) == 0 &&
        mac(key, sizeof(key), signing->region, key, err) == 0 &&
        mac(key, sizeof(key), signing->service, key, err) == 0 &&
        mac(key, sizeof(key), "aws4_request", key, err) == 0 && mac(key, sizeof(key), text, key, err) == 0) {
        (void)hex_encode(key, sizeof(key), out_hex);
        rc = 0;
    }
    mem_wipe(first, sizeof(first));
    mem_wipe(key, sizeof(key));
    return rc;
}

static int add_authorization(const struct s3_signing *signing, const char *scope, const char *signature,
                             struct buf *out, struct error *err)
{
    struct s3_header sorted[S3_SIGNED_HEADERS_MAX];
    CLEANUP_FREE char *head =
        mem_printf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=", signing->access_key, scope);
    if (head == NULL)
        return error_no_memory(err);
    if (sort_headers(signing, sorted, err) != 0 || add(out, head, err) != 0 ||
        add_names(sorted, signing->header_count, out, err) != 0 || add(out, ",Signature=", err) != 0)
        return -1;
    return add(out, signature, err);
}

int s3_sign(const struct s3_signing *signing, struct buf *out, struct error *err)
{
    char hash[S3_HASH_HEX_SIZE], signature[S3_HASH_HEX_SIZE];
    struct buf request = {0};
    int rc = s3_canonical_request(signing, &request, err);
    if (rc == 0)
        rc = s3_hash_hex(request.data, request.size, hash, err);
    buf_free(&request);
    if (rc != 0)
        return -1;
    CLEANUP_FREE char *scope = mem_printf("%.8s/%s/%s/aws4_request", signing->time, signing->region, signing->service);
    if (scope == NULL)
        return error_no_memory(err);
    CLEANUP_FREE char *text = mem_printf("AWS4-HMAC-SHA256\n%s\n%s\n%s", signing->time, scope, hash);
    if (text == NULL)
        return error_no_memory(err);
    if (sign_text(signing, text, signature, err) != 0)
        return -1;
    return add_authorization(signing, scope, signature, out, err);
}
