#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/names.h"
#include "crypto/container.h"
#include "keys/keystore.h"
#include "keys_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

static const struct id store = {{1, 2, 3}};
static const struct id store_tid = {{4, 5, 6}};

/* Group "main": a key file. Group "backup": a passphrase and another key file. Group "paper": a sheet. */
static void usual_groups(struct fixture *f)
{
    (void)fixture_holder(f, 0, HOLDER_FILE, "main.key");
    (void)fixture_holder(f, 1, HOLDER_PASSPHRASE, "words");
    (void)fixture_holder(f, 2, HOLDER_FILE, "second.key");
    (void)fixture_holder(f, 3, HOLDER_SHEET, "sheet.txt");
    fixture_write(f->holders[1].path, "correct horse battery\nnot this line\n", 0600);
    fixture_group(f, 0, "main", 0, 1);
    fixture_group(f, 1, "backup", 1, 2);
    fixture_group(f, 2, "paper", 3, 1);
}

static struct keystore *make(struct fixture *f, size_t targets, size_t min_copies)
{
    fixture_make(f, targets, min_copies);
    usual_groups(f);
    struct keystore *keystore = NULL;
    char *sheets[3];
    struct error err = {0};
    ok(keystore_create(&f->set, &store, &store_tid, f->groups, 3, &keystore, sheets, &err), &err);
    assert_null(sheets[0]);
    assert_null(sheets[1]);
    assert_non_null(sheets[2]);
    mem_free(sheets[2]);
    return keystore;
}

static struct keystore *reopen(struct fixture *f, const struct holder_group *groups, size_t count)
{
    struct keystore *keystore = NULL;
    struct error err = {0};
    ok(keystore_open(&f->set, groups, count, &keystore, &err), &err);
    return keystore;
}

static void refuses_to_open(struct fixture *f, const struct holder_group *groups, size_t count, enum error_class class,
                            const char *says)
{
    struct keystore *keystore = NULL;
    struct error err = {0};
    assert_int_equal(keystore_open(&f->set, groups, count, &keystore, &err), -1);
    assert_null(keystore);
    if (err.class != class || strstr(err.what, says) == NULL) {
        char text[1400];
        fail_msg("expected \"%s\": %s", says, error_format(&err, text, sizeof(text)));
    }
}

/* ---- Round trips ---- */

static void test_create_and_open_through_each_group(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    assert_int_equal(keystore_epoch(keystore), 1);
    assert_string_equal(keystore_group(keystore), "main");
    uint8_t before[64], after[64];
    fingerprint(keystore, &store_tid, before);
    struct secret *sign = NULL, *again = NULL;
    ok(keystore_signing_key(keystore, KEY_SIGN_STORE, &sign, &err), &err);
    keystore_free(keystore);
    for (size_t g = 0; g < 3; g++) {
        keystore = reopen(&f, &f.groups[g], 1);
        assert_string_equal(keystore_group(keystore), f.groups[g].name);
        fingerprint(keystore, &store_tid, after);
        assert_memory_equal(before, after, sizeof(before));
        ok(keystore_signing_key(keystore, KEY_SIGN_STORE, &again, &err), &err);
        assert_true(secret_equal(sign, again));
        secret_free(again);
        keystore_free(keystore);
    }
    secret_free(sign);
    fixture_remove(&f);
}

static void test_tenants_keys(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    struct id a = tid_of(1), b = tid_of(2), unknown = tid_of(3);
    uint8_t first[64], second[64], other[64];
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    ok(keystore_add_tenant(keystore, &b, &err), &err);
    fingerprint(keystore, &a, first);
    fingerprint(keystore, &b, other);
    assert_memory_not_equal(first, other, 32);
    uint32_t generation = 0;
    ok(keystore_rotate_tenant(keystore, &a, &generation, &err), &err);
    assert_int_equal(generation, 2);
    fingerprint(keystore, &a, second);
    assert_memory_equal(first, second, 32);               /* the dedup secret stays */
    assert_memory_not_equal(first + 32, second + 32, 32); /* the sealing key does not */
    keystore_free(keystore);

    keystore = reopen(&f, f.groups, 3);
    uint8_t after[64];
    fingerprint(keystore, &a, after);
    assert_memory_equal(second, after, sizeof(after));
    struct id *tids = NULL;
    size_t count = 0;
    ok(keystore_tenants(keystore, &tids, &count, &err), &err);
    assert_int_equal(count, 3);
    mem_free(tids);
    struct keyring *keyring = NULL;
    assert_int_equal(keystore_keyring(keystore, &unknown, &keyring, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_int_equal(keystore_add_tenant(keystore, &a, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_int_equal(keystore_rotate_tenant(keystore, &unknown, &generation, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    keystore_free(keystore);
    fixture_remove(&f);
}

/* Called by our own code in place of libcrypto's: how many sealed records were opened. */
static unsigned opened;
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *ctx, unsigned char *out, int *out_size)
{
    static int (*real)(EVP_CIPHER_CTX *, unsigned char *, int *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "EVP_DecryptFinal_ex");
    opened++;
    return real(ctx, out, out_size);
}

/* A thousand tenants' keys are read by opening a thousand blocks; their entry is opened once and not for each. */
static void test_many_tenants(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct fixture f;
    struct error err = {0};
    static struct id tids[MANY];
    struct keystore *keystore = make(&f, 1, 1);
    for (uint32_t i = 0; i < MANY; i++)
        tids[i] = tid_of(7919 * i % 10007);
    ok(keystore_add_tenants(keystore, tids, MANY, &err), &err);
    keystore_free(keystore);
    keystore = reopen(&f, f.groups, 1);
    opened = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct keyring *keyring = NULL;
        ok(keystore_keyring(keystore, &tids[i], &keyring, &err), &err);
        assert_true(id_equal(keyring_tid(keyring), &tids[i]));
        assert_int_equal(keyring_generation(keyring), 1);
        keyring_free(keyring);
    }
    assert_in_range(opened, MANY, MANY + 8);
    /* A key that is added meanwhile is found too, and so are those that were there. */
    uint32_t generation = 0;
    uint8_t first[64], last[64];
    fingerprint(keystore, &tids[MANY - 1], first);
    ok(keystore_rotate_tenant(keystore, &tids[MANY - 1], &generation, &err), &err);
    fingerprint(keystore, &tids[MANY - 1], last);
    assert_memory_equal(first, last, 32);
    assert_memory_not_equal(first + 32, last + 32, 32);
    fingerprint(keystore, &tids[0], last);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_a_second_store_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct keystore *keystore = make(&f, 1, 1);
    keystore_free(keystore);
    keystore = NULL;
    (void)fixture_holder(&f, 4, HOLDER_FILE, "other.key");
    fixture_group(&f, 3, "other", 4, 1);
    struct error err = {0};
    assert_int_equal(keystore_create(&f.set, &store, &store_tid, &f.groups[3], 1, &keystore, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_int_equal(access(f.holders[4].path, F_OK), -1);
    fixture_remove(&f);
}

static void test_groups_that_cannot_be(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, 1, 1);
    char path[] = "/nowhere/key";
    struct holder file = {.kind = HOLDER_FILE, .name = "a", .path = path};
    struct holder no_path = {.kind = HOLDER_FILE, .name = "a"};
    struct holder bad_name = {.kind = HOLDER_FILE, .name = "a\033[2J", .path = path};
    struct holder twins[2] = {file, file};
    struct holder sheets[2] = {{.kind = HOLDER_SHEET, .name = "x"}, {.kind = HOLDER_SHEET, .name = "y"}};
    struct holder_group same[2] = {{"g", &file, 1}, {"g", &file, 1}};
    const struct {
        struct holder_group group;
        const char *says;
    } table[] = {
        {{"", &file, 1}, "name"},
        {{NULL, &file, 1}, "name"},
        {{"g", NULL, 0}, "0 holders"},
        {{"g", &no_path, 1}, "no path"},
        {{"g", &bad_name, 1}, "name"},
        {{"g", twins, 2}, "two holders named a"},
        {{"g", sheets, 2}, "more than one recovery sheet"},
    };
    struct keystore *keystore = NULL;
    struct error err = {0};
    char *none[2];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(keystore_create(&f.set, &store, &store_tid, &table[i].group, 1, &keystore, none, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG);
        assert_non_null(strstr(err.what, table[i].says));
    }
    assert_int_equal(keystore_create(&f.set, &store, &store_tid, same, 2, &keystore, none, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    assert_int_equal(keystore_create(&f.set, &store, &store_tid, same, 0, &keystore, none, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG);
    fixture_remove(&f);
}

/* ---- Refusals of holders ---- */

static void test_wrong_holders_are_told_apart(void **state)
{
    (void)state;
    struct fixture f, g;
    keystore_free(make(&f, 1, 1));
    keystore_free(make(&g, 1, 1));
    struct holder_group *main_group = &f.groups[0];
    char saved[4096] = "", text[4096];
    FILE *file = fopen(f.holders[0].path, "r");
    assert_non_null(fgets(saved, sizeof(saved), file));
    (void)fclose(file);

    assert_int_equal(rename(f.holders[0].path, f.paths[6]), -1); /* no such name yet */
    (void)snprintf(f.paths[6], sizeof(f.paths[6]), "%s/away", f.folder);
    assert_int_equal(rename(f.holders[0].path, f.paths[6]), 0);
    refuses_to_open(&f, main_group, 1, ERROR_KEYS, "main.key is not there");
    fixture_write(f.holders[0].path, "", 0600);
    refuses_to_open(&f, main_group, 1, ERROR_KEYS, "truncated");
    (void)snprintf(text, sizeof(text), "%.60s", saved);
    fixture_write(f.holders[0].path, text, 0600);
    refuses_to_open(&f, main_group, 1, ERROR_KEYS, "truncated: it ends after 60 bytes");
    memcpy(text, saved, sizeof(text));
    text[30] = text[30] == 'a' ? 'b' : 'a';
    fixture_write(f.holders[0].path, text, 0600);
    refuses_to_open(&f, main_group, 1, ERROR_KEYS, "checksum");
    fixture_write(f.holders[0].path, saved, 0640);
    refuses_to_open(&f, main_group, 1, ERROR_KEYS, "can be read or written by others (mode 0640)");
    fixture_write(f.holders[0].path, saved, 0600);
    keystore_free(reopen(&f, main_group, 1));

    /* Another store's key, passphrase and sheet. */
    struct holder_group theirs = {.name = "main", .members = &g.holders[0], .member_count = 1};
    refuses_to_open(&f, &theirs, 1, ERROR_KEYS, "is another key");
    theirs = (struct holder_group){.name = "paper", .members = &g.holders[3], .member_count = 1};
    refuses_to_open(&f, &theirs, 1, ERROR_KEYS, "is another one");
    fixture_write(f.holders[1].path, "incorrect horse battery\n", 0600);
    refuses_to_open(&f, &f.groups[1], 1, ERROR_KEYS, "the passphrase in");
    fixture_write(f.holders[1].path, "correct horse battery", 0644);
    refuses_to_open(&f, &f.groups[1], 1, ERROR_KEYS, "mode 0644");
    fixture_write(f.holders[1].path, "correct horse battery", 0600);
    keystore_free(reopen(&f, &f.groups[1], 1));

    /* One of two members is not enough. */
    struct holder_group half = {.name = "backup", .members = &f.holders[1], .member_count = 1};
    refuses_to_open(&f, &half, 1, ERROR_KEYS, "second.key");
    refuses_to_open(&f, NULL, 0, ERROR_KEYS, "not kept here");
    fixture_remove(&f);
    fixture_remove(&g);
}

/* A sheet or key file that was carried to another machine opens under whatever name it is given there. */
static void test_holders_under_other_names(void **state)
{
    (void)state;
    struct fixture f;
    keystore_free(make(&f, 1, 1));
    struct holder sheet = {.kind = HOLDER_SHEET, .name = "typed", .path = f.holders[3].path};
    struct holder_group adhoc = {.name = "recover", .members = &sheet, .member_count = 1};
    struct keystore *keystore = reopen(&f, &adhoc, 1);
    assert_string_equal(keystore_group(keystore), "paper");
    keystore_free(keystore);
    /* The configured key file is gone, but another holder of its kind opens. */
    struct holder moved = {.kind = HOLDER_FILE, .name = "moved", .path = f.paths[6]};
    (void)snprintf(f.paths[6], sizeof(f.paths[6]), "%s/moved.key", f.folder);
    assert_int_equal(rename(f.holders[0].path, f.paths[6]), 0);
    struct holder_group both[2] = {f.groups[0], {.name = "x", .members = &moved, .member_count = 1}};
    keystore = reopen(&f, both, 2);
    assert_string_equal(keystore_group(keystore), "main");
    keystore_free(keystore);
    fixture_remove(&f);
}

/* ---- Several targets ---- */

static void test_entries_are_the_union_of_all_targets(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 1);
    struct id a = tid_of(1), b = tid_of(2);
    /* One entry on the first target only, another on the second only. */
    faulty_target_add(f.targets[1], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_PUT});
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    faulty_target_clear(f.targets[1]);
    faulty_target_add(f.targets[0], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_ANY});
    ok(keystore_add_tenant(keystore, &b, &err), &err);
    faulty_target_clear(f.targets[0]);
    uint8_t of_a[64], of_b[64], again[64];
    fingerprint(keystore, &a, of_a);
    fingerprint(keystore, &b, of_b);
    keystore_free(keystore);
    keystore = reopen(&f, f.groups, 1);
    fingerprint(keystore, &a, again);
    assert_memory_equal(of_a, again, 64);
    fingerprint(keystore, &b, again);
    assert_memory_equal(of_b, again, 64);
    struct keystore_report report;
    ok(keystore_check(keystore, f.groups, 1, &report, &err), &err);
    assert_int_equal(report.copies, 1);
    keystore_report_clear(&report);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_damage_is_taken_from_elsewhere(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    struct id a = tid_of(1);
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    uint8_t before[64], after[64];
    fingerprint(keystore, &a, before);
    keystore_free(keystore);
    struct fixture_names names = {0};
    fixture_list(f.targets[0], NAME_KEYS, &names);
    assert_int_equal(names.count, 3);
    /* Every entry is damaged on one of the two. */
    for (size_t i = 0; i < names.count; i++)
        fixture_flip(f.targets[i % 2], names.names[i]);
    keystore = reopen(&f, f.groups, 1);
    fingerprint(keystore, &a, after);
    assert_memory_equal(before, after, 64);
    struct keystore_report report;
    ok(keystore_check(keystore, f.groups, 3, &report, &err), &err);
    assert_int_equal(report.copies, 1);
    assert_true(report.groups[0].opens);
    keystore_report_clear(&report);
    keystore_free(keystore);

    /* Damaged on both: the store opens, the tenant whose keys are lost is told so, and nothing is rotated away. */
    for (size_t i = 0; i < names.count; i++)
        for (size_t t = 0; t < 2; t++) {
            struct buf bytes = {0};
            struct target *inner = faulty_target_inner(f.targets[t]);
            assert_int_equal(target_get(inner, names.names[i], 1 << 20, &bytes, NULL), 0);
            bool keys = bytes.data[10] == CONTAINER_KEYS;
            buf_free(&bytes);
            if (keys && t != i % 2)
                fixture_flip(f.targets[t], names.names[i]);
        }
    fixture_names_free(&names);
    keystore = reopen(&f, f.groups, 1);
    struct keyring *keyring = NULL;
    assert_int_equal(keystore_keyring(keystore, &a, &keyring, &err), -1);
    assert_int_equal(err.class, ERROR_KEYS);
    assert_non_null(strstr(err.hint, "2 entries could not be read"));
    ok(keystore_check(keystore, f.groups, 1, &report, &err), &err);
    assert_int_equal(report.copies, 0);
    assert_false(report.groups[0].opens);
    keystore_report_clear(&report);
    (void)fixture_holder(&f, 4, HOLDER_FILE, "new.key");
    fixture_group(&f, 3, "main", 4, 1);
    assert_int_equal(keystore_rotate_root(keystore, &f.groups[3], 1, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_DAMAGED);
    assert_int_equal(access(f.holders[4].path, F_OK), -1);
    keystore_free(keystore);
    fixture_remove(&f);
}

static void test_unreachable_targets(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    struct id a = tid_of(1), b = tid_of(2);
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    faulty_target_add(f.targets[0], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_ANY});
    /* Too few copies: not in force. */
    assert_int_equal(keystore_add_tenant(keystore, &b, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    struct keyring *keyring = NULL;
    assert_int_equal(keystore_keyring(keystore, &b, &keyring, &err), -1);
    (void)fixture_holder(&f, 4, HOLDER_FILE, "new.key");
    fixture_group(&f, 3, "main", 4, 1);
    assert_int_equal(keystore_rotate_root(keystore, &f.groups[3], 1, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(access(f.holders[4].path, F_OK), -1);
    keystore_free(keystore);
    keystore = reopen(&f, f.groups, 1);
    ok(keystore_keyring(keystore, &a, &keyring, &err), &err);
    keyring_free(keyring);
    keystore_free(keystore);
    faulty_target_add(f.targets[1], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_ANY});
    refuses_to_open(&f, f.groups, 3, ERROR_UNREACHABLE, "");
    fixture_remove(&f);
}

static void test_nothing_counts_before_it_is_read_back(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    struct id a = tid_of(1);
    const enum fault_kind kinds[] = {FAULT_LOSE, FAULT_TRUNCATE, FAULT_FLIP};
    for (size_t i = 0; i < 3; i++) {
        faulty_target_add(f.targets[1], (struct fault){.kind = kinds[i], .calls = FAULTY_PUT, .amount = 3});
        assert_int_equal(keystore_add_tenant(keystore, &a, &err), -1);
        faulty_target_clear(f.targets[1]);
    }
    /* Once only: the second attempt repairs it. */
    faulty_target_add(f.targets[1], (struct fault){.kind = FAULT_FLIP, .calls = FAULTY_PUT, .times = 1, .amount = 200});
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    keystore_free(keystore);
    fixture_remove(&f);
}

/* Objects of others, forged ones among them, stop nothing. */
static void test_foreign_entries_are_passed_over(void **state)
{
    (void)state;
    struct fixture f, g;
    struct error err = {0};
    struct keystore *keystore = make(&f, 1, 1), *theirs = make(&g, 1, 1);
    struct id a = tid_of(1);
    ok(keystore_add_tenant(theirs, &a, &err), &err);
    keystore_free(theirs);
    struct fixture_names names = {0};
    fixture_list(g.targets[0], NAME_KEYS, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct buf bytes = {0};
        ok(target_get(g.targets[0], names.names[i], 1 << 20, &bytes, &err), &err);
        ok(target_put(f.targets[0], names.names[i], bytes.data, bytes.size, TARGET_PUT_CREATE, &err), &err);
        buf_free(&bytes);
    }
    fixture_names_free(&names);
    ok(target_put(f.targets[0], "hikae1/k/README", "x", 1, TARGET_PUT_CREATE, &err), &err);
    keystore_free(keystore);
    keystore = reopen(&f, f.groups, 1);
    struct keyring *keyring = NULL;
    assert_int_equal(keystore_keyring(keystore, &a, &keyring, &err), -1);
    struct keystore_report report;
    ok(keystore_check(keystore, f.groups, 1, &report, &err), &err);
    assert_true(report.groups[0].opens);
    assert_int_equal(report.tenants, 1);
    keystore_report_clear(&report);
    keystore_free(keystore);
    fixture_remove(&f);
    fixture_remove(&g);
}

/* Two runs give the same tenant its next generation at the same time: both keys open what was sealed. */
static void test_conflicting_entries_are_both_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *one = make(&f, 1, 1);
    struct id a = tid_of(1);
    struct keystore *two = reopen(&f, f.groups, 1);
    ok(keystore_add_tenant(one, &a, &err), &err);
    ok(keystore_add_tenant(two, &a, &err), &err); /* does not know of the first */
    struct keyring *keyring = NULL;
    struct id ids[2];
    struct keystore *each[2] = {one, two};
    for (size_t i = 0; i < 2; i++) {
        const struct secret *key = NULL;
        ok(keystore_keyring(each[i], &a, &keyring, &err), &err);
        ok(keyring_newest(keyring, &key, &ids[i], &err), &err);
        keyring_free(keyring);
        keystore_free(each[i]);
    }
    assert_false(id_equal(&ids[0], &ids[1]));
    one = reopen(&f, f.groups, 1);
    ok(keystore_keyring(one, &a, &keyring, &err), &err);
    assert_non_null(keyring_find(keyring, &ids[0]));
    assert_non_null(keyring_find(keyring, &ids[1]));
    keyring_free(keyring);
    /* They survive a new root epoch. */
    (void)fixture_holder(&f, 4, HOLDER_FILE, "new.key");
    fixture_group(&f, 3, "main", 4, 1);
    ok(keystore_rotate_root(one, &f.groups[3], 1, NULL, &err), &err);
    ok(keystore_keyring(one, &a, &keyring, &err), &err);
    assert_non_null(keyring_find(keyring, &ids[0]));
    assert_non_null(keyring_find(keyring, &ids[1]));
    keyring_free(keyring);
    keystore_free(one);
    fixture_remove(&f);
}

/* Which group opens, who is missing, how many copies there are. */
static void test_check_reports(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = {0};
    struct keystore *keystore = make(&f, 2, 2);
    struct id a = tid_of(1);
    ok(keystore_add_tenant(keystore, &a, &err), &err);
    assert_int_equal(unlink(f.holders[3].path), 0);
    fixture_write(f.holders[1].path, "wrong horse battery\n", 0600);
    struct keystore_report report;
    ok(keystore_check(keystore, f.groups, 3, &report, &err), &err);
    assert_int_equal(report.epoch, 1);
    assert_int_equal(report.copies, 2);
    assert_int_equal(report.tenants, 2);
    assert_int_equal(report.older_count, 0);
    assert_int_equal(report.group_count, 3);
    assert_true(report.groups[0].opens);
    assert_int_equal(report.groups[0].tenants, 2);
    assert_null(report.groups[0].members[0].why);
    assert_false(report.groups[1].opens);
    assert_int_equal(report.groups[1].members[0].state, HOLDER_WRONG);
    assert_non_null(strstr(report.groups[1].members[0].why, "passphrase"));
    assert_int_equal(report.groups[1].members[1].state, HOLDER_OPENS);
    assert_false(report.groups[2].opens);
    assert_int_equal(report.groups[2].members[0].state, HOLDER_NOT_HERE);
    assert_int_equal(report.groups[2].members[0].kind, HOLDER_SHEET);
    keystore_report_clear(&report);
    keystore_free(keystore);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_open_through_each_group),
        cmocka_unit_test(test_tenants_keys),
        cmocka_unit_test(test_many_tenants),
        cmocka_unit_test(test_a_second_store_is_refused),
        cmocka_unit_test(test_groups_that_cannot_be),
        cmocka_unit_test(test_wrong_holders_are_told_apart),
        cmocka_unit_test(test_holders_under_other_names),
        cmocka_unit_test(test_entries_are_the_union_of_all_targets),
        cmocka_unit_test(test_damage_is_taken_from_elsewhere),
        cmocka_unit_test(test_unreachable_targets),
        cmocka_unit_test(test_nothing_counts_before_it_is_read_back),
        cmocka_unit_test(test_foreign_entries_are_passed_over),
        cmocka_unit_test(test_conflicting_entries_are_both_kept),
        cmocka_unit_test(test_check_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
