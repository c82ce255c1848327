#include "target/s3v2_sign.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAC_SIZE = 20, MAC_BASE64_SIZE = 29 };

char *s3v2_date(int64_t ns, char out[S3V2_DATE_SIZE])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        (void)snprintf(out, S3V2_DATE_SIZE, "Thu, 01 Jan 1970 00:00:00 GMT");
    else
        (void)snprintf(out, S3V2_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                       months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

/* Parameters that make another resource of a path: the document's list. */
static bool is_resource(const char *param)
{
    static const char *const resources[] = {
        "acl",        "cors",       "delete",   "lifecycle", "location",       "logging",  "notification",
        "partNumber", "policy",     "restore",  "tagging",   "torrent",        "uploadId", "uploads",
        "versionId",  "versioning", "versions", "website",   "requestPayment",
    };
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (strcmp(param, resources[i]) == 0)
            return true;
    return false;
}

static bool is_amz(const char *header)
{
    return strncmp(header, "x-amz-", 6) == 0;
}

static int add(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, text, strlen(text), err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct s3_header *)a)->name, ((const struct s3_header *)b)->name);
}

/* Those that count, by name. */
static int select_sorted(const struct s3_header *from, size_t count, bool (*counts)(const char *name),
                         struct s3_header sorted[S3_SIGNED_HEADERS_MAX], size_t *ret_count, struct error *err)
{
    *ret_count = 0;
    if (count > S3_SIGNED_HEADERS_MAX)
        return error_set(err, ERROR_INTERNAL, "%zu headers or parameters are too many to sign", count);
    for (size_t i = 0; i < count; i++)
        if (counts(from[i].name))
            sorted[(*ret_count)++] = from[i];
    qsort(sorted, *ret_count, sizeof(sorted[0]), compare_names);
    return 0;
}

/* A header's value, or an empty line. */
static int add_plain(const struct s3v2_signing *signing, const char *name, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < signing->header_count; i++)
        if (strcmp(signing->headers[i].name, name) == 0 && add(out, signing->headers[i].value, err) != 0)
            return -1;
    return add(out, "\n", err);
}

static int add_amz(const struct s3v2_signing *signing, struct buf *out, struct error *err)
{
    struct s3_header sorted[S3_SIGNED_HEADERS_MAX];
    size_t count;
    if (select_sorted(signing->headers, signing->header_count, is_amz, sorted, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add(out, sorted[i].name, err) != 0 || add(out, ":", err) != 0 || add(out, sorted[i].value, err) != 0 ||
            add(out, "\n", err) != 0)
            return -1;
    return 0;
}

/* Values of sub-resources are signed as they are, not as they are escaped for the line. */
static int add_resource(const struct s3v2_signing *signing, struct buf *out, struct error *err)
{
    struct s3_header sorted[S3_SIGNED_HEADERS_MAX];
    size_t count;
    if (select_sorted(signing->params, signing->param_count, is_resource, sorted, &count, err) != 0 ||
        add(out, signing->resource, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add(out, i == 0 ? "?" : "&", err) != 0 || add(out, sorted[i].name, err) != 0 ||
            (sorted[i].value[0] != '\0' && (add(out, "=", err) != 0 || add(out, sorted[i].value, err) != 0)))
            return -1;
    return 0;
}

int s3v2_string_to_sign(const struct s3v2_signing *signing, struct buf *out, struct error *err)
{
    if (add(out, signing->method, err) != 0 || add(out, "\n", err) != 0 ||
        add_plain(signing, "content-md5", out, err) != 0 || add_plain(signing, "content-type", out, err) != 0 ||
        add_plain(signing, "date", out, err) != 0 || add_amz(signing, out, err) != 0)
        return -1;
    return add_resource(signing, out, err);
}

int s3v2_sign(const struct s3v2_signing *signing, struct buf *out, struct error *err)
{
    uint8_t mac[MAC_SIZE];
    char base64[MAC_BASE64_SIZE];
    struct buf text = {0};
    unsigned size = 0;
    int rc = s3v2_string_to_sign(signing, &text, err);
    if (rc == 0 &&
        (HMAC(EVP_sha1(), signing->secret, (int)signing->secret_size, text.data, text.size, mac, &size) == NULL ||
         size != sizeof(mac))) {
        rc = error_set(err, ERROR_INTERNAL, "OpenSSL could not calculate HMAC-SHA1 for a signature");
        (void)error_hint(err, "a machine that allows no SHA-1 (FIPS) cannot use a store that knows only Signature V2");
    }
    buf_free(&text);
    if (rc != 0)
        return -1;
    s3_base64(mac, sizeof(mac), base64);
    if (add(out, "AWS ", err) != 0 || add(out, signing->access_key, err) != 0 || add(out, ":", err) != 0)
        return -1;
    return add(out, base64, err);
}
