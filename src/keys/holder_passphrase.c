/* Passphrases: the first line of a file, stretched by scrypt (RFC 7914). */
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/holder.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    SALT_SIZE = 16,
    COST_R = 8,
    COST_P = 1,
    /* What a slot may ask for: the slots on a target are read before anything is authenticated. */
    COST_LOG_N_MAX = 20,
    COST_R_MAX = 16,
    COST_P_MAX = 4,
    FILE_MAX = 4096
};

/* 128 MiB and some 0.3 s. */
static _Atomic uint64_t cost_n = UINT64_C(1) << 17;

void holder_scrypt_cost_for_tests(uint64_t n)
{
    atomic_store(&cost_n, n);
}

/* The first line of the file, without its end. */
static int read_passphrase(const char *path, struct secret **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *text = NULL;
    if (holder_read_secret(path, FILE_MAX, true, &text, err) != 0)
        return -1;
    const char *line = (const char *)secret_borrow(text);
    const char *end = memchr(line, '\n', secret_size(text));
    size_t size = end != NULL ? (size_t)(end - line) : secret_size(text);
    if (size > 0 && line[size - 1] == '\r')
        size--;
    if (size == 0)
        return error_set(err, ERROR_KEYS, "the first line of %s, the passphrase, is empty", path);
    if (size > HOLDER_PASSPHRASE_MAX)
        return error_set(err, ERROR_KEYS, "the passphrase in %s is longer than %d bytes", path, HOLDER_PASSPHRASE_MAX);
    *ret = secret_copy(line, size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int stretch(const struct secret *passphrase, const uint8_t salt[SALT_SIZE], uint64_t n, uint32_t r, uint32_t p,
                   struct secret **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    if (key == NULL)
        return error_no_memory(err);
    if (crypto_scrypt(secret_borrow(passphrase), secret_size(passphrase), salt, SALT_SIZE, n, r, p, secret_bytes(key),
                      KEY_SIZE, err) != 0)
        return -1;
    *ret = key;
    key = NULL;
    return 0;
}

int holder_passphrase_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                           struct error *err)
{
    (void)occasion;
    CLEANUP_SECRET struct secret *passphrase = NULL;
    if (read_passphrase(holder->path, &passphrase, err) != 0)
        return -1;
    if (secret_size(passphrase) < HOLDER_PASSPHRASE_MIN) {
        (void)error_set(err, ERROR_KEYS, "the passphrase in %s is shorter than %d bytes", holder->path,
                        HOLDER_PASSPHRASE_MIN);
        return error_hint(err, "take six random words or more");
    }
    uint8_t salt[SALT_SIZE];
    char salt_hex[2 * SALT_SIZE + 1];
    uint64_t n = atomic_load(&cost_n);
    if (crypto_random(salt, sizeof(salt), err) != 0 ||
        stretch(passphrase, salt, n, COST_R, COST_P, &ret->key, err) != 0)
        return -1;
    ret->params = json_pack("{s:s, s:I, s:i, s:i}", "salt", hex_encode(salt, SALT_SIZE, salt_hex), "n", (json_int_t)n,
                            "r", COST_R, "p", COST_P);
    return ret->params != NULL ? 0 : error_no_memory(err);
}

/* An integer member of params within 1 … max; 0 if it is not. */
static uint64_t bounded(const json_t *params, const char *name, uint64_t max)
{
    json_int_t value = json_integer_value(json_object_get(params, name));
    return value >= 1 && (uint64_t)value <= max ? (uint64_t)value : 0;
}

int holder_passphrase_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                            struct error *err)
{
    (void)epoch;
    CLEANUP_SECRET struct secret *passphrase = NULL;
    if (read_passphrase(holder->path, &passphrase, err) != 0)
        return -1;
    const char *salt_hex = json_string_value(json_object_get(params, "salt"));
    uint64_t n = bounded(params, "n", UINT64_C(1) << COST_LOG_N_MAX);
    uint64_t r = bounded(params, "r", COST_R_MAX);
    uint64_t p = bounded(params, "p", COST_P_MAX);
    uint8_t salt[SALT_SIZE];
    if (salt_hex == NULL || strlen(salt_hex) != 2 * SALT_SIZE || !hex_decode(salt_hex, SALT_SIZE, salt) || n < 2 ||
        (n & (n - 1)) != 0 || r == 0 || p == 0)
        return error_set(err, ERROR_DAMAGED, "the slot of a passphrase asks for a salt or a cost out of bounds");
    return stretch(passphrase, salt, n, (uint32_t)r, (uint32_t)p, ret_key, err);
}

int holder_passphrase_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                              struct error *err)
{
    (void)params;
    (void)err;
    *ret = (struct holder_end){.fate = HOLDER_FATE_PEOPLE};
    (void)snprintf(
        ret->why, sizeof(ret->why),
        "the passphrase of %.100s goes on opening epoch %u: take another one, then destroy this one wherever "
        "it is kept",
        holder->name != NULL ? holder->name : "", epoch);
    return 0;
}
