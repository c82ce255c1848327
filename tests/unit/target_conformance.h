/*
 * What every driver of targets must do, as checks that run on an opened,
 * empty target. A driver's test opens one in its set-up function, puts a
 * `struct conformance` in *state, and lists TARGET_CONFORMANCE_TESTS.
 * The checks write below "hikae1/" only.
 */
#ifndef HIKAE_TESTS_TARGET_CONFORMANCE_H
#define HIKAE_TESTS_TARGET_CONFORMANCE_H

#include "target/delete.h"

struct conformance {
    struct target *target;
    struct target_deleter deleter;
};

void conformance_round_trip(void **state);
void conformance_missing(void **state);
void conformance_ranges(void **state);
void conformance_get_limit(void **state);
void conformance_create_keeps(void **state);
void conformance_create_other_size(void **state);
void conformance_repair(void **state);
void conformance_put_checked(void **state);
void conformance_list(void **state);
void conformance_list_model(void **state);
void conformance_list_stops(void **state);
void conformance_list_folders(void **state);
void conformance_delete(void **state);
void conformance_names_refused(void **state);
void conformance_same_object_at_once(void **state);
void conformance_many_objects_at_once(void **state);
void conformance_put_and_delete_at_once(void **state);
void conformance_facts(void **state);

/* clang-format off */
#define TARGET_CONFORMANCE_TESTS(setup, teardown) \
    cmocka_unit_test_setup_teardown(conformance_round_trip, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_missing, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_ranges, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_get_limit, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_create_keeps, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_create_other_size, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_repair, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_put_checked, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_list, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_list_model, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_list_stops, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_list_folders, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_delete, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_names_refused, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_same_object_at_once, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_many_objects_at_once, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_put_and_delete_at_once, setup, teardown), \
    cmocka_unit_test_setup_teardown(conformance_facts, setup, teardown)
/* clang-format on */

/* Helpers that tests of drivers use, too. Each fails the test when the call fails. */
void conformance_put(struct target *target, const char *name, const void *bytes, size_t size);
/* Is the object there with exactly these bytes? */
bool conformance_holds(struct target *target, const char *name, const void *bytes, size_t size);
/* The names that a listing gives, each followed by '\n', as one string in fresh memory (free with mem_free). */
char *conformance_listing(struct target *target, const char *prefix, const char *after);

#endif
