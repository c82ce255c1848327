#include "repo/record.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "repo/record_internal.h"

#include <stdio.h>

/*
 * The clear part (FORMAT.md §6):
 *
 * OFFSET SIZE  FIELD
 *  0      1    record type
 *  1      1    format: 1
 *  2      2    number of sections
 *  4      4    zero
 *  8      8    sequence number
 * 16      8    time
 * 24     16    writer
 * 40     16    run
 * 56      …    sections: type (1), critical (1), zero (2), length (4), bytes
 */
enum { FORMAT = 1, HEAD_SIZE = 56, SECTION_HEAD_SIZE = 8, PART_SIZE = HASH_SIZE + 8 };

enum section {
    SECTION_PREVIOUS = 1,
    SECTION_ROSTER = 2,
    SECTION_PARTS = 3,
    SECTION_RETIRED = 4,
    SECTION_CONDEMNED = 5,
    SECTION_SNAPSHOTS = 6,
    SECTION_LINKED = 7
};

void record_clear(struct record *record)
{
    mem_free(record->previous);
    roster_free(&record->roster);
    mem_free(record->parts);
    mem_free(record->retired);
    roster_free(&record->condemned);
    mem_free(record->snapshots);
    mem_free(record->linked);
    mem_free(record->body);
    *record = (struct record){0};
}

/* ---- Rules that writer and reader share ---- */

/* What is wrong with a record, or NULL. */
static const char *fault_of(const struct record *record)
{
    /* A type that only a later version knows is let through, for the fold to skip. */
    if (record->type < RECORD_TENANT)
        return "its type is unknown";
    /* Half of the range is never reached; the writer of the next record can add 1 without a second thought. */
    if (record->sequence == 0 || record->sequence > INT64_MAX)
        return "its sequence number is out of range";
    if ((record->previous_count == 0) != (record->sequence == 1))
        return "its sequence number does not agree with its previous records";
    if (record->previous_count > RECORD_PREVIOUS_MAX)
        return "it names too many previous records";
    if (record->has_roster && record->part_count > 0)
        return "it has a roster and roster parts";
    if (record->roster.count > RECORD_ROSTER_INLINE_MAX)
        return "its roster is too long to be inline";
    bool needs_roster = record->type == RECORD_SNAPSHOT || record->type == RECORD_ROSTER;
    if (needs_roster && !record->has_roster && record->part_count == 0)
        return "it is a snapshot without a roster";
    if ((record->type == RECORD_ROSTER) != (record->snapshot_count > 0))
        return "it gives a roster to no snapshot, or is none that may";
    return NULL;
}

int record_sealing_key(const struct keyring *keyring, struct container_key *ret, struct error *err)
{
    *ret = (struct container_key){.kind = CONTAINER_KEY_TENANT, .tid = *keyring_tid(keyring)};
    return keyring_newest(keyring, &ret->key, &ret->id, err);
}

int record_clear_part(enum container_kind kind, const void *object, size_t size, struct container_header *ret_header,
                      struct bytes *ret_clear, struct error *err)
{
    const char *noun = kind == CONTAINER_RECORD ? "history record" : "roster part";
    if (size > RECORD_SIZE_MAX)
        return error_set(err, ERROR_DAMAGED, "a %s of %zu bytes: the limit is %d", noun, size, RECORD_SIZE_MAX);
    if (container_clear(object, size, ret_header, ret_clear, err) != 0)
        return -1;
    if (ret_header->kind != kind || ret_header->key_kind != CONTAINER_KEY_TENANT)
        return error_set(err, ERROR_DAMAGED, "the object is of another kind than a %s", noun);
    return 0;
}

/* ---- Writing ---- */

/* Every section that this version writes is critical: a reader that skipped one would misjudge what may be deleted. */
static int put_section(struct buf *out, enum section type, size_t size, struct error *err)
{
    if (size > CONTAINER_CLEAR_MAX)
        return error_set(err, ERROR_INTERNAL, "a section of %zu bytes in a record: write several records", size);
    uint8_t head[SECTION_HEAD_SIZE] = {(uint8_t)type, 1};
    put_u32(head + 4, (uint32_t)size);
    return buf_append(out, head, sizeof(head), err);
}

static int put_hashes(struct buf *out, enum section type, const struct hash *hashes, size_t count, struct error *err)
{
    if (put_section(out, type, count * HASH_SIZE, err) != 0)
        return -1;
    return buf_append(out, hashes, count * HASH_SIZE, err);
}

static int put_rows(struct buf *out, enum section type, enum object_class last, const struct roster *roster,
                    struct error *err)
{
    if (put_section(out, type, roster->count * ROSTER_ROW_SIZE, err) != 0)
        return -1;
    return roster_rows_write(roster->rows, roster->count, last, out, err);
}

static int put_parts(struct buf *out, const struct record *record, struct error *err)
{
    if (put_section(out, SECTION_PARTS, record->part_count * PART_SIZE, err) != 0)
        return -1;
    for (size_t i = 0; i < record->part_count; i++) {
        const struct roster_row *part = &record->parts[i];
        if (part->size > CONTAINER_OBJECT_MAX)
            return error_set(err, ERROR_INTERNAL, "a roster part of %llu bytes", (unsigned long long)part->size);
        if (buf_append(out, part->name.bytes, HASH_SIZE, err) != 0 || buf_u64(out, part->size, err) != 0)
            return -1;
    }
    return 0;
}

static int put_head(struct buf *out, const struct record *record, struct error *err)
{
    uint8_t head[HEAD_SIZE] = {(uint8_t)record->type, FORMAT};
    unsigned sections = (record->previous_count > 0) + (record->has_roster ? 1U : 0U) + (record->part_count > 0) +
                        (record->retired_count > 0) + (record->condemned.count > 0) + (record->snapshot_count > 0) +
                        (record->linked_count > 0);
    put_u16(head + 2, (uint16_t)sections);
    put_u64(head + 8, record->sequence);
    put_u64(head + 16, (uint64_t)record->time_ns);
    memcpy(head + 24, record->writer.bytes, ID_SIZE);
    memcpy(head + 40, record->run.bytes, ID_SIZE);
    return buf_append(out, head, sizeof(head), err);
}

static int put_clear(struct buf *out, const struct record *record, struct error *err)
{
    if (put_head(out, record, err) != 0)
        return -1;
    if (record->previous_count > 0 &&
        put_hashes(out, SECTION_PREVIOUS, record->previous, record->previous_count, err) != 0)
        return -1;
    if (record->has_roster && put_rows(out, SECTION_ROSTER, OBJECT_ROSTER, &record->roster, err) != 0)
        return -1;
    if (record->part_count > 0 && put_parts(out, record, err) != 0)
        return -1;
    if (record->retired_count > 0 && put_hashes(out, SECTION_RETIRED, record->retired, record->retired_count, err) != 0)
        return -1;
    if (record->condemned.count > 0 && put_rows(out, SECTION_CONDEMNED, OBJECT_RECORD, &record->condemned, err) != 0)
        return -1;
    if (record->snapshot_count > 0 &&
        put_hashes(out, SECTION_SNAPSHOTS, record->snapshots, record->snapshot_count, err) != 0)
        return -1;
    if (record->linked_count > 0 && put_hashes(out, SECTION_LINKED, record->linked, record->linked_count, err) != 0)
        return -1;
    if (out->size > CONTAINER_CLEAR_MAX)
        return error_set(err, ERROR_INTERNAL, "a record with %zu bytes of lists: write several records", out->size);
    return 0;
}

int record_seal(struct record *record, const struct keyring *keyring, struct buf *out, struct error *err)
{
    roster_sort(&record->roster);
    roster_sort(&record->condemned);
    const char *fault = fault_of(record);
    if (fault != NULL)
        return error_set(err, ERROR_INTERNAL, "a history record cannot be written: %s", fault);
    if (record->condemned.count > RECORD_CONDEMNED_MAX)
        return error_set(err, ERROR_INTERNAL, "a history record cannot condemn %zu objects: write several",
                         record->condemned.count);
    size_t body_size = record->body != NULL ? strlen(record->body) : 0;
    if (body_size == 0 || body_size > RECORD_BODY_MAX)
        return error_set(err, ERROR_INTERNAL, "a history record cannot have a body of %zu bytes", body_size);
    struct container_key key;
    if (record_sealing_key(keyring, &key, err) != 0)
        return -1;
    CLEANUP(buf_free) struct buf clear = {0};
    if (put_clear(&clear, record, err) != 0)
        return -1;
    return container_seal_body(CONTAINER_RECORD, &key, clear.data, clear.size, record->body, body_size, out,
                               &record->name, err);
}

/* ---- Reading ---- */

static int get_hashes(const uint8_t *bytes, size_t size, struct hash **ret, size_t *ret_count, struct error *err)
{
    if (size % HASH_SIZE != 0)
        return error_set(err, ERROR_DAMAGED, "a list of records of %zu bytes", size);
    if (size == 0)
        return 0;
    *ret = mem_dup(bytes, size);
    if (*ret == NULL)
        return error_no_memory(err);
    *ret_count = size / HASH_SIZE;
    return 0;
}

static int get_parts(const uint8_t *bytes, size_t size, struct record *record, struct error *err)
{
    if (size == 0 || size % PART_SIZE != 0)
        return error_set(err, ERROR_DAMAGED, "a list of roster parts of %zu bytes", size);
    size_t count = size / PART_SIZE;
    record->parts = mem_calloc(count, sizeof(*record->parts));
    if (record->parts == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++, bytes += PART_SIZE) {
        struct roster_row *part = &record->parts[i];
        part->class = OBJECT_ROSTER;
        memcpy(part->name.bytes, bytes, HASH_SIZE);
        part->size = get_u64(bytes + HASH_SIZE);
        if (part->size > RECORD_SIZE_MAX)
            return error_set(err, ERROR_DAMAGED, "a roster part of %llu bytes", (unsigned long long)part->size);
    }
    record->part_count = count;
    return 0;
}

static int get_section(uint8_t type, bool critical, const uint8_t *bytes, size_t size, struct record *record,
                       struct error *err)
{
    switch (type) {
    case SECTION_PREVIOUS:
        return get_hashes(bytes, size, &record->previous, &record->previous_count, err);
    case SECTION_ROSTER:
        record->has_roster = true;
        return roster_rows_parse(bytes, size, OBJECT_ROSTER, &record->roster, err);
    case SECTION_PARTS:
        return get_parts(bytes, size, record, err);
    case SECTION_RETIRED:
        return get_hashes(bytes, size, &record->retired, &record->retired_count, err);
    case SECTION_CONDEMNED:
        if (size / ROSTER_ROW_SIZE > RECORD_CONDEMNED_MAX)
            return error_set(err, ERROR_DAMAGED, "a history record condemns %zu objects", size / ROSTER_ROW_SIZE);
        return roster_rows_parse(bytes, size, OBJECT_RECORD, &record->condemned, err);
    case SECTION_SNAPSHOTS:
        return get_hashes(bytes, size, &record->snapshots, &record->snapshot_count, err);
    case SECTION_LINKED:
        return get_hashes(bytes, size, &record->linked, &record->linked_count, err);
    default:
        break;
    }
    if (!critical)
        return 0;
    (void)error_set(err, ERROR_DAMAGED, "a history record has a critical section of unknown type %u", type);
    return error_hint(err, "a newer hikae may have written it: use that version");
}

static int get_sections(struct cursor *c, unsigned count, struct record *record, struct error *err)
{
    bool seen[UINT8_MAX + 1] = {false};
    for (unsigned i = 0; i < count; i++) {
        uint8_t type = cursor_u8(c);
        uint8_t critical = cursor_u8(c);
        uint16_t zero = cursor_u16(c);
        uint32_t size = cursor_u32(c);
        const uint8_t *bytes = cursor_bytes(c, size);
        if (c->failed || critical > 1 || zero != 0 || seen[type])
            return error_set(err, ERROR_DAMAGED, "section %u of a history record is not what the format allows", i);
        seen[type] = true;
        if (get_section(type, critical != 0, bytes, size, record, err) != 0)
            return -1;
    }
    return 0;
}

static int parse_clear(const struct bytes *clear, struct record *record, struct error *err)
{
    struct cursor c = cursor_of(clear->data, clear->size);
    record->type = (enum record_type)cursor_u8(&c);
    uint8_t format = cursor_u8(&c);
    uint16_t sections = cursor_u16(&c);
    uint32_t zero = cursor_u32(&c);
    record->sequence = cursor_u64(&c);
    record->time_ns = (int64_t)cursor_u64(&c);
    cursor_copy(&c, record->writer.bytes, ID_SIZE);
    cursor_copy(&c, record->run.bytes, ID_SIZE);
    if (c.failed || format != FORMAT || zero != 0)
        return error_set(err, ERROR_DAMAGED, "the head of a history record is not what the format allows");
    if (get_sections(&c, sections, record, err) != 0)
        return -1;
    if (!cursor_done(&c))
        return error_set(err, ERROR_DAMAGED, "a history record has %zu bytes left over", c.left);
    const char *fault = fault_of(record);
    if (fault != NULL)
        return error_set(err, ERROR_DAMAGED, "a history record cannot be right: %s", fault);
    return 0;
}

/* The clear part and the name. On failure the record is cleared. */
static int parse_open(const void *object, size_t size, struct container_header *ret_header, struct record *ret,
                      struct error *err)
{
    *ret = (struct record){0};
    struct bytes clear;
    if (record_clear_part(CONTAINER_RECORD, object, size, ret_header, &clear, err) != 0)
        return -1;
    if (parse_clear(&clear, ret, err) != 0 || sha256(object, size, ret->name.bytes, err) != 0) {
        record_clear(ret);
        return -1;
    }
    return 0;
}

int record_parse_clear(const void *object, size_t size, struct record *ret, struct error *err)
{
    struct container_header header;
    return parse_open(object, size, &header, ret, err);
}

static int parse_body(const void *object, size_t size, const struct container_header *header,
                      const struct keyring *keyring, struct record *record, struct error *err)
{
    if (!id_equal(&header->tid, keyring_tid(keyring)))
        return error_set(err, ERROR_DAMAGED, "a history record of another tenant");
    const struct secret *key = keyring_find(keyring, &header->key_id);
    if (key == NULL) {
        (void)error_set(err, ERROR_KEYS, "no key of this tenant opens a history record");
        return error_hint(err,
                          "the keystore entry of the generation that sealed it is missing: check the other targets");
    }
    CLEANUP(buf_free) struct buf body = {0};
    struct bytes clear;
    if (container_open_body(CONTAINER_RECORD, object, size, key, RECORD_BODY_MAX, &body, &clear, err) != 0)
        return -1;
    if (body.size > 0 && memchr(body.data, 0, body.size) != NULL)
        return error_set(err, ERROR_DAMAGED, "the body of a history record is no text");
    if (buf_u8(&body, 0, err) != 0)
        return -1;
    record->body = (char *)body.data;
    body = (struct buf){0};
    return 0;
}

int record_parse(const void *object, size_t size, const struct keyring *keyring, struct record *ret, struct error *err)
{
    struct container_header header;
    if (parse_open(object, size, &header, ret, err) != 0)
        return -1;
    if (parse_body(object, size, &header, keyring, ret, err) != 0) {
        record_clear(ret);
        return -1;
    }
    return 0;
}

/* ---- Names ---- */

void record_object_name(const struct record *record, char out[RECORD_NAME_SIZE])
{
    char time[CLOCK_TEXT_SIZE];
    char hex[2 * HASH_SIZE + 1];
    (void)snprintf(out, RECORD_NAME_SIZE, "%.26s-%s", clock_format_sortable(record->time_ns, time),
                   hex_encode(record->name.bytes, HASH_SIZE, hex));
}

bool record_name_hash(const char *name, struct hash *ret)
{
    static const char form[] = "########T######.#########Z-";
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        bool fits = form[i] == '#' ? name[i] >= '0' && name[i] <= '9' : name[i] == form[i];
        if (!fits)
            return false;
    }
    const char *hex = name + sizeof(form) - 1;
    return strnlen(hex, 2 * HASH_SIZE + 1) == 2 * HASH_SIZE && hex_decode(hex, HASH_SIZE, ret->bytes);
}
