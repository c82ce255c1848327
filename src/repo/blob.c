#include "repo/blob.h"

#include "base/mem.h"
#include "crypto/crypto.h"

struct blob_hasher {
    struct hmac *hmac;
};

int blob_hasher_new(const struct keyring *keyring, struct blob_hasher **ret, struct error *err)
{
    uint8_t key[KEY_SIZE];
    if (keyring_derive(keyring, "hikae1 blob id", key, sizeof(key), err) != 0)
        return -1;
    struct blob_hasher *hasher = mem_calloc(1, sizeof(*hasher));
    struct hmac *hmac = hmac_new(key, sizeof(key));
    mem_wipe(key, sizeof(key));
    if (hasher == NULL || hmac == NULL) {
        hmac_free(hmac);
        mem_free(hasher);
        return error_no_memory(err);
    }
    hasher->hmac = hmac;
    *ret = hasher;
    return 0;
}

void blob_hasher_free(struct blob_hasher *hasher)
{
    if (hasher == NULL)
        return;
    hmac_free(hasher->hmac);
    mem_free(hasher);
}

int blob_hash(struct blob_hasher *hasher, enum blob_type type, const void *bytes, size_t size, struct blob_id *ret,
              struct error *err)
{
    uint8_t type_byte = (uint8_t)type;
    uint8_t mac[SHA256_SIZE];
    if (hmac_sha256(hasher->hmac, &type_byte, 1, bytes, size, mac, err) != 0)
        return -1;
    memcpy(ret->bytes, mac, BLOB_ID_SIZE);
    return 0;
}
