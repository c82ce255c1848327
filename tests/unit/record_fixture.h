/* For tests of records and rosters: a keyring of one key, and hashes by number. Include after <cmocka.h>. */
#ifndef HIKAE_TESTS_RECORD_FIXTURE_H
#define HIKAE_TESTS_RECORD_FIXTURE_H

#include "crypto/crypto.h"
#include "keys/keyring.h"

#include <string.h>

static inline struct keyring *make_keyring(const struct id *tenant, uint8_t key_id)
{
    struct keyring *keyring = keyring_new(tenant);
    assert_non_null(keyring);
    uint8_t bytes[KEY_SIZE];
    memset(bytes, key_id, sizeof(bytes));
    struct key_row row = {.type = KEY_SEALING, .generation = 1, .tid = *tenant, .key_id = {{key_id}}};
    row.key = secret_copy(bytes, sizeof(bytes));
    assert_non_null(row.key);
    assert_int_equal(keyring_add(keyring, &row, NULL), 0);
    secret_free(row.key);
    return keyring;
}

static inline struct hash hash_of(unsigned n)
{
    struct hash hash;
    assert_int_equal(sha256(&n, sizeof(n), hash.bytes, NULL), 0);
    return hash;
}

#endif
