/* PKCS#11 tokens: the holder's key is 32 random bytes, sealed inside the token under a key that never leaves it. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/keystore_internal.h"
#include "keys/token.h"

#include <stdio.h>
#include <string.h>

enum { SEALED_SIZE = TOKEN_NONCE_SIZE + KEY_SIZE + TOKEN_TAG_SIZE };

/* What a slot's params say. */
struct token_params {
    const char *token, *serial, *group;
    uint8_t object[TOKEN_ID_SIZE];
    struct id store;
    uint8_t sealed[SEALED_SIZE];
};

/* `hikae1 token` ‖ store ‖ epoch (u64) ‖ group: a share of another place does not open here. */
static int make_aad(const struct id *store, uint32_t epoch, const char *group, struct buf *out, struct error *err)
{
    static const char label[] = "hikae1 token";
    if (buf_append(out, label, sizeof(label) - 1, err) != 0 || buf_append(out, store->bytes, ID_SIZE, err) != 0 ||
        buf_u64(out, epoch, err) != 0)
        return -1;
    return buf_append(out, group, strlen(group), err);
}

static const char *short_text(const json_t *params, const char *name, size_t max)
{
    const char *text = json_string_value(json_object_get(params, name));
    return text != NULL && strlen(text) <= max ? text : NULL;
}

static bool hex_of(const json_t *params, const char *name, void *out, size_t size)
{
    const char *text = short_text(params, name, 2 * size);
    return text != NULL && strlen(text) == 2 * size && hex_decode(text, size, out);
}

static int parse(const json_t *params, struct token_params *ret, struct error *err)
{
    const char *sealed = short_text(params, "sealed", 256);
    ret->token = short_text(params, "token", 32);
    ret->serial = short_text(params, "serial", TOKEN_SERIAL_SIZE - 1);
    ret->group = short_text(params, "group", KEYS_NAME_MAX);
    if (ret->token == NULL || ret->serial == NULL || ret->group == NULL || sealed == NULL ||
        !hex_of(params, "object", ret->object, TOKEN_ID_SIZE) || !hex_of(params, "store", ret->store.bytes, ID_SIZE) ||
        !keys_base64_parse(sealed, ret->sealed, SEALED_SIZE))
        return error_set(err, ERROR_DAMAGED, "the slot of a token does not say which key seals what");
    return 0;
}

/* The token that params name, if this holder is that one. */
static int open_named(const struct holder *holder, const json_t *params, bool write, struct token_params *named,
                      struct token **ret, struct error *err)
{
    if (parse(params, named, err) != 0)
        return -1;
    return token_open(holder->options, named->serial, write, ret, err);
}

int holder_token_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                      struct error *err)
{
    CLEANUP(cleanup_token_close) struct token *token = NULL;
    CLEANUP(buf_free) struct buf aad = {0};
    uint8_t object[TOKEN_ID_SIZE], sealed[SEALED_SIZE];
    char object_hex[2 * TOKEN_ID_SIZE + 1], store_hex[2 * ID_SIZE + 1], label[48];
    if (occasion->store == NULL)
        return error_set(err, ERROR_INTERNAL, "a token holds a key of a store that is known");
    (void)snprintf(label, sizeof(label), "hikae %.8s epoch %u", hex_encode(occasion->store->bytes, ID_SIZE, store_hex),
                   occasion->epoch);
    ret->key = secret_new(KEY_SIZE);
    if (ret->key == NULL)
        return error_no_memory(err);
    if (crypto_random(secret_bytes(ret->key), KEY_SIZE, err) != 0 || crypto_random(object, sizeof(object), err) != 0 ||
        crypto_random(sealed, TOKEN_NONCE_SIZE, err) != 0 ||
        make_aad(occasion->store, occasion->epoch, occasion->group, &aad, err) != 0 ||
        token_open(holder->options, NULL, true, &token, err) != 0)
        return -1;
    /* Named before it is made, so that it is destroyed again if anything fails. */
    ret->params = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "token", holder->options->token, "serial",
                            token_serial(token), "object", hex_encode(object, TOKEN_ID_SIZE, object_hex), "store",
                            store_hex, "group", occasion->group, "sealed", "");
    if (ret->params == NULL)
        return error_no_memory(err);
    if (holder_tell_made(holder, occasion, ret->params, err) != 0 || token_make_key(token, object, label, err) != 0)
        return -1;
    ret->inside = holder;
    if (token_seal(token, object, sealed, aad.data, aad.size, secret_borrow(ret->key), KEY_SIZE,
                   sealed + TOKEN_NONCE_SIZE, err) != 0)
        return -1;
    CLEANUP_FREE char *text = keys_base64(sealed, sizeof(sealed));
    if (text == NULL || json_object_set_new(ret->params, "sealed", json_string(text)) != 0)
        return error_no_memory(err);
    return 0;
}

int holder_token_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                       struct error *err)
{
    CLEANUP(cleanup_token_close) struct token *token = NULL;
    CLEANUP(buf_free) struct buf aad = {0};
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    struct token_params named;
    if (key == NULL)
        return error_no_memory(err);
    if (open_named(holder, params, false, &named, &token, err) != 0 ||
        make_aad(&named.store, epoch, named.group, &aad, err) != 0 ||
        token_unseal(token, named.object, named.sealed, aad.data, aad.size, named.sealed + TOKEN_NONCE_SIZE, KEY_SIZE,
                     secret_bytes(key), err) != 0)
        return -1;
    *ret_key = key;
    key = NULL;
    return 0;
}

int holder_token_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                        struct holder_attestation *ret, struct error *err)
{
    CLEANUP(cleanup_token_close) struct token *token = NULL;
    struct token_params named;
    char hex[2 * TOKEN_ID_SIZE + 1];
    struct error why = {0};
    (void)epoch;
    if (parse(params, &named, err) != 0)
        return -1;
    (void)snprintf(ret->identity, sizeof(ret->identity), "token %.32s (serial %s), object %s", named.token,
                   named.serial, hex_encode(named.object, TOKEN_ID_SIZE, hex));
    if (token_open(holder->options, named.serial, false, &token, err) != 0)
        return -1;
    if (token_find_key(token, named.object, &why) == 0) {
        ret->presence = HOLDER_PRESENT;
        (void)snprintf(ret->detail, sizeof(ret->detail), "made in the token, never extractable");
        return 0;
    }
    if (why.class == ERROR_NOT_FOUND) {
        ret->presence = HOLDER_ABSENT;
        return 0;
    }
    if (why.class != ERROR_KEYS) {
        *err = why;
        return -1;
    }
    ret->presence = HOLDER_PRESENT;
    ret->extractable = true;
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.200s", why.what);
    return 0;
}

int holder_token_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                         struct error *err)
{
    CLEANUP(cleanup_token_close) struct token *token = NULL;
    struct token_params named;
    struct error why = {0};
    (void)epoch;
    /* A slot that was never finished names the key, but has nothing sealed under it. */
    if (parse(params, &named, &why) != 0 &&
        (named.serial == NULL || named.token == NULL || !hex_of(params, "object", named.object, TOKEN_ID_SIZE))) {
        *err = why;
        return -1;
    }
    if (token_open(holder->options, named.serial, true, &token, err) != 0)
        return -1;
    error_clear(&why);
    if (token_destroy_key(token, named.object, &why) == 0) {
        *ret = (struct holder_end){.fate = HOLDER_FATE_DESTROYED, .at_ns = clock_now_ns()};
        return 0;
    }
    if (why.class == ERROR_NOT_FOUND) {
        *ret = (struct holder_end){.fate = HOLDER_FATE_ABSENT};
        return 0;
    }
    *err = why;
    return -1;
}
