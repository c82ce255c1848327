#include "crypto/dsse.h"

#include "base/base64.h"
#include "base/json.h"
#include "crypto/pem.h"

#include <stdio.h>

void dsse_free(struct dsse *envelope)
{
    buf_free(&envelope->payload);
    mem_free(envelope->signatures);
    *envelope = (struct dsse){0};
}

int dsse_pae(const char *type, const void *payload, size_t size, struct buf *out, struct error *err)
{
    char lengths[2][32];
    (void)snprintf(lengths[0], sizeof(lengths[0]), "DSSEv1 %zu ", strlen(type));
    (void)snprintf(lengths[1], sizeof(lengths[1]), " %zu ", size);
    return buf_append(out, lengths[0], strlen(lengths[0]), err) == 0 && buf_append(out, type, strlen(type), err) == 0 &&
                   buf_append(out, lengths[1], strlen(lengths[1]), err) == 0 && buf_append(out, payload, size, err) == 0
               ? 0
               : -1;
}

/* ---- Writing ---- */

int dsse_start(const char *type, const void *payload, size_t size, struct dsse *ret, struct error *err)
{
    size_t type_size = strlen(type);
    if (type_size == 0 || type_size > DSSE_TYPE_MAX || size > DSSE_PAYLOAD_MAX)
        return error_set(err, ERROR_INTERNAL, "a payload of %zu bytes with a type of %zu bytes fits in no envelope",
                         size, type_size);
    struct dsse envelope = {0};
    memcpy(envelope.type, type, type_size);
    if (buf_append(&envelope.payload, payload, size, err) != 0)
        return -1;
    *ret = envelope;
    return 0;
}

/* Room for one signature more; NULL when there is no memory. */
static struct dsse_signature *add_signature(struct dsse *envelope)
{
    struct dsse_signature *grown =
        mem_realloc(envelope->signatures, (envelope->signature_count + 1) * sizeof(*envelope->signatures));
    if (grown == NULL)
        return NULL;
    envelope->signatures = grown;
    struct dsse_signature *signature = &grown[envelope->signature_count];
    *signature = (struct dsse_signature){.size = ED25519_SIGNATURE_SIZE};
    return signature;
}

int dsse_sign(struct dsse *envelope, const struct secret *seed, struct error *err)
{
    if (envelope->signature_count == DSSE_SIGNATURES_MAX)
        return error_set(err, ERROR_REFUSED, "the envelope has %d signatures, as many as it can have",
                         DSSE_SIGNATURES_MAX);
    CLEANUP(buf_free) struct buf pae = {0};
    uint8_t public_key[ED25519_PUBLIC_SIZE], bytes[ED25519_SIGNATURE_SIZE];
    char keyid[KEYID_SIZE];
    if (dsse_pae(envelope->type, envelope->payload.data, envelope->payload.size, &pae, err) != 0 ||
        ed25519_public(seed, public_key, err) != 0 || ed25519_keyid(public_key, keyid, err) != 0 ||
        ed25519_sign(seed, pae.data, pae.size, bytes, err) != 0)
        return -1;
    struct dsse_signature *signature = add_signature(envelope);
    if (signature == NULL)
        return error_no_memory(err);
    memcpy(signature->keyid, keyid, sizeof(keyid));
    memcpy(signature->bytes, bytes, sizeof(bytes));
    envelope->signature_count++;
    return 0;
}

int dsse_print(const struct dsse *envelope, char **ret, struct error *err)
{
    CLEANUP_FREE char *payload = base64_encode(envelope->payload.data, envelope->payload.size);
    CLEANUP_JSON json_t *signatures = json_array();
    if (payload == NULL || signatures == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < envelope->signature_count; i++) {
        const struct dsse_signature *signature = &envelope->signatures[i];
        CLEANUP_FREE char *sig = base64_encode(signature->bytes, signature->size);
        json_t *row = sig == NULL ? NULL : json_pack("{s:s, s:s}", "keyid", signature->keyid, "sig", sig);
        if (row == NULL || json_array_append_new(signatures, row) != 0)
            return error_no_memory(err);
    }
    CLEANUP_JSON json_t *json =
        json_pack("{s:s, s:s, s:O}", "payload", payload, "payloadType", envelope->type, "signatures", signatures);
    return json != NULL ? json_print(json, ret, err) : error_no_memory(err);
}

/* ---- Reading ---- */

static int bad(struct error *err, const char *what)
{
    return error_set(err, ERROR_DAMAGED, "it is no DSSE envelope: %s", what);
}

/* Base64 in the standard or the URL-safe alphabet (not both at once), of at most max bytes, appended to out. */
static int decode(const char *text, size_t max, const char *name, struct buf *out, struct error *err)
{
    CLEANUP_FREE char *copy = mem_strdup(text);
    size_t size;
    if (copy == NULL)
        return error_no_memory(err);
    if (strpbrk(copy, "+/") == NULL)
        for (char *c = copy; *c != '\0'; c++)
            *c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
    if (!base64_size(copy, &size))
        return bad(err, name);
    if (size > max)
        return error_set(err, ERROR_DAMAGED, "the %s of a DSSE envelope has %zu bytes, more than %zu", name, size, max);
    if (buf_reserve(out, size + 1, err) != 0)
        return -1;
    if (!base64_decode(copy, out->data + out->size, size))
        return bad(err, name);
    out->size += size;
    return 0;
}

static int parse_signature(const json_t *row, struct dsse *envelope, struct error *err)
{
    const char *sig = json_string_value(json_object_get(row, "sig"));
    const json_t *keyid = json_object_get(row, "keyid");
    if (sig == NULL || (keyid != NULL && !json_is_string(keyid)) || json_string_length(keyid) > DSSE_KEYID_MAX)
        return bad(err, "a signature is not like one");
    CLEANUP(buf_free) struct buf bytes = {0};
    if (decode(sig, DSSE_SIGNATURE_MAX, "signature", &bytes, err) != 0)
        return -1;
    struct dsse_signature *signature = add_signature(envelope);
    if (signature == NULL)
        return error_no_memory(err);
    (void)snprintf(signature->keyid, sizeof(signature->keyid), "%s", keyid != NULL ? json_string_value(keyid) : "");
    signature->size = bytes.size;
    memcpy(signature->bytes, bytes.data, bytes.size);
    envelope->signature_count++;
    return 0;
}

static int parse(const json_t *json, struct dsse *envelope, struct error *err)
{
    const json_t *type = json_object_get(json, "payloadType"), *signatures = json_object_get(json, "signatures");
    const char *payload = json_string_value(json_object_get(json, "payload"));
    if (!json_is_string(type) || json_string_length(type) == 0 || json_string_length(type) > DSSE_TYPE_MAX)
        return bad(err, "its payloadType is missing, empty or too long");
    if (payload == NULL)
        return bad(err, "it has no payload");
    if (!json_is_array(signatures) || json_array_size(signatures) == 0 ||
        json_array_size(signatures) > DSSE_SIGNATURES_MAX)
        return bad(err, "it must have 1 to 32 signatures");
    memcpy(envelope->type, json_string_value(type), json_string_length(type));
    if (decode(payload, DSSE_PAYLOAD_MAX, "payload", &envelope->payload, err) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(signatures); i++)
        if (parse_signature(json_array_get(signatures, i), envelope, err) != 0)
            return -1;
    return 0;
}

int dsse_parse(const void *text, size_t size, struct dsse *ret, struct error *err)
{
    if (size > DSSE_ENVELOPE_MAX)
        return bad(err, "it is longer than any can be");
    CLEANUP_JSON json_t *json = NULL;
    if (json_parse(text, size, &json, err) != 0)
        return -1;
    if (!json_is_object(json))
        return bad(err, "it is no JSON object");
    struct dsse envelope = {0};
    if (parse(json, &envelope, err) != 0) {
        dsse_free(&envelope);
        return -1;
    }
    *ret = envelope;
    return 0;
}

/* Whether this key made one of the signatures over pae. */
static int signed_with(const struct dsse *envelope, const struct buf *pae, const uint8_t *key, bool *ret,
                       struct error *err)
{
    *ret = false;
    for (size_t i = 0; i < envelope->signature_count && !*ret; i++) {
        const struct dsse_signature *signature = &envelope->signatures[i];
        if (signature->size != ED25519_SIGNATURE_SIZE)
            continue;
        struct error why = {0};
        *ret = ed25519_verify(key, pae->data, pae->size, signature->bytes, &why) == 0;
        if (!*ret && why.class != ERROR_DAMAGED) {
            if (err != NULL)
                *err = why;
            return -1;
        }
    }
    return 0;
}

int dsse_verify(const struct dsse *envelope, const struct dsse_key *keys, size_t count, bool *signed_by,
                size_t *ret_distinct, struct error *err)
{
    CLEANUP(buf_free) struct buf pae = {0};
    if (dsse_pae(envelope->type, envelope->payload.data, envelope->payload.size, &pae, err) != 0)
        return -1;
    *ret_distinct = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        while (same < i && memcmp(keys[same].bytes, keys[i].bytes, ED25519_PUBLIC_SIZE) != 0)
            same++;
        if (same < i) {
            signed_by[i] = signed_by[same];
            continue;
        }
        if (signed_with(envelope, &pae, keys[i].bytes, &signed_by[i], err) != 0)
            return -1;
        *ret_distinct += signed_by[i];
    }
    return 0;
}
