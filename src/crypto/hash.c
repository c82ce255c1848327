#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

/* Fetched once: EVP_sha256() would look the implementation up again at each start. */
static EVP_MD *fetched_sha256;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    fetched_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *md_sha256(void)
{
    (void)pthread_once(&fetch_once, fetch);
    return fetched_sha256 != NULL ? fetched_sha256 : EVP_sha256();
}

int sha256(const void *bytes, size_t size, uint8_t out[SHA256_SIZE], struct error *err)
{
    if (EVP_Digest(bytes, size, out, NULL, md_sha256(), NULL) != 1)
        return openssl_failed(err, "SHA-256");
    return 0;
}

struct sha256 {
    EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = mem_calloc(1, sizeof(*hash));
    if (hash == NULL)
        return NULL;
    hash->ctx = EVP_MD_CTX_new();
    if (hash->ctx == NULL) {
        mem_free(hash);
        return NULL;
    }
    return hash;
}

void sha256_free(struct sha256 *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->ctx);
    mem_free(hash);
}

int sha256_start(struct sha256 *hash, struct error *err)
{
    if (EVP_DigestInit_ex(hash->ctx, md_sha256(), NULL) != 1)
        return openssl_failed(err, "start SHA-256");
    return 0;
}

int sha256_update(struct sha256 *hash, const void *bytes, size_t size, struct error *err)
{
    if (EVP_DigestUpdate(hash->ctx, bytes, size) != 1)
        return openssl_failed(err, "SHA-256");
    return 0;
}

int sha256_finish(struct sha256 *hash, uint8_t out[SHA256_SIZE], struct error *err)
{
    if (EVP_DigestFinal_ex(hash->ctx, out, NULL) != 1)
        return openssl_failed(err, "finish SHA-256");
    return 0;
}

/* HMAC(K, m) = H(K ⊕ opad ‖ H(K ⊕ ipad ‖ m)), RFC 2104. The two states after the first block are kept. */
enum { HMAC_BLOCK = 64 };

struct hmac {
    EVP_MD_CTX *inner;
    EVP_MD_CTX *outer;
    EVP_MD_CTX *work;
};

static bool start_half(EVP_MD_CTX *ctx, const uint8_t block[HMAC_BLOCK], uint8_t pad)
{
    uint8_t padded[HMAC_BLOCK];
    for (size_t i = 0; i < HMAC_BLOCK; i++)
        padded[i] = block[i] ^ pad;
    bool ok = EVP_DigestInit_ex(ctx, md_sha256(), NULL) == 1 && EVP_DigestUpdate(ctx, padded, HMAC_BLOCK) == 1;
    mem_wipe(padded, sizeof(padded));
    return ok;
}

struct hmac *hmac_new(const void *key, size_t key_size)
{
    struct hmac *hmac = mem_calloc(1, sizeof(*hmac));
    if (hmac == NULL)
        return NULL;
    hmac->inner = EVP_MD_CTX_new();
    hmac->outer = EVP_MD_CTX_new();
    hmac->work = EVP_MD_CTX_new();
    uint8_t block[HMAC_BLOCK] = {0};
    bool ok = hmac->inner != NULL && hmac->outer != NULL && hmac->work != NULL;
    if (ok && key_size > HMAC_BLOCK)
        ok = sha256(key, key_size, block, NULL) == 0;
    else if (ok && key_size > 0)
        memcpy(block, key, key_size);
    ok = ok && start_half(hmac->inner, block, 0x36) && start_half(hmac->outer, block, 0x5c);
    mem_wipe(block, sizeof(block));
    if (!ok) {
        hmac_free(hmac);
        return NULL;
    }
    return hmac;
}

void hmac_free(struct hmac *hmac)
{
    if (hmac == NULL)
        return;
    EVP_MD_CTX_free(hmac->inner);
    EVP_MD_CTX_free(hmac->outer);
    EVP_MD_CTX_free(hmac->work);
    mem_free(hmac);
}

int hmac_sha256(struct hmac *hmac, const void *a, size_t a_size, const void *b, size_t b_size, uint8_t out[SHA256_SIZE],
                struct error *err)
{
    EVP_MD_CTX *work = hmac->work;
    bool ok = EVP_MD_CTX_copy_ex(work, hmac->inner) == 1 && EVP_DigestUpdate(work, a, a_size) == 1 &&
              (b_size == 0 || EVP_DigestUpdate(work, b, b_size) == 1) && EVP_DigestFinal_ex(work, out, NULL) == 1 &&
              EVP_MD_CTX_copy_ex(work, hmac->outer) == 1 && EVP_DigestUpdate(work, out, SHA256_SIZE) == 1 &&
              EVP_DigestFinal_ex(work, out, NULL) == 1;
    return ok ? 0 : openssl_failed(err, "HMAC-SHA256");
}

/* RFC 5869: PRK = HMAC(salt, key); T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i). */
int hkdf_sha256(const void *key, size_t key_size, const void *salt, size_t salt_size, const void *info,
                size_t info_size, void *out, size_t out_size, struct error *err)
{
    if (out_size > 255 * SHA256_SIZE)
        return error_set(err, ERROR_INTERNAL, "HKDF gives at most 8160 bytes");
    static const uint8_t zeros[SHA256_SIZE];
    uint8_t prk[SHA256_SIZE], block[SHA256_SIZE];
    struct hmac *hmac = hmac_new(salt_size > 0 ? salt : zeros, salt_size > 0 ? salt_size : sizeof(zeros));
    int rc = hmac != NULL ? hmac_sha256(hmac, key, key_size, NULL, 0, prk, err) : error_no_memory(err);
    hmac_free(hmac);
    if (rc != 0) {
        mem_wipe(prk, sizeof(prk));
        return -1;
    }

    hmac = hmac_new(prk, sizeof(prk));
    uint8_t *tail = mem_alloc(info_size + 1);
    uint8_t *p = out;
    rc = hmac != NULL && tail != NULL ? 0 : error_no_memory(err);
    if (rc == 0 && info_size > 0)
        memcpy(tail, info, info_size);
    for (unsigned i = 1; rc == 0 && out_size > 0; i++) {
        tail[info_size] = (uint8_t)i;
        rc = hmac_sha256(hmac, block, i > 1 ? sizeof(block) : 0, tail, info_size + 1, block, err);
        size_t part = out_size < sizeof(block) ? out_size : sizeof(block);
        if (rc == 0)
            memcpy(p, block, part);
        p += part;
        out_size -= part;
    }
    mem_free(tail);
    hmac_free(hmac);
    mem_wipe(prk, sizeof(prk));
    mem_wipe(block, sizeof(block));
    return rc;
}

int crypto_pbkdf2(const void *pass, size_t pass_size, const void *salt, size_t salt_size, uint32_t iterations,
                  void *out, size_t out_size, struct error *err)
{
    if (iterations == 0 || iterations > INT32_MAX || pass_size > INT32_MAX || salt_size > INT32_MAX ||
        out_size > INT32_MAX)
        return error_set(err, ERROR_DAMAGED, "%u iterations of PBKDF2 are out of bounds", iterations);
    if (PKCS5_PBKDF2_HMAC(pass, (int)pass_size, salt, (int)salt_size, (int)iterations, EVP_sha256(), (int)out_size,
                          out) != 1)
        return openssl_failed(err, "PBKDF2");
    return 0;
}

int crypto_scrypt(const void *pass, size_t pass_size, const void *salt, size_t salt_size, uint64_t n, uint32_t r,
                  uint32_t p, void *out, size_t out_size, struct error *err)
{
    if (r == 0 || p == 0 || n < 2 || (n & (n - 1)) != 0 || n > UINT64_C(1) << 24 || r > 64 || p > 64)
        return error_set(err, ERROR_DAMAGED, "scrypt cost out of bounds (n %llu, r %u, p %u)", (unsigned long long)n, r,
                         p);
    uint64_t memory = 128 * n * r + 128 * (uint64_t)r * p + (1 << 20);
    if (EVP_PBE_scrypt(pass, pass_size, salt, salt_size, n, r, p, memory, out, out_size) != 1)
        return openssl_failed(err, "scrypt");
    return 0;
}
