/* An audit log on two targets, with a journal that writes it, and what can be told of it. */
#ifndef AUDIT_FIXTURE_H
#define AUDIT_FIXTURE_H

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

static inline struct secret *key_of(uint8_t fill)
{
    uint8_t bytes[KEY_SIZE];
    memset(bytes, fill, sizeof(bytes));
    struct secret *key = secret_copy(bytes, sizeof(bytes));
    assert_non_null(key);
    return key;
}

static inline struct keyring *new_keyring(uint8_t fill)
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct world *w = *state;
    audit_upload_step = NULL;
    keyring_free(w->keyring);
    secret_free(w->signing);
    fixture_remove(&w->f);
    free(w);
    return 0;
}

static inline struct audit_journal *journal_of(struct world *w)
{
    struct audit_journal *journal;
    struct error err = {0};
    ok(audit_journal_open(w->journal, &w->log, &journal, &err), &err);
    return journal;
}

static inline json_t *entry_of(const char *operation)
{
    char time[CLOCK_TEXT_SIZE];
    return json_pack("{s:i, s:s, s:s, s:s, s:n, s:s, s:i, s:n, s:n, s:s, s:{}, s:{}, s:s, s:i}", "v", 1, "time",
                     audit_time(clock_now_ns(), time), "op", operation, "class", "operation", "tenant", "user", "root",
                     "uid", 0, "login", "operator", "host", "here", "counts", "details", "result", "ok", "duration_ns",
                     7);
}

static inline void add_entries(struct audit_journal *journal, size_t count)
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
static inline int upload(struct world *w, struct audit_journal *journal, struct audit_uploaded *ret, struct error *err)
{
    for (size_t i = 0; i < TARGETS; i++)
        w->places[i].failed = false;
    return audit_upload(journal, &w->store, ret, err);
}

static inline void upload_ok(struct world *w, struct audit_journal *journal, uint64_t expect)
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

static inline struct outcome examine(struct world *w, const struct audit_tree *tree,
                                     const struct audit_checkpoint *earlier)
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

static inline unsigned fault_count(const struct outcome *outcome)
{
    unsigned count = 0;
    for (size_t i = 0; i < AUDIT_FAULT_COUNT; i++)
        count += outcome->faults[i];
    return count;
}

static inline struct audit_tree tree_of(struct audit_journal *journal)
{
    struct audit_tree tree;
    struct error err = {0};
    ok(audit_journal_lock(journal, &err), &err);
    ok(audit_journal_tree(journal, &tree, &err), &err);
    audit_journal_unlock(journal);
    return tree;
}

static inline void assert_sound(struct world *w, struct audit_journal *journal, uint64_t size)
{
    struct audit_tree tree = tree_of(journal);
    struct outcome outcome = examine(w, &tree, NULL);
    assert_int_equal(fault_count(&outcome), 0);
    assert_int_equal(outcome.size, size);
    assert_int_equal(outcome.covered, size);
    audit_tree_clear(&tree);
}

/* ---- Three segments of 2 entries on each target ---- */

static inline struct audit_journal *prepare(struct world *w)
{
    struct audit_journal *journal = journal_of(w);
    for (int i = 0; i < 3; i++) {
        add_entries(journal, 2);
        upload_ok(w, journal, 2);
    }
    return journal;
}

/* The name of the segment that begins at `first`, or of the checkpoint of that size, on target 0. */
static inline void find_object(struct world *w, enum audit_object_kind kind, uint64_t number,
                               char out[OBJECT_NAME_SIZE])
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

static inline void remove_everywhere(struct world *w, enum audit_object_kind kind, uint64_t number, size_t targets)
{
    char name[OBJECT_NAME_SIZE];
    find_object(w, kind, number, name);
    for (size_t i = targets; i > 0; i--)
        fixture_delete(w->f.targets[i - 1], name);
}

static inline void assert_found(struct world *w, struct audit_journal *journal, enum audit_fault fault)
{
    struct audit_tree tree = tree_of(journal);
    struct outcome outcome = examine(w, &tree, NULL);
    if (outcome.faults[fault] == 0)
        fail_msg("not found: %s", audit_fault_name(fault));
    audit_tree_clear(&tree);
}

#endif
