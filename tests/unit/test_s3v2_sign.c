/* Signature V2 against what AWS has published, and against another implementation. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "target/s3v2_sign.h"

#include <locale.h>
#include <string.h>

struct row {
    const char *name, *method, *resource;
    struct s3_header params[4];
    size_t param_count;
    struct s3_header headers[8];
    size_t header_count;
    const char *text; /* what is signed; NULL: not published */
    const char *signature;
};

static void check(const struct row *row)
{
    struct error err = {0};
    struct buf text = {0}, out = {0};
    const struct s3v2_signing signing = {
        .method = row->method,
        .resource = row->resource,
        .params = row->params,
        .param_count = row->param_count,
        .headers = row->headers,
        .header_count = row->header_count,
        .access_key = "AKIAIOSFODNN7EXAMPLE",
        .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        .secret_size = 40,
    };
    assert_int_equal(s3v2_string_to_sign(&signing, &text, &err), 0);
    assert_int_equal(buf_u8(&text, 0, &err), 0);
    if (row->text != NULL && strcmp((char *)text.data, row->text) != 0)
        fail_msg("%s signs %s", row->name, (char *)text.data);
    assert_int_equal(s3v2_sign(&signing, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    if (strncmp((char *)out.data, "AWS AKIAIOSFODNN7EXAMPLE:", 25) != 0 ||
        strcmp((char *)out.data + 25, row->signature) != 0)
        fail_msg("%s: %s", row->name, (char *)out.data);
    buf_free(&text);
    buf_free(&out);
}

/* Amazon S3 Developer Guide, "Signing and Authenticating REST Requests", "Authentication Examples": all of them. */
static void test_published(void **state)
{
    static const struct row rows[] = {
        {"Object GET",
         "GET",
         "/johnsmith/photos/puppy.jpg",
         {{0}},
         0,
         {{"date", "Tue, 27 Mar 2007 19:36:42 +0000"}, {"host", "johnsmith.s3.amazonaws.com"}},
         2,
         "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg",
         "bWq2s1WEIj+Ydj0vQ697zp+IXMU="},
        {"Object PUT",
         "PUT",
         "/johnsmith/photos/puppy.jpg",
         {{0}},
         0,
         {{"content-type", "image/jpeg"},
          {"content-length", "94328"},
          {"host", "johnsmith.s3.amazonaws.com"},
          {"date", "Tue, 27 Mar 2007 21:15:45 +0000"}},
         4,
         "PUT\n\nimage/jpeg\nTue, 27 Mar 2007 21:15:45 +0000\n/johnsmith/photos/puppy.jpg",
         "MyyxeRY7whkBe+bq8fHCL/2kKUg="},
        {"List",
         "GET",
         "/johnsmith/",
         {{"prefix", "photos"}, {"max-keys", "50"}, {"marker", "puppy"}},
         3,
         {{"user-agent", "Mozilla/5.0"}, {"date", "Tue, 27 Mar 2007 19:42:41 +0000"}},
         2,
         "GET\n\n\nTue, 27 Mar 2007 19:42:41 +0000\n/johnsmith/",
         "htDYFYduRNen8P9ZfE/s9SuKy0U="},
        {"Fetch",
         "GET",
         "/johnsmith/",
         {{"acl", ""}},
         1,
         {{"date", "Tue, 27 Mar 2007 19:44:46 +0000"}},
         1,
         "GET\n\n\nTue, 27 Mar 2007 19:44:46 +0000\n/johnsmith/?acl",
         "c2WLPFtWHVgbEmeEG93a4cG37dM="},
        {"Delete",
         "DELETE",
         "/johnsmith/photos/puppy.jpg",
         {{0}},
         0,
         {{"user-agent", "dotnet"}, {"date", "Tue, 27 Mar 2007 21:20:26 +0000"}},
         2,
         "DELETE\n\n\nTue, 27 Mar 2007 21:20:26 +0000\n/johnsmith/photos/puppy.jpg",
         "lx3byBScXR6KzyMaifNkardMwNk="},
        {"Upload",
         "PUT",
         "/static.johnsmith.net/db-backup.dat.gz",
         {{0}},
         0,
         {{"date", "Tue, 27 Mar 2007 21:06:08 +0000"},
          {"x-amz-acl", "public-read"},
          {"content-type", "application/x-download"},
          {"content-md5", "4gJE4saaMU4BqNR0kLY+lw=="},
          {"x-amz-meta-reviewedby", "joe@johnsmith.net,jane@johnsmith.net"},
          {"x-amz-meta-filechecksum", "0x02661779"},
          {"x-amz-meta-checksumalgorithm", "crc32"},
          {"content-encoding", "gzip"}},
         8,
         NULL,
         "ilyl83RwaSoYIEdixDQcA4OnAnc="},
        {"List All My Buckets",
         "GET",
         "/",
         {{0}},
         0,
         {{"date", "Wed, 28 Mar 2007 01:29:59 +0000"}},
         1,
         NULL,
         "qGdzdERIC03wnaRNKh6OqZehG9s="},
        {"Unicode Keys",
         "GET",
         "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
         {{0}},
         0,
         {{"date", "Wed, 28 Mar 2007 01:49:49 +0000"}},
         1,
         NULL,
         "DNEZGsoieTZ92F3bUfSPQcbGmlM="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

#define TUESDAY "Tue, 27 Mar 2007 21:20:26 GMT"

/* No published example has a version. These signatures are botocore's (HmacV1Auth, 1.29), for the same key. */
static void test_sub_resources(void **state)
{
    static const struct row rows[] = {
        {"a version: its id is signed unescaped",
         "DELETE",
         "/johnsmith/photos/puppy.jpg",
         {{"versionId", "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"}},
         1,
         {{"date", TUESDAY}},
         1,
         "DELETE\n\n\n" TUESDAY "\n/johnsmith/photos/puppy.jpg?versionId=3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
         "B3TPrhDegBpfc/QOtCbnlRUSlYs="},
        {"an upload",
         "DELETE",
         "/johnsmith/photos/puppy.jpg",
         {{"uploadId", "2~a.b+c"}},
         1,
         {{"date", TUESDAY}},
         1,
         NULL,
         "p6GB7/CG8Laa1nn91JJGBKYkwxM="},
        {"sorted, and without what is no resource",
         "GET",
         "/johnsmith",
         {{"versions", ""}, {"prefix", "photos"}, {"max-keys", "50"}, {"uploads", ""}},
         4,
         {{"date", TUESDAY}},
         1,
         "GET\n\n\n" TUESDAY "\n/johnsmith?uploads&versions",
         "/P8bsxi/dX14B2tYDkypTIP7wFw="},
        {"headers sorted",
         "POST",
         "/johnsmith/",
         {{"delete", ""}},
         1,
         {{"x-amz-b", "2"}, {"content-md5", "4gJE4saaMU4BqNR0kLY+lw=="}, {"date", TUESDAY}, {"x-amz-a", "1"}},
         4,
         NULL,
         "W7Xfi5j5Uqh4Nvsw6aoYK8O2wZY="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

static void test_date(void **state)
{
    char date[S3V2_DATE_SIZE];
    int64_t ns = 0;
    (void)state;
    (void)setlocale(LC_ALL, "ja_JP.UTF-8"); /* dates of HTTP know no language */
    assert_int_equal(clock_parse("2007-03-27T21:20:26Z", &ns, NULL), 0);
    assert_string_equal(s3v2_date(ns, date), TUESDAY);
    assert_string_equal(s3v2_date(0, date), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_string_equal(s3v2_date(ns + NS_PER_S - 1, date), TUESDAY);
}

static void test_too_many(void **state)
{
    static struct s3_header many[S3_SIGNED_HEADERS_MAX + 1];
    const struct s3v2_signing signing = {.method = "GET",
                                         .resource = "/",
                                         .headers = many,
                                         .header_count = S3_SIGNED_HEADERS_MAX + 1,
                                         .access_key = "ID",
                                         .secret = "secret",
                                         .secret_size = 6};
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < S3_SIGNED_HEADERS_MAX + 1; i++)
        many[i] = (struct s3_header){"x-amz-x", "1"};
    assert_int_equal(s3v2_sign(&signing, &out, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(out.size, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_sub_resources),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
