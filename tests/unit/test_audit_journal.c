/* The journal of the audit log: intents, entries, torn ends, several processes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit/journal.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];
static const struct id log_id = {{1, 2, 3}};

static int setup(void **state)
{
    (void)state;
    return scratch_make(folder, sizeof(folder), "journal");
}

static int teardown(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static struct audit_journal *open_journal(void)
{
    struct audit_journal *journal = NULL;
    struct error err;
    assert_int_equal(audit_journal_open(folder, &log_id, &journal, &err), 0);
    return journal;
}

static json_t *new_entry(const char *operation)
{
    json_t *entry = json_pack("{s:i, s:s, s:s, s:s, s:n, s:s, s:i, s:n, s:n, s:s, s:{}, s:{}}", "v", 1, "time",
                              "2026-11-21T09:12:46.000000001Z", "op", operation, "class", "operation", "tenant", "user",
                              "root", "uid", 0, "login", "operator", "host", "here", "counts", "details");
    assert_non_null(entry);
    return entry;
}

static struct audit_intent begin(struct audit_journal *journal, json_t *entry)
{
    struct audit_intent intent;
    struct id id;
    struct error err;
    assert_int_equal(crypto_random(id.bytes, ID_SIZE, &err), 0);
    if (audit_journal_begin(journal, &id, entry, &intent, &err) != 0)
        fail_msg("%s", err.what);
    return intent;
}

static void end(struct audit_journal *journal, struct audit_intent *intent, json_t *entry)
{
    struct error err;
    json_object_set_new(entry, "result", json_string("ok"));
    json_object_set_new(entry, "duration_ns", json_integer(5));
    if (audit_journal_end(journal, intent, entry, &err) != 0)
        fail_msg("%s", err.what);
}

static void one(struct audit_journal *journal, const char *operation)
{
    json_t *entry = new_entry(operation);
    struct audit_intent intent = begin(journal, entry);
    end(journal, &intent, entry);
    json_decref(entry);
}

struct seen {
    size_t count;
    uint64_t numbers[32];
    char text[32][1024];
};

static int note(uint64_t number, const struct bytes *text, void *context, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    assert_true(seen->count < 32 && text->size < 1024);
    seen->numbers[seen->count] = number;
    memcpy(seen->text[seen->count], text->data, text->size);
    seen->text[seen->count++][text->size] = '\0';
    return 0;
}

static int note_intent(const struct id *id, const struct bytes *text, bool alive, void *context, struct error *err)
{
    (void)id;
    (void)err;
    assert_true(text->size > 0);
    ((size_t *)context)[alive]++;
    return 0;
}

/* What waits, after intents without a process were closed. */
static struct seen pending(struct audit_journal *journal, size_t expect_closed)
{
    struct seen seen = {0};
    size_t closed;
    struct error err;
    assert_int_equal(audit_journal_lock(journal, &err), 0);
    assert_int_equal(audit_journal_recover(journal, &closed, &err), 0);
    assert_int_equal(closed, expect_closed);
    assert_int_equal(audit_journal_each(journal, note, &seen, &err), 0);
    audit_journal_unlock(journal);
    return seen;
}

static void test_entries(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    one(journal, "first");
    one(journal, "second");
    struct seen seen = pending(journal, 0);
    assert_int_equal(seen.count, 2);
    assert_non_null(strstr(seen.text[0], "\"first\""));
    assert_non_null(strstr(seen.text[1], "\"second\""));
    assert_int_equal(seen.numbers[1], 1);
    audit_journal_free(journal);
    /* Another opening goes on. */
    journal = open_journal();
    one(journal, "third");
    assert_int_equal(pending(journal, 0).count, 3);
    audit_journal_free(journal);
}

static void test_two_openings(void **state)
{
    (void)state;
    struct audit_journal *a = open_journal(), *b = open_journal();
    one(a, "first");
    one(b, "second");
    one(a, "third");
    one(b, "fourth");
    struct seen seen = pending(a, 0);
    assert_int_equal(seen.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(seen.numbers[i], i);
    audit_journal_free(a);
    audit_journal_free(b);
}

static void test_alive_intent_stays(void **state)
{
    (void)state;
    struct audit_journal *a = open_journal(), *b = open_journal();
    json_t *entry = new_entry("backup");
    struct audit_intent intent = begin(a, entry);
    size_t intents[2] = {0};
    struct error err;
    assert_int_equal(pending(b, 0).count, 0);
    assert_int_equal(audit_journal_lock(b, &err), 0);
    assert_int_equal(audit_journal_intents(b, note_intent, intents, &err), 0);
    audit_journal_unlock(b);
    assert_int_equal(intents[1], 1);
    end(a, &intent, entry);
    assert_int_equal(pending(b, 0).count, 1);
    json_decref(entry);
    audit_journal_free(a);
    audit_journal_free(b);
}

/* A process that is gone in the middle of its operation. */
static void test_orphan_is_closed_once(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        /* Static: what is in use when a process goes is no leak. */
        static struct audit_journal *volatile journal;
        static json_t *volatile entry;
        journal = open_journal();
        entry = new_entry("restore");
        (void)begin(journal, entry);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct audit_journal *journal = open_journal();
    struct seen seen = pending(journal, 1);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.text[0], "\"interrupted\""));
    assert_non_null(strstr(seen.text[0], "\"crashed\":true"));
    assert_non_null(strstr(seen.text[0], "\"restore\""));
    assert_int_equal(pending(journal, 0).count, 1);
    audit_journal_free(journal);
}

/* The entry is in the journal, but its intent was still there when the machine went down. */
static void test_intent_that_came_back(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    json_t *entry = new_entry("restore");
    struct audit_intent intent = begin(journal, entry);
    CLEANUP_FREE char *open = audit_journal_path(journal, "open");
    CLEANUP_FREE char *copy = mem_printf("cp -r %s %s.kept", open, open);
    CLEANUP_FREE char *back = mem_printf("cp %s.kept/* %s/", open, open);
    assert_int_equal(system(copy), 0);
    end(journal, &intent, entry);
    assert_int_equal(system(back), 0);
    struct seen seen = pending(journal, 0);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.text[0], "\"ok\""));
    json_decref(entry);
    audit_journal_free(journal);
}

static void test_damaged_intent(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "open/00112233445566778899aabbccddeeff");
    struct error err;
    assert_int_equal(file_write_atomic(path, "{\"v\":", 5, 0600, &err), 0);
    struct seen seen = pending(journal, 1);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.text[0], "\"unknown\""));
    assert_non_null(strstr(seen.text[0], "00112233445566778899aabbccddeeff"));
    /* It can become a leaf. */
    json_t *entry = json_loads(seen.text[0], 0, NULL);
    CLEANUP(buf_free) struct buf leaf = {0};
    assert_int_equal(audit_leaf_write(entry, &log_id, 7, &leaf, &err), 0);
    json_decref(entry);
    audit_journal_free(journal);
}

static size_t journal_size(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

/* Cut the journal at many lengths: whole entries stay, and the next one follows them. */
static void test_torn_end(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "journal");
    CLEANUP(buf_free) struct buf whole = {0};
    struct error err;
    one(journal, "first");
    size_t first = journal_size(path);
    one(journal, "second");
    assert_int_equal(file_read(path, 1 << 20, &whole, &err), 0);
    for (size_t size = 0; size <= whole.size; size += size + 1 == first || size == first ? 1 : 7) {
        assert_int_equal(file_write_atomic(path, whole.data, size, 0600, &err), 0);
        size_t before = (size >= first ? 1U : 0U) + (size == whole.size ? 1U : 0U);
        assert_int_equal(pending(journal, 0).count, before);
        one(journal, "third");
        struct seen seen = pending(journal, 0);
        assert_int_equal(seen.count, before + 1);
        assert_int_equal(seen.numbers[before], before);
        assert_non_null(strstr(seen.text[before], "\"third\""));
    }
    audit_journal_free(journal);
}

/* A record in the middle that the disk damaged takes no later one with it, and is not passed over in silence. */
static void test_damaged_middle(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "journal");
    CLEANUP(buf_free) struct buf whole = {0};
    struct error err;
    size_t ends[3];
    static const char *const names[] = {"first", "second", "third"};
    for (size_t i = 0; i < 3; i++) {
        one(journal, names[i]);
        ends[i] = journal_size(path);
    }
    assert_int_equal(file_read(path, 1 << 20, &whole, &err), 0);
    for (size_t at = 0; at < ends[1]; at += 13) {
        size_t lost = at < ends[0] ? 0 : 1;
        whole.data[at] ^= 0x10;
        assert_int_equal(file_write_atomic(path, whole.data, whole.size, 0600, &err), 0);
        whole.data[at] ^= 0x10;
        struct seen seen = pending(journal, 0);
        assert_int_equal(seen.count, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(seen.numbers[i], i);
            assert_non_null(strstr(seen.text[i], i == lost ? "\"lost\":true" : names[i]));
        }
        assert_non_null(strstr(seen.text[lost], "\"result\":\"damaged\""));
        /* What is appended stands behind all of it. */
        one(journal, "fourth");
        seen = pending(journal, 0);
        assert_int_equal(seen.count, 4);
        assert_non_null(strstr(seen.text[2], "third"));
        assert_non_null(strstr(seen.text[3], "fourth"));
    }
    audit_journal_free(journal);
}

/* Where the tree was moved away, what was stored before it is no loss. */
static void test_lost_tree(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "tree");
    struct error err;
    for (size_t i = 0; i < 3; i++)
        one(journal, "stored");
    one(journal, "waits");
    assert_int_equal(audit_journal_lock(journal, &err), 0);
    struct audit_tree tree;
    assert_int_equal(audit_journal_tree(journal, &tree, &err), 0);
    tree.done = 3;
    assert_int_equal(audit_journal_set_tree(journal, &tree, &err), 0);
    audit_tree_clear(&tree);
    audit_journal_unlock(journal);
    assert_int_equal(unlink(path), 0);
    struct seen seen = pending(journal, 0);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.text[0], "waits"));
    audit_journal_free(journal);
}

static void test_tree(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    struct audit_tree tree;
    struct error err;
    one(journal, "first");
    one(journal, "second");
    one(journal, "third");
    assert_int_equal(audit_journal_lock(journal, &err), 0);
    assert_int_equal(audit_journal_tree(journal, &tree, &err), 0);
    assert_true(id_equal(&tree.log, &log_id));
    assert_int_equal(tree.frontier.size, 0);
    struct hash leaf = {{9}};
    assert_int_equal(tree_frontier_add(&tree.frontier, &leaf, &err), 0);
    assert_int_equal(tree_frontier_add(&tree.frontier, &leaf, &err), 0);
    tree.done = 2;
    tree.checkpoint = mem_strdup("a checkpoint\n");
    json_object_set_new(tree.targets, "tokyo", json_integer(2));
    assert_int_equal(audit_journal_set_tree(journal, &tree, &err), 0);
    audit_journal_unlock(journal);
    audit_tree_clear(&tree);
    struct seen seen = pending(journal, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.numbers[0], 2);
    one(journal, "fourth");
    audit_journal_free(journal);
    journal = open_journal();
    assert_int_equal(pending(journal, 0).numbers[1], 3);
    assert_int_equal(audit_journal_lock(journal, &err), 0);
    assert_int_equal(audit_journal_tree(journal, &tree, &err), 0);
    assert_int_equal(tree.frontier.size, 2);
    assert_string_equal(tree.checkpoint, "a checkpoint\n");
    assert_int_equal(json_integer_value(json_object_get(tree.targets, "tokyo")), 2);
    audit_tree_clear(&tree);
    audit_journal_free(journal);
}

/* The tree was replaced, the journal was not yet: what is done is passed over. */
static void test_crash_before_trim(void **state)
{
    (void)state;
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "journal");
    CLEANUP(buf_free) struct buf whole = {0};
    struct audit_tree tree;
    struct error err;
    one(journal, "first");
    one(journal, "second");
    assert_int_equal(file_read(path, 1 << 20, &whole, &err), 0);
    assert_int_equal(audit_journal_lock(journal, &err), 0);
    assert_int_equal(audit_journal_tree(journal, &tree, &err), 0);
    tree.done = 1;
    assert_int_equal(audit_journal_set_tree(journal, &tree, &err), 0);
    audit_journal_unlock(journal);
    audit_tree_clear(&tree);
    assert_int_equal(file_write_atomic(path, whole.data, whole.size, 0600, &err), 0);
    struct seen seen = pending(journal, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.numbers[0], 1);
    audit_journal_free(journal);
}

static void test_damaged_tree(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{}", "[]", "{\"log\":\"00\"}", "not json"};
    struct audit_journal *journal = open_journal();
    CLEANUP_FREE char *path = audit_journal_path(journal, "tree");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct audit_tree tree;
        struct error err = {0};
        assert_int_equal(file_write_atomic(path, bad[i], strlen(bad[i]), 0600, &err), 0);
        assert_int_equal(audit_journal_tree(journal, &tree, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
    }
    audit_journal_free(journal);
}

static void test_upload_lock(void **state)
{
    (void)state;
    struct audit_journal *a = open_journal(), *b = open_journal();
    struct error err;
    bool mine;
    assert_int_equal(audit_journal_upload_lock(a, &mine, &err), 0);
    assert_true(mine);
    assert_int_equal(audit_journal_upload_lock(b, &mine, &err), 0);
    assert_false(mine);
    audit_journal_upload_unlock(a);
    assert_int_equal(audit_journal_upload_lock(b, &mine, &err), 0);
    assert_true(mine);
    audit_journal_free(a);
    audit_journal_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_openings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alive_intent_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphan_is_closed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_intent_that_came_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_intent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_before_trim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upload_lock, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
