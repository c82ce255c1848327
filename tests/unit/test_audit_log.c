/* The audit log on targets: storing, with a crash after each step, and catching up. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit_fixture.h"

#include <malloc.h>

/* ---- Storing ---- */

static void test_store_and_read(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = journal_of(w);
    add_entries(journal, 3);
    upload_ok(w, journal, 3);
    add_entries(journal, 2);
    upload_ok(w, journal, 2);
    upload_ok(w, journal, 0);
    assert_sound(w, journal, 5);
    audit_journal_free(journal);
}

/* Two puts a target and upload; one listing. */
static void test_requests(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = journal_of(w);
    add_entries(journal, 100);
    unsigned puts = faulty_target_calls(w->f.targets[0], FAULTY_PUT),
             lists = faulty_target_calls(w->f.targets[0], FAULTY_LIST);
    upload_ok(w, journal, 100);
    assert_int_equal(faulty_target_calls(w->f.targets[0], FAULTY_PUT) - puts, 2);
    assert_int_equal(faulty_target_calls(w->f.targets[0], FAULTY_LIST) - lists, 1);
    audit_journal_free(journal);
}

static const char *stop_after;
static int stop(const char *step)
{
    return stop_after != NULL && strcmp(step, stop_after) == 0 ? -1 : 0;
}

static void test_crash_after_each_step(void **state)
{
    static const char *const steps[] = {"saved", "segment", "checkpoint", "tree"};
    struct world *w = *state;
    uint64_t size = 0;
    audit_upload_step = stop;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct audit_journal *journal = journal_of(w);
        struct audit_uploaded uploaded;
        struct error err = {0};
        add_entries(journal, 2);
        stop_after = steps[i];
        assert_int_equal(upload(w, journal, &uploaded, &err), -1);
        audit_journal_free(journal);
        stop_after = NULL;
        /* Another process, and an entry more. */
        journal = journal_of(w);
        add_entries(journal, 1);
        ok(upload(w, journal, &uploaded, &err), &err);
        assert_false(uploaded.forked);
        size += 3;
        assert_sound(w, journal, size);
        audit_journal_free(journal);
    }
    struct fixture_names names;
    fixture_list(w->f.targets[0], "hikae1/a/", &names);
    /* No crash left a second segment for the same entries. */
    assert_int_equal(names.count, 4 * 2 * 2);
    fixture_names_free(&names);
}

/* What a crash left on its way is damaged: it is named, and once it is moved away, no entry is lost. */
static void test_damaged_on_its_way(void **state)
{
    (void)state;
    static const char *const steps[] = {"saved", "segment", "checkpoint"};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        void *world;
        assert_int_equal(setup(&world), 0);
        struct world *w = world;
        struct audit_journal *journal = journal_of(w);
        struct audit_uploaded uploaded;
        struct error err = {0};
        char *path = audit_journal_path(journal, "upload");
        add_entries(journal, 2);
        audit_upload_step = stop;
        stop_after = steps[i];
        assert_int_equal(upload(w, journal, &uploaded, &err), -1);
        stop_after = NULL;
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, 60, SEEK_SET), 0);
        int c = fgetc(file);
        assert_int_equal(fseek(file, 60, SEEK_SET), 0);
        assert_true(fputc(c ^ 1, file) != EOF);
        assert_int_equal(fclose(file), 0);
        err = (struct error){0};
        assert_int_equal(upload(w, journal, &uploaded, &err), -1);
        assert_int_equal(err.class, ERROR_DAMAGED);
        assert_non_null(strstr(err.what, path));
        assert_non_null(strstr(err.hint, "move it away"));
        assert_int_equal(unlink(path), 0);
        add_entries(journal, 1);
        err = (struct error){0};
        ok(upload(w, journal, &uploaded, &err), &err);
        if (uploaded.forked)
            ok(upload(w, journal, &uploaded, &err), &err);
        assert_int_equal(uploaded.entries, 3);
        mem_free(path);
        audit_journal_free(journal);
        assert_int_equal(teardown(&world), 0);
    }
}

/* Every call to a target fails in turn, or loses its answer: nothing is lost, nothing is there twice. */
static void test_every_call_fails(void **state)
{
    struct world *w = *state;
    uint64_t size = 0;
    for (int kind = 0; kind < 2; kind++)
        for (unsigned skip = 0; skip < 4; skip++) {
            struct audit_journal *journal = journal_of(w);
            struct audit_uploaded uploaded;
            struct error err = {0};
            add_entries(journal, 2);
            size += 2;
            for (size_t i = 0; i < TARGETS; i++)
                faulty_target_add(w->f.targets[i], (struct fault){.kind = kind == 0 ? FAULT_FAIL : FAULT_LOST_ANSWER,
                                                                  .calls = FAULTY_PUT | FAULTY_LIST,
                                                                  .skip = skip});
            (void)upload(w, journal, &uploaded, &err);
            for (size_t i = 0; i < TARGETS; i++)
                faulty_target_clear(w->f.targets[i]);
            ok(upload(w, journal, &uploaded, &err), &err);
            assert_false(uploaded.forked);
            assert_sound(w, journal, size);
            audit_journal_free(journal);
        }
}

static void test_target_down_is_caught_up(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = journal_of(w);
    struct audit_uploaded uploaded;
    struct error err = {0};
    add_entries(journal, 1);
    upload_ok(w, journal, 1);
    faulty_target_add(w->f.targets[1], (struct fault){.kind = FAULT_FAIL});
    for (int i = 0; i < 3; i++) {
        add_entries(journal, 2);
        upload_ok(w, journal, 2);
    }
    faulty_target_clear(w->f.targets[1]);
    struct audit_tree tree = tree_of(journal);
    struct outcome outcome = examine(w, &tree, NULL);
    assert_int_equal(outcome.faults[AUDIT_BEHIND], 1);
    assert_int_equal(fault_count(&outcome), 1);
    audit_tree_clear(&tree);
    ok(upload(w, journal, &uploaded, &err), &err);
    assert_int_equal(uploaded.copied, 6);
    assert_sound(w, journal, 7);
    audit_journal_free(journal);
}

static void test_too_few_targets(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = journal_of(w);
    struct audit_uploaded uploaded;
    struct error err = {0};
    w->store.min_copies = 2;
    add_entries(journal, 1);
    faulty_target_add(w->f.targets[1], (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_PUT});
    fails(upload(w, journal, &uploaded, &err), &err, ERROR_REFUSED, "2 are needed");
    faulty_target_clear(w->f.targets[1]);
    upload_ok(w, journal, 1);
    assert_sound(w, journal, 1);
    audit_journal_free(journal);
}

/* ---- Memory ---- */

struct watching {
    struct world *w;
    uint64_t next;     /* the entry that must come */
    unsigned gets[64]; /* calls that had been made when each came */
};

static int watch(const struct id *log, const struct audit_entry *entry, void *context, struct error *err)
{
    struct watching *watching = context;
    (void)log;
    (void)err;
    assert_int_equal(entry->sequence, watching->next);
    assert_true(watching->next < 64);
    watching->gets[watching->next++] = faulty_target_calls(watching->w->f.targets[0], FAULTY_GET);
    return 0;
}

/* Entries are shown as they come, not when all of a log of many years lies in memory. */
static void test_entries_are_shown_on_the_way(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    struct audit_uploaded uploaded;
    struct audit_objects objects;
    struct audit_log log;
    struct audit_journal *journal = journal_of(w);
    for (unsigned i = 0; i < 4; i++) {
        add_entries(journal, 3);
        ok(upload(w, journal, &uploaded, &err), &err);
    }
    struct watching watching = {.w = w};
    const struct audit_visitor visitor = {.visit = watch, .context = &watching};
    ok(audit_objects_list(&w->store, NULL, &objects, &err), &err);
    ok(audit_log_read(&w->store, &objects, 0, objects.count, &visitor, &log, NULL, &err), &err);
    assert_int_equal(watching.next, 12);
    assert_int_equal(log.size, 12);
    for (unsigned i = 1; i < 4; i++)
        assert_true(watching.gets[3 * i] > watching.gets[3 * i - 3]);
    audit_log_clear(&log);
    audit_objects_free(&objects);
    audit_journal_free(journal);
}

/* A reading that is broken off leaves nothing behind: what it had put in place is released. */
static void test_broken_off(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    struct audit_uploaded uploaded;
    struct audit_objects objects;
    struct audit_log log;
    struct audit_journal *journal = journal_of(w);
    for (unsigned i = 0; i < 3; i++) {
        add_entries(journal, 20);
        ok(upload(w, journal, &uploaded, &err), &err);
    }
    ok(audit_objects_list(&w->store, NULL, &objects, &err), &err);
    faulty_target_add(w->f.targets[0],
                      (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_GET, .skip = 2, .class = ERROR_INTERRUPTED});
    faulty_target_add(w->f.targets[1],
                      (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_GET, .class = ERROR_INTERRUPTED});
    size_t before = mallinfo2().uordblks;
    int rc = audit_log_read(&w->store, &objects, 0, objects.count, NULL, &log, NULL, &err);
    size_t after = mallinfo2().uordblks;
    assert_int_equal(rc, -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    /* The entries of two segments are some 12 KB. */
    assert_true(after < before + 4096);
    faulty_target_clear(w->f.targets[0]);
    faulty_target_clear(w->f.targets[1]);
    audit_objects_free(&objects);
    audit_journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_store_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_after_each_step, setup, teardown),
        cmocka_unit_test(test_damaged_on_its_way),
        cmocka_unit_test_setup_teardown(test_every_call_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_target_down_is_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_few_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_are_shown_on_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
