#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

struct gcm {
    EVP_CIPHER_CTX *encrypt;
    EVP_CIPHER_CTX *decrypt;
};

static EVP_CIPHER *fetched;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    fetched = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static const EVP_CIPHER *cipher(void)
{
    (void)pthread_once(&fetch_once, fetch);
    return fetched != NULL ? fetched : EVP_aes_256_gcm();
}

struct gcm *gcm_new(void)
{
    struct gcm *gcm = mem_calloc(1, sizeof(*gcm));
    if (gcm == NULL)
        return NULL;
    gcm->encrypt = EVP_CIPHER_CTX_new();
    gcm->decrypt = EVP_CIPHER_CTX_new();
    if (gcm->encrypt == NULL || gcm->decrypt == NULL) {
        gcm_free(gcm);
        return NULL;
    }
    return gcm;
}

void gcm_free(struct gcm *gcm)
{
    if (gcm == NULL)
        return;
    EVP_CIPHER_CTX_free(gcm->encrypt); /* wipes the key schedule */
    EVP_CIPHER_CTX_free(gcm->decrypt);
    mem_free(gcm);
}

int gcm_set_key(struct gcm *gcm, const uint8_t key[KEY_SIZE], struct error *err)
{
    if (EVP_EncryptInit_ex2(gcm->encrypt, cipher(), key, NULL, NULL) != 1 ||
        EVP_DecryptInit_ex2(gcm->decrypt, cipher(), key, NULL, NULL) != 1)
        return openssl_failed(err, "AES-256-GCM key");
    return 0;
}

int gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *aad, size_t aad_size, const void *plain,
             size_t size, uint8_t *out, struct error *err)
{
    if (size > INT_MAX - GCM_TAG_SIZE || aad_size > INT_MAX)
        return error_set(err, ERROR_INTERNAL, "a record of %zu bytes is too long to seal", size);
    int done = 0;
    EVP_CIPHER_CTX *ctx = gcm->encrypt;
    bool ok = EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
              (aad_size == 0 || EVP_EncryptUpdate(ctx, NULL, &done, aad, (int)aad_size) == 1) &&
              (size == 0 || EVP_EncryptUpdate(ctx, out, &done, plain, (int)size) == 1) &&
              EVP_EncryptFinal_ex(ctx, out + size, &done) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, out + size) == 1;
    return ok ? 0 : openssl_failed(err, "AES-256-GCM seal");
}

int gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_SIZE], const void *aad, size_t aad_size, const void *sealed,
             size_t size, uint8_t *out, struct error *err)
{
    if (size < GCM_TAG_SIZE || size > INT_MAX || aad_size > INT_MAX)
        return error_set(err, ERROR_DAMAGED, "a sealed record of %zu bytes cannot be", size);
    int done = 0;
    size_t plain_size = size - GCM_TAG_SIZE;
    EVP_CIPHER_CTX *ctx = gcm->decrypt;
    uint8_t tag[GCM_TAG_SIZE];
    memcpy(tag, (const uint8_t *)sealed + plain_size, sizeof(tag));
    bool ok = EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
              (aad_size == 0 || EVP_DecryptUpdate(ctx, NULL, &done, aad, (int)aad_size) == 1) &&
              (plain_size == 0 || EVP_DecryptUpdate(ctx, out, &done, sealed, (int)plain_size) == 1) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, tag) == 1;
    if (!ok)
        return openssl_failed(err, "AES-256-GCM open");
    uint8_t none[1];
    if (EVP_DecryptFinal_ex(ctx, none, &done) != 1) {
        if (plain_size > 0)
            memset(out, 0, plain_size);
        return error_set(err, ERROR_DAMAGED, "a sealed record does not match its tag");
    }
    return 0;
}
