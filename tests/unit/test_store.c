#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/names.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"
#include "keys_fixture.h"

/* A store with its keystore, and what its store object is to say. */
static struct keystore *make(struct fixture *f, size_t targets, uint8_t first, struct store_info *info)
{
    struct error err = {0};
    struct keystore *keystore = NULL;
    struct secret *key = NULL;
    fixture_make(f, targets, targets);
    (void)fixture_holder(f, 0, HOLDER_FILE, "key");
    fixture_group(f, 0, "main", 0, 1);
    *info = (struct store_info){.store = {{first, 1}},
                                .store_tid = {{first, 2}},
                                .created_ns = INT64_C(1795252366) * NS_PER_S,
                                .test_clock = true};
    ok(keystore_create(&f->set, &info->store, &info->store_tid, f->groups, 1, &keystore, NULL, &err), &err);
    ok(keystore_signing_key(keystore, KEY_SIGN_STORE, &key, &err), &err);
    ok(ed25519_public(key, info->sign_public, &err), &err);
    secret_free(key);
    ok(keystore_signing_key(keystore, KEY_SIGN_AUDIT, &key, &err), &err);
    ok(ed25519_public(key, info->audit_public, &err), &err);
    secret_free(key);
    return keystore;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct fixture f;
    struct store_info info, back;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 1, &info);
    fails(store_read(f.targets[0], &back, &err), &err, ERROR_NOT_FOUND, "hikae1/store");
    ok(store_write(keystore, &f.set, &info, &err), &err);
    ok(store_write(keystore, &f.set, &info, &err), &err); /* again: the same bytes */
    for (size_t i = 0; i < 2; i++) {
        memset(&back, 0xff, sizeof(back));
        ok(store_read(f.targets[i], &back, &err), &err);
        assert_true(id_equal(&back.store, &info.store) && id_equal(&back.store_tid, &info.store_tid));
        assert_true(back.test_clock && back.created_ns == info.created_ns);
        assert_memory_equal(back.sign_public, info.sign_public, 32);
        assert_memory_equal(back.audit_public, info.audit_public, 32);
    }
    /* As FORMAT.md §9 says: a line of JSON, a line of base64. */
    struct buf object = {0};
    ok(target_get(f.targets[0], NAME_STORE, 4096, &object, &err), &err);
    static const char start[] = "{\"v\":1,\"format\":\"hikae1\",\"store\":\"01010000000000000000000000000000\","
                                "\"store_tid\":\"01020000000000000000000000000000\",\"created\":\"2026-11-";
    assert_memory_equal(object.data, start, sizeof(start) - 1);
    assert_int_equal(object.data[object.size - 1], '\n');
    assert_int_equal(object.data[object.size - 1 - 88 - 1], '\n');
    buf_free(&object);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_every_change_is_noticed(void **state)
{
    (void)state;
    struct fixture f;
    struct store_info info, back;
    struct error err = {0};
    struct keystore *keystore = make(&f, 1, 1, &info);
    ok(store_write(keystore, &f.set, &info, &err), &err);
    struct buf object = {0};
    ok(target_get(f.targets[0], NAME_STORE, 4096, &object, &err), &err);
    for (size_t at = 0; at < object.size; at++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            object.data[at] ^= (uint8_t)(1U << bit);
            ok(target_put(f.targets[0], NAME_STORE, object.data, object.size, TARGET_PUT_REPAIR, &err), &err);
            fails(store_read(f.targets[0], &back, &err), &err, ERROR_DAMAGED, "not as it must be");
            object.data[at] ^= (uint8_t)(1U << bit);
        }
    for (size_t size = 0; size < object.size; size += 7) {
        ok(target_put(f.targets[0], NAME_STORE, object.data, size, TARGET_PUT_REPAIR, &err), &err);
        fails(store_read(f.targets[0], &back, &err), &err, ERROR_DAMAGED, "not as it must be");
    }
    buf_free(&object);
    keystore_free(keystore);
    fixture_remove(&f);
}

/* A signature by the right key over what no version writes. */
static void test_members_are_checked(void **state)
{
    (void)state;
    /* What replaces what in a sound line, whose public keys are put in for K. */
    static const char sound[] =
        "{\"v\":1,\"format\":\"hikae1\",\"store\":\"0123456789abcdef0123456789abcdef\","
        "\"store_tid\":\"fedcba9876543210fedcba9876543210\","
        "\"created\":\"2026-11-21T00:00:00Z\",\"test_clock\":false,\"sign\":\"K\",\"audit\":\"K\"}";
    static const struct {
        const char *from;
        const char *to;
    } table[] = {
        {"\"v\":1", "\"v\":1"}, /* sound */
        {"\"v\":1", "\"v\":2"},
        {"\"v\":1", "\"v\":1,\"v\":1"},
        {"hikae1", "hikae2"},
        {"\"store\":\"0", "\"store\":\"00"},
        {"\"store\":\"0", "\"store\":\"A"},
        {"\"store_tid\":", "\"tid\":"},
        {"2026-11-21T00:00:00Z", "yesterday"},
        {"false", "0"},
        {"\"sign\":\"K\"", "\"sign\":\"K=\""},
        {"\"audit\":\"K\"", "\"audit\":null"},
        {"{\"v\":1", "[\"v\""},
    };
    struct fixture f;
    struct error err = {0};
    fixture_make(&f, 1, 1);
    struct secret *secret = NULL;
    uint8_t public_key[ED25519_PUBLIC_SIZE], signature[ED25519_SIGNATURE_SIZE];
    ok(ed25519_generate(&secret, public_key, &err), &err);
    char *key = keys_base64(public_key, sizeof(public_key));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char line[2048] = "", object[4096];
        struct store_info back;
        const char *changed = strstr(sound, table[i].from);
        assert_non_null(changed);
        (void)snprintf(object, sizeof(object), "%.*s%s%s", (int)(changed - sound), sound, table[i].to,
                       changed + strlen(table[i].from));
        for (const char *p = object; *p != '\0'; p++)
            (void)strncat(line, *p == 'K' ? key : p, *p == 'K' ? strlen(key) : 1);
        ok(ed25519_sign(secret, line, strlen(line), signature, &err), &err);
        char *text = keys_base64(signature, sizeof(signature));
        (void)snprintf(object, sizeof(object), "%s\n%s\n", line, text);
        mem_free(text);
        ok(target_put(f.targets[0], NAME_STORE, object, strlen(object), TARGET_PUT_REPAIR, &err), &err);
        if (i == 0)
            ok(store_read(f.targets[0], &back, &err), &err);
        else
            fails(store_read(f.targets[0], &back, &err), &err, ERROR_DAMAGED, "not as it must be");
    }
    mem_free(key);
    secret_free(secret);
    fixture_remove(&f);
}

static void test_a_store_is_written_once(void **state)
{
    (void)state;
    struct fixture f, g;
    struct store_info mine, theirs, other;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 1, &mine), *another = make(&g, 1, 9, &theirs);
    ok(store_write(another, &g.set, &theirs, &err), &err);
    /* Another store lies on one of the targets. */
    struct target *mixed[2] = {f.targets[0], g.targets[0]};
    const struct target_set set = {.targets = mixed, .count = 2, .min_copies = 1};
    fails(store_write(keystore, &set, &mine, &err), &err, ERROR_REFUSED, "another store, 0901");
    ok(store_read(g.targets[0], &other, &err), &err);
    assert_true(id_equal(&other.store, &theirs.store));
    /* This store in other words, or announcing keys that are not its own. */
    ok(store_write(keystore, &f.set, &mine, &err), &err);
    struct store_info changed = mine;
    changed.test_clock = false;
    fails(store_write(keystore, &f.set, &changed, &err), &err, ERROR_REFUSED, "in other words");
    changed = mine;
    changed.sign_public[0] ^= 1;
    fails(store_write(keystore, &f.set, &changed, &err), &err, ERROR_KEYS, "not its keystore's");
    changed = mine;
    changed.audit_public[0] ^= 1;
    fails(store_write(keystore, &f.set, &changed, &err), &err, ERROR_KEYS, "not its keystore's");
    /* Something that nobody can read is not replaced either. */
    ok(target_put(f.targets[1], NAME_STORE, "junk", 4, TARGET_PUT_REPAIR, &err), &err);
    fails(store_write(keystore, &f.set, &mine, &err), &err, ERROR_REFUSED, "never replaced");
    fixture_delete(f.targets[1], NAME_STORE);
    faulty_target_add(f.targets[1], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_PUT});
    fails(store_write(keystore, &f.set, &mine, &err), &err, ERROR_UNREACHABLE, "write the store object");
    faulty_target_clear(f.targets[1]);
    faulty_target_add(f.targets[1], (struct fault){.kind = FAULT_LOSE, .calls = FAULTY_PUT});
    fails(store_write(keystore, &f.set, &mine, &err), &err, ERROR_DAMAGED, "is not there");
    faulty_target_clear(f.targets[1]);
    ok(store_write(keystore, &f.set, &mine, &err), &err);
    /* A keystore is not made where a store object lies already. */
    struct keystore *third = NULL;
    struct fixture_names names = {0};
    fixture_list(g.targets[0], NAME_KEYS, &names);
    for (size_t i = 0; i < names.count; i++)
        fixture_delete(g.targets[0], names.names[i]);
    fixture_names_free(&names);
    (void)fixture_holder(&g, 1, HOLDER_FILE, "new");
    fixture_group(&g, 1, "main", 1, 1);
    fails(keystore_create(&g.set, &mine.store, &mine.store_tid, &g.groups[1], 1, &third, NULL, &err), &err,
          ERROR_REFUSED, "holds a store already");
    keystore_free(keystore);
    keystore_free(another);
    fixture_remove(&f);
    fixture_remove(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_change_is_noticed),
        cmocka_unit_test(test_members_are_checked),
        cmocka_unit_test(test_a_store_is_written_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
