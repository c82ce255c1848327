/*
 * For tests that hold the code to tests/vectors/format-1.json, which the independent reader in tools/ makes: loading
 * the file, and its fields. Include after <cmocka.h>.
 */
#ifndef HIKAE_TESTS_VECTORS_H
#define HIKAE_TESTS_VECTORS_H

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"
#include "keys/keyring.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *vectors;

static inline int vectors_load(void **state)
{
    (void)state;
    secret_init();
    const char *path = getenv("HIKAE_VECTORS");
    json_error_t why;
    vectors = json_load_file(path != NULL ? path : "tests/vectors/format-1.json", JSON_REJECT_DUPLICATES, &why);
    if (vectors == NULL)
        (void)fprintf(stderr, "cannot read the test vectors: %s (set HIKAE_VECTORS to their path)\n", why.text);
    return vectors != NULL ? 0 : -1;
}

static inline int vectors_release(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static inline void ok(int rc, const struct error *err)
{
    char text[1400];
    if (rc < 0)
        fail_msg("%s", error_format(err, text, sizeof(text)));
}

/* A member that must be there. */
static inline const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        fail_msg("the test vectors lack '%s'", name);
    return value;
}

/* A list that must not be empty: what was not checked must not count as checked. */
static inline const json_t *list(const json_t *object, const char *name)
{
    const json_t *value = member(object, name);
    assert_true(json_array_size(value) > 0);
    return value;
}

static inline int64_t number(const json_t *object, const char *name)
{
    const json_t *value = member(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static inline const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(member(object, name));
    assert_non_null(value);
    return value;
}

/* Bytes of a hexadecimal string, in fresh memory. */
static inline struct bytes unhex(const json_t *value)
{
    const char *digits = json_string_value(value);
    assert_non_null(digits);
    size_t size = strlen(digits) / 2;
    uint8_t *bytes = mem_alloc(size + 1);
    assert_non_null(bytes);
    assert_int_equal(strlen(digits), 2 * size);
    assert_true(hex_decode(digits, size, bytes));
    return (struct bytes){bytes, size};
}

static inline struct bytes field_bytes(const json_t *object, const char *name)
{
    return unhex(member(object, name));
}

static inline void release(const struct bytes *bytes)
{
    mem_free((void *)(uintptr_t)bytes->data);
}

/* The bytes of a field of fixed size. */
static inline void field(const json_t *object, const char *name, void *out, size_t size)
{
    struct bytes bytes = field_bytes(object, name);
    assert_int_equal(bytes.size, size);
    memcpy(out, bytes.data, size);
    release(&bytes);
}

static inline struct secret *secret_of(const json_t *object, const char *name)
{
    struct bytes bytes = field_bytes(object, name);
    struct secret *secret = secret_copy(bytes.data, bytes.size);
    release(&bytes);
    assert_non_null(secret);
    return secret;
}

static inline void assert_bytes(const void *got, size_t size, const json_t *object, const char *name)
{
    struct bytes wanted = field_bytes(object, name);
    assert_int_equal(size, wanted.size);
    if (size > 0)
        assert_memory_equal(got, wanted.data, size);
    release(&wanted);
}

/* The keys under which the vectors' objects are sealed and their blobs named. */
static inline struct keyring *vectors_keyring(void)
{
    struct error err = {0};
    const json_t *sealed = json_array_get(list(vectors, "containers"), 0);
    struct key_row row = {.type = KEY_SEALING, .generation = 1};
    field(sealed, "tid", row.tid.bytes, ID_SIZE);
    field(sealed, "key_id", row.key_id.bytes, ID_SIZE);
    row.key = secret_of(sealed, "key");
    struct keyring *keyring = keyring_new(&row.tid);
    assert_non_null(keyring);
    ok(keyring_add(keyring, &row, &err), &err);
    secret_free(row.key);
    row.type = KEY_DEDUP;
    row.key = secret_of(member(vectors, "blob_ids"), "dedup");
    ok(keyring_add(keyring, &row, &err), &err);
    secret_free(row.key);
    return keyring;
}

#endif
