/* The audit log on targets: storing, with a crash after each step, and catching up. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_store_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_after_each_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_call_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_target_down_is_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_few_targets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
