/* Published vectors: FIPS 180-4, RFC 4231, RFC 5869, McGrew & Viega (SP 800-38D), RFC 7914, RFC 8032. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>

enum { VECTOR_MAX = 512 };

/* Bytes of hexadecimal text. */
struct vector {
    uint8_t bytes[VECTOR_MAX];
    size_t size;
};

static struct vector unhex(const char *text)
{
    struct vector v = {.size = strlen(text) / 2};
    assert_true(v.size <= VECTOR_MAX);
    assert_true(hex_decode(text, v.size, v.bytes));
    return v;
}

static void assert_bytes(const void *bytes, const char *hex)
{
    struct vector v = unhex(hex);
    assert_memory_equal(bytes, v.bytes, v.size);
}

/* ---- SHA-256 ---- */

static void test_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
    } table[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "stu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    struct sha256 *pieces = sha256_new();
    assert_non_null(pieces);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint8_t out[SHA256_SIZE];
        size_t size = strlen(table[i].text);
        assert_int_equal(sha256(table[i].text, size, out, NULL), 0);
        assert_bytes(out, table[i].digest);
        assert_int_equal(sha256_start(pieces, NULL), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(sha256_update(pieces, table[i].text + k, 1, NULL), 0);
        assert_int_equal(sha256_finish(pieces, out, NULL), 0);
        assert_bytes(out, table[i].digest);
    }
    /* A million times 'a'. */
    char block[1000];
    memset(block, 'a', sizeof(block));
    uint8_t out[SHA256_SIZE];
    assert_int_equal(sha256_start(pieces, NULL), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(sha256_update(pieces, block, sizeof(block), NULL), 0);
    assert_int_equal(sha256_finish(pieces, out, NULL), 0);
    assert_bytes(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sha256_free(pieces);
    sha256_free(NULL);
}

/* ---- HMAC-SHA256, RFC 4231 §4 ---- */

#define REPEAT_20(x) x x x x x x x x x x x x x x x x x x x x
#define AA_131       REPEAT_20("aaaaaaaaaaaa") "aaaaaaaaaaaaaaaaaaaaaa"

static void test_hmac(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *data;
        const char *mac; /* case 5 is truncated to 16 bytes */
    } table[] = {
        {REPEAT_20("0b"), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {REPEAT_20("aa"), REPEAT_20("dd") REPEAT_20("dd") "dddddddddddddddddddd",
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"0102030405060708090a0b0c0d0e0f10111213141516171819", REPEAT_20("cd") REPEAT_20("cd") "cdcdcdcdcdcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {REPEAT_20("0c"), "546573742057697468205472756e636174696f6e", "a3b6167473100ee06e0c796c2955552b"},
        {AA_131,
         "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669"
         "727374",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {AA_131,
         "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e"
         "642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f206265"
         "20686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct vector key = unhex(table[i].key), data = unhex(table[i].data);
        struct hmac *hmac = hmac_new(key.bytes, key.size);
        uint8_t out[SHA256_SIZE];
        assert_non_null(hmac);
        /* However the message is divided, and again with the same struct. */
        for (size_t cut = 0; cut <= data.size; cut++) {
            assert_int_equal(hmac_sha256(hmac, data.bytes, cut, cut < data.size ? data.bytes + cut : NULL,
                                         data.size - cut, out, NULL),
                             0);
            assert_bytes(out, table[i].mac);
        }
        hmac_free(hmac);
    }
    hmac_free(NULL);
}

/* ---- HKDF-SHA256, RFC 5869 appendix A ---- */

static void test_hkdf(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *salt;
        const char *info;
        const char *out;
    } table[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353"
         "6"
         "3738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
         "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f9091929394959"
         "6"
         "9798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
         "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e"
         "6"
         "e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f0"
         "9"
         "b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct vector key = unhex(table[i].key), salt = unhex(table[i].salt), info = unhex(table[i].info);
        struct vector wanted = unhex(table[i].out);
        uint8_t out[VECTOR_MAX];
        for (size_t size = 0; size <= wanted.size; size++) {
            assert_int_equal(
                hkdf_sha256(key.bytes, key.size, salt.bytes, salt.size, info.bytes, info.size, out, size, NULL), 0);
            assert_memory_equal(out, wanted.bytes, size);
        }
    }
    static uint8_t longest[8161];
    struct error err = {0};
    assert_int_equal(hkdf_sha256("k", 1, NULL, 0, NULL, 0, longest, 8160, &err), 0);
    assert_int_equal(hkdf_sha256("k", 1, NULL, 0, NULL, 0, longest, 8161, &err), -1);
}

/* ---- AES-256-GCM: test cases 13 to 16 of "The Galois/Counter Mode of Operation" ---- */

#define GCM_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN_60                                                                                                   \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657" \
    "ba637b39"
#define GCM_CIPHER_60                                                                                                  \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a" \
    "bcc9f662"

static const struct {
    const char *key;
    const char *nonce;
    const char *aad;
    const char *plain;
    const char *sealed;
} gcm_vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {GCM_KEY, "cafebabefacedbaddecaf888", "", GCM_PLAIN_60 "1aafd255",
     GCM_CIPHER_60 "898015adb094dac5d93471bdec1a502270e3cc6c"},
    {GCM_KEY, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_PLAIN_60,
     GCM_CIPHER_60 "76fc6ece0f4e1768cddf8853bb2d551b"},
};
enum { GCM_VECTORS = sizeof(gcm_vectors) / sizeof(gcm_vectors[0]) };

static void test_gcm_vectors(void **state)
{
    (void)state;
    struct gcm *gcm = gcm_new();
    assert_non_null(gcm);
    for (size_t i = 0; i < GCM_VECTORS; i++) {
        struct vector key = unhex(gcm_vectors[i].key), nonce = unhex(gcm_vectors[i].nonce);
        struct vector aad = unhex(gcm_vectors[i].aad), plain = unhex(gcm_vectors[i].plain);
        struct vector sealed = unhex(gcm_vectors[i].sealed);
        uint8_t out[VECTOR_MAX];
        assert_int_equal(sealed.size, plain.size + GCM_TAG_SIZE);
        assert_int_equal(gcm_set_key(gcm, key.bytes, NULL), 0);
        assert_int_equal(gcm_seal(gcm, nonce.bytes, aad.bytes, aad.size, plain.bytes, plain.size, out, NULL), 0);
        assert_memory_equal(out, sealed.bytes, sealed.size);
        assert_int_equal(gcm_open(gcm, nonce.bytes, aad.bytes, aad.size, sealed.bytes, sealed.size, out, NULL), 0);
        assert_memory_equal(out, plain.bytes, plain.size);
        /* In place, both ways. */
        memcpy(out, plain.bytes, plain.size);
        assert_int_equal(gcm_seal(gcm, nonce.bytes, aad.bytes, aad.size, out, plain.size, out, NULL), 0);
        assert_memory_equal(out, sealed.bytes, sealed.size);
        assert_int_equal(gcm_open(gcm, nonce.bytes, aad.bytes, aad.size, out, sealed.size, out, NULL), 0);
        assert_memory_equal(out, plain.bytes, plain.size);
    }
    gcm_free(gcm);
    gcm_free(NULL);
}

static void test_gcm_refuses(void **state)
{
    (void)state;
    struct gcm *gcm = gcm_new();
    struct vector key = unhex(GCM_KEY), nonce = unhex("cafebabefacedbaddecaf888");
    struct vector aad = unhex(gcm_vectors[3].aad), sealed = unhex(gcm_vectors[3].sealed);
    uint8_t out[VECTOR_MAX];
    static const uint8_t zeros[VECTOR_MAX];
    assert_int_equal(gcm_set_key(gcm, key.bytes, NULL), 0);
    /* Every bit of the record, of the nonce and of the associated data. */
    struct vector *parts[] = {&sealed, &nonce, &aad};
    for (size_t part = 0; part < 3; part++)
        for (size_t bit = 0; bit < 8 * parts[part]->size; bit++) {
            struct error err = {0};
            parts[part]->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            memset(out, 0xff, sizeof(out));
            assert_int_equal(gcm_open(gcm, nonce.bytes, aad.bytes, aad.size, sealed.bytes, sealed.size, out, &err), -1);
            assert_int_equal(err.class, ERROR_DAMAGED);
            assert_memory_equal(out, zeros, sealed.size - GCM_TAG_SIZE);
            parts[part]->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    /* Every shorter record, and one without associated data. */
    for (size_t size = 0; size < sealed.size; size++) {
        struct error err = {0};
        assert_int_equal(gcm_open(gcm, nonce.bytes, aad.bytes, aad.size, sealed.bytes, size, out, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
    assert_int_equal(gcm_open(gcm, nonce.bytes, NULL, 0, sealed.bytes, sealed.size, out, NULL), -1);
    key.bytes[0] ^= 1;
    assert_int_equal(gcm_set_key(gcm, key.bytes, NULL), 0);
    assert_int_equal(gcm_open(gcm, nonce.bytes, aad.bytes, aad.size, sealed.bytes, sealed.size, out, NULL), -1);
    gcm_free(gcm);
}

/* ---- scrypt, RFC 7914 §12 ---- */

static void test_scrypt(void **state)
{
    (void)state;
    static const struct {
        const char *pass;
        const char *salt;
        uint64_t n;
        uint32_t r, p;
        const char *out;
    } table[] = {
        {"", "", 16, 1, 1,
         "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3"
         "628"
         "cf35e20c38d18906"},
        {"password", "NaCl", 1024, 8, 16,
         "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83e"
         "e6d"
         "8360cbdfa2cc0640"},
        {"pleaseletmein", "SodiumChloride", 16384, 8, 1,
         "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651"
         "e40"
         "dfcf017b45575887"},
    };
    uint8_t out[64];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(crypto_scrypt(table[i].pass, strlen(table[i].pass), table[i].salt, strlen(table[i].salt),
                                       table[i].n, table[i].r, table[i].p, out, sizeof(out), NULL),
                         0);
        assert_bytes(out, table[i].out);
    }
}

static void test_scrypt_refuses_costs(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        uint32_t r, p;
    } table[] = {{0, 8, 1},          {1, 8, 1},  {3, 8, 1},  {1000, 8, 1}, {UINT64_C(1) << 25, 8, 1},
                 {UINT64_MAX, 8, 1}, {16, 0, 1}, {16, 8, 0}, {16, 65, 1},  {16, 8, 65}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint8_t out[32];
        struct error err = {0};
        assert_int_equal(crypto_scrypt("p", 1, "s", 1, table[i].n, table[i].r, table[i].p, out, sizeof(out), &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
}

/* ---- Ed25519, RFC 8032 §7.1 ---- */

static const struct {
    const char *secret;
    const char *public_key;
    const char *message;
    const char *signature;
} ed_vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
};

static void test_ed25519(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ed_vectors) / sizeof(ed_vectors[0]); i++) {
        struct vector seed = unhex(ed_vectors[i].secret), message = unhex(ed_vectors[i].message);
        struct secret *secret = secret_copy(seed.bytes, seed.size);
        uint8_t public_key[ED25519_PUBLIC_SIZE], signature[ED25519_SIGNATURE_SIZE];
        struct error err = {0};
        assert_int_equal(ed25519_public(secret, public_key, &err), 0);
        assert_bytes(public_key, ed_vectors[i].public_key);
        assert_int_equal(ed25519_sign(secret, message.bytes, message.size, signature, &err), 0);
        assert_bytes(signature, ed_vectors[i].signature);
        assert_int_equal(ed25519_verify(public_key, message.bytes, message.size, signature, &err), 0);
        for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(ed25519_verify(public_key, message.bytes, message.size, signature, &err), -1);
            assert_int_equal(err.class, ERROR_DAMAGED);
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        message.bytes[message.size] = 'x';
        assert_int_equal(ed25519_verify(public_key, message.bytes, message.size + 1, signature, &err), -1);
        secret_free(secret);
    }
}

static void test_ed25519_generate(void **state)
{
    (void)state;
    struct secret *one = NULL, *two = NULL;
    uint8_t public_one[ED25519_PUBLIC_SIZE], public_two[ED25519_PUBLIC_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct error err = {0};
    assert_int_equal(ed25519_generate(&one, public_one, &err), 0);
    assert_int_equal(ed25519_generate(&two, public_two, &err), 0);
    assert_false(secret_equal(one, two));
    assert_int_equal(ed25519_sign(one, "message", 7, signature, &err), 0);
    assert_int_equal(ed25519_verify(public_one, "message", 7, signature, &err), 0);
    assert_int_equal(ed25519_verify(public_two, "message", 7, signature, &err), -1);
    struct secret *stub = secret_new(31);
    assert_int_equal(ed25519_sign(stub, "message", 7, signature, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_int_equal(ed25519_public(stub, public_one, &err), -1);
    secret_free(stub);
    secret_free(one);
    secret_free(two);
}

/* ---- Randomness ---- */

static void test_random(void **state)
{
    (void)state;
    static uint8_t a[1 << 16], b[1 << 16];
    unsigned seen[256] = {0};
    assert_int_equal(crypto_random(a, sizeof(a), NULL), 0);
    assert_int_equal(crypto_random(b, sizeof(b), NULL), 0);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(crypto_random(a, 0, NULL), 0);
    for (size_t i = 0; i < sizeof(a); i++)
        seen[a[i]]++;
    /* 256 are expected of each value, with a deviation of 16: ten of them apart is no chance. */
    for (size_t i = 0; i < 256; i++)
        assert_in_range(seen[i], 96, 416);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_gcm_vectors),
        cmocka_unit_test(test_gcm_refuses),
        cmocka_unit_test(test_scrypt),
        cmocka_unit_test(test_scrypt_refuses_costs),
        cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_ed25519_generate),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
