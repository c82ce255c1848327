#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "ops/engine.h"

#include <stdio.h>
#include <string.h>

static void note(struct problems *problems, enum error_class class, unsigned number)
{
    char path[32];
    struct error err = {0};
    (void)snprintf(path, sizeof(path), "%u", number);
    (void)error_set(&err, class, "of %u", number);
    const struct bytes bytes = {(const uint8_t *)path, strlen(path)};
    problems_note(&bytes, &err, problems);
}

static size_t count_status(const struct hikae_entry_error *items, size_t count, enum hikae_status status)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += items[i].status == status;
    return found;
}

/* A thousand are kept. What is said of data is among them, whenever it comes; a drill judges by it. */
static void test_worst_are_kept(void **state)
{
    (void)state;
    struct hikae hikae = {0};
    struct problems problems;
    struct hikae_entry_error *items;
    size_t count;
    uint64_t total;
    assert_int_equal(pthread_mutex_init(&hikae.observer_mutex, NULL), 0);
    problems_init(&problems, &hikae);
    note(&problems, ERROR_DAMAGED, 0);
    for (unsigned i = 1; i < 1500; i++)
        note(&problems, ERROR_KEYS, i);
    note(&problems, ERROR_DAMAGED, 1500);
    note(&problems, ERROR_UNREACHABLE, 1501);
    note(&problems, ERROR_KEYS, 1502);
    problems_take(&problems, &items, &count, &total);
    assert_int_equal(total, 1503);
    assert_int_equal(count, PROBLEMS_KEPT);
    assert_int_equal(count_status(items, count, HIKAE_DAMAGED), 2);
    assert_int_equal(count_status(items, count, HIKAE_UNKNOWN), 1);
    assert_string_equal(items[1].path, "1500");
    assert_string_equal(items[2].message, "of 1501");
    entry_errors_free(items, count);
    problems_init(&problems, &hikae);
    for (unsigned i = 0; i < 1200; i++)
        note(&problems, i < 1000 ? ERROR_UNREACHABLE : ERROR_DAMAGED, i);
    problems_take(&problems, &items, &count, &total);
    assert_int_equal(count_status(items, count, HIKAE_DAMAGED), 200);
    entry_errors_free(items, count);
    problems_init(&problems, &hikae);
    for (unsigned i = 0; i < 1200; i++)
        note(&problems, ERROR_DAMAGED, i);
    problems_take(&problems, &items, &count, &total);
    assert_int_equal(count, PROBLEMS_KEPT);
    assert_string_equal(items[999].path, "999");
    entry_errors_free(items, count);
    assert_int_equal(pthread_mutex_destroy(&hikae.observer_mutex), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_worst_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
