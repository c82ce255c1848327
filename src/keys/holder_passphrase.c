/*
 * Passphrases: the first line of a file, stretched by scrypt (RFC 7914), or by PBKDF2-HMAC-SHA256 (NIST SP 800-132)
 * where only algorithms of CRYPTREC's list or FIPS 140 may be used.
 */
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
    FILE_MAX = 4096,
    /* Some 0.3 s; fewer than 600,000 are not worth the name today. */
    ITERATIONS = 1000000,
    ITERATIONS_MIN = 600000,
    ITERATIONS_MAX = 10000000
};

#define PBKDF2_NAME "pbkdf2-hmac-sha256"

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

/* How a passphrase becomes a key, as a slot's params say it. */
struct stretching {
    enum holder_kdf kdf;
    uint8_t salt[SALT_SIZE];
    uint64_t n; /* scrypt */
    uint32_t r, p;
    uint32_t iterations; /* PBKDF2 */
};

static int stretch(const struct secret *passphrase, const struct stretching *how, struct secret **ret,
                   struct error *err)
{
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    if (key == NULL)
        return error_no_memory(err);
    const uint8_t *text = secret_borrow(passphrase);
    size_t size = secret_size(passphrase);
    int rc =
        how->kdf == HOLDER_KDF_PBKDF2
            ? crypto_pbkdf2(text, size, how->salt, SALT_SIZE, how->iterations, secret_bytes(key), KEY_SIZE, err)
            : crypto_scrypt(text, size, how->salt, SALT_SIZE, how->n, how->r, how->p, secret_bytes(key), KEY_SIZE, err);
    if (rc != 0)
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
    struct stretching how = {.kdf = holder->options != NULL ? holder->options->kdf : HOLDER_KDF_SCRYPT,
                             .n = atomic_load(&cost_n),
                             .r = COST_R,
                             .p = COST_P,
                             .iterations = ITERATIONS};
    char salt[2 * SALT_SIZE + 1];
    if (crypto_random(how.salt, SALT_SIZE, err) != 0 || stretch(passphrase, &how, &ret->key, err) != 0)
        return -1;
    (void)hex_encode(how.salt, SALT_SIZE, salt);
    ret->params = how.kdf == HOLDER_KDF_PBKDF2 ? json_pack("{s:s, s:s, s:I}", "kdf", PBKDF2_NAME, "salt", salt,
                                                           "iterations", (json_int_t)how.iterations)
                                               : json_pack("{s:s, s:I, s:I, s:I}", "salt", salt, "n", (json_int_t)how.n,
                                                           "r", (json_int_t)how.r, "p", (json_int_t)how.p);
    return ret->params != NULL ? 0 : error_no_memory(err);
}

/* An integer member of params within min … max; 0 if it is not. */
static uint64_t bounded(const json_t *params, const char *name, uint64_t min, uint64_t max)
{
    json_int_t value = json_integer_value(json_object_get(params, name));
    return value >= 0 && (uint64_t)value >= min && (uint64_t)value <= max ? (uint64_t)value : 0;
}

static bool read_scrypt(const json_t *params, struct stretching *how)
{
    how->n = bounded(params, "n", 2, UINT64_C(1) << COST_LOG_N_MAX);
    how->r = (uint32_t)bounded(params, "r", 1, COST_R_MAX);
    how->p = (uint32_t)bounded(params, "p", 1, COST_P_MAX);
    return how->n != 0 && (how->n & (how->n - 1)) == 0 && how->r != 0 && how->p != 0;
}

static bool read_params(const json_t *params, struct stretching *how)
{
    const char *salt = json_string_value(json_object_get(params, "salt"));
    const json_t *kdf = json_object_get(params, "kdf");
    if (salt == NULL || strlen(salt) != 2 * SALT_SIZE || !hex_decode(salt, SALT_SIZE, how->salt))
        return false;
    if (kdf == NULL)
        return read_scrypt(params, how);
    how->kdf = HOLDER_KDF_PBKDF2;
    how->iterations = (uint32_t)bounded(params, "iterations", ITERATIONS_MIN, ITERATIONS_MAX);
    return json_is_string(kdf) && strcmp(json_string_value(kdf), PBKDF2_NAME) == 0 && how->iterations != 0;
}

int holder_passphrase_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                            struct error *err)
{
    (void)epoch;
    CLEANUP_SECRET struct secret *passphrase = NULL;
    struct stretching how = {.kdf = HOLDER_KDF_SCRYPT};
    if (read_passphrase(holder->path, &passphrase, err) != 0)
        return -1;
    if (!read_params(params, &how))
        return error_set(err, ERROR_DAMAGED, "the slot of a passphrase asks for a salt or a cost out of bounds");
    return stretch(passphrase, &how, ret_key, err);
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
