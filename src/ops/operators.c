#include "ops/operators.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "ops/approval.h"
#include "ops/operator_plan.h"

void operators_clear(struct operators *operators)
{
    for (size_t i = 0; i < operators->count; i++) {
        mem_free(operators->items[i].name);
        mem_free(operators->items[i].deputy_of);
    }
    mem_free(operators->items);
    *operators = (struct operators){0};
}

const struct operator_item *operators_find(const struct operators *operators, const char *name)
{
    for (size_t i = 0; i < operators->count; i++)
        if (strcmp(operators->items[i].name, name) == 0)
            return &operators->items[i];
    return NULL;
}

const struct operator_item *operators_by_key(const struct operators *operators, const char *keyid)
{
    for (size_t i = 0; i < operators->count; i++)
        if (strcmp(operators->items[i].keyid, keyid) == 0)
            return &operators->items[i];
    return NULL;
}

const struct operator_item *operators_signer(const struct operators *operators, const struct secret *seed,
                                             struct error *err)
{
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    char keyid[KEYID_SIZE];
    if (ed25519_public(seed, public_key, err) != 0 || ed25519_keyid(public_key, keyid, err) != 0)
        return NULL;
    const struct operator_item *item = operators_by_key(operators, keyid);
    if (item != NULL && item->revoked_ns == 0)
        return item;
    (void)error_set(err, ERROR_KEYS, "the key is %s",
                    item != NULL ? "that of an operator who was revoked" : "no operator's");
    (void)error_hint(err, "`hikae keys operator list` shows whose signatures count");
    return NULL;
}

const char *operator_person(const struct operator_item *item)
{
    return item->deputy_of != NULL ? item->deputy_of : item->name;
}

size_t operators_people(const struct operators *operators)
{
    size_t people = 0;
    for (size_t i = 0; i < operators->count; i++) {
        const struct operator_item *item = &operators->items[i];
        bool is_new = item->revoked_ns == 0;
        for (size_t k = 0; k < i && is_new; k++)
            is_new = operators->items[k].revoked_ns != 0 ||
                     strcmp(operator_person(&operators->items[k]), operator_person(item)) != 0;
        people += is_new;
    }
    return people;
}

int operator_name_check(const char *name, struct error *err)
{
    size_t size = strlen(name);
    if (size > 0 && size <= OPERATOR_NAME_MAX &&
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == size)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "an operator's name has 1 to 64 of the characters A-Z a-z 0-9 - _ . : not '%.70s'", name);
}

int operator_plan(const char *act, const struct id *store, const struct operator_item *item,
                  char out[APPROVAL_HASH_SIZE], struct error *err)
{
    char hex[2 * ID_SIZE + 1];
    const char *const texts[] = {act,         hex_encode(store->bytes, ID_SIZE, hex),         item->name,
                                 item->keyid, item->deputy_of != NULL ? item->deputy_of : "", NULL};
    return approval_hash(texts, out, err);
}

/* ---- The rules of adding and revoking, the same for whoever writes a record and whoever reads it ---- */

static const char *fault_of_addition(const struct operators *operators, const struct operator_item *item)
{
    if (operators_find(operators, item->name) != NULL)
        return "this name was given to an operator before, and is never given again";
    if (operators_by_key(operators, item->keyid) != NULL)
        return "this key is or was another operator's";
    if (item->deputy_of == NULL)
        return NULL;
    const struct operator_item *whom = operators_find(operators, item->deputy_of);
    if (whom == NULL || whom->revoked_ns != 0)
        return "the one whose deputy it would be is no operator";
    return whom->deputy_of != NULL ? "the one whose deputy it would be is a deputy" : NULL;
}

static const char *fault_of_revocation(const struct operators *operators, const struct operator_item *item)
{
    const struct operator_item *known = operators_find(operators, item->name);
    if (known == NULL || known->revoked_ns != 0)
        return "there is no such operator";
    size_t people = operators_people(operators), same = 0;
    for (size_t i = 0; i < operators->count; i++)
        same += operators->items[i].revoked_ns == 0 &&
                strcmp(operator_person(&operators->items[i]), operator_person(known)) == 0;
    return people == OPERATORS_NEEDED && same == 1 ? "fewer than two people would be left: add another first" : NULL;
}

const char *operator_fault(const struct operators *operators, const char *event, const struct operator_item *item)
{
    return strcmp(event, "add") == 0 ? fault_of_addition(operators, item) : fault_of_revocation(operators, item);
}

/* ---- Reading ---- */

/* What a record says; false if it is not like one. Texts are copied. */
static bool parse(const json_t *body, struct operator_item *ret, struct error *err)
{
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *key = json_string_value(json_object_get(body, "key"));
    const json_t *deputy_of = json_object_get(body, "deputy_of");
    if (name == NULL || key == NULL || operator_name_check(name, NULL) != 0 ||
        !base64_decode(key, ret->key, sizeof(ret->key)) ||
        (deputy_of != NULL && !json_is_null(deputy_of) && !json_is_string(deputy_of)))
        return false;
    if (ed25519_keyid(ret->key, ret->keyid, err) != 0)
        return false;
    ret->name = mem_strdup(name);
    ret->deputy_of = json_is_string(deputy_of) ? mem_strdup(json_string_value(deputy_of)) : NULL;
    if (ret->name == NULL || (ret->deputy_of == NULL && json_is_string(deputy_of)))
        (void)error_no_memory(err);
    return ret->name != NULL;
}

/* Have two operators signed this record? */
static int check_signed(const struct operators *operators, const struct id *store, const char *event,
                        const struct operator_item *item, const json_t *body, int64_t time_ns, bool *ret,
                        struct error *err)
{
    const json_t *list = json_object_get(body, "approvals");
    char plan[APPROVAL_HASH_SIZE];
    const char *act = strcmp(event, "add") == 0 ? "operator-add" : "operator-revoke";
    const struct approval_wanted wanted = {act, item->name, "", item->name, "", plan, 0};
    CLEANUP(approvals_clear) struct approvals approvals = {0};
    size_t count = json_array_size(list);
    CLEANUP_FREE const char **envelopes = mem_calloc(count + 1, sizeof(*envelopes));
    if (envelopes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        envelopes[i] = text != NULL ? text : "";
    }
    if (operator_plan(act, store, item, plan, err) != 0 ||
        approval_judge(&wanted, operators, store, time_ns, envelopes, count, &approvals, err) != 0)
        return -1;
    *ret = approvals.count >= OPERATORS_NEEDED;
    return 0;
}

/* Takes item over. */
static int put(struct operators *operators, struct operator_item *item, struct error *err)
{
    struct operator_item *grown = mem_realloc(operators->items, (operators->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_no_memory(err);
    operators->items = grown;
    grown[operators->count++] = *item;
    item->name = item->deputy_of = NULL;
    return 0;
}

static int replay(struct operators *operators, const struct id *store, const struct history_fact *fact,
                  const json_t *body, struct operator_item *item, struct error *err)
{
    const char *event = json_string_value(json_object_get(body, "event"));
    bool is_signed = false;
    item->since_ns = fact->time_ns;
    if (event == NULL || !parse(body, item, err)) {
        operators->disregarded++;
        return err->class == ERROR_NONE ? 0 : -1;
    }
    if (err->class != ERROR_NONE)
        return -1;
    if (operators_people(operators) >= OPERATORS_NEEDED &&
        check_signed(operators, store, event, item, body, fact->time_ns, &is_signed, err) != 0)
        return -1;
    item->is_signed = is_signed;
    if (operator_fault(operators, event, item) != NULL ||
        (operators_people(operators) >= OPERATORS_NEEDED && !is_signed)) {
        operators->disregarded++;
        return 0;
    }
    if (strcmp(event, "add") == 0)
        return put(operators, item, err);
    for (size_t i = 0; i < operators->count; i++)
        if (strcmp(operators->items[i].name, item->name) == 0)
            operators->items[i].revoked_ns = fact->time_ns;
    return 0;
}

int operators_read(const struct session *facts, struct operators *ret, struct error *err)
{
    CLEANUP_FREE const struct history_fact **list = NULL;
    size_t count = 0;
    struct error why = {0};
    *ret = (struct operators){0};
    if (facts_in_order(&facts->chain.history, RECORD_OPERATOR, &list, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        CLEANUP_JSON json_t *body = NULL;
        struct operator_item item = {0};
        if (json_parse(list[i]->body, strlen(list[i]->body), &body, err) != 0)
            return -1;
        int rc = replay(ret, &facts->hikae->store.store, list[i], body, &item, &why);
        mem_free(item.name);
        mem_free(item.deputy_of);
        if (rc != 0) {
            *err = why;
            return -1;
        }
    }
    return 0;
}
