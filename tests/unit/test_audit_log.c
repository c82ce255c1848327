/* The audit log on targets: storing with a crash after each step, catching up, and every way to tamper. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit/log.h"
#include "audit/tree.h"
#include "audit/upload.h"
#include "base/clock.h"
#include "keys_fixture.h"

enum { TARGETS = 2, LEAVES_MAX = 64 };

struct world {
    struct fixture f;
    struct audit_place places[TARGETS];
    struct audit_store store;
    struct keyring *keyring;
    struct secret *signing;
    char journal[FIXTURE_PATH + 64];
    char cache[FIXTURE_PATH + 64];
    struct id log;
};

static const struct id store_id = {{0x55}}, store_tid = {{0x77}};

static struct secret *key_of(uint8_t fill)
{
    uint8_t bytes[KEY_SIZE];
    memset(bytes, fill, sizeof(bytes));
    struct secret *key = secret_copy(bytes, sizeof(bytes));
    assert_non_null(key);
    return key;
}

static struct keyring *new_keyring(uint8_t fill)
{
    struct keyring *keyring = keyring_new(&store_tid);
    struct key_row row = {
        .type = KEY_SEALING, .generation = 1, .tid = store_tid, .key_id = {{fill}}, .key = key_of(fill)};
    struct error err;
    assert_non_null(keyring);
    ok(keyring_add(keyring, &row, &err), &err);
    secret_free(row.key);
    return keyring;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    secret_init();
    fixture_make(&w->f, TARGETS, 1);
    for (size_t i = 0; i < TARGETS; i++)
        w->places[i] = (struct audit_place){.target = w->f.targets[i], .name = i == 0 ? "t0" : "t1"};
    w->keyring = new_keyring(3);
    w->signing = key_of(9);
    w->log = (struct id){{0x11}};
    (void)snprintf(w->journal, sizeof(w->journal), "%s/journal", w->f.folder);
    (void)snprintf(w->cache, sizeof(w->cache), "%s/journal/cache/", w->f.folder);
    w->store = (struct audit_store){.places = w->places,
                                    .place_count = TARGETS,
                                    .min_copies = 1,
                                    .store = store_id,
                                    .keyring = w->keyring,
                                    .signing = w->signing,
                                    .cache = NULL};
    ok(ed25519_public(w->signing, w->store.public_key, &err), &err);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    audit_upload_step = NULL;
    keyring_free(w->keyring);
    secret_free(w->signing);
    fixture_remove(&w->f);
    free(w);
    return 0;
}

static struct audit_journal *journal_of(struct world *w)
{
    struct audit_journal *journal;
    struct error err = {0};
    ok(audit_journal_open(w->journal, &w->log, &journal, &err), &err);
    return journal;
}

static json_t *entry_of(const char *operation)
{
    char time[CLOCK_TEXT_SIZE];
    return json_pack("{s:i, s:s, s:s, s:s, s:n, s:s, s:i, s:n, s:n, s:s, s:{}, s:{}, s:s, s:i}", "v", 1, "time",
                     audit_time(clock_now_ns(), time), "op", operation, "class", "operation", "tenant", "user", "root",
                     "uid", 0, "login", "operator", "host", "here", "counts", "details", "result", "ok", "duration_ns",
                     7);
}

static void add_entries(struct audit_journal *journal, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_t *entry = entry_of("backup");
        struct audit_intent intent;
        struct id id;
        struct error err = {0};
        ok(crypto_random(id.bytes, ID_SIZE, &err), &err);
        ok(audit_journal_begin(journal, &id, entry, &intent, &err), &err);
        ok(audit_journal_end(journal, &intent, entry, &err), &err);
        json_decref(entry);
    }
}

/* What a fresh process does: places that failed are tried again. */
static int upload(struct world *w, struct audit_journal *journal, struct audit_uploaded *ret, struct error *err)
{
    for (size_t i = 0; i < TARGETS; i++)
        w->places[i].failed = false;
    return audit_upload(journal, &w->store, ret, err);
}

static void upload_ok(struct world *w, struct audit_journal *journal, uint64_t expect)
{
    struct audit_uploaded uploaded;
    struct error err = {0};
    ok(upload(w, journal, &uploaded, &err), &err);
    assert_false(uploaded.forked);
    assert_int_equal(uploaded.entries, expect);
}

/* Sizes of logs, and how often each fault was found. */
struct outcome {
    uint64_t size, covered;
    unsigned faults[AUDIT_FAULT_COUNT];
    size_t logs;
};

static struct outcome examine(struct world *w, const struct audit_tree *tree, const struct audit_checkpoint *earlier)
{
    struct outcome outcome = {0};
    struct audit_objects objects;
    struct audit_findings findings = {0};
    struct error err = {0};
    for (size_t i = 0; i < TARGETS; i++)
        w->places[i].failed = false;
    ok(audit_objects_list(&w->store, NULL, &objects, &err), &err);
    for (size_t first = 0, end = 0; audit_objects_next_log(&objects, &first, &end);) {
        struct audit_log log;
        ok(audit_log_read(&w->store, &objects, first, end, NULL, &log, &findings, &err), &err);
        if (tree != NULL)
            ok(audit_log_check_tree(&w->store, &objects, &log, tree, &findings, &err), &err);
        if (earlier != NULL)
            ok(audit_log_check_earlier(&log, earlier, &findings, &err), &err);
        outcome.size = log.size;
        outcome.covered = log.head.size;
        outcome.logs++;
        audit_log_clear(&log);
    }
    for (size_t i = 0; i < findings.count; i++)
        outcome.faults[findings.items[i].fault]++;
    audit_findings_free(&findings);
    audit_objects_free(&objects);
    return outcome;
}

static unsigned fault_count(const struct outcome *outcome)
{
    unsigned count = 0;
    for (size_t i = 0; i < AUDIT_FAULT_COUNT; i++)
        count += outcome->faults[i];
    return count;
}

static struct audit_tree tree_of(struct audit_journal *journal)
{
    struct audit_tree tree;
    struct error err = {0};
    ok(audit_journal_lock(journal, &err), &err);
    ok(audit_journal_tree(journal, &tree, &err), &err);
    audit_journal_unlock(journal);
    return tree;
}

static void assert_sound(struct world *w, struct audit_journal *journal, uint64_t size)
{
    struct audit_tree tree = tree_of(journal);
    struct outcome outcome = examine(w, &tree, NULL);
    assert_int_equal(fault_count(&outcome), 0);
    assert_int_equal(outcome.size, size);
    assert_int_equal(outcome.covered, size);
    audit_tree_clear(&tree);
}

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

/* ---- Tampering: three segments of 2 entries on each target ---- */

static struct audit_journal *prepare(struct world *w)
{
    struct audit_journal *journal = journal_of(w);
    for (int i = 0; i < 3; i++) {
        add_entries(journal, 2);
        upload_ok(w, journal, 2);
    }
    return journal;
}

/* The name of the segment that begins at `first`, or of the checkpoint of that size, on target 0. */
static void find_object(struct world *w, enum audit_object_kind kind, uint64_t number, char out[OBJECT_NAME_SIZE])
{
    struct fixture_names names;
    bool found = false;
    fixture_list(w->f.targets[0], "hikae1/a/", &names);
    for (size_t i = 0; i < names.count; i++) {
        struct audit_name name;
        assert_true(audit_name_parse(names.names[i], &name));
        if (name.kind == kind && (kind == AUDIT_OBJECT_SEGMENT ? name.first : name.size) == number) {
            (void)snprintf(out, OBJECT_NAME_SIZE, "%s", names.names[i]);
            found = true;
        }
    }
    assert_true(found);
    fixture_names_free(&names);
}

static void remove_everywhere(struct world *w, enum audit_object_kind kind, uint64_t number, size_t targets)
{
    char name[OBJECT_NAME_SIZE];
    find_object(w, kind, number, name);
    for (size_t i = targets; i > 0; i--)
        fixture_delete(w->f.targets[i - 1], name);
}

static void assert_found(struct world *w, struct audit_journal *journal, enum audit_fault fault)
{
    struct audit_tree tree = tree_of(journal);
    struct outcome outcome = examine(w, &tree, NULL);
    if (outcome.faults[fault] == 0)
        fail_msg("not found: %s", audit_fault_name(fault));
    audit_tree_clear(&tree);
}

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
        cmocka_unit_test_setup_teardown(test_store_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_after_each_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_call_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_target_down_is_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_few_targets, setup, teardown),
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
        cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_note_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_checkpoints, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
