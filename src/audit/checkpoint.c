#include "audit/checkpoint.h"

#include "audit/leaf.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>

/* Signed-note: the key hash is the first four bytes of SHA-256(name ‖ LF ‖ 01 ‖ public key); 01 is Ed25519. */
enum { KEY_HASH_SIZE = 4, ALGORITHM_ED25519 = 1, SIGNATURE_BYTES = KEY_HASH_SIZE + ED25519_SIGNATURE_SIZE };

#define EM_DASH "\xe2\x80\x94"

char *audit_origin(const struct id *store, const struct id *log, char out[AUDIT_ORIGIN_SIZE])
{
    char a[2 * ID_SIZE + 1], b[2 * ID_SIZE + 1];
    (void)snprintf(out, AUDIT_ORIGIN_SIZE, "hikae/%s/%s", hex_encode(store->bytes, ID_SIZE, a),
                   hex_encode(log->bytes, ID_SIZE, b));
    return out;
}

static int key_hash(const char *name, const uint8_t public_key[ED25519_PUBLIC_SIZE], uint8_t out[KEY_HASH_SIZE],
                    struct error *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    uint8_t hash[SHA256_SIZE];
    if (buf_append(&text, name, strlen(name), err) != 0 || buf_u8(&text, '\n', err) != 0 ||
        buf_u8(&text, ALGORITHM_ED25519, err) != 0 || buf_append(&text, public_key, ED25519_PUBLIC_SIZE, err) != 0 ||
        sha256(text.data, text.size, hash, err) != 0)
        return -1;
    memcpy(out, hash, KEY_HASH_SIZE);
    return 0;
}

char *audit_verifier_key(const char *name, const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    uint8_t hash[KEY_HASH_SIZE], typed[1 + ED25519_PUBLIC_SIZE] = {ALGORITHM_ED25519};
    char hex[2 * KEY_HASH_SIZE + 1];
    memcpy(typed + 1, public_key, ED25519_PUBLIC_SIZE);
    CLEANUP_FREE char *text = base64_encode(typed, sizeof(typed));
    if (text == NULL || key_hash(name, public_key, hash, NULL) != 0)
        return NULL;
    return mem_printf("%s+%s+%s", name, hex_encode(hash, KEY_HASH_SIZE, hex), text);
}

/* ---- Notes ---- */

int audit_note_sign(const char *text, const char *name, const struct secret *key, char **ret, struct error *err)
{
    uint8_t public_key[ED25519_PUBLIC_SIZE], signature[SIGNATURE_BYTES];
    if (ed25519_public(key, public_key, err) != 0 || key_hash(name, public_key, signature, err) != 0 ||
        ed25519_sign(key, text, strlen(text), signature + KEY_HASH_SIZE, err) != 0)
        return -1;
    CLEANUP_FREE char *encoded = base64_encode(signature, sizeof(signature));
    *ret = encoded != NULL ? mem_printf("%s\n" EM_DASH " %s %s\n", text, name, encoded) : NULL;
    return *ret != NULL ? 0 : error_no_memory(err);
}

/* Where the signatures begin: behind the last empty line. Notes are text without other control characters than LF. */
static bool split_note(const char *note, size_t size, size_t *ret_text)
{
    if (size == 0 || size > AUDIT_NOTE_MAX || note[size - 1] != '\n')
        return false;
    *ret_text = 0;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)note[i] < 0x20 && note[i] != '\n')
            return false;
        if (i > 0 && i + 1 < size && note[i] == '\n' && note[i - 1] == '\n')
            *ret_text = i;
    }
    return *ret_text > 1;
}

enum signature_state { SIGNATURE_BAD, SIGNATURE_OTHER, SIGNATURE_GOOD };

/* One line of signatures, without its newline. */
static int check_line(const char *line, size_t size, const char *name, const uint8_t *public_key,
                      const struct bytes *text, enum signature_state *ret, struct error *err)
{
    size_t dash = strlen(EM_DASH " "), name_size = strlen(name), length;
    uint8_t bytes[SIGNATURE_BYTES], hash[KEY_HASH_SIZE];
    *ret = SIGNATURE_BAD;
    if (size <= dash || memcmp(line, EM_DASH " ", dash) != 0 || memchr(line + dash, ' ', size - dash) == NULL)
        return 0;
    *ret = SIGNATURE_OTHER;
    if (size <= dash + name_size + 1 || memcmp(line + dash, name, name_size) != 0 || line[dash + name_size] != ' ')
        return 0;
    CLEANUP_FREE char *encoded = mem_printf("%.*s", (int)(size - dash - name_size - 1), line + dash + name_size + 1);
    if (encoded == NULL)
        return error_no_memory(err);
    if (!base64_size(encoded, &length) || length != sizeof(bytes) || !base64_decode(encoded, bytes, sizeof(bytes))) {
        *ret = SIGNATURE_BAD;
        return 0;
    }
    if (key_hash(name, public_key, hash, err) != 0)
        return -1;
    if (memcmp(hash, bytes, KEY_HASH_SIZE) != 0)
        return 0; /* another key of the same name */
    struct error why = {0};
    if (ed25519_verify(public_key, text->data, text->size, bytes + KEY_HASH_SIZE, &why) != 0 &&
        why.class != ERROR_DAMAGED) {
        *err = why;
        return -1;
    }
    *ret = why.class == ERROR_DAMAGED ? SIGNATURE_BAD : SIGNATURE_GOOD;
    return 0;
}

int audit_note_check(const char *note, size_t size, const char *name, const uint8_t public_key[ED25519_PUBLIC_SIZE],
                     struct bytes *ret_text, struct error *err)
{
    size_t text_size, good = 0;
    if (!split_note(note, size, &text_size))
        return error_set(err, ERROR_DAMAGED, "it is no signed note");
    *ret_text = (struct bytes){(const uint8_t *)note, text_size};
    for (size_t at = text_size + 1; at < size;) {
        const char *end = memchr(note + at, '\n', size - at);
        size_t length = (size_t)(end - (note + at));
        enum signature_state state;
        if (check_line(note + at, length, name, public_key, ret_text, &state, err) != 0)
            return -1;
        if (state == SIGNATURE_BAD)
            return error_set(err, ERROR_DAMAGED, "a signature of the note is wrong");
        good += state == SIGNATURE_GOOD;
        at += length + 1;
    }
    return good == 1 ? 0 : error_set(err, ERROR_DAMAGED, "the note is not signed by the key of %s", name);
}

bool audit_note_origin(const char *note, size_t size, struct bytes *ret)
{
    const char *end = memchr(note, '\n', size);
    if (end == NULL || end == note)
        return false;
    *ret = (struct bytes){(const uint8_t *)note, (size_t)(end - note)};
    return true;
}

/* ---- Checkpoints ---- */

int audit_checkpoint_sign(const struct audit_checkpoint *checkpoint, const struct id *store, const struct secret *key,
                          char **ret, struct error *err)
{
    char origin[AUDIT_ORIGIN_SIZE], time[CLOCK_TEXT_SIZE];
    CLEANUP_FREE char *root = base64_encode(checkpoint->root.bytes, HASH_SIZE);
    (void)audit_origin(store, &checkpoint->log, origin);
    CLEANUP_FREE char *text = root != NULL
                                  ? mem_printf("%s\n%llu\n%s\ntime %s\n", origin, (unsigned long long)checkpoint->size,
                                               root, audit_time(checkpoint->time_ns, time))
                                  : NULL;
    return text != NULL ? audit_note_sign(text, origin, key, ret, err) : error_no_memory(err);
}

/* The next line of a text (fresh, without its newline) in at most `most` bytes. NULL: there is none. */
static char *take_line(struct bytes *text, size_t most)
{
    const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - text->data) : 0;
    if (end == NULL || size > most)
        return NULL;
    char *line = mem_printf("%.*s", (int)size, (const char *)text->data);
    text->data += size + 1;
    text->size -= size + 1;
    return line;
}

/* Decimal digits, without leading zeros. */
static bool parse_size(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *ret = value;
    return true;
}

static bool parse_origin(const struct bytes *origin, const struct id *store, struct id *ret)
{
    char expected[AUDIT_ORIGIN_SIZE], found[AUDIT_ORIGIN_SIZE];
    static const struct id none;
    size_t size = strlen(audit_origin(store, &none, expected));
    if (origin->size != size)
        return false;
    (void)snprintf(found, sizeof(found), "%.*s", (int)size, (const char *)origin->data);
    return hex_decode(found + size - 2 * ID_SIZE, ID_SIZE, ret->bytes) &&
           strcmp(audit_origin(store, ret, expected), found) == 0;
}

static bool parse_text(struct bytes text, struct audit_checkpoint *ret)
{
    CLEANUP_FREE char *origin = take_line(&text, AUDIT_ORIGIN_SIZE);
    CLEANUP_FREE char *size = take_line(&text, 20);
    CLEANUP_FREE char *root = take_line(&text, 64);
    CLEANUP_FREE char *time = take_line(&text, 64);
    return origin != NULL && size != NULL && root != NULL && time != NULL && parse_size(size, &ret->size) &&
           base64_decode(root, ret->root.bytes, HASH_SIZE) && strncmp(time, "time ", 5) == 0 &&
           clock_parse(time + 5, &ret->time_ns, NULL) == 0;
}

int audit_checkpoint_check(const char *note, size_t size, const struct id *store,
                           const uint8_t public_key[ED25519_PUBLIC_SIZE], struct audit_checkpoint *ret,
                           struct error *err)
{
    struct bytes origin, text;
    char name[AUDIT_ORIGIN_SIZE];
    if (size > AUDIT_CHECKPOINT_MAX || !audit_note_origin(note, size, &origin) ||
        !parse_origin(&origin, store, &ret->log))
        return error_set(err, ERROR_DAMAGED, "it is no checkpoint of a log of this store");
    if (audit_note_check(note, size, audit_origin(store, &ret->log, name), public_key, &text, err) != 0)
        return -1;
    return parse_text(text, ret) ? 0 : error_set(err, ERROR_DAMAGED, "the text of the checkpoint is none");
}

/* ---- Receipts and reviews ---- */

char *audit_note_name(const struct id *store, char out[AUDIT_ORIGIN_SIZE])
{
    char hex[2 * ID_SIZE + 1];
    (void)snprintf(out, AUDIT_ORIGIN_SIZE, "hikae/%s/audit", hex_encode(store->bytes, ID_SIZE, hex));
    return out;
}

/* "<origin> <size> <root>" */
static bool parse_head(const char *line, const struct id *store, struct audit_checkpoint *ret)
{
    const char *size = strchr(line, ' ');
    const char *root = size != NULL ? strchr(size + 1, ' ') : NULL;
    char number[24];
    if (root == NULL || root - size - 1 >= (ptrdiff_t)sizeof(number))
        return false;
    const struct bytes origin = {(const uint8_t *)line, (size_t)(size - line)};
    (void)snprintf(number, sizeof(number), "%.*s", (int)(root - size - 1), size + 1);
    return parse_origin(&origin, store, &ret->log) && parse_size(number, &ret->size) &&
           base64_decode(root + 1, ret->root.bytes, HASH_SIZE);
}

int audit_note_heads(const char *note, size_t size, const struct id *store,
                     const uint8_t public_key[ED25519_PUBLIC_SIZE], struct audit_checkpoint **ret, size_t *ret_count,
                     struct error *err)
{
    struct bytes text;
    char name[AUDIT_ORIGIN_SIZE];
    CLEANUP_FREE struct audit_checkpoint *heads = NULL;
    size_t count = 0;
    if (audit_note_check(note, size, audit_note_name(store, name), public_key, &text, err) != 0)
        return -1;
    while (text.size > 0) {
        CLEANUP_FREE char *line = take_line(&text, AUDIT_NOTE_MAX);
        if (line == NULL)
            return error_set(err, ERROR_DAMAGED, "the text of the note is none");
        if (strncmp(line, "log ", 4) != 0)
            continue;
        struct audit_checkpoint *grown = mem_realloc(heads, (count + 1) * sizeof(*heads));
        if (grown == NULL)
            return error_no_memory(err);
        heads = grown;
        heads[count] = (struct audit_checkpoint){0};
        if (!parse_head(line + 4, store, &heads[count++]))
            return error_set(err, ERROR_DAMAGED, "the note names a log in words that are none");
    }
    *ret = heads;
    *ret_count = count;
    heads = NULL;
    return 0;
}
