/* The store object: one line of JSON and its signature (FORMAT.md §9). */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"

#include <string.h>

enum { STORE_OBJECT_MAX = 65536 };

/* ---- Writing ---- */

static char *describe(const struct store_info *info)
{
    char store[2 * ID_SIZE + 1], tid[2 * ID_SIZE + 1], created[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *sign = keys_base64(info->sign_public, ED25519_PUBLIC_SIZE);
    CLEANUP_FREE char *audit = keys_base64(info->audit_public, ED25519_PUBLIC_SIZE);
    if (sign == NULL || audit == NULL)
        return NULL;
    return mem_printf("{\"v\":1,\"format\":\"hikae1\",\"store\":\"%s\",\"store_tid\":\"%s\",\"created\":\"%s\","
                      "\"test_clock\":%s,\"sign\":\"%s\",\"audit\":\"%s\"}",
                      hex_encode(info->store.bytes, ID_SIZE, store), hex_encode(info->store_tid.bytes, ID_SIZE, tid),
                      clock_format(info->created_ns, created), info->test_clock ? "true" : "false", sign, audit);
}

/* The public half of a signing key of the keystore must be the one that the store is to announce. */
static int check_public(struct keystore *keystore, enum key_type type, const uint8_t announced[ED25519_PUBLIC_SIZE],
                        struct secret **ret, struct error *err)
{
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    CLEANUP_SECRET struct secret *key = NULL;
    if (keystore_signing_key(keystore, type, &key, err) != 0 || ed25519_public(key, public_key, err) != 0)
        return -1;
    if (memcmp(public_key, announced, ED25519_PUBLIC_SIZE) != 0)
        return error_set(err, ERROR_KEYS, "the store would announce a public key that is not its keystore's");
    if (ret != NULL) {
        *ret = key;
        key = NULL;
    }
    return 0;
}

static int make_object(struct keystore *keystore, const struct store_info *info, struct buf *out, struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    if (check_public(keystore, KEY_SIGN_STORE, info->sign_public, &key, err) != 0 ||
        check_public(keystore, KEY_SIGN_AUDIT, info->audit_public, NULL, err) != 0)
        return -1;
    CLEANUP_FREE char *line = describe(info);
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    if (line == NULL)
        return error_no_memory(err);
    if (ed25519_sign(key, line, strlen(line), signature, err) != 0)
        return -1;
    CLEANUP_FREE char *text = keys_base64(signature, sizeof(signature));
    if (text == NULL)
        return error_no_memory(err);
    if (buf_append(out, line, strlen(line), err) != 0 || buf_u8(out, '\n', err) != 0 ||
        buf_append(out, text, strlen(text), err) != 0)
        return -1;
    return buf_u8(out, '\n', err);
}

/* What lies there now: *ret_same if it is this very object. Another one is refused. */
static int compare_present(struct target *target, const struct buf *object, const struct store_info *info,
                           bool *ret_same, struct error *err)
{
    CLEANUP(buf_free) struct buf present = {0};
    struct error why = {0};
    *ret_same = false;
    if (target_get(target, NAME_STORE, STORE_OBJECT_MAX, &present, &why) != 0) {
        if (why.class == ERROR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    *ret_same = present.size == object->size && memcmp(present.data, object->data, object->size) == 0;
    if (*ret_same)
        return 0;
    struct store_info other = {0};
    if (store_read(target, &other, &why) != 0) {
        (void)error_set(err, ERROR_REFUSED, "target %s has a store object that cannot be read: %s", target_name(target),
                        why.what);
        return error_hint(err, "it is never replaced: look at it first, and take an empty folder or prefix");
    }
    char hex[2 * ID_SIZE + 1];
    if (id_equal(&other.store, &info->store))
        return error_set(err, ERROR_REFUSED, "target %s describes this store in other words", target_name(target));
    (void)error_set(err, ERROR_REFUSED, "target %s holds another store, %s", target_name(target),
                    hex_encode(other.store.bytes, ID_SIZE, hex));
    return error_hint(err, "one folder or prefix holds one store: take an empty one");
}

static int write_to(struct target *target, const struct buf *object, const struct store_info *info, struct error *err)
{
    bool same = false;
    if (compare_present(target, object, info, &same, err) != 0)
        return -1;
    if (same)
        return 0;
    if (target_put(target, NAME_STORE, object->data, object->size, TARGET_PUT_CREATE, err) != 0 ||
        compare_present(target, object, info, &same, err) != 0)
        return -1;
    return same ? 0
                : error_set(err, ERROR_DAMAGED, "the store object on %s was written, but is not there",
                            target_name(target));
}

int store_write(struct keystore *keystore, const struct target_set *set, const struct store_info *info,
                struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    struct error why = {0};
    int rc = make_object(keystore, info, &object, &why);
    for (size_t i = 0; rc == 0 && i < set->count; i++)
        rc = write_to(set->targets[i], &object, info, &why);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = why;
    return error_wrap(err, "write the store object");
}

/* ---- Reading ---- */

static int unfit(struct target *target, const char *what, struct error *err)
{
    (void)error_set(err, ERROR_DAMAGED, "the store object on %s is not as it must be: %s", target_name(target), what);
    return error_hint(err, "compare it with the one on another target");
}

/* A member that is a string; "" if it is not. */
static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "";
}

static bool id_of(const json_t *json, const char *name, struct id *ret)
{
    const char *text = text_of(json, name);
    return strlen(text) == 2 * ID_SIZE && hex_decode(text, ID_SIZE, ret->bytes);
}

static const char *parse_members(const json_t *json, struct store_info *info)
{
    const json_t *test_clock = json_object_get(json, "test_clock");
    if (json_integer_value(json_object_get(json, "v")) != 1 || strcmp(text_of(json, "format"), "hikae1") != 0)
        return "it is of a format that this version does not know";
    if (!id_of(json, "store", &info->store) || !id_of(json, "store_tid", &info->store_tid))
        return "it has no store id";
    if (clock_parse(text_of(json, "created"), &info->created_ns, NULL) != 0 || !json_is_boolean(test_clock))
        return "it has no date or no word on the test clock";
    if (!keys_base64_parse(text_of(json, "sign"), info->sign_public, ED25519_PUBLIC_SIZE) ||
        !keys_base64_parse(text_of(json, "audit"), info->audit_public, ED25519_PUBLIC_SIZE))
        return "it has no public keys";
    info->test_clock = json_is_true(test_clock);
    return NULL;
}

/* Split into the line and the signature, which is text of a fixed length. */
static bool split(struct buf *object, size_t *ret_line, uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    enum { SIGNATURE_TEXT = (ED25519_SIGNATURE_SIZE + 2) / 3 * 4 };
    if (object->size < SIGNATURE_TEXT + 3 || object->data[object->size - 1] != '\n')
        return false;
    size_t line = object->size - SIGNATURE_TEXT - 2;
    if (object->data[line] != '\n' || memchr(object->data, '\n', line) != NULL)
        return false;
    object->data[object->size - 1] = '\0';
    *ret_line = line;
    return keys_base64_parse((const char *)object->data + line + 1, signature, ED25519_SIGNATURE_SIZE);
}

int store_read(struct target *target, struct store_info *ret, struct error *err)
{
    CLEANUP(buf_free) struct buf object = {0};
    size_t line = 0;
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct store_info info = {0};
    if (target_get(target, NAME_STORE, STORE_OBJECT_MAX, &object, err) != 0)
        return -1;
    if (!split(&object, &line, signature))
        return unfit(target, "it is no line of JSON with a signature", err);
    CLEANUP_JSON json_t *json = NULL;
    if (json_parse(object.data, line, &json, err) != 0)
        return -1;
    if (json == NULL)
        return unfit(target, "its line is no JSON", err);
    const char *fault = parse_members(json, &info);
    if (fault != NULL)
        return unfit(target, fault, err);
    struct error why = {0};
    if (ed25519_verify(info.sign_public, object.data, line, signature, &why) != 0) {
        if (why.class == ERROR_DAMAGED)
            return unfit(target, "its signature does not match", err);
        if (err != NULL)
            *err = why;
        return -1;
    }
    *ret = info;
    return 0;
}
