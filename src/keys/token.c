#include "keys/token.h"

#include "base/mem.h"
#include "keys/holder.h"
#include "keys/token_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 256, PIN_MAX = 255, AES_KEY_SIZE = 32 };

struct token {
    struct token_module *module;
    struct ck_function_list *f;
    ck_session_handle_t session;
    bool open;
    char serial[TOKEN_SERIAL_SIZE];
};

const char *token_serial(const struct token *token)
{
    return token->serial;
}

/* ---- Which token ---- */

/* Fields of a token are padded with blanks, and come from a device: only what is plainly printable is kept. */
static void plain(const unsigned char *field, size_t size, char *out)
{
    size_t used = 0;
    while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
        size--;
    for (size_t i = 0; i < size; i++)
        out[used++] = field[i] > 0x20 && field[i] < 0x7f ? (char)field[i] : '_';
    out[used] = '\0';
}

static bool has_label(const struct ck_token_info *info, const char *label)
{
    size_t size = strlen(label);
    if (size > sizeof(info->label) || memcmp(info->label, label, size) != 0)
        return false;
    for (size_t i = size; i < sizeof(info->label); i++)
        if (info->label[i] != ' ' && info->label[i] != '\0')
            return false;
    return true;
}

static int find_token(struct token *token, const char *label, const char *serial, ck_slot_id_t *ret_slot,
                      struct ck_token_info *ret_info, struct error *err)
{
    CLEANUP_FREE ck_slot_id_t *slots = mem_calloc(SLOTS_MAX, sizeof(*slots));
    unsigned long count = SLOTS_MAX;
    if (slots == NULL)
        return error_no_memory(err);
    ck_rv_t rv = token->f->C_GetSlotList(1, slots, &count);
    if (rv != CKR_OK)
        return token_failure(rv, "list the tokens", err);
    size_t found = 0;
    for (unsigned long i = 0; i < count; i++) {
        struct ck_token_info info;
        char its[TOKEN_SERIAL_SIZE];
        if (token->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || !has_label(&info, label))
            continue;
        plain(info.serial_number, sizeof(info.serial_number), its);
        if (serial != NULL && strcmp(its, serial) != 0)
            continue;
        found++;
        *ret_slot = slots[i];
        *ret_info = info;
        memcpy(token->serial, its, sizeof(its));
    }
    if (found == 1)
        return 0;
    if (found > 1)
        return error_set(err, ERROR_CONFIG, "%zu tokens are named \"%s\": give each a label of its own", found, label);
    (void)error_set(err, ERROR_NOT_FOUND, "there is no token named \"%s\"%s%s among %lu", label,
                    serial != NULL ? " with the serial number " : "", serial != NULL ? serial : "", count);
    return error_hint(err, "plug it in, or correct \"token\" in the configuration");
}

/* ---- Logging in ---- */

/* The first line of a file, or of a credential that systemd gave. */
static int read_pin(const struct target_credentials *from, struct secret **ret, struct error *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    bool given = from->kind == TARGET_CREDENTIALS_SYSTEMD;
    if (given && (folder == NULL || folder[0] != '/')) {
        (void)error_set(err, ERROR_CONFIG,
                        "systemd gave this process no credentials: CREDENTIALS_DIRECTORY is not set");
        return error_hint(err, "write LoadCredential=%s:/path/of/the/pin into the unit", from->value);
    }
    CLEANUP_FREE char *path = given ? mem_printf("%s/%s", folder, from->value) : mem_strdup(from->value);
    CLEANUP_SECRET struct secret *text = NULL;
    if (path == NULL)
        return error_no_memory(err);
    /* systemd's own folder is closed to others, whatever the mode of the file says. */
    if (holder_read_secret(path, PIN_MAX + 2, !given, &text, err) != 0)
        return error_wrap(err, "the PIN");
    const char *line = (const char *)secret_borrow(text);
    const char *end = memchr(line, '\n', secret_size(text));
    size_t size = end != NULL ? (size_t)(end - line) : secret_size(text);
    if (size > 0 && line[size - 1] == '\r')
        size--;
    if (size == 0 || size > PIN_MAX)
        return error_set(err, ERROR_KEYS, "the first line of %s is no PIN", path);
    *ret = secret_copy(line, size);
    return *ret != NULL ? 0 : error_no_memory(err);
}

static int log_in(struct token *token, const struct holder_options *options, const struct ck_token_info *info,
                  struct error *err)
{
    CLEANUP_SECRET struct secret *pin = NULL;
    if ((info->flags & CKF_USER_PIN_LOCKED) != 0)
        return token_failure(CKR_PIN_LOCKED, "log in to the token", err);
    if (token_module_was_refused(token->module, token->serial))
        return token_failure(CKR_PIN_INCORRECT, "log in to the token", err);
    if ((info->flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        (void)error_set(err, ERROR_KEYS, "one more wrong PIN would lock the token, so none is tried");
        return error_hint(err, "log in once with the vendor's tool and the right PIN, then correct the file");
    }
    if (read_pin(&options->pin, &pin, err) != 0)
        return -1;
    ck_rv_t rv = token->f->C_Login(token->session, CKU_USER, secret_bytes(pin), secret_size(pin));
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    if (rv == CKR_PIN_INCORRECT)
        token_module_note(token->module, token->serial);
    return token_failure(rv, "log in to the token", err);
}

static int open_session(struct token *token, const struct holder_options *options, const char *serial, bool write,
                        struct error *err)
{
    ck_slot_id_t slot = 0;
    struct ck_token_info info = {0};
    if (find_token(token, options->token, serial, &slot, &info, err) != 0)
        return -1;
    ck_flags_t flags = CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : 0);
    ck_rv_t rv = token->f->C_OpenSession(slot, flags, NULL, NULL, &token->session);
    if (rv != CKR_OK)
        return token_failure(rv, "open the token", err);
    token->open = true;
    return log_in(token, options, &info, err);
}

int token_open(const struct holder_options *options, const char *serial, bool write, struct token **ret,
               struct error *err)
{
    struct token *token = mem_calloc(1, sizeof(*token));
    if (token == NULL)
        return error_no_memory(err);
    int rc = token_module_take(options->module, &token->module, err);
    if (rc == 0) {
        token->f = token->module->functions;
        rc = open_session(token, options, serial, write, err);
    }
    if (rc == 0) {
        *ret = token;
        return 0;
    }
    token_close(token);
    return error_wrap(err, "token %.40s", options->token);
}

void token_close(struct token *token)
{
    if (token == NULL)
        return;
    if (token->open)
        (void)token->f->C_CloseSession(token->session);
    if (token->module != NULL)
        token_module_release(token->module);
    mem_free(token);
}

/* ---- Keys ---- */

/* *ret_count: 0, 1, or 2 for more. */
static int find_objects(struct token *token, const uint8_t id[TOKEN_ID_SIZE], ck_object_handle_t ret[2],
                        unsigned long *ret_count, struct error *err)
{
    ck_object_class_t class = CKO_SECRET_KEY;
    uint8_t copy[TOKEN_ID_SIZE];
    memcpy(copy, id, TOKEN_ID_SIZE);
    struct ck_attribute wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, copy, TOKEN_ID_SIZE}};
    ck_rv_t rv = token->f->C_FindObjectsInit(token->session, wanted, 2);
    if (rv != CKR_OK)
        return token_failure(rv, "look for the key on the token", err);
    rv = token->f->C_FindObjects(token->session, ret, 2, ret_count);
    (void)token->f->C_FindObjectsFinal(token->session);
    return rv == CKR_OK ? 0 : token_failure(rv, "look for the key on the token", err);
}

/* What a key must say of itself: made there, secret there ever since, and never to leave. */
static int check_attributes(struct token *token, ck_object_handle_t key, struct error *err)
{
    static const struct {
        ck_attribute_type_t type;
        unsigned char wanted;
        const char *what;
    } table[] = {
        {CKA_SENSITIVE, 1, "its value can be read"},
        {CKA_EXTRACTABLE, 0, "it can be taken out of the token"},
        {CKA_ALWAYS_SENSITIVE, 1, "its value could be read once"},
        {CKA_NEVER_EXTRACTABLE, 1, "it could be taken out of the token once"},
        {CKA_LOCAL, 1, "it was not made in the token"},
        {CKA_TOKEN, 1, "it ends with the session"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        unsigned char value = !table[i].wanted;
        struct ck_attribute attribute = {table[i].type, &value, sizeof(value)};
        ck_rv_t rv = token->f->C_GetAttributeValue(token->session, key, &attribute, 1);
        if (rv == CKR_OK && attribute.value_len == 1 && value == table[i].wanted)
            continue;
        if (rv != CKR_OK && rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE)
            return token_failure(rv, "ask the token about its key", err);
        (void)error_set(err, ERROR_KEYS, "the key on the token is worth no more than a file: %s", table[i].what);
        return error_hint(err, "take a token that keeps its keys, then make a new root epoch");
    }
    uint8_t bytes[AES_KEY_SIZE];
    struct ck_attribute value = {CKA_VALUE, bytes, sizeof(bytes)};
    ck_rv_t rv = token->f->C_GetAttributeValue(token->session, key, &value, 1);
    mem_wipe(bytes, sizeof(bytes));
    if (rv != CKR_OK)
        return 0;
    return error_set(err, ERROR_KEYS, "the token gave its key away, though it says that it never does");
}

static int one_object(struct token *token, const uint8_t id[TOKEN_ID_SIZE], ck_object_handle_t *ret, struct error *err)
{
    ck_object_handle_t found[2];
    unsigned long count = 0;
    if (find_objects(token, id, found, &count, err) != 0)
        return -1;
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "the key is not on the token");
    if (count > 1)
        return error_set(err, ERROR_KEYS, "several keys on the token have the same id");
    *ret = found[0];
    return 0;
}

static int sound_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], ck_object_handle_t *ret, struct error *err)
{
    return one_object(token, id, ret, err) == 0 ? check_attributes(token, *ret, err) : -1;
}

int token_find_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], struct error *err)
{
    ck_object_handle_t key = 0;
    return sound_key(token, id, &key, err);
}

int token_make_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const char *label, struct error *err)
{
    unsigned char yes = 1, no = 0;
    unsigned long size = AES_KEY_SIZE;
    uint8_t copy[TOKEN_ID_SIZE];
    char text[64];
    memcpy(copy, id, TOKEN_ID_SIZE);
    (void)snprintf(text, sizeof(text), "%s", label);
    struct ck_attribute wanted[] = {
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &yes, 1},
        {CKA_SENSITIVE, &yes, 1},
        {CKA_EXTRACTABLE, &no, 1},
        {CKA_ENCRYPT, &yes, 1},
        {CKA_DECRYPT, &yes, 1},
        {CKA_WRAP, &no, 1},
        {CKA_UNWRAP, &no, 1},
        {CKA_DERIVE, &no, 1},
        {CKA_VALUE_LEN, &size, sizeof(size)},
        {CKA_ID, copy, TOKEN_ID_SIZE},
        {CKA_LABEL, text, strlen(text)},
    };
    struct ck_mechanism mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    ck_object_handle_t key = 0;
    ck_rv_t rv = token->f->C_GenerateKey(token->session, &mechanism, wanted, sizeof(wanted) / sizeof(wanted[0]), &key);
    if (rv != CKR_OK)
        return token_failure(rv, "make a key on the token", err);
    if (check_attributes(token, key, err) == 0)
        return 0;
    (void)token->f->C_DestroyObject(token->session, key);
    if (err != NULL && err->class == ERROR_KEYS)
        err->class = ERROR_REFUSED;
    return -1;
}

int token_destroy_key(struct token *token, const uint8_t id[TOKEN_ID_SIZE], struct error *err)
{
    ck_object_handle_t found[2];
    unsigned long count = 0;
    ck_object_handle_t key = 0;
    if (one_object(token, id, &key, err) != 0)
        return -1;
    ck_rv_t rv = token->f->C_DestroyObject(token->session, key);
    if (rv != CKR_OK)
        return token_failure(rv, "destroy the key on the token", err);
    if (find_objects(token, id, found, &count, err) != 0)
        return -1;
    return count == 0 ? 0
                      : error_set(err, ERROR_UNREACHABLE, "the token says that it destroyed the key, but still has it");
}

/* ---- Sealing ---- */

int token_seal(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const uint8_t nonce[TOKEN_NONCE_SIZE],
               const void *aad, size_t aad_size, const void *plain_bytes, size_t size, uint8_t *out, struct error *err)
{
    ck_object_handle_t key = 0;
    struct ck_gcm_params gcm = {(unsigned char *)(uintptr_t)nonce, TOKEN_NONCE_SIZE, TOKEN_NONCE_SIZE * 8,
                                (unsigned char *)(uintptr_t)aad,   aad_size,         TOKEN_TAG_SIZE * 8};
    struct ck_mechanism mechanism = {CKM_AES_GCM, &gcm, sizeof(gcm)};
    unsigned long made = size + TOKEN_TAG_SIZE;
    if (sound_key(token, id, &key, err) != 0)
        return -1;
    ck_rv_t rv = token->f->C_EncryptInit(token->session, &mechanism, key);
    if (rv == CKR_OK)
        rv = token->f->C_Encrypt(token->session, (unsigned char *)(uintptr_t)plain_bytes, size, out, &made);
    if (rv != CKR_OK)
        return token_failure(rv, "seal with the key on the token", err);
    /* Some devices choose the nonce themselves; then what they give is none of ours. */
    return made == size + TOKEN_TAG_SIZE ? 0
                                         : error_set(err, ERROR_CONFIG, "the token seals in another form than GCM's");
}

int token_unseal(struct token *token, const uint8_t id[TOKEN_ID_SIZE], const uint8_t nonce[TOKEN_NONCE_SIZE],
                 const void *aad, size_t aad_size, const uint8_t *sealed, size_t size, uint8_t *out, struct error *err)
{
    ck_object_handle_t key = 0;
    struct ck_gcm_params gcm = {(unsigned char *)(uintptr_t)nonce, TOKEN_NONCE_SIZE, TOKEN_NONCE_SIZE * 8,
                                (unsigned char *)(uintptr_t)aad,   aad_size,         TOKEN_TAG_SIZE * 8};
    struct ck_mechanism mechanism = {CKM_AES_GCM, &gcm, sizeof(gcm)};
    if (sound_key(token, id, &key, err) != 0)
        return -1;
    /* Room for the tag too: some libraries want as much as goes in. */
    CLEANUP_SECRET struct secret *room = secret_new(size + TOKEN_TAG_SIZE);
    unsigned long made = size + TOKEN_TAG_SIZE;
    if (room == NULL)
        return error_no_memory(err);
    ck_rv_t rv = token->f->C_DecryptInit(token->session, &mechanism, key);
    if (rv != CKR_OK)
        return token_failure(rv, "open with the key on the token", err);
    rv = token->f->C_Decrypt(token->session, (unsigned char *)(uintptr_t)sealed, size + TOKEN_TAG_SIZE,
                             secret_bytes(room), &made);
    /* What does not verify is told by many names. */
    if (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED || rv == CKR_DATA_INVALID ||
        (rv == CKR_OK && made != size))
        rv = CKR_ENCRYPTED_DATA_INVALID;
    if (rv != CKR_OK)
        return token_failure(rv, "open with the key on the token", err);
    memcpy(out, secret_borrow(room), size);
    return 0;
}
