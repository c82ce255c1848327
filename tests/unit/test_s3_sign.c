/* Signature V4 against what AWS has published. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "target/s3_sign.h"

#include <stdio.h>
#include <string.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/*
 * The "AWS Signature Version 4 Test Suite" (aws-sig-v4-test-suite): all its cases share key, instant, region and
 * service, and sign host and x-amz-date. Cases that S3 treats otherwise (paths that are normalised) are left out.
 */
static void test_suite(void **state)
{
    static const struct {
        const char *name, *method, *path, *query, *body;
        struct s3_header more[3];
        size_t count;
        const char *signature;
    } rows[] = {
        {.name = "get-vanilla",
         .method = "GET",
         .path = "/",
         .query = "",
         .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {.name = "get-vanilla-query-order-key-case",
         .method = "GET",
         .path = "/",
         .query = "Param1=value1&Param2=value2",
         .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {.name = "get-vanilla-utf8-query",
         .method = "GET",
         .path = "/",
         .query = "%E1%88%B4=bar",
         .signature = "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {.name = "get-unreserved",
         .method = "GET",
         .path = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
         .query = "",
         .signature = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {.name = "get-header-value-trim",
         .method = "GET",
         .path = "/",
         .query = "",
         .more = {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
         .count = 2,
         .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {.name = "post-vanilla",
         .method = "POST",
         .path = "/",
         .query = "",
         .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {.name = "post-x-www-form-urlencoded",
         .method = "POST",
         .path = "/",
         .query = "",
         .body = "Param1=value1",
         .more = {{"content-type", "application/x-www-form-urlencoded"}},
         .count = 1,
         .signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_header headers[5] = {{"x-amz-date", "20150830T123600Z"}, {"host", "example.amazonaws.com"}};
        struct error err = {0};
        struct buf out = {0};
        char hash[S3_HASH_HEX_SIZE];
        const char *body = rows[i].body != NULL ? rows[i].body : "";
        memcpy(headers + 2, rows[i].more, sizeof(rows[i].more));
        assert_int_equal(s3_hash_hex(body, strlen(body), hash, &err), 0);
        const struct s3_signing signing = {
            .method = rows[i].method,
            .path = rows[i].path,
            .query = rows[i].query,
            .headers = headers,
            .header_count = 2 + rows[i].count,
            .payload = hash,
            .region = "us-east-1",
            .service = "service",
            .time = "20150830T123600Z",
            .access_key = "AKIDEXAMPLE",
            .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            .secret_size = 40,
        };
        assert_int_equal(s3_sign(&signing, &out, &err), 0);
        assert_int_equal(buf_u8(&out, 0, &err), 0);
        const char *found = strstr((char *)out.data, "Signature=");
        if (found == NULL || strcmp(found + 10, rows[i].signature) != 0)
            fail_msg("%s: %s", rows[i].name, (char *)out.data);
        assert_non_null(strstr((char *)out.data, "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"));
        buf_free(&out);
    }
}

/* Amazon S3 API Reference, "Examples: Signature Calculations" (Authorization header, single chunk). */
static void test_s3_examples(void **state)
{
    static const struct {
        const char *method, *path, *query, *payload;
        struct s3_header more[3];
        size_t count;
        const char *signed_names, *signature;
    } rows[] = {
        {"GET",
         "/test.txt",
         "",
         EMPTY,
         {{"range", "bytes=0-9"}},
         1,
         "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT",
         "/test%24file.text",
         "",
         "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
         {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
         2,
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET",
         "/",
         "lifecycle=",
         EMPTY,
         {{0}},
         0,
         "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET",
         "/",
         "max-keys=2&prefix=J",
         EMPTY,
         {{0}},
         0,
         "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_header headers[6] = {{"host", "examplebucket.s3.amazonaws.com"},
                                       {"x-amz-content-sha256", rows[i].payload},
                                       {"x-amz-date", "20130524T000000Z"}};
        struct error err = {0};
        struct buf out = {0};
        memcpy(headers + 3, rows[i].more, sizeof(rows[i].more));
        const struct s3_signing signing = {
            .method = rows[i].method,
            .path = rows[i].path,
            .query = rows[i].query,
            .headers = headers,
            .header_count = 3 + rows[i].count,
            .payload = rows[i].payload,
            .region = "us-east-1",
            .service = "s3",
            .time = "20130524T000000Z",
            .access_key = "AKIAIOSFODNN7EXAMPLE",
            .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            .secret_size = 40,
        };
        char expected[400];
        (void)snprintf(expected, sizeof(expected),
                       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                       "SignedHeaders=%s,Signature=%s",
                       rows[i].signed_names, rows[i].signature);
        assert_int_equal(s3_sign(&signing, &out, &err), 0);
        assert_int_equal(buf_u8(&out, 0, &err), 0);
        assert_string_equal((char *)out.data, expected);
        buf_free(&out);
    }
}

/* The same reference spells this canonical request out. */
static void test_canonical_request(void **state)
{
    const struct s3_header headers[] = {{"x-amz-date", "20130524T000000Z"},
                                        {"range", "bytes=0-9"},
                                        {"x-amz-content-sha256", EMPTY},
                                        {"host", "examplebucket.s3.amazonaws.com"}};
    const struct s3_signing signing = {
        .method = "GET", .path = "/test.txt", .query = "", .headers = headers, .header_count = 4, .payload = EMPTY};
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    assert_int_equal(s3_canonical_request(&signing, &out, &err), 0);
    assert_int_equal(buf_u8(&out, 0, &err), 0);
    assert_string_equal((char *)out.data, "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
                                          "x-amz-content-sha256:" EMPTY "\nx-amz-date:20130524T000000Z\n\n"
                                          "host;range;x-amz-content-sha256;x-amz-date\n" EMPTY);
    buf_free(&out);
}

static void test_parts(void **state)
{
    static const struct {
        const char *text, *with_slash, *without;
    } rows[] = {
        {"", "", ""},
        {"a/b.c_d-e~", "a/b.c_d-e~", "a%2Fb.c_d-e~"},
        {"a b+c%", "a%20b%2Bc%25", "a%20b%2Bc%25"},
        {"\xe6\x8e\xa7", "%E6%8E%A7", "%E6%8E%A7"},
    };
    struct error err = {0};
    char time[S3_TIME_SIZE], base64[S3_MD5_BASE64_SIZE], hex[S3_MD5_HEX_SIZE], hash[S3_HASH_HEX_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned keep = 0; keep < 2; keep++) {
            struct buf out = {0};
            assert_int_equal(s3_escape(rows[i].text, keep == 1, &out, &err), 0);
            assert_int_equal(buf_u8(&out, 0, &err), 0);
            assert_string_equal((char *)out.data, keep == 1 ? rows[i].with_slash : rows[i].without);
            buf_free(&out);
        }
    assert_string_equal(s3_time(INT64_C(1369353600) * 1000000000, time), "20130524T000000Z");
    /* RFC 1321, A.5, and FIPS 180-4. */
    assert_int_equal(s3_md5("abc", 3, base64, hex, &err), 0);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(base64, "kAFQmDzST7DWlj99KOF/cg==");
    assert_int_equal(s3_hash_hex("", 0, hash, &err), 0);
    assert_string_equal(hash, EMPTY);
}

/* What cannot be signed is refused, and no part of the secret is in the message. */
static void test_refused(void **state)
{
    struct s3_header headers[S3_SIGNED_HEADERS_MAX + 1];
    static const char secret[400] = "SECRETSECRET";
    struct error err = {0};
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i <= S3_SIGNED_HEADERS_MAX; i++)
        headers[i] = (struct s3_header){"a", "b"};
    struct s3_signing signing = {.method = "GET",
                                 .path = "/",
                                 .query = "",
                                 .headers = headers,
                                 .header_count = S3_SIGNED_HEADERS_MAX + 1,
                                 .payload = EMPTY,
                                 .region = "r",
                                 .service = "s3",
                                 .time = "20130524T000000Z",
                                 .access_key = "A",
                                 .secret = secret,
                                 .secret_size = 10};
    assert_int_equal(s3_sign(&signing, &out, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    signing.header_count = 1;
    signing.secret_size = sizeof(secret);
    assert_int_equal(s3_sign(&signing, &out, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_null(strstr(err.what, "SECRET"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite), cmocka_unit_test(test_s3_examples), cmocka_unit_test(test_canonical_request),
        cmocka_unit_test(test_parts), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
