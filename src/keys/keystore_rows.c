#include "base/mem.h"
#include "keys/keystore_internal.h"

#include <string.h>

/* A row's bytes (FORMAT.md §8). */
enum {
    ROW_TYPE = 0,
    ROW_ZERO = 1,
    ROW_GENERATION = 4,
    ROW_CREATED = 8,
    ROW_TID = 16,
    ROW_KEY_ID = 32,
    ROW_KEY = 48,
    ROW_END = 80
};

static bool row_is_well_formed(const uint8_t *bytes)
{
    static const uint8_t zeros[KEYS_ROW_SIZE - ROW_END];
    return bytes[ROW_TYPE] >= KEY_SEALING && bytes[ROW_TYPE] <= KEY_SIGN_AUDIT && get_u32(bytes + ROW_GENERATION) > 0 &&
           memcmp(bytes + ROW_ZERO, zeros, ROW_GENERATION - ROW_ZERO) == 0 &&
           memcmp(bytes + ROW_END, zeros, sizeof(zeros)) == 0;
}

int row_decode(const uint8_t bytes[KEYS_ROW_SIZE], struct key_row *ret, struct error *err)
{
    *ret = (struct key_row){0};
    if (!row_is_well_formed(bytes))
        return error_set(err, ERROR_DAMAGED, "a row of the keystore is not as it must be");
    ret->type = (enum key_type)bytes[ROW_TYPE];
    ret->generation = get_u32(bytes + ROW_GENERATION);
    ret->created_ns = (int64_t)get_u64(bytes + ROW_CREATED);
    memcpy(ret->tid.bytes, bytes + ROW_TID, ID_SIZE);
    memcpy(ret->key_id.bytes, bytes + ROW_KEY_ID, ID_SIZE);
    ret->key = secret_copy(bytes + ROW_KEY, KEY_SIZE);
    return ret->key != NULL ? 0 : error_no_memory(err);
}

void row_encode(const struct key_row *row, uint8_t out[KEYS_ROW_SIZE])
{
    memset(out, 0, KEYS_ROW_SIZE);
    out[ROW_TYPE] = (uint8_t)row->type;
    put_u32(out + ROW_GENERATION, row->generation);
    put_u64(out + ROW_CREATED, (uint64_t)row->created_ns);
    memcpy(out + ROW_TID, row->tid.bytes, ID_SIZE);
    memcpy(out + ROW_KEY_ID, row->key_id.bytes, ID_SIZE);
    memcpy(out + ROW_KEY, secret_borrow(row->key), KEY_SIZE);
}

/* ---- Reading ---- */

int row_reader_open(struct row_reader *reader, const struct key_entry *entry, const struct secret *root,
                    struct error *err)
{
    *reader = (struct row_reader){.object = entry->object};
    struct container_header header;
    struct bytes clear;
    if (container_clear(entry->object, entry->size, &header, &clear, err) != 0)
        return -1;
    if (header.kind != CONTAINER_KEYS || clear.size != 0)
        return error_set(err, ERROR_DAMAGED, "an entry of the keystore holds no keys");
    if (container_opener_new(entry->object, clear.data, clear.size, root, &reader->opener, err) != 0 ||
        container_check_structure(reader->opener, entry->object, entry->size, &reader->directory, err) != 0) {
        row_reader_close(reader);
        return -1;
    }
    uint64_t size = 0;
    for (uint32_t i = 0; i < reader->directory.block_count; i++)
        size += reader->directory.blocks[i].plain_size;
    if (size % KEYS_ROW_SIZE != 0) {
        row_reader_close(reader);
        reader->strange = true;
        return error_set(err, ERROR_DAMAGED, "an entry of the keystore ends in the middle of a row");
    }
    reader->rows = size / KEYS_ROW_SIZE;
    return 0;
}

void row_reader_close(struct row_reader *reader)
{
    container_opener_free(reader->opener);
    container_directory_free(&reader->directory);
    *reader = (struct row_reader){0};
}

/* Open block i to `plain`, which holds keys from then on: wipe it. */
static int open_block(struct row_reader *reader, uint32_t i, struct buf *plain, struct error *err)
{
    const struct container_block *block = &reader->directory.blocks[i];
    if (plain->capacity < block->plain_size) {
        /* Never grown by realloc, which would leave keys behind in the old place. */
        buf_wipe_free(plain);
        if (buf_reserve(plain, block->plain_size, err) != 0)
            return -1;
    }
    return container_opener_block(reader->opener, i, block, reader->object + block->offset, plain, err);
}

int row_reader_read(struct row_reader *reader, uint32_t first, uint32_t count, struct secret **ret, struct error *err)
{
    if (first > reader->rows || count > reader->rows - first)
        return error_set(err, ERROR_INTERNAL, "rows of the keystore were asked for that are not there");
    uint64_t from = (uint64_t)first * KEYS_ROW_SIZE;
    uint64_t to = from + (uint64_t)count * KEYS_ROW_SIZE;
    CLEANUP_SECRET struct secret *rows = secret_new((size_t)(to - from));
    CLEANUP(buf_wipe_free) struct buf plain = {0};
    if (rows == NULL)
        return error_no_memory(err);
    /* Rows are mostly read one run after the other: go on where the last reading ended. */
    if (reader->body_at > from) {
        reader->block = 0;
        reader->body_at = 0;
    }
    uint64_t at = reader->body_at;
    for (uint32_t i = reader->block; i < reader->directory.block_count && at < to; i++) {
        uint64_t end = at + reader->directory.blocks[i].plain_size;
        if (end > from) {
            if (open_block(reader, i, &plain, err) != 0)
                return -1;
            reader->block = i;
            reader->body_at = at;
            uint64_t low = at > from ? at : from;
            uint64_t high = end < to ? end : to;
            memcpy(secret_bytes(rows) + (low - from), plain.data + (low - at), (size_t)(high - low));
        }
        at = end;
    }
    *ret = rows;
    rows = NULL;
    return 0;
}

static int add_row(struct key_runs *runs, const uint8_t *row, uint32_t entry, uint32_t number, struct error *err)
{
    struct id tid;
    memcpy(tid.bytes, row + ROW_TID, ID_SIZE);
    bool signing = row[ROW_TYPE] == KEY_SIGN_STORE || row[ROW_TYPE] == KEY_SIGN_AUDIT;
    struct key_run *last = runs->count > 0 ? &runs->runs[runs->count - 1] : NULL;
    if (last != NULL && last->entry == entry && id_equal(&last->tid, &tid) && last->count < KEYS_BLOCK_ROWS) {
        last->count++;
        last->signing = last->signing || signing;
        return 0;
    }
    if (runs->runs == NULL || runs->count == runs->capacity) {
        size_t capacity = runs->capacity > 0 ? runs->capacity * 2 : 16;
        struct key_run *grown = mem_realloc(runs->runs, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_no_memory(err);
        runs->runs = grown;
        runs->capacity = capacity;
    }
    runs->runs[runs->count++] =
        (struct key_run){.tid = tid, .entry = entry, .first = number, .count = 1, .signing = signing};
    return 0;
}

int row_reader_index(struct row_reader *reader, uint32_t entry, struct key_runs *runs, struct error *err)
{
    if (reader->rows > UINT32_MAX)
        return error_set(err, ERROR_DAMAGED, "an entry of the keystore has too many rows");
    size_t before = runs->count;
    CLEANUP(buf_wipe_free) struct buf plain = {0};
    uint8_t split[KEYS_ROW_SIZE]; /* a row that lies across blocks, as other writers may make them */
    size_t have = 0;
    uint32_t number = 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < reader->directory.block_count; i++) {
        rc = open_block(reader, i, &plain, err);
        for (size_t at = 0; rc == 0 && at < plain.size;) {
            size_t part = plain.size - at < KEYS_ROW_SIZE - have ? plain.size - at : KEYS_ROW_SIZE - have;
            memcpy(split + have, plain.data + at, part);
            have += part;
            at += part;
            if (have < KEYS_ROW_SIZE)
                continue;
            have = 0;
            reader->strange = !row_is_well_formed(split);
            rc = reader->strange
                     ? error_set(err, ERROR_DAMAGED, "row %u of an entry of the keystore is not as it must be", number)
                     : add_row(runs, split, entry, number, err);
            number++;
        }
    }
    mem_wipe(split, sizeof(split));
    if (rc != 0)
        runs->count = before;
    return rc;
}

/* ---- Writing ---- */

/* What was stored and read back is known from now on, without listing the targets again. */
static int take_stored(struct row_writer *writer, const struct buf *object, const struct hash *name, struct error *err)
{
    struct key_entry entry = {.epoch = writer->epoch,
                              .hash = *name,
                              .on = UINT64_MAX >> (KEYS_TARGET_MAX - writer->set->count),
                              .object = mem_dup(object->data, object->size),
                              .size = object->size,
                              .kind = CONTAINER_KEYS,
                              .key_id = writer->into->epoch_id};
    if (entry.object == NULL)
        return error_no_memory(err);
    int rc = keystore_take(writer->into, &entry, err);
    if (rc == 0 && entry.object != NULL)
        rc = error_set(err, ERROR_DAMAGED, "new keys that were just sealed do not open again");
    mem_free(entry.object);
    return rc;
}

int row_writer_finish(struct row_writer *writer, struct error *err)
{
    if (writer->writer == NULL)
        return 0;
    CLEANUP(buf_free) struct buf object = {0};
    struct hash name;
    int rc = container_writer_finish(writer->writer, &object, &name, err);
    container_writer_free(writer->writer);
    writer->writer = NULL;
    writer->body_size = 0;
    if (rc != 0 || union_store(writer->set, writer->epoch, &object, &name, writer->copies, err) != 0)
        return -1;
    return writer->into != NULL ? take_stored(writer, &object, &name, err) : 0;
}

static int begin(struct row_writer *writer, struct error *err)
{
    struct container_key key = {.kind = CONTAINER_KEY_ROOT, .key = writer->root};
    if (keys_epoch_id(writer->root, &key.id, err) != 0)
        return -1;
    return container_writer_new(CONTAINER_KEYS, &key, NULL, 0, true, &writer->writer, err);
}

int row_writer_add(struct row_writer *writer, const uint8_t *rows, size_t count, struct error *err)
{
    while (count > 0) {
        size_t part = count < KEYS_BLOCK_ROWS ? count : KEYS_BLOCK_ROWS;
        size_t size = part * KEYS_ROW_SIZE;
        if (writer->body_size + size > KEYS_BODY_MAX && row_writer_finish(writer, err) != 0)
            return -1;
        if (writer->writer == NULL && begin(writer, err) != 0)
            return -1;
        if (container_writer_block(writer->writer, CODEC_STORED, rows, size, (uint32_t)size, NULL, 0, err) != 0)
            return -1;
        writer->body_size += size;
        rows += size;
        count -= part;
    }
    return 0;
}
