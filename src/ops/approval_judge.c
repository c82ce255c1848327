/* The statement that operators sign, and which of those given count. No store, no clock of its own. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "ops/approval.h"

#include <stdio.h>

/* A host whose clock is a little ahead signs all the same. */
#define AHEAD_MAX_NS (5 * 60 * NS_PER_S)
#define LIFE_MAX_NS  (APPROVAL_DAYS_MAX * 24 * 3600 * NS_PER_S)

void approvals_clear(struct approvals *approvals)
{
    for (size_t i = 0; i < approvals->count; i++) {
        mem_free(approvals->items[i].operator_name);
        mem_free(approvals->items[i].person);
        mem_free(approvals->items[i].envelope);
    }
    mem_free(approvals->items);
    *approvals = (struct approvals){0};
}

char *approvals_names(const struct approvals *approvals)
{
    char *all = mem_strdup("");
    for (size_t i = 0; i < approvals->count && all != NULL; i++) {
        char *longer = mem_printf("%s%s%s", all, i > 0 ? ", " : "", approvals->items[i].operator_name);
        mem_free(all);
        all = longer;
    }
    return all;
}

int approval_hash(const char *const *texts, char out[APPROVAL_HASH_SIZE], struct error *err)
{
    CLEANUP(buf_free) struct buf all = {0};
    uint8_t hash[SHA256_SIZE];
    for (; *texts != NULL; texts++)
        if (buf_string(&all, *texts, strlen(*texts), err) != 0)
            return -1;
    if (sha256(all.data, all.size, hash, err) != 0)
        return -1;
    (void)hex_encode(hash, sizeof(hash), out);
    return 0;
}

/* ---- Signing ---- */

int approval_sign(const struct approval_wanted *wanted, const struct operator_item *operator_item,
                  const struct id *store, const struct secret *seed, int64_t now_ns, int64_t expires_ns, char **ret,
                  struct error *err)
{
    char hex[2 * ID_SIZE + 1], time[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *payload = NULL;
    CLEANUP(dsse_free) struct dsse envelope = {0};
    CLEANUP_JSON json_t *json =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "v", 1, "act", wanted->act, "store",
                  hex_encode(store->bytes, ID_SIZE, hex), "tenant", wanted->tenant, "scope", wanted->scope, "method",
                  wanted->method, "plan", wanted->plan, "operator", operator_item->name, "keyid", operator_item->keyid,
                  "time", clock_format(now_ns, time), "expires", clock_format(expires_ns, expires));
    if (json == NULL)
        return error_no_memory(err);
    return json_print(json, &payload, err) == 0 &&
                   dsse_start(APPROVAL_TYPE, payload, strlen(payload), &envelope, err) == 0 &&
                   dsse_sign(&envelope, seed, err) == 0 && dsse_print(&envelope, ret, err) == 0
               ? 0
               : -1;
}

/* ---- Judging ---- */

/* One envelope, as it is looked at. */
struct claim {
    const struct approval_wanted *wanted;
    const struct operators *operators;
    const char *store;
    int64_t now_ns;
    const struct dsse *envelope;
    const json_t *json;
    const struct operator_item *signer;
    int64_t time_ns, expires_ns;
};

static bool says(const struct claim *c, const char *name, const char *wanted)
{
    const char *value = json_string_value(json_object_get(c->json, name));
    return value != NULL && strcmp(value, wanted) == 0;
}

static bool time_of(const struct claim *c, const char *name, int64_t *ret)
{
    const char *value = json_string_value(json_object_get(c->json, name));
    return value != NULL && clock_parse(value, ret, NULL) == 0;
}

/* Was it valid when the act began, or is it now? */
static bool in_time(const struct claim *c, int64_t at_ns)
{
    return c->time_ns <= at_ns + AHEAD_MAX_NS && at_ns < c->expires_ns;
}

static bool is_about_this(const struct claim *c)
{
    return strcmp(c->envelope->type, APPROVAL_TYPE) == 0 && json_integer_value(json_object_get(c->json, "v")) == 1 &&
           says(c, "act", c->wanted->act) && says(c, "store", c->store) && says(c, "tenant", c->wanted->tenant);
}

/* The statement, but for its signature: NULL, or why it does not count. */
static const char *fault_of(struct claim *c)
{
    const char *keyid = json_string_value(json_object_get(c->json, "keyid"));
    int64_t begun = c->wanted->begun_ns;
    if (!says(c, "scope", c->wanted->scope) || !says(c, "method", c->wanted->method))
        return "it is for another scope or method";
    if (begun == 0 && !says(c, "plan", c->wanted->plan))
        return "it is for another plan";
    c->signer = keyid != NULL ? operators_by_key(c->operators, keyid) : NULL;
    if (c->signer == NULL || !says(c, "operator", c->signer->name))
        return "the key is no operator's";
    if (!time_of(c, "time", &c->time_ns) || !time_of(c, "expires", &c->expires_ns) ||
        c->expires_ns - c->time_ns > LIFE_MAX_NS)
        return "its times are not like those of an approval";
    bool began_with_it = begun != 0 && in_time(c, begun);
    if (!began_with_it && !in_time(c, c->now_ns))
        return c->time_ns > c->now_ns ? "it is dated in the future" : "it has expired";
    if (c->signer->revoked_ns != 0 && !(began_with_it && c->signer->revoked_ns > begun))
        return "the operator was revoked";
    return NULL;
}

static int add(const struct claim *c, const char *envelope, struct approvals *ret, struct error *err)
{
    struct approval_given *grown = mem_realloc(ret->items, (ret->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    ret->items = grown;
    struct approval_given *given = &grown[ret->count++];
    *given = (struct approval_given){.operator_name = mem_strdup(c->signer->name),
                                     .person = mem_strdup(operator_person(c->signer)),
                                     .time_ns = c->time_ns,
                                     .expires_ns = c->expires_ns,
                                     .envelope = mem_strdup(envelope)};
    memcpy(given->keyid, c->signer->keyid, sizeof(given->keyid));
    return given->operator_name != NULL && given->person != NULL && given->envelope != NULL ? 0 : error_no_memory(err);
}

static bool has_person(const struct approvals *approvals, const char *person)
{
    for (size_t i = 0; i < approvals->count; i++)
        if (strcmp(approvals->items[i].person, person) == 0)
            return true;
    return false;
}

static void disregard(const struct claim *c, const char *why, struct approvals *ret)
{
    const char *name = json_string_value(json_object_get(c->json, "operator"));
    (void)snprintf(ret->note, sizeof(ret->note), "that of %.64s does not count: %s", name != NULL ? name : "?", why);
}

static int judge_claim(struct claim *c, const char *text, struct approvals *ret, struct error *err)
{
    if (!is_about_this(c))
        return 0;
    const char *fault = fault_of(c);
    struct dsse_key key;
    bool is_signed = false;
    size_t distinct = 0;
    if (fault == NULL) {
        memcpy(key.bytes, c->signer->key, sizeof(key.bytes));
        if (dsse_verify(c->envelope, &key, 1, &is_signed, &distinct, err) != 0)
            return -1;
        fault = is_signed ? NULL : "its signature does not match";
    }
    if (fault != NULL) {
        disregard(c, fault, ret);
        return 0;
    }
    return has_person(ret, operator_person(c->signer)) ? 0 : add(c, text, ret, err);
}

int approval_judge(const struct approval_wanted *wanted, const struct operators *operators, const struct id *store,
                   int64_t now_ns, const char *const *envelopes, size_t count, struct approvals *ret, struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    *ret = (struct approvals){0};
    (void)hex_encode(store->bytes, ID_SIZE, hex);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(dsse_free) struct dsse envelope = {0};
        CLEANUP_JSON json_t *json = NULL;
        struct error why = {0};
        if (dsse_parse(envelopes[i], strlen(envelopes[i]), &envelope, &why) != 0 && why.class == ERROR_DAMAGED)
            continue;
        if (why.class != ERROR_NONE) {
            *err = why;
            return -1;
        }
        if (json_parse(envelope.payload.data, envelope.payload.size, &json, err) != 0)
            return -1;
        struct claim claim = {wanted, operators, hex, now_ns, &envelope, json, NULL, 0, 0};
        if (judge_claim(&claim, envelopes[i], ret, err) != 0)
            return -1;
    }
    return 0;
}
