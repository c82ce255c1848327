#include "keys/holder.h"

#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <string.h>

/* The table of holders. */
static const struct {
    enum holder_kind kind;
    const char *name;
    const char *worth;
    int (*make)(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                struct error *err);
    int (*reach)(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                 struct error *err);
} kinds[] = {
    {HOLDER_FILE, "file",
     "Destroying a key file is no cryptographic erasure against whoever has its medium, a copy or a backup of it: "
     "overwriting does not reach what a disk or a file system keeps elsewhere.",
     holder_file_make, holder_file_reach},
    {HOLDER_PASSPHRASE, "passphrase",
     "A passphrase cannot be destroyed: whoever knows it, or has its file or a backup of that, can go on opening "
     "this epoch, so there is no cryptographic erasure.",
     holder_passphrase_make, holder_passphrase_reach},
    {HOLDER_SHEET, "sheet",
     "A recovery sheet is gone when its paper and every copy of it are destroyed, which only the people who kept "
     "it can attest: no cryptographic erasure against whoever has a copy.",
     holder_sheet_make, holder_sheet_reach},
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

const char *holder_kind_name(enum holder_kind kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "unknown";
}

bool holder_kind_parse(const char *text, enum holder_kind *ret)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, text) == 0) {
            *ret = kinds[i].kind;
            return true;
        }
    return false;
}

const char *holder_destruction_worth(enum holder_kind kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].kind == kind)
            return kinds[i].worth;
    return "Nothing is known of what destroying this holder is worth.";
}

int holder_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                struct error *err)
{
    *ret = (struct holder_made){0};
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].kind == holder->kind) {
            if (kinds[i].make(holder, occasion, ret, err) == 0)
                return 0;
            holder_unmake(ret);
            return error_wrap(err, "make the %s holder %s", kinds[i].name, holder->name);
        }
    return error_set(err, ERROR_CONFIG, "holder %s is of no kind that is known", holder->name);
}

int holder_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                 struct error *err)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].kind == holder->kind) {
            if (holder->path == NULL)
                return error_set(err, ERROR_NOT_FOUND, "the %s is not kept here", kinds[i].name);
            return kinds[i].reach(holder, epoch, params, ret_key, err);
        }
    return error_set(err, ERROR_CONFIG, "holder %s is of no kind that is known", holder->name);
}

void holder_made_clear(struct holder_made *made)
{
    secret_free(made->key);
    json_decref(made->params);
    if (made->page != NULL)
        mem_wipe(made->page, strlen(made->page));
    mem_free(made->page);
    mem_free(made->created_path);
    *made = (struct holder_made){0};
}

void holder_unmake(struct holder_made *made)
{
    /* What cannot be removed opens nothing: no slot was ever written for it. So a failure here changes nothing. */
    int destroyed = made->created_path != NULL ? holder_keyfile_destroy(made->created_path, NULL) : 0;
    (void)destroyed;
    holder_made_clear(made);
}

int holder_key_id(const char *label, const struct secret *key, char out[2 * HOLDER_KEY_ID_SIZE + 1], struct error *err)
{
    size_t label_size = strlen(label);
    CLEANUP_SECRET struct secret *text = secret_new(label_size + secret_size(key));
    if (text == NULL)
        return error_no_memory(err);
    memcpy(secret_bytes(text), label, label_size);
    memcpy(secret_bytes(text) + label_size, secret_borrow(key), secret_size(key));
    uint8_t digest[SHA256_SIZE];
    if (sha256(secret_borrow(text), secret_size(text), digest, err) != 0)
        return -1;
    (void)hex_encode(digest, HOLDER_KEY_ID_SIZE, out);
    return 0;
}
