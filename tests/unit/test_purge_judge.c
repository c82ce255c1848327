/* What the ends of holders come to, and whether everybody else's keys are proved safe: pure rules, as tables. */
#include "ops/purge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T(text) "\"2026-11-2" text "T00:00:00Z\""
#define ROW(epoch, group, fate, after, more)                                                                           \
    "{\"epoch\":" epoch ",\"group\":\"" group "\",\"fate\":\"" fate "\",\"after\":\"" after "\"" more "}"

static int64_t instant(const char *text)
{
    int64_t ns = 0;
    if (text[0] != '\0')
        assert_int_equal(clock_parse(text, &ns, NULL), 0);
    return ns;
}

static void test_ends(void **state)
{
    static const struct {
        const char *what, *rows;
        bool unknown, final;
        const char *since, *ends;
    } table[] = {
        {"no holder at all claims nothing", "[]", false, false, "", ""},
        {"a file alone", "[" ROW("1", "a", "destroyed", "not-here", ",\"at\":" T("1")) "]", false, true,
         "2026-11-21T00:00:00Z", ""},
        {"a sheet is left to people",
         "[" ROW("1", "a", "destroyed", "wrong", ",\"at\":" T("1")) "," ROW("1", "p", "people", "not-here", "") "]",
         false, false, "2026-11-21T00:00:00Z", ""},
        {"until they say that it is gone",
         "[" ROW("1", "a", "destroyed", "wrong", ",\"at\":" T("1")) "," ROW("1", "p", "declared", "not-here", "") "]",
         false, true, "2026-11-21T00:00:00Z", ""},
        {"people's word against what opens", "[" ROW("1", "p", "declared", "opens", "") "]", true, false, "", ""},
        {"one member gone shuts a group",
         "[" ROW("1", "a", "people", "not-here", "") "," ROW("1", "a", "destroyed", "wrong", ",\"at\":" T("2")) "]",
         false, true, "2026-11-22T00:00:00Z", ""},
        {"but not another group of that name in another epoch",
         "[" ROW("1", "a", "destroyed", "wrong", ",\"at\":" T("2")) "," ROW("2", "a", "people", "not-here", "") "]",
         false, false, "2026-11-22T00:00:00Z", ""},
        {"a key service's end is to come",
         "[" ROW("1", "a", "destroyed", "wrong", ",\"at\":" T("1")) "," ROW("1", "k", "scheduled", "wrong",
                                                                            ",\"at\":" T("1") ",\"final\":" T("8")) "]",
         false, false, "2026-11-21T00:00:00Z", "2026-11-28T00:00:00Z"},
        {"the last of two of them counts",
         "[" ROW("1", "j", "scheduled", "wrong", ",\"at\":" T("1") ",\"final\":" T("9")) "," ROW(
             "1", "k", "scheduled", "wrong", ",\"at\":" T("2") ",\"final\":" T("8")) "]",
         false, false, "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"},
        {"in one group the first of two does",
         "[" ROW("1", "k", "scheduled", "wrong", ",\"at\":" T("1") ",\"final\":" T("9")) "," ROW(
             "1", "k", "scheduled", "wrong", ",\"at\":" T("2") ",\"final\":" T("8")) "]",
         false, false, "2026-11-22T00:00:00Z", "2026-11-28T00:00:00Z"},
        {"a group shut for good needs no such end",
         "[" ROW("1", "k", "scheduled", "wrong", ",\"at\":" T("1") ",\"final\":" T("9")) "," ROW("1", "k", "absent",
                                                                                                 "wrong", "") "]",
         false, true, "2026-11-21T00:00:00Z", ""},
        {"silence claims nothing", "[" ROW("1", "a", "unknown", "unknown", "") "]", true, false, "", ""},
        {"nor does what still opens", "[" ROW("1", "a", "refused", "opens", "") "]", true, false, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        json_t *rows CLEANUP_JSON = NULL;
        struct purge_judgement judgement;
        assert_int_equal(json_parse(table[i].rows, strlen(table[i].rows), &rows, NULL), 0);
        if (rows == NULL)
            fail_msg("%s: no JSON", table[i].what);
        purge_judge(rows, &judgement);
        if (judgement.unknown != table[i].unknown || judgement.final != table[i].final ||
            judgement.since_ns != instant(table[i].since) || judgement.final_ns != instant(table[i].ends))
            fail_msg("%s: unknown %d, final %d, since %lld, ends %lld", table[i].what, judgement.unknown,
                     judgement.final, (long long)judgement.since_ns, (long long)judgement.final_ns);
    }
}

#define TARGET(name, sound, elsewhere) "{\"target\":\"" name "\",\"sound\":" sound ",\"elsewhere\":" elsewhere "}"

static void test_read_back(void **state)
{
    static const struct {
        const char *what, *rows;
        size_t min_copies;
        enum error_class class;
    } table[] = {
        {"two folders here", "[" TARGET("a", "true", "false") "," TARGET("b", "true", "false") "]", 2, ERROR_NONE},
        {"one of them is behind", "[" TARGET("a", "true", "false") "," TARGET("b", "false", "false") "]", 2,
         ERROR_REFUSED},
        {"which does where one is enough", "[" TARGET("a", "true", "false") "," TARGET("b", "false", "false") "]", 1,
         ERROR_NONE},
        {"one elsewhere", "[" TARGET("a", "true", "false") "," TARGET("b", "true", "true") "]", 2, ERROR_NONE},
        {"the only one elsewhere is away",
         "[" TARGET("a", "true", "false") "," TARGET("b", "false", "true") "," TARGET("c", "true", "false") "]", 2,
         ERROR_UNREACHABLE},
        {"one of two elsewhere is away",
         "[" TARGET("a", "true", "false") "," TARGET("b", "false", "true") "," TARGET("c", "true", "true") "]", 2,
         ERROR_NONE},
        {"none at all", "[]", 1, ERROR_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        json_t *rows CLEANUP_JSON = NULL;
        struct error err = {0};
        assert_int_equal(json_parse(table[i].rows, strlen(table[i].rows), &rows, NULL), 0);
        int rc = purge_check_read_back(rows, table[i].min_copies, &err);
        if (rc == 0 ? table[i].class != ERROR_NONE : err.class != table[i].class)
            fail_msg("%s: %s", table[i].what, rc == 0 ? "passes" : err.what);
    }
}

/* Nobody's words are missing: what says a code in English says it in Japanese, too. */
static void test_words(void **state)
{
    static const char *const codes[] = {"scope-keys",   "worth-file",    "worth-sheet",  "worth-passphrase",
                                        "worth-pkcs11", "worth-aws-kms", "people-sheet", "verification",
                                        "left-locked",  "state-opens"};
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const char *ja = hikae_purge_phrase(codes[i], "ja");
        if (ja == NULL || (unsigned char)ja[0] < 0x80)
            fail_msg("%s has no Japanese words", codes[i]);
    }
    assert_null(hikae_purge_phrase("no such code", "ja"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
