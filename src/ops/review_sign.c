/* The signature of a person under the record of a look: a DSSE envelope over what the record says. */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/dsse.h"
#include "keys/operator_key.h"
#include "ops/operators.h"
#include "ops/review.h"

#include <string.h>

/* What is signed: what the record says, for this store. The order of members does not matter to who reads it. */
static int make_payload(const struct session *facts, const json_t *body, json_t **ret, struct error *err)
{
    char store[2 * ID_SIZE + 1];
    *ret = json_deep_copy(body);
    if (*ret == NULL)
        return error_no_memory(err);
    /* These two are of the record, not of what was said. */
    (void)json_object_del(*ret, "signature");
    (void)json_object_del(*ret, "v");
    bool ok = json_object_set_new(*ret, "store",
                                  json_string(hex_encode(facts->hikae->store.store.bytes, ID_SIZE, store))) == 0;
    return ok ? 0 : error_no_memory(err);
}

static int sign(const char *payload, const struct secret *seed, char **ret, struct error *err)
{
    CLEANUP(dsse_free) struct dsse envelope = {0};
    return dsse_start(REVIEW_TYPE, payload, strlen(payload), &envelope, err) == 0 &&
                   dsse_sign(&envelope, seed, err) == 0 && dsse_print(&envelope, ret, err) == 0
               ? 0
               : -1;
}

/* Whoever says that he looked signs it himself. */
static int check_operator(const struct session *facts, const struct secret *seed, const char *who, struct error *err)
{
    struct operators operators CLEANUP(operators_clear) = {0};
    if (operators_read(facts, &operators, err) != 0)
        return -1;
    const struct operator_item *item = operators_signer(&operators, seed, err);
    if (item == NULL || strcmp(item->name, who) == 0)
        return item != NULL ? 0 : -1;
    (void)error_set(err, ERROR_USAGE, "the key is that of %s, and --who says %.64s", item->name, who);
    return error_hint(err, "who signs is who looked: --who %s", item->name);
}

int review_sign(const struct session *facts, json_t *body, const char *key_path, const char *passphrase_path,
                struct error *err)
{
    struct secret *seed CLEANUP_SECRET = NULL;
    json_t *payload CLEANUP_JSON = NULL;
    CLEANUP_FREE char *text = NULL, *envelope = NULL;
    if (operator_key_read(key_path, passphrase_path, &seed, err) != 0 ||
        check_operator(facts, seed, json_string_value(json_object_get(body, "who")), err) != 0 ||
        make_payload(facts, body, &payload, err) != 0 || json_print(payload, &text, err) != 0 ||
        sign(text, seed, &envelope, err) != 0)
        return -1;
    return json_object_set_new(body, "signature", json_string(envelope)) == 0 ? 0 : error_no_memory(err);
}

/* Does the envelope say what the record says? */
static int says_the_same(const struct session *facts, const struct dsse *envelope, const json_t *body, bool *ret,
                         struct error *err)
{
    json_t *expected CLEANUP_JSON = NULL;
    json_t *signed_one CLEANUP_JSON = NULL;
    if (make_payload(facts, body, &expected, err) != 0 ||
        json_parse(envelope->payload.data, envelope->payload.size, &signed_one, err) != 0)
        return -1;
    *ret = strcmp(envelope->type, REVIEW_TYPE) == 0 && signed_one != NULL && json_equal(expected, signed_one);
    return 0;
}

static int find_signer(const struct session *facts, const struct dsse *envelope, int64_t time_ns, char **ret,
                       struct error *err)
{
    struct operators operators CLEANUP(operators_clear) = {0};
    if (operators_read(facts, &operators, err) != 0)
        return -1;
    for (size_t i = 0; i < operators.count && *ret == NULL; i++) {
        const struct operator_item *item = &operators.items[i];
        struct dsse_key key;
        bool is_signed = false;
        size_t distinct = 0;
        if (item->since_ns > time_ns || (item->revoked_ns != 0 && item->revoked_ns <= time_ns))
            continue;
        memcpy(key.bytes, item->key, ED25519_PUBLIC_SIZE);
        if (dsse_verify(envelope, &key, 1, &is_signed, &distinct, err) != 0)
            return -1;
        if (is_signed && (*ret = mem_strdup(item->name)) == NULL)
            return error_no_memory(err);
    }
    return 0;
}

int review_signer(const struct session *facts, const json_t *body, int64_t time_ns, char **ret, struct error *err)
{
    const char *text = json_string_value(json_object_get(body, "signature"));
    CLEANUP(dsse_free) struct dsse envelope = {0};
    struct error why = {0};
    bool same = false;
    *ret = NULL;
    if (text == NULL)
        return 0;
    if (dsse_parse(text, strlen(text), &envelope, &why) != 0) {
        if (why.class != ERROR_NO_MEMORY)
            return 0; /* what is no envelope is no signature */
        *err = why;
        return -1;
    }
    if (says_the_same(facts, &envelope, body, &same, err) != 0)
        return -1;
    return same ? find_signer(facts, &envelope, time_ns, ret, err) : 0;
}
