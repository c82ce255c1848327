/* Signed notes and checkpoints. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit_fixture.h"

/* ---- Notes ---- */

static void test_notes(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    struct bytes text;
    char *note, *other;
    ok(audit_note_sign("a receipt\nwith two lines\n", "hikae/name", w->signing, &note, &err), &err);
    ok(audit_note_check(note, strlen(note), "hikae/name", w->store.public_key, &text, &err), &err);
    assert_int_equal(text.size, strlen("a receipt\nwith two lines\n"));
    fails(audit_note_check(note, strlen(note), "hikae/other", w->store.public_key, &text, &err), &err, ERROR_DAMAGED,
          "not signed by");
    for (size_t i = 0; i < strlen(note); i++) {
        char was = note[i];
        note[i] ^= 1;
        assert_int_equal(audit_note_check(note, strlen(note), "hikae/name", w->store.public_key, &text, &err), -1);
        note[i] = was;
        assert_int_equal(audit_note_check(note, i, "hikae/name", w->store.public_key, &text, &err), -1);
    }
    /* A witness's signature beside ours is passed over; ours twice is not one. */
    other = mem_printf("%s\xe2\x80\x94 witness AAAAAAAA\n", note);
    ok(audit_note_check(other, strlen(other), "hikae/name", w->store.public_key, &text, &err), &err);
    mem_free(other);
    mem_free(note);
}

/* A note of the signed-note specification's reference implementation (golang.org/x/mod/sumdb/note, note_test.go). */
/* Receipts and reviews name the heads of logs; what is signed, but says something else in their place, is refused. */
static void test_note_heads(void **state)
{
    struct world *w = *state;
    static const char zeros[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    char name[AUDIT_ORIGIN_SIZE], origin[AUDIT_ORIGIN_SIZE];
    (void)audit_note_name(&store_id, name);
    (void)audit_origin(&store_id, &w->log, origin);
    static const struct {
        const char *size, *end;
        bool good;
    } table[] = {{"12", "", true},
                 {"0", "", true},
                 {"", "", false},
                 {"-1", "", false},
                 {"012", "", false},
                 {"12", "A", false},
                 {"123456789012345678901234567890", "", false}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct audit_checkpoint *heads = NULL;
        struct error err = {0};
        char *note;
        size_t count = 0;
        CLEANUP_FREE char *text = mem_printf("hikae audit receipt\nlog %s %s %s%s\nentries 7\nlog %s 3 %s\n", origin,
                                             table[i].size, zeros, table[i].end, origin, zeros);
        ok(audit_note_sign(text, name, w->signing, &note, &err), &err);
        int rc = audit_note_heads(note, strlen(note), &store_id, w->store.public_key, &heads, &count, &err);
        assert_int_equal(rc, table[i].good ? 0 : -1);
        if (rc == 0) {
            assert_int_equal(count, 2);
            assert_true(id_equal(&heads[0].log, &w->log));
            assert_int_equal(heads[1].size, 3);
            mem_free(heads);
            /* Signed by the same key as a checkpoint is, but not as one. */
            CLEANUP_FREE char *other = NULL;
            ok(audit_note_sign(text, origin, w->signing, &other, &err), &err);
            fails(audit_note_heads(other, strlen(other), &store_id, w->store.public_key, &heads, &count, &err), &err,
                  ERROR_DAMAGED, "not signed");
        } else {
            assert_int_equal(err.class, ERROR_DAMAGED);
        }
        mem_free(note);
    }
}

static void test_note_vector(void **state)
{
    (void)state;
    static const char note[] =
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "\xe2\x80\x94 PeterNeumann "
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    /* PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW */
    static const uint8_t public_key[ED25519_PUBLIC_SIZE] = {
        0x1a, 0x5c, 0xd9, 0x07, 0x14, 0x3c, 0x38, 0x4c, 0x41, 0xe8, 0x30, 0xc5, 0xbc, 0xe1, 0x2a, 0xa8,
        0x81, 0x7e, 0xc5, 0x64, 0x9a, 0xaa, 0xbf, 0x2c, 0x31, 0x38, 0x8b, 0x35, 0xb2, 0xd7, 0x44, 0xd6};
    struct error err = {0};
    struct bytes text;
    char *key = audit_verifier_key("PeterNeumann", public_key);
    if (strcmp(key, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW") != 0)
        fail_msg("%s", key);
    mem_free(key);
    ok(audit_note_check(note, strlen(note), "PeterNeumann", public_key, &text, &err), &err);
}

static void test_bad_checkpoints(void **state)
{
    struct world *w = *state;
    struct audit_checkpoint checkpoint = {.log = w->log, .size = 5, .time_ns = clock_now_ns()}, read;
    struct error err = {0};
    char *note;
    ok(audit_checkpoint_sign(&checkpoint, &store_id, w->signing, &note, &err), &err);
    ok(audit_checkpoint_check(note, strlen(note), &store_id, w->store.public_key, &read, &err), &err);
    assert_int_equal(read.size, 5);
    static const struct id other_store = {{1}};
    fails(audit_checkpoint_check(note, strlen(note), &other_store, w->store.public_key, &read, &err), &err,
          ERROR_DAMAGED, "of this store");
    struct secret *other = key_of(77);
    char *forged;
    ok(audit_checkpoint_sign(&checkpoint, &store_id, other, &forged, &err), &err);
    fails(audit_checkpoint_check(forged, strlen(forged), &store_id, w->store.public_key, &read, &err), &err,
          ERROR_DAMAGED, "not signed by");
    mem_free(forged);
    mem_free(note);
    secret_free(other);
    /* Signed, and no checkpoint. */
    char origin[AUDIT_ORIGIN_SIZE];
    (void)audit_origin(&store_id, &w->log, origin);
    static const char *const bad[] = {"\n",
                                      "\n5\n",
                                      "\n05\nAAAA\ntime x\n",
                                      "\n-1\n",
                                      "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
                                      "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\ntime 2026-11-21T00:00:00Z\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP_FREE char *text = mem_printf("%s%s", origin, bad[i]);
        ok(audit_note_sign(text, origin, w->signing, &note, &err), &err);
        assert_int_equal(audit_checkpoint_check(note, strlen(note), &store_id, w->store.public_key, &read, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        mem_free(note);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_note_heads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_note_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_checkpoints, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
