/* Recovery sheets: 32 random bytes that are printed and kept by people. */
#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "keys/holder.h"
#include "keys/sheet.h"

#include <stdio.h>
#include <string.h>

/* HKDF-SHA256(the sheet's bytes, no salt, "hikae1 sheet", 32). */
static int derive(const struct secret *sheet, struct secret **ret, struct error *err)
{
    CLEANUP_SECRET struct secret *key = secret_new(KEY_SIZE);
    if (key == NULL)
        return error_no_memory(err);
    if (hkdf_sha256(secret_borrow(sheet), SHEET_KEY_SIZE, NULL, 0, HOLDER_SHEET_LABEL, strlen(HOLDER_SHEET_LABEL),
                    secret_bytes(key), KEY_SIZE, err) != 0)
        return -1;
    *ret = key;
    key = NULL;
    return 0;
}

int holder_sheet_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                      struct error *err)
{
    CLEANUP_SECRET struct secret *sheet = secret_new(SHEET_KEY_SIZE);
    if (sheet == NULL)
        return error_no_memory(err);
    const struct sheet_about about = {.store = occasion->store,
                                      .epoch = occasion->epoch,
                                      .created_ns = occasion->now_ns,
                                      .group = occasion->group,
                                      .holder = holder->name,
                                      .others = occasion->others};
    char key_id[2 * HOLDER_KEY_ID_SIZE + 1];
    if (crypto_random(secret_bytes(sheet), SHEET_KEY_SIZE, err) != 0 ||
        holder_key_id(HOLDER_SHEET_LABEL, sheet, key_id, err) != 0 || derive(sheet, &ret->key, err) != 0 ||
        sheet_page(sheet, &about, &ret->page, err) != 0)
        return -1;
    ret->params = json_pack("{s:s}", "key_id", key_id);
    if (ret->params == NULL)
        return error_no_memory(err);
    if (holder->path == NULL)
        return 0;
    CLEANUP_FREE char *path = mem_strdup(holder->path);
    if (path == NULL)
        return error_no_memory(err);
    if (file_create_durable(path, ret->page, strlen(ret->page), 0600, err) != 0)
        return -1;
    ret->created_path = path;
    path = NULL;
    return 0;
}

int holder_sheet_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                       struct error *err)
{
    /*
     * The mode is not looked at: in an emergency the digits are typed into some file, or lie on a stick whose file
     * system has no modes, and are thrown away afterwards.
     */
    CLEANUP_SECRET struct secret *text = NULL;
    CLEANUP_SECRET struct secret *sheet = NULL;
    char key_id[2 * HOLDER_KEY_ID_SIZE + 1];
    if (holder_read_secret(holder->path, SHEET_TEXT_MAX, false, &text, err) != 0 ||
        sheet_parse((const char *)secret_borrow(text), secret_size(text), epoch, &sheet, err) != 0 ||
        holder_key_id(HOLDER_SHEET_LABEL, sheet, key_id, err) != 0)
        return -1;
    const char *wanted = json_string_value(json_object_get(params, "key_id"));
    if (wanted == NULL || strcmp(wanted, key_id) != 0) {
        (void)error_set(err, ERROR_KEYS, "this recovery sheet is another one: of another store, or of another group");
        return error_hint(err, "compare the store's id that is printed on the sheet");
    }
    return derive(sheet, ret_key, err);
}

int holder_sheet_attest(const struct holder *holder, uint32_t epoch, const json_t *params,
                        struct holder_attestation *ret, struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    const char *key_id = json_string_value(json_object_get(params, "key_id"));
    (void)snprintf(ret->identity, sizeof(ret->identity), "%.32s", key_id != NULL ? key_id : "");
    if (holder_sheet_reach(holder, epoch, params, &key, err) != 0)
        return -1;
    ret->presence = HOLDER_PRESENT;
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.200s", holder->path);
    return 0;
}

/* What is here as a file is wiped; the paper is for people. */
int holder_sheet_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                         struct error *err)
{
    CLEANUP_SECRET struct secret *key = NULL;
    struct error why = {0};
    *ret = (struct holder_end){.fate = HOLDER_FATE_PEOPLE};
    if (holder->path != NULL && holder_sheet_reach(holder, epoch, params, &key, &why) == 0 &&
        holder_keyfile_destroy(holder->path, err) != 0)
        return -1;
    if (why.class == ERROR_KEYS) {
        *err = why; /* another sheet */
        return -1;
    }
    (void)snprintf(ret->why, sizeof(ret->why),
                   "the recovery sheet of epoch %u%s has to be destroyed, on paper and in every copy, by those who "
                   "keep it",
                   epoch, key != NULL ? " (its file here is wiped)" : "");
    return 0;
}
