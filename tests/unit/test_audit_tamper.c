/* Every way to tamper with an audit log on its targets, and what is found of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit_fixture.h"

static void test_changed_object(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    char name[OBJECT_NAME_SIZE];
    find_object(w, AUDIT_OBJECT_SEGMENT, 2, name);
    fixture_flip(w->f.targets[1], name);
    assert_found(w, journal, AUDIT_CHANGED);
    audit_journal_free(journal);
}

static void test_changed_checkpoint(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    char name[OBJECT_NAME_SIZE];
    find_object(w, AUDIT_OBJECT_CHECKPOINT, 4, name);
    fixture_flip(w->f.targets[0], name);
    assert_found(w, journal, AUDIT_CHANGED);
    audit_journal_free(journal);
}

static void test_removed_everywhere(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 2, TARGETS);
    assert_found(w, journal, AUDIT_REMOVED);
    assert_found(w, journal, AUDIT_TRUNCATED);
    audit_journal_free(journal);
}

static void test_removed_from_one(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 2, 1);
    assert_found(w, journal, AUDIT_REMOVED);
    audit_journal_free(journal);
}

static void test_truncated_everywhere(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 4, TARGETS);
    remove_everywhere(w, AUDIT_OBJECT_CHECKPOINT, 6, TARGETS);
    /* Only who remembers the longer log can tell. */
    struct outcome outcome = examine(w, NULL, NULL);
    assert_int_equal(fault_count(&outcome), 0);
    assert_found(w, journal, AUDIT_TRUNCATED);
    audit_journal_free(journal);
}

static void test_truncated_on_one(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 4, 1);
    remove_everywhere(w, AUDIT_OBJECT_CHECKPOINT, 6, 1);
    assert_found(w, journal, AUDIT_TRUNCATED);
    audit_journal_free(journal);
}

/* ---- Somebody who has the sealing key, and not the signing key ---- */

static void read_segment(struct world *w, uint64_t first, struct audit_segment *ret, char name[OBJECT_NAME_SIZE])
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct error err = {0};
    find_object(w, AUDIT_OBJECT_SEGMENT, first, name);
    ok(target_get(w->f.targets[0], name, 1 << 20, &bytes, &err), &err);
    ok(audit_segment_parse(bytes.data, bytes.size, w->keyring, ret, &err), &err);
}

/* Put a segment in the place of the one of that name. */
static void forge(struct world *w, struct audit_segment *segment, const char *instead)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    struct audit_name name = {.log = segment->log, .first = segment->first, .size = segment->count};
    char text[OBJECT_NAME_SIZE];
    struct error err = {0};
    for (uint32_t i = 0; i < segment->count; i++)
        if (segment->leaves[i].data.size > 0)
            ok(tree_leaf_hash(segment->leaves[i].data.data, segment->leaves[i].data.size, &segment->leaves[i].hash,
                              &err),
               &err);
    ok(audit_segment_seal(segment, w->keyring, &bytes, &name.hash, &err), &err);
    for (size_t i = 0; i < TARGETS; i++) {
        if (instead != NULL)
            fixture_delete(w->f.targets[i], instead);
        ok(target_put(w->f.targets[i], audit_name_format(&name, text), bytes.data, bytes.size, TARGET_PUT_CREATE, &err),
           &err);
    }
}

static void test_forged_change(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_segment segment;
    char name[OBJECT_NAME_SIZE];
    read_segment(w, 2, &segment, name);
    ((uint8_t *)segment.leaves[0].data.data)[3] ^= 1; /* the nonce */
    forge(w, &segment, name);
    audit_segment_clear(&segment);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_true(outcome.faults[AUDIT_FORKED] >= 1);
    assert_found(w, journal, AUDIT_FORKED);
    audit_journal_free(journal);
}

static void test_forged_order(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_segment segment;
    char name[OBJECT_NAME_SIZE];
    read_segment(w, 2, &segment, name);
    struct audit_leaf other = segment.leaves[0];
    segment.leaves[0] = segment.leaves[1];
    segment.leaves[1] = other;
    forge(w, &segment, name);
    audit_segment_clear(&segment);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_int_equal(outcome.faults[AUDIT_REORDERED], 2);
    assert_true(outcome.faults[AUDIT_FORKED] >= 1);
    audit_journal_free(journal);
}

static void test_forged_insertion(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_segment segment, more = {0};
    char name[OBJECT_NAME_SIZE];
    read_segment(w, 4, &segment, name);
    struct audit_leaf leaves[3] = {segment.leaves[0], segment.leaves[0], segment.leaves[1]};
    more = (struct audit_segment){.log = segment.log, .first = 4, .leaves = leaves, .count = 3};
    forge(w, &more, name);
    audit_segment_clear(&segment);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_true(outcome.faults[AUDIT_REORDERED] >= 1);
    assert_true(outcome.faults[AUDIT_FORKED] >= 1);
    audit_journal_free(journal);
}

/* A second version beside the first one. */
static void test_forged_beside(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_segment segment;
    char name[OBJECT_NAME_SIZE];
    read_segment(w, 2, &segment, name);
    ((uint8_t *)segment.leaves[1].data.data)[0] ^= 1;
    forge(w, &segment, NULL);
    audit_segment_clear(&segment);
    assert_found(w, journal, AUDIT_FORKED);
    audit_journal_free(journal);
}

/* Entries taken out of a segment that was never rewritten. */
static void test_forged_expiry(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_segment segment;
    char name[OBJECT_NAME_SIZE];
    read_segment(w, 2, &segment, name);
    segment.leaves[0].data.size = 0;
    forge(w, &segment, name);
    audit_segment_clear(&segment);
    assert_found(w, journal, AUDIT_CHANGED);
    audit_journal_free(journal);
}

static void test_renamed(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    CLEANUP(buf_free) struct buf bytes = {0};
    struct audit_name name;
    char text[OBJECT_NAME_SIZE];
    struct error err = {0};
    find_object(w, AUDIT_OBJECT_SEGMENT, 4, text);
    ok(target_get(w->f.targets[0], text, 1 << 20, &bytes, &err), &err);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 4, TARGETS);
    assert_true(audit_name_parse(text, &name));
    name.first = 6;
    ok(target_put(w->f.targets[0], audit_name_format(&name, text), bytes.data, bytes.size, TARGET_PUT_CREATE, &err),
       &err);
    assert_found(w, journal, AUDIT_REORDERED);
    audit_journal_free(journal);
}

/* Names that claim anything cost neither memory nor the log. */
static void test_junk_names(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_name name = {.log = w->log, .first = 999999999999, .size = 4096};
    char text[OBJECT_NAME_SIZE];
    struct error err = {0};
    ok(target_put(w->f.targets[0], audit_name_format(&name, text), "x", 1, TARGET_PUT_CREATE, &err), &err);
    name = (struct audit_name){.kind = AUDIT_OBJECT_CHECKPOINT, .log = w->log, .size = 77};
    ok(target_put(w->f.targets[0], audit_name_format(&name, text), "x", 1, TARGET_PUT_CREATE, &err), &err);
    assert_found(w, journal, AUDIT_CHANGED);
    /* It keeps nobody from going on. */
    add_entries(journal, 1);
    upload_ok(w, journal, 1);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_int_equal(outcome.size, 7);
    assert_int_equal(outcome.covered, 7);
    audit_journal_free(journal);
}

/* ---- An auditor's checkpoint ---- */

static struct audit_checkpoint checkpoint_of(struct world *w, struct audit_journal *journal)
{
    struct audit_tree tree = tree_of(journal);
    struct audit_checkpoint checkpoint;
    struct error err = {0};
    ok(audit_checkpoint_check(tree.checkpoint, strlen(tree.checkpoint), &store_id, w->store.public_key, &checkpoint,
                              &err),
       &err);
    audit_tree_clear(&tree);
    return checkpoint;
}

static void test_earlier_checkpoint(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_checkpoint earlier = checkpoint_of(w, journal);
    add_entries(journal, 5);
    upload_ok(w, journal, 5);
    struct outcome outcome = examine(w, NULL, &earlier);
    assert_int_equal(fault_count(&outcome), 0);
    /* Truncated to before it, by someone who holds every target. */
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 6, TARGETS);
    remove_everywhere(w, AUDIT_OBJECT_CHECKPOINT, 11, TARGETS);
    remove_everywhere(w, AUDIT_OBJECT_SEGMENT, 4, TARGETS);
    remove_everywhere(w, AUDIT_OBJECT_CHECKPOINT, 6, TARGETS);
    outcome = examine(w, NULL, &earlier);
    assert_int_equal(outcome.faults[AUDIT_TRUNCATED], 1);
    /* Another log of the same length, signed with the same key, by someone who holds everything. */
    earlier.root.bytes[0] ^= 1;
    earlier.size = 4;
    outcome = examine(w, NULL, &earlier);
    assert_int_equal(outcome.faults[AUDIT_FORKED], 1);
    audit_journal_free(journal);
}

/* ---- A state folder that was restored, or copied ---- */

static void keep_journal(const struct world *w)
{
    CLEANUP_FREE char *command = mem_printf("cp -a %s %s.old", w->journal, w->journal);
    assert_int_equal(system(command), 0);
}

static void restore_journal(const struct world *w)
{
    CLEANUP_FREE char *command = mem_printf("rm -rf %s && mv %s.old %s", w->journal, w->journal, w->journal);
    assert_int_equal(system(command), 0);
}

static void test_restored_state_folder(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    struct audit_uploaded uploaded;
    struct error err = {0};
    keep_journal(w);
    add_entries(journal, 1);
    upload_ok(w, journal, 1);
    audit_journal_free(journal);
    restore_journal(w);
    journal = journal_of(w);
    add_entries(journal, 1);
    ok(upload(w, journal, &uploaded, &err), &err);
    assert_true(uploaded.forked);
    assert_true(id_equal(&uploaded.old_log, &w->log));
    assert_int_equal(uploaded.old_size, 6);
    assert_int_equal(uploaded.found_size, 7);
    /* The old log stays as it is; what waited is the beginning of another. */
    upload_ok(w, journal, 1);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_int_equal(outcome.logs, 2);
    assert_int_equal(fault_count(&outcome), 0);
    struct audit_tree tree = tree_of(journal);
    assert_true(id_equal(&tree.previous, &w->log));
    assert_false(id_equal(&tree.log, &w->log));
    assert_int_equal(tree.frontier.size, 1);
    audit_tree_clear(&tree);
    audit_journal_free(journal);
}

/* Each folder saw only one of the targets: nobody could notice, but the check does. */
static void test_fork_is_found(void **state)
{
    struct world *w = *state;
    struct audit_journal *journal = prepare(w);
    keep_journal(w);
    faulty_target_add(w->f.targets[1], (struct fault){.kind = FAULT_FAIL});
    add_entries(journal, 1);
    upload_ok(w, journal, 1);
    faulty_target_clear(w->f.targets[1]);
    audit_journal_free(journal);
    restore_journal(w);
    journal = journal_of(w);
    faulty_target_add(w->f.targets[0], (struct fault){.kind = FAULT_FAIL});
    add_entries(journal, 1);
    upload_ok(w, journal, 1);
    faulty_target_clear(w->f.targets[0]);
    struct outcome outcome = examine(w, NULL, NULL);
    assert_true(outcome.faults[AUDIT_FORKED] >= 1);
    audit_journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changed_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_from_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_on_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_insertion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_beside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_expiry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renamed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_junk_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_earlier_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restored_state_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fork_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
