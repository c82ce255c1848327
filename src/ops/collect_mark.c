/*
 * Mark: the manifests of all kept snapshots name the blobs that are needed; sorted, they are laid against the index,
 * which is sorted too, and give places; sorted again, these say what is needed of each pack. Memory is bounded
 * everywhere: what does not fit is sorted on disk.
 */
#include "base/extsort.h"
#include "base/file.h"
#include "base/mem.h"
#include "ops/collect.h"
#include "repo/blob_set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SORT_MEMORY = 32 << 20,
    SEEN_MEMORY = 48 << 20,
    BLOCKS_KEPT = 8,
    NEED_SIZE = BLOB_ID_SIZE + 1, /* id, type */
    PLACE_ROW = 16,               /* pack, block, offset: big-endian; size */
    ROW_SIZE = 8,                 /* in the file of places: block, offset */
    WRITE_ROWS = 8192
};

struct marking {
    struct collect *collect;
    struct blob_set seen; /* nodes and leaves that were looked into */
    struct extsort *needs;
    struct extsort *places;
    /* The join with the index: */
    const uint8_t *need; /* the next that is needed; NULL at the end */
    uint8_t key[NEED_SIZE];
    bool found;      /* `key` has a place, … */
    uint32_t chosen; /* … in this pack */
};

/* ---- What is needed ---- */

static int note_blob(enum blob_type type, const struct blob_id *id, void *context, struct error *err)
{
    struct marking *marking = context;
    uint8_t need[NEED_SIZE];
    memcpy(need, id->bytes, BLOB_ID_SIZE);
    need[BLOB_ID_SIZE] = (uint8_t)type;
    if (type == BLOB_NAMES && cancel_check(&marking->collect->hikae->cancel, err) != 0)
        return -1;
    int known =
        type == BLOB_CONTENT || type == BLOB_TIMES || type == BLOB_XATTR ? 0 : blob_set_add(&marking->seen, id, err);
    if (known != 0)
        return known;
    return extsort_add(marking->needs, need, err);
}

static int walk_snapshots(struct marking *marking, struct error *err)
{
    struct collect *collect = marking->collect;
    const struct history *history = &collect->session.chain.history;
    struct block_reader *reader;
    int rc = 0;
    if (block_reader_new(&collect->session.objects, BLOCKS_KEPT, &reader, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < history->snapshot_count; i++) {
        const struct history_snapshot *snapshot = &history->snapshots[i];
        if (snapshot->retired)
            continue;
        rc = manifest_walk_blobs(&snapshot->root, block_reader_fetch, reader, note_blob, marking, err);
        if (rc != 0)
            (void)error_wrap(err, "read what snapshot %s needs", snapshot->name);
    }
    block_reader_free(reader);
    return rc;
}

/* ---- Where it is ---- */

static int next_need(struct marking *marking, struct error *err)
{
    const void *record;
    int rc;
    do {
        rc = extsort_next(marking->needs, &record, err);
        if (rc < 0)
            return -1;
        marking->need = rc > 0 ? record : NULL;
    } while (rc > 0 && memcmp(marking->need, marking->key, NEED_SIZE) == 0);
    marking->found = false;
    if (marking->need != NULL)
        memcpy(marking->key, marking->need, NEED_SIZE);
    return 0;
}

/* The need is behind: it has a place, or it is lost. */
static int leave_need(struct marking *marking, struct error *err)
{
    if (!marking->found) {
        (void)error_set(err, ERROR_DAMAGED, "a blob of type %d that a snapshot needs is in no pack that a roster names",
                        (int)marking->key[BLOB_ID_SIZE]);
        return error_hint(err, "`hikae verify --level data` names what it costs; nothing is deleted until then");
    }
    return next_need(marking, err);
}

static int note_stand_in(struct collect *collect, uint32_t from, uint32_t to, struct error *err)
{
    size_t last = collect->stand_in_count;
    if (last > 0 && collect->stand_ins[last - 1].from == from && collect->stand_ins[last - 1].to == to)
        return 0;
    void *grown = mem_more(collect->stand_ins, last, &collect->stand_in_capacity, sizeof(*collect->stand_ins));
    if (grown == NULL)
        return error_no_memory(err);
    collect->stand_ins = grown;
    collect->stand_ins[last].from = from;
    collect->stand_ins[last].to = to;
    collect->stand_in_count++;
    return 0;
}

static int note_place(struct marking *marking, const struct place *place, struct error *err)
{
    struct collect *collect = marking->collect;
    uint8_t row[PLACE_ROW];
    const uint32_t values[] = {place->pack, place->block, place->offset, place->size};
    if (place->pack >= collect->pack_count || !collect->packs[place->pack].named)
        return 0; /* no roster in force names that pack */
    if (marking->found)
        return marking->chosen != place->pack ? note_stand_in(collect, place->pack, marking->chosen, err) : 0;
    marking->found = true;
    marking->chosen = place->pack;
    for (size_t i = 0; i < 4; i++) {
        row[4 * i] = (uint8_t)(values[i] >> 24);
        row[4 * i + 1] = (uint8_t)(values[i] >> 16);
        row[4 * i + 2] = (uint8_t)(values[i] >> 8);
        row[4 * i + 3] = (uint8_t)values[i];
    }
    return extsort_add(marking->places, row, err);
}

static int meet(const struct blob_id *id, const struct place *place, void *context, struct error *err)
{
    struct marking *marking = context;
    int order = -1;
    while (marking->need != NULL && (order = memcmp(marking->key, id->bytes, BLOB_ID_SIZE)) < 0)
        if (leave_need(marking, err) != 0)
            return -1;
    if (marking->need == NULL || order != 0)
        return 0;
    /* An id of two types is nobody's doing: the type is part of what the id is made from. */
    if (place->type != marking->key[BLOB_ID_SIZE])
        return error_set(err, ERROR_DAMAGED, "a blob has type %d instead of %d", place->type,
                         (int)marking->key[BLOB_ID_SIZE]);
    return note_place(marking, place, err);
}

static int join_index(struct marking *marking, struct error *err)
{
    if (extsort_finish(marking->needs, err) != 0 || next_need(marking, err) != 0 ||
        index_each(marking->collect->session.index, meet, marking, err) != 0)
        return -1;
    while (marking->need != NULL)
        if (leave_need(marking, err) != 0)
            return -1;
    return 0;
}

/* ---- Pack by pack ---- */

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct tally {
    struct collect *collect;
    uint8_t buffer[WRITE_ROWS * ROW_SIZE];
    size_t buffered;
    uint64_t rows;
    uint32_t pack;
    uint32_t block;
    uint64_t block_plain;
    bool any;
    struct pack_info info;
};

static int write_rows(struct tally *tally, struct error *err)
{
    size_t size = tally->buffered * ROW_SIZE;
    uint64_t at = (tally->rows - tally->buffered) * ROW_SIZE;
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(tally->collect->places_fd, tally->buffer + done, size - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, ERROR_LOCAL, errno, "write what is needed of packs");
        done += n > 0 ? (size_t)n : 0;
    }
    tally->buffered = 0;
    return 0;
}

/* A block is behind: its share of the sealed bytes. */
static void leave_block(struct tally *tally)
{
    if (!tally->any || tally->block >= tally->info.block_count)
        return;
    const struct container_block *block = &tally->info.blocks[tally->block];
    struct mark_pack *pack = &tally->collect->packs[tally->pack];
    uint64_t plain = tally->block_plain < block->plain_size ? tally->block_plain : block->plain_size;
    pack->stored += (uint64_t)((double)block->sealed_size * (double)plain / (double)block->plain_size);
    tally->block_plain = 0;
}

static int take_place(struct tally *tally, const uint8_t *row, struct error *err)
{
    struct collect *collect = tally->collect;
    uint32_t pack = be32(row), block = be32(row + 4), offset = be32(row + 8);
    if (!tally->any || pack != tally->pack || block != tally->block)
        leave_block(tally);
    if (!tally->any || pack != tally->pack) {
        pack_info_free(&tally->info);
        tally->info = (struct pack_info){.size = 0};
        if (index_pack(collect->session.index, pack, &tally->info, err) != 0)
            return -1;
        collect->packs[pack].first = tally->rows;
    }
    tally->any = true;
    tally->pack = pack;
    tally->block = block;
    tally->block_plain += be32(row + 12);
    collect->packs[pack].plain += be32(row + 12);
    collect->packs[pack].count++;
    put_u32(tally->buffer + tally->buffered * ROW_SIZE, block);
    put_u32(tally->buffer + tally->buffered * ROW_SIZE + 4, offset);
    tally->buffered++;
    tally->rows++;
    return tally->buffered == WRITE_ROWS ? write_rows(tally, err) : 0;
}

static int tally_places(struct marking *marking, struct error *err)
{
    struct tally *tally = mem_calloc(1, sizeof(*tally));
    const void *row;
    int rc;
    if (tally == NULL)
        return error_no_memory(err);
    tally->collect = marking->collect;
    rc = extsort_finish(marking->places, err);
    while (rc == 0 && (rc = extsort_next(marking->places, &row, err)) > 0)
        rc = take_place(tally, row, err);
    leave_block(tally);
    if (rc == 0)
        rc = write_rows(tally, err);
    pack_info_free(&tally->info);
    mem_free(tally);
    return rc;
}

/* ---- All of it ---- */

/* Which packs of the index rosters in force name. */
static int name_packs(struct collect *collect, struct error *err)
{
    collect->pack_count = index_pack_limit(collect->session.index);
    collect->packs = mem_calloc(collect->pack_count, sizeof(*collect->packs));
    if (collect->packs == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < collect->pack_count; i++) {
        struct hash name;
        uint64_t size;
        if (!index_pack_name(collect->session.index, i, &name, &size))
            continue;
        const struct collect_object *object = collect_find(&collect->state, OBJECT_PACK, &name);
        collect->packs[i].named = object != NULL && object->needed;
    }
    return 0;
}

/* All rosters in force at once; the index follows them. */
static int sync_index(struct collect *collect, struct error *err)
{
    CLEANUP(roster_free) struct roster needed = {0};
    for (size_t i = 0; i < collect->state.count; i++) {
        const struct collect_object *object = &collect->state.objects[i];
        if (object->needed && object->class != OBJECT_RECORD &&
            roster_add(&needed, object->class, &object->name, object->size, err) != 0)
            return -1;
    }
    roster_sort(&needed);
    return objects_sync_index(&collect->session.objects, &needed, NULL, err);
}

static void fill_live(struct collect *collect)
{
    for (size_t i = 0; i < collect->state.count; i++) {
        struct collect_object *object = &collect->state.objects[i];
        uint32_t number;
        object->live = 0;
        if (object->class != OBJECT_PACK || !object->needed ||
            !index_pack_number(collect->session.index, &object->name, &number) || number >= collect->pack_count)
            continue;
        const struct mark_pack *pack = &collect->packs[number];
        object->live = pack->count > 0 && pack->stored == 0 ? 1 : pack->stored;
    }
}

/* What of a pack is no block: header, directory, trailer, padding. */
static uint64_t frame_of(const struct pack_info *info)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < info->block_count; i++)
        blocks += info->blocks[i].sealed_size;
    return info->size > blocks ? info->size - blocks : 0;
}

/* A pack whose first blob is no content is metadata: the two are in packs of their own, but for small ones. */
static void fill_kinds(struct collect *collect)
{
    for (uint32_t i = 0; i < collect->pack_count; i++) {
        struct pack_info info = {.size = 0};
        struct container_header header;
        if (!collect->packs[i].named || index_pack(collect->session.index, i, &info, NULL) != 0)
            continue;
        struct collect_object *object = collect_find(&collect->state, OBJECT_PACK, &info.name);
        if (object != NULL && container_header_parse(info.header, &header, NULL) == 0)
            object->meta = header.kind == CONTAINER_PACK_META;
        if (object != NULL)
            object->frame = frame_of(&info);
        pack_info_free(&info);
    }
}

static int mark(struct collect *collect, struct marking *marking, const char *folder, struct error *err)
{
    if (sync_index(collect, err) != 0 || name_packs(collect, err) != 0 ||
        file_temporary(folder, &collect->places_fd, err) != 0 ||
        extsort_new(folder, NEED_SIZE, NEED_SIZE, SORT_MEMORY, &marking->needs, err) != 0 ||
        extsort_new(folder, PLACE_ROW, 12, SORT_MEMORY, &marking->places, err) != 0 ||
        walk_snapshots(marking, err) != 0)
        return -1;
    blob_set_clear(&marking->seen);
    if (join_index(marking, err) != 0)
        return -1;
    extsort_free(marking->needs);
    marking->needs = NULL;
    if (tally_places(marking, err) != 0)
        return -1;
    fill_live(collect);
    fill_kinds(collect);
    return 0;
}

int collect_mark(struct collect *collect, struct error *err)
{
    struct marking marking = {.collect = collect, .seen.memory_limit = SEEN_MEMORY};
    CLEANUP_FREE char *folder = engine_tenant_path(collect->hikae, &collect->session.tid, "", err);
    int rc = folder != NULL ? mark(collect, &marking, folder, err) : -1;
    blob_set_clear(&marking.seen);
    extsort_free(marking.needs);
    extsort_free(marking.places);
    return rc;
}

void collect_unmark(struct collect *collect)
{
    mem_free(collect->packs);
    mem_free(collect->stand_ins);
    if (collect->places_fd >= 0)
        (void)close(collect->places_fd);
    collect->packs = NULL;
    collect->pack_count = 0;
    collect->stand_ins = NULL;
    collect->stand_in_count = collect->stand_in_capacity = 0;
    collect->places_fd = -1;
}

int collect_places(const struct collect *collect, uint32_t pack, uint32_t **ret, size_t *ret_count, struct error *err)
{
    const struct mark_pack *from = &collect->packs[pack];
    size_t size = (size_t)from->count * ROW_SIZE;
    uint8_t *rows = mem_alloc(size + 1);
    if (rows == NULL)
        return error_no_memory(err);
    ssize_t n = file_pread_full(collect->places_fd, rows, size, (int64_t)(from->first * ROW_SIZE));
    if (n < 0 || (size_t)n != size) {
        mem_free(rows);
        return error_set(err, ERROR_LOCAL, "what is needed of a pack cannot be read again");
    }
    for (size_t i = 0; i < size; i += 4) {
        uint32_t value = get_u32(rows + i);
        memcpy(rows + i, &value, sizeof(value));
    }
    *ret = (uint32_t *)(void *)rows;
    *ret_count = from->count;
    return 0;
}
