#include "keys/holder.h"

#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>

/* What a kind needs to be reached. */
enum holder_needs { NEEDS_NOTHING, NEEDS_PATH, NEEDS_TOKEN, NEEDS_REGION };

/* The table of holders. */
static const struct holder_row {
    enum holder_kind kind;
    const char *name;
    const char *worth;
    bool device;
    enum holder_needs needs;
    int (*make)(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                struct error *err);
    int (*reach)(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                 struct error *err);
    int (*attest)(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_attestation *ret,
                  struct error *err); /* NULL: it has nothing to say */
    int (*destroy)(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                   struct error *err);
} kinds[] = {
    {HOLDER_FILE, "file",
     "Destroying a key file is no cryptographic erasure against whoever has its medium, a copy or a backup of it: "
     "overwriting does not reach what a disk or a file system keeps elsewhere.",
     false, NEEDS_PATH, holder_file_make, holder_file_reach, holder_file_attest, holder_file_destroy},
    {HOLDER_PASSPHRASE, "passphrase",
     "A passphrase cannot be destroyed: whoever knows it, or has its file or a backup of that, can go on opening "
     "this epoch, so there is no cryptographic erasure.",
     false, NEEDS_PATH, holder_passphrase_make, holder_passphrase_reach, NULL, holder_passphrase_destroy},
    {HOLDER_SHEET, "sheet",
     "A recovery sheet is gone when its paper and every copy of it are destroyed, which only the people who kept "
     "it can attest: no cryptographic erasure against whoever has a copy.",
     false, NEEDS_NOTHING, holder_sheet_make, holder_sheet_reach, holder_sheet_attest, holder_sheet_destroy},
    {HOLDER_TOKEN, "pkcs11",
     "The key was made in the token and cannot be taken out, as the token attests: when it is destroyed there, no copy "
     "is left, unless the token's maker or its own backup keeps one.",
     true, NEEDS_TOKEN, holder_token_make, holder_token_reach, holder_token_attest, holder_token_destroy},
    {HOLDER_KMS, "aws-kms",
     "The key never leaves the key service. It is unusable from the moment its deletion is scheduled, and gone for "
     "good "
     "when the waiting period is over; until then somebody with the right to do so can cancel that.",
     true, NEEDS_REGION, holder_kms_make, holder_kms_reach, holder_kms_attest, holder_kms_destroy},
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

static const struct holder_row *row_of(enum holder_kind kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].kind == kind)
            return &kinds[i];
    return NULL;
}

const char *holder_kind_name(enum holder_kind kind)
{
    const struct holder_row *row = row_of(kind);
    return row != NULL ? row->name : "unknown";
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
    const struct holder_row *row = row_of(kind);
    return row != NULL ? row->worth : "Nothing is known of what destroying this holder is worth.";
}

bool holder_kind_is_device(enum holder_kind kind)
{
    const struct holder_row *row = row_of(kind);
    return row != NULL && row->device;
}

/* ---- Words ---- */

const char *holder_state_name(enum holder_state state)
{
    static const char *const names[] = {[HOLDER_OPENS] = "opens",
                                        [HOLDER_WRONG] = "wrong",
                                        [HOLDER_NOT_HERE] = "not-here",
                                        [HOLDER_UNKNOWN] = "unknown"};
    return names[state];
}

const char *holder_presence_name(enum holder_presence presence)
{
    static const char *const names[] = {[HOLDER_PRESENCE_UNKNOWN] = "unknown",
                                        [HOLDER_PRESENT] = "present",
                                        [HOLDER_PENDING] = "pending",
                                        [HOLDER_ABSENT] = "absent"};
    return names[presence];
}

const char *holder_fate_name(enum holder_fate fate)
{
    static const char *const names[] = {[HOLDER_FATE_UNKNOWN] = "unknown", [HOLDER_FATE_DESTROYED] = "destroyed",
                                        [HOLDER_FATE_ABSENT] = "absent",   [HOLDER_FATE_SCHEDULED] = "scheduled",
                                        [HOLDER_FATE_PEOPLE] = "people",   [HOLDER_FATE_REFUSED] = "refused"};
    return names[fate];
}

/* ---- Using them ---- */

static const struct holder_row *known_row(const struct holder *holder, struct error *err)
{
    const struct holder_row *row = row_of(holder->kind);
    if (row == NULL)
        (void)error_set(err, ERROR_CONFIG, "holder %s is of no kind that is known", holder->name);
    return row;
}

bool holder_is_here(const struct holder *holder)
{
    const struct holder_row *row = row_of(holder->kind);
    return row != NULL && (row->device ? holder->options != NULL : holder->path != NULL);
}

int holder_check(const struct holder *holder, struct error *err)
{
    const struct holder_row *row = known_row(holder, err);
    if (row == NULL)
        return -1;
    if (row->needs == NEEDS_PATH && holder->path == NULL)
        return error_set(err, ERROR_CONFIG, "holder %s (%s) has no path", holder->name, row->name);
    const struct holder_options *o = holder->options;
    if (row->needs == NEEDS_TOKEN && (o == NULL || o->module == NULL || o->token == NULL || o->pin.value == NULL))
        return error_set(err, ERROR_CONFIG, "holder %s (%s) has no module, token or pin", holder->name, row->name);
    if (row->needs == NEEDS_REGION && (o == NULL || o->region == NULL))
        return error_set(err, ERROR_CONFIG, "holder %s (%s) has no region", holder->name, row->name);
    return 0;
}

int holder_make(const struct holder *holder, const struct holder_occasion *occasion, struct holder_made *ret,
                struct error *err)
{
    *ret = (struct holder_made){.epoch = occasion->epoch};
    const struct holder_row *row = known_row(holder, err);
    if (row == NULL)
        return -1;
    if (row->make(holder, occasion, ret, err) == 0)
        return 0;
    holder_unmake(ret);
    return error_wrap(err, "make the %s holder %s", row->name, holder->name);
}

int holder_tell_made(const struct holder *holder, const struct holder_occasion *occasion, const json_t *params,
                     struct error *err)
{
    return occasion->made != NULL ? occasion->made(holder->kind, occasion->epoch, params, occasion->made_context, err)
                                  : 0;
}

int holder_reach(const struct holder *holder, uint32_t epoch, const json_t *params, struct secret **ret_key,
                 struct error *err)
{
    const struct holder_row *row = known_row(holder, err);
    if (row == NULL)
        return -1;
    if (!holder_is_here(holder))
        return error_set(err, ERROR_NOT_FOUND, "the %s is not kept here", row->name);
    return row->reach(holder, epoch, params, ret_key, err);
}

int holder_attest(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_attestation *ret,
                  struct error *err)
{
    struct error why = {0};
    *ret = (struct holder_attestation){.extractable = true};
    const struct holder_row *row = known_row(holder, err);
    if (row == NULL)
        return -1;
    ret->extractable = !row->device;
    if (row->attest == NULL || !holder_is_here(holder) || row->attest(holder, epoch, params, ret, &why) == 0)
        return 0;
    if (why.class == ERROR_NO_MEMORY || why.class == ERROR_INTERNAL || why.class == ERROR_INTERRUPTED) {
        *err = why;
        return -1;
    }
    ret->presence = HOLDER_PRESENCE_UNKNOWN;
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)sizeof(ret->detail) - 1, why.what);
    return 0;
}

int holder_destroy(const struct holder *holder, uint32_t epoch, const json_t *params, struct holder_end *ret,
                   struct error *err)
{
    *ret = (struct holder_end){0};
    const struct holder_row *row = known_row(holder, err);
    if (row == NULL)
        return -1;
    if (row->needs == NEEDS_PATH && holder->path == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the %s is not kept here", row->name);
    return row->destroy(holder, epoch, params, ret, err);
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
    struct holder_end end;
    struct error why;
    int destroyed = made->created_path != NULL ? holder_keyfile_destroy(made->created_path, &why) : 0;
    if (made->inside != NULL)
        destroyed = holder_destroy(made->inside, made->epoch, made->params, &end, &why);
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
