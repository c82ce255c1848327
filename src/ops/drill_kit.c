#include "ops/drill_kit.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/holder.h"

#include <stdio.h>
#include <string.h>

#define LABEL     "hikae drill kit 1"
#define MAC_LABEL "hikae drill kit report 1"

enum { VERSION = 2, EPOCH = 1 };
enum { ROW_SIZE = 1 + 4 + 8 + ID_SIZE + KEY_SIZE, TEXT_MAX = 1 << 20 };

const char *drill_word(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

void drill_kit_clear(struct drill_kit *kit)
{
    json_decref(kit->text);
    keyring_free(kit->keyring);
    *kit = (struct drill_kit){0};
}

/* The key of the kit's box. */
static int derive(const struct drill_kit *kit, const struct secret *key, struct secret **ret, struct error *err)
{
    *ret = secret_new(KEY_SIZE);
    if (*ret == NULL)
        return error_no_memory(err);
    if (hkdf_sha256(secret_borrow(key), secret_size(key), kit->id.bytes, ID_SIZE, LABEL, strlen(LABEL),
                    secret_bytes(*ret), KEY_SIZE, err) == 0)
        return 0;
    secret_free(*ret);
    *ret = NULL;
    return -1;
}

static uint8_t *put(uint8_t *p, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *p++ = (uint8_t)(value >> 8 * i);
    return p;
}

static uint64_t get(const uint8_t *p, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

/* ---- Writing ---- */

static int pack(const struct drill_kit *kit, struct secret **ret, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    size_t count;
    const struct key_row *rows = keyring_rows(kit->keyring, &count);
    if (json_print(kit->text, &text, err) != 0)
        return -1;
    size_t size = strlen(text);
    if (size > TEXT_MAX)
        return error_set(err, ERROR_INTERNAL, "the text of a kit is too long");
    *ret = secret_new(4 + size + count * ROW_SIZE);
    if (*ret == NULL)
        return error_no_memory(err);
    uint8_t *p = put(secret_bytes(*ret), size, 4);
    memcpy(p, text, size);
    p += size;
    for (size_t i = 0; i < count; i++) {
        p = put(p, (uint64_t)rows[i].type, 1);
        p = put(p, rows[i].generation, 4);
        p = put(p, (uint64_t)rows[i].created_ns, 8);
        memcpy(p, rows[i].key_id.bytes, ID_SIZE);
        memcpy(p + ID_SIZE, secret_borrow(rows[i].key), KEY_SIZE);
        p += ID_SIZE + KEY_SIZE;
    }
    return 0;
}

/* A kit is held as a root epoch is, by one holder. */
static struct holder holder_of(const struct drill_kit_opener *opener)
{
    bool file = opener->key_file != NULL;
    return (struct holder){.kind = file ? HOLDER_FILE : HOLDER_PASSPHRASE,
                           .name = "kit",
                           .path = (char *)(uintptr_t)(file ? opener->key_file : opener->passphrase_file)};
}

static const char *holder_word(const struct drill_kit_opener *opener)
{
    return opener->key_file != NULL ? "file" : "passphrase";
}

static int seal(const struct drill_kit *kit, const char *holder, const struct holder_made *made,
                const struct secret *plain, char **ret, struct error *err)
{
    struct secret *box CLEANUP(cleanup_secret_free) = NULL;
    struct gcm *gcm CLEANUP(cleanup_gcm_free) = gcm_new();
    uint8_t nonce[GCM_NONCE_SIZE];
    char id[2 * ID_SIZE + 1], nonce_text[2 * GCM_NONCE_SIZE + 1];
    size_t size = secret_size(plain);
    CLEANUP_FREE uint8_t *sealed = mem_alloc(size + GCM_TAG_SIZE);
    if (gcm == NULL || sealed == NULL)
        return error_no_memory(err);
    if (derive(kit, made->key, &box, err) != 0 || crypto_random(nonce, sizeof(nonce), err) != 0 ||
        gcm_set_key(gcm, secret_borrow(box), err) != 0 ||
        gcm_seal(gcm, nonce, kit->id.bytes, ID_SIZE, secret_borrow(plain), size, sealed, err) != 0)
        return -1;
    CLEANUP_FREE char *base64 = base64_encode(sealed, size + GCM_TAG_SIZE);
    json_t *json CLEANUP_JSON =
        base64 != NULL ? json_pack("{s:i, s:s, s:s, s:O, s:s, s:s}", "v", VERSION, "kit",
                                   hex_encode(kit->id.bytes, ID_SIZE, id), "holder", holder, "params", made->params,
                                   "nonce", hex_encode(nonce, sizeof(nonce), nonce_text), "sealed", base64)
                       : NULL;
    return json != NULL ? json_print(json, ret, err) : error_no_memory(err);
}

int drill_kit_write(const char *path, const struct drill_kit_opener *opener, const struct drill_kit *kit,
                    struct error *err)
{
    const struct holder holder = holder_of(opener);
    const struct holder_occasion occasion = {.epoch = EPOCH, .group = "kit"};
    struct holder_made made = {0};
    struct secret *plain CLEANUP(cleanup_secret_free) = NULL;
    CLEANUP_FREE char *text = NULL;
    if (pack(kit, &plain, err) != 0 || holder_make(&holder, &occasion, &made, err) != 0)
        return -1;
    int rc = seal(kit, holder_word(opener), &made, plain, &text, err);
    if (rc == 0)
        rc = file_create_durable(path, text, strlen(text), 0600, err);
    if (rc != 0)
        holder_unmake(&made);
    holder_made_clear(&made);
    return rc;
}

/* ---- Reading ---- */

static int no_kit(const char *path, struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "%s is no kit, or was changed", path);
}

static int unpack(const char *path, const struct secret *plain, struct drill_kit *kit, struct error *err)
{
    const uint8_t *p = secret_borrow(plain);
    size_t left = secret_size(plain);
    struct id tid;
    size_t size = left >= 4 ? (size_t)get(p, 4) : SIZE_MAX;
    if (size > TEXT_MAX || size > left - 4 || (left - 4 - size) % ROW_SIZE != 0)
        return no_kit(path, err);
    if (json_parse(p + 4, size, &kit->text, err) != 0)
        return -1;
    const char *tenant = json_string_value(json_object_get(kit->text, "tenant_id"));
    if (tenant == NULL || strlen(tenant) != 2 * ID_SIZE || !hex_decode(tenant, ID_SIZE, tid.bytes))
        return no_kit(path, err);
    kit->keyring = keyring_new(&tid);
    if (kit->keyring == NULL)
        return error_no_memory(err);
    for (p += 4 + size, left -= 4 + size; left > 0; p += ROW_SIZE, left -= ROW_SIZE) {
        struct key_row row = {.type = (enum key_type)p[0],
                              .generation = (uint32_t)get(p + 1, 4),
                              .created_ns = (int64_t)get(p + 5, 8),
                              .tid = tid,
                              .key = secret_copy(p + 13 + ID_SIZE, KEY_SIZE)};
        memcpy(row.key_id.bytes, p + 13, ID_SIZE);
        int rc = row.key != NULL ? keyring_add(kit->keyring, &row, err) : error_no_memory(err);
        secret_free(row.key);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int check_opener(const char *path, const struct drill_kit_opener *opener, const json_t *json, struct error *err)
{
    const char *wanted = json_string_value(json_object_get(json, "holder"));
    if (wanted == NULL || json_integer_value(json_object_get(json, "v")) != VERSION)
        return no_kit(path, err);
    if (strcmp(wanted, holder_word(opener)) == 0)
        return 0;
    bool file = strcmp(wanted, "file") == 0;
    (void)error_set(err, ERROR_KEYS, "%s is opened by a %s", path, file ? "key file" : "passphrase");
    return error_hint(err, "give it with %s", file ? "--key-file" : "--passphrase-file");
}

static int open_box(const char *path, const struct drill_kit_opener *opener, const json_t *json, struct drill_kit *kit,
                    struct error *err)
{
    const char *id = json_string_value(json_object_get(json, "kit"));
    const char *nonce_text = json_string_value(json_object_get(json, "nonce"));
    const char *base64 = json_string_value(json_object_get(json, "sealed"));
    const struct holder holder = holder_of(opener);
    struct secret *key CLEANUP(cleanup_secret_free) = NULL, *box CLEANUP(cleanup_secret_free) = NULL;
    struct gcm *gcm CLEANUP(cleanup_gcm_free) = gcm_new();
    uint8_t nonce[GCM_NONCE_SIZE];
    size_t size;
    if (check_opener(path, opener, json, err) != 0)
        return -1;
    if (id == NULL || strlen(id) != 2 * ID_SIZE || !hex_decode(id, ID_SIZE, kit->id.bytes) || nonce_text == NULL ||
        strlen(nonce_text) != 2 * GCM_NONCE_SIZE || !hex_decode(nonce_text, GCM_NONCE_SIZE, nonce) || base64 == NULL ||
        !base64_size(base64, &size) || size <= GCM_TAG_SIZE)
        return no_kit(path, err);
    CLEANUP_FREE uint8_t *sealed = mem_alloc(size);
    struct secret *plain CLEANUP(cleanup_secret_free) = secret_new(size - GCM_TAG_SIZE);
    if (gcm == NULL || sealed == NULL || plain == NULL)
        return error_no_memory(err);
    if (!base64_decode(base64, sealed, size))
        return no_kit(path, err);
    if (holder_reach(&holder, EPOCH, json_object_get(json, "params"), &key, err) != 0 ||
        derive(kit, key, &box, err) != 0 || gcm_set_key(gcm, secret_borrow(box), err) != 0)
        return -1;
    if (gcm_open(gcm, nonce, kit->id.bytes, ID_SIZE, sealed, size, secret_bytes(plain), err) != 0) {
        (void)error_set(err, ERROR_KEYS, "%s does not open: another %s, or it was changed", path,
                        opener->key_file != NULL ? "key" : "passphrase");
        return error_hint(err, "%s",
                          opener->key_file != NULL ? "the key file is the one that was made with the kit"
                                                   : "the passphrase is the first line of the file");
    }
    return unpack(path, plain, kit, err);
}

int drill_kit_read(const char *path, const struct drill_kit_opener *opener, struct drill_kit *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    json_t *json CLEANUP_JSON = NULL;
    *ret = (struct drill_kit){0};
    if (file_read(path, KIT_MAX, &text, err) != 0 || json_parse(text.data, text.size, &json, err) != 0)
        return -1;
    int rc = json != NULL ? open_box(path, opener, json, ret, err) : no_kit(path, err);
    if (rc != 0)
        drill_kit_clear(ret);
    return rc;
}

int drill_kit_mac(const struct keyring *keyring, const char *text, char out[65], struct error *err)
{
    struct secret *key CLEANUP(cleanup_secret_free) = secret_new(KEY_SIZE);
    uint8_t mac[SHA256_SIZE];
    if (key == NULL)
        return error_no_memory(err);
    if (keyring_derive(keyring, MAC_LABEL, secret_bytes(key), KEY_SIZE, err) != 0)
        return -1;
    struct hmac *hmac CLEANUP(cleanup_hmac_free) = hmac_new(secret_borrow(key), KEY_SIZE);
    if (hmac == NULL)
        return error_no_memory(err);
    if (hmac_sha256(hmac, text, strlen(text), NULL, 0, mac, err) != 0)
        return -1;
    (void)hex_encode(mac, sizeof(mac), out);
    return 0;
}
