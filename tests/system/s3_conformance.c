/*
 * The conformance suite on a real store, and what only object stores have.
 *
 *     s3_conformance NAME BUCKET QUERY [locks] [versions] [once] [locked]
 *
 * opens s3://BUCKET/<fresh prefix>?QUERY for each check; with "locked" only what can be seen where every object is. The
 * words say what the store is known to do, so that a driver that silently does without is found out. Keys come from the
 * environment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "../unit/target_conformance.h"
#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *bucket, *query;
static bool has_locks, has_versions, has_once, locked, v2;

static int set_up(void **state)
{
    static unsigned number;
    struct conformance *c = mem_calloc(1, sizeof(*c));
    struct error err = {0};
    char url[1024];
    if (c == NULL)
        return -1;
    (void)snprintf(url, sizeof(url), "s3://%s/c-%d-%u/deep?%s", bucket, (int)getpid(), number++, query);
    if (target_open("store", url, true, &c->target, &err) != 0) {
        (void)fprintf(stderr, "%s: %s; %s\n", url, err.what, err.hint);
        return -1;
    }
    c->deleter.target = c->target;
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    struct conformance *c = *state;
    target_close(c->target);
    mem_free(c);
    return 0;
}

static struct conformance *of(void **state)
{
    return *state;
}

static void ok(int rc, const struct error *err)
{
    if (rc != 0)
        fail_msg("%s; %s", err->what, err->hint);
}

static void test_ask(void **state)
{
    struct target_facts facts;
    struct error err = {0};
    ok(target_ask(of(state)->target, &facts, &err), &err);
    assert_int_equal(facts.versioning == TARGET_VERSIONING_ON, has_versions);
    assert_int_equal(facts.lock_enabled, has_locks);
    bool tls = strstr(query, "https") != NULL;
    assert_int_equal(strncmp(facts.tls_version, "TLSv1.", 6) == 0, tls);
    assert_int_equal(facts.tls_cipher[0] != '\0', tls);
    assert_true(facts.skew_ns > -5 * NS_PER_S && facts.skew_ns < 5 * NS_PER_S);
}

/* ---- Created once ---- */

enum { WRITERS = 6 };
struct racer {
    struct target *target;
    unsigned number;
    enum target_once once;
    bool failed;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct error err = {0};
    char text[32];
    (void)snprintf(text, sizeof(text), "writer %u", racer->number);
    racer->failed = target_put_once(racer->target, "hikae1/t/aa/l/1", text, strlen(text), &racer->once, &err) != 0;
    return NULL;
}

static void test_once(void **state)
{
    pthread_t threads[WRITERS];
    struct racer racers[WRITERS];
    unsigned created = 0, exists = 0, unsupported = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        racers[i] = (struct racer){.target = of(state)->target, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(racers[i].failed);
        created += racers[i].once == TARGET_ONCE_CREATED;
        exists += racers[i].once == TARGET_ONCE_EXISTS;
        unsupported += racers[i].once == TARGET_ONCE_UNSUPPORTED;
    }
    assert_int_equal(created, has_once ? 1 : 0);
    assert_int_equal(exists, has_once ? WRITERS - 1 : 0);
    assert_int_equal(unsupported, has_once ? 0 : WRITERS);
}

static void test_checks(void **state)
{
    struct error err = {0};
    uint64_t size;
    bool checked = false;
    ok(target_checks(of(state)->target, "hikae1/checks", TARGET_CHECKSUM_MD5, &checked, &err), &err);
    assert_true(checked);
    assert_int_equal(target_stat(of(state)->target, "hikae1/checks", &size, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
}

/* A name that ends in a hash promises it: the store is told so, and refuses other bytes. */
static void test_named_by_hash(void **state)
{
    static const char name[] = "hikae1/t/aa/p/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char record[] =
        "hikae1/t/aa/h/20261121T091246.000000000Z-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct error err = {0};
    uint64_t size;
    conformance_put(of(state)->target, name, "abc", 3);
    conformance_put(of(state)->target, record, "abc", 3);
    assert_true(conformance_holds(of(state)->target, name, "abc", 3));
    ok(target_delete(&of(state)->deleter, name, &err), &err);
    if (v2)
        return; /* it sends no SHA-256 */
    assert_int_equal(target_put(of(state)->target, name, "abd", 3, TARGET_PUT_REPAIR, &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    assert_int_equal(target_stat(of(state)->target, name, &size, &err), -1);
}

/* ---- Versions ---- */

struct found {
    char versions[16][128];
    unsigned count, markers;
};

static int note_version(const struct target_version *version, void *context, struct error *err)
{
    struct found *found = context;
    (void)err;
    assert_true(found->count < 16);
    (void)snprintf(found->versions[found->count++], 128, "%s", version->version);
    found->markers += version->marker;
    return 0;
}

static void test_versions(void **state)
{
    struct conformance *c = of(state);
    struct error err = {0};
    struct buf out = {0};
    struct found found = {0};
    const char *texts[] = {"oldest", "middle", "newest"};
    for (unsigned i = 0; i < 3; i++)
        ok(target_put(c->target, "hikae1/x", texts[i], 6, TARGET_PUT_REPAIR, &err), &err);
    conformance_put(c->target, "hikae1/x-other", "1", 1);
    ok(target_list_versions(&c->deleter, "hikae1/x", note_version, &found, &err), &err);
    assert_int_equal(found.count, has_versions ? 4 : 2);
    if (has_versions) {
        ok(target_get_version(c->target, "hikae1/x", 1, 100, &out, &err), &err);
        ok(target_get_version(c->target, "hikae1/x", 2, 100, &out, &err), &err);
        assert_int_equal(out.size, 12);
        assert_memory_equal(out.data, "middleoldest", 12);
    }
    assert_int_equal(target_get_version(c->target, "hikae1/x", 3, 100, &out, &err), -1);
    assert_int_equal(err.class, ERROR_NOT_FOUND);
    buf_free(&out);
    /* Deleted means that nothing is left, be it old or a marker; and its neighbour stays. */
    ok(target_delete(&c->deleter, "hikae1/x", &err), &err);
    found = (struct found){0};
    ok(target_list_versions(&c->deleter, "hikae1/x", note_version, &found, &err), &err);
    assert_int_equal(found.count, 1);
    assert_true(conformance_holds(c->target, "hikae1/x-other", "1", 1));
    /* A version alone. */
    ok(target_put(c->target, "hikae1/x-other", "2", 1, TARGET_PUT_REPAIR, &err), &err);
    if (has_versions) {
        found = (struct found){0};
        ok(target_list_versions(&c->deleter, "hikae1/x-other", note_version, &found, &err), &err);
        assert_int_equal(found.count, 2);
        ok(target_delete_version(&c->deleter, "hikae1/x-other", found.versions[0], &err), &err);
        assert_true(conformance_holds(c->target, "hikae1/x-other", "1", 1));
    }
}

struct told {
    unsigned gone, refused;
    struct error why;
};

static int note_deletion(const struct target_deletion *deletion, const struct error *why, void *context,
                         struct error *err)
{
    struct told *told = context;
    (void)deletion;
    (void)err;
    told->gone += why == NULL;
    told->refused += why != NULL;
    if (why != NULL)
        told->why = *why;
    return 0;
}

enum { MANY = 40 };
static void test_delete_many(void **state)
{
    struct conformance *c = of(state);
    struct error err = {0};
    struct told told = {0};
    static char names[MANY][64];
    struct target_deletion items[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "hikae1/t/aa/p/%03u", i);
        items[i] = (struct target_deletion){names[i], NULL};
        if (i % 4 != 0) /* one that is not there is removed already */
            conformance_put(c->target, names[i], "x", 1);
    }
    conformance_put(c->target, "hikae1/t/aa/q", "stays", 5);
    ok(target_delete_many(&c->deleter, items, MANY, note_deletion, &told, &err), &err);
    assert_int_equal(told.refused, 0);
    assert_int_equal(told.gone, MANY);
    char *names_left = conformance_listing(c->target, "hikae1/", NULL);
    assert_string_equal(names_left, "hikae1/t/aa/q\n");
    mem_free(names_left);
}

struct uploads {
    unsigned count;
    char name[128], id[256];
};

static int note_upload(const struct target_upload *upload, void *context, struct error *err)
{
    struct uploads *uploads = context;
    (void)err;
    uploads->count++;
    (void)snprintf(uploads->name, sizeof(uploads->name), "%s", upload->name);
    (void)snprintf(uploads->id, sizeof(uploads->id), "%s", upload->id);
    return 0;
}

/* hikae begins none: the script that runs this has another client begin one, below $UNFINISHED. */
static void test_uploads(void **state)
{
    struct target *target = NULL;
    struct target_deleter deleter = {0};
    struct uploads found = {0};
    struct error err = {0};
    char url[1024];
    const char *unfinished = getenv("UNFINISHED");
    ok(target_list_uploads(&of(state)->deleter, "hikae1/", note_upload, &found, &err), &err);
    assert_int_equal(found.count, 0);
    ok(target_abort_upload(&of(state)->deleter, "hikae1/none", "2~none", &err), &err);
    if (unfinished == NULL)
        return;
    (void)snprintf(url, sizeof(url), "s3://%s/%s?%s", bucket, unfinished, query);
    ok(target_open("store", url, false, &target, &err), &err);
    deleter.target = target;
    ok(target_list_uploads(&deleter, "hikae1/", note_upload, &found, &err), &err);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.name, "hikae1/t/cut-off");
    ok(target_abort_upload(&deleter, found.name, found.id, &err), &err);
    ok(target_list_uploads(&deleter, "hikae1/", note_upload, &found, &err), &err);
    assert_int_equal(found.count, 1);                                    /* no more of them */
    ok(target_abort_upload(&deleter, found.name, found.id, &err), &err); /* gone is gone */
    target_close(target);
}

/* ---- Locks ---- */

/* Without a lock of our own: an object can be locked where the bucket can, and is left alone where it cannot. */
static void test_no_lock(void **state)
{
    struct conformance *c = of(state);
    struct target_lock_state lock;
    struct error err = {0};
    int64_t soon = clock_machine_ns() + 2 * NS_PER_S;
    conformance_put(c->target, "hikae1/free", "<Retention/>", 12);
    ok(target_lock_state(c->target, "hikae1/free", &lock, &err), &err);
    assert_int_equal(lock.mode, TARGET_LOCK_NONE);
    assert_false(lock.legal_hold);
    int rc = target_extend_lock(c->target, "hikae1/free", TARGET_LOCK_GOVERNANCE, soon, &err);
    assert_int_equal(rc, has_locks ? 0 : -1);
    if (!has_locks) {
        assert_int_equal(err.class, ERROR_REFUSED);
        assert_int_equal(target_legal_hold(c->target, "hikae1/free", true, &err), -1);
        assert_int_equal(err.class, ERROR_REFUSED);
    }
    assert_true(conformance_holds(c->target, "hikae1/free", "<Retention/>", 12));
}

/* QUERY has lock=governance:1. */
static void test_locked(void **state)
{
    struct conformance *c = of(state);
    struct target_lock_state lock;
    struct error err = {0};
    int64_t now = clock_machine_ns(), day = INT64_C(86400) * NS_PER_S;
    conformance_put(c->target, "hikae1/locked", "bytes", 5);
    ok(target_lock_state(c->target, "hikae1/locked", &lock, &err), &err);
    assert_int_equal(lock.mode, TARGET_LOCK_GOVERNANCE);
    assert_true(lock.until_ns > now + day - 60 * NS_PER_S && lock.until_ns < now + day + 60 * NS_PER_S);
    assert_int_equal(target_delete(&c->deleter, "hikae1/locked", &err), -1);
    assert_int_equal(err.class, ERROR_REFUSED);
    assert_non_null(strstr(err.what, "locked until"));
    /* What was refused was not hidden either. */
    assert_true(conformance_holds(c->target, "hikae1/locked", "bytes", 5));
    ok(target_extend_lock(c->target, "hikae1/locked", TARGET_LOCK_GOVERNANCE, now + 3 * day, &err), &err);
    ok(target_lock_state(c->target, "hikae1/locked", &lock, &err), &err);
    assert_true(lock.until_ns >= now + 3 * day && lock.until_ns < now + 3 * day + 2 * NS_PER_S);
    /* Never shorter. */
    ok(target_extend_lock(c->target, "hikae1/locked", TARGET_LOCK_GOVERNANCE, now + day, &err), &err);
    ok(target_lock_state(c->target, "hikae1/locked", &lock, &err), &err);
    assert_true(lock.until_ns >= now + 3 * day);
    assert_false(lock.legal_hold);
    ok(target_legal_hold(c->target, "hikae1/locked", true, &err), &err);
    ok(target_lock_state(c->target, "hikae1/locked", &lock, &err), &err);
    assert_true(lock.legal_hold);
    assert_int_equal(target_delete(&c->deleter, "hikae1/locked", &err), -1);
    assert_non_null(strstr(err.what, "legal hold"));
    ok(target_legal_hold(c->target, "hikae1/locked", false, &err), &err);
    /* Repair works under a lock: the good bytes come on top. */
    ok(target_put(c->target, "hikae1/locked", "BYTES", 5, TARGET_PUT_REPAIR, &err), &err);
    assert_true(conformance_holds(c->target, "hikae1/locked", "BYTES", 5));
    struct target_deletion item = {"hikae1/locked", NULL};
    struct told told = {0};
    ok(target_delete_many(&c->deleter, &item, 1, note_deletion, &told, &err), &err);
    assert_int_equal(told.refused, 1);
    assert_int_equal(told.why.class, ERROR_REFUSED);
}

static void test_counters(void **state)
{
    struct target_counters counters;
    struct error err = {0};
    struct buf out = {0};
    conformance_put(of(state)->target, "hikae1/a", "12345", 5);
    ok(target_get(of(state)->target, "hikae1/a", 10, &out, &err), &err);
    target_counters(of(state)->target, &counters);
    assert_true(counters.puts >= 1 && counters.gets == 1 && counters.lists == 0 && counters.deletes == 0);
    assert_int_equal(counters.bytes_down, 5);
    assert_int_equal(counters.retries, 0);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_named_by_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delete_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uploads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_counters, set_up, tear_down),
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
    };
    const struct CMUnitTest lock_tests[] = {
        cmocka_unit_test_setup_teardown(test_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_locked, set_up, tear_down),
    };
    if (argc < 4) {
        (void)fprintf(stderr, "usage: %s NAME BUCKET QUERY [WORD]…\n", argv[0]);
        return 2;
    }
    bucket = argv[2];
    query = argv[3];
    v2 = strstr(query, "signature=v2") != NULL;
    for (int i = 4; i < argc; i++) {
        has_locks = has_locks || strcmp(argv[i], "locks") == 0;
        has_versions = has_versions || strcmp(argv[i], "versions") == 0;
        locked = locked || strcmp(argv[i], "locked") == 0;
        has_once = has_once || strcmp(argv[i], "once") == 0;
    }
    if (locked)
        return cmocka_run_group_tests_name(argv[1], lock_tests, NULL, NULL);
    return cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
}
