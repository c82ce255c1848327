/* The end of an epoch: what becomes of each holder's key, and whether the old wraps still open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/keystore_internal.h"
#include "keys_fixture.h"

static const struct id store = {{1}}, store_tid = {{2}};

/* A store of two targets and tenants 0 … 4, epoch 2 in force: old holders 0 … 2, new ones 4 … 6. */
static struct keystore *begin(struct fixture *f, const struct id *without, size_t without_count)
{
    struct error err = {0};
    struct keystore *keystore = NULL;
    char *sheets[2];
    fixture_make(f, 2, 1);
    static char *names[] = {"a.key", "words", "sheet", "", "b.key", "words2", "sheet2"};
    static const enum holder_kind kinds[] = {HOLDER_FILE, HOLDER_PASSPHRASE, HOLDER_SHEET, HOLDER_FILE,
                                             HOLDER_FILE, HOLDER_PASSPHRASE, HOLDER_SHEET};
    for (size_t i = 0; i < 7; i++)
        if (i != 3)
            (void)fixture_holder(f, i, kinds[i], names[i]);
    fixture_write(f->paths[1], "sturdy passphrase", 0600);
    fixture_write(f->paths[5], "another passphrase", 0600);
    fixture_group(f, 0, "both", 0, 2);
    fixture_group(f, 1, "paper", 2, 1);
    ok(keystore_create(&f->set, &store, &store_tid, f->groups, 2, &keystore, sheets, &err), &err);
    mem_free(sheets[1]);
    for (uint32_t i = 0; i < 5; i++) {
        const struct id tid = tid_of(i);
        ok(keystore_add_tenant(keystore, &tid, &err), &err);
    }
    fixture_group(f, 2, "both", 4, 2);
    fixture_group(f, 3, "paper", 6, 1);
    const struct keystore_rotation rotation = {
        .groups = &f->groups[2], .group_count = 2, .without = without, .without_count = without_count, .at_least = 7};
    ok(keystore_rotate(keystore, &rotation, sheets, &err), &err);
    mem_free(sheets[1]);
    assert_int_equal(keystore_epoch(keystore), 7);
    return keystore;
}

static const struct keystore_holder_end *end_of(const struct keystore_destruction *destruction, const char *name)
{
    for (size_t i = 0; i < destruction->count; i++)
        if (strcmp(destruction->holders[i].name, name) == 0)
            return &destruction->holders[i];
    fail_msg("no holder %s", name);
    return NULL;
}

static void test_each_kind_ends_as_it_can(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore_destruction ret;
    struct keystore *keystore = begin(&f, NULL, 0);
    ok(keystore_attest_epoch(keystore, 1, f.groups, 4, &ret, &err), &err);
    assert_true(ret.controlled);
    assert_false(ret.unreadable);
    assert_int_equal(ret.count, 3);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_UNKNOWN);
    assert_int_equal(end_of(&ret, "a.key")->attestation.presence, HOLDER_PRESENT);
    assert_true(end_of(&ret, "a.key")->attestation.extractable);
    keystore_destruction_clear(&ret);
    ok(keystore_destroy_epoch(keystore, 1, f.groups, 4, &ret, &err), &err);
    assert_true(ret.controlled);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_DESTROYED);
    assert_int_equal(end_of(&ret, "a.key")->before, HOLDER_OPENS);
    assert_int_equal(end_of(&ret, "a.key")->after, HOLDER_WRONG); /* the new epoch's file is here, and another key */
    assert_int_equal(end_of(&ret, "a.key")->attestation.presence, HOLDER_ABSENT);
    assert_true(end_of(&ret, "a.key")->at_ns > 0);
    assert_int_equal(end_of(&ret, "words")->fate, HOLDER_FATE_PEOPLE);
    assert_int_equal(end_of(&ret, "words")->after, HOLDER_OPENS);
    assert_int_equal(end_of(&ret, "sheet")->fate, HOLDER_FATE_PEOPLE);
    assert_non_null(strstr(end_of(&ret, "sheet")->why, "its file here is wiped"));
    assert_int_equal(end_of(&ret, "sheet")->before, HOLDER_OPENS);
    assert_int_not_equal(end_of(&ret, "sheet")->after, HOLDER_OPENS);
    assert_false(exists(&f.holders[0]));
    assert_false(exists(&f.holders[2]));
    assert_true(exists(&f.holders[4]));
    assert_true(exists(&f.holders[6]));
    /* The group of the sheet stays open until people say that the paper is gone. */
    assert_false(ret.unreadable);
    for (size_t i = 0; i < ret.count; i++)
        if (ret.holders[i].kind == HOLDER_SHEET)
            ret.holders[i].fate = HOLDER_FATE_ABSENT;
    keystore_destruction_judge(&ret);
    assert_true(ret.unreadable);
    assert_true(ret.final);
    assert_int_equal(ret.since_ns, end_of(&ret, "a.key")->at_ns);
    int64_t at_ns = ret.since_ns;
    keystore_destruction_clear(&ret);
    /* Again: it is known to be gone, and when. */
    ok(keystore_destroy_epoch(keystore, 1, f.groups, 4, &ret, &err), &err);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_ABSENT);
    assert_int_equal(end_of(&ret, "a.key")->at_ns, at_ns);
    assert_false(ret.controlled);
    keystore_destruction_clear(&ret);
    /* The new epoch opens all the same. */
    struct keystore *again = NULL;
    ok(keystore_open(&f.set, &f.groups[2], 1, &again, &err), &err);
    keystore_free(again);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_a_backup_of_a_holder_is_noticed(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct buf copy = {0};
    struct keystore_destruction ret;
    struct keystore *keystore = begin(&f, NULL, 0);
    (void)fixture_holder(&f, 3, HOLDER_FILE, "backup.key");
    ok(file_read(f.paths[0], 4096, &copy, &err), &err);
    ok(file_write_atomic(f.paths[3], copy.data, copy.size, 0600, &err), &err);
    buf_free(&copy);
    const struct holder_group all = {.name = "all", .members = f.holders, .member_count = 7};
    ok(keystore_destroy_epoch(keystore, 1, &all, 1, &ret, &err), &err);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_UNKNOWN);
    assert_int_equal(end_of(&ret, "a.key")->after, HOLDER_OPENS);
    assert_non_null(strstr(end_of(&ret, "a.key")->why, "another copy"));
    assert_false(ret.unreadable);
    keystore_destruction_clear(&ret);
    keystore_free(keystore);
    fixture_remove(&f);
}

/* A key file that is not there may lie on a stick in a drawer: that is not known to be its end. */
static void test_what_is_away_is_unknown(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore_destruction ret;
    struct keystore *keystore = begin(&f, NULL, 0);
    (void)snprintf(f.paths[7], sizeof(f.paths[7]), "%s/drawer", f.folder);
    assert_int_equal(rename(f.paths[0], f.paths[7]), 0);
    ok(keystore_destroy_epoch(keystore, 1, f.groups, 4, &ret, &err), &err);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_UNKNOWN);
    assert_non_null(strstr(end_of(&ret, "a.key")->why, "is not there"));
    assert_false(ret.controlled && ret.unreadable);
    keystore_destruction_clear(&ret);
    /* A note of another key's end says nothing of this one. */
    char note[FIXTURE_PATH + 100];
    (void)snprintf(note, sizeof(note), "%s.destroyed", f.paths[0]);
    fixture_write(note, "hikae-key-1 destroyed 0011223344556677 2026-01-02T03:04:05Z\n", 0600);
    ok(keystore_destroy_epoch(keystore, 1, f.groups, 4, &ret, &err), &err);
    assert_int_equal(end_of(&ret, "a.key")->fate, HOLDER_FATE_UNKNOWN);
    keystore_destruction_clear(&ret);
    keystore_free(keystore);
    fixture_remove(&f);
}

/* Slots of another root, of the same epoch and with the same name of a group: a race of two rotations leaves them. */
static void add_twin(struct fixture *f, struct holder_group *group)
{
    struct error err = {0};
    struct new_epoch twin = {0};
    CLEANUP(buf_free) struct buf object = {0};
    struct hash name;
    const struct keystore_rotation rotation = {.groups = group, .group_count = 1};
    ok(epoch_begin(&f->set, 1, &store, &rotation, NULL, &twin, &err), &err);
    ok(epoch_seal(&twin, &object, &name, &err), &err);
    ok(union_store(&f->set, 1, &object, &name, 1, &err), &err);
    twin.committing = true; /* its key file stays */
    epoch_end(&twin);
}

static void test_groups_of_two_slots_objects_are_two(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = NULL;
    struct keystore_destruction ret;
    fixture_make(&f, 1, 1);
    (void)fixture_holder(&f, 0, HOLDER_FILE, "one.key");
    (void)fixture_holder(&f, 1, HOLDER_FILE, "two.key");
    (void)fixture_holder(&f, 2, HOLDER_FILE, "new.key");
    f.holders[1].name = f.holders[0].name;
    fixture_group(&f, 0, "main", 0, 1);
    fixture_group(&f, 1, "main", 1, 1);
    fixture_group(&f, 2, "main", 2, 1);
    ok(keystore_create(&f.set, &store, &store_tid, f.groups, 1, &keystore, NULL, &err), &err);
    add_twin(&f, &f.groups[1]);
    ok(keystore_rotate_root(keystore, &f.groups[2], 1, NULL, &err), &err);
    /* The second key file is away: what was sealed under its root can still be read. */
    ok(keystore_destroy_epoch(keystore, 1, &f.groups[0], 1, &ret, &err), &err);
    assert_int_equal(ret.count, 2);
    assert_int_equal((ret.holders[0].fate == HOLDER_FATE_DESTROYED) + (ret.holders[1].fate == HOLDER_FATE_DESTROYED),
                     1);
    assert_string_not_equal(ret.holders[0].group, ret.holders[1].group);
    assert_false(ret.unreadable);
    assert_false(ret.final);
    keystore_destruction_clear(&ret);
    ok(keystore_destroy_epoch(keystore, 1, f.groups, 2, &ret, &err), &err);
    assert_true(ret.unreadable);
    assert_true(ret.final);
    keystore_destruction_clear(&ret);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore_destruction ret;
    struct keystore *keystore = begin(&f, NULL, 0);
    fails(keystore_destroy_epoch(keystore, 7, f.groups, 4, &ret, &err), &err, ERROR_REFUSED, "in force");
    fails(keystore_destroy_epoch(keystore, 9, f.groups, 4, &ret, &err), &err, ERROR_REFUSED, "in force");
    fails(keystore_destroy_epoch(keystore, 3, f.groups, 4, &ret, &err), &err, ERROR_NOT_FOUND, "slots of epoch 3");
    assert_true(exists(&f.holders[0]));
    assert_true(exists(&f.holders[4]));
    /* A handle that another rotation overtook destroys nothing. */
    struct keystore *second = NULL;
    ok(keystore_open(&f.set, &f.groups[2], 2, &second, &err), &err);
    (void)fixture_holder(&f, 0, HOLDER_FILE, "c.key");
    fixture_group(&f, 0, "late", 0, 1);
    ok(keystore_rotate_root(second, f.groups, 1, NULL, &err), &err);
    fails(keystore_destroy_epoch(keystore, 1, f.groups, 4, &ret, &err), &err, ERROR_KEYS, "at epoch 8 now");
    keystore_free(second);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_tenants_that_stay_behind(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    const struct id without[] = {tid_of(1), tid_of(3)};
    struct keystore *keystore = begin(&f, without, 2), *again = NULL;
    struct keyring *keyring = NULL;
    ok(keystore_open(&f.set, &f.groups[2], 2, &again, &err), &err);
    struct keystore *const both[] = {keystore, again};
    for (size_t i = 0; i < 2; i++) {
        uint8_t out[64];
        for (uint32_t t = 0; t < 5; t++) {
            const struct id tid = tid_of(t);
            if (t == 1 || t == 3)
                fails(keystore_keyring(both[i], &tid, &keyring, &err), &err, ERROR_KEYS, "");
            else
                fingerprint(both[i], &tid, out);
        }
    }
    keystore_free(again);
    keystore_free(keystore);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_ends_as_it_can), cmocka_unit_test(test_a_backup_of_a_holder_is_noticed),
        cmocka_unit_test(test_what_is_away_is_unknown),  cmocka_unit_test(test_groups_of_two_slots_objects_are_two),
        cmocka_unit_test(test_what_is_refused),          cmocka_unit_test(test_tenants_that_stay_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
