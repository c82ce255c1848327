/* A key service, with a small server that checks signatures by code of its own and whose clock a test can move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hex.h"
#include "keys/keystore_internal.h"
#include "keys/kms.h"
#include "kms_fixture.h"

static const struct id store_tid = {{3}};

/* An action of the service that hikae never calls. */
static void act(const struct site *site, const char *action, const json_t *params, const char *more)
{
    struct kms *kms = NULL;
    struct error err = {0};
    json_t *answer = NULL, *key = json_object_get(params, "key");
    json_t *request = more != NULL ? json_pack("{s:s, s:O}", "AliasName", more, "TargetKeyId", key)
                                   : json_pack("{s:O}", "KeyId", key);
    ok(kms_open(&site->options, &kms, &err), &err);
    ok(kms_call(kms, action, request, false, &answer, &err), &err);
    json_decref(answer);
    json_decref(request);
    kms_close(kms);
}

static void make(struct site *site, uint32_t epoch, struct holder_made *ret)
{
    struct error err = {0};
    const struct holder_occasion occasion = {.epoch = epoch, .store = &store, .group = "cloud"};
    ok(holder_make(&site->holder, &occasion, ret, &err), &err);
}

static void test_a_key_of_the_service(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_attestation attestation;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 3, &made);
    ok(holder_reach(&site->holder, 3, made.params, &key, &err), &err);
    assert_true(secret_equal(key, made.key));
    secret_free(key);
    key = NULL;
    ok(holder_attest(&site->holder, 3, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PRESENT);
    assert_string_equal(attestation.country, "JP");
    assert_string_equal(attestation.detail, "Enabled");
    assert_false(attestation.extractable);
    assert_true(kms_is_arn(attestation.identity, "ap-northeast-1"));
    /* The service binds it to store, epoch and group. */
    fails(holder_reach(&site->holder, 4, made.params, &key, &err), &err, ERROR_KEYS, "InvalidCiphertext");
    static const struct {
        const char *name, *value;
        enum error_class class;
    } changes[] = {
        {"group", "other", ERROR_KEYS},
        {"store", "00000000000000000000000000000000", ERROR_KEYS},
        {"store", "xx", ERROR_DAMAGED},
        {"sealed", "AAAA", ERROR_KEYS},
        {"sealed", "not base64", ERROR_KEYS},
        {"key", "arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-0000-0000-000000000000", ERROR_NOT_FOUND},
        {"key", "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000", ERROR_DAMAGED},
        {"key", "alias/x", ERROR_DAMAGED},
        {"region", "ap-northeast-3", ERROR_DAMAGED},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        json_t *params = json_deep_copy(made.params);
        assert_int_equal(json_object_set_new(params, changes[i].name, json_string(changes[i].value)), 0);
        fails(holder_reach(&site->holder, 3, params, &key, &err), &err, changes[i].class, "");
        json_decref(params);
    }
    /* A holder of another region is another holder. */
    site->options.region = "ap-northeast-3";
    fails(holder_reach(&site->holder, 3, made.params, &key, &err), &err, ERROR_NOT_FOUND, "the key is in region");
    site->options.region = "ap-northeast-1";
    holder_made_clear(&made);
}

static void test_credentials(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_attestation attestation;
    struct holder_end end;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    static const struct {
        const char *text, *says;
    } table[] = {
        {"aws_access_key_id = AKIDTEST\naws_secret_access_key = AnotherSecret\n", "InvalidSignature"},
        {"aws_access_key_id = AKIDOTHER\naws_secret_access_key = SecretOfTests\n", "UnrecognizedClient"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fixture_write(site->credentials, table[i].text, 0600);
        fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_DENIED, table[i].says);
        assert_null(strstr(err.what, "SecretOf"));
        /* Who may not ask does not know. */
        ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
        assert_int_equal(attestation.presence, HOLDER_PRESENCE_UNKNOWN);
        fails(holder_destroy(&site->holder, 1, made.params, &end, &err), &err, ERROR_DENIED, table[i].says);
    }
    fixture_write(site->credentials, "aws_access_key_id = AKIDTEST\naws_secret_access_key = x\naws_session_token = t\n",
                  0600);
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_DENIED, "InvalidSignature");
    holder_made_clear(&made);
}

static void test_deletion(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_attestation attestation;
    struct holder_end end;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    ok(holder_destroy(&site->holder, 1, made.params, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_SCHEDULED);
    assert_true(end.at_ns > 0);
    assert_in_range((uint64_t)((end.final_ns - clock_machine_ns()) / NS_PER_S), 7 * 86400 - 60, 7 * 86400 + 60);
    int64_t final_ns = end.final_ns;
    /* Unusable at once, and asked for again, the same. */
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "pending deletion");
    ok(holder_destroy(&site->holder, 1, made.params, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_SCHEDULED);
    assert_int_equal(end.final_ns, final_ns);
    ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PENDING);
    assert_int_equal(attestation.final_ns, final_ns);
    /* Somebody cancels it: that is noticed, and the data comes back when the key is enabled. */
    act(site, "CancelKeyDeletion", made.params, NULL);
    ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PRESENT);
    assert_string_equal(attestation.detail, "Disabled");
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_KEYS, "Disabled");
    act(site, "EnableKey", made.params, NULL);
    ok(holder_reach(&site->holder, 1, made.params, &key, &err), &err);
    secret_free(key);
    key = NULL;
    /* And when the waiting period is over, it is gone. */
    ok(holder_destroy(&site->holder, 1, made.params, &end, &err), &err);
    control(site, "clock", "{\"days\": 6}");
    ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PENDING);
    control(site, "clock", "{\"days\": 2}");
    ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_ABSENT);
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_NOT_FOUND, "does not exist");
    ok(holder_destroy(&site->holder, 1, made.params, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_ABSENT);
    holder_made_clear(&made);
}

static void test_what_does_not_answer_is_unknown(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_attestation attestation;
    struct holder_end end;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    /* A passing fault is waited out, a lasting one is not. */
    control(site, "fail",
            "{\"action\": \"Decrypt\", \"status\": 500, \"code\": \"KMSInternalException\", \"times\": 2}");
    ok(holder_reach(&site->holder, 1, made.params, &key, &err), &err);
    secret_free(key);
    key = NULL;
    control(site, "fail",
            "{\"action\": \"Decrypt\", \"status\": 400, \"code\": \"ThrottlingException\", \"times\": 9}");
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_UNREACHABLE, "throttling");
    stop(site);
    fails(holder_reach(&site->holder, 1, made.params, &key, &err), &err, ERROR_UNREACHABLE, "");
    fails(holder_destroy(&site->holder, 1, made.params, &end, &err), &err, ERROR_UNREACHABLE, "");
    ok(holder_attest(&site->holder, 1, made.params, &attestation, &err), &err);
    assert_int_equal(attestation.presence, HOLDER_PRESENCE_UNKNOWN);
    start(site);
    ok(holder_reach(&site->holder, 1, made.params, &key, &err), &err);
    secret_free(key);
    holder_made_clear(&made);
}

static void test_answers_that_are_none(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_end end;
    struct error err = {0};
    struct secret *key = NULL;
    make(site, 1, &made);
    static const char *const decrypts[] = {
        "",
        "null",
        "[]",
        "7",
        "{}",
        "{\"Plaintext\": 7}",
        "{\"Plaintext\": \"AAAA\", \"KeyId\": \"x\"}",
        "{\"Plaintext\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", \"KeyId\": \"arn:aws:kms:other\"}",
        "{\"Plaintext\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
        "<html>sorry</html>",
    };
    for (size_t i = 0; i < sizeof(decrypts) / sizeof(decrypts[0]); i++) {
        char json[512];
        json_t *fault = json_pack("{s:s, s:s}", "action", "Decrypt", "text", decrypts[i]);
        char *text = json_dumps(fault, 0);
        (void)snprintf(json, sizeof(json), "%s", text);
        free(text);
        json_decref(fault);
        control(site, "garble", json);
        assert_int_equal(holder_reach(&site->holder, 1, made.params, &key, &err), -1);
        assert_true(err.class == ERROR_KEYS || err.class == ERROR_UNREACHABLE);
        assert_null(key);
    }
    static const char *const described[] = {
        "{}", "{\\\"KeyMetadata\\\": {\\\"Arn\\\": \\\"x\\\"}}",
        "{\\\"KeyMetadata\\\": {\\\"Arn\\\": \\\"x\\\", \\\"KeyState\\\": \\\"no state at all\\\"}}"};
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        char json[512];
        (void)snprintf(json, sizeof(json), "{\"action\": \"DescribeKey\", \"text\": \"%s\"}", described[i]);
        control(site, "garble", json);
        fails(holder_destroy(&site->holder, 1, made.params, &end, &err), &err, ERROR_UNREACHABLE, "does not know");
    }
    control(site, "garble", "{\"action\": \"ScheduleKeyDeletion\", \"text\": \"{}\"}");
    fails(holder_destroy(&site->holder, 1, made.params, &end, &err), &err, ERROR_UNREACHABLE, "when it deletes");
    holder_made_clear(&made);
}

static void test_keys_that_are_given(void **state)
{
    struct site *site = *state;
    struct holder_made made, given;
    struct holder_end end;
    struct error err = {0};
    const struct holder_occasion occasion = {.epoch = 2, .store = &store, .group = "cloud"};
    make(site, 1, &made);
    act(site, "CreateAlias", made.params, "alias/backup");
    site->options.key = "alias/backup";
    ok(holder_make(&site->holder, &occasion, &given, &err), &err);
    /* An alias may be moved: the key itself is noted. */
    assert_string_equal(json_string_value(json_object_get(given.params, "key")),
                        json_string_value(json_object_get(made.params, "key")));
    /* What was given is not destroyed because an epoch is given up. */
    holder_unmake(&given);
    assert_int_equal(count_calls(site, "ScheduleKeyDeletion"), 0);
    /* Keys of which copies may lie elsewhere, or that are none for this. */
    static const struct {
        const char *field, *says;
    } table[] = {{"\"Origin\": \"EXTERNAL\"", "came from elsewhere"},
                 {"\"MultiRegion\": true", "replicas"},
                 {"\"KeyUsage\": \"SIGN_VERIFY\"", "none for encrypting"},
                 {"\"KeySpec\": \"RSA_2048\"", "not a symmetric key"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct kms *kms = NULL;
        struct error why = {0};
        json_t *answer = NULL, *request;
        char text[128];
        (void)snprintf(text, sizeof(text), "{%s}", table[i].field);
        request = json_loads(text, 0, NULL);
        ok(kms_open(&site->options, &kms, &why), &why);
        ok(kms_call(kms, "CreateKey", request, true, &answer, &why), &why);
        site->options.key = json_string_value(json_object_get(json_object_get(answer, "KeyMetadata"), "KeyId"));
        fails(holder_make(&site->holder, &occasion, &given, &err), &err, ERROR_REFUSED, table[i].says);
        json_decref(answer);
        json_decref(request);
        kms_close(kms);
    }
    site->options.key = "no-such-key";
    fails(holder_make(&site->holder, &occasion, &given, &err), &err, ERROR_NOT_FOUND, "does not exist");
    ok(holder_destroy(&site->holder, 1, made.params, &end, &err), &err);
    site->options.key = json_string_value(json_object_get(made.params, "key"));
    fails(holder_make(&site->holder, &occasion, &given, &err), &err, ERROR_REFUSED, "not enabled");
    holder_made_clear(&made);
}

/* A device that goes away in the middle: what was made cannot be unmade, and that is all. */
static void test_unmaking_without_an_answer(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    make(site, 1, &made);
    assert_ptr_equal(made.inside, &site->holder);
    stop(site);
    holder_unmake(&made);
    assert_null(made.params);
    start(site);
}

/* Slots of an older epoch that name the key of the one in force, as an earlier version let be made. */
static void test_a_key_in_use_is_not_destroyed(void **state)
{
    struct site *site = *state;
    struct fixture *f = &site->f;
    struct error err = {0};
    struct keystore *keystore = NULL, *again = NULL;
    struct keystore_destruction ret;
    struct new_epoch older = {0};
    CLEANUP(buf_free) struct buf object = {0};
    struct hash name;
    f->holders[0] = site->holder;
    fixture_group(f, 0, (char *)"cloud", 0, 1);
    ok(keystore_create(&f->set, &store, &store_tid, f->groups, 1, &keystore, NULL, &err), &err);
    ok(keystore_rotate_root(keystore, f->groups, 1, NULL, &err), &err);
    struct slots slots = {0};
    ok(keystore_slots(&keystore->entries[keystore->slots_entry], &slots, &err), &err);
    site->options.key = json_string_value(json_object_get(slots.groups[0].members[0].params, "key"));
    const struct keystore_rotation rotation = {.groups = f->groups, .group_count = 1};
    ok(epoch_begin(&f->set, 1, &store, &rotation, NULL, &older, &err), &err);
    ok(epoch_seal(&older, &object, &name, &err), &err);
    ok(union_store(&f->set, 1, &object, &name, 1, &err), &err);
    epoch_end(&older);
    site->options.key = NULL;
    slots_clear(&slots);
    ok(keystore_destroy_epoch(keystore, 1, f->groups, 1, &ret, &err), &err);
    size_t refused = 0;
    for (size_t i = 0; i < ret.count; i++)
        if (ret.holders[i].fate == HOLDER_FATE_REFUSED) {
            refused++;
            assert_non_null(strstr(ret.holders[i].why, "in force"));
        }
    assert_int_equal(refused, 1);
    assert_false(ret.unreadable);
    keystore_destruction_clear(&ret);
    ok(keystore_open(&f->set, f->groups, 1, &again, &err), &err);
    keystore_free(again);
    keystore_free(keystore);
}

static void test_endpoints(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://kms.example.org",      "ftp://x",     "https://",
                                      "https://X.example",           "https://a/b", "http://localhost.example.org",
                                      "http://127.0.0.1.example.org"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct holder_options options = {.region = "ap-northeast-1", .endpoint = bad[i]};
        struct kms *kms = NULL;
        struct error err = {0};
        fails(kms_open(&options, &kms, &err), &err, ERROR_CONFIG, "no endpoint");
    }
    const struct holder_options place = {.region = "Tokyo/1"};
    struct kms *kms = NULL;
    struct error err = {0};
    fails(kms_open(&place, &kms, &err), &err, ERROR_CONFIG, "no region");
    static const struct {
        const char *text;
        bool good;
    } arns[] = {{"arn:aws:kms:r:111122223333:key/0a-b", true},
                {"arn:aws-cn:kms:r:111122223333:key/mrk-1", true},
                {"arn:aws:kms:r:111122223333:key/", false},
                {"arn:aws:kms:s:111122223333:key/0a", false},
                {"arn:aws:kms:r:11112222333:key/0a", false},
                {"arn:aws:s3:r:111122223333:key/0a", false},
                {"arn:aws:kms:r:111122223333:alias/0a", false},
                {"arn:aws:kms:r:111122223333:key/0a\n", false},
                {"arn:aws:kms:r1:111122223333:key/0a", false},
                {"arn:aws", false},
                {"", false}};
    for (size_t i = 0; i < sizeof(arns) / sizeof(arns[0]); i++)
        assert_int_equal(kms_is_arn(arns[i].text, "r"), arns[i].good);
}

/* However many tenants there are, a rotation asks the service a handful of times. */
static void test_a_store_on_a_key_service(void **state)
{
    enum { TENANTS = 2000 };
    struct site *site = *state;
    struct fixture *f = &site->f;
    struct error err = {0};
    struct keystore *keystore = NULL;
    struct keystore_destruction ret;
    struct id *tids = mem_calloc(TENANTS, sizeof(*tids));
    f->holders[0] = site->holder;
    fixture_group(f, 0, (char *)"cloud", 0, 1);
    ok(keystore_create(&f->set, &store, &store_tid, f->groups, 1, &keystore, NULL, &err), &err);
    for (uint32_t i = 0; i < TENANTS; i++)
        tids[i] = tid_of(i);
    ok(keystore_add_tenants(keystore, tids, TENANTS, &err), &err);
    uint8_t before[64], after[64];
    fingerprint(keystore, &tids[7], before);
    size_t create = count_calls(site, "CreateKey"), encrypt = count_calls(site, "Encrypt"),
           decrypt = count_calls(site, "Decrypt");
    ok(keystore_rotate_root(keystore, f->groups, 1, NULL, &err), &err);
    assert_int_equal(count_calls(site, "CreateKey") - create, 1);
    assert_int_equal(count_calls(site, "Encrypt") - encrypt, 1);
    assert_int_equal(count_calls(site, "Decrypt") - decrypt, 1); /* the proof that it opens */
    fingerprint(keystore, &tids[7], after);
    assert_memory_equal(before, after, 64);
    /* The end: unusable at once, final when the service says so. */
    ok(keystore_destroy_epoch(keystore, 1, f->groups, 1, &ret, &err), &err);
    assert_true(ret.controlled);
    assert_true(ret.unreadable);
    assert_false(ret.final);
    assert_int_equal(ret.holders[0].fate, HOLDER_FATE_SCHEDULED);
    assert_int_equal(ret.holders[0].after, HOLDER_WRONG);
    assert_true(ret.since_ns > 0);
    assert_true(ret.final_ns > ret.since_ns);
    keystore_destruction_clear(&ret);
    control(site, "clock", "{\"days\": 8}");
    ok(keystore_attest_epoch(keystore, 1, f->groups, 1, &ret, &err), &err);
    assert_true(ret.final);
    assert_int_equal(ret.holders[0].fate, HOLDER_FATE_ABSENT);
    keystore_destruction_clear(&ret);
    /* A key that holds the epoch in force cannot hold the next one: destroying one would destroy both. */
    struct slots slots = {0};
    ok(keystore_slots(&keystore->entries[keystore->slots_entry], &slots, &err), &err);
    site->options.key = json_string_value(json_object_get(slots.groups[0].members[0].params, "key"));
    fails(keystore_rotate_root(keystore, f->groups, 1, NULL, &err), &err, ERROR_REFUSED, "holds epoch 2 already");
    /* Nor can it come back later, when its epoch is over and may be destroyed. */
    char key[KMS_ARN_MAX + 1];
    (void)snprintf(key, sizeof(key), "%s", site->options.key);
    slots_clear(&slots);
    site->options.key = NULL;
    ok(keystore_rotate_root(keystore, f->groups, 1, NULL, &err), &err);
    site->options.key = key;
    fails(keystore_rotate_root(keystore, f->groups, 1, NULL, &err), &err, ERROR_REFUSED, "holds epoch 2 already");
    site->options.key = NULL;
    keystore_free(keystore);
    /* The network is down: nobody knows, and nobody says that the key is wrong. */
    stop(site);
    keystore = NULL;
    fails(keystore_open(&f->set, f->groups, 1, &keystore, &err), &err, ERROR_UNREACHABLE, "group cloud: kms");
    start(site);
    ok(keystore_open(&f->set, f->groups, 1, &keystore, &err), &err);
    keystore_free(keystore);
    mem_free(tids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_of_the_service, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unmaking_without_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_in_use_is_not_destroyed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_answer_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_that_are_given, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_store_on_a_key_service, setup, teardown),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
