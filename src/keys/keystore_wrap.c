#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <string.h>

int keys_random_secret(size_t size, struct secret **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *secret = secret_new(size);
    if (secret == NULL)
        return error_no_memory(err);
    if (crypto_random(secret_bytes(secret), size, err) != 0)
        return -1;
    *ret = secret;
    secret = NULL;
    return 0;
}

int keys_aad(uint32_t epoch, const char *group, const char *member, struct buf *out, struct error *err)
{
    const char *label = member != NULL ? "hikae1 share" : "hikae1 root";
    if (buf_append(out, label, strlen(label), err) != 0 || buf_u64(out, epoch, err) != 0 ||
        buf_append(out, group, strlen(group), err) != 0)
        return -1;
    if (member != NULL && (buf_u8(out, 0, err) != 0 || buf_append(out, member, strlen(member), err) != 0))
        return -1;
    return 0;
}

/*
 * The nonce is random: a key seals a handful of these in its life (a share's key one per epoch, a passphrase's key
 * one per salt, a group's key one), far below the 2^32 of SP 800-38D §8.3.
 */
int keys_wrap(const struct secret *key, const struct buf *aad, const struct secret *plain,
              uint8_t out[KEYS_WRAPPED_SIZE], struct error *err)
{
    if (secret_size(key) != KEY_SIZE || secret_size(plain) != KEY_SIZE)
        return error_set(err, ERROR_INTERNAL, "only 32 bytes are wrapped under 32");
    CLEANUP(cleanup_gcm_free) struct gcm *gcm = gcm_new();
    if (gcm == NULL)
        return error_no_memory(err);
    if (crypto_random(out, GCM_NONCE_SIZE, err) != 0 || gcm_set_key(gcm, secret_borrow(key), err) != 0)
        return -1;
    return gcm_seal(gcm, out, aad->data, aad->size, secret_borrow(plain), KEY_SIZE, out + GCM_NONCE_SIZE, err);
}

int keys_unwrap(const struct secret *key, const struct buf *aad, const uint8_t wrapped[KEYS_WRAPPED_SIZE],
                struct secret **ret, struct error *err)
{
    CLEANUP(cleanup_gcm_free) struct gcm *gcm = gcm_new();
    CLEANUP_SECRET struct secret *plain = secret_new(KEY_SIZE);
    if (gcm == NULL || plain == NULL)
        return error_no_memory(err);
    if (gcm_set_key(gcm, secret_borrow(key), err) != 0)
        return -1;
    struct error failure = {0};
    if (gcm_open(gcm, wrapped, aad->data, aad->size, wrapped + GCM_NONCE_SIZE, KEYS_WRAPPED_SIZE - GCM_NONCE_SIZE,
                 secret_bytes(plain), &failure) != 0) {
        if (failure.class == ERROR_DAMAGED)
            return error_set(err, ERROR_KEYS, "the seal does not open with this key");
        if (err != NULL)
            *err = failure;
        return -1;
    }
    *ret = plain;
    plain = NULL;
    return 0;
}

int keys_group_key(struct secret *const *shares, size_t count, const uint8_t salt[KEYS_GROUP_SALT_SIZE],
                   struct secret **ret, struct error *err)
{
    static const char label[] = "hikae1 group";
    CLEANUP_SECRET struct secret *all = secret_new(count * KEYS_SHARE_SIZE);
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    if (all == NULL || key == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        memcpy(secret_bytes(all) + i * KEYS_SHARE_SIZE, secret_borrow(shares[i]), KEYS_SHARE_SIZE);
    if (hkdf_sha256(secret_borrow(all), secret_size(all), salt, KEYS_GROUP_SALT_SIZE, label, sizeof(label) - 1,
                    secret_bytes(key), KEY_SIZE, err) != 0)
        return -1;
    *ret = key;
    key = NULL;
    return 0;
}

int keys_epoch_id(const struct secret *root, struct id *ret, struct error *err)
{
    static const char label[] = "hikae1 epoch id";
    return hkdf_sha256(secret_borrow(root), KEYS_ROOT_SIZE, NULL, 0, label, sizeof(label) - 1, ret->bytes, ID_SIZE,
                       err);
}
