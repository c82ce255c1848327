#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "keys/keyring.h"

#include <string.h>

static const struct id tid = {{7}};

/* A key whose 32 bytes are all `value`; its id begins with `key_id`. */
static int add(struct keyring *keyring, enum key_type type, uint32_t generation, int64_t created_ns, uint8_t key_id,
               uint8_t value, struct error *err)
{
    struct secret *key = secret_new(KEY_SIZE);
    assert_non_null(key);
    memset(secret_bytes(key), value, KEY_SIZE);
    struct key_row row = {
        .type = type, .generation = generation, .created_ns = created_ns, .tid = tid, .key_id = {{key_id}}, .key = key};
    int rc = keyring_add(keyring, &row, err);
    secret_free(key); /* the keyring has a copy */
    return rc;
}

static void test_an_empty_keyring(void **state)
{
    (void)state;
    struct keyring *keyring = keyring_new(&tid);
    const struct secret *key = NULL;
    struct id key_id = {{0}};
    uint8_t out[32];
    struct error err = {0};
    assert_true(id_equal(keyring_tid(keyring), &tid));
    assert_int_equal(keyring_newest(keyring, &key, &key_id, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_int_equal(keyring_derive(keyring, "hikae1 blob id", out, sizeof(out), &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_int_equal(keyring_generation(keyring), 0);
    assert_null(keyring_find(keyring, &key_id));
    keyring_free(keyring);
    keyring_free(NULL);
}

static void test_the_newest_writes_and_all_read(void **state)
{
    (void)state;
    struct keyring *keyring = keyring_new(&tid);
    struct error err = {0};
    assert_int_equal(add(keyring, KEY_SEALING, 2, 20, 2, 0x22, &err), 0);
    assert_int_equal(add(keyring, KEY_SEALING, 3, 30, 3, 0x33, &err), 0);
    assert_int_equal(add(keyring, KEY_SEALING, 1, 10, 1, 0x11, &err), 0);
    assert_int_equal(add(keyring, KEY_DEDUP, 9, 90, 9, 0x99, &err), 0); /* never writes */
    const struct secret *key = NULL;
    struct id key_id;
    assert_int_equal(keyring_newest(keyring, &key, &key_id, &err), 0);
    assert_int_equal(key_id.bytes[0], 3);
    assert_int_equal(secret_borrow(key)[31], 0x33);
    assert_int_equal(keyring_generation(keyring), 3);
    for (uint8_t i = 1; i <= 3; i++) {
        const struct secret *found = keyring_find(keyring, &(struct id){{i}});
        assert_non_null(found);
        assert_int_equal(secret_borrow(found)[0], 0x11 * i);
    }
    assert_null(keyring_find(keyring, &(struct id){{4}}));
    assert_null(keyring_find(keyring, &(struct id){{9}})); /* a dedup secret seals nothing */
    keyring_free(keyring);
}

/* Ids of blobs must not depend on the order in which targets list the keystore's entries. */
static void test_the_oldest_dedup_secret_counts(void **state)
{
    (void)state;
    static const char label[] = "hikae1 blob id";
    static const struct {
        int64_t created_ns;
        uint8_t key_id, value;
    } rows[] = {{30, 1, 0x31}, {10, 8, 0x18}, {10, 5, 0x15}, {20, 2, 0x22}};
    uint8_t wanted[32], key[KEY_SIZE], out[32];
    memset(key, 0x15, sizeof(key)); /* the oldest; of two, the one with the lower id */
    assert_int_equal(hkdf_sha256(key, KEY_SIZE, NULL, 0, label, strlen(label), wanted, sizeof(wanted), NULL), 0);
    for (size_t first = 0; first < 4; first++) {
        struct keyring *keyring = keyring_new(&tid);
        struct error err = {0};
        for (size_t i = 0; i < 4; i++) {
            size_t at = (first + i) % 4;
            assert_int_equal(add(keyring, KEY_DEDUP, 1, rows[at].created_ns, rows[at].key_id, rows[at].value, &err), 0);
        }
        assert_int_equal(keyring_derive(keyring, label, out, sizeof(out), &err), 0);
        assert_memory_equal(out, wanted, sizeof(wanted));
        uint8_t table[2048], other[32];
        assert_int_equal(keyring_derive(keyring, "hikae1 chunker", table, sizeof(table), &err), 0);
        assert_int_equal(keyring_derive(keyring, "hikae1 manifest cut", other, sizeof(other), &err), 0);
        assert_memory_not_equal(table, out, 32);
        assert_memory_not_equal(other, out, 32);
        keyring_free(keyring);
    }
}

static void test_the_same_key_twice_is_one_and_others_are_refused(void **state)
{
    (void)state;
    struct keyring *keyring = keyring_new(&tid);
    struct error err = {0};
    assert_int_equal(add(keyring, KEY_SEALING, 1, 10, 1, 0x11, &err), 0);
    const struct secret *before = keyring_find(keyring, &(struct id){{1}});
    assert_int_equal(add(keyring, KEY_SEALING, 1, 10, 1, 0x11, &err), 0);
    assert_ptr_equal(keyring_find(keyring, &(struct id){{1}}), before);

    struct secret *key = secret_new(KEY_SIZE);
    struct key_row row = {.type = KEY_SEALING, .generation = 1, .tid = {{8}}, .key = key};
    assert_int_equal(keyring_add(keyring, &row, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    secret_free(key);
    row = (struct key_row){.type = KEY_SEALING, .generation = 1, .tid = tid, .key = secret_new(31)};
    assert_int_equal(keyring_add(keyring, &row, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    secret_free(row.key);
    assert_int_equal(keyring_generation(keyring), 1);
    keyring_free(keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_keyring),
        cmocka_unit_test(test_the_newest_writes_and_all_read),
        cmocka_unit_test(test_the_oldest_dedup_secret_counts),
        cmocka_unit_test(test_the_same_key_twice_is_one_and_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
