#include "crypto/pem.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/internal.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum {
    SPKI_PREFIX_SIZE = 12,
    SPKI_SIZE = SPKI_PREFIX_SIZE + ED25519_PUBLIC_SIZE,
    /* 32 MiB, the most that openssl's own tools accept unasked. */
    SCRYPT_N = 1 << 14,
    SCRYPT_R = 8,
    SCRYPT_P = 1
};

/* SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (RFC 8410 §4). */
static const uint8_t spki_prefix[SPKI_PREFIX_SIZE] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static void cleanup_bio(BIO **bio)
{
    BIO_free(*bio);
}
static void cleanup_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static void cleanup_pkcs8(PKCS8_PRIV_KEY_INFO **info)
{
    PKCS8_PRIV_KEY_INFO_free(*info);
}
static void cleanup_sig(X509_SIG **sig)
{
    X509_SIG_free(*sig);
}
#define CLEANUP_BIO   __attribute__((cleanup(cleanup_bio)))
#define CLEANUP_KEY   __attribute__((cleanup(cleanup_key)))
#define CLEANUP_PKCS8 __attribute__((cleanup(cleanup_pkcs8)))
#define CLEANUP_SIG   __attribute__((cleanup(cleanup_sig)))

/* ---- Public keys ---- */

static void spki(const uint8_t public_key[ED25519_PUBLIC_SIZE], uint8_t out[SPKI_SIZE])
{
    memcpy(out, spki_prefix, SPKI_PREFIX_SIZE);
    memcpy(out + SPKI_PREFIX_SIZE, public_key, ED25519_PUBLIC_SIZE);
}

int ed25519_keyid(const uint8_t public_key[ED25519_PUBLIC_SIZE], char out[KEYID_SIZE], struct error *err)
{
    uint8_t der[SPKI_SIZE], hash[SHA256_SIZE];
    spki(public_key, der);
    if (sha256(der, sizeof(der), hash, err) != 0)
        return -1;
    (void)hex_encode(hash, sizeof(hash), out);
    return 0;
}

int pem_print_public(const uint8_t public_key[ED25519_PUBLIC_SIZE], char out[PEM_PUBLIC_SIZE], struct error *err)
{
    uint8_t der[SPKI_SIZE];
    spki(public_key, der);
    CLEANUP_FREE char *text = base64_encode(der, sizeof(der));
    if (text == NULL)
        return error_no_memory(err);
    (void)snprintf(out, PEM_PUBLIC_SIZE, "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", text);
    return 0;
}

/*
 * The y coordinates of the points of small order (canonical forms; the sign bit is left aside): under such a key a
 * signature that anybody can make fits any bytes.
 */
static bool small_order(const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t unsigned_key[ED25519_PUBLIC_SIZE], point[ED25519_PUBLIC_SIZE];
    memcpy(unsigned_key, public_key, sizeof(unsigned_key));
    unsigned_key[ED25519_PUBLIC_SIZE - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        if (hex_decode(points[i], sizeof(point), point) && memcmp(point, unsigned_key, sizeof(point)) == 0)
            return true;
    return false;
}

/* Whether anything but white space is left: what stands behind a key would be overlooked. */
static bool bio_has_more(BIO *bio)
{
    char c;
    while (BIO_read(bio, &c, 1) == 1)
        if (strchr(" \t\r\n", c) == NULL || c == '\0')
            return true;
    return false;
}

static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

int pem_parse_public(const void *text, size_t size, uint8_t out[ED25519_PUBLIC_SIZE], struct error *err)
{
    if (size > PEM_MAX)
        return error_set(err, ERROR_KEYS, "it is longer than any public key in PEM");
    CLEANUP_BIO BIO *bio = BIO_new_mem_buf(text, (int)size);
    if (bio == NULL)
        return error_no_memory(err);
    CLEANUP_KEY EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    size_t key_size = ED25519_PUBLIC_SIZE;
    ERR_clear_error();
    if (key == NULL) {
        (void)error_set(err, ERROR_KEYS, "it is no public key in PEM (\"BEGIN PUBLIC KEY\")");
        return error_hint(err, "print it with: openssl pkey -in KEY.pem -pubout");
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, out, &key_size) != 1) {
        (void)error_set(err, ERROR_KEYS, "it is no key of Ed25519");
        return error_hint(err, "make one with: hikae keys operator new --out FILE");
    }
    if (bio_has_more(bio))
        return error_set(err, ERROR_KEYS, "it holds more than one public key");
    if (small_order(out))
        return error_set(err, ERROR_KEYS, "with this key anybody can sign: it is a point of small order");
    return 0;
}

/* ---- Private keys ---- */

/* What a BIO in secure memory holds. */
static int take_bio(BIO *bio, struct secret **ret, struct error *err)
{
    char *text = NULL;
    long size = BIO_get_mem_data(bio, &text);
    if (size <= 0)
        return openssl_failed(err, "print a private key");
    *ret = secret_copy(text, (size_t)size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int print_encrypted(BIO *bio, PKCS8_PRIV_KEY_INFO *info, const struct secret *passphrase, struct error *err)
{
    X509_ALGOR *algorithm = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    if (algorithm == NULL)
        return openssl_failed(err, "scrypt for a private key");
    CLEANUP_SIG X509_SIG *sealed =
        PKCS8_set0_pbe((const char *)secret_borrow(passphrase), (int)secret_size(passphrase), info, algorithm);
    if (sealed == NULL) {
        X509_ALGOR_free(algorithm);
        return openssl_failed(err, "encrypt a private key");
    }
    return PEM_write_bio_PKCS8(bio, sealed) == 1 ? 0 : openssl_failed(err, "print a private key");
}

int pem_print_private(const struct secret *seed, const struct secret *passphrase, struct secret **ret,
                      struct error *err)
{
    CLEANUP_KEY EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_borrow(seed), secret_size(seed));
    CLEANUP_PKCS8 PKCS8_PRIV_KEY_INFO *info = key != NULL ? EVP_PKEY2PKCS8(key) : NULL;
    CLEANUP_BIO BIO *bio = BIO_new(BIO_s_secmem());
    if (info == NULL || bio == NULL)
        return openssl_failed(err, "print a private key");
    if (passphrase != NULL ? print_encrypted(bio, info, passphrase, err) != 0
                           : PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) != 1)
        return passphrase != NULL ? -1 : openssl_failed(err, "print a private key");
    return take_bio(bio, ret, err);
}

struct ask {
    const struct secret *passphrase;
    bool asked;
};

static int give_passphrase(char *out, int size, int writing, void *context)
{
    (void)writing;
    struct ask *ask = context;
    ask->asked = true;
    if (ask->passphrase == NULL || secret_size(ask->passphrase) > (size_t)size)
        return -1;
    memcpy(out, secret_borrow(ask->passphrase), secret_size(ask->passphrase));
    return (int)secret_size(ask->passphrase);
}

int pem_parse_private(const struct secret *text, const struct secret *passphrase, struct secret **ret_seed,
                      struct error *err)
{
    if (secret_size(text) > PEM_MAX)
        return error_set(err, ERROR_KEYS, "it is longer than any private key in PEM");
    CLEANUP_BIO BIO *bio = BIO_new_mem_buf(secret_borrow(text), (int)secret_size(text));
    if (bio == NULL)
        return error_no_memory(err);
    struct ask ask = {.passphrase = passphrase};
    CLEANUP_KEY EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &ask);
    ERR_clear_error();
    if (key == NULL && ask.asked && passphrase == NULL) {
        (void)error_set(err, ERROR_KEYS, "it is encrypted, and no passphrase was given");
        return error_hint(err, "name the file of its passphrase with --passphrase-file");
    }
    if (key == NULL && ask.asked)
        return error_set(err, ERROR_KEYS, "the passphrase does not open it");
    if (key == NULL)
        return error_set(err, ERROR_KEYS, "it is no private key in PEM (\"BEGIN PRIVATE KEY\")");
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        (void)error_set(err, ERROR_KEYS, "it is no key of Ed25519");
        return error_hint(err, "make one with: hikae keys operator new --out FILE");
    }
    CLEANUP_SECRET struct secret *seed = secret_new(ED25519_SECRET_SIZE);
    size_t size = ED25519_SECRET_SIZE;
    if (seed == NULL)
        return error_no_memory(err);
    if (EVP_PKEY_get_raw_private_key(key, secret_bytes(seed), &size) != 1 || size != ED25519_SECRET_SIZE)
        return openssl_failed(err, "read a private key");
    *ret_seed = seed;
    seed = NULL;
    return 0;
}
