#include "audit/segment.h"

#include "audit/leaf.h"
#include "audit/tree.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>

/*
 * The clear part:
 *
 * OFFSET SIZE  FIELD
 *  0      1    format: 1
 *  1      7    zero
 *  8     16    log
 * 24      8    number of the first leaf
 * 32      4    number of leaves n, 1 or more
 * 36      4    revision
 * 40   n × 32  hashes of the leaves
 *
 * The body is, per leaf, a varint length and the leaf: nonce (32) and text; length 0 if it has expired.
 */
enum { FORMAT = 1, HEAD_SIZE = 40 };

void audit_segment_clear(struct audit_segment *segment)
{
    mem_free(segment->leaves);
    buf_free(&segment->body);
    *segment = (struct audit_segment){0};
}

/* ---- Names ---- */

enum { FIRST_DIGITS = 12, COUNT_DIGITS = 4 };

char *audit_name_prefix(const struct id *log, char out[OBJECT_NAME_SIZE])
{
    char hex[2 * ID_SIZE + 1];
    (void)snprintf(out, OBJECT_NAME_SIZE, AUDIT_FOLDER "%s/", hex_encode(log->bytes, ID_SIZE, hex));
    return out;
}

char *audit_name_format(const struct audit_name *name, char out[OBJECT_NAME_SIZE])
{
    char hex[2 * HASH_SIZE + 1];
    size_t used = strlen(audit_name_prefix(&name->log, out));
    (void)hex_encode(name->hash.bytes, HASH_SIZE, hex);
    if (name->kind == AUDIT_OBJECT_CHECKPOINT)
        (void)snprintf(out + used, OBJECT_NAME_SIZE - used, "c/%0*llu-%s", FIRST_DIGITS, (unsigned long long)name->size,
                       hex);
    else
        (void)snprintf(out + used, OBJECT_NAME_SIZE - used, "%0*llu-%0*llu-%s", FIRST_DIGITS,
                       (unsigned long long)name->first, COUNT_DIGITS, (unsigned long long)name->size, hex);
    return out;
}

static bool take_digits(const char **text, int count, uint64_t *ret)
{
    *ret = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(**text - '0');
    }
    return *(*text)++ == '-';
}

bool audit_name_parse(const char *text, struct audit_name *ret)
{
    size_t prefix = strlen(AUDIT_FOLDER);
    *ret = (struct audit_name){0};
    if (strncmp(text, AUDIT_FOLDER, prefix) != 0 || strnlen(text + prefix, 2 * ID_SIZE + 1) <= 2 * ID_SIZE ||
        !hex_decode(text + prefix, ID_SIZE, ret->log.bytes) || text[prefix + 2 * ID_SIZE] != '/')
        return false;
    text += prefix + 2 * ID_SIZE + 1;
    if (strncmp(text, "c/", 2) == 0) {
        ret->kind = AUDIT_OBJECT_CHECKPOINT;
        text += 2;
        if (!take_digits(&text, FIRST_DIGITS, &ret->size))
            return false;
    } else if (!take_digits(&text, FIRST_DIGITS, &ret->first) || !take_digits(&text, COUNT_DIGITS, &ret->size) ||
               ret->size == 0 || ret->size > AUDIT_SEGMENT_LEAVES) {
        return false;
    }
    return strlen(text) == 2 * HASH_SIZE && hex_decode(text, HASH_SIZE, ret->hash.bytes);
}

/* ---- Writing ---- */

int audit_segment_seal(const struct audit_segment *segment, const struct keyring *keyring, struct buf *out,
                       struct hash *ret_name, struct error *err)
{
    CLEANUP(buf_free) struct buf clear = {0};
    CLEANUP(buf_free) struct buf body = {0};
    uint8_t head[HEAD_SIZE] = {FORMAT};
    struct container_key key = {.kind = CONTAINER_KEY_TENANT, .tid = *keyring_tid(keyring)};
    if (segment->count == 0 || segment->count > AUDIT_SEGMENT_LEAVES)
        return error_set(err, ERROR_INTERNAL, "a segment of %u audit entries", segment->count);
    memcpy(head + 8, segment->log.bytes, ID_SIZE);
    put_u64(head + 24, segment->first);
    put_u32(head + 32, segment->count);
    put_u32(head + 36, segment->revision);
    if (buf_append(&clear, head, sizeof(head), err) != 0)
        return -1;
    for (uint32_t i = 0; i < segment->count; i++)
        if (buf_append(&clear, segment->leaves[i].hash.bytes, HASH_SIZE, err) != 0 ||
            buf_string(&body, segment->leaves[i].data.data, segment->leaves[i].data.size, err) != 0)
            return -1;
    if (body.size > AUDIT_SEGMENT_BODY_MAX)
        return error_set(err, ERROR_INTERNAL, "a segment with %zu bytes of audit entries", body.size);
    if (keyring_newest(keyring, &key.key, &key.id, err) != 0)
        return -1;
    return container_seal_body(CONTAINER_AUDIT, &key, clear.data, clear.size, body.data, body.size, out, ret_name, err);
}

/* ---- Reading ---- */

static int refuse(const char *what, struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "a segment of the audit log cannot be right: %s", what);
}

static int parse_clear(const struct bytes *clear, struct audit_segment *ret, struct error *err)
{
    static const uint8_t zeros[7];
    struct cursor c = cursor_of(clear->data, clear->size);
    uint8_t format = cursor_u8(&c), zero[7];
    cursor_copy(&c, zero, sizeof(zero));
    cursor_copy(&c, ret->log.bytes, ID_SIZE);
    ret->first = cursor_u64(&c);
    ret->count = cursor_u32(&c);
    ret->revision = cursor_u32(&c);
    if (c.failed || format != FORMAT || memcmp(zero, zeros, sizeof(zeros)) != 0)
        return refuse("its head is not what the format allows", err);
    if (ret->count == 0 || ret->count > AUDIT_SEGMENT_LEAVES || ret->first > INT64_MAX - AUDIT_SEGMENT_LEAVES ||
        c.left != (size_t)ret->count * HASH_SIZE)
        return refuse("its numbers do not agree", err);
    ret->leaves = mem_calloc(ret->count, sizeof(*ret->leaves));
    if (ret->leaves == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < ret->count; i++)
        cursor_copy(&c, ret->leaves[i].hash.bytes, HASH_SIZE);
    return 0;
}

static int parse_body(struct audit_segment *segment, struct error *err)
{
    struct cursor c = cursor_of(segment->body.data, segment->body.size);
    for (uint32_t i = 0; i < segment->count; i++) {
        struct audit_leaf *leaf = &segment->leaves[i];
        struct hash hash;
        leaf->data.data = cursor_string(&c, AUDIT_LEAF_MAX, &leaf->data.size);
        if (c.failed || (leaf->data.size > 0 && leaf->data.size <= AUDIT_NONCE_SIZE))
            return refuse("an entry is cut short", err);
        if (leaf->data.size == 0)
            continue;
        if (tree_leaf_hash(leaf->data.data, leaf->data.size, &hash, err) != 0)
            return -1;
        if (!hash_equal(&hash, &leaf->hash))
            return refuse("an entry does not match its hash", err);
    }
    return cursor_done(&c) ? 0 : refuse("there are bytes left over", err);
}

static int parse(const void *object, size_t size, const struct keyring *keyring, struct audit_segment *ret,
                 struct error *err)
{
    struct container_header header;
    struct bytes clear;
    if (size > AUDIT_SEGMENT_MAX)
        return refuse("it is too long", err);
    if (container_clear(object, size, &header, &clear, err) != 0)
        return -1;
    if (header.kind != CONTAINER_AUDIT || header.key_kind != CONTAINER_KEY_TENANT)
        return refuse("the object is of another kind", err);
    if (parse_clear(&clear, ret, err) != 0)
        return -1;
    if (keyring == NULL)
        return 0;
    if (!id_equal(&header.tid, keyring_tid(keyring)))
        return refuse("it is another store's", err);
    const struct secret *key = keyring_find(keyring, &header.key_id);
    if (key == NULL)
        return error_set(err, ERROR_KEYS, "no key of this store opens a segment of the audit log");
    if (container_open_body(CONTAINER_AUDIT, object, size, key, AUDIT_SEGMENT_BODY_MAX, &ret->body, &clear, err) != 0)
        return -1;
    return parse_body(ret, err);
}

int audit_segment_parse(const void *object, size_t size, const struct keyring *keyring, struct audit_segment *ret,
                        struct error *err)
{
    *ret = (struct audit_segment){0};
    if (parse(object, size, keyring, ret, err) == 0)
        return 0;
    audit_segment_clear(ret);
    return -1;
}
