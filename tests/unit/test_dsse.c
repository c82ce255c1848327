/*
 * DSSE envelopes and keys in PEM. Vectors: protocol.md and testvectors/vectors.json of
 * github.com/secure-systems-lab/dsse (the keys are those of RFC 8032 §7.1, tests 1 and 2); and openssl itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hex.h"
#include "crypto/dsse.h"
#include "crypto/pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const seeds[] = {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                                    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"};
static const char *const publics[] = {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                                      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"};

#define IN_TOTO      "application/vnd.in-toto+json"
#define STATEMENT    "{\"_type\":\"https://in-toto.io/Statement/v1\"}"
#define STATEMENT_64 "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="
#define SIG_A        "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA=="
#define SIG_B        "c1+67/aT0yqEpwx8PsVY3MLHsj9D0CZ014/Fv/QlG59P+9CobUZ7xECJ/V3USG0Ob9CiE5LjReEZUzNF2l7eBw=="

static struct secret *seed(unsigned n)
{
    uint8_t bytes[ED25519_SECRET_SIZE];
    assert_true(hex_decode(seeds[n], sizeof(bytes), bytes));
    struct secret *secret = secret_copy(bytes, sizeof(bytes));
    assert_non_null(secret);
    return secret;
}

static void both_keys(struct dsse_key keys[2])
{
    assert_true(hex_decode(publics[0], ED25519_PUBLIC_SIZE, keys[0].bytes));
    assert_true(hex_decode(publics[1], ED25519_PUBLIC_SIZE, keys[1].bytes));
}

/* ---- The published vectors ---- */

static void test_pae(void **state)
{
    (void)state;
    static const struct {
        const char *type, *payload, *pae;
    } table[] = {
        {"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
        {IN_TOTO, STATEMENT, "DSSEv1 28 " IN_TOTO " 43 " STATEMENT},
        {IN_TOTO, "", "DSSEv1 28 " IN_TOTO " 0 "},
        /* The length is that of the bytes: 28 characters. */
        {"application/vnd.ex\xc3\xa4mple+json", STATEMENT,
         "DSSEv1 29 application/vnd.ex\xc3\xa4mple+json 43 " STATEMENT},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CLEANUP(buf_free) struct buf out = {0};
        assert_int_equal(dsse_pae(table[i].type, table[i].payload, strlen(table[i].payload), &out, NULL), 0);
        assert_int_equal(out.size, strlen(table[i].pae));
        assert_memory_equal(out.data, table[i].pae, out.size);
    }
}

static void test_published_envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json;
        bool parses, by_a, by_b;
    } table[] = {
        {"single signature",
         "{\"payload\":\"" STATEMENT_64 "\",\"payloadType\":\"" IN_TOTO "\",\"signatures\":[{\"sig\":\"" SIG_A
         "\",\"keyid\":\"A\"}]}",
         true, true, false},
        {"url-safe base64",
         "{\"payload\":\"-_-_Pj8=\",\"payloadType\":\"" IN_TOTO
         "\",\"signatures\":[{\"sig\":\"P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_"
         "svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw==\",\"keyid\":\"A\"}]}",
         true, true, false},
        {"another type",
         "{\"payload\":\"" STATEMENT_64
         "\",\"payloadType\":\"application/vnd.example.other+json\",\"signatures\":[{\"sig\":\"" SIG_A "\"}]}",
         true, false, false},
        {"empty payload",
         "{\"payload\":\"\",\"payloadType\":\"" IN_TOTO
         "\",\"signatures\":[{\"sig\":\"gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/"
         "jHfkkDqsj7CDbDg==\"}]}",
         true, true, false},
        {"empty type",
         "{\"payload\":\"" STATEMENT_64
         "\",\"payloadType\":\"\",\"signatures\":[{\"sig\":\"iC3q/+3Rm0+lpAJRueDmDh15PnwCfxKmS0NAfKsbv+zgulXQC/"
         "WM9trc+j1XEqlwDIg/vf/uNfebeD6sxInrDg==\"}]}",
         false, false, false},
        {"two keys",
         "{\"payload\":\"" STATEMENT_64 "\",\"payloadType\":\"" IN_TOTO "\",\"signatures\":[{\"sig\":\"" SIG_A
         "\",\"keyid\":\"A\"},{\"sig\":\"" SIG_B "\",\"keyid\":\"B\"}]}",
         true, true, true},
        {"one key twice",
         "{\"payload\":\"" STATEMENT_64 "\",\"payloadType\":\"" IN_TOTO "\",\"signatures\":[{\"sig\":\"" SIG_A
         "\",\"keyid\":\"A\"},{\"sig\":\"" SIG_A "\",\"keyid\":\"B\"}]}",
         true, true, false},
        {"no key ids",
         "{\"payload\":\"" STATEMENT_64 "\",\"payloadType\":\"" IN_TOTO "\",\"signatures\":[{\"sig\":\"" SIG_A
         "\"},{\"sig\":\"" SIG_B "\"}]}",
         true, true, true},
        /* protocol.md's own example has a signature of ECDSA: it is read, and no key of ours made it. */
        {"ECDSA",
         "{\"payload\":\"aGVsbG8gd29ybGQ=\",\"payloadType\":\"http://example.com/"
         "HelloWorld\",\"signatures\":[{\"sig\":\"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+"
         "O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==\"}]}",
         true, false, false},
    };
    struct dsse_key keys[2];
    both_keys(keys);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CLEANUP(dsse_free) struct dsse envelope = {0};
        struct error err = {0};
        assert_int_equal(dsse_parse(table[i].json, strlen(table[i].json), &envelope, &err), table[i].parses ? 0 : -1);
        if (!table[i].parses)
            continue;
        bool signed_by[2];
        size_t distinct;
        assert_int_equal(dsse_verify(&envelope, keys, 2, signed_by, &distinct, &err), 0);
        if (signed_by[0] != table[i].by_a || signed_by[1] != table[i].by_b)
            fail_msg("%s", table[i].name);
        assert_int_equal(distinct, table[i].by_a + table[i].by_b);
    }
}

/* Ed25519 is deterministic: what we sign is what the vectors hold. */
static void test_sign(void **state)
{
    (void)state;
    CLEANUP_SECRET struct secret *a = seed(0), *b = seed(1);
    CLEANUP(dsse_free) struct dsse envelope = {0}, again = {0};
    assert_int_equal(dsse_start(IN_TOTO, STATEMENT, strlen(STATEMENT), &envelope, NULL), 0);
    assert_int_equal(dsse_sign(&envelope, a, NULL), 0);
    assert_int_equal(dsse_sign(&envelope, b, NULL), 0);
    CLEANUP_FREE char *text = NULL;
    assert_int_equal(dsse_print(&envelope, &text, NULL), 0);
    assert_non_null(strstr(text, "\"sig\":\"" SIG_A "\""));
    assert_non_null(strstr(text, "\"sig\":\"" SIG_B "\""));
    assert_null(strchr(text, '\n'));
    assert_int_equal(dsse_parse(text, strlen(text), &again, NULL), 0);
    assert_int_equal(again.signature_count, 2);
    assert_string_equal(again.type, IN_TOTO);
    assert_memory_equal(again.payload.data, STATEMENT, again.payload.size);

    struct dsse_key keys[3];
    bool signed_by[3];
    size_t distinct;
    both_keys(keys);
    keys[2] = keys[0];
    assert_int_equal(dsse_verify(&again, keys, 3, signed_by, &distinct, NULL), 0);
    assert_true(signed_by[0] && signed_by[1] && signed_by[2]);
    assert_int_equal(distinct, 2);
    again.payload.data[3] ^= 1;
    assert_int_equal(dsse_verify(&again, keys, 3, signed_by, &distinct, NULL), 0);
    assert_int_equal(distinct, 0);
    assert_false(signed_by[0] || signed_by[1] || signed_by[2]);
}

static void test_refused(void **state)
{
    (void)state;
#define ROW(payload, type, signatures)                                                                                 \
    "{\"payload\":" payload ",\"payloadType\":" type ",\"signatures\":" signatures "}"
    static const char *const table[] = {
        "",
        "[]",
        "{}",
        ROW("\"aGk=\"", "\"t\"", "[]"),
        ROW("\"aGk=\"", "\"t\"", "{}"),
        ROW("\"aGk=\"", "\"t\"", "[{\"keyid\":\"x\"}]"),
        ROW("\"aGk=\"", "\"t\"", "[{\"sig\":\"!\"}]"),
        ROW("\"aGk=\"", "\"t\"", "[{\"sig\":\"aGk=\",\"keyid\":1}]"),
        ROW("\"aGk\"", "\"t\"", "[{\"sig\":\"aGk=\"}]"),  /* no padding */
        ROW("\"aGl=\"", "\"t\"", "[{\"sig\":\"aGk=\"}]"), /* a second text for the same bytes */
        ROW("\"+-A=\"", "\"t\"", "[{\"sig\":\"aGk=\"}]"), /* two alphabets at once */
        ROW("\"aG k\"", "\"t\"", "[{\"sig\":\"aGk=\"}]"),
        ROW("\"aGk=\"", "7", "[{\"sig\":\"aGk=\"}]"),
        ROW("null", "\"t\"", "[{\"sig\":\"aGk=\"}]"),
        ROW("\"aGk=\",\"payload\":\"aGk=\"", "\"t\"", "[{\"sig\":\"aGk=\"}]"), /* a member twice */
        ROW("\"aGk=\"", "\"t\"", "[{\"sig\":\"aGk=\"}]") "x",
    };
#undef ROW
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct dsse envelope = {0};
        struct error err = {0};
        if (dsse_parse(table[i], strlen(table[i]), &envelope, &err) == 0)
            fail_msg("accepted: %s", table[i]);
        assert_int_equal(err.class, ERROR_DAMAGED);
        assert_null(envelope.payload.data);
    }
}

static void test_limits(void **state)
{
    (void)state;
    CLEANUP_SECRET struct secret *a = seed(0);
    CLEANUP(dsse_free) struct dsse envelope = {0};
    struct error err = {0};
    char type[DSSE_TYPE_MAX + 2];
    memset(type, 't', sizeof(type));
    type[DSSE_TYPE_MAX + 1] = '\0';
    assert_int_equal(dsse_start(type, "x", 1, &envelope, &err), -1);
    assert_int_equal(dsse_start("", "x", 1, &envelope, &err), -1);
    type[DSSE_TYPE_MAX] = '\0';
    assert_int_equal(dsse_start(type, "x", 1, &envelope, &err), 0);
    for (int i = 0; i < DSSE_SIGNATURES_MAX; i++)
        assert_int_equal(dsse_sign(&envelope, a, &err), 0);
    assert_int_equal(dsse_sign(&envelope, a, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    CLEANUP_FREE char *text = NULL;
    CLEANUP(dsse_free) struct dsse again = {0};
    assert_int_equal(dsse_print(&envelope, &text, &err), 0);
    assert_int_equal(dsse_parse(text, strlen(text), &again, &err), 0);
    assert_int_equal(again.signature_count, DSSE_SIGNATURES_MAX);
    /* One more in the text. */
    char *last = strstr(text, "[{");
    CLEANUP_FREE char *longer = mem_printf("%.*s[{\"sig\":\"aGk=\"},%s", (int)(last - text), text, last + 1);
    assert_non_null(longer);
    dsse_free(&again);
    assert_int_equal(dsse_parse(longer, strlen(longer), &again, &err), -1);
}

/* ---- Keys, and openssl ---- */

static char folder[] = "/tmp/hikae-dsse-XXXXXX";

static char *path(const char *name)
{
    char *text = mem_printf("%s/%s", folder, name);
    assert_non_null(text);
    return text;
}

static void put(const char *name, const void *bytes, size_t size)
{
    CLEANUP_FREE char *file = path(name);
    assert_int_equal(file_write_atomic(file, bytes, size, 0600, NULL), 0);
}

static int shell(const char *command)
{
    CLEANUP_FREE char *line = mem_printf("cd %s && { %s; } >out 2>&1", folder, command);
    assert_non_null(line);
    return system(line); // NOLINT(cert-env33-c): fixed commands, in a folder of the test's own
}

static struct secret *get_secret(const char *name)
{
    CLEANUP_FREE char *file = path(name);
    CLEANUP(buf_free) struct buf text = {0};
    assert_int_equal(file_read(file, PEM_MAX, &text, NULL), 0);
    return secret_copy(text.data, text.size);
}

static void test_openssl_verifies(void **state)
{
    (void)state;
    CLEANUP_SECRET struct secret *a = seed(0);
    CLEANUP(dsse_free) struct dsse envelope = {0};
    CLEANUP(buf_free) struct buf pae = {0};
    struct dsse_key keys[2];
    char pem[PEM_PUBLIC_SIZE];
    both_keys(keys);
    assert_int_equal(dsse_start(IN_TOTO, STATEMENT, strlen(STATEMENT), &envelope, NULL), 0);
    assert_int_equal(dsse_sign(&envelope, a, NULL), 0);
    assert_int_equal(dsse_pae(IN_TOTO, STATEMENT, strlen(STATEMENT), &pae, NULL), 0);
    assert_int_equal(pem_print_public(keys[0].bytes, pem, NULL), 0);
    put("pae", pae.data, pae.size);
    put("sig", envelope.signatures[0].bytes, envelope.signatures[0].size);
    put("pub.pem", pem, strlen(pem));
    assert_int_equal(shell("openssl pkeyutl -verify -rawin -pubin -inkey pub.pem -sigfile sig -in pae"), 0);
    pae.data[0] ^= 1;
    put("pae", pae.data, pae.size);
    assert_int_not_equal(shell("openssl pkeyutl -verify -rawin -pubin -inkey pub.pem -sigfile sig -in pae"), 0);
    /* The key id as openssl and sha256sum compute it. */
    CLEANUP_FREE char *out = path("out");
    CLEANUP(buf_free) struct buf printed = {0};
    char keyid[KEYID_SIZE];
    assert_int_equal(shell("openssl pkey -pubin -in pub.pem -outform DER | sha256sum"), 0);
    assert_int_equal(file_read(out, PEM_MAX, &printed, NULL), 0);
    assert_int_equal(ed25519_keyid(keys[0].bytes, keyid, NULL), 0);
    assert_memory_equal(printed.data, keyid, KEYID_SIZE - 1);
    assert_string_equal(envelope.signatures[0].keyid, keyid);
}

static void test_private_keys(void **state)
{
    (void)state;
    CLEANUP_SECRET struct secret *a = seed(0), *pass = secret_copy("correct horse", 13),
                                 *wrong = secret_copy("wrong", 5);
    CLEANUP_SECRET struct secret *plain = NULL, *sealed = NULL, *back = NULL, *opened = NULL, *made = NULL;
    struct error err = {0};
    assert_int_equal(pem_print_private(a, NULL, &plain, &err), 0);
    assert_int_equal(pem_parse_private(plain, NULL, &back, &err), 0);
    assert_true(secret_equal(a, back));
    assert_int_equal(pem_print_private(a, pass, &sealed, &err), 0);
    assert_int_equal(pem_parse_private(sealed, pass, &opened, &err), 0);
    assert_true(secret_equal(a, opened));
    struct secret *none = NULL;
    assert_int_equal(pem_parse_private(sealed, NULL, &none, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_non_null(strstr(err.what, "encrypted"));
    assert_int_equal(pem_parse_private(sealed, wrong, &none, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_null(none);
    /* openssl reads ours, and prints the same public key; we read its own, plain and encrypted. */
    put("plain.pem", secret_borrow(plain), secret_size(plain));
    put("sealed.pem", secret_borrow(sealed), secret_size(sealed));
    assert_int_equal(shell("openssl pkey -in plain.pem -pubout >p1 && openssl pkey -in sealed.pem -passin "
                           "'pass:correct horse' -pubout >p2"
                           " && cmp p1 p2 && cmp p1 pub.pem"),
                     0);
    assert_int_equal(shell("openssl genpkey -algorithm ed25519 -out o.pem && openssl pkey -in o.pem -aes-256-cbc "
                           "-passout 'pass:correct "
                           "horse' -out oe.pem && openssl pkey -in o.pem -pubout -out op.pem && openssl ecparam "
                           "-genkey -name prime256v1 -noout -out ec.pem"
                           " && openssl pkey -in ec.pem -pubout -out ecp.pem"),
                     0);
    CLEANUP_SECRET struct secret *o = get_secret("o.pem"), *oe = get_secret("oe.pem"), *ec = get_secret("ec.pem");
    CLEANUP_SECRET struct secret *from_plain = NULL;
    assert_int_equal(pem_parse_private(o, NULL, &from_plain, &err), 0);
    assert_int_equal(pem_parse_private(oe, pass, &made, &err), 0);
    assert_true(secret_equal(from_plain, made));
    assert_int_equal(pem_parse_private(ec, NULL, &none, &err), -1);
    assert_non_null(strstr(err.what, "no key of Ed25519"));
    assert_int_equal(pem_parse_private(pass, NULL, &none, &err), -1);

    CLEANUP_SECRET struct secret *op = get_secret("op.pem"), *ecp = get_secret("ecp.pem");
    uint8_t read[ED25519_PUBLIC_SIZE], computed[ED25519_PUBLIC_SIZE];
    assert_int_equal(pem_parse_public(secret_borrow(op), secret_size(op), read, &err), 0);
    assert_int_equal(ed25519_public(made, computed, &err), 0);
    assert_memory_equal(read, computed, sizeof(read));
    assert_int_equal(pem_parse_public(secret_borrow(ecp), secret_size(ecp), read, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    /* A private key is no public one; two keys are not one. */
    assert_int_equal(pem_parse_public(secret_borrow(o), secret_size(o), read, &err), -1);
    CLEANUP_FREE char *twice = mem_printf("%.*s%.*s", (int)secret_size(op), (const char *)secret_borrow(op),
                                          (int)secret_size(op), (const char *)secret_borrow(op));
    assert_non_null(twice);
    assert_int_equal(pem_parse_public(twice, strlen(twice), read, &err), -1);
}

/* The identity signs everything: S = 0, R = identity. Such a key must never be an operator's. */
static void test_small_order(void **state)
{
    (void)state;
    uint8_t identity[ED25519_PUBLIC_SIZE] = {1}, out[ED25519_PUBLIC_SIZE];
    char pem[PEM_PUBLIC_SIZE];
    struct error err = {0};
    assert_int_equal(pem_print_public(identity, pem, NULL), 0);
    assert_int_equal(pem_parse_public(pem, strlen(pem), out, &err), -1);
    assert_non_null(strstr(err.what, "small order"));
}

static int make_folder(void **state)
{
    (void)state;
    secret_init();
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pae),          cmocka_unit_test(test_published_envelopes),
        cmocka_unit_test(test_sign),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_openssl_verifies),
        cmocka_unit_test(test_private_keys), cmocka_unit_test(test_small_order),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
