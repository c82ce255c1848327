/* The wrapper that other tests rely on: without faults it conforms, and each fault does what it says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "faulty_target.h"
#include "scratch.h"
#include "target_conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct conformance conformance; /* first: the conformance checks take it */
    char folder[256];
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    struct error err = {0};
    char url[300];
    struct target *inner = NULL;
    if (f == NULL)
        return -1;
    if (scratch_make(f->folder, sizeof(f->folder), "test") != 0)
        return -1;
    (void)snprintf(url, sizeof(url), "file://%s", f->folder);
    if (target_open("disk", url, true, &inner, &err) != 0)
        return -1;
    f->conformance.target = faulty_target_new(inner);
    f->conformance.deleter.target = f->conformance.target;
    *state = f;
    return f->conformance.target != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    target_close(f->conformance.target);
    int rc = file_remove_tree(f->folder, &err);
    mem_free(f);
    return rc;
}

static struct target *target_of(void **state)
{
    return ((struct fixture *)*state)->conformance.target;
}

static int put_class(struct target *target, const char *name, const char *text)
{
    struct error err = {0};
    return target_put(target, name, text, strlen(text), TARGET_PUT_CREATE, &err) == 0 ? ERROR_NONE : (int)err.class;
}

static int get_class(struct target *target, const char *name)
{
    struct error err = {0};
    struct buf out = {0};
    int class = target_get(target, name, 1000, &out, &err) == 0 ? ERROR_NONE : (int)err.class;
    buf_free(&out);
    return class;
}

static void test_faults_of_put(void **state)
{
    struct target *t = target_of(state);
    struct target *inner = faulty_target_inner(t);
    faulty_target_add(t, (struct fault){.kind = FAULT_LOSE, .calls = FAULTY_PUT, .match = "lost"});
    faulty_target_add(t, (struct fault){.kind = FAULT_TRUNCATE, .calls = FAULTY_PUT, .match = "short", .amount = 2});
    faulty_target_add(t, (struct fault){.kind = FAULT_FLIP, .calls = FAULTY_PUT, .match = "flip", .amount = 1});
    faulty_target_add(t, (struct fault){.kind = FAULT_FAIL, .match = "denied", .class = ERROR_DENIED});
    faulty_target_add(t, (struct fault){.kind = FAULT_LOST_ANSWER, .calls = FAULTY_PUT, .match = "answer"});
    assert_int_equal(put_class(t, "hikae1/lost", "abcd"), ERROR_NONE);
    assert_int_equal(get_class(inner, "hikae1/lost"), ERROR_NOT_FOUND);
    assert_int_equal(put_class(t, "hikae1/short", "abcd"), ERROR_NONE);
    assert_true(conformance_holds(t, "hikae1/short", "ab", 2));
    assert_int_equal(put_class(t, "hikae1/flip", "abcd"), ERROR_NONE);
    assert_true(conformance_holds(t, "hikae1/flip", "accd", 4));
    assert_int_equal(put_class(t, "hikae1/denied", "abcd"), ERROR_DENIED);
    assert_int_equal(get_class(inner, "hikae1/denied"), ERROR_NOT_FOUND);
    assert_int_equal(put_class(t, "hikae1/answer", "abcd"), ERROR_UNREACHABLE);
    assert_true(conformance_holds(t, "hikae1/answer", "abcd", 4));
    assert_int_equal(faulty_target_hits(t), 5);
    assert_int_equal(faulty_target_calls(t, FAULTY_PUT), 5);
}

static void test_faults_of_get(void **state)
{
    struct target *t = target_of(state);
    struct error err = {0};
    conformance_put(t, "hikae1/one", "1111", 4);
    conformance_put(t, "hikae1/two", "22", 2);
    faulty_target_add(t, (struct fault){.kind = FAULT_SWAP, .match = "hikae1/one", .other = "hikae1/two"});
    assert_true(conformance_holds(t, "hikae1/one", "22", 2));
    assert_true(conformance_holds(t, "hikae1/two", "1111", 4));
    uint64_t size = 0;
    assert_int_equal(target_stat(t, "hikae1/one", &size, &err), 0);
    assert_int_equal(size, 2);
    faulty_target_clear(t);
    faulty_target_add(t, (struct fault){.kind = FAULT_HIDE, .match = "one"});
    assert_int_equal(get_class(t, "hikae1/one"), ERROR_NOT_FOUND);
    assert_int_equal(target_stat(t, "hikae1/one", &size, &err), -1);
    char *names = conformance_listing(t, "hikae1/", NULL);
    assert_string_equal(names, "hikae1/two\n");
    mem_free(names);
    faulty_target_clear(t);
    faulty_target_add(t, (struct fault){.kind = FAULT_FLIP, .calls = FAULTY_GET, .times = 1, .amount = 99});
    assert_true(conformance_holds(t, "hikae1/one", "1110", 4));
    assert_true(conformance_holds(t, "hikae1/one", "1111", 4));
    faulty_target_clear(t);
    faulty_target_add(t, (struct fault){.kind = FAULT_TRUNCATE, .calls = FAULTY_LIST, .amount = 1});
    names = conformance_listing(t, "hikae1/", NULL);
    assert_string_equal(names, "hikae1/one\n");
    mem_free(names);
}

static void test_every_nth(void **state)
{
    struct target *t = target_of(state);
    char classes[13] = "";
    conformance_put(t, "hikae1/x", "x", 1);
    faulty_target_add(t, (struct fault){.kind = FAULT_FAIL, .calls = FAULTY_GET, .skip = 2, .every = 3, .times = 2});
    for (unsigned i = 0; i < 12; i++)
        classes[i] = get_class(t, "hikae1/x") == ERROR_NONE ? '.' : 'X';
    assert_string_equal(classes, "....X..X....");
}

static void test_delay(void **state)
{
    struct target *t = target_of(state);
    faulty_target_add(t, (struct fault){.kind = FAULT_DELAY, .calls = FAULTY_PUT, .amount = 30});
    int64_t start = clock_monotonic_ns();
    conformance_put(t, "hikae1/x", "x", 1);
    assert_true(clock_monotonic_ns() - start >= INT64_C(30000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults_of_put, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults_of_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_nth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delay, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
