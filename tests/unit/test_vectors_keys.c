/* Holders, slots, keys objects and the store object against the vectors of the independent reader. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/file.h"
#include "keys/keystore_internal.h"
#include "keys/sheet.h"
#include "scratch.h"
#include "vectors.h"

enum { PATH_SIZE = 512 };

static char folder[PATH_SIZE - 64];

static int set_up(void **state)
{
    return scratch_make(folder, sizeof(folder), "vectors") == 0 ? vectors_load(state) : -1;
}

static int tear_down(void **state)
{
    (void)vectors_release(state);
    return file_remove_tree(folder, NULL);
}

static void write_file(char path[PATH_SIZE], const char *name, const void *bytes, size_t size)
{
    struct error err = {0};
    (void)snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    ok(file_write_atomic(path, bytes, size, 0600, &err), &err);
}

static const json_t *keys(const char *name)
{
    return member(member(vectors, "keys"), name);
}

static void assert_secret(const struct secret *got, const json_t *object, const char *name)
{
    assert_bytes(secret_borrow(got), secret_size(got), object, name);
}

/* ---- Holders ---- */

static void test_key_file(void **state)
{
    (void)state;
    const json_t *vector = keys("key_file");
    const char *line = text(vector, "line");
    char path[PATH_SIZE], id[2 * HOLDER_KEY_ID_SIZE + 1];
    struct secret *key = NULL;
    uint32_t epoch = 0;
    struct error err = {0};
    write_file(path, "key", line, strlen(line));
    ok(holder_keyfile_read(path, &epoch, &key, &err), &err);
    assert_int_equal(epoch, number(vector, "epoch"));
    assert_secret(key, vector, "key");
    ok(holder_key_id(HOLDER_FILE_LABEL, key, id, &err), &err);
    assert_string_equal(id, text(vector, "key_id"));

    struct buf written = {0};
    (void)snprintf(path, sizeof(path), "%s/written", folder);
    ok(holder_keyfile_create(path, epoch, key, &err), &err);
    ok(file_read(path, 4096, &written, &err), &err);
    assert_int_equal(written.size, strlen(line));
    assert_memory_equal(written.data, line, written.size);
    buf_free(&written);
    secret_free(key);
}

static void test_sheet(void **state)
{
    (void)state;
    const json_t *vector = keys("sheet");
    const char *digits = text(vector, "digits");
    uint32_t epoch = (uint32_t)number(vector, "epoch");
    char encoded[SHEET_DIGITS], path[PATH_SIZE];
    struct secret *key = secret_of(vector, "key"), *parsed = NULL, *derived = NULL;
    struct error err = {0};
    ok(sheet_encode(key, epoch, encoded, &err), &err);
    size_t i = 0;
    for (const char *p = digits; *p != '\0'; p++)
        if (*p != '-') {
            assert_true(i < SHEET_DIGITS);
            assert_int_equal(encoded[i++], *p);
        }
    assert_int_equal(i, SHEET_DIGITS);
    ok(sheet_parse(digits, strlen(digits), epoch, &parsed, &err), &err);
    assert_true(secret_equal(parsed, key));

    write_file(path, "sheet", digits, strlen(digits));
    struct holder holder = {.kind = HOLDER_SHEET, .path = path};
    json_t *params = json_pack("{s:s}", "key_id", text(vector, "key_id"));
    ok(holder_reach(&holder, epoch, params, &derived, &err), &err);
    assert_secret(derived, vector, "holder_key");
    json_decref(params);
    secret_free(key);
    secret_free(parsed);
    secret_free(derived);
}

static void test_passphrase(void **state)
{
    (void)state;
    const json_t *vector = keys("passphrase");
    struct bytes phrase = field_bytes(vector, "passphrase");
    static const char *const ends[] = {"", "\n", "\r\n", "\nanother line\n"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char path[PATH_SIZE], content[256];
        struct secret *key = NULL;
        struct error err = {0};
        assert_true(phrase.size + strlen(ends[i]) < sizeof(content));
        memcpy(content, phrase.data, phrase.size);
        memcpy(content + phrase.size, ends[i], strlen(ends[i]));
        write_file(path, "passphrase", content, phrase.size + strlen(ends[i]));
        struct holder holder = {.kind = HOLDER_PASSPHRASE, .path = path};
        ok(holder_reach(&holder, 3, member(vector, "params"), &key, &err), &err);
        assert_secret(key, vector, "holder_key");
        secret_free(key);
    }
    release(&phrase);
}

/* ---- Slots and keys ---- */

/* An entry of the keystore as it comes from a target. */
static struct key_entry entry_of(const struct bytes *object, enum container_kind kind)
{
    struct key_entry entry = {.epoch = (uint32_t)number(keys("slots"), "epoch"),
                              .object = (uint8_t *)(uintptr_t)object->data,
                              .size = object->size,
                              .kind = kind};
    field(keys("slots"), "epoch_id", entry.key_id.bytes, ID_SIZE);
    return entry;
}

/* Each group opens the root with its own holders, and with nothing else. */
static void check_groups(const struct slots *slots)
{
    char file_path[PATH_SIZE], sheet_path[PATH_SIZE], phrase_path[PATH_SIZE];
    struct bytes phrase = field_bytes(keys("passphrase"), "passphrase");
    const char *line = text(keys("key_file"), "line"), *digits = text(keys("sheet"), "digits");
    write_file(file_path, "slots-key", line, strlen(line));
    write_file(sheet_path, "slots-sheet", digits, strlen(digits));
    write_file(phrase_path, "slots-phrase", phrase.data, phrase.size);
    release(&phrase);
    struct holder holders[] = {{.kind = HOLDER_FILE, .path = file_path},
                               {.kind = HOLDER_SHEET, .path = sheet_path},
                               {.kind = HOLDER_PASSPHRASE, .path = phrase_path}};
    struct {
        size_t first, count;
        const char *opens; /* NULL: nothing */
    } cases[] = {{0, 1, "daily"}, {1, 2, "safe"}, {0, 3, "daily"}, {1, 1, NULL}, {2, 1, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct holder_group group = {.members = holders + cases[i].first, .member_count = cases[i].count};
        const struct slot_group *opened = NULL;
        struct secret *root = NULL;
        struct error err = {0};
        int rc = slots_open(slots, &group, 1, &root, &opened, &err);
        if (cases[i].opens == NULL) {
            assert_int_equal(rc, -1);
            continue;
        }
        ok(rc, &err);
        assert_string_equal(opened->name, cases[i].opens);
        assert_secret(root, keys("slots"), "root");
        secret_free(root);
    }
}

static void test_slots(void **state)
{
    (void)state;
    const json_t *vector = keys("slots");
    struct bytes object = field_bytes(vector, "object");
    struct key_entry entry = entry_of(&object, CONTAINER_SLOTS);
    struct secret *root = secret_of(vector, "root");
    struct slots slots;
    struct id id;
    struct error err = {0};
    ok(keys_epoch_id(root, &id, &err), &err);
    assert_true(id_equal(&id, &entry.key_id));
    ok(keystore_check_slots(&entry, root, &err), &err);
    ok(keystore_slots(&entry, &slots, &err), &err);
    assert_int_equal(slots.epoch, number(vector, "epoch"));
    assert_int_equal(slots.group_count, 2);
    check_groups(&slots);
    slots_clear(&slots);
    secret_free(root);
    release(&object);
}

static void test_keys_object(void **state)
{
    (void)state;
    const json_t *vector = keys("keys"), *wanted;
    struct bytes object = field_bytes(vector, "object");
    struct key_entry entry = entry_of(&object, CONTAINER_KEYS);
    struct secret *root = secret_of(keys("slots"), "root"), *rows = NULL;
    struct row_reader reader = {0};
    struct error err = {0};
    ok(row_reader_open(&reader, &entry, root, &err), &err);
    assert_int_equal(reader.rows, json_array_size(list(vector, "entries")));
    ok(row_reader_read(&reader, 0, (uint32_t)reader.rows, &rows, &err), &err);
    assert_secret(rows, vector, "body");
    size_t i;
    json_array_foreach(member(vector, "entries"), i, wanted)
    {
        struct key_row row;
        uint8_t again[KEYS_ROW_SIZE];
        ok(row_decode(secret_borrow(rows) + i * KEYS_ROW_SIZE, &row, &err), &err);
        assert_int_equal(row.type, number(wanted, "type"));
        assert_int_equal(row.generation, number(wanted, "generation"));
        assert_true(row.created_ns == number(wanted, "created"));
        assert_bytes(row.tid.bytes, ID_SIZE, wanted, "tid");
        assert_bytes(row.key_id.bytes, ID_SIZE, wanted, "key_id");
        assert_secret(row.key, wanted, "key");
        row_encode(&row, again);
        assert_memory_equal(again, secret_borrow(rows) + i * KEYS_ROW_SIZE, sizeof(again));
        secret_free(row.key);
    }
    secret_free(rows);
    row_reader_close(&reader);
    secret_free(root);
    release(&object);
}

/* ---- The store object ---- */

static void test_store_object(void **state)
{
    (void)state;
    const json_t *vector = keys("store");
    struct bytes object = field_bytes(vector, "object");
    char url[PATH_SIZE];
    struct target *target = NULL;
    struct store_info info;
    struct error err = {0};
    (void)snprintf(url, sizeof(url), "file://%s/target", folder);
    ok(target_open("vectors", url, true, &target, &err), &err);
    ok(target_put(target, NAME_STORE, object.data, object.size, TARGET_PUT_CREATE, &err), &err);
    ok(store_read(target, &info, &err), &err);
    assert_bytes(info.sign_public, sizeof(info.sign_public), vector, "public");
    assert_true(info.test_clock);
    struct secret *seed = secret_of(vector, "seed");
    const char *line = text(vector, "line");
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    ok(ed25519_sign(seed, line, strlen(line), signature, &err), &err);
    char *base64 = keys_base64(signature, sizeof(signature));
    assert_non_null(base64);
    assert_string_equal(base64, text(vector, "signature"));
    mem_free(base64);
    secret_free(seed);
    target_close(target);
    release(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_file), cmocka_unit_test(test_sheet),       cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_slots),    cmocka_unit_test(test_keys_object), cmocka_unit_test(test_store_object),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
