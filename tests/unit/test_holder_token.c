/* Tokens, with SoftHSM2: what a key in a token gives, and everything that it must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "keys/keystore_internal.h"
#include "keys/token_internal.h"
#include "keys_fixture.h"

#include <sys/wait.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static const struct id store = {{1, 2}}, store_tid = {{3}};

struct site {
    struct fixture f;
    char pin[FIXTURE_PATH + 64];
    struct holder_options options, other;
};

static void run(const char *command)
{
    int status = system(command);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

static void write_pin(struct site *site, const char *pin)
{
    (void)unlink(site->pin);
    fixture_write(site->pin, pin, 0600);
}

static int setup(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    char conf[FIXTURE_PATH + 64], tokens[FIXTURE_PATH + 64], text[2 * FIXTURE_PATH];
    fixture_make(&site->f, 2, 1);
    (void)snprintf(conf, sizeof(conf), "%s/softhsm2.conf", site->f.folder);
    (void)snprintf(tokens, sizeof(tokens), "%s/tokens", site->f.folder);
    (void)snprintf(site->pin, sizeof(site->pin), "%s/pin", site->f.folder);
    (void)snprintf(text, sizeof(text), "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                   tokens);
    assert_int_equal(mkdir(tokens, 0700), 0);
    fixture_write(conf, text, 0600);
    assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
    run("softhsm2-util --init-token --free --label hikae --so-pin 0000 --pin 123456 >/dev/null");
    run("softhsm2-util --init-token --free --label other --so-pin 0000 --pin 123456 >/dev/null");
    write_pin(site, "123456\n");
    site->options =
        (struct holder_options){.module = MODULE, .token = "hikae", .pin = {TARGET_CREDENTIALS_FILE, site->pin}};
    site->other = site->options;
    site->other.token = "other";
    for (size_t i = 0; i < 4; i++)
        site->f.holders[i] = (struct holder){.kind = HOLDER_TOKEN, .name = (char *)"hsm", .options = &site->options};
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    struct site *site = *state;
    fixture_remove(&site->f);
    free(site);
    return 0;
}

static void make(struct site *site, uint32_t epoch, struct holder_made *ret)
{
    struct error err = {0};
    const struct holder_occasion occasion = {.epoch = epoch, .store = &store, .group = "g"};
    ok(holder_make(&site->f.holders[0], &occasion, ret, &err), &err);
}

static void test_a_key_that_never_leaves(void **state)
{
    struct site *site = *state;
    const struct holder *holder = &site->f.holders[0];
    struct holder_made made;
    struct holder_attestation attestation;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 5, &made);
    ok(holder_reach(holder, 5, made.params, &key, &err), &err);
    assert_true(secret_equal(key, made.key));
    secret_free(key);
    ok(holder_attest(holder, 5, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PRESENT);
    assert_false(attestation.extractable);
    assert_non_null(strstr(attestation.identity, "token hikae (serial "));
    /* The params bind store, epoch and group. */
    fails(holder_reach(holder, 6, made.params, &key, &err), &err, ERROR_KEYS, "does not open");
    static const struct {
        const char *name, *value;
        enum error_class class;
    } changes[] = {
        {"group", "h", ERROR_KEYS},
        {"store", "01020000000000000000000000000001", ERROR_KEYS},
        {"object", "00000000000000000000000000000000", ERROR_NOT_FOUND},
        {"serial", "0000", ERROR_NOT_FOUND},
        {"object", "0000", ERROR_DAMAGED},
        {"object", NULL, ERROR_DAMAGED},
        {"sealed", "AAAA", ERROR_DAMAGED},
        {"serial", "0123456789012345678901234567890123456789", ERROR_DAMAGED},
        {"token", "0123456789012345678901234567890123456789", ERROR_DAMAGED},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        json_t *params = json_deep_copy(made.params);
        if (changes[i].value != NULL)
            assert_int_equal(json_object_set_new(params, changes[i].name, json_string(changes[i].value)), 0);
        else
            assert_int_equal(json_object_del(params, changes[i].name), 0);
        fails(holder_reach(holder, 5, params, &key, &err), &err, changes[i].class, "");
        json_decref(params);
    }
    /* A seal of which one bit was turned. */
    json_t *params = json_deep_copy(made.params);
    uint8_t sealed[60];
    assert_true(keys_base64_parse(json_string_value(json_object_get(params, "sealed")), sealed, 60));
    sealed[59] ^= 1;
    char *text = keys_base64(sealed, 60);
    assert_int_equal(json_object_set_new(params, "sealed", json_string(text)), 0);
    mem_free(text);
    fails(holder_reach(holder, 5, params, &key, &err), &err, ERROR_KEYS, "does not open");
    json_decref(params);
    holder_made_clear(&made);
}

static void test_the_end_of_a_key(void **state)
{
    struct site *site = *state;
    const struct holder *holder = &site->f.holders[0];
    struct holder_made one, two;
    struct holder_end end;
    struct holder_attestation attestation;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &one);
    make(site, 2, &two);
    /* Another token is asked for nothing. */
    struct holder other = *holder;
    other.options = &site->other;
    fails(holder_destroy(&other, 1, one.params, &end, &err), &err, ERROR_NOT_FOUND, "no token named");
    ok(holder_destroy(holder, 1, one.params, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_DESTROYED);
    assert_true(end.at_ns > 0);
    ok(holder_destroy(holder, 1, one.params, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_ABSENT);
    ok(holder_attest(holder, 1, one.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_ABSENT);
    fails(holder_reach(holder, 1, one.params, &key, &err), &err, ERROR_NOT_FOUND, "not on the token");
    /* The other epoch's key is untouched, and given up as an epoch that never came into force. */
    ok(holder_reach(holder, 2, two.params, &key, &err), &err);
    secret_free(key);
    json_t *params = json_incref(two.params);
    holder_unmake(&two);
    key = NULL;
    fails(holder_reach(holder, 2, params, &key, &err), &err, ERROR_NOT_FOUND, "not on the token");
    json_decref(params);
    holder_made_clear(&one);
}

static void test_what_does_not_answer_is_unknown(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_end end;
    struct holder_attestation attestation;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    struct holder_options options = site->options;
    struct holder holder = {.kind = HOLDER_TOKEN, .name = (char *)"hsm", .options = &options};
    options.module = "/no/such/library.so";
    fails(holder_reach(&holder, 1, made.params, &key, &err), &err, ERROR_UNREACHABLE, "cannot be loaded");
    fails(holder_destroy(&holder, 1, made.params, &end, &err), &err, ERROR_UNREACHABLE, "cannot be loaded");
    ok(holder_attest(&holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PRESENCE_UNKNOWN);
    options.module = "/lib/x86_64-linux-gnu/libc.so.6";
    fails(holder_reach(&holder, 1, made.params, &key, &err), &err, ERROR_CONFIG, "no library of PKCS#11");
    options.module = MODULE;
    options.token = "absent";
    fails(holder_reach(&holder, 1, made.params, &key, &err), &err, ERROR_NOT_FOUND, "no token named \"absent\"");
    holder_made_clear(&made);
}

static void test_pins(void **state)
{
    struct site *site = *state;
    const struct holder *holder = &site->f.holders[0];
    struct holder_made made;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    write_pin(site, "");
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "is no PIN");
    assert_int_equal(unlink(site->pin), 0);
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_NOT_FOUND, "is not there");
    write_pin(site, "123456\n");
    assert_int_equal(chmod(site->pin, 0640), 0);
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "chmod 600");
    /* Of systemd: its folder is closed, so the mode of the file is not looked at. */
    struct holder_options options = site->options;
    struct holder given = {.kind = HOLDER_TOKEN, .name = (char *)"hsm", .options = &options};
    options.pin = (struct target_credentials){TARGET_CREDENTIALS_SYSTEMD, "pin"};
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    fails(holder_reach(&given, 1, made.params, &key, &err), &err, ERROR_CONFIG, "LoadCredential=pin");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", site->f.folder, 1), 0);
    ok(holder_reach(&given, 1, made.params, &key, &err), &err);
    secret_free(key);
    key = NULL;
    /* A wrong one is tried once, or a run over many tenants would lock the token. */
    write_pin(site, "654321\r\nanother line\n");
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "the PIN is wrong");
    assert_null(strstr(err.what, "654321"));
    write_pin(site, "123456\n");
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "the PIN is wrong");
    /* Another token, whose PIN is right, changes nothing about that. */
    struct holder_made others;
    const struct holder other = {.kind = HOLDER_TOKEN, .name = (char *)"other", .options = &site->other};
    const struct holder_occasion occasion = {.epoch = 1, .store = &store, .group = "g"};
    ok(holder_make(&other, &occasion, &others, &err), &err);
    fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "the PIN is wrong");
    holder_made_clear(&others);
    holder_made_clear(&made);
}

/* Keys that somebody else put under the id: they could leave the token, or came from outside. */
static void plant(struct site *site, const json_t *params, unsigned char sensitive, unsigned char extractable,
                  bool generate)
{
    struct token_module *module = NULL;
    struct error err = {0};
    ck_slot_id_t slots[8];
    unsigned long count = 8, size = 32;
    unsigned char yes = 1;
    uint8_t object[TOKEN_ID_SIZE], value[32] = {7};
    ck_object_class_t class = CKO_SECRET_KEY;
    ck_key_type_t type = CKK_AES;
    assert_true(hex_decode(json_string_value(json_object_get(params, "object")), TOKEN_ID_SIZE, object));
    ok(token_module_take(site->options.module, &module, &err), &err);
    struct ck_function_list *f = module->functions;
    assert_int_equal(f->C_GetSlotList(1, slots, &count), CKR_OK);
    for (unsigned long i = 0; i < count; i++) {
        struct ck_token_info info;
        ck_session_handle_t session;
        ck_object_handle_t key;
        if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK || memcmp(info.label, "hikae ", 6) != 0)
            continue;
        assert_int_equal(f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
        assert_int_equal(f->C_Login(session, CKU_USER, (unsigned char *)"123456", 6), CKR_OK);
        struct ck_attribute wanted[] = {{CKA_TOKEN, &yes, 1},
                                        {CKA_PRIVATE, &yes, 1},
                                        {CKA_SENSITIVE, &sensitive, 1},
                                        {CKA_EXTRACTABLE, &extractable, 1},
                                        {CKA_ENCRYPT, &yes, 1},
                                        {CKA_DECRYPT, &yes, 1},
                                        {CKA_ID, object, TOKEN_ID_SIZE},
                                        {CKA_VALUE_LEN, &size, sizeof(size)},
                                        {CKA_KEY_TYPE, &type, sizeof(type)},
                                        {CKA_CLASS, &class, sizeof(class)}};
        struct ck_mechanism mechanism = {CKM_AES_KEY_GEN, NULL, 0};
        if (generate) {
            assert_int_equal(f->C_GenerateKey(session, &mechanism, wanted, 8, &key), CKR_OK);
        } else {
            wanted[7] = (struct ck_attribute){CKA_VALUE, value, sizeof(value)};
            assert_int_equal(f->C_CreateObject(session, wanted, 10, &key), CKR_OK);
        }
        assert_int_equal(f->C_CloseSession(session), CKR_OK);
    }
    token_module_release(module);
}

static void test_a_key_that_can_leave_is_refused(void **state)
{
    struct site *site = *state;
    static const struct {
        unsigned char sensitive, extractable;
        bool generate;
        const char *says;
    } table[] = {
        {1, 1, true, "can be taken out"},
        {0, 0, true, "value can be read"},
        {1, 0, false, "value could be read once"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct holder *holder = &site->f.holders[0];
        struct holder_made made;
        struct holder_end end;
        struct holder_attestation attestation;
        struct error err = {0};
        struct secret *key = NULL;
        make(site, 1, &made);
        ok(holder_destroy(holder, 1, made.params, &end, &err), &err);
        plant(site, made.params, table[i].sensitive, table[i].extractable, table[i].generate);
        fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, table[i].says);
        ok(holder_attest(holder, 1, made.params, &attestation, &err), &err);
        assert_int_equal(attestation.presence, HOLDER_PRESENT);
        assert_true(attestation.extractable);
        /* Two of one id: neither is trusted. */
        plant(site, made.params, 1, 0, true);
        fails(holder_reach(holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "several keys");
        holder_made_clear(&made);
    }
}

static void test_a_store_on_a_token(void **state)
{
    struct site *site = *state;
    struct fixture *f = &site->f;
    struct error err = {0};
    struct keystore *keystore = NULL, *again = NULL;
    struct keystore_report report;
    struct keystore_destruction ret;
    (void)snprintf(f->paths[0], sizeof(f->paths[0]), "%s/words", f->folder);
    fixture_write(f->paths[0], "sturdy passphrase", 0600);
    f->holders[1] = (struct holder){.kind = HOLDER_PASSPHRASE, .name = (char *)"words", .path = f->paths[0]};
    f->holders[2].options = &site->other;
    /* Both members of one group, and another token alone. */
    fixture_group(f, 0, (char *)"both", 0, 2);
    fixture_group(f, 1, (char *)"second", 2, 1);
    ok(keystore_create(&f->set, &store, &store_tid, f->groups, 2, &keystore, NULL, &err), &err);
    struct id tid = tid_of(1);
    uint8_t before[64], after[64];
    ok(keystore_add_tenant(keystore, &tid, &err), &err);
    fingerprint(keystore, &tid, before);
    ok(keystore_check(keystore, f->groups, 2, &report, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        assert_true(report.groups[i].opens);
        assert_int_equal(report.groups[i].tenants, 2);
    }
    assert_int_equal(report.groups[0].members[0].attestation.presence, HOLDER_PRESENT);
    keystore_report_clear(&report);
    /* The other token alone, then the first group alone. */
    ok(keystore_open(&f->set, &f->groups[1], 1, &again, &err), &err);
    keystore_free(again);
    ok(keystore_open(&f->set, f->groups, 1, &again, &err), &err);
    keystore_free(again);
    /* A new epoch: new keys on both tokens, and the old ones destroyed. */
    ok(keystore_rotate_root(keystore, f->groups, 2, NULL, &err), &err);
    ok(keystore_destroy_epoch(keystore, 1, f->groups, 2, &ret, &err), &err);
    assert_true(ret.controlled);
    assert_true(ret.unreadable);
    assert_true(ret.final);
    assert_int_equal(ret.count, 3);
    assert_int_equal(ret.holders[0].fate, HOLDER_FATE_DESTROYED);
    assert_int_equal(ret.holders[0].before, HOLDER_OPENS);
    assert_int_equal(ret.holders[0].after, HOLDER_NOT_HERE);
    assert_int_equal(ret.holders[0].attestation.presence, HOLDER_ABSENT);
    assert_int_equal(ret.holders[1].fate, HOLDER_FATE_PEOPLE);
    assert_int_equal(ret.holders[2].fate, HOLDER_FATE_DESTROYED);
    keystore_destruction_clear(&ret);
    fingerprint(keystore, &tid, after);
    assert_memory_equal(before, after, 64);
    keystore_free(keystore);
    ok(keystore_open(&f->set, &f->groups[1], 1, &keystore, &err), &err);
    keystore_free(keystore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_that_never_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_answer_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_can_leave_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_store_on_a_token, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
