/* The plan of an erasure is a pure function: what forbids it, what it says, and that its hash is of all of it. */
#include "base/mem.h"
#include "ops/purge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795255200000000000) /* 2026-11-21T10:00:00Z */

static json_t *holder(const char *group, const char *name, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "name", name, "kind", kind);
}

/* What a test changes of an ordinary case. */
struct variant {
    const char *what;
    const char *state;
    const char *hold_until; /* NULL: no hold; "": one without end */
    const char *contract;   /* the record of its end; NULL: it does not end */
    const char *without;
    const char *kind; /* of the only member of the second group */
    enum error_class class;
};

static int make(const struct variant *variant, json_t **ret, struct error *err)
{
    char name[] = "acme", state[16], who[] = "court", why[] = "case 12", until[40];
    (void)snprintf(state, sizeof(state), "%s", variant->state);
    (void)snprintf(until, sizeof(until), "%s", variant->hold_until != NULL ? variant->hold_until : "");
    struct history_hold hold = {.id = "h", .who = who, .why = why, .until = until[0] != '\0' ? until : NULL};
    struct history_snapshot snapshots[3] = {{.retired = true}, {.retired = false}, {.retired = false}};
    const struct history history = {.has_tenant = true,
                                    .tenant = {.name = name, .state = state},
                                    .snapshots = snapshots,
                                    .snapshot_count = 3,
                                    .holds = &hold,
                                    .hold_count = variant->hold_until != NULL};
    json_t *contract CLEANUP_JSON = NULL;
    if (variant->contract != NULL && json_parse(variant->contract, strlen(variant->contract), &contract, err) != 0)
        return -1;
    json_t *targets CLEANUP_JSON = json_pack("[{s:s, s:s, s:i}]", "target", "a", "state", "listed", "objects", 3);
    json_t *epochs CLEANUP_JSON = json_pack("[{s:i, s:s, s:[o, o]}]", "epoch", 4, "state", "in force", "holders",
                                            holder("machine", "key", "file"), holder("second", "other", variant->kind));
    json_t *survivors CLEANUP_JSON = json_array();
    const struct purge_view view = {.store = "00",
                                    .tenant = "11",
                                    .name = name,
                                    .requester = "mori",
                                    .without_contract = variant->without,
                                    .contract = contract,
                                    .now_ns = NOW,
                                    .history = &history,
                                    .targets = targets,
                                    .epochs = epochs,
                                    .survivors = survivors,
                                    .needs_deletion = true};
    return purge_plan_make(&view, ret, err);
}

static const char ended[] = "{\"v\":1,\"event\":\"end\",\"on\":\"2026-11-19\",\"ends\":\"2026-11-20T00:00:00Z\","
                            "\"deadline\":\"2026-12-20T00:00:00Z\"}";

static void test_what_forbids_it(void **state)
{
    static const struct variant table[] = {
        {"an ended contract", "active", NULL, ended, NULL, "sheet", ERROR_NONE},
        {"a reason without a contract", "active", NULL, NULL, "asked", "sheet", ERROR_NONE},
        {"a frozen tenant", "frozen", NULL, ended, NULL, "pkcs11", ERROR_NONE},
        {"no contract, no reason", "active", NULL, NULL, NULL, "sheet", ERROR_REFUSED},
        {"a contract that ends later", "active", NULL,
         "{\"v\":1,\"event\":\"end\",\"on\":\"2026-11-21\",\"ends\":\"2026-11-22T00:00:00Z\"}", NULL, "sheet",
         ERROR_REFUSED},
        {"an end without a date", "active", NULL, "{\"v\":1,\"event\":\"end\"}", NULL, "sheet", ERROR_REFUSED},
        {"a hold without end", "active", "", ended, NULL, "sheet", ERROR_REFUSED},
        {"a hold, though there is a reason", "active", "2026-12-31T00:00:00Z", NULL, "asked", "sheet", ERROR_REFUSED},
        {"a hold whose end nobody can read", "active", "some day", ended, NULL, "sheet", ERROR_REFUSED},
        {"a hold that is over", "active", "2026-11-20T00:00:00Z", ended, NULL, "sheet", ERROR_NONE},
        {"a tenant that is erased", "erased", NULL, ended, NULL, "sheet", ERROR_REFUSED},
        {"a group of a passphrase alone", "active", NULL, ended, NULL, "passphrase", ERROR_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct error err = {0};
        json_t *plan = NULL;
        int rc = make(&table[i], &plan, &err);
        if (rc == 0 ? table[i].class != ERROR_NONE : err.class != table[i].class)
            fail_msg("%s: %s", table[i].what, rc == 0 ? "there is a plan" : err.what);
        json_decref(plan);
    }
}

static void test_what_it_says(void **state)
{
    const struct variant ordinary = {"", "active", NULL, ended, NULL, "sheet", ERROR_NONE};
    json_t *plan CLEANUP_JSON = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(make(&ordinary, &plan, &err), 0);
    const json_t *scope = json_object_get(plan, "scope"), *people = json_object_get(plan, "people");
    assert_int_equal(json_integer_value(json_object_get(scope, "snapshots")), 2);
    assert_int_equal(json_integer_value(json_object_get(scope, "retired_snapshots")), 1);
    assert_int_equal(json_array_size(people), 2); /* backups of the key file, and the sheet */
    assert_string_equal(json_string_value(json_object_get(json_object_get(plan, "contract"), "deadline")),
                        "2026-12-20T00:00:00Z");
    assert_string_equal(json_string_value(json_object_get(json_object_get(plan, "method"), "met_by")), "deletion");
}

static void test_its_hash(void **state)
{
    const struct variant ordinary = {"", "active", NULL, ended, NULL, "sheet", ERROR_NONE};
    const struct variant other = {"", "active", NULL, ended, NULL, "pkcs11", ERROR_NONE};
    json_t *plan CLEANUP_JSON = NULL, *again CLEANUP_JSON = NULL, *different CLEANUP_JSON = NULL;
    char first[2 * HASH_SIZE + 1], second[2 * HASH_SIZE + 1], third[2 * HASH_SIZE + 1];
    char *texts[3] = {NULL};
    struct error err = {0};
    (void)state;
    assert_int_equal(make(&ordinary, &plan, &err), 0);
    assert_int_equal(make(&ordinary, &again, &err), 0);
    assert_int_equal(make(&other, &different, &err), 0);
    assert_int_equal(purge_plan_text(plan, &texts[0], first, &err), 0);
    /* Read back from its own text, in whatever order the members come. */
    json_t *parsed CLEANUP_JSON = NULL;
    assert_int_equal(json_parse(texts[0], strlen(texts[0]), &parsed, &err), 0);
    assert_int_equal(purge_plan_text(parsed, &texts[1], second, &err), 0);
    assert_int_equal(purge_plan_text(different, &texts[2], third, &err), 0);
    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
    assert_null(strchr(texts[0], '\n'));
    for (size_t i = 0; i < 3; i++)
        mem_free(texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_forbids_it),
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
