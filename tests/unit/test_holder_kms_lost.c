/* A key that a key service made, or may have made, while its answer was lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/kms.h"
#include "kms_fixture.h"

/* What the caller of holder_make keeps, as it would across a crash: the last note of the key. */
static int note(enum holder_kind kind, uint32_t epoch, const json_t *params, void *context, struct error *err)
{
    json_t **last = context;
    (void)err;
    assert_int_equal(kind, HOLDER_KMS);
    assert_int_equal(epoch, 2);
    json_decref(*last);
    *last = json_deep_copy(params);
    return 0;
}

static int make(struct site *site, json_t **noted, struct holder_made *ret, struct error *err)
{
    const struct holder_occasion occasion = {
        .epoch = 2, .store = &store, .group = "cloud", .made = note, .made_context = noted};
    return holder_make(&site->holder, &occasion, ret, err);
}

static const char *text(const json_t *params, const char *name)
{
    return json_string_value(json_object_get(params, name));
}

/* Keys of others, so that the one that is looked for is on no first page. */
static void others(struct site *site, size_t count)
{
    struct error err = {0};
    for (size_t i = 0; i < count; i++) {
        struct holder_made made;
        const struct holder_occasion occasion = {.epoch = 1, .store = &store, .group = "cloud"};
        ok(holder_make(&site->holder, &occasion, &made, &err), &err);
        holder_made_clear(&made);
    }
}

static void test_it_is_found_and_taken(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct error err = {0};
    struct secret *key = NULL;
    json_t *noted = NULL;
    others(site, 5);
    size_t before = count_calls(site, "CreateKey");
    control(site, "lose", "{\"action\": \"CreateKey\"}");
    ok(make(site, &noted, &made, &err), &err);
    assert_int_equal(count_calls(site, "CreateKey") - before, 1);
    ok(holder_reach(&site->holder, 2, made.params, &key, &err), &err);
    assert_true(secret_equal(key, made.key));
    secret_free(key);
    /* What is stored for ever says nothing of how it was made; the note names the key by now. */
    assert_null(json_object_get(made.params, "making"));
    assert_string_equal(text(noted, "key"), text(made.params, "key"));
    json_decref(noted);
    holder_made_clear(&made);
}

static void test_it_is_destroyed_later(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_end end;
    struct error err = {0};
    json_t *noted = NULL;
    others(site, 3);
    /* Made, but nobody hears of it, and nobody may look for it. */
    control(site, "lose", "{\"action\": \"CreateKey\"}");
    control(site, "fail",
            "{\"action\": \"ListKeys\", \"status\": 400, \"code\": \"AccessDeniedException\", \"times\": 3}");
    size_t before = count_calls(site, "CreateKey");
    fails(make(site, &noted, &made, &err), &err, ERROR_UNREACHABLE, "the key service");
    assert_int_equal(count_calls(site, "CreateKey") - before, 1);
    assert_string_equal(text(noted, "key"), "");
    fails(holder_destroy(&site->holder, 2, noted, &end, &err), &err, ERROR_DENIED, "");
    assert_non_null(strstr(err.hint, text(noted, "making")));
    /* Later, it is found by its tag among others, and comes to its end; the others stay. */
    ok(holder_destroy(&site->holder, 2, noted, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_SCHEDULED);
    assert_true(end.final_ns > 0);
    assert_int_equal(count_calls(site, "ScheduleKeyDeletion"), 1);
    ok(holder_destroy(&site->holder, 2, noted, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_SCHEDULED);
    assert_int_equal(count_calls(site, "ScheduleKeyDeletion"), 1);
    control(site, "clock", "{\"days\": 8}");
    ok(holder_destroy(&site->holder, 2, noted, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_ABSENT);
    json_decref(noted);
}

/* It failed, and was never made: that is no key, and no second try either, which could make two. */
static void test_none_was_made(void **state)
{
    struct site *site = *state;
    struct holder_made made;
    struct holder_end end;
    struct error err = {0};
    json_t *noted = NULL;
    others(site, 1);
    control(site, "fail",
            "{\"action\": \"CreateKey\", \"status\": 500, \"code\": \"KMSInternalException\", \"times\": 9}");
    size_t before = count_calls(site, "CreateKey");
    fails(make(site, &noted, &made, &err), &err, ERROR_UNREACHABLE, "KMSInternal");
    assert_int_equal(count_calls(site, "CreateKey") - before, 1);
    ok(holder_destroy(&site->holder, 2, noted, &end, &err), &err);
    assert_int_equal(end.fate, HOLDER_FATE_ABSENT);
    json_decref(noted);
}

static void test_lists_that_lead_nowhere(void **state)
{
    struct site *site = *state;
    struct kms *kms = NULL;
    struct error err = {0};
    json_t *found = NULL;
    static const char *const pages[] = {"{\\\"Keys\\\": [], \\\"Truncated\\\": true}",
                                        "{\\\"Truncated\\\": true, \\\"NextMarker\\\": \\\"\\\"}",
                                        "{\\\"Truncated\\\": true, \\\"NextMarker\\\": 7}"};
    ok(kms_open(&site->options, &kms, &err), &err);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char json[256];
        (void)snprintf(json, sizeof(json), "{\"action\": \"ListKeys\", \"text\": \"%s\"}", pages[i]);
        control(site, "garble", json);
        fails(kms_find_tagged(kms, "a", "b", &found, &err), &err, ERROR_UNREACHABLE, "breaks its list");
    }
    /* The same marker twice: a loop. */
    for (int i = 0; i < 2; i++)
        control(site, "garble",
                "{\"action\": \"ListKeys\", \"text\": "
                "\"{\\\"Truncated\\\": true, \\\"NextMarker\\\": \\\"m\\\"}\"}");
    fails(kms_find_tagged(kms, "a", "b", &found, &err), &err, ERROR_UNREACHABLE, "breaks its list");
    assert_null(found);
    kms_close(kms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_found_and_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_destroyed_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none_was_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_that_lead_nowhere, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
