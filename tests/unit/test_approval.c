/* Which approvals count: a table of what may be wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "ops/operator_plan.h"

#include <stdio.h>
#include <string.h>

#define NOW   (INT64_C(1795000000) * NS_PER_S)
#define DAY   (24 * 3600 * NS_PER_S)
#define PLAN  "1111111111111111111111111111111111111111111111111111111111111111"
#define PLAN2 "2222222222222222222222222222222222222222222222222222222222222222"
#define TID   "0123456789abcdef0123456789abcdef"

enum { SATO, TANAKA, SATO_DEPUTY, REVOKED, STRANGER, PEOPLE };
static const char *const names[PEOPLE] = {"sato", "tanaka", "abe", "ito", "mori"};
static struct secret *seeds[PEOPLE];
static struct operator_item items[PEOPLE];
static const struct id store = {{1}}, other_store = {{2}};
static const struct approval_wanted wanted = {"purge", "acme", TID, "all", "keys", PLAN, 0};

static int make_people(void **state)
{
    (void)state;
    secret_init();
    for (int i = 0; i < PEOPLE; i++) {
        uint8_t public_key[ED25519_PUBLIC_SIZE];
        assert_int_equal(ed25519_generate(&seeds[i], public_key, NULL), 0);
        items[i] = (struct operator_item){.name = mem_strdup(names[i]), .since_ns = NOW - 100 * DAY};
        memcpy(items[i].key, public_key, sizeof(public_key));
        assert_int_equal(ed25519_keyid(public_key, items[i].keyid, NULL), 0);
    }
    items[SATO_DEPUTY].deputy_of = mem_strdup("sato");
    items[REVOKED].revoked_ns = NOW - DAY;
    return 0;
}

static int drop_people(void **state)
{
    (void)state;
    for (int i = 0; i < PEOPLE; i++) {
        secret_free(seeds[i]);
        mem_free(items[i].name);
        mem_free(items[i].deputy_of);
    }
    return 0;
}

/* One approval: by whom, of what, when. */
struct given {
    int who;
    int key; /* whose key signs; usually who's */
    struct approval_wanted what;
    bool elsewhere; /* for another store */
    int64_t time_ns, expires_ns;
    bool is_tampered; /* a byte of the payload changed after signing */
};

#define ALL_RIGHT(who_)                                                                                                \
    {                                                                                                                  \
        who_, who_, {"purge", "acme", TID, "all", "keys", PLAN, 0}, false, NOW - 1 * DAY, NOW + DAY, false             \
    }

static char *sign(const struct given *given)
{
    char *envelope = NULL;
    struct error err = {0};
    assert_int_equal(approval_sign(&given->what, &items[given->who], given->elsewhere ? &other_store : &store,
                                   seeds[given->key], given->time_ns, given->expires_ns, &envelope, &err),
                     0);
    if (given->is_tampered) {
        char *payload = strstr(envelope, "\"payload\":\"");
        assert_non_null(payload);
        /* Inside of base64, past `{"v":1,`: another digit of a value. */
        payload[30] = payload[30] == 'A' ? 'B' : 'A';
    }
    return envelope;
}

/* How many of these count, where all but the stranger are operators. */
static size_t judge(const struct approval_wanted *what, const struct given *given, size_t count, char note[static 200])
{
    const struct operators operators = {.items = items, .count = STRANGER};
    char *envelopes[8] = {0};
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    for (size_t i = 0; i < count; i++)
        envelopes[i] = sign(&given[i]);
    assert_int_equal(
        approval_judge(what, &operators, &store, NOW, (const char *const *)envelopes, count, &approvals, NULL), 0);
    for (size_t i = 0; i < count; i++)
        mem_free(envelopes[i]);
    memcpy(note, approvals.note, APPROVAL_NOTE_SIZE);
    return approvals.count;
}

static void test_counts(void **state)
{
    (void)state;
    struct given right = ALL_RIGHT(SATO);
    char note[APPROVAL_NOTE_SIZE];
    assert_int_equal(judge(&wanted, &right, 1, note), 1);
    assert_string_equal(note, "");
    const struct given two[] = {ALL_RIGHT(SATO), ALL_RIGHT(TANAKA)};
    assert_int_equal(judge(&wanted, two, 2, note), 2);
    /* The same key twice, and a deputy beside the one whose stead he signs in: one person. */
    const struct given twice[] = {ALL_RIGHT(SATO), ALL_RIGHT(SATO)};
    assert_int_equal(judge(&wanted, twice, 2, note), 1);
    const struct given stead[] = {ALL_RIGHT(SATO), ALL_RIGHT(SATO_DEPUTY)};
    assert_int_equal(judge(&wanted, stead, 2, note), 1);
    const struct given deputy[] = {ALL_RIGHT(SATO_DEPUTY), ALL_RIGHT(TANAKA)};
    assert_int_equal(judge(&wanted, deputy, 2, note), 2);
}

static void test_does_not_count(void **state)
{
    (void)state;
    struct {
        const char *name;
        struct given given;
        const char *note; /* "": it is not about this at all */
    } table[] = {
        {"another plan", ALL_RIGHT(SATO), "another plan"},
        {"another tenant", ALL_RIGHT(SATO), ""},
        {"another act", ALL_RIGHT(SATO), ""},
        {"another scope", ALL_RIGHT(SATO), "scope"},
        {"another method", ALL_RIGHT(SATO), "method"},
        {"another store", ALL_RIGHT(SATO), ""},
        {"expired", ALL_RIGHT(SATO), "expired"},
        {"expires this very instant", ALL_RIGHT(SATO), "expired"},
        {"dated in the future", ALL_RIGHT(SATO), "future"},
        {"for longer than may be", ALL_RIGHT(SATO), "times"},
        {"revoked", ALL_RIGHT(REVOKED), "revoked"},
        {"no operator", ALL_RIGHT(STRANGER), "no operator"},
        {"another's key under this name", ALL_RIGHT(SATO), "signature"},
        {"tampered with", ALL_RIGHT(SATO), "*"},
    };
    table[0].given.what.plan = PLAN2;
    table[1].given.what.tenant = "ffffffffffffffffffffffffffffffff";
    table[2].given.what.act = "hold-remove";
    table[3].given.what.scope = "backups";
    table[4].given.what.method = "deletion";
    table[5].given.elsewhere = true;
    table[6].given.expires_ns = NOW - DAY / 2;
    table[7].given.expires_ns = NOW;
    table[8].given.time_ns = NOW + DAY / 2;
    table[9].given.expires_ns = NOW + 40 * DAY;
    table[12].given.key = TANAKA;
    table[13].given.is_tampered = true;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char note[APPROVAL_NOTE_SIZE];
        if (judge(&wanted, &table[i].given, 1, note) != 0)
            fail_msg("counts: %s", table[i].name);
        if (table[i].note[0] != '*' &&
            (table[i].note[0] == '\0' ? note[0] != '\0' : strstr(note, table[i].note) == NULL))
            fail_msg("%s: note '%s'", table[i].name, note);
    }
}

/* A continued act needs no new approvals: they bind scope and method, and were good when it began. */
static void test_begun(void **state)
{
    (void)state;
    struct approval_wanted begun = wanted;
    char note[APPROVAL_NOTE_SIZE];
    begun.begun_ns = NOW - 2 * DAY;
    begun.plan = PLAN2;
    struct given early = ALL_RIGHT(REVOKED);
    early.time_ns = NOW - 3 * DAY;
    early.expires_ns = NOW - DAY;
    /* Expired since, and the operator was revoked after the act had begun. */
    assert_int_equal(judge(&begun, &early, 1, note), 1);
    /* Revoked before it began. */
    begun.begun_ns = NOW - DAY / 2;
    early.expires_ns = NOW;
    assert_int_equal(judge(&begun, &early, 1, note), 0);
    /* Another scope never does. */
    begun.begun_ns = NOW - 2 * DAY;
    early = (struct given)ALL_RIGHT(SATO);
    assert_int_equal(judge(&begun, &early, 1, note), 1);
    begun.scope = "more than was approved";
    assert_int_equal(judge(&begun, &early, 1, note), 0);
}

static void test_garbage(void **state)
{
    (void)state;
    const struct operators operators = {.items = items, .count = STRANGER};
    const char *const envelopes[] = {
        "", "{}", "[1]", "{\"payload\":\"e30=\",\"payloadType\":\"x\",\"signatures\":[{\"sig\":\"aGk=\"}]}",
        "{\"payload\":\"AA==\",\"payloadType\":\"" APPROVAL_TYPE "\",\"signatures\":[{\"sig\":\"aGk=\"}]}"};
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    assert_int_equal(approval_judge(&wanted, &operators, &store, NOW, envelopes, 5, &approvals, NULL), 0);
    assert_int_equal(approvals.count, 0);
}

/* Texts do not run into each other. */
static void test_hash(void **state)
{
    (void)state;
    char a[APPROVAL_HASH_SIZE], b[APPROVAL_HASH_SIZE];
    assert_int_equal(approval_hash((const char *const[]){"ab", "c", NULL}, a, NULL), 0);
    assert_int_equal(approval_hash((const char *const[]){"a", "bc", NULL}, b, NULL), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 64);
}

/* ---- The records of operators, replayed ---- */

static char *body_of(const char *event, const struct operator_item *item, const char *const *envelopes, size_t count)
{
    CLEANUP_JSON json_t *list = json_array();
    CLEANUP_FREE char *key = base64_encode(item->key, sizeof(item->key));
    char *text = NULL;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_array_append_new(list, json_string(envelopes[i])), 0);
    CLEANUP_JSON json_t *body = json_pack("{s:i, s:s, s:s, s:s, s:s?, s:O}", "v", 1, "event", event, "name", item->name,
                                          "key", key, "deputy_of", item->deputy_of, "approvals", list);
    assert_int_equal(json_print(body, &text, NULL), 0);
    return text;
}

/* The signature of one operator under an addition or revocation. */
static char *approve_change(const char *act, const struct operator_item *item, int who, int64_t time_ns)
{
    char plan[APPROVAL_HASH_SIZE];
    char *envelope = NULL;
    assert_int_equal(operator_plan(act, &store, item, plan, NULL), 0);
    const struct approval_wanted what = {act, item->name, "", item->name, "", plan, 0};
    assert_int_equal(approval_sign(&what, &items[who], &store, seeds[who], time_ns, time_ns + DAY, &envelope, NULL), 0);
    return envelope;
}

/* A record in the order of the history. The body is taken over. */
struct told {
    struct history_fact facts[8];
    size_t count;
};

static void tell(struct told *told, const char *event, int who, const char *const *envelopes, size_t count)
{
    struct history_fact *fact = &told->facts[told->count++];
    *fact = (struct history_fact){.type = RECORD_OPERATOR,
                                  .key = (char *)names[who],
                                  .body = body_of(event, &items[who], envelopes, count),
                                  .time_ns = NOW,
                                  .sequence = told->count};
}

static void read_operators(const struct told *told, struct operators *ret)
{
    struct hikae engine = {.store.store = store};
    struct session session = {.hikae = &engine};
    session.chain.history.past = (struct history_fact *)told->facts;
    session.chain.history.past_count = told->count;
    operators_clear(ret);
    assert_int_equal(operators_read(&session, ret, NULL), 0);
}

static void test_operators(void **state)
{
    (void)state;
    struct told told = {.count = 0};
    CLEANUP(operators_clear) struct operators read = {0};
    char *by_sato = approve_change("operator-add", &items[REVOKED], SATO, NOW);
    char *by_tanaka = approve_change("operator-add", &items[REVOKED], TANAKA, NOW);
    char *by_deputy = approve_change("operator-add", &items[REVOKED], SATO_DEPUTY, NOW);
    /* The second and the third are added while one person is an operator. */
    tell(&told, "add", SATO, NULL, 0);
    tell(&told, "add", SATO_DEPUTY, NULL, 0);
    tell(&told, "add", TANAKA, NULL, 0);
    /* From then on: without signatures, with those of somebody else's addition, with those of one person. */
    tell(&told, "add", STRANGER, NULL, 0);
    tell(&told, "add", STRANGER, (const char *const[]){by_sato, by_tanaka}, 2);
    tell(&told, "add", REVOKED, (const char *const[]){by_sato, by_deputy}, 2);
    read_operators(&told, &read);
    assert_int_equal(read.count, 3);
    assert_int_equal(operators_people(&read), 2);
    assert_int_equal(read.disregarded, 3);

    tell(&told, "add", REVOKED, (const char *const[]){by_sato, by_tanaka}, 2);
    read_operators(&told, &read);
    assert_int_equal(read.count, 4);
    assert_int_equal(operators_people(&read), 3);
    assert_true(operators_find(&read, "ito")->is_signed);
    /* A revocation that leaves one person does not count, whoever signs. */
    assert_non_null(operator_fault(&read, "add", &items[REVOKED]));
    assert_null(operator_fault(&read, "revoke", &items[REVOKED]));
    read.items[3].revoked_ns = 1;
    assert_non_null(operator_fault(&read, "revoke", &items[TANAKA]));
    assert_null(operator_fault(&read, "revoke", &items[SATO_DEPUTY]));
    for (size_t i = 0; i < told.count; i++)
        mem_free(told.facts[i].body);
    mem_free(by_sato);
    mem_free(by_tanaka);
    mem_free(by_deputy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_does_not_count), cmocka_unit_test(test_begun),
        cmocka_unit_test(test_garbage), cmocka_unit_test(test_hash),           cmocka_unit_test(test_operators),
    };
    return cmocka_run_group_tests(tests, make_people, drop_people);
}
