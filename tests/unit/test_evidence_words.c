/* What evidence says: sentences of each kind, the table for people, the controls of standards. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "evidence_fixture.h"

/* An item is about aspects that its rule has, or about all of it: a word of no rule would be asked for in vain. */
static void check_aspects(const char *rule, const struct hikae_evidence_item *item)
{
    char word[32];
    for (const char *p = item->aspects; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        (void)snprintf(word, sizeof(word), "%.*s", (int)size, p);
        if (!policy_text_has_word(policy_rule_aspects(rule), word))
            fail_msg("%s: the rule %s has no aspect %s", item->kind, rule, word);
        p += size;
    }
}

/* Every kind that a judge gives has its sentences. */
static void test_sentences(void **state)
{
    struct evidence_world *f = *state;
    f->snapshots[17].on_demand = true;
    judge(f);
    for (size_t i = 0; i < f->ret.promise_count; i++)
        for (size_t k = 0; k < f->ret.promises[i].rule_count; k++)
            for (size_t n = 0; n < f->ret.promises[i].rules[k]->item_count; n++) {
                const char *kind = f->ret.promises[i].rules[k]->items[n].kind;
                assert_string_not_equal(hikae_evidence_sentence(kind, false), kind);
                assert_string_not_equal(hikae_evidence_sentence(kind, true), kind);
                check_aspects(f->ret.promises[i].rules[k]->rule, &f->ret.promises[i].rules[k]->items[n]);
            }
}

static void test_controls(void **state)
{
    struct evidence_world *f = *state;
    CLEANUP(controls_clear) struct controls controls = {0};
    static const char good[] =
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [drills, logs]}\n";
    static const char *const bad[] = {
        "schema: 2\ncontrols: []\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [dril]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [logs, logs]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: []}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, rules: [logs]}\n",
        "schema: 1\ncontrols:\n  - {standard: S, control: \"1\", ja: a, en: b, rules: [logs]}\n"
        "  - {standard: S, control: \"1\", ja: a, en: b, rules: [drills]}\n",
        "schema: 1\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(controls_parse("c.yaml", bad[i], strlen(bad[i]), &controls, NULL), -1);
    assert_int_equal(controls_parse("c.yaml", good, strlen(good), &controls, NULL), 0);
    judge(f);
    evidence_add_controls(&controls, &f->arena, &f->ret);
    assert_int_equal(promise(f, "drilled")->control_count, 1);
    assert_int_equal(promise(f, "logs")->control_count, 1);
    assert_int_equal(promise(f, "nightly")->control_count, 0);
    controls_clear(&controls);
    assert_int_equal(controls_load("policies/controls/iso.yaml", &controls, NULL), 0);
    assert_true(controls.count > 15);
}

static int take_bytes(const void *bytes, size_t size, void *context)
{
    char *text = context;
    size_t used = strlen(text);
    assert_true(used + size < 4096);
    memcpy(text + used, bytes, size);
    text[used + size] = '\0';
    return 0;
}

/* Names and titles come from people: what they write is neither a formula nor another column. */
static void test_csv(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } rows[] = {{"plain", "plain"},
                {"a, b", "\"a, b\""},
                {"a \"b\"", "\"a \"\"b\"\"\""},
                {"a\r\nb", "\"a\r\nb\""},
                {"=1+1", "'=1+1"},
                {"=\"x\"", "\"'=\"\"x\"\"\""},
                {"+1", "'+1"},
                {"-1", "'-1"},
                {"@x", "'@x"},
                {"\t=1", "'\t=1"},
                {"\r=1", "\"'\r=1\""},
                {"＝1", "'＝1"},
                {"＠x", "'＠x"},
                {"鍵", "鍵"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[4096] = "", wanted[4096];
        const struct hikae_evidence_item item = {.kind = "document", .result = HIKAE_ATTESTED, .about = rows[i].text};
        const struct hikae_evidence_promise made = {
            .policy = "p", .id = "a", .result = HIKAE_ATTESTED, .attestations = &item, .attestation_count = 1};
        const struct hikae_evidence evidence = {.promises = &made, .promise_count = 1};
        assert_int_equal(hikae_evidence_csv(&evidence, i % 2 == 1, take_bytes, text, NULL), HIKAE_OK);
        (void)snprintf(
            wanted, sizeof(wanted),
            "policy,promise,promise_result,rule,result,kind,what,tenant,about,date,due,done,detail,audit_log,"
            "audit_sequence\r\np,a,attested,,attested,document,%s,,%s,,,,,,\r\n",
            hikae_evidence_sentence("document", i % 2 == 1), rows[i].field);
        assert_string_equal(text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sentences),
        TEST(test_controls),
        cmocka_unit_test(test_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
