#include "base/mem.h"
#include "repo/record_internal.h"

#include <stdlib.h>

void roster_free(struct roster *roster)
{
    mem_free(roster->rows);
    *roster = (struct roster){0};
}

/* Make room for `more` rows behind the last. */
static int reserve(struct roster *roster, size_t more, struct error *err)
{
    if (more <= roster->capacity - roster->count)
        return 0;
    if (more > SIZE_MAX / (4 * sizeof(*roster->rows)) - roster->count)
        return error_no_memory(err);
    size_t capacity = roster->capacity < 16 ? 16 : roster->capacity;
    while (capacity < roster->count + more)
        capacity *= 2;
    struct roster_row *rows = mem_realloc(roster->rows, capacity * sizeof(*rows));
    if (rows == NULL)
        return error_no_memory(err);
    roster->rows = rows;
    roster->capacity = capacity;
    return 0;
}

int roster_add(struct roster *roster, enum object_class class, const struct hash *name, uint64_t size,
               struct error *err)
{
    if (reserve(roster, 1, err) != 0)
        return -1;
    roster->rows[roster->count++] = (struct roster_row){.class = class, .name = *name, .size = size};
    return 0;
}

int roster_append(struct roster *roster, const struct roster *more, struct error *err)
{
    if (more->count == 0)
        return 0;
    if (reserve(roster, more->count, err) != 0)
        return -1;
    memcpy(roster->rows + roster->count, more->rows, more->count * sizeof(*more->rows));
    roster->count += more->count;
    return 0;
}

static int compare_key(enum object_class class, const struct hash *name, const struct roster_row *row)
{
    if (class != row->class)
        return class < row->class ? -1 : 1;
    return hash_compare(name, &row->name);
}

/* Size decides between doubles only: so the one that is kept does not depend on the order in which they came. */
static int compare_rows(const void *a, const void *b)
{
    const struct roster_row *x = a;
    const struct roster_row *y = b;
    int order = compare_key(x->class, &x->name, y);
    if (order != 0)
        return order;
    return (x->size > y->size) - (x->size < y->size);
}

void roster_sort(struct roster *roster)
{
    if (roster->count < 2)
        return;
    qsort(roster->rows, roster->count, sizeof(*roster->rows), compare_rows);
    size_t kept = 1;
    for (size_t i = 1; i < roster->count; i++) {
        const struct roster_row *row = &roster->rows[i];
        if (compare_key(row->class, &row->name, &roster->rows[kept - 1]) != 0)
            roster->rows[kept++] = *row;
    }
    roster->count = kept;
}

static bool ascending(const struct roster_row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (compare_key(rows[i - 1].class, &rows[i - 1].name, &rows[i]) >= 0)
            return false;
    return true;
}

int roster_check(const struct roster *roster, struct error *err)
{
    if (!ascending(roster->rows, roster->count))
        return error_set(err, ERROR_DAMAGED, "the rows of a roster are not in order");
    return 0;
}

bool roster_has(const struct roster *roster, enum object_class class, const struct hash *name)
{
    size_t low = 0;
    size_t high = roster->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_key(class, name, &roster->rows[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool row_allowed(const struct roster_row *row, enum object_class last)
{
    return row->class >= OBJECT_PACK && row->class <= last && row->size <= CONTAINER_OBJECT_MAX;
}

int roster_rows_write(const struct roster_row *rows, size_t count, enum object_class last, struct buf *out,
                      struct error *err)
{
    if (!ascending(rows, count))
        return error_set(err, ERROR_INTERNAL, "a roster was to be written before it was sorted");
    if (count > CONTAINER_CLEAR_MAX / ROSTER_ROW_SIZE)
        return error_set(err, ERROR_INTERNAL, "%zu rows do not fit in one object", count);
    if (buf_reserve(out, count * ROSTER_ROW_SIZE, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!row_allowed(&rows[i], last))
            return error_set(err, ERROR_INTERNAL, "an object of class %d and %llu bytes in a roster",
                             (int)rows[i].class, (unsigned long long)rows[i].size);
        uint8_t row[ROSTER_ROW_SIZE] = {(uint8_t)rows[i].class};
        memcpy(row + 8, rows[i].name.bytes, HASH_SIZE);
        put_u64(row + 8 + HASH_SIZE, rows[i].size);
        if (buf_append(out, row, sizeof(row), err) != 0)
            return -1;
    }
    return 0;
}

/* One row of 48 bytes. */
static bool row_parse(const uint8_t *bytes, enum object_class last, struct roster_row *ret)
{
    static const uint8_t zeros[7];
    ret->class = (enum object_class)bytes[0];
    memcpy(ret->name.bytes, bytes + 8, HASH_SIZE);
    ret->size = get_u64(bytes + 8 + HASH_SIZE);
    return memcmp(bytes + 1, zeros, sizeof(zeros)) == 0 && row_allowed(ret, last);
}

int roster_rows_parse(const void *bytes, size_t size, enum object_class last, struct roster *roster, struct error *err)
{
    if (size % ROSTER_ROW_SIZE != 0)
        return error_set(err, ERROR_DAMAGED, "a roster of %zu bytes, which is no whole number of rows", size);
    size_t count = size / ROSTER_ROW_SIZE;
    if (count == 0)
        return 0;
    if (reserve(roster, count, err) != 0)
        return -1;
    struct roster_row *rows = roster->rows + roster->count;
    for (size_t i = 0; i < count; i++)
        if (!row_parse((const uint8_t *)bytes + i * ROSTER_ROW_SIZE, last, &rows[i]))
            return error_set(err, ERROR_DAMAGED, "row %zu of a roster is not what the format allows", i);
    if (!ascending(rows, count))
        return error_set(err, ERROR_DAMAGED, "the rows of a roster are not in order");
    roster->count += count;
    return 0;
}

static bool ends_part(const struct hash *name)
{
    return get_u16(name->bytes + HASH_SIZE - 2) % ROSTER_PART_MEAN == 0;
}

/* Fill ends (unless it is NULL) and return the number of parts. */
static size_t cut(const struct roster *roster, size_t *ends)
{
    size_t parts = 0;
    size_t first = 0;
    for (size_t i = 0; i < roster->count; i++) {
        size_t end = i + 1;
        if (end < roster->count && end - first < ROSTER_PART_MAX && !ends_part(&roster->rows[i].name))
            continue;
        if (ends != NULL)
            ends[parts] = end;
        parts++;
        first = end;
    }
    return parts;
}

int roster_cut(const struct roster *roster, size_t **ret_ends, size_t *ret_count, struct error *err)
{
    size_t count = cut(roster, NULL);
    size_t *ends = mem_calloc(count, sizeof(*ends));
    if (ends == NULL)
        return error_no_memory(err);
    *ret_count = cut(roster, ends);
    *ret_ends = ends;
    return 0;
}

int roster_part_seal(const struct roster *roster, size_t first, size_t end, const struct keyring *keyring,
                     struct buf *out, struct hash *ret_name, struct error *err)
{
    if (first >= end || end > roster->count)
        return error_set(err, ERROR_INTERNAL, "a roster part without rows");
    struct container_key key;
    if (record_sealing_key(keyring, &key, err) != 0)
        return -1;
    CLEANUP(buf_free) struct buf clear = {0};
    if (roster_rows_write(roster->rows + first, end - first, OBJECT_ROSTER, &clear, err) != 0)
        return -1;
    return container_seal_body(CONTAINER_ROSTER, &key, clear.data, clear.size, NULL, 0, out, ret_name, err);
}

int roster_part_parse(const void *object, size_t size, struct roster *roster, struct error *err)
{
    struct container_header header;
    struct bytes clear;
    if (record_clear_part(CONTAINER_ROSTER, object, size, &header, &clear, err) != 0)
        return -1;
    return roster_rows_parse(clear.data, clear.size, OBJECT_ROSTER, roster, err);
}
