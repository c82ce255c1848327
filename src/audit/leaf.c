#include "audit/leaf.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <stdio.h>

static const char *const class_names[AUDIT_CLASS_COUNT] = {
    [AUDIT_ACCESS] = "access", [AUDIT_OPERATION] = "operation", [AUDIT_AUTHENTICATION] = "authentication",
    [AUDIT_SYSTEM] = "system", [AUDIT_EVIDENCE] = "evidence",
};

const char *audit_class_name(enum audit_class class)
{
    return class_names[class];
}

bool audit_class_parse(const char *text, enum audit_class *ret)
{
    for (size_t i = 0; i < AUDIT_CLASS_COUNT; i++)
        if (strcmp(text, class_names[i]) == 0) {
            *ret = (enum audit_class)i;
            return true;
        }
    return false;
}

char *audit_time(int64_t ns, char *out)
{
    char whole[CLOCK_TEXT_SIZE];
    int64_t rest = ns % NS_PER_S;
    if (rest < 0)
        rest += NS_PER_S;
    (void)clock_format(ns, whole);
    (void)snprintf(out, CLOCK_TEXT_SIZE, "%.*s.%09dZ", (int)strcspn(whole, "Z"), whole, (int)rest);
    return out;
}

void audit_entry_clear(struct audit_entry *entry)
{
    json_decref(entry->json);
    *entry = (struct audit_entry){0};
}

/* ---- Reading ---- */

static bool take_id(const json_t *json, const char *name, struct id *ret)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL && strlen(text) == 2 * ID_SIZE && hex_decode(text, ID_SIZE, ret->bytes);
}

static bool take_number(const json_t *json, const char *name, int64_t most, int64_t *ret)
{
    const json_t *value = json_object_get(json, name);
    *ret = json_integer_value(value);
    return json_is_integer(value) && *ret >= 0 && *ret <= most;
}

/* A text that must be there and must not be empty. */
static bool take_text(const json_t *json, const char *name, size_t most, const char **ret)
{
    *ret = json_string_value(json_object_get(json, name));
    return *ret != NULL && (*ret)[0] != '\0' && strlen(*ret) <= most;
}

/* A text or null. */
static bool take_optional(const json_t *json, const char *name, const char **ret)
{
    const json_t *value = json_object_get(json, name);
    *ret = json_string_value(value);
    return *ret != NULL || json_is_null(value);
}

static bool take_tenant(const json_t *json, struct audit_entry *entry)
{
    entry->has_tenant = !json_is_null(json_object_get(json, "tenant"));
    return entry->has_tenant ? take_id(json, "tenant", &entry->tenant) : json_object_get(json, "tenant") != NULL;
}

static bool take_time(const json_t *json, struct audit_entry *entry)
{
    const char *text;
    return take_text(json, "time", CLOCK_TEXT_SIZE, &text) && clock_parse(text, &entry->time_ns, NULL) == 0;
}

static bool take_counts(const json_t *json, struct audit_entry *entry)
{
    const char *name;
    json_t *value;
    entry->counts = json_object_get(json, "counts");
    entry->details = json_object_get(json, "details");
    if (!json_is_object(entry->counts) || !json_is_object(entry->details))
        return false;
    json_object_foreach((json_t *)entry->counts, name,
                        value) if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    return true;
}

/* What is wrong with an entry, or NULL. */
static const char *take_members(const json_t *json, struct audit_entry *entry)
{
    int64_t version, sequence, uid;
    const char *class;
    if (!take_number(json, "v", 1, &version) || version != 1)
        return "it is of a version that this hikae does not know";
    if (!take_id(json, "log", &entry->log) || !take_number(json, "seq", INT64_MAX, &sequence) ||
        !take_id(json, "id", &entry->id))
        return "it does not say which entry of which log it is";
    if (!take_time(json, entry) || !take_number(json, "duration_ns", INT64_MAX, &entry->duration_ns))
        return "its time or duration is none";
    if (!take_text(json, "op", AUDIT_WORD_MAX, &entry->operation) ||
        !take_text(json, "result", AUDIT_WORD_MAX, &entry->result) ||
        !take_text(json, "class", AUDIT_WORD_MAX, &class) || !audit_class_parse(class, &entry->class))
        return "its operation, class or result is none";
    if (!take_tenant(json, entry))
        return "its tenant is no id";
    if (!take_text(json, "user", AUDIT_ENTRY_MAX, &entry->user) || !take_number(json, "uid", UINT32_MAX, &uid) ||
        !take_optional(json, "login", &entry->login) || !take_optional(json, "operator", &entry->operator_name) ||
        !take_text(json, "host", AUDIT_ENTRY_MAX, &entry->host))
        return "it does not say who did it";
    if (!take_counts(json, entry))
        return "its counts or details are none";
    entry->sequence = (uint64_t)sequence;
    entry->uid = (uint32_t)uid;
    return NULL;
}

int audit_entry_parse(const void *text, size_t size, struct audit_entry *ret, struct error *err)
{
    *ret = (struct audit_entry){0};
    if (size > AUDIT_ENTRY_MAX)
        return error_set(err, ERROR_DAMAGED, "an audit entry of %zu bytes", size);
    if (json_parse(text, size, &ret->json, err) != 0)
        return -1;
    const char *fault = json_is_object(ret->json) ? take_members(ret->json, ret) : "it is no JSON object";
    if (fault == NULL)
        return 0;
    audit_entry_clear(ret);
    return error_set(err, ERROR_DAMAGED, "an audit entry cannot be right: %s", fault);
}

int audit_leaf_parse(const void *leaf, size_t size, struct audit_entry *ret, struct error *err)
{
    *ret = (struct audit_entry){0};
    if (size <= AUDIT_NONCE_SIZE)
        return error_set(err, ERROR_DAMAGED, "a leaf of %zu bytes", size);
    return audit_entry_parse((const uint8_t *)leaf + AUDIT_NONCE_SIZE, size - AUDIT_NONCE_SIZE, ret, err);
}

/* ---- Writing ---- */

int audit_leaf_write(json_t *entry, const struct id *log, uint64_t sequence, struct buf *out, struct error *err)
{
    CLEANUP_FREE char *text = NULL;
    struct audit_entry again CLEANUP(audit_entry_clear) = {0};
    struct error why = {0};
    uint8_t nonce[AUDIT_NONCE_SIZE];
    char hex[2 * ID_SIZE + 1];
    if (json_object_set_new(entry, "log", json_string(hex_encode(log->bytes, ID_SIZE, hex))) != 0 ||
        json_object_set_new(entry, "seq", json_integer((json_int_t)sequence)) != 0)
        return error_no_memory(err);
    if (json_print(entry, &text, err) != 0 || crypto_random(nonce, sizeof(nonce), err) != 0)
        return -1;
    if (audit_entry_parse(text, strlen(text), &again, &why) != 0)
        return error_set(err, ERROR_INTERNAL, "an audit entry cannot be written: %s", why.what);
    if (buf_append(out, nonce, sizeof(nonce), err) != 0)
        return -1;
    return buf_append(out, text, strlen(text), err);
}
