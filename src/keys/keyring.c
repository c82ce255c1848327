#include "keys/keyring.h"

#include "base/mem.h"
#include "crypto/crypto.h"

#include <string.h>

struct keyring {
    struct id tid;
    struct key_row *rows;
    size_t count;
};

struct keyring *keyring_new(const struct id *tid)
{
    struct keyring *keyring = mem_calloc(1, sizeof(*keyring));
    if (keyring != NULL)
        keyring->tid = *tid;
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    for (size_t i = 0; i < keyring->count; i++)
        secret_free(keyring->rows[i].key);
    mem_free(keyring->rows);
    mem_free(keyring);
}

int keyring_add(struct keyring *keyring, const struct key_row *row, struct error *err)
{
    if (!id_equal(&keyring->tid, &row->tid))
        return error_set(err, ERROR_INTERNAL, "a key of another tenant");
    if (secret_size(row->key) != KEY_SIZE)
        return error_set(err, ERROR_DAMAGED, "a key of %zu bytes", secret_size(row->key));
    for (size_t i = 0; i < keyring->count; i++) {
        const struct key_row *known = &keyring->rows[i];
        if (known->type == row->type && id_equal(&known->key_id, &row->key_id) && secret_equal(known->key, row->key))
            return 0;
    }
    struct key_row *rows = mem_realloc(keyring->rows, (keyring->count + 1) * sizeof(*rows));
    if (rows == NULL)
        return error_no_memory(err);
    keyring->rows = rows;
    rows[keyring->count] = *row;
    rows[keyring->count].key = secret_dup(row->key);
    if (rows[keyring->count].key == NULL)
        return error_no_memory(err);
    keyring->count++;
    return 0;
}

const struct key_row *keyring_rows(const struct keyring *keyring, size_t *ret_count)
{
    *ret_count = keyring->count;
    return keyring->rows;
}

int keyring_copy(const struct keyring *keyring, struct keyring **ret, struct error *err)
{
    struct keyring *copy = keyring_new(&keyring->tid);
    int rc = copy != NULL ? 0 : error_no_memory(err);
    for (size_t i = 0; rc == 0 && i < keyring->count; i++)
        rc = keyring_add(copy, &keyring->rows[i], err);
    if (rc == 0)
        *ret = copy;
    else
        keyring_free(copy);
    return rc;
}

const struct id *keyring_tid(const struct keyring *keyring)
{
    return &keyring->tid;
}

static const struct key_row *newest(const struct keyring *keyring)
{
    const struct key_row *best = NULL;
    for (size_t i = 0; i < keyring->count; i++) {
        const struct key_row *row = &keyring->rows[i];
        if (row->type == KEY_SEALING && (best == NULL || row->generation > best->generation))
            best = row;
    }
    return best;
}

int keyring_newest(const struct keyring *keyring, const struct secret **ret_key, struct id *ret_key_id,
                   struct error *err)
{
    const struct key_row *row = newest(keyring);
    if (row == NULL)
        return error_set(err, ERROR_KEYS, "the keystore holds no sealing key of this tenant");
    *ret_key = row->key;
    *ret_key_id = row->key_id;
    return 0;
}

const struct secret *keyring_find(const struct keyring *keyring, const struct id *key_id)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (keyring->rows[i].type == KEY_SEALING && id_equal(&keyring->rows[i].key_id, key_id))
            return keyring->rows[i].key;
    return NULL;
}

uint32_t keyring_generation(const struct keyring *keyring)
{
    const struct key_row *row = newest(keyring);
    return row != NULL ? row->generation : 0;
}

int keyring_derive(const struct keyring *keyring, const char *label, void *out, size_t size, struct error *err)
{
    const struct key_row *dedup = NULL;
    for (size_t i = 0; i < keyring->count; i++) {
        const struct key_row *row = &keyring->rows[i];
        if (row->type == KEY_DEDUP &&
            (dedup == NULL || row->created_ns < dedup->created_ns ||
             (row->created_ns == dedup->created_ns && memcmp(row->key_id.bytes, dedup->key_id.bytes, ID_SIZE) < 0)))
            dedup = row;
    }
    if (dedup == NULL)
        return error_set(err, ERROR_KEYS, "the keystore holds no dedup secret of this tenant");
    return hkdf_sha256(secret_borrow(dedup->key), KEY_SIZE, NULL, 0, label, strlen(label), out, size, err);
}
